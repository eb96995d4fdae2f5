"""The one announcement of every change: an audit row in the same transaction.

The rows form a chain, so their writers take turns. They do so as the last thing before they commit: whoever
waited for a turn with nothing else to lock could never be waited for in a circle.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from django.conf import settings
from django.db import DataError, connection, models, transaction
from django.utils import timezone

from bisync.lib import trace
from governance.models import AuditEvent, Project, User

_CHAIN_LOCK = 0x62697379
# How many events are verified at once, and what comes of one that holds what Bisync never writes.
_AT_ONCE = 2000
_UNREADABLE = (DataError, ValueError, TypeError, AttributeError, OverflowError, RecursionError)


# What the log names where something was done to all of it, and not to one record.
INSTALLATION = "installation"


def key(target: models.Model) -> str:
    """How the log names a record: `proposal:12`."""
    return f"{target._meta.model_name}:{target.pk}"


_noted: ContextVar[list[AuditEvent] | None] = ContextVar("noted", default=None)


@contextmanager
def atomic() -> Iterator[None]:
    """A transaction that may `record`; its events are written at its end. Also a decorator.

    Inside another one it is a savepoint, and its events join those of the outer one.
    """
    outer, mine = _noted.get(), list[AuditEvent]()
    token = _noted.set(mine)
    try:
        with transaction.atomic():
            yield
            if outer is None:
                _append(mine)
    finally:
        _noted.reset(token)
    if outer is not None:
        outer.extend(mine)


def record(
    *,
    actor: User | None,
    action: str,
    target: models.Model | None,
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
) -> None:
    """Have one event written with the change that it describes.

    `actor` is None where Bisync acted by itself, `target` where it was done to the installation.
    Raises RuntimeError outside `atomic`.
    """
    events = _noted.get()
    if events is None:
        raise RuntimeError("An audit event belongs into the transaction of its change.")
    project = getattr(target, "project", None)
    events.append(
        AuditEvent(
            project=project if isinstance(project, Project) else None,
            actor=actor,
            action=action,
            target=INSTALLATION if target is None else key(target),
            label="" if target is None else str(target)[:200],
            environment=getattr(getattr(target, "environment", None), "slug", ""),
            before=dict(before or {}),
            after=dict(after or {}),
            request_id=trace.current.get()[:40],
        )
    )


def _append(events: list[AuditEvent]) -> None:
    """Write events to the end of the chain."""
    if not events:
        return
    if connection.vendor == "postgresql":
        # One writer at a time, or two events would follow the same one. SQLite has one writer anyway.
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_CHAIN_LOCK])
    previous = AuditEvent.objects.order_by("-id").values_list("hash", flat=True).first() or "start"
    for event in events:
        event.at, event.previous_hash = timezone.now(), previous
        event.hash = previous = digest(event)
        event.save(force_insert=True)


def digest(event: AuditEvent) -> str:
    """The keyed SHA-256 over an event's columns and its predecessor's hash."""
    payload = [
        event.project_id,
        event.actor_id,
        event.action,
        event.target,
        event.before,
        event.after,
        event.request_id,
        event.at.isoformat(timespec="microseconds"),
        event.previous_hash,
    ]
    if event.label or event.environment:  # events of before there were such columns keep their hash
        payload += [event.label, event.environment]
    text = json.dumps(payload, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hmac.new(settings.SECRET_KEY.encode(), text.encode(), hashlib.sha256).hexdigest()


def broken_links() -> Iterator[int]:
    """The ids of events that were changed, or whose predecessor is gone."""
    return (event for event, _hash, good in links(0, "start", None) if not good)


def links(after: int, previous: str, most: int | None) -> Iterator[tuple[int, str, bool]]:
    """The id and hash of each event behind `after`; whether it is as written and follows the one before."""
    while size := _AT_ONCE if most is None else min(_AT_ONCE, most):
        behind = AuditEvent.objects.filter(pk__gt=after).order_by("id")
        keys = list(behind.values_list("pk", "previous_hash", "hash")[:size])
        events = _readable([pk for pk, _previous, _hash in keys])
        for pk, follows, its_hash in keys:
            yield pk, its_hash, follows == previous and pk in events and _as_written(events[pk])
            after, previous = pk, its_hash
        if len(keys) < size:
            return
        most = None if most is None else most - size


def _readable(keys: list[int]) -> dict[int, AuditEvent]:
    """The events of these keys, without those that somebody made such that nobody can read them."""
    try:
        return AuditEvent.objects.in_bulk(keys)
    except _UNREADABLE:
        half = len(keys) // 2
        return {**_readable(keys[:half]), **_readable(keys[half:])} if half else {}


def _as_written(event: AuditEvent) -> bool:
    try:
        return hmac.compare_digest(event.hash.encode(), digest(event).encode())
    except _UNREADABLE:
        return False
