"""100 people at once on PostgreSQL, browsing and proposing while dbt builds; then 30 proposals in one moment.

BISYNC_BENCH_USERS (100), BISYNC_BENCH_SECONDS (180) and BISYNC_BENCH_BURST (30) change how much. It ends with
exit code 1 where a request failed or a proposal was lost.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from http.cookiejar import Cookie
from pathlib import Path

from bench._common import emit, percentile

USERS, SECONDS, BURST = (
    int(os.environ.get(f"BISYNC_BENCH_{name}", default))
    for name, default in (("USERS", "100"), ("SECONDS", "180"), ("BURST", "30"))
)
ROOT = Path(__file__).resolve().parent.parent
PAGES = {
    "home": "/outdoor/",
    "metrics": "/outdoor/prod/metrics/",
    "metric": "/outdoor/prod/metrics/revenue/",
    "metric by week": "/outdoor/prod/metrics/orders/?grain=week",
    "search": "/outdoor/prod/metrics/?q=revenue",
    "proposals": "/outdoor/proposals/?tab=all",
    "sync": "/outdoor/pulls/",
    "runs": "/outdoor/runs/",
    "environments": "/outdoor/environments/",
}


def main() -> int:
    from tests.postgres import Cluster

    cluster = Cluster()
    cluster.start()
    home = Path(tempfile.mkdtemp(prefix="bisync-load-"))
    server: subprocess.Popen[bytes] | None = None
    try:
        os.environ["BISYNC_DATABASE_URL"] = cluster.url()
        make_company(home)
        address, server = serve(home)
        load = Load(address)
        load.browse()
        load.burst()
        return load.report()
    finally:
        if server is not None:
            server.terminate()
            server.wait(60)
        shutil.rmtree(home, ignore_errors=True)
        cluster.stop()


def make_company(home: Path) -> None:
    from bench import _demo

    _demo.HOME = home
    _demo.prepare()
    from governance.models import Membership, Project, User

    people = User.objects.bulk_create(
        User(email=f"user{n}@example.com", name=f"User {n}", password="!") for n in range(USERS)
    )
    project = Project.objects.get(slug="outdoor")
    Membership.objects.bulk_create(
        Membership(project=project, user=person, role="contributor") for person in people
    )


def serve(home: Path) -> tuple[str, subprocess.Popen[bytes]]:
    """The product as one machine runs it, and its address once it answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    argv = [sys.executable, "manage.py", "serve", "--quiet", "--port", str(port)]
    server = subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return f"http://127.0.0.1:{port}", server
        time.sleep(0.2)
    raise SystemExit(f"Bisync did not start: {home}/logs says why.")


class Load:
    """The people, what they did, and how long each answer took."""

    def __init__(self, address: str) -> None:
        from bisync.demo.smoke import Browser
        from governance.models import User

        self.taken: dict[str, list[float]] = defaultdict(list)
        self.failures: Counter[str] = Counter()
        self.guard = threading.Lock()
        self.lost = 0
        self.people = []
        for person in User.objects.filter(email__startswith="user").order_by("pk"):
            browser = Browser(address)
            browser.jar.set_cookie(session_of(person))
            self.people.append(browser)

    def timed(self, name: str, call, *args, **fields) -> bool:
        from bisync.demo.smoke import SmokeFailed

        started = time.monotonic()
        try:
            call(*args, **fields)
        except (SmokeFailed, OSError) as exc:
            with self.guard:
                self.failures[f"{name}: {str(exc)[:200]}"] += 1
            return False
        with self.guard:
            self.taken[name].append(time.monotonic() - started)
        return True

    def browse(self) -> None:
        """Everybody reads; each tenth click proposes something. One environment is built meanwhile."""
        from environments.actions import deployment_request
        from environments.models import Environment

        staging = Environment.objects.get(project__slug="outdoor", slug="staging")
        commit = staging.project.repository.synced_commit
        deployment_request(environment=staging, commit=commit, reason="Under load", actor=None)
        end = time.monotonic() + SECONDS
        threads = [
            threading.Thread(target=self._live, args=(number, browser, end))
            for number, browser in enumerate(self.people)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _live(self, number: int, browser, end: float) -> None:
        dice = random.Random(number)
        time.sleep(dice.uniform(0, 4))
        while time.monotonic() < end:
            if dice.random() < 0.1:
                self._propose(browser, f"Load {number} {dice.randrange(10**6)}", act="preview")
            else:
                name = dice.choice(list(PAGES))
                self.timed(name, browser.get, PAGES[name])
            time.sleep(dice.uniform(2, 5))

    def _propose(self, browser, label: str, *, act: str) -> bool:
        from bisync.demo.smoke import METRIC

        metric = {**METRIC, "label": label, "rules": []}
        if not self.timed("propose page", browser.get, "/outdoor/prod/propose/"):
            return False
        if not self.timed("open a draft", browser.post, "/outdoor/prod/propose/"):
            return False
        found = re.search(r"/proposals/(\d+)/edit/", browser.url)
        if not found:
            self.failures[f"open a draft: {browser.url}"] += 1
            return False
        version = browser.field("version")
        edit = f"/outdoor/prod/proposals/{found[1]}/edit/"
        return self.timed(f"draft: {act}", browser.post, edit, act=act, version=version, **metric)

    def burst(self) -> None:
        """Many send a proposal in the same moment; every one has to be there."""
        barrier = threading.Barrier(BURST)

        def send(number: int) -> None:
            barrier.wait()
            self._propose(self.people[number], f"Burst {number}", act="send")

        threads = [threading.Thread(target=send, args=(number,)) for number in range(BURST)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        from proposals.models import Proposal

        there = Proposal.objects.filter(title__startswith="Burst ").exclude(status="draft").count()
        self.lost = BURST - there

    def report(self) -> int:
        from workspace.models import Run

        pages = [second for name in PAGES for second in self.taken[name]]
        emit("load", "people", USERS, "people")
        emit("load", "pages", len(pages), "pages")
        for share in (0.5, 0.95, 0.99):
            emit("load", f"page p{share * 100:.0f}", percentile(pages, share) * 1000, "ms")
        for name, seconds in sorted(self.taken.items()):
            emit("load", f"{name} p95 of {len(seconds)}", percentile(seconds, 0.95) * 1000, "ms")
        build = Run.objects.filter(kind="environment.deploy").latest("id")
        emit("load", f"build meanwhile ({build.status})", build.seconds or 0, "s")
        emit("load", "failed requests", sum(self.failures.values()), "requests")
        emit("load", f"lost of {BURST} proposals", self.lost, "proposals")
        for sentence, count in self.failures.most_common(20):
            print(f"{count} x {sentence}", file=sys.stderr)
        return 1 if self.failures or self.lost else 0


def session_of(person) -> Cookie:
    """A session as signing in makes one; hashing 100 passwords is not what is measured."""
    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.sessions.backends.db import SessionStore

    session = SessionStore()
    session[SESSION_KEY] = str(person.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = person.get_session_auth_hash()
    session.create()
    name, value = settings.SESSION_COOKIE_NAME, session.session_key
    return Cookie(
        0, name, value, None, False, "127.0.0.1", True, False, "/", True, False, None, False, None, None, {}
    )


if __name__ == "__main__":
    sys.exit(main())
