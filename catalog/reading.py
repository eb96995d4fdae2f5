"""dbt's manifest as plain records: what the catalogue keeps of each thing, and its fingerprint."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

Raw = Mapping[str, Any]

NODES = frozenset({"model", "seed", "snapshot"})
TESTS = frozenset({"test"})
KEY_LENGTH = 400
GROUP_LENGTH = 200


@dataclass(frozen=True, slots=True)
class ColumnRecord:
    name: str
    data_type: str = ""
    description: str = ""
    meta: Raw = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NodeRecord:
    """One thing that dbt knows, with what only its kind has in `fields`."""

    unique_id: str
    resource_type: str
    name: str
    package: str
    label: str = ""
    description: str = ""
    path: str = ""
    patch_path: str = ""
    relation: str = ""
    materialized: str = ""
    group: str = ""
    access: str = ""
    tags: tuple[str, ...] = ()
    meta: Raw = field(default_factory=dict)
    fields: Raw = field(default_factory=dict)
    columns: tuple[ColumnRecord, ...] = ()

    @property
    def fingerprint(self) -> str:
        """SHA-256 over everything a person could notice."""
        text = json.dumps(asdict(self), sort_keys=True, separators=(",", ":"), default=str)
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class TestRecord:
    """A data test or unit test and the node it speaks about."""

    __test__ = False  # not a test of ours

    unique_id: str
    name: str
    kind: str
    node: str
    column: str
    arguments: Raw
    severity: str
    path: str


@dataclass(frozen=True, slots=True)
class GroupRecord:
    name: str
    owner_name: str
    owner_email: str


@dataclass(frozen=True, slots=True)
class Records:
    """A whole manifest."""

    dbt_version: str
    adapter: str
    nodes: tuple[NodeRecord, ...]
    tests: tuple[TestRecord, ...]
    groups: tuple[GroupRecord, ...]
    edges: tuple[tuple[str, str], ...]


def records(manifest: Raw) -> Records:
    """What the catalogue keeps of a manifest (schema v10 to v12)."""
    metadata = manifest.get("metadata", {})
    nodes = [_node(raw) for raw in manifest["nodes"].values() if raw["resource_type"] in NODES]
    for kind in ("sources", "exposures", "metrics", "semantic_models", "saved_queries"):
        nodes += [_node(raw) for raw in manifest.get(kind, {}).values()]
    known = {node.unique_id for node in nodes}
    return Records(
        dbt_version=str(metadata.get("dbt_version", "")),
        adapter=str(metadata.get("adapter_type", "")),
        nodes=tuple(nodes),
        tests=tuple(_tests(manifest)),
        groups=tuple(_group(raw) for raw in manifest.get("groups", {}).values()),
        edges=tuple(
            sorted(
                {
                    (_key(parent), _key(child))
                    for child, parents in manifest.get("parent_map", {}).items()
                    for parent in parents
                    if _key(parent) in known and _key(child) in known
                }
            )
        ),
    )


_KEPT: Mapping[str, tuple[str, ...]] = {
    "model": ("schema", "alias", "version", "latest_version", "language", "contract", "constraints"),
    "seed": ("schema", "alias"),
    "snapshot": ("schema", "alias"),
    "source": ("source_name", "schema", "identifier", "loader", "freshness", "loaded_at_field"),
    "exposure": ("type", "owner", "url", "maturity"),
    "metric": ("type", "type_params", "filter", "time_granularity"),
    "semantic_model": ("model", "entities", "dimensions", "measures", "defaults", "primary_entity"),
    "saved_query": ("query_params", "exports"),
}


KINDS = tuple(_KEPT)


def _node(raw: Raw) -> NodeRecord:
    config = raw.get("config") or {}
    kind = str(raw["resource_type"])
    fields = {name: raw[name] for name in _KEPT.get(kind, ()) if raw.get(name)}
    depends = raw.get("depends_on") or {}
    if kind in {"exposure", "metric", "semantic_model"}:
        fields["depends_on"] = list(depends.get("nodes") or ())
    if code := (raw.get("checksum") or {}).get("checksum"):
        fields["checksum"] = code
    return NodeRecord(
        unique_id=_key(str(raw["unique_id"])),
        resource_type=kind,
        name=str(raw["name"]),
        package=str(raw.get("package_name") or ""),
        label=str(raw.get("label") or ""),
        description=str(raw.get("description") or ""),
        path=str(raw.get("original_file_path") or ""),
        patch_path=str(raw.get("patch_path") or "").split("://", 1)[-1],
        relation=str(raw.get("relation_name") or ""),
        materialized=str(config.get("materialized") or ""),
        group=str(raw.get("group") or config.get("group") or "")[:GROUP_LENGTH],
        access=str(raw.get("access") or config.get("access") or ""),
        tags=tuple(raw.get("tags") or config.get("tags") or ()),
        meta={**(raw.get("meta") or {}), **(config.get("meta") or {})},
        fields=fields,
        columns=tuple(_column(column) for column in (raw.get("columns") or {}).values()),
    )


def _column(raw: Raw) -> ColumnRecord:
    config = raw.get("config") or {}
    return ColumnRecord(
        name=str(raw["name"]),
        data_type=str(raw.get("data_type") or ""),
        description=str(raw.get("description") or ""),
        meta={**(raw.get("meta") or {}), **(config.get("meta") or {})},
    )


def _tests(manifest: Raw) -> Iterator[TestRecord]:
    for raw in manifest["nodes"].values():
        if raw["resource_type"] not in TESTS:
            continue
        metadata = raw.get("test_metadata") or {}
        given = metadata.get("kwargs") or {}
        arguments = {k: v for k, v in given.items() if k not in {"model", "column_name"}}
        space = metadata.get("namespace")
        kind = str(metadata.get("name") or "singular")
        parents = (raw.get("depends_on") or {}).get("nodes") or [""]
        yield TestRecord(
            unique_id=_key(str(raw["unique_id"])),
            name=str(raw["name"]),
            kind=f"{space}.{kind}" if space else kind,
            node=_key(str(raw.get("attached_node") or parents[-1])),
            column=str(raw.get("column_name") or given.get("column_name") or ""),
            arguments=arguments,
            severity=str((raw.get("config") or {}).get("severity") or "").lower(),
            path=str(raw.get("original_file_path") or ""),
        )
    for raw in manifest.get("unit_tests", {}).values():
        parents = (raw.get("depends_on") or {}).get("nodes") or [""]
        yield TestRecord(
            unique_id=_key(str(raw["unique_id"])),
            name=str(raw["name"]),
            kind="unit_test",
            node=_key(str(raw.get("tested_node_unique_id") or parents[0])),
            column="",
            arguments={},
            severity="error",
            path=str(raw.get("original_file_path") or ""),
        )


def _key(unique_id: str) -> str:
    """The id as the catalogue keeps it: that of a test holds all its arguments, and none has a limit."""
    if len(unique_id) <= KEY_LENGTH:
        return unique_id
    return f"{unique_id[: KEY_LENGTH - 65]}.{hashlib.sha256(unique_id.encode()).hexdigest()}"


def _group(raw: Raw) -> GroupRecord:
    owner = raw.get("owner") or {}
    email = owner.get("email") or ""
    return GroupRecord(
        name=str(raw["name"])[:GROUP_LENGTH],
        owner_name=str(owner.get("name") or ""),
        owner_email=", ".join(email) if isinstance(email, list) else str(email),
    )
