"""Tests added to a properties file, changed and taken out: only the lines in question are touched."""

from __future__ import annotations

from dataclasses import replace
from difflib import unified_diff

import pytest
import yaml
from hypothesis import given, settings

from catalog.quality.rules import Test
from semantic.codegen.quality.conditions import compiler
from semantic.codegen.quality.edits import Written
from semantic.codegen.quality.habits import Habits
from semantic.codegen.quality.macros import MACRO_FILE, MACROS
from semantic.codegen.quality.promises import (
    AlwaysTrue,
    Condition,
    Freshness,
    InRange,
    MatchesPattern,
    NotNull,
    Percentage,
    PositiveInteger,
    Promise,
    RowCount,
    Unique,
)
from semantic.codegen.quality.reading import rule_read
from semantic.codegen.quality.rule import QualityRule, Target
from semantic.codegen.quality.writing import rule_added, rule_changed, rule_removed
from semantic.codegen.yaml_marks import YamlRefused
from semantic.conditions import formula_of
from semantic.project_file import ProjectFile
from tests.semantic.codegen.quality_rules import EXPECTATIONS, KNOWN, PLAIN, UTILS, rules

PATH = "models/schema.yml"
compiles = compiler(KNOWN, "orders", "duckdb")

FILE = """\
version: 2

models:
  - name: customers
    columns:
      - name: id
        data_tests: [unique, not_null]

  # What was sold
  - name: orders
    description: One row for each order.   # and nothing else
    columns:
      - name: order_id
        data_tests:
          - unique
          - not_null
      - name: amount
        description: "In pounds"
        data_tests:
          - dbt_utils.accepted_range:
              arguments:
                min_value: 0   # never below
                max_value: 500
              config:
                severity: warn
    data_tests:
      - dbt_utils.recency:
          arguments: {field: ordered_at, datepart: day, interval: 1}

sources:
  - name: crm
    tables:
      - name: people
        columns:
          - name: id
"""


def reads(sql: str) -> str:
    return formula_of(sql, "duckdb")


def add(
    text: str | None,
    promise: Promise,
    column: str = "",
    *,
    habits: Habits = PLAIN,
    target: Target | None = None,
) -> str:
    target = target or Target("orders", column)
    changes = rule_added(QualityRule(promise), target, habits, path=PATH, compiles=compiles)
    return changes[0].apply(text.encode() if text is not None else None).decode()


def change(
    text: str, was: Written, new: QualityRule, *, target: Target | None = None, habits: Habits = UTILS
) -> str:
    target = target or Target("orders", was.column)
    config = {"where": was.where} if was.where else {}
    severity = "warn" if "severity: warn" in text else "error"
    test = Test(was.test, was.name, target.name, was.column, was.arguments, severity, config)
    old = rule_read(test, reads=reads)
    assert old is not None
    changes = rule_changed(old, new, target, was, habits, path=PATH, compiles=compiles)
    return changes[0].apply(text.encode()).decode()


def lines(before: str, after: str) -> list[str]:
    """What differs, as `-` and `+` lines."""
    found = unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0)
    return [line for line in found if line[:1] in "+-" and line[:3] not in ("+++", "---")]


RANGE = Written("dbt_utils.accepted_range", {"min_value": 0, "max_value": 500}, "amount")


def test_a_test_joins_those_of_its_column() -> None:
    assert lines(FILE, add(FILE, PositiveInteger(), "order_id")) == [
        "+          - bisync_in_range:",
        "+              arguments:",
        "+                minimum: 0",
        "+                integer: true",
    ]


def test_a_column_is_found_however_it_is_capitalised() -> None:
    assert lines(FILE, add(FILE, Unique(), "AMOUNT")) == ["+          - unique"]


def test_a_column_without_a_description_is_listed() -> None:
    assert lines(FILE, add(FILE, NotNull(), "status")) == [
        "+      - name: status",
        "+        data_tests:",
        "+          - not_null",
    ]


def test_a_list_in_brackets_stays_one_unless_the_test_has_arguments() -> None:
    target = Target("customers", "id")

    assert lines(
        FILE.replace(", not_null]", "]"), add(FILE.replace(", not_null]", "]"), NotNull(), target=target)
    ) == [
        "-        data_tests: [unique]",
        "+        data_tests: [unique, not_null]",
    ]
    assert lines(FILE, add(FILE, InRange(1, 9), target=target, habits=UTILS)) == [
        "-        data_tests: [unique, not_null]",
        "+        data_tests:",
        "+          - unique",
        "+          - not_null",
        "+          - dbt_utils.accepted_range:",
        "+              arguments:",
        "+                min_value: 1",
        "+                max_value: 9",
    ]


def test_a_rule_of_a_table_stands_at_the_table() -> None:
    assert lines(FILE, add(FILE, RowCount(1))) == [
        "+      - bisync_row_count:",
        "+          arguments:",
        "+            minimum: 1",
    ]


def test_a_source_is_tested_where_it_is_declared() -> None:
    target = Target("people", "id", "sources", "crm")

    assert lines(FILE, add(FILE, NotNull(), target=target)) == [
        "+            data_tests:",
        "+              - not_null",
    ]


def test_a_model_that_the_file_does_not_describe_is_added() -> None:
    after = add(FILE, NotNull(), target=Target("visits", "id"))

    assert yaml.safe_load(after)["models"][2] == {
        "name": "visits",
        "columns": [{"name": "id", "data_tests": ["not_null"]}],
    }
    assert all(line.startswith("+") for line in lines(FILE, after))


def test_a_new_file_holds_the_test_alone() -> None:
    assert yaml.safe_load(add(None, NotNull(), "status")) == {
        "models": [{"name": "orders", "columns": [{"name": "status", "data_tests": ["not_null"]}]}]
    }


def test_several_rules_of_one_new_column_make_one_entry() -> None:
    target = Target("orders", "status")
    edits = [
        edit
        for promise in (NotNull(), Unique())
        for file in rule_added(QualityRule(promise), target, PLAIN, path=PATH, compiles=compiles)
        for edit in file.edits
    ]
    change_ = rule_added(QualityRule(NotNull()), target, PLAIN, path=PATH, compiles=compiles)[0]
    both = replace(change_, edits=tuple(edits))

    for text in (FILE.encode(), None):
        data = yaml.safe_load(both.apply(text))
        orders = next(one for one in data["models"] if one["name"] == "orders")
        assert [one["data_tests"] for one in orders["columns"] if one["name"] == "status"] == [
            ["not_null", "unique"]
        ]


@pytest.mark.parametrize(
    ("version", "flag", "there", "nested"),
    [
        ((1, 9), None, "", False),
        ((1, 10), None, "", False),
        ((1, 11), None, "", True),
        ((1, 10), True, "", True),
        ((1, 11), False, "", False),
        ((1, 9), None, "arguments: {minimum: 1}", False),
        ((1, 10), True, "arguments: {minimum: 1}", True),
        ((1, 10), True, "minimum: 1", False),
        ((1, 11), None, "minimum: 1", False),
        ((1, 12), None, "minimum: 1", False),
        ((1, 11), False, "arguments: {minimum: 1}", False),
    ],
)
def test_arguments_stand_where_dbt_reads_them_and_the_file_has_them(
    version: tuple[int, int], flag: bool | None, there: str, nested: bool
) -> None:
    text = "models:\n  - name: orders\n" + (
        f"    data_tests:\n      - bisync_row_count:\n          {there}\n" if there else ""
    )
    flags = {} if flag is None else {"require_generic_test_arguments_property": flag}
    habits = Habits(dbt_version=version, project=ProjectFile(flags=flags))
    data = yaml.safe_load(add(text, InRange(5, 9), "amount", habits=habits))

    (test,) = data["models"][0]["columns"][0]["data_tests"]
    limits = {"minimum": 5, "maximum": 9}
    assert test == {"bisync_in_range": {"arguments": limits} if nested else limits}


@pytest.mark.parametrize(
    ("there", "nested"),
    [
        (None, False),
        ("models:\n  - name: orders\n", False),
        ("arguments: {minimum: 1}", True),
        ("minimum: 1", False),
    ],
)
def test_a_file_that_shows_no_habit_follows_the_project(there: str | None, nested: bool) -> None:
    shown = f"models:\n  - name: orders\n    data_tests:\n      - bisync_row_count:\n          {there}\n"
    text = shown if there and there.endswith(("}", "1")) else there
    habits = Habits(project=ProjectFile(flat_arguments=True))

    data = yaml.safe_load(add(text, InRange(5, 9), "amount", habits=habits))

    (test,) = data["models"][0]["columns"][0]["data_tests"]
    assert ("arguments" in test["bisync_in_range"]) is nested


@pytest.mark.parametrize("key", ["tests", "data_tests"])
def test_tests_are_listed_under_the_key_of_the_file(key: str) -> None:
    text = (
        f"models:\n  - name: a\n    columns:\n      - name: id\n        {key}: [unique]\n  - name: orders\n"
    )

    data = yaml.safe_load(add(text, NotNull(), "status"))

    assert data["models"][1] == {"name": "orders", "columns": [{"name": "status", key: ["not_null"]}]}


def test_the_key_of_the_entry_counts_more_than_that_of_the_file() -> None:
    text = FILE.replace("        data_tests: [unique, not_null]", "        tests: [unique]", 1)

    after = add(text, NotNull(), target=Target("customers", "id"))

    assert lines(text, after) == ["-        tests: [unique]", "+        tests: [unique, not_null]"]


def test_what_stands_there_already_is_not_added_again() -> None:
    for promise, column in ((NotNull(), "order_id"), (InRange(0, 500), "amount")):
        with pytest.raises(YamlRefused, match="has this test already"):
            add(FILE, promise, column, habits=UTILS)


def test_a_changed_limit_changes_its_line_and_keeps_its_comment() -> None:
    after = change(FILE, RANGE, QualityRule(InRange(5, 500), "warn"))

    assert lines(FILE, after) == [
        "-                min_value: 0   # never below",
        "+                min_value: 5   # never below",
    ]


def test_a_limit_that_goes_takes_its_line() -> None:
    after = change(FILE, RANGE, QualityRule(InRange(maximum=500), "warn"))

    assert lines(FILE, after) == ["-                min_value: 0   # never below"]


def test_a_limit_that_comes_adds_a_line() -> None:
    text = FILE.replace("                max_value: 500\n", "")

    after = change(
        text,
        Written("dbt_utils.accepted_range", {"min_value": 0}, "amount"),
        QualityRule(Percentage(), "warn"),
    )

    assert lines(text, after) == ["+                max_value: 100"]


WARNING = replace(UTILS, project=ProjectFile(tests={"shop": {"+severity": "warn"}}))


def test_an_error_says_so_where_the_project_lets_tests_warn() -> None:
    data = yaml.safe_load(add(FILE, RowCount(1), habits=WARNING))

    (_recent, test) = data["models"][1]["data_tests"]
    assert test["bisync_row_count"]["config"] == {"severity": "error"}
    assert "severity: error" not in add(FILE, RowCount(1))


@pytest.mark.parametrize(
    ("habits", "there", "after"),
    [
        (WARNING, "not_null", {"not_null": {"config": {"severity": "error"}}}),
        (WARNING, "not_null: {severity: warn}", {"not_null": {"severity": "error"}}),
        # A generic test may set its own severity, which no line of the project says.
        (UTILS, "not_null", {"not_null": {"config": {"severity": "error"}}}),
        (UTILS, "not_null: {severity: warn}", "not_null"),
    ],
)
def test_a_warning_that_becomes_an_error_is_one_for_dbt_too(
    habits: Habits, there: str, after: object
) -> None:
    text = f"models:\n  - name: orders\n    columns:\n      - name: id\n        data_tests:\n          - {there}\n"
    old, new = QualityRule(NotNull(), "warn"), QualityRule(NotNull(), "error")
    was = Written("not_null", {}, "id")

    changes = rule_changed(old, new, Target("orders", "id"), was, habits, path=PATH, compiles=compiles)

    data = yaml.safe_load(changes[0].apply(text.encode()))
    assert data["models"][0]["columns"][0]["data_tests"] == [after]


def test_a_changed_severity_changes_its_line() -> None:
    assert lines(FILE, change(FILE, RANGE, QualityRule(InRange(0, 500)))) == [
        "-              config:",
        "-                severity: warn",
    ]


def test_a_text_becomes_a_mapping_where_there_is_something_to_say() -> None:
    new = QualityRule(NotNull(), "warn", Condition("amount > 3"))

    after = change(
        FILE.replace("severity: warn", "severity: error"), Written("not_null", {}, "order_id"), new
    )

    assert lines(FILE.replace("severity: warn", "severity: error"), after) == [
        "-          - not_null",
        "+          - not_null:",
        "+              config:",
        "+                severity: warn",
        "+                where: amount > 3",
        "+                meta:",
        "+                  bisync:",
        "+                    where: amount > 3",
    ]


def test_a_mapping_in_braces_stays_one() -> None:
    text = FILE.replace("severity: warn", "severity: error")
    was = Written("dbt_utils.recency", {"field": "ordered_at", "datepart": "day", "interval": 1})

    after = change(text, was, QualityRule(Freshness("ordered_at", 3, "day")))

    assert lines(text, after) == [
        "-          arguments: {field: ordered_at, datepart: day, interval: 1}",
        "+          arguments: {field: ordered_at, datepart: day, interval: 3}",
    ]


def test_a_test_that_cannot_say_it_gives_way_to_one_that_can() -> None:
    after = change(FILE, RANGE, QualityRule(PositiveInteger(), "warn"))

    column = next(one for one in yaml.safe_load(after)["models"][1]["columns"] if one["name"] == "amount")
    assert column["data_tests"] == [
        {"bisync_in_range": {"arguments": {"minimum": 0, "integer": True}, "config": {"severity": "warn"}}}
    ]


@pytest.mark.parametrize(
    ("kind", "arguments", "argument"),
    [
        ("is_between", {"minimum": 1, "maximum": 5}, "maximum"),
        ("elementary.accepted_range_with_context", {"min_value": 1, "max_value": 5}, "max_value"),
        (
            "dbt_expectations.expect_column_values_to_be_between",
            {"min_value": 1, "max_value": 5},
            "max_value",
        ),
    ],
)
def test_a_spelling_that_bisync_would_not_have_chosen_is_kept(
    kind: str, arguments: dict[str, int], argument: str
) -> None:
    given_ = "".join(f"              {name}: {value}\n" for name, value in arguments.items())
    text = f"models:\n  - name: orders\n    columns:\n      - name: amount\n        tests:\n          - {kind}:\n{given_}"

    after = change(text, Written(kind, arguments, "amount"), QualityRule(InRange(1, 7)), habits=PLAIN)

    assert lines(text, after) == [f"-              {argument}: 5", f"+              {argument}: 7"]


def test_sql_that_is_no_formula_stays_as_it_is() -> None:
    text = (
        "models:\n  - name: orders\n    tests:\n      - dbt_utils.expression_is_true:\n"
        "          expression: my_udf(amount)  # theirs\n          config: {where: other_udf()}\n"
    )
    was = Written("dbt_utils.expression_is_true", {"expression": "my_udf(amount)"}, where="other_udf()")
    new = QualityRule(AlwaysTrue(Condition(sql="my_udf(amount)")), "warn", Condition(sql="other_udf()"))

    assert lines(text, change(text, was, new)) == [
        "-          config: {where: other_udf()}",
        "+          config: {where: other_udf(), severity: warn}",
    ]


def test_a_packages_own_argument_for_some_of_the_rows_is_changed_in_place() -> None:
    kind = "dbt_expectations.expect_column_values_to_match_regex"
    arguments = {"regex": "^a", "row_condition": "amount > 1"}
    text = (
        f"models:\n  - name: orders\n    columns:\n      - name: status\n        tests:\n          - {kind}:\n"
        '              regex: "^a"\n              row_condition: amount > 1\n'
    )
    new = QualityRule(MatchesPattern("^b"), where=Condition("amount > 2"))

    after = change(text, Written(kind, arguments, "status"), new, habits=EXPECTATIONS)

    assert lines(text, after)[:4] == [
        '-              regex: "^a"',
        "-              row_condition: amount > 1",
        '+              regex: "^b"',
        "+              row_condition: amount > 2",
    ]


@pytest.mark.parametrize("where", ["min_value", "max_value"])
def test_what_jinja_writes_is_refused(where: str) -> None:
    old = {"min_value": "0   # never below", "max_value": "500"}[where]
    text = FILE.replace(f"{where}: {old}", f"{where}: \"{{{{ var('limit') }}}}\"")

    with pytest.raises(YamlRefused, match="made by Jinja"):
        change(text, RANGE, QualityRule(InRange(7, 700), "warn"))


def test_what_jinja_writes_beside_it_stays() -> None:
    text = FILE.replace("max_value: 500", "max_value: \"{{ var('limit') }}\"")

    assert lines(text, change(text, RANGE, QualityRule(InRange(7, 500), "warn"))) == [
        "-                min_value: 0   # never below",
        "+                min_value: 7   # never below",
    ]


def test_a_test_goes_with_its_lines_alone() -> None:
    after = rule_removed(Target("orders", "order_id"), Written("unique", {}, "order_id"), path=PATH)

    assert lines(FILE, after[0].apply(FILE.encode()).decode()) == ["-          - unique"]


def test_the_last_test_takes_the_key_of_its_list() -> None:
    (file,) = rule_removed(Target("orders", "amount"), RANGE, path=PATH)

    found = yaml.safe_load(file.apply(FILE.encode()))["models"][1]["columns"][1]

    assert found == {"name": "amount", "description": "In pounds"}


def test_a_test_with_a_name_is_found_by_it_alone() -> None:
    text = FILE.replace(
        "          - unique\n", "          - unique: {name: once}\n          - unique: {name: twice}\n"
    )
    (file,) = rule_removed(
        Target("orders", "order_id"), Written("unique", {}, "order_id", "twice"), path=PATH
    )

    assert lines(text, file.apply(text.encode()).decode()) == ["-          - unique: {name: twice}"]


def test_a_test_of_a_column_may_stand_at_its_table() -> None:
    text = "models:\n  - name: orders\n    tests:\n      - not_null: {column_name: status}\n      - unique: {column_name: id}\n"
    (file,) = rule_removed(Target("orders", "status"), Written("not_null", {}, "status"), path=PATH)

    assert lines(text, file.apply(text.encode()).decode()) == ["-      - not_null: {column_name: status}"]


@pytest.mark.parametrize(
    ("was", "why"),
    [
        (Written("dbt_utils.accepted_range", {"min_value": 1}, "amount"), "as dbt last read it"),
        (Written("unique", {}, "amount"), "as dbt last read it"),
        (Written("unique", {}, "order_id", "named"), "as dbt last read it"),
        (Written("not_null", {}, "order_id", where="amount > 1"), "as dbt last read it"),
    ],
)
def test_what_is_not_there_as_dbt_read_it_is_refused(was: Written, why: str) -> None:
    (file,) = rule_removed(Target("orders", was.column), was, path=PATH)

    with pytest.raises(YamlRefused, match=why):
        file.apply(FILE.encode())


def test_what_is_there_twice_is_refused() -> None:
    text = FILE.replace("          - unique\n", "          - unique\n          - unique\n")
    (file,) = rule_removed(Target("orders", "order_id"), Written("unique", {}, "order_id"), path=PATH)

    with pytest.raises(YamlRefused, match="2 times"):
        file.apply(text.encode())


def test_a_source_that_has_moved_is_not_declared_a_second_time() -> None:
    with pytest.raises(YamlRefused, match="pull first"):
        add(FILE, NotNull(), target=Target("places", "id", "sources", "crm"))


def test_the_macros_come_once_with_the_first_test_that_needs_them() -> None:
    own = rule_added(
        QualityRule(PositiveInteger()), Target("orders", "amount"), UTILS, path=PATH, compiles=compiles
    )
    plain = rule_added(
        QualityRule(NotNull()), Target("orders", "status"), UTILS, path=PATH, compiles=compiles
    )

    elsewhere = rule_added(
        QualityRule(PositiveInteger()),
        Target("orders", "amount"),
        replace(UTILS, project=ProjectFile(macro_paths=("sql",))),
        path=PATH,
        compiles=compiles,
    )

    assert [file.path for file in own] == [PATH, MACRO_FILE]
    assert [file.path for file in elsewhere] == [PATH, "sql/bisync/bisync_tests.sql"]
    assert own[1].apply(None) == MACROS.encode()
    assert own[1].apply(b"theirs") == b"theirs"
    assert [file.path for file in plain] == [PATH]


@given(rules())
@settings(max_examples=60)
def test_what_is_added_and_taken_away_again_leaves_the_tests_as_they_were(
    asked: tuple[QualityRule, Target],
) -> None:
    rule, target = asked
    habits = UTILS
    text = FILE.encode()
    file, *_macros = rule_added(rule, target, habits, path=PATH, compiles=compiles)
    (edit,) = file.edits
    test = edit.test  # type: ignore[union-attr]
    was = Written(test.test, test.arguments, test.column, test.name, test.where)

    after = file.apply(text)
    (gone,) = rule_removed(target, was, path=PATH)

    def tests(content: bytes) -> list[object]:
        orders = yaml.safe_load(content)["models"][1]
        return [
            orders.get("data_tests"),
            *(one["data_tests"] for one in orders["columns"] if "data_tests" in one),
        ]

    assert tests(after) != tests(text)
    assert tests(gone.apply(after)) == tests(text)
