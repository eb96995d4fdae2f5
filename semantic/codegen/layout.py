"""Which file of the dbt project an entry is written to: beside its likes, else beside its model."""

from __future__ import annotations

from collections import Counter
from pathlib import PurePosixPath

from semantic.definitions import Model, Vocabulary
from semantic.formula import metric_models

YAML = (".yml", ".yaml")


def metrics_file(model: Model, vocabulary: Vocabulary) -> str:
    """Where metrics over `model` live: with most of those there are, else with its semantic model.

    Those in a model's own entry are where they have to be, and tell nothing about the others.
    """
    homes = Counter(
        metric.file
        for metric in vocabulary.metrics.values()
        if metric.file
        and not (metric.spec == "latest" and metric.type == "simple")
        and model.name in metric_models(vocabulary, metric.name)
    )
    if homes:
        return min(homes, key=lambda file: (-homes[file], file))
    if vocabulary.spec_for(model) == "latest":
        return properties_file(model)
    return semantic_file(model)


def semantic_file(model: Model) -> str:
    """Where the semantic model of `model` stands, or where a new one belongs."""
    return model.semantic.file if model.semantic else _beside(model)


def properties_file(model: Model) -> str:
    """Where `model` is described, or where its description belongs: dbt allows one entry for each."""
    return model.file if model.file.endswith(YAML) else _beside(model)


def _beside(model: Model) -> str:
    """A file of its own in the model's folder."""
    return str(PurePosixPath(model.file).with_name(f"{model.name}_metrics.yml"))
