"""Roles and what each may do: one table."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Role(models.TextChoices):
    """A person may hold several in one project."""

    VIEWER = "viewer", _("Viewer")
    CONTRIBUTOR = "contributor", _("Contributor")
    REVIEWER = "reviewer", _("Reviewer")
    STEWARD = "steward", _("Steward")
    PUBLISHER = "publisher", _("Publisher")
    AUDITOR = "auditor", _("Auditor")
    ADMIN = "admin", _("Admin")


# What a role is for, in a sentence beside its box.
ABOUT = {
    Role.VIEWER: _("Reads metrics and proposals."),
    Role.CONTRIBUTOR: _("Proposes changes, pulls."),
    Role.REVIEWER: _("Approves what others propose."),
    Role.STEWARD: _("Approves what others propose, for a field of their own."),
    Role.PUBLISHER: _("Publishes what was approved, deploys."),
    Role.AUDITOR: _("Reads the audit log, comments."),
    Role.ADMIN: _("Configures the project and its people; approves and publishes nothing."),
}

_EVERYBODY = frozenset(Role)
_WORKING = _EVERYBODY - {Role.VIEWER, Role.AUDITOR}

GRANTS: dict[str, frozenset[Role]] = {
    "project.view": _EVERYBODY,
    "project.pull": _WORKING,
    "proposal.create": frozenset({Role.CONTRIBUTOR, Role.REVIEWER, Role.STEWARD, Role.PUBLISHER}),
    "proposal.comment": _EVERYBODY - {Role.VIEWER},
    "proposal.approve": frozenset({Role.REVIEWER, Role.STEWARD}),
    "proposal.amend": frozenset({Role.REVIEWER, Role.STEWARD, Role.PUBLISHER}),
    "proposal.publish": frozenset({Role.PUBLISHER}),
    "environment.deploy": frozenset({Role.PUBLISHER}),
    "environment.configure": frozenset({Role.ADMIN}),
    "repository.configure": frozenset({Role.ADMIN}),
    "repository.trust": frozenset({Role.ADMIN}),
    "people.manage": frozenset({Role.ADMIN}),
    "audit.view": frozenset({Role.AUDITOR, Role.ADMIN}),
    "catalogue.settle": frozenset({Role.REVIEWER, Role.STEWARD}),
}

# What a refusal calls the permission, in the words of a button.
LABELS = {
    "project.view": _("see this project"),
    "project.pull": _("pull from the repository"),
    "proposal.create": _("propose changes"),
    "proposal.comment": _("comment"),
    "proposal.approve": _("approve proposals"),
    "proposal.amend": _("edit the files of proposals"),
    "proposal.publish": _("publish proposals"),
    "environment.deploy": _("deploy to an environment"),
    "environment.configure": _("configure environments"),
    "repository.configure": _("configure the repository"),
    "repository.trust": _("agree to changes of trusted files"),
    "people.manage": _("manage people"),
    "audit.view": _("read the audit log"),
    "catalogue.settle": _("say what was renamed"),
}
