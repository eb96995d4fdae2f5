"""The forms in which people write proposals, one for each kind of definition."""

from __future__ import annotations

from collections.abc import Mapping

from proposals.forms.base import FormNames, ItemForm
from proposals.forms.calculation import CalculationForm
from proposals.forms.described import ColumnForm, ModelForm
from proposals.forms.docs import DocForm
from proposals.forms.elements import DimensionForm, MeasureForm
from proposals.forms.metric import MetricForm
from proposals.forms.quality import QualityForm
from proposals.forms.removal import RemovalForm
from proposals.forms.rule import RuleForm

__all__ = ["FORMS", "FormNames", "ItemForm"]

FORMS: Mapping[str, type[ItemForm]] = {
    "metric": MetricForm,
    "model": ModelForm,
    "column": ColumnForm,
    "doc": DocForm,
    "calculation": CalculationForm,
    "dimension": DimensionForm,
    "measure": MeasureForm,
    "removal": RemovalForm,
    "test": QualityForm,
    "rule": RuleForm,
}
