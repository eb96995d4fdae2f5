"""Looking through all files of a commit at the cost of one command, however many there are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress

from workspace.git.process import plumbing
from workspace.git.repository import REGULAR, Mirror, NoCommit

_MOST_TEXT = 500_000  # as much as is read of a model


def texts(mirror: Mirror, commit: str, folder: str = "", *, endings: tuple[str, ...]) -> dict[str, str]:
    """The files below a folder that end so, by their path in it, read at once.

    Links, what is no UTF-8, and what is too long to have been written by people are left out.
    """
    inside = f"{folder.strip('/')}/" if folder.strip("/") else ""
    kept = [
        file.path
        for file in mirror.files(commit, folder)
        if file.mode in REGULAR and file.path.endswith(endings) and file.size <= _MOST_TEXT
    ]
    found: dict[str, str] = {}
    for path, content in mirror.contents(commit, kept).items():
        with suppress(UnicodeDecodeError):
            found[path.removeprefix(inside)] = content.decode()
    return found


def holding(mirror: Mirror, commit: str, *words: str, ending: str) -> set[str]:
    """The paths of the files with this ending, large or small, that hold one of the words anywhere."""
    if not mirror.has(commit):
        raise NoCommit(commit=commit)
    asked = [part for word in words for part in ("-e", word)]
    # A full hash by now, which git grep, that knows no --end-of-options, takes for nothing else.
    # As text whatever attributes say, or a repository could hide its files from us.
    options = ("--text", "--name-only", "--null", "--full-name", "--fixed-strings", "--no-textconv")
    listed = plumbing("grep", *options, *asked, commit, cwd=mirror.path, ok=(0, 1))
    found = {name.decode("utf-8", "replace").removeprefix(f"{commit}:") for name in listed.split(b"\0")}
    return {path for path in found if path.lower().endswith(ending)}


def contents(mirror: Mirror, oids: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """Each object's name and its bytes."""
    wanted = sorted(set(oids))
    answer = (
        plumbing("cat-file", "--batch", cwd=mirror.path, stdin="\n".join(wanted).encode()) if wanted else b""
    )
    while answer:
        header, _newline, rest = answer.partition(b"\n")
        oid, _kind, size = header.decode().split()
        yield oid, rest[: int(size)]
        answer = rest[int(size) + 1 :]
