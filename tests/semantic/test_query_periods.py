"""Periods beside today have whole days, whichever day it is: in DuckDB and in PostgreSQL."""

from __future__ import annotations

from typing import Any

import duckdb
import psycopg
import pytest

from semantic.formula import analyse
from semantic.query.sql import metric_sql
from tests.semantic.shop import RELATIONS, plain, vocabulary

SHOP = vocabulary()


def sql_of(formula: str, dialect: str) -> str:
    analysis = analyse(formula, SHOP, model="fct_orders")
    assert analysis.tree is not None, analysis.problems
    return metric_sql(analysis.tree, SHOP, RELATIONS, dialect=dialect)


# A row for each of the 800 days around today, at 23:59.
AROUND_TODAY = """
CREATE TABLE fct_orders AS
SELECT CAST(CURRENT_DATE AS TIMESTAMP) + number * INTERVAL '1 day' + INTERVAL '1439 minutes' AS ordered_at
FROM generate_series(-400, 400) AS numbers(number)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("period", "first", "after"),
    [
        ("LAST 1 DAY", "CURRENT_DATE", "CURRENT_DATE + 1"),
        ("LAST 30 DAYS", "CURRENT_DATE - 29", "CURRENT_DATE + 1"),
        ("LAST 2 WEEKS", "CURRENT_DATE - 13", "CURRENT_DATE + 1"),
        ("LAST 3 MONTHS", "CURRENT_DATE + 1 - INTERVAL '3 months'", "CURRENT_DATE + 1"),
        ("LAST 30 COMPLETE DAYS", "CURRENT_DATE - 30", "CURRENT_DATE"),
        (
            "LAST 2 COMPLETE QUARTERS",
            "DATE_TRUNC('quarter', CURRENT_DATE) - INTERVAL '6 months'",
            "DATE_TRUNC('quarter', CURRENT_DATE)",
        ),
        (
            "THIS WEEK",
            "DATE_TRUNC('week', CURRENT_DATE)",
            "DATE_TRUNC('week', CURRENT_DATE) + INTERVAL '7 days'",
        ),
        (
            "THIS YEAR",
            "DATE_TRUNC('year', CURRENT_DATE)",
            "DATE_TRUNC('year', CURRENT_DATE) + INTERVAL '1 year'",
        ),
    ],
)
def test_a_period_beside_today_has_whole_days(
    postgres: psycopg.Connection[Any], period: str, first: str, after: str
) -> None:
    formula = f"COUNT(*) WHERE ordered_at IN {period}"
    check = f"SELECT COUNT(*) FROM fct_orders WHERE ordered_at >= {first} AND ordered_at < {after}"
    with duckdb.connect() as duck, postgres.transaction(force_rollback=True):
        duck.execute(AROUND_TODAY)
        postgres.execute("DROP TABLE fct_orders")
        postgres.execute(AROUND_TODAY.encode())

        found = duck.execute(sql_of(formula, "duckdb")).fetchall()
        other = postgres.execute(sql_of(formula, "postgres").encode()).fetchall()

        expected = postgres.execute(check.encode()).fetchall()
        assert plain(found[0][0]) == plain(other[0][0]) == plain(expected[0][0])
