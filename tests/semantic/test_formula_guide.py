"""The guide to formulas holds for the demo company: each example works, or has the very problem that it shows."""

from __future__ import annotations

import gzip
import json
import re
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from semantic.definitions import Dimension, Vocabulary
from semantic.formula import CODES, analyse
from semantic.importer import vocabulary

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/guide/formulas.md").read_text(encoding="utf-8")
MANIFEST = ROOT / "tests/fixtures/dbt/manifest-1.12.json.gz"
# What the warehouse says of the columns that the guide uses, after a build.
TYPES = {
    "fct_orders": {
        **dict.fromkeys(("order_id", "customer_id", "hire_days", "item_count"), "INTEGER"),
        **dict.fromkeys(("net_amount", "shipping_amount", "refund_amount"), "DECIMAL(18,2)"),
        **dict.fromkeys(("ordered_on", "fulfilled_on"), "DATE"),
        **dict.fromkeys(("status", "channel", "country", "promo_code"), "VARCHAR"),
        **dict.fromkeys(("has_refund", "is_member_order"), "BOOLEAN"),
    },
    "dim_customers": {"country": "VARCHAR", "sales_region": "VARCHAR", "is_member": "BOOLEAN"},
    "customer_analytics": {"lifetime_value": "DECIMAL(18,2)"},
    "user_events": {"duration_seconds": "INTEGER"},
}
_BLOCK = re.compile(
    r"^```formula ?([\w-]*?) ?(any model|from \w+)?\n(.*?)^```\n(?:> ([^\n]*)\n)?", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True)
class Example:
    """A line of a block; of a wrong one the code; of the last line of a block how it reads, if that is said."""

    formula: str
    code: str
    model: str
    reads_as: str


def examples() -> list[Example]:
    found = []
    for code, start, body, sentence in _BLOCK.findall(TEXT):
        model = {"": "fct_orders", "any model": ""}.get(start, start.removeprefix("from "))
        lines = body.splitlines()
        found += [Example(line, code, model, sentence if line == lines[-1] else "") for line in lines]
    return found


ALL = examples()
RIGHT = [example for example in ALL if not example.code]
WRONG = [example for example in ALL if example.code]


@pytest.fixture(scope="module")
def company() -> Vocabulary:
    manifest = json.loads(gzip.decompress(MANIFEST.read_bytes()))
    found = vocabulary(manifest, {}, {f"model.outdoor.{name}": types for name, types in TYPES.items()})
    orders = found.models["fct_orders"]
    assert orders.semantic is not None
    # The one that the guide supposes.
    proposed = Dimension("big_basket", "categorical", "net_amount > 100", label="Big basket")
    semantic = replace(orders.semantic, dimensions=(*orders.semantic.dimensions, proposed))
    return replace(found, models={**found.models, "fct_orders": replace(orders, semantic=semantic)})


def test_every_block_of_the_guide_is_executed() -> None:
    assert len(_BLOCK.findall(TEXT)) == TEXT.count("```formula")
    assert TEXT.count("```") == 2 * TEXT.count("```formula")
    assert len([example for example in RIGHT if example.reads_as]) == TEXT.count("\n> ")
    assert len(RIGHT) > 40
    assert len(WRONG) > 20


def test_the_columns_of_the_guide_are_those_of_the_company() -> None:
    folder = ROOT / "examples/outdoor/models/marts"
    for name, types in TYPES.items():
        sql = next(folder.rglob(f"{name}.sql")).read_text(encoding="utf-8")
        assert [column for column in types if not re.search(rf"\b{column}\b", sql)] == []


@pytest.mark.parametrize("example", RIGHT, ids=lambda example: example.formula)
def test_the_example_works_without_a_remark(company: Vocabulary, example: Example) -> None:
    analysis = analyse(example.formula, company, model=example.model)

    assert analysis.ok, analysis.problems
    # The guide says of these periods that they are remarked on.
    assert {problem.code for problem in analysis.problems} <= {"relative-date"}
    if example.reads_as:
        assert example.reads_as == analysis.reads_as[0].upper() + analysis.reads_as[1:]


@pytest.mark.parametrize("example", WRONG, ids=lambda example: example.formula)
def test_the_wrong_example_has_the_problem_that_it_shows(company: Vocabulary, example: Example) -> None:
    problems = analyse(example.formula, company, model=example.model).problems

    assert example.code in CODES
    assert example.code in {problem.code for problem in problems}


def test_codes_that_the_guide_names_in_passing_exist() -> None:
    named = set(re.findall(r"\(`([a-z]+(?:-[a-z]+)+)`\)", TEXT))

    assert named == {"relative-date"}
    assert named <= set(CODES)
