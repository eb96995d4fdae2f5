"""Verifying the chain of the audit log: a step at a time, from its start again and again."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from django.utils import timezone

from governance import audit
from governance.models import AuditEvent, ChainCheck

# How many events are verified at a time, how many broken ones are told, and when it begins anew.
EVENTS_AT_ONCE = 20_000
MOST_BROKEN = 100
VERIFIED_ANEW = timedelta(days=1)


def verify(*, anew: bool = False, most: int = EVENTS_AT_ONCE) -> ChainCheck:
    """Go on with verifying the audit log where the last step ended, or begin anew; returns how it stands."""
    check = ChainCheck.objects.order_by("-id").first()
    if check is None or anew:
        check = _begun_after(check)
    gone = _gone(check.anchored)
    upto, previous, broken, count = check.upto, check.upto_hash, {*check.broken, *(pk for pk, _ in gone)}, 0
    for event, its_hash, good in audit.links(upto, previous, most):
        upto, previous, count = event, its_hash, count + 1
        if not good:
            broken.add(event)
    # Whoever verified the same events meanwhile found the same.
    ChainCheck.objects.filter(pk=check.pk, upto=check.upto).update(
        upto=upto,
        upto_hash=previous,
        events=check.events + count,
        broken=sorted(broken)[:MOST_BROKEN],
        # What this one has not come to yet, and what is gone, is looked for again.
        anchors=sorted({*gone, *((pk, kept) for pk, kept in check.anchors if pk > upto)})[:MOST_BROKEN],
        known=check.known if count == most else [],
        at=timezone.now(),
    )
    check.refresh_from_db()
    return check


def _begun_after(last: ChainCheck | None) -> ChainCheck:
    """A new verification, which forgets nothing that reading from the start would not show again."""
    if last is None:
        return ChainCheck.objects.create(at=timezone.now())
    found = set(last.told)
    there = AuditEvent.objects.filter(pk__in=found).values_list("pk", flat=True)
    return ChainCheck.objects.create(
        broken=sorted(found.difference(there)), known=sorted(found), anchors=last.anchored, at=timezone.now()
    )


def _gone(anchors: Collection[tuple[int, str]]) -> set[tuple[int, str]]:
    """Those events, by id and hash, that were there once and are not any more, or not so."""
    there = AuditEvent.objects.filter(pk__in=[pk for pk, _hash in anchors]).values_list("pk", "hash")
    return set(anchors).difference(there)


def watch() -> None:
    """What the clock does for the chain: a step, and once a day the beginning of a new verification."""
    check, now = verify(), timezone.now()
    if not now - VERIFIED_ANEW <= check.began_at <= now:
        newest = AuditEvent.objects.order_by("-id").values_list("pk", flat=True).first() or 0
        if check.upto >= newest:
            verify(anew=True)
