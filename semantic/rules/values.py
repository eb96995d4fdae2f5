"""Whether a metric's values keep a validation rule: one by itself, or all of a series."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise
from statistics import fmean, stdev
from typing import TypeAlias

from semantic.definitions import Grain
from semantic.fields import PERIODS, SIGMA, ValueRule

# The first day of each period → its value; None where it is blank.
Series: TypeAlias = Mapping[date, float | None]
# A mean of equal numbers may differ from them in the last digit.
_ROUNDING = 1e-9


def breach(rule: ValueRule, value: float | None, *, percent: bool = False) -> str:
    """How `value` breaks the rule, to follow the name of what has it; "" where it keeps it.

    A percentage lies between 0 and 1 where the metric is shown as percent, else between 0 and 100.
    """
    if value is None:
        return "is blank" if rule.kind == "not_null" else ""
    low, high = bounds(rule, percent=percent)
    said = _percent if percent else "{:g}".format
    if low is not None and value < low:
        return f"is {said(value)}, below {said(low)}"
    if high is not None and value > high:
        return f"is {said(value)}, above {said(high)}"
    return ""


def _percent(share: float) -> str:
    return f"{share * 100:g} %"


def bounds(rule: ValueRule, *, percent: bool = False) -> tuple[float | None, float | None]:
    """The lowest and highest value that a rule allows, None where it sets no limit."""
    if rule.kind == "positive":
        return 0.0, None
    if rule.kind == "percentage":
        return 0.0, 1.0 if percent else 100.0
    if rule.kind == "range":
        return rule.low, rule.high
    return None, None


def breaches(
    rule: ValueRule,
    values: Series,
    *,
    others: Mapping[str, Series] | None = None,
    today: date,
    percent: bool = False,
) -> dict[date, str]:
    """The periods that break the rule, each with how, to follow the name of what has it.

    `others` are the values of the metrics that the rule names; the period in which `today` lies is not
    complete. How old the newest row is, no series says: `outdated` does.
    """
    known = others or {}
    match rule.kind:
        case "reasonable_growth_rate":
            return dict(_jumps(rule, _complete(values, rule.period, today)))
        case "historical_trend_validation":
            return dict(_unusual(rule, _complete(values, rule.period, today)))
        case "metric_consistency":
            return dict(_different(rule, values, known.get(rule.other, {})))
        case "logical_cohort_progression":
            return dict(_disordered([*(known.get(step, {}) for step in rule.steps), values], rule.steps))
        case _:
            found = {period: breach(rule, value, percent=percent) for period, value in values.items()}
            return {period: how for period, how in found.items() if how}


def outdated(rule: ValueRule, newest: datetime | None, now: datetime) -> str:
    """How the time of the newest row breaks a rule of freshness; "" where it keeps it."""
    if rule.kind != "freshness" or rule.hours is None:
        return ""
    if newest is None:
        return "has no row with a date"
    age = now - newest
    return f"is {age // timedelta(hours=1)} hours old" if age > timedelta(hours=rule.hours) else ""


def period_start(day: date, grain: Grain) -> date:
    """The first day of the period in which a day lies."""
    if grain == "week":
        return day - timedelta(days=day.weekday())
    month = {"day": day.month, "month": day.month, "quarter": (day.month - 1) // 3 * 3 + 1, "year": 1}[grain]
    return day if grain == "day" else date(day.year, month, 1)


def _follows(later: date, earlier: date, grain: Grain) -> bool:
    """Whether no period lies between the two."""
    return period_start(later - timedelta(days=1), grain) == earlier


def _complete(values: Series, grain: Grain, today: date) -> list[tuple[date, float | None]]:
    return sorted((period, value) for period, value in values.items() if period < period_start(today, grain))


def _jumps(rule: ValueRule, values: Sequence[tuple[date, float | None]]) -> Iterator[tuple[date, str]]:
    for (earlier, before), (period, value) in pairwise(values):
        if before is None or value is None or not before or abs(before) < (rule.base or 0):
            continue
        if not _follows(period, earlier, rule.period):
            continue
        change = 100 * (value - before) / abs(before)
        if rule.increase is not None and change > rule.increase:
            yield period, f"grew by {change:g} %, more than {rule.increase:g} %"
        if rule.decrease is not None and -change > rule.decrease:
            yield period, f"fell by {-change:g} %, more than {rule.decrease:g} %"


def _unusual(rule: ValueRule, values: Sequence[tuple[date, float | None]]) -> Iterator[tuple[date, str]]:
    """The last complete period, where it lies far from those before it; with too few of them nobody knows."""
    periods, sigma = rule.periods or PERIODS, SIGMA if rule.sigma is None else rule.sigma
    period, value = values[-1] if values else (date.min, None)
    history = [known for _period, known in values[-periods - 1 : -1] if known is not None]
    if value is None or len(history) < max(periods // 2, 2):
        return
    mean = fmean(history)
    if abs(value - mean) > sigma * stdev(history) + _ROUNDING * abs(mean):
        yield period, f"is {value:g}, far from {mean:g}, its average before"


def _different(rule: ValueRule, values: Series, other: Series) -> Iterator[tuple[date, str]]:
    for period in sorted({*values, *other}):
        one, another = values.get(period), other.get(period)
        if one is None and another is None:
            continue
        said = "blank" if one is None else f"{one:g}", "blank" if another is None else f"{another:g}"
        apart = (one is None) != (another is None) or (
            one is not None
            and another is not None
            and abs(one - another) > (rule.tolerance or 0) / 100 * abs(another)
        )
        if apart:
            yield period, f"is {said[0]}, while {rule.other} is {said[1]}"


def _disordered(series: Sequence[Series], names: Sequence[str]) -> Iterator[tuple[date, str]]:
    found: dict[date, str] = {}
    for (before, after), name in zip(pairwise(series), names, strict=True):
        for period, value in after.items():
            most = before.get(period) or 0
            if value is not None and value > most:
                found.setdefault(period, f"is out of order: {value:g} is above {most:g}, which is {name}")
    yield from sorted(found.items())
