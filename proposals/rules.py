"""What roles alone cannot say about proposals."""

from __future__ import annotations

from django.utils.translation import gettext as _

from governance.models import User
from governance.permissions import ALLOWED, Decision, refused, rule
from proposals.models import Proposal


@rule("proposal.approve")
def four_eyes(actor: User, obj: object) -> Decision:
    """Nobody approves what they wrote, whatever their roles."""
    if isinstance(obj, Proposal) and actor.pk == obj.author_id:
        return refused(_("Somebody other than its author has to approve a proposal."))
    return ALLOWED


def may_edit(actor: User, proposal: Proposal) -> Decision:
    """Only its author edits a proposal; others comment and ask for changes."""
    if actor.pk != proposal.author_id:
        return refused(_("Only %(author)s can edit this proposal.") % {"author": proposal.author})
    return ALLOWED
