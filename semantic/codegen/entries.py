"""What a metric adds to a dbt project's semantic layer, entry by entry, as plain data."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from semantic.definitions import Metric, MetricInput, plain_letters

Entry: TypeAlias = dict[str, Any]
# As JSON keeps it: `semantic_models`, `metrics`: lists; `measures`, `dimensions`: semantic model → list;
# `defaults`: semantic model → what it gets of them; `tests`: dbt model → list; `time_spine`: list, the model
# that brings the project one; in dbt's latest spec `models`: dbt model → what its own entry gets
# (`semantic_model`, `columns`, `metrics` …).
# `change`, where there is a metric already: its name as `metric`, dbt's keys that change as `values`, those
# of Bisync's mapping in its `meta` as `own`, the tests that go as `dropped`: dbt model → names.
# What is no part of a semantic layer stands in `edits`, a list of plain data, one for each edit.
Entries: TypeAlias = dict[str, Any]

# Names that dbt's semantic layer keeps for itself, and words that no warehouse takes as a column's name.
RESERVED = frozenset(
    (
        *("metric_time", "mf_internal_uuid", "nanosecond", "microsecond", "millisecond", "second", "minute"),
        *("hour", "day", "week", "month", "quarter", "year", "and", "as", "create", "distinct", "for"),
        *("from", "full", "having", "in", "inner", "into", "is", "join", "left", "like", "natural", "not"),
        *("null", "on", "or", "right", "select", "union", "using", "where", "with"),
    )
)
ELEMENTS = ("measure", "dimension")
PREFIXES = re.compile(r"^(fct|fact|dim|mart|int|stg|rpt|agg)_")
KEY_ENDINGS = re.compile(r"_(id|key|sk|pk|uuid)$")


class Refused(ValueError):
    """Why the metric cannot be written to dbt, as a sentence that says what to do instead."""


class NameTaken(Refused):
    """Refused for its name alone."""


def plain_name(text: str) -> str:
    """A name as dbt's semantic layer accepts it, as near to `text` as possible."""
    name = re.sub(r"[^a-z0-9]+", "_", plain_letters(text)).strip("_")[:60].strip("_")
    if len(name) < 2 or name in RESERVED or not name[0].isalpha():
        return f"m_{name or 'measure'}"
    return name


def titled(metric: Metric, definition: Entry) -> Entry:
    """A metric's entry: what it is called, its `definition`, and what is told about it."""
    entry: Entry = {"name": metric.name, "label": metric.label}
    if metric.description:
        entry["description"] = metric.description
    config: Entry = {"group": metric.group} if metric.group else {}
    return {**entry, **definition, "config": {**config, "meta": dict(metric.meta)}}


def used(part: MetricInput) -> Entry | str:
    """How a metric names another one that it uses: shortly where there is nothing but a name."""
    told: Entry = {"name": part.name}
    if part.alias:
        told["alias"] = part.alias
    told |= filtered(part.filters)
    if part.offset_window:
        told["offset_window"] = part.offset_window
    return told if len(told) > 1 else part.name


def all_used(parts: Sequence[MetricInput]) -> list[Entry | str]:
    """How a metric names those that it calculates with, all alike: as mappings where one has to be one."""
    named = [used(one) for one in dict.fromkeys(parts)]
    if all(isinstance(one, str) for one in named):
        return named
    return [{"name": one} if isinstance(one, str) else one for one in named]


def filtered(filters: Sequence[str]) -> Entry:
    """dbt's `filter`, where there is one."""
    if not filters:
        return {}
    return {"filter": filters[0] if len(filters) == 1 else list(filters)}


def about_models(entries: Mapping[str, Any]) -> bool:
    """Whether a semantic model changes besides metrics and words: its measures, its dimensions, or itself."""
    legacy = any(entries.get(part) for part in ("semantic_models", "measures", "dimensions", "defaults"))
    latest = any(set(entry) - {"metrics"} for entry in entries.get("models", {}).values())
    return legacy or latest or any(map(_about_element, entries.get("edits", ())))


def _about_element(edit: Mapping[str, Any]) -> bool:
    """Whether an edit takes a measure or a dimension away, or calculates it otherwise."""
    calculated = edit.get("key") not in ("label", "description")
    return edit.get("remove") in ELEMENTS or (calculated and any(kind in edit for kind in ELEMENTS))


def about_tests(entries: Mapping[str, Any]) -> bool:
    """Whether tests go along with the entry of a column."""
    return any(edit.get("remove") == "column" and edit.get("tests") for edit in entries.get("edits", ()))


def parts(entries: Mapping[str, Any]) -> frozenset[str]:
    """Each entry by itself, with where it belongs, as JSON; a semantic model's without what is in it."""
    return frozenset(json.dumps(part, sort_keys=True) for part in _parts(entries))


def _parts(entries: Mapping[str, Any]) -> Iterator[tuple[str, str, Entry]]:
    for model in entries.get("semantic_models", ()):
        inside = ("dimensions", "measures")
        yield "semantic_models", "", {key: part for key, part in model.items() if key not in inside}
        for kind in inside:
            yield from ((kind, model["name"], entry) for entry in model[kind])
    for kind in ("dimensions", "measures", "tests"):
        for home, added in entries.get(kind, {}).items():
            yield from ((kind, home, entry) for entry in added)
    for home, added in entries.get("defaults", {}).items():
        yield "defaults", home, added
    for home, added in entries.get("models", {}).items():
        yield from _in_model(home, added)
    yield from (("metrics", "", entry) for entry in entries.get("metrics", ()))
    yield from (("edits", "", edit) for edit in entries.get("edits", ()))
    # What was sent before there were such things has none.
    yield from (("time_spine", "", {"name": name}) for name in entries.get("time_spine", ()))
    change = entries.get("change") or {}
    for kind in ("values", "own", "dropped"):
        for key, value in change.get(kind, {}).items():
            yield kind, change["metric"], {key: value}


def _in_model(model: str, added: Entry) -> Iterator[tuple[str, str, Entry]]:
    """Of a model's entry each key, each mark of a column, and each metric by itself."""
    for key, value in added.items():
        if key == "columns":
            for column in value:
                marks = (
                    {"name": column["name"], mark: said} for mark, said in column.items() if mark != "name"
                )
                yield from (("columns", model, mark) for mark in marks)
        elif key == "derived_semantics":
            yield from ((kind, model, entry) for kind, entries in value.items() for entry in entries)
        elif key == "metrics":
            yield from (("metrics", model, entry) for entry in value)
        else:
            yield "models", model, {key: value}


def texts_in(value: object) -> frozenset[str]:
    """Every text in plain data, and with that every name that entries give or use."""
    if isinstance(value, str):
        return frozenset([value])
    inside = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return frozenset().union(*map(texts_in, inside))
