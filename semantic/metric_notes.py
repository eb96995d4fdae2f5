"""Where a project's metrics note owner and format: in their `meta` itself, or in Bisync's part of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from semantic.definitions import Metric
from semantic.fields import FORMATS, currency

_PLAIN = ("owner", "format")


def plain_notes(metrics: Iterable[Metric]) -> frozenset[str]:
    """The notes that more of the project's own metrics have in their `meta` itself."""
    votes: Counter[str] = Counter()
    for metric in metrics:
        own = metric.meta.get("bisync")
        ours = own if isinstance(own, Mapping) else {}
        for key in _PLAIN if metric.file else ():
            if key in ours:
                votes[key] -= 1
            elif _is_readable(key, metric.meta.get(key)):
                votes[key] += 1
    return frozenset(key for key, count in votes.items() if count > 0)


def usual_currency(metrics: Iterable[Metric]) -> str:
    """The ISO 4217 code that most of these metrics have; "" where none has one."""
    said = Counter(code for metric in metrics if (code := currency(metric.meta)))
    return min(said, key=lambda code: (-said[code], code), default="")


def as_noted(own: Mapping[str, Any], plain: frozenset[str], metrics: Iterable[Metric]) -> dict[str, Any]:
    """The `meta` of a new metric with the notes `own`, those that are `plain` where the project has them.

    An amount gets the currency of most `metrics` beside its format.
    """
    meta = {key: own[key] for key in _PLAIN if key in own and key in plain}
    if meta.get("format") == "currency" and (code := usual_currency(metrics)):
        meta["currency"] = code
    rest = {key: value for key, value in own.items() if key not in meta}
    return {**meta, "bisync": rest} if rest else meta


def _is_readable(key: str, value: object) -> bool:
    if key == "format":
        return value in FORMATS
    return isinstance(value, str) and bool(value.strip())
