"""The first line of a proposal's commit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from proposals.commit_message import _paragraphs, first_line, subject_of
from proposals.kinds import KINDS
from semantic.models import Revision
from semantic.removals import RemovalFields
from tests.factories import FIELDS

RULES = [("tests", "Require that", f"orders.c{number} is never blank") for number in range(3)]


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
            "tests: Require that orders.c0 is never blank, orders.c1 is never blank and orders.c2 is never blank.",
        ),
        (RULES[:2], 1, "tests: Require that orders.c0 is never blank and 1 more."),
        (
            [*RULES, ("tests", "Remove", "a rule")],
            1,
            "tests: Require that orders.c0 is never blank and 2 more, remove a rule.",
        ),
    ],
)
def test_the_first_line_names_what_was_done(
    said: list[tuple[str, str, str]], most: int | None, line: str
) -> None:
    assert subject_of(said, most=most) == line


def test_a_first_line_without_room_is_short_and_all_is_listed_below_it() -> None:
    long = "raw_orders keeps " + " and ".join(f"column_{number} > 0" for number in range(12))
    done = [
        ("tests", "Require that", long),
        ("semantics", "Change", long),
        ("tests", "Require that", "short"),
    ]

    assert first_line(done[2:]) == ("tests: Require that short.", "")
    assert first_line(done) == (
        "tests, semantics: Require that and change 3 things.",
        f"- Require that {long}\n- Change {long}\n- Require that short",
    )
    line, listed = first_line(done[:1])
    assert line.startswith("tests: Require that raw_orders keeps column_0 > 0 and")
    assert line.endswith("…")
    assert len(line) <= 100
    assert listed == f"- Require that {long}"


def test_many_kinds_of_changes_are_told_by_the_first() -> None:
    done = [("semantics", "Add", f"A dimension with a long name {number}") for number in range(2)]
    done += [("tests", "Require that", "raw_orders.amount is at least 0"), ("docs", "Describe", "raw_orders")]

    line, listed = first_line(done)

    assert line == "semantics, tests, docs: Add A dimension with a long name 0 and 3 more."
    assert listed.count("\n") == 3


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        (RemovalFields("metric:revenue", how="rename", new_name="sales"), "Rename revenue to sales."),
        (RemovalFields("metric:revenue", replacement="sales"), "Remove revenue (replaced by sales)."),
        (RemovalFields("metric:revenue", how="deprecate", day="2027-03-31"), "Deprecate revenue."),
    ],
)
def test_what_goes_is_named_with_what_is_there_instead(fields: RemovalFields, line: str) -> None:
    kind = KINDS["removal"]

    assert subject_of([("metrics", kind.done(fields, None), kind.about(fields, None))]) == f"metrics: {line}"


def test_the_body_of_a_change_tells_what_it_changes_and_nothing_else() -> None:
    new = replace(FIELDS, formula="SUM(net_amount) - SUM(discount)", why="As finance does.")
    changed = Revision(kind="metric", base=FIELDS.to_json(), fields=new.to_json())
    added = Revision(kind="metric", fields=new.to_json())

    assert _paragraphs(changed) == (
        f"Formula: {FIELDS.formula} → SUM(net_amount) - SUM(discount)",
        "As finance does.",
    )
    assert _paragraphs(added) == (FIELDS.meaning, "As finance does.")
