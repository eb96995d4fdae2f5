"""Where a proposal and dbt changed the same: note it, decide it, undo the decision, go on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from bisync.lib.errors import BisyncError, InvalidInput, NotAllowed
from governance import audit
from governance.models import User
from proposals import generate
from proposals.actions import authoring, checks
from proposals.directions import winner_of
from proposals.kinds import CannotGenerate, kind_of
from proposals.models import OPEN, Conflict, ConflictState, Item, Proposal, ProposalStatus
from proposals.rules import may_decide
from semantic.fields import Fields, with_plain_lines
from semantic.kinds import FIELDS
from semantic.merge import Clash, Merged
from semantic.models import Revision
from workspace.models import Winner

BY_POLICY = {Winner.DBT: ConflictState.THEIRS, Winner.BUSINESS: ConflictState.OURS}


class NothingToDecide(BisyncError):
    code = "nothing-to-decide"
    message = _("This was decided already, or the proposal is not open any more. Reload the page.")
    http_status = 409


class StatesMoved(BisyncError):
    code = "states-moved"
    message = _("One of the sides says something else by now. Read it again, then choose.")
    http_status = 409


class NotUndone(BisyncError):
    code = "decision-not-undone"
    message = _("It was edited since, so the decision cannot be undone. Edit the field instead.")
    http_status = 409


@dataclass(frozen=True, slots=True)
class Origin:
    """Who changed dbt's side, in which commit."""

    commit: str
    author: str
    at: datetime | None


# What a pull notes


def merged(item: Item, result: Merged[object]) -> None:
    """Take over what merged cleanly. The approval stays as long as the change itself is the same."""
    revision = item.revision
    fields = _over(revision, revision.fields, **result.values)
    base = _over(revision, revision.base, **result.base)
    if fields == revision.content and base == revision.agreed:
        return
    authoring.content_write(revision, fields, base)
    audit.record(
        actor=None,
        action="proposal.merged",
        target=item.proposal,
        after={"taken": list(result.taken), "agreed": list(result.agreed)},
    )


def found(item: Item, clashes: Mapping[str, Clash[object]], origin: Origin) -> None:
    """Keep the item's open conflicts in step with the clashes that there are; a policy may decide at once."""
    known = {one.field: one for one in item.conflicts.filter(state=ConflictState.OPEN)}
    new: list[Conflict] = []
    for field, clash in clashes.items():
        states = {"base": clash.base, "ours": clash.ours, "theirs": clash.theirs}
        conflict = known.pop(field, None)
        if conflict is not None and all(getattr(conflict, name) == value for name, value in states.items()):
            continue
        conflict = conflict or Conflict(item=item, field=field)
        for name, value in states.items():
            setattr(conflict, name, value)
        conflict.commit, conflict.author, conflict.committed_at = origin.commit, origin.author, origin.at
        conflict.save()
        audit.record(
            actor=None,
            action="proposal.conflict_found",
            target=item.proposal,
            after={"field": field, "commit": origin.commit},
        )
        new.append(conflict)
    for gone in known.values():
        gone.delete()
    # Only once all are known: the code is written when nothing is left to decide.
    for conflict in new:
        _by_policy(conflict)


def _by_policy(conflict: Conflict) -> None:
    if not conflict.field:
        return
    winner = winner_of(conflict.item, conflict.field)
    if winner != Winner.ASK:
        _decide(conflict, BY_POLICY[winner], actor=None)


# What people decide


@audit.atomic()
def conflict_decide(
    *, conflict: Conflict, choice: ConflictState, actor: User, own: object = None, seen: str | None = None
) -> Proposal:
    """Keep what is proposed, take what dbt says, or write something else; `own` is that value.

    `seen` is the digest of what was read: raises `StatesMoved` where that is not so any more.

    Of a whole metric: keeping makes the proposal a change of the metric that came meanwhile, or brings one
    back that is gone; taking what dbt says withdraws the proposal. Raises `NotAllowed`, `NothingToDecide`,
    `InvalidInput` for an own value that is not fit, and for keeping what cannot come back.
    """
    conflict = _locked(conflict)
    require_decidable(conflict, actor)
    if seen is not None and seen != conflict.digest:
        raise StatesMoved
    if choice == ConflictState.OWN:
        _require_fit(conflict, own)
    if choice == ConflictState.OURS and not may_keep(conflict):
        title = conflict.item.revision.content.title
        told = _("%(name)s is not in the dbt project any more, so this change can only be given up.")
        raise InvalidInput({"choice": [str(told % {"name": title})]})
    _decide(conflict, choice, actor=actor, own=own)
    go_on(conflict.item.proposal, actor=actor)
    return conflict.item.proposal


def may_keep(conflict: Conflict) -> bool:
    """Whether what is proposed can hold: not where only dbt could bring back what it is about."""
    return bool(conflict.field or conflict.theirs or kind_of(conflict.item.revision).comes_back)


def require_decidable(conflict: Conflict, actor: User) -> None:
    """Raise `NotAllowed` or `NothingToDecide` unless it is open and `actor` may decide about it."""
    _require_may_decide(conflict, actor)
    if conflict.state != ConflictState.OPEN or conflict.item.proposal.status not in OPEN:
        raise NothingToDecide


def _decide(conflict: Conflict, choice: ConflictState, *, actor: User | None, own: object = None) -> None:
    item = conflict.item
    proposal, revision = item.proposal, item.revision
    if conflict.field:
        conflict.ours = revision.fields[conflict.field]  # which its author may have edited since
    chosen = {ConflictState.OURS: conflict.ours, ConflictState.THEIRS: conflict.theirs}.get(choice, own)
    conflict.state, conflict.chosen = choice, chosen
    conflict.decided_by, conflict.decided_at = actor, timezone.now()
    conflict.save()
    audit.record(
        actor=actor,
        action="proposal.conflict_decided",
        target=proposal,
        before={"ours": conflict.ours, "theirs": conflict.theirs},
        after={"field": conflict.field, "choice": choice.value, "value": chosen},
    )
    if conflict.field:
        fields = _over(revision, revision.fields, **{conflict.field: chosen})
        base = _over(revision, revision.base, **{conflict.field: conflict.theirs})
        authoring.content_write(revision, fields, base)
    elif choice == ConflictState.THEIRS:
        _dropped(item, actor)
    elif conflict.theirs:
        theirs = _over(revision, conflict.theirs)
        dialect = proposal.target.connection.adapter
        alone = kind_of(revision).alone(revision.content, generate.known_for(proposal), dialect)
        authoring.content_write(revision, replace(alone, name=theirs.name), theirs)
    else:
        authoring.content_write(revision, revision.content, None)


def _dropped(item: Item, actor: User | None) -> None:
    """Give up what is proposed of a thing, and with the only change the proposal."""
    proposal = item.proposal
    if proposal.items.count() == 1:
        authoring.withdrawn(proposal, actor=actor)
        return
    revision = item.revision
    item.delete()
    revision.delete()
    proposal.items.update(checked_hash="")  # what is left is another proposal than the checked one
    authoring.retitle(proposal)


def _over(revision: Revision, stored: Mapping[str, Any], **values: object) -> Fields:
    """The fields of the revision's kind, with these values in the place of what is stored."""
    return FIELDS[revision.kind].from_json({**stored, **values})


@audit.atomic()
def conflict_reopen(*, conflict: Conflict, actor: User) -> Proposal:
    """Undo a decision, a person's or a policy's: the field is as it was, and the question open again."""
    conflict = _locked(conflict)
    _require_may_decide(conflict, actor)
    item = conflict.item
    revision = item.revision
    if conflict.state == ConflictState.OPEN or not conflict.field or item.proposal.status not in OPEN:
        raise NothingToDecide
    newer = item.conflicts.filter(field=conflict.field, pk__gt=conflict.pk)
    if revision.fields.get(conflict.field) != conflict.chosen or newer.exists():
        raise NotUndone
    before = conflict.state
    conflict.state, conflict.chosen, conflict.decided_by, conflict.decided_at = (
        ConflictState.OPEN, None, None, None,
    )  # fmt: skip
    conflict.save()
    authoring.content_write(
        revision,
        _over(revision, revision.fields, **{conflict.field: conflict.ours}),
        _over(revision, revision.base, **{conflict.field: conflict.base}),
    )
    audit.record(
        actor=actor,
        action="proposal.conflict_reopened",
        target=item.proposal,
        before={"choice": before},
        after={"field": conflict.field},
    )
    if item.proposal.status == ProposalStatus.APPROVED:
        authoring.reopen(item.proposal)
    return item.proposal


# Afterwards


def go_on(proposal: Proposal, *, actor: User | None) -> None:
    """Write the code of a submitted proposal anew, once nothing is left to decide, and check it again.

    Where it cannot be written it goes back to its author, who is told why. Where the very same code was
    checked and approved already, nothing happens.
    """
    if proposal.status not in {ProposalStatus.IN_REVIEW, ProposalStatus.APPROVED}:
        return
    items: list[Item] = list(proposal.items.select_related("revision").order_by("id"))
    if Conflict.objects.filter(item__proposal=proposal, state=ConflictState.OPEN).exists():
        return
    known, dialect = generate.known_for(proposal), proposal.target.connection.adapter
    try:
        codes = generate.entries_of(items, known, dialect=dialect)
        left = generate.remaining(items, known, dialect=dialect)
        if left is not None and all(item.revision.content_hash == item.checked_hash for item in items):
            return
    except (CannotGenerate, InvalidInput) as exc:
        authoring.back_to_draft(proposal, actor=actor, action="proposal.returned", reason=str(exc))
        return
    for item, code in zip(items, codes, strict=True):
        item.entries, item.checked_hash = code.entries, item.revision.content_hash
        item.save(update_fields=["entries", "checked_hash"])
    authoring.reopen(proposal)
    checks.checks_start(proposal=proposal, actor=actor)


def _locked(conflict: Conflict) -> Conflict:
    Proposal.objects.select_for_update(no_key=True).get(items__conflicts=conflict.pk)
    return Conflict.objects.select_related(
        "item__revision", "item__proposal__project", "item__proposal__target__connection"
    ).get(pk=conflict.pk)


def _require_may_decide(conflict: Conflict, actor: User) -> None:
    answer = may_decide(actor, conflict.item.proposal)
    if not answer:
        raise NotAllowed(reason=answer.reason)


def _require_fit(conflict: Conflict, own: object) -> None:
    revision = conflict.item.revision
    kind = kind_of(revision)
    if not conflict.field or conflict.field in kind.chosen:
        raise InvalidInput({"own": [str(_("Choose one of the two."))]})
    value = with_plain_lines(own) if isinstance(own, str) else own
    fields = _over(revision, revision.fields, **{conflict.field: value})
    told = {**kind.typing_problems(fields, None), **kind.keeping_problems(fields)}.get(conflict.field)
    if told or not value:
        raise InvalidInput({"own": told or [str(_("Write what it should say."))]})
