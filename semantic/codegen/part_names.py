"""What the parts of a formula are called in dbt's code: `revenue_1_month_earlier`, `total_refund_amount`."""

from __future__ import annotations

from collections.abc import Mapping

from semantic.codegen.entries import PREFIXES, plain_name
from semantic.formula import conjuncts
from semantic.formula.tree import (
    Binary,
    ColumnRef,
    Conversion,
    Literal_,
    MetricRef,
    Node,
    Prior,
    Running,
    Total,
    Unary,
    Where,
)

LONGEST = 40
_TOTALS: Mapping[str, str] = {
    "SUM": "total {}",
    "AVERAGE": "average {}",
    "MIN": "lowest {}",
    "MAX": "highest {}",
    "MEDIAN": "median {}",
    "COUNT": "{} count",
    "COUNTDISTINCT": "distinct {}",
}
_BETWEEN: Mapping[str, str] = {"+": "plus", "-": "less", "*": "times", "/": "per"}


def part_name(node: Node, otherwise: str) -> str:
    """A name that says what the part is, at most `LONGEST` characters; `otherwise` where that takes more."""
    words = _words(node)
    name = plain_name(words) if words else ""
    return name if name and len(words) <= LONGEST else otherwise


def _words(node: Node) -> str:
    """What the part is, in few words; "" where they do not say it."""
    match node:
        case MetricRef():
            found = node.metric
        case Total():
            found = _totalled(node)
        case Where():
            found = _beside(_words(node.value), _filtered(node))
        case Prior():
            found = _beside(_words(node.value), f"{node.length.words} earlier")
        case Running():
            found = _beside(_words(node.value), _along(node))
        case Conversion():
            found = "conversion rate"
        case _:
            found = ""
    return found


def _beside(value: str, more: str) -> str:
    return f"{value} {more}" if value and more else ""


def _along(node: Running) -> str:
    if node.window:
        return f"last {node.window.words}"
    return f"{node.to_date} to date" if node.to_date else "so far"


def _totalled(total: Total) -> str:
    if total.arg is None:
        return f"{PREFIXES.sub('', total.model)} count"
    row = _row(total.arg)
    if total.fraction is not None and total.name == "PERCENTILE":
        percent = f"{total.fraction * 100:g}"
        return f"p{percent} {row}" if row and percent.isdigit() else ""
    return _TOTALS[total.name].format(row) if row else ""


def _row(node: Node) -> str:
    if isinstance(node, ColumnRef):
        return node.column
    if not isinstance(node, Binary) or node.op not in _BETWEEN:
        return ""
    sides = node.left, node.right
    if not all(isinstance(side, ColumnRef) for side in sides):
        return ""
    return f"{_row(node.left)} {_BETWEEN[node.op]} {_row(node.right)}"


def _filtered(node: Where) -> str:
    """What is said of the rows that count: `web`, `with refund`, `not cancelled`."""
    said = [_condition(one) for one in conjuncts(node.condition)]
    return " ".join(said) if all(said) else "filtered"


def _condition(node: Node) -> str:
    match node:
        case ColumnRef():
            return _yes(node.column)
        case Unary("NOT", ColumnRef() as column) | Binary("=", ColumnRef() as column, Literal_(False)):
            return _no(column.column)
        case Binary("=", ColumnRef() as column, Literal_(True)):
            return _yes(column.column)
        case Binary("=", ColumnRef(), Literal_(str() as text)) if text.strip():
            return text
        case Binary("<>", ColumnRef(), Literal_(str() as text)) if text.strip():
            return f"not {text}"
    return ""


def _yes(column: str) -> str:
    """`is_gift` → gift, `has_refund` → with refund"""
    if column.startswith("has_"):
        return f"with {column[4:]}"
    return column.removeprefix("is_")


def _no(column: str) -> str:
    if column.startswith("has_"):
        return f"without {column[4:]}"
    return f"not {column.removeprefix('is_')}"
