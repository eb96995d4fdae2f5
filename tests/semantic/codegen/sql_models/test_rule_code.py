"""A proposed rule as dbt code: what stays the same, and what is left to write once a part of it is there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from catalog.reading import Manifest
from semantic.business_rules import BusinessRuleFields, RuleExample
from semantic.codegen.business_rules import compile_rule, understood
from semantic.codegen.entries import Refused, parts
from semantic.codegen.metrics import Compiled
from semantic.known import Known
from tests.semantic.codegen.sql_models.projects import PROJECTS, Styled
from workspace.dbt.manifest import split

pytestmark = pytest.mark.pure

RULE = BusinessRuleFields(
    name="win_back",
    label="Win back",
    description="Whom to write to.",
    model="dim_customers",
    written="formula",
    text="IF(DATEDIFF(last_order_on, TODAY()) > 60, 'write', 'wait')",
    owner="Maya Chen",
)
LABS, UPPER = PROJECTS["labs"], PROJECTS["upper"]


def known(styled: Styled, files: Mapping[str, str], *models: str) -> Known:
    nodes = {f"model.shop.{name}": {"config": {"materialized": "table"}} for name in models}
    raw = json.dumps({"metadata": {"project_name": "shop"}, "nodes": nodes}).encode()
    return Known(styled.vocabulary, lambda: Manifest(split(raw)), lambda: files)


def example(fields: BusinessRuleFields, value: str, expected: str) -> RuleExample:
    (one,) = understood(fields, LABS.vocabulary).inputs
    return RuleExample(((one.text, value),), expected)


@pytest.fixture
def rule() -> BusinessRuleFields:
    return replace(RULE, examples=(example(RULE, "61", "write"), example(RULE, "blank", "wait")))


def written(code: Compiled, files: Mapping[str, str]) -> dict[str, str]:
    after = dict(files)
    for change in code.changes:
        before = after.get(change.path)
        after[change.path] = change.apply(before.encode() if before is not None else None).decode()
    return after


def test_what_is_approved_is_plain_data_and_names_the_owner(rule: BusinessRuleFields) -> None:
    code = compile_rule(rule, known(LABS, LABS.files, "dim_customers"), dialect="duckdb")

    assert json.loads(json.dumps(code.entries)) == code.entries
    assert code.models == ("int_win_back_inputs", "dim_win_back")
    entry: Any = code.entries["edits"][-1]["properties"]["entry"]
    own = entry["config"]["meta"]["bisync"]
    assert (own["owner"], own["label"]) == ("Maya Chen", "Win back")
    assert "DATEDIFF" in own["rule"] or "days" in own["rule"]
    assert code.after is not None
    assert code.after.models["dim_win_back"].column("win_back") is not None


def test_what_is_there_meanwhile_is_left_out(rule: BusinessRuleFields) -> None:
    before = compile_rule(rule, known(LABS, LABS.files, "dim_customers"), dialect="duckdb")
    files = written(before, LABS.files)

    half = {path: text for path, text in files.items() if not path.endswith("/dim_win_back.sql")}
    first = known(LABS, half, "dim_customers", "int_win_back_inputs")
    rest = compile_rule(rule, first, dialect="duckdb", settled=before.entries)
    assert [model["name"] for model in rest.entries["edits"]] == ["dim_win_back"]
    assert parts(rest.entries) < parts(before.entries)

    both = known(LABS, files, "dim_customers", *before.models)
    none = compile_rule(rule, both, dialect="duckdb", settled=before.entries)
    assert (none.changes, none.entries["edits"]) == ((), [])


def test_another_model_of_the_name_is_no_part_of_it(rule: BusinessRuleFields) -> None:
    before = compile_rule(rule, known(LABS, LABS.files, "dim_customers"), dialect="duckdb")
    path = before.entries["edits"][-1]["path"]
    there = known(LABS, {**LABS.files, path: "select 1 as other"}, "dim_customers", "dim_win_back")

    with pytest.raises(Refused, match="There is a model dim_win_back already"):
        compile_rule(rule, there, dialect="duckdb", settled=before.entries)


def test_what_was_approved_keeps_its_style_when_the_project_changes_its_own(rule: BusinessRuleFields) -> None:
    before = compile_rule(rule, known(LABS, LABS.files, "dim_customers"), dialect="duckdb")
    shouting = {path: text.upper() if path.endswith(".sql") else text for path, text in LABS.files.items()}
    later = known(LABS, shouting, "dim_customers")

    assert compile_rule(rule, later, dialect="duckdb", settled=before.entries).entries == before.entries
    assert compile_rule(rule, later, dialect="duckdb").entries != before.entries


def test_an_example_that_says_nothing_of_an_input_is_refused_in_words() -> None:
    unfinished = replace(RULE, examples=(RuleExample((), "write"),))

    with pytest.raises(Refused, match="It says nothing of"):
        compile_rule(unfinished, known(LABS, LABS.files, "dim_customers"), dialect="duckdb")


@pytest.mark.parametrize("written_as", ["sentence", "table", "formula"])
def test_a_rule_survives_the_database(written_as: str) -> None:
    table = {"inputs": ["a"], "rows": [{"cells": ["> 1"], "outcome": "x"}], "otherwise": "y"}
    text = "" if written_as == "table" else "t"
    told = {"label": "L", "written": written_as, "text": text, "table": table, "examples": [
        {"values": {"b": "2", "a": "1"}, "expected": "x"}], "key": ["id"]}  # fmt: skip
    fields = BusinessRuleFields.from_json(told)

    assert BusinessRuleFields.from_json(json.loads(json.dumps(fields.to_json()))) == fields
    assert (fields.table.inputs == ("a",)) == (written_as == "table")


@pytest.mark.parametrize(
    ("text", "written_as"),
    [("IF(a > 1, 'x', 'y')", "formula"), ("case when a then 1 end", "formula"), ("a is x", "sentence")],
)
def test_a_text_that_was_decided_on_takes_the_place_of_a_table(text: str, written_as: str) -> None:
    table = {"inputs": ["a"], "rows": [{"cells": ["> 1"], "outcome": "x"}], "otherwise": "y"}
    fields = BusinessRuleFields.from_json({"written": "table", "table": table, "text": text})

    assert (fields.written, fields.text, fields.table.inputs) == (written_as, text, ())
