"""`manage.py demo`: Bisync on this machine with a demo company, or the whole loop without a browser."""

from __future__ import annotations

import shutil
import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError, call_command
from django.db import connection

from bisync import supervisor
from bisync.demo import company
from bisync.demo.smoke import Smoke
from bisync.lib.errors import BisyncError


class Command(BaseCommand):
    help = "Start Bisync with a demo company: sign-ins, a git remote, a warehouse with two years of data."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--reset", action="store_true", help="throw the demo away and start over")
        parser.add_argument("--smoke", action="store_true", help="drive the whole loop, then stop")
        parser.add_argument("--port", type=int, help="the port (default: 8000, or the next free one)")

    def handle(self, *_args: object, **options: Any) -> None:
        try:
            with supervisor.claimed(settings.DATA_DIR):
                code = self._demo(**options)
        except BisyncError as exc:
            raise CommandError(str(exc)) from exc
        sys.exit(code)

    def _demo(self, *, reset: bool, smoke: bool, port: int | None, **_options: object) -> int:
        if reset:
            self._forget()
        call_command("migrate", interactive=False, verbosity=0)
        call_command("collectstatic", interactive=False, verbosity=0)
        free = supervisor.free_port("127.0.0.1", port)
        address = f"http://127.0.0.1:{free}"
        group = supervisor.application(host="127.0.0.1", port=free, logs=Path(settings.DATA_DIR) / "logs")
        connection.close()
        group.start()
        try:
            self._company(group.look_after)
            if smoke:
                return Smoke(address, self.stdout.write, group.look_after).drive()
            self._welcome(address)
            return group.wait()
        finally:
            group.stop()

    def _company(self, meanwhile: company.Meanwhile) -> None:
        if company.present():
            return
        started = time.monotonic()
        company.create(lambda step: self.stdout.write(f"  {step} …"), meanwhile)
        self.stdout.write(f"  The demo company is ready ({time.monotonic() - started:.0f} s).")

    def _forget(self) -> None:
        """Remove what the demo made, and only that."""
        connection.close()
        if settings.DATABASE_URL:
            raise CommandError("--reset works on the embedded database only; drop the other one by hand.")
        for name in ("bisync.sqlite3", "bisync.sqlite3-wal", "bisync.sqlite3-shm"):
            (settings.DATA_DIR / name).unlink(missing_ok=True)
        for name in ("demo", "git", "warehouse", "runs", "broker", "logs"):
            shutil.rmtree(settings.DATA_DIR / name, ignore_errors=True)

    def _welcome(self, address: str) -> None:
        self.stdout.write(f"\nBisync: {address}   (Ctrl-C stops it; logs in {settings.DATA_DIR / 'logs'})\n")
        self.stdout.write(f"Sign in with one of these; the password is {company.PASSWORD}")
        for person in company.PEOPLE:
            self.stdout.write(f"  {person.email:<28} {person.name}: {person.does}")
        self.stdout.write("")
