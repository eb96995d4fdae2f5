"""Who wrote each line of a file last."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from django.utils.translation import gettext_lazy as _

from bisync.lib.errors import BisyncError
from workspace.git.commits import Commit, Person, moment
from workspace.git.process import plumbing
from workspace.git.repository import FileAbsent, Mirror, NoCommit

# By git's convention, and that of the forges: commits that only moved text about, such as a formatter's.
IGNORED = ".git-blame-ignore-revs"
# More than anybody lists; git looks each of them up.
_MOST_IGNORED = 10_000
_FULL = re.compile(r"[0-9a-f]{40}")
_HEADER = re.compile(r"([0-9a-f]{40}) \d+ (\d+)(?: \d+)?")
# With more of them than this, what lies between them is asked for as well.
_MOST_RANGES = 100


class IgnoredUnreadable(BisyncError):
    code = "git-ignored-commits-unreadable"
    message = _(
        "%(file)s is passed over: %(line)s. It has one full commit hash a line; comments begin with #. "
        "Mend it in the repository."
    )


def ignored_commits(mirror: Mirror, commit: str) -> frozenset[str]:
    """The commits that the repository itself, in the tree of this one, asks blame to look through.

    Raises `IgnoredUnreadable` where its list is none: git would refuse to blame at all.
    """
    try:
        raw = mirror.read(commit, IGNORED)
    except FileAbsent:
        return frozenset()
    found: set[str] = set()
    for number, line in enumerate(raw.decode("utf-8", "replace").split("\n"), 1):
        if not (named := line.partition("#")[0].strip()):
            continue
        if not _FULL.fullmatch(named.lower()):
            raise IgnoredUnreadable(file=IGNORED, line=_("line %(n)s is no commit hash") % {"n": number})
        found.add(named.lower())
        if len(found) > _MOST_IGNORED:
            raise IgnoredUnreadable(file=IGNORED, line=_("it names more than %(n)s") % {"n": _MOST_IGNORED})
    return frozenset(found)


def blame(
    mirror: Mirror,
    commit: str,
    path: str,
    lines: Iterable[tuple[int, int]],
    *,
    patience: float,
    since: str = "",
    ignored: Collection[str] = (),
) -> dict[int, Commit]:
    """The last commit that changed each of these lines, counted from 1, both ends included.

    White space alone is no change, and `ignored` commits are looked through. With `since`, lines that are no
    younger than that commit are left out, and git looks no further back. `body` is not read. Raises
    `NoCommit`, and `GitFailed` where the file has no such lines or git needs longer than `patience` seconds.
    """
    wanted = sorted(set(lines))
    if not wanted:
        return {}
    if len(wanted) > _MOST_RANGES:
        wanted = [(wanted[0][0], max(last for _first, last in wanted))]
    for one in filter(None, (commit, since)):
        if not mirror.has(one):
            raise NoCommit(commit=one)
    told = plumbing(
        *("blame", "--porcelain", "--root", "-w", "--ignore-revs-file=/dev/stdin"),
        *(f"-L{first},{last}" for first, last in wanted),
        *([f"^{since}"] if since else []),
        *(commit, "--", path),
        cwd=mirror.path,
        stdin="".join(f"{one}\n" for one in ignored).encode(),
        patience=patience,
    )
    return _read(told.decode("utf-8", "replace"), younger=bool(since))


def _read(porcelain: str, *, younger: bool) -> dict[int, Commit]:
    """git's porcelain format: a header for each line, and of a commit the details where it comes first.

    `younger` leaves out the commits at which git was told to stop.
    """
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
    commits = {
        sha: _commit(sha, told) for sha, told in details.items() if not (younger and "boundary" in told)
    }
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
