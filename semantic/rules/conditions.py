"""Conditions on one field: from the tree to the set of values that fulfil it, and back."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import reduce

from semantic.definitions import Vocabulary
from semantic.formula.tree import (
    COMPARISONS,
    MIRRORED,
    Between,
    Binary,
    BinaryOperator,
    ColumnRef,
    In,
    IsBlank,
    Literal_,
    Node,
    Unary,
    shape,
    walk,
)
from semantic.formula.types import Checker
from semantic.rules.constants import constant_of, literal
from semantic.rules.sets import ORDERED, Axis, Interval, Kind, Ordered, Value, Values, compare

_HOLDS: Mapping[str, Callable[[int, int], bool]] = {
    "=": operator.eq, "<>": operator.ne,
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


class NotOneFieldError(ValueError):
    """A condition that does not look at exactly one field; `node` is the part to blame."""

    def __init__(self, message: str, node: Node) -> None:
        super().__init__(message)
        self.node = node


# -- parts


def all_of(conditions: Iterable[Node]) -> Node:
    """The conditions joined by AND; TRUE where there is none."""
    return joined("AND", conditions) or Literal_(value=True)


def joined(op: BinaryOperator, conditions: Iterable[Node]) -> Node | None:
    """`a AND b AND c`, grouped from the left as the parser does; None without any."""
    parts = list(conditions)
    return reduce(lambda left, right: Binary(op, left, right), parts) if parts else None


def conjuncts(condition: Node) -> Iterator[Node]:
    """The parts that must all hold, also where they are spelled `NOT (a OR b)`."""
    match condition:
        case Binary(op="AND"):
            yield from conjuncts(condition.left)
            yield from conjuncts(condition.right)
        case Unary(op="NOT", value=Binary(op="OR") as denied):
            yield from conjuncts(Unary("NOT", denied.left))
            yield from conjuncts(Unary("NOT", denied.right))
        case Unary(op="NOT", value=Unary(op="NOT") as twice):
            yield from conjuncts(twice.value)
        case Literal_(value=True):
            return
        case _:
            yield condition


def field_of(condition: Node) -> Node:
    """The one column or row-level expression that a condition tests, without positions.

    `days > 60 OR days IS BLANK` tests `days`; what compares a field with nothing constant
    (`CONTAINS(name, 'x')`, `day IN LAST 3 DAYS`) is itself a yes/no field. Raises NotOneFieldError where
    there are several fields or none.
    """
    found = {shape(subject): subject for subject in _subjects(condition)}
    if len(found) > 1:
        message = "it joins conditions on several fields by OR"
        raise NotOneFieldError(message, condition)
    for plain, subject in found.items():
        columns = {part for part in walk(plain) if isinstance(part, ColumnRef)}
        if not columns:
            raise NotOneFieldError("it looks at no field", condition)
        if len(columns) > 1 and _is_comparison(plain):
            raise NotOneFieldError("it compares two fields with each other", subject)
        return plain
    raise NotOneFieldError("it looks at no field", condition)


def _is_comparison(node: Node) -> bool:
    return isinstance(node, Binary) and node.op in COMPARISONS


def _subjects(condition: Node) -> Iterator[Node]:
    match condition:
        case Binary(op="AND" | "OR"):
            yield from _subjects(condition.left)
            yield from _subjects(condition.right)
        case Unary(op="NOT"):
            yield from _subjects(condition.value)
        case Literal_():
            return
        case _:
            tested = _tested(condition)
            yield tested[0] if tested else condition


def _tested(atom: Node) -> tuple[Node, tuple[Value, ...]] | None:
    """What a single test looks at, and its constants; None where the test is itself a yes/no field."""
    constants: tuple[Value | None, ...] = ()
    match atom:
        case Binary(op=op) if op in COMPARISONS:
            value, other = atom.left, constant_of(atom.right)
            if other is None:
                value, other = atom.right, constant_of(atom.left)
            constants = (other,)
            if isinstance(other, str | bool) and op not in {"=", "<>"}:
                return None
        case In():
            value, constants = atom.value, tuple(constant_of(item) for item in atom.items)
        case Between():
            value, constants = atom.value, (constant_of(atom.low), constant_of(atom.high))
            if any(isinstance(constant, str | bool) for constant in constants):
                return None
        case IsBlank():
            value = atom.value
        case _:
            return None
    known = tuple(constant for constant in constants if constant is not None)
    return (value, known) if len(known) == len(constants) else None


# -- from the tree to a set


def kind_of(field: Node, conditions: Iterable[Node], vocabulary: Vocabulary) -> Kind:
    """The kind of values that a resolved field has; by its constants where no type is known.

    Raises NotOneFieldError where the constants are of several kinds.
    """
    known = Checker("", vocabulary).check(field).kind
    if known not in {"any", "blank"}:
        return known  # type: ignore[return-value]  # what is left are exactly the kinds of sets
    found = {_kind(constant) for condition in conditions for constant in constants_of(condition)}
    if len(found) > 1:
        raise NotOneFieldError("it compares one field with values of several kinds", field)
    return found.pop() if found else "text"


def _kind(constant: Value) -> Kind:
    if isinstance(constant, bool):
        return "boolean"
    if isinstance(constant, str):
        return "text"
    return "number" if isinstance(constant, int | float) else "timestamp"


def constants_of(condition: Node) -> set[Value]:
    """The constants with which a condition compares its field."""
    found: set[Value] = set()
    for part in walk(condition):
        tested = _tested(part)
        found |= set(tested[1]) if tested else set()
    return found


def values_of(condition: Node, field: Node, kind: Kind) -> Values:
    """The values of `field` for which a condition on it alone is true, in SQL's three-valued logic."""
    axis = Axis(kind, () if kind == "boolean" else constants_of(condition))
    cells = enumerate(axis.cells)
    return axis.values(sum(1 << at for at, cell in cells if _truth(condition, field, cell) is True))


def _truth(node: Node, field: Node, cell: Values) -> bool | None:
    """Whether a condition holds for all values of an elementary cell; None for unknown."""
    match node:
        case Binary(op="AND" | "OR"):
            sides = {_truth(node.left, field, cell), _truth(node.right, field, cell)}
            decisive = node.op == "OR"
            return decisive if decisive in sides else None if None in sides else not decisive
        case Unary(op="NOT"):
            value = _truth(node.value, field, cell)
            return None if value is None else not value
        case Literal_():
            return bool(node.value) if node.value is not None else None
        case IsBlank() if shape(node.value) == field:
            return cell.blank != node.negated
    if cell.blank:
        return None
    if shape(node) == field:
        return True in cell.choices
    return _fulfils(node, cell)


def _fulfils(atom: Node, cell: Values) -> bool:
    match atom:
        case In():
            hit = any(_place(cell, constant_of(item)) == 0 for item in atom.items)
            return hit != atom.negated
        case Between():
            inside = _place(cell, constant_of(atom.low)) >= 0 >= _place(cell, constant_of(atom.high))
            return inside != atom.negated
        case Binary():
            right = constant_of(atom.right)
            op = atom.op if right is not None else MIRRORED[atom.op]
            return _HOLDS[op](_place(cell, constant_of(atom.left) if right is None else right), 0)
    raise AssertionError(atom)


def _place(cell: Values, constant: Value | None) -> int:
    """Where all values of a cell lie, seen from a constant of the axis: -1 before, 0 at, 1 behind it."""
    assert constant is not None
    if cell.kind not in ORDERED:
        return 0 if not cell.others and constant in cell.choices else 1
    assert not isinstance(constant, str)
    interval = cell.intervals[0]
    if interval.is_point and interval.low is not None:
        return compare(interval.low, constant)
    return -1 if interval.high is not None and compare(interval.high, constant) <= 0 else 1


# -- from a set to the tree


def condition_of(field: Node, values: Values) -> Node | None:
    """The condition that is true exactly for these values of a field; None where it is always true.

    Raises ValueError for the empty set, which no condition on a field describes.
    """
    if values.is_everything:
        return None
    if values.is_empty:
        message = "Nothing fulfils this."
        raise ValueError(message)
    tests = list(_tests(field, values))
    if values.blank:
        tests.append(IsBlank(field))
    return joined("OR", tests)


def _tests(field: Node, values: Values) -> Iterator[Node]:
    if not values.has_values:
        return
    if values.is_full:
        yield IsBlank(field, negated=True)
    elif values.kind == "boolean":
        yield field if True in values.choices else Unary("NOT", field)
    elif values.kind == "text":
        yield _listed(field, sorted(map(str, values.choices)), negated=values.others)
    elif values.excluded:
        yield _listed(field, values.excluded, negated=True)
    else:
        points = [interval.low for interval in values.intervals if interval.is_point]
        if points:
            yield _listed(field, [point for point in points if point is not None], negated=False)
        yield from (_within(field, interval) for interval in values.intervals if not interval.is_point)


def _listed(field: Node, constants: Iterable[Value], *, negated: bool) -> Node:
    items = tuple(map(literal, constants))
    if len(items) == 1:
        return Binary("<>" if negated else "=", field, items[0])
    return In(field, items, negated)


def _within(field: Node, interval: Interval) -> Node:
    low, high = interval.low, interval.high
    if low is not None and high is not None and not interval.low_open and not interval.high_open:
        return Between(field, literal(low), literal(high))
    return all_of(_ends(field, low, high, interval))


def _ends(field: Node, low: Ordered | None, high: Ordered | None, interval: Interval) -> Iterator[Node]:
    if low is not None:
        yield Binary(">" if interval.low_open else ">=", field, literal(low))
    if high is not None:
        yield Binary("<" if interval.high_open else "<=", field, literal(high))
