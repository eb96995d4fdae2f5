"""Everything that Bisync alone knows, in one file, and back from it.

A backup holds Bisync's own tables, the warehouse files of one machine, and the key that this machine made for
itself. Git mirrors are not in it: a pull brings them back.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from django.apps import apps
from django.conf import settings
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from bisync import env
from bisync.lib import scratch
from bisync.lib.errors import BisyncError
from bisync.lib.secrets import SecretUnreadable, sealed, unsealed
from bisync.supervisor import claimed
from environments.models import Deployment, DeploymentStatus
from governance.models import User

FORMAT = 1
CONTENTS = "bisync-backup.json"
SQLITE, DUMP, KEY, WAREHOUSE = "database.sqlite3", "database.dump", "secret-key", "warehouse"
CANARY = "bisync"


class BackupRefused(BisyncError):
    code = "backup-refused"
    message = _("%(reason)s")


def backup(target: Path) -> dict[str, Any]:
    """Write a backup to `target`, readable by its owner alone; returns what it holds.

    Bisync may go on working meanwhile: the database is read at one moment, and warehouse files never
    change. Raises `BackupRefused` where the file exists, cannot be written, or the database's own tool fails.
    """
    if not target.parent.is_dir():
        words = _("There is no folder %(folder)s. Make it first, or name another.")
        raise BackupRefused(reason=words % {"folder": target.parent})
    if target.exists():
        raise BackupRefused(reason=_("%(file)s exists already. Choose another name.") % {"file": target})
    try:
        with _appearing(target) as file, scratch.folder(settings.DATA_DIR / "runs", "backup-") as folder:
            contents = _gathered(folder)
            with tarfile.open(fileobj=file, mode="w") as archive:
                for name in (CONTENTS, *contents["files"]):
                    archive.add(folder / name, name)
    except OSError as exc:
        words = _("%(file)s could not be written: %(why)s.")
        raise BackupRefused(reason=words % {"file": target, "why": exc.strerror or exc}) from None
    return contents


def restore(source: Path) -> dict[str, Any]:
    """Bring a backup back into an installation that holds nothing yet; returns what it held.

    Everything is verified before anything is changed. Raises `BackupRefused` where the backup is damaged,
    is of another database or a newer Bisync, cannot be opened by the keys here, or something is here already,
    and `AlreadyRunning` where `manage.py serve` works here.
    """
    with claimed(settings.DATA_DIR), scratch.folder(settings.DATA_DIR / "runs", "restore-") as folder:
        contents = _unpacked(source, folder)
        _refuse_unfit(contents, folder)
        # The database first: it is what may still refuse.
        if connection.vendor == "sqlite":
            connection.close()
            _place(folder / SQLITE, Path(connection.settings_dict["NAME"]))
        else:
            _load(folder / DUMP)
        for name in contents["files"]:
            if name == KEY or name.startswith(f"{WAREHOUSE}/"):
                _place(folder / name, settings.DATA_DIR / name)
    return contents


# -- Making ---------------------------------------------------------------------------------------------


@contextmanager
def _appearing(target: Path) -> Iterator[IO[bytes]]:
    """A file that is at `target` when it is complete and on the disk, and nowhere if that fails."""
    part = target.with_name(f"{target.name}.part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())
            part.rename(target)
        except BaseException:
            part.unlink(missing_ok=True)
            raise


def _gathered(folder: Path) -> dict[str, Any]:
    """Put everything that belongs into a backup below `folder`; returns its table of contents."""
    began = timezone.now()
    if (settings.DATA_DIR / KEY).exists():
        _keep(settings.DATA_DIR / KEY, folder / KEY)
    # Before and after the database: what is live in it was finished before one or the other, and deployments
    # remove older versions meanwhile.
    _keep_versions(folder, since=began)
    database = _dump(folder)
    _keep_versions(folder, since=began)
    versions = sorted(file.relative_to(folder) for file in (folder / WAREHOUSE).rglob("*") if file.is_file())
    names = [database, *([KEY] if (folder / KEY).exists() else []), *map(str, versions)]
    contents = {
        "format": FORMAT,
        "made_at": began.isoformat(),
        "database": connection.vendor,
        "migrations": _migrations(),
        "canary": sealed(CANARY),
        "files": {name: _digest(folder / name) for name in names},
    }
    (folder / CONTENTS).write_text(json.dumps(contents, indent=1), encoding="utf-8")
    return contents


def _keep_versions(folder: Path, *, since: datetime) -> None:
    """Keep the warehouse files of finished versions. Older ones may vanish at any moment, live ones not."""
    finished = Deployment.objects.filter(manifest__isnull=False, environment__connection__adapter="duckdb")
    for version in finished.select_related("environment").order_by("id"):
        kept = folder / version.file.relative_to(settings.DATA_DIR)
        if kept.exists():
            continue
        try:
            _keep(version.file, kept)
        except FileNotFoundError:
            if version.status == DeploymentStatus.LIVE or (version.live_at and version.live_at >= since):
                words = _("%(file)s of %(version)s is missing. Try again; if it stays away, deploy first.")
                raise BackupRefused(reason=words % {"file": version.file, "version": version}) from None


def _keep(file: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(file, to)
    except FileNotFoundError:
        raise
    except OSError:  # this file system has no links, or is another one
        shutil.copyfile(file, to)


def _dump(folder: Path) -> str:
    """Copy the database, as it is at one moment, into `folder`; returns the file's name."""
    if connection.vendor == "sqlite":
        with (
            closing(sqlite3.connect(connection.settings_dict["NAME"])) as live,
            closing(sqlite3.connect(folder / SQLITE)) as to,
        ):
            live.backup(to)
        return SQLITE
    ours = [f'--table="{table}"' for table in _own_tables()]
    _postgres_tool("pg_dump", ["--format", "custom", "--file", str(folder / DUMP), *ours, _database_name()])
    return DUMP


def _own_tables() -> list[str]:
    """Bisync's tables that are there; somebody else's may be in the same database."""
    names = [*connection.introspection.django_table_names(), MigrationRecorder.Migration._meta.db_table]
    return sorted(set(names) & set(connection.introspection.table_names()))


def _migrations() -> list[str]:
    applied = MigrationRecorder(connection).applied_migrations()
    ours = {config.label for config in apps.get_app_configs()}
    return sorted(f"{app}.{name}" for app, name in applied if app in ours)


# -- Bringing back --------------------------------------------------------------------------------------


def _unpacked(source: Path, folder: Path) -> dict[str, Any]:
    """What the backup says it holds, each of its files below `folder`, and no others."""
    try:
        with tarfile.open(source) as archive:
            contents: dict[str, Any] = json.loads(_member(archive, CONTENTS).read())
            for name, digest in contents["files"].items():
                target = (folder / name).resolve()
                if not target.is_relative_to(folder.resolve()):
                    raise ValueError(name)
                target.parent.mkdir(parents=True, exist_ok=True)
                # As secret as the database and the key that some of them are.
                with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as to:
                    shutil.copyfileobj(_member(archive, name), to)
                if _digest(target) != digest:
                    words = _("The backup is damaged: %(name)s has changed.")
                    raise BackupRefused(reason=words % {"name": name})
    except (OSError, tarfile.TarError, ValueError, KeyError, AttributeError) as exc:
        words = _("%(file)s is no backup of Bisync's, or is damaged: %(why)s.")
        raise BackupRefused(reason=words % {"file": source, "why": exc}) from None
    return contents


def _member(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    content = archive.extractfile(name)
    if content is None:
        raise ValueError(name)
    return content


def _refuse_unfit(contents: Mapping[str, Any], folder: Path) -> None:
    if contents["format"] != FORMAT:
        raise BackupRefused(reason=_("This backup is of a newer Bisync. Install that one first."))
    if contents["database"] != connection.vendor:
        words = _("This backup is of %(theirs)s and here is %(ours)s: set BISYNC_DATABASE_URL accordingly.")
        raise BackupRefused(reason=words % {"theirs": contents["database"], "ours": connection.vendor})
    known = {f"{app}.{name}" for app, name in MigrationLoader(None).disk_migrations}
    if unknown := sorted(set(contents["migrations"]) - known):
        words = _("This backup is of a newer Bisync, which has %(name)s. Install that one first.")
        raise BackupRefused(reason=words % {"name": unknown[0]})
    if User._meta.db_table in connection.introspection.table_names() and User.objects.exists():
        raise BackupRefused(reason=_("There are people in this installation. Restore into an empty one."))
    try:
        unsealed(contents["canary"], _keys_afterwards(folder))
    except SecretUnreadable:
        words = _(
            "The keys here do not open the backup's secrets: set BISYNC_SECRET_KEY and "
            "BISYNC_ENCRYPTION_KEYS as they were, and not at all where they were not."
        )
        raise BackupRefused(reason=words) from None


def _keys_afterwards(folder: Path) -> Sequence[str]:
    """The keys for stored secrets once the backup's own key is in its place, if there is one."""
    own = folder / KEY
    if own.exists() and not (env.secret("BISYNC_ENCRYPTION_KEYS") or env.secret("BISYNC_SECRET_KEY")):
        return [own.read_text(encoding="utf-8").strip()]
    return settings.BISYNC_SECRET_KEYS


def _place(file: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    for leftover in (f"{target.name}-wal", f"{target.name}-shm"):
        target.with_name(leftover).unlink(missing_ok=True)
    file.replace(target)


def _load(dump: Path) -> None:
    """Put the dump's tables in place of ours, or leave everything as it is."""
    script = dump.with_suffix(".sql")
    _postgres_tool("pg_restore", ["--no-owner", "--no-privileges", "--file", str(script), str(dump)])
    # Not by pg_restore itself: an older Bisync's dump does not know the tables that refer to its own by now.
    tables = ", ".join(map(connection.ops.quote_name, _own_tables()))
    drop = ["--command", f"DROP TABLE {tables}"] if tables else []
    connection.close()
    options = ["--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", "--single-transaction"]
    _postgres_tool("psql", [*options, "--dbname", _database_name(), *drop, "--file", str(script)])


# -- Tools ----------------------------------------------------------------------------------------------


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _database_name() -> str:
    return str(connection.settings_dict["NAME"])


def _postgres_tool(name: str, arguments: list[str]) -> None:
    to = connection.settings_dict
    given = {"PGHOST": to["HOST"], "PGPORT": to["PORT"], "PGUSER": to["USER"], "PGPASSWORD": to["PASSWORD"]}
    told = {"PATH": os.environ["PATH"], **{key: str(value) for key, value in given.items() if value}}
    try:
        subprocess.run(
            [name, "--no-password", *arguments], env=told, check=True, capture_output=True, text=True
        )
    except FileNotFoundError:
        words = _("%(name)s is missing: install PostgreSQL's client programs.")
        raise BackupRefused(reason=words % {"name": name}) from None
    except subprocess.CalledProcessError as exc:
        raise BackupRefused(reason=f"{name}: {exc.stderr.strip()[-500:]}") from None
