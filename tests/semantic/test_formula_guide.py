"""The guide to formulas holds: each example works and reads as it says, or has the very problem that it shows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from semantic.formula import CODES, analyse
from semantic.handbook.shop import SHOP, START

GUIDE = Path(__file__).parents[2] / "docs/guide/formulas.md"
TEXT = GUIDE.read_text(encoding="utf-8")
_BLOCK = re.compile(
    r"^```formula ?(\S*)( any model)?\n(.*?)^```\n(?:> ([^\n]*)\n)?", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True)
class Example:
    """A line of a block; of a wrong one the code, and of the last line of a block how it reads, if that is said."""

    formula: str
    code: str
    model: str
    reads_as: str


def examples() -> list[Example]:
    found = []
    for code, anywhere, body, sentence in _BLOCK.findall(TEXT):
        lines = body.splitlines()
        for line in lines:
            said = sentence if line == lines[-1] else ""
            found.append(Example(line, code, "" if anywhere else START, said))
    return found


ALL = examples()
RIGHT = [example for example in ALL if not example.code]
WRONG = [example for example in ALL if example.code]


def test_every_block_of_the_guide_is_executed() -> None:
    assert len(_BLOCK.findall(TEXT)) == TEXT.count("```formula")
    assert TEXT.count("```") == 2 * TEXT.count("```formula")
    assert len([example for example in RIGHT if example.reads_as]) == TEXT.count("\n> ")
    assert len(RIGHT) > 40
    assert len(WRONG) > 20


@pytest.mark.parametrize("example", RIGHT, ids=lambda example: example.formula)
def test_the_example_works_without_a_remark(example: Example) -> None:
    analysis = analyse(example.formula, SHOP, model=example.model)

    # The guide says of these periods that they are remarked on.
    assert {problem.code for problem in analysis.problems} <= {"relative-date"}
    assert analysis.ok
    if example.reads_as:
        assert example.reads_as == analysis.reads_as[0].upper() + analysis.reads_as[1:]


@pytest.mark.parametrize("example", WRONG, ids=lambda example: example.formula)
def test_the_wrong_example_has_the_problem_that_it_shows(example: Example) -> None:
    problems = analyse(example.formula, SHOP, model=example.model).problems

    assert example.code in CODES
    assert example.code in {problem.code for problem in problems}


def test_codes_that_the_guide_names_in_passing_exist() -> None:
    named = set(re.findall(r"\(`([a-z]+(?:-[a-z]+)+)`\)", TEXT))

    assert named == {"relative-date"}
    assert named <= set(CODES)
