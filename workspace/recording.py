"""What is written down while a run is worked on: that its worker lives, and what its commands print."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone

from bisync.lib.process import KEPT_OUTPUT, Finished, Tail
from workspace import commands
from workspace.models import RunCommand

if TYPE_CHECKING:
    from workspace.runs import Work

logger = logging.getLogger(__name__)

# The database is away or busy. Nothing is wrong with the run that notices it.
DATABASE_AWAY = (OperationalError, InterfaceError)


@contextmanager
def recording(work: Work) -> Iterator[None]:
    """Keep the lease alive and the commands' output flowing while the work goes on."""
    recorder = CommandRecorder(work)
    done = threading.Event()
    keeper = threading.Thread(target=_keep_alive, args=(work, recorder, done), daemon=True)
    keeper.start()
    try:
        with commands.recorded_by(recorder):
            yield
    finally:
        done.set()
        keeper.join(timeout=5)


def _keep_alive(work: Work, recorder: CommandRecorder, done: threading.Event) -> None:
    beat_every = settings.RUN_LEASE_SECONDS / 3
    last = time.monotonic()
    try:
        while not done.wait(min(1.0, beat_every)):
            try:
                recorder.flush()
                work.show_notes()
                if time.monotonic() - last >= beat_every or recorder.waiting:
                    work.beat()
                    last = time.monotonic()
            except DATABASE_AWAY:
                # The lease allows for a few missed beats.
                logger.warning("missed a heartbeat", extra={"run": work.run.pk})
                connection.close()
    finally:
        connection.close()


class CommandRecorder:
    """Writes the commands of a run into `RunCommand`, their output about once a second."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self.waiting = False
        self._lines = Tail(KEPT_OUTPUT)
        self._command: RunCommand | None = None
        self._guard = threading.Lock()
        self._flushed = 0

    def begin(self, name: str, argv: Sequence[str]) -> Callable[[str], None]:
        """Note the start of a command; the answer takes its lines."""
        run = self.work.run
        self._command = RunCommand.objects.create(
            run=run, attempt=run.attempt, name=name, argv=list(argv), started_at=timezone.now()
        )
        self._lines, self._flushed, self.waiting = Tail(KEPT_OUTPUT), 0, True
        return self._take

    def _take(self, line: str) -> None:
        with self._guard:
            self._lines.add(line)

    def flush(self) -> None:
        """Show what has been printed so far."""
        with self._guard:
            command, count = self._command, self._lines.count
            text = self._lines.text("\n") if count > self._flushed else ""
        if command is not None and self.waiting and text:
            RunCommand.objects.filter(pk=command.pk, finished_at=None).update(output=text)
            self._flushed = count

    def finish(self, finished: Finished) -> None:
        """Note how the command that began last has ended."""
        self.waiting = False
        assert self._command is not None
        RunCommand.objects.filter(pk=self._command.pk).update(
            output=finished.output, exit_code=finished.exit_code, finished_at=timezone.now()
        )

    def stopped(self) -> bool:
        """Whether the run was cancelled, or belongs to another worker by now."""
        return self.work.lost.is_set() or self.work.cancelled.is_set()
