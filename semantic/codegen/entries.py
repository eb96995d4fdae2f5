"""What a metric adds to a dbt project's semantic layer, entry by entry, as dbt's YAML spells it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from semantic.codegen.time_spine import NAME as TIME_SPINE
from semantic.definitions import Dimension, Entity, Measure, Model, SemanticModel, Vocabulary

Entry: TypeAlias = dict[str, Any]
# As JSON keeps it: `semantic_models`, `metrics`: lists; `measures`, `dimensions`: semantic model → list;
# `tests`: dbt model → list; `time_spine`: list, the model that brings the project one.
# `change`, where there is a metric already: its name as `metric`, dbt's keys that change as `values`, those
# of Bisync's mapping in its `meta` as `own`, the tests that go as `dropped`: dbt model → names.
# What is no part of a semantic layer stands in `edits`, a list of plain data, one for each edit.
Entries: TypeAlias = dict[str, Any]

# Names that dbt's semantic layer keeps for itself, and words that no warehouse takes as a column's name.
RESERVED = frozenset(
    (
        *("metric_time", "mf_internal_uuid", "nanosecond", "microsecond", "millisecond", "second", "minute"),
        *("hour", "day", "week", "month", "quarter", "year", "and", "as", "create", "distinct", "for"),
        *("from", "full", "having", "in", "inner", "into", "is", "join", "left", "like", "natural", "not"),
        *("null", "on", "or", "right", "select", "union", "using", "where", "with"),
    )
)
PREFIXES = re.compile(r"^(fct|fact|dim|mart|int|stg|rpt|agg)_")
KEY_ENDINGS = re.compile(r"_(id|key|sk|pk|uuid)$")


class Refused(ValueError):
    """Why the metric cannot be written to dbt, as a sentence that says what to do instead."""


def plain_name(text: str) -> str:
    """A name as dbt's semantic layer accepts it, as near to `text` as possible."""
    name = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")[:60].strip("_")
    if len(name) < 2 or name in RESERVED or not name[0].isalpha():
        return f"m_{name or 'measure'}"
    return name


@dataclass(slots=True)
class Additions:
    """Entries as they are decided on; `vocabulary` knows them at once, so later ones can use them."""

    vocabulary: Vocabulary
    semantic_models: dict[str, Entry] = field(default_factory=dict)
    measures: dict[str, list[Entry]] = field(default_factory=dict)
    dimensions: dict[str, list[Entry]] = field(default_factory=dict)
    metrics: list[Entry] = field(default_factory=list)
    tests: dict[str, list[Entry]] = field(default_factory=dict)
    time_spine: list[str] = field(default_factory=list)

    def as_json(self) -> Entries:
        """The entries as plain data, equal to itself after a trip through JSON."""
        return {
            "semantic_models": list(self.semantic_models.values()),
            "measures": self.measures,
            "dimensions": self.dimensions,
            "metrics": self.metrics,
            "tests": self.tests,
            "time_spine": self.time_spine,
        }

    def semantic(self, model: str) -> SemanticModel:
        """The semantic model of a dbt model, new ones included."""
        found = self.vocabulary.models[model].semantic
        assert found is not None
        return found

    def add_semantic_model(self, model: Model, time: Dimension, key: str) -> None:
        """A semantic model for a dbt model that has none; its primary entity is the model's key."""
        if not self.vocabulary.has_time_spine:
            self.time_spine.append(TIME_SPINE)
        stem = PREFIXES.sub("", model.name)
        taken = {m.semantic.name for m in self.vocabulary.models.values() if m.semantic}
        name = self._free(plain_name(stem), taken)
        entity = Entity(plain_name(KEY_ENDINGS.sub("", key)), "primary", key) if key else None
        if entity and entity.name in (time.name, key):
            entity = replace(entity, name=plain_name(f"{entity.name}_key"))
        entry: Entry = {
            "name": name,
            "model": f"ref('{model.name}')",
            "defaults": {"agg_time_dimension": time.name},
        }
        if entity:
            entry["entities"] = [_named(entity.name, key, type="primary")]
        else:
            entry["primary_entity"] = f"{name}_row"
        entry["dimensions"] = [_dimension_entry(time)]
        entry["measures"] = []
        self.semantic_models[model.name] = entry
        self._put(
            model,
            SemanticModel(
                name=name,
                model=model.name,
                entities=(entity,) if entity else (),
                dimensions=(time,),
                agg_time_dimension=time.name,
                primary_entity="" if entity else f"{name}_row",
            ),
        )

    def add_dimension(self, model: Model, dimension: Dimension) -> Dimension:
        """The dimension under a name that is free in its semantic model."""
        semantic = self.semantic(model.name)
        dimension = replace(dimension, name=self._free(dimension.name, _elements(semantic)))
        entry = _dimension_entry(dimension)
        if model.name in self.semantic_models:
            self.semantic_models[model.name]["dimensions"].append(entry)
        else:
            self.dimensions.setdefault(semantic.name, []).append(entry)
        self._put(model, replace(semantic, dimensions=(*semantic.dimensions, dimension)))
        return dimension

    def add_measure(self, model: Model, measure: Measure) -> Measure:
        """The measure under a name that is free everywhere."""
        semantic = self.semantic(model.name)
        taken = _elements(semantic) | set(self.vocabulary.measures) | set(self.vocabulary.metrics)
        measure = replace(measure, name=self._free(measure.name, taken))
        entry: Entry = {"name": measure.name, "agg": measure.agg, "expr": measure.expr}
        if measure.agg_time_dimension:
            entry["agg_time_dimension"] = measure.agg_time_dimension
        if measure.percentile is not None:
            entry["agg_params"] = {
                "percentile": measure.percentile,
                "use_discrete_percentile": False,
                "use_approximate_percentile": False,
            }
        if model.name in self.semantic_models:
            self.semantic_models[model.name]["measures"].append(entry)
        else:
            self.measures.setdefault(semantic.name, []).append(entry)
        self._put(model, replace(semantic, measures=(*semantic.measures, measure)))
        return measure

    def free_metric_name(self, name: str) -> str:
        """The name, numbered if something has it already."""
        taken = {*self.vocabulary.metrics, *self.vocabulary.measures, *self.vocabulary.models}
        return self._free(name, taken | {metric["name"] for metric in self.metrics})

    def _put(self, model: Model, semantic: SemanticModel) -> None:
        models = {**self.vocabulary.models, model.name: replace(model, semantic=semantic)}
        self.vocabulary = replace(self.vocabulary, models=models)

    @staticmethod
    def _free(name: str, taken: set[str]) -> str:
        if name not in taken:
            return name
        return next(f"{name}_{number}" for number in range(2, 10_000) if f"{name}_{number}" not in taken)


def _elements(semantic: SemanticModel) -> set[str]:
    """dbt wants every name once among a semantic model's entities, dimensions and measures."""
    names = {entity.name for entity in semantic.entities} | {d.name for d in semantic.dimensions}
    return names | {measure.name for measure in semantic.measures} | {semantic.primary_entity}


def _dimension_entry(dimension: Dimension) -> Entry:
    entry = _named(dimension.name, dimension.expr, type=dimension.type)
    if dimension.type == "time":
        entry["type_params"] = {"time_granularity": dimension.granularity or "day"}
    return entry


def _named(name: str, expr: str, **more: str) -> Entry:
    """An entry whose `expr` is left out where it is the name again."""
    entry: Entry = {"name": name, **more}
    return entry if expr == name else {**entry, "expr": expr}


def added_to(entries: Mapping[str, Any], semantic_model: str) -> dict[str, list[Entry]]:
    """The measures and dimensions that an existing semantic model gets."""
    return {
        kind: entries[kind][semantic_model]
        for kind in ("measures", "dimensions")
        if semantic_model in entries[kind]
    }


def parts(entries: Mapping[str, Any]) -> frozenset[str]:
    """Each entry by itself, with where it belongs, as JSON; a semantic model's without what is in it."""
    return frozenset(json.dumps(part, sort_keys=True) for part in _parts(entries))


def _parts(entries: Mapping[str, Any]) -> Iterator[tuple[str, str, Entry]]:
    for model in entries.get("semantic_models", ()):
        inside = ("dimensions", "measures")
        yield "semantic_models", "", {key: part for key, part in model.items() if key not in inside}
        for kind in inside:
            yield from ((kind, model["name"], entry) for entry in model[kind])
    for kind in ("dimensions", "measures", "tests"):
        for home, added in entries.get(kind, {}).items():
            yield from ((kind, home, entry) for entry in added)
    yield from (("metrics", "", entry) for entry in entries.get("metrics", ()))
    yield from (("edits", "", edit) for edit in entries.get("edits", ()))
    # What was sent before there were such things has none.
    yield from (("time_spine", "", {"name": name}) for name in entries.get("time_spine", ()))
    change = entries.get("change") or {}
    for kind in ("values", "own", "dropped"):
        for key, value in change.get(kind, {}).items():
            yield kind, change["metric"], {key: value}


def texts_in(value: object) -> frozenset[str]:
    """Every text in plain data, and with that every name that entries give or use."""
    if isinstance(value, str):
        return frozenset([value])
    inside = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return frozenset().union(*map(texts_in, inside))
