"""A backup brings back everything, or says why it cannot and changes nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.utils import timezone

from bisync import backup as backups
from bisync.backup import BackupRefused, backup, restore
from bisync.supervisor import AlreadyRunning, claimed
from environments.models import Deployment
from tests.factories import make_environment, make_project
from tests.postgres import Cluster
from workspace.models import Artifact

ROOT = Path(__file__).resolve().parents[2]
FILL = """
from django.core.management import call_command
call_command("migrate", verbosity=0)
from governance.models import User
from tests.bisync.test_backup import version
from tests.factories import make_environment, make_project
User.objects.create_user("ada@example.com", "correct-horse-battery")
project = make_project(url="https://git.example.com/shop.git", password="s3cret-token", username="robot")
version(make_environment(project), 1, "live")
"""
TELL = """
from environments.models import Deployment
from governance.models import AuditEvent, Project, User
from workspace.models import Repository
print(User.objects.filter(email="ada@example.com").count(), Project.objects.count(),
      Repository.objects.get().password, AuditEvent.objects.exists(), Deployment.objects.get().file.read_text())
"""
HELD = "1 1 s3cret-token True version 1 of prod"


class Installation:
    """A Bisync of its own, with nothing but what `settings` say."""

    def __init__(self, folder: Path, **settings: str) -> None:
        folder.mkdir()
        self.folder = folder
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


def version(environment: object, number: int, status: str) -> Deployment:
    """A finished version of an environment, with its file."""
    made = Deployment.objects.create(
        environment=environment,
        number=number,
        commit="c" * 40,
        status=status,
        live_at=timezone.now(),
        manifest=Artifact.keep("manifest.json", b"{}"),
    )
    made.file.parent.mkdir(parents=True)
    made.file.write_text(f"version {number} of {made.environment.slug}")
    return made


def permissions(file: Path) -> int:
    return file.stat().st_mode & 0o777


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The backup of an installation on one machine."""
    here = tmp_path_factory.mktemp("original")
    Installation(here / "data").shell(f"{FILL}\ncall_command('backup', '{here}/kept.tar')")
    return here / "kept.tar"


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    found = Cluster()
    found.start()
    yield found
    found.stop()


# -- Everything comes back ------------------------------------------------------------------------------


@pytest.mark.pure
@pytest.mark.slow
def test_on_one_machine_everything_comes_back_and_is_as_private_as_it_was(kept: Path, tmp_path: Path) -> None:
    there = Installation(tmp_path / "there")

    told = there.manage("restore", str(kept))

    assert "Restored sqlite and 2 more files" in told
    assert "manage.py migrate" not in told
    assert there.shell(TELL) == HELD
    assert permissions(kept) == 0o600
    assert b"s3cret-token" not in kept.read_bytes()
    assert [file.name for file in kept.parent.iterdir() if file.name != "data"] == ["kept.tar"]
    assert {permissions(there.folder / name) for name in ("secret-key", "bisync.sqlite3")} == {0o600}
    assert "Restore into an empty one" in there.manage("restore", str(kept), ok=False)


@pytest.mark.pure
@pytest.mark.slow
def test_on_postgresql_an_older_backup_comes_back_beside_other_peoples_tables_with_the_right_keys_only(
    tmp_path: Path, cluster: Cluster
) -> None:
    file = tmp_path / "kept.tar"
    here = Installation(
        tmp_path / "here",
        BISYNC_DATABASE_URL=cluster.create_database("here"),
        BISYNC_ENCRYPTION_KEYS="first-key",
    )
    # The tables that came with the newest migration refer to older ones.
    here.shell(
        f"{FILL}\ncall_command('migrate', 'governance', '0001', verbosity=0); call_command('backup', '{file}')"
    )
    there = Installation(tmp_path / "there", BISYNC_DATABASE_URL=cluster.create_database("there"))
    there.shell(
        """
from django.db import connection
connection.cursor().execute("CREATE TABLE theirs (x int)")
"""
    )
    own_key = (there.folder / "secret-key").read_text()

    # The backup holds the key that the other machine made for itself, but its secrets are under other ones.
    assert "do not open the backup's secrets" in there.manage("restore", str(file), ok=False)
    there.env["BISYNC_ENCRYPTION_KEYS"] = "another-key"
    assert "do not open the backup's secrets" in there.manage("restore", str(file), ok=False)
    there.env["BISYNC_ENCRYPTION_KEYS"] = "newer-key,first-key"
    told = there.shell(
        f"""
from pathlib import Path
from django.core.management import call_command, CommandError
from django.db import connection
call_command("migrate", verbosity=0)
connection.cursor().execute("CREATE VIEW report AS SELECT email FROM governance_user")
try:
    call_command("restore", "{file}")
except CommandError as exc:
    print(exc)
print("still", Path("{there.folder}/secret-key").read_text())
connection.cursor().execute("DROP VIEW report")
call_command("restore", "{file}")
call_command("migrate", verbosity=0)
connection.cursor().execute("SELECT * FROM theirs")
{TELL}
"""
    )

    assert "view report depends on table governance_user" in told
    assert f"still {own_key}" in told
    assert "It is of an older Bisync: run “manage.py migrate” now." in told
    assert told.endswith(HELD)
    assert (there.folder / "secret-key").read_text() == (here.folder / "secret-key").read_text()


# -- Refused --------------------------------------------------------------------------------------------


@pytest.mark.pure
def test_a_damaged_or_foreign_file_changes_nothing(kept: Path, data_dir: Path, tmp_path: Path) -> None:
    file = tmp_path / "damaged.tar"
    before = kept.read_bytes()
    at = before.index(b"SQLite format 3") + 5_000
    file.write_bytes(before[:at] + bytes([before[at] ^ 1]) + before[at + 1 :])

    with pytest.raises(BackupRefused, match=r"database\.sqlite3 has changed"):
        restore(file)
    file.write_bytes(before[:20_000])
    with pytest.raises(BackupRefused, match="is no backup of Bisync's, or is damaged"):
        restore(file)
    with tarfile.open(file, "w") as archive:
        archive.add(ROOT / "README.md", "../outside")
    with pytest.raises(BackupRefused, match="is no backup of Bisync's, or is damaged"):
        restore(file)

    assert not (tmp_path / "outside").exists()
    assert {path.name for path in data_dir.rglob("*")} == {"running.lock", "runs"}


@pytest.mark.pure
def test_nothing_is_restored_below_a_bisync_that_runs(kept: Path, data_dir: Path) -> None:
    with claimed(data_dir), pytest.raises(AlreadyRunning):
        restore(kept)


@pytest.mark.pure
def test_a_backup_is_written_only_where_a_folder_is_and_no_file(tmp_path: Path) -> None:
    (tmp_path / "there.tar").touch()

    with pytest.raises(BackupRefused, match="Choose another name"):
        backup(tmp_path / "there.tar")
    with pytest.raises(BackupRefused, match=r"There is no folder .*/backups\. Make it first"):
        backup(tmp_path / "backups" / "new.tar")


# -- While deployments go on ----------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_a_version_that_a_deployment_removes_meanwhile_does_not_spoil_the_backup(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = make_environment(make_project())
    gone, old, live = (
        version(environment, number, status)
        for number, status in ((1, "superseded"), (2, "superseded"), (3, "live"))
    )
    gone.file.unlink()
    dump = backups._dump

    def dump_slowly(folder: Path) -> str:
        old.file.unlink()
        Deployment.objects.filter(pk=live.pk).update(status="superseded")
        version(environment, 4, "live")
        return dump(folder)

    monkeypatch.setattr(backups, "_dump", dump_slowly)

    held = backup(tmp_path / "kept.tar")

    folder = environment.folder.relative_to(data_dir)
    names = {str(folder / f"v{number:05d}" / "warehouse.duckdb") for number in (2, 3, 4)}
    assert {name for name in held["files"] if name.startswith("warehouse/")} == names
    with tarfile.open(tmp_path / "kept.tar") as archive:
        assert names < set(archive.getnames())
    assert list((data_dir / "runs").iterdir()) == []


@pytest.mark.django_db(transaction=True)
def test_without_the_file_of_a_live_version_there_is_no_backup_and_nothing_is_left(
    data_dir: Path, tmp_path: Path
) -> None:
    version(make_environment(make_project()), 1, "live").file.unlink()
    before = set(tmp_path.iterdir())

    with pytest.raises(BackupRefused, match=r"warehouse\.duckdb of Production v1 is missing. Try again"):
        backup(tmp_path / "kept.tar")

    assert set(tmp_path.iterdir()) == before
    assert list((data_dir / "runs").iterdir()) == []
