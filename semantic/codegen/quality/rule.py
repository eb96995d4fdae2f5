"""A data quality rule as a person proposes it: what is promised of what, and how serious it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, TypeAlias, get_args

from semantic.codegen.quality.promises import (
    CLASSES,
    NO_CONDITION,
    OF_COLUMN,
    AlwaysTrue,
    Condition,
    Promise,
    problems_of,
    settled,
)
from semantic.codegen.versions import VERSIONS, named, version_of
from semantic.rules.text import name_problems, text_problems

Severity: TypeAlias = Literal["error", "warn"]
Resource: TypeAlias = Literal["models", "seeds", "snapshots", "sources"]
RESOURCES: tuple[Resource, ...] = get_args(Resource)


@dataclass(frozen=True, slots=True)
class Target:
    """What a rule is of: a model, seed, snapshot or a source's table, and its column for rules of columns.

    A model with versions is meant in this `version` alone.
    """

    name: str
    column: str = ""
    resource: Resource = "models"
    source: str = ""
    version: str = ""

    @classmethod
    def of(cls, unique_id: str, name: str, column: str = "", source: str = "") -> Target:
        """The target that dbt's id of a table stands for; a model where nobody knows the id."""
        kind = unique_id.partition(".")[0]
        resource: Resource = next((known for known in RESOURCES if known == f"{kind}s"), "models")
        return cls(name, column, resource, source, version_of(unique_id))

    def to_json(self) -> dict[str, str]:
        """As the database holds it; what is the default is left out."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        if self.resource == "models":
            del values["resource"]
        return {name: value for name, value in values.items() if value}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Target:
        """The reverse of `to_json`."""
        resource: Resource = next((known for known in RESOURCES if known == values.get("resource")), "models")
        texts = {name: str(values.get(name) or "") for name in ("name", "column", "source", "version")}
        return cls(resource=resource, **texts)


def said_of(target: Target, said: Mapping[str, Any]) -> dict[str, Any]:
    """What an entry of the target's name says where this is said of it, or of its version."""
    return {VERSIONS: [{"v": named(target.version), **said}]} if target.version else dict(said)


@dataclass(frozen=True, slots=True)
class QualityRule:
    """One promise, for all rows or those `where` a condition holds; equal where it says the same.

    `name` is what dbt calls the test ("": dbt chooses), `owner` who looks after it.
    """

    promise: Promise
    severity: Severity = "error"
    where: Condition = NO_CONDITION
    name: str = ""
    owner: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "promise", settled(self.promise))

    @property
    def kind(self) -> str:
        """Its name in the catalogue of rules."""
        return self.promise.kind

    @property
    def of_column(self) -> bool:
        """Whether it is a rule of one column."""
        return isinstance(self.promise, OF_COLUMN)

    def problems(self) -> list[str]:
        """Why it cannot be written; empty where it can."""
        found = problems_of(self.promise)
        if self.severity not in get_args(Severity):
            found.append("Choose whether a broken rule warns or is an error.")
        found += text_problems(self.where.formula, limit=4_000)
        found += text_problems(self.owner, limit=200, lines=False)
        return found + (name_problems(self.name) if self.name else [])

    def to_json(self) -> dict[str, Any]:
        """As the database holds it: equal rules give equal JSON."""
        values: dict[str, Any] = {"kind": self.kind, **_to_json(self.promise), "severity": self.severity}
        if self.where != NO_CONDITION:
            values["where"] = self.where.to_json()
        return {**values, **{key: text for key in ("name", "owner") if (text := getattr(self, key))}}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> QualityRule:
        """The reverse of `to_json`; raises ValueError for a kind that nobody knows."""
        promised = CLASSES.get(str(values.get("kind")))
        if promised is None:
            raise ValueError(f"There is no rule {values.get('kind')!r}.")
        given = {one.name: values[one.name] for one in fields(promised) if one.name in values}
        given = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
        if promised is AlwaysTrue:
            given["condition"] = Condition.from_json(given.get("condition") or {})
        return cls(
            promised(**given),
            "warn" if values.get("severity") == "warn" else "error",
            Condition.from_json(values.get("where") or {}),
            str(values.get("name") or ""),
            str(values.get("owner") or ""),
        )


def _to_json(promise: Promise) -> dict[str, Any]:
    values = {one.name: getattr(promise, one.name) for one in fields(promise)}
    return {name: _plain(value) for name, value in values.items() if value is not None}


def _plain(value: Any) -> Any:
    if isinstance(value, Condition):
        return value.to_json()
    return list(value) if isinstance(value, tuple) else value
