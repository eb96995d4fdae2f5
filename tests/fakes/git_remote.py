"""A remote repository, and the colleague who works in it with ordinary git."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path

FIRST_FILES: dict[str, str | bytes | None] = {
    "dbt_project.yml": "name: shop\n",
    "models/orders.sql": "select 1 as id\n",
}


class Origin:
    """A bare repository at `path` whose branch main holds FIRST_FILES, or what `like` has, or nothing."""

    def __init__(self, folder: Path, *, empty: bool = False, like: Path | None = None) -> None:
        self.path = folder / "origin.git"
        self.clone = folder / "colleague"
        self.url = str(self.path)
        if empty:
            self._make()
        else:
            shutil.copytree(like or _ready_made(), folder)

    def _make(self) -> None:
        self.clone.mkdir(parents=True)
        self.git("init", "--quiet", "--bare", "--template=", "--initial-branch=main", str(self.path))
        self.git("init", "--quiet", "--template=", "--initial-branch=main")
        self.git("remote", "add", "origin", "../origin.git")

    def git(self, *args: str, cwd: Path | None = None, stdin: bytes = b"") -> str:
        """Run git as the colleague would, in the clone."""
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.clone.parent),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": "Ada",
            "GIT_AUTHOR_EMAIL": "ada@example.com",
            "GIT_COMMITTER_NAME": "Ada",
            "GIT_COMMITTER_EMAIL": "ada@example.com",
        }
        done = subprocess.run(
            ["git", *args], cwd=cwd or self.clone, env=env, input=stdin, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode().strip()

    def commit(
        self,
        files: Mapping[str, str | bytes | None],
        message: str = "Change",
        branch: str = "main",
        *,
        author: str = "Ada",
    ) -> str:
        """Write, commit and push `files` (None removes one); returns the commit."""
        self.git("fetch", "--quiet", "--prune", "origin")
        if f"origin/{branch}" in self.git("branch", "--remotes").split():
            self.git("checkout", "--quiet", "--detach", f"origin/{branch}")
        for name, content in files.items():
            target = self.clone / name
            if content is None:
                target.unlink()
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content.encode() if isinstance(content, str) else content)
        self.git("add", "--all")
        self.git(
            "commit", "--quiet", "--message", message, f"--author={author} <{author.lower()}@example.com>"
        )
        return self.push(branch)

    def push(self, branch: str = "main", *, force: bool = False) -> str:
        """Push what the clone has checked out; returns the commit."""
        self.git("push", "--quiet", *(["--force"] if force else []), "origin", f"HEAD:refs/heads/{branch}")
        return self.head(branch)

    def date(self) -> str:
        """Have the last commit of the clone bear the second that all commits of a rebase have."""
        alias = "alias.dated=!GIT_COMMITTER_DATE=2026-01-01T00:00:00Z git commit --quiet --amend --no-edit"
        self.git("-c", alias, "dated")
        return self.push(force=True)

    def head(self, branch: str = "main") -> str:
        return self.git("rev-parse", f"refs/heads/{branch}", cwd=self.path)

    def history(self, branch: str = "main") -> list[str]:
        """The commits of a branch, newest first."""
        return self.git("rev-list", f"refs/heads/{branch}", cwd=self.path).splitlines()

    def hook(self, name: str, script: str) -> None:
        """Install a hook on the server's side."""
        file = self.path / "hooks" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)


@cache
def _ready_made() -> Path:
    """The start of most tests, made by git once and copied from then on."""
    folder = Path(tempfile.mkdtemp(prefix="bisync-origin-"))
    atexit.register(shutil.rmtree, folder)
    Origin(folder, empty=True).commit(FIRST_FILES, "Start")
    return folder
