"""A project's environments, and what pulls brought."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from bisync.lib.diffs import diff
from bisync.lib.forms import carry_out
from bisync.lib.shell import EnvironmentLink
from bisync.lib.web import STOP_POLLING, go, page, swapping
from catalog.models import Snapshot
from environments import actions
from environments.condition import LEVELS, condition_of, looks_at
from environments.forms import EnvironmentForm
from environments.models import BuildSchedule, Deployment, Environment
from environments.schedules import build_schedule_set, schedules_of
from environments.selectors import environments_of
from governance import permissions
from governance.models import Project
from governance.web import Request, in_project
from workspace import holds, selectors
from workspace.actions import pull_request
from workspace.forms import ScheduleForm
from workspace.models import Frequency, Hold, PullSchedule, Repository, Run
from workspace.selectors import drains
from workspace.strategies import settings_of
from workspace.trust import WHY


@require_safe
@in_project
def health_list(request: Request, project: Project) -> HttpResponse:
    """What cannot be used as it is or contradicts itself, with what to do; and what is in order."""
    proposing = bool(permissions.decide(request.user, "proposal.create", project))
    pulled = Snapshot.objects.filter(project=project).defer("changes").order_by("-id").first()
    last, done = looks_at(project)
    # Of another commit the lines would be others.
    now = done is not None and pulled is not None and done.result.get("commit") == pulled.commit
    lines = done.result.get("lines", {}) if done is not None and now else {}
    condition = condition_of(project, lines=lines, proposing=proposing)
    level = request.GET.get("level", "")
    level = level if level in LEVELS else ""
    here = request.path
    context = {
        "condition": condition,
        "level": level,
        "groups": condition.of(level),
        "filters": [
            {
                "label": f"{label} {condition.count(value)}",
                "url": f"{here}?level={value}" if value else here,
                "current": value == level,
            }
            for value, label in (("", _("Everything")), ("bad", _("Wrong")), ("warn", _("To look at")))
        ],
        "last": last,
        "pulled": pulled,
        "settings": settings_of(project),
    }
    return page(request, "environments/health_list.html", context)


@require_safe
@in_project
def pull_list(request: Request, project: Project) -> HttpResponse:
    """Where dbt and Bisync stand, what each pull brought, and the button for the next."""
    snapshots = (
        Snapshot.objects.filter(project=project).select_related("run").defer("manifest", "semantic_manifest")
    )
    latest = Run.objects.filter(project=project, kind="pull").order_by("-id").first()
    settings = settings_of(project)
    return page(
        request,
        "environments/pull_list.html",
        {
            "repository": Repository.objects.filter(project=project).first(),
            "latest": latest,
            "settings": settings,
            "lineage_waits": settings.of("lineage", "frequency") != Frequency.EACH_PULL,
            "schedule": PullSchedule.objects.filter(project=project).first(),
            "drain": None if latest is None or latest.finished else drains().get(latest.queue),
            "snapshots": Paginator(snapshots, 20).get_page(request.GET.get("page")),
            "may_pull": permissions.decide(request.user, "project.pull", project),
            "may_configure": permissions.decide(request.user, "repository.configure", project),
            **({} if latest is not None and not latest.finished else _held(request, project)),
        },
        fragment="state",
        status=STOP_POLLING if swapping(request) and (latest is None or latest.finished) else 200,
    )


def _held(request: Request, project: Project) -> dict[str, object]:
    """What holds pulls, for whoever may agree with each file's change; others are told that something does.

    Not while a pull is at work: it brings another answer.
    """
    hold = selectors.hold_of(project)
    may_trust = permissions.decide(request.user, "repository.trust", project)
    changes = hold.changes if hold and may_trust else []
    shown = [
        (change, WHY[change["why"]], diff(change["before"], change["after"]))
        for change in changes
        if "after" in change
    ]
    named = [(change, WHY[change["why"]]) for change in changes if "after" not in change]
    return {"hold": hold, "held_changes": shown, "held_named": named, "may_trust": may_trust}


@require_POST
@in_project
def hold_agree(request: Request, project: Project, hold: int) -> HttpResponse:
    """Agree to what was read, and pull."""
    found = get_object_or_404(Hold, project=project, pk=hold)
    holds.hold_agree(hold=found, seen=request.POST.get("seen", ""), actor=request.user)
    return go(request, reverse("pulls", args=[project.slug]), say=_("Agreed. Pulling from the repository."))


@require_POST
@in_project
def hold_refuse(request: Request, project: Project, hold: int) -> HttpResponse:
    """Refuse what was read: nothing is pulled until the repository says otherwise."""
    found = get_object_or_404(Hold, project=project, pk=hold)
    holds.hold_refuse(hold=found, seen=request.POST.get("seen", ""), actor=request.user)
    return go(request, reverse("pulls", args=[project.slug]), say=_("Refused. dbt is not started on it."))


@require_safe
@in_project
def pull_detail(request: Request, project: Project, pk: int) -> HttpResponse:
    """One pull: the commit, the counts, and each thing that changed."""
    snapshot = get_object_or_404(Snapshot.objects.select_related("run"), project=project, pk=pk)
    counted = (
        ("model", _("Models")),
        ("source", _("Sources")),
        ("column", _("Columns")),
        ("test", _("Tests")),
        ("metric", _("Metrics")),
        ("exposure", _("Exposures")),
    )
    kinds = [(snapshot.counts.get(kind, 0), label) for kind, label in counted]
    trusted = selectors.trusted_since(project, snapshot.commit) if snapshot.changes.get("first") else []
    changes = Paginator(snapshot.changed.select_related("snapshot"), 100).get_page(request.GET.get("page"))
    context = {"snapshot": snapshot, "kinds": kinds, "trusted": trusted, "changes": changes}
    return page(request, "environments/pull_detail.html", context)


@require_POST
@in_project
def pull_start(request: Request, project: Project) -> HttpResponse:
    pull_request(project=project, actor=request.user)
    return go(request, reverse("pulls", args=[project.slug]), say=_("Pulling from the repository."))


@require_safe
@in_project
def environment_list(request: Request, project: Project) -> HttpResponse:
    """The environments side by side: what is live where, what came before, how to deploy."""
    environments = list(environments_of(project))
    slug = project.slug
    recent = Deployment.objects.filter(environment__in=environments).select_related(
        "environment", "requested_by", "run"
    )
    deployments = list(recent.order_by("-id")[:20])
    # Oldest last: what is being built counts before what waits behind it.
    under_way = {
        one.environment_id: one.status for one in deployments if one.status in {"planned", "applying"}
    }
    schedules = schedules_of(environments)
    cards = [
        (
            e,
            EnvironmentLink(e.slug, e.name, e.kind, reverse("metrics", args=[slug, e.slug])),
            under_way.get(e.pk, ""),
            schedules.get(e.pk),
            getattr(e, "freshness_schedule", None),
        )
        for e in environments
    ]
    return page(
        request,
        "environments/environment_list.html",
        {
            "cards": cards,
            "deployments": deployments,
            "busy": bool(under_way),
            "repository": Repository.objects.filter(project=project).first(),
            "may_deploy": permissions.decide(request.user, "environment.deploy", project),
            "may_look": permissions.decide(request.user, "project.pull", project),
            "may_configure": permissions.decide(request.user, "environment.configure", project),
        },
        fragment="state",
        status=STOP_POLLING if swapping(request) and not under_way else 200,
    )


@require_http_methods(["GET", "HEAD", "POST"])
@in_project
def environment_new(request: Request, project: Project) -> HttpResponse:
    return _environment_form(request, project, Environment(project=project))


@require_http_methods(["GET", "HEAD", "POST"])
@in_project
def environment_edit(request: Request, project: Project, slug: str) -> HttpResponse:
    return _environment_form(request, project, get_object_or_404(environments_of(project), slug=slug))


def _environment_form(request: Request, project: Project, environment: Environment) -> HttpResponse:
    permissions.require(request.user, "environment.configure", project)
    form = EnvironmentForm(request.POST or None, instance=environment, project=project)
    if request.method == "POST":
        saved = carry_out(
            form,
            lambda: actions.environment_save(
                environment=environment, values=form.cleaned_data, actor=request.user
            ),
        )
        if saved is not None:
            return go(request, reverse("environments", args=[project.slug]), say=_("Saved."))
    return page(
        request,
        "environments/environment_form.html",
        {"form": form, "known": environment.pk is not None, "edited": environment},
        status=422 if form.is_bound else 200,
    )


@require_http_methods(["GET", "HEAD", "POST"])
@in_project
def schedule(request: Request, project: Project, slug: str) -> HttpResponse:
    """When the newest commit is built by itself."""
    environment = get_object_or_404(environments_of(project), slug=slug)
    permissions.require(request.user, "environment.deploy", environment)
    known = BuildSchedule.objects.filter(environment=environment).first()
    form = ScheduleForm(request.POST or None, known=known)
    if request.method == "POST":
        saved = carry_out(
            form,
            lambda: build_schedule_set(environment=environment, values=form.cleaned_data, actor=request.user),
        )
        if saved is not None:
            return go(request, reverse("environments", args=[project.slug]), say=_("Saved."))
    context = {"form": form, "environment": environment, "schedule": known}
    return page(
        request, "environments/schedule.html", context, status=422 if request.method == "POST" else 200
    )


@require_http_methods(["GET", "HEAD", "POST"])
@in_project
def deploy(request: Request, project: Project, slug: str) -> HttpResponse:
    """Build the last pulled commit in an environment and make it live; a GET says what and asks.

    Where another commit has been pulled since somebody was asked, they are asked again.
    """
    environment = get_object_or_404(environments_of(project), slug=slug)
    repository = get_object_or_404(Repository, project=project)
    commit = repository.synced_commit
    moved = request.POST.get("commit", commit) != commit
    if request.method != "POST" or moved:
        permissions.require(request.user, "environment.deploy", environment)
        context = {"environment": environment, "repository": repository, "moved": moved}
        return page(request, "environments/deploy.html", context, status=409 if moved else 200)
    deployment = actions.deployment_request(
        environment=environment, commit=commit, reason=str(_("Deployed by hand")), actor=request.user
    )
    assert deployment.run is not None
    return go(
        request,
        reverse("run", args=[project.slug, deployment.run.pk]),
        say=_("Building %(environment)s.") % {"environment": environment.name},
    )
