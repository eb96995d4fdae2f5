"""The tests that connecting consists of, on a remote in a folder: its branches, its dbt projects, its warehouse."""

from __future__ import annotations

from pathlib import Path

import pytest

from governance.models import Project, User
from governance.roles import Role
from tests.factories import make_member, make_project, work_off
from tests.fakes.git_remote import Origin
from workspace.actions import branch_choose, connection_test, repository_test
from workspace.models import Connection, Repository, Run

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    return Origin(tmp_path / "forge")


@pytest.fixture
def project(origin: Origin, data_dir: Path) -> Project:
    return make_project(url=origin.url)


@pytest.fixture
def admin(project: Project) -> User:
    return make_member(project, Role.ADMIN)


def found(project: Project, admin: User, branch: str) -> Run:
    branch_choose(project=project, branch=branch, actor=admin)
    (run,) = work_off()
    return run


def test_the_branches_come_from_the_remote(project: Project, admin: User, origin: Origin) -> None:
    origin.commit({"a.txt": "1"}, branch="develop")
    repository_test(project=project, actor=admin)

    (run,) = work_off()

    assert run.result == {"url": origin.url, "branches": ["develop", "main"], "default": "main"}


def test_a_remote_that_is_not_there_says_what_to_check(project: Project, admin: User, tmp_path: Path) -> None:
    Repository.objects.update(url=str(tmp_path / "nowhere.git"))
    repository_test(project=project, actor=admin)

    (run,) = work_off()

    assert run.error_code == "git-no-repository"
    assert "Check the address" in run.error


def test_dbt_projects_are_found_the_nearest_to_the_top_first(
    project: Project, admin: User, origin: Origin
) -> None:
    files = ("zeta", "a/b/c", "dbt_packages/dbt_utils", "beta/dbt_packages/x")
    origin.commit({f"{folder}/dbt_project.yml": "name: x" for folder in files}, branch="many")

    run = found(project, admin, "many")

    assert run.result["folders"] == ["", "zeta", "a/b/c"]
    assert (run.result["branch"], run.result["commit"]) == ("many", origin.head("many"))


def test_a_branch_without_a_dbt_project_says_so(project: Project, admin: User, origin: Origin) -> None:
    origin.commit({"dbt_project.yml": None}, branch="empty")

    run = found(project, admin, "empty")

    assert run.error_code == "dbt-no-project-found"
    assert "on branch empty" in run.error


def test_a_warehouse_in_files_is_tried_where_versions_will_lie(
    project: Project, admin: User, data_dir: Path
) -> None:
    connection_test(connection=Connection.objects.get(), actor=admin)

    (run,) = work_off()

    assert run.result == {"passed": ["build"]}
    assert run.progress["passed"] == ["build"]
    assert not list(data_dir.rglob("*.duckdb"))


def test_a_server_that_is_not_there_is_told_with_what_works_already(project: Project, admin: User) -> None:
    server = {"adapter": "postgres", "host": "127.0.0.1", "port": 1, "database": "shop", "user": "bi"}
    Connection.objects.update(**server)
    connection_test(connection=Connection.objects.get(), actor=admin)

    (run,) = work_off()

    assert run.error_code == "warehouse-unreachable"
    assert "passed" not in run.progress
