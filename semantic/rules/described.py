"""What a description of a model or a column has to be before others are asked to read it."""

from __future__ import annotations

from collections.abc import Mapping

from semantic.described import ColumnFields, ModelFields
from semantic.rules.metric import Problems, synonym_problems
from semantic.rules.text import is_day, storing_problems, text_problems

LIMITS: Mapping[str, tuple[int, bool]] = {
    "label": (100, False),
    "description": (10_000, True),
    "owner": (120, False),
    "group": (120, False),
    "why": (2_000, True),
}
ACCESS = ("", "private", "protected", "public")


def keeping_problems(fields: ModelFields | ColumnFields) -> Problems:
    """What not even a draft can keep, field by field."""
    told: Problems = {}
    for name, value in fields.to_json().items():
        texts = [value] if isinstance(value, str) else value if isinstance(value, list) else []
        if found := [problem for text in texts for problem in storing_problems(text)]:
            told[name] = found[:1]
    return told


def typing_problems(fields: ModelFields | ColumnFields) -> Problems:
    """What may never reach dbt's files, field by field."""
    told: Problems = {}
    for name, (limit, lines) in LIMITS.items():
        found = text_problems(getattr(fields, name, ""), limit=limit, lines=lines)
        if found:
            told[name] = found
    if found := synonym_problems(fields.synonyms):
        told["synonyms"] = found
    if isinstance(fields, ModelFields):
        told |= _model_problems(fields)
    return told


def _model_problems(fields: ModelFields) -> Problems:
    told: Problems = {}
    if fields.access not in ACCESS:
        told["access"] = ["Choose who may read it in dbt."]
    if fields.access == "private" and not fields.group:
        told["access"] = ["Only a model of a group can be private. Choose its group, too."]
    if fields.deprecation_date and not is_day(fields.deprecation_date):
        told["deprecation_date"] = ["Write the day as 2026-12-31."]
    return told
