"""A query in the shape of a project's models: common tables for what it reads, and for its own last part.

What is changed here no tree can be compared with, so what might mean something else is left as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from sqlglot import TokenType, exp
from sqlglot.dialects.dialect import Dialect

from semantic.codegen.sql_models.jinja import RelationCall, is_masked_name, relation_call
from semantic.codegen.sql_models.queries import Query, handed_on
from semantic.codegen.sql_models.spans import Span, spliced
from semantic.codegen.sql_models.style import ProjectStyle
from semantic.codegen.sql_models.writing import everything, final_name
from semantic.query.rows import RESERVED

_PLAIN = re.compile(r"[a-z_][a-z0-9_]*")
# Columns of tables that `select *` does not give.
_HIDDEN = re.compile(
    r"rowid|ctid|[cx](min|max)|(table)?oid|_partition(time|date)|_table_suffix|_file_name|_metadata"
    r"|(metadata)?\$.*"
)
# What a table in FROM may have where a common table takes its place: no sample, no version, no ONLY.
_PLAINLY_READ = frozenset(("this", "alias", "joins", "laterals", "pivots"))


def shaped(query: Query, name: str, style: ProjectStyle, dialect: str = "") -> str:
    """The text of a query that begins and ends as models of this style do; its lines are nobody's yet.

    Each relation gets a common table, unless one has it already, its name is taken, or it is read in a way
    that only tables are; where models end in `select * from` a last one, this one, which is called `name`,
    does so, too.
    """
    tables = {cte.alias.lower() for cte in query.tree.find_all(exp.CTE)}
    imports = _imports(query, dialect) if style.imports else {}
    spans = list(_renamed(query, imports))
    told = ", ".join(f"{called} as ({everything(jinja, style)})" for called, jinja in _told(query, imports))
    has_tables = query.tokens[0].token_type is TokenType.WITH
    first = query.tokens[_body(query) if has_tables else 0].start
    opening = closing = ""
    if style.final and (has_tables or told) and handed_on(query.tree) not in tables:
        final = final_name(name, {*tables, *imports.values()}, style)
        opening, closing = f", {final} as (", f"\n) {everything(final, style)}"
    if told and has_tables:
        at = query.tokens[1 if query.tokens[1].token_type is TokenType.RECURSIVE else 0].end + 1
        # Behind a line's end, so that a comment there stays that of the table it was before.
        spans.append(Span(at, at, f" {told},\n"))
    elif told:
        opening = f"with {told}{opening} "
    text = query.masked.text
    ends = (Span(first, first, opening), Span(len(text), len(text), closing))
    return query.masked.unmasked(spliced(text, [*spans, *ends]))


def _imports(query: Query, dialect: str) -> dict[str, str]:
    """Masked name → what its relation is called as a common table; nothing where one is there."""
    columns = [[part.name.lower() for part in one.parts] for one in query.tree.find_all(exp.Column)]
    hidden = any(_HIDDEN.fullmatch(name) for parts in columns for name in parts)
    if hidden or any(is_masked_name(handed_on(cte.this)) for cte in query.tree.find_all(exp.CTE)):
        return {}
    read, aliases = _read(query), _aliases(query)
    qualifiers = {parts[0] for parts in columns if len(parts) > 1}
    # By what the warehouse calls a relation, which is not known here.
    called_otherwise = qualifiers.difference(aliases, map(_name, read))
    taken = RESERVED | Dialect.get_or_raise(dialect or None).generator_class.RESERVED_KEYWORDS
    found: dict[str, str] = {}
    for call, places in read.items():
        name = _name(call)
        free = _PLAIN.fullmatch(name) and name not in taken and name not in found.values()
        without_alias = not all(table.alias for table in places)
        if without_alias and (called_otherwise or name in aliases):
            continue  # its columns, or those of another, would be looked for elsewhere
        if free and aliases.get(name, {call}) == {call}:
            found |= {table.name: name for table in places}
    return found


def _name(call: RelationCall) -> str:
    return f"{call.name}_v{call.version}" if call.version else call.name


def _read(query: Query) -> dict[RelationCall, list[exp.Table]]:
    """The relations in the order in which they are read, and where a common table can take their place."""
    found: dict[RelationCall, list[exp.Table]] = {}
    tables = {table.name: table for table in query.tree.find_all(exp.Table)}
    for masked, jinja in query.masked.names.items():
        call, table = relation_call(jinja), tables.get(masked)
        if call and table and {key for key, value in table.args.items() if value} <= _PLAINLY_READ:
            found.setdefault(call, []).append(table)
    return found


def _aliases(query: Query) -> dict[str, set[RelationCall | None]]:
    """What anything in FROM or WITH is called in the query, and the relations that are called so."""
    found: dict[str, set[RelationCall | None]] = {}
    for alias in query.tree.find_all(exp.TableAlias):
        table = alias.parent
        jinja = query.masked.names.get(table.name, "") if isinstance(table, exp.Table) else ""
        for name in alias.find_all(exp.Identifier):
            found.setdefault(name.name.lower(), set()).add(relation_call(jinja))
    return found


def _told(query: Query, imports: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Each common table with the Jinja that it reads, once."""
    first: dict[str, str] = {}
    for masked, called in imports.items():
        first.setdefault(called, query.masked.names[masked])
    yield from first.items()


def _renamed(query: Query, imports: Mapping[str, str]) -> Iterator[Span]:
    """The relations by their names, without an alias that says the same."""
    for table in query.tree.find_all(exp.Table):
        called = imports.get(table.name)
        if called is None:
            continue
        start, end = table.this.meta["start"], table.this.meta["end"] + 1
        alias = table.args.get("alias")
        if alias is not None and table.alias.lower() == called and not alias.columns:
            name = alias.this
            between = query.masked.text[end : name.meta["start"]].strip().lower()
            if not name.args.get("quoted") and between in {"", "as"}:  # and no comment
                end = name.meta["end"] + 1
        yield Span(start, end, called)


def _body(query: Query) -> int:
    """The token with which the query begins that stands behind the common tables."""
    brackets = (TokenType.R_PAREN, TokenType.COMMA, TokenType.ALIAS)
    for at in range(2, len(query.tokens)):
        behind = query.depths[at] == 0 and query.tokens[at - 1].token_type is TokenType.R_PAREN
        if behind and query.tokens[at].token_type not in brackets:
            return at
    return 0
