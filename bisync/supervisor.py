"""Start a group of programs, keep them running, and end them together, whatever happens to this process."""

from __future__ import annotations

import contextlib
import fcntl
import http.client
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import FrameType

from celery import current_app
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from bisync import broker
from bisync.lib.errors import BisyncError
from bisync.lib.process import die_with_parent

DEFAULT_PORT = 8000
_TICK = 0.1
_LOG_BYTES = 5_000_000


class AlreadyRunning(BisyncError):
    code = "already-running"
    message = _(
        "Bisync already runs on %(data_dir)s (process %(pid)s): stop it first, "
        "or give this one a data directory of its own in BISYNC_DATA_DIR."
    )


class PortTaken(BisyncError):
    code = "port-taken"
    message = _("Port %(port)s of %(host)s cannot be used (%(reason)s): choose another with --port.")


class DidNotStart(BisyncError):
    code = "did-not-start"
    message = _("The %(name)s did not start: %(where)s says why.")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait, in seconds."""

    start: float = 60  # for a program to become ready
    quick: float = 30  # a program that ends sooner than this after its start has died quickly
    quick_deaths: int = 5  # so many in a row, and the group gives up
    first_delay: float = 0.5  # before a program is started again; doubles with each quick death


class Program:
    """One member of the group and its current process, if it has one."""

    def __init__(self, name: str, argv: Sequence[str], env: Mapping[str, str]) -> None:
        self.name = name
        self.argv = list(argv)
        self.env = dict(env)
        self.ready: Callable[[], bool] | None = None
        self.grace = 3.0
        self.process: subprocess.Popen[bytes] | None = None
        self.started = 0.0
        self.due = 0.0
        self.quick_deaths = 0


class Group:
    """Programs that are started in order and ended in reverse order.

    Their output comes to standard output, each line with the program's name before it, or goes to one
    file a program in `logs`. `start()`, `wait()` and `look_after()` belong into the main thread: they answer
    signals, and Linux ends a child with the *thread* that started it.
    """

    def __init__(self, *, cwd: Path, logs: Path | None = None, patience: Patience | None = None) -> None:
        self._cwd = cwd
        self._logs = logs
        self._patience = patience or Patience()
        self.programs: list[Program] = []
        self._guard = _Guard()
        self._attentive = False
        self._asked_to_stop = False
        self._in_a_hurry = False
        self._handlers: dict[signal.Signals, object] = {}
        self._printing = threading.Lock()

    def add(
        self,
        name: str,
        argv: Sequence[str],
        env: Mapping[str, str],
        ready: Callable[[], bool] | None = None,
        grace: float = 3.0,
    ) -> None:
        """Add a program. The next one is started when `ready()`; on stopping it has `grace` seconds."""
        program = Program(name, argv, env)
        program.ready, program.grace = ready, grace
        self.programs.append(program)

    def run(self) -> int:
        """Start, wait and stop; the exit code is 1 where a program kept dying."""
        try:
            self.start()
            return self.wait()
        finally:
            self.stop()

    def start(self) -> None:
        """Start every program and return when the last is ready, or as soon as a signal asks to stop.

        A signal between here and `wait()` leaves by `SystemExit`, so call `stop()` in a `finally`.
        """
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            self._handlers[number] = signal.signal(number, self._on_signal)
        with self._attention():
            self._guard.start()
            for program in self.programs:
                self._spawn(program)
                self._await_ready(program)

    def wait(self) -> int:
        """Start again what dies, until a signal asks to stop (0) or a program keeps dying (1)."""
        with self._attention():
            while not self._asked_to_stop:
                if not all(map(self._tend, self.programs)):
                    return 1
                time.sleep(_TICK)
        return 0

    def look_after(self) -> None:
        """Start again what died, from the middle of other work.

        Raises `DidNotStart` where a program keeps dying, `SystemExit` where a signal asks to stop.
        """
        with self._attention():
            for program in self.programs:
                if not self._tend(program):
                    raise DidNotStart(name=program.name, where=self._where(program))
        if self._asked_to_stop:
            raise SystemExit(128 + signal.SIGTERM)

    def stop(self) -> None:
        """End every program: asked by SIGTERM first, killed with all its children after its grace."""
        with self._attention():
            for program in reversed(self.programs):
                if program.process is not None:
                    self._end(program, program.process)
            self._guard.stop()
        for number, handler in self._handlers.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        self._handlers.clear()

    # -- Signals --------------------------------------------------------------------------------------

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        # Closing a terminal can send SIGHUP twice; only a person's second Ctrl-C means "at once".
        self._in_a_hurry = self._asked_to_stop and number == signal.SIGINT
        self._asked_to_stop = True
        if not self._attentive:
            raise SystemExit(128 + number)

    @contextlib.contextmanager
    def _attention(self) -> Iterator[None]:
        """While this class itself works, a signal is noted and acted upon at the next tick."""
        self._attentive = True
        try:
            yield
        finally:
            self._attentive = False

    # -- One program ----------------------------------------------------------------------------------

    def _spawn(self, program: Program) -> None:
        program.started = time.monotonic()
        program.process = subprocess.Popen(
            program.argv,
            cwd=self._cwd,
            env=program.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=die_with_parent,  # noqa: PLW1509 (only calls that are safe between fork and exec)
        )
        self._guard_all()
        threading.Thread(target=self._relay, args=(program.name, program.process), daemon=True).start()

    def _await_ready(self, program: Program) -> None:
        deadline = time.monotonic() + self._patience.start
        while program.ready and not self._asked_to_stop and not program.ready():
            if not self._tend(program) or time.monotonic() > deadline:
                raise DidNotStart(name=program.name, where=self._where(program))
            time.sleep(_TICK)

    def _tend(self, program: Program) -> bool:
        """Start the program again if it died; False where that has been tried often enough."""
        if program.process is None:
            if time.monotonic() >= program.due:
                self._spawn(program)
            return True
        code = program.process.poll()
        if code is None:
            return True
        _kill_group(program.process)
        program.process = None
        self._guard_all()
        quick = time.monotonic() - program.started < self._patience.quick
        program.quick_deaths = program.quick_deaths + 1 if quick else 1
        if program.quick_deaths >= self._patience.quick_deaths:
            self._say(
                f"The {program.name} stopped {program.quick_deaths} times in a row soon after its start "
                f"({_how(code)}), so Bisync gives up: {self._where(program)} says why."
            )
            return False
        delay = self._patience.first_delay * 2 ** (program.quick_deaths - 1)
        program.due = time.monotonic() + delay
        self._say(f"The {program.name} stopped unexpectedly ({_how(code)}); it starts again in {delay:g} s.")
        return True

    def _end(self, program: Program, process: subprocess.Popen[bytes]) -> None:
        # Only the leader is asked: a Celery worker finishes or hands back its tasks, its pool would not.
        process.terminate()
        deadline = time.monotonic() + program.grace
        while process.poll() is None and time.monotonic() < deadline and not self._in_a_hurry:
            time.sleep(_TICK / 2)
        _kill_group(process)
        process.wait()
        program.process = None
        self._guard_all()

    def _guard_all(self) -> None:
        self._guard.watch([program.process.pid for program in self.programs if program.process])

    # -- Output ---------------------------------------------------------------------------------------

    def _relay(self, name: str, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        with process.stdout as lines, self._writer(name) as write:
            for line in lines:
                write(line.decode("utf-8", "replace").rstrip("\n"))

    @contextlib.contextmanager
    def _writer(self, name: str) -> Iterator[Callable[[str], None]]:
        if self._logs is None:
            width = max(len(program.name) for program in self.programs)
            yield lambda line: self._say(f"{name:<{width}} | {line}")
            return
        self._logs.mkdir(parents=True, exist_ok=True)
        file = RotatingFileHandler(self._log_file(name), maxBytes=_LOG_BYTES, backupCount=1, encoding="utf-8")
        with contextlib.closing(file):
            yield lambda line: file.emit(logging.makeLogRecord({"msg": line}))

    def _say(self, line: str) -> None:
        # Whoever read our output may have gone; that must not end the programs.
        with self._printing, contextlib.suppress(OSError, ValueError):
            print(line, flush=True)  # noqa: T201 (a person watches, as with any server)

    def _log_file(self, name: str) -> Path:
        return (self._logs or Path()) / f"{name.replace(' ', '-')}.log"

    def _where(self, program: Program) -> str:
        return str(self._log_file(program.name)) if self._logs else "its output above"


class _Guard:
    """A small shell that kills the programs should this process vanish without stopping them.

    It holds the read end of a pipe whose only other end is ours, so it learns of our death even by SIGKILL.
    Linux ends our direct children by itself (see `die_with_parent`), but not theirs.
    """

    _SCRIPT = """
        while read -r line; do groups=$line; done
        for group in $groups; do kill -s KILL -- "-$group"; done
    """

    def __init__(self) -> None:
        self._shell: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._shell = subprocess.Popen(
            ["/bin/sh", "-c", self._SCRIPT],
            cwd="/",
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def watch(self, groups: Sequence[int]) -> None:
        """Replace the process groups to kill; those that ended must go, as their numbers are used again."""
        if self._shell is None or self._shell.stdin is None:
            return
        with contextlib.suppress(BrokenPipeError):
            self._shell.stdin.write(" ".join(map(str, groups)).encode() + b"\n")
            self._shell.stdin.flush()

    def stop(self) -> None:
        if self._shell is None:
            return
        self.watch([])
        with contextlib.suppress(BrokenPipeError):
            self._shell.communicate()
        self._shell = None


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _how(code: int) -> str:
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name


# -- Bisync as a group --------------------------------------------------------------------------------


@contextlib.contextmanager
def claimed(data_dir: Path) -> Iterator[None]:
    """Hold the data directory, so that no second Bisync runs on it; raises `AlreadyRunning`.

    Two brokers on one queue, or a reset below a running server, would destroy what is there.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    with (data_dir / "running.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise AlreadyRunning(data_dir=data_dir, pid=lock.read().strip()) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def free_port(host: str, wanted: int | None = None) -> int:
    """The port `wanted`, which must be free, or the first free one from 8000 on."""
    candidates = range(DEFAULT_PORT, DEFAULT_PORT + 100) if wanted is None else [wanted]
    for port in candidates:
        try:
            with socket.create_server((host, port)) as probe:
                return int(probe.getsockname()[1])
        except OSError as exc:
            reason = exc.strerror
    raise PortTaken(port=port, host=host, reason=reason)


def application(*, host: str, port: int, logs: Path | None = None) -> Group:
    """Broker (unless BISYNC_REDIS_URL names one), worker, beat and web server, not started yet."""
    group = Group(cwd=settings.BASE_DIR, logs=logs)
    env = {
        **os.environ,
        "BISYNC_DATA_DIR": str(settings.DATA_DIR),
        "DJANGO_SETTINGS_MODULE": os.environ.get("DJANGO_SETTINGS_MODULE", "bisync.settings"),
        "PYTHONUNBUFFERED": "1",
    }
    if not env.get("BISYNC_URL"):
        env["BISYNC_URL"] = f"http://127.0.0.1:{port}"
    if not settings.REDIS_URL:
        embedded = broker.embedded(settings.DATA_DIR)
        env.pop("BISYNC_REDIS_URL_FILE", None)
        env["BISYNC_REDIS_URL"] = embedded.url
        # This process may ask for runs too, as the demo does while it fills its company.
        current_app.conf.update(broker_url=embedded.url)
        group.add("broker", embedded.argv, env, embedded.ready)
    group.add("worker", _celery("worker", *_WORKER), env, grace=6)
    group.add("beat", _celery("beat"), env)
    group.add("web", _web(host, port), env, lambda: _answers(host, port), grace=4)
    return group


# Gossip, mingle and heartbeat stay on: without them a worker can hang after a broker's restart. Of three
# places two may build while a pull or a commit gets the third.
_WORKER = ("--pool", "prefork", "--concurrency", "3", "--queues", "quick,heavy")


def _celery(program: str, *options: str) -> list[str]:
    """The worker, or the beat: a process of its own, for nobody restarts one inside of a worker."""
    return [sys.executable, "-m", "celery", "--quiet", "--app", "bisync.celery", program, *options]


def _web(host: str, port: int) -> list[str]:
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    options = ["--config", "python:bisync.gunicorn", "--bind", address, "--graceful-timeout", "3"]
    return [sys.executable, "-m", "gunicorn", "bisync.wsgi", *options]


def _answers(host: str, port: int) -> bool:
    """Whether the web server answers a request, whatever it says."""
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 (compared, not bound)
    connection = http.client.HTTPConnection(everywhere.get(host, host), port, timeout=5)
    try:
        connection.request("GET", "/sign-in/", headers={"Host": settings.ALLOWED_HOSTS[0]})
        connection.getresponse()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return True
