"""How metadata is kept in step: what holds in a project, the form's choices, and those of bisync/sync.yml."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from bisync.lib.errors import InvalidInput
from bisync.lib.stored import storable
from governance import audit, permissions
from governance.models import Project, User
from workspace import sync_file
from workspace.git.commits import Commit
from workspace.git.repository import Mirror
from workspace.models import PullSchedule, Repository, Strategy, SyncSettings
from workspace.models.strategies import CHOICES
from workspace.schedules import SetByFile, timetable_set


def settings_of(project: Project) -> SyncSettings:
    """What was chosen and said; an empty one where nothing was."""
    return SyncSettings.objects.filter(project=project).first() or SyncSettings(project=project)


def strategy_of(project: Project, kind: str) -> str:
    """Which way metadata of a kind goes."""
    return settings_of(project).of(kind, "strategy")


def keeps_outcomes(project: Project) -> bool:
    """Whether it is kept how tests and freshness checks end."""
    return strategy_of(project, "tests") != Strategy.OFF


@audit.atomic()
def strategy_set(*, project: Project, choices: Mapping[str, str], actor: User) -> SyncSettings:
    """Choose for some kinds of metadata, each by a name such as `documentation.conflicts`.

    Raises `InvalidInput` with sentences beside the names, `SetByFile` for what the repository's file sets.
    """
    permissions.require(actor, "repository.configure", project)
    wrong = {
        name: [_("Choose what happens.")] for name, value in choices.items() if not _offered(name, value)
    }
    if wrong:
        raise InvalidInput(wrong)
    found = _locked(project)
    for name, value in choices.items():
        if found.said.get(name, value) != value:
            raise SetByFile(what=name)
    before = found.chosen
    found.chosen = {**before, **{name: value for name, value in choices.items() if name not in found.said}}
    if found.chosen != before:
        found.save(update_fields=["chosen"])
        audit.record(actor=actor, action="sync.changed", target=found, before=before, after=found.chosen)
    return found


def _offered(name: str, value: object) -> bool:
    kind, _dot, key = name.partition(".")
    return value in {choice.value for choice in CHOICES.get(kind, {}).get(key, ())}


def _locked(project: Project) -> SyncSettings:
    """The settings, to be written. Pulls and timetables lock the repository first, and so does everybody."""
    Repository.objects.select_for_update(no_key=True).filter(project=project).first()
    SyncSettings.objects.get_or_create(project=project)
    rows = SyncSettings.objects.select_related("project").select_for_update(of=("self",), no_key=True)
    return rows.get(project=project)


# -- The file -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FileFound:
    """The file in a commit that was fetched, and the last commit that changed it."""

    said: sync_file.Said
    digest: str
    by: Commit


def file_in(repository: Repository, mirror: Mirror, head: str) -> FileFound | None:
    """What the file says by now; None where it is as it was last seen, and was understood."""
    path = repository.inside(sync_file.PATH)
    files = mirror.files(head, path.rpartition("/")[0])
    file = next((one for one in files if one.path == path and not one.is_submodule), None)
    digest = "" if file is None else hashlib.sha256(f"{path}\0{file.oid}".encode()).hexdigest()
    known = settings_of(repository.project)
    # A newer Bisync may understand what an older one did not.
    if known.digest == digest and not known.problems:
        return None
    by = (mirror.log(head, path=path, limit=1) or mirror.log(head, limit=1))[0]
    if file is None:
        return FileFound(sync_file.Said(), digest, by)
    small = file.size <= sync_file.MOST_BYTES
    return FileFound(sync_file.read(mirror.read(head, path)) if small else sync_file.too_large(), digest, by)


def file_arrived(project: Project, found: FileFound | None) -> None:
    """Let what the file says hold from now on, unless it is wrong. Call it in the transaction of the pull.

    A pull never fails by it: what the last good file said stays in force, and the problems are kept.
    """
    if found is None:
        return
    settings, said = _locked(project), found.said
    before, settings.problems = settings.problems, storable([list(problem) for problem in said.problems])
    settings.digest = found.digest
    settings.wrong_commit = found.by.sha if said.problems else ""
    told = {"commit": found.by.sha, "author": found.by.author.name[:200]}
    if said.problems and settings.problems != before:
        after = {**told, "problems": settings.problems}
        audit.record(actor=None, action="sync.refused", target=settings, after=after)
    elif not said.problems:
        _take(settings, said.values, found.by)
        if settings.said != said.values:
            audit.record(
                actor=None,
                action="sync.taken",
                target=settings,
                before=settings.said,
                after={**said.values, **told},
            )
        settings.said = said.values
    settings.save()


def _take(settings: SyncSettings, values: Mapping[str, Any], by: Commit) -> None:
    settings.commit, settings.author, settings.committed_at = by.sha, by.author.name[:200], by.at
    if "pull" in values:
        before, _schedule = _scheduled(settings.project, values["pull"])
        settings.aside = settings.aside if settings.pulls_by_file else before
    elif settings.pulls_by_file:
        _scheduled(settings.project, settings.aside or {})
        settings.aside = None


def _scheduled(project: Project, told: Mapping[str, Any]) -> tuple[dict[str, object], PullSchedule | None]:
    return timetable_set(PullSchedule, {"project": project}, sync_file.times(told))
