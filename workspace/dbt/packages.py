"""The packages that a project lists, and those that lie in it."""

from __future__ import annotations

import re
from pathlib import Path

_FILES = ("packages.yml", "dependencies.yml")
_ENTRY = re.compile(r"^ *- *(package|git|local|tarball): *[\"']?([^\"'#\n]+)", re.MULTILINE)


def listed(folder: Path) -> list[str]:
    """What packages.yml or dependencies.yml ask for, as written there."""
    texts = [(folder / name).read_text(encoding="utf-8") for name in _FILES if (folder / name).is_file()]
    return [source.strip() for text in texts for _kind, source in _ENTRY.findall(text)]


def missing(folder: Path) -> list[str]:
    """The listed packages without a directory of their name under dbt_packages."""
    root = folder / "dbt_packages"
    there = {_plain(entry.name) for entry in root.iterdir()} if root.is_dir() else set()
    return [source for source in listed(folder) if _plain(source) not in there]


def _plain(source: str) -> str:
    """The name a package most likely has: dbt-labs/dbt_utils, …/dbt-utils.git and dbt_utils are one."""
    return Path(source.rstrip("/")).name.removesuffix(".git").replace("-", "_").lower()
