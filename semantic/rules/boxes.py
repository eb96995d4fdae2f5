"""The checks of a decision table: gaps, overlaps, contradictions and rows that never match.

Each row is a box: a set of values for each input. Every input has an axis of elementary cells (`sets.Axis`,
whole numbers and days made exact, blank a cell of its own), so a side of a box is an integer with one bit for
each cell, and boxes are cut with `&` and `~`. What a row leaves of a box falls into at most one box for each
input (the difference of hyper-rectangles; D. Calvanese et al., "Semantics and analysis of DMN decision
tables", BPM 2016, report gaps and overlaps of the same geometry). Gaps are searched depth first, so that
those found are certain even where the search stops: after a number of gaps, or of steps; never by the clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal, TypeAlias

from semantic.definitions import Vocabulary
from semantic.formula.errors import Severity
from semantic.formula.phrases import listed
from semantic.formula.printer import print_formula
from semantic.formula.sentence import print_sentence
from semantic.formula.tree import Binary, ColumnRef, Literal_, Node, walk
from semantic.rules.conditions import all_of, condition_of
from semantic.rules.sets import Axis, Value, Values
from semantic.rules.tables import Decision, write_outcome

MAX_FOUND = 50
MAX_STEPS = 50_000
_MAX_PIECES = 2 * MAX_FOUND

Box: TypeAlias = tuple[int, ...]
FindingKind: TypeAlias = Literal["gap", "overlap", "contradiction", "unreachable"]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to look at in a table.

    `rows` count from 1; a gap has none. `condition` is the resolved tree of the rows of data concerned, to
    count them by; `formula` is its text and `words` is it in English. Not `certain` where several inputs
    look at one column, or calculate: then perhaps no data can be like this.
    """

    kind: FindingKind
    rows: tuple[int, ...]
    condition: Node
    formula: str
    words: str
    message: str
    level: Severity
    certain: bool = True


@dataclass(frozen=True, slots=True)
class Report:
    """All findings, at most 50 of a kind; `more` where the search stopped early, after `steps` steps."""

    findings: tuple[Finding, ...]
    more: bool
    steps: int


class _OutOfStepsError(Exception):
    pass


def check_table(
    decision: Decision,
    vocabulary: Vocabulary,
    *,
    domains: Mapping[str, Values] | None = None,
    max_steps: int = MAX_STEPS,
) -> Report:
    """What is wrong, or surprising, in a table; never raises.

    `domains` says for columns by name which values occur at all (never blank, only these texts), where that
    is known; `max_steps` limits each of the four searches. Order: contradictions, overlaps, unreachable
    rows, then gaps, those of blank first.
    """
    return _Check(decision, vocabulary, domains or {}, max_steps).report()


class _Check:
    def __init__(
        self, decision: Decision, vocabulary: Vocabulary, domains: Mapping[str, Values], max_steps: int
    ) -> None:
        self.decision = decision
        self.vocabulary = vocabulary
        self.steps = self.limit = 0
        self.max_steps = max_steps
        self.more = False
        columns = [[rule.cells[at] for rule in decision.rules] for at in range(len(decision.inputs))]
        known = [self._domain(at, domains) for at in range(len(decision.inputs))]
        self.axes = [
            Axis.of([*cells, *([domain] if domain else [])], whole=True)
            for cells, domain in zip(columns, known, strict=True)
        ]
        self.universe: Box = tuple(
            axis.mask(domain) if domain else axis.all for axis, domain in zip(self.axes, known, strict=True)
        )
        self.sides: dict[tuple[int, int], tuple[Node, str]] = {}
        self.boxes = [self._box(rule.cells) for rule in decision.rules]

    def _domain(self, at: int, domains: Mapping[str, Values]) -> Values | None:
        found = self.decision.inputs[at]
        domain = domains.get(found.node.column) if isinstance(found.node, ColumnRef) else None
        return domain if domain and domain.kind == found.kind else None

    def _box(self, cells: Sequence[Values]) -> Box:
        masks = (axis.mask(values) for axis, values in zip(self.axes, cells, strict=True))
        return tuple(mask & side for mask, side in zip(masks, self.universe, strict=True))

    def report(self) -> Report:
        steps = self.contradictions, self.overlaps, self.unreachable, self.gaps
        findings: list[Finding] = []
        self.contradicting: set[int] = set()
        for step in steps:
            findings += self._bounded(step())
        return Report(tuple(findings), self.more, self.steps)

    def _bounded(self, search: Iterable[Finding]) -> Iterator[Finding]:
        """As many findings as there are, or as the limits allow."""
        self.limit = self.steps + self.max_steps
        try:
            for count, finding in enumerate(search):
                if count == MAX_FOUND:
                    self.more = True
                    return
                yield finding
        except _OutOfStepsError:
            self.more = True

    def _step(self) -> None:
        self.steps += 1
        if self.steps > self.limit:
            raise _OutOfStepsError

    # -- rows against each other

    def contradictions(self) -> Iterator[Finding]:
        first: dict[Box, int] = {}
        for at, box in enumerate(self.boxes):
            self._step()
            before = first.setdefault(box, at)
            if before == at or self._outcome(before) == self._outcome(at) or not all(box):
                continue
            self.contradicting.add(at)
            said = f"{self._quoted(before)}, row {at + 1} says {self._quoted(at)}"
            message = f"Rows {before + 1} and {at + 1} ask the same. Row {before + 1} says {said}."
            yield self._finding("contradiction", (before, at), box, message, "error")

    def overlaps(self) -> Iterator[Finding]:
        """Rows that match together although the hit policy allows that to none, or to none that differ."""
        policy = self.decision.hit_policy
        if policy == "first":
            return
        for (one, left), (other, right) in combinations(enumerate(self.boxes), 2):
            self._step()
            differ = self._outcome(one) != self._outcome(other)
            common = tuple(a & b for a, b in zip(left, right, strict=True))
            if not all(common) or (policy == "any" and not differ) or (left == right and differ):
                continue
            verb = "but only one row may" if policy == "unique" else "and say different things"
            message = f"Rows {one + 1} and {other + 1} both match, {verb}: {{words}}."
            yield self._finding("overlap", (one, other), common, message, "error")

    def unreachable(self) -> Iterator[Finding]:
        """Rows of which the rows before them leave nothing."""
        for at, box in enumerate(self.boxes):
            if not all(box):
                message = f"Row {at + 1} matches nothing: no value is in all of its cells."
                yield self._finding("unreachable", (at,), self._as_written(box), message, "warning")
                continue
            if self.decision.hit_policy == "unique" or at in self.contradicting:
                continue
            before = [
                (row, other)
                for row, other in enumerate(self.boxes[:at])
                if all(a & b for a, b in zip(box, other, strict=True))
            ]
            if before and next(self._uncovered(box, [other for _, other in before]), None) is None:
                alone = [
                    row for row, other in before if all(not a & ~b for a, b in zip(box, other, strict=True))
                ]
                rows = alone[:1] or [row for row, _ in before]
                named = listed([str(row + 1) for row in rows], "and")
                takes = f"row {named} takes" if len(rows) == 1 else f"rows {named} take"
                message = f"Row {at + 1} never decides: {takes} all that it matches."
                yield self._finding("unreachable", (at,), box, message, "warning")

    def _as_written(self, box: Box) -> Box:
        return tuple(mask or side for mask, side in zip(box, self.universe, strict=True))

    # -- what no row matches

    def gaps(self) -> Iterator[Finding]:
        boxes = [box for box in self.boxes if all(box)]
        if not boxes:
            yield self._gap(self.universe)
            return
        space = list(self.universe)
        for at, axis in enumerate(self.axes):
            if space[at] & axis.blank and not any(box[at] & axis.blank for box in boxes):
                slab = (*self.universe[:at], axis.blank, *self.universe[at + 1 :])
                yield self._gap(slab)
                space[at] ^= axis.blank
        if not all(space):
            return
        pieces: list[Box] = []
        try:
            for piece in self._uncovered(tuple(space), boxes):
                pieces.append(piece)
                if len(pieces) == _MAX_PIECES:
                    self.more = True
                    break
        except _OutOfStepsError:
            self.more = True
        carved = [part for piece in _merged(pieces) for part in self._carved(piece, space)]
        carved.sort(key=lambda piece: not self._asks_for_blank(piece))
        yield from (self._gap(self._widened(piece, space)) for piece in carved)

    def _uncovered(self, box: Box, others: Sequence[Box]) -> Iterator[Box]:
        """The parts of a box that no other covers; they do not meet."""
        waiting = [(box, 0)]
        while waiting:
            piece, start = waiting.pop()
            for at in range(start, len(others)):
                self._step()
                other = others[at]
                if all(a & b for a, b in zip(piece, other, strict=True)):
                    waiting += [(part, at + 1) for part in _outside(piece, other)]
                    break
            else:
                yield piece

    def _carved(self, piece: Box, space: Sequence[int]) -> Iterator[Box]:
        """The same gap with blank by itself wherever the gap is about some values of an input and blank."""
        for at, axis in enumerate(self.axes):
            side = piece[at]
            if side & axis.blank and side != axis.blank and side != space[at]:
                yield (*piece[:at], axis.blank, *piece[at + 1 :])
                piece = (*piece[:at], side ^ axis.blank, *piece[at + 1 :])
        yield piece

    def _widened(self, piece: Box, space: Sequence[int]) -> Box:
        """The gap without “is not blank” for inputs whose blank is a gap by itself already."""
        sides = zip(piece, space, self.universe, strict=True)
        return tuple(whole if side == here else side for side, here, whole in sides)

    def _asks_for_blank(self, piece: Box) -> bool:
        return any(side == axis.blank for side, axis in zip(piece, self.axes, strict=True))

    def _gap(self, piece: Box) -> Finding:
        otherwise = self.decision.otherwise
        becomes = "blank" if otherwise is None else f"“{write_outcome(otherwise)}”"
        level: Severity = "warning" if otherwise is None or self._asks_for_blank(piece) else "hint"
        message = f"No row matches: {{words}}. The outcome is {becomes} then."
        return self._finding("gap", (), piece, message, level)

    # -- in words

    def _outcome(self, at: int) -> tuple[type, Value | None]:
        outcome = self.decision.rules[at].outcome
        return type(outcome), outcome

    def _quoted(self, at: int) -> str:
        return f"“{write_outcome(self.decision.rules[at].outcome)}”"

    def _finding(
        self, kind: FindingKind, rows: Iterable[int], box: Box, message: str, level: Severity
    ) -> Finding:
        asked = [at for at, side in enumerate(box) if side != self.universe[at]]
        sides = [self._side(at, box[at]) for at in asked]
        condition = all_of(test for test, _ in sides)
        words = _joined_words(sides) if asked else "every row"
        certain = self._is_certain(asked)
        message = message.replace("{words}", words)
        return Finding(
            kind,
            tuple(row + 1 for row in rows),
            condition,
            print_formula(condition),
            words,
            message if certain else f"Perhaps: {message}",
            level,
            certain,
        )

    def _side(self, at: int, mask: int) -> tuple[Node, str]:
        """What a side of a box asks of its input, as a condition and in words."""
        if (at, mask) not in self.sides:
            test = condition_of(self.decision.inputs[at].node, self.axes[at].values(mask)) or Literal_(
                value=True
            )
            self.sides[at, mask] = test, _words(test, self.vocabulary)
        return self.sides[at, mask]

    def _is_certain(self, asked: Sequence[int]) -> bool:
        """Whether the inputs that matter vary freely: each a column, and none of them used twice."""
        nodes = [self.decision.inputs[at].node for at in asked]
        columns = [part for node in nodes for part in walk(node) if isinstance(part, ColumnRef)]
        return all(isinstance(node, ColumnRef) for node in nodes) and len(columns) == len(set(columns))


def _words(condition: Node, vocabulary: Vocabulary) -> str:
    if isinstance(condition, ColumnRef):
        condition = Binary("=", condition, Literal_(value=True))
    return print_sentence(condition, vocabulary).removesuffix(".")


def _joined_words(sides: Sequence[tuple[Node, str]]) -> str:
    """`a is 1 and (b is 2 or b is blank)`, as the whole condition would be printed."""
    if len(sides) == 1:
        return sides[0][1]
    either = (isinstance(test, Binary) and test.op == "OR" for test, _ in sides)
    return " and ".join(
        f"({words})" if brackets else words for (_, words), brackets in zip(sides, either, strict=True)
    )


def _outside(box: Box, other: Box) -> list[Box]:
    """What is left of a box beside another that it meets: boxes that do not meet each other."""
    parts: list[Box] = []
    for at, side in enumerate(other):
        outside = box[at] & ~side
        if outside:
            parts.append((*box[:at], outside, *box[at + 1 :]))
            box = (*box[:at], box[at] & side, *box[at + 1 :])
    return parts[::-1]


def _merged(pieces: Iterable[Box]) -> list[Box]:
    """The same space in fewer boxes: two that differ in one side become one."""
    boxes = list(pieces)
    at = 0
    while at < len(boxes):
        partner = next(
            (other for other in range(at + 1, len(boxes)) if _differ_once(boxes[at], boxes[other])), None
        )
        if partner is None:
            at += 1
            continue
        other = boxes.pop(partner)
        boxes[at] = tuple(a | b for a, b in zip(boxes[at], other, strict=True))
        at = 0
    return boxes


def _differ_once(one: Box, other: Box) -> bool:
    return sum(a != b for a, b in zip(one, other, strict=True)) == 1
