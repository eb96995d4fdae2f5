"""What Celery runs by the clock. No logic lives here."""

from __future__ import annotations

from celery import shared_task

from notify import actions


@shared_task(name="notify.announce", ignore_result=True)
def announce() -> None:
    actions.announce()


@shared_task(name="notify.forget", ignore_result=True)
def forget() -> None:
    actions.read_forget()
