"""A manifest becomes rows: only what changed is touched, all in the caller's transaction."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db import models

from catalog.models import Column, Edge, Group, Node, NodeTest
from catalog.reading import ColumnRecord, NodeRecord, Records, TestRecord
from governance.models import Project

M = TypeVar("M", bound=models.Model)
LISTED = 300
# No warehouse has tables so wide.
MOST_COLUMNS = 10_000
# Those of a node's columns that a record gives as they are.
_PLAIN = (
    "resource_type", "name", "label", "description", "package", "path", "patch_path", "relation",
    "materialized", "access",
)  # fmt: skip


def fitting(model: type[models.Model], field: str, text: str) -> str:
    """As much of `text` as the column holds: the repository's authors know no such limits."""
    limit = getattr(model._meta.get_field(field), "max_length", None)
    return text if limit is None else text[:limit]


@dataclass(frozen=True, slots=True)
class Ingested:
    """How many of each kind there are now, and what is new, different or gone, by name."""

    counts: dict[str, int]
    changes: dict[str, list[dict[str, str]]]


def ingest(project: Project, found: Records) -> Ingested:
    """Bring the catalogue's rows in step with a manifest. Call it inside a transaction."""
    groups = _groups(project, found)
    changes = _nodes(project, found, groups)
    _tests(project, found)
    _edges(project, found)
    counts = {"model": 0, "metric": 0}  # which every list of pulls shows
    for record in found.nodes:
        counts[record.resource_type] = counts.get(record.resource_type, 0) + 1
    counts["test"] = len(found.tests)
    counts["group"] = len(found.groups)
    counts["column"] = sum(len(record.columns) for record in found.nodes)
    return Ingested(counts, changes)


def _groups(project: Project, found: Records) -> dict[str, Group]:
    known = {group.name: group for group in Group.objects.filter(project=project)}
    for record in found.groups:
        group = known.get(record.name) or Group(project=project, name=record.name)
        owner = (
            fitting(Group, "owner_name", record.owner_name),
            fitting(Group, "owner_email", record.owner_email),
        )
        if group.pk is None or (group.owner_name, group.owner_email) != owner:
            group.owner_name, group.owner_email = owner
            group.save()
            known[record.name] = group
    wanted = {record.name for record in found.groups}
    Group.objects.filter(project=project).exclude(name__in=wanted).delete()
    return {name: group for name, group in known.items() if name in wanted}


def _nodes(project: Project, found: Records, groups: dict[str, Group]) -> dict[str, list[dict[str, str]]]:
    known = {node.unique_id: node for node in Node.objects.filter(project=project)}
    first = not known
    changes: dict[str, list[dict[str, str]]] = {"added": [], "changed": [], "removed": []}
    for record in found.nodes:
        fingerprint = record.fingerprint
        node = known.pop(record.unique_id, None)
        if node is not None and node.fingerprint == fingerprint:
            continue
        what = _told(record, _differs(node, record) if node else "")
        changes["changed" if node else "added"].append(what)
        node = node or Node(project=project, unique_id=record.unique_id)
        _fill(node, record, groups, fingerprint)
        node.save()
        _columns(node, record)
    for gone in known.values():
        changes["removed"].append({"kind": gone.resource_type, "name": gone.name, "what": ""})
        gone.delete()
    if first:
        return {"added": [], "changed": [], "removed": []}
    return {name: rows[:LISTED] for name, rows in changes.items()}


def _fill(node: Node, record: NodeRecord, groups: dict[str, Group], fingerprint: str) -> None:
    for name in _PLAIN:
        setattr(node, name, fitting(Node, name, getattr(record, name)))
    node.fingerprint = fingerprint
    node.group = groups.get(record.group)
    node.tags = list(record.tags)
    node.meta = dict(record.meta)
    node.fields = dict(record.fields)


def _differs(node: Node, record: NodeRecord) -> str:
    """Which parts of a node changed, in a few words."""
    parts = [
        name
        for name in ("description", "label", "path", "access", "materialized")
        if getattr(node, name) != getattr(record, name)
    ]
    if (node.group.name if node.group else "") != record.group:
        parts.append("group")
    before, now = dict(node.fields), dict(record.fields)
    if before.pop("checksum", "") != now.pop("checksum", ""):
        parts.append("code")
    if before != now:
        parts.append("definition")
    columns = {(c.name, c.data_type, c.description) for c in node.columns.all()}
    if columns != {(c.name, c.data_type, c.description) for c in record.columns}:
        parts.append("columns")
    return ", ".join(parts) or "configuration"


def _told(record: NodeRecord, what: str) -> dict[str, str]:
    return {"kind": record.resource_type, "name": record.name, "what": what}


def _columns(node: Node, record: NodeRecord) -> None:
    node.columns.all().delete()
    named: dict[str, ColumnRecord] = {}
    for column in record.columns[:MOST_COLUMNS]:
        named.setdefault(fitting(Column, "name", column.name), column)
    Column.objects.bulk_create(
        Column(
            node=node,
            name=name,
            position=position,
            data_type=fitting(Column, "data_type", column.data_type),
            description=column.description,
            meta=dict(column.meta),
        )
        for position, (name, column) in enumerate(named.items())
    )


def _tests(project: Project, found: Records) -> None:
    nodes = dict(Node.objects.filter(project=project).values_list("unique_id", "pk"))

    def values(record: TestRecord) -> dict[str, Any]:
        return {
            "node_id": nodes.get(record.node),
            "column": fitting(NodeTest, "column", record.column),
            "name": fitting(NodeTest, "name", record.name),
            "kind": fitting(NodeTest, "kind", record.kind),
            "arguments": dict(record.arguments),
            "severity": record.severity,
            "path": fitting(NodeTest, "path", record.path),
        }

    _replace(
        NodeTest.objects.filter(project=project),
        {record.unique_id: values(record) for record in found.tests},
        key=lambda row: row.unique_id,
        make=lambda key, fields: NodeTest(project=project, unique_id=key, **fields),
    )


def _edges(project: Project, found: Records) -> None:
    _replace(
        Edge.objects.filter(project=project),
        {edge: {} for edge in found.edges},
        key=lambda row: (row.parent, row.child),
        make=lambda key, _fields: Edge(project=project, parent=key[0], child=key[1]),
    )


def _replace(
    rows: models.QuerySet[M],
    wanted: dict[Any, dict[str, Any]],
    *,
    key: Callable[[M], Hashable],
    make: Callable[[Any, dict[str, Any]], M],
) -> None:
    """Delete what is not wanted, update what differs, insert what is new."""
    gone: list[Any] = []
    for row in rows:
        fields = wanted.pop(key(row), None)
        if fields is None:
            gone.append(row.pk)
        elif any(getattr(row, name) != value for name, value in fields.items()):
            for name, value in fields.items():
                setattr(row, name, value)
            row.save()
    _delete(rows, gone)
    rows.model._default_manager.bulk_create(
        [make(name, fields) for name, fields in wanted.items()], batch_size=500
    )


def _delete(rows: models.QuerySet[Any], keys: Iterable[Any]) -> None:
    waiting = list(keys)
    for start in range(0, len(waiting), 500):
        rows.filter(pk__in=waiting[start : start + 500]).delete()
