"""Where the columns of a table come from, and tables as far as a query's text lets us know them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property
from typing import Protocol

# A relation's key (dbt's unique_id) and the name of a column of it, in lower case.
Leaf = tuple[str, str]


class How(IntEnum):
    """What a query does with a column on the way; of several, the strongest counts."""

    SAME = 0  # as it is, under whatever name
    COMPUTED = 1  # in an expression, row by row or over a window
    AGGREGATED = 2  # many rows become one


@dataclass(frozen=True, slots=True)
class Origin:
    """The columns that a value is made from. Where not all could be resolved, `known` is False."""

    leaves: Mapping[Leaf, How] = field(default_factory=dict)
    known: bool = True

    def by(self, how: How) -> Origin:
        """The same, after `how` was done with it."""
        if all(have >= how for have in self.leaves.values()):
            return self
        return Origin({leaf: max(have, how) for leaf, have in self.leaves.items()}, self.known)


NOTHING = Origin()
UNKNOWN = Origin(known=False)


def merged(origins: Iterable[Origin]) -> Origin:
    """What a value is made from that is made from each of these."""
    leaves: dict[Leaf, How] = {}
    known = True
    for origin in origins:
        known = known and origin.known
        for leaf, how in origin.leaves.items():
            leaves[leaf] = max(how, leaves.get(leaf, how))
    return Origin(leaves, known)


class Rest(Protocol):
    """Columns that a table has besides those that are listed, for nobody knows all of them."""

    def find(self, name: str) -> Origin | None:
        """What the column is made from, if there is one of that name; None where there is surely none."""

    def relations(self) -> Iterator[str]:
        """The keys of the relations whose columns these are."""


@dataclass(frozen=True, slots=True)
class Unlisted:
    """Columns of a relation of which some are documented, or none."""

    relation: str

    def find(self, name: str) -> Origin:
        return Origin({(self.relation, name): How.SAME})

    def relations(self) -> Iterator[str]:
        yield self.relation


@dataclass(frozen=True, slots=True)
class Made:
    """Columns whose names depend on data, all made from the same."""

    origin: Origin

    def find(self, name: str) -> Origin:  # noqa: ARG002 # whatever its name
        return self.origin

    def relations(self) -> Iterator[str]:
        return iter(())


@dataclass(frozen=True, slots=True)
class Without:
    """What `*` brings of a table whose columns are not all known, without those that are named."""

    table: Table
    names: frozenset[str]

    def find(self, name: str) -> Origin | None:
        return None if name in self.names else self.table.find(name)

    def relations(self) -> Iterator[str]:
        yield from self.table.open


@dataclass(frozen=True)
class Table:
    """The result of a query, or a relation: its columns in their order, and what decides on its rows.

    `anything` is what columns are made from that are asked for by the table's name and are not listed.
    """

    listed: tuple[tuple[str, Origin], ...] = ()
    rest: tuple[Rest, ...] = ()
    rows: frozenset[Leaf] = frozenset()
    anything: Origin | None = None

    @cached_property
    def columns(self) -> dict[str, Origin]:
        """The listed columns by name; of two with one name the first."""
        found: dict[str, Origin] = {}
        for name, origin in self.listed:
            found.setdefault(name, origin)
        return found

    def find(self, name: str, *, qualified: bool = False) -> Origin | None:
        """What the column is made from; None where the table surely has none of that name."""
        if (listed := self.columns.get(name)) is not None:
            return listed
        if name not in self._among_rest:
            found = [origin for rest in self.rest if (origin := rest.find(name)) is not None]
            self._among_rest[name] = (found[0] if len(found) == 1 else UNKNOWN) if found else None
        return self._among_rest[name] or (self.anything if qualified else None)

    @cached_property
    def _among_rest(self) -> dict[str, Origin | None]:
        """What was asked for before: a star over two stars over two stars would be asked without end."""
        return {}

    @cached_property
    def open(self) -> tuple[str, ...]:
        """The relations of which it has columns that are not listed."""
        return tuple(dict.fromkeys(key for rest in self.rest for key in rest.relations()))

    def whole(self) -> Origin:
        """What a row as a value is made from."""
        origin = merged(origin for _name, origin in self.listed).by(How.COMPUTED)
        return Origin(origin.leaves, origin.known and not self.rest)

    def named(self, names: Iterable[str]) -> Table:
        """The same table, its first columns under other names."""
        new = list(names)
        if not new:
            return self
        if self.rest or len(new) > len(self.listed):
            # How many columns come before the ones that we know, nobody can tell.
            return Table(tuple((name, UNKNOWN) for name in new), (), self.rows)
        kept = self.listed[len(new) :]
        origins = [origin for _name, origin in self.listed[: len(new)]]
        return Table((*zip(new, origins, strict=True), *kept), (), self.rows, self.anything)


@dataclass(frozen=True, slots=True)
class Relation:
    """What a query may read: its key and columns; not `complete` where it may have more than these."""

    key: str
    columns: tuple[str, ...] = ()
    complete: bool = False

    def table(self) -> Table:
        """The relation as a source of a query."""
        names = [name.lower() for name in self.columns]
        listed = tuple((name, Origin({(self.key, name): How.SAME})) for name in names)
        return Table(listed, () if self.complete else (Unlisted(self.key),))
