"""What tests, builds and freshness checks found, kept as it comes in, and added up for what depends on it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from catalog.ingest import fitting
from catalog.models import Node, NodeTest, Outcome
from catalog.selectors import Lineage, lineage_of
from governance.models import Project
from workspace.dbt import results
from workspace.strategies import keeps_outcomes

State = Outcome.State
# dbt's words. What was skipped says nothing.
_STATES: Mapping[str, State] = {
    "success": State.OK,
    "pass": State.OK,
    "warn": State.WARN,
    "fail": State.BAD,
    "error": State.BAD,
    "runtime error": State.BAD,
    "partial success": State.BAD,
}
# What dbt's words say of sources.
_FRESHNESS = {"pass": "fresh", "warn": "late", "error": "stale", "runtime error": "unknown"}
# How people call the ways in which a look can end, at a test and at a source.
WORDS = {
    **{state.value: state.label for state in State},
    "fresh": _("fresh"),
    "late": _("late"),
    "stale": _("stale"),
    "unknown": _("unknown"),
    "old": _("look too old"),
}
_ROWS = 500
_MOST_WRONG = 300
_KEPT = ("rank", "state", "status", "message", "failures", "fields", "at", "since")
_LONGEST = 2000
_MOST_ROWS = 2_147_483_647


@dataclass(frozen=True, slots=True)
class Found:
    """One result as dbt tells it."""

    unique_id: str
    status: str
    at: datetime
    message: str = ""
    failures: int | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)


def of_sources(told: results.SourceFreshness, *, run: int | None = None) -> list[Found]:
    """What a sources.json says: one that somebody uploaded, or that a run of Bisync's own wrote."""
    by = {} if run is None else {"run": run}
    return [
        Found(
            one.unique_id,
            one.status,
            results.moment(one.snapshotted_at) or told.at,
            one.error or "",
            fields={"max_loaded_at": one.max_loaded_at, "age": one.max_loaded_at_time_ago_in_s, **by},
        )
        for one in told.results
    ]


# How old a look at sources may be in each environment, by its slug.
Promised = Mapping[str, timedelta]
Promises = Callable[[Project], Promised]
_PROMISES: list[Promises] = []


def promises(find: Promises) -> Promises:
    """Register who knows in which environments sources are looked at by themselves, and how often."""
    _PROMISES.append(find)
    return find


def _promised(project: Project) -> dict[str, timedelta]:
    """How old a look at sources may be in each environment; without an entry it may be of any age."""
    return {slug: age for find in _PROMISES for slug, age in find(project).items()}


def keep(project: Project, environment: str, rank: int, found: Iterable[Found]) -> int:
    """Keep the results that are newer than what is known; how many. Call it inside a transaction.

    Where a project keeps none, what is known goes as well.
    """
    if not keeps_outcomes(project):
        Outcome.objects.filter(project=project).delete()
        return 0
    wanted = {one.unique_id: one for one in found if one.status in _STATES}
    there = Outcome.objects.filter(project=project, environment=environment)
    known = {row.unique_id: row for row in there.defer("message", "fields")}
    rows = []
    for uid, one in wanted.items():
        before, state = known.get(uid), _STATES[one.status]
        if before is not None and before.at >= one.at:
            continue
        rows.append(
            Outcome(
                project=project,
                environment=environment,
                unique_id=fitting(Outcome, "unique_id", uid),
                rank=rank,
                state=state,
                status=one.status,
                message=one.message[:_LONGEST],
                failures=None if one.failures is None else min(max(one.failures, 0), _MOST_ROWS),
                fields=dict(one.fields),
                at=one.at,
                since=before.since if before is not None and before.state == state else one.at,
            )
        )
    Outcome.objects.bulk_create(
        rows,
        batch_size=_ROWS,
        update_conflicts=True,
        unique_fields=("project", "environment", "unique_id"),
        update_fields=_KEPT,
    )
    return len(rows)


def forget_looks(project: Project, environment: str, *, but: Collection[str] = ()) -> None:
    """Forget what Bisync's own looks found of other sources: nobody looks at them any more."""
    looks = Outcome.objects.filter(project=project, environment=environment, fields__has_key="run")
    found = looks.filter(unique_id__startswith="source.").values_list("pk", "unique_id")
    Outcome.objects.filter(pk__in=[pk for pk, unique_id in found if unique_id not in but]).delete()


@dataclass(frozen=True, slots=True)
class Tested:
    """A test, or a source whose freshness is looked at, with how it last ended.

    It is `old` where a timetable promises a later look at the source.
    """

    unique_id: str
    name: str
    node: str
    column: str
    outcome: Outcome | None
    old: bool = False

    @property
    def is_source(self) -> bool:
        """Whether it is a source's freshness, and no test."""
        return self.unique_id == self.node

    @property
    def lapsed(self) -> bool:
        """Whether it was fine, but too long ago to be believed."""
        return self.old and self.outcome is not None and self.outcome.state == State.OK

    @property
    def state(self) -> str:
        """How it stands today: bad, warn or ok; "" where nobody has looked."""
        return "" if self.outcome is None else State.WARN.value if self.lapsed else self.outcome.state

    @property
    def kind(self) -> str:
        """How it ended, one of `WORDS`; "" where nobody has looked."""
        if self.outcome is None or not self.is_source:
            return self.state
        return "old" if self.lapsed else _FRESHNESS.get(self.outcome.status, "unknown")

    @property
    def words(self) -> str:
        """How it ended, in a word or two."""
        return str(WORDS.get(self.kind, ""))

    @property
    def about(self) -> str:
        """The name of what is looked at."""
        return self.node.split(".", 2)[-1]

    @property
    def place(self) -> str:
        """The part of its node's page that tells of it."""
        return "about" if self.is_source else "columns" if self.column else "tests"


@dataclass(frozen=True)
class Trust:
    """How far something can be relied on: what was tested of it, and of what it is made from."""

    looked: tuple[Tested, ...]

    def of(self, nodes: Collection[str]) -> Trust:
        """What these nodes' own tests and freshness say."""
        return Trust(tuple(one for one in self.looked if one.node in nodes))

    @property
    def failing(self) -> list[Tested]:
        return [one for one in self.looked if one.state == State.BAD]

    @property
    def warning(self) -> list[Tested]:
        """What warns, and what was fresh too long ago to be believed."""
        return [one for one in self.looked if one.state == State.WARN]

    @property
    def wrong(self) -> list[Tested]:
        """What fails, then what warns."""
        return [*self.failing, *self.warning]

    @property
    def wrong_tests(self) -> list[Tested]:
        return [one for one in self.wrong if not one.is_source]

    @property
    def sources(self) -> list[Tested]:
        """The sources among them, the worst first."""
        fine = [one for one in self.looked if one.state == State.OK]
        return [one for one in (*self.wrong, *fine) if one.is_source]

    @property
    def lapsed(self) -> list[Tested]:
        return [one for one in self.looked if one.lapsed]

    @property
    def told(self) -> list[Tested]:
        return [one for one in self.looked if one.outcome is not None]

    @property
    def tone(self) -> str:
        """bad, warn or ok as the worst of all; "" where nothing has been looked at."""
        return "bad" if self.failing else "warn" if self.warning else "ok" if self.told else ""

    @property
    def at(self) -> datetime | None:
        """When the oldest of the latest looks was."""
        return min((one.outcome.at for one in self.looked if one.outcome is not None), default=None)


def outcomes_of(
    project: Project, keys: Collection[str] | QuerySet[Any, Any], *, environment: str = ""
) -> dict[str, Outcome]:
    """The last outcome of each, in one environment, or where it tells people most."""
    found = Outcome.objects.filter(project=project, unique_id__in=keys)
    if environment:
        found = found.filter(environment=environment)
    # Later ones replace earlier ones: the best last.
    return {one.unique_id: one for one in found.order_by("-rank", "at")}


def trust_in(project: Project, nodes: Collection[str], *, environment: str = "") -> Trust:
    """What tests and freshness say about these nodes together."""
    return trust_among(project, lineage_of(project), nodes, environment=environment)


def trust_of(
    project: Project,
    key: str,
    *,
    environment: str = "",
    lineage: Lineage | None = None,
    promised: Promised | None = None,
) -> Trust:
    """What is said of a node and of everything that it is made from."""
    lineage = lineage or lineage_of(project)
    nodes = {key, *lineage.graph.reached(key, "up")}
    return trust_among(project, lineage, nodes, environment=environment, promised=promised)


def trust_among(
    project: Project,
    lineage: Lineage,
    nodes: Collection[str],
    *,
    environment: str,
    promised: Promised | None = None,
) -> Trust:
    """What is said of these nodes, by those of the project's tests that are theirs.

    Whoever knows it already says how old a look at sources may be: `promised`.
    """
    tests = lineage.tests
    theirs = ((uid, name, node, column) for node in nodes for uid, name, column in tests.get(node, ()))
    rows = sorted(theirs, key=itemgetter(1, 0))
    sources = sorted(key for key in nodes if key.startswith("source."))
    outcomes = outcomes_of(project, [*(row[0] for row in rows), *sources], environment=environment)
    return _trust(project, rows, sources, outcomes, promised)


def _trust(
    project: Project,
    tests: Iterable[tuple[str, str, str, str]],
    sources: Iterable[str],
    outcomes: Mapping[str, Outcome],
    promised: Promised | None,
) -> Trust:
    looked = [Tested(uid, name, node, column, outcomes.get(uid)) for uid, name, node, column in tests]
    known = [outcomes[key] for key in sources if key in outcomes]
    old_ones = outdated(project, known, promised)
    for one in known:
        old = one.unique_id in old_ones
        looked.append(Tested(one.unique_id, one.unique_id.split(".", 2)[-1], one.unique_id, "", one, old))
    return Trust(tuple(looked))


def outdated(
    project: Project, outcomes: Iterable[Outcome], promised: Promised | None = None
) -> frozenset[str]:
    """The sources among these whose look is older than a timetable promises."""
    sources = [one for one in outcomes if one.unique_id.startswith("source.")]
    if promised is None:
        promised = _promised(project) if sources else {}
    now = timezone.now()
    return frozenset(
        one.unique_id
        for one in sources
        if one.environment in promised and one.at < now - promised[one.environment]
    )


def looked_wrong(project: Project, *, promised: Promised | None = None) -> Trust:
    """Every test that fails or warns, and every source that is not fresh, or not known to be any more.

    Each as it is where it tells people most.
    """
    promised = _promised(project) if promised is None else promised
    suspect, now = ~Q(state=State.OK), timezone.now()
    for slug, age in promised.items():
        suspect |= Q(environment=slug, unique_id__startswith="source.", at__lt=now - age)
    sources = Node.objects.filter(project=project, resource_type="source").values("unique_id")
    there = ~Q(unique_id__startswith="source.") | Q(unique_id__in=sources)
    bad = Outcome.objects.filter(suspect, there, project=project).order_by("state", "-at")
    outcomes = outcomes_of(project, bad.values("unique_id")[:_MOST_WRONG])
    tests = NodeTest.objects.filter(project=project, unique_id__in=outcomes.keys(), node__isnull=False)
    rows = tests.values_list("unique_id", "name", "node__unique_id", "column")
    keys = [key for key in outcomes if key.startswith("source.")]
    return _trust(project, rows, keys, outcomes, promised)
