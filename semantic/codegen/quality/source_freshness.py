"""How old a source's newest row may be, in the place that dbt itself has for it: the source's `freshness`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from catalog.quality.tellers import Reads
from catalog.quality.values import object_of
from semantic.codegen.entries import Refused
from semantic.codegen.quality.file_tests import has_jinja
from semantic.codegen.quality.promises import NO_CONDITION, Condition, Freshness, Unit
from semantic.codegen.quality.rule import QualityRule, Severity, Target
from semantic.codegen.yaml_marks import YamlRefused
from semantic.codegen.yaml_steps import Edit, Named, Path, RemoveKey, SetKey

Raw: TypeAlias = Mapping[str, Any]
# What stands in the place of a test's name.
FRESHNESS = "freshness"
_LIMITS: Mapping[Severity, str] = {"error": "error_after", "warn": "warn_after"}
_PERIODS: Mapping[str, Unit] = {"hour": "hour", "day": "day"}
# From this version on, dbt wants it under `config`.
UNDER_CONFIG = (1, 10)


def is_of_source(rule: QualityRule, target: Target) -> bool:
    """Whether dbt has a place of its own for the rule."""
    return target.resource == "sources" and isinstance(rule.promise, Freshness)


def source_rules(raw: object, time: str, *, reads: Reads) -> list[QualityRule]:
    """The rules that a source's `freshness` is, by its column `time`; of an age in minutes none is."""
    given = object_of(raw)
    sql = given.get("filter")
    where = NO_CONDITION
    if isinstance(sql, str) and sql.strip():
        found = reads(sql)
        where = Condition(found) if found else Condition(sql=sql)
    rules = []
    for severity, key in _LIMITS.items():
        age = object_of(given.get(key))
        unit, count = _PERIODS.get(str(age.get("period"))), age.get("count")
        if unit and isinstance(count, int) and count > 0 and time:
            rules.append(QualityRule(Freshness(time, count, unit), severity, where))
    return rules


def source_arguments(rule: QualityRule) -> dict[str, Any]:
    """What dbt's file says of a rule: the column, and the limit by its severity. Raises Refused."""
    promise = rule.promise
    assert isinstance(promise, Freshness)
    if promise.unit not in _PERIODS:
        raise Refused("dbt measures how old a source is in hours and days. Choose one of them.")
    limit = {"count": promise.count, "period": str(promise.unit)}
    return {"loaded_at_field": promise.time, _LIMITS[rule.severity]: limit}


@dataclass(frozen=True)
class SetFreshness:
    """Let a source's table say how old it may be, as `source_arguments` has it; nothing of that where empty.

    `was` is the severity that the rule had before, whose limit goes. `where` is "" for all rows, and None
    where what stands there stays: both limits look at the same rows.
    """

    target: Target
    arguments: Raw
    where: str | None
    dbt_version: tuple[int, int]
    was: Severity | None = None

    def edits(self, data: Any, _text: str) -> Iterator[Edit]:
        data = data or {}
        path, table = _table(data, self.target)
        place = _place(data, table, self.dbt_version)
        there = object_of(table.get("config")) if place else table
        old = object_of(there.get(FRESHNESS))
        new = self._after(old)
        _refuse_jinja(old, new)
        if not new.keys() - {"filter"}:
            yield RemoveKey((*path, *place), FRESHNESS)
            return
        time = self.arguments.get("loaded_at_field")
        if time and there.get("loaded_at_field") != time:
            yield SetKey((*path, *place), "loaded_at_field", time)
        yield SetKey((*path, *place), FRESHNESS, new, "loaded_at_field")

    def _after(self, old: Raw) -> dict[str, Any]:
        kept = {key: value for key, value in old.items() if key != (self.was and _LIMITS[self.was])}
        if self.where is None:
            rows = {}
        else:
            if kept.keys() - {"filter"} and (old.get("filter") or "") != self.where:
                raise YamlRefused(
                    "ambiguous-target",
                    f"Both limits of {self.target.name} look at the same rows. Change its filter by hand.",
                )
            kept.pop("filter", None)
            rows = {"filter": self.where} if self.where else {}
        limits = {key: value for key, value in self.arguments.items() if key != "loaded_at_field"}
        return {**kept, **limits, **rows}


def _refuse_jinja(old: Raw, new: Raw) -> None:
    if any(has_jinja(old.get(key)) and old.get(key) != new.get(key) for key in old):
        raise YamlRefused(
            "not-literal",
            "freshness is made by Jinja in this file. Change what it refers to, or write it out here first.",
        )


def _table(data: Raw, target: Target) -> tuple[Path, Raw]:
    source = _named(data.get("sources"), target.source)
    table = _named(source.get("tables"), target.name)
    if not table:
        raise YamlRefused(
            "no-such-entry",
            f"The source {target.source}.{target.name} is not in this file."
            " It may have been moved: pull first.",
        )
    return ("sources", Named(target.source), "tables", Named(target.name)), table


def _named(listed: object, name: str) -> Raw:
    items = listed if isinstance(listed, list) else []
    return next((one for one in items if isinstance(one, Mapping) and one.get("name") == name), {})


def _place(data: Raw, table: Raw, dbt_version: tuple[int, int]) -> tuple[str, ...]:
    """Where the table has it, else where the file does, else where dbt wants it."""
    if FRESHNESS in object_of(table.get("config")):
        return ("config",)
    if FRESHNESS in table:
        return ()
    sources = [one for one in data.get("sources") or () if isinstance(one, Mapping)]
    tables = [one for source in sources for one in source.get("tables") or () if isinstance(one, Mapping)]
    plain = any(FRESHNESS in one for one in (*sources, *tables))
    return () if plain or dbt_version < UNDER_CONFIG else ("config",)
