"""What an environment's live version knows: its names, its places, its vocabulary."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from django.db.models import Prefetch, QuerySet, prefetch_related_objects
from django.utils.translation import gettext as _
from sqlglot import exp

from bisync.lib.errors import InvalidInput
from catalog.ingest import read as read_manifest
from catalog.models import Snapshot
from catalog.reading import Manifest
from environments.models import RANKS, Deployment, Environment
from governance.models import Project
from semantic.definitions import Vocabulary
from semantic.importer import vocabulary
from semantic.known import Known
from workspace.dbt import artifacts
from workspace.models import Artifact
from workspace.repositories import dbt_texts
from workspace.warehouse.location import Location


@dataclass(frozen=True, slots=True)
class Reading:
    """One version of an environment, ready to be asked. It never changes, so it may be kept."""

    deployment: int
    vocabulary: Vocabulary
    relations: Mapping[str, str]
    location: Location
    semantic_manifest: str

    @property
    def dialect(self) -> str:
        return self.location.adapter


def reading(deployment: Deployment) -> Reading:
    """What a version knows. Kept per process: its manifests are read once."""
    assert deployment.manifest_id
    assert deployment.semantic_manifest_id
    names, relations = _parts(
        deployment.manifest_id,
        deployment.semantic_manifest_id,
        deployment.columns_id or "",
        json.dumps(deployment.relations, sort_keys=True),
    )
    return Reading(
        deployment=deployment.pk,
        vocabulary=names,
        relations=relations,
        location=deployment.location,
        semantic_manifest=deployment.semantic_manifest_id,
    )


@lru_cache(maxsize=16)
def _parts(
    manifest: str, semantic_manifest: str, columns: str, relations: str
) -> tuple[Vocabulary, Mapping[str, str]]:
    names = _vocabulary(_stored(manifest), _stored(semantic_manifest), columns)
    places: dict[str, list[str]] = json.loads(relations)
    return names, {
        model.name: quoted(*places[model.unique_id])
        for model in names.models.values()
        if model.unique_id in places
    }


def quoted(schema: str, name: str) -> str:
    """A relation as both warehouses read it: `"schema"."name"`."""
    return exp.table_(name, db=schema, quoted=True).sql(dialect="postgres")


def _stored(digest: str) -> bytes:
    return Artifact.objects.get(pk=digest).content()


def _vocabulary(manifest: bytes, semantic_manifest: bytes, columns: str) -> Vocabulary:
    return vocabulary(
        artifacts.read_manifest(manifest),
        artifacts.read_semantic_manifest(semantic_manifest),
        json.loads(_stored(columns)) if columns else {},
    )


def vocabulary_of(project: Project, environment: Environment | None) -> Vocabulary:
    """The names that formulas may use: of the live version, or of the last pull before there is one."""
    if environment is not None and environment.live is not None:
        return reading(environment.live).vocabulary
    snapshot = Snapshot.objects.filter(project=project).order_by("-id").first()
    if snapshot is None:
        return Vocabulary(models={}, metrics={})
    return snapshot_vocabulary(snapshot, environment)


def snapshot_vocabulary(snapshot: Snapshot, environment: Environment | None) -> Vocabulary:
    """The names in the last pull, with the column types that the environment's warehouse reports."""
    live = environment.live if environment is not None else None
    columns = (live.columns_id or "") if live is not None else ""
    names, _relations = _parts(snapshot.manifest_id, snapshot.semantic_manifest_id, columns, "{}")
    return names


def snapshot_known(snapshot: Snapshot, environment: Environment | None) -> Known:
    """What the last pull says: its names, as in `snapshot_vocabulary`, its entries, and its files."""
    manifest = snapshot.manifest_id
    return Known(
        snapshot_vocabulary(snapshot, environment),
        lambda: _manifest(manifest),
        lambda: dbt_texts(snapshot.project.repository, snapshot.commit),
    )


@lru_cache(maxsize=4)
def _manifest(digest: str) -> Manifest:
    return read_manifest(_stored(digest))


def known_in(manifest: bytes, semantic_manifest: bytes, environment: Environment, commit: str) -> Known:
    """What manifests of a commit say that nobody keeps, with the types of the environment's warehouse."""
    live = environment.live
    columns = (live.columns_id or "") if live is not None else ""
    return Known(
        _vocabulary(manifest, semantic_manifest, columns),
        lambda: read_manifest(manifest),
        lambda: dbt_texts(environment.project.repository, commit),
    )


def environments_of(project: Project) -> QuerySet[Environment]:
    """A project's environments in their order, with what is live."""
    found = Environment.objects.filter(project=project).select_related(
        "live", "connection", "freshness_schedule"
    )
    # Read where it is needed: one that no key opens must not close every page of the project.
    return found.defer("connection__password")


def known_environments(project: Project) -> list[Environment]:
    """What `environments_of` gives, read once for this `project`, whoever asks again."""
    prefetch_related_objects([project], Prefetch("environments", environments_of(project)))
    return list(project.environments.all())


def told_of(project: Project, slug: str) -> tuple[str, int]:
    """The environment that somebody tells of, production where they name none, and its rank.

    A project without environments of its own has what it is told of under any name. Raises `InvalidInput`.
    """
    there = {one.slug: RANKS[one.kind] for one in environments_of(project)}
    if not there:
        return slug or "production", 0
    if slug and slug not in there:
        known = ", ".join(there)
        raise InvalidInput({"environment": [_("There is no such environment; there are: %s.") % known]})
    chosen = slug or min(there, key=lambda one: there[one])
    return chosen, there[chosen]


def production(project: Project) -> Environment | None:
    """Where approved changes go."""
    return environments_of(project).filter(kind="production").first()
