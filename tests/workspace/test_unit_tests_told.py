"""What dbt says of unit tests that failed, as its own library draws it."""

from __future__ import annotations

import re
from typing import TypeAlias

import daff
import pytest

from workspace.dbt.unit_tests import Difference, differences

Table: TypeAlias = list[list[str | None]]
HEAD: list[str | None] = ["amount", "note", "size"]


def drawn(expected: Table, actual: Table) -> str:
    """As dbt draws it, without its colours."""
    views = [daff.PythonTableView([HEAD, *rows]) for rows in (expected, actual)]
    flags = daff.CompareFlags()
    flags.ordered = False
    found = daff.PythonTableView([])
    daff.TableDiff(daff.Coopy.compareTables(*views, flags).align(), flags).hilite(found)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", daff.TerminalDiffRender().render(found))
    return f"\n\nactual differs from expected:\n\n{plain}\n\n"


def row(*values: str) -> dict[str, str]:
    return dict(zip(("amount", "note", "size"), values, strict=True))


@pytest.mark.parametrize(
    ("expected", "actual", "found"),
    [
        (
            [["50", "a, b", "big"], ["49", "x", "small"]],
            [["50", "a, b", "small"], ["49", "x", "small"]],
            [Difference(row("50", "a, b", "big"), row("50", "a, b", "small"))],
        ),
        (
            [["NULL", "x", "small"], ["1", "y", "big"]],
            [["NULL", "x", "huge"], ["1", "y", "big"]],
            [Difference(row("NULL", "x", "small"), row("NULL", "x", "huge"))],
        ),
        (
            [["1", "y", "big"]],
            [["1", "y", "big"], ["2", "z", "big"]],
            [Difference(None, row("2", "z", "big"))],
        ),
        ([["1", "y", "big"]], [], [Difference(row("1", "y", "big"), None)]),
    ],
)
def test_the_rows_that_differ_are_read(expected: Table, actual: Table, found: list[Difference]) -> None:
    assert differences(drawn(expected, actual)) == found


def test_rows_of_one_side_alone_belong_together_where_one_value_differs() -> None:
    text = "@@ ,a,size\n---,1,small\n---,2,small\n+++,1,big\n+++,9,big\n"

    assert differences(text) == [
        Difference({"a": "1", "size": "small"}, {"a": "1", "size": "big"}),
        Difference({"a": "2", "size": "small"}, None),
        Difference(None, {"a": "9", "size": "big"}),
    ]


def test_a_value_that_came_out_as_an_empty_text_is_empty() -> None:
    assert differences("@@ ,a,size\n→  ,1,big→\n") == [
        Difference({"a": "1", "size": "big"}, {"a": "1", "size": ""})
    ]


def test_a_value_that_is_too_long_to_be_read_is_left_to_the_reader() -> None:
    assert differences(f"@@ ,a\n→  ,{'x' * 200_000}→1\n") == []


@pytest.mark.parametrize(
    "text",
    ["", "actual differs from expected", "@@ ,a\n→  ,1→2→3\n", "@@ ,a\n→  ,1→2,3\n", "@@,a,b\n,1\n"],
)
def test_what_cannot_be_read_for_certain_is_left_to_the_reader(text: str) -> None:
    assert differences(text) == []
