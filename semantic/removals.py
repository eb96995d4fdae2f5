"""What is to go from a dbt project, and everything in it that would notice."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, TypeAlias

from semantic.definitions import Dimension, Measure, Model
from semantic.fields import PlainFields
from semantic.known import Known

Raw: TypeAlias = Mapping[str, Any]
# What can go; each is named as `metric:revenue`, those of a table as `column:model.shop.fct_orders:note`.
SUBJECTS = ("metric", "dimension", "measure", "test", "column")
HOWS = ("now", "deprecate", "rename")
# dbt lets a metric, or the measures of metrics, be exchanged by name in these places of its manifest.
_SECTIONS = {"metric": "metrics", "exposure": "exposures", "saved_query": "saved_queries"}


@dataclass(frozen=True, slots=True)
class RemovalFields(PlainFields):
    """What goes (`name`), what takes its place, when it goes, or what it is called instead.

    `unused` also takes the measure and the helpers that nothing else reads.
    """

    MERGED: ClassVar[tuple[str, ...]] = ("how", "replacement", "new_name", "day", "unused")

    name: str = ""
    how: str = "now"
    replacement: str = ""
    new_name: str = ""
    day: str = ""
    unused: bool = False
    why: str = ""

    @property
    def title(self) -> str:
        what, key = subject_of(self.name)
        if what == "column":
            table, _colon, column = key.partition(":")
            return f"{table.rpartition('.')[2]}.{column}"
        if what == "test":
            return key.split(".")[2] if key.count(".") > 1 else key
        return key.rpartition(":")[2]


def subject_of(name: str) -> tuple[str, str]:
    """What kind of thing goes, and how it is known: `metric:revenue` → `metric`, `revenue`."""
    what, _colon, key = name.partition(":")
    return what, key


@dataclass(frozen=True, slots=True)
class Use:
    """One thing that names another: `kind` is what it is, `section` the list of a file that holds its entry.

    Where `exchanged`, another name can stand there instead; else somebody has to change what it says.
    """

    kind: Literal["metric", "exposure", "saved query", "semantic model", "measure"]
    name: str
    label: str
    file: str
    section: str = ""
    exchanged: bool = True

    @property
    def words(self) -> str:
        return f"the {self.kind} {self.label or self.name}"


def uses_of(name: str, known: Known) -> list[Use]:
    """Everything in the dbt project that could not be read without a thing, in dbt's order."""
    what, key = subject_of(name)
    if what == "metric":
        return list(_uses_of_name(known, key, _metric_names, rf"\bMetric\(\s*['\"]{re.escape(key)}['\"]"))
    if what == "measure":
        return list(_uses_of_name(known, key, _measure_names, None))
    if what == "dimension" and (found := dimension_of(key, known)):
        return [*_uses_of_dimension(*found, known)]
    return []


def dimension_of(key: str, known: Known) -> tuple[Model, Dimension] | None:
    """The dimension that is known as `model.shop.fct_orders:status`, and its model."""
    table, _colon, name = key.partition(":")
    model = model_of(table, known)
    dimensions = model.semantic.dimensions if model is not None and model.semantic else ()
    return next(((model, one) for one in dimensions if model and one.name == name), None)


def model_of(unique_id: str, known: Known) -> Model | None:
    """The model of that id, as formulas know it."""
    return next((one for one in known.names.models.values() if one.unique_id == unique_id), None)


def measure_of(name: str, known: Known) -> tuple[Model, Measure] | None:
    """The measure of that name in dbt's legacy spec, and its model; totals of metrics are none."""
    found = known.names.measures.get(name)
    return found if found is not None and not found[1].inline else None


def left_unused(metric: str, known: Known) -> tuple[list[str], list[str]]:
    """The measures that only this metric reads, and the helpers that were written for it alone."""
    names = known.names
    gone = names.metrics.get(metric)
    if gone is None:
        return [], []
    helpers = [
        one.name
        for one in names.metrics.values()
        if one.helper_of == metric
        and one.file
        and all(use.name == metric for use in uses_of(f"metric:{one.name}", known))
    ]
    going = {metric, *helpers}
    wanted = dict.fromkeys(name for one in going for name in names.metrics[one].measures if name)
    measures = [
        name
        for name in sorted(wanted)
        if measure_of(name, known)
        and all(use.name in going and use.kind == "metric" for use in uses_of(f"measure:{name}", known))
    ]
    return measures, helpers


def _entries(known: Known, said: str, *kinds: str) -> Iterator[tuple[str, Raw]]:
    """The entries of these kinds whose text has a name in it: only those are read."""
    for entry in known.manifest.nodes.values():
        if entry.kind in kinds and said.encode() in bytes(entry.content):
            yield entry.kind, entry.read()


def _uses_of_name(known: Known, name: str, names: Any, pattern: str | None) -> Iterator[Use]:
    for kind, raw in _entries(known, name, "metric", "exposure", "saved_query"):
        if kind == "metric" and raw.get("name") == name and names is _metric_names:
            continue
        own = raw.get("package_name") in ("", known.manifest.parts.metadata.get("project_name"))
        by_text = bool(pattern and any(re.search(pattern, text) for text in _texts(raw)))
        if not by_text and name not in names(kind, raw):
            continue
        yield _use(kind, raw, exchanged=own and not by_text)


def _use(kind: str, raw: Raw, *, exchanged: bool) -> Use:
    words: Any = kind.replace("_", " ")
    file = str(raw.get("original_file_path") or "")
    return Use(words, str(raw["name"]), str(raw.get("label") or ""), file, _SECTIONS[kind], exchanged)


def _metric_names(kind: str, raw: Raw) -> set[str]:
    """The metrics that an entry names."""
    if kind == "exposure":
        nodes = (raw.get("depends_on") or {}).get("nodes") or ()
        return {one.rpartition(".")[2] for one in nodes if one.startswith("metric.")}
    if kind == "saved_query":
        return {str(one) for one in (raw.get("query_params") or {}).get("metrics") or ()}
    params: Raw = raw.get("type_params") or {}
    running, counted = (params.get(f"{one}_type_params") or {} for one in ("cumulative", "conversion"))
    parts = [params.get("numerator"), params.get("denominator"), *(params.get("metrics") or ())]
    parts += [running.get("metric"), counted.get("base_metric"), counted.get("conversion_metric")]
    return {part["name"] for part in parts if part}


def _measure_names(kind: str, raw: Raw) -> set[str]:
    """The measures that a metric totals."""
    if kind != "metric":
        return set()
    params: Raw = raw.get("type_params") or {}
    counted = params.get("conversion_type_params") or {}
    parts = (params.get("measure"), counted.get("base_measure"), counted.get("conversion_measure"))
    return {part["name"] for part in parts if part}


def _uses_of_dimension(model: Model, dimension: Dimension, known: Known) -> Iterator[Use]:
    semantic = model.semantic
    assert semantic is not None
    if semantic.agg_time_dimension == dimension.name:
        yield Use("semantic model", semantic.name, "", semantic.file, exchanged=False)
    for measure in semantic.measures:
        if dimension.name in (measure.agg_time_dimension, getattr(measure, "dimension", "")):
            yield Use("measure", measure.name, measure.label, semantic.file, exchanged=False)
    entities = "|".join(
        re.escape(one)
        for one in {*(entity.name for entity in semantic.entities), semantic.primary_entity}
        if one
    )
    pattern = rf"(?<![A-Za-z0-9])(?:\w+__)?(?:{entities})__{re.escape(dimension.name)}\b" if entities else ""
    for kind, raw in _entries(known, f"__{dimension.name}", "metric", "saved_query"):
        if pattern and any(re.search(pattern, text) for text in _texts(raw)):
            yield _use(kind, raw, exchanged=False)


def _texts(value: object) -> Iterator[str]:
    """Every text in an entry but what people wrote to be read."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, part in value.items():
            if key not in ("description", "label", "meta", "config", "created_at"):
                yield from _texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)
