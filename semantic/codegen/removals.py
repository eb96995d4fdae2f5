"""What has to be written so that a thing goes, goes later, or is called otherwise."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from catalog.annotations import synonyms_in
from catalog.quality.rules import Test
from catalog.reading import test_record
from semantic.codegen.changes import AmendTests, AnyEdit, FileChange
from semantic.codegen.element_edits import AmendElement
from semantic.codegen.entries import Entry, Refused
from semantic.codegen.layout import properties_file
from semantic.codegen.metric_edits import AmendMetric
from semantic.codegen.metrics import Compiled
from semantic.codegen.names_after import Exchanged, counted_by, exchanged, renamed, with_notes, without
from semantic.codegen.quality.edits import RemoveTest, Written
from semantic.codegen.quality.reading import is_made_up
from semantic.codegen.quality.rule import Target
from semantic.codegen.removal_edits import Exchange, RemoveColumn, RemoveElement, RemoveMetric, RenameTests
from semantic.codegen.removal_notes import Notes
from semantic.codegen.seen import seen
from semantic.codegen.value_tests import test_names, tested_rows
from semantic.codegen.words import path_of
from semantic.codegen.yaml_emit import new_file
from semantic.current import fields_of
from semantic.definitions import Metric, Vocabulary
from semantic.formula import analyse, metric_models
from semantic.formulas import full_meaning
from semantic.known import Known
from semantic.removals import (
    RemovalFields,
    dimension_of,
    left_unused,
    measure_of,
    subject_of,
    uses_of,
)

DEPRECATED = "deprecated"


def compile_removal(fields: RemovalFields, known: Known, *, dialect: str) -> Compiled:
    """The edits of every file that a removal touches; none where it is gone already. Raises Refused."""
    what, key = subject_of(fields.name)
    code = _Code(known, subjects=[fields.name])
    if what == "metric" and (metric := known.names.metrics.get(key)):
        _metric(code, fields, metric, dialect)
    elif what == "dimension" and (found := dimension_of(key, known)):
        model, dimension = found
        _element(code, fields, model.name, "dimensions", dimension.name, dimension.description)
    elif what == "measure" and (total := measure_of(key, known)):
        _exchanges(code, fields, "measure", key, fields.replacement)
        _element(code, fields, total[0].name, "measures", key, total[1].description)
    elif what == "test":
        _test(code, key)
    elif what == "column":
        _column(code, key)
    return Compiled(
        changes=tuple(FileChange(path, tuple(edits)) for path, edits in code.edits.items()),
        entries={"edits": code.said, "uses": _uses(code, fields, dialect)},
        metrics=tuple(code.metrics),
        models=tuple(sorted(code.models)),
        yaml_preview=_preview(code.said),
        notes=tuple(code.notes),
        later=lambda: _after(code, fields),
    )


@dataclass(slots=True)
class _Code:
    """Edits by file, each said as plain data as well."""

    known: Known
    edits: dict[str, list[AnyEdit]] = field(default_factory=dict)
    said: list[Entry] = field(default_factory=list)
    metrics: list[str] = field(default_factory=list)
    models: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)
    # What goes or changes, named as in `RemovalFields`: with what is said of it, this was approved.
    subjects: list[str] = field(default_factory=list)

    def add(self, path: str, edit: AnyEdit, **said: Any) -> None:
        if not path:
            raise Refused("It belongs to a dbt package, whose files are not this project's.")
        self.edits.setdefault(path, []).append(edit)
        self.said.append({**said, "file": path})


def _metric(code: _Code, fields: RemovalFields, metric: Metric, dialect: str) -> None:
    if fields.how == "deprecate":
        words, own = _deprecated(metric.description, fields, code.known), _own(fields)
        edit = AmendMetric(metric.name, {"description": words}, own)
        code.add(metric.file, edit, deprecate=metric.name, day=fields.day, by=fields.replacement)
        return
    new = fields.new_name if fields.how == "rename" else fields.replacement
    _exchanges(code, fields, "metric", metric.name, new)
    rules = _rules_of(metric, code.known.names, dialect)
    if fields.how == "rename":
        synonyms = list(dict.fromkeys((*synonyms_in(metric.meta), metric.name)))
        edit = AmendMetric(metric.name, {"name": new}, {"synonyms": synonyms})
        code.add(metric.file, edit, rename=metric.name, to=new)
        code.metrics.append(new)
        code.models |= metric_models(code.known.names, metric.name)
        for path, target, tests in rules:
            called = {test: new + test.removeprefix(metric.name) for test in tests}
            code.add(path, RenameTests(target, called), model=target.name, tests=called)
    else:
        code.add(metric.file, RemoveMetric(metric.name), remove="metric", name=metric.name)
        for path, target, tests in rules:
            code.add(path, AmendTests(target, tuple(tests), ()), model=target.name, dropped=tests)
        if fields.unused:
            _unused(code, metric.name)
    if new:
        _notes(code, fields, metric, dialect)


def _own(fields: RemovalFields) -> Entry:
    """What Bisync notes of a metric that goes later."""
    return {DEPRECATED: fields.day, "replaced_by": fields.replacement or None}


def _notes(code: _Code, fields: RemovalFields, metric: Metric, dialect: str) -> None:
    """Lets the notes of other metrics name the other one too: whose part they are, what they promise."""
    after = _after(code, fields)
    exchange = _exchange(code.known.names, fields, metric)
    if after is None or exchange is None:
        return
    gone = {key for what, key in map(subject_of, code.subjects) if what == "metric"}
    notes = Notes(exchange, after, set(code.metrics), gone, dialect, lambda: code.known.project)
    for path, edit, told in notes.edits():
        code.add(path, edit, **told)
        if isinstance(edit, AmendTests):
            code.models.add(edit.target.name)


def _exchange(names: Vocabulary, fields: RemovalFields, metric: Metric) -> Exchanged | None:
    if fields.how == "rename":
        return Exchanged(names, metric, replace(metric, name=fields.new_name), renamed=True)
    other = names.metrics.get(fields.replacement)
    return Exchanged(names, metric, other) if other is not None else None


def _unused(code: _Code, metric: str) -> None:
    """What was there for the metric alone."""
    measures, helpers = left_unused(metric, code.known)
    names = code.known.names
    for name in helpers:
        code.add(names.metrics[name].file, RemoveMetric(name), remove="metric", name=name)
        code.subjects.append(f"metric:{name}")
    for name in measures:
        model, _measure = names.measures[name]
        semantic = model.semantic
        assert semantic is not None
        edit = RemoveElement(model.name, semantic.name, "measures", name)
        code.add(semantic.file, edit, remove="measure", name=name)
        code.subjects.append(f"measure:{name}")


def _exchanges(code: _Code, fields: RemovalFields, what: str, old: str, new: str) -> None:
    """Lets everything that names it name another one; refused where something cannot."""
    if fields.how == "deprecate":
        return
    uses = uses_of(f"{what}:{old}", code.known)
    if stuck := [use.words for use in uses if not new or not use.exchanged]:
        raise Refused(f"dbt could not read {' and '.join(stuck[:3])} any more. Change that first.")
    names = code.known.names
    exchange = _exchange(names, fields, names.metrics[old]) if what == "metric" else None
    for use in uses:
        formula = _formula(names, use.name, exchange) if use.section == "metrics" else ""
        edit = Exchange(use.section, use.name, old, new, what, formula)
        code.add(use.file, edit, exchange=use.section, name=use.name, old=old, new=new)
        if use.section == "metrics":
            code.metrics.append(use.name)
            code.models |= metric_models(names, use.name) | (
                metric_models(names, new) if new in names.metrics else set()
            )
    code.notes += [f"{use.words[0].upper()}{use.words[1:]} uses {new} from then on." for use in uses]


def _formula(names: Vocabulary, metric: str, exchange: Exchanged | None) -> str:
    """What Bisync noted as a metric's formula, with the other name in it."""
    known = names.metrics.get(metric)
    notes = dict(exchange.notes(known)) if known is not None and exchange is not None else {}
    return str(notes.get("formula", ""))


def _rules_of(metric: Metric, names: Vocabulary, dialect: str) -> list[tuple[str, Target, list[str]]]:
    """The tests that keep a metric's promises: file, table, names."""
    current = fields_of(metric, names)
    tree = analyse(current.formula, names).tree if current.rules else None
    rows = tree and tested_rows(tree, names, dialect=dialect, time_column=current.time)
    model = names.models[rows.model] if rows else None
    if model is None or not model.file:  # those of a package stand in files of its own
        return []
    target = Target.of(model.unique_id, model.name)
    return [(properties_file(model), target, test_names(metric.name, current.rules))]


def _element(code: _Code, fields: RemovalFields, model: str, kind: str, name: str, words: str) -> None:
    semantic = code.known.names.models[model].semantic
    assert semantic is not None
    if fields.how == "deprecate":
        said = _deprecated(words, fields, code.known)
        edit: AnyEdit = AmendElement(model, semantic.name, kind, name, {"description": said})
        code.add(semantic.file, edit, deprecate=name, day=fields.day, by=fields.replacement)
        return
    if kind == "dimensions":
        _exchanges(code, fields, "dimension", subject_of(fields.name)[1], "")
    code.add(semantic.file, RemoveElement(model, semantic.name, kind, name), remove=kind[:-1], name=name)
    code.models.add(model)


def _deprecated(words: str, fields: RemovalFields, known: Known) -> str:
    """The description with a sentence that says until when it is there, and what is used instead."""
    said = f"Deprecated: goes on {fields.day}."
    if fields.replacement:
        other = known.names.metrics.get(fields.replacement)
        called = other.label if other and other.label else fields.replacement.rpartition(":")[2]
        said = f"Deprecated: goes on {fields.day}; use {called} instead."
    kept = [line for line in words.splitlines() if not line.startswith("Deprecated: goes on ")]
    return "\n".join([*kept, said]).strip()


def _test(code: _Code, key: str) -> None:
    entry = code.known.manifest.tests.get(key)
    test = test_record(entry) if entry is not None else None
    node = code.known.node(test.node) if test is not None else None
    if test is None or node is None:
        return
    if test.kind in ("singular", "unit_test"):
        raise Refused(f"{test.name} stands in a file of its own. Delete that in dbt.")
    if not code.known.owned(node):
        raise Refused(f"{node.name} belongs to a dbt package, whose files are not this project's.")
    name = "" if is_made_up(Test(test.kind, test.name, node.name)) else test.name
    where = str((test.fields.get("config") or {}).get("where") or "")
    target = Target.of(node.unique_id, node.name, test.column, str(node.fields.get("source_name") or ""))
    was = Written(test.kind, test.arguments, test.column, name, where)
    code.add(test.path, RemoveTest(target, was), remove="test", name=key)


def _column(code: _Code, key: str) -> None:
    table, _colon, column = key.partition(":")
    node = code.known.node(table)
    if node is None or not any(one.name.lower() == column.lower() for one in node.columns):
        return
    if not code.known.owned(node):
        raise Refused(f"{node.name} belongs to a dbt package, whose files are not this project's.")
    if node.has_contract:
        raise Refused(f"{node.name} has a contract, which names {column}. Take it out of the model first.")
    path = node.patch_path or node.path
    tests = [one.name for one in code.known.tests_of(table) if one.column.lower() == column.lower()]
    told: Entry = {"tests": sorted(tests)} if tests else {}
    code.add(path, RemoveColumn(path_of(node, column)), remove="column", name=column, model=node.name, **told)
    if node.resource_type != "source":
        code.models.add(node.name)


def _uses(code: _Code, fields: RemovalFields, dialect: str) -> dict[str, str]:
    """Of what goes a digest of all that dbt says of it, of the metric in its place one of its meaning."""
    known = code.known
    found = {name: seen(name, known) for name in code.subjects if code.said}
    other = known.names.metrics.get(fields.replacement)
    if other is None or fields.how == "rename":
        return found
    meaning = full_meaning(other, known.names, dialect=dialect)
    return {**found, other.name: hashlib.sha256(meaning.encode()).hexdigest()}


def _after(code: _Code, fields: RemovalFields) -> Vocabulary | None:
    """The names that there will be, without all that goes."""
    what, key = subject_of(fields.name)
    names = code.known.names
    if not code.said or what not in ("metric", "measure", "dimension"):
        return None
    if fields.how == "deprecate":
        return _with_note(names, key, fields, code.known) if what == "metric" else None
    if fields.how == "rename":
        return renamed(names, key, fields.new_name)
    if what == "metric" and fields.replacement in names.metrics:
        names = exchanged(names, key, names.metrics[fields.replacement])
    elif what == "measure" and fields.replacement:
        names = counted_by(names, key, fields.replacement)
    gone: dict[str, list[str]] = {"metric": [], "measure": [], "dimension": []}
    for kind, name in map(subject_of, code.subjects):
        gone[kind].append(name)
    found = (dimension_of(name, code.known) for name in gone["dimension"])
    dimensions = [(model.name, one.name) for model, one in filter(None, found)]
    return without(names, metrics=gone["metric"], measures=gone["measure"], dimensions=dimensions)


def _with_note(names: Vocabulary, key: str, fields: RemovalFields, known: Known) -> Vocabulary:
    metric = names.metrics[key]
    words = _deprecated(metric.description, fields, known)
    told = replace(metric, description=words, meta=with_notes(metric.meta, **_own(fields)))
    return replace(names, metrics={**names.metrics, key: told})


def _preview(said: Sequence[Entry]) -> str:
    """What happens, file by file, for people to read."""
    files: dict[str, list[Entry]] = {}
    for one in said:
        files.setdefault(str(one["file"]), []).append({k: v for k, v in one.items() if k != "file"})
    return new_file(dict(files)) if files else ""
