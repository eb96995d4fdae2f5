"""What reads what: the part of a project's lineage that a page draws, and how a column flows through it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from catalog.lineage.origins import How
from catalog.lineage.project import NodeTrace

Side = Literal["up", "down"]
SIDES: tuple[Side, Side] = ("up", "down")
# More than this nobody can read, and no browser draws at once.
MOST_DRAWN = 400
# A generation of more than this is not asked for before it is needed.
_MOST_AHEAD = 100
Edge = tuple[str, str]
ColumnKey = tuple[str, str]


@dataclass(frozen=True)
class Graph:
    """Nodes by what they read and by what reads them."""

    parents: Mapping[str, Sequence[str]]
    children: Mapping[str, Sequence[str]]

    @classmethod
    def of(cls, edges: Iterable[Edge]) -> Graph:
        """The graph of pairs of parent and child."""
        parents: dict[str, list[str]] = {}
        children: dict[str, list[str]] = {}
        for parent, child in sorted(edges):
            parents.setdefault(child, []).append(parent)
            children.setdefault(parent, []).append(child)
        return cls(parents, children)

    def beside(self, key: str, side: Side) -> Sequence[str]:
        """What a node reads, or what reads it."""
        return (self.parents if side == "up" else self.children).get(key, ())

    def reached(self, key: str, side: Side) -> set[str]:
        """All that a node depends on, or that depends on it, directly or not."""
        found: set[str] = set()
        waiting = [key]
        while waiting:
            for other in self.beside(waiting.pop(), side):
                if other not in found:
                    found.add(other)
                    waiting.append(other)
        return found

    def below(self, keys: Iterable[str]) -> list[str]:
        """These nodes and all that they depend on, each after what it reads."""
        found: dict[str, None] = {}
        seen: set[str] = set()
        waiting = [(key, False) for key in keys]
        while waiting:
            key, ready = waiting.pop()
            if ready:
                found[key] = None
            elif key not in seen:
                seen.add(key)
                waiting.append((key, True))
                waiting += [(parent, False) for parent in self.beside(key, "up") if parent not in seen]
        return list(found)


@dataclass(frozen=True)
class Drawn:
    """A part of a graph: its nodes, the edges among them, and how many neighbours of each are not drawn.

    `cut` says that there would be more nodes than can be drawn.
    """

    nodes: tuple[str, ...]
    edges: tuple[Edge, ...]
    hidden: Mapping[tuple[str, Side], int]
    cut: bool = False


def around(
    graph: Graph,
    start: str,
    *,
    up: int,
    down: int,
    opened: Iterable[tuple[str, Side]] = (),
    most: int = MOST_DRAWN,
) -> Drawn:
    """The neighbourhood of a node: `up` steps towards its sources, `down` steps to what depends on it.

    Of the nodes in `opened` the neighbours on that side are drawn as well. The nearest come first.
    """
    found: dict[str, None] = {start: None}
    cut = False
    for side, steps in zip(SIDES, (up, down), strict=True):
        cut |= _walk(graph, start, side, steps, found, most)
    for key, side in opened:
        if key in found:
            cut |= _walk(graph, key, side, 1, found, most)
    nodes = tuple(found)
    edges = tuple((key, child) for key in nodes for child in graph.children.get(key, ()) if child in found)
    hidden = {
        (key, side): count
        for key in nodes
        for side in SIDES
        if (count := sum(other not in found for other in graph.beside(key, side)))
    }
    return Drawn(nodes, edges, hidden, cut)


def _walk(graph: Graph, start: str, side: Side, steps: int, found: dict[str, None], most: int) -> bool:
    """Add what is reached to `found`; whether something had to be left out."""
    waiting = deque([(start, 0)])
    seen = {start}
    while waiting:
        key, far = waiting.popleft()
        if far == steps:
            continue
        for other in graph.beside(key, side):
            if other in seen:
                continue
            if other not in found and len(found) >= most:
                return True
            seen.add(other)
            found.setdefault(other)
            waiting.append((other, far + 1))
    return False


@dataclass(frozen=True)
class ColumnFlow:
    """How one column flows: from parent to child column, and how; `unknown` are those with gaps.

    `rows` are columns that decide which rows there are, of the nodes on the way to the column.
    """

    flows: Mapping[tuple[ColumnKey, ColumnKey], How]
    unknown: frozenset[ColumnKey] = frozenset()
    rows: tuple[ColumnKey, ...] = ()
    cut: bool = False

    @property
    def columns(self) -> dict[str, list[str]]:
        """Node → those of its columns that are part of the flow."""
        found: dict[str, dict[str, None]] = {}
        for pair in self.flows:
            for key, column in pair:
                found.setdefault(key, {})[column] = None
        return {key: list(names) for key, names in found.items()}


Traces = Callable[[Iterable[str]], Mapping[str, NodeTrace]]


def column_flow(graph: Graph, traces: Traces, start: ColumnKey, *, most: int = MOST_DRAWN) -> ColumnFlow:
    """Where a column comes from and where it goes, through all nodes whose SQL is known.

    `traces` gives the traces of the nodes that it is asked for: it is asked few times, for many.
    """
    flow = _Flow(graph, traces, most)
    flow.follow(start, flow.upwards)
    rows = flow.deciding()
    flow.follow(start, flow.downwards)
    return ColumnFlow(flow.flows, frozenset(flow.unknown), rows, flow.cut)


@dataclass
class _Flow:
    graph: Graph
    traces: Traces
    most: int
    flows: dict[tuple[ColumnKey, ColumnKey], How] = field(default_factory=dict)
    unknown: set[ColumnKey] = field(default_factory=set)
    nodes: set[str] = field(default_factory=set)
    known: dict[str, NodeTrace] = field(default_factory=dict)
    asked: set[str] = field(default_factory=set)
    followed: set[str] = field(default_factory=set)
    ahead: int = 0
    cut: bool = False

    def follow(self, start: ColumnKey, step: Callable[[set[ColumnKey]], set[ColumnKey]]) -> None:
        """Go on from a column, level by level, until nothing new is reached."""
        seen, level = {start}, {start}
        self.ahead = 0
        while level and not self.cut:
            level = step(level) - seen
            seen |= level

    def upwards(self, level: set[ColumnKey]) -> set[ColumnKey]:
        self._learn({key for key, _column in level}, "up")
        reached = set()
        for key, column in level:
            trace = self.known.get(key)
            if trace is None:
                continue
            found = parents_of(trace, column)
            if found is None or not found[1]:
                self.unknown.add((key, column))
            for parent, name, how in found[0] if found else ():
                reached |= self._note((parent, name), (key, column), how)
        return reached

    def downwards(self, level: set[ColumnKey]) -> set[ColumnKey]:
        readers = {child for key, _column in level for child in self.graph.beside(key, "down")}
        self._learn(readers, "down")
        reached = set()
        for child in sorted(readers):
            trace = self.known.get(child)
            if trace is None:
                continue
            for one in trace.columns:
                for parent, name, how in one.parents:
                    if (parent, name) in level:
                        reached |= self._note((parent, name), (child, one.name), how)
            listed = {one.name for one in trace.columns}
            for parent, name in level:
                if trace.through == (parent,) and name not in listed:
                    reached |= self._note((parent, name), (child, name), How.SAME)
        return reached

    def deciding(self) -> tuple[ColumnKey, ...]:
        """The columns that decide on the rows of the nodes followed so far."""
        traces = (self.known[key] for key in self.followed if key in self.known)
        return tuple(sorted({leaf for trace in traces for leaf in trace.rows}))

    def _note(self, parent: ColumnKey, child: ColumnKey, how: How) -> set[ColumnKey]:
        new = {parent[0], child[0]} - self.nodes
        if len(self.nodes) + len(new) > self.most:
            self.cut = True
            return set()
        self.nodes |= new
        self.flows[parent, child] = how
        return {parent, child}

    def _learn(self, keys: set[str], side: Side) -> None:
        """Know the traces of these nodes; with each question also of what lies beyond, twice as far."""
        self.followed |= keys
        wanted = keys - self.asked
        if not wanted:
            return
        level = keys
        for _step in range(self.ahead):
            level = {key for one in level for key in self.graph.beside(one, side)} - self.asked - wanted
            if len(level) > _MOST_AHEAD:
                break
            wanted |= level
        self.ahead = 2 * self.ahead or 1
        self.asked |= wanted
        self.known.update(self.traces(sorted(wanted)))


def parents_of(trace: NodeTrace, column: str) -> tuple[Sequence[tuple[str, str, How]], bool] | None:
    """What a column is made from, and whether that is all; None where the node's SQL does not tell of it."""
    for one in trace.columns:
        if one.name == column:
            return one.parents, one.known
    if len(trace.through) == 1:
        return [(trace.through[0], column, How.SAME)], True
    return None
