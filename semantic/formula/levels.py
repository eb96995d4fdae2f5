"""Rows and totals: a formula gives one number, so every field stands inside a total."""

from __future__ import annotations

from typing import Literal, Protocol, TypeAlias

from semantic.formula.errors import Fix, FormulaError, Span, replaced, source
from semantic.formula.printer import spell
from semantic.formula.tree import (
    Binary,
    ColumnRef,
    Conversion,
    MetricRef,
    Node,
    Prior,
    Running,
    Total,
    Where,
    walk,
)

Level: TypeAlias = Literal["constant", "row", "total"]
OF_ANOTHER_MODEL = "Use fields of that model, or have the field added to it in dbt first."
_NO_NUMBERS = {
    "text": "a text",
    "boolean": "yes or no",
    "date": "a date",
    "timestamp": "a date with time",
}


class Leveled(Protocol):
    """A checked part of a formula."""

    @property
    def node(self) -> Node: ...

    @property
    def kind(self) -> str: ...

    @property
    def level(self) -> Level: ...


def common(text: str, *parts: Leveled) -> Level:
    """The level of a calculation with these parts; raises where it mixes rows and totals."""
    found = {part.level for part in parts} - {"constant"}
    if len(found) < 2:
        return found.pop() if found else "constant"
    row = next(part for part in parts if part.level == "row")
    fixes: tuple[Fix, ...] = ()
    if row.kind in {"integer", "number", "any"}:
        summed = f"SUM({source(text, row.node)})"
        fixes = (Fix(f"Use {summed}", replaced(text, row.node, summed)),)
    hint = "Put every row-level field inside SUM, AVERAGE, COUNT, MIN or MAX."
    if row.kind == "boolean":
        hint = "To total only some rows, write the condition behind the total: SUM(amount) WHERE …"
    message = "This mixes single rows and totals."
    raise FormulaError("mixed-levels", message, row.node, hint, fixes)


def refuse_nested(text: str, total: Total) -> None:
    """Raises where a total is taken of a total or of a metric."""
    inner = next((part for part in walk(total) if part is not total and _is_total(part)), None)
    if isinstance(inner, MetricRef):
        name = spell(inner.metric)
        fixes = (Fix(f"Use {name}", replaced(text, total, name)),)
        message = f"{total.name}() needs fields, but {inner.metric} is a metric: it is a total already."
        raise FormulaError("metric-in-total", message, inner, "Use the metric without another total.", fixes)
    if inner is not None:
        written = source(text, inner)
        fixes = (Fix(f"Use {written}", replaced(text, total, written)),)
        message = f"{total.name}() of something that is a total already."
        raise FormulaError("nested-total", message, inner, "Leave one of the two totals out.", fixes)


def refuse_rows_in_time(text: str, node: Running | Prior, value: Leveled, name: str) -> None:
    """Raises where a function over time is not given one number that time can be told of."""
    if value.level != "total":
        fixes = aggregations(text, node.value, value.kind) if value.level == "row" else ()
        hint = f"For example {name}(SUM(amount), …), or the name of a metric."
        raise FormulaError("row-level", f"{name}() needs a total or a metric.", node.value, hint, fixes)
    inner = next((part for part in walk(node.value) if isinstance(part, Running | Prior | Conversion)), None)
    if inner is not None:
        message = f"{name}() of something that runs along with time already."
        hint = "Define the inner part as a metric of its own and name it here."
        raise FormulaError("nested-time", message, inner, hint)


def refuse_several_in_running(text: str, node: Running, name: str) -> None:
    """Raises unless one total runs along: of a share, for example, both of its parts do so."""
    part = node.value
    while isinstance(part, Where):
        part = part.value
    if isinstance(part, Total | MetricRef):
        return
    rest = text[node.value.end : node.end]
    fixes: tuple[Fix, ...] = ()
    if isinstance(part, Binary) and isinstance(node.value, Binary):
        sides = [f"{name}({source(text, side)}{rest}" for side in (part.left, part.right)]
        fixed = f" {part.op} ".join(sides)
        fixes = (Fix(f"Write {fixed}", replaced(text, node, fixed)),)
    message = f"{name}() takes one total or one metric."
    hint = "Let each total of a calculation run along by itself."
    raise FormulaError("running-calculation", message, node.value, hint, fixes)


def refuse_totals_in_where(text: str, node: Where) -> None:
    """Raises where a condition on rows contains a total or a metric."""
    inner = next((part for part in walk(node.condition) if _is_total(part)), None)
    if inner is None:
        return
    code, name = "total-in-where", f"{inner.name}()" if isinstance(inner, Total) else "a total over time"
    if isinstance(inner, MetricRef):
        code, name = "metric-in-where", f"the metric {inner.metric}"
    message = f"The WHERE part must look at single rows, so it cannot contain {name}."
    behind = text[node.value.end : node.condition.start].strip().upper() == "WHERE"
    operator = _calculation_with(node.condition, inner) if behind else None
    if operator is None:
        raise FormulaError(code, message, inner, "Compare fields of the row with values.")
    filtered = f"({text[node.start : operator.left.end]})"
    fixed = text[: node.start] + filtered + text[operator.left.end :]
    hint = (
        f"To calculate with a filtered number, put brackets around it: ({source(text, node.value)} WHERE …)"
    )
    if operator.op == "/":
        hint = (
            f"To divide a filtered number, put brackets around it: ({source(text, node.value)} WHERE …) / …"
        )
    raise FormulaError(code, message, inner, hint, (Fix(f"Put {filtered} in brackets", fixed),))


def _calculation_with(condition: Node, inner: Node) -> Binary | None:
    """The `… / COUNT(*)` at the end of a condition, where a total follows what was to be the whole filter."""
    found = None
    for part in walk(condition):
        arithmetic = isinstance(part, Binary) and part.op in {"+", "-", "*", "/", "^"}
        if isinstance(part, Binary) and arithmetic and part.end == condition.end:
            left = any(below is inner for below in walk(part.left))
            right = any(below is inner for below in walk(part.right))
            found = part if right and not left else found
    return found


def refuse_where_on_rows(text: str, node: Where, value: Leveled) -> None:
    """Raises where WHERE follows something that is no total."""
    if value.level == "total":
        return
    fixes: tuple[Fix, ...] = ()
    if value.level == "row":
        fixes = aggregations(text, node.value, value.kind)
    message = "WHERE can only follow a total or a metric."
    raise FormulaError("where-without-total", message, node.value, "For example SUM(amount) WHERE …", fixes)


def refuse_more_than_rows(text: str, tree: Node, model: str) -> None:
    """Raises unless the whole formula is a value of each row of the model, made of its own fields."""
    fixes: tuple[Fix, ...]
    filtered = next((part for part in walk(tree) if isinstance(part, Where)), None)
    if filtered is not None and not any(_is_total(part) for part in walk(tree)):
        new = f"IF({source(text, filtered.condition)}, {source(text, filtered.value)})"
        fixes = (Fix(f"Write {new}", replaced(text, filtered, new)),)
        message = "WHERE filters totals; a value of each row has no other rows to leave out."
        hint = "Write IF(condition, value), which is blank in all other rows."
        raise FormulaError("where-without-total", message, filtered, hint, fixes)
    total = next((part for part in walk(tree) if _is_total(part)), None)
    if total is not None:
        hint = "Name fields of the row instead. What totals rows is a metric: propose it as one."
        alone = source(text, total.arg) if isinstance(total, Total) and total.arg is not None else ""
        fixes = (Fix(f"Write {alone}", replaced(text, total, alone)),) if alone else ()
        message = "A value of each row holds no totals and no metrics."
        raise FormulaError("total-in-row", message, total, hint, fixes)
    fields = [part for part in walk(tree) if isinstance(part, ColumnRef)]
    if not fields:
        message = "This is the same in every row; it needs at least one field of the row."
        raise FormulaError("no-field", message, tree, "For example amount * 2.")
    for field in fields:
        if field.model != model:
            message = f"{field.column} is a field of {field.model}, not of {model}."
            raise FormulaError("foreign-field", message, field, OF_ANOTHER_MODEL)


def refuse_rows_as_result(text: str, result: Leveled) -> None:
    """Raises unless the whole formula is one number."""
    node = result.node
    if result.level == "constant":
        message = "This is always the same value; a metric needs at least one total or one other metric."
        raise FormulaError("no-total", message, node, "For example SUM(amount).")
    if result.level == "row":
        hint = "Say how the rows become one number, for example with SUM."
        fixes = aggregations(text, node, result.kind)
        raise FormulaError("row-level", "This is a value for each row, not one number.", node, hint, fixes)
    if result.kind in _NO_NUMBERS:
        message = f"This formula gives {_NO_NUMBERS[result.kind]}; a metric is a number."
        hint = "Count or add up something, for example COUNT(*) WHERE …"
        if result.kind in {"date", "timestamp"}:
            hint = "Days between two dates are a number, for example TODAY() - MAX(…)."
        raise FormulaError("not-a-number", message, node, hint)


def aggregations(text: str, where: Span, kind: str) -> tuple[Fix, ...]:
    """Totals that suit a value of this kind, as fixes."""
    suitable = {
        "text": ("COUNT(DISTINCT {})",),
        "boolean": ("COUNTIF({})",),
        "date": ("COUNT(DISTINCT {})",),
        "timestamp": ("COUNT(DISTINCT {})",),
    }.get(kind, ("SUM({})", "AVERAGE({})"))
    return tuple(
        Fix(f"Use {template.partition('(')[0]}", replaced(text, where, template.format(source(text, where))))
        for template in suitable
    )


def _is_total(node: Node) -> bool:
    return isinstance(node, Total | MetricRef | Running | Prior | Conversion)
