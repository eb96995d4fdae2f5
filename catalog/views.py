"""The catalogue: everything that dbt knows, searched, and a page for each thing."""

from __future__ import annotations

from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from bisync.lib.search import sought
from bisync.lib.web import page
from catalog import selectors
from catalog.models import Node
from catalog.words import KINDS, yaml_of
from governance.models import Project
from governance.web import Request, in_project


@require_safe
@in_project
def node_list(request: Request, project: Project) -> HttpResponse:
    """Models, sources, exposures and the rest; narrowed by kind and by words, on the server."""
    search, kind = sought(request.GET.get("q", "")), request.GET.get("kind", "")
    kind = kind if kind in KINDS else ""
    found = selectors.catalogue(project, kind=kind, search=search)
    context = {
        "nodes": Paginator(found, 50).get_page(request.GET.get("page")),
        "kinds": [(name, KINDS[name].many, count) for name, count in selectors.kinds_of(project)],
        "kind": kind,
        "search": search,
        "query": f"{urlencode({'q': search, 'kind': kind})}&",
    }
    return page(request, "catalog/node_list.html", context, fragment="rows")


@require_safe
@in_project
def node_detail(request: Request, project: Project, unique_id: str) -> HttpResponse:
    """One thing: what it means, its columns and tests, what it reads, what reads it, and how it changed."""
    nodes = Node.objects.filter(project=project).select_related("group")
    node = get_object_or_404(nodes, unique_id=unique_id)
    context = {
        "node": node,
        "kind": KINDS[node.resource_type],
        "columns": selectors.columns_of(node),
        "tests": node.tests.filter(column=""),
        "parents": selectors.parents_of(node)[: selectors.MOST],
        "children": selectors.children_of(node)[: selectors.MOST],
        "uses": selectors.used_by(node),
        "history": selectors.history_of(node)[: selectors.MOST],
        "code": node.fields.get("macro_sql", ""),
        "definition": yaml_of(node.fields),
    }
    return page(request, "catalog/node_detail.html", context)
