"""The catalogue as pages show it, and what is next to a thing that dbt knows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache

from django.db.models import Case, Count, IntegerField, OuterRef, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce

from bisync.lib.search import every_word
from catalog.lineage.graph import Graph
from catalog.lineage.project import NodeTrace, from_json
from catalog.models import Change, Column, Edge, Node, NodeLineage, NodeTest, Outcome, Snapshot
from catalog.words import KINDS
from governance.models import Project

# Other nodes use them, too, but no data flows.
USED = ("macro", "doc")
# A page shows so many neighbours and so much history of one thing.
MOST = 100


def catalogue(project: Project, *, kind: str = "", search: str = "") -> QuerySet[Node]:
    """The project's nodes, models first; every word of `search` is in a name, label or description."""
    nodes = Node.objects.filter(project=project)
    if kind:
        nodes = nodes.filter(resource_type=kind)
    order = [When(resource_type=name, then=Value(place)) for place, name in enumerate(KINDS)]
    found = nodes.filter(every_word(search, "name", "label", "description")).select_related(
        "group", "project"
    )
    return (
        found.select_related("group", "project")
        .annotate(
            place=Case(*order, default=Value(99), output_field=IntegerField()),
            column_count=_counted(Column),
            test_count=_counted(NodeTest),
        )
        .order_by("place", "name", "unique_id")
    )


def _counted(model: type[Column] | type[NodeTest]) -> Coalesce:
    rows = model._default_manager.filter(node=OuterRef("pk")).order_by().values("node")
    return Coalesce(Subquery(rows.annotate(n=Count("pk")).values("n")), 0)


def kinds_of(project: Project) -> list[tuple[str, int]]:
    """The kinds that there are and how many of each, in their order."""
    rows = Node.objects.filter(project=project).order_by().values_list("resource_type")
    counts = dict(rows.annotate(n=Count("pk")))
    return [(kind, counts[kind]) for kind in KINDS if kind in counts]


Judged = tuple[NodeTest, Outcome | None]


def columns_of(
    node: Node, tests: Iterable[NodeTest], told: Mapping[str, Outcome]
) -> list[tuple[Column, list[Judged]]]:
    """The columns that the project declares, each with its tests and how they ended."""
    named: dict[str, list[Judged]] = {}
    for test in tests:
        if test.column:
            named.setdefault(test.column.lower(), []).append((test, told.get(test.unique_id)))
    declared = [(column, named.pop(column.name.lower(), [])) for column in node.columns.all()]
    # A column may be tested that nobody described.
    return [*declared, *((Column(node=node, name=rest[0][0].column), rest) for rest in named.values())]


def parents_of(node: Node) -> QuerySet[Node]:
    """What a node reads, without the macros and docs blocks that it uses."""
    return needed_by(node).exclude(resource_type__in=USED)


def needed_by(node: Node) -> QuerySet[Node]:
    """What a node reads, and the project's macros and docs blocks that it uses."""
    return _beside(node, "parent")


def children_of(node: Node) -> QuerySet[Node]:
    """What reads a node, or uses it."""
    return _beside(node, "child")


def _beside(node: Node, side: str) -> QuerySet[Node]:
    other = "child" if side == "parent" else "parent"
    edges = Edge.objects.filter(project=node.project_id, **{other: node.unique_id})
    found = Node.objects.filter(project=node.project_id, unique_id__in=edges.values(side))
    return found.select_related("project")


def history_of(node: Node) -> QuerySet[Change]:
    """What pulls changed of a node since the first, newest first, with the commit that brought it."""
    changes = Change.objects.filter(project=node.project_id, unique_id=node.unique_id)
    return changes.select_related("snapshot").order_by("-id")


def made_of(node: Node) -> str:
    """The SQL that dbt made of a node; "" where there is none, or it is not known yet."""
    lineage: NodeLineage | None = getattr(node, "lineage", None)
    return lineage.code if lineage is not None else ""


def graph_of(project: Project) -> Graph:
    """What reads what, as the last pull saw it; macros and docs blocks are no part of it."""
    pulls = Snapshot.objects.filter(project=project).order_by("-id")
    return _graph(project.pk, pulls.values_list("pk", "created_at").first())


@lru_cache(maxsize=8)
def _graph(project: int, _snapshot: tuple[int, datetime] | None) -> Graph:
    edges = Edge.objects.filter(project=project).values_list("parent", "child")
    return Graph.of((parent, child) for parent, child in edges if not parent.startswith(("macro.", "doc.")))


def traces_of(project: Project, keys: Iterable[str]) -> Mapping[str, NodeTrace]:
    """What is known of the columns of these nodes."""
    rows = NodeLineage.objects.filter(node__project=project, node__unique_id__in=list(keys))
    fields = ("node__unique_id", "key", "columns", "rows", "through", "problem", "words")
    return {
        uid: from_json(key, {"columns": columns, "rows": deciding, "through": through}, problem, words)
        for uid, key, columns, deciding, through, problem, words in rows.values_list(*fields)
    }


def nodes_by_id(project: Project, keys: Iterable[str]) -> dict[str, Node]:
    """The nodes of these ids, with what a box or a line of a list shows of them."""
    found = Node.objects.filter(project=project, unique_id__in=list(keys)).select_related("group", "project")
    shown = found.only("unique_id", "resource_type", "name", "label", "project__slug", "group__name")
    return {node.unique_id: node for node in shown}
