"""Queues: what waits and works is seen, drained without losing anything, stopped and repeated by who may."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from bisync.lib.errors import InvalidInput, NotAllowed
from governance.models import AuditEvent, Project, User
from governance.roles import Role
from tests.factories import make_member, make_project
from tests.threads import at_once
from workspace import actions, runs, selectors
from workspace.models import Drain, Queue, Run, RunStatus
from workspace.runs import Work

pytestmark = pytest.mark.django_db

QUICK, HEAVY = "pull", "environment.deploy"


@pytest.fixture
def project() -> Project:
    return make_project(slug="shop", url="https://git.example.com/shop.git")


@pytest.fixture
def boss() -> User:
    return User.objects.create_superuser("boss@example.com", name="Boss")


@pytest.fixture
def worked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The runs that workers carried out."""
    done: list[int] = []
    for kind in (QUICK, HEAVY):
        monkeypatch.setitem(runs.HANDLERS, kind, lambda work: done.append(work.run.pk))
    monkeypatch.setattr(runs, "load_handlers", lambda: None)
    return done


def wanted(project: Project, kind: str = QUICK, **fields: Any) -> Run:
    run = runs.request(kind=kind, project=project, subject=str(Run.objects.count()))
    Run.objects.filter(pk=run.pk).update(**fields)
    run.refresh_from_db()
    return run


def lost(project: Project, kind: str = QUICK, **fields: Any) -> Run:
    """At work, says its row, but nobody has heard of its worker for a minute."""
    gone = timezone.now() - timedelta(minutes=1)
    return wanted(project, kind, status="running", token="dead", attempt=1, lease_until=gone, **fields)


def set_aside(project: Project, kind: str = QUICK) -> Run:
    run = lost(project, kind)
    Run.objects.filter(pk=run.pk).update(attempt=3)
    runs.execute(run.pk)
    run.refresh_from_db()
    assert run.error_code == "worker-lost"
    return run


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


# -- Draining -------------------------------------------------------------------------------------------


def test_workers_take_nothing_from_a_drained_queue_until_it_is_resumed(
    project: Project, boss: User, worked: list[int]
) -> None:
    quick, heavy, left = wanted(project), wanted(project, HEAVY), lost(project)
    actions.queue_drain(queue=Queue.QUICK, reason="An update.", actor=boss)

    for run in (quick, heavy, left):
        runs.execute(run.pk)
    assert worked == [heavy.pk]
    quick.refresh_from_db()
    assert (quick.status, quick.attempt) == (RunStatus.QUEUED, 0)

    actions.queue_resume(queue=Queue.QUICK, actor=boss)
    for run in (quick, left):
        runs.execute(run.pk)
    assert worked == [heavy.pk, quick.pk, left.pk]


def test_what_is_at_work_when_its_queue_is_drained_goes_on_to_its_end(
    project: Project, boss: User, worked: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def work_on(work: Work) -> dict[str, object]:
        actions.queue_drain(queue=Queue.QUICK, reason="An update.", actor=boss)
        work.progress(step="after")
        return {"orders": 6}

    monkeypatch.setitem(runs.HANDLERS, QUICK, work_on)
    run = wanted(project)

    runs.execute(run.pk)

    run.refresh_from_db()
    assert (run.status, run.result, run.progress) == (RunStatus.SUCCEEDED, {"orders": 6}, {"step": "after"})


def test_a_drained_run_can_still_be_stopped(project: Project, boss: User, worked: list[int]) -> None:
    queued, left = wanted(project), lost(project)
    actions.queue_drain(queue=Queue.QUICK, reason="An update.", actor=boss)

    for run in (queued, left):
        actions.run_cancel(run=run, actor=boss)
        runs.execute(run.pk)

    assert set(Run.objects.values_list("status", flat=True)) == {RunStatus.CANCELLED}
    assert worked == []


def test_nobody_rings_for_a_drained_queue_and_everybody_when_it_is_resumed(
    project: Project, boss: User, rings: list[int], django_capture_on_commit_callbacks: Any
) -> None:
    quick, heavy = wanted(project), wanted(project, HEAVY)
    Run.objects.update(created_at=timezone.now() - timedelta(minutes=1))
    actions.queue_drain(queue=Queue.QUICK, reason="An update.", actor=boss)

    runs.sweep()
    assert rings == [heavy.pk]
    with django_capture_on_commit_callbacks(execute=True):
        actions.queue_resume(queue=Queue.QUICK, actor=boss)

    assert rings == [heavy.pk, quick.pk]


@pytest.mark.django_db(transaction=True)
def test_of_two_who_drain_a_queue_at_once_one_is_told_that_it_is_done() -> None:
    boss = User.objects.create_superuser("boss@example.com", name="Boss")
    drain = [
        lambda reason=reason: actions.queue_drain(queue=Queue.HEAVY, reason=reason, actor=boss)
        for reason in ("An update.", "A backup.")
    ]

    outcomes = at_once(*drain)

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Drain", "QueueDrained"]
    assert Drain.objects.get().reason in str(next(o for o in outcomes if isinstance(o, Exception)))
    assert AuditEvent.objects.filter(action="queue.drained").count() == 1


def test_a_queue_is_drained_by_administrators_of_the_installation_and_with_a_reason(
    project: Project, boss: User
) -> None:
    everything = make_member(project, *Role)

    with pytest.raises(NotAllowed):
        actions.queue_drain(queue=Queue.QUICK, reason="An update.", actor=everything)
    with pytest.raises(InvalidInput):
        actions.queue_drain(queue=Queue.QUICK, reason=" ", actor=boss)
    actions.queue_drain(queue=Queue.QUICK, reason="An update.", actor=boss)
    with pytest.raises(NotAllowed):
        actions.queue_resume(queue=Queue.QUICK, actor=everything)

    assert list(selectors.drains()) == ["quick"]


def test_whoever_waits_reads_why(project: Project, boss: User) -> None:
    run = wanted(project)
    member, operator = signed_in(make_member(project, Role.VIEWER)), signed_in(boss)
    pages = ["/shop/runs/", f"/shop/runs/{run.pk}/", "/shop/pulls/", "/shop/queues/"]

    def told() -> list[bool]:
        return ["Moving the server" in member.get(path).content.decode() for path in pages]

    operator.post("/system/queues/", {"queue": "quick", "reason": "Moving the server <b>now</b>."})
    assert told() == [True] * 4
    assert "<b>now" not in member.get(pages[0]).content.decode()
    operator.post("/system/queues/quick/resume/")

    assert told() == [False] * 4
    assert [event.action for event in AuditEvent.objects.order_by("-id")[:2]] == [
        "queue.resumed",
        "queue.drained",
    ]


# -- Looking --------------------------------------------------------------------------------------------


def test_queues_are_counted_with_the_oldest_that_waits(project: Project, boss: User) -> None:
    old = timezone.now() - timedelta(hours=3)
    wanted(project, HEAVY)
    wanted(make_project(), HEAVY, created_at=old)
    wanted(project, status="running")
    wanted(project, status="succeeded", created_at=old)

    def counted(states: list[selectors.QueueState]) -> list[tuple[int, int, bool]]:
        return [(state.waiting, state.at_work, state.oldest == old) for state in states]

    assert counted(selectors.queues()) == [(0, 1, False), (2, 0, True)]
    assert counted(selectors.queues(project)) == [(0, 1, False), (1, 0, False)]


def test_the_console_shows_every_project_and_a_project_its_own(
    project: Project, boss: User, worked: list[int]
) -> None:
    other = make_project()
    runs_of = {one.pk: (lost(one), wanted(one), set_aside(one)) for one in (project, other)}
    operator = signed_in(boss)

    def listed(path: str) -> list[int]:
        context = operator.get(path).context
        return sorted(run.pk for part in ("at_work", "waiting", "set_aside") for run, _may in context[part])

    assert listed("/system/queues/") == sorted(run.pk for three in runs_of.values() for run in three)
    assert listed("/shop/queues/") == sorted(run.pk for run in runs_of[project.pk])
    assert "Lost" in operator.get("/shop/queues/").content.decode()


def test_a_run_that_was_set_aside_goes_from_the_list_when_it_is_asked_for_again(
    project: Project, boss: User, worked: list[int]
) -> None:
    run = set_aside(project)
    assert selectors.set_aside() == [run]

    answer = signed_in(boss).post(f"/shop/runs/{run.pk}/retry/", {"back": "/system/queues/"})

    assert answer["Location"] == "/system/queues/"
    assert selectors.set_aside() == []
    assert Run.objects.get(status="queued").subject == run.subject


# -- Stopping and repeating -----------------------------------------------------------------------------


def test_whoever_runs_the_installation_stops_anything_and_repeats_what_machines_lost(
    project: Project, boss: User, worked: list[int]
) -> None:
    failed = wanted(project, HEAVY, status="failed", error_code="dbt-failed")
    given_up, at_work = set_aside(project, HEAVY), wanted(project, HEAVY, status="running")
    operator = signed_in(boss)

    def act(run: Run, verb: str) -> int:
        return operator.post(f"/shop/runs/{run.pk}/{verb}/").status_code

    assert act(at_work, "cancel") == 302
    assert act(given_up, "retry") == 302
    # To deploy again is the publishers' to decide.
    assert act(failed, "retry") == 403
    assert Run.objects.get(pk=at_work.pk).cancel_requested


@pytest.mark.parametrize("verb", ["cancel", "retry"])
def test_a_member_without_the_right_neither_stops_nor_repeats(
    project: Project, worked: list[int], verb: str
) -> None:
    run = wanted(project, HEAVY) if verb == "cancel" else set_aside(project, HEAVY)

    answer = signed_in(make_member(project, Role.ADMIN, Role.REVIEWER)).post(f"/shop/runs/{run.pk}/{verb}/")

    assert answer.status_code == 403


def test_a_form_leads_back_to_a_page_of_ours_only(project: Project, boss: User) -> None:
    run = wanted(project)

    answer = signed_in(boss).post(f"/shop/runs/{run.pk}/cancel/", {"back": "https://evil.example/"})

    assert answer["Location"] == f"/shop/runs/{run.pk}/"


def test_draining_and_resuming_are_undone_until_somebody_does_something_else(
    boss: User, client: Client
) -> None:
    def undo_of(answer: Any) -> str:
        *_before, message = answer.context["messages"]
        return str(message.extra_tags)

    client.force_login(boss)
    drained = client.post("/system/queues/", {"queue": "quick", "reason": "An update."}, follow=True)
    assert client.post(undo_of(drained)).status_code == 302
    assert not Drain.objects.filter(ended_at=None).exists()
    assert client.post(undo_of(drained)).status_code == 409

    actions.queue_drain(queue=Queue.QUICK, reason="A move.", actor=boss)
    resumed = client.post("/system/queues/quick/resume/", follow=True)
    assert client.post(undo_of(resumed)).status_code == 302
    again = Drain.objects.get(ended_at=None)
    assert (again.reason, again.by) == ("A move.", boss)
    assert client.post(undo_of(resumed)).status_code == 409
    assert client.post(undo_of(drained)).status_code == 409
    assert Drain.objects.filter(ended_at=None).get() == again
