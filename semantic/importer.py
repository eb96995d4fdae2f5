"""dbt's artefacts as definitions: what `manifest.json` and `semantic_manifest.json` say, as plain values."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from functools import cache
from typing import Any, TypeAlias, get_args

from sqlglot import exp

from bisync.lib.memory import collecting_later
from catalog.annotations import annotations_of, meta_of, synonyms_in
from semantic.balances import Balance
from semantic.conditions import formula_of
from semantic.definitions import (
    LATEST_SPEC_SINCE,
    Aggregation,
    Column,
    ConversionParams,
    Dimension,
    Entity,
    EntityType,
    Grain,
    Measure,
    Metric,
    MetricInput,
    MetricType,
    Model,
    SemanticModel,
    Spec,
    ValueType,
    Vocabulary,
)
from semantic.formulas import metric_formula
from semantic.keys import key_columns
from semantic.keyword_case import project_case
from semantic.metric_notes import plain_notes
from semantic.query.rows import parsed
from semantic.query.spec import Unsupported
from workspace.dbt.code import dialect_of

Raw: TypeAlias = Mapping[str, Any]

READABLE = ("model", "seed", "snapshot")
# Longer words first: `timestamp` holds `time`, `interval` holds `int`, `datetime` holds `date`.
TYPES: tuple[tuple[str, ValueType], ...] = (
    (r"^enum", "text"),
    (r"interval|\[\]|array|struct|map|json|variant|list|union", "any"),
    (r"bool", "boolean"),
    (r"timestamp|datetime", "timestamp"),
    (r"date", "date"),
    (r"(decimal|numeric|number)\s*\(\s*\d+\s*\)|(decimal|numeric|number)\s*\(\s*\d+\s*,\s*0\s*\)", "integer"),
    (r"decimal|numeric|number|double|float|real|money", "number"),
    (r"^(u?(tiny|small|medium|big|huge|byte)?int(eger)?\d*\b|\w*serial|long|short)", "integer"),
    (r"char|text|string|uuid", "text"),
)


@collecting_later()
def vocabulary(
    manifest: Raw, semantic_manifest: Raw, columns: Mapping[str, Mapping[str, str]] | None = None
) -> Vocabulary:
    """Every model, measure and metric of one parsed version of a dbt project.

    `columns` are the warehouse's own: `unique_id` of the model → column → type.
    """
    project = _Project((manifest.get("metadata") or {}).get("project_name") or "", dialect(manifest))
    semantics = _semantic_models(manifest, project)
    models: dict[str, Model] = {}
    for node in _nodes(manifest):
        reported = (columns or {}).get(node["unique_id"], {})
        model = _model(node, reported, semantics.get(node["unique_id"]), project)
        models.setdefault(model.name, model)
    raws = {raw["name"]: raw for raw in (manifest.get("metrics") or {}).values() if _enabled(raw)}
    metrics = [_metric(raw, raws, project) for raw in raws.values()]
    code = (node.get("raw_code") or "" for node in _nodes(manifest))
    known = Vocabulary(
        models=models,
        metrics={metric.name: metric for metric in sorted(metrics, key=lambda metric: metric.name)},
        time_spine=_time_spine(manifest, semantic_manifest),
        keys=primary_keys(manifest),
        dbt_version=dbt_version(manifest),
        keywords=project_case(models.values(), metrics, code),
        plain_notes=plain_notes(metrics),
        synonyms=_synonyms(manifest, metrics),
        says=lambda sql: formula_of(sql, project.dialect),
    )
    formulas = {
        name: replace(metric, formula=metric_formula(metric, known, dialect=project.dialect))
        for name, metric in known.metrics.items()
    }
    return replace(known, metrics=formulas)


def _synonyms(manifest: Raw, metrics: Iterable[Metric]) -> dict[str, str]:
    """Other name → the name that a formula may write for it; what could mean two things means neither."""
    found: dict[str, set[tuple[str, str]]] = {}
    for node in _nodes(manifest):
        for column in (node.get("columns") or {}).values():
            for phrase in synonyms_in(meta_of(column)):
                found.setdefault(phrase, set()).add((node["name"], column["name"]))
    of_columns = {
        phrase: ".".join(next(iter(meant))) if len(meant) == 1 else next(iter(meant))[1]
        for phrase, meant in found.items()
        if len({column for _table, column in meant}) == 1
    }
    of_metrics = {phrase: metric.name for metric in metrics for phrase in synonyms_in(metric.meta)}
    return {**of_columns, **of_metrics}


def dialect(manifest: Raw) -> str:
    """How the project's SQL is spelled, in sqlglot's words."""
    return dialect_of(str((manifest.get("metadata") or {}).get("adapter_type") or ""))


def dbt_version(manifest: Raw) -> tuple[int, int]:
    """Major and minor version of the dbt that wrote a manifest; the oldest supported where none is said."""
    found = re.match(r"(\d+)\.(\d+)", str((manifest.get("metadata") or {}).get("dbt_version") or ""))
    return (int(found[1]), int(found[2])) if found else (1, 8)


def relations(manifest: Raw) -> dict[str, str]:
    """Model name → its quoted name in the warehouse, as dbt wrote it."""
    found: dict[str, str] = {}
    for node in _nodes(manifest):
        if node.get("relation_name"):
            found.setdefault(node["name"], node["relation_name"])
    return found


def primary_keys(manifest: Raw) -> dict[str, str]:
    """Model name → the one column that constraints or data tests show to be unique and never null."""
    nodes, all_nodes = _nodes(manifest), (manifest.get("nodes") or {}).values()
    columns = key_columns(nodes, [node for node in all_nodes if node.get("resource_type") == "test"])
    keys = {node["name"]: columns.get(node["unique_id"], "") for node in reversed(nodes)}
    return {name: column for name, column in keys.items() if column}


@cache
def value_type(raw: str) -> ValueType:
    """What kind of value a warehouse's type holds; "any" for types formulas know nothing of."""
    lowered = raw.lower().strip()
    return next((kind for pattern, kind in TYPES if re.search(pattern, lowered)), "any")


@dataclass(frozen=True, slots=True)
class _Project:
    """The project that a manifest is of; entries of packages stand in files that are not its own."""

    name: str
    dialect: str

    def file(self, raw: Raw, path: str | None) -> str:
        """The path inside this project; "" for what a package brought along."""
        return path or "" if self.name in ("", raw.get("package_name")) else ""


# Models


def _nodes(manifest: Raw) -> list[Raw]:
    """Models, seeds and snapshots; the project's own before those of packages, latest versions only."""
    project = (manifest.get("metadata") or {}).get("project_name")
    found = [
        node
        for node in (manifest.get("nodes") or {}).values()
        if node.get("resource_type") in READABLE
        and (node.get("config") or {}).get("materialized") != "ephemeral"
        and node.get("version") == node.get("latest_version")
    ]
    return sorted(found, key=lambda node: (node.get("package_name") != project, node["unique_id"]))


def _model(
    node: Raw, reported: Mapping[str, str], semantic: SemanticModel | None, project: _Project
) -> Model:
    # The YAML file that describes the model; its SQL where none does.
    described = str(node.get("patch_path") or "").partition("://")[2]
    return Model(
        name=node["name"],
        unique_id=node["unique_id"],
        columns=_columns(node, reported, semantic, project.dialect),
        label=_label(node),
        description=node.get("description") or "",
        file=project.file(node, described or node.get("original_file_path")),
        semantic=semantic,
        versioned=node.get("version") is not None,
        group=node.get("group") or (node.get("config") or {}).get("group") or "",
        private=node.get("access") == "private",
    )


def _declared(node: Raw) -> Iterator[Raw]:
    """The columns of the YAML and those that the SQL annotates, whose words count where the YAML has none."""
    told = {one.name.lower(): one for one in annotations_of(meta_of(node), node.get("config") or {})}
    for column in (node.get("columns") or {}).values():
        one = told.pop(column["name"].lower(), None)
        words = column.get("description") or (one.description if one else "")
        yield {**column, "description": words}
    yield from ({"name": one.name, "description": one.description} for one in told.values())


def _columns(
    node: Raw, reported: Mapping[str, str], semantic: SemanticModel | None, dialect: str
) -> tuple[Column, ...]:
    """The warehouse's columns; where it has not been asked, those that YAML or dimensions name."""
    declared = {column["name"].lower(): column for column in _declared(node)}
    types = dict(reported) or {c["name"]: c.get("data_type") or "" for c in declared.values()}
    if semantic and not reported:
        known = {name.lower() for name in types}
        exprs = [entity.expr for entity in semantic.entities]
        exprs += [dimension.expr for dimension in semantic.dimensions]
        exprs += [measure.expr for measure in semantic.measures]
        used = dict.fromkeys(name for expr in exprs for name in _names_in(expr, dialect))
        types |= {name: "" for name in used if name.lower() not in known}
    found = []
    for name, raw in types.items():
        column = declared.get(name.lower(), {})
        dimension = semantic.dimension_for(column.get("name", name)) if semantic else None
        found.append(
            Column(
                name=column.get("name", name),
                type=value_type(raw or column.get("data_type") or ""),
                label=_label(column) or (dimension.label if dimension else ""),
                description=column.get("description") or (dimension.description if dimension else ""),
            )
        )
    return tuple(found)


def _names_in(sql: str, dialect: str) -> list[str]:
    """The columns that an entity, dimension or measure reads."""
    try:
        return [column.name for column in parsed(sql, dialect).find_all(exp.Column)]
    except Unsupported:
        return []


def _label(raw: Raw) -> str:
    """The name for people, from the `meta` of a model or column."""
    for meta in filter(None, ((raw.get("config") or {}).get("meta"), raw.get("meta"))):
        own = meta.get("bisync")
        label = (own.get("label") if isinstance(own, Mapping) else None) or meta.get("label")
        if isinstance(label, str):
            return label
    return ""


# Semantic models


def _semantic_models(manifest: Raw, project: _Project) -> dict[str, SemanticModel]:
    """`unique_id` of the dbt model → its semantic model; of several, the one with most measures."""
    found: dict[str, SemanticModel] = {}
    nodes = manifest.get("nodes") or {}
    inline = _inline_measures(manifest)
    since = dbt_version(manifest) >= LATEST_SPEC_SINCE
    for raw in (manifest.get("semantic_models") or {}).values():
        behind = [name for name in (raw.get("depends_on") or {}).get("nodes") or [] if name in nodes]
        if not behind or not _enabled(raw):
            continue
        node, own = nodes[behind[0]], inline.get(raw["name"], [])
        semantic = _semantic_model(raw, node["name"], project)
        spec: Spec = "latest" if own or (since and _in_model(raw, node)) else "legacy"
        semantic = replace(semantic, measures=(*semantic.measures, *own), spec=spec)
        other = found.get(behind[0])
        if other is None or len(other.measures) < len(semantic.measures):
            found[behind[0]] = semantic
    return found


def _semantic_model(raw: Raw, model: str, project: _Project) -> SemanticModel:
    return SemanticModel(
        name=raw["name"],
        model=model,
        entities=tuple(_entity(entity) for entity in raw.get("entities") or ()),
        dimensions=tuple(_dimension(dimension) for dimension in raw.get("dimensions") or ()),
        measures=tuple(_measure(m) for m in raw.get("measures") or () if _exact(m)),
        agg_time_dimension=(raw.get("defaults") or {}).get("agg_time_dimension") or "",
        primary_entity=raw.get("primary_entity") or "",
        file=project.file(raw, raw.get("original_file_path")),
    )


def _in_model(raw: Raw, node: Raw) -> bool:
    """Whether a semantic model stands in the entry of its dbt model, which dbt does not say outright.

    There, it has no measures, columns are marked as entities or dimensions, and it has the description of
    the model, where a semantic model by itself has its own or none.
    """
    columns = (node.get("columns") or {}).values()
    if raw.get("measures"):
        return False
    if any(column.get("entity") or column.get("dimension") for column in columns):
        return True
    described = str(node.get("patch_path") or "").partition("://")[2]
    beside = raw.get("original_file_path") == described
    return beside and raw.get("description") is not None and raw["description"] == node.get("description")


def _inline_measures(manifest: Raw) -> dict[str, list[Measure]]:
    """Semantic model → the totals that simple metrics say themselves, as dbt 1.12 lets them."""
    found: dict[str, list[Measure]] = {}
    for raw in (manifest.get("metrics") or {}).values():
        params = raw.get("type_params") or {}
        total = params.get("metric_aggregation_params") or {}
        if total and _enabled(raw) and _exact(total):
            measure = _measure({**total, "name": raw["name"], "expr": params.get("expr")})
            found.setdefault(total.get("semantic_model") or "", []).append(replace(measure, inline=True))
    return found


def _entity(raw: Raw) -> Entity:
    kind = next(kind for kind in _args(EntityType) if kind == raw["type"])
    return Entity(name=raw["name"], type=kind, expr=str(raw.get("expr") or raw["name"]))


def _dimension(raw: Raw) -> Dimension:
    time = raw.get("type") == "time"
    granularity = (raw.get("type_params") or {}).get("time_granularity")
    return Dimension(
        name=raw["name"],
        type="time" if time else "categorical",
        expr=str(raw.get("expr") or raw["name"]),
        granularity=next((grain for grain in _args(Grain) if time and grain == granularity), None),
        label=raw.get("label") or "",
        description=raw.get("description") or "",
    )


def _exact(raw: Raw) -> bool:
    """Whether a measure is one of those that can be computed everywhere alike: no approximations."""
    params = raw.get("agg_params") or {}
    approximate = params.get("use_approximate_percentile") or params.get("use_discrete_percentile")
    return raw.get("agg") in _args(Aggregation) and not approximate


def _measure(raw: Raw) -> Measure:
    measure = Measure(
        name=raw["name"],
        agg=next(agg for agg in _args(Aggregation) if agg == raw["agg"]),
        expr=str(raw.get("expr") or raw["name"]),
        agg_time_dimension=raw.get("agg_time_dimension") or "",
        label=raw.get("label") or "",
        description=raw.get("description") or "",
        percentile=(raw.get("agg_params") or {}).get("percentile"),
    )
    window = raw.get("non_additive_dimension")
    if not window:
        return measure
    return Balance(
        **{part.name: getattr(measure, part.name) for part in fields(measure)},
        dimension=window["name"],
        choice="min" if window.get("window_choice") == "min" else "max",
        groupings=tuple(window.get("window_groupings") or ()),
    )


def _args(literal: Any) -> tuple[Any, ...]:
    return get_args(literal)


# Metrics


def _enabled(raw: Raw) -> bool:
    return bool((raw.get("config") or {}).get("enabled", True))


def _metric(raw: Raw, others: Mapping[str, Raw], project: _Project) -> Metric:
    params: Raw = raw.get("type_params") or {}
    running: Raw = params.get("cumulative_type_params") or {}
    measure, below = _total_of(raw, others)
    config: Raw = raw.get("config") or {}
    return Metric(
        name=raw["name"],
        type=next(kind for kind in _args(MetricType) if kind == raw["type"]),
        label=raw.get("label") or "",
        description=raw.get("description") or "",
        measure=measure.get("name") or "",
        filters=(*_filters(raw), *_filters(measure), *below),
        numerator=_input(params.get("numerator")),
        denominator=_input(params.get("denominator")),
        expr=str(params.get("expr") or "") if raw["type"] == "derived" else "",
        inputs=tuple(found for found in map(_input, params.get("metrics") or ()) if found),
        window=_window(running.get("window") or params.get("window")),
        grain_to_date=running.get("grain_to_date") or params.get("grain_to_date") or "",
        period_agg=running.get("period_agg") or "",
        fill_nulls_with=measure.get("fill_nulls_with"),
        join_to_timespine=bool(measure.get("join_to_timespine")),
        conversion=_conversion(params.get("conversion_type_params"), others),
        group=config.get("group") or raw.get("group") or "",
        file=project.file(raw, raw.get("original_file_path")),
        unique_id=raw.get("unique_id") or "",
        meta=config.get("meta") or raw.get("meta") or {},
        # Only the latest spec can hide a metric, so only there it is said whether one is.
        spec="legacy" if params.get("is_private") is None else "latest",
    )


def _total_of(raw: Raw, others: Mapping[str, Raw]) -> tuple[Raw, tuple[str, ...]]:
    """The measure that a metric totals, and the filters of the metric that it runs over, if it does.

    In dbt 1.12's spelling a simple metric is its own measure, and a cumulative one runs over a simple one.
    """
    params: Raw = raw.get("type_params") or {}
    if params.get("metric_aggregation_params"):
        own = {name: params.get(name) for name in ("fill_nulls_with", "join_to_timespine")}
        return {**own, "name": raw["name"]}, ()
    part: Raw = (params.get("cumulative_type_params") or {}).get("metric") or {}
    below = others.get(part.get("name") or "")
    if below is None or below["type"] != "simple":
        return params.get("measure") or {}, ()
    measure, _none = _total_of(below, others)
    return {**measure, "filter": None}, (*_filters(part), *_filters(below), *_filters(measure))


def _conversion(raw: Raw | None, others: Mapping[str, Raw]) -> ConversionParams | None:
    """Of a conversion metric the measures that it counts, or in dbt 1.12's spelling those of its metrics."""
    if not raw:
        return None
    (base, base_filters), (then, then_filters) = (
        _event(raw, kind, others) for kind in ("base", "conversion")
    )
    return ConversionParams(
        base=base,
        then=then,
        entity=str(raw.get("entity") or "").lower(),
        window=_window(raw.get("window")),
        base_filters=base_filters,
        then_filters=then_filters,
        calculation=str(raw.get("calculation") or "conversion_rate").lower(),
        constant=bool(raw.get("constant_properties")),
    )


def _event(raw: Raw, kind: str, others: Mapping[str, Raw]) -> tuple[str, tuple[str, ...]]:
    part: Raw = raw.get(f"{kind}_metric") or {}
    below = others.get(part.get("name") or "")
    if below is not None and below["type"] == "simple":
        measure, _none = _total_of(below, others)
        return measure.get("name") or "", (*_filters(part), *_filters(below), *_filters(measure))
    measure = raw.get(f"{kind}_measure") or {}
    return measure.get("name") or "", _filters(measure)


def _input(raw: Raw | None) -> MetricInput | None:
    if not raw:
        return None
    return MetricInput(
        name=raw["name"],
        alias=raw.get("alias") or "",
        filters=_filters(raw),
        offset_window=_window(raw.get("offset_window")),
        offset_to_grain=raw.get("offset_to_grain") or "",
    )


def _filters(raw: Raw) -> tuple[str, ...]:
    parts: Iterable[Raw] = (raw.get("filter") or {}).get("where_filters") or ()
    return tuple(part["where_sql_template"] for part in parts)


def _window(raw: Raw | None) -> str:
    """`{"count": 30, "granularity": "day"}` as dbt writes it: `30 days`."""
    if not raw:
        return ""
    plural = "" if raw["count"] == 1 else "s"
    return f"{raw['count']} {raw['granularity'].removesuffix('s')}{plural}"


def _time_spine(manifest: Raw, semantic_manifest: Raw) -> str:
    """dbt's table of all days and the column with the day, as `model.column`; "" without one.

    dbt told of a model called `metricflow_time_spine` in another way before models could say it themselves.
    """
    configuration = semantic_manifest.get("project_configuration") or {}
    spines = configuration.get("time_spines") or ()
    names = {node.get("relation_name"): node["name"] for node in _nodes(manifest)}
    for spine in spines:
        column = spine.get("primary_column") or {}
        model = names.get((spine.get("node_relation") or {}).get("relation_name"))
        if model and column.get("time_granularity") == "day":
            return f"{model}.{column['name']}"
    for table in configuration.get("time_spine_table_configurations") or ():
        model = names.get(table.get("location"))
        if model and table.get("grain") == "day":
            return f"{model}.{table['column_name']}"
    return ""
