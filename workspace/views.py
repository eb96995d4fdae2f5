"""Runs with their live output, the queues they wait in, and the repository's settings."""

from __future__ import annotations

from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from bisync.lib.errors import BisyncError
from bisync.lib.forms import carry_out
from bisync.lib.limits import TooMany
from bisync.lib.web import STOP_POLLING, address_of, came_from, go, page, swapping
from governance import permissions
from governance.models import Project
from governance.web import Request, for_operators, in_project
from workspace import actions, announcing, hooks, schedules, selectors, strategies
from workspace.forms import DrainForm, RepositoryForm, RunsForm, ScheduleForm, StrategyForm
from workspace.models import Delivery, Drain, PullSchedule, Queue, Repository, Run, RunCommand
from workspace.web import hook_script, later, number, run_context, tail


@require_safe
@in_project
def run_list(request: Request, project: Project) -> HttpResponse:
    """Every run of the project, newest first."""
    runs = Run.objects.visible_to(request.user).filter(project=project).for_list()
    shown = Paginator(runs, 50).get_page(request.GET.get("page"))
    about = selectors.subjects_of(shown)
    context = {
        "runs": shown,
        "rows": [(run, about.get(run.pk, "")) for run in shown],
        "drains": selectors.drains().values(),
    }
    return page(request, "workspace/run_list.html", context, fragment="rows")


@require_safe
@in_project
def run_detail(request: Request, project: Project, pk: int) -> HttpResponse:
    """One run: state, commands, the end of their output; while the work goes on, it asks for more itself."""
    run = get_object_or_404(Run.objects.for_list(), project=project, pk=pk)
    status = STOP_POLLING if run.finished and swapping(request) else 200
    return page(
        request, "workspace/run_detail.html", run_context(request, run), fragment="progress", status=status
    )


@require_safe
@in_project
def run_output(request: Request, project: Project, pk: int, command: int) -> HttpResponse:
    """The whole output of one command as plain text; for a log that is open, the lines after `after`."""
    commands = RunCommand.objects.select_related("run__project")
    found = get_object_or_404(commands, pk=command, run_id=pk, run__project=project)
    if not swapping(request):
        return HttpResponse(found.output, content_type="text/plain; charset=utf-8")
    after = number(request, "after")
    lines = "\n".join(found.output.splitlines()[after:])
    context = {
        "run": found.run,
        "command": found,
        "lines": tail(lines, first=after + 1).lines,
        "next_url": later(found.run, found),
    }
    return page(request, "workspace/run_lines.html", context)


@require_POST
@in_project
def run_cancel(request: Request, project: Project, pk: int) -> HttpResponse:
    run = get_object_or_404(Run, project=project, pk=pk)
    actions.run_cancel(run=run, actor=request.user)
    here = came_from(request, reverse("run", args=[project.slug, pk]))
    return go(request, here, say=_("Asked it to stop."))


@require_POST
@in_project
def run_retry(request: Request, project: Project, pk: int) -> HttpResponse:
    run = get_object_or_404(Run, project=project, pk=pk)
    again = actions.run_retry(run=run, actor=request.user)
    here = came_from(request, reverse("run", args=[project.slug, again.pk]))
    return go(request, here, say=_("Started again."))


@require_safe
@for_operators
def system_runs(request: Request) -> HttpResponse:
    """Every run of the installation, newest first, in pages by key; narrowed by project, state and kind."""
    form = RunsForm(request.GET)
    asked = {name: value for name, value in form.data.items() if name in form.fields and value}
    runs = selectors.runs_where(**form.cleaned_data) if form.is_valid() else Run.objects.none()
    before = number(request, "before")
    shown = list((runs.filter(pk__lt=before) if before else runs)[: selectors.MOST + 1])
    permissions.learn_roles(request.user, (run.project for run in shown))
    about = selectors.subjects_of(shown)
    rows = [
        (
            run,
            about.get(run.pk, ""),
            actions.may_stop(request.user, run),
            actions.may_repeat(request.user, run),
        )
        for run in shown[: selectors.MOST]
    ]
    older = f"?{urlencode({**asked, 'before': rows[-1][0].pk})}" if len(shown) > len(rows) else ""
    context = {"form": form, "rows": rows, "asked": asked, "older": older}
    return page(request, "workspace/system_runs.html", context, status=422 if form.errors else 200)


# -- Queues ---------------------------------------------------------------------------------------------


@require_safe
@in_project
def project_queues(request: Request, project: Project) -> HttpResponse:
    """What of this project waits, is at work, or was given up."""
    return _queues(request, project, DrainForm())


@require_http_methods(["GET", "HEAD", "POST"])
@for_operators
def queues(request: Request) -> HttpResponse:
    """What waits, is at work, or was given up in the whole installation; a queue is drained here."""
    form = DrainForm(request.POST or None)
    if request.method == "POST":
        drain = carry_out(form, lambda: actions.queue_drain(actor=request.user, **form.cleaned_data))
        if drain is not None:
            undo = _undo("system-queue-resume", drain)
            say = _("Workers take nothing more from it.")
            return go(request, reverse("system-queues"), say=say, undo=undo)
    return _queues(request, None, form)


@require_POST
@for_operators
def queue_resume(request: Request, queue: str) -> HttpResponse:
    """Have what waits taken up again."""
    undoing = number(request, "drain") if "drain" in request.GET else None
    ended = actions.queue_resume(queue=_queue(queue), actor=request.user, undoing=undoing)
    undo = _undo("system-queue-drain-again", ended) if ended and undoing is None else ""
    return go(request, reverse("system-queues"), say=_("Workers take up what waits."), undo=undo)


@require_POST
@for_operators
def queue_drain_again(request: Request, queue: str) -> HttpResponse:
    """Undo that a queue was resumed."""
    actions.queue_drain_again(queue=_queue(queue), undoing=number(request, "drain"), actor=request.user)
    return go(request, reverse("system-queues"), say=_("Workers take nothing more from it."))


def _queue(name: str) -> Queue:
    if name not in Queue:
        raise Http404
    return Queue(name)


def _undo(view: str, drain: Drain) -> str:
    return f"{reverse(view, args=[drain.queue])}?drain={drain.pk}"


def _queues(request: Request, project: Project | None, form: DrainForm) -> HttpResponse:
    asker = request.user
    return page(
        request,
        "workspace/queues.html",
        {
            "project": project,
            "queues": selectors.queues(project),
            "at_work": [(run, actions.may_stop(asker, run)) for run in selectors.at_work(project)],
            "waiting": [(run, actions.may_stop(asker, run)) for run in selectors.waiting(project)],
            "set_aside": [(run, actions.may_repeat(asker, run)) for run in selectors.set_aside(project)],
            "form": form,
        },
        fragment="state",
        status=422 if form.errors else 200,
    )


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
            actions.repository_test(project=project, actor=request.user)
            return go(request, reverse("connect-remote", args=[project.slug]), say=_("Saved."))
    status = 422 if form.is_bound else 200
    return page(request, "workspace/repository_form.html", {"form": form}, status=status)


# -- Pulls that nobody has to ask for -------------------------------------------------------------------


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@in_project
def automatic_pulls(request: Request, project: Project) -> HttpResponse:
    """When pulls happen, the webhook that asks for them, and per kind of metadata what a pull does.

    Everybody in the project may look. A new secret is shown in the answer to its form alone.
    """
    may_set = permissions.decide(request.user, "repository.configure", project)
    if request.method == "POST":
        permissions.require(request.user, "repository.configure", project)
    act, settings = request.POST.get("act"), strategies.settings_of(project)
    known = PullSchedule.objects.filter(project=project).first()
    clock = ScheduleForm(
        request.POST if act == "schedule" else None,
        known=known,
        locked=not may_set or settings.pulls_by_file,
    )
    kinds = StrategyForm(request.POST if act == "strategy" else None, known=settings, locked=not may_set)
    say, secret = _changed(request, project, clock, kinds)
    wrong = bool(clock.errors or kinds.errors)
    if say or (request.method == "POST" and not (secret or wrong)):
        return go(request, reverse("automatic-pulls", args=[project.slug]), say=say)
    repository = Repository.objects.filter(project=project).first()
    context = {
        "form": clock,
        "kinds": kinds,
        "schedule": known,
        "settings": settings,
        "secret": secret,
        "may_set": may_set,
        **(_webhook(request, repository) if repository is not None and may_set else {}),
        "repository": repository,
    }
    return page(request, "workspace/automatic_pulls.html", context, status=422 if wrong else 200)


def _changed(request: Request, project: Project, clock: ScheduleForm, kinds: StrategyForm) -> tuple[str, str]:
    """What to say of what was asked for, and the secret that was made; both "" where nothing was done."""
    actor, done = request.user, None
    match request.POST.get("act"):
        case "schedule":
            done = carry_out(
                clock,
                lambda: bool(
                    schedules.pull_schedule_set(project=project, values=clock.cleaned_data, actor=actor)
                ),
            )
        case "strategy":
            done = carry_out(
                kinds,
                lambda: bool(strategies.strategy_set(project=project, choices=kinds.chosen, actor=actor)),
            )
        case "close":
            announcing.hook_close(project=project, actor=actor)
            return _("Closed. No webhook is believed until you make a new secret."), ""
        case "renew":
            return "", announcing.hook_renew(project=project, actor=actor)
    return (_("Saved.") if done else ""), ""


@require_POST
@in_project
def lineage_start(request: Request, project: Project) -> HttpResponse:
    """Have column lineage worked out now."""
    run = actions.lineage_request(project=project, actor=request.user)
    return go(request, reverse("run", args=[project.slug, run.pk]), say=_("Working out column lineage."))


def _webhook(request: Request, repository: Repository) -> dict[str, object]:
    """Where a forge finds us, and what came from there."""
    path = reverse("hook", args=[repository.hook_key]) if repository.hook_key else ""
    address = request.build_absolute_uri(path) if path else ""
    return {
        "open": announcing.hook_is_open(repository),
        "address": address,
        "script": hook_script(address),
        "deliveries": Delivery.objects.filter(repository=repository).select_related("run")[:20],
    }


@csrf_exempt
@require_POST
def hook(request: HttpRequest, hook: str) -> HttpResponse:
    """What a forge sends when somebody pushed. Whoever knows the secret may; nobody is signed in."""
    try:
        delivery = announcing.receive(
            key=hook, address=address_of(request), headers=request.headers, body=_hook_body(request)
        )
    except BisyncError as exc:
        answer = JsonResponse({"code": exc.code, "message": str(exc)}, status=exc.http_status)
        if isinstance(exc, TooMany):
            answer["Retry-After"] = str(exc.params["seconds"])
        return answer
    told = {"code": f"hook-{delivery.outcome}", "message": f"{delivery.get_outcome_display()}."}
    if delivery.run is not None:
        told["run"] = request.build_absolute_uri(delivery.run.get_absolute_url())
    return JsonResponse(told, status=202)


def _hook_body(request: HttpRequest) -> bytes:
    """All of it, unless it says to be too long: then nothing. No more than it says is ever read."""
    try:
        length = int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        length = 0
    if length > hooks.MOST_BYTES:
        raise hooks.HookTooLong
    return request.read(length)
