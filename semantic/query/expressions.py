"""The SQL of a formula's parts, built as a tree and never by joining text.

What a formula means is the same in every warehouse: `/` is exact and blank where the divisor is 0, GREATEST
is blank where one value is, ROUND rounds halves away from zero, a root of a negative is blank. Where dialects
differ, `dialects` levels it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import TypeAlias

from sqlglot import exp

from semantic.definitions import Grain, ValueType, Vocabulary
from semantic.formula.registry import find_function
from semantic.formula.tree import (
    Between,
    Binary,
    Call,
    Case,
    ColumnRef,
    In,
    InPeriod,
    IsBlank,
    Literal_,
    Node,
    Period,
    Total,
    Unary,
    Where,
)
from semantic.query.brackets import bracketed
from semantic.query.dialects import (
    as_decimal,
    beside_dates,
    days_between,
    divided,
    extremum,
    moved,
    starts_with,
    trimmed,
    written,
)
from semantic.query.rows import truncated
from semantic.query.spec import Unsupported

# What a leaf (a column in a row, a total or a metric in a formula) is called in the SQL around it.
Leaf: TypeAlias = Callable[[Node], exp.Expr | None]

ARITHMETIC: Mapping[str, type[exp.Binary]] = {
    "+": exp.Add,
    "-": exp.Sub,
    "*": exp.Mul,
    "=": exp.EQ,
    "<>": exp.NEQ,
    "<": exp.LT,
    "<=": exp.LTE,
    ">": exp.GT,
    ">=": exp.GTE,
    "AND": exp.And,
    "OR": exp.Or,
}
ONE_VALUE: Mapping[str, type[exp.Func]] = {
    "ABS": exp.Abs,
    "CEILING": exp.Ceil,
    "FLOOR": exp.Floor,
    "UPPER": exp.Upper,
    "LOWER": exp.Lower,
    "LEN": exp.Length,
}
COMPARED = ("=", "<>", "<", "<=", ">", ">=")
# Whole numbers of whole numbers, whatever the registry says of numbers in general.
WHOLE_OF_WHOLE = ("SUM", "ABS", "MOD")
# Whole numbers that are doubles or decimals to a warehouse.
WHOLE_BUT_LONG = ("CEILING", "FLOOR")
PARTS = ("YEAR", "QUARTER", "MONTH", "DAY")


@dataclass(frozen=True, slots=True)
class Writer:
    """Turns nodes into SQL; `leaf` says what stands for columns, totals and metrics."""

    vocabulary: Vocabulary
    dialect: str
    leaf: Leaf

    def sql(self, node: Node) -> exp.Expr:
        """The SQL of a node of a resolved tree."""
        known = self.leaf(node)
        if known is not None:
            return known
        match node:
            case Literal_():
                return _literal(node.value)
            case Unary(op="-"):
                return exp.Neg(this=self.inner(node.value))
            case Unary():
                return exp.Not(this=self.inner(node.value))
            case Binary():
                return self._binary(node)
            case IsBlank() | In() | Between():
                return self._predicate(node)
            case InPeriod():
                return self._in_period(node)
            case Case():
                otherwise = node.otherwise and self.sql(node.otherwise)
                whens = [exp.If(this=self.sql(when), true=self.sql(then)) for when, then in node.whens]
                return exp.Case(ifs=whens, default=otherwise)
            case Call():
                return self._call(node)
        raise Unsupported(f"{type(node).__name__} has no SQL of its own.")

    def inner(self, node: Node) -> exp.Expr:
        """The SQL of a node, in brackets where it has an operator of its own."""
        return bracketed(self.sql(node))

    def type(self, node: Node) -> ValueType:
        """What kind of value a node gives, as far as dates and texts need to be told apart."""
        return value_type(node, self.vocabulary)

    def _binary(self, node: Binary) -> exp.Expr:
        if node.op == "&":
            return exp.DPipe(this=self._text(node.left), expression=self._text(node.right), safe=True)
        if isinstance(node.right, Period):
            count = node.right.count if node.op == "+" else -node.right.count
            return self.moved(node.left, exp.Literal.number(count), node.right.unit)
        if node.op in COMPARED:
            left, right = self._beside(node.left, node.right), self._beside(node.right, node.left)
        else:
            left, right = self.sql(node.left), self.sql(node.right)
        if node.op == "^":
            return _power(left, right)
        if node.op == "/":
            return divided(bracketed(left), bracketed(right), self.dialect)
        kind = ARITHMETIC[node.op]
        return kind(this=bracketed(left, kind), expression=bracketed(right, kind, last=True))

    def _beside(self, node: Node, *others: Node) -> exp.Expr:
        """A value to compare with others, of which some may be dates where it is a moment."""
        dated = self.type(node) == "timestamp" and any(self.type(other) == "date" for other in others)
        return beside_dates(self.sql(node), self.dialect) if dated else self.sql(node)

    def _predicate(self, node: IsBlank | In | Between) -> exp.Expr:
        if isinstance(node, IsBlank):
            blank = exp.Not(this=exp.null()) if node.negated else exp.null()
            return exp.Is(this=self.inner(node.value), expression=blank)
        others = node.items if isinstance(node, In) else (node.low, node.high)
        value = bracketed(self._beside(node.value, *others))
        found: exp.Expr
        match node:
            case In():
                found = exp.In(this=value, expressions=[self.sql(item) for item in node.items])
            case _:
                found = exp.Between(this=value, low=self.inner(node.low), high=self.inner(node.high))
        return exp.Not(this=found) if node.negated else found

    def moved(self, start: Node, count: exp.Expr, unit: Grain) -> exp.Expr:
        """A date some units later, which stays a date."""
        kind = self.type(start)
        later = moved(self.inner(start), count, unit, self.dialect, kind)
        return exp.cast(later, "date") if kind == "date" else later

    def _in_period(self, node: InPeriod) -> exp.Expr:
        return self.sql(spelled_out(node))

    def _text(self, node: Node) -> exp.Expr:
        """A text for joining: other kinds are written out, blank counts as empty."""
        value = written(self.sql(node), self.type(node), self.dialect)
        return value if isinstance(node, Literal_) else exp.Coalesce(this=value, expressions=[_literal("")])

    def _call(self, node: Call) -> exp.Expr:
        if node.name in ONE_VALUE:
            return ONE_VALUE[node.name](this=self.sql(node.args[0]))
        if node.name in PARTS:
            return exp.Extract(this=exp.var(node.name), expression=self.inner(node.args[0]))
        if node.name == "TODAY":
            return exp.CurrentDate()
        if node.name in NODE_CALLS:
            return NODE_CALLS[node.name](self, node)
        if node.name in CALLS:
            return CALLS[node.name](self, [self.sql(argument) for argument in node.args])
        raise Unsupported(f"{node.name}() cannot be computed in SQL yet.")


def portable(dialect: str) -> str:
    """The dialect to write into dbt's files: DuckDB reads PostgreSQL's spelling, so both can run them."""
    return "postgres" if dialect == "duckdb" else dialect


def spelled_out(node: InPeriod) -> Binary:
    """`x IN LAST 30 DAYS` as comparisons: half open, so that times of day are covered, and with today."""
    today, length = Call("TODAY"), Period(node.count, node.unit)
    this_period = Call("STARTOF", (today, Period(1, node.unit)))
    low: Node = this_period
    high: Node = Binary("+", this_period, Period(1, node.unit))
    if node.count and node.complete:
        low, high = Binary("-", this_period, length), this_period
    elif node.count:
        high = Binary("+", today, Period(1, "day"))
        low = Binary("-", high, length)
    return Binary("AND", Binary(">=", node.value, low), Binary("<", node.value, high))


def value_type(node: Node, vocabulary: Vocabulary) -> ValueType:
    """What kind of value a node of a resolved tree gives; "any" where nobody knows."""

    def kind(*parts: Node) -> ValueType:
        blank = Literal_(None)
        return _common(
            {value_type(part, vocabulary) for part in parts if replace(part, start=0, end=0) != blank}
        )

    match node:
        case ColumnRef():
            model = vocabulary.models.get(node.model)
            column = model and model.column(node.column)
            return column.type if column else "any"
        case Literal_():
            return _literal_type(node)
        case Unary(op="NOT") | IsBlank() | In() | Between() | InPeriod():
            return "boolean"
        case Binary():
            return _binary_type(node, kind)
        case Case():
            results = [then for _, then in node.whens]
            return kind(*results, *([node.otherwise] if node.otherwise else []))
        case Where() | Unary():
            return kind(node.value)
        case Call() | Total():
            return _call_type(node, kind)
    return "any"


def _binary_type(node: Binary, kind: Callable[..., ValueType]) -> ValueType:
    if node.op == "&":
        return "text"
    if node.op in (*COMPARED, "AND", "OR"):
        return "boolean"
    if isinstance(node.right, Period):
        return kind(node.left)
    return "number" if node.op in ("/", "^") else kind(node.left, node.right)


def _call_type(node: Call | Total, kind: Callable[..., ValueType]) -> ValueType:
    function = find_function(node.name)
    args = node.args if isinstance(node, Call) else (node.arg,) if node.arg else ()
    if function is None:
        return "any"
    if node.name in WHOLE_OF_WHOLE and args:
        return kind(*args)
    if node.name in WHOLE_BUT_LONG:
        return "number"
    if function.result != "same":
        return function.result
    alike = [arg for place, arg in enumerate(args) if function.parameter(place).kind == "same"]
    return kind(*(alike or args[:1]))


def _common(kinds: set[ValueType]) -> ValueType:
    """The kind that has room for all of these."""
    if len(kinds) == 1:
        return kinds.pop()
    wider: Mapping[frozenset[str], ValueType] = {
        frozenset(("integer", "number")): "number",
        frozenset(("date", "timestamp")): "timestamp",
    }
    return wider.get(frozenset(kinds), "any")


def _literal_type(node: Literal_) -> ValueType:
    match node.value:
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "text"
        case date():
            return "date"
    return "any"


def _literal(value: object) -> exp.Expr:
    match value:
        case None:
            return exp.null()
        case bool():
            return exp.true() if value else exp.false()
        case int() | float():
            # Python writes small and large floats with an exponent; every warehouse reads that as a double.
            return exp.Literal.number(value)
        case date():
            return exp.cast(exp.Literal.string(value.isoformat()), "date")
    return exp.Literal.string(str(value))


def _divide(writer: Writer, args: list[exp.Expr]) -> exp.Expr:
    result = divided(bracketed(args[0]), bracketed(args[1]), writer.dialect)
    return exp.Coalesce(this=result, expressions=[args[2]]) if len(args) > 2 else result


def _root(_writer: Writer, args: list[exp.Expr]) -> exp.Expr:
    root = exp.Sqrt(this=args[0])
    return root if isinstance(args[0], exp.Literal) else _where(exp.GTE, args[0], root)


def _power(base: exp.Expr, exponent: exp.Expr) -> exp.Expr:
    """To the power of, blank where no number is the answer: 1 divided by 0, and roots of negatives."""
    power, known = exp.Pow(this=base, expression=exponent), _constant(exponent)
    if (_constant(base) or 0) > 0:
        return power
    if known is None:
        floor = exp.EQ(this=bracketed(exponent.copy()), expression=exp.Floor(this=exponent.copy()))
        answers = (
            _compared(exp.GT, base),
            exp.and_(_compared(exp.EQ, base), _compared(exp.GTE, exponent)),
            exp.and_(_compared(exp.LT, base), floor),
        )
        return exp.Case(ifs=[exp.If(this=exp.or_(*answers), true=power)])
    if not known.is_integer():
        return _where(exp.GTE if known > 0 else exp.GT, base, power)
    return (
        power
        if known >= 0
        else exp.Pow(this=exp.Nullif(this=base, expression=_literal(0)), expression=exponent)
    )


def _constant(value: exp.Expr) -> float | None:
    """The number that a constant is; negative constants are a Neg in SQL."""
    if isinstance(value, (exp.Neg, exp.Paren)):
        inner = _constant(value.this)
        return -inner if inner is not None and isinstance(value, exp.Neg) else inner
    return float(value.name) if isinstance(value, exp.Literal) and not value.is_string else None


def _compared(kind: type[exp.Binary], value: exp.Expr) -> exp.Expr:
    return kind(this=bracketed(value.copy(), kind), expression=_literal(0))


def _where(kind: type[exp.Binary], value: exp.Expr, answer: exp.Expr) -> exp.Expr:
    """The answer where a value is above 0, or not below it; else blank."""
    return exp.Case(ifs=[exp.If(this=_compared(kind, value), true=answer)])


def _round(writer: Writer, args: list[exp.Expr]) -> exp.Expr:
    digits = args[1] if len(args) > 1 else None
    return exp.Round(this=as_decimal(args[0], writer.dialect), decimals=digits)


def _remainder(writer: Writer, node: Call) -> exp.Expr:
    """What is left by a division of whole numbers, or of decimals; blank where the divisor is 0."""
    left, right = (writer.sql(argument) for argument in node.args)
    if {writer.type(argument) for argument in node.args} != {"integer"}:
        left, right = as_decimal(left, writer.dialect), as_decimal(right, writer.dialect)
    return exp.Mod(this=bracketed(left), expression=exp.Nullif(this=right, expression=_literal(0)))


def _date_add(writer: Writer, node: Call) -> exp.Expr:
    count = writer.inner(node.args[1])
    if writer.type(node.args[1]) != "integer":
        count = exp.cast(count, "int")
    return writer.moved(node.args[0], count, _unit(node, 2))


def _start_of(writer: Writer, node: Call) -> exp.Expr:
    return exp.cast(truncated(writer.sql(node.args[0]), _unit(node, 1), writer.dialect), "date")


def _date_diff(writer: Writer, node: Call) -> exp.Expr:
    """How often the unit changes between two dates, as DATEDIFF counts in warehouses."""
    unit = _unit(node, 2)
    earlier, later = (exp.cast(writer.sql(argument), "date") for argument in node.args[:2])
    if unit == "day":
        return days_between(earlier, later, writer.dialect)
    if unit == "week":
        weeks = [exp.cast(truncated(value, "week", writer.dialect), "date") for value in (earlier, later)]
        days = days_between(weeks[0], weeks[1], writer.dialect)
        return exp.cast(divided(bracketed(days), exp.Literal.number(7), writer.dialect), "int")
    per_year = {"month": 12, "quarter": 4, "year": 1}[unit]
    parts = [[exp.Extract(this=exp.var(part), expression=value.copy())
              for value in (later, earlier)] for part in ("YEAR", unit.upper())]  # fmt: skip
    years = exp.paren(exp.Sub(this=parts[0][0], expression=parts[0][1]), copy=False)
    if unit == "year":
        return years
    units = exp.Mul(this=years, expression=exp.Literal.number(per_year))
    return exp.Sub(this=exp.Add(this=units, expression=parts[1][0]), expression=parts[1][1])


def _unit(node: Call, position: int) -> Grain:
    argument = node.args[position] if position < len(node.args) else Period(count=1, unit="day")
    assert isinstance(argument, Period)
    return argument.unit


def _ends_with(_writer: Writer, args: list[exp.Expr]) -> exp.Expr:
    return exp.EQ(
        this=exp.Right(this=args[0], expression=exp.Length(this=args[1])), expression=args[1].copy()
    )


def _end(kind: type[exp.Left] | type[exp.Right], args: list[exp.Expr]) -> exp.Expr:
    """So many characters from one end, none where the number is negative."""
    count, known = args[1], _constant(args[1])
    if known is None:
        count = exp.cast(count, "int")  # PostgreSQL takes no longer one
        none = exp.If(this=_compared(exp.LT, count), true=_literal(0))
        count = exp.Case(ifs=[none], default=count)
    elif known < 0:
        count = _literal(0)
    return kind(this=args[0], expression=count)


def _contains(_writer: Writer, args: list[exp.Expr]) -> exp.Expr:
    return exp.GT(this=exp.StrPosition(this=args[0], substr=args[1]), expression=exp.Literal.number(0))


NODE_CALLS: Mapping[str, Callable[[Writer, Call], exp.Expr]] = {
    "DATEADD": _date_add,
    "DATEDIFF": _date_diff,
    "STARTOF": _start_of,
    "MOD": _remainder,
}
CALLS: Mapping[str, Callable[[Writer, list[exp.Expr]], exp.Expr]] = {
    "COALESCE": lambda _writer, args: exp.Coalesce(this=args[0], expressions=args[1:]),
    "NULLIF": lambda _writer, args: exp.Nullif(this=args[0], expression=args[1]),
    "DIVIDE": _divide,
    "ROUND": _round,
    "SQRT": _root,
    "GREATEST": lambda writer, args: extremum(exp.Greatest, args, writer.dialect),
    "LEAST": lambda writer, args: extremum(exp.Least, args, writer.dialect),
    "TRIM": lambda writer, args: trimmed(args[0], writer.dialect),
    "CONTAINS": _contains,
    "STARTSWITH": lambda writer, args: starts_with(args[0], args[1], writer.dialect),
    "ENDSWITH": _ends_with,
    "LEFT": lambda _writer, args: _end(exp.Left, args),
    "RIGHT": lambda _writer, args: _end(exp.Right, args),
}
