"""The typed tree behind a formula: one meaning, whatever it was written as.

Nodes are immutable. `start` and `end` are offsets into the text as typed, so that every later message can
point at its cause. The parser leaves `Name` nodes where it found names; the checker replaces each by a
`ColumnRef` or a `MetricRef` and returns a new tree, so a tree without `Name` has been resolved.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from datetime import date
from typing import Any, Literal, TypeAlias

from semantic.definitions import Grain

Constant: TypeAlias = int | float | str | bool | date | None
Unit: TypeAlias = Grain
Kept: TypeAlias = Literal["first", "last", "average"]
BinaryOperator: TypeAlias = Literal[
    "+", "-", "*", "/", "^", "&", "=", "<>", "<", "<=", ">", ">=", "AND", "OR"
]
COMPARISONS: frozenset[BinaryOperator] = frozenset(("=", "<>", "<", "<=", ">", ">="))
# `a < b` is `b > a`.
MIRRORED: Mapping[BinaryOperator, BinaryOperator] = {
    "=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<=",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A part of a formula. Equality ignores nothing: compare `shape(node)` to ignore positions."""

    start: int = 0
    end: int = 0


@dataclass(frozen=True, slots=True)
class Literal_(Node):  # noqa: N801 (typing.Literal keeps the plain name)
    """A constant; `None` is BLANK. Floats keep their digits in `text` for printing."""

    value: Constant
    text: str = ""


@dataclass(frozen=True, slots=True)
class Name(Node):
    """A field or metric as written, not yet looked up; `table` for `orders.status`."""

    name: str
    table: str = ""


@dataclass(frozen=True, slots=True)
class ColumnRef(Node):
    """A column of a model: a value for each row."""

    model: str
    column: str


@dataclass(frozen=True, slots=True)
class MetricRef(Node):
    """A metric that already exists: a total."""

    metric: str


@dataclass(frozen=True, slots=True)
class Call(Node):
    """A row-level function by its canonical name (`IF`, `COALESCE`, `ROUND`, `TODAY` …)."""

    name: str
    args: tuple[Node, ...] = ()


@dataclass(frozen=True, slots=True)
class Total(Node):
    """An aggregate: `SUM(amount)`. `arg` is None for counting rows. Names: registry.TOTALS.

    `model` is the model whose rows are totalled; the checker fills it in, and the parser only where
    it was written (`COUNT(orders.*)`).
    """

    name: str
    arg: Node | None = None
    fraction: float | None = None
    model: str = ""


@dataclass(frozen=True, slots=True)
class Where(Node):
    """A total (or an expression of totals) over the rows that fulfil a condition."""

    value: Node
    condition: Node


@dataclass(frozen=True, slots=True)
class Period(Node):
    """A length of time: `30 days`."""

    count: int
    unit: Unit

    @property
    def words(self) -> str:
        """As people, formulas and dbt write it."""
        return f"{self.count} {self.unit}{'' if self.count == 1 else 's'}"


@dataclass(frozen=True, slots=True)
class Running(Node):
    """A total that runs along with time: over the last `window`, since a period began, or over everything.

    It has a value for each day; of a longer period that of the first or last day counts, or their average.
    """

    value: Node
    window: Period | None = None
    to_date: Unit | None = None
    keep: Kept = "last"

    @property
    def function(self) -> str:
        """What it is called in a formula."""
        return "ROLLING" if self.window else "TODATE" if self.to_date else "CUMULATIVE"


@dataclass(frozen=True, slots=True)
class Prior(Node):
    """A number as it was a length of time earlier."""

    value: Node
    length: Period


@dataclass(frozen=True, slots=True)
class Conversion(Node):
    """The share of the rows counted in `value` that were followed by one counted in `then`.

    Rows belong together by the `entity` of dbt that both models have, perhaps within a length of time.
    """

    value: Node
    then: Node
    entity: str
    window: Period | None = None


@dataclass(frozen=True, slots=True)
class Binary(Node):
    """Two operands. `/` is exact and blank where the divisor is 0 or blank."""

    op: BinaryOperator
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Unary(Node):
    op: Literal["-", "NOT"]
    value: Node


@dataclass(frozen=True, slots=True)
class IsBlank(Node):
    value: Node
    negated: bool = False


@dataclass(frozen=True, slots=True)
class In(Node):
    value: Node
    items: tuple[Node, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Between(Node):
    value: Node
    low: Node
    high: Node
    negated: bool = False


@dataclass(frozen=True, slots=True)
class InPeriod(Node):
    """`x IN LAST 30 DAYS`, `IN LAST 3 COMPLETE MONTHS`, `IN THIS QUARTER` (`count` 0)."""

    value: Node
    count: int
    unit: Unit
    complete: bool = False


@dataclass(frozen=True, slots=True)
class Case(Node):
    """`CASE WHEN … THEN … ELSE … END`; IF and IFS are read as this."""

    whens: tuple[tuple[Node, Node], ...]
    otherwise: Node | None = None


_FIELD_NAMES: dict[type[Node], tuple[str, ...]] = {}  # asked for every node of every tree


def field_names(kind: type[Node]) -> tuple[str, ...]:
    """What a kind of node consists of, without its position."""
    names = _FIELD_NAMES.get(kind)
    if names is None:
        names = tuple(item.name for item in fields(kind) if item.name not in {"start", "end"})
        _FIELD_NAMES[kind] = names
    return names


def children(node: Node) -> Iterator[Node]:
    """The direct parts of a node, in reading order."""
    for name in field_names(type(node)):
        value = getattr(node, name)
        if isinstance(value, Node):
            yield value
        elif isinstance(value, tuple):
            for part in value:
                if isinstance(part, Node):
                    yield part
                elif isinstance(part, tuple):
                    yield from (inner for inner in part if isinstance(inner, Node))


def walk(node: Node) -> Iterator[Node]:
    """The node itself and everything below it, outermost first."""
    waiting = [node]
    while waiting:
        part = waiting.pop()
        yield part
        waiting.extend(reversed(tuple(children(part))))


def transform(node: Node, change: Callable[[Node], Node]) -> Node:
    """A copy of the tree with `change` applied to every node, innermost first."""
    updates: dict[str, Any] = {}
    for name in field_names(type(node)):
        value = getattr(node, name)
        if isinstance(value, Node):
            updates[name] = transform(value, change)
        elif isinstance(value, tuple):
            updates[name] = tuple(
                transform(part, change)
                if isinstance(part, Node)
                else tuple(transform(inner, change) for inner in part)
                if isinstance(part, tuple)
                else part
                for part in value
            )
    return change(replace(node, **updates) if updates else node)


def shape(node: Node) -> Node:
    """The same tree with all positions at 0 and number spellings dropped, for comparing meanings."""

    def plain(part: Node) -> Node:
        if isinstance(part, Literal_):
            return Literal_(part.value)
        return replace(part, start=0, end=0)

    return transform(node, plain)
