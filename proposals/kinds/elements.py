"""Dimensions and measures: what numbers are split by, and what they are totals of."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar

from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from bisync.lib.errors import BisyncError
from governance.models import User
from proposals.kinds.base import CannotGenerate, Kind, at_hand
from semantic.codegen.elements import (
    NO_MEASURES,
    compile_dimension,
    compile_element_change,
    compile_measure,
    row_expression,
)
from semantic.codegen.entries import Entries, NameTaken, Refused, plain_name
from semantic.codegen.metrics import Compiled
from semantic.codegen.sql_models.project import begun
from semantic.definitions import Dimension, Measure, Model
from semantic.elements import DimensionFields, MeasureFields, dimension_fields, measure_fields
from semantic.formula import Analysis, analyse, analyse_row
from semantic.formula.phrases import listed
from semantic.known import Known
from semantic.removals import Use, dimension_of, measure_of, model_of, uses_of
from semantic.rules.elements import keeping_problems, missing_problems, typing_problems
from semantic.rules.metric import Problems

F = TypeVar("F", DimensionFields, MeasureFields)


class NoSuchElement(BisyncError):
    code = "no-such-element"
    message = _("dbt knows no %(name)s in this project. Pull, or choose another one.")
    http_status = 404


class ElementKind(Kind[F]):
    """What dimensions and measures have in common."""

    area = "semantics"
    computed = "expr"
    chosen = frozenset({"type", "granularity", "agg", "time"})
    mono = frozenset({"expr"})
    together = frozenset({"label", "name"})  # the name follows from the label
    empty: F

    def found(self, name: str, known: Known) -> tuple[Model, Any] | None:
        """The element of that name, and its model."""
        raise NotImplementedError

    def fields(self, model: Model, element: Any, known: Known) -> F:
        """What dbt says of it."""
        raise NotImplementedError

    def written(self, fields: F, model: Model, known: Known, dialect: str) -> Compiled:
        """The code of a new one. Raises Refused."""
        raise NotImplementedError

    def begun(self, name: str, known: Known | None, author: User) -> tuple[F, F | None]:  # noqa: ARG002
        if known is None:
            return self.empty, None
        base = self.said(name, known)
        if base is not None:
            return base, base
        model = model_of(name, known)
        if model is None:
            raise NoSuchElement(name=name.rpartition(":")[2].rpartition(".")[2])
        return replace(self.empty, model=model.unique_id), None

    def said(self, name: str, known: Known) -> F | None:
        found = self.found(name, known)
        return self.fields(*found, known) if found is not None else None

    def over(self, begun: F, suggested: F, base: F | None) -> F:
        names = ("label", "expr", "description", "why", *(() if base else ("model", "time")))
        return replace(begun, **{name: value for name in names if (value := getattr(suggested, name))})

    def complete(self, fields: F, base: F | None) -> F:
        if base is not None:
            kept = {
                name: getattr(base, name)
                for name in ("model", "type", "granularity", "agg")
                if hasattr(base, name)
            }
            return replace(fields, name=base.name, **kept)
        name = f"{fields.model}:{plain_name(fields.label)}" if fields.label and fields.model else ""
        return replace(fields, name=name)

    def keeping_problems(self, fields: F) -> Problems:
        return keeping_problems(fields)

    def typing_problems(self, fields: F, base: F | None) -> Problems:
        return typing_problems(fields, base)

    def sending_problems(self, fields: F, known: Known, base: F | None) -> Problems:
        told = {**missing_problems(fields, base), **self.typing_problems(fields, base)}
        model = model_of(fields.model, known)
        if model is None and fields.model:
            told["model"] = [_now("dbt has no such model any more. Choose another one.")]
        if model is None or "expr" in told or not fields.expr:
            return told
        if base is None or "expr" in fields.changes_from(base):
            try:
                row_expression(fields.expr, known.names, model.name, known.manifest.adapter)
            except Refused as exc:
                told["expr"] = [str(exc)]
        return told

    def compiled(
        self,
        fields: F,
        known: Known,
        *,
        dialect: str,
        base: F | None,
        settled: Entries | None = None,  # noqa: ARG002
    ) -> Compiled:
        model = model_of(fields.model, known)
        found = self.found(fields.name, known) if base is not None else None
        if model is None or (base is not None and found is None):
            raise CannotGenerate(
                why=_now("%(name)s is not in the dbt project any more.") % {"name": fields.title}
            )
        try:
            if base is None or found is None:
                return begun(self.written(fields, model, known, dialect), at_hand(known))
            return compile_element_change(base, fields, model, found[1], known.names, dialect=dialect)
        except Refused as exc:
            refused = CannotGenerate(why=str(exc))
            refused.field = "label" if isinstance(exc, NameTaken) else ""
            raise refused from exc

    def unique_id(self, name: str, known: Known) -> str:
        found = self.found(name, known)
        return found[0].unique_id if found is not None else ""

    def row_formulas(self, fields: F, known: Known) -> dict[str, Analysis | None]:
        model = model_of(fields.model, known)
        read = model is not None and fields.expr
        return {"expr": analyse_row(fields.expr, known.names, model=model.name) if model and read else None}

    def warnings(self, fields: F, known: Known) -> list[str]:
        """Who uses one whose calculation changes."""
        said = self.said(fields.name, known)
        uses = [use.words for use in self._uses(fields, said, known)]
        if not uses:
            return []
        return [
            _now("What it is calculated from changes for %(uses)s.") % {"uses": listed(uses, _now("and"))}
        ]

    def counted_by(self, fields: F, base: F | None, known: Known) -> list[str]:
        return [use.name for use in self._uses(fields, base, known) if use.kind == "metric"]

    def _uses(self, fields: F, base: F | None, known: Known) -> list[Use]:
        """What uses one of which more than the words change."""
        if base is None or not {"expr", "agg", "time", "granularity"} & fields.changes_from(base).keys():
            return []
        key = fields.name if self.key == "dimension" else fields.name.rpartition(":")[2]
        return uses_of(f"{self.key}:{key}", known)

    def body(self, fields: F) -> tuple[str, ...]:
        return (fields.description, fields.why)

    def asked(self, fields: F, base: F | None) -> list[str]:
        return ["expr"] if base is None else list(fields.changes_from(base))


class DimensionKind(ElementKind[DimensionFields]):
    key = "dimension"
    new = _("Propose a dimension")
    chip = _("New dimension")
    whole = _("The whole dimension")
    empty = DimensionFields()
    metadata = {
        **dict.fromkeys(("label", "description"), "documentation"),
        **dict.fromkeys(("expr", "type", "granularity"), "semantic_layer"),
    }

    def found(self, name: str, known: Known) -> tuple[Model, Dimension] | None:
        return dimension_of(name, known)

    def fields(self, model: Model, element: Dimension, known: Known) -> DimensionFields:
        return dimension_fields(model, element, known.names, known.manifest.adapter)

    def written(self, fields: DimensionFields, model: Model, known: Known, dialect: str) -> Compiled:
        return compile_dimension(fields, model, known.names, dialect=dialect)


class MeasureKind(ElementKind[MeasureFields]):
    key = "measure"
    new = _("Propose a measure")
    chip = _("New measure")
    whole = _("The whole measure")
    empty = MeasureFields()
    metadata = {
        **dict.fromkeys(("label", "description"), "documentation"),
        **dict.fromkeys(("agg", "expr", "time"), "semantic_layer"),
    }

    def found(self, name: str, known: Known) -> tuple[Model, Measure] | None:
        found = measure_of(name.rpartition(":")[2], known) if ":" in name else None
        return found if found is not None and found[0].unique_id == name.rpartition(":")[0] else None

    def fields(self, model: Model, element: Measure, known: Known) -> MeasureFields:
        return measure_fields(model, element, known.names, known.manifest.adapter)

    def written(self, fields: MeasureFields, model: Model, known: Known, dialect: str) -> Compiled:
        return compile_measure(fields, model, known.names, dialect=dialect)

    def sending_problems(self, fields: MeasureFields, known: Known, base: MeasureFields | None) -> Problems:
        told = super().sending_problems(fields, known, base)
        model = model_of(fields.model, known)
        if base is None and model is not None and known.names.spec_for(model) == "latest":
            told["model"] = [NO_MEASURES.format(model=model.label or model.name)]
        changed = base is None or "expr" in fields.changes_from(base)
        if model is not None and changed and "expr" not in told:
            total = analyse(fields.total, known.names, model=model.name) if fields.total else None
            # The newest date is a measure all the same.
            if total is not None and not total.ok and total.problems[0].code != "not-a-number":
                told["expr"] = [total.complaint]
        return told
