"""What the installation depends on, what is in it, and how it is set up."""

from __future__ import annotations

from dataclasses import dataclass

from django.core.paginator import Paginator
from django.db.models import Count, F, OuterRef, Q, Subquery
from django.http import HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from bisync import env, health
from bisync.lib.web import page
from bisync.setting_words import SETTINGS
from bisync.system.parts import at_a_glance, every_part
from environments.models import Environment
from governance import permissions
from governance.models import ApiToken, Project, User
from governance.web import Request, for_operators
from workspace.models import Run, RunStatus


@dataclass(frozen=True, slots=True)
class _Tile:
    """One place of the console, with a figure that says how much is there."""

    title: str
    url: str
    icon: str
    about: str
    figure: str = ""


@require_safe
@for_operators
def begin(request: Request) -> HttpResponse:
    """The console's first page: what needs attention, and every place of it."""
    found = at_a_glance()
    context = {
        "parts": [part for part in found if not part.ok],
        "state": health.state(found),
        "tiles": _tiles(request.user),
    }
    return page(request, "bisync/console.html", context)


def _tiles(operator: User) -> list[_Tile]:
    runs = Run.objects.filter(status__in=[RunStatus.QUEUED, RunStatus.RUNNING]).aggregate(
        waiting=Count("pk", filter=Q(status=RunStatus.QUEUED)),
        busy=Count("pk", filter=Q(status=RunStatus.RUNNING)),
    )
    people, projects = User.objects.filter(is_active=True).count(), Project.objects.count()
    places = Environment.objects.count()
    tokens = ApiToken.objects.filter(revoked_at=None, expires_at__gt=timezone.now()).count()
    tiles = [
        _Tile(_("People"), reverse("system-people"), "users",
              _("Accounts, roles, links by which people join, administrators."), str(people)),
        _Tile(_("Repositories"), reverse("system-repositories"), "folder-git-2",
              _("Where each project's dbt code lives, and when it was pulled."), str(projects)),
        _Tile(_("Environments"), reverse("system-environments"), "server",
              _("Targets, warehouses and the versions that are live."), str(places)),
        _Tile(_("Runs"), reverse("system-runs"), "list-checks",
              _("All background work: its output, stopped, tried again."),
              _("%(count)s at work") % {"count": runs["busy"]}),
        _Tile(_("Queues"), reverse("system-queues"), "layers",
              _("What waits; drained before an update, resumed after."),
              _("%(count)s waiting") % {"count": runs["waiting"]}),
        _Tile(_("Audit log"), reverse("system-audit"), "history",
              _("Who did what, searched and exported; whether its chain holds.")),
        _Tile(_("Health"), reverse("system-health"), "heart-pulse",
              _("Every part that Bisync depends on, with cause and remedy.")),
        _Tile(_("Settings"), reverse("system-settings"), "sliders-horizontal",
              _("What is in force, and where it comes from."), str(len(SETTINGS))),
        _Tile(_("API tokens"), reverse("system-tokens"), "key-round",
              _("The programs that work in people's names."), str(tokens)),
    ]  # fmt: skip
    if operator.is_staff:
        about = _("Every row of every table, to look at; for support.")
        tiles.append(_Tile(_("Django admin"), reverse("admin:index"), "table-2", about))
    return tiles


@require_safe
@for_operators
def system_health(request: Request) -> HttpResponse:
    """Every part with its state, cause and remedy; looked at anew while the page is open."""
    found = every_part()
    context = {"parts": found, "state": health.state(found), "at": timezone.now()}
    return page(request, "bisync/health.html", context, fragment="state")


@require_safe
@for_operators
def system_settings(request: Request) -> HttpResponse:
    """What is in force in this process and where it comes from. Secrets are never shown."""
    rows = [
        (name, str(meaning), str(default), env.READ.get(name))
        for name, (default, meaning) in SETTINGS.items()
    ]
    return page(request, "bisync/settings.html", {"rows": rows})


@require_safe
@for_operators
def repositories(request: Request) -> HttpResponse:
    """Each project with its repository and its last pull."""
    pulls = Run.objects.filter(project=OuterRef("pk"), kind="pull").order_by("-id")
    projects = Project.objects.select_related("repository").defer("repository__password")
    shown = Paginator(projects.annotate(last=Subquery(pulls.values("pk")[:1])), 50).get_page(
        request.GET.get("page")
    )
    last = Run.objects.in_bulk([project.last for project in shown if project.last])  # type: ignore[attr-defined]
    permissions.learn_roles(request.user, shown)
    context = {
        "projects": shown,
        "rows": [
            (
                project,
                getattr(project, "repository", None),
                last.get(project.last),  # type: ignore[attr-defined]
                permissions.decide(request.user, "project.pull", project),
            )
            for project in shown
        ],
    }
    return page(request, "bisync/repositories.html", context)


@require_safe
@for_operators
def environments(request: Request) -> HttpResponse:
    """Every environment with what is live in it."""
    every = (
        Environment.objects.select_related("project", "connection", "live")
        .defer("connection__password", "live__relations", "live__results", "live__affected")
        .order_by("project__name", "project_id", "position", "name")
    )
    shown = Paginator(every, 50).get_page(request.GET.get("page"))
    return page(request, "bisync/environments.html", {"environments": shown})


@require_safe
@for_operators
def tokens(request: Request) -> HttpResponse:
    """Every API token that works, whoever made it; the one used last comes first."""
    working = ApiToken.objects.filter(revoked_at=None, expires_at__gt=timezone.now(), user__is_active=True)
    used_last = working.select_related("user").order_by(F("last_used_at").desc(nulls_last=True), "-id")
    shown = Paginator(used_last, 50).get_page(request.GET.get("page"))
    return page(request, "bisync/tokens.html", {"tokens": shown})
