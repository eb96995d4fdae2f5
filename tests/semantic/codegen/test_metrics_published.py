"""What was written to a dbt project, read back by dbt and computed by MetricFlow: the formula's own numbers."""

from __future__ import annotations

import re
from typing import Any

import psycopg
import pytest

from semantic.codegen.entries import Refused
from semantic.codegen.metrics import MetricDraft
from semantic.fields import ValueRule
from semantic.formula.tree import MetricRef
from semantic.query.engine import engine_for, with_relations
from semantic.query.spec import PeriodsOnly, QuerySpec, Unsupported
from semantic.query.sql import metric_sql
from tests.semantic.conftest import Known
from tests.semantic.shop import RELATIONS, Shop, day, plain

pytestmark = [pytest.mark.dbt, pytest.mark.slow]

# name: formula, model to start from, what dates the rows
PUBLISHED: dict[str, tuple[str, str, str]] = {
    "average_amount": ("AVERAGE(net_amount)", "fct_orders", ""),
    "completed_discount": ("SUM(discount) WHERE status = 'completed'", "fct_orders", ""),
    "gift_share": ("(SUM(net_amount) WHERE is_gift) / SUM(net_amount)", "fct_orders", ""),
    "big_order_share": ("COUNTIF(quantity > 1) / COUNT(*)", "fct_orders", ""),
    "amount_per_order": ("ROUND(SUM(net_amount) / COUNT(*) * 100, 1)", "fct_orders", ""),
    "orders_per_customer": ("COUNT(fct_orders.*) / COUNT(dim_customers.*) * 100", "fct_orders", ""),
    "german_net": ("SUM(net_amount - discount) WHERE dim_customers.country = 'DE'", "fct_orders", ""),
    "big_buyers": ("COUNT(DISTINCT customer_id) WHERE quantity >= 2", "fct_orders", ""),
    "returned_filled": ("COALESCE(SUM(net_amount) WHERE status = 'returned', 0)", "fct_orders", ""),
    "amount_by_discount": ("SUM(net_amount) / SUM(discount)", "fct_orders", ""),
    "late_orders": ("COUNT(order_id) WHERE status = 'it''s late' OR quantity = 0", "fct_orders", ""),
    "delivered_amount": ("SUM(net_amount)", "fct_orders", "delivered_on"),
    "delivery_days": ("AVERAGE(DATEDIFF(ordered_at, delivered_on))", "fct_orders", ""),
    "minutes_per_web_visit": ("SUM(minutes) / (COUNT(*) WHERE device = 'web')", "fct_visits", "visited_on"),
    "gift_revenue_share": ("(revenue WHERE is_gift = TRUE) / revenue", "", ""),
    "open_revenue": ("revenue - completed_revenue", "", ""),
    "spring_quantity": (
        "SUM(quantity) WHERE ordered_at >= '2026-02-01' AND ordered_at < '2026-03-02'",
        "fct_orders",
        "",
    ),
    "low_and_discount": ("PERCENTILE(net_amount, 0.33331) + MEDIAN(discount)", "fct_orders", ""),
    "plain_orders": (
        "COUNT(*) WHERE NOT (quantity > 2 OR discount > 2) AND (status = 'completed' OR is_gift)",
        "fct_orders",
        "",
    ),
    "rooted": ("SUM(SQRT(quantity - 1)) + SUM(MOD(net_amount, 0.3)) + SUM(quantity ^ -1)", "fct_orders", ""),
    "root_of_totals": ("SQRT(SUM(quantity) - COUNT(*))", "fct_orders", ""),
    "spread": ("MAX(net_amount) - MIN(net_amount)", "fct_orders", ""),
    "gift_part": ("SUM(IF(is_gift, net_amount, 0)) / SUM(net_amount)", "fct_orders", ""),
    "after_the_20th": ("COUNT(*) WHERE ordered_at > '2026-01-20'", "fct_orders", ""),
    "nothing": ("SUM(net_amount) WHERE status = 'nowhere'", "fct_orders", ""),
    "recent_orders": ("COUNT(*) WHERE ordered_at IN LAST 3650 DAYS", "fct_orders", ""),
    "amount_30_days": ("ROLLING(SUM(net_amount), 30 days)", "fct_orders", ""),
    "orders_this_quarter": ("TODATE(COUNT(fct_orders.*), quarter)", "fct_orders", ""),
    "buyers_so_far": ("CUMULATIVE(COUNT(DISTINCT fct_orders.customer_id))", "fct_orders", ""),
    "gifts_2_weeks": ("ROLLING(SUM(net_amount) WHERE is_gift, 2 weeks, first)", "fct_orders", ""),
    "usual_amount": ("TODATE(SUM(net_amount), month, average)", "fct_orders", ""),
    "revenue_a_month": ("ROLLING(revenue, 1 month)", "", ""),
    "german_30_days": (
        "ROLLING(SUM(net_amount) WHERE dim_customers.country = 'DE', 30 days)",
        "fct_orders",
        "",
    ),
    "gift_share_30_days": (
        "ROLLING(SUM(net_amount) WHERE is_gift, 30 days) / ROLLING(SUM(net_amount), 30 days)",
        "fct_orders",
        "",
    ),
    "delivered_30_days": ("ROLLING(SUM(net_amount), 30 days)", "fct_orders", "delivered_on"),
    "amount_change": ("SUM(net_amount) - PRIOR(SUM(net_amount), 1 month)", "fct_orders", ""),
    "gifts_last_week": ("PRIOR(SUM(net_amount) WHERE is_gift, 1 week)", "fct_orders", ""),
    "revenue_change": ("(revenue - PRIOR(revenue, 1 month)) / PRIOR(revenue, 1 month)", "", ""),
    "value_a_month_ago": ("PRIOR(average_order, 1 month)", "", ""),
    "sales_a_month_ago": ("PRIOR(revenue / SUM(quantity), 1 month) * 100", "fct_orders", ""),
    "bought_again": (
        "CONVERSION(COUNT(fct_orders.*), COUNT(DISTINCT IF(status = 'it''s late', order_id)), customer, 6 months)",
        "fct_orders",
        "",
    ),
    "signups_that_buy": (
        "CONVERSION(COUNT(DISTINCT dim_customers.customer_id), COUNT(DISTINCT fct_orders.order_id), customer)",
        "",
        "",
    ),
    "soon_after": (
        "CONVERSION(COUNT(fct_orders.*) WHERE is_gift, COUNT(fct_orders.*), customer, 30 days) * 100",
        "fct_orders",
        "",
    ),
}
# Without a total of all time.
ALONG = {name for name, (formula, *_rest) in PUBLISHED.items() if re.search("ROLLING|TODATE|PRIOR", formula)}
RULES = {
    "gift_share": (ValueRule("percentage"), ValueRule("not_null")),
    "average_amount": (ValueRule("positive"), ValueRule("range", high=60.0)),
    "minutes_per_web_visit": (ValueRule("positive"),),
}
TOTALS: dict[str, float | None] = {
    "average_amount": 65.0,
    "gift_share": 180 / 325,
    "big_order_share": 0.5,
    "amount_per_order": 5416.7,
    "orders_per_customer": 200.0,
    "german_net": 145.0,
    "big_buyers": 2.0,
    "amount_by_discount": 325 / 8,
    # Amounts 20, 50, 75, 80, 100; discounts 0, 0, 1, 2, 5.
    "low_and_discount": 58.331 + 1,
    "plain_orders": 2.0,
    "minutes_per_web_visit": 2.5,
    "nothing": None,
}


@pytest.fixture(scope="session")
def published(known: Known, copied: Shop) -> Known:
    """The shop after every formula above has been written into it and built."""
    for name, (formula, model, time) in PUBLISHED.items():
        draft_ = MetricDraft(
            name=name,
            label=name.replace("_", " ").title(),
            description=f'What "{name}" means: a test.',
            formula=known.analysed(formula, model),
            model=model,
            time_column=time,
            value_format="percent" if name == "gift_share" else "number",
            owner="Sales",
            group="sales" if name == "gift_share" else "",
            validations=RULES.get(name, ()),
        )
        for change in known.compiled(draft_).changes:
            copied.write(change.path, change.apply(copied.read(change.path)))
    outcomes = copied.build()
    failed = {name for name, outcome in outcomes.items() if outcome not in ("success", "pass")}
    # May sells for 75 on average; March has no amount at all, and so no share.
    assert failed == {"average_amount_range", "gift_share_not_null"}
    assert {"average_amount_positive", "gift_share_percentage", "minutes_per_web_visit_positive"} < set(
        outcomes
    )
    return Known(copied)


@pytest.mark.parametrize("grain", [None, "day", "week", "month", "quarter"])
def test_what_was_published_computes_what_the_formula_says(
    known: Known, published: Known, grain: Any
) -> None:
    asked = published.shop.series if grain else published.shop.value
    apart = {}
    for name, (formula, model, time) in PUBLISHED.items():
        tree = known.analysed(formula, model).tree
        assert tree is not None
        try:
            ours = metric_sql(
                tree,
                known.vocabulary,
                published.relations,
                dialect="duckdb",
                spec=QuerySpec(grain=grain),
                time_column=time,
            )
        except PeriodsOnly:
            assert (grain, name in ALONG) == (None, True)
            continue
        except Unsupported as error:
            assert re.search({"week": "whole weeks", "quarter": "whole quarters"}[grain], str(error)), name
            continue
        theirs = published.engine.sql(name, grain=grain)
        if asked(ours) != asked(theirs):
            apart[name] = (asked(ours), asked(theirs))
    assert apart == {}


@pytest.mark.parametrize("grain", [None, "month"])
def test_the_same_files_give_the_same_numbers_on_postgresql(
    known: Known, published: Known, postgres: psycopg.Connection[Any], grain: Any
) -> None:
    places = {name: f"public.{name}" for name in RELATIONS}
    manifest = with_relations(published.shop.semantic_manifest, places, published.vocabulary)
    engine = engine_for(manifest, "postgres")
    apart = {}
    for name in PUBLISHED.keys() - (set() if grain else ALONG):
        here, there = published.engine.sql(name, grain=grain), engine.sql(name, grain=grain)
        ours = metric_sql(
            MetricRef(name), published.vocabulary, places, dialect="postgres", spec=QuerySpec(grain=grain)
        )
        answers = [postgres.execute(sql.encode()).fetchall() for sql in (there, ours)]
        found = [answer_of(rows) for rows in (published.shop.query(here), *answers)]
        if found != [found[0]] * 3:
            apart[name] = found
    assert apart == {}


def answer_of(rows: list[tuple[Any, ...]]) -> dict[Any, Any]:
    """Period → value, or the one value; blanks left out."""
    pairs = [(day(row[0]) if len(row) > 1 else None, plain(row[-1])) for row in rows if row[0] is not None]
    return {period: value for period, value in pairs if value is not None}


def test_published_numbers_are_those_counted_by_hand(published: Known) -> None:
    found = {name: published.shop.value(published.engine.sql(name)) for name in TOTALS}

    assert found == {name: value if value is None else plain(value) for name, value in TOTALS.items()}


def test_what_was_published_comes_back_as_it_was_written(published: Known) -> None:
    metrics = published.vocabulary.metrics

    assert {name: metrics[name].formula for name in PUBLISHED} == {
        name: formula for name, (formula, _model, _time) in PUBLISHED.items()
    }
    assert published.shop.manifest["metrics"]["metric.shop.gift_share"]["config"]["group"] == "sales"
    assert metrics["gift_share"].description == 'What "gift_share" means: a test.'
    assert metrics["big_order_share_numerator"].meta == {"bisync": {"helper_of": "big_order_share"}}


def test_a_published_metric_is_published_only_once(published: Known) -> None:
    found = MetricDraft("gift_share", "Another name", "", published.analysed("SUM(discount)", "fct_orders"))

    with pytest.raises(Refused, match="gift_share already"):
        published.compiled(found)
