"""The guide to rules is true: each test in it says its sentence, and is what the rule is written as."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from catalog.quality.rules import Test, rule_of
from semantic.codegen.quality.conditions import compiler
from semantic.codegen.quality.edits import Written
from semantic.codegen.quality.file_tests import read_test
from semantic.codegen.quality.metric_tests import TESTS, metric_test, rule_of_test
from semantic.codegen.quality.promises import Freshness
from semantic.codegen.quality.reading import rule_read
from semantic.codegen.quality.rule import QualityRule, Target
from semantic.codegen.quality.spelled import spelled, told
from semantic.codegen.quality.writing import rule_added, rule_changed
from semantic.conditions import formula_of
from semantic.query.sql import RowQuery
from tests.semantic.codegen.quality_rules import EXPECTATIONS, KNOWN, PLAIN, PROMISES, UTILS

TEXT = (Path(__file__).parents[3] / "docs/guide/rules.md").read_text(encoding="utf-8")
_BLOCK = re.compile(r"^> ([^\n]*)\n\n```yaml ?([^\n]*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
HABITS = {"": PLAIN, "dbt_utils": UTILS, "dbt_expectations": EXPECTATIONS}
compiles = compiler(KNOWN, "orders", "duckdb")


def reads(sql: str) -> str:
    return formula_of(sql, "duckdb")


@dataclass(frozen=True)
class Example:
    """A sentence with the test below it; `column` is the block's first word, `package` its second."""

    sentence: str
    column: str
    package: str
    entry: Any

    @property
    def test(self) -> Test:
        found = read_test(self.entry)
        assert found is not None
        severity = (found.body.get("config") or {}).get("severity", "error")
        return Test(
            found.test, found.name, "orders", self.column, found.arguments, severity, {"where": found.where}
        )

    @property
    def meta(self) -> Any:
        found = read_test(self.entry)
        return (found.body.get("config") or {}).get("meta") if found else None


def examples() -> list[Example]:
    found = []
    for sentence, words, body in _BLOCK.findall(TEXT):
        column, _, package = words.partition(" ")
        if column == "after":
            continue
        (entry,) = yaml.safe_load(body)
        found.append(Example(sentence, "" if column == "-" else column, package, entry))
    return found


RULES = [one for one in examples() if one.column != "metric"]
METRICS = [one for one in examples() if one.column == "metric"]


@pytest.mark.parametrize("example", RULES, ids=lambda one: one.sentence)
def test_an_example_is_the_rule_that_it_shows(example: Example) -> None:
    rule = rule_read(example.test, meta=example.meta, compiles=compiles, reads=reads)
    assert rule is not None
    target = Target("orders", example.column)

    found = spelled(rule, target, HABITS[example.package], compiles=compiles)

    assert found.entry(nested=True) == example.entry
    assert rule_of(example.test, reads=reads).sentence == told(rule, target).sentence == example.sentence


@pytest.mark.parametrize("example", METRICS, ids=lambda one: one.sentence)
def test_an_example_of_a_metric_is_the_rule_that_it_shows(example: Example) -> None:
    found = read_test(example.entry)
    assert found is not None
    rule = rule_of_test(found.test, found.arguments)
    assert rule is not None
    steps = found.arguments.get("steps", [])
    others = {step["metric"]: rows(step) for step in steps[:-1]}
    if rule.other:
        theirs = {name.removeprefix("other_"): value for name, value in found.arguments.items()}
        others[rule.other] = rows({**theirs, "condition": ""})
    own = rows({"condition": found.where, **(steps[-1] if steps else found.arguments)})

    assert metric_test(rule, found.name, own, others, nested=True) == example.entry
    assert rule_of(Test(found.test, found.name, "events", "", found.arguments)).sentence == example.sentence


def rows(given: dict[str, Any]) -> RowQuery:
    model = str(given.get("model") or "ref('events')").removeprefix("ref('").removesuffix("')")
    return RowQuery(model, given.get("expression", ""), given.get("condition", ""), given["time_column"])


def test_a_change_touches_what_the_guide_shows() -> None:
    before, after = (
        re.search(rf"```yaml {name}\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)[1]  # type: ignore[index]
        for name in ("before", "after")
    )
    old, new = (rule_in(text) for text in (before, after))
    was = Written("dbt_utils.accepted_range", {"min_value": 0, "max_value": 500}, "amount")
    target = Target("orders", "amount")

    (change,) = rule_changed(old, new, target, was, UTILS, path="models/orders.yml", compiles=compiles)

    assert change.apply(before.encode()).decode() == after
    assert f"> {told(new, target).sentence}\n" in TEXT


def test_the_age_of_a_source_is_written_as_the_guide_shows() -> None:
    shown = re.search(r"```yaml source\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    assert shown is not None
    bare = shown[1].partition("        config:")[0]
    rule, target = QualityRule(Freshness("seen_at", 24)), Target("people", "", "sources", "crm")

    (change,) = rule_added(rule, target, PLAIN, path="models/crm.yml", compiles=compiles)

    assert change.apply(bare.encode()).decode() == shown[1]


def rule_in(text: str) -> Any:
    (test,) = yaml.safe_load(text)["models"][0]["columns"][0]["tests"]
    found = read_test(test)
    assert found is not None
    return rule_read(Test(found.test, "", "orders", "amount", found.arguments))


def test_the_guide_shows_every_kind_of_rule() -> None:
    shown = {type(rule.promise) for one in RULES if (rule := rule_read(one.test, reads=reads))}

    assert shown == {type(promise) for _column, promise in PROMISES}
    assert {
        rule_of_test(next(iter(one.entry)), one.entry[next(iter(one.entry))]["arguments"]).kind
        for one in METRICS
    } == set(TESTS)  # type: ignore[union-attr]
