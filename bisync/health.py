"""Whether Bisync can do its work, told part by part: what is wrong, and what to do about it."""

from __future__ import annotations

import logging
import os
import shutil
from dataclasses import dataclass
from datetime import timedelta

import redis
from celery import current_app
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from workspace.models import Run, RunStatus
from workspace.models.runs import HEAVY

logger = logging.getLogger(__name__)

# Work that nobody has taken up for so long shows that no worker listens.
UNATTENDED = timedelta(seconds=60)
LEAST_FREE_BYTES = 500_000_000


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that Bisync depends on.

    `message` says how it is and `remedy` what to do where it is not `ok`. Without a `vital` part no page
    can be answered; without the others work waits.
    """

    name: str
    ok: bool
    message: str
    remedy: str = ""
    vital: bool = False


def parts() -> list[Part]:
    """Every part as it is now, the vital ones first. Takes about seven seconds at worst, and raises nothing.

    What cannot be known is left out: tables without a database, workers without tables.
    """
    try:
        vital = [_database(), _migrations()]
        workers = _workers() if ready(vital) else []
    except DatabaseError as exc:
        vital, workers = [_no_database(exc)], []
    return [*vital, _data_dir(), _broker(), *workers]


def ready(found: list[Part]) -> bool:
    """Whether pages can be answered."""
    return all(part.ok for part in found if part.vital)


def _database() -> Part:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    vendor = {"postgresql": "PostgreSQL", "sqlite": "SQLite"}.get(connection.vendor, connection.vendor)
    return Part(_("Database"), ok=True, message=_("%(vendor)s answers.") % {"vendor": vendor}, vital=True)


def _no_database(exc: DatabaseError) -> Part:
    logger.warning("database away", extra={"why": str(exc).strip()})
    remedy = _("Start the database, or correct BISYNC_DATABASE_URL.")
    return Part(_("Database"), ok=False, message=_("It does not answer."), remedy=remedy, vital=True)


def missing_migrations() -> list[str]:
    """The migrations that the database lacks, in their order: "app.name" each."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _backwards in plan]


def _migrations() -> Part:
    missing = len(missing_migrations())
    return Part(
        _("Tables"),
        ok=not missing,
        message=_("%(count)s migrations are missing.") % {"count": missing} if missing else _("Up to date."),
        remedy=_("Run “manage.py migrate”.") if missing else "",
        vital=True,
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
    heavy = Q(kind__in=HEAVY)
    return [
        _queue(_("Workers: pulls and commits"), "quick", ~heavy),
        _queue(_("Workers: builds"), "heavy", heavy),
    ]


def _queue(name: str, queue: str, kinds: Q) -> Part:
    now = timezone.now()
    runs = Run.objects.filter(kinds)
    waits = Q(status=RunStatus.QUEUED, created_at__lt=now - UNATTENDED)
    left = Q(status=RunStatus.RUNNING, lease_until__lt=now - UNATTENDED)
    late = runs.filter(waits | left).count()
    busy = runs.filter(status=RunStatus.RUNNING, lease_until__gte=now).count()
    if late and not busy:
        return Part(
            name,
            ok=False,
            message=_("%(count)s runs wait, and nobody takes them up.") % {"count": late},
            remedy=_("Start a worker for the queue “%(queue)s”, and see its log where one runs already.")
            % {"queue": queue},
        )
    return Part(
        name, ok=True, message=_("%(busy)s at work, %(late)s runs wait.") % {"busy": busy, "late": late}
    )
