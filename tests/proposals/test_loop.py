"""Metrics go all the way round on real parts: git, dbt and DuckDB.

On PostgreSQL too, they do so where the services of docker-compose.yml run and where workers are killed.
"""

from __future__ import annotations

import pytest

from catalog.models import Snapshot
from environments.models import Deployment
from environments.numbers import by_period
from environments.selectors import reading
from governance.models import AuditEvent
from proposals.actions import publishing
from proposals.models import Proposal
from semantic.fields import MetricFields
from semantic.formula.tree import MetricRef
from semantic.models import Definition
from tests.factories import work_off
from tests.proposals.story import Story
from workspace.repositories import mirror_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.dbt, pytest.mark.slow]

SECOND = MetricFields(
    name="gift_quantity",
    label="Gift quantity",
    meaning="How many pieces were bought as gifts.",
    formula="SUM(quantity) WHERE is_gift",
    model="fct_orders",
    owner="Maya Chen",
)


def test_metrics_reach_dbt_and_come_back_while_colleagues_work_break_and_mend(story: Story) -> None:
    _published_on_top_of_a_colleagues_commit(story)
    _kept_waiting_by_a_broken_build(story)


def _published_on_top_of_a_colleagues_commit(story: Story) -> None:
    proposal = story.approved()
    colleague = story.origin.commit({"README.md": "Hello\n"}, "docs: Say hello.")

    publishing.proposal_publish(proposal=proposal, actor=story.priya)
    story.work()

    proposal.refresh_from_db()
    commit = proposal.published_commit
    assert (proposal.status, story.head()) == ("published", commit)
    assert story.git("rev-parse", f"{commit}^") == colleague
    _is_attributed(story, proposal)
    changed = story.git("diff", "--numstat", colleague, commit).splitlines()
    assert changed
    assert [line for line in changed if line.split("\t")[1] != "0"] == []
    assert Definition.objects.get(name="discount_share").state == "published"
    assert Snapshot.objects.latest().commit == commit
    live = Deployment.objects.get(environment=story.production, status="live")
    assert live.commit == commit
    numbers = by_period(reading(live), MetricRef("discount_share"))
    assert [point.value for point in numbers.points][:2] == pytest.approx([5 / 150, 2 / 100])
    told = AuditEvent.objects.filter(target=f"proposal:{proposal.pk}").order_by("id")
    assert list(told.values_list("action", flat=True)) == [
        "proposal.opened",
        "proposal.submitted",
        "proposal.checks_passed",
        "proposal.approved",
        "proposal.publishing",
        "proposal.pushed",
        "proposal.published",
    ]


def _is_attributed(story: Story, proposal: Proposal) -> None:
    mirror = mirror_of(story.project.repository)
    (commit,) = mirror.log(proposal.published_commit, limit=1)
    assert (commit.author.name, commit.committer.name) == ("Maya Chen", "Bisync")
    trailers = mirror.trailers(proposal.published_commit)
    assert trailers["Bisync-Proposal"] == [f"{story.project.slug}#{proposal.number}"]
    assert trailers["Approved-by"] == [f"Tom Okafor <{story.tom.email}>"]
    assert trailers["Bisync-Content"] == [proposal.approved_hash]


def _ahead_of_production(story: Story) -> None:
    """A colleague commits what nobody has deployed: the fact reads a new model, and a test a newer one."""
    facts = story.git("show", "main:models/fct_orders.sql")
    test = "select o.* from {{ ref('fct_orders') }} o join {{ ref('blocked') }} using (customer_id)\n"
    story.origin.commit(
        {
            "models/sales.sql": facts,
            "models/fct_orders.sql": "select * from {{ ref('sales') }}\n",
            "models/blocked.sql": "select customer_id from {{ ref('dim_customers') }} where tier = 'none'\n",
            "tests/nobody_blocked_buys.sql": test,
        },
        "models: Split the orders.",
    )


def _kept_waiting_by_a_broken_build(story: Story) -> None:
    _ahead_of_production(story)
    proposal = story.approved(SECOND)
    live = Deployment.objects.get(environment=story.production, status="live")
    name = "models/dim_customers.sql"
    good = story.git("show", f"main:{name}") + "\n"
    story.origin.commit({name: "select nonsense from nowhere\n"}, "models: Break one.")

    publishing.proposal_publish(proposal=proposal, actor=story.priya)
    done = work_off()

    proposal.refresh_from_db()
    assert [(run.kind, run.status) for run in done] == [
        ("proposal.publish", "succeeded"),
        ("environment.deploy", "failed"),
    ]
    assert proposal.status == "publishing"
    assert Deployment.objects.get(environment=story.production, status="live") == live
    failed = Deployment.objects.get(environment=story.production, status="failed")
    assert "nowhere" in failed.error

    story.origin.commit({name: good}, "models: Mend it.")
    commits = story.git("rev-list", "--count", "main")
    publishing.publishing_repeat(proposal=proposal, actor=story.priya)
    story.work()

    proposal.refresh_from_db()
    assert proposal.status == "published"
    assert story.git("rev-list", "--count", "main") == commits
