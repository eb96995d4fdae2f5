"""A metric's documentation as a docs block of the dbt project, from its page to dbt and back."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.test import Client
from django.urls import reverse

from proposals import generate
from proposals.actions import authoring, publishing
from proposals.kinds import KINDS
from proposals.kinds.described import NothingOfThatName
from semantic.described import DocFields
from semantic.models import Definition
from tests.proposals.story import Story

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.dbt]

REVENUE = "metric.shop.revenue"


def test_a_metric_is_documented_in_a_block_that_follows_its_formula(story: Story, client: Client) -> None:
    client.force_login(story.maya)
    place = [story.project.slug, story.production.slug]
    page = reverse("metric", args=[*place, "revenue"])
    assert f"?kind=doc&amp;of={REVENUE}" in client.get(page).content.decode()
    proposal = authoring.proposal_open(project=story.project, author=story.maya, kind="doc", changing=REVENUE)
    item = proposal.items.get()
    text = f"{item.revision.content.text}\n\nAsk Priya before you quote it."  # type: ignore[attr-defined]
    fields = replace(item.revision.content, text=text, why="Asked every quarter.")  # type: ignore[type-var]
    authoring.draft_save(item=item, fields=fields, version=1, actor=story.maya)
    authoring.proposal_submit(proposal=proposal, actor=story.maya)
    story.work()
    publishing.proposal_publish(proposal=story.approve(proposal), actor=story.priya)
    story.work()

    docs = story.git("show", f"{story.head()}:models/docs.md")
    assert docs == f"{{% docs revenue %}}\n{text}\n{{% enddocs %}}"
    assert "description: \"{{ doc('revenue') }}\"" in story.git("show", f"{story.head()}:models/metrics.yml")
    assert Definition.objects.get(name="revenue").description == text
    shown = client.get(page).content.decode()
    assert "Ask Priya before you quote it." in shown
    assert "How it is computed" not in shown  # which stands there by itself

    # What it computes is changed where it is computed, and the block says so.
    known, kind = generate.known_in(story.project, story.production), KINDS["metric"]
    base = kind.said("revenue", known)
    assert base is not None
    changed = replace(base, formula="SUM(fct_orders.discount)", why="Another one.")  # type: ignore[type-var]
    code = kind.compiled(changed, known, dialect="duckdb", base=base)
    edits = generate.file_edits([code], lambda path: story.git("show", f"HEAD:{path}").encode())
    after = {edit.path: edit.after.decode() for edit in edits}
    assert after["models/docs.md"] == docs.replace("SUM(net_amount)", "SUM(fct_orders.discount)").replace(
        "Total net amount", "Total discount"
    )

    assert kind.body(changed) == ("All net revenue.", "Another one.")

    # Its words are changed in the block, which there is once.
    reworded = replace(base, meaning="Something else.", why="Shorter.")  # type: ignore[type-var]
    told = kind.sending_problems(reworded, known, base)
    assert told == {"meaning": ["Its text is the docs block revenue. Propose a change of that instead."]}
    block = DocFields(name="doc.shop.revenue", block="revenue", text=text)
    assert KINDS["doc"].begun(REVENUE, known, story.maya) == (block, block)
    again = DocFields(name="doc.again", block="again", text="Once more.", about=REVENUE, why="Asked.")
    told = KINDS["doc"].sending_problems(again, known, None)
    assert told == {"block": ["The description is made of a docs block already."]}
    with pytest.raises(NothingOfThatName):
        KINDS["doc"].begun("metric.shop.none", known, story.maya)
