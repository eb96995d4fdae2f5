"""The query of a model that Bisync generated, in the place of the one that it generated before."""

from __future__ import annotations

import re
from dataclasses import dataclass

import sqlglot
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import SqlglotError

from semantic.codegen.entries import Refused
from semantic.codegen.sql_models.jinja import Unmaskable, pieces, relation_call
from semantic.query.expressions import portable

_COMMENT = re.compile(r"--[^\n]*(?:\n|$)|/\*.*?\*/", re.DOTALL)
_CONFIG = re.compile(r"\{\{-?\s*config\s*\(")


@dataclass(frozen=True)
class Rewrite:
    """Let a model's file hold `text` where it holds what was generated as `was`.

    Comments and a config above or below it stay. A file that says the same in another layout is written anew.
    """

    was: str
    text: str
    dialect: str

    def apply(self, before: str) -> str:
        """The file as it will be. Raises Refused where somebody wrote something else into it."""
        plain = before.replace("\r\n", "\n")
        after = plain
        if not _holds(plain, self.text, self.dialect):
            after = self._rewritten(plain)
        if after == plain:
            return before
        return after.replace("\n", "\r\n") if "\r\n" in before else after

    def _rewritten(self, plain: str) -> str:
        above, found, below = plain.partition(self.was.strip())
        if found and _says_nothing(above) and _says_nothing(below):
            return f"{above}{self.text.strip()}{below}"
        if same_query(plain, self.was, self.dialect):
            return self.text
        raise Refused(
            "The SQL of this rule was changed in dbt since Bisync wrote it. Change it there as well, or have "
            "the file put back as it was, and pull."
        )


def _holds(text: str, query: str, dialect: str) -> bool:
    """Whether a file says a query already."""
    above, found, below = text.partition(query.strip())
    return bool(found and _says_nothing(above) and _says_nothing(below)) or same_query(text, query, dialect)


def _says_nothing(text: str) -> bool:
    """Whether there is nothing in a part of a file but comments and a config."""
    try:
        found = list(pieces(text))
    except Unmaskable:
        return False
    for piece in reversed(found):
        inner = text[piece.start : piece.end]
        if piece.kind != "{#" and not _CONFIG.match(inner):
            return False
        text = text[: piece.start] + text[piece.end :]
    return not _COMMENT.sub("", text).strip()


def same_query(one: str, other: str, dialect: str) -> bool:
    """Whether two queries are the same to a parser, both without a comment and reading the same relations."""
    try:
        first, second = (_named(text) for text in (one, other))
        spelled = portable(dialect) or None
        parser = Dialect.get_or_raise(spelled)
        if any(token.comments for text in (first, second) for token in parser.tokenize(text)):
            return False
        return bool(sqlglot.parse_one(first, dialect=spelled) == sqlglot.parse_one(second, dialect=spelled))
    except (Unmaskable, SqlglotError, Refused):
        return False


def _named(text: str) -> str:
    """The text with a name in the place of each `ref` and `source`. Raises Refused for other Jinja."""
    for piece in reversed(list(pieces(text))):
        call = relation_call(text[piece.start : piece.end])
        if call is None:
            raise Refused("It holds Jinja that is no name.")
        name = f"jinja_{repr(call).encode().hex()}"
        text = text[: piece.start] + name + text[piece.end :]
    return text
