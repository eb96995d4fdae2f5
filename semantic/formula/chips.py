"""Tree to chips: a formula as the pieces that a reader takes in one by one, in their order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from semantic.definitions import Vocabulary
from semantic.formula.parser import MINUS, STRENGTH
from semantic.formula.phrases import KEPT
from semantic.formula.sentence import phrase
from semantic.formula.tree import Binary, ColumnRef, MetricRef, Node, Prior, Running, Total, Unary, Where
from semantic.formula.where import gather_where

Piece: TypeAlias = Literal["total", "metric", "field", "filter", "time", "value", "operator"]
_SIGNS = {"+": "+", "-": "\u2212", "*": "\u00d7", "/": "\u00f7", "^": "^", "&": "&"}


@dataclass(frozen=True, slots=True)
class Chip:
    """One piece: its words, and dbt's unique_id of the metric or model that it is about; "" for none."""

    kind: Piece
    text: str
    about: str = ""


def chips(tree: Node, vocabulary: Vocabulary) -> tuple[Chip, ...]:
    """The pieces of a resolved formula: totals, metrics, conditions, times, and the signs between them.

    None where there would be a single one: its sentence says as much.

    A condition or a time is about what stands just before it; brackets are signs of their own.
    """
    whole = gather_where(tree)
    found = tuple(_Chips(whole, vocabulary).of(whole))
    return found if len(found) > 1 else ()


@dataclass(frozen=True, slots=True)
class _Chips:
    whole: Node
    vocabulary: Vocabulary

    def of(self, node: Node, floor: int = 0) -> Iterator[Chip]:
        """The chips of a part, in brackets where it holds together less than its place asks."""
        match node:
            case Binary(op=sign) if sign in _SIGNS:
                yield from self._calculated(node, floor)
            case Unary(op="-"):
                yield _sign(_SIGNS["-"])
                yield from self.of(node.value, MINUS)
            case Where():
                yield from self._filtered(node, floor)
            case Prior():
                yield from self.of(node.value, STRENGTH["^"] + 1)
                yield Chip("time", f"{node.length.words} earlier")
            case Running():
                yield from self.of(node.value, STRENGTH["^"] + 1)
                yield Chip("time", self._runs(node))
            case _:
                yield self._one(node)

    def _calculated(self, node: Binary, floor: int) -> Iterator[Chip]:
        strength = STRENGTH[node.op]
        inner = [
            *self.of(node.left, strength + (node.op == "^")),
            _sign(_SIGNS[node.op]),
            *self.of(node.right, strength + 1),
        ]
        yield from _bracketed(inner) if strength < floor else inner

    def _filtered(self, node: Where, floor: int) -> Iterator[Chip]:
        several = isinstance(node.value, Binary)
        inner = [*(_bracketed([*self.of(node.value)]) if several else self.of(node.value))]
        inner += [
            Chip("filter", phrase(part, self.whole, self.vocabulary, condition=True))
            for part in _joined(node.condition)
        ]
        yield from _bracketed(inner) if several and floor else inner

    def _runs(self, node: Running) -> str:
        kept = f" ({KEPT[node.keep]})" if node.keep in KEPT else ""
        if node.window:
            return f"over {node.window.words}{kept}"
        return f"since the {node.to_date} began{kept}" if node.to_date else f"up to each day{kept}"

    def _one(self, node: Node) -> Chip:
        words = phrase(node, self.whole, self.vocabulary)
        match node:
            case MetricRef(metric=name):
                metric = self.vocabulary.metrics.get(name)
                return Chip("metric", words, metric.unique_id if metric else "")
            case Total(model=name):
                model = self.vocabulary.models.get(name)
                return Chip("total", words, model.unique_id if model else "")
            case ColumnRef(model=name):
                model = self.vocabulary.models.get(name)
                return Chip("field", words, model.unique_id if model else "")
        return Chip("value", words)


def _joined(condition: Node) -> Iterator[Node]:
    """The conditions that all hold."""
    if isinstance(condition, Binary) and condition.op == "AND":
        yield from _joined(condition.left)
        yield from _joined(condition.right)
    else:
        yield condition


def _sign(text: str) -> Chip:
    return Chip("operator", text)


def _bracketed(inner: list[Chip]) -> list[Chip]:
    return [_sign("("), *inner, _sign(")")]
