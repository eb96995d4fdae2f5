"""Conditions in the SQL of tests, told as formulas by whoever shows the rules that the tests keep."""

from __future__ import annotations

from functools import lru_cache

from sqlglot import exp

from catalog.quality.rules import reads_conditions
from semantic.definitions import Vocabulary
from semantic.formula import print_formula
from semantic.formula.tree import Name, Node
from semantic.query.rows import parsed
from semantic.reading import Reader
from semantic.whole_numbers import WholeNumbers


@reads_conditions
@lru_cache(maxsize=4_096)
def formula_of(sql: str, dialect: str) -> str:
    """A condition on one row as a formula; "" where no formula says exactly the same."""
    try:
        whole = WholeNumbers(Vocabulary({}, {}), dialect)
        tree = Reader(_column, whole).read(parsed(sql, dialect))
    except ValueError:  # Unsupported is one, and so is what a dialect is that nobody knows
        return ""
    return print_formula(tree, model="")


def _column(placed: exp.Column) -> Node:
    return Name(placed.name, placed.table)
