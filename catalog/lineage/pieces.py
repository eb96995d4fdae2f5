"""From dbt's manifests to the pieces that lineage is made from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from catalog.lineage.making import Macros, Making, makings
from catalog.lineage.project import Piece
from workspace.dbt.code import CodeManifest, CodeNode

# Node → the names of its columns, in order.
Columns: TypeAlias = Mapping[str, Sequence[str]]
WITH_SQL = frozenset({"model", "snapshot"})
RELATIONS = WITH_SQL | {"seed"}


@dataclass(frozen=True, slots=True)
class Code:
    """The SQL that dbt made of a node, what from, and the relations that it names, each with its node."""

    key: str
    sql: str
    names: Mapping[str, str] = field(default_factory=dict)


def nodes_of(manifest: CodeManifest) -> dict[str, CodeNode]:
    """Everything that a query can read: models, snapshots, seeds and sources."""
    read = {key: node for key, node in manifest.nodes.items() if node.resource_type in RELATIONS}
    return {**manifest.sources, **read}


def makings_of(manifest: CodeManifest, salt: str) -> dict[str, Making]:
    """For each node that has SQL, what dbt makes it from; `salt` is what the manifest does not tell of."""
    macros = Macros(
        {key: (macro.macro_sql, macro.depends_on.macros) for key, macro in manifest.macros.items()},
        own=("dbt", "dbt_postgres", f"dbt_{manifest.metadata.adapter_type}"),
    )
    codes = {
        key: (node.raw_code, node.depends_on.macros)
        for key, node in manifest.nodes.items()
        if node.resource_type in WITH_SQL
    }
    return makings(codes, macros, salt)


def codes_of(
    manifest: CodeManifest, makes: Mapping[str, Making], places: Mapping[str, str]
) -> Iterator[tuple[str, Code]]:
    """The SQL that dbt has made of each node of `manifest`.

    `places` says by which further names nodes were read: those that another version had built.
    """
    nodes = nodes_of(manifest)
    for key, node in nodes.items():
        if key not in makes or node.compiled_code is None:
            continue
        names: dict[str, str] = {}
        for parent in (*node.depends_on.nodes, key):
            for name in (places.get(parent), nodes[parent].relation_name if parent in nodes else None):
                if name:
                    names[name] = parent
        yield key, Code(makes[key].key, node.compiled_code, names)


def pieces_of(
    manifest: CodeManifest,
    makes: Mapping[str, Making],
    codes: Mapping[str, Code],
    columns: Columns,
    problems: Mapping[str, str],
) -> dict[str, Piece]:
    """Every node with its code, or with why it has none; `columns` are those that the warehouse has."""
    pieces = {}
    for key, node in nodes_of(manifest).items():
        piece = Piece(
            key=key,
            name=node.alias or node.name,
            parents=tuple(dict.fromkeys(node.depends_on.nodes)),
            columns=tuple(columns.get(key) or [str(one.get("name") or "") for one in node.columns.values()]),
            ephemeral=node.config.materialized == "ephemeral",
            snapshot=node.resource_type == "snapshot",
        )
        if key not in makes:
            pieces[key] = replace(piece, complete=key in columns)
        elif key in codes:
            pieces[key] = replace(piece, code=codes[key].sql, names=codes[key].names)
        else:
            pieces[key] = replace(piece, complete=key in columns, problem=problems.get(key, "not-compiled"))
    return pieces
