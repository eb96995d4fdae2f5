"""Writing a proposal: the form, its autosave, its live preview, the names for the editor."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, get_args
from urllib.parse import urlencode

from django.http import Http404, HttpResponse, JsonResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from bisync.lib.errors import InvalidInput
from bisync.lib.web import go, page
from catalog.models import Column, Group
from environments.models import Environment
from environments.selectors import environments_of, production, vocabulary_of
from environments.suggestions import date_of
from environments.web import in_environment
from governance import permissions
from governance.models import Project
from governance.web import Request, in_project
from proposals.actions import authoring
from proposals.forms import MetricForm
from proposals.models import Conflict, ConflictState, Proposal
from proposals.preview import preview as previewed
from proposals.selectors import names_for
from semantic.definitions import Grain
from semantic.fields import MERGED, MetricFields, name_from
from semantic.formula.printer import spell
from semantic.formula.registry import TOTALS
from semantic.models import Definition, Revision

GRAINS: tuple[Grain, ...] = get_args(Grain)
# How an annotation calls a total.
_TOTALS = {aggregation: function for function, aggregation in TOTALS.items()} | {"avg": "AVERAGE"}
# Beside these the form says while somebody types that dbt may not read it.
LOOKED_AT = ("label", "meaning", "context", "rules", "owner", "why")


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
    """Begin a proposal. A GET explains and offers the button; only the POST makes a draft.

    An address may bring what the draft begins with: a label, a formula, a model, a date; or the metric that
    is to be changed.
    """
    if request.method != "POST":
        answer = permissions.decide(request.user, "proposal.create", environment)
        drafts = Proposal.objects.filter(
            project=environment.project, author=request.user, status="draft"
        ).order_by("-changed_at")[:10]
        return page(
            request,
            "proposals/propose.html",
            {
                "environment": environment,
                "may_propose": answer,
                "drafts": drafts,
                "suggested": _suggested(request.GET),
                "changing": _changing(environment, request.GET.get("metric", "")),
            },
        )
    suggested = _suggested(request.POST)
    proposal = authoring.proposal_open(
        project=environment.project,
        author=request.user,
        suggested=MetricFields.from_json(suggested) if suggested else None,
        changing=request.POST.get("metric", ""),
    )
    return go(
        request, reverse("proposal-edit", args=[environment.project.slug, environment.slug, proposal.number])
    )


def _changing(environment: Environment, name: str) -> Definition | None:
    """The metric that the address says is to be changed."""
    if not name:
        return None
    return get_object_or_404(Definition, project=environment.project, kind="metric", name=name)


def _suggested(data: QueryDict) -> dict[str, Any]:
    """What the draft begins with, as far as an address or a form brings it."""
    names = ("label", "meaning", "formula", "model", "time")
    return {name: data[name] for name in names if data.get(name)}


@require_safe
@in_project
def measure(_request: Request, project: Project, unique_id: str, column: str) -> HttpResponse:
    """To the beginning of a metric that adds up a column as its model's SQL says."""
    columns = Column.objects.filter(node__project=project).select_related("node")
    found = get_object_or_404(columns, node__unique_id=unique_id, name=column)
    annotation = found.annotation
    function = _TOTALS.get(annotation.agg) if annotation is not None else None
    here = production(project) or environments_of(project).first()
    if function is None or here is None:
        raise Http404
    begun = {
        "label": column.replace("_", " ").capitalize(),
        "meaning": found.description,
        "formula": f"{function}({spell(column)})",
        "model": found.node.name,
    }
    model = vocabulary_of(project, here).models.get(found.node.name)
    if date := date_of(model) if model is not None else None:
        begun["time"] = date
    return redirect(f"{reverse('propose', args=[project.slug, here.slug])}?{urlencode(begun)}")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@in_environment
def edit(request: Request, environment: Environment, number: int) -> HttpResponse:
    """The draft's own page. POST saves it, and sends it for review where the button says so.

    Never cached: a page from yesterday would be filled from yesterday's version.
    """
    proposal = _mine(request, environment, number)
    if proposal.status != "draft":
        return go(request, reverse("proposal", args=[environment.project.slug, number]))
    if request.method == "POST":
        return _posted(request, environment, proposal)
    revision = _revision(proposal)
    shown = MetricForm.initial_of(revision.metric, revision.version)
    form = _form(environment, initial=shown, base=revision.agreed)
    return _page(request, environment, proposal, form, revision)


def _posted(request: Request, environment: Environment, proposal: Proposal) -> HttpResponse:
    typed = request.POST.copy()
    if fix := request.POST.get("fix"):  # the repair that the line below the formula offers
        typed["formula"] = str(fix)
    base = _revision(proposal).agreed
    form = _form(environment, typed, base=base)
    fields = _typed(form)
    saved = _saved(request, proposal, form, fields)
    if saved is None:
        return _page(
            request, environment, proposal, form, _revision(proposal), fields, conflict=True, status=409
        )
    sending = typed.get("act") == "send"
    problems = {**saved.problems} if sending else {**saved.refused}
    if sending and not problems and form.is_valid():
        try:
            authoring.proposal_submit(proposal=proposal, actor=request.user)
        except InvalidInput as exc:
            problems.update(exc.fields)
        except authoring.InFlight as exc:
            problems["name"] = [str(exc)]
        else:
            return go(
                request,
                reverse("proposal", args=[environment.project.slug, proposal.number]),
                say=_("Sent for review. The checks have begun."),
            )
    typed["version"] = str(saved.revision.version)
    lost = _lost(form, saved)
    form = _form(environment, typed, base=base)
    form.is_valid()
    for name, sentences in problems.items():
        form.add_error("label" if name == "name" else name if name in form.fields else None, sentences)
    status = 422 if form.errors else 200
    return _page(request, environment, proposal, form, saved.revision, fields, lost=lost, status=status)


def _lost(form: MetricForm, saved: authoring.Saved) -> list[tuple[str, str, str]]:
    """What could be neither read nor kept."""
    unread: dict[str, Sequence[str]] = {name: list(map(str, told)) for name, told in form.errors.items()}
    return MetricForm.told({**unread, **saved.refused})


def _revision(proposal: Proposal) -> Revision:
    return proposal.items.select_related("revision").get().revision


def _saved(
    request: Request, proposal: Proposal, form: MetricForm, fields: MetricFields
) -> authoring.Saved | None:
    """What was saved; None where another window has saved something else meanwhile.

    The same content once more is no conflict, and whoever has seen the conflict may decide to go on.
    """
    version = form.cleaned_data.get("version") or 0
    stored = _revision(proposal)
    fields = form.kept(fields, stored.metric)
    if base := stored.agreed:
        fields = replace(fields, name=base.name, model="")
    if request.POST.get("act") == "mine":
        version, fields = stored.version, _untouched_kept(request.POST.get("filled", ""), fields, stored)
    elif stored.metric == fields:
        version = stored.version
    try:
        return authoring.draft_save(proposal=proposal, fields=fields, version=version, actor=request.user)
    except authoring.EditedMeanwhile:
        return None


def _untouched_kept(filled: str, typed: MetricFields, stored: Revision) -> MetricFields:
    """What was typed; where that is what the form was filled with, what was merged or decided since stays."""
    try:
        before = json.loads(filled)
    except ValueError:
        return typed
    now = typed.agreed()
    same = [name for name in MERGED if isinstance(before, dict) and before.get(name) == now[name]]
    return replace(typed, **{name: getattr(stored.metric, name) for name in same})


def _page(
    request: Request,
    environment: Environment,
    proposal: Proposal,
    form: MetricForm,
    revision: Revision,
    typed: MetricFields | None = None,
    *,
    conflict: bool = False,
    lost: Sequence[tuple[str, str, str]] = (),
    status: int = 200,
) -> HttpResponse:
    """The form with what was `typed`, or with what is stored."""
    fields, base = typed or revision.metric, revision.agreed
    context = {
        "environment": environment,
        "proposal": proposal,
        "form": form,
        "name": base.name if base else fields.name or name_from(fields.label),
        "base": base,
        # Of a change, what the form was filled with; where it was refused, what it was filled with then.
        "filled": request.POST.get("filled", "") if conflict else json.dumps(revision.metric.agreed()),
        "undecided": Conflict.objects.filter(item__proposal=proposal, state=ConflictState.OPEN).exists(),
        "conflict": conflict,
        "lost": lost,
        "saved_at": proposal.changed_at,
        **_shown(request, environment, fields, base),
    }
    return page(request, "proposals/proposal_edit.html", context, status=status)


def _shown(
    request: Request, environment: Environment, fields: MetricFields, base: MetricFields | None
) -> dict[str, object]:
    """What the panel beside the form needs."""
    if base:
        fields = replace(fields, name=base.name, model="")
    shown = previewed(fields, environment, grain=_grain(request), base=base)
    unfit = {name: " ".join(sentences) for name, sentences in shown.unfit.items()}
    return {
        "preview": shown,
        "missing": MetricForm.told(shown.missing),
        "unfit": [(name, unfit.get(name, "")) for name in LOOKED_AT],
        "grains": GRAINS,
        "fields": fields,
    }


@require_POST
@in_environment
def save(request: Request, environment: Environment, number: int) -> HttpResponse:
    """The autosave: answers with the line that says when it was saved, and the next version."""
    proposal = _mine(request, environment, number)
    form = _form(environment, request.POST, base=_revision(proposal).agreed)
    fields = _typed(form)
    saved = _saved(request, proposal, form, fields)
    if saved is None:
        context: dict[str, object] = {"conflict": True, "environment": environment, "proposal": proposal}
        return page(request, "proposals/proposal_saved.html", context, status=409)
    context = {
        "conflict": False,
        "environment": environment,
        "proposal": proposal,
        "saved_at": saved.revision.saved_at,
        "version": saved.revision.version,
        "lost": _lost(form, saved),
        "name": fields.name,
    }
    return page(request, "proposals/proposal_saved.html", context)


@require_POST
@in_environment
def preview(request: Request, environment: Environment, number: int) -> HttpResponse:
    """The live preview of what is in the form now, saved or not."""
    base = _revision(_mine(request, environment, number)).agreed
    fields = _typed(_form(environment, request.POST, base=base))
    context = {"environment": environment, "oob": True, **_shown(request, environment, fields, base)}
    return page(request, "proposals/proposal_preview.html", context)


@require_safe
@in_environment
def vocabulary(_request: Request, environment: Environment) -> JsonResponse:
    """Functions, fields and metrics for the editor's suggestions."""
    answer = JsonResponse(names_for(environment.project, environment))
    answer["Cache-Control"] = "private, max-age=60"
    return answer
