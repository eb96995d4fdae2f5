from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bisync.lib.charts import (
    Point,
    Series,
    bar_chart,
    colour,
    line_chart,
    nice_ticks,
    row_chart,
    sparkline,
    summary,
)
from bisync.lib.numbers import NumberFormat

FMT = NumberFormat("currency", "GBP")
MONTHS = "Nov Dec Jan Feb Mar Apr May Jun Jul Aug Sep Oct".split()  # noqa: SIM905
VALUES: list[Point] = [(month, 10.0 + index) for index, month in enumerate(MONTHS)]


def _all(svg: str, tag: str, css: str = "") -> list[ElementTree.Element]:
    return [
        node
        for node in ElementTree.fromstring(svg).iter(tag)
        if css in node.get("class", "").split() or not css
    ]


def _texts(svg: str) -> list[str]:
    return [node.text or "" for node in _all(svg, "text")]


# -- Lines --------------------------------------------------------------------------------------------


def test_a_line_goes_through_every_value() -> None:
    svg = line_chart([Series("Revenue", VALUES)], fmt=FMT, label="Revenue by month")

    (path,) = _all(svg, "path")
    assert len(re.findall(r"[ML]", path.get("d", ""))) == 12
    assert path.get("class") == "v1"


def test_a_missing_value_interrupts_the_line_instead_of_falling_to_zero() -> None:
    svg = line_chart(
        [Series("Revenue", [("a", 1.0), ("b", None), ("c", 3.0), ("d", 4.0)])], fmt=FMT, label="x"
    )

    (path,) = _all(svg, "path")
    assert path.get("d", "").count("M") == 2


def test_the_pointer_finds_every_value_in_words() -> None:
    svg = line_chart(
        [Series("Now", [("Oct", 4_820_000.0)], "compare"), Series("Proposed", [("Oct", None)])],
        fmt=FMT,
        label="x",
    )

    (title,) = _all(svg, "title")
    assert title.text == "Oct\nNow: £4,820,000.00\nProposed: –"  # noqa: RUF001


def test_what_is_compared_with_lies_below_and_is_dashed_grey() -> None:
    svg = line_chart([Series("Proposed", VALUES), Series("Now", VALUES, "compare")], fmt=FMT, label="x")

    assert [path.get("class") for path in _all(svg, "path")] == ["v0", "v1"]


def test_end_labels_that_would_touch_are_kept_apart() -> None:
    svg = line_chart(
        [Series("Now", [("a", 1.0), ("b", 5.0)], "compare"), Series("Then", [("a", 1.0), ("b", 5.01)])],
        fmt=FMT,
        label="x",
    )

    heights = [float(node.get("y", "0")) for node in _all(svg, "text", "start")]
    assert abs(heights[0] - heights[1]) >= 12


def test_a_third_line_gets_its_own_colour_and_the_ninth_begins_again() -> None:
    many = [Series(str(n), VALUES) for n in range(9)]

    assert [colour(many, position) for position in range(9)] == [f"v{n}" for n in [*range(1, 9), 1]]


def test_one_point_is_drawn_in_the_middle() -> None:
    svg = line_chart([Series("Revenue", [("Oct", 5.0)])], fmt=FMT, label="x")

    (dot,) = _all(svg, "circle")
    assert dot.get("cx") == "50.000%"


def test_equal_values_do_not_divide_by_nothing() -> None:
    svg = line_chart([Series("Revenue", [("a", 5.0), ("b", 5.0)])], fmt=FMT, label="x")

    assert "£0" in _texts(svg)
    assert len(_all(svg, "path")) == 1


@pytest.mark.parametrize("points", [[], [("a", None)], [("a", float("nan"))]])
def test_nothing_to_show_is_said(points: list[Point]) -> None:
    for svg in (
        line_chart([Series("Revenue", points)], fmt=FMT, label="Revenue"),
        bar_chart(points, fmt=FMT, label="Revenue"),
        row_chart(points, fmt=FMT, label="Revenue"),
    ):
        assert "No values to show" in svg
        assert 'aria-label="Revenue: No values to show"' in svg


def test_on_a_narrow_page_some_names_give_way() -> None:
    svg = line_chart(
        [Series("Revenue", [(f"{day} January", 1.0 * day) for day in range(1, 31)])], fmt=FMT, label="x"
    )

    names = [node for node in _all(svg, "text") if "January" in (node.text or "")]
    always = [node for node in names if "wide" not in node.get("class", "")]
    assert 2 <= len(always) < len(names) <= 6
    assert always[-1].text == "30 January"


# -- Bars ---------------------------------------------------------------------------------------------


def test_bars_begin_at_zero() -> None:
    svg = bar_chart(VALUES, fmt=FMT, label="x")

    (zero,) = _all(svg, "line", "zero")
    feet = {float(bar.get("y", "0")) + float(bar.get("height", "0")) for bar in _all(svg, "rect", "bar")}
    assert {round(foot) for foot in feet} == {round(float(zero.get("y1", "0")))}


def test_a_negative_bar_hangs_from_zero() -> None:
    svg = bar_chart([("Q1", 120.0), ("Q2", -40.0)], fmt=FMT, label="x")

    (zero,) = _all(svg, "line", "zero")
    hanging = _all(svg, "rect", "bar")[1]
    assert float(hanging.get("y", "0")) == pytest.approx(float(zero.get("y1", "0")), abs=0.1)
    assert "−£40" in _texts(svg)  # noqa: RUF001


def test_the_emphasised_bar_stands_out_and_carries_its_value() -> None:
    svg = bar_chart(VALUES, fmt=FMT, label="x", emphasise="Oct")

    assert [bar.get("class") for bar in _all(svg, "rect", "bar")].count("bar dim") == 11
    assert "£21" in _texts(svg)


def test_a_missing_bar_keeps_its_place() -> None:
    svg = bar_chart([("Q1", 1.0), ("Q2", None), ("Q3", 3.0)], fmt=FMT, label="x")

    assert [bar.get("x") for bar in _all(svg, "rect", "bar")] == ["5.333%", "72.000%"]


def test_lying_bars_measure_from_a_common_zero() -> None:
    svg = row_chart([("Germany", 30.0), ("Poland", -10.0)], fmt=FMT, label="x")

    germany, poland = _all(svg, "rect", "bar")
    assert (germany.get("x"), germany.get("width")) == ("25.000%", "75.000%")
    assert (poland.get("x"), poland.get("width")) == ("0.000%", "25.000%")


# -- For everybody ------------------------------------------------------------------------------------


def test_the_summary_tells_beginning_end_and_extremes() -> None:
    said = summary([Series("Revenue", VALUES)], fmt=FMT, label="Revenue by month")

    assert said == "Revenue by month. From £10 in Nov to £21 in Oct; lowest £10 in Nov, highest £21 in Oct."


def test_a_name_cannot_smuggle_markup_in() -> None:
    nasty = '"><script>alert(1)</script>'
    series = [Series(nasty, [(nasty, 1.0), ("b", 2.0)]), Series("x", [(nasty, 1.0)])]

    for svg in (
        line_chart(series, fmt=NumberFormat("currency", nasty), label=nasty),
        bar_chart(series[0].points, fmt=FMT, label=nasty, emphasise=nasty),
        row_chart(series[0].points, fmt=FMT, label=nasty),
        sparkline([1, 2], label=nasty),
    ):
        assert "<script" not in svg
        ElementTree.fromstring(svg)


def test_a_sparkline_is_decoration_until_it_has_a_label() -> None:
    assert 'aria-hidden="true"' in sparkline([1, 2, 3])
    assert 'role="img" aria-label="Trend"' in sparkline([1, None, 3], label="Trend")
    assert "<path" not in sparkline([None])


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0, 60, (0, 20, 40, 60)),
        (3.23, 4.82, (3, 3.5, 4, 4.5, 5)),
        (-40, 120, (-50, 0, 50, 100, 150)),
        (0, 0.3, (0, 0.1, 0.2, 0.3)),
        (5, 5, (0, 2, 4, 6)),
        (0, 0, (0, 0.25, 0.5, 0.75, 1)),
        (-7, -7, (-8, -6, -4, -2, 0)),
    ],
)
def test_ticks_are_round_and_enclose_the_values(low: float, high: float, ticks: tuple[float, ...]) -> None:
    found = nice_ticks(low, high)

    assert found[0] <= low
    assert found[-1] >= high
    assert found == ticks


_figures = st.one_of(st.none(), st.floats(-1e12, 1e12, allow_nan=False).map(lambda value: round(value, 4)))


@settings(max_examples=100, deadline=None)
@given(st.lists(_figures, max_size=40))
def test_every_chart_of_every_series_is_well_formed(values: list[float | None]) -> None:
    points = [(f"p{index}", value) for index, value in enumerate(values)]

    for svg in (
        line_chart([Series("a", points), Series("b", points[:3], "compare")], fmt=FMT, label="x"),
        bar_chart(points, fmt=FMT, label="x"),
        row_chart(points, fmt=FMT, label="x"),
        sparkline(values),
    ):
        ElementTree.fromstring(svg)
        assert "nan" not in svg
        assert "inf" not in svg
