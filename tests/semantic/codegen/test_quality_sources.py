"""How old a source may be, written in the place that dbt has for it."""

from __future__ import annotations

from difflib import unified_diff
from typing import Any

import pytest
import yaml

from catalog.quality.rules import freshness
from semantic.codegen.entries import Refused
from semantic.codegen.quality.conditions import compiler
from semantic.codegen.quality.edits import Written
from semantic.codegen.quality.habits import Habits
from semantic.codegen.quality.promises import Condition, Freshness
from semantic.codegen.quality.rule import QualityRule, Severity, Target
from semantic.codegen.quality.source_freshness import source_rules
from semantic.codegen.quality.spelled import spelled, told
from semantic.codegen.quality.writing import rule_added, rule_changed, rule_removed
from semantic.codegen.yaml_marks import YamlRefused
from semantic.conditions import formula_of
from tests.semantic.codegen.quality_rules import KNOWN, PLAIN

PATH = "models/sources.yml"
PEOPLE = Target("people", "", "sources", "crm")
WAS = Written("freshness")
compiles = compiler(KNOWN, "orders", "duckdb")

BARE = """\
sources:
  - name: crm
    tables:
      - name: people
        description: Everybody.
"""
OLD = """\
sources:
  - name: crm
    tables:
      - name: people
        loaded_at_field: seen_at
        freshness:
          warn_after: {count: 12, period: hour}   # be quick
          error_after: {count: 2, period: day}
          filter: amount > 3
"""


def reads(sql: str) -> str:
    return formula_of(sql, "duckdb")


def old_for(count: int, unit: Any = "hour", severity: Severity = "error", where: str = "") -> QualityRule:
    return QualityRule(Freshness("seen_at", count, unit), severity, Condition(where))


def add(text: str, rule: QualityRule, *, version: tuple[int, int] = (1, 11), target: Target = PEOPLE) -> str:
    (change,) = rule_added(rule, target, Habits(dbt_version=version), path=PATH, compiles=compiles)
    return change.apply(text.encode()).decode()


def change(text: str, old: QualityRule, new: QualityRule) -> str:
    (changed,) = rule_changed(old, new, PEOPLE, WAS, PLAIN, path=PATH, compiles=compiles)
    return changed.apply(text.encode()).decode()


def people(text: str) -> Any:
    return yaml.safe_load(text)["sources"][0]["tables"][0]


def lines(before: str, after: str) -> list[str]:
    found = unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0)
    return [line for line in found if line[:1] in "+-" and line[:3] not in ("+++", "---")]


@pytest.mark.parametrize(("version", "place"), [((1, 9), ""), ((1, 10), "config"), ((1, 11), "config")])
def test_a_new_limit_stands_where_dbt_wants_it(version: tuple[int, int], place: str) -> None:
    after = add(BARE, old_for(24), version=version)

    wanted = {"loaded_at_field": "seen_at", "freshness": {"error_after": {"count": 24, "period": "hour"}}}
    given = {"config": wanted} if place else wanted
    assert people(after) == {"name": "people", "description": "Everybody.", **given}
    assert all(line.startswith("+") for line in lines(BARE, after))


def test_the_files_habit_counts_more() -> None:
    text = OLD + "      - name: places\n"

    after = add(text, old_for(3, "day", "warn"), target=Target("places", "", "sources", "crm"))

    assert yaml.safe_load(after)["sources"][0]["tables"][1] == {
        "name": "places",
        "loaded_at_field": "seen_at",
        "freshness": {"warn_after": {"count": 3, "period": "day"}},
    }


def test_a_changed_limit_changes_its_line_and_keeps_its_comment() -> None:
    after = change(OLD, old_for(12, "hour", "warn", "amount > 3"), old_for(6, "hour", "warn", "amount > 3"))

    assert lines(OLD, after) == [
        "-          warn_after: {count: 12, period: hour}   # be quick",
        "+          warn_after: {count: 6, period: hour}   # be quick",
    ]


def test_a_limit_goes_and_the_other_stays() -> None:
    (removed,) = rule_removed(PEOPLE, WAS, path=PATH, severity="warn")

    after = removed.apply(OLD.encode()).decode()

    assert lines(OLD, after) == ["-          warn_after: {count: 12, period: hour}   # be quick"]
    (again,) = rule_removed(PEOPLE, WAS, path=PATH, severity="error")
    assert people(again.apply(after.encode()).decode()) == {"name": "people", "loaded_at_field": "seen_at"}


def test_a_warning_becomes_an_error() -> None:
    text = add(BARE, old_for(24, "hour", "warn"))

    after = change(text, old_for(24, "hour", "warn"), old_for(24))

    assert people(after)["config"]["freshness"] == {"error_after": {"count": 24, "period": "hour"}}


def test_both_limits_look_at_the_same_rows() -> None:
    with pytest.raises(YamlRefused, match="the same rows"):
        change(OLD, old_for(12, "hour", "warn", "amount > 3"), old_for(12, "hour", "warn", "amount > 9"))
    with pytest.raises(YamlRefused, match="the same rows"):
        add(OLD.replace("          error_after: {count: 2, period: day}\n", ""), old_for(1, "day"))


def test_what_jinja_writes_is_refused() -> None:
    text = OLD.replace("{count: 12, period: hour}", "\"{{ var('age') }}\"")

    with pytest.raises(YamlRefused, match="made by Jinja"):
        change(text, old_for(12, "hour", "warn", "amount > 3"), old_for(6, "hour", "warn", "amount > 3"))


def test_weeks_are_told_in_days() -> None:
    with pytest.raises(Refused, match="hours and days"):
        add(BARE, old_for(2, "week"))


def test_a_source_that_has_moved_is_refused() -> None:
    with pytest.raises(YamlRefused, match="pull first"):
        add(BARE, old_for(2), target=Target("places", "", "sources", "crm"))


@pytest.mark.parametrize("severity", ["error", "warn"])
@pytest.mark.parametrize("where", ["", "amount > 3"])
def test_what_is_exported_is_imported_and_told_as_the_same_rule(severity: Severity, where: str) -> None:
    rule = old_for(24, "hour", severity, where)

    there = people(add(BARE, rule))["config"]

    assert source_rules(there["freshness"], there["loaded_at_field"], reads=reads) == [rule]
    found = freshness("people", there["freshness"])
    assert found is not None
    assert told(rule, PEOPLE) == found
    assert spelled(rule, PEOPLE, PLAIN, compiles=compiles).why.startswith("freshness, the place")


def test_both_limits_of_a_source_are_rules() -> None:
    raw = people(OLD)["freshness"]

    assert source_rules(raw, "seen_at", reads=reads) == [
        old_for(2, "day", "error", "amount > 3"),
        old_for(12, "hour", "warn", "amount > 3"),
    ]
    assert source_rules({"error_after": {"count": 5, "period": "minute"}}, "seen_at", reads=reads) == []
    assert source_rules({**raw, "filter": "my_udf()"}, "seen_at", reads=reads)[0].where == Condition(
        sql="my_udf()"
    )
