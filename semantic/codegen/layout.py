"""Which file of the dbt project an entry is written to: beside its likes, else beside its model."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from pathlib import PurePosixPath

from semantic.codegen.entries import PREFIXES
from semantic.definitions import Model, Vocabulary
from semantic.formula import metric_models

YAML = (".yml", ".yaml")
# What files are called after: a model, its name without the prefix of its layer, the folder of the model.
_MODEL, _SHORT, _FOLDER = "{model}", "{short}", "{folder}"


def metrics_file(model: Model, vocabulary: Vocabulary, about: Collection[str] = ()) -> str:
    """Where a metric over the models `about`, by default `model` alone, belongs: with most of its likes.

    Else it goes into the properties file of `model` where the metrics stand beside their models, or with
    others over `model`, or where the project has its metrics. Those in a model's own entry are where they
    have to be, and tell nothing about the others.
    """
    models = set(about) or {model.name}
    files = {
        metric.name: metric.file
        for metric in vocabulary.metrics.values()
        if metric.file and not (metric.spec == "latest" and metric.type == "simple")
    }
    over = {name: metric_models(vocabulary, name) for name in files}
    latest = vocabulary.spec_for(model) == "latest"
    if likes := Counter(file for name, file in files.items() if over[name] == models):
        return _first(likes)
    if latest and _stand_beside(files, over, vocabulary):
        return properties_file(model)
    if homes := Counter(file for name, file in files.items() if model.name in over[name]):
        return _first(homes)
    if latest:
        return properties_file(model)
    apart = Counter(
        "" if file in _semantic_files(over[name], vocabulary) else file for name, file in files.items()
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


def _stand_beside(files: Mapping[str, str], over: Mapping[str, set[str]], vocabulary: Vocabulary) -> bool:
    """Whether most models have a properties file of their own, and most metrics stand in that of one."""
    described = Counter(model.file for model in vocabulary.models.values() if model.file.endswith(YAML))
    alone = {file for file, count in described.items() if count == 1}
    if 2 * len(alone) <= described.total():
        return False
    beside = [
        name
        for name, file in files.items()
        if file in alone and any(vocabulary.models[model].file == file for model in over[name])
    ]
    return 2 * len(beside) > len(files)


def _first(votes: Counter[str]) -> str:
    """What most have; of several, the first by name."""
    return min(votes, key=lambda value: (-votes[value], value))


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
