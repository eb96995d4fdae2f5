"""A metric's periods: which are over, what they are called, and when two computations agree."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from environments.numbers import (
    Numbers,
    Point,
    ask,
    by_period,
    day,
    differences,
    in_all,
    number,
    period_name,
    same,
    sample,
)
from environments.selectors import reading, vocabulary_of
from semantic.definitions import Grain
from semantic.formula.tree import MetricRef
from semantic.query.spec import Unsupported
from tests.factories import make_environment, make_project
from tests.ready import Ready


@pytest.fixture
def today(monkeypatch: pytest.MonkeyPatch) -> None:
    """22 November 2026, a Sunday."""
    monkeypatch.setattr("environments.numbers.timezone.localdate", lambda: date(2026, 11, 22))


def months(*values: float | None, last: int = 11) -> Numbers:
    first = last - len(values) + 1
    points = tuple(Point(date(2026, first + n, 1), value) for n, value in enumerate(values))
    return Numbers("month", points, "", 0.0)


def test_the_running_month_is_not_yet_a_number_to_show(today: None) -> None:
    numbers = months(1, 2, 0.5)

    assert [point.period.month for point in numbers.complete] == [9, 10]
    assert (numbers.now, numbers.previous) == (Point(date(2026, 10, 1), 2), Point(date(2026, 9, 1), 1))
    assert (numbers.now_name, numbers.previous_name) == ("October 2026", "September 2026")
    assert numbers.emphasis == "Oct 26"
    assert [name for name, _value in numbers.chart] == ["Sep 26", "Oct 26", "Nov 26"]


def test_a_metric_that_began_this_month_shows_what_there_is(today: None) -> None:
    numbers = months(5)

    assert numbers.complete == ()
    assert numbers.now == Point(date(2026, 11, 1), 5)
    assert numbers.previous is None
    assert (numbers.now_name, numbers.previous_name, numbers.emphasis) == ("November 2026", "", "")


def test_a_metric_without_any_value_shows_nothing(today: None) -> None:
    numbers = months()

    assert (numbers.now, numbers.previous, numbers.now_name, numbers.chart) == (None, None, "", [])


def test_a_blank_month_is_no_headline_where_another_has_a_value(today: None) -> None:
    numbers = months(1, 2, None, None)

    assert (numbers.now, numbers.previous) == (Point(date(2026, 9, 1), 2), Point(date(2026, 8, 1), 1))
    assert (numbers.emphasis, len(numbers.filled)) == ("Sep 26", 2)
    assert months(None, None, 7).now == Point(date(2026, 11, 1), 7)
    assert months(None, None, None).now == Point(date(2026, 10, 1), None)


@pytest.mark.parametrize(
    ("last", "name"), [(7, "July 2026"), (9, "September 2026"), (10, ""), (11, "November 2026")]
)
def test_only_the_month_that_ended_last_needs_no_name(today: None, last: int, name: str) -> None:
    assert months(5, last=last).dated == name
    assert months().dated == ""


def test_what_was_kept_of_the_future_is_not_shown(today: None) -> None:
    numbers = Numbers.stored([["2026-10-01", 4], ["2026-11-01", 1], ["2026-12-01", 5], ["2029-12-01", 5]])

    assert [point.period for point in numbers.points] == [date(2026, 10, 1), date(2026, 11, 1)]
    assert numbers.now_name == "October 2026"


@pytest.mark.parametrize(
    ("grain", "first", "over"),
    [
        ("day", date(2026, 11, 21), True),
        ("day", date(2026, 11, 22), False),
        ("week", date(2026, 11, 9), True),
        ("week", date(2026, 11, 16), False),
        ("month", date(2026, 10, 1), True),
        ("quarter", date(2026, 7, 1), True),
        ("quarter", date(2026, 10, 1), False),
        ("year", date(2025, 1, 1), True),
        ("year", date(2026, 1, 1), False),
    ],
)
def test_a_period_is_over_when_the_next_one_has_begun(
    today: None, grain: Grain, first: date, over: bool
) -> None:
    assert bool(Numbers(grain, (Point(first, 1.0),), "", 0.0).complete) is over


def test_a_sparkline_shows_a_year_and_keeps_its_gaps(today: None) -> None:
    numbers = Numbers.stored(
        [[f"2025-{n:02}-01", n] for n in range(1, 12)] + [["2025-12-01", None], ["2026-01-01", 3]]
    )

    assert numbers.values == [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, None, 3]


@pytest.mark.parametrize(
    ("grain", "short", "words"),
    [
        ("day", False, "1 Oct 2026"),
        ("day", True, "1 Oct"),
        ("week", False, "week of 1 Oct 2026"),
        ("week", True, "1 Oct"),
        ("month", False, "October 2026"),
        ("month", True, "Oct 26"),
        ("quarter", False, "Q4 2026"),
        ("year", False, "2026"),
    ],
)
def test_periods_have_names(grain: Grain, short: bool, words: str) -> None:
    assert period_name(date(2026, 10, 1), grain, short=short) == words


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (None, None),
        (0, 0.0),
        (Decimal("1.50"), 1.5),
        ("2.5", 2.5),
        (True, 1.0),
        (math.nan, None),
        (math.inf, None),
        (Decimal("NaN"), None),
    ],
)
def test_what_a_warehouse_calls_a_number_is_one_or_blank(value: object, found: float | None) -> None:
    assert number(value) == found


@pytest.mark.parametrize(
    "value", ["2024-11-30", datetime(2024, 11, 30, 9, tzinfo=UTC), ["a"], 10**400], ids=str
)
def test_an_answer_that_is_no_number_is_told_in_a_sentence(value: object) -> None:
    with pytest.raises(Unsupported, match=r"^The warehouse answers “.{1,41}”; a metric is a number\.$"):
        number(value)


@pytest.mark.parametrize(
    "value", [date(2026, 1, 1), datetime(2026, 1, 1, 5, tzinfo=UTC), "2026-01-01", "2026-01-01 00:00:00"]
)
def test_a_period_is_a_day_whatever_type_it_came_as(value: object) -> None:
    assert day(value) == date(2026, 1, 1)


@pytest.mark.parametrize(
    ("a", "b", "agree"),
    [
        (None, None, True),
        (None, 0.0, False),
        (0.1 + 0.2, 0.3, True),
        (1e6, 1e6 + 1, False),
        (1e15, 1e15 + 1, True),
        (0.0, 1e-10, True),
        (0.0, 1e-6, False),
        (1.0, -1.0, False),
    ],
)
def test_two_computations_agree_up_to_the_order_of_adding(
    a: float | None, b: float | None, agree: bool
) -> None:
    assert same(a, b) is same(b, a) is agree


def test_a_period_that_one_computation_lacks_counts_as_blank_there() -> None:
    jan, feb, mar = (date(2026, month, 1) for month in (1, 2, 3))
    ours = [Point(jan, 1.0), Point(feb, None), Point(mar, 3.0)]
    theirs = [Point(jan, 1.0), Point(mar, 4.0)]

    assert differences(ours, theirs) == [(mar, 3.0, 4.0)]
    assert differences(ours, []) == [(jan, 1.0, None), (mar, 3.0, None)]


# -- In a version ---------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_version_gives_months_a_total_and_the_rows_behind_them(data_dir: object, ready: Ready) -> None:
    project = make_project()
    environment = ready.live(make_environment(project)).environment
    environment.refresh_from_db()
    assert environment.live is not None
    version = reading(environment.live)

    numbers = by_period(version, MetricRef("revenue"))

    assert [(p.period.month, p.value) for p in numbers.points] == [(1, 150), (2, 100), (3, None), (5, 75)]
    assert "fct_orders" in numbers.sql
    assert in_all(version, MetricRef("revenue")) == 325
    rows = sample(version, MetricRef("revenue"), limit=3)
    assert len(rows.rows) == 3
    assert {"order_id", "net_amount"} <= {column.name for column in rows.columns}
    assert vocabulary_of(project, environment).metrics.keys() == version.vocabulary.metrics.keys()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("metric", "values"), [("revenue", [150, 100]), ("revenue_growth", [None, pytest.approx(-1 / 3)])]
)
def test_a_series_ends_with_the_period_of_today(
    data_dir: object, ready: Ready, monkeypatch: pytest.MonkeyPatch, metric: str, values: list[float | None]
) -> None:
    deployment = ready.live(make_environment(make_project()))
    monkeypatch.setattr("environments.numbers.timezone.localdate", lambda: date(2026, 2, 20))

    numbers = by_period(reading(deployment), MetricRef(metric))

    assert [(point.period.month, point.value) for point in numbers.points] == list(
        zip((1, 2), values, strict=True)
    )


@pytest.mark.django_db
def test_a_version_never_changes_so_it_is_asked_once(data_dir: object, ready: Ready) -> None:
    deployment = ready.live(make_environment(make_project()))
    version = reading(deployment)
    first = ask(version, "SELECT count(*) FROM analytics.fct_orders")
    deployment.file.unlink()

    assert ask(version, "SELECT count(*) FROM analytics.fct_orders") == first


@pytest.mark.django_db
def test_before_there_is_a_version_names_come_from_the_last_pull(ready: Ready) -> None:
    project = make_project()
    environment = make_environment(project)
    assert vocabulary_of(project, environment).metrics == {}

    ready.pulled(project)

    assert "revenue" in vocabulary_of(project, environment).metrics
    assert "revenue" in vocabulary_of(project, None).metrics
