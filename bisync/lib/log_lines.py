"""The end of a log, line by line, with what needs attention marked."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

Tone: TypeAlias = Literal["", "ok", "warn", "bad"]
Said: TypeAlias = tuple[str, Tone]

# A browser freezes at a few thousand rows; the raw log has the rest.
LIMIT = 500
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f]")
_TONES: tuple[tuple[re.Pattern[str], Tone], ...] = (
    (re.compile(r"\b(ERROR|FAIL|FATAL|Traceback)\b|\berror:", re.ASCII), "bad"),
    (re.compile(r"\bWARN(ING)?\b|\bwarning:", re.ASCII), "warn"),
    (re.compile(r"\bPASS\b", re.ASCII), "ok"),
)
# "Done. PASS=14 WARN=0 ERROR=0" counts things; it names none.
_COUNTS = re.compile(r"\b(PASS|WARN|ERROR|SKIP|NO-OP|TOTAL)=\d+")


@dataclass(frozen=True, slots=True)
class LogLine:
    number: int
    text: str
    tone: Tone


@dataclass(frozen=True, slots=True)
class LogTail:
    """The last lines of a log, and how many come before them."""

    lines: tuple[LogLine, ...]
    earlier: int


def plain(line: str) -> Said:
    """A line as it was printed, which says nothing of its tone."""
    return line, ""


def tail(text: str, *, limit: int = LIMIT, first: int = 1, read: Callable[[str], Said] = plain) -> LogTail:
    """The last `limit` lines of `text`, whose first line has the number `first`.

    `read` gives a line's words, which may be several lines, and its tone where the program tells it.
    """
    everything = text.splitlines()
    earlier = max(0, len(everything) - limit)
    shown = (_line(first + earlier + offset, *read(raw)) for offset, raw in enumerate(everything[earlier:]))
    return LogTail(tuple(shown), earlier + first - 1)


def _line(number: int, said: str, tone: Tone) -> LogLine:
    text = _ESCAPES.sub("", said)
    names = _COUNTS.sub("", text)
    return LogLine(number, text, tone or next((tone for words, tone in _TONES if words.search(names)), ""))
