"""What dbt and MetricFlow accept without a word, and compute otherwise than it reads.

Each function looks at one version of a project: at its `Vocabulary`, at entries of its manifest as the
catalogue keeps them, or at the properties files that they come from.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from sqlglot import Dialect, exp

from environments.findings import Found
from semantic.definitions import Metric, MetricInput, Vocabulary
from semantic.query.rows import parsed
from semantic.query.spec import Unsupported
from semantic.reading import unwrapped
from semantic.written import Properties
from semantic.written_jinja import is_called

COUNTING = ("count", "count_distinct", "sum_boolean")
# What makes a divisor other than zero, or says what is then.
_GUARDS = (exp.Nullif, exp.Greatest, exp.Case, exp.If)
_LONGEST = 120


def about(metric: Metric, kind: str, **params: Any) -> Found:
    return Found(kind, f"metric.{metric.name}", metric.name, metric.file, params)


# -- Metrics --------------------------------------------------------------------------------------------


def in_metrics(vocabulary: Vocabulary, own: Collection[str], dialect: str) -> Iterator[Found]:
    """Of the metrics `own`, inputs that MetricFlow takes for each other, and divisions that are not what they
    look like.
    """
    for metric in vocabulary.metrics.values():
        if metric.name not in own:
            continue
        mixed = _mixed_up(metric)
        if mixed:
            yield about(metric, "wrong-ratio", input=mixed)
        if metric.type == "derived" and metric.expr:
            yield from _divisions(metric, vocabulary, dialect)


def _mixed_up(metric: Metric) -> str:
    """The name under which two different inputs come; "" where all can be told apart."""
    inputs = (metric.numerator, metric.denominator, *metric.inputs)
    for one, two in combinations([part for part in inputs if part is not None], 2):
        if _name_in(one) == _name_in(two) and one != two:
            return _name_in(one)
    return ""


def _name_in(part: MetricInput) -> str:
    return (part.alias or part.name).lower()


def _divisions(metric: Metric, vocabulary: Vocabulary, dialect: str) -> Iterator[Found]:
    try:
        tree = parsed(metric.expr, dialect)
    except Unsupported:
        return
    counts = _counts(metric, vocabulary)
    whole = [one for one in tree.find_all(exp.Div) if _is_whole(one, counts)]
    if whole and Dialect.get_or_raise(dialect).TYPED_DIVISION:
        yield about(metric, "whole-division", expr=_short(whole[0], dialect), adapter=dialect)
        return
    for one in tree.find_all(exp.Div):
        divisor = unwrapped(one.expression)
        guarded = divisor.find(*_GUARDS) or one.find_ancestor(exp.Case, exp.If)
        if not guarded and divisor.find(exp.Column):
            said = _short(divisor, dialect)
            yield about(metric, "bare-division", expr=_short(one, dialect), divisor=said)
            return


def _counts(metric: Metric, vocabulary: Vocabulary) -> set[str]:
    """The inputs of a metric that are whole numbers on every warehouse, as its expression names them."""
    found = set()
    for part in metric.inputs:
        used = vocabulary.metrics.get(part.name)
        _model, measure = vocabulary.measures.get(used.measure if used else "", (None, None))
        if used and used.type == "simple" and measure is not None and measure.agg in COUNTING:
            found.add(_name_in(part))
    return found


def _is_whole(division: exp.Div, counts: set[str]) -> bool:
    """Whether both sides are counts: no cast, no decimal number, nothing else that makes a fraction."""
    if division.find(exp.Cast, exp.TryCast) or not division.find(exp.Column):
        return False
    for literal in division.find_all(exp.Literal):
        if not literal.name.isdigit():
            return False
    return all(column.name.lower() in counts for column in division.find_all(exp.Column))


def _short(tree: exp.Expr, dialect: str) -> str:
    text = tree.sql(dialect=dialect)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


# -- Semantic models ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Thing:
    """An entry of the manifest as the catalogue keeps it; `file` is that of its properties."""

    unique_id: str
    kind: str
    name: str
    file: str
    fields: Mapping[str, Any]

    def found(self, kind: str, member: str = "", **params: Any) -> Found:
        # A metric's page is found by its name, whichever package it is of.
        key = f"metric.{self.name}" if self.kind == "metric" else self.unique_id
        return Found(kind, key, self.name, self.file, params, member=member)


def in_entry(thing: Thing) -> Iterator[Found]:
    """Dates that cannot be grouped by, and percentiles that are not exact, of a semantic model or metric."""
    if thing.kind == "semantic_model":
        for dimension in thing.fields.get("dimensions") or ():
            kind = dimension.get("type_params") or {}
            if dimension.get("type") == "time" and not kind.get("time_granularity"):
                yield thing.found("no-granularity", dimension["name"], dimension=dimension["name"])
        for measure in thing.fields.get("measures") or ():
            if _approximate(measure):
                yield thing.found("approximate", measure["name"], measure=measure["name"])
    elif thing.kind == "metric":
        total = (thing.fields.get("type_params") or {}).get("metric_aggregation_params") or {}
        if _approximate(total):
            yield thing.found("approximate", measure=thing.name)


def _approximate(total: Mapping[str, Any]) -> bool:
    params = total.get("agg_params") or {}
    return total.get("agg") == "percentile" and bool(params.get("use_approximate_percentile"))


# -- Properties files -----------------------------------------------------------------------------------


def in_files(
    things: Mapping[str, Thing], vocabulary: Vocabulary, read: Callable[[str], str], telling: set[str]
) -> Iterator[Found]:
    """What entries say and dbt left out, or what it took from the machine that it ran on.

    `telling` are the files that mention env_var; of the others only those are read in which dbt may have
    left something out.
    """
    based = {uid for thing in things.values() if thing.kind == "semantic_model" for uid in _below(thing)}
    inline = {name for name, (_model, measure) in vocabulary.measures.items() if measure.inline}
    wanted: dict[str, list[Thing]] = {}
    for thing in things.values():
        may_lack = thing.kind == "metric" and thing.name in inline
        may_lack |= bool(thing.fields.get("version")) and thing.unique_id not in based
        if thing.file and (may_lack or thing.file in telling):
            wanted.setdefault(thing.file, []).append(thing)
    for file, inside in wanted.items():
        properties = Properties(read(file))
        for thing in inside:
            yield from _in_properties(thing, properties, vocabulary, based)


def _below(thing: Thing) -> list[str]:
    return list(thing.fields.get("depends_on") or ())


def _in_properties(
    thing: Thing, properties: Properties, vocabulary: Vocabulary, based: set[str]
) -> Iterator[Found]:
    source = thing.unique_id.split(".")[2] if thing.kind == "source" else ""
    written = properties.fields(thing.kind, thing.name, source=source)
    metric = vocabulary.metrics.get(thing.name) if thing.kind == "metric" else None
    if metric is not None and metric.fill_nulls_with is None:
        said = next((one.value for one in written if one.field.endswith("fill_nulls_with")), "")
        if said not in ("", "null", "~"):
            yield thing.found("setting-lost", setting=f"fill_nulls_with: {said}")
    keys = {one.field.partition(".")[0] for one in written}
    lacking = thing.fields.get("version") and thing.unique_id not in based
    if lacking and not keys.isdisjoint({"semantic_model", "metrics"}):
        yield thing.found("semantics-lost")
    for one in written:
        words = one.field in ("description", "label") or one.field.startswith("meta.")
        if words and any(is_called("env_var", text) for text in one.texts):
            field = f"{one.column}.{one.field}" if one.column else one.field
            yield thing.found("environment-in-words", one.column, field=field)
