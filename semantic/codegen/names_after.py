"""The names that there will be once something is gone, or once it is called otherwise."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from catalog.annotations import synonyms_in
from semantic.codegen.metric_edits import NOTED
from semantic.definitions import ConversionParams, Metric, MetricInput, Model, Vocabulary
from semantic.formula import analyse
from semantic.formula.printer import spell
from semantic.formula.tree import MetricRef, walk


def without(
    names: Vocabulary,
    *,
    metrics: Collection[str] = (),
    measures: Collection[str] = (),
    dimensions: Collection[tuple[str, str]] = (),
) -> Vocabulary:
    """The names without these metrics, measures, and dimensions of models, totals of the metrics included."""

    def left(model: Model) -> Model:
        semantic = model.semantic
        if semantic is None:
            return model
        totals = tuple(
            one
            for one in semantic.measures
            if (one.name not in metrics if one.inline else one.name not in measures)
        )
        by = tuple(one for one in semantic.dimensions if (model.name, one.name) not in dimensions)
        return replace(model, semantic=replace(semantic, measures=totals, dimensions=by))

    return replace(
        names,
        models={name: left(model) for name, model in names.models.items()},
        metrics={name: metric for name, metric in names.metrics.items() if name not in metrics},
    )


def counted_by(names: Vocabulary, old: str, new: str) -> Vocabulary:
    """The names where every metric that totals the measure `old` totals `new`."""

    def counted(metric: Metric) -> Metric:
        if metric.spec == "latest":
            return metric
        conversion = metric.conversion and _converting(metric.conversion, old, new)
        measure = new if metric.measure == old else metric.measure
        return replace(metric, measure=measure, conversion=conversion)

    return replace(names, metrics={name: counted(metric) for name, metric in names.metrics.items()})


def renamed(names: Vocabulary, old: str, new: str) -> Vocabulary:
    """The names where a metric is called `new`, and keeps its old name as another one."""
    metric = names.metrics[old]
    synonyms = list(dict.fromkeys((*synonyms_in(metric.meta), old)))
    inline = old in names.measures and names.measures[old][1].inline

    def with_total(model: Model) -> Model:
        semantic = model.semantic
        if semantic is None or not inline:
            return model
        totals = tuple(
            replace(one, name=new) if one.inline and one.name == old else one for one in semantic.measures
        )
        return replace(model, semantic=replace(semantic, measures=totals))

    called = replace(
        metric,
        name=new,
        measure=new if inline and metric.measure == old else metric.measure,
        meta=with_notes(metric.meta, synonyms=synonyms),
    )
    metrics = {**exchanged(names, old, called, renaming=True).metrics, new: called}
    return replace(
        names,
        models={name: with_total(model) for name, model in names.models.items()},
        metrics={name: metrics[name] for name in sorted(metrics) if name != old},
        synonyms={**names.synonyms, old: new},
    )


def synonyms_after(names: Vocabulary, metrics: Iterable[Metric]) -> dict[str, str]:
    """What other names mean once these metrics are as they are now."""
    now = {metric.name: synonyms_in(metric.meta) for metric in metrics}
    others = {phrase: meant for phrase, meant in names.synonyms.items() if meant not in now}
    return {**others, **{phrase: name for name, phrases in now.items() for phrase in phrases}}


def exchanged(names: Vocabulary, old: str, new: Metric, *, renaming: bool = False) -> Vocabulary:
    """The names where every other metric, and every note of Bisync's, names `new` instead of the metric."""
    exchange = Exchanged(names, names.metrics[old], new, renaming)
    return replace(
        names,
        metrics={
            name: metric if name in (old, new.name) else exchange.metric(metric)
            for name, metric in names.metrics.items()
        },
    )


def over(metric: Metric, before: Metric, now: Metric) -> Metric:
    """A metric that dbt's latest spec has run over, or count the events of, one that has changed."""
    if metric.spec != "latest" or before.type != "simple" or now.type != "simple":
        return metric
    if metric.type == "cumulative" and metric.measure == before.name:
        return replace(metric, measure=now.name, filters=_filtered(metric.filters, before, now))
    found = metric.conversion
    if found and found.base == before.name:
        found = replace(found, base=now.name, base_filters=_filtered(found.base_filters, before, now))
    if found and found.then == before.name:
        found = replace(found, then=now.name, then_filters=_filtered(found.then_filters, before, now))
    return replace(metric, conversion=found)


def with_notes(meta: Mapping[str, Any], **own: Any) -> dict[str, Any]:
    """A metric's `meta` with other notes in it, as `AmendMetric` writes them; None takes one away."""
    known = meta.get("bisync")
    notes = known if isinstance(known, Mapping) else {}
    there = {key: value for key, value in own.items() if key in NOTED and key in meta and key not in notes}
    ours = {**notes, **{key: value for key, value in own.items() if key not in there}}
    return {**_without_none({**meta, **there}), "bisync": _without_none(ours)}


def _without_none(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Exchanged:
    """One metric in the place of another, in whatever names it; it may be the same one, `renamed`."""

    names: Vocabulary
    old: Metric
    new: Metric
    renamed: bool = False

    def metric(self, metric: Metric) -> Metric:
        """Another metric as it will be."""
        changed = over(metric, self.old, self.new)
        notes = dict(self.notes(metric))
        reworded = self.formula(metric.formula) if self.renamed or self._uses(metric) else ""
        return replace(
            changed,
            numerator=metric.numerator and self._named(metric, metric.numerator),
            denominator=metric.denominator and self._named(metric, metric.denominator),
            inputs=tuple(self._named(metric, part) for part in metric.inputs),
            formula=reworded or metric.formula,
            meta=with_notes(metric.meta, **notes) if notes else metric.meta,
        )

    def notes(self, metric: Metric) -> Iterator[tuple[str, Any]]:
        """The notes of Bisync's about a metric that have to be others."""
        own = metric.meta.get("bisync")
        if not isinstance(own, Mapping):
            return
        for key in ("helper_of", "replaced_by"):
            if own.get(key) == self.old.name:
                yield key, self.new.name
        formula = own.get("formula")
        # Another number than before is only in those that dbt lets use it.
        if isinstance(formula, str) and (self.renamed or self._uses(metric)):
            text = self.formula(formula)
            yield from [("formula", text)] if text not in ("", formula) else ()
        rules = own.get("rules")
        if isinstance(rules, list) and any(self.names_it(rule) for rule in rules):
            yield (
                "rules",
                [new for rule in rules if (new := self._rule(rule, metric.name)) is not None] or None,
            )

    def names_it(self, rule: object) -> bool:
        """Whether a promise about another metric, as it is noted, is about this one as well."""
        if not isinstance(rule, Mapping):
            return False
        steps = rule.get("steps")
        return rule.get("other") == self.old.name or (isinstance(steps, list) and self.old.name in steps)

    def formula(self, text: str) -> str:
        """A formula with the other name in it; "" where it cannot be read."""
        tree = analyse(text, self.names).tree if text else None
        if tree is None:
            return ""
        found = [part for part in walk(tree) if isinstance(part, MetricRef) and part.metric == self.old.name]
        for part in sorted(found, key=lambda part: -part.start):
            text = text[: part.start] + spell(self.new.name) + text[part.end :]
        return text

    def _uses(self, metric: Metric) -> bool:
        return self.old.name in metric.made_of

    def _rule(self, rule: Any, metric: str) -> Any:
        """A promise that names the other metric; None where nothing would be left to compare."""
        if not self.names_it(rule):
            return rule
        new = dict(rule)
        if new.get("other") == self.old.name:
            new["other"] = self.new.name
        if isinstance(new.get("steps"), list):
            steps = [self.new.name if step == self.old.name else step for step in new["steps"]]
            new["steps"] = [step for step in dict.fromkeys(steps) if step != metric]
        return None if new.get("other") == metric or new.get("steps") == [] else new

    def _named(self, metric: Metric, part: MetricInput) -> MetricInput:
        # What a derived metric calculates with is called as before, by an alias.
        alias = part.alias or (self.old.name if metric.type == "derived" else "")
        return replace(part, name=self.new.name, alias=alias) if part.name == self.old.name else part


def _converting(found: ConversionParams, old: str, new: str) -> ConversionParams:
    return replace(
        found,
        base=new if found.base == old else found.base,
        then=new if found.then == old else found.then,
    )


def _filtered(filters: tuple[str, ...], before: Metric, now: Metric) -> tuple[str, ...]:
    """What a metric is filtered by, whose last filters are those of the metric that it runs over."""
    own = filters[: len(filters) - len(before.filters)] if before.filters else filters
    return (*own, *now.filters)
