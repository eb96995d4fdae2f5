"""The Celery application: one task for all heavy work, and the sweeps that keep it going."""

from __future__ import annotations

import os

from celery import Celery
from celery.signals import setup_logging, worker_init

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bisync.settings")

from django.conf import settings

from bisync.lib.process import give_way

app = Celery("bisync")
_hard_limit = settings.DBT_TIMEOUT_SECONDS + 600
app.conf.update(
    broker_url=settings.REDIS_URL or "redis://127.0.0.1:6379/0",
    result_backend=None,
    task_ignore_result=True,
    task_default_queue="quick",
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    worker_soft_shutdown_timeout=10,
    task_time_limit=_hard_limit,
    # A click waits at most about a second for a broker that is away; the sweeper rings again.
    task_publish_retry=False,
    broker_connection_retry_on_startup=True,
    broker_transport_options={
        "visibility_timeout": _hard_limit + 60,
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
        "socket_timeout": 10,
        "socket_connect_timeout": 1,
        "health_check_interval": 10,
    },
    # Nothing is kept: a torn file, as a power cut leaves one, would end the beat at every start. Hence no
    # interval is longer than what a machine that is switched off every evening runs.
    beat_scheduler="celery.beat:Scheduler",
    beat_schedule={
        "sweep-runs": {"task": "workspace.sweep_runs", "schedule": 5.0, "options": {"expires": 5}},
        "forget-answers": {
            "task": "governance.forget_answers",
            "schedule": 1800.0,
            "options": {"expires": 1800},
        },
        "pull-due": {"task": "workspace.pull_due", "schedule": 15.0, "options": {"expires": 15}},
        "build-due": {"task": "environments.build_due", "schedule": 15.0, "options": {"expires": 15}},
        "lineage-due": {
            "task": "environments.lineage_due",
            "schedule": 300.0,
            "options": {"expires": 300},
        },
        "freshness-due": {
            "task": "environments.freshness_due",
            "schedule": 15.0,
            "options": {"expires": 15},
        },
        "forget-deliveries": {
            "task": "workspace.forget_deliveries",
            "schedule": 1800.0,
            "options": {"expires": 1800},
        },
        "verify-chain": {"task": "governance.verify_chain", "schedule": 600.0, "options": {"expires": 600}},
        "announce": {"task": "notify.announce", "schedule": 5.0, "options": {"expires": 5}},
        "forget-notifications": {
            "task": "notify.forget",
            "schedule": 1800.0,
            "options": {"expires": 1800},
        },
    },
    timezone="UTC",
)
app.autodiscover_tasks(["workspace", "notify", "governance", "environments"])


@worker_init.connect
def _give_way(**_kwargs: object) -> None:
    """Where web server and workers share a machine, people who wait for a page come first."""
    give_way(10)


@setup_logging.connect
def _keep_django_logging(**_kwargs: object) -> None:
    """Leave logging as the settings made it."""
