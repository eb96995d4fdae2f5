"""Passwords and tokens are guessed slowly, the API is asked at a rate, and all processes count together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import caches
from django.http import HttpResponse
from django.test import Client

from bisync import broker
from bisync.lib import limits
from bisync.lib.limits import Limit
from governance.models import User
from tests.bisync.test_broker import running
from tests.factories import PASSWORD, make_user
from tests.programs import Program
from tests.threads import at_once

START = 1_800_000_000.0  # at the beginning of a quarter of an hour


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(limits, "clock", clock)
    return clock


@pytest.fixture
def maya(db: None) -> User:
    return make_user("Maya Chen")


def sign_in(
    person: User, password: str, address: str = "198.51.100.7", path: str = "/sign-in/"
) -> HttpResponse:
    typed = {"username": person.email.upper(), "password": password}
    return Client(REMOTE_ADDR=address).post(path, typed)  # type: ignore[return-value]


def guess(person: User, times: int, **where: str) -> HttpResponse:
    for number in range(times):
        answer = sign_in(person, f"wrong-{number}", **where)
    return answer


# -- Passwords ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/sign-in/", "/admin/login/"])
def test_after_ten_wrong_passwords_not_even_the_right_one_lets_in_for_a_while(
    maya: User, clock: Clock, path: str
) -> None:
    User.objects.update(is_staff=True)
    addresses = (f"198.51.100.{number}" for number in range(1, 20))
    tenth = (
        guess(maya, 9, address=next(addresses), path=path),
        guess(maya, 1, address=next(addresses), path=path),
    )
    clock.now += 600

    held_up = sign_in(maya, PASSWORD, address=next(addresses), path=path)
    other = sign_in(make_user(), PASSWORD, address=next(addresses))
    clock.now += 300
    let_in = sign_in(maya, PASSWORD, address=next(addresses), path=path)

    assert all(b"too many wrong attempts" not in answer.content for answer in tenth)
    assert "There were too many wrong attempts. Wait 5 minutes, then try again." in held_up.content.decode()
    assert held_up.status_code == (429 if path == "/sign-in/" else 200)
    assert (other.status_code, let_in.status_code) == (302, 302)


def test_the_right_password_begins_the_count_anew(maya: User) -> None:
    for _ in range(3):
        guess(maya, 9)
        assert sign_in(maya, PASSWORD).status_code == 302


def test_an_address_that_tries_one_account_after_the_other_is_held_up(maya: User) -> None:
    people = [make_user() for _ in range(6)]
    for person in people[:5]:
        guess(person, 9)
    guess(people[5], 5)

    assert sign_in(maya, PASSWORD).status_code == 429
    assert sign_in(maya, PASSWORD, address="198.51.100.8").status_code == 302


def test_an_office_that_signs_in_from_one_address_is_not(maya: User) -> None:
    for _ in range(60):
        assert sign_in(maya, PASSWORD).status_code == 302


@pytest.mark.parametrize(
    ("proxy", "headers", "address"),
    [
        (False, {"REMOTE_ADDR": "198.51.100.7", "HTTP_X_FORWARDED_FOR": "203.0.113.1"}, "198.51.100.7"),
        (True, {"REMOTE_ADDR": "10.0.0.1", "HTTP_X_FORWARDED_FOR": "1.1.1.1, 203.0.113.1"}, "203.0.113.1"),
        (True, {"REMOTE_ADDR": "10.0.0.1"}, ""),
        (True, {"HTTP_X_FORWARDED_FOR": "unknown"}, ""),
        (False, {"REMOTE_ADDR": "2001:db8:1:2:3:4:5:6"}, "2001:db8:1:2::/64"),
        (False, {"REMOTE_ADDR": "::ffff:198.51.100.7"}, "198.51.100.7"),
    ],
)
def test_an_address_is_the_last_one_that_can_be_trusted(
    rf: Any, settings: Any, proxy: bool, headers: dict[str, str], address: str
) -> None:
    from bisync.lib.web import address_of

    settings.BEHIND_PROXY = proxy

    assert address_of(rf.get("/", **headers)) == address


# -- The API --------------------------------------------------------------------------------------------


def test_who_asks_too_often_is_told_when_to_come_back(maya: User, clock: Clock, settings: Any) -> None:
    settings.API_RATE = (2, 60)
    program, second_token = Program(maya), Program(maya)
    clock.now += 42.5

    answers = [one.send("GET", "/me/") for one in (program, second_token, program)]
    others = Program(make_user()).get("/me/")[0]
    clock.now += 17.5
    later = program.get("/me/")[0]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert (answers[2]["Retry-After"], answers[2].json()["code"]) == ("18", "too-many-requests")
    assert answers[2].json()["params"] == {"seconds": 18}
    assert (others, later) == (200, 200)


def test_who_guesses_tokens_is_held_up_with_the_right_one_too(maya: User, clock: Clock) -> None:
    right, wrong = Program(maya), Program(maya)
    wrong.text = "bisync_guessed"

    answers = [wrong.get("/me/")[0] for _ in range(60)]
    held_up = right.send("GET", "/me/")
    elsewhere = Client(REMOTE_ADDR="198.51.100.8").get(
        "/api/v1/me/", headers={"authorization": f"Bearer {right.text}"}
    )
    clock.now += 60

    assert set(answers) == {401}
    assert (held_up.status_code, held_up["Retry-After"]) == (429, "60")
    assert (elsewhere.status_code, right.get("/me/")[0]) == (200, 200)


def test_a_token_that_has_ended_is_no_guess(maya: User, clock: Clock) -> None:
    program, ended = Program(maya), Program(maya)
    ended.token.revoked_at = ended.token.created_at
    ended.token.save()

    assert {ended.get("/me/")[0] for _ in range(70)} == {401}
    assert program.get("/me/")[0] == 200


# -- Counting together ----------------------------------------------------------------------------------


@pytest.fixture
def redis_at(settings: Any) -> Callable[[str], None]:
    def use(url: str) -> None:
        settings.CACHES = {
            **settings.CACHES,
            "counts": {"BACKEND": "bisync.lib.limits.SharedCounts", "LOCATION": url, "KEY_PREFIX": "bisync"},
        }

    return use


def test_many_at_the_same_moment_find_no_more_room_than_there_is(
    tmp_path: Path, redis_at: Callable[[str], None]
) -> None:
    limit = Limit("test", most=5, seconds=60)
    embedded = broker.embedded(tmp_path)
    with running(embedded):
        redis_at(embedded.url)

        # Each thread has a connection of its own, as each process would.
        waits = at_once(*([lambda: limit.spend("maya")] * 12))

        assert sorted(waits) == [0] * 5 + [60] * 7
        assert limit.spent("maya") == 60
        limit.forget("maya")
        assert limit.spent("maya") == 0


def test_without_redis_nothing_fails_and_each_process_counts_for_itself(
    maya: User, tmp_path: Path, redis_at: Callable[[str], None], settings: Any
) -> None:
    settings.API_RATE = (3, 60)
    program, embedded = Program(maya), broker.embedded(tmp_path)
    with running(embedded) as process:
        redis_at(embedded.url)
        before = program.get("/me/")[0]
        process.kill()
        process.wait()

        answers = [program.get("/me/")[0] for _ in range(4)]

    assert (before, answers) == (200, [200, 200, 200, 429])


def test_nobody_empties_the_brokers_queue_with_the_counts(redis_at: Callable[[str], None]) -> None:
    redis_at("redis://127.0.0.1:9/0")

    with pytest.raises(NotImplementedError):
        caches["counts"].clear()
