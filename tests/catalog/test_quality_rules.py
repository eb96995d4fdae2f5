"""dbt's tests, constraints and freshness as rules of the catalogue, each with one sentence in plain words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.quality.rules import KINDS, Rule, Test, constraints, freshness, rule_of
from catalog.quality.spellings import BY_NAME, SPELLINGS
from catalog.reading import test_record as record_of
from catalog.words import RULES
from semantic.conditions import formula_of
from tests.catalog.test_coverage import VERSIONS, manifest

# Three lines each: the test, its column and its arguments; the rule and its sentence; its parameters.
TABLE = Path(__file__).resolve().parents[1] / "fixtures/quality/spellings.txt"


def rows() -> list[tuple[str, str, dict[str, Any], str, str, dict[str, Any]]]:
    lines = [line.strip() for line in TABLE.read_text(encoding="utf-8").splitlines()]
    found = []
    for at in range(0, len(lines), 3):
        kind, column, arguments = lines[at].split(" ", 2)
        rule, _, sentence = lines[at + 1].partition(": ")
        given_, told = json.loads(arguments), json.loads(lines[at + 2])
        found.append((kind, "" if column == "-" else column, given_, rule, sentence, told))
    return found


def read(sql: str) -> str:
    return formula_of(sql, "duckdb")


def told(kind: str, arguments: Any = None, *, column: str = "amount", **more: Any) -> Rule:
    test = Test(kind=kind, name="a_test", about="orders", column=column, arguments=arguments or {}, **more)
    return rule_of(test, reads=read)


@pytest.mark.parametrize(("kind", "column", "arguments", "rule", "sentence", "parameters"), rows())
def test_each_spelling_is_told_as_a_rule(
    kind: str, column: str, arguments: dict[str, Any], rule: str, sentence: str, parameters: dict[str, Any]
) -> None:
    name = "revenue_positive" if kind.startswith("bisync") else "a_test"

    found = rule_of(Test(kind, name, "orders", column, arguments), reads=read)

    assert (found.kind, found.sentence, found.parameters) == (rule, sentence, parameters)


def test_no_spelling_is_without_a_name_that_people_know() -> None:
    assert len(BY_NAME) == len(SPELLINGS)
    assert list(RULES) == list(KINDS)
    assert {rule for _kind, _column, _arguments, rule, _sentence, _told in rows()} <= set(KINDS)


@pytest.mark.parametrize(
    ("severity", "config", "consequence"),
    [
        ("error", {}, "stops the build"),
        ("warn", {}, "warns"),
        ("error", {"warn_if": "!= 0", "error_if": "!= 0"}, "stops the build"),
        ("error", {"warn_if": ">0", "error_if": ">10"}, "warns, stops the build from 11 rows on"),
        ("warn", {"warn_if": ">= 100"}, "warns from 100 rows on"),
        (
            "error",
            {"error_if": "between 2 and 5"},
            "warns, stops the build if the number of rows is between 2 and 5",
        ),
        ("", {"error_if": 7}, "stops the build"),
    ],
)
def test_what_follows_from_a_broken_rule_is_told_in_words(
    severity: str, config: dict[str, Any], consequence: str
) -> None:
    assert told("not_null", severity=severity, config=config).consequence == consequence


def test_which_rows_a_rule_is_about_is_told_as_a_formula_where_it_is_one() -> None:
    plain = told("not_null", config={"where": "status = 'paid' and paid_at is not null"})
    jinja = told("unique", config={"where": "{{ this_month() }}"})

    assert plain.sentence == "amount is never blank, only where status = 'paid' AND paid_at IS NOT BLANK"
    assert jinja.sentence == "no amount appears twice, only where {{ this_month() }}"
    assert jinja.parameters == {"where": "{{ this_month() }}"}


def test_what_only_its_author_can_explain_is_a_custom_test_in_the_author_s_words() -> None:
    said = told("looks_right", description="Looks right.\n\nAt least on Mondays.")
    named = rule_of(Test("singular", "assert_refunds_never_exceed_what_was_paid", "orders"))
    example = rule_of(Test("unit_test", "shares", "orders"))

    assert (said.kind, said.sentence) == ("custom", "Looks right.")
    assert (named.sentence, named.is_custom) == ("custom test: refunds never exceed what was paid", True)
    assert (example.kind, example.sentence) == ("example", "orders gives what is expected of an example")


@pytest.mark.parametrize(
    ("column", "raw", "rule", "sentence"),
    [
        ("id", {"type": "not_null"}, "not_null", "id is never blank"),
        ("id", {"type": "unique"}, "unique", "no id appears twice"),
        ("id", {"type": "primary_key"}, "unique", "no id appears twice, and none is blank"),
        (
            "",
            {"type": "primary_key", "columns": ["a", "b"]},
            "unique_together",
            "no combination of a and b appears twice, and none is blank",
        ),
        (
            "customer",
            {"type": "foreign_key", "to": "ref('customers')", "to_columns": ["id"]},
            "belongs_to",
            "every customer exists in customers as id",
        ),
        (
            "id",
            {"type": "foreign_key", "expression": "other (id)"},
            "belongs_to",
            "every id exists in other (id)",
        ),
        ("id", {"type": "check", "expression": "id > 0"}, "always_true", "id > 0 is true in every row"),
        ("id", {"type": "check"}, "custom", "custom constraint of id: check"),
        ("id", {"type": "custom", "expression": "masked"}, "custom", "custom constraint of id: masked"),
    ],
)
def test_a_constraint_is_a_rule_that_the_warehouse_keeps(
    column: str, raw: dict[str, Any], rule: str, sentence: str
) -> None:
    (found,) = constraints("orders", [raw], column=column, enforced=True, reads=read)
    (loose,) = constraints("orders", [raw], column=column, enforced=False, reads=read)

    assert (found.kind, found.sentence, found.severity) == (rule, sentence, "error")
    assert "no contract enforces it" in loose.consequence


def test_the_freshness_of_a_source_is_a_rule() -> None:
    both = freshness(
        "orders",
        {
            "warn_after": {"count": 12, "period": "hour"},
            "error_after": {"count": 2, "period": "day"},
            "filter": None,
        },
    )
    warns = freshness("orders", {"warn_after": {"count": 1, "period": "day"}, "error_after": {"count": None}})

    assert both is not None
    assert both.sentence == "the newest row of orders is at most 12 hours old"
    assert both.consequence == "warns after 12 hours, is an error after 2 days"
    assert both.parameters == {"warn_after": "12 hours", "error_after": "2 days"}
    assert warns is not None
    assert (warns.consequence, warns.severity) == ("warns", "warn")
    assert freshness("orders", {"warn_after": {"count": None, "period": None}}) is None


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
NAMES = sorted({*BY_NAME, "looks_right", "", "a.b.c", "unit_test", "singular"})
ARGUMENTS = sorted(
    {name for one in SPELLINGS for name in one.arguments.values()}
    | {"arguments", "group_by", "group_by_columns", "row_condition", "where_expression", "from_condition"}
)


@settings(max_examples=300, deadline=None)
@given(
    kind=st.sampled_from(NAMES),
    arguments=st.dictionaries(st.sampled_from(ARGUMENTS), VALUES, max_size=5) | VALUES,
    config=st.dictionaries(st.sampled_from(["where", "warn_if", "error_if"]), VALUES) | VALUES,
    column=st.text(max_size=8),
)
def test_no_arguments_are_too_strange_to_be_told(kind: str, arguments: Any, config: Any, column: str) -> None:
    found = told(kind, arguments, column=column, config=config)

    assert found.kind in KINDS
    assert found.sentence
    assert found.consequence


@settings(max_examples=100, deadline=None)
@given(
    raw=st.lists(st.dictionaries(st.sampled_from(["type", "expression", "columns", "to"]), VALUES)) | VALUES
)
def test_no_constraint_and_no_freshness_is_too_strange(raw: Any) -> None:
    found = list(constraints("orders", raw, column="", enforced=True, reads=read))

    assert {one.kind for one in found} <= set(KINDS)
    assert freshness("orders", {"warn_after": raw, "error_after": raw}) is None or raw


@pytest.mark.parametrize("version", [version for version in VERSIONS if version != "1.12-in-model"])
def test_of_the_demo_only_what_its_authors_wrote_in_sql_is_custom(version: str) -> None:
    tests = [record_of(entry) for entry in manifest(version).tests.values()]
    kept = [rule_of(Test(one.kind, one.name, "x", one.column, one.arguments)) for one in tests]

    custom = [one.kind for one, rule in zip(tests, kept, strict=True) if rule.is_custom]
    assert custom == ["singular"] * 3
    assert len(tests) > 80
