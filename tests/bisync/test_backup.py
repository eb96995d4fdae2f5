"""A backup brings back everything, or says why it cannot and changes nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.postgres import Cluster

ROOT = Path(__file__).resolve().parents[2]
FILL = """
from governance.models import User
from tests.factories import make_project
User.objects.create_user("ada@example.com", "correct-horse-battery")
make_project(url="https://git.example.com/shop.git", password="s3cret-token", username="robot")
"""
TELL = """
from governance.models import AuditEvent, Project, User
from workspace.models import Repository
print(User.objects.filter(email="ada@example.com").count(), Project.objects.count(),
      Repository.objects.get().password, AuditEvent.objects.exists())
"""

pytestmark = [pytest.mark.pure, pytest.mark.slow]


class Installation:
    """A Bisync of its own, with nothing but what `settings` say."""

    def __init__(self, folder: Path, **settings: str) -> None:
        folder.mkdir()
        self.env = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "PYTHONPATH": str(ROOT),
            "BISYNC_DATA_DIR": str(folder),
            **settings,
        }

    def manage(self, *arguments: str, ok: bool = True) -> str:
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode == 0) is ok, done.stdout + done.stderr
        return done.stdout + done.stderr

    def shell(self, code: str) -> str:
        return self.manage("shell", "--verbosity", "0", "--command", code).strip()


def filled(folder: Path, **settings: str) -> Installation:
    found = Installation(folder, **settings)
    found.manage("migrate", "--verbosity", "0")
    found.shell(FILL)
    return found


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    found = Cluster()
    found.start()
    yield found
    found.stop()


def test_on_one_machine_everything_comes_back(tmp_path: Path) -> None:
    here, there, file = filled(tmp_path / "here"), Installation(tmp_path / "there"), tmp_path / "kept.tar"

    here.manage("backup", str(file))
    told = there.manage("restore", str(file))

    assert "Restored sqlite" in told
    assert there.shell(TELL) == "1 1 s3cret-token True"
    assert file.stat().st_mode & 0o077 == 0
    assert b"s3cret-token" not in file.read_bytes()
    assert "exists already" in here.manage("backup", str(file), ok=False)
    assert "Restore into an empty one" in there.manage("restore", str(file), ok=False)


def test_a_damaged_or_foreign_file_changes_nothing(tmp_path: Path) -> None:
    here, there, file = filled(tmp_path / "here"), Installation(tmp_path / "there"), tmp_path / "kept.tar"
    here.manage("backup", str(file))
    before = file.read_bytes()
    at = before.index(b"SQLite format 3") + 5_000
    file.write_bytes(before[:at] + bytes([before[at] ^ 1]) + before[at + 1 :])

    assert "database.sqlite3 has changed" in there.manage("restore", str(file), ok=False)
    file.write_bytes(before[:20_000])
    assert "is no backup of Bisync's, or is damaged" in there.manage("restore", str(file), ok=False)
    with tarfile.open(file, "w") as archive:
        archive.add(ROOT / "README.md", "../outside")
    assert "is no backup of Bisync's, or is damaged" in there.manage("restore", str(file), ok=False)
    assert not (tmp_path / "outside").exists()
    assert not (tmp_path / "there/bisync.sqlite3").exists()


def test_on_postgresql_everything_comes_back_with_the_right_keys_only(
    tmp_path: Path, cluster: Cluster
) -> None:
    keys = {"BISYNC_SECRET_KEY": "k" * 40, "BISYNC_ENCRYPTION_KEYS": "first-key"}
    here = filled(tmp_path / "here", BISYNC_DATABASE_URL=cluster.create_database("here"), **keys)
    file = tmp_path / "kept.tar"
    here.manage("backup", str(file))
    there = Installation(tmp_path / "there", BISYNC_DATABASE_URL=cluster.create_database("there"), **keys)

    there.env["BISYNC_ENCRYPTION_KEYS"] = "another-key"
    assert "do not open the backup's secrets" in there.manage("restore", str(file), ok=False)
    there.env["BISYNC_ENCRYPTION_KEYS"] = "newer-key,first-key"
    there.manage("restore", str(file))

    assert there.shell(TELL) == "1 1 s3cret-token True"
    elsewhere = Installation(tmp_path / "sqlite")
    assert "is of postgresql and here is sqlite" in elsewhere.manage("restore", str(file), ok=False)
