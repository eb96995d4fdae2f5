"""What a pull does to definitions: dbt's metrics become rows, each change noted, nothing lost."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass

from catalog.ingest import fitting
from catalog.models import Snapshot
from governance.models import Project
from semantic.definitions import Metric, MetricInput, Vocabulary
from semantic.metric_notes import usual_currency
from semantic.models import Definition, DefinitionKind, DefinitionState, RevisionState, Usage
from workspace.runs import Work

Hook = Callable[[Work, Snapshot], None]
_HOOKS: list[Hook] = []


def after_pull(hook: Hook) -> Hook:
    """Have `hook` called at the end of every pull, inside its transaction."""
    _HOOKS.append(hook)
    return hook


def call_hooks(work: Work, snapshot: Snapshot) -> None:
    """Tell everybody who asked that a pull has arrived."""
    for hook in _HOOKS:
        hook(work, snapshot)


@dataclass(frozen=True, slots=True)
class Exposure:
    """What a dbt exposure says that it uses."""

    unique_id: str
    label: str
    url: str
    owner: str
    metrics: tuple[str, ...]


def content_of(metric: Metric) -> dict[str, object]:
    """What a person could notice of a metric, as JSON holds it."""

    def used(one: MetricInput | None) -> object:
        if one is None:
            return None
        return [one.name, one.alias, list(one.filters), one.offset_window, one.offset_to_grain]

    # What one type alone has: of all others nothing changes that was kept without it.
    own: dict[str, object] = {}
    if metric.type == "cumulative":
        own["period_agg"] = metric.period_agg
    if metric.conversion:
        own["conversion"] = asdict(metric.conversion)
    return {
        "type": metric.type,
        **own,
        "measure": metric.measure,
        "filters": list(metric.filters),
        "numerator": used(metric.numerator),
        "denominator": used(metric.denominator),
        "expr": metric.expr,
        "inputs": [used(one) for one in metric.inputs],
        "window": metric.window,
        "grain_to_date": metric.grain_to_date,
        "fill_nulls_with": metric.fill_nulls_with,
        "meta": dict(metric.meta),
    }


def fingerprint_of(metric: Metric) -> str:
    """SHA-256 over a metric's label, description, formula and content."""
    content = [metric.label, metric.description, metric.formula, metric.file, content_of(metric)]
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def changed_since(metric: Metric, definition: Definition) -> bool:
    """Whether dbt computes a metric otherwise by now than `metric`, of an earlier version, was computed."""
    kept = (
        "type",
        "measure",
        "filters",
        "numerator",
        "denominator",
        "expr",
        "inputs",
        "window",
        "grain_to_date",
    )
    then: dict[str, object] = json.loads(json.dumps(content_of(metric)))
    now = definition.fields
    # Of what was kept before these were, nobody knows.
    own = [name for name in ("period_agg", "conversion") if name in then and name in now]
    return bool(now) and any(then[name] != now.get(name) for name in (*kept, *own))


def sync_metrics(project: Project, vocabulary: Vocabulary, *, commit: str) -> dict[str, list[str]]:
    """Bring the definitions in step with dbt's metrics; returns the names added, changed and removed.

    A definition that a proposal is bringing along keeps its state: it is published when its build is live,
    not because its code was seen. Runs inside the caller's transaction.
    """
    known = {d.name: d for d in Definition.objects.filter(project=project, kind=DefinitionKind.METRIC)}
    travelling = set(
        Definition.objects.filter(project=project, revisions__state=RevisionState.PROPOSED).values_list(
            "name", flat=True
        )
    )
    told: dict[str, list[str]] = {"added": [], "changed": [], "removed": []}
    for metric in vocabulary.metrics.values():
        definition = known.pop(metric.name, None) or Definition(
            project=project, kind=DefinitionKind.METRIC, name=metric.name
        )
        _take(definition, metric, told, commit=commit, travelling=metric.name in travelling)
    for gone in known.values():
        if gone.state == DefinitionState.PUBLISHED:
            gone.state = DefinitionState.RETIRED
            gone.save(update_fields=["state", "changed_at"])
            told["removed"].append(gone.name)
    _note_currency(project, vocabulary)
    return told


def _note_currency(project: Project, vocabulary: Vocabulary) -> None:
    """What most metrics say that their amounts are in."""
    most = usual_currency(vocabulary.metrics.values())
    if project.currency != most:
        project.currency = most
        project.save(update_fields=["currency"])


def _take(
    definition: Definition, metric: Metric, told: dict[str, list[str]], *, commit: str, travelling: bool
) -> None:
    fingerprint = fingerprint_of(metric)
    state = definition.state if travelling else DefinitionState.PUBLISHED
    if definition.fingerprint == fingerprint and definition.state == state:
        return
    told["changed" if definition.fingerprint else "added"].append(metric.name)
    if state == DefinitionState.PUBLISHED and not definition.published_commit:
        definition.published_commit = commit
    definition.label = fitting(Definition, "label", metric.label)
    definition.description = metric.description
    definition.unique_id = metric.unique_id
    definition.file = fitting(Definition, "file", metric.file)
    definition.formula = metric.formula
    definition.fields = content_of(metric)
    definition.fingerprint = fingerprint
    definition.state = state
    definition.save()


def sync_usages(project: Project, exposures: Iterable[Exposure]) -> None:
    """Note which exposures use which metrics. Runs inside the caller's transaction."""
    definitions = {d.name: d for d in Definition.objects.filter(project=project, kind=DefinitionKind.METRIC)}
    wanted = {
        (definitions[name].pk, one.unique_id): _shown(one)
        for one in exposures
        for name in one.metrics
        if name in definitions
    }
    for usage in Usage.objects.filter(project=project, kind="exposure"):
        shown = wanted.pop((usage.definition_id, usage.key), None)
        if shown is None:
            usage.delete()
        elif any(getattr(usage, name) != value for name, value in shown.items()):
            for name, value in shown.items():
                setattr(usage, name, value)
            usage.save()
    Usage.objects.bulk_create(
        Usage(project=project, definition_id=definition, kind="exposure", key=key, **shown)
        for (definition, key), shown in wanted.items()
    )


def _shown(exposure: Exposure) -> dict[str, str]:
    return {name: fitting(Usage, name, getattr(exposure, name)) for name in ("label", "url", "owner")}
