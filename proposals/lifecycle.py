"""The states of a proposal and the ways between them."""

from __future__ import annotations

from bisync.lib.states import Lifecycle
from proposals.models import ProposalStatus as S

LIFECYCLE = Lifecycle(
    {
        "submit": ({S.DRAFT}, S.IN_REVIEW),
        # By the author to go on editing, or by a reviewer with a reason.
        "return": ({S.IN_REVIEW, S.APPROVED}, S.DRAFT),
        # By publishing alone, when the repository moved on: a person could not know what is pushed already.
        "give_back": ({S.PUBLISHING}, S.DRAFT),
        "approve": ({S.IN_REVIEW}, S.APPROVED),
        # A decision about a conflict made it another content than the approved one.
        "reopen": ({S.IN_REVIEW, S.APPROVED}, S.IN_REVIEW),
        "publish": ({S.APPROVED}, S.PUBLISHING),
        "arrive": ({S.PUBLISHING}, S.PUBLISHED),
        "withdraw": ({S.DRAFT, S.IN_REVIEW, S.APPROVED}, S.WITHDRAWN),
        "restore": ({S.WITHDRAWN}, S.DRAFT),
    }
)
