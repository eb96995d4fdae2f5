"""The question put to a metric: its value altogether, or one value for each period."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import get_args

from semantic.definitions import Grain

GRAINS: tuple[Grain, ...] = get_args(Grain)


class Unsupported(ValueError):
    """What was asked cannot be said in Bisync's own SQL; the text is a sentence for people."""


class PeriodsOnly(Unsupported):
    """The metric has values by period and none altogether, such as a change against the month before."""


@dataclass(frozen=True, slots=True)
class QuerySpec:
    """One value (`grain` None) or one per period, for rows dated `start` to `end`, both included."""

    grain: Grain | None = None
    start: date | None = None
    end: date | None = None
    limit: int | None = None

    def days(self, grain: Grain | None = None) -> tuple[date | None, date | None]:
        """The first day asked for and the day after the last, widened to whole periods as MetricFlow does.

        `grain` is the length of the periods by which the rows themselves are dated.
        """
        widest = max(self.grain or "day", grain or "day", key=GRAINS.index)
        first = self.start and period_start(self.start, widest)
        after = self.end and next_period(period_start(self.end, widest), widest)
        return first, after


def period_start(day: date, grain: Grain) -> date:
    """The first day of the period that `day` lies in; weeks begin on Monday."""
    if grain == "week":
        return day - timedelta(days=day.weekday())
    if grain == "month":
        return day.replace(day=1)
    if grain == "quarter":
        return day.replace(month=day.month - (day.month - 1) % 3, day=1)
    if grain == "year":
        return day.replace(month=1, day=1)
    return day


def next_period(first_day: date, grain: Grain) -> date:
    """The first day of the period after the one that begins on `first_day`."""
    if grain in ("day", "week"):
        return first_day + timedelta(days=1 if grain == "day" else 7)
    months = {"month": 1, "quarter": 3, "year": 12}[grain]
    count = first_day.year * 12 + first_day.month - 1 + months
    return date(count // 12, count % 12 + 1, 1)
