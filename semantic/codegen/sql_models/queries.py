"""A model's file as a query: its tree, its tokens, and the selects whose columns are those of the model.

The tree tells what the query means, and the tokens where each part of it stands in the text.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import sqlglot
from sqlglot import Token, TokenType, exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import SqlglotError

from semantic.codegen.sql_models.jinja import Masked, Unmaskable, mask
from semantic.query.rows import MOST_LEVELS, deeper

# What a select may have beside its columns and its source and still hand on the columns of that source.
_KEEPS_COLUMNS = frozenset(("expressions", "from_", "with_", "where", "order", "limit", "offset", "qualify"))
_AFTER_A_LIST = frozenset(
    (
        TokenType.WHERE,
        TokenType.GROUP_BY,
        TokenType.HAVING,
        TokenType.QUALIFY,
        TokenType.ORDER_BY,
        TokenType.LIMIT,
        TokenType.SEMICOLON,
    )
)


# What the parser raises; where text is no SQL it stumbles over much.
_NO_SQL = (
    SqlglotError, ValueError, RecursionError, LookupError, TypeError, AttributeError, AssertionError,
)  # fmt: skip

# What one may be within that is between commas, and what ends it.
OPENING = frozenset((TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.L_BRACE, TokenType.CASE))
CLOSING = frozenset((TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.R_BRACE, TokenType.END))


class NotAQuery(ValueError):
    """A file that is not one query that can be read; the message is a sentence."""


@dataclass(frozen=True, slots=True)
class SelectList:
    """A select, and its list among the tokens: from behind SELECT up to what follows the last column."""

    node: exp.Select
    first: int
    end: int


@dataclass(frozen=True)
class Query:
    """The one query of a file, read with its Jinja masked."""

    masked: Masked
    tree: exp.Expr
    tokens: Sequence[Token]

    def chain(self) -> list[SelectList]:
        """The selects that make the model's columns, innermost first.

        That is the last one, and where it does nothing but hand on a common table that nobody else reads,
        the select of that table, and so on. Empty where the query ends in more than one select.
        """
        found = []
        current = self._select(self.tree, 0, len(self.tokens))
        while current is not None:
            found.append(current)
            current = self._handed_on(current.node)
        return found[::-1]

    def columns(self, found: SelectList) -> list[range]:
        """The tokens of each column of a list, behind DISTINCT; nothing where they cannot be told apart."""
        at = found.first
        if self.tokens[at].token_type in {TokenType.DISTINCT, TokenType.ALL}:
            at += 1
            if self.tokens[at].token_type is TokenType.ON:
                closing = range(at + 2, found.end)
                at = next((n + 1 for n in closing if self.depths[n] == self.depths[at]), found.end)
        columns, depth = [], 0
        for place in range(at, found.end):
            kind = self.tokens[place].token_type
            depth += (kind in OPENING) - (kind in CLOSING)
            if depth == 0 and kind is TokenType.COMMA:
                columns.append(range(at, place))
                at = place + 1
        columns += [range(at, found.end)] if at < found.end else []
        return columns if len(columns) == len(found.node.expressions) else []

    @cached_property
    def depths(self) -> list[int]:
        """How many brackets are open at each token."""
        found, depth = [], 0
        for token in self.tokens:
            if token.token_type is TokenType.R_PAREN:
                depth -= 1
            found.append(depth)
            if token.token_type is TokenType.L_PAREN:
                depth += 1
        return found

    def _select(self, node: exp.Expr | None, start: int, end: int) -> SelectList | None:
        """The select between two tokens, if it is the only one at its depth."""
        if not isinstance(node, exp.Select) or start >= end:
            return None
        depth = self.depths[start]
        selects = [
            at
            for at in range(start, end)
            if self.tokens[at].token_type is TokenType.SELECT and self.depths[at] == depth
        ]
        if len(selects) != 1 or len(node.expressions) == 0:
            return None
        first = selects[0] + 1
        # Words like LIMIT may be columns, so that with a FROM nothing else ends the list.
        ends = {TokenType.FROM} if node.args.get("from_") else _AFTER_A_LIST
        behind = range(first, end)
        return SelectList(node, first, next((at for at in behind if self._ends(at, depth, ends)), end))

    def _ends(self, at: int, depth: int, ends: Collection[TokenType]) -> bool:
        """Whether a token ends a list at this depth; the FROM of IS DISTINCT FROM does not."""
        if self.depths[at] != depth or self.tokens[at].token_type not in ends:
            return False
        return self.tokens[at - 1].token_type is not TokenType.DISTINCT

    def _handed_on(self, node: exp.Select) -> SelectList | None:
        """The select of the common table whose columns a select hands on unchanged, if it alone reads it."""
        name = handed_on(node)
        ctes = [cte for cte in self._ctes() if cte.alias.lower() == name]
        if not name or len(ctes) != 1 or self._readers(name) != 1:
            return None
        span = self._body(name)
        return self._select(ctes[0].this, *span) if span else None

    def _ctes(self) -> Iterator[exp.CTE]:
        found = self.tree.args.get("with_")
        if found is not None and not found.args.get("recursive"):
            yield from found.expressions

    def _readers(self, name: str) -> int:
        return sum(1 for table in self.tree.find_all(exp.Table) if table.name.lower() == name)

    def _body(self, name: str) -> tuple[int, int] | None:
        """The tokens between the brackets of a common table."""
        for at in range(2, len(self.tokens)):
            opens = self.tokens[at].token_type is TokenType.L_PAREN and self.depths[at] == 0
            if not opens or self.tokens[at - 1].token_type is not TokenType.ALIAS:
                continue
            if self.tokens[at - 2].text.lower() == name:
                closing = range(at + 1, len(self.tokens))
                return at + 1, next((end for end in closing if self.depths[end] == 0), len(self.tokens))
        return None


def handed_on(node: exp.Expr) -> str:
    """The name of the one source whose columns a query hands on unchanged; "" where it does more."""
    given = {key for key, value in node.args.items() if value}
    if not given <= _KEEPS_COLUMNS or len(node.expressions) != 1 or not node.args.get("from_"):
        return ""
    star, table = node.expressions[0], node.args["from_"].this
    if not isinstance(star, exp.Star) or any(star.args.values()):
        return ""
    named = {key for key, value in table.args.items() if value}
    return table.name.lower() if isinstance(table, exp.Table) and named <= {"this", "alias"} else ""


def queries_in(text: str, dialect: str) -> list[Query]:
    """The query of a file, with the first branch of each IF and with the last. Raises NotAQuery."""
    try:
        masks = [mask(text), mask(text, last=True)]
    except Unmaskable as error:
        raise NotAQuery(str(error)) from None
    if masks[0].text == masks[1].text:
        del masks[1]
    return [query_of(masked, dialect) for masked in masks]


def query_of(masked: Masked, dialect: str) -> Query:
    """The query of a masked text; raises NotAQuery."""
    try:
        tokens = Dialect.get_or_raise(dialect or None).tokenize(masked.text)
        statements = [one for one in sqlglot.parse(masked.text, read=dialect or None) if one is not None]
    except _NO_SQL as why:
        raise NotAQuery("Its SQL is nothing that Bisync can read beside its Jinja.") from why
    if len(statements) != 1:
        raise NotAQuery("It is not one query, but several statements or none.")
    if deeper(statements[0], MOST_LEVELS):
        raise NotAQuery("It is nested more deeply than Bisync reads.")
    return Query(masked, statements[0], tokens)
