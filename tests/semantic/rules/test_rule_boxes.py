from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semantic.formula.sentence import print_sentence
from semantic.formula.tree import shape
from semantic.rules.boxes import MAX_FOUND, Finding, Report, check_table
from semantic.rules.sets import Axis, Kind
from semantic.rules.tables import Decision, HitPolicy, Row, Table, read_table
from semantic.rules.unary import read_cell, write_cell
from tests.semantic.health import MODEL, VOCABULARY, evaluated, tree

quick = settings(max_examples=60, deadline=None)
HEALTH = Table(
    ("days_since_last_order", "orders_90d"),
    (Row(("> 60", "< 2"), "at risk"),),
    otherwise="healthy",
)


def decision(table: Table) -> Decision:
    reading = read_table(table, VOCABULARY, MODEL)
    assert reading.decision, reading.problems
    return reading.decision


def check(table: Table, **more: Any) -> Report:
    return check_table(decision(table), VOCABULARY, **more)


def table(inputs: str, *rows: str, otherwise: str = "", policy: HitPolicy = "first") -> Table:
    """`a | b` and `> 5 | gold => x`, as a page would show them."""
    split = (row.split(" => ") for row in rows)
    found = (Row(tuple(cell.strip() for cell in cells.split(" | ")), outcome) for cells, outcome in split)
    return Table(tuple(inputs.split(" | ")), tuple(found), otherwise, policy)


def formulas(report: Report, kind: str) -> list[str]:
    return [finding.formula for finding in report.findings if finding.kind == kind]


def test_who_has_no_value_is_told_before_everything_else() -> None:
    report = check(HEALTH)
    assert [(finding.formula, finding.level) for finding in report.findings] == [
        ("days_since_last_order IS BLANK", "warning"),
        ("orders_90d IS BLANK", "warning"),
        ("days_since_last_order <= 60", "hint"),
        ("days_since_last_order > 60 AND orders_90d >= 2", "hint"),
    ]
    blank = report.findings[0]
    assert blank.words == "days since last order is blank"
    assert blank.message == "No row matches: days since last order is blank. The outcome is “healthy” then."
    assert shape(tree(blank.formula)) == blank.condition
    assert not report.more


def test_a_whole_number_between_two_others_is_no_gap() -> None:
    numbers = table("orders_90d", "<= 5 => a", ">= 6 => b", "blank => c")
    assert check(numbers).findings == ()
    amounts = table("lifetime_value", "<= 5 => a", ">= 6 => b", "blank => c")
    assert formulas(check(amounts), "gap") == ["lifetime_value > 5 AND lifetime_value < 6"]
    days = table("signed_up_on", "<= 2026-01-31 => a", "> 2026-02-01, blank => b")
    assert formulas(check(days), "gap") == ["signed_up_on = DATE '2026-02-01'"]
    moments = table("last_seen", "<= 2026-01-31 => a", ">= 2026-02-01, blank => b")
    assert len(formulas(check(moments), "gap")) == 1


def test_a_gap_of_texts_is_told_as_all_others() -> None:
    report = check(table("tier | is_vip", "gold, silver | - => a", "- | yes => b"))
    assert [finding.words for finding in report.findings] == [
        "tier is blank and (VIP is no or VIP is blank)",
        "tier is not one of 'gold' or 'silver' and VIP is blank",
        "tier is not one of 'gold' or 'silver' and VIP is no",
    ]
    for finding in report.findings:
        assert print_sentence(finding.condition, VOCABULARY) == f"{finding.words}."


def test_what_cannot_occur_is_no_gap() -> None:
    rows = table("tier | orders_90d", "gold, silver | >= 2 => a", "gold, silver | < 2 => b")
    assert len(formulas(check(rows), "gap")) == 3
    known = {"tier": read_cell("gold, silver", "text"), "orders_90d": read_cell("not blank", "integer")}
    assert check(rows, domains=known).findings == ()


def test_a_row_behind_rows_that_take_all_is_unreachable() -> None:
    report = check(
        table("orders_90d | tier", "> 5 | - => a", "<= 5 | - => b", "[3..9] | gold => c", "> 7 | gold => d")
    )
    found = [finding for finding in report.findings if finding.kind == "unreachable"]
    assert [finding.rows for finding in found] == [(3,), (4,)]
    assert found[0].message == "Row 3 never decides: rows 1 and 2 take all that it matches."
    assert found[1].message == "Row 4 never decides: row 1 takes all that it matches."
    assert found[1].formula == "orders_90d > 7 AND tier = 'gold'"


def test_a_row_between_two_whole_numbers_matches_nothing() -> None:
    report = check(table("orders_90d", "(1..2) => a", "- => b"))
    assert [finding.message for finding in report.findings] == [
        "Row 1 matches nothing: no value is in all of its cells."
    ]


def test_two_rows_that_ask_the_same_and_differ_contradict() -> None:
    report = check(table("orders_90d | tier", "> 5 | gold => a", ">= 6 | gold => b", "- | - => c"))
    (found,) = report.findings
    assert (found.kind, found.rows, found.level) == ("contradiction", (1, 2), "error")
    assert found.message == "Rows 1 and 2 ask the same. Row 1 says “a”, row 2 says “b”."


@pytest.mark.parametrize(
    ("policy", "pairs"), [("first", []), ("unique", [(1, 2), (1, 3), (2, 3)]), ("any", [(1, 2), (2, 3)])]
)
def test_the_hit_policy_says_which_rows_may_match_together(
    policy: HitPolicy, pairs: list[tuple[int, int]]
) -> None:
    rows = table("orders_90d | tier", "> 5 | - => a", "> 3 | gold => b", "- | not(new) => a", policy=policy)
    overlaps = [finding for finding in check(rows).findings if finding.kind == "overlap"]
    assert [finding.rows for finding in overlaps] == pairs
    if overlaps:
        assert overlaps[0].formula == "orders_90d > 5 AND tier = 'gold'"
        assert "more than 5 and tier is 'gold'" in overlaps[0].message


def test_a_gap_of_calculated_inputs_is_only_perhaps_one() -> None:
    report = check(table("orders_90d | orders_90d * 2", "> 5 | - => a", "<= 5 | > 4 => b", "blank | - => c"))
    assert [finding.certain for finding in report.findings] == [False] * len(report.findings)
    assert all(finding.message.startswith("Perhaps: ") for finding in report.findings)


def test_a_yes_no_gap_reads_as_a_sentence() -> None:
    report = check(table("is_vip", "no => a", "blank => b"))
    assert [finding.words for finding in report.findings] == ["VIP is yes"]


def test_a_table_without_any_matching_row_is_one_gap() -> None:
    report = check(table("orders_90d", "(1..2) => a"))
    assert [finding.words for finding in report.findings if finding.kind == "gap"] == ["every row"]


def test_the_search_ends_after_so_many_gaps_or_steps_and_says_so() -> None:
    points = table("orders_90d | lifetime_value", *(f"{n * 2} | {n * 2} => a" for n in range(100)))
    report = check(points)
    assert report.more
    assert len(formulas(report, "gap")) == MAX_FOUND
    hurried = check(points, max_steps=30)
    assert hurried.more
    assert hurried.steps <= 4 * 31


def test_the_same_table_has_the_same_findings() -> None:
    rows = table("tier | orders_90d", "b, a | > 5 => x", "not(c, d) | - => y", policy="any")
    assert check(rows) == check(rows)


# -- against every row of a small world

WORLD: dict[str, tuple[Kind, list[Any]]] = {
    "days_since_last_order": ("integer", [None, *range(-1, 5)]),
    "tier": ("text", [None, "gold", "new", "other"]),
    "is_vip": ("boolean", [None, True, False]),
}
ROWS = [
    dict(zip(WORLD, values, strict=True)) for values in product(*(values for _, values in WORLD.values()))
]


@st.composite
def cells(draw: st.DrawFn, kind: Kind) -> str:
    if draw(st.booleans()):
        return "-"
    constants: set[Any] = set()
    if kind == "integer":
        constants = draw(st.sets(st.integers(0, 3), max_size=2))
    elif kind == "text":
        constants = draw(st.sets(st.sampled_from(["gold", "new"]), max_size=2))
    axis = Axis(kind, constants)
    return write_cell(axis.values(draw(st.integers(1, axis.all))))


@st.composite
def tables(draw: st.DrawFn) -> Table:
    kinds = [kind for kind, _ in WORLD.values()]
    row = st.builds(Row, st.tuples(*map(cells, kinds)), st.sampled_from(["a", "b"]))
    policy: HitPolicy = draw(st.sampled_from(["first", "unique", "any"]))
    return Table(tuple(WORLD), tuple(draw(st.lists(row, min_size=1, max_size=5))), "z", policy)


def matching(found: Decision, row: dict[str, Any]) -> list[int]:
    return [
        at
        for at, rule in enumerate(found.rules, 1)
        if all(cell.contains(value) for cell, value in zip(rule.cells, row.values(), strict=True))
    ]


def concerned(finding: Finding) -> list[dict[str, Any]]:
    return [row for row in ROWS if evaluated(finding.condition, row) is True]


@quick
@given(tables())
def test_the_gaps_are_exactly_the_rows_of_data_that_no_row_matches(written: Table) -> None:
    found = decision(written)
    report = check_table(found, VOCABULARY)
    assert not report.more
    in_gaps = [row for finding in report.findings if finding.kind == "gap" for row in concerned(finding)]
    missed = [row for row in ROWS if not matching(found, row)]
    assert all(row in in_gaps for row in missed)
    assert all(row in missed for row in in_gaps)


@quick
@given(tables())
def test_overlaps_contradictions_and_unreachable_rows_are_those_of_the_data(written: Table) -> None:
    found = decision(written)
    report = check_table(found, VOCABULARY)
    matched = {
        at: [row for row in ROWS if at in matching(found, row)] for at in range(1, len(found.rules) + 1)
    }
    outcome = {at: rule.outcome for at, rule in enumerate(found.rules, 1)}
    by_kind = {
        kind: [f for f in report.findings if f.kind == kind]
        for kind in ("overlap", "contradiction", "unreachable")
    }
    for finding in by_kind["contradiction"]:
        one, other = finding.rows
        assert matched[one] == matched[other]
        assert outcome[one] != outcome[other]
    for finding in by_kind["overlap"]:
        one, other = finding.rows
        assert concerned(finding) == [row for row in matched[one] if row in matched[other]] != []
    told = {finding.rows for finding in [*by_kind["overlap"], *by_kind["contradiction"]]}
    wrong = {
        (one, other)
        for one in matched
        for other in range(one + 1, len(matched) + 1)
        if [row for row in matched[one] if row in matched[other]]
        and (written.hit_policy == "unique" or outcome[one] != outcome[other])
    }
    if written.hit_policy != "first":
        same = {pair for pair in wrong if matched[pair[0]] == matched[pair[1]]}
        assert told <= wrong
        assert wrong - told <= same
    contradicting = {finding.rows[1] for finding in by_kind["contradiction"]}
    first = {at: [row for row in rows if matching(found, row)[0] == at] for at, rows in matched.items()}
    never = {at for at, rows in first.items() if not rows and at not in contradicting}
    if written.hit_policy != "unique":
        assert {finding.rows[0] for finding in by_kind["unreachable"]} == never
