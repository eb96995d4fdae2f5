"""Writing a proposal: its changes, the form of each, its autosave, its live preview, the editor's names."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
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
from proposals import generate
from proposals.actions import authoring
from proposals.forms import FORMS, FormNames, ItemForm
from proposals.kinds import KINDS, kind_of
from proposals.models import Conflict, ConflictState, Item, Proposal
from proposals.selectors import names_for
from proposals.views.faces import FACES
from semantic.described import split
from semantic.fields import Fields
from semantic.formula.printer import spell
from semantic.formula.registry import TOTALS
from semantic.kinds import FIELDS
from semantic.models import Revision

# How an annotation calls a total.
_TOTALS = {aggregation: function for function, aggregation in TOTALS.items()} | {"avg": "AVERAGE"}


def _mine(request: Request, environment: Environment, number: int) -> Proposal:
    mine = Proposal.objects.filter(project=environment.project, author=request.user)
    return get_object_or_404(mine.select_related("target", "project"), number=number)


def _item(proposal: Proposal, pk: int | None) -> Item:
    """One of a proposal's changes, the first where none is named."""
    items = list(proposal.items.select_related("revision").order_by("id"))
    place = next((at for at, one in enumerate(items) if pk in (None, one.pk)), None)
    if place is None:
        raise Http404
    item = items[place]
    item.proposal, item.earlier = proposal, items[:place]
    return item


def _form(environment: Environment, item: Item, *args: Any, **kwargs: Any) -> ItemForm:
    revision = item.revision
    # Asked for by those forms alone that let somebody choose one.
    groups = Group.objects.filter(project=environment.project).values_list("name", flat=True)
    names = generate.names_in(environment, item.earlier)
    known, stored = FormNames(names, groups), revision.content
    return FORMS[revision.kind](*args, known=known, base=revision.agreed, stored=stored, **kwargs)


def _typed(form: ItemForm, revision: Revision) -> Fields:
    form.is_valid()  # what cannot be read keeps its default; the sentences stay on the form
    content = form.along(form.content(), revision.content)
    fields: Fields = kind_of(revision).complete(content, revision.agreed)
    return fields


@require_http_methods(["GET", "HEAD", "POST"])
@in_environment
def propose(request: Request, environment: Environment) -> HttpResponse:
    """Begin a proposal. A GET explains and offers the button; only the POST makes a draft.

    An address may bring the kind of thing, which one is to be changed, and what the draft begins with.
    """
    sent = request.POST if request.method == "POST" else request.GET
    kind = sent.get("kind") or "metric"
    if kind not in KINDS:
        raise Http404
    # A metric is changed by its name, as its page has always linked here.
    changing = sent.get("of", "") or (sent.get("metric", "") if kind == "metric" else "")
    suggested = _suggested(kind, sent)
    if request.method != "POST":
        answer = permissions.decide(request.user, "proposal.create", environment)
        into = _into(request, environment)
        drafts = Proposal.objects.filter(project=environment.project, author=request.user, status="draft")
        if into is not None:
            drafts = drafts.exclude(pk=into.pk)  # its button is the first of the page
        context = {
            "environment": environment,
            "may_propose": answer,
            "drafts": drafts.order_by("-changed_at")[:10],
            "into": into,
            "kind": KINDS[kind],
            "heading": KINDS[kind].new_of(FIELDS[kind].from_json(suggested)),
            "suggested": _in_words(kind, suggested),
            "given": suggested,
            "changing": changing,
            "about": _about(changing),
            "title": _title(request, environment, kind, changing),
        }
        return page(request, "proposals/propose.html", context)
    begun = FIELDS[kind].from_json(suggested) if suggested else None
    if request.POST.get("draft"):
        proposal = _mine(request, environment, _number(request.POST["draft"]))
        item = authoring.item_add(
            proposal=proposal, kind=kind, changing=changing, suggested=begun, actor=request.user
        )
        return go(request, _address(environment, proposal, item))
    proposal = authoring.proposal_open(
        project=environment.project, author=request.user, kind=kind, suggested=begun, changing=changing
    )
    return go(request, _address(environment, proposal))


def _title(request: Request, environment: Environment, kind: str, changing: str) -> str:
    """What dbt calls the thing that the address says is to be changed; "" where something new is begun."""
    if not changing:
        return ""
    known = generate.known_in(environment.project, environment)
    fields, base = KINDS[kind].begun(changing, known, request.user)
    if base is None and KINDS[kind].of_what_is_there:
        return str(fields.title)
    return str(base.title) if base is not None else ""


def _into(request: Request, environment: Environment) -> Proposal | None:
    """The draft of this person to which the address says that something is to be added."""
    number = request.GET.get("draft", "")
    if not number.isdecimal() or len(number) > 9:
        return None
    mine = Proposal.objects.filter(project=environment.project, author=request.user, status="draft")
    return mine.filter(number=int(number)).first()


def _about(changing: str) -> str:
    """What something new is of, as people write it: `dim_customers.email` of dbt's id and a column."""
    table, column = split(changing)
    name = ".".join(table.split(".")[2:]) or table
    return f"{name}.{column}" if column else name


def _number(text: str) -> int:
    if not text.isdecimal() or len(text) > 9:
        raise Http404
    return int(text)


def _address(environment: Environment, proposal: Proposal, item: Item | None = None) -> str:
    place = [environment.project.slug, environment.slug, proposal.number]
    return reverse("proposal-edit", args=[*place, item.pk] if item else place)


def _suggested(kind: str, data: QueryDict) -> dict[str, Any]:
    """What the draft begins with, as far as an address or a form brings it."""
    names = FORMS[kind].suggestible
    return {name: data[name] for name in names if data.get(name)}


def _in_words(kind: str, suggested: Mapping[str, Any]) -> list[tuple[str, str, bool]]:
    form, mono = FORMS[kind], {*KINDS[kind].mono, "model"}
    return [(form.label_of(name), form.said(name, value), name in mono) for name, value in suggested.items()]


@require_POST
@in_environment
def remove(request: Request, environment: Environment, number: int, item: int) -> HttpResponse:
    """Take one change out of a draft of several."""
    proposal = _mine(request, environment, number)
    authoring.item_remove(item=_item(proposal, item), actor=request.user)
    return go(request, _address(environment, proposal), say=_("The change is out of this proposal."))


@require_safe
@in_project
def propose_here(request: Request, project: Project) -> HttpResponse:
    """To the beginning of a proposal, in the environment whose numbers stand beside the form."""
    here = production(project) or environments_of(project).first()
    if here is None:
        raise authoring.NoTarget
    return redirect(f"{reverse('propose', args=[project.slug, here.slug])}?{request.GET.urlencode()}")


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
def edit(request: Request, environment: Environment, number: int, item: int | None = None) -> HttpResponse:
    """The draft's own page. POST saves it, and sends it for review where the button says so.

    Never cached: a page from yesterday would be filled from yesterday's version.
    """
    proposal = _mine(request, environment, number)
    if proposal.status != "draft":
        return go(request, reverse("proposal", args=[environment.project.slug, number]))
    found = _item(proposal, item)
    if request.method == "POST":
        return _posted(request, environment, found)
    return _stored(request, environment, found)


def _stored(
    request: Request,
    environment: Environment,
    item: Item,
    problems: Mapping[str, Sequence[str]] | None = None,
) -> HttpResponse:
    """The form as it is stored, with what is told of it."""
    revision = item.revision
    shown = FORMS[revision.kind].initial_of(revision.content, revision.version)
    if not problems:
        return _page(request, environment, item, _form(environment, item, initial=shown))
    form = _form(environment, item, FORMS[revision.kind].as_sent(shown))
    form.is_valid()
    _tell(form, problems)
    return _page(request, environment, item, form, status=422)


def _tell(form: ItemForm, problems: Mapping[str, Sequence[str]]) -> None:
    for name, sentences in problems.items():
        field = form.field_of(name)
        form.add_error(field if field in form.fields else None, list(sentences))


def _posted(request: Request, environment: Environment, item: Item) -> HttpResponse:
    typed, proposal, revision = request.POST.copy(), item.proposal, item.revision
    for name, fix in request.POST.items():  # a repair that the line below a formula offers
        if name == "fix" or name.startswith("fix-"):
            typed[name.partition("-")[2] or FORMS[revision.kind].fixed] = str(fix)
    form = _form(environment, item, typed)
    fields = _typed(form, revision)
    undone: Mapping[str, list[str]] = {}
    if act := typed.get("act"):
        names = generate.names_in(environment, item.earlier)
        undone = FORMS[revision.kind].acted(typed, str(act), fields, names)
        form = _form(environment, item, typed)
        fields = _typed(form, revision)
    saved = _saved(request, item, form, fields)
    if saved is None:
        return _page(request, environment, item, form, fields, conflict=True, status=409)
    sending = typed.get("act") == "send"
    problems = saved.unfit if sending else {**undone, **saved.refused}
    if sending and not problems and form.is_valid():
        try:
            authoring.proposal_submit(proposal=proposal, actor=request.user)
        except InvalidInput as exc:
            if exc.about not in {0, item.pk}:
                return _stored(request, environment, _item(proposal, exc.about), exc.fields)
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
    form = _form(environment, item, typed)
    form.is_valid()
    _tell(form, problems)
    status = 422 if form.errors else 200
    item.revision = saved.revision
    return _page(request, environment, item, form, fields, lost=lost, status=status)


def _lost(form: ItemForm, saved: authoring.Saved) -> list[tuple[str, str, str]]:
    """What could be neither read nor kept."""
    unread: dict[str, Sequence[str]] = {name: list(map(str, told)) for name, told in form.errors.items()}
    return form.told({**unread, **saved.refused})


def _saved(request: Request, item: Item, form: ItemForm, fields: Fields) -> authoring.Saved | None:
    """What was saved; None where another window has saved something else meanwhile.

    The same content once more is no conflict, and whoever has seen the conflict may decide to go on.
    """
    version, stored = form.cleaned_data.get("version") or 0, item.revision
    fields = kind_of(stored).complete(form.kept(fields, stored.content), stored.agreed)
    if request.POST.get("act") == "mine":
        version, fields = stored.version, _untouched_kept(request.POST.get("filled_with", ""), fields, stored)
    elif stored.content == fields:
        version = stored.version
    try:
        return authoring.draft_save(item=item, fields=fields, version=version, actor=request.user)
    except authoring.EditedMeanwhile:
        return None


def _untouched_kept(filled: str, typed: Fields, stored: Revision) -> Fields:
    """What was typed; where that is what the form was filled with, what was merged or decided since stays."""
    try:
        before = json.loads(filled)
    except ValueError:
        return typed
    now = typed.agreed()
    same = [name for name in typed.MERGED if isinstance(before, dict) and before.get(name) == now[name]]
    return typed.keeping(stored.content, same)


def _as_filled(revision: Revision) -> str:
    return json.dumps(revision.content.agreed())


def _page(
    request: Request,
    environment: Environment,
    item: Item,
    form: ItemForm,
    typed: Fields | None = None,
    *,
    conflict: bool = False,
    lost: Sequence[tuple[str, str, str]] = (),
    status: int = 200,
) -> HttpResponse:
    """The form with what was `typed`, or with what is stored."""
    proposal, revision = item.proposal, item.revision
    fields, base, face = typed or revision.content, revision.agreed, FACES[revision.kind]
    items = list(proposal.items.select_related("revision").order_by("id"))
    context = {
        "environment": environment,
        "proposal": proposal,
        "item": item,
        "items": items,
        "kind": kind_of(revision),
        "heading": kind_of(revision).new_of(fields),
        "face": face,
        "form": form,
        "name": base.name if base else fields.name,
        "about": _about(fields.name),
        "base": base,
        # Of a change, what the form was filled with; where it was refused, what it was filled with then.
        "filled_with": request.POST.get("filled_with", "") if conflict else _as_filled(revision),
        "undecided": Conflict.objects.filter(item__proposal=proposal, state=ConflictState.OPEN).exists(),
        "conflict": conflict,
        "lost": lost,
        "saved_at": proposal.changed_at,
        **face.context(request, environment, fields, base, [one for one in items if one.pk < item.pk]),
    }
    return page(request, "proposals/proposal_edit.html", context, status=status)


@require_POST
@in_environment
def save(request: Request, environment: Environment, number: int, item: int | None = None) -> HttpResponse:
    """The autosave: answers with the line that says when it was saved, and the next version."""
    found = _item(_mine(request, environment, number), item)
    form = _form(environment, found, request.POST)
    fields = _typed(form, found.revision)
    saved = _saved(request, found, form, fields)
    context: dict[str, object] = {"environment": environment, "proposal": found.proposal, "item": found}
    if saved is None:
        return page(request, "proposals/proposal_saved.html", {**context, "conflict": True}, status=409)
    context |= {
        "conflict": False,
        "saved_at": saved.revision.saved_at,
        "version": saved.revision.version,
        "lost": _lost(form, saved),
        "name": fields.name,
    }
    return page(request, "proposals/proposal_saved.html", context)


@require_POST
@in_environment
def preview(request: Request, environment: Environment, number: int, item: int | None = None) -> HttpResponse:
    """The live preview of what is in the form now, saved or not."""
    found = _item(_mine(request, environment, number), item)
    revision, face = found.revision, FACES[found.revision.kind]
    fields = _typed(_form(environment, found, request.POST), revision)
    context = face.context(request, environment, fields, revision.agreed, found.earlier)
    return page(request, face.parts, {"environment": environment, "oob": True, "item": found, **context})


@require_safe
@in_environment
def vocabulary(_request: Request, environment: Environment) -> JsonResponse:
    """Functions, fields and metrics for the editor's suggestions."""
    answer = JsonResponse(names_for(environment.project, environment))
    answer["Cache-Control"] = "private, max-age=60"
    return answer
