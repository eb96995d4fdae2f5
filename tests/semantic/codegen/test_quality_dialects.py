"""Bisync's own tests as SQL of warehouses that do not run here: what they become can be read there."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import jinja2
import pytest
import sqlglot

from semantic.codegen.quality.macros import MACROS
from semantic.codegen.quality.ways import WAYS

DIALECTS = ("duckdb", "postgres", "redshift", "snowflake", "bigquery", "databricks")
# Which adapter's macros an adapter takes where it has none of its own, as dbt does.
PARENTS = {"redshift": ("redshift", "postgres"), "databricks": ("databricks", "spark")}
_STEP = {"expression": "sum(amount)", "condition": "amount > 0", "time_column": "happened_on"}
_SERIES = {**_STEP, "grain": "quarter"}
ARGUMENTS: dict[str, dict[str, Any]] = {
    "bisync_mostly_filled": {"column_name": "status", "at_least": 0.9},
    "bisync_unique_together": {"columns": ["order_id", "line"]},
    "bisync_not_accepted_values": {"column_name": "status", "values": ["lost", "gone"]},
    "bisync_in_range": {"column_name": "amount", "minimum": 0, "maximum": 9, "integer": True},
    "bisync_matches_pattern": {"column_name": "status", "pattern": r"^it's \d+$"},
    "bisync_recent": {"time_column": "ordered_at", "interval": 24},
    "bisync_row_count": {"minimum": 1, "maximum": 9},
    "bisync_always_true": {"condition": "amount > 0 or status is null"},
    "bisync_metric_change_within": {**_SERIES, "increase": 5, "decrease": 5, "base": 1},
    "bisync_metric_progression": {"steps": [{**_STEP, "model": "other"}, _STEP], "grain": "week"},
    "bisync_metric_matches": {
        **_SERIES,
        "other": "booked",
        "other_model": "bookings",
        "other_expression": "count(*)",
        "other_time_column": "booked_on",
        "tolerance": 2,
    },
    "bisync_metric_within_history": {**_STEP, "periods": 28, "sigma": 3},
}
# In the text of a pattern, a quote and a backslash are written so.
PATTERNS = {
    "duckdb": r"regexp_matches(status, '^it''s \d+$')",
    "postgres": r"status ~ '^it''s \d+$'",
    "redshift": r"status ~ '^it''s \\d+$'",
    "snowflake": r"regexp_instr(status, '^it''s \\d+$') > 0",
    "bigquery": r"regexp_contains(status, '^it\'s \\d+$')",
    "databricks": r"status rlike '^it\'s \\d+$'",
}


def sql(test: str, dialect: str) -> str:
    """What the test becomes, with dbt's own macros in the plainest words."""
    text = re.sub(r"{% test (\w+)\(", r"{% macro test_\1(", MACROS).replace("{% endtest %}", "{% endmacro %}")
    environment = jinja2.Environment(extensions=["jinja2.ext.do"])
    names: dict[str, Any] = {}

    def dispatch(name: str) -> Any:
        adapters = (*PARENTS.get(dialect, (dialect,)), "default")
        found = next(one for one in (f"{adapter}__{name}" for adapter in adapters) if hasattr(module, one))
        return getattr(module, found)

    names["adapter"] = SimpleNamespace(dispatch=dispatch)
    names["return"] = lambda value: value
    names["dbt"] = SimpleNamespace(
        date_trunc=lambda grain, value: f"date_trunc('{grain}', {value})",
        dateadd=lambda unit, count, value: f"({value} + interval '{count}' {unit})",
        current_timestamp=lambda: "current_timestamp",
        type_timestamp=lambda: "timestamp",
    )
    environment.globals.update(names)
    module: Any = environment.from_string(text).module
    return str(getattr(module, f"test_{test}")(model="orders", **ARGUMENTS[test])).strip()


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("test", ARGUMENTS)
def test_each_test_is_one_query_of_the_dialect(test: str, dialect: str) -> None:
    (query,) = sqlglot.parse(sql(test, dialect), dialect=dialect)

    assert query is not None
    assert query.key == "select"


@pytest.mark.parametrize(("dialect", "condition"), PATTERNS.items())
def test_a_pattern_is_a_text_of_the_dialect(dialect: str, condition: str) -> None:
    assert sql("bisync_matches_pattern", dialect).endswith(f"not ({condition})")


def test_every_test_of_bisyncs_own_is_looked_at() -> None:
    assert set(ARGUMENTS) == set(re.findall(r"{% test (\w+)", MACROS))
    assert {test for tests in WAYS.values() for test in tests if test.startswith("bisync_")} < set(ARGUMENTS)
