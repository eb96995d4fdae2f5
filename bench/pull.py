"""A pull of the demo project, beside a bare `git fetch` and `dbt parse` of the same commit."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from pathlib import Path

from bench import _demo
from bench._common import emit


def main() -> None:
    _demo.prepare()
    from bisync.demo import company
    from catalog.models import Snapshot
    from governance.models import Project
    from workspace import runs
    from workspace.dbt.versions import OWN
    from workspace.models import Run
    from workspace.repositories import mirror_of

    project = Project.objects.get(slug=company.SLUG)

    def pull() -> float:
        started = time.perf_counter()
        run = runs.request(kind="pull", project=project)
        runs.execute(run.pk)
        taken = time.perf_counter() - started
        run = Run.objects.get(pk=run.pk)
        assert run.status == "succeeded", run.error
        return taken

    emit("pull", "unchanged commit", pull(), "s")
    Snapshot.objects.filter(project=project).delete()
    ours = pull()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        started = time.perf_counter()
        clone = ["git", "clone", "--quiet", str(company.remote_path()), "tree"]
        subprocess.run(clone, cwd=home, check=True, capture_output=True)
        (home / "profiles.yml").write_text(
            "outdoor: {target: prod, outputs: {prod: {type: duckdb, path: w.duckdb, schema: analytics}}}\n"
        )
        env = {"PATH": os.environ["PATH"], "HOME": folder, "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}
        places = ["--project-dir", str(home / "tree"), "--profiles-dir", folder]
        parse = [str(OWN), "parse", "--no-partial-parse", *places]
        subprocess.run(parse, cwd=home, env=env, check=True, capture_output=True)
        peer = time.perf_counter() - started
    emit("pull", "changed commit", ours, "s", peer="git clone + dbt parse", peer_value=peer)
    assert mirror_of(project.repository).head()


if __name__ == "__main__":
    main()
