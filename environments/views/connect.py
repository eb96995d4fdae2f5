"""Connecting a project, a page for each step: the step tests itself, and says what to do where it fails."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from bisync.lib.errors import BisyncError
from bisync.lib.forms import carry_out
from bisync.lib.web import go, page, swapping
from environments import actions
from environments.connecting import STEPS, Connecting, Step
from environments.forms import TRANSPORTS, AddressForm, BeginForm, ChoiceForm, WarehouseForm
from environments.models import Environment
from environments.selectors import environments_of, vocabulary_of
from environments.suggestions import suggestions
from governance import permissions
from governance.models import Project
from governance.web import Request, in_project
from workspace import actions as workspace
from workspace.git.urls import check_url
from workspace.models import Repository
from workspace.web import run_context

View = Callable[[Request, Connecting], HttpResponse]


def _step(slug: str) -> Callable[[View], Callable[..., HttpResponse]]:
    """A step's page, for admins who have come that far; others are sent to where they are."""

    def decorate(view: View) -> Callable[..., HttpResponse]:
        @never_cache
        @require_http_methods(["GET", "HEAD", "POST"])
        @in_project
        @wraps(view)
        def inner(request: Request, project: Project) -> HttpResponse:
            permissions.require(request.user, "repository.configure", project)
            way = Connecting(project)
            if not way.reached(slug):
                return go(request, _url(project, way.current))
            run = way.run(slug)
            if swapping(request) and request.method == "GET" and run is not None:
                if run.finished:  # the whole page has something else to say now
                    return HttpResponse(status=204, headers={"HX-Refresh": "true"})
                context = {"swapped": True, **run_context(request, run)}
                return page(request, "environments/connect/_run.html", context)
            return view(request, way)

        return inner

    return decorate


def _url(project: Project, slug: str) -> str:
    return reverse(f"connect-{slug}", args=[project.slug])


def _show(
    request: Request, way: Connecting, slug: str, *, status: int = 200, **context: object
) -> HttpResponse:
    run = way.run(slug)
    shown = {
        "steps": way.steps(),
        "here": slug,
        "number": [step for step, _label, _kind in STEPS].index(slug) + 1,
        "repository": way.repository,
        "passed": way.passed(slug),
        **(run_context(request, run) if run is not None else {"run": None}),
        **context,
    }
    return page(request, f"environments/connect/{slug}.html", shown, status=status)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def begin(request: Request) -> HttpResponse:
    """The first step, before there is a project: its name, and the address of its repository."""
    permissions.require_connecting(request.user)
    form = BeginForm(request.POST or None, local=settings.BISYNC_LOCAL_REMOTES)
    if request.method == "POST":
        project = carry_out(form, lambda: actions.project_begin(**form.values(), actor=request.user))
        if project is not None:
            return go(request, _url(project, "remote"))
    steps = [
        Step(slug, str(label), "todo" if number else "now")
        for number, (slug, label, _kind) in enumerate(STEPS)
    ]
    context = {"form": form, "steps": steps, "here": "repository", "number": 1}
    return page(
        request, "environments/connect/repository.html", context, status=422 if form.is_bound else 200
    )


@require_safe
@in_project
def resume(request: Request, project: Project) -> HttpResponse:
    """Go on where the project stands."""
    permissions.require(request.user, "repository.configure", project)
    return go(request, _url(project, Connecting(project).current))


@_step("repository")
def repository(request: Request, way: Connecting) -> HttpResponse:
    """Where it is, and who we are there; saving it tests it."""
    known = way.repository
    form = AddressForm(
        request.POST or None, local=settings.BISYNC_LOCAL_REMOTES, initial=_address(known) if known else {}
    )
    if request.method == "POST":
        values = {"branch": "main"} if known is None else {}
        saved = carry_out(
            form,
            lambda: workspace.repository_connect(
                project=way.project, values={**values, **form.values()}, actor=request.user
            ),
        )
        if saved is not None:
            workspace.repository_test(project=way.project, actor=request.user)
            return go(request, _url(way.project, "remote"))
    return _show(request, way, "repository", form=form, status=422 if form.is_bound else 200)


def _address(repository: Repository) -> dict[str, str]:
    return {
        "kind": TRANSPORTS[_transport(repository)],
        "url": repository.url,
        "username": repository.username,
    }


def _transport(repository: Repository) -> str:
    """How git reaches it; "https" where the settings do not allow the address any more."""
    try:
        return check_url(repository.url)
    except BisyncError:
        return "https"


@_step("remote")
def remote(request: Request, way: Connecting) -> HttpResponse:
    """Whether the remote answers; over SSH the key to give it, and who it says it is; then its branch."""
    assert way.repository is not None
    result = run.result if (run := way.run("remote")) is not None else {}
    branches = result.get("branches", [])
    chosen = next((b for b in (way.repository.branch, result.get("default")) if b in branches), None)
    choosing = request.POST.get("act") == "choose"
    form = ChoiceForm(
        request.POST if choosing else None,
        label=_("Branch"),
        choices=[(branch, branch) for branch in branches],
        initial={"choice": chosen},
    )
    if request.method == "POST" and not choosing:
        _remote_act(request, way.project)
        return go(request, _url(way.project, "remote"))
    if choosing:
        found = carry_out(
            form,
            lambda: workspace.branch_choose(
                project=way.project, branch=form.cleaned_data["choice"], actor=request.user
            ),
        )
        if found is not None:
            return go(request, _url(way.project, "project"))
    fresh = result.get("url") == way.repository.url
    context = {
        "over_ssh": _transport(way.repository) == "ssh",
        "fingerprint": result.get("fingerprint", "") if fresh and not way.repository.ssh_host_key else "",
        "form": form,
    }
    return _show(request, way, "remote", **context, status=422 if form.is_bound else 200)


def _remote_act(request: Request, project: Project) -> None:
    act = request.POST.get("act")
    if act == "agree":
        fingerprint = request.POST.get("fingerprint", "")
        workspace.host_key_agree(project=project, fingerprint=fingerprint, actor=request.user)
    elif act == "forget":
        workspace.host_key_forget(project=project, actor=request.user)
    elif act == "key":
        workspace.ssh_key_renew(project=project, actor=request.user)
    else:
        workspace.repository_test(project=project, actor=request.user)


@_step("project")
def project(request: Request, way: Connecting) -> HttpResponse:
    """Where on the branch the dbt project lies."""
    assert way.repository is not None
    run = way.run("project")
    folders = run.result.get("folders", []) if run is not None else []
    choosing = request.POST.get("act") == "choose"
    form = ChoiceForm(
        request.POST if choosing else None,
        label=_("Folder of the dbt project"),
        choices=[(f"/{folder}", folder or _("the top of the repository")) for folder in folders],
        initial={"choice": f"/{way.repository.folder}" if way.repository.folder in folders else None},
    )
    if request.method == "POST" and not choosing:
        branch = way.repository.branch
        workspace.branch_choose(project=way.project, branch=branch, actor=request.user)
        return go(request, _url(way.project, "project"))
    if choosing:
        asked = carry_out(
            form,
            lambda: workspace.folder_choose(
                project=way.project, folder=form.cleaned_data["choice"], actor=request.user
            ),
        )
        if asked is not None:
            return go(request, _url(way.project, "parse"))
    return _show(request, way, "project", form=form, status=422 if form.is_bound else 200)


@_step("parse")
def parse(request: Request, way: Connecting) -> HttpResponse:
    """Whether dbt can read the project; if not, which file and line to look at."""
    assert way.repository is not None
    if request.method == "POST":
        folder = way.repository.folder
        workspace.folder_choose(project=way.project, folder=folder, actor=request.user)
        return go(request, _url(way.project, "parse"))
    return _show(request, way, "parse")


@_step("warehouse")
def warehouse(request: Request, way: Connecting) -> HttpResponse:
    """Where dbt builds; saving it tests whether it can be reached, read, and built in."""
    assert way.repository is not None
    known = way.repository.connection
    names = ("adapter", "host", "port", "database", "user")
    form = WarehouseForm(
        request.POST or None,
        fixed=Environment.objects.filter(project=way.project).exists(),
        initial={name: getattr(known, name) for name in names} if known is not None else {},
    )
    if request.method == "POST":
        saved = carry_out(
            form,
            lambda: actions.warehouse_connect(
                project=way.project,
                values=form.values(),
                schema=form.cleaned_data.get("schema", ""),
                actor=request.user,
            ),
        )
        if saved is not None:
            return go(request, _url(way.project, "warehouse"))
    run = way.run("warehouse")
    known_good = run.progress.get("passed", []) if run is not None else []
    status = 422 if form.is_bound else 200
    return _show(request, way, "warehouse", form=form, known_good=known_good, known=known, status=status)


@_step("build")
def build(request: Request, way: Connecting) -> HttpResponse:
    """Whether dbt can build it, where nobody reads yet."""
    if request.method == "POST":
        if way.staging is None:
            say = _("Nothing was built: there is no staging environment. Add one first.")
            return go(request, _url(way.project, "build"), say=say, level=messages.ERROR)
        actions.first_build(environment=way.staging, commit=way.commit, actor=request.user)
        return go(request, _url(way.project, "build"))
    return _show(request, way, "build", staging=way.staging)


@_step("pull")
def pull(request: Request, way: Connecting) -> HttpResponse:
    """Bring what dbt knows: models, docs, tests, metrics."""
    if request.method == "POST":
        workspace.pull_request(project=way.project, actor=request.user)
        return go(request, _url(way.project, "pull"))
    return _show(request, way, "pull")


@_step("done")
def done(request: Request, way: Connecting) -> HttpResponse:
    """What to do with it: first metrics that the data suggests."""
    found = []
    if way.staging is not None:
        names = vocabulary_of(way.project, way.staging)
        found = suggestions(names, dialect=way.staging.connection.adapter)
    return _show(
        request,
        way,
        "done",
        suggestions=found,
        staging=way.staging,
        may_propose=permissions.decide(request.user, "proposal.create", way.project),
        production=environments_of(way.project).filter(kind="production").first(),
    )
