"""Everything that Bisync alone knows, in one file, and back from it.

A backup holds the database, the warehouse files of one machine, and the key that this machine made for
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
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

from django.apps import apps
from django.conf import settings
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from bisync.lib.errors import BisyncError
from bisync.lib.secrets import SecretUnreadable, sealed, unsealed
from environments.models import Deployment

FORMAT = 1
CONTENTS = "bisync-backup.json"
SQLITE, DUMP, KEY = "database.sqlite3", "database.dump", "secret-key"
CANARY = "bisync"


class BackupRefused(BisyncError):
    code = "backup-refused"
    message = _("%(reason)s")


def backup(target: Path) -> dict[str, Any]:
    """Write a backup to `target`, readable by its owner alone; returns what it holds.

    Bisync may go on working meanwhile: the database is read at one moment, and warehouse files never
    change. Raises `BackupRefused` where the file exists or the database's own tool fails.
    """
    if target.exists():
        raise BackupRefused(reason=_("%(file)s exists already. Choose another name.") % {"file": target})
    part = target.with_name(f"{target.name}.part")
    with TemporaryDirectory(dir=target.parent, prefix=".bisync-backup-") as folder:
        files = {**_database(Path(folder)), **_own_files()}
        contents = {
            "format": FORMAT,
            "made_at": timezone.now().isoformat(),
            "database": connection.vendor,
            "migrations": _migrations(),
            "canary": sealed(CANARY),
            "files": {name: _digest(file) for name, file in files.items()},
        }
        told = Path(folder) / CONTENTS
        told.write_text(json.dumps(contents, indent=1), encoding="utf-8")
        part.touch(mode=0o600)
        with tarfile.open(part, "w") as archive:
            archive.add(told, CONTENTS)
            for name, file in files.items():
                archive.add(file, name)
    part.rename(target)
    return contents


def restore(source: Path) -> dict[str, Any]:
    """Bring a backup back into an installation that holds nothing yet; returns what it held.

    Everything is verified before anything is changed. Raises `BackupRefused` where the backup is damaged,
    is of another database or a newer Bisync, cannot be opened by the keys here, or something is here already.
    """
    with TemporaryDirectory(dir=settings.DATA_DIR, prefix=".bisync-restore-") as name:
        folder = Path(name)
        contents = _unpacked(source, folder)
        _refuse_unfit(contents)
        key = folder / KEY
        if key.exists():
            _place(key, settings.DATA_DIR / KEY)
        for file in contents["files"]:
            if file.startswith("warehouse/"):
                _place(folder / file, settings.DATA_DIR / file)
        connection.close()
        if connection.vendor == "sqlite":
            _place(folder / SQLITE, Path(connection.settings_dict["NAME"]))
        else:
            options = ["--clean", "--if-exists", "--no-owner", "--single-transaction", "--exit-on-error"]
            _postgres_tool("pg_restore", [*options, "--dbname", _database_name(), str(folder / DUMP)])
    return contents


def _database(folder: Path) -> dict[str, Path]:
    if connection.vendor == "sqlite":
        copy = folder / SQLITE
        with (
            closing(sqlite3.connect(connection.settings_dict["NAME"])) as live,
            closing(sqlite3.connect(copy)) as to,
        ):
            live.backup(to)
        return {SQLITE: copy}
    dump = folder / DUMP
    _postgres_tool("pg_dump", ["--format", "custom", "--file", str(dump), _database_name()])
    return {DUMP: dump}


def _own_files() -> dict[str, Path]:
    """The machine's own key, and the warehouse files of finished versions."""
    found = {KEY: settings.DATA_DIR / KEY} if (settings.DATA_DIR / KEY).exists() else {}
    finished = Deployment.objects.filter(manifest__isnull=False, environment__connection__adapter="duckdb")
    files = [deployment.file for deployment in finished.select_related("environment").order_by("id")]
    return found | {str(file.relative_to(settings.DATA_DIR)): file for file in files if file.exists()}


def _migrations() -> list[str]:
    applied = MigrationRecorder(connection).applied_migrations()
    ours = {config.label for config in apps.get_app_configs()}
    return sorted(f"{app}.{name}" for app, name in applied if app in ours)


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
                with target.open("wb") as to:
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


def _refuse_unfit(contents: Mapping[str, Any]) -> None:
    if contents["format"] != FORMAT:
        raise BackupRefused(reason=_("This backup is of a newer Bisync. Install that one first."))
    if contents["database"] != connection.vendor:
        words = _("This backup is of %(theirs)s and here is %(ours)s: set BISYNC_DATABASE_URL accordingly.")
        raise BackupRefused(reason=words % {"theirs": contents["database"], "ours": connection.vendor})
    known = {f"{app}.{name}" for app, name in MigrationLoader(None).disk_migrations}
    if unknown := sorted(set(contents["migrations"]) - known):
        words = _("This backup is of a newer Bisync, which has %(name)s. Install that one first.")
        raise BackupRefused(reason=words % {"name": unknown[0]})
    if connection.introspection.table_names() and apps.get_model("governance.User").objects.exists():
        raise BackupRefused(reason=_("There are people in this installation. Restore into an empty one."))
    if KEY not in contents["files"]:
        try:
            unsealed(contents["canary"])
        except SecretUnreadable:
            words = _("The keys here do not open the backup's secrets: set BISYNC_ENCRYPTION_KEYS as it was.")
            raise BackupRefused(reason=words) from None


def _place(file: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    for leftover in (f"{target.name}-wal", f"{target.name}-shm"):
        target.with_name(leftover).unlink(missing_ok=True)
    file.replace(target)


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _database_name() -> str:
    return str(connection.settings_dict["NAME"])


def _postgres_tool(name: str, arguments: list[str]) -> None:
    to = connection.settings_dict
    given = {"PGHOST": to["HOST"], "PGPORT": to["PORT"], "PGUSER": to["USER"], "PGPASSWORD": to["PASSWORD"]}
    env = {"PATH": os.environ["PATH"], **{key: str(value) for key, value in given.items() if value}}
    try:
        subprocess.run(
            [name, "--no-password", *arguments], env=env, check=True, capture_output=True, text=True
        )
    except FileNotFoundError:
        words = _("%(name)s is missing: install PostgreSQL's client programs.")
        raise BackupRefused(reason=words % {"name": name}) from None
    except subprocess.CalledProcessError as exc:
        raise BackupRefused(reason=f"{name}: {exc.stderr.strip()[-500:]}") from None
