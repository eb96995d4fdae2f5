"""Changes of any kind over the API."""

from __future__ import annotations

from typing import Any

import pytest

from bisync.api.items import over
from bisync.lib.errors import InvalidInput
from governance.models import Project
from governance.roles import Role
from proposals.models import Proposal
from semantic.described import ModelFields
from semantic.fields import MetricFields
from tests.factories import make_member, make_proposal
from tests.programs import Program
from tests.proposals.story import Story

pytestmark = [pytest.mark.django_db, pytest.mark.dbt]

ORDERS = "model.shop.fct_orders"


@pytest.fixture
def shop(story: Story) -> Project:
    return story.project


def test_a_change_is_added_edited_looked_at_and_taken_out(shop: Project) -> None:
    maya = make_member(shop, Role.CONTRIBUTOR)
    proposal: Proposal = make_proposal(shop, author=maya)
    program, base = Program(maya), f"/projects/{shop.slug}/proposals/{proposal.number}/"
    begun = {"kind": "model", "of": ORDERS, "fields": {"description": "All orders.", "synonyms": ["sales"]}}

    status, told = program.post(f"{base}items/", begun)
    assert status == 201, told
    item = told["items"][1]
    assert (item["kind"], item["content"]["synonyms"], item["version"]) == ("model", ["sales"], 2)
    assert item["base"]["description"] == "One row for each order."

    change = {"version": 2, "fields": {"owner": "Maya Chen"}}
    _status, told = program.ask("PATCH", f"{base}items/{item['id']}/", change)
    assert told["items"][1]["content"]["owner"] == "Maya Chen"
    assert program.ask("PATCH", f"{base}items/{item['id']}/", change)[0] == 409

    _status, one = program.get(f"{base}items/{item['id']}/")
    assert "description: All orders." in one["yaml"]
    assert (one["missing"], one["version"]) == ({}, 3)

    _status, told = program.post(f"{base}items/{item['id']}/remove/")
    assert len(told["items"]) == 1


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"kind": "model", "of": "model.shop.none"}, "of"),
        ({"kind": "model", "of": ORDERS, "fields": {"colour": "red"}}, "fields"),
        ({"kind": "model", "of": ORDERS, "fields": {"description": ["a"]}}, "fields"),
        ({"kind": "model", "of": ORDERS, "fields": {"name": "other"}}, "fields"),
        ({"kind": "model", "of": ORDERS, "fields": {"description": "{{ x }}"}}, "description"),
        ({"kind": "calculation", "fields": {"way": "other"}}, "way"),
        ({"kind": "none", "of": ORDERS}, "kind"),
    ],
)
def test_what_is_not_fit_is_refused_by_field_and_nothing_is_added(
    shop: Project, given: dict[str, Any], field: str
) -> None:
    maya = make_member(shop, Role.CONTRIBUTOR)
    proposal = make_proposal(shop, author=maya)
    address = f"/projects/{shop.slug}/proposals/{proposal.number}/items/"

    status, told = Program(maya).post(address, given)

    assert status == 422
    assert list(told["params"]["fields"]) == [field]
    assert proposal.items.count() == 1


def test_nested_values_have_to_be_readable() -> None:
    with pytest.raises(InvalidInput):
        over(MetricFields(), {"rules": [1]})
    assert over(ModelFields(name="x"), {"certified": True}).certified is True  # type: ignore[attr-defined]
