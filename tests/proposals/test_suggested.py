"""A draft that begins with something: an address that suggests it, and what is kept of it."""

from __future__ import annotations

import pytest
from django.test import Client

from governance.roles import Role
from proposals.models import Proposal
from tests.factories import make_member, make_project

pytestmark = pytest.mark.django_db

BEGUN = {"label": "Total minutes", "formula": "SUM(minutes)", "model": "fct_visits", "time": "visited_on"}


@pytest.fixture
def maya(client: Client) -> Client:
    client.force_login(make_member(make_project(slug="shop"), Role.CONTRIBUTOR, name="Maya Chen"))
    return client


def test_the_page_shows_what_is_suggested_and_makes_nothing(maya: Client) -> None:
    shown = maya.get("/shop/staging/propose/", BEGUN).content.decode()

    assert all(f'name="{name}" value="{value}"' in shown for name, value in BEGUN.items())
    assert not Proposal.objects.exists()


def test_the_draft_begins_with_it(maya: Client) -> None:
    answer = maya.post("/shop/staging/propose/", BEGUN)

    proposal = Proposal.objects.get()
    assert answer.headers["Location"] == f"/shop/staging/proposals/{proposal.number}/edit/"
    metric = proposal.items.get().revision.metric
    assert {name: getattr(metric, name) for name in BEGUN} == BEGUN
    assert (metric.name, metric.owner, proposal.title) == ("total_minutes", "Maya Chen", "Total minutes")


def test_what_cannot_be_stored_is_left_out(maya: Client) -> None:
    maya.post("/shop/staging/propose/", {**BEGUN, "label": "Total\x00minutes"})

    metric = Proposal.objects.get().items.get().revision.metric
    assert (metric.label, metric.formula) == ("", "SUM(minutes)")


def test_without_a_suggestion_it_is_empty(maya: Client) -> None:
    maya.post("/shop/staging/propose/")

    metric = Proposal.objects.get().items.get().revision.metric
    assert (metric.label, metric.formula, metric.owner) == ("", "", "Maya Chen")
