"""Whether Bisync can do its work, told part by part: what is wrong, and what to do about it."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import redis
from celery import current_app
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Count, Min, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from workspace import leases
from workspace.models import Drain, Run, RunStatus
from workspace.models.runs import HEAVY

logger = logging.getLogger(__name__)

# Work that nobody has taken up for so long shows that no worker listens.
UNATTENDED = timedelta(seconds=60)
LEAST_FREE_BYTES = 500_000_000
CLOCKS_APART = 5  # seconds


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that Bisync depends on.

    `message` says how it is, `since` since when where that is known, and `remedy` what to do where it is
    not `ok`; `url` is the page that shows more. Without a `vital` part no page can be answered; without the
    others work waits. One that is `untried` was not needed yet, so nobody knows whether it works.
    """

    name: str
    ok: bool
    message: str
    remedy: str = ""
    vital: bool = False
    since: datetime | None = None
    url: str = ""
    untried: bool = False


def parts() -> list[Part]:
    """Every part as it is now, the vital ones first. Takes about seven seconds at worst, and raises nothing.

    What cannot be known is left out: tables without a database, workers without tables. Whoever asks for
    /health/ready reads them, so they name no project; `bisync.system.parts` adds those that do.
    """
    try:
        apart = _answered()
        vital = [_database(), _migrations()]
        workers = [*_workers(), _clock(apart)] if ready(vital) else []
    except DatabaseError as exc:
        vital, workers = [_no_database(exc)], []
    return [*vital, _data_dir(), _broker(), *workers]


def ready(found: list[Part]) -> bool:
    """Whether pages can be answered."""
    return all(part.ok for part in found if part.vital)


def state(found: list[Part]) -> str:
    """All of it in a word: ready, degraded or unavailable."""
    if all(part.ok for part in found):
        return "ready"
    return "degraded" if ready(found) else "unavailable"


def _answered() -> float | None:
    """By how many seconds the database's clock is apart from ours; None where it has none of its own."""
    own = connection.vendor == "postgresql"
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()" if own else "SELECT 1")
        answer = cursor.fetchone()[0]
    return abs((timezone.now() - answer).total_seconds()) if own else None


def _database() -> Part:
    vendor = {"postgresql": "PostgreSQL", "sqlite": "SQLite"}.get(connection.vendor, connection.vendor)
    return Part(_("Database"), ok=True, message=_("%(vendor)s answers.") % {"vendor": vendor}, vital=True)


def _no_database(exc: DatabaseError) -> Part:
    logger.warning("database away", extra={"why": str(exc).strip()})
    remedy = _("Start the database, or correct BISYNC_DATABASE_URL.")
    return Part(_("Database"), ok=False, message=_("It does not answer."), remedy=remedy, vital=True)


def missing_migrations(executor: MigrationExecutor | None = None) -> list[str]:
    """The migrations that the database lacks, in their order: "app.name" each."""
    executor = executor or MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _backwards in plan]


def _migrations() -> Part:
    executor = MigrationExecutor(connection)
    missing = len(missing_migrations(executor))
    done: Iterable[Any] = executor.loader.applied_migrations.values()
    applied = [migration.applied for migration in done]
    return Part(
        _("Tables"),
        ok=not missing,
        message=_("Missing migrations: %(count)s.") % {"count": missing} if missing else _("Up to date."),
        remedy=_("Run “manage.py migrate”.") if missing else "",
        vital=True,
        since=None if missing else max(applied, default=None),
    )


def _data_dir() -> Part:
    folder, name = settings.DATA_DIR, _("Disk")
    if not os.access(folder, os.W_OK | os.X_OK):
        remedy = _("Let the user that runs Bisync write into %(folder)s.") % {"folder": folder}
        return Part(name, ok=False, message=_("The data directory cannot be written."), remedy=remedy)
    free = shutil.disk_usage(folder).free
    return Part(
        name,
        ok=free >= LEAST_FREE_BYTES,
        message=_("%(free).1f GB are free.") % {"free": free / 1e9},
        remedy="" if free >= LEAST_FREE_BYTES else _("Make room: builds need at least 0.5 GB."),
    )


def _broker() -> Part:
    name = _("Broker")
    try:
        with redis.Redis.from_url(
            str(current_app.conf.broker_url), socket_timeout=1, socket_connect_timeout=1
        ) as client:
            client.ping()
    except (redis.RedisError, ValueError) as exc:  # the latter where the address is none
        logger.warning("broker away", extra={"why": type(exc).__name__})
        remedy = _("Start it, or correct BISYNC_REDIS_URL. Nothing is lost meanwhile: work waits.")
        return Part(name, ok=False, message=_("It does not answer."), remedy=remedy)
    return Part(name, ok=True, message=_("It answers."))


def _workers() -> list[Part]:
    """Whether each queue's work is taken up: a worker that builds says nothing about one that should pull."""
    now, heavy = timezone.now(), Q(kind__in=HEAVY)
    waits = Q(status=RunStatus.QUEUED, created_at__lt=now - UNATTENDED)
    left = Q(status=RunStatus.RUNNING, lease_until__lt=now - UNATTENDED)
    busy = Q(status=RunStatus.RUNNING, lease_until__gte=now)
    told = Run.objects.filter(status__in=[RunStatus.QUEUED, RunStatus.RUNNING]).aggregate(
        quick_late=Count("pk", filter=~heavy & (waits | left)),
        quick_since=Min("created_at", filter=~heavy & (waits | left)),
        quick_busy=Count("pk", filter=~heavy & busy),
        heavy_late=Count("pk", filter=heavy & (waits | left)),
        heavy_since=Min("created_at", filter=heavy & (waits | left)),
        heavy_busy=Count("pk", filter=heavy & busy),
        lost=Count("pk", filter=leases.lapsed()),
        lost_since=Min("lease_until", filter=leases.lapsed()),
    )
    late = told["quick_late"] or told["heavy_late"]
    drained = set(Drain.objects.filter(ended_at=None).values_list("queue", flat=True)) if late else set()
    return [
        _queue(_("Workers: pulls and commits"), "quick", told, drained="quick" in drained),
        _queue(_("Workers: builds"), "heavy", told, drained="heavy" in drained),
        _lost(told["lost"], told["lost_since"]),
    ]


def _queue(name: str, queue: str, told: Mapping[str, Any], *, drained: bool) -> Part:
    late, busy = told[f"{queue}_late"], told[f"{queue}_busy"]
    if late and drained:
        return Part(
            name,
            ok=False,
            message=ngettext(
                "%(count)s run waits: it is drained.", "%(count)s runs wait: it is drained.", late
            )
            % {"count": late},
            remedy=_("Resume the queue “%(queue)s” when what it was drained for is done.") % {"queue": queue},
            since=told[f"{queue}_since"],
            url=reverse("system-queues"),
        )
    if late and not busy:
        return Part(
            name,
            ok=False,
            message=ngettext(
                "%(count)s run waits, and nobody takes it up.",
                "%(count)s runs wait, and nobody takes them up.",
                late,
            )
            % {"count": late},
            remedy=_("Start a worker for the queue “%(queue)s”, and see its log where one runs already.")
            % {"queue": queue},
            since=told[f"{queue}_since"],
            url=reverse("system-queues"),
        )
    message = _("At work: %(busy)s. Waiting for longer than a minute: %(late)s.") % {
        "busy": busy,
        "late": late,
    }
    return Part(name, ok=True, message=message, url=reverse("system-queues"))


def _lost(count: int, since: datetime | None) -> Part:
    """Runs whose worker stopped reporting; another one takes them over within seconds."""
    stuck = since is not None and since < timezone.now() - UNATTENDED
    return Part(
        _("Runs that lost their worker"),
        ok=not stuck,
        message=_("%(count)s wait for another worker.") % {"count": count} if count else _("None."),
        remedy=_("Start a worker: it takes them over where they were left.") if stuck else "",
        since=since if stuck else None,
        url=reverse("system-queues"),
    )


def _clock(apart: float | None) -> Part:
    """Leases go by the database's clock alone, so a difference stops nothing; times on pages are wrong."""
    name = _("Clock")
    if apart is None:
        return Part(name, ok=True, message=_("The database goes by this machine's clock."))
    good = apart < CLOCKS_APART
    return Part(
        name,
        ok=good,
        message=_("This machine and the database are %(seconds).1f s apart.") % {"seconds": apart},
        remedy="" if good else _("Set both by the same time server: the times on pages are wrong."),
    )
