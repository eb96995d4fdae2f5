"""The values of a test's arguments as words; whatever stands there, nothing here raises."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

MOST_TEXT = 300
_MOST_VALUES = 12
_QUOTED = re.compile(r"""['"]([^'"]*)['"]""")
_CALL = re.compile(r"\b(ref|source)\s*\(([^)]*)\)")
_UNITS = frozenset({"second", "minute", "hour", "day", "week", "month", "quarter", "year"})


def short(text: str) -> str:
    """A text in one line, cut where it is long."""
    line = " ".join(text.split())
    return line if len(line) <= MOST_TEXT else f"{line[: MOST_TEXT - 1]}…"


def said(value: object) -> str:
    """A value as people write it; a text without the quotes that SQL needs."""
    if value is None:
        return "blank"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        whole = math.isfinite(value) and value.is_integer() and abs(value) < 1e15
        return str(int(value)) if whole else str(value)
    if not isinstance(value, str):
        return short(json.dumps(value, ensure_ascii=False, default=str))
    text = short(value)
    quoted = len(text) > 1 and text[0] == text[-1] == "'"
    return (text[1:-1] if quoted else text) or "an empty text"


def number(value: object) -> float | None:
    """The number that a value is or says; None where it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def is_set(value: object) -> bool:
    """Whether an argument that switches something on is on: Jinja may have made a text of it."""
    return value is True or (isinstance(value, str) and value.strip().lower() == "true")


def percent(value: object) -> str:
    """A share of one in percent; "" where the value is no number."""
    found = number(value)
    return "" if found is None else f"{said(round(found * 100, 6))} %"


def several(value: object) -> list[str]:
    """The values of a list; of anything else that one, where there is one."""
    if isinstance(value, list | tuple):
        return [said(one) for one in value]
    return [] if value is None or value in ("", {}) else [said(value)]


def joined(values: Iterable[str], word: str) -> str:
    """`a, b and c`, the first dozen of them."""
    named = list(values)
    if len(named) > _MOST_VALUES:
        more = len(named) - _MOST_VALUES
        return short(f"{', '.join(named[:_MOST_VALUES])} and {more} more")
    return short(f" {word} ".join(part for part in (", ".join(named[:-1]), *named[-1:]) if part))


def table(value: object) -> str:
    """The name of what `ref('…')`, `source('…', '…')` or a plain name means; "" where there is none."""
    if not isinstance(value, str) or not value.strip():
        return ""
    call = _CALL.search(value)
    names = _QUOTED.findall(call[2]) if call else []
    if call is None or not names:
        return short(value)
    return short(".".join(names) if call[1] == "source" else names[1] if len(names) > 1 else names[0])


def duration(count: object, unit: object) -> str:
    """`3 days`; "" where it is none."""
    amount, name = number(count), unit.strip("'\" ").lower() if isinstance(unit, str) else ""
    if amount is None or name.removesuffix("s") not in _UNITS:
        return ""
    return f"{said(amount)} {name.removesuffix('s')}{'' if amount == 1 else 's'}"


def counted(count: object, noun: str) -> str:
    """`1 row`, `4 rows`; whatever else stands for the number as it is."""
    return f"{said(count)} {noun}{'' if number(count) == 1 else 's'}"


def object_of(value: object) -> Mapping[str, Any]:
    """A value as an object; an empty one where it is none."""
    return value if isinstance(value, Mapping) else {}
