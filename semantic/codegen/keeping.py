"""What a changed definition keeps of its authors' words: aliases, expressions, filters."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from semantic.definitions import KeywordCase, Metric, MetricInput

_WORD = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"|\b[^\W\d]\w*\b")


# What a metric means: two that mean the same share the text, "" for one that no formula says.
Meant: TypeAlias = Callable[[Metric], str]


def keeping(there: Metric, was: Metric, new: Metric, meant: Meant, keywords: KeywordCase) -> Metric:
    """`new`, with what `there` says wherever that is the same.

    `was` is the definition that is there in the words in which `new` is written, so that what `was` and `new`
    share stays. Whoever calls it makes sure that the result means what `new` means.
    """
    if not there.type == was.type == new.type:
        return new

    def under(texts: tuple[str, ...]) -> str:
        return meant(replace(new, filters=texts))

    filters = _texts(there.filters, new.filters, under)
    new = replace(
        new,
        filters=_in_one(there.filters, filters, under, "AND" if keywords == "upper" else "and"),
        period_agg=there.period_agg if was.period_agg == new.period_agg else new.period_agg,
    )
    if there.numerator and there.denominator and new.numerator and new.denominator:
        top, bottom = was.numerator or new.numerator, was.denominator or new.denominator
        return replace(
            new,
            numerator=_input(there.numerator, top, new.numerator, meant),
            denominator=_input(there.denominator, bottom, new.denominator, meant),
        )
    return _derived(there, was, new, meant) if new.type == "derived" else new


def _texts(
    there: Sequence[str], new: Sequence[str], meant: Callable[[tuple[str, ...]], str]
) -> tuple[str, ...]:
    """The filters of `new`: those that stand there and hold for it too, and what they do not say."""
    wanted = meant(tuple(new))
    kept = tuple(text for text in there if wanted and meant((*new, text)) == wanted)
    said = meant(kept)
    return (*kept, *(text for text in new if not kept or meant((*kept, text)) != said))


def _in_one(
    there: Sequence[str], filters: tuple[str, ...], meant: Callable[[tuple[str, ...]], str], word: str
) -> tuple[str, ...]:
    """The filters as one text where one is there and stays, so that its lines stay, too."""
    if len(there) != 1 or filters[:1] != tuple(there):
        return filters
    end = "\n" if there[0].endswith("\n") else ""
    parts = [filters[0].strip(), *filters[1:]]
    one = (f"{end or ' '}{word} ".join(parts) + end,)
    return one if len(parts) > 1 and meant(one) == meant(filters) else filters


def _input(there: MetricInput, was: MetricInput, new: MetricInput, meant: Meant) -> MetricInput:
    """One side of a ratio, under the alias that it has."""
    if there.name != was.name or was.name != new.name:
        return new
    alias = there.alias or ("" if not new.filters else new.alias)
    return replace(new, alias=alias, filters=_texts(there.filters, new.filters, _used(new.name, meant)))


def _used(metric: str, meant: Meant) -> Callable[[tuple[str, ...]], str]:
    """What a metric means under filters where another one uses it."""

    def under(filters: tuple[str, ...]) -> str:
        return meant(Metric("", "derived", expr="part", inputs=(MetricInput(metric, "part", filters),)))

    return under


def _derived(there: Metric, was: Metric, new: Metric, meant: Meant) -> Metric:
    """The inputs in the order and under the aliases that they have, and the expression that names them."""
    pairs = _pairs(there.inputs, was.inputs)
    if pairs is None:
        return new
    names: dict[str, str] = {}
    placed: list[tuple[int, MetricInput]] = []
    for one in new.inputs:
        before = _before(one, was.inputs, new.inputs)
        if before is None or (before.alias != one.alias and pairs[before].alias == before.alias):
            # A new one, or one whose name of Bisync's says what it was.
            placed.append((len(there.inputs), one))
            continue
        found = pairs[before]
        names[one.alias or one.name] = found.alias or found.name
        texts = _texts(found.filters, one.filters, _used(one.name, meant))
        placed.append((there.inputs.index(found), replace(one, alias=found.alias, filters=texts)))
    placed.sort(key=lambda pair: pair[0])
    stood = {one.alias or one.name: found.alias or found.name for one, found in pairs.items()}
    expr = _renamed(new.expr, names)
    expr = there.expr if expr == _renamed(was.expr, stood) else expr
    return replace(new, expr=expr, inputs=tuple(one for _place, one in placed))


def _before(one: MetricInput, was: Sequence[MetricInput], new: Sequence[MetricInput]) -> MetricInput | None:
    """What an input was: the one of its name, or the only one that moved by another length of time."""
    for other in was:
        if (other.name, other.alias) == (one.name, one.alias):
            return other
    stay = {(other.name, other.alias) for other in was} & {(other.name, other.alias) for other in new}
    moved = [
        [other for other in inputs if other.offset_window and (other.name, other.alias) not in stay]
        for inputs in (was, new)
    ]
    if one not in moved[1] or [len(inputs) for inputs in moved] != [1, 1]:
        return None
    return moved[0][0] if moved[0][0].name == one.name else None


def _pairs(
    there: Sequence[MetricInput], was: Sequence[MetricInput]
) -> Mapping[MetricInput, MetricInput] | None:
    """What each of Bisync's inputs is among those that are there; None where that is not certain."""

    def known_by(one: MetricInput) -> tuple[object, ...]:
        return one.name, one.offset_window, one.offset_to_grain, len(one.filters)

    found = {known_by(one): one for one in there}
    if len(found) != len(there) or len(there) != len(was):
        return None
    pairs = {one: found.get(known_by(one)) for one in was}
    if len({*pairs.values()} - {None}) != len(there):
        return None
    return {one: other for one, other in pairs.items() if other is not None}


def _renamed(sql: str, names: Mapping[str, str]) -> str:
    """The expression with other names for its inputs; what stands in quotes stays."""
    return _WORD.sub(lambda match: names.get(match[0], match[0]), sql)
