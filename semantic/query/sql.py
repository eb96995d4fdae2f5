"""Bisync's own SQL for a formula: the second opinion beside MetricFlow's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from sqlglot import exp

from semantic.definitions import Grain, Vocabulary
from semantic.formula.tree import Node
from semantic.query.expressions import moved
from semantic.query.plan import Leaf, Plan, Source
from semantic.query.rows import Rows, Warehouse, identifier, truncated
from semantic.query.spec import QuerySpec, Unsupported


def metric_sql(
    tree: Node,
    vocabulary: Vocabulary,
    relations: Mapping[str, str],
    *,
    dialect: str,
    spec: QuerySpec | None = None,
    time_column: str = "",
) -> str:
    """One query whose columns are `period` (where the question has a grain) and `value`.

    `tree` has been resolved by the checker. `time_column` dates the rows of each model that has such a
    column; other rows, and those of metrics, are dated as dbt says. Rows without a date belong to no period.
    Raises Unsupported, with a sentence, for what only MetricFlow can compute.
    """
    spec = spec or QuerySpec()
    dated = bool(spec.grain or spec.start or spec.end)
    plan = Plan(Warehouse(vocabulary, relations, dialect), spec.grain, dated, time_column)
    value = plan.expression(tree)
    sources = list(plan.sources.values())
    if not sources:
        raise Unsupported("The formula names no total and no metric.")
    query = (
        _one_select(sources[0], value, plan, spec)
        if len(sources) == 1 and not sources[0].running and not plan.fills_periods
        else _joined(sources, value, plan, spec)
    )
    if spec.grain:
        query = query.order_by(exp.column("period"))
    if spec.limit is not None:
        query = query.limit(spec.limit)
    return query.sql(dialect=dialect, pretty=True)


def sample_sql(
    tree: Node,
    vocabulary: Vocabulary,
    relations: Mapping[str, str],
    *,
    dialect: str,
    limit: int = 20,
    time_column: str = "",
) -> str:
    """Some of the rows behind the first total of a formula, newest first, with the columns it looks at."""
    plan = Plan(Warehouse(vocabulary, relations, dialect), time_column=time_column)
    source = _first_source(plan, tree)
    rows = source.rows
    shown: dict[str, exp.Expr] = {}
    for column in _columns(source):
        name = column.name if column.table == rows.model.name else f"{column.table}_{column.name}"
        shown.setdefault(name, exp.alias_(column.copy(), identifier(name)))
    query = _only(rows.select(*shown.values()), source)
    if source.time is not None:
        query = query.order_by(exp.Ordered(this=source.time.copy(), desc=True, nulls_first=False))
    return query.limit(limit).sql(dialect=dialect, pretty=True)


def row_count_sql(
    tree: Node,
    vocabulary: Vocabulary,
    relations: Mapping[str, str],
    *,
    dialect: str,
) -> str:
    """How many rows stand behind the first total of a formula, as `value`."""
    plan = Plan(Warehouse(vocabulary, relations, dialect))
    source = _first_source(plan, tree)
    count = exp.alias_(exp.Count(this=exp.Star()), "value")
    return _only(source.rows.select(count), source).sql(dialect=dialect, pretty=True)


@dataclass(frozen=True, slots=True)
class RowQuery:
    """A metric over the rows of one model: SELECT `value` WHERE `condition`, dated by `time`."""

    model: str
    value: str
    condition: str
    time: str


def row_query(
    tree: Node, vocabulary: Vocabulary, *, dialect: str, grain: Grain, time_column: str = ""
) -> RowQuery:
    """The formula as SQL over one table, for a test inside dbt; raises Unsupported where it needs more."""
    relations = {name: name for name in vocabulary.models}
    plan = Plan(Warehouse(vocabulary, relations, dialect), grain, dated=True, time_column=time_column)
    value = plan.expression(tree)
    sources = list(plan.sources.values())
    simple = len(sources) == 1 and not sources[0].running and not plan.fills_periods
    if not simple or sources[0].rows.joins or sources[0].time is None:
        raise Unsupported("The metric needs more than the rows of one model.")
    source = sources[0]
    spec = QuerySpec(grain=grain)
    parts = (_computed(source, value, spec), _condition(source), source.time)
    spelled = [_without_table(part).sql(dialect=dialect) if part else "" for part in parts]
    return RowQuery(source.rows.model.name, *spelled)


def _without_table(expression: exp.Expr) -> exp.Expr:
    return expression.transform(
        lambda node: exp.column(node.this.copy()) if isinstance(node, exp.Column) else node
    )


def _first_source(plan: Plan, tree: Node) -> Source:
    plan.expression(tree)
    if not plan.sources:
        raise Unsupported("The formula names no total and no metric.")
    return next(iter(plan.sources.values()))


def _columns(source: Source) -> list[exp.Column]:
    """The key, the date and every column that a total or its condition reads."""
    semantic = source.rows.model.semantic
    keys = [entity.expr for entity in semantic.entities if entity.type == "primary"] if semantic else []
    parts: list[exp.Expr | None] = [source.rows.expression(key) for key in keys]
    parts.append(source.time)
    for leaf in source.leaves:
        parts += [leaf.counted.value, leaf.condition]
    found = [column for part in parts if part is not None for column in part.find_all(exp.Column)]
    model = source.rows.model
    return found or [exp.column(identifier(c.name), table=identifier(model.name)) for c in model.columns]


def _condition(source: Source) -> exp.Expr | None:
    """What a row must fulfil to count for any of the totals; None where one of them takes every row."""
    conditions = [leaf.condition for leaf in source.leaves]
    if any(condition is None for condition in conditions):
        return None
    different = list(dict.fromkeys(condition for condition in conditions if condition is not None))
    return different[0].copy() if len(different) == 1 else exp.or_(*different)


def _only(query: exp.Select, source: Source) -> exp.Select:
    condition = _condition(source)
    return query.where(condition) if condition is not None else query


def _shared(source: Source) -> bool:
    """Whether the totals of a source look at different rows."""
    return len({leaf.condition for leaf in source.leaves}) > 1


def _aggregate(leaf: Leaf, source: Source, spec: QuerySpec) -> exp.Expr:
    return leaf.sql(shared=_shared(source), by_period=spec.grain is not None)


def _one_select(source: Source, value: exp.Expr, plan: Plan, spec: QuerySpec) -> exp.Select:
    return _grouped(source, [exp.alias_(_computed(source, value, spec), "value")], plan, spec)


def _computed(source: Source, value: exp.Expr, spec: QuerySpec) -> exp.Expr:
    """The value with each total written where its name stood."""
    totals = {leaf.name: leaf for leaf in source.leaves}

    def computed(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.Column) and not node.table and node.name in totals:
            return _aggregate(totals[node.name], source, spec)
        return node

    return value.transform(computed)


def _grouped(source: Source, columns: list[exp.Expr], plan: Plan, spec: QuerySpec) -> exp.Select:
    """SELECT of one source, a row per period where the question has a grain."""
    rows, time = source.rows, source.time
    if spec.grain and time is not None:
        columns = [exp.alias_(_period(time, spec.grain, plan), "period"), *columns]
    query = _only(rows.select(*columns), source)
    if time is not None:
        query = query.where(*_between(time, spec), copy=False)
    if spec.grain and time is not None:
        known = exp.Is(this=time.copy(), expression=exp.Not(this=exp.null()))
        query = query.where(known).group_by(_period(time, spec.grain, plan))
    return _within_spine(query, time, plan) if source.moved and time is not None else query


def _within_spine(query: exp.Select, time: exp.Expr, plan: Plan) -> exp.Select:
    """Totals moved into the future end where dbt's table of days ends."""
    table, day = _spine(plan)
    last = exp.select(exp.Max(this=day)).from_(table).subquery()
    return query.where(exp.LTE(this=_period(time, "day", plan), expression=last))


def _period(time: exp.Expr, grain: Grain, plan: Plan) -> exp.Expr:
    return exp.cast(truncated(time.copy(), grain, plan.warehouse.dialect), "date")


def _between(time: exp.Expr, spec: QuerySpec) -> list[exp.Expr]:
    conditions: list[exp.Expr] = []
    if spec.first_day:
        conditions.append(exp.GTE(this=time.copy(), expression=_date(spec.first_day)))
    if spec.last_day:
        day_after = _date(spec.last_day + timedelta(days=1))
        conditions.append(exp.LT(this=time.copy(), expression=day_after))
    return conditions


def _date(day: date) -> exp.Expr:
    return exp.cast(exp.Literal.string(day.isoformat()), "date")


def _joined(sources: list[Source], value: exp.Expr, plan: Plan, spec: QuerySpec) -> exp.Select:
    """One CTE per source, put side by side: by period, or as single rows."""
    parts: dict[str, exp.Select] = {}
    for number, source in enumerate(sources, start=1):
        name = f"{source.rows.model.name}_totals" + (f"_{number}" if len(sources) > 1 else "")
        parts[name] = _running(source, plan, spec) if source.running else _totals(source, plan, spec)
    if plan.fills_periods and spec.grain:
        parts["periods"] = _periods(plan, spec)
    period = [exp.column("period")] if spec.grain else []
    first, *others = parts
    query = exp.select(*period, exp.alias_(value, "value")).from_(exp.to_table(first))
    for name in others:
        if spec.grain:
            query = query.join(exp.to_table(name), join_type="FULL OUTER", using="period")
        else:
            query = query.join(exp.to_table(name), join_type="CROSS")
    for name, part in parts.items():
        query = query.with_(name, as_=part)
    return query


def _totals(source: Source, plan: Plan, spec: QuerySpec) -> exp.Select:
    columns = [exp.alias_(_aggregate(leaf, source, spec), leaf.name) for leaf in source.leaves]
    return _grouped(source, columns, plan, spec)


def _spine(plan: Plan) -> tuple[exp.Table, exp.Expr]:
    """dbt's table of all days, and the day in it."""
    model, _, column = plan.warehouse.vocabulary.time_spine.partition(".")
    if not column:
        raise Unsupported("The dbt project has no time spine, which running totals need.")
    day = exp.cast(exp.column(identifier(column), table="spine"), "date")
    return plan.warehouse.table(model, "spine"), day


def _periods(plan: Plan, spec: QuerySpec) -> exp.Select:
    """Every period of the time spine, for totals that are shown where nothing happened."""
    assert spec.grain
    table, day = _spine(plan)
    query = exp.select(exp.alias_(_period(day, spec.grain, plan), "period")).distinct().from_(table)
    return query.where(*_between(day, spec))


def _running(source: Source, plan: Plan, spec: QuerySpec) -> exp.Select:
    """A running total for every day of the spine, and for each period the day that stands for it."""
    running, time = source.running, source.time
    if not running or not spec.grain or time is None:
        raise Unsupported("A running total is asked for by period.")
    table, day = _spine(plan)
    daily = _daily(source, table, day, plan).where(*_between(day, spec))
    names = [leaf.name for leaf in source.leaves]
    if spec.grain == "day":
        columns = [exp.alias_(exp.column("day"), "period"), *(exp.column(name) for name in names)]
        return exp.select(*columns).from_(daily.subquery("daily"))
    period = _period(exp.column("day"), spec.grain, plan)
    if running.keep == "average":
        means = [exp.alias_(exp.Avg(this=exp.column(name)), name) for name in names]
        query = exp.select(exp.alias_(period, "period"), *means).from_(daily.subquery("daily"))
        return query.group_by(period.copy())
    order = exp.Order(expressions=[exp.Ordered(this=exp.column("day"), desc=running.keep == "last")])
    place = exp.Window(this=exp.RowNumber(), partition_by=[period.copy()], order=order)
    numbered = exp.select(
        exp.alias_(period, "period"), exp.alias_(place, "place"), *(exp.column(name) for name in names)
    ).from_(daily.subquery("daily"))
    kept = exp.select("period", *(exp.column(name) for name in names)).from_(numbered.subquery("numbered"))
    return kept.where(exp.EQ(this=exp.column("place"), expression=exp.Literal.number(1)))


def _daily(source: Source, spine: exp.Table, day: exp.Expr, plan: Plan) -> exp.Select:
    running, time = source.running, source.time
    assert running is not None
    assert time is not None
    dialect = plan.warehouse.dialect
    happened = _period(time, "day", plan)
    until: list[exp.Expr] = [exp.LTE(this=happened, expression=day.copy())]
    if running.window:
        back = exp.Literal.number(-running.window.count)
        begin = moved(day.copy(), back, running.window.unit, dialect)
        until.append(exp.GT(this=happened.copy(), expression=begin))
    if running.to_date:
        until.append(exp.GTE(this=happened.copy(), expression=_period(day, running.to_date, plan)))
    totals = [exp.alias_(leaf.sql(shared=False, by_period=True), leaf.name) for leaf in source.leaves]
    rows: Rows = source.rows
    query = rows.select(exp.alias_(day.copy(), "day"), *totals).join(spine, on=exp.and_(*until))
    return _only(query, source).group_by(day.copy())
