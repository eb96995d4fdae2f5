"""A new dbt model: its SQL in the project's style, its description, and its tests, each in its place."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any

from catalog.reading import NodeRecord
from semantic.codegen import latest, legacy
from semantic.codegen.changes import AnyEdit, FileChange
from semantic.codegen.entries import Entry, Refused, texts_in
from semantic.codegen.layout import YAML
from semantic.codegen.quality.habits import Habits
from semantic.codegen.quality.promises import UniqueTogether
from semantic.codegen.quality.rule import QualityRule, Target
from semantic.codegen.quality.spelled import Spelled, spelled
from semantic.codegen.quality.writing import macros_for
from semantic.codegen.sql_models.jinja import RelationCall
from semantic.codegen.sql_models.properties import models_in
from semantic.codegen.sql_models.style import ProjectStyle
from semantic.codegen.sql_models.writing import Selection, column_name, jinja_of, model_text
from semantic.codegen.yaml_emit import Row
from semantic.codegen.yaml_files import AddItem
from semantic.definitions import Model, SemanticModel
from semantic.project_file import ProjectFile
from semantic.rules.sets import Value
from semantic.rules.text import name_problems, text_problems

DESCRIPTION_LIMIT = 4_000
_STEP = re.compile(r"(?!\.)[\w .-]+")
# Where a quote within a text is written with a backslash.
BACKSLASHED = frozenset(("bigquery", "databricks", "spark"))


@dataclass(frozen=True)
class Project:
    """The dbt project that a model is written for.

    `files` are its model and properties files (path → text), `taken` the names of its models, seeds and
    snapshots wherever they stand, `ephemeral` those of models that have no table or view of their own, `own`
    what the project's own file says, `tests` how it spells tests. `node` gives what dbt knows of a model by
    its id, `private` the group of each model that nothing but its group may read.
    """

    files: Mapping[str, str]
    style: ProjectStyle
    dialect: str
    taken: Collection[str] = frozenset()
    dbt_version: tuple[int, int] = (1, 11)
    ephemeral: frozenset[str] = frozenset()
    own: ProjectFile = field(default_factory=ProjectFile)
    node: Callable[[str], NodeRecord | None] = lambda _unique_id: None
    private: Mapping[str, str] = field(default_factory=dict)
    tests: Habits = field(default_factory=Habits)

    @property
    def roots(self) -> set[str]:
        """The folders that hold all models: up to `models`, or the outermost."""
        steps = [path.split("/")[:-1] for path in models_in(self.files)]
        ends = [one.index("models") + 1 if "models" in one else 1 for one in steps]
        return {"/".join(one[:end]) for one, end in zip(steps, ends, strict=True) if one} or {"models"}

    def may_be_ephemeral(self, path: str) -> bool:
        """Whether a model is ephemeral, or one of its folder is: mostly folders are configured so."""
        folder = PurePosixPath(path).parent
        beside = {PurePosixPath(one).stem for one in self.files if PurePosixPath(one).parent == folder}
        return not self.ephemeral.isdisjoint({*beside, PurePosixPath(path).stem})

    def folder_of(self, model: Model) -> str:
        """The folder of a model's SQL."""
        return str(PurePosixPath(self.sql_file(model)).parent)

    def sql_file(self, model: Model) -> str:
        """The path of a model's SQL; where it is not among the files, that of what describes it."""
        found = (path for path in self.files if PurePosixPath(path).stem == model.name)
        return min(
            (path for path in found if path.endswith(".sql")),
            default=model.file or f"models/{model.name}.sql",
        )


@dataclass(frozen=True, slots=True)
class ColumnWords:
    """What the properties file says of a column."""

    name: str
    description: str = ""
    tests: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class NewModel:
    """A model to write: its place, text and properties.

    `own` is what Bisync keeps in its `meta`, `reads` the models that it selects from, `semantic` what the
    semantic layer gets to know of it. That no two rows have the same in all columns of `key` is tested.
    """

    name: str
    folder: str
    sql: str
    description: str = ""
    columns: tuple[ColumnWords, ...] = ()
    unit_tests: tuple[Entry, ...] = ()
    own: Mapping[str, Any] = field(default_factory=dict)
    reads: tuple[RelationCall, ...] = ()
    semantic: SemanticModel | None = None
    key: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        return str(PurePosixPath(self.folder) / f"{self.name}.sql")

    @property
    def relation(self) -> RelationCall:
        return RelationCall("ref", self.name)


@dataclass(frozen=True, slots=True)
class WrittenModels:
    """What becomes of the project's files, the same as plain data to approve, and what to know of it."""

    changes: tuple[FileChange, ...]
    entries: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    semantics: Mapping[str, SemanticModel] = field(default_factory=dict)


def written(models: Sequence[NewModel], project: Project, *, notes: tuple[str, ...] = ()) -> WrittenModels:
    """The files of new models. Raises Refused for names that are taken and texts that dbt would render."""
    changes: list[FileChange] = []
    edits: dict[str, list[AnyEdit]] = {}
    entries: list[Entry] = []
    for model in models:
        _refuse(model, project, [other.name for other in models if other is not model])
        changes.append(FileChange(model.path, content=model.sql, fresh=True))
        properties = project.style.places.properties_file(model.path, project.files)
        test = _together(model, project)
        entry = _entry(model, properties, project, test)
        changes += [macros for macros in _macros(test, project) if macros not in changes]
        opening = project.style.places.opening(properties, project.files)
        added = edits.setdefault(properties, [*opening])
        added += [AddItem(("models",), entry)]
        added += [AddItem(("unit_tests",), test) for test in model.unit_tests]
        told: Entry = {
            "name": model.name,
            "path": model.path,
            "sql": model.sql,
            "properties": {"path": properties, "entry": entry, "unit_tests": [*model.unit_tests]},
        }
        if model.semantic and model.semantic.spec == "legacy":
            home = model.semantic.file
            said = legacy.semantic_model(model.semantic)
            said.pop("measures")
            edits.setdefault(home, [*project.style.places.opening(home, project.files)])
            edits[home] += [AddItem(("semantic_models",), said)]
            told["semantics"] = {"path": home, "entry": said}
        entries.append(told)
    changes += [FileChange(path, tuple(found)) for path, found in edits.items()]
    semantics = {model.name: model.semantic for model in models if model.semantic}
    return WrittenModels(tuple(changes), {"models": entries}, notes, semantics)


def selected(name: str, folder: str, selection: Selection, project: Project) -> str:
    """The text of a model in the style of the project, or of the folder where that has its own."""
    return model_text(selection, name, project.style.at(f"{folder}/{name}.sql"), project.dialect)


def key_tests(key: Sequence[str]) -> dict[str, tuple[Any, ...]]:
    """Column → the tests by which it is the key, or a part of one: a part by itself is not unique.

    That the parts together are is tested for the model's `key`.
    """
    tests = ("unique", "not_null") if len(key) == 1 else ("not_null",)
    return dict.fromkeys(key, tests)


def accepted_values(values: Sequence[Value], project: Project) -> tuple[Entry, ...]:
    """The test that a column has these values only; what is no text stands without quotes.

    dbt writes each text between quotes as it is. Where a quote within cannot be doubled there is no test.
    """
    quoted = any(isinstance(value, str) and "'" in value for value in values)
    if quoted and project.dialect in BACKSLASHED:
        return ()
    arguments: Entry = {
        "values": [value.replace("'", "''") if isinstance(value, str) else value for value in values]
    }
    if not all(isinstance(value, str) for value in values):
        arguments["quote"] = False
    nested = project.own.nests_arguments(project.dbt_version)
    return ({"accepted_values": {"arguments": arguments} if nested else arguments},)


def unit_test(
    model: str,
    given: RelationCall,
    rows: Sequence[Mapping[str, Any]] | str,
    expected: Sequence[Mapping[str, Any]],
) -> Entry:
    """One example a row: what the model makes of rows of what it reads.

    Rows that are SQL say their types themselves. Of others dbt asks the table or view that they stand for,
    which an ephemeral model does not have.
    """
    fixture: Entry = {"rows": [Row(row) for row in rows if isinstance(row, Mapping)]}
    if isinstance(rows, str):
        fixture = {"format": "sql", "rows": rows}
    relation = jinja_of(given).removeprefix("{{ ").removesuffix(" }}")
    return {
        "name": f"{model}__examples",
        "model": model,
        "given": [{"input": relation, **fixture}],
        "expect": {"rows": [Row(row) for row in expected]},
    }


def column_entry(column: ColumnWords, properties: str, project: Project) -> Entry:
    """What the properties file at this path says of a column."""
    entry: Entry = {"name": column.name}
    if column.description:
        entry["description"] = column.description
    if not column.tests:
        return entry
    if column_name(column.name, project.dialect).quoted:
        entry["quote"] = True  # else dbt's tests name it without quotes
    places = project.style.places
    tests = places.in_order(column.tests, properties, project.files)
    return {**entry, places.tests_key(properties, project.files): tests}


def _together(model: NewModel, project: Project) -> Spelled | None:
    """The test of a key of several columns, as the project spells it; None for any other key."""
    if len(model.key) < 2:
        return None

    def nothing(formula: str) -> str:
        raise Refused(f"{formula} is no part of a key.")

    rule = QualityRule(UniqueTogether(model.key))
    test = spelled(rule, Target(model.name), project.tests, compiles=nothing)
    # The tests put these names into their SQL as they are.
    dialect = project.dialect or None
    inside = {name: column_name(name, project.dialect).sql(dialect=dialect) for name in model.key}
    return replace(
        test,
        arguments={
            key: [inside.get(one, one) for one in given] if isinstance(given, list | tuple) else given
            for key, given in test.arguments.items()
        },
    )


def _macros(test: Spelled | None, project: Project) -> tuple[FileChange, ...]:
    return macros_for(test, project.tests) if test else ()


def _entry(model: NewModel, properties: str, project: Project, test: Spelled | None) -> Entry:
    columns = [column_entry(column, properties, project) for column in model.columns]
    entry: Entry = {"name": model.name}
    if model.description:
        entry["description"] = model.description
    config: Entry = {"group": group} if (group := _group(model, project)) else {}
    if model.own:
        config["meta"] = {"bisync": {**model.own}}
    if config:
        entry["config"] = config
    if test:
        key = project.style.places.tests_key(properties, project.files)
        entry[key] = [test.entry(nested=project.own.nests_arguments(project.dbt_version))]
    if model.semantic and model.semantic.spec == "latest":
        marked: Entry = {"columns": columns}
        latest.describe(marked, model.semantic)
        columns = marked.pop("columns")
        entry |= marked
    return {**entry, "columns": columns} if columns else entry


def _group(model: NewModel, project: Project) -> str:
    """The group that the model has to be in, so that dbt lets it read private models; "" for none."""
    private = {call.name: project.private[call.name] for call in model.reads if call.name in project.private}
    groups = sorted(set(private.values()))
    if len(groups) > 1:
        raise Refused(
            f"{' and '.join(sorted(private))} are private to different groups, {' and '.join(groups)}, and a"
            " model can be in one group only. Have the access of one of them changed first."
        )
    return groups[0] if groups else ""


def _refuse(model: NewModel, project: Project, others: Sequence[str]) -> None:
    if problems := name_problems(model.name.replace("__", "_")):
        raise Refused(problems[0])
    taken = {name.lower() for name in (*project.taken, *others)} | {
        PurePosixPath(path).stem.lower() for path in project.files if not path.endswith(YAML)
    }
    if model.name.lower() in taken:
        raise Refused(f"There is a model {model.name} already. Choose another name.")
    inside = any(f"{model.folder}/".startswith(f"{root}/") for root in project.roots)
    if not inside or not all(map(_STEP.fullmatch, model.folder.split("/"))):
        raise Refused(f"{model.folder} is no folder for models of this project. Choose one of its own.")
    if project.own.has_contract(model.path):
        raise Refused(
            f"Models in {model.folder} have a contract, which names the type of each column in the warehouse."
            " Choose another folder, or have this model written by hand."
        )
    texts = texts_in(dict(model.own))
    for text in (model.description, *texts, *(column.description for column in model.columns)):
        if problems := text_problems(text, limit=DESCRIPTION_LIMIT):
            raise Refused(problems[0])
