"""Formulas of every kind over the tiny shop, to be written into it, and what they come to, counted by hand."""

from __future__ import annotations

import re
from dataclasses import replace

from semantic.codegen.metrics import Compiled, MetricDraft
from semantic.definitions import Measure, SemanticModel, Vocabulary
from semantic.fields import ValueRule
from semantic.formula import analyse

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
    "bulk_amount": ("SUM(net_amount) WHERE is_bulk", "fct_orders", ""),
    "bulk_share": ("COUNTIF(is_bulk) / COUNT(*)", "fct_orders", ""),
    "light_revenue": ("revenue WHERE NOT is_bulk", "", ""),
    "german_orders": ("COUNT(fct_orders.*) WHERE is_german", "fct_orders", ""),
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
    "bulk_amount": 155.0,
    "bulk_share": 2 / 6,
    "light_revenue": 170.0,
    "german_orders": 2.0,
    "plain_orders": 2.0,
    "minutes_per_web_visit": 2.5,
    "nothing": None,
}


def draft_of(name: str, known: Vocabulary) -> MetricDraft:
    """One of them as people have asked for it."""
    formula, model, time = PUBLISHED[name]
    analysis = analyse(formula, known, model=model)
    assert analysis.ok, analysis.problems
    return MetricDraft(
        name=name,
        label=name.replace("_", " ").title(),
        description=f'What "{name}" means: a test.',
        formula=analysis,
        model=model,
        time_column=time,
        value_format="percent" if name == "gift_share" else "number",
        owner="Sales",
        group="sales" if name == "gift_share" else "",
        validations=RULES.get(name, ()),
    )


def require_as_read(code: Compiled, read: Vocabulary) -> None:
    """That the names which there were to be are those that dbt read once the code was written."""
    assert code.after is not None
    for name in code.metrics:
        assert code.after.metrics[name] == replace(read.metrics[name], unique_id="")
    for name, (model, measure) in code.after.measures.items():
        there, found = read.measures[name]
        assert there.semantic is not None
        assert model.semantic is not None
        assert _dated(measure, model.semantic) == _dated(found, there.semantic)
    for model in code.after.models.values():
        there = read.models[model.name]
        if model.semantic is not None:
            assert there.semantic is not None
            for part in ("name", "file", "spec", "agg_time_dimension", "own_entity"):
                assert getattr(model.semantic, part) == getattr(there.semantic, part)
            assert {*model.semantic.dimensions} <= {*there.semantic.dimensions}
            assert model.semantic.entities == there.semantic.entities


def _dated(measure: Measure, semantic: SemanticModel) -> Measure:
    """With the date that it has where it says none."""
    return replace(measure, agg_time_dimension=measure.agg_time_dimension or semantic.agg_time_dimension)
