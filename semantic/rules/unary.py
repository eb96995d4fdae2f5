"""A cell of a decision table: a small part of FEEL's unary tests, read as a set of values and written again.

    -                    anything, blank included
    blank, not blank     no value, any value
    60   > 60   <= 60    one value, a comparison (<> 60 is any other value, but not blank, as in SQL)
    [10..20)   5 to 9    a range: square brackets include the end, round ones and FEEL's ]a..b[ do not
    gold, silver         one of these; texts as the data has them, in quotes where they hold a comma
    not(gold)            anything else, blank included, as in FEEL; not(gold, blank) leaves blank out

FEEL: OMG, Decision Model and Notation 1.4, section 10.3 (grammar rules 7 to 17).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import date

from semantic.formula.spellings import doubtful
from semantic.rules.constants import read_date, read_number, read_yes_no, unsafe, write_constant
from semantic.rules.sets import (
    DATES,
    ORDERED,
    Axis,
    Interval,
    Kind,
    Ordered,
    Value,
    Values,
    compare,
    everything,
)

MAX_CELL = 1_000
EXAMPLES: dict[Kind, str] = {
    "integer": "> 60, 5 to 9, [10..20), not(0) or blank",
    "number": "> 0.5, [10..20), not(0) or blank",
    "date": ">= 2026-01-31, [2026-01-01..2026-02-01) or blank",
    "timestamp": ">= 2026-01-31, [2026-01-01..2026-02-01) or blank",
    "text": "gold, silver or not(gold) or blank",
    "boolean": "yes, no or blank",
}
_WANTED = {"text": "text", "boolean": "yes or no", "date": "a date", "timestamp": "a date"}
_TYPOGRAPHIC = str.maketrans({
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-"),
    **dict.fromkeys("\u201c\u201d\u201e\u00ab\u00bb", '"'),
    **dict.fromkeys("\u2018\u2019\u201a", "'"),
    "\u2265": ">=", "\u2264": "<=", "\u2260": "<>", "\u2026": "..", ";": ",",
})  # fmt: skip
_QUOTED = re.compile(r""""(?:[^"]|"")*"|'(?:[^']|'')*'""")
_INTERVAL = re.compile(r"""[\[\](][^,()\[\]"']*\.\.[^,()\[\]"']*[\])\[]""")
_BEFORE_QUOTE = re.compile(r"(?:.*\(|=|==|<>|!=|not)?\s*", re.I | re.DOTALL)
_NOT = re.compile(r"not\b\s*(.*)", re.I | re.DOTALL)
_RANGE = re.compile(r"([\[\](])\s*(.+?)\s*\.\.\s*(.+?)\s*([\])\[])", re.DOTALL)
_BARE_RANGE = re.compile(r"(.+?)\s*(?:\.\.|\bto\b)\s*(.+)", re.I | re.DOTALL)
_COMPARED = re.compile(r"(<=|>=|<>|!=|==|<|>|=)\s*(.*)", re.DOTALL)
_SPAN = re.compile(r"(\d[\d.]*)\s*-\s*(\d[\d.]*)")
_PLAIN = re.compile(r"[^\W_](?:[\w .&/+%-]*[\w.&/+%])?")
_WORDS = {"blank", "null", "empty"}


class CellError(ValueError):
    """A cell that cannot be read: what is wrong, what to write, and perhaps a cell that would do."""

    def __init__(self, code: str, message: str, hint: str, instead: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.hint = hint
        self.instead = instead


def read_cell(text: str, kind: Kind) -> Values:
    """The values that a cell stands for; raises CellError."""
    if len(text) > MAX_CELL:
        message = f"This has {len(text):,} characters; {MAX_CELL:,} is the most."
        raise CellError("cell-too-long", message, "Make two rows of it.")
    plain = text.translate(_TYPOGRAPHIC).strip()
    if plain in {"", "-"}:
        return everything(kind)
    if kind in ORDERED:
        refuse_doubtful(plain)
    denied = _NOT.fullmatch(plain)
    inner = _denied(denied[1].strip()) if denied else plain
    parts = [_part(part, kind) for part in _split(inner)]
    axis = Axis.of(parts)
    mask = 0
    for part in parts:
        mask |= axis.mask(part)
    if denied:
        mask ^= axis.all
    values = axis.values(mask)
    if values.is_empty:
        raise CellError("empty-cell", f"Nothing fulfils “{text.strip()}”.", _write(kind))
    return values


def _denied(inner: str) -> str:
    """What stands in the brackets behind `not`; one test may do without brackets."""
    if inner.startswith("(") and inner.endswith(")") and len(list(_split(inner))) == 1:
        return inner[1:-1].strip()
    if len(list(_split(inner))) > 1:
        message = "“not” in front of several values needs brackets."
        raise CellError("unreadable-cell", message, f"Write not({inner}).", f"not({inner})")
    return inner


def _split(text: str) -> Iterator[str]:
    """The tests between the commas that stand neither in quotes nor in brackets."""
    found, depth, at = "", 0, 0
    while at < len(text):
        whole = _INTERVAL.match(text, at)
        if whole is None and _BEFORE_QUOTE.fullmatch(found):
            whole = _QUOTED.match(text, at)
        piece = whole[0] if whole else text[at]
        depth += (piece == "(") - (piece == ")")
        if piece == "," and depth <= 0:
            yield found.strip()
            found = ""
        else:
            found += piece
        at += len(piece)
    yield found.strip()


# -- one test


def _part(text: str, kind: Kind) -> Values:
    if not text:
        hint = "Remove the comma, or write a value behind it."
        raise CellError("unreadable-cell", "There is nothing between two commas, or in the brackets.", hint)
    if text.lower() in _WORDS:
        return Values(kind, blank=True)
    if text.lower() == "not blank":
        return Axis(kind).values(Axis(kind).all ^ Axis(kind).blank)
    if kind in ORDERED:
        return _ordered(text, kind)
    compared = _COMPARED.fullmatch(text)
    if compared and compared[1] not in {"=", "==", "<>", "!="}:
        message = f"“{text}”: only numbers and dates can be compared by {compared[1]}."
        raise CellError("text-order", message, _write(kind))
    values = Values(kind, choices=frozenset((_choice(compared[2] if compared else text, kind),)))
    return _others(values) if compared and compared[1] in {"<>", "!="} else values


def _others(values: Values) -> Values:
    """Every other value, blank not among them."""
    axis = Axis.of([values])
    return axis.values(axis.all ^ axis.blank ^ axis.mask(values))


def _choice(text: str, kind: Kind) -> str | bool:
    if kind == "boolean":
        known = read_yes_no(text)
        if known is None:
            raise CellError("wrong-kind", f"“{text}” is neither yes nor no.", _write(kind))
        return known
    quoted = len(text) > 1 and text[0] in "\"'" and text[-1] == text[0]
    if not quoted and text[:1] in {'"', "'"}:
        instead = text + text[0]
        raise CellError(
            "unreadable-cell", f"The closing quote of {text} is missing.", f"Write {instead}.", instead
        )
    if not quoted and re.search(r"[()]", text):
        instead = '"' + text.replace('"', '""') + '"'
        message = f"“{text}” holds brackets."
        raise CellError(
            "unreadable-cell", message, f"A text with brackets stands in quotes: {instead}.", instead
        )
    value = text[1:-1].replace(text[0] * 2, text[0]) if quoted else text
    reason = unsafe(value)
    if reason:
        raise CellError("unsafe-text", f"“{value}” cannot be used.", reason)
    return value


def _ordered(text: str, kind: Kind) -> Values:
    ranged = _RANGE.fullmatch(text)
    if ranged:
        low_open, high_open = ranged[1] in "](", ranged[4] in ")["
        return _between(ranged[2], ranged[3], kind, low_open=low_open, high_open=high_open)
    compared = _COMPARED.fullmatch(text)
    bare = _BARE_RANGE.fullmatch(text)
    if bare and not compared:
        return _between(bare[1], bare[2], kind)
    value = _constant(compared[2] if compared else text, kind)
    point = Values(kind, intervals=(Interval(value, value),))
    match compared[1] if compared else "=":
        case "<>" | "!=":
            return _others(point)
        case "<" | "<=" as op:
            return Values(kind, intervals=(Interval(None, value, high_open=op == "<"),))
        case ">" | ">=" as op:
            return Values(kind, intervals=(Interval(value, None, low_open=op == ">"),))
    return point


def _between(low: str, high: str, kind: Kind, *, low_open: bool = False, high_open: bool = False) -> Values:
    first, last = _constant(low, kind), _constant(high, kind)
    order = compare(first, last)
    if order > 0 or (order == 0 and (low_open or high_open)):
        message = f"There is nothing from {low} to {high}."
        hint = "The smaller end of a range comes first."
        instead = f"{high} to {low}" if order > 0 and not low_open and not high_open else ""
        raise CellError("empty-range", message, f"{hint} Write {instead}." if instead else hint, instead)
    return Values(kind, intervals=(Interval(first, last, low_open, high_open),))


def _constant(text: str, kind: Kind) -> Ordered:
    bare = text.strip("\"' ")
    value: Ordered | None = read_date(bare) if kind in DATES else read_number(text)
    if value is not None:
        return value
    span = _SPAN.fullmatch(text)
    if span and kind not in DATES:
        instead = f"{span[1]} to {span[2]}"
        raise CellError(
            "unreadable-cell", f"“{text}” is no number.", f"For a range: write {instead}.", instead
        )
    message = f"“{text}” is not {_WANTED.get(kind, 'a number')}."
    raise CellError("wrong-kind", message, _write(kind))


def _write(kind: Kind) -> str:
    return f"Write for example {EXAMPLES[kind]}."


def refuse_doubtful(text: str) -> None:
    """1,000 and 1,5 and 1.000 are different numbers to different readers, who have to say them plainly."""
    for written, meant in doubtful(text):
        message = f"“{written}” could be {' or '.join(sorted(meant, key=float))}."
        hint = "Write the one that you mean."
        if len(meant) == 1:
            message, hint = f"“{written}” is no number.", f"Write {meant[0]}."
        if "," in written:
            message = f"“{written}” could be one number or several values."
            hint = f"For one number write {meant[0]}; between values put a space behind the comma."
        raise CellError("thousands-comma", message, hint, text.replace(written, meant[0]))


# -- writing


def write_cell(values: Values) -> str:
    """The one canonical cell for a set of values; raises ValueError for the empty set."""
    if values.is_everything:
        return "-"
    if values.is_empty:
        message = "No cell stands for nothing."
        raise ValueError(message)
    if values.is_full:
        return "not blank"
    left_out: Iterable[Value] = values.excluded or (sorted(values.choices) if values.others else ())
    listed = [_write_constant(value, values.kind) for value in left_out]
    if listed:
        return f"not({', '.join(listed if values.blank else [*listed, 'blank'])})"
    tests = [_write_interval(interval) for interval in values.intervals]
    choices = sorted(values.choices, reverse=values.kind == "boolean")
    tests += [_write_constant(value, values.kind) for value in choices]
    return ", ".join([*tests, "blank"] if values.blank else tests)


def _write_interval(interval: Interval) -> str:
    low, high = interval.low, interval.high
    if low is not None and high is not None:
        if low == high:
            return write_constant(low)
        opening, closing = "(" if interval.low_open else "[", ")" if interval.high_open else "]"
        return f"{opening}{write_constant(low)}..{write_constant(high)}{closing}"
    if low is not None:
        return f"{'>' if interval.low_open else '>='} {write_constant(low)}"
    assert high is not None
    return f"{'<' if interval.high_open else '<='} {write_constant(high)}"


def _write_constant(value: Value, kind: Kind) -> str:
    text = write_constant(value)
    if kind != "text" or isinstance(value, date):
        return text
    plain = _PLAIN.fullmatch(text) and text.split(" ")[0].lower() not in {*_WORDS, "not"}
    return text if plain and "  " not in text else '"' + text.replace('"', '""') + '"'
