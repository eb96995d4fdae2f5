"""A metric as dbt's files say it: which entry goes into which file, and what dbt will see."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

from semantic.codegen import layout
from semantic.codegen.decompose import Decomposer, Title
from semantic.codegen.entries import RESERVED, Additions, Entries, Entry, Refused, texts_in
from semantic.codegen.time_spine import time_spine_files
from semantic.codegen.value_tests import MACRO, MACRO_FILE, tested_rows, value_tests, whole
from semantic.codegen.yaml_files import (
    AddItem,
    Edit,
    Named,
    YamlValue,
    edited_bytes,
    load,
    new_file,
    tests_key,
)
from semantic.codegen.yaml_steps import applied, steps
from semantic.definitions import Model, Vocabulary
from semantic.fields import MetricFields, ValueRule
from semantic.formula import Analysis, metric_models
from semantic.formula.tree import Node
from semantic.formulas import full_meaning, readable_alone
from semantic.query.spec import Unsupported
from semantic.rules.text import name_problems, text_problems

__all__ = ["Compiled", "FileChange", "MetricDraft", "Refused", "compile_metric"]

DATA_TESTS = "data_tests"


@dataclass(frozen=True, slots=True)
class MetricDraft:
    """A metric before dbt knows it; `formula` has been checked against the vocabulary it is compiled with."""

    name: str
    label: str
    description: str
    formula: Analysis
    model: str = ""
    time_column: str = ""
    value_format: str = "number"
    owner: str = ""
    group: str = ""
    context: str = ""
    validations: tuple[ValueRule, ...] = ()

    @classmethod
    def from_fields(cls, fields: MetricFields, formula: Analysis) -> MetricDraft:
        """The draft that a form describes."""
        return cls(
            name=fields.name,
            label=fields.label,
            description=fields.meaning,
            formula=formula,
            model=fields.model or formula.model,
            time_column=fields.time,
            value_format=fields.value_format,
            owner=fields.owner,
            group=fields.group,
            context=fields.context,
            validations=fields.rules,
        )


@dataclass(frozen=True, slots=True)
class FileChange:
    """What happens to one file of the dbt project: edits of its YAML, or a whole text that Bisync owns."""

    path: str
    edits: tuple[Edit, ...] = ()
    content: str = ""

    def apply(self, text: bytes | None) -> bytes:
        """The file as it will be; `text` is None where there is none yet. Raises YamlRefused."""
        if self.content:
            return self.content.encode() if text is None else text
        if text is None:
            return new_file(_data_after(self.edits)).encode()
        return edited_bytes(text, [_as_the_file_says(edit, text) for edit in self.edits], path=self.path)


@dataclass(frozen=True, slots=True)
class Compiled:
    """A metric in dbt's words.

    `entries` is plain data, equal after a trip through JSON; what it `uses` are the metrics that the formula
    names, each with a digest of what it means now. `metrics` names the metric and its helpers,
    `models` the dbt models it reads; `notes` tell people what they would not expect.
    """

    changes: tuple[FileChange, ...]
    entries: Entries
    metrics: tuple[str, ...]
    models: tuple[str, ...]
    yaml_preview: str
    notes: tuple[str, ...] = ()


def compile_metric(
    draft: MetricDraft,
    vocabulary: Vocabulary,
    *,
    dialect: str = "duckdb",
    keys: Mapping[str, str] | None = None,
    settled: Mapping[str, Any] | None = None,
) -> Compiled:
    """Everything that has to be added to the dbt project for a new metric. Raises Refused.

    `settled` are the entries that were agreed on, perhaps before others came into the project: the same names
    are used again as far as they still mean the same, and what is there already is left out.
    `keys` are the models' primary keys as dbt's tests know them (`importer.primary_keys`); a semantic model
    made for a model without a known key can be totalled but not joined.
    """
    tree = draft.formula.tree
    if tree is None:
        raise Refused("The formula has an error. Correct it first.")
    _refuse_texts(draft)
    _refuse_clashes(draft, vocabulary)
    additions = Additions(vocabulary)
    title = Title(draft.name, draft.label, draft.description, _config(draft, tree, vocabulary, dialect))
    try:
        names = None if settled is None else texts_in(settled)
        Decomposer(title, additions, dialect, draft.time_column, keys or {}, names).run(tree)
    except Unsupported as error:
        raise Refused(str(error)) from error
    notes = (*_time_spine_notes(additions), *_tests(draft, tree, additions, dialect))
    return Compiled(
        changes=tuple(_changes(additions, vocabulary)),
        entries={**additions.as_json(), "uses": _uses(draft.formula, vocabulary, dialect)},
        metrics=tuple(metric["name"] for metric in additions.metrics),
        models=tuple(sorted({*_models(draft.formula, vocabulary), *additions.time_spine})),
        yaml_preview=_preview(additions),
        notes=notes,
    )


def _uses(formula: Analysis, vocabulary: Vocabulary, dialect: str) -> dict[str, str]:
    return {
        name: hashlib.sha256(
            full_meaning(vocabulary.metrics[name], vocabulary, dialect=dialect).encode()
        ).hexdigest()
        for name in sorted(formula.metrics)
    }


def _refuse_texts(draft: MetricDraft) -> None:
    problems = name_problems(draft.name)
    for text in (draft.label, draft.description, draft.owner, draft.group, draft.context):
        problems = problems or text_problems(text, limit=10_000)
    if draft.name in RESERVED:
        problems = [f"{draft.name} is a word that dbt keeps for itself. Choose another name."]
    if problems:
        raise Refused(problems[0])


def _refuse_clashes(draft: MetricDraft, vocabulary: Vocabulary) -> None:
    kinds = {"metric": vocabulary.metrics, "measure": vocabulary.measures, "model": vocabulary.models}
    for kind, names in kinds.items():
        if draft.name in names:
            raise Refused(f"There is a {kind} {draft.name} already. Choose another name.")
    for metric in vocabulary.metrics.values():
        if metric.label and metric.label.casefold() == draft.label.casefold():
            raise Refused(
                f"The metric {metric.name} is called “{metric.label}” already. Choose another name."
            )
    if not draft.label:
        raise Refused("The metric has no name for people yet. Give it one.")


def _models(formula: Analysis, vocabulary: Vocabulary) -> set[str]:
    return set(formula.models).union(*(metric_models(vocabulary, name) for name in formula.metrics))


def _config(draft: MetricDraft, tree: Node, vocabulary: Vocabulary, dialect: str) -> Entry:
    written = draft.formula.text.strip()
    text = readable_alone(tree, vocabulary, dialect=dialect, written=written)
    own: Entry = {"formula": text or written, "format": draft.value_format}
    own |= {key: text for key, text in (("owner", draft.owner), ("context", draft.context)) if text}
    rules = [_rule(rule) for rule in draft.validations]
    if rules:
        own["rules"] = rules
    config: Entry = {"meta": {"bisync": own}}
    return {"group": draft.group, **config} if draft.group else config


def _rule(rule: ValueRule) -> Entry:
    limits = {"low": rule.low, "high": rule.high}
    return {"kind": rule.kind, **{key: whole(limit) for key, limit in limits.items() if limit is not None}}


def _time_spine_notes(additions: Additions) -> tuple[str, ...]:
    text = "dbt's metrics need a model with one row per day. This project has none, so {} is added."
    return tuple(text.format(name) for name in additions.time_spine)


def _tests(draft: MetricDraft, tree: Node, additions: Additions, dialect: str) -> tuple[str, ...]:
    """Adds the data tests for the metric's rules; returns what to tell about them."""
    if not draft.validations:
        return ()
    rows = tested_rows(tree, additions.vocabulary, dialect=dialect, time_column=draft.time_column)
    if rows is None:
        return ("The rules are checked by Bisync alone: dbt's tests look at the rows of one model.",)
    percent = draft.value_format == "percent"
    version = additions.vocabulary.dbt_version
    additions.tests[rows.model] = value_tests(
        draft.name, draft.validations, rows, percent=percent, dbt_version=version
    )
    return ()


# Files


def _changes(additions: Additions, vocabulary: Vocabulary) -> list[FileChange]:
    """The edits file by file, in the order in which dbt's entries depend on each other."""
    edits: dict[str, list[Edit]] = {}

    def add(path: str, *found: Edit) -> None:
        edits.setdefault(path, []).extend(found)

    models = vocabulary.models
    for name, entry in additions.semantic_models.items():
        add(layout.semantic_file(models[name]), AddItem(("semantic_models",), _without_empty(entry)))
    for model in models.values():
        if model.semantic:
            for kind, added in (("dimensions", additions.dimensions), ("measures", additions.measures)):
                path = ("semantic_models", Named(model.semantic.name), kind)
                found = [AddItem(path, entry) for entry in added.get(model.semantic.name, ())]
                if found:
                    add(layout.semantic_file(model), *found)
    home = layout.metrics_file(_home(additions, vocabulary), vocabulary)
    add(home, *(AddItem(("metrics",), entry) for entry in additions.metrics))
    for name, tests in additions.tests.items():
        add(layout.properties_file(models[name]), *_test_edits(models[name], tests))
    changes = [FileChange(path, tuple(found)) for path, found in edits.items()]
    if additions.time_spine:
        beside = models[next(iter(additions.semantic_models))]
        changes += [FileChange(path, content=text) for path, text in time_spine_files(beside).items()]
    return [*changes, FileChange(MACRO_FILE, content=MACRO)] if additions.tests else changes


def _without_empty(entry: Entry) -> Entry:
    return {key: value for key, value in entry.items() if value != []}


def _home(additions: Additions, vocabulary: Vocabulary) -> Model:
    """The model beside whose metrics the new one is written: that of its first total or metric."""
    known = additions.vocabulary
    for metric in additions.metrics:
        measure = metric["type_params"].get("measure")
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


def _test_edits(model: Model, tests: Sequence[Entry]) -> list[Edit]:
    if model.file.endswith(layout.YAML):
        return [AddItem(("models", Named(model.name), DATA_TESTS), test) for test in tests]
    return [AddItem(("models",), {"name": model.name, DATA_TESTS: list(tests)})]


def _as_the_file_says(edit: Edit, text: bytes) -> Edit:
    """Tests under the key that the model has already, or that the file uses: dbt refuses both at once."""
    path = edit.path
    if len(path) != 3 or path[2] != DATA_TESTS or not isinstance(path[1], Named):
        return edit
    written = text.decode()
    name = path[1].value
    models = (load(written) or {}).get("models") or []
    entry = next((m for m in models if isinstance(m, dict) and m.get("name") == name), {})
    key = next((key for key in ("tests", DATA_TESTS) if key in entry), tests_key(written))
    return replace(edit, path=(*path[:2], key))


def _data_after(edits: Sequence[Edit]) -> Mapping[str, YamlValue]:
    """What a file holds that consists of the edits alone."""
    data: Any = None
    for edit in edits:
        data = reduce(applied, steps(data, edit), data)
    assert isinstance(data, dict)
    return data


def _preview(additions: Additions) -> str:
    """All entries as YAML, for people to read."""
    shown: dict[str, YamlValue] = {}
    semantic: list[YamlValue] = [_without_empty(entry) for entry in additions.semantic_models.values()]
    for name in dict.fromkeys((*additions.dimensions, *additions.measures)):
        parts = {"dimensions": additions.dimensions.get(name), "measures": additions.measures.get(name)}
        semantic.append({"name": name, **{key: entries for key, entries in parts.items() if entries}})
    if semantic:
        shown["semantic_models"] = semantic
    shown["metrics"] = list(additions.metrics)
    if additions.tests:
        shown["models"] = [{"name": name, DATA_TESTS: tests} for name, tests in additions.tests.items()]
    return new_file(shown)
