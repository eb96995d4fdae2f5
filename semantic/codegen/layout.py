"""Which file of the dbt project an entry is written to: beside its likes, else beside its model."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import PurePosixPath

from semantic.codegen.entries import PREFIXES
from semantic.definitions import Model, Vocabulary
from semantic.formula import metric_models

YAML = (".yml", ".yaml")
# What files are called after: a model, its name without the prefix of its layer, the folder of the model.
_MODEL, _SHORT, _FOLDER = "{model}", "{short}", "{folder}"


def metrics_file(model: Model, vocabulary: Vocabulary) -> str:
    """Where metrics over `model` live: with most of those there are, else where the project has its metrics.

    Those in a model's own entry are where they have to be, and tell nothing about the others.
    """
    files = {
        metric.name: metric.file
        for metric in vocabulary.metrics.values()
        if metric.file and not (metric.spec == "latest" and metric.type == "simple")
    }
    about = {name: metric_models(vocabulary, name) for name in files}
    homes = Counter(file for name, file in files.items() if model.name in about[name])
    if homes:
        return min(homes, key=lambda file: (-homes[file], file))
    if vocabulary.spec_for(model) == "latest":
        return properties_file(model)
    apart = Counter(
        "" if file in _semantic_files(about[name], vocabulary) else file for name, file in files.items()
    )
    return _clear(apart) or semantic_file(model, vocabulary)


def semantic_file(model: Model, vocabulary: Vocabulary) -> str:
    """Where the semantic model of `model` stands, or where a new one belongs: as the others have it."""
    if model.semantic:
        return model.semantic.file
    home = _clear(Counter(_homes(vocabulary)))
    return _called_after(model, home) if home else _beside(model)


def properties_file(model: Model) -> str:
    """Where `model` is described, or where its description belongs: dbt allows one entry for each."""
    return model.file if model.file.endswith(YAML) else _beside(model)


def alone(word: str) -> re.Pattern[str]:
    """A word where no other one goes on before or behind it; names may be joined to it by underscores."""
    return re.compile(rf"(?<![a-z0-9{{]){re.escape(word)}(?![a-z0-9}}])")


def _beside(model: Model) -> str:
    """A file of its own in the model's folder."""
    return str(PurePosixPath(model.file).with_name(f"{model.name}_metrics.yml"))


def _clear(votes: Counter[str]) -> str:
    """What more than a half of all have; "" where nothing is."""
    return next((value for value, count in votes.items() if count * 2 > votes.total()), "")


def _semantic_files(models: set[str], vocabulary: Vocabulary) -> set[str]:
    known = (vocabulary.models[name].semantic for name in models if name in vocabulary.models)
    return {semantic.file for semantic in known if semantic}


def _homes(vocabulary: Vocabulary) -> Iterator[str]:
    """The file of each semantic model, with marks for its model's name where it is called after it alone."""
    there = [
        (model, model.semantic.file)
        for model in vocabulary.models.values()
        if model.semantic and model.semantic.file and model.semantic.spec == "legacy"
    ]
    shared = Counter(file for _model, file in there)
    for model, file in there:
        yield _marked(model, PurePosixPath(file)) if shared[file] == 1 else file


def _marked(model: Model, file: PurePosixPath) -> str:
    folder = _FOLDER if file.parent == PurePosixPath(model.file).parent else str(file.parent)
    for name, mark in ((model.name, _MODEL), (_short(model), _SHORT)):
        if alone(name).search(file.stem):
            return f"{folder}/{alone(name).sub(mark, file.name, count=1)}"
    return str(file)


def _called_after(model: Model, home: str) -> str:
    """The file that marks stand for."""
    marks = {_FOLDER: str(PurePosixPath(model.file).parent), _MODEL: model.name, _SHORT: _short(model)}
    for mark, name in marks.items():
        home = home.replace(mark, name)
    return home


def _short(model: Model) -> str:
    return PREFIXES.sub("", model.name)
