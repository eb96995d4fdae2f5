"""Have a proposal's checks run, note how they end, have them run again."""

from __future__ import annotations

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from bisync.lib.errors import BisyncError
from governance import audit, permissions
from governance.models import User
from proposals import content
from proposals.models import Check, CheckKind, CheckStatus, Proposal, ProposalStatus
from workspace import runs
from workspace.models import Run


class NotUnderReview(BisyncError):
    code = "not-under-review"
    message = _("This proposal is %(status)s, so there is nothing to check.")
    http_status = 409


class ChecksMissing(BisyncError):
    code = "checks-not-passed"
    message = _("Not all checks have passed: %(checks)s. Go on once they have.")
    http_status = 409


def require_passed(proposal: Proposal, now: str) -> None:
    """Raise `ChecksMissing` unless every check has passed of the content whose hash is `now`."""
    passed = proposal.checks.filter(status=CheckStatus.PASSED, content_hash=now)
    found = set(passed.values_list("kind", flat=True))
    if missing := [str(kind.label) for kind in CheckKind if kind not in found]:
        raise ChecksMissing(checks=", ".join(missing))


def checks_start(*, proposal: Proposal, actor: User | None) -> None:
    """Ask for all checks of the present content, from the first on."""
    now = content.hash_of(proposal)
    run = runs.request(
        kind="proposal.check",
        project=proposal.project,
        subject=audit.key(proposal),
        params={"proposal": proposal.pk},
        requested_by=actor,
    )
    proposal.checks.all().delete()
    Check.objects.bulk_create(
        Check(proposal=proposal, kind=kind, content_hash=now, run=run) for kind in CheckKind
    )


@audit.atomic()
def checks_ended(*, proposal: Proposal, run: Run) -> None:
    """Note what came out, unless other checks have been asked for since."""
    outcome = set(Check.objects.filter(proposal=proposal, run=run).values_list("status", flat=True))
    if outcome:
        action = "proposal.checks_passed" if outcome == {CheckStatus.PASSED} else "proposal.checks_failed"
        audit.record(actor=None, action=action, target=proposal, after={"run": run.pk})


@runs.on_failure("proposal.check")
def checks_stopped(run: Run) -> None:
    """A check that a run leaves behind has failed with it; those after it are skipped."""
    left = Check.objects.filter(run=run, status__in=[CheckStatus.WAITING, CheckStatus.RUNNING]).order_by("id")
    if first := left.first():
        Check.objects.filter(pk=first.pk).update(
            status=CheckStatus.FAILED, message=run.error, finished_at=timezone.now()
        )
    left.update(status=CheckStatus.SKIPPED)
    if first is not None:
        checks_ended(proposal=first.proposal, run=run)


@runs.on_retry("proposal.check")
def checks_again(run: Run, again: Run) -> None:
    """The checks of a run wait for the next one, from the first on."""
    checks = Check.objects.filter(run=run)
    if check := checks.select_related("proposal").first():
        _require_checkable(check.proposal)
    checks.update(run=again, status=CheckStatus.WAITING, message="", result={}, finished_at=None)


def _require_checkable(proposal: Proposal) -> None:
    if proposal.status not in {ProposalStatus.IN_REVIEW, ProposalStatus.APPROVED}:
        raise NotUnderReview(status=proposal.get_status_display().lower())


@audit.atomic()
def checks_repeat(*, proposal: Proposal, actor: User) -> None:
    """Run the checks again, for example after the warehouse was away."""
    permissions.require(actor, "proposal.create", proposal)
    _require_checkable(proposal)
    audit.record(actor=actor, action="proposal.checked_again", target=proposal)
    checks_start(proposal=proposal, actor=actor)
