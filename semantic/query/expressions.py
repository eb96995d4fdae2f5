"""The SQL of a formula's parts, built as a tree and never by joining text.

What a formula means is the same in every warehouse: `/` is exact and blank where the divisor is 0, GREATEST
is blank where one value is, ROUND rounds halves away from zero. Where dialects differ, the difference is
levelled here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
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
    Unary,
    Where,
)
from semantic.query.rows import truncated
from semantic.query.spec import Unsupported

# What a leaf (a column in a row, a total or a metric in a formula) is called in the SQL around it.
Leaf: TypeAlias = Callable[[Node], exp.Expr | None]

# sqlglot wraps GREATEST and LEAST for DuckDB itself.
IGNORE_NULLS = ("postgres", "redshift")
# Where one date minus another is a whole number of days.
SUBTRACTED = ("duckdb", "postgres", "redshift")
# The two that answer ROUND differently for doubles, or not at all.
ROUND_AS_DECIMAL = ("duckdb", "postgres")

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
    "SQRT": exp.Sqrt,
    "UPPER": exp.Upper,
    "LOWER": exp.Lower,
    "TRIM": exp.Trim,
    "LEN": exp.Length,
}
# From loose to tight. Signs and text joins are left out: dialects bind them differently.
LEVELS: tuple[tuple[type[exp.Expr], ...], ...] = (
    (exp.Or,),
    (exp.And,),
    (exp.Not,),
    (exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.Is, exp.In, exp.Between),
    (exp.Add, exp.Sub),
    (exp.Mul, exp.Div, exp.Mod),
)
CHAINS = (0, 1, 4, 5)
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
        left, right = self.sql(node.left), self.sql(node.right)
        if node.op == "^":
            return exp.Pow(this=left, expression=right)
        if node.op == "/":
            return divided(bracketed(left), bracketed(right))
        kind = ARITHMETIC[node.op]
        return kind(this=bracketed(left, kind), expression=bracketed(right, kind, last=True))

    def _predicate(self, node: IsBlank | In | Between) -> exp.Expr:
        value = self.inner(node.value)
        found: exp.Expr
        match node:
            case IsBlank():
                blank = exp.Not(this=exp.null()) if node.negated else exp.null()
                return exp.Is(this=value, expression=blank)
            case In():
                found = exp.In(this=value, expressions=[self.sql(item) for item in node.items])
            case _:
                found = exp.Between(this=value, low=self.inner(node.low), high=self.inner(node.high))
        return exp.Not(this=found) if node.negated else found

    def moved(self, start: Node, count: exp.Expr, unit: Grain) -> exp.Expr:
        """A date some units later, which stays a date."""
        later = moved(self.inner(start), count, unit, self.dialect)
        return exp.cast(later, "date") if self.type(start) == "date" else later

    def _in_period(self, node: InPeriod) -> exp.Expr:
        return self.sql(spelled_out(node))

    def _text(self, node: Node) -> exp.Expr:
        """A text for joining: other kinds are written out, blank counts as empty."""
        value = self.sql(node) if self.type(node) == "text" else exp.cast(self.sql(node), "text")
        return value if isinstance(node, Literal_) else exp.Coalesce(this=value, expressions=[_literal("")])

    def _call(self, node: Call) -> exp.Expr:
        if node.name in ONE_VALUE:
            return ONE_VALUE[node.name](this=self.sql(node.args[0]))
        if node.name in PARTS:
            return exp.Extract(this=exp.var(node.name), expression=self.inner(node.args[0]))
        if node.name == "TODAY":
            return exp.CurrentDate()
        if node.name in DATE_CALLS:
            return DATE_CALLS[node.name](self, node)
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
    match node:
        case ColumnRef():
            model = vocabulary.models.get(node.model)
            column = model and model.column(node.column)
            return column.type if column else "any"
        case Literal_():
            return _literal_type(node)
        case Binary(op="&"):
            return "text"
        case Binary(op="+" | "-", right=Period()):
            return value_type(node.left, vocabulary)
        case Case():
            return value_type(node.whens[0][1], vocabulary)
        case Where():
            return value_type(node.value, vocabulary)
        case Call():
            function = find_function(node.name)
            if function is None:
                return "any"
            return function.result if function.result != "same" else value_type(node.args[0], vocabulary)
    return "any"


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


def bracketed(value: exp.Expr, around: type[exp.Expr] = exp.Neg, *, last: bool = False) -> exp.Expr:
    """The value as an operand of `around`: sqlglot prints trees as they are and adds no brackets."""
    own, outer = _level(type(value)), _level(around)
    # sqlglot counts AND and OR among its functions, too.
    if isinstance(value, exp.Func) and own < 0:
        return value
    if not isinstance(value, (exp.Binary, exp.Not, exp.Neg, exp.In, exp.Between)):
        return value
    same = own == outer and not last and outer in CHAINS
    return value if outer >= 0 and (own > outer or same) else exp.paren(value, copy=False)


def _level(kind: type[exp.Expr]) -> int:
    """How tightly an operator binds; what is not in the table gets brackets everywhere and needs none."""
    return next((level for level, kinds in enumerate(LEVELS) if issubclass(kind, kinds)), -1)


def divided(left: exp.Expr, right: exp.Expr) -> exp.Expr:
    """An exact division, blank where the divisor is 0."""
    return exp.Div(this=left, expression=right, typed=False, safe=True)


def moved(start: exp.Expr, count: exp.Expr, unit: Grain, dialect: str) -> exp.Expr:
    """A moment `count` units later; PostgreSQL knows no quarters in intervals."""
    if unit == "quarter":
        count, unit = _times(count, 3), "month"
    number = _number(count)
    if number is None and dialect in ("duckdb", "postgres", "redshift"):
        step = exp.Interval(this=exp.Literal.string("1"), unit=exp.var(unit.upper()))
        return exp.Add(this=start, expression=exp.Mul(this=bracketed(count), expression=step))
    if number is not None and number < 0:
        return exp.DateSub(this=start, expression=exp.Literal.number(-number), unit=exp.var(unit.upper()))
    return exp.DateAdd(this=start, expression=count, unit=exp.var(unit.upper()))


def _number(value: exp.Expr) -> int | None:
    """The whole number that a constant is; negative constants are a Neg in SQL."""
    sign = 1
    while isinstance(value, (exp.Neg, exp.Paren)):
        sign, value = (-sign if isinstance(value, exp.Neg) else sign), value.this
    return sign * int(value.name) if isinstance(value, exp.Literal) and value.is_int else None


def _times(count: exp.Expr, factor: int) -> exp.Expr:
    number = _number(count)
    if number is not None:
        return exp.Literal.number(number * factor)
    return exp.Mul(this=bracketed(count), expression=exp.Literal.number(factor))


def _days(earlier: exp.Expr, later: exp.Expr, dialect: str) -> exp.Expr:
    """How many days lie between two dates."""
    earlier, later = exp.cast(earlier, "date"), exp.cast(later, "date")
    if dialect in SUBTRACTED:
        return exp.Sub(this=later, expression=earlier)
    return exp.DateDiff(this=later, expression=earlier, unit=exp.var("DAY"))


def _extremum(kind: type[exp.Greatest] | type[exp.Least], writer: Writer, args: list[exp.Expr]) -> exp.Expr:
    """GREATEST or LEAST that is blank where one value is blank."""
    found = kind(this=args[0], expressions=args[1:], ignore_nulls=False)
    if writer.dialect not in IGNORE_NULLS:
        return found
    blank = exp.or_(*(exp.Is(this=bracketed(value.copy()), expression=exp.null()) for value in args))
    return exp.Case(ifs=[exp.If(this=blank, true=exp.null())], default=found)


def _round(writer: Writer, args: list[exp.Expr]) -> exp.Expr:
    value = exp.cast(args[0], "decimal(38, 10)") if writer.dialect in ROUND_AS_DECIMAL else args[0]
    return exp.Round(this=value, decimals=args[1] if len(args) > 1 else None)


def _divide(_writer: Writer, args: list[exp.Expr]) -> exp.Expr:
    result = divided(bracketed(args[0]), bracketed(args[1]))
    return exp.Coalesce(this=result, expressions=[args[2]]) if len(args) > 2 else result


def _remainder(writer: Writer, args: list[exp.Expr]) -> exp.Expr:
    """PostgreSQL has no remainder of doubles and stops at a divisor of 0."""
    left, right = (exp.cast(a, "decimal(38, 10)") if writer.dialect == "postgres" else a for a in args)
    return exp.Mod(this=bracketed(left), expression=exp.Nullif(this=right, expression=exp.Literal.number(0)))


def _date_add(writer: Writer, node: Call) -> exp.Expr:
    return writer.moved(node.args[0], writer.inner(node.args[1]), _unit(node, 2))


def _start_of(writer: Writer, node: Call) -> exp.Expr:
    return exp.cast(truncated(writer.sql(node.args[0]), _unit(node, 1), writer.dialect), "date")


def _date_diff(writer: Writer, node: Call) -> exp.Expr:
    """How often the unit changes between two dates, as DATEDIFF counts in warehouses."""
    unit = _unit(node, 2)
    earlier, later = (exp.cast(writer.sql(argument), "date") for argument in node.args[:2])
    if unit == "day":
        return _days(earlier, later, writer.dialect)
    if unit == "week":
        weeks = [exp.cast(truncated(value, "week", writer.dialect), "date") for value in (earlier, later)]
        return exp.cast(
            divided(bracketed(_days(weeks[0], weeks[1], writer.dialect)), exp.Literal.number(7)), "int"
        )
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


def _contains(_writer: Writer, args: list[exp.Expr]) -> exp.Expr:
    return exp.GT(this=exp.StrPosition(this=args[0], substr=args[1]), expression=exp.Literal.number(0))


DATE_CALLS: Mapping[str, Callable[[Writer, Call], exp.Expr]] = {
    "DATEADD": _date_add,
    "DATEDIFF": _date_diff,
    "STARTOF": _start_of,
}
CALLS: Mapping[str, Callable[[Writer, list[exp.Expr]], exp.Expr]] = {
    "COALESCE": lambda _writer, args: exp.Coalesce(this=args[0], expressions=args[1:]),
    "NULLIF": lambda _writer, args: exp.Nullif(this=args[0], expression=args[1]),
    "DIVIDE": _divide,
    "ROUND": _round,
    "MOD": _remainder,
    "GREATEST": lambda writer, args: _extremum(exp.Greatest, writer, args),
    "LEAST": lambda writer, args: _extremum(exp.Least, writer, args),
    "CONTAINS": _contains,
    "STARTSWITH": lambda _writer, args: exp.StartsWith(this=args[0], expression=args[1]),
    "ENDSWITH": _ends_with,
    "LEFT": lambda _writer, args: exp.Left(this=args[0], expression=args[1]),
    "RIGHT": lambda _writer, args: exp.Right(this=args[0], expression=args[1]),
}
