"""The one announcement of every change: an audit row in the same transaction."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping

from django.conf import settings
from django.db import connection, models
from django.utils import timezone

from bisync.lib import trace
from governance.models import AuditEvent, Project, User

_CHAIN_LOCK = 0x62697379


def key(target: models.Model) -> str:
    """How the log names a record: `proposal:12`."""
    return f"{target._meta.model_name}:{target.pk}"


def record(
    *,
    actor: User | None,
    action: str,
    target: models.Model,
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
) -> AuditEvent:
    """Write one event into the transaction of the change that it describes.

    `actor` is None where Bisync acted by itself. Raises RuntimeError outside a transaction.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("An audit event belongs into the transaction of its change.")
    if connection.vendor == "postgresql":
        # One writer at a time, or two events would follow the same one. SQLite has one writer anyway.
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_CHAIN_LOCK])
    project = getattr(target, "project", None)
    event = AuditEvent(
        project=project if isinstance(project, Project) else None,
        actor=actor,
        action=action,
        target=key(target),
        before=dict(before or {}),
        after=dict(after or {}),
        request_id=trace.current.get()[:40],
        at=timezone.now(),
        previous_hash=AuditEvent.objects.order_by("-id").values_list("hash", flat=True).first() or "start",
    )
    event.hash = digest(event)
    event.save(force_insert=True)
    return event


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
    text = json.dumps(payload, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hmac.new(settings.SECRET_KEY.encode(), text.encode(), hashlib.sha256).hexdigest()


def broken_links() -> Iterator[int]:
    """The ids of events that were changed, or whose predecessor is gone."""
    previous = "start"
    for event in AuditEvent.objects.order_by("id").iterator(chunk_size=2000):
        if event.previous_hash != previous or event.hash != digest(event):
            yield event.pk
        previous = event.hash
