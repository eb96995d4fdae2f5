"""A data quality rule as a person types it: what is promised of a column or a table, and what then."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import ClassVar, Self

from semantic.codegen.quality.promises import (
    AcceptedValues,
    AlwaysTrue,
    BelongsTo,
    Freshness,
    InRange,
    MatchesPattern,
    MostlyFilled,
    Percentage,
    PositiveInteger,
    Promise,
    RowCount,
    Scalar,
    UniqueTogether,
)
from semantic.codegen.quality.rule import QualityRule
from semantic.fields import Fields

# What is typed of each kind of promise, in the order of the form; other ranges are ranges there.
TYPED: Mapping[str, tuple[str, ...]] = {
    "not_null": (),
    "mostly_filled": ("share",),
    "unique": (),
    "accepted_values": ("values", "negated", "filled"),
    "belongs_to": ("to",),
    "in_range": ("low", "high", "strict", "integer"),
    "matches_pattern": ("pattern", "negated"),
    "unique_together": ("columns",),
    "freshness": ("time", "age", "unit"),
    "row_count_between": ("low", "high"),
    "always_true": ("formula",),
}
OF_TABLE = frozenset({"unique_together", "freshness", "row_count_between", "always_true"})


@dataclass(frozen=True, slots=True)
class Typed:
    """A promise as the form has it: the texts that its kind asks for, and nothing of the others.

    `sql` is the condition of a test in dbt's files that no formula says.
    """

    kind: str = ""
    values: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    low: str = ""
    high: str = ""
    share: str = ""
    to: str = ""
    pattern: str = ""
    time: str = ""
    age: str = ""
    unit: str = ""
    formula: str = ""
    sql: str = ""
    negated: bool = False
    filled: bool = False
    strict: bool = False
    integer: bool = False

    def __str__(self) -> str:
        """The promise in words, to follow the name of what it is of."""
        return _WORDS[self.kind](self) if self.kind in _WORDS else ""

    @property
    def of_table(self) -> bool:
        """Whether it is about whole rows, and no single column."""
        return self.kind in OF_TABLE

    def to_json(self) -> dict[str, object]:
        """As the database holds it: what is not said is left out."""
        said = {one.name: getattr(self, one.name) for one in fields(self)}
        return {
            name: list(value) if isinstance(value, tuple) else value for name, value in said.items() if value
        }

    @classmethod
    def from_json(cls, values: object) -> Typed:
        """The reverse of `to_json`; what it does not know or its kind does not ask for is left out."""
        given = values if isinstance(values, Mapping) else {}
        kind = str(given.get("kind") or "")
        asked = {"kind", *TYPED.get(kind, ()), *(["sql"] if kind == "always_true" else [])}
        found: dict[str, object] = {}
        for one in fields(cls):
            value = given.get(one.name)
            if one.name not in asked or not value:
                continue
            if isinstance(one.default, tuple):
                found[one.name] = tuple(map(str, value)) if isinstance(value, list | tuple) else ()
            else:
                found[one.name] = value is True if isinstance(one.default, bool) else str(value)
        return cls(**found)  # type: ignore[arg-type]


def _between(one: Typed, what: str = "") -> str:
    above, below = ("above", "below") if one.strict else ("at least", "at most")
    whole = "a whole number " if one.integer else ""
    if one.low and one.high and not one.strict:
        return f"{whole}from {one.low} to {one.high}{what}"
    said = [f"{word} {limit}" for word, limit in ((above, one.low), (below, one.high)) if limit]
    return f"{whole}{' and '.join(said)}{what}"


def _last(one: Typed) -> str:
    return one.high or one.low


def _several(count: str, unit: str) -> str:
    return f"{count} {unit}" if count == "1" else f"{count} {unit}s"


def _listed(one: Typed) -> str:
    blank = " and never blank" if one.filled else ""
    return f"{'none' if one.negated else 'one'} of {', '.join(one.values)}{blank}"


_WORDS: Mapping[str, Callable[[Typed], str]] = {
    "not_null": lambda _one: "is never blank",
    "mostly_filled": lambda one: f"is filled in at least {one.share} % of the rows",
    "unique": lambda _one: "never appears twice",
    "accepted_values": lambda one: f"is {_listed(one)}",
    "belongs_to": lambda one: f"always exists in {one.to}",
    "in_range": lambda one: f"is {_between(one)}",
    "matches_pattern": lambda one: f"{'never matches' if one.negated else 'matches'} {one.pattern}",
    "unique_together": lambda one: f"has no combination of {', '.join(one.columns)} twice",
    "freshness": lambda one: f"has a newest {one.time} that is at most {_several(one.age, one.unit)} old",
    "row_count_between": lambda one: f"has {_between(one, ' row' if _last(one) == '1' else ' rows')}",
    "always_true": lambda one: f"keeps {one.formula or one.sql} in every row",
}


@dataclass(frozen=True, slots=True)
class PromiseFields(Fields):
    """A rule about a column or a whole table as its author describes it.

    `name` is dbt's id of the test that is changed; of something new that of its `table` and its `column`, and
    what is promised. `label` is what dbt calls the test ("": dbt chooses). `where_sql` is a condition in
    dbt's files that no formula says; it stays where `where` is empty.
    """

    MERGED: ClassVar[tuple[str, ...]] = ("promise", "where", "where_sql", "severity", "label", "owner")

    name: str = ""
    table: str = ""
    column: str = ""
    promise: Typed = field(default_factory=Typed)
    where: str = ""
    where_sql: str = ""
    severity: str = "error"
    label: str = ""
    owner: str = ""
    why: str = ""

    def to_json(self) -> dict[str, object]:
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        return {**values, "promise": self.promise.to_json()}

    @classmethod
    def from_json(cls, values: Mapping[str, object]) -> Self:
        texts = {one.name: str(values.get(one.name) or "") for one in fields(cls) if one.name != "promise"}
        texts["severity"] = "warn" if texts["severity"] == "warn" else "error"
        return cls(**texts, promise=Typed.from_json(values.get("promise")))

    @property
    def about(self) -> str:
        """What it is of, as people write it: `orders.status`, or `orders` alone."""
        table = self.table.rpartition(".")[2]
        return f"{table}.{self.column}" if self.column and not self.promise.of_table else table

    @property
    def title(self) -> str:
        said = str(self.promise)
        return f"{self.about} {said}" if said and self.table else self.about

    def row(self) -> dict[str, str]:
        return {"description": self.title}


def typed_of(promise: Promise) -> Typed:  # noqa: C901 - one case for each kind
    """A promise as the form has it."""
    match promise:
        case MostlyFilled(share):
            return Typed("mostly_filled", share=f"{share * 100:.10g}")
        case UniqueTogether(columns):
            return Typed("unique_together", columns=columns)
        case AcceptedValues(values, negated, filled):
            texts = tuple(map(_text, values))
            return Typed("accepted_values", values=texts, negated=negated, filled=filled)
        case BelongsTo(to, there):
            return Typed("belongs_to", to=f"{to}.{there}")
        case PositiveInteger(minimum, integer):
            return Typed("in_range", low=str(minimum), integer=integer)
        case Percentage(maximum):
            return Typed("in_range", low="0", high=str(maximum))
        case InRange(low, high, strict):
            return Typed("in_range", low=_text(low), high=_text(high), strict=strict)
        case MatchesPattern(pattern, negated):
            return Typed("matches_pattern", pattern=pattern, negated=negated)
        case Freshness(time, count, unit):
            return Typed("freshness", time=time, age=str(count), unit=unit)
        case RowCount(least, most):
            return Typed("row_count_between", low=_text(least), high=_text(most))
        case AlwaysTrue(condition):
            return Typed("always_true", formula=condition.formula, sql=condition.sql)
        case _:
            return Typed(promise.kind)


def _text(value: Scalar | None) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def fields_of(rule: QualityRule, *, name: str, table: str, column: str) -> PromiseFields:
    """A rule that dbt's files keep, as its form shows it."""
    return PromiseFields(
        name=name,
        table=table,
        column=column if rule.of_column else "",
        promise=typed_of(rule.promise),
        where=rule.where.formula,
        where_sql=rule.where.sql,
        severity=rule.severity,
        label=rule.name,
        owner=rule.owner,
    )
