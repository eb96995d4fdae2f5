"""Who hears of what happens to proposals."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from environments.models import Deployment, DeploymentStatus
from environments.notices import failed
from governance import audit
from governance.models import AuditEvent, User
from governance.permissions import decide
from governance.selectors import holders
from notify.models import Kind
from notify.telling import Told, notice, subject
from proposals.models import ConflictState, Proposal, ProposalStatus


@subject("proposal")
def titles(person: User, ids: Collection[int]) -> dict[int, str]:
    found = Proposal.objects.visible_to(person).filter(pk__in=ids)
    return {pk: f"#{number} {title}" for pk, number, title in found.values_list("pk", "number", "title")}


def _named(keys: Iterable[str]) -> Iterator[Proposal]:
    """The proposals of these audit keys, as far as they still exist."""
    ids = [key.partition(":")[2] for key in keys]
    yield from Proposal.objects.filter(pk__in=ids).select_related("project", "author", "published_by")


def _told(proposal: Proposal, people: Iterable[User], place: str = "") -> Told:
    url = reverse("proposal", args=[proposal.project.slug, proposal.number])
    return Told(proposal.project, audit.key(proposal), url + place, people)


def _participants(proposal: Proposal) -> list[User]:
    """Whoever wrote it, talked about it or decided on it."""
    spoke = Q(comments__proposal=proposal) | Q(reviews__proposal=proposal)
    return [proposal.author, *User.objects.filter(spoke).distinct()]


def _able(proposal: Proposal, permission: str) -> list[User]:
    """Those who may do it to this proposal: roles alone do not say that."""
    return [
        person for person in holders(proposal.project, permission) if decide(person, permission, proposal)
    ]


def _publishing(proposal: Proposal) -> Told:
    """For whoever waits for it to be published."""
    waiting = (proposal.author, proposal.published_by)
    return _told(proposal, [person for person in waiting if person is not None], "#act")


def _author(event: AuditEvent) -> Iterator[Told]:
    for proposal in _named([event.target]):
        yield _told(proposal, [proposal.author])


def _everybody(event: AuditEvent) -> Iterator[Told]:
    for proposal in _named([event.target]):
        yield _told(proposal, _participants(proposal))


notice("proposal.returned", kind=Kind.REVIEWS, words=_("%(who)s asked for changes."))(_author)
notice("proposal.withdrawn", kind=Kind.REVIEWS, words=_("%(who)s withdrew it."))(_everybody)
notice("proposal.checks_failed", kind=Kind.CHECKS, words=_("A check failed."))(_author)
notice("proposal.published", kind=Kind.PUBLISHING, words=_("It is published."))(_everybody)


@notice(
    "proposal.conflict_found",
    kind=Kind.WAITING,
    words=_("dbt changed what it changes too. Decide which one holds."),
)
def clashed(event: AuditEvent) -> Iterator[Told]:
    for proposal in _named([event.target]):
        if proposal.items.filter(conflicts__state=ConflictState.OPEN).exists():
            yield _told(proposal, [proposal.author], "conflicts/")


@notice(
    "proposal.to_approve",
    on="proposal.checks_passed",
    kind=Kind.WAITING,
    words=_("Its checks have passed. It waits for your review."),
)
def to_approve(event: AuditEvent) -> Iterator[Told]:
    for proposal in _named([event.target]):
        if proposal.status == ProposalStatus.IN_REVIEW:
            yield _told(proposal, _able(proposal, "proposal.approve"), "#act")


@notice(
    "proposal.to_publish",
    on="proposal.approved",
    kind=Kind.WAITING,
    words=_("%(who)s approved it. It waits to be published."),
)
def to_publish(event: AuditEvent) -> Iterator[Told]:
    for proposal in _named([event.target]):
        if proposal.status == ProposalStatus.APPROVED:
            yield _told(proposal, _able(proposal, "proposal.publish"), "#act")


notice("proposal.approved", kind=Kind.REVIEWS, words=_("%(who)s approved it."))(_author)


@notice("proposal.commented", kind=Kind.COMMENTS, words=_("%(who)s commented."))
def commented(event: AuditEvent) -> Iterator[Told]:
    for proposal in _named([event.target]):
        yield _told(proposal, _participants(proposal), f"#comment-{event.after['comment']}")


@notice(
    "proposal.commit_lost",
    kind=Kind.PUBLISHING,
    words=_("Its commit is gone from the branch: somebody rewrote the history. Publish it again."),
)
def commit_lost(event: AuditEvent) -> Iterator[Told]:
    for proposal in _named([event.target]):
        yield _publishing(proposal)


@notice("proposal.not_committed", on="run.failed", kind=Kind.PUBLISHING, words=_("Publishing stopped."))
def not_committed(event: AuditEvent) -> Iterator[Told]:
    if run := failed(event, "proposal.publish"):
        yield from (_publishing(proposal) for proposal in _named([run.subject]))


@notice(
    "proposal.not_built",
    on="run.failed",
    kind=Kind.PUBLISHING,
    words=_("Publishing stopped: the version that contains it could not be built."),
)
def not_built(event: AuditEvent) -> Iterator[Told]:
    if run := failed(event, "environment.deploy"):
        lost = Deployment.objects.filter(run=run, status=DeploymentStatus.FAILED)
        for proposal in _named(
            lost.filter(subject__startswith="proposal:").values_list("subject", flat=True)
        ):
            if proposal.status == ProposalStatus.PUBLISHING:
                yield _publishing(proposal)
