"""Entries as changes of files: which one goes where."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from semantic.codegen import layout
from semantic.codegen.changes import DATA_TESTS, AmendMetric, AmendTests, AnyEdit, FileChange
from semantic.codegen.entries import Additions, Entry, Refused
from semantic.codegen.time_spine import time_spine_files
from semantic.codegen.value_tests import MACRO, MACRO_FILE
from semantic.codegen.yaml_files import AddItem, Named, YamlValue, new_file
from semantic.definitions import Model, Vocabulary
from semantic.formula import metric_models


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
        add(layout.semantic_file(models[name]), AddItem(("semantic_models",), _without_empty(entry)))
    for model, found in _semantic_edits(additions, vocabulary):
        add(layout.semantic_file(model), *found)
    if additions.metrics:
        home = home or layout.metrics_file(_home(additions, vocabulary), vocabulary)
        add(home, *(AddItem(("metrics",), entry) for entry in additions.metrics))
    if amended and (amended.values or amended.own):
        add(home, amended)
    for model, found in _test_edits(additions, dropped or {}):
        add(layout.properties_file(model), *found)
    changes = [FileChange(path, tuple(found)) for path, found in edits.items()]
    if additions.time_spine:
        beside = models[next(iter(additions.semantic_models))]
        changes += [FileChange(path, content=text) for path, text in time_spine_files(beside).items()]
    if any(_tests_something(edit) for found in edits.values() for edit in found):
        changes.append(FileChange(MACRO_FILE, content=MACRO))
    return tuple(changes)


def _tests_something(edit: AnyEdit) -> bool:
    if isinstance(edit, AmendTests):
        return bool(edit.tests)
    return isinstance(edit, AddItem) and edit.path[0] == "models"


def _without_empty(entry: Entry) -> Entry:
    return {key: value for key, value in entry.items() if value != []}


def _home(additions: Additions, vocabulary: Vocabulary) -> Model:
    """The model beside whose metrics the new one is written: that of its first total or metric."""
    known = additions.vocabulary
    for metric in additions.metrics:
        params = metric["type_params"]
        measure = params.get("measure") or params.get("conversion_type_params", {}).get("base_measure")
        if measure:
            name = measure if isinstance(measure, str) else measure["name"]
            return vocabulary.models[known.measures[name][0].name]
    used = _inputs(additions.metrics[-1]["type_params"])
    models = sorted(model for name in used for model in metric_models(vocabulary, name))
    if not models:
        raise Refused("The formula uses metrics that dbt computes from no model. Ask an analytics engineer.")
    return vocabulary.models[models[0]]


def _inputs(params: Mapping[str, Any]) -> list[str]:
    parts = [*params.get("metrics", ()), params.get("numerator"), params.get("denominator")]
    return [part if isinstance(part, str) else part["name"] for part in parts if part]


def _semantic_edits(additions: Additions, vocabulary: Vocabulary) -> Iterator[tuple[Model, list[AnyEdit]]]:
    """What semantic models get that are there already."""
    for model in vocabulary.models.values():
        name = model.semantic.name if model.semantic else ""
        for kind, added in (("dimensions", additions.dimensions), ("measures", additions.measures)):
            if entries := added.get(name, ()):
                yield model, [AddItem(("semantic_models", Named(name), kind), entry) for entry in entries]


def _test_edits(
    additions: Additions, dropped: Mapping[str, Sequence[str]]
) -> Iterator[tuple[Model, list[AnyEdit]]]:
    for name in {**additions.tests, **dropped}:
        model, tests = additions.vocabulary.models[name], additions.tests.get(name, [])
        if name in dropped:
            yield model, [AmendTests(name, tuple(dropped[name]), tuple(tests))]
        elif model.file.endswith(layout.YAML):
            yield model, [AddItem(("models", Named(name), DATA_TESTS), test) for test in tests]
        else:
            yield model, [AddItem(("models",), {"name": name, DATA_TESTS: [*tests]})]


def preview(additions: Additions, amended: Entry | None = None) -> str:
    """All entries as YAML, for people to read, and what changes of an entry that is there already."""
    shown: dict[str, YamlValue] = {}
    semantic: list[YamlValue] = [_without_empty(entry) for entry in additions.semantic_models.values()]
    for name in dict.fromkeys((*additions.dimensions, *additions.measures)):
        parts = {"dimensions": additions.dimensions.get(name), "measures": additions.measures.get(name)}
        semantic.append({"name": name, **{key: entries for key, entries in parts.items() if entries}})
    if semantic:
        shown["semantic_models"] = semantic
    shown["metrics"] = [*additions.metrics, *([amended] if amended else [])]
    if additions.tests:
        shown["models"] = [{"name": name, DATA_TESTS: tests} for name, tests in additions.tests.items()]
    return new_file(shown)
