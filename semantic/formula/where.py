"""Conditions of totals: down to the totals they cover, and back up for people to read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from semantic.formula.tree import (
    Binary,
    Conversion,
    MetricRef,
    Node,
    Prior,
    Running,
    Total,
    Where,
    children,
    field_names,
    shape,
    walk,
)


def conjuncts(condition: Node) -> tuple[Node, ...]:
    """The parts of a condition that must all hold: `a AND b AND c` → a, b, c."""
    if isinstance(condition, Binary) and condition.op == "AND":
        return (*conjuncts(condition.left), *conjuncts(condition.right))
    return (condition,)


def push_where(node: Node) -> Node:
    """The same formula with WHERE and PRIOR only around single totals and metrics.

    `(A / B) WHERE c` becomes `(A WHERE c) / (B WHERE c)`, and so does `PRIOR(A / B, 1 month)`; nested
    conditions are joined by AND. Of a conversion they are about the first event.
    """
    return _pushed(node, None, ())


def _pushed(node: Node, condition: Node | None, earlier: tuple[Prior, ...]) -> Node:
    """`earlier` are those around the node, the outermost first: a metric named in one may hold others."""
    if isinstance(node, Where):
        return _pushed(node.value, _both(node.condition, condition), earlier)
    if isinstance(node, Prior):
        return _pushed(node.value, condition, (*earlier, node))
    if isinstance(node, Total | MetricRef):
        found: Node = node
        if condition is not None:
            found = Where(node, condition, start=node.start, end=node.end)
        for one in reversed(earlier):
            found = replace(one, value=found)
        return found
    if isinstance(node, Conversion):
        return replace(node, value=_pushed(node.value, condition, earlier))
    return _with_parts(node, lambda part: _pushed(part, condition, earlier))


def _both(inner: Node, outer: Node | None) -> Node:
    if outer is None:
        return inner
    return Binary("AND", inner, outer, start=inner.start, end=outer.end)


def gather_where(node: Node) -> Node:
    """The inverse of `push_where`: a condition that all totals of a part share is written once behind it."""
    return _gathered(node, 1)


def _gathered(node: Node, least: int) -> Node:
    """Inside a larger formula, only a condition of several totals is worth moving."""
    if isinstance(node, Total | MetricRef | Where):
        return node
    if isinstance(node, Running | Prior):
        return replace(node, value=_gathered(node.value, 1))
    if isinstance(node, Conversion):
        return node
    leaves = list(_leaves(node))
    first = leaves[0] if len(leaves) >= least else None
    if isinstance(first, Where) and not any(isinstance(part, Conversion) for part in walk(node)):
        shared = shape(first.condition)
        if all(isinstance(leaf, Where) and shape(leaf.condition) == shared for leaf in leaves):
            return Where(_bare(node), first.condition, start=node.start, end=node.end)
    return _with_parts(node, lambda part: _gathered(part, 2))


def _leaves(node: Node) -> Iterator[Node]:
    """The totals and metrics of a formula, each with the WHERE directly around it."""
    waiting = [node]
    while waiting:
        part = waiting.pop()
        if isinstance(part, Total | MetricRef | Where):
            yield part
        else:
            waiting.extend(children(part))


def _bare(node: Node) -> Node:
    if isinstance(node, Where):
        return node.value
    return node if isinstance(node, Total | MetricRef) else _with_parts(node, _bare)


def _with_parts(node: Node, change: Callable[[Node], Node]) -> Node:
    """A copy of the node with its direct parts changed."""
    updates: dict[str, Any] = {}
    for name in field_names(type(node)):
        value = getattr(node, name)
        if isinstance(value, Node):
            updates[name] = change(value)
        elif isinstance(value, tuple):
            updates[name] = tuple(_changed(part, change) for part in value)
    return replace(node, **updates) if updates else node


def _changed(part: Any, change: Callable[[Node], Node]) -> Any:
    if isinstance(part, tuple):
        return tuple(change(inner) for inner in part)
    return change(part)
