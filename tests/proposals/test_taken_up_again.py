"""What pulls passed by, since it was withdrawn or being published, is in step once it is open again."""

from __future__ import annotations

import json

import pytest

from catalog.models import Snapshot
from proposals import content
from proposals.actions import authoring, conflicts, publishing, restoring, reviewing
from proposals.models import Conflict, ConflictState, Proposal
from semantic.fields import MetricFields
from tests.proposals.story import Story
from tests.ready import Ready

pytestmark = pytest.mark.django_db


def colleague(story: Story, ready: Ready, **said: str) -> Snapshot:
    """As after the pull of a commit that changed what dbt says of the revenue."""
    manifest, semantic = ready.manifest, json.loads(ready.built.semantic_manifest)
    manifest["metrics"]["metric.shop.revenue"] |= said
    next(one for one in semantic["metrics"] if one["name"] == "revenue").update(said)
    return ready.snapshot_of(story.project, manifest, semantic)


def said(proposal: Proposal) -> MetricFields:
    return proposal.items.get().revision.metric


def test_what_dbt_changed_since_it_was_withdrawn_is_merged_or_to_be_decided(
    story: Story, ready: Ready
) -> None:
    proposal = story.changing("revenue", meaning="Net of tax.")
    other = story.changing("orders_total", meaning="All orders.")
    authoring.proposal_withdraw(proposal=proposal, actor=story.maya)
    colleague(story, ready, description="All.", label="Turnover")

    restoring.proposal_restore(proposal=proposal, actor=story.maya)

    assert (said(proposal).label, said(proposal).meaning) == ("Turnover", "Net of tax.")
    conflict = Conflict.objects.get()
    assert (conflict.item.proposal, conflict.field, conflict.theirs) == (proposal, "meaning", "All.")
    assert other.items.get().merged_commit == ""
    with pytest.raises(authoring.ConflictsOpen):
        authoring.proposal_submit(proposal=proposal, actor=story.maya)
    conflicts.conflict_decide(conflict=conflict, choice=ConflictState.OURS, actor=story.maya)
    authoring.proposal_submit(proposal=proposal, actor=story.maya)


def test_what_dbt_changed_while_it_was_being_published_is_merged_when_it_comes_back(
    story: Story, ready: Ready
) -> None:
    proposal = story.changing("revenue", meaning="Net of tax.")
    authoring.proposal_submit(proposal=proposal, actor=story.maya)
    proposal.checks.update(status="passed")
    seen = content.hash_of(proposal)
    approved = reviewing.proposal_approve(proposal=proposal, seen=seen, actor=story.tom)
    publishing.proposal_publish(proposal=approved, actor=story.priya)
    colleague(story, ready, description="All.")

    publishing.publishing_returned(proposal=approved, reason="The repository moved on.")

    conflict = Conflict.objects.get()
    assert (conflict.field, conflict.base, conflict.theirs) == ("meaning", "All net revenue.", "All.")
    conflicts.conflict_decide(conflict=conflict, choice=ConflictState.THEIRS, actor=story.maya)
    assert said(proposal).meaning == "All."


def test_without_any_pull_there_is_nothing_to_merge(story: Story) -> None:
    proposal = authoring.proposal_open(project=story.project, author=story.maya)
    authoring.proposal_withdraw(proposal=proposal, actor=story.maya)
    Snapshot.objects.all().delete()

    restoring.proposal_restore(proposal=proposal, actor=story.maya)

    assert Proposal.objects.get().status == "draft"
