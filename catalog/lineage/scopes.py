"""Which column a name means, where it stands in a query."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from catalog.lineage.origins import UNKNOWN, How, Origin, Rest, Table, Without, merged


@dataclass
class Scope:
    """What can be named within one SELECT: its sources, the common tables, and what is around it."""

    ctes: Mapping[str, Table]
    parent: Scope | None = None
    sources: dict[str, Table] = field(default_factory=dict)
    # Results named before in the same SELECT: what they are made from.
    aliases: dict[str, Origin] = field(default_factory=dict)
    # Columns that a join made one; the source that they are hidden in brings them no second time.
    joined: dict[str, Origin] = field(default_factory=dict)
    hidden: set[tuple[str, str]] = field(default_factory=set)

    def add(self, alias: str, table: Table) -> None:
        """Let `alias` name a source; one without a name can still be read from."""
        self.sources[alias or f"#{len(self.sources)}"] = table

    def find(self, parts: Sequence[str]) -> Origin:
        """What a column is made from, written `name`, `source.name` or with the fields of a struct."""
        for scope in self._outwards():
            for place, part in enumerate(parts[:-1]):
                if part in scope.sources:
                    found = scope.sources[part].find(parts[place + 1], qualified=True)
                    return _field(found or UNKNOWN, deeper=place + 2 < len(parts))
        for scope in self._outwards():
            if (found := scope._plain(parts[0])) is not None:
                return _field(found, deeper=len(parts) > 1)
        return UNKNOWN

    def _outwards(self) -> Iterator[Scope]:
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.parent

    def _plain(self, name: str) -> Origin | None:
        if name in self.joined:
            return self.joined[name]
        for table in self.sources.values():
            if name in table.columns:
                return table.columns[name]
        if name in self.aliases:
            return self.aliases[name]
        if name in self.sources:
            return self.sources[name].whole()
        found = [origin for table in self.sources.values() if (origin := table.find(name)) is not None]
        if not found:
            return None
        around = self.parent is not None and self.parent.lists(name)
        return found[0] if len(found) == 1 and not around else UNKNOWN

    def lists(self, name: str) -> bool:
        """Whether a source here, or around, surely has the column."""
        return any(name in table.columns for scope in self._outwards() for table in scope.sources.values())

    def join_by(self, names: Sequence[str], alias: str) -> None:
        """Make one of the columns that the source `alias` and those before it have under one name."""
        before = [name for name in self.sources if name != alias]
        for name in names:
            both = [self.sources[other].find(name) for other in (*before, alias)]
            self.joined[name] = merged(origin for origin in both if origin is not None)
            self.hidden.add((alias, name))

    def star(self, alias: str | None = None) -> Table:
        """The columns that `*` brings, or `alias.*`."""
        listed: list[tuple[str, Origin]] = []
        rest: list[Rest] = []
        for name, table in self.sources.items():
            if alias is not None and name != alias:
                continue
            hidden = {column for place, column in self.hidden if place == name} if alias is None else set()
            joined = self.joined if alias is None else {}
            listed += [(one, joined.get(one, origin)) for one, origin in table.listed if one not in hidden]
            if table.rest:
                rest.append(Without(table, frozenset({*hidden, *table.columns})))
        return Table(tuple(listed), tuple(rest))


def _field(origin: Origin, *, deeper: bool) -> Origin:
    return origin.by(How.COMPUTED) if deeper else origin
