"""A formula taken apart into dbt's metrics, and the measures or hidden metrics that they are made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlglot import exp

from semantic.codegen.additions import Additions
from semantic.codegen.conditions import filter_text, refuse_jinja
from semantic.codegen.entries import Refused, plain_name
from semantic.codegen.part_names import part_name
from semantic.codegen.preparation import Preparation
from semantic.codegen.sql_text import sql_text
from semantic.codegen.totals import measure_of, same_total
from semantic.definitions import (
    ConversionParams,
    Measure,
    Metric,
    MetricInput,
    MetricType,
    Model,
    Spec,
    Vocabulary,
)
from semantic.formula import conjuncts, metric_models, print_formula
from semantic.formula.tree import (
    Binary,
    Call,
    ColumnRef,
    Conversion,
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
from semantic.formulas import meaning, metric_meaning
from semantic.metric_notes import as_noted
from semantic.query.expressions import Writer, portable
from semantic.query.plan import model_of

LONGEST_NAME = 60
SIDES = ("numerator", "denominator")
FILLED = (
    "dbt 1.12 drops fill_nulls_with of a metric in its model's entry, so 0 instead of blank is written as "
    "COALESCE over another metric."
)


@dataclass(frozen=True, slots=True)
class Title:
    """What a metric is called, and what else its entry says besides how it is computed."""

    name: str
    label: str
    description: str = ""
    group: str = ""
    own: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a metric stands that dbt has already: the spec of its entry, and the model in whose entry it is a
    simple metric; "" for all that stand at the top level.
    """

    spec: Spec
    model: str = ""


@dataclass(slots=True)
class Decomposer:
    """Turns one formula into metrics; helpers that it needs on the way come before the metric itself.

    Where a choice of names was `settled` earlier, others of the same meaning are not used: they may have
    come since. A metric that stays in its `place` may have to be one over a helper.
    """

    title: Title
    additions: Additions
    dialect: str
    time_column: str = ""
    keys: Mapping[str, str] = field(default_factory=dict)
    settled: frozenset[str] | None = None
    place: Place | None = None
    known: Vocabulary = field(init=False)
    prepared: Preparation = field(init=False)
    _written: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.known = self.additions.vocabulary
        self.prepared = Preparation(self.additions, self.dialect, self.time_column, self.keys, self.settled)

    @property
    def vocabulary(self) -> Vocabulary:
        return self.additions.vocabulary

    def run(self, tree: Node) -> None:
        """Add everything that the formula needs. Raises Refused."""
        refuse_jinja(tree)
        filled = _filled(tree)
        if filled and self._spec_of(filled[0]) == "legacy" and self._fits(filled[0]):
            metric = self._simple(self.title, filled[0], fill=filled[1])
        elif _is_defined(tree) and self._fits(tree):
            metric = self._defined(self.title, tree)
        elif isinstance(tree, MetricRef):
            raise Refused(f"This is the metric {tree.metric} itself. Use that one, or say what is different.")
        elif source := self._filtered_total(tree):
            metric = self._filtered(source, _split(tree)[1])
        elif isinstance(tree, Binary) and tree.op == "/" and _is_share(tree):
            metric = self._ratio(tree)
        else:
            metric = self._derived(tree)
            if filled and metric.spec == "latest":
                self.additions.notes.append(FILLED)
        self.additions.metrics.append(metric)

    def _named(self, title: Title, kind: MetricType, spec: Spec, **definition: Any) -> Metric:
        return Metric(
            name=title.name,
            type=kind,
            label=title.label,
            description=title.description,
            group=title.group,
            meta=as_noted(title.own, self.known.plain_notes, self.known.metrics.values()),
            spec=spec,
            **definition,
        )

    # In which spec

    def _spec_of(self, node: Node) -> Spec:
        """The spec of a total's model, or of what is made of several: the latest where a part has it."""
        specs = {
            self.vocabulary.metrics[part.metric].spec for part in walk(node) if isinstance(part, MetricRef)
        }
        totals = (part for part in walk(node) if isinstance(part, Total))
        specs |= {self.vocabulary.spec_for(self.vocabulary.models[model_of(part)]) for part in totals}
        return "latest" if "latest" in specs else "legacy"

    def _fits(self, node: Node) -> bool:
        """Whether a metric that is one total can say so where it stands."""
        if self.place is None:
            return True
        if self._spec_of(node) != self.place.spec:
            return False
        total, _conditions = _split(node)
        return (
            not isinstance(total, Total) or self.place.spec == "legacy" or model_of(total) == self.place.model
        )

    # Kinds of metrics

    def _simple(self, title: Title, node: Node, fill: float | None = None) -> Metric:
        total, conditions = _split(node)
        assert isinstance(total, Total)
        model = self.prepared.model_for(total)
        filters, inline = self.prepared.split(model, total, conditions)
        spec = self.vocabulary.spec_for(model)
        if spec == "latest":
            return self._total(title, model, self._wanted(model, total, inline), filters)
        measure = self._known_or_new(model, self._wanted(model, total, inline))
        told = {"measure": measure.name, "filters": tuple(filters), "fill_nulls_with": fill}
        return self._named(title, "simple", spec, **told)

    def _total(self, title: Title, model: Model, measure: Measure, filters: Sequence[str] = ()) -> Metric:
        """A simple metric of the latest spec, which says its total itself."""
        current = self.vocabulary.models[model.name]
        self.additions.add_total(current, replace(measure, name=title.name))
        return self._named(title, "simple", "latest", measure=title.name, filters=tuple(filters))

    def _filtered_total(self, node: Node) -> Metric | None:
        """The single total of dbt's of which a formula is a part: `revenue WHERE status = 'paid'`."""
        value, conditions = _split(node)
        if not conditions or not isinstance(value, MetricRef) or not self._fits(node):
            return None
        metric = self.vocabulary.metrics[value.metric]
        filled = metric.join_to_timespine or metric.fill_nulls_with is not None
        return metric if metric.type == "simple" and metric.spec == "legacy" and not filled else None

    def _filtered(self, source: Metric, conditions: Sequence[Node]) -> Metric:
        filters = (*source.filters, *self._metric_filters(source.name, conditions))
        return self._named(self.title, "simple", "legacy", measure=source.measure, filters=filters)

    def _defined(self, title: Title, node: Node) -> Metric:
        """A metric that is a single total, at its time or along with time."""
        if isinstance(node, Conversion):
            return self._conversion(title, node)
        return self._cumulative(title, node) if isinstance(node, Running) else self._simple(title, node)

    def _conversion(self, title: Title, node: Conversion) -> Metric:
        """A filter of such a metric is one of its first event; dbt has none for the other one alone."""
        total, conditions = _split(node.value)
        assert isinstance(total, Total)
        assert isinstance(node.then, Total)
        model = self.prepared.model_for(total)
        filters, _inline = self.prepared.split(model, total, conditions, filtering=True)
        base = self._counted(model, total, [], "first event")
        following = self.prepared.model_for(node.then)
        spec = self.vocabulary.spec_for(following)
        if spec != self.vocabulary.spec_for(model):
            raise Refused(
                f"dbt connects no events of {model.name} with those of {following.name}: one is described in "
                "its legacy spec of semantic models, the other in its latest. Ask for both in the latest one."
            )
        # MetricFlow takes the columns of both for one where they are the same.
        then = self._counted(following, node.then, [], "following", but=base)
        params = ConversionParams(base, then, node.entity, node.window.words if node.window else "")
        return self._named(title, "conversion", spec, conversion=params, filters=tuple(filters))

    def _cumulative(self, title: Title, node: Running) -> Metric:
        value, conditions = _split(node.value)
        spec = self._spec_of(value)
        if isinstance(value, MetricRef):
            metric = self.vocabulary.metrics[value.metric]
            extra = self._metric_filters(metric.name, conditions)
            # In the latest spec it runs over the metric, filters included; else over the metric's measure.
            own = () if spec == "latest" else metric.filters
            source = metric.name if spec == "latest" else metric.measure
            filters = [*own, *extra]
        else:
            assert isinstance(value, Total)
            model = self.prepared.model_for(value)
            filters, inline = self.prepared.split(model, value, conditions)
            source = self._counted(model, value, inline, "total")
        return self._named(
            title,
            "cumulative",
            spec,
            measure=source,
            # Of the metric itself: MetricFlow overlooks one of its input.
            filters=tuple(filters),
            window=node.window.words if node.window else "",
            grain_to_date=node.to_date or "",
            # MetricFlow has the first day of a longer period otherwise.
            period_agg=node.keep,
        )

    def _ratio(self, tree: Binary) -> Metric:
        # The denominator first: what is filtered above is often the very total below.
        bottom = self._input(tree.right, "denominator")
        top = self._input(tree.left, "numerator")
        return self._named(self.title, "ratio", self._spec(tree), numerator=top, denominator=bottom)

    def _derived(self, tree: Node) -> Metric:
        inputs: dict[Node, MetricInput] = {}

        def leaf(node: Node) -> exp.Expr | None:
            if not _is_input(node):
                return None
            key = shape(node)
            if key not in inputs:
                inputs[key] = self._input(node, self._role(node, inputs.values()))
            return exp.column(inputs[key].alias or inputs[key].name)

        value = Writer(self.vocabulary, portable(self.dialect), leaf).sql(tree)
        sql = sql_text(value, self.vocabulary.keywords, self.dialect)
        if not inputs:
            raise Refused("The formula names no total and no metric.")
        used = tuple(inputs.values())
        return self._named(self.title, "derived", self._spec(tree), expr=sql, inputs=used)

    @staticmethod
    def _role(node: Node, others: Iterable[MetricInput]) -> str:
        """What an input of a calculation is called, if it needs a name of its own."""
        taken = [one.alias or one.name for one in others]
        name = part_name(node, f"part_{len(taken) + 1}")
        return f"{name}_{len(taken) + 1}" if name in taken else name

    def _spec(self, tree: Node) -> Spec:
        return self.place.spec if self.place else self._spec_of(tree)

    def _input(self, node: Node, role: str) -> MetricInput:
        """How the metric uses a total or another metric: by name, under an alias where it is filtered."""
        if isinstance(node, Prior):
            used = self._input(node.value, part_name(node.value, role))
            alias = self.additions.free_metric_name(role)
            return replace(used, alias=alias, offset_window=node.length.words)
        if isinstance(node, Running):
            known = self._existing(node, self._run_over(node))
            return MetricInput(known or self._helper(node, role))
        if isinstance(node, Conversion):
            return MetricInput(self._written.get(self._meaning(node)) or self._helper(node, role))
        value, conditions = _split(node)
        if isinstance(value, MetricRef):
            return self._used(value.metric, self._metric_filters(value.metric, conditions), role)
        assert isinstance(value, Total)
        model = self.prepared.model_for(value)
        existing = self._existing(node, model)
        if existing:
            return MetricInput(existing)
        filters, inline = self.prepared.split(model, value, conditions)
        if inline or not filters:
            return MetricInput(self._helper(node, role))
        # Its rows are filtered where it is used, so it is not called by what is left of them.
        whole = role if role in SIDES else part_name(value, role)
        return self._used(self._existing(value, model) or self._helper(value, whole), filters, role)

    def _used(self, metric: str, filters: list[str], role: str) -> MetricInput:
        if not filters:
            return MetricInput(metric)
        # Without an alias MetricFlow computes a metric once and uses it for both, filtered and unfiltered.
        return MetricInput(metric, self.additions.free_metric_name(role), tuple(filters))

    def _metric_filters(self, name: str, conditions: Sequence[Node]) -> list[str]:
        return metric_filters([name], conditions, self.vocabulary, self.dialect)

    def _helper(self, node: Node, role: str) -> str:
        """A metric of its own for a part of the formula."""
        metric = self._defined(self._part(role, print_formula(node)), node)
        self.additions.metrics.append(metric)
        self._written[self._meaning(node)] = metric.name
        return metric.name

    def _part(self, role: str, said: str) -> Title:
        name = f"{self.title.name}_{role.replace(' ', '_')}"
        return Title(
            # PostgreSQL cuts longer names, so that two of them could become one.
            name=self.additions.free_metric_name(name if len(name) <= LONGEST_NAME else plain_name(role)),
            label=self.additions.free_label(f"{self.title.label} ({role.replace('_', ' ')})"),
            description=f"Part of {self.title.label}: {said}",
            own={"helper_of": self.title.name},
        )

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
            if (measure.agg_time_dimension or own) != (self.prepared.dated_by(model) or own):
                continue
            if metric_meaning(metric, self.known, dialect=self.dialect) == wanted:
                return metric.name
        return self._written.get(wanted, "")

    def _run_over(self, node: Running) -> Model:
        """The model whose rows run along."""
        value, _conditions = _split(node.value)
        if isinstance(value, MetricRef):
            return self.vocabulary.measures[self.vocabulary.metrics[value.metric].measure][0]
        assert isinstance(value, Total)
        return self.prepared.model_for(value)

    def _may_use(self, name: str) -> bool:
        return self.settled is None or name in self.settled

    def _meaning(self, node: Node) -> str:
        return meaning(node, self.vocabulary, dialect=self.dialect)

    # Totals that other metrics name

    def _counted(
        self, model: Model, total: Total, inline: Sequence[Node], role: str, *, but: str = ""
    ) -> str:
        """The measure or metric, by its spec, that a running metric or a conversion counts; not `but`."""
        wanted = self._wanted(model, total, inline)
        if self.vocabulary.spec_for(model) == "latest":
            return self._plain_metric(model, wanted, but) or self._hidden(model, wanted, total, role)
        found = self._known_or_new(model, wanted)
        if found.name == but:
            name = plain_name(f"{self.title.name}_{role}")
            found = self._known_or_new(model, replace(found, name=name), but=but)
        return found.name

    def _plain_metric(self, model: Model, wanted: Measure, but: str) -> str:
        """A simple metric that is this total and nothing else; "" without one."""
        semantic = self.additions.semantic(model.name)
        metrics = {**self.known.metrics, **{metric.name: metric for metric in self.additions.metrics}}
        for measure in semantic.measures:
            metric = metrics.get(measure.name)
            if metric is None or metric.name == but or not self._is_plain(metric):
                continue
            if same_total(measure, wanted, semantic.agg_time_dimension, self.dialect):
                return metric.name
        return ""

    def _is_plain(self, metric: Metric) -> bool:
        if metric.name in self.known.metrics and not self._may_use(metric.name):
            return False
        altered = metric.filters or metric.join_to_timespine or metric.fill_nulls_with is not None
        return metric.type == "simple" and not altered and metric.helper_of in ("", self.title.name)

    def _hidden(self, model: Model, measure: Measure, total: Total, role: str) -> str:
        metric = self._total(self._part(role, print_formula(total)), model, measure)
        self.additions.metrics.append(metric)
        return metric.name

    def _known_or_new(self, model: Model, wanted: Measure, *, but: str = "") -> Measure:
        semantic = self.additions.semantic(model.name)
        for known in semantic.measures:
            usable = known.name != but and self._may_use(known.name)
            if usable and same_total(known, wanted, semantic.agg_time_dimension, self.dialect):
                return known
        return self.additions.add_measure(self.vocabulary.models[model.name], wanted)

    def _wanted(self, model: Model, total: Total, inline: Sequence[Node]) -> Measure:
        current = self.vocabulary.models[model.name]
        name = self._measure_name(model, total, plain=not inline)
        date = self.prepared.dated_by(current)
        return measure_of(total, inline, self.vocabulary, self.dialect, name=name, date=date)

    def _measure_name(self, model: Model, total: Total, *, plain: bool) -> str:
        suffix = "distinct" if total.name == "COUNTDISTINCT" else total.name.lower()
        if plain and total.arg is None:
            return f"{self.additions.semantic(model.name).name}_count"
        stem = total.arg.column if plain and isinstance(total.arg, ColumnRef) else self.title.name
        return plain_name(f"{stem}_{suffix}")


def metric_filters(
    metrics: Sequence[str], conditions: Sequence[Node], vocabulary: Vocabulary, dialect: str
) -> list[str]:
    """dbt's filters of one metric, or of one that is made of these. Raises Refused where it has none."""
    names = dict.fromkeys(model for name in metrics for model in metric_models(vocabulary, name))
    texts = []
    for condition in conditions:
        found = {filter_text(condition, vocabulary.models[name], vocabulary, dialect) for name in names}
        text = found.pop() if len(found) == 1 else None
        if text is None:
            raise Refused(
                f"dbt cannot filter {' and '.join(metrics)} by {print_formula(condition)}. "
                "Ask for the field to be added as a dimension, or write the total itself."
            )
        texts.append(text)
    return texts


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


def _is_defined(node: Node) -> bool:
    return _is_total(node) or isinstance(node, Running | Conversion)


def _filled(tree: Node) -> tuple[Node, float] | None:
    """The total and the number in `COALESCE(SUM(amount), 0)`."""
    if not isinstance(tree, Call) or tree.name != "COALESCE" or len(tree.args) != 2:
        return None
    total, instead = tree.args
    number = instead.value if isinstance(instead, Literal_) else None
    if not _is_total(total) or isinstance(number, bool) or not isinstance(number, int | float):
        return None
    return total, number
