"""What is added to a dbt project for a metric: decided here, spelled by the spec that each model is in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from semantic.codegen import latest, legacy
from semantic.codegen.entries import PREFIXES, Entries, Entry, Refused, plain_name
from semantic.codegen.key_entities import dimensions_of, free_name, key_entity, semantic_name
from semantic.codegen.time_spine import NAME as TIME_SPINE
from semantic.definitions import Dimension, Measure, Metric, Model, SemanticModel, Vocabulary, column_in
from semantic.project_file import ProjectFile


@dataclass(slots=True)
class Additions:
    """Things as they are decided on; `vocabulary` knows them at once, so later ones can use them.

    `models` is what the entries of dbt models get in the latest spec, apart from their metrics;
    `semantic_models` (by dbt model), `measures`, `dimensions` and `defaults` are the legacy spec's.
    """

    vocabulary: Vocabulary
    # What the project's own file says, for tests of what is added.
    project: Callable[[], ProjectFile] = ProjectFile
    semantic_models: dict[str, Entry] = field(default_factory=dict)
    measures: dict[str, list[Entry]] = field(default_factory=dict)
    dimensions: dict[str, list[Entry]] = field(default_factory=dict)
    defaults: dict[str, Entry] = field(default_factory=dict)
    models: dict[str, Entry] = field(default_factory=dict)
    metrics: list[Metric] = field(default_factory=list)
    tests: dict[str, list[Entry]] = field(default_factory=dict)
    time_spine: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def as_json(self) -> Entries:
        """The entries as plain data, equal to itself after a trip through JSON."""
        inside = self.in_models()
        return {
            "semantic_models": list(self.semantic_models.values()),
            "measures": self.measures,
            "dimensions": self.dimensions,
            **({"defaults": self.defaults} if self.defaults else {}),
            **({"models": inside} if inside else {}),
            "metrics": self.at_top(),
            "tests": self.tests,
            "time_spine": self.time_spine,
        }

    def at_top(self) -> list[Entry]:
        """The entries of all metrics that stand at the top level of a file."""
        return [self.spelled(metric) for metric in self.metrics if not self.inside(metric)]

    def in_models(self) -> dict[str, Entry]:
        """dbt model → what its entry gets, its new metrics included."""
        found = {name: dict(entry) for name, entry in self.models.items()}
        for metric in self.metrics:
            if model := self.inside(metric):
                found.setdefault(model, {}).setdefault(latest.METRICS, []).append(self.spelled(metric))
        return found

    def inside(self, metric: Metric) -> str:
        """The dbt model in whose entry a metric stands; "" for those at the top level."""
        if metric.spec == "legacy" or metric.type != "simple":
            return ""
        return self.vocabulary.measures[metric.measure][0].name

    def spelled(self, metric: Metric) -> Entry:
        """The entry of a metric."""
        if metric.spec == "legacy":
            return legacy.metric(metric)
        _model, measure = self.vocabulary.measures.get(metric.measure, (None, None))
        return latest.metric(metric, measure)

    def semantic(self, model: str) -> SemanticModel:
        """The semantic model of a dbt model, new ones included."""
        found = self.vocabulary.models[model].semantic
        assert found is not None
        return found

    def is_new(self, model: str) -> bool:
        """Whether the semantic model of a dbt model is one of these additions."""
        return model in self.semantic_models or "semantic_model" in self.models.get(model, ())

    def add_semantic_model(self, model: Model, time: Dimension | None, key: str, dialect: str) -> None:
        """A semantic model for a dbt model that has none; its primary entity is the model's key.

        `time` dates its rows: totals need it, dimensions do not.
        """
        if not self.vocabulary.has_time_spine:
            self.time_spine.append(TIME_SPINE)
        spec = self.vocabulary.spec_for(model)
        stem = plain_name(PREFIXES.sub("", model.name))
        name = semantic_name(model, spec, self.vocabulary)
        entity = key_entity(model, key, self.vocabulary, dialect) if key else None
        if entity and time:
            known = dimensions_of(entity.name, self.vocabulary)
            time = replace(time, name=free_name(time.name, {entity.name, *known}))
        rows = f"{name if spec == 'legacy' else stem}_row"
        semantic = SemanticModel(
            name=name,
            model=model.name,
            entities=(entity,) if entity else (),
            dimensions=(time,) if time else (),
            agg_time_dimension=time.name if time else "",
            primary_entity="" if entity else rows,
            spec=spec,
        )
        group = model.group if model.private else ""
        if spec == "legacy":
            self.semantic_models[model.name] = legacy.semantic_model(semantic, group=group)
        else:
            latest.describe(self._entry(model), semantic, group=group)
        self._put(model, semantic)

    def add_dimension(self, model: Model, dimension: Dimension) -> Dimension:
        """The dimension under a name that is free in its semantic model."""
        semantic = self.semantic(model.name)
        taken = _elements(semantic) | dimensions_of(semantic.own_entity, self.vocabulary).keys()
        dimension = replace(dimension, name=free_name(dimension.name, taken))
        if semantic.spec == "latest":
            marked = latest.is_column(dimension.expr) and _is_marked(semantic, dimension.expr)
            latest.add_dimension(self._entry(model), dimension, marked=marked)
        elif model.name in self.semantic_models:
            self.semantic_models[model.name]["dimensions"].append(legacy.dimension(dimension))
        else:
            self.dimensions.setdefault(semantic.name, []).append(legacy.dimension(dimension))
        self._put(model, replace(semantic, dimensions=(*semantic.dimensions, dimension)))
        return dimension

    def add_date(self, model: Model, time: Dimension) -> str:
        """The name of the dimension that dates a model's rows; what was not dated yet has it as default."""
        semantic = self.semantic(model.name)
        known = semantic.dimension_for(column_in(time.expr), "time")
        name = known.name if known else self.add_dimension(model, time).name
        if semantic.agg_time_dimension or semantic.measures:
            return name
        default = {"agg_time_dimension": name}
        if semantic.spec == "latest":
            self._entry(model).update(default)
        elif model.name in self.semantic_models:
            self.semantic_models[model.name]["defaults"] = default
        else:
            self.defaults[semantic.name] = default
        self._put(model, replace(self.semantic(model.name), agg_time_dimension=name))
        return name

    def add_measure(self, model: Model, measure: Measure) -> Measure:
        """The measure, in the legacy spec, under a name that is free everywhere."""
        semantic = self.semantic(model.name)
        taken = _elements(semantic) | set(self.vocabulary.measures) | set(self.vocabulary.metrics)
        measure = replace(measure, name=free_name(measure.name, taken))
        entry = legacy.measure(measure)
        if model.name in self.semantic_models:
            self.semantic_models[model.name]["measures"].append(entry)
        else:
            self.measures.setdefault(semantic.name, []).append(entry)
        self._put(model, replace(semantic, measures=(*semantic.measures, measure)))
        return measure

    def add_total(self, model: Model, measure: Measure) -> None:
        """What the simple metric of the measure's name totals, in the latest spec."""
        _refuse_versions(model)
        semantic = self.semantic(model.name)
        others = (one for one in semantic.measures if one.name != measure.name)
        self._put(model, replace(semantic, measures=(*others, replace(measure, inline=True))))

    def free_metric_name(self, name: str) -> str:
        """The name, numbered if something has it already."""
        taken = {*self.vocabulary.metrics, *self.vocabulary.measures, *self.vocabulary.models}
        return free_name(name, taken | {metric.name for metric in self.metrics})

    def free_label(self, label: str) -> str:
        """The name for people, numbered if a metric has it already: dbt takes no two of the same."""
        known = (*self.vocabulary.metrics.values(), *self.metrics)
        taken = {metric.label.casefold() for metric in known}
        if label.casefold() not in taken:
            return label
        return next(f"{label} {n}" for n in range(2, 10_000) if f"{label} {n}".casefold() not in taken)

    def _entry(self, model: Model) -> Entry:
        _refuse_versions(model)
        return self.models.setdefault(model.name, {})

    def _put(self, model: Model, semantic: SemanticModel) -> None:
        models = {**self.vocabulary.models, model.name: replace(model, semantic=semantic)}
        self.vocabulary = replace(self.vocabulary, models=models)


def _refuse_versions(model: Model) -> None:
    if model.versioned:
        raise Refused(
            f"{model.name} has versions, and of a model with versions dbt 1.12 loses what its entry says of "
            "metrics, without a word. Use a model without versions, for example one that selects from it."
        )


def _elements(semantic: SemanticModel) -> set[str]:
    """dbt wants every name once among a semantic model's entities, dimensions and measures."""
    names = {entity.name for entity in semantic.entities} | {d.name for d in semantic.dimensions}
    return names | {measure.name for measure in semantic.measures} | {semantic.primary_entity}


def _is_marked(semantic: SemanticModel, column: str) -> bool:
    """Whether a column shows a dimension already: of each column, there can be one."""
    return semantic.dimension_for(column) is not None
