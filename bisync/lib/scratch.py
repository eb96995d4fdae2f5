"""Folders to work in that are gone when their worker is, however it ended."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO


@contextmanager
def folder(base: Path, prefix: str) -> Iterator[Path]:
    """A new folder in `base` whose name begins with `prefix`, gone afterwards.

    A lock beside it tells others of this machine that somebody works in it. The operating system gives the
    lock back when the worker ends, even by `kill -9`, and whoever comes here next clears what was left.
    """
    base.mkdir(parents=True, exist_ok=True)
    clear(base)
    path, lock = _begun(base, prefix)
    try:
        yield path
    finally:
        _remove(path)
        lock.close()


def clear(base: Path) -> None:
    """Remove the folders in `base` whose workers have ended."""
    for name in base.glob("*.lock"):
        with suppress(OSError), name.open("r+b") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # raises where somebody is at work
            _remove(name.with_suffix(""))


def _remove(path: Path) -> None:
    """Remove a folder, and its lock once nothing is left: a child that dies late may still write there."""
    shutil.rmtree(path, ignore_errors=True)
    if not path.exists():
        _lock_of(path).unlink(missing_ok=True)


def _begun(base: Path, prefix: str) -> tuple[Path, IO[bytes]]:
    while True:
        path = base / f"{prefix}{secrets.token_hex(6)}"
        lock = _lock_of(path).open("xb")
        fcntl.flock(lock, fcntl.LOCK_EX)
        with suppress(FileNotFoundError):
            # Somebody may have cleared it between the two lines above.
            if os.path.samestat(os.fstat(lock.fileno()), _lock_of(path).stat()):
                path.mkdir(mode=0o700)
                return path, lock
        lock.close()


def _lock_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.lock")
