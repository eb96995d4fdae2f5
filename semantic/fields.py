"""The fields of a revision: what a person edits, as plain values with one canonical form."""

from __future__ import annotations

import hashlib
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from dataclasses import fields as dataclass_fields
from typing import Any, ClassVar, Literal, Self, TypeAlias, get_args

from catalog.annotations import noted
from semantic.definitions import Grain, plain_letters

ValueFormat: TypeAlias = Literal["number", "integer", "currency", "percent"]
RuleKind: TypeAlias = Literal[
    "not_null",
    "positive",
    "percentage",
    "range",
    "reasonable_growth_rate",
    "logical_cohort_progression",
    "metric_consistency",
    "historical_trend_validation",
    "freshness",
]
FORMATS: tuple[ValueFormat, ...] = get_args(ValueFormat)
RULES: tuple[RuleKind, ...] = get_args(RuleKind)


# How far a value may lie from those of how many periods before it.
SIGMA = 3.0
PERIODS = 28


def usual_grain(kind: RuleKind) -> Grain:
    """The length of the periods that a kind of promise is about where nobody says another one."""
    return "day" if kind == "historical_trend_validation" else "month"


@dataclass(frozen=True, slots=True)
class ValueRule:
    """A promise about a metric's value in every period.

    `low` and `high` belong to `range`; the others to the kinds that look at more than one value. `increase`
    and `decrease` are the most that it grows and falls in percent, where it was at least `base` before. It is
    the same as the metric `other`, within `tolerance` percent. It stays within `sigma` standard deviations of
    the last `periods`. It is never above the last of the metrics `steps`, of which none is above the one
    before. Its newest row is at most `hours` old. `grain` is the length of a period ("": the kind's own).
    """

    kind: RuleKind
    low: float | None = None
    high: float | None = None
    increase: float | None = None
    decrease: float | None = None
    base: float | None = None
    other: str = ""
    tolerance: float | None = None
    sigma: float | None = None
    periods: int | None = None
    steps: tuple[str, ...] = ()
    hours: int | None = None
    grain: Grain | Literal[""] = ""

    def __post_init__(self) -> None:
        """What goes without saying is not said, so that equal promises are equal."""
        usual = {
            "sigma": SIGMA,
            "periods": PERIODS,
            "base": 0,
            "tolerance": 0,
            "grain": usual_grain(self.kind),
        }
        for name, value in usual.items():
            if getattr(self, name) == value:
                object.__setattr__(self, name, "" if name == "grain" else None)

    def __str__(self) -> str:
        """The promise in words."""
        return _WORDS[self.kind](self)

    @property
    def period(self) -> Grain:
        """The length of the periods that it is about."""
        return self.grain or usual_grain(self.kind)

    @property
    def numbers(self) -> tuple[float, ...]:
        """Every number that it names."""
        named = (self.low, self.high, self.increase, self.decrease, self.base, self.tolerance, self.sigma)
        return tuple(one for one in (*named, self.periods, self.hours) if one is not None)

    def to_json(self) -> dict[str, object]:
        """As the database holds it: what is not said is left out."""
        values = {one.name: getattr(self, one.name) for one in dataclass_fields(self)}
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in values.items()
            if value not in (None, "", ())
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> ValueRule:
        """The reverse of `to_json`; keys it does not know are left out."""
        known = {one.name for one in dataclass_fields(cls)}
        given = {name: value for name, value in values.items() if name in known and value is not None}
        return cls(**{**given, "steps": tuple(given.get("steps") or ())})


def _limits(rule: ValueRule) -> str:
    if rule.low is None:
        return f"at most {rule.high:g}"
    return f"at least {rule.low:g}" if rule.high is None else f"from {rule.low:g} to {rule.high:g}"


def _growth(rule: ValueRule) -> str:
    ways = (("grows", rule.increase), ("falls", rule.decrease))
    return " and ".join(f"{way} by at most {most:g} %" for way, most in ways if most is not None)


def _consistency(rule: ValueRule) -> str:
    return f"the same as {rule.other}" + (f", within {rule.tolerance:g} %" if rule.tolerance else "")


_WORDS: Mapping[RuleKind, Callable[[ValueRule], str]] = {
    "not_null": lambda _rule: "never blank",
    "positive": lambda _rule: "never below zero",
    "percentage": lambda _rule: "0 to 100 %",
    "range": _limits,
    "reasonable_growth_rate": _growth,
    "logical_cohort_progression": lambda rule: f"never above {rule.steps[-1] if rule.steps else ''}",
    "metric_consistency": _consistency,
    "historical_trend_validation": lambda rule: (
        f"within {rule.sigma or SIGMA:g} standard deviations of the last {rule.periods or PERIODS}"
    ),
    "freshness": lambda rule: f"at most {rule.hours} hours old",
}


class Fields(ABC):
    """What a person edits of one definition. `name` is dbt's, of something new the one it will have."""

    __slots__ = ()
    # What two sides may change, each for itself, in the order of the form.
    MERGED: ClassVar[tuple[str, ...]]
    name: str
    why: str  # the reason for the proposal

    @property
    @abstractmethod
    def title(self) -> str:
        """What lists call it; "" while it has no name for people."""

    @property
    def line(self) -> str:
        """All of it in one line, where it stands against another."""
        return self.title

    @abstractmethod
    def to_json(self) -> dict[str, object]:
        """As the database holds it."""

    @classmethod
    @abstractmethod
    def from_json(cls, values: Mapping[str, object]) -> Self:
        """The reverse of `to_json`; keys it does not know are left out."""

    def row(self) -> dict[str, str]:
        """What else the database notes of a definition that nobody has published yet."""
        return {}

    def keeping(self, stored: Self, names: Iterable[str]) -> Self:
        """These fields, but of those `names` what is stored."""
        return replace(self, **{name: getattr(stored, name) for name in names})  # type: ignore[type-var]

    @property
    def content_hash(self) -> str:
        """What an approval is bound to: SHA-256 over everything but the reason for the proposal."""
        return digest({key: value for key, value in self.to_json().items() if key != "why"})

    def agreed(self) -> dict[str, object]:
        """What two sides may change, each for itself, as JSON holds it: no name and no reason."""
        values = self.to_json()
        return {name: values[name] for name in self.MERGED}

    def changes_from(self, base: Fields) -> dict[str, tuple[object, object]]:
        """The fields that differ from `base`, each as it was and as it is, in the order of the form."""
        was, is_now = base.agreed(), self.agreed()
        return {name: (was[name], is_now[name]) for name in self.MERGED if was[name] != is_now[name]}

    def hash_since(self, base: Fields | None) -> str:
        """What an approval is bound to, whether something is new or changed."""
        return self.content_hash if base is None else self.change_hash(base)

    def change_hash(self, base: Fields) -> str:
        """What the approval of a change is bound to: SHA-256 over what it changes, from what to what.

        Fields that the change does not touch are left out: others may go on changing them.
        """
        changes = {name: list(pair) for name, pair in self.changes_from(base).items()}
        return digest({"name": base.name, "changes": changes})


class PlainFields(Fields):
    """Fields that are all texts, lists of texts, or yes and no; a frozen dataclass."""

    __slots__ = ()

    def to_json(self) -> dict[str, object]:
        values = {one.name: getattr(self, one.name) for one in dataclass_fields(self)}  # type: ignore[arg-type]
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

    @classmethod
    def from_json(cls, values: Mapping[str, object]) -> Self:
        found: dict[str, object] = {}
        for one in dataclass_fields(cls):  # type: ignore[arg-type]
            value = values.get(one.name)
            if isinstance(one.default, tuple):
                found[one.name] = tuple(map(str, value)) if isinstance(value, list | tuple) else ()
            elif isinstance(one.default, bool):
                found[one.name] = value is True
            else:
                found[one.name] = str(value or "")
        return cls(**found)


@dataclass(frozen=True, slots=True)
class MetricFields(Fields):
    """A metric as its author describes it. All text is as typed, trimmed."""

    MERGED: ClassVar[tuple[str, ...]] = (
        "label", "meaning", "context", "synonyms", "formula", "time", "value_format", "rules",
        "owner", "group", "certified",
    )  # fmt: skip

    name: str = ""
    label: str = ""
    meaning: str = ""
    context: str = ""
    formula: str = ""
    model: str = ""
    time: str = ""
    value_format: ValueFormat = "number"
    owner: str = ""
    group: str = ""
    why: str = ""
    rules: tuple[ValueRule, ...] = field(default=())
    synonyms: tuple[str, ...] = ()
    certified: bool = False

    def to_json(self) -> dict[str, object]:
        values: dict[str, object] = {name: getattr(self, name) for name in TEXTS}
        values["value_format"] = self.value_format
        values["rules"] = [rule.to_json() for rule in self.rules]
        return {**values, "synonyms": list(self.synonyms), "certified": self.certified}

    @classmethod
    def from_json(cls, values: Mapping[str, object]) -> Self:
        raw: Any = values.get("rules") or []
        rules = tuple(map(ValueRule.from_json, raw))
        texts = {name: str(values.get(name) or "") for name in TEXTS}
        return replace(
            cls(**texts),  # type: ignore[arg-type]
            value_format=values.get("value_format") or "number",  # type: ignore[arg-type]
            rules=rules,
            synonyms=tuple(map(str, values.get("synonyms") or ())),  # type: ignore[call-overload]
            certified=values.get("certified") is True,
        )

    @property
    def title(self) -> str:
        return self.label or self.name

    @property
    def line(self) -> str:
        return f"{self.title} = {self.formula}"

    def row(self) -> dict[str, str]:
        return {"description": self.meaning, "formula": self.formula}


def digest(content: object) -> str:
    """SHA-256 over plain data in its one canonical form."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


# The fields of a metric that are plain text, in the order of the form.
TEXTS = (
    "name", "label", "meaning", "context", "formula", "model", "time", "owner", "group", "why",
)  # fmt: skip


def with_plain_lines(text: str) -> str:
    """The text with its lines ended as dbt's files end them, however they were sent."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def name_from(label: str) -> str:
    """The dbt name that a label suggests: `Net revenue per customer` → `net_revenue_per_customer`."""
    plain = re.sub(r"[^a-z0-9]+", "_", plain_letters(label)).strip("_")
    return (f"m_{plain}" if plain[:1].isdigit() else plain)[:60].strip("_")


def currency(meta: object) -> str:
    """The ISO 4217 code in a metric's meta; "" where there is none."""
    code = noted(meta, "currency")
    return code if isinstance(code, str) and re.fullmatch("[A-Z]{3}", code) else ""
