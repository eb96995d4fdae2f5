"""Tree to English: the sentence that an author reads to see whether the formula says what was meant."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from semantic.definitions import Column, Vocabulary
from semantic.formula import phrases
from semantic.formula.parser import COMPARISON, MINUS, NOT, STRENGTH
from semantic.formula.phrases import constant, listed, plural, words_of
from semantic.formula.tree import (
    COMPARISONS,
    Between,
    Binary,
    Call,
    Case,
    ColumnRef,
    Conversion,
    In,
    InPeriod,
    IsBlank,
    Literal_,
    MetricRef,
    Node,
    Period,
    Prior,
    Running,
    Total,
    Unary,
    Where,
    walk,
)
from semantic.formula.where import gather_where

_ALONE = 100  # brackets around everything that is more than one thing


def print_sentence(node: Node, vocabulary: Vocabulary) -> str:
    """What a resolved formula means, in plain English."""
    node = gather_where(node)
    writer = _Writer(node, vocabulary)
    if not isinstance(node, Where):
        return writer.write(node) + "."
    leaves = sum(isinstance(part, Total | MetricRef) for part in walk(node.value))
    scope = {1: "", 2: "both "}.get(leaves, "all ")
    return f"{writer.write(node.value)}, {scope}only where {writer.condition(node.condition)}."


def phrase(part: Node, whole: Node, vocabulary: Vocabulary, *, condition: bool = False) -> str:
    """What a part of a resolved formula says in the sentence of the whole one."""
    writer = _Writer(whole, vocabulary)
    return writer.condition(part) if condition else writer.write(part)


class _Writer:
    def __init__(self, tree: Node, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        totalled = {part.model for part in walk(tree) if isinstance(part, Total)}
        models = totalled or {part.model for part in walk(tree) if isinstance(part, ColumnRef)}
        self.model = models.pop() if len(models) == 1 else ""

    def write(self, node: Node, floor: int = 0) -> str:
        """The words for a part, in brackets if they hold together less than their place asks."""
        words = _WRITERS[type(node)](self, node)
        return f"({words})" if _strength(node) < floor else words

    # -- names and values

    def literal(self, node: Literal_) -> str:
        return constant(node.value, node.text)

    def _column(self, node: ColumnRef) -> Column | None:
        model = self.vocabulary.models.get(node.model)
        return model.column(node.column) if model else None

    def _model_words(self, name: str) -> str:
        model = self.vocabulary.models.get(name)
        return words_of(name, model.label if model else "")

    def column(self, node: ColumnRef, change: Callable[[str], str] = str) -> str:
        column = self._column(node)
        words = change(words_of(node.column, column.label if column else ""))
        return words if node.model == self.model else f"{words} of {self._model_words(node.model)}"

    def metric(self, node: MetricRef) -> str:
        metric = self.vocabulary.metrics.get(node.metric)
        return words_of(node.metric, metric.label if metric else "")

    def period(self, node: Period) -> str:
        return node.words

    # -- totals

    def total(self, node: Total) -> str:
        if node.arg is None:
            return (
                f"the number of rows in {self._model_words(node.model)}"
                if node.model
                else "the number of rows"
            )
        if node.fraction is not None:
            return f"the {phrases.ordinal(node.fraction)} percentile of {self.write(node.arg, _ALONE)}"
        of_field, of_calculation = phrases.TOTALS[node.name]
        if self._is_date(node.arg):
            of_field = {"MIN": "the earliest {}", "MAX": "the latest {}"}.get(node.name, of_field)
        if not isinstance(node.arg, ColumnRef):
            return of_calculation.format(self.write(node.arg, _ALONE))
        words = self.column(node.arg, plural if node.name == "COUNTDISTINCT" else str)
        repeated = words.startswith(f"{of_field.split()[0]} ")
        return (of_calculation if repeated else of_field).format(words)

    def where(self, node: Where) -> str:
        return f"{self.write(node.value)} (only where {self.condition(node.condition)})"

    def running(self, node: Running) -> str:
        value = self.write(node.value, 1)
        if node.window:
            one = node.window.count == 1
            words = f"{value} over the last {node.window.unit if one else self.period(node.window)}"
        elif node.to_date:
            words = f"{value} since the {node.to_date} began"
        else:
            words = f"{value} up to each day"
        return f"{words} ({phrases.KEPT[node.keep]})" if node.keep in phrases.KEPT else words

    def prior(self, node: Prior) -> str:
        return f"{self.write(node.value, 1)} {self.period(node.length)} earlier"

    def conversion(self, node: Conversion) -> str:
        within = f" within {self.period(node.window)}" if node.window else ""
        first, then = self.write(node.value, 1), self.write(node.then, 1)
        return f"the share of {first} that {then} followed{within} for the same {words_of(node.entity)}"

    # -- calculations and conditions

    def binary(self, node: Binary) -> str:
        if isinstance(node.right, Period):
            words = "after" if node.op == "+" else "before"
            return f"{self.write(node.right)} {words} {self.write(node.left, _ALONE)}"
        if node.op == "=" and isinstance(node.right, Literal_) and isinstance(node.right.value, bool):
            return self.condition(node.left, holds=node.right.value)
        words = phrases.OPERATORS[node.op]
        if self._is_date(node.left) or self._is_date(node.right):
            words = phrases.DATE_OPERATORS.get(node.op, words)
        if node.op in {"AND", "OR"}:
            return f"{self._junction(node.left, node.op)} {words} {self._junction(node.right, node.op)}"
        strength = STRENGTH[node.op]
        lower = strength + (node.op in COMPARISONS or node.op == "^")
        return f"{self.write(node.left, lower)} {words} {self.write(node.right, strength + 1)}"

    def _junction(self, part: Node, operator: str) -> str:
        """Conditions joined by “and” stand in brackets beside “or”, and the other way round."""
        if isinstance(part, Binary) and part.op in {"AND", "OR"} and part.op != operator:
            return f"({self.write(part)})"
        return self.condition(part)

    def condition(self, node: Node, *, holds: bool = True) -> str:
        """A yes/no value as a clause, or its denial."""
        if isinstance(node, ColumnRef):
            return self._flag(node, holds=holds)
        if isinstance(node, Call) and node.name in phrases.CONDITIONS:
            args = (self.write(arg, _ALONE) for arg in node.args)
            return phrases.CONDITIONS[node.name][not holds].format(*args)
        denied = _DENIED.get(type(node))
        if denied and not holds:
            return denied(self, node, negated=True)
        return self.write(node) if holds else f"it is not true that {self.write(node, COMPARISON)}"

    def _flag(self, node: ColumnRef, *, holds: bool) -> str:
        """`is_paid` → “it is paid”; `has_discount` → “it has discount”; `active` → “active is yes”."""
        words = self.column(node)
        verb, _, rest = words.partition(" ")
        if verb in {"is", "was"} and rest:
            return f"it {verb} {'' if holds else 'not '}{rest}"
        if verb == "has" and rest:
            return f"it has {'' if holds else 'no '}{rest}"
        return f"{words} is {'yes' if holds else 'no'}"

    def unary(self, node: Unary) -> str:
        if node.op == "NOT":
            return self.condition(node.value, holds=False)
        return f"minus {self.write(node.value, MINUS)}"

    def is_blank(self, node: IsBlank, *, negated: bool = False) -> str:
        no = "not " if node.negated != negated else ""
        return f"{self.write(node.value, COMPARISON + 1)} is {no}blank"

    def in_list(self, node: In, *, negated: bool = False) -> str:
        no = "not " if node.negated != negated else ""
        items = [self.write(item, COMPARISON + 1) for item in node.items]
        one_of = "one of " if len(items) > 1 else ""
        return f"{self.write(node.value, COMPARISON + 1)} is {no}{one_of}{listed(items, 'or')}"

    def between(self, node: Between, *, negated: bool = False) -> str:
        no = "not " if node.negated != negated else ""
        value, low, high = (self.write(part, COMPARISON + 1) for part in (node.value, node.low, node.high))
        return f"{value} is {no}between {low} and {high}"

    def in_period(self, node: InPeriod, *, negated: bool = False) -> str:
        value = f"{self.write(node.value, COMPARISON + 1)} is {'not ' if negated else ''}in"
        if not node.count:
            return f"{value} this {node.unit}"
        count = "" if node.count == 1 else f"{node.count} "
        units = node.unit if node.count == 1 else f"{node.unit}s"
        if node.complete:
            return f"{value} the last {count}complete {units}"
        return f"{value} the last {count}{units} including today"

    def case(self, node: Case) -> str:
        results = [
            f"{self.write(value, 1)} if {self.condition(condition)}" for condition, value in node.whens
        ]
        otherwise = "blank" if node.otherwise is None else self.write(node.otherwise, 1)
        return f"{', '.join(results)}, otherwise {otherwise}"

    # -- functions

    def call(self, node: Call) -> str:
        if node.name in phrases.CONDITIONS:
            return self.condition(node)
        args = [arg.unit if isinstance(arg, Period) else self.write(arg, _ALONE) for arg in node.args]
        if node.name == "ROUND":
            return _rounded(args, node.args[1:])
        if node.name in {"GREATEST", "LEAST"}:
            return f"the {'largest' if node.name == 'GREATEST' else 'smallest'} of {listed(args, 'and')}"
        if node.name == "COALESCE":
            return f"{', or '.join(args)} where that is blank"
        words = phrases.NOUNS.get(node.name) or phrases.REMARKS[node.name]
        if node.name in phrases.COUNTED and isinstance(node.args[1], Literal_) and node.args[1].value == 1:
            words = phrases.COUNTED[node.name]
        return words.format(*args)

    def _is_date(self, node: Node) -> bool:
        if isinstance(node, ColumnRef):
            column = self._column(node)
            return column is not None and column.type in {"date", "timestamp"}
        if isinstance(node, Call):
            return node.name in {"TODAY", "DATEADD", "STARTOF"}
        if isinstance(node, Literal_):
            return hasattr(node.value, "isoformat")
        return isinstance(node, Binary) and isinstance(node.right, Period)


def _rounded(args: list[str], digits: tuple[Node, ...]) -> str:
    given = digits[0].value if digits and isinstance(digits[0], Literal_) else 0
    if not digits or given == 0:
        return f"{args[0]} rounded to a whole number"
    return f"{args[0]} rounded to {args[1]} decimal{'' if given == 1 else 's'}"


def _strength(node: Node) -> int:
    """As in the printer; remarks and conditions hold together least."""
    if isinstance(node, Binary):
        return MINUS if isinstance(node.right, Period) else STRENGTH[node.op]
    if isinstance(node, Unary):
        return NOT if node.op == "NOT" else MINUS
    if isinstance(node, In | Between | IsBlank | InPeriod):
        return COMPARISON
    if isinstance(node, Running | Prior | Conversion):
        return 1
    if isinstance(node, Call):
        loose = node.name in phrases.REMARKS or node.name in {"ROUND", "COALESCE"}
        return COMPARISON if node.name in phrases.CONDITIONS else 1 if loose else _ALONE
    return 0 if isinstance(node, Case) else _ALONE


_DENIED: Mapping[type[Node], Callable[..., str]] = {
    IsBlank: _Writer.is_blank,
    In: _Writer.in_list,
    Between: _Writer.between,
    InPeriod: _Writer.in_period,
}
_WRITERS: Mapping[type[Node], Callable[[_Writer, Any], str]] = {
    Literal_: _Writer.literal,
    ColumnRef: _Writer.column,
    MetricRef: _Writer.metric,
    Period: _Writer.period,
    Total: _Writer.total,
    Where: _Writer.where,
    Running: _Writer.running,
    Prior: _Writer.prior,
    Conversion: _Writer.conversion,
    Binary: _Writer.binary,
    Unary: _Writer.unary,
    IsBlank: _Writer.is_blank,
    In: _Writer.in_list,
    Between: _Writer.between,
    InPeriod: _Writer.in_period,
    Case: _Writer.case,
    Call: _Writer.call,
}
