"""The guide to business rules is true: each sentence is the formula below it, and says what stands there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from proposals.trying import tried
from semantic.business_rules import BusinessRuleFields
from semantic.codegen.business_rules import Understood, understood
from semantic.definitions import Column, Model, Vocabulary
from semantic.formula.parser import parse
from semantic.rules.tables import Row, Table

TEXT = (Path(__file__).parents[3] / "docs/guide/business-rules.md").read_text(encoding="utf-8")
COLUMNS = (
    Column("customer_id", "integer"),
    Column("days_since_last_order", "integer"),
    Column("orders_in_the_last_90_days", "integer"),
    Column("tier", "text"),
    Column("country", "text"),
)
KNOWN = Vocabulary(models={"customers": Model("customers", "model.shop.customers", COLUMNS)}, metrics={})
pytestmark = pytest.mark.pure


def blocks(kind: str) -> list[tuple[str, str]]:
    """What stands behind the word in the first line of a block, and the block."""
    return re.findall(rf"^```{kind}([^\n]*)\n(.*?)\n```", TEXT, re.MULTILINE | re.DOTALL)


def sentence(text: str) -> Understood:
    return understood(BusinessRuleFields(model="customers", text=text.strip()), KNOWN)


PAIRS = list(zip(blocks("sentence"), blocks("formula"), strict=True))


@pytest.mark.parametrize(("said", "formula"), PAIRS)
def test_a_sentence_is_the_formula_below_it(said: tuple[str, str], formula: tuple[str, str]) -> None:
    read = understood(BusinessRuleFields(model="customers", written="formula", text=formula[1]), KNOWN)

    assert parse(formula[1])
    assert sentence(said[1]).formula == read.formula != ""


def test_and_beside_or_has_the_two_readings_that_the_guide_promises() -> None:
    ((_words, text),) = blocks("two readings")

    assert [reading.case is not None for reading in sentence(text).readings] == [True, True]


def test_the_table_is_one() -> None:
    lines = [line.strip("| ").split(" | ") for line in TEXT.splitlines() if line.startswith("| ")]
    head, *rows = lines
    table = Table(tuple(head[:-1]), tuple(Row(tuple(row[:-1]), row[-1]) for row in rows))
    rule = understood(BusinessRuleFields(model="customers", written="table", table=table), KNOWN)

    assert rule.problems == ()
    assert rule.outcomes == ("call", "write", "wait")


def test_the_gaps_are_told_as_they_stand_there() -> None:
    ((words, told),) = blocks("says of")
    report = sentence(words).report

    assert report is not None
    assert [finding.message for finding in report.findings] == told.splitlines()


def test_the_offered_examples_are_those_and_hold_in_a_database() -> None:
    ((words, told),) = blocks("offered for")
    rule = sentence(words)
    found = tried(rule, rule.offered())

    assert [f"{one.words} → {one.said}" for one in found] == told.splitlines()
    assert all(one.holds for one in found)
