"""The API: the same actions as the pages, by token, told apart by code."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from bisync.lib.errors import NotAllowed
from governance.actions import token_create, token_revoke
from governance.models import ApiToken, AuditEvent, Project, User
from governance.models.tokens import Scope
from governance.roles import Role
from proposals.models import Proposal
from semantic.models import Revision
from tests.factories import make_environment, make_member, make_project, make_proposal, make_user
from tests.programs import Program
from tests.proposals.story import FIELDS, Story
from tests.ready import Ready
from workspace.models import Run

pytestmark = pytest.mark.django_db

DRAFT = {name: value for name, value in FIELDS.to_json().items() if name != "name"}


@pytest.fixture
def project(ready: Ready, data_dir: Path) -> Project:
    """The shop, pulled and live."""
    project = make_project(url="https://git.example.com/shop.git", slug="shop")
    ready.pulled(project)
    ready.live(make_environment(project))
    return project


@pytest.fixture
def maya(project: Project) -> User:
    return make_member(project, Role.CONTRIBUTOR, name="Maya Chen")


# -- Tokens ---------------------------------------------------------------------------------------------


def test_a_token_is_shown_once_and_known_by_its_digest(maya: User) -> None:
    token, text = token_create(user=maya, name=" nightly ", scopes=["propose"], days=30)

    assert text not in str(ApiToken.objects.values().get())
    assert (token.name, token.scopes) == ("nightly", ["propose", "read"])
    assert timedelta(days=29) < token.expires_at - timezone.now() <= timedelta(days=30)
    assert text not in str(AuditEvent.objects.get(action="token.created").after)
    assert Program(maya).get("/me/")[1] == {
        "email": maya.email,
        "name": "Maya Chen",
        "scopes": sorted(Scope.values),
    }


@pytest.mark.parametrize("how", ["revoked", "expired", "inactive", "wrong", "empty"])
def test_a_token_that_is_none_lets_nobody_in(maya: User, how: str) -> None:
    program = Program(maya)
    if how == "revoked":
        token_revoke(token=program.token, actor=maya)
    elif how == "expired":
        ApiToken.objects.update(expires_at=timezone.now())
    elif how == "inactive":
        User.objects.update(is_active=False)
    else:
        program.text = "" if how == "empty" else f"{program.text}x"

    status, told = program.get("/projects/")

    assert (status, told["code"]) == (401, "authentication-failed")


def test_only_its_person_or_an_operator_revokes_a_token(maya: User) -> None:
    token = Program(maya).token

    with pytest.raises(NotAllowed):
        token_revoke(token=token, actor=make_user())
    assert token_revoke(token=token, actor=User.objects.create_superuser("b@x.example", "x" * 12)).revoked_at


def test_one_makes_and_revokes_tokens_on_a_page(maya: User) -> None:
    client = Client()
    client.force_login(maya)

    made = client.post("/account/tokens/", {"name": "export", "scopes": ["read"], "days": "30"})
    token = ApiToken.objects.get()
    again = client.get("/account/tokens/")
    refused = client.post("/account/tokens/", {"name": "", "scopes": [], "days": "9999"})

    assert made.context["text"].startswith("bisync_")
    assert made.context["text"] in made.content.decode()
    assert made.context["text"] not in again.content.decode()
    assert set(refused.context["form"].errors) == {"name", "scopes", "days"}
    client.post(f"/account/tokens/{token.pk}/revoke/")
    assert ApiToken.objects.get().revoked_at


# -- Looking --------------------------------------------------------------------------------------------


def test_what_the_pages_show_can_be_read(project: Project, maya: User) -> None:
    program = Program(maya, "read")

    assert [row["slug"] for row in program.get("/projects/")[1]["results"]] == ["shop"]
    assert program.get("/projects/shop/pulls/")[1]["results"][0]["dbt_version"].startswith("1.11")
    models = program.get("/projects/shop/nodes/?kind=model&q=orders")[1]["results"]
    assert "fct_orders" in [model["name"] for model in models]
    node = program.get("/projects/shop/nodes/model.shop.fct_orders/")[1]
    assert "status" in [column["name"] for column in node["columns"]]
    assert "revenue" in [row["name"] for row in program.get("/projects/shop/metrics/?q=reven")[1]["results"]]
    numbers = program.get("/projects/shop/metrics/revenue/numbers/prod/?grain=month")[1]
    assert numbers["trouble"] == ""
    assert numbers["points"][0]["value"] > 0
    environments = program.get("/projects/shop/environments/")[1]["results"]
    assert {row["slug"]: bool(row["live"]) for row in environments}["prod"]
    assert program.get("/projects/shop/metrics/revenue/numbers/prod/?grain=eon")[1]["code"] == "invalid-input"


def test_pages_are_followed_by_their_cursor_and_cost_the_same(
    project: Project, maya: User, django_assert_max_num_queries: Any
) -> None:
    for _ in range(7):
        make_proposal(project, author=maya)
    program, seen, path = Program(maya), [], "/projects/shop/proposals/?limit=3"

    while path:
        with django_assert_max_num_queries(8):
            told = program.get(path)[1]
        seen += [row["number"] for row in told["results"]]
        path = (told["next"] or "").partition("/api/v1")[2]

    assert seen == [7, 6, 5, 4, 3, 2, 1]


def test_strangers_find_nothing(project: Project) -> None:
    stranger = Program(make_member(make_project(), *Role))

    for path in ("pulls/", "metrics/", "metrics/revenue/", "proposals/", "runs/", "environments/"):
        status, told = stranger.get(f"/projects/shop/{path}")
        assert status == 404, path
        assert told["code"] == "not-found"


# -- Doing ----------------------------------------------------------------------------------------------


def test_a_refusal_says_by_field_what_is_wrong_and_keeps_nothing(project: Project, maya: User) -> None:
    program = Program(maya)

    status, told = program.post("/projects/shop/proposals/", {**DRAFT, "meaning": "{{ env_var('X') }}"})
    odd = program.post("/projects/shop/proposals/", {"value_format": "roman", "rules": [{"kind": "odd"}]})
    misspelt = program.post("/projects/shop/proposals/", {**DRAFT, "formla": "1", "rules": [{"min": 1}]})
    torn = program.client.post(
        "/api/v1/projects/shop/proposals/",
        "{not json",
        content_type="application/json",
        headers={"authorization": f"Bearer {program.text}"},
    )

    assert (status, told["code"], list(told["params"]["fields"])) == (422, "invalid-input", ["meaning"])
    assert (odd[0], set(odd[1]["params"]["fields"])) == (422, {"value_format", "rules"})
    assert misspelt[0] == 422
    assert misspelt[1]["params"]["fields"] == {"formla": ["There is no such field."]}
    assert (torn.status_code, torn.json()["code"]) == (400, "parse-error")
    assert not Proposal.objects.exists()


def test_a_stale_change_is_refused(project: Project, maya: User) -> None:
    program = Program(maya)
    made = program.post("/projects/shop/proposals/", DRAFT)[1]
    path, version = f"/projects/shop/proposals/{made['number']}/", made["items"][0]["version"]

    first = program.ask("PATCH", path, {"label": "Net discount share", "version": version})
    second = program.ask("PATCH", path, {"label": "Another", "version": version})

    assert (first[0], first[1]["title"]) == (200, "Net discount share")
    assert (second[0], second[1]["code"]) == (409, "edited-meanwhile")
    assert Revision.objects.get().metric == replace(
        FIELDS, label="Net discount share", name="net_discount_share"
    )


def test_a_browser_needs_the_forms_token_to_change_anything(maya: User, project: Project) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(maya)

    assert client.get("/api/v1/me/").status_code == 200
    assert client.post("/api/v1/projects/shop/pulls/").status_code == 403
    assert not Run.objects.exists()


@pytest.mark.dbt
@pytest.mark.django_db(transaction=True)
def test_a_metric_goes_all_the_way_by_api(story: Story) -> None:
    maya, tom, priya = Program(story.maya), Program(story.tom), Program(story.priya)
    base = f"/projects/{story.project.slug}/proposals"

    number = maya.post(f"{base}/", DRAFT)[1]["number"]
    assert maya.post(f"{base}/{number}/submit/")[1]["status"] == "in_review"
    story.work()
    shown = tom.get(f"{base}/{number}/")[1]
    assert {check["status"] for check in shown["checks"]} == {"passed"}
    own = maya.post(f"{base}/{number}/approve/", {"content_hash": shown["content_hash"]})
    blind = tom.post(f"{base}/{number}/approve/", {"content_hash": "0" * 64})
    assert (own[0], blind[0]) == (403, 409)
    assert tom.post(f"{base}/{number}/comments/", {"body": "Good."})[0] == 201
    approved = tom.post(f"{base}/{number}/approve/", {"content_hash": shown["content_hash"]})
    assert approved[1]["status"] == "approved"
    assert tom.get(f"{base}/?needs=me")[1]["results"] == []
    assert [row["number"] for row in priya.get(f"{base}/?needs=me")[1]["results"]] == [number]
    assert priya.post(f"{base}/{number}/publish/")[1]["status"] == "publishing"
    story.work()
    done = maya.get(f"{base}/{number}/")[1]
    assert (done["status"], done["published_commit"]) == ("published", story.head())
    metric = maya.get(f"/projects/{story.project.slug}/metrics/discount_share/")[1]
    assert metric["state"] == "published"


# -- Its description ------------------------------------------------------------------------------------


def test_the_description_is_valid_and_complete(tmp_path: Path) -> None:
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(tmp_path / "openapi.yml"))

    text = (tmp_path / "openapi.yml").read_text()
    assert text.startswith("openapi: 3.1")
    assert "/api/v1/projects/{project}/proposals/{number}/approve/" in text
