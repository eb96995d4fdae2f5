"""The tiny shop as a project of Bisync's: a git remote, a pulled snapshot, a built production, people."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from environments.actions import deployment_request
from environments.models import Environment
from governance.models import Project, User
from governance.roles import Role
from proposals import content
from proposals.actions import authoring, reviewing
from proposals.models import Proposal
from semantic.business_rules import BusinessRuleFields, RuleExample
from semantic.fields import MetricFields, ValueRule
from tests.factories import make_environment, make_member, make_project, work_off
from tests.fakes.git_remote import Origin
from tests.semantic.shop import FILES
from workspace.actions import pull_request
from workspace.models import Run

FIELDS = MetricFields(
    name="discount_share",
    label="Discount share",
    meaning="The discount against what was sold.",
    formula="SUM(discount) / SUM(net_amount)",
    model="fct_orders",
    value_format="percent",
    owner="Maya Chen",
    why="Three teams disagree about it.",
    rules=(ValueRule("positive"),),
)


def example(expected: str, **values: str) -> RuleExample:
    return RuleExample(tuple(sorted(values.items())), expected)


SIZE = BusinessRuleFields(
    label="Order size",
    description="Which orders need two people to pack.",
    model="fct_orders",
    text="order is big when quantity is more than 2 or net amount is at least 100, otherwise small",
    examples=(
        example("big", quantity="3", net_amount="1"),
        example("small", quantity="2", net_amount="99.99"),
        example("small", quantity="blank", net_amount="blank"),
    ),
    owner="Maya Chen",
    why="Packing asks every morning.",
)


@dataclass
class Story:
    """Where the loop begins: everything connected, pulled and built, nothing proposed."""

    origin: Origin
    project: Project
    production: Environment
    maya: User
    tom: User
    priya: User

    @classmethod
    def begin(cls, folder: Path) -> Story:
        """Connect the shop, pull it, build its production. Needs dbt."""
        origin = Origin(folder / "git")
        origin.commit(
            {name: text.lstrip() for name, text in FILES.items() if name != "profiles.yml"}
            | {"models/orders.sql": None},
            "shop: Add the project.",
        )
        project = make_project(url=origin.url)
        story = cls(
            origin=origin,
            project=project,
            production=make_environment(project),
            maya=make_member(project, Role.CONTRIBUTOR, name="Maya Chen"),
            tom=make_member(project, Role.REVIEWER, name="Tom Okafor"),
            priya=make_member(project, Role.PUBLISHER, name="Priya Nair"),
        )
        pull_request(project=project, actor=story.priya)
        story.work()
        project.repository.refresh_from_db()
        deployment_request(
            environment=story.production,
            commit=project.repository.synced_commit,
            reason="The first version",
            actor=story.priya,
        )
        story.work()
        return story

    def git(self, *args: str) -> str:
        """git in the remote itself."""
        return self.origin.git(*args, cwd=self.origin.path)

    def head(self) -> str:
        return self.origin.head()

    def work(self) -> list[Run]:
        """Carry out what waits; every run has to succeed."""
        done = work_off()
        failed = [run.error for run in done if run.status != "succeeded"]
        assert failed == [], failed
        return done

    def proposed(self, fields: MetricFields = FIELDS) -> Proposal:
        """A proposal of Maya's that was sent for review and checked."""
        proposal = authoring.proposal_open(project=self.project, author=self.maya)
        authoring.draft_save(item=proposal.items.get(), fields=fields, version=1, actor=self.maya)
        authoring.proposal_submit(proposal=proposal, actor=self.maya)
        self.work()
        proposal.refresh_from_db()
        return proposal

    def changing(self, name: str, /, **to: Any) -> Proposal:
        """A draft of Maya's that changes these fields of a metric."""
        proposal = authoring.proposal_open(project=self.project, author=self.maya, changing=name)
        fields = replace(proposal.items.get().revision.metric, **to)
        authoring.draft_save(item=proposal.items.get(), fields=fields, version=1, actor=self.maya)
        proposal.refresh_from_db()
        return proposal

    def approved(self, fields: MetricFields = FIELDS) -> Proposal:
        """A proposal of Maya's that Tom approved."""
        return self.approve(self.proposed(fields))

    def approve(self, proposal: Proposal) -> Proposal:
        """The checked proposal with Tom's approval."""
        assert [f"{c}: {c.message}" for c in proposal.checks.exclude(status="passed")] == []
        reviewing.proposal_approve(proposal=proposal, seen=content.hash_of(proposal), actor=self.tom)
        proposal.refresh_from_db()
        return proposal
