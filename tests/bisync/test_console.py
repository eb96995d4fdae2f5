"""The console: how everything stands with cause and remedy, what is set and where, and every place of it."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from celery import current_app
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.utils import timezone

from bisync import env, health
from bisync.setting_words import SETTINGS
from bisync.system import parts
from governance import chain
from governance.actions import token_create
from governance.models import ApiToken, AuditEvent, ChainCheck, User
from governance.permissions import learn_roles, roles_of
from governance.roles import Role
from tests.factories import make_member, make_project, make_user
from workspace import runs
from workspace.models import Connection, Run

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nobody_rings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Port 9 discards: no broker answers there."""
    monkeypatch.setitem(current_app.conf, "broker_url", "redis://:secret-word@127.0.0.1:9/0")


@pytest.fixture
def boss() -> User:
    return User.objects.create_superuser("boss@example.com", name="Boss")


@pytest.fixture
def console(boss: User) -> Client:
    client = Client()
    client.force_login(boss)
    return client


def text(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


# -- Health ---------------------------------------------------------------------------------------------


def told() -> dict[str, health.Part]:
    return {part.name: part for part in parts.every_part()}


def test_the_page_tells_what_health_ready_tells_and_more(console: Client, data_dir: Path) -> None:
    ready = {part["name"]: part["message"] for part in console.get("/health/ready").json()["parts"]}
    page = console.get("/system/health/")
    shown = {part.name: part.message for part in page.context["parts"]}

    assert ready.items() <= shown.items()
    assert {"Repositories", "Warehouses", "Audit log", "Backup", "Encryption keys", "Address"} <= set(shown)
    assert page.context["state"] == "degraded"
    assert page.context["parts"][0].name == "Broker"  # what needs attention comes first
    assert "Start it, or correct BISYNC_REDIS_URL." in page.content.decode()


def test_the_page_asks_for_itself_and_without_javascript_is_loaded_again(console: Client) -> None:
    whole = text(console, "/system/health/")
    part = console.get("/system/health/", headers={"hx-request": "true"}).content.decode()

    assert 'hx-get="/system/health/" hx-trigger="every 15s"' in whole
    assert '<noscript><meta http-equiv="refresh" content="30"></noscript>' in whole
    assert part.lstrip().startswith('<div class="stack" id="health"')


def test_no_name_of_a_project_is_told_to_whoever_is_not_signed_in(client: Client, data_dir: Path) -> None:
    failed_run("pull", "git-unreachable", {"words": "Could not resolve host: git.corp.example"})

    assert "git.corp.example" not in client.get("/health/ready").content.decode()
    assert "Repositories: Shop" in told()


def failed_run(kind: str, code: str, params: dict[str, str]) -> Run:
    return Run.objects.create(
        project=make_project(),
        kind=kind,
        status="failed",
        error_code=code,
        error_params=params,
        finished_at=timezone.now() - timedelta(hours=3),
    )


def test_what_the_last_runs_could_not_reach_is_told_with_its_cause(data_dir: Path) -> None:
    pull = failed_run("pull", "git-access-denied", {"words": "Authentication failed"})
    build = failed_run("environment.deploy", "warehouse-unreachable", {"place": "db", "reason": "refused"})
    failed_run("pull", "dbt-syntax", {"place": "x", "words": "y"})  # was reached, and is wrong otherwise

    found = told()

    repository, warehouse = found["Repositories: Shop"], found["Warehouses: Shop"]
    assert (repository.ok, repository.since, repository.url) == (
        False,
        pull.finished_at,
        pull.get_absolute_url(),
    )
    assert "Authentication failed" in repository.message
    assert (warehouse.ok, warehouse.url) == (False, build.get_absolute_url())
    assert sum(name.startswith("Repositories") for name in found) == 1

    Run.objects.create(project=pull.project, kind="pull", status="succeeded")
    assert told()["Repositories"].ok
    assert told()["Repositories"].message == "2 of 2 answered when they were last needed."


def test_a_run_that_lost_its_worker_and_one_that_was_set_aside_are_told(data_dir: Path) -> None:
    assert told()["Runs that lost their worker"].message == "None."
    late = timezone.now() - timedelta(minutes=5)
    Run.objects.create(project=make_project(), kind="pull", status="running", lease_until=late)
    failed_run("pull", runs.WorkerLost.code, {"attempts": "3"})

    found = told()

    lost = found["Runs that lost their worker"]
    assert (lost.ok, lost.since) == (False, late)
    assert found["Runs that were set aside"].url == "/system/queues/"


def test_a_secret_that_no_key_opens_is_told_and_one_that_needs_an_older_key(
    data_dir: Path, settings: Any
) -> None:
    project = make_project(url="https://git.example.com/shop.git", password="a-password-of-git")
    assert told()["Encryption keys"].message.startswith("Stored secrets: 1. Keys in force: 1.")

    settings.BISYNC_SECRET_KEYS = ["a-newer-key-of-many-characters", *settings.BISYNC_SECRET_KEYS]
    assert told()["Encryption keys"].message.endswith("Secrets that need an older one: 1.")
    assert told()["Encryption keys"].ok

    settings.BISYNC_SECRET_KEYS = ["another-key-of-many-characters"]
    part = told()["Encryption keys"]
    assert not part.ok
    assert part.message == "No key in force opens 1 of 1 stored secrets."
    assert "BISYNC_ENCRYPTION_KEYS" in part.remedy
    assert project.repository.url  # and nothing else was hurt by looking


def test_a_backup_is_known_and_gets_old(tmp_path: Path, data_dir: Path, settings: Any) -> None:
    settings.LOCAL = False
    assert "manage.py backup" in told()["Backup"].remedy
    settings.LOCAL = True
    alone = connection.vendor == "sqlite"
    assert (told()["Backup"].ok, told()["Backup"].untried) == (alone, True)

    AuditEvent.objects.create(
        action="backup.made",
        target="installation",
        after={"file": "b.tar"},
        at=timezone.now() - timedelta(days=8),
        previous_hash="x",
        hash="y",
    )
    assert (told()["Backup"].ok, told()["Backup"].message) == (False, "The last one is b.tar.")


@pytest.mark.skipif("connection.vendor != 'sqlite'", reason="pg_dump needs a database of its own")
@pytest.mark.django_db(transaction=True)
def test_making_a_backup_is_an_event(tmp_path: Path, data_dir: Path) -> None:
    call_command("backup", str(tmp_path / "bisync.tar"))

    assert AuditEvent.objects.get(action="backup.made").after["file"] == "bisync.tar"
    assert told()["Backup"].ok


def test_a_broken_chain_is_told(data_dir: Path, console: Client) -> None:
    make_project()
    AuditEvent.objects.filter(pk=AuditEvent.objects.earliest("id").pk).update(label="x")
    chain.verify()

    assert not told()["Audit log"].ok
    assert "Compare with a backup" in told()["Audit log"].remedy
    assert "The chain breaks at #" in text(console, "/system/")


def test_a_chain_that_nothing_verifies_any_more_is_told(data_dir: Path, console: Client) -> None:
    make_project()
    assert (told()["Audit log"].ok, told()["Audit log"].untried) == (True, True)
    late = timezone.now() - timedelta(hours=2)
    AuditEvent.objects.update(at=late)
    assert not told()["Audit log"].ok

    ChainCheck.objects.create(at=timezone.now())
    assert told()["Audit log"].ok
    for at in (late, timezone.now() + timedelta(hours=2)):
        ChainCheck.objects.update(at=at)
        assert "Nothing verifies it" in told()["Audit log"].remedy
    assert "Nothing verifies it" in text(console, "/system/")


def test_what_was_not_needed_yet_is_not_said_to_work(data_dir: Path, console: Client) -> None:
    page = text(console, "/system/health/")

    assert [part.name for part in parts.every_part() if part.untried] == [
        *(["Backup"] if connection.vendor != "sqlite" else []),
        *("Repositories", "Warehouses", "Audit log"),
        *(["Backup"] if connection.vendor == "sqlite" else []),
    ]
    assert page.count("Not tried") == page.count("None needed yet.") + 1 + (connection.vendor == "sqlite")


def test_a_public_address_without_https_is_told(data_dir: Path, settings: Any) -> None:
    settings.HTTPS, settings.LOCAL, settings.BISYNC_URL = False, False, "http://bisync.example.com"

    assert not told()["Address"].ok
    settings.HTTPS = True
    assert told()["Address"].ok


def test_clocks_that_differ_are_told(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert told()["Clock"].ok
    if connection.vendor == "postgresql":
        now = timezone.now
        monkeypatch.setattr(timezone, "now", lambda: now() + timedelta(minutes=2))
        assert not told()["Clock"].ok


# -- Settings -------------------------------------------------------------------------------------------


def test_every_setting_is_read_at_start_and_has_its_words() -> None:
    assert set(env.READ) == set(SETTINGS)


def test_settings_tell_their_value_and_where_it_comes_from(
    console: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(env, "READ", dict(env.READ))
    file = tmp_path / "database-url"
    file.write_text("postgres://bisync:very-secret@db/bisync\n")
    monkeypatch.setenv("BISYNC_DATABASE_URL_FILE", str(file))
    monkeypatch.setenv("BISYNC_RUN_ATTEMPTS", "7")
    monkeypatch.setenv("BISYNC_REDIS_URL", "redis://:very-secret@broker/0")
    monkeypatch.delenv("BISYNC_HOSTS", raising=False)
    env.secret("BISYNC_DATABASE_URL")
    env.secret("BISYNC_REDIS_URL")
    env.number("BISYNC_RUN_ATTEMPTS", 3)
    env.words("BISYNC_HOSTS")

    page = console.get("/system/settings/")
    read = {row[0]: row[3] for row in page.context["rows"]}

    assert "very-secret" not in page.content.decode()
    assert read["BISYNC_RUN_ATTEMPTS"] == env.Reading("7", "environment")
    assert read["BISYNC_HOSTS"] == env.Reading("", "default")
    assert read["BISYNC_REDIS_URL"] == env.Reading("", "environment", secret=True)
    assert read["BISYNC_DATABASE_URL"] == env.Reading("", str(file), secret=True)
    assert str(file) in page.content.decode()


def test_no_secret_of_this_installation_is_on_the_page(console: Client, settings: Any) -> None:
    page = console.get("/system/settings/").content.decode()

    assert settings.SECRET_KEY not in page
    assert "BISYNC_SECRET_KEY" in page


# -- The places of the console --------------------------------------------------------------------------


def test_the_first_page_leads_everywhere_and_says_what_needs_attention(console: Client, boss: User) -> None:
    page = text(console, "/system/")

    places = [
        "people",
        "repositories",
        "environments",
        "runs",
        "queues",
        "audit",
        "health",
        "settings",
        "tokens",
    ]
    assert [place for place in places if f'<h2><a href="/system/{place}/">' not in page] == []
    assert '<h2><a href="/admin/">' in page
    assert "It does not answer." in page
    User.objects.filter(pk=boss.pk).update(is_staff=False)
    assert '<h2><a href="/admin/">' not in text(console, "/system/")


def test_repositories_tell_their_last_pull_and_are_pulled_from_there(console: Client) -> None:
    project = make_project(url="https://git.example.com/shop.git", slug="shop")
    Run.objects.create(
        project=project, kind="pull", status="failed", error_code="git-empty", error_params={"branch": "main"}
    )
    page = text(console, "/system/repositories/")

    assert "https://git.example.com/shop.git" in page
    assert "The repository is empty." in page
    assert 'action="/shop/pulls/start/"' in page
    console.post("/shop/pulls/start/")
    assert Run.objects.filter(project=project, kind="pull", status="queued").exists()


def test_environments_are_listed_though_a_stored_password_cannot_be_read(
    console: Client, settings: Any
) -> None:
    make_project()
    Connection.objects.update(password="a-password")
    settings.BISYNC_SECRET_KEYS = ["another-key-of-many-characters"]

    assert "Production" in text(console, "/system/environments/")


def test_runs_of_all_projects_are_narrowed_and_tried_again_where_one_looks(
    console: Client, boss: User
) -> None:
    shop, other = make_project(slug="shop"), make_project(slug="other")
    failed = Run.objects.create(project=shop, kind="pull", status="failed")
    Run.objects.create(project=other, kind="environment.deploy", status="succeeded")
    waiting = Run.objects.create(project=other, kind="pull", status="queued")

    every = console.get("/system/runs/").context["rows"]
    mine = console.get("/system/runs/?project=shop&status=failed&kind=pull")

    assert len(every) == 3
    assert [row[0] for row in mine.context["rows"]] == [failed]
    back = "/system/runs/?project=shop&amp;status=failed&amp;kind=pull"
    assert f'<input type="hidden" name="back" value="{back}">' in mine.content.decode()
    older = console.get(f"/system/runs/?before={waiting.pk}").context["rows"]
    assert waiting not in [row[0] for row in older]
    assert console.get("/system/runs/?status=nonsense").status_code == 422
    console.post(f"/shop/runs/{failed.pk}/retry/")
    console.post(f"/other/runs/{waiting.pk}/cancel/")
    assert Run.objects.filter(project=shop, status="queued").exists()
    waiting.refresh_from_db()
    assert waiting.status == "cancelled"


def test_a_publication_is_not_offered_to_an_operator_who_may_not_publish(console: Client) -> None:
    Run.objects.create(project=make_project(), kind="proposal.publish", status="failed")

    [(_run, _about, may_stop, may_repeat)] = console.get("/system/runs/").context["rows"]

    assert (bool(may_stop), bool(may_repeat)) == (True, False)


def test_tokens_of_everybody_are_listed_and_revoked(console: Client) -> None:
    maya = make_user("Maya Chen")
    token, words = token_create(user=maya, name="nightly export", scopes=["read"], days=9)
    page = text(console, "/system/tokens/")

    assert "nightly export" in page
    assert words not in page
    answer = console.post(f"/system/people/{maya.pk}/tokens/{token.pk}/revoke/", {"back": "/system/tokens/"})
    assert answer["Location"] == "/system/tokens/"
    assert not ApiToken.objects.get().usable
    assert list(console.get("/system/tokens/").context["tokens"]) == []


def test_roles_in_many_projects_are_read_at_once(django_assert_num_queries: Any) -> None:
    projects = [make_project() for _ in range(3)]
    user = make_member(projects[0], Role.VIEWER)
    with django_assert_num_queries(1):
        learn_roles(user, projects)
        assert [roles_of(user, project) for project in projects] == [{"viewer"}, set(), set()]


@pytest.mark.parametrize("path", ["/system/health/", "/system/queues/"])
def test_what_is_swapped_in_again_and_again_keeps_the_focus_and_says_no_time_aloud(
    console: Client, data_dir: Path, path: str
) -> None:
    project = make_project()
    failed_run("pull", "git-unreachable", {"words": "No such host"})
    failed_run("pull", runs.WorkerLost.code, {"attempts": "3"})
    for status in ("queued", "running"):
        Run.objects.create(project=project, kind="pull", status=status, lease_until=timezone.now())

    part = console.get(path, headers={"hx-request": "true"}).content.decode()
    focusable = re.findall(r"<(?:a|button|div)\b[^>]*(?:href|tabindex)=[^>]*>|<button[^>]*>", part)
    ids = re.findall(r' id="([^"]+)"', part)

    assert len(focusable) > 3
    assert [tag for tag in focusable if ' id="' not in tag] == []
    assert len(ids) == len(set(ids))
    assert re.findall(r'<p role="status">[^<]+</p>', part) or path == "/system/queues/"
    assert not re.search(r'<div[^>]*role="status"', part)
