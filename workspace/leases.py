"""Whose run it is, and until when, by the database's clock: the machines of the workers share no other."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db.models import DateTimeField, ExpressionWrapper, Q
from django.db.models.expressions import CombinedExpression
from django.db.models.functions import Now

from workspace.models import RunStatus


def renewed() -> dict[str, object]:
    """What a sign of life writes into a run's row."""
    return {"heartbeat_at": Now(), "lease_until": _in(_lease())}


def lapsed() -> Q:
    """Runs whose worker stopped reporting.

    A lease longer than any that is given was written before the clock was set back: its end may never come.
    """
    return Q(status=RunStatus.RUNNING) & (Q(lease_until__lt=Now()) | Q(lease_until__gt=_in(2 * _lease())))


def _lease() -> timedelta:
    return timedelta(seconds=settings.RUN_LEASE_SECONDS)


def _in(span: timedelta) -> ExpressionWrapper[CombinedExpression]:
    return ExpressionWrapper(Now() + span, output_field=DateTimeField())
