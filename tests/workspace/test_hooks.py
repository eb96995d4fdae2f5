"""Webhooks: who may ask for a pull, how often, and what everybody else is told."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from bisync.lib.errors import NotAllowed
from governance.models import AuditEvent, Project
from governance.roles import Role
from tests.factories import make_member, make_project
from tests.threads import at_once
from workspace import announcing, hooks
from workspace.actions import repository_connect
from workspace.models import Delivery, Repository, Run, RunStatus

pytestmark = pytest.mark.django_db

SECRET = "a secret that two know"
PUSH = {"ref": "refs/heads/main", "after": "1" * 40}
BITBUCKET = {"push": {"changes": [{"new": None}, {"new": {"type": "branch", "name": "main"}}]}}


@pytest.fixture
def project() -> Project:
    project = make_project(url="https://git.example.com/shop.git")
    repository = Repository.objects.get(project=project)
    repository.hook_key, repository.hook_secret = "k" * 32, SECRET
    repository.save()
    return project


def mac(content: bytes, secret: str = SECRET) -> str:
    return f"sha256={hmac.new(secret.encode(), content, hashlib.sha256).hexdigest()}"


def encoded(data: object) -> bytes:
    return data if isinstance(data, bytes) else json.dumps(data).encode()


def github(data: object = PUSH, *, secret: str = SECRET, **also: str) -> tuple[bytes, dict[str, str]]:
    body = encoded(data)
    told = {"X-Hub-Signature": "sha1=0", "X-Hub-Signature-256": mac(body, secret), "X-GitHub-Event": "push"}
    return body, {**told, "X-GitHub-Delivery": "d-1", **also}


def gitlab(data: object = PUSH, *, secret: str = SECRET, **also: str) -> tuple[bytes, dict[str, str]]:
    told = {"X-Gitlab-Token": secret, "X-Gitlab-Event": "Push Hook", "X-Gitlab-Event-UUID": "d-1"}
    return encoded(data), {**told, **also}


def bitbucket(data: object = BITBUCKET, *, secret: str = SECRET, **also: str) -> tuple[bytes, dict[str, str]]:
    body = encoded(data)
    told = {"X-Hub-Signature": mac(body, secret), "X-Event-Key": "repo:push", "X-Request-UUID": "d-1"}
    return body, {**told, **also}


def plain(
    data: object = b"", *, secret: str = SECRET, age: int = 0, **also: str
) -> tuple[bytes, dict[str, str]]:
    body, at = encoded(data), str(int(time.time()) - age)
    signed = mac(at.encode() + b"." + body, secret)
    return body, {"X-Bisync-Timestamp": at, "X-Bisync-Signature": signed, **also}


FORGES = [github, gitlab, bitbucket, plain]


def send(sent: tuple[bytes, dict[str, str]], *, key: str = "k" * 32, **extra: Any) -> HttpResponse:
    body, headers = sent
    client = Client(enforce_csrf_checks=True)
    kind = extra.pop("content_type", "application/json")
    return client.post(f"/hooks/{key}/", body, content_type=kind, headers=headers, **extra)


def told(answer: HttpResponse) -> tuple[int, str]:
    return answer.status_code, json.loads(answer.content)["code"]


# -- What is believed -----------------------------------------------------------------------------------


@pytest.mark.parametrize("forge", FORGES)
def test_a_push_that_a_forge_signed_asks_for_a_pull(project: Project, forge: Any, rings: list[int]) -> None:
    answer = send(forge())

    run = Run.objects.get()
    assert told(answer) == (202, "hook-pull")
    assert json.loads(answer.content)["run"] == f"http://testserver{run.get_absolute_url()}"
    assert (run.kind, run.project, run.requested_by) == ("pull", project, None)
    delivery = Delivery.objects.get()
    assert (delivery.forge, delivery.outcome, delivery.run) == (forge.__name__, "pull", run)
    event = AuditEvent.objects.get(action="pull.announced")
    assert (event.actor, event.after) == (None, {"by": forge.__name__})
    assert not answer.cookies


def test_the_button_and_the_webhook_ask_by_the_same_doorbell(
    project: Project, rings: list[int], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        send(github())

    assert rings == [Run.objects.get().pk]


def test_github_may_send_a_form(project: Project) -> None:
    body = urlencode({"payload": json.dumps(PUSH)}).encode()

    answer = send(github(body), content_type="application/x-www-form-urlencoded")

    assert told(answer) == (202, "hook-pull")


def test_githubs_test_is_answered_and_does_nothing(project: Project) -> None:
    assert told(send(github({"zen": "Keep it simple."}, **{"X-GitHub-Event": "ping"}))) == (202, "hook-ping")
    assert not Run.objects.exists()


@pytest.mark.parametrize(
    "sent",
    [
        github({"ref": "refs/heads/other"}),
        github({"ref": "refs/tags/main"}),
        github({"ref": "main"}),
        gitlab({"ref": "refs/heads/maintenance"}),
        bitbucket({"push": {"changes": [{"new": {"type": "tag", "name": "main"}}]}}),
        bitbucket({"push": {"changes": [{"new": None}]}}),
    ],
)
def test_another_branch_is_none_of_our_business(project: Project, sent: Any) -> None:
    assert told(send(sent)) == (202, "hook-branch")
    assert told(send(plain({"ref": "refs/heads/other"}))) == (202, "hook-branch")
    assert not Run.objects.exists()


@pytest.mark.parametrize(
    "sent",
    [
        github(**{"X-GitHub-Event": "issues"}),
        gitlab(**{"X-Gitlab-Event": "Tag Push Hook"}),
        bitbucket(**{"X-Event-Key": "pullrequest:created"}),
    ],
)
def test_another_event_is_none_of_our_business(project: Project, sent: Any) -> None:
    assert told(send(sent)) == (202, "hook-event")
    assert not Run.objects.exists()


@pytest.mark.parametrize("data", [{"ref": "refs/heads/main"}, {}, b"  "])
def test_a_program_may_say_which_branch(project: Project, data: object) -> None:
    assert told(send(plain(data))) == (202, "hook-pull")


# -- What is not believed -------------------------------------------------------------------------------


def refused() -> dict[str, Any]:
    """Deliveries whose sender does not know the secret."""
    body, signed = github()
    pbody, psigned = plain({"ref": "refs/heads/main"})
    return {
        **{f"{forge.__name__}, another secret": forge(secret="another") for forge in FORGES},
        **{f"{forge.__name__}, no secret": forge(secret="") for forge in FORGES},
        "another content": (body + b" ", signed),
        "another time": (
            pbody,
            {**psigned, "X-Bisync-Timestamp": str(int(psigned["X-Bisync-Timestamp"]) + 1)},
        ),
        "nothing": (b"{}", {}),
        "sha1 alone": (b"{}", {"X-Hub-Signature": "sha1=0"}),
        "not ASCII": github(**{"X-Hub-Signature-256": "sha256=é"}),
        "no digest": github(**{"X-Hub-Signature-256": "sha256="}),
        "two proofs, the first of which is wrong": github(**{"X-Gitlab-Token": "another"}),
        "a signature for another forge": (pbody, {"X-Hub-Signature-256": psigned["X-Bisync-Signature"]}),
    }


@pytest.mark.parametrize("name", refused())
def test_a_forged_delivery_is_refused_as_one_for_no_repository(project: Project, name: str) -> None:
    sent = refused()[name]

    here, nowhere = send(sent), send(sent, key="no-such-key")

    assert told(here) == (401, "hook-refused")
    assert (here.status_code, here.content) == (nowhere.status_code, nowhere.content)
    assert not Delivery.objects.exists()
    assert not Run.objects.exists()


@pytest.mark.parametrize("forge", FORGES)
def test_a_repository_without_a_secret_believes_nobody(project: Project, forge: Any) -> None:
    Repository.objects.update(hook_secret="")

    assert told(send(forge())) == (401, "hook-refused")
    assert told(send(forge(secret=""))) == (401, "hook-refused")


@pytest.mark.parametrize("age", [301 + 5, -301 - 5])
def test_a_signature_ends_after_five_minutes(project: Project, age: int) -> None:
    assert told(send(plain(age=age))) == (401, "hook-stale")
    assert told(send(plain(age=age, secret="another"))) == (401, "hook-refused")
    assert told(send(plain(age=age // 2))) == (202, "hook-pull")


@pytest.mark.parametrize("at", ["", "soon", "-5", "1" * 400, "²"])
def test_a_time_that_is_none_is_stale(project: Project, at: str) -> None:
    signed = mac(at.encode() + b".")

    answer = send((b"", {"X-Bisync-Timestamp": at, "X-Bisync-Signature": signed}))

    assert answer.status_code == 401


@pytest.mark.parametrize("forge", FORGES)
def test_a_delivery_counts_once(project: Project, forge: Any) -> None:
    sent = forge()

    assert told(send(sent)) == (202, "hook-pull")
    Run.objects.update(status=RunStatus.SUCCEEDED)
    assert told(send(sent)) == (409, "hook-repeated")

    assert Run.objects.count() == Delivery.objects.count() == 1
    assert AuditEvent.objects.filter(action="pull.announced").count() == 1


def test_the_same_delivery_may_come_to_two_repositories(project: Project) -> None:
    other = make_project(url="https://git.example.com/shop.git")
    Repository.objects.filter(project=other).update(hook_key="o" * 32, hook_secret="")
    repository = Repository.objects.get(project=other)
    repository.hook_secret = SECRET
    repository.save()

    assert [told(send(github(), key=key))[0] for key in ("k" * 32, "o" * 32)] == [202, 202]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"[" * 100_000,
        b"\xff",
        b'{"ref": 1}',
        b'{"ref": null}',
        b"{}",
        b'{"push": []}',
        b'{"push": {"changes": [1]}}',
        b"9" * 10_000,
    ],
)
@pytest.mark.parametrize("forge", [github, bitbucket])
def test_what_is_signed_but_cannot_be_read_is_told_so(project: Project, forge: Any, data: bytes) -> None:
    assert told(send(forge(data))) == (422, "hook-unreadable")
    assert Delivery.objects.get().outcome == "unreadable"
    assert not Run.objects.exists()


def test_a_body_that_is_too_long_is_not_read(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(*_args: object) -> bytes:
        raise AssertionError("It was read.")

    monkeypatch.setattr("django.http.request.HttpRequest.read", read)
    answer = send(github(), CONTENT_LENGTH=str(hooks.MOST_BYTES + 1))

    assert told(answer) == (413, "hook-too-long")


def test_a_body_as_long_as_it_may_be_is_read(project: Project) -> None:
    """Far longer than forms may be."""
    data = {**PUSH, "commits": "x" * 3_000_000}

    assert told(send(github(data))) == (202, "hook-pull")


def test_wrong_signatures_are_counted_for_each_address_and_hook(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(announcing, "WRONG", announcing.Limit("hook", most=3, seconds=900))
    for _ in range(4):
        assert told(send(github()))[0] in {202, 409}  # right ones do not count
    codes = [told(send(github(secret=f"guess {number}")))[0] for number in range(5)]

    stopped = send(github(**{"X-GitHub-Delivery": "d-2"}))
    assert codes == [401, 401, 401, 429, 429]
    assert told(stopped) == (429, "too-many-requests")
    assert 0 < int(stopped["Retry-After"]) <= 900
    # Neither the same forge's other hooks nor other addresses wait for it.
    assert told(send(github(), key="no-such-key"))[0] == 401
    assert told(send(github(**{"X-GitHub-Delivery": "d-3"}), REMOTE_ADDR="192.0.2.7"))[0] == 202


def test_only_deliveries_are_taken(project: Project) -> None:
    client = Client()

    assert {
        getattr(client, verb)(f"/hooks/{'k' * 32}/").status_code for verb in ("get", "put", "delete")
    } == {405}


@pytest.mark.django_db(transaction=True)
def test_forty_pushes_at_once_make_one_waiting_run(project: Project) -> None:
    burst = [github(**{"X-GitHub-Delivery": f"d-{number}"}) for number in range(40)]

    answers = at_once(*(lambda sent=sent: told(send(sent)) for sent in burst))

    assert answers == [(202, "hook-pull")] * 40
    assert Run.objects.get().status == RunStatus.QUEUED
    assert Delivery.objects.filter(run=Run.objects.get()).count() == 40


@pytest.mark.django_db(transaction=True)
def test_one_delivery_forty_times_at_once_counts_once(project: Project) -> None:
    answers = at_once(*[lambda: told(send(github()))] * 40)

    assert sorted(answers) == [(202, "hook-pull")] + [(409, "hook-repeated")] * 39


def test_old_deliveries_are_forgotten(project: Project) -> None:
    send(github())
    send(github(**{"X-GitHub-Delivery": "d-2"}))
    Delivery.objects.filter(pk=Delivery.objects.latest("pk").pk).update(
        at=timezone.now() - announcing.KEPT - timedelta(minutes=1)
    )

    assert announcing.deliveries_forget() == 1
    assert Delivery.objects.count() == 1


# -- The secret -----------------------------------------------------------------------------------------


def page_of(project: Project) -> str:
    return reverse("automatic-pulls", args=[project.slug])


@pytest.fixture
def admin(project: Project, client: Client) -> Client:
    client.force_login(make_member(project, Role.ADMIN))
    return client


def test_a_secret_is_shown_once_and_kept_encrypted(admin: Client, project: Project) -> None:
    Repository.objects.update(hook_key=None, hook_secret="")
    assert "Make a secret" in admin.get(page_of(project)).content.decode()

    made = admin.post(page_of(project), {"act": "renew"})
    repository = Repository.objects.get()
    secret, page = repository.hook_secret, made.content.decode()

    assert len(secret) > 40
    assert secret in page
    assert f"http://testserver/hooks/{repository.hook_key}/" in page
    assert "no-store" in made["Cache-Control"]
    later = admin.get(page_of(project)).content.decode()
    assert secret not in later
    assert repository.hook_key in later
    with connection.cursor() as cursor:
        cursor.execute("SELECT hook_secret FROM workspace_repository")
        assert secret not in cursor.fetchone()[0]
    event = AuditEvent.objects.get(action="repository.hook_renewed")
    assert secret not in json.dumps([event.before, event.after])
    assert told(send(github(secret=secret), key=repository.hook_key)) == (202, "hook-pull")


def test_a_new_secret_ends_the_old_one_and_keeps_the_address(admin: Client, project: Project) -> None:
    admin.post(page_of(project), {"act": "renew"})

    repository = Repository.objects.get()
    assert repository.hook_key == "k" * 32
    assert told(send(github())) == (401, "hook-refused")
    assert told(send(github(secret=repository.hook_secret))) == (202, "hook-pull")


def test_a_closed_webhook_believes_nobody(admin: Client, project: Project) -> None:
    admin.post(page_of(project), {"act": "close"})

    assert told(send(github())) == (401, "hook-refused")
    assert "No webhook is believed" in admin.get(page_of(project)).content.decode()
    assert AuditEvent.objects.filter(action="repository.hook_closed").exists()


def test_a_secret_does_not_move_to_another_server(project: Project) -> None:
    ada = make_member(project, Role.ADMIN)
    repository_connect(project=project, values={"url": "https://git.example.com/other.git"}, actor=ada)
    assert told(send(github())) == (202, "hook-pull")

    repository_connect(project=project, values={"url": "https://git.example.org/shop.git"}, actor=ada)
    assert told(send(github(**{"X-GitHub-Delivery": "d-2"}))) == (401, "hook-refused")


def test_only_whoever_configures_the_repository_makes_a_secret(project: Project, client: Client) -> None:
    maya = make_member(project, Role.CONTRIBUTOR, Role.PUBLISHER)
    client.force_login(maya)

    shown = client.get(page_of(project))
    assert (shown.status_code, "Make a secret" in shown.content.decode()) == (200, False)
    assert client.post(page_of(project), {"act": "renew"}).status_code == 403
    for act in (announcing.hook_renew, announcing.hook_close):
        with pytest.raises(NotAllowed):
            act(project=project, actor=maya)
    assert Repository.objects.get().hook_secret == SECRET


def test_a_secret_that_no_key_opens_is_believed_by_nobody_and_can_be_replaced(
    admin: Client, project: Project, settings: Any
) -> None:
    settings.BISYNC_SECRET_KEYS = ["another key than before"]

    assert told(send(github())) == (401, "hook-refused")
    assert admin.get(page_of(project)).status_code == 200
    admin.post(page_of(project), {"act": "renew"})
    assert told(send(github(secret=Repository.objects.get().hook_secret))) == (202, "hook-pull")


def test_the_page_lists_what_came_without_its_content(admin: Client, project: Project) -> None:
    send(github())
    send(gitlab({"ref": "refs/heads/a-secret-plan"}))

    page = admin.get(page_of(project)).content.decode()

    assert "Asked for a pull" in page
    assert "Another branch, so nothing was done" in page
    assert "GitLab" in page
    assert "a-secret-plan" not in page
    assert SECRET not in page
