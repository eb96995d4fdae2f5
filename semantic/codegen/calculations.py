"""Calculated columns and pasted queries: what dbt may not read of them, and the files that they become."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from sqlglot import exp

from catalog.reading import Entry
from semantic.calculation import NEW, PASTED, QUERY, CalculationFields
from semantic.codegen.entries import RESERVED, Refused
from semantic.codegen.metrics import Compiled
from semantic.codegen.sql_models.add_column import ColumnRefused
from semantic.codegen.sql_models.calculated import CalculatedColumn, calculated_column, calculated_model
from semantic.codegen.sql_models.jinja import RelationCall
from semantic.codegen.sql_models.new_model import ColumnWords, Project, WrittenModels
from semantic.codegen.sql_models.pasted import (
    MOST_TEXT,
    KnownRelation,
    QueryRefused,
    ReadQuery,
    cleaned,
    read_query,
)
from semantic.codegen.sql_models.pasted_model import PastedModel, query_model
from semantic.codegen.sql_models.project import project_of
from semantic.codegen.sql_models.receivers import Below, Received, received
from semantic.codegen.yaml_files import new_file
from semantic.codegen.yaml_marks import YamlRefused
from semantic.definitions import Column, Model, Vocabulary
from semantic.formula import Analysis, analyse_row
from semantic.formula.phrases import listed
from semantic.known import Known
from semantic.query.expressions import value_type
from semantic.rules.metric import Problems
from semantic.rules.text import STORED_LIMIT, name_problems, storing_problems, text_problems

LIMITS: Mapping[str, tuple[int, bool]] = {
    "label": (60, False),
    "model": (400, False),
    "formula": (4_000, True),
    "called": (60, False),
    "folder": (200, False),
    "key": (400, False),
    "description": (4_000, True),
    "words": (10_000, True),
    "why": (2_000, True),
}
# The seeds, snapshots and models of a project share one set of names.
NAMED = ("model", "seed", "snapshot")


# -- what is wrong


class Unwritable(ValueError):
    """Why no code can be written, as a sentence, and the field beside which it belongs."""

    def __init__(self, field: str, why: object) -> None:
        super().__init__(str(why))
        self.field = field


def keeping_problems(fields: CalculationFields) -> Problems:
    """What not even a draft can keep, field by field."""
    texts = {name: value for name, value in fields.to_json().items() if isinstance(value, str)}
    told = {
        name: found[:1]
        for name, value in texts.items()
        if (found := storing_problems(value, limit=MOST_TEXT if name == "sql" else STORED_LIMIT))
    }
    if fields.way not in ("", QUERY):
        told["way"] = ["Choose a calculated column or a query."]
    if fields.place not in ("", NEW):
        told["place"] = ["Choose where it is written."]
    if fields.layout not in ("", PASTED):
        told["layout"] = ["Choose how its lines are written."]
    return told


def typing_problems(fields: CalculationFields) -> Problems:
    """What may never reach dbt's files, field by field."""
    told: Problems = {}
    for name, (limit, lines) in LIMITS.items():
        if found := text_problems(getattr(fields, name), limit=limit, lines=lines):
            told[name] = found
    if fields.label and "label" not in told and (found := _column_problems(fields.column)):
        told["label"] = found
    if fields.called and "called" not in told and (found := name_problems(fields.called.replace("__", "_"))):
        told["called"] = found
    if fields.is_query and fields.sql:
        try:
            cleaned(fields.sql)
        except QueryRefused as refused:
            told["sql"] = [str(refused)]
    return told


def _column_problems(name: str) -> list[str]:
    if name in RESERVED:
        return [f"{name} is a word that dbt or the warehouse keeps for itself. Choose another name."]
    return name_problems(name)


def sending_problems(fields: CalculationFields, known: Known) -> Problems:
    """What is missing or wrong before it goes to review, field by field.

    Raises what `Known.files` raises where the project's files are not at hand.
    """
    told = typing_problems(fields)
    for name, sentence in (_missing_of_query if fields.is_query else _missing_of_column)(fields, known):
        told.setdefault(name, []).append(sentence)
    if not told:
        try:
            compile_calculation(fields, known, known.manifest.adapter)
        except Unwritable as why:
            told[why.field] = [str(why)]
    return told


def _missing_of_query(fields: CalculationFields, _known: Known) -> Iterator[tuple[str, str]]:
    if not fields.called:
        yield "called", "Give the new model the name that it will have in dbt."
    if not fields.sql:
        yield "sql", "Paste the query."
    if not fields.description:
        yield "description", "Say what one row stands for."


def _missing_of_column(fields: CalculationFields, known: Known) -> Iterator[tuple[str, str]]:
    if not fields.label:
        yield "label", "Give the column a name."
    if not fields.description:
        yield "description", "Say in one sentence what it means."
    model = model_of(fields, known.names)
    if model is None:
        yield "model", "Choose the model for whose rows it is calculated."
        return
    yield from (("model", sentence) for sentence in _closed(model, known))
    analysis = analysis_of(fields, known.names)
    if not fields.formula:
        yield "formula", "Write how it is calculated."
    elif analysis.tree is None:
        yield "formula", analysis.complaint
    if fields.place == NEW:
        yield from _missing_of_key(fields, model, known)


def _closed(model: Model, known: Known) -> Iterator[str]:
    node = known.node(model.unique_id)
    if node is None:
        yield f"{model.name} is not in the dbt project any more."
    elif not known.owned(node):
        yield f"{model.name} belongs to a dbt package, whose files are not this project's to change."
    elif model.versioned:
        yield f"{model.name} has several versions. Have the column written by hand."


def _missing_of_key(fields: CalculationFields, model: Model, known: Known) -> Iterator[tuple[str, str]]:
    if not fields.key_columns and not known.names.keys.get(model.name):
        yield "key", f"Say by which column, or columns, a row of {model.name} is told from the others."
    for name in fields.key_columns:
        if model.columns and not model.column(name):
            yield "key", f"{model.name} has no column {name}."


# -- what is written


def model_of(fields: CalculationFields, names: Vocabulary) -> Model | None:
    """The model for whose rows a column is calculated."""
    found = (model for model in names.models.values() if model.unique_id == fields.model)
    return next(found, None)


def analysis_of(fields: CalculationFields, names: Vocabulary) -> Analysis:
    """The formula, read and checked for one row of the model."""
    model = model_of(fields, names)
    return analyse_row(fields.formula, names, model=model.name if model else "")


def compile_calculation(fields: CalculationFields, known: Known, dialect: str) -> Compiled:
    """Its dbt code, on the files of the project as they are. Raises Unwritable, and as `Known.files` does."""
    done = _written(fields, known, dialect)
    written = done.written
    models, columns = (written.entries.get(kind, ()) for kind in ("models", "columns"))
    shown = [
        *(part["properties"]["entry"] for part in models),
        *({"name": part["model"], "columns": [part["properties"]["entry"]]} for part in columns),
    ]
    try:
        preview = new_file({"models": shown})
    except YamlRefused as why:
        raise Unwritable("description", why) from why
    return Compiled(
        changes=written.changes,
        entries={"edits": [*models, *columns], "uses": {}},
        metrics=(),
        models=(done.model.name, *done.received.takers, *done.received.unsure),
        yaml_preview=preview,
        notes=(*written.notes, *_received_notes(done)),
        later=lambda: _with_model(known.names, done),
    )


@dataclass(frozen=True, slots=True)
class _Done:
    """What is written, and the model as it will be, with its key where that is one column."""

    written: WrittenModels
    model: Model
    key: str = ""
    # Who else gets the column.
    received: Received = field(default_factory=Received)


def _written(fields: CalculationFields, known: Known, dialect: str) -> _Done:
    project = project_of(known, dialect)
    return _query(fields, known, project) if fields.is_query else _column(fields, known, project)


def _column(fields: CalculationFields, known: Known, project: Project) -> _Done:
    model, tree = model_of(fields, known.names), analysis_of(fields, known.names).tree
    if model is None or tree is None:
        raise Unwritable("formula", "The formula cannot be read as the project is now.")
    column = CalculatedColumn(fields.column, model.name, tree, fields.description, fields.tests)
    added = Column(fields.column, value_type(tree, known.names), description=fields.description)
    if fields.place != NEW:
        try:
            written = calculated_column(column, known.names, project)
        except ColumnRefused as why:
            raise Unwritable("place", why) from why
        except Refused as why:
            raise Unwritable("label", why) from why
        found = received(fields.column, model.unique_id, _finder(known, project), project.dialect)
        if found.clash:
            raise Unwritable(
                "label",
                f"{found.clash} takes the columns of {model.name} by a * and has a column {fields.column} of "
                "its own. Choose another name.",
            )
        return _Done(written, replace(model, columns=(*model.columns, added)), received=found)
    key = fields.key_columns or tuple(filter(None, [known.names.keys.get(model.name)]))
    try:
        written = calculated_model(column, known.names, project, name=fields.called, key=key)
    except Refused as why:
        raise Unwritable("called", why) from why
    entry = written.entries["models"][0]
    kept = [one for part in entry["properties"]["entry"]["columns"] if (one := model.column(part["name"]))]
    made = _new(
        entry["name"], (*kept, added), f"{fields.column} for each row of {model.name}.", known, written
    )
    return _Done(written, made, key[0] if len(key) == 1 else "")


def _finder(known: Known, project: Project) -> Callable[[str], Below | None]:
    """Models by dbt's ids, each with the models that read it."""
    readers: dict[str, list[str]] = {}
    for child, parents in known.manifest.parts.parent_map.items():
        for parent in parents if child.startswith(("model.", "snapshot.")) else ():
            readers.setdefault(parent, []).append(child)

    def find(unique_id: str) -> Below | None:
        entry = known.manifest.nodes.get(unique_id)
        if entry is None:
            return None
        raw = entry.read()
        name, text = str(raw["name"]), str(raw.get("raw_code") or "")
        model = known.names.models.get(name)
        columns: tuple[str, ...] = ()
        if model is not None and model.unique_id == unique_id:
            text = project.files.get(project.sql_file(model)) or text
            columns = tuple(column.name for column in model.columns)
        return Below(name, text, columns, tuple(readers.get(unique_id, ())))

    return find


def _received_notes(done: _Done) -> Iterator[str]:
    if takers := done.received.takers:
        take = "take" if len(takers) > 1 else "takes"
        yield f"{listed(takers, 'and')} {take} it by a *, so it is in there, too."
    if unsure := done.received.unsure:
        names = listed(unsure, "or")
        yield f"Whether it reaches {names} cannot be told from the SQL. The checks build what is there."


def _query(fields: CalculationFields, known: Known, project: Project) -> _Done:
    try:
        query = read_query(fields.sql, relations_of(known, project.dialect), project.style, project.dialect)
    except QueryRefused as why:
        raise Unwritable("sql", why) from why
    names = {column.name.lower() for column in query.columns}
    for part, asked in (("key", fields.key_columns), ("words", tuple(fields.column_words))):
        if strange := [name for name in asked if query.columns and name.lower() not in names]:
            lines = " Write a line for each: its name, a colon, and what it means."
            more = lines if part == "words" else ""
            raise Unwritable(part, f"The query has no column {strange[0]}.{more}")
    words = tuple(ColumnWords(name, said) for name, said in fields.column_words.items())
    pasted = PastedModel(
        fields.called,
        fields.folder,
        fields.description,
        words,
        fields.key_columns,
        as_pasted=fields.layout == PASTED,
    )
    try:
        written = query_model(query, pasted, project)
    except Refused as why:
        raise Unwritable("folder" if fields.folder and fields.folder in str(why) else "called", why) from why
    key = fields.key_columns[0] if len(fields.key_columns) == 1 else ""
    return _Done(written, _new(fields.called, _told(query, fields), fields.description, known, written), key)


def _told(query: ReadQuery, fields: CalculationFields) -> tuple[Column, ...]:
    said = {name.lower(): text for name, text in fields.column_words.items()}
    return tuple(
        replace(one, description=said.get(one.name.lower(), one.description)) for one in query.columns
    )


def _new(
    name: str, columns: tuple[Column, ...], description: str, known: Known, written: WrittenModels
) -> Model:
    package = known.manifest.parts.metadata.get("project_name") or ""
    file = written.entries["models"][0]["properties"]["path"]
    return Model(name, f"model.{package}.{name}", columns, description=description, file=file)


def _with_model(names: Vocabulary, done: _Done) -> Vocabulary:
    keys = {**names.keys, done.model.name: done.key} if done.key else names.keys
    below = {
        name: replace(model, columns=(*model.columns, done.model.columns[-1]))
        for name in done.received.takers
        if (model := names.models.get(name))
    }
    return replace(names, models={**names.models, **below, done.model.name: done.model}, keys=keys)


# -- what the project is like


def relations_of(known: Known, dialect: str) -> list[KnownRelation]:
    """The models, seeds, snapshots and sources that a query may read, with their columns."""
    entries = known.manifest.nodes.values()
    return [found for entry in entries if (found := _relation(entry, known.names, dialect)) is not None]


def _relation(entry: Entry, names: Vocabulary, dialect: str) -> KnownRelation | None:
    if entry.kind not in (*NAMED, "source"):
        return None
    raw = entry.read()
    name = str(raw["name"])
    written = str(raw.get("relation_name") or "")
    parts = tuple(part.name for part in exp.to_table(written, dialect=dialect).parts) if written else (name,)
    if entry.kind == "source":
        return KnownRelation(parts, RelationCall("source", name, str(raw["source_name"])))
    model = names.models.get(name)
    columns = model.columns if model is not None and model.unique_id == raw["unique_id"] else ()
    latest, version = RelationCall("ref", name), raw.get("version")
    if version is None:
        return KnownRelation(parts, latest, columns)
    this = latest._replace(version=str(version))
    if version == raw.get("latest_version"):
        return KnownRelation(parts, latest, columns, also=this)
    return KnownRelation(parts, this, columns)
