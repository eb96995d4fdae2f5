"""Words about models, sources and columns, from the form to dbt's files and back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from catalog.models import Node
from proposals.actions import authoring, conflicts, publishing
from proposals.generate import known_for
from proposals.kinds import kind_of
from proposals.kinds.described import FilesOfAPackage, NothingOfThatName
from proposals.models import Conflict, ConflictState, Proposal
from tests.proposals.story import Story
from tests.semantic.shop import FILES
from workspace.actions import pull_request

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.dbt]

ORDERS = "model.shop.fct_orders"


def drafted(story: Story, kind: str, changing: str, **to: Any) -> Proposal:
    """A draft of Maya's that says this of a thing."""
    proposal = authoring.proposal_open(project=story.project, author=story.maya, kind=kind, changing=changing)
    item = proposal.items.get()
    fields = replace(item.revision.content, **to)  # type: ignore[type-var]
    authoring.draft_save(item=item, fields=fields, version=1, actor=story.maya)
    proposal.refresh_from_db()
    return proposal


def published(story: Story, proposal: Proposal) -> Proposal:
    authoring.proposal_submit(proposal=proposal, actor=story.maya)
    story.work()
    proposal.refresh_from_db()
    publishing.proposal_publish(proposal=story.approve(proposal), actor=story.priya)
    story.work()
    proposal.refresh_from_db()
    assert proposal.status == "published"
    return proposal


def test_a_model_and_a_column_are_described_together_and_come_back_with_the_next_pull(story: Story) -> None:
    proposal = drafted(
        story,
        "model",
        ORDERS,
        description="One row for each order.\nPaid or not.",
        owner="Maya Chen",
        synonyms=("sales", "purchases"),
        certified=True,
    )
    item = authoring.item_add(
        proposal=proposal, kind="column", actor=story.maya, changing=f"{ORDERS}:discount"
    )
    words = replace(item.revision.content, description="What was taken off.", label="Discount given")
    authoring.draft_save(item=item, fields=words, version=1, actor=story.maya)

    found = published(story, proposal)

    node = Node.objects.get(project=story.project, unique_id=ORDERS)
    assert node.description == "One row for each order.\nPaid or not."
    own = node.meta["bisync"]
    assert (own["owner"], own["synonyms"], own["certified"]) == ("Maya Chen", ["sales", "purchases"], True)
    column = node.columns.get(name="discount")
    assert (column.description, column.meta["bisync"]["label"]) == ("What was taken off.", "Discount given")
    assert found.checks.get(kind="build").message == "Nothing has to be built: only words change."
    subject = story.git("log", "-1", "--format=%s", found.published_commit).strip()
    assert subject == "docs: Describe fct_orders and Discount given."
    removed = [
        line
        for line in story.git("show", "--format=", found.published_commit).splitlines()
        if line.startswith("-") and not line.startswith("---")
    ]
    assert len(removed) <= 2  # the descriptions that were there


def test_nothing_is_begun_about_what_dbt_does_not_know(story: Story) -> None:
    for kind, name in (("model", "model.shop.none"), ("column", f"{ORDERS}:none"), ("column", ORDERS)):
        with pytest.raises((NothingOfThatName, FilesOfAPackage)):
            authoring.proposal_open(project=story.project, author=story.maya, kind=kind, changing=name)


def test_what_dbt_may_not_read_is_said_beside_its_field_and_kept_in_the_draft(
    story: Story, client: Client
) -> None:
    proposal = drafted(story, "model", ORDERS, description="Before {{ this }}", access="private")
    client.force_login(story.maya)
    address = reverse("proposal-edit", args=[story.project.slug, story.production.slug, proposal.number])

    page = client.get(address)
    assert "Double curly brackets" in page.content.decode()
    typed = {"description": "Now {{ this }}", "access": "private", "version": "2", "act": "send"}
    answer = client.post(address, typed)

    assert answer.status_code == 422
    assert {"description", "access"} <= answer.context["form"].errors.keys()
    assert proposal.items.get().revision.content.description == "Now {{ this }}"  # type: ignore[attr-defined]


def test_a_model_that_others_read_is_not_made_private(story: Story) -> None:
    proposal = drafted(story, "model", ORDERS, access="private", group="sales")
    revision = proposal.items.get().revision
    kind, known = kind_of(revision), known_for(proposal)
    base = kind.said(ORDERS, known)

    said = (
        "dbt would not let the semantic model orders read it any more, as not in the group sales."
        " Choose protected, or change those first."
    )
    assert kind.sending_problems(revision.content, known, base) == {"access": [said]}
    assert kind.sending_problems(replace(revision.content, access="protected"), known, base) == {}  # type: ignore[type-var]


def test_the_form_says_what_would_be_written(story: Story, client: Client) -> None:
    proposal = drafted(story, "column", f"{ORDERS}:discount")
    client.force_login(story.maya)
    place = [story.project.slug, story.production.slug, proposal.number]

    unchanged = client.get(reverse("proposal-edit", args=place)).content.decode()
    assert "Nothing is changed yet" in unchanged
    typed = {"description": "What was taken off.", "version": "1"}
    parts = client.post(reverse("proposal-preview", args=place), typed).content.decode()

    assert "What was taken off." in parts
    assert "Everything that reviewers need is there." in parts


def test_what_dbt_changed_meanwhile_is_merged_field_by_field(story: Story) -> None:
    mine = drafted(story, "model", ORDERS, description="Mine.", owner="Maya Chen")
    path = next(path for path, text in FILES.items() if "description: One row for each order." in text)
    text = FILES[path].lstrip().replace("description: One row for each order.", "description: Theirs.")
    story.origin.commit({path: text}, "models: Say it otherwise.")
    pull_request(project=story.project, actor=story.priya)
    story.work()

    conflict = Conflict.objects.get(item__proposal=mine)
    said = (conflict.field, conflict.base, conflict.ours, conflict.theirs)
    assert said == ("description", "One row for each order.", "Mine.", "Theirs.")
    conflicts.conflict_decide(conflict=conflict, choice=ConflictState.OURS, actor=story.maya)

    published(story, mine)
    node = Node.objects.get(project=story.project, unique_id=ORDERS)
    assert (node.description, node.meta["bisync"]["owner"]) == ("Mine.", "Maya Chen")
