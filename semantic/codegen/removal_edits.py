"""Entries that go from a properties file, and the names in others that another name takes the place of."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from semantic.codegen.latest import COLUMNS, DERIVED
from semantic.codegen.metric_edits import absent, metric_entry
from semantic.codegen.model_edits import entry_of
from semantic.codegen.quality.rule import Target
from semantic.codegen.versions import placed, version_in
from semantic.codegen.yaml_marks import YamlRefused
from semantic.codegen.yaml_steps import Edit, Named, Path, RemoveItem, RemoveKey, ReplaceItem

# Where a metric's entry names one other metric or measure, in dbt's legacy spec and in its latest.
ONE = ("numerator", "denominator", "measure", "metric", "input_metric", "base_metric", "conversion_metric")
MEASURES = ("measure", "base_measure", "conversion_measure")
LISTS = ("metrics", "input_metrics")


@dataclass(frozen=True)
class RemoveMetric:
    """Take a metric out of its file, wherever in it the metric stands."""

    name: str

    def edits(self, data: Any, _text: str) -> Iterator[Edit]:
        home, entry = metric_entry(data, self.name)
        if not entry:
            raise absent(data, self.name)
        yield RemoveItem((*home, Named(self.name)))


@dataclass(frozen=True)
class RemoveElement:
    """Take a measure or a dimension out of the semantic model of a dbt model, in either spec."""

    model: str
    semantic: str
    kind: str  # measures or dimensions
    name: str

    def edits(self, data: Any, _text: str) -> Iterator[Edit]:
        path, _entry, key = element_entry(data, self.model, self.semantic, self.kind, self.name)
        if not key:
            yield RemoveItem(path)
        else:
            yield RemoveKey(path, key)


@dataclass(frozen=True)
class RemoveColumn:
    """Take the entry of a column, with its description and tests, out of that of its model or source."""

    path: Path  # of the column

    def edits(self, data: Any, _text: str) -> Iterator[Edit]:
        held: Any = data
        place: list[Any] = []
        path = placed(data, self.path, alone=True)
        for section, named in zip(path[::2], path[1::2], strict=True):
            listed = (held.get(section) if isinstance(held, Mapping) else None) or []
            if isinstance(named, int):
                held, place = listed[named], [*place, section, named]
                continue
            assert isinstance(named, Named)
            wanted = [
                one
                for one in listed
                if isinstance(one, Mapping) and _same_name(one.get("name"), named.value, exact=held is data)
            ]
            if not wanted:
                raise _absent(f"The entry of {named.value}")
            held = wanted[0]
            place += [section, Named(held["name"])]
        if any(key in held for key in ("dimension", "entity")):
            raise YamlRefused(
                "exists-already", "This entry makes the column a dimension or a key. Take that out first."
            )
        yield RemoveItem(tuple(place))


@dataclass(frozen=True)
class Exchange:
    """Let an entry name `new` wherever it names the metric or measure `old`; all else in it stays.

    `formula` is what Bisync notes of it afterwards, where it notes one.
    """

    section: str
    name: str
    old: str
    new: str
    what: str = "metric"
    formula: str = ""

    def edits(self, data: Any, _text: str) -> Iterator[Edit]:
        home: Path = (self.section,)
        entry = entry_of(data, self.section, self.name)
        if self.section == "metrics":
            home, entry = metric_entry(data, self.name)
        if not entry:
            raise _absent(self.name)
        new: dict[str, Any] = copy.deepcopy(dict(entry))
        if self.section == "exposures":
            _exchange_in_exposure(new, self.old, self.new)
        elif self.section == "saved_queries":
            params = new.get("query_params")
            if isinstance(params, dict) and isinstance(params.get("metrics"), list):
                named = [self.new if one == self.old else one for one in params["metrics"]]
                params["metrics"] = list(dict.fromkeys(named))
        else:
            _exchange_in_metric(new, self)
        yield ReplaceItem((*home, Named(self.name)), new)


@dataclass(frozen=True)
class RenameTests:
    """Let the tests of a table that carry a metric's old name in theirs carry its new one."""

    target: Target
    names: Mapping[str, str]

    def edits(self, data: Any, _text: str) -> Iterator[Edit]:
        path: Path = (self.target.resource, Named(self.target.name))
        yield from self._renamed(path, entry_of(data, self.target.resource, self.target.name))
        if self.target.version:
            version = version_in(data, self.target.name, self.target.version)
            yield from self._renamed(version.path, version.entry)

    def _renamed(self, path: Path, entry: Mapping[str, Any]) -> Iterator[Edit]:
        for key in ("tests", "data_tests"):
            for place, test in enumerate(entry.get(key) or ()):
                arguments = next(iter(test.values()), None) if isinstance(test, dict) else None
                name = arguments.get("name") if isinstance(arguments, dict) else None
                if isinstance(name, str) and name in self.names:
                    new = copy.deepcopy(test)
                    new[next(iter(test))]["name"] = self.names[name]
                    yield ReplaceItem((*path, key, place), new)


def element_entry(
    data: Any, model: str, semantic: str, kind: str, name: str
) -> tuple[Path, Mapping[str, Any], str]:
    """Where a measure or dimension stands, what is said there, and the key of a column that it is, if any."""
    for one in entry_of(data, "semantic_models", semantic).get(kind) or ():
        if isinstance(one, Mapping) and one.get("name") == name:
            return ("semantic_models", Named(semantic), kind, Named(name)), one, ""
    entry = entry_of(data, "models", model)
    key = kind.removesuffix("s")
    for one in (entry.get(DERIVED) or {}).get(kind) or ():
        if isinstance(one, Mapping) and one.get("name") == name:
            return ("models", Named(model), DERIVED, kind, Named(name)), one, ""
    for column in entry.get(COLUMNS) or ():
        said = column.get(key) if isinstance(column, Mapping) else None
        own = said.get("name") if isinstance(said, Mapping) else None
        if said and (own or column.get("name")) == name:
            found = said if isinstance(said, Mapping) else {"type": said}
            return ("models", Named(model), COLUMNS, Named(column["name"])), found, key
    raise _absent(f"The {key} {name}")


def _exchange_in_exposure(entry: dict[str, Any], old: str, new: str) -> None:
    pattern = re.compile(rf"(metric\(\s*['\"]){re.escape(old)}(['\"]\s*\))")
    named = [
        pattern.sub(rf"\g<1>{new}\g<2>", one) if isinstance(one, str) else one
        for one in entry.get("depends_on") or ()
    ]
    entry["depends_on"] = list(dict.fromkeys(named))


def _exchange_in_metric(entry: dict[str, Any], wanted: Exchange) -> None:
    params = entry.get("type_params")
    holders = [entry, params] if isinstance(params, dict) else [entry]
    inside = ("conversion_type_params", "cumulative_type_params")
    holders += [one[key] for one in tuple(holders) for key in inside if isinstance(one.get(key), dict)]
    keys = MEASURES if wanted.what == "measure" else tuple(key for key in ONE if key != "measure")
    for holder in holders:
        for key in keys:
            if key in holder:
                holder[key] = _called(holder[key], wanted.old, wanted.new)
        if wanted.what == "metric":
            _exchange_inputs(holder, entry, wanted)
            _keep_apart(holder, wanted)
    own = _own(entry)
    if own is not None and wanted.what == "metric":
        if own.get("helper_of") == wanted.old:
            own["helper_of"] = wanted.new
        if wanted.formula and "formula" in own:
            own["formula"] = wanted.formula


def _called(part: Any, old: str, new: str) -> Any:
    if part == old:
        return new
    return {**part, "name": new} if isinstance(part, dict) and part.get("name") == old else part


def _exchange_inputs(holder: dict[str, Any], entry: Mapping[str, Any], wanted: Exchange) -> None:
    """The inputs of a derived metric; its calculation calls them by their names, or by their aliases."""
    key = next((key for key in LISTS if isinstance(holder.get(key), list)), None)
    if key is None:
        return
    inputs: list[Any] = holder[key]
    others = {_name(one) for one in inputs} | {_alias(one) for one in inputs}
    expr = str(holder.get("expr") or entry.get("expr") or "")
    in_words = wanted.new not in others and not any(mark in expr for mark in "'\"`")
    new: list[Any] = []
    for one in inputs:
        changed = _called(one, wanted.old, wanted.new)
        if changed != one and not _alias(one):
            if in_words:
                spelled = re.sub(rf"\b{re.escape(wanted.old)}\b", wanted.new, expr)
                (holder if "expr" in holder else entry)["expr"] = spelled  # type: ignore[index]
            else:
                named = changed if isinstance(changed, dict) else {"name": changed}
                changed = {**named, "alias": wanted.old}
        new.append(changed)
    holder[key] = new


def _keep_apart(holder: dict[str, Any], wanted: Exchange) -> None:
    """MetricFlow takes a filtered input for the unfiltered one where both are called alike."""
    top, bottom = holder.get("numerator"), holder.get("denominator")
    if top is None or bottom is None or _name(top) != wanted.new or _name(bottom) != wanted.new:
        return
    for key, part in (("numerator", top), ("denominator", bottom)):
        if isinstance(part, dict) and part.get("filter") and not _alias(part):
            holder[key] = {**part, "alias": f"{wanted.old}_{key}"}


def _name(part: Any) -> str:
    return str(part.get("name") or "") if isinstance(part, dict) else str(part)


def _alias(part: Any) -> str:
    return str(part.get("alias") or "") if isinstance(part, dict) else ""


def _own(entry: Mapping[str, Any]) -> dict[str, Any] | None:
    for place in (entry.get("config"), entry):
        meta = place.get("meta") if isinstance(place, Mapping) else None
        own = meta.get("bisync") if isinstance(meta, Mapping) else None
        if isinstance(own, dict):
            return own
    return None


def _same_name(one: object, other: str, *, exact: bool) -> bool:
    return one == other if exact else str(one).lower() == other.lower()


def _absent(what: str) -> YamlRefused:
    return YamlRefused(
        "no-such-entry", f"{what} does not stand in this file. It may have been moved: pull first."
    )
