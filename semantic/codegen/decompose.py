"""A formula taken apart into dbt's measures and metrics, in the spelling that dbt 1.11 and earlier read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from sqlglot import exp

from semantic.balances import Balance
from semantic.codegen.conditions import filter_text, refuse_jinja, row_sql
from semantic.codegen.entries import Additions, Entry, Refused, plain_name
from semantic.definitions import Aggregation, Dimension, Measure, Model, Vocabulary
from semantic.formula import conjuncts, metric_models, print_formula
from semantic.formula.registry import TOTALS
from semantic.formula.tree import (
    Binary,
    Call,
    Case,
    ColumnRef,
    Conversion,
    IsBlank,
    Literal_,
    MetricRef,
    Node,
    Prior,
    Running,
    Total,
    Where,
    shape,
    walk,
)
from semantic.formulas import all_of, meaning, metric_meaning
from semantic.query.expressions import Writer, portable
from semantic.query.plan import counts_rows, model_of
from semantic.query.rows import identifier, parsed
from semantic.query.spec import Unsupported


@dataclass(frozen=True, slots=True)
class Title:
    """What a metric is called, and what else its entry says besides how it is computed."""

    name: str
    label: str
    description: str
    config: Entry


@dataclass(slots=True)
class Decomposer:
    """Turns one formula into entries; helpers that it needs on the way come before the metric itself.

    Where a choice of names was `settled` earlier, others of the same meaning are not used: they may have
    come since.
    """

    title: Title
    additions: Additions
    dialect: str
    time_column: str = ""
    keys: Mapping[str, str] = field(default_factory=dict)
    settled: frozenset[str] | None = None
    known: Vocabulary = field(init=False)
    _written: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.known = self.additions.vocabulary

    @property
    def vocabulary(self) -> Vocabulary:
        return self.additions.vocabulary

    def run(self, tree: Node) -> None:
        """Add everything that the formula needs. Raises Refused."""
        refuse_jinja(tree)
        filled = _filled(tree)
        if filled:
            self._add(self.title, self._simple(filled[0], fill=filled[1]))
        elif _is_total(tree) or isinstance(tree, Running | Conversion):
            self._add(self.title, self._defined(tree))
        elif isinstance(tree, MetricRef):
            raise Refused(f"This is the metric {tree.metric} itself. Use that one, or say what is different.")
        elif isinstance(tree, Binary) and tree.op == "/" and _is_share(tree):
            self._add(self.title, self._ratio(tree))
        else:
            self._add(self.title, self._derived(tree))

    def _add(self, title: Title, definition: Entry) -> None:
        entry: Entry = {"name": title.name, "label": title.label}
        if title.description:
            entry["description"] = title.description
        self.additions.metrics.append({**entry, **definition, "config": title.config})

    # Kinds of metrics

    def _simple(self, node: Node, fill: float | None = None) -> Entry:
        total, conditions = _split(node)
        assert isinstance(total, Total)
        model = self._prepared(total)
        filters, inline = self._sorted(model, total, conditions)
        measure = self._measure(model, total, inline)
        used: Entry | str = measure.name
        if fill is not None:
            used = {"name": measure.name, "fill_nulls_with": int(fill) if fill == int(fill) else fill}
        return {"type": "simple", "type_params": {"measure": used}, **_filter(filters)}

    def _defined(self, node: Node) -> Entry:
        """A metric that is a single total, at its time or along with time."""
        if isinstance(node, Conversion):
            return self._conversion(node)
        return self._cumulative(node) if isinstance(node, Running) else self._simple(node)

    def _conversion(self, node: Conversion) -> Entry:
        """A filter of such a metric is one of its first event; dbt has none for the other one alone."""
        total, conditions = _split(node.value)
        assert isinstance(total, Total)
        assert isinstance(node.then, Total)
        model = self._prepared(total)
        filters, _inline = self._sorted(model, total, conditions, filtering=True)
        params: Entry = {"entity": node.entity, "calculation": "conversion_rate"}
        base = self._measure(model, total, [])
        following = self._prepared(node.then)
        then = self._measure(following, node.then, [])
        if then.name == base.name:
            # MetricFlow takes the columns of both for one.
            name = plain_name(f"{self.title.name}_following")
            then = self._known_or_new(following, replace(base, name=name), but=base.name)
        params |= {"base_measure": base.name, "conversion_measure": then.name}
        if node.window:
            params["window"] = node.window.words
        return {"type": "conversion", "type_params": {"conversion_type_params": params}, **_filter(filters)}

    def _cumulative(self, node: Running) -> Entry:
        value, conditions = _split(node.value)
        if isinstance(value, MetricRef):
            metric = self.vocabulary.metrics[value.metric]
            measure = self._shared(*self.vocabulary.measures[metric.measure]).name
            filters = [*metric.filters, *self._metric_filters(metric.name, conditions)]
        else:
            assert isinstance(value, Total)
            model = self._prepared(value)
            filters, inline = self._sorted(model, value, conditions)
            measure = self._measure(model, value, inline).name
        along: Entry = {}
        if node.window:
            along["window"] = node.window.words
        if node.to_date:
            along["grain_to_date"] = node.to_date
        # MetricFlow has the first day of a longer period otherwise.
        along["period_agg"] = node.keep
        params = {"measure": measure, "cumulative_type_params": along}
        return {"type": "cumulative", "type_params": params, **_filter(filters)}

    def _ratio(self, tree: Binary) -> Entry:
        # The denominator first: what is filtered above is often the very total below.
        bottom = self._input(tree.right, "denominator")
        top = self._input(tree.left, "numerator")
        return {
            "type": "ratio",
            "type_params": {"numerator": _short(top), "denominator": _short(bottom)},
        }

    def _derived(self, tree: Node) -> Entry:
        inputs: dict[Node, Entry] = {}

        def leaf(node: Node) -> exp.Expr | None:
            if not _is_input(node):
                return None
            key = shape(node)
            if key not in inputs:
                inputs[key] = self._input(node, f"part_{len(inputs) + 1}")
            return exp.column(inputs[key].get("alias") or inputs[key]["name"])

        dialect = portable(self.dialect)
        sql = Writer(self.vocabulary, dialect, leaf).sql(tree).sql(dialect=dialect)
        if not inputs:
            raise Refused("The formula names no total and no metric.")
        metrics: list[Entry | str] = []
        for entry in map(_short, inputs.values()):
            if entry not in metrics:
                metrics.append(entry)
        return {"type": "derived", "type_params": {"expr": sql, "metrics": metrics}}

    def _input(self, node: Node, role: str) -> Entry:
        """How the metric uses a total or another metric: by name, under an alias where it is filtered."""
        if isinstance(node, Prior):
            used = self._input(node.value, role)
            alias = self.additions.free_metric_name(f"{role}_earlier")
            return {**used, "alias": alias, "offset_window": node.length.words}
        if isinstance(node, Running):
            return self._used(self._existing(node, self._counted(node)) or self._helper(node, role), [], role)
        if isinstance(node, Conversion):
            return self._used(self._written.get(self._meaning(node)) or self._helper(node, role), [], role)
        value, conditions = _split(node)
        if isinstance(value, MetricRef):
            return self._used(value.metric, self._metric_filters(value.metric, conditions), role)
        assert isinstance(value, Total)
        model = self._prepared(value)
        existing = self._existing(node, model)
        if existing:
            return self._used(existing, [], role)
        filters, inline = self._sorted(model, value, conditions)
        if inline or not filters:
            return self._used(self._helper(node, role), [], role)
        return self._used(self._existing(value, model) or self._helper(value, role), filters, role)

    def _used(self, metric: str, filters: list[str], role: str) -> Entry:
        if not filters:
            return {"name": metric}
        # Without an alias MetricFlow computes a metric once and uses it for both, filtered and unfiltered.
        return {"name": metric, "alias": self.additions.free_metric_name(role), **_filter(filters)}

    def _metric_filters(self, name: str, conditions: Sequence[Node]) -> list[str]:
        models = [self.vocabulary.models[model] for model in metric_models(self.vocabulary, name)]
        texts = []
        for condition in conditions:
            found = {filter_text(condition, model, self.vocabulary, self.dialect) for model in models}
            text = found.pop() if len(found) == 1 else None
            if text is None:
                raise Refused(
                    f"dbt cannot filter {name} by {print_formula(condition)}. "
                    "Ask for the field to be added as a dimension, or write the total itself."
                )
            texts.append(text)
        return texts

    def _helper(self, node: Node, role: str) -> str:
        """A metric of its own for a part of the formula."""
        words = role.replace("_", " ")
        title = Title(
            name=self.additions.free_metric_name(f"{self.title.name}_{role}"),
            label=f"{self.title.label} ({words})",
            description=f"Part of {self.title.label}: {print_formula(node)}",
            config={"meta": {"bisync": {"helper_of": self.title.name}}},
        )
        self._add(title, self._defined(node))
        self._written[self._meaning(node)] = title.name
        return title.name

    def _existing(self, node: Node, model: Model) -> str:
        """A metric, old or new, that computes this total already, dated the same way."""
        wanted = self._meaning(node)
        for metric in self.known.metrics.values():
            if not self._may_use(metric.name) or metric.helper_of not in ("", self.title.name):
                continue
            known, measure = self.known.measures.get(metric.measure, (None, None))
            if metric.type not in ("simple", "cumulative") or measure is None or known is None:
                continue
            if known.name != model.name:
                continue
            own = model.semantic.agg_time_dimension if model.semantic else ""
            if (measure.agg_time_dimension or own) != (self._dated_by(model) or own):
                continue
            if metric_meaning(metric, self.known, dialect=self.dialect) == wanted:
                return metric.name
        return self._written.get(wanted, "")

    def _counted(self, node: Running) -> Model:
        """The model whose rows run along."""
        value, _conditions = _split(node.value)
        if isinstance(value, MetricRef):
            return self.vocabulary.measures[self.vocabulary.metrics[value.metric].measure][0]
        assert isinstance(value, Total)
        return self._prepared(value)

    def _may_use(self, name: str) -> bool:
        return self.settled is None or name in self.settled

    def _meaning(self, node: Node) -> str:
        return meaning(node, self.vocabulary, dialect=self.dialect)

    # Models, dates and conditions

    def _prepared(self, total: Total) -> Model:
        """The model of a total, with a semantic model and the time dimension that dates its rows."""
        model = self.vocabulary.models[model_of(total)]
        if not model.file:
            raise Refused(f"{model.name} belongs to a package, whose files are not this project's.")
        column = model.column(self.time_column) if self.time_column else None
        if column is None:
            if model.semantic and model.semantic.time_dimension(self.time_column):
                return model
            if model.semantic is None or not model.semantic.agg_time_dimension:
                raise Refused(f"dbt does not know yet what dates the rows of {model.name}. Choose a date.")
            return model
        if column.type not in ("date", "timestamp", "any"):
            raise Refused(f"{column.name} of {model.name} is no date. Choose another column.")
        time = Dimension(plain_name(column.name), "time", column_sql(column.name), "day")
        if model.semantic is None:
            self.additions.add_semantic_model(model, time, self.keys.get(model.name, ""))
        elif not _time_dimension(model, column.name):
            self.additions.add_dimension(model, time)
        return self.vocabulary.models[model.name]

    def _dated_by(self, model: Model) -> str:
        """The time dimension of the new measure; "" for the semantic model's own."""
        column = model.column(self.time_column) if self.time_column else None
        found = _time_dimension(model, column.name) if column else ""
        if column is None and model.semantic and model.semantic.time_dimension(self.time_column):
            found = self.time_column
        return "" if model.semantic and found == model.semantic.agg_time_dimension else found

    def _sorted(
        self, model: Model, total: Total, conditions: Sequence[Node], *, filtering: bool = False
    ) -> tuple[list[str], list[Node]]:
        """The conditions that dbt can filter by, as its text, and those that go into the measure.

        All have to be dbt's where `filtering` is the only way.
        """
        filters: list[str] = []
        inline: list[Node] = []
        # A measure that counts different values is 0 where no row fulfils its own condition; a filter
        # leaves it blank, as everywhere else.
        needs_filter = filtering or total.name == "COUNTDISTINCT"
        for condition in conditions:
            self._declare(condition, model, everything=needs_filter)
            base = self.vocabulary.models[model.name]
            text = filter_text(condition, base, self.vocabulary, self.dialect)
            if text is not None:
                filters.append(text)
            elif needs_filter or not _is_about(condition, model):
                raise Refused(
                    f"dbt cannot filter {model.name} by {print_formula(condition)}: a field in it is no "
                    "dimension that its rows lead to, or is compared by the minute. Ask for the dimension, "
                    "and compare dates with >= and <."
                )
            else:
                inline.append(condition)
        return filters, inline

    def _declare(self, condition: Node, model: Model, *, everything: bool) -> None:
        """Dimensions for the columns of a condition: the plain ones of a new semantic model, or all."""
        for part in walk(condition):
            if not isinstance(part, ColumnRef) or part.model != model.name:
                continue
            current = self.vocabulary.models[model.name]
            column = current.column(part.column)
            semantic = current.semantic
            if column is None or semantic is None or semantic.dimension_for(column.name):
                continue
            name, sql = plain_name(column.name), column_sql(column.name)
            plain = column.type in ("text", "boolean") and model.name in self.additions.semantic_models
            if plain or everything or (self.settled and name in self.settled):
                dated = column.type in ("date", "timestamp")
                kind: Literal["time", "categorical"] = "time" if dated else "categorical"
                self.additions.add_dimension(current, Dimension(name, kind, sql, "day" if dated else None))

    # Measures

    def _measure(self, model: Model, total: Total, inline: Sequence[Node]) -> Measure:
        return self._known_or_new(model, self._wanted(model, total, inline))

    def _shared(self, model: Model, measure: Measure) -> Measure:
        """The measure, or one like it where it is inside of a metric and nothing else can name it."""
        if not measure.inline:
            return measure
        name = plain_name(f"{measure.name}_{measure.agg}")
        return self._known_or_new(model, replace(measure, name=name, inline=False))

    def _known_or_new(self, model: Model, wanted: Measure, *, but: str = "") -> Measure:
        semantic = self.additions.semantic(model.name)
        for known in semantic.measures:
            usable = known.name != but and self._may_use(known.name)
            if usable and self._same(known, wanted, semantic.agg_time_dimension):
                return known
        return self.additions.add_measure(self.vocabulary.models[model.name], wanted)

    def _wanted(self, model: Model, total: Total, inline: Sequence[Node]) -> Measure:
        agg: Aggregation = TOTALS[total.name]
        percentile = total.fraction if agg == "percentile" else None
        if percentile in (0, 1):
            agg, percentile = ("min" if percentile == 0 else "max"), None
        row = total.arg or Literal_(1)
        if inline and agg == "count":
            # Counting is adding ones, which stays blank where no row fulfils the condition.
            agg = "sum"
            row = Literal_(1) if total.arg is None else _one_if_filled(total.arg)
        if inline:
            row = Case(((all_of(inline), row),))
        return Measure(
            name=self._measure_name(model, total, plain=not inline),
            agg=agg,
            expr=row_sql(row, self.vocabulary, self.dialect, agg),
            agg_time_dimension=self._dated_by(self.vocabulary.models[model.name]),
            percentile=percentile,
        )

    def _measure_name(self, model: Model, total: Total, *, plain: bool) -> str:
        suffix = "distinct" if total.name == "COUNTDISTINCT" else total.name.lower()
        if plain and total.arg is None:
            return f"{self.additions.semantic(model.name).name}_count"
        stem = total.arg.column if plain and isinstance(total.arg, ColumnRef) else self.title.name
        return plain_name(f"{stem}_{suffix}")

    def _same(self, known: Measure, wanted: Measure, own: str) -> bool:
        """Whether a measure exists already; `own` is the semantic model's own time dimension."""
        if isinstance(known, Balance) or known.inline:
            return False
        if known.percentile != wanted.percentile or (known.agg_time_dimension or own) != (
            wanted.agg_time_dimension or own
        ):
            return False
        if counts_rows(known) and counts_rows(wanted):
            return True
        try:
            one, other = parsed(known.expr, self.dialect), parsed(wanted.expr, portable(self.dialect))
        except Unsupported:
            return False
        return known.agg == wanted.agg and one == other


def column_sql(name: str) -> str:
    """A column as SQL, in quotes where it needs them."""
    return identifier(name).sql(dialect="postgres")


def _time_dimension(model: Model, column: str) -> str:
    """The time dimension that shows a column; "" without one."""
    dimensions = model.semantic.dimensions if model.semantic else ()
    spellings = (column, column_sql(column))
    return next((d.name for d in dimensions if d.type == "time" and d.expr in spellings), "")


def _is_about(condition: Node, model: Model) -> bool:
    """Whether a condition looks at columns of the model alone."""
    return all(part.model == model.name for part in walk(condition) if isinstance(part, ColumnRef))


def _split(node: Node) -> tuple[Node, tuple[Node, ...]]:
    """A total or metric, and the conditions on its rows."""
    if isinstance(node, Where):
        return node.value, conjuncts(node.condition)
    return node, ()


def _is_input(node: Node) -> bool:
    return isinstance(node, Total | MetricRef | Where | Running | Prior | Conversion)


def _is_share(tree: Binary) -> bool:
    """Whether dbt's ratio says it: that one moves nothing in time."""
    return all(_is_input(side) and not isinstance(side, Prior) for side in (tree.left, tree.right))


def _is_total(node: Node) -> bool:
    return isinstance(_split(node)[0], Total)


def _filled(tree: Node) -> tuple[Node, float] | None:
    """The total and the number in `COALESCE(SUM(amount), 0)`."""
    if not isinstance(tree, Call) or tree.name != "COALESCE" or len(tree.args) != 2:
        return None
    total, instead = tree.args
    number = instead.value if isinstance(instead, Literal_) else None
    if not _is_total(total) or isinstance(number, bool) or not isinstance(number, int | float):
        return None
    return total, number


def _one_if_filled(value: Node) -> Node:
    return Case(((IsBlank(value, negated=True), Literal_(1)),), Literal_(0))


def _filter(filters: Sequence[str]) -> Entry:
    if not filters:
        return {}
    return {"filter": filters[0] if len(filters) == 1 else list(filters)}


def _short(entry: Entry) -> Entry | str:
    """dbt's short form where there is nothing but a name."""
    return str(entry["name"]) if len(entry) == 1 else entry
