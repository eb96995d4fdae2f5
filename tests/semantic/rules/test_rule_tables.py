from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semantic.formula.printer import print_formula
from semantic.formula.tree import Case, shape
from semantic.rules.conditions import condition_of, values_of
from semantic.rules.sets import Axis, Kind, Values
from semantic.rules.tables import (
    CODES,
    CellProblem,
    Decision,
    Mixed,
    Row,
    Table,
    TableReading,
    read_outcome,
    read_table,
    to_case,
    to_table,
    write_outcome,
    write_table,
)
from semantic.rules.unary import CellError, read_cell, write_cell
from tests.semantic.health import MODEL, VOCABULARY, decided, evaluated, tree

quick = settings(max_examples=80, deadline=None)

HEALTH = Table(
    inputs=("days_since_last_order", "[Orders in last 90 days]", "tier"),
    rows=(
        Row(("> 60", "< 2", "-"), "at risk"),
        Row(("not blank", "[2..5)", "gold, silver"), "steady"),
        Row(("-", "-", "not(gold)"), "new"),
    ),
    otherwise="healthy",
)


def read(table: Table) -> TableReading:
    return read_table(table, VOCABULARY, MODEL)


def understood(table: Table) -> Decision:
    reading = read(table)
    assert reading.problems == ()
    assert reading.decision
    return reading.decision


def problem(cell: str, column: str = "days_since_last_order", outcome: str = "x", **more: Any) -> CellProblem:
    (found,) = read(replace(Table((column,), (Row((cell,), outcome),)), **more)).problems
    return found


# -- cells


@pytest.mark.parametrize(
    ("kind", "cell", "inside", "outside"),
    [
        ("integer", "-", [0, None], []),
        ("integer", "", [0, None], []),
        ("integer", "> 60", [61], [60, None]),
        ("integer", "≥ 60", [60], [59, None]),
        ("integer", "[10..20)", [10, 19], [9, 20, None]),
        ("integer", "]10..20]", [11, 20], [10, None]),
        ("integer", "5 to 9", [5, 9], [4, 10, None]),
        ("integer", "(1..3), 7, blank", [2, 7, None], [1, 3, 6]),
        ("integer", "not(5)", [4, None], [5]),
        ("integer", "not(> 5, 3)", [4, None], [3, 6]),
        ("integer", "<> 5", [4], [5, None]),
        ("integer", "not blank", [0], [None]),
        ("integer", "10k", [10_000], [10, None]),
        ("number", "15%", [0.15], [15, None]),
        ("number", "-1.5 to -0.5", [-1], [0, None]),
        ("text", "gold, silver", ["gold"], ["Gold", "bronze", None]),
        ("text", "not(gold)", ["silver", None], ["gold"]),
        ("text", "not gold", ["silver", None], ["gold"]),
        ("text", "not(gold, blank)", ["silver"], ["gold", None]),
        ("text", "no, \"a, b\", it's, that's", ["a, b", "it's", "that's", "no"], ["a", None]),
        ("text", "= gold", ["gold"], ["= gold"]),
        ("text", '"blank"', ["blank"], [None]),
        ("text", "60", ["60"], [None]),
        ("boolean", "yes", [True], [False, None]),
        ("boolean", "not(yes)", [False, None], [True]),
        ("date", ">= 2026-01-31", [date(2026, 1, 31)], [date(2026, 1, 30), None]),
        ("date", "1 January 2026 to 31 Jan 2026", [date(2026, 1, 31)], [date(2026, 2, 1)]),
    ],
)
def test_a_cell_is_a_set_of_values(kind: Kind, cell: str, inside: list[Any], outside: list[Any]) -> None:
    values = read_cell(cell, kind)
    assert all(values.contains(value) for value in inside)
    assert not any(values.contains(value) for value in outside)
    assert read_cell(write_cell(values), kind) == values


@pytest.mark.parametrize(
    ("kind", "cell", "code", "says", "instead"),
    [
        ("integer", "> x", "wrong-kind", "“x” is not a number", ""),
        ("integer", "10-20", "unreadable-cell", "For a range: write 10 to 20", "10 to 20"),
        ("integer", "20 to 10", "empty-range", "smaller end", "10 to 20"),
        ("integer", "(5..5)", "empty-range", "nothing from 5 to 5", ""),
        ("integer", "> 1,000", "thousands-comma", "write 1000", "> 1000"),
        ("number", "<100,50", "thousands-comma", "write 100.50", "<100.50"),
        ("number", ">= 1.000,50", "thousands-comma", "write 1000.50", ">= 1000.50"),
        ("integer", "1,5", "thousands-comma", "write 1.5", "1.5"),
        ("number", "> 1.000", "thousands-comma", "Write the one", "> 1000"),
        ("number", "10..29,99", "thousands-comma", "write 29.99", "10..29.99"),
        ("number", "[10,50..20]", "thousands-comma", "write 10.50", "[10.50..20]"),
        ("number", "> 2.500", "thousands-comma", "could be 2.5 or 2500", "> 2500"),
        ("number", "> 1.000.000", "thousands-comma", "Write 1000000", "> 1000000"),
        ("integer", "< 5, >= 5, blank, not blank", "", "", ""),
        ("integer", "not(< 5, >= 5, blank)", "empty-cell", "Nothing fulfils", ""),
        ("integer", "1" * 19, "wrong-kind", "not a number", ""),
        ("integer", "1," * 600, "cell-too-long", "Make two rows", ""),
        ("date", "31.1.2026", "wrong-kind", "not a date", ""),
        ("date", "2026-02-30", "wrong-kind", "not a date", ""),
        ("boolean", "perhaps", "wrong-kind", "neither yes nor no", ""),
        ("text", "> gold", "text-order", "only numbers and dates", ""),
        ("text", "gold,, silver", "unreadable-cell", "Remove the comma", ""),
        ("text", "not gold, silver", "unreadable-cell", "Write not(gold, silver)", "not(gold, silver)"),
        ("text", "not()", "unreadable-cell", "in the brackets", ""),
        ("text", '"gold', "unreadable-cell", "closing quote", '"gold"'),
        ("text", "gold (old)", "unreadable-cell", "stands in quotes", '"gold (old)"'),
        ("text", "{{ x }}", "unsafe-text", "templates", ""),
        ("text", '"a\\b"', "unsafe-text", "backslash", ""),
        ("text", '"a\u200bb"', "unsafe-text", "invisible", ""),
    ],
)
def test_a_cell_that_cannot_be_read_says_what_to_write(
    kind: Kind, cell: str, code: str, says: str, instead: str
) -> None:
    if not code:
        assert read_cell(cell, kind).is_everything
        return
    with pytest.raises(CellError) as caught:
        read_cell(cell, kind)
    assert caught.value.code == code
    assert says in f"{caught.value} {caught.value.hint}"
    assert caught.value.instead == instead
    if instead:
        read_cell(instead, kind)


# -- sets

CONSTANTS: dict[Kind, st.SearchStrategy[Any]] = {
    "integer": st.integers(-3, 3),
    "number": st.integers(-3, 3) | st.sampled_from([0.5, -1.25, 1e-7]),
    "date": st.dates(date(2026, 1, 1), date(2026, 1, 5)),
    "text": st.sampled_from(
        ["gold", "a, b", 'say "x"', "it's", "blank", "not", "-", "60", "yes", "x (y)", " x", "a..b", "<"]
    ),
    "boolean": st.booleans(),
}


@st.composite
def sets(draw: st.DrawFn, kind: Kind | None = None) -> Values:
    kind = kind or draw(st.sampled_from(list(CONSTANTS)))
    axis = Axis(kind, draw(st.sets(CONSTANTS[kind], max_size=3)))
    return axis.values(draw(st.integers(1, axis.all)))


FIELD: dict[Kind, str] = {
    "integer": "days_since_last_order", "number": "lifetime_value", "date": "signed_up_on", "text": "tier", "boolean": "is_vip",
}  # fmt: skip


@quick
@given(sets())
def test_every_set_has_a_cell_and_a_condition_that_mean_it(values: Values) -> None:
    assert read_cell(write_cell(values), values.kind) == values
    field = shape(tree(FIELD[values.kind]))
    condition = condition_of(field, values)
    if condition is None:
        assert values.is_everything
        return
    assert values_of(condition, field, values.kind) == values
    assert shape(tree(print_formula(condition, model=MODEL))) == shape(condition)


# -- tables


def test_a_table_is_a_case_in_the_order_of_its_rows() -> None:
    case = to_case(understood(HEALTH))
    assert print_formula(case) == (
        "CASE WHEN days_since_last_order > 60 AND orders_90d < 2 THEN 'at risk'"
        " WHEN days_since_last_order IS NOT BLANK AND (orders_90d >= 2 AND orders_90d < 5)"
        " AND tier IN ('gold', 'silver') THEN 'steady'"
        " WHEN tier <> 'gold' OR tier IS BLANK THEN 'new' ELSE 'healthy' END"
    )


def test_a_written_table_is_read_as_the_same() -> None:
    decision = understood(HEALTH)
    written = write_table(decision)
    assert written.inputs == ("days_since_last_order", "orders_90d", "tier")
    assert written.rows[1] == Row(("not blank", "[2..5)", "gold, silver"), "steady")
    assert understood(written) == decision


def test_a_calculation_of_one_row_can_be_an_input() -> None:
    table = Table(
        ("lifetime_value / orders_90d", "CONTAINS(name, 'test')"),
        (Row(("> 100", "no"), "5"),),
        output="number",
    )
    case = to_case(understood(table))
    assert print_formula(case) == "IF(lifetime_value / orders_90d > 100 AND NOT CONTAINS(name, 'test'), 5)"


def test_a_column_without_a_type_has_the_kind_of_its_cells() -> None:
    def kind(*cells: str) -> Kind:
        return understood(Table(("score",), tuple(Row((cell,), "x") for cell in cells))).inputs[0].kind

    assert kind("> 5", "-", "not(3)") == "number"
    assert kind("yes", "blank") == "boolean"
    assert kind(">= 2026-01-31") == "timestamp"
    assert kind("5", "gold") == "text"


@pytest.mark.parametrize(
    ("formula", "cells"),
    [
        ("IF(days_since_last_order > 60 AND tier = 'gold', 'x')", [("> 60", "gold")]),
        ("IF(60 < days_since_last_order AND days_since_last_order <= 90, 'x')", [("(60..90]",)]),
        ("IF(NOT (tier = 'gold' OR orders_90d > 5), 'x')", [("not(gold, blank)", "<= 5")]),
        ("IF(tier <> 'gold' OR tier IS BLANK, 'x')", [("not(gold)",)]),
        ("IF(tier NOT IN ('gold', 'basic'), 'x')", [("not(basic, gold, blank)",)]),
        ("IF(days_since_last_order NOT BETWEEN 5 AND 9, 'x')", [("< 5, > 9",)]),
        ("IF(is_vip, 'x')", [("yes",)]),
        ("IF(is_vip = FALSE AND CONTAINS(name, 'a'), 'x')", [("no", "yes")]),
        ("IF(last_seen < TODAY() - 30 days, 'x')", [("yes",)]),
        ("IF(signed_up_on IN LAST 30 DAYS AND TRUE, 'x')", [("yes",)]),
        ("IF(signed_up_on >= '2026-01-31', 'x')", [(">= 2026-01-31",)]),
        ("IF(tier > 'b', 'x')", [("yes",)]),
        (
            "IF(days_since_last_order > 60 OR tier = 'gold' OR tier = 'new', 'x')",
            [("> 60", "-"), ("-", "gold, new")],
        ),
        ("IF(score = 'a', 'x')", [("a",)]),
        ("IF(score = -1.5, 'x')", [("-1.5",)]),
    ],
)
def test_a_rule_of_single_field_tests_is_a_table(formula: str, cells: list[tuple[str, ...]]) -> None:
    decision = to_table(tree(formula), VOCABULARY)
    assert isinstance(decision, Decision)
    assert [row.cells for row in write_table(decision).rows] == cells
    assert understood(write_table(decision)) == decision


@pytest.mark.parametrize(
    ("formula", "because"),
    [
        ("IF((tier = 'a' OR is_vip) AND orders_90d > 1, 'x')", "it joins conditions on several fields by OR"),
        ("IF(orders_90d > days_since_last_order, 'x')", "it compares two fields with each other"),
        ("IF(is_vip, tier)", "an outcome is calculated"),
        ("IF(orders_90d > 5 AND orders_90d < 3, 'x')", "nothing fulfils “orders_90d > 5 AND orders_90d < 3”"),
        ("IF(score = 'a' AND score = 1, 'x')", "values of several kinds"),
        ("IF(TODAY() > '2026-01-31', 'x')", "it looks at no field"),
    ],
)
def test_any_other_rule_says_why_it_is_no_table(formula: str, because: str) -> None:
    mixed = to_table(tree(formula), VOCABULARY)
    assert isinstance(mixed, Mixed)
    assert because in mixed.message
    assert mixed.message.endswith(".")


def test_every_problem_of_a_table_is_told_at_once_with_its_place() -> None:
    table = Table(
        ("days_since_last_order", "tierr", "is_vip"),
        (Row(("sixty five", "gold", "maybe"), "a"), Row(("-", "-", "-"), " "), Row(("-", "-"), "b")),
    )
    problems = read(table).problems
    assert [(p.code, p.row, p.column) for p in problems] == [
        ("unknown-field", 0, 2),
        ("wrong-kind", 1, 1),
        ("wrong-kind", 1, 3),
        ("no-outcome", 2, 4),
        ("row-length", 3, 0),
    ]
    assert problems[0].fixes[0].text == "tier"
    assert problems[1].message == "Row 1, days since last order: “sixty five” is not a number."
    assert problems[2].message == "Row 1, VIP: “maybe” is neither yes nor no."
    assert all(p.hint and p.level == "error" for p in problems)


def test_each_kind_of_mistake_has_its_code_and_a_fix_is_a_cell() -> None:
    found = [
        *read(Table((), ())).problems,
        *read(Table(("tier",), tuple(Row(("-",), "x") for _ in range(201)))).problems,
        problem("-", column=" "),
        problem("-", column="SUM(orders_90d)"),
        problem("-", column="5"),
        problem("-", column="orders.amount"),
        *read(Table(("tier", "Tier"), (Row(("-", "-"), "x"),))).problems,
        problem("-", outcome="{{ x }}"),
        problem("-", outcome="many", output="number"),
        problem("-", outcome="yes", otherwise="maybe", output="boolean"),
        problem("-", outcome="1.000", output="number"),
        problem("1,000"),
    ]
    assert [p.code for p in found] == [
        "no-inputs", "no-rows", "table-too-large", "unnamed-column", "not-row-level", "not-row-level", "other-model", "repeated-input",
        "unsafe-text", "wrong-outcome", "wrong-outcome", "thousands-comma", "thousands-comma",
    ]  # fmt: skip
    assert "201 rows and 1 columns" in found[2].message
    assert found[-3].row == 2
    assert found[-1].fixes[0].text == "1000"


@pytest.mark.parametrize(
    "column", ["days since last order", "Days since last order", "VIP", "orders in last 90 days"]
)
def test_a_column_may_be_called_what_people_call_its_field(column: str) -> None:
    cell = "yes" if column == "VIP" else "> 5"
    assert understood(Table((column,), (Row((cell,), "x"),))).rules


def test_the_codes_of_cells_and_tables_are_listed() -> None:
    source = __import__("inspect").getsource
    from semantic.rules import tables, unary

    used = set(
        re.findall(r'(?:CellError|_problem|CellProblem)\(\s*"([a-z-]+)"', source(tables) + source(unary))
    )
    assert used == set(CODES)


@pytest.mark.parametrize(
    ("output", "value"),
    [
        ("text", "at risk"),
        ("text", "blank"),
        ("text", ' "x'),
        ("number", -0.15),
        ("boolean", False),
        ("number", None),
    ],
)
def test_an_outcome_is_read_as_it_was_written(output: Any, value: Any) -> None:
    assert read_outcome(write_outcome(value), output) == value


# -- both ways, against every row of a small world

SMALL: dict[str, tuple[Kind, list[Any]]] = {
    "days_since_last_order": ("integer", [None, -1, 0, 1, 2, 3]),
    "tier": ("text", [None, "gold", "new", "other"]),
    "is_vip": ("boolean", [None, True, False]),
}
ROWS = [
    dict(zip(SMALL, values, strict=True)) for values in product(*(values for _, values in SMALL.values()))
]


@st.composite
def cells(draw: st.DrawFn, kind: Kind) -> str:
    if draw(st.booleans()):
        return "-"
    axis = Axis(
        kind,
        draw(
            st.sets(
                {"integer": st.integers(0, 2), "text": st.sampled_from(["gold", "new"])}.get(
                    kind, st.booleans()
                ),
                max_size=2,
            )
        ),
    )
    return write_cell(axis.values(draw(st.integers(1, axis.all))))


@st.composite
def small_tables(draw: st.DrawFn, rows: int = 5) -> Table:
    kinds = [kind for kind, _ in SMALL.values()]
    drawn = draw(
        st.lists(
            st.tuples(st.tuples(*map(cells, kinds)), st.sampled_from(["a", "b", "c"])),
            min_size=1,
            max_size=rows,
        )
    )
    return Table(tuple(SMALL), tuple(Row(*row) for row in drawn), draw(st.sampled_from(["", "z"])))


@quick
@given(small_tables())
def test_a_table_its_case_and_the_table_of_that_say_the_same_of_every_row(table: Table) -> None:
    decision = understood(table)
    case = to_case(decision)
    again = to_table(case, VOCABULARY)
    assert isinstance(again, Decision)
    for row in ROWS:
        outcome = decision.decide(list(row.values()))[1]
        assert decided(case, row) == outcome
        known = [evaluated(found.node, row) for found in again.inputs]
        assert again.decide(known)[1] == outcome
    assert isinstance(shape(case), Case)
