"""SQL as text in a project's style: expressions, select lists, and whole models over `ref` and `source`."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect

from semantic.codegen.sql_models.jinja import RelationCall
from semantic.codegen.sql_models.style import OWN_NAME, ProjectStyle
from semantic.codegen.sql_text import in_case, sql_text
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
        line = _spoken(value, style, dialect)
        if len(line) <= WIDTH:
            return [line]
        indent = len(style.indent.expandtabs(4))
        return _spoken(value, style, dialect, indent=indent).split("\n")

    def text(part: exp.Expr) -> str:
        return _spoken(part, style, dialect)

    operand = value.this
    lines = [f"case {text(operand)}" if operand else "case"]
    for branch in value.args["ifs"]:
        lines += [style.indent + line for line in _branch(branch, style, dialect)]
    if default := value.args.get("default"):
        lines.append(f"{style.indent}{word('else', style)} {text(default)}")
    lines[0] = word("case", style) + lines[0][4:]
    return [*lines, word("end", style)]


def _spoken(value: exp.Expr, style: ProjectStyle, dialect: str, *, indent: int = 0) -> str:
    return sql_text(value, style.keywords, dialect, functions=style.of_functions, indent=indent)


def _branch(branch: exp.If, style: ProjectStyle, dialect: str) -> list[str]:
    """`when … then …`, on a line for each condition where it is long."""
    when, then = word("when", style), word("then", style)
    outcome = _spoken(branch.args["true"], style, dialect)
    line = f"{when} {_spoken(branch.this, style, dialect)} {then} {outcome}"
    parts = list(branch.this.flatten()) if isinstance(branch.this, exp.And) else [branch.this]
    if len(line) <= WIDTH - len(style.indent) or len(parts) == 1:
        return [line]
    texts = [_spoken(part, style, dialect) for part in parts]
    rest = [f"{style.indent}{word('and', style)} {part}" for part in texts[1:]]
    return [f"{when} {texts[0]}", *rest, f"{style.indent}{then} {outcome}"]


def word(text: str, style: ProjectStyle) -> str:
    """Keywords in the project's case."""
    return in_case(text, style.keywords)


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
    tables = {names[relation]: [everything(jinja_of(relation), style)] for relation in names}
    query = list(_select(selection, names, style, dialect))
    if style.final:
        final = final_name(name, tables, style)
        tables[final] = query
        query = [everything(final, style)]
    written = [CommonTable(f"{table} {word('as', style)}", lines) for table, lines in tables.items()]
    return "\n".join([*with_lines(written, style), "", *query]) + "\n"


def final_name(name: str, taken: Collection[str], style: ProjectStyle) -> str:
    """What the last common table of the model with this name is called, with a number where that is taken."""
    final = name if style.final == OWN_NAME else style.final
    return (
        final
        if final not in taken
        else next(
            f"{final}_{number}" for number in range(2, len(taken) + 3) if f"{final}_{number}" not in taken
        )
    )


def everything(relation: str, style: ProjectStyle) -> str:
    """`select * from` it."""
    return " ".join((word("select", style), "*", word("from", style), relation))


@dataclass(frozen=True, slots=True)
class CommonTable:
    """A common table as lines: what opens it up to its bracket, its query, and the comments around it."""

    opening: str
    query: Sequence[str]
    above: Sequence[str] = ()
    behind: str = ""


def with_lines(tables: Sequence[CommonTable], style: ProjectStyle, head: str = "with") -> Iterator[str]:
    """Common tables, the last without a comma behind it; `head` is WITH, or WITH RECURSIVE."""
    gap = [""] if style.airy else []
    head = word(head, style)
    if style.with_alone or tables[0].above:
        yield from (head, *gap)
        head = ""
    for place, table in enumerate(tables):
        yield from table.above
        yield f"{head} {table.opening} (" if head and place == 0 else f"{table.opening} ("
        yield from gap
        yield from (style.indent + line if line else line for line in table.query)
        yield from gap
        last = place == len(tables) - 1
        yield ")" + ("" if last else ",") + (f" {table.behind}" if table.behind else "")
        yield from () if last else ("",)


def _select(
    selection: Selection, tables: dict[RelationCall, str], style: ProjectStyle, dialect: str
) -> Iterator[str]:
    yield word("select", style)
    yield from select_list(selection.columns, style, dialect)
    yield f"{word('from', style)} {tables[selection.relation]}"
    for joined in selection.joins:
        yield f"{word('left join', style)} {tables[joined.relation]}"
        yield f"{style.indent}{word('on', style)} {_spoken(joined.on, style, dialect)}"


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
