"""Promises about a metric's values that look at more than one of them, as tests of the metric's model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from semantic.codegen.entries import Entry
from semantic.codegen.quality.promises import whole
from semantic.fields import PERIODS, SIGMA, RuleKind, ValueRule
from semantic.query.sql import RowQuery

TESTS: Mapping[RuleKind, str] = {
    "reasonable_growth_rate": "bisync_metric_change_within",
    "logical_cohort_progression": "bisync_metric_progression",
    "metric_consistency": "bisync_metric_matches",
    "historical_trend_validation": "bisync_metric_within_history",
    "freshness": "bisync_recent",
}


def metric_test(
    rule: ValueRule, name: str, rows: RowQuery, others: Mapping[str, RowQuery], *, nested: bool
) -> Entry | None:
    """The test of a rule, called `name`; None where it needs metrics that dbt's tests cannot compute.

    `rows` is the metric over the rows of its model, `others` those that the rule names.
    """
    if any(used not in others for used in named_in(rule)):
        return None
    arguments = dict(_arguments(rule, rows, others))
    body: Entry = {"name": name, **({"arguments": arguments} if nested else arguments)}
    if rule.kind == "freshness" and rows.condition:
        body["config"] = {"where": rows.condition}
    return {TESTS[rule.kind]: body}


def said_alone(rule: ValueRule) -> tuple[str, dict[str, Any]]:
    """The test with the arguments that say what is promised, for a metric that dbt's tests cannot compute."""
    rows = RowQuery("", "", "", "metric_time")
    return TESTS[rule.kind], dict(_arguments(rule, rows, dict.fromkeys(named_in(rule), rows)))


def named_in(rule: ValueRule) -> tuple[str, ...]:
    """The other metrics that a rule names."""
    return (*rule.steps, *([rule.other] if rule.other else []))


def rule_of_test(test: str, arguments: Mapping[str, Any]) -> ValueRule | None:
    """The rule that such a test keeps: the reverse of `metric_test`."""
    kind = next((kind for kind, known in TESTS.items() if known == test), None)
    given = {name: value for name, value in arguments.items() if name in _READ and value is not None}
    match kind:
        case None:
            return None
        case "freshness":
            return ValueRule(kind, hours=arguments.get("interval"))
        case "logical_cohort_progression":
            steps = [step.get("metric") for step in arguments.get("steps", ())]
            given["steps"] = tuple(str(step) for step in steps if step)
    numbers = {name: float(given[name]) for name in _FLOATS if name in given}
    return ValueRule(kind, **{**given, **numbers})


_FLOATS = ("increase", "decrease", "base", "tolerance", "sigma")
_READ = frozenset((*_FLOATS, "other", "periods", "grain"))


def _arguments(rule: ValueRule, rows: RowQuery, others: Mapping[str, RowQuery]) -> Iterator[tuple[str, Any]]:
    if rule.kind == "freshness":
        yield from {"time_column": rows.time, "unit": "hour", "interval": rule.hours}.items()
        return
    if rule.kind == "logical_cohort_progression":
        steps = [{"metric": name, **_computed(others[name], rows.model)} for name in rule.steps]
        yield "steps", [*steps, _computed(rows, rows.model)]
    else:
        yield from _computed(rows, rows.model).items()
    yield "grain", rule.period
    if rule.kind == "metric_consistency":
        yield "other", rule.other
        other = _computed(others[rule.other], rows.model)
        yield from ((f"other_{name}", value) for name, value in other.items())
    limits = {"increase": rule.increase, "decrease": rule.decrease, "base": rule.base}
    limits["tolerance"] = rule.tolerance
    yield from ((name, whole(limit)) for name, limit in limits.items() if limit is not None)
    if rule.kind == "historical_trend_validation":
        yield "periods", rule.periods or PERIODS
        yield "sigma", whole(SIGMA if rule.sigma is None else rule.sigma)


def _computed(rows: RowQuery, home: str) -> dict[str, str]:
    """How a metric is computed; its model only where it is another one than the test's."""
    found = {"expression": rows.value, "condition": rows.condition, "time_column": rows.time}
    if rows.model != home:
        found = {"model": f"ref('{rows.model}')", **found}
    return {name: text for name, text in found.items() if text}
