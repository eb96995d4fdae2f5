"""From the click on publish to the published metric, beside a bare `dbt build` of the same selection."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from bench import _demo
from bench._common import emit


def main() -> None:
    _demo.prepare()
    from environments.selectors import environments_of
    from governance.models import Project
    from proposals import content
    from proposals.actions import authoring, publishing, reviewing
    from semantic.fields import MetricFields
    from workspace.dbt.versions import OWN
    from workspace.repositories import mirror_of

    project = Project.objects.get(slug="outdoor")
    maya, tom, priya = (_demo.person(name) for name in ("Maya", "Tom", "Priya"))
    label = f"Bench {int(time.time())}"
    fields = MetricFields(
        label=label,
        meaning="For measuring.",
        formula="SUM(refund_amount)",
        model="fct_orders",
        owner="Maya Chen",
    )
    proposal = authoring.proposal_open(project=project, author=maya)
    authoring.draft_save(item=proposal.items.get(), fields=fields, version=1, actor=maya)
    started = time.perf_counter()
    authoring.proposal_submit(proposal=proposal, actor=maya)
    _demo.work_off()
    emit("publish", "checks", time.perf_counter() - started, "s")
    reviewing.proposal_approve(proposal=proposal, seen=content.hash_of(proposal), actor=tom)
    proposal.refresh_from_db()
    before = environments_of(project).get(slug="prod").live
    started = time.perf_counter()
    publishing.proposal_publish(proposal=proposal, actor=priya)
    _demo.work_off()
    ours = time.perf_counter() - started
    proposal.refresh_from_db()
    assert proposal.status == "published", proposal.status
    with (
        tempfile.TemporaryDirectory() as folder,
        mirror_of(project.repository).worktree(proposal.published_commit) as tree,
    ):
        home = Path(folder)
        shutil.copyfile(before.file, home / "warehouse.duckdb")
        (home / "profiles.yml").write_text(
            "outdoor: {target: prod, outputs: {prod: {type: duckdb, threads: 2, schema: analytics, "
            f"path: {home}/warehouse.duckdb}}}}}}\n"
        )
        env = {"PATH": os.environ["PATH"], "HOME": folder, "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}
        places = ["--project-dir", str(tree), "--profiles-dir", folder, "--target-path", f"{folder}/target"]
        started = time.perf_counter()
        subprocess.run(
            [str(OWN), "build", "--no-partial-parse", "--select", "fct_orders+", *places],
            env=env,
            check=True,
            capture_output=True,
        )
        peer = time.perf_counter() - started
    emit("publish", "click to published", ours, "s", peer="dbt build --select fct_orders+", peer_value=peer)


if __name__ == "__main__":
    main()
