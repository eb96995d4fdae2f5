"""The steps of connecting: what each asks for, where it leads, what it refuses; and what is never shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from bisync.lib.errors import InvalidInput, NotAllowed
from environments.actions import BuiltAlready, first_build, warehouse_connect
from environments.connecting import Connecting
from environments.models import Deployment, Environment
from governance.models import AuditEvent, Project, User
from governance.roles import Role
from tests.factories import make_environment, make_member, make_operator, make_project
from workspace.models import Connection, Repository, Run

pytestmark = pytest.mark.django_db

URL = "https://git.example.com/shop.git"
ADDRESS = {"kind": "https", "url": URL, "username": "bot", "password": "secret canary"}
BEGIN = {"name": "Shop", "slug": "shop", **ADDRESS}
READ = {"commit": "c1", "dbt_version": "1.11.0", "models": 3, "tests": 1, "metrics": 0, "sources": []}
FOUND = {"url": URL, "branches": ["develop", "main"], "default": "main"}


@pytest.fixture
def ada() -> User:
    return make_operator("Ada Admin")


@pytest.fixture
def browser(client: Client, ada: User) -> Client:
    client.force_login(ada)
    return client


@pytest.fixture
def begun(browser: Client) -> Project:
    assert browser.post("/connect/", BEGIN).headers["Location"] == "/shop/connect/remote/"
    return Project.objects.get()


def ended(kind: str, *, error: str = "", **result: object) -> Run:
    """The run that waits, as a worker leaves it."""
    run = Run.objects.get(kind=kind, status="queued")
    Run.objects.filter(pk=run.pk).update(
        status="failed" if error else "succeeded", error_code=error, result=result
    )
    run.refresh_from_db()
    return run


def states(project: Project) -> dict[str, str]:
    return {step.slug: step.state for step in Connecting(project).steps()}


def lead(browser: Client, path: str, **typed: str) -> str:
    """Where a form sends."""
    answer = browser.post(f"/shop/connect/{path}/", typed)
    assert answer.status_code == 302, answer.content.decode()
    return answer.headers["Location"].removeprefix("/shop/connect/").strip("/")


# -- The way -------------------------------------------------------------------------------------------


def test_beginning_makes_a_project_of_ones_own_and_tests_the_address(begun: Project, ada: User) -> None:
    repository = Repository.objects.get(project=begun)

    assert (repository.url, repository.password) == (URL, "secret canary")
    assert set(ada.memberships.values_list("role", flat=True)) == {"admin", "contributor"}
    assert Run.objects.get().kind == "repository.test"
    assert states(begun)["remote"] == "now"
    assert AuditEvent.objects.filter(action="run.requested", actor=ada).exists()


def test_each_step_opens_once_the_one_before_is_done(browser: Client, begun: Project) -> None:
    assert browser.get("/shop/connect/").headers["Location"] == "/shop/connect/remote/"
    assert browser.get("/shop/connect/done/").headers["Location"] == "/shop/connect/remote/"
    ended("repository.test", **FOUND)
    assert browser.get("/shop/connect/project/").headers["Location"] == "/shop/connect/remote/"

    assert lead(browser, "remote", act="choose", choice="develop") == "project"
    ended("repository.find", branch="develop", commit="c1", folders=["", "dbt"])
    assert lead(browser, "project", act="choose", choice="/dbt") == "parse"
    ended("repository.parse", **READ)
    assert lead(browser, "warehouse", adapter="duckdb", schema="sales") == "warehouse"
    ended("connection.test", passed=["build"])
    assert lead(browser, "build") == "build"

    repository = Repository.objects.get()
    assert (repository.branch, repository.folder) == ("develop", "dbt")
    assert repository.connection == Connection.objects.get()
    schemas = Environment.objects.order_by("position").values_list("schema", flat=True)
    assert list(schemas) == ["sales_dev", "sales_staging", "sales"]
    deployment = Deployment.objects.get()
    assert (deployment.environment.slug, deployment.commit) == ("staging", "c1")
    assert list(states(begun).values()) == [*["done"] * 5, "now", "todo", "todo"]


def test_a_first_build_without_a_staging_environment_says_what_is_missing(
    browser: Client, begun: Project
) -> None:
    ended("repository.test", **FOUND)
    lead(browser, "remote", act="choose", choice="main")
    ended("repository.find", branch="main", commit="c1", folders=[""])
    lead(browser, "project", act="choose", choice="/")
    ended("repository.parse", **READ)
    lead(browser, "warehouse", adapter="duckdb", schema="sales")
    ended("connection.test", passed=["build"])
    Environment.objects.filter(slug="staging").delete()

    assert lead(browser, "build") == "build"

    assert "Nothing was built" in browser.get("/shop/connect/build/").content.decode()
    assert not Deployment.objects.exists()


def test_another_address_has_to_be_tested_again(browser: Client, begun: Project) -> None:
    ended("repository.test", **FOUND)
    lead(browser, "remote", act="choose", choice="main")
    assert states(begun)["project"] == "now"

    lead(browser, "repository", kind="https", url=URL.replace("shop", "other"))

    assert states(begun)["remote"] == "now"
    assert Repository.objects.get().password == "secret canary"


def test_a_failed_step_says_why_and_can_be_tried_again(browser: Client, begun: Project) -> None:
    ended("repository.test", error="git-access-denied")

    shown = browser.get("/shop/connect/remote/").content.decode()
    assert "That did not work yet" in shown
    assert states(begun)["remote"] == "failed"
    assert lead(browser, "remote") == "remote"
    assert Run.objects.filter(kind="repository.test").count() == 2
    assert states(begun)["remote"] == "now"


def test_a_page_asks_for_more_while_its_test_goes_on_and_then_comes_anew(
    browser: Client, begun: Project
) -> None:
    htmx = {"HX-Request": "true"}
    whole = browser.get("/shop/connect/remote/").content.decode()
    assert 'hx-trigger="every 1s"' in whole
    assert '<noscript><meta http-equiv="refresh"' in whole
    part = browser.get("/shop/connect/remote/?known=0", headers=htmx)
    assert "<html" not in part.content.decode()

    ended("repository.test", **FOUND)
    last = browser.get("/shop/connect/remote/?known=0", headers=htmx)

    assert (last.status_code, last.headers["HX-Refresh"]) == (204, "true")
    assert 'hx-trigger="every 1s"' not in browser.get("/shop/connect/remote/").content.decode()


def test_a_branch_that_nobody_found_cannot_be_chosen(browser: Client, begun: Project) -> None:
    ended("repository.test", **FOUND)

    answer = browser.post("/shop/connect/remote/", {"act": "choose", "choice": "--upload-pack=x"})

    assert answer.status_code == 422
    assert Repository.objects.get().branch == "main"


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"slug": "admin"}, "slug"),
        ({"url": "ext::sh -c id"}, "url"),
        ({"url": "https://bot:token@git.example.com/x.git"}, "url"),
        ({"url": "git@git.example.com:x.git"}, "kind"),
        ({"kind": "folder"}, "kind"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field_and_nothing_is_made(
    browser: Client, typed: dict[str, str], field: str
) -> None:
    answer = browser.post("/connect/", {**BEGIN, **typed})

    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [field]
    assert not Project.objects.exists()
    assert not Run.objects.exists()


def test_folders_are_only_offered_where_they_are_allowed(browser: Client, settings: Any) -> None:
    assert "A folder on this machine" in browser.get("/connect/").content.decode()
    settings.BISYNC_LOCAL_REMOTES = False

    assert "A folder on this machine" not in browser.get("/connect/").content.decode()


# -- Secrets -------------------------------------------------------------------------------------------


def test_no_page_shows_a_secret_again(browser: Client, begun: Project) -> None:
    ended("repository.test", **FOUND)
    lead(browser, "remote", act="choose", choice="main")
    ended("repository.find", branch="main", commit="c1", folders=[""])
    lead(browser, "project", act="choose", choice="/")
    ended("repository.parse", **READ)
    server = {"adapter": "postgres", "schema": "sales", "host": "db", "database": "shop", "user": "bi"}
    refused = browser.post("/shop/connect/warehouse/", {**server, "host": "", "password": "pg canary"})
    assert refused.status_code == 422
    lead(browser, "warehouse", **server, password="pg canary")

    pages = [refused, *(browser.get(f"/shop/connect/{step.slug}/") for step in Connecting(begun).steps())]
    bad = browser.post("/shop/connect/repository/", {**ADDRESS, "kind": "ssh"})

    assert bad.status_code == 422
    assert not any("canary" in page.content.decode() for page in [*pages, bad])


def test_an_empty_password_keeps_what_is_stored_for_the_same_server(browser: Client, begun: Project) -> None:
    lead(browser, "repository", **{**ADDRESS, "username": "robot", "password": ""})

    repository = Repository.objects.get()
    assert (repository.username, repository.password) == ("robot", "secret canary")


def test_what_is_typed_for_https_is_not_kept_for_a_key(browser: Client, begun: Project) -> None:
    lead(browser, "repository", kind="ssh", url="git@git.example.com:shop.git", password="typed before")

    repository = Repository.objects.get()
    assert (repository.username, repository.password) == ("", "")
    shown = browser.get("/shop/connect/remote/").content.decode()
    assert repository.ssh_public_key in shown
    assert "PRIVATE" not in shown


# -- The warehouse and the first build -----------------------------------------------------------------


@pytest.fixture
def project() -> Project:
    return make_project(url=URL)


@pytest.fixture
def admin(project: Project) -> User:
    return make_member(project, Role.ADMIN)


def test_a_warehouse_that_people_read_from_stays_where_it_is(project: Project, admin: User) -> None:
    production = make_environment(project)
    deployment = Deployment.objects.create(environment=production, number=1, commit="c1")
    Environment.objects.filter(pk=production.pk).update(live=deployment)
    server = {"adapter": "postgres", "host": "db", "database": "shop", "user": "bi"}

    with pytest.raises(InvalidInput) as caught:
        warehouse_connect(project=project, values=server, schema="x", actor=admin)

    assert list(caught.value.fields) == ["adapter"]
    assert Connection.objects.get().adapter == "duckdb"


def test_whoever_connects_builds_staging_once_and_production_never(project: Project, admin: User) -> None:
    staging = Environment.objects.get(project=project, slug="staging")

    first = first_build(environment=staging, commit="c1", actor=admin)

    assert first_build(environment=staging, commit="c2", actor=admin) == first
    assert first.requested_by == admin
    with pytest.raises(BuiltAlready):
        first_build(environment=make_environment(project), commit="c1", actor=admin)
    Environment.objects.filter(pk=staging.pk).update(live=first)
    staging.refresh_from_db()
    with pytest.raises(BuiltAlready):
        first_build(environment=staging, commit="c1", actor=admin)


@pytest.mark.parametrize(
    "act",
    [
        lambda project, actor: first_build(
            environment=Environment.objects.get(slug="staging"), commit="c1", actor=actor
        ),
        lambda project, actor: warehouse_connect(
            project=project, values={"adapter": "duckdb"}, schema="x", actor=actor
        ),
    ],
    ids=["build", "warehouse"],
)
def test_only_admins_do_this(project: Project, act: Callable[[Project, User], object]) -> None:
    with pytest.raises(NotAllowed):
        act(project, make_member(project, *(set(Role) - {Role.ADMIN})))


def test_others_do_not_see_the_way(client: Client, project: Project) -> None:
    client.force_login(make_member(project, *(set(Role) - {Role.ADMIN})))

    answers: list[HttpResponse] = [
        client.get(f"/{project.slug}/connect/"),
        client.get(f"/{project.slug}/connect/remote/"),
        client.post(f"/{project.slug}/connect/remote/"),
    ]

    assert [answer.status_code for answer in answers] == [403, 403, 403]
    assert not Run.objects.exists()
