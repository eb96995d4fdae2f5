"""Removals: a metric, a dimension, a measure, a test or a column's entry that goes, or gets a name."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from django.utils import timezone
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from bisync.lib.errors import BisyncError
from governance.models import User
from proposals.kinds.base import CannotGenerate, Kind
from semantic.codegen.entries import Entries, Refused
from semantic.codegen.metrics import Compiled
from semantic.codegen.removals import compile_removal
from semantic.formula.phrases import listed
from semantic.formulas import full_meaning
from semantic.known import Known
from semantic.removals import RemovalFields, left_unused, measure_of, subject_of, uses_of
from semantic.rules.metric import Problems
from semantic.rules.removals import keeping_problems, sending_problems, title_in, typing_problems

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

_WORDS = {
    "metric": _("The metric %(title)s"),
    "dimension": _("The dimension %(title)s"),
    "measure": _("The measure %(title)s"),
    "test": _("The test %(title)s"),
    "column": _("What dbt says of the column %(title)s"),
}
AREAS = {"test": "tests", "column": "documentation"}


def in_words(fields: RemovalFields, known: Known) -> str:
    """What goes, as people call it: `The metric Revenue`."""
    words = _WORDS.get(subject_of(fields.name)[0], _("%(title)s"))
    return str(words % {"title": title_in(fields.name, known) or fields.title})


class NothingToRemove(BisyncError):
    code = "nothing-to-remove"
    message = _("dbt has no %(name)s in this project that could go. Pull, or begin on the page of a thing.")
    http_status = 404


class RemovalKind(Kind[RemovalFields]):
    key = "removal"
    of_what_is_there = True
    new = _("Remove or replace")
    area = "semantics"
    chip = _("Removal")
    whole = _("The removal")
    computed = "how"
    mono = frozenset({"new_name", "replacement"})
    # Beside its fields, what else a removal may be of: by that, a project says what may be proposed.
    metadata = {
        **dict.fromkeys(("how", "replacement", "new_name", "day", "unused"), "semantic_layer"),
        **{area: area for area in AREAS.values()},
    }

    def begun(self, name: str, known: Known | None, author: User) -> tuple[RemovalFields, None]:  # noqa: ARG002
        if known is None or title_in(name, known) is None:
            raise NothingToRemove(name=RemovalFields(name).title or name)
        unused = subject_of(name)[0] == "metric" and any(left_unused(subject_of(name)[1], known))
        return RemovalFields(name, unused=unused), None

    def said(self, name: str, known: Known) -> None:  # noqa: ARG002
        """A removal is new for dbt, whatever goes."""
        return

    def over(
        self,
        begun: RemovalFields,
        suggested: RemovalFields,
        base: RemovalFields | None,  # noqa: ARG002
    ) -> RemovalFields:
        given = {
            name: value for name in ("replacement", "new_name", "why") if (value := getattr(suggested, name))
        }
        return replace(begun, **given)

    def complete(self, fields: RemovalFields, base: RemovalFields | None) -> RemovalFields:  # noqa: ARG002
        """Without what belongs to another way of going."""
        other = {"rename": ("replacement", "day", "unused"), "deprecate": ("new_name", "unused")}
        empty = RemovalFields()
        names = other.get(fields.how, ("new_name", "day"))
        return replace(fields, **{name: getattr(empty, name) for name in names})

    def keeping_problems(self, fields: RemovalFields) -> Problems:
        return keeping_problems(fields)

    def typing_problems(self, fields: RemovalFields, base: RemovalFields | None) -> Problems:  # noqa: ARG002
        return typing_problems(fields)

    def sending_problems(self, fields: RemovalFields, known: Known, base: RemovalFields | None) -> Problems:  # noqa: ARG002
        return sending_problems(fields, known)

    def compiled(
        self,
        fields: RemovalFields,
        known: Known,
        *,
        dialect: str,
        base: RemovalFields | None,  # noqa: ARG002
        settled: Entries | None = None,  # noqa: ARG002
    ) -> Compiled:
        try:
            return compile_removal(fields, known, dialect=dialect)
        except Refused as exc:
            raise CannotGenerate(why=str(exc)) from exc

    def unique_id(self, name: str, known: Known) -> str:
        what, key = subject_of(name)
        metric = known.names.metrics.get(key) if what == "metric" else None
        return metric.unique_id if metric is not None else ""

    def warnings(self, fields: RemovalFields, known: Known) -> list[str]:
        """Everything that notices, and whether what takes the place is the same number."""
        what, key = subject_of(fields.name)
        told = []
        if uses := [use.words for use in uses_of(fields.name, known)]:
            told.append(_now("It is used by %(uses)s.") % {"uses": listed(uses, _now("and"))})
        one, other = (known.names.metrics.get(name) for name in (key, fields.replacement))
        if what == "metric" and one is not None and other is not None:
            dialect = known.manifest.adapter
            same = len({full_meaning(which, known.names, dialect=dialect) for which in (one, other)}) == 1
            told.append(
                _now("%(other)s computes the same.") % {"other": other.name}
                if same
                else _now("%(other)s is computed otherwise: the numbers of what uses it change.")
                % {"other": other.name}
            )
        model = measure_of(key, known) if what == "measure" else None
        if model is not None and fields.replacement:
            told.append(_now("The metrics that total it count by the other measure from then on."))
        if fields.how == "deprecate" and fields.day and fields.day <= timezone.localdate().isoformat():
            told.append(_now("The day on which it goes has come already."))
        if what == "column":
            table, _colon, column = key.partition(":")
            names = [one.name for one in known.tests_of(table) if one.column.lower() == column.lower()]
            if names:
                told.append(_now("Its tests go with it: %(tests)s.") % {"tests": listed(names, _now("and"))})
        return told

    def verb(self, base: RemovalFields | None) -> str:  # noqa: ARG002
        return "Remove"

    def chip_of(self, fields: RemovalFields) -> StrPromise:
        return {"rename": _("Rename"), "deprecate": _("Deprecation")}.get(fields.how, self.chip)

    def done(self, fields: RemovalFields, base: RemovalFields | None) -> str:  # noqa: ARG002
        return {"rename": "Rename", "deprecate": "Deprecate"}.get(fields.how, "Remove")

    def about(self, fields: RemovalFields, base: RemovalFields | None) -> str:  # noqa: ARG002
        """With its new name, or with what takes its place."""
        if fields.how == "rename" and fields.new_name:
            return f"{fields.title} to {fields.new_name}"
        other = fields.replacement.rpartition(":")[2]
        return f"{fields.title} (replaced by {other})" if other else fields.title

    def asked(self, fields: RemovalFields, base: RemovalFields | None) -> list[str]:  # noqa: ARG002
        return [AREAS.get(subject_of(fields.name)[0], "how")]
