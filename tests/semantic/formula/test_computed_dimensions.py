"""Dimensions that compute something, in formulas."""

from __future__ import annotations

from dataclasses import replace

import pytest

from semantic.definitions import Dimension, Vocabulary
from semantic.formula import analyse, analyse_row


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("COUNT(*) WHERE big_order", "COUNT(*) WHERE amount > 1000"),
        ("COUNTIF(orders.big_order)", "COUNTIF(amount > 1000)"),
        ("SUM(net_amount) WHERE NOT [Large order]", "SUM(net_amount) WHERE NOT amount > 1000"),
        ("COUNT(*) WHERE whale AND status = 'paid'", "COUNT(*) WHERE amount > 1000 AND status = 'paid'"),
        ("MAX(unit_price * quantity)", "MAX(net_amount / quantity * quantity)"),
        ("revenue WHERE big_order", "revenue WHERE amount > 1000"),
    ],
)
def test_it_stands_for_what_it_says(vocabulary: Vocabulary, text: str, same: str) -> None:
    found, wanted = (analyse(one, vocabulary, model="orders") for one in (text, same))

    assert wanted.ok
    assert (found.canonical, found.reads_as) == (wanted.canonical, wanted.reads_as)
    assert found.problems == ()


def test_the_model_is_found_by_it(vocabulary: Vocabulary) -> None:
    assert analyse("COUNT(*) WHERE big_order", vocabulary).model == "orders"


def test_a_row_is_calculated_from_it(vocabulary: Vocabulary) -> None:
    analysis = analyse_row("unit_price - discount", vocabulary, model="orders")

    assert analysis.canonical == "net_amount / quantity - discount"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        # A metric is filtered by dimensions alone, and one of these says exactly so much.
        ("revenue WHERE amount > 1000", ""),
        ("revenue WHERE amount > 1000 OR status = 'paid'", ""),
        ("revenue WHERE amount > 1001", "needs-dimension"),
        ("COUNT(DISTINCT tier) WHERE orders.big_order", "filter-unreachable"),
    ],
)
def test_dbt_can_filter_by_what_a_dimension_computes(vocabulary: Vocabulary, text: str, code: str) -> None:
    assert next((one.code for one in analyse(text, vocabulary).problems), "") == code


def test_what_only_sql_says_is_no_field(vocabulary: Vocabulary) -> None:
    (problem,) = analyse("COUNT(*) WHERE odd_one = 'x'", vocabulary, model="orders").problems

    assert problem.code == "unknown-field"
    assert "computed in SQL which no formula says" in problem.message


def test_one_that_is_called_like_a_column_of_its_model_is_the_column(vocabulary: Vocabulary) -> None:
    analysis = analyse("COUNTIF(channel = 'web')", vocabulary, model="orders")

    assert analysis.ok
    assert "payload" not in analysis.canonical


def with_dimensions(vocabulary: Vocabulary, *dimensions: Dimension) -> Vocabulary:
    orders = vocabulary.models["orders"]
    assert orders.semantic is not None
    semantic = replace(orders.semantic, dimensions=(*orders.semantic.dimensions, *dimensions))
    models = {**vocabulary.models, "orders": replace(orders, semantic=semantic)}
    return replace(vocabulary, models=models, says=str)


def computed(name: str, expr: str, label: str = "") -> Dimension:
    return Dimension(name, "categorical", expr, label=label)


@pytest.mark.parametrize(
    "expr", ["city = 'Rome'", "[Net amount] > 5", "whale", "revenue > 5", "customers.tier = 'a'"]
)
def test_its_sql_names_the_columns_of_its_model_and_nothing_else(vocabulary: Vocabulary, expr: str) -> None:
    known = with_dimensions(vocabulary, computed("late", expr))

    (problem,) = analyse("COUNT(*) WHERE late", known, model="orders").problems

    assert "computed in SQL which no formula says" in problem.message


def test_a_name_beats_the_label_of_another_one(vocabulary: Vocabulary) -> None:
    known = with_dimensions(
        vocabulary, computed("d1", "quantity > 7", "Foo"), computed("foo", "quantity > 9")
    )

    assert analyse("COUNT(*) WHERE foo", known, model="orders").canonical == "COUNT(*) WHERE quantity > 9"


def test_columns_come_first_where_nobody_chose_the_model(vocabulary: Vocabulary) -> None:
    known = with_dimensions(vocabulary, computed("kind", "lower(status)"), computed("city", "lower(channel)"))

    assert analyse("COUNT(*) WHERE kind = 'buy'", known).model == "web_events"
    assert analyse("COUNT(*) WHERE city = 'web'", known, model="orders").canonical == (
        "COUNT(*) WHERE LOWER(channel) = 'web'"
    )


def test_the_canonical_text_tells_a_metric_of_its_name_apart(vocabulary: Vocabulary) -> None:
    known = with_dimensions(vocabulary, computed("latest_order", "quantity * 2"))
    analysis = analyse("metric.visits / SUM(latest_order)", known, model="orders")
    shadowed = analyse("metric.latest_order / COUNT(*)", known, model="orders")

    assert analysis.ok
    assert "metric.latest_order" in shadowed.canonical


def test_a_date_in_it_is_a_date(vocabulary: Vocabulary) -> None:
    known = with_dimensions(vocabulary, computed("shipped_lately", "delivered_at >= '2026-01-01'"))

    assert analyse("revenue WHERE shipped_lately", known).ok


def test_what_it_says_is_told_where_dbt_cannot_filter_by_it(vocabulary: Vocabulary) -> None:
    known = with_dimensions(vocabulary, computed("both", "quantity > 2 AND amount > 1"))

    (problem,) = analyse("revenue WHERE both", known).problems

    assert problem.message == (
        "dbt cannot filter the metric revenue by what “both” says: quantity is no dimension of orders yet."
    )


def test_nothing_is_offered_that_would_replace_its_name(vocabulary: Vocabulary) -> None:
    known = with_dimensions(vocabulary, computed("odd", "status + 1"))

    assert [fix for one in analyse("SUM(odd)", known, model="orders").problems for fix in one.fixes] == []
