"""Formulas made at random, damaged and hostile: what falls, and what comes out that is no plain expression.

BISYNC_BENCH_FORMULAS (100000) says how many, BISYNC_BENCH_SEED (1) which. It ends with exit code 1 where
one fell, and early, with what was found till then, on Ctrl-C.
"""

from __future__ import annotations

import os
import random
import sys
from collections import Counter
from contextlib import suppress
from itertools import islice
from time import perf_counter

from bench._common import emit
from semantic.definitions import Vocabulary
from semantic.formula import analyse
from tests.semantic.formula_fuzz import formulas, problem_of, vocabulary

COUNT = int(os.environ.get("BISYNC_BENCH_FORMULAS", "100000"))
SEED = int(os.environ.get("BISYNC_BENCH_SEED", "1"))


def main() -> int:
    known, chance = vocabulary(), random.Random(SEED)
    found: Counter[str] = Counter()
    started = perf_counter()
    with suppress(KeyboardInterrupt):
        for text in islice(formulas(chance), COUNT):
            ask(text, known, chance, found)
    for case in ("formulas", "with a meaning", "crashes", "wrong"):
        emit("fuzz", case, found[case], "formulas")
    emit("fuzz", "time", perf_counter() - started, "s")
    return 1 if found["crashes"] or found["wrong"] else 0


def ask(text: str, known: Vocabulary, chance: random.Random, found: Counter[str]) -> None:
    """What comes of one text; what is wrong with that is told at once."""
    try:
        problem = problem_of(text, known, chance)
    except Exception as error:  # noqa: BLE001 - whatever falls is what is looked for
        problem = f"{type(error).__name__}: {error}"
        found["crashes"] += 1
    else:
        found["wrong"] += bool(problem)
        found["with a meaning"] += analyse(text, known, model="sales").ok
    found["formulas"] += 1
    if problem:
        print(f"{text!r}\n    {problem}", file=sys.stderr)


if __name__ == "__main__":
    raise SystemExit(main())
