"""The inbox, and the page on which a proposal is read, discussed, approved and published."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from bisync.lib.diffs import diff
from bisync.lib.errors import InvalidInput
from bisync.lib.highlight import Language
from bisync.lib.web import STOP_POLLING, go, page, swapping
from environments.numbers import Numbers
from governance import permissions
from governance.models import Project
from governance.web import Request, in_project
from proposals import content, rules, selectors
from proposals.actions import authoring, publishing, reviewing
from proposals.models import Check, CheckKind, Item, Proposal, ProposalStatus


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
        },
        fragment="rows",
    )


def _found(request: Request, project: Project, number: int) -> Proposal:
    visible = Proposal.objects.visible_to(request.user).select_related(
        "author", "target__live", "target__connection", "published_by", "project"
    )
    return get_object_or_404(visible, project=project, number=number)


@require_safe
@in_project
def proposal_detail(request: Request, project: Project, number: int) -> HttpResponse:
    """Everything a reviewer needs; its state polls itself while checks or publishing go on."""
    proposal = _found(request, project, number)
    context = _detail(request, proposal)
    done = swapping(request) and not context["busy"]
    return page(
        request,
        "proposals/proposal_detail.html",
        context,
        fragment="state",
        status=STOP_POLLING if done else 200,
    )


def _detail(request: Request, proposal: Proposal, **also: Any) -> dict[str, Any]:
    actor = request.user
    checks = list(proposal.checks.select_related("run"))
    progress = selectors.progress(proposal)
    items = list(proposal.items.select_related("revision__definition").order_by("id"))
    return {
        "proposal": proposal,
        "items": items,
        "numbers": [_shown(item, checks) for item in items],
        "files": [
            (file["path"], file["new"], diff(file["before"], file["after"], language=language(file["path"])))
            for file in (items[0].files if items else [])
        ],
        "checks": checks,
        "progress": progress,
        "busy": progress.busy or any(check.status in {"waiting", "running"} for check in checks),
        "content_hash": content.content_hash(items),
        "reviews": proposal.reviews.select_related("person").order_by("id"),
        "comments": proposal.comments.select_related("author"),
        "history": selectors.history(proposal),
        "may_approve": permissions.decide(actor, "proposal.approve", proposal),
        "may_publish": permissions.decide(actor, "proposal.publish", proposal),
        "may_comment": permissions.decide(actor, "proposal.comment", proposal),
        "may_edit": rules.may_edit(actor, proposal),
        "open": proposal.status in {ProposalStatus.IN_REVIEW, ProposalStatus.APPROVED},
        "needed": reviewing.APPROVALS_NEEDED,
        **also,
    }


def _shown(item: Item, checks: list[Check]) -> Numbers | None:
    """The months that the last check computed for an item's metric."""
    found = next((check for check in checks if check.kind == CheckKind.NUMBERS), None)
    for result in (found.result.get("metrics") or []) if found else []:
        if result["metric"] == item.revision.metric.name:
            return Numbers.stored(result["points"])
    return None


def language(path: str) -> Language:
    """What a file is written in, for its colours."""
    return "sql" if path.endswith(".sql") else "yaml" if path.endswith((".yml", ".yaml")) else ""


def _act(
    request: Request, project: Project, number: int, action: Callable[[Proposal], object], say: str
) -> HttpResponse:
    """Carry out one action on a proposal and come back to its page."""
    proposal = _found(request, project, number)
    try:
        action(proposal)
    except InvalidInput as exc:
        context = _detail(
            request, proposal, problems=exc.fields, typed={k: request.POST.get(k, "") for k in exc.fields}
        )
        return page(request, "proposals/proposal_detail.html", context, status=422)
    return go(request, reverse("proposal", args=[project.slug, number]), say=say)


@require_POST
@in_project
def approve(request: Request, project: Project, number: int) -> HttpResponse:
    seen, note = request.POST.get("seen", ""), request.POST.get("note", "")
    return _act(
        request,
        project,
        number,
        lambda p: reviewing.proposal_approve(proposal=p, seen=seen, actor=request.user, note=note),
        _("Approved."),
    )


@require_POST
@in_project
def ask_for_changes(request: Request, project: Project, number: int) -> HttpResponse:
    note = request.POST.get("note", "")
    return _act(
        request,
        project,
        number,
        lambda p: reviewing.proposal_return(proposal=p, note=note, actor=request.user),
        _("Returned to its author."),
    )


@require_POST
@in_project
def comment(request: Request, project: Project, number: int) -> HttpResponse:
    body = request.POST.get("body", "")
    return _act(
        request,
        project,
        number,
        lambda p: reviewing.comment_add(proposal=p, body=body, actor=request.user),
        _("Comment added."),
    )


@require_POST
@in_project
def publish(request: Request, project: Project, number: int) -> HttpResponse:
    return _act(
        request,
        project,
        number,
        lambda p: publishing.proposal_publish(proposal=p, actor=request.user),
        _("Publishing has begun."),
    )


@require_POST
@in_project
def publish_again(request: Request, project: Project, number: int) -> HttpResponse:
    return _act(
        request,
        project,
        number,
        lambda p: publishing.publishing_repeat(proposal=p, actor=request.user),
        _("Trying again."),
    )


@require_POST
@in_project
def check_again(request: Request, project: Project, number: int) -> HttpResponse:
    return _act(
        request,
        project,
        number,
        lambda p: authoring.checks_repeat(proposal=p, actor=request.user),
        _("The checks have begun again."),
    )


@require_POST
@in_project
def take_back(request: Request, project: Project, number: int) -> HttpResponse:
    return _act(
        request,
        project,
        number,
        lambda p: authoring.proposal_take_back(proposal=p, actor=request.user),
        _("It is a draft again."),
    )


@require_POST
@in_project
def withdraw(request: Request, project: Project, number: int) -> HttpResponse:
    return _act(
        request,
        project,
        number,
        lambda p: authoring.proposal_withdraw(proposal=p, actor=request.user),
        _("Withdrawn."),
    )
