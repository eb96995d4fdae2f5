"""What the audit log calls everything that can be done: one table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from governance.roles import Role

# Words for “Tom … Refund share”: the person before them, the object behind.
DEEDS = {
    "audit.exported": _("exported the audit log of"),
    "backup.made": _("made a backup of"),
    "catalogue.is_another": _("said that nothing was renamed to"),
    "catalogue.is_renamed": _("said what was renamed to"),
    "connection.changed": _("changed the warehouse"),
    "connection.connected": _("connected the warehouse"),
    "deployment.live": _("made live"),
    "deployment.requested": _("asked for the deployment"),
    "environment.changed": _("changed the environment"),
    "environment.created": _("created the environment"),
    "environment.freshness_schedule_changed": _("changed when sources are looked at by themselves in"),
    "environment.schedule_changed": _("changed when builds begin by themselves in"),
    "hold.agreed": _("agreed to the changed files of"),
    "hold.first_agreed": _("agreed, by the first pull, to the files of"),
    "hold.opened": _("met changed files that hold the pull of"),
    "hold.refused": _("refused the changed files of"),
    "person.administers": _("made an administrator of"),
    "person.administers_no_more": _("took the administration from"),
    "person.changed": _("changed the account of"),
    "person.created": _("added"),
    "person.deactivated": _("deactivated"),
    "person.link_made": _("made a password link for"),
    "person.password_changed": _("changed the password of"),
    "person.password_set": _("set the first password of"),
    "person.reactivated": _("reactivated"),
    "project.artifact_uploaded": _("uploaded an artifact of dbt's to"),
    "project.created": _("created the project"),
    "proposal.approved": _("approved"),
    "proposal.checked_again": _("had the checks run again of"),
    "proposal.checks_failed": _("ran the checks, of which some failed, of"),
    "proposal.checks_passed": _("ran the checks, which all passed, of"),
    "proposal.commented": _("commented on"),
    "proposal.commit_lost": _("noticed that the commit is gone of"),
    "proposal.conflict_decided": _("decided about a conflict of"),
    "proposal.conflict_found": _("found a conflict with dbt in"),
    "proposal.conflict_reopened": _("undid a decision about a conflict of"),
    "proposal.file_edited": _("edited a file by hand of"),
    "proposal.file_restored": _("took back what was edited by hand in"),
    "proposal.files_read_back": _("read files edited by hand back into the definitions of"),
    "proposal.item_added": _("added a change to"),
    "proposal.item_removed": _("took a change out of"),
    "proposal.merged": _("merged with what dbt says"),
    "proposal.opened": _("began"),
    "proposal.published": _("made live what was proposed in"),
    "proposal.publishing": _("published"),
    "proposal.publishing_again": _("had publishing tried again of"),
    "proposal.pushed": _("committed to the repository"),
    "proposal.restored": _("brought back as a draft"),
    "proposal.returned": _("asked for changes of"),
    "proposal.submitted": _("sent for review"),
    "proposal.taken_back": _("took back to edit"),
    "proposal.withdrawn": _("withdrew"),
    "pull.announced": _("was told of a push, and asked for"),
    "pull.arrived": _("brought in"),
    "pull.requested": _("asked for"),
    "pull.schedule_changed": _("changed when pulls begin by themselves from"),
    "pull.scheduled": _("asked, as scheduled, for"),
    "queue.drained": _("drained"),
    "queue.resumed": _("resumed"),
    "repository.changed": _("changed the repository"),
    "repository.connected": _("connected the repository"),
    "repository.hook_closed": _("closed the webhook of"),
    "repository.hook_renewed": _("made a new webhook secret for"),
    "repository.host_key_agreed": _("agreed to the host key of"),
    "repository.host_key_forgotten": _("took back the host key of"),
    "repository.key_renewed": _("renewed the SSH key of"),
    "role.granted": _("gave a role in"),
    "role.revoked": _("took a role in"),
    "run.cancelled": _("cancelled"),
    "run.failed": _("could not finish"),
    "run.requested": _("asked for"),
    "run.retried": _("tried again:"),
    "sync.changed": _("changed strategy and frequency in"),
    "sync.refused": _("could not read bisync/sync.yml of"),
    "sync.taken": _("took strategy and frequency from bisync/sync.yml in"),
    "token.created": _("made the API token"),
    "token.revoked": _("revoked the API token"),
}

# What the first part of a deed's name stands for.
SUBJECTS = {
    "audit": _("Audit log"),
    "backup": _("Backups"),
    "catalogue": _("Catalogue"),
    "connection": _("Warehouses"),
    "deployment": _("Deployments"),
    "environment": _("Environments"),
    "hold": _("Held pulls"),
    "person": _("People"),
    "project": _("Projects"),
    "proposal": _("Proposals"),
    "pull": _("Pulls"),
    "queue": _("Queues"),
    "repository": _("Repositories"),
    "role": _("Roles"),
    "run": _("Runs"),
    "sync": _("Strategy and frequency"),
    "token": _("API tokens"),
}


# Deeds that say nothing without what was given and to whom.
_IN_FULL = {
    "role.granted": _("gave the role %(role)s to %(person)s in"),
    "role.revoked": _("took the role %(role)s from %(person)s in"),
}


def words(deed: str) -> str:
    """The deed as a sentence has it; one that is not in the table by its name."""
    return str(DEEDS.get(deed, deed))


def in_full(deed: str, about: Mapping[str, object]) -> str:
    """The deed with what it was about, as far as one has to know it to understand the sentence."""
    text = _IN_FULL.get(deed)
    if text is None or not {"role", "person"} <= about.keys():
        return words(deed)
    return str(text) % {
        "role": dict(Role.choices).get(str(about["role"]), about["role"]),
        "person": about["person"],
    }


def named(choice: str) -> list[str]:
    """The deeds that a choice of the filter stands for: one, or all of a subject."""
    return [choice] if "." in choice else [deed for deed in DEEDS if deed.startswith(f"{choice}.")]


def choices() -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """What the filter offers: each subject as a whole, and its deeds."""
    for subject, label in SUBJECTS.items():
        deeds = [(deed, f"{capfirst(words(deed)).rstrip(':')} …") for deed in named(subject)]
        yield str(label), [(subject, str(_("%(subject)s: everything") % {"subject": label})), *deeds]
