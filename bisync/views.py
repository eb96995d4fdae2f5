"""Home, signing in, appearance, and the pages for when something is wrong."""

from __future__ import annotations

import sys

from django.contrib.auth.decorators import login_required
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView
from django.core.exceptions import NON_FIELD_ERRORS
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template import loader
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from bisync import search as finding
from bisync.context import shell_of
from bisync.lib.search import sought
from bisync.lib.web import page, swapping
from catalog.models import Snapshot
from catalog.standing import standings
from environments.models import Environment
from governance import permissions
from governance.actions import shortcuts_choose, theme_choose
from governance.models import Project
from governance.signing_in import TOO_MANY, SignInForm
from governance.web import Request, in_project
from insights.selectors import metrics_of
from proposals.models import Proposal
from proposals.selectors import needing
from workspace.models import Run
from workspace.recording import DATABASE_AWAY

# How many things of a kind are found at once, in the palette and on its page.
PALETTE, PAGE = 6, 30
_SOON = {"Retry-After": "5"}


class SignIn(LoginView):
    """E-mail and password; whoever is signed in already goes on."""

    authentication_form = SignInForm
    template_name = "governance/sign_in.html"
    redirect_authenticated_user = True

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        status = 429 if form.has_error(NON_FIELD_ERRORS, TOO_MANY) else 200
        return self.render_to_response(self.get_context_data(form=form), status=status)


@login_required
@require_safe
def home(request: Request) -> HttpResponse:
    """The only project, or a list of them, or how to connect the first one."""
    projects = list(Project.objects.visible_to(request.user)[:50])
    if len(projects) == 1:
        return redirect("project", projects[0].slug)
    context = {"projects": projects, "may_connect": permissions.may_connect(request.user)}
    return page(request, "governance/project_list.html", context)


@require_safe
@in_project
def project_home(request: Request, project: Project) -> HttpResponse:
    """What needs this person, what they proposed, what changed; until it works, what is to be done first."""
    visible = Proposal.objects.visible_to(request.user).filter(project=project)
    needs = (
        needing(request.user, project).with_check_failed().select_related("author", "target").order_by("id")
    )
    last_pull = Run.objects.filter(project=project, kind="pull").order_by("-id").first()
    recent = list(metrics_of(project).filter(state="published").order_by("-changed_at")[:8])
    keys = [metric.unique_id for metric in recent]
    stands = standings(project, keys, promised=shell_of(request).promised)
    return page(
        request,
        "governance/project_home.html",
        {
            "needs": list(needs[:20]),
            "mine": list(visible.filter(author=request.user).with_check_failed().order_by("-id")[:10]),
            "recent": [(metric, stands.of(metric.unique_id)) for metric in recent],
            "last_pull": last_pull,
            "pulled": bool(recent) or Snapshot.objects.filter(project=project).exists(),
            "deployed": Environment.objects.filter(project=project, live__isnull=False).exists(),
            "begun": visible.exists(),
            "may_propose": permissions.decide(request.user, "proposal.create", project),
            "may_connect": permissions.decide(request.user, "repository.configure", project),
        },
    )


@require_safe
@in_project
def search(request: Request, project: Project) -> HttpResponse:
    """Everything that has a page, by its name; without a word one's own recent work."""
    text = sought(request.GET.get("q", ""))
    most = PALETTE if swapping(request) else PAGE
    groups = finding.search(text, project=project, user=request.user, shell=shell_of(request), most=most)
    context = {"text": text, "groups": groups, "count": finding.count(groups)}
    return page(request, "bisync/search.html", context, fragment="options")


@login_required
@require_POST
def appearance(request: Request) -> HttpResponse:
    """Keep the choice of light, dark or as the system, and go back."""
    theme_choose(user=request.user, theme=request.POST.get("theme", ""))
    return _back(request)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def shortcuts(request: Request) -> HttpResponse:
    """Every shortcut; POST keeps whether single keys do something, and goes back."""
    if request.method == "POST":
        shortcuts_choose(user=request.user, on=request.POST.get("shortcuts") != "off")
        return _back(request)
    return page(request, "bisync/shortcuts.html", {}, fragment="keys")


def _back(request: Request) -> HttpResponse:
    back = request.META.get("HTTP_REFERER", "")
    if not url_has_allowed_host_and_scheme(back, {request.get_host()}, require_https=request.is_secure()):
        back = "/"
    return redirect(back)


def server_error(request: HttpRequest) -> HttpResponse:
    """Must work when nothing else does: no context processors, no database."""
    away = isinstance(sys.exc_info()[1], DATABASE_AWAY)
    template = loader.get_template("503.html" if away else "500.html")
    body = template.render({"request_id": getattr(request, "id", "")})
    return HttpResponse(body, status=503, headers=_SOON) if away else HttpResponse(body, status=500)
