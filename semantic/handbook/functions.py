"""The functions as people look them up: by category, by any of their names, by their names elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby

from semantic.formula import FunctionDoc, analyse, functions
from semantic.formula.habits import INSTEAD
from semantic.formula.registry import CONDITIONAL, find_function, similar_function
from semantic.handbook.shop import SHOP, START

# What is looked up together; a total and its …IF belong together anyway.
_TOGETHER = (
    ("SUM", "AVERAGE", "COUNT"),
    ("AVERAGE", "MEDIAN", "PERCENTILE"),
    ("COUNT", "COUNTDISTINCT"),
    ("MIN", "MAX"),
    ("MIN", "LEAST"),
    ("MAX", "GREATEST"),
    ("IF", "IFS", "SWITCH"),
    ("AND", "OR", "IF"),
    ("COALESCE", "NULLIF", "ISBLANK"),
    ("DIVIDE", "COALESCE", "MOD"),
    ("ROUND", "CEILING", "FLOOR"),
    ("SQRT", "POWER"),
    ("GREATEST", "LEAST"),
    ("CONTAINS", "STARTSWITH", "ENDSWITH"),
    ("UPPER", "LOWER", "TRIM"),
    ("LEFT", "RIGHT", "LEN", "CONCAT"),
    ("YEAR", "QUARTER", "MONTH", "DAY", "STARTOF"),
    ("DATEADD", "DATEDIFF", "TODAY", "DATE"),
    ("ROLLING", "TODATE", "CUMULATIVE", "PRIOR"),
)


@dataclass(frozen=True, slots=True)
class Entry:
    """A function as it is looked up; `reads_as` is its example in words."""

    doc: FunctionDoc
    reads_as: str
    related: tuple[str, ...]

    @property
    def text(self) -> str:
        """All that somebody may look for."""
        return " ".join((self.doc.signature, *self.doc.aliases, self.doc.summary, self.doc.category))


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Names that people bring from elsewhere, and what takes their place."""

    names: tuple[str, ...]
    instead: str

    @property
    def text(self) -> str:
        return " ".join((*self.names, self.instead))


@dataclass(frozen=True, slots=True)
class Category:
    """Functions of one kind, in the order in which one learns them."""

    name: str
    entries: Sequence[Entry]


@dataclass(frozen=True, slots=True)
class Found:
    """What fits a search; `similar` is the function that was probably meant where nothing fits."""

    categories: Sequence[Category]
    elsewhere: Sequence[Elsewhere]
    similar: str = ""

    @property
    def count(self) -> int:
        return sum(len(category.entries) for category in self.categories) + len(self.elsewhere)


@cache
def entries() -> tuple[Entry, ...]:
    """Every function that there is."""
    return tuple(
        Entry(doc, analyse(doc.example, SHOP, model=START).reads_as, tuple(_related(doc.name)))
        for doc in functions()
    )


@cache
def elsewhere() -> tuple[Elsewhere, ...]:
    """The names of spreadsheets, databases and BI tools that are answered with what to do."""
    texts = dict.fromkeys(INSTEAD[name] for name in sorted(INSTEAD))
    return tuple(Elsewhere(tuple(sorted(n for n in INSTEAD if INSTEAD[n] == text)), text) for text in texts)


def look_up(text: str = "") -> Found:
    """What holds every word; a name that is typed whole comes alone with what belongs to it."""
    words = text.casefold().split()
    whole = find_function(text)
    fitting = [entry for entry in entries() if _holds(entry.text, words)]
    if whole is not None and len(words) == 1:
        # AVG means AVERAGE; that other texts contain these three letters is of no use.
        near = {whole.name, *_related(whole.name)}
        fitting = [entry for entry in fitting if entry.doc.name in near or _begins(entry, words[0])]
    others = [one for one in elsewhere() if _holds(one.text, words)]
    similar = "" if fitting or others else similar_function(text)
    return Found(_by_category(fitting), others, similar)


def _holds(text: str, words: Sequence[str]) -> bool:
    said = text.casefold()
    return all(word in said for word in words)


def _begins(entry: Entry, word: str) -> bool:
    return any(name.casefold().startswith(word) for name in (entry.doc.name, *entry.doc.aliases))


def _by_category(found: Sequence[Entry]) -> tuple[Category, ...]:
    order = list(dict.fromkeys(entry.doc.category for entry in entries()))
    ordered = sorted(found, key=lambda entry: order.index(entry.doc.category))
    return tuple(
        Category(name, tuple(group)) for name, group in groupby(ordered, lambda entry: entry.doc.category)
    )


def _related(name: str) -> Iterator[str]:
    pairs = [*CONDITIONAL.items(), *_TOGETHER]
    near = dict.fromkeys(other for group in pairs if name in group for other in group if other != name)
    return (other for other in near if find_function(other) is not None)
