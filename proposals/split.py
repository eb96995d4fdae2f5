"""What a dimension or a measure shows in an environment's live version, while somebody types it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

from sqlglot import exp

from bisync.lib.errors import BisyncError
from environments.models import Environment
from environments.numbers import Numbers, ask, by_period, number
from environments.selectors import Reading, reading
from semantic.codegen.elements import row_node
from semantic.codegen.entries import Refused
from semantic.definitions import Grain, Model
from semantic.elements import DimensionFields, MeasureFields
from semantic.formula import analyse
from semantic.formula.tree import ColumnRef, Node
from semantic.query.expressions import Writer
from semantic.query.rows import identifier, truncated
from semantic.query.spec import Unsupported

MOST_VALUES = 8


@dataclass(frozen=True, slots=True)
class Split:
    """The most frequent values with their rows, all others, and the rows without one; or the months.

    `trouble` says why there is nothing to show; "" also while nothing is typed yet.
    """

    values: tuple[tuple[str, int], ...] = ()
    others: int = 0
    other_values: int = 0
    blank: int = 0
    sql: str = ""
    numbers: Numbers | None = None
    trouble: str = ""


def values_of(fields: DimensionFields, environment: Environment) -> Split:
    """The values of a dimension with their numbers of rows. Never raises for what a person typed."""
    found = _model(fields.model, environment)
    if found is None or not fields.expr:
        return Split()
    version, model = found
    try:
        node = row_node(fields.expr, version.vocabulary, model.name)
        sql = _values_sql(node, fields, version, model)
        rows = ask(version, sql).rows
    except (BisyncError, Refused, Unsupported) as exc:
        return Split(trouble=str(exc))
    counted = [(str(row[0]), _count(row[1])) for row in rows if row[0] is not None][:MOST_VALUES]
    total, blank, kinds = map(_count, rows[0][2:5]) if rows else (0, 0, 0)
    others = total - blank - sum(count for _value, count in counted)
    return Split(tuple(counted), others, kinds - len(counted), blank, sql)


def months_of(fields: MeasureFields, environment: Environment) -> Split:
    """The total of a measure by month. Never raises for what a person typed."""
    found = _model(fields.model, environment)
    if found is None or not fields.total:
        return Split()
    version, model = found
    analysis = analyse(fields.total, version.vocabulary, model=model.name)
    if analysis.tree is None:
        return Split(trouble=next(one.message for one in analysis.problems if one.level == "error"))
    try:
        numbers = by_period(version, analysis.tree, time=fields.time)
    except (BisyncError, Unsupported) as exc:
        return Split(trouble=str(exc))
    return Split(numbers=numbers, sql=numbers.sql)


def _count(value: object) -> int:
    return int(number(value) or 0)


def _model(unique_id: str, environment: Environment) -> tuple[Reading, Model] | None:
    """The model in what is live, where it is built there."""
    if environment.live is None:
        return None
    version = reading(environment.live)
    models = version.vocabulary.models.values()
    model = next((one for one in models if one.unique_id == unique_id), None)
    return (version, model) if model is not None and model.name in version.relations else None


def _values_sql(node: Node, fields: DimensionFields, version: Reading, model: Model) -> str:
    """Each value with its rows, beside it the rows in all, those without a value, and how many values."""

    def leaf(part: Node) -> exp.Expr | None:
        return exp.column(identifier(part.column, version.dialect)) if isinstance(part, ColumnRef) else None

    value = Writer(version.vocabulary, version.dialect, leaf).sql(node)
    if fields.type == "time":
        grains: tuple[Grain, ...] = get_args(Grain)
        grain: Grain = next((one for one in grains if one == fields.granularity), "day")
        value = truncated(value, grain, version.dialect)
    rows = exp.alias_(exp.Count(this=exp.Star()), "counted")
    grouped = exp.select(exp.alias_(value, "value"), rows).from_(version.relations[model.name])
    grouped = grouped.group_by(value.copy())
    blank = exp.Case(
        ifs=[exp.If(this=exp.column("value").is_(exp.null()), true=exp.column("counted"))],
        default=exp.Literal.number(0),
    )
    beside = [
        exp.alias_(exp.Window(this=one), name)
        for one, name in (
            (exp.Sum(this=exp.column("counted")), "total"),
            (exp.Sum(this=blank), "blank"),
            (exp.Count(this=exp.column("value")), "kinds"),
        )
    ]
    counted = exp.select("value", "counted", *beside).from_(grouped.subquery("grouped"))
    order = exp.Case(
        ifs=[exp.If(this=exp.column("value").is_(exp.null()), true=exp.Literal.number(1))],
        default=exp.Literal.number(0),
    )
    query = exp.select("value", "counted", "total", "blank", "kinds").from_(counted.subquery("shown"))
    query = query.order_by(order, exp.column("counted").desc(), exp.column("value"))
    return query.limit(MOST_VALUES + 1).sql(dialect=version.dialect, pretty=True)
