"""The technical half of a metric's documentation, which follows from its definition alone."""

from __future__ import annotations

from textwrap import indent

from semantic.current import fields_of
from semantic.definitions import Metric, Vocabulary
from semantic.formula import analyse, metric_models

CONTEXT = "### Business context"
COMPUTED = "### How it is computed"


def documentation(metric: Metric, vocabulary: Vocabulary) -> str:
    """A metric's whole documentation in Markdown: its meaning, its business context, how it is computed."""
    fields = fields_of(metric, vocabulary)
    context = f"{CONTEXT}\n\n{fields.context}" if fields.context else ""
    return "\n\n".join(filter(None, (fields.meaning, context, how_computed(metric, vocabulary))))


def how_computed(metric: Metric, vocabulary: Vocabulary) -> str:
    """The section that says how a metric is computed; the same text whenever it is computed in the same way.

    Empty where no formula says what dbt computes.
    """
    fields = fields_of(metric, vocabulary)
    analysis = analyse(fields.formula, vocabulary)
    if not analysis.ok:
        return ""
    sentence = f"{analysis.reads_as[:1].upper()}{analysis.reads_as[1:]}"
    models = sorted(metric_models(vocabulary, metric.name))
    rows = f"It counts rows of {' and '.join(f'`{name}`' for name in models)}" if models else ""
    dated = f", by the date `{fields.time}`" if rows and fields.time else ""
    said = (COMPUTED, sentence, indent(fields.formula, " " * 4), f"{rows}{dated}." if rows else "")
    return "\n\n".join(filter(None, said))
