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
    names = list(heights)
    number = {name: at for at, name in enumerate(names)}
    known = sorted({pair for pair in edges if pair[0] != pair[1] and set(pair) <= heights.keys()})
    pairs = [(number[parent], number[child]) for parent, child in known]
    rank = _ranks(len(names), pairs)
    pairs = [(parent, child) for parent, child in pairs if rank[parent] < rank[child]]
    layers, before, after, routes = _with_threads(pairs, rank)
    layers = _ordered(layers, before, after)
    size = [*heights.values(), *[thread] * (len(before) - len(names))]
    centre = _placed(layers, before, after, size, gap)
    lowest = min((at - high / 2 for at, high in zip(centre, size, strict=True)), default=0.0)
    return Layout(
        dict(zip(names, rank, strict=True)),
        {name: centre[key] - size[key] / 2 - lowest for key, name in enumerate(names)},
        {
            (names[parent], names[child]): tuple(centre[one] - lowest for one in passed)
            for (parent, child), passed in routes.items()
        },
        max((at + high / 2 - lowest for at, high in zip(centre, size, strict=True)), default=0.0),
    )


def _ranks(count: int, pairs: Sequence[tuple[int, int]]) -> list[int]:
    """The length of the longest path to each; what nothing leads to stands right before what it leads to."""
    after: list[list[int]] = [[] for _ in range(count)]
    waits = [0] * count
    for parent, child in pairs:
        after[parent].append(child)
        waits[child] += 1
    first = [key for key in range(count) if not waits[key]]
    rank = [0] * count
    ready = list(first)
    for key in ready:
        for child in after[key]:
            rank[child] = max(rank[child], rank[key] + 1)
            waits[child] -= 1
            if not waits[child]:
                ready.append(child)
    for key in first:
        if after[key]:
            rank[key] = min(rank[child] for child in after[key]) - 1
    lowest = min(rank, default=0)
    return [place - lowest for place in rank]


def _with_threads(
    pairs: Sequence[tuple[int, int]], rank: Sequence[int]
) -> tuple[list[list[int]], list[list[int]], list[list[int]], dict[tuple[int, int], list[int]]]:
    """Layers in which an edge that passes a column takes room there, with the neighbours of each key.

    Boxes are numbered in their order, and threads after them.
    """
    layers: list[list[int]] = [[] for _ in range(max(rank, default=0) + 1)]
    for key, place in enumerate(rank):
        layers[place].append(key)
    before: list[list[int]] = [[] for _ in rank]
    after: list[list[int]] = [[] for _ in rank]
    routes: dict[tuple[int, int], list[int]] = {}
    for parent, child in pairs:
        passed = []
        for place in range(rank[parent] + 1, rank[child]):
            passed.append(len(before))
            layers[place].append(len(before))
            before.append([])
            after.append([])
        for one, two in itertools.pairwise([parent, *passed, child]):
            after[one].append(two)
            before[two].append(one)
        routes[parent, child] = passed
    return layers, before, after, routes


def _ordered(
    layers: list[list[int]], before: Sequence[list[int]], after: Sequence[list[int]]
) -> list[list[int]]:
    best, fewest = [list(layer) for layer in layers], _crossings(layers, after)
    place = [0.0] * len(before)
    for sweep in range(_SWEEPS):
        mean = _mean(place, before if sweep % 2 == 0 else after)
        _count(layers, place)
        for layer in layers if sweep % 2 == 0 else reversed(layers):
            layer.sort(key=mean)
            _count([layer], place)
        crossings = _crossings(layers, after)
        if crossings < fewest:
            best, fewest = [list(layer) for layer in layers], crossings
    return best


def _count(layers: Iterable[Sequence[int]], place: list[float]) -> None:
    for layer in layers:
        for at, key in enumerate(layer):
            place[key] = float(at)


def _mean(place: Sequence[float], beside: Sequence[Sequence[int]]) -> Callable[[int], float]:
    def of(key: int) -> float:
        others = beside[key]
        return sum([place[one] for one in others]) / len(others) if others else place[key]

    return of


def _crossings(layers: Sequence[Sequence[int]], after: Sequence[Sequence[int]]) -> int:
    count = 0
    for left, right in itertools.pairwise(layers):
        place = {key: at for at, key in enumerate(right)}
        ends: list[int] = []
        for key in left:
            mine = sorted([place[other] for other in after[key]])
            for end in mine:
                count += len(ends) - bisect_right(ends, end)
            for end in mine:
                insort(ends, end)
    return count


def _placed(
    layers: Sequence[Sequence[int]],
    before: Sequence[Sequence[int]],
    after: Sequence[Sequence[int]],
    size: Sequence[float],
    gap: float,
) -> list[float]:
    """The centre of each key."""
    centre = [0.0] * len(size)
    for layer in layers:
        _stack(layer, [0.0] * len(layer), size, gap, centre)
    for sweep in range(_SWEEPS):
        mean = _mean(centre, before if sweep % 2 == 0 else after)
        for layer in layers if sweep % 2 == 0 else reversed(layers):
            _stack(layer, [mean(key) for key in layer], size, gap, centre)
    return centre


def _stack(
    layer: Sequence[int],
    wished: Sequence[float],
    size: Sequence[float],
    gap: float,
    centre: list[float],
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
    for wish, offset in zip(wished, offsets, strict=True):
        mean, count = wish - offset, 1
        while pools and pools[-1][0] >= mean:
            other, many = pools.pop()
            mean, count = (mean * count + other * many) / (count + many), count + many
        pools.append((mean, count))
    starts = [mean for mean, count in pools for _ in range(count)]
    for key, start, offset in zip(layer, starts, offsets, strict=True):
        centre[key] = start + offset
