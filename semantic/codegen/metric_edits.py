"""The entry of a metric that a properties file has already, wherever in the file it stands."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from semantic.codegen.entry_keys import noted_in, put
from semantic.codegen.latest import KEYS, METRICS
from semantic.codegen.model_edits import entry_of
from semantic.codegen.yaml_emit import YamlValue
from semantic.codegen.yaml_marks import YamlRefused
from semantic.codegen.yaml_steps import AddItem, Edit, Named, Path, RemoveItem, ReplaceItem

LEGACY = ("type", "type_params", "filter")
DEFINITION = tuple(dict.fromkeys(("type", "type_params", *(key for keys in KEYS.values() for key in keys))))
# What Bisync reads in the project's own `meta`, too, where its mapping in there does not say it.
NOTED = frozenset({"context", "format", "owner", "synonyms", "certified"})
# Where a key belongs that an entry does not have yet.
ORDER = ("name", "label", "description", *DEFINITION, "hidden", "group", "config")


@dataclass(frozen=True)
class AmendMetric:
    """Give an existing metric other words, another definition, another note for Bisync.

    `values` holds the keys of the entry that change, `own` those of Bisync's mapping in its `meta`; None
    takes a key away. Every other key stays. One that is no simple metric any more leaves its model's entry.
    """

    name: str
    values: Mapping[str, Any]
    own: Mapping[str, Any]

    def edits(self, data: Any, _text: str) -> Iterator[Edit]:
        """The single edits. Raises YamlRefused where the file has no such metric."""
        home, entry = metric_entry(data, self.name)
        if not entry:
            raise absent(data, self.name)
        new = self._amended(entry)
        if len(home) > 1 and entry.get("type") == "simple" != new.get("type"):
            yield RemoveItem((*home, Named(self.name)))
            yield AddItem((METRICS,), new)
        else:
            yield ReplaceItem((*home, Named(self.name)), new)

    def _amended(self, entry: Mapping[str, Any]) -> dict[str, Any]:
        new: dict[str, Any] = copy.deepcopy(dict(entry))
        values = dict(self.values)
        if "group" in values and "group" in (new.get("config") or {}):
            _put(new["config"], "group", values.pop("group"))
        for key, value in values.items():
            _put(new, key, in_shape(new.get(key), value) if key in DEFINITION else value)
        for key, value in self.own.items():
            home = noted_in(new, key) if key in NOTED else None
            _put(_own_note(new) if home is None else home, key, value)
        return new


def in_shape(there: Any, value: Any) -> Any:
    """A part of a definition, in the shape in which the file has it, as far as both say the same.

    A name may stand alone or in a mapping, and of a text it does not matter how it ends.
    """
    if isinstance(there, str) and isinstance(value, str):
        return there if there.strip() == value.strip() else value
    if isinstance(there, str) and value == {"name": there}:
        return there
    if isinstance(there, list) and isinstance(value, list):
        shapes = {_called(one): one for one in there}
        return [in_shape(shapes.get(_called(one)), one) for one in value]
    if not isinstance(there, Mapping) or not isinstance(value, Mapping | str):
        return value
    wanted: Mapping[str, Any] = {"name": value} if isinstance(value, str) else _along(there, value)
    if "name" in wanted and not there.keys() <= wanted.keys():
        return value
    found = {key: in_shape(there[key], wanted[key]) for key in there if key in wanted}
    return found | {key: one for key, one in wanted.items() if key not in found}


def _called(part: Any) -> Any:
    """An input's alias or name, by which an expression knows it."""
    return (part.get("alias") or part.get("name")) if isinstance(part, Mapping) else part


def _along(there: Mapping[str, Any], params: Mapping[str, Any]) -> Mapping[str, Any]:
    """`type_params`, a window of them where dbt had it before it had `cumulative_type_params`."""
    along = params.get("cumulative_type_params")
    if not along or "cumulative_type_params" in there or not {"window", "grain_to_date"} & there.keys():
        return params
    if "period_agg" in along:
        return params
    return {**{key: one for key, one in params.items() if key != "cumulative_type_params"}, **along}


def absent(data: Any, name: str) -> YamlRefused:
    """Why a metric cannot be changed in a file that has no entry of it."""
    said = f"The metric {name} is not in this file's list of metrics. It may have been moved: pull first."
    for model in (data.get("semantic_models") if isinstance(data, dict) else None) or []:
        if entry_of(model, "measures", name).get("create_metric"):
            said = (
                f"The metric {name} has no entry of its own: dbt makes it from the measure (create_metric). "
                "Change the measure, or propose a metric with another name."
            )
    return YamlRefused("no-such-entry", said)


def metric_entry(data: Any, name: str) -> tuple[Path, Mapping[str, Any]]:
    """The list in which a metric stands, of the file or of one of its models, and its entry there."""
    if entry := entry_of(data, METRICS, name):
        return (METRICS,), entry
    models = (data.get("models") if isinstance(data, dict) else None) or []
    for model in models:
        if entry := entry_of(model, METRICS, name):
            return ("models", Named(model["name"]), METRICS), entry
    return (), {}


def _put(entry: dict[str, Any], key: str, value: YamlValue) -> None:
    put(entry, key, value, order=ORDER, rendered=DEFINITION)


def _own_note(entry: dict[str, Any]) -> dict[str, Any]:
    """Bisync's mapping in the metric's `meta`, wherever the entry keeps that."""
    places: tuple[dict[str, Any], ...] = (entry.get("config") or {}, entry)
    homes: list[dict[str, Any]] = [place["meta"] for place in places if isinstance(place.get("meta"), dict)]
    home = next((meta for meta in homes if "bisync" in meta), homes[0] if homes else None)
    if home is None:
        if not isinstance(entry.get("config"), dict):
            _put(entry, "config", {})
        home = entry["config"]["meta"] = {}
    if not isinstance(home.get("bisync"), dict):
        home["bisync"] = {}
    own: dict[str, Any] = home["bisync"]
    return own
