"""SQL as text in a project's style: expressions, select lists, and whole models over `ref` and `source`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect

from semantic.codegen.sql_models.jinja import RelationCall
from semantic.codegen.sql_models.style import OWN_NAME, ProjectStyle
from semantic.codegen.sql_text import sql_text
from semantic.definitions import ValueType
from semantic.query.expressions import portable
from semantic.query.rows import RESERVED

WIDTH = 96
TYPES: Mapping[ValueType, str] = {
    "integer": "BIGINT",
    "number": "DOUBLE",
    "text": "TEXT",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
    "boolean": "BOOLEAN",
}


@dataclass(frozen=True, slots=True)
class Projection:
    """A column of a new model: its name, and what it is."""

    name: str
    value: exp.Expr


@dataclass(frozen=True, slots=True)
class Joined:
    """A relation that is joined by the left, its columns qualified by its name in the model."""

    relation: RelationCall
    on: exp.Expr


@dataclass(frozen=True, slots=True)
class Selection:
    """What a new model says: columns of a relation, and of those joined to it."""

    relation: RelationCall
    columns: tuple[Projection, ...]
    joins: tuple[Joined, ...] = ()


def jinja_of(relation: RelationCall) -> str:
    """`{{ ref('orders') }}`, `{{ ref('orders', v=1) }}` or `{{ source('shop', 'orders') }}`"""
    given = [f"'{name}'" for name in (relation.package, relation.name) if name]
    if version := relation.version:
        given.append(f"v={version}" if version.isdecimal() else f"v='{version}'")
    return "{{ " + relation.kind + "(" + ", ".join(given) + ") }}"


def column_name(name: str, dialect: str) -> exp.Identifier:
    """A column's name, in quotes only where the warehouse would otherwise misread it."""
    plain = name.isidentifier() and name.isascii()
    if Dialect.get_or_raise(dialect or None).NORMALIZATION_STRATEGY.name == "UPPERCASE":
        if plain and (name.isupper() or name.islower()):
            bare = name.lower() not in RESERVED
            return exp.to_identifier(name.lower() if bare else name.upper(), quoted=not bare)
        return exp.to_identifier(name, quoted=True)
    return exp.to_identifier(name, quoted=not (plain and name.islower() and name not in RESERVED))


def expression_lines(value: exp.Expr, style: ProjectStyle, dialect: str) -> list[str]:
    """An expression on one line; CASE, and what is long, on several."""
    if not isinstance(value, exp.Case):
        line = sql_text(value, style.keywords, dialect)
        if len(line) <= WIDTH:
            return [line]
        indent = len(style.indent.expandtabs(4))
        return sql_text(value, style.keywords, dialect, indent=indent).split("\n")

    def text(part: exp.Expr) -> str:
        return sql_text(part, style.keywords, dialect)

    operand = value.this
    lines = [f"case {text(operand)}" if operand else "case"]
    for branch in value.args["ifs"]:
        lines += [style.indent + line for line in _branch(branch, style, dialect)]
    if default := value.args.get("default"):
        lines.append(f"{style.indent}{word('else', style)} {text(default)}")
    lines[0] = word("case", style) + lines[0][4:]
    return [*lines, word("end", style)]


def _branch(branch: exp.If, style: ProjectStyle, dialect: str) -> list[str]:
    """`when … then …`, on a line for each condition where it is long."""
    when, then = word("when", style), word("then", style)
    outcome = sql_text(branch.args["true"], style.keywords, dialect)
    line = f"{when} {sql_text(branch.this, style.keywords, dialect)} {then} {outcome}"
    parts = list(branch.this.flatten()) if isinstance(branch.this, exp.And) else [branch.this]
    if len(line) <= WIDTH - len(style.indent) or len(parts) == 1:
        return [line]
    texts = [sql_text(part, style.keywords, dialect) for part in parts]
    rest = [f"{style.indent}{word('and', style)} {part}" for part in texts[1:]]
    return [f"{when} {texts[0]}", *rest, f"{style.indent}{then} {outcome}"]


def word(text: str, style: ProjectStyle) -> str:
    """Keywords in the project's case."""
    return text.upper() if style.keywords == "upper" else text


def projection_lines(column: Projection, style: ProjectStyle, dialect: str) -> list[str]:
    """A column with its name, which is left out where it is the same."""
    name = column_name(column.name, dialect)
    lines = expression_lines(column.value, style, dialect)
    bare = column.value.this if isinstance(column.value, exp.Column) else None
    if isinstance(bare, exp.Identifier) and bare == name:
        return lines
    alias = f"{word('as', style)} {name.sql(dialect=portable(dialect) or None)}"
    return [*lines[:-1], f"{lines[-1]} {alias}"]


def model_text(selection: Selection, name: str, style: ProjectStyle, dialect: str) -> str:
    """The text of a new model that is called `name`."""
    relations = [selection.relation, *(joined.relation for joined in selection.joins)]
    names = {relation: relation.name for relation in relations}
    if not style.imports:
        direct = {relation: f"{jinja_of(relation)}" for relation in relations}
        aliased = {
            relation: f"{text} {word('as', style)} {names[relation]}" if selection.joins else text
            for relation, text in direct.items()
        }
        return "\n".join(_select(selection, aliased, style, dialect)) + "\n"
    tables = [(names[relation], [_everything(jinja_of(relation), style)]) for relation in names]
    query = list(_select(selection, names, style, dialect))
    if style.final:
        final = _final(name, {table for table, _lines in tables}, style)
        tables.append((final, query))
        query = [_everything(final, style)]
    return "\n".join([*_with(tables, style), "", *query]) + "\n"


def _final(name: str, taken: set[str], style: ProjectStyle) -> str:
    final = name if style.final == OWN_NAME else style.final
    return (
        final
        if final not in taken
        else next(
            f"{final}_{number}" for number in range(2, len(taken) + 3) if f"{final}_{number}" not in taken
        )
    )


def _everything(relation: str, style: ProjectStyle) -> str:
    return " ".join((word("select", style), "*", word("from", style), relation))


def _with(tables: Sequence[tuple[str, list[str]]], style: ProjectStyle) -> Iterator[str]:
    """Common tables, the last without a comma behind it."""
    gap = [""] if style.airy else []
    head, opening = word("with", style), f"{word('as', style)} ("
    if style.with_alone:
        yield from (head, *gap)
        head = ""
    for place, (name, lines) in enumerate(tables):
        first = f"{head} {name}" if head and place == 0 else name
        yield f"{first} {opening}"
        yield from gap
        yield from (style.indent + line for line in lines)
        yield from gap
        if place == len(tables) - 1:
            yield ")"
        else:
            yield from ("),", "")


def _select(
    selection: Selection, tables: dict[RelationCall, str], style: ProjectStyle, dialect: str
) -> Iterator[str]:
    yield word("select", style)
    yield from select_list(selection.columns, style, dialect)
    yield f"{word('from', style)} {tables[selection.relation]}"
    for joined in selection.joins:
        yield f"{word('left join', style)} {tables[joined.relation]}"
        yield f"{style.indent}{word('on', style)} {sql_text(joined.on, style.keywords, dialect)}"


def select_list(columns: Sequence[Projection], style: ProjectStyle, dialect: str) -> Iterator[str]:
    """The lines of a select list, with the commas where the project has them."""
    for place, column in enumerate(columns):
        first, *rest = projection_lines(column, style, dialect)
        if style.commas == "trailing":
            lines = [first, *rest]
            lines[-1] += "," if place < len(columns) - 1 else ""
        else:
            inner = "  " if place or style.hanging else ""
            lines = [f"{', ' if place else inner}{first}", *(inner + line for line in rest)]
        yield from (style.indent + line for line in lines)
