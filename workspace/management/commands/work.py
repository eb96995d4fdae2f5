"""`manage.py work`: carry out what waits, in this process, without a broker."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management import BaseCommand

from workspace import runs
from workspace.models import Run, RunStatus


class Command(BaseCommand):
    help = "Carry out waiting runs until none is left, among them those that a lost worker had begun."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--patience", type=float, default=0, help="seconds to wait for more work")

    def handle(self, *_args: object, patience: float, **_options: Any) -> None:
        deadline = time.monotonic() + patience
        while True:
            unfinished = Run.objects.filter(status__in=[RunStatus.QUEUED, RunStatus.RUNNING])
            taken = [run for run in unfinished.order_by("id") if self._carry_out(run)]
            if taken:
                deadline = time.monotonic() + patience
            elif time.monotonic() > deadline:
                return
            else:
                time.sleep(0.2)

    def _carry_out(self, run: Run) -> bool:
        """Whether the run was ours to carry out: not one that another worker keeps alive."""
        before = run.token
        runs.execute(run.pk)
        run.refresh_from_db()
        if run.token == before:
            return False
        self.stdout.write(f"{run.title}: {run.get_status_display()} {run.error}".rstrip())
        return True
