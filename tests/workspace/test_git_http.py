"""A git server over HTTP that asks for a password, is away, lies, or hangs up."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from bisync.lib.errors import BisyncError
from bisync.lib.process import Finished
from tests.fakes.git_remote import Origin
from tests.fakes.git_server import GitServer
from workspace import commands
from workspace.git.commits import Person
from workspace.git.process import (
    GitFailed,
    GitHostChanged,
    GitKeyRefused,
    GitNoRepository,
    GitRefused,
    GitUnreachable,
    GitUntrusted,
    PushDenied,
    failure,
)
from workspace.git.repository import Mirror, Remote
from workspace.git.ssh import new_key

PASSWORD = "s3cret canary/%2F&ü"
ADA = Person("Ada", "ada@example.com")
PAIR = new_key()


class Transcript:
    """Every argument and every printed line of a run."""

    def __init__(self) -> None:
        self.text = ""

    def begin(self, name: str, argv: Sequence[str]) -> Callable[[str], None]:
        self.text += " ".join(argv) + "\n"
        return self._take

    def _take(self, line: str) -> None:
        self.text += line + "\n"

    def finish(self, finished: Finished) -> None:
        self.text += finished.output

    def stopped(self) -> bool:
        return False


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    return Origin(tmp_path / "forge")


@pytest.fixture
def server(origin: Origin) -> Iterator[GitServer]:
    with GitServer(origin.path.parent, username="ada", password=PASSWORD) as server:
        yield server


@pytest.fixture
def connect(tmp_path: Path, server: GitServer) -> Callable[..., Mirror]:
    def connect(username: str = "ada", password: str = PASSWORD, name: str = "origin.git") -> Mirror:
        remote = Remote(f"{server.url}/{name}", "main", username, password)
        return Mirror(tmp_path / "git" / "1.git", remote)

    return connect


def add_file(mirror: Mirror, parent: str) -> str:
    return mirror.commit(
        parent=parent,
        files={"a.yml": b"1"},
        message="Add",
        author=ADA,
        committer=ADA,
        at=datetime(2026, 1, 1, tzinfo=UTC),
    )


def command_lines() -> str:
    """What `ps` shows to everybody on this machine."""
    shown = ""
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # the process has ended meanwhile
            shown += file.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace") + "\n"
    return shown


def test_a_repository_behind_a_password_is_pulled_and_pushed(
    connect: Callable[..., Mirror], origin: Origin
) -> None:
    mirror = connect()
    head = mirror.fetch()
    made = add_file(mirror, head)

    mirror.push(made, expecting=head)

    assert origin.history() == [made, head]


def test_a_token_needs_no_user_name(origin: Origin, tmp_path: Path) -> None:
    with GitServer(origin.path.parent, username="x-access-token", password="token") as server:
        remote = Remote(f"{server.url}/origin.git", "main", password="token")

        assert Mirror(tmp_path / "git" / "1.git", remote).fetch() == origin.head()


@pytest.mark.parametrize("password", ["wrong canary", ""])
def test_a_wrong_password_and_none_at_all_say_what_to_check(
    connect: Callable[..., Mirror], password: str
) -> None:
    with pytest.raises(GitRefused) as caught:
        connect(password=password).fetch()

    assert "Check the user name, the password or token" in str(caught.value)
    assert not caught.value.temporary


@pytest.mark.parametrize("outcome", ["works", "refused", "missing", "broken"])
def test_a_password_appears_nowhere(
    connect: Callable[..., Mirror], server: GitServer, origin: Origin, tmp_path: Path, outcome: str
) -> None:
    transcript = Transcript()
    shown: list[str] = []
    server.on_request = lambda: shown.append(command_lines())
    server.status = 500 if outcome == "broken" else 0
    password = f"wrong {PASSWORD}" if outcome == "refused" else PASSWORD
    mirror = connect(password=password, name="absent.git" if outcome == "missing" else "origin.git")
    said = ""

    try:
        with commands.recorded_by(transcript):
            head = mirror.fetch()
            mirror.push(add_file(mirror, head), expecting=head)
    except BisyncError as exc:
        said = f"{exc} {exc!r} {exc.params}"

    assert bool(said) == (outcome != "works")
    assert "git-remote-http" in shown[0]
    kept = [file.read_bytes() for file in (tmp_path / "git").rglob("*") if file.is_file()]
    for text in (transcript.text, said, repr(mirror), *shown):
        assert "canary" not in text
    assert not any(b"canary" in content for content in kept)


def test_what_a_server_echoes_is_struck_out(connect: Callable[..., Mirror], origin: Origin) -> None:
    mirror = connect()
    head = mirror.fetch()
    made = add_file(mirror, head)
    origin.hook("pre-receive", f"echo 'You said {PASSWORD}.'; exit 1")

    with pytest.raises(PushDenied) as caught:
        mirror.push(made, expecting=head)

    assert "You said •••" in str(caught.value)


def test_a_repository_that_is_not_there_is_named_as_such(connect: Callable[..., Mirror]) -> None:
    with pytest.raises(GitNoRepository):
        connect(name="absent.git").fetch()


@pytest.mark.parametrize("status", [500, 502, 503, 429])
def test_a_server_in_trouble_is_worth_another_attempt(
    connect: Callable[..., Mirror], server: GitServer, origin: Origin, status: int
) -> None:
    mirror = connect()
    server.status = status
    with pytest.raises(GitUnreachable) as caught:
        mirror.fetch()
    assert caught.value.temporary
    server.status = 0

    assert mirror.fetch() == origin.head()


def test_a_server_that_hangs_is_given_up_in_time(
    connect: Callable[..., Mirror], server: GitServer, settings: Settings
) -> None:
    mirror = connect()
    mirror.fetch()
    server.delay = 2
    settings.GIT_TIMEOUT_SECONDS = 0.5

    with pytest.raises(GitUnreachable) as caught:
        mirror.fetch()

    assert "no answer within 0.5 seconds" in str(caught.value)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/x.git", "https://127.0.0.1:1/x.git", "ssh://git@127.0.0.1:1/x.git"]
)
def test_a_server_that_is_not_there_is_unreachable(tmp_path: Path, url: str) -> None:
    remote = Remote(url, "main", "ada", "x", *PAIR)

    with pytest.raises(GitUnreachable) as caught:
        Mirror(tmp_path / "git" / "1.git", remote).fetch()

    assert "refused" in str(caught.value) or "Failed to connect" in str(caught.value)


def test_a_redirect_is_not_followed_and_the_password_stays_here(
    connect: Callable[..., Mirror], server: GitServer, tmp_path: Path
) -> None:
    with GitServer(tmp_path) as elsewhere:
        server.status, server.location = 302, elsewhere.url
        with pytest.raises(GitNoRepository):
            connect().fetch()

    assert elsewhere.requests == []


def test_a_push_whose_answer_was_lost_is_found_to_have_succeeded(
    connect: Callable[..., Mirror], server: GitServer, origin: Origin
) -> None:
    mirror = connect()
    head = mirror.fetch()
    made = add_file(mirror, head)
    server.loses_answers_to = "/git-receive-pack"

    mirror.push(made, expecting=head)

    assert origin.history() == [made, head]


def test_a_push_that_cannot_be_cleared_up_stays_a_temporary_failure(
    connect: Callable[..., Mirror], server: GitServer, origin: Origin
) -> None:
    mirror = connect()
    head = mirror.fetch()
    made = add_file(mirror, head)
    server.loses_answers_to = "/git-receive-pack"

    def go_away_after_the_push() -> None:
        if "/origin.git/git-receive-pack" in server.requests[:-1]:
            server.status = 503

    server.on_request = go_away_after_the_push

    with pytest.raises(GitUnreachable):
        mirror.push(made, expecting=head)

    server.on_request, server.status = (lambda: None), 0
    assert mirror.on_remote(made)


# What other servers print, which cannot be had here.
ANSWERS: list[tuple[type[GitFailed], str, list[str]]] = [
    (
        GitRefused,
        "Invalid username or token",
        [
            "remote: Invalid username or token. Password authentication is not supported.",
            "fatal: Authentication failed for 'https://github.com/acme/shop.git/'",
        ],
    ),
    (
        GitRefused,
        "Permission to acme/shop.git denied to ada",
        [
            "remote: Permission to acme/shop.git denied to ada.",
            "fatal: unable to access 'https://acme.example/x/': The requested URL returned error: 403",
        ],
    ),
    (
        GitKeyRefused,
        "Permission denied",
        [
            "git@github.com: Permission denied (publickey).",
            "fatal: Could not read from remote repository.",
            "",
            "Please make sure you have the correct access rights",
            "and the repository exists.",
        ],
    ),
    (
        GitNoRepository,
        "Repository not found",
        [
            "remote: Repository not found.",
            "fatal: repository 'https://github.com/acme/shop.git/' not found",
        ],
    ),
    (
        GitNoRepository,
        "could not be found",
        [
            "remote: The project you were looking for could not be found or you don't have permission.",
            "fatal: repository 'https://gitlab.com/acme/shop.git/' not found",
        ],
    ),
    (
        PushDenied,
        "At least 1 approving review is required",
        [
            "remote: error: GH006: Protected branch update failed for refs/heads/main.",
            "remote: error: At least 1 approving review is required.",
            " ! [remote rejected] x -> main (protected branch hook declined)",
            "error: failed to push some refs to 'https://github.com/acme/shop.git'",
        ],
    ),
    (
        GitHostChanged,
        "another SSH host key",
        ["Host key verification failed.", "fatal: Could not read from remote repository."],
    ),
    (
        GitUntrusted,
        "SSL certificate problem",
        ["fatal: unable to access 'https://acme.example/x/': SSL certificate problem: self-signed"],
    ),
    (
        GitUnreachable,
        "Could not resolve host",
        ["fatal: unable to access 'https://acme.example/x/': Could not resolve host: acme.example"],
    ),
    (
        GitUnreachable,
        "Connection timed out",
        [
            "ssh: connect to host acme.example port 22: Connection timed out",
            "fatal: Could not read from remote repository.",
        ],
    ),
    (
        GitFailed,
        "No space left on device",
        ["error: file write error: No space left on device", "fatal: early EOF"],
    ),
    (GitFailed, "it gave no reason", []),
]


@pytest.mark.parametrize(("kind", "words", "printed"), ANSWERS, ids=[words for _k, words, _p in ANSWERS])
def test_what_forges_print_is_understood(kind: type[GitFailed], words: str, printed: list[str]) -> None:
    error = failure("push", "\n".join(printed))

    assert type(error) is kind
    assert words in str(error)
