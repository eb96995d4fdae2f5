"""Who watches over Bisync learns whether it can work, and a person what to do where it cannot."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from celery import current_app
from django.db import OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from django.utils import timezone

from bisync import probe
from bisync import settings as settings_module
from governance.models import User
from tests.factories import make_project, make_user
from workspace.models import Drain, Run

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nobody_rings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Port 9 discards: no broker answers there."""
    monkeypatch.setitem(current_app.conf, "broker_url", "redis://:secret-word@127.0.0.1:9/0")


def parts(client: Client) -> tuple[int, str, dict[str, dict[str, Any]]]:
    answer = client.get("/health/ready")
    assert "secret-word" not in answer.content.decode()
    told = answer.json()
    return answer.status_code, told["status"], {part["name"]: part for part in told["parts"]}


def test_a_broker_that_is_away_stops_no_page(client: Client, data_dir: Path) -> None:
    status, word, told = parts(client)

    assert (status, word) == (200, "degraded")
    assert [name for name, part in told.items() if not part["ok"]] == ["Broker"]
    assert "Nothing is lost" in told["Broker"]["remedy"]


def test_a_database_that_is_away_is_told_and_not_raised(client: Client, data_dir: Path) -> None:
    def away(*_args: object) -> None:
        raise OperationalError("connection to server at 10.0.0.1 failed")

    with connection.execute_wrapper(away):
        status, word, told = parts(client)

    assert (status, word) == (503, "unavailable")
    assert told["Database"]["message"] == "It does not answer."
    assert set(told) == {"Database", "Disk", "Broker"}


def test_a_database_that_goes_while_one_looks_is_told_and_not_raised(client: Client, data_dir: Path) -> None:
    def goes(execute: Any, sql: str, *args: Any) -> Any:
        if "workspace_run" in sql:
            raise OperationalError("terminating connection due to administrator command")
        return execute(sql, *args)

    with connection.execute_wrapper(goes):
        status, _word, told = parts(client)

    assert status == 503
    assert set(told) == {"Database", "Disk", "Broker"}


def test_tables_that_are_not_there_yet_are_told(client: Client, data_dir: Path) -> None:
    MigrationRecorder(connection).migration_qs.filter(app="workspace").delete()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE workspace_run RENAME TO workspace_not_yet")

    status, _word, told = parts(client)

    assert status == 503
    assert "manage.py migrate" in told["Tables"]["remedy"]
    assert set(told) == {"Database", "Tables", "Disk", "Broker"}


def test_whoever_probes_is_more_patient_than_the_answer_takes_at_worst() -> None:
    database: Any = settings_module._database("postgres://bisync@db.example.com/bisync")
    broker = 2  # a second to connect and one for the answer

    assert database["OPTIONS"]["connect_timeout"] + broker < probe.PATIENCE


def run(kind: str, status: str = "queued", *, age: int = 90, lease: int = 0) -> None:
    """A run asked for `age` seconds ago, whose worker has `lease` seconds left."""
    now = timezone.now()
    made = Run.objects.create(
        project=make_project(), kind=kind, status=status, lease_until=now + timedelta(seconds=lease)
    )
    Run.objects.filter(pk=made.pk).update(created_at=now - timedelta(seconds=age))


def unattended(client: Client) -> set[str]:
    """The queues for which a worker is missing."""
    told = parts(client)[2]
    names = {"Workers: pulls and commits": "quick", "Workers: builds": "heavy"}
    missing = {queue for name, queue in names.items() if not told[name]["ok"]}
    assert all(f"queue “{names[name]}”" in told[name]["remedy"] for name in names if not told[name]["ok"])
    return missing


def test_work_that_nobody_takes_up_is_told_by_queue(client: Client, data_dir: Path) -> None:
    run("pull", age=10)
    run("environment.deploy", age=10)
    assert unattended(client) == set()

    run("pull")
    assert unattended(client) == {"quick"}
    run("proposal.check")
    assert unattended(client) == {"quick", "heavy"}

    run("environment.deploy", "running", lease=20)
    assert unattended(client) == {"quick"}
    run("proposal.publish", "running", lease=20)
    assert unattended(client) == set()


def test_a_run_whose_worker_died_counts_as_waiting_once_others_had_time_to_take_it_up(
    client: Client, data_dir: Path
) -> None:
    run("environment.deploy", "running", lease=-10)
    assert unattended(client) == set()
    run("environment.deploy", "running", lease=-90)
    assert unattended(client) == {"heavy"}


def test_a_folder_that_cannot_be_written_is_told(client: Client, settings: Any, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path / "gone"

    assert "cannot be written" in parts(client)[2]["Disk"]["message"]


def test_it_answers_by_number_and_without_https(client: Client, settings: Any) -> None:
    settings.SECURE_SSL_REDIRECT = True
    settings.ALLOWED_HOSTS = ["bisync.example.com"]

    answer = client.get("/health/live", headers={"host": "10.1.2.3:8000"})

    assert (answer.status_code, answer.content) == (200, b"alive\n")
    assert client.post("/health/live", headers={"host": "10.1.2.3"}).status_code != 200


def test_what_waits_in_a_drained_queue_waits_for_somebody_to_resume_it(
    client: Client, data_dir: Path
) -> None:
    by = User.objects.create_user("a@b.example")
    Drain.objects.create(queue="quick", reason="The server moves.", by=by)
    run("pull")

    told = parts(client)[2]["Workers: pulls and commits"]

    assert (told["ok"], told["message"]) == (False, "1 run waits: it is drained.")
    assert "Resume the queue “quick”" in told["remedy"]


@pytest.mark.parametrize(
    ("address", "told"), [("/", "database does not answer"), ("/api/v1/me/", "database-away")]
)
def test_a_database_that_is_away_is_told_and_no_fault_of_bisyncs(
    address: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = Client(raise_request_exception=False)
    client.force_login(make_user())

    def away(*_args: object, **_named: object) -> None:
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr("bisync.views.page", away)
    monkeypatch.setattr("bisync.api.projects.MeView.get", away)

    answer = client.get(address)

    assert (answer.status_code, told in answer.content.decode()) == (503, True)
