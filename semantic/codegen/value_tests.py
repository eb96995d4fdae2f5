"""Promises about a metric's value as tests that dbt runs, with one macro that Bisync brings along."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from semantic.codegen.entries import Entry
from semantic.codegen.quality import metric_tests
from semantic.codegen.quality.metric_tests import TESTS, metric_test
from semantic.codegen.quality.promises import whole
from semantic.definitions import Vocabulary
from semantic.fields import ValueRule
from semantic.formula.tree import Node
from semantic.query.expressions import portable
from semantic.query.spec import Unsupported
from semantic.query.sql import RowQuery, row_query
from semantic.rules.values import bounds

METRIC_IN_RANGE = "bisync_metric_in_range"
# In a project that keeps its macros where dbt looks for them by itself.
MACRO_FILE = "macros/bisync/bisync_metric_tests.sql"
MACRO = Path(__file__).with_name("bisync_metric_tests.sql").read_text(encoding="utf-8")


def tested_rows(tree: Node, vocabulary: Vocabulary, *, dialect: str, time_column: str) -> RowQuery | None:
    """What dbt's test computes; None for metrics over several models, which Bisync alone can check."""
    try:
        return row_query(tree, vocabulary, dialect=portable(dialect), grain="month", time_column=time_column)
    except Unsupported:
        return None


def value_tests(
    metric: str,
    rules: Sequence[ValueRule],
    rows: RowQuery,
    *,
    percent: bool,
    nested: bool,
    others: Mapping[str, RowQuery] = MappingProxyType({}),
) -> list[Entry]:
    """A data test of the model for each rule that dbt can test; `percent` says that shares run from 0 to 1.

    `others` are the metrics that rules name, as far as they are computed from the rows of one model; `nested`
    says that dbt reads arguments under a key of their own.
    """
    tests: list[Entry] = []
    for rule, name in zip(rules, test_names(metric, rules), strict=True):
        if rule.kind in TESTS:
            found = metric_test(rule, name, rows, others, nested=nested)
            tests += [found] if found else []
            continue
        low, high = bounds(rule, percent=percent)
        arguments: Entry = {"expression": rows.value}
        if rows.condition:
            arguments["condition"] = rows.condition
        arguments |= {"time_column": rows.time, "grain": "month"}
        if low is not None:
            arguments["minimum"] = whole(low)
        if high is not None:
            arguments["maximum"] = whole(high)
        if rule.kind == "not_null":
            arguments["allow_blank"] = False
        given = {"arguments": arguments} if nested else arguments
        tests.append({METRIC_IN_RANGE: {"name": name, **given}})
    return tests


def said_alone(rule: ValueRule, *, percent: bool) -> tuple[str, dict[str, Any]]:
    """The test with the arguments that say what is promised, for a metric that dbt's tests cannot compute."""
    if rule.kind in TESTS:
        return metric_tests.said_alone(rule)
    low, high = bounds(rule, percent=percent)
    limits = {"minimum": low, "maximum": high, "allow_blank": rule.kind != "not_null"}
    return METRIC_IN_RANGE, {**limits, "grain": "month", "time_column": "metric_time"}


def test_names(metric: str, rules: Sequence[ValueRule]) -> list[str]:
    """What dbt calls the test of each rule."""
    kinds = [rule.kind for rule in rules]
    return [
        f"{metric}_{kind}" + (f"_{number}" if kinds.count(kind) > 1 else "")
        for number, kind in enumerate(kinds, start=1)
    ]
