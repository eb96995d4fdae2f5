"""A git server over SSH: a key of Bisync's own, a host key that somebody agreed to, nothing of the machine's."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from bisync.lib.errors import BisyncError
from tests.fakes.git_remote import Origin
from tests.fakes.ssh_server import SshServer
from tests.workspace.test_git_http import ADA, Transcript
from workspace import commands
from workspace.git import ssh
from workspace.git.process import GitHostChanged, GitKeyRefused, GitNoRepository, GitUnreachable
from workspace.git.repository import Mirror, Remote


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    with SshServer(tmp_path_factory.mktemp("ssh") / "server") as server:
        yield server


@pytest.fixture(scope="module")
def pair() -> tuple[str, str]:
    return ssh.new_key()


@pytest.fixture
def server(running: SshServer, pair: tuple[str, str]) -> SshServer:
    running.allow(pair[1])
    return running


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    return Origin(tmp_path / "forge")


@pytest.fixture
def mirror(server: SshServer, pair: tuple[str, str], origin: Origin, tmp_path: Path) -> Mirror:
    url = server.url(origin.path)
    return Mirror(
        tmp_path / "a 100% data folder" / "1.git",
        Remote(url, "main", ssh_key=pair[0], host_key=ssh.scan(url)),
    )


def test_a_repository_behind_a_key_is_looked_at_pulled_and_pushed(mirror: Mirror, origin: Origin) -> None:
    origin.commit({"x.txt": "1"}, branch="develop")
    seen = mirror.advertised()
    head = mirror.fetch()
    made = mirror.commit(
        parent=head,
        files={"a.yml": b"1"},
        message="Add",
        author=ADA,
        committer=ADA,
        at=datetime(2026, 1, 1, tzinfo=UTC),
    )

    mirror.push(made, expecting=head)

    assert (seen.branches, seen.default) == (("develop", "main"), "main")
    assert origin.history() == [made, head]


def test_the_fingerprint_is_the_one_that_the_servers_owner_reads(server: SshServer, origin: Origin) -> None:
    assert ssh.fingerprint(ssh.scan(server.url(origin.path))) == server.fingerprint


def test_the_private_key_is_on_no_command_line_and_gone_afterwards(mirror: Mirror, tmp_path: Path) -> None:
    secret = mirror.remote.ssh_key.splitlines()[2]
    transcript = Transcript()

    with commands.recorded_by(transcript):
        mirror.fetch()

    kept = [file.read_text("latin-1") for file in tmp_path.rglob("*") if file.is_file()]
    assert not any(secret in text for text in [transcript.text, repr(mirror), *kept])


def test_a_key_that_the_server_does_not_know_says_what_to_do_with_it(
    mirror: Mirror, server: SshServer
) -> None:
    server.allow(ssh.new_key()[1])

    with pytest.raises(GitKeyRefused, match="Add the public key"):
        mirror.fetch()


def test_an_agent_of_the_machine_is_not_asked(
    mirror: Mirror, server: SshServer, origin: Origin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private, public = ssh.new_key()
    server.allow(public)
    (tmp_path / "id").touch(mode=0o600)
    (tmp_path / "id").write_text(private)
    socket = str(tmp_path / "agent")
    monkeypatch.setenv("SSH_AUTH_SOCK", socket)
    with subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.DEVNULL) as agent:
        while not Path(socket).exists():
            assert agent.poll() is None
        subprocess.run(["ssh-add", "-q", str(tmp_path / "id")], check=True)
        plain = ["ssh", "-F", "none", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]
        address = server.url(origin.path).removesuffix(str(origin.path))
        assert subprocess.run([*plain, address, "true"], check=False).returncode == 0

        with pytest.raises(GitKeyRefused):
            mirror.fetch()
        agent.terminate()


def test_a_repository_that_is_not_there_is_named_as_such(mirror: Mirror, server: SshServer) -> None:
    elsewhere = replace(mirror, remote=replace(mirror.remote, url=server.url(Path("/nowhere.git"))))

    with pytest.raises(GitNoRepository):
        elsewhere.fetch()


@pytest.mark.parametrize(
    ("change", "code"), [({"ssh_key": ""}, "git-no-key"), ({"host_key": ""}, "git-host-unknown")]
)
def test_nothing_is_sent_before_there_is_a_key_and_a_host_key(
    mirror: Mirror, change: dict[str, str], code: str
) -> None:
    with pytest.raises(BisyncError) as caught:
        replace(mirror, remote=replace(mirror.remote, **change)).fetch()

    assert caught.value.code == code


def test_a_server_with_another_host_key_gets_nothing_and_the_next_step_is_said(
    pair: tuple[str, str], origin: Origin, tmp_path: Path
) -> None:
    server = SshServer(tmp_path / "server")
    server.allow(pair[1])
    url = server.url(origin.path)
    with server:
        mirror = Mirror(
            tmp_path / "git" / "1.git", Remote(url, "main", ssh_key=pair[0], host_key=ssh.scan(url))
        )
        mirror.fetch()
    server.new_host_key()

    with server:
        with pytest.raises(GitHostChanged, match="let Bisync read its key again"):
            mirror.fetch()
        again = replace(mirror, remote=replace(mirror.remote, host_key=ssh.scan(url)))
        assert again.fetch() == origin.head()


def test_where_no_server_is_none_is_scanned() -> None:
    with pytest.raises(GitUnreachable, match="no SSH server answers"):
        ssh.scan("ssh://git@127.0.0.1:1/x.git")


@pytest.mark.parametrize("url", ["ssh://git@169.254.169.254/x.git", "git@127.0.0.1:x.git"])
def test_a_host_key_is_only_asked_for_where_git_may_go(url: str, settings: Settings) -> None:
    settings.BISYNC_LOCAL_REMOTES = False

    with pytest.raises(BisyncError) as caught:
        ssh.scan(url)

    assert caught.value.code.startswith("git-url")


def test_ssh_calls_the_address_that_was_judged(
    mirror: Mirror, monkeypatch: pytest.MonkeyPatch, server: SshServer, origin: Origin
) -> None:
    # No name server knows it; the look at it is ours alone.
    url = f"ssh://{server.url(origin.path).split('//')[1].replace('127.0.0.1', 'git.bisync.invalid')}"
    monkeypatch.setattr("workspace.git.urls.addresses.of_host", lambda host, *, look_up: ["127.0.0.1"])

    assert replace(mirror, remote=replace(mirror.remote, url=url)).fetch() == origin.head()


def test_a_machine_without_ssh_says_what_to_install(
    mirror: Mirror, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    mirror.fetch()
    git = next(
        Path(place) / "git" for place in os.environ["PATH"].split(":") if (Path(place) / "git").exists()
    )
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "git").symlink_to(git)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))

    with pytest.raises(ssh.SshMissing, match="Install openssh-client"):
        mirror.fetch()
    with pytest.raises(ssh.SshMissing):
        ssh.scan(mirror.remote.url)
