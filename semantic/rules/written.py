"""What a business rule has to be before others are asked to read it, as far as its words show."""

from __future__ import annotations

from collections.abc import Mapping

from semantic.business_rules import TEXTS, BusinessRuleFields
from semantic.rules.metric import Problems
from semantic.rules.tables import MAX_CELLS
from semantic.rules.text import name_problems, storing_problems, text_problems

LIMITS: Mapping[str, tuple[int, bool]] = {
    "label": (100, False),
    "description": (4_000, True),
    "model": (255, False),
    "text": (4_000, True),
    "column_description": (2_000, True),
    "owner": (120, False),
    "why": (2_000, True),
}
MOST_EXAMPLES = 60
MOST_KEY = 8
_CELL_LIMIT = 500


def keeping_problems(fields: BusinessRuleFields) -> Problems:
    """What not even a draft can keep, field by field."""
    told: Problems = {name: found for name in TEXTS if (found := storing_problems(getattr(fields, name)))}
    for name, texts in _listed(fields).items():
        if found := [problem for text in texts for problem in storing_problems(text)]:
            told[name] = found[:1]
    if len(fields.table.inputs) * (len(fields.table.rows) + 1) > 4 * MAX_CELLS:
        told["table"] = [f"{MAX_CELLS:,} cells are the most."]
    return told


def typing_problems(fields: BusinessRuleFields) -> Problems:
    """What may never reach dbt's files, field by field, however unfinished the draft."""
    told: Problems = {}
    for name, (limit, lines) in LIMITS.items():
        if found := text_problems(getattr(fields, name), limit=limit, lines=lines):
            told[name] = found
    # What dbt has already is known by dbt's id, with dots.
    if fields.name and "." not in fields.name and (found := name_problems(fields.name)):
        told["label"] = [*told.get("label", []), *found]
    for name, texts in _listed(fields).items():
        problems = (text_problems(text, limit=_CELL_LIMIT, lines=False) for text in texts)
        if first := next(filter(None, problems), None):
            told[name] = first
    if len(fields.examples) > MOST_EXAMPLES:
        told["examples"] = [f"{MOST_EXAMPLES} examples are the most."]
    if len(fields.key) > MOST_KEY:
        told["key"] = [f"{MOST_KEY} columns are the most."]
    return told


def missing(fields: BusinessRuleFields) -> Problems:
    """What nobody has written yet."""
    told: Problems = {}
    if not fields.label:
        told["label"] = ["Give it the name that people will look for."]
    elif not fields.name:
        told["label"] = ["Give it a name with letters in it."]
    if not fields.description:
        told["description"] = ["Say in one sentence what it is for."]
    if not fields.owner:
        told["owner"] = ["Say who looks after it."]
    if not fields.model:
        told["model"] = ["Choose what it is about."]
    return told


def _listed(fields: BusinessRuleFields) -> Mapping[str, list[str]]:
    """The texts in the fields that are lists."""
    table = fields.table
    return {
        "table": [
            *table.inputs,
            *(text for row in table.rows for text in (*row.cells, row.outcome)),
            table.otherwise,
        ],
        "examples": [
            text
            for one in fields.examples
            for text in (*(part for pair in one.values for part in pair), one.expected)
        ],
        "key": [*fields.key],
    }
