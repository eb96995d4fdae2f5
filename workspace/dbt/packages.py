"""The packages that a project lists, and those that lie in it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from bisync.lib import small_yaml
from workspace.dbt import project_files

_FILES = ("packages.yml", "dependencies.yml")
_KINDS = ("package", "git", "local", "tarball")
_ENTRY = re.compile(rf"^ *- *({'|'.join(_KINDS)}):([^\n#]+)", re.MULTILINE)


def listed(folder: Path) -> list[str]:
    """What packages.yml or dependencies.yml ask for, as written there."""
    return [source for _kind, source in _entries(folder)]


def missing(folder: Path) -> list[str]:
    """The listed packages without a directory of their name where the project installs them."""
    return [source for _kind, source, _name in _missing(folder)]


def link_local(folder: Path) -> bool:
    """Whether all that was missing lies in the repository: then each is linked, as `dbt deps` would do.

    That they lie nowhere else has to be clear before.
    """
    wanted = list(_missing(folder))
    if any(kind != "local" or not (folder / source).is_dir() for kind, source, _name in wanted):
        return False
    root = _root(folder)
    root.mkdir(parents=True, exist_ok=True)
    for _kind, source, name in wanted:
        (root / name).symlink_to(os.path.relpath(folder / source, root), target_is_directory=True)
    return True


def _root(folder: Path) -> Path:
    project = folder / project_files.PROJECT
    place = project_files.read(project).get(project_files.INSTALL) if project.is_file() else None
    return folder / str(place or "dbt_packages")


def _missing(folder: Path) -> Iterator[tuple[str, str, str]]:
    """Kind, source and name of the listed packages that are not there."""
    root = _root(folder)
    there = {_plain(entry.name) for entry in root.iterdir()} if root.is_dir() else set()
    for kind, source in _entries(folder):
        if (name := _name(folder, kind, source)) not in there:
            yield kind, source, name


def _entries(folder: Path) -> Iterator[tuple[str, str]]:
    for name in _FILES:
        if (folder / name).is_file():
            yield from _read((folder / name).read_text(encoding="utf-8", errors="replace"))


def _read(text: str) -> Iterator[tuple[str, str]]:
    """Each package's kind and source. A list is a template to dbt: where it is no YAML yet, by its lines."""
    try:
        data: Any = small_yaml.load(text)
    except yaml.YAMLError:
        found = _ENTRY.findall(text[: small_yaml.MAX_CHARACTERS])
        yield from ((kind, source.strip().strip("'\"")) for kind, source in found)
        return
    packages = data.get("packages") if isinstance(data, dict) else None
    for entry in packages if isinstance(packages, list) else ():
        if isinstance(entry, dict):
            yield from ((kind, str(entry[kind]).strip()) for kind in _KINDS if entry.get(kind))


def _name(folder: Path, kind: str, source: str) -> str:
    """What its directory is called: as the package says, or most likely."""
    if kind != "local":
        return _plain(source)
    project = folder / source / "dbt_project.yml"
    try:
        with project.open(encoding="utf-8", errors="replace") as file:
            data: Any = small_yaml.load(file.read(small_yaml.MAX_CHARACTERS + 1))
    except (OSError, ValueError, yaml.YAMLError):
        data = None
    name = data.get("name") if isinstance(data, dict) else None
    return _plain(name if isinstance(name, str) else source)


def _plain(name: str) -> str:
    """The name a package most likely has: dbt-labs/dbt_utils, …/dbt-utils.git and dbt_utils are one."""
    return Path(name.rstrip("/")).name.removesuffix(".git").replace("-", "_").lower()
