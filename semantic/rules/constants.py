"""Constants as people write them in cells and sentences: numbers, dates, yes and no, texts."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal

from semantic.formula.errors import FormulaError
from semantic.formula.lexer import tokenize
from semantic.formula.phrases import MONTHS
from semantic.formula.tree import Literal_, Node, Unary
from semantic.rules.sets import Value

MAX_DIGITS = 18
_SMALL = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty",
)  # fmt: skip
NUMBER_WORDS = {word: value for value, word in enumerate(_SMALL)} | {
    "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90,
    "hundred": 100, "thousand": 1000, "million": 1_000_000,
}  # fmt: skip
_NUMBER = re.compile(
    r"([-+]?)\s*((?:\d+(?:\.\d+)?|\.\d+)(?:[eE][-+]?\d{1,2})?)\s*(k|m|thousand|million|%|percent)?", re.I
)
_FACTORS = {
    "": Decimal(1), "k": Decimal(1000), "thousand": Decimal(1000), "m": Decimal(1_000_000),
    "million": Decimal(1_000_000), "%": Decimal("0.01"), "percent": Decimal("0.01"),
}  # fmt: skip
_MONTHS = {month.lower(): at for at, month in enumerate(MONTHS, 1)}
_MONTHS |= {month[:3].lower(): at for at, month in enumerate(MONTHS, 1)}


def read_number(text: str) -> int | float | None:
    """The number that a text is (`60`, `-1.5`, `10k`, `15%`, `ten`); None where it is none.

    As in formulas, 15% is 0.15. Numbers of more than 18 digits are none, since they would not be exact.
    """
    word = NUMBER_WORDS.get(text.strip().lower())
    if word is not None:
        return word
    found = _NUMBER.fullmatch(text.strip())
    if found is None or len(found[2]) > MAX_DIGITS:
        return None
    exact = Decimal(f"{found[1]}{found[2]}") * _FACTORS[(found[3] or "").lower()]
    return int(exact) if exact == exact.to_integral_value() and abs(exact) < 10**MAX_DIGITS else float(exact)


def read_date(text: str) -> date | None:
    """The day that `2026-01-31` or `31 January 2026` names; None where it names none."""
    words = re.fullmatch(r"(\d{1,2})\.? ([^\W\d]+)\.? (\d{4})", text.strip())
    try:
        if words and words[2].lower() in _MONTHS:
            return date(int(words[3]), _MONTHS[words[2].lower()], int(words[1]))
        exact = re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text.strip())
        return date.fromisoformat(exact[0]) if exact else None
    except ValueError:
        return None


def read_yes_no(text: str) -> bool | None:
    return {"yes": True, "true": True, "no": False, "false": False}.get(text.strip().lower())


def unsafe(text: str) -> str:
    """Why a text cannot stand in a formula (template marks, hidden characters); "" where it can."""
    try:
        tokens = tokenize("'" + text.replace("'", "''") + "'")
    except FormulaError as error:
        return f"{error.problem.message} {error.problem.hint}"
    return "" if tokens[0].value == text else "Curly quotes cannot stand in a text. Write straight ones."


def write_constant(value: Value) -> str:
    """A value in the spelling that `read_…` takes, texts without quotes."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, date):
        return value.isoformat()
    return repr(value) if isinstance(value, float) else str(value)


def literal(value: Value | None) -> Node:
    """The part of a tree that a formula with this value would have."""
    if isinstance(value, int | float) and not isinstance(value, bool) and value < 0:
        return Unary("-", Literal_(-value))
    return Literal_(value)


def constant_of(node: Node) -> Value | None:
    """The value of a constant part of a tree; None for BLANK and for anything that is no constant."""
    if isinstance(node, Unary) and node.op == "-" and isinstance(node.value, Literal_):
        value = node.value.value
        return -value if isinstance(value, int | float) and not isinstance(value, bool) else None
    return node.value if isinstance(node, Literal_) else None
