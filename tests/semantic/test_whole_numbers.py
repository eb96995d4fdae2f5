"""What a warehouse cuts or rounds is no formula, whose divisions are exact."""

from __future__ import annotations

from dataclasses import replace

import pytest

from semantic.codegen.metrics import MetricDraft, compile_metric
from semantic.conditions import formula_of
from semantic.definitions import Measure, Metric, MetricInput, Vocabulary
from semantic.formula import analyse
from semantic.formulas import metric_formula
from tests.semantic import shop

pytestmark = pytest.mark.pure

CUTTING = ("postgres", "redshift", "trino")
EXACT = ("duckdb", "snowflake", "bigquery", "databricks")


def with_measures(*measures: Measure, metrics: tuple[Metric, ...] = ()) -> Vocabulary:
    names = shop.vocabulary()
    orders = names.models["fct_orders"]
    assert orders.semantic is not None
    semantic = replace(orders.semantic, measures=(*orders.semantic.measures, *measures))
    models = {**names.models, "fct_orders": replace(orders, semantic=semantic)}
    return replace(names, models=models, metrics={**names.metrics, **{one.name: one for one in metrics}})


def total(expr: str, dialect: str) -> str:
    """The formula of a metric that adds up this SQL."""
    metric = Metric("found", "simple", measure="under_test")
    names = with_measures(Measure("under_test", "sum", expr), metrics=(metric,))
    return metric_formula(metric, names, dialect=dialect)


def derived(expr: str, dialect: str) -> str:
    """The formula of a metric that calculates with others: `orders`, `pieces` and `mean` count whole ones."""
    parts = (
        Metric("orders", "simple", "Number of orders", measure="rows_total"),
        Metric("pieces", "simple", "Pieces", measure="pieces_total"),
        Metric("mean", "simple", "Mean", measure="mean_pieces"),
        Metric("both", "derived", "Both", expr="orders + pieces", inputs=(MetricInput("orders"), MetricInput("pieces"))),
        Metric("found", "derived", expr=expr, inputs=tuple(map(MetricInput, ("orders", "pieces", "mean", "both", "revenue")))),
    )  # fmt: skip
    measures = (Measure("pieces_total", "sum", "quantity"), Measure("mean_pieces", "average", "quantity"))
    return metric_formula(parts[-1], with_measures(*measures, metrics=parts), dialect=dialect)


@pytest.mark.parametrize(
    "expr",
    [
        "quantity / 2",
        "quantity / nullif(order_id, 0)",
        "net_amount * (quantity / 2)",
        "coalesce(quantity, 0) / (order_id - 1)",
        "case when is_gift then 1 else quantity end / 2",
        "abs(quantity) / 2",
    ],
)
def test_whole_numbers_are_divided_without_a_rest_by_some_warehouses(expr: str) -> None:
    assert {dialect: bool(total(expr, dialect)) for dialect in (*CUTTING, *EXACT)} == {
        **dict.fromkeys(CUTTING, False),
        **dict.fromkeys(EXACT, True),
    }


@pytest.mark.parametrize(
    ("expr", "formula"),
    [
        ("net_amount / 2", "SUM(net_amount / 2)"),
        ("quantity / 2.0", "SUM(quantity / 2.0)"),
        ("quantity * 1.0 / order_id", "SUM(quantity * 1.0 / order_id)"),
        ("quantity::double precision / order_id", "SUM(quantity / order_id)"),
        ("(quantity::double precision + 1) / order_id", "SUM((quantity + 1) / order_id)"),
        (
            "cast(quantity as double precision) / nullif(cast(order_id as double precision), 0)",
            "SUM(quantity / order_id)",
        ),
        ("coalesce(discount, 0.5) / 2", "SUM(COALESCE(discount, 0.5) / 2)"),
    ],
)
@pytest.mark.parametrize("dialect", CUTTING)
def test_with_a_fraction_on_one_side_a_division_is_exact(expr: str, formula: str, dialect: str) -> None:
    assert total(expr, dialect) == formula


@pytest.mark.parametrize("expr", ["orders / nullif(pieces, 0)", "orders / 2", "both / orders"])
def test_so_are_metrics_that_count(expr: str) -> None:
    assert [derived(expr, dialect) for dialect in CUTTING] == ["", "", ""]
    assert derived(expr, "duckdb")


def test_metrics_with_a_fraction_are_divided_exactly() -> None:
    assert derived("revenue / nullif(orders, 0)", "postgres") == "revenue / orders"
    assert derived("orders * 100.0 / pieces", "postgres") == "orders * 100.0 / pieces"
    # Of whole numbers, AVG is one itself on Redshift.
    assert derived("mean / orders", "postgres") == "mean / orders"
    assert derived("mean / orders", "redshift") == ""


def test_what_a_formula_divides_is_read_back_everywhere() -> None:
    for dialect in (*CUTTING, *EXACT):
        names = with_measures()
        draft = MetricDraft("found", "Found", "", analyse("SUM(quantity / order_id)", names))
        (measure,) = compile_metric(draft, names, dialect=dialect).entries["measures"]["orders"]
        assert total(measure["expr"], dialect) == "SUM(quantity / order_id)", dialect


def test_a_total_that_is_cut_is_not_taken_for_an_exact_one() -> None:
    cut = Metric("half", "simple", "Half", measure="half_quantity")
    names = with_measures(Measure("half_quantity", "sum", "quantity / 2"), metrics=(cut,))
    draft = MetricDraft("found", "Found", "", analyse("SUM(quantity / 2)", names))

    written = compile_metric(draft, names, dialect="postgres").entries

    assert written["metrics"][0]["type_params"] == {"measure": "found_sum"}
    assert written["measures"]["orders"][0]["expr"] == "cast(quantity as double precision) / 2"


@pytest.mark.parametrize(
    ("kind", "read"),
    [
        ("double", (*CUTTING, *EXACT)),
        ("decimal", ("postgres",)),
        ("real", ("snowflake",)),
        ("bignumeric", ()),
        ("decimal(38, 2)", ()),
    ],
)
def test_a_cast_that_rounds_is_no_formula(kind: str, read: tuple[str, ...]) -> None:
    found = {dialect for dialect in (*CUTTING, *EXACT) if total(f"cast(net_amount as {kind})", dialect)}
    assert found == set(read)
    divided = {dialect for dialect in (*CUTTING, *EXACT) if total(f"cast(net_amount as {kind}) / 2", dialect)}
    assert divided == set(read)


def test_a_whole_number_is_the_same_in_decimals() -> None:
    for dialect in (*CUTTING, "bigquery", "databricks"):
        assert total("cast(quantity as decimal) / order_id", dialect) == "SUM(quantity / order_id)"
        assert derived("cast(orders as decimal) / pieces", dialect) == "orders / pieces"


def test_a_rule_that_divides_is_told_as_a_formula_where_that_is_exact() -> None:
    assert formula_of("amount / 2 > 1", "postgres") == ""
    assert formula_of("amount / 2.0 > 1", "postgres") == "amount / 2.0 > 1"
    assert formula_of("amount / 2 > 1", "duckdb") == "amount / 2 > 1"
