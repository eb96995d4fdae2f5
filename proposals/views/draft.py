"""Writing a proposal: the form, its autosave, its live preview, the names for the editor."""

from __future__ import annotations

from typing import Any, get_args

from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from bisync.lib.errors import InvalidInput
from bisync.lib.web import go, page
from catalog.models import Group
from environments.models import Environment
from environments.selectors import vocabulary_of
from environments.web import in_environment
from governance import permissions
from governance.web import Request
from proposals.actions import authoring
from proposals.forms import MetricForm
from proposals.models import Proposal
from proposals.preview import preview as previewed
from semantic.definitions import Grain
from semantic.fields import MetricFields, name_from
from semantic.formula import functions

GRAINS: tuple[Grain, ...] = get_args(Grain)


def _mine(request: Request, environment: Environment, number: int) -> Proposal:
    mine = Proposal.objects.filter(project=environment.project, author=request.user)
    return get_object_or_404(mine.select_related("target", "project"), number=number)


def _form(environment: Environment, *args: Any, **kwargs: Any) -> MetricForm:
    groups = list(Group.objects.filter(project=environment.project).values_list("name", flat=True))
    names = vocabulary_of(environment.project, environment)
    return MetricForm(*args, vocabulary=names, groups=groups, **kwargs)


def _typed(form: MetricForm) -> MetricFields:
    form.is_valid()  # what cannot be read keeps its default; the sentences stay on the form
    fields = form.metric()
    return MetricFields.from_json({**fields.to_json(), "name": name_from(fields.label)})


def _grain(request: Request) -> Grain:
    asked = request.POST.get("grain") or request.GET.get("grain")
    return next((grain for grain in GRAINS if grain == asked), "month")


@require_http_methods(["GET", "HEAD", "POST"])
@in_environment
def propose(request: Request, environment: Environment) -> HttpResponse:
    """Begin a proposal. A GET explains and offers the button; only the POST makes a draft."""
    if request.method != "POST":
        answer = permissions.decide(request.user, "proposal.create", environment)
        drafts = Proposal.objects.filter(
            project=environment.project, author=request.user, status="draft"
        ).order_by("-changed_at")[:10]
        return page(
            request,
            "proposals/propose.html",
            {"environment": environment, "may_propose": answer, "drafts": drafts},
        )
    proposal = authoring.proposal_open(project=environment.project, author=request.user)
    return go(
        request, reverse("proposal-edit", args=[environment.project.slug, environment.slug, proposal.number])
    )


@require_http_methods(["GET", "HEAD", "POST"])
@in_environment
def edit(request: Request, environment: Environment, number: int) -> HttpResponse:
    """The draft's own page. POST saves it, and sends it for review where the button says so."""
    proposal = _mine(request, environment, number)
    if proposal.status != "draft":
        return go(request, reverse("proposal", args=[environment.project.slug, number]))
    if request.method != "POST":
        revision = proposal.items.select_related("revision").get().revision
        form = _form(environment, initial=MetricForm.initial_of(revision.metric, revision.version))
        return _page(request, environment, proposal, form, revision.metric)
    form = _form(environment, request.POST)
    fields = _typed(form)
    problems: dict[str, list[str]] = {}
    saved = authoring.draft_save(
        proposal=proposal,
        fields=fields,
        version=form.cleaned_data.get("version") or 0,
        actor=request.user,
    )
    problems.update(saved.problems)
    if request.POST.get("act") == "send" and not problems and form.is_valid():
        try:
            authoring.proposal_submit(proposal=proposal, actor=request.user)
        except InvalidInput as exc:
            problems.update(exc.fields)
        else:
            return go(
                request,
                reverse("proposal", args=[environment.project.slug, number]),
                say=_("Sent for review. The checks have begun."),
            )
    form = _form(environment, {**request.POST.dict(), **_lists(request), "version": saved.revision.version})
    form.is_valid()
    for name, sentences in problems.items():
        form.add_error("label" if name == "name" else name if name in form.fields else None, sentences)
    status = 422 if form.errors else 200
    return _page(request, environment, proposal, form, fields, status=status)


def _lists(request: Request) -> dict[str, object]:
    return {"rules": request.POST.getlist("rules")}


def _page(
    request: Request,
    environment: Environment,
    proposal: Proposal,
    form: MetricForm,
    fields: MetricFields,
    *,
    status: int = 200,
) -> HttpResponse:
    context = {
        "environment": environment,
        "proposal": proposal,
        "form": form,
        "name": fields.name or name_from(fields.label),
        "preview": previewed(fields, environment, grain=_grain(request)),
        "grains": GRAINS,
        "fields": fields,
    }
    return page(request, "proposals/proposal_edit.html", context, status=status)


@require_POST
@in_environment
def save(request: Request, environment: Environment, number: int) -> HttpResponse:
    """The autosave: answers with the line that says when it was saved, and the next version."""
    proposal = _mine(request, environment, number)
    form = _form(environment, request.POST)
    fields = _typed(form)
    saved = authoring.draft_save(
        proposal=proposal,
        fields=fields,
        version=form.cleaned_data.get("version") or 0,
        actor=request.user,
    )
    context = {
        "proposal": proposal,
        "saved_at": saved.revision.saved_at,
        "version": saved.revision.version,
        "problems": saved.problems,
        "name": fields.name,
    }
    return page(request, "proposals/proposal_saved.html", context)


@require_POST
@in_environment
def preview(request: Request, environment: Environment, number: int) -> HttpResponse:
    """The live preview of what is in the form now, saved or not."""
    proposal = _mine(request, environment, number)
    fields = _typed(_form(environment, request.POST))
    caret = request.POST.get("caret", "")
    shown = previewed(
        fields, environment, grain=_grain(request), caret=int(caret) if caret.isdigit() else None
    )
    context = {
        "environment": environment,
        "proposal": proposal,
        "preview": shown,
        "fields": fields,
        "grains": GRAINS,
        "name": fields.name,
    }
    return page(request, "proposals/proposal_preview.html", context)


@require_safe
@in_environment
def vocabulary(_request: Request, environment: Environment) -> JsonResponse:
    """Functions, fields and metrics for the editor's suggestions."""
    names = vocabulary_of(environment.project, environment)
    fields = [
        {
            "name": column.name,
            "label": column.label or column.name.replace("_", " "),
            "type": column.type,
            "table": model.name,
            "description": column.description,
        }
        for model in names.models.values()
        if model.semantic
        for column in model.columns
    ]
    metrics = [
        {"name": m.name, "label": m.label or m.name, "description": m.description}
        for m in names.metrics.values()
    ]
    known = [
        {"name": f.name, "signature": f.signature, "summary": f.summary, "example": f.example}
        for f in functions()
    ]
    answer = JsonResponse({"functions": known, "fields": fields, "metrics": metrics})
    answer["Cache-Control"] = "private, max-age=60"
    return answer
