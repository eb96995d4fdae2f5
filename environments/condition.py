"""How a project stands: what was found wrong, with what to do, and what was looked at and is in order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _

from catalog.models import Node, NodeTest
from catalog.outcomes import Tested, looked_wrong
from environments.findings import BAD, KINDS, WARN, Kind
from environments.health import live_of
from environments.models import Finding
from governance.models import Project

MOST_SHOWN = 100
MOST_OPEN = 8
LEVELS = (BAD, WARN)


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
    live = live_of(project)
    here = live.environment.slug if live is not None and proposing else ""
    rows = dict(_tested(project))
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
        sentence=str(kind.sentence % params),
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


def _tested(project: Project) -> Iterator[tuple[str, list[Row]]]:
    """Tests and sources that do not look good, by kind of finding."""
    looked = looked_wrong(project)
    files = _files(project, [*looked.failing, *looked.warning])
    for tests, of_tests, of_sources in (
        (looked.failing, "test-failed", "source-stale"),
        (looked.warning, "test-warned", "source-late"),
    ):
        yield of_tests, list(_test_rows(project, tests, files, sources=False))
        yield of_sources, list(_test_rows(project, tests, files, sources=True))


def _files(project: Project, tests: Iterable[Tested]) -> Mapping[str, str]:
    """Where each of them is written."""
    keys = [one.unique_id for one in tests]
    found: dict[str, str] = {}
    found |= NodeTest.objects.filter(project=project, unique_id__in=keys).values_list("unique_id", "path")
    sources = Node.objects.filter(project=project, resource_type="source", unique_id__in=keys)
    found |= sources.values_list("unique_id", "path")
    return found


def _test_rows(
    project: Project, tests: Iterable[Tested], files: Mapping[str, str], *, sources: bool
) -> Iterator[Row]:
    for one in tests:
        if one.outcome is None or one.unique_id.startswith("source.") is not sources:
            continue
        part = "columns" if one.column else "tests"
        told: dict[str, Any] = {"status": one.outcome.get_state_display(), "where": one.outcome.environment}
        yield Row(
            name=one.name,
            address=f"{reverse('node', args=[project.slug, one.node])}#{part}",
            sentence=one.outcome.message or _("%(status)s in %(where)s.") % told,
            file=files.get(one.unique_id, ""),
            line=0,
            since=one.outcome.since,
        )
