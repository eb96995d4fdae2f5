"""The parts of which a number is planned: totals over rows, and what time does to them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, get_args

from sqlglot import exp

from semantic.definitions import Aggregation, Grain, Metric
from semantic.formula.tree import Kept, Period
from semantic.query.brackets import bracketed
from semantic.query.dialects import percentile
from semantic.query.rows import Rows
from semantic.query.spec import GRAINS, Unsupported

Condition: TypeAlias = Callable[[Rows, exp.Expr | None], exp.Expr]
_KEPT: tuple[Kept, ...] = get_args(Kept)


@dataclass(frozen=True, slots=True)
class Window:
    """A length of time in dbt's words: `30 days`."""

    count: int
    unit: Grain

    @property
    def length(self) -> tuple[Literal["days", "months"], int]:
        """As days, or as months where it is not always as many days."""
        days = {"day": 1, "week": 7}.get(self.unit)
        if days:
            return "days", self.count * days
        return "months", self.count * {"month": 1, "quarter": 3, "year": 12}[self.unit]

    @property
    def period(self) -> Period:
        """As formulas have it."""
        return Period(self.count, self.unit)

    @classmethod
    def of(cls, period: Period) -> Window:
        """The length alone, wherever it stands in a formula."""
        return cls(period.count, period.unit)

    @classmethod
    def read(cls, text: str) -> Window:
        """Raises Unsupported, with a sentence."""
        match = re.fullmatch(r"\s*(\d+)\s+([a-z]+?)s?\s*", text.lower())
        unit = next((grain for grain in GRAINS if match and grain == match.group(2)), None)
        if match is None or unit is None:
            raise Unsupported(f"`{text}` is a length of time that Bisync does not know.")
        return cls(int(match.group(1)), unit)


@dataclass(frozen=True, slots=True)
class Cumulative:
    """How a total grows day by day; `keep` says which day stands for a longer period."""

    window: Window | None
    to_date: Grain | None
    keep: Kept

    @classmethod
    def of(cls, metric: Metric) -> Cumulative:
        """As dbt says it of a metric; raises Unsupported, with a sentence."""
        to_date = next((grain for grain in GRAINS if grain == metric.grain_to_date), None)
        if metric.grain_to_date and to_date is None:
            raise Unsupported(f"{metric.name} starts anew every {metric.grain_to_date}.")
        window = Window.read(metric.window) if metric.window else None
        # MetricFlow's own choice where a project says nothing.
        keep = next((kept for kept in _KEPT if kept == metric.period_agg), _KEPT[0])
        return cls(window, to_date, keep)


@dataclass(frozen=True, slots=True)
class Along:
    """What time does to a total: it runs along, or counts as much later as `offset` says."""

    running: Cumulative | None = None
    offset: Window | None = None


@dataclass(frozen=True, slots=True)
class Level:
    """Which rows of a balance count: those of the first or last date, perhaps of each group."""

    moment: exp.Expr
    choice: Literal["min", "max"]
    groups: tuple[exp.Expr, ...]


@dataclass(frozen=True, slots=True)
class Counted:
    """What a total makes of its rows; `value` is None where rows are counted."""

    agg: Aggregation
    value: exp.Expr | None
    percentile: float | None = None
    dialect: str = ""

    def row(self) -> exp.Expr:
        """What one row adds."""
        if self.value is None:
            return exp.Literal.number(1)
        value = self.value.copy()
        if self.agg == "count":
            value = exp.Is(this=bracketed(value), expression=exp.Not(this=exp.null()))
        if self.agg in ("count", "sum_boolean"):
            one = exp.If(this=value, true=exp.Literal.number(1))
            return exp.Case(ifs=[one], default=exp.Literal.number(0))
        return value

    def all_rows(self, *, by_period: bool) -> exp.Expr:
        """The aggregate of every row; a period has at least one, but altogether there may be none."""
        if self.value is None:
            rows = exp.Count(this=exp.Star())
            return rows if by_period else exp.Nullif(this=rows, expression=exp.Literal.number(0))
        if self.agg == "count" and by_period:
            return exp.Count(this=self.value.copy())
        return self.over(self.row())

    def over(self, row: exp.Expr) -> exp.Expr:
        """The aggregate; counting is a sum, which is blank where there are no rows."""
        if self.agg == "count_distinct":
            return exp.Count(this=exp.Distinct(expressions=[row]))
        if self.agg in ("median", "percentile"):
            return percentile(row, 0.5 if self.percentile is None else self.percentile, self.dialect)
        simple = {"average": exp.Avg, "min": exp.Min, "max": exp.Max}
        return simple.get(self.agg, exp.Sum)(this=row)


@dataclass(frozen=True, slots=True)
class Leaf:
    """One total over the rows that fulfil a condition, under the name it has in the plan."""

    name: str
    counted: Counted
    condition: exp.Expr | None

    def sql(self, *, shared: bool, by_period: bool) -> exp.Expr:
        """The aggregate; `shared` where the rows also serve other totals and not all of them count here."""
        if self.condition is None or not shared:
            return self.counted.all_rows(by_period=by_period)
        total = self.counted.over(_when(self.condition, self.counted.row()))
        if self.counted.agg != "count_distinct" or not by_period:
            return total
        # COUNT DISTINCT is 0 where MetricFlow has no row for the period at all.
        matching = exp.Count(this=_when(self.condition, exp.Literal.number(1)))
        return _when(exp.GT(this=matching, expression=exp.Literal.number(0)), total)

    def same_as(self, other: Leaf) -> bool:
        return self.sql(shared=True, by_period=True) == other.sql(shared=True, by_period=True)


def _when(condition: exp.Expr, value: exp.Expr) -> exp.Expr:
    return exp.Case(ifs=[exp.If(this=condition.copy(), true=value)])


@dataclass(frozen=True, slots=True)
class Event:
    """Rows that are counted when something happened."""

    rows: Rows
    time: exp.Expr
    counted: Counted
    conditions: tuple[Condition, ...]

    @property
    def condition(self) -> exp.Expr | None:
        found = [condition(self.rows, self.time) for condition in self.conditions]
        return exp.and_(*found) if found else None


@dataclass(frozen=True, slots=True)
class Followed:
    """The event that has to follow a source's rows: for the same `own` and `entity`, within a window."""

    event: Event
    own: exp.Expr
    entity: exp.Expr
    window: Window | None


@dataclass(slots=True)
class Source:
    """Totals that one SELECT can compute: same rows, same time, same way through time.

    `moved` rows count at a later time; `earlier` joins them to the day at which they do, where months of
    different lengths let one row count on several days or none.
    """

    rows: Rows
    time: exp.Expr | None
    running: Cumulative | None = None
    moved: bool = False
    earlier: exp.Expr | None = None
    level: Level | None = None
    followed: Followed | None = None
    leaves: list[Leaf] = field(default_factory=list)
