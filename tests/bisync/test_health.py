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

from tests.factories import make_project
from workspace.models import Run

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
    assert "Workers" not in told


def test_tables_that_are_behind_are_told(client: Client, data_dir: Path) -> None:
    MigrationRecorder(connection).migration_qs.filter(app="workspace").delete()

    status, _word, told = parts(client)

    assert status == 503
    assert "manage.py migrate" in told["Tables"]["remedy"]


@pytest.mark.parametrize(("age", "at_work", "ok"), [(10, False, True), (90, False, False), (90, True, True)])
def test_work_that_nobody_takes_up_is_told(
    client: Client, data_dir: Path, age: int, at_work: bool, ok: bool
) -> None:
    project = make_project()
    now = timezone.now()
    Run.objects.create(project=project, kind="pull")
    Run.objects.update(created_at=now - timedelta(seconds=age))
    if at_work:
        Run.objects.create(
            project=project,
            kind="environment.deploy",
            status="running",
            token="t",
            lease_until=now + timedelta(minutes=1),
        )

    assert parts(client)[2]["Workers"]["ok"] is ok


def test_a_folder_that_cannot_be_written_is_told(client: Client, settings: Any, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path / "gone"

    assert "cannot be written" in parts(client)[2]["Disk"]["message"]


def test_it_answers_by_number_and_without_https(client: Client, settings: Any) -> None:
    settings.SECURE_SSL_REDIRECT = True
    settings.ALLOWED_HOSTS = ["bisync.example.com"]

    answer = client.get("/health/live", headers={"host": "10.1.2.3:8000"})

    assert (answer.status_code, answer.content) == (200, b"alive\n")
    assert client.post("/health/live", headers={"host": "10.1.2.3"}).status_code != 200
