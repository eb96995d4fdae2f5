"""The stock admin: every model, uniform, quick, and with no way around the actions."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import connection, models
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from bisync.lib.admin import ActedAdmin, ReadOnlyAdmin, Uniform
from catalog.models import Change, Edge, Group, NodeLineage, NodeTest, Outcome, Uploaded
from catalog.search import index
from environments.models import (
    BuildSchedule,
    Deployment,
    Environment,
    Finding,
    FreshnessSchedule,
    MetricSeries,
)
from governance import actions, chain
from governance.models import Answered, AuditEvent, Membership, PasswordLink, Project, User
from governance.roles import Role
from notify.models import Announced, Following, Notification, Silence
from proposals.actions.authoring import draft_save
from proposals.models import Check, Comment, Conflict, HandEdit, Proposal, Review
from semantic.models import Usage
from tests.architecture.test_urls import World, signed_in
from tests.factories import FIELDS, make_environment, make_member, make_project, make_user
from workspace.actions import queue_drain
from workspace.models import (
    Connection,
    Delivery,
    PullSchedule,
    Queue,
    Repository,
    Run,
    RunCommand,
    SyncSettings,
)

pytestmark = pytest.mark.django_db

OURS = [model for model in apps.get_models() if not model.__module__.startswith("django.")]
REGISTERED = sorted(admin.site._registry.items(), key=lambda pair: pair[0]._meta.label)
EDITABLE = {User, Membership, Repository, Environment}
# What has no page of its own in the product: parts of what dbt wrote, and of requests.
WITHOUT_PAGE = {
    "Answered",
    "Artifact",
    "Change",
    "Column",
    "Edge",
    "Finding",
    "Group",
    "MetricSeries",
    "NodeLineage",
    "NodeTest",
    "Outcome",
    "Uploaded",
} | {*("Delivery", "Usage", "Revision", "LogEntry", "Announced", "Following", "Silence")}
MOST = 15
MOST_ON_A_RECORD = 22


@pytest.fixture
def boss() -> User:
    return User.objects.create_superuser("boss@example.com", name="Boss")


@pytest.fixture
def client(boss: User) -> Client:
    return signed_in(boss)


def furnish(world: World, boss: User) -> None:
    """A row of everything that the world does not have by itself."""
    project, now = world.project, timezone.now()
    draft_save(item=project.proposals.get().items.get(), fields=FIELDS, version=1, actor=world.author)
    node = project.nodes.get()
    snapshot = project.snapshots.first()
    assert snapshot is not None
    Change.objects.create(
        project=project, snapshot=snapshot, unique_id=node.unique_id, name="a", kind="added"
    )
    NodeLineage.objects.create(node=node, key="x")
    HandEdit.objects.create(proposal=project.proposals.get(), path="a.yml", person=world.author)
    Uploaded.objects.create(
        project=project,
        environment="prod",
        name="catalog.json",
        artifact=snapshot.manifest,
        generated_at=now,
        by=world.author,
    )
    Outcome.objects.create(
        project=project, environment="prod", unique_id="test.x", state="ok", status="pass", at=now, since=now
    )
    index.bring(project)
    NodeTest.objects.create(project=project, unique_id="test.x", node=node, name="not_null", kind="not_null")
    Edge.objects.create(project=project, parent="model.a", child="model.b")
    Group.objects.create(project=project, name="finance")
    definition = project.definitions.get()
    Usage.objects.create(project=project, definition=definition, kind="exposure", key="k", label="Board")
    Finding.objects.create(
        project=project, level="warn", kind="unreadable", unique_id="metric.a", name="a", since=now
    )
    environment = make_environment(project)
    live = Deployment.objects.create(environment=environment, number=1, commit="a" * 40, reason="First")
    MetricSeries.objects.create(deployment=live, metric="revenue")
    environment.live = live
    environment.save()
    proposal = project.proposals.latest("id")
    Proposal.objects.filter(pk=proposal.pk).update(title="Refund share")
    Review.objects.create(proposal=proposal, person=world.author, verdict="approve", content_hash="x")
    Check.objects.create(proposal=proposal, kind="rules", content_hash="x")
    Comment.objects.create(proposal=proposal, author=world.author, body="Hello")
    Conflict.objects.create(item=proposal.items.get(), field="label", theirs="Refunds")
    PasswordLink.objects.create(
        user=make_user(), digest=f"{project.pk:064}", made_by=boss, expires_at=now + timedelta(days=1)
    )
    Answered.objects.create(user=world.author, key=f"key-{project.pk}", request_digest="x")
    chain.verify(anew=True)
    Notification.objects.create(
        person=world.author,
        project=project,
        event=AuditEvent.objects.latest("id"),
        notice="proposal.approved",
        thread=f"proposal:{proposal.pk}",
        url=proposal.get_absolute_url(),
        at=now,
    )
    Following.objects.create(person=world.author, thread=f"proposal:{proposal.pk}")
    Silence.objects.create(person=world.author, kind="comments")
    Announced.objects.get_or_create(pk=1)
    PullSchedule.objects.create(project=project, every="day", next_at=now)
    BuildSchedule.objects.create(environment=environment, every="day", next_at=now)
    SyncSettings.objects.create(project=project, chosen={"documentation.conflicts": "dbt"})
    FreshnessSchedule.objects.create(environment=environment, every="hours", next_at=now)
    Delivery.objects.create(repository=project.repository, digest="x", forge="github", outcome="ping")
    admin.models.LogEntry.objects.log_actions(boss.pk, [project], 2, single_object=True)


@pytest.fixture
def furnished(boss: User) -> World:
    world = World()
    furnish(world, boss)
    queue_drain(queue=Queue.HEAVY, reason="The server moves.", actor=boss)
    Connection.objects.update(password="a-password", host="db.example.com")
    return world


def path_of(model: type[models.Model], verb: str = "changelist", *arguments: object) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{verb}", args=arguments)


def looked_at(client: Client, path: str, *, most: int) -> Any:
    with CaptureQueriesContext(connection) as captured:
        answer = client.get(path)
    assert answer.status_code == 200, (path, answer.status_code, answer.get("Location"))
    assert len(captured) <= most, path + "\n" + "\n".join(q["sql"][:200] for q in captured)
    return answer


def test_every_model_is_there_and_all_are_uniform() -> None:
    assert [model for model in OURS if not admin.site.is_registered(model)] == []
    assert [model for model, site in REGISTERED if not isinstance(site, Uniform)] == []
    assert {model for model, site in REGISTERED if isinstance(site, ActedAdmin)} == EDITABLE
    assert [model for model, site in REGISTERED if not site.search_fields] == []
    related = [
        model
        for model, site in REGISTERED
        if any(isinstance(field, models.ForeignKey) for field in model._meta.fields)
        and not site.list_select_related
        and model is not Project
    ]
    assert related == []
    pageless = {model.__name__ for model, _site in REGISTERED if not hasattr(model, "get_absolute_url")}
    assert pageless == WITHOUT_PAGE


def test_every_list_search_filter_and_record_is_shown_with_few_queries(
    client: Client, furnished: World
) -> None:
    client.get("/admin/")
    for model, _site in REGISTERED:
        if model is admin.models.LogEntry:
            looked_at(client, "/admin/admin/logentry/", most=MOST)
            continue
        path = path_of(model)
        page = looked_at(client, path, most=MOST)
        listed = page.context["cl"]
        assert listed.result_count, f"there is no {model.__name__} to look at"
        looked_at(client, f"{path}?q=e", most=MOST)
        for spec in listed.filter_specs:
            for choice in list(spec.choices(listed))[1:2]:
                looked_at(client, path + choice["query_string"], most=MOST)
        record = listed.result_list[0]
        shown = looked_at(client, path_of(model, "change", record.pk), most=MOST_ON_A_RECORD)
        if hasattr(model, "get_absolute_url"):
            address = record.get_absolute_url().replace("&", "&amp;")
            assert f'href="{address}"' in page.content.decode(), model
            assert f'<a href="{address}" class="viewsitelink">' in shown.content.decode(), model


@pytest.mark.parametrize("model", [AuditEvent, Run, RunCommand])
def test_no_list_of_what_grows_for_ever_looks_at_every_row(
    client: Client, furnished: World, model: type[models.Model]
) -> None:
    with CaptureQueriesContext(connection) as captured:
        client.get(path_of(model))

    assert [query["sql"] for query in captured if "MIN(" in query["sql"] or "DISTINCT" in query["sql"]] == []


def test_a_longer_list_asks_no_more(client: Client, furnished: World, boss: User) -> None:
    def counts() -> dict[str, int]:
        found = {}
        for model, _site in REGISTERED:
            with CaptureQueriesContext(connection) as captured:
                assert client.get(path_of(model)).status_code == 200
            found[model._meta.label] = len(captured)
        return found

    client.get("/admin/")
    before = counts()
    for _number in range(2):
        furnish(World(), boss)
    after = counts()

    assert {label: (before[label], after[label]) for label in before if after[label] > before[label]} == {}


def test_what_actions_own_can_be_neither_added_nor_changed_nor_deleted(
    client: Client, furnished: World
) -> None:
    for model, site in REGISTERED:
        if model in EDITABLE:
            continue
        assert isinstance(site, ReadOnlyAdmin), model
        record = model._base_manager.all()[0]
        answers = {
            "add": client.post(path_of(model, "add")).status_code,
            "change": client.post(path_of(model, "change", record.pk), {"name": "x"}).status_code,
            "delete": client.post(path_of(model, "delete", record.pk), {"post": "yes"}).status_code,
        }
        assert answers == dict.fromkeys(answers, 403), model
        assert model._base_manager.filter(pk=record.pk).exists()


def test_no_secret_is_on_any_page(client: Client, furnished: World) -> None:
    repository = Repository.objects.get()
    repository.password = "the-password-of-git"
    repository.save()
    Run.objects.update(token="the-token-of-a-worker")
    secrets = ["the-password-of-git", "a-password", "the-token-of-a-worker"]
    secrets += [PasswordLink.objects.get().digest, furnished.author.password]
    for model, _site in REGISTERED:
        for record in model._base_manager.all()[:3]:
            page = client.get(path_of(model, "change", record.pk)).content.decode()
            assert [secret for secret in secrets if secret in page] == [], model


def test_a_warehouse_whose_password_no_key_opens_can_be_looked_at(
    client: Client, furnished: World, settings: Any
) -> None:
    settings.BISYNC_SECRET_KEYS = ["another-key-of-many-characters"]
    for model in (Connection, Environment, Repository):
        record = model._base_manager.only("pk").all()[0]
        assert client.get(path_of(model)).status_code == 200
        assert client.get(path_of(model, "change", record.pk)).status_code == 200


# -- What can be changed --------------------------------------------------------------------------------


def posted(client: Client, path: str, **values: object) -> str:
    answer = client.post(path, values, follow=True)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def test_a_repository_is_changed_by_the_pages_action_and_refused_beside_the_field(client: Client) -> None:
    project = make_project(url="https://git.example.com/shop.git")
    path = path_of(Repository, "change", project.repository.pk)
    values = {"url": "https://git.example.com/new.git", "branch": "release", "dbt_target": "prod"}

    refused = posted(client, path, **{**values, "url": "ext::sh -c id", "folder": "../.."})
    assert "This is not an address that Bisync can use." in refused.split('id="id_url"')[0]
    assert "Name a folder inside the repository" in refused
    assert not AuditEvent.objects.filter(action="repository.changed").exists()

    assert "was changed successfully" in posted(client, path, **values)
    event = AuditEvent.objects.get(action="repository.changed")
    assert (event.actor and event.actor.name, event.after["branch"]) == ("Boss", "release")
    assert Repository.objects.get().branch == "release"


def test_an_environment_is_changed_by_the_pages_action_and_refused_beside_the_field(client: Client) -> None:
    project = make_project()
    other = make_project()
    staging = project.environments.get(slug="staging")
    path = path_of(Environment, "change", staging.pk)
    values = {
        "name": "Rehearsal",
        "slug": "staging",
        "kind": "staging",
        "connection": staging.connection_id,
        "dbt_target": "staging",
        "schema": "rehearsal",
        "variables": '{"sample": 0.5}',
        "position": 2,
    }

    refused = posted(client, path, **{**values, "kind": "production"})
    assert "Production is production already; a project has one." in refused
    theirs = posted(client, path, **{**values, "connection": other.connections.get().pk})
    assert "Select a valid choice." in theirs
    staging.refresh_from_db()
    assert staging.name == "Staging"

    assert "was changed successfully" in posted(client, path, **values)
    staging.refresh_from_db()
    assert (staging.name, staging.variables) == ("Rehearsal", {"sample": 0.5})
    assert AuditEvent.objects.get(action="environment.changed").before["name"] == "Staging"


def test_a_role_is_changed_and_the_last_admin_stays(client: Client, boss: User) -> None:
    project = make_project()
    maya = make_member(project, Role.CONTRIBUTOR, name="Maya Chen")
    hers = Membership.objects.get(user=maya)
    admins = Membership.objects.get(project=project, role=Role.ADMIN)

    posted(client, path_of(Membership, "change", hers.pk), role="reviewer")
    assert set(Membership.objects.filter(user=maya).values_list("role", flat=True)) == {"reviewer"}
    assert AuditEvent.objects.filter(action__startswith="role.", actor=boss).count() == 2

    told = posted(client, path_of(Membership, "change", admins.pk), role="viewer")
    assert "A project needs an admin." in told
    assert Membership.objects.filter(pk=admins.pk, role=Role.ADMIN).exists()

    mine = posted(client, path_of(Membership, "add"), project=project.pk, user=boss.pk, role="publisher")
    assert "Nobody gives rights to themselves." in mine
    assert not Membership.objects.filter(user=boss).exists()


def test_people_are_added_and_changed_by_the_pages_actions(client: Client, boss: User) -> None:
    told = posted(client, path_of(User, "add"), email="New@example.com", name="New Person")
    assert "was added successfully" in told
    person = User.objects.get(email="new@example.com")
    assert f'<a href="/system/people/{person.pk}/">their page</a>' in told
    assert not person.joined
    path = path_of(User, "change", person.pk)

    refused = posted(client, path, name="New Person", is_active="on", is_superuser="on")
    assert "has to sign in once before that" in refused
    posted(client, path, name="Renamed Person")
    person.refresh_from_db()
    assert (person.name, person.is_active) == ("Renamed Person", False)
    done = AuditEvent.objects.filter(actor=boss).order_by("id").values_list("action", flat=True)
    assert list(done) == ["person.created", "person.changed", "person.deactivated"]

    itself = posted(client, path_of(User, "change", boss.pk), name="Boss", is_superuser="on")
    assert "Nobody does this to themselves." in itself
    boss.refresh_from_db()
    assert boss.is_active


def as_shown(client: Client, path: str) -> dict[str, object]:
    """What a browser sends of a form that nobody has changed."""
    form = client.get(path).context["adminform"].form
    now = {box.html_name: box.value() for box in form}
    return {name: value for name, value in now.items() if value is not False} | {
        box.html_initial_name: box.value() for box in form if box.field.show_hidden_initial
    }


def test_a_page_that_was_opened_before_somebody_else_changed_the_person_changes_nothing(
    client: Client, boss: User
) -> None:
    person = make_user("Maya Chen")
    path = path_of(User, "change", person.pk)
    page = client.get(path).content.decode()
    shown = as_shown(client, path)
    assert shown["initial-is_active"] is True
    assert page.count('name="initial-') == 3
    actions.person_deactivate(person=person, actor=boss)

    refused = posted(client, path, **{**shown, "name": "Maya C."})
    assert "Somebody changed Maya Chen since this page was opened." in refused
    person.refresh_from_db()
    assert (person.is_active, person.name) == (False, "Maya Chen")

    actions.person_reactivate(person=person, actor=boss)
    actions.operator_appoint(person=person, actor=boss)
    stale = as_shown(client, path)
    actions.operator_dismiss(person=person, actor=boss)
    assert "Somebody changed Maya Chen" in posted(client, path, **stale)
    person.refresh_from_db()
    assert not person.is_superuser

    assert "was changed successfully" in posted(client, path, **{**as_shown(client, path), "name": "Maya C."})
    person.refresh_from_db()
    assert (person.is_active, person.name) == (True, "Maya C.")


def test_a_name_stays_one_line(client: Client) -> None:
    person = make_user("Maya Chen")
    path = path_of(User, "change", person.pk)

    told = posted(client, path, **{**as_shown(client, path), "name": "Maya\u202eChen"})

    assert "Write it on one line" in told
    person.refresh_from_db()
    assert person.name == "Maya Chen"


def test_roles_that_somebody_else_changes_at_once_are_refused(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_project()
    maya = make_member(project, Role.CONTRIBUTOR, name="Maya Chen")
    hers = Membership.objects.get(user=maya)
    really = actions.roles_set

    def after_somebody_else(**asked: Any) -> Any:
        Membership.objects.create(project=project, user=maya, role=Role.AUDITOR)
        return really(**asked)

    monkeypatch.setattr(actions, "roles_set", after_somebody_else)
    told = posted(client, path_of(Membership, "change", hers.pk), role="reviewer")

    assert "Somebody changed Maya Chen since" in told
    assert set(maya.memberships.values_list("role", flat=True)) == {"contributor", "auditor"}


def test_there_is_no_way_to_set_somebodys_password_here(client: Client, furnished: World) -> None:
    before = User.objects.get(pk=furnished.author.pk).password

    for rest in ("password/", "change/password/"):
        client.post(f"/admin/governance/user/{furnished.author.pk}/{rest}", {"password1": "x" * 20})
    client.post(
        path_of(User, "change", furnished.author.pk), {"name": "X", "password": "y", "is_active": "on"}
    )

    assert User.objects.get(pk=furnished.author.pk).password == before
    assert client.get("/admin/password_change/")["Location"] == "/account/password/"


# -- What can be done -----------------------------------------------------------------------------------


def chosen(client: Client, model: type[models.Model], action: str, *records: Any) -> str:
    return posted(client, path_of(model), action=action, _selected_action=[record.pk for record in records])


@pytest.mark.parametrize("model", [Project, Repository])
def test_projects_and_repositories_are_pulled(client: Client, boss: User, model: Any) -> None:
    projects = [make_project(url=f"https://git.example.com/{name}.git") for name in "ab"]

    told = chosen(client, model, "pull", *model.objects.all())

    assert "Done: 2." in told
    waiting = Run.objects.filter(kind="pull", status="queued")
    assert {run.project for run in waiting} == set(projects)
    assert AuditEvent.objects.filter(action="pull.requested", actor=boss).count() == 2


def test_runs_are_cancelled_and_tried_again_as_on_their_page(client: Client, boss: User) -> None:
    project = make_project()
    waiting = Run.objects.create(project=project, kind="pull", subject="1")
    done = Run.objects.create(project=project, kind="pull", subject="2", status="succeeded")
    failed = Run.objects.create(project=project, kind="pull", subject="3", status="failed")
    published = Run.objects.create(project=project, kind="proposal.publish", status="failed")

    cancelled = chosen(client, Run, "cancel", waiting, done)
    assert "Done: 1." in cancelled
    assert f"There is nothing to stop: Pull #{done.pk} has ended." in cancelled
    waiting.refresh_from_db()
    assert waiting.status == "cancelled"

    again = chosen(client, Run, "retry", done, failed, published)
    assert "Done: 1." in again
    assert "There is nothing to repeat" in again
    assert "Your role in this project does not let you publish proposals." in again
    assert Run.objects.filter(status="queued").get().subject == "3"
    assert AuditEvent.objects.get(action="run.retried").actor == boss


def test_staff_who_are_no_administrators_find_nothing_there() -> None:
    staff = make_user()
    User.objects.filter(pk=staff.pk).update(is_staff=True)

    client = signed_in(staff)

    assert client.get("/admin/").status_code == 200
    assert {client.get(path_of(model)).status_code for model, _site in REGISTERED} == {403}
