"""A dbt test as a rule that a person can change: the reverse of `spelled`, whoever brings the test."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from catalog.quality.rules import Test, rule_of, unread
from catalog.quality.spellings import BY_NAME
from catalog.quality.tellers import Reads
from catalog.quality.values import is_set, number, object_of
from semantic.codegen.entries import Refused
from semantic.codegen.quality.promises import (
    NO_CONDITION,
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
    Unique,
    UniqueTogether,
    problems_of,
    whole,
)
from semantic.codegen.quality.rule import QualityRule
from semantic.codegen.quality.spelled import Compiles

Raw: TypeAlias = Mapping[str, Any]
CONDITION_ARGUMENTS = {"expression_is_true": "expression", "bisync_always_true": "condition"}
# Where packages let a test look at some of the rows; under `config`, every test can.
ROW_CONDITIONS = ("row_condition", "where_expression", "from_condition")
# They say nothing of their own, or how the values are to be written.
_NEUTRAL = frozenset({"column_name", "model", "quote", "quote_values"})
# Told as a rule that it resembles.
_ONLY_ALIKE = frozenset({"not_empty_string"})


def rule_read(
    test: Test, *, meta: object = None, compiles: Compiles | None = None, reads: Reads = unread
) -> QualityRule | None:
    """The rule that a test keeps; None where it promises what no rule says, and so cannot be changed as one.

    `meta` is the test's own: a formula that Bisync noted there counts while it still compiles to the SQL that
    stands in the test. Any other condition is a formula where `reads` finds one, else SQL.
    """
    arguments = flat(test.arguments)
    note = object_of(object_of(meta).get("bisync"))
    hearing = _Hearing(note, compiles, reads)
    wheres = [object_of(test.config).get("where"), *(arguments.pop(name, None) for name in ROW_CONDITIONS)]
    given = [one for one in wheres if isinstance(one, str) and one.strip()]
    promise = _promise(test, arguments, hearing)
    if promise is None or len(given) > 1 or problems_of(promise):
        return None
    owner = object_of(meta).get("owner")
    return QualityRule(
        promise,
        "warn" if test.severity == "warn" else "error",
        hearing.condition(given[0], "where") if given else NO_CONDITION,
        "" if is_made_up(test) else test.name,
        owner if isinstance(owner, str) else "",
    )


def flat(arguments: object) -> dict[str, Any]:
    """The arguments of a test, wherever they stand."""
    given = dict(object_of(arguments))
    return {**given, **object_of(given.pop("arguments", None))}


def is_made_up(test: Test) -> bool:
    """Whether dbt made the test's name from what it tests, since nobody gave it one."""
    spelled = test.kind.replace(".", "_")
    return not test.name or test.name.startswith((f"{spelled}_{test.about}", f"source_{spelled}_"))


class _Hearing:
    """What conditions mean, with the notes that were taken when they were written."""

    def __init__(self, note: Raw, compiles: Compiles | None, reads: Reads) -> None:
        self._note, self._compiles, self._reads = note, compiles, reads

    def condition(self, sql: str, noted: str) -> Condition:
        formula = self._note.get(noted)
        if isinstance(formula, str) and formula and self._says(formula, sql):
            return Condition(formula)
        found = self._reads(sql)
        return Condition(found) if found else Condition(sql=sql)

    def _says(self, formula: str, sql: str) -> bool:
        try:
            return self._compiles is not None and self._compiles(formula) == sql
        except Refused:
            return False


def _promise(test: Test, arguments: Raw, hearing: _Hearing) -> Promise | None:
    bare = test.kind.rpartition(".")[2]
    if argument := CONDITION_ARGUMENTS.get(bare):
        sql = arguments.get(argument)
        alone = not test.column and set(arguments) <= {argument, *_NEUTRAL}
        return AlwaysTrue(hearing.condition(sql, "formula")) if isinstance(sql, str) and alone else None
    spelling = BY_NAME.get(bare)
    if spelling is None or bare in _ONLY_ALIKE or set(arguments) - {*spelling.arguments.values(), *_NEUTRAL}:
        return None
    told = rule_of(Test(test.kind, "", test.about, test.column, arguments))
    return _built(told.kind, dict(told.parameters), test.column)


def _built(kind: str, parameters: dict[str, Any], column: str) -> Promise | None:
    """The promise with these parameters; None where no promise of the kind has them."""
    strict = is_set(parameters.pop("strictly", None)) or _is_off(parameters.pop("inclusive", None))
    build = _BUILD.get(kind)
    if build is None or set(parameters) - _READ[kind]:
        return None
    try:
        return build({**parameters, "strict": strict, "column": column})
    except (TypeError, ValueError, KeyError, StopIteration):
        return None


def _is_off(value: object) -> bool:
    return value is False or (isinstance(value, str) and value.strip().lower() == "false")


def _limit(value: object) -> Number | None:
    if value is None:
        return None
    found = number(value)
    if found is None:
        raise ValueError(value)
    return whole(found)


def _range(given: Raw) -> Promise:
    low = _limit(given.get("minimum"))
    if is_set(given.get("integer")) and low in (0, 1) and given.get("maximum") is None:
        return PositiveInteger(int(low))
    if is_set(given.get("integer")):
        raise ValueError("whole numbers in another range")
    return InRange(low, _limit(given.get("maximum")), given["strict"])


def _accepted(given: Raw) -> Promise:
    values = given["values"]
    found = [value.replace("''", "'") if isinstance(value, str) else value for value in values]
    if not isinstance(values, list) or not all(isinstance(value, str | int | float) for value in found):
        raise TypeError(values)
    return AcceptedValues(tuple(found), is_set(given.get("negated")), is_set(given.get("filled")))


def _belongs(given: Raw) -> Promise:
    return BelongsTo(str(given["to"]), str(given["field"]))


def _pattern(given: Raw) -> Promise:
    patterns = given["patterns"]
    if not isinstance(patterns, str):
        raise TypeError(patterns)
    return MatchesPattern(patterns, is_set(given.get("negated")))


def _fresh(given: Raw) -> Promise:
    unit = str(given.get("unit")).strip("'\" ").lower().removesuffix("s")
    count = _limit(given.get("interval"))
    if count is None or not isinstance(count, int):
        raise ValueError(count)
    return Freshness(
        str(given.get("field") or given["column"]), count, next(one for one in UNITS if one == unit)
    )


def _rows(given: Raw) -> Promise:
    if given["strict"]:
        raise ValueError("limits that are excluded")
    low, high = _limit(given.get("minimum")), _limit(given.get("maximum"))
    return RowCount(low, high)  # type: ignore[arg-type] # problems_of says what is not whole


def _share(given: Raw) -> Promise:
    if number(given.get("at_most")) not in (None, 1):
        raise ValueError("a highest share")
    return MostlyFilled(float(given["at_least"]))


_LIMITS = frozenset({"minimum", "maximum", "integer"})
_BUILD: Mapping[str, Callable[[Raw], Promise]] = {
    "not_null": lambda _given: NotNull(),
    "mostly_filled": _share,
    "unique": lambda _given: Unique(),
    "unique_together": lambda given: UniqueTogether(tuple(given["columns"])),
    "accepted_values": _accepted,
    "belongs_to": _belongs,
    "positive_integer": _range,
    "percentage_0_to_100": _range,
    "in_range": _range,
    "matches_pattern": _pattern,
    "freshness": _fresh,
    "row_count_between": _rows,
    "not_empty": _rows,
}
# Whatever else a test's arguments say, no rule of the kind says.
_READ: Mapping[str, frozenset[str]] = {
    "not_null": frozenset(),
    "mostly_filled": frozenset({"at_least", "at_most"}),
    "unique": frozenset(),
    "unique_together": frozenset({"columns"}),
    "accepted_values": frozenset({"values", "negated", "filled"}),
    "belongs_to": frozenset({"to", "field"}),
    "positive_integer": _LIMITS,
    "percentage_0_to_100": _LIMITS,
    "in_range": _LIMITS,
    "matches_pattern": frozenset({"patterns", "negated"}),
    "freshness": frozenset({"field", "unit", "interval"}),
    "row_count_between": _LIMITS,
    "not_empty": _LIMITS,
}
