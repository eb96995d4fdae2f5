"""Column lineage as the catalogue keeps it: what was traced before, and what changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from catalog.lineage.pieces import Code
from catalog.lineage.project import NodeTrace, Piece, as_json, trace_project
from catalog.models import Node, NodeLineage, Uploaded
from catalog.selectors import traces_of
from governance.models import Project
from workspace.dbt.results import read_catalog

_ROWS = 200


def codes_kept(project: Project) -> dict[str, Code]:
    """The SQL of each node as it was last made."""
    rows = NodeLineage.objects.filter(node__project=project).exclude(code="")
    return {
        key: Code(code_key, code, names)
        for key, code_key, code, names in rows.values_list("node__unique_id", "code_key", "code", "names")
    }


def traced(
    project: Project, pieces: Mapping[str, Piece], codes: Mapping[str, Code], dialect: str
) -> list[NodeLineage]:
    """What is new: a row, not written yet, for each node whose SQL or columns are others than before."""
    nodes = dict(Node.objects.filter(project=project).values_list("unique_id", "pk"))
    before, kept = traces_of(project, nodes), codes_kept(project)
    return list(_differing(trace_project(pieces, dialect, before), before, codes, kept, nodes))


def _differing(
    found: Iterator[tuple[str, NodeTrace]],
    before: Mapping[str, NodeTrace],
    codes: Mapping[str, Code],
    kept: Mapping[str, Code],
    nodes: Mapping[str, int],
) -> Iterator[NodeLineage]:
    for uid, trace in found:
        code = codes.get(uid, Code("", ""))
        if uid in nodes and (trace != before.get(uid) or code != kept.get(uid, Code("", ""))):
            yield NodeLineage(
                node_id=nodes[uid],
                code=code.sql,
                code_key=code.key,
                names=dict(code.names),
                key=trace.key,
                problem=trace.problem,
                words=trace.words,
                **as_json(trace),
            )


def keep(rows: list[NodeLineage]) -> None:
    """Write what `traced` found. Call it inside a transaction."""
    NodeLineage.objects.bulk_create(
        rows,
        batch_size=_ROWS,
        update_conflicts=True,
        unique_fields=("node",),
        update_fields=(
            *("code", "code_key", "names", "key", "columns", "rows", "through", "problem", "words"),
            "changed_at",
        ),
    )


def columns_told(project: Project) -> dict[str, list[str]]:
    """Node → its columns, of those that the last uploaded catalog.json tells of."""
    uploads = Uploaded.objects.filter(project=project, name="catalog.json").select_related("artifact")
    last = uploads.first()
    if last is None:
        return {}
    return {key: [*columns] for key, columns in read_catalog(last.artifact.content()).tables()}
