"""A manifest becomes rows: only what changed is read and touched, all in the caller's transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from django.db import models

from bisync.lib.memory import collecting_later
from catalog.models import Change, ChangeKind, Column, Edge, Group, Node, NodeTest, Snapshot
from catalog.reading import ColumnRecord, Manifest, NodeRecord, TestRecord, node_record, test_record
from catalog.renames import pairs
from catalog.words import line_of
from governance.models import Project
from workspace.dbt.artifacts import split_manifest
from workspace.git.commits import Commit

T = TypeVar("T")
NOBODY: Mapping[str, Commit] = {}
NOTHING: Mapping[str, str] = {}
# No warehouse has tables so wide.
MOST_COLUMNS = 10_000
# Rows of one statement: SQLite takes 32,766 values in one, and memory is kept small.
_ROWS = 500
# Of a text before and after, so much is kept of a change; git has the rest.
_KEPT_TEXT = 2_000
# Those of a node's columns that a record gives as they are.
_PLAIN = (
    "resource_type", "name", "label", "description", "package", "path", "patch_path", "relation",
    "materialized", "access",
)  # fmt: skip
_COLUMN_FIELDS = ("position", "data_type", "description", "meta", "fields")


def fitting(model: type[models.Model], field: str, text: str) -> str:
    """As much of `text` as the column holds: the repository's authors know no such limits."""
    limit = getattr(model._meta.get_field(field), "max_length", None)
    return text if limit is None else text[:limit]


def read(raw: bytes) -> Manifest:
    """A manifest of dbt's, to be read entry by entry. Raises `ArtifactUnreadable`."""
    return Manifest(split_manifest(raw))


@dataclass(slots=True)
class _Brought:
    """What a pull brings: nodes to write with what they were before, and those that went."""

    changed: list[tuple[Node, NodeRecord, Node | None]] = field(default_factory=list)
    gone: list[Node] = field(default_factory=list)
    arrived: bool = False  # a node that was not there

    @property
    def definitions(self) -> bool:
        """Whether a metric may mean something else now."""
        kinds = {node.resource_type for node, _record, _before in self.changed}
        kinds |= {node.resource_type for node in self.gone}
        return not kinds.isdisjoint({"model", "seed", "snapshot", "source", "metric", "semantic_model"})


@collecting_later()
def ingest(
    snapshot: Snapshot,
    found: Manifest,
    touched: Mapping[str, Commit] = NOBODY,
    moved: Mapping[str, str] = NOTHING,
) -> bool:
    """Bring the catalogue's rows in step with a manifest, and note in the snapshot what changed.

    `touched` are the files of the dbt project that the pull's commits touched, each with the last of them;
    `moved` those that git takes for renamed ones, each new path with its old one.
    Returns whether a metric may mean something else than before. Call it inside a transaction.
    """
    project = snapshot.project
    groups = _groups(project, found)
    first = not Node.objects.filter(project=project).exists()
    brought = _nodes(project, found, groups)
    changes = [] if first else _changes(snapshot, brought, touched, moved)
    Change.objects.bulk_create(changes, batch_size=_ROWS)
    _tests(project, found, arrived=brought.arrived)
    _edges(project, found, brought)
    snapshot.counts = found.counts() | {"column": Column.objects.filter(node__project=project).count()}
    kinds = [change.kind for change in changes]
    snapshot.changes = {"first": first, **{kind.value: kinds.count(kind) for kind in ChangeKind}}
    snapshot.save(update_fields=["counts", "changes"])
    return brought.definitions


def _groups(project: Project, found: Manifest) -> dict[str, Group]:
    known = {group.name: group for group in Group.objects.filter(project=project)}
    wanted = set()
    for record in found.groups:
        wanted.add(record.name)
        group = known.setdefault(record.name, Group(project=project, name=record.name))
        told = {
            "owner_name": fitting(Group, "owner_name", record.owner_name),
            "owner_email": fitting(Group, "owner_email", record.owner_email),
            "description": record.description,
        }
        if group.pk is None or any(getattr(group, name) != value for name, value in told.items()):
            for name, value in told.items():
                setattr(group, name, value)
            group.save()
    Group.objects.filter(project=project).exclude(name__in=wanted).delete()
    return {name: group for name, group in known.items() if name in wanted}


# -- Nodes ----------------------------------------------------------------------------------------------


def _nodes(project: Project, found: Manifest, groups: dict[str, Group]) -> _Brought:
    known = dict(Node.objects.filter(project=project).values_list("unique_id", "fingerprint"))
    fingerprints = {key: entry.fingerprint for key, entry in found.nodes.items()}
    wanted = [key for key, fingerprint in fingerprints.items() if known.get(key) != fingerprint]
    brought = _Brought(arrived=any(key not in known for key in wanted))
    for keys in _chunks(wanted):
        before = _with_columns(project, keys)
        rows = []
        for key in keys:
            record = node_record(found.nodes[key])
            node = Node(project=project, unique_id=key)
            _fill(node, record, groups, fingerprints[key])
            rows.append((node, record, before.get(key)))
        _write(Node, [node for node, _record, _before in rows], unique=("project", "unique_id"))
        _columns(rows)
        brought.changed += rows
    for keys in _chunks(sorted(known.keys() - fingerprints.keys())):
        brought.gone += Node.objects.filter(project=project, unique_id__in=keys)
        Node.objects.filter(project=project, unique_id__in=keys).delete()
    return brought


def _with_columns(project: Project, keys: Collection[str]) -> dict[str, Node]:
    nodes = Node.objects.filter(project=project, unique_id__in=keys).select_related("group")
    return {node.unique_id: node for node in nodes.prefetch_related("columns")}


def _fill(node: Node, record: NodeRecord, groups: dict[str, Group], fingerprint: str) -> None:
    for name in _PLAIN:
        setattr(node, name, fitting(Node, name, getattr(record, name)))
    node.fingerprint = fingerprint
    node.group = groups.get(record.group)
    node.tags = list(record.tags)
    node.meta = dict(record.meta)
    node.fields = dict(record.fields)


def _columns(rows: Iterable[tuple[Node, NodeRecord, Node | None]]) -> None:
    """Write the columns that differ, take away those that went."""
    differing, gone = [], []
    for node, record, before in rows:
        known = {column.name: column for column in before.columns.all()} if before else {}
        for column in _columns_of(node, record.columns):
            old = known.pop(column.name, None)
            if old is None or _values(old) != _values(column):
                differing.append(column)
        gone += [column.pk for column in known.values()]
    for keys in _chunks(gone):
        Column.objects.filter(pk__in=keys).delete()
    _write(Column, differing, unique=("node", "name"))


def _columns_of(node: Node, records: Iterable[ColumnRecord]) -> Iterator[Column]:
    named: dict[str, ColumnRecord] = {}
    for record in records:
        if len(named) < MOST_COLUMNS:
            named.setdefault(fitting(Column, "name", record.name), record)
    for position, (name, record) in enumerate(named.items()):
        yield Column(
            node=node,
            name=name,
            position=position,
            data_type=fitting(Column, "data_type", record.data_type),
            description=record.description,
            meta=dict(record.meta),
            fields=dict(record.fields),
        )


def _values(column: Column) -> list[object]:
    return [getattr(column, name) for name in _COLUMN_FIELDS]


# -- What changed, for people ---------------------------------------------------------------------------


def _changes(
    snapshot: Snapshot, brought: _Brought, touched: Mapping[str, Commit], moved: Mapping[str, str]
) -> list[Change]:
    changes = []
    for node, record, before in brought.changed:
        if before is None:
            changes.append(_change(snapshot, node, ChangeKind.ADDED))
        elif fields := list(_differences(before, node, record)):
            changes.append(_change(snapshot, node, ChangeKind.CHANGED, fields))
        else:
            continue
        _by(changes[-1], touched, node)
    for node in brought.gone:
        changes.append(_change(snapshot, node, ChangeKind.REMOVED))
        _by(changes[-1], touched, node)
    _renames(changes, brought, moved)
    return changes


def _renames(changes: Iterable[Change], brought: _Brought, moved: Mapping[str, str]) -> None:
    """Note of what came and what went which of them may be the same."""
    came = (node for node, _record, before in brought.changed if before is None)
    found = pairs(came, brought.gone, moved)
    for change in changes:
        change.renamed, change.evidence, change.same = found.get(change.unique_id, ("", "", None))


def _by(change: Change, touched: Mapping[str, Commit], node: Node) -> None:
    """Note who made a change: the last commit to the file of its code, or to that of its properties."""
    files = (
        [node.path]
        if [name for name, *_values in change.fields] == ["code"]
        else [node.path, node.patch_path]
    )
    commits = [touched[file] for file in files if file in touched]
    if commits:
        change.brought_by(max(commits, key=lambda commit: commit.at))


def _change(snapshot: Snapshot, node: Node, kind: ChangeKind, fields: list[Any] | None = None) -> Change:
    return Change(
        project_id=snapshot.project_id,
        snapshot=snapshot,
        unique_id=node.unique_id,
        resource_type=node.resource_type,
        name=node.name,
        kind=kind,
        fields=fields or [],
    )


def _differences(before: Node, node: Node, record: NodeRecord) -> Iterator[list[object]]:
    """Field by field what it was and what it is; code without its text, which git has."""
    for name in (*_PLAIN, "tags", "meta"):
        if getattr(before, name) != getattr(node, name):
            yield [name, _short(getattr(before, name)), _short(getattr(node, name))]
    groups = [one.group.name if one.group else "" for one in (before, node)]
    if groups[0] != groups[1]:
        yield ["group", *groups]
    for name in sorted(before.fields.keys() | node.fields.keys()):
        was, now = before.fields.get(name), node.fields.get(name)
        if was != now:
            yield ["code", "", ""] if name == "checksum" else [name, _short(was), _short(now)]
    yield from _column_differences(before, node, record)


def _column_differences(before: Node, node: Node, record: NodeRecord) -> Iterator[list[object]]:
    old = {column.name: column for column in before.columns.all()}
    new = {column.name: column for column in _columns_of(node, record.columns)}
    if old.keys() != new.keys() or [*old] != [*new]:
        yield ["columns", _short(", ".join(old)), _short(", ".join(new))]
    for name in old.keys() & new.keys():
        for part in ("data_type", "description", "meta", "fields"):
            was, now = getattr(old[name], part), getattr(new[name], part)
            if was != now:
                yield [f"{name}.{part}", _short(was), _short(now)]


def _short(value: object) -> object:
    """A value for a line of history; a long one is cut."""
    text = line_of(value)
    return text if len(text) <= _KEPT_TEXT else f"{text[:_KEPT_TEXT]}…"


# -- Tests and edges ------------------------------------------------------------------------------------


def _tests(project: Project, found: Manifest, *, arrived: bool) -> None:
    nodes = dict(Node.objects.filter(project=project).values_list("unique_id", "pk"))
    rows = NodeTest.objects.filter(project=project)
    known = dict(rows.values_list("unique_id", "fingerprint"))
    if arrived:  # what a test speaks about may have come after it
        known |= dict.fromkeys(rows.filter(node=None).values_list("unique_id", flat=True), "")
    fingerprints = {key: entry.fingerprint for key, entry in found.tests.items()}
    wanted = [key for key, fingerprint in fingerprints.items() if known.get(key) != fingerprint]
    for keys in _chunks(wanted):
        records = [(key, test_record(found.tests[key])) for key in keys]
        _write(
            NodeTest,
            [_test(project, record, nodes, fingerprints[key]) for key, record in records],
            unique=("project", "unique_id"),
        )
    for keys in _chunks(sorted(known.keys() - fingerprints.keys())):
        NodeTest.objects.filter(project=project, unique_id__in=keys).delete()


def _test(project: Project, record: TestRecord, nodes: dict[str, int], fingerprint: str) -> NodeTest:
    return NodeTest(
        project=project,
        unique_id=record.unique_id,
        node_id=nodes.get(record.node),
        column=fitting(NodeTest, "column", record.column),
        name=fitting(NodeTest, "name", record.name),
        kind=fitting(NodeTest, "kind", record.kind),
        arguments=dict(record.arguments),
        severity=fitting(NodeTest, "severity", record.severity),
        description=record.description,
        path=fitting(NodeTest, "path", record.path),
        fields=dict(record.fields),
        fingerprint=fingerprint,
    )


def _edges(project: Project, found: Manifest, brought: _Brought) -> None:
    """What reads what. Which macros and docs blocks a node uses is only known of those that were read."""
    read = {node.unique_id: record.uses for node, record, _before in brought.changed}
    known = {
        (parent, child): pk
        for pk, parent, child in Edge.objects.filter(project=project).values_list("pk", "parent", "child")
    }
    used = {edge for edge in known if _is_used(edge[0]) and edge[1] not in read}
    used |= {(parent, child) for child, uses in read.items() for parent in uses}
    there = {edge for edge in used if edge[0] in found.nodes and edge[1] in found.nodes}
    wanted = found.edges | there
    for keys in _chunks([pk for edge, pk in known.items() if edge not in wanted]):
        Edge.objects.filter(pk__in=keys).delete()
    rows = [Edge(project=project, parent=parent, child=child) for parent, child in wanted - known.keys()]
    Edge.objects.bulk_create(rows, batch_size=_ROWS)


def _is_used(parent: str) -> bool:
    return parent.startswith(("macro.", "doc."))


# -- Writing --------------------------------------------------------------------------------------------


def _write(model: type[models.Model], rows: list[Any], *, unique: tuple[str, ...]) -> None:
    """Insert rows, or update those that have the same `unique` fields; their primary keys are set."""
    others = [f.name for f in model._meta.concrete_fields if not f.primary_key and f.name not in unique]
    for some in (rows[start : start + _ROWS] for start in range(0, len(rows), _ROWS)):
        model._default_manager.bulk_create(
            some, update_conflicts=True, unique_fields=unique, update_fields=others
        )


def _chunks(keys: list[T]) -> Iterator[list[T]]:
    for start in range(0, len(keys), _ROWS):
        yield keys[start : start + _ROWS]
