"""Every kind of edit in foreign dbt property files: done, refused, wrong, how long it takes. Needs --folder.

What an edit should come to is worked out here from PyYAML's data alone, without the code that is measured.
"""

from __future__ import annotations

import random
import sys
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from bench import _corpus
from bench._common import Clock, emit
from semantic.codegen.yaml_files import (
    AddItem,
    Edit,
    Named,
    RemoveItem,
    RemoveKey,
    ReplaceItem,
    SetKey,
    YamlRefused,
    edited_bytes,
    tests_key,
)

KINDS = (
    "models",
    "sources",
    "seeds",
    "snapshots",
    "exposures",
    "semantic_models",
    "metrics",
    "macros",
    "unit_tests",
)
TESTS = ("tests", "data_tests")
WITH_COLUMNS = ("models", "seeds", "snapshots")
SENTENCE = "Orders: all of them, paid or not # since 2020"
LINES = "Orders as they came in.\n\n* paid: yes\n* sent: no\n"
COLUMN = {"name": "bench_column", "description": SENTENCE, "data_tests": ["not_null"]}
MODEL = {"name": "bench_model", "description": LINES, "columns": [COLUMN]}
TEST = {"accepted_values": {"arguments": {"values": ["yes", "1"]}}}
METRIC = {"name": "bench_metric", "label": "Bench", "type": "simple", "type_params": {"measure": "bench"}}
Data = Any
Place = tuple[Any, ...]


@dataclass(frozen=True)
class Change:
    """An edit, what it should make of the data, and for an insertion the edit that takes it back."""

    kind: str
    edit: Edit
    wanted: Callable[[Data], None]
    undo: Edit | None = None


@dataclass
class Outcome:
    """What became of all edits of all files."""

    files: int = 0
    size: int = 0
    unreadable: Counter[str] = field(default_factory=Counter)
    done: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    causes: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    touched: list[str] = field(default_factory=list)
    opened: int = 0
    undone: int = 0
    restored: int = 0
    unrestored: list[str] = field(default_factory=list)
    clock: Clock = field(default_factory=Clock)


def main() -> int:
    root = _corpus.folder("dbt property files (.yml), for example clones of public projects")
    outcome = Outcome()
    for path in _corpus.yaml_files(root):
        _measure(path, str(path.relative_to(root)), outcome)
    _report(outcome)
    return 1 if outcome.wrong or outcome.touched else 0


def _measure(path: Path, name: str, outcome: Outcome) -> None:
    raw = path.read_bytes()
    try:
        data = load(raw)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        outcome.unreadable[type(error).__name__] += 1
        return
    if not isinstance(data, dict) or not any(isinstance(data.get(kind), list) for kind in KINDS):
        return
    outcome.files += 1
    outcome.size += len(raw)
    for change in changes(data, raw.decode(), random.Random(name)):
        _try(change, raw, name, outcome)


def _try(change: Change, raw: bytes, name: str, outcome: Outcome) -> None:
    where = f"{change.kind}: {name}"
    try:
        with outcome.clock.running():
            after = edited_bytes(raw, [change.edit], path=name)
    except YamlRefused as refusal:
        outcome.refused[change.kind] += 1
        outcome.causes[cause(refusal)] += 1
        print(f"{where}: {refusal}", file=sys.stderr)
        return
    outcome.done[change.kind] += 1
    if not any(same(unended(load(after)), unended(one)) for one in wanted_of(raw, change)):
        outcome.wrong.append(where)
    if change.undo is None:
        return
    if opened(raw, after):
        outcome.opened += 1
        return
    if sum(common(raw, after)) < len(raw):
        outcome.touched.append(where)
    outcome.undone += 1
    try:
        restored = edited_bytes(after, [change.undo], path=name) == raw
    except YamlRefused:
        restored = False
    outcome.restored += restored
    outcome.unrestored += [] if restored else [where]


# What is changed


def changes(data: Data, text: str, chance: random.Random) -> Iterator[Change]:
    """One change of each kind that the file has a place for."""
    things = list(entries(data))
    models = [(path, entry) for path, entry, is_column in things if not is_column]
    columns = [(path, entry) for path, entry, is_column in things if is_column]
    both = [*models, *columns]

    def pick(found: list[tuple[Place, Any]]) -> list[tuple[Place, Any]]:
        return [chance.choice(found)] if found else []

    for path, _ in pick([one for one in both if "description" in one[1]]):
        yield _set("replace a description", path, "description", SENTENCE)
        yield _set("replace a description by lines", path, "description", LINES)
        yield _drop_key("remove a description", path, "description")
    for path, _ in pick([one for one in both if "description" not in one[1]]):
        yield _added_key("add a description", path, "description", SENTENCE, after="name")
        yield _added_key("add a description of lines", path, "description", LINES, after="name")
    for path, entry in pick([one for one in models if one[1].get("columns")]):
        yield _added_item("add a column", (*path, "columns"), COLUMN)
        column = chance.choice(entry["columns"])
        if isinstance(column, dict) and "name" in column:
            yield _drop_item("remove a column", (*path, "columns", Named(column["name"])))
    for path, _ in pick([one for one in both if "config" not in one[1]]):
        yield _added_key("add a config", path, "config", {"tags": ["bench"], "meta": {"owner": "me: you"}})
    for path, _ in pick([one for one in both if "meta" not in one[1]]):
        yield _added_key("add meta", path, "meta", {"owner": "me: you", "pii": False})
    for path, entry in pick(both):
        yield _renamed(path)
        yield _replaced(path, entry)
    yield from _tests(pick, both, tests_key(text))
    yield from _whole_entries(pick, models, data)


def _tests(pick: Callable[..., Any], things: list[Any], key: str) -> Iterator[Change]:
    tested = [
        (path, entry, one) for path, entry in things for one in ("tests", "data_tests") if entry.get(one)
    ]
    for path, entry, one in pick(tested):
        if isinstance(entry[one], list):
            yield _added_item("add a test", (*path, one), TEST, behind=len(entry[one]))
            yield _drop_item("remove a test", (*path, one, len(entry[one]) - 1))
    with_arguments = [
        (path, one, number, *next(iter(test.items())))
        for path, entry, one in tested
        for number, test in enumerate(entry[one] if isinstance(entry[one], list) else ())
        if isinstance(test, dict) and isinstance(next(iter(test.values())), dict)
    ]
    for path, one, number, name, arguments in pick(with_arguments):
        inner = "arguments" if isinstance(arguments.get("arguments"), dict) else ""
        place = (*path, one, number, name, *([inner] if inner else []))
        yield _set("change a test", place, "bench_limit", 5)
        for argument in list(arguments[inner] if inner else arguments)[:1]:
            yield _set("change a test's argument", place, argument, ["a", "b: c"])
    for path, _ in pick([one for one in things if not one[1].keys() & set(TESTS)]):
        yield _added_key("add the key for tests", path, key, ["not_null", TEST])


def _whole_entries(pick: Callable[..., Any], models: list[Any], data: Data) -> Iterator[Change]:
    yield _added_item("add a model", ("models",), MODEL, fills=data.get("models") == [])
    yield _added_item("add a metric", ("metrics",), METRIC, fills=data.get("metrics") == [])
    for path, _ in pick(models):
        yield _drop_item("remove a model", path)
    for path, _ in pick([one for one in models if one[0][0] == "models"]):
        yield _added_item("add a metric in a model", (*path, "metrics"), METRIC)


def entries(data: Data) -> Iterator[tuple[Place, Any, bool]]:
    """Models, tables of sources, seeds and snapshots, and their columns, each with its path."""
    tables: list[tuple[Place, Any]] = [((kind,), data.get(kind)) for kind in WITH_COLUMNS]
    tables += [
        ((*path, "tables"), source.get("tables"))
        for path, source in _named(("sources",), data.get("sources"))
    ]
    for place, found in tables:
        for path, entry in _named(place, found):
            yield path, entry, False
            for below, column in _named((*path, "columns"), entry.get("columns")):
                yield below, column, True


def _named(place: Place, found: Any) -> list[tuple[Place, Any]]:
    items = found if isinstance(found, list) else []
    return [((*place, Named(one["name"])), one) for one in items if isinstance(one, dict) and one.get("name")]


# Changes and what they mean


def _set(kind: str, path: Place, key: str, value: Any) -> Change:
    return Change(kind, SetKey(path, key, value), lambda data: find(data, path).update({key: value}))


def _added_key(kind: str, path: Place, key: str, value: Any, after: str | None = None) -> Change:
    edit = SetKey(path, key, value, after)
    return Change(kind, edit, lambda data: find(data, path).update({key: value}), RemoveKey(path, key))


def _added_item(
    kind: str, path: Place, value: dict[str, Any], *, behind: int = 0, fills: bool = False
) -> Change:
    """A new item; where it `fills` a list that was written empty, `[]` has to go for it."""

    def wanted(data: Data) -> None:
        parent = find(data, path[:-1])
        parent[path[-1]] = [*(parent.get(path[-1]) or ()), value]

    at = Named(value["name"]) if "name" in value else behind
    return Change(kind, AddItem(path, value), wanted, None if fills else RemoveItem((*path, at)))


def _drop_key(kind: str, path: Place, key: str) -> Change:
    return Change(kind, RemoveKey(path, key), lambda data: find(data, path).pop(key))


def _drop_item(kind: str, path: Place) -> Change:
    def wanted(data: Data) -> None:
        place = path
        while place:
            parent = find(data, place[:-1])
            step = place[-1]
            at = parent.index(find(parent, (step,))) if isinstance(step, Named) else step
            del parent[at]
            if parent:
                return
            place = place[:-1]

    return Change(kind, RemoveItem(path), wanted)


def _renamed(path: Place) -> Change:
    return Change(
        "rename", SetKey(path, "name", "bench_name"), lambda data: find(data, path).update(name="bench_name")
    )


def _replaced(path: Place, entry: Any) -> Change:
    """An entry as a form sends it back: some words changed, one key new, one gone."""
    new = unshared(entry)
    new |= {"description": SENTENCE, "meta": {**(new.get("meta") or {}), "owner": "me"}}
    for key in ("docs", "tags", "quote"):
        new.pop(key, None)

    def wanted(data: Data) -> None:
        parent = find(data, path[:-1])
        parent[parent.index(find(parent, path[-1:]))] = new

    return Change("replace an entry", ReplaceItem(path, new), wanted)


def find(data: Data, path: Place) -> Any:
    for step in path:
        if isinstance(step, Named):
            data = next(item for item in data if isinstance(item, dict) and item.get("name") == step.value)
        else:
            data = data[step]
    return data


def load(raw: bytes) -> Data:
    """What dbt reads."""
    return yaml.load(raw.decode("utf-8-sig"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def wanted_of(raw: bytes, change: Change) -> Iterator[Data]:
    """The data that the edit should come to; a block at the end reads differently with its line ended."""
    for before in (raw, raw + b"\n"):
        data = unshared(load(before))
        change.wanted(data)
        yield data or None


def unended(data: Data) -> Data:
    """The data in which no description ends in a line break: a block keeps its own, whatever its text."""
    if isinstance(data, dict):
        pairs = {key: unended(value) for key, value in data.items()}
        said = pairs.get("description")
        return {**pairs, "description": said.rstrip("\n")} if isinstance(said, str) else pairs
    return [unended(value) for value in data] if isinstance(data, list) else data


def unshared(data: Data) -> Data:
    """A copy in which what several references stand for is there several times."""
    if isinstance(data, dict):
        return {key: unshared(value) for key, value in data.items()}
    return [unshared(value) for value in data] if isinstance(data, list) else data


def same(one: Data, other: Data) -> bool:
    return repr(one) == repr(other) or (one == other and repr(ordered(one)) == repr(ordered(other)))


def ordered(data: Data) -> Data:
    """With the keys of every mapping in one order, so that the text of it says the same for the same data."""
    if isinstance(data, dict):
        return {key: ordered(data[key]) for key in sorted(data, key=repr)}
    return [ordered(value) for value in data] if isinstance(data, list) else data


def opened(raw: bytes, after: bytes) -> bool:
    """Whether a list in brackets, within a line, became one of lines, and all else is as it was."""
    head, tail = common(raw, after)
    touched = raw[head : len(raw) - tail]
    return b"\n" not in touched and touched.lstrip().startswith(b"[")


def common(one: bytes, other: bytes) -> tuple[int, int]:
    """How many bytes of `one` are the beginning of `other`, and how many of the rest its end."""
    shorter = min(len(one), len(other))
    head = _longest(shorter, lambda size: one[:size] == other[:size])
    tail = _longest(shorter - head, lambda size: one[len(one) - size :] == other[len(other) - size :])
    return head, tail


def _longest(limit: int, fits: Callable[[int], bool]) -> int:
    """The greatest size up to `limit` that fits, where every smaller one fits too."""
    return bisect_left(range(1, limit + 1), True, key=lambda size: not fits(size))


def cause(refusal: YamlRefused) -> str:
    """The code; where that is a shape, also which one."""
    return refusal.code if refusal.code != "unsupported-shape" else f"{refusal.code}: {refusal.sentence[:60]}"


def _report(outcome: Outcome) -> None:
    done, refused = outcome.done.total(), outcome.refused.total()
    emit("yaml", "files", outcome.files, "files")
    emit("yaml", "mean file", outcome.size / max(outcome.files, 1) / 1000, "kB")
    emit("yaml", "edits", done + refused, "edits")
    emit("yaml", "done", 100 * done / max(done + refused, 1), "%")
    for kind in sorted(outcome.done.keys() | outcome.refused.keys()):
        there = outcome.done[kind]
        emit("yaml", f"done: {kind}, of {there + outcome.refused[kind]}", there, "edits")
    for why, count in outcome.causes.most_common():
        emit("yaml", f"refused: {why}", count, "edits")
    for why, count in outcome.unreadable.most_common():
        emit("yaml", f"no YAML that dbt reads: {why}", count, "files")
    emit("yaml", "wrong", len(outcome.wrong), "edits")
    emit("yaml", "lists in brackets that a test with arguments opened", outcome.opened, "edits")
    emit("yaml", "insertions that touched what was there", len(outcome.touched), "edits")
    emit("yaml", f"insertions taken back to the very bytes, of {outcome.undone}", outcome.restored, "edits")
    outcome.clock.emit("yaml", "an edit")
    for word, places in (
        ("wrong", outcome.wrong),
        ("touched", outcome.touched),
        ("not restored", outcome.unrestored),
    ):
        for where in places[:40]:
            print(f"{word}: {where}", file=sys.stderr)


if __name__ == "__main__":
    raise SystemExit(main())
