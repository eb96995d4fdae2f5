"""The few files of a repository that decide what dbt and git run, where, and with whose rights.

A change of one of them holds a pull until somebody has agreed. They are few, so that daily work is not held:
of dbt_project.yml only what is about hooks, flags, paths and packages counts, of the macros only those that
dbt itself calls. Packages may lie anywhere in the tree, so files of theirs count wherever they are.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from bisync.lib import small_yaml
from bisync.lib.errors import BisyncError
from workspace.git.repository import Mirror, TreeFile
from workspace.git.search import contents, holding
from workspace.models import Hold, HoldState, Repository

# Why each kind matters, for whoever is asked to agree.
WHY = {
    "project": _("It sets dbt's flags, hooks, paths and packages: code that runs at every build."),
    "packages": _("It lists packages: code of others that runs here."),
    "environment": _("dbt reads settings and connections from it."),
    "git": _("It tells git what to do with the repository's files."),
    "link": _("It leads to another file, or to another repository."),
    "python": _("dbt runs it as a program: on DuckDB on this machine, with the rights of the worker."),
    "name": _("Its name is not all text, or stands there twice: another file could hide behind it."),
    "macro": _("dbt itself calls this macro: it decides where and how everything is built."),
}
_PACKAGES = frozenset({"packages.yml", "dependencies.yml", "package-lock.yml"})
_ENVIRONMENT = frozenset({"profiles.yml", ".env", ".user.yml"})
_GIT = frozenset({".gitmodules", ".gitattributes"})
_LINKS = frozenset({"120000", "160000"})
# What analysts set in dbt_project.yml from day to day: how things are materialized, grouped and named.
_ORDINARY = frozenset(
    [
        "models",
        "seeds",
        "snapshots",
        "tests",
        "data_tests",
        "unit_tests",
        "sources",
        "metrics",
        "semantic_models",
        "saved_queries",
        "exposures",
        "vars",
        "version",
        "name",
        "config_version",
    ]
)
# ... unless it is SQL that runs by itself.
_RUNS = re.compile(r"\+?(pre|post)[-_]hook|\+?sql_header|\+?on_\w+")
_DEFINES = ("macro", "materialization")
_DEFINED = re.compile(r"\{%[-+]?\s*(?:(materialization)\s|macro\s+(\w+)\s*\()")
# dbt calls each adapter's own macro before its default: default__create_schema. Nothing of dbt's is called
# bisync_…, which only the tests that Bisync writes are.
_OF_ADAPTERS = re.compile(r"(default|postgres|duckdb)__(?!bisync_)\w+")
_BUILTINS = frozenset({"materialization", "ref", "source", "config"})
# What bytes that are no text become, and so may be the same for several.
_NOT_TEXT = "\ufffd"


class PullHeld(BisyncError):
    code = "pull-held"
    message = _(
        "dbt was not started: the repository changes %(files)s, and that decides what runs here. Let an "
        "admin of the project read and agree to it on the page Sync, then try again."
    )
    http_status = 409


class NeverAgreed(BisyncError):
    code = "never-agreed"
    message = _(
        "dbt was not started: in commit %(commit).8s the files that decide what runs here are others than "
        "anybody agreed to: %(files)s. The branch has moved on; build the commit that was pulled last."
    )
    http_status = 409


@dataclass(frozen=True, slots=True)
class Trusted:
    """A file that counts: why, and the digest of what counts in it."""

    why: str
    digest: str


def trusted_files(mirror: Mirror, commit: str, folder: str = "") -> dict[str, Trusted]:
    """The files of a commit that count, by their path; `folder` is the dbt project's."""
    files, found = _told_apart(mirror.files(commit))
    projects = {folder, *(_place(path) for path in files if _name(path) == "dbt_project.yml")}
    kinds = ((file, _why(file, folder, projects)) for file in files.values())
    found |= {file.path: Trusted(why, file.oid) for file, why in kinds if why}
    suspects = {
        path: files[path] for path in holding(mirror, commit, *_DEFINES, ending=".sql") & files.keys()
    }
    suspects |= {path: files[path] for path, file in found.items() if file.why == "project"}
    texts = dict(contents(mirror, (file.oid for file in suspects.values())))
    for path, file in suspects.items():
        text = texts[file.oid].decode("utf-8", "replace")
        if path in found:
            found[path] = Trusted("project", _digest_of_project(text) or file.oid)
        elif any(_is_called(one[1] or one[2]) for one in _DEFINED.finditer(text)):
            found[path] = Trusted("macro", file.oid)
    return found


def digest_of(files: Mapping[str, Trusted]) -> str:
    """What an agreement is bound to."""
    text = json.dumps({path: asdict(file) for path, file in sorted(files.items())}, sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def source_of(repository: Repository) -> str:
    """Where the files come from: what was agreed for another repository or folder counts for nothing."""
    text = json.dumps([repository.url, repository.branch, repository.folder])
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Agreed:
    """What was agreed to last, and in which commit."""

    commit: str
    files: Mapping[str, Trusted]


def agreed_to(repository: Repository, mirror: Mirror) -> Agreed | None:
    """What somebody agreed to last, else what was pulled last, which counts as such; None without either."""
    last = _agreements(repository).order_by("-decided_at", "-pk").defer("changes").first()
    if last is not None:
        return Agreed(last.commit, {path: Trusted(**file) for path, file in last.files.items()})
    commit = repository.synced_commit
    if not commit:
        return None
    # Nobody knows what one held that is gone from the repository.
    files = trusted_files(mirror, commit, repository.folder) if mirror.has(commit) else {}
    return Agreed(commit, files)


def require_agreed(repository: Repository, mirror: Mirror, commit: str, *, ever: bool = False) -> None:
    """Raise `PullHeld` unless the trusted files of `commit` are those last agreed to.

    With `ever` those agreed to at any time will do: an older version may be built again. `NeverAgreed` where
    the branch has others by now, so that no pull asks about these.
    """
    files = trusted_files(mirror, commit, repository.folder)
    if ever and _agreements(repository).filter(digest=digest_of(files)).exists():
        return
    agreed = agreed_to(repository, mirror)
    if agreed is None or not (changed := changed_between(agreed.files, files)):
        return
    if ever and trusted_files(mirror, mirror.head(), repository.folder) != files:
        raise NeverAgreed(commit=commit, files=named(changed))
    raise PullHeld(files=named(changed))


def _agreements(repository: Repository) -> QuerySet[Hold]:
    source = source_of(repository)
    return Hold.objects.filter(project=repository.project_id, source=source, state=HoldState.AGREED)


def changed_between(before: Mapping[str, Trusted], after: Mapping[str, Trusted]) -> list[str]:
    """The paths that came, went, or changed in what counts."""
    return sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))


def named(paths: list[str]) -> str:
    """The first of them, in a sentence."""
    shown = ", ".join(paths[:3])
    return shown if len(paths) <= 3 else f"{shown} …"


@cache
def called_macros() -> frozenset[str]:
    """The macros that dbt and its adapters bring and call; one in a project with such a name replaces it."""
    dbt = find_spec("dbt")
    if dbt is None:
        raise ModuleNotFoundError("dbt")
    found: set[str] = set()
    for top in dbt.submodule_search_locations or ():
        for package in ("global_project", "duckdb", "postgres"):
            for file in (Path(top) / "include" / package).rglob("*.sql"):
                found.update(one[2] for one in _DEFINED.finditer(file.read_text(encoding="utf-8")) if one[2])
    return frozenset(found)


def _is_called(name: str) -> bool:
    return name in _BUILTINS or name in called_macros() or _OF_ADAPTERS.fullmatch(name) is not None


def _told_apart(listed: Iterable[TreeFile]) -> tuple[dict[str, TreeFile], dict[str, Trusted]]:
    """The files by their path; aside from those that cannot be told apart by it, which all count."""
    grouped: dict[str, list[TreeFile]] = {}
    for file in listed:
        grouped.setdefault(file.path, []).append(file)
    files, odd = {}, {}
    for path, same in grouped.items():
        if len(same) == 1 and _NOT_TEXT not in path:
            files[path] = same[0]
        else:
            text = " ".join(sorted(f"{file.mode} {file.oid}" for file in same))
            odd[path] = Trusted("name", hashlib.sha256(text.encode()).hexdigest())
    return files, odd


def _place(path: str) -> str:
    return path.rpartition("/")[0]


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _why(file: TreeFile, folder: str, projects: Collection[str]) -> str:
    """Why a file counts, going by its name and mode alone; "" for all others.

    `projects` are the folders of this project and of whatever may be one of its packages.
    """
    place, name = _place(file.path), _name(file.path)
    python = name.lower().endswith(".py")
    kinds = {
        "link": file.mode in _LINKS,
        "git": name in _GIT,
        "environment": name in _ENVIRONMENT and place in {folder, ""},
        "packages": name in _PACKAGES,
        "project": name == "dbt_project.yml",
        "python": python and any(not top or f"{place}/".startswith(f"{top}/") for top in projects),
    }
    return next((kind for kind, counts in kinds.items() if counts), "")


def _digest_of_project(text: str) -> str:
    """The digest of what counts in a dbt_project.yml; "" where it cannot be read, and so all of it counts."""
    try:
        data = small_yaml.load(text)
    except yaml.YAMLError:
        return ""
    return hashlib.sha256(json.dumps(_counting(data), sort_keys=True, default=str).encode()).hexdigest()


def _counting(data: Any) -> Any:
    """dbt_project.yml without what analysts change from day to day."""
    if not isinstance(data, dict):
        return data
    return {
        str(key): list(_running(value)) if str(key).replace("-", "_") in _ORDINARY else value
        for key, value in data.items()
        if str(key).replace("-", "_") not in _ORDINARY or any(_running(value))
    }


def _running(data: Any, *above: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The settings below `data` that are SQL which runs by itself, each with its place."""
    if isinstance(data, list):
        for item in data:
            yield from _running(item, *above)
    if not isinstance(data, dict):
        return
    for key, value in data.items():
        place = (*above, str(key))
        if _RUNS.fullmatch(str(key)):
            yield place, value
        else:
            yield from _running(value, *place)
