"""What dbt writes: manifest.json (v10 to v12), run_results.json and semantic_manifest.json.

Only the fields that Bisync reads, and no more strictly than it must: dbt changes the contents of an
artifact within its version. What is not read is skipped without being built, which makes a manifest of
10 MB a matter of milliseconds. Whatever cannot be read raises `ArtifactUnreadable`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeAlias, TypeVar

import msgspec

OLDEST_MANIFEST = 10
T = TypeVar("T")
Number: TypeAlias = int | float | str
Words: TypeAlias = list[str] | str

_SCHEMA_VERSION = re.compile(r"/manifest/v(\d+)")
_PART = re.compile(r'"((?:[^"]|"")+)"|([^."]+)')
_HEADING = re.compile(r"^ *(?:Compilation|Runtime|Database|Parsing) Error in .+\n")
# The warehouse repeats the statement and points into it, which needs a fixed-width font.
_POINTER = re.compile(r"\n\s*LINE \d+:.*", re.DOTALL)
_LONG = 300


class ArtifactUnreadable(ValueError):
    """This is not an artifact that Bisync can read; the words say why."""


class _Struct(msgspec.Struct, frozen=True):
    """Unknown fields are skipped, absent ones have a default."""


class Metadata(_Struct, frozen=True):
    dbt_schema_version: str = ""
    dbt_version: str = ""
    adapter_type: str | None = None
    project_name: str | None = None
    generated_at: str = ""
    invocation_id: str | None = None


class DependsOn(_Struct, frozen=True):
    nodes: list[str] = []
    macros: list[str] = []


class Checksum(_Struct, frozen=True):
    name: str = ""
    checksum: str = ""


class Owner(_Struct, frozen=True):
    name: str | None = None
    email: Words | None = None


class Config(_Struct, frozen=True):
    """What is set for a node, or inherited from its folder."""

    enabled: bool = True
    materialized: str | None = None
    group: str | None = None
    access: str | None = None
    tags: Words = []
    meta: dict[str, Any] = {}
    contract: dict[str, Any] | None = None
    severity: str | None = None
    where: str | None = None
    event_time: Any = None
    unique_key: Any = None


class ColumnConfig(_Struct, frozen=True):
    meta: dict[str, Any] = {}
    tags: Words = []


class Column(_Struct, frozen=True):
    name: str
    description: str | None = ""
    data_type: str | None = None
    meta: dict[str, Any] = {}
    tags: Words = []
    constraints: list[dict[str, Any]] = []
    config: ColumnConfig = ColumnConfig()


class TestMetadata(_Struct, frozen=True):
    """Which generic test a test is, and with what."""

    __test__ = False  # no test of pytest's

    name: str
    namespace: str | None = None
    kwargs: dict[str, Any] = {}


class Resource(_Struct, frozen=True):
    """What everything in a manifest has."""

    unique_id: str
    name: str
    resource_type: str
    package_name: str = ""
    original_file_path: str = ""
    fqn: list[str] = []
    description: str | None = ""
    tags: Words = []
    meta: dict[str, Any] = {}
    config: Config = Config()
    depends_on: DependsOn = DependsOn()


class Node(Resource, frozen=True):
    """A model, seed, snapshot, test, analysis or operation; `test_metadata` and the like are a test's."""

    relation_name: str | None = None
    database: str | None = None
    schema: str | None = None
    alias: str | None = None
    patch_path: str | None = None
    columns: dict[str, Column] = {}
    checksum: Checksum = Checksum()
    language: str | None = None
    raw_code: str | None = None
    compiled_code: str | None = None
    access: str | None = None
    group: str | None = None
    version: Number | None = None
    latest_version: Number | None = None
    deprecation_date: str | None = None
    constraints: list[dict[str, Any]] = []
    test_metadata: TestMetadata | None = None
    attached_node: str | None = None
    column_name: str | None = None


class Source(Resource, frozen=True):
    source_name: str = ""
    source_description: str | None = ""
    identifier: str | None = None
    relation_name: str | None = None
    database: str | None = None
    schema: str | None = None
    loader: str | None = None
    loaded_at_field: str | None = None
    freshness: dict[str, Any] | None = None
    columns: dict[str, Column] = {}
    patch_path: str | None = None


class Exposure(Resource, frozen=True):
    type: str = ""
    label: str | None = None
    url: str | None = None
    maturity: str | None = None
    owner: Owner = Owner()


class Metric(Resource, frozen=True):
    """`type_params` and `filter` as dbt has them: the semantic importer reads these."""

    type: str = ""
    label: str | None = None
    type_params: dict[str, Any] = {}
    filter: Any = None
    time_granularity: str | None = None
    group: str | None = None


class SemanticModel(Resource, frozen=True):
    model: str = ""
    label: str | None = None
    node_relation: dict[str, Any] | None = None
    defaults: dict[str, Any] | None = None
    primary_entity: str | None = None
    entities: list[dict[str, Any]] = []
    dimensions: list[dict[str, Any]] = []
    measures: list[dict[str, Any]] = []
    group: str | None = None


class SavedQuery(Resource, frozen=True):
    label: str | None = None
    query_params: dict[str, Any] = {}
    exports: list[dict[str, Any]] = []
    group: str | None = None


class UnitTest(Resource, frozen=True):
    model: str = ""
    given: list[dict[str, Any]] = []
    expect: dict[str, Any] = {}
    overrides: dict[str, Any] | None = None


class Group(_Struct, frozen=True):
    unique_id: str
    name: str
    package_name: str = ""
    original_file_path: str = ""
    owner: Owner = Owner()


class Doc(_Struct, frozen=True):
    unique_id: str
    name: str
    package_name: str = ""
    original_file_path: str = ""
    block_contents: str = ""


class Macro(_Struct, frozen=True):
    package_name: str = ""
    original_file_path: str = ""


class Manifest(_Struct, frozen=True):
    metadata: Metadata
    nodes: dict[str, Node] = {}
    sources: dict[str, Source] = {}
    exposures: dict[str, Exposure] = {}
    metrics: dict[str, Metric] = {}
    semantic_models: dict[str, SemanticModel] = {}
    saved_queries: dict[str, SavedQuery] = {}
    unit_tests: dict[str, UnitTest] = {}
    groups: dict[str, Group] = {}
    docs: dict[str, Doc] = {}
    macros: dict[str, Macro] = {}
    parent_map: dict[str, list[str]] = {}
    child_map: dict[str, list[str]] = {}


class NodeResult(_Struct, frozen=True):
    """How the work on one node ended, in dbt's words."""

    unique_id: str
    status: str
    message: str | None = None
    seconds: float = msgspec.field(name="execution_time", default=0.0)
    failures: int | None = None
    relation: str | None = msgspec.field(name="relation_name", default=None)

    @property
    def failed(self) -> bool:
        """Whether this node itself went wrong; one that was skipped for it has not."""
        return self.status in {"error", "fail", "runtime error", "partial success"}

    @property
    def name(self) -> str:
        """The name without kind, project and hash; that of a unit test without its model."""
        kind, _project, *rest = [*self.unique_id.split("."), ""]
        if kind == "unit_test":
            return rest[1]
        return rest[0] if kind == "test" else ".".join(rest[:-1])

    @property
    def sentence(self) -> str:
        """The message in one line, without its full stop."""
        text = _POINTER.sub("", _HEADING.sub("", self.message or self.status))
        line = " ".join(part.strip() for part in text.splitlines() if part.strip()).rstrip(".")
        return line if len(line) <= _LONG else f"{line[:_LONG]}…"


class _RunResults(_Struct, frozen=True):
    results: list[NodeResult]


class _OnlyMetadata(_Struct, frozen=True):
    metadata: Metadata


def read_manifest(raw: bytes) -> Manifest:
    """The manifest in `raw`."""
    found = _SCHEMA_VERSION.search(_decode(raw, _OnlyMetadata).metadata.dbt_schema_version)
    if found is None:
        raise ArtifactUnreadable("this is not a manifest of dbt's")
    if int(found[1]) < OLDEST_MANIFEST:
        raise ArtifactUnreadable(f"a manifest of version {found[1]} is too old: use dbt 1.6 or newer")
    return _decode(raw, Manifest)


def read_run_results(raw: bytes) -> tuple[NodeResult, ...]:
    """What became of each node, in the order in which they ended."""
    return tuple(_decode(raw, _RunResults).results)


def read_semantic_manifest(raw: bytes) -> dict[str, Any]:
    """The semantic manifest as it is: MetricFlow has a model of its own for it."""
    return _decode(raw, dict[str, Any])


def relocate(raw_manifest: bytes, relations: Mapping[str, str]) -> bytes:
    """A manifest whose models, seeds and snapshots lie where `relations` says; a state to defer to.

    `relations` maps a unique_id to a relation name as dbt writes it. A node that it leaves out lies nowhere
    and is taken out: dbt would otherwise read it from wherever this manifest was made for.
    """
    manifest = _decode(raw_manifest, dict[str, Any])
    kept: dict[str, Any] = {}
    for unique_id, node in manifest.get("nodes", {}).items():
        if unique_id in relations:
            kept[unique_id] = {**node, **_parts(relations[unique_id])}
        elif node.get("resource_type") not in {"model", "seed", "snapshot"} or not node.get("relation_name"):
            kept[unique_id] = node
    return msgspec.json.encode({**manifest, "nodes": kept})


def _parts(relation_name: str) -> dict[str, str]:
    """A relation name in the fields of a node. Both warehouses quote by `"`."""
    parts = [quoted.replace('""', '"') if quoted else plain for quoted, plain in _PART.findall(relation_name)]
    if len(parts) != 3:
        raise ValueError(f"{relation_name} does not name database, schema and relation")
    database, schema, alias = parts
    return {"database": database, "schema": schema, "alias": alias, "relation_name": relation_name}


def _decode(raw: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.DecodeError as exc:
        raise ArtifactUnreadable(str(exc)) from None
