"""What Celery runs by the clock. No logic lives here."""

from __future__ import annotations

from celery import shared_task

from environments import freshness, schedules


@shared_task(name="environments.build_due", ignore_result=True)
def build_due() -> None:
    schedules.builds_due()


@shared_task(name="environments.lineage_due", ignore_result=True)
def lineage_due() -> None:
    schedules.lineage_due()


@shared_task(name="environments.freshness_due", ignore_result=True)
def freshness_due() -> None:
    freshness.looks_due()
