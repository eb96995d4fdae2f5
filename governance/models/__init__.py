"""Who may do what, and what was done."""

from governance.models.audit import AuditEvent
from governance.models.people import Membership, Project, User

__all__ = ["AuditEvent", "Membership", "Project", "User"]
