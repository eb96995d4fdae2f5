"""Every address, including those that will be added: who gets in, by which method, and what a look changes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from governance.models import Project, User
from governance.roles import Role
from proposals.models import Proposal
from semantic.models import Definition
from tests.factories import make_member, make_project, make_proposal, make_snapshot, make_user
from workspace import runs
from workspace.models import RunCommand

pytestmark = pytest.mark.django_db

# Whoever is not signed in may come here, and nowhere else.
OPEN = {"sign-in"}
# Signing out needs nobody to be signed in; Django's admin has its own sign-in.
SIGN_OUT = "sign-out"


def patterns(
    resolver: URLResolver | None = None, names: tuple[str, ...] = ()
) -> Iterator[tuple[str, set[str]]]:
    """The name and the arguments of every address that is ours."""
    for entry in (resolver or get_resolver()).url_patterns:
        found = (*names, *entry.pattern.converters)
        if isinstance(entry, URLResolver):
            if entry.app_name != "admin":
                yield from patterns(entry, found)
        else:
            assert isinstance(entry, URLPattern)
            assert entry.name, f"{entry.pattern} has no name"
            yield entry.name, set(found)


ALL = sorted((name, tuple(sorted(arguments))) for name, arguments in patterns())
OF_A_PROJECT = [(name, arguments) for name, arguments in ALL if "project" in arguments]
# Those that name something inside the project which another project may have as well.
OF_A_THING = [(n, a) for n, a in OF_A_PROJECT if {"pk", "number", "name", "command"} & set(a)]


class World:
    """A project in which every address leads somewhere, and the addresses."""

    def __init__(self) -> None:
        self.project = make_project(url="https://git.example.com/shop.git")
        self.author = make_member(self.project, *Role, name="Maya Chen")
        run = runs.request(kind="pull", project=self.project)
        command = RunCommand.objects.create(run=run, name="dbt parse", started_at=timezone.now())
        snapshot = make_snapshot(self.project, {}, {})
        for _ in range(self.project.pk % 5):
            make_proposal(self.project, author=self.author, fields=None)  # so that numbers differ
        Definition.objects.create(
            project=self.project, name=f"revenue_{self.project.pk}", state="published", unique_id="metric.x"
        )
        self._values: dict[str, Any] = {
            "project": self.project.slug,
            "environment": "prod",
            "slug": "prod",
            "name": f"revenue_{self.project.pk}",
            "number": make_proposal(self.project, author=self.author, fields=None).number,
            "command": command.pk,
            "pk": run.pk,
            "pull-detail": snapshot.pk,
        }

    def path(self, name: str, arguments: tuple[str, ...], **others: Any) -> str:
        values = {**self._values, **others}
        if name == "pull-detail":
            values["pk"] = values["pull-detail"]
        return reverse(name, kwargs={argument: values[argument] for argument in arguments})

    def of(self, other: World) -> dict[str, Any]:
        """The things of another project."""
        return {key: other._values[key] for key in ("pk", "number", "name", "command", "pull-detail")}


@pytest.fixture
def world() -> World:
    return World()


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def everything() -> dict[str, list[dict[str, Any]]]:
    """All that the database holds, sessions aside."""
    return {
        model._meta.label: list(model._base_manager.order_by("pk").values())
        for model in apps.get_models()
        if model is not Session
    }


def both(client: Client, path: str, **headers: Any) -> dict[str, int]:
    return {"GET": client.get(path).status_code, "POST": client.post(path).status_code}


def test_there_are_addresses_to_test() -> None:
    assert len(OF_A_PROJECT) > 20
    assert len(OF_A_THING) > 10


@pytest.mark.parametrize(("name", "arguments"), [entry for entry in ALL if entry[0] not in OPEN | {SIGN_OUT}])
def test_whoever_is_not_signed_in_is_sent_to_sign_in(
    world: World, client: Client, name: str, arguments: tuple[str, ...]
) -> None:
    path = world.path(name, arguments)
    before = everything()

    answers = [client.get(path), client.post(path)]

    let_in = [answer for answer in answers if answer.status_code != 405]
    assert let_in
    for answer in let_in:
        assert answer.status_code == 302
        assert answer.headers["Location"].startswith("/sign-in/?next=")
    assert everything() == before


@pytest.mark.parametrize("path", ["/admin/", "/admin/governance/user/", "/admin/governance/membership/add/"])
def test_the_admin_site_is_for_staff(client: Client, path: str) -> None:
    assert client.get(path).status_code == 302
    client.force_login(make_user())
    assert client.get(path).status_code == 302


@pytest.mark.parametrize(("name", "arguments"), OF_A_PROJECT)
def test_a_stranger_finds_no_such_project(world: World, name: str, arguments: tuple[str, ...]) -> None:
    stranger = signed_in(make_member(make_project(), *Role))
    before = everything()

    statuses = both(stranger, world.path(name, arguments))

    assert set(statuses.values()) <= {404, 405}
    assert 404 in statuses.values()
    assert everything() == before


@pytest.mark.parametrize(("name", "arguments"), OF_A_THING)
def test_what_belongs_to_another_project_is_not_found_in_mine(name: str, arguments: tuple[str, ...]) -> None:
    mine, theirs = World(), World()
    assert mine._values["number"] != theirs._values["number"]
    member = signed_in(mine.author)

    statuses = both(member, mine.path(name, arguments, **mine.of(theirs)))

    assert set(statuses.values()) <= {404, 405}


@pytest.mark.parametrize(("name", "arguments"), ALL)
def test_a_look_changes_nothing(world: World, name: str, arguments: tuple[str, ...]) -> None:
    member = signed_in(world.author)
    before = everything()

    status = member.get(world.path(name, arguments)).status_code

    assert status in {200, 302, 405}
    assert everything() == before


@pytest.mark.parametrize(("name", "arguments"), ALL)
def test_nothing_is_done_without_the_forms_token(world: World, name: str, arguments: tuple[str, ...]) -> None:
    member = Client(enforce_csrf_checks=True)
    member.force_login(world.author)
    before = everything()

    status = member.post(world.path(name, arguments)).status_code

    assert status in {403, 405}
    assert everything() == before


@pytest.mark.parametrize(("name", "arguments"), OF_A_PROJECT)
def test_a_viewer_looks_and_does_nothing(world: World, name: str, arguments: tuple[str, ...]) -> None:
    viewer = signed_in(make_member(world.project, Role.VIEWER))
    path = world.path(name, arguments)
    before = everything()

    statuses = both(viewer, path)

    assert statuses["GET"] in {200, 302, 403, 404, 405}
    assert statuses["POST"] in {403, 404, 405}
    assert everything() == before


def test_a_draft_is_its_authors_until_it_is_sent(world: World) -> None:
    other = signed_in(make_member(world.project, *Role))
    author = signed_in(world.author)
    path = reverse("proposal", args=[world.project.slug, world._values["number"]])

    assert (author.get(path).status_code, other.get(path).status_code) == (200, 404)
    Proposal.objects.update(submitted_at=timezone.now(), status="in_review")
    assert other.get(path).status_code == 200


def test_a_superuser_sees_every_project_and_others_only_theirs(world: World) -> None:
    boss = User.objects.create_superuser("boss@example.com", "a-long-enough-password", name="Boss")
    make_project()

    assert Project.objects.visible_to(boss).count() == 2
    assert list(Project.objects.visible_to(world.author)) == [world.project]
    assert list(Project.objects.visible_to(make_user())) == []


def test_somebody_with_several_roles_sees_a_project_once(world: World) -> None:
    assert Project.objects.visible_to(world.author).count() == 1
