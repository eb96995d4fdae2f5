"""What the form of a change without a number shows while somebody types: the code, and what is missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bisync.lib.diffs import Diff, diff
from bisync.lib.errors import BisyncError
from bisync.lib.highlight import Language
from environments.models import Environment
from proposals import generate
from proposals.directions import not_proposable_of
from proposals.kinds import CannotGenerate, Kind
from proposals.models import Item
from proposals.together import clashes
from semantic.codegen.metrics import Compiled
from semantic.codegen.sql_models.evidence import Evidence
from semantic.codegen.sql_models.project import habits_of
from semantic.definitions import Vocabulary
from semantic.fields import Fields
from semantic.known import Known
from semantic.rules.metric import Problems


@dataclass(frozen=True, slots=True)
class Outlook:
    """The dbt code of a change, what sending would refuse, and of that what dbt may not read.

    `code` is None where none can be written yet, `known`, what it builds on, where nothing was pulled.
    """

    yaml: str = ""
    notes: tuple[str, ...] = ()
    missing: Problems = field(default_factory=dict)
    unfit: Problems = field(default_factory=dict)
    code: Compiled | None = None
    known: Known | None = None

    @property
    def names(self) -> Vocabulary:
        """What may be named: what the last pull says, built or not; nothing before the first pull."""
        return self.known.names if self.known is not None else Vocabulary(models={}, metrics={})


@dataclass(frozen=True, slots=True)
class ShownFile:
    """A file of the dbt project as it would become."""

    path: str
    new: bool
    diff: Diff


def habits_shown(known: Known | None, environment: Environment) -> Sequence[Evidence]:
    """How the project writes its models, with what shows it; nothing where its files cannot be read."""
    try:
        return habits_of(known.files, environment.connection.adapter).evidence if known else ()
    except BisyncError:
        return ()


def shown_files(found: Outlook, *, ending: str = "") -> tuple[ShownFile, ...]:
    """The files whose names end so, as the last pull has them and as the change leaves them.

    Files that are Bisync's own, such as its tests, are left out. Nothing while no code can be written. Raises
    what reading the files raises.
    """
    if found.code is None or found.known is None:
        return ()
    files = found.known.files
    wanted = (one for one in found.code.changes if one.path.endswith(ending))
    changes = tuple(one for one in wanted if one.fresh or not one.content)
    edits = generate.file_edits(
        [replace(found.code, changes=changes)],
        lambda path: files[path].encode() if path in files else None,
    )
    return tuple(_shown(edit.path, edit.before, edit.after) for edit in edits)


def _shown(path: str, before: bytes | None, after: bytes) -> ShownFile:
    language: Language = "sql" if path.endswith(".sql") else "yaml"
    return ShownFile(path, before is None, diff((before or b"").decode(), after.decode(), language=language))


def outlook(
    kind: Kind[Any],
    fields: Fields,
    environment: Environment,
    base: Fields | None,
    earlier: Sequence[Item] = (),
) -> Outlook:
    """Find it out, on top of what `earlier` changes of its proposal come to.

    Never raises for what a person typed.
    """
    unfit = kind.typing_problems(fields, base)
    try:
        known = generate.known_after(earlier, environment)
    except generate.NothingPulled as exc:
        return Outlook(missing={kind.computed: [str(exc)]}, unfit=unfit)
    missing = kind.sending_problems(fields, known, base) or clashes(kind, fields, base, earlier)
    if missing:
        return Outlook(missing=missing, unfit=unfit, known=known)
    try:
        code = kind.compiled(fields, known, dialect=environment.connection.adapter, base=base)
    except CannotGenerate as exc:
        return Outlook(missing={exc.field or kind.computed: [str(exc)]}, unfit=unfit, known=known)
    held = not_proposable_of(environment.project, kind, fields, base=base, entries=code.entries)
    return Outlook(code.yaml_preview, code.notes, held, unfit, code, known)


def sentences(told: Mapping[str, list[str]]) -> dict[str, str]:
    """Each field with all that is said of it."""
    return {name: " ".join(found) for name, found in told.items()}
