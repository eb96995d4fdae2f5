"""From an approved proposal to a published one."""

from __future__ import annotations

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from bisync.lib.errors import BisyncError
from environments.actions import deployment_request
from environments.models import Deployment, DeploymentStatus
from governance import audit, permissions
from governance.models import User
from proposals import content
from proposals.actions.authoring import back_to_draft, require_decided
from proposals.actions.checks import require_passed
from proposals.directions import require_proposable
from proposals.lifecycle import LIFECYCLE
from proposals.merging import merge_proposal
from proposals.models import Proposal, ProposalStatus
from semantic.models import Definition, DefinitionState, Revision, RevisionState
from workspace import runs


class ApprovalFell(BisyncError):
    code = "approval-fell"
    message = _("The content is not what was approved. Send it for review again.")
    http_status = 409


class NothingToWrite(BisyncError):
    code = "nothing-to-write"
    message = _("dbt says all of this already, so there is nothing to publish. Withdraw the proposal.")
    http_status = 409


class CommitLost(BisyncError):
    code = "commit-lost"
    message = _(
        "The commit was pushed, but the branch does not hold it any more: somebody rewrote its history. "
        "Publish again to commit it anew."
    )
    http_status = 409


class NotPublishing(BisyncError):
    code = "not-publishing"
    message = _("There is nothing to repeat: this proposal is %(status)s.")
    http_status = 409


@audit.atomic()
def proposal_publish(*, proposal: Proposal, actor: User) -> Proposal:
    """Start publishing approved content: commit, push, production build, pull.

    Raises `ChecksMissing` where checks that were repeated since have not passed.
    """
    permissions.require(actor, "proposal.publish", proposal)
    if proposal.status == ProposalStatus.APPROVED and content.hash_of(proposal) != proposal.approved_hash:
        raise ApprovalFell
    require_decided(proposal)
    if proposal.status == ProposalStatus.APPROVED:
        require_passed(proposal, proposal.approved_hash)
    require_proposable(proposal)
    LIFECYCLE.advance(proposal, "publish", published_by=actor)
    audit.record(
        actor=actor,
        action="proposal.publishing",
        target=proposal,
        after={"content_hash": proposal.approved_hash},
    )
    _ask(proposal, actor)
    return proposal


@audit.atomic()
def publishing_repeat(*, proposal: Proposal, actor: User) -> Proposal:
    """Try again where the push or the production build failed; what is done already is not repeated."""
    permissions.require(actor, "proposal.publish", proposal)
    if proposal.status != ProposalStatus.PUBLISHING:
        raise NotPublishing(status=proposal.get_status_display().lower())
    audit.record(actor=actor, action="proposal.publishing_again", target=proposal)
    _ask(proposal, actor)
    return proposal


def _ask(proposal: Proposal, actor: User) -> None:
    runs.request(
        kind="proposal.publish",
        project=proposal.project,
        subject=audit.key(proposal),
        params={"proposal": proposal.pk},
        requested_by=actor,
    )


@audit.atomic()
def proposal_pushed(*, proposal: Proposal, commit: str, head: str, models: list[str]) -> None:
    """Note the commit that the remote holds, and have production built from `head`, which contains it.

    Where that is on its way already, or done, nothing is built twice: only the pull is repeated.
    """
    first = Proposal.objects.filter(pk=proposal.pk, published_commit="").update(published_commit=commit)
    if first:
        audit.record(
            actor=proposal.published_by, action="proposal.pushed", target=proposal, after={"commit": commit}
        )
    subject = audit.key(proposal)
    asked = Deployment.objects.filter(environment=proposal.target, subject=subject, commit=head)
    if asked.exclude(status=DeploymentStatus.FAILED).exists():
        runs.request(kind="pull", project=proposal.project)
        return
    deployment_request(
        environment=proposal.target,
        commit=head,
        subject=subject,
        reason=f"#{proposal.number} {proposal.title}",
        actor=None,
        on_behalf=proposal.published_by,
        affected=models,
    )


@audit.atomic()
def commit_lost(*, proposal: Proposal) -> None:
    """Note that the branch does not hold the commit any more: somebody rewrote its history."""
    lost = proposal.published_commit
    if Proposal.objects.filter(pk=proposal.pk, published_commit=lost).update(published_commit=""):
        audit.record(actor=None, action="proposal.commit_lost", target=proposal, before={"commit": lost})


@audit.atomic()
def publishing_returned(*, proposal: Proposal, reason: str) -> None:
    """Give the proposal back to its author because the repository moved on; its approval falls.

    What pulls brought while it was being published is merged with it, or to be decided.
    """
    back_to_draft(proposal, actor=None, action="proposal.returned", reason=reason, event="give_back")
    merge_proposal(proposal)


@audit.atomic()
def proposal_arrived(*, proposal: Proposal) -> None:
    """A pull has seen the commit, and readers of production see its build: it is published."""
    now = timezone.now()
    LIFECYCLE.advance(proposal, "arrive", published_at=now)
    revisions = Revision.objects.filter(item__proposal=proposal)
    definitions = list(Definition.objects.filter(revisions__in=revisions))
    Revision.objects.filter(definition__in=definitions, state=RevisionState.AGREED).update(
        state=RevisionState.SUPERSEDED
    )
    revisions.update(state=RevisionState.AGREED)
    Definition.objects.filter(pk__in=[d.pk for d in definitions]).update(
        state=DefinitionState.PUBLISHED, published_commit=proposal.published_commit, published_at=now
    )
    audit.record(
        actor=proposal.published_by,
        action="proposal.published",
        target=proposal,
        after={"commit": proposal.published_commit},
    )
