"""What a rule promises of a column or a table, as plain values: one class for each kind of promise.

The kinds are those of `catalog.quality.rules`, and so are the sentences in which they are told.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal, TypeAlias, get_args

from semantic.rules.text import text_problems

Number: TypeAlias = int | float
Scalar: TypeAlias = str | int | float | bool
Unit: TypeAlias = Literal["hour", "day", "week", "month"]
UNITS: tuple[Unit, ...] = get_args(Unit)
TEXT_LIMIT = 1_000
# What stands in SQL as it is: the name of a column, perhaps of a part of one.
_COLUMN = re.compile(r"[^\W\d][\w$]*(\.[^\W\d][\w$]*)*")
_TABLE = re.compile(r"\w+(\.\w+)?")


def column_problems(*names: str) -> Iterator[str]:
    """Why these cannot be the names of columns in a test."""
    if any(not _COLUMN.fullmatch(name) for name in names):
        yield "A test can only name columns of letters, digits and underscores."


def whole(value: Number) -> Number:
    """The number without the `.0` of a whole one."""
    return int(value) if math.isfinite(value) and value == int(value) else value


@dataclass(frozen=True, slots=True)
class Condition:
    """What has to be true of a row: a formula, or SQL that only the warehouse understands.

    SQL comes from dbt's files and is kept there; what Bisync writes anew are formulas.
    """

    formula: str = ""
    sql: str = ""

    def to_json(self) -> dict[str, str]:
        return {"formula": self.formula} if self.formula else {"sql": self.sql}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Condition:
        return cls(str(values.get("formula") or ""), str(values.get("sql") or ""))


NO_CONDITION = Condition()


@dataclass(frozen=True, slots=True)
class NotNull:
    """Never blank."""

    kind: ClassVar[str] = "not_null"


@dataclass(frozen=True, slots=True)
class MostlyFilled:
    """Blank in few rows only: at least this share of them, from 0 to 1, is filled."""

    at_least: float
    kind: ClassVar[str] = "mostly_filled"

    def problems(self) -> Iterator[str]:
        if not 0 < self.at_least <= 1:
            yield "The share of filled rows lies between 0 and 1."


@dataclass(frozen=True, slots=True)
class Unique:
    """No value appears twice."""

    kind: ClassVar[str] = "unique"


@dataclass(frozen=True, slots=True)
class UniqueTogether:
    """No combination of these columns appears twice."""

    columns: tuple[str, ...]
    kind: ClassVar[str] = "unique_together"

    def problems(self) -> Iterator[str]:
        if len(self.columns) < 2 or len(set(self.columns)) < len(self.columns):
            yield "Choose two or more different columns."
        yield from column_problems(*self.columns)


@dataclass(frozen=True, slots=True)
class AcceptedValues:
    """One of these values, or, `negated`, none of them; a blank keeps it, unless it has to be `filled`."""

    values: tuple[Scalar, ...]
    negated: bool = False
    filled: bool = False
    kind: ClassVar[str] = "accepted_values"

    def problems(self) -> Iterator[str]:
        if not self.values:
            yield "Give at least one value."
        if len({isinstance(value, str) for value in self.values}) > 1:
            yield "Give texts or numbers, not both."
        if len(set(map(repr, self.values))) < len(self.values):
            yield "Give each value once."
        if self.negated and self.filled:
            yield "Say one of these values and never blank, or none of them: a blank is none of them."


@dataclass(frozen=True, slots=True)
class BelongsTo:
    """Every value exists in a column of another model, or of a source's table (`source.table`)."""

    to: str
    field: str
    kind: ClassVar[str] = "belongs_to"

    def problems(self) -> Iterator[str]:
        if not _TABLE.fullmatch(self.to) or not self.field:
            yield "Say in which model and column the values exist."
        else:
            yield from column_problems(self.field)


@dataclass(frozen=True, slots=True)
class PositiveInteger:
    """Never below 0 or 1, and, `integer`, always a whole number."""

    minimum: int = 0
    integer: bool = True
    kind: ClassVar[str] = "positive_integer"

    def problems(self) -> Iterator[str]:
        if self.minimum not in (0, 1):
            yield "The lowest value is 0 or 1. Choose a range for another one."


@dataclass(frozen=True, slots=True)
class Percentage:
    """From 0 to 100, or from 0 to 1 where the column holds shares."""

    maximum: int = 100
    kind: ClassVar[str] = "percentage_0_to_100"

    def problems(self) -> Iterator[str]:
        if self.maximum not in (1, 100):
            yield "A percentage goes up to 1 or to 100."


@dataclass(frozen=True, slots=True)
class InRange:
    """Between two numbers, of which one may be missing; `strict` excludes them."""

    minimum: Number | None = None
    maximum: Number | None = None
    strict: bool = False
    kind: ClassVar[str] = "in_range"

    def problems(self) -> Iterator[str]:
        yield from _range_problems(self.minimum, self.maximum)


@dataclass(frozen=True, slots=True)
class MatchesPattern:
    """A text that fits a regular expression of the warehouse, or, `negated`, never does."""

    pattern: str
    negated: bool = False
    kind: ClassVar[str] = "matches_pattern"

    def problems(self) -> Iterator[str]:
        if not self.pattern:
            yield "Write the pattern."


@dataclass(frozen=True, slots=True)
class Freshness:
    """The newest date or time of a column is at most so old."""

    time: str
    count: int
    unit: Unit = "hour"
    kind: ClassVar[str] = "freshness"

    def problems(self) -> Iterator[str]:
        if not self.time:
            yield "Choose the column that dates the rows."
        else:
            yield from column_problems(self.time)
        if self.unit not in UNITS or not 0 < self.count < 100_000:
            yield "Say how old the newest row may be, in hours, days, weeks or months."


@dataclass(frozen=True, slots=True)
class RowCount:
    """How many rows there are at least and at most; at least one is "not empty"."""

    minimum: int | None = None
    maximum: int | None = None

    @property
    def kind(self) -> str:
        return "not_empty" if self.minimum == 1 and self.maximum is None else "row_count_between"

    def problems(self) -> Iterator[str]:
        yield from _range_problems(self.minimum, self.maximum)
        if any(limit is not None and (limit < 0 or limit != int(limit)) for limit in self._limits):
            yield "Numbers of rows are whole and never below 0."

    @property
    def _limits(self) -> tuple[int | None, int | None]:
        return self.minimum, self.maximum


@dataclass(frozen=True, slots=True)
class AlwaysTrue:
    """A condition that is true of every row; a row of which nobody knows keeps it."""

    condition: Condition
    kind: ClassVar[str] = "always_true"

    def problems(self) -> Iterator[str]:
        if not (self.condition.formula or self.condition.sql):
            yield "Write what is always true."


ColumnPromise: TypeAlias = (
    NotNull
    | MostlyFilled
    | Unique
    | AcceptedValues
    | BelongsTo
    | PositiveInteger
    | Percentage
    | InRange
    | MatchesPattern
)
TablePromise: TypeAlias = UniqueTogether | Freshness | RowCount | AlwaysTrue
Promise: TypeAlias = ColumnPromise | TablePromise
OF_COLUMN: tuple[type[ColumnPromise], ...] = get_args(ColumnPromise)
OF_TABLE: tuple[type[TablePromise], ...] = get_args(TablePromise)


def settled(promise: Promise) -> Promise:
    """The promise in the one form that says it: some ranges are rules of their own, and 5.0 is 5."""
    match promise:
        case InRange(minimum, maximum, strict):
            return _settled_range(minimum, maximum, strict=strict)
        case UniqueTogether(columns):
            return UniqueTogether(tuple(columns))
        case AcceptedValues(values, negated, filled):
            numbers = (isinstance(value, float) for value in values)
            return AcceptedValues(
                tuple(whole(v) if is_ else v for v, is_ in zip(values, numbers, strict=True)),  # type: ignore[arg-type]
                negated,
                filled,
            )
        case MostlyFilled(share):
            return MostlyFilled(float(share))
        case _:
            return promise


def _settled_range(minimum: Number | None, maximum: Number | None, *, strict: bool) -> Promise:
    low, high = (None if limit is None else whole(limit) for limit in (minimum, maximum))
    if not strict and low in (0, 1) and high is None:
        return PositiveInteger(int(low), integer=False)
    if not strict and low == 0 and high in (1, 100):
        return Percentage(int(high))
    return InRange(low, high, strict)


def _range_problems(minimum: Number | None, maximum: Number | None) -> Iterator[str]:
    limits = [limit for limit in (minimum, maximum) if limit is not None]
    if not all(math.isfinite(limit) for limit in limits):
        yield "The lowest and the highest value have to be numbers."
    if not limits:
        yield "Give a lowest or a highest value."
    if minimum is not None and maximum is not None and minimum > maximum:
        yield "The lowest value is above the highest."


def problems_of(promise: Promise) -> list[str]:
    """Why a promise makes no sense, or cannot stand in dbt's files; empty where it does."""
    found = [] if isinstance(promise, NotNull | Unique) else list(promise.problems())
    for text in texts_of(promise):
        found += text_problems(text, limit=TEXT_LIMIT, lines=False)
    return found


def texts_of(promise: Promise) -> Iterator[str]:
    """Every text that a person typed into it."""
    for one in fields(promise):
        value = getattr(promise, one.name)
        for part in value if isinstance(value, tuple) else (value,):
            if isinstance(part, Condition):
                yield part.formula
            elif isinstance(part, str):
                yield part


CLASSES: Mapping[str, type[Promise]] = {
    **{one.kind: one for one in (*OF_COLUMN, UniqueTogether, Freshness, AlwaysTrue)},
    "not_empty": RowCount,
    "row_count_between": RowCount,
}
