"""Our own SQL for a formula: what it says, what it computes, and what it refuses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any

import duckdb
import pytest

from semantic.balances import Balance
from semantic.definitions import (
    Column,
    Dimension,
    Entity,
    Measure,
    Metric,
    MetricInput,
    Model,
    SemanticModel,
    Vocabulary,
)
from semantic.formula import analyse
from semantic.formula.tree import Binary, ColumnRef, Literal_, MetricRef, Node, Total, Where
from semantic.query.spec import QuerySpec, Unsupported
from semantic.query.sql import metric_sql, row_count_sql, row_query, sample_sql
from tests.semantic.shop import COMPLETED, RELATIONS, day, plain, tables, vocabulary

SHOP = vocabulary()
MONTHS = QuerySpec(grain="month")


@pytest.fixture(scope="module")
def warehouse() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        for statement in tables():
            connection.execute(statement)
        connection.execute(
            "CREATE TABLE days AS SELECT CAST(range AS DATE) AS date_day "
            "FROM range(DATE '2025-12-01', DATE '2026-07-01', INTERVAL 1 DAY)"
        )
        yield connection


def tree_of(formula: str, model: str = "fct_orders", known: Vocabulary = SHOP) -> Node:
    analysis = analyse(formula, known, model=model)
    assert analysis.tree is not None, analysis.problems
    return analysis.tree


def sql_of(formula: str, spec: QuerySpec | None = None, *, time: str = "", known: Vocabulary = SHOP) -> str:
    tree = tree_of(formula, known=known)
    return metric_sql(tree, known, RELATIONS, dialect="duckdb", spec=spec, time_column=time)


def total(warehouse: duckdb.DuckDBPyConnection, sql: str) -> Any:
    ((value,),) = warehouse.execute(sql).fetchall()
    return plain(value)


def series(warehouse: duckdb.DuckDBPyConnection, sql: str) -> dict[str, Any]:
    return {day(period).isoformat()[:7]: plain(value) for period, value in warehouse.execute(sql).fetchall()}


def with_metric(metric: Metric, *measures: Measure) -> Vocabulary:
    orders = SHOP.models["fct_orders"]
    assert orders.semantic is not None
    semantic = replace(orders.semantic, measures=(*orders.semantic.measures, *measures))
    models = {**SHOP.models, "fct_orders": replace(orders, semantic=semantic)}
    return replace(SHOP, models=models, metrics={**SHOP.metrics, metric.name: metric})


def test_one_total_is_one_aggregate_over_the_rows_that_fulfil_its_condition() -> None:
    sql = sql_of("SUM(net_amount) WHERE status = 'completed'", MONTHS)

    assert " ".join(sql.split()) == (
        "SELECT CAST(DATE_TRUNC('MONTH', fct_orders.ordered_at) AS DATE) AS period, "
        "SUM(fct_orders.net_amount) AS value FROM fct_orders AS fct_orders "
        "WHERE fct_orders.status = 'completed' AND fct_orders.ordered_at IS NOT NULL "
        "GROUP BY CAST(DATE_TRUNC('MONTH', fct_orders.ordered_at) AS DATE) ORDER BY period"
    )


def test_rows_are_counted_plainly() -> None:
    assert "COUNT(*) AS value" in sql_of("COUNT(*) WHERE is_gift", MONTHS)
    assert "COUNT(fct_orders.discount) AS value" in sql_of("COUNT(discount)", MONTHS)
    assert "NULLIF(COUNT(*), 0) AS value" in sql_of("COUNT(*)")


def test_totals_over_the_same_rows_share_one_scan() -> None:
    sql = sql_of("(SUM(net_amount) WHERE status = 'completed') / SUM(net_amount)", MONTHS)

    assert sql.count("FROM") == 1
    assert "SUM(CASE WHEN fct_orders.status = 'completed' THEN fct_orders.net_amount END)" in sql


def test_a_share_of_one_total_in_itself_is_not_1(warehouse: duckdb.DuckDBPyConnection) -> None:
    sql = sql_of("(SUM(net_amount) WHERE status = 'completed') / SUM(net_amount)")

    assert total(warehouse, sql) == plain(150 / 325)


@pytest.mark.parametrize(
    "formula",
    [
        "SUM(net_amount) WHERE status = 'nowhere'",
        "COUNT(*) WHERE status = 'nowhere'",
        "COUNT(order_id) WHERE status = 'nowhere'",
        "AVERAGE(net_amount) WHERE status = 'nowhere'",
        "SUM(net_amount) / (SUM(discount) WHERE quantity = 4)",
        "SUM(net_amount) / (COUNT(*) WHERE status = 'nowhere')",
        "SUM(net_amount) + (SUM(net_amount) WHERE status = 'nowhere')",
    ],
)
def test_nothing_to_total_and_a_divisor_of_0_are_blank(
    warehouse: duckdb.DuckDBPyConnection, formula: str
) -> None:
    assert total(warehouse, sql_of(formula)) is None


def test_a_period_without_a_matching_row_is_blank_for_every_kind_of_total(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    formula = "(COUNT(DISTINCT customer_id) WHERE status = 'completed') / COUNT(*)"

    found = series(warehouse, sql_of(formula, MONTHS))

    # March has a completed order, but of an unknown customer; February and May have none.
    assert found == {"2026-01": 0.5, "2026-02": None, "2026-03": 0.0, "2026-05": None}


def test_a_condition_on_a_neighbour_joins_it_without_repeating_rows(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    sql = sql_of("SUM(net_amount) WHERE dim_customers.country = 'FR'")

    assert "LEFT JOIN dim_customers" in sql
    assert total(warehouse, sql) == 155.0


def test_one_entity_may_lead_to_several_models_and_each_further_one_from_any_of_them() -> None:
    customer, region = Entity("customer", "primary", "customer_id"), Entity("region", "primary", "country")
    customers = SHOP.models["dim_customers"]
    assert customers.semantic is not None
    living = replace(customers.semantic, entities=(customer, Entity("region", "foreign", "country")))
    added = {
        "dim_customers": replace(customers, semantic=living),
        "a_segments": SemanticModel(
            "a", "a_segments", (customer,), (Dimension("segment", "categorical", "segment"),)
        ),
        "regions": SemanticModel("r", "regions", (region,), (Dimension("area", "categorical", "area"),)),
    }
    new = {
        name: one if isinstance(one, Model) else Model(name, f"model.shop.{name}", semantic=one)
        for name, one in added.items()
    }
    known = replace(SHOP, models={**new, "fct_orders": SHOP.models["fct_orders"]})
    filters = (
        "{{ Dimension('customer__country') }} = 'DE' and {{ Dimension('customer__segment') }} = 'new'",
        "{{ Dimension('customer__region__area') }} = 'EU'",
    )
    metric = Metric("found", "simple", measure="net_amount_total", filters=filters)
    sql = metric_sql(
        MetricRef("found"),
        replace(known, metrics={"found": metric}),
        {name: name for name in known.models},
        dialect="duckdb",
    )

    for joined in (
        "LEFT JOIN dim_customers AS dim_customers ON fct_orders.customer_id = dim_customers.customer_id",
        "LEFT JOIN a_segments AS a_segments ON fct_orders.customer_id = a_segments.customer_id",
        "LEFT JOIN regions AS regions ON dim_customers.country = regions.country",
    ):
        assert " ".join(sql.split()).count(joined) == 1, sql


def test_totals_of_several_models_meet_by_period(warehouse: duckdb.DuckDBPyConnection) -> None:
    formula = "SUM(fct_orders.net_amount) / COUNT(dim_customers.*)"

    found = series(warehouse, sql_of(formula, MONTHS))

    assert found == {
        "2025-12": None,
        "2026-01": 150.0,
        "2026-02": 100.0,
        "2026-03": None,
        "2026-05": None,
    }
    assert total(warehouse, sql_of(formula)) == plain(325 / 3)


def test_rows_may_be_dated_by_another_column(warehouse: duckdb.DuckDBPyConnection) -> None:
    found = series(warehouse, sql_of("COUNT(*)", MONTHS, time="delivered_on"))

    # Two orders were never delivered; they belong to no month.
    assert found == {"2026-01": 2.0, "2026-02": 1.0, "2026-06": 1.0}


@pytest.mark.parametrize(
    ("spec", "value"),
    [
        (QuerySpec(start=date(2026, 1, 6), end=date(2026, 2, 13)), 130.0),
        (QuerySpec(start=date(2026, 1, 20), end=date(2026, 1, 20)), 50.0),
        (QuerySpec(end=date(2026, 1, 31)), 150.0),
    ],
)
def test_the_first_and_the_last_day_are_included_to_their_last_minute(
    warehouse: duckdb.DuckDBPyConnection, spec: QuerySpec, value: float
) -> None:
    assert total(warehouse, sql_of("SUM(net_amount)", spec)) == value


def test_days_asked_for_are_widened_to_whole_periods(warehouse: duckdb.DuckDBPyConnection) -> None:
    spec = QuerySpec(grain="month", start=date(2026, 1, 15), end=date(2026, 2, 3))

    assert series(warehouse, sql_of("SUM(net_amount)", spec)) == {"2026-01": 150.0, "2026-02": 100.0}


@pytest.mark.parametrize(
    ("grain", "first", "after"),
    [
        ("day", date(2026, 5, 14), date(2026, 5, 15)),
        ("week", date(2026, 5, 11), date(2026, 5, 18)),
        ("month", date(2026, 5, 1), date(2026, 6, 1)),
        ("quarter", date(2026, 4, 1), date(2026, 7, 1)),
        ("year", date(2026, 1, 1), date(2027, 1, 1)),
    ],
)
def test_a_day_lies_in_one_period_of_each_length(grain: Any, first: date, after: date) -> None:
    asked = QuerySpec(grain=grain, start=date(2026, 5, 14), end=date(2026, 5, 14))

    assert asked.days() == (first, after)


def test_a_limit_keeps_the_first_periods(warehouse: duckdb.DuckDBPyConnection) -> None:
    sql = sql_of("COUNT(*)", QuerySpec(grain="month", limit=2))

    assert list(series(warehouse, sql)) == ["2026-01", "2026-02"]


@pytest.mark.parametrize(
    ("name", "value"),
    [("revenue", 325.0), ("completed_revenue", 150.0), ("revenue_per_customer", plain(325 / 3))],
)
def test_a_metric_is_computed_from_its_own_definition(
    warehouse: duckdb.DuckDBPyConnection, name: str, value: float
) -> None:
    assert total(warehouse, sql_of(name)) == value


def test_a_condition_on_a_metric_reaches_every_total_in_it(warehouse: duckdb.DuckDBPyConnection) -> None:
    ratio = Metric(
        "average_order",
        "ratio",
        numerator=MetricInput("completed_revenue"),
        denominator=MetricInput("orders_total"),
    )

    sql = sql_of("average_order WHERE is_gift = FALSE", known=with_metric(ratio))

    assert total(warehouse, sql) == plain(50 / 3)


def test_a_derived_metric_is_the_sql_that_its_author_wrote(warehouse: duckdb.DuckDBPyConnection) -> None:
    metric = Metric(
        "gap",
        "derived",
        expr="coalesce(rest, 0) - revenue * 2",
        inputs=(MetricInput("revenue"), MetricInput("revenue", alias="rest", filters=(COMPLETED,))),
    )

    assert total(warehouse, sql_of("gap", known=with_metric(metric))) == 150.0 - 650.0


def test_a_metric_may_show_0_where_it_would_be_blank(warehouse: duckdb.DuckDBPyConnection) -> None:
    filled = Metric("filled", "simple", measure="net_amount_total", fill_nulls_with=0, join_to_timespine=True)

    found = series(warehouse, sql_of("filled", MONTHS, known=with_metric(filled)))

    assert found["2026-03"] == 0.0
    assert found["2026-04"] == 0.0
    assert list(found) == [f"2026-{month:02}" if month else "2025-12" for month in range(7)]


@pytest.mark.parametrize(
    ("keep", "january", "february"),
    [("first", 100.0, 230.0), ("last", 150.0, 100.0), ("average", 3300 / 27, 3890 / 28)],
)
def test_a_running_total_takes_the_first_the_last_or_the_mean_day_of_a_period(
    warehouse: duckdb.DuckDBPyConnection, keep: str, january: float, february: float
) -> None:
    running = Metric("running", "cumulative", measure="net_amount_total", window="31 days", period_agg=keep)

    found = series(warehouse, sql_of("running", MONTHS, known=with_metric(running)))

    assert found["2026-01"] == pytest.approx(january)
    assert found["2026-02"] == pytest.approx(february)


def test_a_total_to_date_starts_anew_with_each_period(warehouse: duckdb.DuckDBPyConnection) -> None:
    to_date = Metric(
        "to_date", "cumulative", measure="net_amount_total", grain_to_date="month", period_agg="last"
    )

    found = series(warehouse, sql_of("to_date", MONTHS, known=with_metric(to_date)))

    assert found == {"2026-01": 150.0, "2026-02": 100.0, "2026-03": None, "2026-05": 75.0}


def test_a_metric_moved_in_time_stands_beside_the_later_period(warehouse: duckdb.DuckDBPyConnection) -> None:
    before = MetricInput("revenue", alias="before", offset_window="1 month")
    growth = Metric("growth", "derived", expr="revenue - before", inputs=(MetricInput("revenue"), before))
    known = with_metric(growth)

    found = series(warehouse, sql_of("growth", MONTHS, known=known))

    assert found["2026-02"] == -50.0
    assert found["2026-06"] is None
    with pytest.raises(Unsupported, match="by period"):
        sql_of("growth", known=known)


def test_a_balance_is_that_of_the_last_day_of_a_period(warehouse: duckdb.DuckDBPyConnection) -> None:
    balance = Balance("stock", "sum", "quantity", dimension="ordered_at", choice="max")
    known = with_metric(Metric("stock_level", "simple", measure="stock"), balance)

    assert total(warehouse, sql_of("stock_level", known=known)) == 4.0
    assert series(warehouse, sql_of("stock_level", MONTHS, known=known)) == {
        "2026-01": 1.0,
        "2026-02": 1.0,
        "2026-03": 0.0,
        "2026-05": 4.0,
    }


@pytest.mark.parametrize(
    ("metric", "sentence"),
    [
        (Metric("m", "conversion"), "only MetricFlow can compute"),
        (Metric("m", "simple", measure="unknown"), "only MetricFlow can compute"),
        (Metric("m", "derived", expr="m + 1", inputs=(MetricInput("m"),)), "defined by itself"),
        (Metric("m", "derived", expr="other", inputs=(MetricInput("revenue"),)), "none of its inputs"),
        (Metric("m", "derived", expr="revenue", inputs=(MetricInput("gone", "revenue"),)), "no metric gone"),
        (
            Metric("m", "simple", measure="net_amount_total", filters=("{{ Metric('revenue') }} > 1",)),
            "only MetricFlow",
        ),
        (Metric("m", "simple", measure="net_amount_total", filters=("status = 'x'",)), "whose dimension"),
        (Metric("m", "cumulative", measure="net_amount_total", window="3 fortnights"), "does not know"),
    ],
)
def test_what_only_metricflow_can_compute_is_refused_with_a_sentence(metric: Metric, sentence: str) -> None:
    with pytest.raises(Unsupported, match=sentence):
        metric_sql(MetricRef("m"), with_metric(metric), RELATIONS, dialect="duckdb")


def test_rows_without_a_known_date_have_no_periods() -> None:
    with pytest.raises(Unsupported, match="choose its date column"):
        metric_sql(tree_of("COUNT(*)", "fct_visits"), SHOP, RELATIONS, dialect="duckdb", spec=MONTHS)


def test_a_model_that_was_not_built_cannot_be_asked() -> None:
    with pytest.raises(Unsupported, match="not been built"):
        metric_sql(tree_of("SUM(net_amount)"), SHOP, {}, dialect="duckdb")


def test_rows_dated_by_month_are_not_asked_by_day() -> None:
    orders = SHOP.models["fct_orders"]
    assert orders.semantic is not None
    monthly = tuple(
        replace(d, granularity="month") if isinstance(d, Dimension) and d.name == "ordered_at" else d
        for d in orders.semantic.dimensions
    )
    models = {"fct_orders": replace(orders, semantic=replace(orders.semantic, dimensions=monthly))}
    known = replace(SHOP, models=models)

    with pytest.raises(Unsupported, match="dated by month"):
        sql_of("SUM(net_amount)", QuerySpec(grain="day"), known=known)


HOSTILE = [
    "'; DROP TABLE fct_orders; --",
    'it\'s "quoted" and \\',
    "line\nbreak",
    "{{ env_var('HOME') }}",
    "%s %(x)s $1 ?",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_text_is_only_ever_a_text(warehouse: duckdb.DuckDBPyConnection, text: str) -> None:
    condition = Binary("=", ColumnRef("fct_orders", "status"), Literal_(text))
    tree = Where(Total("COUNT", model="fct_orders"), condition)

    assert total(warehouse, metric_sql(tree, SHOP, RELATIONS, dialect="duckdb")) is None
    assert total(warehouse, "SELECT COUNT(*) FROM fct_orders") == 6


def test_names_that_need_quotes_get_them(warehouse: duckdb.DuckDBPyConnection) -> None:
    warehouse.execute('CREATE OR REPLACE TABLE odd AS SELECT 3 AS "select ""1""", 4 AS "Größe"')
    model = replace(
        SHOP.models["fct_visits"],
        name="odd",
        columns=(Column('select "1"', "integer"), Column("Größe", "integer")),
    )
    known = replace(SHOP, models={"odd": model})
    tree = tree_of('SUM([select "1"] * [Größe])', "odd", known)

    assert total(warehouse, metric_sql(tree, known, {"odd": "odd"}, dialect="duckdb")) == 12.0


def test_a_sample_shows_the_rows_behind_a_number(warehouse: duckdb.DuckDBPyConnection) -> None:
    tree = tree_of("SUM(net_amount) WHERE dim_customers.country = 'FR'")

    sql = sample_sql(tree, SHOP, RELATIONS, dialect="duckdb", limit=1)

    found = warehouse.execute(sql)
    assert [column[0] for column in found.description] == [
        "order_id",
        "ordered_at",
        "net_amount",
        "dim_customers_country",
    ]
    assert [row[0] for row in found.fetchall()] == [6]


def test_the_rows_behind_a_number_can_be_counted(warehouse: duckdb.DuckDBPyConnection) -> None:
    tree = tree_of("(SUM(net_amount) WHERE quantity > 2) / (COUNT(*) WHERE status = 'completed')")

    assert total(warehouse, row_count_sql(tree, SHOP, RELATIONS, dialect="duckdb")) == 5


def test_a_metric_over_one_model_can_be_said_without_its_table() -> None:
    query = row_query(
        tree_of("SUM(net_amount) / SUM(quantity) WHERE is_gift"), SHOP, dialect="postgres", grain="month"
    )

    assert query.model == "fct_orders"
    assert query.value == "CAST(SUM(net_amount) AS DOUBLE PRECISION) / NULLIF(SUM(quantity), 0)"
    assert (query.condition, query.time) == ("is_gift", "ordered_at")


@pytest.mark.parametrize(
    "formula",
    ["SUM(net_amount) WHERE dim_customers.country = 'DE'", "SUM(net_amount) / COUNT(dim_customers.*)"],
)
def test_a_metric_over_several_models_cannot_be_said_over_one_table(formula: str) -> None:
    with pytest.raises(Unsupported):
        row_query(tree_of(formula), SHOP, dialect="postgres", grain="month")
