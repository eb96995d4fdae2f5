"""A part of a project's lineage as boxes and lines: where each stands, and in which state of the page."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import quote_plus, urlencode

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from catalog.lineage.graph import SIDES, ColumnFlow, ColumnKey, Drawn, Graph, Side
from catalog.lineage.layout import layered
from catalog.lineage.origins import How
from catalog.models import Node
from catalog.standing import Standing, Standings
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
# From who is chosen and what is opened to an address.
Urls = Callable[[str, Sequence[tuple[str, Side]]], str]
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
        return self.urls()(self.at, self.opened)

    def urls(self) -> Urls:
        """The address of this state with any other chosen and opened: hundreds differ in nothing else."""
        sides = (("up", self.up), ("down", self.down))
        steps = [(side, "all" if n == ALL else str(n)) for side, n in sides if n != 1]
        rest = [("column", self.column)] if self.column else []
        rest += [("view", "table")] if self.table else []
        first, last = urlencode(steps), urlencode(rest)
        address = reverse("lineage", args=[self.project.slug, self.start])

        def url(at: str, opened: Sequence[tuple[str, Side]]) -> str:
            middle = [f"open={quote_plus(f'{key}~{side}')}" for key, side in opened]
            middle += [f"at={quote_plus(at)}"] if at not in ("", self.start) else []
            asked = "&".join(filter(None, (first, *middle, last)))
            return f"{address}?{asked}" if asked else address

        return url


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
    """A node where it is drawn; its texts are made once, for there are hundreds."""

    node: Node
    x: int
    y: int
    height: int
    url: str
    name: str
    words: str  # how it stands
    tone: str
    look: str  # what the style sheet draws it by
    rows: tuple[Row, ...] = ()
    more: tuple[More, ...] = ()
    chosen: bool = False
    first: str = ""  # what to look at first

    @classmethod
    def of(
        cls,
        node: Node,
        place: tuple[int, int],
        height: int,
        url: str,
        standing: Standing,
        *,
        state: State,
        dim: bool = False,
        rows: Iterable[Row] = (),
        more: Iterable[More] = (),
    ) -> Box:
        """The box of a node at a place, in this state of the page."""
        key, tone, first = node.unique_id, standing.tone, standing.first
        looks = {
            f"lin-of-{node.resource_type}": True,
            "lin-at": key == state.at,
            "lin-start": key == state.start,
            "lin-dim": dim,
            f"lin-own-{tone}": first is not None and standing.own,
        }
        return cls(
            node,
            *place,
            height,
            url,
            name=node.called,
            words=standing.words,
            tone=tone,
            look=" ".join(look for look, on in looks.items() if on),
            rows=tuple(rows),
            more=tuple(more),
            chosen=key == state.at,
            first=first.name if first is not None else "",
        )

    @property
    def under(self) -> str:
        """What stands under its name: its kind, and its group as far as the state leaves room."""
        kind = str(self.node.kind.one)
        room = _LETTERS - len(kind) - len(self.words)
        group = self.node.group.name if self.node.group else ""
        return f"{kind} · {_shortened(group, min(room - 3, 16))}" if group and room > 6 else kind

    @property
    def short(self) -> str:
        return _shortened(self.name, _LETTERS - (7 if self.tone else 4))


@dataclass(frozen=True, slots=True)
class Line:
    """A way from one box, or one row, to another."""

    path: str
    look: str  # what the style sheet draws it by

    @classmethod
    def of(cls, path: str, how: How = How.SAME, *, dim: bool = False) -> Line:
        return cls(path, f"lin-{how.name.lower()}{' lin-dim' if dim else ''}")


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

    place, url = _Placed.of(dict.fromkeys(keys, HEAD), drawn.edges), state.urls()
    boxes = [
        Box.of(
            nodes[key],
            place.at(key),
            HEAD,
            url(key, state.opened),
            stands.of(key),
            state=state,
            more=_more(state, key, drawn, url),
            dim=not every and key not in lit,
        )
        for key in keys
    ]
    lines = tuple(
        Line.of(place.line(parent, child), dim=not every and not {parent, child} <= lit)
        for parent, child in drawn.edges
        if {parent, child} <= nodes.keys()
    )
    return place.picture(boxes, lines)


def _more(state: State, key: str, drawn: Drawn, url: Urls) -> Iterator[More]:
    for side in SIDES:
        if count := drawn.hidden.get((key, side)):
            yield More(count, url(state.at, (*state.opened, (key, side))[-_MOST_OPENED:]), side)


def of_column(state: State, flow: ColumnFlow, nodes: Mapping[str, Node], stands: Standings) -> Picture:
    """The nodes that a column comes from and goes to, each with its columns on the way."""
    start: ColumnKey = (state.start, state.column)
    columns = {key: sorted(names) for key, names in flow.columns.items() if key in nodes}
    columns.setdefault(state.start, [state.column])
    between = {(parent[0], child[0]) for parent, child in flow.flows}
    place = _Placed.of({key: HEAD + ROW * len(names) + 6 for key, names in columns.items()}, between)
    url = state.urls()

    def rows(key: str) -> Iterable[Row]:
        for number, name in enumerate(columns[key]):
            flow_of = replace(state, start=key, at=key, column=name).url()
            top = HEAD + ROW * number
            yield Row(name, flow_of, top, (key, name) == start, (key, name) in flow.unknown)

    boxes = [
        Box.of(
            nodes[key],
            place.at(key),
            place.heights[key],
            url(key, state.opened),
            stands.of(key),
            state=state,
            rows=rows(key),
        )
        for key in columns
    ]

    def middle(key: ColumnKey) -> int:
        return HEAD + ROW * columns[key[0]].index(key[1]) + ROW // 2

    lines = tuple(
        Line.of(place.line(parent[0], child[0], middle(parent), middle(child)), how)
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
