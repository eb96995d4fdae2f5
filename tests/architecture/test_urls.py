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

from catalog.models import Change, Column, Node, SavedView
from governance import audit
from governance.actions import token_create
from governance.models import Project, User
from governance.roles import Role
from proposals.models import Conflict, Proposal
from semantic.models import Definition
from tests.factories import make_hold, make_member, make_project, make_proposal, make_snapshot, make_user
from workspace import runs
from workspace.models import RunCommand

pytestmark = pytest.mark.django_db

# Whoever is not signed in may come here, and nowhere else.
OPEN = {"sign-in", "join"}
# Programs come here, who prove each time that they know a secret.
SIGNED = {"hook"}
# Signing out needs nobody to be signed in; Django's admin has its own sign-in.
SIGN_OUT = "sign-out"

Address = tuple[str, tuple[str, ...]]


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


ALL: list[Address] = sorted((name, tuple(sorted(arguments))) for name, arguments in patterns())
OF_A_PROJECT = [(name, arguments) for name, arguments in ALL if "project" in arguments]
# Those that name something inside the project which another project may have as well.
THINGS = {"pk", "number", "name", "command", "unique_id", "member", "key", "hold", "item"}
OF_A_THING = [(n, a) for n, a in OF_A_PROJECT if THINGS & set(a)]
OF_THE_INSTALLATION = [(name, arguments) for name, arguments in ALL if name.startswith("system")]


class World:
    """A project in which every address leads somewhere, and the addresses."""

    def __init__(self, *, drafts: int = 1) -> None:
        self.project = make_project(url="https://git.example.com/shop.git")
        self.author = make_member(self.project, *Role, name="Maya Chen")
        run = runs.request(kind="pull", project=self.project)
        command = RunCommand.objects.create(run=run, name="dbt parse", started_at=timezone.now())
        name = f"revenue_{self.project.pk}"
        Definition.objects.create(
            project=self.project,
            name=name,
            state="published",
            unique_id="metric.x",
            fields={"type": "simple"},
        )
        unique_id = f"model.shop.{name}"
        node = Node.objects.create(
            project=self.project, unique_id=unique_id, resource_type="model", name=name
        )
        measure = {"annotation": {"kind": "measure", "agg": "sum"}}
        Column.objects.create(node=node, name="amount", position=0, fields=measure)
        snapshot = make_snapshot(self.project, {}, {})
        made = [make_proposal(self.project, author=self.author, fields=None) for _ in range(drafts)]
        self.things: dict[str, Any] = {
            "name": name,
            "number": made[-1].number,
            "unique_id": f"model.shop.{name}",
            "column": "amount",
            "command": command.pk,
            "pk": run.pk,
            "pull-detail": snapshot.pk,
            "saved-view-delete": SavedView.objects.create(
                project=self.project, person=self.author, name="Mine", query="kind=model"
            ).pk,
            "renamed": Change.objects.create(
                project=self.project, snapshot=snapshot, unique_id=unique_id, renamed="x", kind="added"
            ).pk,
            "member": self.author.pk,
            "person": self.author.pk,
            "queue": "quick",
            "key": audit.key(made[-1]),
            "hold": make_hold(self.project).pk,
            "item": made[-1].items.get().pk,
            "conflict": Conflict.objects.create(item=made[-1].items.get(), field="formula").pk,
            "hook": "no-such-hook",
            "token": token_create(user=self.author, name="export", scopes=["read"], days=1)[0].pk,
        }

    def path(self, address: Address, things: dict[str, Any] | None = None) -> str:
        found = {**self.things, **(things or {})}
        found |= {"project": self.project.slug, "environment": "prod", "slug": "prod", "rest": "nowhere"}
        if address[0] in {"pull-detail", "api-pull", "api-pull-changes"}:
            found["pk"] = found["pull-detail"]
        if address[0] in {"renamed", "api-rename-settle"}:
            found["pk"] = found["renamed"]
        if address[0] in {"saved-view-delete", "api-saved-view-delete"}:
            found["pk"] = found["saved-view-delete"]
        return reverse(address[0], kwargs={argument: found[argument] for argument in address[1]})


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def boss() -> User:
    return User.objects.create_superuser("boss@example.com", "a-long-enough-password", name="Boss")


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


def both(client: Client, path: str) -> tuple[int, int]:
    """What a look and an empty form are answered."""
    return client.get(path).status_code, client.post(path).status_code


def test_there_are_addresses_to_test() -> None:
    assert len(OF_A_PROJECT) > 20
    assert len(OF_A_THING) > 10


def test_whoever_is_not_signed_in_is_sent_to_sign_in(world: World, client: Client) -> None:
    before = everything()

    let_in = []
    for address in ALL:
        if address[0] in {*OPEN, *SIGNED, SIGN_OUT}:
            continue
        path = world.path(address)
        answers = [answer for answer in (client.get(path), client.post(path)) if answer.status_code != 405]
        sent_away = [
            a.status_code == 401
            if address[0].startswith("api-")
            else a.status_code == 302 and a["Location"].startswith("/sign-in/?next=")
            for a in answers
        ]
        if not sent_away or not all(sent_away):
            let_in.append(path)

    assert let_in == []
    assert everything() == before


@pytest.mark.parametrize("path", ["/admin/", "/admin/governance/user/", "/admin/governance/membership/add/"])
def test_the_admin_site_is_for_staff(client: Client, path: str) -> None:
    assert client.get(path).status_code == 302
    client.force_login(make_user())
    assert client.get(path).status_code == 302


def test_a_stranger_finds_no_such_project(world: World) -> None:
    stranger = signed_in(make_member(make_project(), *Role))
    before = everything()

    answers = {address[0]: both(stranger, world.path(address)) for address in OF_A_PROJECT}

    assert {n: a for n, a in answers.items() if set(a) - {404, 405} or 404 not in a} == {}
    assert everything() == before


def test_what_belongs_to_another_project_is_not_found_in_mine() -> None:
    mine, theirs = World(), World(drafts=2)
    member = signed_in(mine.author)
    before = everything()

    answers = {a[0]: both(member, mine.path(a, theirs.things)) for a in OF_A_THING}

    assert {n: a for n, a in answers.items() if set(a) - {404, 405} or 404 not in a} == {}
    assert everything() == before


def test_a_look_changes_nothing(world: World, boss: User) -> None:
    member, operator = signed_in(world.author), signed_in(boss)
    before = everything()

    answers = {
        a[0]: (operator if a in OF_THE_INSTALLATION else member).get(world.path(a)).status_code for a in ALL
    }

    assert answers.pop("join") == 410  # nobody gave them a link
    assert answers.pop("api-nowhere") == 404
    assert answers.pop("proposal-file-edit") == 404  # which file is not in its path
    assert {name: status for name, status in answers.items() if status not in {200, 302, 405}} == {}
    assert everything() == before


def test_the_console_is_for_administrators_of_the_installation(world: World) -> None:
    member = signed_in(world.author)
    before = everything()

    answers = {address[0]: both(member, world.path(address)) for address in OF_THE_INSTALLATION}

    assert {name: answer for name, answer in answers.items() if set(answer) - {403, 405}} == {}
    assert len(answers) > 5
    assert everything() == before


def test_nothing_is_done_without_the_forms_token(world: World) -> None:
    member = Client(enforce_csrf_checks=True)
    member.force_login(world.author)
    before = everything()

    answers = {address[0]: member.post(world.path(address)).status_code for address in ALL}

    assert [answers.pop(name) for name in SIGNED] == [401]
    assert {name: status for name, status in answers.items() if status not in {403, 405}} == {}
    assert everything() == before


def test_a_viewer_looks_and_does_nothing(world: World) -> None:
    viewer = signed_in(make_member(world.project, Role.VIEWER))
    before = everything()

    answers = {address[0]: both(viewer, world.path(address)) for address in OF_A_PROJECT}

    assert {n: look for n, (look, _) in answers.items() if look not in {200, 302, 403, 404, 405}} == {}
    # An empty request to the API, or for something of one's own, is told what it lacks, whoever sends it.
    lacking = {n for n, (_, deed) in answers.items() if deed in {415, 422}}
    told = {n for n in lacking if n.startswith("api-") or n == "saved-views"}
    deeds = {n: deed for n, (_, deed) in answers.items() if n not in told}
    assert {n: deed for n, deed in deeds.items() if deed not in {403, 404, 405}} == {}
    assert everything() == before


def test_a_draft_is_its_authors_until_it_is_sent(world: World) -> None:
    other = signed_in(make_member(world.project, *Role))
    author = signed_in(world.author)
    path = reverse("proposal", args=[world.project.slug, world.things["number"]])

    assert (author.get(path).status_code, other.get(path).status_code) == (200, 404)
    Proposal.objects.update(submitted_at=timezone.now(), status="in_review")
    assert other.get(path).status_code == 200


def test_a_superuser_sees_every_project_and_others_only_theirs(world: World, boss: User) -> None:
    make_project()

    assert Project.objects.visible_to(boss).count() == 2
    assert list(Project.objects.visible_to(world.author)) == [world.project]  # once, for all seven roles
    assert list(Project.objects.visible_to(make_user())) == []
