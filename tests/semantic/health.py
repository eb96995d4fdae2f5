"""Customers whose health rules decide about, and what a rule says of a row, worked out one node at a time."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Any

from semantic.definitions import Column, Dimension, Model, SemanticModel, Vocabulary
from semantic.formula.names import Resolver
from semantic.formula.parser import parse
from semantic.formula.tree import Between, Binary, Call, Case, ColumnRef, In, IsBlank, Literal_, Node, Unary
from semantic.formula.types import Checker

MODEL = "customers"
CUSTOMERS = Model(
    name=MODEL,
    unique_id="model.shop.customers",
    columns=(
        Column("customer_id", "integer"),
        Column("name", "text"),
        Column("days_since_last_order", "integer"),
        Column("orders_90d", "integer", label="Orders in last 90 days"),
        Column("tier", "text"),
        Column("country", "text"),
        Column("lifetime_value", "number"),
        Column("discount", "number"),
        Column("is_vip", "boolean", label="VIP"),
        Column("signed_up_on", "date"),
        Column("last_seen", "timestamp"),
        Column("score", "any"),
    ),
    semantic=SemanticModel(
        name="customers",
        model=MODEL,
        dimensions=(Dimension("region", "categorical", "country", label="Market"),),
    ),
)
ORDERS = Model("orders", "model.shop.orders", (Column("order_id", "integer"), Column("amount", "number")))
VOCABULARY = Vocabulary(
    models={MODEL: CUSTOMERS, "orders": ORDERS}, metrics={}, synonyms={"recency": "days_since_last_order"}
)
_COMPARED = {
    "=": operator.eq, "<>": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


def tree(text: str) -> Any:
    """The checked tree of a formula about one customer."""
    resolved = Resolver(text, parse(text), VOCABULARY, MODEL).resolve()
    return Checker(text, VOCABULARY).check(resolved).node


def decided(case: Case, row: Mapping[str, Any]) -> Any:
    """What a rule says of a row, as SQL would."""
    for condition, outcome in case.whens:
        if evaluated(condition, row) is True:
            return evaluated(outcome, row)
    return None if case.otherwise is None else evaluated(case.otherwise, row)


def evaluated(node: Node, row: Mapping[str, Any]) -> Any:
    """The value of a row-level node in SQL's three-valued logic."""
    match node:
        case Literal_():
            return node.value
        case ColumnRef():
            return row[node.column]
        case IsBlank():
            return (evaluated(node.value, row) is None) != node.negated
        case Binary(op="AND" | "OR"):
            sides = [evaluated(node.left, row), evaluated(node.right, row)]
            first = node.op == "OR"
            return first if first in sides else None if None in sides else not first
        case In():
            value = evaluated(node.value, row)
            return (
                None if value is None else (value in [evaluated(i, row) for i in node.items]) != node.negated
            )
        case Between():
            value = evaluated(node.value, row)
            if value is None:
                return None
            return (evaluated(node.low, row) <= value <= evaluated(node.high, row)) != node.negated
        case Unary():
            value = evaluated(node.value, row)
            return None if value is None else -value if node.op == "-" else not value
        case Binary() | Call():
            return _calculated(node, row)
    raise AssertionError(node)


def _calculated(node: Binary | Call, row: Mapping[str, Any]) -> Any:
    parts = (node.left, node.right) if isinstance(node, Binary) else node.args
    left, right = (evaluated(part, row) for part in parts)
    if left is None or right is None:
        return None
    if isinstance(node, Call):
        return {
            "CONTAINS": right in left,
            "STARTSWITH": left.startswith(right),
            "ENDSWITH": left.endswith(right),
        }[node.name]
    if node.op in _COMPARED:
        return _COMPARED[node.op](left, right)
    return {"+": left + right, "-": left - right, "*": left * right}[node.op]
