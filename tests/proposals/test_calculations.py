"""Calculated columns and pasted queries, from the form to dbt's files."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.test import Client

from environments.selectors import vocabulary_of
from proposals.actions import authoring, publishing
from proposals.generate import known_for
from proposals.kinds import kind_of
from proposals.models import Proposal
from semantic.fields import MetricFields
from semantic.rules.metric import Problems
from tests.proposals.story import FIELDS, Story
from tests.semantic.shop import FILES
from workspace.actions import pull_request

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.dbt]

ORDERS = "model.shop.fct_orders"
LISTED = (
    "select order_id, customer_id, ordered_at, delivered_on, status, net_amount, discount, quantity, is_gift"
)


def added(story: Story, proposal: Proposal | None, kind: str, **fields: Any) -> Proposal:
    """The proposal of Maya's, or a new one, with one more change."""
    if proposal is None:
        proposal = authoring.proposal_open(project=story.project, author=story.maya, kind=kind)
        item = proposal.items.get()
    else:
        item = authoring.item_add(proposal=proposal, kind=kind, actor=story.maya)
    typed = replace(item.revision.content, **fields)  # type: ignore[type-var]
    authoring.draft_save(item=item, fields=typed, version=1, actor=story.maya)
    return proposal


def told_of(proposal: Proposal, **typed: Any) -> Problems:
    """What sending would refuse, were the first change another one."""
    revision = proposal.items.order_by("id")[0].revision
    fields = replace(revision.content, **typed)
    return kind_of(revision).sending_problems(fields, known_for(proposal), None)


def test_a_column_a_metric_over_it_and_a_pasted_query_are_published_together(
    story: Story, client: Client
) -> None:
    path = "models/fct_orders.sql"
    text = FILES[path].lstrip().replace("select *", LISTED, 1)
    big = "select *, quantity > 2 as is_big from {{ ref('fct_orders') }}\n"
    story.origin.commit({path: text, "models/big_orders.sql": big}, "models: List the columns of orders.")
    pull_request(project=story.project, actor=story.priya)
    story.work()
    proposal = added(
        story,
        None,
        "calculation",
        label="Net of discount",
        model=ORDERS,
        formula="net_amount - COALESCE(discount, 0)",
        description="What is left after the discount.",
    )
    (refused,) = told_of(proposal, label="Is big")["label"]
    assert refused.startswith(
        "big_orders takes the columns of fct_orders by a * and has a column is_big of its"
    )
    metric: MetricFields = replace(
        FIELDS,
        name="net_of_discount_total",
        label="Net of discount total",
        formula="SUM(net_of_discount)",
        value_format="number",
    )
    added(
        story,
        proposal,
        "metric",
        **{
            name: getattr(metric, name)
            for name in ("label", "meaning", "formula", "model", "owner", "why", "rules")
        },
    )
    added(
        story,
        proposal,
        "calculation",
        way="query",
        called="fct_customer_amounts",
        sql="select customer_id, sum(net_of_discount) as amount\nfrom fct_orders\nwhere customer_id is not null\ngroup by 1;",
        description="One row for each customer.",
        key="customer_id",
        words="amount: What is left of all orders.",
    )

    authoring.proposal_submit(proposal=proposal, actor=story.maya)
    story.work()
    proposal.refresh_from_db()
    client.force_login(story.tom)
    page = client.get(proposal.get_absolute_url()).content.decode()
    for told in ("net amount minus", "models/fct_orders.sql", "1 of 6 rows are blank"):
        assert told in page, told
    publishing.proposal_publish(proposal=story.approve(proposal), actor=story.priya)
    story.work()

    proposal.refresh_from_db()
    assert proposal.status == "published"
    assert "big_orders takes it by a *" in proposal.checks.get(kind="rules").message
    assert "big_orders" in proposal.checks.get(kind="build").message
    said = proposal.checks.get(kind="numbers").message
    assert "Net of discount: 1 of 6 rows are blank" in said
    assert "fct_customer_amounts: 3 rows" in said
    shown = story.git("show", "--format=%s", proposal.published_commit)
    assert "net_amount - coalesce(discount, 0) as net_of_discount" in shown
    assert "from {{ ref('fct_orders') }}" in shown
    story.production.refresh_from_db()
    names = vocabulary_of(story.project, story.production)
    column = names.models["fct_orders"].column("net_of_discount")
    assert column is not None
    assert column.description == "What is left after the discount."
    assert names.models["big_orders"].column("net_of_discount")
    assert {one.name for one in names.models["fct_customer_amounts"].columns} == {"customer_id", "amount"}
    assert "net_of_discount_total" in names.metrics
    assert names.keys["fct_customer_amounts"] == "customer_id"
