"""What has to be totalled for a number: a formula or metric taken apart down to totals over rows.

The answers have to be MetricFlow's to the last blank, since every number is computed both ways before it is
agreed. Hence two habits that SQL does not have: counting no rows at all gives blank, and a period without a
matching row gives blank for every kind of total.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial

from sqlglot import exp

from semantic.balances import Balance
from semantic.definitions import (
    ConversionParams,
    Grain,
    Measure,
    Metric,
    MetricInput,
)
from semantic.formula.printer import print_formula
from semantic.formula.registry import TOTALS
from semantic.formula.tree import (
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
from semantic.query import filters
from semantic.query.brackets import bracketed
from semantic.query.dialects import divided, moved, refuse_total, stands_alone, totalled
from semantic.query.expressions import Writer, value_type
from semantic.query.rows import Rows, Warehouse, parsed, truncated
from semantic.query.sources import (
    Along,
    Condition,
    Counted,
    Cumulative,
    Event,
    Followed,
    Leaf,
    Level,
    Source,
    Window,
)
from semantic.query.spec import GRAINS, PeriodsOnly, Unsupported


@dataclass(slots=True)
class Plan:
    """The sources found so far, and the expression over their leaves."""

    warehouse: Warehouse
    grain: Grain | None = None
    dated: bool = False
    time_column: str = ""
    sources: dict[tuple[object, ...], Source] = field(default_factory=dict)
    fills_periods: bool = False
    dated_by: Grain = "day"
    _count: int = 0
    _open: list[str] = field(default_factory=list)

    def expression(self, tree: Node) -> exp.Expr:
        """The formula with each total replaced by a column named after its leaf."""
        return Writer(self.warehouse.vocabulary, self.warehouse.dialect, self._leaf_of).sql(tree)

    def _leaf_of(self, node: Node) -> exp.Expr | None:
        along = Along()
        if isinstance(node, Conversion):
            window = Window.of(node.window) if node.window else None
            return self._converted(self._event(node.value), self._event(node.then), node.entity, window)
        if isinstance(node, Running):
            window = Window.of(node.window) if node.window else None
            grows = Cumulative(window, node.to_date, node.keep)
            along, node = Along(running=self._growing(grows, print_formula(node))), node.value
        elif isinstance(node, Prior):
            along, node = Along(offset=Window.of(node.length)), node.value
        node, conditions = self._bare(node)
        if isinstance(node, MetricRef):
            return self.metric(node.metric, conditions, along)
        if isinstance(node, Total):
            return self._total(node, conditions, along)
        if isinstance(node, ColumnRef):
            raise Unsupported(f"{node.column} is a value for each row and needs a total around it.")
        if conditions:
            raise Unsupported("WHERE can only follow a total or a metric.")
        return None

    def _bare(self, node: Node) -> tuple[Node, tuple[Condition, ...]]:
        """What stands before the WHEREs, and their conditions."""
        conditions: tuple[Condition, ...] = ()
        while isinstance(node, Where):
            conditions = (partial(self._tree_condition, node.condition), *conditions)
            node = node.value
        return node, conditions

    def _tree_condition(self, condition: Node, rows: Rows, _time: exp.Expr | None) -> exp.Expr:
        return row_writer(rows).sql(condition)

    # Totals of the formula itself

    def _total(self, total: Total, conditions: tuple[Condition, ...], along: Along) -> exp.Expr:
        rows = Rows(self.warehouse.vocabulary.models[model_of(total)], self.warehouse)
        source = Source(rows, self._time(rows, "", self.time_column), along.running)
        if along.offset:
            self._move(print_formula(total), source, along.offset)
        return self._leaf(source, self._counted_in(total, rows), conditions)

    def _counted_in(self, total: Total, rows: Rows) -> Counted:
        agg, value = TOTALS[total.name], None
        if total.arg:
            kind = value_type(total.arg, self.warehouse.vocabulary)
            value = totalled(agg, row_writer(rows).sql(total.arg), kind, self.warehouse.dialect)
        return Counted(agg, value, total.fraction, self.warehouse.dialect)

    def _time(self, rows: Rows, dimension: str, column: str = "") -> exp.Expr | None:
        """The column that says when a row happened, where anybody asks for that."""
        semantic = rows.model.semantic
        if column and rows.model.column(column):
            return rows.column(rows.model.name, column)
        chosen = column if semantic and semantic.time_dimension(column) else ""
        name = dimension or chosen or (semantic.agg_time_dimension if semantic else "")
        found = next((d for d in semantic.dimensions if d.name == name), None) if semantic else None
        if found is None:
            if self.dated:
                raise Unsupported(f"{rows.model.name} has no time dimension; choose its date column.")
            return None
        if self.grain and found.granularity and GRAINS.index(found.granularity) > GRAINS.index(self.grain):
            raise Unsupported(f"{rows.model.name} is dated by {found.granularity}, not by {self.grain}.")
        self.dated_by = max(self.dated_by, found.granularity or "day", key=GRAINS.index)
        return rows.operand(found.expr)

    def _leaf(self, wanted: Source, counted: Counted, conditions: tuple[Condition, ...]) -> exp.Expr:
        """A column that stands for the total, computed once however often it is named."""
        refuse_total(counted.agg, self.warehouse.dialect)
        found = [condition(wanted.rows, wanted.time) for condition in conditions]
        leaf = Leaf(f"total_{self._count + 1}", counted, exp.and_(*found) if found else None)
        time = wanted.time.sql() if wanted.time and self.dated else ""
        key: tuple[object, ...]
        key = (wanted.rows.model.name, time, wanted.running, wanted.level, wanted.earlier)
        if wanted.running or wanted.level:
            key = (*key, leaf.condition and leaf.condition.sql())
        if stands_alone(counted.agg, self.warehouse.dialect):
            key = (*key, leaf.sql(shared=True, by_period=True).sql())
        source = self.sources.setdefault(key, wanted)
        source.rows.add(wanted.rows)
        same = next((known for known in source.leaves if known.same_as(leaf)), None)
        if same is None:
            self._count += 1
            source.leaves.append(leaf)
        return exp.column((same or leaf).name)

    # Metrics that dbt knows

    def metric(self, name: str, conditions: tuple[Condition, ...], along: Along | None = None) -> exp.Expr:
        """A metric as dbt defines it, over the rows that fulfil the conditions as well."""
        along = along or Along()
        metric = self.warehouse.vocabulary.metrics.get(name)
        if metric is None:
            raise Unsupported(f"There is no metric {name} in this version of the project.")
        if name in self._open:
            raise Unsupported(f"The metric {name} is defined by itself.")
        conditions += tuple(partial(filters.condition, text) for text in metric.filters)
        if metric.type != "simple":
            self._require_whole(metric, along)
        self._open.append(name)
        try:
            return self._definition(metric, conditions, along)
        finally:
            self._open.pop()

    def _definition(self, metric: Metric, conditions: tuple[Condition, ...], along: Along) -> exp.Expr:
        match metric.type:
            case "simple":
                return self._measured(metric, conditions, along)
            case "ratio" if metric.numerator and metric.denominator:
                top, bottom = (
                    self._input(part, conditions, along) for part in (metric.numerator, metric.denominator)
                )
                return divided(bracketed(top), bracketed(bottom), self.warehouse.dialect)
            case "derived":
                return self._derived(metric, conditions, along)
            case "cumulative" if not along.offset:
                return self._measured(
                    metric, conditions, Along(running=self._growing(Cumulative.of(metric), metric.name))
                )
            case "cumulative":
                raise Unsupported(f"{metric.name} runs along with time and is moved in it.")
            case "conversion" if metric.conversion and not along.offset:
                return self._conversion(metric, metric.conversion, conditions)
        raise Unsupported(f"{metric.name} is a {metric.type} metric, which only MetricFlow can compute.")

    def _require_whole(self, metric: Metric, along: Along) -> None:
        """Of what is made of totals, MetricFlow moves the finished periods and not the rows."""
        if along.running:
            raise Unsupported(f"{metric.name} runs along with time and is more than one total.")
        if along.offset is None or self.grain is None or self.grain == "day":
            return
        by, length = along.offset.length, Window(1, self.grain).length
        if by[0] != length[0] or by[1] % length[1]:
            raise Unsupported(f"{metric.name} is moved in time, but not by whole {self.grain}s.")

    def _input(self, part: MetricInput, conditions: tuple[Condition, ...], along: Along) -> exp.Expr:
        if part.offset_to_grain:
            raise Unsupported(f"{part.name} is compared with the beginning of its {part.offset_to_grain}.")
        if part.offset_window:
            if along.offset:
                raise Unsupported(f"{part.name} is moved in time twice.")
            along = Along(offset=Window.read(part.offset_window))
        conditions += tuple(partial(filters.condition, text) for text in part.filters)
        return self.metric(part.name, conditions, along)

    def _derived(self, metric: Metric, conditions: tuple[Condition, ...], along: Along) -> exp.Expr:
        inputs = {(part.alias or part.name).lower(): part for part in metric.inputs}

        def resolved(node: exp.Expr) -> exp.Expr:
            if not isinstance(node, exp.Column):
                return node
            if node.name.lower() not in inputs:
                raise Unsupported(f"{metric.name} uses {node.name}, which is none of its inputs.")
            return bracketed(self._input(inputs[node.name.lower()], conditions, along))

        return parsed(metric.expr, self.warehouse.dialect).transform(resolved)

    def _growing(self, grows: Cumulative, name: str) -> Cumulative | None:
        """None without a period, where everything is the total of everything, if that has no window."""
        if self.grain is None and (grows.window or grows.to_date or self.dated):
            raise PeriodsOnly(f"{name} runs along with time; ask for it by day, week or month.")
        return grows if self.grain is not None else None

    # Conversions

    def _event(self, node: Node) -> Event:
        node, conditions = self._bare(node)
        assert isinstance(node, Total)
        rows = Rows(self.warehouse.vocabulary.models[model_of(node)], self.warehouse)
        time = self._when(rows, "", self.time_column)
        return Event(rows, time, self._counted_in(node, rows), conditions)

    def _conversion(
        self, metric: Metric, found: ConversionParams, conditions: tuple[Condition, ...]
    ) -> exp.Expr:
        """As dbt defines it; a filter of the metric is one of its first event."""
        if found.calculation != "conversion_rate" or found.constant:
            raise Unsupported(f"{metric.name} is a conversion that only MetricFlow can compute.")
        events = []
        for name, texts in ((found.base, found.base_filters), (found.then, found.then_filters)):
            if name not in self.warehouse.vocabulary.measures:
                raise Unsupported(f"{metric.name} counts its rows in a way that only MetricFlow can.")
            model, measure = self.warehouse.vocabulary.measures[name]
            rows = Rows(model, self.warehouse)
            own = tuple(partial(filters.condition, text) for text in texts)
            time = self._when(rows, measure.agg_time_dimension)
            events.append(Event(rows, time, self._counted_by(measure, rows), own))
        base, then = events
        base = replace(base, conditions=(*base.conditions, *conditions))
        window = Window.read(found.window) if found.window else None
        return self._converted(base, then, found.entity, window)

    def _when(self, rows: Rows, dimension: str, column: str = "") -> exp.Expr:
        time = self._time(rows, dimension, column)
        if time is None:
            raise Unsupported(f"{rows.model.name} has no time dimension; choose its date column.")
        return time

    def _converted(self, base: Event, then: Event, entity: str, window: Window | None) -> exp.Expr:
        total = self._leaf(Source(base.rows, base.time), base.counted, base.conditions)
        self._count += 1
        leaf = Leaf(f"total_{self._count}", then.counted, base.condition)
        followed = Followed(then, base.rows.entity(entity), then.rows.entity(entity), window)
        source = Source(base.rows, base.time, followed=followed, leaves=[leaf])
        self.sources["followed", self._count] = source
        return divided(exp.column(leaf.name), total, self.warehouse.dialect)

    # Metrics that are one total

    def _measured(
        self,
        metric: Metric,
        conditions: tuple[Condition, ...],
        along: Along,
    ) -> exp.Expr:
        if metric.measure not in self.warehouse.vocabulary.measures:
            raise Unsupported(f"{metric.name} totals its rows in a way that only MetricFlow can compute.")
        model, measure = self.warehouse.vocabulary.measures[metric.measure]
        rows = Rows(model, self.warehouse)
        source = Source(rows, self._time(rows, measure.agg_time_dimension), along.running)
        source.level = self._level(metric, measure, rows)
        if source.level and (along.offset or along.running):
            raise Unsupported(f"{metric.name} is a level that is moved or added up over time.")
        if along.offset:
            self._move(metric.name, source, along.offset)
        column = self._leaf(source, self._counted_by(measure, rows), conditions)
        if metric.fill_nulls_with is None:
            return column
        self.fills_periods |= metric.join_to_timespine
        return exp.Coalesce(this=column, expressions=[exp.Literal.number(f"{metric.fill_nulls_with:g}")])

    def _counted_by(self, measure: Measure, rows: Rows) -> Counted:
        value = None if counts_rows(measure) else rows.expression(measure.expr)
        return Counted(measure.agg, value, measure.percentile, self.warehouse.dialect)

    def _level(self, metric: Metric, measure: Measure, rows: Rows) -> Level | None:
        if not isinstance(measure, Balance):
            return None
        semantic = rows.model.semantic
        dimensions = semantic.dimensions if semantic else ()
        found = next((d for d in dimensions if d.name == measure.dimension), None)
        if found is None or found.granularity is None:
            raise Unsupported(f"{metric.name} is a level at a time that Bisync does not know.")
        moment = truncated(rows.expression(found.expr), found.granularity, self.warehouse.dialect)
        return Level(moment, measure.choice, tuple(rows.entity(name) for name in measure.groupings))

    def _move(self, name: str, source: Source, offset: Window) -> None:
        """Let the rows of a source count as much later as `offset` says."""
        grain, time, dialect = self.grain, source.time, self.warehouse.dialect
        if grain is None or time is None:
            raise PeriodsOnly(f"{name} is compared with an earlier time; ask for it by period.")
        whole = GRAINS.index(offset.unit) >= GRAINS.index(grain) >= GRAINS.index("month")
        if whole or offset.unit in ("day", "week"):
            source.moved = True
            source.time = moved(time, exp.Literal.number(offset.count), offset.unit, dialect)
            return
        if grain == "week":
            raise Unsupported(f"{name} is moved by {offset.unit}s, which are no whole weeks.")
        _table, day = self.warehouse.spine()
        before = moved(day.copy(), exp.Literal.number(-offset.count), offset.unit, dialect)
        happened = exp.cast(truncated(time, "day", dialect), "date")
        source.earlier = exp.EQ(this=happened, expression=exp.cast(before, "date"))
        source.time = day


def row_writer(rows: Rows) -> Writer:
    """SQL over single rows: columns are the model's own or a neighbour's."""

    def leaf(node: Node) -> exp.Expr | None:
        return rows.column(node.model, node.column) if isinstance(node, ColumnRef) else None

    return Writer(rows.warehouse.vocabulary, rows.warehouse.dialect, leaf)


def model_of(total: Total) -> str:
    """The model whose rows a total of a resolved tree counts."""
    models = {node.model for node in walk(total) if isinstance(node, ColumnRef)} | {total.model} - {""}
    if len(models) != 1:
        raise Unsupported("A total needs the columns of exactly one model.")
    return models.pop()


def counts_rows(measure: Measure) -> bool:
    """Whether a measure counts rows whatever is in them."""
    return measure.agg in ("count", "sum") and measure.expr.strip() == "1"
