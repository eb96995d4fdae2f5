"""What the form of a change without a number shows while somebody types: the code, and what is missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from environments.models import Environment
from proposals import generate
from proposals.directions import not_proposable_of
from proposals.kinds import CannotGenerate, Kind
from proposals.models import Item
from proposals.together import clashes
from semantic.codegen.metrics import Compiled
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
