"""The catalogue as pages show it, and what is next to a thing that dbt knows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.db.models import Count, Exists, OuterRef, Prefetch, Q, QuerySet, Subquery

from catalog.annotations import noted
from catalog.lineage.graph import Graph
from catalog.lineage.project import NodeTrace, from_json
from catalog.models import (
    Change,
    ChangeKind,
    Column,
    Edge,
    Node,
    NodeLineage,
    NodeTest,
    SavedView,
    SearchEntry,
    Snapshot,
)
from catalog.narrowing import Narrowed
from catalog.quality.rules import reader
from catalog.quality.tellers import Reads
from catalog.search.finding import counts_of, fitting, looked_for, meant
from catalog.search.words import Sought
from catalog.words import COLUMN, FLAGS, FOUND, OWNER, PARTS, TEST
from governance.models import Project, User
from workspace.dbt.code import dialect_of

# Other nodes use them, too, but no data flows.
USED = ("macro", "doc")
# Joined, these would be read for whatever is found, and not for what is shown.
_SHOWN = Prefetch("node", Node.objects.select_related("group", "project").defer("fields"))
# A page shows so many neighbours and so much history of one thing.
MOST = 100


@dataclass(frozen=True, slots=True)
class Listed:
    """What fits, best first, how many, and how many there would be with another kind, owner or flag."""

    rows: QuerySet[SearchEntry]
    count: int
    kinds: Mapping[str, int]
    owners: Mapping[str, int]
    flags: Mapping[str, int]
    sought: Sought


def catalogue(project: Project, by: Narrowed) -> Listed:
    """The project's catalogue: nodes, models first; with words or a kind also columns, tests and owners."""
    every = SearchEntry.objects.filter(project=project)
    if not by.search:
        # The parts of things are found by words, or where they are asked for.
        shown = every.order_by("place", "name", "key").exclude(kind__in={*PARTS} - {by.kind})
        return _listed(shown, counts_of(shown), by, Sought(()))
    found = looked_for(every, by.search)
    counts = found.counts()
    if not counts:
        found = meant(every, found)
        counts = found.counts()
    return _listed(found.ranked(), counts, by, found.sought)


Counts = Sequence[tuple[Any, ...]]


def _narrowed(rows: QuerySet[SearchEntry], by: Narrowed) -> QuerySet[SearchEntry]:
    wanted: dict[str, object] = dict.fromkeys(by.flags, True)
    wanted |= {name: value for name, value in (("kind", by.kind), ("owner", by.owner)) if value}
    return rows.filter(**wanted).select_related("project").prefetch_related(_SHOWN)


def _listed(rows: QuerySet[SearchEntry], counts: Counts, by: Narrowed, sought: Sought) -> Listed:
    """The counts of each facet are of what the others leave."""
    kinds, owners, flags, total = Counter[str](), Counter[str](), Counter[str](), 0
    for kind, owner, *states, n in counts:
        set_here = {flag for flag, state in zip(FLAGS, states, strict=True) if state}
        lacking = {name for name in by.flags if name not in set_here}
        of_kind, of_owner = by.kind in {"", kind}, by.owner in {"", owner}
        if not lacking and of_owner:
            kinds[kind] += n
        if not lacking and of_kind and owner:
            owners[owner] += n
        for flag in set_here if of_kind and of_owner else ():
            if lacking <= {flag}:
                flags[flag] += n
        total += n if not lacking and of_kind and of_owner else 0
    ordered = {kind: kinds[kind] for kind in FOUND if kinds[kind] or kind == by.kind}
    named = {owner: owners[owner] for owner in sorted({*owners, by.owner} - {""}, key=str.casefold)}
    return Listed(_narrowed(rows, by), total, ordered, named, {flag: flags[flag] for flag in FLAGS}, sought)


def found_nodes(project: Project, text: str, *, most: int) -> QuerySet[SearchEntry]:
    """The nodes and columns that fit best, but for metrics, which are found as such."""
    rows = SearchEntry.objects.filter(project=project).exclude(kind__in=("metric", TEST, OWNER))
    found = fitting(rows, text, parts=(COLUMN,)).ranked()
    return found.select_related("project").prefetch_related(_SHOWN)[:most]


def fitting_nodes(project: Project, text: str) -> QuerySet[SearchEntry, Any]:
    """The ids of the nodes that fit the words."""
    rows = SearchEntry.objects.filter(project=project).exclude(kind__in=PARTS)
    return fitting(rows, text, parts=()).rows.order_by().values("node")


def parents_of(node: Node) -> QuerySet[Node]:
    """What a node reads, without the macros and docs blocks that it uses."""
    return _beside(node, "parent").exclude(resource_type__in=USED)


def children_of(node: Node) -> QuerySet[Node]:
    """What reads a node, or uses it."""
    return _beside(node, "child")


def _beside(node: Node, side: str) -> QuerySet[Node]:
    other = "child" if side == "parent" else "parent"
    edges = Edge.objects.filter(project=node.project_id, **{other: node.unique_id})
    found = Node.objects.filter(project=node.project_id, unique_id__in=edges.values(side))
    return found.select_related("project")


def around(node: Node) -> tuple[list[Node], list[Node]]:
    """What a node reads or uses, and up to `MOST` of what reads or uses it, in one query."""
    edges = Edge.objects.filter(project=node.project_id)
    up, down = edges.filter(child=node.unique_id), edges.filter(parent=node.unique_id)
    below = down.order_by("child").values("child")[:MOST]
    found = list(
        Node.objects.filter(project=node.project_id)
        .filter(Q(unique_id__in=up.values("parent")) | Q(unique_id__in=below))
        .annotate(
            above=Exists(up.filter(parent=OuterRef("unique_id"))),
            below=Exists(down.filter(child=OuterRef("unique_id"))),
        )
        .select_related("project")
    )
    return [one for one in found if one.above], [one for one in found if one.below]


def history_of(node: Node) -> QuerySet[Change]:
    """What pulls changed of a node since the first, newest first, with the commit that brought it.

    What it was before somebody said that it was only renamed belongs to it.
    """
    settled = Change.objects.filter(project=node.project_id, kind=ChangeKind.ADDED, same=True)
    came = {change.unique_id: (change.renamed, change.pk) for change in settled.order_by("id")}
    name, asked = node.unique_id, Q(unique_id=node.unique_id)
    # Whatever bears an older name later on is another thing.
    while name in came:
        name, until = came.pop(name)
        asked |= Q(unique_id=name, id__lt=until)
    changes = Change.objects.filter(asked, project=node.project_id)
    # That the old name went is the same event as that the new one came.
    changes = changes.exclude(kind=ChangeKind.REMOVED, same=True)
    return changes.select_related("snapshot").order_by("-id")


def views_of(project: Project, person: User) -> QuerySet[SavedView]:
    """The ways of looking at a project's catalogue that a person keeps."""
    return SavedView.objects.filter(project=project, person=person).select_related("project")


def made_of(node: Node) -> str:
    """The SQL that dbt made of a node; "" where there is none, or it is not known yet."""
    lineage: NodeLineage | None = getattr(node, "lineage", None)
    return lineage.code if lineage is not None else ""


def reads_of(adapter: str) -> Reads:
    """What reads the conditions of a project, whose adapter this is, as formulas."""
    return reader(dialect_of(adapter))


def adapter_of(project: Project) -> str:
    """The adapter that the last pull was read with; "" before there is one."""
    pulls = Snapshot.objects.filter(project=project).order_by("-id")
    return pulls.values_list("adapter", flat=True).first() or ""


@dataclass(frozen=True, slots=True)
class Named:
    """A metric or a saved query, by its name in dbt and as people call it."""

    unique_id: str
    resource_type: str
    name: str
    called: str


Attached = Mapping[str, Sequence[tuple[str, str, str]]]


@dataclass(frozen=True, slots=True)
class Lineage:
    """A project's lineage; of each node its tests (ids, names and columns, by name) and how many columns.

    `adapter` is the one that the pull was read with, `users` are the metrics and saved queries. `parts` are
    the metrics that only belong to another's calculation.
    """

    graph: Graph
    tests: Attached
    columns: Mapping[str, int]
    adapter: str = ""
    users: Mapping[str, Named] = field(default_factory=dict)
    parts: frozenset[str] = frozenset()

    def users_of(self, metric: str) -> list[Named]:
        """The metrics and saved queries that name a metric; of a part, those that it is a part of."""
        found: dict[str, None] = {}
        seen, waiting = {metric}, [metric]
        while waiting:
            for one in self.graph.beside(waiting.pop(), "down"):
                if one in seen:
                    continue
                seen.add(one)
                if one in self.parts:
                    waiting.append(one)
                elif one in self.users:
                    found[one] = None
        return [self.users[one] for one in found]


def lineage_of(project: Project, pull: Snapshot | None = None) -> Lineage:
    """What reads what, as the last pull saw it, and the tests; `pull` is that pull, where it is known.

    Macros and docs blocks are no part of it.
    """
    if pull is None:
        pull = Snapshot.objects.filter(project=project).only("created_at").order_by("-id").first()
    return _read(project.pk, (pull.pk, pull.created_at) if pull is not None else None)


def node_and_lineage(project: Project, unique_id: str) -> tuple[Node, Lineage]:
    """A node with what its page shows of it, and the lineage that it is in. Raises `Node.DoesNotExist`."""
    pulls = Snapshot.objects.filter(project=project).order_by("-id")
    nodes = Node.objects.filter(project=project).select_related("group", "project", "lineage")
    node = nodes.annotate(
        pull=Subquery(pulls.values("pk")[:1]), pulled_at=Subquery(pulls.values("created_at")[:1])
    ).get(unique_id=unique_id)
    return node, _read(project.pk, (node.pull, node.pulled_at) if node.pull else None)


@lru_cache(maxsize=8)
def _read(project: int, pull: tuple[int, datetime] | None) -> Lineage:
    edges = Edge.objects.filter(project=project).values_list("parent", "child")
    flows = ((parent, child) for parent, child in edges if not parent.startswith(("macro.", "doc.")))
    columns = Column.objects.filter(node__project=project).order_by().values_list("node__unique_id")
    counted = dict(columns.annotate(n=Count("pk")))
    adapter = Snapshot.objects.filter(pk=pull[0] if pull else 0).values_list("adapter", flat=True).first()
    nodes = Node.objects.filter(project=project, resource_type__in=("metric", "saved_query"))
    users, parts = {}, set()
    fields = ("unique_id", "resource_type", "name", "label", "meta")
    for uid, kind, name, label, meta in nodes.values_list(*fields):
        users[uid] = Named(uid, kind, name, label or name)
        if noted(meta, "helper_of"):
            parts.add(uid)
    return Lineage(Graph.of(flows), _tests(project), counted, adapter or "", users, frozenset(parts))


def _tests(project: int) -> Attached:
    found: dict[str, list[tuple[str, str, str]]] = {}
    tests = NodeTest.objects.filter(project=project, node__isnull=False).order_by("name", "unique_id")
    for node, *test in tests.values_list("node__unique_id", "unique_id", "name", "column"):
        found.setdefault(node, []).append((test[0], test[1], test[2]))
    return found


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
