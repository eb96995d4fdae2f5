"""Dimensions that compute something, in formulas."""

from __future__ import annotations

import pytest

from semantic.definitions import Vocabulary
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
