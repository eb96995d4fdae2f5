"""Remarks on formulas that are right but probably not what was meant; most come with one click."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from catalog.annotations import leaving_in
from semantic.definitions import Vocabulary, name_key
from semantic.formula.errors import Fix, Problem, Span, replaced, source
from semantic.formula.printer import print_formula, spell
from semantic.formula.spellings import POINTED, numbers
from semantic.formula.tree import (
    COMPARISONS,
    Between,
    Binary,
    Call,
    ColumnRef,
    In,
    InPeriod,
    IsBlank,
    Literal_,
    MetricRef,
    Node,
    Period,
    Total,
    Where,
    shape,
    walk,
)
from semantic.formula.where import conjuncts

_DOUBLE_QUOTES = '"\u201c\u201d\u201e\u201f\u00ab\u00bb'


def lint(text: str, tree: Node, vocabulary: Vocabulary) -> list[Problem]:
    """Remarks on a resolved tree whose conditions still stand where they were written."""
    parts = tuple(walk(tree))
    found = [problem for rule in _RULES for problem in rule(text, parts)]
    return [*found, *_texts_like_fields(text, parts, vocabulary), *_leaving(text, parts, vocabulary)]


def lint_shares(tree: Node) -> list[Problem]:
    """Remarks on shares; conditions have been pushed down to the totals."""
    return list(_not_a_subset(tree))


def _warning(code: str, message: str, where: Span, hint: str, *fixes: Fix) -> Problem:
    return Problem(code, message, where.start, where.end, hint, fixes, "warning")


def _relative_dates(text: str, parts: tuple[Node, ...]) -> Iterator[Problem]:
    for part in parts:
        if isinstance(part, InPeriod) or (isinstance(part, Call) and part.name == "TODAY"):
            yield _warning(
                "relative-date",
                "This number depends on today: it is right now, but it has no history to show in a chart.",
                part,
                "To follow it over time, leave these dates out and choose the period where the metric is "
                "used, or write ROLLING(…, 30 days).",
                *_running_instead(text, parts[0]),
            )
            return


def _running_instead(text: str, tree: Node) -> tuple[Fix, ...]:
    """`SUM(amount) WHERE date IN LAST 30 DAYS` as a total that runs along, if it is nothing more."""
    if not isinstance(tree, Where) or not isinstance(tree.value, Total | MetricRef):
        return ()
    last = tree.condition
    if not isinstance(last, InPeriod) or last.complete or not last.count:
        return ()
    total = tree.value
    if isinstance(total, Total) and total.arg is None and isinstance(last.value, ColumnRef):
        running = f"COUNT({spell(last.value.model)}.*)"  # no field says any more of which model
    elif total.start <= last.start < total.end:  # SUMIF(…) and SUM(… WHERE …) have it in their middle
        running = print_formula(total)
    else:
        running = source(text, total)
    fixed = f"ROLLING({running}, {Period(last.count, last.unit).words})"
    return (Fix(f"Write {fixed}", replaced(text, tree, fixed)),)


def _dropped_blanks(text: str, parts: tuple[Node, ...]) -> Iterator[Problem]:
    considered = {shape(part.value) for part in parts if isinstance(part, IsBlank)}
    for part in parts:
        field = _differing_field(part)
        if field is None or shape(field) in considered:
            continue
        name = source(text, field)
        fixed = f"({source(text, part)} OR {name} IS BLANK)"
        yield _warning(
            "not-equal-drops-blanks",
            f"This leaves out rows where {name} is blank.",
            part,
            "A blank is neither equal nor unequal to anything. Include these rows, or say IS NOT BLANK.",
            Fix("Include blank rows", replaced(text, part, fixed)),
        )


def _differing_field(node: Node) -> ColumnRef | None:
    """The field of `field <> 'x'` and `field NOT IN (…)`."""
    if isinstance(node, In) and node.negated and isinstance(node.value, ColumnRef):
        return node.value
    if isinstance(node, Binary) and node.op == "<>":
        for side, other in ((node.left, node.right), (node.right, node.left)):
            if isinstance(side, ColumnRef) and isinstance(other, Literal_) and other.value is not None:
                return side
    return None


def _percent_scale(text: str, parts: tuple[Node, ...]) -> Iterator[Problem]:
    for part in parts:
        share = _scaled(part)
        inner = _scaled(part.left) if isinstance(part, Binary) and part.op == "/" else None
        place: Node = part
        if share is not None and not _is_division(share):
            continue
        if inner is not None and isinstance(part, Binary):
            share, place = inner, part.left
        if share is None or not _has_total(part):
            continue
        yield _warning(
            "percent-scale",
            "This multiplies a share by 100.",
            place,
            "Leave the share as it is and choose “Show as percent” as its format.",
            Fix("Remove the 100", replaced(text, place, source(text, share))),
        )


def _scaled(node: Node) -> Node | None:
    """The other factor of `… * 100`."""
    if not isinstance(node, Binary) or node.op != "*":
        return None
    for side, other in ((node.left, node.right), (node.right, node.left)):
        if isinstance(side, Literal_) and side.value == 100:
            return other
    return None


def _is_division(node: Node) -> bool:
    if isinstance(node, Where):
        return _is_division(node.value)
    return (isinstance(node, Binary) and node.op == "/") or (isinstance(node, Call) and node.name == "DIVIDE")


def _has_total(node: Node) -> bool:
    return any(isinstance(part, Total | MetricRef) for part in walk(node))


def _counted_conditions(text: str, parts: tuple[Node, ...]) -> Iterator[Problem]:
    for part in parts:
        if not isinstance(part, Total) or part.name != "COUNT" or part.arg is None:
            continue
        arg = part.arg
        comparing = isinstance(arg, Binary) and (arg.op in COMPARISONS or arg.op in {"AND", "OR"})
        if comparing or isinstance(arg, In | Between | IsBlank | InPeriod):
            whole = text[arg.end : part.end].strip() == ")"
            new = f"COUNTIF({source(text, arg)})"
            yield _warning(
                "count-of-condition",
                "COUNT counts every row where the condition is yes or no.",
                part,
                "To count the rows that fulfil it, use COUNTIF.",
                *([Fix(f"Use {new}", replaced(text, part, new))] if whole else []),
            )


def _points_between_thousands(text: str, parts: tuple[Node, ...]) -> Iterator[Problem]:
    """1.000 is a thousand in much of Europe, and 1 in a formula."""
    for part in parts:
        if isinstance(part, Literal_) and POINTED.fullmatch(part.text):
            thousands, plain = numbers(part.text)
            yield _warning(
                "thousands-point",
                f"{part.text} is {plain} here: a point stands before decimals.",
                part,
                "Write thousands without a separator.",
                *(Fix(f"Write {number}", replaced(text, part, number)) for number in (thousands, plain)),
            )


def _leaving(text: str, parts: tuple[Node, ...], vocabulary: Vocabulary) -> Iterator[Problem]:
    for part in parts:
        metric = vocabulary.metrics.get(part.metric) if isinstance(part, MetricRef) else None
        leaving = leaving_in(metric.meta) if metric is not None else None
        if metric is None or leaving is None:
            continue
        name = metric.label or metric.name
        goes = f"goes on {leaving.day.day} {leaving.day:%B %Y}" if leaving.day else "is deprecated"
        other = vocabulary.metrics.get(leaving.instead)
        if other is None:
            yield _warning("leaving", f"{name} {goes}.", part, "Ask its owner what to use instead.")
            continue
        new = spell(other.name)
        fix = Fix(f"Use {new}", replaced(text, part, new))
        yield _warning("leaving", f"{name} {goes}.", part, f"{other.label or new} takes its place.", fix)


def _texts_like_fields(text: str, parts: tuple[Node, ...], vocabulary: Vocabulary) -> Iterator[Problem]:
    models = {part.model for part in parts if isinstance(part, ColumnRef)}
    for part in parts:
        if not isinstance(part, Literal_) or not isinstance(part.value, str):
            continue
        key = name_key(part.value)
        fields = vocabulary.columns_by_key.get(key, {})
        metric = vocabulary.metrics_by_key.get(key)
        quoted = source(text, part).lstrip("( ")[:1] in _DOUBLE_QUOTES
        if quoted and (metric or models & set(fields)):
            yield _warning(
                "text-like-field",
                f"“{part.value}” in quotes is a text. Did you mean the field [{part.value}]?",
                part,
                "Names of fields stand without quotes, or in square brackets.",
                Fix(f"Use the field {part.value}", replaced(text, part, spell(part.value))),
            )


def _not_a_subset(tree: Node) -> Iterator[Problem]:
    for part in walk(tree):
        if isinstance(part, Binary) and part.op == "/":
            upper, lower = part.left, part.right
        elif isinstance(part, Call) and part.name == "DIVIDE":
            upper, lower = part.args[:2]
        else:
            continue
        reason = _excess(upper, lower)
        if reason:
            hint = "If it is meant as a share, give both parts the same rows and conditions."
            yield _warning("subset-of", f"{reason} The result can exceed 100 %.", part, hint)


def _excess(upper: Node, lower: Node) -> str:
    """Why the upper part of a share is not contained in the lower part; "" if nothing says so."""
    top = upper.value if isinstance(upper, Where) else upper
    bottom = lower.value if isinstance(lower, Where) else lower
    if not isinstance(top, Total) or not isinstance(bottom, Total):
        return ""
    counts = {top.name, bottom.name} <= {"COUNT", "COUNTDISTINCT"}
    if not counts and shape(top) != shape(bottom):
        return ""
    if top.model != bottom.model:
        return f"The upper part counts rows of {top.model}, the lower part rows of {bottom.model}."
    has = {shape(part) for part in conjuncts(upper.condition)} if isinstance(upper, Where) else set()
    needs = {shape(part) for part in conjuncts(lower.condition)} if isinstance(lower, Where) else set()
    if needs <= has:
        return ""
    return "The lower part has a condition that the upper part has not."


_RULES: tuple[Callable[[str, tuple[Node, ...]], Iterator[Problem]], ...] = (
    _relative_dates,
    _dropped_blanks,
    _percent_scale,
    _counted_conditions,
    _points_between_thousands,
)
