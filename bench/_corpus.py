"""Foreign files that are measured but never kept here: a folder that somebody names."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path


def folder(what: str) -> Path:
    """The folder that was named; without one, says what is missing and leaves with exit code 2."""
    given = os.environ.get("BISYNC_BENCH_FOLDER", "")
    if not given or not Path(given).is_dir():
        missing = f"There is no folder {given}" if given else "Nothing to measure"
        print(f"{missing}. Name a folder with {what}: bin/bench NAME --folder FOLDER", file=sys.stderr)
        raise SystemExit(2)
    return Path(given)


def yaml_files(root: Path) -> Iterator[Path]:
    """Every YAML file below, in an order that does not change."""
    return (path for path in sorted(root.rglob("*")) if path.suffix in {".yml", ".yaml"} and path.is_file())
