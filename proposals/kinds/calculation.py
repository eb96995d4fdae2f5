"""Calculations for each row, and pasted queries: SQL in the models of a dbt project."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from bisync.lib.errors import BisyncError, InvalidInput
from governance.models import User
from proposals.kinds.base import CannotGenerate, Kind
from semantic.calculation import CalculationFields
from semantic.codegen.calculations import (
    Unwritable,
    analysis_of,
    compile_calculation,
    keeping_problems,
    model_of,
    sending_problems,
    typing_problems,
)
from semantic.codegen.entries import Entries
from semantic.codegen.metrics import Compiled
from semantic.formula import Analysis
from semantic.known import Known
from semantic.rules.metric import Problems

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise


class CalculationKind(Kind[CalculationFields]):
    """Only ever something new: once it is in dbt, its SQL is the project's own."""

    key = "calculation"
    new = _("Propose a calculation")
    chip = _("New calculation")
    whole = _("The whole calculation")
    area = "models"
    computed = "formula"
    chosen = frozenset({"model", "place", "layout", "not_null", "unique"})
    mono = frozenset({"formula", "sql", "called", "folder", "key"})
    together = frozenset({"label", "model", "called", "name"})  # the name follows from the others
    metadata = dict.fromkeys(("formula", *CalculationFields.MERGED), "models")

    def begun(self, name: str, known: Known | None, author: User) -> tuple[CalculationFields, None]:  # noqa: ARG002
        """A draft over the model of that id: what is in dbt already is changed there."""
        fields = CalculationFields(model=name)
        if known is not None and model_of(fields, known.names) is None:
            said = _now("dbt has no model of that name. Pull, or choose another one.")
            raise InvalidInput({"model": [said]})
        return fields, None

    def said(self, name: str, known: Known) -> None:  # noqa: ARG002
        return None

    def over(
        self,
        begun: CalculationFields,  # noqa: ARG002
        suggested: CalculationFields,
        base: CalculationFields | None,  # noqa: ARG002
    ) -> CalculationFields:
        return suggested

    def complete(self, fields: CalculationFields, base: CalculationFields | None) -> CalculationFields:  # noqa: ARG002
        return replace(fields, name=fields.dbt_name)

    def keeping_problems(self, fields: CalculationFields) -> Problems:
        return keeping_problems(fields)

    def typing_problems(self, fields: CalculationFields, base: CalculationFields | None) -> Problems:  # noqa: ARG002
        return typing_problems(fields)

    def sending_problems(
        self,
        fields: CalculationFields,
        known: Known,
        base: CalculationFields | None,  # noqa: ARG002
    ) -> Problems:
        try:
            return sending_problems(fields, known)
        except BisyncError as why:
            return {self._code_field(fields): [str(why)]}

    def compiled(
        self,
        fields: CalculationFields,
        known: Known,
        *,
        dialect: str,
        base: CalculationFields | None,  # noqa: ARG002
        settled: Entries | None = None,  # noqa: ARG002
    ) -> Compiled:
        try:
            return compile_calculation(fields, known, dialect)
        except (Unwritable, BisyncError) as why:
            raise CannotGenerate(why=str(why)) from why

    def new_of(self, fields: CalculationFields) -> StrPromise:
        return _("Paste a query") if fields.is_query else self.new

    def chip_of(self, fields: CalculationFields) -> StrPromise:
        return _("New model") if fields.is_query else self.chip

    def unique_id(self, name: str, known: Known) -> str:  # noqa: ARG002
        return ""

    def warnings(self, fields: CalculationFields, known: Known) -> list[str]:
        if fields.is_query:
            said = _now("No key is named, so that no test would notice a row that comes twice.")
            return [] if fields.key_columns else [said]
        return [p.message for p in analysis_of(fields, known.names).problems if p.level != "error"]

    def analysis(self, fields: CalculationFields, known: Known) -> Analysis | None:
        return None if fields.is_query else analysis_of(fields, known.names)

    def body(self, fields: CalculationFields) -> tuple[str, ...]:
        return (fields.description, fields.why)

    def asked(self, fields: CalculationFields, base: CalculationFields | None) -> list[str]:  # noqa: ARG002
        return [self._code_field(fields)]

    @staticmethod
    def _code_field(fields: CalculationFields) -> str:
        """The field that holds what is computed."""
        return "sql" if fields.is_query else "formula"
