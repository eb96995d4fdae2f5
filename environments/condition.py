"""How a project stands: what was found wrong, with what to do, and what was looked at and is in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.db.models import Count, F, Q, Window
from django.db.models.functions import RowNumber
from django.urls import reverse
from django.utils.translation import gettext as _

from catalog.outcomes import Tested, looked_wrong
from environments.findings import BAD, KINDS, WARN, Kind
from environments.freshness import promised_in
from environments.models import RANKS, Finding
from environments.selectors import environments_of
from environments.tested import files_of
from governance.models import Project
from workspace.models import Run, RunStatus

MOST_SHOWN = 100
MOST_OPEN = 8
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


def looks_at(project: Project) -> tuple[Run | None, Run | None]:
    """The last time that a project was looked at, and the last that came to its end."""
    looks = Run.objects.filter(project=project, kind="catalog.lineage").order_by("-id")
    done = looks.filter(status=RunStatus.SUCCEEDED)
    found = list(looks.filter(Q(pk__in=looks.values("pk")[:1]) | Q(pk__in=done.values("pk")[:1])))
    return next(iter(found), None), next((one for one in found if one.status == RunStatus.SUCCEEDED), None)


def condition_of(project: Project, *, lines: Mapping[str, int], proposing: bool) -> Condition:
    """Everything that is wrong with a project; with forms for whoever may propose.

    `lines` are those of tests and sources, as the last look found them.
    """
    environments = environments_of(project)
    live = [one for one in environments if one.live_id is not None] if proposing else []
    here = min(live, key=lambda one: (RANKS[one.kind], one.pk)).slug if live else ""
    wrong = looked_wrong(project, promised=promised_in(*environments)).wrong
    tested = _tested(project, wrong, lines, environment=here)
    groups = {slug: Group(slug, KINDS[slug], rows[:MOST_SHOWN], len(rows)) for slug, rows in tested.items()}
    for slug, found in _kept(project).items():
        rows = [_row(one, project, here) for one in found]
        groups[slug] = Group(slug, KINDS[slug], rows, found[0].of_kind)
    return Condition(
        [groups[slug] for slug in KINDS if slug in groups],
        [kind for slug, kind in KINDS.items() if slug not in groups],
    )


def _kept(project: Project) -> dict[str, list[Any]]:
    """What was kept, by kind: of each as many as are shown, with how many there are as `of_kind`."""
    of_kind = Window(Count("*"), partition_by=F("kind"))
    place = Window(RowNumber(), partition_by=F("kind"), order_by=["name", "pk"])
    found = Finding.objects.filter(project=project).annotate(of_kind=of_kind, place=place)
    kept: dict[str, list[Any]] = {}
    for one in found.filter(place__lte=MOST_SHOWN, kind__in=KINDS).order_by("name", "pk"):
        kept.setdefault(one.kind, []).append(one)
    return kept


def _row(one: Finding, project: Project, environment: str) -> Row:
    kind = KINDS[one.kind]
    params = {"name": one.name, "file": one.file, **one.params}
    return Row(
        name=one.name,
        address=_address(one, project.slug),
        sentence=kind.said(params),
        file=one.file,
        line=one.line,
        since=one.since,
        form=_form(one, project.slug, environment) if kind.mended else "",
    )


def _form(finding: Finding, slug: str, environment: str) -> str:
    """Where a change of the metric is proposed; "" for what only a change of dbt's code mends."""
    if not environment or not finding.file:
        return ""
    begun = _begun(finding)
    return f"{reverse('propose', args=[slug, environment])}?{urlencode(begun)}" if begun else ""


def _begun(finding: Finding) -> dict[str, str]:
    """What a proposal that mends it begins with; nothing where none does."""
    if finding.kind == "same-metric":
        other = str(finding.params.get("other") or "")
        return {"kind": "removal", "of": f"metric:{finding.name}", "replacement": other}
    if finding.kind in ("column-gone", "column-absent"):
        # Of several, one after the other: each is a change of its own.
        first = str(finding.params.get("columns") or "").partition(",")[0].strip()
        return {"kind": "removal", "of": f"column:{finding.unique_id}:{first}"} if first else {}
    return {"metric": finding.name} if finding.unique_id.startswith("metric.") else {}


def _address(finding: Finding, slug: str) -> str:
    if not finding.unique_id:
        return reverse("pulls", args=[slug])
    if finding.unique_id.startswith("metric."):
        return reverse("metric-anywhere", args=[slug, finding.name])
    return reverse("node", args=[slug, finding.unique_id])


# -- Tests and sources ----------------------------------------------------------------------------------


def _tested(
    project: Project, wrong: Sequence[Tested], lines: Mapping[str, int], *, environment: str
) -> dict[str, list[Row]]:
    """Tests and sources that do not look good, by kind of finding."""
    files = files_of(project, wrong) if wrong else {}
    rows: dict[str, list[Row]] = {}
    for one in wrong:
        place = files.get(one.unique_id, ""), lines.get(one.unique_id, 0)
        form = _rule_form(one, project.slug, environment) if place[0] else ""
        rows.setdefault(_ENDED[one.kind], []).append(_test_row(project, one, *place, form=form))
    return rows


def _rule_form(one: Tested, slug: str, environment: str) -> str:
    """Where another rule is proposed in the place of a data test; "" for what is none."""
    if not environment or not one.unique_id.startswith("test."):
        return ""
    return (
        f"{reverse('propose', args=[slug, environment])}?{urlencode({'kind': 'test', 'of': one.unique_id})}"
    )


def _test_row(project: Project, one: Tested, file: str, line: int, *, form: str) -> Row:
    assert one.outcome is not None
    told = {"status": one.words, "where": one.outcome.environment}
    sentence = one.outcome.message or _("%(status)s in %(where)s.") % told
    if one.lapsed:
        sentence = _("Older than its timetable allows, in %(where)s.") % told
    return Row(
        name=one.name,
        address=f"{reverse('node', args=[project.slug, one.node])}#{one.place}",
        sentence=sentence,
        file=file,
        line=line,
        since=one.outcome.since,
        form=form,
    )
