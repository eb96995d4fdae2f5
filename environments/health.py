"""What of a project cannot be used, or contradicts itself: found after pulls and releases, in plain words."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import combinations
from typing import Any, Protocol

from django.db.models import Count
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from bisync.lib.stored import storable
from catalog.ingest import fitting
from catalog.models import Column, Node, NodeLineage
from environments import traps
from environments.findings import KINDS, Found
from environments.models import RANKS, Deployment, Finding, MetricSeries
from environments.places import Places
from environments.selectors import snapshot_vocabulary
from governance.models import Project
from semantic.definitions import Metric, Vocabulary
from semantic.formulas import dated_meaning
from semantic.importer import value_type
from semantic.rules.similar import called_alike
from workspace.dbt.code import dialect_of

_UNKNOWN = _("unknown")
_ABSENT = _("no such column")
_NOTHING = _("nothing")
_MOST_NAMED = 5
# So many pairs of names are compared; a project with more metrics has them compared by meaning only.
_MOST_COMPARED = 300


class Code(Protocol):
    """The files of the commit that is looked at."""

    def read(self, file: str) -> str:
        """The text of a file; "" where there is none, or it is no text."""

    def mentioning(self, text: str) -> set[str]:
        """The files that hold `text`."""


def check(project: Project, live: Deployment | None, code: Code) -> list[Found]:
    """Everything that is to be said of the last pull, and of the version that people read.

    What MetricFlow says is asked elsewhere (`environments.rejections`), by jobs.
    """
    every = Node.objects.filter(project=project).exclude(resource_type__in=("macro", "doc"))
    nodes = {node.unique_id: node for node in every.defer("description", "tags", "meta")}
    # What packages bring is theirs to mend.
    package = _package(project)
    mine = {key: node for key, node in nodes.items() if node.package == package}
    return [
        *_columns(project, mine),
        *_lineage(project, mine),
        *(_built(project, nodes, live) if live is not None else ()),
        *_versioned(nodes),
        *_metrics(project, mine, live, code),
    ]


def placed(found: Iterable[Found], read: Callable[[str], str]) -> list[Found]:
    """The findings with their lines; `read` gives a file's text, "" where it has none."""
    files: dict[str, list[Found]] = {}
    for one in found:
        files.setdefault(one.file, []).append(one)
    told = []
    for file, inside in files.items():
        places = Places(read(file) if file else "")
        told += [replace(one, line=places.line(one)) for one in inside]
    return told


def keep(project: Project, found: Iterable[Found]) -> None:
    """Replace what was found before; what is found again keeps since when. Call it inside a transaction."""
    # Properties files are read as they are, and may say what no database holds.
    found = [replace(one, params=storable(one.params)) for one in found]
    before = {_key(one): one for one in Finding.objects.filter(project=project)}
    wanted = {_key(one): one for one in found}
    gone = [row.pk for key, row in before.items() if key not in wanted]
    Finding.objects.filter(pk__in=gone).delete()
    moved = [row for key, row in before.items() if key in wanted and _place(row) != _place(wanted[key])]
    for row in moved:
        row.file, row.line = _place(wanted[_key(row)])
    Finding.objects.bulk_update(moved, ["file", "line"], batch_size=500)
    now = timezone.now()
    new = [
        Finding(
            project=project,
            level=KINDS[one.kind].level,
            kind=one.kind,
            unique_id=one.unique_id,
            name=fitting(Finding, "name", one.name),
            file=_place(one)[0],
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


def _place(one: Found | Finding) -> tuple[str, int]:
    return fitting(Finding, "file", one.file), one.line


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
            yield _of(node, "column-gone", columns=_listed(gone))


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


def _package(project: Project) -> str:
    """The package that the project is: the one with most of its models."""
    models = Node.objects.filter(project=project, resource_type="model").values("package").order_by()
    most = models.annotate(models=Count("pk")).order_by("-models", "package").first()
    return most["package"] if most else ""


def own_metrics(project: Project) -> set[str]:
    """The names of the metrics that no package brings."""
    metrics = Node.objects.filter(project=project, resource_type="metric", package=_package(project))
    return set(metrics.values_list("name", flat=True))


def _built(project: Project, nodes: Mapping[str, Node], live: Deployment) -> Iterator[Found]:
    """What the code has and the warehouse has not, where both are of one commit."""
    last = project.snapshots.first()
    if last is None or last.commit != live.commit:
        return
    place = live.environment.name
    for key, node in nodes.items():
        made = node.resource_type in ("model", "seed", "snapshot") and node.materialized != "ephemeral"
        if made and key not in live.relations:
            yield _of(node, "not-built", environment=place)
    warehouse = json.loads(live.columns.content()) if live.columns is not None else {}
    declared: dict[str, dict[str, str]] = {key: {} for key in warehouse if key in nodes}
    rows = Column.objects.filter(node__project=project, node__unique_id__in=declared)
    for key, name, kind in rows.values_list("node__unique_id", "name", "data_type"):
        declared[key][name] = kind
    traced = _traced(project)
    for key, columns in declared.items():
        there = {column.lower(): found for column, found in warehouse[key].items()}
        if (nodes[key].fields.get("contract") or {}).get("enforced"):
            yield from _contract(nodes[key], columns, there, place)
            continue
        yield from _types(nodes[key], columns, there, place)
        absent = [name for name in columns if name.lower() not in there]
        # What the SQL tells by itself is told where it is read.
        if absent and key not in traced:
            yield _of(nodes[key], "column-absent", columns=_listed(absent), environment=place)


def _traced(project: Project) -> set[str]:
    """The nodes whose SQL tells all of their columns."""
    rows = NodeLineage.objects.filter(node__project=project, problem="")
    return {key for key, through in rows.values_list("node__unique_id", "through") if not through}


def _types(
    node: Node, columns: Mapping[str, str], there: Mapping[str, str], place: str, kind: str = "type-drift"
) -> Iterator[Found]:
    for name, declared in columns.items():
        found = there.get(name.lower())
        if declared and found is not None and differ(declared, found):
            drift = {"column": name, "declared": declared, "found": found, "environment": place}
            yield _of(node, kind, **drift)


def _contract(
    node: Node, columns: Mapping[str, str], there: Mapping[str, str], place: str
) -> Iterator[Found]:
    """Where the warehouse has other columns than those of an enforced contract, or of other types."""
    yield from _types(node, columns, there, place, "contract-broken")
    said = {name.lower() for name in columns}
    apart = [(name, kind, str(_ABSENT)) for name, kind in columns.items() if name.lower() not in there]
    apart += [(name, str(_NOTHING), kind) for name, kind in there.items() if name not in said]
    for name, declared, found in apart:
        params = {"column": name, "declared": declared, "found": found, "environment": place}
        yield _of(node, "contract-broken", **params)


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
                yield _of(node, "versioned", version=str(version))


def _of(node: Node, kind: str, **params: Any) -> Found:
    return Found(kind, node.unique_id, node.name, node.patch_path or node.path, params)


def _in_code(node: Node, kind: str, **params: Any) -> Found:
    return Found(kind, node.unique_id, node.name, node.path, params)


def _listed(names: list[str]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" (+{more})" if more > 0 else "")


# -- Metrics --------------------------------------------------------------------------------------------


def _metrics(
    project: Project, nodes: Mapping[str, Node], live: Deployment | None, code: Code
) -> Iterator[Found]:
    last = project.snapshots.first()
    if last is None:
        return
    vocabulary = snapshot_vocabulary(last, live.environment if live is not None else None)
    dialect = dialect_of(last.adapter)
    own = {node.name for node in nodes.values() if node.resource_type == "metric"}
    yield from _alike(vocabulary, own, dialect, live)
    yield from traps.in_metrics(vocabulary, own, dialect)
    things = {key: _thing(node) for key, node in nodes.items()}
    for thing in things.values():
        yield from traps.in_entry(thing)
    yield from traps.in_files(things, vocabulary, code.read, code.mentioning("env_var"))


def _thing(node: Node) -> traps.Thing:
    file = node.patch_path or node.path
    return traps.Thing(node.unique_id, node.resource_type, node.name, file, node.fields)


def _alike(
    vocabulary: Vocabulary, own: Collection[str], dialect: str, live: Deployment | None
) -> Iterator[Found]:
    """The same metric under two names, and two metrics under one. Parts of others are nobody's metrics.

    What is like a package's is told of the project's own.
    """
    metrics = [metric for metric in vocabulary.metrics.values() if not metric.helper_of]
    metrics.sort(key=lambda metric: metric.name in own)
    meanings = {metric.name: dated_meaning(metric, vocabulary, dialect=dialect) for metric in metrics}
    first: dict[str, Metric] = {}
    for metric in metrics:
        meaning = meanings[metric.name]
        other = first.setdefault(meaning, metric) if meaning else metric
        if other is not metric and metric.name in own:
            yield traps.about(metric, "same-metric", other=other.name, formula=metric.formula)
    yield from _contradictions(metrics, own, meanings, _last_values(live))


def _contradictions(
    metrics: Iterable[Metric], own: Collection[str], meanings: Mapping[str, str], values: Mapping[str, str]
) -> Iterator[Found]:
    metrics = sorted(metrics, key=lambda metric: (metric.name not in own, metric.name))
    for one, two in combinations(metrics[:_MOST_COMPARED], 2):
        if one.name not in own:
            return
        labels = [metric.label or metric.name for metric in (one, two)]
        if not (meanings[one.name] and meanings[two.name]) or not called_alike(*labels):
            continue
        if meanings[one.name] != meanings[two.name]:
            yield traps.about(
                one,
                "contradiction",
                label=labels[0],
                other_label=labels[1],
                formula=one.formula,
                other_formula=two.formula,
                **_numbers(one, two, values),
            )


def _numbers(one: Metric, two: Metric, values: Mapping[str, str]) -> dict[str, str]:
    """What the last month has for both, where it has something for one of them."""
    if not values.keys() & {one.name, two.name}:
        return {}
    unknown = str(_UNKNOWN)
    return {"value": values.get(one.name, unknown), "other_value": values.get(two.name, unknown)}


def _last_values(live: Deployment | None) -> dict[str, str]:
    """Each metric's last month, as a list shows it."""
    found = {}
    series = MetricSeries.objects.filter(deployment=live) if live is not None else ()
    for one in series:
        known = [value for _month, value in one.points if value is not None]
        if known:
            found[one.metric] = f"{known[-1]:,.6g}"
    return found


def live_of(project: Project) -> Deployment | None:
    """The version that tells most: production's, else that of the next environment."""
    found = Deployment.objects.filter(environment__project=project, status="live")
    rows = found.select_related("environment", "columns")
    return min(rows, key=lambda one: (RANKS[one.environment.kind], one.environment_id), default=None)
