"""The kinds of definition, each with the value that holds what a person edits of it."""

from __future__ import annotations

from collections.abc import Mapping

from semantic.business_rules import BusinessRuleFields
from semantic.calculation import CalculationFields
from semantic.described import ColumnFields, DocFields, ModelFields
from semantic.elements import DimensionFields, MeasureFields
from semantic.fields import Fields, MetricFields
from semantic.promised import PromiseFields
from semantic.removals import RemovalFields

FIELDS: Mapping[str, type[Fields]] = {
    "metric": MetricFields,
    "model": ModelFields,
    "column": ColumnFields,
    "doc": DocFields,
    "calculation": CalculationFields,
    "dimension": DimensionFields,
    "measure": MeasureFields,
    "removal": RemovalFields,
    "test": PromiseFields,
    "rule": BusinessRuleFields,
}
