"""Examples at the boundaries of a decision table, to ask its author whether they were meant so.

For every row one example that it decides, and from there one step over each of its ends: 60 and 61 of `> 60`,
each text and one that is not listed, yes and no, and blank. (Boundary value analysis, one input at a time,
around a case that reaches the row; G. J. Myers, The Art of Software Testing, chapter 4.)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import islice, product

from semantic.formula.phrases import constant
from semantic.rules.sets import DATES, ORDERED, Interval, Kind, Ordered, Value, Values
from semantic.rules.tables import Decision, Input, Rule

MAX_EXAMPLES = 60
_MAX_TRIES = 500
_OTHER = "something else"
_SOME_DAY = date(2026, 1, 1)


@dataclass(frozen=True, slots=True)
class Example:
    """Values of all inputs of a table, what the table says of them today, and which row (from 1) says it.

    `row` is None where the outcome is that of `otherwise`. None as a value or an outcome is blank.
    """

    values: tuple[Value | None, ...]
    outcome: Value | None
    row: int | None


@dataclass(frozen=True, slots=True)
class Examples:
    """Different examples in the order of the rows they are about; `more` where the limit cut them off."""

    examples: tuple[Example, ...]
    more: bool


def boundary_examples(decision: Decision, *, limit: int = MAX_EXAMPLES) -> Examples:
    """The examples at the ends of every cell; deterministic, at most `limit`, never raises."""
    found: dict[tuple[object, ...], Example] = {}
    for values in _rows(decision):
        # True and 1 are equal to Python, not to people.
        key = tuple((type(value), value) for value in values)
        if key in found:
            continue
        if len(found) == limit:
            return Examples(tuple(found.values()), more=True)
        at, outcome = decision.decide(values)
        found[key] = Example(values, outcome, None if at is None else at + 1)
    return Examples(tuple(found.values()), more=False)


def describe(example: Example, decision: Decision) -> str:
    """`days since last order is 61 and tier is blank`"""
    return describe_values(example.values, decision.inputs)


def describe_values(values: Sequence[Value | None], inputs: Sequence[Input]) -> str:
    """`days since last order is 61 and tier is blank`"""
    pairs = zip(inputs, values, strict=True)
    return " and ".join(f"{found.label} is {constant(value)}" for found, value in pairs)


def _rows(decision: Decision) -> Iterator[tuple[Value | None, ...]]:
    columns = [[rule.cells[at] for rule in decision.rules] for at in range(len(decision.inputs))]
    candidates = [_candidates(cells) for cells in columns]
    for at, rule in enumerate(decision.rules):
        base = _reaching(decision, at, rule, candidates)
        if base is None:
            continue
        yield base
        for place, cell in enumerate(rule.cells):
            if cell.is_everything:
                continue
            for value in _ends(cell, candidates[place]):
                yield (*base[:place], value, *base[place + 1 :])


def _candidates(cells: Sequence[Values]) -> list[Value | None]:
    """Values worth a try for an input: on both sides of every end, blank at last."""
    kind = cells[0].kind
    found: list[Value | None] = []
    for cell in cells:
        found += _marks(cell)
    if kind == "boolean":
        found = [True, False]
    elif kind == "text":
        found.append(_other(found))
    elif not found:
        found = [_SOME_DAY if kind in DATES else 0]
    return [*dict.fromkeys(found), None]


def _other(texts: Sequence[Value | None]) -> str:
    """A text that no cell names."""
    numbered = (f"{_OTHER} {count}" for count in range(2, len(texts) + 2))
    return next(name for name in (_OTHER, *numbered) if name not in texts)


def _ends(cell: Values, candidates: Sequence[Value | None]) -> list[Value | None]:
    """What decides whether this cell matches: both sides of its ends, one value it does not name, blank."""
    if cell.kind in ORDERED:
        return [*_marks(cell), None]
    if cell.kind == "boolean":
        return [True, False, None]
    named = sorted(str(choice) for choice in cell.choices)
    other = next((value for value in candidates if value is not None and value not in cell.choices), None)
    return [*named, other, None]


def _marks(cell: Values) -> Sequence[Value | None]:
    if cell.kind not in ORDERED:
        return sorted(map(str, cell.choices))
    step = _step(cell)
    return [value for interval in cell.intervals for value in _sides(interval, step, cell.kind)]


def _sides(interval: Interval, step: Decimal, kind: Kind) -> Iterator[Value]:
    """The values at and beside both ends, the lower end first."""
    low, high = interval.low, interval.high
    if low is not None:
        beside = _moved(low, step if interval.low_open else -step, kind)
        yield from (low, beside) if interval.low_open else (beside, low)
    if high is not None:
        beside = _moved(high, -step if interval.high_open else step, kind)
        yield from (beside, high) if interval.high_open else (high, beside)


def _step(cell: Values) -> Decimal:
    """One whole or one day; of other numbers a hundredth, or the last digit in use where that is finer."""
    if cell.kind != "number":
        return Decimal(1)
    exponents = (Decimal(repr(value)).as_tuple().exponent for value in cell.constants())
    return Decimal(1).scaleb(min([-2, *(exponent for exponent in exponents if isinstance(exponent, int))]))


def _moved(value: Ordered, step: Decimal, kind: Kind) -> Value:
    if isinstance(value, date):
        try:
            return value + timedelta(days=int(step))
        except OverflowError:
            return value
    exact = Decimal(repr(value)) + step
    return int(exact) if exact == exact.to_integral_value() and kind == "integer" else float(exact)


def _reaching(
    decision: Decision, at: int, rule: Rule, candidates: Sequence[Sequence[Value | None]]
) -> tuple[Value | None, ...] | None:
    """Values that this row decides; else values that match it although another row decides; None without."""
    pools = [
        [value for value in pool if cell.contains(value)]
        for cell, pool in zip(rule.cells, candidates, strict=True)
    ]
    tries = islice(product(*pools), _MAX_TRIES)
    first = next(tries, None)
    if first is None or decision.decide(first)[0] == at:
        return first
    return next((values for values in tries if decision.decide(values)[0] == at), first)
