"""How dbt's legacy spec spells the semantic layer: `semantic_models`, measures and `type_params`."""

from __future__ import annotations

from semantic.codegen.entries import Entry, all_used, filtered, titled, used
from semantic.codegen.quality.promises import whole
from semantic.definitions import Dimension, Measure, Metric, SemanticModel


def semantic_model(semantic: SemanticModel, *, group: str = "") -> Entry:
    """The entry under `semantic_models`, which always has lists of dimensions and measures."""
    entry: Entry = {"name": semantic.name, "model": f"ref('{semantic.model}')"}
    if semantic.agg_time_dimension:
        entry["defaults"] = {"agg_time_dimension": semantic.agg_time_dimension}
    if group:
        entry["config"] = {"group": group}
    if semantic.entities:
        entry["entities"] = [_named(entity.name, entity.expr, entity.type) for entity in semantic.entities]
    else:
        entry["primary_entity"] = semantic.primary_entity
    return {**entry, "dimensions": [dimension(one) for one in semantic.dimensions], "measures": []}


def dimension(dimension: Dimension) -> Entry:
    """An entry under a semantic model's `dimensions`."""
    entry = {**_told(dimension), **_named(dimension.name, dimension.expr, dimension.type)}
    if dimension.type == "time":
        entry["type_params"] = {"time_granularity": dimension.granularity or "day"}
    return entry


def measure(measure: Measure) -> Entry:
    """An entry under a semantic model's `measures`."""
    entry: Entry = {**_told(measure), "agg": measure.agg, "expr": measure.expr}
    if measure.agg_time_dimension:
        entry["agg_time_dimension"] = measure.agg_time_dimension
    if measure.percentile is not None:
        entry["agg_params"] = {
            "percentile": measure.percentile,
            "use_discrete_percentile": False,
            "use_approximate_percentile": False,
        }
    return entry


def metric(metric: Metric) -> Entry:
    """The entry under `metrics`."""
    definition = {"type": metric.type, "type_params": _params(metric), **filtered(metric.filters)}
    return titled(metric, definition)


def _params(metric: Metric) -> Entry:
    if metric.conversion:
        counted: Entry = {"entity": metric.conversion.entity, "calculation": metric.conversion.calculation}
        counted |= {"base_measure": metric.conversion.base, "conversion_measure": metric.conversion.then}
        if metric.conversion.window:
            counted["window"] = metric.conversion.window
        return {"conversion_type_params": counted}
    if metric.numerator and metric.denominator:
        return {"numerator": used(metric.numerator), "denominator": used(metric.denominator)}
    if metric.type == "derived":
        return {"expr": metric.expr, "metrics": all_used(metric.inputs)}
    if metric.type == "cumulative":
        along = {
            "window": metric.window,
            "grain_to_date": metric.grain_to_date,
            "period_agg": metric.period_agg,
        }
        told = {key: value for key, value in along.items() if value}
        return {"measure": metric.measure, "cumulative_type_params": told}
    if metric.fill_nulls_with is None:
        return {"measure": metric.measure}
    return {"measure": {"name": metric.measure, "fill_nulls_with": whole(metric.fill_nulls_with)}}


def _told(one: Dimension | Measure) -> Entry:
    """What a dimension or a measure is called, and what is said about it."""
    words = {"label": one.label, "description": one.description}
    return {"name": one.name, **{key: text for key, text in words.items() if text}}


def _named(name: str, expr: str, kind: str) -> Entry:
    """An entry whose `expr` is left out where it is the name again."""
    entry: Entry = {"name": name, "type": kind}
    return entry if expr == name else {**entry, "expr": expr}
