"""A pull beside `git clone` and `dbt parse`; and of one changed of 1,000 models beside dbt's own parse.

BISYNC_BENCH_MODELS (1000) says how many models, BISYNC_BENCH_ROUNDS (5) how often one of them is changed.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench import _demo, _project
from bench._common import emit

MODELS = int(os.environ.get("BISYNC_BENCH_MODELS", "1000"))
ROUNDS = int(os.environ.get("BISYNC_BENCH_ROUNDS", "5"))


def main() -> None:
    _demo.prepare()
    demo()
    with tempfile.TemporaryDirectory() as folder:
        one_changed(Path(folder))


def pull(project) -> str:
    """A pull as the worker carries it out; what it ended with."""
    from workspace import runs
    from workspace.models import Run

    run = runs.request(kind="pull", project=project)
    runs.execute(run.pk)
    run = Run.objects.get(pk=run.pk)
    assert run.status == "succeeded", run.error
    return run.result


def demo() -> None:
    from bisync.demo import company
    from catalog.models import Snapshot
    from governance.models import Project
    from workspace.repositories import mirror_of

    project = Project.objects.get(slug=company.SLUG)
    pull(project)  # an earlier call may have left it otherwise
    emit("pull", "unchanged commit", spent(lambda: pull(project))[1], "s")
    Snapshot.objects.filter(project=project).delete()
    project.repository.parsed_path.unlink(missing_ok=True)
    ours = spent(lambda: pull(project))[1]
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)

        def peer() -> None:
            run("git", "clone", "--quiet", str(company.remote_path()), "tree", cwd=home)
            profile(home, "outdoor")
            dbt(home, "--no-partial-parse")

        emit("pull", "changed commit", ours, "s", peer="git clone + dbt parse", peer_value=spent(peer)[1])
    assert mirror_of(project.repository).head()


def one_changed(home: Path) -> None:
    """The same commits by a pull and by dbt in a clone that it has read before, in turn."""
    project, tree = connected(home)
    profile(home, "shop")
    run("git", "clone", "--quiet", str(home / "shop.git"), "tree", cwd=home)
    first, parse = (spent(lambda: pull(project)), spent(lambda: dbt(home, "--partial-parse")))
    case = f"{MODELS:,} models"
    compared(f"{case}: first pull", [first], [parse])
    ours, theirs = [], []
    for number in range(ROUNDS):
        change(tree, number)
        ours.append(spent(lambda: arrived(pull(project))))
        run("git", "pull", "--quiet", cwd=home / "tree")
        theirs.append(spent(lambda: dbt(home, "--partial-parse")))
    compared(f"{case}: one changed", ours, theirs)


def arrived(result) -> None:
    assert result["changed"] == 1, result


def compared(case: str, ours: list[tuple[float, float]], theirs: list[tuple[float, float]]) -> None:
    for place, what in enumerate(("CPU", "wall")):
        mine, peer = (statistics.median(one[place] for one in some) for some in (ours, theirs))
        emit("pull", f"{case}, {what}", mine, "s", peer="dbt parse", peer_value=peer)


def connected(home: Path):
    """A project in a remote of its own, and a tree to change it in."""
    from environments.actions import NewProject, project_connect
    from governance.models import Project, User
    from workspace.models import Run

    tree = home / "work"
    tree.mkdir()
    _project.write(tree, MODELS)
    run("git", "init", "--quiet", "--initial-branch=main", cwd=tree)
    run("git", "init", "--quiet", "--bare", "--initial-branch=main", "shop.git", cwd=home)
    run("git", "remote", "add", "origin", str(home / "shop.git"), cwd=tree)
    push(tree, "shop: Add the project.")
    # What an earlier call connected stays: its audit log keeps it.
    slug = f"shop-{Project.objects.count()}"
    new = NewProject(name="Shop", slug=slug, url=str(home / "shop.git"), branch="main", schema="analytics")
    project = project_connect(new=new, actor=User.objects.filter(is_superuser=True).first())
    Run.objects.filter(project=project, status="queued").update(status="cancelled")
    return project, tree


def change(tree: Path, number: int) -> None:
    file = tree / "models" / "marts" / f"m{MODELS // 2 + number}.sql"
    file.write_text(file.read_text().replace("\nfrom p0", f",\n    {number} as added\nfrom p0"))
    push(tree, f"shop: Add a column, {number}.")


def push(tree: Path, subject: str) -> None:
    run("git", "add", "--all", cwd=tree)
    person = ("-c", "user.name=Tom", "-c", "user.email=tom@example.com")
    run("git", *person, "commit", "--quiet", "-m", subject, cwd=tree)
    run("git", "push", "--quiet", "origin", "main", cwd=tree)


def profile(home: Path, name: str) -> None:
    output = "{type: duckdb, path: w.duckdb, schema: analytics}"
    (home / "profiles.yml").write_text(f"{name}: {{target: prod, outputs: {{prod: {output}}}}}\n")


def dbt(home: Path, *options: str) -> None:
    from workspace.dbt.versions import OWN

    places = ["--project-dir", str(home / "tree"), "--profiles-dir", str(home)]
    run(str(OWN), "parse", *places, *options, cwd=home)


def run(*command: str, cwd: Path) -> None:
    env = {"PATH": os.environ["PATH"], "HOME": str(cwd), "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}
    subprocess.run(command, cwd=cwd, env=env, check=True, capture_output=True)


def spent(call: Callable[[], object]) -> tuple[float, float]:
    """The seconds of processors and of the clock that it takes, its children's with them."""
    started, before = time.perf_counter(), _cpu()
    call()
    return _cpu() - before, time.perf_counter() - started


def _cpu() -> float:
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in both)


if __name__ == "__main__":
    main()
