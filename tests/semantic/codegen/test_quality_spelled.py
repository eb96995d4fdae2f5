"""Rules as dbt tests in the spelling that a project uses, and read back from it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.quality.rules import Test, rule_of
from semantic.codegen.entries import Refused
from semantic.codegen.quality.conditions import canonical, compiler
from semantic.codegen.quality.file_tests import is_nested
from semantic.codegen.quality.habits import Habits, Use, habits_of
from semantic.codegen.quality.promises import (
    AcceptedValues,
    AlwaysTrue,
    BelongsTo,
    Condition,
    Freshness,
    InRange,
    MatchesPattern,
    MostlyFilled,
    NotNull,
    Percentage,
    PositiveInteger,
    Promise,
    RowCount,
    Unique,
    UniqueTogether,
)
from semantic.codegen.quality.reading import rule_read
from semantic.codegen.quality.rule import QualityRule, Target
from semantic.codegen.quality.spelled import Spelled, spelled, told
from semantic.conditions import formula_of
from semantic.importer import dbt_version, dialect
from tests.catalog.test_coverage import raw
from tests.semantic.codegen.quality_rules import (
    COPIES,
    EVERY_HABIT,
    EVERY_TEST,
    EXPECTATIONS,
    EXPECTING,
    KNOWN,
    PLAIN,
    RULES,
    UTILS,
    rules,
)

compiles = compiler(KNOWN, "orders", "duckdb")


def reads(sql: str) -> str:
    return formula_of(sql, "duckdb")


def written(rule: QualityRule, target: Target, habits: Habits) -> Spelled:
    return spelled(rule, target, habits, compiles=compiles)


def as_dbt_tells(found: Spelled) -> Test:
    """The test as the manifest would have it."""
    name = found.name or f"{found.test.replace('.', '_')}_orders_{found.column}"
    return Test(
        found.test,
        name,
        "orders",
        found.column,
        dict(found.arguments),
        found.severity or "error",
        {"where": found.where},
    )


@pytest.mark.parametrize("habits", EVERY_HABIT.values(), ids=EVERY_HABIT)
@given(st.one_of(rules(), st.sampled_from(RULES)))
@settings(max_examples=60)
def test_what_is_exported_is_imported_as_the_same_rule(
    habits: Habits, asked: tuple[QualityRule, Target]
) -> None:
    rule, target = asked

    found = written(rule, target, habits)

    assert rule_read(as_dbt_tells(found), meta=found.meta, compiles=compiles, reads=reads) == rule


@pytest.mark.parametrize("habits", EVERY_HABIT.values(), ids=EVERY_HABIT)
@pytest.mark.parametrize(("rule", "target"), RULES, ids=repr)
def test_both_directions_say_the_same_sentence(rule: QualityRule, target: Target, habits: Habits) -> None:
    there = rule_of(as_dbt_tells(written(rule, target, habits)), reads=reads)

    here = told(rule, target)

    assert (here.kind, here.sentence, here.severity) == (there.kind, there.sentence, there.severity)


@given(rules())
def test_a_rule_comes_back_from_json_and_equal_rules_are_one(asked: tuple[QualityRule, Target]) -> None:
    rule, target = asked
    values = json.loads(json.dumps(rule.to_json()))

    assert QualityRule.from_json(values) == rule
    assert {rule, QualityRule.from_json(values)} == {rule}
    assert Target.from_json(json.loads(json.dumps(target.to_json()))) == target


@pytest.mark.parametrize(
    ("promise", "other"),
    [
        (InRange(0, 100.0), Percentage()),
        (InRange(0.0, 1), Percentage(1)),
        (InRange(1), PositiveInteger(1, integer=False)),
        (InRange(5.0, 7), InRange(5, 7.0)),
        (AcceptedValues((1.0, 2)), AcceptedValues((1, 2.0))),
    ],
)
def test_the_same_promise_is_one_rule_however_it_was_put(promise: Promise, other: Promise) -> None:
    one, another = QualityRule(promise), QualityRule(other)

    assert one == another
    assert hash(one) == hash(another)
    assert json.dumps(one.to_json()) == json.dumps(another.to_json())


@pytest.mark.parametrize(
    ("promise", "habits", "test", "arguments"),
    [
        (NotNull(), PLAIN, "not_null", {}),
        (NotNull(), UTILS, "not_null", {}),
        (NotNull(), EXPECTATIONS, "not_null", {}),
        (NotNull(), EXPECTING, "dbt_expectations.expect_column_values_to_not_be_null", {}),
        (MostlyFilled(0.9), PLAIN, "bisync_mostly_filled", {"at_least": 0.9}),
        (MostlyFilled(0.9), UTILS, "dbt_utils.not_null_proportion", {"at_least": 0.9}),
        (InRange(2, 5), PLAIN, "bisync_in_range", {"minimum": 2, "maximum": 5}),
        (InRange(2, 5), UTILS, "dbt_utils.accepted_range", {"min_value": 2, "max_value": 5}),
        (InRange(2, 5), COPIES, "accepted_range", {"min_value": 2, "max_value": 5}),
        (
            InRange(2, 5, strict=True),
            UTILS,
            "dbt_utils.accepted_range",
            {"min_value": 2, "max_value": 5, "inclusive": False},
        ),
        (
            InRange(2, strict=True),
            EXPECTATIONS,
            "dbt_expectations.expect_column_values_to_be_between",
            {"min_value": 2, "strictly": True},
        ),
        # Neither package can say that a number is whole.
        (PositiveInteger(), UTILS, "bisync_in_range", {"minimum": 0, "integer": True}),
        (PositiveInteger(integer=False), UTILS, "dbt_utils.accepted_range", {"min_value": 0}),
        (Percentage(), UTILS, "dbt_utils.accepted_range", {"min_value": 0, "max_value": 100}),
        (AcceptedValues((1, 2)), PLAIN, "accepted_values", {"values": [1, 2], "quote": False}),
        (AcceptedValues(("it's",)), PLAIN, "accepted_values", {"values": ["it''s"]}),
        # The package's test breaks on blanks, and dbt's does not.
        (AcceptedValues((1,)), EXPECTING, "accepted_values", {"values": [1], "quote": False}),
        (
            AcceptedValues((1,), filled=True),
            EXPECTING,
            "dbt_expectations.expect_column_values_to_be_in_set",
            {"value_set": [1], "quote_values": False},
        ),
        (AcceptedValues(("x",), True), UTILS, "dbt_utils.not_accepted_values", {"values": ["x"]}),
        (BelongsTo("customers", "id"), PLAIN, "relationships", {"to": "ref('customers')", "field": "id"}),
        (
            BelongsTo("crm.people", "id"),
            PLAIN,
            "relationships",
            {"to": "source('crm', 'people')", "field": "id"},
        ),
        (
            MatchesPattern("^a"),
            EXPECTATIONS,
            "dbt_expectations.expect_column_values_to_match_regex",
            {"regex": "^a"},
        ),
        # The package would put the quote into its SQL as it is.
        (MatchesPattern("it's"), EXPECTATIONS, "bisync_matches_pattern", {"pattern": "it's"}),
        (
            MatchesPattern("^a", negated=True),
            UTILS,
            "bisync_matches_pattern",
            {"pattern": "^a", "negated": True},
        ),
    ],
)
def test_a_rule_is_spelled_as_the_project_does(
    promise: Promise, habits: Habits, test: str, arguments: dict[str, Any]
) -> None:
    found = written(QualityRule(promise), Target("orders", "amount"), habits)

    assert (found.test, found.arguments, found.column) == (test, arguments, "amount")


@pytest.mark.parametrize(
    ("promise", "habits", "column", "entry"),
    [
        (
            Freshness("ordered_at", 24),
            UTILS,
            "",
            {"dbt_utils.recency": {"field": "ordered_at", "datepart": "hour", "interval": 24}},
        ),
        (
            Freshness("ordered_at", 2, "day"),
            EXPECTATIONS,
            "ordered_at",
            {"dbt_expectations.expect_row_values_to_have_recent_data": {"datepart": "day", "interval": 2}},
        ),
        (
            Freshness("ordered_at", 24),
            PLAIN,
            "",
            {"bisync_recent": {"time_column": "ordered_at", "unit": "hour", "interval": 24}},
        ),
        (RowCount(1), PLAIN, "", {"bisync_row_count": {"minimum": 1}}),
        (
            RowCount(1, 9),
            EXPECTATIONS,
            "",
            {"dbt_expectations.expect_table_row_count_to_be_between": {"min_value": 1, "max_value": 9}},
        ),
        (
            UniqueTogether(("a", "b")),
            UTILS,
            "",
            {"dbt_utils.unique_combination_of_columns": {"combination_of_columns": ["a", "b"]}},
        ),
    ],
)
def test_rules_of_tables_stand_at_the_table_or_at_the_column_that_dates_its_rows(
    promise: Promise, habits: Habits, column: str, entry: dict[str, Any]
) -> None:
    found = written(QualityRule(promise), Target("orders"), habits)

    assert (found.column, found.entry(nested=False)) == (column, entry)


def test_a_condition_is_sql_in_the_test_and_stays_a_formula_in_the_note() -> None:
    rule = QualityRule(
        AlwaysTrue(Condition("amount * quantity <= 10 / 3")), "warn", Condition("status = 'open'"), "small"
    )

    assert written(rule, Target("orders"), UTILS).entry(nested=True) == {
        "dbt_utils.expression_is_true": {
            "name": "small",
            "arguments": {"expression": "amount * quantity <= cast(10 as double precision) / 3"},
            "config": {
                "severity": "warn",
                "where": "status = 'open'",
                "meta": {"bisync": {"formula": "amount * quantity <= 10 / 3", "where": "status = 'open'"}},
            },
        }
    }


def test_a_formula_that_no_longer_says_the_sql_gives_way_to_what_the_sql_says() -> None:
    rule = QualityRule(NotNull(), where=Condition("ordered_at IN LAST 30 DAYS"))
    found = written(rule, Target("orders", "status"), PLAIN)
    changed = Test("not_null", "", "orders", "status", config={"where": "amount > 3"})

    assert rule_read(as_dbt_tells(found), meta=found.meta, compiles=compiles, reads=reads) == rule
    read = rule_read(changed, meta=found.meta, compiles=compiles, reads=reads)
    assert read is not None
    assert read.where == Condition("amount > 3")


def test_a_plain_rule_is_a_plain_text_in_the_file() -> None:
    assert written(QualityRule(NotNull()), Target("orders", "status"), PLAIN).entry(nested=True) == "not_null"


@pytest.mark.parametrize(
    ("promise", "habits", "why"),
    [
        (NotNull(), PLAIN, "not_null, which dbt itself brings"),
        (
            InRange(1, 2),
            PLAIN,
            "bisync_in_range, a test of Bisync's own in macros/bisync/bisync_tests.sql: dbt and the packages in use have none for it",
        ),
        (InRange(1, 2), COPIES, "accepted_range, which the project has among its own tests"),
        (
            InRange(1, 2),
            UTILS,
            "dbt_utils.accepted_range, from the package dbt_utils, which the project uses already",
        ),
        (
            InRange(1, 2),
            EXPECTING,
            "dbt_expectations.expect_column_values_to_be_between, as in 9 tests of the project, for example in models/a.yml",
        ),
    ],
)
def test_the_choice_of_a_spelling_is_told_with_what_the_project_shows(
    promise: Promise, habits: Habits, why: str
) -> None:
    assert written(QualityRule(promise), Target("orders", "amount"), habits).why == why


@pytest.mark.parametrize(("version", "nested"), [("1.8", False), ("1.11", True)])
def test_habits_of_the_demo_company(version: str, nested: bool) -> None:
    manifest = json.loads(raw(version))

    habits = habits_of(manifest, dialect=dialect(manifest), dbt_version=dbt_version(manifest))

    assert (habits.dialect, habits.packages) == ("duckdb", {})
    assert habits.uses["not_null"].count > habits.uses["relationships"].count > 0
    assert habits.uses["not_null"].file.endswith(".yml")
    assert {"not_null", "unique", "accepted_values", "relationships"} < habits.tests
    found = written(QualityRule(InRange(1, 2)), Target("orders", "amount"), habits)
    assert found.test == "bisync_in_range"
    assert is_nested({}, read=habits.reads_nested, usual=habits.nests_arguments) is nested


def test_a_project_without_anything_has_no_habits() -> None:
    assert habits_of({}, dialect="duckdb", dbt_version=(1, 11)) == Habits()


def test_a_package_that_is_there_but_not_used_is_left_alone() -> None:
    unused = Habits(tests=EVERY_TEST)

    assert written(QualityRule(InRange(1, 2)), Target("orders", "amount"), unused).test == "bisync_in_range"


def test_the_test_that_is_used_most_is_taken() -> None:
    mixed = Habits(
        tests=EVERY_TEST,
        packages={"dbt_utils": 40, "dbt_expectations": 5},
        uses={
            "dbt_utils.accepted_range": Use(2, "a.yml"),
            "dbt_expectations.expect_column_values_to_be_between": Use(3, "b.yml"),
        },
    )

    found = written(QualityRule(InRange(1, 2)), Target("orders", "amount"), mixed)

    assert found.test == "dbt_expectations.expect_column_values_to_be_between"


@pytest.mark.parametrize(
    ("rule", "target", "why"),
    [
        (QualityRule(NotNull()), Target("orders"), "Choose the column"),
        (QualityRule(MostlyFilled(1.5)), Target("orders", "status"), "between 0 and 1"),
        (QualityRule(InRange()), Target("orders", "amount"), "a lowest or a highest"),
        (QualityRule(InRange(3, 2)), Target("orders", "amount"), "above the highest"),
        (QualityRule(InRange(float("nan"))), Target("orders", "amount"), "have to be numbers"),
        (QualityRule(AcceptedValues(())), Target("orders", "status"), "at least one value"),
        (QualityRule(AcceptedValues((1, "a"))), Target("orders", "status"), "texts or numbers"),
        (QualityRule(AcceptedValues((1,), True, True)), Target("orders", "status"), "or none of them"),
        (QualityRule(AcceptedValues((1,), filled=True)), Target("orders", "status"), "another rule"),
        (QualityRule(AcceptedValues(("{{ x }}",))), Target("orders", "status"), "curly brackets"),
        (QualityRule(MatchesPattern("{% raw %}")), Target("orders", "status"), "dbt's templates"),
        (QualityRule(NotNull(), owner="{{ env_var('A') }}"), Target("orders", "status"), "curly brackets"),
        (QualityRule(NotNull()), Target("orders", "{{ x }}"), "curly brackets"),
        (QualityRule(UniqueTogether(("a",))), Target("orders"), "two or more"),
        (QualityRule(Freshness("ordered_at", 0)), Target("orders"), "how old"),
        (QualityRule(RowCount()), Target("orders"), "a lowest or a highest"),
        (QualityRule(RowCount(-1)), Target("orders"), "never below 0"),
        (QualityRule(AlwaysTrue(Condition())), Target("orders"), "always true"),
        (QualityRule(AlwaysTrue(Condition("SUM(amount) > 1"))), Target("orders"), "no totals"),
        (QualityRule(AlwaysTrue(Condition("amount + 1"))), Target("orders"), "single rows"),
        (QualityRule(AlwaysTrue(Condition("amount > 1) / COUNT(*"))), Target("orders"), "bracket"),
        (QualityRule(AlwaysTrue(Condition(sql="1 = 1"))), Target("orders"), "is SQL"),
        (QualityRule(NotNull(), where=Condition("nothing > 1")), Target("orders", "status"), "nothing"),
        (QualityRule(NotNull()), Target("orders", "id) from secrets --"), "letters, digits"),
        (QualityRule(UniqueTogether(("a", "b) from secrets --"))), Target("orders"), "letters, digits"),
        (QualityRule(Freshness("now()) --", 1)), Target("orders"), "letters, digits"),
        (QualityRule(BelongsTo("a') ~ env_var('SECRET", "id")), Target("orders", "status"), "which model"),
        (QualityRule(BelongsTo("a", "b from secrets")), Target("orders", "status"), "letters, digits"),
        # What dbt takes for a call of its own.
        (QualityRule(MatchesPattern("env_var('DBT_SECRET')")), Target("orders", "status"), "another way"),
        (QualityRule(AcceptedValues((" var (x) ",))), Target("orders", "status"), "another way"),
        (QualityRule(NotNull(), name="Two words"), Target("orders", "status"), "lower-case"),
    ],
)
def test_what_makes_no_sense_is_refused_with_what_to_do(rule: QualityRule, target: Target, why: str) -> None:
    with pytest.raises(Refused, match=why):
        written(rule, target, PLAIN)


@pytest.mark.parametrize(
    ("kind", "column", "arguments"),
    [
        ("dbt_utils.not_empty_string", "status", {}),
        ("dbt_utils.accepted_range", "amount", {"min_value": "other_column"}),
        ("dbt_utils.accepted_range", "amount", {"min_value": 0, "max_value": 5, "group_by_columns": ["a"]}),
        (
            "dbt_utils.relationships_where",
            "customer_id",
            {"to": "ref('a')", "field": "b", "to_condition": "c > 1"},
        ),
        ("dbt_expectations.expect_column_max_to_be_between", "amount", {"min_value": 0}),
        ("dbt_expectations.expect_column_values_to_match_regex_list", "status", {"regex_list": ["a", "b"]}),
        ("dbt_utils.not_null_proportion", "status", {"at_least": 0.5, "at_most": 0.9}),
        ("dbt_utils.not_constant", "status", {}),
        ("dbt_utils.expression_is_true", "amount", {"expression": "> 0"}),
        ("unique_proportion", "status", {"at_least": 0.5}),
        ("our_own_test", "status", {}),
    ],
)
def test_what_no_rule_says_is_not_read_as_one(kind: str, column: str, arguments: dict[str, Any]) -> None:
    assert rule_read(Test(kind, "", "orders", column, arguments)) is None


def test_a_test_that_breaks_on_blanks_in_this_warehouse_alone_is_kept_and_not_written_anew() -> None:
    rule, target = QualityRule(MatchesPattern("^a$")), Target("orders", "status")
    there = replace(EXPECTING, dialect="postgres")
    package = "dbt_expectations.expect_column_values_to_match_regex"

    assert written(rule, target, EXPECTING).test == package
    assert written(rule, target, there).test == "bisync_matches_pattern"
    assert spelled(rule, target, there, compiles=compiles, like=package).test == package


@pytest.mark.parametrize("test", ["be_in_set", "not_be_in_set"])
def test_a_blank_is_none_of_the_values_where_the_test_counts_it_so(test: str) -> None:
    one = Test(
        f"dbt_expectations.expect_column_values_to_{test}", "", "orders", "status", {"value_set": ["a"]}
    )

    found = rule_read(one)

    assert found is not None
    promise = AcceptedValues(("a",), negated=test == "not_be_in_set", filled=test == "be_in_set")
    assert found.promise == promise
    there = written(found, Target("orders", "status"), replace(EXPECTING, packages={}, tests=COPIES.tests))
    assert there.test == one.kind.rpartition(".")[2] if promise.filled else "not_accepted_values"


def test_conditions_have_one_spelling() -> None:
    assert canonical("amount>0  or STATUS is blank", KNOWN, "orders") == "amount > 0 OR status IS BLANK"


def test_every_promise_has_a_spelling_in_every_project() -> None:
    assert {type(rule.promise) for rule, _target in RULES} == {
        NotNull, MostlyFilled, Unique, UniqueTogether, AcceptedValues, BelongsTo, PositiveInteger, Percentage,
        InRange, MatchesPattern, Freshness, RowCount, AlwaysTrue,
    }  # fmt: skip
    assert all(
        written(rule, target, habits).test for rule, target in RULES for habits in EVERY_HABIT.values()
    )
