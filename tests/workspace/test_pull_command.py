"""`manage.py pull`: what a script is told, and whether it may go on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from governance.models import AuditEvent, Project
from tests.factories import make_project, work_off
from tests.ready import Ready
from workspace.management.commands import pull
from workspace.models import Run

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody takes up what waits while the command sleeps."""
    monkeypatch.setattr(pull.time, "sleep", lambda _seconds: work_off())


@pytest.mark.dbt
def test_it_waits_and_says_what_the_pull_brought(
    ready: Ready, tmp_path: Path, data_dir: Path, worker: None, capsys: pytest.CaptureFixture[str]
) -> None:
    origin = ready.origin(tmp_path / "git")
    project = make_project(url=origin.url)
    ready.pulled(project)

    call_command("pull", project.slug)

    run = Run.objects.get(kind="pull")
    assert capsys.readouterr().out == f"Pull #{run.pk}: nothing new since {ready.commit[:8]}.\n"
    assert run.requested_by is None
    assert AuditEvent.objects.get(action="pull.requested").after == {"by": "manage.py pull"}


@pytest.mark.parametrize(
    ("result", "said"),
    [
        ({"first": False, "added": 2, "changed": 1, "removed": 0}, "2 new, 1 changed, 0 gone."),
        ({"first": True, "added": 40, "changed": 0, "removed": 0}, "the first pull."),
    ],
)
def test_a_change_is_told_in_numbers(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], result: dict[str, Any], said: str
) -> None:
    project = make_project(url="https://git.example.com/shop.git")
    done = {"status": "succeeded", "result": {"commit": "c" * 40, **result}}
    monkeypatch.setattr(pull.time, "sleep", lambda _seconds: Run.objects.update(**done))

    call_command("pull", project.slug)

    assert capsys.readouterr().out.endswith(f": cccccccc, {said}\n")


def test_a_pull_that_fails_fails_the_command_with_its_sentence(
    tmp_path: Path, data_dir: Path, worker: None
) -> None:
    project = make_project(url=str(tmp_path / "nowhere.git"))

    with pytest.raises(CommandError) as told:
        call_command("pull", project.slug)

    run = Run.objects.get()
    assert run.status == "failed"
    assert run.error
    assert str(told.value) == f"{run.title}: {run.error}"


def test_without_a_worker_it_says_so_and_the_pull_stays_asked_for(project_alone: Project) -> None:
    with pytest.raises(CommandError, match="was not taken up: does a worker run"):
        call_command("pull", project_alone.slug, timeout=0)

    assert Run.objects.get().status == "queued"


@pytest.fixture
def project_alone() -> Project:
    return make_project(url="https://git.example.com/shop.git")


@pytest.mark.parametrize("slug", ["nowhere", "empty"])
def test_a_project_that_cannot_be_pulled_is_named(slug: str) -> None:
    make_project(slug="empty")

    with pytest.raises(CommandError, match=f"There is no project “{slug}” with a repository"):
        call_command("pull", slug)
    assert not Run.objects.exists()
