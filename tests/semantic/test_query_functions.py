"""Every function of formulas gives one answer: in DuckDB, in PostgreSQL, and as dbt's files spell it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb
import psycopg
import pytest

from semantic.formula import analyse, functions
from semantic.query.sql import metric_sql
from tests.semantic.shop import RELATIONS, plain, tables, vocabulary

SHOP = vocabulary()

# Six orders: net amounts 100, 50, 80, 20, blank, 75; discounts 5, 0, blank, 2, 1, 0; quantities 2, 1, 3, 1, 0, 4.
ANSWERS: dict[str, float] = {
    "SUM(net_amount)": 325,
    "AVERAGE(net_amount)": 65,
    "MIN(net_amount)": 20,
    "MAX(net_amount)": 100,
    "MEDIAN(net_amount)": 75,
    "PERCENTILE(net_amount, 0.25)": 50,
    "COUNT(*)": 6,
    "COUNT(net_amount)": 5,
    "COUNT(DISTINCT customer_id)": 3,
    "SUMIF(net_amount, status = 'completed')": 150,
    "AVERAGEIF(net_amount, quantity > 1)": 85,
    "MINIF(net_amount, quantity > 1)": 75,
    "MAXIF(net_amount, quantity <= 1)": 50,
    "COUNTIF(status <> 'completed')": 2,
    "DISTINCTIF(customer_id, quantity >= 2)": 2,
    "SUM(IF(status = 'completed', net_amount, 1))": 153,
    "SUM(IFS(quantity > 2, 10, quantity > 1, 5, TRUE, 1))": 28,
    "SUM(SWITCH(status, 'completed', 1, 'returned', 2, 0))": 5,
    "COUNTIF(AND(quantity > 1, discount = 0))": 1,
    "COUNTIF(OR(quantity > 1, discount = 0))": 4,
    "COUNTIF(NOT quantity > 1)": 3,
    "COALESCE(SUM(net_amount) WHERE status = 'nowhere', 0)": 0,
    "SUM(COALESCE(discount, 10))": 18,
    "SUM(NULLIF(discount, 5))": 3,
    "COUNTIF(ISBLANK(discount))": 1,
    "COUNTIF(discount IS NOT BLANK)": 5,
    "DIVIDE(SUM(net_amount), SUM(discount) WHERE quantity = 4, -1)": -1,
    "SUM(net_amount / discount)": 30,
    "SUM(quantity) / COUNT(*)": 11 / 6,
    "SUM(quantity) * 5%": 0.55,
    "SUM(ABS(discount - 2))": 8,
    "ROUND(SUM(quantity) / COUNT(*), 2)": 1.83,
    "SUM(ROUND(net_amount / 8))": 41,
    "SUM(ROUND(quantity / 2))": 7,
    "SUM(CEILING(net_amount / 30))": 13,
    "SUM(FLOOR(net_amount / 30))": 8,
    "SQRT(SUM(net_amount) - 1)": 18,
    "SUM(POWER(quantity, 2))": 31,
    "2 ^ COUNT(*) - 1": 63,
    "COUNTIF(MOD(quantity, 2) = 0)": 3,
    "SUM(MOD(net_amount, 30))": 85,
    "SUM(GREATEST(discount, 1))": 10,
    "SUM(LEAST(net_amount, 60))": 250,
    "SUM(-quantity)": -11,
    "COUNTIF(CONTAINS(status, 's l'))": 1,
    "COUNTIF(STARTSWITH(status, 're'))": 1,
    "COUNTIF(ENDSWITH(status, 'ed'))": 4,
    "COUNT(DISTINCT CONCAT(status, quantity))": 6,
    "COUNTIF(status & customer_id = 'completed10')": 2,
    "COUNTIF(UPPER(status) = 'RETURNED')": 1,
    "COUNTIF(LOWER(status) = 'it''s late')": 1,
    "COUNTIF(TRIM('  x ') = 'x')": 6,
    "MAX(LEN(status))": 9,
    "COUNTIF(LEFT(status, 2) = 'co')": 3,
    "COUNTIF(RIGHT(status, 4) = 'late')": 1,
    "COUNTIF(status IN ('returned', 'it''s late'))": 2,
    "COUNTIF(status NOT IN ('returned', 'it''s late'))": 3,
    "COUNTIF(net_amount BETWEEN 50 AND 80)": 3,
    "COUNTIF(NOT net_amount BETWEEN 50 AND 80)": 2,
    "COUNTIF(delivered_on <> TODAY() - 10000)": 4,
    "SUM(YEAR(ordered_at))": 12156,
    "SUM(QUARTER(ordered_at))": 7,
    "SUM(MONTH(ordered_at))": 14,
    "SUM(DAY(ordered_at))": 72,
    "COUNTIF(ordered_at >= DATE(2026, 2, 1))": 4,
    "COUNTIF(delivered_on < '2026-01-22')": 1,
    "SUM(DATEDIFF(ordered_at, delivered_on))": 5,
    "SUM(delivered_on - ordered_at)": 5,
    "SUM(DATEDIFF(ordered_at, DATE '2026-06-01', week))": 89,
    "SUM(DATEDIFF(ordered_at, DATE '2026-06-01', month))": 22,
    "SUM(DATEDIFF(DATE '2024-12-31', ordered_at, quarter))": 31,
    "SUM(DATEDIFF(DATE '2024-12-31', ordered_at, year))": 12,
    "COUNTIF(DATEADD(delivered_on, 1, month) < DATE '2026-02-22')": 1,
    "COUNTIF(delivered_on + 1 quarter = DATE '2026-04-06')": 1,
    "COUNTIF(delivered_on - quantity = DATE '2026-01-04')": 1,
    "COUNTIF(delivered_on - 1 day = DATE '2026-01-05')": 1,
    "COUNTIF(STARTOF(ordered_at, quarter) = '2026-01-01')": 5,
    "COUNTIF(STARTOF(ordered_at, week) = '2026-02-23')": 1,
    "SUM(quantity) WHERE is_gift": 5,
    "SUM(quantity) WHERE is_gift = FALSE": 5,
    "COUNTIF(dim_customers.country = 'DE' OR quantity = 4)": 3,
    "COUNTIF(is_gift AND (status = 'returned' OR quantity = 4))": 1,
    "COUNTIF((quantity = 4 OR status = 'returned') AND is_gift)": 1,
    "COUNTIF(NOT (is_gift OR quantity = 4))": 2,
}


@pytest.fixture(scope="module")
def duck() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        for statement in tables():
            connection.execute(statement)
        yield connection


def sql_of(formula: str, dialect: str) -> str:
    analysis = analyse(formula, SHOP, model="fct_orders")
    assert analysis.tree is not None, analysis.problems
    return metric_sql(analysis.tree, SHOP, RELATIONS, dialect=dialect)


@pytest.mark.slow
@pytest.mark.parametrize("formula", ANSWERS)
def test_a_formula_has_one_answer_everywhere(
    duck: duckdb.DuckDBPyConnection, postgres: psycopg.Connection[Any], formula: str
) -> None:
    expected = ANSWERS[formula]

    native = duck.execute(sql_of(formula, "duckdb")).fetchall()
    portable = duck.execute(sql_of(formula, "postgres")).fetchall()
    other = postgres.execute(sql_of(formula, "postgres").encode()).fetchall()

    assert [plain(rows[0][0]) for rows in (native, portable, other)] == [plain(expected)] * 3


def test_every_function_has_an_answer_above() -> None:
    used = " ".join(ANSWERS)

    elsewhere = {
        "COUNTDISTINCT",
        "ROLLING",
        "TODATE",
        "CUMULATIVE",
        "PRIOR",
        "CONVERSION",
    }  # the last are asked by period

    assert {found.name for found in functions() if f"{found.name}(" not in used} == elsewhere


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
