"""Several people, and the workers beside them, at the same moment."""

from __future__ import annotations

from pathlib import Path

import pytest

from environments.actions import deployment_request
from environments.models import Deployment
from governance import audit
from governance.models import Project, User
from governance.roles import Role
from proposals.actions import authoring, publishing, reviewing
from proposals.models import Proposal
from tests.factories import make_environment, make_member, make_project
from tests.threads import at_once

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both]
ROUNDS = 15


@pytest.fixture
def project(data_dir: Path) -> Project:
    project = make_project()
    make_environment(project)
    return project


@pytest.fixture
def maya(project: Project) -> User:
    return make_member(project, Role.CONTRIBUTOR, name="Maya Chen")


@pytest.fixture
def priya(project: Project) -> User:
    return make_member(project, Role.PUBLISHER, name="Priya Nair")


def raised(outcomes: list[object]) -> list[object]:
    return [outcome for outcome in outcomes if isinstance(outcome, BaseException)]


def test_publishing_and_deploying_at_once_never_wait_for_each_other(
    project: Project, maya: User, priya: User
) -> None:
    proposal = authoring.proposal_open(project=project, author=maya)
    production = proposal.target

    for number in range(ROUNDS):
        commit = f"{number:040x}"
        outcomes = at_once(
            lambda commit=commit: publishing.proposal_pushed(
                proposal=Proposal.objects.get(pk=proposal.pk), commit=commit, head=commit, models=[]
            ),
            lambda commit=commit: deployment_request(
                environment=production, commit=commit, reason="By hand", actor=priya
            ),
        )
        Proposal.objects.filter(pk=proposal.pk).update(published_commit="")
        assert raised(outcomes) == []

    assert Deployment.objects.count() == 2 * ROUNDS
    assert list(audit.broken_links()) == []


def test_opening_and_commenting_at_once_never_wait_for_each_other(
    project: Project, maya: User, priya: User
) -> None:
    proposal = authoring.proposal_open(project=project, author=maya)

    for _round in range(ROUNDS):
        outcomes = at_once(
            lambda: authoring.proposal_open(project=project, author=maya),
            lambda: reviewing.comment_add(proposal=proposal, body="Why?", actor=priya),
            lambda: reviewing.comment_add(proposal=proposal, body="So.", actor=maya),
        )
        assert raised(outcomes) == []

    assert sorted(Proposal.objects.values_list("number", flat=True)) == list(range(1, ROUNDS + 2))
    assert list(audit.broken_links()) == []
