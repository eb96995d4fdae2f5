"""A changed definition stays in its authors' words: aliases, expressions, filters and shapes of the file."""

from __future__ import annotations

from dataclasses import replace

import pytest
import yaml

from semantic.codegen.metric_edits import in_shape
from semantic.definitions import Metric, MetricInput
from tests.semantic.codegen.test_amend import SHOP, change, diff, said, with_formulas

pytestmark = pytest.mark.pure

PLACE = "models/growth.yml"
DONE = "{{ Dimension('order__order_status') }} = 'completed'\n"
FILE = """metrics:
  - name: growth
    type: derived
    type_params:
      expr: (revenue_now - revenue_before)*100/revenue_before
      metrics:
        - name: revenue
          alias: revenue_now
        - name: revenue
          offset_window: 1 month
          alias: revenue_before
  - name: rise
    type: derived
    type_params:
      expr: revenue - revenue_1_month_earlier
      metrics:
        - revenue
        - name: revenue
          alias: revenue_1_month_earlier
          offset_window: 1 month
  - name: paid_share
    type: ratio
    type_params:
      numerator: revenue
      denominator:
        name: orders_total
    filter: |
      {{ Dimension('order__order_status') }} = 'completed'
  - name: last_week
    type: cumulative
    type_params:
      measure:
        name: "net_amount_total"
      window: 7 days
  - name: filled
    type: simple
    type_params:
      measure:
        name: net_amount_total
        fill_nulls_with: 0
        join_to_timespine: true
    filter: |
      {{ Dimension('order__order_status') }} = 'completed'
"""
METRICS = (
    Metric(
        "growth", "derived", expr="(revenue_now - revenue_before)*100/revenue_before",
        inputs=(
            MetricInput("revenue", "revenue_now"),
            MetricInput("revenue", "revenue_before", offset_window="1 month"),
        ),
    ),
    Metric(
        "rise", "derived", expr="revenue - revenue_1_month_earlier",
        inputs=(
            MetricInput("revenue"),
            MetricInput("revenue", "revenue_1_month_earlier", offset_window="1 month"),
        ),
    ),
    Metric(
        "paid_share", "ratio", filters=(DONE,),
        numerator=MetricInput("revenue"), denominator=MetricInput("orders_total"),
    ),
    Metric("last_week", "cumulative", measure="net_amount_total", window="7 days"),
    Metric(
        "filled", "simple", measure="net_amount_total", filters=(DONE,),
        fill_nulls_with=0, join_to_timespine=True,
    ),
)  # fmt: skip
KNOWN = with_formulas(
    replace(
        SHOP,
        metrics={**SHOP.metrics, **{one.name: replace(one, label=one.name, file=PLACE) for one in METRICS}},
    )
)


def changed(name: str, old: str, new: str, *, text: str = FILE) -> list[str]:
    """The lines of the file that change with a part of the formula."""
    base = said(name, KNOWN)
    assert old in base.formula
    code = change(base, KNOWN, formula=base.formula.replace(old, new))
    return [
        line for line in diff(code, {PLACE: text})[PLACE] if "bisync" not in line and "formula" not in line
    ]


def note(lines: list[str]) -> list[str]:
    """Without the keys of Bisync's own note, which an entry without one gets."""
    return [line for line in lines if line.strip("+ ") not in ("config:", "meta:")]


def test_another_length_of_time_changes_that_line_alone() -> None:
    assert note(changed("growth", "1 month", "1 year")) == [
        "-          offset_window: 1 month",
        "+          offset_window: 1 year",
    ]


def test_a_name_that_tells_the_length_of_time_changes_with_it() -> None:
    assert note(changed("rise", "1 month", "1 year")) == [
        "-      expr: revenue - revenue_1_month_earlier",
        "+      expr: revenue - revenue_1_year_earlier",
        "-          alias: revenue_1_month_earlier",
        "-          offset_window: 1 month",
        "+          alias: revenue_1_year_earlier",
        "+          offset_window: 1 year",
    ]


def test_another_calculation_is_written_with_the_aliases_that_are_there() -> None:
    lines = note(changed("growth", "* 100", "* 1000"))

    assert [line for line in lines if line.startswith("-")] == [
        "-      expr: (revenue_now - revenue_before)*100/revenue_before"
    ]
    (expr,) = [line for line in lines if line.startswith("+")]
    assert "revenue_now - revenue_before" in expr
    assert "part_" not in expr


def test_another_condition_stays_one_of_the_whole_metric() -> None:
    lines = note(changed("paid_share", "'completed'", "'returned'"))

    assert [line.replace("|-", "|") for line in lines if "filter" not in line] == [
        "-      {{ Dimension('order__order_status') }} = 'completed'",
        "+      {{ Dimension('order__order_status') }} = 'returned'",
    ]


def test_a_window_is_changed_where_the_file_has_it() -> None:
    assert note(changed("last_week", "7 days", "14 days")) == [
        "-      window: 7 days",
        "+      window: 14 days",
    ]


def test_that_periods_without_rows_are_not_filled_any_more_is_told() -> None:
    code = change(said("filled", KNOWN), KNOWN, formula="SUM(net_amount) WHERE status = 'returned'")

    assert "Periods without rows are not filled any more, as they are today." in code.notes
    assert "-        join_to_timespine: true" in diff(code, {PLACE: FILE})[PLACE]


def test_conditions_of_one_side_alone_go_where_only_that_side_is_counted() -> None:
    base = said("paid_share", KNOWN)
    one_side = "(revenue WHERE status = 'returned') / orders_total"
    after = change(base, KNOWN, formula=one_side).changes[0].apply(FILE.encode()).decode()

    entry = next(one for one in yaml.safe_load(after)["metrics"] if one["name"] == "paid_share")
    assert "filter" not in entry
    assert "returned" in entry["type_params"]["numerator"]["filter"]
    assert entry["type_params"]["denominator"] == {"name": "orders_total"}


def test_an_input_that_comes_beside_others_leaves_their_names() -> None:
    base = said("growth", KNOWN)
    code = change(base, KNOWN, formula=f"{base.formula} + completed_revenue")
    lines = note([line for line in diff(code, {PLACE: FILE})[PLACE] if "bisync" not in line])

    assert "+        - completed_revenue" in lines or "+        - name: completed_revenue" in lines
    assert not [line for line in lines if line.startswith("-") and "expr" not in line]


@pytest.mark.parametrize(
    ("there", "value", "found"),
    [
        ({"name": "a"}, "a", {"name": "a"}),
        ({"name": "a", "alias": "x"}, "a", "a"),
        ({"name": "a", "filter": "f\n"}, {"name": "a", "filter": "f"}, {"name": "a", "filter": "f\n"}),
        ({"name": "a", "fill_nulls_with": 0}, "a", "a"),
        ("a", {"name": "a", "alias": "x"}, {"name": "a", "alias": "x"}),
        ("a", {"name": "a"}, "a"),
        ({"measure": "m", "window": "1 day"}, {"measure": "m", "cumulative_type_params": {"window": "2 days"}},
         {"measure": "m", "window": "2 days"}),
        ({"measure": "m", "window": "1 day"}, {"measure": "m", "cumulative_type_params": {"window": "1 day", "period_agg": "last"}},
         {"measure": "m", "cumulative_type_params": {"window": "1 day", "period_agg": "last"}}),
        ([{"name": "a"}, "b"], ["b", "a", "c"], ["b", {"name": "a"}, "c"]),
        (None, "a", "a"),
    ],
)  # fmt: skip
def test_a_part_keeps_its_shape_where_it_can(there: object, value: object, found: object) -> None:
    assert in_shape(there, value) == found
