"""Builds by the clock: the newest commit, where it is not live."""

from __future__ import annotations

from datetime import time, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from bisync.lib.errors import NotAllowed
from environments.models import BuildSchedule, Deployment, Environment
from environments.schedules import build_schedule_set, builds_due
from governance.models import AuditEvent, Project
from governance.roles import Role
from tests.factories import make_environment, make_member, make_project
from workspace.models import Artifact, Repository, Run

pytestmark = pytest.mark.django_db

NEWEST = "b" * 40


@pytest.fixture
def project() -> Project:
    project = make_project(url="https://git.example.com/shop.git")
    Repository.objects.filter(project=project).update(synced_commit=NEWEST)
    return project


@pytest.fixture
def environment(project: Project) -> Environment:
    """Production, whose time has come."""
    environment = make_environment(project)
    due = timezone.now() - timedelta(minutes=1)
    BuildSchedule.objects.create(environment=environment, every="day", at=time(4), next_at=due)
    return environment


def make_live(environment: Environment, commit: str) -> None:
    artifact = Artifact.keep("manifest.json", b"{}")
    environment.live = Deployment.objects.create(
        environment=environment, number=1, commit=commit, status="live", manifest=artifact
    )
    environment.save()


@pytest.mark.parametrize("live", [None, "a" * 40])
def test_the_newest_commit_is_built_where_another_one_is_live(
    environment: Environment, live: str | None
) -> None:
    if live:
        make_live(environment, live)

    assert builds_due() == 1

    deployment = Deployment.objects.get(status="planned")
    assert (deployment.environment, deployment.commit, deployment.reason) == (
        environment,
        NEWEST,
        "As scheduled",
    )
    assert deployment.requested_by is None
    assert deployment.run is not None
    assert AuditEvent.objects.get(action="deployment.requested").actor is None
    assert builds_due() == 0


def test_what_is_live_already_is_not_built_again(environment: Environment) -> None:
    make_live(environment, NEWEST)

    assert builds_due() == 1

    assert not Run.objects.exists()
    assert BuildSchedule.objects.get().next_at > timezone.now()


@pytest.mark.parametrize(("state", "builds"), [("planned", 1), ("applying", 1), ("failed", 2)])
def test_what_is_being_built_is_waited_for_and_what_failed_is_tried_again(
    environment: Environment, state: str, builds: int
) -> None:
    Deployment.objects.create(environment=environment, number=1, commit=NEWEST, status=state)

    builds_due()

    assert Deployment.objects.count() == builds


def test_before_the_first_pull_there_is_nothing_to_build(environment: Environment) -> None:
    Repository.objects.update(synced_commit="")

    assert builds_due() == 1
    assert not Deployment.objects.exists()


def test_a_standing_request_for_deployments_needs_the_right_to_deploy(project: Project) -> None:
    environment = make_environment(project)
    hourly: dict[str, Any] = {"every": "hours", "count": 1}
    with pytest.raises(NotAllowed):
        build_schedule_set(environment=environment, values=hourly, actor=make_member(project, Role.ADMIN))
    priya = make_member(project, Role.PUBLISHER)
    build_schedule_set(environment=environment, values=hourly, actor=priya)

    event = AuditEvent.objects.get(action="environment.schedule_changed")
    assert (event.actor, event.before, event.after) == (priya, {}, hourly)
    assert event.environment == "prod"


def test_the_page_sets_it_and_the_environments_say_when_the_next_build_is(
    project: Project, client: Client
) -> None:
    client.force_login(make_member(project, Role.PUBLISHER))
    path = reverse("environment-schedule", args=[project.slug, "prod"])

    refused = client.post(path, {"every": "day", "at": "25:00"})
    saved = client.post(path, {"every": "day", "at": "04:30", "weekday": "0", "count": ""}, follow=True)

    assert refused.status_code == 422
    assert "Every day at 04:30 UTC" in saved.content.decode()
    client.force_login(make_member(project, Role.VIEWER))
    page = client.get(reverse("environments", args=[project.slug])).content.decode()
    assert "Every day at 04:30 UTC" in page
    assert path not in page
    assert client.get(path).status_code == 403
