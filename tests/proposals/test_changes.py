"""A metric that dbt has already is changed: opened, checked with the numbers before and after, published."""

from __future__ import annotations

import pytest
import yaml
from django.test import Client

from bisync.lib.errors import InvalidInput
from environments.numbers import by_period
from environments.selectors import reading
from governance.actions import token_create
from proposals import content
from proposals.actions import authoring, publishing
from proposals.commit_message import message_of
from proposals.kinds import metric
from proposals.models import Item, Proposal
from semantic.formula.tree import MetricRef
from semantic.models import Definition
from tests.factories import work_off
from tests.proposals.story import Story
from workspace.models import Run

pytestmark = pytest.mark.django_db(transaction=True)

METRICS = "models/metrics.yml"


def submitted(story: Story, proposal: Proposal) -> Proposal:
    authoring.proposal_submit(proposal=proposal, actor=story.maya)
    proposal.refresh_from_db()
    return proposal


def item_of(proposal: Proposal) -> Item:
    return proposal.items.select_related("revision").get()


def test_a_change_begins_with_what_dbt_says(story: Story) -> None:
    proposal = authoring.proposal_open(project=story.project, author=story.maya, changing="revenue")
    revision = item_of(proposal).revision

    assert proposal.title == "Revenue"
    assert revision.metric == revision.agreed
    assert (revision.metric.label, revision.metric.formula) == ("Revenue", "SUM(net_amount)")
    with pytest.raises(InvalidInput, match="Nothing is changed yet"):
        submitted(story, proposal)


def test_a_metric_that_is_not_there_cannot_be_changed(story: Story) -> None:
    with pytest.raises(metric.NoSuchMetric, match="dbt knows no metric nothing"):
        authoring.proposal_open(project=story.project, author=story.maya, changing="nothing")
    assert not Proposal.objects.exists()


def test_its_commit_says_what_changes_in_the_words_of_the_form_and_the_projects_currency(
    story: Story,
) -> None:
    story.project.currency = "GBP"
    story.project.save()
    proposal = story.changing("revenue", label="Turnover", value_format="currency", why="Said so in reports.")
    proposal.refresh_from_db()

    assert message_of(proposal).startswith(
        "metrics: Change Turnover.\n\n"
        "Name: Revenue → Turnover\n"
        "Show as: Number · 1,234.5 → Currency · £1,234.50\n\n"
        "Said so in reports.\n\n"
    )


def test_its_name_in_dbt_stays_whatever_it_is_called(story: Story) -> None:
    proposal = story.changing("revenue", label="Turnover", name="turnover", model="fct_visits")

    metric = item_of(proposal).revision.metric
    assert (metric.name, metric.label, metric.model) == ("revenue", "Turnover", "")


def test_what_a_change_leaves_as_it_is_is_not_judged_again(story: Story) -> None:
    # It has neither meaning nor owner.
    proposal = submitted(story, story.changing("orders_total", label="All orders"))

    assert proposal.status == "in_review"
    assert Definition.objects.filter(name="orders_total").count() == 1


def test_the_hash_speaks_of_what_is_changed(story: Story) -> None:
    proposal = submitted(story, story.changing("revenue", label="Turnover"))
    before = content.hash_of(proposal)
    revision = item_of(proposal).revision

    moved = {"meaning": "Else."}
    revision.base |= moved
    revision.fields |= moved
    assert revision.metric.hash_since(revision.agreed) == revision.content_hash
    revision.save()
    assert content.hash_of(proposal) == before


@pytest.mark.dbt
def test_a_changed_formula_shows_both_numbers_and_reaches_dbt_as_the_smallest_edit(story: Story) -> None:
    head = story.head()
    proposal = submitted(
        story, story.changing("revenue", formula="SUM(net_amount) - SUM(discount)", why="As finance does.")
    )
    story.work()
    story.approve(proposal)
    result, *above = proposal.checks.get(kind="numbers").result["metrics"]
    assert (result["before"]["total"], result["total"]) == (325.0, 317.0)
    share = next(one for one in above if one["metric"] == "completed_share")
    assert share["before"]["total"] != share["total"]  # it is computed from revenue
    assert result["before"]["points"][0] == ["2026-01-01", 150.0]
    assert result["before"]["format"] == "number"
    assert result["points"][0] == ["2026-01-01", 145.0]

    publishing.proposal_publish(proposal=proposal, actor=story.priya)
    story.work()

    proposal.refresh_from_db()
    assert proposal.status == "published"
    assert story.git("log", "--format=%s", "-1").strip() == "metrics: Change Revenue."
    removed = [
        line
        for line in story.git("diff", "-U0", head, "main").splitlines()
        if line.startswith("-") and not line.startswith("---")
    ]
    assert removed == ["-    type: simple", "-    type_params: {measure: net_amount_total}"]
    live = reading(story.production.deployments.get(status="live"))
    points = by_period(live, MetricRef("revenue")).points
    assert points[0].value == 145.0
    assert Definition.objects.get(name="revenue").formula == "SUM(net_amount) - SUM(discount)"


@pytest.mark.dbt
def test_words_of_a_metric_that_formulas_cannot_say_are_changed_beside_a_colleagues(story: Story) -> None:
    proposal = submitted(story, story.changing("revenue_30d", meaning="Of the last 30 days.", owner="Sales"))
    story.work()
    story.approve(proposal)
    colleague(story, "label: Revenue of 30 days", "label: Revenue, 30 days")

    publishing.proposal_publish(proposal=proposal, actor=story.priya)
    story.work()

    proposal.refresh_from_db()
    assert proposal.status == "published"
    found = yaml.safe_load(story.git("show", f"main:{METRICS}"))["metrics"]
    entry = next(one for one in found if one["name"] == "revenue_30d")
    assert (entry["label"], entry["description"]) == ("Revenue, 30 days", "Of the last 30 days.")
    assert entry["config"] == {"meta": {"bisync": {"owner": "Sales"}}}
    assert entry["type_params"]["cumulative_type_params"] == {"window": "30 days", "period_agg": "last"}
    message = proposal.checks.get(kind="numbers").message
    assert message == "Revenue of 30 days is computed as before"


def colleague(story: Story, old: str, new: str) -> str:
    """Somebody edits the file of metrics by hand; returns the commit."""
    text = story.git("show", f"main:{METRICS}") + "\n"
    assert old in text
    return story.origin.commit({METRICS: text.replace(old, new)}, "metrics: Say it otherwise.")


@pytest.mark.dbt
def test_what_a_colleague_changed_to_something_else_is_never_overwritten(story: Story) -> None:
    proposal = submitted(story, story.changing("revenue", meaning="Net of tax."))
    proposal.checks.update(status="passed")
    Run.objects.update(status="succeeded")
    story.approve(proposal)
    head = colleague(story, "All net revenue.", "All.")

    publishing.proposal_publish(proposal=proposal, actor=story.priya)
    work_off()

    proposal.refresh_from_db()
    assert (proposal.status, story.head()) == ("draft", head)
    assert "The meaning of revenue was changed in dbt meanwhile" in proposal.returned_reason


def test_a_change_is_opened_by_a_program(story: Story) -> None:
    _row, token = token_create(user=story.maya, name="script", scopes=["propose"], days=1)
    client, headers = Client(), {"authorization": f"Bearer {token}"}
    where = f"/api/v1/projects/{story.project.slug}/proposals/"

    body = {"changing": "revenue", "meaning": "Net of tax."}
    made = client.post(where, body, "application/json", headers=headers)
    wrong = client.post(where, {"changing": "nothing"}, "application/json", headers=headers)

    item = made.json()["items"][0]
    assert (item["base"]["meaning"], item["content"]["meaning"]) == ("All net revenue.", "Net of tax.")
    assert (wrong.status_code, list(wrong.json()["params"]["fields"])) == (422, ["changing"])
