"""Where a project keeps its models, what it calls them by layer, and which files describe them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Any, Literal, TypeAlias

from semantic.codegen.sql_models.evidence import Evidence, Votes, majority
from semantic.codegen.sql_models.properties import Files, descriptions_of, home_of, models_in
from semantic.codegen.yaml_steps import SetKey

LayerKind: TypeAlias = Literal["staging", "intermediate", "marts"]
YamlHabit: TypeAlias = Literal["folder", "model"]
TestsKey: TypeAlias = Literal["data_tests", "tests"]
TestOfKey: TypeAlias = Literal["unique", "not_null"]
_FOLDERS: Mapping[LayerKind, frozenset[str]] = {
    "staging": frozenset(("staging", "stage", "stg", "base", "bronze")),
    "intermediate": frozenset(("intermediate", "int", "silver")),
    "marts": frozenset(("marts", "mart", "gold", "reporting", "reports", "datamarts")),
}
_PREFIXES: Mapping[LayerKind, frozenset[str]] = {
    "staging": frozenset(("stg", "base", "src")),
    "intermediate": frozenset(("int",)),
    "marts": frozenset(("fct", "dim", "fact", "mart", "mrt", "rpt", "agg", "obt")),
}
_PREFIX = re.compile(r"[a-z]+(?=_)")
# So many files that do the same make a habit of a folder or a layer.
FEWEST = 3
USUAL_NAME = "_{folder}__models.yml"
_USUAL_NAMES: Mapping[YamlHabit, str] = {"folder": USUAL_NAME, "model": "{model}.yml"}
_FIRST = re.compile(r"(?:^ *-|\[) *(unique|not_null)(?:,|[ \r]*\n *-) *(?:unique|not_null)\b", re.MULTILINE)
_TESTS = re.compile(r"^[ -]*(data_tests|tests):", re.MULTILINE)
_VERSION = re.compile(r"^version:\s*2\b", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Layer:
    """One of dbt's layers as a project has it: its folder and its models' prefixes, most usual first.

    "" among the prefixes stands for models without one.
    """

    kind: LayerKind
    folder: str
    prefixes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Places:
    """Where models and their descriptions go.

    `yaml_name` is the name of a properties file, with `{model}`, `{folder}` or `{parent}` for what it is
    called after; `version` whether these files begin with `version: 2`; `tests` is the key of their tests,
    `first` the one that columns have first of the two tests of a key.
    """

    layers: tuple[Layer, ...] = ()
    yaml: YamlHabit = "folder"
    yaml_name: str = USUAL_NAME
    version: bool = False
    tests: TestsKey = "data_tests"
    first: TestOfKey = "unique"

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Places:
        """What `asdict` told."""
        layers = tuple(
            Layer(one["kind"], one["folder"], tuple(one["prefixes"])) for one in data.get("layers", ())
        )
        rest = {key: data[key] for key in ("yaml", "yaml_name", "version", "tests", "first") if key in data}
        return cls(layers, **rest)

    def layer(self, kind: LayerKind) -> Layer | None:
        return next((layer for layer in self.layers if layer.kind == kind), None)

    def folder_for(self, kind: LayerKind, beside: str, files: Mapping[str, str]) -> str:
        """Where a model of a layer goes that belongs to the one at `beside`.

        That is the nearest of the layer, without such a layer the other's own.
        """
        at = PurePosixPath(beside)
        return (
            str(at.parent)
            if layer_of(beside) == kind
            else self.nearest(kind, [beside], files) or str(at.parent)
        )

    def nearest(self, kind: LayerKind, read: Collection[str], files: Mapping[str, str]) -> str:
        """The folder of a layer for a model that reads those at these paths; "" without such a layer.

        Of the folders with models it is the one with the longest way in common with them, then that of the
        same name, then the layer's own, then the fullest.
        """
        layer = self.layer(kind)
        models = [PurePosixPath(path) for path in models_in(files) if layer_of(path) == kind]
        named = [at for at in models if _layer_folder(at, kind)]
        folders = Counter(at.parent for at in named or models)
        if layer is None or not folders:
            return layer.folder if layer else ""
        steps = [PurePosixPath(path).parent.parts for path in read]

        def nearness(folder: PurePosixPath) -> tuple[int, int, bool, int]:
            shared = sum(_alike(folder.parts, one) for one in steps)
            called = sum(_alike(folder.parts[::-1], one[::-1]) for one in steps)
            return shared, called, str(folder) == layer.folder, folders[folder]

        return str(max(sorted(folders), key=nearness))

    def properties_file(self, path: str, files: Mapping[str, str]) -> str:
        """Where the model at `path` is described: with its neighbours, in one of its own, or as is usual."""
        if home := home_of(path, files, apart=self.yaml == "model"):
            return home
        at = PurePosixPath(path)
        twice = at.parent.name == "models" and self.yaml_name == USUAL_NAME
        name = "_models.yml" if twice else self.yaml_name
        name = name.format(model=at.stem, folder=at.parent.name, parent=at.parent.parent.name)
        return str(at.with_name(name))

    def opening(self, path: str, files: Mapping[str, str]) -> tuple[SetKey, ...]:
        """What a properties file begins with that is not there yet."""
        return (SetKey((), "version", 2),) if self.version and path not in files else ()

    def tests_key(self, path: str, files: Mapping[str, str]) -> TestsKey:
        """The key of tests in a file: its own, else that of the project."""
        return majority(_TESTS.findall(files.get(path, ""))) or self.tests

    def in_order(self, tests: Sequence[Any], path: str, files: Mapping[str, str]) -> list[Any]:
        """A column's tests, the two of a key in the order of those in the file, else in the project."""
        key = [test for test in tests if test in ("unique", "not_null")]
        if len(key) == 2:
            first = majority(_FIRST.findall(files.get(path, ""))) or self.first
            key.sort(key=lambda test: test != first)
        following = iter(key)
        return [next(following) if test in key else test for test in tests]


def _alike(one: Sequence[str], other: Sequence[str]) -> int:
    """How much two ways, or names, have in common from their beginning on."""
    return next(
        (n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )


def layer_of(path: str) -> LayerKind | None:
    """The layer that a model is in by its folders, the innermost first, else by its prefix."""
    at = PurePosixPath(path)
    for folder in reversed(_folders(at)):
        for kind, names in _FOLDERS.items():
            if folder.lower() in names:
                return kind
    prefix = prefix_of(at.stem)
    return next((kind for kind, names in _PREFIXES.items() if prefix in names), None)


def _folders(at: PurePosixPath) -> tuple[str, ...]:
    """The folders below `models`, where there is such a folder."""
    parts = at.parts[:-1]
    return parts[parts.index("models") + 1 :] if "models" in parts else parts


def prefix_of(name: str) -> str:
    """The prefix that tells the layer of a model, without its underscore; "" without one."""
    found = _PREFIX.match(name)
    known = frozenset().union(*_PREFIXES.values())
    return found[0] if found and found[0] in known else ""


def shared_prefix(folder: str, files: Mapping[str, str]) -> str:
    """What the names of all models of a folder begin with, up to an underscore; "" of fewer than three."""
    at = PurePosixPath(folder)
    names = sorted(one.stem for one in map(PurePosixPath, models_in(files)) if one.parent == at)
    return names[0][: _alike(names[0], names[-1])].rpartition("_")[0] if len(names) >= FEWEST else ""


def prefixes_in(folder: str, files: Mapping[str, str]) -> set[str]:
    """The prefixes of the models of a folder; none where one lacks it, or of fewer than three."""
    at = PurePosixPath(folder)
    found = [prefix_of(one.stem) for one in map(PurePosixPath, models_in(files)) if one.parent == at]
    return {*found} if all(found) and len(found) >= FEWEST else set()


def stem_of(name: str) -> str:
    """The name of a model without the prefix of its layer."""
    prefix = prefix_of(name)
    return name.removeprefix(f"{prefix}_") if prefix else name


def places_of(files: Mapping[str, str]) -> tuple[Places, tuple[Evidence, ...]]:
    """Where the models of a project are and should be, and why; never raises."""
    return _places_of(Files(files))


def places_in(files: Mapping[str, str]) -> Places:
    """Where the models of a project are and should be."""
    return places_of(files)[0]


@lru_cache(maxsize=4)
def _places_of(files: Files) -> tuple[Places, tuple[Evidence, ...]]:
    found = _Found(files.files)
    return found.places(), tuple(found.evidence())


@dataclass
class _Layer:
    named: Counter[str] = field(default_factory=Counter)
    others: Counter[str] = field(default_factory=Counter)  # folders of models that only a prefix tells of
    prefixes: Votes[str] = field(default_factory=Votes)

    def evidence(self, trait: str) -> Evidence | None:
        """The folder in which most models of the layer are, rather one that bears its name."""
        folders = self.named or self.others
        if not folders:
            return None
        folder = min(folders, key=lambda name: (-folders[name], name))
        total = sum(self.named.values()) + sum(self.others.values())
        return Evidence(trait, folder, folders[folder], total, folder)


class _Found:
    def __init__(self, files: Mapping[str, str]) -> None:
        self.layers: dict[LayerKind, _Layer] = {kind: _Layer() for kind in _FOLDERS}
        self.yaml: Votes[str] = Votes()
        self.names: Votes[str] = Votes()
        self.version: Votes[bool] = Votes()
        self.tests: Votes[TestsKey] = Votes()
        self.first: Votes[TestOfKey] = Votes()
        for path in models_in(files):
            self._model(path)
        described = descriptions_of(files)
        for path, names in described.files.items():
            self._properties(path, [name for name in names if name in described.sql], files)

    def _model(self, path: str) -> None:
        kind = layer_of(path)
        if kind is None:
            return
        layer, at = self.layers[kind], PurePosixPath(path)
        if folder := _layer_folder(at, kind):
            layer.named[folder] += 1
        else:
            layer.others[str(at.parent)] += 1
        layer.prefixes.add(prefix_of(at.stem), path)

    def _properties(self, path: str, models: Sequence[str], files: Mapping[str, str]) -> None:
        """A file counts as often as it describes models, and once for how it is written."""
        described = descriptions_of(files)
        pattern = described.pattern(path)
        name = pattern or described.shared_name(path)
        for _model in models:
            self.yaml.add("model" if pattern else "folder", path)
            self.names.add(name, path)
        if models:
            self.version.add(bool(_VERSION.search(files[path])), path)
            if key := majority(_TESTS.findall(files[path])):
                self.tests.add(key, path)
            if first := majority(_FIRST.findall(files[path])):
                self.first.add(first, path)

    def _habit(self) -> YamlHabit:
        return "model" if self.yaml.winner("folder") == "model" else "folder"

    def _fitting(self) -> Votes[str]:
        """The names of properties files that keep the habit."""
        fitting: Votes[str] = Votes()
        for name, paths in self.names.files.items():
            for path in paths if ("{model}" in name) == (self._habit() == "model") else ():
                fitting.add(name, path)
        return fitting

    def places(self) -> Places:
        name = self._fitting().winner(_USUAL_NAMES[self._habit()])
        version, tests = self.version.winner(default=False), self.tests.winner("data_tests")
        first = self.first.winner("unique")
        return Places(tuple(self._layers()), self._habit(), name, version, tests, first)

    def _layers(self) -> Iterator[Layer]:
        for kind, layer in self.layers.items():
            if found := layer.evidence(f"{kind}_folder"):
                yield Layer(kind, found.value, tuple(_usual(layer.prefixes)))

    def evidence(self) -> Iterator[Evidence]:
        for kind, layer in self.layers.items():
            if found := layer.evidence(f"{kind}_folder"):
                yield found
                yield layer.prefixes.evidence(f"{kind}_prefix", "")
        yield self.yaml.evidence("yaml", "folder")
        yield self._fitting().evidence("yaml_name", _USUAL_NAMES[self._habit()])
        yield self.version.evidence("version", default=False)
        yield self.tests.evidence("tests", "data_tests")


def _usual(prefixes: Votes[str]) -> list[str]:
    """Those that at least a tenth of the models have, most usual first; "" among them means none."""
    counts = {prefix: len(paths) for prefix, paths in prefixes.files.items()}
    often = [prefix for prefix, count in counts.items() if count * 10 >= sum(counts.values())]
    return sorted(often, key=lambda prefix: (-counts[prefix], prefix))


def _layer_folder(at: PurePosixPath, kind: LayerKind) -> str:
    """The path to the folder that is the layer; "" where only the model's prefix tells of it."""
    parts = at.parts[:-1]
    for place in reversed(range(len(parts) - len(_folders(at)), len(parts))):
        if parts[place].lower() in _FOLDERS[kind]:
            return "/".join(parts[: place + 1])
    return ""
