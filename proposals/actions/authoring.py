"""Open a proposal, edit its draft, hand it to its reviewers, take it back."""

from __future__ import annotations

from dataclasses import dataclass, replace

from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from bisync.lib.errors import BisyncError, InvalidInput, NotAllowed
from environments.models import Environment
from environments.selectors import production
from governance import audit, permissions
from governance.models import Project, User
from proposals import content, generate
from proposals.directions import not_proposable
from proposals.lifecycle import LIFECYCLE
from proposals.models import (
    Check,
    CheckKind,
    CheckStatus,
    Conflict,
    ConflictState,
    Item,
    Proposal,
    ProposalStatus,
    Verdict,
)
from proposals.rules import may_edit
from semantic.codegen.entries import Entries
from semantic.current import fields_of
from semantic.definitions import Vocabulary
from semantic.fields import MetricFields, name_from
from semantic.models import Definition, Revision, RevisionState
from semantic.rules.metric import Problems, keeping_problems, sending_problems, typing_problems
from semantic.rules.text import title_of
from workspace import runs
from workspace.models import Run


class NoTarget(BisyncError):
    code = "no-production"
    message = _("This project has no production environment yet. An admin can add one under Environments.")
    http_status = 409


class EditedMeanwhile(BisyncError):
    code = "edited-meanwhile"
    message = _(
        "This draft was saved in another window meanwhile. Reload to see it; copy what you typed first."
    )
    http_status = 409


class NotADraft(BisyncError):
    code = "not-a-draft"
    message = _("This proposal is %(status)s. Take it back before you edit it.")
    http_status = 409


class NotUnderReview(BisyncError):
    code = "not-under-review"
    message = _("This proposal is %(status)s, so there is nothing to check.")
    http_status = 409


class InFlight(BisyncError):
    code = "proposal-in-flight"
    message = _("%(metric)s has an open proposal already. Join that one, or wait until it is published.")
    http_status = 409


class ConflictsOpen(BisyncError):
    code = "conflicts-open"
    message = _("dbt changed what this proposal changes (%(count)s). Decide which one holds first.")
    http_status = 409


class NoSuchMetric(BisyncError):
    code = "no-such-metric"
    message = _("dbt knows no metric %(metric)s in this project. Pull, or choose another one.")
    http_status = 404


class OfAPackage(BisyncError):
    code = "metric-of-a-package"
    message = _("%(metric)s belongs to a dbt package, whose files are not this project's to change.")
    http_status = 409


@dataclass(frozen=True, slots=True)
class Saved:
    """The revision, what its fields still have to lose before it can be sent, and which could not be kept."""

    revision: Revision
    problems: Problems
    refused: Problems


@audit.atomic()
def proposal_open(
    *,
    project: Project,
    author: User,
    environment: Environment | None = None,
    suggested: MetricFields | None = None,
    changing: str = "",
) -> Proposal:
    """A draft of a metric, seen by its author alone until it is sent for review.

    It is empty but for what was suggested; of that, what cannot be stored is left out. It holds what dbt says
    of the metric that it is `changing`. Raises `NoSuchMetric` where there is none of that name.
    """
    permissions.require(author, "proposal.create", project)
    target = environment or production(project)
    if target is None:
        raise NoTarget
    # Two proposals opened at once would both find the same last number.
    Project.objects.select_for_update(no_key=True).get(pk=project.pk)
    last = Proposal.objects.filter(project=project).aggregate(last=Max("number"))["last"] or 0
    proposal = Proposal.objects.create(project=project, number=last + 1, author=author, target=target)
    base = _said_of(changing, proposal) if changing else None
    fields = base or MetricFields(owner=author.name)
    revision = Revision.objects.create(
        project=project,
        author=author,
        base=base.to_json() if base else {},
        fields=fields.to_json(),
        content_hash=fields.hash_since(base),
    )
    if base:
        Proposal.objects.filter(pk=proposal.pk).update(title=title_of(base.label or base.name))
        proposal.refresh_from_db()
    Item.objects.create(proposal=proposal, revision=revision)
    audit.record(actor=author, action="proposal.opened", target=proposal)
    if suggested is not None:
        begun = _over(base, suggested) if base else replace(suggested, owner=author.name)
        draft_save(proposal=proposal, fields=begun, version=revision.version, actor=author)
    return proposal


def _over(base: MetricFields, suggested: MetricFields) -> MetricFields:
    """What dbt says with what was suggested in its place."""
    named = {name: getattr(suggested, name) for name in ("label", "formula", "time")}
    return replace(base, **{name: text for name, text in named.items() if text})


def _lock(proposal: Proposal) -> None:
    """Wait for whoever changes it at this moment, first the proposal and then its revision, as all do."""
    locked = Proposal.objects.select_for_update(of=("self",), no_key=True)
    proposal.refresh_from_db(fields=["status"], from_queryset=locked)


def _said_of(name: str, proposal: Proposal) -> MetricFields:
    """What dbt says of a metric today."""
    vocabulary = generate.vocabulary_for(proposal)
    metric = vocabulary.metrics.get(name)
    if metric is None:
        raise NoSuchMetric(metric=name)
    if not metric.file:
        raise OfAPackage(metric=metric.label or name)
    return fields_of(metric, vocabulary)


@audit.atomic()
def draft_save(*, proposal: Proposal, fields: MetricFields, version: int, actor: User) -> Saved:
    """Keep what the author typed, wrong or unfit for dbt as it may be: sending it is what is refused.

    Only what cannot be stored at all is left as it was.
    `version` is the one that the form was filled from. Raises `EditedMeanwhile` where the draft was saved
    since, `NotADraft` where it is under review.
    """
    _require_author(actor, proposal)
    _lock(proposal)
    if proposal.status != ProposalStatus.DRAFT:
        raise NotADraft(status=proposal.get_status_display().lower())
    revision = proposal.items.select_related("revision").get().revision
    base = revision.agreed
    fields = (
        replace(fields, name=base.name, model="")
        if base
        else replace(fields, name=fields.name or name_from(fields.label))
    )
    refused = keeping_problems(fields)
    # The name follows from the label: they are kept together or not at all.
    left = {*refused, *({"label", "name"} if {"label", "name"} & refused.keys() else ())}
    kept = replace(fields, **{name: getattr(revision.metric, name) for name in left})
    saved = Revision.objects.filter(pk=revision.pk, version=version, state=RevisionState.DRAFT).update(
        fields=kept.to_json(),
        content_hash=kept.hash_since(base),
        version=version + 1,
        saved_at=timezone.now(),
    )
    if not saved:
        raise EditedMeanwhile
    if kept.name != revision.metric.name:
        # It is not about the metric of that name in dbt any more.
        Conflict.objects.filter(item__proposal=proposal, field="", state=ConflictState.OPEN).delete()
        proposal.items.update(merged_commit="")
    title = title_of(kept.label) or (base.name if base else "")
    Proposal.objects.filter(pk=proposal.pk).update(title=title, changed_at=timezone.now())
    revision.refresh_from_db()
    proposal.refresh_from_db()
    return Saved(revision, typing_problems(fields, base=base), refused)


@audit.atomic()
def proposal_submit(*, proposal: Proposal, actor: User) -> Proposal:
    """Hand a draft to its reviewers and start its checks.

    Raises `InvalidInput` with a sentence beside each field that is not ready.
    """
    _require_author(actor, proposal)
    permissions.require(actor, "proposal.create", proposal)
    _lock(proposal)
    item = proposal.items.select_related("revision").get()
    require_decided(proposal)
    fields = item.revision.metric
    vocabulary = generate.vocabulary_for(proposal)
    base = item.revision.agreed
    problems = sending_problems(fields, generate.analysis_of(fields, vocabulary), vocabulary, base=base)
    if problems:
        raise InvalidInput(problems)
    item.entries = _entries(fields, vocabulary, dialect=proposal.target.connection.adapter, base=base)
    if problems := not_proposable(proposal.project, fields, base=base, entries=item.entries):
        raise InvalidInput(problems)
    item.checked_hash = item.revision.content_hash
    item.save(update_fields=["entries", "checked_hash"])
    _propose(item.revision, fields, proposal.project)
    LIFECYCLE.advance(
        proposal,
        "submit",
        submitted_at=timezone.now(),
        returned_reason="",
        title=(fields.label or fields.name)[:200],
    )
    now = content.hash_of(proposal)
    proposal.reviews.filter(stands=True).update(stands=False)  # of the round before
    audit.record(
        actor=actor,
        action="proposal.submitted",
        target=proposal,
        before=item.revision.base,
        after={**fields.to_json(), "content_hash": now},
    )
    checks_start(proposal=proposal, actor=actor)
    return proposal


def require_decided(proposal: Proposal) -> None:
    """Raises `ConflictsOpen` while dbt and the proposal say different things and nobody chose."""
    waiting = Conflict.objects.filter(item__proposal=proposal, state=ConflictState.OPEN).count()
    if waiting:
        raise ConflictsOpen(count=waiting)


def _entries(
    fields: MetricFields, vocabulary: Vocabulary, *, dialect: str, base: MetricFields | None
) -> Entries:
    try:
        return generate.compiled(fields, vocabulary, dialect=dialect, base=base).entries
    except generate.CannotGenerate as exc:
        raise InvalidInput({"formula": [str(exc)]}) from None


def _propose(revision: Revision, fields: MetricFields, project: Project) -> None:
    definition, _created = Definition.objects.get_or_create(
        project=project,
        kind=revision.kind,
        name=fields.name,
        defaults={"label": fields.label, "description": fields.meaning, "formula": fields.formula},
    )
    try:
        with transaction.atomic():
            moved = Revision.objects.filter(
                pk=revision.pk, version=revision.version, state=RevisionState.DRAFT
            ).update(definition=definition, state=RevisionState.PROPOSED)
    except IntegrityError:
        raise InFlight(metric=fields.label) from None
    if not moved:
        raise EditedMeanwhile


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


@audit.atomic()
def proposal_take_back(*, proposal: Proposal, actor: User) -> Proposal:
    """Return a proposal to its author's desk; it has to be approved again."""
    _require_author(actor, proposal)
    return back_to_draft(proposal, actor=actor, action="proposal.taken_back", reason="")


@audit.atomic()
def proposal_withdraw(*, proposal: Proposal, actor: User) -> Proposal:
    """Give a proposal up. It stays readable."""
    _require_author(actor, proposal)
    return withdrawn(proposal, actor=actor)


def withdrawn(proposal: Proposal, *, actor: User | None) -> Proposal:
    """The proposal given up, whoever decided so."""
    LIFECYCLE.advance(proposal, "withdraw")
    revisions = Revision.objects.filter(item__proposal=proposal)
    revisions.update(state=RevisionState.SUPERSEDED)
    Definition.objects.filter(revisions__in=revisions, state="draft", unique_id="").exclude(
        revisions__state=RevisionState.PROPOSED
    ).delete()
    audit.record(actor=actor, action="proposal.withdrawn", target=proposal)
    return proposal


@audit.atomic()
def proposal_restore(*, proposal: Proposal, actor: User) -> Proposal:
    """Have what was withdrawn as a draft again, with everything that was written."""
    _require_author(actor, proposal)
    reason = proposal.returned_reason
    return back_to_draft(proposal, actor=actor, action="proposal.restored", reason=reason, event="restore")


def back_to_draft(
    proposal: Proposal, *, actor: User | None, action: str, reason: str, event: str = "return"
) -> Proposal:
    """The proposal as a draft again, its revisions editable, its approval gone."""
    LIFECYCLE.advance(proposal, event, returned_reason=reason, approved_hash="", approved_at=None)
    proposal.reviews.filter(stands=True, verdict=Verdict.APPROVE).update(stands=False)
    Revision.objects.filter(item__proposal=proposal).update(state=RevisionState.DRAFT)
    audit.record(actor=actor, action=action, target=proposal, after={"reason": reason})
    return proposal


def _require_author(actor: User, proposal: Proposal) -> None:
    answer = may_edit(actor, proposal)
    if not answer:
        raise NotAllowed(reason=answer.reason)
