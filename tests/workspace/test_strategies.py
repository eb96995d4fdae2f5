"""Strategy and frequency: chosen in a form or said by a file of the repository, which comes first."""

from __future__ import annotations

import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from bisync.api import syncing
from bisync.lib.errors import InvalidInput, NotAllowed
from governance.models import Answered, AuditEvent, Project, User
from governance.roles import Role
from tests.factories import make_member, make_project
from tests.fakes.git_remote import Origin
from tests.programs import Program
from tests.ready import Ready
from tests.threads import PATIENCE, at_once
from workspace import strategies, sync_file
from workspace.git import process
from workspace.models import PullSchedule, Repository, Run, SyncSettings
from workspace.repositories import mirror_of
from workspace.schedules import SetByFile, pull_schedule_set
from workspace.strategies import settings_of, strategy_set

pytestmark = pytest.mark.django_db

FILE = "bisync/sync.yml"
HOURS = "version: 1\npull: {every: hours, count: 2}\n"
QUARTERS = {"every": "minutes", "count": 15}


@pytest.fixture
def origin(ready: Ready, tmp_path: Path, data_dir: Path) -> Origin:
    return ready.origin(tmp_path / "git")


@pytest.fixture
def project(origin: Origin) -> Project:
    return make_project(url=origin.url)


@pytest.fixture
def ada(project: Project) -> User:
    return make_member(project, Role.ADMIN)


def arrive(project: Project, origin: Origin, text: str | None, subject: str = "sync: Say how.") -> str:
    """A commit with this file, and what a pull does about it."""
    commit = origin.commit({FILE: text}, subject)
    again(project)
    return commit


def again(project: Project) -> None:
    repository = Repository.objects.select_related("project").get(project=project)
    mirror = mirror_of(repository)
    with strategies.audit.atomic():
        strategies.file_arrived(project, strategies.file_in(repository, mirror, mirror.fetch()))


def told(project: Project) -> str:
    schedule = PullSchedule.objects.filter(project=project).first()
    return str(schedule) if schedule else ""


def address(project: Project) -> str:
    return reverse("automatic-pulls", args=[project.slug])


# -- The form -------------------------------------------------------------------------------------------


def test_a_choice_is_kept_with_an_audit_row_and_the_rest_stays_as_it_is(project: Project, ada: User) -> None:
    strategy_set(project=project, choices={"lineage.frequency": "daily"}, actor=ada)
    strategy_set(project=project, choices={"lineage.frequency": "daily"}, actor=ada)
    strategy_set(project=project, choices={"tests.strategy": "off"}, actor=ada)

    settings = settings_of(project)
    assert settings.of("lineage", "frequency") == "daily"
    assert settings.of("documentation", "conflicts") == "ask"
    events = AuditEvent.objects.filter(action="sync.changed", actor=ada, project=project).order_by("pk")
    assert [event.after for event in events] == [
        {"lineage.frequency": "daily"},
        {"lineage.frequency": "daily", "tests.strategy": "off"},
    ]


@pytest.mark.parametrize("wrong", [{"lineage.frequency": "off"}, {"lineage.strategy": "both"}, {"x": "ask"}])
def test_what_is_not_offered_is_refused(project: Project, ada: User, wrong: dict[str, str]) -> None:
    with pytest.raises(InvalidInput):
        strategy_set(project=project, choices=wrong, actor=ada)
    assert settings_of(project).chosen == {}


def test_only_whoever_configures_the_repository_chooses(project: Project, client: Client) -> None:
    priya = make_member(project, Role.CONTRIBUTOR, Role.PUBLISHER)
    client.force_login(priya)

    with pytest.raises(NotAllowed):
        strategy_set(project=project, choices={"tests.strategy": "off"}, actor=priya)
    page = client.get(address(project))

    assert page.status_code == 200
    assert not [
        field for field in page.context["kinds"] if not (field.field.disabled or field.name == "seen")
    ]
    assert "save-strategy" not in page.content.decode()
    assert client.post(address(project), {"act": "strategy", "tests.strategy": "off"}).status_code == 403


def test_the_form_sets_everything_without_a_script(project: Project, ada: User, client: Client) -> None:
    client.force_login(ada)
    form = client.get(address(project)).context["kinds"]
    sent = {name: form.get_initial_for_field(field, name) for name, field in form.fields.items()}

    answer = client.post(
        address(project), {**sent, "act": "strategy", "documentation.conflicts": "business"}, follow=True
    )

    assert answer.status_code == 200
    assert settings_of(project).of("documentation", "conflicts") == "business"
    wrong = client.post(address(project), {**sent, "act": "strategy", "tests.strategy": "maybe"})
    assert wrong.status_code == 422


def test_where_a_kind_comes_from_dbt_only_dbt_wins(project: Project, ada: User) -> None:
    chosen = {"documentation.strategy": "dbt_to_bisync", "documentation.conflicts": "business"}
    strategy_set(project=project, choices=chosen, actor=ada)
    assert settings_of(project).of("documentation", "conflicts") == "dbt"

    strategy_set(project=project, choices={"documentation.strategy": "both"}, actor=ada)
    assert settings_of(project).of("documentation", "conflicts") == "business"


# -- The file -------------------------------------------------------------------------------------------


def test_what_the_file_says_comes_first_and_nobody_changes_it_here(
    project: Project, origin: Origin, ada: User, client: Client
) -> None:
    strategy_set(project=project, choices={"lineage.frequency": "daily", "tests.strategy": "off"}, actor=ada)
    pull_schedule_set(project=project, values=QUARTERS, actor=ada)
    commit = arrive(project, origin, HOURS + "metadata: {lineage: {frequency: on_demand}}\n")

    settings = settings_of(project)
    assert (settings.of("lineage", "frequency"), settings.of("tests", "strategy")) == ("on_demand", "off")
    assert told(project) == "Every 2 hours"
    event = AuditEvent.objects.get(action="sync.taken")
    assert (event.actor, event.project, event.before) == (None, project, {})
    assert event.after == {
        "pull": {"every": "hours", "count": 2},
        "lineage.frequency": "on_demand",
        "commit": commit,
        "author": "Ada",
    }
    with pytest.raises(SetByFile, match=r"bisync/sync\.yml"):
        strategy_set(project=project, choices={"lineage.frequency": "daily"}, actor=ada)
    with pytest.raises(SetByFile):
        pull_schedule_set(project=project, values={"every": ""}, actor=ada)
    client.force_login(ada)
    page = client.get(address(project))
    form, text = page.context["kinds"], page.content.decode()
    assert [name for name, field in form.fields.items() if field.disabled] == ["lineage.frequency"]
    assert f"Set by bisync/sync.yml in commit {commit[:8]}" in text
    assert page.context["form"].fields["every"].disabled
    client.post(address(project), {"act": "strategy", "lineage.frequency": "daily", "tests.strategy": "off"})
    assert settings_of(project).chosen["lineage.frequency"] == "daily"
    assert settings_of(project).of("lineage", "frequency") == "on_demand"


def test_what_the_file_says_no_more_is_as_it_was_chosen_before(
    project: Project, origin: Origin, ada: User
) -> None:
    pull_schedule_set(project=project, values=QUARTERS, actor=ada)
    strategy_set(project=project, choices={"lineage.frequency": "daily"}, actor=ada)
    arrive(project, origin, HOURS + "metadata: {lineage: {frequency: on_demand}}\n")
    arrive(project, origin, "version: 1\npull: off\n")
    assert (told(project), settings_of(project).of("lineage", "frequency")) == ("", "daily")

    arrive(project, origin, None)

    assert told(project) == "Every 15 minutes"
    assert settings_of(project).said == {}
    assert AuditEvent.objects.filter(action="sync.taken").count() == 3
    pull_schedule_set(project=project, values={"every": ""}, actor=ada)


def test_a_wrong_file_changes_nothing_and_pages_say_where_and_what(
    project: Project, origin: Origin, ada: User, client: Client
) -> None:
    first = arrive(project, origin, HOURS)
    wrong = arrive(project, origin, "version: 1\npull: off\nmetadata:\n  tests:\n    strategy: maybe\n")

    settings = settings_of(project)
    assert (settings.said, settings.commit, settings.wrong_commit) == (
        {"pull": {"every": "hours", "count": 2}},
        first,
        wrong,
    )
    assert told(project) == "Every 2 hours"
    assert AuditEvent.objects.get(action="sync.refused").after["commit"] == wrong
    client.force_login(ada)
    for name in ("pulls", "project-health", "automatic-pulls"):
        text = client.get(reverse(name, args=[project.slug])).content.decode()
        assert "bisync/sync.yml:5" in text, name
        assert "Write both or dbt_to_bisync or off." in text
        assert first[:8] in text

    arrive(project, origin, HOURS)
    assert (settings_of(project).problems, settings_of(project).wrong_commit) == ([], "")
    assert AuditEvent.objects.filter(action="sync.taken").count() == 1  # it says what it said before


def test_a_file_that_is_as_it_was_is_not_read_again(project: Project, origin: Origin) -> None:
    arrive(project, origin, HOURS)
    origin.commit({"README.md": "Other.\n"}, "docs: Say more.")
    again(project)
    PullSchedule.objects.update(count=3)
    again(project)

    assert told(project) == "Every 3 hours"
    assert AuditEvent.objects.filter(action__startswith="sync.").count() == 1


def test_a_refused_file_is_read_again_and_noted_once(
    project: Project, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as older:
        older.setattr(sync_file, "VERSION", "0")
        wrong = arrive(project, origin, HOURS)
        again(project)
        assert (settings_of(project).wrong_commit, told(project)) == (wrong, "")
        assert AuditEvent.objects.filter(action="sync.refused").count() == 1

    again(project)

    assert (settings_of(project).problems, settings_of(project).commit) == ([], wrong)
    assert told(project) == "Every 2 hours"


def test_a_file_larger_than_git_hands_out_stops_no_pull(
    project: Project, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrive(project, origin, HOURS)
    monkeypatch.setattr(process, "_MOST_PRINTED", 200_000)
    wrong = arrive(project, origin, f"version: 1  # {'x' * 300_000}\n")

    settings = settings_of(project)
    assert (settings.wrong_commit, told(project)) == (wrong, "Every 2 hours")
    assert "larger than 100 KB" in settings.problems[0][1]


def test_a_submodule_where_the_file_would_be_is_no_file(project: Project, origin: Origin) -> None:
    arrive(project, origin, HOURS)
    origin.git("rm", "-q", "--cached", FILE)
    origin.git("update-index", "--add", "--cacheinfo", f"160000,{origin.head()},{FILE}")
    origin.git("commit", "-qm", "sync: Point elsewhere.")
    origin.push()
    again(project)

    assert (settings_of(project).said, told(project)) == ({}, "")


def test_a_project_without_the_file_keeps_no_row(project: Project) -> None:
    again(project)

    assert not SyncSettings.objects.exists()


# -- The API --------------------------------------------------------------------------------------------


def test_a_program_reads_and_chooses_the_same(project: Project, origin: Origin, ada: User) -> None:
    program, path = Program(ada), f"/projects/{project.slug}/sync/"
    status, before = program.get(path)
    assert (status, before["pull"], before["file"]["sets"]) == (200, {"every": "off"}, [])
    change: dict[str, Any] = {
        "pull": {"every": "week", "weekday": "sunday", "at": "06:30"},
        "metadata": {"documentation": {"conflicts": "business"}, "lineage": {"frequency": "daily"}},
    }

    status, after = program.ask("PATCH", path, change)

    assert (status, after["pull"]) == (200, change["pull"])
    assert after["metadata"] == {
        **before["metadata"],
        "documentation": {"strategy": "both", "conflicts": "business"},
        "lineage": {"frequency": "daily"},
    }
    assert told(project) == "Every Sunday at 06:30 UTC"
    assert program.get(path)[1] == after
    refused = program.ask("PATCH", path, {"pull": {"every": "minutes", "count": 2}})
    assert (refused[0], list(refused[1]["params"]["fields"])) == (422, ["pull"])
    arrive(project, origin, HOURS)
    status, said = program.ask("PATCH", path, {"pull": {"every": "off"}})
    assert (status, said["code"]) == (409, "set-by-file")
    assert program.get(path)[1]["file"]["sets"] == ["pull"]
    viewer = Program(make_member(project, Role.VIEWER))
    assert viewer.get(path)[0] == 200
    assert viewer.ask("PATCH", path, {})[0] == 403


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite has one writer at a time")
@pytest.mark.django_db(transaction=True)
def test_a_pull_and_a_program_never_wait_for_each_other(
    project: Project, origin: Origin, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin.commit({FILE: HOURS})
    program, chosen = Program(ada), threading.Event()
    repository = Repository.objects.select_related("project").get(project=project)
    mirror = mirror_of(repository)
    file = strategies.file_in(repository, mirror, mirror.fetch())

    def later(**given: Any) -> object:
        """Between the two that the program changes, until the pull waits for one of them."""
        chosen.set()
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            with connection.cursor() as cursor:
                cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
                if cursor.fetchone() != (0,):
                    break
            time.sleep(0.01)
        return pull_schedule_set(**given)

    monkeypatch.setattr(syncing, "pull_schedule_set", later)

    def pull() -> None:
        assert chosen.wait(PATIENCE)
        with strategies.audit.atomic():
            Repository.objects.filter(pk=repository.pk).update(synced_commit="a" * 40)
            strategies.file_arrived(project, file)

    change = {
        "pull": {"every": "minutes", "count": 15},
        "metadata": {"lineage": {"frequency": "daily"}},
    }
    asked = partial(program.ask, "PATCH", f"/projects/{project.slug}/sync/", change)
    (status, _said), failed = at_once(asked, pull)

    assert (status, failed) == (200, None)
    assert told(project) == "Every 2 hours"
    assert settings_of(project).of("lineage", "frequency") == "daily"


def test_a_webhooks_secret_is_told_once_and_revoked(project: Project, ada: User) -> None:
    program, path = Program(ada), f"/projects/{project.slug}/webhook/"
    assert program.get(path) == (200, {"open": False, "address": ""})
    key = {"Idempotency-Key": "one"}

    status, made = program.post(path, **key)
    repeated = program.post(path, **key)

    assert status == 201
    assert Repository.objects.get(project=project).hook_secret == made["secret"]
    assert repeated == (201, {**made, "secret": ""})
    assert made["secret"] not in str(list(Answered.objects.values_list("body", flat=True)))
    assert program.get(path) == (200, {"open": True, "address": made["address"]})
    assert made["address"].startswith("http://testserver/hooks/")
    assert program.post(f"{path}close/") == (200, {"open": False, "address": made["address"]})
    assert Program(make_member(project, Role.CONTRIBUTOR)).get(path)[0] == 403


def test_column_lineage_is_asked_for_by_program_and_by_button(
    project: Project, ada: User, client: Client
) -> None:
    strategy_set(project=project, choices={"lineage.frequency": "on_demand"}, actor=ada)
    maya = make_member(project, Role.CONTRIBUTOR)

    status, run = Program(maya).post(f"/projects/{project.slug}/lineage/")

    assert (status, run["kind"]) == (202, "catalog.lineage")
    Run.objects.all().delete()
    client.force_login(maya)
    page = client.get(reverse("pulls", args=[project.slug])).content.decode()
    assert "Work out column lineage" in page
    client.post(reverse("lineage-start", args=[project.slug]))
    assert Run.objects.get().kind == "catalog.lineage"
