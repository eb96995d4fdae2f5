"""What pages show of proposals."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Q, QuerySet

from environments.models import Deployment
from governance import audit
from governance.models import AuditEvent, Project, User
from governance.permissions import roles_of
from governance.roles import GRANTS
from proposals.models import Proposal, ProposalQuerySet, ProposalStatus
from workspace.models import Run


def needing(user: User, project: Project) -> ProposalQuerySet:
    """The proposals that wait for this person: to approve, to publish, or to go on writing."""
    roles = roles_of(user, project)
    wanted = Q(author=user, status=ProposalStatus.DRAFT) & ~Q(returned_reason="")
    if roles & GRANTS["proposal.approve"]:
        wanted |= Q(status=ProposalStatus.IN_REVIEW) & ~Q(author=user)
    if roles & GRANTS["proposal.publish"]:
        wanted |= Q(status=ProposalStatus.APPROVED)
    return Proposal.objects.visible_to(user).filter(wanted, project=project)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far publishing has come: the run that commits, the deployment that builds, what went wrong."""

    run: Run | None
    deployment: Deployment | None
    error: str

    @property
    def busy(self) -> bool:
        """Whether something is still being done, so that the page should look again."""
        working = self.run is not None and not self.run.finished
        building = self.deployment is not None and self.deployment.status in {"planned", "applying"}
        return working or building


def progress(proposal: Proposal) -> Progress:
    """The state inside *publishing*, from the runs themselves."""
    run = (
        Run.objects.filter(
            project_id=proposal.project_id, kind="proposal.publish", subject=audit.key(proposal)
        )
        .order_by("-id")
        .first()
    )
    deployment = None
    if proposal.published_commit:
        deployment = (
            Deployment.objects.filter(environment_id=proposal.target_id, commit=proposal.published_commit)
            .select_related("run", "environment")
            .order_by("-id")
            .first()
        )
    error = ""
    if deployment is not None and deployment.status == "failed" and deployment.run is not None:
        error = deployment.run.error
    elif run is not None and run.status == "failed" and proposal.status == ProposalStatus.PUBLISHING:
        error = run.error
    return Progress(run, deployment, error)


def history(proposal: Proposal) -> QuerySet[AuditEvent]:
    """What happened to a proposal, oldest first."""
    return AuditEvent.objects.filter(target=audit.key(proposal)).select_related("actor").order_by("id")
