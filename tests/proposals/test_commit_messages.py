"""The first line of a proposal's commit."""

from __future__ import annotations

import pytest

from proposals.commit_message import first_line, subject_of

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


def test_a_first_line_without_room_is_short_and_all_is_listed_below_it() -> None:
    long = "raw_orders keeps " + " and ".join(f"column_{number} > 0" for number in range(12))
    done = [("tests", "Require", long), ("semantics", "Change", long), ("tests", "Require", "short")]

    assert first_line(done[2:]) == ("tests: Require short.", "")
    assert first_line(done) == (
        "tests, semantics: Require and change 3 things.",
        f"- Require {long}\n- Change {long}\n- Require short",
    )
    line, listed = first_line(done[:1])
    assert line.startswith("tests: Require raw_orders keeps column_0 > 0 and")
    assert line.endswith("…")
    assert len(line) <= 100
    assert listed == f"- Require {long}"


def test_many_kinds_of_changes_are_told_by_the_first() -> None:
    done = [("semantics", "Add", f"A dimension with a long name {number}") for number in range(2)]
    done += [("tests", "Require", "raw_orders.amount is at least 0"), ("docs", "Describe", "raw_orders")]

    line, listed = first_line(done)

    assert line == "semantics, tests, docs: Add A dimension with a long name 0 and 3 more."
    assert listed.count("\n") == 3
