"""The same request twice: a program whose line broke asks again, and nothing is done twice."""

from __future__ import annotations

from datetime import timedelta

import pytest
from celery import current_app
from django.utils import timezone

from bisync.celery import app
from governance.models import Answered, Project, User
from governance.roles import Role
from proposals.models import Proposal
from tests.factories import make_member, make_project
from tests.programs import Program
from tests.proposals.story import FIELDS
from tests.threads import at_once

pytestmark = pytest.mark.django_db

DRAFT = {name: value for name, value in FIELDS.to_json().items() if name != "name"}
PATH = "/projects/shop/proposals/"
KEY = {"idempotency-key": "abc"}


@pytest.fixture
def project() -> Project:
    return make_project(slug="shop")


@pytest.fixture
def maya(project: Project) -> User:
    return make_member(project, Role.CONTRIBUTOR, name="Maya Chen")


def test_the_same_request_twice_does_its_work_once(project: Project, maya: User) -> None:
    program = Program(maya)

    first = program.send("POST", PATH, DRAFT, **KEY)
    again = program.send("POST", PATH, DRAFT, **KEY)
    other = program.post(PATH, {"label": "Other"}, **KEY)
    of_another = Program(make_member(project, Role.CONTRIBUTOR)).post(PATH, DRAFT, **KEY)

    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert [answer.get("Idempotent-Replayed") for answer in (first, again)] == [None, "true"]
    assert (other[0], other[1]["code"]) == (422, "idempotency-key-reused")
    assert of_another[0] == 201
    assert Proposal.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_the_same_request_several_times_at_once_does_its_work_once(maya: User) -> None:
    programs = [Program(maya) for _ in range(4)]

    answers = at_once(*(lambda one=one: one.post(PATH, DRAFT, **KEY) for one in programs))

    assert [status for status, _told in answers] == [201] * 4
    assert all(told == answers[0][1] for _status, told in answers)
    assert Proposal.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_what_is_refused_several_times_at_once_leaves_the_key_free(maya: User) -> None:
    programs = [Program(maya) for _ in range(4)]

    answers = at_once(*(lambda one=one: one.post(PATH, {"meaning": "{{ x }}"}, **KEY) for one in programs))

    assert [status for status, _told in answers] == [422] * 4
    assert programs[0].post(PATH, DRAFT, **KEY)[0] == 201
    assert Proposal.objects.count() == 1


def test_what_was_refused_may_be_asked_again_with_the_same_key(maya: User) -> None:
    program = Program(maya)

    assert program.post(PATH, {"meaning": "{{ x }}"}, **KEY)[0] == 422
    assert not Answered.objects.exists()
    assert program.post(PATH, DRAFT, **KEY)[0] == 201


def test_who_was_removed_from_a_project_reads_no_old_answer(project: Project, maya: User) -> None:
    program = Program(maya)
    assert program.post(PATH, DRAFT, **KEY)[0] == 201

    project.memberships.filter(user=maya).delete()
    status, told = program.post(PATH, DRAFT, **KEY)

    assert (status, told["code"]) == (404, "not-found")


def test_a_token_without_the_scope_reads_no_old_answer(maya: User) -> None:
    assert Program(maya).post(PATH, DRAFT, **KEY)[0] == 201

    status, told = Program(maya, "read").post(PATH, DRAFT, **KEY)

    assert (status, told["code"]) == (403, "token-lacks-scope")


@pytest.mark.parametrize("key", ["", " ", "k" * 201, "two words", "tab\there", "schlüssel"])
def test_a_key_that_cannot_be_one_is_refused_in_words(maya: User, key: str) -> None:
    status, told = Program(maya).post(PATH, DRAFT, **{"idempotency-key": key})

    assert (status, told["code"]) == (422, "idempotency-key-unusable")
    assert "1 to 200" in told["message"]
    assert not Proposal.objects.exists()
    assert Program(maya).post(PATH, DRAFT, **{"idempotency-key": "k" * 200})[0] == 201


def test_answers_are_forgotten_after_two_days_by_the_clock(maya: User) -> None:
    program = Program(maya)
    program.post(PATH, DRAFT, **KEY)
    program.post(PATH, DRAFT, **{"idempotency-key": "younger"})
    age = timezone.now() - timedelta(days=2, seconds=1)
    Answered.objects.filter(key="abc").update(at=age)

    # What a request costs does not depend on what others have asked.
    program.post(PATH, DRAFT, **{"idempotency-key": "third"})
    assert Answered.objects.count() == 3
    by_the_clock = app.conf.beat_schedule["forget-answers"]
    assert by_the_clock["schedule"] == 1800
    current_app.loader.import_default_modules()
    current_app.tasks[by_the_clock["task"]].run()

    assert set(Answered.objects.values_list("key", flat=True)) == {"younger", "third"}
    assert program.post(PATH, DRAFT, **KEY)[0] == 201
    assert Proposal.objects.count() == 4
