"""Kinds of values and the two levels, rows and totals: what may stand where in a resolved formula."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any, Literal, NamedTuple, TypeAlias

from semantic.definitions import ValueType, Vocabulary, name_key
from semantic.formula import levels
from semantic.formula.calls import date_literal
from semantic.formula.errors import Fix, FormulaError, replaced, source
from semantic.formula.function import Function
from semantic.formula.levels import Level
from semantic.formula.printer import spell
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
    Node,
    Period,
    Prior,
    Running,
    Total,
    Unary,
    Where,
    walk,
)

Kind: TypeAlias = ValueType | Literal["blank"]

NUMBERS: frozenset[Kind] = frozenset(("integer", "number"))
DATES: frozenset[Kind] = frozenset(("date", "timestamp"))
TEXTS: frozenset[Kind] = frozenset(("text",))
CONDITIONS: frozenset[Kind] = frozenset(("boolean",))
_UNSURE: frozenset[Kind] = frozenset(("any", "blank"))
_WORDS: Mapping[Kind, str] = {
    "integer": "a number",
    "number": "a number",
    "text": "text",
    "date": "a date",
    "timestamp": "a date with time",
    "boolean": "yes/no",
    "blank": "blank",
    "any": "of unknown kind",
}
_OPERATIONS = {"+": "Adding", "-": "Subtracting", "*": "Multiplying", "/": "Dividing", "^": "A power"}
_MAX_PERIOD = 10_000
# What takes so many characters, digits, days …: half a one is something else in every warehouse.
_COUNTING = frozenset(("DATEADD", "LEFT", "RIGHT", "ROUND"))


class Checked(NamedTuple):
    """A part of the formula with dates made explicit, its kind of value, and its level."""

    node: Node
    kind: Kind
    level: Level


class Checker:
    """Checks a resolved tree. The tree it returns has dates made explicit:

    a text compared with a date is a date, `date - 30` is `date - 30 days` and a difference of two dates is
    DATEDIFF; so whoever generates SQL needs no types.
    """

    def __init__(self, text: str, vocabulary: Vocabulary) -> None:
        self.text = text
        self.vocabulary = vocabulary

    def check(self, node: Node) -> Checked:
        """The checked part; raises FormulaError."""
        return _RULES[type(node)](self, node)

    # -- values

    def literal(self, node: Literal_) -> Checked:
        value = node.value
        kind: Kind = "text"
        if value is None:
            kind = "blank"
        elif isinstance(value, bool):
            kind = "boolean"
        elif isinstance(value, int | float):
            kind = "integer" if isinstance(value, int) else "number"
        elif isinstance(value, date):
            kind = "date"
        return Checked(node, kind, "constant")

    def column(self, node: ColumnRef) -> Checked:
        column = self.vocabulary.models[node.model].column(node.column)
        return Checked(node, column.type if column else "any", "row")

    def metric(self, node: MetricRef) -> Checked:
        metric = self.vocabulary.metrics[node.metric]
        _, measure = self.vocabulary.measures.get(metric.measure, (None, None))
        kind: Kind = "any" if measure and measure.agg in {"min", "max"} else "number"
        return Checked(node, kind, "total")

    def period(self, node: Period) -> Checked:
        message = "A length of time can only be added to a date or taken from one."
        hint = "For example TODAY() - 30 days, or order_date IN LAST 30 DAYS."
        raise FormulaError("misplaced-period", message, node, hint)

    # -- operators

    def unary(self, node: Unary) -> Checked:
        value = self.check(node.value)
        if node.op == "NOT":
            self._needs(value, CONDITIONS, "NOT")
            return Checked(replace(node, value=value.node), "boolean", value.level)
        self._needs(value, NUMBERS, "A minus sign")
        return Checked(replace(node, value=value.node), value.kind, value.level)

    def binary(self, node: Binary) -> Checked:
        if node.op in {"+", "-"} and isinstance(node.right, Period):
            moved = self.check(node.left)
            self._needs(moved, DATES, "Adding or taking away a length of time")
            return Checked(replace(node, left=moved.node), moved.kind, moved.level)
        left, right = self.check(node.left), self.check(node.right)
        level = levels.common(self.text, left, right)
        if node.op in {"AND", "OR"}:
            self._needs(left, CONDITIONS, node.op)
            self._needs(right, CONDITIONS, node.op)
            return Checked(replace(node, left=left.node, right=right.node), "boolean", level)
        if node.op in COMPARISONS:
            left, right = self._comparable(node, left, right)
            return Checked(replace(node, left=left.node, right=right.node), "boolean", level)
        if node.op == "&":
            return Checked(replace(node, left=left.node, right=right.node), "text", level)
        found = self._date_arithmetic(node, left, right, level)
        return found or self._arithmetic(node, left, right, level)

    def _arithmetic(self, node: Binary, left: Checked, right: Checked, level: Level) -> Checked:
        if node.op == "+" and "text" in {left.kind, right.kind}:
            joined = self.text[: node.left.end] + " & " + self.text[node.right.start :]
            fixes = (Fix("Join with &", joined),)
            message = "Text cannot be added with +."
            raise FormulaError("wrong-type", message, node, "To join text use &.", fixes)
        self._needs(left, NUMBERS, _OPERATIONS[node.op])
        self._needs(right, NUMBERS, _OPERATIONS[node.op])
        if node.op == "/":
            refuse_zero(node.right)
        whole = node.op not in {"/", "^"} and left.kind == right.kind == "integer"
        checked = replace(node, left=left.node, right=right.node)
        return Checked(checked, "integer" if whole else "number", level)

    def _date_arithmetic(self, node: Binary, left: Checked, right: Checked, level: Level) -> Checked | None:
        """`date - date` and `date ± whole days`; None where no date is involved."""
        place = {"start": node.start, "end": node.end}
        if node.op == "+" and right.kind in DATES:
            left, right = right, left
        if left.kind not in DATES or node.op not in {"+", "-"}:
            return None
        if node.op == "-" and right.kind in DATES:
            days = Call("DATEDIFF", (right.node, left.node, Period(1, "day")), **place)
            return Checked(days, "integer", level)
        self._needs(right, frozenset(("integer",)), "Moving a date by days")
        count = right.node.value if isinstance(right.node, Literal_) else None
        if isinstance(count, int) and 0 < count <= _MAX_PERIOD:
            days_later = Period(count, "day", start=right.node.start, end=right.node.end)
            return Checked(Binary(node.op, left.node, days_later, **place), left.kind, level)
        number = Unary("-", right.node, **place) if node.op == "-" else right.node
        return Checked(Call("DATEADD", (left.node, number, Period(1, "day")), **place), left.kind, level)

    # -- comparisons

    def _comparable(self, node: Node, left: Checked, right: Checked) -> tuple[Checked, Checked]:
        """Both sides, a text beside a date read as a date; raises where they cannot be compared."""
        if "blank" in {left.kind, right.kind}:
            raise self._compared_with_blank(node, left, right)
        left, right = self._as_date(left, right), self._as_date(right, left)
        if not _agree(left.kind, right.kind):
            message = f"You compare {_WORDS[left.kind]} with {_WORDS[right.kind]}."
            hint = ""
            if "text" in {left.kind, right.kind}:
                hint = "Put quotes around text, and no quotes around numbers."
            fixes = self._requoted(left, right.kind) + self._requoted(right, left.kind)
            raise FormulaError("compare-types", message, node, hint, fixes)
        return left, right

    def _compared_with_blank(self, node: Node, left: Checked, right: Checked) -> FormulaError:
        fixes: tuple[Fix, ...] = ()
        other = right.node if left.kind == "blank" else left.node
        inside = all(node.start <= side.node.start < node.end for side in (left, right))
        if isinstance(node, Binary) and node.op in {"=", "<>"} and inside:
            written = f"{source(self.text, other)} IS {'NOT ' if node.op == '<>' else ''}BLANK"
            fixes = (Fix(f"Write {written}", replaced(self.text, node, written)),)
        message = "A comparison with BLANK is never true."
        hint = "Write IS BLANK or IS NOT BLANK."
        return FormulaError("compare-blank", message, node, hint, fixes)

    def _as_date(self, side: Checked, other: Checked) -> Checked:
        value = side.node.value if isinstance(side.node, Literal_) else None
        if isinstance(value, str) and other.kind in DATES:
            return Checked(date_literal(self.text, value, side.node), "date", "constant")
        return side

    def _requoted(self, side: Checked, wanted: Kind) -> tuple[Fix, ...]:
        """A constant with the quotes that the other side asks for."""
        if not isinstance(side.node, Literal_):
            return ()
        value, new = side.node.value, ""
        if wanted == "text" and side.kind in NUMBERS:
            new = f"'{source(self.text, side.node).strip('()')}'"
        elif wanted in NUMBERS and isinstance(value, str) and value.replace(".", "", 1).isascii():
            new = value if value.replace(".", "", 1).isdigit() and not value.startswith(".") else ""
        elif wanted == "boolean" and isinstance(value, str):
            words = {"yes": "TRUE", "true": "TRUE", "no": "FALSE", "false": "FALSE"}
            new = words.get(value.strip().lower(), "")
        return (Fix(f"Write {new}", replaced(self.text, side.node, new)),) if new else ()

    def in_list(self, node: In) -> Checked:
        value = self.check(node.value)
        items = [self.check(item) for item in node.items]
        if any(item.kind == "blank" for item in items):
            raise self._blank_in_list(node, items)
        pairs = [self._comparable(item.node, value, item) for item in items]
        level = levels.common(self.text, value, *items)
        checked = replace(node, value=value.node, items=tuple(item.node for _, item in pairs))
        return Checked(checked, "boolean", level)

    def _blank_in_list(self, node: In, items: list[Checked]) -> FormulaError:
        value = source(self.text, node.value)
        negated = "NOT " if node.negated else ""
        rest = ", ".join(source(self.text, item.node) for item in items if item.kind != "blank")
        blank = f"{value} IS {negated}BLANK"
        joined = f"({value} {negated}IN ({rest}) {'AND' if negated else 'OR'} {blank})"
        new = joined if rest else blank
        place = next(item.node for item in items if item.kind == "blank")
        message = "BLANK in a list never matches."
        hint = "Write: … OR field IS BLANK."
        fixes = (Fix(f"Write {new}", replaced(self.text, node, new)),)
        return FormulaError("blank-in-list", message, place, hint, fixes)

    def between(self, node: Between) -> Checked:
        value, low, high = (self.check(part) for part in (node.value, node.low, node.high))
        _, low = self._comparable(node.low, value, low)
        _, high = self._comparable(node.high, value, high)
        checked = replace(node, value=value.node, low=low.node, high=high.node)
        return Checked(checked, "boolean", levels.common(self.text, value, low, high))

    def is_blank(self, node: IsBlank) -> Checked:
        value = self.check(node.value)
        return Checked(replace(node, value=value.node), "boolean", value.level)

    def in_period(self, node: InPeriod) -> Checked:
        value = self.check(node.value)
        self._needs(value, DATES, f"IN {'LAST' if node.count else 'THIS'}")
        return Checked(replace(node, value=value.node), "boolean", value.level)

    # -- functions

    def case(self, node: Case) -> Checked:
        conditions = [self.check(condition) for condition, _ in node.whens]
        for condition in conditions:
            self._needs(condition, CONDITIONS, "IF")
        results = [self.check(result) for _, result in node.whens]
        last = [] if node.otherwise is None else [self.check(node.otherwise)]
        kind = self._joined([*results, *last])
        level = levels.common(self.text, *conditions, *results, *last)
        whens = tuple((c.node, r.node) for c, r in zip(conditions, results, strict=True))
        checked = replace(node, whens=whens, otherwise=last[0].node if last else None)
        return Checked(checked, kind, level)

    def call(self, node: Call) -> Checked:
        function = find_function(node.name)
        assert function is not None
        args: list[Checked] = []
        for index, arg in enumerate(node.args):
            if function.parameter(index).kind != "unit":
                args.append(self._argument(function, index, arg))
        if function.name in {"DIVIDE", "MOD"}:
            refuse_zero(node.args[1])
        if function.name in _COUNTING and len(args) > 1:
            self._needs(args[1], frozenset(("integer",)), f"The second value of {function.name}()")
        alike = [arg for i, arg in enumerate(args) if function.parameter(i).kind == "same"]
        kind = self._joined(alike)
        if function.result != "same":
            kind = function.result
        elif not alike:
            kind = args[0].kind
        units = node.args[len(args) :]
        checked = replace(node, args=(*(arg.node for arg in args), *units))
        return Checked(checked, kind, levels.common(self.text, *args))

    def _argument(self, function: Function, index: int, node: Node) -> Checked:
        wanted = function.parameter(index).kind
        arg = self.check(node)
        if wanted == "date":
            arg = self._as_date(arg, Checked(node, "date", "constant"))
        kinds = {"number": NUMBERS, "text": TEXTS, "date": DATES, "condition": CONDITIONS}.get(wanted)
        if kinds:
            self._needs(arg, kinds, f"{function.name}()")
        return arg

    def total(self, node: Total) -> Checked:
        if node.arg is None:
            return Checked(node, "integer", "total")
        levels.refuse_nested(self.text, node)
        arg = self.check(node.arg)
        function = find_function(node.name)
        assert function is not None
        if function.parameters[0].kind == "number":
            self._needs_numbers(node, arg)
        elif node.name in {"MIN", "MAX"} and arg.kind == "boolean":
            raise self._without_order(node, node.arg)
        kind: Kind = function.result if function.result != "same" else arg.kind
        if node.name == "SUM" and arg.kind == "integer":
            kind = "integer"
        return Checked(replace(node, arg=arg.node), kind, "total")

    def _without_order(self, node: Total, arg: Node) -> FormulaError:
        """Not every warehouse has yes come after no."""
        instead = f"COUNTIF({source(self.text, arg)}) > 0"
        fixes = (Fix(f"Use {instead}", replaced(self.text, node, f"({instead})")),)
        message = f"{node.name}() needs something with an order, but this is yes/no."
        hint = "Count the rows where it holds, or where it does not."
        return FormulaError("wrong-type", message, arg, hint, fixes if node.name == "MAX" else ())

    def _needs_numbers(self, node: Total, arg: Checked) -> None:
        written = source(self.text, arg.node)
        instead = f"COUNT(DISTINCT {written})"
        if arg.kind == "boolean":
            instead = f"COUNTIF({written})"
        if isinstance(arg.node, Literal_) and arg.kind == "text":
            raise self._quoted(node, arg.node)
        fixes = (Fix(f"Use {instead}", replaced(self.text, node, instead)),)
        self._needs(arg, NUMBERS, f"{node.name}()", fixes)

    def _quoted(self, node: Total, arg: Literal_) -> FormulaError:
        """A total of a text that was typed; perhaps a field was meant."""
        fields = self.vocabulary.columns_by_key.get(name_key(str(arg.value)), {})
        name = spell(str(arg.value))
        fixes = (Fix(f"Use the field {name}", replaced(self.text, arg, name)),) if fields else ()
        message = f"{node.name}() needs a number, but this is text."
        hint = "Names of fields stand without quotes, or in square brackets."
        return FormulaError("wrong-type", message, arg, hint, fixes)

    def where(self, node: Where) -> Checked:
        levels.refuse_totals_in_where(self.text, node)
        value = self.check(node.value)
        condition = self.check(node.condition)
        self._needs(condition, CONDITIONS, "WHERE")
        levels.refuse_where_on_rows(self.text, node, value)
        return Checked(replace(node, value=value.node, condition=condition.node), value.kind, value.level)

    # -- along with time

    def running(self, node: Running) -> Checked:
        name = node.function
        value = self.check(node.value)
        levels.refuse_rows_in_time(self.text, node, value, name)
        levels.refuse_several_in_running(self.text, node, name)
        self._needs(value, NUMBERS, f"{name}()")
        metric = next((part.metric for part in walk(node.value) if isinstance(part, MetricRef)), "")
        if metric and self.vocabulary.metrics[metric].type != "simple":
            message = f"{name}() needs a metric that is one total, and {metric} is made of others."
            hint = "Let each of its parts run along by itself."
            raise FormulaError("running-calculation", message, node.value, hint)
        if metric and self.vocabulary.metrics[metric].measure not in self.vocabulary.measures:
            message = f"{metric} totals its rows in a way that formulas cannot say."
            hint = f"Let a total that you write run along, such as {name}(SUM(amount), …)."
            raise FormulaError("running-calculation", message, node.value, hint)
        if metric and self.vocabulary.metrics[metric].fill_nulls_with is not None:
            message = f"{metric} has a number where nothing happened, which {name}() would lose in dbt."
            hint = f"Let its total run along, and fill the result: COALESCE({name}(SUM(amount), …), 0)."
            raise FormulaError("running-calculation", message, node.value, hint)
        return Checked(replace(node, value=value.node), value.kind, "total")

    def prior(self, node: Prior) -> Checked:
        value = self.check(node.value)
        levels.refuse_rows_in_time(self.text, node, value, "PRIOR")
        return Checked(replace(node, value=value.node), value.kind, "total")

    def conversion(self, node: Conversion) -> Checked:
        value = self._event(node.value)
        then = node.then
        if isinstance(then, Where):
            raise self._conditional_event(then)
        return Checked(replace(node, value=value, then=self._event(then)), "number", "total")

    def _event(self, part: Node) -> Node:
        """Rows that are counted, of a model that has the entity."""
        total = part
        while isinstance(total, Where):
            total = total.value
        rows = isinstance(total, Total) and total.name == "COUNT" and total.arg is None
        if not rows and not (isinstance(total, Total) and total.name == "COUNTDISTINCT"):
            message = "CONVERSION() compares rows that are counted."
            hint = "Write COUNT(orders.*) or COUNT(DISTINCT field)."
            raise FormulaError("conversion-events", message, part, hint)
        return self.check(part).node

    def _conditional_event(self, then: Where) -> FormulaError:
        """dbt counts all rows that follow, but different values, which may be blank, as well."""
        counted = then.value
        condition = source(self.text, then.condition)
        fixes: tuple[Fix, ...] = ()
        if isinstance(counted, Total) and counted.name == "COUNTDISTINCT" and counted.arg is not None:
            fixed = f"COUNT(DISTINCT IF({condition}, {source(self.text, counted.arg)}))"
            fixes = (Fix(f"Write {fixed}", replaced(self.text, then, fixed)),)
        message = "dbt cannot count only some of the rows that follow."
        hint = f"Count different values that are blank otherwise: COUNT(DISTINCT IF({condition}, order_id))."
        return FormulaError("conversion-events", message, then, hint, fixes)

    # -- kinds

    def _joined(self, results: list[Checked]) -> Kind:
        """The one kind that all results have."""
        kind: Kind = "blank"
        for result in results:
            if not _agree(kind, result.kind):
                message = f"The results are of different kinds: {_WORDS[kind]} and {_WORDS[result.kind]}."
                hint = "All results must be of the same kind."
                raise FormulaError("branch-types", message, result.node, hint)
            kind = _wider(kind, result.kind)
        return kind

    def _needs(self, value: Checked, kinds: frozenset[Kind], what: str, fixes: tuple[Fix, ...] = ()) -> None:
        if value.kind in kinds or value.kind in _UNSURE:
            return
        wanted = {NUMBERS: "a number", DATES: "a date", TEXTS: "text", CONDITIONS: "a yes/no condition"}
        hint = ""
        if kinds == CONDITIONS:
            hint = "Compare the field with something, for example = 'paid'."
        elif value.kind == "text" and kinds == NUMBERS:
            hint = "If this text holds numbers, ask for the type of the column to be fixed in dbt."
        message = f"{what} needs {wanted.get(kinds, 'a whole number')}, but this is {_WORDS[value.kind]}."
        raise FormulaError("wrong-type", message, value.node, hint, fixes)


def refuse_zero(divisor: Node) -> None:
    if isinstance(divisor, Literal_) and divisor.value == 0 and divisor.value is not False:
        hint = "Divide by something else, or leave the division out."
        raise FormulaError("divides-by-zero", "This divides by zero.", divisor, hint)


def _agree(one: Kind, other: Kind) -> bool:
    if one == other or one in _UNSURE or other in _UNSURE:
        return True
    return {one, other} <= NUMBERS or {one, other} <= DATES


def _wider(one: Kind, other: Kind) -> Kind:
    if one == other or other in _UNSURE:
        return one if one != "blank" else other
    if one in _UNSURE:
        return other
    return "number" if one in NUMBERS else "timestamp"


_RULES: Mapping[type[Node], Callable[[Checker, Any], Checked]] = {
    Literal_: Checker.literal,
    ColumnRef: Checker.column,
    MetricRef: Checker.metric,
    Period: Checker.period,
    Unary: Checker.unary,
    Binary: Checker.binary,
    In: Checker.in_list,
    Between: Checker.between,
    IsBlank: Checker.is_blank,
    InPeriod: Checker.in_period,
    Case: Checker.case,
    Call: Checker.call,
    Total: Checker.total,
    Where: Checker.where,
    Running: Checker.running,
    Prior: Checker.prior,
    Conversion: Checker.conversion,
}
