"""How a project stands: what was found wrong, with what to do, and what was looked at and is in order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _

from bisync.lib.errors import BisyncError
from catalog.models import Node, NodeTest
from catalog.outcomes import Tested, looked_wrong
from environments import health
from environments.findings import BAD, KINDS, WARN, Found, Kind
from environments.models import Finding
from governance.models import Project
from workspace.models import Repository
from workspace.repositories import mirror_of

MOST_SHOWN = 100
MOST_OPEN = 8
# So many files are looked into for the lines of tests, none of them larger than this.
_MOST_FILES = 20
_MOST_TEXT = 1_000_000
LEVELS = (BAD, WARN)
# The findings that tests and sources are, by how they ended.
_ENDED = {
    "bad": "test-failed",
    "warn": "test-warned",
    "stale": "source-stale",
    "unknown": "source-stale",
    "late": "source-late",
    "old": "source-unseen",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One finding: what it is about, in a sentence; where it stands, and a form that mends it, if any."""

    name: str
    address: str
    sentence: str
    file: str
    line: int
    since: datetime
    form: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """The findings of one kind; `hidden` are unfolded on demand, `more` are left out."""

    slug: str
    kind: Kind
    rows: Sequence[Row]
    count: int

    @property
    def hidden(self) -> int:
        return max(0, len(self.rows) - MOST_OPEN)

    @property
    def more(self) -> int:
        return self.count - len(self.rows)


@dataclass(frozen=True, slots=True)
class Condition:
    """Groups in the order of `KINDS`, the worst first; `fine` are the kinds of which there is nothing."""

    groups: Sequence[Group]
    fine: Sequence[Kind]

    def of(self, level: str) -> list[Group]:
        """The groups of a level; of all where it is ""."""
        return [group for group in self.groups if level in ("", group.kind.level)]

    def count(self, level: str) -> int:
        return sum(group.count for group in self.of(level))

    @property
    def bad(self) -> int:
        return self.count(BAD)

    @property
    def warn(self) -> int:
        return self.count(WARN)

    @property
    def ways(self) -> int:
        """In how many ways it is looked at."""
        return len(self.groups) + len(self.fine)


def condition_of(project: Project, *, proposing: bool) -> Condition:
    """Everything that is wrong with a project; with forms for whoever may propose."""
    kept: dict[str, list[Finding]] = {}
    for one in Finding.objects.filter(project=project).select_related("project"):
        kept.setdefault(one.kind, []).append(one)
    live = health.live_of(project)
    here = live.environment.slug if live is not None and proposing else ""
    rows = _tested(project)
    groups = []
    for slug, kind in KINDS.items():
        found = kept.get(slug, ())
        told = rows.get(slug) or [_row(one, kind, here) for one in found[:MOST_SHOWN]]
        if told:
            groups.append(Group(slug, kind, told[:MOST_SHOWN], max(len(told), len(found))))
    there = {group.slug for group in groups}
    return Condition(groups, [kind for slug, kind in KINDS.items() if slug not in there])


def _row(one: Finding, kind: Kind, environment: str) -> Row:
    params = {"name": one.name, "file": one.file, **one.params}
    return Row(
        name=one.name,
        address=_address(one),
        sentence=kind.said(params),
        file=one.file,
        line=one.line,
        since=one.since,
        form=_form(one, environment) if kind.mended else "",
    )


def _form(finding: Finding, environment: str) -> str:
    """Where a change of the metric is proposed; "" for what only a change of dbt's code mends."""
    own_metric = finding.unique_id.startswith("metric.") and finding.file
    if not environment or not own_metric:
        return ""
    begun = urlencode({"metric": finding.name})
    return f"{reverse('propose', args=[finding.project.slug, environment])}?{begun}"


def _address(finding: Finding) -> str:
    slug = finding.project.slug
    if not finding.unique_id:
        return reverse("pulls", args=[slug])
    if finding.unique_id.startswith("metric."):
        return reverse("metric-anywhere", args=[slug, finding.name])
    return reverse("node", args=[slug, finding.unique_id])


# -- Tests and sources ----------------------------------------------------------------------------------


def _tested(project: Project) -> dict[str, list[Row]]:
    """Tests and sources that do not look good, by kind of finding."""
    wrong = looked_wrong(project).wrong
    places = _places(project, wrong)
    rows: dict[str, list[Row]] = {}
    for one in wrong:
        rows.setdefault(_ENDED[one.kind], []).append(_test_row(project, one, places))
    return rows


def _test_row(project: Project, one: Tested, places: Mapping[str, Found]) -> Row:
    assert one.outcome is not None
    told = {"status": one.words, "where": one.outcome.environment}
    sentence = one.outcome.message or _("%(status)s in %(where)s.") % told
    if one.lapsed:
        sentence = _("Older than its timetable allows, in %(where)s.") % told
    place = places.get(one.unique_id)
    return Row(
        name=one.name,
        address=f"{reverse('node', args=[project.slug, one.node])}#{one.place}",
        sentence=sentence,
        file=place.file if place else "",
        line=place.line if place else 0,
        since=one.outcome.since,
    )


def _places(project: Project, tests: Sequence[Tested]) -> dict[str, Found]:
    """Where each of them is written, by its id; the line where the file is at hand."""
    keys = [one.unique_id for one in tests]
    of_tests = NodeTest.objects.filter(project=project, unique_id__in=keys).values_list("unique_id", "path")
    sources = Node.objects.filter(project=project, resource_type="source", unique_id__in=keys)
    files = dict(of_tests.order_by().union(sources.order_by().values_list("unique_id", "path"), all=True))
    found = [
        Found(
            "test-failed",
            one.node,
            _named(one.node),
            files[one.unique_id],
            {"of": one.unique_id},
            member=one.column,
        )
        for one in tests
        if one.unique_id in files
    ]
    near = set(list(dict.fromkeys(one.file for one in found))[:_MOST_FILES])
    read = _reader(project) if near else None
    placed = health.placed(found, lambda file: read(file) if read and file in near else "")
    return {one.params["of"]: one for one in placed}


def _named(unique_id: str) -> str:
    """The name of a node in its file: of a table that of its source is left out."""
    kind, _package, *names = [*unique_id.split("."), ""]
    return names[1] if kind == "source" else names[0]


def _reader(project: Project) -> Callable[[str], str]:
    """What reads a file of the last pull; it gives "" where there is none on this machine."""
    repository = Repository.objects.filter(project=project).defer(None).first()
    mirror = mirror_of(repository) if repository is not None else None

    def read(file: str) -> str:
        if mirror is None or repository is None:
            return ""
        try:
            raw = mirror.read(repository.synced_commit, repository.inside(file))
        except BisyncError:
            return ""
        return raw.decode("utf-8", "replace") if len(raw) <= _MOST_TEXT else ""

    return read
