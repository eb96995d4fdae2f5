"""Promises about a metric's value as tests that dbt runs, with one macro that Bisync brings along."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from semantic.codegen.entries import Entry
from semantic.definitions import Vocabulary
from semantic.fields import ValueRule
from semantic.formula.tree import Node
from semantic.query.expressions import portable
from semantic.query.spec import Unsupported
from semantic.query.sql import RowQuery, row_query
from semantic.rules.values import bounds

# From this version on, dbt reads a test's arguments under a key of their own, and warns of the old way.
NESTED_ARGUMENTS = (1, 11)
MACRO_FILE = "macros/bisync/bisync_metric_tests.sql"
MACRO = Path(__file__).with_name("bisync_metric_tests.sql").read_text(encoding="utf-8")


def tested_rows(tree: Node, vocabulary: Vocabulary, *, dialect: str, time_column: str) -> RowQuery | None:
    """What dbt's test computes; None for metrics over several models, which Bisync alone can check."""
    try:
        return row_query(tree, vocabulary, dialect=portable(dialect), grain="month", time_column=time_column)
    except Unsupported:
        return None


def value_tests(
    metric: str, rules: Sequence[ValueRule], rows: RowQuery, *, percent: bool, dbt_version: tuple[int, int]
) -> list[Entry]:
    """A data test of the model for each rule; `percent` says that shares run from 0 to 1."""
    tests: list[Entry] = []
    for rule, name in zip(rules, test_names(metric, rules), strict=True):
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
        given = {"arguments": arguments} if dbt_version >= NESTED_ARGUMENTS else arguments
        tests.append({"bisync_metric_in_range": {"name": name, **given}})
    return tests


def test_names(metric: str, rules: Sequence[ValueRule]) -> list[str]:
    """What dbt calls the test of each rule."""
    kinds = [rule.kind for rule in rules]
    return [
        f"{metric}_{kind}" + (f"_{number}" if kinds.count(kind) > 1 else "")
        for number, kind in enumerate(kinds, start=1)
    ]


def whole(value: float) -> int | float:
    """The number without the `.0` of a whole one."""
    return int(value) if value == int(value) else value
