"""The rows that break a data quality rule, as a query of our own: nothing of dbt's Jinja is in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlglot import exp, parse_one

from semantic.codegen.quality.promises import (
    AcceptedValues,
    AlwaysTrue,
    BelongsTo,
    Condition,
    InRange,
    MatchesPattern,
    NotNull,
    Percentage,
    PositiveInteger,
    Promise,
    Scalar,
    Unique,
    UniqueTogether,
)
from semantic.codegen.quality.rule import QualityRule
from semantic.codegen.quality.spelled import Compiles
from semantic.query.expressions import portable
from semantic.query.rows import identifier
from semantic.query.spec import Unsupported

_TWICE = "bisync_times"


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose rows: a `relation` as the warehouse has it, the other `relations` by model, and the dialect.

    `compiles` says conditions in SQL; `shown` are the columns of an example, besides those of the rule.
    """

    relation: str
    relations: Mapping[str, str]
    dialect: str
    compiles: Compiles
    shown: tuple[str, ...] = ()


def broken_sql(rule: QualityRule, column: str, asked: Asked) -> tuple[str, str]:
    """Two queries: how many rows break the rule, and such rows with the columns that show it.

    Raises `Unsupported` where the rule is about all rows at once, or its condition is SQL of dbt's files.
    """
    conditions: list[exp.Expr] = []
    if where := _condition(rule.where, asked):
        conditions.append(where)
    rows = exp.select("*").from_(exp.to_table(asked.relation, dialect=asked.dialect))
    rows = rows.where(*conditions) if conditions else rows
    keys = rule.promise.columns if isinstance(rule.promise, UniqueTogether) else (column,)
    if isinstance(rule.promise, Unique | UniqueTogether):
        alike = [_column(key, asked) for key in keys]
        times = exp.Window(this=exp.Count(this=exp.Star()), partition_by=alike)
        rows = rows.select(exp.alias_(times, exp.to_identifier(_TWICE)))
    breaks = _breaks(rule.promise, column, asked)
    looked = [*conditions, *([breaks] if isinstance(rule.promise, AlwaysTrue) else [])]
    named = sorted({found.name for part in looked for found in part.find_all(exp.Column)})
    seen = dict.fromkeys((*asked.shown, *(key for key in keys if key), *named))
    every = exp.select().from_(rows.subquery("kept")).where(breaks)
    count = every.copy().select(exp.alias_(exp.Count(this=exp.Star()), "value"))
    sample = every.select(*(_column(name, asked) for name in seen)) if seen else every.select(exp.Star())
    return tuple(one.sql(dialect=asked.dialect, pretty=True) for one in (count, sample.limit(5)))  # type: ignore[return-value]


def _column(name: str, asked: Asked) -> exp.Column:
    return exp.column(identifier(name, asked.dialect))


def _condition(condition: Condition, asked: Asked) -> exp.Expr | None:
    if condition.sql:
        raise Unsupported("Its condition is SQL of dbt's file, which Bisync does not run.")
    if not condition.formula:
        return None
    return exp.paren(parse_one(asked.compiles(condition.formula), dialect=portable(asked.dialect)))


def _literal(value: Scalar) -> exp.Expr:
    if isinstance(value, bool):
        return exp.Boolean(this=value)
    return exp.Literal.string(value) if isinstance(value, str) else exp.Literal.number(value)


def _breaks(promise: Promise, column: str, asked: Asked) -> exp.Expr:
    """What is true of a row that breaks the promise; it is never true of one of which nobody knows."""
    here = _column(column, asked) if column else exp.Null()
    match promise:
        case NotNull():
            return here.is_(exp.Null())
        case Unique():
            return exp.and_(_filled(here), exp.GT(this=exp.column(_TWICE), expression=exp.Literal.number(1)))
        case UniqueTogether():
            return exp.GT(this=exp.column(_TWICE), expression=exp.Literal.number(1))
        case AcceptedValues():
            return _not_accepted(promise, here)
        case BelongsTo():
            return _missing(promise, here, asked)
        case PositiveInteger() | Percentage() | InRange():
            return _outside(promise, here)
        case MatchesPattern(pattern, negated):
            fits = exp.RegexpLike(this=here, expression=exp.Literal.string(pattern))
            return fits if negated else exp.not_(fits)
        case AlwaysTrue(condition):
            found = _condition(condition, asked)
            if found is not None:
                return exp.not_(found)
    raise Unsupported("It is about all rows together: the checks tell whether it holds.")


def _not_accepted(promise: AcceptedValues, here: exp.Expr) -> exp.Expr:
    among = exp.In(this=here, expressions=[_literal(value) for value in promise.values])
    if promise.filled:
        return exp.or_(here.is_(exp.Null()), exp.not_(among))
    return among if promise.negated else exp.and_(_filled(here), exp.not_(among))


def _filled(column: exp.Expr) -> exp.Expr:
    return exp.not_(column.copy().is_(exp.Null()))


def _missing(promise: BelongsTo, here: exp.Expr, asked: Asked) -> exp.Expr:
    if promise.to not in asked.relations:
        raise Unsupported(f"{promise.to} is not in this environment's live version.")
    there = exp.column(identifier(promise.field, asked.dialect), table="there")
    table = exp.to_table(asked.relations[promise.to], dialect=asked.dialect, alias="there")
    same = exp.EQ(this=there, expression=exp.column(here.this, table="kept"))
    return exp.and_(_filled(here), exp.not_(exp.Exists(this=exp.select("1").from_(table).where(same))))


def _outside(promise: PositiveInteger | Percentage | InRange, here: exp.Expr) -> exp.Expr:
    match promise:
        case PositiveInteger(minimum, _integer):
            limits: tuple[float | None, float | None, bool] = (minimum, None, False)
        case Percentage(maximum):
            limits = (0, maximum, False)
        case InRange(minimum, maximum, strict):
            limits = (minimum, maximum, strict)
    low, high, strictly = limits
    found: list[exp.Expr] = []
    if low is not None:
        below = exp.LTE if strictly else exp.LT
        found.append(below(this=here.copy(), expression=exp.Literal.number(low)))
    if high is not None:
        above = exp.GTE if strictly else exp.GT
        found.append(above(this=here.copy(), expression=exp.Literal.number(high)))
    if isinstance(promise, PositiveInteger) and promise.integer:
        found.append(exp.NEQ(this=here.copy(), expression=exp.Floor(this=here.copy())))
    return exp.or_(*found)
