"""SQL as text, its keywords in the case that a project writes them in."""

from __future__ import annotations

from typing import Any

from sqlglot import TokenType, exp
from sqlglot.dialects.dialect import Dialect

from semantic.definitions import KeywordCase
from semantic.query.expressions import portable

# Stands behind a name that is to be written without quotes: no name has it.
_BARE = "\ue000"


def sql_text(
    value: exp.Expr,
    keywords: KeywordCase,
    dialect: str,
    *,
    indent: int = 0,
    leading: bool = False,
    comments: bool = False,
) -> str:
    """SQL with its keywords, functions and types in that case, and its names as they are.

    With an `indent` it takes several lines, with commas that are `leading` or not.
    """
    spelled = portable(dialect)
    value = value.copy()
    for name in value.find_all(exp.Identifier):
        if not name.args.get("quoted"):
            name.set("this", name.this + _BARE)
            name.set("quoted", True)
    pretty: dict[str, Any] = (
        {"pretty": True, "indent": indent, "pad": indent, "leading_comma": leading} if indent else {}
    )
    return _cased(value.sql(dialect=spelled, comments=comments, **pretty), keywords, spelled)


def _cased(sql: str, keywords: KeywordCase, dialect: str) -> str:
    spoken = Dialect.get_or_raise(dialect or None)
    reserved = spoken.generator_class.RESERVED_KEYWORDS
    parts, at = [], 0
    for token in spoken.tokenize(sql):
        text = sql[token.start : token.end + 1]
        if token.token_type is TokenType.IDENTIFIER:
            bare = token.text.removesuffix(_BARE)
            text = bare if bare != token.text and bare.lower() not in reserved else text.replace(_BARE, "")
        elif token.token_type not in _AS_THEY_ARE:
            text = text.upper() if keywords == "upper" else text.lower()
        parts += [sql[at : token.start], text]
        at = token.end + 1
    return "".join([*parts, sql[at:]])


_AS_THEY_ARE = frozenset(
    kind
    for kind in TokenType
    if kind.name.endswith("STRING") or kind in {TokenType.NUMBER, TokenType.PARAMETER}
)
