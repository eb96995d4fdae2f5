"""The keys of a new entry in the order in which the entries beside it have theirs."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from semantic.codegen.yaml_marks import Document, MappingNode, Node, Place, ScalarNode, SequenceNode, trail
from semantic.codegen.yaml_steps import InsertItem, InsertKey, Put, Step

# What a mapping is: the key of the list that it is in, and the keys that lead from its item to it.
Kind: TypeAlias = tuple[str, ...]
Orders: TypeAlias = "defaultdict[Kind, Counter[tuple[str, ...]]]"

# A column has one of these, in the same place.
_MARKS = {"entity": "dimension"}
_TESTS = frozenset({("tests",), ("data_tests",)})
# A test is named by its key, or by one of these.
_OF_A_TEST = frozenset({"name", "test_name", "description", "arguments", "config", "meta"})


def like_neighbours(document: Document, step: Step) -> Step:
    """The step with its keys, or its one key, in the order of others in the same list, or else in the file.

    What these do not show stays where it is.
    """
    match step:
        case InsertItem(place, _index, value) if isinstance(value, dict):
            kind = _kind((*place, 0))
            return replace(step, value=_Neighbours.of(document, place).arranged(value, kind))
        case InsertKey(place, key, value, after):
            found = _Neighbours.of(document, place)
            there = trail(document, place)[-1]
            behind = found.behind(key, _keys(there), _kind(place), after)
            return replace(step, value=found.arranged(value, _kind((*place, key))), after=behind)
        case Put(place, value) if place and isinstance(value, dict | list) and not _at(document.data, place):
            found = _Neighbours.of(document, place[:-1])
            return replace(step, value=found.arranged(value, _kind(place)))
    return step


@dataclass(slots=True)
class _Neighbours:
    """How often the mappings of each kind have which keys in which order."""

    near: Orders = field(default_factory=lambda: defaultdict(Counter))  # in the same list
    far: Orders = field(default_factory=lambda: defaultdict(Counter))  # in the file

    @classmethod
    def of(cls, document: Document, place: Place) -> _Neighbours:
        """Those around a place, which exists."""
        found = cls()
        held = trail(document, place) if document.root else []
        home = next((node for node in reversed(held) if isinstance(node, SequenceNode)), None)
        for kind, holder, node in _mappings(document.root):
            keys = tuple(_MARKS.get(key, key) for key in _keys(node))
            found.far[kind][keys] += 1
            if holder is not None and holder is home:
                found.near[kind][keys] += 1
        return found

    def arranged(self, value: Any, kind: Kind) -> Any:
        """New data of a kind with the keys of its mappings in order."""
        if isinstance(value, list):
            return [self.arranged(item, kind[-1:]) for item in value]
        if not isinstance(value, dict):
            return value
        shown = {key for keys in self.far[kind] for key in keys}
        known = [key for key in value if _MARKS.get(key, key) in shown]
        order = iter(self._ordered(known, kind))
        keys = [next(order) if key in known else key for key in value]
        return type(value)({key: self.arranged(value[key], _below(kind, str(key))) for key in keys})

    def behind(self, key: str, there: Sequence[str], kind: Kind, usual: str | None) -> str | None:
        """Behind which of the keys that are there a new one stands; None for the last one of them."""
        places = range(1, len(there) + 1)
        if not there:
            return usual
        usually = there.index(usual) + 1 if usual in there else len(there)

        def wrong(at: int) -> int:
            """How many of the keys stand on the wrong side of a place."""
            above = sum(self._votes(key, one, kind) > 0 for one in there[:at])
            return above + sum(self._votes(one, key, kind) > 0 for one in there[at:])

        best = min(places, key=lambda at: (wrong(at), abs(at - usually)))
        return usual if best == usually else there[best - 1]

    def _ordered(self, keys: list[Any], kind: Kind) -> list[Any]:
        left, found = list(keys), []
        while left:
            free = (one for one in left if not any(self._votes(other, one, kind) > 0 for other in left))
            found.append(next(free, left[0]))
            left.remove(found[-1])
        return found

    def _votes(self, one: str, other: str, kind: Kind) -> int:
        """How many mappings more have one key before the other than the other way round."""
        one, other = _MARKS.get(one, one), _MARKS.get(other, other)
        for orders in (self.near, self.far):
            votes = sum(
                count if keys.index(one) < keys.index(other) else -count
                for keys, count in orders[kind].items()
                if one != other and one in keys and other in keys
            )
            if votes:
                return votes
        return 0


def _mappings(root: Node | None) -> Iterator[tuple[Kind, SequenceNode | None, MappingNode]]:
    """Every mapping of a file with its kind and the list that it is in, in no order."""
    waiting: list[tuple[Node, Kind, SequenceNode | None]] = [(root, (), None)] if root else []
    while waiting:
        node, kind, holder = waiting.pop()
        if isinstance(node, SequenceNode):
            waiting += [(item, kind[-1:], node) for item in node.items if not isinstance(item, ScalarNode)]
        elif isinstance(node, MappingNode):
            yield kind, holder, node
            waiting += [
                (pair.value, _below(kind, pair.key.value), holder)
                for pair in node.pairs
                if isinstance(pair.key, ScalarNode) and not isinstance(pair.value, ScalarNode)
            ]


def _keys(node: Node) -> tuple[str, ...]:
    pairs = node.pairs if isinstance(node, MappingNode) else ()
    return tuple(pair.key.value for pair in pairs if isinstance(pair.key, ScalarNode))


def _kind(place: Place) -> Kind:
    kind: Kind = ()
    for step in place:
        kind = kind[-1:] if isinstance(step, int) else _below(kind, step)
    return kind


def _below(kind: Kind, key: str) -> Kind:
    return (*kind, "*" if kind in _TESTS and key not in _OF_A_TEST else key)


def _at(data: Any, place: Place) -> Any:
    for step in place:
        data = data.get(step) if isinstance(data, dict) else data[step]
    return data
