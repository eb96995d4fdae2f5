"""The sources that an environment reads: how fresh they are, and when somebody looks."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from bisync.lib.forms import carry_out
from bisync.lib.web import go, page
from catalog.models import Node
from catalog.outcomes import trust_in
from environments import freshness
from environments.models import Environment, FreshnessSchedule
from environments.selectors import environments_of
from governance import permissions
from governance.models import Project
from governance.web import Request, in_project
from workspace.forms import ScheduleForm
from workspace.strategies import keeps_outcomes


@require_http_methods(["GET", "HEAD", "POST"])
@in_project
def sources(request: Request, project: Project, slug: str) -> HttpResponse:
    """How fresh each source was when it was last looked at, and the timetable by which that happens."""
    environment = get_object_or_404(environments_of(project), slug=slug)
    if request.method == "POST":
        permissions.require(request.user, "environment.deploy", environment)
    known = FreshnessSchedule.objects.filter(environment=environment).first()
    form = ScheduleForm(request.POST or None, known=known)
    if request.method == "POST":
        saved = carry_out(
            form,
            lambda: freshness.freshness_schedule_set(
                environment=environment, values=form.cleaned_data, actor=request.user
            ),
        )
        if saved is not None:
            return go(request, request.path, say=_("Saved."))
    context = {
        "environment": environment,
        "form": form,
        "schedule": known,
        "kept": keeps_outcomes(project),
        "last": freshness.last_look(environment),
        "may_look": permissions.decide(request.user, "project.pull", environment),
        "may_schedule": permissions.decide(request.user, "environment.deploy", environment),
        **_looked(request, project, environment),
    }
    return page(
        request, "environments/sources.html", context, status=422 if request.method == "POST" else 200
    )


def _looked(request: Request, project: Project, environment: Environment) -> dict[str, Any]:
    """The sources that declare freshness, or of which somebody told, each with what was last found here."""
    every = Node.objects.filter(project=project, resource_type="source").order_by("name")
    nodes = dict(every.values_list("unique_id", "fields"))
    told = {one.node: one for one in trust_in(project, nodes, environment=environment.slug).sources}
    wanted = freshness.declared(nodes)
    rest = sorted((wanted.looked | wanted.timeless) - told.keys())
    rows = [
        *((key, one.name, one) for key, one in told.items()),
        *((key, key.split(".", 2)[-1], None) for key in rest),
    ]
    return {
        "rows": Paginator(rows, 100).get_page(request.GET.get("page")),
        "timeless": wanted.timeless,
        "count": len(nodes),
    }


@require_POST
@in_project
def look(request: Request, project: Project, slug: str) -> HttpResponse:
    """Have dbt look now."""
    environment = get_object_or_404(environments_of(project), slug=slug)
    run = freshness.freshness_request(environment=environment, actor=request.user)
    return go(
        request,
        reverse("run", args=[project.slug, run.pk]),
        say=_("Looking at the sources of %(environment)s.") % {"environment": environment.name},
    )
