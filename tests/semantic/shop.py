"""A tiny shop as a dbt project on DuckDB: blanks, months without sales and divisors of 0 included."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb

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

FILES: Mapping[str, str] = {
    "dbt_project.yml": """
name: shop
version: "1.0"
profile: shop
flags: {send_anonymous_usage_stats: false}
models: {shop: {+materialized: table}}
""",
    "profiles.yml": """
shop:
  target: dev
  outputs:
    dev: {type: duckdb, path: warehouse.duckdb, schema: main, threads: 1}
""",
    "models/days.sql": """
select cast(range as date) as date_day
from range(date '2025-12-01', date '2026-07-01', interval 1 day)
""",
    "models/fct_orders.sql": """
select * from (values
  (1, 10, timestamp '2026-01-05 09:00', date '2026-01-06', 'completed', 100.00, 5.00, 2, true),
  (2, 10, timestamp '2026-01-20 23:59', date '2026-01-22', 'completed', 50.00, 0.00, 1, false),
  (3, 11, timestamp '2026-02-01 00:00', null, 'returned', 80.00, null, 3, true),
  (4, 12, timestamp '2026-02-14 12:30', date '2026-02-14', null, 20.00, 2.00, 1, null),
  (5, null, timestamp '2026-03-01 08:00', null, 'completed', null, 1.00, 0, false),
  (6, 11, timestamp '2026-05-31 18:00', date '2026-06-02', 'it''s late', 75.00, 0.00, 4, false)
) as t(order_id, customer_id, ordered_at, delivered_on, status, net_amount, discount, quantity, is_gift)
""",
    "models/dim_customers.sql": """
select * from (values
  (10, 'DE', 'gold', date '2025-12-05'),
  (11, 'FR', 'basic', date '2026-01-10'),
  (12, null, 'gold', date '2026-02-01')
) as t(customer_id, country, tier, signed_up_on)
""",
    "models/fct_visits.sql": """
select * from (values
  (100, 10, date '2026-01-04', 'web', 1.5),
  (101, 10, date '2026-01-05', 'app', 3.0),
  (102, 11, date '2026-02-20', 'web', null),
  (103, null, date '2026-04-02', null, 0.5)
) as t(visit_id, customer_id, visited_on, device, minutes)
""",
    "models/schema.yml": """version: 2

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
    columns:
      - name: order_id
        tests: [unique, not_null]
      - name: status
        description: Where the order stands.
    tests:
      - not_null:
          arguments: {column_name: ordered_at}

  - name: dim_customers
    columns:
      - name: customer_id
        data_tests: [unique, not_null]
""",
    "models/semantics.yml": """semantic_models:
  - name: orders
    model: ref('fct_orders')
    defaults: {agg_time_dimension: ordered_at}
    entities:
      - {name: order, type: primary, expr: order_id}
      - {name: customer, type: foreign, expr: customer_id}
    dimensions:
      - {name: ordered_at, type: time, type_params: {time_granularity: day}}
      - {name: delivered_on, type: time, type_params: {time_granularity: day}}
      - {name: order_status, type: categorical, expr: status, label: Order status}
      - {name: is_gift, type: categorical}
      - {name: is_bulk, type: categorical, expr: quantity > 2, label: Bulk order}
    measures:
      - {name: net_amount_total, agg: sum, expr: net_amount}
      - {name: order_count, agg: count, expr: order_id}
      - {name: rows_total, agg: count, expr: "1"}
      - {name: buyers_total, agg: count_distinct, expr: customer_id}
      - {name: gifts_total, agg: sum_boolean, expr: is_gift}
      - {name: typical_amount, agg: median, expr: net_amount}
      - name: high_amount
        agg: percentile
        expr: net_amount
        agg_params: {percentile: 0.9, use_discrete_percentile: false, use_approximate_percentile: false}
      - {name: completed_amount, agg: sum, expr: case when status = 'completed' then net_amount end}
      - {name: delivered_count, agg: count, expr: "1", agg_time_dimension: delivered_on}

  - name: customers
    model: ref('dim_customers')
    defaults: {agg_time_dimension: signed_up_on}
    entities:
      - {name: customer, type: primary, expr: customer_id}
    dimensions:
      - {name: signed_up_on, type: time, type_params: {time_granularity: day}}
      - {name: country, type: categorical, label: Country}
      - {name: is_german, type: categorical, expr: country = 'DE'}
    measures:
      - {name: customer_count, agg: count, expr: "1"}
""",
    "models/metrics.yml": """# What the sales team looks at
metrics:
  - name: revenue
    label: Revenue
    description: All net revenue.
    type: simple
    type_params: {measure: net_amount_total}
  - name: completed_revenue
    label: Completed revenue
    type: simple
    type_params: {measure: net_amount_total}
    filter: "{{ Dimension('order__order_status') }} = 'completed'"
  - name: revenue_filled
    label: Revenue, 0 instead of blank
    type: simple
    type_params: {measure: {name: net_amount_total, fill_nulls_with: 0}}
    filter: "{{ Dimension('order__order_status') }} = 'returned'"
  - name: revenue_every_month
    label: Revenue of every month
    type: simple
    type_params: {measure: {name: net_amount_total, fill_nulls_with: 0, join_to_timespine: true}}
  - name: orders_total
    label: Orders
    type: simple
    type_params: {measure: rows_total}
  - name: german_revenue
    label: German revenue
    type: simple
    type_params: {measure: {name: net_amount_total, filter: "{{ Dimension('customer__country') }} = 'DE'"}}
  - name: spring_revenue
    label: Spring revenue
    type: simple
    type_params: {measure: net_amount_total}
    filter: "{{ TimeDimension('order__ordered_at', 'month') }} >= '2026-02-01' or {{ Dimension('order__is_gift') }}"
  - name: buyers
    label: Buyers
    type: simple
    type_params: {measure: buyers_total}
    filter:
      - "{{ Dimension('order__order_status') }} in ('completed', 'returned')"
      - "{{ TimeDimension('order__ordered_at', 'day') }} < '2026-03-01'"
  - name: gifts
    label: Gifts
    type: simple
    type_params: {measure: gifts_total}
  - name: median_amount
    label: Median amount
    type: simple
    type_params: {measure: typical_amount}
  - name: p90_amount
    label: High amount
    type: simple
    type_params: {measure: high_amount}
  - name: completed_in_measure
    label: Completed revenue by measure
    type: simple
    type_params: {measure: completed_amount}
  - name: deliveries
    label: Deliveries
    type: simple
    type_params: {measure: delivered_count}
  - name: customers_total
    label: Customers
    type: simple
    type_params: {measure: customer_count}
  - name: completed_share
    label: Completed share
    type: ratio
    type_params:
      numerator: {name: revenue, filter: "{{ Dimension('order__order_status') }} = 'completed'", alias: completed}
      denominator: revenue
  - name: revenue_per_customer
    label: Revenue per customer
    type: ratio
    type_params: {numerator: revenue, denominator: customers_total}
  - name: average_order
    label: Average order
    type: derived
    type_params: {expr: "revenue / nullif(orders_total, 0) * 1.0", metrics: [revenue, orders_total]}
  - name: revenue_growth
    label: Revenue growth
    type: derived
    type_params:
      expr: (now - before) / nullif(before, 0)
      metrics: [{name: revenue, alias: now}, {name: revenue, alias: before, offset_window: 1 month}]
  - name: revenue_so_far
    label: Revenue so far
    type: cumulative
    type_params: {measure: net_amount_total}
  - name: revenue_30d
    label: Revenue of 30 days
    type: cumulative
    type_params:
      measure: net_amount_total
      cumulative_type_params: {window: 30 days, period_agg: last}
  - name: revenue_this_month
    label: Revenue this month
    type: cumulative
    type_params:
      measure: net_amount_total
      cumulative_type_params: {grain_to_date: month, period_agg: last}
""",
}


@dataclass(frozen=True)
class Shop:
    """The project in a folder; `build` runs dbt there."""

    folder: Path

    @classmethod
    def create(cls, folder: Path) -> Shop:
        shop = cls(folder)
        for name, text in FILES.items():
            shop.write(name, text.lstrip().encode())
        return shop

    def read(self, name: str) -> bytes | None:
        file = self.folder / name
        return file.read_bytes() if file.exists() else None

    def write(self, name: str, content: bytes) -> None:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)

    def build(self, **env: str) -> Mapping[str, str]:
        """Run `dbt build` with these variables; returns each test's and model's outcome by its name."""
        self.run("build", **env)
        results = self._artifact("run_results.json")["results"]
        return {result["unique_id"].split(".")[2]: result["status"] for result in results}

    def run(self, command: str, **env: str) -> None:
        """Run a command of dbt's in the project; tests and models may fail, dbt itself may not."""
        done = subprocess.run(
            [
                str(Path(sys.executable).with_name("dbt")),
                *(command, "--no-use-colors", "--project-dir", ".", "--profiles-dir", "."),
            ],
            cwd=self.folder,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self.folder),
                "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
                **env,
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode < 2, done.stdout + done.stderr

    @property
    def manifest(self) -> dict[str, Any]:
        return self._artifact("manifest.json")

    @property
    def semantic_manifest(self) -> dict[str, Any]:
        return self._artifact("semantic_manifest.json")

    def _artifact(self, name: str) -> dict[str, Any]:
        data: dict[str, Any] = json.loads((self.folder / "target" / name).read_text(encoding="utf-8"))
        return data

    def columns(self) -> dict[str, dict[str, str]]:
        """`unique_id` of each model → the types of its columns in the warehouse."""
        found: dict[str, dict[str, str]] = {}
        for table, column, kind in self.query(
            "SELECT table_name, column_name, data_type FROM information_schema.columns ORDER BY ordinal_position"
        ):
            found.setdefault(f"model.shop.{table}", {})[column] = kind
        return found

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.folder / "warehouse.duckdb"), read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def value(self, sql: str) -> object:
        """The only value of a query."""
        ((value,),) = self.query(sql)
        return plain(value)

    def series(self, sql: str) -> dict[date, object]:
        """Period → value; periods without a value are left out, and rows without a period."""
        rows = [(day(period), plain(value)) for period, value in self.query(sql) if period is not None]
        return {period: value for period, value in rows if value is not None}


TABLES = ("fct_orders", "dim_customers", "fct_visits")
RELATIONS = {name: name for name in (*TABLES, "days")}
COMPLETED = "{{ Dimension('order__order_status') }} = 'completed'"


def tables() -> list[str]:
    """The shop's models as statements that DuckDB and PostgreSQL both run."""
    return [f"CREATE TABLE {name} AS {FILES[f'models/{name}.sql'].strip()}" for name in TABLES]


def vocabulary() -> Vocabulary:
    """The shop as definitions, for tests that need no dbt."""
    orders = SemanticModel(
        name="orders",
        model="fct_orders",
        entities=(Entity("order", "primary", "order_id"), Entity("customer", "foreign", "customer_id")),
        dimensions=(
            Dimension("ordered_at", "time", "ordered_at", "day"),
            Dimension("delivered_on", "time", "delivered_on", "day"),
            Dimension("order_status", "categorical", "status"),
            Dimension("is_gift", "categorical", "is_gift"),
            Dimension("is_bulk", "categorical", "quantity > 2", label="Bulk order"),
        ),
        measures=(Measure("net_amount_total", "sum", "net_amount"), Measure("rows_total", "count", "1")),
        agg_time_dimension="ordered_at",
        file="models/semantics.yml",
    )
    customers = SemanticModel(
        name="customers",
        model="dim_customers",
        entities=(Entity("customer", "primary", "customer_id"),),
        dimensions=(
            Dimension("signed_up_on", "time", "signed_up_on", "day"),
            Dimension("country", "categorical", "country"),
            Dimension("is_german", "categorical", "country = 'DE'"),
        ),
        measures=(Measure("customer_count", "count", "1"),),
        agg_time_dimension="signed_up_on",
        file="models/semantics.yml",
    )
    models = (
        _model(
            "fct_orders",
            "order_id:integer customer_id:integer ordered_at:timestamp delivered_on:date status:text "
            "net_amount:number discount:number quantity:integer is_gift:boolean",
            "models/schema.yml",
            orders,
        ),
        _model(
            "dim_customers",
            "customer_id:integer country:text tier:text signed_up_on:date",
            "models/schema.yml",
            customers,
        ),
        _model(
            "fct_visits",
            "visit_id:integer customer_id:integer visited_on:date device:text minutes:number",
            "models/fct_visits.sql",
            None,
        ),
    )
    metrics = (
        Metric("revenue", "simple", "Revenue", measure="net_amount_total", file="models/metrics.yml"),
        Metric("orders_total", "simple", "Orders", measure="rows_total", file="models/metrics.yml"),
        Metric("customers_total", "simple", "Customers", measure="customer_count", file="models/metrics.yml"),
        Metric(
            "completed_revenue",
            "simple",
            "Completed revenue",
            measure="net_amount_total",
            filters=(COMPLETED,),
            file="models/metrics.yml",
        ),
        Metric(
            "revenue_per_customer",
            "ratio",
            "Revenue per customer",
            numerator=MetricInput("revenue"),
            denominator=MetricInput("customers_total"),
            file="models/metrics.yml",
        ),
    )
    return Vocabulary(
        models={model.name: model for model in models},
        metrics={metric.name: metric for metric in metrics},
        time_spine="days.date_day",
        says=str,
    )


def _model(name: str, columns: str, file: str, semantic: SemanticModel | None) -> Model:
    pairs = [column.split(":") for column in columns.split()]
    typed = tuple(Column(column, kind) for column, kind in pairs)  # type: ignore[arg-type]
    return Model(name, f"model.shop.{name}", typed, file=file, semantic=semantic)


def day(value: object) -> date:
    return value.date() if isinstance(value, datetime) else date.fromisoformat(str(value))


def plain(value: Any) -> Any:
    """Numbers as floats, rounded where the order of adding shows."""
    return value if value is None or isinstance(value, date) else round(float(value), 9)
