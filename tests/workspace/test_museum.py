"""What hostile repositories can do to a pull: be told what is wrong with them, or be read without any effect."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.db import connection
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from bisync.lib import small_yaml
from bisync.lib.addresses import Places
from bisync.lib.errors import BisyncError
from bisync.lib.process import KEPT_OUTPUT, LONGEST_LINE, Finished, Limits, run
from catalog.models import Column, Node
from governance.models import Project
from governance.roles import Role
from tests.factories import make_member, make_project, work_off
from tests.fakes.git_remote import Origin
from tests.fakes.git_server import GitServer
from tests.threads import at_once
from tests.workspace import museum
from tests.workspace.museum import CANARY, Exhibit
from tests.workspace.projects import Recorded, duckdb_at
from workspace import commands, runs
from workspace.dbt import project_files
from workspace.dbt.errors import DbtLinkOutside, DbtPythonModel
from workspace.dbt.runner import Dbt, DbtProject
from workspace.git import process
from workspace.git.repository import Mirror, Remote
from workspace.models import Artifact, Repository, Run
from workspace.warehouse.location import Location

SECRETS = ("DBT_ENV_SECRET_CANARY", "CANARY", "BISYNC_SECRET_KEY", "PGPASSWORD", "AWS_SECRET_ACCESS_KEY")


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    return museum.outside(tmp_path / "outside")


@pytest.fixture
def places(tmp_path: Path, outside: Path) -> Iterator[dict[str, object]]:
    """Where the words in an exhibit lead, with a server that nobody may call."""
    with GitServer(tmp_path) as server:
        yield {
            "MARKER": tmp_path / "marker",
            "OUTSIDE": outside,
            "PORT": server.url.rpartition(":")[2],
        }
        assert server.requests == []
    assert not (tmp_path / "marker").exists()
    kept = sorted(file.relative_to(outside).as_posix() for file in outside.rglob("*"))
    assert kept == ["dbt_project.yml", "models", "models/other.sql", "other.csv", "other.md", "other.sql"]


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    return Origin(tmp_path / "git", empty=True)


@pytest.fixture
def project(origin: Origin, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Connected to the repository, by a worker whose environment holds secrets."""
    for name in SECRETS:
        monkeypatch.setenv(name, CANARY)
    return make_project(url=origin.url, username="bot", password=f"{CANARY}-stored")


def pulled(project: Project) -> Run:
    run = runs.request(kind="pull", project=project)
    work_off()
    run.refresh_from_db()
    return run


def everything_stored() -> str:
    """Every row as the database has it, with what the artefacts hold."""
    texts = [artifact.content().decode() for artifact in Artifact.objects.all()]
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            texts += [str(row) for row in cursor.fetchall()]
    return "\n".join(texts)


def everything_shown(project: Project) -> str:
    """The pages that tell of a pull and of what it brought."""
    client = Client()
    client.force_login(make_member(project, *Role))
    slug = project.slug
    paths = [
        reverse("pulls", args=[slug]),
        reverse("runs", args=[slug]),
        f"/{slug}/",
        f"/{slug}/dev/metrics/",
    ]
    paths += [reverse("run", args=[slug, run.pk]) for run in Run.objects.all()]
    paths += [f"/api/v1/projects/{slug}/nodes/?limit=200", f"/api/v1/projects/{slug}/pulls/"]
    answers = [client.get(path) for path in paths]
    assert [answer.status_code for answer in answers] == [200] * len(paths)
    pages = [answer.content.decode() for answer in answers if answer["Content-Type"].startswith("text/html")]
    for text in ("<script>alert", "onerror=alert('pwn')>", 'href="javascript:'):
        assert text not in "".join(pages).lower()
    return "\n".join(answer.content.decode() for answer in answers)


# -- Before dbt is started ---------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("exhibit", museum.REFUSED, ids=str)
def test_what_leads_out_of_the_repository_or_has_no_end_is_refused_with_a_sentence(
    project: Project,
    origin: Origin,
    places: dict[str, object],
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    exhibit: Exhibit,
) -> None:
    settings.REPOSITORY_MB = 8
    settings.BISYNC_PRIVATE_REMOTES = Places.of([])
    monkeypatch.setattr(process, "_MOST_PRINTED", 2_000_000)
    exhibit.commit(origin, **places)

    run = pulled(project)

    assert (run.status, run.error_code) == ("failed", exhibit.code)
    assert exhibit.words in run.error
    assert not run.commands.filter(name__startswith="dbt").exists()
    assert CANARY not in everything_stored()


# -- By dbt ------------------------------------------------------------------------------------------


def stopped(exhibit: Exhibit, folder: Path, places: dict[str, object]) -> str:
    """What dbt on an exhibit is told."""
    exhibit.write(folder / "project", **places)
    location = duckdb_at(folder / "v1")
    project = DbtProject(folder / "project", folder / "run", target="prod", location=location)
    with pytest.raises(BisyncError) as caught:
        Dbt(project).parse()
    assert caught.value.code == exhibit.code
    return str(caught.value)


@pytest.mark.dbt
def test_what_never_ends_is_stopped_with_a_sentence(
    tmp_path: Path, places: dict[str, object], settings: Settings
) -> None:
    settings.PARSE_TIMEOUT_SECONDS = 7
    told = at_once(*(partial(stopped, one, tmp_path / one.name, places) for one in museum.ENDLESS))

    for exhibit, sentence in zip(museum.ENDLESS, told, strict=True):
        assert exhibit.words in str(sentence), exhibit.name


@pytest.mark.dbt
def test_what_takes_all_memory_is_stopped_with_a_sentence(tmp_path: Path, places: dict[str, object]) -> None:
    assert museum.GREEDY.words in stopped(museum.GREEDY, tmp_path / "greedy", places)


@pytest.mark.dbt
@pytest.mark.both
@pytest.mark.django_db(transaction=True)
def test_what_cannot_be_read_is_told_and_what_can_be_is_read_without_effect(
    project: Project, origin: Origin, places: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    museum.NO_NAME.commit(origin)
    first = pulled(project)
    assert first.error_code == museum.NO_NAME.code
    assert museum.NO_NAME.words in first.error
    (origin.clone / os.fsdecode(b"models/caf\xe9.sql")).unlink()

    museum.HARMLESS.commit(origin, **places)
    run = pulled(project)

    assert run.error == ""
    repository = Repository.objects.get(project=project)
    assert repository.synced_commit == origin.head()
    stored, shown = everything_stored(), everything_shown(project)
    for text in (stored, shown, caplog.text):
        assert CANARY not in text
        assert "root:x:0" not in text
    _was_read_as_it_is(run)


def _was_read_as_it_is(run: Run) -> None:
    manifest = next(a for a in Artifact.objects.all() if a.name == "manifest.json").content().decode()
    nodes = {node.name: node for node in Node.objects.filter(project=run.project)}

    assert {"one", "asks", "passwd", "-x", "--target=wrong", "case", "CASE", "runs"} <= set(nodes)
    assert '"/etc/passwd"' in manifest  # the link's own text
    assert "'$Id$' as id -- \\u00e9" in manifest or "'$Id$' as id -- é" in manifest
    assert nodes["asks"].description.startswith("prod ")
    (column,) = Column.objects.filter(node__name="one")  # of two whose names a column cannot tell apart
    assert (column.description, len(column.name)) == ("nothing", 255)


# -- What a build may not do -------------------------------------------------------------------------


def dbt_on(folder: Path, files: dict[str, str], **options: Any) -> Dbt:
    Exhibit("x", files=files).write(folder / "project")
    options.setdefault("location", duckdb_at(folder / "v1"))
    return Dbt(DbtProject(folder / "project", folder / "run", target="prod", checkout=folder, **options))


@pytest.mark.parametrize(
    "files",
    [
        {"models/deep/runs.py": "import os\n"},
        {"dbt_project.yml": f"{museum.PROJECT}model-paths: [marts]\n", "marts/runs.py": "import os\n"},
        {"dbt_packages/p/dbt_project.yml": "name: p\n", "dbt_packages/p/models/runs.py": "import os\n"},
    ],
    ids=["in the project", "under another name", "in a package"],
)
def test_a_python_model_is_not_built_where_the_operator_did_not_say_so(
    tmp_path: Path, settings: Settings, files: dict[str, str]
) -> None:
    settings.BISYNC_PYTHON_MODELS = False
    recorded = Recorded()

    with commands.recorded_by(recorded), pytest.raises(DbtPythonModel, match=r"runs\.py is a Python model"):
        dbt_on(tmp_path, files).build()

    assert recorded.commands == []


def test_other_python_files_are_no_models(tmp_path: Path) -> None:
    dbt_on(tmp_path, {"scripts/load.py": "", "dbt_packages/p/setup.py": ""})

    assert project_files.python_models(tmp_path / "project") == []


def test_a_link_that_a_package_brought_may_not_leave_the_repository(tmp_path: Path) -> None:
    folder = tmp_path / "tree"
    (folder / "dbt_packages" / "p" / "models").mkdir(parents=True)
    (folder / "shared").mkdir()
    (folder / "dbt_packages" / "shared").symlink_to("../shared")
    project_files.require_no_links_outside(folder)

    (folder / "dbt_packages" / "p" / "models" / "x.sql").symlink_to("/etc/passwd")
    with pytest.raises(DbtLinkOutside, match=r"dbt_packages/p/models/x\.sql"):
        project_files.require_no_links_outside(folder)


def test_fetching_packages_knows_no_password_and_follows_no_links(tmp_path: Path) -> None:
    program = tmp_path / "dbt"
    program.write_text(f"#!/bin/sh\necho 'installed: 1.9.1'\nenv > {tmp_path}/$1\n")
    program.chmod(0o755)
    place = Location("postgres", "s", host="127.0.0.1", database="d", user="u", password=f"{CANARY}-pg")
    files = {"packages.yml": "packages:\n  - package: dbt-labs/dbt_utils\n    version: 1.3.0\n"}
    dbt = dbt_on(tmp_path, files, location=place, executable=str(program))

    dbt.deps()
    dbt.parse()

    fetching = (tmp_path / "deps").read_text()
    assert CANARY not in fetching
    assert "=core.symlinks\n" in fetching
    assert CANARY in (tmp_path / "parse").read_text()


# -- What a command may take -------------------------------------------------------------------------


def python(code: str, folder: Path, **options: Any) -> Finished:
    return run([sys.executable, "-c", code], cwd=folder, env={}, **options)


def test_of_endless_output_the_end_is_kept_and_of_an_endless_line_the_beginning(tmp_path: Path) -> None:
    lines = python("for n in range(400_000): print(n)", tmp_path)
    line = python(
        "import sys\nfor n in range(40): sys.stdout.write('x' * 1_000_000)\nprint('\\nend')", tmp_path
    )

    assert len(lines.output) <= KEPT_OUTPUT
    assert lines.output.endswith("399999\n")
    assert lines.stdout.startswith("0\n1\n")
    assert len(line.stdout) == LONGEST_LINE + len("end\n")
    assert line.stdout.endswith("x\nend\n")


def test_a_secret_is_struck_out_also_where_its_line_is_cut(tmp_path: Path) -> None:
    before = LONGEST_LINE - 8
    printed = python(
        f"print('x' * {before} + '{CANARY}-and-more', end='')", tmp_path, secrets=[f"{CANARY}-and-more"]
    )

    assert "can" not in printed.stdout


def test_a_command_takes_no_more_memory_and_writes_no_larger_file_than_it_may(tmp_path: Path) -> None:
    memory = python("x = bytes(2_000_000_000)", tmp_path, limits=Limits(memory_bytes=1_000_000_000))
    file = python(
        "open('large', 'wb').write(bytes(3_000_000))", tmp_path, limits=Limits(file_bytes=1_000_000)
    )

    assert "MemoryError" in memory.output
    assert "File too large" in file.output
    assert (tmp_path / "large").stat().st_size == 1_000_000


@pytest.mark.parametrize(
    "text",
    [
        museum.BOMB,
        "a: &a [*a]",
        "[" * 100_000,
        "{" * 41 + "}" * 41,
        "x: " + "[" + "1," * 300_000 + "]",
        "#" * 1_000_001,
        "!!python/object/apply:os.system ['true']",
        "a: 2026-13-45",
    ],
)
def test_yaml_of_strangers_costs_little_whatever_it_says(text: str) -> None:
    with pytest.raises(yaml.YAMLError):
        small_yaml.load(text)


def test_ordinary_aliases_are_read(tmp_path: Path) -> None:
    text = "x: &x [1, 2]\ny: {<<: {z: *x}}\nt: [*x, *x]\n"

    assert small_yaml.load(text) == {"x": [1, 2], "y": {"z": [1, 2]}, "t": [[1, 2], [1, 2]]}


# -- What git keeps to itself ------------------------------------------------------------------------


def test_git_reads_a_large_file_no_further_than_it_may(
    tmp_path: Path, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = origin.commit({"large.yml": "x" * 3_000_000, "small.yml": "x"})
    mirror = Mirror(tmp_path / "mirrors" / "1.git", Remote(origin.url, "main"))
    mirror.fetch()
    monkeypatch.setattr(process, "_MOST_PRINTED", 2_000_000)

    assert mirror.read(head, "small.yml") == b"x"
    with pytest.raises(process.GitTooLarge):
        mirror.read(head, "large.yml")


def test_a_history_larger_than_the_disk_is_for_is_not_fetched(
    tmp_path: Path, origin: Origin, settings: Settings
) -> None:
    settings.REPOSITORY_MB = 2
    origin.commit({"noise.bin": os.urandom(4_000_000)})

    with pytest.raises(process.GitFailed):
        Mirror(tmp_path / "mirrors" / "1.git", Remote(origin.url, "main")).fetch()
