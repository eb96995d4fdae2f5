"""Conditions of rules, from formulas to the SQL of the project's warehouse."""

from __future__ import annotations

from semantic.codegen.conditions import row_sql
from semantic.codegen.entries import Refused
from semantic.codegen.quality.spelled import Compiles
from semantic.definitions import Vocabulary
from semantic.formula import analyse, print_formula
from semantic.formula.tree import ColumnRef, MetricRef, Node, Total, Where, walk

# A formula about single rows is one that says which of them count.
_COUNTED = "COUNT(*) WHERE "


def condition_of(formula: str, vocabulary: Vocabulary, model: str) -> Node:
    """The condition on one row of `model` that a formula is. Raises Refused, with what to change."""
    found = analyse(_COUNTED + formula, vocabulary, model=model)
    tree = found.tree
    if tree is None:
        first = next(problem for problem in found.problems if problem.level == "error")
        raise Refused(" ".join(part for part in (first.message, first.hint) if part))
    if not (isinstance(tree, Where) and isinstance(tree.value, Total) and not _totals(tree.condition)):
        raise Refused("This is no condition on single rows. Write for example quantity > 0.")
    others = {part.model for part in walk(tree.condition) if isinstance(part, ColumnRef)} - {model}
    if others:
        named = " and ".join(sorted(others))
        raise Refused(f"A test sees the rows of {model} alone. Leave out the fields of {named}.")
    return tree.condition


def _totals(node: Node) -> bool:
    return any(isinstance(part, Total | MetricRef) for part in walk(node))


def canonical(formula: str, vocabulary: Vocabulary, model: str) -> str:
    """The one spelling of a condition. Raises Refused."""
    return print_formula(condition_of(formula, vocabulary, model), model=model)


def compiler(vocabulary: Vocabulary, model: str, dialect: str) -> Compiles:
    """What says the conditions of a model's rules in the warehouse's SQL."""

    def compiles(formula: str) -> str:
        return row_sql(condition_of(formula, vocabulary, model), vocabulary, dialect)

    return compiles
