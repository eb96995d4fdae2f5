"""The catalogue: everything that dbt knows, searched, and a page for each thing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import groupby
from typing import Any

from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from bisync.lib.forms import carry_out
from bisync.lib.web import go, page
from catalog import actions, drawing, rules, selectors
from catalog.annotations import AGGREGATIONS, is_rule, said
from catalog.drawing import HOWS, State
from catalog.forms import ViewForm
from catalog.lineage.graph import ColumnFlow, Drawn, Graph, around, column_flow
from catalog.lineage.project import NodeTrace
from catalog.models import Change, Column, Node, SavedView, SearchEntry
from catalog.narrowing import STATES, narrowed, narrowed_by, rules_asked
from catalog.outcomes import Trust, trust_of
from catalog.search.finding import MOST
from catalog.selectors import Lineage
from catalog.standing import UNTESTED, Standing, Standings, doubts, standings
from catalog.words import (
    COLUMN,
    FLAGS,
    FOUND,
    KINDS,
    PARTS,
    PROBLEMS,
    RULE_STATES,
    RULES,
    TEST,
    line_of,
    yaml_of,
)
from governance import permissions
from governance.models import Project
from governance.web import Request, in_project

# What dbt can test.
TESTED = ("model", "seed", "snapshot", "source")


class _Counted(Paginator[Any]):
    """Pages of what has been counted already."""

    def __init__(self, rows: Any, per_page: int, *, count: int) -> None:
        super().__init__(rows, per_page)
        self.count = count


# The kind of proposal that gives a thing other words.
DESCRIBABLE = {**dict.fromkeys(("model", "seed", "snapshot", "source"), "model"), "doc": "doc"}


@require_safe
@in_project
def node_list(request: Request, project: Project) -> HttpResponse:
    """What dbt knows, narrowed by words, kind, owner and state, on the server."""
    by = narrowed(request.GET)
    listed = selectors.catalogue(project, by)
    shown = _Counted(listed.rows, 50, count=listed.count).get_page(request.GET.get("page"))
    known = selectors.lineage_of(project)
    stands = standings(project, {entry.node.unique_id for entry in shown if entry.node}, lineage=known)
    query = by.query
    context = {
        "rows": [_row(entry, known, stands) for entry in shown],
        "shown": shown,
        "by": by,
        "kinds": [(kind, FOUND[kind].many, _count(kind, n)) for kind, n in listed.kinds.items()],
        "owners": listed.owners.items(),
        "flags": [(flag, FLAGS[flag], n, flag in by.flags) for flag, n in listed.flags.items()],
        "words": [word for words in listed.sought.words for word in words],
        "query": f"{query}&" if query else "",
        "narrowed": bool(query),
        "views": selectors.views_of(project, request.user),
        "coming": not query and not listed.count and Node.objects.filter(project=project).exists(),
    }
    return page(request, "catalog/node_list.html", context, fragment="rows")


def _row(
    entry: SearchEntry, known: Lineage, stands: Standings
) -> tuple[SearchEntry, int, int, Standing | None]:
    """A line, how many columns and tests its node has, and how what it tells of stands; an owner does not."""
    if entry.node is None:
        return entry, 0, 0, None
    key = entry.node.unique_id
    standing = stands.of(key)
    if entry.kind == COLUMN:
        standing = stands.of_column(key, entry.name)
    elif entry.kind == TEST:
        standing = stands.of_test(key, entry.key)
    return entry, known.columns.get(key, 0), len(known.tests.get(key, ())), standing


@require_http_methods(["GET", "HEAD", "POST"])
@in_project
def view_list(request: Request, project: Project) -> HttpResponse:
    """A person's saved views; with a narrowed catalogue in the address, the form that saves it."""
    sent = request.method == "POST"
    asked = (narrowed_by(request.POST.get("query", "")) if sent else narrowed(request.GET)).query
    form = ViewForm(request.POST if sent else None, initial={"query": asked})
    if sent:

        def save() -> SavedView:
            name = form.cleaned_data["name"]
            return actions.view_save(project=project, name=name, query=asked, actor=request.user)

        if (saved := carry_out(form, save)) is not None:
            return go(request, saved.get_absolute_url(), say=_("The view is saved."))
    status = 422 if sent else 200
    context = {
        "views": selectors.views_of(project, request.user),
        "form": form,
        "asked": asked,
        "words": words_of(asked),
    }
    return page(request, "catalog/view_list.html", context, status=status)


@require_POST
@in_project
def view_remove(request: Request, project: Project, pk: int) -> HttpResponse:
    """Forget a view."""
    view = get_object_or_404(selectors.views_of(project, request.user), pk=pk)
    actions.view_delete(view=view, actor=request.user)
    return go(request, reverse("saved-views", args=[project.slug]), say=_("The view is deleted."))


def words_of(query: str) -> str:
    """What a view is narrowed by, for people."""
    by = narrowed_by(query)
    kind = str(FOUND[by.kind].many) if by.kind else ""
    return ", ".join(filter(None, [by.search, kind, by.owner, *(str(FLAGS[flag]) for flag in by.flags)]))


def _count(kind: str, n: int) -> str:
    return f"{n}+" if kind in PARTS and n == MOST else str(n)


def _known(project: Project, unique_id: str) -> tuple[Node, Lineage]:
    try:
        return selectors.node_and_lineage(project, unique_id)
    except Node.DoesNotExist:
        raise Http404 from None


@require_safe
@in_project
def node_detail(request: Request, project: Project, unique_id: str) -> HttpResponse:
    """One thing: what it means, its columns and tests, what it reads, what reads it, and how it changed."""
    node, known = _known(project, unique_id)
    columns = list(node.columns.all())
    whole = trust_of(project, unique_id, lineage=known)
    own = whole.of({unique_id})
    judged = _judged(node, columns, own, known.adapter)
    metric = node.name if node.resource_type == "metric" else ""
    below = rules.below(project, whole, but=unique_id, metric=metric, adapter=known.adapter)
    reads, read_by = selectors.around(node)
    layer = said(node.fields.get("config") or {}, node.meta, "semantic_layer")
    context = {
        "node": node,
        "kind": KINDS[node.resource_type],
        "columns": rules.columns_of(node, columns, judged),
        "rules": [*((kept, tested) for kept, tested in judged if not kept.column), *below.value],
        "trust": whole if node.resource_type in UNTESTED else own,
        "freshness": next(iter(own.sources), None),
        "sources": [one for one in whole.sources if one.node != unique_id],
        "below": below.wrong,
        "doubts": doubts(whole) if node.resource_type in UNTESTED else [],
        "parents": [one for one in reads if one.resource_type not in selectors.USED][: selectors.MOST],
        "children": read_by,
        "uses": [one for one in reads if one.resource_type in selectors.USED],
        "may_propose": permissions.decide(request.user, "proposal.create", project),
        "may_settle": permissions.decide(request.user, "catalogue.settle", project),
        "tables": TESTED,
        "history": selectors.history_of(node)[: selectors.MOST],
        "code": node.fields.get("macro_sql", ""),
        "made": selectors.made_of(node),
        "has_lineage": node.resource_type not in selectors.USED,
        "definition": yaml_of(node.fields),
        "meta": [(name, line_of(value)) for name, value in node.meta.items()],
        "semantic_layer": layer if isinstance(layer, str) else "",
        "totals": AGGREGATIONS,
        "describable": DESCRIBABLE.get(node.resource_type, ""),
        "is_rule": node.resource_type == "model" and is_rule(node.meta),
        "elements": _elements(node),
        "measurable": _measurable(node),
        "table": next(iter(node.fields.get("depends_on") or ()), ""),
    }
    return page(request, "catalog/node_detail.html", context)


def _elements(node: Node) -> list[tuple[str, str, Mapping[str, Any]]]:
    """Dimensions and measures of a semantic model: kind, name for a removal, and dbt's words."""
    if node.resource_type != "semantic_model":
        return []
    table = next(iter(node.fields.get("depends_on") or ()), "")
    dimensions = [
        ("dimension", f"dimension:{table}:{one['name']}", one) for one in node.fields.get("dimensions") or ()
    ]
    measures = [("measure", f"measure:{one['name']}", one) for one in node.fields.get("measures") or ()]
    return [*dimensions, *measures]


def _measurable(node: Node) -> bool:
    """Whether a semantic model may have measures: the latest spec, which marks columns, has none."""
    if node.resource_type != "semantic_model" or node.fields.get("measures"):
        return True
    tables = node.fields.get("depends_on") or ()
    columns = Column.objects.filter(node__project=node.project_id, node__unique_id__in=tables)
    said = columns.values_list("fields", flat=True)
    return not any(one.get("entity") or one.get("dimension") for one in said)


def _judged(node: Node, columns: list[Column], own: Trust, adapter: str) -> list[rules.Judged]:
    """The rules that a thing keeps, each with how it ended."""
    kept = rules.kept_by(node, columns, node.tests.all(), selectors.reads_of(adapter))
    told = {one.unique_id: one for one in own.looked}
    return [(one, told.get(one.key)) for one in kept]


@require_safe
@in_project
def rule_list(request: Request, project: Project) -> HttpResponse:
    """Every data quality rule of the project by thing, narrowed by words, kind, state, owner and domain."""
    asked = rules_asked(request.GET)
    found = rules.rules_of(project, asked)
    shown = Paginator(found.lines, 50).get_page(request.GET.get("page"))
    lines = rules.with_outcomes(project, list(shown))
    query = asked.query
    context = {
        "things": [(name, list(some)) for name, some in groupby(lines, key=lambda line: line.node)],
        "found": found,
        "shown": shown,
        "asked": asked,
        "kinds": [(kind, label, found.kinds[kind]) for kind, label in RULES.items() if found.kinds[kind]],
        "states": [(state, RULE_STATES[state], found.states[state]) for state in STATES],
        "owners": sorted((owner, n) for owner, n in found.owners.items() if owner),
        "domains": sorted((domain, n) for domain, n in found.domains.items() if domain),
        "query": f"{query}&" if query else "",
        "narrowed": bool(query),
        "tables": TESTED,
        "may_propose": permissions.decide(request.user, "proposal.create", project),
    }
    return page(request, "catalog/rule_list.html", context, fragment="rows")


@require_POST
@in_project
def renamed(request: Request, project: Project, unique_id: str, pk: int) -> HttpResponse:
    """Say whether it was only renamed."""
    change = get_object_or_404(Change, project=project, unique_id=unique_id, pk=pk)
    same = request.POST.get("same") == "yes"
    actions.rename_settle(change=change, same=same, actor=request.user)
    words = _("It is the same under another name.") if same else _("It is another thing.")
    return go(request, f"{reverse('node', args=[project.slug, unique_id])}#history", say=words)


@require_safe
@in_project
def lineage(request: Request, project: Project, unique_id: str) -> HttpResponse:
    """What a node reads and what reads it, drawn or as a table; with `column`, how that column flows."""
    start, known = _known(project, unique_id)
    if start.resource_type in selectors.USED:
        raise Http404
    state = State.of(project, unique_id, request.GET)
    shown = _column(state, known) if state.column else _nodes(state, known)
    context = {
        "start": start,
        "state": state,
        "steps": _steps(state),
        "views": [(table, replace(state, table=table).url()) for table in (False, True)],
        "back": replace(state, column="").url(),
        "hows": [(how.name.lower(), words) for how, words in HOWS.items()],
        **shown,
        **_chosen(state, known.graph, start),
    }
    return page(request, "catalog/lineage.html", context, fragment="picture")


def _nodes(state: State, known: Lineage) -> dict[str, Any]:
    graph = known.graph
    drawn = around(graph, state.start, up=state.up, down=state.down, opened=state.opened)
    nodes = selectors.nodes_by_id(state.project, drawn.nodes)
    stands = standings(state.project, {*nodes, state.at}, lineage=known)
    shown = {"cut": drawn.cut, "flow": None, "standing": stands.of(state.at)}
    if state.table:
        return {**shown, "rows": _rows(drawn, nodes, state, stands)}
    return {**shown, "picture": drawing.of_nodes(state, drawn, graph, nodes, stands)}


def _rows(
    drawn: Drawn, nodes: Mapping[str, Node], state: State, stands: Standings
) -> list[tuple[Node, str, list[Node], Standing]]:
    """Each node with its address here, what it reads of the others, and how it stands."""
    reads: dict[str, list[Node]] = {}
    for parent, child in drawn.edges:
        if parent in nodes:
            reads.setdefault(child, []).append(nodes[parent])
    keys = [key for key in drawn.nodes if key in nodes]
    return [(nodes[key], replace(state, at=key).url(), reads.get(key, []), stands.of(key)) for key in keys]


def _column(state: State, known: Lineage) -> dict[str, Any]:
    flow = column_flow(
        known.graph, lambda keys: selectors.traces_of(state.project, keys), (state.start, state.column)
    )
    from_here = {state.start, *flow.columns, *(key for key, _ in flow.rows)}
    nodes = selectors.nodes_by_id(state.project, from_here)
    deciding = [(nodes[key], column) for key, column in flow.rows if key in nodes]
    stands = standings(state.project, {*from_here, state.at}, lineage=known)
    shown = {
        "flow": flow,
        "cut": flow.cut,
        "deciding": deciding,
        "standing": stands.of(state.at),
        "sources": stands.sources(from_here),
    }
    if state.table:
        return {**shown, "flows": _flows(flow, nodes)}
    return {**shown, "picture": drawing.of_column(state, flow, nodes, stands)}


def _flows(flow: ColumnFlow, nodes: Mapping[str, Node]) -> list[tuple[Node, str, object, Node, str]]:
    return [
        (nodes[parent[0]], parent[1], HOWS[how], nodes[child[0]], child[1])
        for (parent, child), how in flow.flows.items()
        if parent[0] in nodes and child[0] in nodes
    ]


def _steps(state: State) -> list[tuple[str, list[tuple[int, str, bool]]]]:
    """For each side the numbers of steps that can be shown, each with its address."""
    fresh = replace(state, opened=())
    up = [(steps, replace(fresh, up=steps).url(), state.up == steps) for steps in drawing.STEPS]
    down = [(steps, replace(fresh, down=steps).url(), state.down == steps) for steps in drawing.STEPS]
    return [("up", up), ("down", down)]


def _chosen(state: State, graph: Graph, start: Node) -> dict[str, Any]:
    """The node that the panel tells of, and its columns, each with the address of its flow."""
    nodes = Node.objects.filter(project=state.project).select_related("group", "project")
    other = nodes.filter(unique_id=state.at).first() if state.at != start.unique_id else None
    node = other or start
    key = node.unique_id
    trace = selectors.traces_of(state.project, [key]).get(key)
    names = _column_names(node, trace)
    return {
        "chosen": node,
        "chosen_columns": [
            (name, replace(state, start=key, at=key, column=name.lower()).url(), known)
            for name, known in names[: drawing.MOST_COLUMNS]
        ],
        "more_columns": max(0, len(names) - drawing.MOST_COLUMNS),
        "problem": PROBLEMS.get(trace.problem) if trace is not None else None,
        "problem_words": trace.words if trace is not None else "",
        "through": selectors.nodes_by_id(state.project, trace.through if trace is not None else ()).values(),
        "sides": [
            ("up", len(graph.beside(key, "up")), len(graph.reached(key, "up"))),
            ("down", len(graph.beside(key, "down")), len(graph.reached(key, "down"))),
        ],
    }


def _column_names(node: Node, trace: NodeTrace | None) -> list[tuple[str, bool]]:
    """A node's columns as its SQL has them, then those only declared; whether all is known of each."""
    found = {one.name: one.known for one in trace.columns} if trace is not None else {}
    for name in node.columns.values_list("name", flat=True):
        found.setdefault(name.lower(), True)
    return list(found.items())
