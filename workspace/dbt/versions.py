"""What each version of dbt accepts: the only module that knows."""

from __future__ import annotations

import re
import sys
from fnmatch import fnmatchcase
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import TypeAlias

from django.conf import settings

from workspace import commands
from workspace.dbt.errors import DbtNotAllowed, DbtNotInstalled, DbtUnsupported

Version: TypeAlias = tuple[int, int]

OLDEST: Version = (1, 8)
LIMIT: Version = (2, 0)
OWN = Path(sys.executable).parent / "dbt"

_INSTALLED = re.compile(r"installed: +v?(\d+)\.(\d+)")


def require_allowed(executable: str) -> None:
    """Raise `DbtNotAllowed` for a file that the operator did not list. "" stands for Bisync's own dbt."""
    path = Path(executable)
    listed = any(fnmatchcase(executable, pattern) for pattern in settings.BISYNC_DBT_EXECUTABLES)
    plain = path.is_absolute() and ".." not in path.parts and executable.isprintable()
    if executable and path != OWN and not (listed and plain):
        raise DbtNotAllowed(executable=executable)


def installed(executable: Path) -> Version:
    """The version of the dbt at `executable`; raises unless it is one that Bisync can drive."""
    require_allowed(str(executable))
    if not executable.is_file():
        raise DbtNotInstalled(executable=str(executable))
    version = _version(executable, executable.stat().st_mtime_ns)
    if version is None or not OLDEST <= version < LIMIT:
        raise DbtUnsupported(
            executable=str(executable),
            version=f"dbt {_dotted(version)}" if version else "not dbt Core",
            oldest=_dotted(OLDEST),
            limit=_dotted(LIMIT),
        )
    return version


@lru_cache(maxsize=32)
def _version(executable: Path, _changed: int) -> Version | None:
    if executable == OWN:
        printed = f"installed: {metadata.version('dbt-core')}"
    else:
        printed = commands.run(
            "dbt --version",
            [str(executable), "--version"],
            cwd=executable.parent,
            env={"PATH": f"{executable.parent}:/usr/local/bin:/usr/bin:/bin", "HOME": "/nonexistent"},
            timeout=60,
        ).output
    found = _INSTALLED.search(printed)
    return (int(found[1]), int(found[2])) if found else None


def flags(version: Version, command: str) -> list[str]:
    """Flags that make any dbt behave the same, whatever `flags:` a project sets for itself."""
    common = ["--log-format", "json", "--log-level", "info", "--log-level-file", "none"]
    common += ["--no-debug", "--no-quiet", "--no-use-colors", "--no-use-colors-file"]
    if command != "deps":
        common += ["--write-json"]
    if version >= (1, 12):
        # The other parser is a command that the project itself may name.
        common += ["--no-use-v2-parser"]
    return common


def environment(version: Version) -> dict[str, str]:
    """Variables that only some versions know; the others warn about the prefix."""
    return {"DBT_ENGINE_USE_V2_PARSER": "0"} if version >= (1, 12) else {}


def _dotted(version: Version) -> str:
    return ".".join(map(str, version))
