"""Every formula gives one answer everywhere: run on DuckDB and PostgreSQL, read for the other warehouses.

What the others are sent is kept in `golden/`, one file for each, and was read line by line.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, get_args

import duckdb
import psycopg
import pytest
import sqlglot

from semantic.formula.registry import FUNCTIONS, TOTALS
from semantic.formula.tree import Binary, BinaryOperator, Node, Total, walk
from semantic.query.spec import QuerySpec
from tests.semantic.conformance.cases import CASES, QUESTIONS, TABLES, TODAY, Answer
from tests.semantic.conformance.golden_files import DIALECTS, file_of, golden, sql_of, tree_of

# The engines that run here. What dbt's files say is PostgreSQL's spelling, which DuckDB has to read as well.
ENGINES = ("duckdb", "duckdb as in dbt's files", "postgres")


class Warehouses:
    """DuckDB and PostgreSQL with the same rows, on the same day."""

    def __init__(self, duck: duckdb.DuckDBPyConnection, postgres: psycopg.Connection[Any]) -> None:
        self.duck, self.postgres = duck, postgres

    def rows(self, engine: str, formula: str, spec: QuerySpec | None = None, time: str = "") -> Any:
        sql = sql_of(formula, "duckdb" if engine == "duckdb" else "postgres", spec, time)
        sql = sql.replace("CURRENT_DATE", f"CAST('{TODAY}' AS DATE)")
        if engine == "postgres":
            return self.postgres.execute(sql.encode()).fetchall()
        return self.duck.execute(sql).fetchall()


@pytest.fixture(scope="module")
def warehouses(postgres: psycopg.Connection[Any]) -> Iterator[Warehouses]:
    # The tests' server knows capitals of ASCII only; warehouses know those of their language.
    capitals = TABLES.replace("name TEXT", 'name TEXT COLLATE "C.utf8"')
    with duckdb.connect() as duck:
        duck.execute(TABLES)
        postgres.execute(b"CREATE SCHEMA conformance; SET search_path TO conformance;" + capitals.encode())
        yield Warehouses(duck, postgres)
        postgres.execute("RESET search_path; DROP SCHEMA conformance CASCADE")


def same(found: Any, expected: Answer) -> bool:
    """Whole numbers and decimals to the last digit, doubles to nine; a 0 is no blank, nor a yes a 1."""
    if expected is None or found is None or isinstance(found, bool):
        return found is expected
    if isinstance(expected, int) and isinstance(found, int | Decimal):
        return found == expected
    return math.isclose(found, expected, rel_tol=1e-9, abs_tol=1e-9)


@pytest.mark.parametrize("engine", ENGINES)
def test_every_formula_has_its_answer(warehouses: Warehouses, engine: str) -> None:
    wrong: dict[str, tuple[object, Answer]] = {}
    for case in CASES:
        try:
            ((found,),) = warehouses.rows(engine, case.formula)
        except (duckdb.Error, psycopg.Error) as error:
            found = error
        if isinstance(found, Exception) or not same(found, case.answer):
            wrong[case.formula] = (found, case.answer)

    assert wrong == {}


@pytest.mark.parametrize("engine", ENGINES)
def test_every_period_has_its_answer(warehouses: Warehouses, engine: str) -> None:
    wrong = []
    for question in QUESTIONS:
        rows = warehouses.rows(engine, question.formula, question.spec, question.time)
        found = {row[0] if len(row) > 1 else None: row[-1] for row in rows}
        if found.keys() != question.answers.keys() or not all(
            same(found[period], answer) for period, answer in question.answers.items()
        ):
            wrong.append((question, found))

    assert wrong == []


def test_there_is_a_formula_for_whatever_a_formula_may_hold_and_none_twice() -> None:
    formulas = [case.formula for case in CASES]
    asked = [*formulas, *(question.formula for question in QUESTIONS)]
    called = set(re.findall(r"\w+(?=\()", " ".join(asked)))
    nodes = [node for formula in asked for node in walk(tree_of(formula))]

    assert {function.name for function in FUNCTIONS} - called == set()
    assert {node.op for node in nodes if isinstance(node, Binary)} == set(get_args(BinaryOperator))
    assert {node.name for node in nodes if isinstance(node, Total)} == set(TOTALS)
    # Names are resolved by then, and metrics are tested beside MetricFlow.
    kinds = {kind.__name__ for kind in Node.__subclasses__()} - {type(node).__name__ for node in nodes}
    assert kinds == {"Name", "MetricRef"}
    assert len(formulas) == len(set(formulas)) >= 120


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_sql_of_every_warehouse_is_the_one_that_was_read(dialect: str) -> None:
    assert golden(dialect).splitlines() == file_of(dialect).read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_sql_of_every_warehouse_is_read_back_as_one_query_each(dialect: str) -> None:
    lines = file_of(dialect).read_text(encoding="utf-8").splitlines()

    for query in (line for line in lines if line and not line.startswith("--")):
        (parsed,) = sqlglot.parse(query, dialect=dialect)
        assert parsed is not None
        assert parsed.key == "select", query
