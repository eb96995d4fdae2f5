"""One version of a model in a properties file: what it says itself, and what it shares with the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from semantic.codegen.yaml_marks import YamlRefused
from semantic.codegen.yaml_steps import Named, Path

Raw: TypeAlias = Mapping[str, Any]
VERSIONS = "versions"


def version_of(unique_id: str) -> str:
    """The version of a model by dbt's id of it; "" of one without versions."""
    kind, *rest = unique_id.split(".", 3)
    return rest[2].removeprefix("v") if kind == "model" and len(rest) == 3 else ""


def named(version: str) -> int | str:
    """A version as its key `v` is mostly written."""
    return int(version) if version.isdecimal() else version


@dataclass(frozen=True, slots=True)
class Version:
    """A version's own entry and that of its model, each with its path, and the entries of other versions."""

    path: Path
    entry: Raw
    model_path: Path
    model: Raw
    others: tuple[Raw, ...]

    def of_column(self, name: str, *, alone: bool) -> tuple[Path, Raw]:
        """The entry among whose columns this one stands, or belongs.

        Refused where other versions share the column, and it is to be said of this version `alone`.
        """
        if _lists(self.entry, name) or not (_lists(self.model, name) and _takes(self.entry, name)):
            return self.path, self.entry
        if alone and any(_takes(other, name) for other in self.others):
            raise self.shared(f"The column {name}")
        return self.model_path, self.model

    def of_tests(self) -> tuple[Path, Raw]:
        """The entry whose list of tests is this version's: where it has one, it takes none of the model's."""
        if _has_tests(self.entry) or not _has_tests(self.model):
            return self.path, self.entry
        if not all(map(_has_tests, self.others)):
            raise self.shared("The list of tests")
        return self.model_path, self.model

    def inherits(self, key: str) -> bool:
        """Whether the model's entry says this key of all versions."""
        config = self.model.get("config")
        return key in self.model or (isinstance(config, Mapping) and key in config)

    def shared(self, what: str) -> YamlRefused:
        """That something is not this version's alone, and what to do."""
        return YamlRefused(
            "unsupported-shape",
            f"{what} stands in the entry of {self.model.get('name')} for several versions at once. Change it"
            " there by hand, or give this version its own first.",
        )


def version_in(data: Any, model: str, version: str) -> Version:
    """A version of a model in a file. Refused where it does not stand there."""
    path: Path = ("models", Named(model))
    entry = next((one for one in _entries(data, "models") if one.get("name") == model), {})
    listed = entry.get(VERSIONS)
    found = list(enumerate(listed)) if isinstance(listed, list) else []
    own = [(place, one) for place, one in found if isinstance(one, Mapping) and str(one.get("v")) == version]
    if len(own) != 1:
        raise YamlRefused(
            "no-such-entry",
            f"Version {version} of {model} does not stand in this file. It may have been moved: pull first.",
        )
    ((place, one),) = own
    others = tuple(other for at, other in found if at != place and isinstance(other, Mapping))
    return Version((*path, VERSIONS, place), one, path, entry, others)


def placed(data: Any, path: Path, *, alone: bool) -> Path:
    """The path to an entry as this file has it, where `path` may lead through a version of a model.

    Refused where it is that of a column that other versions have too, and this version is meant `alone`.
    """
    if VERSIONS not in path:
        return path
    _section, model, _versions, which, *column = path
    assert isinstance(model, Named)
    assert isinstance(which, Named)
    version = version_in(data, model.value, which.value)
    if not column:
        return version.path
    assert isinstance(column[1], Named)
    home, _entry = version.of_column(column[1].value, alone=alone)
    return (*home, *column)


def _entries(data: Any, key: str) -> list[Raw]:
    listed = data.get(key) if isinstance(data, Mapping) else None
    return [one for one in listed if isinstance(one, Mapping)] if isinstance(listed, list) else []


def _has_tests(entry: Raw) -> bool:
    """Whether dbt finds a list of tests: an empty one counts under its newer name alone."""
    return bool(entry.get("tests")) or entry.get("data_tests") is not None


def _lists(entry: Raw, column: str) -> bool:
    wanted = column.casefold()
    return any(str(one.get("name")).casefold() == wanted for one in _entries(entry, "columns"))


def _takes(version: Raw, column: str) -> bool:
    """Whether a version has the columns' entry of this name that its model has."""
    chosen = next((one for one in _entries(version, "columns") if "include" in one or "exclude" in one), {})
    included, excluded = chosen.get("include", "*"), chosen.get("exclude") or ()
    if isinstance(included, list):
        return column.casefold() in (str(one).casefold() for one in included)
    return column.casefold() not in (str(one).casefold() for one in excluded)
