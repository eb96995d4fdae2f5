"""A project's repository: a bare mirror on this machine, and the remote that decides every race.

The mirror is a cache of remote branches (`refs/remotes/origin/*`) and never has a working tree. Reads name
a commit; commits are written by plumbing with a private index, so that no hook, no lock and no other worker
can get in the way, and so that the same content makes the same hash wherever it is made.
"""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from bisync.lib import scratch
from bisync.lib.errors import BisyncError
from bisync.lib.process import Limits
from workspace.git import ssh
from workspace.git.advertised import HEADS, Advertised
from workspace.git.commits import LOGGED, Commit, Person, blobs, identity, logged
from workspace.git.process import (
    NOTHING,
    GitBusy,
    GitEmpty,
    GitFailed,
    GitNoBranch,
    GitTooLarge,
    RemoteMoved,
    credentials,
    git,
    pinned,
    plumbing,
)
from workspace.git.sanitise import commit_message, has_odd_parts, is_writable
from workspace.git.urls import Server, check_branch, check_url, server_of

_TRACKING = "refs/remotes/origin/"
_FETCH_ATTEMPTS = 6
_STALE_LOCK = 600  # seconds; git holds a lock for a moment
_STALE_FILES = 86_400  # seconds; longer than any run
_FULL_HASH = re.compile(r"[0-9a-f]{40}")
_NO_OBJECT = "0" * 40
_ATTRIBUTES = "* -text -ident !eol !filter !working-tree-encoding\n"
REGULAR = frozenset({"100644", "100755"})


class NoMirror(BisyncError):
    code = "git-no-mirror"
    message = _("This machine has no copy of the repository yet. Pull, then try again.")
    http_status = 409


class NoCommit(BisyncError):
    code = "git-no-commit"
    message = _("Commit %(commit).12s is not in this machine's copy of the repository. Pull, then try again.")
    http_status = 404


class FileAbsent(BisyncError):
    code = "git-no-file"
    message = _("There is no file %(path)s in commit %(commit).12s.")
    http_status = 404


class UnsafePath(BisyncError):
    code = "git-unsafe-path"
    message = _("Bisync does not write to %(path)s: it only writes ordinary files. Choose another name.")


@dataclass(frozen=True)
class Remote:
    """Where a repository is pushed to and pulled from, and the branch that counts."""

    url: str
    branch: str
    username: str = ""
    password: str = field(default="", repr=False)
    # For SSH: our private key, and the host key that somebody agreed to.
    ssh_key: str = field(default="", repr=False)
    host_key: str = ""


@dataclass(frozen=True)
class TreeFile:
    """One entry of a commit's tree; mode 120000 is a symbolic link, 160000 a submodule."""

    path: str
    mode: str
    oid: str
    size: int

    @property
    def is_submodule(self) -> bool:
        return self.mode == "160000"


@dataclass(frozen=True)
class Mirror:
    """A bare copy of `remote` at `path`. Any number of workers and pages may use it at once."""

    path: Path
    remote: Remote

    # -- The remote ---------------------------------------------------------------------------------

    def fetch(self) -> str:
        """Bring the mirror up to date, making it where it is missing; returns the head of the branch."""
        self._create()
        self._clear_leftovers()
        for attempt in range(1, _FETCH_ATTEMPTS + 1):
            try:
                self._reach(
                    "fetch",
                    "--prune",
                    "--no-tags",
                    "--no-write-fetch-head",
                    "--no-recurse-submodules",
                    "--end-of-options",
                    self.remote.url,
                    f"+refs/heads/*:{_TRACKING}*",
                )
                break
            except GitBusy:  # a fetch beside this one moved a branch in between
                if attempt == _FETCH_ATTEMPTS:
                    raise
                time.sleep(0.1 * attempt)
        return self.head()

    def advertised(self) -> Advertised:
        """What the remote has, by asking it now; nothing is brought here."""
        self._create()
        listed = self._reach(
            "ls-remote", "--symref", "--end-of-options", self.remote.url, "HEAD", f"{HEADS}*"
        )
        return Advertised.of(listed, wanted=self.remote.branch)

    def push(self, commit: str, *, expecting: str) -> None:
        """Make `commit` the head of the remote branch, provided that this still is `expecting`.

        The remote is asked first whether it has the commit, and again after a failure: a push that was
        killed, or whose answer was lost, may have succeeded all the same.
        """
        if self._settled(commit, expecting=expecting):
            return
        self._require(commit)
        # A lease alone would let a commit that was built on something else replace the branch.
        if not self.is_ancestor(expecting, commit):
            raise RemoteMoved(branch=self.remote.branch, expected=expecting, found=expecting)
        ref = f"refs/heads/{self.remote.branch}"
        lease = f"--force-with-lease={ref}:{expecting}"
        try:
            self._reach(
                "push",
                "--no-verify",
                "--no-follow-tags",
                "--recurse-submodules=no",
                lease,
                "--end-of-options",
                self.remote.url,
                f"{commit}:{ref}",
            )
        except GitFailed:
            if not self._settled(commit, expecting=expecting):
                raise

    def on_remote(self, commit: str) -> bool:
        """Whether the remote branch contains `commit`, by asking the remote now."""
        return self.is_ancestor(commit, self.fetch())

    def _settled(self, commit: str, *, expecting: str) -> bool:
        """Whether the remote has `commit` by now; `RemoteMoved` where it went elsewhere."""
        head = self.fetch()
        if self.is_ancestor(commit, head):
            return True
        if head != expecting:
            raise RemoteMoved(branch=self.remote.branch, expected=expecting, found=head)
        return False

    def _reach(self, *args: str) -> str:
        """Run a command that talks to the remote, whose address is judged now, not only when saved."""
        transport = check_url(self.remote.url)
        check_branch(self.remote.branch)
        with self._known_there(transport, server_of(self.remote.url)) as known:
            return git(
                *args,
                cwd=self.path,
                env={"GIT_ALLOW_PROTOCOL": transport, **known},
                secrets=(self.remote.password,),
                limits=Limits(file_bytes=settings.REPOSITORY_MB * 1_000_000),
            )

    @contextmanager
    def _known_there(self, transport: str, server: Server) -> Iterator[Mapping[str, str]]:
        """The environment in which git finds the server that was judged, and is known to it."""
        if transport != "ssh":
            yield {
                **pinned(server.host, server.port, server.addresses),
                **credentials(self.remote.username, self.remote.password),
            }
            return
        with scratch.folder(self.path.parent / "keys", f"{self.path.stem}-") as folder:
            yield ssh.access(folder, server, key=self.remote.ssh_key, host_key=self.remote.host_key)

    def _create(self) -> None:
        if (self.path / "HEAD").exists():
            return
        parent = self.path.parent
        parent.mkdir(parents=True, exist_ok=True)
        # Made aside and renamed: nobody finds half a mirror, and of two makers the slower one gives way.
        with tempfile.TemporaryDirectory(dir=parent, prefix="new-") as fresh:
            git("init", "--quiet", "--bare", "--template=", "--end-of-options", fresh, cwd=parent)
            with suppress(OSError):
                Path(fresh).rename(self.path)

    def _clear_leftovers(self) -> None:
        """Remove what commands and workers that were killed have left behind."""
        places = (
            (self.path.glob("*.lock"), _STALE_LOCK),
            (self.path.glob("refs/**/*.lock"), _STALE_LOCK),
            (self.path.glob("objects/pack/tmp_*"), _STALE_FILES),
            (self.path.parent.glob("new-*"), _STALE_FILES),
        )
        now = time.time()
        for leftovers, age in places:
            for left in leftovers:
                with suppress(OSError):  # another worker was here first, or the next fetch tries again
                    if now - left.lstat().st_mtime > age:
                        _remove(left)

    # -- Reading, as of the last fetch --------------------------------------------------------------

    def head(self, branch: str | None = None) -> str:
        """The commit that a remote branch, by default the one that counts, pointed to at the last fetch."""
        wanted = branch or self.remote.branch
        heads = self._heads()
        if wanted in heads:
            return heads[wanted]
        if heads:
            raise GitNoBranch(branch=wanted, branches=", ".join(sorted(heads)))
        raise GitEmpty(branch=wanted, branches="")

    def branches(self) -> list[str]:
        """The names of the remote's branches."""
        return sorted(self._heads())

    def has(self, commit: str) -> bool:
        """Whether the mirror holds this commit; not where there is no mirror yet."""
        return self.path.is_dir() and commit in self._held(commit)

    def is_ancestor(self, ancestor: str, descendant: str) -> bool:
        """Whether `descendant` is `ancestor` or was built on it."""
        if len(self._held(ancestor, descendant)) < len({ancestor, descendant}):
            return False
        base = self._read("merge-base", ancestor, descendant, ok=(0, 1))
        return base.decode().strip() == ancestor

    def files(self, commit: str, folder: str = "") -> list[TreeFile]:
        """Everything in a commit's tree, or in one of its folders, in git's order."""
        found = []
        inside = f"{folder.strip('/')}/" if folder.strip("/") else ""
        self._require(commit)
        for record in self._tree(commit, "--long", inside=inside):
            meta, _tab, path = record.decode("utf-8", "replace").partition("\t")
            mode, _kind, oid, size = meta.split()
            found.append(TreeFile(path=path, mode=mode, oid=oid, size=0 if size == "-" else int(size)))
        return found

    def read(self, commit: str, path: str) -> bytes:
        """The exact bytes of one file (of a symbolic link: the path that it names)."""
        if (content := self.contents(commit, [path]).get(path)) is None:
            raise FileAbsent(path=path, commit=commit)
        return content

    def contents(self, commit: str, paths: Iterable[str]) -> dict[str, bytes]:
        """The exact bytes of these files, read at once; what the commit does not have is left out."""
        self._require(commit)
        # git takes ./x for a path relative to nothing
        asked = [path for path in paths if not has_odd_parts(path) and "\n" not in path]
        names = "\n".join(f"{commit}:{path}" for path in asked)
        return dict(blobs(asked, self._read("cat-file", "--batch", stdin=names.encode())))

    def mentioning(self, commit: str, text: str) -> list[str]:
        """The text files of a commit that hold `text`, as git itself searches them."""
        self._require(commit)
        found = self._read("grep", "-z", "-I", "-l", "-F", "-e", text, commit, ok=(0, 1))
        names = found.decode("utf-8", "replace").split("\0")
        return [name.partition(":")[2] for name in names if name]

    def log(
        self, commit: str, *, path: str = "", since: str = "", limit: int = 50, patience: float | None = None
    ) -> list[Commit]:
        """The history that led to `commit` after `since`, newest first; with `path`, only what touched it."""
        limits = [*([f"^{since}"] if since else []), *(["--", path] if path else [])]
        self._require(commit, *filter(None, [since]))
        return self._logged(f"--max-count={limit}", commit, *limits, patience=patience)

    def _logged(self, *options: str, patience: float | None = None) -> list[Commit]:
        listed = self._read("log", "-z", f"--format={LOGGED}", *options, patience=patience)
        parts = listed.decode("utf-8", "replace").split("\0")[:-1]
        return [logged(*parts[n : n + 8]) for n in range(0, len(parts), 8)]

    def touched(self, base: str, head: str, *, limit: int = 500) -> dict[str, Commit]:
        """Each file that the last commits after `base`, up to `head`, touched, with the last that did."""
        self._require(base, head)
        commits = self._logged(f"--max-count={limit}", head, f"^{base}")
        by_sha = {commit.sha: commit for commit in commits}
        options = ("--stdin", "-r", "-z", "--name-only", "--no-renames", "--root", "-m")
        listed = self._read("diff-tree", *options, stdin="".join(f"{sha}\n" for sha in by_sha).encode())
        found: dict[str, Commit] = {}
        now = None
        for part in listed.decode("utf-8", "replace").split("\0"):
            if part in by_sha:
                now = by_sha[part]
            elif part and now is not None:
                found.setdefault(part, now)
        return found

    def changed_paths(self, a: str, b: str) -> list[str]:
        """The files that differ between two commits; a renamed one appears under both names."""
        self._require(a, b)
        listed = self._read("diff-tree", "-r", "-z", "--name-only", "--no-renames", a, b)
        return [path for path in listed.decode("utf-8", "replace").split("\0") if path]

    def trailers(self, commit: str) -> dict[str, list[str]]:
        """The `Key: value` lines that end a commit's message."""
        lines = "%(trailers:only=yes,unfold=yes,separator=%x00)"
        self._require(commit)
        listed = self._read("log", "-z", "--max-count=1", f"--format={lines}", commit)
        found: dict[str, list[str]] = {}
        for line in filter(None, listed.decode("utf-8", "replace").split("\0")):
            key, _colon, value = line.partition(":")
            found.setdefault(key.strip(), []).append(value.strip())
        return found

    @contextmanager
    def worktree(self, commit: str) -> Iterator[Path]:
        """A folder with the files of `commit`, this caller's own, gone afterwards.

        It has no `.git`: what runs inside finds no way into the mirror, and nothing is registered that
        would have to be pruned after a crash. Symbolic links come out as text, and every file byte for byte,
        whatever attributes it has. Raises `GitTooLarge` where the files take more than the disk is for.
        """
        self._require_fitting(commit)
        self._plain_attributes()
        with self._scratch() as place:
            tree = place / "tree"
            tree.mkdir()
            places = {
                "GIT_DIR": str(self.path),
                "GIT_WORK_TREE": str(tree),
                "GIT_INDEX_FILE": str(place / "index"),
            }
            self._write("read-tree", "--reset", "-u", commit, env=places)
            yield tree

    # -- Writing ------------------------------------------------------------------------------------

    def commit(
        self,
        *,
        parent: str,
        files: Mapping[str, bytes | None],
        message: str,
        author: Person,
        committer: Person,
        at: datetime,
    ) -> str:
        """Write a commit on top of `parent` and return its hash; None removes a file. Nothing is pushed.

        Everything that goes into the hash is an argument, so another attempt, on whichever machine, makes
        the same commit. Existing files keep their mode.
        """
        self._require(parent)
        before = self._entries(parent)
        modes = {path: _mode_to_write(path, before) for path in files}
        wanted = {path: entry for path, entry in before.items() if path not in files}
        for path, content in files.items():
            if content is not None:
                oid = self._write("hash-object", "-w", "--stdin", stdin=content)
                wanted[path] = (modes[path], oid)
        tree = self._write_tree(parent, {path: wanted.get(path, ("0", _NO_OBJECT)) for path in files})
        # git passes over a path that it dislikes without failing; and nothing else may have changed.
        unexpected = self._entries(tree).items() ^ wanted.items()
        if unexpected:
            raise UnsafePath(path=min(path for path, _entry in unexpected))
        return self._write(
            "commit-tree",
            tree,
            "-p",
            parent,
            "-F",
            "-",
            env=identity("AUTHOR", author, at) | identity("COMMITTER", committer, at),
            stdin=commit_message(message).encode(),
        )

    def _write_tree(self, parent: str, changes: Mapping[str, tuple[str, str]]) -> str:
        lines = "".join(f"{mode} {oid}\t{path}\0" for path, (mode, oid) in changes.items())
        with self._scratch() as place:
            index = {"GIT_INDEX_FILE": str(place / "index")}
            self._write("read-tree", parent, env=index)
            self._write("update-index", "-z", "--index-info", env=index, stdin=lines.encode())
            return self._write("write-tree", env=index)

    def _entries(self, treeish: str) -> dict[str, tuple[str, str]]:
        entries = {}
        for record in self._tree(treeish):
            meta, _tab, path = record.decode("utf-8", "surrogateescape").partition("\t")
            mode, _kind, oid = meta.split()
            entries[path] = (mode, oid)
        return entries

    # -- Running git here ---------------------------------------------------------------------------

    def _heads(self) -> dict[str, str]:
        listed = self._read("for-each-ref", "--format=%(objectname) %(refname)", _TRACKING)
        lines = (line.split(" ", 1) for line in listed.decode("utf-8", "replace").splitlines())
        return {ref.removeprefix(_TRACKING): oid for oid, ref in lines}

    def _tree(self, treeish: str, *options: str, inside: str = "") -> list[bytes]:
        limits = ["--", inside] if inside else []
        listed = self._read("ls-tree", "-r", "-z", "--full-tree", *options, treeish, *limits)
        return listed.split(b"\0")[:-1]

    def _held(self, *commits: str) -> set[str]:
        """Those of `commits` that are full hashes of commits in the mirror."""
        asked = "\n".join(commit for commit in commits if _FULL_HASH.fullmatch(commit))
        answers = self._read("cat-file", "--batch-check", stdin=asked.encode()).decode().splitlines()
        return {line.split()[0] for line in answers if line.split()[1] == "commit"}

    def _require_fitting(self, commit: str) -> None:
        """Refuse a commit whose files, which packed may be a thousandth of it, take more than is allowed."""
        megabytes = sum(file.size for file in self.files(commit)) // 1_000_000
        if megabytes > settings.REPOSITORY_MB:
            raise GitTooLarge(
                what=_("the files of commit %(commit).8s take %(size)s MB, and %(most)s MB is the most")
                % {"commit": commit, "size": megabytes, "most": settings.REPOSITORY_MB}
            )

    def _plain_attributes(self) -> None:
        """Outrank what a repository's own .gitattributes ask of a checkout: dbt reads what was committed."""
        place = self.path / "info" / "attributes"
        if not place.exists():
            place.parent.mkdir(exist_ok=True)
            place.write_text(_ATTRIBUTES, encoding="utf-8")

    def _require(self, *commits: str) -> None:
        """Refuse what is not a commit here. Only full hashes get through, so git never reads an option."""
        held = self._held(*commits)
        for commit in commits:
            if commit not in held:
                raise NoCommit(commit=commit)

    def _read(
        self,
        *args: str,
        stdin: bytes = b"",
        ok: tuple[int, ...] = (0,),
        patience: float | None = None,
    ) -> bytes:
        if not self.path.is_dir():
            raise NoMirror
        return plumbing(*args, cwd=self.path, stdin=stdin, ok=ok, patience=patience)

    def _write(self, *args: str, env: Mapping[str, str] = NOTHING, stdin: bytes | None = None) -> str:
        return git(*args, cwd=self.path, env=env, stdin=stdin).strip()

    @contextmanager
    def _scratch(self) -> Iterator[Path]:
        """A folder of this caller's own, beside the mirror, gone afterwards."""
        with scratch.folder(self.path.parent / "worktrees", f"{self.path.stem}-") as folder:
            yield folder


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _mode_to_write(path: str, entries: Mapping[str, tuple[str, str]]) -> str:
    """The mode in which `path` may be written; `UnsafePath` where it may not."""
    parts = path.split("/")
    above = {"/".join(parts[:n]) for n in range(1, len(parts))}
    mode, _oid = entries.get(path, ("100644", ""))
    # What lies above and is no folder may be a link that leads elsewhere.
    if not is_writable(path) or above & entries.keys() or mode not in REGULAR:
        raise UnsafePath(path=path)
    return mode
