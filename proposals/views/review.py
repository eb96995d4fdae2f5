"""The inbox, and the page on which a proposal is read, discussed, approved and published."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST, require_safe

from bisync.lib.diffs import Diff, diff
from bisync.lib.errors import InvalidInput
from bisync.lib.highlight import Language
from bisync.lib.web import STOP_POLLING, go, page, swapping
from environments.numbers import Numbers
from governance import audit, permissions
from governance.models import Project, User
from governance.permissions import Decision
from governance.web import Request, in_project
from notify.selectors import CHOICES, muted
from proposals import content, rules, selectors
from proposals.actions import authoring, checks, publishing, restoring, reviewing
from proposals.changed import FieldChange, changes_of, rows_of
from proposals.kinds import Kind, kind_of
from proposals.models import Check, CheckKind, CheckStatus, HandEdit, Item, Proposal, ProposalStatus
from proposals.trying import before_in_words, beside, moves_in_words, outcome_words
from semantic.business_rules import table_from
from semantic.codegen.by_hand import may_be_edited
from semantic.fields import Fields
from semantic.formula.chips import Chip
from semantic.rules.tables import Table

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

TONES = {"production": "prod", "staging": "staging"}


@require_safe
@in_project
def proposal_list(request: Request, project: Project) -> HttpResponse:
    """The inbox: what waits for me, what is mine, everything."""
    tab = request.GET.get("tab", "needs")
    visible = Proposal.objects.visible_to(request.user).filter(project=project)
    needs = selectors.needing(request.user, project)
    shown = {"mine": visible.filter(author=request.user), "all": visible}.get(tab, needs)
    return page(
        request,
        "proposals/proposal_list.html",
        {
            "tab": tab if tab in {"mine", "all"} else "needs",
            "proposals": Paginator(shown.for_list().order_by("-id"), 25).get_page(request.GET.get("page")),
            "waiting": needs.count(),
            "may_propose": permissions.decide(request.user, "proposal.create", project),
            "query": f"{urlencode({'tab': tab})}&",
        },
        fragment="rows",
    )


def found(request: Request, project: Project, number: int) -> Proposal:
    """A proposal with what its pages show. Raises `Http404` for one that this person may not see."""
    visible = Proposal.objects.visible_to(request.user).select_related(
        "author",
        "target__live",
        "target__connection",
        "target__freshness_schedule",
        "published_by",
        "project",
    )
    visible = visible.with_check_failed().with_conflicts().annotate(muted=muted(request.user, "proposal"))
    visible = visible.with_edited()
    return get_object_or_404(visible, project=project, number=number)


@require_safe
@in_project
def proposal_detail(request: Request, project: Project, number: int) -> HttpResponse:
    """Everything a reviewer needs; its state polls itself while checks or publishing go on."""
    proposal = found(request, project, number)
    context = _detail(request, proposal)
    done = swapping(request) and not context["busy"]
    return page(
        request,
        "proposals/proposal_detail.html",
        {**context, "live": swapping(request)},
        fragment="progress",
        status=STOP_POLLING if done else 200,
    )


def _detail(
    request: Request,
    proposal: Proposal,
    *,
    problems: dict[str, list[str]] | None = None,
    typed: dict[str, str] | None = None,
) -> dict[str, Any]:
    checks = list(proposal.checks.select_related("run"))
    progress = selectors.progress(proposal)
    items = list(proposal.items.select_related("revision__definition").order_by("id"))
    reviews = list(proposal.reviews.select_related("person").order_by("id"))
    edits = proposal.edits() if getattr(proposal, "edited", True) else []
    now = content.hash_of(proposal, items, edits)
    ready = bool(checks) and all(c.status == "passed" and c.content_hash == now for c in checks)
    may = _may(request.user, proposal)
    # A page that looks again says what it was opened with: nobody approves what they have not read.
    seen = request.GET.get("seen", now) if swapping(request) else now
    return {
        "proposal": proposal,
        "tone": TONES.get(proposal.target.kind, "dev"),
        "items": items,
        "told": _told(items, checks),
        **_numbers(items, checks),
        "stands": [] if swapping(request) else selectors.stands_on(proposal, items),
        "files": _files(items, edits),
        "checks": checks,
        "ready": ready,
        "failed": any(check.status == "failed" for check in checks),
        "alert": _alert(proposal, checks, progress),
        "stale": any(check.content_hash != now for check in checks),
        "progress": progress,
        "busy": _busy(proposal, checks, progress),
        "steps": selectors.steps(proposal, checks, progress),
        "content_hash": now,
        "seen": seen,
        "changed": seen != now,
        "reviews": reviews,
        "approvals": sum(r.stands and r.verdict == "approve" for r in reviews),
        "needed": reviewing.APPROVALS_NEEDED,
        "comments": list(proposal.comments.select_related("author")),
        "history": selectors.history(proposal),
        "thread": audit.key(proposal),
        "following": CHOICES[getattr(proposal, "muted", None)],
        **may,
        "turn": _turn(
            proposal,
            may,
            ready=ready and seen == now and not getattr(proposal, "undecided", False),
            stopped=bool(progress.error),
        ),
        "live": False,
        "open": proposal.status in {ProposalStatus.IN_REVIEW, ProposalStatus.APPROVED},
        "problems": {"note": [], "body": [], **(problems or {})},
        "typed": {"note": "", "body": "", **(typed or {})},
    }


def _may(actor: User, proposal: Proposal) -> dict[str, Decision]:
    """What this person may do, and why not."""
    return {
        "may_approve": permissions.decide(actor, "proposal.approve", proposal),
        "may_publish": permissions.decide(actor, "proposal.publish", proposal),
        "may_comment": permissions.decide(actor, "proposal.comment", proposal),
        "may_edit": rules.may_edit(actor, proposal),
        "may_amend": permissions.decide(actor, "proposal.amend", proposal),
    }


def _busy(proposal: Proposal, checks: list[Check], progress: selectors.Progress) -> bool:
    """Whether something will change by itself, so that the page should look again.

    Between two steps of publishing nothing runs for a moment; only a failure ends the wait.
    """
    publishing = proposal.status == ProposalStatus.PUBLISHING and not progress.error
    return publishing or any(check.status in {"waiting", "running"} for check in checks)


def _alert(proposal: Proposal, checks: list[Check], progress: selectors.Progress) -> StrPromise | None:
    """What stopped it, if anything did: a narrow screen has it before everything else."""
    if proposal.status == ProposalStatus.PUBLISHING and progress.error:
        return _("Publishing stopped.")
    reviewed = proposal.status in {ProposalStatus.IN_REVIEW, ProposalStatus.APPROVED}
    failed = reviewed and any(check.status == "failed" for check in checks)
    return _("A check has failed.") if failed else None


def _turn(proposal: Proposal, may: Mapping[str, Decision], *, ready: bool, stopped: bool) -> bool:
    """Whether this person can take it a step further now."""
    turns = {
        ProposalStatus.DRAFT.value: bool(may["may_edit"]),
        ProposalStatus.IN_REVIEW.value: ready and bool(may["may_approve"]),
        ProposalStatus.APPROVED.value: ready and bool(may["may_publish"]),
        ProposalStatus.PUBLISHING.value: stopped and bool(may["may_publish"]),
    }
    return turns.get(proposal.status, False)


@dataclass(frozen=True, slots=True)
class Told:
    """One change as its section tells it: what it says, and field by field what it changes."""

    item: Item
    kind: Kind[Any]
    chip: StrPromise
    content: Fields
    changes: Sequence[FieldChange]
    rows: Sequence[FieldChange]
    reads_as: str
    chips: Sequence[Chip] = ()
    # Of a business rule, and how many rows it says what of in the last check, today and then.
    table: Table | None = None
    outcomes: Sequence[tuple[str, int | None, int]] = ()
    moved: Sequence[tuple[str, str, int]] = ()


def _told(items: Sequence[Item], checks: Sequence[Check]) -> list[Told]:
    """Each change of a proposal, with how the last check read its formula."""
    check = next((check for check in checks if check.kind == CheckKind.RULES), None)
    read = check.result.get("reads_as", "") if check else ""
    pieces, tables = (check.result.get(name, {}) if check else {} for name in ("chips", "tables"))
    numbers = next((check for check in checks if check.kind == CheckKind.NUMBERS), None)
    ruled = {one["item"]: one for one in (numbers.result.get("rules") or [])} if numbers else {}
    return [
        Told(
            item,
            kind_of(item.revision),
            kind_of(item.revision).chip_of(item.revision.content),
            item.revision.content,
            changes_of(item.revision),
            rows_of(item.revision),
            str(read.get(str(item.pk), "")) if isinstance(read, dict) else str(read),
            [Chip(**piece) for piece in pieces.get(str(item.pk), ())],
            table_from(tables.get(str(item.pk))) if str(item.pk) in tables else None,
            _outcomes(ruled.get(item.pk, {})),
            moves_in_words(ruled.get(item.pk, {}).get("pairs") or ()),
        )
        for item in items
    ]


def _outcomes(rule: Mapping[str, Any]) -> list[tuple[str, int | None, int]]:
    after = [(outcome_words(value), count) for value, count in rule.get("outcomes") or ()]
    pairs = rule.get("pairs")
    return beside(before_in_words(pairs) if pairs else None, after)


@dataclass(frozen=True, slots=True)
class Figures:
    """What the last check computed of one metric."""

    title: str
    other: bool  # whether it is not what the change is about
    value_format: str
    format_before: str
    shown: Numbers | None
    total: float | None
    today: float | None
    compared: Sequence[tuple[str, Any, Any]]
    new: bool

    @property
    def change_format(self) -> str:
        """How a change is told: points of a percentage are only between percentages."""
        return self.value_format if self.value_format == self.format_before else "number"


def _numbers(items: Sequence[Item], checks: Sequence[Check]) -> dict[str, Any]:
    """What the last check computed, metric by metric; nothing where no number changes."""
    found = next((check for check in checks if check.kind == CheckKind.NUMBERS), None)
    results = (found.result.get("metrics") or []) if found else []
    # What was checked before a proposal could hold several changes names none.
    known = [
        _figures(item, result)
        for item in items
        for result in results
        if result.get("item", items[0].pk) == item.pk
    ]
    done = found is not None and found.status == CheckStatus.PASSED
    ruled = found is not None and bool(found.result.get("rules"))
    return {
        "figures": [one for one in known if one.shown is not None],
        "as_before": done and not ruled and not any(one.shown for one in known),
        "counted": found.message if found and ruled else "",
    }


def _figures(item: Item, result: Mapping[str, Any]) -> Figures:
    before = result.get("before")
    shown = Numbers.stored(result["points"]) if result["points"] else None
    then = dict(Numbers.stored(before["points"]).by_name) if before else {}
    value_format = str(result.get("format") or "number")
    return Figures(
        title=str(result.get("title") or item.revision.content.title),
        other="title" in result,
        value_format=value_format,
        format_before=str((before or {}).get("format") or value_format),
        shown=shown,
        total=result["total"],
        today=then.get(shown.now_name) if shown else None,
        compared=_compared(before, result) if before else [],
        new=not item.revision.base and "title" not in result,
    )


def _compared(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """The total and the last two years' months as they are today and as they would be, newest first."""
    then, now = (dict(Numbers.stored(side["points"]).by_name) for side in (before, after))
    names = list(dict.fromkeys([*then, *now]))
    rows = [(name, then.get(name), now.get(name)) for name in reversed(names[-24:])]
    totals = before["total"], after["total"]
    return rows if totals == (None, None) else [(str(_("All time")), *totals), *rows]


@dataclass(frozen=True, slots=True)
class ChangedFile:
    """A file that a proposal writes, and what somebody edited in it by hand."""

    path: str
    new: bool
    diff: Diff
    edit: HandEdit | None
    may_be_edited: bool


def _files(items: Sequence[Item], edits: Sequence[HandEdit]) -> list[ChangedFile]:
    files = items[0].files if items else []
    by_path = {edit.path: edit for edit in edits}
    return [
        ChangedFile(
            path=file["path"],
            new=file["new"],
            diff=diff(file["before"], file["after"], language=language(file["path"])),
            edit=by_path.get(file["path"]),
            may_be_edited=may_be_edited(file["path"], file.get("generated", file["after"])),
        )
        for file in files
    ]


def language(path: str) -> Language:
    """What a file is written in, for its colours."""
    return "sql" if path.endswith(".sql") else "yaml" if path.endswith((".yml", ".yaml")) else ""


def _post(
    say: StrPromise,
    act: Callable[[Proposal, User, QueryDict], object],
    *,
    undo: str = "",
    editing: bool = False,
) -> Callable[..., HttpResponse]:
    """A view that carries out one action on a proposal, says so, and comes back to its page.

    `undo` names the view of the inverse action; with `editing` it goes on in the form.
    """

    @require_POST
    @in_project
    def view(request: Request, project: Project, number: int) -> HttpResponse:
        proposal = found(request, project, number)
        try:
            act(proposal, request.user, request.POST)
        except InvalidInput as exc:
            typed = {name: request.POST.get(name, "") for name in exc.fields}
            context = _detail(request, proposal, problems=exc.fields, typed=typed)
            return page(request, "proposals/proposal_detail.html", context, status=422)
        place = [project.slug, number]
        inverse = reverse(undo, args=place) if undo else ""
        form = reverse("proposal-edit", args=[project.slug, proposal.target.slug, number])
        here = form if editing else reverse("proposal", args=place)
        return go(request, here, say=str(say), undo=inverse)

    return view


approve = _post(
    _("Approved."),
    lambda proposal, actor, sent: reviewing.proposal_approve(
        proposal=proposal, seen=sent.get("seen", ""), actor=actor, note=sent.get("note", "")
    ),
)
ask_for_changes = _post(
    _("Returned to its author."),
    lambda proposal, actor, sent: reviewing.proposal_return(
        proposal=proposal, note=sent.get("note", ""), actor=actor
    ),
)
comment = _post(
    _("Comment added."),
    lambda proposal, actor, sent: reviewing.comment_add(
        proposal=proposal, body=sent.get("body", ""), actor=actor
    ),
)
publish = _post(
    _("Publishing has begun."),
    lambda proposal, actor, _sent: publishing.proposal_publish(proposal=proposal, actor=actor),
)
publish_again = _post(
    _("Trying again."),
    lambda proposal, actor, _sent: publishing.publishing_repeat(proposal=proposal, actor=actor),
)
check_again = _post(
    _("The checks have begun again."),
    lambda proposal, actor, _sent: checks.checks_repeat(proposal=proposal, actor=actor),
)
take_back = _post(
    _("It is a draft again."),
    lambda proposal, actor, _sent: authoring.proposal_take_back(proposal=proposal, actor=actor),
    editing=True,
)
withdraw = _post(
    _("Withdrawn."),
    lambda proposal, actor, _sent: authoring.proposal_withdraw(proposal=proposal, actor=actor),
    undo="proposal-restore",
)
restore = _post(
    _("It is a draft again."),
    lambda proposal, actor, _sent: restoring.proposal_restore(proposal=proposal, actor=actor),
)
