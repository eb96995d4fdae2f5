"""Read, talk, approve, or ask for changes."""

from __future__ import annotations

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from bisync.lib.errors import BisyncError, InvalidInput
from governance import audit, permissions
from governance.models import User
from proposals import content
from proposals.actions.authoring import back_to_draft, require_decided
from proposals.actions.checks import require_passed
from proposals.lifecycle import LIFECYCLE
from proposals.models import Comment, Proposal, ProposalStatus, Review, Verdict
from semantic.rules.text import text_problems

APPROVALS_NEEDED = 1


class ChangedMeanwhile(BisyncError):
    code = "proposal-changed-meanwhile"
    message = _("The proposal changed since you opened it. Read it again; your approval was not counted.")
    http_status = 409


class NotInReview(BisyncError):
    code = "not-in-review"
    message = _("This proposal is %(status)s, so there is nothing to approve.")
    http_status = 409


class DecidedAlready(BisyncError):
    code = "decided-already"
    message = _("You have given your verdict on this content already.")
    http_status = 409


@audit.atomic()
def proposal_approve(*, proposal: Proposal, seen: str, actor: User, note: str = "") -> Proposal:
    """Approve exactly the content whose hash is `seen`; the last needed approval locks it in.

    Raises `NotAllowed` for its author, by whatever route; `ChecksMissing` while a check has not passed.
    """
    permissions.require(actor, "proposal.approve", proposal)
    if problems := text_problems(note, limit=10_000, dbt=False):
        raise InvalidInput({"note": problems})
    proposal = Proposal.objects.select_for_update(of=("self",), no_key=True).get(pk=proposal.pk)
    if proposal.status != ProposalStatus.IN_REVIEW:
        raise NotInReview(status=proposal.get_status_display().lower())
    now = content.hash_of(proposal)
    if seen != now:
        raise ChangedMeanwhile
    require_decided(proposal)
    require_passed(proposal, now)
    _decide(proposal, actor=actor, verdict=Verdict.APPROVE, now=now, note=note)
    audit.record(actor=actor, action="proposal.approved", target=proposal, after={"content_hash": now})
    given = proposal.reviews.filter(stands=True, verdict=Verdict.APPROVE, content_hash=now).count()
    if given >= APPROVALS_NEEDED:
        LIFECYCLE.advance(proposal, "approve", approved_at=timezone.now(), approved_hash=now)
    return proposal


@audit.atomic()
def proposal_return(*, proposal: Proposal, note: str, actor: User) -> Proposal:
    """Ask the author for changes, with a reason that they can act on."""
    permissions.require(actor, "proposal.approve", proposal)
    problems = text_problems(note, limit=10_000, dbt=False)
    if not note.strip():
        problems = [str(_("Say what should change."))]
    if problems:
        raise InvalidInput({"note": problems})
    _decide(proposal, actor=actor, verdict=Verdict.CHANGES, now=content.hash_of(proposal), note=note)
    Comment.objects.create(proposal=proposal, author=actor, body=note.strip())
    return back_to_draft(proposal, actor=actor, action="proposal.returned", reason=note.strip())


def _decide(proposal: Proposal, *, actor: User, verdict: Verdict, now: str, note: str) -> Review:
    proposal.reviews.filter(person=actor, stands=True).exclude(content_hash=now).update(stands=False)
    proposal.reviews.filter(person=actor, stands=True).exclude(verdict=verdict).update(stands=False)
    try:
        with transaction.atomic():
            return Review.objects.create(
                proposal=proposal, person=actor, verdict=verdict, content_hash=now, note=note.strip()
            )
    except IntegrityError:
        raise DecidedAlready from None


@audit.atomic()
def comment_add(*, proposal: Proposal, body: str, actor: User) -> Comment:
    """Say something about a proposal."""
    permissions.require(actor, "proposal.comment", proposal)
    problems = text_problems(body, limit=10_000, dbt=False)
    if not body.strip():
        problems = [str(_("Write something first."))]
    if problems:
        raise InvalidInput({"body": problems})
    comment = Comment.objects.create(proposal=proposal, author=actor, body=body.strip())
    audit.record(actor=actor, action="proposal.commented", target=proposal, after={"comment": comment.pk})
    return comment
