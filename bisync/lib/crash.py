"""Named points at which a test may kill the process, or a command that it starts; inert otherwise.

BISYNC_CRASH_AT names the one, as `kind of run: point`; BISYNC_CRASH_SIGNAL what it gets there, where that is
not SIGKILL; BISYNC_CRASH_LOG a file that keeps the name of each point on the way, so that a test knows them.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from contextvars import ContextVar
from pathlib import Path

_AT = os.environ.get("BISYNC_CRASH_AT", "")
_LOG = os.environ.get("BISYNC_CRASH_LOG", "")
_SIGNAL = signal.Signals[os.environ.get("BISYNC_CRASH_SIGNAL", "SIGKILL")]

phase: ContextVar[str] = ContextVar("phase", default="")


def point(name: str) -> None:
    """Die here, as by `kill -9`, or fall asleep, where this point is meant."""
    if _meant(name):
        os.kill(os.getpid(), _SIGNAL)


def doomed(name: str, argv: Sequence[str]) -> Sequence[str]:
    """The command, or, where its death is meant, one that is killed before it does anything."""
    return ["/bin/sh", "-c", "kill -9 $$"] if _meant(f"kill {name}") else argv


def _meant(name: str) -> bool:
    if not (_AT or _LOG):
        return False
    full = f"{phase.get()}: {name}"
    if _LOG:
        with Path(_LOG).open("a", encoding="utf-8") as log:
            log.write(f"{full}\n")
    return full == _AT
