"""Proposals that need the same measure: whichever is published first, the approvals of the others stand."""

from __future__ import annotations

from dataclasses import replace

import pytest
import yaml

from proposals import content
from proposals.actions import authoring, publishing, reviewing
from proposals.models import Proposal
from tests.proposals.story import FIELDS, Story
from tests.proposals.test_conflicts import approved as others_approved
from workspace import runs
from workspace.models import Run

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.dbt]

METRICS = "models/metrics.yml"
SEMANTIC = "models/semantics.yml"
# All of one new measure; each of the last two needs the total as a part, which the first makes a metric.
TOGETHER = {
    "discounts": "SUM(discount)",
    "discount_share": "SUM(discount) / SUM(net_amount)",
    "discount_per_order": "SUM(discount) / COUNT(*)",
}


def approved(story: Story, name: str, formula: str) -> Proposal:
    """Approved as all of them are, before any was published."""
    fields = replace(FIELDS, name=name, label=name.replace("_", " ").capitalize(), formula=formula, rules=())
    found = authoring.proposal_open(project=story.project, author=story.maya)
    authoring.draft_save(item=found.items.get(), fields=fields, version=1, actor=story.maya)
    authoring.proposal_submit(proposal=found, actor=story.maya)
    found.checks.update(status="passed")
    Run.objects.update(status="succeeded")
    return reviewing.proposal_approve(proposal=found, seen=content.hash_of(found), actor=story.tom)


def published(story: Story, proposal: Proposal) -> Run:
    """What the worker does after the click, without the build that follows."""
    publishing.proposal_publish(proposal=proposal, actor=story.priya)
    run = Run.objects.filter(kind="proposal.publish").latest("id")
    runs.execute(run.pk)
    run.refresh_from_db()
    return run


def metrics_in(story: Story) -> dict[str, object]:
    """The metrics of the branch's head that Bisync added: name → type_params."""
    found = yaml.safe_load(story.git("show", f"main:{METRICS}"))["metrics"]
    return {one["name"]: one["type_params"] for one in found if "discount" in one["name"]}


def test_what_another_proposal_brought_is_used_and_what_was_approved_is_written(story: Story) -> None:
    waiting = [approved(story, name, formula) for name, formula in TOGETHER.items()]

    done = [published(story, proposal) for proposal in waiting]

    assert [run.error for run in done] == ["", "", ""]
    measure = "discount_sum"
    assert metrics_in(story) == {
        "discounts": {"measure": measure},
        "discount_share_numerator": {"measure": measure},
        "discount_share": {"numerator": "discount_share_numerator", "denominator": "revenue"},
        "discount_per_order_numerator": {"measure": measure},
        "discount_per_order": {"numerator": "discount_per_order_numerator", "denominator": "orders_total"},
    }
    subjects = story.git("log", "--format=%s", "-3", "main").splitlines()
    assert subjects == [
        "metrics: Add Discount per order.",
        "metrics: Add Discount share.",
        "metrics: Add Discounts.",
    ]
    assert story.git("grep", "--count", f"name: {measure}", "main", "--", "models").endswith(":1")


def test_a_measure_of_that_name_that_means_something_else_ends_the_approval(story: Story) -> None:
    proposal = approved(story, "discounts", "SUM(discount)")
    text = story.git("show", f"main:{SEMANTIC}") + "\n"
    mark = "      - {name: order_count,"
    theirs = "      - {name: discount_sum, agg: sum, expr: discount * 2}\n"
    head = story.origin.commit(
        {SEMANTIC: text.replace(mark, theirs + mark)}, "orders: Count discounts twice."
    )

    run = published(story, proposal)

    proposal.refresh_from_db()
    assert (run.status, run.error_code) == ("failed", "approval-fell")
    assert (story.head(), proposal.status) == (head, "draft")


@pytest.mark.parametrize(
    ("edit", "error"),
    [
        (("All net revenue.", "Net of discounts."), ""),
        (
            ("type_params: {measure: net_amount_total}", "type_params: {measure: high_amount}"),
            "approval-fell",
        ),
        (("window: 30 days", "window: 60 days"), "approval-fell"),
    ],
    ids=["its words", "its measure", "its window"],
)
def test_an_approval_ends_when_a_metric_in_the_formula_means_something_else(
    story: Story, edit: tuple[str, str], error: str
) -> None:
    proposal = approved(story, "shares", "revenue / revenue_30d")
    text = story.git("show", f"main:{METRICS}") + "\n"
    story.origin.commit({METRICS: text.replace(*edit, 1)}, "metrics: Say it better.")

    run = published(story, proposal)

    assert (run.error_code, run.status) == (error, "failed" if error else "succeeded")


def test_what_dbt_says_already_is_given_back_without_a_commit(story: Story) -> None:
    proposal = others_approved(story, story.changing("revenue", meaning="Net of discounts."))
    text = story.git("show", f"main:{METRICS}") + "\n"
    edit = ("All net revenue.", "Net of discounts.")
    head = story.origin.commit({METRICS: text.replace(*edit)}, "metrics: Say it better.")

    run = published(story, proposal)

    proposal.refresh_from_db()
    assert (run.status, run.error_code) == ("failed", "nothing-to-write")
    assert (story.head(), proposal.status) == (head, "draft")
    assert proposal.returned_reason.startswith("dbt says all of this already")
