"""dbt's filters, read without running the Jinja in them."""

from __future__ import annotations

import pytest

from semantic.query import filters
from semantic.query.filters import Reference
from semantic.query.rows import Rows, Warehouse, parsed
from semantic.query.spec import Unsupported
from tests.semantic.shop import RELATIONS, vocabulary

SHOP = vocabulary()


def condition_of(text: str, model: str = "fct_orders") -> str:
    rows = Rows(SHOP.models[model], Warehouse(SHOP, RELATIONS, "duckdb"))
    found = filters.condition(text, rows, rows.expression("ordered_at"))
    return found.sql(dialect="duckdb")


@pytest.mark.parametrize(
    "sql",
    ["(" * 3000 + "1" + ")" * 3000, "1" + " + 1" * 2000, "NOT " * 2000 + "a", "a = '" + "x" * 20_000 + "'"],
    ids=["brackets", "a long sum", "denials", "a long text"],
)
def test_sql_without_end_is_nothing_that_we_read(sql: str) -> None:
    with pytest.raises(Unsupported):
        parsed(sql, "duckdb")


@pytest.mark.parametrize("jinja", ["(" * 5000, "-" * 5000 + "1", "Dimension(" * 200, "\x00"])
def test_a_filter_without_end_is_nothing_that_we_read(jinja: str) -> None:
    with pytest.raises(Unsupported, match="cannot be read"):
        filters.reference(jinja)


@pytest.mark.parametrize(
    ("jinja", "reference"),
    [
        ("Dimension('order__status')", Reference("Dimension", ("order",), "status")),
        ('Dimension("a__b__status")', Reference("Dimension", ("a", "b"), "status")),
        ("Dimension('order__day').grain('month')", Reference("Dimension", ("order",), "day", "month")),
        ("TimeDimension('metric_time', 'week')", Reference("TimeDimension", (), "metric_time", "week")),
        (
            "TimeDimension('order__day', time_granularity_name='YEAR')",
            Reference("TimeDimension", ("order",), "day", "year"),
        ),
        ("Dimension('b__status', entity_path=['a'])", Reference("Dimension", ("a", "b"), "status")),
        ("Entity('customer')", Reference("Entity", (), "customer")),
    ],
)
def test_what_stands_between_braces_is_read_as_a_reference(jinja: str, reference: Reference) -> None:
    assert filters.reference(jinja) == reference


@pytest.mark.parametrize(
    "jinja",
    [
        "Metric('revenue', group_by=['customer'])",
        "Dimension(name)",
        "Dimension('x__y', date_part_name='dow')",
        "TimeDimension('x__y', 'hour')",
        "Dimension('x__y', entity_path=paths)",
        "env_var('HOME')",
        "__import__('os').system('true')",
        "Dimension(",
        "1",
    ],
)
def test_anything_else_between_braces_is_refused(jinja: str) -> None:
    with pytest.raises(Unsupported):
        filters.reference(jinja)


@pytest.mark.parametrize(
    ("text", "sql"),
    [
        ("{{ Dimension('order__order_status') }} = 'completed'", "fct_orders.status = 'completed'"),
        (
            "{{Dimension('order__order_status')}} IN ('a', 'b') AND NOT {{ Dimension('order__is_gift') }}",
            "fct_orders.status IN ('a', 'b') AND NOT fct_orders.is_gift",
        ),
        (
            "{{ TimeDimension('order__ordered_at', 'month') }} >= '2026-02-01'",
            "DATE_TRUNC('MONTH', fct_orders.ordered_at) >= '2026-02-01'",
        ),
        (
            "{{ Dimension('order__ordered_at') }} = '2026-02-01'",
            "DATE_TRUNC('DAY', fct_orders.ordered_at) = '2026-02-01'",
        ),
        (
            "{{ TimeDimension('metric_time') }} < '2026-02-01'",
            "DATE_TRUNC('DAY', fct_orders.ordered_at) < '2026-02-01'",
        ),
        ("{{ Entity('customer') }} = 10", "fct_orders.customer_id = 10"),
        ("{{ Dimension('customer__country') }} IS NULL", "dim_customers.country IS NULL"),
    ],
)
def test_a_filter_is_a_condition_on_columns(text: str, sql: str) -> None:
    assert condition_of(text) == sql


@pytest.mark.parametrize(
    "text",
    [
        "status = 'completed'",
        "{{ Dimension('order__order_status') }} = status",
        "{% if true %}1 = 1{% endif %}",
        "{{ Dimension('order__order_status') }} IN (SELECT 'completed')",
        "{{ Dimension('order__order_status') }} = 'x'; DROP TABLE fct_orders",
        "{{ Dimension('order__nothing') }} = 1",
        "{{ Dimension('shop__country') }} = 1",
        "{{ Dimension('order_status') }} = 1",
        "{{ Entity('shop') }} = 1",
        "= = 1",
    ],
)
def test_a_filter_that_is_more_than_a_condition_is_refused(text: str) -> None:
    with pytest.raises(Unsupported):
        condition_of(text)
