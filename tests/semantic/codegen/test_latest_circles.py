"""In dbt's latest spec a metric may run over another, or count it: no change may close that to a circle."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from catalog.ingest import read
from semantic.codegen.amend import compile_change
from semantic.codegen.entries import Refused
from semantic.codegen.metrics import Compiled
from semantic.current import fields_of
from semantic.definitions import ConversionParams, Metric, Vocabulary
from semantic.formula import analyse
from semantic.formulas import full_meaning
from semantic.known import Known
from semantic.removals import RemovalFields
from semantic.rules.removals import sending_problems
from tests.semantic import latest_shop, shop
from tests.semantic.codegen.test_amend import with_formulas

pytestmark = pytest.mark.pure

RUNNING = Metric(
    "revenue_total",
    "cumulative",
    "Revenue so far",
    measure="revenue",
    period_agg="last",
    file="models/metrics.yml",
    spec="latest",
)
AGAIN = Metric(
    "ordered_again",
    "conversion",
    "Ordered again",
    conversion=ConversionParams("completed_revenue", "orders_total", "customer"),
    file="models/metrics.yml",
    spec="latest",
)


def having(*metrics: Metric, names: Vocabulary = latest_shop.SHOP) -> Vocabulary:
    return with_formulas(replace(names, metrics={**names.metrics, **{one.name: one for one in metrics}}))


LATEST = having(RUNNING, AGAIN)


def change(name: str, formula: str, names: Vocabulary = LATEST) -> Compiled:
    base = fields_of(names.metrics[name], names)
    fields = replace(base, formula=formula)
    return compile_change(base, fields, analyse(formula, names), names)


@pytest.mark.parametrize(
    ("name", "formula"),
    [
        ("revenue", "revenue_total / 2"),
        ("completed_revenue", "ordered_again * 100"),
        ("orders_total", "ordered_again + 1"),
    ],
)
def test_a_formula_never_uses_what_is_computed_from_it(name: str, formula: str) -> None:
    with pytest.raises(Refused, match="in a circle"):
        change(name, formula)


def test_what_another_runs_over_stays_a_single_total() -> None:
    with pytest.raises(Refused, match="adds up revenue in revenue_total, so it has to stay a single total"):
        change("revenue", "completed_revenue / orders_total")
    with pytest.raises(
        Refused, match="adds up orders_total in ordered_again, so it has to stay a single total"
    ):
        change("orders_total", "COUNT(dim_customers.*)")

    assert change("revenue", "SUM(fct_orders.discount)").entries["change"]["values"]["expr"] == "discount"
    alone = having()
    assert change("revenue", "completed_revenue / orders_total", alone).entries["change"]["values"]


def test_in_the_legacy_spec_a_measure_may_be_called_as_a_metric() -> None:
    """There, a metric runs over a measure, and what it is called says nothing of metrics."""
    running = replace(RUNNING, measure="net_amount_total", spec="legacy")
    called_alike = replace(shop.vocabulary().metrics["revenue"], name="net_amount_total", label="Net")
    names = having(running, called_alike, names=shop.vocabulary())

    assert change("net_amount_total", "revenue_total / 2", names).entries["change"]["values"]


@pytest.mark.parametrize(
    ("replacement", "said"),
    [("revenue_total", "in a circle"), ("revenue_per_customer", "in a circle"), ("average", "single total")],
)
def test_nothing_is_replaced_by_what_is_computed_from_it(replacement: str, said: str) -> None:
    average = replace(
        LATEST.metrics["revenue_per_customer"], name="average", numerator=None, denominator=None
    )
    names = having(RUNNING, AGAIN, average)
    known = Known(names, lambda: read(json.dumps({"metadata": {"project_name": "shop"}}).encode()))

    told = sending_problems(RemovalFields("metric:revenue", replacement=replacement), known)

    assert said in told["replacement"][0]


def test_a_metric_changes_with_the_one_that_it_runs_over() -> None:
    running = replace(RUNNING, window="2 hours")  # which formulas cannot say
    before = having(running)
    after = having(running, replace(before.metrics["revenue"], filters=(shop.COMPLETED,)))

    first, then = (full_meaning(running, names, dialect="duckdb") for names in (before, after))
    assert first != then
