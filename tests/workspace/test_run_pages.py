"""A run on its page: what its commands print is shown in words, and is there as it was printed."""

from __future__ import annotations

import json

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from governance import audit
from governance.models import User
from governance.roles import Role
from tests.factories import make_environment, make_member, make_project, make_proposal
from workspace import runs
from workspace.models import Run, RunCommand, RunStatus

pytestmark = pytest.mark.django_db


def said(level: str, message: str) -> str:
    """A line as dbt prints it."""
    return json.dumps({"info": {"name": "Note", "level": level, "msg": message}, "data": {}})


def test_what_dbt_says_is_shown_in_words_marked_by_its_level_and_kept_as_it_was_printed() -> None:
    project = make_project(slug="shop")
    run = runs.request(kind="pull", project=project)
    Run.objects.update(status=RunStatus.RUNNING)
    output = "\n".join(
        [
            said("info", "Running with <dbt>"),
            said("warn", "It is\ndeprecated"),
            "not of dbt",
            said("error", "It broke"),
        ]
    )
    command = RunCommand.objects.create(run=run, name="dbt parse", started_at=timezone.now(), output=output)
    client = Client()
    client.force_login(make_member(project, Role.VIEWER))

    page = client.get(reverse("run", args=["shop", run.pk])).content.decode()
    raw = reverse("run-output", args=["shop", run.pk, command.pk])
    later = client.get(raw, {"after": "1"}, headers={"HX-Request": "true"}).content.decode()

    assert "Running with &lt;dbt&gt;</span>" in page
    assert ('-2" class="warn"' in later, '-3" class="' in later, '-4" class="bad"' in later) == (
        True,
        False,
        True,
    )
    for shown in (page, later):
        assert "It is\ndeprecated</span>" in shown
        assert "not of dbt</span>" in shown
        assert "&quot;" not in shown
    assert "Running with" not in later
    assert client.get(raw).content.decode() == output


def test_runs_name_what_they_are_about_and_lists_ask_once_for_all() -> None:
    project = make_project(slug="shop")
    proposal = make_proposal(project)
    things = (make_environment(project), proposal, proposal, project)
    for thing in things[:3]:
        runs.request(kind="environment.deploy", project=project, subject=audit.key(thing))
        Run.objects.update(status=RunStatus.SUCCEEDED, finished_at=timezone.now())
    runs.request(kind="pull", project=project, subject="environment:99999")
    client = Client()
    client.force_login(User.objects.create_superuser("boss@example.com", "x" * 20, name="Boss"))

    for path in ("/shop/runs/", "/system/runs/"):
        page = client.get(path).content.decode()
        assert page.count("<bdi>Production</bdi>") == 1, path
        assert page.count(f"<bdi>{proposal}</bdi>") == 2, path
    first = Run.objects.earliest("pk")
    assert "<bdi>Production</bdi>" in client.get(first.get_absolute_url()).content.decode()
