"""Boxes in columns from left to right, with few crossings and short ways: a layered drawing of a graph.

After Sugiyama, Tagawa and Toda, "Methods for visual understanding of hierarchical system structures" (1981):
ranks by the longest path, order within a rank by the mean place of neighbours. Heights are then placed as
near to their neighbours as their order allows, by isotonic regression.
"""

from __future__ import annotations

import itertools
from bisect import bisect_right, insort
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

_SWEEPS = 6


@dataclass(frozen=True, slots=True)
class Layout:
    """`rank` is the column of each box; `top` its upper edge; `routes` the heights at which an edge crosses
    the columns between its ends."""

    rank: Mapping[str, int]
    top: Mapping[str, float]
    routes: Mapping[tuple[str, str], tuple[float, ...]]
    height: float


def layered(
    heights: Mapping[str, float], edges: Iterable[tuple[str, str]], *, gap: float, thread: float
) -> Layout:
    """A drawing of boxes with these heights; `thread` is the room for an edge that passes a column."""
    pairs = sorted({pair for pair in edges if pair[0] != pair[1] and set(pair) <= heights.keys()})
    rank = _ranks(list(heights), pairs)
    pairs = [pair for pair in pairs if rank[pair[0]] < rank[pair[1]]]
    layers, before, after, routes = _with_threads(list(heights), pairs, rank)
    layers = _ordered(layers, before, after)
    size = {
        key: heights.get(key, thread) if isinstance(key, str) else thread for one in layers for key in one
    }
    centre = _placed(layers, before, after, size, gap)
    lowest = min((centre[key] - size[key] / 2 for key in centre), default=0.0)
    return Layout(
        rank,
        {key: centre[key] - size[key] / 2 - lowest for key in heights},
        {pair: tuple(centre[one] - lowest for one in passed) for pair, passed in routes.items()},
        max((centre[key] + size[key] / 2 - lowest for key in centre), default=0.0),
    )


def _ranks(keys: Sequence[str], pairs: Sequence[tuple[str, str]]) -> dict[str, int]:
    """The length of the longest path to each; what nothing leads to stands right before what it leads to."""
    after: dict[str, list[str]] = {key: [] for key in keys}
    waits = dict.fromkeys(keys, 0)
    for parent, child in pairs:
        after[parent].append(child)
        waits[child] += 1
    first = [key for key in keys if not waits[key]]
    rank = dict.fromkeys(keys, 0)
    ready, roots = list(first), set(first)
    for key in ready:
        for child in after[key]:
            rank[child] = max(rank[child], rank[key] + 1)
            waits[child] -= 1
            if not waits[child]:
                ready.append(child)
    for key in roots:
        if after[key]:
            rank[key] = min(rank[child] for child in after[key]) - 1
    lowest = min(rank.values(), default=0)
    return {key: place - lowest for key, place in rank.items()}


Thread = tuple[str, str, int]
Key = str | Thread


def _with_threads(
    keys: Sequence[str], pairs: Sequence[tuple[str, str]], rank: Mapping[str, int]
) -> tuple[list[list[Key]], dict[Key, list[Key]], dict[Key, list[Key]], dict[tuple[str, str], list[Key]]]:
    """Layers in which an edge that passes a column takes room there, with the neighbours of each key."""
    layers: list[list[Key]] = [[] for _ in range(max(rank.values(), default=0) + 1)]
    for key in keys:
        layers[rank[key]].append(key)
    before: dict[Key, list[Key]] = {}
    after: dict[Key, list[Key]] = {}
    routes: dict[tuple[str, str], list[Key]] = {}
    for parent, child in pairs:
        passed: list[Key] = [(parent, child, place) for place in range(rank[parent] + 1, rank[child])]
        for thread, place in zip(passed, range(rank[parent] + 1, rank[child]), strict=True):
            layers[place].append(thread)
        chain: list[Key] = [parent, *passed, child]
        for one, two in itertools.pairwise(chain):
            after.setdefault(one, []).append(two)
            before.setdefault(two, []).append(one)
        routes[parent, child] = passed
    return layers, before, after, routes


def _ordered(
    layers: list[list[Key]], before: Mapping[Key, list[Key]], after: Mapping[Key, list[Key]]
) -> list[list[Key]]:
    best, fewest = [list(layer) for layer in layers], _crossings(layers, after)
    for sweep in range(_SWEEPS):
        beside = before if sweep % 2 == 0 else after
        place = {key: float(at) for layer in layers for at, key in enumerate(layer)}
        for layer in layers if sweep % 2 == 0 else reversed(layers):
            layer.sort(key=_mean(place, beside))
            place.update((key, float(at)) for at, key in enumerate(layer))
        crossings = _crossings(layers, after)
        if crossings < fewest:
            best, fewest = [list(layer) for layer in layers], crossings
    return best


def _mean(place: Mapping[Key, float], beside: Mapping[Key, list[Key]]) -> Callable[[Key], float]:
    def of(key: Key) -> float:
        others = beside.get(key)
        return sum(place[one] for one in others) / len(others) if others else place[key]

    return of


def _crossings(layers: Sequence[Sequence[Key]], after: Mapping[Key, Sequence[Key]]) -> int:
    count = 0
    for left, right in itertools.pairwise(layers):
        place = {key: at for at, key in enumerate(right)}
        ends: list[int] = []
        for key in left:
            mine = sorted(place[other] for other in after.get(key, ()))
            count += sum(len(ends) - bisect_right(ends, end) for end in mine)
            for end in mine:
                insort(ends, end)
    return count


def _placed(
    layers: Sequence[Sequence[Key]],
    before: Mapping[Key, list[Key]],
    after: Mapping[Key, list[Key]],
    size: Mapping[Key, float],
    gap: float,
) -> dict[Key, float]:
    """The centre of each key."""
    centre: dict[Key, float] = {}
    for layer in layers:
        _stack(layer, dict.fromkeys(layer, 0.0), size, gap, centre)
    for sweep in range(_SWEEPS):
        beside = before if sweep % 2 == 0 else after
        for layer in layers if sweep % 2 == 0 else reversed(layers):
            wished = {key: _mean(centre, beside)(key) for key in layer}
            _stack(layer, wished, size, gap, centre)
    return centre


def _stack(
    layer: Sequence[Key],
    wished: Mapping[Key, float],
    size: Mapping[Key, float],
    gap: float,
    centre: dict[Key, float],
) -> None:
    """Place a layer's keys in their order, `gap` apart, as near as can be to where each wishes to be.

    Without the room that keys before it take, the best places are the isotonic regression of the wishes:
    pool adjacent violators.
    """
    offsets, used = [], 0.0
    for key in layer:
        offsets.append(used + size[key] / 2)
        used += size[key] + gap
    pools: list[tuple[float, int]] = []
    for key, offset in zip(layer, offsets, strict=True):
        mean, count = wished[key] - offset, 1
        while pools and pools[-1][0] >= mean:
            other, many = pools.pop()
            mean, count = (mean * count + other * many) / (count + many), count + many
        pools.append((mean, count))
    starts = [mean for mean, count in pools for _ in range(count)]
    centre.update((key, start + offset) for key, start, offset in zip(layer, starts, offsets, strict=True))
