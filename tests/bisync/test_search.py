"""One search finds everything that a person may see and that has a page, the best first."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.test import Client

from catalog.models import Node
from catalog.search import index
from governance.models import Project, User
from governance.roles import Role
from proposals.actions import authoring, reviewing
from proposals.models import Proposal
from semantic.models import Definition
from tests.factories import FIELDS, make_member, make_project, make_proposal

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    project = make_project(slug="shop", url="https://git.example.com/shop.git")
    for name, label, description in (
        ("revenue", "Revenue", "What was sold."),
        ("annual_revenue", "Annual revenue", "Of twelve months."),
        ("orders", "Orders", "How many, whatever their REVENUE."),
    ):
        Definition.objects.create(
            project=project,
            name=name,
            label=label,
            description=description,
            state="published",
            unique_id=f"metric.shop.{name}",
            fields={"type": "simple"},
        )
    return project


@pytest.fixture
def maya(project: Project) -> User:
    return make_member(project, Role.CONTRIBUTOR, name="Maya Chen")


def found(person: User, text: str) -> dict[str, list[str]]:
    """The names that the search page shows, by their kind."""
    client = Client()
    client.force_login(person)
    answer: Any = client.get("/shop/search/", {"q": text})
    assert answer.status_code == 200
    for one in (one for group in answer.context["groups"] for one in group.found):
        assert client.get(one.url).status_code == 200, one
    return {group.label: [one.label for one in group.found] for group in answer.context["groups"]}


def sent(project: Project, author: User, title: str) -> Proposal:
    proposal = make_proposal(project, author=author, fields=replace(FIELDS, label=title, name=""))
    Proposal.objects.filter(pk=proposal.pk).update(
        status="in_review", submitted_at=proposal.created_at, title=title
    )
    return proposal


def test_a_metric_is_found_by_name_or_meaning_and_one_that_begins_so_comes_first(maya: User) -> None:
    assert found(maya, "reven") == {"Metrics": ["Revenue", "Annual revenue", "Orders"]}
    assert found(maya, "revenue  ANNUAL") == {"Metrics": ["Annual revenue"]}
    assert found(maya, "100%_") == {}


def test_a_metric_is_found_by_its_other_names(project: Project, maya: User) -> None:
    orders = Definition.objects.get(project=project, name="orders")
    orders.fields["meta"] = {"bisync": {"synonyms": ["Geschäfte im Jahr", "deals"]}}
    orders.save(update_fields=["fields"])

    assert found(maya, "geschäfte") == found(maya, "DEALS") == {"Metrics": ["Orders"]}
    assert found(maya, "deals many") == {"Metrics": ["Orders"]}
    assert found(maya, "synonyms") == found(maya, "deals sold") == {}


def test_a_proposal_is_found_by_title_author_and_number(project: Project, maya: User) -> None:
    first, second = sent(project, maya, "Refunds of 2026"), sent(project, maya, "Second thoughts")
    tom = make_member(project, Role.REVIEWER, name="Tom Okafor")

    assert found(tom, "chen refunds") == {"Proposals": ["Refunds of 2026"]}
    assert found(tom, f"#{second.number}")["Proposals"][0] == "Second thoughts"
    assert found(tom, str(first.number))["Proposals"][0] == "Refunds of 2026"
    assert found(tom, "9" * 40) == {}


def test_a_page_is_found_by_its_name_and_only_by_those_who_may_go_there(project: Project, maya: User) -> None:
    ada = User.objects.get(name="Ada Admin")

    assert found(maya, "propos") == {"Pages": ["Proposals", "Propose a metric"]}
    assert found(ada, "propose") == {}
    assert found(ada, "repository") == {"Pages": ["Repository"]}
    assert found(maya, "repository") == {}
    assert found(maya, "metrics in") == {"Pages": ["Metrics in Development", "Metrics in Staging"]}


def test_somebody_elses_draft_is_not_found(project: Project, maya: User) -> None:
    make_proposal(project, author=maya)
    other = make_member(project, Role.REVIEWER)

    assert found(maya, "refund") == {"Proposals": ["Refund share"]}
    assert found(other, "refund") == {}


def test_without_a_word_ones_own_recent_work_comes_first(project: Project, maya: User) -> None:
    tom = make_member(project, Role.REVIEWER, name="Tom Okafor")
    discussed, _other = sent(project, maya, "Discussed"), sent(project, maya, "Not his")
    for body in ("One.", "Two."):
        reviewing.comment_add(proposal=discussed, body=body, actor=tom)
    make_proposal(project, author=make_member(project, Role.CONTRIBUTOR))
    authoring.proposal_open(project=project, author=maya)

    groups = found(tom, " ")

    assert list(groups) == ["Your recent work", "Pages"]
    assert groups["Your recent work"] == ["Discussed"]
    assert "Environments" in groups["Pages"]
    assert found(maya, "")["Your recent work"] == ["Untitled draft", "Not his", "Discussed"]


def test_the_palette_shows_fewer_of_a_kind_than_the_page(project: Project, maya: User) -> None:
    for number in range(40):
        sent(project, maya, f"Revenue {number}")

    assert len(found(maya, "revenue")["Proposals"]) == 30
    client = Client(headers={"HX-Request": "true"})
    client.force_login(maya)
    options = client.get("/shop/search/", {"q": "revenue"}).content.decode()
    assert "<html" not in options
    assert options.count('role="option"') == 3 + 6


def test_any_text_may_be_looked_for(maya: User) -> None:
    for text in ("\x00", "a\x00b", "'\"; --", "%", "²", "٣", "x" * 5000, "<b>&amp;", "{{ x }}"):
        found(maya, text)


def test_tables_and_other_things_of_dbt_are_found_by_their_names(maya: User, project: Project) -> None:
    for kind, name in (("model", "fct_orders"), ("seed", "orders_plan"), ("metric", "orders")):
        Node.objects.create(
            project=project, unique_id=f"{kind}.shop.{name}", resource_type=kind, name=name, fingerprint=name
        )
    index.bring(project)

    assert found(maya, "orders")["Catalogue"] == ["orders_plan", "fct_orders"]
    assert found(maya, "fct") == {"Catalogue": ["fct_orders"]}
