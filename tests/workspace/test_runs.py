"""Background work: asked for once, done once, taken over from the dead, never written by two."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from celery import current_app
from django.db import InterfaceError, OperationalError
from django.utils import timezone
from kombu.exceptions import OperationalError as BrokerError

from bisync.lib.errors import BisyncError, NotAllowed
from governance.models import AuditEvent, Project
from governance.roles import Role
from tests.factories import make_member, make_project
from tests.threads import at_once
from workspace import actions, commands, runs
from workspace.models import Run, RunCommand, RunStatus
from workspace.runs import LeaseLost, Work
from workspace.runs import ring as real_ring

KIND = "test.work"
in_threads = pytest.mark.django_db(transaction=True)
pytestmark = pytest.mark.django_db

Handle = Callable[[Callable[[Work], Any]], None]


class OutOfPaper(BisyncError):
    code = "test-out-of-paper"
    message = "The %(printer)s is out of paper. Put some in."


@pytest.fixture
def project() -> Project:
    return make_project()


@pytest.fixture
def handle(monkeypatch: pytest.MonkeyPatch) -> Handle:
    """Makes a function the handler of the runs of these tests."""

    def register(handler: Callable[[Work], Any]) -> None:
        monkeypatch.setitem(runs.HANDLERS, KIND, handler)

    return register


@pytest.fixture
def aftermath(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The states in which runs were when their app was asked to tidy up."""
    seen: list[str] = []
    monkeypatch.setitem(runs._ON_FAILURE, KIND, lambda run: seen.append(run.status))
    return seen


def wanted(project: Project, **fields: Any) -> Run:
    return runs.request(kind=KIND, project=project, **fields)


def let_lease_lapse(run: Run) -> None:
    """As if its worker had been gone for a while."""
    Run.objects.filter(pk=run.pk).update(lease_until=timezone.now() - timedelta(seconds=1))


def dead(project: Project, *, attempt: int = 1) -> Run:
    """A run whose worker was killed in the middle of it."""
    run = wanted(project)
    gone = timezone.now() - timedelta(minutes=1)
    Run.objects.filter(pk=run.pk).update(
        status=RunStatus.RUNNING, token="dead", attempt=attempt, claimed_at=gone, lease_until=gone
    )
    return run


def until(condition: Callable[[], object], *, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.05)


# -- Asking ---------------------------------------------------------------------------------------------


def test_an_identical_request_that_still_waits_is_the_answer(project: Project) -> None:
    first = wanted(project, subject="orders", params={"a": 1})

    again = wanted(project, subject="orders", params={"a": 2})

    assert again == first
    assert Run.objects.get().params == {"a": 1}


def test_other_subjects_kinds_and_projects_are_other_requests(project: Project) -> None:
    ours = [wanted(project, subject="a"), wanted(project, subject="b")]
    other_kind = runs.request(kind="test.other", project=project, subject="a")
    other_project = wanted(make_project(), subject="a")

    assert len({*ours, other_kind, other_project}) == 4


def test_one_that_is_at_work_may_have_looked_too_early_so_another_waits_behind_it(
    project: Project, handle: Handle
) -> None:
    asked_meanwhile: list[Run] = []
    handle(lambda work: asked_meanwhile.append(wanted(project)))
    first = wanted(project)

    runs.execute(first.pk)

    assert asked_meanwhile[0] != first
    assert asked_meanwhile[0].status == RunStatus.QUEUED


def test_the_one_behind_waits_for_the_one_at_work(project: Project, handle: Handle) -> None:
    did: list[int] = []

    def work_on(work: Work) -> None:
        did.append(work.run.pk)
        if len(did) == 1:
            runs.execute(wanted(project).pk)  # a second worker hears the bell at once

    handle(work_on)
    first = wanted(project)

    runs.execute(first.pk)

    assert did == [first.pk]
    assert Run.objects.get(status=RunStatus.QUEUED).attempt == 0


def test_the_one_behind_is_rung_for_as_soon_as_the_one_at_work_has_ended(
    project: Project, handle: Handle, rings: list[int], django_capture_on_commit_callbacks: Any
) -> None:
    asked_meanwhile: list[int] = []

    def work_on(_work: Work) -> None:
        asked_meanwhile.extend(wanted(project, subject=name).pk for name in ("same", "another"))

    handle(work_on)
    first = wanted(project, subject="same")
    rings.clear()

    with django_capture_on_commit_callbacks(execute=True):
        runs.execute(first.pk)

    behind, beside = asked_meanwhile
    assert rings == [behind, beside, behind]  # once when each was asked for, once when the first had ended


def test_where_runs_take_turns_the_next_is_rung_for_when_one_has_ended(
    project: Project,
    handle: Handle,
    rings: list[int],
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:
    monkeypatch.setattr(runs, "IN_TURN", frozenset({KIND}))
    did: list[str] = []

    def work_on(work: Work) -> None:
        did.append(work.run.subject)
        for other in (second, third, elsewhere):
            runs.execute(other.pk)  # other workers hear their bells meanwhile

    handle(work_on)
    first, second, third = (wanted(project, subject=name) for name in ("first", "second", "third"))
    elsewhere = wanted(make_project(), subject="elsewhere")
    rings.clear()

    with django_capture_on_commit_callbacks(execute=True):
        runs.execute(first.pk)

    assert did == ["first", "elsewhere"]
    assert rings == [second.pk]
    let_lease_lapse(dead(project))  # holds nobody up
    runs.execute(second.pk)
    assert did == ["first", "elsewhere", "second"]


@in_threads
def test_eight_requests_at_once_make_one_run(project: Project) -> None:
    asked = at_once(*[lambda: wanted(project, subject="orders")] * 8)

    assert len({run.pk for run in asked}) == 1
    assert Run.objects.count() == 1


def test_the_bell_rings_when_the_request_is_committed_and_once(
    project: Project, rings: list[int], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        run = wanted(project)
        wanted(project)
        assert rings == []

    assert rings == [run.pk]


@pytest.mark.parametrize(
    "failure", [BrokerError("refused"), ConnectionRefusedError(), ValueError("new kind")]
)
def test_a_broker_that_is_away_costs_nothing_but_time(
    project: Project,
    failure: Exception,
    rings: list[int],
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def refuse(*_args: object, **_options: object) -> None:
        raise failure

    with monkeypatch.context() as away:
        away.setattr(runs, "ring", real_ring)
        away.setattr(current_app, "send_task", refuse)
        with django_capture_on_commit_callbacks(execute=True):
            run = wanted(project)
    Run.objects.update(created_at=timezone.now() - timedelta(seconds=3))

    assert Run.objects.get().status == RunStatus.QUEUED
    assert caplog.records
    assert runs.sweep() == 1
    assert rings == [run.pk]


def test_a_broker_that_accepts_and_never_answers_holds_nobody_up(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = wanted(project)
    Run.objects.update(rung_at=timezone.now())
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setitem(current_app.conf, "broker_url", f"redis://127.0.0.1:{silent.getsockname()[1]}/0")
        begun = time.monotonic()
        real_ring(run.pk, run.kind)
    # Were its patience the workers', this would take twenty seconds.
    assert time.monotonic() - begun < 8
    assert Run.objects.get().rung_at is None


# -- Doing ----------------------------------------------------------------------------------------------


def test_work_leaves_its_result_its_progress_and_its_time(project: Project, handle: Handle) -> None:
    def work_on(work: Work) -> dict[str, object]:
        work.progress(step="count")
        work.progress(done=2, total=3)
        return {"orders": 6}

    handle(work_on)
    run = wanted(project)

    runs.execute(run.pk)

    run.refresh_from_db()
    assert (run.status, run.result, run.attempt) == (RunStatus.SUCCEEDED, {"orders": 6}, 1)
    assert run.progress == {"step": "count", "done": 2, "total": 3}
    assert run.error == ""
    assert run.seconds is not None
    assert run.lease_until is None


@in_threads
def test_of_eight_workers_that_hear_the_bell_one_does_the_work(project: Project, handle: Handle) -> None:
    did: list[int] = []
    handle(lambda work: did.append(work.run.pk))
    run = wanted(project)

    outcomes = at_once(*[lambda: runs.execute(run.pk)] * 8)

    assert outcomes == [None] * 8
    assert did == [run.pk]
    assert Run.objects.get().attempt == 1


def test_pulls_and_commits_do_not_wait_behind_builds(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    monkeypatch.setattr(current_app, "send_task", lambda _name, *, queue, **_how: sent.append(queue))

    for kind in ("pull", "proposal.publish", "proposal.check", "environment.deploy"):
        real_ring(1, kind)

    assert sent == ["quick", "quick", "heavy", "heavy"]


@pytest.mark.parametrize("status", [RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.CANCELLED])
def test_a_bell_that_rings_again_does_nothing(project: Project, handle: Handle, status: str) -> None:
    handle(lambda work: pytest.fail("done twice"))
    run = wanted(project)
    Run.objects.update(status=status)

    runs.execute(run.pk)
    runs.execute(run.pk + 1)  # of a run that was never committed

    assert Run.objects.get().status == status


def test_an_expected_failure_is_kept_by_code_and_told_as_a_sentence(
    project: Project, handle: Handle, aftermath: list[str]
) -> None:
    def work_on(work: Work) -> None:
        raise OutOfPaper(printer="LaserJet", sheets=Path("tray"))

    handle(work_on)
    run = wanted(project)

    runs.execute(run.pk)

    run.refresh_from_db()
    assert run.status == RunStatus.FAILED
    assert run.error_code == "test-out-of-paper"
    assert run.error_params == {"printer": "LaserJet", "sheets": "tray"}
    assert run.error == "The LaserJet is out of paper. Put some in."
    assert aftermath == [RunStatus.FAILED]


def test_a_bug_is_recorded_and_raised(project: Project, handle: Handle, aftermath: list[str]) -> None:
    def work_on(work: Work) -> None:
        raise ZeroDivisionError

    handle(work_on)
    run = wanted(project)

    with pytest.raises(ZeroDivisionError):
        runs.execute(run.pk)

    run.refresh_from_db()
    assert (run.status, run.error_code) == (RunStatus.FAILED, "unexpected")
    assert str(run.pk) in run.error
    assert aftermath == [RunStatus.FAILED]


def test_success_needs_no_tidying_up(project: Project, handle: Handle, aftermath: list[str]) -> None:
    handle(lambda work: None)

    runs.execute(wanted(project).pk)

    assert aftermath == []


# -- Taking over ----------------------------------------------------------------------------------------


def test_a_run_whose_worker_died_is_taken_over(project: Project, handle: Handle) -> None:
    seen: list[dict[str, Any]] = []
    handle(lambda work: seen.append(work.intent))
    run = dead(project)
    Run.objects.update(intent={"commit": "abc"})
    RunCommand.objects.create(run=run, name="dbt build", started_at=timezone.now())

    runs.execute(run.pk)

    run.refresh_from_db()
    assert (run.status, run.attempt) == (RunStatus.SUCCEEDED, 2)
    assert seen == [{"commit": "abc"}]
    assert run.commands.get().exit_code == -9  # it died with its worker


def test_a_run_whose_worker_reports_is_left_alone(project: Project, handle: Handle) -> None:
    handle(lambda work: pytest.fail("stolen"))
    run = dead(project)
    Run.objects.update(lease_until=timezone.now() + timedelta(seconds=20))

    runs.execute(run.pk)

    run.refresh_from_db()
    assert (run.status, run.attempt, run.token) == (RunStatus.RUNNING, 1, "dead")


def test_a_clock_that_is_set_back_holds_nothing_up(
    project: Project, handle: Handle, rings: list[int]
) -> None:
    handle(lambda work: None)
    tomorrow = timezone.now() + timedelta(days=1)
    left = dead(project)
    waits = wanted(project, subject="waits")
    Run.objects.update(lease_until=tomorrow, created_at=tomorrow, rung_at=tomorrow)

    assert runs.sweep() == 2
    runs.execute(left.pk)

    assert rings == [left.pk, waits.pk]
    assert Run.objects.get(pk=left.pk).status == RunStatus.SUCCEEDED


def test_the_clock_of_a_worker_decides_no_lease(
    project: Project, handle: Handle, monkeypatch: pytest.MonkeyPatch
) -> None:
    handle(lambda work: pytest.fail("stolen"))
    run = dead(project)
    Run.objects.update(lease_until=timezone.now() + timedelta(seconds=20))
    ahead = timezone.now() + timedelta(hours=1)
    monkeypatch.setattr(timezone, "now", lambda: ahead)

    runs.execute(run.pk)

    run.refresh_from_db()
    assert (run.status, run.attempt) == (RunStatus.RUNNING, 1)


def test_after_three_lost_workers_nobody_tries_again(
    project: Project, handle: Handle, aftermath: list[str]
) -> None:
    handle(lambda work: pytest.fail("a fourth time"))
    run = dead(project, attempt=3)

    runs.execute(run.pk)

    run.refresh_from_db()
    assert (run.status, run.error_code, run.attempt) == (RunStatus.FAILED, "worker-lost", 3)
    assert "3 times" in run.error
    assert aftermath == [RunStatus.FAILED]


def test_a_run_that_was_to_stop_when_its_worker_died_is_not_begun_again(
    project: Project, handle: Handle, aftermath: list[str]
) -> None:
    handle(lambda work: pytest.fail("begun again"))
    run = dead(project)
    Run.objects.update(cancel_requested=True)

    runs.execute(run.pk)

    run.refresh_from_db()
    assert run.status == RunStatus.CANCELLED
    assert aftermath == [RunStatus.CANCELLED]


def test_a_worker_that_lost_its_lease_can_write_nothing(project: Project, handle: Handle) -> None:
    refused: list[str] = []

    def work_on(work: Work) -> None:
        if work.run.attempt == 2:
            work.progress(step="second")
            return
        let_lease_lapse(work.run)
        runs.execute(work.run.pk)  # the second worker, from the first line to the last
        for write in (
            lambda: work.progress(step="first"),
            lambda: work.save_intent(commit="first"),
            lambda: rename_project(work),
        ):
            try:
                write()
            except LeaseLost as exc:
                refused.append(exc.code)
        work.note(step="first")
        work.show_notes()
        work.beat()
        assert work.lost.is_set()
        raise OutOfPaper(printer="first")

    def rename_project(work: Work) -> None:
        with work.fenced():
            Project.objects.filter(pk=project.pk).update(name="First")

    handle(work_on)
    run = wanted(project)

    runs.execute(run.pk)

    run.refresh_from_db()
    assert refused == ["lease-lost"] * 3
    assert (run.status, run.attempt) == (RunStatus.SUCCEEDED, 2)
    assert (run.progress, run.intent) == ({"step": "second"}, {})
    assert run.error_code == ""
    assert Project.objects.get(pk=project.pk).name == "Shop"


@in_threads  # a new connection, and so no transaction around the test
@pytest.mark.parametrize(
    "interruption",
    [
        SystemExit(),
        KeyboardInterrupt(),
        OperationalError("away"),
        InterfaceError("connection already closed"),
    ],
)
def test_a_worker_that_is_to_stop_or_loses_the_database_hands_its_run_back_at_once(
    project: Project,
    handle: Handle,
    interruption: BaseException,
    aftermath: list[str],
    rings: list[int],
) -> None:
    attempts: list[int] = []

    def work_on(work: Work) -> None:
        attempts.append(work.run.attempt)
        if work.run.attempt == 1:
            with work.fenced():
                raise interruption

    handle(work_on)
    run = wanted(project)
    Run.objects.update(rung_at=timezone.now())
    rings.clear()

    with suppress(SystemExit, KeyboardInterrupt):
        runs.execute(run.pk)
    assert (Run.objects.get().status, aftermath) == (RunStatus.RUNNING, [])
    assert (runs.sweep(), rings) == (1, [run.pk])
    runs.execute(run.pk)

    assert attempts == [1, 2]
    assert Run.objects.get().status == RunStatus.SUCCEEDED


def test_what_a_fenced_block_wrote_goes_when_it_fails(project: Project, handle: Handle) -> None:
    def work_on(work: Work) -> None:
        with work.fenced():
            Project.objects.filter(pk=project.pk).update(name="Half")
            raise OutOfPaper(printer="any")

    handle(work_on)

    runs.execute(wanted(project).pk)

    assert Project.objects.get(pk=project.pk).name == "Shop"


@in_threads
def test_the_lease_is_kept_for_as_long_as_the_work_goes_on(
    project: Project, handle: Handle, settings: Any
) -> None:
    settings.RUN_LEASE_SECONDS = 3
    leases: list[Any] = []

    def work_on(work: Work) -> None:
        started = Run.objects.get().lease_until
        until(lambda: Run.objects.get().lease_until > started)
        leases.append(Run.objects.get().lease_until - started)

    handle(work_on)

    runs.execute(wanted(project).pk)

    assert leases[0] > timedelta(0)
    assert Run.objects.get().status == RunStatus.SUCCEEDED


@in_threads
@pytest.mark.parametrize("failure", [InterfaceError("connection already closed"), OperationalError("away")])
def test_a_missed_heartbeat_is_not_the_last(
    project: Project, handle: Handle, settings: Any, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    settings.RUN_LEASE_SECONDS = 1
    beats: list[int] = []

    def beat(_work: Work) -> None:
        beats.append(1)
        if len(beats) == 1:
            raise failure

    monkeypatch.setattr(Work, "beat", beat)
    handle(lambda work: until(lambda: len(beats) > 1))

    runs.execute(wanted(project).pk)

    assert len(beats) > 1


@in_threads
def test_notes_from_a_commands_reader_are_shown(project: Project, handle: Handle, settings: Any) -> None:
    settings.RUN_LEASE_SECONDS = 3

    def work_on(work: Work) -> None:
        work.progress(step="build")
        work.note(done=1, total=9)
        until(lambda: Run.objects.get().progress.get("total") == 9)

    handle(work_on)

    runs.execute(wanted(project).pk)

    assert Run.objects.get().progress == {"step": "build", "done": 1, "total": 9}


# -- Stopping -------------------------------------------------------------------------------------------


def test_a_run_that_waits_is_stopped_at_once(project: Project, handle: Handle, aftermath: list[str]) -> None:
    handle(lambda work: pytest.fail("begun"))
    run = wanted(project)

    runs.cancel(run)
    runs.execute(run.pk)

    assert (run.status, run.error) == (RunStatus.CANCELLED, "This was cancelled.")
    assert aftermath == [RunStatus.CANCELLED]


@in_threads
def test_stopping_a_run_ends_the_command_that_it_started(
    project: Project, handle: Handle, tmp_path: Path, aftermath: list[str]
) -> None:
    def work_on(work: Work) -> None:
        finished = commands.run("sleep", ["sleep", "300"], cwd=tmp_path, env={"PATH": os.environ["PATH"]})
        assert finished.cancelled
        raise OutOfPaper(printer="any")  # as the gates of git and dbt do for a command that was stopped

    handle(work_on)
    run = wanted(project)
    worker = threading.Thread(target=lambda: at_once(lambda: runs.execute(run.pk)))
    worker.start()
    until(lambda: RunCommand.objects.exists())
    started = time.monotonic()

    runs.cancel(Run.objects.get())
    worker.join(30)

    run.refresh_from_db()
    assert time.monotonic() - started < 10
    assert (run.status, run.error_code) == (RunStatus.CANCELLED, "cancelled")
    assert run.commands.get().exit_code == -2  # SIGINT, which dbt hands on to the warehouse
    assert aftermath == [RunStatus.CANCELLED]


@in_threads
def test_a_worker_that_lost_its_lease_ends_its_command(
    project: Project, handle: Handle, tmp_path: Path, settings: Any
) -> None:
    settings.RUN_LEASE_SECONDS = 3
    ended: list[bool] = []

    def work_on(work: Work) -> None:
        Run.objects.filter(pk=work.run.pk).update(token="somebody else")
        finished = commands.run("sleep", ["sleep", "300"], cwd=tmp_path, env={"PATH": os.environ["PATH"]})
        ended.append(finished.cancelled)
        work.progress(step="more")

    handle(work_on)
    run = wanted(project)

    runs.execute(run.pk)

    assert ended == [True]
    assert Run.objects.get().status == RunStatus.RUNNING  # it is the other worker's to end


def test_whoever_may_start_a_run_may_stop_it_and_nobody_else(project: Project) -> None:
    viewer, contributor = make_member(project, Role.VIEWER), make_member(project, Role.CONTRIBUTOR)
    run = runs.request(kind="pull", project=project)

    with pytest.raises(NotAllowed):
        actions.run_cancel(run=run, actor=viewer)
    actions.run_cancel(run=run, actor=contributor)

    assert Run.objects.get().status == RunStatus.CANCELLED
    event = AuditEvent.objects.get(action="run.cancelled")
    assert (event.actor, event.target) == (contributor, f"run:{run.pk}")


def test_what_has_ended_cannot_be_stopped_and_nobody_is_said_to_have_done_so(project: Project) -> None:
    contributor = make_member(project, Role.CONTRIBUTOR)
    run = runs.request(kind="pull", project=project)
    Run.objects.update(status=RunStatus.SUCCEEDED)

    with pytest.raises(actions.FinishedAlready, match="has ended"):
        actions.run_cancel(run=run, actor=contributor)

    assert not AuditEvent.objects.filter(action="run.cancelled").exists()


def test_a_finished_run_is_asked_for_again_with_what_it_was_to_do(project: Project) -> None:
    contributor = make_member(project, Role.CONTRIBUTOR)
    run = runs.request(kind="pull", project=project, subject="x", params={"a": 1})
    with pytest.raises(actions.NotFinished):
        actions.run_retry(run=run, actor=contributor)
    Run.objects.update(status=RunStatus.SUCCEEDED)
    run.refresh_from_db()
    with pytest.raises(actions.NothingToRepeat, match="has succeeded"):
        actions.run_retry(run=run, actor=contributor)
    Run.objects.update(status=RunStatus.FAILED)
    run.refresh_from_db()

    again = actions.run_retry(run=run, actor=contributor)

    assert again != run
    assert (again.kind, again.subject, again.status) == ("pull", "x", "queued")
    assert again.params == {"a": 1}
    assert again.requested_by == contributor
    assert AuditEvent.objects.get(action="run.retried").before == {"run": run.pk}


# -- Commands -------------------------------------------------------------------------------------------


def test_a_command_is_kept_with_its_output_exit_and_time_and_without_secrets(
    project: Project, handle: Handle, tmp_path: Path
) -> None:
    code = "import sys; print('token', 'p@ss word'); print('p%40ss%20word', file=sys.stderr); sys.exit(3)"

    def work_on(work: Work) -> None:
        commands.run("talk", [sys.executable, "-c", code], cwd=tmp_path, env={}, secrets=["p@ss word"])
        commands.run("quiet", ["true"], cwd=tmp_path, env={"PATH": os.environ["PATH"]})

    handle(work_on)
    run = wanted(project)

    runs.execute(run.pk)

    talk, quiet = run.commands.all()
    assert sorted(talk.output.split("\n")) == ["", "token •••", "•••"]
    assert (talk.name, talk.argv[0], talk.exit_code, talk.attempt) == ("talk", sys.executable, 3, 1)
    assert talk.seconds is not None
    assert (quiet.name, quiet.output, quiet.exit_code) == ("quiet", "", 0)


@in_threads
def test_output_is_shown_while_the_command_goes_on(project: Project, handle: Handle, tmp_path: Path) -> None:
    shown: list[str] = []

    def work_on(work: Work) -> None:
        fifo = tmp_path / "go"
        os.mkfifo(fifo)

        def look() -> None:
            until(lambda: RunCommand.objects.exclude(output="").exists())
            shown.append(RunCommand.objects.get().output)
            fifo.write_text("second\n")

        looker = threading.Thread(target=lambda: at_once(look))
        looker.start()
        commands.run("talk", ["sh", "-c", f"echo first; read line <{fifo}; echo $line"], cwd=tmp_path, env={})
        looker.join(30)

    handle(work_on)

    runs.execute(wanted(project).pk)

    assert shown == ["first"]
    assert RunCommand.objects.get().output == "first\nsecond\n"


def test_a_command_outside_a_run_is_kept_nowhere(tmp_path: Path) -> None:
    finished = commands.run("quiet", ["true"], cwd=tmp_path, env={"PATH": os.environ["PATH"]})

    assert finished.exit_code == 0
    assert not RunCommand.objects.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_on_a_full_disk_work_waits_and_goes_on_once_there_is_room(
    project: Project, handle: Handle, settings: Any, tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(disk)], check=True)
    settings.DATA_DIR, settings.DISK_RESERVE_BYTES = disk, 2**20
    filler = disk / "log"

    def work_on(work: Work) -> None:
        (disk / "build").write_bytes(b"x" * 5 * 2**20)

    try:
        handle(work_on)
        run = wanted(project)
        filler.write_bytes(b"x" * 7 * 2**20 + b"x" * 2**19)
        runs.execute(run.pk)
        assert Run.objects.get().status == RunStatus.QUEUED

        filler.write_bytes(b"x" * 6 * 2**20)
        for _time in range(4):  # more often than a run may lose its worker
            runs.execute(run.pk)
            assert (Run.objects.get().status, Run.objects.get().error) == (RunStatus.RUNNING, "")

        filler.unlink()
        assert runs.due().count() == 1
        runs.execute(run.pk)
        assert Run.objects.get().status == RunStatus.SUCCEEDED
    finally:
        subprocess.run(["umount", str(disk)], check=True)


# -- The sweep ------------------------------------------------------------------------------------------


def test_the_sweep_rings_for_what_waits_and_what_was_left_and_for_nothing_else(
    project: Project, rings: list[int]
) -> None:
    states: Mapping[str, dict[str, Any]] = {
        "waits": {"status": "queued"},
        "left": {"status": "running", "lease_until": timezone.now() - timedelta(seconds=1)},
        "at work": {"status": "running", "lease_until": timezone.now() + timedelta(seconds=20)},
        "done": {"status": "succeeded"},
        "failed": {"status": "failed"},
        "stopped": {"status": "cancelled"},
    }
    made = {name: wanted(project, subject=name) for name in states}
    for name, fields in states.items():
        Run.objects.filter(pk=made[name].pk).update(
            created_at=timezone.now() - timedelta(seconds=10), **fields
        )
    just_asked = wanted(project, subject="just asked")

    assert runs.sweep() == 2

    assert rings == [made["waits"].pk, made["left"].pk]
    assert just_asked.pk not in rings


@pytest.fixture(autouse=True)
def _no_thread_left() -> Iterator[None]:
    yield
    assert [t for t in threading.enumerate() if t is not threading.main_thread() and not t.daemon] == []
