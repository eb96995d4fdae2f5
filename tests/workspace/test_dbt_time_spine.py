"""The time spine that a project's first metric brings along, built by dbt."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from semantic.codegen.time_spine import NAME, time_spine_files
from semantic.definitions import Model, Vocabulary
from semantic.importer import vocabulary as vocabulary_from
from tests.workspace.projects import duckdb_at, tiny
from workspace.dbt import artifacts
from workspace.warehouse.gate import open_warehouse
from workspace.warehouse.location import Location
from workspace.warehouse.release import prepare_duckdb

pytestmark = pytest.mark.dbt


@pytest.fixture(params=["duckdb", "postgres"])
def location(request: pytest.FixtureRequest, tmp_path: Path) -> Location:
    if request.param == "postgres":
        server: Location = request.getfixturevalue("postgres")
        return replace(server, schema="main")
    return duckdb_at(tmp_path / "v1")


def test_it_has_every_day_and_dbt_knows_it_for_what_it_is(location: Location, tmp_path: Path) -> None:
    dbt = tiny(
        tmp_path,
        time_spine_files(Model(name="one", unique_id="model.tiny.one", file="models/one.sql")),
        location=location,
    )
    if location.adapter == "duckdb":
        prepare_duckdb(None, Path(location.path))

    dbt.build(select=[NAME])

    target = tmp_path / "run" / "target"
    semantic = artifacts.read_semantic_manifest((target / "semantic_manifest.json").read_bytes())
    manifest = artifacts.read_manifest((target / "manifest.json").read_bytes())
    known: Vocabulary = vocabulary_from(manifest, semantic, {})
    assert known.time_spine == f"{NAME}.date_day"
    with open_warehouse(location) as warehouse:
        found = warehouse.query(
            f"select count(*), count(distinct date_day), min(date_day), max(date_day) from main.{NAME}"
        )
    assert [str(value) for value in found.rows[0]] == ["18628", "18628", "2000-01-01", "2050-12-31"]
