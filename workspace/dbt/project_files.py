"""What a project's own files ask of dbt, read before dbt is started: what leads out of it is refused.

dbt reads whatever lies under a project's paths into its manifest, and empties the folder that packages go
into; it takes the word of dbt_project.yml for where these are. A path that a template makes is known to
nobody before dbt runs, so it is refused as well.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from django.utils.translation import gettext as _

from bisync.lib import small_yaml
from bisync.lib.errors import BisyncError
from workspace.dbt.errors import DbtLinkOutside, DbtPackageRefused, DbtPathOutside, DbtSyntaxError
from workspace.git.urls import check_url, server_of

PROJECT = "dbt_project.yml"
LISTS = ("packages.yml", "dependencies.yml", "package-lock.yml")
JINJA = re.compile(r"\{[{%#]")

INSTALL = "packages-install-path"
_USERINFO = re.compile("//[^/@]*@")
# Every command line gives these itself.
_GIVEN = frozenset({"log-path", "target-path"})


def read(file: Path) -> Mapping[str, Any]:
    """The mapping in a YAML file, empty where it holds another thing; `DbtSyntaxError` with the line."""
    try:
        found = small_yaml.load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as exc:
        mark = getattr(exc, "problem_mark", None)
        raise DbtSyntaxError.at(
            file.name, mark.line + 1 if mark else 0, getattr(exc, "problem", None) or str(exc)
        ) from None
    return found if isinstance(found, dict) else {}


def set_flag(folder: Path, name: str, *, value: bool) -> None:
    """Set one of dbt's flags that only a project may set: in a checkout that nobody keeps."""
    data = dict(read(folder / PROJECT))
    given = data.get("flags")
    data["flags"] = {**(given if isinstance(given, dict) else {}), name: value}
    (folder / PROJECT).unlink()  # never through a link
    (folder / PROJECT).write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")


def require_inside(folder: Path, checkout: Path) -> None:
    """Raise `DbtPathOutside` where the project, or a package in it, names a path that leaves the checkout."""
    data = read(folder / PROJECT)
    _require_paths(data, folder, checkout, PROJECT)
    for package in packages_in(folder, data):
        name = f"{package.relative_to(folder).as_posix()}/{PROJECT}"
        _require_paths(read(package / PROJECT), package.resolve(), checkout, name)


def packages_in(folder: Path, data: Mapping[str, Any]) -> Iterator[Path]:
    """The packages that lie in a project."""
    place = folder / str(data.get(INSTALL) or "dbt_packages")
    if place.is_dir():
        yield from (package for package in sorted(place.iterdir()) if (package / PROJECT).is_file())


def require_no_links_outside(checkout: Path) -> None:
    """Raise `DbtLinkOutside` where a link, as a package may bring one, leads out of the checkout."""
    root = checkout.resolve()
    for folder, inside, files in os.walk(root):
        for name in (*inside, *files):
            path = Path(folder, name)
            if path.is_symlink() and not path.resolve().is_relative_to(root):
                raise DbtLinkOutside(file=path.relative_to(root).as_posix())


def require_packages(folder: Path, checkout: Path) -> None:
    """Raise `DbtPackageRefused` where a listed package comes from where Bisync may not look for it."""
    for name in LISTS:
        if not (folder / name).is_file():
            continue
        listed = read(folder / name).get("packages")
        for entry in listed if isinstance(listed, list) else []:
            if isinstance(entry, dict):
                _require_package(entry, name, folder, checkout)


def python_models(folder: Path) -> list[str]:
    """The Python models of a project and of the packages in it, as the project names them."""
    data = read(folder / PROJECT)
    found = []
    for place in (folder, *packages_in(folder, data)):
        paths = read(place / PROJECT).get("model-paths") or ["models"]
        for path in paths if isinstance(paths, list) else []:
            found += [file.relative_to(folder).as_posix() for file in (place / str(path)).rglob("*.py")]
    return sorted(found)


def _require_paths(data: Mapping[str, Any], folder: Path, checkout: Path, name: str) -> None:
    root = checkout.resolve()
    for key, value in data.items():
        key = str(key).replace("_", "-")
        if not key.endswith(("-path", "-paths")) or key in _GIVEN:
            continue
        for path in value if isinstance(value, list) else [value]:
            text = str(path or "")
            leads = (folder / text).resolve()
            inside = _plain(text) and leads.is_relative_to(root)
            # dbt empties this one before it fills it.
            if not inside or (key == INSTALL and folder.resolve().is_relative_to(leads)):
                raise DbtPathOutside(file=name, key=key, path=text)


def _plain(path: str) -> bool:
    """Whether dbt, too, takes it for the path that it looks like."""
    return not (JINJA.search(path) or path.startswith("~") or "\x00" in path)


def _require_package(entry: Mapping[str, Any], name: str, folder: Path, checkout: Path) -> None:
    for key in ("git", "tarball", "local"):
        source = str(entry.get(key) or "")
        if source and (why := _against(key, source, folder, checkout)):
            shown = _USERINFO.sub("//", source)
            raise DbtPackageRefused(file=name, source=shown, why=why.rstrip("."))


def _against(key: str, source: str, folder: Path, checkout: Path) -> str:
    if not _plain(source):
        return _("a template or a short form says where it is")
    if key == "local":
        inside = (folder / source).resolve().is_relative_to(checkout.resolve())
        return "" if inside else _("it is not inside the repository")
    try:
        check_url(source)
        server_of(source)
    except BisyncError as exc:
        return str(exc)
    return ""
