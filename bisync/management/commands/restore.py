"""`manage.py restore FILE`: see bisync/backup.py."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management import BaseCommand, CommandError

from bisync.backup import restore
from bisync.health import missing_migrations
from bisync.lib.errors import BisyncError


class Command(BaseCommand):
    help = "Bring a backup back into an installation that holds nothing yet."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *_args: object, file: Path, **_options: Any) -> None:
        try:
            contents = restore(file.resolve())
        except BisyncError as exc:
            raise CommandError(str(exc)) from exc
        count = len(contents["files"])
        self.stdout.write(
            f"Restored {contents['database']} and {count - 1} more files, of {contents['made_at']}."
        )
        if missing_migrations():
            self.stdout.write("It is of an older Bisync: run “manage.py migrate” now.")
