"""Tree to text: the one canonical spelling of a formula."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from datetime import date
from typing import Any

from semantic.formula.parser import COMPARISON, MINUS, NOT, RESERVED, STRENGTH
from semantic.formula.registry import find_function
from semantic.formula.tree import (
    COMPARISONS,
    Between,
    Binary,
    Call,
    Case,
    ColumnRef,
    Conversion,
    In,
    InPeriod,
    IsBlank,
    Literal_,
    MetricRef,
    Name,
    Node,
    Period,
    Prior,
    Running,
    Total,
    Unary,
    Where,
    walk,
)

METRIC_PREFIX = "metric"


def print_formula(node: Node, *, model: str | None = None, shadowed: Collection[str] = ()) -> str:
    """The canonical text of a formula.

    Columns of `model` are written without their model's name (by default: of the only model that the
    formula reads). Metrics named in `shadowed` are written `metric.name`, because a field has their name.
    """
    if model is None:
        used = {part.model for part in walk(node) if isinstance(part, ColumnRef)}
        model = used.pop() if len(used) == 1 else ""
    return _Printer(model, shadowed).write(node)


def spell(name: str) -> str:
    """A name as a formula needs it: in square brackets where it is no plain word."""
    if re.fullmatch(r"[^\W\d]\w*", name) and name.upper() not in RESERVED:
        return name
    return f"[{name.replace(']', ']]')}]"


class _Printer:
    def __init__(self, model: str, shadowed: Collection[str]) -> None:
        self.model = model
        self.shadowed = shadowed

    def write(self, node: Node, floor: int = 0) -> str:
        """The text of a part, in brackets if it holds together less strongly than its place asks."""
        text = _WRITERS[type(node)](self, node)
        return f"({text})" if _strength(node) < floor else text

    def literal(self, node: Literal_) -> str:
        value = node.value
        if value is None:
            return "BLANK"
        if isinstance(value, bool):
            return "TRUE" if value else "FALSE"
        if isinstance(value, str):
            return "'" + value.replace("'", "''") + "'"
        if isinstance(value, date):
            return f"DATE '{value.isoformat()}'"
        return node.text or repr(value)

    def name(self, node: Name) -> str:
        return f"{spell(node.table)}.{spell(node.name)}" if node.table else spell(node.name)

    def column(self, node: ColumnRef) -> str:
        if node.model == self.model:
            return spell(node.column)
        return f"{spell(node.model)}.{spell(node.column)}"

    def metric(self, node: MetricRef) -> str:
        prefix = f"{METRIC_PREFIX}." if node.metric in self.shadowed else ""
        return prefix + spell(node.metric)

    def call(self, node: Call) -> str:
        args = [self.write(arg, 1) for arg in node.args]
        function = find_function(node.name)
        unit = node.args[-1] if node.args else None
        if function and function.parameters and function.parameters[-1].kind == "unit":
            args[-1] = unit.unit if isinstance(unit, Period) else args[-1]
        return f"{node.name}({', '.join(args)})"

    def total(self, node: Total) -> str:
        if node.arg is None:
            other = node.model and node.model != self.model
            return f"COUNT({spell(node.model)}.*)" if other else "COUNT(*)"
        arg = self.write(node.arg, 1)
        if node.name == "COUNTDISTINCT":
            return f"COUNT(DISTINCT {arg})"
        return f"{node.name}({arg})" if node.fraction is None else f"{node.name}({arg}, {node.fraction!r})"

    def where(self, node: Where) -> str:
        return f"{self.write(node.value, 1)} WHERE {self.write(node.condition, 1)}"

    def running(self, node: Running) -> str:
        args = [self.write(node.value, 0)]
        args += [self.period(node.window)] if node.window else [node.to_date] if node.to_date else []
        args += [] if node.keep == "last" else [node.keep]
        return f"{node.function}({', '.join(args)})"

    def prior(self, node: Prior) -> str:
        return f"PRIOR({self.write(node.value, 0)}, {self.period(node.length)})"

    def conversion(self, node: Conversion) -> str:
        args = [self.write(node.value, 0), self.write(node.then, 0), spell(node.entity)]
        return f"CONVERSION({', '.join([*args, *([self.period(node.window)] if node.window else [])])})"

    def binary(self, node: Binary) -> str:
        strength = STRENGTH[node.op]
        from_right = node.op == "^" or node.op in COMPARISONS
        left = self.write(node.left, strength + from_right)
        right = self.write(node.right, strength if node.op == "^" else strength + 1)
        return f"{left} {node.op} {right}"

    def unary(self, node: Unary) -> str:
        if node.op == "NOT" and isinstance(node.value, InPeriod):
            return self.in_period(node.value, negated=True)
        if node.op == "NOT":
            return f"NOT {self.write(node.value, MINUS + 1)}"
        return f"-{self.write(node.value, MINUS)}"

    def is_blank(self, node: IsBlank) -> str:
        return f"{self.write(node.value, COMPARISON + 1)} IS {_not(node.negated)}BLANK"

    def in_list(self, node: In) -> str:
        items = ", ".join(self.write(item, 1) for item in node.items)
        return f"{self.write(node.value, COMPARISON + 1)} {_not(node.negated)}IN ({items})"

    def between(self, node: Between) -> str:
        value, low, high = (self.write(part, COMPARISON + 1) for part in (node.value, node.low, node.high))
        return f"{value} {_not(node.negated)}BETWEEN {low} AND {high}"

    def period(self, node: Period) -> str:
        return node.words

    def in_period(self, node: InPeriod, *, negated: bool = False) -> str:
        value = f"{self.write(node.value, COMPARISON + 1)} {_not(negated)}IN"
        if not node.count:
            return f"{value} THIS {node.unit.upper()}"
        units = node.unit.upper() + ("" if node.count == 1 else "S")
        return f"{value} LAST {node.count} {'COMPLETE ' if node.complete else ''}{units}"

    def case(self, node: Case) -> str:
        if len(node.whens) == 1:
            parts = [*node.whens[0], *([] if node.otherwise is None else [node.otherwise])]
            return f"IF({', '.join(self.write(part, 1) for part in parts)})"
        whens = " ".join(f"WHEN {self.write(c, 1)} THEN {self.write(value, 1)}" for c, value in node.whens)
        otherwise = "" if node.otherwise is None else f" ELSE {self.write(node.otherwise, 1)}"
        return f"CASE {whens}{otherwise} END"


def _not(negated: bool) -> str:  # noqa: FBT001 - a word that is there or not
    return "NOT " if negated else ""


def _strength(node: Node) -> int:
    if isinstance(node, Binary):
        return STRENGTH[node.op]
    if isinstance(node, Unary):
        return NOT if node.op == "NOT" else MINUS
    if isinstance(node, In | Between | IsBlank | InPeriod):
        return COMPARISON
    if isinstance(node, Where):
        return 0
    negative = isinstance(node, Literal_) and isinstance(node.value, int | float) and node.value < 0
    return MINUS if negative else 100


_WRITERS: Mapping[type[Node], Callable[[_Printer, Any], str]] = {
    Literal_: _Printer.literal,
    Name: _Printer.name,
    ColumnRef: _Printer.column,
    MetricRef: _Printer.metric,
    Call: _Printer.call,
    Total: _Printer.total,
    Where: _Printer.where,
    Running: _Printer.running,
    Prior: _Printer.prior,
    Conversion: _Printer.conversion,
    Binary: _Printer.binary,
    Unary: _Printer.unary,
    IsBlank: _Printer.is_blank,
    In: _Printer.in_list,
    Between: _Printer.between,
    Period: _Printer.period,
    InPeriod: _Printer.in_period,
    Case: _Printer.case,
}
