"""Data quality rules, from the form to dbt's files and back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from catalog.models import NodeTest
from proposals.actions import authoring, publishing
from proposals.models import Proposal
from semantic.promised import Typed
from tests.proposals.story import Story

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.dbt]

ORDERS = "model.shop.fct_orders"
STATUS = f"{ORDERS}:status"


def drafted(story: Story, changing: str, **to: Any) -> Proposal:
    """A draft of Maya's that says this of a rule."""
    proposal = authoring.proposal_open(
        project=story.project, author=story.maya, kind="test", changing=changing
    )
    item = proposal.items.get()
    fields = replace(item.revision.content, why="Reports break otherwise.", **to)  # type: ignore[type-var]
    authoring.draft_save(item=item, fields=fields, version=1, actor=story.maya)
    proposal.refresh_from_db()
    return proposal


def sent(story: Story, changing: str, **to: Any) -> Proposal:
    proposal = drafted(story, changing, **to)
    authoring.proposal_submit(proposal=proposal, actor=story.maya)
    story.work()
    proposal.refresh_from_db()
    return proposal


def published(story: Story, changing: str, **to: Any) -> Proposal:
    proposal = sent(story, changing, **to)
    publishing.proposal_publish(proposal=story.approve(proposal), actor=story.priya)
    story.work()
    proposal.refresh_from_db()
    assert proposal.status == "published"
    return proposal


def of(*values: str) -> Typed:
    return Typed("accepted_values", values=values)


def test_a_new_rule_is_tested_published_told_by_the_catalogue_and_changed(
    story: Story, client: Client
) -> None:
    refused = sent(story, STATUS, promise=of("completed", "paid"))
    build = refused.checks.get(kind="build")
    said = "2 values of fct_orders break “status is one of completed or paid”."
    assert (build.status, build.message) == ("failed", f"{said} Change the rule, or mend the data first.")
    authoring.proposal_withdraw(proposal=refused, actor=story.maya)

    found = published(story, STATUS, promise=of("completed", "returned", "it's late"))
    assert "built, " in found.checks.get(kind="build").message
    subject = story.git("log", "-1", "--format=%s", found.published_commit).strip()
    assert subject == "tests: Require fct_orders.status is one of completed, returned, it's late."
    test = NodeTest.objects.get(project=story.project, column="status")
    assert test.kind == "accepted_values"
    client.force_login(story.maya)
    page = client.get(reverse("node", args=[story.project.slug, ORDERS])).content.decode()
    assert "status is one of completed, returned" in page

    changed = published(story, test.unique_id, severity="warn", where="quantity > 0")
    shown = story.git("show", "--format=", changed.published_commit)
    assert "severity: warn" in shown
    again = NodeTest.objects.get(project=story.project, column="status")
    assert (again.severity, again.fields["config"]["where"]) == ("warn", "quantity > 0")
