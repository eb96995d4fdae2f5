"""Pulls by the clock: what a timetable says, and that each of its times counts once."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone as clock

from bisync.celery import app
from bisync.lib.errors import InvalidInput, NotAllowed
from governance.models import AuditEvent, Project, User
from governance.roles import Role
from tests.factories import make_member, make_project
from tests.threads import at_once
from workspace import runs, schedules
from workspace.models import Every, PullSchedule, Run, RunStatus
from workspace.schedules import pull_schedule_set, pulls_due

pytestmark = pytest.mark.django_db

SUNDAY = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
QUARTERS = {"every": "minutes", "count": 15}


@pytest.fixture
def project() -> Project:
    return make_project(url="https://git.example.com/shop.git")


@pytest.fixture
def ada(project: Project) -> User:
    return make_member(project, Role.ADMIN)


def made_due(project: Project, *, ago: timedelta = timedelta(seconds=1), **values: Any) -> PullSchedule:
    """A timetable whose time came `ago`."""
    chosen = {"every": "minutes", "count": 15, **values}
    return PullSchedule.objects.create(project=project, next_at=clock.now() - ago, **chosen)


# -- When -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chosen", "now", "after", "expected", "words"),
    [
        ({"every": "minutes", "count": 5}, "12:00", None, "29 12:05", "Every 5 minutes"),
        # The rhythm is kept, however late somebody looked.
        ({"every": "minutes", "count": 5}, "12:00", "11:58", "29 12:03", "Every 5 minutes"),
        ({"every": "minutes", "count": 5}, "12:00", "12:00", "29 12:05", "Every 5 minutes"),
        ({"every": "minutes", "count": 5}, "12:00", "02:59", "29 12:04", "Every 5 minutes"),
        ({"every": "minutes", "count": 5}, "12:00", "23:00", "29 12:05", "Every 5 minutes"),
        ({"every": "hours", "count": 1}, "12:00", "11:30", "29 12:30", "Every hour"),
        ({"every": "hours", "count": 36}, "12:00", None, "31 00:00", "Every 36 hours"),
        ({"every": "day", "at": time(12, 1)}, "12:00", None, "29 12:01", "Every day at 12:01 UTC"),
        ({"every": "day", "at": time(12, 0)}, "12:00", None, "30 12:00", "Every day at 12:00 UTC"),
        ({"every": "day", "at": time(6, 0)}, "12:00", "06:00", "30 06:00", "Every day at 06:00 UTC"),
        ({"every": "week", "at": time(6), "weekday": 6}, "12:00", None, "36 06:00", "Every Sunday at 06:00 UTC"),
        ({"every": "week", "at": time(13), "weekday": 6}, "12:00", None, "29 13:00", "Every Sunday at 13:00 UTC"),
        ({"every": "week", "at": time(6), "weekday": 0}, "12:00", None, "30 06:00", "Every Monday at 06:00 UTC"),
        ({"every": "week", "at": time(6), "weekday": 5}, "12:00", None, "35 06:00", "Every Saturday at 06:00 UTC"),
    ],
)  # fmt: skip
def test_the_next_time_is_the_first_one_to_come(
    chosen: dict[str, Any], now: str, after: str | None, expected: str, words: str
) -> None:
    def at(told: str) -> datetime:
        hour, minute = map(int, told.split(":"))
        return SUNDAY.replace(hour=hour, minute=minute)

    day, told = expected.split()
    timetable = PullSchedule(**chosen)

    found = timetable.following(at(now), after=at(after) if after else None)

    assert found == at(told) + timedelta(days=int(day) - 29)
    assert str(timetable) == words


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"every": "minutes", "count": 4}, "count"),
        ({"every": "minutes", "count": None}, "count"),
        ({"every": "minutes", "count": 10_081}, "count"),
        ({"every": "hours", "count": 0}, "count"),
        ({"every": "hours", "count": 169}, "count"),
        ({"every": "day", "at": None}, "at"),
        ({"every": "week", "at": None, "weekday": "1"}, "at"),
    ],
)
def test_what_makes_no_timetable_is_refused_beside_its_field(
    project: Project, ada: User, values: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        pull_schedule_set(project=project, values=values, actor=ada)

    assert list(refused.value.fields) == [field]
    assert not PullSchedule.objects.exists()


def test_the_database_too_keeps_pulls_from_being_too_often(project: Project) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        made_due(project, count=4)


# -- Setting it -----------------------------------------------------------------------------------------


def test_a_timetable_is_set_changed_and_taken_away_with_an_audit_row_each(
    project: Project, ada: User
) -> None:
    pull_schedule_set(project=project, values=QUARTERS, actor=ada)
    first = PullSchedule.objects.get()
    pull_schedule_set(project=project, values=QUARTERS, actor=ada)
    assert PullSchedule.objects.get().next_at == first.next_at  # saving it again puts nothing off
    weekly = {"every": "week", "weekday": "2", "at": time(6, 30, 15)}
    pull_schedule_set(project=project, values=weekly, actor=ada)
    assert str(PullSchedule.objects.get()) == "Every Wednesday at 06:30 UTC"
    pull_schedule_set(project=project, values={"every": ""}, actor=ada)

    assert not PullSchedule.objects.exists()
    quarters, wednesday = QUARTERS, {"every": "week", "weekday": 2, "at": "06:30"}
    events = AuditEvent.objects.filter(action="pull.schedule_changed", actor=ada).order_by("pk")
    assert [(event.before, event.after) for event in events] == [
        ({}, quarters),
        (quarters, wednesday),
        (wednesday, {}),
    ]


def test_only_whoever_configures_the_repository_sets_it(project: Project) -> None:
    with pytest.raises(NotAllowed):
        pull_schedule_set(
            project=project, values=QUARTERS, actor=make_member(project, Role.CONTRIBUTOR, Role.PUBLISHER)
        )


def test_the_page_sets_it_and_pages_say_when_the_next_pull_is(
    project: Project, ada: User, client: Client
) -> None:
    client.force_login(ada)
    path = reverse("automatic-pulls", args=[project.slug])
    typed = {"act": "schedule", "every": "minutes", "count": "3", "at": "", "weekday": "0"}

    refused = client.post(path, typed)
    saved = client.post(path, {**typed, "count": "20"}, follow=True)

    assert refused.status_code == 422
    assert "Write a number from 5 to 10080." in refused.content.decode()
    assert "Every 20 minutes" in saved.content.decode()
    assert "next pull" in client.get(reverse("pulls", args=[project.slug])).content.decode()


def test_what_somebody_else_set_meanwhile_is_not_silently_taken_back(
    project: Project, ada: User, client: Client
) -> None:
    client.force_login(ada)
    path = reverse("automatic-pulls", args=[project.slug])
    seen = client.get(path).context["form"].fields["seen"].initial
    pull_schedule_set(project=project, values={"every": "day", "at": time(4)}, actor=ada)

    told = client.post(path, {"act": "schedule", "every": "hours", "count": "2", "seen": seen})

    assert told.status_code == 422
    assert "Somebody changed it meanwhile" in told.content.decode()
    assert PullSchedule.objects.get().every == Every.DAY


# -- Carrying it out ------------------------------------------------------------------------------------


def test_what_is_due_is_pulled_and_what_is_not_is_not(project: Project) -> None:
    due = made_due(project)
    made_due(make_project(url="https://git.example.com/b.git"), ago=-timedelta(minutes=1))

    assert pulls_due() == 1

    run = Run.objects.get()
    assert (run.kind, run.project, run.requested_by) == ("pull", project, None)
    assert AuditEvent.objects.get(action="pull.scheduled").actor is None
    before = due.next_at
    due.refresh_from_db()
    assert due.next_at == before + timedelta(minutes=15)
    assert pulls_due() == 0


def test_missed_times_are_made_up_for_once(project: Project) -> None:
    schedule = made_due(project, ago=timedelta(days=3))

    assert pulls_due() == 1
    Run.objects.update(status=RunStatus.SUCCEEDED)
    assert pulls_due() == 0

    schedule.refresh_from_db()
    assert clock.now() < schedule.next_at <= clock.now() + timedelta(minutes=15)
    assert Run.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_many_clocks_one_pulls(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    made_due(project)
    asked: list[Any] = []
    monkeypatch.setattr(schedules, "_pull", asked.append)

    assert sorted(at_once(*[pulls_due] * 8)) == [0] * 7 + [1]
    assert len(asked) == 1


def test_a_time_that_was_changed_meanwhile_is_left_alone(
    project: Project, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_due(project)
    seen = list(PullSchedule.objects.select_related("project"))
    pull_schedule_set(project=project, values={"every": "day", "at": time(4)}, actor=ada)

    assert not schedules._carry_out(seen[0], schedules._pull, clock.now())
    assert not Run.objects.exists()


def test_one_that_fails_stops_no_other_and_is_tried_again(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_due(project, ago=timedelta(hours=1))
    other = make_project(url="https://git.example.com/b.git")
    made_due(other)
    really = runs.request

    def failing(**asked: Any) -> Run:
        if asked["project"] == project:
            raise RuntimeError("Broken.")
        return really(**asked)

    monkeypatch.setattr(runs, "request", failing)
    assert pulls_due() == 1
    assert Run.objects.get().project == other
    monkeypatch.setattr(runs, "request", really)
    assert pulls_due() == 1
    assert Run.objects.filter(project=project).exists()


def test_a_clock_that_was_set_back_puts_no_pull_off_for_ever(project: Project) -> None:
    schedule = made_due(project, ago=-timedelta(days=365))

    assert pulls_due() == 1
    schedule.refresh_from_db()
    assert schedule.next_at <= clock.now() + timedelta(minutes=15)


def test_the_beat_looks_at_the_timetables() -> None:
    app.loader.import_default_modules()
    planned = {entry["task"] for entry in app.conf.beat_schedule.values()}

    due = {"workspace.pull_due", "environments.build_due", "environments.freshness_due"}
    assert {*due, "workspace.forget_deliveries"} <= planned
    assert planned <= set(app.tasks)
