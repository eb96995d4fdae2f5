"""`manage.py serve`: Bisync on this machine, web server, worker and broker together."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError, call_command
from django.db import connection

from bisync import supervisor
from bisync.health import missing_migrations
from bisync.lib.errors import BisyncError


class Command(BaseCommand):
    help = "Run the web server, the worker and, unless BISYNC_REDIS_URL names one, the broker."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--host", default="127.0.0.1", help="the address to listen on (default: %(default)s)"
        )
        parser.add_argument("--port", type=int, help="the port (default: 8000, or the next free one)")
        parser.add_argument("--migrate", action="store_true", help="bring the database up to date first")
        parser.add_argument("--quiet", action="store_true", help="write logs to files in the data directory")

    def handle(self, *_args: object, **options: Any) -> None:
        try:
            with supervisor.claimed(settings.DATA_DIR):
                code = self._serve(**options)
        except BisyncError as exc:
            raise CommandError(str(exc)) from exc
        sys.exit(code)

    def _serve(self, *, host: str, port: int | None, migrate: bool, quiet: bool, **_options: object) -> int:
        if migrate:
            call_command("migrate", interactive=False, verbosity=0)
        _require_migrated()
        if not settings.DEBUG:
            call_command("collectstatic", interactive=False, verbosity=0)
        free = supervisor.free_port(host, port)
        if port is None and free != supervisor.DEFAULT_PORT:
            self.stdout.write(f"Port {supervisor.DEFAULT_PORT} is taken, so Bisync uses {free}.")
        group = supervisor.application(
            host=host, port=free, logs=settings.DATA_DIR / "logs" if quiet else None
        )
        self.stdout.write(f"Starting Bisync on http://{host}:{free}; Ctrl-C stops it.")
        connection.close()
        return group.run()


def _require_migrated() -> None:
    if missing := missing_migrations():
        raise CommandError(
            f"The database lacks {len(missing)} migrations, {missing[0]} first: "
            "run “manage.py migrate”, or start with --migrate."
        )
