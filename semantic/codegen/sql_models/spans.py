"""Parts of a text, and what stands there instead."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Span(NamedTuple):
    """A part of a text, and what stands there instead."""

    start: int
    end: int
    text: str


class Overlapping(ValueError):
    """Two spans want the same part."""


def spliced(text: str, spans: Iterable[Span]) -> str:
    """The text with all spans in it. Raises Overlapping."""
    parts, at = [], 0
    for span in sorted(spans):
        if span.start < at:
            raise Overlapping
        parts += [text[at : span.start], span.text]
        at = span.end
    return "".join([*parts, text[at:]])
