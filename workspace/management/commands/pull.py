"""`manage.py pull PROJECT`: pull, and say what it brought; for scripts that go on only when it has."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management import BaseCommand, CommandError

from governance import audit
from governance.models import Project
from workspace import runs
from workspace.models import Repository, Run, RunStatus

LOOK_EVERY = 0.5


class Command(BaseCommand):
    help = "Ask the workers for a pull, wait for its end, and say what it brought. Fails where the pull does."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("project", help="the project's short name, as in its address")
        parser.add_argument("--timeout", type=float, default=1800, help="seconds to wait at most")

    def handle(self, *_args: object, project: str, timeout: float, **_options: Any) -> None:
        found = Project.objects.filter(slug=project).first()
        if found is None or not Repository.objects.filter(project=found).exists():
            raise CommandError(f"There is no project “{project}” with a repository.")
        with audit.atomic():
            run = runs.request(kind="pull", project=found)
            audit.record(actor=None, action="pull.requested", target=run, after={"by": "manage.py pull"})
        self.stdout.write(self._outcome(self._waited_for(run, timeout)))

    def _waited_for(self, run: Run, timeout: float) -> Run:
        deadline = time.monotonic() + timeout
        while not run.finished:
            if time.monotonic() > deadline:
                begun = run.status == RunStatus.RUNNING
                where = "is still at work" if begun else "was not taken up: does a worker run?"
                raise CommandError(f"After {timeout:g} seconds {run.title} {where}. It goes on without you.")
            time.sleep(LOOK_EVERY)
            run.refresh_from_db()
        return run

    def _outcome(self, run: Run) -> str:
        if run.status != RunStatus.SUCCEEDED:
            raise CommandError(f"{run.title}: {run.error}")
        told, commit = run.result, str(run.result.get("commit", ""))[:8]
        if told.get("unchanged"):
            return f"{run.title}: nothing new since {commit}."
        counts = ", ".join(
            f"{told.get(key, 0)} {word}"
            for key, word in (("added", "new"), ("changed", "changed"), ("removed", "gone"))
        )
        return (
            f"{run.title}: {commit}, the first pull."
            if told.get("first")
            else f"{run.title}: {commit}, {counts}."
        )
