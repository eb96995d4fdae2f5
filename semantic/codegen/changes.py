"""What happens to one file of the dbt project; an intention becomes edits once the file is at hand."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any, TypeAlias

from semantic.codegen.entries import Entry
from semantic.codegen.yaml_emit import YamlValue, new_file
from semantic.codegen.yaml_files import edited_bytes, tests_key
from semantic.codegen.yaml_marks import YamlRefused, load
from semantic.codegen.yaml_steps import AddItem, Edit, Named, RemoveItem, ReplaceItem, applied, steps

DATA_TESTS = "data_tests"
DEFINITION = ("type", "type_params", "filter")
# Where a key belongs that an entry does not have yet.
ORDER = ("name", "label", "description", *DEFINITION, "group", "config")


@dataclass(frozen=True)
class AmendMetric:
    """Give an existing metric other words, another definition, another note for Bisync.

    `values` holds the keys of the entry that change, `own` those of Bisync's mapping in its `meta`; None
    takes a key away. Every other key stays.
    """

    name: str
    values: Mapping[str, Any]
    own: Mapping[str, Any]


@dataclass(frozen=True)
class AmendTests:
    """Put these data tests of a model in the place of those that are called `names`."""

    model: str
    names: tuple[str, ...]
    tests: tuple[Entry, ...]


class Intent(ABC):
    """What is to become of an entry, to be spelled as the file spells it once that is at hand."""

    @abstractmethod
    def within(self, text: bytes) -> Iterator[Edit]:
        """The edits of a file that is there. Raises YamlRefused."""

    @abstractmethod
    def alone(self) -> AddItem:
        """The entry of a file that holds nothing yet."""


AnyEdit: TypeAlias = Edit | AmendMetric | AmendTests | Intent


@dataclass(frozen=True, slots=True)
class FileChange:
    """What happens to one file of the dbt project: edits of its YAML, or a whole text that Bisync owns."""

    path: str
    edits: tuple[AnyEdit, ...] = ()
    content: str = ""

    def apply(self, text: bytes | None) -> bytes:
        """The file as it will be; `text` is None where there is none yet. Raises YamlRefused."""
        if self.content:
            return self.content.encode() if text is None else text
        if text is None:
            return new_file(_data_after(self.edits)).encode()
        edits = [one for edit in self.edits for one in _as_the_file_says(edit, text)]
        return edited_bytes(text, edits, path=self.path)


def _data_after(edits: Sequence[AnyEdit]) -> Mapping[str, YamlValue]:
    """What a file holds that consists of the edits alone."""
    data: Any = None
    for edit in edits:
        if isinstance(edit, AmendMetric):
            raise _gone(edit.name)
        if isinstance(edit, AmendTests):
            edit = _described(edit)
        elif isinstance(edit, Intent):
            edit = edit.alone()
        data = reduce(applied, steps(data, edit), data)
    assert isinstance(data, dict)
    return data


def _as_the_file_says(edit: AnyEdit, text: bytes) -> Iterator[Edit]:
    """The edit in the spelling that the file has chosen."""
    match edit:
        case AmendMetric(name):
            yield _amend_metric(edit, _entry(text, "metrics", name))
        case AmendTests():
            yield from _amend_tests(edit, text)
        case Intent():
            yield from edit.within(text)
        case AddItem((_, Named(name), key)) if key == DATA_TESTS:
            yield replace(edit, path=(*edit.path[:2], _tests_under(_entry(text, "models", name), text)))
        case _:
            yield edit


def _entry(text: bytes, kind: str, name: str) -> Mapping[str, Any]:
    listed = (load(text.decode()) or {}).get(kind) or []
    return next((one for one in listed if isinstance(one, dict) and one.get("name") == name), {})


# Metrics


def _amend_metric(edit: AmendMetric, entry: Mapping[str, Any]) -> Edit:
    if not entry:
        raise _gone(edit.name)
    new: dict[str, Any] = copy.deepcopy(dict(entry))
    values = dict(edit.values)
    if "group" in values and "group" in (new.get("config") or {}):
        _put(new["config"], "group", values.pop("group"))
    for key, value in values.items():
        _put(new, key, value)
    for key, value in edit.own.items():
        _put(_own_note(new), key, value)
    return ReplaceItem(("metrics", Named(edit.name)), new)


def _put(entry: dict[str, Any], key: str, value: YamlValue) -> None:
    """Set a key where it stands or where it belongs, or take it away; refuses what dbt would render first."""
    if key not in DEFINITION and _has_jinja(entry.get(key)):
        raise YamlRefused(
            "not-literal",
            f"{key} is made by Jinja in this file. Change what it refers to, or write it out here first.",
        )
    if value is None:
        entry.pop(key, None)
    elif key in entry or key not in ORDER:
        entry[key] = value
    else:
        before = [known for known in ORDER[: ORDER.index(key)] if known in entry]
        items = list(entry.items())
        at = next((n for n, (known, _) in enumerate(items, 1) if before and known == before[-1]), len(items))
        entry.clear()
        entry.update([*items[:at], (key, value), *items[at:]])


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


def _has_jinja(value: Any) -> bool:
    if isinstance(value, str):
        return "{{" in value or "{%" in value
    inside = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return any(map(_has_jinja, inside))


# Tests


def _amend_tests(edit: AmendTests, text: bytes) -> Iterator[Edit]:
    entry = _entry(text, "models", edit.model)
    if not entry:
        if edit.tests:
            yield _described(edit)
        return
    path = ("models", Named(edit.model), _tests_under(entry, text))
    wanted = {test_name(test): test for test in edit.tests}
    gone: list[int] = []
    for place, test in enumerate(entry.get(path[2]) or ()):
        name = test_name(test)
        if name in wanted:
            yield ReplaceItem((*path, place), wanted.pop(name))
        elif name in edit.names:
            gone.append(place)
    # New ones before the old ones go, so that the list is never emptied with its key; the last one first.
    yield from (AddItem(path, test) for test in wanted.values())
    yield from (RemoveItem((*path, place)) for place in reversed(gone))


def _described(edit: AmendTests) -> AddItem:
    """The tests with an entry of their own for the model."""
    return AddItem(("models",), {"name": edit.model, DATA_TESTS: [*edit.tests]})


def _tests_under(entry: Mapping[str, Any], text: bytes) -> str:
    """The key that the model has already, or that the file uses: dbt refuses both at once."""
    return next((key for key in ("tests", DATA_TESTS) if key in entry), tests_key(text.decode()))


def test_name(test: object) -> str:
    """What a data test in a properties file is called by its author; "" where it has no name of its own."""
    arguments = next(iter(test.values()), None) if isinstance(test, dict) and len(test) == 1 else test
    name = arguments.get("name") if isinstance(arguments, dict) else None
    return name if isinstance(name, str) else ""


def _gone(name: str) -> YamlRefused:
    return YamlRefused(
        "no-such-entry",
        f"The metric {name} is not in this file's list of metrics. It may have been moved: pull first.",
    )
