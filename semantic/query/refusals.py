"""What MetricFlow says against a project's semantics: by its own rules, and when it is asked for each metric.

Importing this module imports MetricFlow, so only jobs do.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from metricflow_semantic_interfaces.implementations.semantic_manifest import PydanticSemanticManifest
from metricflow_semantic_interfaces.validations.semantic_manifest_validator import SemanticManifestValidator
from metricflow_semantic_interfaces.validations.validator_helpers import ValidationIssueLevel

from semantic.definitions import Grain, Metric, Vocabulary
from semantic.query.engine import DIALECTS, Engine, engine_for, reason

Of: TypeAlias = Literal["metric", "semantic_model", ""]

# Some metrics have values by period only, and those of yearly rows by year only.
_GRAINS: tuple[Grain | None, ...] = (None, "month", "year")
_QUOTED = re.compile(r"[`']([A-Za-z_]\w*)[`']")
# Parts of its reports, which are indented: a paragraph, and what it could not find.
_MESSAGE = re.compile(r"^ *Message:\s*\n\s*(.+?)\n\s*\n", re.MULTILINE | re.DOTALL)
_ASKED = re.compile(r"^ *Object Builder Input:\s*\n\s*(.+)$", re.MULTILINE)
# The message in a report on filters that it could not read, another such report, and the class of an error as
# Python writes it.
_UNREAD = re.compile(r"^Error Message:\s*\n((?:[ \t]+.*\n?)+)", re.MULTILINE)
_FILTER = re.compile(
    r"(Error parsing where filter):\s+(.+?)\s+Got exception:(?:.*?^ +(?:\w+\.)*\w+: ([^\n]+)\n\s*\n)?",
    re.MULTILINE | re.DOTALL,
)
_CLASS = re.compile(r" - (?:\w+\.)+\w+: ")
_LONGEST = 500
# How MetricFlow fails over what it did not expect, beside the ways in which it means to.
_FAILURES = (ValueError, LookupError, TypeError, AttributeError, AssertionError, RuntimeError)


@dataclass(frozen=True, slots=True)
class Refusal:
    """What is said against a metric or a semantic model; of neither where it is the project as a whole."""

    of: Of
    name: str
    words: str
    blocking: bool = True


def refusals(
    semantic_manifest: bytes, vocabulary: Vocabulary, own: Collection[str], *, dialect: str
) -> list[Refusal]:
    """What MetricFlow says against a version, and of its metrics against `own`; of those upon refused ones
    among them nothing.

    An adapter for which MetricFlow writes no SQL is asked in DuckDB's. Where it can read nothing at all, that
    is told of whichever metric it is.
    """
    if not vocabulary.metrics:
        return []
    told: list[Refusal] = []
    try:
        told += _by_rules(semantic_manifest, vocabulary)
        engine = engine_for(semantic_manifest, dialect if dialect in DIALECTS else "duckdb")
    except _FAILURES as error:
        # What its rules refuse is said better than how it fails over the same.
        known = any(one.blocking for one in told)
        return told if known else [*told, Refusal("", "", _words(error))]
    told = [one for one in told if one.of != "metric" or one.name in own]
    refused = {one.name for one in told if one.blocking and one.of == "metric"}
    asked = {
        name: words
        for name in vocabulary.metrics
        if name in own and name not in refused and (words := _asked(engine, name)) is not None
    }
    told += [Refusal("metric", name, words) for name, words in asked.items()]
    refused |= set(asked)
    return [
        one for one in told if one.of != "metric" or not _stand_upon(one.name, refused, vocabulary.metrics)
    ]


def _by_rules(semantic_manifest: bytes, vocabulary: Vocabulary) -> list[Refusal]:
    """What the rules say that dbt applies, too, to what dbt wrote and not to what MetricFlow makes of it."""
    manifest = PydanticSemanticManifest.parse_raw(semantic_manifest.decode())
    models = {model.semantic.name for model in vocabulary.models.values() if model.semantic}
    rules: Sequence[Any] = SemanticManifestValidator.DEFAULT_RULES  # type: ignore[misc] # as they use it
    issues = [issue for rule in rules for issue in rule.validate_manifest(manifest)]
    found = []
    for issue in issues:
        of, name = _subject(issue, vocabulary.metrics.keys(), models)
        found.append(Refusal(of, name, _of_rule(issue.message), issue.level == ValidationIssueLevel.ERROR))
    return list(dict.fromkeys(found))


def _of_rule(message: str) -> str:
    """What a rule says; of a report on what it could not read what it was at, and the message in it."""
    begun, *rest = _CLASS.split(message, maxsplit=1)
    said = _UNREAD.search(rest[0]) if rest else None
    if said is None:
        return reason(": ".join([begun, *rest]))
    # It quotes what somebody wrote, who may have written it like one of Python's objects.
    return f"{begun}: {' '.join(said[1].split())[:_LONGEST]}"


def _subject(issue: Any, metrics: Collection[str], models: Collection[str]) -> tuple[Of, str]:
    """What an issue is about: as its context says, or as its words do."""
    metric = getattr(issue.context, "metric", None)
    if metric is not None and metric.metric_name in metrics:
        return "metric", metric.metric_name
    part = getattr(issue.context, "semantic_model_element", None)
    part = part or getattr(issue.context, "semantic_model", None)
    if part is not None:
        return "semantic_model", part.semantic_model_name
    named = _QUOTED.findall(issue.message)
    metric = next((name for name in named if name in metrics), None)
    model = next((name for name in named if name in models), None)
    return ("metric", metric) if metric else ("semantic_model", model) if model else ("", "")


def _asked(engine: Engine, name: str) -> str | None:
    """Why MetricFlow writes no SQL for a metric, None where it does."""
    words = None
    for grain in _GRAINS:
        try:
            engine.sql(name, grain=grain)
        except _FAILURES as error:
            words = _words(error.__cause__ or error)
        else:
            return None
    return words


def _words(error: BaseException) -> str:
    """MetricFlow's first sentence, and what it was asked for, of a report on many lines."""
    lazy = getattr(error.args[0] if error.args else None, "evaluated_value", None)
    text = str(lazy or error)
    if filtered := _FILTER.search(text):
        return ": ".join(filter(None, filtered.groups()))[:_LONGEST]
    message = _MESSAGE.search(text)
    if message is None:
        return reason(text)
    sentence = " ".join(message[1].split()).split(" Common issues are")[0]
    asked = _ASKED.search(text)
    return reason(f"{sentence.rstrip('.')}: {asked[1]}" if asked else sentence)


def _stand_upon(name: str, refused: Iterable[str], metrics: Mapping[str, Metric]) -> bool:
    """Whether a metric is made of another one that is refused: that one is to be mended first."""
    seen = {name}
    waiting = [name]
    while waiting:
        metric = metrics[waiting.pop()]
        parts = (metric.numerator, metric.denominator, *metric.inputs)
        below = {part.name for part in parts if part is not None} & metrics.keys() - seen
        if not below.isdisjoint(refused):
            return True
        seen |= below
        waiting += below
    return False
