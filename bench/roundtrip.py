"""Metrics of foreign dbt projects as formulas and back to dbt: do they mean the same? Needs --folder.

Below the folder stand dbt projects with `target/manifest.json` and `target/semantic_manifest.json`, as
`dbt parse` leaves them, and a profiles.yml with which dbt can parse them again. Each metric and measure that
reads as a formula is written to a copy of the project as a new metric, and dbt reads the copy.
BISYNC_BENCH_DBT says which dbt; without it, the one beside this Python.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bench import _corpus
from bench._common import emit
from semantic.codegen.metrics import Compiled, MetricDraft, Refused, compile_metric
from semantic.codegen.yaml_files import YamlRefused
from semantic.definitions import Dimension, Measure, Metric, Model, Vocabulary
from semantic.formula import analyse
from semantic.formulas import chosen_date, metric_formula, metric_meaning, metric_tree
from semantic.importer import dialect, vocabulary
from semantic.query.spec import Unsupported

DBT = os.environ.get("BISYNC_BENCH_DBT") or str(Path(sys.executable).with_name("dbt"))


@dataclass
class Outcome:
    """How many there are, how many read as a formula, how many came back; and why the others did not."""

    there: Counter[str] = field(default_factory=Counter)
    readable: Counter[str] = field(default_factory=Counter)
    back: Counter[str] = field(default_factory=Counter)
    causes: Counter[str] = field(default_factory=Counter)

    def lost(self, project: str, what: str, cause: str) -> None:
        self.causes[cause] += 1
        print(f"{project}: {what}: {cause}", file=sys.stderr)


def main() -> int:
    root = _corpus.folder("dbt projects that dbt has parsed (target/manifest.json)")
    outcome = Outcome()
    projects = 0
    for manifest in sorted(root.glob("*/target/manifest.json")):
        project = manifest.parent.parent
        known, spelled = _read(project)
        if known.metrics:
            projects += 1
            _measure(project, known, spelled, outcome)
    emit("roundtrip", "projects", projects, "projects")
    for kind in ("metric", "measure", "filter"):
        there = outcome.there[kind]
        emit("roundtrip", f"{kind}s", there, f"{kind}s")
        emit("roundtrip", f"{kind}s that read as a formula", _share(outcome.readable[kind], there), "%")
        if kind != "filter":
            emit(
                "roundtrip",
                f"{kind}s that come back with their meaning",
                _share(outcome.back[kind], there),
                "%",
            )
    for cause, count in outcome.causes.most_common():
        emit("roundtrip", f"not: {cause}", count, "times")
    return 0


def _share(part: int, whole: int) -> float:
    return 100 * part / whole if whole else 100.0


def _read(project: Path) -> tuple[Vocabulary, str]:
    manifest, semantic = (
        json.loads((project / "target" / f"{name}.json").read_text(encoding="utf-8"))
        for name in ("manifest", "semantic_manifest")
    )
    return vocabulary(manifest, semantic), dialect(manifest)


def _measure(project: Path, known: Vocabulary, spelled: str, outcome: Outcome) -> None:
    named: dict[str, tuple[str, Metric]] = {}
    with tempfile.TemporaryDirectory(prefix="bisync-roundtrip-") as home:
        copy = Path(home) / "project"
        shutil.copytree(project, copy, ignore=shutil.ignore_patterns("target", "logs"))
        for kind, metric in _metrics(known):
            outcome.there[kind] += 1
            formula = metric_formula(metric, known, dialect=spelled)
            if not formula:
                outcome.lost(project.name, metric.name, _cause(metric, known, spelled))
                continue
            outcome.readable[kind] += 1
            name = f"back_{len(named)}"
            try:
                known = _written(copy, name, metric, formula, known, spelled)
            except Unwritten as reason:
                outcome.lost(project.name, f"{metric.name} = {formula}", str(reason))
            else:
                named[name] = kind, metric
        _filters(project.name, known, spelled, outcome)
        _compare(project.name, copy, known, spelled, named, outcome)


def _metrics(known: Vocabulary) -> Iterator[tuple[str, Metric]]:
    """The metrics of a project, and each of its measures as the metric that totals it and nothing else."""
    yield from (("metric", metric) for metric in known.metrics.values())
    for name, (_model, measure) in known.measures.items():
        if not measure.inline:
            yield "measure", Metric(f"the measure {name}", "simple", measure=name)


def _filters(project: str, known: Vocabulary, spelled: str, outcome: Outcome) -> None:
    """Every filter of a metric, read beside one of the metric's own measures."""
    for metric in known.metrics.values():
        if not (metric.filters and metric.measure in known.measures):
            continue
        for text in metric.filters:
            outcome.there["filter"] += 1
            try:
                metric_tree(
                    Metric("one", "simple", measure=metric.measure, filters=(text,)), known, dialect=spelled
                )
            except Unsupported as reason:
                outcome.lost(project, text, str(reason))
            else:
                outcome.readable["filter"] += 1


def _cause(metric: Metric, known: Vocabulary, spelled: str) -> str:
    try:
        metric_tree(metric, known, dialect=spelled)
    except Unsupported as reason:
        return str(reason)
    return "No text was found that means the same."


class Unwritten(Exception):
    """Why a formula did not find its way into the project."""


def _written(
    copy: Path, name: str, metric: Metric, formula: str, known: Vocabulary, spelled: str
) -> Vocabulary:
    """Writes the formula to the project as a new metric; returns what is known with what that brought."""
    model, measure = known.measures.get(metric.measure, (None, None))
    time = chosen_date(model, measure) if model and measure else ""
    # The metric itself must not be found again, or the formula would be nothing but its name.
    rest = replace(known, metrics={one: found for one, found in known.metrics.items() if one != metric.name})
    analysis = analyse(formula, rest)
    if analysis.tree is None:
        raise Unwritten(f"Not understood again: {analysis.problems[0].message}")
    draft = MetricDraft(name, f"Round trip {name}", "", analysis, model=analysis.model, time_column=time)
    try:
        compiled = compile_metric(draft, rest, dialect=spelled)
        for change in compiled.changes:
            path = copy / change.path
            before = path.read_bytes() if path.exists() else None
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(change.apply(before))
    except (Refused, YamlRefused) as reason:
        raise Unwritten(f"Not written: {reason}") from reason
    return replace(known, models={name: _grown(one, compiled) for name, one in known.models.items()})


def _grown(model: Model, compiled: Compiled) -> Model:
    """The model with the measures and dimensions that were added to it, so that none is added again."""
    semantic = model.semantic
    if semantic is None:
        return model
    measures = compiled.entries["measures"].get(semantic.name, ())
    dimensions = compiled.entries["dimensions"].get(semantic.name, ())
    grown = replace(
        semantic,
        measures=(
            *semantic.measures,
            *(
                Measure(
                    one["name"],
                    one["agg"],
                    str(one["expr"]),
                    one.get("agg_time_dimension", ""),
                    percentile=one.get("agg_params", {}).get("percentile"),
                )
                for one in measures
            ),
        ),
        dimensions=(
            *semantic.dimensions,
            *(
                Dimension(
                    one["name"],
                    one["type"],
                    str(one.get("expr", one["name"])),
                    one.get("type_params", {}).get("time_granularity"),
                )
                for one in dimensions
            ),
        ),
    )
    return replace(model, semantic=grown)


def _compare(
    project: str,
    copy: Path,
    known: Vocabulary,
    spelled: str,
    named: dict[str, tuple[str, Metric]],
    outcome: Outcome,
) -> None:
    argv = [DBT, "parse", "--profiles-dir", ".", "--no-partial-parse"]
    env = {**os.environ, "DO_NOT_TRACK": "1"}
    parsed = subprocess.run(argv, cwd=copy, capture_output=True, text=True, env=env, check=False)
    if parsed.returncode:
        outcome.lost(project, "dbt parse", parsed.stdout[-600:])
        return
    after, _duckdb = _read(copy)
    for name, (kind, metric) in named.items():
        found: Any = after.metrics.get(name)
        if found and metric_meaning(found, after, dialect=spelled) == metric_meaning(
            metric, known, dialect=spelled
        ):
            outcome.back[kind] += 1
        else:
            said = found.formula if found else "nothing"
            outcome.lost(project, f"{metric.name} as {said}", "It came back with another meaning.")


if __name__ == "__main__":
    raise SystemExit(main())
