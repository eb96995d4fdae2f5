"""What of a project cannot be used, or contradicts itself: found after pulls and releases, in plain words."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from catalog.ingest import fitting
from catalog.models import Column, Node, NodeLineage
from environments.models import RANKS, Deployment, Finding, MetricSeries
from environments.places import Places
from environments.selectors import snapshot_vocabulary
from governance.models import Project
from semantic.definitions import Metric, Vocabulary
from semantic.formulas import metric_meaning
from semantic.importer import value_type
from semantic.rules.similar import likeness
from workspace.dbt.code import dialect_of

Level = Finding.Level


class Words(NamedTuple):
    """A kind of finding: its heading, and its sentence about one thing."""

    title: Any
    sentence: Any


KINDS: Mapping[str, Words] = {
    "not-built": Words(
        _("In the code, but not in the warehouse"),
        _("%(environment)s was built from this commit, and has no %(name)s. Look at why dbt leaves it out."),
    ),
    "column-gone": Words(
        _("Described, but gone"),
        _("The SQL of %(name)s does not have %(columns)s. Take the description out, or rename it."),
    ),
    "type-drift": Words(
        _("Another type than declared"),
        _("%(column)s is declared as %(declared)s, and %(environment)s has it as %(found)s."),
    ),
    "hard-coded": Words(
        _("Reads past dbt"),
        _("It reads %(relations)s by name, of which dbt knows nothing. Use source() or ref()."),
    ),
    "unreadable": Words(
        _("SQL that cannot be followed"),
        _("Where its columns come from is not known: %(why)s."),
    ),
    "same-metric": Words(
        _("The same under two names"),
        _("%(name)s and %(other)s compute the same: %(formula)s. Keep one of them."),
    ),
    "contradiction": Words(
        _("One name, two meanings"),
        _(
            "“%(label)s” and “%(other_label)s” are called alike and computed otherwise. In the last month "
            "%(formula)s is %(value)s, and %(other_formula)s is %(other_value)s. Rename one, or agree on one."
        ),
    ),
    "versioned": Words(
        _("Semantics on a versioned model"),
        _(
            "%(name)s is built on version %(version)s of a model. dbt's semantic layer reads one version "
            "only: moving on means moving it."
        ),
    ),
}
_UNKNOWN = _("unknown")
_MOST_NAMED = 5
_MOST_SHOWN = 100
_ALIKE = 0.93
# So many pairs of names are compared; a project with more metrics has them compared by meaning only.
_MOST_COMPARED = 300


@dataclass(frozen=True, slots=True)
class Found:
    """A finding before it is kept."""

    level: str
    kind: str
    unique_id: str
    name: str
    file: str
    params: dict[str, Any] = field(default_factory=dict)
    line: int = 0


def check(project: Project, live: Deployment | None) -> list[Found]:
    """Everything that is to be said of the last pull, and of the version that people read."""
    every = Node.objects.filter(project=project).exclude(resource_type__in=("macro", "doc"))
    nodes = {node.unique_id: node for node in every.defer("description", "tags", "meta")}
    # What packages bring is theirs to mend.
    own = _own(nodes)
    mine = {key: node for key, node in nodes.items() if node.package == own}
    return [
        *_columns(project, mine),
        *_lineage(project, mine),
        *(_built(project, nodes, live) if live is not None else ()),
        *_versioned(nodes),
        *_metrics(project, live),
    ]


def placed(found: Iterable[Found], read: Callable[[str], str]) -> list[Found]:
    """The findings with their lines; `read` gives a file's text, "" where it has none."""
    files: dict[str, list[Found]] = {}
    for one in found:
        files.setdefault(one.file, []).append(one)
    told = []
    for file, inside in files.items():
        places = Places(read(file) if file else "")
        told += [
            replace(one, line=places.line(one.kind, one.unique_id, one.name, one.params)) for one in inside
        ]
    return told


def keep(project: Project, found: Iterable[Found]) -> None:
    """Replace what was found before; what is found again keeps since when. Call it inside a transaction."""
    before = {_key(one): one for one in Finding.objects.filter(project=project)}
    wanted = {_key(one): one for one in found}
    gone = [row.pk for key, row in before.items() if key not in wanted]
    Finding.objects.filter(pk__in=gone).delete()
    moved = [row for key, row in before.items() if key in wanted and row.line != wanted[key].line]
    for row in moved:
        row.line = wanted[_key(row)].line
    Finding.objects.bulk_update(moved, ["line"], batch_size=500)
    now = timezone.now()
    new = [
        Finding(
            project=project,
            level=one.level,
            kind=one.kind,
            unique_id=one.unique_id,
            name=fitting(Finding, "name", one.name),
            file=fitting(Finding, "file", one.file),
            line=one.line,
            params=one.params,
            since=now,
        )
        for key, one in wanted.items()
        if key not in before
    ]
    Finding.objects.bulk_create(new, batch_size=500)


def _key(one: Found | Finding) -> tuple[str, str, str]:
    return one.kind, one.unique_id, json.dumps(one.params, sort_keys=True)


def _columns(project: Project, nodes: Mapping[str, Node]) -> Iterator[Found]:
    """Columns that are described, and that the SQL does not bring."""
    declared: dict[str, list[str]] = {}
    rows = Column.objects.filter(node__project=project, node__resource_type__in=("model", "snapshot"))
    for key, name in rows.values_list("node__unique_id", "name"):
        declared.setdefault(key, []).append(name)
    traced = NodeLineage.objects.filter(node__project=project, problem="", node__unique_id__in=declared)
    for key, columns, through in traced.values_list("node__unique_id", "columns", "through"):
        there = {name for name, _parents, _known in columns}
        gone = [name for name in declared[key] if name.lower() not in there]
        if gone and not through and key in nodes:
            node = nodes[key]
            yield _of(node, Level.WARN, "column-gone", columns=_listed(gone))


def _lineage(project: Project, nodes: Mapping[str, Node]) -> Iterator[Found]:
    rows = NodeLineage.objects.filter(node__project=project)
    for key, columns, deciding, through, problem, words in rows.values_list(
        "node__unique_id", "columns", "rows", "through", "problem", "words"
    ):
        if key not in nodes:
            continue
        read = {leaf[0] for _name, parents, _known in columns for leaf in parents}
        read |= {leaf[0] for leaf in deciding} | set(through)
        past = sorted(one.removeprefix("relation.") for one in read if one.startswith("relation."))
        if past:
            yield _in_code(nodes[key], "hard-coded", relations=_listed(past))
        if problem == "unreadable":
            yield _in_code(nodes[key], "unreadable", why=words.rstrip("."))


def _own(nodes: Mapping[str, Node]) -> str:
    """The package that the project is: the one with most of its models."""
    packages = [node.package for node in nodes.values() if node.resource_type == "model"]
    return max(sorted(set(packages)), key=packages.count, default="")


def _built(project: Project, nodes: Mapping[str, Node], live: Deployment) -> Iterator[Found]:
    """What the code has and the warehouse has not, where both are of one commit."""
    last = project.snapshots.first()
    if last is None or last.commit != live.commit:
        return
    place = live.environment.name
    warehouse = json.loads(live.columns.content()) if live.columns is not None else {}
    for key, node in nodes.items():
        made = node.resource_type in ("model", "seed", "snapshot") and node.materialized != "ephemeral"
        if made and key not in live.relations:
            yield _of(node, Level.BAD, "not-built", environment=place)
    declared = Column.objects.filter(node__project=project, node__unique_id__in=warehouse).exclude(
        data_type=""
    )
    for key, name, kind in declared.values_list("node__unique_id", "name", "data_type"):
        there = {column.lower(): found for column, found in warehouse[key].items()}
        found = there.get(name.lower())
        if found is not None and differ(kind, found):
            drift = {"column": name, "declared": kind, "found": found, "environment": place}
            yield _of(nodes[key], Level.WARN, "type-drift", **drift)


def differ(declared: str, found: str) -> bool:
    """Whether two types hold other values; a word that we do not know says nothing."""
    kinds = {value_type(declared), value_type(found)}
    return len(kinds) == 2 and "any" not in kinds


def _versioned(nodes: Mapping[str, Node]) -> Iterator[Found]:
    for node in nodes.values():
        if node.resource_type != "semantic_model":
            continue
        for parent in node.fields.get("depends_on") or ():
            version = nodes[parent].fields.get("version") if parent in nodes else None
            if version:
                yield _of(node, Level.WARN, "versioned", version=str(version))


def _of(node: Node, level: str, kind: str, **params: Any) -> Found:
    return Found(level, kind, node.unique_id, node.name, node.patch_path or node.path, params)


def _in_code(node: Node, kind: str, **params: Any) -> Found:
    return Found(Level.WARN, kind, node.unique_id, node.name, node.path, params)


def _listed(names: list[str]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" (+{more})" if more > 0 else "")


# -- Metrics --------------------------------------------------------------------------------------------


def _metrics(project: Project, live: Deployment | None) -> Iterator[Found]:
    last = project.snapshots.first()
    if last is None:
        return
    vocabulary = snapshot_vocabulary(last, live.environment if live is not None else None)
    dialect = dialect_of(last.adapter)
    meanings = {
        metric.name: metric_meaning(metric, vocabulary, dialect=dialect)
        for metric in vocabulary.metrics.values()
    }
    values = _last_values(live)
    first: dict[str, Metric] = {}
    for metric in vocabulary.metrics.values():
        meaning = meanings[metric.name]
        other = first.setdefault(meaning, metric) if meaning else metric
        if other is not metric:
            yield _about(metric, Level.WARN, "same-metric", other=other.name, formula=metric.formula)
    yield from _contradictions(vocabulary, meanings, values)


def _contradictions(
    vocabulary: Vocabulary, meanings: Mapping[str, str], values: Mapping[str, str]
) -> Iterator[Found]:
    metrics = sorted(vocabulary.metrics.values(), key=lambda metric: metric.name)
    for one, two in combinations(metrics[:_MOST_COMPARED], 2):
        labels = [metric.label or metric.name for metric in (one, two)]
        if likeness(*labels) < _ALIKE or not (meanings[one.name] and meanings[two.name]):
            continue
        if meanings[one.name] != meanings[two.name]:
            yield _about(
                one,
                Level.BAD,
                "contradiction",
                label=labels[0],
                other_label=labels[1],
                formula=one.formula,
                other_formula=two.formula,
                value=values.get(one.name, str(_UNKNOWN)),
                other_value=values.get(two.name, str(_UNKNOWN)),
            )


def _last_values(live: Deployment | None) -> dict[str, str]:
    """Each metric's last month, as a list shows it."""
    found = {}
    series = MetricSeries.objects.filter(deployment=live) if live is not None else ()
    for one in series:
        known = [value for _month, value in one.points if value is not None]
        if known:
            found[one.metric] = f"{known[-1]:,.6g}"
    return found


def _about(metric: Metric, level: str, kind: str, **params: Any) -> Found:
    return Found(level, kind, f"metric.{metric.name}", metric.name, metric.file, params)


def live_of(project: Project) -> Deployment | None:
    """The version that tells most: production's, else that of the next environment."""
    found = Deployment.objects.filter(environment__project=project, status="live")
    rows = found.select_related("environment", "columns")
    return min(rows, key=lambda one: (RANKS[one.environment.kind], one.environment_id), default=None)


@dataclass(frozen=True, slots=True)
class Group:
    """The findings of one kind, as the page shows them; `more` are left out.

    A row has the finding, its sentence, and the addresses of its page and of a form that mends it, if any.
    """

    title: Any
    level: str
    rows: tuple[tuple[Finding, str, str, str], ...]
    count: int

    @property
    def more(self) -> int:
        return self.count - len(self.rows)


def shown(project: Project) -> list[Group]:
    """What was found, the worst first: each with its sentence and the page of what it is about."""
    found: dict[str, list[Finding]] = {}
    for one in Finding.objects.filter(project=project).select_related("project"):
        if one.kind in KINDS:
            found.setdefault(one.kind, []).append(one)
    live = live_of(project)
    here = live.environment.slug if live is not None else ""
    groups = []
    for kind, words in KINDS.items():
        rows = found.get(kind, [])
        if rows:
            told = tuple((one, _sentence(one), _address(one), _form(one, here)) for one in rows[:_MOST_SHOWN])
            groups.append(Group(words.title, rows[0].level, told, len(rows)))
    return sorted(groups, key=lambda group: group.level != Level.BAD)


def _sentence(finding: Finding) -> str:
    params = {"name": finding.name, "file": finding.file, **finding.params}
    return str(KINDS[finding.kind].sentence % params)


def _form(finding: Finding, environment: str) -> str:
    """Where a change of the metric is proposed; "" for what only a change of dbt's code mends."""
    if not environment or not finding.unique_id.startswith("metric."):
        return ""
    begun = urlencode({"metric": finding.name})
    return f"{reverse('propose', args=[finding.project.slug, environment])}?{begun}"


def _address(finding: Finding) -> str:
    slug = finding.project.slug
    if finding.unique_id.startswith("metric."):
        return reverse("metric-anywhere", args=[slug, finding.name])
    return reverse("node", args=[slug, finding.unique_id])
