"""Text and data from strangers, fit for a database."""

from __future__ import annotations

import math
import unicodedata
from typing import Any

# What turns the direction of text, or ends a line.
_UNSEEN = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029")


def storable(value: Any) -> Any:
    """Without what JSON in a database may not hold: NUL, halves of characters, numbers that are none."""
    if isinstance(value, str):
        return value.replace("\x00", "").encode("utf-8", "replace").decode()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {storable(key): storable(item) for key, item in value.items()}
    return [storable(item) for item in value] if isinstance(value, list) else value


def is_line(text: str) -> bool:
    """Whether a text is one line of which everybody sees the same: names stand in commits, logs and lists."""
    return not any(char in _UNSEEN or unicodedata.category(char) in {"Cc", "Cs", "Cn"} for char in text)
