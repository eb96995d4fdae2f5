"""Bisync's own tests, run by dbt: what keeps a rule passes and what breaks it fails, in both warehouses."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from semantic.codegen.quality.macros import MACRO_FILE, MACROS
from semantic.codegen.quality.metric_tests import metric_test
from semantic.codegen.quality.promises import (
    AcceptedValues,
    AlwaysTrue,
    Condition,
    Freshness,
    InRange,
    MatchesPattern,
    MostlyFilled,
    NotNull,
    PositiveInteger,
    Promise,
    RowCount,
    UniqueTogether,
)
from semantic.codegen.quality.rule import QualityRule, Target
from semantic.codegen.quality.spelled import spelled
from semantic.fields import ValueRule
from semantic.query.sql import RowQuery
from tests.postgres import Cluster
from tests.semantic.codegen.quality_rules import PLAIN
from tests.semantic.shop import Shop

pytestmark = [pytest.mark.dbt, pytest.mark.slow]

PROJECT = """
name: kept
version: "1.0"
profile: kept
flags: {send_anonymous_usage_stats: false}
models: {kept: {+materialized: table}}
"""
# Each of the rules below holds for the first table and is broken by the second one.
TABLES = {
    "good": """
select cast(n as integer) as id, 'line ' || cast(n as varchar) as line, n * 1.0 as quantity,
  case when n < 20 then 'it''s ' || cast(n as varchar) end as code, cast(current_date as timestamp) as seen_at
from generate_series(1, 20) as numbers(n)
""",
    "bad": """
select cast(1 as integer) as id, 'line 1' as line, n * 10 + 0.5 as quantity,
  case when n = 1 then 'its' end as code, cast(current_date as timestamp) - interval '9' day as seen_at
from generate_series(1, 3) as numbers(n)
""",
}
PROMISES: Mapping[str, tuple[str, Promise]] = {
    "filled": ("code", MostlyFilled(0.9)),
    "together": ("", UniqueTogether(("id", "line"))),
    "never": ("line", AcceptedValues(("line 1000", "it's"), negated=True)),
    "never_number": ("id", AcceptedValues((0, 21), negated=True)),
    "whole": ("quantity", PositiveInteger(1)),
    "range": ("quantity", InRange(1, 20)),
    "strict": ("id", InRange(0, 21, strict=True)),
    "pattern": ("code", MatchesPattern(r"^it's \d{1,2}$")),
    "no_pattern": ("line", MatchesPattern(r"^\d", negated=True)),
    "fresh": ("", Freshness("seen_at", 48)),
    "rows": ("", RowCount(10, 30)),
    "filled_table": ("", RowCount(1)),
    "always": ("", AlwaysTrue(Condition("quantity = id"))),
}
# What the second table keeps nevertheless.
BROKEN = {
    "never": "select 'it''s' as line",
    "never_number": "select 21 as id",
    "strict": "select 21 as id",
    "no_pattern": "select '1 line' as line",
    "filled_table": "select 1 as id where 1 = 0",
}

# A metric over days: `steady` grows by a tenth each month and by nothing within it, `wild` jumps at its end.
EVENTS = """
select happened_on, ({amount}) as amount, ({amount}) * 2 as visits, ({amount}) * 0.5 as orders
from (
  select cast(current_date as date) - cast(n as integer) as happened_on, n
  from generate_series(0, 220) as numbers(n)
) as days
-- Months are whole, so that the first one is no smaller than the others.
where happened_on >= date_trunc('month', current_date) - interval '6' month
"""
STEADY = "100 + mod(n, 2)"
WILD = "case when n between 1 and 40 then 900 when n between 41 and 220 then 100 + mod(n, 2) else 0 end"
WILD_DAY = "case when n = 1 then 900 else 100 + mod(n, 2) end"
EVENTS_OF = {"steady": STEADY, "wild": WILD, "wild_day": WILD_DAY}


def rows(model: str, column: str, condition: str = "") -> RowQuery:
    return RowQuery(model, f"SUM({column})", condition, "happened_on")


GROWTH = ValueRule("reasonable_growth_rate", increase=60, decrease=60, base=10)
HISTORY = ValueRule("historical_trend_validation")
SAME = ValueRule("metric_consistency", other="visits", tolerance=1)
ORDER = ValueRule("logical_cohort_progression", steps=("visits", "amounts"))
FRESH = ValueRule("freshness", hours=48)
# The rule, how the metric and those it names are computed, and whether the data keep it.
METRICS: Mapping[str, tuple[ValueRule, RowQuery, Mapping[str, RowQuery], bool]] = {
    "steady_growth": (GROWTH, rows("steady", "amount"), {}, True),
    "wild_growth": (GROWTH, rows("wild", "amount"), {}, False),
    "wild_small": (
        ValueRule("reasonable_growth_rate", increase=60, base=1e6),
        rows("wild", "amount"),
        {},
        True,
    ),
    "wild_fall": (
        ValueRule("reasonable_growth_rate", decrease=60),
        RowQuery("wild", "-SUM(amount)", "", "happened_on"),
        {},
        False,
    ),
    "quarters": (
        ValueRule("reasonable_growth_rate", increase=5, grain="quarter"),
        rows("wild", "amount"),
        {},
        False,
    ),
    "steady_history": (HISTORY, rows("steady", "amount"), {}, True),
    "wild_history": (HISTORY, rows("wild_day", "amount"), {}, False),
    "short_history": (HISTORY, rows("wild_day", "amount", "happened_on >= current_date - 9"), {}, True),
    "same": (
        SAME,
        RowQuery("steady", "SUM(amount) * 2", "", "happened_on"),
        {"visits": rows("steady", "visits")},
        True,
    ),
    "not_same": (SAME, rows("steady", "amount"), {"visits": rows("steady", "visits")}, False),
    "same_elsewhere": (
        SAME,
        rows("steady", "amount"),
        {"visits": rows("wild_day", "amount", "amount < 900")},
        False,
    ),
    "not_there": (SAME, rows("steady", "visits"), {"visits": rows("steady", "visits", "1 = 0")}, False),
    "in_order": (
        ORDER,
        rows("steady", "orders"),
        {"visits": rows("steady", "visits"), "amounts": rows("steady", "amount")},
        True,
    ),
    "out_of_order": (
        ORDER,
        rows("steady", "orders"),
        {"visits": rows("steady", "amount"), "amounts": rows("wild", "visits")},
        False,
    ),
    "fresh_metric": (FRESH, rows("steady", "amount"), {}, True),
    "old_metric": (FRESH, rows("steady", "amount", "happened_on < current_date - 5"), {}, False),
}


def properties() -> dict[str, Any]:
    """Every rule as a test of the table that keeps it and of one that breaks it; its name says which."""
    tested: dict[str, dict[str, Any]] = {}

    def add(model: str, promise: Promise, column: str, name: str, where: Condition) -> None:
        rule = QualityRule(promise, where=where, name=name)
        found = spelled(rule, Target(model, column), PLAIN, compiles=lambda formula: formula)
        entry = tested.setdefault(model, {"name": model, "columns": [], "data_tests": []})
        home = entry
        if found.column:
            home = {"name": found.column, "data_tests": []}
            entry["columns"].append(home)
        home["data_tests"].append(found.entry(nested=True))

    for name, (column, promise) in PROMISES.items():
        add("good", promise, column, f"{name}_passes", Condition())
        broken = f"broken_{name}" if name in BROKEN else "bad"
        add(broken, promise, column, f"{name}_fails", Condition())
    # A test looks at the rows of its condition alone.
    add("bad", NotNull(), "code", "where_passes", Condition("quantity < 15"))
    add("bad", NotNull(), "code", "where_fails", Condition("quantity > 15"))
    # dbt puts quotes around each value and leaves it as it is.
    add("broken_never", AcceptedValues(("it's", "its")), "line", "quoted_passes", Condition())
    add("broken_never", AcceptedValues(("its",)), "line", "quoted_fails", Condition())
    for name, (rule, computed, others, keeps) in METRICS.items():
        test = metric_test(rule, f"{name}_{'passes' if keeps else 'fails'}", computed, others, nested=True)
        tested.setdefault(computed.model, {"name": computed.model, "data_tests": []})["data_tests"].append(
            test
        )
    for entry in tested.values():
        entry["columns"] = merged(entry.get("columns", []))
    return {"models": list(tested.values())}


def merged(columns: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One entry for each column."""
    found: dict[str, dict[str, Any]] = {}
    for column in columns:
        found.setdefault(column["name"], {"name": column["name"], "data_tests": []})["data_tests"] += column[
            "data_tests"
        ]
    return list(found.values())


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    server = Cluster()
    server.start()
    try:
        yield server
    finally:
        server.stop()


def profile(adapter: str, server: Cluster) -> str:
    place: dict[str, Any] = {"type": "duckdb", "path": "warehouse.duckdb", "schema": "main"}
    if adapter == "postgres":
        place = {"type": "postgres", "host": server.host, "port": server.port, "user": server.user}
        place |= {"password": server.password, "dbname": "postgres", "schema": "kept"}
    outputs = {"kept": {"target": "dev", "outputs": {"dev": {**place, "threads": 2}}}}
    # What dbt reads of it is rendered: the password of the tests has curly brackets in it.
    return json.dumps(outputs).replace(json.dumps(server.password), "\"{{ env_var('DBT_PASSWORD') }}\"")


@pytest.mark.parametrize("adapter", ["duckdb", "postgres"])
def test_what_keeps_a_rule_passes_and_what_breaks_it_fails(
    adapter: str, cluster: Cluster, tmp_path: Path
) -> None:
    shop = Shop(tmp_path / "project")
    shop.write("dbt_project.yml", PROJECT.encode())
    shop.write("profiles.yml", profile(adapter, cluster).encode())
    shop.write(MACRO_FILE, MACROS.encode())
    models = {**TABLES, **{f"broken_{name}": sql for name, sql in BROKEN.items()}}
    models |= {name: EVENTS.format(amount=amount) for name, amount in EVENTS_OF.items()}
    for name, sql in models.items():
        shop.write(f"models/{name}.sql", sql.encode())
    shop.write("models/schema.yml", yaml.safe_dump(properties(), sort_keys=False).encode())

    outcomes = shop.build(DBT_PASSWORD=cluster.password)

    tests = {name: outcome for name, outcome in outcomes.items() if name not in models}
    assert {outcomes[name] for name in models} == {"success"}
    assert tests == {name: "pass" if name.endswith("_passes") else "fail" for name in tests}
    assert len(tests) == 2 * len(PROMISES) + 4 + len(METRICS)
