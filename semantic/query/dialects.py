"""Where warehouses differ from what formulas mean, why, and the SQL that levels it.

sqlglot spells functions and types in each dialect; what stands here is what a spelling cannot tell: the same
call that answers something else. Each difference is a field of `Dialect`, said once for each warehouse below.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect as SqlglotDialect

from semantic.definitions import Aggregation, Grain, ValueType
from semantic.query.brackets import bracketed
from semantic.query.spec import Unsupported


@dataclass(frozen=True, slots=True)
class Dialect:
    """What a warehouse does in its own way."""

    # The type of decimals. Halves and remainders are theirs, as a double holds neither 0.1 nor 1.005.
    decimal: str = "decimal(38, 10)"
    # Numbers are cut to a few digits where decimals are divided, or whole numbers.
    cuts_quotients: bool = False
    # The same of AVERAGE, or even the mean of whole numbers is a whole number.
    cuts_means: bool = False
    # GREATEST and LEAST overlook blanks.
    overlooks_blanks: bool = False
    # One date minus another is a whole number of days.
    subtracts_dates: bool = False
    # Moments are moved by adding intervals, not by DATEADD.
    adds_intervals: bool = False
    # There is no aggregate for medians and percentiles that is exact.
    no_percentiles: bool = False
    # A query sorts its rows for one percentile only.
    one_percentile: bool = False
    # sqlglot takes percentiles to be approximate; PERCENTILE is exact.
    approximates: bool = False
    # A moment is no date: they cannot be compared, moved or cut to periods alike.
    separates_moments: bool = False
    # A yes/no cannot be written out as text.
    hides_yes_and_no: bool = False
    # A moment in a text has fractions of a second, even where they are 0.
    writes_fractions: bool = False
    # The number in a text has no zeros at its end; elsewhere it has those of its type.
    writes_short: bool = False
    # TRIM takes away tabs and line ends as well as spaces.
    trims_all_blanks: bool = False
    # sqlglot knows no function for how a text starts, and a pattern takes _ and % for anything.
    starts_by_pattern: bool = False


DIALECTS: Mapping[str, Dialect] = {
    # sqlglot itself wraps GREATEST and LEAST for DuckDB.
    "duckdb": Dialect(subtracts_dates=True, adds_intervals=True),
    "postgres": Dialect(overlooks_blanks=True, subtracts_dates=True, adds_intervals=True),
    # A quotient of NUMBERs has six more digits than the dividend, so that 1 / 3000000 is 0; a mean as well.
    # Weeks begin on Monday unless somebody sets WEEK_START, for dbt as for us.
    "snowflake": Dialect(cuts_quotients=True, cuts_means=True, writes_fractions=True),
    # NUMERIC has nine decimals; BIGNUMERIC would show each digit of a double. DATE becomes DATETIME by
    # itself, but nothing becomes TIMESTAMP.
    "bigquery": Dialect(
        decimal="decimal",
        cuts_quotients=True,
        cuts_means=True,
        no_percentiles=True,
        separates_moments=True,
        writes_short=True,
        trims_all_blanks=True,
    ),
    # AVG of INTEGER is a BIGINT. sqlglot casts what is divided.
    "redshift": Dialect(
        cuts_means=True,
        overlooks_blanks=True,
        subtracts_dates=True,
        one_percentile=True,
        hides_yes_and_no=True,
        starts_by_pattern=True,
    ),
    # A quotient of DECIMALs may keep six digits only, and a mean has four more than its values.
    "databricks": Dialect(cuts_quotients=True, cuts_means=True, overlooks_blanks=True, approximates=True),
}


def known(dialect: str) -> Dialect:
    """What is known of a warehouse; of another one, that it does as SQL says."""
    return DIALECTS.get(dialect, Dialect())


def divided(left: exp.Expr, right: exp.Expr, dialect: str) -> exp.Expr:
    """An exact division, blank where the divisor is 0; one that is written out never is."""
    spoken = SqlglotDialect.get_or_raise(dialect)
    exact = any(one.is_type(*exp.DataType.REAL_TYPES) for one in (left, right))
    if known(dialect).cuts_quotients or (spoken.TYPED_DIVISION and not exact):
        left = exp.cast(left.unnest(), "double")
    never = isinstance(right, exp.Literal) and not right.is_string and float(right.this) != 0
    if never or spoken.SAFE_DIVISION:
        return exp.Div(this=left, expression=right, typed=False, safe=not never)
    divisor = exp.Nullif(this=right.unnest(), expression=exp.Literal.number(0))
    return exp.Div(this=left, expression=divisor, typed=False, safe=False)


def as_decimal(value: exp.Expr, dialect: str) -> exp.Expr:
    """The number in decimals."""
    return exp.cast(value, known(dialect).decimal)


def totalled(agg: Aggregation, value: exp.Expr, kind: ValueType, dialect: str) -> exp.Expr:
    """What a total is taken over: doubles where the answer has digits that the column has not."""
    between = agg in ("median", "percentile") and kind != "integer"
    if between or (agg == "average" and known(dialect).cuts_means):
        return exp.cast(value, "double")
    return value


def refuse_total(agg: Aggregation, dialect: str) -> None:
    """Raises Unsupported where a warehouse has no exact answer."""
    if agg in ("median", "percentile") and known(dialect).no_percentiles:
        raise Unsupported(
            "BigQuery totals no exact medians and percentiles. Use an average, or ask the data team for a "
            "model that holds the value."
        )


def percentile(row: exp.Expr, fraction: float, dialect: str) -> exp.Expr:
    """The value that this share of the rows does not exceed, between two rows where it has to be."""
    share = exp.Literal.number(fraction)
    if known(dialect).approximates:
        return exp.Anonymous(this="PERCENTILE", expressions=[row, share])
    order = exp.Order(expressions=[exp.Ordered(this=row)])
    return exp.WithinGroup(this=exp.PercentileCont(this=share), expression=order)


def stands_alone(agg: Aggregation, dialect: str) -> bool:
    """Whether a total needs a query of its own."""
    return agg in ("median", "percentile") and known(dialect).one_percentile


def beside_dates(moment: exp.Expr, dialect: str) -> exp.Expr:
    """A moment, or a date, that can be compared with dates."""
    dated = isinstance(moment, exp.Cast) and moment.to.is_type(exp.DType.DATE)
    return exp.cast(moment, "datetime") if known(dialect).separates_moments and not dated else moment


def moved(start: exp.Expr, count: exp.Expr, unit: Grain, dialect: str, kind: ValueType = "any") -> exp.Expr:
    """A moment `count` units later; a date may become its first moment."""
    facts = known(dialect)
    if unit == "quarter":  # which PostgreSQL does not know in intervals
        count, unit = _times(count, 3), "month"
    number, part = _whole_number(count), exp.var(unit.upper())
    if number is None and facts.adds_intervals:
        step = exp.Interval(this=exp.Literal.string("1"), unit=part)
        return exp.Add(this=start, expression=exp.Mul(this=bracketed(count), expression=step))
    later: type[exp.Func] = exp.DateAdd
    earlier: type[exp.Func] = exp.DateSub
    if facts.separates_moments and kind != "date":
        start, later, earlier = exp.cast(start, "datetime"), exp.DatetimeAdd, exp.DatetimeSub
    if number is None or number >= 0:
        return later(this=start, expression=count, unit=part)
    if facts.adds_intervals or facts.separates_moments:
        return earlier(this=start, expression=exp.Literal.number(-number), unit=part)
    return later(this=start, expression=exp.Literal.number(number), unit=part)


def days_between(earlier: exp.Expr, later: exp.Expr, dialect: str) -> exp.Expr:
    """How many days lie between two dates."""
    if known(dialect).subtracts_dates:
        return exp.Sub(this=later, expression=earlier)
    return exp.DateDiff(this=later, expression=earlier, unit=exp.var("DAY"))


def written(value: exp.Expr, kind: ValueType, dialect: str) -> exp.Expr:
    """A value as text; a number is as short as it can be."""
    facts = known(dialect)
    if kind == "text":
        return value
    if kind == "boolean" and facts.hides_yes_and_no:
        yes = exp.If(this=value, true=exp.Literal.string("true"))
        no = exp.If(this=exp.Not(this=exp.paren(value.copy())), true=exp.Literal.string("false"))
        return exp.Case(ifs=[yes, no])
    if kind == "timestamp" and facts.writes_fractions:
        return exp.TimeToStr(this=value, format=exp.Literal.string("%Y-%m-%d %H:%M:%S"))
    if kind != "number" or facts.writes_short:
        return exp.cast(beside_dates(value, dialect) if kind == "timestamp" else value, "text")
    for unwanted in ("0", "."):
        long = exp.cast(as_decimal(value, dialect), "text") if unwanted == "0" else value
        value = exp.Trim(this=long, expression=exp.Literal.string(unwanted), position="TRAILING")
    return value


def trimmed(value: exp.Expr, dialect: str) -> exp.Expr:
    """A text without spaces at both ends."""
    spaces = exp.Literal.string(" ") if known(dialect).trims_all_blanks else None
    return exp.Trim(this=value, expression=spaces)


def starts_with(value: exp.Expr, part: exp.Expr, dialect: str) -> exp.Expr:
    """Whether a text starts with another, whatever is in that."""
    if not known(dialect).starts_by_pattern:
        return exp.StartsWith(this=value, expression=part)
    return exp.EQ(this=exp.Left(this=value, expression=exp.Length(this=part)), expression=part.copy())


def extremum(kind: type[exp.Greatest] | type[exp.Least], values: list[exp.Expr], dialect: str) -> exp.Expr:
    """GREATEST or LEAST that is blank where one value is blank."""
    found = kind(this=values[0], expressions=values[1:], ignore_nulls=False)
    open_ = [value for value in values if not isinstance(value, exp.Literal)]
    if not known(dialect).overlooks_blanks or not open_:
        return found
    blank = exp.or_(*(exp.Is(this=bracketed(value.copy()), expression=exp.null()) for value in open_))
    return exp.Case(ifs=[exp.If(this=blank, true=exp.null())], default=found)


def _whole_number(value: exp.Expr) -> int | None:
    """The whole number that a constant is; negative constants are a Neg in SQL."""
    sign = 1
    while isinstance(value, (exp.Neg, exp.Paren)):
        sign, value = (-sign if isinstance(value, exp.Neg) else sign), value.this
    return sign * int(value.name) if isinstance(value, exp.Literal) and value.is_int else None


def _times(count: exp.Expr, factor: int) -> exp.Expr:
    number = _whole_number(count)
    if number is not None:
        return exp.Literal.number(number * factor)
    return exp.Mul(this=bracketed(count), expression=exp.Literal.number(factor))
