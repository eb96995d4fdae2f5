"""The stars of a query spelled out, and the types of its columns, as far as its relations are known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from sqlglot import TokenType, exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.qualify import qualify

from catalog.lineage.origins import Relation
from catalog.lineage.queries import Name, Untraceable, trace
from semantic.codegen.sql_models.jinja import is_masked_name
from semantic.codegen.sql_models.queries import Query, SelectList, handed_on
from semantic.codegen.sql_models.spans import Span
from semantic.codegen.sql_models.style import ProjectStyle
from semantic.codegen.sql_models.writing import (
    TYPES,
    WIDTH,
    Projection,
    column_name,
    projection_lines,
    select_list,
)
from semantic.definitions import Column, ValueType

# Name of a relation in the masked text, in lower case → its columns; empty where nobody knows them.
Columns: TypeAlias = Mapping[str, tuple[Column, ...]]
_KINDS: tuple[tuple[ValueType, set[exp.DType]], ...] = (
    ("integer", exp.DataType.INTEGER_TYPES),
    ("number", exp.DataType.NUMERIC_TYPES),
    ("text", exp.DataType.TEXT_TYPES),
    ("date", {exp.DType.DATE, exp.DType.DATE32}),
    ("timestamp", exp.DataType.TEMPORAL_TYPES),
    ("boolean", {exp.DType.BOOLEAN}),
)


def as_relations(known: Columns) -> dict[Name, Relation]:
    """The relations as lineage knows them."""
    return {
        (name,): Relation(name, tuple(column.name for column in columns), complete=bool(columns))
        for name, columns in known.items()
    }


def spelled_out(
    text: str, query: Query, known: Columns, style: ProjectStyle, dialect: str
) -> tuple[list[Span], list[str]]:
    """The stars of the select that makes the query's columns, as lists; else the note why they stay.

    A last `select * from final` stays one, where that names its columns.
    """
    chain = query.chain()
    if not chain or not any(one.is_star for one in chain[0].node.expressions):
        return [], []
    found = chain[0]
    if handed_on(found.node) in _telling(query):
        return [], []
    names = list(_listed(query, found.node, known, dialect))
    places = _places(query, found)
    if not names or not places:
        note = (
            "A * stays in this query, as Bisync cannot tell for sure what it brings. Write its columns out"
            " where you can."
        )
        return [], [note]
    end = query.tokens[found.end].start if found.end < len(query.tokens) else len(text)
    whole = Span(query.tokens[places[0].start - 1].end + 1, end, "")
    commented = any(mark in text[whole.start : whole.end] for mark in ("--", "/*"))
    if all(one.is_star for one in found.node.expressions) and not commented:
        margin = _margin(text, query.tokens[found.first - 1].start)
        lines = "".join(f"{margin}{line}\n" for line in select_list(_projections(names), style, dialect))
        return [whole._replace(text=f"\n{lines}{margin}")], []
    stars = [place for place, one in zip(places, found.node.expressions, strict=True) if one.is_star]
    return list(_each_star(text, query, stars, names, style, dialect)), []


def _places(query: Query, found: SelectList) -> list[range]:
    """The tokens of each column; nothing where it cannot be told which ones the stars are."""
    places = query.columns(found)
    for place, projection in zip(places, found.node.expressions, strict=bool(places)):
        named = projection.is_star and any(query.tokens[at].text == "." for at in place[1:2])
        if projection.is_star and not named and query.tokens[place.start].token_type is not TokenType.STAR:
            return []
    return places


def _telling(query: Query) -> set[str]:
    """The common tables that name their columns themselves."""
    found = query.tree.args.get("with_")
    return {cte.alias.lower() for cte in found.expressions if not cte.this.is_star} if found else set()


def _listed(query: Query, node: exp.Select, known: Columns, dialect: str) -> Iterator[list[exp.Column]]:
    """The columns of each star in order; nothing where one of them is not known for sure."""
    sources = _sources(node)
    found = [_of_star(star, query, sources, known, dialect) for star in node.expressions if star.is_star]
    yield from found if all(found) else ()


def _sources(node: exp.Select) -> dict[str, exp.Expr]:
    """What a select reads by its names; nothing where some columns become one, or a name is missing."""
    joins = node.args.get("joins") or []
    merged = any(join.args.get("using") or join.args.get("method") for join in joins)
    if merged or node.args.get("laterals") or not node.args.get("from_"):
        return {}
    sources = {one.alias_or_name: one for one in (node.args["from_"].this, *(join.this for join in joins))}
    named = "" not in sources or not joins
    return sources if len(sources) == len(joins) + 1 and named else {}


def _of_star(
    star: exp.Expr, query: Query, sources: Mapping[str, exp.Expr], known: Columns, dialect: str
) -> list[exp.Column]:
    """The columns that one star brings; none where they are not all known."""
    inner = star.this if isinstance(star, exp.Column) else star
    wanted = [star.table] if isinstance(star, exp.Column) else list(sources)
    more = {key for key, value in inner.args.items() if value}
    if not more <= {"except_"} or not all(name in sources for name in wanted):
        return []
    if len(sources) > 1 and any(map(is_masked_name, wanted)):
        return []  # no column can be qualified with Jinja
    left_out = {one.name.lower() for one in inner.args.get("except_") or []}
    columns: list[exp.Column] = []
    for name in wanted:
        names = _columns_of(query, sources[name], known, dialect)
        if not names:
            return []
        qualifier = name if len(sources) > 1 or isinstance(star, exp.Column) else ""
        columns += [_column(one, qualifier, dialect) for one in names if one.lower() not in left_out]
    return columns


def _column(name: str, qualifier: str, dialect: str) -> exp.Column:
    table = column_name(qualifier, dialect) if qualifier else None
    return exp.column(column_name(name, dialect), table=table)


def _columns_of(query: Query, source: exp.Expr, known: Columns, dialect: str) -> Sequence[str]:
    """The names of a source's columns, in order; none where they are not all known."""
    if isinstance(source, exp.Table) and source.name.lower() in known:
        return [column.name for column in known[source.name.lower()]]
    if source.args.get("pivots"):
        return []
    reading = exp.select("*").from_(source.copy())
    if with_ := query.tree.args.get("with_"):
        reading.set("with_", with_.copy())
    try:
        traced = trace(reading.sql(dialect=dialect or None), dialect, as_relations(known))
    except Untraceable:
        return []
    names = [name for name, _origin in traced.columns]
    return [] if traced.through or any(name.startswith("#") for name in names) else names


def _each_star(
    text: str,
    query: Query,
    stars: Sequence[range],
    names: Sequence[list[exp.Column]],
    style: ProjectStyle,
    dialect: str,
) -> Iterator[Span]:
    """Each star as columns in its place, with the commas of the list around them."""
    for place, brought in zip(stars, names, strict=True):
        first, last = query.tokens[place[0]], query.tokens[place[-1]]
        margin = _margin(text, first.start)
        columns = [
            line for column in _projections([brought]) for line in projection_lines(column, style, dialect)
        ]
        alone = text[text.rfind("\n", 0, first.start) + 1 : first.start].strip() in {"", ","}
        margin += "" if alone else style.indent
        glue = f"\n{margin}, " if style.commas == "leading" else f",\n{margin}"
        short = not alone and len(", ".join(columns)) <= WIDTH
        yield Span(first.start, last.end + 1, (", " if short else glue).join(columns))


def _projections(names: Sequence[list[exp.Column]]) -> list[Projection]:
    return [Projection(column.name, column) for columns in names for column in columns]


def _margin(text: str, at: int) -> str:
    line = text[text.rfind("\n", 0, at) + 1 : at]
    return line[: len(line) - len(line.lstrip(" \t"))]


def types_of(query: Query, known: Columns, dialect: str) -> dict[str, ValueType]:
    """The types of the query's columns by their names, as far as they follow from those of its relations."""
    schema: dict[str, object] = {
        name: {column.name: TYPES.get(column.type, "UNKNOWN") for column in columns}
        for name, columns in known.items()
        if columns
    }
    try:
        tree = qualify(
            query.tree.copy(), schema=schema, dialect=dialect or None, validate_qualify_columns=False
        )
        typed = annotate_types(tree, schema=schema, dialect=dialect or None)
    except (SqlglotError, RecursionError, ValueError, LookupError, TypeError, AttributeError, AssertionError):
        return {}  # the types are a help, and the optimiser stumbles over much that it can parse
    selects = typed.selects if isinstance(typed, exp.Query) else []
    return {one.alias_or_name.lower(): _kind(one) for one in selects}


def _kind(projection: exp.Expr) -> ValueType:
    found = projection.type.this if projection.type is not None else None
    return next((kind for kind, types in _KINDS if found in types), "any")
