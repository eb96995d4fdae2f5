"""Writing commits into a mirror and pushing them, with real git and real races."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bisync.lib.process import Finished
from tests.fakes.git_remote import Origin
from workspace import commands
from workspace.git.commits import Person
from workspace.git.process import GitNoBranch, GitStopped, PushDenied, RemoteMoved
from workspace.git.repository import Mirror, NoCommit, Remote, UnsafePath

ADA = Person("Ada Lovelace", "ada@example.com")
ROBOT = Person("Bisync", "bisync@localhost")
AT = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    return Origin(tmp_path / "forge")


@pytest.fixture
def mirror(tmp_path: Path, origin: Origin) -> Mirror:
    mirror = Mirror(tmp_path / "git" / "1.git", Remote(origin.url, "main"))
    mirror.fetch()
    return mirror


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Mirror:
    """A mirror for tests in which nothing gets through: one serves them all."""
    folder = tmp_path_factory.mktemp("untouched")
    mirror = Mirror(folder / "git" / "1.git", Remote(Origin(folder / "forge").url, "main"))
    mirror.fetch()
    return mirror


def write(
    mirror: Mirror,
    files: Mapping[str, bytes | None],
    *,
    parent: str = "",
    message: str = "Define revenue",
    author: Person = ADA,
) -> str:
    return mirror.commit(
        parent=parent or mirror.head(), files=files, message=message, author=author, committer=ROBOT, at=AT
    )


class Recorder:
    """A run that notes its commands, and is cancelled as soon as `stops_at` exists."""

    def __init__(self, stops_at: Path | None = None) -> None:
        self.names: list[str] = []
        self.stops_at = stops_at

    def begin(self, name: str, argv: Sequence[str]) -> Callable[[str], None]:
        self.names.append(name)
        return lambda line: None

    def finish(self, finished: Finished) -> None:
        """Nothing to keep."""

    def stopped(self) -> bool:
        return self.stops_at is not None and self.stops_at.exists()


# -- Commits -----------------------------------------------------------------------------------------


def test_a_commit_holds_its_files_its_parent_and_both_people(mirror: Mirror) -> None:
    head = mirror.head()

    made = write(mirror, {"models/metrics.yml": b"metrics: []\n"}, message="Define revenue\n\nBisync-Run: 7")

    entry = mirror.log(made, limit=1)[0]
    assert (entry.author, entry.committer, entry.at) == (ADA, ROBOT, AT)
    assert (entry.subject, entry.body) == ("Define revenue", "Bisync-Run: 7")
    assert mirror.trailers(made) == {"Bisync-Run": ["7"]}
    assert mirror.read(made, "models/metrics.yml") == b"metrics: []\n"
    assert mirror.changed_paths(head, made) == ["models/metrics.yml"]
    assert [past.sha for past in mirror.log(made)] == [made, head]


def test_the_same_content_makes_the_same_commit_on_every_machine(
    mirror: Mirror, origin: Origin, tmp_path: Path
) -> None:
    other = Mirror(tmp_path / "other" / "9.git", mirror.remote)
    other.fetch()
    files = {"b.yml": "Größe: 1\r\n".encode(), "a.yml": b"", "dbt_project.yml": None}

    first, again = write(mirror, files), write(mirror, files)
    elsewhere = write(other, dict(reversed(files.items())))

    assert first == again == elsewhere


def test_every_part_of_a_commit_counts_for_its_hash(mirror: Mirror) -> None:
    made = {
        write(mirror, {"a.yml": b"1"}),
        write(mirror, {"a.yml": b"2"}),
        write(mirror, {"b.yml": b"1"}),
        write(mirror, {"a.yml": b"1"}, message="Other"),
        write(mirror, {"a.yml": b"1"}, author=Person("Bob", "bob@example.com")),
        write(mirror, {"a.yml": b"1"}, parent=write(mirror, {"z.yml": b""})),
    }

    assert len(made) == 6


def test_content_arrives_byte_for_byte_whatever_the_attributes_say(mirror: Mirror, origin: Origin) -> None:
    origin.commit({".gitattributes": "* text=auto eol=lf\n*.yml ident\n"})
    mirror.fetch()
    contents = {
        "empty.yml": b"",
        "unterminated.yml": b"$Id$",
        "crlf.yml": b"a\r\nb\rc\n",
        "models/Äpfel & Birnen 🍐.yml": "Grüße 🌍\n".encode(),
        "binary.yml": b"\x00\xff\n",
        "long.yml": b"x\n" * 200_000,
    }

    made = write(mirror, contents)

    assert {path: mirror.read(made, path) for path in contents} == contents


def test_removing_a_file_leaves_the_others_and_removing_nothing_changes_nothing(mirror: Mirror) -> None:
    made = write(mirror, {"models/orders.sql": None, "absent.yml": None})

    assert [file.path for file in mirror.files(made)] == ["dbt_project.yml"]


def test_a_file_keeps_the_mode_it_has(mirror: Mirror, origin: Origin) -> None:
    (origin.clone / "run.sh").write_text("one\n")
    (origin.clone / "run.sh").chmod(0o755)
    origin.commit({})
    mirror.fetch()

    made = write(mirror, {"run.sh": b"two\n", "new.sql": b"select 1\n"})

    modes = {file.path: file.mode for file in mirror.files(made)}
    assert (modes["run.sh"], modes["new.sql"]) == ("100755", "100644")


def test_a_commit_needs_neither_the_index_of_the_mirror_nor_its_locks(mirror: Mirror) -> None:
    for lock in ("index.lock", "HEAD.lock", "packed-refs.lock"):
        (mirror.path / lock).touch()

    made = write(mirror, {"a.yml": b"1"})

    assert mirror.read(made, "a.yml") == b"1"
    assert list((mirror.path.parent / "worktrees").iterdir()) == []


def test_many_commits_can_be_written_at_once(mirror: Mirror) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda n: write(mirror, {f"f{n}.yml": b"%d" % n}), range(16)))

    assert [mirror.read(commit, f"f{n}.yml") for n, commit in enumerate(made)] == [
        b"%d" % n for n in range(16)
    ]
    assert all(mirror.changed_paths(mirror.head(), c) == [f"f{n}.yml"] for n, c in enumerate(made))


def test_a_commit_on_an_unknown_parent_is_refused(mirror: Mirror) -> None:
    with pytest.raises(NoCommit):
        write(mirror, {"a.yml": b"1"}, parent="d" * 40)


@pytest.mark.parametrize(
    ("name", "email", "kept"),
    [
        ("Ada\nBisync-Run: 1", "ada@example.com\n", ("Ada Bisync-Run: 1", "ada@example.com")),
        ("<b>Ada</b> <x@y>", "<a@b>", ("bAda/b x@y", "a@b")),
        ("  …Zoë 王 ", "zoe@example.com", ("…Zoë 王", "zoe@example.com")),
        ("...", "bob@example.com", ("bob", "bob@example.com")),
        ("\x00\x1b[31m", "", ("[31m", "")),
        ("", "", ("unknown", "")),
    ],
)
def test_a_person_is_cut_down_to_what_git_can_hold(
    mirror: Mirror, name: str, email: str, kept: tuple[str, str]
) -> None:
    made = write(mirror, {"a.yml": b"1"}, author=Person(name, email))

    author = mirror.log(made, limit=1)[0].author
    assert (author.name, author.email) == kept


def test_a_message_keeps_its_lines_and_loses_its_control_characters(mirror: Mirror) -> None:
    made = write(mirror, {"a.yml": b"1"}, message="Säle\r\n\r\n# not a comment\n\tindented\x00\x1b[31m\n\n")

    entry = mirror.log(made, limit=1)[0]
    assert (entry.subject, entry.body) == ("Säle", "# not a comment\n\tindented[31m")


# -- Paths that are not written to -------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/etc/passwd",
        "../x",
        "models/../../x",
        "models/./x",
        "models//x",
        "models/",
        ".git/hooks/post-commit",
        "models/.GIT/config",
        ".Git",
        "-x",
        "models/--output=x",
        "a\\b",
        "a\nb",
        "a\tb",
        "a\x00b",
        ".g\u200cit/config",
        "a\u202eb",
        "a\ud800b",
        "git~1/config",
        ".git./config",
        ".git /config",
        "models",
    ],
)
def test_a_path_that_is_no_ordinary_file_is_never_written(untouched: Mirror, path: str) -> None:
    with pytest.raises(UnsafePath):
        write(untouched, {path: b"x", "fine.yml": b"y"})


@pytest.mark.parametrize("content", [b"x", None], ids=["written", "removed"])
@pytest.mark.parametrize("path", ["link.yml", "link.yml/x", "vendored", "vendored/x", "dbt_project.yml/x"])
def test_links_submodules_and_what_lies_behind_them_stay_as_they_are(
    mirror: Mirror, origin: Origin, path: str, content: bytes | None
) -> None:
    (origin.clone / "link.yml").symlink_to("/etc")
    origin.git("update-index", "--add", "--cacheinfo", f"160000,{origin.head()},vendored")
    origin.git("add", "link.yml")
    origin.git("commit", "--quiet", "--message", "Links")
    origin.push()
    mirror.fetch()

    with pytest.raises(UnsafePath) as caught:
        write(mirror, {path: content})

    assert caught.value.params == {"path": path}


def test_a_file_and_a_folder_of_the_same_name_are_refused(mirror: Mirror) -> None:
    with pytest.raises(UnsafePath):
        write(mirror, {"new": b"x", "new/inside.yml": b"y"})


# -- Pushing -----------------------------------------------------------------------------------------


def test_a_push_makes_exactly_that_commit_the_head_of_the_branch(mirror: Mirror, origin: Origin) -> None:
    head = mirror.head()
    made = write(mirror, {"a.yml": b"1"})
    assert not mirror.on_remote(made)

    mirror.push(made, expecting=head)

    assert origin.history() == [made, head]
    assert mirror.on_remote(made)
    assert origin.git("for-each-ref", "--format=%(refname)", cwd=origin.path) == "refs/heads/main"
    origin.git("fsck", "--strict", cwd=origin.path)


def test_a_push_that_is_repeated_changes_nothing_even_when_the_branch_went_on(
    mirror: Mirror, origin: Origin
) -> None:
    head = mirror.head()
    made = write(mirror, {"a.yml": b"1"})
    mirror.push(made, expecting=head)
    mirror.push(made, expecting=head)
    newest = origin.commit({"b.yml": "2"})
    recorder = Recorder()

    with commands.recorded_by(recorder):
        mirror.push(made, expecting=head)

    assert origin.history() == [newest, made, head]
    assert recorder.names == ["git fetch"]


def test_a_push_is_found_done_on_a_machine_that_never_saw_the_commit(
    mirror: Mirror, origin: Origin, tmp_path: Path
) -> None:
    head = mirror.head()
    made = write(mirror, {"a.yml": b"1"})
    mirror.push(made, expecting=head)

    Mirror(tmp_path / "elsewhere" / "1.git", mirror.remote).push(made, expecting=head)

    assert origin.history() == [made, head]


def test_a_branch_that_moved_meanwhile_is_not_overwritten(mirror: Mirror, origin: Origin) -> None:
    head = mirror.head()
    made = write(mirror, {"a.yml": b"1"})
    theirs = origin.commit({"b.yml": "2"})

    with pytest.raises(RemoteMoved) as caught:
        mirror.push(made, expecting=head)

    assert caught.value.params == {"branch": "main", "expected": head, "found": theirs}
    assert origin.head() == theirs


def test_a_branch_that_moves_between_the_question_and_the_push_is_not_overwritten(
    mirror: Mirror, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = mirror.head()
    made = write(mirror, {"a.yml": b"1"})
    theirs: list[str] = []

    def ancestor_after_they_pushed(self: Mirror, ancestor: str, descendant: str) -> bool:
        if ancestor == head and not theirs:
            theirs.append(origin.commit({"b.yml": "2"}))
        return is_ancestor(self, ancestor, descendant)

    is_ancestor = Mirror.is_ancestor
    monkeypatch.setattr(Mirror, "is_ancestor", ancestor_after_they_pushed)

    with pytest.raises(RemoteMoved) as caught:
        mirror.push(made, expecting=head)

    assert caught.value.params["found"] == theirs[0] == origin.head()


def test_a_branch_that_was_force_pushed_is_not_overwritten(mirror: Mirror, origin: Origin) -> None:
    head = mirror.head()
    made = write(mirror, {"a.yml": b"1"})
    origin.git("commit", "--quiet", "--amend", "--message", "Rewritten")
    theirs = origin.push(force=True)

    with pytest.raises(RemoteMoved):
        mirror.push(made, expecting=head)

    assert origin.head() == theirs


def test_a_commit_that_was_built_on_something_else_never_replaces_the_branch(
    mirror: Mirror, origin: Origin
) -> None:
    old = mirror.head()
    made = write(mirror, {"a.yml": b"1"}, parent=old)
    newest = origin.commit({"b.yml": "2"})

    with pytest.raises(RemoteMoved):
        mirror.push(made, expecting=newest)

    assert origin.head() == newest


def test_a_branch_that_was_deleted_meanwhile_is_not_made_again(mirror: Mirror, origin: Origin) -> None:
    head = mirror.head()
    made = write(mirror, {"a.yml": b"1"})
    origin.git("update-ref", "refs/heads/other", "refs/heads/main", cwd=origin.path)
    origin.git("update-ref", "-d", "refs/heads/main", cwd=origin.path)

    with pytest.raises(GitNoBranch):
        mirror.push(made, expecting=head)

    assert origin.git("for-each-ref", "--format=%(refname)", cwd=origin.path) == "refs/heads/other"


def test_a_commit_that_this_machine_does_not_hold_is_refused(mirror: Mirror) -> None:
    with pytest.raises(NoCommit):
        mirror.push("c" * 40, expecting=mirror.head())


@pytest.mark.parametrize("machines", [1, 4])
def test_of_pushes_at_the_same_moment_exactly_one_wins(tmp_path: Path, origin: Origin, machines: int) -> None:
    # Both ask before either pushes: the server lets nobody through until all of them knock.
    workers = 4
    knocks = tmp_path / "knocks"
    knocks.mkdir()
    origin.hook(
        "pre-receive",
        f"touch {knocks}/$$; n=0; while [ $(ls {knocks} | wc -l) -lt {workers} ] && [ $n -lt 100 ]; "
        "do sleep 0.05; n=$((n+1)); done",
    )
    mirrors = [
        Mirror(tmp_path / f"machine{n % machines}" / "1.git", Remote(origin.url, "main"))
        for n in range(workers)
    ]
    (head,) = {mirror.fetch() for mirror in mirrors}
    together = threading.Barrier(workers)

    def publish(number: int) -> str:
        made = write(mirrors[number], {f"f{number}.yml": b"1"})
        together.wait()
        try:
            mirrors[number].push(made, expecting=head)
        except RemoteMoved:
            return ""
        return made

    with ThreadPoolExecutor(workers) as pool:
        won = [made for made in pool.map(publish, range(workers)) if made]

    assert len(won) == 1
    assert origin.history() == [*won, head]
    assert len(list(knocks.iterdir())) > 1
    origin.git("fsck", cwd=origin.path)


def test_losers_who_build_on_the_new_head_all_arrive_in_the_end(tmp_path: Path, origin: Origin) -> None:
    def publish(number: int) -> None:
        mirror = Mirror(tmp_path / f"machine{number}" / "1.git", Remote(origin.url, "main"))
        while True:
            head = mirror.fetch()
            made = write(mirror, {f"f{number}.yml": b"1"}, parent=head)
            try:
                return mirror.push(made, expecting=head)
            except RemoteMoved:
                continue

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(publish, range(4)))

    assert len(origin.history()) == 5
    listed = origin.git("ls-tree", "--name-only", "main", cwd=origin.path).splitlines()
    assert [name for name in listed if name.startswith("f")] == ["f0.yml", "f1.yml", "f2.yml", "f3.yml"]


def test_a_push_that_was_killed_after_it_succeeded_is_found_by_asking(
    mirror: Mirror, origin: Origin, tmp_path: Path
) -> None:
    head = mirror.head()
    made = write(mirror, {"a.yml": b"1"})
    arrived = tmp_path / "arrived"
    origin.hook("post-receive", f"touch {arrived}; sleep 20")

    with pytest.raises(GitStopped), commands.recorded_by(Recorder(stops_at=arrived)):
        mirror.push(made, expecting=head)

    assert mirror.on_remote(made)
    mirror.push(made, expecting=head)
    assert origin.history() == [made, head]


def test_a_push_that_was_killed_before_it_succeeded_can_be_repeated(
    mirror: Mirror, origin: Origin, tmp_path: Path
) -> None:
    head = mirror.head()
    made = write(mirror, {"a.yml": b"1"})
    asked = tmp_path / "asked"
    origin.hook("pre-receive", f"touch {asked}; sleep 20")
    with pytest.raises(GitStopped), commands.recorded_by(Recorder(stops_at=asked)):
        mirror.push(made, expecting=head)
    origin.hook("pre-receive", "exit 0")
    assert not mirror.on_remote(made)

    mirror.push(made, expecting=head)

    assert origin.history() == [made, head]


def test_a_protected_branch_answers_in_the_servers_own_words(mirror: Mirror, origin: Origin) -> None:
    head = mirror.head()
    made = write(mirror, {"a.yml": b"1"})
    origin.hook(
        "pre-receive", "echo 'Branch main is protected.'; printf '\\033[31mAsk Grace.\\n' >&2; exit 1"
    )

    with pytest.raises(PushDenied) as caught:
        mirror.push(made, expecting=head)

    assert "Branch main is protected." in str(caught.value)
    assert "Ask Grace" in str(caught.value)
    assert "\x1b" not in str(caught.value.params)
    assert origin.head() == head
