"""The metric catalogue and the page of one metric, in one environment."""

from __future__ import annotations

from typing import get_args
from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_safe

from bisync.lib.search import sought
from bisync.lib.web import page
from catalog import rules
from catalog.annotations import noted, synonyms_in
from catalog.models import Node
from catalog.outcomes import trust_of
from catalog.selectors import lineage_of
from catalog.standing import doubts, standings
from catalog.words import KINDS
from environments.freshness import promised_in
from environments.models import Environment
from environments.selectors import environments_of, production
from environments.web import in_environment
from governance import permissions
from governance.models import Project
from governance.web import Request, in_project
from insights import selectors
from insights.ledger import ledger_of
from semantic.definitions import Grain
from semantic.fields import currency
from semantic.models import Definition

GRAINS: tuple[Grain, ...] = get_args(Grain)


@require_safe
@in_environment
def metric_list(request: Request, environment: Environment) -> HttpResponse:
    """Every metric with its value here; searched on the server."""
    search, show = sought(request.GET.get("q", "")), request.GET.get("show", "")
    known = lineage_of(environment.project)
    rows = selectors.metric_rows(environment, known, search=search, show=show)
    shown = Paginator(rows, 50).get_page(request.GET.get("page"))
    keys = [row.definition.unique_id for row in shown]
    promised = promised_in(environment)
    stands = standings(
        environment.project, keys, environment=environment.slug, lineage=known, promised=promised
    )
    return page(
        request,
        "insights/metric_list.html",
        {
            "environment": environment,
            "shown": shown,
            "rows": [(row, stands.of(row.definition.unique_id)) for row in shown],
            "search": search,
            "show": show,
            "query": f"{urlencode({'q': search, 'show': show})}&",
            "may_propose": permissions.decide(request.user, "proposal.create", environment),
        },
        fragment="rows",
    )


@require_safe
@in_project
def metric_anywhere(_request: Request, project: Project, name: str) -> HttpResponse:
    """The metric's page in production, for whoever links to it without caring where."""
    definition = get_object_or_404(Definition, project=project, kind="metric", name=name)
    here = production(project) or environments_of(project).first()
    if here is None:
        return redirect("environments", project.slug)
    return redirect("metric", project.slug, here.slug, definition.name)


@require_safe
@in_environment
def metric_detail(request: Request, environment: Environment, name: str) -> HttpResponse:
    """One metric: its number and its months here, what it means, where it comes from, who uses it."""
    project = environment.project
    definition = get_object_or_404(Definition, project=project, kind="metric", name=name)
    asked = request.GET.get("grain", "month")
    grain: Grain = next((g for g in GRAINS if g == asked), "month")
    meta = definition.fields.get("meta")
    view = selectors.metric_view(environment, definition, grain=grain)
    promised = promised_in(environment)
    known = lineage_of(project)
    trust = trust_of(
        project, definition.unique_id, environment=environment.slug, lineage=known, promised=promised
    )
    below = rules.below(project, trust, metric=name, adapter=known.adapter)
    usages, used_by = list(definition.usages.all()), known.users_of(definition.unique_id)
    return page(
        request,
        "insights/metric_detail.html",
        {
            "environment": environment,
            "definition": definition,
            "view": view,
            "meaning": view.meaning(definition.description),
            "grain": grain,
            "grains": GRAINS,
            "value_format": selectors.value_format(meta),
            "currency": currency(meta),
            "owner": selectors.owner(meta),
            "context": selectors.context(meta),
            "synonyms": synonyms_in(meta),
            "certified": noted(meta, "certified") is True,
            "usages": usages,
            "used_by": used_by,
            "used_in": len(usages) + len(used_by),
            **selectors.its_end(project, definition),
            "trust": trust,
            "rules": selectors.rules_of_value(definition, below.value),
            "below": below.wrong,
            "doubts": doubts(trust),
            "open_proposal": selectors.open_proposal(project, definition, request.user),
            "published_by": selectors.published_by(definition),
            "may_propose": permissions.decide(request.user, "proposal.create", environment),
        },
        fragment="numbers",
    )


@require_safe
@in_project
def ledger(request: Request, project: Project, unique_id: str) -> HttpResponse:
    """Who owns each field of a thing that dbt knows, since when, and what is written without effect."""
    nodes = Node.objects.filter(project=project).select_related("project")
    node = get_object_or_404(nodes, unique_id=unique_id)
    metric = node.name if node.resource_type == "metric" else ""
    definition = Definition.objects.filter(project=project, kind="metric", name=metric).first()
    context = {
        "node": node,
        "kind": KINDS[node.resource_type],
        "ledger": ledger_of(node),
        "open_proposal": selectors.open_proposal(project, definition, request.user) if definition else None,
    }
    return page(request, "insights/ledger.html", context)
