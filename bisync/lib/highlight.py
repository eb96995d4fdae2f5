"""SQL, YAML and formulas with their parts marked by CSS classes, never by inline styles."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import pairwise
from typing import Literal, TypeAlias

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.token import Comment, Keyword, Name, Number, String, Text, _TokenType
from pygments.token import Literal as LiteralToken

Language: TypeAlias = Literal["sql", "yaml", "formula", ""]
Piece: TypeAlias = tuple[str, str]  # CSS class (or nothing), text

# dbt's SQL is a Jinja template; a plain SQL lexer would stumble over every {{ ref() }}.
_LEXERS = {"sql": "sql+jinja", "yaml": "yaml"}
_CLASSES: tuple[tuple[_TokenType, str], ...] = (
    (Comment.Preproc, "k"),
    (Comment, "c"),
    (Number, "n"),
    (String, "s"),
    (Name.Constant, "s"),
    (Name.Tag, "t"),
    (Name.Builtin, "f"),
    (Keyword, "k"),
    (LiteralToken.Date, "s"),
)

# As the editor colours them while one types; static/js/formula.js has the same words and the same pattern.
_CALLED = frozenset({"CONTAINS", "STARTSWITH", "ENDSWITH", "DATE"})
_FORMULA_WORDS = _CALLED | frozenset(
    "WHERE AND OR NOT IN BETWEEN IS BLANK DISTINCT TRUE FALSE CASE WHEN THEN ELSE END LAST THIS "  # noqa: SIM905
    "COMPLETE".split()
)
_FORMULA = re.compile(
    r"""('(?:[^']|'')*'?|"(?:[^"]|"")*"?)|(\[[^\]\n]*\]?)|(\d+(?:\.\d+)?%?)|([^\W\d][\w.]*)"""
)


@cache
def _lexer(language: Language) -> Lexer:
    return get_lexer_by_name(_LEXERS[language])


def pieces(text: str, language: Language) -> Iterator[Piece]:
    """The text in order, cut where its class changes. Joined, the pieces are the text."""
    if not language:
        yield "", text
        return
    if language == "formula":
        yield from _formula(text)
        return
    # Unprocessed, because the usual entry point strips and rewrites line ends.
    found = [(kind, value) for _, kind, value in _lexer(language).get_tokens_unprocessed(text)]
    for (kind, value), (_, after) in pairwise([*found, (Text, "")]):
        calls = language == "sql" and after.startswith("(") and (kind in Keyword or kind in Name)
        yield ("f" if calls else _class_of(kind)), value


def _formula(text: str) -> Iterator[Piece]:
    at = 0
    for match in _FORMULA.finditer(text):
        if match.start() > at:
            yield "", text[at : match.start()]
        at = match.end()
        css = ("s", "fld", "n", "")[(match.lastindex or 0) - 1]
        yield css or _word(match[0].upper(), called=text[at:].lstrip().startswith("(")), match[0]
    if at < len(text):
        yield "", text[at:]


def _word(word: str, *, called: bool) -> str:
    if called and (word in _CALLED or word not in _FORMULA_WORDS):
        return "f"
    return "k" if word in _FORMULA_WORDS else ""


def _class_of(kind: _TokenType) -> str:
    return next((css for token, css in _CLASSES if kind in token), "")


def lines(text: str, language: Language) -> list[list[Piece]]:
    """The pieces of each line, without its line feed; a line feed at the very end begins no new line."""
    rows: list[list[Piece]] = [[]]
    for css, value in pieces(text, language):
        first, *others = value.split("\n")
        for start, part in enumerate([first, *others]):
            if start:
                rows.append([])
            if part:
                rows[-1].append((css, part))
    if not rows[-1]:
        rows.pop()
    return rows


def markup(parts: Iterable[Piece]) -> SafeString:
    """The pieces as HTML."""
    html = (f'<span class="{css}">{escape(text)}</span>' if css else escape(text) for css, text in parts)
    return mark_safe("".join(html))  # noqa: S308 (every text is escaped, every class is ours)


def highlight(text: str, language: Language) -> SafeString:
    """The whole text as HTML for a `<pre>`."""
    return markup(pieces(text, language))
