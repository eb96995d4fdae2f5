"""Metrics that are the same, or nearly: found while somebody types."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from semantic.definitions import Vocabulary
from semantic.formulas import metric_meaning

_LIKENESS = 0.78
_ONE_WORD = 0.8
_TELLING = re.compile(r"[^\W_]+|[%#$€£¥+<>=]")
_SMALL = frozenset("a an and by for in of on per the to with".split())  # noqa: SIM905


@dataclass(frozen=True, slots=True)
class Similar:
    """An existing metric, and what it has in common with the new one."""

    name: str
    label: str
    why: Literal["formula", "name"]
    formula: str


def similar(
    *,
    label: str,
    meaning: str,
    vocabulary: Vocabulary,
    dialect: str,
    own_name: str = "",
    used: Collection[str] = (),
) -> list[Similar]:
    """Up to three metrics that compute the same or have a name much like it, the same calculation first.

    `meaning` is the new formula's (`semantic.formulas.meaning`), "" while it cannot be read. The metrics that
    it is made of, `used`, are other ones whatever their names.
    """
    same = [
        metric.name
        for metric in vocabulary.asked_for.values()
        if meaning and metric_meaning(metric, vocabulary, dialect=dialect) == meaning
    ]
    close = sorted(
        (
            (score, metric.name)
            for metric in vocabulary.asked_for.values()
            if metric.name not in used
            and (score := likeness(label, metric.label or metric.name)) >= _LIKENESS
        ),
        reverse=True,
    )
    found: dict[str, Similar] = {}
    for name, why in [(n, "formula") for n in same] + [(n, "name") for _score, n in close]:
        metric = vocabulary.metrics.get(name)
        if metric is not None and name != own_name and name not in found:
            found[name] = Similar(name, metric.label or name, why, metric.formula)  # type: ignore[arg-type]
    return list(found.values())[:3]


def likeness(one: str, other: str) -> float:
    """How alike two names are, from 0 to 1: the better of letters in order and words in any order."""
    a, b = _words(one), _words(other)
    if not a or not b:
        return 0.0
    letters = difflib.SequenceMatcher(None, " ".join(a), " ".join(b)).ratio()
    words = difflib.SequenceMatcher(None, " ".join(sorted(a)), " ".join(sorted(b))).ratio()
    return max(letters, words)


def called_alike(one: str, other: str) -> bool:
    """Whether two names are one to their readers: the same words in any order, but for plurals and slips.

    A further word, another number and a sign such as % are what tells metrics apart.
    """
    a, b = (Counter(_TELLING.findall(text.lower())) for text in (one, other))
    for word in _SMALL:
        del a[word], b[word]
    left, over = sorted((a - b).elements()), sorted((b - a).elements())
    return bool(a and b) and len(left) == len(over) and all(map(_one_word, left, over))


def _one_word(one: str, other: str) -> bool:
    """Whether two words are one but for an ending or a slip; a prefix or a number makes another word."""
    if one[0] != other[0] or re.findall(r"\d+", one) != re.findall(r"\d+", other):
        return False
    return difflib.SequenceMatcher(None, one, other).ratio() >= _ONE_WORD


def _words(text: str) -> list[str]:
    return [word for word in re.findall(r"[a-z0-9]+", text.lower()) if word not in _SMALL]
