"""Bisync with everything below it restarted while it works: what was asked for is done, and nobody has to help."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.git_remote import Origin
from tests.postgres import Cluster

ROOT = Path(__file__).resolve().parents[2]
# A project that can be pulled, and a token of somebody who may.
PREPARE = """
import sys
import django; django.setup()
from governance.actions import token_create
from governance.models import Membership
from tests.factories import make_project
project = make_project(url=sys.argv[1], slug="shop")
admin = Membership.objects.get(project=project).user
print(token_create(user=admin, name="recovery", scopes=["read", "operate"], days=1)[1])
"""


@dataclass
class Served:
    """A Bisync that runs as on one machine, with PostgreSQL as its database."""

    data: Path
    env: dict[str, str]
    address: str
    origin: Origin
    token: str = ""

    def pids(self, words: str) -> list[int]:
        """Its processes whose command line holds these words, oldest first; dbt knows no setting of ours."""
        mark = f"BISYNC_DATA_DIR={self.data}".encode()
        place = str(self.data)
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                ours = place in line or mark in (folder / "environ").read_bytes().split(b"\0")
                ours = ours or words == self.broker()
                if words in line and ours:
                    found.append(int(folder.name))
            except OSError:
                continue
        return sorted(found)

    def broker(self) -> str:
        """The words by which the broker calls itself, which hides what it was started with."""
        port = re.findall(r"^port (\d+)$", (self.data / "broker/broker.conf").read_text(), re.MULTILINE)[0]
        return f"127.0.0.1:{port}"

    def ask(self, path: str, *, post: bool = False) -> Any:
        request = urllib.request.Request(
            f"{self.address}/api/v1/projects/shop/{path}",
            headers={"Authorization": f"Bearer {self.token}"},
            method="POST" if post else "GET",
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def state(self, number: int) -> str:
        return str(self.ask(f"runs/{number}/")["status"])

    def at_work(self) -> int:
        """A pull of something new, whose worker has started dbt."""
        self.origin.commit({"README.md": f"{time.monotonic()}\n"})
        number = int(self.ask("pulls/", post=True)["id"])
        eventually(lambda: self.pids("dbt parse"), f"run {number} to start dbt")
        return number

    def done(self, number: int) -> None:
        """Wait until a run has succeeded; an answer may be missing while the database is away."""
        eventually(lambda: self.state(number) == "succeeded", f"run {number} to succeed")


def eventually(condition: Callable[[], Any], what: str, seconds: float = 90) -> Any:
    deadline = time.monotonic() + seconds
    last: object = None
    while time.monotonic() < deadline:
        try:
            if last := condition():
                return last
        except OSError as exc:
            last = exc
            if isinstance(exc, urllib.error.HTTPError):
                last = exc.code, exc.read()
        time.sleep(0.1)
    raise AssertionError(f"waited {seconds:.0f} s for {what}: {last!r}")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    found = Cluster()
    found.start()
    yield found
    found.stop()


@pytest.fixture(scope="module")
def served(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("served")
    data, log = home / "data", home / "log"
    clean = {name: value for name, value in os.environ.items() if not name.startswith("BISYNC_")}
    env = {
        **clean,
        "BISYNC_DATA_DIR": str(data),
        "BISYNC_DATABASE_URL": cluster.url(),
        "BISYNC_LOCAL_REMOTES": "yes",
        "BISYNC_RUN_LEASE_SECONDS": "3",
        "DJANGO_SETTINGS_MODULE": "bisync.settings",
        "PYTHONPATH": str(ROOT),
    }
    argv = [sys.executable, "manage.py", "serve", "--migrate", "--port", "0"]
    with log.open("wb") as output:
        process = subprocess.Popen(argv, cwd=ROOT, env=env, stdout=output, stderr=output)
    try:
        eventually(lambda: "Booting worker" in log.read_text(), "the web server")
        origin = Origin(home / "git")
        found = Served(data, env, re.findall(r"http://127\.0\.0\.1:\d+", log.read_text())[0], origin)
        prepare = [sys.executable, "-c", PREPARE, origin.url]
        done = subprocess.run(prepare, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        found.token = done.stdout.strip()
        yield found
    except BaseException:
        sys.stderr.write(log.read_text()[-5000:])
        raise
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


pytestmark = [pytest.mark.dbt, pytest.mark.slow]


def test_a_broker_that_is_killed_loses_neither_what_is_at_work_nor_what_is_asked_for_meanwhile(
    served: Served,
) -> None:
    first = served.at_work()
    (broker,) = served.pids(served.broker())

    os.kill(broker, signal.SIGKILL)
    second = int(served.ask("pulls/", post=True)["id"])

    assert second != first
    served.done(first)
    served.done(second)


def test_a_database_that_restarts_while_work_goes_on_is_found_again(served: Served, cluster: Cluster) -> None:
    number = served.at_work()

    cluster.restart()

    served.done(number)
    assert eventually(lambda: served.ask("pulls/")["results"], "the pages")


def test_a_worker_that_is_killed_with_everything_it_started_is_replaced(served: Served) -> None:
    number = served.at_work()
    before = served.pids("bisync.celery worker")

    os.killpg(before[0], signal.SIGKILL)

    served.done(number)
    assert not set(before) & set(served.pids("bisync.celery worker"))
    assert served.ask(f"runs/{number}/")["attempt"] == 2
