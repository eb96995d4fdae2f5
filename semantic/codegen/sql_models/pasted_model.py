"""The model of a pasted query: in the style of its folder, described, with the tests of its key."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from semantic.codegen.entries import Refused
from semantic.codegen.sql_models.folders import prefix_of, prefixes_in
from semantic.codegen.sql_models.imports import shaped
from semantic.codegen.sql_models.layout import laid_out
from semantic.codegen.sql_models.new_model import (
    ColumnWords,
    NewModel,
    Project,
    WrittenModels,
    key_tests,
    written,
)
from semantic.codegen.sql_models.pasted import QueryRefused, ReadQuery, query_in
from semantic.codegen.sql_models.words import Unreadable
from semantic.formula.phrases import listed


@dataclass(frozen=True, slots=True)
class PastedModel:
    """What a pasted query is called, and what is said of it.

    Without a `folder` it goes to that of the marts which is nearest to what it reads. It is laid out as the
    models there are, unless it is to stay `as_pasted`.
    """

    name: str
    folder: str = ""
    description: str = ""
    words: tuple[ColumnWords, ...] = ()
    key: tuple[str, ...] = ()
    as_pasted: bool = False


def query_model(query: ReadQuery, model: PastedModel, project: Project) -> WrittenModels:
    """The model of a query, with all of its columns described, and the tests of its key. Raises Refused."""
    names = [column.name for column in query.columns]
    for name in (*model.key, *(word.name for word in model.words)):
        if query.columns and name.lower() not in map(str.lower, names):
            raise Refused(f"The query has no column {name}.")
    said = {word.name.lower(): word for word in model.words}
    handed_on = {column.name: column.description for column in query.columns}
    own = {name.lower(): name for name in names}
    key = tuple({name.lower(): own.get(name.lower(), name) for name in model.key}.values())
    tests = {name.lower(): found for name, found in key_tests(key).items()}
    words = []
    for name in names or [word.name for word in model.words]:
        word = said.get(name.lower(), ColumnWords(name, handed_on.get(name, "")))
        words.append(
            replace(word, name=name, tests=tuple(dict.fromkeys((*tests.get(name.lower(), ()), *word.tests))))
        )
    folder = model.folder or _folder(query, project)
    sql, notes = query.sql, query.notes
    if not model.as_pasted:
        try:
            sql = in_style(query, model.name, folder, project)
        except (Unreadable, QueryRefused):
            notes = (*notes, "Its lines stay as you pasted them, as Bisync cannot tell how to change them.")
    notes = (*notes, *_misnamed(model.name, folder, project))
    new = NewModel(model.name, folder, sql, model.description, tuple(words), reads=query.reads, key=key)
    found = written([new], project, notes=notes)
    types = [{"name": column.name, "type": column.type} for column in query.columns]
    return replace(found, entries={**found.entries, "columns_of_query": types})


def _misnamed(name: str, folder: str, project: Project) -> Iterator[str]:
    """That the other models of the folder begin with the prefix of a layer, and this one does not."""
    prefixes = prefixes_in(folder, project.files)
    if prefixes and prefix_of(name) not in prefixes:
        told = listed([f"{prefix}_" for prefix in sorted(prefixes)], "or")
        yield f"The names of all models in {folder} begin with {told}, and {name} does not."


def in_style(query: ReadQuery, name: str, folder: str, project: Project) -> str:
    """The query as models of that folder are written: their common tables, case, commas and lines.

    Raises Unreadable or QueryRefused where it cannot be told to compute the same.
    """
    style = project.style.at(f"{folder}/{name}.sql")
    text = shaped(query_in(query.sql.rstrip("\n"), project.dialect), name, style, project.dialect)
    found = query_in(text, project.dialect)
    return laid_out(found, style, project.dialect, small_names=query.small_names) + "\n"


def _folder(query: ReadQuery, project: Project) -> str:
    """The folder of the marts that is nearest to what the query reads."""
    names = {call.name for call in query.reads if call.kind == "ref"}
    read = [path for path in project.files if path.endswith(".sql") and PurePosixPath(path).stem in names]
    return project.style.places.nearest("marts", read, project.files) or project.own.model_paths[0]
