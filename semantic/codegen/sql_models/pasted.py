"""A query that an engineer pastes, as the query of a dbt model: `ref` and `source` in the place of tables.

Stars whose columns are known are written out; all else stays as it was pasted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import NamedTuple

from sqlglot import exp
from sqlglot.errors import ParseError, TokenError

from catalog.lineage.origins import How, Origin
from catalog.lineage.queries import Untraceable, trace
from semantic.codegen.sql_models.jinja import (
    Masked,
    RelationCall,
    Unmaskable,
    is_masked_name,
    mask,
    pieces,
    relation_call,
)
from semantic.codegen.sql_models.new_model import DESCRIPTION_LIMIT
from semantic.codegen.sql_models.queries import NotAQuery, Query, query_of
from semantic.codegen.sql_models.spans import Overlapping, Span, spliced
from semantic.codegen.sql_models.stars import Columns, as_relations, spelled_out, types_of
from semantic.codegen.sql_models.style import ProjectStyle, file_style
from semantic.codegen.sql_models.writing import column_name, jinja_of
from semantic.definitions import Column
from semantic.rules.text import text_problems

MOST_TEXT = 100_000
_NO_QUERY = (exp.DDL, exp.DML, exp.Command, exp.Into, exp.Lock, exp.Parameter, exp.Placeholder)


# A query is run before anybody has approved it. These make rows of nothing but what they are given …
_MAKES_ROWS = (
    exp.Explode, exp.ExplodeOuter, exp.ExplodingGenerateSeries, exp.GenerateDateArray, exp.GenerateSeries,
    exp.GenerateTimestampArray, exp.Posexplode, exp.PosexplodeOuter, exp.Unnest,
)  # fmt: skip
# … and of what the parser has no class for, these compute: others read files, settings, or run SQL.
_COMPUTES = re.compile(
    r"(?!.*(sql|exec|query))"
    r"((approx|array|bit|bool|date|datetime|h3|is|json|jsonb|list|map|num|regexp|safe|st|str|string|struct|time"
    r"|to|try)_\w+|age|contains|div|ends_with|epoch|hash|make_(date|interval|time|timestamp)|starts_with)"
)


class QueryRefused(ValueError):
    """Why a text cannot be the query of a model, as a sentence that says what to do."""


@dataclass(frozen=True, slots=True)
class KnownRelation:
    """A model or source: its name in the warehouse part by part, what dbt calls it, and its columns.

    `also` is what dbt calls the latest version of a model besides.
    """

    name: tuple[str, ...]
    call: RelationCall
    columns: tuple[Column, ...] = ()
    also: RelationCall | None = None


@dataclass(frozen=True, slots=True)
class ReadQuery:
    """The query of a model: its text, its columns with their types, what it reads, and what to know of it.

    Columns that it hands on as they are have the description that they have there. With `small_names` what it
    reads has no column in capitals, so that names in capitals may become small.
    """

    sql: str
    columns: tuple[Column, ...]
    reads: tuple[RelationCall, ...]
    notes: tuple[str, ...] = ()
    small_names: bool = True


def read_query(
    text: str,
    relations: Sequence[KnownRelation],
    style: ProjectStyle,
    dialect: str,
) -> ReadQuery:
    """What a pasted text becomes. Raises QueryRefused where it is not exactly one query of what dbt knows."""
    text = cleaned(text)
    query = query_in(text, dialect)
    known = _Relations(relations)
    names = list(_read(query, known))
    sql = _spliced(text, [*_renamed(query, names), *_named(query, known, dialect)])
    again = query_in(sql, dialect)
    columns = known.columns(again)
    spans, notes = spelled_out(sql, again, columns, file_style(sql, style, dialect=dialect), dialect)
    sql = _spliced(sql, spans)
    final = query_in(sql, dialect)
    found = known.columns(final)
    reads = tuple(dict.fromkeys(known.call_of(jinja) for jinja in final.masked.names.values()))
    small = not any(column.name.isupper() for columns in found.values() for column in columns)
    notes += _misspelt(final, found)
    return ReadQuery(sql + "\n", _columns(final, found, dialect), reads, tuple(notes), small)


# -- reading


def cleaned(text: str) -> str:
    """The text without what only its paste brought along. Raises QueryRefused for what dbt may not read."""
    text = text.replace("\r\n", "\n").strip().rstrip("; \n\t")
    without_jinja = re.sub(r"\{\{|\}\}", "", text)
    if problems := text_problems(without_jinja, limit=MOST_TEXT):
        raise QueryRefused(problems[0])
    try:
        found = [text[piece.start : piece.end] for piece in pieces(text)]
    except Unmaskable as error:
        raise QueryRefused(str(error)) from None
    for jinja in found:
        if relation_call(jinja) is None:
            raise QueryRefused(
                f"{jinja[:80]} is Jinja. Of that, a query may hold ref() and source() only: leave it out, or"
                " write what it stands for."
            )
    return text


def query_in(text: str, dialect: str) -> Query:
    """The one query of a text, which computes and does nothing else. Raises QueryRefused."""
    masked = _masked(text)
    try:
        query = query_of(masked, dialect)
    except NotAQuery as error:
        raise QueryRefused(_unread(error, masked)) from None
    if isinstance(query.tree, exp.Query) and (found := query.tree.find(exp.Parameter, exp.Placeholder)):
        named = f" {found.name}" if found.name else ""
        raise QueryRefused(f"dbt knows no parameter{named}. Write its value where it stands.")
    if not isinstance(query.tree, exp.Select | exp.SetOperation) or query.tree.find(*_NO_QUERY):
        raise QueryRefused("A model is one query: SELECT, perhaps with common tables before it.")
    _refuse_functions(query)
    return query


def _masked(text: str) -> Masked:
    try:
        return mask(text)
    except Unmaskable as error:
        raise QueryRefused(str(error)) from None


def _unread(error: NotAQuery, masked: Masked) -> str:
    """Why a text is not one query, with the place where it could not be read on."""
    why = error.__cause__
    if isinstance(why, TokenError):
        return "A quote or a comment opens in this query and does not close. Close it."
    if not isinstance(why, ParseError) or not why.errors:
        return f"{error} Keep one SELECT, without what stands around it."
    place = why.errors[0]
    before = place["start_context"].split("\n")[-1].split(" ")[-2:]
    words = masked.unmasked(" ".join(before) + place["highlight"]).strip()
    return (
        f"Bisync cannot read line {place['line']} of this query from “{words[-80:]}” on. Mend what stands"
        " there or just before it; your warehouse says more of what it does not understand."
    )


def _refuse_functions(query: Query) -> None:
    """Raises where something is called that may do more than compute."""
    for place in query.tree.find_all(exp.Table, exp.Lateral, exp.TableFromRows):
        called = place.this
        if isinstance(called, exp.Func) and not isinstance(called, (*_MAKES_ROWS, exp.Values)):
            raise QueryRefused(
                f"{_called(called)}() is no table that dbt knows. Declare what it reads as a source first."
            )
    for found in query.tree.find_all(exp.Anonymous, exp.ReadCSV, exp.NextValueFor):
        if not _COMPUTES.fullmatch(_called(found)) or isinstance(found.parent, exp.Dot):
            raise QueryRefused(
                f"Nobody here knows what {_called(found)}() does. Leave it out, or write this model in dbt."
            )


def _called(function: exp.Expr) -> str:
    return function.name.lower() if isinstance(function, exp.Anonymous) else function.key


class _Relations:
    """What dbt knows by its names in the warehouse, and by how dbt calls it."""

    def __init__(self, relations: Sequence[KnownRelation]) -> None:
        self.relations = relations
        calls = ((call, one) for one in relations for call in (one.call, one.also) if call is not None)
        self.by_call = dict(calls)

    def named(self, parts: tuple[str, ...]) -> KnownRelation:
        """The one relation that a table's name means; its last parts are enough."""
        found = [one for one in self.relations if _lower(one.name)[-len(parts) :] == parts]
        models = [one for one in found if one.call.kind == "ref"]
        found = models if len(models) == 1 else found
        name = ".".join(parts)
        if not found:
            raise QueryRefused(f"dbt knows no table {name}. {self._instead(parts)}")
        if len(found) > 1:
            raise QueryRefused(f"{name} could be several tables. Write its schema before it.")
        return found[0]

    def _instead(self, parts: tuple[str, ...]) -> str:
        """What to write for a name that means nothing here."""
        declare = "as a source of the project first."
        elsewhere = [".".join(one.name[-2:]) for one in self.relations if _lower(one.name)[-1] == parts[-1]]
        names = sorted({one.name[-1] for one in self.relations})
        near = get_close_matches(parts[-1], names, n=1, cutoff=0.8)
        if meant := elsewhere or near:
            return f"Did you mean {' or '.join(meant[:3])}? Otherwise declare it {declare}"
        return f"Declare it {declare}"

    def call_of(self, jinja: str) -> RelationCall:
        call = relation_call(jinja)
        assert call is not None
        if call not in self.by_call and not (call.kind == "ref" and call.package):
            raise QueryRefused(f"dbt knows no {jinja}. Check its name.")
        return call

    def columns(self, query: Query) -> Columns:
        """Name in the masked text → the columns of what it stands for."""
        calls = {name: self.call_of(jinja) for name, jinja in query.masked.names.items()}
        known = {name: self.by_call[call] for name, call in calls.items() if call in self.by_call}
        return {name.lower(): relation.columns for name, relation in known.items()}


def _lower(name: Sequence[str]) -> tuple[str, ...]:
    return tuple(part.lower() for part in name)


def _read(query: Query, known: _Relations) -> Iterator[tuple[exp.Table, KnownRelation]]:
    """Each table in the query that is no common table, and the relation that it is."""
    for table in query.tree.find_all(exp.Table):
        if not isinstance(table.this, exp.Identifier) or is_masked_name(table.name):
            continue
        if table.find_ancestor(exp.Hint):
            continue  # BROADCAST(c) names what the query calls so
        parts = _lower([part.name for part in table.parts])
        if len(parts) > 1 or parts[0] not in _common_tables(table):
            yield table, known.named(parts)


def _common_tables(table: exp.Table) -> set[str]:
    """The common tables that can be read where a table stands."""
    found: set[str] = set()
    path: list[exp.Expr] = []
    around = table.parent
    while around is not None:
        if isinstance(with_ := around.args.get("with_"), exp.With):
            for cte in with_.expressions:
                if any(cte is part for part in path) and not with_.args.get("recursive"):
                    break  # it cannot read itself, nor those behind it
                found.add(cte.alias.lower())
        path.append(around)
        around = around.parent
    return found


# -- changing


class _Place(NamedTuple):
    start: int
    end: int


def _renamed(query: Query, names: Sequence[tuple[exp.Table, KnownRelation]]) -> Iterator[Span]:
    """The names of tables as dbt writes them, under the alias that columns are qualified with."""
    found = [column.parts for column in query.tree.find_all(exp.Column)]
    columns = [(parts, _lower([part.name for part in parts])) for parts in found]
    said = {name for _parts, names in columns for name in names}
    for table, relation in names:
        place = _place(table.parts)
        # A column's own name may be that of a table, and so mean its whole row.
        alias = "" if table.alias or table.name.lower() not in said else f" as {_last(query, table)}"
        yield Span(place.start, place.end, jinja_of(relation.call) + alias)
    whole = [_lower([part.name for part in table.parts]) for table, _ in names if not table.alias]
    before = {name[at:] for name in whole for at in range(len(name) - 1)}
    for parts, called in columns:
        # Others are fields of what a column holds.
        sizes = [size for size in range(2, len(parts)) if called[:size] in before]
        if sizes:
            yield Span(_place(parts).start, _place(parts[max(sizes) - 1 :]).start, "")


def _named(query: Query, known: _Relations, dialect: str) -> Iterator[Span]:
    """What the warehouse calls models and sources that are read by dbt's names, where columns say it."""
    for table in query.tree.find_all(exp.Table):
        call = relation_call(query.masked.names.get(table.name, ""))
        name = known.by_call[call].name[-1] if call in known.by_call and not table.alias else ""
        select = table.find_ancestor(exp.Select)
        if call and select and name.lower() in _said(select) - {call.name}:
            end = _place(table.parts).end
            yield Span(end, end, f" as {column_name(name, dialect).sql(dialect=dialect or None)}")


def _said(tree: exp.Expr) -> set[str]:
    """The names of columns, and those that they are qualified with."""
    return {part.name.lower() for column in tree.find_all(exp.Column) for part in column.parts}


def _last(query: Query, table: exp.Table) -> str:
    """The last part of a table's name as it is written."""
    place = _place(table.parts[-1:])
    text = query.masked.text[place.start : place.end]
    return text.strip("`").rpartition(".")[2] if text.startswith("`") else text


def _place(parts: Sequence[exp.Expr]) -> _Place:
    spots = [(part.meta.get("start"), part.meta.get("end")) for part in parts]
    known = [(start, end) for start, end in spots if start is not None and end is not None]
    if len(known) < len(spots):
        name = ".".join(part.name for part in parts)
        raise QueryRefused(f"Give the table of {name} a short name (AS), and write that before its columns.")
    return _Place(min(start for start, _end in known), max(end for _start, end in known) + 1)


def _spliced(text: str, spans: Iterable[Span]) -> str:
    try:
        return spliced(text, spans)
    except Overlapping:
        raise QueryRefused(
            "This query names tables in a way that Bisync cannot change. Use short names."
        ) from None


# -- its columns


def _columns(query: Query, known: Columns, dialect: str) -> tuple[Column, ...]:
    """The columns that the query makes, in order; refused where two have one name, or one has none."""
    try:
        traced = trace(query.masked.text, dialect, as_relations(known))
    except Untraceable as error:
        raise QueryRefused(f"The columns of this query cannot be told: {error}.") from None
    names = [name for name, _origin in traced.columns]
    for name in names:
        if name.startswith("#"):
            raise QueryRefused(f"Column {name[1:]} of this query has no name. Give it one (AS).")
        if names.count(name) > 1:
            raise QueryRefused(f"This query has two columns {name}. Name or leave out one of them.")
    types, written = types_of(query, known, dialect), dict(_quoted(query))
    return tuple(
        Column(written.get(name, name), types.get(name, "any"), description=_handed_on(name, origin, known))
        for name, origin in traced.columns
    )


def _misspelt(query: Query, known: Columns) -> Iterator[str]:
    """Of columns that nobody knows what may be meant. dbt need not know all, so that they are not refused."""
    names = sorted({column.name.lower() for columns in known.values() for column in columns})
    called = (one for one in query.tree.find_all(exp.Identifier) if not isinstance(one.parent, exp.Column))
    made = {one.name.lower() for one in called}
    asked = dict.fromkeys(column.name.lower() for column in query.tree.find_all(exp.Column))
    for name in asked:
        near = [] if name in names or name in made else get_close_matches(name, names, n=1, cutoff=0.8)
        if near:
            yield f"No column {name} is known of what this query reads. Did you mean {near[0]}?"


def _handed_on(name: str, origin: Origin, known: Columns) -> str:
    """The sentence of the one column that a query hands on as it is, under the same name."""
    leaves = [leaf for leaf, how in origin.leaves.items() if how is How.SAME and leaf[1] == name]
    if not origin.known or len(leaves) != 1 or len(origin.leaves) != 1:
        return ""
    columns = known.get(leaves[0][0], ())
    said = next((one.description for one in columns if one.name.lower() == name), "")
    return "" if "\n" in said or text_problems(said, limit=DESCRIPTION_LIMIT) else said


def _quoted(query: Query) -> Iterator[tuple[str, str]]:
    """The names of columns that stand between quotes, and so are as they are written."""
    for found in query.chain():
        for projection in found.node.expressions:
            name = projection.args.get("alias") or projection.this
            if isinstance(name, exp.Identifier) and name.args.get("quoted"):
                yield name.name.lower(), name.name
