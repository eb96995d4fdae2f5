"""What somebody types into a search box, as words that all have to be found."""

from __future__ import annotations

from functools import reduce
from operator import and_, or_

from django.db.models import Q

LONGEST = 200


def sought(text: str) -> str:
    """What was typed, trimmed; without NUL, which PostgreSQL refuses in any comparison."""
    return text.replace("\x00", "")[:LONGEST].strip()


def every_word(text: str, *fields: str) -> Q:
    """Rows in which each word is part of one of the fields, whatever its case; all rows without a word."""
    words = (reduce(or_, (Q(**{f"{field}__icontains": word}) for field in fields)) for word in text.split())
    return reduce(and_, words, Q())
