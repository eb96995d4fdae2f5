"""A formula as chips: the pieces that a reader takes in one by one."""

from __future__ import annotations

import pytest

from semantic.formula import analyse, analyse_row
from semantic.formula.chips import Chip, chips
from tests.semantic import shop

pytestmark = pytest.mark.pure

NAMES = shop.vocabulary()


# The signs that people write, by those of formulas.
SIGNS = str.maketrans({"\u2212": "-", "\u00d7": "*", "\u00f7": "/"})


def told(found: tuple[Chip, ...]) -> str:
    words = (one.text if one.kind == "operator" else f"[{one.text}]" for one in found)
    return " ".join(words).translate(SIGNS)


@pytest.mark.parametrize(
    ("formula", "pieces"),
    [
        ("SUM(net_amount) / SUM(discount)", "[total net amount] / [total discount]"),
        (
            "SUM(net_amount WHERE status = 'completed' AND quantity > 2) / revenue",
            "[total net amount] [status is 'completed'] [quantity is more than 2] / [revenue]",
        ),
        ("(revenue + 1) * 2", "( [revenue] + [1] ) * [2]"),
        ("revenue - (revenue - 1)", "[revenue] - ( [revenue] - [1] )"),
        ("-revenue", "- [revenue]"),
        ("ROLLING(revenue, 30 days)", "[revenue] [over 30 days]"),
        ("TODATE(revenue, month) / 2", "[revenue] [since the month began] / [2]"),
        ("ROLLING(revenue, 30 days, average)", "[revenue] [over 30 days (on average of its days)]"),
        ("CUMULATIVE(revenue)", "[revenue] [up to each day]"),
        ("revenue - PRIOR(revenue, 1 month)", "[revenue] - [revenue] [1 month earlier]"),
        (
            "(SUM(net_amount) - SUM(discount)) WHERE status = 'a' OR status = 'b'",
            "( [total net amount] - [total discount] ) [status is 'a' or status is 'b']",
        ),
        ("COALESCE(revenue, 0) + 1", "[revenue, or 0 where that is blank] + [1]"),
        ("SUM(quantity * discount)", ""),
    ],
)
def test_a_formula_falls_into_its_pieces_in_their_order(formula: str, pieces: str) -> None:
    tree = analyse(formula, NAMES).tree
    assert tree is not None
    assert told(chips(tree, NAMES)) == pieces


def test_a_piece_knows_what_it_is_about() -> None:
    tree = analyse("SUM(net_amount WHERE is_gift) / revenue_per_customer", NAMES).tree
    assert tree is not None
    found = [(one.kind, one.about) for one in chips(tree, NAMES)]
    metric = NAMES.metrics["revenue_per_customer"].unique_id
    assert found == [("total", "model.shop.fct_orders"), ("filter", ""), ("operator", ""), ("metric", metric)]


def test_a_value_of_each_row_has_fields_for_pieces() -> None:
    tree = analyse_row("net_amount - discount * 2", NAMES, model="fct_orders").tree
    assert tree is not None
    assert told(chips(tree, NAMES)) == "[net amount] - [discount] * [2]"
    assert [one.kind for one in chips(tree, NAMES)][::2] == ["field", "field", "value"]
