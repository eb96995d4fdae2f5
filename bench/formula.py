"""Parsing and checking every formula of the conformance suite, as the form does it with each key."""

from __future__ import annotations

from bench._common import Clock, emit
from semantic.formula import analyse, parse
from tests.semantic.conformance.cases import CASES, QUESTIONS
from tests.semantic.formula_fuzz import vocabulary

FORMULAS = [*dict.fromkeys(one.formula for one in (*CASES, *QUESTIONS))]


def main() -> int:
    known, parsing, checking = vocabulary(), Clock(), Clock()
    emit("formula", "formulas", len(FORMULAS), "formulas")
    for _ in range(5):
        for formula in FORMULAS:
            with parsing.running():
                parse(formula)
            with checking.running():
                analysis = analyse(formula, known, model="sales")
            assert analysis.ok, formula
    parsing.emit("formula", "parse")
    checking.emit("formula", "parse, types, sentence")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
