"""Who owns each field of a thing: the line of dbt that sets it, the proposal behind it, or the warehouse.

Nothing is kept: the ledger is read from the commit of the last pull and from git's blame when it is shown, so
it cannot say anything else than the repository does.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.utils.translation import gettext_lazy as _

from catalog.models import Node, Snapshot
from environments.health import differ, live_of
from environments.models import Deployment
from environments.selectors import snapshot_vocabulary
from proposals.models import Proposal
from semantic.definitions import Vocabulary
from semantic.formula import analyse
from semantic.formulas import meaning, metric_meaning
from semantic.lines import Texts, at, blamed, order_of, written_of
from semantic.written import ADDING_UP, Written, ruled
from workspace.dbt.code import dialect_of
from workspace.git.commits import Commit
from workspace.models import Repository

_MOST = 500
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
    texts = Texts(repository, snapshot.commit)
    written = written_of(node, texts)
    commits = blamed(texts, written, order=order_of(texts, limit=_MOST))
    proposals = _proposals(node, commits)
    lines = {
        key: tuple(_placed(one, commits.get(at(one)), proposals) for one in places)
        for key, places in ruled(written).items()
    }
    lines = {key: _masked(key[1], places) for key, places in lines.items()}
    _formula(node, snapshot, lines)
    _warehouse(node, lines)
    if texts.mirror is not None and not texts.problems:
        _usual(node, lines)
    return _told(lines, snapshot, texts)


def _told(lines: Mapping[tuple[str, str], tuple[Place, ...]], snapshot: Snapshot, texts: Texts) -> Ledger:
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


# -- Who wrote it ---------------------------------------------------------------------------------------


def _proposals(node: Node, commits: Mapping[Any, Commit]) -> dict[str, Proposal]:
    """The published proposals by their commit: what a commit's text claims proves nothing."""
    published = Proposal.objects.filter(
        project=node.project_id, published_commit__in={commit.sha for commit in commits.values()}
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
