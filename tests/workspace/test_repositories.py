"""Where a project's code lies on this machine, and what a change of its settings means."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bisync.lib.errors import InvalidInput, NotAllowed
from governance.models import AuditEvent, Project, User
from governance.roles import Role
from tests.factories import make_member, make_project
from workspace.actions import repository_connect
from workspace.models import Repository
from workspace.repositories import FolderOutside, project_folder

pytestmark = pytest.mark.django_db

VALUES: dict[str, Any] = {
    "url": "https://git.example.com/shop.git",
    "branch": "main",
    "folder": "dbt",
    "dbt_target": "prod",
    "dbt_executable": "",
    "username": "bot",
}


@pytest.fixture
def project() -> Project:
    found = make_project(**VALUES)
    Repository.objects.update(synced_commit="c1")
    return found


@pytest.fixture
def admin(project: Project) -> User:
    return make_member(project, Role.ADMIN)


@pytest.mark.parametrize(
    "change",
    [
        {"url": "https://git.example.com/other.git"},
        {"branch": "develop"},
        {"folder": ""},
        {"dbt_target": "dev"},
        {"dbt_executable": "/opt/dbt"},
    ],
)
def test_what_was_pulled_in_another_way_has_to_be_pulled_again(
    project: Project, admin: User, change: dict[str, str]
) -> None:
    repository = repository_connect(project=project, values={**VALUES, **change}, actor=admin)

    assert repository.synced_commit == ""
    event = AuditEvent.objects.get(action="repository.changed")
    assert {name: event.after[name] for name in change} == change


@pytest.mark.parametrize("change", [{}, {"password": "new"}, {"folder": "/dbt/"}])
def test_what_was_pulled_stays_when_it_is_read_as_before(
    project: Project, admin: User, change: dict[str, str]
) -> None:
    repository = repository_connect(project=project, values={**VALUES, **change}, actor=admin)

    assert (repository.synced_commit, repository.folder) == ("c1", "dbt")


def test_only_admins_connect(project: Project) -> None:
    with pytest.raises(NotAllowed):
        repository_connect(
            project=project, values=VALUES, actor=make_member(project, *(set(Role) - {Role.ADMIN}))
        )


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"url": ""}, "url"),
        ({"url": "file:///etc"}, "url"),
        ({"url": "https://user:secret@git.example.com/x.git"}, "url"),
        ({"branch": "a..b"}, "branch"),
        ({"folder": "a/../../b"}, "folder"),
        ({"folder": "-x"}, "folder"),
        ({"folder": "a//b"}, "folder"),
        ({"dbt_target": "-t"}, "dbt_target"),
    ],
)
def test_what_git_or_dbt_would_misread_is_refused_beside_its_field(
    project: Project, admin: User, settings: Any, change: dict[str, str], field: str
) -> None:
    settings.BISYNC_LOCAL_REMOTES = False

    with pytest.raises(InvalidInput) as caught:
        repository_connect(project=project, values={**VALUES, **change}, actor=admin)

    assert list(caught.value.fields) == [field]
    assert Repository.objects.get().synced_commit == "c1"


def test_a_folder_that_leads_out_of_the_checkout_is_refused(project: Project, tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "link").symlink_to(tmp_path)
    repository = Repository.objects.get()

    assert project_folder(tmp_path / "tree", repository) == tmp_path / "tree" / "dbt"
    for folder in ("..", "link", "link/elsewhere", "/etc"):
        repository.folder = folder
        with pytest.raises(FolderOutside):
            project_folder(tmp_path / "tree", repository)
