"""Promises about more than one value of a metric: their words, and which series keep them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from semantic.fields import MetricFields, ValueRule
from semantic.rules.metric import rule_problems
from semantic.rules.values import breaches, outdated, period_start
from tests.semantic.codegen.quality_rules import SERIES_RULES


@pytest.mark.parametrize(
    ("rule", "words"),
    list(
        zip(
            SERIES_RULES,
            (
                "grows by at most 50 % and falls by at most 30 %",
                "grows by at most 50 %",
                "never above signups",
                "the same as booked, within 2 %",
                "the same as booked",
                "within 3 standard deviations of the last 28",
                "within 4 standard deviations of the last 12",
                "at most 24 hours old",
            ),
            strict=True,
        )
    ),
)
def test_a_promise_about_several_values_reads_as_words(rule: ValueRule, words: str) -> None:
    assert str(rule) == words
    assert rule_problems(rule) == []


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        (ValueRule("reasonable_growth_rate"), "grows or falls"),
        (ValueRule("reasonable_growth_rate", increase=-5), "never below 0"),
        (ValueRule("reasonable_growth_rate", increase=float("nan")), "never below 0"),
        (ValueRule("reasonable_growth_rate", increase=5, grain="hour"), "days, weeks"),  # type: ignore[arg-type]
        (ValueRule("logical_cohort_progression"), "come before"),
        (ValueRule("logical_cohort_progression", steps=("Bad name",)), "by their names"),
        (ValueRule("metric_consistency"), "says the same"),
        (ValueRule("metric_consistency", other="{{ x }}"), "by their names"),
        (ValueRule("historical_trend_validation", periods=2), "between 3 and"),
        (ValueRule("freshness"), "hours old"),
    ],
)
def test_a_promise_about_several_values_has_to_make_sense(rule: ValueRule, why: str) -> None:
    assert why in " ".join(rule_problems(rule))


def test_what_goes_without_saying_is_not_said() -> None:
    said = ValueRule("historical_trend_validation", sigma=3, periods=28, grain="day", tolerance=0.0)

    assert said == ValueRule("historical_trend_validation")
    assert said.to_json() == {"kind": "historical_trend_validation"}


def test_rules_as_they_were_kept_before_read_as_before() -> None:
    old = {
        "rules": [{"kind": "range", "low": 1.5, "high": None}, {"kind": "positive"}, {"kind": "percentage"}]
    }

    assert MetricFields.from_json(old).rules == (
        ValueRule("range", 1.5),
        ValueRule("positive"),
        ValueRule("percentage"),
    )
    assert MetricFields.from_json(old).to_json()["rules"] == [
        {"kind": "range", "low": 1.5},
        {"kind": "positive"},
        {"kind": "percentage"},
    ]


MONTHS = [date(2026, month, 1) for month in range(1, 7)]
TODAY = date(2026, 6, 15)


def months(*values: float | None) -> dict[date, float | None]:
    return dict(zip(MONTHS, values, strict=False))


@pytest.mark.parametrize(
    ("rule", "values", "broken"),
    [
        (ValueRule("reasonable_growth_rate", increase=50), months(100, 150, 240), {3: "grew by 60 %"}),
        (ValueRule("reasonable_growth_rate", decrease=50), months(100, 50, 20), {3: "fell by 60 %"}),
        (ValueRule("reasonable_growth_rate", increase=50, base=20), months(10, 100), {}),
        (ValueRule("reasonable_growth_rate", increase=50), months(0, 100), {}),
        (ValueRule("reasonable_growth_rate", increase=50), months(100, None, 900), {}),
        (ValueRule("reasonable_growth_rate", increase=50), {MONTHS[0]: 100.0, MONTHS[2]: 900.0}, {}),
        # The month of June is not over.
        (ValueRule("reasonable_growth_rate", decrease=5), months(9, 9, 9, 9, 9, 1), {}),
        (ValueRule("range", low=5), months(9, 1), {2: "is 1, below 5"}),
        (ValueRule("not_null"), months(9, None), {2: "is blank"}),
    ],
)
def test_a_series_breaks_a_rule_in_these_months(
    rule: ValueRule, values: dict[date, float | None], broken: dict[int, str]
) -> None:
    found = breaches(rule, values, today=TODAY)

    assert list(found) == [MONTHS[month - 1] for month in broken]
    assert all(how.startswith(words) for how, words in zip(found.values(), broken.values(), strict=True))


def test_the_last_complete_period_is_compared_with_those_before_it() -> None:
    rule = ValueRule("historical_trend_validation", periods=6)
    days = {date(2026, 6, day): 100.0 + day % 2 for day in range(1, 15)}

    assert breaches(rule, days, today=TODAY) == {}
    assert list(breaches(rule, {**days, date(2026, 6, 14): 105.0}, today=TODAY)) == [date(2026, 6, 14)]
    assert breaches(rule, {**days, date(2026, 6, 15): 105.0}, today=TODAY) == {}
    few = {day: value for day, value in days.items() if day.day > 12}
    assert breaches(rule, {**few, date(2026, 6, 14): 105.0}, today=TODAY) == {}


def test_history_that_never_moved_allows_no_move() -> None:
    days = {date(2026, 6, day): 0.1 for day in range(1, 15)}
    rule = ValueRule("historical_trend_validation")

    assert breaches(rule, days, today=TODAY) == {}
    # Thirteen days are less than half of 28.
    assert breaches(rule, {**days, date(2026, 6, 14): 0.2}, today=TODAY) == {}
    assert list(breaches(replace(rule, periods=12), {**days, date(2026, 6, 14): 0.2}, today=TODAY)) == [
        date(2026, 6, 14)
    ]


def test_a_metric_is_compared_with_the_one_that_says_the_same() -> None:
    rule = ValueRule("metric_consistency", other="booked", tolerance=10)
    others = {"booked": months(100, 100, None, 50)}

    found = breaches(rule, months(109, 111, 7, None), others=others, today=TODAY)

    assert found == {
        MONTHS[1]: "is 111, while booked is 100",
        MONTHS[2]: "is 7, while booked is blank",
        MONTHS[3]: "is blank, while booked is 50",
    }


def test_none_of_the_steps_is_above_the_one_before() -> None:
    rule = ValueRule("logical_cohort_progression", steps=("visits", "signups"))
    others = {"visits": months(100, 100, 100), "signups": months(50, 120, 40)}

    found = breaches(rule, months(10, 10, 60, 5), others=others, today=TODAY)

    assert found == {
        MONTHS[1]: "is out of order: 120 is above 100, which is visits",
        MONTHS[2]: "is out of order: 60 is above 40, which is signups",
        MONTHS[3]: "is out of order: 5 is above 0, which is signups",
    }


@pytest.mark.parametrize(
    ("hours", "newest", "words"),
    [
        (24, datetime(2026, 6, 14, 12, tzinfo=UTC), ""),
        (24, datetime(2026, 6, 14, 11, tzinfo=UTC), "is 25 hours old"),
        (24, None, "has no row with a date"),
    ],
)
def test_rows_are_too_old_from_some_hour_on(hours: int, newest: datetime | None, words: str) -> None:
    assert (
        outdated(ValueRule("freshness", hours=hours), newest, datetime(2026, 6, 15, 12, tzinfo=UTC)) == words
    )
    assert outdated(ValueRule("positive"), newest, datetime(2026, 6, 15, 12, tzinfo=UTC)) == ""


@pytest.mark.parametrize(
    ("grain", "start"),
    [
        ("day", date(2026, 6, 17)),
        ("week", date(2026, 6, 15)),
        ("month", date(2026, 6, 1)),
        ("quarter", date(2026, 4, 1)),
        ("year", date(2026, 1, 1)),
    ],
)
def test_a_period_begins_with_its_first_day(grain: Any, start: date) -> None:
    assert period_start(date(2026, 6, 17), grain) == start
