"""What roles alone cannot say about proposals."""

from __future__ import annotations

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from governance import audit
from governance.models import AuditEvent, User
from governance.permissions import ALLOWED, Decision, refused, roles_of, rule
from governance.roles import Role
from proposals.models import Proposal

# What makes somebody an author of what is approved, even where nothing of it is left to be seen.
_HANDS_IN = {
    "proposal.conflict_decided": gettext_lazy(
        "Whoever decided about a conflict has had a hand in it: somebody else approves."
    ),
    "proposal.file_edited": gettext_lazy(
        "Whoever edited its files has had a hand in it: somebody else approves."
    ),
}


@rule("proposal.approve")
def four_eyes(actor: User, obj: object) -> Decision:
    """Nobody approves what they wrote, whatever their roles."""
    if not isinstance(obj, Proposal):
        return ALLOWED
    if actor.pk == obj.author_id:
        return refused(_("Somebody other than its author has to approve a proposal."))
    events = AuditEvent.objects.filter(target=audit.key(obj), actor=actor, action__in=_HANDS_IN)
    deed = events.values_list("action", flat=True).first()
    return refused(str(_HANDS_IN[deed])) if deed else ALLOWED


def editors_of(proposal: Proposal) -> QuerySet[User]:
    """Whoever ever edited a file of it by hand: what they wrote may be part of its definitions by now."""
    edits = AuditEvent.objects.filter(target=audit.key(proposal), action="proposal.file_edited")
    return User.objects.filter(pk__in=edits.values("actor"))


def may_decide(actor: User, proposal: Proposal) -> Decision:
    """A conflict is decided by whoever wrote the proposal, or by a steward."""
    if actor.pk == proposal.author_id or Role.STEWARD in roles_of(actor, proposal.project):
        return ALLOWED
    return refused(
        _("Only %(author)s or a steward can decide about this conflict.") % {"author": proposal.author}
    )


def may_edit(actor: User, proposal: Proposal) -> Decision:
    """Only its author edits a proposal; others comment and ask for changes."""
    if actor.pk != proposal.author_id:
        return refused(_("Only %(author)s can edit this proposal.") % {"author": proposal.author})
    return ALLOWED
