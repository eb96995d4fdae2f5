"""Who owns each field of a thing: the line of dbt that sets it, the proposal behind it, or the warehouse.

Nothing is kept: the ledger is read from the commit of the last pull and from git's blame when it is shown, so
it cannot say anything else than the repository does.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Any

from django.utils.translation import gettext_lazy as _

from bisync.lib.errors import BisyncError
from catalog.models import Node, Snapshot
from environments.health import differ, live_of
from environments.models import Deployment
from environments.selectors import snapshot_vocabulary
from proposals.models import Proposal
from semantic.definitions import Vocabulary
from semantic.formula import analyse
from semantic.formulas import meaning, metric_meaning
from semantic.written import (
    ADDING_UP,
    Layer,
    ProjectFile,
    Properties,
    Written,
    in_block,
    in_code,
    in_project_file,
    project_file,
    ruled,
)
from workspace.dbt.code import dialect_of
from workspace.dbt.project_files import PROJECT
from workspace.git.blame import blame
from workspace.git.commits import Commit
from workspace.git.repository import FileAbsent, Mirror
from workspace.models import Repository
from workspace.repositories import mirror_of

# A page waits for git so many seconds for each of at most three files.
_PATIENCE = 5
_MOST = 500
# So much of a file is read; dbt's are smaller.
_MOST_TEXT = 1_000_000
# A model says by these that its annotations do not count.
_SWITCHES = ("bisync_sync", "omni_sync")
# What dbt makes of a thing of which nobody says how to store it.
_USUAL = {"model": "view", "seed": "seed", "snapshot": "snapshot"}


@dataclass(frozen=True, slots=True)
class Place:
    """One place that gives a field a value.

    `owner` is "dbt" (a line of the repository), "proposal" (a line that Bisync pushed), "warehouse", or
    "default" (nobody says it). `masked` says in words why the value does not count, "" where it does.
    """

    owner: str
    value: str
    file: str = ""
    first: int = 0
    last: int = 0
    doc: str = ""
    commit: Commit | None = None
    proposal: Proposal | None = None
    version: Deployment | None = None
    masked: str = ""

    @property
    def since(self) -> datetime | None:
        if self.commit is not None:
            return self.commit.at
        return self.version.live_at if self.version is not None else None

    @property
    def where(self) -> str:
        """File and lines, as editors and forges spell them."""
        lines = f"{self.first}" if self.first == self.last else f"{self.first}-{self.last}"
        return f"{self.file}:{lines}" if self.first else self.file


@dataclass(frozen=True, slots=True)
class Line:
    """A field with the place that counts first; of what adds up, every place counts."""

    field: str
    column: str
    places: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class Ledger:
    """The fields of a thing, and of its columns. `problems` say what could not be found out, and why."""

    lines: tuple[Line, ...] = ()
    columns: tuple[Line, ...] = ()
    commit: str = ""
    more: int = 0
    problems: tuple[Any, ...] = ()


def ledger_of(node: Node) -> Ledger:
    """The owners of everything that is said of a thing, as of the last pull and of what is live."""
    snapshot = Snapshot.objects.filter(project=node.project_id).first()
    repository = Repository.objects.filter(project=node.project_id).first()
    if snapshot is None:
        return Ledger(problems=(_("Nothing was pulled yet."),))
    texts = _Texts(repository, snapshot.commit)
    written = _written(node, texts)
    blamed = _blamed(texts, written)
    proposals = _proposals(node, blamed)
    lines = {
        key: tuple(_placed(one, blamed.get(_at(one)), proposals) for one in places)
        for key, places in ruled(written).items()
    }
    lines = {key: _masked(key[1], places) for key, places in lines.items()}
    _formula(node, snapshot, lines)
    _warehouse(node, lines)
    if texts.mirror is not None and not texts.problems:
        _usual(node, lines)
    return _told(lines, snapshot, texts)


def _told(lines: Mapping[tuple[str, str], tuple[Place, ...]], snapshot: Snapshot, texts: _Texts) -> Ledger:
    every = [Line(field, column, places) for (column, field), places in lines.items()]
    whole = [line for line in every if not line.column]
    columns = sorted((line for line in every if line.column), key=lambda line: line.column.lower())
    return Ledger(
        lines=tuple(whole[:_MOST]),
        columns=tuple(columns[:_MOST]),
        commit=snapshot.commit,
        more=max(0, len(whole) - _MOST) + max(0, len(columns) - _MOST),
        problems=tuple(dict.fromkeys(texts.problems)),
    )


# -- The repository -------------------------------------------------------------------------------------


@dataclass
class _Texts:
    """The files of a commit, and what went wrong in reading them."""

    repository: Repository | None
    commit: str
    problems: list[Any] = field(default_factory=list)

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

    def read(self, path: str) -> str:
        """A file's text by its path in the dbt project; "" where there is none, with the reason noted."""
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


def _written(node: Node, texts: _Texts) -> list[Written]:
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
        file = Properties(texts.read(properties))
        if file.refused is not None:
            texts.unread(properties)
        source, version = (str(node.fields.get(name) or "") for name in ("source_name", "version"))
        told = file.fields(node.resource_type, node.name, source=source, version=version)
        found += [_in(properties, one) for one in told]
    code = list(_code(node, texts))
    off = any(one.field in _SWITCHES and one.value.lower() == "false" for one in code)
    return found + [_in(node.path, one) for one in code if not (off and one.layer is Layer.ANNOTATION)]


def _code(node: Node, texts: _Texts) -> Iterator[Written]:
    """The thing's own file, or its part of one that it shares."""
    kind, text = node.resource_type, texts.read(node.path)
    if kind in {"macro", "doc"}:
        tag, name = ("docs", node.name) if kind == "doc" else ("macro", node.name)
        if kind == "macro" and node.name.startswith("test_"):
            tag, name = "test", node.name.removeprefix("test_")
        yield from in_block(text, tag, name)
    elif kind in {"model", "seed", "snapshot"} and text and not node.path.endswith((".yml", ".yaml")):
        yield Written("code", "", Layer.CODE, 0, 0)
        told = in_code(text) if node.path.endswith(".sql") else [] if kind == "seed" else None
        if told is None:
            texts.unread(node.path)
        yield from told or ()


def _in(file: str, one: Written) -> Written:
    return replace(one, file=file)


def _fqn(node: Node, texts: _Texts) -> list[str]:
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


def _at(one: Written) -> tuple[str, int, int]:
    return one.file, one.first, one.last


def _blamed(texts: _Texts, written: Iterable[Written]) -> dict[tuple[str, int, int], Commit]:
    """The last commit that touched each place."""
    files: dict[str, set[tuple[int, int]]] = {}
    for one in written:
        files.setdefault(one.file, set()).add((one.first, one.last))
    found: dict[tuple[str, int, int], Commit] = {}
    for file, ranges in files.items():
        try:
            found |= {(file, *lines): commit for lines, commit in _of_file(texts, file, ranges)}
        except BisyncError as exc:
            texts.problems.append(str(exc))
    return found


def _of_file(
    texts: _Texts, file: str, ranges: set[tuple[int, int]]
) -> Iterator[tuple[tuple[int, int], Commit]]:
    assert texts.mirror is not None
    path, lined = texts.full(file), ranges - {(0, 0)}
    by_line = blame(texts.mirror, texts.commit, path, lined, patience=_PATIENCE)
    for first, last in lined:
        commits = [by_line[line] for line in range(first, last + 1) if line in by_line]
        if commits:
            yield (first, last), max(commits, key=lambda commit: commit.at)
    if (0, 0) in ranges:
        for commit in texts.mirror.log(texts.commit, path=path, limit=1, patience=_PATIENCE):
            yield (0, 0), commit


def _proposals(node: Node, blamed: Mapping[Any, Commit]) -> dict[str, Proposal]:
    """The published proposals by their commit: what a commit's text claims proves nothing."""
    published = Proposal.objects.filter(
        project=node.project_id, published_commit__in={commit.sha for commit in blamed.values()}
    )
    return {one.published_commit: one for one in published.select_related("author", "project")}


def _placed(one: Written, commit: Commit | None, proposals: Mapping[str, Proposal]) -> Place:
    proposal = proposals.get(commit.sha) if commit is not None else None
    return Place(
        owner="proposal" if proposal is not None else "dbt",
        value=one.value,
        file=one.file,
        first=one.first,
        last=one.last,
        doc=one.doc,
        commit=commit,
        proposal=proposal,
    )


# -- Which value counts ---------------------------------------------------------------------------------


def _masked(name: str, places: tuple[Place, ...]) -> tuple[Place, ...]:
    if name in ADDING_UP or name.startswith("data_tests"):
        return places
    counts = places[0]
    return (
        counts,
        *(replace(one, masked=_("masked by %(where)s") % {"where": counts.where}) for one in places[1:]),
    )


Lines = dict[tuple[str, str], tuple[Place, ...]]


def _formula(node: Node, snapshot: Snapshot, lines: Lines) -> None:
    """A formula kept beside a metric that has come to compute something else."""
    kept = ("", "meta.bisync.formula")
    if node.resource_type != "metric" or kept not in lines:
        return
    vocabulary = snapshot_vocabulary(snapshot, None)
    metric = vocabulary.metrics.get(node.name)
    own = node.meta.get("bisync")
    text = own.get("formula") if isinstance(own, Mapping) else None
    if metric is None or not isinstance(text, str):
        return
    dialect = dialect_of(snapshot.adapter)
    means = metric_meaning(metric, vocabulary, dialect=dialect)
    if means and means != _meaning(text, vocabulary, dialect):
        says = _("masked by the metric's own definition: %(formula)s") % {"formula": metric.formula}
        lines[kept] = tuple(replace(place, masked=says) for place in lines[kept])


def _meaning(text: str, vocabulary: Vocabulary, dialect: str) -> str:
    tree = analyse(text, vocabulary).tree
    return meaning(tree, vocabulary, dialect=dialect) if tree is not None else ""


def _warehouse(node: Node, lines: Lines) -> None:
    """The types that readers get: what a file declares counts only where the warehouse has the same."""
    live = live_of(node.project)
    if live is None or live.columns is None:
        return
    types: Mapping[str, str] = json.loads(live.columns.content()).get(node.unique_id, {})
    declared = {column.lower(): column for column, _field in lines if column}
    for name, kind in types.items():
        key = (declared.get(name.lower(), name), "data_type")
        found = Place(owner="warehouse", value=kind, version=live)
        said = lines.get(key, ())
        if said and not differ(said[0].value, kind):
            continue
        where = _("masked by the warehouse of %(environment)s") % {"environment": live.environment.name}
        lines[key] = (found, *(replace(place, masked=where) for place in said))


def _usual(node: Node, lines: Lines) -> None:
    """How it is stored, where nobody says so."""
    usual = _USUAL.get(node.resource_type)
    if usual and usual == node.materialized and ("", "materialized") not in lines:
        lines["", "materialized"] = (Place(owner="default", value=usual),)
