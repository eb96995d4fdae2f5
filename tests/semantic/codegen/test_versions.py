"""Models with versions: what is said of one is written for that one, and never for the others by accident."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from semantic.codegen.changes import AmendTests, FileChange
from semantic.codegen.quality.edits import Written
from semantic.codegen.quality.habits import Habits
from semantic.codegen.quality.promises import NotNull, Promise, RowCount, Unique
from semantic.codegen.quality.rule import QualityRule, Target
from semantic.codegen.quality.writing import rule_added, rule_changed, rule_removed
from semantic.codegen.removal_edits import RemoveColumn, RenameTests
from semantic.codegen.versions import version_of
from semantic.codegen.words import AmendWords
from semantic.codegen.yaml_files import edited
from semantic.codegen.yaml_marks import YamlRefused
from semantic.codegen.yaml_steps import Named, Path

pytestmark = pytest.mark.pure

FILE = """\
models:
  - name: fct_sales
    latest_version: 2
    description: What was sold.
    config: {group: shop, meta: {bisync: {owner: Tom, synonyms: [sales]}}}
    columns:
      - {name: id, description: Key.}
      - name: email
        description: Old.
        data_tests: [not_null]
    versions:
      - v: 1   # for the old reports
      - v: 2
        columns:
          - {include: all, exclude: [email]}
          - {name: discount, description: In v2 only.}
"""
SALES: Path = ("models", Named("fct_sales"), "versions")


def column(version: str, name: str) -> Path:
    return (*SALES, Named(version, "v"), "columns", Named(name))


def entry(text: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(text)["models"][0]
    return found


def amended(path: Path, text: str = FILE, own: dict[str, Any] | None = None, **values: Any) -> dict[str, Any]:
    return entry(edited(text, [AmendWords(path, values, own or {})], path="models/sales.yml"))


def with_test(promise: Promise, version: str, name: str = "", text: str = FILE) -> dict[str, Any]:
    target = Target("fct_sales", name, version=version)
    (change, *_macros) = rule_added(QualityRule(promise), target, Habits(), path="x.yml", compiles=str)
    return entry(change.apply(text.encode()).decode())


def test_the_version_is_a_part_of_dbts_id() -> None:
    assert version_of("model.shop.fct_sales.v2") == "2"
    assert version_of("model.shop.fct_sales.v1.5") == "1.5"
    assert version_of("model.shop.fct_sales") == version_of("source.shop.raw.orders") == ""
    assert Target.of("model.shop.fct_sales.v2", "fct_sales").version == "2"
    target = Target("fct_sales", "id", version="2")
    assert Target.from_json(target.to_json()) == target


# Words


def test_a_column_of_one_version_is_described_there() -> None:
    after = amended(column("2", "discount"), description="New words.")

    assert after["columns"] == entry(FILE)["columns"]
    assert after["versions"][1]["columns"][1] == {"name": "discount", "description": "New words."}
    assert after["versions"][0] == {"v": 1}


def test_a_column_that_nobody_described_is_described_in_its_version() -> None:
    after = amended(column("2", "tax"), description="Tax.")
    assert after["versions"][1]["columns"][2] == {"name": "tax", "description": "Tax."}
    # Of what the model says, this version leaves the column out.
    after = amended(column("2", "email"), description="Back again.")
    assert after["versions"][1]["columns"][2] == {"name": "email", "description": "Back again."}
    after = amended(column("1", "tax"), description="Tax.")
    assert after["versions"][0] == {"v": 1, "columns": [{"name": "tax", "description": "Tax."}]}
    assert after["columns"] == entry(FILE)["columns"]


def test_a_column_that_versions_share_is_described_where_they_share_it() -> None:
    after = amended(column("2", "id"), description="The key.")

    assert after["columns"][0] == {"name": "id", "description": "The key."}
    assert after["versions"] == entry(FILE)["versions"]


def test_a_version_has_its_own_words_and_keeps_the_others_theirs() -> None:
    after = amended(
        (*SALES, Named("1", "v")),
        description="Before the move.",
        deprecation_date=yaml.safe_load("2026-12-31"),
        access="private",
        group="finance",
        own={"owner": "Maya", "label": "Old sales"},
    )

    assert list(after["versions"][0].items()) == [
        ("v", 1),
        ("description", "Before the move."),
        ("deprecation_date", yaml.safe_load("2026-12-31")),
        (
            "config",
            {
                "access": "private",
                "group": "finance",
                "meta": {"bisync": {"owner": "Maya", "label": "Old sales"}},
            },
        ),
    ]
    assert {**after, "versions": []} == {**entry(FILE), "versions": []}


@pytest.mark.parametrize(
    ("values", "own"),
    [
        ({"description": None}, {}),
        ({"group": None}, {}),
        ({}, {"owner": None}),
        # dbt puts the lists of a version and of its model together.
        ({}, {"synonyms": ["turnover"]}),
    ],
)
def test_what_all_versions_say_is_not_taken_from_one(values: dict[str, Any], own: dict[str, Any]) -> None:
    with pytest.raises(YamlRefused, match="for several versions at once"):
        amended((*SALES, Named("2", "v")), own=own, **values)


def test_a_day_goes_from_the_version_that_has_it() -> None:
    text = FILE.replace("- v: 2\n", "- v: 2\n        deprecation_date: 2026-12-31\n")
    after = amended((*SALES, Named("2", "v")), text, deprecation_date=None)
    assert after == entry(FILE)


@pytest.mark.parametrize(
    "text", [FILE.replace("v: 2", "v: 3"), "models: []\n", FILE.replace("v: 1 ", "v: 2 ")]
)
def test_a_version_that_is_not_there_once_is_refused(text: str) -> None:
    with pytest.raises(YamlRefused, match="Version 2 of fct_sales"):
        amended(column("2", "discount"), text, description="x")


def test_a_file_yet_to_be_shows_the_version() -> None:
    change = FileChange("x.yml", (AmendWords(column("2", "tax"), {"description": "Tax."}, {}),))

    columns = [{"name": "tax", "description": "Tax."}]
    assert entry(change.apply(None).decode()) == {
        "name": "fct_sales",
        "versions": [{"v": 2, "columns": columns}],
    }


# Tests


def test_the_test_of_a_column_is_that_of_one_version() -> None:
    after = with_test(NotNull(), "2", "discount")
    assert after["versions"][1]["columns"][1]["data_tests"] == ["not_null"]
    after = with_test(NotNull(), "1", "tax")
    assert after["versions"][0]["columns"] == [{"name": "tax", "data_tests": ["not_null"]}]
    # No other version has this column of the model's.
    after = with_test(Unique(), "1", "email")
    assert after["columns"][1]["data_tests"] == ["not_null", "unique"]
    for found in (with_test(NotNull(), "2", "discount"), with_test(NotNull(), "1", "tax")):
        assert found["columns"] == entry(FILE)["columns"]


def test_a_column_that_versions_share_gets_no_test_for_one_of_them() -> None:
    with pytest.raises(YamlRefused, match="The column id stands in the entry of fct_sales for several"):
        with_test(NotNull(), "2", "id")


def test_a_version_has_a_list_of_tests_where_the_model_has_none() -> None:
    after = with_test(RowCount(1), "2")
    assert [list(one) for one in after["versions"][1]["data_tests"]] == [["bisync_row_count"]]
    assert "data_tests" not in after

    shared = FILE.replace("    versions:\n", "    data_tests: [x]\n    versions:\n")
    with pytest.raises(YamlRefused, match="The list of tests stands"):
        with_test(RowCount(1), "2", text=shared)
    own = shared.replace("- v: 2\n", "- v: 2\n        tests: [y]\n")
    assert "tests" in with_test(RowCount(1), "2", text=own)["versions"][1]
    # All that have no list of their own is version 1.
    assert len(with_test(RowCount(1), "1", text=own)["data_tests"]) == 2


def test_a_test_is_changed_and_removed_where_its_version_has_it() -> None:
    text = FILE.replace("In v2 only.}", "In v2 only., data_tests: [not_null]}")
    target, was = Target("fct_sales", "discount", version="2"), Written("not_null", {}, "discount")

    (change,) = rule_changed(
        QualityRule(NotNull()),
        QualityRule(NotNull(), "warn"),
        target,
        was,
        Habits(),
        path="x.yml",
        compiles=str,
    )
    after = entry(change.apply(text.encode()).decode())
    assert after["versions"][1]["columns"][1]["data_tests"] == [
        {"not_null": {"config": {"severity": "warn"}}}
    ]
    (change,) = rule_removed(target, was, path="x.yml")
    assert entry(change.apply(text.encode()).decode()) == entry(FILE)


def test_a_test_that_versions_share_is_not_changed_for_one() -> None:
    both = FILE.replace(", exclude: [email]", "")
    was = Written("not_null", {}, "email")
    (change,) = rule_removed(Target("fct_sales", "email", version="1"), was, path="x.yml")

    with pytest.raises(YamlRefused, match="for several versions at once"):
        change.apply(both.encode())
    assert "data_tests" not in entry(change.apply(FILE.encode()).decode())["columns"][1]


def test_the_tests_of_a_metric_are_those_of_the_version_that_it_totals() -> None:
    target = Target("fct_sales", version="2")
    test = {"bisync_metric_in_range": {"name": "paid_positive", "minimum": 0}}
    text = edited(FILE, [AmendTests(target, (), (test,))], path="x.yml")
    assert entry(text)["versions"][1]["data_tests"] == [test]

    text = edited(text, [RenameTests(target, {"paid_positive": "sold_positive"})], path="x.yml")
    (renamed,) = entry(text)["versions"][1]["data_tests"]
    assert renamed["bisync_metric_in_range"]["name"] == "sold_positive"
    text = edited(text, [AmendTests(target, ("sold_positive",), ())], path="x.yml")
    assert entry(text) == entry(FILE)
    # Those that were written for all versions stay where they are.
    shared = FILE.replace(
        "    versions:\n", "    data_tests:\n      - x: {name: sold_positive}\n    versions:\n"
    )
    text = edited(shared, [AmendTests(target, ("sold_positive",), (test,))], path="x.yml")
    assert entry(text)["data_tests"] == [test]


# Columns that go


def test_a_column_goes_from_its_version() -> None:
    after = entry(edited(FILE, [RemoveColumn(column("2", "discount"))], path="x.yml"))
    assert after["versions"][1]["columns"] == [{"include": "all", "exclude": ["email"]}]
    after = entry(edited(FILE, [RemoveColumn(column("1", "email"))], path="x.yml"))
    assert [one["name"] for one in after["columns"]] == ["id"]
    with pytest.raises(YamlRefused, match="The column id stands"):
        edited(FILE, [RemoveColumn(column("1", "id"))], path="x.yml")
