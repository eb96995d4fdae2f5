"""Dimensions and measures as people describe them, and what dbt says of them today."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, get_args

from semantic.definitions import Aggregation, Dimension, Measure, Model, Vocabulary
from semantic.fields import PlainFields
from semantic.formula.printer import print_formula
from semantic.formula.registry import TOTALS
from semantic.formula.types import DATES
from semantic.formulas import row_tree
from semantic.query.spec import Unsupported

TYPES = ("categorical", "time")
_FUNCTIONS: Mapping[str, str] = {
    **{agg: function for function, agg in TOTALS.items() if agg != "percentile"},
    "sum_boolean": "COUNTIF",
}
# A percentile needs a number of its own, which metrics ask for.
AGGREGATIONS = tuple(agg for agg in get_args(Aggregation) if agg != "percentile")


@dataclass(frozen=True, slots=True)
class DimensionFields(PlainFields):
    """A dimension; `name` is the id of its table and, behind a colon, its own name in dbt.

    `expr` is a column or a formula over one row; `time` the date of a table that has no semantic model yet.
    """

    MERGED: ClassVar[tuple[str, ...]] = ("label", "expr", "type", "granularity", "description")

    name: str = ""
    model: str = ""
    label: str = ""
    expr: str = ""
    type: str = "categorical"
    granularity: str = ""
    description: str = ""
    time: str = ""
    why: str = ""

    @property
    def title(self) -> str:
        return self.label or self.name.rpartition(":")[2]

    def row(self) -> dict[str, str]:
        return {"description": self.description, "formula": self.expr}


@dataclass(frozen=True, slots=True)
class MeasureFields(PlainFields):
    """A measure of dbt's legacy spec; `name` is made as that of a dimension, `time` the date to count by."""

    MERGED: ClassVar[tuple[str, ...]] = ("label", "agg", "expr", "time", "description")

    name: str = ""
    model: str = ""
    label: str = ""
    agg: str = "sum"
    expr: str = ""
    time: str = ""
    description: str = ""
    why: str = ""

    @property
    def title(self) -> str:
        return self.label or self.name.rpartition(":")[2]

    @property
    def total(self) -> str:
        """The formula of a metric that is nothing but this measure; "" while it says nothing."""
        function = _FUNCTIONS.get(self.agg, "")
        said = self.expr or ("*" if self.agg == "count" else "")
        return f"{function}({said})" if function and said else ""

    def row(self) -> dict[str, str]:
        return {"description": self.description, "formula": self.expr}


def dimension_fields(model: Model, dimension: Dimension, names: Vocabulary, dialect: str) -> DimensionFields:
    """What dbt says of a dimension."""
    return DimensionFields(
        name=f"{model.unique_id}:{dimension.name}",
        model=model.unique_id,
        label=dimension.label,
        expr=formula_of(dimension.expr, model, names, dialect),
        type=dimension.type,
        granularity=dimension.granularity or "",
        description=dimension.description,
    )


def measure_fields(model: Model, measure: Measure, names: Vocabulary, dialect: str) -> MeasureFields:
    """What dbt says of a measure."""
    return MeasureFields(
        name=f"{model.unique_id}:{measure.name}",
        model=model.unique_id,
        label=measure.label,
        agg=measure.agg,
        expr=formula_of(measure.expr, model, names, dialect),
        time=measure.agg_time_dimension,
        description=measure.description,
    )


def formula_of(sql: str, model: Model, names: Vocabulary, dialect: str) -> str:
    """SQL over one row as a formula; as it is where formulas cannot say it."""
    try:
        return print_formula(row_tree(sql, model, names, dialect=dialect), model=model.name)
    except Unsupported:
        return sql


def dates_of(model: Model) -> list[str]:
    """The columns by which the rows of a model could be dated."""
    return [column.name for column in model.columns if column.type in DATES]
