"""The tiny shop with its semantic layer in dbt's latest spec, inside the models' entries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import duckdb

from semantic.codegen.metrics import compile_metric
from semantic.definitions import Measure, Vocabulary
from tests.semantic import shop
from tests.semantic.published import PUBLISHED, draft_of

SCHEMA = """version: 2

groups:
  - name: sales
    owner: {name: Sales team}

models:
  - name: days  # one row for each day
    time_spine: {standard_granularity_column: date_day}
    columns:
      - name: date_day
        granularity: day

  - name: fct_orders
    description: One row for each order.
    semantic_model: {enabled: true, name: orders}
    agg_time_dimension: ordered_at
    columns:
      - name: order_id
        entity: {type: primary, name: order}
        tests: [unique, not_null]
      - {name: customer_id, entity: {type: foreign, name: customer}}
      - name: ordered_at
        granularity: day
        dimension: {type: time}
      - {name: delivered_on, granularity: day, dimension: {type: time}}
      - name: status  # as the till says it
        description: Where the order stands.
        dimension: {type: categorical, name: order_status, label: Order status}
      - name: is_gift
        dimension: categorical
    derived_semantics:
      dimensions:
        - {name: is_bulk, type: categorical, expr: quantity > 2, label: Bulk order}
    metrics:
      - name: revenue
        label: Revenue
        description: All net revenue.
        type: simple
        agg: sum
        expr: net_amount
      - name: completed_revenue
        label: Completed revenue
        type: simple
        agg: sum
        expr: net_amount
        filter: "{{ Dimension('order__order_status') }} = 'completed'"
      - {name: orders_total, label: Orders, type: simple, agg: count, expr: "1"}
    tests:
      - not_null:
          arguments: {column_name: ordered_at}

  - name: dim_customers
    columns:
      - name: customer_id
        entity: {type: primary, name: customer}
        data_tests: [unique, not_null]
      - name: signed_up_on
        granularity: day
        dimension: {type: time}
      - name: country
        dimension: {type: categorical, label: Country}
    derived_semantics:
      dimensions:
        - {name: is_german, type: categorical, expr: country = 'DE'}
    semantic_model: {enabled: true, name: customers}
    agg_time_dimension: signed_up_on
    metrics:
      - {name: customers_total, label: Customers, type: simple, agg: count, expr: "1"}
"""

METRICS = """# What the sales team looks at
metrics:
  - name: revenue_per_customer
    label: Revenue per customer
    type: ratio
    numerator: revenue
    denominator: customers_total
  - name: average_order
    label: Average order
    type: derived
    expr: revenue / nullif(orders_total, 0) * 1.0
    input_metrics: [revenue, orders_total]
"""

FILES: Mapping[str, str] = {
    **{path: text for path, text in shop.FILES.items() if not path.endswith(".yml") or "/" not in path},
    "models/schema.yml": SCHEMA,
    "models/metrics.yml": METRICS,
}


def tables() -> duckdb.DuckDBPyConnection:
    """The shop's tables in a warehouse of their own."""
    connection = duckdb.connect()
    for statement in shop.tables():
        connection.execute(statement)
    connection.execute(f"CREATE TABLE days AS {shop.FILES['models/days.sql']}")
    return connection


def columns() -> dict[str, dict[str, str]]:
    """`unique_id` of each model → the types of its columns."""
    found: dict[str, dict[str, str]] = {}
    with tables() as connection:
        listed = connection.execute(
            "SELECT table_name, column_name, data_type FROM information_schema.columns ORDER BY ordinal_position"
        )
        for table, column, kind in listed.fetchall():
            found.setdefault(f"model.shop.{table}", {})[column] = kind
    return found


def written(known: Vocabulary) -> dict[str, str]:
    """The shop's properties files after every formula of `published` has been written into them."""
    files = {path: text.lstrip() for path, text in FILES.items()}
    for name in PUBLISHED:
        for change in compile_metric(draft_of(name, known), known, keys=known.keys).changes:
            before = files.get(change.path)
            files[change.path] = change.apply(before.encode() if before else None).decode()
    return files


def _vocabulary() -> Vocabulary:
    """The shop as definitions, for tests that need no dbt."""
    known = shop.vocabulary()
    totals = {
        "fct_orders": (
            Measure("revenue", "sum", "net_amount", inline=True),
            Measure("completed_revenue", "sum", "net_amount", inline=True),
            Measure("orders_total", "count", "1", inline=True),
        ),
        "dim_customers": (Measure("customers_total", "count", "1", inline=True),),
    }
    models = {}
    for name, model in known.models.items():
        semantic = model.semantic and replace(
            model.semantic, measures=totals[name], file="models/schema.yml", spec="latest"
        )
        models[name] = replace(model, semantic=semantic)
    metrics = {
        name: replace(
            metric,
            measure=name if metric.measure else "",
            file="models/schema.yml" if metric.measure else "models/metrics.yml",
            spec="latest",
        )
        for name, metric in known.metrics.items()
    }
    return replace(known, models=models, metrics=metrics, dbt_version=(1, 12))


SHOP = _vocabulary()
