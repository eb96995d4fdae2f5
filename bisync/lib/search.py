"""What somebody types into a search box, as words that all have to be found."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import reduce
from operator import and_, or_

from django.db.models import Q
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString, mark_safe

LONGEST = 200
# A shorter word has no ending.
_STEM = 3


def sought(text: str) -> str:
    """What was typed, trimmed; without NUL, which PostgreSQL refuses in any comparison."""
    return text.replace("\x00", "")[:LONGEST].strip()


def every_word(text: str, *fields: str) -> Q:
    """Rows in which each word is part of one of the fields, whatever its case; all rows without a word."""
    words = (reduce(or_, (Q(**{f"{field}__icontains": word}) for field in fields)) for word in text.split())
    return reduce(and_, words, Q())


def marked(text: str, words: Iterable[str], *, most: int = 0) -> SafeString:
    """The text with those words marked where one begins; with `most` about so much of it around the first."""
    # An English ending may differ: who looks for orders finds an order.
    stems = {
        stem
        for word in words
        for stem in (word, word[:-1] if len(word) > _STEM and word[-1] == "s" else word)
    }
    longest_first = "|".join(re.escape(stem) for stem in sorted(stems, key=len, reverse=True))
    begin = r"(?:(?<![^\W_])|(?<=[a-z0-9])(?=[A-Z]))"
    found = re.compile(f"({begin}(?i:{longest_first}))") if stems else re.compile("(?!)()")
    pieces = found.split(_around(text, found, most))
    # What stands between two hits is even, a hit odd.
    shown = [
        format_html("<mark>{}</mark>", one) if n % 2 else conditional_escape(one)
        for n, one in enumerate(pieces)
    ]
    return mark_safe("".join(shown))  # noqa: S308 - each piece is escaped


def _around(text: str, found: re.Pattern[str], most: int) -> str:
    if not most or len(text) <= most:
        return text
    hit = found.search(text)
    start = max(0, hit.start() - most // 3) if hit and hit.end() > most else 0
    start = text.find(" ", start) + 1 if start else 0
    shown = text[start : start + most].rstrip()
    return f"{'…' if start else ''}{shown}{'…' if start + most < len(text) else ''}"
