"""What a removal has to say before others are asked to agree to it."""

from __future__ import annotations

from collections.abc import Sequence

from semantic.formula.phrases import listed
from semantic.known import Known
from semantic.removals import (
    HOWS,
    SUBJECTS,
    RemovalFields,
    dimension_of,
    measure_of,
    subject_of,
    uses_of,
)
from semantic.rules.metric import Problems
from semantic.rules.text import is_day, name_problems, storing_problems, text_problems

MOST_TOLD = 5


def keeping_problems(fields: RemovalFields) -> Problems:
    """What not even a draft can keep, field by field."""
    texts = ((name, value) for name, value in fields.to_json().items() if isinstance(value, str))
    return {name: found[:1] for name, value in texts if (found := storing_problems(value))}


def typing_problems(fields: RemovalFields) -> Problems:
    """What may never reach dbt's files, field by field."""
    told: Problems = {}
    what, _key = subject_of(fields.name)
    if fields.how not in HOWS or what not in SUBJECTS:
        told["how"] = ["Choose what happens to it."]
    elif fields.how == "rename" and what != "metric":
        told["how"] = ["Only a metric can be called otherwise here. Remove it, or let it go later."]
    elif fields.how == "deprecate" and what in ("test", "column"):
        told["how"] = ["It cannot go later: nothing in dbt reads when. Remove it now."]
    if fields.how == "rename" and fields.new_name and (found := name_problems(fields.new_name)):
        told["new_name"] = found
    if fields.how == "deprecate" and fields.day and not is_day(fields.day):
        told["day"] = ["Write the day as 2026-12-31."]
    if found := text_problems(fields.why, limit=2_000):
        told["why"] = found
    return told


def sending_problems(fields: RemovalFields, known: Known) -> Problems:
    """What is missing or wrong before it goes to review, field by field."""
    told = typing_problems(fields)
    if "how" in told:
        return told
    if title_in(fields.name, known) is None:
        return told | {"how": [f"dbt has no {fields.title} in this project any more. Nothing has to go."]}
    if fields.how == "rename":
        return told | _rename_problems(fields, known)
    told |= _replacement_problems(fields, known)
    if fields.how == "deprecate":
        return told if fields.day else told | {"day": ["Say from which day on it is gone."]}
    if "replacement" not in told and (stuck := stuck_uses(fields, known)):
        named = _listed(stuck)
        what, _key = subject_of(fields.name)
        held = fields.replacement or what == "dimension"
        said = f"dbt could not read {named} any more."
        if held:
            told["how"] = [f"{said} What they say names it in a text: change that first."]
        else:
            told["replacement"] = [f"{said} Choose what they use instead, or let it go later."]
    return told


def stuck_uses(fields: RemovalFields, known: Known) -> list[str]:
    """In words, what would break: all that names it, or what can name no other."""
    exchangeable = bool(fields.replacement) and subject_of(fields.name)[0] != "dimension"
    uses = uses_of(fields.name, known)
    return [use.words for use in uses if not exchangeable or not use.exchanged]


def title_in(name: str, known: Known) -> str | None:
    """What people call the thing that a name stands for; None where dbt has none of it."""
    what, key = subject_of(name)
    if what == "metric":
        metric = known.names.metrics.get(key)
        return (metric.label or metric.name) if metric is not None else None
    if what == "dimension":
        dimension = dimension_of(key, known)
        return (dimension[1].label or dimension[1].name) if dimension is not None else None
    if what == "measure":
        return key if measure_of(key, known) is not None else None
    if what == "test":
        return RemovalFields(name).title if key in known.manifest.tests else None
    node, column = known.node(key.partition(":")[0]), key.partition(":")[2]
    described = {one.name.lower() for one in node.columns} if node is not None else set()
    return RemovalFields(name).title if what == "column" and column.lower() in described else None


def _rename_problems(fields: RemovalFields, known: Known) -> Problems:
    names = known.names
    if not fields.new_name:
        return {"new_name": ["Give it the name that it has in dbt from then on."]}
    taken = {**names.metrics, **names.measures, **names.models}
    if fields.new_name in taken:
        return {"new_name": [f"There is something called {fields.new_name} already. Choose another name."]}
    if stuck := [use.words for use in uses_of(fields.name, known) if not use.exchanged]:
        verb = "name" if len(stuck) > 1 else "names"
        return {"how": [f"{_listed(stuck)} {verb} it in a text. Change that first."]}
    return {}


def _replacement_problems(fields: RemovalFields, known: Known) -> Problems:
    other, (what, key) = fields.replacement, subject_of(fields.name)
    if not other:
        return {}
    if other == key or title_in(f"{what}:{other}", known) is None:
        return {"replacement": ["Choose another one that dbt has."]}
    if what == "metric" and key in known.names.below([other]):
        return {
            "replacement": [f"{other} is computed from {key}, so it would go in a circle. Choose another."]
        }
    over = known.names.totalled_by(key) if what == "metric" else []
    if over and known.names.metrics[other].type != "simple":
        needs = f"{_listed(over)} {'need' if len(over) > 1 else 'needs'} a single total"
        return {"replacement": [f"{needs}, which {other} is not. Choose another."]}
    return {}


def _listed(things: Sequence[str]) -> str:
    """Some of them, in words."""
    more = [f"{len(things) - MOST_TOLD} more"] if len(things) > MOST_TOLD else []
    return listed([*things[:MOST_TOLD], *more], "and")
