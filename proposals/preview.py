"""What the form shows while somebody types: the number, its months, the code, the rows, its likes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from bisync.lib.errors import BisyncError
from environments.models import Environment
from environments.numbers import Numbers, by_period, in_all, sample
from environments.selectors import Reading, reading, vocabulary_of
from proposals import generate
from semantic.definitions import Grain, Vocabulary
from semantic.fields import MetricFields
from semantic.formula import Analysis, analyse
from semantic.query.spec import Unsupported
from semantic.rules.metric import Problems, sending_problems, typing_problems
from semantic.rules.similar import Similar, similar
from workspace.warehouse.base import Result


@dataclass(frozen=True, slots=True)
class Preview:
    """A draft's preview in one environment; parts that cannot be had are None, and `trouble` says why."""

    analysis: Analysis
    grain: Grain
    numbers: Numbers | None = None
    total: float | None = None
    rows: Result | None = None
    yaml: str = ""
    notes: tuple[str, ...] = ()
    trouble: str = ""
    similar: Sequence[Similar] = ()
    missing: Problems = field(default_factory=dict)


def preview(fields: MetricFields, environment: Environment, *, grain: Grain = "month") -> Preview:
    """Compute it. Never raises for what a person typed: faults are told inside."""
    names = vocabulary_of(environment.project, environment)
    analysis = analyse(fields.formula, names, model=fields.model)
    shown = Preview(
        analysis=analysis,
        grain=grain,
        similar=similar(
            label=fields.label,
            canonical=analysis.canonical if analysis.ok else "",
            vocabulary=names,
            formulas=canonical_formulas(names),
        ),
        missing=sending_problems(fields, analysis, names),
    )
    if not analysis.ok or analysis.tree is None:
        return shown
    code, notes, refusal = _code(fields, names, environment)
    parts: dict[str, object] = {"yaml": code, "notes": notes, "trouble": refusal}
    if environment.live is not None:
        parts.update(_numbers(reading(environment.live), analysis, fields, grain))
    return Preview(**{**_as_dict(shown), **parts})  # type: ignore[arg-type]


def _as_dict(shown: Preview) -> dict[str, object]:
    return {name: getattr(shown, name) for name in ("analysis", "grain", "similar", "missing")}


def _code(
    fields: MetricFields, names: Vocabulary, environment: Environment
) -> tuple[str, tuple[str, ...], str]:
    if not fields.name or typing_problems(fields):
        return "", (), ""
    try:
        code = generate.compiled(fields, names, dialect=environment.connection.adapter)
    except generate.CannotGenerate as exc:
        return "", (), str(exc)
    return code.yaml_preview, code.notes, ""


def _numbers(version: Reading, analysis: Analysis, fields: MetricFields, grain: Grain) -> dict[str, object]:
    tree = analysis.tree
    assert tree is not None
    try:
        return {
            "numbers": by_period(version, tree, grain=grain, time=fields.time),
            "total": in_all(version, tree, time=fields.time),
            "rows": sample(version, tree, time=fields.time),
        }
    except (BisyncError, Unsupported) as exc:
        return {"trouble": str(exc)}


_canonical: WeakKeyDictionary[Vocabulary, dict[str, str]] = WeakKeyDictionary()


def canonical_formulas(names: Vocabulary) -> dict[str, str]:
    """Each metric's formula in the form in which equal ones are spelled equally; kept per vocabulary."""
    if names not in _canonical:
        _canonical[names] = {
            metric.name: analyse(metric.formula, names).canonical
            for metric in names.metrics.values()
            if metric.formula
        }
    return _canonical[names]
