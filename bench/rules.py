"""Checking decision tables for gaps, overlaps and unreachable rows: as people make them, and at random."""

from __future__ import annotations

import random

from bench._common import emit, percentile, timings
from semantic.definitions import Column, Model, ValueType, Vocabulary
from semantic.rules.boxes import check_table
from semantic.rules.tables import Decision, Row, Table, read_table

SIZES = ((10, 3), (30, 4), (60, 5), (100, 6))
COLUMNS: tuple[tuple[str, ValueType], ...] = (
    ("days", "integer"),
    ("orders", "integer"),
    ("tier", "text"),
    ("value", "number"),
    ("vip", "boolean"),
    ("since", "date"),
)
TIERS = ("gold", "silver", "bronze", "new", "lost")


def main() -> int:
    """Each size as bands that follow each other, and at random, which is where the limits matter."""
    for rows, columns in SIZES:
        for name, make in (("bands", _bands), ("random", _random)):
            decision = make(rows, columns)
            seconds = timings(lambda found=decision: check_table(found, VOCABULARY), repeat=7)
            case = f"check_{rows}x{columns}_{name}"
            emit("rules", case, percentile(seconds, 0.5) * 1000, "ms")
            report = check_table(decision, VOCABULARY)
            emit("rules", f"{case}_findings", len(report.findings), "more" if report.more else "all")
    return 0


VOCABULARY = Vocabulary(
    models={"c": Model("c", "model.x.c", tuple(Column(name, kind) for name, kind in COLUMNS))}, metrics={}
)


def _decision(columns: int, rows: list[Row]) -> Decision:
    table = Table(tuple(name for name, _ in COLUMNS[:columns]), tuple(rows), "other")
    decision = read_table(table, VOCABULARY, "c").decision
    assert decision is not None
    return decision


def _bands(rows: int, columns: int) -> Decision:
    """Bands of the first column, each with one condition on another: what people write."""
    chance = random.Random(1)
    found = []
    for at in range(rows):
        cells = [f"[{at * 10}..{at * 10 + 10})", *("-" for _ in range(columns - 1))]
        other = 1 + at % (columns - 1)
        cells[other] = _cell(COLUMNS[other][1], chance)
        found.append(Row(tuple(cells), f"band {at % 4}"))
    return _decision(columns, found)


def _random(rows: int, columns: int) -> Decision:
    chance = random.Random(2)
    kinds = [kind for _, kind in COLUMNS[:columns]]
    cells = [
        tuple("-" if chance.random() < 0.35 else _cell(kind, chance) for kind in kinds) for _ in range(rows)
    ]
    return _decision(columns, [Row(row, f"outcome {chance.randrange(4)}") for row in cells])


def _cell(kind: ValueType, chance: random.Random) -> str:
    low = chance.randrange(100)
    if kind in {"integer", "number"}:
        return chance.choice(
            (f"> {low}", f"<= {low}", f"[{low}..{low + 30})", "blank", f"{low} to {low + 5}")
        )
    if kind == "text":
        return chance.choice(
            (chance.choice(TIERS), ", ".join(chance.sample(TIERS, 2)), "not(gold)", "not blank")
        )
    if kind == "boolean":
        return chance.choice(("yes", "no", "not(yes)", "blank"))
    return chance.choice((f">= 2026-01-{1 + low % 28:02}", f"< 2026-02-{1 + low % 28:02}", "not blank"))


if __name__ == "__main__":
    raise SystemExit(main())
