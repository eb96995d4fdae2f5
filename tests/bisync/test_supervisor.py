"""The supervised group, with real processes that misbehave."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from celery import current_app
from django.conf import LazySettings

from bisync import supervisor
from bisync.supervisor import Group, Patience

ROOT = Path(__file__).resolve().parents[2]
# Reads the programs from its first argument, and supervises them until it is told to stop.
DRIVER = """
import json, sys
from pathlib import Path
from bisync.supervisor import Group
group = Group(cwd=Path.cwd())
for name, script, env, grace in json.loads(sys.argv[1]):
    group.add(name, ["/bin/sh", "-c", script], env, grace=grace)
sys.exit(group.run())
"""
# Neither it nor its child listens to anything but SIGKILL.
STUBBORN = "trap '' TERM INT HUP; (while :; do sleep 0.2; done) & while :; do sleep 0.2; done"


class Family:
    """Processes that carry our mark in their environment, however distant their descent."""

    def __init__(self) -> None:
        self.env = {**os.environ, "FAMILY": uuid.uuid4().hex, "DJANGO_SETTINGS_MODULE": "bisync.settings"}

    def alive(self) -> list[int]:
        """Their process ids; zombies have no environment and do not count."""
        mark = f"FAMILY={self.env['FAMILY']}".encode()
        return [int(entry.name) for entry in Path("/proc").glob("[0-9]*") if mark in _environ(entry)]

    def kill(self) -> None:
        for pid in self.alive():
            os.kill(pid, signal.SIGKILL)


def _environ(entry: Path) -> list[bytes]:
    try:
        return (entry / "environ").read_bytes().split(b"\0")
    except OSError:
        return []


@pytest.fixture
def family() -> Iterator[Family]:
    found = Family()
    yield found
    found.kill()


def eventually(holds: Callable[[], object], *, seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.05)
    return bool(holds())


def supervise(
    family: Family, script: str, *, grace: float = 60, **options: object
) -> subprocess.Popen[bytes]:
    programs = json.dumps([["program", script, family.env, grace]])
    argv = [sys.executable, "-c", DRIVER, programs]
    return subprocess.Popen(argv, cwd=ROOT, env=family.env, **options)  # type: ignore[call-overload, no-any-return]


def test_programs_start_in_order_when_the_one_before_is_ready_and_end_in_reverse(tmp_path: Path) -> None:
    group, story = Group(cwd=tmp_path), tmp_path / "story"
    for name in ("first", "second"):
        script = (
            f"sleep 0.2; echo {name} starts >>story; trap 'echo {name} ends >>story; exit' TERM;"
            f" touch {name}; while :; do sleep 0.02; done"
        )
        group.add(name, ["/bin/sh", "-c", script], os.environ, (tmp_path / name).exists)

    group.start()
    group.stop()

    assert story.read_text().splitlines() == ["first starts", "second starts", "second ends", "first ends"]


def test_a_program_that_dies_is_started_again_until_that_has_been_tried_often_enough(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    group = Group(cwd=tmp_path, patience=Patience(quick_deaths=3, first_delay=0.01))
    group.add("worker", ["/bin/sh", "-c", "echo x >>starts; exit 7"], os.environ)

    assert group.run() == 1

    assert (tmp_path / "starts").read_text() == "x\n" * 3
    assert "The worker stopped 3 times in a row soon after its start (exit code 7)" in capsys.readouterr().out


def test_what_dies_while_something_else_is_done_is_started_again_meanwhile(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    group = Group(cwd=tmp_path, patience=Patience(quick_deaths=3, first_delay=0.01))
    group.add("worker", ["/bin/sh", "-c", "echo x >>starts; exit 7"], os.environ)
    group.start()
    try:
        with pytest.raises(supervisor.DidNotStart):
            eventually(group.look_after)
    finally:
        group.stop()

    assert (tmp_path / "starts").read_text() == "x\n" * 3


def test_deaths_far_apart_never_end_the_group(family: Family, tmp_path: Path) -> None:
    group = Group(cwd=tmp_path, patience=Patience(quick=0, quick_deaths=2, first_delay=0.01))
    script = f"echo x >>starts; [ $(wc -l <starts) -lt 4 ] || kill -TERM {os.getpid()}; exit 1"
    group.add("worker", ["/bin/sh", "-c", script], os.environ)

    assert group.run() == 0

    assert (tmp_path / "starts").read_text() == "x\n" * 4


def test_the_children_of_a_program_that_died_do_not_live_on(family: Family, tmp_path: Path) -> None:
    group = Group(cwd=tmp_path, patience=Patience(quick_deaths=2, first_delay=0.01))
    group.add("worker", ["/bin/sh", "-c", "sleep 1000 & exit 1"], family.env)

    group.run()

    assert eventually(lambda: not family.alive())


def test_a_program_that_is_never_ready_is_reported_and_ended(family: Family, tmp_path: Path) -> None:
    group = Group(cwd=tmp_path, logs=tmp_path / "logs", patience=Patience(start=0.3))
    group.add("web", ["sleep", "1000"], family.env, lambda: False)

    with pytest.raises(supervisor.DidNotStart, match=r"The web did not start: .*/logs/web\.log says why"):
        group.run()

    assert family.alive() == []


def test_a_signal_between_starting_and_waiting_is_not_lost(family: Family, tmp_path: Path) -> None:
    group = Group(cwd=tmp_path)
    group.add("worker", ["sleep", "1000"], family.env)
    group.start()

    with pytest.raises(SystemExit) as caught:
        os.kill(os.getpid(), signal.SIGTERM)
    group.stop()

    assert caught.value.code == 128 + signal.SIGTERM
    assert family.alive() == []


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_ends_even_programs_that_do_not_listen(family: Family, name: str) -> None:
    process = supervise(family, STUBBORN, grace=0.3)
    assert eventually(lambda: len(family.alive()) >= 4)

    process.send_signal(signal.Signals[name])

    assert process.wait(timeout=10) == 0
    assert eventually(lambda: not family.alive(), seconds=2)


def test_a_second_ctrl_c_does_not_wait(family: Family) -> None:
    process = supervise(family, STUBBORN, grace=60)
    assert eventually(lambda: len(family.alive()) >= 4)

    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)

    assert process.wait(timeout=5) == 0
    assert eventually(lambda: not family.alive(), seconds=2)


def test_a_killed_supervisor_leaves_no_process_behind(family: Family) -> None:
    process = supervise(family, STUBBORN)
    assert eventually(lambda: len(family.alive()) >= 4)

    process.kill()
    process.wait()

    assert eventually(lambda: not family.alive(), seconds=10)


def test_programs_go_on_when_input_is_closed_and_nobody_reads_the_output(
    family: Family, tmp_path: Path
) -> None:
    script = f"yes | head -c 300000; touch {tmp_path}/done; sleep 1000"
    process = supervise(family, script, grace=0.3, stdout=subprocess.PIPE, preexec_fn=lambda: os.close(0))
    assert process.stdout is not None
    process.stdout.close()

    assert eventually((tmp_path / "done").exists)

    process.terminate()
    process.wait(timeout=10)


def test_each_line_tells_which_program_wrote_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    group = Group(cwd=tmp_path)
    for name in ("web", "broker"):
        script = f"echo 'hello from {name}'; touch {name}; exec sleep 1000"
        group.add(name, ["/bin/sh", "-c", script], os.environ, (tmp_path / name).exists)

    group.start()
    group.stop()

    seen: list[str] = []
    wanted = {"web    | hello from web", "broker | hello from broker"}
    assert eventually(lambda: seen.extend(capsys.readouterr().out.splitlines()) or wanted <= set(seen))


def test_log_files_are_kept_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "_LOG_BYTES", 10_000)
    group = Group(cwd=tmp_path, logs=tmp_path / "logs")
    script = "seq 1 20000; echo last; touch done; exec sleep 1000"
    group.add("web", ["/bin/sh", "-c", script], os.environ, (tmp_path / "done").exists)

    group.start()
    group.stop()

    log = tmp_path / "logs" / "web.log"
    assert eventually(lambda: log.read_text().endswith("last\n"))
    assert sum(file.stat().st_size for file in log.parent.iterdir()) <= 20_000


def test_a_data_directory_belongs_to_one_bisync_at_a_time(tmp_path: Path) -> None:
    refusal = pytest.raises(supervisor.AlreadyRunning, match=rf"\(process {os.getpid()}\)")
    with supervisor.claimed(tmp_path), refusal, supervisor.claimed(tmp_path):
        pytest.fail("a second claim was granted")

    with supervisor.claimed(tmp_path):
        assert (tmp_path / "running.lock").read_text() == str(os.getpid())


def test_a_taken_port_is_passed_over_unless_it_was_asked_for() -> None:
    with socket.create_server(("127.0.0.1", supervisor.free_port("127.0.0.1"))) as server:
        taken = server.getsockname()[1]

        assert supervisor.free_port("127.0.0.1") > taken
        with pytest.raises(supervisor.PortTaken, match=f"Port {taken} of 127.0.0.1"):
            supervisor.free_port("127.0.0.1", taken)


@pytest.fixture
def bisync_at(settings: LazySettings, tmp_path: Path) -> Iterator[Callable[[str], Group]]:
    """Bisync as a group that is not started, for a BISYNC_REDIS_URL."""

    def make(redis_url: str) -> Group:
        settings.DATA_DIR, settings.REDIS_URL = tmp_path, redis_url
        return supervisor.application(host="127.0.0.1", port=8123)

    before = current_app.conf.broker_url
    yield make
    current_app.conf.update(broker_url=before)


def test_a_broker_is_started_only_where_none_is_named(bisync_at: Callable[[str], Group]) -> None:
    own, named = bisync_at(""), bisync_at("redis://broker.example.com/0")

    assert [program.name for program in own.programs] == ["broker", "worker", "beat", "web"]
    assert [program.name for program in named.programs] == ["worker", "beat", "web"]
    assert "BISYNC_REDIS_URL" not in named.programs[0].env


def test_the_programs_and_this_process_ring_at_the_same_broker(bisync_at: Callable[[str], Group]) -> None:
    own = bisync_at("")

    assert {program.env["BISYNC_REDIS_URL"] for program in own.programs} == {current_app.conf.broker_url}
    assert current_app.conf.broker_url.startswith("redis://:")


def test_the_programs_know_the_address_that_people_type(
    bisync_at: Callable[[str], Group], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BISYNC_URL", raising=False)
    local = bisync_at("")
    monkeypatch.setenv("BISYNC_URL", "https://bisync.example.com")
    public = bisync_at("")

    assert local.programs[-1].env["BISYNC_URL"] == "http://127.0.0.1:8123"
    assert public.programs[-1].env["BISYNC_URL"] == "https://bisync.example.com"


@pytest.mark.slow
@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 0), ("SIGKILL", -9)])
def test_bisync_serves_pages_and_leaves_nothing_behind_however_it_ends(
    family: Family, tmp_path: Path, name: str, code: int
) -> None:
    output = tmp_path / "output"
    argv, env = serve(family, tmp_path / "data", "--migrate", "--port", "0")
    with output.open("wb") as stream:
        process = subprocess.Popen(
            argv, cwd=tmp_path, env=env, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream
        )
    assert eventually(lambda: "ready." in output.read_text() and "Booting" in output.read_text(), seconds=120)
    address = re.findall(r"http://127\.0\.0\.1:\d+", output.read_text())[0]
    assert eventually(lambda: _status(address) == 200, seconds=30), output.read_text()[-3000:]

    process.send_signal(signal.Signals[name])

    assert process.wait(timeout=15) == code
    assert eventually(lambda: not family.alive(), seconds=10)


@pytest.mark.slow
def test_an_unmigrated_database_is_refused_with_what_to_do(family: Family, tmp_path: Path) -> None:
    argv, env = serve(family, tmp_path / "data")

    done = subprocess.run(argv, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert re.search(
        r"lacks \d+ migrations, .*: run “manage.py migrate”, or start with --migrate", done.stderr
    )
    assert family.alive() == []


def serve(family: Family, data_dir: Path, *options: str) -> tuple[list[str], dict[str, str]]:
    """The command line and environment of `manage.py serve`, with no setting but the data directory."""
    env = {name: value for name, value in family.env.items() if not name.startswith("BISYNC_")}
    argv = [sys.executable, str(ROOT / "manage.py"), "serve", *options]
    return argv, {**env, "BISYNC_DATA_DIR": str(data_dir)}


def _status(address: str) -> int:
    try:
        with urllib.request.urlopen(f"{address}/sign-in/", timeout=5) as response:
            return int(response.status)
    except OSError:
        return 0
