"""Sets of values of one field, blank included, and the elementary cells that they are made of.

A set never lists values one by one: it is a few intervals, or a few texts or all but these. All operations
go over an `Axis`: the constants that occur cut the line of all values into points and the gaps between them,
texts into those that occur and all others, and blank is a cell of its own. On an axis a set is an integer
with one bit for each cell, so that union, intersection and complement are `|`, `&` and `^`. (Coordinate
compression; the same reduction as the hyper-rectangles in D. Calvanese et al., "Semantics and analysis of DMN
decision tables", BPM 2016.)
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["integer", "number", "date", "timestamp", "text", "boolean"]
Ordered: TypeAlias = int | float | date
Value: TypeAlias = int | float | str | bool | date

ORDERED: frozenset[Kind] = frozenset(("integer", "number", "date", "timestamp"))
DATES: frozenset[Kind] = frozenset(("date", "timestamp"))


@dataclass(frozen=True, slots=True)
class Interval:
    """The values between two ends; an end that is None is endless, an open end does not belong to it."""

    low: Ordered | None = None
    high: Ordered | None = None
    low_open: bool = False
    high_open: bool = False

    @property
    def is_point(self) -> bool:
        return self.low is not None and self.low == self.high

    def covers(self, other: Interval) -> bool:
        """Whether every value of `other` is in here."""
        return _reaches(self.low, self.low_open, other.low, other.low_open, 1) and _reaches(
            self.high, self.high_open, other.high, other.high_open, -1
        )

    def has_whole(self) -> bool:
        """Whether there is a whole number, or a day, between the ends."""
        if self.low is None or self.high is None:
            return True
        low, high = _day(self.low), _day(self.high)
        first = math.floor(low) + 1 if self.low_open else math.ceil(low)
        last = math.ceil(high) - 1 if self.high_open else math.floor(high)
        return first <= last


def _reaches(mine: Ordered | None, mine_open: bool, other: Ordered | None, open_: bool, sign: int) -> bool:  # noqa: FBT001
    """Whether an end lies as far out as that of another interval; `sign` 1 for lower ends."""
    if mine is None:
        return True
    if other is None:
        return False
    ahead = compare(other, mine) * sign
    return ahead > 0 or (ahead == 0 and (not mine_open or open_))


def _day(value: Ordered) -> int | float:
    return value.toordinal() if isinstance(value, date) else value


def compare(one: Ordered, other: Ordered) -> int:
    """-1, 0 or 1, as one value is before, at or behind the other."""
    left, right = _day(one), _day(other)
    return (left > right) - (left < right)


@dataclass(frozen=True, slots=True)
class Values:
    """A set of values of one kind.

    Numbers and dates lie in `intervals` (ordered, apart from each other). Texts and yes/no are the `choices`,
    or with `others` all texts but the choices. `blank` says whether blank belongs to it.
    """

    kind: Kind
    blank: bool = False
    intervals: tuple[Interval, ...] = ()
    choices: frozenset[str | bool] = frozenset()
    others: bool = False

    @property
    def has_values(self) -> bool:
        """Whether anything but blank is in it."""
        return bool(self.intervals or self.choices or self.others)

    @property
    def is_full(self) -> bool:
        """Whether every value is in it; blank may be missing."""
        if self.kind == "boolean":
            return self.choices == {True, False}
        return self.intervals == (Interval(),) or (self.others and not self.choices)

    @property
    def is_everything(self) -> bool:
        return self.blank and self.is_full

    @property
    def is_empty(self) -> bool:
        return not self.blank and not self.has_values

    def constants(self) -> set[Value]:
        """The values that mark its ends."""
        if self.kind not in ORDERED:
            return set(self.choices)
        ends = (end for interval in self.intervals for end in (interval.low, interval.high))
        return {end for end in ends if end is not None}

    def contains(self, value: Value | None) -> bool:
        """Whether a value, or with None blank, is in the set."""
        if value is None:
            return self.blank
        if self.kind in ORDERED:
            assert not isinstance(value, str)
            point = Interval(value, value)
            return any(interval.covers(point) for interval in self.intervals)
        return (value in self.choices) != self.others

    @property
    def excluded(self) -> tuple[Ordered, ...]:
        """The points that are all that is missing of a line: 5 of `< 5, > 5`; () for any other shape."""
        ends = [interval.high for interval in self.intervals[:-1]]
        apart = zip(self.intervals, self.intervals[1:], strict=False)
        holes = all(a.high == b.low and a.high_open and b.low_open for a, b in apart)
        endless = bool(ends) and self.intervals[0].low is None and self.intervals[-1].high is None
        return tuple(end for end in ends if end is not None) if holes and endless else ()


def everything(kind: Kind) -> Values:
    """All values of a kind, and blank."""
    if kind in ORDERED:
        return Values(kind, blank=True, intervals=(Interval(),))
    if kind == "boolean":
        return Values(kind, blank=True, choices=frozenset((True, False)))
    return Values(kind, blank=True, others=True)


class Axis:
    """The elementary cells into which constants cut all values of a kind.

    `cells` are sets that do not meet; together they are everything. Blank is the last. With `whole`,
    gaps of whole numbers and of days in which there is none are left out, so that `> 60` and `>= 61` are
    the same set.
    """

    def __init__(self, kind: Kind, constants: Iterable[Value] = (), *, whole: bool = False) -> None:
        self.kind = kind
        found = _cells(kind, constants)
        if whole and kind in {"integer", "date"}:
            found = [cell for cell in found if cell.intervals[0].has_whole()]
        self.cells: tuple[Values, ...] = (*found, Values(kind, blank=True))
        self.blank = 1 << len(found)
        self.all = (self.blank << 1) - 1

    @classmethod
    def of(cls, sets: Iterable[Values], *, whole: bool = False) -> Axis:
        """The axis on which all these sets, one or more of one kind, can be told exactly."""
        given = tuple(sets)
        return cls(given[0].kind, {end for values in given for end in values.constants()}, whole=whole)

    def mask(self, values: Values) -> int:
        """The cells that a set is made of; its constants have to be among those of the axis."""
        if values.is_everything:
            return self.all
        return sum(1 << at for at, cell in enumerate(self.cells) if _holds(values, cell))

    def values(self, mask: int) -> Values:
        """The set that is made of these cells, in its shortest form."""
        blank = bool(mask & self.blank)
        chosen = [cell for at, cell in enumerate(self.cells[:-1]) if mask >> at & 1]
        if self.kind in ORDERED:
            return Values(self.kind, blank, self._joined(mask))
        if any(cell.others for cell in chosen):
            left_out = (cell for at, cell in enumerate(self.cells[:-1]) if not mask >> at & 1)
            return Values(self.kind, blank, choices=_choices(left_out), others=True)
        return Values(self.kind, blank, choices=_choices(chosen))

    def _joined(self, mask: int) -> tuple[Interval, ...]:
        found: list[Interval] = []
        before = False
        for at, cell in enumerate(self.cells[:-1]):
            part = cell.intervals[0]
            here = bool(mask >> at & 1)
            if here and before:
                part = Interval(found[-1].low, part.high, found[-1].low_open, part.high_open)
                found.pop()
            if here:
                found.append(part)
            before = here
        return tuple(found)


def _cells(kind: Kind, constants: Iterable[Value]) -> list[Values]:
    if kind == "boolean":
        return [Values(kind, choices=frozenset((value,))) for value in (True, False)]
    if kind == "text":
        texts = sorted(str(value) for value in set(constants))
        single = [Values(kind, choices=frozenset((text,))) for text in texts]
        return [*single, Values(kind, choices=frozenset(texts), others=True)]
    points = sorted((value for value in set(constants) if not isinstance(value, str)), key=_day)
    parts: list[Interval] = []
    low: Ordered | None = None
    for point in points:
        parts += [Interval(low, point, low is not None, high_open=True), Interval(point, point)]
        low = point
    parts.append(Interval(low, None, low is not None))
    return [Values(kind, intervals=(part,)) for part in parts]


def _holds(values: Values, cell: Values) -> bool:
    if cell.blank:
        return values.blank
    if values.kind in ORDERED:
        return any(interval.covers(cell.intervals[0]) for interval in values.intervals)
    if cell.others:
        return values.others
    return values.contains(next(iter(cell.choices)))


def _choices(cells: Iterable[Values]) -> frozenset[str | bool]:
    return frozenset(choice for cell in cells for choice in cell.choices)
