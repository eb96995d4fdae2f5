"""Start one command: nothing inherited, output line by line, a time limit, the whole group ended."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from bisync.lib.secrets import redact

KEPT_OUTPUT = 200_000
# What a command prints for its caller alone, and the longest line of it: strangers' code prints as it likes.
KEPT_STDOUT = 20_000_000
LONGEST_LINE = 1_000_000
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


@dataclass(frozen=True, slots=True)
class Finished:
    """How a command ended. `output` holds stdout and stderr interleaved, `stdout` only the former."""

    exit_code: int
    stdout: str
    output: str
    seconds: float
    timed_out: bool = False
    cancelled: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that a command may take: address space, and the size of each file that it writes."""

    memory_bytes: int | None = None
    file_bytes: int | None = None

    def set(self) -> None:
        """Bind this process by them; it passes them on and cannot take them back."""
        for kind, most in ((resource.RLIMIT_AS, self.memory_bytes), (resource.RLIMIT_FSIZE, self.file_bytes)):
            if most is not None and (kind == resource.RLIMIT_FSIZE or _libc is not None):
                _soft, hard = resource.getrlimit(kind)
                most = most if hard == resource.RLIM_INFINITY else min(most, hard)
                resource.setrlimit(kind, (most, most))


UNLIMITED = Limits()


class Tail:
    """The last lines of a text that keeps coming, up to so many characters; `count` is of all that came."""

    def __init__(self, characters: int) -> None:
        self.count = 0
        self._most = characters
        self._size = 0
        self._lines: deque[str] = deque()
        self._guard = threading.Lock()  # both streams of a command come here

    def add(self, line: str) -> None:
        with self._guard:
            self.count += 1
            self._lines.append(line)
            self._size += len(line)
            while self._size > self._most and len(self._lines) > 1:
                self._size -= len(self._lines.popleft())

    def text(self, between: str = "") -> str:
        with self._guard:
            return between.join(self._lines)[-self._most :]


def die_with_parent() -> None:
    """Between fork and exec: default signals, and death with the thread that started us.

    A Celery pool child ignores SIGINT and its children would inherit that, so dbt could not be stopped
    cleanly; and without the death signal a killed worker leaves its commands running.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def give_way(by: int) -> None:
    """Take what others leave of the processors: `by` is added to the niceness of this process.

    Commands that it runs are as nice.
    """
    os.nice(by)
    _give_way_as_session()


def _give_way_as_session() -> None:
    """Linux may share processors out by session first ("autogroup"); a new session does not give way."""
    niceness = os.nice(0)
    if niceness > 0:
        # Another system, one that does not do so, or one that was asked so by others a moment ago.
        with contextlib.suppress(OSError):
            group = os.open("/proc/self/autogroup", os.O_WRONLY)
            try:
                os.write(group, b"%d" % niceness)
            finally:
                os.close(group)


def _begin(limits: Limits) -> None:
    die_with_parent()
    limits.set()
    _give_way_as_session()


def run(
    argv: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    secrets: Collection[str] = (),
    timeout: float = 120,
    grace: float = 10,
    stdin: str | bytes | None = None,
    on_line: Callable[[str], None] | None = None,
    limits: Limits = UNLIMITED,
    cancelled: Callable[[], bool] = lambda: False,
) -> Finished:
    """Run `argv` to its end and return the end of what it printed, secrets struck out.

    The command sees `env` and nothing else, and takes no more than `limits`. When `timeout` seconds have
    passed, or `cancelled()` turns true, its group gets SIGINT, and SIGKILL `grace` seconds later; so too when
    the caller is interrupted. `on_line` is called for each line of either stream as it arrives, from another
    thread.
    """
    started = time.monotonic()
    child = subprocess.Popen(
        list(argv),
        cwd=cwd,
        env=dict(env),
        stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=lambda: _begin(limits),  # noqa: PLW1509 (only calls that are safe between fork and exec)
    )
    lines, own = Tail(KEPT_OUTPUT), Tail(KEPT_STDOUT)
    readers = [
        threading.Thread(target=_read, args=(stream, sinks, secrets, on_line), daemon=True)
        for stream, sinks in ((child.stdout, (lines, own)), (child.stderr, (lines,)))
    ]
    for reader in readers:
        reader.start()
    if stdin is not None and child.stdin is not None:
        with contextlib.suppress(BrokenPipeError), child.stdin as pipe:
            pipe.write(stdin.encode() if isinstance(stdin, str) else stdin)
    try:
        why = _wait(child, readers, deadline=started + timeout, grace=grace, cancelled=cancelled)
    except BaseException:  # whoever works here is to stop, and its command with it
        end(child, grace=grace)
        raise
    for reader in readers:
        reader.join(timeout=5)
    return Finished(
        exit_code=child.returncode,
        stdout=own.text(),
        output=lines.text(),
        seconds=time.monotonic() - started,
        timed_out=why == "timeout",
        cancelled=why == "cancelled",
    )


def _read(
    stream: IO[bytes] | None,
    sinks: tuple[Tail, ...],
    secrets: Collection[str],
    on_line: Callable[[str], None] | None,
) -> None:
    assert stream is not None
    with stream:
        # Where a line was cut, half a secret could be left: more than a whole one goes with it.
        spare = max((len(secret.encode()) * 3 for secret in secrets), default=0)
        for raw in _lines(stream, spare):
            line = redact(raw.decode("utf-8", "replace").replace("\x00", ""), secrets)
            for sink in sinks:
                sink.add(line)
            if on_line is not None:
                on_line(line.rstrip("\n"))


def _lines(stream: IO[bytes], spare: int) -> Iterator[bytes]:
    """The lines of a stream; of an endless one its beginning."""
    while line := stream.readline(LONGEST_LINE):
        if len(line) == LONGEST_LINE and not line.endswith(b"\n"):
            line = line[: LONGEST_LINE - spare - 1] + b"\n"
            while (rest := stream.readline(LONGEST_LINE)) and not rest.endswith(b"\n"):
                pass
        yield line


def _wait(
    child: subprocess.Popen[bytes],
    readers: Sequence[threading.Thread],
    *,
    deadline: float,
    grace: float,
    cancelled: Callable[[], bool],
) -> str:
    """Why it was ended; "" where it ended by itself, which its output tells at once by ending as well."""
    pause = 0.005
    while True:
        reader = next((reader for reader in readers if reader.is_alive()), None)
        if reader is not None:
            reader.join(pause)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(timeout=pause if reader is None else 0)
            return ""
        why = "cancelled" if cancelled() else "timeout" if time.monotonic() > deadline else ""
        if why:
            end(child, grace=grace)
            return why
        pause = min(pause * 2, 0.25)


def end(child: subprocess.Popen[bytes], *, grace: float) -> None:
    """Stop a command's whole group: SIGINT, then SIGKILL for what is left after `grace` seconds."""
    for number, patience in ((signal.SIGINT, grace), (signal.SIGKILL, 5.0)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(timeout=patience)
            if number == signal.SIGKILL:
                return
