"""Named points at which a test may kill the process; inert otherwise."""

from __future__ import annotations

import os
import signal

_AT = os.environ.get("BISYNC_CRASH_AT", "")


def point(name: str) -> None:
    """Die here, as by `kill -9`, where BISYNC_CRASH_AT names this point."""
    if name == _AT:
        os.kill(os.getpid(), signal.SIGKILL)
