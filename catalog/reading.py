"""dbt's manifest as plain records: what the catalogue keeps of each thing, and its fingerprint.

A manifest is split before it is read: whoever knows an entry by its fingerprint need not read it again.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import msgspec

from catalog.annotations import Annotation, annotations_of, meta_of, without_annotations
from catalog.coverage import PLACES, kept
from workspace.dbt.manifest import ManifestParts, decoded

Raw = Mapping[str, Any]

KINDS = tuple(PLACES)
TESTS = frozenset({"test", "unit_test"})
KEY_LENGTH = 400
GROUP_LENGTH = 200
# When and where dbt read an entry, which is not what is in it.
_CIRCUMSTANCES = re.compile(rb'"(?:created_at|root_path)": ?(?:"(?:[^"\\]|\\.)*"|[-\d.e+]+|null),? ?')
# The packages of dbt itself and of adapters that others build on.
_OWN_PACKAGES = frozenset({"dbt", "dbt_postgres", "dbt_spark"})
_CONFIG_ELSEWHERE = frozenset(
    {"enabled", "materialized", "access", "group", "tags", "meta", "contract", "docs"}
)


@dataclass(frozen=True, slots=True)
class ColumnRecord:
    name: str
    data_type: str = ""
    description: str = ""
    meta: Raw = field(default_factory=dict)
    fields: Raw = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NodeRecord:
    """One thing that dbt knows; `fields` has what only its kind has, `uses` are macros and docs blocks."""

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
    uses: tuple[str, ...] = ()

    @property
    def has_contract(self) -> bool:
        """Whether dbt builds it only with the columns and types that its properties file names."""
        return bool(_object(self.fields, "contract").get("enforced"))


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
    description: str
    path: str
    fields: Raw


@dataclass(frozen=True, slots=True)
class GroupRecord:
    name: str
    owner_name: str
    owner_email: str
    description: str


@dataclass(frozen=True, slots=True)
class Entry:
    """What dbt wrote of one thing, not read yet."""

    kind: str
    content: msgspec.Raw

    @property
    def fingerprint(self) -> str:
        """SHA-256 over everything but when and where dbt read it."""
        return hashlib.sha256(_CIRCUMSTANCES.sub(b"", bytes(self.content))).hexdigest()

    def read(self) -> Raw:
        """The entry as dbt's JSON schema has it."""
        found: Any = decoded(bytes(self.content))
        return found if isinstance(found, dict) else {}


@dataclass(frozen=True, eq=False)
class Manifest:
    """A whole manifest; `nodes` and `tests` by their key in the catalogue, in dbt's order."""

    parts: ManifestParts

    @property
    def dbt_version(self) -> str:
        return str(self.parts.metadata.get("dbt_version") or "")

    @property
    def adapter(self) -> str:
        return str(self.parts.metadata.get("adapter_type") or "")

    @cached_property
    def nodes(self) -> dict[str, Entry]:
        parts = self.parts
        sections = (
            *(parts.nodes, parts.sources, parts.exposures, parts.metrics, parts.semantic_models),
            *(parts.saved_queries, parts.functions, parts.docs, parts.macros),
        )
        own = {*_OWN_PACKAGES, f"dbt_{self.adapter}"}
        return {
            _key(unique_id): Entry(kind, content)
            for section in sections
            for unique_id, content in section.items()
            if (kind := _kind(unique_id)) in PLACES and not _is_of(own, kind, unique_id)
        }

    @cached_property
    def tests(self) -> dict[str, Entry]:
        every = {**self.parts.nodes, **self.parts.unit_tests}
        return {_key(uid): Entry(kind, raw) for uid, raw in every.items() if (kind := _kind(uid)) in TESTS}

    @property
    def groups(self) -> Iterator[GroupRecord]:
        for content in self.parts.groups.values():
            yield _group(Entry("group", content).read())

    @cached_property
    def edges(self) -> set[tuple[str, str]]:
        """Parent and child, where both are in the catalogue."""
        return {
            (_key(parent), _key(child))
            for child, parents in self.parts.parent_map.items()
            for parent in parents
            if _key(parent) in self.nodes and _key(child) in self.nodes
        }

    def counts(self) -> dict[str, int]:
        """How many of each kind there are; of models and metrics also where there are none."""
        found = {"model": 0, "metric": 0}
        for entry in self.nodes.values():
            found[entry.kind] = found.get(entry.kind, 0) + 1
        return found | {"test": len(self.tests), "group": len(self.parts.groups)}


def _kind(unique_id: str) -> str:
    return unique_id.partition(".")[0]


def _is_of(packages: Iterable[str], kind: str, unique_id: str) -> bool:
    """Whether dbt or an adapter brings it: a macro or a docs block that is in every project."""
    return kind in {"macro", "doc"} and unique_id.split(".")[1] in packages


def node_record(entry: Entry) -> NodeRecord:
    """What the catalogue keeps of a node."""
    raw, kind = entry.read(), entry.kind
    config = _object(raw, "config")
    depends = _object(raw, "depends_on")
    fields = {name: raw[name] for name in kept(kind) if raw.get(name)}
    if "depends_on" in fields:
        fields["depends_on"] = list(depends.get("nodes") or ())
    if code := _object(raw, "checksum").get("checksum"):
        fields["checksum"] = code
    if set_ := {name: value for name, value in config.items() if value and name not in _CONFIG_ELSEWHERE}:
        fields["config"] = set_
    meta = meta_of(raw)
    columns = [_column(column) for column in _object(raw, "columns").values()]
    relation = raw.get("relation_name") or _object(raw, "node_relation").get("relation_name")
    return NodeRecord(
        unique_id=_key(str(raw["unique_id"])),
        resource_type=kind,
        name=str(raw["name"]),
        package=str(raw.get("package_name") or ""),
        label=str(raw.get("label") or ""),
        description=str(raw.get("block_contents") or raw.get("description") or ""),
        path=str(raw.get("original_file_path") or ""),
        patch_path=str(raw.get("patch_path") or "").split("://", 1)[-1],
        relation=str(relation or ""),
        materialized=str(config.get("materialized") or ""),
        group=str(raw.get("group") or config.get("group") or "")[:GROUP_LENGTH],
        access=str(raw.get("access") or config.get("access") or ""),
        tags=tuple(raw.get("tags") or config.get("tags") or ()),
        meta=without_annotations(meta),
        fields=fields,
        columns=tuple(_annotated(columns, annotations_of(meta, config))),
        uses=tuple(_key(used) for used in (*(depends.get("macros") or ()), *_doc_blocks(raw))),
    )


def _object(raw: Raw, name: str) -> Mapping[str, Any]:
    found = raw.get(name)
    return found if isinstance(found, dict) else {}


def _doc_blocks(raw: Raw) -> set[str]:
    columns = _object(raw, "columns").values()
    return {*(raw.get("doc_blocks") or ()), *(used for c in columns for used in c.get("doc_blocks") or ())}


# A key of that name is nobody's annotation but its YAML's.
_COLUMN_PLAIN = frozenset({"name", "data_type", "description", "meta", "config", "doc_blocks", "annotation"})


def _column(raw: Raw) -> ColumnRecord:
    return ColumnRecord(
        name=str(raw["name"]),
        data_type=str(raw.get("data_type") or ""),
        description=str(raw.get("description") or ""),
        meta=meta_of(raw),
        fields={name: value for name, value in raw.items() if value and name not in _COLUMN_PLAIN},
    )


def _annotated(columns: list[ColumnRecord], annotations: list[Annotation]) -> Iterator[ColumnRecord]:
    """The columns with what the SQL says of them; those that only it names come last."""
    told = {one.name.lower(): one for one in annotations}
    for column in columns:
        one = told.pop(column.name.lower(), None)
        yield _told(column, one) if one is not None else column
    yield from (_told(ColumnRecord(name=one.name), one) for one in told.values())


def _told(column: ColumnRecord, one: Annotation) -> ColumnRecord:
    fields = {**column.fields, "annotation": one.to_json()}
    return replace(column, description=column.description or one.description, fields=fields)


def test_record(entry: Entry) -> TestRecord:
    """What the catalogue keeps of a data test or unit test."""
    raw = entry.read()
    metadata, config = _object(raw, "test_metadata"), _object(raw, "config")
    given: Mapping[str, Any] = metadata.get("kwargs") or {}
    parents: Sequence[str] = _object(raw, "depends_on").get("nodes") or [""]
    unit = entry.kind == "unit_test"
    subject = (
        raw.get("tested_node_unique_id") or parents[0] if unit else raw.get("attached_node") or parents[-1]
    )
    return TestRecord(
        unique_id=_key(str(raw["unique_id"])),
        name=str(raw["name"]),
        kind=entry.kind if unit else _test_kind(metadata),
        node=_key(str(subject)),
        column=str(raw.get("column_name") or given.get("column_name") or ""),
        arguments={name: value for name, value in given.items() if name not in {"model", "column_name"}},
        severity=str(config.get("severity") or ("error" if unit else "")).lower(),
        description=str(raw.get("description") or ""),
        path=str(raw.get("original_file_path") or ""),
        fields=_test_fields(raw, config, parents),
    )


test_record.__test__ = False  # type: ignore[attr-defined] # not a test of ours


def _test_kind(metadata: Mapping[str, Any]) -> str:
    kind, space = str(metadata.get("name") or "singular"), metadata.get("namespace")
    return f"{space}.{kind}" if space else kind


def _test_fields(raw: Raw, config: Mapping[str, Any], parents: Sequence[str]) -> dict[str, Any]:
    names = ("given", "expect", "overrides", "version", "versions", "tags", "meta")
    fields = {name: raw[name] for name in names if raw.get(name)}
    elsewhere = {
        "severity",
        "enabled",
        "tags",
        "meta",
        "group",
        "materialized",
        "alias",
        "schema",
        "database",
    }
    if set_ := {name: value for name, value in config.items() if value and name not in elsewhere}:
        fields["config"] = set_
    return fields | {"depends_on": [parent for parent in parents if parent]}


def _key(unique_id: str) -> str:
    """The id as the catalogue keeps it: that of a test holds all its arguments, and none has a limit."""
    if len(unique_id) <= KEY_LENGTH:
        return unique_id
    return f"{unique_id[: KEY_LENGTH - 65]}.{hashlib.sha256(unique_id.encode()).hexdigest()}"


def _group(raw: Raw) -> GroupRecord:
    owner = _object(raw, "owner")
    email = owner.get("email") or ""
    return GroupRecord(
        name=str(raw["name"])[:GROUP_LENGTH],
        owner_name=str(owner.get("name") or ""),
        owner_email=", ".join(email) if isinstance(email, list) else str(email),
        description=str(raw.get("description") or ""),
    )
