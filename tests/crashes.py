"""Workers, dbt and git killed on purpose: the scene, its people, and what has to be true afterwards.

As a program (`python -m tests.crashes KIND [MUTANT]`) it is a worker of one kind of runs, or of all.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from proposals.models import Proposal
    from workspace.models import Run

ROOT = Path(__file__).resolve().parent.parent
KINDS = ("proposal.check", "proposal.publish", "environment.deploy", "pull")
LEASE = 3
MUTANTS = ("hash-not-saved", "no-fence")


class Scene:
    """A shop, its remote, three people, and workers in processes of their own.

    It takes the whole process: settings come from the environment, which is set here. With `compiling`, column
    lineage is worked out as well, by workers of every kind.
    """

    def __init__(self, home: Path, *, database_url: str, compiling: bool = False) -> None:
        self.home = home
        (home / "data").mkdir()
        os.environ.update(
            BISYNC_DATA_DIR=str(home / "data"),
            BISYNC_DATABASE_URL=database_url,
            BISYNC_REDIS_URL="redis://127.0.0.1:1/0",  # workers look by themselves
            BISYNC_RUN_LEASE_SECONDS=str(LEASE),
            BISYNC_RUN_ATTEMPTS="9999",  # lost workers are no fault of the run here
            BISYNC_LOG_LEVEL="CRITICAL",
            BISYNC_COMPILE="yes" if compiling else "no",
            DJANGO_SETTINGS_MODULE="bisync.settings",
        )
        import django

        django.setup()
        from django.core.management import call_command

        from tests.proposals.story import Story
        from workspace import runs

        call_command("migrate", interactive=False, verbosity=0)
        runs.ring = lambda _run_id, _kind: None
        self.story = Story.begin(home)
        self.base = self.commits()
        self.faults: list[str] = []
        self._proposed = 0
        self._told: set[int] = set()

    # -- Workers ----------------------------------------------------------------------------------------

    def worker(
        self, kind: str = "", *, crash_at: str = "", by: str = "SIGKILL", log: str = "", mutant: str = ""
    ) -> subprocess.Popen[bytes]:
        """A worker that ends when there is nothing left to do for it, or gets a signal at a point."""
        return subprocess.Popen(
            [sys.executable, "-m", "tests.crashes", kind, mutant],
            cwd=ROOT,
            env={
                **os.environ,
                "BISYNC_CRASH_AT": crash_at,
                "BISYNC_CRASH_SIGNAL": by,
                "BISYNC_CRASH_LOG": log,
            },
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def work(self, kind: str = "", *, crash_at: str = "", log: str = "", mutant: str = "") -> bool:
        """Have a worker do what waits; whether it was killed on the way."""
        ended = self.worker(kind, crash_at=crash_at, log=log, mutant=mutant).wait(timeout=300)
        return ended == -signal.SIGKILL

    def sleep(self, point: str, *, mutant: str = "") -> None:
        """A worker falls asleep at a point; others finish its work; then it wakes up and goes on."""
        sleeper = self.worker(point.partition(":")[0], crash_at=point, by="SIGSTOP", mutant=mutant)
        stat = Path(f"/proc/{sleeper.pid}/stat")
        while stat.read_text().rpartition(")")[2].split()[0] != "T":
            time.sleep(0.1)
        self.finish()
        sleeper.send_signal(signal.SIGCONT)
        sleeper.wait(timeout=120)

    # -- People -----------------------------------------------------------------------------------------

    def propose(self) -> Proposal:
        """Maya sends one more metric for review."""
        from proposals.actions import authoring
        from semantic.fields import name_from
        from tests.proposals.story import FIELDS

        self._proposed += 1
        label = f"Discount share {self._proposed}"
        # All need the same new measure, whoever is first.
        formula = f"{FIELDS.formula} * {self._proposed}"
        fields = replace(FIELDS, label=label, name=name_from(label), formula=formula)
        proposal = authoring.proposal_open(project=self.story.project, author=self.story.maya)
        authoring.draft_save(item=proposal.items.get(), fields=fields, version=1, actor=self.story.maya)
        return authoring.proposal_submit(proposal=proposal, actor=self.story.maya)

    def people_go_on(self) -> None:
        """What people do when they look again: approve, publish, repeat what a kill made fail."""
        from bisync.lib.errors import BisyncError
        from proposals.models import Proposal

        for proposal in Proposal.objects.exclude(status="published").order_by("id"):
            with contextlib.suppress(BisyncError):  # somebody was faster; the next look decides
                self._go_on(proposal)

    def _go_on(self, proposal: Proposal) -> None:
        from proposals import content, selectors
        from proposals.actions import authoring, publishing, reviewing
        from proposals.actions.checks import checks_repeat

        story = self.story
        checks = list(proposal.checks.select_related("run"))
        states = {check.status for check in checks}
        if proposal.status == "in_review" and states == {"passed"}:
            reviewing.proposal_approve(proposal=proposal, seen=content.hash_of(proposal), actor=story.tom)
        elif proposal.status == "in_review" and "failed" in states:
            for check in checks:
                if check.status == "failed" and check.run is not None and not _was_hit(check.run):
                    self.faults.append(f"a check of {proposal} failed by itself: {check.message}")
            checks_repeat(proposal=proposal, actor=story.maya)
        elif proposal.status == "approved":
            publishing.proposal_publish(proposal=proposal, actor=story.priya)
        elif proposal.status == "publishing" and selectors.progress(proposal).error:
            publishing.publishing_repeat(proposal=proposal, actor=story.priya)
        elif proposal.status == "draft":
            self.faults.append(f"{proposal} was given back: {proposal.returned_reason}")
            authoring.proposal_submit(proposal=proposal, actor=story.maya)

    def finished(self) -> bool:
        from proposals.models import Proposal
        from workspace.models import Run

        open_ones = Proposal.objects.exclude(status="published").exists()
        return not open_ones and not Run.objects.filter(status__in=["queued", "running"]).exists()

    def finish(self, *, mutant: str = "", patience: float = 300) -> None:
        """People and one worker after the other, until everything is published, or patience ends."""
        deadline = time.monotonic() + patience
        while not self.finished() and time.monotonic() < deadline:
            self.people_go_on()
            self.work(mutant=mutant)

    # -- Promises ---------------------------------------------------------------------------------------

    def commits(self) -> int:
        return int(self.story.git("rev-list", "--count", "main"))

    def broken_promises(self) -> list[str]:
        """A sentence for each that is broken; nothing may be at work any more."""
        return [*self.faults, *self._of_git(), *self._of_rows(), *self._of_the_machine()]

    def _of_git(self) -> Iterator[str]:
        from proposals.models import Proposal

        story = self.story
        published = list(Proposal.objects.filter(status="published"))
        if (made := self.commits() - self.base) != len(published):
            yield f"{len(published)} published proposals made {made} commits"
        said = Counter(story.git("log", "--format=%(trailers:key=Bisync-Proposal,valueonly)", "main").split())
        for proposal in published:
            if said[f"{story.project.slug}#{proposal.number}"] != 1:
                yield f"the remote does not hold exactly one commit for {proposal}"
        if trouble := story.git("fsck", "--strict", "--no-dangling").strip():
            yield f"git fsck: {trouble}"

    def _of_rows(self) -> Iterator[str]:
        from environments.models import Deployment
        from governance import audit
        from proposals.models import Proposal
        from workspace.models import Run, RunCommand

        if open_ones := Counter(
            Proposal.objects.exclude(status="published").values_list("status", flat=True)
        ):
            yield f"not all proposals are published: {dict(open_ones)}"
        if Run.objects.filter(status__in=["queued", "running"]).exists():
            yield "a run is unfinished"
        for run in Run.objects.filter(status="failed"):
            if not _was_hit(run):
                yield f"{run.title} failed by itself: {run.error}"
        if RunCommand.objects.filter(finished_at=None).exists():
            yield "a command is shown as running"
        if Deployment.objects.filter(status__in=["planned", "applying"]).exists():
            yield "a deployment is shown as waiting"
        live = Deployment.objects.filter(environment=self.story.production, status="live")
        if [one.commit for one in live] != [self.story.head()]:
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
        if left := [str(path) for path in data.glob("git/*.git/**/*.lock")]:
            yield f"git's locks are left: {left}"
        if left := orphans(self.home):
            yield f"processes are left: {left}"


def _was_hit(run: Run) -> bool:
    """Whether one of a run's own commands was killed."""
    return bool(run.commands.filter(exit_code=-signal.SIGKILL).exists())


def orphans(home: Path) -> list[str]:
    """Command lines of processes that work below `home`, this one aside."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
            if str(home) in line and int(folder.name) != os.getpid():
                found.append(line)
    return found


# -- The worker -----------------------------------------------------------------------------------------


def carry_out(kind: str) -> None:
    """Do what waits, and what lost workers left once their leases have lapsed; return when all is done."""
    from workspace import runs
    from workspace.models import Run

    while True:
        unfinished = Run.objects.filter(status__in=["queued", "running"])
        ids = list(
            (unfinished.filter(kind=kind) if kind else unfinished).order_by("id").values_list("pk", flat=True)
        )
        if not ids:
            return
        for pk in ids:
            runs.execute(pk)
        time.sleep(0.1)


def mutate(mutant: str) -> None:
    """Break one of the rules on which the promises stand."""
    from workspace import runs
    from workspace.models import Run

    if mutant == "hash-not-saved":
        runs.Work.save_intent = lambda self, **values: self.run.intent.update(values)  # type: ignore[method-assign]
    if mutant == "no-fence":
        plain = runs.Work.__init__

        def unfenced(self: runs.Work, run: Run) -> None:
            plain(self, run)
            self._mine = Run.objects.filter(pk=run.pk)

        runs.Work.__init__ = unfenced  # type: ignore[method-assign]


def main(arguments: Sequence[str]) -> None:
    kind, mutant = (*arguments, "", "")[:2]
    import django

    django.setup()
    mutate(mutant)
    with contextlib.suppress(Exception):  # a bug is told by its run
        carry_out(kind)


if __name__ == "__main__":
    main(sys.argv[1:])
