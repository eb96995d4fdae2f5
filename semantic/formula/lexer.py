"""Characters to tokens: typographic quotes, dashes and signs mean what their writer meant."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

from semantic.formula import spellings
from semantic.formula.errors import Fix, FormulaError, Place, replaced

MAX_LENGTH = 4000
MAX_DIGITS = 30

TokenKind = Literal["number", "text", "name", "field", "operator", "end"]

_TYPOGRAPHIC = {
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-"),
    **dict.fromkeys("\u00d7\u22c5\u00b7", "*"),
    "\u00f7": "/",
    "\u2265": ">=",
    "\u2264": "<=",
    "\u2260": "<>",
}
_SAME_AS = {**_TYPOGRAPHIC, "!=": "<>", "==": "=", "||": "&", ";": ","}
_TOKEN = re.compile(
    rf"""(?P<space>\s+)
      | (?P<date>{spellings.DATE})
      | (?P<number>(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]+(?!\w))?)
      | (?P<name>[^\W\d]\w*)
      | (?P<field>\[(?:[^\[\]\n]|\]\])+\])
      | (?P<operator><>|!=|>=|<=|==|\|\||[-+*/^%&=<>(),.;]
        | [\u2010-\u2014\u2212\u00d7\u22c5\u00b7\u00f7\u2264\u2265\u2260])
    """,
    re.VERBOSE,
)
# For each opening quote: the closing quotes to look for, in this order. A text that opens with a
# typewriter quote may hold a typographic apostrophe, unless it would never end otherwise.
_PLAIN_SINGLE, _CURLY_SINGLE = "'", "\u2018\u2019\u201a\u201b"
_PLAIN_DOUBLE, _CURLY_DOUBLE = '"', "\u201c\u201d\u201e\u201f\u00ab\u00bb"
_CLOSING = {
    _PLAIN_SINGLE: (_PLAIN_SINGLE, _CURLY_SINGLE),
    **dict.fromkeys(_CURLY_SINGLE, (_CURLY_SINGLE, _PLAIN_SINGLE)),
    _PLAIN_DOUBLE: (_PLAIN_DOUBLE, _CURLY_DOUBLE),
    **dict.fromkeys(_CURLY_DOUBLE, (_CURLY_DOUBLE, _PLAIN_DOUBLE)),
}
_REST = {
    closers: re.compile(rf".((?:[^{closers}\n]|([{closers}])\2)*)[{closers}]")
    for closers in (_PLAIN_SINGLE, _CURLY_SINGLE, _PLAIN_DOUBLE, _CURLY_DOUBLE)
}
_JINJA = re.compile(r"\{[{%#]|[}%#]\}")
# Zero-width joiners are part of words and emoji in several scripts; they pass inside quotes.
_JOINERS = "\u200c\u200d"
_HIDDEN_CATEGORIES = {"Cc", "Cf", "Cs", "Zl", "Zp"}


@dataclass(frozen=True, slots=True)
class Token:
    """A word of a formula; `value` is normalised, `start` and `end` point into the text as typed."""

    kind: TokenKind
    value: str
    start: int
    end: int

    @property
    def word(self) -> str:
        """The upper-case word, "" for anything that is no plain word."""
        return self.value.upper() if self.kind == "name" else ""

    def is_operator(self, value: str) -> bool:
        return self.kind == "operator" and self.value == value


def tokenize(text: str) -> list[Token]:
    """All tokens with an `end` token behind them; raises FormulaError."""
    _refuse_unsafe(text)
    tokens: list[Token] = []
    at = 0
    while at < len(text):
        if text[at] in _CLOSING:
            token = _text(text, at, tokens)
        else:
            match = _TOKEN.match(text, at)
            if match is None:
                raise _bad_character(text, at)
            if match.lastgroup == "space":
                at = match.end()
                continue
            if match.lastgroup == "date":
                raise _bare_date(text, match)
            token = _token(match)
        tokens.append(token)
        at = token.end
    tokens.append(Token("end", "", len(text), len(text)))
    return tokens


def _token(match: re.Match[str]) -> Token:
    value, start, end = match.group(), match.start(), match.end()
    if match.lastgroup == "number":
        if len(value) > MAX_DIGITS or float(value) > 1e30:
            message = "This number is too large."
            raise FormulaError("bad-number", message, Place(start, end), "Use at most 30 digits.")
        return Token("number", value, start, end)
    if match.lastgroup == "field":
        return Token("field", value[1:-1].replace("]]", "]").strip(), start, end)
    if match.lastgroup == "name":
        return Token("name", value, start, end)
    return Token("operator", _SAME_AS.get(value, value), start, end)


def _bare_date(text: str, match: re.Match[str]) -> FormulaError:
    """`2026-02-01` would be 2023: a date stands in quotes."""
    place = Place(match.start(), match.end())
    fixes = tuple(
        Fix(f"Write '{day}'", replaced(text, place, f"'{day}'")) for day in spellings.days(match.group())
    )
    hint = "Write it like this: '2026-01-31'."
    return FormulaError("invalid-date", "A date stands in quotes.", place, hint, fixes)


def _text(text: str, start: int, before: list[Token]) -> Token:
    for closers in _CLOSING[text[start]]:
        match = _REST[closers].match(text, start)
        if match:
            content = match.group(1)
            for quote in closers:
                content = content.replace(quote * 2, quote)
            return Token("text", content, start, match.end())
    quote = "'" if text[start] in _PLAIN_SINGLE + _CURLY_SINGLE else '"'
    raise FormulaError(
        "unclosed-text",
        "This text never ends: the closing quote is missing.",
        Place(start, len(text)),
        f"Add {quote} at the end of the text.",
        _close_quote(text, start, before),
    )


def _close_quote(text: str, start: int, before: list[Token]) -> tuple[Fix, ...]:
    """Closes the text at the end of its line, in front of brackets that were opened before it."""
    line_end = text.find("\n", start)
    end = len(text) if line_end < 0 else line_end
    closing = next(closer for closer in _CLOSING[text[start]] if len(closer) == 1)
    opened = sum(token.is_operator("(") for token in before)
    opened -= sum(token.is_operator(")") for token in before)
    while opened > 0 and text[start + 1 : end].rstrip().endswith(")"):
        end = start + 1 + text[start + 1 : end].rstrip().rindex(")")
        opened -= 1
    fixed = text[:end].rstrip() + closing + text[end:]
    return (Fix(f"Add the closing {closing}", fixed),)


def _refuse_unsafe(text: str) -> None:
    if not text.isprintable():
        hidden = next((at for at, char in enumerate(text) if _is_hidden(char)), None)
        if hidden is not None:
            clean = "".join(char for char in text if not _is_hidden(char))
            raise FormulaError(
                "unsafe-text",
                "There is an invisible character here, which could hide what the formula does.",
                Place(hidden, hidden + 1),
                "Remove it, or type this part again instead of pasting it.",
                (Fix("Remove invisible characters", clean),),
            )
    mark = _JINJA.search(text)
    if mark:
        raise FormulaError(
            "unsafe-text",
            f"{mark.group()} has a meaning in dbt's templates and cannot be used in a formula.",
            Place(mark.start(), mark.end()),
            "Name fields and metrics directly, without curly brackets.",
        )
    backslash = text.find("\\")
    if backslash >= 0:
        raise FormulaError(
            "unsafe-text",
            "A backslash cannot be used in a formula: databases disagree about its meaning.",
            Place(backslash, backslash + 1),
            "To write a quote inside a text, type it twice: 'it''s'.",
        )


def _is_hidden(char: str) -> bool:
    if char in "\t\n\r" or char in _JOINERS:
        return False
    return unicodedata.category(char) in _HIDDEN_CATEGORIES


def _bad_character(text: str, at: int) -> FormulaError:
    if text[at] == "[":
        line = text[at:].split("\n", 1)[0]
        return FormulaError(
            "unclosed-name",
            "This name never ends: the closing ] is missing, or the brackets are empty.",
            Place(at, at + len(line)),
            "Write names with spaces like this: [Net amount].",
        )
    hints = {
        "`": "Names with spaces go in square brackets: [Net amount].",
        "{": "Name fields and metrics directly, without curly brackets.",
        "}": "Name fields and metrics directly, without curly brackets.",
        ":": "Formulas do not change the kind of a field; ask for its type to be fixed in dbt.",
        "]": "The opening [ is missing.",
        "!": "For “not” write NOT, or <> for “is not equal to”.",
        "$": "Write amounts without a currency sign.",
        "€": "Write amounts without a currency sign.",
        "£": "Write amounts without a currency sign.",
    }
    other = "Leave it out; inside a text it stands in quotes, in a name in square brackets."
    message = f"The character {text[at]} cannot be used here."
    return FormulaError("bad-character", message, Place(at, at + 1), hints.get(text[at], other))
