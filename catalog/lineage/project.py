"""The column lineage of a whole dbt project: each model once, after what it reads, and only what changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import Any

from catalog.lineage.origins import How, Origin, Relation
from catalog.lineage.queries import EPHEMERAL, Name, Trace, Untraceable, name_of, trace

# Whoever changes what a trace says has everything traced again.
VERSION = 2
# What dbt adds to a snapshot, under the names that the project gives.
_SNAPSHOT_COLUMNS = ("dbt_scd_id", "dbt_updated_at", "dbt_valid_from", "dbt_valid_to")


@dataclass(frozen=True, slots=True)
class ColumnTrace:
    """A column and what it is made from: a node, its column and how; not all of it where not `known`."""

    name: str
    parents: tuple[tuple[str, str, How], ...] = ()
    known: bool = True


@dataclass(frozen=True, slots=True)
class NodeTrace:
    """What is known of one node's columns; `key` is of all that it was found out from.

    `through` are nodes of which it has further columns under their own names. `problem` says in one word why
    nothing is known, and `words` more of it.
    """

    key: str
    columns: tuple[ColumnTrace, ...] = ()
    rows: tuple[tuple[str, str], ...] = ()
    through: tuple[str, ...] = ()
    problem: str = ""
    words: str = ""

    @property
    def complete(self) -> bool:
        """Whether these are surely all of its columns."""
        return not self.problem and not self.through


@dataclass(frozen=True, slots=True)
class Piece:
    """A node, as far as lineage needs it: its SQL, by which names that reads its parents, and its columns.

    `columns` are those that the warehouse has or the project declares; all of them where `complete`.
    """

    key: str
    name: str
    code: str = ""
    names: Mapping[str, str] = field(default_factory=dict)
    parents: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    complete: bool = False
    ephemeral: bool = False
    snapshot: bool = False
    problem: str = ""


def trace_project(
    pieces: Mapping[str, Piece], dialect: str, known: Mapping[str, NodeTrace]
) -> Iterator[tuple[str, NodeTrace]]:
    """Each node that has SQL with its trace, the one in `known` where nothing that it depends on changed."""
    relations: dict[str, Relation] = {}
    named: dict[str, Name] = {}
    for key in _in_order(pieces):
        piece = pieces[key]
        if not piece.code and not piece.problem:
            relations[key] = Relation(key, piece.columns, piece.complete)
            continue
        found = _trace_piece(piece, pieces, relations, dialect, known.get(key), named)
        relations[key] = _relation(piece, found)
        yield key, found


def _in_order(pieces: Mapping[str, Piece]) -> list[str]:
    graph = {key: [parent for parent in piece.parents if parent in pieces] for key, piece in pieces.items()}
    try:
        return list(TopologicalSorter(graph).static_order())
    except CycleError:  # dbt refuses those; whoever gives us one gets what can be had
        return list(pieces)


def _relation(piece: Piece, found: NodeTrace) -> Relation:
    if piece.complete:
        return Relation(piece.key, piece.columns, complete=True)
    names = dict.fromkeys([*(column.name for column in found.columns), *map(str.lower, piece.columns)])
    return Relation(piece.key, tuple(names), found.complete)


def _trace_piece(
    piece: Piece,
    pieces: Mapping[str, Piece],
    relations: Mapping[str, Relation],
    dialect: str,
    before: NodeTrace | None,
    named: dict[str, Name],
) -> NodeTrace:
    read = {name: relations.get(key, Relation(key)) for name, key in piece.names.items()}
    ephemeral = [p for parent in piece.parents if (p := pieces.get(parent)) is not None and p.ephemeral]
    key = _key(piece, read, [relations.get(one.key, Relation(one.key)) for one in ephemeral], dialect)
    if before is not None and before.key == key:
        return before
    if piece.problem:
        return NodeTrace(key, problem=piece.problem)
    try:
        sources = {_parsed(name, dialect, named): relation for name, relation in read.items()}
        for one in ephemeral:
            sources[(EPHEMERAL + one.name.lower(),)] = relations.get(one.key, Relation(one.key))
        found = trace(piece.code, dialect, sources)
    except Untraceable as exc:
        return NodeTrace(key, problem="unreadable", words=str(exc)[:500])
    return _node_trace(piece, key, found)


def _parsed(name: str, dialect: str, named: dict[str, Name]) -> Name:
    if name not in named:
        named[name] = name_of(name, dialect)
    return named[name]


def _key(piece: Piece, read: Mapping[str, Relation], ephemeral: Sequence[Relation], dialect: str) -> str:
    """Of the SQL, wherever its parents lie just now, and of the columns of its parents."""
    code = piece.code
    for name, relation in sorted(read.items()):
        code = code.replace(name, f"{{{relation.key}}}")
    parents = sorted((one.key, one.columns, one.complete) for one in (*read.values(), *ephemeral))
    parts = [VERSION, dialect, code, parents, piece.problem, piece.snapshot]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _node_trace(piece: Piece, key: str, found: Trace) -> NodeTrace:
    columns = [_column_trace(name, origin, piece.key) for name, origin in found.columns]
    if piece.snapshot:
        columns += [ColumnTrace(name) for name in _SNAPSHOT_COLUMNS]
    rows = sorted(leaf for leaf in found.rows if leaf[0] != piece.key)
    through = tuple(one for one in found.through if one != piece.key)
    return NodeTrace(key, tuple(columns), tuple(rows), through)


def _column_trace(name: str, origin: Origin, own: str) -> ColumnTrace:
    # An incremental model reads what it was before, which says nothing of where it comes from.
    parents = sorted((key, column, how) for (key, column), how in origin.leaves.items() if key != own)
    return ColumnTrace(name, tuple(parents), origin.known)


def as_json(found: NodeTrace) -> dict[str, Any]:
    """A trace as the database keeps it."""
    return {
        "columns": [
            [one.name, [[key, name, int(how)] for key, name, how in one.parents], one.known]
            for one in found.columns
        ],
        "rows": [list(leaf) for leaf in found.rows],
        "through": list(found.through),
    }


def from_json(key: str, kept: Mapping[str, Any], problem: str, words: str) -> NodeTrace:
    """The trace that `as_json` gave."""
    columns = [
        ColumnTrace(name, tuple((uid, column, How(how)) for uid, column, how in parents), known)
        for name, parents, known in kept["columns"]
    ]
    rows = tuple((uid, column) for uid, column in kept["rows"])
    return NodeTrace(key, tuple(columns), rows, tuple(kept["through"]), problem, words)
