"""What each warehouse is sent for the formulas, kept in files that people have read.

Write them anew with `python -m tests.semantic.conformance.golden_files`, and read what git says has changed.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from semantic.formula import analyse
from semantic.formula.tree import Node
from semantic.query.spec import QuerySpec, Unsupported
from semantic.query.sql import metric_sql
from tests.semantic.conformance.cases import CASES, QUESTIONS, RELATIONS, vocabulary

KNOWN = vocabulary()
DIALECTS = ("bigquery", "databricks", "duckdb", "postgres", "redshift", "snowflake")


def file_of(dialect: str) -> Path:
    return Path(__file__).with_name("golden") / f"{dialect}.sql"


@cache
def tree_of(formula: str) -> Node:
    analysis = analyse(formula, KNOWN, model="sales")
    assert analysis.tree is not None, (formula, analysis.problems)
    return analysis.tree


def sql_of(formula: str, dialect: str, spec: QuerySpec | None = None, time: str = "") -> str:
    return metric_sql(tree_of(formula), KNOWN, RELATIONS, dialect=dialect, spec=spec, time_column=time)


def golden(dialect: str) -> str:
    """What a warehouse is sent for every formula, one line each; or why it is sent nothing."""
    asked = [(case.formula, None, "") for case in CASES]
    asked += [(question.formula, question.spec, question.time) for question in QUESTIONS]
    parts = [_golden(dialect, *one) for one in asked]
    return "\n".join(parts)


def _golden(dialect: str, formula: str, spec: QuerySpec | None, time: str) -> str:
    title = f"-- {formula}"
    if spec:
        days = f"from {spec.start} to {spec.end}" if spec.start else ""
        title += f"   -- {' '.join(filter(None, (f'by {spec.grain}' if spec.grain else '', days)))}, {time}"
    try:
        sql = sql_of(formula, dialect, spec, time)
    except Unsupported as reason:
        return f"{title}\n-- Refused: {reason}\n"
    return f"{title}\n{' '.join(line.strip() for line in sql.splitlines())};\n"


if __name__ == "__main__":
    for name in DIALECTS:
        file_of(name).write_text(golden(name), encoding="utf-8")
