"""Edits as plain data: which single steps lead from the data a file holds to the data somebody wants."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, TypeAlias

from semantic.codegen.yaml_emit import YamlValue, plain_data
from semantic.codegen.yaml_marks import Place, YamlRefused


@dataclass(frozen=True)
class Named:
    """The item of a list whose `key` equals `value`."""

    value: str
    key: str = "name"


Path: TypeAlias = tuple[str | int | Named, ...]


@dataclass(frozen=True)
class AddItem:
    """Append an item to the list at `path`; keys that are missing on the way are added."""

    path: Path
    value: YamlValue


@dataclass(frozen=True)
class ReplaceItem:
    """Give the list item at `path` this value; parts that are equal already are not touched."""

    path: Path
    value: YamlValue


@dataclass(frozen=True)
class RemoveItem:
    """Remove the list item at `path`; the last item takes its list's key with it."""

    path: Path


@dataclass(frozen=True)
class SetKey:
    """Add or replace `key` of the mapping at `path`, a new one behind the key `after` or at the end.

    Keys that are missing on the way are added; parts of the value that are equal already are not touched.
    """

    path: Path
    key: str
    value: YamlValue
    after: str | None = None


@dataclass(frozen=True)
class RemoveKey:
    """Remove `key` of the mapping at `path`; the last key takes its emptied parent with it."""

    path: Path
    key: str


Edit: TypeAlias = AddItem | ReplaceItem | RemoveItem | SetKey | RemoveKey


@dataclass(frozen=True)
class Put:
    """Replace the value that stands at `place`."""

    place: Place
    value: Any


@dataclass(frozen=True)
class InsertKey:
    """Add a key that the mapping at `place` does not have."""

    place: Place
    key: str
    value: Any
    after: str | None = None


@dataclass(frozen=True)
class InsertItem:
    """Add an item to the list at `place`, behind the item number `index` - 1."""

    place: Place
    index: int
    value: Any


@dataclass(frozen=True)
class Drop:
    """Remove what stands at `place`, together with its key or dash."""

    place: Place


Step: TypeAlias = Put | InsertKey | InsertItem | Drop


def steps(data: Any, edit: Edit) -> list[Step]:
    """The steps that make `edit` true in `data`; none if it is true already."""
    match edit:
        case AddItem(path, value):
            return _add_item(data, path, plain_data(value))
        case SetKey(path, key, value, after):
            return _set_key(data, (*path, key), plain_data(value), after)
        case ReplaceItem(path, value):
            place, wanted = _existing(data, path), plain_data(value)
            _refuse_second(data, place[:-1], wanted, but=place[-1])
            return list(_changes(place, _get(data, place), wanted))
        case RemoveItem(path):
            return [Drop(_emptied(data, _existing(data, path)))]
        case RemoveKey(path, key):
            return [Drop(_emptied(data, _existing(data, (*path, key))))]


def applied(data: Any, step: Step) -> Any:
    """`data` in which `step` has been taken; what stands elsewhere in it is shared, not copied."""
    if isinstance(step, Put | Drop) and not step.place:
        return step.value if isinstance(step, Put) else None
    place = step.place[:-1] if isinstance(step, Put | Drop) else step.place
    data = node = copy.copy(data)
    for key in place:
        node[key] = node = copy.copy(node[key])
    match step:
        case Put(value=value):
            node[step.place[-1]] = value
        case InsertKey(key=key, value=value):
            node[key] = value
        case InsertItem(index=index, value=value):
            node.insert(index, value)
        case Drop():
            del node[step.place[-1]]
    return data


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal for every reader: 1, 1.0 and true differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float) and isinstance(other, float) and math.isnan(one):
        return math.isnan(other)
    return type(one) is type(other) and bool(one == other)


def _add_item(data: Any, path: Path, value: Any) -> list[Step]:
    place, missing = _resolved(data, path)
    items = _get(data, place)
    if missing or items is None or items == []:
        return _fill(data, place, missing, [value])
    if not isinstance(items, list):
        raise _not_a("list", path)
    if any(same(item, value) for item in items):
        return []
    _refuse_second(data, place, value)
    return [InsertItem(place, len(items), value)]


def _set_key(data: Any, path: Path, value: Any, after: str | None) -> list[Step]:
    place, missing = _resolved(data, path)
    if missing:
        return _fill(data, place, missing, value, after)
    if place[-1] == "name" and len(place) > 1:
        _refuse_second(data, place[:-2], {"name": value}, but=place[-2])
    return list(_changes(place, _get(data, place), value))


def _fill(
    data: Any, place: Place, missing: tuple[str, ...], value: Any, after: str | None = None
) -> list[Step]:
    """Write `value` below `place`, with the keys that are missing between them."""
    for key in reversed(missing[1:]):
        value = {key: value}
    if missing and _get(data, place):
        return [InsertKey(place, missing[0], value, after)]
    return [Put(place, {missing[0]: value} if missing else value)]


def _resolved(data: Any, path: Path) -> tuple[Place, tuple[str, ...]]:
    """The part of `path` that exists, and the keys that would have to be added."""
    place: Place = ()
    for position, step in enumerate(path):
        so_far = path[:position]
        if data is None or (isinstance(step, str) and isinstance(data, dict) and step not in data):
            return place, _keys(path, position)
        if isinstance(step, str):
            if not isinstance(data, dict):
                raise _not_a("mapping", so_far)
            place, data = (*place, step), data[step]
        else:
            if not isinstance(data, list):
                raise _not_a("list", so_far)
            index = _index(data, step, (*so_far, step))
            place, data = (*place, index), data[index]
    return place, ()


def _existing(data: Any, path: Path) -> Place:
    place, missing = _resolved(data, path)
    if missing:
        raise _missing(path)
    return place


def _index(items: list[Any], step: int | Named, path: Path) -> int:
    if isinstance(step, int):
        hits = [step] if 0 <= step < len(items) else []
    else:
        hits = [
            number
            for number, item in enumerate(items)
            if isinstance(item, dict) and item.get(step.key) == step.value
        ]
    if not hits:
        raise _missing(path)
    if len(hits) > 1:
        raise YamlRefused(
            "ambiguous-target",
            f"{_said(path)}: {len(hits)} entries of this list fit. Remove or rename the others first.",
        )
    return hits[0]


def _keys(path: Path, position: int) -> tuple[str, ...]:
    """The keys of `path` from `position` on; an item that does not exist cannot be added on the way."""
    keys = []
    for end, step in enumerate(path[position:], position + 1):
        if not isinstance(step, str):
            raise _missing(path[:end])
        keys.append(step)
    return tuple(keys)


def _get(data: Any, place: Place) -> Any:
    for step in place:
        data = data[step]
    return data


def _refuse_second(data: Any, place: Place, value: Any, *, but: str | int | None = None) -> None:
    """Refuse a `name` that another item of the list at `place` has."""
    items = _get(data, place)
    name = value.get("name") if isinstance(value, dict) else None
    if name is None or not isinstance(items, list):
        return
    for number, item in enumerate(items):
        if number != but and isinstance(item, dict) and item.get("name") == name:
            raise YamlRefused(
                "exists-already",
                f"This list has an entry named {name} already. Change that one, or choose another name.",
            )


def _emptied(data: Any, place: Place) -> Place:
    """The highest place that would hold nothing any more without what stands at `place`."""
    while place and len(_get(data, place[:-1])) == 1:
        place = place[:-1]
    return place


def _changes(place: Place, old: Any, new: Any) -> Iterator[Step]:
    """The smallest steps that turn `old` into `new`."""
    if same(old, new):
        return
    if isinstance(old, dict) and isinstance(new, dict) and _can_align(old, new):
        yield from _key_changes(place, old, new)
    elif isinstance(old, list) and isinstance(new, list) and old and new:
        yield from _item_changes(place, old, new)
    else:
        yield Put(place, new)


def _can_align(old: dict[Any, Any], new: dict[Any, Any]) -> bool:
    return bool(old.keys() & new.keys()) and all(isinstance(key, str) for key in [*old, *new])


def _key_changes(place: Place, old: dict[str, Any], new: dict[str, Any]) -> Iterator[Step]:
    before = None
    for key, value in new.items():
        if key in old:
            yield from _changes((*place, key), old[key], value)
        else:
            yield InsertKey(place, key, value, before)
        before = key
    yield from (Drop((*place, key)) for key in old if key not in new)


def _item_changes(place: Place, old: list[Any], new: list[Any]) -> Iterator[Step]:
    """Items with the same name are the same entry; changes come last first, so that no place moves."""
    blocks = SequenceMatcher(None, _labels(old), _labels(new), autojunk=False).get_opcodes()
    if any(start == end == 0 for _, start, end, _, _ in blocks):
        # Nothing stands in front of a new first item, so there is no line to write it behind.
        yield Put(place, new)
        return
    for _, start, end, first, last in reversed(blocks):
        both = min(end - start, last - first)
        for number in reversed(range(start + both, end)):
            yield Drop((*place, number))
        for number, value in enumerate(new[first + both : last], start + both):
            yield InsertItem(place, number, value)
        for number in range(both):
            yield from _changes((*place, start + number), old[start + number], new[first + number])


def _labels(items: list[Any]) -> list[str]:
    return [str(item["name"]) if isinstance(item, dict) and "name" in item else repr(item) for item in items]


def _said(path: Path) -> str:
    """A path as people say it: `models > fct_orders > columns`."""
    return " > ".join(step.value if isinstance(step, Named) else str(step) for step in path)


def _missing(path: Path) -> YamlRefused:
    return YamlRefused(
        "no-such-entry",
        f"{_said(path)} does not exist in this file. Reload it: it may have been renamed or moved.",
    )


def _not_a(kind: str, path: Path) -> YamlRefused:
    return YamlRefused(
        "unsupported-shape",
        f"{_said(path) or 'The file'} is not a {kind}. Correct it in the file first.",
    )
