"""From a definition to the dbt code that says it, and to the files that hold it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from bisync.lib.errors import BisyncError
from catalog.models import Snapshot
from environments.selectors import snapshot_vocabulary
from proposals.models import Item, Proposal
from semantic.codegen.amend import compile_change
from semantic.codegen.entries import Entries, parts
from semantic.codegen.metrics import Compiled, FileChange, MetricDraft, Refused, compile_metric
from semantic.codegen.yaml_files import YamlRefused
from semantic.definitions import Vocabulary
from semantic.fields import MetricFields
from semantic.formula import Analysis, analyse
from workspace.git.repository import FileAbsent, Mirror


class CannotGenerate(BisyncError):
    code = "cannot-generate"
    message = _("The dbt code cannot be written: %(why)s")
    http_status = 409


class FileRefused(BisyncError):
    code = "file-refused"
    message = _("%(file)s cannot be changed safely: %(why)s")
    http_status = 409


class NothingPulled(BisyncError):
    code = "nothing-pulled"
    message = _("Nothing has been pulled from the repository yet. Pull first, then send this again.")
    http_status = 409


@dataclass(frozen=True, slots=True)
class FileEdit:
    """A file before and after; `before` is None where it is new."""

    path: str
    before: bytes | None
    after: bytes


def vocabulary_for(proposal: Proposal) -> Vocabulary:
    """The names that the generated code may use: the last pull's, with the target warehouse's types.

    Raises `NothingPulled` before the first pull.
    """
    return snapshot_vocabulary(last_pull(proposal), proposal.target)


def last_pull(proposal: Proposal) -> Snapshot:
    """What the repository was like. Raises `NothingPulled` before the first pull."""
    snapshot = Snapshot.objects.filter(project=proposal.project_id).order_by("-id").first()
    if snapshot is None:
        raise NothingPulled
    return snapshot


def analysis_of(fields: MetricFields, vocabulary: Vocabulary) -> Analysis:
    """The formula of a metric, read and checked."""
    return analyse(fields.formula, vocabulary, model=fields.model)


def compiled(
    fields: MetricFields,
    vocabulary: Vocabulary,
    *,
    dialect: str,
    base: MetricFields | None = None,
    settled: Entries | None = None,
) -> Compiled:
    """The dbt entries of a metric, of those `settled` the ones that are not there yet.

    With a `base`, what dbt said of it when the work began, only what differs from that is written.
    Raises `CannotGenerate` with the reason in words.
    """
    analysis = analysis_of(fields, vocabulary)
    computed = base is None or {"formula", "time"} & fields.changes_from(base).keys()
    if computed and (not analysis.ok or analysis.tree is None):
        first = next((p.message for p in analysis.problems if p.level == "error"), "the formula is empty")
        raise CannotGenerate(why=first)
    try:
        if base is not None:
            return compile_change(
                base,
                fields,
                analysis,
                vocabulary,
                dialect=dialect,
                keys=vocabulary.keys,
                settled=settled,
            )
        return compile_metric(
            MetricDraft.from_fields(fields, analysis),
            vocabulary,
            dialect=dialect,
            keys=vocabulary.keys,
            settled=settled,
        )
    except Refused as exc:
        raise CannotGenerate(why=str(exc)) from exc


def remaining(item: Item, vocabulary: Vocabulary, *, dialect: str) -> Compiled | None:
    """What of an item's code is still to be written, where others may have brought a part of it meanwhile.

    None where more or something else would be written than the item says, or where a metric that its formula
    names means something else by now. Raises `CannotGenerate` where a name has been taken.
    """
    revision = item.revision
    code = compiled(revision.metric, vocabulary, dialect=dialect, base=revision.agreed, settled=item.entries)
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
