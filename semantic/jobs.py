"""The pull: fetch, parse, catalogue, definitions, in one run and one transaction."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.utils import timezone
from django.utils.translation import gettext as _

from bisync.lib import crash
from bisync.lib.errors import BisyncError
from catalog.actions import NothingUploaded
from catalog.ingest import ingest, read
from catalog.models import Change, Node, Snapshot, Uploaded
from catalog.search import index
from governance import audit
from governance.models import Project
from semantic.authors import with_authors
from semantic.importer import vocabulary
from semantic.sync import Exposure, call_hooks, sync_metrics, sync_usages
from workspace import holds, runs, strategies
from workspace.dbt import artifacts
from workspace.dbt.errors import ArtifactUnreadable
from workspace.git.commits import Commit
from workspace.git.moves import moved
from workspace.git.repository import Mirror
from workspace.models import Artifact, Repository
from workspace.reading import reading
from workspace.repositories import mirror_of

logger = logging.getLogger(__name__)
# Whether these can be read is asked when the warehouse is tested.
KEPT_SOURCES = 500
# An uploaded manifest has no commit: so many letters of its digest stand for one.
COMMIT_LETTERS = 40
# So many seconds git may compare files that came with files that went.
_PATIENCE = 20


@runs.handles("pull")
def pull(work: runs.Work) -> dict[str, object]:
    """Bring everything dbt knows at the branch's head. A failure leaves the last snapshot as it was."""
    repository = (
        Repository.objects.select_related("project", "connection").filter(project=work.project).first()
    )
    if repository is None:
        return _uploaded(work)
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
    with reading(work, repository, mirror, commit) as dbt:
        target = dbt.parse()
        return (target / "manifest.json").read_bytes(), (target / "semantic_manifest.json").read_bytes()


def _unchanged(work: runs.Work, repository: Repository, mirror: Mirror, last: Snapshot) -> dict[str, object]:
    file = strategies.file_in(repository, mirror, last.commit)
    with work.fenced():
        Repository.objects.filter(pk=repository.pk).update(synced_at=timezone.now())
        strategies.file_arrived(work.project, file)
        holds.arrived(work, repository, mirror, last.commit)
        call_hooks(work, last)
    if last.run_id == work.run.pk:  # an earlier attempt was lost after it had kept what it read
        _note_authors(work, repository, mirror, last)
    return {"commit": last.commit, "snapshot": last.pk, "unchanged": True}


def _keep(
    work: runs.Work, repository: Repository, mirror: Mirror, head: str, *, manifest: bytes, semantic: bytes
) -> dict[str, object]:
    commit: Commit = mirror.log(head, limit=1)[0]
    touched, moves = _touched(mirror, repository, head)
    file = strategies.file_in(repository, mirror, head)
    picture = _Picture(
        head, commit.subject, commit.author.name, commit.at, manifest, semantic, touched, moves
    )
    crash.point("pull-read")
    with work.fenced():
        snapshot = _arrive(work, picture)
        Repository.objects.filter(pk=repository.pk).update(synced_commit=head, synced_at=timezone.now())
        holds.arrived(work, repository, mirror, head)
        strategies.file_arrived(work.project, file)
        call_hooks(work, snapshot)
        crash.point("pull-kept")
    crash.point("pull-committed")
    _note_authors(work, repository, mirror, snapshot)
    return {"commit": head, "snapshot": snapshot.pk, **snapshot.changes}


def _note_authors(work: runs.Work, repository: Repository, mirror: Mirror, snapshot: Snapshot) -> None:
    """Add to the history who wrote which line. What fails here costs nothing that the pull has brought."""
    before = Snapshot.objects.filter(project=work.project, pk__lt=snapshot.pk).order_by("-id").first()
    try:
        if before is None or not mirror.has(before.commit):
            return
        found = with_authors(snapshot, repository, since=before.commit)
    except Exception:
        logger.warning("authors of lines not found", extra={"run": work.run.pk}, exc_info=True)
        return
    if not found:
        return
    with work.fenced():
        noted = ["authors", "commit", "committed_at", "subject", "author"]
        Change.objects.bulk_update(found, noted, batch_size=100)


def _uploaded(work: runs.Work) -> dict[str, object]:
    """Of a project without a repository: what its pipeline has uploaded last."""
    last = (
        Uploaded.objects.filter(project=work.project, name="manifest.json")
        .select_related("artifact", "by")
        .first()
    )
    if last is None:
        raise NothingUploaded(project=work.project.name)
    before = Snapshot.objects.filter(project=work.project).order_by("-id").first()
    if before is not None and before.manifest_id == last.artifact_id:
        return {"commit": before.commit, "snapshot": before.pk, "unchanged": True}
    manifest = last.artifact.content()
    commit = last.artifact_id[:COMMIT_LETTERS]
    picture = _Picture(commit, _("Uploaded manifest"), last.by.name, last.generated_at, manifest, b"{}")
    try:
        with work.fenced():
            snapshot = _arrive(work, picture)
            call_hooks(work, snapshot)
    except (KeyError, TypeError, AttributeError, ValueError) as exc:
        # dbt itself writes no such thing, but whoever uploads may have changed it.
        logger.warning("uploaded manifest not read", extra={"run": work.run.pk}, exc_info=True)
        words = _("a part of it is missing or not as dbt writes it: %s") % exc
        raise ArtifactUnreadable(words=words) from None
    return {"commit": commit, "snapshot": snapshot.pk, **snapshot.changes}


@dataclass(frozen=True, slots=True)
class _Picture:
    """A commit, and what dbt made of it."""

    commit: str
    subject: str
    author: str
    at: datetime
    manifest: bytes
    semantic: bytes
    touched: Mapping[str, Commit] = field(default_factory=dict)
    moved: Mapping[str, str] = field(default_factory=dict)


def _touched(mirror: Mirror, repository: Repository, head: str) -> tuple[dict[str, Commit], dict[str, str]]:
    """The files of the dbt project that changed since the last pull, each with the last commit that did.

    And those that git takes for renamed ones, each new path with its old one.
    """
    last = repository.synced_commit
    if not last or not mirror.has(last):
        return {}, {}
    prefix = repository.inside("")

    def inside(path: str) -> str:
        return path.removeprefix(prefix)

    found = {path: by for path, by in mirror.touched(last, head).items() if path.startswith(prefix)}
    try:
        moves = moved(mirror, last, head, folder=prefix, patience=_PATIENCE)
    except BisyncError:
        logger.warning("renamed files not found", extra={"repository": repository.pk}, exc_info=True)
        moves = {}
    return {inside(path): by for path, by in found.items()}, {inside(n): inside(o) for n, o in moves.items()}


def _arrive(work: runs.Work, picture: _Picture) -> Snapshot:
    """Bring catalogue and definitions in step. Call it in the transaction that ends the pull."""
    project = work.project
    found = read(picture.manifest)
    snapshot = Snapshot.objects.create(
        project=project,
        commit=picture.commit,
        subject=picture.subject[:300],
        author=picture.author[:200],
        committed_at=picture.at,
        dbt_version=found.dbt_version,
        adapter=found.adapter,
        manifest=Artifact.keep("manifest.json", picture.manifest),
        semantic_manifest=Artifact.keep("semantic_manifest.json", picture.semantic),
        run=work.run,
    )
    metrics: dict[str, list[str]] = {}
    if ingest(snapshot, found, picture.touched, picture.moved):
        known = artifacts.read_manifest(picture.manifest), artifacts.read_semantic_manifest(picture.semantic)
        metrics = sync_metrics(project, vocabulary(*known), commit=picture.commit)
    index.bring_if_little(snapshot)
    sync_usages(project, _exposures(project))
    audit.record(
        actor=work.run.requested_by,
        action="pull.arrived",
        target=snapshot,
        after={"commit": picture.commit, "metrics": metrics},
    )
    return snapshot


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
