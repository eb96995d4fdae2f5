"""Whose rows a metric totals."""

from __future__ import annotations

from collections.abc import Iterator

from semantic.definitions import Metric, Vocabulary


def metric_models(vocabulary: Vocabulary, name: str) -> set[str]:
    """The models whose rows a metric totals, through all metrics that it is made of."""
    found: set[str] = set()
    seen: set[str] = set()
    waiting = [name]
    while waiting:
        metric = vocabulary.metrics.get(waiting.pop())
        if metric is None or metric.name in seen:
            continue
        seen.add(metric.name)
        found |= {
            vocabulary.measures[name][0].name for name in metric.measures if name in vocabulary.measures
        }
        waiting += _inputs(metric)
    return found


def _inputs(metric: Metric) -> Iterator[str]:
    for part in (metric.numerator, metric.denominator, *metric.inputs):
        if part:
            yield part.name
