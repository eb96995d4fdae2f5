"""What Celery runs: one task for all work, and the sweep behind it. No logic lives here."""

from __future__ import annotations

from celery import shared_task
from celery.signals import worker_init

from workspace import announcing, runs, schedules


@shared_task(name="workspace.execute_run", acks_late=True, reject_on_worker_lost=True)
def execute_run(run_id: int) -> None:
    runs.execute(run_id)


@shared_task(name="workspace.sweep_runs", ignore_result=True)
def sweep_runs() -> None:
    runs.sweep()


@shared_task(name="workspace.forget_deliveries", ignore_result=True)
def forget_deliveries() -> None:
    announcing.deliveries_forget()


@shared_task(name="workspace.pull_due", ignore_result=True)
def pull_due() -> None:
    schedules.pulls_due()


@worker_init.connect
def prepare(**_kwargs: object) -> None:
    """Import the handlers before the pool forks, so that its processes share them."""
    runs.load_handlers()
