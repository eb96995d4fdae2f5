"""How dbt's latest spec, read from 1.12 on, spells the semantic layer: inside the entries of the models.

Simple metrics say their totals themselves and stand in their model's entry. All others stand at the top
level, even where dbt would take them inside: when it reads such an entry again, dbt 1.12 finds them twice.
"""

from __future__ import annotations

from typing import Any

from semantic.codegen.entries import Entry, all_used, filtered, titled, used
from semantic.definitions import Dimension, Measure, Metric, SemanticModel

COLUMNS, DERIVED, METRICS = "columns", "derived_semantics", "metrics"
# What the types of metrics say of their calculation, as far as this spec knows it.
_TOTALLED = ("agg", "expr", "percentile", "percentile_type", "non_additive_dimension")
_TOTAL = (*_TOTALLED, "agg_time_dimension", "filter", "join_to_timespine", "fill_nulls_with")
TOTALLED = frozenset(_TOTALLED)
_CONVERSION = (
    *("entity", "calculation", "base_metric", "conversion_metric", "window", "constant_properties"),
    "filter",
)
KEYS: dict[str, tuple[str, ...]] = {
    "simple": ("type", *_TOTAL),
    "ratio": ("type", "numerator", "denominator", "filter"),
    "derived": ("type", "expr", "input_metrics", "filter"),
    "cumulative": ("type", "input_metric", "window", "grain_to_date", "period_agg", "filter"),
    "conversion": ("type", *_CONVERSION),
}


def describe(entry: Entry, semantic: SemanticModel, *, group: str = "") -> None:
    """Makes a model's `entry` one with a semantic model."""
    said: Entry = {} if semantic.name == semantic.model else {"name": semantic.name}
    if group:
        # dbt 1.12 reads the group only where there is a `config` beside it.
        said |= {"group": group, "config": {}}
    entry["semantic_model"] = {"enabled": True, **said} if said else True
    if semantic.agg_time_dimension:
        entry["agg_time_dimension"] = semantic.agg_time_dimension
    if semantic.primary_entity:
        entry["primary_entity"] = semantic.primary_entity
    for entity in semantic.entities:
        told = {"type": entity.type, "name": entity.name}
        if is_column(entity.expr):
            _column(entry, entity.expr)["entity"] = told
        else:
            _derived(entry, "entities").append(
                {"name": entity.name, "type": entity.type, "expr": entity.expr}
            )
    for dimension in semantic.dimensions:
        add_dimension(entry, dimension)


def add_dimension(entry: Entry, dimension: Dimension, *, marked: bool = False) -> None:
    """Marks the column that the dimension shows; one that is `marked` already shows it by SQL, as do names
    that SQL does not take as they stand.
    """
    texts = {"label": dimension.label, "description": dimension.description}
    words: Entry = {key: text for key, text in texts.items() if text}
    time = {"granularity": dimension.granularity or "day"} if dimension.type == "time" else {}
    if marked or not is_column(dimension.expr):
        told = {"name": dimension.name, "type": dimension.type, **words, **time, "expr": dimension.expr}
        _derived(entry, "dimensions").append(told)
        return
    # Never dbt's short form, which loses the granularity.
    name = {"name": dimension.name} if dimension.name != dimension.expr else {}
    told = {"type": dimension.type, **name, **words}
    column = _column(entry, dimension.expr)
    column.update(time)
    column["dimension"] = told


def is_column(expr: str) -> bool:
    """Whether SQL is nothing but a column, whose name dbt can write into its own SQL as it stands."""
    return expr.isidentifier()


def metric(metric: Metric, measure: Measure | None) -> Entry:
    """The entry of a metric; `measure` is the total that a simple one says itself."""
    definition: Entry = {"type": metric.type, **_definition(metric, measure), **filtered(metric.filters)}
    if metric.helper_of:
        definition["hidden"] = True
    return titled(metric, definition)


def _definition(metric: Metric, measure: Measure | None) -> Entry:
    if metric.conversion:
        counted = metric.conversion
        told: Entry = {"entity": counted.entity, "calculation": counted.calculation}
        told |= {"base_metric": counted.base, "conversion_metric": counted.then}
        return {**told, "window": counted.window} if counted.window else told
    if metric.numerator and metric.denominator:
        return {"numerator": used(metric.numerator), "denominator": used(metric.denominator)}
    if metric.type == "derived":
        return {"expr": metric.expr, "input_metrics": all_used(metric.inputs)}
    if metric.type == "cumulative":
        along = {
            "window": metric.window,
            "grain_to_date": metric.grain_to_date,
            "period_agg": metric.period_agg,
        }
        return {"input_metric": metric.measure, **{key: value for key, value in along.items() if value}}
    assert measure is not None
    return total(measure)


def total(measure: Measure) -> Entry:
    """What a simple metric totals. Without `percentile_type`: dbt takes `continuous` for an approximation."""
    told: Entry = {"agg": measure.agg, "expr": measure.expr}
    if measure.percentile is not None:
        told["percentile"] = measure.percentile
    if measure.agg_time_dimension:
        told["agg_time_dimension"] = measure.agg_time_dimension
    return told


def _column(entry: Entry, name: str) -> Entry:
    columns: list[Entry] = entry.setdefault(COLUMNS, [])
    found = next((column for column in columns if column["name"] == name), None)
    if found is None:
        found = {"name": name}
        columns.append(found)
    return found


def _derived(entry: Entry, kind: str) -> list[Any]:
    found: list[Any] = entry.setdefault(DERIVED, {}).setdefault(kind, [])
    return found
