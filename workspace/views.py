"""Runs with their live output, and the repository's settings."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from bisync.lib.forms import carry_out
from bisync.lib.web import STOP_POLLING, go, page, swapping
from governance import permissions
from governance.models import Project
from governance.web import Request, in_project
from workspace import actions
from workspace.forms import RepositoryForm
from workspace.models import Repository, Run, RunCommand

SHOWN_LINES = 500


@require_safe
@in_project
def run_list(request: Request, project: Project) -> HttpResponse:
    """Every run of the project, newest first."""
    runs = Run.objects.visible_to(request.user).filter(project=project).for_list()
    shown = Paginator(runs, 50).get_page(request.GET.get("page"))
    return page(request, "workspace/run_list.html", {"runs": shown}, fragment="rows")


@require_safe
@in_project
def run_detail(request: Request, project: Project, pk: int) -> HttpResponse:
    """One run: state, commands, the end of their output; it polls itself while the work goes on."""
    run = get_object_or_404(Run.objects.for_list(), project=project, pk=pk)
    commands = list(run.commands.all())
    context = {
        "run": run,
        "commands": [(command, *tail(command.output)) for command in commands],
        "may_cancel": permissions.decide(request.user, actions.MAY[run.kind], project),
    }
    status = STOP_POLLING if run.finished and swapping(request) else 200
    return page(request, "workspace/run_detail.html", context, fragment="progress", status=status)


def tail(output: str) -> tuple[str, int]:
    """The last lines of an output, and how many came before them."""
    lines = output.splitlines()
    return "\n".join(lines[-SHOWN_LINES:]), max(0, len(lines) - SHOWN_LINES)


@require_safe
@in_project
def run_output(_request: Request, project: Project, pk: int, command: int) -> HttpResponse:
    """The whole output of one command as plain text."""
    found = get_object_or_404(RunCommand, pk=command, run_id=pk, run__project=project)
    return HttpResponse(found.output, content_type="text/plain; charset=utf-8")


@require_POST
@in_project
def run_cancel(request: Request, project: Project, pk: int) -> HttpResponse:
    run = get_object_or_404(Run, project=project, pk=pk)
    actions.run_cancel(run=run, actor=request.user)
    return go(request, reverse("run", args=[project.slug, pk]), say=_("Asked it to stop."))


@require_POST
@in_project
def run_retry(request: Request, project: Project, pk: int) -> HttpResponse:
    run = get_object_or_404(Run, project=project, pk=pk)
    again = actions.run_retry(run=run, actor=request.user)
    return go(request, reverse("run", args=[project.slug, again.pk]), say=_("Started again."))


@require_http_methods(["GET", "HEAD", "POST"])
@in_project
def repository_edit(request: Request, project: Project) -> HttpResponse:
    """Where the dbt code comes from."""
    permissions.require(request.user, "repository.configure", project)
    repository = get_object_or_404(Repository, project=project)
    form = RepositoryForm(request.POST or None, instance=repository)
    if request.method == "POST":
        saved = carry_out(
            form,
            lambda: actions.repository_connect(project=project, values=form.cleaned_data, actor=request.user),
        )
        if saved is not None:
            return go(request, reverse("pulls", args=[project.slug]), say=_("Saved. Pull to try it."))
    status = 422 if form.is_bound else 200
    return page(request, "workspace/repository_form.html", {"form": form}, status=status)
