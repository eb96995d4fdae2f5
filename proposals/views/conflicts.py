"""Where a proposal and dbt changed the same: what each says, what was merged, and the decisions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from bisync.lib.errors import BisyncError, InvalidInput
from bisync.lib.web import go, page, swapping
from environments.numbers import in_all
from environments.selectors import environments_of, reading, vocabulary_of
from governance.models import Project
from governance.web import Request, in_project
from proposals import rules
from proposals.actions import conflicts
from proposals.forms import FORMS
from proposals.kinds import kind_of
from proposals.models import OPEN, Conflict, ConflictState, Proposal
from proposals.selectors import merges
from semantic.formula import analyse
from semantic.kinds import FIELDS
from semantic.models import Revision
from semantic.query.spec import Unsupported
from semantic.rules.metric import Problems


@dataclass(frozen=True, slots=True)
class Side:
    """One of the three states in words; `number` is what a formula comes to, where it can be computed."""

    text: str
    number: float | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """What a formula would mean that somebody writes instead of both: how it reads, or why it cannot be."""

    reads_as: str = ""
    number: float | None = None
    sentence: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """A conflict as its page tells it."""

    conflict: Conflict
    label: str
    base: Side
    ours: Side
    theirs: Side
    chosen: str
    mono: bool
    own: bool
    typed: str
    problems: Sequence[str] = ()
    attempt: Attempt | None = None

    @property
    def metric(self) -> bool:
        return self.conflict.item.revision.kind == "metric"

    @property
    def may_keep(self) -> bool:
        return conflicts.may_keep(self.conflict)

    @property
    def computed(self) -> bool:
        """Whether it is a formula that has a number."""
        return self.metric and self.conflict.field == "formula"

    @property
    def format(self) -> str:
        return _format(self.conflict)

    @property
    def about(self) -> str:
        return self.conflict.item.revision.content.title

    @property
    def sides(self) -> tuple[Side, Side, Side]:
        return self.base, self.ours, self.theirs


def _format(conflict: Conflict) -> str:
    return str(conflict.item.revision.fields.get("value_format") or "number")


@require_safe
@in_project
def conflict_list(request: Request, project: Project, number: int) -> HttpResponse:
    """Every conflict of a proposal, open and decided, and what was merged without asking."""
    return _page(request, _found(request, project, number))


def _page(
    request: Request,
    proposal: Proposal,
    *,
    about: int = 0,
    problems: Problems | None = None,
    attempt: Attempt | None = None,
    status: int = 422,
) -> HttpResponse:
    """The page; where a decision `about` one of them was refused or tried out, with what was typed for it.

    It answers with `status` where there are problems.
    """
    problems = problems or {}
    known = Conflict.objects.filter(item__proposal=proposal)
    known = known.select_related("decided_by", "item__revision").order_by("id")
    items = list(proposal.items.select_related("revision").order_by("id"))
    typed = {"own": request.POST.get("own", "")} if about else {}
    told = [
        replace(_shown(one, proposal), problems=_said(problems), typed=typed["own"], attempt=attempt)
        if one.pk == about
        else _shown(one, proposal)
        for one in known
    ]
    context = {
        "proposal": proposal,
        "several": len(items) > 1,
        "waiting": [one for one in told if one.conflict.state == ConflictState.OPEN],
        "decided": [one for one in reversed(told) if one.conflict.state != ConflictState.OPEN],
        "merges": merges(proposal),
        "open": proposal.status in OPEN,
        "may_decide": rules.may_decide(request.user, proposal),
        "environments": list(environments_of(proposal.project)),
        "synced": proposal.project.repository.synced_commit,
        "saved_at": max(item.revision.saved_at for item in items),
        "problems": problems,
        "typed": typed,
    }
    return page(request, "proposals/conflict_list.html", context, status=status if problems else 200)


def _said(problems: Problems) -> list[str]:
    return [sentence for told in problems.values() for sentence in told]


def _found(request: Request, project: Project, number: int) -> Proposal:
    visible = Proposal.objects.visible_to(request.user)
    related = ("author", "project__repository", "target__live", "target__connection")
    return get_object_or_404(visible.select_related(*related), project=project, number=number)


def _shown(conflict: Conflict, proposal: Proposal) -> Shown:
    name, revision = conflict.field, conflict.item.revision
    kind, form = kind_of(revision), FORMS[revision.kind]
    waiting = conflict.state == ConflictState.OPEN
    proposed = conflict.proposed if waiting else conflict.ours
    base, ours, theirs = (
        _side(name, value, revision, proposal if waiting else None)
        for value in (conflict.base, proposed, conflict.theirs)
    )
    return Shown(
        conflict,
        form.label_of(name) if name else str(kind.whole),
        base=base,
        ours=ours,
        theirs=theirs,
        chosen=form.said(name, conflict.chosen) if name else "",
        mono=name in kind.mono,
        own=bool(name) and name not in kind.chosen,
        typed=ours.text,
    )


def _side(name: str, value: object, revision: Revision, proposal: Proposal | None) -> Side:
    if not name:
        fields = FIELDS[revision.kind].from_json(value) if isinstance(value, dict) and value else None
        return Side(fields.line if fields else "")
    computed = name == "formula" and revision.kind == "metric" and proposal is not None
    number = _number(str(value), proposal) if computed and proposal else None
    return Side(FORMS[revision.kind].said(name, value), number)


def _number(formula: str, proposal: Proposal) -> float | None:
    """What a formula comes to over all time where the proposal goes; None where that cannot be had."""
    target = proposal.target
    tree = analyse(formula, vocabulary_of(proposal.project, target)).tree
    if tree is None or target.live is None:
        return None
    try:
        return in_all(reading(target.live), tree)
    except (BisyncError, Unsupported):
        return None


@require_POST
@in_project
def decide(request: Request, project: Project, number: int, conflict: int) -> HttpResponse:
    """Choose one of the sides, or write something else."""
    proposal = _found(request, project, number)
    found = get_object_or_404(Conflict, item__proposal=proposal, pk=conflict)
    choices = {choice.value: choice for choice in ConflictState if choice != ConflictState.OPEN}
    choice = choices.get(request.POST.get("choice", ""))
    if choice is None:
        return _page(request, proposal, about=found.pk, problems={"choice": [_("Choose which one holds.")]})
    try:
        conflicts.conflict_decide(
            conflict=found,
            choice=choice,
            own=request.POST.get("own", ""),
            seen=request.POST.get("seen", ""),
            actor=request.user,
        )
    except InvalidInput as exc:
        return _page(request, proposal, about=found.pk, problems=exc.fields)
    except conflicts.StatesMoved as exc:
        return _page(request, proposal, about=found.pk, problems={"seen": [str(exc)]}, status=409)
    undo = reverse("conflict-undo", args=[project.slug, number, found.pk]) if found.field else ""
    return go(request, _address(proposal), say=_("Decided."), undo=undo)


@require_POST
@in_project
def attempt(request: Request, project: Project, number: int, conflict: int) -> HttpResponse:
    """How a formula reads that somebody writes instead of both, and what it comes to; nothing is decided."""
    proposal = _found(request, project, number)
    conflicts_of = Conflict.objects.select_related("item__revision")
    found = get_object_or_404(conflicts_of, item__proposal=proposal, pk=conflict, field="formula")
    conflicts.require_decidable(found, request.user)
    tried = _attempt(request.POST.get("own", ""), proposal)
    if not swapping(request):
        return _page(request, proposal, about=found.pk, attempt=tried)
    context = {"conflict": found, "attempt": tried, "format": _format(found), "problems": {}, "typed": {}}
    return page(request, "proposals/_attempt.html", context)


def _attempt(text: str, proposal: Proposal) -> Attempt:
    analysis = analyse(text, vocabulary_of(proposal.project, proposal.target))
    if not analysis.ok:
        return Attempt(sentence=analysis.problems[0].message)
    return Attempt(reads_as=analysis.reads_as, number=_number(text, proposal))


@require_POST
@in_project
def undo(request: Request, project: Project, number: int, conflict: int) -> HttpResponse:
    """Open a decided conflict again."""
    proposal = _found(request, project, number)
    found = get_object_or_404(Conflict, item__proposal=proposal, pk=conflict)
    conflicts.conflict_reopen(conflict=found, actor=request.user)
    return go(request, _address(proposal), say=_("It is open again."))


def _address(proposal: Proposal) -> str:
    return reverse("conflicts", args=[proposal.project.slug, proposal.number])
