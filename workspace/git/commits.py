"""Commits and the people in them, as git takes them and as it lists them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from workspace.git.sanitise import person_text

# What `logged` reads, for `git log -z --format`.
LOGGED = "%H%x00%an%x00%ae%x00%cn%x00%ce%x00%ct%x00%s%x00%b"
_HEADER = re.compile(rb"[0-9a-f]{40,64} (\w+) (\d+)")
_LAST_SECOND = 253_402_300_799  # the end of the year 9999, where datetime ends


@dataclass(frozen=True)
class Person:
    """An author as git can hold one: no control characters, no angle brackets, never nameless."""

    name: str
    email: str

    def __post_init__(self) -> None:
        email = "".join(person_text(self.email).split())
        object.__setattr__(self, "email", email)
        object.__setattr__(self, "name", person_text(self.name) or email.partition("@")[0] or "unknown")


@dataclass(frozen=True)
class Commit:
    """One entry of the history."""

    sha: str
    author: Person
    committer: Person
    at: datetime
    subject: str
    body: str


def identity(role: str, person: Person, at: datetime) -> dict[str, str]:
    """The environment that makes `person` the AUTHOR or COMMITTER of a commit, at a second in UTC."""
    return {
        f"GIT_{role}_NAME": person.name,
        f"GIT_{role}_EMAIL": person.email,
        f"GIT_{role}_DATE": f"@{int(at.timestamp())} +0000",
    }


def moment(seconds: str) -> datetime:
    """When something was, from git's seconds since 1970; the end of time where they reach beyond it."""
    return datetime.fromtimestamp(min(int(seconds or 0), _LAST_SECOND), tz=UTC)


def logged(*fields: str) -> Commit:
    """A commit from the fields of `LOGGED`, which are another person's and may be anything."""
    sha, name, email, committer_name, committer_email, seconds, subject, body = fields
    return Commit(
        sha=sha,
        author=Person(name, email),
        committer=Person(committer_name, committer_email),
        at=moment(seconds),
        subject=subject,
        body=body.strip(),
    )


def blobs(paths: Sequence[str], answer: bytes) -> Iterator[tuple[str, bytes]]:
    """Each of these files with its bytes, from what `cat-file --batch` says of them in this order."""
    at = 0
    for path in paths:
        end = answer.index(b"\n", at)
        found = _HEADER.fullmatch(answer, at, end)
        at = end + 1
        if found is None:  # the commit has no such file
            continue
        size = int(found[2])
        if found[1] == b"blob":
            yield path, answer[at : at + size]
        at += size + 1
