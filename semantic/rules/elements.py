"""What a dimension or a measure has to be before others are asked to read it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from semantic.codegen.entries import RESERVED
from semantic.definitions import Grain
from semantic.elements import AGGREGATIONS, TYPES, DimensionFields, MeasureFields
from semantic.rules.metric import Problems
from semantic.rules.text import name_problems, storing_problems, text_problems

LIMITS: Mapping[str, tuple[int, bool]] = {
    "label": (100, False),
    "expr": (2_000, True),
    "description": (10_000, True),
    "time": (255, False),
    "why": (2_000, True),
}


def keeping_problems(fields: DimensionFields | MeasureFields) -> Problems:
    """What not even a draft can keep, field by field."""
    texts = fields.to_json().items()
    return {name: found[:1] for name, value in texts if (found := storing_problems(str(value)))}


def typing_problems(
    fields: DimensionFields | MeasureFields, base: DimensionFields | MeasureFields | None
) -> Problems:
    """What may never reach dbt's files, field by field; of a change, only what is changed."""
    told: Problems = {}
    for name, (limit, lines) in LIMITS.items():
        if found := text_problems(getattr(fields, name), limit=limit, lines=lines):
            told[name] = found
    if isinstance(fields, MeasureFields):
        if fields.agg not in AGGREGATIONS:
            told["agg"] = ["Choose how the rows are totalled."]
    else:
        if fields.type not in TYPES:
            told["type"] = ["Choose what kind of dimension it is."]
        if fields.granularity not in ("", *get_args(Grain)):
            told["granularity"] = ["Choose how fine the date is."]
    if base is None:
        return told
    changed = {*fields.changes_from(base), "why"}
    return {name: found for name, found in told.items() if name in changed}


def missing_problems(
    fields: DimensionFields | MeasureFields, base: DimensionFields | MeasureFields | None
) -> Problems:
    """What is not said yet, field by field."""
    told: Problems = {}
    if base is not None:
        if not fields.changes_from(base):
            told["label"] = ["Nothing is changed yet: all of this is what dbt says already."]
        return told
    if not fields.model:
        told["model"] = ["Choose the model whose rows it is about."]
    name = fields.name.rpartition(":")[2]
    if not fields.label:
        told["label"] = ["Give it a name."]
    elif found := name_problems(name) or ([f"dbt keeps {name} for itself."] if name in RESERVED else []):
        told["label"] = found
    if not fields.expr and not (isinstance(fields, MeasureFields) and fields.agg == "count"):
        told["expr"] = ["Write the column, or a formula over one row."]
    return told
