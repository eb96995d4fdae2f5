"""Projects that are broken in the ways people break them: the error says where, why and what next."""

from __future__ import annotations

from pathlib import Path

import pytest

from bisync.lib.process import Finished
from tests.workspace.projects import TINY, Recorded, duckdb_at, tiny, write
from workspace import commands
from workspace.dbt import diagnosis, places
from workspace.dbt.errors import (
    DbtEnvVarMissing,
    DbtFailed,
    DbtPackagesMissing,
    DbtProjectMissing,
    DbtSyntaxError,
)
from workspace.dbt.runner import Dbt, DbtProject
from workspace.warehouse.location import Location

PROJECT = TINY["dbt_project.yml"]
PACKAGE = "dbt_packages/a/dbt_project.yml"
HUB = "packages:\n  - package: dbt-labs/dbt_utils\n    version: 1.3.0\n"


@pytest.mark.dbt
@pytest.mark.parametrize(
    ("files", "error", "file", "line", "words"),
    [
        pytest.param(
            {"models/marts/schema.yml": 'models:\n  - name: one\n    description: "x\n    columns: [\n'},
            DbtSyntaxError,
            "models/marts/schema.yml",
            4,
            "found unexpected end of stream",
            id="yaml",
        ),
        pytest.param(
            {"models/a/s.yml": "models:\n" + "  - name: x\n" * 60 + "    meta: {a: [1, 2\n  - name: y\n"},
            DbtSyntaxError,
            "models/a/s.yml",
            63,
            "did not find expected ',' or ']'",
            id="far down in a yaml",
        ),
        pytest.param(
            {"models/bad.sql": "select 1\nfrom {{ ref('one') }\n"},
            DbtSyntaxError,
            "models/bad.sql",
            2,
            "unexpected '}'",
            id="jinja in a model",
        ),
        pytest.param(
            {"models/schema.yml": 'models:\n  - name: one\n    description: "x {{ oops"\n'},
            DbtSyntaxError,
            "models/schema.yml",
            3,
            "unexpected end of template",
            id="jinja in a description",
        ),
        pytest.param(
            {"models/bad.sql": "select *\nfrom {{ ref('nope') }}\n"},
            DbtSyntaxError,
            "models/bad.sql",
            2,
            "a node named 'nope' which was not found",
            id="ref to nothing",
        ),
        pytest.param(
            {"models/other/one.sql": "select 1 as id\n"},
            DbtSyntaxError,
            "models/other/one.sql",
            0,
            'two models with the name "one"',
            id="duplicate model",
        ),
        pytest.param(
            {"models/bad.sql": "select 1,\n  '{{ env_var('BISYNC_SECRET_KEY') }}'\n"},
            DbtEnvVarMissing,
            "models/bad.sql",
            2,
            "BISYNC_SECRET_KEY",
            id="variable of this process",
        ),
    ],
)
def test_a_project_that_dbt_cannot_read_is_told_by_file_line_and_words(
    tmp_path: Path, files: dict[str, str], error: type[DbtSyntaxError], file: str, line: int, words: str
) -> None:
    with pytest.raises(error) as caught:
        tiny(tmp_path, files).parse()

    assert (caught.value.params["file"], caught.value.params["line"]) == (file, line)
    assert words in str(caught.value)
    assert str(tmp_path) not in str(caught.value)


@pytest.mark.dbt
def test_models_that_go_round_in_a_circle_are_a_fault_of_the_project(tmp_path: Path) -> None:
    with pytest.raises(DbtSyntaxError, match="Found a cycle"):
        tiny(tmp_path, {"models/one.sql": "select * from {{ ref('two') }}\n"}).build()


@pytest.mark.dbt
def test_packages_that_are_not_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(DbtPackagesMissing, match="Commit them under dbt_packages") as caught:
        tiny(tmp_path, {"packages.yml": HUB}).parse()

    assert caught.value.params["packages"] == "dbt-labs/dbt_utils"


@pytest.mark.dbt
def test_packages_from_this_repository_are_linked_without_a_command(tmp_path: Path) -> None:
    write(
        tmp_path / "shared",
        {"dbt_project.yml": "name: shared\nversion: '1.0'\n", "models/base.sql": "select 1 as x\n"},
    )
    files = {
        "packages.yml": "packages:\n  - local: ../shared\n",
        "models/one.sql": "select x as id from {{ ref('base') }}\n",
    }
    dbt, recorded = tiny(tmp_path, files, checkout=tmp_path), Recorded()

    with commands.recorded_by(recorded):
        dbt.deps()
        dbt.deps()

    assert recorded.commands == []
    assert (tmp_path / "project" / "dbt_packages" / "shared" / "models" / "base.sql").exists()
    assert b"model.shared.base" in (dbt.parse() / "manifest.json").read_bytes()


@pytest.mark.dbt
def test_packages_that_cannot_be_fetched_are_named_with_the_reason(tmp_path: Path) -> None:
    files = {"packages.yml": f"packages:\n  - git: 'file://{tmp_path}/nowhere'\n    revision: main\n"}

    with pytest.raises(DbtPackagesMissing, match="nowhere") as caught:
        tiny(tmp_path, files).deps()

    assert caught.value.params["packages"] == f"file://{tmp_path}/nowhere"


def test_a_project_without_packages_needs_no_command(tmp_path: Path) -> None:
    recorded = Recorded()

    with commands.recorded_by(recorded):
        tiny(tmp_path).deps()

    assert recorded.commands == []


def test_the_entry_file_is_read_before_dbt_is_started(tmp_path: Path) -> None:
    recorded = Recorded()

    with commands.recorded_by(recorded), pytest.raises(DbtSyntaxError) as caught:
        tiny(tmp_path, {"dbt_project.yml": "name: tiny\nprofile: tiny\n  models: [a\n"}).parse()

    assert (caught.value.params["file"], caught.value.params["line"]) == ("dbt_project.yml", 3)
    assert recorded.commands == []


def test_a_folder_without_a_project_tells_which_folders_have_one(tmp_path: Path) -> None:
    for name in ("warehouse", "teams/finance", "warehouse/dbt_packages/utils", ".hidden", "a/b/c/d/too/deep"):
        write(tmp_path / name, {"dbt_project.yml": PROJECT})
    project = DbtProject(tmp_path, tmp_path / "run", "prod", duckdb_at(tmp_path))

    with pytest.raises(
        DbtProjectMissing, match=r"root of the repository\. .* teams/finance, warehouse"
    ) as caught:
        Dbt(project)

    assert caught.value.params["found"] == ["teams/finance", "warehouse"]


def test_a_folder_that_does_not_exist_is_looked_up_in_the_whole_repository(tmp_path: Path) -> None:
    write(tmp_path, {"dbt_project.yml": PROJECT})
    project = DbtProject(tmp_path / "dbt", tmp_path / "run", "prod", duckdb_at(tmp_path), checkout=tmp_path)

    with pytest.raises(DbtProjectMissing, match=r"in dbt\. There is one in the root of the repository"):
        Dbt(project)


def test_a_repository_without_any_project_says_so(tmp_path: Path) -> None:
    with pytest.raises(DbtProjectMissing, match="none at all"):
        Dbt(DbtProject(tmp_path, tmp_path / "run", "prod", duckdb_at(tmp_path)))


# -- Words that need no dbt to be said ---------------------------------------------------------------


def explained(tmp_path: Path, *, stdout: str = "", output: str = "", exit_code: int = 2) -> Exception:
    location = Location(adapter="duckdb", schema="main")
    finished = Finished(exit_code=exit_code, stdout=stdout, output=output or stdout, seconds=1)
    return diagnosis.explain(finished, command="build", folder=tmp_path, location=location)


def test_a_command_that_was_killed_says_by_what(tmp_path: Path) -> None:
    error = explained(tmp_path, exit_code=-9)

    assert isinstance(error, DbtFailed)
    assert "SIGKILL" in str(error)


def test_what_dbt_printed_before_it_could_speak_json_is_kept(tmp_path: Path) -> None:
    error = explained(tmp_path, output="Usage: dbt build\n\nError: No such option '--wrong'.\n")

    assert "No such option '--wrong'" in str(error)


def test_a_command_that_said_nothing_gives_its_exit_code(tmp_path: Path) -> None:
    assert "exit code 2" in str(explained(tmp_path))


@pytest.mark.parametrize(
    ("words", "file", "line"),
    [
        (
            "Node model.tiny.two attempted to reference node model.tiny.one, which is private",
            "models/two.sql",
            0,
        ),
        ("The schema file at models/s.yml is invalid", "models/s.yml", 0),
        ("Parsing Error in metric a (models/s.yml)\n  no measure `amount`", "models/s.yml", 2),
        ("no such thing\n\nError encountered in {folder}/dbt_packages/a/dbt_project.yml", PACKAGE, 0),
        ("unexpected EOF, expected }}", "", 0),
        ("Compilation Error in model x (/etc/passwd.sql)", "", 0),
    ],
)
def test_places_are_found_from_whatever_dbt_names(tmp_path: Path, words: str, file: str, line: int) -> None:
    folder = write(tmp_path / "project", {**TINY, "models/s.yml": "metrics:\n  - {measure: amount}\n"})
    write(folder, {PACKAGE: "name: a\n"})

    assert places.find(words.replace("{folder}", str(folder)), folder) == places.Place(file, line)
