"""Entries as changes of files: which one goes where."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from semantic.codegen import layout
from semantic.codegen.additions import Additions
from semantic.codegen.changes import AmendTests, AnyEdit, FileChange
from semantic.codegen.entries import Entry, Refused
from semantic.codegen.metric_edits import AmendMetric
from semantic.codegen.model_edits import DescribeModel
from semantic.codegen.names_after import synonyms_after
from semantic.codegen.quality.file_tests import DATA_TESTS
from semantic.codegen.quality.macros import MACRO_FILE as TESTS_FILE
from semantic.codegen.quality.macros import MACROS
from semantic.codegen.quality.rule import RESOURCES, Target, said_of
from semantic.codegen.time_spine import time_spine_files
from semantic.codegen.value_tests import MACRO, MACRO_FILE, METRIC_IN_RANGE
from semantic.codegen.yaml_files import AddItem, Named, SetKey, YamlValue, new_file
from semantic.definitions import Metric, Model, Vocabulary
from semantic.formula import metric_models
from semantic.formulas import metric_formula


def file_changes(
    additions: Additions,
    vocabulary: Vocabulary,
    *,
    home: str = "",
    amended: AmendMetric | None = None,
    dropped: Mapping[str, Sequence[str]] | None = None,
) -> tuple[FileChange, ...]:
    """The edits file by file, in the order in which dbt's entries depend on each other.

    New metrics go to the file `home`, by default beside their likes; there, too, stands a metric that is
    `amended`. Of the models' data tests those are `dropped` that the new ones replace: dbt model → names.
    """
    edits: dict[str, list[AnyEdit]] = {}

    def add(path: str, *found: AnyEdit) -> None:
        edits.setdefault(path, []).extend(found)

    models = vocabulary.models
    for name, entry in additions.semantic_models.items():
        add(
            layout.semantic_file(models[name], vocabulary),
            AddItem(("semantic_models",), _without_empty(entry)),
        )
    for model, found in _semantic_edits(additions, vocabulary):
        add(layout.semantic_file(model, vocabulary), *found)
    for name, entry in additions.in_models().items():
        add(layout.properties_file(models[name]), DescribeModel(name, entry))
    if at_top := additions.at_top():
        add(_top_file(additions, vocabulary, home), *(AddItem(("metrics",), entry) for entry in at_top))
    if amended and (amended.values or amended.own):
        add(home, amended)
    for model, found in _test_edits(additions, dropped or {}):
        add(layout.properties_file(model), *found)
    changes = [FileChange(path, tuple(found)) for path, found in edits.items()]
    if additions.time_spine:
        beside = next(models[name] for name in models if additions.is_new(name))
        changes += [FileChange(path, content=text) for path, text in time_spine_files(beside).items()]
    return (*changes, *_macros(additions))


def names_after(
    additions: Additions, vocabulary: Vocabulary, *, dialect: str = "duckdb", home: str = ""
) -> Vocabulary:
    """The names that there will be, as dbt will give them back: with their files, and metrics as formulas.

    `vocabulary` and `home` are those of `file_changes`.
    """
    names = additions.vocabulary
    models = {name: _with_file(additions, vocabulary, model) for name, model in names.models.items()}
    metrics = dict(names.metrics)
    for metric in additions.metrics:
        file = _file_of(metric, additions, vocabulary, home)
        metrics[metric.name] = replace(_as_read(metric, metrics), file=file)
    known = replace(names, models=models, metrics=dict(sorted(metrics.items())))
    formulas = {
        metric.name: metric_formula(known.metrics[metric.name], known, dialect=dialect)
        for metric in additions.metrics
    }
    new = {name: replace(known.metrics[name], formula=formula) for name, formula in formulas.items()}
    synonyms = synonyms_after(known, new.values())
    return replace(known, metrics={**known.metrics, **new}, synonyms=synonyms)


def _with_file(additions: Additions, vocabulary: Vocabulary, model: Model) -> Model:
    """The model, a new semantic model of it with the file that it will stand in."""
    semantic = model.semantic
    if semantic is None or not additions.is_new(model.name):
        return model
    before, latest = vocabulary.models[model.name], semantic.spec == "latest"
    file = layout.properties_file(before) if latest else layout.semantic_file(before, vocabulary)
    return replace(model, semantic=replace(semantic, file=file))


def _file_of(metric: Metric, additions: Additions, vocabulary: Vocabulary, home: str) -> str:
    """The file that a new metric will stand in."""
    if inside := additions.inside(metric):
        return layout.properties_file(vocabulary.models[inside])
    return _top_file(additions, vocabulary, home)


def _top_file(additions: Additions, vocabulary: Vocabulary, home: str) -> str:
    if home:
        return home
    names = additions.vocabulary
    known = replace(names, metrics={**names.metrics, **{one.name: one for one in additions.metrics}})
    about = metric_models(known, additions.metrics[-1].name)
    return layout.metrics_file(_home(additions, vocabulary), vocabulary, about)


def _as_read(metric: Metric, metrics: Mapping[str, Metric]) -> Metric:
    """What dbt says once an input, and one that runs over another metric is filtered as that one is."""
    below = metrics.get(metric.measure) if metric.spec == "latest" else None
    over = below.filters if below is not None and metric.type == "cumulative" else ()
    return replace(metric, inputs=tuple(dict.fromkeys(metric.inputs)), filters=(*metric.filters, *over))


def _macros(additions: Additions) -> Iterator[FileChange]:
    """The files of the generic tests that are used."""
    used = {next(iter(test)) for tests in additions.tests.values() for test in tests}
    if METRIC_IN_RANGE in used:
        yield FileChange(additions.project().macro_file(MACRO_FILE), content=MACRO)
    if used - {METRIC_IN_RANGE}:
        yield FileChange(additions.project().macro_file(TESTS_FILE), content=MACROS)


def _without_empty(entry: Entry) -> Entry:
    return {key: value for key, value in entry.items() if value != []}


def _home(additions: Additions, vocabulary: Vocabulary) -> Model:
    """The model beside whose metrics the new one is written: that of its first total or metric."""
    for metric in additions.metrics:
        if total := next(filter(None, metric.measures), ""):
            return vocabulary.models[additions.vocabulary.measures[total][0].name]
    last = additions.metrics[-1]
    used = [part.name for part in (*last.inputs, last.numerator, last.denominator) if part]
    models = [model for name in used for model in sorted(metric_models(vocabulary, name))]
    if not models:
        raise Refused("The formula uses metrics that dbt computes from no model. Ask an analytics engineer.")
    return vocabulary.models[models[0]]


def _semantic_edits(additions: Additions, vocabulary: Vocabulary) -> Iterator[tuple[Model, list[AnyEdit]]]:
    """What semantic models get that are there already."""
    for model in vocabulary.models.values():
        name = model.semantic.name if model.semantic else ""
        if defaults := additions.defaults.get(name):
            yield model, [SetKey(("semantic_models", Named(name)), "defaults", defaults, after="model")]
        for kind, added in (("dimensions", additions.dimensions), ("measures", additions.measures)):
            if entries := added.get(name, ()):
                yield model, [AddItem(("semantic_models", Named(name), kind), entry) for entry in entries]


def _test_edits(
    additions: Additions, dropped: Mapping[str, Sequence[str]]
) -> Iterator[tuple[Model, list[AnyEdit]]]:
    for name in {**additions.tests, **dropped}:
        model, tests = additions.vocabulary.models[name], tuple(additions.tests.get(name, ()))
        target = Target.of(model.unique_id, model.name)
        yield model, [AmendTests(target, tuple(dropped.get(name, ())), tests)]


def preview(additions: Additions, amended: Entry | None = None) -> str:
    """All entries as YAML, for people to read, and what changes of an entry that is there already."""
    shown: dict[str, YamlValue] = {}
    semantic: list[YamlValue] = [_without_empty(entry) for entry in additions.semantic_models.values()]
    for name in dict.fromkeys((*additions.defaults, *additions.dimensions, *additions.measures)):
        parts = {kind: getattr(additions, kind).get(name) for kind in ("defaults", "dimensions", "measures")}
        semantic.append({"name": name, **{key: entries for key, entries in parts.items() if entries}})
    if semantic:
        shown["semantic_models"] = semantic
    inside = additions.in_models()
    tables: dict[str, dict[str, Entry]] = {section: {} for section in RESOURCES}
    tables["models"] = {name: {"name": name, **entry} for name, entry in inside.items()}
    for name, tests in additions.tests.items():
        target = Target.of(additions.vocabulary.models[name].unique_id, name)
        entry = tables[target.resource].setdefault(name, {"name": name})
        entry |= said_of(target, {DATA_TESTS: tests})
    metrics = [*additions.at_top(), *([amended] if amended else [])]
    told: dict[str, YamlValue] = {"metrics": metrics}
    told |= {section: [*entries.values()] for section, entries in tables.items()}
    order = (*RESOURCES, "metrics") if inside else ("metrics", *RESOURCES)
    return new_file(shown | {key: told[key] for key in order if told[key]})
