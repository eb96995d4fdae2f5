"""Parts that were written for one metric alone, as its formula shows them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from semantic.definitions import Metric, MetricInput
from semantic.formulas import metric_formula
from tests.semantic import shop

pytestmark = pytest.mark.pure


@pytest.mark.parametrize(
    ("owner", "formula"),
    [
        ("share", "(SUM(net_amount) WHERE status = 'completed') / revenue"),
        # Another metric's part is a metric like all others.
        ("another", "part / revenue"),
    ],
)
def test_a_part_stands_in_the_formula_that_it_was_written_for(owner: str, formula: str) -> None:
    names = shop.vocabulary()
    part = Metric(
        "part",
        "simple",
        "Part",
        measure="net_amount_total",
        filters=("{{ Dimension('order__order_status') }} = 'completed'",),
        meta={"bisync": {"helper_of": owner}},
    )
    share = Metric(
        "share", "ratio", "Share", numerator=MetricInput("part"), denominator=MetricInput("revenue")
    )
    names = replace(names, metrics={**names.metrics, "part": part, "share": share})

    assert metric_formula(share, names, dialect="duckdb") == formula


def test_a_part_that_no_formula_says_keeps_its_name() -> None:
    names = shop.vocabulary()
    part = Metric(
        "part",
        "simple",
        "Part",
        measure="net_amount_total",
        join_to_timespine=True,
        meta={"bisync": {"helper_of": "share"}},
    )
    share = Metric(
        "share", "ratio", "Share", numerator=MetricInput("part"), denominator=MetricInput("revenue")
    )
    names = replace(names, metrics={**names.metrics, "part": part, "share": share})

    assert metric_formula(share, names, dialect="duckdb") == "part / revenue"
