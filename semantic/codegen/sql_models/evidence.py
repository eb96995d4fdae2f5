"""What a project's habits are read from: how many files show one, and one of them as an example."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

_T = TypeVar("_T", bound=Hashable)
_WORDS = {
    "functions": "Capitals of functions",
    "keywords": "Capitals of keywords",
    "hanging": "First column as deep as the others",
    "imports": "A common table for each model that is read",
    "final": "Last common table, which all is selected from",
    "airy": "Blank lines within common tables",
    "with_alone": "WITH on a line of its own",
    "yaml": "One properties file for each",
    "yaml_name": "Name of properties files",
    "version": "Properties files begin with version: 2",
    "tests": "Key of tests",
}
_SHOWN = {"True": "yes", "False": "no", "": "none"}


@dataclass(frozen=True, slots=True)
class Evidence:
    """`count` of the `of` files that show anything show this habit, `example` is one of them."""

    trait: str
    value: str
    count: int = 0
    of: int = 0
    example: str = ""

    @property
    def words(self) -> str:
        """The habit's name for people."""
        return _WORDS.get(self.trait) or self.trait.replace("_", " ").capitalize()

    @property
    def shown(self) -> str:
        """The habit for people, who do not see blanks."""
        if self.trait == "indent":
            return "a tab" if "\t" in self.value else f"{len(self.value)} blanks"
        return _SHOWN.get(self.value, self.value)


class Votes(Generic[_T]):
    """One vote each time that a file is added; a draw goes to the default, else to the first in order."""

    def __init__(self) -> None:
        self.files: dict[_T, list[str]] = {}

    def add(self, value: _T, path: str) -> None:
        self.files.setdefault(value, []).append(path)

    def winner(self, default: _T) -> _T:
        """What has most votes."""
        if not self.files:
            return default
        return min(self.files, key=lambda value: (-len(self.files[value]), value != default, str(value)))

    def evidence(self, trait: str, default: _T, shown: str | None = None) -> Evidence:
        """The habit with most votes, and how many files have it."""
        value = self.winner(default)
        found = set(self.files.get(value, ()))
        total = sum(len(set(paths)) for paths in self.files.values())
        return Evidence(
            trait, str(value) if shown is None else shown, len(found), total, min(found, default="")
        )


def majority(values: Iterable[_T]) -> _T | None:
    """What occurs most often, of several the first in order; None of nothing."""
    counts: dict[_T, int] = {}
    for value in values:
        counts[value] = counts.get(value, 0) + 1
    return min(counts, key=lambda value: (-counts[value], str(value))) if counts else None
