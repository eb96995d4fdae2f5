"""dbt's artefacts as definitions, and dbt's metrics as formulas."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from semantic.balances import Balance
from semantic.codegen.conditions import row_sql
from semantic.definitions import Measure, Metric, MetricInput, Vocabulary
from semantic.formula import TOTALS, analyse
from semantic.formula.tree import Total
from semantic.formulas import meaning, metric_formula
from semantic.importer import dialect, primary_keys, relations, value_type, vocabulary
from semantic.query.expressions import portable
from semantic.query.spec import QuerySpec
from semantic.query.sql import metric_sql
from tests.semantic import shop
from tests.semantic.conftest import Known


def node(name: str, **also: Any) -> dict[str, Any]:
    return {
        "name": name,
        "unique_id": f"model.shop.{name}",
        "resource_type": "model",
        "package_name": "shop",
        "original_file_path": f"models/{name}.sql",
        "relation_name": f'"wh"."main"."{name}"',
        "columns": {},
        "config": {"materialized": "table"},
        "version": None,
        "latest_version": None,
        **also,
    }


def manifest(*nodes: dict[str, Any], **also: Any) -> dict[str, Any]:
    return {
        "metadata": {"project_name": "shop", "adapter_type": "duckdb"},
        "nodes": {one["unique_id"]: one for one in nodes},
        **also,
    }


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        ("INTEGER", "integer"),
        ("bigint", "integer"),
        ("int8", "integer"),
        ("HUGEINT", "integer"),
        ("smallserial", "integer"),
        ("DECIMAL(18,0)", "integer"),
        ("NUMBER(38)", "integer"),
        ("DECIMAL(18,2)", "number"),
        ("numeric", "number"),
        ("double precision", "number"),
        ("float64", "number"),
        ("VARCHAR(20)", "text"),
        ("character varying", "text"),
        ("STRING", "text"),
        ("uuid", "text"),
        ("ENUM('new', 'interval')", "text"),
        ("DATE", "date"),
        ("DATETIME", "timestamp"),
        ("TIMESTAMP WITH TIME ZONE", "timestamp"),
        ("timestamp_ntz(9)", "timestamp"),
        ("BOOLEAN", "boolean"),
        ("bool", "boolean"),
        ("INTERVAL", "any"),
        ("INTEGER[]", "any"),
        ("STRUCT(a INTEGER, b VARCHAR)", "any"),
        ("jsonb", "any"),
        ("point", "any"),
        ("time", "any"),
        ("", "any"),
    ],
)
def test_a_warehouses_type_is_one_of_few_kinds(raw: str, kind: str) -> None:
    assert value_type(raw) == kind


def test_models_seeds_and_snapshots_are_read_with_their_columns() -> None:
    column = {
        "name": "Total",
        "data_type": "decimal(10,2)",
        "description": "What was paid.",
        "config": {"meta": {"bisync": {"label": "Amount paid"}}},
    }
    orders = node("orders", columns={"Total": column}, patch_path="shop://models/orders.yml")
    seed = node("prices", resource_type="seed", original_file_path="seeds/prices.csv")
    ephemeral = node("step", config={"materialized": "ephemeral"})
    test = node("unique_orders", resource_type="test")

    known = vocabulary(manifest(orders, seed, ephemeral, test), {})

    assert sorted(known.models) == ["orders", "prices"]
    assert known.models["orders"].file == "models/orders.yml"
    assert known.models["prices"].file == "seeds/prices.csv"
    (found,) = known.models["orders"].columns
    assert (found.name, found.type, found.label) == ("Total", "number", "Amount paid")
    assert found.description == "What was paid."


def test_the_warehouse_knows_columns_better_than_yaml() -> None:
    declared = {"name": {"name": "name", "data_type": "text"}, "gone": {"name": "gone"}}
    orders = node("orders", columns=declared)

    known = vocabulary(manifest(orders), {}, {"model.shop.orders": {"NAME": "INTEGER", "extra": "DATE"}})

    assert [(c.name, c.type) for c in known.models["orders"].columns] == [
        ("name", "integer"),
        ("extra", "date"),
    ]


def test_of_two_models_with_one_name_the_projects_own_is_meant_and_of_versions_the_latest() -> None:
    theirs = node("orders", unique_id="model.package.orders", package_name="package")
    old = node("sales", unique_id="model.shop.sales.v1", version=1, latest_version=2)
    new = node("sales", unique_id="model.shop.sales.v2", version=2, latest_version=2)

    known = vocabulary(manifest(theirs, node("orders"), old, new), {})

    assert known.models["orders"].unique_id == "model.shop.orders"
    assert known.models["sales"].unique_id == "model.shop.sales.v2"


def test_what_belongs_to_a_package_has_no_file_to_write_to() -> None:
    theirs = node("orders", unique_id="model.package.orders", package_name="package")

    assert vocabulary(manifest(theirs), {}).models["orders"].file == ""


@pytest.mark.parametrize(
    ("said", "version"), [("1.11.16", (1, 11)), ("1.9.0b2", (1, 9)), ("", (1, 8)), (None, (1, 8))]
)
def test_the_dbt_that_code_is_written_for_is_the_one_that_read_the_project(
    said: str | None, version: tuple[int, int]
) -> None:
    assert vocabulary({"metadata": {"dbt_version": said}}, {}).dbt_version == version


def test_a_time_spine_is_known_as_dbt_told_it_before_models_could() -> None:
    place = '"shop"."main"."metricflow_time_spine"'
    days = node("metricflow_time_spine", relation_name=place)
    told = {"location": place, "column_name": "date_day", "grain": "day"}

    def spine(*tables: dict[str, str]) -> str:
        said = {"project_configuration": {"time_spine_table_configurations": list(tables)}}
        return vocabulary(manifest(days), said).time_spine

    assert spine(told) == "metricflow_time_spine.date_day"
    assert spine({**told, "grain": "month"}, {**told, "location": "elsewhere"}) == ""


def test_an_empty_manifest_is_an_empty_vocabulary() -> None:
    known = vocabulary({}, {})

    assert (known.models, known.metrics, known.time_spine) == ({}, {}, "")


@pytest.mark.parametrize(
    ("adapter", "spelled"), [("duckdb", "duckdb"), ("sqlserver", "tsql"), ("snowflake", "snowflake")]
)
def test_the_adapter_says_how_sql_is_spelled(adapter: str, spelled: str) -> None:
    assert dialect({"metadata": {"adapter_type": adapter}}) == spelled


# Formulas, without dbt

SHOP = shop.vocabulary()


def with_metric(metric: Metric, *measures: Measure) -> Vocabulary:
    orders = SHOP.models["fct_orders"]
    assert orders.semantic is not None
    semantic = replace(orders.semantic, measures=(*orders.semantic.measures, *measures))
    models = {**SHOP.models, "fct_orders": replace(orders, semantic=semantic)}
    return replace(SHOP, models=models, metrics={**SHOP.metrics, metric.name: metric})


def formula_of(metric: Metric, *measures: Measure, spelled: str = "duckdb") -> str:
    return metric_formula(metric, with_metric(metric, *measures), dialect=spelled)


@pytest.mark.parametrize(
    ("agg", "expr", "formula"),
    [
        ("sum", "quantity * discount", "SUM(quantity * discount)"),
        ("sum", "(net_amount - discount) / 2", "SUM((net_amount - discount) / 2)"),
        ("sum", "net_amount / nullif(quantity, 0)", "SUM(net_amount / quantity)"),
        ("sum", "cast(net_amount as double) / quantity", "SUM(net_amount / quantity)"),
        ("sum", "1", "COUNT(fct_orders.*)"),
        ("count", "1", "COUNT(fct_orders.*)"),
        ("count", "order_id", "COUNT(order_id)"),
        ("sum", "case when quantity > 1 then 1 end", "COUNT(*) WHERE quantity > 1"),
        ("sum", "case when quantity > 1 then net_amount end", "SUM(net_amount) WHERE quantity > 1"),
        ("sum", "case when quantity > 1 then net_amount else 0 end", "SUM(IF(quantity > 1, net_amount, 0))"),
        (
            "count_distinct",
            "case when quantity > 1 then order_id end",
            "COUNT(DISTINCT IF(quantity > 1, order_id))",
        ),
        (
            "sum",
            "case status when 'completed' then 1 when 'returned' then -1 else 0 end",
            "SUM(CASE WHEN status = 'completed' THEN 1 WHEN status = 'returned' THEN -1 ELSE 0 END)",
        ),
        ("sum_boolean", "is_gift", "SUM(IF(is_gift, 1, 0))"),
        ("sum_boolean", "status is not null and not is_gift", "SUM(IF(status IS NOT BLANK AND NOT is_gift, 1, 0))"),
        ("average", "delivered_on - ordered_at::date", "AVERAGE(DATEDIFF(STARTOF(ordered_at, day), delivered_on, day))"),
        ("average", "date_diff('day', ordered_at, delivered_on)", "AVERAGE(DATEDIFF(ordered_at, delivered_on, day))"),
        (
            "average",
            "date_diff('month', ordered_at::date, delivered_on::date)",
            "AVERAGE(DATEDIFF(ordered_at, delivered_on, month))",
        ),
        ("average", "is_gift::int", "AVERAGE(CASE WHEN is_gift THEN 1 WHEN NOT is_gift THEN 0 END)"),
        ("count_distinct", "date_trunc('month', ordered_at)", "COUNT(DISTINCT STARTOF(ordered_at, month))"),
        ("sum", "case when ordered_at >= current_date - interval 7 day then 1 end", "COUNT(*) WHERE ordered_at >= TODAY() - 7 days"),
        ("sum", "case when status like '%late%' then 1 end", "COUNT(*) WHERE CONTAINS(status, 'late')"),
        ("sum", "case when status not like 're%' then 1 end", "COUNT(*) WHERE NOT STARTSWITH(status, 're')"),
        ("sum", "coalesce(discount, 0)", "SUM(COALESCE(discount, 0))"),
        ("sum", "extract(month from ordered_at)", "SUM(MONTH(ordered_at))"),
        ("count_distinct", "coalesce(status, '') || '-' || coalesce(cast(order_id as varchar), '')", "COUNT(DISTINCT status & '-' & order_id)"),
        # No formula says exactly the same.
        ("count_distinct", "status || '-' || order_id", ""),
        ("sum", "greatest(discount, 1)", ""),
        ("sum", "cast(net_amount as integer)", ""),
        ("sum", "net_amount::decimal(10, 1)", ""),
        ("sum", "quantity // 2", ""),
        ("sum", "case when status ~ 'x' then 1 end", ""),
        ("sum", "unknown_column", ""),
        ("sum", "(select 1)", ""),
        ("sum", "{{ var('x') }}", ""),
        ("sum", "sum(", ""),
        ("sum", "case when status = '{# x #}' then 1 end", ""),
    ],
)  # fmt: skip
def test_a_measure_becomes_a_formula_only_if_that_says_the_same(agg: Any, expr: str, formula: str) -> None:
    metric = Metric("found", "simple", measure="under_test")

    assert formula_of(metric, Measure("under_test", agg, expr)) == formula


@pytest.mark.parametrize(
    ("metric", "formula"),
    [
        (
            Metric("m", "simple", measure="net_amount_total", filters=(shop.COMPLETED,)),
            "SUM(net_amount) WHERE status = 'completed'",
        ),
        (
            Metric(
                "m",
                "simple",
                measure="net_amount_total",
                filters=("{{ Dimension('customer__country') }} = 'DE'", shop.COMPLETED),
            ),
            "SUM(net_amount) WHERE dim_customers.country = 'DE' AND status = 'completed'",
        ),
        (
            Metric(
                "m",
                "simple",
                measure="rows_total",
                filters=("{{ TimeDimension('order__delivered_on', 'day') }} = '2026-01-06'",),
            ),
            "COUNT(*) WHERE delivered_on = DATE '2026-01-06'",
        ),
        (
            Metric(
                "m",
                "simple",
                measure="rows_total",
                filters=("{{ TimeDimension('order__ordered_at', 'day') }} = '2026-01-06'",),
            ),
            "COUNT(*) WHERE STARTOF(ordered_at, day) = DATE '2026-01-06'",
        ),
        (
            Metric(
                "m",
                "ratio",
                numerator=MetricInput("revenue", "done", (shop.COMPLETED,)),
                denominator=MetricInput("revenue"),
            ),
            "(revenue WHERE status = 'completed') / revenue",
        ),
        (
            Metric("m", "ratio", numerator=MetricInput("revenue"), denominator=MetricInput("orders_total")),
            "revenue / orders_total",
        ),
        (
            Metric(
                "m",
                "derived",
                expr="(a - orders_total) / nullif(a, 0) * 100",
                inputs=(MetricInput("revenue", "a"), MetricInput("orders_total")),
            ),
            "(revenue - orders_total) / revenue * 100",
        ),
        (
            Metric(
                "m",
                "derived",
                expr="revenue * 2",
                inputs=(MetricInput("revenue"),),
                filters=(shop.COMPLETED,),
            ),
            "revenue * 2 WHERE status = 'completed'",
        ),
        (
            Metric("m", "simple", measure="net_amount_total", fill_nulls_with=0.0),
            "COALESCE(SUM(net_amount), 0)",
        ),
        (Metric("m", "simple", measure="net_amount_total", join_to_timespine=True), ""),
        (Metric("m", "cumulative", measure="net_amount_total"), "CUMULATIVE(SUM(net_amount), first)"),
        (
            Metric("m", "cumulative", measure="net_amount_total", window="2 weeks", period_agg="average"),
            "ROLLING(SUM(net_amount), 2 weeks, average)",
        ),
        (
            Metric("m", "cumulative", measure="net_amount_total", grain_to_date="year", period_agg="last"),
            "TODATE(SUM(net_amount), year)",
        ),
        (Metric("m", "cumulative", measure="net_amount_total", window="2 hours"), ""),
        (Metric("m", "conversion"), ""),
        (Metric("m", "simple", measure="nowhere"), ""),
        (
            Metric(
                "m",
                "derived",
                expr="revenue - before",
                inputs=(MetricInput("revenue"), MetricInput("revenue", "before", offset_window="1 month")),
            ),
            "revenue - PRIOR(revenue, 1 month)",
        ),
        (
            Metric("m", "simple", measure="rows_total", filters=("{{ Metric('revenue') }} > 1",)),
            "",
        ),
    ],
)
def test_a_metric_becomes_a_formula_where_formulas_can_say_it(metric: Metric, formula: str) -> None:
    assert formula_of(metric) == formula


def test_a_level_is_no_formula() -> None:
    balance = Balance("stock", "sum", "quantity", dimension="ordered_at")

    assert formula_of(Metric("m", "simple", measure="stock"), balance) == ""


def written(formula: str) -> dict[str, object]:
    return {"bisync": {"formula": formula}}


def test_an_authors_spelling_is_kept_while_it_means_what_dbt_computes() -> None:
    own = "SUMIF(net_amount, status = 'completed')"
    metric = Metric("m", "simple", measure="net_amount_total", filters=(shop.COMPLETED,), meta=written(own))

    assert formula_of(metric) == own


def test_a_definition_that_was_changed_in_dbt_is_told_as_it_is_now() -> None:
    metric = Metric("m", "simple", measure="net_amount_total", meta=written("SUM(discount)"))

    assert formula_of(metric) == "SUM(net_amount)"


@pytest.mark.parametrize("meta", [{"bisync": {"formula": 3}}, {"bisync": "x"}, written("SUM("), written("")])
def test_a_spelling_that_is_none_is_overlooked(meta: dict[str, object]) -> None:
    assert formula_of(Metric("m", "simple", measure="net_amount_total", meta=meta)) == "SUM(net_amount)"


@pytest.mark.parametrize(
    "formula",
    [
        "SUM(ROUND(net_amount / 3, 1))",
        "SUM(GREATEST(discount, 1))",
        "SUM(MOD(quantity, 2))",
        "SUM(DATEDIFF(ordered_at, delivered_on, month))",
        "AVERAGE(delivered_on - ordered_at)",
        "COUNT(DISTINCT status & quantity)",
        "SUM(net_amount / quantity)",
        "COUNT(DISTINCT DATEADD(delivered_on, quantity, day))",
    ],
)
def test_what_was_written_by_bisync_is_recognised(formula: str) -> None:
    total = analyse(formula, SHOP, model="fct_orders").tree
    assert isinstance(total, Total)
    assert total.arg is not None
    measure = Measure("written", TOTALS[total.name], row_sql(total.arg, SHOP, "duckdb"))

    metric = Metric("m", "simple", measure="written", meta=written(formula))

    assert formula_of(metric, measure) == formula


def test_a_name_that_several_models_have_is_written_with_its_model() -> None:
    measure = Measure("buyers", "count_distinct", "customer_id")

    found = formula_of(Metric("m", "simple", measure="buyers"), measure)

    assert found == "COUNT(DISTINCT fct_orders.customer_id)"


def test_two_spellings_of_one_meaning_are_the_same() -> None:
    def meant(formula: str) -> str:
        tree = analyse(formula, SHOP, model="fct_orders").tree
        assert tree is not None
        return meaning(tree, SHOP, dialect="duckdb")

    assert meant("completed_revenue / revenue") == meant(
        "SUMIF(net_amount, status = 'completed') / SUM(net_amount)"
    )
    assert meant("SUM(discount) WHERE is_gift AND quantity > 1") == meant(
        "SUM(discount) WHERE quantity > 1 AND is_gift"
    )
    assert meant("SUM(discount) WHERE is_gift") != meant("SUM(discount) WHERE NOT is_gift")
    assert meant("COUNT(*) WHERE ordered_at IN LAST 7 DAYS") == meant(
        "COUNT(*) WHERE ordered_at >= TODAY() + 1 day - 7 days AND ordered_at < TODAY() + 1 day"
    )


def test_duckdb_projects_are_written_in_words_that_postgresql_reads_too() -> None:
    assert (portable("duckdb"), portable("postgres"), portable("snowflake")) == (
        "postgres",
        "postgres",
        "snowflake",
    )


# With dbt

FORMULAS = {
    "average_order": "revenue / orders_total * 1.0",
    "buyers": "COUNT(DISTINCT customer_id) WHERE status IN ('completed', 'returned') "
    "AND ordered_at < DATE '2026-03-01'",
    "completed_in_measure": "SUM(net_amount) WHERE status = 'completed'",
    "completed_revenue": "SUM(net_amount) WHERE status = 'completed'",
    "completed_share": "(revenue WHERE status = 'completed') / revenue",
    "customers_total": "COUNT(dim_customers.*)",
    "deliveries": "COUNT(fct_orders.*)",
    "german_revenue": "SUM(net_amount) WHERE dim_customers.country = 'DE'",
    "gifts": "SUM(IF(is_gift, 1, 0))",
    "median_amount": "MEDIAN(net_amount)",
    "orders_total": "COUNT(fct_orders.*)",
    "p90_amount": "PERCENTILE(net_amount, 0.9)",
    "revenue": "SUM(net_amount)",
    "revenue_30d": "ROLLING(SUM(net_amount), 30 days)",
    "revenue_every_month": "",
    "revenue_filled": "COALESCE(SUM(net_amount), 0) WHERE status = 'returned'",
    "revenue_growth": "(revenue - PRIOR(revenue, 1 month)) / PRIOR(revenue, 1 month)",
    "revenue_per_customer": "revenue / customers_total",
    "revenue_so_far": "CUMULATIVE(SUM(net_amount), first)",
    "revenue_this_month": "TODATE(SUM(net_amount), month)",
    "spring_revenue": "SUM(net_amount) WHERE STARTOF(ordered_at, month) >= DATE '2026-02-01' OR is_gift",
}


@pytest.mark.dbt
@pytest.mark.slow
def test_a_dbt_project_is_read_from_what_dbt_wrote(known: Known) -> None:
    found = known.vocabulary
    orders = found.models["fct_orders"]

    assert found.time_spine == "days.date_day"
    assert known.keys == {"fct_orders": "order_id", "dim_customers": "customer_id"}
    assert primary_keys(known.shop.manifest) == known.keys
    assert relations(known.shop.manifest)["fct_orders"] == '"warehouse"."main"."fct_orders"'
    assert [(c.name, c.type) for c in orders.columns][:5] == [
        ("order_id", "integer"),
        ("customer_id", "integer"),
        ("ordered_at", "timestamp"),
        ("delivered_on", "date"),
        ("status", "text"),
    ]
    assert orders.column("status").label == "Order status"  # type: ignore[union-attr]
    assert orders.semantic is not None
    assert orders.semantic.own_entity == "order"
    assert found.models["fct_visits"].semantic is None
    assert found.metrics["revenue_30d"].window == "30 days"
    assert found.metrics["revenue"].file == "models/metrics.yml"
    assert found.metrics["revenue"].unique_id == "metric.shop.revenue"
    assert {name: metric.formula for name, metric in found.metrics.items()} == FORMULAS


@pytest.mark.dbt
@pytest.mark.slow
@pytest.mark.parametrize("grain", [None, "month"])
def test_a_metric_read_as_a_formula_gives_metricflows_numbers(known: Known, grain: Any) -> None:
    # This one is dated by delivery, which a formula does not say; the form has a field of its own for it.
    time = {"deliveries": "delivered_on"}
    asked = known.shop.series if grain else known.shop.value
    apart = {}
    by_period = {"revenue_30d", "revenue_growth", "revenue_this_month"}
    for name, formula in FORMULAS.items():
        if formula and (grain or name not in by_period):
            tree = known.analysed(formula).tree
            assert tree is not None
            ours = metric_sql(
                tree,
                known.vocabulary,
                known.relations,
                dialect="duckdb",
                spec=QuerySpec(grain=grain),
                time_column=time.get(name, ""),
            )
            theirs = known.engine.sql(name, grain=grain)
            if asked(ours) != asked(theirs):
                apart[name] = (asked(ours), asked(theirs))
    assert apart == {}
