from __future__ import annotations

import time

import pytest

from semantic.definitions import Column, Metric, Model, Vocabulary
from semantic.formula import analyse, gather_where, print_formula, push_where
from semantic.formula.parser import MAX_NODES
from semantic.formula.tree import (
    Binary,
    Call,
    ColumnRef,
    Literal_,
    MetricRef,
    Period,
    Total,
    Unary,
    Where,
    shape,
    walk,
)

# formula, canonical, model to start from, kind of the result
UNDERSTOOD = [
    ("sum(AMOUNT)", "SUM(amount)", "orders", "number"),
    ("SUM([Net Amount])", "SUM(net_amount)", "orders", "number"),
    ("SUM(orders.[Net Amount])", "SUM(net_amount)", "orders", "number"),
    ("SUM(quantity)", "SUM(quantity)", "orders", "integer"),
    ("TODAY() - MAX(order_date)", "DATEDIFF(MAX(order_date), TODAY(), day)", "orders", "integer"),
    ("MAX(payload)", "MAX(payload)", "orders", "any"),
    ("COUNT(DISTINCT [order status])", "COUNT(DISTINCT status)", "orders", "integer"),
    ("COUNT(*) WHERE kind = 'buy'", "COUNT(*) WHERE kind = 'buy'", "web_events", "integer"),
    ("COUNT([web events].*)", "COUNT(*)", "web_events", "integer"),
    ("SUM(amount) WHERE status = 'paid'", "SUM(amount) WHERE status = 'paid'", "orders", "number"),
    ("SUM(amount) WHERE tier = 'gold'", "SUM(amount) WHERE customers.tier = 'gold'", "orders", "number"),
    ("revenue / visits", "revenue / visits", "orders", "number"),
    ("Revenue", "revenue", "orders", "number"),
    ("latest_order", "latest_order", "orders", "any"),
    ("revenue WHERE status = 'paid'", "revenue WHERE status = 'paid'", "orders", "number"),
    ("revenue / COUNT(*)", "revenue / COUNT(*)", "orders", "number"),
    ("visits / COUNT(DISTINCT user_id)", "visits / COUNT(DISTINCT user_id)", "web_events", "number"),
    ("turnover / COUNT(DISTINCT buyer)", "revenue / COUNT(DISTINCT customer_id)", "orders", "number"),
    ("refunds", "metric.refunds", "orders", "number"),
    ("SUM(refunds) - metric.refunds", "SUM(refunds) - metric.refunds", "orders", "number"),
    (
        "COUNT(DISTINCT user_id) + SUM(amount)",
        "COUNT(DISTINCT web_events.user_id) + SUM(orders.amount)",
        "",
        "number",
    ),
    ("COUNT(orders.*) - COUNT(customers.*)", "COUNT(orders.*) - COUNT(customers.*)", "", "integer"),
    ("IF(SUM(amount) > 0, 1, 0)", "IF(SUM(amount) > 0, 1, 0)", "orders", "integer"),
    ("COUNTIF(amount > 0)/COUNT(*)", "(COUNT(*) WHERE amount > 0) / COUNT(*)", "orders", "number"),
    (
        "(SUM(amount) WHERE is_gift) / (COUNT(*) WHERE is_gift)",
        "SUM(amount) / COUNT(*) WHERE is_gift",
        "orders",
        "number",
    ),
    ("ROUND(SUM(amount) WHERE is_gift, 2)", "ROUND(SUM(amount), 2) WHERE is_gift", "orders", "number"),
    (
        "(SUM(amount) WHERE is_gift) + 1 WHERE discount > 0",
        "SUM(amount) + 1 WHERE is_gift AND discount > 0",
        "orders",
        "number",
    ),
]


@pytest.mark.parametrize(("text", "canonical", "model", "kind"), UNDERSTOOD)
def test_a_formula_has_one_canonical_text_from_its_model(
    vocabulary: Vocabulary, text: str, canonical: str, model: str, kind: str
) -> None:
    analysis = analyse(text, vocabulary)
    assert analysis.ok, analysis.problems
    assert (analysis.canonical, analysis.model, analysis.value_type) == (canonical, model, kind)
    again = analyse(canonical, vocabulary, model=model)
    assert again.canonical == canonical
    assert shape(again.tree or Literal_(None)) == shape(analysis.tree or Literal_(None))


def test_the_model_to_start_from_decides_between_fields_of_one_name(vocabulary: Vocabulary) -> None:
    customers = analyse("COUNT(DISTINCT status)", vocabulary, model="customers")
    orders = analyse("COUNT(DISTINCT status)", vocabulary, model="orders")
    assert customers.models == {"customers"}
    assert orders.models == {"orders"}


def test_rows_of_the_model_to_start_from_are_counted(vocabulary: Vocabulary) -> None:
    tree = analyse("COUNT(*)", vocabulary, model="orders").tree
    assert tree is not None
    assert shape(tree) == Total("COUNT", model="orders")


def test_a_field_of_the_chosen_model_beats_a_metric_of_its_name(vocabulary: Vocabulary) -> None:
    chosen = analyse("refunds", vocabulary, model="orders")
    assert [problem.code for problem in chosen.problems] == ["row-level", "name-shadowed"]
    assert analyse("metric.refunds", vocabulary, model="orders").metrics == {"refunds"}
    assert analyse("SUM(refunds)", vocabulary, model="orders").problems == ()


def test_models_and_metrics_of_a_formula_are_listed(vocabulary: Vocabulary) -> None:
    analysis = analyse("revenue / COUNT(orders.*) WHERE tier = 'gold'", vocabulary)
    assert analysis.models == {"orders", "customers"}
    assert analysis.metrics == {"revenue"}


def test_where_ends_up_at_the_totals_and_metrics_it_covers(vocabulary: Vocabulary) -> None:
    tree = analyse("(SUM(amount) WHERE is_gift) / revenue WHERE status = 'x'", vocabulary).tree
    assert tree is not None
    gift = ColumnRef("orders", "is_gift")
    paid = Binary("=", ColumnRef("orders", "status"), Literal_("x"))
    total = Total("SUM", ColumnRef("orders", "amount"), model="orders")
    expected = Binary("/", Where(total, Binary("AND", gift, paid)), Where(MetricRef("revenue"), paid))
    assert shape(tree) == expected
    assert all(isinstance(part.value, Total | MetricRef) for part in walk(tree) if isinstance(part, Where))


def test_gathering_conditions_undoes_pushing_them_down(vocabulary: Vocabulary) -> None:
    tree = analyse("(SUM(amount) - SUM(discount) WHERE is_gift) / COUNT(*)", vocabulary).tree
    assert tree is not None
    gathered = gather_where(tree)
    assert print_formula(gathered) == "(SUM(amount) - SUM(discount) WHERE is_gift) / COUNT(*)"
    assert push_where(gathered) == tree


ORDERED, DELIVERED = ColumnRef("orders", "order_date"), ColumnRef("orders", "delivered_at")
DAY = Period(1, "day")


@pytest.mark.parametrize(
    ("condition", "part"),
    [
        ("order_date > TODAY() - 30", Binary("-", Call("TODAY"), Period(30, "day"))),
        ("order_date + 7 < TODAY()", Binary("+", ORDERED, Period(7, "day"))),
        ("7 + order_date < TODAY()", Binary("+", ORDERED, Period(7, "day"))),
        ("order_date - 1 month < TODAY()", Binary("-", ORDERED, Period(1, "month"))),
        ("delivered_at - order_date > 3", Call("DATEDIFF", (ORDERED, DELIVERED, DAY))),
        (
            "order_date + quantity > TODAY()",
            Call("DATEADD", (ORDERED, ColumnRef("orders", "quantity"), DAY)),
        ),
        (
            "order_date - quantity > TODAY()",
            Call("DATEADD", (ORDERED, Unary("-", ColumnRef("orders", "quantity")), DAY)),
        ),
    ],
)
def test_calculations_with_dates_are_explicit_in_the_tree(
    vocabulary: Vocabulary, condition: str, part: Binary | Call
) -> None:
    tree = analyse(f"COUNTIF({condition})", vocabulary).tree
    assert tree is not None
    assert part in [shape(found) for found in walk(tree)]


@pytest.mark.parametrize("condition", ["order_date >= '2026-01-31'", "'2026-01-31' = order_date"])
def test_a_text_beside_a_date_is_a_date(vocabulary: Vocabulary, condition: str) -> None:
    analysis = analyse(f"COUNTIF({condition})", vocabulary)
    assert "DATE '2026-01-31'" in analysis.canonical


def test_a_quoted_text_that_looks_like_a_date_stays_text_beside_text(vocabulary: Vocabulary) -> None:
    assert (
        analyse("COUNTIF(channel = '2026-01-31')", vocabulary).canonical
        == "COUNT(*) WHERE channel = '2026-01-31'"
    )


TYPING = [
    "",
    "SUM(|",
    "SUM(am|",
    "SUM(am|)",
    "SUM(amount|",
    "SUM(amount) /|",
    "SUM(amount) / |",
    "SUM(amount) / rev|",
    "SUM(amount) W|",
    "SUM(amount) WHERE|",
    "SUM(amount) WHERE cha|",
    "SUM(amount) WHERE channel = |",
    "SUM(amount) WHERE channel = 'we|",
    "SUM(amount) WHERE channel = 'we| / COUNT(*)",
    "SUM(amount) WHERE order_date > '2026-|'",
    "SUM(amount) WHERE order_date IN LA|",
    "SUM(amount) WHERE order_date IN LAST 3|",
    "SUM(amount) WHERE order_date IN LAST 3 mon|",
    "SUM(amount) WHERE discount IS NO|",
    "SUM(amount) WHERE discount BETWEEN 1 AN|",
    "COUNTIF(|)",
    "COUNTIF(channel = |)",
    "DIVIDE(SUM(amount), |)",
    "DIVIDE(SUM(amount)|)",
    "SUM([Net am|",
    "SUM(orders.|)",
    "SU|",
    "SUMM|(amount)",
    "CASE WHEN|",
]


@pytest.mark.parametrize("typed", TYPING)
def test_what_is_being_typed_is_unfinished_and_not_wrong(vocabulary: Vocabulary, typed: str) -> None:
    caret = typed.index("|") if "|" in typed else 0
    analysis = analyse(typed.replace("|", "", 1), vocabulary, caret=caret)
    assert (analysis.incomplete, analysis.ok, analysis.problems, analysis.tree) == (True, False, (), None)


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("SUM(ammount) / rev|enue", "unknown-field"),
        ("SUMM(amount) / |", "unknown-function"),
        ("SUM(channel) / COUNT(*) |", "wrong-type"),
        ("SUM(amount)) + 1|", "extra-bracket"),
        ("SUM(|amount) - discount", "mixed-levels"),
    ],
)
def test_an_error_elsewhere_is_shown_while_typing(vocabulary: Vocabulary, typed: str, code: str) -> None:
    caret = typed.index("|")
    text = typed.replace("|", "")
    assert analyse(text, vocabulary, caret=caret).problems[0].code == code


def test_a_finished_formula_has_its_meaning_wherever_the_caret_is(vocabulary: Vocabulary) -> None:
    text = "SUM(amount) / COUNT(*)"
    assert all(analyse(text, vocabulary, caret=caret).ok for caret in range(len(text) + 1))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("SUM(amount) + " * 400 + "1", "too-long"),
        ("SUM(amount) + " * MAX_NODES + "1", "too-complex"),
        ("(" * 80 + "SUM(amount)" + ")" * 80, "too-complex"),
        ("NOT " * 80 + "is_gift", "too-complex"),
        ("-" * 2000, "too-complex"),
        ("IF(" * 80, "too-complex"),
        ("SUM(SWITCH(" + "+".join(["amount"] * 20) + ",1,2" * 20 + "))", "too-complex"),
        ("COUNTIF(order_date" + " + quantity" * 70 + " > TODAY())", "too-complex"),
    ],
)
def test_formulas_without_measure_are_refused_with_a_way_out(
    vocabulary: Vocabulary, text: str, code: str
) -> None:
    analysis = analyse(text, vocabulary, model="orders")
    assert analysis.problems[0].code == code
    assert "metrics of their own" in analysis.problems[0].hint


def test_the_largest_formulas_are_still_answered_at_once(vocabulary: Vocabulary) -> None:
    total = "(" + " + ".join(["SUM(amount)"] * 45) + ") WHERE " + " AND ".join(["amount > 1"] * 15)
    started = time.process_time()
    assert analyse(total, vocabulary).ok
    assert time.process_time() - started < 2


def test_a_normal_formula_takes_a_few_milliseconds_in_a_large_project() -> None:
    models = {
        f"model_{i}": Model(
            f"model_{i}",
            f"model.shop.model_{i}",
            tuple(Column(f"column_{i}_{j}" if j else "shared", "number") for j in range(20)),
        )
        for i in range(50)
    }
    metrics = {f"metric_{i}": Metric(f"metric_{i}", "simple") for i in range(200)}
    vocabulary = Vocabulary(models, metrics)
    text = "SUM(column_3_5) / COUNT(DISTINCT shared) WHERE column_3_7 > 5"
    assert analyse(text, vocabulary).ok
    started = time.process_time()
    for _ in range(50):
        analyse(text, vocabulary)
    assert (time.process_time() - started) / 50 < 0.02
