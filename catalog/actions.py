"""Artifacts that a company's own pipeline sends: its manifest, run results, freshness and catalog."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext_lazy as _

from bisync.lib.errors import BisyncError, InvalidInput, NotAllowed
from catalog import outcomes
from catalog.ingest import read
from catalog.models import Change, Node, NodeTest, SavedView, Uploaded
from catalog.outcomes import Found
from governance import audit, permissions
from governance.models import Project, User
from workspace import runs
from workspace.dbt import results
from workspace.models import Artifact, Repository, Run


class UnknownArtifact(BisyncError):
    code = "artifact-unknown"
    message = _("%(name)s is none of the artifacts that can be uploaded: %(names)s.")
    http_status = 404


class OtherProject(BisyncError):
    code = "artifact-of-another-project"
    message = _(
        "Nothing in this %(name)s is known in %(project)s: it tells of %(example)s. Was it made by another "
        "project, or does a pull have to come first?"
    )
    http_status = 409


class PulledProject(BisyncError):
    code = "artifact-project-is-pulled"
    message = _(
        "%(project)s is pulled from its repository, so its manifest comes with each pull. Upload only what "
        "builds leave behind: run_results.json, sources.json, catalog.json."
    )
    http_status = 409


class NothingUploaded(BisyncError):
    code = "artifact-missing"
    message = _(
        "%(project)s has neither a repository nor an uploaded manifest. Let its pipeline upload one, or "
        "connect the repository."
    )
    http_status = 409


class NotRenamed(BisyncError):
    code = "catalogue-not-renamed"
    message = _("Nothing that went with the same pull looks like %(name)s.")
    http_status = 409


@dataclass(frozen=True, slots=True)
class Arrived:
    """What came of an upload: how many results are new, or the run that goes on with it."""

    new: int = 0
    run: Run | None = None


@audit.atomic()
def rename_settle(*, change: Change, same: bool, actor: User) -> None:
    """Say whether what came and what went with the same code are one thing under two names.

    Both changes are told so; saying otherwise later is possible. Raises `NotRenamed` where there is no other.
    """
    permissions.require(actor, "catalogue.settle", change.project)
    if not change.renamed:
        raise NotRenamed(name=change.name)
    pair = Change.objects.filter(
        project=change.project_id,
        snapshot=change.snapshot_id,
        unique_id__in=(change.unique_id, change.renamed),
    )
    pair.update(same=same)
    audit.record(
        actor=actor,
        action="catalogue.is_renamed" if same else "catalogue.is_another",
        target=change,
        before={"same": change.same},
        after={"name": change.unique_id, "before": change.renamed, "same": same},
    )
    change.same = same


MOST_VIEWS = 30
MOST_WORDS = 1_000


def view_save(*, project: Project, name: str, query: str, actor: User) -> SavedView:
    """Keep a way of looking at the catalogue for this person; the same name replaces the one before.

    Raises `InvalidInput` without a name, where nothing is narrowed, and where there are thirty already.
    """
    permissions.require(actor, "project.view", project)
    name = name.strip()
    problems: dict[str, list[str]] = {}
    if not name:
        problems["name"] = [str(_("Give it a name."))]
    if not query:
        problems["query"] = [str(_("Narrow the catalogue first: by words, kind, owner or state."))]
    mine = SavedView.objects.filter(project=project, person=actor)
    if mine.exclude(name=name).count() >= MOST_VIEWS:
        problems["name"] = [str(_("You have thirty views here. Delete one first."))]
    if len(query) > MOST_WORDS:
        problems["name"] = [str(_("What it is narrowed by is too long to be kept: use fewer words."))]
    if problems:
        raise InvalidInput(problems)
    view, _new = SavedView.objects.update_or_create(
        project=project, person=actor, name=name, defaults={"query": query}
    )
    return view


def view_delete(*, view: SavedView, actor: User) -> None:
    """Forget a view of one's own. Raises `NotAllowed` for another's."""
    if view.person_id != actor.pk:
        raise NotAllowed(reason=_("It is another person's."))
    view.delete()


@audit.atomic()
def artifact_upload(
    *, project: Project, name: str, content: bytes, environment: str, rank: int, actor: User
) -> Arrived:
    """Take in an artifact that dbt wrote elsewhere, told of `environment`.

    Raises `ArtifactUnreadable`, or what says why it cannot belong here; nothing is changed then.
    """
    permissions.require(actor, "project.pull", project)
    take = _TAKES.get(name)
    if take is None:
        raise UnknownArtifact(name=name, names=", ".join(_TAKES))
    arrived = take(_Upload(project, content, environment, rank, actor))
    after = {"artifact": name, "environment": environment, "bytes": len(content), "new": arrived.new}
    audit.record(actor=actor, action="project.artifact_uploaded", target=project, after=after)
    return arrived


@dataclass(frozen=True, slots=True)
class _Upload:
    project: Project
    content: bytes
    environment: str
    rank: int
    actor: User

    def keep(self, name: str, generated_at: datetime) -> None:
        Uploaded.objects.update_or_create(
            project=self.project,
            environment=self.environment,
            name=name,
            defaults={
                "artifact": Artifact.keep(name, self.content),
                "generated_at": generated_at,
                "by": self.actor,
            },
        )


def _run_results(upload: _Upload) -> Arrived:
    told = results.read_run_results(upload.content)
    found = [
        Found(one.unique_id, one.status, one.at or told.at, one.message or "", one.failures)
        for one in told.results
    ]
    return _outcomes(upload, "run_results.json", found)


def _sources(upload: _Upload) -> Arrived:
    found = outcomes.of_sources(results.read_sources(upload.content))
    return _outcomes(upload, "sources.json", found)


def _outcomes(upload: _Upload, name: str, found: list[Found]) -> Arrived:
    _require_known(upload, name, [one.unique_id for one in found])
    return Arrived(outcomes.keep(upload.project, upload.environment, upload.rank, found))


def _catalog(upload: _Upload) -> Arrived:
    told = results.read_catalog(upload.content)
    tables = dict(told.tables())
    _require_known(upload, "catalog.json", tables)
    upload.keep("catalog.json", told.at)
    run = runs.request(kind="catalog.lineage", project=upload.project, requested_by=upload.actor)
    return Arrived(len(tables), run)


def _manifest(upload: _Upload) -> Arrived:
    if Repository.objects.filter(project=upload.project).exists():
        raise PulledProject(project=upload.project.name)
    found = read(upload.content)
    known = Node.objects.filter(project=upload.project)
    if known.exists():
        _require_known(upload, "manifest.json", [key for key in found.nodes if not key.startswith("macro.")])
    generated = str(found.parts.metadata.get("generated_at") or "")
    upload.keep("manifest.json", results.moment(generated) or results.Artifact(results.Metadata()).at)
    return Arrived(run=runs.request(kind="pull", project=upload.project, requested_by=upload.actor))


def _require_known(upload: _Upload, name: str, keys: Iterable[str]) -> None:
    """Raise `OtherProject` where an artifact tells of things, and the project has none of them."""
    told = list(keys)
    sample = told[:200]
    nodes = Node.objects.filter(project=upload.project, unique_id__in=sample)
    tests = NodeTest.objects.filter(project=upload.project, unique_id__in=sample)
    if told and not nodes.exists() and not tests.exists():
        raise OtherProject(name=name, project=upload.project.name, example=told[0][:120])


_TAKES: Mapping[str, Callable[[_Upload], Arrived]] = {
    "run_results.json": _run_results,
    "sources.json": _sources,
    "catalog.json": _catalog,
    "manifest.json": _manifest,
}
