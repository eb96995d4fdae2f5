"""Fetching into a mirror and reading from it, with real git."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.fakes.git_remote import Origin
from workspace.git import advertised, search
from workspace.git.commits import Person
from workspace.git.moves import moved
from workspace.git.process import GitEmpty, GitNoBranch, GitNoRepository
from workspace.git.repository import FileAbsent, Mirror, NoCommit, NoMirror, Remote


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    return Origin(tmp_path / "forge")


@pytest.fixture
def mirror(tmp_path: Path, origin: Origin) -> Mirror:
    return Mirror(tmp_path / "git" / "1.git", Remote(origin.url, "main"))


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Mirror:
    """A mirror for tests that only look: one serves them all."""
    folder = tmp_path_factory.mktemp("untouched")
    mirror = Mirror(folder / "git" / "1.git", Remote(Origin(folder / "forge").url, "main"))
    mirror.fetch()
    return mirror


def make_old(path: Path, *, seconds: int) -> None:
    then = time.time() - seconds
    os.utime(path, (then, then))


# -- Fetching ----------------------------------------------------------------------------------------


def test_the_first_fetch_makes_a_bare_mirror_and_returns_the_head(mirror: Mirror, origin: Origin) -> None:
    head = mirror.fetch()

    assert head == origin.head() == mirror.head()
    assert mirror.has(head)
    assert not (mirror.path / ".git").exists()
    assert [entry.name for entry in mirror.path.parent.iterdir()] == ["1.git"]


def test_a_fetch_follows_new_commits_new_branches_and_deleted_ones(mirror: Mirror, origin: Origin) -> None:
    origin.commit({"a.sql": "select 1\n"}, branch="feature")
    mirror.fetch()
    assert mirror.branches() == ["feature", "main"]

    origin.git("push", "--quiet", "origin", ":feature")
    nested = origin.commit({"b.sql": "select 2\n"}, branch="feature/nested")
    newest = origin.commit({"c.sql": "select 3\n"})

    assert mirror.fetch() == newest
    assert mirror.branches() == ["feature/nested", "main"]
    assert mirror.head("feature/nested") == nested


def test_a_branch_that_was_force_pushed_is_followed(mirror: Mirror, origin: Origin) -> None:
    old = mirror.fetch()
    origin.git("commit", "--quiet", "--amend", "--message", "Rewritten")
    new = origin.push(force=True)

    assert mirror.fetch() == new
    assert mirror.has(old)
    assert not mirror.is_ancestor(old, new)


def test_a_missing_branch_is_answered_with_the_branches_that_exist(tmp_path: Path, origin: Origin) -> None:
    origin.commit({"a.sql": "select 1\n"}, branch="release")
    mirror = Mirror(tmp_path / "git" / "1.git", Remote(origin.url, "master"))

    with pytest.raises(GitNoBranch) as caught:
        mirror.fetch()

    assert caught.value.params == {"branch": "master", "branches": "main, release"}
    assert "no branch master" in str(caught.value)


def test_an_empty_repository_asks_for_a_first_commit(tmp_path: Path) -> None:
    empty = Origin(tmp_path / "forge", empty=True)

    with pytest.raises(GitEmpty) as caught:
        Mirror(tmp_path / "git" / "1.git", Remote(empty.url, "main")).fetch()

    assert "first commit" in str(caught.value)


def test_a_folder_that_holds_no_repository_is_named_as_such(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()

    with pytest.raises(GitNoRepository) as caught:
        Mirror(tmp_path / "git" / "1.git", Remote(str(tmp_path / "plain"), "main")).fetch()

    assert caught.value.symptom == "no-repository"
    assert not caught.value.temporary


def test_reading_before_the_first_fetch_asks_for_a_pull(mirror: Mirror) -> None:
    with pytest.raises(NoMirror):
        mirror.branches()


def test_eight_workers_may_make_and_fetch_one_mirror_at_once(mirror: Mirror, origin: Origin) -> None:
    for number in range(5):
        origin.commit({"a.sql": f"select {number}\n"}, branch=f"b{number}")

    with ThreadPoolExecutor(8) as pool:
        heads = list(pool.map(lambda _n: mirror.fetch(), range(16)))

    assert set(heads) == {origin.head()}
    assert len(mirror.branches()) == 6
    assert [entry.name for entry in mirror.path.parent.iterdir()] == ["1.git"]


def test_fetches_that_overlap_while_branches_move_all_succeed(mirror: Mirror, origin: Origin) -> None:
    mirror.fetch()

    with ThreadPoolExecutor(4) as pool:
        fetches = []
        for number in range(6):
            origin.commit({"a.sql": f"select {number}\n"})
            fetches += [pool.submit(mirror.fetch) for _n in range(3)]

    history = set(origin.history())
    assert all(fetch.result() in history for fetch in fetches)
    assert mirror.fetch() == origin.head()


def test_a_lock_that_a_killed_fetch_left_behind_is_removed_once_it_is_old(
    mirror: Mirror, origin: Origin
) -> None:
    mirror.fetch()
    ref_lock = mirror.path / "refs/remotes/origin/main.lock"
    index_lock = mirror.path / "index.lock"
    for lock in (ref_lock, index_lock):
        lock.touch()
        make_old(lock, seconds=660)
    newest = origin.commit({"a.sql": "select 1\n"})

    assert mirror.fetch() == newest
    assert not ref_lock.exists()
    assert not index_lock.exists()


def test_a_lock_that_is_young_belongs_to_somebody_and_stays(mirror: Mirror) -> None:
    mirror.fetch()
    lock = mirror.path / "index.lock"
    lock.touch()

    mirror.fetch()

    assert lock.exists()


def test_half_a_pack_that_a_killed_worker_left_behind_is_removed_after_a_day(mirror: Mirror) -> None:
    mirror.fetch()
    old, young = (mirror.path / f"objects/pack/tmp_pack_{name}" for name in ("old", "young"))
    for path in (old, young):
        path.touch()
    make_old(old, seconds=90_000)

    mirror.fetch()

    assert (old.exists(), young.exists()) == (False, True)


# -- Reading -----------------------------------------------------------------------------------------


def test_files_come_with_path_mode_and_size(mirror: Mirror, origin: Origin) -> None:
    (origin.clone / "run.sh").write_text("#!/bin/sh\n")
    (origin.clone / "run.sh").chmod(0o755)
    (origin.clone / "link.sql").symlink_to("/etc/passwd")
    origin.commit({"models/Zwölf Äpfel.sql": "select 12\n"})
    head = mirror.fetch()

    found = {file.path: (file.mode, file.size) for file in mirror.files(head)}

    assert found == {
        "dbt_project.yml": ("100644", 11),
        "link.sql": ("120000", 11),
        "models/Zwölf Äpfel.sql": ("100644", 10),
        "models/orders.sql": ("100644", 15),
        "run.sh": ("100755", 10),
    }


@pytest.mark.parametrize("folder", ["models", "models/", "/models"])
def test_files_of_one_folder_leave_out_its_namesakes(mirror: Mirror, origin: Origin, folder: str) -> None:
    head = origin.commit({"models_old/a.sql": "select 1\n", ":(glob)*": "odd\n"})
    mirror.fetch()

    assert [file.path for file in mirror.files(head, folder)] == ["models/orders.sql"]
    assert mirror.files(head, "seeds") == []


def test_the_files_that_mention_a_text_are_found_whatever_is_in_it(mirror: Mirror, origin: Origin) -> None:
    told = {"a b.yml": "x: \"{{ env_var('A') }}\"\n", "é.yml": "env_var(\n", "c.yml": "env.var(\n"}
    commit = origin.commit({**told, "-e.yml": "--all\n"})
    mirror.fetch()

    assert sorted(mirror.mentioning(commit, "env_var(")) == ["a b.yml", "é.yml"]
    assert mirror.mentioning(commit, "--all") == ["-e.yml"]
    assert mirror.mentioning(commit, "nowhere to be found") == []


def test_the_texts_of_a_folder_are_read_at_once(mirror: Mirror, origin: Origin) -> None:
    (origin.clone / "shop").mkdir()
    (origin.clone / "shop" / "link.sql").symlink_to("a.sql")
    texts = {"a.sql": "select 1\n\nselect 2", "models/b.yml": "", "models/été.sql": "select 'é'\n"}
    origin.commit(
        {
            **{f"shop/{path}": text for path, text in texts.items()},
            "shop/odd.sql": b"select '\xff'",
            "shop/long.sql": "-- long\n" * 70_000,
            "shop/read.md": "# Read me",
            "shopping/c.sql": "select 3",
            "d.sql": "select 4",
        }
    )
    head = mirror.fetch()

    assert search.texts(mirror, head, "shop", endings=(".sql", ".yml")) == texts
    assert search.texts(mirror, head, "/shop/models/", endings=(".yml",)) == {"b.yml": ""}
    assert search.texts(mirror, head, "nowhere", endings=(".sql",)) == {}
    assert search.texts(mirror, head, endings=(".sql",))["d.sql"] == "select 4"


def test_a_file_is_read_byte_for_byte(mirror: Mirror, origin: Origin) -> None:
    contents: dict[str, str | bytes | None] = {
        "empty": b"",
        "unterminated": b"no newline at the end",
        "crlf": b"a\r\nb\rc\n",
        "models/sömething odd:1.sql": "Grüße 🌍\n".encode(),
        "binary": b"\x00\xff\xfe\n\n",
        "long": b"x\n" * 50_000,
    }
    origin.commit({".gitattributes": "* -text\n", **contents})
    head = mirror.fetch()

    assert {path: mirror.read(head, path) for path in contents} == contents


def test_many_files_are_read_at_once_and_those_that_are_not_there_left_out(
    mirror: Mirror, origin: Origin
) -> None:
    contents: dict[str, str | bytes | None] = {
        "a.sql": b"select 1 missing\n",
        "empty": b"",
        "a blob 3": b"three",
        "long": b"x\n" * 50_000,
    }
    origin.commit({".gitattributes": "* -text\n", **contents})
    head = mirror.fetch()
    asked = ["a.sql", "no blob 7", "../x", "empty", "a\nb", "models", "a blob 3", "long"]

    assert mirror.contents(head, asked) == contents
    assert mirror.contents(head, []) == {}


@pytest.mark.parametrize(
    "path", ["absent.sql", "models", "", "/dbt_project.yml", "./dbt_project.yml", "../x", "a\nb", "models/"]
)
def test_a_file_that_is_not_there_is_refused_by_its_name(untouched: Mirror, path: str) -> None:
    head = untouched.head()

    with pytest.raises(FileAbsent) as caught:
        untouched.read(head, path)

    assert caught.value.params == {"path": path, "commit": head}


def test_a_commit_that_is_not_there_is_refused_by_its_hash(mirror: Mirror) -> None:
    mirror.fetch()

    with pytest.raises(NoCommit) as caught:
        mirror.read("f" * 40, "dbt_project.yml")

    assert "ffffffffffff is not" in str(caught.value)
    assert not mirror.has("f" * 40)


def test_a_file_counts_as_a_file_and_never_as_a_commit(mirror: Mirror) -> None:
    head = mirror.fetch()

    assert not mirror.has(mirror.files(head)[0].oid)


def test_history_names_people_times_and_reasons(mirror: Mirror, origin: Origin) -> None:
    origin.commit({"a.sql": "select 1\n"}, "Add a\n\nBecause of b.\n\nBisync-Run: 7")

    newest, oldest = mirror.log(mirror.fetch())

    assert newest.sha == origin.head()
    assert newest.author == newest.committer == Person("Ada", "ada@example.com")
    assert abs((datetime.now(tz=UTC) - newest.at).total_seconds()) < 60
    assert (newest.subject, newest.body) == ("Add a", "Because of b.\n\nBisync-Run: 7")
    assert (oldest.subject, oldest.body) == ("Start", "")


def test_files_are_told_with_the_last_commit_that_touched_them(mirror: Mirror, origin: Origin) -> None:
    base = mirror.fetch()
    first = origin.commit({"models/a.sql": "one", "models/\u00fc b.sql": "one"}, "one")
    second = origin.commit({"models/a.sql": "two"}, "two")
    mirror.fetch()

    found = mirror.touched(base, second)

    assert {path: commit.sha for path, commit in found.items()} == {
        "models/a.sql": second,
        "models/\u00fc b.sql": first,
    }
    assert found["models/a.sql"].subject == "two"
    assert mirror.touched(second, second) == {}


def test_renamed_files_are_told_where_half_of_the_text_is_the_same(mirror: Mirror, origin: Origin) -> None:
    text = "".join(f"select {number}\n" for number in range(20))
    base = origin.commit({"a.sql": text, "b.sql": text.upper(), "c.sql": "select c\n"}, "Add.")
    renamed = {"a.sql": None, "models/\u00fc a.sql": text + "-- more\n", "b.sql": text.upper() + "-- more\n"}
    head = origin.commit({**renamed, "c.sql": None, "d.sql": "another\nthing\n"}, "Rename.")
    mirror.fetch()

    assert moved(mirror, base, head, patience=20) == {"models/\u00fc a.sql": "a.sql"}
    assert moved(mirror, head, head, patience=20) == {}
    again = {"models/\u00fc a.sql": None, "models/b.sql": text, "d.sql": None, "b/d.sql": "another\nthing\n"}
    then = origin.commit(again, "Rename again.")
    mirror.fetch()
    assert moved(mirror, head, then, folder="models/", patience=20) == {"models/b.sql": "models/\u00fc a.sql"}
    assert moved(mirror, head, then, patience=20).keys() == {"models/b.sql", "b/d.sql"}
    with pytest.raises(NoCommit):
        moved(mirror, "f" * 40, head, patience=20)


def test_history_can_be_limited_to_a_path_and_a_number(mirror: Mirror, origin: Origin) -> None:
    for number in range(3):
        origin.commit({"a.sql": f"select {number}\n"}, f"A {number}")
        origin.commit({"models/b.sql": f"select {number}\n"}, f"B {number}")
    head = mirror.fetch()

    assert [entry.subject for entry in mirror.log(head, limit=2)] == ["B 2", "A 2"]
    assert [entry.subject for entry in mirror.log(head, path="a.sql")] == ["A 2", "A 1", "A 0"]
    assert mirror.log(head, path="models/", limit=1)[0].subject == "B 2"
    assert mirror.log(head, path="absent") == []


def test_a_commit_from_the_far_future_does_not_break_its_history(mirror: Mirror, origin: Origin) -> None:
    raw = (
        f"tree {origin.git('rev-parse', 'HEAD^{tree}')}\nparent {origin.head()}\n"
        "author A <a@b> 999999999999999 +0000\ncommitter A <a@b> 999999999999999 +0000\n\nLater\n"
    )
    odd = origin.git("hash-object", "-t", "commit", "-w", "--stdin", "--literally", stdin=raw.encode())
    origin.git("push", "--quiet", "origin", f"{odd}:refs/heads/main")

    newest = mirror.log(mirror.fetch())[0]

    assert (newest.subject, newest.at.year) == ("Later", 9999)


def test_changed_paths_name_both_ends_of_a_renaming(mirror: Mirror, origin: Origin) -> None:
    before = mirror.fetch()
    origin.commit({"models/orders.sql": None, "models/Bestellungen ü.sql": "select 1 as id\n"})
    after = mirror.fetch()

    assert mirror.changed_paths(before, after) == ["models/Bestellungen ü.sql", "models/orders.sql"]
    assert mirror.changed_paths(after, after) == []


def test_trailers_are_read_from_the_end_of_a_message_only(mirror: Mirror, origin: Origin) -> None:
    origin.commit(
        {"a.sql": "select 1\n"},
        "Add a\n\nNote: not a trailer, this is a\nparagraph.\n\n"
        "Bisync-Proposal: 12\nReviewed-by: Ada <ada@example.com>\nReviewed-by: Bob\n",
    )

    assert mirror.trailers(mirror.fetch()) == {
        "Bisync-Proposal": ["12"],
        "Reviewed-by": ["Ada <ada@example.com>", "Bob"],
    }


def test_ancestry_follows_merges(mirror: Mirror, origin: Origin) -> None:
    base = origin.head()
    side = origin.commit({"side.sql": "select 1\n"}, branch="side")
    main = origin.commit({"main.sql": "select 2\n"})
    origin.git("merge", "--quiet", "--no-edit", side)
    merged = origin.push()
    mirror.fetch()

    assert all(mirror.is_ancestor(commit, merged) for commit in (base, side, main, merged))
    assert not mirror.is_ancestor(side, main)
    assert not mirror.is_ancestor(merged, main)
    assert not mirror.is_ancestor("e" * 40, main)


# -- Working trees -----------------------------------------------------------------------------------


def test_a_worktree_holds_the_files_of_its_commit_and_is_gone_afterwards(
    mirror: Mirror, origin: Origin
) -> None:
    old = origin.head()
    origin.commit({"models/orders.sql": "select 2 as id\n"})
    mirror.fetch()

    with mirror.worktree(old) as tree:
        found = sorted(str(path.relative_to(tree)) for path in tree.rglob("*") if path.is_file())
        assert found == ["dbt_project.yml", "models/orders.sql"]
        assert (tree / "models/orders.sql").read_text() == "select 1 as id\n"

    assert not tree.exists()
    assert list((mirror.path.parent / "worktrees").iterdir()) == []


def test_a_worktree_is_gone_after_an_error_too(mirror: Mirror) -> None:
    head = mirror.fetch()

    def fail_inside() -> None:
        with mirror.worktree(head) as tree:
            (tree / "target").mkdir()
            (tree.parent / "outside.log").touch()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_inside()

    assert list((mirror.path.parent / "worktrees").iterdir()) == []


def test_twelve_worktrees_of_different_commits_can_be_used_at_once(mirror: Mirror, origin: Origin) -> None:
    commits = [origin.commit({"models/n.sql": f"select {n}\n"}) for n in range(12)]
    mirror.fetch()

    def content(commit: str) -> str:
        with mirror.worktree(commit) as tree:
            time.sleep(0.2)  # so that all of them exist together
            return (tree / "models/n.sql").read_text()

    with ThreadPoolExecutor(12) as pool:
        contents = list(pool.map(content, commits))

    assert contents == [f"select {n}\n" for n in range(12)]
    assert list((mirror.path.parent / "worktrees").iterdir()) == []


def test_a_symbolic_link_comes_out_of_a_repository_as_text(mirror: Mirror, origin: Origin) -> None:
    secret = mirror.path.parent.parent / "secret"
    secret.write_text("the secret")
    (origin.clone / "models/link.sql").symlink_to(secret)
    head = origin.commit({})
    mirror.fetch()

    with mirror.worktree(head) as tree:
        assert not (tree / "models/link.sql").is_symlink()
        assert (tree / "models/link.sql").read_text() == str(secret)
    assert mirror.read(head, "models/link.sql") == str(secret).encode()


def test_of_very_many_branches_the_ones_that_matter_are_always_told(
    origin: Origin, mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(advertised, "_MOST", 2)
    for branch in ("a", "b", "c", "release"):
        origin.git("push", "--quiet", "origin", f"HEAD:refs/heads/{branch}")
    chosen = replace(mirror, remote=replace(mirror.remote, branch="release"))

    assert chosen.advertised() == advertised.Advertised(("a", "b", "main", "release"), "main")
