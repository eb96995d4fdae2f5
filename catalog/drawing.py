"""A part of a project's lineage as boxes and lines: where each stands, and in which state of the page."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from catalog.lineage.graph import SIDES, ColumnFlow, ColumnKey, Drawn, Graph, Side
from catalog.lineage.layout import layered
from catalog.lineage.origins import How
from catalog.models import Node
from catalog.standing import NOTHING, Standing, Standings
from governance.models import Project

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.http import QueryDict
    from django_stubs_ext import StrPromise

# In pixels.
WIDTH, HEAD, ROW, BETWEEN, GAP = 208, 46, 24, 88, 14
# Beside the outer boxes stand the ways to more.
LEFT, TOP = 48, 20
ALL = 99
STEPS = (1, 2, 3, ALL)
_MOST_OPENED = 60
# So many columns of one node the panel lists.
MOST_COLUMNS = 300
_LETTERS = 27
HOWS: Mapping[How, StrPromise] = {
    How.SAME: _("as it is"),
    How.COMPUTED: _("computed"),
    How.AGGREGATED: _("aggregated"),
}


@dataclass(frozen=True, slots=True)
class State:
    """What a page of lineage shows; all of it is in the address."""

    project: Project
    start: str
    up: int = 1
    down: int = 1
    opened: tuple[tuple[str, Side], ...] = ()
    at: str = ""
    column: str = ""
    table: bool = False

    @classmethod
    def of(cls, project: Project, start: str, asked: QueryDict) -> State:
        """The state that an address names; what it gets wrong is passed over."""
        ends = {side: f"~{side}" for side in SIDES}
        opened = tuple(
            (one.removesuffix(end), side)
            for one in asked.getlist("open")[:_MOST_OPENED]
            for side, end in ends.items()
            if one.endswith(end)
        )
        return cls(
            project,
            start,
            up=_steps(asked.get("up")),
            down=_steps(asked.get("down")),
            opened=opened,
            at=asked.get("at") or start,
            column=asked.get("column", "").lower(),
            table=asked.get("view") == "table",
        )

    def url(self) -> str:
        """The address of this state; what is as usual is left out."""
        parts: list[tuple[str, str]] = []
        for name, steps in (("up", self.up), ("down", self.down)):
            if steps != 1:
                parts.append((name, "all" if steps == ALL else str(steps)))
        parts += [("open", f"{key}~{side}") for key, side in self.opened]
        if self.at not in ("", self.start):
            parts.append(("at", self.at))
        if self.column:
            parts.append(("column", self.column))
        if self.table:
            parts.append(("view", "table"))
        address = reverse("lineage", args=[self.project.slug, self.start])
        return f"{address}?{urlencode(parts)}" if parts else address


def _steps(asked: str | None) -> int:
    if asked == "all":
        return ALL
    return int(asked) if asked and asked.isascii() and asked.isdigit() and int(asked) <= STEPS[2] else 1


@dataclass(frozen=True, slots=True)
class Row:
    """A column within a box."""

    name: str
    url: str
    top: int
    chosen: bool = False
    unknown: bool = False

    @property
    def short(self) -> str:
        return _shortened(self.name, _LETTERS)

    @property
    def base(self) -> int:
        """Where its letters stand."""
        return self.top + 16


@dataclass(frozen=True, slots=True)
class More:
    """A way to neighbours that are not drawn yet."""

    count: int
    url: str
    side: Side


@dataclass(frozen=True, slots=True)
class Box:
    """A node where it is drawn."""

    node: Node
    x: int
    y: int
    height: int
    url: str
    rows: tuple[Row, ...] = ()
    more: tuple[More, ...] = ()
    chosen: bool = False
    start: bool = False
    dim: bool = False
    standing: Standing = NOTHING

    @property
    def name(self) -> str:
        return self.node.label or self.node.name

    @property
    def under(self) -> str:
        """What stands under its name: its kind, and its group as far as the state leaves room."""
        kind, words = str(self.node.kind.one), self.standing.words
        room = _LETTERS - len(kind) - len(words)
        group = self.node.group.name if self.node.group else ""
        return f"{kind} · {_shortened(group, min(room - 3, 16))}" if group and room > 6 else kind

    @property
    def short(self) -> str:
        return _shortened(self.name, _LETTERS - (7 if self.standing.tone else 4))


@dataclass(frozen=True, slots=True)
class Line:
    """A way from one box, or one row, to another."""

    path: str
    how: How = How.SAME
    dim: bool = False

    @property
    def kind(self) -> str:
        return self.how.name.lower()


@dataclass(frozen=True, slots=True)
class Picture:
    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]
    width: int
    height: int


def _shortened(text: str, letters: int) -> str:
    return text if len(text) <= letters else f"{text[: letters - 1]}…"


def of_nodes(
    state: State, drawn: Drawn, graph: Graph, nodes: Mapping[str, Node], stands: Standings
) -> Picture:
    """Nodes and what reads what; what does not depend on the chosen one, nor it on that, is dimmed."""
    keys = [key for key in drawn.nodes if key in nodes]
    lit = {state.at, *graph.reached(state.at, "up"), *graph.reached(state.at, "down")}
    every = state.at == state.start or state.at not in keys

    def box(key: str, x: int, y: int) -> Box:
        return Box(
            nodes[key],
            x,
            y,
            HEAD,
            url=replace(state, at=key).url(),
            more=tuple(_more(state, key, drawn)),
            chosen=key == state.at,
            start=key == state.start,
            dim=not every and key not in lit,
            standing=stands.of(key),
        )

    place = _Placed.of(dict.fromkeys(keys, HEAD), drawn.edges)
    lines = tuple(
        Line(place.line(parent, child), dim=not every and not {parent, child} <= lit)
        for parent, child in drawn.edges
        if {parent, child} <= nodes.keys()
    )
    return place.picture([box(key, *place.at(key)) for key in keys], lines)


def _more(state: State, key: str, drawn: Drawn) -> Iterator[More]:
    for side in SIDES:
        if count := drawn.hidden.get((key, side)):
            opened = (*state.opened, (key, side))[-_MOST_OPENED:]
            yield More(count, replace(state, opened=opened).url(), side)


def of_column(state: State, flow: ColumnFlow, nodes: Mapping[str, Node], stands: Standings) -> Picture:
    """The nodes that a column comes from and goes to, each with its columns on the way."""
    start: ColumnKey = (state.start, state.column)
    columns = {key: sorted(names) for key, names in flow.columns.items() if key in nodes}
    columns.setdefault(state.start, [state.column])
    between = {(parent[0], child[0]) for parent, child in flow.flows}
    place = _Placed.of({key: HEAD + ROW * len(names) + 6 for key, names in columns.items()}, between)

    def rows(key: str) -> Iterable[Row]:
        for number, name in enumerate(columns[key]):
            url = replace(state, start=key, at=key, column=name).url()
            top = HEAD + ROW * number
            yield Row(name, url, top, (key, name) == start, (key, name) in flow.unknown)

    boxes = [
        Box(
            nodes[key],
            *place.at(key),
            place.heights[key],
            url=replace(state, at=key).url(),
            rows=tuple(rows(key)),
            chosen=key == state.at,
            start=key == state.start,
            standing=stands.of(key),
        )
        for key in columns
    ]

    def middle(key: ColumnKey) -> int:
        return HEAD + ROW * columns[key[0]].index(key[1]) + ROW // 2

    lines = tuple(
        Line(place.line(parent[0], child[0], middle(parent), middle(child)), how)
        for (parent, child), how in flow.flows.items()
        if parent[0] in columns and child[0] in columns
    )
    return place.picture(boxes, lines)


@dataclass(frozen=True, slots=True)
class _Placed:
    """Boxes with their places; lines leave at the right and arrive at the left."""

    heights: Mapping[str, int]
    x: Mapping[str, int]
    y: Mapping[str, int]
    routes: Mapping[tuple[str, str], Sequence[float]]
    height: int

    @classmethod
    def of(cls, heights: Mapping[str, int], edges: Collection[tuple[str, str]]) -> _Placed:
        found = layered({key: float(high) for key, high in heights.items()}, edges, gap=GAP, thread=8)
        return cls(
            heights,
            {key: LEFT + rank * (WIDTH + BETWEEN) for key, rank in found.rank.items()},
            {key: TOP + round(top) for key, top in found.top.items()},
            found.routes,
            round(found.height),
        )

    def at(self, key: str) -> tuple[int, int]:
        return self.x[key], self.y[key]

    def line(self, parent: str, child: str, leaves: int = HEAD // 2, arrives: int = HEAD // 2) -> str:
        """The path of a line, through the columns of boxes that it passes."""
        x, y = self.x[parent] + WIDTH, self.y[parent] + leaves
        path = [f"M{x} {y}"]
        for number, height in enumerate(self.routes.get((parent, child), ()), 1):
            left = self.x[parent] + number * (WIDTH + BETWEEN)
            path.append(_curve(x, y, left, TOP + round(height)))
            x, y = left + WIDTH, TOP + round(height)
            path.append(f"H{x}")
        path.append(_curve(x, y, self.x[child], self.y[child] + arrives))
        return "".join(path)

    def picture(self, boxes: Sequence[Box], lines: tuple[Line, ...]) -> Picture:
        right = max(self.x.values(), default=0) + WIDTH + LEFT
        return Picture(tuple(boxes), lines, right, self.height + 2 * TOP)


def _curve(x: int, y: int, to_x: int, to_y: int) -> str:
    bend = max(24, abs(to_x - x) // 2)
    return f"C{x + bend} {y} {to_x - bend} {to_y} {to_x} {to_y}"
