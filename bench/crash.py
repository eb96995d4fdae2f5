"""Proposals on their way while workers, dbt and git are killed at random: one commit each, nothing left.

BISYNC_BENCH_PROPOSALS (30), BISYNC_BENCH_KILLS (100), BISYNC_BENCH_WORKERS (4), BISYNC_BENCH_SEED (1) and
BISYNC_BENCH_DATABASE (postgres or sqlite) change what is done. It ends with exit code 1, and a sentence for
each broken promise, where there is any.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from bench._common import emit

PROPOSALS, KILLS, WORKERS, SEED = (
    int(os.environ.get(f"BISYNC_BENCH_{name}", default))
    for name, default in (("PROPOSALS", "30"), ("KILLS", "100"), ("WORKERS", "4"), ("SEED", "1"))
)
LEASE = 4
PATIENCE = 3600
ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    from tests.postgres import Cluster

    cluster = Cluster() if os.environ.get("BISYNC_BENCH_DATABASE", "postgres") == "postgres" else None
    if cluster:
        cluster.start()
    try:
        with tempfile.TemporaryDirectory(prefix="bisync-crash-") as folder:
            home = Path(folder)
            os.environ.update(
                BISYNC_DATA_DIR=str(home / "data"),
                BISYNC_DATABASE_URL=cluster.url() if cluster else "",
                BISYNC_REDIS_URL="redis://127.0.0.1:1/0",
                BISYNC_RUN_LEASE_SECONDS=str(LEASE),
                # A run is set aside after so many lost workers; here they are lost without its fault.
                BISYNC_RUN_ATTEMPTS="999",
                BISYNC_LOG_LEVEL="CRITICAL",
                DJANGO_SETTINGS_MODULE="bisync.settings",
            )
            (home / "data").mkdir()
            return Soak(home).go()
    finally:
        if cluster:
            cluster.stop()


class Soak:
    """The demo of a bad day: people propose, approve and publish; everything that works is killed."""

    def __init__(self, home: Path) -> None:
        import django

        django.setup()
        from django.core.management import call_command

        from tests.proposals.story import Story
        from workspace import runs

        call_command("migrate", interactive=False, verbosity=0)
        runs.ring = lambda _run_id, _kind: None  # workers look by themselves
        self.home = home
        self.story = Story.begin(home)
        self.base = int(self.story.git("rev-list", "--count", "main"))
        self.random = random.Random(SEED)
        self.kills: Counter[str] = Counter()
        self.recovered: list[float] = []
        self.workers: list[subprocess.Popen[bytes]] = []

    def go(self) -> int:
        started = time.monotonic()
        self.propose()
        next_kill = time.monotonic() + 2
        while not self.finished():
            if time.monotonic() - started > PATIENCE:
                break
            self.keep_workers()
            self.people_go_on()
            if sum(self.kills.values()) < KILLS and time.monotonic() > next_kill:
                self.kill_something()
                next_kill = time.monotonic() + self.random.uniform(0.3, 3)
            time.sleep(0.1)
        seconds = time.monotonic() - started
        for worker in self.workers:
            worker.terminate()
            worker.wait()
        broken = self.broken_promises()
        for name, count in sorted(self.kills.items()):
            emit("crash", f"kills of {name}", count, "kills")
        emit("crash", "proposals published", self.published(), "proposals")
        emit("crash", "until all were published", seconds, "s")
        emit("crash", "broken promises", len(broken), "promises")
        for sentence in broken:
            print(sentence, file=sys.stderr)
        return 1 if broken else 0

    # -- People -----------------------------------------------------------------------------------------

    def propose(self) -> None:
        from dataclasses import replace

        from proposals.actions import authoring
        from semantic.fields import name_from
        from tests.proposals.story import FIELDS

        for number in range(1, PROPOSALS + 1):
            label = f"Discount share {number}"
            fields = replace(FIELDS, label=label, name=name_from(label))
            proposal = authoring.proposal_open(project=self.story.project, author=self.story.maya)
            authoring.draft_save(proposal=proposal, fields=fields, version=1, actor=self.story.maya)
            authoring.proposal_submit(proposal=proposal, actor=self.story.maya)

    def people_go_on(self) -> None:
        """What people do when they look again: approve, publish, repeat what failed for a passing cause."""
        from bisync.lib.errors import BisyncError
        from proposals import content, selectors
        from proposals.actions import authoring, publishing, reviewing
        from proposals.models import Proposal

        story = self.story
        for proposal in Proposal.objects.exclude(status="published").order_by("id"):
            states = set(proposal.checks.values_list("status", flat=True))
            try:
                if proposal.status == "draft":
                    authoring.proposal_submit(proposal=proposal, actor=story.maya)
                elif proposal.status == "in_review" and states == {"passed"}:
                    seen = content.hash_of(proposal)
                    reviewing.proposal_approve(proposal=proposal, seen=seen, actor=story.tom)
                elif proposal.status == "in_review" and states & {"failed"}:
                    authoring.checks_repeat(proposal=proposal, actor=story.maya)
                elif proposal.status == "approved":
                    publishing.proposal_publish(proposal=proposal, actor=story.priya)
                elif proposal.status == "publishing" and selectors.progress(proposal).error:
                    publishing.publishing_repeat(proposal=proposal, actor=story.priya)
            except BisyncError:
                continue  # somebody was faster; the next look decides

    # -- Trouble ----------------------------------------------------------------------------------------

    def keep_workers(self) -> None:
        self.workers = [worker for worker in self.workers if worker.poll() is None]
        while len(self.workers) < WORKERS:
            argv = [sys.executable, "manage.py", "work", "--patience", "3600"]
            quiet = subprocess.DEVNULL
            self.workers.append(subprocess.Popen(argv, cwd=ROOT, stdout=quiet, stderr=quiet))

    def kill_something(self) -> None:
        """`kill -9` for a worker, or for a dbt or git that one has started."""
        found = [(kind, pid) for kind, pid in self.processes() if kind != "other"]
        if not found:
            return
        kinds = sorted({kind for kind, _pid in found})
        kind = self.random.choice(kinds)
        pid = self.random.choice(sorted(pid for name, pid in found if name == kind))
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        self.kills[kind] += 1

    def processes(self) -> list[tuple[str, int]]:
        """The workers and all that they started, by kind."""
        workers = {worker.pid for worker in self.workers if worker.poll() is None}
        found = [("worker", pid) for pid in sorted(workers)]
        parents: dict[int, int] = {}
        names: dict[int, str] = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                stat = (folder / "stat").read_text()
                line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            pid = int(folder.name)
            parents[pid] = int(stat.rpartition(")")[2].split()[1])
            names[pid] = "dbt" if "/dbt " in line else "git" if line.startswith("git ") else "other"
        for pid in parents:
            above = parents.get(pid, 0)
            while above and above not in workers:
                above = parents.get(above, 0)
            if above in workers:
                found.append((names[pid], pid))
        return found

    # -- Promises ---------------------------------------------------------------------------------------

    def published(self) -> int:
        from proposals.models import Proposal

        return Proposal.objects.filter(status="published").count()

    def finished(self) -> bool:
        from workspace.models import Run

        busy = Run.objects.filter(status__in=["queued", "running"]).exists()
        return self.published() == PROPOSALS and not busy

    def broken_promises(self) -> list[str]:
        return [*self._of_git(), *self._of_rows(), *self._of_the_machine()]

    def _of_git(self) -> Iterator[str]:
        from proposals.models import Proposal

        story, published = self.story, self.published()
        commits = int(story.git("rev-list", "--count", "main")) - self.base
        if commits != published:
            yield f"{published} published proposals made {commits} commits"
        said = Counter(story.git("log", "--format=%(trailers:key=Bisync-Proposal,valueonly)", "main").split())
        for proposal in Proposal.objects.filter(status="published"):
            if said[f"{story.project.slug}#{proposal.number}"] != 1:
                yield f"the remote does not hold exactly one commit for {proposal}"
        if trouble := story.git("fsck", "--strict", "--no-dangling").strip():
            yield f"git fsck: {trouble}"

    def _of_rows(self) -> Iterator[str]:
        from governance import audit
        from proposals.models import Proposal
        from workspace.models import Run, RunCommand

        if self.published() != PROPOSALS:
            states = Counter(Proposal.objects.values_list("status", flat=True))
            yield f"{PROPOSALS} proposals should be published: {dict(states)}"
        if Run.objects.filter(status__in=["queued", "running"]).exists():
            yield "a run is unfinished"
        if RunCommand.objects.filter(finished_at=None).exists():
            yield "a command is shown as running"
        self.story.production.refresh_from_db()
        live = self.story.production.live
        if live is None or live.commit != self.story.head():
            yield "production is not at the remote's head"
        if wrong := list(audit.broken_links()):
            yield f"the audit chain is broken at {wrong}"

    def _of_the_machine(self) -> Iterator[str]:
        from bisync.lib import scratch

        data = self.home / "data"
        for name in ("runs", "git/worktrees", f"warehouse/{self.story.project.pk}/prod/try"):
            scratch.clear(data / name)  # as the next run would do first
            if left := [path.name for path in (data / name).glob("*")]:
                yield f"{name} holds {left}"


if __name__ == "__main__":
    sys.exit(main())
