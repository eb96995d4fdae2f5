"""Start a command as part of the run that is at work, so that its page shows it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from bisync.lib import crash, process

if TYPE_CHECKING:
    from collections.abc import Iterator


class Recorder(Protocol):
    """Keeps what a command printed, and knows whether its run has been stopped."""

    def begin(self, name: str, argv: Sequence[str]) -> Callable[[str], None]:
        """Note the start of a command; returns what takes its lines."""

    def finish(self, finished: process.Finished) -> None:
        """Note how the command that began last has ended."""

    def stopped(self) -> bool:
        """Whether the run was cancelled, or belongs to another worker by now."""


_recorder: ContextVar[Recorder | None] = ContextVar("recorder", default=None)


@contextmanager
def recorded_by(recorder: Recorder) -> Iterator[None]:
    """Within this block every command of this thread belongs to one run."""
    token = _recorder.set(recorder)
    try:
        yield
    finally:
        _recorder.reset(token)


def run(
    name: str,
    argv: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    secrets: Collection[str] = (),
    timeout: float = 120,
    grace: float = 10,
    stdin: str | bytes | None = None,
    on_line: Callable[[str], None] | None = None,
    limits: process.Limits = process.UNLIMITED,
) -> process.Finished:
    """Run `argv` (see `process.run`) and record it as `name` where a run is at work."""
    recorder = _recorder.get()
    if recorder is None:
        return process.run(
            argv,
            cwd=cwd,
            env=env,
            secrets=secrets,
            timeout=timeout,
            grace=grace,
            stdin=stdin,
            on_line=on_line,
            limits=limits,
        )
    keep = recorder.begin(name, argv)

    def both(line: str) -> None:
        keep(line)
        if on_line is not None:
            on_line(line)

    crash.point(f"before {name}")
    finished = process.run(
        crash.doomed(name, argv),
        cwd=cwd,
        env=env,
        secrets=secrets,
        timeout=timeout,
        grace=grace,
        stdin=stdin,
        on_line=both,
        limits=limits,
        cancelled=recorder.stopped,
    )
    crash.point(f"after {name}")
    recorder.finish(finished)
    return finished
