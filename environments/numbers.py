"""A formula's number in one version of an environment: in all, by period, and the rows behind it."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.conf import settings
from django.core.cache import cache
from django.utils import formats, timezone
from django.utils.translation import gettext as _

from environments.selectors import Reading
from semantic.definitions import Grain
from semantic.formula.tree import Node
from semantic.query.spec import QuerySpec, Unsupported, next_period
from semantic.query.sql import blanks_sql, metric_sql, rows_sql, sample_sql
from workspace.warehouse.base import Result
from workspace.warehouse.gate import open_warehouse

KEPT_SECONDS = 600
PERIODS = {"day": 62, "week": 53, "month": 25, "quarter": 13, "year": 8}


@dataclass(frozen=True, slots=True)
class Point:
    """The value of one period; None is blank."""

    period: date
    value: float | None


@dataclass(frozen=True, slots=True)
class Numbers:
    """What a formula comes to: `points` oldest first, the SQL that gave them, and how long it took."""

    grain: Grain
    points: tuple[Point, ...]
    sql: str
    seconds: float

    @classmethod
    def stored(cls, points: Sequence[Sequence[object]]) -> Numbers:
        """Months as the database holds them: pairs of an ISO date and a number or nothing."""
        months = [
            Point(date.fromisoformat(str(period)), None if value is None else float(str(value)))
            for period, value in points
        ]
        return cls("month", begun(months), sql="", seconds=0.0)

    @property
    def by_name(self) -> list[tuple[str, float | None]]:
        """The points with the names of their periods: October 2026."""
        return [(period_name(point.period, self.grain), point.value) for point in self.points]

    @property
    def chart(self) -> list[tuple[str, float | None]]:
        """The points with short names, as charts take them."""
        return [(period_name(point.period, self.grain, short=True), point.value) for point in self.points]

    @property
    def values(self) -> list[float | None]:
        """The last twelve values, for a sparkline."""
        return [point.value for point in self.points[-12:]]

    @property
    def now_name(self) -> str:
        """What the present period is called: October 2026."""
        return period_name(self.now.period, self.grain) if self.now else ""

    @property
    def dated(self) -> str:
        """As `now_name`, where `now` is another period than the one that ended last; else ""."""
        today = timezone.localdate()
        over = next_period(self.now.period, self.grain) if self.now else today
        return "" if over <= today < next_period(over, self.grain) else self.now_name

    @property
    def emphasis(self) -> str:
        """The period of `now` as `chart` names it, "" where it is not over yet."""
        over = self.now is not None and self.now in self.complete
        return period_name(self.now.period, self.grain, short=True) if self.now and over else ""

    @property
    def previous_name(self) -> str:
        return period_name(self.previous.period, self.grain) if self.previous else ""

    @property
    def complete(self) -> tuple[Point, ...]:
        """The periods that are over; the running one would look like a fall."""
        today = timezone.localdate()
        return tuple(p for p in self.points if next_period(p.period, self.grain) <= today)

    @property
    def filled(self) -> tuple[Point, ...]:
        """The periods that have a value."""
        return tuple(point for point in self.points if point.value is not None)

    @property
    def now(self) -> Point | None:
        """The last complete period that has a value, else the running one, else a blank one."""
        over = [point for point in self.complete if point.value is not None]
        points = over or self.filled or self.complete or self.points
        return points[-1] if points else None

    @property
    def previous(self) -> Point | None:
        """The period before `now`."""
        earlier = [point for point in self.points if self.now and point.period < self.now.period]
        return earlier[-1] if earlier else None


def begun(points: Iterable[Point]) -> tuple[Point, ...]:
    """Those of the periods that have begun: a time spine may run into the future, and plans do."""
    today = timezone.localdate()
    return tuple(point for point in points if point.period <= today)


def period_name(start: date, grain: Grain, *, short: bool = False) -> str:
    """A period in words: 22 Nov 2026, week of 16 Nov, October 2026, Q4 2026, 2026."""
    if grain == "year":
        return str(start.year)
    if grain == "quarter":
        return f"Q{(start.month + 2) // 3} {start.year}"
    if grain == "month":
        return formats.date_format(start, "M y" if short else "F Y")
    named = formats.date_format(start, "j M" if short else "j M Y")
    return named if grain == "day" or short else _("week of %(day)s") % {"day": named}


def ask(reading: Reading, sql: str, *, limit: int | None = None) -> Result:
    """Run generated SQL in a version, or answer from what it gave before (a version never changes)."""
    digest = hashlib.sha256(f"{reading.deployment}|{limit}|{sql}".encode()).hexdigest()
    known: Result | None = cache.get(f"result:{digest}")
    if known is None:
        with open_warehouse(reading.location) as warehouse:
            known = warehouse.query(
                sql,
                limit=limit or settings.QUERY_ROW_LIMIT,
                timeout=settings.QUERY_TIMEOUT_SECONDS,
            )
        cache.set(f"result:{digest}", known, KEPT_SECONDS)
    return known


def by_period(reading: Reading, tree: Node, *, grain: Grain = "month", time: str = "") -> Numbers:
    """The formula's value in the last periods. Raises `Unsupported` where our own SQL cannot say it."""
    sql = metric_sql(
        tree,
        reading.vocabulary,
        reading.relations,
        dialect=reading.dialect,
        spec=QuerySpec(grain=grain),
        time_column=time,
    )
    return of_sql(reading, sql, grain=grain)


def of_sql(reading: Reading, sql: str, *, grain: Grain) -> Numbers:
    """The last periods, up to today's, of a query that gives the period first and the value last."""
    result = ask(reading, sql)
    return Numbers(grain, begun(series(result.rows))[-PERIODS[grain] :], sql, result.seconds)


def series(rows: Iterable[Sequence[object]]) -> list[Point]:
    """All periods of rows that begin with the period and end with the value, oldest first."""
    points = (Point(day(row[0]), number(row[-1])) for row in rows if row[0] is not None)
    return sorted(points, key=lambda point: point.period)


def in_all(reading: Reading, tree: Node, *, time: str = "") -> float | None:
    """The formula's value over all time."""
    sql = metric_sql(
        tree,
        reading.vocabulary,
        reading.relations,
        dialect=reading.dialect,
        time_column=time,
    )
    rows = ask(reading, sql).rows
    return number(rows[0][-1]) if rows else None


def sample(reading: Reading, tree: Node, *, time: str = "", limit: int = 20) -> Result:
    """Some of the rows that the number is made of."""
    sql = sample_sql(
        tree,
        reading.vocabulary,
        reading.relations,
        dialect=reading.dialect,
        limit=limit,
        time_column=time,
    )
    return ask(reading, sql, limit=limit)


@dataclass(frozen=True, slots=True)
class RowValues:
    """Some rows of a model with a value of each, and in how many of how many it is blank."""

    rows: Result
    count: int
    blank: int


def of_rows(reading: Reading, tree: Node, *, model: str, name: str, limit: int = 20) -> RowValues:
    """A value of each row of a model, under a name. Raises `Unsupported` where it is not built here."""
    place = (reading.vocabulary, reading.relations)
    rows = ask(
        reading, rows_sql(tree, model, name, *place, dialect=reading.dialect, limit=limit), limit=limit
    )
    counted = ask(reading, blanks_sql(tree, model, *place, dialect=reading.dialect)).rows[0]
    count, filled = (int(str(value)) for value in counted)
    return RowValues(rows, count, count - filled)


def number(value: object) -> float | None:
    """A warehouse's number as a float; None where it is blank or infinite.

    Raises `Unsupported` for a value that is no number: what a metric gives is only known once it is asked.
    """
    if value is None:
        return None
    try:
        found = float(value) if isinstance(value, int | float | Decimal) else float(str(value))
    except (ValueError, OverflowError):
        said = str(value)
        shown = said if len(said) <= 40 else f"{said[:40]}…"
        raise Unsupported(f"The warehouse answers “{shown}”; a metric is a number.") from None
    return found if math.isfinite(found) else None


def day(value: object) -> date:
    """A period's first day, whatever date type the warehouse gave."""
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    return date.fromisoformat(str(value)[:10])


def same(a: float | None, b: float | None, *, tolerance: float = 1e-9) -> bool:
    """Whether two computed values agree, up to the order in which floats were added."""
    if a is None or b is None:
        return a is b
    return abs(a - b) <= tolerance * max(1.0, abs(a), abs(b))


def differences(
    ours: Sequence[Point], theirs: Sequence[Point]
) -> list[tuple[date, float | None, float | None]]:
    """The periods in which two series disagree; a period that one lacks counts as blank."""
    left = {p.period: p.value for p in ours}
    right = {p.period: p.value for p in theirs}
    return [
        (period, left.get(period), right.get(period))
        for period in sorted(left.keys() | right.keys())
        if not same(left.get(period), right.get(period))
    ]
