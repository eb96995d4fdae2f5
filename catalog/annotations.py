"""What a model's SQL says of its own columns, by the macros of the dbt package `bisync` (pure).

The macros keep it in the model's `meta`, one key for each, so it comes with every manifest.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, get_args

Kind = Literal["dimension", "measure", "calculation"]

# Those of which a metric can be made.
AGGREGATIONS = frozenset({"sum", "average", "avg", "min", "max", "median", "count", "count_distinct"})

_KEY = re.compile(rf"bisync_({'|'.join(get_args(Kind))})\.(.+)", re.DOTALL)
_PREFIXES = ("bisync", "omni")


@dataclass(frozen=True, slots=True)
class Annotation:
    """One column and what it is for; `agg` is how a measure is added up, as the SQL spells it."""

    kind: str
    name: str
    description: str = ""
    agg: str = ""

    @classmethod
    def from_json(cls, name: str, description: str, told: object) -> Annotation | None:
        """What was kept of a column's annotation; None where nothing was."""
        if not isinstance(told, Mapping) or told.get("kind") not in get_args(Kind):
            return None
        return cls(str(told["kind"]), name, description, str(told.get("agg") or ""))

    def to_json(self) -> dict[str, str]:
        return {"kind": self.kind, "agg": self.agg} if self.agg else {"kind": self.kind}


def annotations_of(meta: Mapping[str, Any], config: Mapping[str, Any]) -> list[Annotation]:
    """A model's annotations in the order of its SQL; none where its config says `bisync_sync=false`."""
    if said(config, meta, "sync") is False:
        return []
    found = []
    for key, told in meta.items():
        match = _KEY.fullmatch(key)
        if match and isinstance(told, Mapping):
            description, agg = told.get("description"), told.get("agg")
            found.append(
                Annotation(
                    kind=match[1],
                    name=match[2],
                    description=description if isinstance(description, str) else "",
                    agg=agg.lower() if isinstance(agg, str) else "",
                )
            )
    return found


def meta_of(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The meta of an entry or a column of a manifest: what stands in its config counts more."""
    config = raw.get("config")
    config = config if isinstance(config, Mapping) else {}
    return {**(raw.get("meta") or {}), **(config.get("meta") or {})}


def noted(meta: object, key: str) -> object:
    """What a thing's meta says under a key, in Bisync's part of it or else in its own; else None."""
    known = meta if isinstance(meta, Mapping) else {}
    ours = known.get("bisync")
    return (ours.get(key) if isinstance(ours, Mapping) else None) or known.get(key)


def is_rule(meta: object) -> bool:
    """Whether the `meta` of a model is that of a business rule which Bisync wrote."""
    own = meta.get("bisync") if isinstance(meta, Mapping) else None
    return isinstance(own, Mapping) and isinstance(own.get("rule"), str) and bool(own["rule"])


def synonyms_in(meta: object) -> tuple[str, ...]:
    """The other names of a thing that its `meta` gives."""
    found = noted(meta, "synonyms")
    texts = (one.strip() for one in found if isinstance(one, str)) if isinstance(found, list) else ()
    return tuple(filter(None, texts))


@dataclass(frozen=True, slots=True)
class Leaving:
    """That a thing is deprecated: the day on which it goes, where one is said, and what takes its place."""

    day: date | None
    instead: str = ""


def leaving_in(meta: object) -> Leaving | None:
    """What a thing's `meta` says of its end; None where it stays."""
    found = noted(meta, "deprecated")
    if not found:
        return None
    instead = noted(meta, "replaced_by")
    try:
        day = date.fromisoformat(str(found)[:10])
    except ValueError:
        day = None
    return Leaving(day, instead if isinstance(instead, str) else "")


def without_annotations(meta: Mapping[str, Any]) -> dict[str, Any]:
    """What else a model's meta says."""
    return {key: value for key, value in meta.items() if not _KEY.fullmatch(key)}


def said(config: Mapping[str, Any], meta: Mapping[str, Any], name: str) -> Any:
    """What `bisync_<name>` or `omni_<name>` is set to in a model's config or meta; None where nowhere."""
    keys = [f"{prefix}_{name}" for prefix in _PREFIXES]
    return next((place[key] for place in (config, meta) for key in keys if place.get(key) is not None), None)
