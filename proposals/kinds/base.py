"""What a kind of definition has to be able to do, so that it can be proposed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from django.utils.translation import gettext_lazy as _

from bisync.lib.errors import BisyncError
from governance.models import User
from semantic.codegen.entries import Entries
from semantic.codegen.metrics import Compiled
from semantic.fields import Fields
from semantic.formula import Analysis
from semantic.formula.chips import Chip, chips
from semantic.known import Known
from semantic.rules.metric import Problems
from workspace.git.repository import NoMirror

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

F = TypeVar("F", bound=Fields)
NOTHING_CHANGED = _("Nothing is changed yet: all of this is what dbt says already.")


class CannotGenerate(BisyncError):
    code = "cannot-generate"
    message = _("The dbt code cannot be written: %(why)s")
    http_status = 409
    # The field that is to blame; "" for what is computed.
    field = ""


def at_hand(known: Known) -> Known:
    """The same, with no files where there is no copy of the repository.

    A form needs no copy otherwise, and where it would write another file, publishing refuses.
    """

    def files() -> Mapping[str, str]:
        try:
            return known.files
        except NoMirror:
            return {}

    return replace(known, read_files=files)


class Kind(ABC, Generic[F]):
    """One kind of definition: what dbt says of it, what may be sent, and how dbt spells it.

    Whatever takes `base` gets what dbt said of the definition when the work began, None for something new.
    """

    key: ClassVar[str]
    new: ClassVar[StrPromise]  # what the page of a new one is called
    area: ClassVar[str]  # what the subject of a commit begins with
    chip: ClassVar[StrPromise]  # what stands beside a new one on the page of its proposal
    whole: ClassVar[StrPromise]  # what a conflict about all of it is called
    computed: ClassVar[str]  # the field beside which is said that no code can be written
    # Whether something new is called in dbt as its definition is.
    named: ClassVar[bool] = True
    # Whether even a new one is about a thing that dbt has.
    of_what_is_there: ClassVar[bool] = False
    # Whether a change of what has left dbt can become a proposal of something new.
    comes_back: ClassVar[bool] = True
    # Fields of which one side is chosen in a conflict: nobody writes them as a text.
    chosen: ClassVar[frozenset[str]] = frozenset()
    # Fields that a draft keeps together or not at all.
    together: ClassVar[frozenset[str]] = frozenset()
    # The kind of metadata that each field is: by it a project says what may be proposed.
    metadata: ClassVar[Mapping[str, str]]
    # Those of which a mere change is read letter by letter.
    mono: ClassVar[frozenset[str]] = frozenset()

    @abstractmethod
    def begun(self, name: str, known: Known | None, author: User) -> tuple[F, F | None]:
        """What a draft begins with, and its base; `name` is of what is changed, "" for something new.

        `known` is None where there is no name.

        Raises a `BisyncError` where there is none of that name, or where it is not this project's to change.
        """

    @abstractmethod
    def said(self, name: str, known: Known) -> F | None:
        """What dbt says of it today; None where it is not there."""

    @abstractmethod
    def over(self, begun: F, suggested: F, base: F | None) -> F:
        """What a draft begins with where somebody or something suggested a part of it."""

    def complete(self, fields: F, base: F | None) -> F:  # noqa: ARG002
        """The fields with those that follow from others."""
        return fields

    @abstractmethod
    def keeping_problems(self, fields: F) -> Problems:
        """What not even a draft can keep, field by field."""

    @abstractmethod
    def typing_problems(self, fields: F, base: F | None) -> Problems:
        """What may never reach dbt's files, field by field, however unfinished the draft."""

    @abstractmethod
    def sending_problems(self, fields: F, known: Known, base: F | None) -> Problems:
        """What is missing or wrong before it goes to review, field by field."""

    @abstractmethod
    def compiled(
        self, fields: F, known: Known, *, dialect: str, base: F | None, settled: Entries | None = None
    ) -> Compiled:
        """Its dbt code, of what was `settled` the part that is not there yet. Raises `CannotGenerate`."""

    def same(self, _name: str, one: object, other: object, _known: Known, _dialect: str) -> bool:
        """Whether two values of a field mean the same, so that nobody has to choose."""
        return one == other

    def alone(self, fields: F, _known: Known, _dialect: str) -> F:
        """What a new thing says, in the words of a change of one that is there."""
        return fields

    @abstractmethod
    def unique_id(self, name: str, known: Known) -> str:
        """What dbt calls it today; "" where it is not there."""

    def warnings(self, _fields: F, _known: Known) -> list[str]:
        """What a reviewer should know, in sentences."""
        return []

    def failed(self, _fields: F, _node: Mapping[str, Any]) -> str:
        """In words, why one of its own tests failed in dbt, as `DbtBuildFailed` tells it; else ""."""
        return ""

    def as_table(self, _fields: F, _known: Known) -> dict[str, object] | None:
        """A decision table of it as JSON holds it; None where it decides nothing, or cannot be one."""
        return None

    def analysis(self, _fields: F, _known: Known) -> Analysis | None:
        """Its formula, read and checked; None where it has none."""
        return None

    def row_formulas(self, _fields: F, _known: Known) -> dict[str, Analysis | None]:
        """The formulas over one row in its form: field → read and checked; None where it is empty."""
        return {}

    def reads_as(self, fields: F, known: Known) -> str:
        """What is computed, read aloud; "" where nothing is."""
        found = self.analysis(fields, known)
        return found.reads_as if found is not None else ""

    def chips(self, fields: F, known: Known) -> tuple[Chip, ...]:
        """Its formula piece by piece; none where it has none, or only one piece."""
        found = self.analysis(fields, known)
        return chips(found.tree, known.names) if found is not None and found.tree is not None else ()

    def describes(self, _fields: F, _base: F | None) -> str:
        """Whose description in dbt it writes: dbt's id and the column, or `metric.` and its name; else ""."""
        return ""

    def counted_by(self, fields: F, base: F | None, known: Known) -> list[str]:  # noqa: ARG002
        """The metrics of dbt's whose numbers it changes because they are computed from it, by name."""
        return []

    def verb(self, base: F | None) -> str:
        """What the subject of a commit says was done."""
        return "Add" if base is None else "Change"

    def new_of(self, fields: F) -> StrPromise:  # noqa: ARG002
        """As `new`, where it depends on what is said."""
        return self.new

    def chip_of(self, fields: F) -> StrPromise:  # noqa: ARG002
        """As `chip`, where it depends on what is said."""
        return self.chip

    def done(self, fields: F, base: F | None) -> str:  # noqa: ARG002
        """As `verb`, where it depends on what is said."""
        return self.verb(base)

    def about(self, fields: F, base: F | None) -> str:  # noqa: ARG002
        """What the subject of a commit says it was done to."""
        return fields.title

    def body(self, fields: F) -> tuple[str, ...]:
        """Paragraphs of a commit's message."""
        return (fields.why,)

    def asked(self, fields: F, base: F | None) -> list[str]:
        """The fields by which it is judged whether it may be proposed."""
        changed: Mapping[str, Any] = fields.changes_from(base) if base is not None else {}
        return list(changed) if base is not None else list(self.metadata)[:1]
