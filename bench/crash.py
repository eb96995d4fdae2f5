"""Workers, dbt and git killed at every step and at random: one commit each, nothing lost, nothing left.

BISYNC_BENCH_PARTS (default: all) chooses among: matrix-sqlite, matrix-postgres, soak, mutants. For the soak,
BISYNC_BENCH_PROPOSALS (30), BISYNC_BENCH_KILLS (100), BISYNC_BENCH_WORKERS (4) and BISYNC_BENCH_SEED (1) say
how much is done. It ends with exit code 1, and a sentence for each broken promise, where there is any.
"""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from bench._common import emit, percentile
from tests.crashes import KINDS, MUTANTS, Scene

if TYPE_CHECKING:
    from proposals.models import Proposal

PROPOSALS, KILLS, WORKERS, SEED = (
    int(os.environ.get(f"BISYNC_BENCH_{name}", default))
    for name, default in (("PROPOSALS", "30"), ("KILLS", "100"), ("WORKERS", "4"), ("SEED", "1"))
)
PARTS = ("matrix-sqlite", "matrix-postgres", "mutants", "soak")
# One pass, as the tests make it: between the steps whose effects others see.
IN_A_PASS = re.compile(r"publish-committed|deploy-live|pull-kept")
PATIENCE = 5400


def main() -> int:
    """Each part has a process of its own: settings are read once."""
    if len(sys.argv) > 1:
        return one(sys.argv[1])
    wanted = os.environ.get("BISYNC_BENCH_PARTS", ",".join(PARTS)).split(",")
    codes = [subprocess.call([sys.executable, __file__, part]) for part in wanted]
    return 1 if any(codes) else 0


def one(part: str) -> int:
    from tests.postgres import Cluster

    cluster = None if part.endswith("sqlite") or part == "mutants" else Cluster()
    if cluster:
        cluster.start()
    try:
        with tempfile.TemporaryDirectory(prefix="bisync-crash-") as folder:
            database = cluster.url() if cluster else ""
            scene = Scene(Path(folder), database_url=database, compiling=part == "soak")
            if part == "mutants":
                return mutants(scene)
            done = Soak(scene).go() if part == "soak" else matrix(scene, part)
            for sentence in done:
                print(sentence, file=sys.stderr)
            return 1 if done else 0
    finally:
        if cluster:
            cluster.stop()


# -- Every step -----------------------------------------------------------------------------------------


def matrix(scene: Scene, part: str) -> list[str]:
    """Kill at each point of each kind of run, one after the other; the broken promises."""
    points = learn(scene, part)
    started = time.monotonic()
    missed = [point for point in points if not kill_at(scene, point)]
    scene.finish()
    broken = scene.broken_promises() + [f"no worker came by {point}" for point in missed]
    emit("crash", f"{part}: kills", len(points) - len(missed), "kills")
    emit("crash", f"{part}: commits", scene.commits() - scene.base, "commits")
    emit("crash", f"{part}: broken promises", len(broken), "promises")
    emit("crash", f"{part}: in all", time.monotonic() - started, "s")
    return broken


def learn(scene: Scene, part: str) -> list[str]:
    """The points that one proposal comes by on its way, in their order."""
    log = scene.home / "points"
    scene.propose()
    while not scene.finished():
        scene.people_go_on()
        scene.work(log=str(log))
    seen = dict.fromkeys(log.read_text().splitlines())
    points = [point for kind in KINDS for point in seen if point.startswith(f"{kind}: ")]
    return [point for point in points if not part.startswith("pass") or IN_A_PASS.search(point)]


def kill_at(scene: Scene, point: str, *, mutant: str = "") -> bool:
    """Have a worker die at a point, or its command; whether one came by."""
    kind = point.partition(":")[0]
    for _try in range(2):
        bring_to(scene, kind)
        if scene.work(kind, crash_at=point, mutant=mutant):
            return True
        if ": kill " in point and _command_was_killed(kind):
            return True
    return False


def _command_was_killed(kind: str) -> bool:
    from workspace.models import Run

    last = Run.objects.filter(kind=kind).latest("id")
    return bool(last.commands.filter(exit_code=-signal.SIGKILL).exists())


def bring_to(scene: Scene, kind: str) -> None:
    """Go on with the open proposal, or a new one, until a run of this kind waits or was interrupted."""
    from workspace.models import Run

    if scene.finished():
        scene.propose()
    unfinished = Run.objects.filter(status__in=["queued", "running"])
    while not unfinished.filter(kind=kind).exists():
        scene.people_go_on()
        for beside in set(unfinished.exclude(kind__in=KINDS).values_list("kind", flat=True)):
            scene.work(beside)
        if scene.finished():
            scene.propose()
        for other in KINDS[: KINDS.index(kind)] if kind != "pull" else KINDS[:3]:
            scene.work(other)
        if kind != "pull" and Run.objects.filter(kind="pull", status="queued").exists():
            scene.work("pull")


# -- Broken on purpose ----------------------------------------------------------------------------------


SLEEPER = "proposal.publish: publish-committed"


def mutants(scene: Scene) -> int:
    """Variants without one of the rules have to break a promise that the harness sees."""
    caught = {}
    bring_to(scene, "proposal.publish")
    scene.sleep(SLEEPER)  # with the rule, nothing happens
    unbroken = scene.broken_promises()
    bring_to(scene, "proposal.publish")
    scene.sleep(SLEEPER, mutant="no-fence")
    caught["no-fence"] = scene.broken_promises()
    bring_to(scene, "proposal.publish")
    kill_at(scene, "proposal.publish: publish-pushed", mutant="hash-not-saved")
    scene.finish(mutant="hash-not-saved", patience=60)
    known = set(caught["no-fence"])
    caught["hash-not-saved"] = [said for said in scene.broken_promises() if said not in known]
    emit("crash", "no mutant: broken promises", len(unbroken), "promises")
    for name in MUTANTS:
        emit("crash", f"mutant {name}: broken promises", len(caught[name]), "promises")
    for name, sentences in {"no mutant": unbroken, **caught}.items():
        for sentence in sentences:
            print(f"{name}: {sentence}", file=sys.stderr)
    return 0 if all(caught.values()) and not unbroken else 1


# -- At random ------------------------------------------------------------------------------------------


class Soak:
    """A bad day: people propose, approve and publish; everything that works is killed."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.random = random.Random(SEED)
        self.kills: Counter[str] = Counter()
        self.hit: dict[int, tuple[int, float]] = {}
        self.recovered: list[float] = []
        self.workers: list[subprocess.Popen[bytes]] = []

    def go(self) -> list[str]:
        started = time.monotonic()
        proposals: list[Proposal] = [self.scene.propose() for _number in range(PROPOSALS)]
        next_kill = time.monotonic() + 2
        try:
            while not self.scene.finished() and time.monotonic() - started < PATIENCE:
                self.keep_workers()
                self.scene.people_go_on()
                self.look_after_the_hit()
                if sum(self.kills.values()) < KILLS and time.monotonic() > next_kill:
                    self.kill_something()
                    next_kill = time.monotonic() + self.random.uniform(0.3, 6)
                time.sleep(0.1)
        finally:
            for worker in self.workers:
                worker.kill()
                worker.wait()
        broken = self.scene.broken_promises()
        if sum(self.kills.values()) < KILLS:
            broken.append(f"only {sum(self.kills.values())} of {KILLS} kills were done")
        for name, count in sorted(self.kills.items()):
            emit("crash", f"soak: kills of {name}", count, "kills")
        emit("crash", "soak: proposals", len(proposals), "proposals")
        emit("crash", "soak: commits", self.scene.commits() - self.scene.base, "commits")
        for share in (0.5, 0.95):
            if self.recovered:
                value = percentile(self.recovered, share)
                emit("crash", f"soak: p{share * 100:.0f} until a killed run was taken up again", value, "s")
        emit("crash", "soak: in all", time.monotonic() - started, "s")
        emit("crash", "soak: broken promises", len(broken), "promises")
        return broken

    def keep_workers(self) -> None:
        self.workers = [worker for worker in self.workers if worker.poll() is None]
        while len(self.workers) < WORKERS:
            self.workers.append(self.scene.worker())

    def look_after_the_hit(self) -> None:
        """How long runs waited whose worker was killed."""
        from workspace.models import Run

        for run in Run.objects.filter(pk__in=self.hit):
            attempt, since = self.hit[run.pk]
            if run.attempt > attempt:
                self.recovered.append(time.monotonic() - since)
            if run.attempt > attempt or run.finished:
                del self.hit[run.pk]

    def kill_something(self) -> None:
        """`kill -9` for a worker, or for a dbt or git that one has started."""
        from workspace.models import Run

        found = [(kind, pid) for kind, pid in self.processes() if kind != "other"]
        if not found:
            return
        kind = self.random.choice(sorted({kind for kind, _pid in found}))
        pid = self.random.choice(sorted(pid for name, pid in found if name == kind))
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        self.kills[kind] += 1
        if kind == "worker":
            for run in Run.objects.filter(status="running"):
                self.hit.setdefault(run.pk, (run.attempt, time.monotonic()))

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


if __name__ == "__main__":
    sys.exit(main())
