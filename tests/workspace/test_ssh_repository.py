"""A repository over SSH is connected: the key that Bisync makes, the host key that somebody agrees to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection

from bisync.lib.errors import NotAllowed
from governance.models import AuditEvent, Project, User
from governance.roles import Role
from tests.factories import make_member, make_project, work_off
from tests.fakes.git_remote import Origin
from tests.fakes.ssh_server import SshServer
from workspace.actions import (
    HostKeyMoved,
    host_key_agree,
    host_key_forget,
    repository_connect,
    repository_test,
    ssh_key_renew,
)
from workspace.models import Repository, Run
from workspace.repositories import mirror_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    with SshServer(tmp_path_factory.mktemp("ssh") / "server") as server:
        yield server


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    return Origin(tmp_path / "forge")


@pytest.fixture
def project(running: SshServer, origin: Origin, data_dir: Path) -> Project:
    running.allow("")
    return make_project(url=running.url(origin.path))


@pytest.fixture
def admin(project: Project) -> User:
    return make_member(project, Role.ADMIN)


def look(project: Project, admin: User) -> Run:
    repository_test(project=project, actor=admin)
    (run,) = work_off()
    return run


def test_a_repository_over_ssh_is_connected_step_by_step(
    project: Project, admin: User, running: SshServer, origin: Origin
) -> None:
    first = look(project, admin)
    assert first.result["fingerprint"] == running.fingerprint

    host_key_agree(project=project, fingerprint=running.fingerprint, actor=admin)
    (refused,) = work_off()
    assert refused.error_code == "git-key-refused"

    running.allow(Repository.objects.get().ssh_public_key)
    seen = look(project, admin)
    assert (seen.result["branches"], seen.result["default"]) == (["main"], "main")
    assert mirror_of(Repository.objects.get()).fetch() == origin.head()
    agreed = AuditEvent.objects.get(action="repository.host_key_agreed")
    assert agreed.after["fingerprint"] == running.fingerprint
    told = "".join(command.output for run in Run.objects.all() for command in run.commands.all())
    assert "PRIVATE KEY" not in told


def test_only_what_the_last_test_found_can_be_agreed_to(
    project: Project, admin: User, running: SshServer, origin: Origin
) -> None:
    with pytest.raises(HostKeyMoved):
        host_key_agree(project=project, fingerprint=running.fingerprint, actor=admin)
    look(project, admin)
    with pytest.raises(HostKeyMoved):
        host_key_agree(project=project, fingerprint="SHA256:another", actor=admin)
    repository_connect(project=project, values={"url": "git@git.example.com:x.git"}, actor=admin)
    with pytest.raises(HostKeyMoved):
        host_key_agree(project=project, fingerprint=running.fingerprint, actor=admin)

    assert Repository.objects.get().ssh_host_key == ""


def test_what_was_agreed_is_not_agreed_of_another_server_and_can_be_taken_back(
    project: Project, admin: User, origin: Origin
) -> None:
    Repository.objects.update(ssh_host_key=f"ssh-ed25519 {'A' * 68}")
    same = Repository.objects.get().url.replace("origin.git", "other.git")
    assert repository_connect(project=project, values={"url": same}, actor=admin).ssh_host_key
    public = Repository.objects.get().ssh_public_key

    moved = repository_connect(project=project, values={"url": "git@git.example.com:x.git"}, actor=admin)
    assert (moved.ssh_host_key, moved.ssh_public_key) == ("", public)

    Repository.objects.update(ssh_host_key=f"ssh-ed25519 {'A' * 68}")
    host_key_forget(project=project, actor=admin)
    assert Repository.objects.get().ssh_host_key == ""
    assert Run.objects.get().kind == "repository.test"


def test_the_private_key_is_encrypted_and_stays_until_a_new_one_is_wanted(
    project: Project, admin: User
) -> None:
    before = Repository.objects.get()
    with connection.cursor() as cursor:
        cursor.execute("SELECT ssh_key FROM workspace_repository")
        assert str(cursor.fetchone()[0]).startswith("gAAAA")
    repository_connect(project=project, values={"branch": "develop"}, actor=admin)
    assert Repository.objects.get().ssh_key == before.ssh_key

    ssh_key_renew(project=project, actor=admin)

    after = Repository.objects.get()
    assert after.ssh_key != before.ssh_key
    assert after.ssh_public_key != before.ssh_public_key
    event = AuditEvent.objects.get(action="repository.key_renewed")
    assert event.after == {"key": after.ssh_public_key}


def test_a_repository_that_needs_no_key_has_none(data_dir: Path) -> None:
    make_project(url="https://git.example.com/x.git")

    assert Repository.objects.get().ssh_public_key == ""


@pytest.mark.parametrize("act", [repository_test, host_key_forget, ssh_key_renew])
def test_only_admins_do_this(project: Project, act: object) -> None:
    other = make_member(project, *(set(Role) - {Role.ADMIN}))

    with pytest.raises(NotAllowed):
        act(project=project, actor=other)  # type: ignore[operator]
    with pytest.raises(NotAllowed):
        host_key_agree(project=project, fingerprint="SHA256:x", actor=other)
