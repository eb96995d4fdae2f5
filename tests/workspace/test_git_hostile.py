"""Addresses, names, repositories and environments that want git to do something else."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from bisync.lib.process import Finished
from tests.fakes.git_remote import Origin
from tests.fakes.git_server import GitServer
from workspace import commands
from workspace.git import process
from workspace.git.commits import Person
from workspace.git.process import GitFailed, git, plumbing
from workspace.git.repository import Mirror, NoCommit, Remote
from workspace.git.urls import (
    BranchRefused,
    UrlHoldsPassword,
    UrlNotAllowed,
    UrlRefused,
    check_branch,
    check_url,
)

ADA = Person("Ada", "ada@example.com")
HOOKS = (
    "pre-commit",
    "post-commit",
    "post-checkout",
    "post-index-change",
    "reference-transaction",
    "pre-push",
    "fsmonitor-watchman",
)


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    return Origin(tmp_path / "forge")


@pytest.fixture
def mirror(tmp_path: Path, origin: Origin) -> Mirror:
    mirror = Mirror(tmp_path / "git" / "1.git", Remote(origin.url, "main"))
    mirror.fetch()
    return mirror


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    """The file that a payload creates when it runs."""
    return tmp_path / "marker"


class Recorder:
    """Keeps what a run's page would show."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.argvs: list[list[str]] = []
        self.lines: list[str] = []

    def begin(self, name: str, argv: Sequence[str]) -> Callable[[str], None]:
        self.names.append(name)
        self.argvs.append(list(argv))
        return self.lines.append

    def finish(self, finished: Finished) -> None:
        self.lines.append(finished.output)

    def stopped(self) -> bool:
        return False


# -- Addresses ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "transport"),
    [
        ("https://github.com/acme/shop.git", "https"),
        ("https://git.acme.example:8443/team/a%20b/shop", "https"),
        ("https://10.1.2.3/shop.git", "https"),
        ("https://[2606:4700::1111]/shop.git", "https"),
        ("http://127.0.0.1:3000/shop.git", "http"),
        ("http://localhost:3000/shop.git", "http"),
        ("ssh://git@github.com/acme/shop.git", "ssh"),
        ("ssh://git@git.acme.example:2222/~team/shop.git", "ssh"),
        ("git@github.com:acme/shop.git", "ssh"),
        ("/srv/git/shop with spaces.git", "file"),
        ("file:///srv/git/shop.git", "file"),
    ],
)
def test_the_usual_addresses_are_understood(url: str, transport: str) -> None:
    assert check_url(url) == transport


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ext::sh -c touch% MARKER",
        "ext::touch MARKER",
        "fd::17/foo",
        "--upload-pack=touch MARKER",
        "-oProxyCommand=touch MARKER",
        "ssh://-oProxyCommand=touch MARKER/x",
        "ssh://git@-oProxyCommand=touch/x",
        "ssh://-oProxyCommand=touch@example.com/x",
        "-oProxyCommand=touch@example.com:x",
        "git@-oProxyCommand=touch:x",
        "git@example.com:-x",
        "ssh://git@example.com/-x",
        "git@example.com::x",
        "git://example.com/shop.git",
        "ftp://example.com/shop.git",
        "https:///shop.git",
        "https://example.com",
        "https://example.com/shop.git\n--upload-pack=x",
        "https://example.com/shop.git\x00",
        "https://example.com:port/shop.git",
        "https://[::1/shop.git",
        "https://exa mple.com/shop.git",
        "https://example.com/shop.git?token=x",
        "http://example.com/shop.git",
        "http://10.0.0.1/shop.git",
        "file://example.com/shop.git",
        "relative/shop.git",
        "../shop.git",
        "example.com/shop.git",
        "C:\\shop.git",
        "$HOME/shop.git",
    ],
)
def test_an_odd_address_is_refused_at_use_and_nothing_runs(tmp_path: Path, marker: Path, url: str) -> None:
    mirror = Mirror(tmp_path / "git" / "1.git", Remote(url.replace("MARKER", str(marker)), "main"))

    with pytest.raises(UrlRefused):
        mirror.fetch()

    assert not marker.exists()


@pytest.mark.parametrize("url", ["ext::touch {marker}", "--upload-pack=touch {marker}"])
def test_git_itself_would_not_run_them_either(tmp_path: Path, marker: Path, url: str) -> None:
    with pytest.raises(GitFailed):
        git("ls-remote", "--end-of-options", url.format(marker=marker), cwd=tmp_path)

    assert not marker.exists()


def test_a_transport_that_was_not_named_is_closed(tmp_path: Path, origin: Origin) -> None:
    with pytest.raises(GitFailed) as caught:
        git("ls-remote", "--", origin.url, cwd=tmp_path)

    assert "'file' not allowed" in str(caught.value)


@pytest.mark.parametrize(
    "url", ["https://ada:hunter2@example.com/x.git", "https://hunter2@example.com/x", "ssh://git:hunter2@h/x"]
)
def test_a_password_in_an_address_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(UrlHoldsPassword) as caught:
        check_url(url)

    assert "fields of their own" in str(caught.value)
    assert "hunter2" not in f"{caught.value} {caught.value.params}"


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "2852039166",
        "0xa9fea9fe",
        "169.254.43518",
        "[::ffff:169.254.169.254]",
        "[fe80::1]",
        "0.0.0.0",
        "0",
        "[::]",
        "224.0.0.1",
    ],
)
def test_cloud_metadata_and_its_disguises_are_refused(host: str) -> None:
    with pytest.raises(UrlNotAllowed):
        check_url(f"https://{host}/shop.git")


@pytest.mark.parametrize(
    "url",
    [
        "/srv/git/shop.git",
        "file:///srv/git/shop.git",
        "http://localhost:3000/shop.git",
        "https://127.0.0.1/shop.git",
        "https://127.1/shop.git",
        "https://0x7f000001/shop.git",
        "https://2130706433/shop.git",
        "https://[::1]/shop.git",
        "https://[::ffff:127.0.0.1]/shop.git",
        "ssh://git@127.0.0.1/shop.git",
        "git@127.0.0.1:shop.git",
    ],
)
def test_this_machine_is_out_of_reach_where_the_settings_say_so(settings: Settings, url: str) -> None:
    check_url(url)
    settings.BISYNC_LOCAL_REMOTES = False

    with pytest.raises(UrlNotAllowed):
        check_url(url)


def test_a_name_that_leads_to_this_machine_is_refused_before_git_asks_it(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.BISYNC_LOCAL_REMOTES = False
    public, private = ("93.184.216.34", 0), ("127.0.0.1", 0)

    def look_up(host: str, *args: object, flags: int = 0, **kwargs: object) -> list[object]:
        if flags & socket.AI_NUMERICHOST:
            raise socket.gaierror
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", place) for place in (public, private)]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    recorder = Recorder()

    mirror = Mirror(tmp_path / "git" / "1.git", Remote("https://rebound.example.com/x.git", "main"))
    with pytest.raises(UrlNotAllowed), commands.recorded_by(recorder):
        mirror.fetch()

    assert recorder.names == ["git init"]


def test_a_server_on_this_machine_hears_nothing_where_the_settings_forbid_it(
    tmp_path: Path, settings: Settings
) -> None:
    settings.BISYNC_LOCAL_REMOTES = False
    with GitServer(tmp_path) as canary:
        mirror = Mirror(tmp_path / "git" / "1.git", Remote(f"{canary.url}/x.git", "main"))
        with pytest.raises(UrlNotAllowed):
            mirror.fetch()

    assert canary.requests == []


# -- Names -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("branch", ["main", "feature/Umsätze-2026", "v1.0", "a@b"])
def test_the_usual_branch_names_are_taken(branch: str) -> None:
    check_branch(branch)


@pytest.mark.parametrize(
    "branch",
    [
        "",
        "-x",
        "--output=MARKER",
        "--upload-pack=touch MARKER",
        "a b",
        "a..b",
        "a~1",
        "a:b",
        "a//b",
        "/a",
        "a/",
        "*",
        "x.lock",
        "@{-1}",
        "main\n",
        "a\x00b",
        "\ud800",
    ],
)
def test_an_odd_branch_name_is_refused_at_use(mirror: Mirror, marker: Path, branch: str) -> None:
    branch = branch.replace("MARKER", str(marker))

    with pytest.raises(BranchRefused):
        Mirror(mirror.path, Remote(mirror.remote.url, branch)).fetch()

    assert not marker.exists()


@pytest.mark.parametrize(
    "revision", ["--output=MARKER", "main", "HEAD", "-x", "", "refs/remotes/origin/main"]
)
def test_only_full_hashes_count_as_commits(mirror: Mirror, marker: Path, revision: str) -> None:
    commit = revision.replace("MARKER", str(marker))
    head = mirror.head()
    reads: list[Callable[[], object]] = [
        lambda: mirror.files(commit),
        lambda: mirror.read(commit, "dbt_project.yml"),
        lambda: mirror.log(commit),
        lambda: mirror.trailers(commit),
        lambda: mirror.changed_paths(commit, head),
        lambda: mirror.changed_paths(head, commit),
        lambda: mirror.worktree(commit).__enter__(),
        lambda: mirror.push(commit, expecting=head),
    ]

    for read in reads:
        with pytest.raises(NoCommit):
            read()
    assert not mirror.is_ancestor(commit, head)
    assert not marker.exists()


def test_paths_that_look_like_options_or_patterns_are_only_paths(mirror: Mirror, origin: Origin) -> None:
    head = origin.commit({"-x/--output=y": "1\n", "*.sql": "2\n", ":!a": "3\n"}, "Odd names")
    mirror.fetch()

    assert mirror.read(head, "-x/--output=y") == b"1\n"
    assert [file.path for file in mirror.files(head, "-x")] == ["-x/--output=y"]
    for path in ("-x/--output=y", "*.sql", ":!a"):
        assert [entry.subject for entry in mirror.log(head, path=path)] == ["Odd names"]


# -- Repositories and the machine --------------------------------------------------------------------


def publish(mirror: Mirror) -> str:
    """Everything that Bisync does with a repository, once."""
    head = mirror.fetch()
    with mirror.worktree(head):
        made = mirror.commit(
            parent=head,
            files={"a.yml": b"1"},
            message="Add",
            author=ADA,
            committer=ADA,
            at=datetime(2026, 1, 1, tzinfo=UTC),
        )
    mirror.push(made, expecting=head)
    return made


def test_neither_hooks_nor_the_file_monitor_of_a_mirror_run(
    mirror: Mirror, origin: Origin, marker: Path
) -> None:
    (mirror.path / "hooks").mkdir(exist_ok=True)
    for name in HOOKS:
        hook = mirror.path / "hooks" / name
        hook.write_text(f"#!/bin/sh\ntouch {marker}\n")
        hook.chmod(0o755)
    with (mirror.path / "config").open("a") as config:
        config.write(f'[core]\n\tfsmonitor = "touch {marker}; false"\n\thooksPath = {mirror.path}/hooks\n')

    made = publish(mirror)

    assert origin.head() == made
    assert not marker.exists()


def test_the_settings_of_the_person_who_started_the_worker_do_not_count(
    tmp_path: Path, origin: Origin, marker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text(
        f'[url "ext::touch {marker} "]\n\tinsteadOf = /\n[commit]\n\tgpgSign = true\n'
    )
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(home / ".gitconfig"))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "elsewhere" / "index"))

    made = publish(Mirror(tmp_path / "git" / "1.git", Remote(origin.url, "main")))

    assert origin.head() == made
    assert not marker.exists()


def test_git_learns_nothing_of_the_workers_environment(
    mirror: Mirror, origin: Origin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BISYNC_SECRET_KEY", "canary-in-the-environment")
    origin.hook("pre-receive", f"env > {tmp_path}/seen")

    publish(mirror)

    seen = (tmp_path / "seen").read_text()
    assert "GIT_TERMINAL_PROMPT=0" in seen
    assert "canary" not in seen
    assert os.environ["HOME"] not in [line.partition("=")[2] for line in seen.splitlines()]


def test_git_does_not_look_for_a_repository_in_the_folders_above(tmp_path: Path, origin: Origin) -> None:
    inside = origin.clone / "models"

    with pytest.raises(GitFailed) as caught:
        plumbing("rev-parse", "HEAD", cwd=inside)

    assert "not a git repository" in str(caught.value)


def test_a_commit_that_smuggles_a_git_folder_in_is_not_checked_out(mirror: Mirror, origin: Origin) -> None:
    blob = origin.git("hash-object", "-w", "--stdin", stdin=b"#!/bin/sh\n")
    raw = b"40000 .git\0" + bytes.fromhex(
        origin.git("mktree", stdin=f"100755 blob {blob}\tpost-checkout\n".encode())
    )
    tree = origin.git("hash-object", "-t", "tree", "-w", "--stdin", "--literally", stdin=raw)
    origin.git("push", "--quiet", "origin", f"{origin.git('commit-tree', '-m', 'x', tree)}:refs/heads/odd")
    mirror.fetch()

    with pytest.raises(GitFailed), mirror.worktree(mirror.head("odd")):
        pytest.fail("the checkout should not have come about")

    assert list((mirror.path.parent / "worktrees").iterdir()) == []


def test_submodules_are_not_followed(mirror: Mirror, origin: Origin, marker: Path) -> None:
    modules = f'[submodule "x"]\n\tpath = x\n\turl = ext::touch {marker}\n\tupdate = !touch {marker}\n'
    (origin.clone / ".gitmodules").write_text(modules)
    origin.git("update-index", "--add", "--cacheinfo", f"160000,{origin.head()},x")
    origin.git("add", ".gitmodules")
    origin.git("commit", "--quiet", "--message", "Submodule")
    head = origin.push()
    mirror.fetch()

    with mirror.worktree(head) as tree:
        assert list((tree / "x").iterdir()) == []
    assert {file.path: file.mode for file in mirror.files(head)}["x"] == "160000"
    assert not marker.exists()


def test_a_run_keeps_readable_commands_and_pages_read_without_a_record(mirror: Mirror) -> None:
    recorder = Recorder()

    with commands.recorded_by(recorder):
        publish(mirror)

    assert recorder.names[0] == "git fetch"
    assert "git push" in recorder.names
    assert "git cat-file" not in recorder.names
    assert recorder.argvs[0][:2] == ["git", "fetch"]
    assert all("core." not in word for argv in recorder.argvs for word in argv)


def test_a_command_that_hangs_is_ended_after_its_time(tmp_path: Path, settings: Settings) -> None:
    settings.GIT_TIMEOUT_SECONDS = 0.3
    os.mkfifo(tmp_path / "never")

    with pytest.raises(GitFailed) as recorded:
        git("hash-object", "--no-filters", "never", cwd=tmp_path)
    with pytest.raises(GitFailed) as unrecorded:
        plumbing("hash-object", "--no-filters", "never", cwd=tmp_path)

    assert "no answer within 0.3 seconds" in str(recorded.value)
    assert "no answer within 0.3 seconds" in str(unrecorded.value)


def test_git_is_started_in_one_module_only() -> None:
    root = Path(process.__file__).parents[2]
    apps = ("bisync", "governance", "workspace", "catalog", "semantic", "environments", "proposals")
    sources = [file for app in apps for file in (root / app).rglob("*.py")]

    starting = [file for file in sources if '["git"' in file.read_text(encoding="utf-8")]

    assert starting == [Path(process.__file__)]
