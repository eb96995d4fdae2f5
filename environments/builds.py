"""Build a dbt project, or the changed part of it, in a place of its own."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from sqlglot import exp

from bisync.lib import scratch
from bisync.lib.errors import BisyncError
from catalog.outcomes import Found
from environments.models import Deployment, Environment
from environments.plan import BUILT, relations_after
from workspace import runs
from workspace.dbt import artifacts
from workspace.dbt.events import Progress
from workspace.dbt.runner import BuildResult, Dbt, DbtProject
from workspace.models import Artifact, Repository, Run
from workspace.repositories import project_folder
from workspace.warehouse import release
from workspace.warehouse.gate import open_warehouse
from workspace.warehouse.location import Location


class BuildsElsewhere(BisyncError):
    code = "builds-elsewhere"
    message = _(
        "dbt builds %(model)s into the schema %(schema)s whatever the target's schema is, so a build would "
        "change what people read there before it is tested. Let the project's generate_schema_name begin "
        "with target.schema, then try again."
    )


@dataclass(frozen=True, slots=True)
class Built:
    """What a build left behind, ready to become a version."""

    results: BuildResult
    manifest: bytes
    semantic_manifest: bytes
    relations: dict[str, list[str]]
    columns: dict[str, dict[str, str]]


def dbt_for(
    environment: Environment, repository: Repository, *, tree: Path, into: Path, location: Location
) -> Dbt:
    """dbt for one environment, reading a checked-out `tree` and building into `location`."""
    return Dbt(
        DbtProject(
            folder=project_folder(tree, repository),
            checkout=tree,
            workdir=into,
            target=environment.dbt_target,
            location=location,
            variables=environment.variables,
            executable=repository.dbt_executable,
        )
    )


def prepare(live: Deployment | None, location: Location) -> None:
    """Make the empty place for a build: a copy of the live file, or a schema of its own.

    What an earlier attempt left there is removed first.
    """
    remove(location)
    if location.adapter == "duckdb":
        release.prepare_duckdb(live.file if live else None, Path(location.path))
    else:
        release.ensure_schema(location, location.schema)


def remove(location: Location) -> None:
    """Take a place that nobody reads away again."""
    if location.adapter == "duckdb":
        release.remove_duckdb(Path(location.path))
    else:
        release.drop_schemas(location, _schemas(location))


def drop_versions(environment: Environment, *, used: Collection[str], below: int) -> None:
    """Drop a server's schemas of versions before `below` that hold nothing in `used`."""
    location = environment.connection.location(schema=environment.schema)
    version = re.compile(re.escape(environment.schema) + r"__v(\d+)(_.*)?", re.DOTALL)
    found = [(name, version.fullmatch(name)) for name in _all_schemas(location)]
    old = [name for name, match in found if match and int(match[1]) < below and name not in used]
    if old:
        release.drop_schemas(location, old)


def _all_schemas(location: Location) -> list[str]:
    with open_warehouse(location) as warehouse:
        rows = warehouse.query("SELECT schema_name FROM information_schema.schemata").rows
    return [str(name) for (name,) in rows]


def _schemas(location: Location) -> list[str]:
    """The schema of a place, and those that dbt put beside it for models with a schema of their own."""
    own = location.schema
    return [name for name in _all_schemas(location) if name == own or name.startswith(f"{own}_")]


def build(
    dbt: Dbt,
    location: Location,
    *,
    live: Deployment | None,
    select: Sequence[str],
    into: Path,
    exclude: Sequence[str] = (),
    on_progress: Callable[[Progress], None] | None = None,
) -> Built:
    """Build `select` (everything where it is empty) without `exclude` on top of the live version.

    What is not selected is read from the live version. Raises `DbtBuildFailed` where a model or a test
    fails, `BuildsElsewhere` before anything is built; either way nothing that readers see has changed.
    """
    state: Path | None = None
    if not select or location.adapter != "duckdb":
        parsed = artifacts.read_manifest((dbt.parse() / "manifest.json").read_bytes())
        require_inside(location, parsed)
        if not select:
            _seeds_first(dbt, parsed)
    if live is not None and select:
        state = into / "state"
        state.mkdir(exist_ok=True)
        assert live.manifest is not None
        (state / "manifest.json").write_bytes(artifacts.relocate(live.manifest.content(), names_of(live)))
    done = dbt.build(select, exclude=exclude, defer_to=state, on_progress=on_progress)
    results = done.require_success()
    manifest = (results.target_path / "manifest.json").read_bytes()
    semantic = (results.target_path / "semantic_manifest.json").read_bytes()
    nodes: Mapping[str, Any] = artifacts.read_manifest(manifest)["nodes"]
    built = {
        result.unique_id
        for result in results.results
        if nodes.get(result.unique_id, {}).get("resource_type") in BUILT
    }
    relations = relations_after(nodes, built=built, before=live.relations if live else {})
    columns = columns_of(location, relations)
    return Built(results, manifest, semantic, relations, columns)


def _seeds_first(dbt: Dbt, manifest: Mapping[str, Any]) -> None:
    """Load the seeds that models read by source(): dbt does not know that those models wait for them."""
    read = {source["relation_name"] for source in manifest["sources"].values()}
    seeds = [
        node["name"]
        for node in manifest["nodes"].values()
        if node["resource_type"] == "seed" and node["relation_name"] in read
    ]
    if seeds:
        dbt.build(seeds, resource_types=["seed"]).require_success()


def names_of(live: Deployment) -> dict[str, str]:
    """unique_id → the three-part name of the live version's relation."""
    location = live.location
    database = Path(location.path).stem if location.adapter == "duckdb" else location.database
    return {
        unique_id: exp.table_(name, db=schema, catalog=database, quoted=True).sql(dialect="postgres")
        for unique_id, (schema, name) in live.relations.items()
    }


def columns_of(location: Location, relations: Mapping[str, Sequence[str]]) -> dict[str, dict[str, str]]:
    """unique_id → column → type as the warehouse names it, in order."""
    schemas = {schema for schema, _name in relations.values()}
    with open_warehouse(location) as warehouse:
        found = warehouse.columns(schemas)
    known = {(schema, name): columns for (_database, schema, name), columns in found.items()}
    return {
        unique_id: {column.name: column.data_type for column in known[schema, name]}
        for unique_id, (schema, name) in relations.items()
        if (schema, name) in known
    }


def stored_columns(columns: Artifact) -> dict[str, dict[str, str]]:
    """What `columns_of` found when a version was built."""
    found: dict[str, dict[str, str]] = json.loads(columns.content())
    return found


def require_inside(location: Location, manifest: Mapping[str, Any]) -> None:
    """Raise `BuildsElsewhere` if dbt would build for a server's place in a schema of somebody else's.

    A DuckDB place is a file of its own, and so are all its schemas.
    """
    if location.adapter == "duckdb":
        return
    own = location.schema
    for node in manifest["nodes"].values():
        schema = node["schema"]
        built = node["resource_type"] in BUILT and node["config"].get("materialized") != "ephemeral"
        if built and schema != own and not schema.startswith(f"{own}_"):
            raise BuildsElsewhere(model=node["name"], schema=schema)


@contextmanager
def sandbox(environment: Environment, run: Run) -> Iterator[Location]:
    """A place for a run to try a build in, on top of an environment's live version; gone afterwards."""
    if environment.connection.adapter == "duckdb":
        with scratch.folder(environment.folder / "try", f"{run.pk}-") as folder:
            path = str(folder / "warehouse.duckdb")
            location = environment.connection.location(schema=environment.schema, path=path)
            prepare(environment.live, location)
            yield location
        return
    location = environment.connection.location(schema=f"{environment.schema}__try{run.pk}")
    _forget_tries(environment)
    prepare(environment.live, location)
    try:
        yield location
    finally:
        remove(location)


def _forget_tries(environment: Environment) -> None:
    """Drop a server's schemas in which runs that have ended, or were killed, tried something."""
    location = environment.connection.location(schema=environment.schema)
    tried = re.compile(re.escape(environment.schema) + r"__try(\d+)(_.*)?", re.DOTALL)
    found = {name: int(match[1]) for name in _all_schemas(location) if (match := tried.fullmatch(name))}
    ended = set(
        Run.objects.filter(
            pk__in=found.values(), project=environment.project, finished_at__isnull=False
        ).values_list("pk", flat=True)
    )
    if left := [name for name, run in found.items() if run in ended]:
        release.drop_schemas(location, left)


def publish(deployment: Deployment, before: Deployment | None) -> None:
    """Show a server's new version to its readers: the views in the environment's schemas move at once.

    A version's schemas begin with its build schema (`analytics__v7`, `analytics__v7_finance`); readers see
    them without the version. What a project puts elsewhere by name is read where it lies. A DuckDB version is
    a file, and the environment's pointer to it is all there is to move.
    """
    if deployment.location.adapter == "duckdb":
        return
    after = facing(deployment.environment, deployment.relations)
    previous = facing(deployment.environment, before.relations) if before else {}
    for schema in sorted(after.keys() | previous.keys()):
        release.ensure_schema(deployment.location, schema)
        release.publish_views(
            deployment.location,
            schema=schema,
            relations=after.get(schema, {}),
            previous=previous.get(schema, {}),
        )


def facing(
    environment: Environment, relations: Mapping[str, Sequence[str]]
) -> dict[str, dict[str, tuple[str, str]]]:
    """Reader-facing schema → view → the (schema, name) that it shows."""
    versioned = re.compile(re.escape(environment.schema) + r"__v\d+(.*)", re.DOTALL)
    views: dict[str, dict[str, tuple[str, str]]] = {}
    for schema, name in relations.values():
        if match := versioned.fullmatch(schema):
            views.setdefault(f"{environment.schema}{match[1]}", {})[name] = (schema, name)
    return views


def teller(work: runs.Work) -> Callable[[Progress], None]:
    """Shows dbt's progress on the run's page."""

    def tell(progress: Progress) -> None:
        work.note(done=progress.done, total=progress.total, node=progress.node)

    return tell


def found(results: BuildResult, *, run: int) -> list[Found]:
    """What a run's build found out about each node and test, for whoever depends on it."""
    now, by = timezone.now(), {"run": run}
    return [
        Found(one.unique_id, one.status, now, one.sentence if one.failed else "", one.failures, by)
        for one in results.results
    ]


def summary(results: BuildResult) -> dict[str, object]:
    """The outcome of a build in numbers and, per node, in dbt's words."""
    counts: dict[str, int] = {}
    for result in results.results:
        counts[result.status] = counts.get(result.status, 0) + 1
    return {
        "counts": counts,
        "nodes": [
            {
                "unique_id": r.unique_id,
                "status": r.status,
                "seconds": round(r.seconds or 0.0, 3),
                "message": (r.message or "")[:300],
            }
            for r in results.results
        ],
    }
