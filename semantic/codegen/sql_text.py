"""SQL as text, its keywords in the case that a project writes them in."""

from __future__ import annotations

from itertools import zip_longest
from typing import Any

from sqlglot import Token, TokenType, exp
from sqlglot.dialects.dialect import Dialect

from semantic.definitions import KeywordCase
from semantic.query.expressions import portable

# Stands behind a name that is to be written without quotes: no name has it.
_BARE = "\ue000"
# Tokens that no case changes.
AS_THEY_ARE = frozenset(
    kind
    for kind in TokenType
    if kind.name.endswith("STRING") or kind in {TokenType.NUMBER, TokenType.PARAMETER}
)
# Words before a bracket that call nothing; some have no kind of their own.
_BEFORE_BRACKETS = frozenset(
    (
        TokenType.ALIAS, TokenType.AND, TokenType.BETWEEN, TokenType.CASE, TokenType.ELSE, TokenType.EXISTS,
        TokenType.FILTER, TokenType.FROM, TokenType.HAVING, TokenType.IN, TokenType.JOIN, TokenType.LIKE,
        TokenType.NOT, TokenType.ON, TokenType.OR, TokenType.OVER, TokenType.QUALIFY, TokenType.SELECT,
        TokenType.THEN, TokenType.UNION, TokenType.USING, TokenType.VALUES, TokenType.WHEN, TokenType.WHERE,
    )
)  # fmt: skip
_OF_NO_KIND = frozenset(("exclude", "group", "materialized", "rename"))


def sql_text(
    value: exp.Expr,
    keywords: KeywordCase,
    dialect: str,
    *,
    indent: int = 0,
    functions: KeywordCase | None = None,
) -> str:
    """SQL with its keywords and types in that case, and its names as they are.

    Its `functions` are as the keywords where nothing else is told. With an `indent` it takes several lines.
    """
    spelled = portable(dialect)
    value = value.copy()
    for name in value.find_all(exp.Identifier):
        if not name.args.get("quoted"):
            name.set("this", name.this + _BARE)
            name.set("quoted", True)
    pretty: dict[str, Any] = {"pretty": True, "indent": indent, "pad": indent} if indent else {}
    sql = value.sql(dialect=spelled, comments=False, **pretty)
    return _cased(sql, keywords, functions or keywords, spelled)


def in_case(text: str, case: KeywordCase) -> str:
    """The text in capitals or in small letters."""
    return text.upper() if case == "upper" else text.lower()


def stands_off(text: str, kind: TokenType) -> bool:
    """Whether a blank belongs between a word of SQL, which is no name, and a bracket: it calls nothing."""
    return kind in _BEFORE_BRACKETS or (kind is TokenType.VAR and text.lower() in _OF_NO_KIND)


def calls(token: Token, after: Token | None, dialect: str) -> bool:
    """Whether a word of SQL, which is no name, is a function that is called."""
    if after is None or after.token_type is not TokenType.L_PAREN or stands_off(token.text, token.token_type):
        return False
    known = Dialect.get_or_raise(dialect or None).parser_class
    name = token.text.upper()
    return token.token_type is TokenType.VAR or name in known.FUNCTIONS or name in known.FUNCTION_PARSERS


def _cased(sql: str, keywords: KeywordCase, functions: KeywordCase, dialect: str) -> str:
    spoken = Dialect.get_or_raise(dialect or None)
    reserved = spoken.generator_class.RESERVED_KEYWORDS
    parts, at = [], 0
    tokens = spoken.tokenize(sql)
    for token, after in zip_longest(tokens, tokens[1:]):
        text = sql[token.start : token.end + 1]
        if token.token_type is TokenType.IDENTIFIER:
            bare = token.text.removesuffix(_BARE)
            text = bare if bare != token.text and bare.lower() not in reserved else text.replace(_BARE, "")
        elif token.token_type not in AS_THEY_ARE:
            text = in_case(text, functions if calls(token, after, dialect) else keywords)
        parts += [sql[at : token.start], text]
        at = token.end + 1
    return "".join([*parts, sql[at:]])
