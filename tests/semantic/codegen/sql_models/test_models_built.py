"""What dbt makes of the models that were written: it builds them, and their examples hold or fail."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from semantic.codegen.changes import FileChange
from semantic.codegen.sql_models.calculated import CalculatedColumn, calculated_column
from semantic.codegen.sql_models.jinja import RelationCall
from semantic.codegen.sql_models.pasted import KnownRelation, read_query
from semantic.codegen.sql_models.pasted_model import PastedModel, query_model
from semantic.codegen.sql_models.rule_models import rule_models
from tests.semantic.codegen.sql_models.golden_models import (
    CALCULATED_RULE,
    PLAIN_RULE,
    rule_of,
    rules_of,
)
from tests.semantic.codegen.sql_models.projects import PROJECTS, SETTINGS, Styled, tree_of
from tests.semantic.shop import Shop
from workspace.dbt.unit_tests import differences

pytestmark = [pytest.mark.dbt, pytest.mark.slow]


def project_at(folder: Path, styled: Styled) -> Shop:
    shop = Shop(folder)
    for name, text in {**SETTINGS, **styled.files}.items():
        shop.write(name, text.encode())
    return shop


def write_into(shop: Shop, changes: Sequence[FileChange]) -> None:
    for change in changes:
        shop.write(change.path, change.apply(shop.read(change.path)))


def failed(outcomes: Mapping[str, str]) -> list[str]:
    return sorted(name for name, status in outcomes.items() if status not in {"success", "pass"})


@pytest.mark.parametrize("style", ["labs", "leading"])
def test_dbt_builds_the_rules_and_their_examples_hold(style: str, tmp_path: Path) -> None:
    styled = PROJECTS[style]
    shop = project_at(tmp_path, styled)
    tree = tree_of("IF(lifetime_value / orders_90d > 100, 'big', 'small')", styled)
    column = CalculatedColumn("size", styled.model, tree, tests=("not_null",))
    for written in (*rules_of(styled), calculated_column(column, styled.vocabulary, styled.project)):
        write_into(shop, written.changes)
    outcomes = shop.build()
    assert failed(outcomes) == []
    prefix = "dim_" if styled.model.startswith("dim_") else ""
    with duckdb.connect(str(tmp_path / "tiny.duckdb")) as base:
        rows = base.execute(f"select customer_id, customer_health from {prefix}customer_health order by 1")
        assert rows.fetchall() == [(1, "big"), (2, "lost"), (3, "lost")]
        rows = base.execute(f"select customer_id, size from {styled.model} order by 1")
        assert rows.fetchall() == [(1, "big"), (2, "small"), (3, "small")]
        rows = base.execute(f"select customer_id, win_back from {prefix}win_back order by 1")
        assert rows.fetchall()[1:] == [(2, 1), (3, 2)]


def test_examples_of_rows_that_no_table_has_hold_too(tmp_path: Path) -> None:
    styled = PROJECTS["labs"]
    shop = project_at(tmp_path, styled)
    settings = SETTINGS["dbt_project.yml"].replace("}}", ", intermediate: {+materialized: ephemeral}}}")
    shop.write("dbt_project.yml", settings.encode())
    rule = rule_of("win_back", CALCULATED_RULE, styled, names=("days", "twice"))
    project = replace(styled.project, ephemeral=frozenset(["int_customers"]))
    write_into(shop, rule_models(rule, styled.vocabulary, project).changes)
    name = RelationCall("ref", styled.model)
    table = KnownRelation(
        ("tiny", "main", styled.model), name, styled.vocabulary.models[styled.model].columns
    )
    query = read_query(
        f"select tier, count(*) as n from main.{styled.model} where tier > '' group by tier",
        [table],
        project.style,
        "duckdb",
    )
    write_into(shop, query_model(query, PastedModel("dim_tiers", key=("tier",)), project).changes)
    outcomes = shop.build()
    assert failed(outcomes) == []
    with duckdb.connect(str(tmp_path / "tiny.duckdb")) as base:
        rows = base.execute("select * from dim_tiers order by tier").fetchall()
        assert rows == [("gold", 1), ("silver", 1)]


@pytest.mark.parametrize(("key", "broken"), [(("tier", "size"), 0), (("size", "is_some"), 1)])
@pytest.mark.parametrize("style", ["labs", "leading", "upper"])
def test_a_query_in_the_projects_style_is_built_and_its_key_of_two_columns_tested(
    style: str, key: tuple[str, str], broken: int, tmp_path: Path
) -> None:
    styled = PROJECTS[style]
    shop = project_at(tmp_path, styled)
    columns = styled.vocabulary.models[styled.model].columns
    table = KnownRelation(("tiny", "main", styled.model), RelationCall("ref", styled.model), columns)
    query = read_query(
        f"SELECT C.TIER, CASE WHEN MAX(ORDERS_90D) > 1 THEN 'big' ELSE 'none' END AS \"Size\", -- by orders\n"
        f"COUNT(*) > 0 IS_SOME FROM main.{styled.model} C WHERE TIER IN('gold','silver')GROUP BY 1"
        f" UNION ALL SELECT 'none' TIER, 'none' \"Size\", TRUE IS_SOME;",
        [table],
        styled.project.style,
        "duckdb",
    )
    model = PastedModel("dim_tiers", description="Tiers.", key=key)
    write_into(shop, query_model(query, model, styled.project).changes)

    outcomes = shop.build()
    assert len([name for name in failed(outcomes) if "bisync_unique_together" in name]) == broken
    assert len(failed(outcomes)) == broken
    with duckdb.connect(str(tmp_path / "tiny.duckdb")) as base:
        rows = base.execute("select tier, size, is_some from dim_tiers order by tier").fetchall()
    assert rows == [("gold", "big", True), ("none", "none", True), ("silver", "none", True)]


def test_an_example_that_the_rule_does_not_keep_fails_and_so_does_nothing_else(tmp_path: Path) -> None:
    styled = PROJECTS["labs"]
    rule = rule_of("customer_health", PLAIN_RULE, styled)
    wrong = (replace(rule.examples[0], outcome="healthy"), *rule.examples[1:])
    shop = project_at(tmp_path, styled)
    write_into(shop, rule_models(replace(rule, examples=wrong), styled.vocabulary, styled.project).changes)
    outcomes = shop.build()
    unit_test = "dim_customer_health"
    assert outcomes[unit_test] != "success"
    assert all("customer_health" in name for name in failed(outcomes))
    results = json.loads((shop.folder / "target" / "run_results.json").read_bytes())["results"]
    (said,) = (one["message"] for one in results if one["unique_id"].startswith("unit_test."))
    (found,) = differences(said)
    assert found.expected is not None
    assert found.actual is not None
    assert [name for name in found.expected if name not in found.shared] == ["customer_health"]
    assert found.expected["customer_health"] == "healthy"
