"""Several changes in one proposal."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.test import Client
from django.urls import reverse

from bisync.lib.errors import InvalidInput
from governance.models import AuditEvent
from proposals.actions import authoring, publishing
from proposals.kinds import kind_of
from proposals.models import Item, Proposal
from proposals.outlook import outlook
from semantic.fields import MetricFields
from tests.proposals.story import Story

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.dbt]

SHARE = MetricFields(
    name="discount_share",
    label="Discount share",
    meaning="Discounts as a share of gross revenue.",
    formula="SUM(discount) / SUM(net_amount)",
    value_format="percent",
    owner="Maya Chen",
    why="To see what discounts cost.",
)


def edited(item: Item, fields: MetricFields) -> None:
    revision = item.revision
    authoring.draft_save(item=item, fields=fields, version=revision.version, actor=item.proposal.author)


@pytest.fixture
def both(story: Story) -> Proposal:
    """A draft that brings a metric and changes the words of another one."""
    proposal = authoring.proposal_open(project=story.project, author=story.maya)
    edited(proposal.items.get(), SHARE)
    item = authoring.item_add(proposal=proposal, kind="metric", actor=story.maya, changing="revenue")
    edited(item, replace(item.revision.metric, meaning="What customers paid, net."))
    proposal.refresh_from_db()
    return proposal


def test_they_are_checked_approved_and_committed_together(story: Story, both: Proposal) -> None:
    assert both.title == "Discount share and Revenue"

    authoring.proposal_submit(proposal=both, actor=story.maya)
    story.work()
    outcome = {check.kind: (check.status, check.message) for check in both.checks.all()}
    assert {status for status, _said in outcome.values()} == {"passed"}
    assert "Discount share" in outcome["numbers"][1]
    assert "Revenue is computed as before" in outcome["numbers"][1]

    publishing.proposal_publish(proposal=story.approve(both), actor=story.priya)
    story.work()
    both.refresh_from_db()
    assert both.status == "published"
    subject = story.git("log", "-1", "--format=%s", both.published_commit).strip()
    assert subject == "metrics: Add Discount share, change Revenue."


def test_one_thing_is_changed_once(story: Story, both: Proposal) -> None:
    with pytest.raises(authoring.InItAlready, match="changes Revenue already"):
        authoring.item_add(proposal=both, kind="metric", actor=story.maya, changing="revenue")


def test_a_change_can_be_taken_out_and_the_last_one_only_with_the_proposal(
    story: Story, both: Proposal, client: Client
) -> None:
    client.force_login(story.maya)
    first, second = both.items.order_by("id")
    place = [story.project.slug, story.production.slug, both.number]

    answer = client.post(reverse("proposal-item-remove", args=[*place, second.pk]))

    assert answer.status_code == 302
    both.refresh_from_db()
    assert (both.title, list(both.items.all())) == ("Discount share", [first])
    told = AuditEvent.objects.get(action="proposal.item_removed")
    assert told.before["fields"]["meaning"] == "What customers paid, net."
    with pytest.raises(authoring.OnlyChange):
        authoring.item_remove(item=first, actor=story.maya)


def test_what_is_not_ready_is_said_in_the_form_of_that_change(
    story: Story, both: Proposal, client: Client
) -> None:
    first, second = both.items.order_by("id")
    edited(first, replace(SHARE, formula="SUM("))
    with pytest.raises(InvalidInput) as caught:
        authoring.proposal_submit(proposal=both, actor=story.maya)
    assert caught.value.about == first.pk

    client.force_login(story.maya)
    place = [story.project.slug, story.production.slug, both.number, second.pk]
    address = reverse("proposal-edit", args=place)
    page = client.get(address).content.decode()
    assert "Discount share" in page  # the other change, among the tabs
    sent = {"act": "send", "version": second.revision.version, **_typed(second)}
    answer = client.post(address, sent)

    assert answer.status_code == 422
    assert answer.context["item"] == first
    assert "formula" in answer.context["form"].errors


def _typed(item: Item) -> dict[str, str]:
    fields = item.revision.metric
    texts = ("label", "meaning", "context", "formula", "value_format", "time", "owner", "group", "why")
    return {name: getattr(fields, name) for name in texts}


def test_the_page_tells_each_change(story: Story, both: Proposal, client: Client) -> None:
    authoring.proposal_submit(proposal=both, actor=story.maya)
    client.force_login(story.tom)

    page = client.get(reverse("proposal", args=[story.project.slug, both.number])).content.decode()

    assert "What customers paid, net." in page
    assert "Discounts as a share of gross revenue." in page
    story.work()
    page = client.get(reverse("proposal", args=[story.project.slug, both.number])).content.decode()
    assert '<span class="chip chip-info">total discount</span><b>÷</b>' in page


@pytest.mark.parametrize("block_first", [True, False])
def test_of_two_texts_for_one_description_none_is_lost_without_a_word(
    story: Story, *, block_first: bool
) -> None:
    def described(item: Item) -> None:
        edited(item, replace(item.revision.content, description="One row for each basket.", why="Asked."))  # type: ignore[type-var]

    def documented(item: Item) -> None:
        edited(item, replace(item.revision.content, text="All about orders.", why="Asked."))  # type: ignore[type-var]

    orders = "model.shop.fct_orders"
    kinds = [("model", described), ("doc", documented)]
    (first, write), (second, write_too) = kinds[::-1] if block_first else kinds
    proposal = authoring.proposal_open(project=story.project, author=story.maya, kind=first, changing=orders)
    write(proposal.items.get())
    item = authoring.item_add(proposal=proposal, kind=second, changing=orders, actor=story.maya)
    write_too(item)
    proposal.refresh_from_db()

    with pytest.raises(InvalidInput) as caught:
        authoring.proposal_submit(proposal=proposal, actor=story.maya)

    assert caught.value.about == item.pk
    ((said,),) = caught.value.fields.values()
    assert "Another change of this proposal says what the description is." in said
    shown = outlook(
        kind_of(item.revision),
        item.revision.content,
        story.production,
        item.revision.agreed,
        proposal.items.all()[:1],
    )
    assert said in [one for told in shown.missing.values() for one in told]


def test_the_form_offers_the_metrics_that_the_proposal_brings_before_it(
    story: Story, both: Proposal, client: Client
) -> None:
    client.force_login(story.maya)
    place = [story.project.slug, story.production.slug, both.number]
    first, second = both.items.order_by("id")

    offered = {
        one.pk: client.get(reverse("proposal-edit", args=[*place, one.pk])).content.decode()
        for one in (first, second)
    }

    assert '<option value="discount_share">Discount share</option>' in offered[second.pk]
    assert '<option value="discount_share">' not in offered[first.pk]


def test_another_change_is_offered_for_this_very_draft(story: Story, both: Proposal, client: Client) -> None:
    client.force_login(story.maya)
    place = [story.project.slug, story.production.slug]
    page = client.get(reverse("proposal-edit", args=[*place, both.number])).content.decode()
    begin = reverse("propose", args=place)
    assert f'href="{begin}?draft={both.number}"' in page

    offered = client.get(begin, {"draft": both.number}).content.decode()
    assert f'name="draft" value="{both.number}"' in offered
    assert f"Add to #{both.number}" in offered
    client.post(begin, {"kind": "metric", "draft": both.number})
    assert both.items.count() == 3

    client.force_login(story.tom)
    assert "Add to #" not in client.get(begin, {"draft": both.number}).content.decode()
    assert "Add to #" not in client.get(begin, {"draft": "x"}).content.decode()
