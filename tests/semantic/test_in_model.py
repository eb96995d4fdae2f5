"""The semantic layer inside the models, as dbt 1.12 lets it be written: formulas and numbers of its metrics."""

from __future__ import annotations

import gzip
import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from semantic.definitions import Vocabulary
from semantic.formula.tree import MetricRef
from semantic.importer import vocabulary
from semantic.query.spec import QuerySpec
from semantic.query.sql import metric_sql

FIXTURE = Path(__file__).parents[1] / "fixtures" / "dbt" / "manifest-1.12-in-model.json.gz"
COLUMNS = {
    "model.spelling.fct_orders": {
        "order_id": "INTEGER",
        "customer_id": "INTEGER",
        "ordered_on": "DATE",
        "status": "VARCHAR",
        "amount": "DECIMAL(10,2)",
    },
    "model.spelling.days": {"date_day": "DATE"},
}
RELATIONS = {"fct_orders": '"fct_orders"', "days": '"days"'}


@pytest.fixture(scope="module")
def manifest() -> dict[str, Any]:
    data: dict[str, Any] = json.loads(gzip.decompress(FIXTURE.read_bytes()))
    return data


@pytest.fixture(scope="module")
def known(manifest: dict[str, Any]) -> Vocabulary:
    spine = {
        "node_relation": {"relation_name": manifest["nodes"]["model.spelling.days"]["relation_name"]},
        "primary_column": {"name": "date_day", "time_granularity": "day"},
    }
    return vocabulary(manifest, {"project_configuration": {"time_spines": [spine]}}, COLUMNS)


def asked(known: Vocabulary, name: str, grain: Any = None) -> list[tuple[Any, ...]]:
    sql = metric_sql(MetricRef(name), known, RELATIONS, dialect="duckdb", spec=QuerySpec(grain=grain))
    with duckdb.connect() as db:
        db.execute("""create table fct_orders as select * from (values
            (1, 7, date '2026-01-01', 'paid', 10.00), (2, 7, date '2026-01-20', 'open', 30.00),
            (3, 8, date '2026-02-10', 'paid', 60.00)) t(order_id, customer_id, ordered_on, status, amount)""")
        db.execute("""create table days as select cast(range as date) as date_day
            from range(date '2026-01-01', date '2026-03-01', interval 1 day)""")
        return db.execute(sql).fetchall()


def test_a_metric_that_says_its_total_itself_has_a_formula(known: Vocabulary) -> None:
    assert {name: metric.formula for name, metric in known.metrics.items()} == {
        "revenue": "SUM(amount)",
        "orders": "COUNT(fct_orders.*)",
        "average": "revenue / orders",
        "growth": "(revenue - PRIOR(revenue, 1 month)) / PRIOR(revenue, 1 month)",
        "revenue_28d": "ROLLING(SUM(amount), 28 days)",
    }
    assert known.models["fct_orders"].semantic is not None


def test_its_numbers_are_computed(known: Vocabulary) -> None:
    assert asked(known, "revenue") == [(Decimal("100.00"),)]
    assert [row[-1] for row in asked(known, "orders", "month")] == [2, 1]
    assert [float(row[-1]) for row in asked(known, "average", "month")] == [20, 60]
    assert [row[-1] and float(row[-1]) for row in asked(known, "growth", "month")][:2] == [None, 0.5]


def test_a_running_metric_runs_over_another_with_that_ones_filter(manifest: dict[str, Any]) -> None:
    changed = json.loads(json.dumps(manifest))
    paid = {"where_filters": [{"where_sql_template": "{{ Dimension('order_key__status') }} = 'paid'"}]}
    changed["metrics"]["metric.spelling.revenue"]["filter"] = paid
    changed["metrics"]["metric.spelling.revenue"]["type_params"]["fill_nulls_with"] = 0

    running = vocabulary(changed, {}, COLUMNS).metrics["revenue_28d"]

    assert (running.measure, running.window, running.period_agg) == ("revenue", "28 days", "last")
    assert running.filters == ("{{ Dimension('order_key__status') }} = 'paid'",)
    assert running.fill_nulls_with == 0


def test_a_running_total_is_computed(known: Vocabulary) -> None:
    found = {row[0]: float(row[-1]) for row in asked(known, "revenue_28d", "day") if row[-1] is not None}
    days = {(key.date() if hasattr(key, "date") else key): value for key, value in found.items()}

    assert days[date(2026, 1, 20)] == 40
    assert days[date(2026, 2, 10)] == 90
    assert days[date(2026, 1, 1)] == 10


def test_it_is_known_to_be_in_the_latest_spec(known: Vocabulary) -> None:
    orders = known.models["fct_orders"]
    assert orders.semantic is not None

    assert {metric.spec for metric in known.metrics.values()} == {orders.semantic.spec} == {"latest"}
    assert known.spec_for(known.models["days"]) == "latest"


def test_a_semantic_model_without_metrics_is_known_by_its_columns_or_its_description(
    manifest: dict[str, Any],
) -> None:
    changed = json.loads(json.dumps(manifest))
    node, semantic = (
        changed["nodes"]["model.spelling.fct_orders"],
        changed["semantic_models"]["semantic_model.spelling.fct_orders"],
    )
    changed["metrics"] = {}

    def spec(**said: Any) -> str:
        semantic.update(said)
        found = vocabulary(changed, {}, COLUMNS).models["fct_orders"].semantic
        assert found is not None
        return found.spec

    assert spec() == "latest"
    for column in node["columns"].values():
        column |= {"entity": None, "dimension": None}
    assert spec() == "latest"
    assert spec(description=None) == "legacy"
    assert spec(description="", original_file_path="models/other.yml") == "legacy"
    changed["metadata"]["dbt_version"] = "1.11.16"
    assert spec(original_file_path="models/semantic.yml") == "legacy"


def test_a_semantic_model_with_measures_is_in_the_legacy_spec() -> None:
    manifest = json.loads(gzip.decompress(FIXTURE.with_name("manifest-1.12.json.gz").read_bytes()))

    known = vocabulary(manifest, {})

    assert {model.semantic.spec for model in known.models.values() if model.semantic} == {"legacy"}
    assert {metric.spec for metric in known.metrics.values()} == {"legacy"}
    assert {name for name, model in known.models.items() if model.versioned} == {"prices"}
