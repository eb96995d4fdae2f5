"""What dbt writes: manifest.json (v12 from dbt 1.8 on), run_results.json and semantic_manifest.json.

They are read no more strictly than they must be, for dbt changes the contents of an artifact within its
version. Whatever cannot be read raises `ArtifactUnreadable`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bisync.lib.memory import collecting_later
from workspace.dbt.code import CodeManifest, code_in
from workspace.dbt.errors import ArtifactUnreadable
from workspace.dbt.manifest import ManifestParts, decoded, split

OLDEST_MANIFEST = 12

_SCHEMA_VERSION = re.compile(r"/manifest/v(\d+)")
_PART = re.compile(r'"((?:[^"]|"")+)"|([^."]+)')
_HEADING = re.compile(r"^ *(?:Compilation|Runtime|Database|Parsing) Error in .+\n")
# The warehouse repeats the statement and points into it, which needs a fixed-width font.
_POINTER = re.compile(r"\n\s*LINE \d+:.*", re.DOTALL)
_LONG = 300


@dataclass(frozen=True, slots=True)
class NodeResult:
    """How the work on one node ended, in dbt's words; `relation` is its quoted name in the warehouse."""

    unique_id: str
    status: str
    message: str | None = None
    seconds: float = 0.0
    failures: int | None = None
    relation: str | None = None

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


@collecting_later()
def split_manifest(raw: bytes) -> ManifestParts:
    """The manifest in `raw` cut into its entries."""
    try:
        parts = split(raw)
    except (ValueError, RecursionError) as exc:
        raise ArtifactUnreadable(words=str(exc)) from None
    _require_known(parts.metadata)
    return parts


@collecting_later()
def read_code(raw: bytes) -> CodeManifest:
    """What the manifest in `raw` says of the nodes' SQL and of what it was made from."""
    try:
        return code_in(raw)
    except (ValueError, RecursionError) as exc:
        raise ArtifactUnreadable(words=str(exc)) from None


def read_manifest(raw: bytes) -> dict[str, Any]:
    """The manifest in `raw` as dbt's JSON schema has it, fit for a database."""
    manifest = _mapping(raw)
    _require_known(manifest.get("metadata") or {})
    return manifest


def _require_known(metadata: Mapping[str, Any]) -> None:
    found = _SCHEMA_VERSION.search(str(metadata.get("dbt_schema_version")))
    if found is None:
        raise ArtifactUnreadable(words="this is not a manifest of dbt's")
    if int(found[1]) < OLDEST_MANIFEST:
        raise ArtifactUnreadable(words=f"a manifest of version {found[1]} is too old")


def read_semantic_manifest(raw: bytes) -> dict[str, Any]:
    """The semantic manifest as MetricFlow's own model of it has it, fit for a database."""
    return _mapping(raw)


def read_run_results(raw: bytes) -> tuple[NodeResult, ...]:
    """What became of each node, in the order in which they ended."""
    results = _mapping(raw).get("results")
    if not isinstance(results, list):
        raise ArtifactUnreadable(words="these are no results of dbt's")
    return tuple(
        NodeResult(
            unique_id=str(result["unique_id"]),
            status=str(result["status"]),
            message=result.get("message"),
            seconds=float(result.get("execution_time") or 0),
            failures=result.get("failures"),
            relation=result.get("relation_name"),
        )
        for result in results
    )


def relocate(raw_manifest: bytes, relations: Mapping[str, str]) -> bytes:
    """A manifest whose models, seeds and snapshots lie where `relations` says; a state to defer to.

    `relations` maps a unique_id to a relation name as dbt writes it. A node that it leaves out lies nowhere
    and is taken out: dbt would otherwise read it from wherever this manifest was made for.
    """
    manifest = _mapping(raw_manifest)
    kept: dict[str, Any] = {}
    for unique_id, node in manifest.get("nodes", {}).items():
        if unique_id in relations:
            kept[unique_id] = {**node, **_parts(relations[unique_id])}
        elif node.get("resource_type") not in {"model", "seed", "snapshot"} or not node.get("relation_name"):
            kept[unique_id] = node
    return json.dumps({**manifest, "nodes": kept}).encode()


def _parts(relation_name: str) -> dict[str, str]:
    """A relation name in the fields of a node. Both warehouses quote by `"`."""
    parts = [quoted.replace('""', '"') if quoted else plain for quoted, plain in _PART.findall(relation_name)]
    if len(parts) != 3:
        raise ValueError(f"{relation_name} does not name database, schema and relation")
    database, schema, alias = parts
    return {"database": database, "schema": schema, "alias": alias, "relation_name": relation_name}


@collecting_later()
def _mapping(raw: bytes) -> dict[str, Any]:
    try:
        found: Any = decoded(raw)
    except (ValueError, RecursionError) as exc:
        raise ArtifactUnreadable(words=str(exc)) from None
    if not isinstance(found, dict):
        raise ArtifactUnreadable(words="it holds no object")
    return found
