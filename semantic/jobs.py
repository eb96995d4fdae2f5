"""The pull: fetch, parse, catalogue, definitions, in one run and one transaction."""

from __future__ import annotations

from django.utils import timezone

from bisync.lib import crash
from catalog.ingest import ingest, read
from catalog.models import Node, Snapshot
from governance import audit
from governance.models import Project
from semantic.importer import vocabulary
from semantic.sync import Exposure, call_hooks, sync_metrics, sync_usages
from workspace import holds, runs
from workspace.dbt import artifacts
from workspace.dbt.runner import Dbt, DbtProject
from workspace.git.commits import Commit
from workspace.git.repository import Mirror
from workspace.models import Artifact, Repository
from workspace.repositories import mirror_of, project_folder, reading_place, workdir

# Whether these can be read is asked when the warehouse is tested.
KEPT_SOURCES = 500


@runs.handles("pull")
def pull(work: runs.Work) -> dict[str, object]:
    """Bring everything dbt knows at the branch's head. A failure leaves the last snapshot as it was."""
    repository = Repository.objects.select_related("project", "connection").get(project=work.project)
    mirror = mirror_of(repository)
    work.progress(step="fetch")
    head = mirror.fetch()
    last = Snapshot.objects.filter(project=work.project).order_by("-id").first()
    if last is not None and last.commit == head == repository.synced_commit:
        return _unchanged(work, repository, mirror, last)
    holds.require_agreed(work, repository, mirror, head)
    work.progress(step="parse", commit=head)
    manifest, semantic = parsed(work, repository, mirror, head)
    work.progress(step="catalogue")
    return _keep(work, repository, mirror, head, manifest=manifest, semantic=semantic)


@runs.handles("repository.parse")
def parse(work: runs.Work) -> dict[str, object]:
    """Whether dbt can read the project at the branch's head, and how much is in it. Nothing is kept."""
    repository = Repository.objects.select_related("connection").get(project=work.project)
    mirror = mirror_of(repository)
    work.progress(step="fetch")
    head = mirror.fetch()
    work.progress(step="parse", commit=head)
    manifest, _semantic = parsed(work, repository, mirror, head)
    found = read(manifest)
    counts = found.counts()
    read_in = artifacts.read_manifest(manifest)["sources"].values()
    sources = sorted({(raw["schema"], raw["identifier"]) for raw in read_in})
    return {
        "commit": head,
        "dbt_version": found.dbt_version,
        "models": counts["model"],
        "metrics": counts["metric"],
        "tests": counts["test"],
        "sources": [list(source) for source in sources[:KEPT_SOURCES]],
    }


def parsed(work: runs.Work, repository: Repository, mirror: Mirror, commit: str) -> tuple[bytes, bytes]:
    """What dbt makes of a commit, its manifest and its semantic manifest; of none that nobody agreed to."""
    holds.require_known(work, repository, mirror, commit)
    with mirror.worktree(commit) as tree, workdir() as into:
        dbt = Dbt(
            DbtProject(
                folder=project_folder(tree, repository),
                checkout=tree,
                workdir=into,
                target=repository.dbt_target,
                location=reading_place(repository, into),
                executable=repository.dbt_executable,
            )
        )
        dbt.deps()
        target = dbt.parse()
        return (target / "manifest.json").read_bytes(), (target / "semantic_manifest.json").read_bytes()


def _unchanged(work: runs.Work, repository: Repository, mirror: Mirror, last: Snapshot) -> dict[str, object]:
    with work.fenced():
        Repository.objects.filter(pk=repository.pk).update(synced_at=timezone.now())
        holds.arrived(work, repository, mirror, last.commit)
        call_hooks(work, last)
    return {"commit": last.commit, "snapshot": last.pk, "unchanged": True}


def _keep(
    work: runs.Work, repository: Repository, mirror: Mirror, head: str, *, manifest: bytes, semantic: bytes
) -> dict[str, object]:
    project = work.project
    found = read(manifest)
    commit: Commit = mirror.log(head, limit=1)[0]
    crash.point("pull-read")
    with work.fenced():
        snapshot = Snapshot.objects.create(
            project=project,
            commit=head,
            subject=commit.subject[:300],
            author=commit.author.name[:200],
            committed_at=commit.at,
            dbt_version=found.dbt_version,
            adapter=found.adapter,
            manifest=Artifact.keep("manifest.json", manifest),
            semantic_manifest=Artifact.keep("semantic_manifest.json", semantic),
            run=work.run,
        )
        metrics: dict[str, list[str]] = {}
        if ingest(snapshot, found):
            known = artifacts.read_manifest(manifest), artifacts.read_semantic_manifest(semantic)
            metrics = sync_metrics(project, vocabulary(*known), commit=head)
        sync_usages(project, _exposures(project))
        Repository.objects.filter(pk=repository.pk).update(synced_commit=head, synced_at=timezone.now())
        holds.arrived(work, repository, mirror, head)
        audit.record(
            actor=work.run.requested_by,
            action="pull.arrived",
            target=snapshot,
            after={"commit": head, "metrics": metrics},
        )
        call_hooks(work, snapshot)
        crash.point("pull-kept")
    return {"commit": head, "snapshot": snapshot.pk, **snapshot.changes}


def _exposures(project: Project) -> list[Exposure]:
    """Each exposure with the metrics that it depends on."""
    nodes = Node.objects.filter(project=project)
    names = dict(nodes.filter(resource_type="metric").values_list("unique_id", "name"))
    exposures = []
    for node in nodes.filter(resource_type="exposure"):
        owner = node.fields.get("owner") or {}
        exposures.append(
            Exposure(
                unique_id=node.unique_id,
                label=node.label or node.name,
                url=str(node.fields.get("url") or ""),
                owner=str(owner.get("name") or owner.get("email") or ""),
                metrics=tuple(names[uid] for uid in node.fields.get("depends_on", ()) if uid in names),
            )
        )
    return exposures
