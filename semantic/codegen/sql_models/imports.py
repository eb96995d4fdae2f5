"""A query in the shape of a project's models: common tables for what it reads, and for its own last part."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

from sqlglot import TokenType, exp

from semantic.codegen.sql_models.jinja import RelationCall, is_masked_name, relation_call
from semantic.codegen.sql_models.queries import Query, handed_on
from semantic.codegen.sql_models.spans import Span, spliced
from semantic.codegen.sql_models.style import ProjectStyle
from semantic.codegen.sql_models.writing import everything, final_name
from semantic.query.rows import RESERVED

_PLAIN = re.compile(r"[a-z_][a-z0-9_]*")


def shaped(query: Query, name: str, style: ProjectStyle) -> str:
    """The text of a query that begins and ends as models of this style do; its lines are nobody's yet.

    Each relation gets a common table, unless one has it already or its name is taken; where models end in
    `select * from` a last one, this one, which is called `name`, does so, too.
    """
    tables = {cte.alias.lower() for cte in query.tree.find_all(exp.CTE)}
    imports = _imports(query, tables) if style.imports else {}
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
        spans.append(Span(at, at, f" {told},"))
    elif told:
        opening = f"with {told}{opening} "
    text = query.masked.text
    ends = (Span(first, first, opening), Span(len(text), len(text), closing))
    return query.masked.unmasked(spliced(text, [*spans, *ends]))


def _imports(query: Query, tables: Collection[str]) -> dict[str, str]:
    """Masked name → what its relation is called as a common table; nothing where one is there."""
    if any(is_masked_name(handed_on(cte.this)) for cte in query.tree.find_all(exp.CTE)):
        return {}
    called: dict[RelationCall, str] = {}
    for jinja in query.masked.names.values():
        call = relation_call(jinja)
        name = f"{call.name}_v{call.version}" if call and call.version else call.name if call else ""
        free = name not in tables and name not in RESERVED and name not in called.values()
        if call and call not in called and free and _PLAIN.fullmatch(name):
            called[call] = name
    calls = {masked: relation_call(jinja) for masked, jinja in query.masked.names.items()}
    return {masked: called[call] for masked, call in calls.items() if call in called}


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
        if alias is not None and table.alias == called and not alias.columns:
            end = alias.this.meta["end"] + 1
        yield Span(start, end, called)


def _body(query: Query) -> int:
    """The token with which the query begins that stands behind the common tables."""
    brackets = (TokenType.R_PAREN, TokenType.COMMA, TokenType.ALIAS)
    for at in range(2, len(query.tokens)):
        behind = query.depths[at] == 0 and query.tokens[at - 1].token_type is TokenType.R_PAREN
        if behind and query.tokens[at].token_type not in brackets:
            return at
    return 0
