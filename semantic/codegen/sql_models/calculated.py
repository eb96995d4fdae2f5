"""A calculated column of an existing model: in the model itself, or in a model of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlglot import exp

from catalog.reading import NodeRecord
from semantic.codegen.changes import FileChange
from semantic.codegen.conditions import refuse_jinja
from semantic.codegen.entries import Entry, Refused
from semantic.codegen.layout import YAML
from semantic.codegen.sql_models.add_column import AddColumn, ColumnRefused, with_column
from semantic.codegen.sql_models.folders import prefix_of, stem_of
from semantic.codegen.sql_models.jinja import RelationCall
from semantic.codegen.sql_models.new_model import (
    ColumnWords,
    NewModel,
    Project,
    WrittenModels,
    column_entry,
    key_tests,
    selected,
    written,
)
from semantic.codegen.sql_models.properties import described_in
from semantic.codegen.sql_models.writing import TYPES, Projection, Selection, column_name
from semantic.codegen.yaml_files import AddItem, Named, YamlRefused, load
from semantic.definitions import Model, Vocabulary
from semantic.formula.tree import ColumnRef, Node, walk
from semantic.query.expressions import Writer, portable, value_type
from semantic.rules.text import name_problems, text_problems

_INCREMENTAL = re.compile(r"materialized\s*=\s*['\"]incremental|is_incremental\(")
INCREMENTAL = "This model is incremental: build it once with --full-refresh, or {}."
# What becomes of a new column otherwise, by the model's `on_schema_change`.
IGNORED = "dbt leaves the new column out of the table that is there"
_OTHERWISE: Mapping[object, str] = {
    "append_new_columns": "the rows that are there have no value in the new column",
    "sync_all_columns": "the rows that are there have no value in the new column",
    "fail": "dbt refuses to build it, since its columns have changed",
}
_CONTRACT = "{} has a contract, and nobody here knows what type this column has for it."


@dataclass(frozen=True, slots=True)
class CalculatedColumn:
    """A calculation over one row of `model`, as a resolved tree, under a name of its own."""

    name: str
    model: str
    tree: Node
    description: str = ""
    tests: tuple[Any, ...] = ()


def calculated_column(column: CalculatedColumn, vocabulary: Vocabulary, project: Project) -> WrittenModels:
    """The column in the model's own query and properties file.

    Raises ColumnRefused where the query cannot take it safely, which `calculated_model` can always, and
    Refused for names and words that dbt cannot have.
    """
    model = _checked(column, vocabulary)
    path = project.sql_file(model)
    text = project.files.get(path)
    if text is None or not path.endswith(".sql"):
        raise Refused(f"The SQL of {model.name} is not in this repository.")
    known = tuple(known.name for known in model.columns)
    node = project.node(model.unique_id)
    kind = TYPES.get(value_type(column.tree, vocabulary), "")
    value = _sql(column.tree, vocabulary, project)
    if node is not None and node.has_contract:
        if not kind:
            raise ColumnRefused("contract", _CONTRACT.format(model.name))
        value = exp.cast(value, kind)
    sql = value.sql(dialect=portable(project.dialect) or None)
    edit = AddColumn(column.name, sql, project.dialect, known)
    with_column(text, edit)
    places = project.style.places
    properties = model.file if model.file.endswith(YAML) else places.properties_file(path, project.files)
    entry = column_entry(ColumnWords(column.name, column.description, column.tests), properties, project)
    if typed := _data_type(kind, model, project):
        entry = {"name": entry["name"], "data_type": typed, **entry}
    changes = (FileChange(path, (edit,)), _described(model, properties, entry, project))
    entries = {
        "columns": [
            {
                "model": model.name,
                "path": path,
                "name": column.name,
                "sql": sql,
                "properties": {"path": properties, "entry": entry},
            }
        ]
    }
    return WrittenModels(changes, entries, tuple(_notes(node, text)))


def calculated_model(
    column: CalculatedColumn,
    vocabulary: Vocabulary,
    project: Project,
    *,
    name: str = "",
    key: tuple[str, ...] = (),
) -> WrittenModels:
    """The column in a model of its own, beside the key and what it is calculated from.

    Without a `name` the model is called after the old one and the column. Raises Refused without a key.
    """
    model = _checked(column, vocabulary)
    known = vocabulary.keys.get(model.name, "")
    key = key or ((known,) if known else ())
    if not key:
        raise Refused(f"Give {model.name} a key first: a column with the tests unique and not_null.")
    read = (part.column for part in walk(column.tree) if isinstance(part, ColumnRef))
    kept = [*dict.fromkeys((*key, *read))]
    columns = [Projection(part, exp.column(column_name(part, project.dialect))) for part in kept]
    columns.append(Projection(column.name, _sql(column.tree, vocabulary, project)))
    prefix = prefix_of(model.name)
    name = name or "_".join(filter(None, (prefix, stem_of(model.name), column.name)))
    tests = key_tests(key)
    described = {one.name.lower(): one.description for one in model.columns}
    words = [ColumnWords(part, described.get(part.lower(), ""), tests.get(part, ())) for part in kept]
    folder = project.folder_of(model)
    new = NewModel(
        name,
        folder,
        selected(name, folder, Selection(RelationCall("ref", model.name), tuple(columns)), project),
        f"{column.name} for each row of {model.name}.",
        (*words, ColumnWords(column.name, column.description, column.tests)),
        reads=(RelationCall("ref", model.name),),
        key=key,
    )
    return written([new], project)


def _checked(column: CalculatedColumn, vocabulary: Vocabulary) -> Model:
    """The model of a column, refused where a name or a text is nothing for dbt."""
    problems = name_problems(column.name) + text_problems(column.description, limit=4_000)
    if problems:
        raise Refused(problems[0])
    model = vocabulary.models[column.model]
    if model.column(column.name):
        raise Refused(f"{model.name} has a column {column.name} already. Choose another name.")
    refuse_jinja(column.tree)
    return model


def _sql(tree: Node, vocabulary: Vocabulary, project: Project) -> exp.Expr:
    def leaf(part: Node) -> exp.Expr | None:
        return exp.column(column_name(part.column, project.dialect)) if isinstance(part, ColumnRef) else None

    return Writer(vocabulary, portable(project.dialect), leaf).sql(tree)


def _notes(node: NodeRecord | None, text: str) -> Iterator[str]:
    """What has to be done so that the table that is there gets the column too."""
    if (node is not None and node.materialized == "incremental") or _INCREMENTAL.search(text):
        config = node.fields.get("config", {}) if node is not None else {}
        yield INCREMENTAL.format(_OTHERWISE.get(config.get("on_schema_change"), IGNORED))


def _data_type(kind: str, model: Model, project: Project) -> str:
    """The column's type where the properties file says those of its neighbours, as contracts want it."""
    try:
        data = load(project.files.get(model.file, "")) if model.file.endswith(YAML) else None
    except YamlRefused:
        return ""  # whoever writes into the file will be told
    listed = (data or {}).get("models") or []
    found = next((one for one in listed if isinstance(one, dict) and one.get("name") == model.name), {})
    types = [one.get("data_type") for one in found.get("columns") or [] if isinstance(one, dict)]
    said = [one for one in types if isinstance(one, str)]
    node = project.node(model.unique_id)
    asked = node is not None and node.has_contract
    if not kind or not (asked or len(said) * 2 > len(types)):
        return ""
    name = exp.DataType.build(kind).sql(dialect=project.dialect or None)
    return name if said and said[0].isupper() else name.lower()


def _described(model: Model, properties: str, entry: Entry, project: Project) -> FileChange:
    """The column in the entry of its model, or in a first entry for it."""
    if model.file == properties or model.name in described_in(project.files.get(properties, "")):
        return FileChange(properties, (AddItem(("models", Named(model.name), "columns"), entry),))
    opening = project.style.places.opening(properties, project.files)
    first = AddItem(("models",), {"name": model.name, "columns": [entry]})
    return FileChange(properties, (*opening, first))
