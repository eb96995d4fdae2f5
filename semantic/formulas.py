"""dbt's metrics said as formulas, and whether two formulas mean the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import reduce
from weakref import WeakKeyDictionary

from sqlglot import exp

from semantic.balances import Balance
from semantic.definitions import (
    ConversionParams,
    Dimension,
    Measure,
    Metric,
    MetricInput,
    Model,
    ValueType,
    Vocabulary,
)
from semantic.formula import (
    FormulaError,
    analyse,
    conjuncts,
    gather_where,
    metric_models,
    print_formula,
    push_where,
)
from semantic.formula.registry import TOTALS
from semantic.formula.tree import (
    Binary,
    Call,
    Case,
    ColumnRef,
    Conversion,
    InPeriod,
    IsBlank,
    Literal_,
    MetricRef,
    Node,
    Period,
    Prior,
    Running,
    Total,
    Where,
    shape,
    transform,
    walk,
)
from semantic.formula.types import Checker
from semantic.query import filters
from semantic.query.expressions import portable, spelled_out
from semantic.query.rows import link, parsed, route
from semantic.query.sources import Cumulative, Window
from semantic.query.spec import Unsupported
from semantic.query.sql import metric_sql
from semantic.reading import Columns, Reader
from semantic.whole_numbers import WholeNumbers

# Totals for which `CASE WHEN c THEN x END` and `x WHERE c` give the same, blanks included.
BLANK_WITHOUT_ROWS = ("sum", "average", "min", "max", "median", "percentile")


def metric_formula(metric: Metric, vocabulary: Vocabulary, *, dialect: str) -> str:
    """The metric said as a formula; "" where that is not possible.

    The author's own spelling, kept in the metric's meta, is used for as long as it means what dbt computes.
    """
    own = metric.meta.get("bisync")
    written = own.get("formula") if isinstance(own, Mapping) else None
    if isinstance(written, str) and _same_sql(written, metric, vocabulary, dialect):
        return written
    try:
        tree = metric_tree(metric, vocabulary, dialect=dialect)
    except Unsupported:
        return ""
    return readable_alone(
        tree, vocabulary, dialect=dialect, written=written if isinstance(written, str) else ""
    )


def readable_alone(tree: Node, vocabulary: Vocabulary, *, dialect: str, written: str = "") -> str:
    """The tree as text that can be read without knowing which model it starts from; "" if there is none.

    What somebody has `written` is preferred, if it means the same.
    """
    wanted = meaning(tree, vocabulary, dialect=dialect)
    if written and _means(written, wanted, vocabulary, dialect):
        return written
    home = next((part.model for part in walk(tree) if isinstance(part, Total)), "")
    spellings: list[tuple[str | None, tuple[str, ...]]]
    spellings = [(home or None, ()), (None, ()), ("", ()), ("", tuple(vocabulary.metrics))]
    for model, shadowed in spellings:
        text = print_formula(gather_where(tree), model=model, shadowed=shadowed)
        if _means(text, wanted, vocabulary, dialect):
            return text
    return ""


def _same_sql(text: str, metric: Metric, vocabulary: Vocabulary, dialect: str) -> bool:
    """Whether a formula comes to the very SQL that the metric comes to, written as dbt's files have it."""
    tree = analyse(text, vocabulary).tree
    if tree is None:
        return False
    places, spelled = {name: name for name in vocabulary.models}, portable(dialect)
    try:
        queries = {
            metric_sql(part, vocabulary, places, dialect=spelled) for part in (tree, MetricRef(metric.name))
        }
    except Unsupported:
        return False
    return len(queries) == 1


def _means(text: str, wanted: str, vocabulary: Vocabulary, dialect: str) -> bool:
    tree = analyse(text, vocabulary).tree
    return tree is not None and meaning(tree, vocabulary, dialect=dialect) == wanted


_meanings: WeakKeyDictionary[Vocabulary, dict[tuple[str, str], str]] = WeakKeyDictionary()


def metric_meaning(metric: Metric, vocabulary: Vocabulary, *, dialect: str) -> str:
    """The `meaning` of a metric's definition, kept per vocabulary; "" where formulas cannot say it."""
    kept = _meanings.setdefault(vocabulary, {})
    key = (metric.name, dialect)
    if key not in kept:
        try:
            tree = metric_tree(metric, vocabulary, dialect=dialect)
        except Unsupported:
            kept[key] = ""
        else:
            kept[key] = meaning(tree, vocabulary, dialect=dialect)
    return kept[key]


def dated_meaning(metric: Metric, vocabulary: Vocabulary, *, dialect: str) -> str:
    """As `metric_meaning`, but another text where totals go by another date: then each month differs."""
    said = metric_meaning(metric, vocabulary, dialect=dialect)
    measures = vocabulary.measures
    below = _made_of(metric, vocabulary).values()
    dates = [chosen_date(*measures[name]) for one in below for name in one.measures if name in measures]
    return f"{said} {dates}" if said and any(dates) else said


def full_meaning(metric: Metric, vocabulary: Vocabulary, *, dialect: str) -> str:
    """A text that changes with the numbers of a metric, whatever its type, and not with its words."""
    said = dated_meaning(metric, vocabulary, dialect=dialect)
    if said:
        return said
    below = _made_of(metric, vocabulary)
    return repr([_numbers(below[name], vocabulary) for name in sorted(below)])


def chosen_date(model: Model, measure: Measure) -> str:
    """The time dimension that dates a measure against its model's habit; else ""."""
    usual = model.semantic.agg_time_dimension if model.semantic else ""
    return "" if measure.agg_time_dimension == usual else measure.agg_time_dimension


def _made_of(metric: Metric, vocabulary: Vocabulary) -> dict[str, Metric]:
    """A metric and all that it is made of, by name."""
    return {**vocabulary.below(metric.made_of), metric.name: metric}


def _numbers(metric: Metric, vocabulary: Vocabulary) -> tuple[Metric, list[Measure | None]]:
    """A metric's own definition without its words, and the measures that it totals."""
    bare = replace(metric, label="", description="", formula="", group="", file="", unique_id="", meta={})
    return bare, [vocabulary.measures.get(name, (None, None))[1] for name in metric.measures]


def meaning(tree: Node, vocabulary: Vocabulary, *, dialect: str) -> str:
    """A text that two formulas share if they compute the same from the same rows.

    Metrics are replaced by their definitions as far as formulas can say them. The order in which conditions
    stand does not count, nor whether one says `= TRUE`.
    """

    def expanded(node: Node, depth: int = 0) -> Node:
        def resolved(part: Node) -> Node:
            metric = vocabulary.metrics.get(part.metric) if isinstance(part, MetricRef) else None
            if metric is None or depth > len(vocabulary.metrics):
                return part
            try:
                return expanded(metric_tree(metric, vocabulary, dialect=dialect), depth + 1)
            except Unsupported:
                return part

        return transform(node, resolved)

    def ordered(part: Node) -> Node:
        if isinstance(part, InPeriod):
            return spelled_out(part)
        if not isinstance(part, Where):
            return part
        return Where(part.value, all_of(sorted(set(map(_plainly, conjuncts(part.condition))), key=repr)))

    return repr(transform(shape(push_where(expanded(tree))), ordered))


def _plainly(condition: Node) -> Node:
    """A condition on rows without a needless `= TRUE`."""
    if isinstance(condition, Binary) and condition.op == "=":
        for one, other in ((condition.left, condition.right), (condition.right, condition.left)):
            if isinstance(other, Literal_) and other.value is True:
                return one
    return condition


def metric_tree(metric: Metric, vocabulary: Vocabulary, *, dialect: str) -> Node:
    """The metric as a resolved tree with its dates made explicit; raises Unsupported, with a sentence."""
    tree = _Metrics(vocabulary, dialect, metric.name).tree(metric)
    try:
        return Checker("", vocabulary).check(tree).node
    except FormulaError as error:
        raise Unsupported(f"{metric.name}: {error}") from error


def row_tree(sql: str, model: Model, vocabulary: Vocabulary, *, dialect: str) -> Node:
    """SQL over one row of a model as a resolved tree; raises Unsupported, with a sentence."""
    return Reader(_columns_of(model), WholeNumbers(vocabulary, dialect)).read(parsed(sql, dialect))


def all_of(conditions: Iterable[Node]) -> Node:
    """The conditions joined by AND."""
    return reduce(lambda left, right: Binary("AND", left, right), conditions)


class _Metrics:
    """Reads the metric `name`; the parts that were written for it alone are read as if they stood in it."""

    def __init__(self, vocabulary: Vocabulary, dialect: str, name: str) -> None:
        self.vocabulary = vocabulary
        self.dialect = dialect
        self.name = name
        self.whole = WholeNumbers(vocabulary, dialect, self._type)
        self.types: dict[str, ValueType] = {}

    def tree(self, metric: Metric) -> Node:
        match metric.type:
            case "simple":
                found = self._simple(metric)
            case "ratio" if metric.numerator and metric.denominator:
                top, bottom = self._input(metric.numerator), self._input(metric.denominator)
                found = self._filtered(Binary("/", top, bottom), metric)
            case "derived":
                found = self._filtered(self._derived(metric), metric)
            case "cumulative":
                found = self._running(metric)
            case "conversion" if metric.conversion:
                found = self._converted(metric, metric.conversion)
            case _:
                raise Unsupported(f"{metric.name} is a {metric.type} metric, which formulas cannot say yet.")
        return found

    def _simple(self, metric: Metric) -> Node:
        if metric.measure not in self.vocabulary.measures:
            raise Unsupported(f"{metric.name} totals its rows in a way that formulas cannot say.")
        if metric.join_to_timespine:
            raise Unsupported(f"{metric.name} is also shown where nothing happened.")
        found = self._measured(metric)
        if metric.fill_nulls_with is None:
            return found
        number = metric.fill_nulls_with
        return Call("COALESCE", (found, Literal_(int(number) if number == int(number) else number)))

    def _running(self, metric: Metric) -> Node:
        if metric.measure not in self.vocabulary.measures or metric.fill_nulls_with is not None:
            raise Unsupported(f"{metric.name} totals its rows in a way that formulas cannot say.")
        grows = Cumulative.of(metric)
        window = grows.window.period if grows.window else None
        return Running(self._measured(metric), window, grows.to_date, grows.keep)

    def _converted(self, metric: Metric, found: ConversionParams) -> Node:
        if found.calculation != "conversion_rate" or found.constant:
            raise Unsupported(f"{metric.name} is a conversion that formulas cannot say.")
        base = self._event(metric, found.base, (*found.base_filters, *metric.filters))
        then = self._event(metric, found.then, found.then_filters)
        window = Window.read(found.window).period if found.window else None
        return Conversion(base, then, found.entity, window)

    def _event(self, metric: Metric, measure: str, filters: tuple[str, ...]) -> Node:
        """Rows that are counted; dbt counts all, or different values."""
        model, known = self.vocabulary.measures.get(measure, (None, None))
        if model is None or known is None or isinstance(known, Balance):
            raise Unsupported(f"{metric.name} counts its rows in a way that formulas cannot say.")
        dates = {_date_of(model, known)}
        return self._total(model, known, [self._condition(text, model, dates) for text in filters])

    # Totals

    def _measured(self, metric: Metric) -> Node:
        """The total of a metric's measure, over the rows that its filters leave."""
        model, measure = self.vocabulary.measures[metric.measure]
        if isinstance(measure, Balance):
            raise Unsupported(f"{metric.name} is a level, not a flow, which formulas cannot say yet.")
        dates = {_date_of(model, measure)}
        return self._total(model, measure, [self._condition(text, model, dates) for text in metric.filters])

    def _total(self, model: Model, measure: Measure, conditions: list[Node]) -> Node:
        row = self._row(measure.expr, model)
        if measure.agg == "sum_boolean":
            return _where(Total("SUM", _one_if(row), model=model.name), conditions)
        if measure.agg in BLANK_WITHOUT_ROWS and _is_filter(row):
            assert isinstance(row, Case)
            conditions, row = [*conditions, row.whens[0][0]], row.whens[0][1]
        if measure.agg in ("sum", "count") and shape(row) == Literal_(1):
            return _where(Total("COUNT", model=model.name), conditions)
        filled = _counted_if_filled(row)
        if measure.agg == "sum" and filled is not None:
            return _where(Total("COUNT", filled, model=model.name), conditions)
        name = next(name for name, agg in TOTALS.items() if agg == measure.agg)
        fraction = measure.percentile if measure.agg == "percentile" else None
        return _where(Total(name, row, fraction, model.name), conditions)

    # Conditions

    def _condition(self, text: str, model: Model, dates: set[str]) -> Node:
        """A filter of dbt as a condition on columns, seen from the rows of `model`.

        `dates` are the time dimensions that date the totals, for which `metric_time` stands.
        """
        found = filters.read(text, self.dialect)

        def column(placed: exp.Column) -> Node:
            return self._referred(found.references[placed.name], model, dates)

        return transform(Reader(column, self.whole).read(found.condition), _without_needless_start)

    def _referred(self, wanted: filters.Reference, model: Model, dates: set[str]) -> Node:
        if wanted.kind == "Entity":
            entity = model.semantic.entity(wanted.name) if model.semantic and not wanted.path else None
            if entity is None:
                raise Unsupported(f"The filter names the entity {wanted.name} of another model.")
            return self._row(entity.expr, model)
        if wanted.name == "metric_time" and not wanted.path:
            return self._dimension(model, _time_of(model, dates), wanted)
        hops, there, dimension = route(model, wanted.path, wanted.name, self.vocabulary)
        direct = not hops or (len(hops) == 1 and link(model, there) == (hops[0].own, hops[0].other))
        if not direct:
            raise Unsupported(f"{model.name} leads to {there.name} in a roundabout way.")
        return self._dimension(there, dimension, wanted)

    def _dimension(self, model: Model, dimension: Dimension, wanted: filters.Reference) -> Node:
        row = self._row(dimension.expr, model)
        grain = wanted.grain or dimension.granularity
        if dimension.type == "categorical":
            return row
        if grain is None:
            raise Unsupported(f"The time dimension {dimension.name} is finer than a day.")
        column = model.column(row.column) if isinstance(row, ColumnRef) else None
        if grain == "day" and column and column.type == "date":
            return row
        return Call("STARTOF", (row, Period(1, grain)))

    def _row(self, sql: str, model: Model) -> Node:
        return row_tree(sql, model, self.vocabulary, dialect=self.dialect)

    # Metrics of metrics

    def _input(self, part: MetricInput) -> Node:
        if part.offset_to_grain:
            raise Unsupported(f"{part.name} is compared with the beginning of its {part.offset_to_grain}.")
        if part.name not in self.vocabulary.metrics:
            raise Unsupported(f"There is no metric {part.name} in this version of the project.")
        found = _where(self._part(part.name), self._conditions(part.filters, part.name))
        return Prior(found, Window.read(part.offset_window).period) if part.offset_window else found

    def _part(self, name: str) -> Node:
        helper = self.vocabulary.metrics[name]
        if helper.helper_of == self.name:
            with suppress(Unsupported):
                return self.tree(helper)
        return MetricRef(name)

    def _derived(self, metric: Metric) -> Node:
        inputs = {(part.alias or part.name).lower(): part for part in metric.inputs}

        def column(placed: exp.Column) -> Node:
            if placed.name.lower() not in inputs:
                raise Unsupported(f"{metric.name} uses {placed.name}, which is none of its inputs.")
            return self._input(inputs[placed.name.lower()])

        return Reader(column, self.whole).read(parsed(metric.expr, self.dialect))

    def _type(self, name: str) -> ValueType:
        """What `WholeNumbers` says of the values of a metric."""
        metric = self.vocabulary.metrics.get(name)
        if metric is None or name in self.types:
            return self.types.get(name, "any")
        self.types[name] = "any"  # for as long as it is looked for: a metric may be defined by itself
        with suppress(Unsupported):
            self.types[name] = self.whole.type(self.tree(metric))
        return self.types[name]

    def _filtered(self, tree: Node, metric: Metric) -> Node:
        return push_where(_where(tree, self._conditions(metric.filters, metric.name)))

    def _conditions(self, texts: tuple[str, ...], name: str) -> list[Node]:
        if not texts:
            return []
        models = metric_models(self.vocabulary, name)
        if len(models) != 1:
            raise Unsupported(f"A filter on {name} covers several models.")
        model, measures = self.vocabulary.models[models.pop()], self.vocabulary.measures
        below = self.vocabulary.below([name]).values()
        dates = {_date_of(*measures[total]) for one in below for total in one.measures if total in measures}
        return [self._condition(text, model, dates) for text in texts]


def _columns_of(model: Model) -> Columns:
    def column(placed: exp.Column) -> Node:
        known = model.column(placed.name)
        if known is None or placed.table:
            raise Unsupported(f"{model.name} has no column {placed.sql()}.")
        return ColumnRef(model.name, known.name)

    return column


def _date_of(model: Model, measure: Measure) -> str:
    """The time dimension that dates a measure; "" where its model has none."""
    return measure.agg_time_dimension or (model.semantic.agg_time_dimension if model.semantic else "")


def _time_of(model: Model, dates: set[str]) -> Dimension:
    """What `metric_time` stands for where totals of a model go by these dates."""
    if len(dates) > 1:
        raise Unsupported(f"metric_time in the filter stands for several dates of {model.name}.")
    found = model.semantic.time_dimension(*dates) if model.semantic and dates else None
    if found is None:
        raise Unsupported(f"{model.name} has no time dimension.")
    return found


def _where(value: Node, conditions: list[Node]) -> Node:
    return Where(value, all_of(conditions)) if conditions else value


def _one_if(condition: Node) -> Node:
    return Case(((condition, Literal_(1)),), Literal_(0))


def _is_filter(row: Node) -> bool:
    """Whether a row's value is only there under one condition."""
    return isinstance(row, Case) and len(row.whens) == 1 and row.otherwise is None


def _counted_if_filled(row: Node) -> Node | None:
    """The column in `CASE WHEN column IS NOT NULL THEN 1 ELSE 0 END`."""
    condition = row.whens[0][0] if isinstance(row, Case) else None
    if isinstance(condition, IsBlank) and shape(row) == shape(_one_if(condition)) and condition.negated:
        return condition.value
    return None


def _without_needless_start(node: Node) -> Node:
    """`STARTOF(x, day) >= date` is `x >= date`, and so is `<`: a day begins at midnight."""
    if not isinstance(node, Binary) or node.op not in (">=", "<"):
        return node
    left, right = node.left, node.right
    daily = isinstance(left, Call) and left.name == "STARTOF" and left.args[1] == Period(1, "day")
    # What formulas can name without a column are whole days.
    whole = not any(isinstance(part, ColumnRef) for part in walk(right))
    return Binary(node.op, left.args[0], right) if daily and whole and isinstance(left, Call) else node
