"""Ways of looking at the catalogue that a person keeps."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from bisync.lib.errors import NotAllowed
from catalog.actions import MOST_VIEWS, view_delete
from catalog.models import SavedView
from governance.models import Project, User
from governance.roles import Role
from tests.factories import make_member, make_project
from tests.programs import Program

pytestmark = pytest.mark.django_db
VIEWS = "/shop/catalogue/views/"


@pytest.fixture
def project() -> Project:
    return make_project(slug="shop")


@pytest.fixture
def maya(project: Project, client: Client) -> User:
    maya = make_member(project, Role.VIEWER)
    client.force_login(maya)
    return maya


def test_what_is_narrowed_is_saved_under_a_name_and_leads_back(client: Client, maya: User) -> None:
    page = client.get("/shop/catalogue/?q=order&kind=model&only=attention").content.decode()
    assert "/shop/catalogue/views/?q=order&amp;kind=model&amp;only=attention" in page
    form = client.get(f"{VIEWS}?q=order&kind=model&only=attention")
    assert "order, Models, Needs attention" in form.content.decode()

    answer = client.post(VIEWS, {"name": " Orders ", "query": form.context["form"].initial["query"]})

    assert answer["Location"] == "/shop/catalogue/?q=order&kind=model&only=attention"
    assert "Orders" in client.get("/shop/catalogue/").content.decode()
    # The same name means the same view.
    client.post(VIEWS, {"name": "Orders", "query": "kind=source"})
    (view,) = SavedView.objects.all()
    assert (view.name, view.query, view.person) == ("Orders", "kind=source", maya)


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ({"name": "", "query": "kind=model"}, "This field is required"),
        ({"name": "  ", "query": "kind=model"}, "This field is required"),
        ({"name": "All", "query": ""}, "Narrow the catalogue first"),
        ({"name": "All", "query": "kind=nothing&page=3"}, "Narrow the catalogue first"),
        ({}, "This field is required"),
        ({"name": "Long", "query": f"q={'😀' * 200}"}, "too long to be kept"),
        ({"name": "x" * 81, "query": "kind=model"}, "at most 80 characters"),
    ],
)
def test_what_says_nothing_is_not_saved(client: Client, maya: User, sent: dict[str, Any], words: str) -> None:
    answer = client.post(VIEWS, sent)

    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert not SavedView.objects.exists()


def test_views_are_ones_own_and_few(client: Client, maya: User, project: Project) -> None:
    tom = make_member(project, Role.VIEWER)
    theirs = SavedView.objects.create(project=project, person=tom, name="Tom's", query="kind=model")
    for number in range(MOST_VIEWS):
        SavedView.objects.create(project=project, person=maya, name=f"{number}", query="kind=model")

    assert "Tom&#x27;s" not in client.get(VIEWS).content.decode()
    assert client.post(f"{VIEWS}{theirs.pk}/delete/").status_code == 404
    with pytest.raises(NotAllowed):
        view_delete(view=theirs, actor=maya)
    assert "thirty" in client.post(VIEWS, {"name": "more", "query": "kind=model"}).content.decode()
    mine = SavedView.objects.filter(person=maya).first()
    assert mine is not None
    assert client.post(f"{VIEWS}{mine.pk}/delete/").status_code == 302
    assert client.post(VIEWS, {"name": "more", "query": "kind=model"}).status_code == 302


def test_a_program_keeps_views_by_the_same_rules(maya: User, project: Project) -> None:
    tom = Program(make_member(project, Role.VIEWER))
    program = Program(maya)

    saved = program.post("/projects/shop/views/", {"name": "Orders", "query": "kind=model&page=3&q=order"})
    nothing = program.post("/projects/shop/views/", {"name": "All", "query": "kind=nothing"})
    many = program.post("/projects/shop/views/", {"name": "Many", "query": "&" * 1_000})

    view = saved[1]
    assert saved == (
        200,
        {
            "id": SavedView.objects.get().pk,
            "name": "Orders",
            "query": "q=order&kind=model",
            "url": "/shop/catalogue/?q=order&kind=model",
        },
    )
    for refused in (nothing, many):
        assert (refused[0], list(refused[1]["params"]["fields"])) == (422, ["query"])
    assert program.get("/projects/shop/views/")[1]["results"] == [view]
    # Nobody else finds it.
    assert tom.get("/projects/shop/views/")[1]["results"] == []
    assert tom.post(f"/projects/shop/views/{view['id']}/delete/")[0] == 404
    assert program.post(f"/projects/shop/views/{view['id']}/delete/") == (200, view)
    assert program.get("/projects/shop/views/")[1]["results"] == []
