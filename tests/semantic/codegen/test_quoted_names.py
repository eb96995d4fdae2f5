"""Names that a warehouse would misread stand in its own quotes; all others stand bare."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import duckdb
import pytest

from semantic.codegen.conditions import column_sql
from semantic.codegen.elements import compile_dimension
from semantic.codegen.metrics import MetricDraft, compile_metric
from semantic.definitions import Column, Dimension, Entity, Measure, Metric, Model, SemanticModel, Vocabulary
from semantic.elements import DimensionFields
from semantic.formula import analyse
from semantic.formulas import metric_formula
from semantic.query.sql import metric_sql

pytestmark = pytest.mark.pure

COLUMNS = (
    Column("Order ID", "integer"),
    Column("amount", "number"),
    Column("user", "text"),
    Column("OrderKind", "text"),
    Column("ORDERED_AT", "date"),
)
SEMANTIC = SemanticModel(
    "orders",
    "fct_orders",
    entities=(Entity("order", "primary", '"Order ID"'),),
    dimensions=(Dimension("ordered_at", "time", "ordered_at", "day"),),
    agg_time_dimension="ordered_at",
    file="models/semantics.yml",
)


def names(*dimensions: Dimension, bare: bool = False, dbt: tuple[int, int] = (1, 11)) -> Vocabulary:
    """One model, described with these dimensions; without any semantic model where it is `bare`."""
    semantic = None if bare else replace(SEMANTIC, dimensions=(*SEMANTIC.dimensions, *dimensions))
    model = Model("fct_orders", "model.shop.fct_orders", COLUMNS, file="models/schema.yml", semantic=semantic)
    return Vocabulary(
        {model.name: model}, {}, time_spine="days.day", keys={model.name: "Order ID"}, dbt_version=dbt
    )


def entries(formula: str, known: Vocabulary, dialect: str, time: str = "") -> dict[str, Any]:
    draft = MetricDraft("found", "Found", "", analyse(formula, known), time_column=time)
    return compile_metric(draft, known, dialect=dialect, keys=known.keys).entries


@pytest.mark.parametrize(
    ("name", "dialect", "sql"),
    [
        ("amount", "postgres", "amount"),
        ("amount", "snowflake", "amount"),
        ("OrderKind", "postgres", '"OrderKind"'),
        ("OrderKind", "duckdb", '"OrderKind"'),
        ("OrderKind", "bigquery", "`OrderKind`"),
        ("OrderKind", "databricks", "`OrderKind`"),
        ("Order ID", "snowflake", '"Order ID"'),
        ("user", "postgres", '"user"'),
        ("user", "redshift", '"user"'),
        ("user", "duckdb", '"user"'),
        ("user", "bigquery", "user"),
        ("group", "bigquery", "`group`"),
        ("order", "trino", '"order"'),
        ("order", "databricks", "`order`"),
        ("order", "snowflake", '"ORDER"'),
    ],
)
def test_a_name_is_quoted_as_its_warehouse_does(name: str, dialect: str, sql: str) -> None:
    assert column_sql(name, dialect) == sql


def test_dimensions_and_keys_of_a_new_semantic_model_are_columns_and_no_texts() -> None:
    formula = "SUM(amount) WHERE OrderKind = 'gift'"
    (written,) = entries(formula, names(bare=True), "bigquery", "ORDERED_AT")["semantic_models"]
    assert [dimension["expr"] for dimension in written["dimensions"]] == ["`ORDERED_AT`", "`OrderKind`"]
    assert written["entities"] == [{"name": "order_id", "type": "primary", "expr": "`Order ID`"}]


def test_in_the_latest_spec_a_key_that_needs_quotes_is_sql() -> None:
    written = entries("SUM(amount)", names(bare=True, dbt=(1, 12)), "postgres", "ORDERED_AT")["models"]
    assert written["fct_orders"]["derived_semantics"]["entities"] == [
        {"name": "order_id", "type": "primary", "expr": '"Order ID"'}
    ]


@pytest.mark.parametrize("expr", ['"OrderKind"', "`OrderKind`", "orderkind"])
def test_a_dimension_is_found_however_its_column_is_spelled(expr: str) -> None:
    known = names(Dimension("kind", "categorical", expr))

    written = entries("COUNT(DISTINCT amount) WHERE OrderKind = 'gift'", known, "postgres")

    assert written["metrics"][0]["filter"] == "{{ Dimension('order__kind') }} = 'gift'"
    assert written["dimensions"] == {}
    assert analyse("SUM(amount) WHERE kind = 'gift'", known).ok


def test_a_date_that_yaml_spells_in_small_letters_is_not_declared_again() -> None:
    written = entries("SUM(amount)", names(), "snowflake", "ORDERED_AT")

    assert written["dimensions"] == {}
    assert "agg_time_dimension" not in written["measures"]["orders"][0]


def test_a_proposed_date_that_needs_quotes_dates_its_new_semantic_model() -> None:
    known = names(bare=True)
    fields = DimensionFields(
        name="model.shop.fct_orders:day",
        model="model.shop.fct_orders",
        type="time",
        expr="ORDERED_AT",
        label="Day",
        granularity="day",
    )

    code = compile_dimension(fields, known.models["fct_orders"], known, dialect="bigquery")

    (written,) = code.entries["semantic_models"]
    assert written["defaults"] == {"agg_time_dimension": "day"}
    assert [dimension["expr"] for dimension in written["dimensions"]] == ["`ORDERED_AT`"]


@pytest.mark.parametrize("dialect", ["postgres", "redshift", "duckdb"])
def test_the_user_of_a_row_is_not_whoever_asks(dialect: str) -> None:
    known = names()
    written = entries("SUM(amount) WHERE user = 'x'", known, dialect)
    assert written["measures"]["orders"][0]["expr"] == "case when \"user\" = 'x' then amount end"


def test_a_query_asks_for_the_column_and_says_the_name_back() -> None:
    known = names()
    tree = analyse("COUNT(DISTINCT user) WHERE user <> 'y'", known).tree
    assert tree is not None
    relations = {"fct_orders": "orders"}

    for dialect in ("postgres", "duckdb", "redshift"):
        assert 'fct_orders."user"' in metric_sql(tree, known, relations, dialect=dialect)
    with duckdb.connect() as warehouse:
        warehouse.execute("CREATE TABLE orders AS SELECT unnest(['x', 'y', 'z', 'x']) AS \"user\"")
        answer = warehouse.execute(metric_sql(tree, known, relations, dialect="duckdb")).fetchall()
    assert answer == [(2,)]


def test_what_was_written_in_quotes_is_read_back_as_the_column() -> None:
    known = names()
    written = entries("COUNT(DISTINCT user)", known, "postgres")["measures"]["orders"][0]
    model = known.models["fct_orders"]
    assert model.semantic is not None
    measure = Measure("users", "count_distinct", written["expr"])
    semantic = replace(model.semantic, measures=(measure,))
    metric = Metric("people", "simple", "People", measure="users")
    known = replace(
        known, models={model.name: replace(model, semantic=semantic)}, metrics={metric.name: metric}
    )
    assert metric_formula(metric, known, dialect="postgres") == "COUNT(DISTINCT user)"
