"""`metric_time` in a filter is the date of what is totalled, whatever the model's rows usually go by."""

from __future__ import annotations

from dataclasses import replace

import pytest

from semantic.codegen.amend import compile_change
from semantic.codegen.metrics import MetricDraft, compile_metric
from semantic.current import fields_of
from semantic.definitions import ConversionParams, Measure, Metric, MetricInput, Vocabulary
from semantic.formula import analyse
from semantic.formulas import metric_formula
from tests.semantic import shop

pytestmark = pytest.mark.pure

SINCE_JANUARY = ("{{ TimeDimension('metric_time', 'day') }} >= '2026-01-01'",)
DELIVERED = Measure("delivered_amount", "sum", "net_amount", agg_time_dimension="delivered_on")
LATE = Metric(
    "late",
    "simple",
    "Late",
    measure="delivered_amount",
    filters=SINCE_JANUARY,
    file="models/metrics.yml",
)


def known(*metrics: Metric, measure: Measure = DELIVERED) -> Vocabulary:
    """The shop with a total that goes by the day of delivery, and with metrics."""
    names = shop.vocabulary()
    orders = names.models["fct_orders"]
    assert orders.semantic is not None
    semantic = replace(orders.semantic, measures=(*orders.semantic.measures, measure))
    models = {**names.models, "fct_orders": replace(orders, semantic=semantic)}
    return replace(
        names, models=models, metrics={**names.metrics, **{metric.name: metric for metric in metrics}}
    )


def read(metric: Metric, *others: Metric) -> str:
    return metric_formula(metric, known(metric, *others), dialect="duckdb")


def test_of_a_measure_with_its_own_date_it_is_that_one() -> None:
    assert read(LATE) == "SUM(net_amount) WHERE delivered_on >= DATE '2026-01-01'"
    usual = replace(LATE, measure="net_amount_total")
    assert read(usual) == "SUM(net_amount) WHERE ordered_at >= DATE '2026-01-01'"


def test_of_metrics_of_metrics_it_is_the_date_that_all_their_totals_have() -> None:
    delivered = Metric("delivered", "simple", "Delivered", measure="delivered_amount")
    share = Metric(
        "share",
        "derived",
        expr="delivered * 2",
        inputs=(MetricInput("delivered"),),
        filters=SINCE_JANUARY,
    )
    assert read(share, delivered) == "delivered * 2 WHERE delivered_on >= DATE '2026-01-01'"
    of_two = replace(share, expr="delivered / revenue", inputs=(*share.inputs, MetricInput("revenue")))
    assert read(of_two, delivered) == ""


def test_of_events_it_is_the_day_on_which_each_happened() -> None:
    counted = Measure("deliveries", "count", "1", agg_time_dimension="delivered_on")
    followed = Metric(
        "followed",
        "conversion",
        "Followed",
        conversion=ConversionParams("deliveries", "rows_total", "customer", base_filters=SINCE_JANUARY),
    )
    names = known(followed, measure=counted)
    found = metric_formula(followed, names, dialect="duckdb")
    assert "delivered_on >= DATE '2026-01-01'" in found
    assert "ordered_at" not in found


def test_a_change_writes_the_condition_on_the_date_that_was_meant() -> None:
    names = known(LATE)
    metric = replace(LATE, formula=metric_formula(LATE, names, dialect="duckdb"))
    names = replace(names, metrics={**names.metrics, "late": metric})
    base = fields_of(metric, names)
    more = "{{ Dimension('order__order_status') }} = 'completed'"
    meant = "{{ TimeDimension('order__delivered_on', 'day') }} >= cast('2026-01-01' as date)"
    # Counted by the same date, the condition stays as it stands; by another one, it says which was meant.
    for time, written in (("", f"{SINCE_JANUARY[0]} and {more}"), ("ordered_at", [meant, more])):
        wanted = replace(base, formula=f"{base.formula} AND status = 'completed'", time=time or base.time)
        code = compile_change(base, wanted, analyse(wanted.formula, names), names)
        assert code.entries["change"]["values"]["filter"] == written


def test_a_total_of_other_rows_is_not_taken_for_it() -> None:
    names = known(LATE)
    formula = "(SUM(net_amount) WHERE ordered_at >= DATE '2026-01-01') / COUNT(fct_orders.*)"
    draft = MetricDraft("found", "Found", "", analyse(formula, names), time_column="delivered_on")

    code = compile_metric(draft, names)

    top = next(metric for metric in code.entries["metrics"] if metric["name"] == "found")
    assert top["type_params"]["numerator"] != "late"
