"""Open a proposal, add changes to it, edit its draft, hand it to its reviewers, take it back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import IntegrityError, transaction
from django.db.models import F, Max
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from bisync.lib.errors import BisyncError, InvalidInput, NotAllowed
from environments.models import Environment
from environments.selectors import production
from governance import audit, permissions
from governance.models import Project, User
from proposals import content, generate
from proposals.actions.checks import checks_start
from proposals.directions import not_proposable
from proposals.kinds import KINDS, kind_of
from proposals.lifecycle import LIFECYCLE
from proposals.models import Conflict, ConflictState, Item, Proposal, ProposalStatus, Verdict
from proposals.rules import may_edit
from semantic.fields import Fields
from semantic.models import Definition, Revision, RevisionState
from semantic.rules.metric import Problems
from semantic.rules.text import title_of

MOST_ITEMS = 50


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


class InFlight(BisyncError):
    code = "proposal-in-flight"
    message = _("%(what)s has an open proposal already. Join that one, or wait until it is published.")
    http_status = 409


class ConflictsOpen(BisyncError):
    code = "conflicts-open"
    message = _("dbt changed what this proposal changes (%(count)s). Decide which one holds first.")
    http_status = 409


class InItAlready(BisyncError):
    code = "in-it-already"
    message = _("This proposal changes %(what)s already. Go on there.")
    http_status = 409


class OnlyChange(BisyncError):
    code = "only-change"
    message = _("It is the only change of this proposal. Withdraw the proposal instead.")
    http_status = 409


class TooManyChanges(BisyncError):
    code = "too-many-changes"
    message = _("A proposal holds at most %(most)s changes, so that somebody can read it. Begin another one.")
    http_status = 409


@dataclass(frozen=True, slots=True)
class Saved:
    """The revision, what its fields still have to lose before it can be sent, and which could not be kept."""

    revision: Revision
    problems: Problems
    refused: Problems

    @property
    def unfit(self) -> Problems:
        """All of it: where a field could not be kept, what would be sent is older than what was typed."""
        return {**self.problems, **self.refused}


@audit.atomic()
def proposal_open(
    *,
    project: Project,
    author: User,
    environment: Environment | None = None,
    kind: str = "metric",
    suggested: Fields | None = None,
    changing: str = "",
) -> Proposal:
    """A draft with one change, seen by its author alone until it is sent for review.

    It is empty but for what was suggested; of that, what cannot be stored is left out. It holds what dbt says
    of the thing that it is `changing`, as its kind names it. Raises an error of the kind where there is none.
    """
    permissions.require(author, "proposal.create", project)
    target = environment or production(project)
    if target is None:
        raise NoTarget
    # Two proposals opened at once would both find the same last number.
    Project.objects.select_for_update(no_key=True).get(pk=project.pk)
    last = Proposal.objects.filter(project=project).aggregate(last=Max("number"))["last"] or 0
    proposal = Proposal.objects.create(project=project, number=last + 1, author=author, target=target)
    audit.record(actor=author, action="proposal.opened", target=proposal)
    _begin(proposal, kind=kind, changing=changing, suggested=suggested)
    return proposal


@audit.atomic()
def item_add(
    *, proposal: Proposal, kind: str, actor: User, changing: str = "", suggested: Fields | None = None
) -> Item:
    """One more change in a draft, begun as in `proposal_open`.

    Raises `InItAlready` where the draft changes the same thing, `NotADraft` where it is under review.
    """
    permissions.require(actor, "proposal.create", proposal)
    _require_draft(proposal, actor)
    if proposal.items.count() >= MOST_ITEMS:
        raise TooManyChanges(most=MOST_ITEMS)
    item = _begin(proposal, kind=kind, changing=changing, suggested=suggested)
    said = {"kind": kind, "name": item.revision.content.name}
    audit.record(actor=actor, action="proposal.item_added", target=proposal, after=said)
    return item


@audit.atomic()
def item_remove(*, item: Item, actor: User) -> Proposal:
    """Take one of several changes out of a draft. Raises `OnlyChange` for the last one."""
    proposal = item.proposal
    _require_draft(proposal, actor)
    if proposal.items.count() < 2:
        raise OnlyChange
    revision = item.revision
    said = {"kind": revision.kind, "fields": revision.fields}
    audit.record(actor=actor, action="proposal.item_removed", target=proposal, before=said)
    item.delete()
    revision.delete()
    retitle(proposal)
    return proposal


def _begin(proposal: Proposal, *, kind: str, changing: str, suggested: Fields | None) -> Item:
    author, known_kind = proposal.author, KINDS[kind]
    fields, base = known_kind.begun(changing, generate.known_for(proposal) if changing else None, author)
    if changing:
        _require_first(proposal, kind, fields)
    revision = Revision.objects.create(
        project=proposal.project,
        kind=kind,
        author=author,
        base=base.to_json() if base else {},
        fields=fields.to_json(),
        content_hash=fields.hash_since(base),
    )
    item = Item.objects.create(proposal=proposal, revision=revision)
    retitle(proposal)
    if suggested is not None:
        begun = known_kind.over(fields, suggested, base)
        draft_save(item=item, fields=begun, version=revision.version, actor=author)
    return item


def _require_first(proposal: Proposal, kind: str, fields: Fields) -> None:
    for one in Revision.objects.filter(item__proposal=proposal, kind=kind):
        if one.content.name == fields.name:
            raise InItAlready(what=one.content.title)


def retitle(proposal: Proposal) -> None:
    """Call a proposal after what it is about."""
    revisions = Revision.objects.filter(item__proposal=proposal).order_by("item__id")
    titles = [title_of(one.content.title or (one.agreed.title if one.agreed else "")) for one in revisions]
    Proposal.objects.filter(pk=proposal.pk).update(title=_title(titles), changed_at=timezone.now())
    proposal.refresh_from_db(fields=["title", "changed_at"])


def _title(titles: Sequence[str]) -> str:
    named = [title for title in titles if title]
    if len(named) < 3:
        return title_of(str(_(" and ")).join(named))
    return title_of(str(_("%(first)s and %(count)s more") % {"first": named[0], "count": len(named) - 1}))


def lock(proposal: Proposal) -> None:
    """Wait for whoever changes it at this moment, first the proposal and then its revision, as all do."""
    locked = Proposal.objects.select_for_update(of=("self",), no_key=True)
    proposal.refresh_from_db(fields=["status"], from_queryset=locked)


def _require_draft(proposal: Proposal, actor: User) -> None:
    require_author(actor, proposal)
    lock(proposal)
    if proposal.status != ProposalStatus.DRAFT:
        raise NotADraft(status=proposal.get_status_display().lower())


@audit.atomic()
def draft_save(*, item: Item, fields: Fields, version: int, actor: User) -> Saved:
    """Keep what the author typed, wrong or unfit for dbt as it may be: sending it is what is refused.

    Only what cannot be stored at all is left as it was.
    `version` is the one that the form was filled from. Raises `EditedMeanwhile` where the draft was saved
    since, `NotADraft` where it is under review.
    """
    proposal = item.proposal
    _require_draft(proposal, actor)
    revision, kind = Revision.objects.get(pk=item.revision_id), kind_of(item.revision)
    base, stored = revision.agreed, revision.content
    fields = kind.complete(fields, base)
    refused = kind.keeping_problems(fields)
    left = {*refused, *(kind.together if kind.together & refused.keys() else ())}
    kept = fields.keeping(stored, left)
    saved = Revision.objects.filter(pk=revision.pk, version=version, state=RevisionState.DRAFT).update(
        fields=kept.to_json(),
        content_hash=kept.hash_since(base),
        version=version + 1,
        saved_at=timezone.now(),
    )
    if not saved:
        raise EditedMeanwhile
    if kept.name != stored.name:
        # It is not about the thing of that name in dbt any more.
        Conflict.objects.filter(item=item, field="", state=ConflictState.OPEN).delete()
        Item.objects.filter(pk=item.pk).update(merged_commit="")
    retitle(proposal)
    item.revision.refresh_from_db()
    return Saved(item.revision, kind.typing_problems(fields, base), refused)


@audit.atomic()
def proposal_submit(*, proposal: Proposal, actor: User) -> Proposal:
    """Hand a draft to its reviewers and start its checks.

    Raises `InvalidInput` with a sentence beside each field that is not ready, about the first item that has
    one.
    """
    require_author(actor, proposal)
    permissions.require(actor, "proposal.create", proposal)
    lock(proposal)
    require_decided(proposal)
    items: list[Item] = list(proposal.items.select_related("revision").order_by("id"))
    dialect = proposal.target.connection.adapter
    codes = generate.entries_of(items, generate.known_for(proposal), dialect=dialect)
    for item, code in zip(items, codes, strict=True):
        item.entries, item.checked_hash = code.entries, item.revision.content_hash
        if problems := not_proposable(proposal.project, item.revision, entries=item.entries):
            raise InvalidInput(problems, about=item.pk)
        item.save(update_fields=["entries", "checked_hash"])
        _propose(item.revision, proposal.project)
    LIFECYCLE.advance(proposal, "submit", submitted_at=timezone.now(), returned_reason="")
    now = content.hash_of(proposal)
    proposal.reviews.filter(stands=True).update(stands=False)  # of the round before
    audit.record(actor=actor, action="proposal.submitted", target=proposal, **_told(items, now))
    checks_start(proposal=proposal, actor=actor)
    return proposal


def _told(items: Sequence[Item], now: str) -> dict[str, dict[str, object]]:
    """What the audit log says of what was sent: before, after and the hash of it all."""
    if len(items) == 1:
        revision = items[0].revision
        return {"before": revision.base, "after": {**revision.fields, "content_hash": now}}
    before, after = ([getattr(item.revision, side) for item in items] for side in ("base", "fields"))
    return {"before": {"items": before}, "after": {"items": after, "content_hash": now}}


def require_decided(proposal: Proposal) -> None:
    """Raises `ConflictsOpen` while dbt and the proposal say different things and nobody chose."""
    waiting = Conflict.objects.filter(item__proposal=proposal, state=ConflictState.OPEN).count()
    if waiting:
        raise ConflictsOpen(count=waiting)


def _propose(revision: Revision, project: Project) -> None:
    fields = revision.content
    definition, _created = Definition.objects.get_or_create(
        project=project,
        kind=revision.kind,
        name=fields.name,
        defaults={"label": title_of(fields.title), **fields.row()},
    )
    try:
        with transaction.atomic():
            moved = Revision.objects.filter(
                pk=revision.pk, version=revision.version, state=RevisionState.DRAFT
            ).update(definition=definition, state=RevisionState.PROPOSED)
    except IntegrityError:
        raise InFlight(what=fields.title) from None
    if not moved:
        raise EditedMeanwhile


@audit.atomic()
def proposal_take_back(*, proposal: Proposal, actor: User) -> Proposal:
    """Return a proposal to its author's desk; it has to be approved again."""
    require_author(actor, proposal)
    return back_to_draft(proposal, actor=actor, action="proposal.taken_back", reason="")


@audit.atomic()
def proposal_withdraw(*, proposal: Proposal, actor: User) -> Proposal:
    """Give a proposal up. It stays readable."""
    require_author(actor, proposal)
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


def reopen(proposal: Proposal) -> None:
    """Have a submitted proposal reviewed again: what it says is not what somebody approved."""
    LIFECYCLE.advance(proposal, "reopen", approved_hash="", approved_at=None)
    proposal.reviews.filter(stands=True).update(stands=False)


def content_write(revision: Revision, fields: Fields, base: Fields | None) -> None:
    """Keep content that nobody typed into the form; a form that is open is told at its next save."""
    Revision.objects.filter(pk=revision.pk).update(
        fields=fields.to_json(),
        base=base.to_json() if base else {},
        content_hash=fields.hash_since(base),
        version=F("version") + 1,
    )
    revision.refresh_from_db()
    retitle(revision.item.proposal)


def back_to_draft(
    proposal: Proposal, *, actor: User | None, action: str, reason: str, event: str = "return"
) -> Proposal:
    """The proposal as a draft again, its revisions editable, its approval gone."""
    LIFECYCLE.advance(proposal, event, returned_reason=reason, approved_hash="", approved_at=None)
    proposal.reviews.filter(stands=True, verdict=Verdict.APPROVE).update(stands=False)
    Revision.objects.filter(item__proposal=proposal).update(state=RevisionState.DRAFT)
    audit.record(actor=actor, action=action, target=proposal, after={"reason": reason})
    return proposal


def require_author(actor: User, proposal: Proposal) -> None:
    """Raises `NotAllowed` for everybody but its author."""
    answer = may_edit(actor, proposal)
    if not answer:
        raise NotAllowed(reason=answer.reason)
