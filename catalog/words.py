"""What people call the things that dbt knows, and dbt's own words of one as YAML."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of thing, one and many of it, and its icon."""

    one: StrPromise
    many: StrPromise
    icon: str


KINDS: Mapping[str, Kind] = {
    "model": Kind(_("Model"), _("Models"), "box"),
    "source": Kind(_("Source"), _("Sources"), "database"),
    "seed": Kind(_("Seed"), _("Seeds"), "sprout"),
    "snapshot": Kind(_("Snapshot"), _("Snapshots"), "camera"),
    "metric": Kind(_("Metric"), _("Metrics"), "sigma"),
    "semantic_model": Kind(_("Semantic model"), _("Semantic models"), "shapes"),
    "saved_query": Kind(_("Saved query"), _("Saved queries"), "bookmark"),
    "exposure": Kind(_("Exposure"), _("Exposures"), "layout-dashboard"),
    "macro": Kind(_("Macro"), _("Macros"), "braces"),
    "function": Kind(_("Function"), _("Functions"), "square-function"),
    "doc": Kind(_("Docs block"), _("Docs blocks"), "file-text"),
}
COLUMN, TEST, OWNER = "column", "test", "owner"
PARTS = (COLUMN, TEST, OWNER)
# What the search finds besides, and of what fits as well which comes first.
FOUND: Mapping[str, Kind] = {
    **{kind: KINDS[kind] for kind in ("model", "metric", "source", "seed", "snapshot", "exposure")},
    **{kind: KINDS[kind] for kind in ("semantic_model", "saved_query", "doc")},
    OWNER: Kind(_("Owner"), _("Owners"), "users"),
    COLUMN: Kind(_("Column"), _("Columns"), "table-properties"),
    TEST: Kind(_("Test"), _("Tests"), "flask-conical"),
    "function": KINDS["function"],
    "macro": KINDS["macro"],
}
# What data quality rules promise, by the kinds of `catalog.quality.rules`.
RULES: Mapping[str, StrPromise] = {
    "not_null": _("Never blank"),
    "mostly_filled": _("Mostly filled"),
    "unique": _("Unique"),
    "unique_together": _("Unique together"),
    "accepted_values": _("Accepted values"),
    "belongs_to": _("Belongs to something"),
    "positive_integer": _("Never negative"),
    "percentage_0_to_100": _("Percentage"),
    "in_range": _("In a range"),
    "matches_pattern": _("Matches a pattern"),
    "freshness": _("Fresh"),
    "reasonable_growth_rate": _("Reasonable growth"),
    "logical_cohort_progression": _("Logical order"),
    "metric_consistency": _("Consistent with another"),
    "historical_trend_validation": _("In keeping with its history"),
    "row_count_between": _("Number of rows"),
    "not_empty": _("Not empty"),
    "always_true": _("Always true"),
    "no_gaps": _("In order, without gaps"),
    "structure": _("Columns and types"),
    "example": _("Worked example"),
    "custom": _("Custom test"),
}
# How the last look at a rule ended.
RULE_STATES: Mapping[str, StrPromise] = {
    "bad": _("Fails"),
    "warn": _("Warns"),
    "ok": _("Passes"),
    "not-run": _("Not looked at"),
}
# What may be told of a thing that is found.
FLAGS: Mapping[str, StrPromise] = {
    "certified": _("Certified"),
    "attention": _("Needs attention"),
    "unused": _("Unused"),
}
# Why nothing is known of a node's columns.
PROBLEMS: Mapping[str, StrPromise] = {
    "not-compiled": _("dbt has not made its SQL yet: it is known once an environment has built it."),
    "asks-warehouse": _(
        "Its SQL depends on what is in the warehouse: it is known once an environment has built it."
    ),
    "python": _("It is written in Python."),
    "unreadable": _("Its SQL cannot be read:"),
}
# What the page shows elsewhere, or says nothing to people.
_ELSEWHERE = frozenset({"checksum", "macro_sql", "depends_on", "docs"})
_MOST = 40_000
_UNSET: tuple[object, ...] = (None, {}, [], ())


def yaml_of(fields: Mapping[str, object]) -> str:
    """What only one kind has, in dbt's own words; "" where there is nothing. What is not set is left out."""
    shown = _set({name: value for name, value in fields.items() if name not in _ELSEWHERE})
    text = yaml.safe_dump(shown, sort_keys=False, allow_unicode=True, width=100) if shown else ""
    return text if len(text) <= _MOST else f"{text[:_MOST]}\n…"


def line_of(value: object) -> str:
    """A value of some field in one line: a text as it is, one with parts as JSON; "" where it is not set."""
    if isinstance(value, str):
        return value
    return "" if value in _UNSET else json.dumps(value, ensure_ascii=False, default=str)


def _set(value: Any) -> Any:
    """A value without those of its parts that are not set."""
    if isinstance(value, dict):
        return {name: part for name, one in value.items() if (part := _set(one)) not in _UNSET}
    return [_set(one) for one in value] if isinstance(value, list) else value
