"""What a data quality rule has to be before others are asked to read it, and the promise that was typed."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import fields as dataclass_fields
from decimal import Decimal

from semantic.codegen.quality.promises import (
    UNITS,
    AcceptedValues,
    AlwaysTrue,
    BelongsTo,
    Condition,
    Freshness,
    InRange,
    MatchesPattern,
    MostlyFilled,
    NotNull,
    Number,
    PositiveInteger,
    Promise,
    RowCount,
    Scalar,
    Unique,
    UniqueTogether,
    Unit,
    problems_of,
    settled,
    whole,
)
from semantic.definitions import ValueType
from semantic.formula.spellings import one_number
from semantic.promised import TYPED, PromiseFields, Typed, typed_of
from semantic.rules.metric import Problems
from semantic.rules.text import is_day, name_problems, storing_problems, text_problems

MOST_VALUES = 500
_VALUE_LIMIT = 1_000
LIMITS: Mapping[str, tuple[int, bool]] = {
    "where": (4_000, True),
    "owner": (200, False),
    "why": (2_000, True),
}
_NUMBER = re.compile(r"-?\d{1,18}(\.\d{1,9})?")
_NUMERIC: frozenset[ValueType] = frozenset({"integer", "number"})
# What is asked where a promise lacks it.
_NEEDED: Mapping[str, tuple[str, str]] = {
    "mostly_filled": ("share", "Say how many of a hundred rows are filled at least."),
    "accepted_values": ("values", "Give at least one value, each on a line of its own."),
    "belongs_to": ("to", "Say where the values exist, for example customers.customer_id."),
    "in_range": ("low", "Give a lowest or a highest value."),
    "matches_pattern": ("pattern", "Write the pattern."),
    "unique_together": ("columns", "Name two or more columns, with commas between them."),
    "freshness": ("age", "Say how old the newest row may be."),
    "row_count_between": ("low", "Give a lowest or a highest number of rows."),
    "always_true": ("formula", "Write what is always true, for example discount <= price."),
}


def keeping_problems(fields: PromiseFields) -> Problems:
    """What not even a draft can keep, field by field."""
    texts = ((name, value) for name, value in fields.to_json().items() if isinstance(value, str))
    told = {name: found for name, value in texts if (found := storing_problems(value))}
    typed = "\n".join(_texts(fields.promise).values())
    # As much as the most values that can be sent, each on its line.
    if found := storing_problems(typed, limit=MOST_VALUES * (_VALUE_LIMIT + 1)):
        told["promise"] = found
    return told


def typing_problems(fields: PromiseFields) -> Problems:
    """What may never reach dbt's files, field by field."""
    told: Problems = {}
    for name, (limit, lines) in LIMITS.items():
        if found := text_problems(getattr(fields, name), limit=limit, lines=lines):
            told[name] = found
    if fields.label and (found := name_problems(fields.label)):
        told["label"] = found
    for name, text in _texts(fields.promise).items():
        limit, lines = (4_000, True) if name == "formula" else (_VALUE_LIMIT, False)
        parts = text.split("\n") if name in ("values", "columns") else [text]
        if found := [one for part in parts for one in text_problems(part, limit=limit, lines=lines)]:
            told[name] = found[:1]
    if len(fields.promise.values) > MOST_VALUES:
        told["values"] = [f"{MOST_VALUES} values are the most. A table of its own can hold more."]
    if fields.column and (found := text_problems(fields.column, limit=300, lines=False)):
        told["column"] = found
    return told


def _texts(typed: Typed) -> dict[str, str]:
    found = {}
    for one in dataclass_fields(typed):
        value = getattr(typed, one.name)
        if one.name not in ("kind", "sql") and value and not isinstance(value, bool):
            found[one.name] = "\n".join(value) if isinstance(value, tuple) else value
    return found


def promise_of(
    typed: Typed, *, type_: ValueType = "any", like: Promise | None = None
) -> tuple[Promise | None, Problems]:
    """The promise that was typed; None with what is wrong, field by field, where it is none.

    `type_` is that of the column. What is as it was in `like`, a promise of dbt's, is read as that was.
    """
    if like is not None and typed == typed_of(like):
        return like, {}
    if typed.kind not in TYPED:
        return None, {"promise": ["Choose what is promised."]}
    needed, sentence = _NEEDED.get(typed.kind, ("", ""))
    if needed and not getattr(typed, needed) and not typed.high and not typed.sql:
        return None, {needed: [sentence]}
    try:
        promise = settled(_built(typed, type_, like))
    except _Unreadable as exc:
        return None, {exc.field: [str(exc)]}
    if found := problems_of(promise):
        return None, {needed or "promise": found[:1]}
    return promise, {}


class _Unreadable(ValueError):
    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field


def _built(typed: Typed, type_: ValueType, like: Promise | None) -> Promise:  # noqa: C901 - each kind
    match typed.kind:
        case "not_null":
            return NotNull()
        case "unique":
            return Unique()
        case "mostly_filled":
            return MostlyFilled(_share(typed))
        case "accepted_values":
            return AcceptedValues(_values(typed, type_, like), typed.negated, typed.filled)
        case "belongs_to":
            to, _dot, field = typed.to.rpartition(".")
            return BelongsTo(to, field)
        case "in_range":
            return _range(typed)
        case "matches_pattern":
            return MatchesPattern(typed.pattern, typed.negated)
        case "unique_together":
            return UniqueTogether(typed.columns)
        case "freshness":
            unit: Unit = next((one for one in UNITS if one == typed.unit), "hour")
            return Freshness(typed.time, _count(typed, "age"), unit)
        case "row_count_between":
            low, high = (_count(typed, name) if getattr(typed, name) else None for name in ("low", "high"))
            return RowCount(low, high)
        case _:
            return AlwaysTrue(Condition(typed.formula) if typed.formula else Condition(sql=typed.sql))


def _share(typed: Typed) -> float:
    """Percent as a share, without the noise of a binary division."""
    percent = Decimal(str(_needed_number(typed, "share")))
    if not 0 < percent <= 100:
        raise _Unreadable("share", "Write how many of a hundred rows, for example 95.")
    return float(percent / 100)


def _number(typed: Typed, name: str) -> Number | None:
    text = getattr(typed, name)
    if not text:
        return None
    plain, *others = one_number(text)
    if others:
        either = " or ".join((plain, *others))
        raise _Unreadable(name, f"“{text}” could be {either}. Write the one that you mean.")
    if not _NUMBER.fullmatch(plain) or not math.isfinite(float(plain)):
        raise _Unreadable(name, "Write a number, for example 12.5.")
    return int(plain) if "." not in plain else whole(float(plain))


def _needed_number(typed: Typed, name: str) -> Number:
    found = _number(typed, name)
    if found is None:
        raise _Unreadable(name, "Write a number, for example 12.5.")
    return found


def _count(typed: Typed, name: str) -> int:
    found = _needed_number(typed, name)
    if not isinstance(found, int):
        raise _Unreadable(name, "Write a whole number.")
    return found


def _range(typed: Typed) -> Promise:
    low, high = _number(typed, "low"), _number(typed, "high")
    if not typed.integer:
        return InRange(low, high, typed.strict)
    if low not in (0, 1) or high is not None or typed.strict:
        raise _Unreadable(
            "integer", "Whole numbers can only be promised from 0 or from 1 on, without a limit."
        )
    return PositiveInteger(int(low))


def _values(typed: Typed, type_: ValueType, like: Promise | None) -> tuple[Scalar, ...]:
    """The values as the column has them: texts, numbers, or yes and no."""
    was = like.values if isinstance(like, AcceptedValues) else ()
    texts = (
        any(isinstance(value, str) for value in was) if was else type_ not in (*_NUMERIC, "any", "boolean")
    )
    if type_ == "date" and (odd := next((one for one in typed.values if not is_day(one)), None)):
        raise _Unreadable("values", f"The column holds dates: write “{odd}” as in 2026-01-31.")
    if texts:
        return typed.values
    if all(value in ("true", "false") for value in typed.values) and type_ in ("boolean", "any"):
        return tuple(value == "true" for value in typed.values)
    numeric = all(_NUMBER.fullmatch(value) and _canonical(value) for value in typed.values)
    if numeric:
        return tuple(int(value) if "." not in value else whole(float(value)) for value in typed.values)
    if type_ in _NUMERIC or was:
        raise _Unreadable("values", "The column holds numbers: write each value as one, on its own line.")
    return typed.values


def _canonical(text: str) -> bool:
    """Whether it is written as a number would be: `007` is a text."""
    return not re.match(r"-?0\d", text) and text != "-0"
