"""SQL of the repository as a formula's tree, where a formula says exactly the same.

Exactly means: blanks included. `a || b` is blank where `a` is and so is no `a & b`, GREATEST of DuckDB and
PostgreSQL overlooks blanks and so is no GREATEST of formulas. What has no exact counterpart raises
Unsupported and is shown as SQL.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from functools import cache
from typing import TypeAlias

from sqlglot import exp

from semantic.formula.registry import find_unit
from semantic.formula.tree import (
    Between,
    Binary,
    BinaryOperator,
    Call,
    Case,
    In,
    IsBlank,
    Literal_,
    Node,
    Period,
    Unary,
)
from semantic.query.dialects import known
from semantic.query.expressions import value_type
from semantic.query.spec import Unsupported
from semantic.whole_numbers import WholeNumbers

# What a column in the SQL stands for.
Columns: TypeAlias = Callable[[exp.Column], Node]

OPERATORS: Mapping[type[exp.Expr], BinaryOperator] = {
    exp.Add: "+",
    exp.Sub: "-",
    exp.Mul: "*",
    exp.Div: "/",
    exp.Pow: "^",
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
    exp.And: "AND",
    exp.Or: "OR",
}
ONE_VALUE: Mapping[type[exp.Expr], str] = {
    exp.Abs: "ABS",
    exp.Floor: "FLOOR",
    exp.Ceil: "CEILING",
    exp.Sqrt: "SQRT",
    exp.Upper: "UPPER",
    exp.Lower: "LOWER",
    exp.Length: "LEN",
    exp.Year: "YEAR",
    exp.Quarter: "QUARTER",
    exp.Month: "MONTH",
    exp.Day: "DAY",
}
TWO_VALUES: Mapping[type[exp.Expr], str] = {
    exp.Nullif: "NULLIF",
    exp.Mod: "MOD",
    exp.Left: "LEFT",
    exp.Right: "RIGHT",
    exp.StartsWith: "STARTSWITH",
    exp.EndsWith: "ENDSWITH",
    exp.Contains: "CONTAINS",
}
# The cast that every ROUND of a formula has where doubles would round differently.
ROUNDED_AS = exp.DataType.build("decimal(38, 10)")
FRACTIONS = (exp.DType.DOUBLE, exp.DType.FLOAT, exp.DType.DECIMAL, exp.DType.BIGDECIMAL)
DECIMALS = (exp.DType.DECIMAL, exp.DType.BIGDECIMAL)
# Where DECIMAL has no limit; elsewhere it has so many digits, often none behind the point.
ENDLESS_DECIMALS = ("postgres",)
# Where REAL is as long as DOUBLE.
LONG_REALS = ("snowflake",)
JINJA = ("{{", "{%", "{#")


class Reader:
    """Reads one expression; `columns` says what each column is, `whole` which values are whole numbers."""

    def __init__(self, columns: Columns, whole: WholeNumbers) -> None:
        self.columns = columns
        self.whole = whole
        self.vocabulary = whole.vocabulary
        self.dialect = whole.dialect

    def read(self, sql: exp.Expr) -> Node:
        """The tree that means the same; raises Unsupported."""
        kind = type(sql)
        if kind in OPERATORS:
            return self._binary(sql)
        if kind in ONE_VALUE:
            return Call(ONE_VALUE[kind], (self.read(sql.this),))
        if kind in TWO_VALUES:
            return Call(TWO_VALUES[kind], (self.read(sql.this), self.read(sql.expression)))
        reader = READERS.get(kind)
        if reader is None:
            raise Unsupported(f"`{sql.sql()}` has no counterpart in formulas.")
        return reader(self, sql)

    def paren(self, sql: exp.Expr) -> Node:
        return self.read(sql.this)

    def column(self, sql: exp.Expr) -> Node:
        assert isinstance(sql, exp.Column)
        return self.columns(sql)

    def literal(self, sql: exp.Expr) -> Node:
        assert isinstance(sql, exp.Literal)
        text = sql.name
        if sql.is_string:
            if "\\" in text or any(mark in text for mark in JINJA):
                raise Unsupported("A text in the SQL holds a backslash or Jinja.")
            return Literal_(text)
        return Literal_(int(text)) if text.isdigit() else Literal_(float(text), text)

    def boolean(self, sql: exp.Expr) -> Node:
        return Literal_(bool(sql.this))

    def null(self, _sql: exp.Expr) -> Node:
        return Literal_(None)

    # Operators

    def _binary(self, sql: exp.Expr) -> Node:
        left, right = unwrapped(sql.this), unwrapped(sql.expression)
        operator = OPERATORS[type(sql)]
        if isinstance(right, exp.Interval):
            return self._moved(left, _period(right), later=operator == "+")
        if operator == "/":
            return self._divided(sql, left, right)
        if operator == "-" and all(map(_is_date, (left, right))):
            return Call("DATEDIFF", (self._day(right), self._day(left), Period(1, "day")))
        position = _position(sql)
        if position is not None:
            return Call("CONTAINS", (self.read(position.this), self.read(position.args["substr"])))
        return Binary(operator, self.read(left), self.read(right))

    def _divided(self, sql: exp.Expr, left: exp.Expr, right: exp.Expr) -> Node:
        """An exact division: of two whole numbers, some warehouses leave out what is behind the point."""
        top, bottom = self._operand(left), self._divisor(right)
        cuts = sql.args.get("typed") and not (_is_widened(left) or _is_widened(right))
        if cuts and self.whole.perhaps(top) and self.whole.perhaps(bottom):
            raise Unsupported(f"`{sql.sql()}` divides whole numbers without a rest, which formulas do not.")
        return Binary("/", top, bottom)

    def _operand(self, sql: exp.Expr) -> Node:
        """One side of a division, which is exact here without a cast."""
        return self._kept(sql, self.read(sql.this)) if _is_numeric_cast(sql) else self.read(sql)

    def _divisor(self, sql: exp.Expr) -> Node:
        """`NULLIF(b, 0)` behind `/` is what every division of a formula does."""
        cast = _is_numeric_cast(sql)
        inner = unwrapped(sql.this) if cast else sql
        if not isinstance(inner, exp.Nullif) or inner.expression.name not in ("0", "0.0"):
            return self._operand(sql)
        value = self._operand(unwrapped(inner.this))
        return self._kept(sql, value) if cast else value

    def _kept(self, cast: exp.Expr, value: Node) -> Node:
        """The value of a cast that keeps every number as it is."""
        kind = cast.args["to"].this
        if (
            kind == exp.DType.DOUBLE
            or (kind == exp.DType.FLOAT and self.dialect in LONG_REALS)
            or (kind == exp.DType.DECIMAL and self.dialect in ENDLESS_DECIMALS)
            or (kind in DECIMALS and self.whole.surely(value))
        ):
            return value
        raise Unsupported(f"`{cast.sql()}` may round a number, which formulas do not without ROUND.")

    def _day(self, sql: exp.Expr) -> Node:
        """One side of a difference, which looks at whole days without being told."""
        constant = isinstance(sql.this, exp.Literal)
        return self.read(sql.this if isinstance(sql, exp.Cast) and not constant else sql)

    def negative(self, sql: exp.Expr) -> Node:
        return Unary("-", self.read(sql.this))

    def negated(self, sql: exp.Expr) -> Node:
        found = self.read(sql.this)
        if isinstance(found, IsBlank):
            return IsBlank(found.value, not found.negated)
        if isinstance(found, In):
            return In(found.value, found.items, not found.negated)
        if isinstance(found, Between):
            return Between(found.value, found.low, found.high, not found.negated)
        return Unary("NOT", found)

    def joined(self, sql: exp.Expr) -> Node:
        """`||` is `&` where neither side can be blank."""
        parts = [self._filled(unwrapped(part)) for part in (sql.this, sql.expression)]
        return Binary("&", parts[0], parts[1])

    def _filled(self, sql: exp.Expr) -> Node:
        if isinstance(sql, exp.DPipe | exp.Literal):
            return self.read(sql)
        empty = isinstance(sql, exp.Coalesce) and [part.sql() for part in sql.expressions] == ["''"]
        if not empty:
            raise Unsupported("`||` gives nothing where one side is null; formulas join the rest.")
        text = unwrapped(sql.this)
        return self.read(text.this if isinstance(text, exp.Cast) and text.to.is_type(*TEXTS) else text)

    # Predicates

    def is_(self, sql: exp.Expr) -> Node:
        if isinstance(sql.expression, exp.Null):
            # sqlglot says so of PostgreSQL's IS NOT NULL; elsewhere it puts a NOT around it.
            return IsBlank(self.read(sql.this), negated=bool(sql.args.get("negate")))
        if sql.args.get("negate"):
            raise Unsupported(f"`{sql.sql()}` has no counterpart in formulas.")
        if isinstance(sql.expression, exp.Boolean) and sql.find_ancestor(exp.Not) is None:
            return Binary("=", self.read(sql.this), self.read(sql.expression))
        raise Unsupported(f"`{sql.sql()}` has no counterpart in formulas.")

    def in_(self, sql: exp.Expr) -> Node:
        if not sql.expressions or sql.args.get("query") or sql.args.get("unnest"):
            raise Unsupported("IN with a query has no counterpart in formulas.")
        return In(self.read(sql.this), tuple(self.read(item) for item in sql.expressions))

    def between(self, sql: exp.Expr) -> Node:
        if sql.args.get("symmetric"):
            raise Unsupported("BETWEEN SYMMETRIC has no counterpart in formulas.")
        return Between(self.read(sql.this), self.read(sql.args["low"]), self.read(sql.args["high"]))

    def like(self, sql: exp.Expr) -> Node:
        """`LIKE '%x%'` and its kind."""
        pattern = sql.expression
        text = pattern.name if isinstance(pattern, exp.Literal) else "_"
        found = re.fullmatch(r"(%?)([^%_\\]+)(%?)", text)
        if found is None:
            raise Unsupported(f"`{sql.sql()}` has no counterpart in formulas.")
        before, part, after = found.groups()
        name = {("%", "%"): "CONTAINS", ("", "%"): "STARTSWITH", ("%", ""): "ENDSWITH"}.get((before, after))
        value = self.read(sql.this)
        result: Node = Binary("=", value, Literal_(part))
        if name:
            result = Call(name, (value, Literal_(part)))
        return Unary("NOT", result) if sql.args.get("negate") else result

    # Functions

    def case(self, sql: exp.Expr) -> Node:
        subject = sql.args.get("this")
        whens = []
        for when in sql.args["ifs"]:
            condition = self.read(when.this)
            if subject is not None:
                condition = Binary("=", self.read(subject), condition)
            whens.append((condition, self.read(when.args["true"])))
        default = sql.args.get("default")
        return Case(tuple(whens), self._otherwise(default))

    def if_(self, sql: exp.Expr) -> Node:
        when = (self.read(sql.this), self.read(sql.args["true"]))
        return Case((when,), self._otherwise(sql.args.get("false")))

    def _otherwise(self, sql: exp.Expr | None) -> Node | None:
        return None if sql is None or isinstance(sql, exp.Null) else self.read(sql)

    def coalesce(self, sql: exp.Expr) -> Node:
        return Call("COALESCE", tuple(self.read(part) for part in (sql.this, *sql.expressions)))

    def extremum(self, sql: exp.Expr) -> Node:
        if sql.args.get("ignore_nulls"):
            raise Unsupported(f"{sql.key.upper()} overlooks nulls in this warehouse; formulas do not.")
        return Call(sql.key.upper(), tuple(self.read(part) for part in (sql.this, *sql.expressions)))

    def rounded(self, sql: exp.Expr) -> Node:
        value, digits = unwrapped(sql.this), sql.args.get("decimals")
        if isinstance(value, exp.Cast) and value.to in (ROUNDED_AS, _decimal_of(self.dialect)):
            value = value.this
        return Call("ROUND", (self.read(value), *([self.read(digits)] if digits else [])))

    def trimmed(self, sql: exp.Expr) -> Node:
        if any(sql.args.get(name) for name in ("expression", "position", "collation")):
            raise Unsupported(f"`{sql.sql()}` has no counterpart in formulas.")
        return Call("TRIM", (self.read(sql.this),))

    def safe_division(self, sql: exp.Expr) -> Node:
        return Binary("/", self._operand(unwrapped(sql.this)), self._operand(unwrapped(sql.expression)))

    # Dates

    def today(self, _sql: exp.Expr) -> Node:
        return Call("TODAY")

    def cast(self, sql: exp.Expr) -> Node:
        assert isinstance(sql, exp.Cast)
        if sql.to.is_type(exp.DType.DATE):
            if isinstance(sql.this, exp.Literal) and re.fullmatch(r"\d{4}-\d\d-\d\d", sql.this.name):
                return Literal_(date.fromisoformat(sql.this.name))
            value = self.read(sql.this)
            dated = value_type(value, self.vocabulary) == "date"
            return value if dated else Call("STARTOF", (value, Period(1, "day")))
        value = self.read(sql.this)
        if _is_numeric_cast(sql):
            return self._kept(sql, value)
        if sql.to.is_type(*exp.DataType.INTEGER_TYPES) and value_type(value, self.vocabulary) == "boolean":
            return Case(((value, Literal_(1)), (Unary("NOT", value), Literal_(0))))
        raise Unsupported(f"`{sql.sql()}` changes the kind of a value, which formulas do not.")

    def extracted(self, sql: exp.Expr) -> Node:
        part = sql.this.name.upper()
        if part not in ("YEAR", "QUARTER", "MONTH", "DAY"):
            raise Unsupported(f"`{sql.sql()}` has no counterpart in formulas.")
        return Call(part, (self.read(sql.expression),))

    def truncated(self, sql: exp.Expr) -> Node:
        return Call("STARTOF", (self.read(sql.this), _unit(sql)))

    def difference(self, sql: exp.Expr) -> Node:
        return Call("DATEDIFF", (self._day(sql.expression), self._day(sql.this), _unit(sql)))

    def date_added(self, sql: exp.Expr) -> Node:
        later = isinstance(sql, exp.DateAdd | exp.TimestampAdd | exp.TsOrDsAdd)
        count = sql.expression
        period = _period(count) if isinstance(count, exp.Interval) else _counted(count, _unit(sql))
        return self._moved(sql.this, period, later=later)

    def _moved(self, start: exp.Expr, period: Period, *, later: bool) -> Node:
        if period.count < 0:
            later, period = not later, Period(-period.count, period.unit)
        return Binary("+" if later else "-", self.read(start), period)


TEXTS = (exp.DType.TEXT, exp.DType.VARCHAR)
READERS: Mapping[type[exp.Expr], Callable[[Reader, exp.Expr], Node]] = {
    exp.Paren: Reader.paren,
    exp.Column: Reader.column,
    exp.Literal: Reader.literal,
    exp.Boolean: Reader.boolean,
    exp.Null: Reader.null,
    exp.Neg: Reader.negative,
    exp.Not: Reader.negated,
    exp.DPipe: Reader.joined,
    exp.Is: Reader.is_,
    exp.In: Reader.in_,
    exp.Between: Reader.between,
    exp.Like: Reader.like,
    exp.Case: Reader.case,
    exp.If: Reader.if_,
    exp.Coalesce: Reader.coalesce,
    exp.Greatest: Reader.extremum,
    exp.Least: Reader.extremum,
    exp.Round: Reader.rounded,
    exp.Trim: Reader.trimmed,
    exp.SafeDivide: Reader.safe_division,
    exp.CurrentDate: Reader.today,
    exp.Cast: Reader.cast,
    exp.Extract: Reader.extracted,
    exp.DateTrunc: Reader.truncated,
    exp.TimestampTrunc: Reader.truncated,
    exp.DateDiff: Reader.difference,
    exp.DateAdd: Reader.date_added,
    exp.DateSub: Reader.date_added,
    exp.TimestampAdd: Reader.date_added,
    exp.TimestampSub: Reader.date_added,
    exp.TsOrDsAdd: Reader.date_added,
}


def unwrapped(sql: exp.Expr) -> exp.Expr:
    """The expression without brackets around it."""
    while isinstance(sql, exp.Paren):
        sql = sql.this
    return sql


def _is_numeric_cast(sql: exp.Expr) -> bool:
    """Whether it is a cast to a number with a fraction, of a length that it does not say."""
    return isinstance(sql, exp.Cast) and sql.to.this in FRACTIONS and not sql.to.expressions


def _is_widened(sql: exp.Expr) -> bool:
    """Whether a cast makes a number one with a fraction, as does every calculation with such a number."""
    if isinstance(sql, exp.Add | exp.Sub | exp.Mul):
        return _is_widened(sql.this) or _is_widened(sql.expression)
    if isinstance(sql, exp.Paren | exp.Neg | exp.Nullif | exp.Coalesce | exp.Abs):
        return _is_widened(sql.this)
    return _is_numeric_cast(sql)


@cache
def _decimal_of(dialect: str) -> exp.DataType:
    return exp.DataType.build(known(dialect).decimal)


def _is_date(sql: exp.Expr) -> bool:
    return isinstance(sql, exp.CurrentDate) or (isinstance(sql, exp.Cast) and sql.to.is_type(exp.DType.DATE))


def _position(sql: exp.Expr) -> exp.StrPosition | None:
    """`STRPOS(text, part) > 0`"""
    found = sql.this
    positive = isinstance(sql, exp.GT) and sql.expression.name == "0"
    return found if positive and isinstance(found, exp.StrPosition) else None


def _unit(sql: exp.Expr) -> Period:
    argument = sql.args.get("unit")
    unit = find_unit(argument.name if argument is not None else "day")
    if unit is None:
        raise Unsupported(f"`{sql.sql()}` counts in a unit that formulas do not have.")
    return Period(1, unit)


def _counted(count: exp.Expr, unit: Period) -> Period:
    sign = -1 if isinstance(count, exp.Neg) else 1
    number = unwrapped(count.this) if isinstance(count, exp.Neg) else unwrapped(count)
    if not isinstance(number, exp.Literal) or not number.name.isdigit():
        raise Unsupported("A date is moved by a number that is no constant.")
    return Period(sign * int(number.name), unit.unit)


def _period(interval: exp.Interval) -> Period:
    return _counted(interval.this, _unit(interval))
