"""What changes in a properties file where a business rule changes: its columns' tests, and its examples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from semantic.codegen.entries import Entry
from semantic.codegen.model_edits import entry_of
from semantic.codegen.quality.file_tests import DATA_TESTS
from semantic.codegen.yaml_files import tests_key
from semantic.codegen.yaml_marks import YamlRefused
from semantic.codegen.yaml_steps import (
    AddItem,
    Edit,
    Named,
    Path,
    RemoveItem,
    RemoveKey,
    SetKey,
    same,
)

ACCEPTED = "accepted_values"


@dataclass(frozen=True)
class ColumnChange:
    """A column of a rule's model as it was generated before and as it is now; None where there is none."""

    name: str
    before: Entry | None
    after: Entry | None


@dataclass(frozen=True)
class AmendColumns:
    """Have a model say these columns and their tests; whatever else is said of them stays."""

    model: str
    columns: tuple[ColumnChange, ...]

    def edits(self, data: Any, text: str) -> Iterator[Edit]:
        """The single edits. Raises YamlRefused where what was generated was changed since."""
        entry = entry_of(data, "models", self.model)
        if not entry:
            raise _gone(f"The model {self.model}")
        path: Path = ("models", Named(self.model), "columns")
        listed = {str(one.get("name")).lower(): one for one in entry.get("columns") or () if one}
        for change in self.columns:
            found = listed.get(change.name.lower())
            if change.after is None:
                yield from _without(path, found, change)
            elif change.before is None or found is None:
                if found is None:
                    yield AddItem(path, _respelled(change.after, text))
            else:
                place = (*path, Named(found["name"]))
                key = "tests" if "tests" in found else DATA_TESTS if DATA_TESTS in found else tests_key(text)
                yield from _tests((*place, key), found.get(key) or [], change)


def _without(path: Path, found: Mapping[str, Any] | None, change: ColumnChange) -> Iterator[Edit]:
    if found is None:
        return
    generated = tests_of(change.before)
    if any(not any(same(test, one) for one in generated) for test in tests_of(found)):
        raise YamlRefused(
            "unsupported-shape",
            f"The rule does not read {change.name} any more, and dbt tests that column. Take the tests of "
            "it out first.",
        )
    yield RemoveItem((*path, Named(found["name"])))


def _respelled(entry: Entry, text: str) -> Entry:
    """A new column with its tests under the key that the file uses."""
    key = tests_key(text)
    return {key if name in ("tests", DATA_TESTS) else name: value for name, value in entry.items()}


def tests_of(entry: Mapping[str, Any] | None) -> list[Any]:
    """The tests in an entry, under whichever key."""
    return [*((entry or {}).get("tests") or ()), *((entry or {}).get(DATA_TESTS) or ())]


def _tests(path: Path, listed: Sequence[Any], change: ColumnChange) -> Iterator[Edit]:
    before, after = tests_of(change.before), tests_of(change.after)
    was, now = (next(filter(None, map(accepted, tests)), None) for tests in (before, after))
    if was != now:
        yield from _accepted(path, listed, change.name, was, after if now else ())
    plain_before, plain_after = ([one for one in tests if not accepted(one)] for tests in (before, after))
    yield from (AddItem(path, one) for one in plain_after if one not in plain_before and one not in listed)
    gone = [one for one in plain_before if one not in plain_after]
    yield from (RemoveItem((*path, at)) for at in reversed(range(len(listed))) if listed[at] in gone)


def accepted(test: Any) -> Entry | None:
    """The arguments of a test of accepted values, wherever its entry has them; None of another test."""
    told = test.get(ACCEPTED) if isinstance(test, Mapping) else None
    if not isinstance(told, Mapping):
        return None
    arguments = told.get("arguments", told)
    return {key: arguments[key] for key in ("values", "quote") if key in arguments}


def _accepted(
    path: Path, listed: Sequence[Any], column: str, was: Entry | None, after: Sequence[Any]
) -> Iterator[Edit]:
    """The test of the outcomes; one that somebody took out is not put back."""
    new = next((one for one in after if accepted(one)), None)
    places = [at for at, one in enumerate(listed) if accepted(one)]
    if was is None:
        if new is not None and not places:
            yield AddItem(path, new)
        return
    found = next((at for at in places if accepted(listed[at]) == was), None)
    if found is None:
        if places and not any(accepted(listed[at]) == accepted(new) for at in places):
            raise YamlRefused(
                "unsupported-shape",
                f"The accepted values of {column} were changed in dbt since Bisync wrote them. Change them "
                "there as well, or have them put back, and pull.",
            )
        return
    wanted = accepted(new)
    if wanted is None:
        yield RemoveItem((*path, found))
        return
    nested = "arguments" in listed[found][ACCEPTED]
    place = (*path, found, ACCEPTED, *(("arguments",) if nested else ()))
    yield SetKey(place, "values", wanted["values"])
    if "quote" in wanted:
        yield SetKey(place, "quote", wanted["quote"])
    elif "quote" in was:
        yield RemoveKey(place, "quote")


@dataclass(frozen=True)
class AmendExamples:
    """Have a unit test say other examples; what else it says stays. `before` is None where there is none."""

    name: str
    before: Entry | None
    after: Entry | None

    def edits(self, data: Any, _text: str) -> Iterator[Edit]:
        """The single edits. Raises YamlRefused where the examples were changed otherwise since."""
        found = entry_of(data, "unit_tests", self.name)
        if self.before is None:
            if self.after is not None and not found:
                yield AddItem(("unit_tests",), self.after)
            return
        if not found:
            raise _gone(f"The unit test {self.name}")
        if self.after is not None and examples_in(found) == examples_in(self.after):
            return
        if examples_in(found) != examples_in(self.before):
            raise YamlRefused(
                "unsupported-shape",
                f"The examples in {self.name} were changed in dbt in a way that Bisync does not write. "
                "Change them there as well, or have them put back, and pull.",
            )
        if self.after is None:
            yield RemoveItem(("unit_tests", Named(self.name)))
            return
        yield from self._amended(self.before, self.after)

    def _amended(self, before: Entry, after: Entry) -> Iterator[Edit]:
        path: Path = ("unit_tests", Named(self.name))
        given, was = after["given"][0], before["given"][0]
        for key in ("input", "format", "rows"):
            if key in given:
                yield SetKey((*path, "given", 0), key, given[key])
            elif key in was:
                yield RemoveKey((*path, "given", 0), key)
        yield SetKey((*path, "expect"), "rows", after["expect"]["rows"])


def examples_in(test: Mapping[str, Any]) -> Any:
    """What a unit test hands to its model and expects of it, to compare."""
    expect = test.get("expect") or {}
    sides = [*(test.get("given") or ()), expect]
    return [
        [side.get("input"), side.get("format") or "dict", _plain(side.get("rows"))]
        for side in sides
        if isinstance(side, Mapping)
    ]


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if value is None or isinstance(value, bool):
        return value
    # Where the type of a column is not known yet, 3 is written as a text.
    return value.isoformat() if isinstance(value, date) else str(value).strip()


def _gone(what: str) -> YamlRefused:
    return YamlRefused(
        "no-such-entry", f"{what} is not in this file any more. It may have been moved: pull first."
    )
