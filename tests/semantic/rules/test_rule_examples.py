from __future__ import annotations

from datetime import date
from typing import Any

from semantic.rules.examples import MAX_EXAMPLES, boundary_examples, describe
from semantic.rules.tables import Decision, Row, Table, read_table, to_case
from tests.semantic.health import MODEL, VOCABULARY, decided


def decision(*inputs: str, rows: list[tuple[str, ...]], otherwise: str = "z") -> Decision:
    table = Table(inputs, tuple(Row(tuple(cells), outcome) for *cells, outcome in rows), otherwise)
    reading = read_table(table, VOCABULARY, MODEL)
    assert reading.decision, reading.problems
    return reading.decision


def values(found: Decision) -> list[Any]:
    return [example.values[0] for example in boundary_examples(found).examples]


def test_every_end_has_an_example_on_both_sides_and_blank() -> None:
    health = decision(
        "days_since_last_order", "orders_90d", rows=[("> 60", "< 2", "at risk")], otherwise="healthy"
    )
    found = boundary_examples(health)
    assert [(example.values, example.outcome, example.row) for example in found.examples] == [
        ((61, 1), "at risk", 1),
        ((60, 1), "healthy", None),
        ((None, 1), "healthy", None),
        ((61, 2), "healthy", None),
        ((61, None), "healthy", None),
    ]
    assert not found.more
    assert (
        describe(found.examples[2], health)
        == "days since last order is blank and orders in last 90 days is 1"
    )


def test_each_kind_of_value_has_a_smallest_step() -> None:
    assert values(decision("orders_90d", rows=[("[5..9)", "a")])) == [5, 4, 8, 9, None]
    assert values(decision("lifetime_value", rows=[("> 100", "a")])) == [100.01, 100, None]
    assert values(decision("lifetime_value", rows=[("<= 0.125", "a")])) == [0.125, 0.126, None]
    assert values(decision("signed_up_on", rows=[(">= 2026-01-31", "a")])) == [
        date(2026, 1, 31), date(2026, 1, 30), None,
    ]  # fmt: skip
    assert values(decision("is_vip", rows=[("no", "a")])) == [False, True, None]
    assert values(decision("tier", rows=[("gold, silver", "a")])) == [
        "gold",
        "silver",
        "something else",
        None,
    ]
    assert values(decision("tier", rows=[("not(gold)", "a")])) == ["something else", "gold", None]
    assert values(decision("tier", rows=[("something else", "a")]))[:2] == [
        "something else",
        "something else 2",
    ]


def test_an_example_of_a_later_row_is_one_that_reaches_it() -> None:
    found = decision("orders_90d", "tier", rows=[("> 5", "-", "a"), ("> 3", "-", "b"), ("-", "gold", "c")])
    by_row = {example.row for example in boundary_examples(found).examples}
    assert by_row == {1, 2, 3, None}


def test_a_row_that_nothing_matches_has_no_examples() -> None:
    assert values(decision("orders_90d", rows=[("(1..2)", "a"), ("5", "b")])) == [5, 4, 6, None]


def test_examples_are_bounded_different_and_say_what_the_rule_says() -> None:
    rows = [(f"[{n}..{n + 5})", "gold, silver", "yes", f"o{n}") for n in range(0, 100, 5)]
    wide = decision("orders_90d", "tier", "is_vip", rows=rows)
    found = boundary_examples(wide)
    assert found.more
    assert len(found.examples) == len({example.values for example in found.examples}) == MAX_EXAMPLES
    case = to_case(wide)
    for example in found.examples:
        row = dict(zip(("orders_90d", "tier", "is_vip"), example.values, strict=True))
        assert decided(case, row) == example.outcome
    assert boundary_examples(wide, limit=3).examples == found.examples[:3]


def test_every_outcome_that_can_be_reached_has_an_example() -> None:
    found = decision(
        "orders_90d",
        "tier",
        rows=[
            ("blank", "-", "a"),
            ("< 5", "not(gold)", "b"),
            ("< 5", "-", "c"),
            (">= 5", "blank", "d"),
            ("-", "-", "e"),
        ],
    )
    assert {example.outcome for example in boundary_examples(found).examples} == set("abcde")
