"""The guide to business rules is true: each sentence is the formula below it, and says what stands there."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from catalog.reading import Manifest
from proposals.trying import tried
from semantic.business_rules import BusinessRuleFields
from semantic.codegen.business_rules import Understood, compile_rule, understood
from semantic.codegen.metrics import MetricDraft, compile_metric
from semantic.definitions import (
    Column,
    Dimension,
    Entity,
    Measure,
    Metric,
    Model,
    SemanticModel,
    Vocabulary,
)
from semantic.fields import name_from
from semantic.formula import analyse
from semantic.formula.parser import parse
from semantic.known import Known
from semantic.rules.tables import Row, Table
from workspace.dbt.manifest import split

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


def test_metrics_are_filtered_by_a_rule_as_they_stand_there() -> None:
    ((words, told),) = blocks("metrics with a rule")
    label, _colon, text = words.partition(":")
    orders = SemanticModel(
        "orders",
        "orders",
        (Entity("order", "primary", "order_id"), Entity("customer", "foreign", "customer_id")),
        (Dimension("ordered_on", "time", "ordered_on", "day"),),
        (Measure("revenue", "sum", "amount"),),
        agg_time_dimension="ordered_on",
        file="models/orders.yml",
    )
    customers = SemanticModel(
        "customers",
        "customers",
        (Entity("customer", "primary", "customer_id"),),
        (Dimension("signed_up_on", "time", "signed_up_on", "day"),),
        agg_time_dimension="signed_up_on",
        file="models/customers.yml",
    )
    file, bought = "models/customers.yml", (Column("order_id", "integer"), Column("amount", "number"))
    models = {
        "customers": Model("customers", "model.shop.customers", COLUMNS, file=file, semantic=customers),
        "orders": Model("orders", "model.shop.orders", bought, file=orders.file, semantic=orders),
    }
    metric = Metric("revenue", "simple", "Revenue", measure="revenue", file=orders.file)
    names = Vocabulary(models, {"revenue": metric}, "days.day", {"customers": "customer_id"})
    known = Known(
        names,
        lambda: Manifest(split(b'{"metadata": {}, "nodes": {}}')),
        lambda: {"models/customers.sql": "select 1 as customer_id"},
    )
    fields = BusinessRuleFields(name=name_from(label), label=label, model="customers", text=text.strip())
    after = compile_rule(fields, known, dialect="duckdb").after
    assert after is not None

    for formula in told.splitlines():
        found = MetricDraft("found", "Found", "", analyse(formula, after))
        written = json.dumps(compile_metric(found, after).entries["metrics"])
        assert "{{ Dimension('customer__customer_risk') }} = '" in written
