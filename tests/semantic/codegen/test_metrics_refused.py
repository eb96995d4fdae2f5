"""What no metric of dbt's can be: taken names, texts that dbt would run, calculations that it cannot say."""

from __future__ import annotations

from dataclasses import replace

import pytest

from semantic.codegen.entries import Refused
from semantic.codegen.metrics import MetricDraft, compile_metric
from semantic.formula import analyse
from semantic.formula.tree import Binary, ColumnRef, Literal_, Total, Where
from tests.semantic.codegen.written_metrics import SHOP, compiled


@pytest.mark.parametrize(
    ("also", "sentence"),
    [
        ({"name": "revenue"}, "a metric revenue already"),
        ({"name": "rows_total"}, "a measure rows_total already"),
        ({"name": "fct_orders"}, "a model fct_orders already"),
        ({"label": "revenue"}, "called “Revenue” already"),
        ({"label": ""}, "no name for people"),
        ({"name": "Bad Name"}, "lower-case"),
        ({"name": "a__b"}, "double underscore"),
        ({"name": "month"}, "keeps for itself"),
        ({"name": "metric_time"}, "keeps for itself"),
        ({"label": "{{ env_var('HOME') }}"}, "curly brackets"),
        ({"description": "{% raw %}"}, "curly brackets"),
        ({"context": "{# hidden #}"}, "curly brackets"),
    ],
)
def test_names_that_are_taken_and_texts_that_dbt_would_run_are_refused(
    also: dict[str, str], sentence: str
) -> None:
    with pytest.raises(Refused, match=sentence):
        compiled("SUM(discount)", **also)


@pytest.mark.parametrize(
    ("formula", "model", "also", "sentence"),
    [
        ("revenue", "", {}, "is the metric revenue itself"),
        ("SUM(minutes)", "fct_visits", {}, "what dates the rows of fct_visits. Choose a date"),
        ("SUM(minutes)", "fct_visits", {"time_column": "device"}, "is no date"),
        (
            "COUNT(DISTINCT customer_id) WHERE ordered_at > '2026-01-01'",
            "fct_orders",
            {},
            "compare dates with >= and <",
        ),
        (
            "COUNT(*) WHERE dim_customers.country = 'DE' OR quantity > 1",
            "fct_orders",
            {},
            "no dimension that its rows lead to",
        ),
        ("1 + 1 + 0 * SUM(minutes)", "fct_visits", {}, "Choose a date"),
    ],
)
def test_what_dbt_cannot_say_is_refused_with_a_way_out(
    formula: str, model: str, also: dict[str, str], sentence: str
) -> None:
    with pytest.raises(Refused, match=sentence):
        compiled(formula, model, **also)


def test_a_formula_with_an_error_is_refused() -> None:
    with pytest.raises(Refused, match="has an error"):
        compile_metric(MetricDraft("found", "Found", "", analyse("SUM(", SHOP)), SHOP)


def test_the_model_of_a_package_is_not_written_to() -> None:
    theirs = replace(SHOP.models["fct_visits"], file="")
    known = replace(SHOP, models={**SHOP.models, "fct_visits": theirs})

    with pytest.raises(Refused, match="belongs to a package"):
        compiled("SUM(minutes)", "fct_visits", known, time_column="visited_on")


@pytest.mark.parametrize("text", ["{{ x }}", "{% x %}", "{# x", "back\\slash"])
def test_a_text_that_dbt_would_run_never_reaches_a_file(text: str) -> None:
    condition = Binary("=", ColumnRef("fct_orders", "status"), Literal_(text))
    tree = Where(Total("COUNT", model="fct_orders"), condition)
    formula = replace(analyse("COUNT(fct_orders.*)", SHOP), tree=tree)

    with pytest.raises(Refused, match="curly brackets or a backslash"):
        compile_metric(MetricDraft("found", "Found", "", formula), SHOP)
