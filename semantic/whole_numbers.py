"""Which values are whole numbers to a warehouse: some divide those without a rest, and round less of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from semantic.definitions import ValueType, Vocabulary
from semantic.formula.tree import (
    Binary,
    Call,
    Case,
    Literal_,
    MetricRef,
    Node,
    Prior,
    Running,
    Total,
    Unary,
    Where,
)
from semantic.query.dialects import known
from semantic.query.expressions import value_type

# Calls that are whole numbers where all of their values are, or the first of them is.
OF_ALL = ("COALESCE", "GREATEST", "LEAST", "MOD")
OF_THE_FIRST = ("NULLIF", "ABS", "FLOOR", "CEILING", "ROUND")


def _unknown(_metric: str) -> ValueType:
    return "any"


@dataclass(frozen=True, slots=True)
class WholeNumbers:
    """Tells them apart; `metric_type` says what `type` says, of a metric."""

    vocabulary: Vocabulary
    dialect: str
    metric_type: Callable[[str], ValueType] = _unknown

    def type(self, node: Node) -> ValueType:
        """ "integer" for what is always a whole number, "number" for what never is, else "any"."""
        if self.surely(node):
            return "integer"
        return "any" if self.perhaps(node) else "number"

    def surely(self, node: Node) -> bool:
        """Whether a value is a whole number whatever is in the rows."""
        while isinstance(node, Where | Prior):
            node = node.value
        if isinstance(node, MetricRef):
            return self.metric_type(node.metric) == "integer"
        return value_type(node, self.vocabulary) == "integer"

    def perhaps(self, node: Node) -> bool:
        """Whether the warehouse may take a value for a whole number."""
        match node:
            case MetricRef():
                return self.metric_type(node.metric) != "number"
            case Where() | Prior() | Running() | Unary():
                return self.perhaps(node.value)
            case Total(name="AVERAGE") if node.arg:
                return known(self.dialect).cuts_means and self.perhaps(node.arg)
            case Total(name="SUM" | "MIN" | "MAX") if node.arg:
                return self.perhaps(node.arg)
            case Binary(op="+" | "-" | "*"):
                return self.perhaps(node.left) and self.perhaps(node.right)
            case Case():
                results = [*(then for _, then in node.whens), node.otherwise or Literal_(None)]
                return all(map(self.perhaps, results))
            case Call() if node.name in (*OF_ALL, *OF_THE_FIRST):
                return all(map(self.perhaps, node.args if node.name in OF_ALL else node.args[:1]))
        return value_type(node, self.vocabulary) in ("integer", "any")
