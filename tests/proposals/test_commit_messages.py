"""The first line of a proposal's commit."""

from __future__ import annotations

import pytest

from proposals.commit_message import subject_of

RULES = [("tests", "Require", f"orders.c{number} is never blank") for number in range(3)]


@pytest.mark.parametrize(
    ("said", "most", "line"),
    [
        ([("metrics", "Add", "Orders")], None, "metrics: Add Orders."),
        (
            [("metrics", "Add", "Orders"), ("docs", "Describe", "fct_orders")],
            None,
            "metrics, docs: Add Orders, describe fct_orders.",
        ),
        (
            RULES,
            None,
            "tests: Require orders.c0 is never blank, orders.c1 is never blank and orders.c2 is never blank.",
        ),
        (RULES[:2], 1, "tests: Require orders.c0 is never blank and 1 more."),
        (
            [*RULES, ("tests", "Remove", "a rule")],
            1,
            "tests: Require orders.c0 is never blank and 2 more, remove a rule.",
        ),
    ],
)
def test_the_first_line_names_what_was_done(
    said: list[tuple[str, str, str]], most: int | None, line: str
) -> None:
    assert subject_of(said, most=most) == line
