"""Conditions of rules, from formulas to the SQL of the project's warehouse."""

from __future__ import annotations

from semantic.codegen.conditions import row_sql
from semantic.codegen.entries import Refused
from semantic.codegen.quality.spelled import Compiles
from semantic.definitions import Vocabulary
from semantic.formula import analyse_row, print_formula
from semantic.formula.tree import Node


def condition_of(formula: str, vocabulary: Vocabulary, model: str) -> Node:
    """The condition on one row of `model` that a formula is. Raises Refused, with what to change."""
    found = analyse_row(formula, vocabulary, model=model)
    if found.tree is None:
        raise Refused(found.complaint)
    if found.value_type not in ("boolean", "any"):
        raise Refused("This is no condition on single rows. Write for example quantity > 0.")
    return found.tree


def canonical(formula: str, vocabulary: Vocabulary, model: str) -> str:
    """The one spelling of a condition. Raises Refused."""
    return print_formula(condition_of(formula, vocabulary, model), model=model)


def compiler(vocabulary: Vocabulary, model: str, dialect: str) -> Compiles:
    """What says the conditions of a model's rules in the warehouse's SQL."""

    def compiles(formula: str) -> str:
        return row_sql(condition_of(formula, vocabulary, model), vocabulary, dialect)

    return compiles
