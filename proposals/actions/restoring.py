"""Take up again what was given up."""

from __future__ import annotations

from governance import audit
from governance.models import User
from proposals.actions.authoring import back_to_draft, require_author
from proposals.merging import merge_proposal
from proposals.models import Proposal


@audit.atomic()
def proposal_restore(*, proposal: Proposal, actor: User) -> Proposal:
    """Have what was withdrawn as a draft again, with everything that was written.

    What dbt changed meanwhile is merged with it, or to be decided. Raises `NotAllowed` but for its author.
    """
    require_author(actor, proposal)
    reason = proposal.returned_reason
    back_to_draft(proposal, actor=actor, action="proposal.restored", reason=reason, event="restore")
    merge_proposal(proposal)
    return proposal
