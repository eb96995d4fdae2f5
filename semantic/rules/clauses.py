"""One condition of a rule sentence to its tree: fields, comparators, values, “and” and “or”."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn, cast

from semantic.definitions import Column, Grain
from semantic.formula.errors import Fix, FormulaError, Place
from semantic.formula.registry import find_unit
from semantic.formula.tree import (
    MIRRORED,
    Between,
    Binary,
    BinaryOperator,
    Call,
    ColumnRef,
    In,
    InPeriod,
    IsBlank,
    Node,
    Period,
    Unary,
)
from semantic.rules.conditions import joined
from semantic.rules.constants import literal
from semantic.rules.operands import DATES, Operands, example_for
from semantic.rules.phrasing import denied, flat
from semantic.rules.words import (
    ARTICLES,
    BE,
    JUNCTIONS,
    LESS,
    MORE,
    NOT,
    OF_AGE,
    OF_AMOUNTS,
    Comparator,
    comparator_at,
)

MAX_DEPTH = 20
MAX_TESTS = 100
_LISTED = 15
_ORDERED = {"<", "<=", ">", ">=", "between"}
_TEXTS = {"contains": "CONTAINS", "starts with": "STARTSWITH", "ends with": "ENDSWITH"}


@dataclass
class Clauses(Operands):
    """Reads conditions out of the tokens of one sentence, from `at` to `end`."""

    depth: int = 0
    tests: int = 0
    last: Column | None = None
    # Where the value of “is …” begins, behind which “or …” perhaps goes on with another value.
    listable: int | None = None
    # The words of the comparison that was read last.
    spelled: tuple[str, ...] = ()

    def read(self, start: int, end: int) -> Node:
        """The tree of the condition between two tokens, without positions; raises FormulaError."""
        self.at, self.end, self.depth, self.last, self.listable = start, end, 0, None, None
        node = self.condition()
        if self.at < self.end:
            self._fail_here(
                "unexpected-word",
                f"“{self._rest()}” cannot be read here.",
                "Join conditions by “and” or “or”.",
            )
        return node

    # -- conditions

    def condition(self) -> Node:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self._fail_here(
                "too-complex", "There are too many brackets inside brackets.", "Make two rules of it."
            )
        node = self._junction()
        if self._accept("unless"):
            node = flat(Binary("AND", node, denied(self._junction())))
        if self._is("unless"):
            self._fail_here(
                "unexpected-word", "There is a second “unless”.", "Put one of the two in brackets."
            )
        self.depth -= 1
        return node

    def _junction(self) -> Node:
        start = self.at
        items = [self._item()]
        spans = [self._span(start)]
        joints: list[BinaryOperator] = []
        while joint := self._joint():
            joints.append(joint)
            start = self.at
            items.append(self._item())
            spans.append(self._span(start))
        if len(set(joints)) > 1:
            self._refuse_mixed(spans, joints)
        return flat(joined(joints[0], items) or items[0]) if joints else items[0]

    def _joint(self) -> BinaryOperator | None:
        comma = self._is(",")
        ahead = self.tokens[self.at + 1] if self.at + 1 < self.end else self.tokens[-1]
        if comma and ahead.word in JUNCTIONS:
            self.at += 1
        elif comma and ahead.kind != "end":
            self._fail_here(
                "missing-joint",
                "A comma does not say whether both conditions must hold.",
                "Write “and” or “or”.",
            )
        if self._is("and", "or"):
            word = self.token.value
            self.at += 1
            return "AND" if word == "and" else "OR"
        return None

    def _refuse_mixed(self, spans: Sequence[Place], joints: Sequence[BinaryOperator]) -> NoReturn:
        """The two ways to read `a and b or c`, as whole sentences with brackets."""
        whole = Place(spans[0].start, spans[-1].end)
        fixes = []
        tights: tuple[BinaryOperator, ...] = ("AND", "OR")
        for tight in tights:
            written = self._bracketed(spans, joints, tight)
            fixes.append(Fix(written, self.text[: whole.start] + written + self.text[whole.end :]))
        message = "This mixes “and” with “or”. Which conditions belong together?"
        hint = "Choose one of the two readings, or put brackets around a part."
        raise FormulaError("and-or", message, whole, hint, tuple(fixes))

    def _bracketed(
        self, spans: Sequence[Place], joints: Sequence[BinaryOperator], tight: BinaryOperator
    ) -> str:
        groups = [[spans[0]]]
        loose = []
        for joint, span in zip(joints, spans[1:], strict=True):
            if joint == tight:
                groups[-1].append(span)
            else:
                groups.append([span])
                loose.append(joint.lower())
        words = [f" {tight.lower()} ".join(self.text[s.start : s.end] for s in group) for group in groups]
        words = [f"({part})" if len(group) > 1 else part for part, group in zip(words, groups, strict=True)]
        return words[0] + "".join(f" {joint} {part}" for joint, part in zip(loose, words[1:], strict=True))

    def _item(self) -> Node:
        negated = False
        while self._accept("not"):
            negated = not negated
        node = self._alone()
        return denied(node) if negated else node

    def _alone(self) -> Node:
        opening = self.token
        if self._accept("("):
            node = self.condition()
            if not self._accept(")"):
                self._fail(
                    "missing-bracket", "A closing bracket ) is missing.", opening, "It belongs to this one."
                )
            return node
        return self._test()

    def _test(self) -> Node:
        start = self.at
        self.tests += 1
        if self.tests > MAX_TESTS:
            self._fail_here("too-complex", f"More than {MAX_TESTS} conditions.", "Write the rule as a table.")
        column = self._field() or self._same_field()
        if column is None:
            self._unknown_field(start)
        self.last = column
        return self._compared(column, start)

    def _field(self) -> Column | None:
        if self.at >= self.end:
            self._fail_here(
                "missing-condition", "A condition is missing here.", "Write a field and what it must be."
            )
        found = self.phrases.at(self.text, self.tokens[: self.end + 1], self.at)
        if found is None and self.token.word in ARTICLES and self.at + 1 < self.end:
            found = self.phrases.at(self.text, self.tokens[: self.end + 1], self.at + 1)
        if found is None or found[1] > self.end:
            return None
        self.at = found[1]
        return found[0]

    def _same_field(self) -> Column | None:
        """The field before, where “and”, “or” is followed by a comparison: `more than 5 and less than 9`."""
        begins = self.token.word in BE | NOT or comparator_at(self.tokens[: self.end], self.at)
        return self.last if begins and self.token.kind in {"word", "symbol"} else None

    def _unknown_field(self, start: int) -> NoReturn:
        end = start
        while end < self.end and not (
            self.tokens[end].word in BE | NOT | JUNCTIONS | {"unless", ",", ")"}
            or comparator_at(self.tokens[: self.end], end)
        ):
            end += 1
        first = start + (self.tokens[start].word in ARTICLES and end > start + 1)
        where = Place(self.tokens[first].start, self.tokens[max(end, first + 1) - 1].end)
        phrase = self.text[where.start : where.end]
        if self.last and self.listable and end >= self.end and self.tokens[start - 1].word == "or":
            listed = f"one of {self.text[self.listable : where.end]}"
            message = f"“{phrase}” is not the name of a field."
            hint = "For several values write is one of …."
            self._fail("unknown-field", message, Place(self.listable, where.end), hint, listed)
        near = self.phrases.near(phrase)
        quoted = " or ".join(f"“{name}”" for name in near)
        hint = f"Did you mean {quoted}?" if near else self._fields()
        self._fail("unknown-field", f"There is no field “{phrase}”.", where, hint, *near)

    def _fields(self) -> str:
        names = list(dict.fromkeys(map(self.phrases.words, self.phrases.columns.values())))
        more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
        return f"The fields are {', '.join(names[:_LISTED])}{more}." if names else ""

    # -- comparisons

    def _compared(self, column: Column, start: int) -> Node:
        ref = ColumnRef(self.phrases.model, column.name)
        be = self._accept(*BE)
        negated = self._accept(*NOT)
        if not be and not negated and self._ends():
            return self._flag(ref, column, start)
        found = comparator_at(self.tokens[: self.end], self.at)
        self.listable = None
        self.spelled = ()
        if found:
            comparator, after = found
            self.spelled = tuple(token.word for token in self.tokens[self.at : after])
            self.at = after
        elif be or negated:
            comparator = "="
            self.listable = self.token.start
        else:
            hint = f"Write for example: {self.phrases.words(column)} {example_for(column)}."
            message = f"After “{self.phrases.words(column)}” a comparison is missing."
            self._fail_here("missing-comparison", message, hint)
        node = self._comparison(comparator, ref, column)
        return denied(node) if negated else node

    def _flag(self, ref: ColumnRef, column: Column, start: int) -> Node:
        if column.type not in {"boolean", "any"}:
            message = f"“{self.phrases.words(column)}” alone is neither yes nor no."
            hint = f"Write for example: {self.phrases.words(column)} {example_for(column)}."
            self._fail("missing-comparison", message, self._span(start), hint)
        return ref

    def _comparison(self, comparator: Comparator, ref: ColumnRef, column: Column) -> Node:
        match comparator:
            case "blank" | "filled in":
                return IsBlank(ref, comparator == "filled in")
            case "between":
                return self._between(ref, column)
            case "one of" | "none of":
                items = In(ref, self._list(column))
                return denied(items) if comparator == "none of" else items
            case "other than":
                values = self._list(column)
                return Binary("<>", ref, values[0]) if len(values) == 1 else In(ref, values, negated=True)
            case "contains" | "starts with" | "ends with":
                return self._part_of_text(_TEXTS[comparator], ref, column)
            case "lacks":
                return self._lacking(ref, column)
            case "period":
                return self._period(ref, column)
        return self._single(cast("BinaryOperator", comparator), ref, column)

    def _between(self, ref: ColumnRef, column: Column) -> Node:
        self._refuse_order(column)
        low = self._value(column)
        if not self._accept("and", "to"):
            self._fail_here(
                "missing-value", "“between” needs two values.", "Write for example: between 5 and 10."
            )
        return Between(ref, low, self._value(column))

    def _single(self, op: BinaryOperator, ref: ColumnRef, column: Column) -> Node:
        if op in _ORDERED:
            self._refuse_order(column)
        value = self._value(column)
        if op == "=" and self._is("or") and self.at + 1 < self.end:
            word = self.tokens[self.at + 1].value
            if word in MORE | LESS and (self.at + 2 >= self.end or not self._is_value(self.at + 2)):
                self.at += 2
                self._refuse_order(column)
                back = _is_ago(value) and word not in {"later", "earlier"}
                return Binary(">=" if (word in MORE) != back else "<=", ref, value)
        if op in {"=", "<>"} and column.type == "boolean":
            yes = value == literal(value=True)
            return ref if yes == (op == "=") else Unary("NOT", ref)
        if op in _ORDERED and self._counts_back(value, column):
            op = MIRRORED[op]
        return Binary(op, ref, value)

    def _counts_back(self, value: Node, column: Column) -> bool:
        """Whether more means earlier: more than 60 days ago, older than 2026-01-31."""
        return (_is_ago(value) and self.spelled in OF_AMOUNTS) or (
            column.type in DATES and self.spelled in OF_AGE
        )

    def _is_value(self, at: int) -> bool:
        return self.tokens[at].word == "than" or self.tokens[at].kind in {"number", "date", "text"}

    def _part_of_text(self, name: str, ref: ColumnRef, column: Column) -> Node:
        if column.type not in {"text", "any"}:
            message = f"“{self.phrases.words(column)}” is no text."
            self._fail_here("wrong-kind", message, f"Write for example: {example_for(column)}.")
        return Call(name, (ref, self._text(whole=True)))

    def _lacking(self, ref: ColumnRef, column: Column) -> Node:
        found = comparator_at(self.tokens[: self.end], self.at)
        if found is None or found[0] not in {*_TEXTS, "period"}:
            hint = "Write something that does not contain …, or something other than …."
            self._fail_here("missing-comparison", "After “something” a comparison is missing.", hint)
        comparator, self.at = found
        return Unary("NOT", self._comparison(comparator, ref, column))

    def _period(self, ref: ColumnRef, column: Column) -> Node:
        if column.type not in DATES | {"any"}:
            message = f"“{self.phrases.words(column)}” is no date."
            self._fail_here("wrong-kind", message, f"Write for example: {example_for(column)}.")
        this = self.tokens[self.at - 1].word == "this"
        count = 1
        if not this and self.at < self.end and (number := self._number(self.token)) is not None:
            count = int(number) if 0 < number <= 10_000 else 1
            self.at += 1
        complete = not this and self._accept("complete", "full")
        return InPeriod(ref, 0 if this else count, self._unit(), complete)

    def _unit(self) -> Grain:
        unit = find_unit(self.token.word) if self.at < self.end else None
        if unit is None:
            hint = "Write days, weeks, months, quarters or years."
            self._fail_here("missing-value", "A length of time is missing here.", hint)
        self.at += 1
        return unit

    def _refuse_order(self, column: Column) -> None:
        if column.type in {"text", "boolean"}:
            message = f"“{self.phrases.words(column)}” cannot be compared by size."
            self._fail_here("text-order", message, f"Write for example: {example_for(column)}.")

    # -- lists

    def _list(self, column: Column) -> tuple[Node, ...]:
        bracket = self._accept("(")
        values = [self._value(column, in_list=True)]
        while self._goes_on():
            values.append(self._value(column, in_list=True))
        if bracket and not self._accept(")"):
            self._fail_here(
                "missing-bracket", "The bracket of this list is not closed.", "Write ) behind the last value."
            )
        return tuple(dict.fromkeys(values))

    def _goes_on(self) -> bool:
        """Whether another value of a list follows a comma, “or” or “and”, which is then read."""
        at = self.at
        while at < self.end and self.tokens[at].word in {",", "or", "and"} and at - self.at < 2:
            at += 1
        if at == self.at or at >= self.end:
            return False
        following = self.tokens[at]
        if following.kind not in {"text", "number", "date"}:
            tokens = self.tokens[: self.end + 1]
            named = at + (following.word in ARTICLES)
            field = self.phrases.at(self.text, tokens, at) or self.phrases.at(self.text, tokens, named)
            begins = following.word in BE | NOT | {"(", "unless"} or comparator_at(
                self.tokens[: self.end], at
            )
            if field or begins:
                return False
        self.at = at
        return True


def _is_ago(node: Node) -> bool:
    return isinstance(node, Binary) and isinstance(node.right, Period)
