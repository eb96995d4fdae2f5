"""The lines of a commit's files that say each field of a thing, and who wrote them last."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from types import MappingProxyType
from typing import Any

from django.utils.translation import gettext_lazy as _

from bisync.lib.errors import BisyncError
from catalog.models import Node
from semantic.written import (
    Layer,
    ProjectFile,
    Properties,
    Written,
    in_block,
    in_code,
    in_project_file,
    project_file,
)
from semantic.written_python import in_python
from workspace.dbt.project_files import PROJECT
from workspace.git.blame import blame, ignored_commits
from workspace.git.commits import Commit
from workspace.git.repository import FileAbsent, Mirror
from workspace.models import Repository
from workspace.repositories import mirror_of

# git is waited for so many seconds for each file.
_PATIENCE = 5
# So much of a file is read; dbt's are smaller.
_MOST_TEXT = 1_000_000
# So far the commits that touched a file are followed past those that are to be looked through.
_MOST_PASSED = 20
# A model says by these that its annotations do not count.
_SWITCHES = ("bisync_sync", "omni_sync")

# A file in the dbt project, and the lines in it; 0 and 0 stand for the whole.
Place = tuple[str, int, int]


@dataclass
class Texts:
    """The files of a commit, each read once, and what went wrong in reading them."""

    repository: Repository | None
    commit: str
    problems: list[Any] = field(default_factory=list)
    _read: dict[str, str] = field(default_factory=dict)
    _properties: dict[str, Properties] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.repository is None:
            self.problems.append(
                _("The project has no repository here: what is uploaded names files, but no lines.")
            )

    @cached_property
    def mirror(self) -> Mirror | None:
        return mirror_of(self.repository) if self.repository is not None else None

    @cached_property
    def project(self) -> ProjectFile:
        return project_file(self.read(PROJECT))

    @cached_property
    def ignored(self) -> frozenset[str]:
        """The commits that the repository asks to look through; none where its list cannot be read."""
        try:
            return ignored_commits(self.mirror, self.commit) if self.mirror is not None else frozenset()
        except BisyncError as exc:
            self.problems.append(str(exc))
            return frozenset()

    def read(self, path: str) -> str:
        """A file's text by its path in the dbt project; "" where there is none, with the reason noted."""
        if path not in self._read:
            self._read[path] = self._text(path)
        return self._read[path]

    def properties(self, path: str) -> Properties:
        """A properties file; that it cannot be read is noted."""
        if path not in self._properties:
            self._properties[path] = Properties(self.read(path))
            if self._properties[path].refused is not None:
                self.unread(path)
        return self._properties[path]

    def _text(self, path: str) -> str:
        if self.mirror is None or not path:
            return ""
        try:
            raw = self.mirror.read(self.commit, self.full(path))
        except FileAbsent:
            return ""
        except BisyncError as exc:
            self.problems.append(str(exc))
            return ""
        if len(raw) > _MOST_TEXT:
            self.unread(path)
            return ""
        return raw.decode("utf-8", "replace")

    def unread(self, path: str) -> None:
        """Note that a file says something that nobody knows here."""
        self.problems.append(_("What %(file)s sets is not known here: it cannot be read.") % {"file": path})

    def full(self, path: str) -> str:
        """The path in the repository."""
        return self.repository.inside(path) if self.repository is not None else path


def written_of(node: Node, texts: Texts) -> list[Written]:
    """Every place in which a field of the thing is written, those that count less first."""
    if texts.mirror is None:
        return []
    if texts.project.name and node.package != texts.project.name:
        texts.problems.append(
            _("It comes from the package %(name)s, whose files are not those of this repository.")
            % {"name": node.package}
        )
        return []
    found = [
        _in(PROJECT, one)
        for one in in_project_file(texts.read(PROJECT), node.resource_type, _fqn(node, texts))
    ]
    properties = node.patch_path or node.path
    if properties.endswith((".yml", ".yaml")):
        source, version = (str(node.fields.get(name) or "") for name in ("source_name", "version"))
        told = texts.properties(properties).fields(
            node.resource_type, node.name, source=source, version=version
        )
        found += [_in(properties, one) for one in told]
    code = list(_code(node, texts))
    off = any(one.field in _SWITCHES and one.value.lower() == "false" for one in code)
    return found + [_in(node.path, one) for one in code if not (off and one.layer is Layer.ANNOTATION)]


def _code(node: Node, texts: Texts) -> Iterator[Written]:
    """The thing's own file, or its part of one that it shares."""
    kind, text = node.resource_type, texts.read(node.path)
    if kind in {"macro", "doc"}:
        tag, name = ("docs", node.name) if kind == "doc" else ("macro", node.name)
        if kind == "macro" and node.name.startswith("test_"):
            tag, name = "test", node.name.removeprefix("test_")
        yield from in_block(text, tag, name)
    elif kind in {"model", "seed", "snapshot"} and text and not node.path.endswith((".yml", ".yaml")):
        yield Written("code", "", Layer.CODE, 0, 0)
        told = _settings(node.path, text) if kind != "seed" else []
        if told is None:
            texts.unread(node.path)
        yield from told or ()


def _settings(path: str, text: str) -> list[Written] | None:
    if path.endswith(".sql"):
        return in_code(text)
    return in_python(text) if path.endswith(".py") else None


def _in(file: str, one: Written) -> Written:
    return replace(one, file=file)


def _fqn(node: Node, texts: Texts) -> list[str]:
    """The thing's place in the project as dbt names it: package, folders, name."""
    folders = node.path.split("/")[:-1]
    for root in texts.project.folders.get(node.resource_type) or texts.project.folders["model"]:
        steps = root.split("/")
        if folders[: len(steps)] == steps:
            folders = folders[len(steps) :]
            break
    source = node.fields.get("source_name")
    return [node.package, *folders, *([str(source)] if source else []), node.name]


# -- Who wrote it ---------------------------------------------------------------------------------------


def at(one: Written) -> Place:
    return one.file, one.first, one.last


# Commits by how late they came, the later the higher.
Order = Mapping[str, int]


def order_of(texts: Texts, *, since: str = "", limit: int) -> Order:
    """The last commits, or those since one, as git has them follow each other; none without a repository."""
    if texts.mirror is None:
        return {}
    try:
        logged = texts.mirror.log(texts.commit, since=since, limit=limit, patience=_PATIENCE)
    except BisyncError as exc:
        texts.problems.append(str(exc))
        return {}
    return {one.sha: -n for n, one in enumerate(logged)}


def age(commit: Commit, order: Order) -> tuple[float, datetime]:
    """By its place, where that is known: the commits of a rebase bear the same second. Others are older."""
    return order.get(commit.sha, -math.inf), commit.at


def blamed(
    texts: Texts,
    written: Iterable[Written],
    *,
    since: str = "",
    until: float | None = None,
    order: Order = MappingProxyType({}),
) -> dict[Place, Commit]:
    """The last commit that touched each place; with `since`, only where it is younger than that commit.

    What git cannot tell is noted in `texts`. No file is begun after `until`, a time of `time.monotonic`.
    """
    files: dict[str, set[tuple[int, int]]] = {}
    for one in written:
        files.setdefault(one.file, set()).add((one.first, one.last))
    found: dict[Place, Commit] = {}
    for file, ranges in files.items():
        if until is not None and time.monotonic() > until:
            break
        try:
            told = _of_file(texts, file, ranges, since, order)
            found |= {(file, *lines): commit for lines, commit in told}
        except BisyncError as exc:
            texts.problems.append(str(exc))
    return found


def _of_file(
    texts: Texts, file: str, ranges: set[tuple[int, int]], since: str, order: Order
) -> Iterator[tuple[tuple[int, int], Commit]]:
    assert texts.mirror is not None
    path, lined = texts.full(file), ranges - {(0, 0)}
    by_line = blame(
        *(texts.mirror, texts.commit, path, lined), patience=_PATIENCE, since=since, ignored=texts.ignored
    )
    for first, last in lined:
        commits = [by_line[line] for line in range(first, last + 1) if line in by_line]
        if commits:
            yield (first, last), max(commits, key=lambda commit: age(commit, order))
    if (0, 0) in ranges:
        most = 1 + min(len(texts.ignored), _MOST_PASSED)
        touched = texts.mirror.log(texts.commit, path=path, since=since, limit=most, patience=_PATIENCE)
        kept = [commit for commit in touched if commit.sha not in texts.ignored] or touched
        yield from (((0, 0), commit) for commit in kept[:1])
