"""Who wrote each line last, with real git."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.git_remote import Origin
from workspace.git.blame import IGNORED, IgnoredUnreadable, blame, ignored_commits
from workspace.git.repository import Mirror, NoCommit, Remote

FILE = "models/orders.yml"


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    return Origin(tmp_path / "forge")


@pytest.fixture
def mirror(tmp_path: Path, origin: Origin) -> Mirror:
    return Mirror(tmp_path / "git" / "1.git", Remote(origin.url, "main"))


def authors(mirror: Mirror, commit: str, **options: str) -> dict[int, str]:
    ignored = ignored_commits(mirror, commit)
    found = blame(mirror, commit, FILE, [(1, 3)], patience=5, ignored=ignored, **options)
    return {line: commit.author.name for line, commit in found.items()}


def test_a_commit_that_the_repository_asks_to_ignore_wrote_nothing(mirror: Mirror, origin: Origin) -> None:
    origin.commit({FILE: "a: 1\nb: 2\nc: 3\n"}, author="Tom")
    origin.commit({FILE: "a: 1\nb: 4\nc: 3\n"}, author="Maya")
    formatted = origin.commit({FILE: "a: '1'\nb: '4'\nc: '3'\n"}, author="Robot")
    listed = origin.commit({IGNORED: f"# Quotes everywhere.\n\n{formatted.upper()}  # by the robot\r\n"})
    mirror.fetch()

    assert authors(mirror, formatted) == {1: "Robot", 2: "Robot", 3: "Robot"}
    assert authors(mirror, listed) == {1: "Tom", 2: "Maya", 3: "Tom"}


def test_the_machines_own_settings_ignore_nothing(
    mirror: Mirror, origin: Origin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = origin.commit({FILE: "a: 1\nb: 2\nc: 3\n"}, author="Tom")
    (tmp_path / "ignored").write_text(f"{head}\n")
    (tmp_path / ".gitconfig").write_text(f"[blame]\n\tignoreRevsFile = {tmp_path / 'ignored'}\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / ".gitconfig"))
    origin.commit({FILE: "a: 1\nb: 2\nc: 4\n"}, author="Maya")
    (tmp_path / "ignored").write_text(f"{origin.head()}\n")
    mirror.fetch()

    assert authors(mirror, origin.head()) == {1: "Tom", 2: "Tom", 3: "Maya"}


@pytest.mark.parametrize(
    ("text", "line"),
    [("main\n", 1), (f"{'a' * 40}\n{'a' * 39}\n", 2), ("# fine\n\xff\n", 2), (f"{'a' * 40} {'b' * 40}", 1)],
)
def test_a_list_that_names_no_commits_is_told_by_its_line(
    mirror: Mirror, origin: Origin, text: str, line: int
) -> None:
    head = origin.commit({IGNORED: text})
    mirror.fetch()

    with pytest.raises(IgnoredUnreadable, match=f"line {line} is no commit hash"):
        ignored_commits(mirror, head)


def test_a_listed_commit_that_nobody_has_does_no_harm(mirror: Mirror, origin: Origin) -> None:
    origin.commit({FILE: "a: 1\nb: 2\nc: 3\n"}, author="Tom")
    head = origin.commit({IGNORED: f"{'a' * 40}\n"})
    mirror.fetch()

    assert authors(mirror, head) == {1: "Tom", 2: "Tom", 3: "Tom"}


def test_lines_that_are_no_younger_than_a_commit_are_left_out(mirror: Mirror, origin: Origin) -> None:
    start = origin.head()
    before = origin.commit({FILE: "a: 1\nb: 2\nc: 3\n"}, author="Tom")
    head = origin.commit({FILE: "a: 1\nb: 4\nc: 3\n"}, author="Maya")
    mirror.fetch()

    assert authors(mirror, head, since=before) == {2: "Maya"}
    assert authors(mirror, head, since=start) == {1: "Tom", 2: "Maya", 3: "Tom"}
    with pytest.raises(NoCommit):
        authors(mirror, head, since="a" * 40)
