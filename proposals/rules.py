"""What roles alone cannot say about proposals."""

from __future__ import annotations

from django.utils.translation import gettext as _

from governance.models import User
from governance.permissions import ALLOWED, Decision, refused, roles_of, rule
from governance.roles import Role
from proposals.models import Conflict, Proposal


@rule("proposal.approve")
def four_eyes(actor: User, obj: object) -> Decision:
    """Nobody approves what they wrote, whatever their roles."""
    if not isinstance(obj, Proposal):
        return ALLOWED
    if actor.pk == obj.author_id:
        return refused(_("Somebody other than its author has to approve a proposal."))
    if Conflict.objects.filter(item__proposal=obj, decided_by=actor).exists():
        return refused(_("Whoever decided about a conflict has had a hand in it: somebody else approves."))
    return ALLOWED


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
