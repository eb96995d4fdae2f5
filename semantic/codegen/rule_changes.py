"""A change of a business rule that dbt has: what its files have to say instead, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from semantic.business_rules import BusinessRuleFields
from semantic.codegen.business_rules import (
    as_rule,
    canonical_examples,
    left_of,
    told,
    understood,
    with_models,
)
from semantic.codegen.changes import AnyEdit, FileChange
from semantic.codegen.element_edits import AmendElement
from semantic.codegen.entries import Entry, Refused
from semantic.codegen.metrics import Compiled
from semantic.codegen.rule_edits import AmendColumns, AmendExamples, ColumnChange, tests_of
from semantic.codegen.rule_reading import RuleThere, input_names, rule_there, said_of
from semantic.codegen.sql_models.new_model import Project, WrittenModels
from semantic.codegen.sql_models.project import project_of
from semantic.codegen.sql_models.rewriting import Rewrite
from semantic.codegen.sql_models.rule_models import Place, rule_models
from semantic.codegen.sql_models.style import style_of
from semantic.codegen.words import AmendWords
from semantic.codegen.yaml_emit import new_file
from semantic.codegen.yaml_files import YamlRefused
from semantic.codegen.yaml_steps import Named
from semantic.definitions import SemanticModel, Vocabulary, column_in
from semantic.known import Known

# How a rule decides is one thing, in whichever of these fields it is written.
DECIDES = ("written", "text", "table")
# What the generated models and tests depend on.
_GENERATED = frozenset((*DECIDES, "key", "examples"))


@dataclass(frozen=True, slots=True)
class _Sides:
    """A rule as dbt says it and as it is wanted, and each as it is generated, by the name of the model."""

    now: Mapping[str, Entry]
    wanted: Mapping[str, Entry]
    new: tuple[FileChange, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Change:
    """One change of one file, and the plain data that is approved of it."""

    path: str
    edit: AnyEdit
    said: Entry


def compile_rule_change(
    base: BusinessRuleFields, fields: BusinessRuleFields, known: Known, *, dialect: str
) -> Compiled:
    """What has to be written so that dbt says `fields` of a rule that said `base`. Raises Refused.

    A field that dbt has brought to the wanted value meanwhile is left out; one that it has brought elsewhere
    is Refused, and so is whatever somebody changed by hand in what has to be generated anew.
    """
    there = rule_there(base.name, known)
    current = said_of(there, known) if there is not None else None
    if there is None or current is None:
        raise Refused(f"{fields.title} is not in the dbt project any more, or cannot be read there.")
    asked = _asked(base, fields, known.names)
    left = _left(base, fields, current, asked, known.names)
    wanted = replace(current, **{name: getattr(fields, name) for name in left})
    changes = [*_words(there, current, wanted, known), *_called(there, current, wanted, known.names)]
    sides = None
    if asked & _GENERATED:
        sides = _sides(there, current, wanted, known, dialect)
        _refuse_lost(there, sides, known.names)
        changes += _generated(there, sides, dialect)
    files = _files(changes)
    _require_possible(files, known)
    new = tuple(sides.new) if sides else ()
    edits = [*(change.said for change in changes), *(_new_models(sides) if sides else ())]
    built = [*sides.wanted] if sides and (new or any(_builds(change) for change in changes)) else []
    return Compiled(
        changes=(*files, *new),
        entries=json.loads(json.dumps({"edits": edits, "uses": {}})),
        metrics=(),
        models=tuple(built),
        yaml_preview=_preview(there, changes),
        notes=sides.notes if sides else (),
        later=lambda: _after(there, wanted, sides, known) if sides and built else None,
    )


def _asked(base: BusinessRuleFields, fields: BusinessRuleFields, names: Vocabulary) -> set[str]:
    """The fields that differ in what they mean, and not in how it is spelled."""
    found = {*fields.changes_from(base)}
    rules = [understood(side, names) for side in (base, fields)]
    if found & {*DECIDES}:
        found |= {*DECIDES}
        if rules[0].case is not None and rules[0].canonical == rules[1].canonical:
            found -= {*DECIDES}
    if "examples" in found:
        before, after = (
            canonical_examples(side.examples, rule) for side, rule in zip((base, fields), rules, strict=True)
        )
        found -= {"examples"} if before == after else set()
    return found


def _left(
    base: BusinessRuleFields,
    fields: BusinessRuleFields,
    current: BusinessRuleFields,
    asked: set[str],
    names: Vocabulary,
) -> set[str]:
    """The fields that dbt does not say yet. Raises Refused for one that it has brought elsewhere."""
    left = asked & _asked(current, fields, names)
    if moved := left & _asked(base, current, names):
        said = " and ".join(sorted(moved - {"written", "table"}))
        raise Refused(f"The {said} of {current.title} was changed in dbt meanwhile. Decide which one holds.")
    return left


# -- words


def _words(
    there: RuleThere, current: BusinessRuleFields, wanted: BusinessRuleFields, known: Known
) -> Iterator[_Change]:
    of, file = there.node.unique_id, there.node.patch_path
    model = ("models", Named(there.node.name))
    column = (*model, "columns", Named(there.column))
    own = {name: getattr(wanted, name) for name in ("label", "owner")}
    rule = understood(wanted, known.names)
    if rule.case is not None and wanted.changes_from(current).keys() & {*DECIDES}:
        own["rule"] = rule.canonical
    for key, value in own.items():
        if value != str(there.own.get(key) or ""):
            yield _Change(
                file, AmendWords(model, {}, {key: value or None}), {"rule": of, "key": key, "value": value}
            )
    texts = {"description": model, "column_description": column}
    for key, path in texts.items():
        before, after = (_text(side, key) for side in (current, wanted))
        if before != after:
            edit = AmendWords(path, {"description": after or None}, {})
            yield _Change(file, edit, {"rule": of, "key": key, "value": after})


def _called(
    there: RuleThere, current: BusinessRuleFields, wanted: BusinessRuleFields, names: Vocabulary
) -> Iterator[_Change]:
    """The dimension that shows what the rule decides is called as the rule, unless somebody calls it else."""
    semantic = _semantic(there, names)
    shown = semantic.dimension_for(there.column) if semantic else None
    if semantic is None or shown is None or shown.label != current.label or shown.label == wanted.label:
        return
    said = {"rule": there.node.unique_id, "dimension": shown.name, "key": "label", "value": wanted.label}
    values = {"label": wanted.label or None}
    edit = AmendElement(there.node.name, semantic.name, "dimensions", shown.name, values)
    yield _Change(semantic.file, edit, said)


def _semantic(there: RuleThere, names: Vocabulary) -> SemanticModel | None:
    model = names.models.get(there.node.name)
    return model.semantic if model is not None and model.semantic and model.semantic.file else None


def _text(fields: BusinessRuleFields, key: str) -> str:
    return fields.description if key == "description" else fields.column_description or fields.description


# -- what is generated


def _sides(
    there: RuleThere, current: BusinessRuleFields, wanted: BusinessRuleFields, known: Known, dialect: str
) -> _Sides:
    """Both sides as they are generated: the columns in the order of the properties file, or in that of the
    rule where the files show that one. Raises Refused where the SQL shows neither."""
    place = there.place
    try:
        return _Writing(there, place, known, dialect).sides(current, wanted)
    except Refused:
        return _Writing(there, replace(place, columns=()), known, dialect).sides(current, wanted)


@dataclass(frozen=True, slots=True)
class _Writing:
    """A rule that is there, generated once more, each of its models in the style of its file."""

    there: RuleThere
    place: Place
    known: Known
    dialect: str

    def sides(self, current: BusinessRuleFields, wanted: BusinessRuleFields) -> _Sides:
        """What the files hold, and what they shall hold. Raises Refused where one says something else."""
        now: dict[str, Entry] = {}
        then: dict[str, Entry] = {}
        paths = [path for path in (self.place.inputs, self.place.model) if path]
        for path in paths:
            text = self.known.files.get(path)
            if text is None:
                raise Refused(f"{path} is not there any more: pull first.")
            project = self._project(path, text)
            for side, fields in ((now, current), (then, wanted)):
                written = self._written(fields, project)
                # A model that is new has the style of the rule's own, which comes last.
                side |= {
                    one["name"]: one
                    for one in written.entries["models"]
                    if one["path"] == path or one["path"] not in paths
                }
            name = PurePosixPath(path).stem
            try:
                Rewrite(now[name]["sql"], then[name]["sql"], self.dialect).apply(text)
            except Refused as refusal:
                raise Refused(f"{path}: {refusal}") from refusal
        new = tuple(one for change in written.changes if (one := left_of(change, paths, [*now])) is not None)
        return _Sides(now, then, new, written.notes)

    def _project(self, path: str, text: str) -> Project:
        """The project without the rule, which writes as one of the rule's files is written."""
        project = project_of(self.known, self.dialect)
        paths = (self.place.model, self.place.inputs)
        style = style_of({path: text}, dialect=self.dialect)
        return replace(
            project,
            style=replace(style, places=project.style.places),
            files={at: one for at, one in project.files.items() if at not in paths},
            taken=frozenset(project.taken) - {PurePosixPath(one).stem for one in paths},
        )

    def _written(self, fields: BusinessRuleFields, project: Project) -> WrittenModels:
        names = self.known.names
        rule = understood(fields, names)
        if rule.meaning is None:
            raise Refused(next((told(problem) for problem in rule.problems), "The rule says nothing yet."))
        called = input_names(self.there, rule, self.known)
        business = as_rule(replace(fields, name=self.there.column), rule)
        return rule_models(replace(business, place=self.place, input_names=called), names, project)


def _generated(there: RuleThere, sides: _Sides, dialect: str) -> Iterator[_Change]:
    """The changes of SQL, columns and examples of the models that are there."""
    of = there.node.unique_id
    for node in (there.inputs, there.node):
        if node is None:
            continue
        now, wanted = sides.now[node.name], sides.wanted[node.name]
        if now["sql"] != wanted["sql"]:
            rewrite = Rewrite(now["sql"], wanted["sql"], dialect)
            yield _Change(node.path, rewrite, {"rule": of, "file": node.path, "sql": wanted["sql"]})
        columns = tuple(_columns(now, wanted))
        if columns and node.patch_path:
            said = [{"name": one.name, "entry": one.after} for one in columns]
            edit = AmendColumns(node.name, columns)
            yield _Change(node.patch_path, edit, {"rule": of, "model": node.name, "columns": said})
    yield from _examples(there, sides)


def _refuse_lost(there: RuleThere, sides: _Sides, names: Vocabulary) -> None:
    """Raises Refused where the semantic layer has something of a column that the rule would not keep."""
    semantic, kept = _semantic(there, names), sides.wanted[there.node.name]["properties"]["entry"]
    columns = {str(one["name"]).lower() for one in kept.get("columns", ())}
    known = {one.name.lower() for one in there.node.columns} - columns
    said = {one.name: one.expr for one in semantic.dimensions} if semantic else {}
    said |= {one.name: one.expr for one in semantic.entities} if semantic else {}
    for name, expr in said.items():
        if (column := column_in(expr)).lower() in known:
            raise Refused(
                f"{name} in the semantic layer is the column {column} of {there.node.name}, which the rule "
                "would not have any more. Keep the column in the rule, or have that changed in dbt first."
            )


def _columns(now: Entry, wanted: Entry) -> Iterator[ColumnChange]:
    before, after = (
        {one["name"]: one for one in side["properties"]["entry"].get("columns", ())} for side in (now, wanted)
    )
    for name in dict.fromkeys((*before, *after)):
        was, is_now = before.get(name), after.get(name)
        if was is None or is_now is None or tests_of(was) != tests_of(is_now):
            yield ColumnChange(name, was, is_now)


def _examples(there: RuleThere, sides: _Sides) -> Iterator[_Change]:
    name = there.node.name
    now, wanted = (
        next(iter(side[name]["properties"]["unit_tests"]), None) for side in (sides.now, sides.wanted)
    )
    if now == wanted:
        return
    file = str(there.tested.get("original_file_path") or there.node.patch_path)
    edit = AmendExamples(f"{name}__examples", now, wanted)
    yield _Change(file, edit, {"rule": there.node.unique_id, "unit_test": wanted})


def _new_models(sides: _Sides) -> list[Entry]:
    return [one for name, one in sides.wanted.items() if name not in sides.now]


# -- files


def _files(changes: Sequence[_Change]) -> list[FileChange]:
    found: dict[str, list[AnyEdit]] = {}
    for change in changes:
        found.setdefault(change.path, []).append(change.edit)
    return [FileChange(path, tuple(edits)) for path, edits in found.items()]


def _require_possible(files: Sequence[FileChange], known: Known) -> None:
    """Raises Refused where a file is not as it was generated."""
    for change in files:
        text = known.files.get(change.path)
        if text is None:
            raise Refused(f"{change.path} is not there any more: pull first.")
        try:
            change.apply(text.encode())
        except YamlRefused as error:
            raise Refused(str(error)) from error


def _builds(change: _Change) -> bool:
    """Whether dbt has to build and test something for it."""
    return not isinstance(change.edit, AmendWords | AmendElement)


def _preview(there: RuleThere, changes: Sequence[_Change]) -> str:
    """The parts of the properties file that change, as YAML for people to read."""
    model: Entry = {"name": there.node.name}
    tests: list[Entry] = []
    columns: dict[str, Entry] = {}
    for change in changes:
        said = change.said
        if said.get("key") == "column_description":
            columns.setdefault(there.column, {})["description"] = said["value"]
        elif said.get("key") == "description":
            model["description"] = said["value"]
        elif "key" in said:
            model.setdefault("config", {"meta": {"bisync": {}}})["meta"]["bisync"][said["key"]] = said[
                "value"
            ]
        elif said.get("model") == there.node.name:
            for one in said["columns"]:
                columns.setdefault(one["name"], {}).update(one["entry"] or {})
        elif said.get("unit_test"):
            tests = [said["unit_test"]]
    if columns:
        model["columns"] = [{**said, "name": name} for name, said in columns.items() if said]
    told = {"models": [model]} if len(model) > 1 else {}
    return new_file({**told, **({"unit_tests": tests} if tests else {})}).strip() if told or tests else ""


def _after(there: RuleThere, wanted: BusinessRuleFields, sides: _Sides, known: Known) -> Vocabulary:
    """The names that there will be: the columns of the rule's models as they are by then."""
    found = with_models(understood(wanted, known.names), list(sides.wanted.values()), known)
    models = dict(found.models)
    for node in (there.node, there.inputs):
        old = known.names.models.get(node.name) if node is not None else None
        if node is not None and old is not None:
            columns = tuple(old.column(one.name) or one for one in models[node.name].columns)
            models[node.name] = replace(old, columns=columns)
    return replace(found, models=models)
