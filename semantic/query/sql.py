"""Bisync's own SQL for a formula: the second opinion beside MetricFlow's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from sqlglot import exp

from semantic.definitions import Grain, Vocabulary
from semantic.formula.tree import ColumnRef, Node, walk
from semantic.query.dialects import beside_dates, moved
from semantic.query.expressions import Writer
from semantic.query.plan import Plan
from semantic.query.rows import Warehouse, identifier, truncated
from semantic.query.sources import Followed, Leaf, Source
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
    query = _Query(plan, spec).select(value)
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
        shown.setdefault(name, exp.alias_(column.copy(), identifier(name, dialect)))
    query = _only(rows.select(*shown.values()), source)
    if source.time is not None:
        query = query.order_by(exp.Ordered(this=source.time.copy(), desc=True, nulls_first=False))
    return query.limit(limit).sql(dialect=dialect, pretty=True)


def rows_sql(
    tree: Node,
    model: str,
    name: str,
    vocabulary: Vocabulary,
    relations: Mapping[str, str],
    *,
    dialect: str,
    limit: int = 20,
) -> str:
    """Some rows of a model: its key, the fields that a value of each row reads, and that value as `name`."""
    warehouse = Warehouse(vocabulary, relations, dialect)
    key = vocabulary.keys.get(model, "")
    read = (part.column for part in walk(tree) if isinstance(part, ColumnRef))
    fields = [exp.column(identifier(one, dialect)) for one in dict.fromkeys(filter(None, (key, *read)))]
    value = exp.alias_(_row_value(tree, warehouse), identifier(name, dialect))
    query = exp.select(*fields, value).from_(warehouse.table(model, model))
    query = query.order_by(fields[0].copy()) if key else query
    return query.limit(limit).sql(dialect=dialect, pretty=True)


def blanks_sql(
    tree: Node, model: str, vocabulary: Vocabulary, relations: Mapping[str, str], *, dialect: str
) -> str:
    """How many rows a model has, and in how many a value of each row is not blank."""
    warehouse = Warehouse(vocabulary, relations, dialect)
    filled = exp.Count(this=_row_value(tree, warehouse))
    query = exp.select(exp.Count(this=exp.Star()).as_("rows"), filled.as_("filled"))
    return query.from_(warehouse.table(model, model)).sql(dialect=dialect, pretty=True)


def _row_value(tree: Node, warehouse: Warehouse) -> exp.Expr:
    def leaf(part: Node) -> exp.Expr | None:
        return exp.column(identifier(part.column, warehouse.dialect)) if isinstance(part, ColumnRef) else None

    return Writer(warehouse.vocabulary, warehouse.dialect, leaf).sql(tree)


def row_count_sql(tree: Node, vocabulary: Vocabulary, relations: Mapping[str, str], *, dialect: str) -> str:
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
    query = _Query(plan, QuerySpec(grain=grain))
    source = query.only_source
    if source is None or source.rows.joins or source.time is None:
        raise Unsupported("The metric needs more than the rows of one model.")
    parts = (query.computed(source, value), _condition(source), source.time)
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
    return found or [source.rows.named(model.name, column.name) for column in model.columns]


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


def _known(value: exp.Expr) -> exp.Expr:
    return exp.Is(this=value.copy(), expression=exp.Not(this=exp.null()))


def _date(day: date) -> exp.Expr:
    return exp.cast(exp.Literal.string(day.isoformat()), "date")


def _equal(one: str, other: str | int) -> exp.Expr:
    value = exp.column(other) if isinstance(other, str) else exp.Literal.number(other)
    return exp.EQ(this=exp.column(one), expression=value)


class _Query:
    """A plan put into one query."""

    def __init__(self, plan: Plan, spec: QuerySpec) -> None:
        self.plan = plan
        self.grain = spec.grain
        self.first, self.after = spec.days(plan.dated_by)
        self.sources = list(plan.sources.values())
        if not self.sources:
            raise Unsupported("The formula names no total and no metric.")

    @property
    def only_source(self) -> Source | None:
        """The one source, where a single SELECT without a subquery can compute everything."""
        source = self.sources[0]
        plain = len(self.sources) == 1 and not (source.running or source.level or source.followed)
        return source if plain and not self.plan.fills_periods else None

    def select(self, value: exp.Expr) -> exp.Select:
        source = self.only_source
        if source is None:
            return self._joined(value)
        return self._grouped(source, [exp.alias_(self.computed(source, value), "value")])

    def computed(self, source: Source, value: exp.Expr) -> exp.Expr:
        """The value with each total written where its name stood."""
        totals = {leaf.name: leaf for leaf in source.leaves}

        def written(node: exp.Expr) -> exp.Expr:
            if isinstance(node, exp.Column) and not node.table and node.name in totals:
                return self._aggregate(totals[node.name], source)
            return node

        return value.transform(written)

    def _aggregate(self, leaf: Leaf, source: Source) -> exp.Expr:
        shared = len({leaf.condition for leaf in source.leaves}) > 1
        return leaf.sql(shared=shared, by_period=self.grain is not None)

    def _period(self, time: exp.Expr, grain: Grain) -> exp.Expr:
        return exp.cast(truncated(time.copy(), grain, self.plan.warehouse.dialect), "date")

    def _within(self, time: exp.Expr) -> list[exp.Expr]:
        """The days asked for, half open so that times of day are covered."""
        found: list[exp.Expr] = []
        time = beside_dates(time, self.plan.warehouse.dialect)
        if self.first:
            found.append(exp.GTE(this=time.copy(), expression=_date(self.first)))
        if self.after:
            found.append(exp.LT(this=time.copy(), expression=_date(self.after)))
        return found

    # One source

    def _rows(self, source: Source, columns: list[exp.Expr]) -> exp.Select:
        """The rows of a source that count, with their period first where the question has a grain."""
        time = source.time
        if self.grain and time is not None:
            columns = [exp.alias_(self._period(time, self.grain), "period"), *columns]
        query = _only(source.rows.select(*columns), source)
        if time is not None:
            query = query.where(*self._within(time), *([_known(time)] if self.grain else []))
        if source.moved and time is not None:
            query = query.where(self._within_spine(time))
        if source.earlier is not None:
            table, _day = self.plan.warehouse.spine()
            query = query.join(table, on=source.earlier.copy())
        return query

    def _grouped(self, source: Source, columns: list[exp.Expr]) -> exp.Select:
        query = self._rows(source, columns)
        if self.grain and source.time is not None:
            query = query.group_by(self._period(source.time, self.grain))
        return query

    def _levels(self, source: Source) -> exp.Select:
        """Balances: only rows of the first or last date of their period and group count."""
        level = source.level
        assert level is not None
        groups = [group.copy() for group in level.groups]
        if self.grain and source.time is not None:
            groups.append(self._period(source.time, self.grain))
        edge = {"min": exp.Min, "max": exp.Max}[level.choice](this=level.moment.copy())
        inner = self._rows(
            source,
            [
                exp.alias_(level.moment.copy(), "moment"),
                exp.alias_(exp.Window(this=edge, partition_by=groups), "edge"),
                *(exp.alias_(leaf.counted.row(), leaf.name) for leaf in source.leaves),
            ],
        ).where(*(_known(group) for group in level.groups))
        period = [exp.column("period")] if self.grain else []
        totals = [exp.alias_(leaf.counted.over(exp.column(leaf.name)), leaf.name) for leaf in source.leaves]
        query = exp.select(*period, *totals).from_(inner.subquery("balances"))
        return query.where(_equal("moment", "edge")).group_by(*period)

    def _followed(self, source: Source, followed: Followed) -> exp.Select:
        """Each following row counts on the day of the last row before it, as MetricFlow attributes them."""
        assert source.time is not None
        leaf, event = source.leaves[0], followed.event
        first = source.rows.select(
            exp.alias_(followed.own.copy(), "entity"), exp.alias_(self._period(source.time, "day"), "day")
        ).where(*self._within(source.time), *([leaf.condition] if leaf.condition else []))
        day = self._period(event.time, "day")
        place = exp.Window(this=exp.RowNumber(), order=exp.Order(expressions=[exp.Ordered(this=day.copy())]))
        then = event.rows.select(
            exp.alias_(followed.entity.copy(), "entity"),
            exp.alias_(day, "day"),
            exp.alias_(leaf.counted.row(), "counted"),
            exp.alias_(place, "event"),
        ).where(*([event.condition] if event.condition else []))
        before, after = exp.column("day", table="base"), exp.column("day", table="following")
        until = [
            exp.EQ(
                this=exp.column("entity", table="base"), expression=exp.column("entity", table="following")
            ),
            exp.LTE(this=before, expression=after),
        ]
        if followed.window:
            back, unit = exp.Literal.number(-followed.window.count), followed.window.unit
            begin = moved(after.copy(), back, unit, self.plan.warehouse.dialect)
            until.append(exp.GT(this=before.copy(), expression=begin))
        last = exp.Window(
            this=exp.RowNumber(),
            partition_by=[exp.column("event", table="following")],
            order=exp.Order(expressions=[exp.Ordered(this=before.copy(), desc=True)]),
        )
        pairs = exp.select(
            exp.alias_(before.copy(), "day"), exp.column("counted"), exp.alias_(last, "place")
        ).from_(first.subquery("base"))
        pairs = pairs.join(then.subquery("following"), on=exp.and_(*until))
        total = exp.alias_(leaf.counted.over(exp.column("counted")), leaf.name)
        period = [self._period(exp.column("day"), self.grain)] if self.grain else []
        query = exp.select(*(exp.alias_(one, "period") for one in period), total).from_(
            pairs.subquery("pairs")
        )
        return query.where(_equal("place", 1)).group_by(*(one.copy() for one in period))

    # Several sources

    def _joined(self, value: exp.Expr) -> exp.Select:
        """One CTE per source, put side by side: by period, or as single rows."""
        parts: dict[str, exp.Select] = {}
        for number, source in enumerate(self.sources, start=1):
            name = f"{source.rows.model.name}_totals" + (f"_{number}" if len(self.sources) > 1 else "")
            parts[name] = self._part(source)
        if self.plan.fills_periods and self.grain:
            parts["periods"] = self._periods(self.grain)
        period = [exp.column("period")] if self.grain else []
        first, *others = parts
        query = exp.select(*period, exp.alias_(value, "value")).from_(exp.to_table(first))
        for name in others:
            if self.grain:
                query = query.join(exp.to_table(name), join_type="FULL OUTER", using="period")
            else:
                query = query.join(exp.to_table(name), join_type="CROSS")
        for name, part in parts.items():
            query = query.with_(name, as_=part)
        return query

    def _part(self, source: Source) -> exp.Select:
        if source.running:
            return self._running(source)
        if source.level:
            return self._levels(source)
        if source.followed:
            return self._followed(source, source.followed)
        totals = [exp.alias_(self._aggregate(leaf, source), leaf.name) for leaf in source.leaves]
        return self._grouped(source, totals)

    # Time

    def _periods(self, grain: Grain) -> exp.Select:
        """Every period of the time spine, for totals that are shown where nothing happened."""
        table, day = self.plan.warehouse.spine()
        periods = exp.select(exp.alias_(self._period(day, grain), "period")).distinct().from_(table)
        return periods.where(*self._within(day))

    def _within_spine(self, time: exp.Expr) -> exp.Expr:
        """Totals moved into the future end where dbt's table of days ends."""
        table, day = self.plan.warehouse.spine()
        last = exp.select(exp.Max(this=day)).from_(table).subquery()
        return exp.LTE(this=self._period(time, "day"), expression=last)

    def _running(self, source: Source) -> exp.Select:
        """A running total for every day of the spine, and for each period the day that stands for it."""
        assert source.running is not None
        assert self.grain is not None
        table, day = self.plan.warehouse.spine()
        daily = self._daily(source, table, day).where(*self._within(day)).subquery("daily")
        totals: list[exp.Expr] = [exp.column(leaf.name) for leaf in source.leaves]
        if self.grain == "day":
            return exp.select(exp.alias_(exp.column("day"), "period"), *totals).from_(daily)
        period = self._period(exp.column("day"), self.grain)
        if source.running.keep == "average":
            means = [exp.alias_(exp.Avg(this=total.copy()), total.name) for total in totals]
            query = exp.select(exp.alias_(period, "period"), *means).from_(daily)
            return query.group_by(period.copy())
        order = exp.Ordered(this=exp.column("day"), desc=source.running.keep == "last")
        place = exp.Window(
            this=exp.RowNumber(), partition_by=[period.copy()], order=exp.Order(expressions=[order])
        )
        numbered = exp.select(
            exp.alias_(period, "period"), exp.alias_(place, "place"), *(total.copy() for total in totals)
        ).from_(daily)
        kept = exp.select("period", *totals).from_(numbered.subquery("numbered"))
        return kept.where(_equal("place", 1))

    def _daily(self, source: Source, spine: exp.Table, day: exp.Expr) -> exp.Select:
        running, time = source.running, source.time
        assert running is not None
        assert time is not None
        happened = self._period(time, "day")
        until: list[exp.Expr] = [exp.LTE(this=happened, expression=day.copy())]
        if running.window:
            back = exp.Literal.number(-running.window.count)
            begin = moved(day.copy(), back, running.window.unit, self.plan.warehouse.dialect)
            until.append(exp.GT(this=happened.copy(), expression=begin))
        if running.to_date:
            until.append(exp.GTE(this=happened.copy(), expression=self._period(day, running.to_date)))
        totals = [exp.alias_(leaf.sql(shared=False, by_period=True), leaf.name) for leaf in source.leaves]
        query = source.rows.select(exp.alias_(day.copy(), "day"), *totals).join(spine, on=exp.and_(*until))
        return _only(query, source).group_by(day.copy())
