"""Which models get a new column of another model, because they read that one by a `*`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from catalog.lineage.origins import Relation
from catalog.lineage.queries import Untraceable, trace
from semantic.codegen.sql_models.jinja import Masked, relation_call
from semantic.codegen.sql_models.queries import NotAQuery, queries_in


@dataclass(frozen=True, slots=True)
class Below:
    """A model that reads others: its SQL, those of its columns that are known, and who reads it."""

    name: str
    text: str
    columns: tuple[str, ...]
    readers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Received:
    """What becomes of a new column further down.

    `takers` get it by a `*`; `clash` is the first that has a column of that name already. Of those that are
    `unsure` the text does not tell.
    """

    takers: tuple[str, ...] = ()
    clash: str = ""
    unsure: tuple[str, ...] = ()


def received(column: str, model: str, find: Callable[[str], Below | None], dialect: str) -> Received:
    """Where a new column of `model` arrives. Both are dbt's ids; `find` gives a model by its id."""
    wanted = column.lower()
    takers: list[str] = []
    unsure: list[str] = []
    waiting, seen = [model], {model}
    while waiting:
        above = find(waiting.pop(0))
        for name in above.readers if above is not None else ():
            below = find(name)
            if above is None or below is None or name in seen:
                continue
            seen.add(name)
            has = wanted in map(str.lower, below.columns)
            listed = _listed_in(below, above, wanted, dialect)
            if listed is None:
                unsure.append(below.name)
                continue
            before, after = listed
            if after > before and (before or has):
                return Received(tuple(takers), below.name, tuple(unsure))
            if after > before:
                takers.append(below.name)
                waiting.append(name)
    return Received(tuple(takers), "", tuple(unsure))


def _listed_in(below: Below, above: Below, column: str, dialect: str) -> tuple[int, int] | None:
    """How often a column is listed in a model's result without and with it in what it reads, at most.

    None where its text mentions the column, or a `*`, and cannot be read.
    """
    if "*" not in below.text and not re.search(rf"\b{re.escape(column)}\b", below.text, re.IGNORECASE):
        return 0, 0
    known = tuple(name.lower() for name in above.columns)
    try:
        counts = [
            tuple(names.count(column) for names in _results(below.text, dialect, above.name, columns))
            for columns in (known, (*known, column))
        ]
    except (NotAQuery, Untraceable):
        return None
    # However Jinja decides: the reading in which the column arrives.
    return max(zip(*counts, strict=True), key=lambda pair: pair[1] - pair[0])


@lru_cache(maxsize=512)
def _results(text: str, dialect: str, model: str, columns: tuple[str, ...]) -> Sequence[tuple[str, ...]]:
    """The names of a query's columns, for each way in which Jinja may decide."""
    return tuple(
        tuple(name for name, _origin in trace(query.masked.text, dialect, relations).columns)
        for query in queries_in(text, dialect)
        for relations in (_relations(query.masked, model, columns),)
    )


def _relations(masked: Masked, model: str, columns: tuple[str, ...]) -> Mapping[tuple[str, ...], Relation]:
    """The model in a masked text, under each of its names there."""
    calls = ((name, relation_call(jinja)) for name, jinja in masked.names.items())
    names = (name for name, call in calls if call and call.kind == "ref" and call.name == model)
    return {(name.lower(),): Relation(model, columns, complete=True) for name in names}
