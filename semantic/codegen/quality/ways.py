"""The tests that can say a promise, and their arguments, by the table from which `catalog.quality` reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from catalog.quality.spelling import BISYNC, EXPECTATIONS, UTILS, Spelling
from catalog.quality.spellings import BY_NAME
from semantic.codegen.quality.promises import (
    AcceptedValues,
    AlwaysTrue,
    BelongsTo,
    Freshness,
    InRange,
    MatchesPattern,
    MostlyFilled,
    NotNull,
    Percentage,
    PositiveInteger,
    Promise,
    RowCount,
    Unique,
    UniqueTogether,
)

Arguments: TypeAlias = dict[str, Any]
# For each promise the tests that Bisync writes, the plainest first: dbt's own, those of packages, Bisync's.
_VALUES = "dbt_expectations.expect_column_values_to_"
_BETWEEN = ("dbt_utils.accepted_range", f"{_VALUES}be_between", "bisync_in_range")
WAYS: Mapping[type[Promise], tuple[str, ...]] = {
    NotNull: ("not_null", f"{_VALUES}not_be_null"),
    MostlyFilled: ("dbt_utils.not_null_proportion", "bisync_mostly_filled"),
    Unique: ("unique", f"{_VALUES}be_unique"),
    UniqueTogether: (
        "dbt_utils.unique_combination_of_columns",
        "dbt_expectations.expect_compound_columns_to_be_unique",
        "bisync_unique_together",
    ),
    AcceptedValues: (
        "accepted_values",
        f"{_VALUES}be_in_set",
        "dbt_utils.not_accepted_values",
        f"{_VALUES}not_be_in_set",
        "bisync_not_accepted_values",
    ),
    BelongsTo: ("relationships",),
    PositiveInteger: _BETWEEN,
    Percentage: _BETWEEN,
    InRange: _BETWEEN,
    MatchesPattern: (f"{_VALUES}match_regex", f"{_VALUES}not_match_regex", "bisync_matches_pattern"),
    Freshness: (
        "dbt_utils.recency",
        "dbt_expectations.expect_row_values_to_have_recent_data",
        "bisync_recent",
    ),
    RowCount: ("dbt_expectations.expect_table_row_count_to_be_between", "bisync_row_count"),
    AlwaysTrue: (
        "dbt_utils.expression_is_true",
        "dbt_expectations.expression_is_true",
        "bisync_always_true",
    ),
}
# The argument that says whether limits are excluded, by who brings the test.
_STRICT: Mapping[str, tuple[str, bool]] = {
    UTILS: ("inclusive", False),
    BISYNC: ("inclusive", False),
    EXPECTATIONS: ("strictly", True),
}
# Warehouses that read backslashes in a text as the beginning of something else.
_ESCAPING = frozenset({"bigquery", "databricks", "redshift", "snowflake", "spark"})


@dataclass(frozen=True, slots=True)
class Asked:
    """A promise with what its arguments need besides: the condition as SQL, and whose SQL it is."""

    promise: Promise
    sql: str = ""
    dialect: str = "duckdb"


def bare(test: str) -> str:
    """A test's name without its package."""
    return test.rpartition(".")[2]


def by_time_column(test: str) -> bool:
    """Whether a test of freshness is attached to the column that dates the rows."""
    return "field" not in BY_NAME[bare(test)].arguments


def arguments_of(test: str, asked: Asked) -> Arguments | None:
    """What the test has to be given; None where it cannot say exactly what is promised."""
    spelling = BY_NAME[bare(test)]
    if not _fits(spelling, asked):
        return None
    told = dict(_parameters(asked))
    fixed = {name: value for name, value in spelling.fixed.items() if name != "strictly"}
    if any(told.pop(name, None) != value for name, value in fixed.items()):
        return None
    if isinstance(asked.promise, Freshness) and by_time_column(test):
        del told["field"]
    given: Arguments = {}
    for name, value in told.items():
        if name == "strict":
            given |= [_STRICT.get(spelling.source, _STRICT[EXPECTATIONS])]
        elif name == "quote":
            given["quote_values" if spelling.source == EXPECTATIONS else "quote"] = value
        elif name in spelling.arguments:
            given[spelling.arguments[name]] = value
        else:
            return None
    return given


def breaks_on_blanks(test: str, asked: Asked) -> bool:
    """Whether the test breaks on a blank in this warehouse, though the promise does not.

    PostgreSQL finds no match in a blank, for which `dbt_expectations` counts 0 matches there, and nothing
    elsewhere.
    """
    matched = bare(test) == "expect_column_values_to_match_regex"
    return matched and asked.dialect == "postgres" and isinstance(asked.promise, MatchesPattern)


def _fits(spelling: Spelling, asked: Asked) -> bool:
    """Whether the test takes such values, which it may put into its SQL as they are."""
    match asked.promise:
        case MatchesPattern(pattern) if spelling.source != BISYNC:
            return "'" not in pattern and not ("\\" in pattern and asked.dialect in _ESCAPING)
        case InRange(strict=True):
            return "strictly" in spelling.arguments or "inclusive" in spelling.arguments
        case _:
            return True


def _parameters(asked: Asked) -> Iterator[tuple[str, Any]]:
    """What a promise says, under the names by which `catalog.quality` reads it."""
    match asked.promise:
        case MostlyFilled(share):
            yield "at_least", share
        case UniqueTogether(columns):
            yield "columns", list(columns)
        case AcceptedValues():
            yield from _accepted(asked.promise)
        case BelongsTo(to, field):
            yield from {"to": _reference(to), "field": field}.items()
        case PositiveInteger() | Percentage() | InRange() | RowCount():
            yield from _limits(asked.promise)
        case MatchesPattern(pattern, negated):
            yield from {"patterns": pattern, **({"negated": True} if negated else {})}.items()
        case Freshness(time, count, unit):
            yield from {"field": time, "unit": unit, "interval": count}.items()
        case AlwaysTrue():
            yield "expression", asked.sql


def _accepted(promise: AcceptedValues) -> Iterator[tuple[str, Any]]:
    if all(isinstance(value, str) for value in promise.values):
        # The tests put quotes around each value and leave it as it is.
        yield "values", [str(value).replace("'", "''") for value in promise.values]
    else:
        yield "values", list(promise.values)
        yield "quote", False
    yield from ((name, True) for name in ("negated", "filled") if getattr(promise, name))


def _reference(to: str) -> str:
    source, _, table = to.rpartition(".")
    return f"source('{source}', '{table}')" if source else f"ref('{table}')"


def _limits(promise: PositiveInteger | Percentage | InRange | RowCount) -> Iterator[tuple[str, Any]]:
    low = 0 if isinstance(promise, Percentage) else promise.minimum
    high = None if isinstance(promise, PositiveInteger) else promise.maximum
    yield from ((name, limit) for name, limit in (("minimum", low), ("maximum", high)) if limit is not None)
    if isinstance(promise, PositiveInteger) and promise.integer:
        yield "integer", True
    if isinstance(promise, InRange) and promise.strict:
        yield "strict", True
