"""A metric's number, computed twice: by MetricFlow's SQL and by our own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.utils import timezone
from sqlglot import exp

from bisync.lib.errors import BisyncError
from environments.numbers import Point, begun, differences, number, same, series
from proposals.kinds.metric import analysis_of
from proposals.models import Item
from semantic.calculation import CalculationFields
from semantic.codegen.quality.metric_tests import named_in
from semantic.current import fields_of
from semantic.definitions import Grain, Vocabulary
from semantic.fields import MetricFields
from semantic.formula.tree import MetricRef, Node
from semantic.models import Revision
from semantic.query.engine import Engine, NotComputable
from semantic.query.spec import PeriodsOnly, QuerySpec, Unsupported
from semantic.query.sql import metric_sql
from semantic.rules.values import breaches
from workspace.warehouse.base import Warehouse

GRAINS: tuple[Grain | None, ...] = (None, "month")
COMPUTED = frozenset({"formula", "time"})
VALUED = COMPUTED | {"value_format", "rules"}


@dataclass(frozen=True, slots=True)
class Trial:
    """Where a proposal has been built: the names before and after, where each model is, who computes.

    `proposed` are the metrics that the proposal brings or changes.
    """

    before: Vocabulary
    after: Vocabulary
    relations: Mapping[str, str]
    engine: Engine
    warehouse: Warehouse
    proposed: frozenset[str] = frozenset()


def metric_result(revision: Revision, trial: Trial) -> dict[str, Any]:
    """What a metric comes to; under `wrong`, where it has one, why nobody should approve it."""
    fields, base = revision.metric, revision.agreed_metric
    if base is not None and (not fields.formula or not VALUED & fields.changes_from(base).keys()):
        return as_before(fields)
    result = computed_twice(fields, trial.after, trial.relations, trial.engine, trial.warehouse)
    if base is not None and COMPUTED & fields.changes_from(base).keys():
        result["before"] = computed_alone(base, trial.before, trial.relations, trial.warehouse)
    if result["mismatches"]:
        result["wrong"] = mismatch_sentence(result, trial)
    elif broken := broken_rules(fields, trial):
        result["wrong"] = " ".join(broken)
    return result


def calculation_sentence(
    revision: Revision, model: str, relations: Mapping[str, str], warehouse: Warehouse
) -> str:
    """How many rows a calculation made, and in how many of them its column is blank; no row is kept."""
    fields = revision.content
    assert isinstance(fields, CalculationFields)
    if model not in relations:
        return f"{fields.title} has no rows of its own to count"
    filled = exp.Star() if fields.is_query else exp.column(fields.column, quoted=True)
    query = exp.select(exp.Count(this=exp.Star()), exp.Count(this=filled))
    sql = query.from_(exp.to_table(relations[model], dialect="postgres"))
    row = warehouse.query(sql.sql(dialect=warehouse.dialect), limit=1).rows[0]
    rows, known = (int(str(value)) for value in row)
    if fields.is_query:
        return f"{fields.title}: {rows:,} rows"
    return f"{fields.title}: {rows - known:,} of {rows:,} rows are blank"


def rewritten_result(name: str, trial: Trial) -> dict[str, Any] | None:
    """What a metric comes to that is computed from another one by now, and what it came to before.

    None where formulas cannot say it: MetricFlow alone would vouch for it.
    """
    after, before = (names.metrics.get(name) for names in (trial.after, trial.before))
    fields = fields_of(after, trial.after) if after is not None else None
    if fields is None or not fields.formula:
        return None
    result = computed_twice(fields, trial.after, trial.relations, trial.engine, trial.warehouse)
    if before is not None and (was := fields_of(before, trial.before)).formula:
        result["before"] = computed_alone(was, trial.before, trial.relations, trial.warehouse)
    if result["mismatches"]:
        result["wrong"] = mismatch_sentence(result, trial)
    return {"title": fields.label or name, **result}


def affected_results(affected: Sequence[tuple[Item, str]], trial: Trial) -> list[dict[str, Any]]:
    """What metrics come to that are computed from what changes, and what they came to before.

    Nothing of their own changes, so whatever was wrong with them before keeps nobody from approving.
    """
    found = []
    for item, name in affected:
        try:
            told = rewritten_result(name, trial)
        except (BisyncError, Unsupported, NotComputable):
            continue
        if told is not None:
            found.append({"item": item.pk, **{key: one for key, one in told.items() if key != "wrong"}})
    return found


def computed_twice(
    fields: MetricFields,
    after: Vocabulary,
    relations: Mapping[str, str],
    engine: Engine,
    warehouse: Warehouse,
) -> dict[str, Any]:
    """A metric's total and months by MetricFlow's SQL and by our own, and where they differ.

    A metric that only has values by period has no total, and its months are compared.
    """
    tree = analysis_of(fields, after).tree
    assert tree is not None
    months: dict[str, list[Point]] = {}
    totals: dict[str, float | None] = {"metricflow": None, "bisync": None}
    sql: dict[str, str] = {}
    for grain, ours in _own_sql(tree, after, relations, warehouse.dialect, fields.time):
        for who, text in (("metricflow", engine.sql(fields.name, grain=grain)), ("bisync", ours)):
            sql[f"{who} {grain or 'total'}"] = text
            rows = warehouse.query(text).rows
            if grain is None:
                totals[who] = number(rows[0][-1]) if rows else None
            else:
                months[who] = series(rows)
    wrong = [[p.isoformat(), a, b] for p, a, b in differences(months["metricflow"], months["bisync"])]
    if not same(totals["metricflow"], totals["bisync"]):
        wrong.insert(0, ["all time", totals["metricflow"], totals["bisync"]])
    filled = sum(point.value is not None for point in begun(months["bisync"]))
    compared = "1 month" if filled == 1 else f"{filled} months"
    if "bisync total" in sql:
        compared += " and the total"
    return {
        "metric": fields.name,
        "format": fields.value_format,
        "total": totals["bisync"],
        "points": [[point.period.isoformat(), point.value] for point in months["bisync"]],
        "mismatches": wrong[:20],
        "sql": sql,
        "sentence": f"{compared} {'agrees' if compared == '1 month' else 'agree'} for {fields.label}",
    }


def _own_sql(
    tree: Node, names: Vocabulary, relations: Mapping[str, str], dialect: str, time: str
) -> Iterator[tuple[Grain | None, str]]:
    """Our own SQL for the total, where there is one, and for the months."""
    for grain in GRAINS:
        spec = QuerySpec(grain=grain)
        try:
            sql = metric_sql(tree, names, relations, dialect=dialect, spec=spec, time_column=time)
        except PeriodsOnly:
            if grain is not None:
                raise
            continue
        yield grain, sql


def as_before(fields: MetricFields) -> dict[str, Any]:
    """The result for a metric of which a change touches words alone."""
    return {
        "metric": fields.name,
        "format": fields.value_format,
        "total": None,
        "points": [],
        "mismatches": [],
        "sql": {},
        "sentence": f"{fields.label or fields.name} is computed as before",
    }


def computed_alone(
    base: MetricFields, before: Vocabulary, relations: Mapping[str, str], warehouse: Warehouse
) -> dict[str, Any] | None:
    """A metric's total and months as they were agreed, and their format; None where formulas cannot say it.

    `before` are the names that the agreed formula is read with; the data are those of the change.
    """
    tree = analysis_of(base, before).tree
    if tree is None:
        return None
    total, points = None, []
    for grain, sql in _own_sql(tree, before, relations, warehouse.dialect, base.time):
        rows = warehouse.query(sql).rows
        if grain is None:
            total = number(rows[0][-1]) if rows else None
        else:
            points = [[point.period.isoformat(), point.value] for point in series(rows)]
    return {"format": base.value_format, "total": total, "points": points}


def mismatch_sentence(result: Mapping[str, Any], trial: Trial) -> str:
    """What to tell people when the two computations differ."""
    name, (when, theirs, ours) = result["metric"], result["mismatches"][0]
    under = sorted(trial.proposed.intersection(trial.after.below([name])) - {name})
    advice = "An analytics engineer should look at the generated code."
    if under:
        parts = " and ".join(under)
        advice = (
            f"This proposal also changes {parts}, from which dbt computes {name}: name {parts} in its "
            "formula, or propose one after the other."
        )
    return (
        f"The two ways of computing {name} differ: for {when} dbt's semantic layer gives "
        f"{theirs}, the formula gives {ours}. {advice}"
    )


def broken_rules(fields: MetricFields, trial: Trial) -> list[str]:
    """The promised rules that a period's value does not keep, as sentences.

    How old the newest row is, no series says: dbt's own test does.
    """
    tree = analysis_of(fields, trial.after).tree
    assert tree is not None
    broken = []
    for rule in fields.rules:
        if rule.kind == "freshness":
            continue
        others = {
            name: _series(MetricRef(name), rule.period, trial, "")
            for name in named_in(rule)
            if name in trial.after.metrics
        }
        found = breaches(
            rule,
            _series(tree, rule.period, trial, fields.time),
            others=others,
            today=timezone.localdate(),
            percent=fields.value_format == "percent",
        )
        if found:
            period = min(found)
            when = period.isoformat() if rule.period in ("day", "week") else f"{period:%Y-%m}"
            broken.append(f"In {when} {fields.label or fields.name} {found[period]}.")
    return broken


def _series(tree: Node, grain: Grain, trial: Trial, time: str) -> dict[date, float | None]:
    """The values of a formula by period, as our own SQL computes them."""
    sql = metric_sql(
        tree,
        trial.after,
        trial.relations,
        dialect=trial.warehouse.dialect,
        spec=QuerySpec(grain=grain),
        time_column=time,
    )
    rows = trial.warehouse.query(sql).rows
    return {point.period: point.value for point in series(rows)}
