"""Real dbt on small projects: what a command gives, and what the project cannot do to it."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from catalog.ingest import read
from catalog.reading import node_record, test_record
from tests.workspace.projects import SHOP, Recorded, duckdb_at, tiny, write
from workspace import commands
from workspace.dbt import artifacts
from workspace.dbt.errors import (
    DbtBuildFailed,
    DbtCancelled,
    DbtEnvVarReserved,
    DbtParseTimeout,
    DbtSelectionInvalid,
    DbtTimeout,
)
from workspace.dbt.events import Progress, said
from workspace.dbt.runner import BuildResult, Dbt, DbtProject
from workspace.warehouse.base import WarehouseRefused, WarehouseUnreachable
from workspace.warehouse.gate import open_warehouse
from workspace.warehouse.location import Location
from workspace.warehouse.release import prepare_duckdb

pytestmark = pytest.mark.dbt


@dataclass(frozen=True)
class Shop:
    """The shop, parsed and then built once for all tests of this module."""

    project: DbtProject
    warehouse_before_build: bool
    manifest: dict[str, Any]
    raw_manifest: bytes
    semantic_manifest: bytes
    build: BuildResult
    progress: list[Progress]
    recorded: Recorded


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    home = tmp_path_factory.mktemp("shop")
    project = DbtProject(
        folder=write(home / "checkout", SHOP),
        workdir=home / "run",
        target="prod",
        location=duckdb_at(home / "v1"),
        variables={"rate": 2},
        env={"REGION": "EU", "COMPANY": "shop"},
    )
    dbt, recorded, progress = Dbt(project), Recorded(), list[Progress]()
    with commands.recorded_by(recorded):
        target = dbt.parse()
        raw, semantic = (
            (target / "manifest.json").read_bytes(),
            (target / "semantic_manifest.json").read_bytes(),
        )
        built_before = Path(project.location.path).exists()
        result = dbt.build(on_progress=progress.append)
    return Shop(
        project=project,
        warehouse_before_build=built_before,
        manifest=artifacts.read_manifest(raw),
        raw_manifest=raw,
        semantic_manifest=semantic,
        build=result,
        progress=progress,
        recorded=recorded,
    )


# -- The manifest that a parse gives -----------------------------------------------------------------


def test_a_parse_says_what_wrote_the_manifest_and_leaves_the_warehouse_alone(shop: Shop) -> None:
    metadata = shop.manifest["metadata"]

    assert (metadata["project_name"], metadata["adapter_type"]) == ("shop", "duckdb")
    assert metadata["dbt_version"].startswith("1.11.")
    assert not shop.warehouse_before_build


def test_the_catalogue_reads_what_dbt_writes_of_every_kind(shop: Shop) -> None:
    found = read(shop.raw_manifest)
    nodes = {key: node_record(entry) for key, entry in found.nodes.items()}
    orders, revenue = nodes["model.shop.orders"], nodes["model.shop.revenue"]
    source, exposure = nodes["source.shop.crm.people"], nodes["exposure.shop.weekly"]
    metric, semantic_model = nodes["metric.shop.revenue"], nodes["semantic_model.shop.orders"]

    assert (orders.path, orders.patch_path) == ("models/staging/orders.sql", "models/schema.yml")
    assert orders.relation == '"wh"."main"."orders"'
    assert (orders.description, orders.fields["language"]) == ("One row per order", "sql")
    assert orders.fields["checksum"]
    assert (orders.group, orders.access, orders.meta) == ("finance", "protected", {"owner": "ana"})
    assert [(column.name, column.data_type) for column in orders.columns][:1] == [("id", "integer")]
    country = orders.columns[1]
    assert (country.description, country.meta) == ("Where the order came from.", {"pii": False})
    assert (revenue.materialized, revenue.tags) == ("table", ("mart",))
    assert {("seed.shop.raw_orders", orders.unique_id), (orders.unique_id, revenue.unique_id)} <= found.edges
    assert (source.fields["source_name"], source.fields["schema"], source.description) == (
        "crm",
        "raw",
        "Everybody",
    )
    assert (exposure.fields["type"], exposure.fields["maturity"]) == ("dashboard", "high")
    assert exposure.fields["owner"]["email"] == "ana@example.com"
    assert set(exposure.fields["depends_on"]) == {"model.shop.revenue", "metric.shop.revenue"}
    assert (metric.fields["type"], metric.label, metric.meta) == ("simple", "Revenue", {"unit": "EUR"})
    assert metric.fields["type_params"]["measure"]["name"] == "amount"
    assert [dimension["name"] for dimension in semantic_model.fields["dimensions"]] == [
        "ordered_on",
        "country",
    ]
    assert nodes["saved_query.shop.by_country"].fields["query_params"]["metrics"] == ["revenue"]
    assert [(group.name, group.owner_name) for group in found.groups] == [("finance", "Finance")]
    assert nodes["doc.shop.country"].description == "Where the order came from."
    assert nodes["macro.shop.cents"].fields["macro_sql"].startswith("{% macro cents(column) %}")
    assert orders.uses == ("doc.shop.country",)
    assert nodes["model.shop.days"].fields["time_spine"]["standard_granularity_column"] == "date_day"
    assert orders.columns[0].fields["constraints"][0]["type"] == "not_null"
    assert nodes["snapshot.shop.orders_history"].resource_type == "snapshot"


def test_the_catalogue_says_what_each_test_tests_and_how_strictly(shop: Shop) -> None:
    found = (test_record(entry) for entry in read(shop.raw_manifest).tests.values())
    tests = {test.kind: test for test in found}
    values, unit = tests["accepted_values"], tests["unit_test"]

    assert (values.node, values.column, values.severity) == ("model.shop.orders", "country", "warn")
    assert values.arguments["values"] == ["DE"]
    assert tests["singular"].name == "revenue_is_positive"
    assert (unit.name, unit.node) == ("sums_by_country", "model.shop.revenue")


def test_the_semantic_manifest_is_there_as_metricflow_wants_it(shop: Shop) -> None:
    found = artifacts.read_semantic_manifest(shop.semantic_manifest)

    assert [model["name"] for model in found["semantic_models"]] == ["orders"]
    assert found["semantic_models"][0]["node_relation"]["relation_name"] == '"wh"."main"."orders"'


# -- A build -----------------------------------------------------------------------------------------


def test_a_build_says_what_became_of_each_node(shop: Shop) -> None:
    by_name = {result.name: result for result in shop.build.results}

    assert by_name["raw_orders"].status == "success"
    assert by_name["revenue"].relation == '"wh"."main"."revenue"'
    assert by_name["revenue"].seconds > 0
    (values,) = [result for result in shop.build.results if "accepted_values" in result.unique_id]
    assert (values.status, values.failures, values.failed) == ("warn", 1, False)
    assert by_name["revenue"].status == "success"
    assert shop.build.failed == ()
    assert shop.build.require_success() is shop.build


def test_a_build_tells_how_far_it_is(shop: Shop) -> None:
    done = [progress.done for progress in shop.progress]
    last = shop.progress[-1]

    assert shop.progress[0] == Progress(0, last.total, shop.progress[0].node, "started")
    assert done == sorted(done)
    assert last.done == last.total == len(shop.build.results)
    assert {progress.node for progress in shop.progress} == {
        result.unique_id for result in shop.build.results
    }


def test_a_build_used_the_variables_of_the_environment_and_of_the_project(shop: Shop) -> None:
    with open_warehouse(shop.project.location) as warehouse:
        revenue = warehouse.query("SELECT country, revenue FROM main.revenue ORDER BY country").rows
        region = warehouse.query("SELECT DISTINCT region FROM main.orders").rows

    assert revenue == (("DE", 20), ("FR", 40))
    assert region == (("EU",),)


def test_a_build_writes_nothing_but_its_warehouse_and_its_own_directory(shop: Shop) -> None:
    checkout = {path.relative_to(shop.project.folder).as_posix() for path in shop.project.folder.rglob("*.*")}

    assert checkout == set(SHOP)
    assert list((shop.project.workdir / "home").iterdir()) == []
    assert [path.name for path in Path(shop.project.location.path).parent.iterdir()] == ["wh.duckdb"]


def test_commands_are_recorded_and_their_lines_can_be_read_by_people(shop: Shop) -> None:
    shown = [said(line)[0] for line in shop.recorded.lines]

    assert [name for name, _argv in shop.recorded.commands] == ["dbt parse", "dbt build"]
    assert any(line.startswith("Done. PASS=") for line in shown)
    assert [line for line in shown if line.startswith("{")] == []
    assert said("not of dbt") == ("not of dbt", "")


def test_a_new_version_of_duckdb_builds_on_what_the_live_one_holds(shop: Shop, tmp_path: Path) -> None:
    location = duckdb_at(tmp_path / "v2")
    prepare_duckdb(Path(shop.project.location.path), Path(location.path))
    project = replace(shop.project, workdir=tmp_path / "run", location=location, variables={"rate": 9})

    result = Dbt(project).build(
        ["revenue"], exclude=["test_type:unit"], resource_types=["model"], full_refresh=True
    )

    assert [node.unique_id for node in result.results] == ["model.shop.revenue"]
    with open_warehouse(location) as warehouse:
        assert warehouse.query("SELECT sum(revenue) FROM main.revenue").rows == ((60,),)


def test_failed_nodes_come_with_words_for_people_and_the_rest_is_built(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    dbt = tiny(
        tmp_path,
        {
            "models/bad_macro.sql": "select {{ no_such_macro() }} as x\n",
            "models/bad_var.sql": "select '{{ var('nowhere') }}' as x\n",
            "models/bad_sql.sql": "selec 1\n",
            "models/below.sql": "select * from {{ ref('bad_sql') }}\n",
            "models/thief.sql": f"select * from read_text('{tmp_path}/secret.txt')\n",
        },
    )

    result = dbt.build()

    sentences = {node.name: node.sentence for node in result.failed}
    assert set(sentences) == {"bad_macro", "bad_var", "bad_sql", "thief"}
    assert sentences["bad_macro"].startswith("'no_such_macro' is undefined")
    assert "Required var 'nowhere' not found" in sentences["bad_var"]
    assert sentences["bad_sql"] == 'Parser Error: syntax error at or near "selec"'
    assert "disabled by configuration" in sentences["thief"]
    assert {node.name: node.status for node in result.results}["below"] == "skipped"
    with pytest.raises(DbtBuildFailed, match=r"4 of 7 nodes failed: .* And 1 more") as caught:
        result.require_success()
    assert {node["unique_id"] for node in caught.value.params["nodes"]} == {  # type: ignore[attr-defined]
        node.unique_id for node in result.failed
    }
    with open_warehouse(duckdb_at(tmp_path / "v1")) as warehouse:
        assert warehouse.query("SELECT id FROM main.two").rows == ((1,),)


# -- PostgreSQL --------------------------------------------------------------------------------------


def test_a_version_can_be_built_from_the_tables_of_the_live_one(postgres: Location, tmp_path: Path) -> None:
    table = {"models/one.sql": "{{ config(materialized='table') }} select 1 as id\n"}
    recorded = Recorded()
    with commands.recorded_by(recorded):
        live = tiny(tmp_path / "1", table, location=replace(postgres, schema="v1"))
        live.build().require_success()
        raw = (tmp_path / "1" / "run" / "target" / "manifest.json").read_bytes()
        relation = f'"{postgres.database}"."v1"."one"'
        state = tmp_path / "state"
        state.mkdir()
        (state / "manifest.json").write_bytes(artifacts.relocate(raw, {"model.tiny.one": relation}))
        next_ = tiny(
            tmp_path / "2",
            {**table, "models/two.sql": "select id + 1 as id from {{ ref('one') }}\n"},
            location=replace(postgres, schema="v2"),
        )

        result = next_.build(["two"], defer_to=state).require_success()

    assert [node.unique_id for node in result.results] == ["model.tiny.two"]
    with open_warehouse(postgres) as warehouse:
        assert warehouse.query("SELECT id FROM v2.two").rows == ((2,),)
        assert set(warehouse.columns(["v2"])) == {(postgres.database, "v2", "two")}
    everything = "\n".join([*recorded.lines, *(word for _name, argv in recorded.commands for word in argv)])
    assert postgres.password not in everything
    assert postgres.password not in (tmp_path / "1" / "run" / "profiles" / "profiles.yml").read_text()


def test_a_parse_does_not_ask_the_warehouse_and_a_build_says_that_it_is_away(
    postgres: Location, tmp_path: Path
) -> None:
    dbt = tiny(tmp_path, location=replace(postgres, port=1))

    assert (dbt.parse() / "manifest.json").exists()
    with pytest.raises(WarehouseUnreachable, match="Connection refused") as caught:
        dbt.build()

    assert caught.value.temporary


def test_a_wrong_password_is_told_apart_from_a_wrong_project(postgres: Location, tmp_path: Path) -> None:
    with pytest.raises(WarehouseRefused, match="password authentication failed"):
        tiny(tmp_path, location=replace(postgres, password="wrong")).build()


def test_a_cancelled_build_takes_its_query_with_it(postgres: Location, tmp_path: Path) -> None:
    slow = {"models/slow.sql": "{{ config(materialized='table') }} select pg_sleep(120)\n"}
    dbt = tiny(tmp_path, slow, location=postgres)
    started = time.monotonic()

    with commands.recorded_by(Recorded(stop_at="START sql table model v1.slow")), pytest.raises(DbtCancelled):
        dbt.build()

    assert time.monotonic() - started < 100
    with open_warehouse(postgres) as warehouse:
        running = warehouse.query(
            "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid() "
            "AND datname = current_database() AND query LIKE '%pg_sleep(120)%'"
        )
    assert running.rows == ((0,),)


# -- Limits ------------------------------------------------------------------------------------------


def test_a_command_that_takes_too_long_is_stopped(tmp_path: Path, settings) -> None:  # type: ignore[no-untyped-def]
    settings.DBT_TIMEOUT_SECONDS = settings.PARSE_TIMEOUT_SECONDS = 0.3

    with pytest.raises(DbtTimeout, match="dbt build was stopped"):
        tiny(tmp_path).build()
    with pytest.raises(DbtParseTimeout, match="BISYNC_PARSE_TIMEOUT_SECONDS"):
        tiny(tmp_path).parse()


@pytest.mark.parametrize(
    "name",
    ["PATH", "LD_PRELOAD", "PYTHONPATH", "DBT_ENGINE_V2_PARSER", "GIT_SSH_COMMAND", "PGOPTIONS", "a b"],
)
def test_variables_that_steer_a_process_are_not_the_projects_to_set(tmp_path: Path, name: str) -> None:
    with pytest.raises(DbtEnvVarReserved):
        tiny(tmp_path, env={name: "x"})


@pytest.mark.parametrize("selection", ["--profiles-dir=/", "-x", ""])
def test_a_selection_cannot_be_an_option(tmp_path: Path, selection: str) -> None:
    with pytest.raises(DbtSelectionInvalid):
        tiny(tmp_path).build([selection])


def test_nothing_of_this_process_is_in_the_environment_of_a_command(tmp_path: Path) -> None:
    echo = tmp_path / "dbt"
    answer_version = '[ "$1" = --version ] && echo "installed: 1.11.0" && exit'
    echo.write_text(f"#!/bin/sh\n{answer_version}\nenv >&2; pwd >&2; exit 2\n")
    echo.chmod(0o755)
    recorded = Recorded()

    with commands.recorded_by(recorded), pytest.raises(Exception, match="dbt parse failed"):
        tiny(tmp_path, executable=str(echo), env={"REGION": "EU"}).parse()

    seen = dict(line.split("=", 1) for line in recorded.lines if "=" in line)
    assert seen["REGION"] == "EU"
    assert "BISYNC_SECRET_KEY" in os.environ
    assert not [name for name in seen if name.startswith(("BISYNC", "DJANGO", "PYTEST"))]
    assert seen["HOME"] == str(tmp_path / "run" / "home")
    assert recorded.lines[-1] == str(tmp_path / "run" / "cwd")
