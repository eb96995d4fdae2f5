"""Connecting, shaping environments, asking for deployments, and the switch itself."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from bisync.lib.errors import InvalidInput, NotAllowed
from environments.actions import (
    LiveMoved,
    NewProject,
    NothingToDeploy,
    deployment_go_live,
    deployment_request,
    environment_save,
    project_connect,
)
from environments.models import RESERVED_SLUGS, Deployment, Environment
from governance.models import AuditEvent, Project, User
from governance.roles import Role
from tests.factories import make_environment, make_member, make_operator, make_project
from tests.threads import at_once
from workspace import runs
from workspace.models import Artifact, Connection, Repository, Run

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    return make_project(url="https://git.example.com/shop.git")


@pytest.fixture
def admin(project: Project) -> User:
    return make_member(project, Role.ADMIN)


@pytest.fixture
def production(project: Project) -> Environment:
    return make_environment(project)


# -- Connecting -----------------------------------------------------------------------------------------

NEW = {"name": "Shop", "slug": "shop", "url": "https://git.example.com/shop.git", "branch": "main"}


def test_connecting_makes_all_that_a_project_needs_and_asks_for_its_first_pull() -> None:
    person = make_operator()

    project = project_connect(new=NewProject(**NEW, password="hidden"), actor=person)

    repository = Repository.objects.get(project=project)
    assert (repository.url, repository.branch, repository.password) == (NEW["url"], "main", "hidden")
    assert repository.connection == Connection.objects.get(project=project)
    found = Environment.objects.filter(project=project).values_list("slug", "kind", "schema", "dbt_target")
    assert list(found) == [
        ("dev", "development", "analytics_dev", "dev"),
        ("staging", "staging", "analytics_staging", "staging"),
        ("prod", "production", "analytics", "prod"),
    ]
    assert Run.objects.get().kind == "pull"
    assert set(AuditEvent.objects.values_list("actor", flat=True)) == {person.pk}


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"slug": "admin"}, "slug"),
        ({"slug": "Shop"}, "slug"),
        ({"slug": "1shop"}, "slug"),
        ({"url": "ext::sh -c id"}, "url"),
        ({"url": "--upload-pack=id"}, "url"),
        ({"branch": "-x"}, "branch"),
        ({"folder": "../other"}, "folder"),
        ({"folder": ".git/hooks"}, "folder"),
        ({"schema": "drop table"}, "schema"),
        ({"adapter": "postgres"}, "host"),
        ({"adapter": "oracle"}, "adapter"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field_and_nothing_is_made(
    typed: dict[str, str], field: str
) -> None:
    person = make_operator()

    with pytest.raises(InvalidInput) as caught:
        project_connect(new=NewProject(**{**NEW, **typed}), actor=person)

    assert field in caught.value.fields
    assert not Project.objects.exists()
    assert not Run.objects.exists()
    assert not AuditEvent.objects.exists()


# -- Shaping --------------------------------------------------------------------------------------------


def test_only_admins_shape_environments(project: Project, production: Environment) -> None:
    others = make_member(project, *(set(Role) - {Role.ADMIN}))

    with pytest.raises(NotAllowed):
        environment_save(environment=production, values={"name": "Live"}, actor=others)


def test_a_change_is_kept_and_noted_with_what_was_there(production: Environment, admin: User) -> None:
    environment_save(environment=production, values={"name": "Live", "variables": {"scale": 2}}, actor=admin)

    production.refresh_from_db()
    assert (production.name, production.variables) == ("Live", {"scale": 2})
    event = AuditEvent.objects.get(action="environment.changed")
    assert (event.before["name"], event.after["name"]) == ("Production", "Live")
    assert (event.before["variables"], event.after["variables"]) == ({}, {"scale": 2})


@pytest.mark.parametrize(
    ("values", "field"),
    [
        *(({"slug": slug}, "slug") for slug in sorted(RESERVED_SLUGS)),
        ({"slug": "Prod"}, "slug"),
        ({"slug": ""}, "slug"),
        ({"variables": [1, 2]}, "variables"),
        ({"variables": "scale: 1"}, "variables"),
        ({"schema": "my schema"}, "schema"),
        ({"schema": 'x"; drop schema public; --'}, "schema"),
        ({"schema": ""}, "schema"),
        ({"dbt_target": "--target"}, "dbt_target"),
        ({"kind": "playground"}, "kind"),
        ({"kind": "production"}, "kind"),
    ],
)
def test_what_cannot_be_is_said_beside_its_field(
    project: Project, admin: User, values: dict[str, object], field: str
) -> None:
    staging = Environment.objects.get(project=project, slug="staging")

    with pytest.raises(InvalidInput) as caught:
        environment_save(environment=staging, values=values, actor=admin)

    assert list(caught.value.fields) == [field]
    assert Environment.objects.get(pk=staging.pk).name == "Staging"


@pytest.mark.parametrize("values", [{"slug": "prod"}, {"schema": "analytics"}])
def test_two_environments_share_neither_address_nor_schema(
    project: Project, admin: User, values: dict[str, str]
) -> None:
    staging = Environment.objects.get(project=project, slug="staging")

    with pytest.raises(InvalidInput, match="already exists"):
        environment_save(environment=staging, values=values, actor=admin)


FORM = {
    "name": "Lab",
    "slug": "lab",
    "kind": "development",
    "dbt_target": "lab",
    "schema": "lab",
    "position": "9",
}


def test_the_form_adds_an_environment(client: Any, project: Project, admin: User) -> None:
    client.force_login(admin)
    connection = Connection.objects.get(project=project)

    answer = client.post(
        f"/{project.slug}/environments/new/", {**FORM, "connection": connection.pk, "variables": '{"a": 1}'}
    )

    assert answer.status_code == 302
    assert Environment.objects.get(slug="lab").variables == {"a": 1}


@pytest.mark.parametrize("typed", ["", "{}"])
def test_variables_can_be_taken_away_again(
    client: Any, project: Project, admin: User, production: Environment, typed: str
) -> None:
    Environment.objects.filter(pk=production.pk).update(variables={"a": 1})
    client.force_login(admin)
    values = {**FORM, "slug": "prod", "kind": "production", "connection": production.connection_id}

    answer = client.post(f"/{project.slug}/environments/prod/", {**values, "variables": typed})

    assert answer.status_code == 302
    assert Environment.objects.get(pk=production.pk).variables == {}


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"variables": "[1]"}, "Write an object such as"),
        ({"variables": "{"}, "valid JSON"),
        ({"slug": "runs"}, "is used by Bisync itself"),
        ({"slug": "prod"}, "already exists"),
        ({"kind": "production"}, "Production is production already"),
    ],
)
def test_the_form_says_what_is_wrong(
    client: Any, project: Project, admin: User, typed: dict[str, str], sentence: str
) -> None:
    client.force_login(admin)
    values = {**FORM, "connection": Connection.objects.get(project=project).pk, **typed}

    answer = client.post(f"/{project.slug}/environments/new/", values)

    assert answer.status_code == 422
    assert sentence in answer.content.decode()
    assert Environment.objects.count() == 3


def test_a_warehouse_of_another_project_cannot_be_chosen(client: Any, project: Project, admin: User) -> None:
    foreign = Connection.objects.get(project=make_project())
    client.force_login(admin)

    answer = client.post(f"/{project.slug}/environments/new/", {**FORM, "connection": foreign.pk})

    assert answer.status_code == 422
    assert Environment.objects.filter(project=project).count() == 3


# -- Asking for a deployment ----------------------------------------------------------------------------


def asked(environment: Environment, commit: str = "c1", **options: Any) -> Deployment:
    return deployment_request(
        environment=environment, commit=commit, reason="Because", **{"actor": None, **options}
    )


def test_a_deployment_is_a_numbered_version_that_a_run_will_build(production: Environment) -> None:
    publisher = make_member(production.project, Role.PUBLISHER)

    first = asked(production, actor=publisher, affected=["b", "a", "a"])
    second = asked(production, "c2")

    assert (first.number, second.number) == (1, 2)
    assert (first.status, first.commit, first.affected) == ("planned", "c1", ["a", "b"])
    run = Run.objects.get()  # one at a time builds what waits for an environment
    assert first.run == second.run == run
    assert (run.kind, run.params) == ("environment.deploy", {"environment": production.pk})
    event = AuditEvent.objects.filter(action="deployment.requested").order_by("id").first()
    assert event is not None
    assert (event.actor, event.project) == (publisher, production.project)


def test_only_publishers_deploy(production: Environment) -> None:
    others = make_member(production.project, *(set(Role) - {Role.PUBLISHER}))

    with pytest.raises(NotAllowed):
        asked(production, actor=others)


def test_there_is_nothing_to_deploy_before_the_first_pull(client: Any, production: Environment) -> None:
    client.force_login(make_member(production.project, Role.PUBLISHER))

    answer = client.post(f"/{production.project.slug}/environments/prod/deploy/")

    assert answer.status_code == 409
    assert "Pull from the repository first" in answer.content.decode()
    with pytest.raises(NothingToDeploy):
        asked(production, "")


def test_production_asks_once_and_again_where_another_commit_came_meanwhile(
    client: Any, production: Environment
) -> None:
    Repository.objects.update(synced_commit="a" * 40)
    client.force_login(make_member(production.project, Role.PUBLISHER))
    place = f"/{production.project.slug}/environments/"

    listed = client.get(place).content.decode()
    question = client.get(f"{place}prod/deploy/")
    Repository.objects.update(synced_commit="b" * 40)
    moved = client.post(f"{place}prod/deploy/", {"commit": "a" * 40})
    assert not Deployment.objects.exists()
    done = client.post(f"{place}prod/deploy/", {"commit": "b" * 40})

    assert f'href="{place}prod/deploy/"' in listed
    assert f'action="{place}staging/deploy/"' in listed
    assert "Deploy to Production?" in question.content.decode()
    assert f'name="commit" value="{"a" * 40}"' in question.content.decode()
    assert (moved.status_code, "pulled meanwhile" in moved.content.decode()) == (409, True)
    assert done.status_code == 302
    assert Deployment.objects.get().commit == "b" * 40


def test_whoever_may_not_deploy_is_not_asked(client: Any, production: Environment) -> None:
    Repository.objects.update(synced_commit="a" * 40)
    client.force_login(make_member(production.project, Role.VIEWER))

    assert client.get(f"/{production.project.slug}/environments/prod/deploy/").status_code == 403


@pytest.mark.django_db(transaction=True)
def test_versions_asked_for_at_once_have_different_numbers(production: Environment) -> None:
    made = at_once(*[lambda: asked(production)] * 6)

    assert sorted(deployment.number for deployment in made) == [1, 2, 3, 4, 5, 6]
    assert Run.objects.count() == 1


# -- Going live -----------------------------------------------------------------------------------------


def built(environment: Environment, commit: str = "c1") -> Deployment:
    deployment = asked(environment, commit)
    Deployment.objects.filter(pk=deployment.pk).update(
        status="applying", manifest=Artifact.keep("manifest.json", b"{}")
    )
    deployment.refresh_from_db()
    return deployment


def live_of(environment: Environment) -> Deployment | None:
    return Environment.objects.get(pk=environment.pk).live


def test_going_live_moves_the_pointer_and_replaces_what_was_live(production: Environment) -> None:
    first, second = built(production), built(production, "c2")

    deployment_go_live(deployment=first, onto=None)
    deployment_go_live(deployment=second, onto=first)

    assert live_of(production) == second
    assert list(Deployment.objects.order_by("number").values_list("status", flat=True)) == [
        "superseded",
        "live",
    ]
    event = AuditEvent.objects.filter(action="deployment.live").first()
    assert event is not None
    assert (event.before, event.after) == ({"version": 1}, {"version": 2, "commit": "c2"})


def test_a_version_built_on_one_that_is_not_live_any_more_does_not_replace_the_new_one(
    production: Environment,
) -> None:
    first, second, third = built(production), built(production), built(production)
    deployment_go_live(deployment=first, onto=None)
    deployment_go_live(deployment=second, onto=first)

    for stale in (first, None):
        with pytest.raises(LiveMoved, match="another version"):
            deployment_go_live(deployment=third, onto=stale)

    assert live_of(production) == second
    third.refresh_from_db()
    assert third.status == "applying"


@pytest.mark.django_db(transaction=True)
def test_of_two_versions_that_go_live_at_once_one_does(production: Environment) -> None:
    first = built(production)
    deployment_go_live(deployment=first, onto=None)
    rivals = [built(production), built(production)]

    outcomes = at_once(*[lambda r=rival: deployment_go_live(deployment=r, onto=first) for rival in rivals])  # type: ignore[misc]

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Deployment", "LiveMoved"]
    assert Deployment.objects.filter(status="live").count() == 1
    winner = next(outcome for outcome in outcomes if isinstance(outcome, Deployment))
    assert live_of(production) == winner


# -- When the run ends without them ---------------------------------------------------------------------


def test_a_deployment_whose_run_is_cancelled_while_it_waits_is_not_left_waiting(
    production: Environment,
) -> None:
    deployment = asked(production)

    runs.cancel(Run.objects.get())

    deployment.refresh_from_db()
    assert (deployment.status, deployment.error) == ("failed", "This was cancelled.")


def test_a_deployment_that_lost_three_workers_has_failed_and_the_live_one_stays(
    production: Environment,
) -> None:
    first = built(production)
    deployment_go_live(deployment=first, onto=None)
    deployment = built(production, "c2")
    Run.objects.filter(pk=deployment.run_id).update(
        status="running", attempt=3, lease_until=timezone.now() - timedelta(seconds=1)
    )

    runs.execute(deployment.run_id)

    deployment.refresh_from_db()
    assert deployment.status == "failed"
    assert "3 times" in deployment.error
    assert live_of(production) == first
    first.refresh_from_db()
    assert first.status == "live"


def test_a_form_that_is_older_than_the_environment_does_not_take_it_back() -> None:
    project = make_project(slug="shop")
    environment = make_environment(project)
    client = Client()
    client.force_login(User.objects.get(name="Ada Admin"))
    place = f"/shop/environments/{environment.slug}/"
    form = client.get(place).context["form"]
    typed = {field.name: "" if field.value() is None else field.value() for field in form}
    client.post(place, {**typed, "dbt_target": "theirs"})

    late = client.post(place, {**typed, "schema": "ours"})

    environment.refresh_from_db()
    assert (late.status_code, environment.dbt_target) == (422, "theirs")
    assert "to “theirs”" in late.content.decode()
    again = {**typed, "schema": "ours", "dbt_target": "theirs"}
    assert client.post(place, again).status_code == 302
