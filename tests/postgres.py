"""A PostgreSQL server for tests: its own data, its own port, gone when the tests are."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

# As awkward as a password can be, so that whoever quotes it wrongly fails.
PASSWORD = """p'w "1" {{ x }} %s@/:#"""
# What is committed has to outlive a killed server, as in life; the machine does not crash here.
_FAST = ("fsync=off", "full_page_writes=off", "max_connections=60")


class PostgresMissing(Exception):
    """This machine has no PostgreSQL server to start."""


class Cluster:
    """A server of its own in a temporary directory, reachable by TCP with a password.

    The server ends with `stop()`, and with the process that started it, however that ends.
    """

    host = "127.0.0.1"
    user = "bisync"
    password = PASSWORD

    def __init__(self) -> None:
        self._binaries = _binaries()
        self._server: subprocess.Popen[bytes] | None = None
        self._home = Path()
        self.port = 0

    def start(self) -> None:
        self._home = Path(tempfile.mkdtemp(prefix="bisync-pg-"))
        data, secret = self._home / "data", self._home / "password"
        secret.write_text(PASSWORD, encoding="utf-8")
        if os.geteuid() == 0:
            for path in (self._home, secret):
                shutil.chown(path, "postgres", "postgres")
        initdb = (
            "-D",
            str(data),
            "-U",
            self.user,
            "-A",
            "scram-sha-256",
            "--pwfile",
            str(secret),
            "-E",
            "UTF8",
        )
        subprocess.run(
            [*_as_owner(), str(self._binaries / "initdb"), *initdb, "--locale=C", "--no-sync"],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        self.port = _free_port()
        self._serve()

    def _serve(self) -> None:
        options = [part for setting in _FAST for part in ("-c", setting)]
        with (self._home / "log").open("wb") as log:
            self._server = subprocess.Popen(
                [
                    *(*_as_owner(), str(self._binaries / "postgres"), "-D", str(self._home / "data")),
                    *("-k", str(self._home), "-h", self.host, "-p", str(self.port), *options),
                ],
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the tests, which then stop the server
            )
        self._wait()

    def stop(self) -> None:
        self._end()
        shutil.rmtree(self._home, ignore_errors=True)

    def restart(self) -> None:
        """Have it end as in a crash, every connection with it, and begin again with what it held."""
        self._end()
        self._serve()

    def _end(self) -> None:
        if self._server is not None:
            self._server.send_signal(signal.SIGQUIT)  # at once: nobody waits for what is open
            self._server.wait(timeout=30)
            self._server = None

    def url(self, database: str = "postgres") -> str:
        who = f"{self.user}:{quote(self.password, safe='')}"
        return f"postgres://{who}@{self.host}:{self.port}/{quote(database, safe='')}"

    def create_database(self, name: str) -> str:
        """Make an empty database, in place of one with this name; returns its URL."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            name_ = sql.Identifier(name)
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name_))
            connection.execute(sql.SQL("CREATE DATABASE {}").format(name_))
        return self.url(name)

    def _wait(self) -> None:
        deadline = time.monotonic() + 30
        while True:
            try:
                psycopg.connect(self.url(), connect_timeout=2).close()
            except psycopg.OperationalError:
                if time.monotonic() > deadline or self._server is None or self._server.poll() is not None:
                    log = (self._home / "log").read_text(encoding="utf-8", errors="replace")
                    raise RuntimeError(f"PostgreSQL did not start:\n{log}") from None
                time.sleep(0.05)
            else:
                return


def _binaries() -> Path:
    found = shutil.which("postgres")
    newest_first = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version, reverse=True)
    for folder in [*newest_first, *([Path(found).parent] if found else [])]:
        if (folder / "initdb").exists():
            return folder
    raise PostgresMissing(
        "These tests start a PostgreSQL server of their own and found none: install it (apt-get install "
        "postgresql), or put its bin directory on PATH."
    )


def _version(folder: Path) -> int:
    return int(folder.parent.name)


def _as_owner() -> list[str]:
    """The server refuses to run as root; and it must not outlive the process that started it."""
    if not shutil.which("setpriv"):
        return []
    owner = ["--reuid=postgres", "--regid=postgres", "--init-groups"] if os.geteuid() == 0 else []
    return ["setpriv", *owner, "--pdeathsig=QUIT"]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
