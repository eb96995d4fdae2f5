"""Who wrote each line of a file last."""

from __future__ import annotations

import re
from collections.abc import Iterable

from workspace.git.commits import Commit, Person, moment
from workspace.git.process import plumbing
from workspace.git.repository import Mirror, NoCommit

_HEADER = re.compile(r"([0-9a-f]{40}) \d+ (\d+)(?: \d+)?")
# With more of them than this, what lies between them is asked for as well.
_MOST_RANGES = 100


def blame(
    mirror: Mirror, commit: str, path: str, lines: Iterable[tuple[int, int]], *, patience: float
) -> dict[int, Commit]:
    """The last commit that changed each of these lines, counted from 1, both ends included.

    White space alone is no change. `body` is not read. Raises `NoCommit`, and `GitFailed` where the file has
    no such lines or git needs longer than `patience` seconds.
    """
    wanted = sorted(set(lines))
    if not wanted:
        return {}
    if len(wanted) > _MOST_RANGES:
        wanted = [(wanted[0][0], max(last for _first, last in wanted))]
    if not mirror.has(commit):
        raise NoCommit(commit=commit)
    ranges = [f"-L{first},{last}" for first, last in wanted]
    told = plumbing(
        *("blame", "--porcelain", "-w", *ranges, commit, "--", path), cwd=mirror.path, patience=patience
    )
    return _read(told.decode("utf-8", "replace"))


def _read(porcelain: str) -> dict[int, Commit]:
    """git's porcelain format: a header for each line, and of a commit the details where it comes first."""
    lines: dict[int, str] = {}
    details: dict[str, dict[str, str]] = {}
    sha = ""
    for record in porcelain.split("\n"):
        if header := _HEADER.fullmatch(record):
            sha = header[1]
            lines[int(header[2])] = sha
        elif sha and not record.startswith("\t"):
            key, _space, value = record.partition(" ")
            details.setdefault(sha, {}).setdefault(key, value)
    commits = {sha: _commit(sha, told) for sha, told in details.items()}
    return {line: commits[sha] for line, sha in lines.items() if sha in commits}


def _commit(sha: str, told: dict[str, str]) -> Commit:
    people = [
        Person(told.get(role, ""), told.get(f"{role}-mail", "").strip("<>"))
        for role in ("author", "committer")
    ]
    return Commit(
        sha=sha,
        author=people[0],
        committer=people[1],
        at=moment(told.get("committer-time", "")),
        subject=told.get("summary", ""),
        body="",
    )
