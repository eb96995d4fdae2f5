"""How often column lineage is worked out by itself."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from catalog.models import Snapshot
from catalog.search import index
from environments.models import Deployment
from environments.schedules import lineage_due
from environments.tracing import trace_soon
from governance.models import Project
from governance.roles import Role
from tests.factories import make_environment, make_member, make_project, make_snapshot
from workspace.models import Run
from workspace.strategies import strategy_set

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture
def project() -> Project:
    return make_project(url="https://git.example.com/shop.git")


@pytest.fixture
def pulled(project: Project) -> Snapshot:
    return make_snapshot(project, {}, {})


def choose(project: Project, frequency: str) -> None:
    ada = make_member(project, Role.ADMIN)
    strategy_set(project=project, choices={"lineage.frequency": frequency}, actor=ada)


def asked(ago: timedelta, project: Project, status: str = "succeeded") -> None:
    """Column lineage was worked out so long ago, or what else became of that."""
    run = Run.objects.create(project=project, kind="catalog.lineage", status=status)
    Run.objects.filter(pk=run.pk).update(created_at=timezone.now() - ago)


def waiting() -> list[str]:
    return list(Run.objects.filter(status="queued").values_list("kind", flat=True))


@pytest.mark.parametrize(
    ("frequency", "kinds"), [("each_pull", ["catalog.lineage"]), ("daily", []), ("on_demand", [])]
)
def test_a_pull_and_a_release_start_it_only_where_that_was_chosen(
    project: Project, pulled: Snapshot, frequency: str, kinds: list[str]
) -> None:
    choose(project, frequency)

    trace_soon(project, pulled)
    trace_soon(project)

    assert waiting() == kinds


def test_what_a_large_pull_brought_is_found_all_the_same(
    project: Project, pulled: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index, "_AT_ONCE", -1)
    choose(project, "on_demand")

    trace_soon(project, pulled)
    trace_soon(project)

    assert waiting() == ["catalog.index"]


def test_once_a_day_is_once_a_day_and_only_for_something_new(project: Project, pulled: Snapshot) -> None:
    choose(project, "daily")
    asked(23 * HOUR, project)
    assert lineage_due() == 0

    asked(25 * HOUR, project)
    Run.objects.filter(created_at__gt=timezone.now() - 24 * HOUR).delete()
    assert (lineage_due(), waiting()) == (1, ["catalog.lineage"])
    assert lineage_due() == 0

    Run.objects.all().delete()
    Snapshot.objects.update(created_at=timezone.now() - 48 * HOUR)
    asked(25 * HOUR, project)
    assert lineage_due() == 0
    production = make_environment(project)
    Deployment.objects.create(
        environment=production, number=1, commit="a" * 40, reason="First", live_at=timezone.now()
    )
    assert lineage_due() == 1


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_what_came_to_nothing_is_tried_again_on_the_next_day(
    project: Project, pulled: Snapshot, status: str
) -> None:
    choose(project, "daily")
    Snapshot.objects.update(created_at=timezone.now() - 48 * HOUR)
    asked(50 * HOUR, project)
    asked(23 * HOUR, project, status)
    assert lineage_due() == 0

    Run.objects.filter(status=status).update(created_at=timezone.now() - 25 * HOUR)
    assert (lineage_due(), waiting()) == (1, ["catalog.lineage"])


def test_a_project_that_was_never_looked_at_is_and_others_are_left_alone(
    project: Project, pulled: Snapshot
) -> None:
    assert lineage_due() == 0
    choose(project, "daily")
    assert lineage_due() == 1
    other = make_project()
    choose(other, "daily")
    assert lineage_due() == 0  # nothing was pulled there
