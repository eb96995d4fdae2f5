"""Conditions in SQL as formulas, in the words of each warehouse."""

from __future__ import annotations

import pytest

from semantic.conditions import formula_of

DIALECTS = ("duckdb", "postgres", "snowflake", "bigquery", "redshift", "databricks")


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    ("sql", "formula"),
    [
        ("a IS NULL", "a IS BLANK"),
        ("a IS NOT NULL", "a IS NOT BLANK"),
        ("NOT a IS NULL", "a IS NOT BLANK"),
        ("NOT (a IS NOT NULL)", "a IS BLANK"),
        ("a IS NOT NULL AND b > 1", "a IS NOT BLANK AND b > 1"),
        ("a NOT IN (1, 2)", "a NOT IN (1, 2)"),
        ("a IS NOT TRUE", ""),
    ],
)
def test_a_condition_means_the_same_wherever_it_stands(dialect: str, sql: str, formula: str) -> None:
    assert formula_of(sql, dialect) == formula
