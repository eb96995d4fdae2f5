"""Who may do what, and what was done."""

from governance.models.audit import AuditEvent, ChainCheck
from governance.models.links import PasswordLink
from governance.models.people import Membership, Project, User
from governance.models.tokens import Answered, ApiToken, Scope

__all__ = [
    "Answered",
    "ApiToken",
    "AuditEvent",
    "ChainCheck",
    "Membership",
    "PasswordLink",
    "Project",
    "Scope",
    "User",
]
