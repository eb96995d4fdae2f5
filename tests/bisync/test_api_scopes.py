"""Every address of the API, including those that will be added: by which method, and with which scope."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import pytest
from django.urls import URLPattern

from bisync.api.urls import urlpatterns
from governance.models.tokens import Scope
from governance.roles import Role
from tests.architecture.test_urls import World
from tests.factories import make_member
from tests.programs import Program
from workspace.models import Run

pytestmark = pytest.mark.django_db

# What the scopes were promised to be for; the code says it beside each method.
TABLE = """
api-notification-read       POST   propose
api-projects                POST   operate
api-artifact                POST   operate
api-pulls                   POST   operate
api-sync                    PATCH  operate
api-lineage                 POST   operate
api-webhook                 POST   operate
api-webhook-close           POST   operate
api-run-cancel              POST   operate
api-run-retry               POST   operate
api-deployments             POST   publish
api-saved-views             POST   propose
api-saved-view-delete       POST   propose
api-rename-settle           POST   approve
api-freshness               POST   operate
api-proposals               POST   propose
api-proposal                PATCH  propose
api-items                   POST   propose
api-item                    PATCH  propose
api-item-remove             POST   propose
api-files                   POST   approve
api-file-restore            POST   approve
api-comments                POST   propose
api-conflict-decide         POST   propose
api-conflict-undo           POST   propose
api-proposal-submit         POST   propose
api-proposal-take-back      POST   propose
api-proposal-withdraw       POST   propose
api-proposal-restore        POST   propose
api-proposal-check          POST   propose
api-proposal-approve        POST   approve
api-proposal-return         POST   approve
api-proposal-publish        POST   publish
api-proposal-publish-again  POST   publish
"""
PROMISED = {(name, method): scope for name, method, scope in map(str.split, TABLE.strip().splitlines())}
UNSAFE = ("POST", "PUT", "PATCH", "DELETE")
# Names of methods of our own views are no methods of HTTP.
ODD = ("OPTIONS", "TRACE", "DISPATCH", "PROJECT")


@pytest.fixture
def world() -> World:
    return World()


def addresses(world: World) -> Iterator[tuple[str, str]]:
    """The name of every address of the API, and where it is in this world."""
    for entry in urlpatterns:
        assert isinstance(entry, URLPattern)
        assert entry.name
        if entry.name in {"api", "api-nowhere"}:
            continue  # a page, and what leads nowhere by any method
        address = (entry.name, tuple(entry.pattern.converters))
        yield entry.name, world.path(address).removeprefix("/api/v1")


def test_a_method_that_an_address_does_not_have_is_told_so(world: World) -> None:
    program = Program(make_member(world.project, *Role))
    answers = {}

    for name, path in addresses(world):
        for method in (*UNSAFE, *ODD):
            if (name, method) not in PROMISED:
                answer = program.send(method, path, {})
                answers[name, method] = (answer.status_code, "GET" in answer["Allow"].split(", "))

    assert len(answers) > 100
    deeds_alone = {name for name, _method in PROMISED} - {
        "api-projects",
        "api-pulls",
        "api-sync",
        "api-webhook",
        "api-deployments",
        "api-saved-views",
        "api-proposals",
        "api-proposal",
        "api-item",
        "api-files",
    }
    assert {key: told for key, told in answers.items() if told != (405, key[0] not in deeds_alone)} == {}


def test_a_token_does_nothing_that_it_is_not_for(world: World) -> None:
    person = make_member(world.project, *Role)
    without = {
        scope: Program(person, *(name for name in Scope.values if name != scope)) for scope in Scope.values
    }
    only = {scope: Program(person, scope) for scope in Scope.values}
    Run.objects.update(status="failed")
    refused, let_in = {}, {}

    for name, path in addresses(world):
        for method in UNSAFE:
            if scope := PROMISED.get((name, method)):
                status, told = without[scope].ask(method, path, {})
                refused[name, method] = (status, told["code"], told["params"].get("scope"))
                let_in[name, method] = only[scope].ask(method, path, {})[1].get("code")

    assert refused == {key: (403, "token-lacks-scope", scope) for key, scope in PROMISED.items()}
    assert "token-lacks-scope" not in let_in.values()


@pytest.mark.parametrize("path", ["/nowhere/", "/projects/No Such/", "/projects/x\ny/pulls/", "/me"])
def test_what_leads_nowhere_is_told_so_in_json(world: World, path: str) -> None:
    program = Program(make_member(world.project, *Role))

    for method in ("GET", *UNSAFE):
        status, told = program.ask(method, quote(path), {} if method != "GET" else None)
        assert (status, told["code"]) == (404, "not-found")


@pytest.mark.parametrize("kind", ["environment.deploy", "proposal.publish", "a kind that comes later"])
def test_repeating_what_publishes_is_publishing(world: World, kind: str) -> None:
    person = make_member(world.project, *Role)
    run = Run.objects.create(project=world.project, kind=kind, status="failed")
    path = f"/projects/{world.project.slug}/runs/{run.pk}/retry/"

    status, told = Program(person, "operate").post(path)

    assert (status, told["code"], told["params"]) == (403, "token-lacks-scope", {"scope": "publish"})
    assert Run.objects.filter(kind=kind).count() == 1


@pytest.mark.parametrize("kind", ["environment.deploy", "proposal.publish"])
def test_who_may_publish_and_operate_repeats_it(world: World, kind: str) -> None:
    person = make_member(world.project, *Role)
    run = Run.objects.create(project=world.project, kind=kind, status="failed")

    status, told = Program(person, "operate", "publish").post(
        f"/projects/{world.project.slug}/runs/{run.pk}/retry/"
    )

    assert (status, told["kind"], told["status"]) == (202, kind, "queued")


@pytest.mark.parametrize("kind", ["pull", "proposal.check"])
def test_who_operates_repeats_what_publishes_nothing(world: World, kind: str) -> None:
    person = make_member(world.project, *Role)
    run = Run.objects.create(project=world.project, kind=kind, subject="x", status="failed")

    assert Program(person, "operate").post(f"/projects/{world.project.slug}/runs/{run.pk}/retry/")[0] == 202


def test_what_publishes_can_be_stopped_without_the_right_to_publish(world: World) -> None:
    person = make_member(world.project, *Role)
    run = Run.objects.create(project=world.project, kind="environment.deploy")

    status, told = Program(person, "operate").post(f"/projects/{world.project.slug}/runs/{run.pk}/cancel/")

    assert (status, told["status"]) == (202, "cancelled")
