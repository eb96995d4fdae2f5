"""Rules of every kind and spelling, written to a project, parsed by dbt, and read back from its manifest."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from catalog.quality.rules import Test, rule_of
from catalog.reading import Entry
from catalog.reading import test_record as record_of
from semantic.codegen.changes import FileChange
from semantic.codegen.quality.conditions import compiler
from semantic.codegen.quality.edits import Written
from semantic.codegen.quality.habits import Habits, habits_of
from semantic.codegen.quality.promises import Condition, Freshness, NotNull
from semantic.codegen.quality.reading import is_made_up, rule_read
from semantic.codegen.quality.rule import QualityRule, Target
from semantic.codegen.quality.source_freshness import source_rules
from semantic.codegen.quality.spelled import told
from semantic.codegen.quality.writing import rule_added, rule_changed, rule_removed
from semantic.conditions import formula_of
from tests.semantic.codegen.quality_rules import EVERY_TEST, EXPECTATIONS, KNOWN, PLAIN, RULES, UTILS
from tests.semantic.shop import Shop

pytestmark = [pytest.mark.dbt, pytest.mark.slow]

MODELS: Mapping[str, Habits] = {"orders_plain": PLAIN, "orders_utils": UTILS, "orders_expected": EXPECTATIONS}
SOURCE = (
    (QualityRule(NotNull(), "warn"), Target("people", "id", "sources", "crm")),
    (
        QualityRule(Freshness("seen_at", 36), where=Condition("amount > 3")),
        Target("people", "", "sources", "crm"),
    ),
)
FILES = {
    "orders_plain": "models:\n  - name: orders_plain\n",
    "orders_utils": """\
version: 2

models:
  - name: orders_utils
    description: Written with tests of a package.
""",
    "orders_expected": """\
models:
- name: orders_expected
  columns:
  - name: status  # open, paid or lost
""",
    "crm": """\
sources:
  - name: crm
    tables:
      - name: people
        columns:
          - name: id
""",
}
compiles = compiler(KNOWN, "orders", "duckdb")


def reads(sql: str) -> str:
    return formula_of(sql, "duckdb")


def asked(model: str) -> list[tuple[QualityRule, Target]]:
    """All kinds of rules of one model; some warn, some look at some of the rows, some have names."""
    found = []
    for number, (rule, target) in enumerate(RULES):
        more: dict[str, Any] = {}
        if number % 2:
            more |= {"severity": "warn", "owner": "finance"}
        if number % 3 == 0:
            more |= {"where": Condition("ordered_at IN LAST 30 DAYS" if number % 2 else "amount > 3")}
        if number % 5 == 0:
            more |= {"name": f"{model}_promise_{number}"}
        found.append((replace(rule, **more), replace(target, name=model)))
    return found


def path(name: str) -> str:
    return f"models/{name}.yml"


def write(shop: Shop, *changes: FileChange) -> None:
    for change in changes:
        shop.write(change.path, change.apply(shop.read(change.path)))


def stand_in(shop: Shop, package: str) -> None:
    """A package with tests of these names: what dbt reads of a call is the same, whatever they do."""
    macros = [
        f"{{% test {test.partition('.')[2]}(model) %}}{{% set given = kwargs %}}select 1 as one from {{{{ model }}}} where 1 = 0{{% endtest %}}"
        for test in sorted(EVERY_TEST)
        if test.startswith(f"{package}.")
    ]
    settings = {"name": package, "version": "1.0.0", "config-version": 2}
    shop.write(f"dbt_packages/{package}/dbt_project.yml", yaml.safe_dump(settings).encode())
    shop.write(f"dbt_packages/{package}/macros/tests.sql", "\n".join(macros).encode())


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A project with every rule in the spelling of each habit, parsed by dbt."""
    shop = Shop(tmp_path_factory.mktemp("parsed") / "project")
    settings = {
        "name": "kept",
        "version": "1.0",
        "profile": "kept",
        "flags": {"send_anonymous_usage_stats": False},
    }
    place = {"type": "duckdb", "path": "warehouse.duckdb"}
    shop.write("dbt_project.yml", yaml.safe_dump(settings).encode())
    shop.write(
        "profiles.yml", yaml.safe_dump({"kept": {"target": "dev", "outputs": {"dev": place}}}).encode()
    )
    for package in ("dbt_utils", "dbt_expectations"):
        stand_in(shop, package)
    for model in (*MODELS, "customers"):
        shop.write(f"models/{model}.sql", b"select 1 as id")
    for name, text in FILES.items():
        shop.write(path(name), text.encode())
    for model, habits in MODELS.items():
        for rule, target in asked(model):
            write(shop, *rule_added(rule, target, habits, path=path(model), compiles=compiles))
    for rule, target in SOURCE:
        write(shop, *rule_added(rule, target, PLAIN, path=path("crm"), compiles=compiles))
    shop.run("parse")
    return shop


def kept_in(shop: Shop, model: str) -> list[tuple[Test, Mapping[str, Any]]]:
    """The model's tests as the catalogue reads them, each with its meta."""
    found = []
    for node in shop.manifest["nodes"].values():
        if node["resource_type"] != "test" or node["attached_node"] != f"model.kept.{model}":
            continue
        one = record_of(Entry("test", msgspec.Raw(json.dumps(node).encode())))
        config = one.fields.get("config") or {}
        test = Test(one.kind, one.name, model, one.column, one.arguments, one.severity, config)
        found.append((test, one.fields.get("meta") or {}))
    return found


@pytest.mark.parametrize("model", MODELS)
def test_what_was_written_is_read_back_from_the_manifest(project: Shop, model: str) -> None:
    wanted = [rule for rule, _target in asked(model)]

    found = [
        rule_read(test, meta=meta, compiles=compiles, reads=reads) for test, meta in kept_in(project, model)
    ]

    assert len(found) == len(wanted)
    assert [rule for rule in wanted if rule not in found] == []


@pytest.mark.parametrize("model", MODELS)
def test_the_catalogue_tells_each_as_it_was_told_when_it_was_proposed(project: Shop, model: str) -> None:
    """But for conditions that SQL says in another way than people do."""
    wanted = {
        told(rule, target).sentence for rule, target in asked(model) if "LAST 30" not in rule.where.formula
    }

    found = {rule_of(test, reads=reads).sentence for test, _meta in kept_in(project, model)}

    assert wanted - found == set()


def test_habits_are_read_from_the_manifest(project: Shop) -> None:
    habits = habits_of(project.manifest, dialect="duckdb", dbt_version=(1, 11))

    assert set(habits.packages) == {"dbt_utils", "dbt_expectations"}
    assert habits.tests >= EVERY_TEST | {"not_null", "unique", "bisync_in_range"}
    assert habits.uses["not_null"].count == 4
    assert habits.uses["dbt_utils.accepted_range"].file == path("orders_utils")
    # `PositiveInteger` twice for each model, which no package says, and all ranges of the plain one.
    assert habits.uses["bisync_in_range"].count > habits.uses["dbt_utils.accepted_range"].count


def test_every_rule_is_changed_where_it_stands_and_taken_away_again(project: Shop, tmp_path: Path) -> None:
    shop = Shop(Path(shutil.copytree(project.folder, tmp_path / "project")))
    for model, habits in MODELS.items():
        for test, meta in kept_in(project, model):
            rule = rule_read(test, meta=meta, compiles=compiles, reads=reads)
            assert rule is not None
            was = written(test)
            target = Target(model, test.column)
            severity = "error" if rule.severity == "warn" else "warn"
            new = replace(rule, severity=severity, where=Condition("quantity > 1"))  # type: ignore[arg-type]
            write(shop, *rule_changed(rule, new, target, was, habits, path=path(model), compiles=compiles))
    shop.run("parse")

    for model in MODELS:
        changed = [
            rule_read(test, meta=meta, compiles=compiles, reads=reads) for test, meta in kept_in(shop, model)
        ]
        wanted = [
            replace(
                rule,
                severity="error" if rule.severity == "warn" else "warn",
                where=Condition("quantity > 1"),
            )
            for rule, _target in asked(model)
        ]
        assert [rule for rule in wanted if rule not in changed] == []
    model = "orders_expected"
    for test, _meta in kept_in(shop, model):
        write(shop, *rule_removed(Target(model, test.column), written(test), path=path(model)))
    (left,) = yaml.safe_load(shop.read(path(model)) or b"")["models"]
    assert "data_tests" not in left
    assert not any("data_tests" in column for column in left["columns"])
    assert (shop.read(path(model)) or b"").startswith(FILES[model].encode())


def written(test: Test) -> Written:
    """A test of the manifest, to be found in its file."""
    name = "" if is_made_up(test) else test.name
    return Written(test.kind, test.arguments, test.column, name, str(test.config.get("where") or ""))


def test_a_rule_of_a_source_is_a_test_that_dbt_attaches_to_it(project: Shop) -> None:
    (test,) = [
        node
        for node in project.manifest["nodes"].values()
        if node["resource_type"] == "test" and node["name"].startswith("source_not_null")
    ]

    assert test["sources"] == [["crm", "people"]]
    found = Test("not_null", test["name"], "people", test["column_name"], severity="warn")
    assert rule_read(found) == QualityRule(NotNull(), "warn")
    (source,) = project.manifest["sources"].values()
    assert source_rules(source["freshness"], source["loaded_at_field"], reads=reads) == [SOURCE[1][0]]
