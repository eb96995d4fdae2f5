"""From a definition to the dbt code that says it, and to the files that hold it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from django.utils.translation import gettext_lazy as _

from bisync.lib.errors import BisyncError, InvalidInput
from catalog.models import Snapshot
from environments.models import Environment
from environments.selectors import snapshot_known, vocabulary_of
from governance.models import Project
from proposals.kinds import CannotGenerate, kind_of
from proposals.models import HandEdit, Item, Proposal
from proposals.together import clashes
from semantic.codegen.entries import parts
from semantic.codegen.metrics import Compiled, FileChange
from semantic.codegen.yaml_files import YamlRefused
from semantic.definitions import Vocabulary
from semantic.known import Known
from workspace.git.merging import merged
from workspace.git.repository import FileAbsent, Mirror


class FileRefused(BisyncError):
    code = "file-refused"
    message = _("%(file)s cannot be changed safely: %(why)s")
    http_status = 409


class HandEditClashes(FileRefused):
    code = "hand-edit-clashes"
    message = _(
        "In %(file)s the same lines were edited by hand and are generated anew. Edit the file again, or take "
        "the edit by hand back."
    )


class NothingPulled(BisyncError):
    code = "nothing-pulled"
    message = _("Nothing has been pulled from the repository yet. Pull first, then send this again.")
    http_status = 409


@dataclass(frozen=True, slots=True)
class FileEdit:
    """A file before and after; `before` is None where it is new.

    `generated` is what Bisync wrote, where somebody edited it by hand.
    """

    path: str
    before: bytes | None
    after: bytes
    generated: bytes | None = None

    def shown(self) -> dict[str, object]:
        """As an item keeps it for its page."""
        told = {
            "path": self.path,
            "before": (self.before or b"").decode(),
            "after": self.after.decode(),
            "new": self.before is None,
        }
        return told if self.generated is None else {**told, "generated": self.generated.decode()}


def known_for(proposal: Proposal) -> Known:
    """What the generated code may build on: the last pull, with the target warehouse's types.

    Raises `NothingPulled` before the first pull.
    """
    return known_in(proposal.project, proposal.target)


def known_in(project: Project, environment: Environment) -> Known:
    """What the last pull says, with the types of an environment. Raises `NothingPulled` before the first."""
    return snapshot_known(last_pull(project), environment)


def names_in(environment: Environment, earlier: Sequence[Item] = ()) -> Vocabulary:
    """What may be named in a draft: what the last pull says, built or not, for that is written into.

    And what changes `earlier` in its proposal bring.
    """
    try:
        return known_after(earlier, environment).names
    except NothingPulled:
        return vocabulary_of(environment.project, environment)


def known_after(items: Sequence[Item], environment: Environment) -> Known:
    """What the last pull says, and what these changes bring, as far as each can be written by now."""
    known = known_in(environment.project, environment)
    dialect = environment.connection.adapter
    for item in items:
        fields, base, kind = item.revision.content, item.revision.agreed, kind_of(item.revision)
        if kind.sending_problems(fields, known, base):
            continue
        with suppress(CannotGenerate):
            code = kind.compiled(fields, known, dialect=dialect, base=base)
            known = known.having(code.after, code.changes)
    return known


def last_pull(project: Project) -> Snapshot:
    """What the repository was like. Raises `NothingPulled` before the first pull."""
    pulls = Snapshot.objects.filter(project=project).select_related("project__repository")
    # Whoever reads the files asks for the keys: one that nothing opens must not close every form.
    secrets = ("project__repository__password", "project__repository__ssh_key")
    snapshot = pulls.defer(*secrets).order_by("-id").first()
    if snapshot is None:
        raise NothingPulled
    return snapshot


def entries_of(items: Sequence[Item], known: Known, *, dialect: str) -> list[Compiled]:
    """The dbt code of each item as it is now, each built on those before it.

    Raises `InvalidInput` about the first item that cannot be sent yet.
    """
    code: list[Compiled] = []
    for place, item in enumerate(items):
        revision, kind = item.revision, kind_of(item.revision)
        fields, base = revision.content, revision.agreed
        problems = kind.sending_problems(fields, known, base) or clashes(kind, fields, base, items[:place])
        if problems:
            raise InvalidInput(problems, about=item.pk)
        try:
            one = kind.compiled(fields, known, dialect=dialect, base=base)
        except CannotGenerate as exc:
            raise InvalidInput({exc.field or kind.computed: [str(exc)]}, about=item.pk) from None
        known = known.having(one.after, one.changes)
        code.append(one)
    return code


def remaining(items: Sequence[Item], known: Known, *, dialect: str) -> list[Compiled] | None:
    """What of the items' code is still to be written, each as in `remaining_of`; None where one has None."""
    code = []
    for item in items:
        one = remaining_of(item, known, dialect=dialect)
        if one is None:
            return None
        known = known.having(one.after, one.changes)
        code.append(one)
    return code


def remaining_of(item: Item, known: Known, *, dialect: str) -> Compiled | None:
    """What of an item's code is still to be written, where others may have brought a part of it meanwhile.

    None where more or something else would be written than the item says, or where a metric that its formula
    names means something else by now. Raises `CannotGenerate` where a name has been taken.
    """
    revision = item.revision
    code = kind_of(revision).compiled(
        revision.content, known, dialect=dialect, base=revision.agreed, settled=item.entries
    )
    same = parts(code.entries) <= parts(item.entries) and code.entries["uses"] == item.entries.get("uses")
    return code if same else None


def file_edits(
    code: Sequence[Compiled], read: Callable[[str], bytes | None], *, folder: str = ""
) -> list[FileEdit]:
    """The files as they would become; `read` gives a file's present bytes, None where there is none.

    Paths are of the repository; `folder` is the dbt project's. Nothing is written.
    """
    before: dict[str, bytes | None] = {}
    after: dict[str, bytes] = {}
    for one in code:
        for change in one.changes:
            path = f"{folder}/{change.path}" if folder else change.path
            if path not in before:
                before[path] = read(path)
            text = after.get(path, before[path])
            after[path] = _changed(path, text, change)
    return [FileEdit(path, before[path], after[path]) for path in after if after[path] != before[path]]


def with_hand_edits(
    edits: Sequence[FileEdit], by_hand: Iterable[HandEdit], read: Callable[[str], bytes | None]
) -> list[FileEdit]:
    """The files as they would become with what people edited in them; `read` as for `file_edits`.

    Raises `HandEditClashes` where other lines are generated by now than those that somebody edited.
    """
    found = {edit.path: edit for edit in edits}
    for hand in by_hand:
        now = found.get(hand.path) or FileEdit(hand.path, read(hand.path), read(hand.path) or b"")
        text = merged(hand.generated.encode(), hand.text.encode(), now.after)
        if text is None:
            raise HandEditClashes(file=hand.path)
        found[hand.path] = replace(now, after=text, generated=now.after)
    return [edit for edit in found.values() if edit.after != edit.before]


def present(mirror: Mirror, commit: str, path: str) -> bytes | None:
    """A file's bytes in a commit, None where it has no such file."""
    try:
        return mirror.read(commit, path)
    except FileAbsent:
        return None


def _changed(path: str, text: bytes | None, change: FileChange) -> bytes:
    try:
        return change.apply(text)
    except YamlRefused as exc:
        raise FileRefused(file=path, why=str(exc)) from exc
