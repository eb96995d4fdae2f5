"""What Celery runs by the clock. No logic lives here."""

from __future__ import annotations

from celery import shared_task

from governance import actions, chain


@shared_task(name="governance.forget_answers", ignore_result=True)
def forget_answers() -> None:
    actions.answers_forget()


@shared_task(name="governance.verify_chain", ignore_result=True)
def verify_chain() -> None:
    chain.watch()
