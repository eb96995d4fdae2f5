"""A business rule as its author describes it: what it is about, how it decides, and examples of it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, Literal, Self, TypeAlias, get_args

from semantic.fields import Fields
from semantic.rules.tables import HitPolicy, Output, Row, Table

Written: TypeAlias = Literal["sentence", "table", "formula"]
WRITTEN: tuple[Written, ...] = get_args(Written)
NO_TABLE = Table((), ())
_FORMULA = re.compile(r"\s*(IFS?\s*\(|CASE\b)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class RuleExample:
    """Values of inputs, each by the formula of its input, and what the rule has to say; as written."""

    values: tuple[tuple[str, str], ...]
    expected: str = ""

    def value(self, asked: str) -> str:
        """What stands for an input; "" where nobody said anything."""
        return dict(self.values).get(asked, "")

    def __str__(self) -> str:
        told = ", ".join(f"{name}: {value}" for name, value in self.values)
        return f"{told} → {self.expected or '?'}"


@dataclass(frozen=True, slots=True)
class BusinessRuleFields(Fields):
    """A rule about each row of `model`.

    It is `written` as a sentence or a formula, which is the `text`, or as a `table`; the other one is empty.
    `key` are the columns that tell its rows apart, empty where dbt's tests show them.
    """

    MERGED: ClassVar[tuple[str, ...]] = (
        "label", "description", "model", "written", "text", "table", "column_description", "examples",
        "key", "owner",
    )  # fmt: skip

    name: str = ""
    label: str = ""
    description: str = ""
    model: str = ""
    written: Written = "sentence"
    text: str = ""
    table: Table = NO_TABLE
    column_description: str = ""
    examples: tuple[RuleExample, ...] = ()
    key: tuple[str, ...] = ()
    owner: str = ""
    why: str = ""

    def __post_init__(self) -> None:
        """One spelling at a time holds."""
        if self.written == "table":
            object.__setattr__(self, "text", "")
        else:
            object.__setattr__(self, "table", NO_TABLE)

    def to_json(self) -> dict[str, object]:
        values: dict[str, object] = {one.name: getattr(self, one.name) for one in fields(self)}
        return {
            **values,
            "table": table_json(self.table) if self.written == "table" else None,
            "examples": [{"values": dict(one.values), "expected": one.expected} for one in self.examples],
            "key": list(self.key),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, object]) -> Self:
        """The reverse of `to_json`; a text that is said beside a table takes its place."""
        texts = {name: str(values.get(name) or "") for name in TEXTS}
        written = _one_of(values.get("written"), WRITTEN)
        if written == "table" and texts["text"]:
            written = "formula" if _FORMULA.match(texts["text"]) else "sentence"
        return replace(
            cls(),
            **texts,
            written=written,
            table=table_from(values.get("table")),
            examples=tuple(map(_example_from, _listed(values.get("examples")))),
            key=tuple(map(str, _listed(values.get("key")))),
        )

    @property
    def title(self) -> str:
        return self.label or self.name

    def row(self) -> dict[str, str]:
        return {"description": self.description, "formula": self.text}


TEXTS = ("name", "label", "description", "model", "text", "column_description", "owner", "why")


def table_json(table: Table) -> dict[str, object]:
    """A table as the database holds it."""
    return {
        "inputs": list(table.inputs),
        "rows": [{"cells": list(row.cells), "outcome": row.outcome} for row in table.rows],
        "otherwise": table.otherwise,
        "hit_policy": table.hit_policy,
        "output": table.output,
    }


def table_from(value: object) -> Table:
    """The reverse of `table_json`; what is no table is an empty one."""
    if not isinstance(value, Mapping):
        return NO_TABLE
    rows = (one for one in _listed(value.get("rows")) if isinstance(one, Mapping))
    return Table(
        tuple(map(str, _listed(value.get("inputs")))),
        tuple(Row(tuple(map(str, _listed(row.get("cells")))), str(row.get("outcome") or "")) for row in rows),
        str(value.get("otherwise") or ""),
        _one_of(value.get("hit_policy"), get_args(HitPolicy)),
        _one_of(value.get("output"), get_args(Output)),
    )


def _example_from(value: Any) -> RuleExample:
    known = value if isinstance(value, Mapping) else {}
    given = known.get("values")
    pairs = given.items() if isinstance(given, Mapping) else ()
    # In an order of its own, so that the same example is the same text, whatever the inputs stood in.
    told = tuple(sorted((str(name), str(text)) for name, text in pairs))
    return RuleExample(told, str(known.get("expected") or ""))


def _one_of(value: object, choices: Sequence[Any]) -> Any:
    """The value where it is one of these, else the first of them."""
    return value if value in choices else choices[0]


def _listed(value: object) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else []
