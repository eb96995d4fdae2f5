"""What a command gets to see: its profile, and the flags of its version."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from bisync.lib.errors import InvalidInput
from tests.workspace.projects import Recorded, duckdb_at, write
from workspace import commands
from workspace.dbt import profiles, versions
from workspace.dbt.errors import DbtNotInstalled, DbtSyntaxError, DbtUnsupported
from workspace.warehouse.location import Location

SERVER = Location(
    adapter="postgres", schema="v1", host="db", port=5433, database="shop", user="ana", password="hush"
)


def test_a_password_is_in_the_environment_and_not_in_the_file(tmp_path: Path) -> None:
    env = profiles.write(tmp_path, profile="shop", target="prod", location=SERVER, threads=3)

    text = (tmp_path / "profiles.yml").read_text()
    output = yaml.safe_load(text)["shop"]["outputs"]["prod"]
    assert "hush" not in text
    assert env["DBT_ENV_SECRET_BISYNC_PASSWORD"] == "hush"
    assert output["password"] == "{{ env_var('DBT_ENV_SECRET_BISYNC_PASSWORD') }}"
    assert (output["host"], output["port"], output["dbname"], output["schema"]) == ("db", 5433, "shop", "v1")
    assert (output["threads"], yaml.safe_load(text)["shop"]["target"]) == (3, "prod")
    assert "statement_timeout" in env["PGOPTIONS"]


def test_duckdb_needs_no_secret(tmp_path: Path) -> None:
    assert profiles.write(tmp_path, profile="shop", target="prod", location=duckdb_at(tmp_path)) == {}


@pytest.mark.parametrize("value", ["{{ env_var('X') }}", "{% if x %}", "{# x #}"])
def test_a_connection_is_never_a_template(tmp_path: Path, value: str) -> None:
    with pytest.raises(InvalidInput, match="cannot hold a template"):
        profiles.write(
            tmp_path, profile="p", target="t", location=Location(adapter="duckdb", schema="s", path=value)
        )


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("name: a\nprofile: shop\n", "shop"),
        ("name: a\nmodels: {profile: wrong}\nprofile: 'shop'\nvars: [profile]\n", "shop"),
        ("profile: \"{{ env_var('PROFILE') }}\"\n", "bisync"),
        ("name: a\n", "bisync"),
        ("profile:\n", "bisync"),
        ("profile: [shop]\n", "bisync"),
        ("", "bisync"),
    ],
)
def test_the_profile_is_the_one_that_the_project_names_where_it_can_be_read(
    tmp_path: Path, text: str, name: str
) -> None:
    write(tmp_path, {"dbt_project.yml": text})

    assert profiles.profile_name(tmp_path) == name


def test_a_file_made_to_explode_is_refused_before_it_does(tmp_path: Path) -> None:
    aliases = "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30))
    bomb = f"a0: &a0 x\n{aliases}\ndeep: {'[' * 5000}{']' * 5000}\nprofile: shop\n"
    write(tmp_path, {"dbt_project.yml": bomb})

    with pytest.raises(DbtSyntaxError, match="multiply beyond all bounds"):
        profiles.profile_name(tmp_path)


@pytest.mark.parametrize("text", ["profile: [shop\n", "profile: \x00\n"])
def test_a_file_that_is_no_yaml_is_told_by_its_name(tmp_path: Path, text: str) -> None:
    write(tmp_path, {"dbt_project.yml": text})

    with pytest.raises(DbtSyntaxError, match=r"dbt_project\.yml"):
        profiles.profile_name(tmp_path)


# -- Versions ----------------------------------------------------------------------------------------


def script(path: Path, words: str) -> Path:
    path.write_text(f"#!/bin/sh\necho '{words}'\n")
    path.chmod(0o755)
    return path


def test_the_version_of_our_own_dbt_needs_no_command() -> None:
    recorded = Recorded()

    with commands.recorded_by(recorded):
        version = versions.installed(versions.OWN)

    assert version == (1, 11)
    assert recorded.commands == []


def test_another_dbt_is_asked_once_until_it_is_installed_anew(tmp_path: Path) -> None:
    recorded = Recorded()

    with commands.recorded_by(recorded):
        first = versions.installed(script(tmp_path / "dbt", "  - installed: 1.12.6"))
        again = versions.installed(tmp_path / "dbt")
        changed = versions.installed(script(tmp_path / "dbt", "  - installed: 1.9.0-rc1"))

    assert (first, again, changed) == ((1, 12), (1, 12), (1, 9))
    assert len(recorded.commands) == 2


@pytest.mark.parametrize(
    ("words", "found"),
    [("installed: 2.0.1", "dbt 2.0"), ("installed: 1.5.2", "dbt 1.5"), ("dbt-fusion 2.0.0", "not dbt Core")],
)
def test_a_dbt_that_works_differently_is_refused(tmp_path: Path, words: str, found: str) -> None:
    with pytest.raises(DbtUnsupported, match=found):
        versions.installed(script(tmp_path / "dbt", words))


def test_a_dbt_that_is_not_there_is_missed(tmp_path: Path) -> None:
    with pytest.raises(DbtNotInstalled, match="Install it there"):
        versions.installed(tmp_path / "dbt")


@pytest.mark.parametrize(("version", "expected"), [((1, 11), False), ((1, 12), True)])
def test_the_parser_that_a_project_can_name_is_shut_off_where_it_exists(
    version: versions.Version, expected: bool
) -> None:
    assert ("--no-use-v2-parser" in versions.flags(version, "parse")) is expected
    assert ("DBT_ENGINE_USE_V2_PARSER" in versions.environment(version)) is expected
