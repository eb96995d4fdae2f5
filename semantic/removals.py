"""What is to go from a dbt project, and everything in it that would notice."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, TypeAlias

from semantic.codegen.removal_edits import Exchange
from semantic.definitions import Dimension, Measure, Metric, Model
from semantic.fields import PlainFields
from semantic.known import Known

Raw: TypeAlias = Mapping[str, Any]
# What can go; each is named as `metric:revenue`, those of a table as `column:model.shop.fct_orders:note`.
SUBJECTS = ("metric", "dimension", "measure", "test", "column")
HOWS = ("now", "deprecate", "rename")


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
    """Everything in the dbt project that could not be read without a thing, as it will be by then."""
    what, key = subject_of(name)
    if what == "metric":
        return [*_exposures(key, known), *_metrics_over(key, known), *_saved_queries(key, known)]
    if what == "measure":
        metrics = known.names.metrics.values()
        return [_use_in(one) for one in metrics if key in one.measures and one.spec == "legacy"]
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


def _entries(known: Known, kind: str) -> Iterator[Raw]:
    """The entries of a kind, with the metrics that they will name."""
    for entry in known.manifest.nodes.values():
        if entry.kind == kind:
            yield entry.read()


def _called(section: str, raw: Raw, named: Iterable[str], known: Known) -> set[str]:
    """The metrics that an entry will name by then, of those that it has `named`."""
    found = set(named)
    edits = (edit for change in known.changes for edit in change.edits if isinstance(edit, Exchange))
    for edit in edits:
        if (edit.section, edit.name) == (section, raw["name"]) and edit.old in found:
            found = {edit.new if one == edit.old else one for one in found}
    return found


def _exposures(metric: str, known: Known) -> Iterator[Use]:
    for raw in _entries(known, "exposure"):
        nodes = (raw.get("depends_on") or {}).get("nodes") or ()
        named = (one.rpartition(".")[2] for one in nodes if one.startswith("metric."))
        if metric in _called("exposures", raw, named, known):
            yield _use("exposure", "exposures", raw, exchanged=_own(raw, known))


def _saved_queries(metric: str, known: Known) -> Iterator[Use]:
    for raw in _entries(known, "saved_query"):
        named = (str(one) for one in (raw.get("query_params") or {}).get("metrics") or ())
        by_text = any(map(_by_text(metric), _texts(raw)))
        if by_text or metric in _called("saved_queries", raw, named, known):
            yield _use("saved query", "saved_queries", raw, exchanged=_own(raw, known) and not by_text)


def _metrics_over(metric: str, known: Known) -> Iterator[Use]:
    for one in known.names.metrics.values():
        by_text = any(map(_by_text(metric), _filters_of(one)))
        if one.name != metric and (by_text or metric in one.made_of):
            yield _use_in(one, exchanged=bool(one.file) and not by_text)


def _by_text(metric: str) -> Callable[[str], bool]:
    """Whether a filter names a metric, which no other name can take the place of."""
    pattern = re.compile(rf"\bMetric\(\s*['\"]{re.escape(metric)}['\"]")
    return lambda text: pattern.search(text) is not None


def _filters_of(metric: Metric) -> Iterator[str]:
    yield from metric.filters
    for part in (metric.numerator, metric.denominator, *metric.inputs):
        yield from part.filters if part else ()
    if metric.conversion:
        yield from (*metric.conversion.base_filters, *metric.conversion.then_filters)


def _own(raw: Raw, known: Known) -> bool:
    return raw.get("package_name") in ("", known.manifest.parts.metadata.get("project_name"))


def _use(kind: Any, section: str, raw: Raw, *, exchanged: bool) -> Use:
    file = str(raw.get("original_file_path") or "")
    return Use(kind, str(raw["name"]), str(raw.get("label") or ""), file, section, exchanged)


def _use_in(metric: Metric, *, exchanged: bool | None = None) -> Use:
    own = bool(metric.file) if exchanged is None else exchanged
    return Use("metric", metric.name, metric.label, metric.file, "metrics", own)


def _uses_of_dimension(model: Model, dimension: Dimension, known: Known) -> Iterator[Use]:
    semantic = model.semantic
    assert semantic is not None
    if semantic.agg_time_dimension == dimension.name:
        yield Use("semantic model", semantic.name, "", semantic.file, exchanged=False)
    for measure in semantic.measures:
        if dimension.name in (measure.agg_time_dimension, getattr(measure, "dimension", "")):
            yield Use("measure", measure.name, measure.label, semantic.file, exchanged=False)
    names = {*(entity.name for entity in semantic.entities), semantic.primary_entity} - {""}
    if not names:
        return
    entities = "|".join(map(re.escape, sorted(names)))
    pattern = re.compile(rf"(?<![A-Za-z0-9])(?:\w+__)?(?:{entities})__{re.escape(dimension.name)}\b")
    for metric in known.names.metrics.values():
        texts = (*_filters_of(metric), *_kept_alike(metric, known))
        if any(map(pattern.search, texts)):
            yield _use_in(metric, exchanged=False)
    for raw in _entries(known, "saved_query"):
        if any(map(pattern.search, _texts(raw))):
            yield _use("saved query", "saved_queries", raw, exchanged=False)


def _kept_alike(metric: Metric, known: Known) -> Iterator[str]:
    """The dimensions that have to be the same in both events of a conversion; the names only know that."""
    entry = known.manifest.nodes.get(metric.unique_id)
    if metric.conversion and metric.conversion.constant and entry is not None:
        params = (entry.read().get("type_params") or {}).get("conversion_type_params") or {}
        yield from _texts(params.get("constant_properties") or [])


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
