"""What is judged when it is used, however it got into its row: addresses of git servers and warehouses, programs."""

from __future__ import annotations

import ipaddress
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from bisync.lib.addresses import Places, plain, reach
from bisync.lib.errors import BisyncError, InvalidInput
from governance.models import Project, User
from governance.roles import Role
from tests.factories import make_member, make_project, work_off
from tests.fakes.git_server import GitServer
from tests.workspace.projects import Recorded, tiny
from workspace import commands, runs
from workspace.actions import connection_save, repository_connect
from workspace.dbt.errors import DbtNotAllowed
from workspace.git.process import GitFailed
from workspace.git.repository import Mirror, Remote
from workspace.models import Connection, Repository, RunCommand
from workspace.warehouse.base import WarehouseNotAllowed
from workspace.warehouse.gate import open_warehouse
from workspace.warehouse.location import Location

# PORT is that of a server on this machine that notes every call.
LOCAL = (
    "http://127.0.0.1:PORT/x.git",
    "http://localhost:PORT/x.git",
    "http://[::1]:PORT/x.git",
    "https://127.0.0.1:PORT/x.git",
    "https://127.1:PORT/x.git",
    "https://0x7f.1:PORT/x.git",
    "https://0177.0.0.1:PORT/x.git",
    "https://2130706433:PORT/x.git",
    "https://[::ffff:127.0.0.1]:PORT/x.git",
    "https://[::127.0.0.1]:PORT/x.git",
    "https://[64:ff9b::7f00:1]:PORT/x.git",
    "https://[2002:7f00:1::]:PORT/x.git",
    "ssh://git@127.0.0.1:PORT/x.git",
    "git@127.0.0.1:x.git",
    "file:///etc",
    "/etc",
)
PRIVATE = (
    "https://10.1.2.3/x.git",
    "https://172.16.0.9/x.git",
    "https://192.168.1.1/x.git",
    "https://0xc0a80101/x.git",
    "https://[fd12::1]/x.git",
    "ssh://git@10.1.2.3/x.git",
    "git@10.1.2.3:x.git",
)
NEVER = (
    "https://169.254.169.254/latest/meta-data",
    "https://2852039166/x.git",
    "https://[::ffff:169.254.169.254]/x.git",
    "https://[64:ff9b::a9fe:a9fe]/x.git",
    "https://[fd00:ec2::254]/x.git",
    "https://100.100.100.200/x.git",
    "https://168.63.129.16/x.git",
    "https://0.0.0.0:PORT/x.git",
    "https://[::]:PORT/x.git",
)
ODD = (
    "ext::touch MARKER",
    "fd::17/x",
    "--upload-pack=touch MARKER",
    "-oProxyCommand=touch MARKER",
    "ssh://-oProxyCommand=touch MARKER/x",
    "git@-oProxyCommand=touch:x",
    "git://127.0.0.1:PORT/x.git",
    "https://github.com@127.0.0.1:PORT/x.git",
    "https://127.0.0.1:PORT#@github.com/x.git",
    "https://127.0.0.1:PORT\\@github.com/x.git",
    "https://somebody:hunter2@git.example.com/x.git",
    "https://git.example.com/x.git\n[core]",
)


@contextmanager
def names(monkeypatch: pytest.MonkeyPatch, **known: str) -> Iterator[list[str]]:
    """Within this block these host names lead to these addresses, and every other name nowhere."""
    asked: list[str] = []

    def look_up(host: str, *_args: object, flags: int = 0, **_kwargs: object) -> list[object]:
        asked.append(host)
        if flags & socket.AI_NUMERICHOST or host not in known:
            raise socket.gaierror
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (text, 0)) for text in known[host].split()]

    with monkeypatch.context() as patched:
        patched.setattr(socket, "getaddrinfo", look_up)
        yield asked


@pytest.fixture
def team(settings: Settings) -> None:
    """As the settings are where Bisync is reached from elsewhere."""
    settings.BISYNC_LOCAL_REMOTES = False
    settings.BISYNC_PRIVATE_REMOTES = Places.of([])
    settings.BISYNC_DBT_EXECUTABLES = []


# -- Where an address leads --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("93.184.216.34", "public"),
        ("2606:4700::1111", "public"),
        ("64:ff9b::5db8:d822", "public"),
        ("10.0.0.1", "private"),
        ("100.64.0.1", "private"),
        ("2002:a00:1::", "private"),
        ("fc00::1", "private"),
        ("127.8.8.8", "local"),
        ("::1", "local"),
        ("::ffff:127.0.0.1", "local"),
        ("fe80::1%eth0", "never"),
        ("224.0.0.1", "never"),
        ("0.1.2.3", "never"),
        ("::a9fe:a9fe", "never"),
        ("2001:0:1:2:3:4:5601:5601", "never"),  # Teredo for 169.254.169.254
    ],
)
def test_an_address_is_judged_by_where_it_leads_whatever_wraps_it(text: str, where: str) -> None:
    assert reach(plain(text)) == where


def test_an_operator_lists_hosts_and_networks() -> None:
    places = Places.of(["Git.Corp.example", "10.20.0.0/16", "192.168.7.7", "fd12::/32"])
    inside = ipaddress.ip_address

    assert places.hold("git.corp.example.", inside("172.16.0.1"))
    assert places.hold("any.name", inside("10.20.30.40"))
    assert places.hold("any.name", inside("192.168.7.7"))
    assert places.hold("any.name", inside("fd12::9"))
    assert not places.hold("evil.git.corp.example", inside("172.16.0.1"))
    assert not places.hold("any.name", inside("10.21.0.1"))
    for wrong in ("10.0.0.0/33", "10.0.0.1/8", "300.1.1.1"):
        with pytest.raises(ValueError, match=wrong.split("/")[0]):
            Places.of([wrong])


# -- Repositories ------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("team", "data_dir")
def test_no_row_however_it_was_written_sends_git_where_it_may_not_go(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    project, other = make_project(url="https://git.example.com/x.git"), make_project()
    wrong = []
    with GitServer(tmp_path) as canary:
        for number, url in enumerate((*LOCAL, *PRIVATE, *NEVER, *ODD)):
            url = url.replace("PORT", canary.url.rpartition(":")[2]).replace("MARKER", str(marker))
            if number % 2:
                asked = project
                Repository.objects.filter(project=project).update(url=url)
            else:
                asked = other
                Repository.objects.filter(project=other).delete()
                Repository.objects.bulk_create([Repository(project=other, url=url)])
            run = runs.request(kind="pull", project=asked)
            work_off()
            run.refresh_from_db()
            if not run.error_code.startswith("git-url") or run.error == run.error_code:
                wrong.append((url, run.error_code, run.error))
            assert "hunter2" not in run.error

    assert wrong == []
    assert canary.requests == []
    assert not marker.exists()
    assert not RunCommand.objects.filter(name="git fetch").exists()


@pytest.mark.django_db
@pytest.mark.usefixtures("team")
def test_the_form_says_beside_the_address_what_an_operator_can_do() -> None:
    project = make_project()
    admin = make_member(project, Role.ADMIN)
    told = {}
    for url in ("https://10.1.2.3/x.git", "/srv/git/x.git", "https://169.254.169.254/x.git"):
        with pytest.raises(InvalidInput) as caught:
            repository_connect(project=project, values={"url": url, "branch": "main"}, actor=admin)
        (told[url],) = caught.value.fields["url"]

    assert "BISYNC_PRIVATE_REMOTES" in told["https://10.1.2.3/x.git"]
    assert "BISYNC_LOCAL_REMOTES" in told["/srv/git/x.git"]
    assert "BISYNC" not in told["https://169.254.169.254/x.git"].replace("Bisync", "")


@pytest.mark.usefixtures("team")
@pytest.mark.parametrize("answer", ["10.1.2.3", "127.0.0.1", "169.254.169.254", "93.184.216.34 10.1.2.3"])
def test_a_name_is_refused_where_any_of_its_addresses_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    mirror = Mirror(tmp_path / "git" / "1.git", Remote("https://git.example.com/x.git", "main"))
    recorded = Recorded()

    with (
        names(monkeypatch, **{"git.example.com": answer}),
        commands.recorded_by(recorded),
        pytest.raises(BisyncError) as caught,
    ):
        mirror.fetch()

    assert caught.value.code.startswith("git-url")
    assert [name for name, _argv in recorded.commands] == ["git init"]


def test_git_calls_the_address_that_was_judged_and_asks_for_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    settings.GIT_TIMEOUT_SECONDS = 20
    called: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _caller = server.accept()
            called.append(connection.recv(1))
            connection.close()

        listener = threading.Thread(target=answer, daemon=True)
        listener.start()
        url = f"https://git.bisync.invalid:{server.getsockname()[1]}/x.git"
        mirror = Mirror(tmp_path / "git" / "1.git", Remote(url, "main"))

        # git itself would find no such name.
        with names(monkeypatch, **{"git.bisync.invalid": "127.0.0.1"}), pytest.raises(GitFailed):
            mirror.fetch()
        listener.join(timeout=5)

    assert called == [b"\x16"]  # the first byte of a TLS handshake


def test_a_name_without_an_address_is_not_left_to_git(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror = Mirror(tmp_path / "git" / "1.git", Remote("https://git.bisync.invalid/x.git", "main"))
    recorded = Recorded()

    with (
        names(monkeypatch),
        commands.recorded_by(recorded),
        pytest.raises(GitFailed, match="could not resolve host") as caught,
    ):
        mirror.fetch()

    assert caught.value.symptom == "unreachable"
    assert [name for name, _argv in recorded.commands] == ["git init"]


# -- Secrets stay with their server ------------------------------------------------------------------


@pytest.fixture
def project(db: None) -> Project:
    return make_project(url="https://git.example.com/x.git", username="bot", password="hunter2")


@pytest.fixture
def admin(project: Project) -> User:
    return make_member(project, Role.ADMIN)


@pytest.mark.parametrize("url", ["https://evil.example/x.git", "https://git.example.com:8443/x.git"])
def test_a_stored_password_is_not_sent_to_another_server(project: Project, admin: User, url: str) -> None:
    values: dict[str, Any] = {"url": url, "branch": "main", "username": "bot"}

    with pytest.raises(InvalidInput) as caught:
        repository_connect(project=project, values=values, actor=admin)
    assert "again" in caught.value.fields["password"][0]
    assert Repository.objects.get().url == "https://git.example.com/x.git"

    repository_connect(project=project, values={**values, "password": "another"}, actor=admin)
    assert Repository.objects.get().password == "another"


@pytest.mark.parametrize("url", ["git@git.example.com:x.git", "/srv/x.git"])
def test_it_is_forgotten_where_no_password_is_sent(project: Project, admin: User, url: str) -> None:
    repository_connect(project=project, values={"url": url, "branch": "main"}, actor=admin)

    assert Repository.objects.get().password == ""


def test_it_stays_for_another_repository_on_the_same_server(project: Project, admin: User) -> None:
    values = {"url": "https://git.example.com/y.git", "branch": "main", "username": "bot"}

    repository_connect(project=project, values=values, actor=admin)

    assert Repository.objects.get().password == "hunter2"


def test_so_it_is_with_a_warehouses(project: Project, admin: User) -> None:
    values = {"name": "PG", "adapter": "postgres", "host": "db.example.com", "database": "d", "user": "u"}
    connection = connection_save(project=project, values={**values, "password": "hunter2"}, actor=admin)

    with pytest.raises(InvalidInput) as caught:
        connection_save(
            project=project, values={**values, "host": "evil.example"}, actor=admin, connection=connection
        )

    assert list(caught.value.fields) == ["password"]


# -- Warehouses --------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["169.254.169.254", "db.example.com,169.254.169.254", "[::ffff:a9fe:a9fe]"])
def test_no_warehouse_is_looked_for_where_clouds_keep_their_secrets(
    project: Project, admin: User, host: str
) -> None:
    host = host.strip("[]")
    values = {"name": "PG", "adapter": "postgres", "host": host, "database": "d", "user": "u"}

    with pytest.raises(InvalidInput) as caught:
        connection_save(project=project, values=values, actor=admin)
    assert list(caught.value.fields) == ["host"]

    (connection,) = Connection.objects.bulk_create([Connection(project=project, **values)])
    with pytest.raises(WarehouseNotAllowed):
        open_warehouse(connection.location(schema="analytics"))


def test_a_name_that_leads_there_is_refused_to_queries_and_to_dbt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Location(
        adapter="postgres", schema="s", host="db.example.com", database="d", user="u", password="p"
    )
    recorded = Recorded()
    uses: list[Callable[[], object]] = [
        lambda: open_warehouse(place),
        tiny(tmp_path, location=place).build,
    ]

    with names(monkeypatch, **{"db.example.com": "169.254.169.254"}), commands.recorded_by(recorded):
        for use in uses:
            with pytest.raises(WarehouseNotAllowed):
                use()

    assert recorded.commands == []


# -- Programs ----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("team")
def test_only_the_operators_dbt_programs_are_started(tmp_path: Path, settings: Settings) -> None:
    marker, program = tmp_path / "marker", tmp_path / "venvs" / "a" / "dbt"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\ntouch {marker}\necho 'installed: 1.9.1'\n")
    program.chmod(0o755)
    outside = tmp_path / "dbt"
    outside.write_text(program.read_text())
    outside.chmod(0o755)

    def parse(executable: str) -> None:
        with pytest.raises(BisyncError) as caught:
            tiny(tmp_path, executable=executable).parse()
        refused.append(isinstance(caught.value, DbtNotAllowed))

    refused: list[bool] = []
    parse(str(program))
    settings.BISYNC_DBT_EXECUTABLES = [f"{tmp_path}/venvs/*/dbt"]
    for executable in (str(outside), f"{tmp_path}/venvs/a/../../dbt", "dbt", "venvs/a/dbt", "--version"):
        parse(executable)
    assert refused == [True] * 6
    assert not marker.exists()

    tiny(tmp_path, executable=str(program)).parse()
    assert marker.exists()


@pytest.mark.django_db
@pytest.mark.usefixtures("team")
def test_the_form_says_so_beside_the_field(project: Project, admin: User) -> None:
    values = {"url": "https://git.example.com/x.git", "branch": "main", "username": "bot"}

    with pytest.raises(InvalidInput) as caught:
        repository_connect(project=project, values={**values, "dbt_executable": "/bin/sh"}, actor=admin)

    assert "BISYNC_DBT_EXECUTABLES" in caught.value.fields["dbt_executable"][0]
