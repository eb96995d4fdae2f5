"""What the database holds of a secret, and what happens without its key."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection

from bisync.lib.secrets import SecretUnreadable, redact
from governance.models import AuditEvent, Project
from governance.roles import Role
from tests.factories import make_member, make_project
from workspace.actions import connection_save, repository_connect
from workspace.models import Connection, Repository

pytestmark = pytest.mark.django_db

SECRET = "s3cr3t p@ss/wörd"


@pytest.fixture
def project() -> Project:
    return make_project(url="https://git.example.com/shop.git", username="bot", password=SECRET)


def stored() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT password FROM workspace_repository")
        return str(cursor.fetchone()[0])


def test_a_secret_comes_back_and_the_database_does_not_show_it(project: Project) -> None:
    assert Repository.objects.get().password == SECRET
    assert SECRET not in stored()
    assert stored().startswith("gAAAA")


def test_the_same_secret_never_looks_the_same(project: Project) -> None:
    before = stored()

    Repository.objects.get().save()
    Repository.objects.filter(project=project).update(password=SECRET)

    assert stored() != before


def test_no_secret_is_stored_as_none(project: Project) -> None:
    Repository.objects.update(password="")

    assert stored() == ""
    assert Repository.objects.get().password == ""


def test_another_key_opens_nothing_and_says_what_to_do(project: Project, settings: Any) -> None:
    settings.BISYNC_SECRET_KEYS = ["another key"]

    with pytest.raises(SecretUnreadable, match="Restore the old key or type it again"):
        _ = Repository.objects.get().password


def test_a_changed_byte_is_noticed(project: Project) -> None:
    token = stored()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE workspace_repository SET password = %s", [token[:-6] + "AAAAA="])

    with pytest.raises(SecretUnreadable):
        _ = Repository.objects.get().password


def test_a_new_key_goes_first_and_the_old_one_still_opens(project: Project, settings: Any) -> None:
    old = settings.BISYNC_SECRET_KEYS
    settings.BISYNC_SECRET_KEYS = ["new key", *old]
    assert Repository.objects.get().password == SECRET

    Repository.objects.update(password=Repository.objects.get().password)
    settings.BISYNC_SECRET_KEYS = ["new key"]

    assert Repository.objects.get().password == SECRET


def test_a_secret_whose_key_is_lost_can_be_typed_again(project: Project, settings: Any, client: Any) -> None:
    settings.BISYNC_SECRET_KEYS = ["another key"]
    admin = make_member(project, Role.ADMIN)
    client.force_login(admin)
    form = client.get(f"/{project.slug}/settings/repository/")
    assert form.status_code == 200
    assert SECRET not in form.content.decode()
    typed = {"url": "https://git.example.com/shop.git", "branch": "main", "dbt_target": "prod"}

    kept = client.post(f"/{project.slug}/settings/repository/", {**typed, "username": "robot"})
    assert kept.status_code == 302
    with pytest.raises(SecretUnreadable):  # an empty field keeps what is stored
        _ = Repository.objects.get().password
    client.post(f"/{project.slug}/settings/repository/", {**typed, "password": "new secret"})

    assert Repository.objects.get().password == "new secret"


@pytest.mark.parametrize(
    "path", ["", "environments/", "environments/prod/", "pulls/", "audit/", "prod/metrics/", "connect/"]
)
def test_a_warehouse_whose_key_is_lost_closes_no_page(
    project: Project, settings: Any, client: Any, path: str
) -> None:
    server = {"adapter": "postgres", "host": "db.example.com", "database": "shop", "user": "shop"}
    Connection.objects.update(**server, password=SECRET)
    settings.BISYNC_SECRET_KEYS = ["another key"]
    client.force_login(make_member(project, Role.ADMIN))

    assert client.get(f"/{project.slug}/{path}").status_code in {200, 302}


def test_an_empty_field_keeps_the_stored_secret(project: Project) -> None:
    admin = make_member(project, Role.ADMIN)
    values = {"url": "https://git.example.com/other.git", "branch": "main", "password": ""}

    repository_connect(project=project, values=values, actor=admin)

    repository = Repository.objects.get()
    assert (repository.url, repository.password) == ("https://git.example.com/other.git", SECRET)


def test_the_audit_log_holds_no_secret(project: Project) -> None:
    admin = make_member(project, Role.ADMIN)
    values = {"adapter": "postgres", "host": "db", "database": "shop", "user": "bi", "password": SECRET}
    connection_save(project=project, values={"name": "Server", **values}, actor=admin)
    repository_connect(
        project=project,
        values={"url": "https://git.example.com/shop.git", "branch": "main", "password": SECRET + "2"},
        actor=admin,
    )

    assert Connection.objects.get(name="Server").password == SECRET
    for event in AuditEvent.objects.all():
        assert SECRET not in f"{event.before}{event.after}"


def test_a_secret_is_struck_out_as_it_is_and_as_it_stands_in_an_address() -> None:
    text = f"cloning https://bot:s3cr3t%20p%40ss%2Fw%C3%B6rd@git.example.com failed: {SECRET} is wrong"

    struck = redact(text, [SECRET, ""])

    assert struck == "cloning https://bot:•••@git.example.com failed: ••• is wrong"


def test_a_secret_inside_a_longer_one_leaves_nothing_of_it() -> None:
    assert redact("abc abcdef", ["abc", "abcdef"]) == "••• •••"
