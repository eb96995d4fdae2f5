"""Queries without a warehouse: they calculate, and reach nothing of this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from workspace.warehouse.base import NotAQuery
from workspace.warehouse.embedded import CalculationFailed, calculated


def test_a_query_is_calculated() -> None:
    assert calculated(
        "select case when n > 2 then 'big' end from (select 3 as n union all select 1) order by n"
    ) == [
        (None,),
        ("big",),
    ]


def test_nothing_of_this_machine_is_in_reach(tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("a\n1\n", encoding="utf-8")

    with pytest.raises(CalculationFailed):
        calculated(f"select * from read_csv('{secret}')")
    for statement in ("set enable_external_access = true", "attach 'x.duckdb'", "select 1; select 2"):
        with pytest.raises((CalculationFailed, NotAQuery)):
            calculated(statement)


def test_what_cannot_be_calculated_says_why() -> None:
    with pytest.raises(CalculationFailed, match="Could not convert"):
        calculated("select cast('x' as integer)")


def test_what_takes_too_long_is_stopped() -> None:
    with pytest.raises(CalculationFailed, match="too long"):
        calculated("select sum(a.range * b.range) from range(1000000) a, range(1000000) b", seconds=0.1)
