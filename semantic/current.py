"""What dbt says of a metric today, in the fields in which a person would have written it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, get_args

from catalog.annotations import noted, synonyms_in
from semantic.definitions import Grain, Measure, Metric, Model, Vocabulary
from semantic.fields import FORMATS, RULES, MetricFields, RuleKind, ValueRule, with_plain_lines
from semantic.formulas import chosen_date


def fields_of(metric: Metric, vocabulary: Vocabulary) -> MetricFields:
    """The metric as its form shows it.

    `formula` is empty where formulas cannot say what dbt computes; `model` is always empty, since the formula
    names its models; `why` belongs to a proposal. What stands in the metric's `meta` counts as far as it can
    be read.
    """
    meta = metric.meta
    return MetricFields(
        name=metric.name,
        label=_text(metric.label),
        meaning=_text(metric.description),
        context=_text(noted(meta, "context")),
        formula=_text(metric.formula),
        time=_date(metric, vocabulary),
        value_format=next((known for known in FORMATS if known == noted(meta, "format")), "number"),
        owner=_text(noted(meta, "owner")),
        group=metric.group,
        rules=rules_noted(meta),
        synonyms=synonyms_in(meta),
        certified=noted(meta, "certified") is True,
    )


def rules_noted(meta: Mapping[str, Any]) -> tuple[ValueRule, ...]:
    """The promises about a metric's value that stand in its `meta`, as far as they can be read."""
    return tuple(_rules(_own(meta).get("rules")))


def _own(meta: Mapping[str, Any]) -> Mapping[str, Any]:
    own = meta.get("bisync")
    return own if isinstance(own, Mapping) else {}


def _text(value: object) -> str:
    """A text as a form would send it back unchanged."""
    return with_plain_lines(value).strip() if isinstance(value, str) else ""


def _rules(written: object) -> Iterator[ValueRule]:
    """One of each kind, in the order of the form."""
    found = [one for one in written if isinstance(one, Mapping)] if isinstance(written, list) else []
    for kind in RULES:
        rule = next((one for one in found if one.get("kind") == kind), None)
        if rule is not None:
            yield _rule(kind, rule)


def _rule(kind: RuleKind, written: Mapping[str, Any]) -> ValueRule:
    """The rule as far as what is written of it is of the kind that it should be."""
    numbers = ("low", "high", "increase", "decrease", "base", "tolerance", "sigma")
    given: dict[str, Any] = {name: _number(written.get(name)) for name in numbers}
    given |= {name: _count(written.get(name)) for name in ("periods", "hours")}
    steps, grain = written.get("steps"), written.get("grain")
    return ValueRule(
        kind,
        **given,
        other=_text(written.get("other")),
        steps=tuple(map(_text, steps)) if isinstance(steps, list) else (),
        grain=next((known for known in get_args(Grain) if known == grain), ""),
    )


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _date(metric: Metric, vocabulary: Vocabulary) -> str:
    """The date by which all totals of the metric go, where it is not their models' usual one."""
    dates = {chosen_date(model, measure) for model, measure in _totals(metric, vocabulary, set())}
    return dates.pop() if len(dates) == 1 else ""


def _totals(metric: Metric, vocabulary: Vocabulary, seen: set[str]) -> Iterator[tuple[Model, Measure]]:
    """The measures that a metric and its own helpers read; other metrics choose their dates themselves."""
    seen.add(metric.name)
    for name in metric.measures:
        if name in vocabulary.measures:
            yield vocabulary.measures[name]
    for part in (metric.numerator, metric.denominator, *metric.inputs):
        used = vocabulary.metrics.get(part.name) if part else None
        if used and used.name not in seen and used.helper_of == metric.name:
            yield from _totals(used, vocabulary, seen)
