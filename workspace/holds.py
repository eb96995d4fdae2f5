"""Pulls that wait for somebody to agree, because a trusted file changed; released for exactly that change."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from django.db.models import Exists, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from bisync.lib.errors import BisyncError
from bisync.lib.stored import storable
from governance import audit, permissions
from governance.models import User
from workspace import runs, trust
from workspace.git.repository import FileAbsent, Mirror
from workspace.models import Hold, HoldState, Repository, Run

# What a reader is shown of a change and of a file, and told where it is not all; the digest is over all.
_SHOWN_FILES = 50
_SHOWN_CHARACTERS = 60_000
_SHOWN_LINES = 2_000
_UNDECIDED = frozenset({HoldState.OPEN, HoldState.REFUSED})


class HoldMoved(BisyncError):
    code = "hold-moved"
    message = _("The files changed again, or somebody has decided already. Read the page again.")
    http_status = 409


def require_agreed(work: runs.Work, repository: Repository, mirror: Mirror, commit: str) -> None:
    """Let a pull go on, or hold it: raises `PullHeld` with the change kept for whoever may agree to it."""
    agreed = trust.agreed_to(repository, mirror)
    if agreed is None:
        return
    files = trust.trusted_files(mirror, commit, repository.folder)
    changed = trust.changed_between(agreed.files, files)
    if not changed:
        return
    changes = storable(_changes(mirror, agreed, commit, changed, files))
    same = {"digest": trust.digest_of(files), "source": trust.source_of(repository)}
    with work.fenced():
        _undecided(repository).exclude(**same).update(state=HoldState.REPLACED)
        # Whoever refused these files is not asked again.
        if not _undecided(repository).update(commit=commit, changes=changes):
            hold = _keep(repository, commit, files, state=HoldState.OPEN, changes=changes)
            _note(hold, action="hold.opened", actor=work.run.requested_by)
    raise trust.PullHeld(files=trust.named(changed))


def require_known(
    work: runs.Work, repository: Repository, mirror: Mirror, commit: str, *, ever: bool = False
) -> None:
    """As `trust.require_agreed`, for all but pulls: where it stops, a pull brings up what to agree to."""
    try:
        trust.require_agreed(repository, mirror, commit, ever=ever)
    except trust.PullHeld:
        if not _undecided(repository).filter(commit=commit).exists():
            with work.fenced():
                runs.request(kind="pull", project=repository.project, requested_by=work.run.requested_by)
        raise


def arrived(work: runs.Work, repository: Repository, mirror: Mirror, commit: str) -> None:
    """A pull got through: nothing is held any more, and what the first one brought counts as agreed to.

    Runs inside the caller's transaction.
    """
    _undecided(repository).update(state=HoldState.REPLACED)
    source = trust.source_of(repository)
    if Hold.objects.filter(project=repository.project_id, source=source, state=HoldState.AGREED).exists():
        return
    files = trust.trusted_files(mirror, commit, repository.folder)
    hold = _keep(repository, commit, files, state=HoldState.AGREED, decided_at=timezone.now())
    _note(hold, action="hold.first_agreed", actor=work.run.requested_by)


def _undecided(repository: Repository) -> QuerySet[Hold]:
    """What waits for somebody to agree, and what somebody refused but may agree to after all."""
    return Hold.objects.filter(project=repository.project_id, state__in=_UNDECIDED)


def _keep(repository: Repository, commit: str, files: Mapping[str, trust.Trusted], **also: Any) -> Hold:
    return Hold.objects.create(
        project=repository.project,
        source=trust.source_of(repository),
        commit=commit,
        digest=trust.digest_of(files),
        files={path: asdict(file) for path, file in files.items()},
        **also,
    )


def _note(hold: Hold, *, action: str, actor: User | None) -> None:
    changed = [change["path"] for change in hold.changes] or sorted(hold.files)
    after = {"commit": hold.commit, "digest": hold.digest, "files": changed[:_SHOWN_FILES]}
    audit.record(actor=actor, action=action, target=hold, after=after)


def _changes(
    mirror: Mirror,
    agreed: trust.Agreed,
    commit: str,
    changed: list[str],
    files: Mapping[str, trust.Trusted],
) -> list[dict[str, object]]:
    """What readers need to decide, file by file; of very many the last only by name."""
    base = agreed.commit if mirror.has(agreed.commit) else ""
    found: list[dict[str, object]] = []
    for number, path in enumerate(changed):
        change: dict[str, object] = {
            "path": path,
            "why": (files.get(path) or agreed.files[path]).why,
            "new": path not in agreed.files,
            "gone": path not in files,
        }
        details = _details(mirror, base, commit, path) if number < _SHOWN_FILES else {}
        found.append(change | details)
    return found


def _details(mirror: Mirror, base: str, commit: str, path: str) -> dict[str, object]:
    """One file before and after, who changed it; where that is not all of it, `rest` is how to read it."""
    last = next(iter(mirror.log(commit, path=path, limit=1)), None)
    before, all_before = _text(mirror, base, path)
    after, all_after = _text(mirror, commit, path)
    whole = all_before and all_after and bool(before or after)
    words = ["diff", base, commit, "--", path] if base else ["show", f"{commit}:{path}"]
    return {
        "before": before,
        "after": after,
        "rest": "" if whole else f"git {shlex.join(words)}",
        "commit": last.sha if last else "",
        "subject": last.subject[:300] if last else "",
        "author": f"{last.author.name} <{last.author.email}>"[:300] if last else "",
        "at": last.at.isoformat() if last else "",
    }


def _text(mirror: Mirror, commit: str, path: str) -> tuple[str, bool]:
    """A file as readers see it, "" where there is none; and whether that is every byte of it."""
    try:
        content = mirror.read(commit, path) if commit else b""
    except FileAbsent:
        return "", True
    text = content[: 4 * _SHOWN_CHARACTERS].decode("utf-8", "replace")[:_SHOWN_CHARACTERS]
    shown = "".join(text.splitlines(keepends=True)[:_SHOWN_LINES])
    return shown, storable(shown).encode() == content


@audit.atomic()
def hold_agree(*, hold: Hold, seen: str, actor: User) -> Run:
    """Agree to exactly these contents, and pull again. `seen` is the digest of what was read."""
    _decide(hold, HoldState.AGREED, action="hold.agreed", seen=seen, actor=actor)
    return runs.request(kind="pull", project=hold.project, requested_by=actor)


@audit.atomic()
def hold_refuse(*, hold: Hold, seen: str, actor: User) -> None:
    """Refuse these contents: pulls stop until the repository has others, or somebody agrees after all."""
    _decide(hold, HoldState.REFUSED, action="hold.refused", seen=seen, actor=actor)


def _decide(hold: Hold, state: HoldState, *, action: str, seen: str, actor: User) -> None:
    permissions.require(actor, "repository.trust", hold)
    # What was sent is compared here: PostgreSQL refuses NUL in any comparison.
    digest = hold.digest if seen == hold.digest else ""
    waiting = Hold.objects.filter(pk=hold.pk, digest=digest, state__in=_UNDECIDED - {state})
    # What came after it was read later, or is what the branch holds now.
    waiting = waiting.exclude(Exists(Hold.objects.filter(project=hold.project_id, pk__gt=hold.pk)))
    if not waiting.update(state=state, decided_at=timezone.now(), decided_by=actor):
        raise HoldMoved
    _note(hold, action=action, actor=actor)
