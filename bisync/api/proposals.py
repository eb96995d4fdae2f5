"""Proposals over the API: opened, edited, discussed, and taken from step to step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from django.db.models import Prefetch, QuerySet
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from bisync.api import drafts
from bisync.api.base import InProject, Listing, Shape, deed, read
from bisync.lib.errors import InvalidInput
from environments.selectors import environments_of
from governance.models import User
from governance.models.tokens import Scope
from proposals import selectors
from proposals.actions import authoring, checks, conflicts, publishing, restoring, reviewing
from proposals.kinds import metric
from proposals.models import Conflict, ConflictState, Item, Proposal
from proposals.preview import preview

Act: TypeAlias = Callable[[Proposal, User, dict[str, Any]], object]


class Proposals(Listing):
    """Proposals, newest first; POST opens a draft."""

    serializer_class = drafts.ProposalShape
    asks = drafts.ProposalSearch

    def get_queryset(self) -> QuerySet[Proposal]:
        found = Proposal.objects.visible_to(self.user).filter(project=self.project)
        if self.asked.get("needs"):
            found = selectors.needing(self.user, self.project)
        if self.asked.get("author"):
            found = found.filter(author=self.user)
        if wanted := self.asked.get("status"):
            found = found.filter(status=wanted)
        return found.select_related("author", "target")

    @deed(Scope.PROPOSE, takes=drafts.Opening, gives={201: drafts.ProposalDetail})
    def post(self, request: Request, **_path: Any) -> Response:
        given = read(drafts.Opening, request.data)
        try:
            proposal = authoring.proposal_open(
                project=self.project, author=self.user, changing=given.pop("changing", "")
            )
        except (metric.NoSuchMetric, metric.OfAPackage) as exc:
            raise InvalidInput({"changing": [str(exc)]}) from None
        _save(proposal, given, version=1, actor=self.user)
        return Response(shown(proposal), status=status.HTTP_201_CREATED)


class InProposal(InProject):
    """A view about one proposal."""

    def proposal(self) -> Proposal:
        visible = Proposal.objects.visible_to(self.user).select_related("project", "target__live")
        return get_object_or_404(visible, project=self.project, number=self.kwargs["number"])


class OneProposal(InProposal):
    """One proposal; PATCH changes a draft, and answers 409 where somebody was faster."""

    @extend_schema(responses=drafts.ProposalDetail)
    def get(self, _request: Request, **_path: Any) -> Response:
        return Response(shown(self.proposal()))

    @deed(Scope.PROPOSE, takes=drafts.DraftChange, gives={200: drafts.ProposalDetail})
    def patch(self, request: Request, **_path: Any) -> Response:
        proposal, change = self.proposal(), read(drafts.DraftChange, request.data)
        _save(proposal, change, version=change.pop("version"), actor=self.user)
        return Response(shown(proposal))


class Preview(InProposal):
    """What a proposal's metric comes to: its numbers, its dbt code, and what is missing before review."""

    asks = drafts.ByPeriodThere

    @extend_schema(responses=drafts.PreviewShape)
    def get(self, _request: Request, **_path: Any) -> Response:
        proposal = self.proposal()
        slug = self.asked.get("environment", proposal.target.slug)
        place = get_object_or_404(environments_of(self.project), slug=slug)
        revision = _metric_of(proposal).revision
        found = preview(revision.metric, place, grain=self.asked["grain"], base=revision.agreed_metric)
        return Response(drafts.PreviewShape(found).data)


class Comments(InProposal):
    """Say something about a proposal."""

    @deed(Scope.PROPOSE, takes=drafts.CommentShape, gives={201: drafts.CommentShape})
    def post(self, request: Request, **_path: Any) -> Response:
        proposal, sent = self.proposal(), read(drafts.CommentShape, request.data)
        comment = reviewing.comment_add(proposal=proposal, body=sent["body"], actor=self.user)
        return Response(drafts.CommentShape(comment).data, status=status.HTTP_201_CREATED)


class InConflict(InProposal):
    """A view about one conflict of a proposal."""

    def conflict(self, proposal: Proposal) -> Conflict:
        return get_object_or_404(Conflict, item__proposal=proposal, pk=self.kwargs["conflict"])


class Decide(InConflict):
    """Choose what is proposed, what dbt says, or another value."""

    @deed(Scope.PROPOSE, takes=drafts.Decision, gives={200: drafts.ProposalDetail})
    def post(self, request: Request, **_path: Any) -> Response:
        proposal, given = self.proposal(), read(drafts.Decision, request.data)
        conflicts.conflict_decide(
            conflict=self.conflict(proposal),
            choice=ConflictState(given["choice"]),
            own=given.get("own", ""),
            seen=given.get("digest") or None,
            actor=self.user,
        )
        return Response(shown(proposal))


class Undo(InConflict):
    """Open a decided conflict again, as it was before."""

    @deed(Scope.PROPOSE, gives={200: drafts.ProposalDetail})
    def post(self, _request: Request, **_path: Any) -> Response:
        proposal = self.proposal()
        conflicts.conflict_reopen(conflict=self.conflict(proposal), actor=self.user)
        return Response(shown(proposal))


def shown(proposal: Proposal) -> dict[str, Any]:
    """A proposal as it is now, with all that belongs to it."""
    items = Prefetch(
        "items",
        Item.objects.select_related("revision").prefetch_related("conflicts__decided_by").order_by("id"),
    )
    found = Proposal.objects.select_related("author", "published_by", "target", "project")
    found = found.prefetch_related(items, "checks", "reviews__person", "comments__author")
    told: dict[str, Any] = drafts.ProposalDetail(found.get(pk=proposal.pk)).data
    return told


def _metric_of(proposal: Proposal) -> Item:
    """The metric that a proposal is about, the first where there are several."""
    item = proposal.items.filter(revision__kind="metric").select_related("revision").order_by("id").first()
    if item is None:
        raise Http404
    return item


def _save(proposal: Proposal, given: dict[str, Any], *, version: int, actor: User) -> None:
    """Keep a draft whole or not at all: a program has no form that keeps what it typed."""
    item = _metric_of(proposal)
    revision = item.revision
    if revision.agreed and given.get("model"):
        raise InvalidInput({"model": [str(_("The formula of a change names its models itself."))]})
    fields = drafts.MetricDraft.over(revision.metric, given)
    saved = authoring.draft_save(item=item, fields=fields, version=version, actor=actor)
    if saved.unfit:
        raise InvalidInput(saved.unfit)


def step(name: str, scope: Scope, act: Act, takes: Shape | None = None) -> type[InProposal]:
    """A view that takes a proposal one step further, and shows it."""

    class Step(InProposal):
        @deed(scope, takes=takes, gives={200: drafts.ProposalDetail}, name=f"proposal_{name}")
        def post(self, request: Request, **_path: Any) -> Response:
            proposal = self.proposal()
            act(proposal, self.user, read(takes, request.data) if takes else {})
            return Response(shown(proposal))

    Step.__name__ = Step.__qualname__ = f"Proposal{name.title()}"
    return Step


STEPS: dict[str, type[InProposal]] = {
    "submit": step("submit", Scope.PROPOSE, lambda p, u, _g: authoring.proposal_submit(proposal=p, actor=u)),
    "take-back": step(
        "take_back", Scope.PROPOSE, lambda p, u, _g: authoring.proposal_take_back(proposal=p, actor=u)
    ),
    "withdraw": step(
        "withdraw", Scope.PROPOSE, lambda p, u, _g: authoring.proposal_withdraw(proposal=p, actor=u)
    ),
    "restore": step(
        "restore", Scope.PROPOSE, lambda p, u, _g: restoring.proposal_restore(proposal=p, actor=u)
    ),
    "check": step("check", Scope.PROPOSE, lambda p, u, _g: checks.checks_repeat(proposal=p, actor=u)),
    "approve": step(
        "approve",
        Scope.APPROVE,
        lambda p, u, given: reviewing.proposal_approve(
            proposal=p, seen=given["content_hash"], actor=u, note=given["note"]
        ),
        drafts.Approval,
    ),
    "return": step(
        "return",
        Scope.APPROVE,
        lambda p, u, given: reviewing.proposal_return(proposal=p, note=given["note"], actor=u),
        drafts.Return,
    ),
    "publish": step(
        "publish", Scope.PUBLISH, lambda p, u, _g: publishing.proposal_publish(proposal=p, actor=u)
    ),
    "publish-again": step(
        "publish_again", Scope.PUBLISH, lambda p, u, _g: publishing.publishing_repeat(proposal=p, actor=u)
    ),
}
