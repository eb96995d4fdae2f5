"""What dbt says of a unit test that failed: the table that sets apart what was expected and what came."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

Row: TypeAlias = Mapping[str, str]
_HEAD, _CHANGED, _CAME, _EXPECTED, _ALIKE = "@@", "→", "+++", "---", ("", "...")


@dataclass(frozen=True, slots=True)
class Difference:
    """Column → value as dbt shows it (`NULL` is blank), of a row as expected and as it came.

    One of them is None where dbt found no row that belongs to the other.
    """

    expected: Row | None
    actual: Row | None

    @property
    def shared(self) -> dict[str, str]:
        """What both rows have alike; of a single row nothing."""
        if self.expected is None or self.actual is None:
            return {}
        return {name: one for name, one in self.expected.items() if self.actual[name] == one}


def differences(message: str) -> list[Difference]:
    """The rows that differ, those that nobody expected last; none where no table in the message can be read.

    The table is that of daff (https://paulfitz.github.io/daff-doc/spec.html), as text: `→` marks a row of
    which cells read `expected→actual`, `---` and `+++` are rows of one side alone, `...` stands for rows that
    are alike.
    """
    lines = [line for line in message.splitlines() if line.strip()]
    head = next((at for at, line in enumerate(lines) if line.startswith(_HEAD)), None)
    if head is None:
        return []
    try:
        (_mark, *names), *rows = ([cell.strip() for cell in row] for row in csv.reader(lines[head:]))
        if any(len(cells) != len(names) + 1 for cells in rows):
            return []
        return list(
            _matched([_difference(mark, names, cells) for mark, *cells in rows if mark not in _ALIKE])
        )
    except (ValueError, csv.Error):
        return []


def _difference(mark: str, names: list[str], cells: list[str]) -> Difference:
    """One row; raises ValueError where its cells can be read in several ways."""
    if mark == _EXPECTED:
        return Difference(dict(zip(names, cells, strict=True)), None)
    if mark == _CAME:
        return Difference(None, dict(zip(names, cells, strict=True)))
    if mark != _CHANGED or any(cell.count(_CHANGED) > 1 for cell in cells):
        raise ValueError(mark)
    sides = [cell.partition(_CHANGED)[::2] if _CHANGED in cell else (cell, cell) for cell in cells]
    expected, actual = ([side[at] for side in sides] for at in (0, 1))
    return Difference(dict(zip(names, expected, strict=True)), dict(zip(names, actual, strict=True)))


def _matched(found: list[Difference]) -> Iterator[Difference]:
    """Rows of one side alone are put beside the one of the other that differs in a single value."""
    came = [one for one in found if one.expected is None]
    for one in found:
        if one.actual is not None and one.expected is not None:
            yield one
        elif one.expected is not None:
            together = (Difference(one.expected, other.actual) for other in came)
            both = next((pair for pair in together if len(pair.shared) == len(one.expected) - 1), one)
            came = [other for other in came if other.actual is not both.actual]
            yield both
    yield from came
