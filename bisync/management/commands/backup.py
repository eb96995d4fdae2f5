"""`manage.py backup FILE`: see bisync/backup.py."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management import BaseCommand, CommandError

from bisync.backup import backup
from bisync.health import missing_migrations
from bisync.lib.errors import BisyncError
from governance import audit


class Command(BaseCommand):
    help = "Write everything that Bisync alone knows into one file."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *_args: object, file: Path, **_options: Any) -> None:
        try:
            contents = backup(file.resolve())
        except BisyncError as exc:
            raise CommandError(str(exc)) from exc
        if not missing_migrations():  # before an update the log's own table may be of the older Bisync
            with audit.atomic():
                told = {"file": file.name, "made_at": str(contents["made_at"])}
                audit.record(actor=None, action="backup.made", target=None, after=told)
        count = len(contents["files"])
        self.stdout.write(
            f"Kept {contents['database']} and {count - 1} more files, of {contents['made_at']}."
        )
