"""Deciding about conflicts: about what was read and nothing else, and by whom the rest is approved."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.test import Client

from governance import permissions
from governance.roles import Role
from proposals import generate
from proposals.actions import authoring, conflicts
from proposals.kinds import KINDS
from proposals.models import Conflict, ConflictState, Proposal
from tests.factories import make_member
from tests.programs import Program
from tests.proposals.story import Story

pytestmark = [pytest.mark.django_db]


def clashed(proposal: Proposal) -> Conflict:
    """dbt changed the meaning, too."""
    return Conflict.objects.create(
        item=proposal.items.get(),
        field="meaning",
        base="All net revenue.",
        ours="Net of tax.",
        theirs="All.",
    )


def test_what_another_pull_brought_since_the_page_was_read_is_not_taken(story: Story, client: Client) -> None:
    proposal = story.changing("revenue", meaning="Net of tax.")
    conflict = clashed(proposal)
    client.force_login(story.maya)
    place = f"{proposal.get_absolute_url()}conflicts/"
    seen = conflict.digest
    assert f'name="seen" value="{seen}"' in client.get(place).content.decode()
    Conflict.objects.update(theirs="What nobody has read.")

    late = client.post(f"{place}{conflict.pk}/decide/", {"choice": "theirs", "seen": seen})

    assert late.status_code == 409
    told = late.content.decode()
    assert "says something else by now" in told
    assert "What nobody has read." in told
    conflict.refresh_from_db()
    assert conflict.state == ConflictState.OPEN
    assert f'name="seen" value="{conflict.digest}"' in told
    client.post(f"{place}{conflict.pk}/decide/", {"choice": "theirs", "seen": conflict.digest})
    assert proposal.items.get().revision.metric.meaning == "What nobody has read."


def test_what_its_author_wrote_since_somebody_read_it_is_not_kept_for_them(story: Story) -> None:
    proposal = story.changing("revenue", meaning="Net of tax.")
    conflict, item = clashed(proposal), proposal.items.get()
    seen = conflict.digest
    fields = item.revision.metric.from_json({**item.revision.fields, "meaning": "Whatever."})
    authoring.draft_save(item=item, fields=fields, version=item.revision.version, actor=story.maya)

    with pytest.raises(conflicts.StatesMoved):
        conflicts.conflict_decide(conflict=conflict, choice=ConflictState.OURS, seen=seen, actor=story.maya)


def test_who_gave_one_change_up_does_not_approve_the_others(story: Story) -> None:
    steward = make_member(story.project, Role.STEWARD, name="Sam Steward")
    other = make_member(story.project, Role.STEWARD, name="Sue Steward")
    proposal = story.changing("revenue", meaning="Net of tax.")
    item = authoring.item_add(proposal=proposal, kind="metric", changing="buyers", actor=story.maya)
    gone = replace(item.revision.metric, meaning="Who bought.")
    authoring.draft_save(item=item, fields=gone, version=1, actor=story.maya)
    authoring.proposal_submit(proposal=proposal, actor=story.maya)
    conflict = Conflict.objects.create(item=item, base=item.revision.base, ours=gone.to_json(), theirs={})

    conflicts.conflict_decide(conflict=conflict, choice=ConflictState.THEIRS, actor=steward)

    assert proposal.items.count() == 1
    proposal.refresh_from_db()
    assert "had a hand in it" in permissions.decide(steward, "proposal.approve", proposal).reason
    assert permissions.decide(other, "proposal.approve", proposal)


def test_what_is_said_of_a_column_that_left_dbt_can_only_be_given_up(story: Story, client: Client) -> None:
    proposal = authoring.proposal_open(
        project=story.project, author=story.maya, kind="column", changing="model.shop.fct_orders:status"
    )
    item = proposal.items.get()
    fields = replace(item.revision.content, description="Other.")  # type: ignore[call-arg]
    authoring.draft_save(item=item, fields=fields, version=1, actor=story.maya)
    authoring.proposal_submit(proposal=proposal, actor=story.maya)
    base = item.revision.base
    conflict = Conflict.objects.create(item=item, base=base, ours=fields.to_json(), theirs={})
    client.force_login(story.maya)
    place = f"{proposal.get_absolute_url()}conflicts/"

    page = client.get(place).content.decode()
    answer = client.post(f"{place}{conflict.pk}/decide/", {"choice": "ours", "seen": conflict.digest})

    assert ("Bring it back" in page, "Withdraw the proposal" in page) == (False, True)
    assert answer.status_code == 422
    assert "can only be given up" in answer.content.decode()
    assert proposal.items.get().revision.base == base
    conflicts.conflict_decide(conflict=conflict, choice=ConflictState.THEIRS, actor=story.maya)
    proposal.refresh_from_db()
    assert proposal.status == "withdrawn"


def test_a_program_may_say_what_it_has_read(story: Story) -> None:
    proposal = story.changing("revenue", meaning="Net of tax.")
    conflict = clashed(proposal)
    program, place = Program(story.maya), f"/projects/{story.project.slug}/proposals/{proposal.number}/"
    told = program.get(place)[1]["items"][0]["conflicts"][0]
    assert told["digest"] == conflict.digest
    Conflict.objects.update(theirs="What nobody has read.")
    decide = f"{place}conflicts/{conflict.pk}/decide/"

    late, problem = program.post(decide, {"choice": "theirs", "digest": told["digest"]})
    assert (late, problem["code"]) == (409, "states-moved")
    assert program.post(decide, {"choice": "theirs"})[0] == 200


def test_words_about_what_left_dbt_are_not_taken_for_words_that_changed_nothing(story: Story) -> None:
    known, kind = generate.known_in(story.project, story.production), KINDS["column"]
    fields, base = kind.begun("model.shop.fct_orders:status", known, story.maya)
    gone = replace(fields, name="model.shop.fct_orders:gone", description="Other.")

    told = kind.sending_problems(gone, known, base)

    assert ["is not in the dbt project any more" in " ".join(said) for said in told.values()] == [True]
