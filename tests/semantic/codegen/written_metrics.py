"""A metric over the shop as code for dbt, for tests to look at."""

from __future__ import annotations

from typing import Any

from semantic.codegen.metrics import Compiled, MetricDraft, compile_metric
from semantic.definitions import Vocabulary
from semantic.formula import analyse
from tests.semantic.shop import vocabulary

SHOP = vocabulary()


def draft(formula: str, model: str = "fct_orders", known: Vocabulary = SHOP, **also: Any) -> MetricDraft:
    analysis = analyse(formula, known, model=model)
    assert analysis.ok, analysis.problems
    return MetricDraft(**{"name": "found", "label": "Found", "description": "", "formula": analysis, **also})


def compiled(formula: str, model: str = "fct_orders", known: Vocabulary = SHOP, **also: Any) -> Compiled:
    return compile_metric(draft(formula, model, known, **also), known)


def definition(code: Compiled, name: str = "found") -> dict[str, Any]:
    """A metric's entry without what is told about it."""
    entry = next(metric for metric in code.entries["metrics"] if metric["name"] == name)
    return {
        key: value for key, value in entry.items() if key not in ("name", "label", "description", "config")
    }
