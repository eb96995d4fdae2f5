"""What a metric has to be before others are asked to read it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import get_args

from semantic.definitions import Grain, Model, Vocabulary
from semantic.fields import FORMATS, RULES, TEXTS, MetricFields, ValueRule
from semantic.formula import Analysis
from semantic.formula.tree import Total, walk
from semantic.rules.text import name_problems, storing_problems, text_problems

LIMITS: Mapping[str, tuple[int, bool]] = {
    "label": (100, False),
    "meaning": (2_000, True),
    "context": (4_000, True),
    "why": (2_000, True),
    "owner": (120, False),
    "group": (120, False),
    "model": (255, False),
    "time": (255, False),
}
MOST_SYNONYMS = 20
SYNONYM_LIMIT = 80
Problems = dict[str, list[str]]


def keeping_problems(fields: MetricFields) -> Problems:
    """What not even a draft can keep, field by field; what is merely unfit for dbt it keeps."""
    problems = {name: found for name in TEXTS if (found := storing_problems(getattr(fields, name)))}
    if found := [problem for one in fields.synonyms for problem in storing_problems(one)]:
        problems["synonyms"] = found[:1]
    if fields.value_format not in FORMATS:
        problems["value_format"] = ["Choose how to show the number."]
    limits = (limit for rule in fields.rules for limit in rule.numbers)
    if any(rule.kind not in RULES for rule in fields.rules) or not all(map(math.isfinite, limits)):
        problems["rules"] = rules_problems(fields.rules)
    return problems


def typing_problems(fields: MetricFields, *, base: MetricFields | None = None) -> Problems:
    """What may never reach dbt's files, field by field: told at every save, however unfinished the draft.

    Of a metric that dbt has, `base` is what it says: what stands there already is not judged.
    """
    problems = _typing_problems(fields)
    return problems if base is None else _of_changes(problems, fields, base)


def _of_changes(problems: Problems, fields: MetricFields, base: MetricFields) -> Problems:
    changed = {*fields.changes_from(base), "why"}
    if "formula" in changed:
        changed.add("time")  # which has to be a date of what is counted
    return {name: found for name, found in problems.items() if name in changed}


def _typing_problems(fields: MetricFields) -> Problems:
    problems: Problems = {}
    for name, (limit, lines) in LIMITS.items():
        found = text_problems(getattr(fields, name), limit=limit, lines=lines)
        if found:
            problems[name] = found
    formula = text_problems(fields.formula, limit=4_000)
    if formula:
        problems["formula"] = formula
    if fields.name and (found := name_problems(fields.name)):
        problems["name"] = found
    if fields.value_format not in FORMATS:
        problems["value_format"] = ["Choose how to show the number."]
    if rules := rules_problems(fields.rules):
        problems["rules"] = rules
    if synonyms := synonym_problems(fields.synonyms):
        problems["synonyms"] = synonyms
    return problems


def synonym_problems(synonyms: Sequence[str]) -> list[str]:
    """Why the other names of a thing cannot be used; empty where they can."""
    if len(synonyms) > MOST_SYNONYMS:
        return [f"{MOST_SYNONYMS} other names are the most."]
    found = (text_problems(one, limit=SYNONYM_LIMIT, lines=False) for one in synonyms)
    return next(filter(None, found), [])


def rules_problems(rules: Sequence[ValueRule]) -> list[str]:
    """Why the validation rules make no sense; empty where they do."""
    problems = [sentence for rule in rules for sentence in rule_problems(rule)]
    kinds = [rule.kind for rule in rules]
    if len(kinds) != len(set(kinds)):
        problems.append("Each kind of rule can be there once.")
    return problems


def rule_problems(rule: ValueRule) -> list[str]:
    """Why one validation rule makes no sense; empty where it does."""
    if rule.kind not in RULES:
        return ["Choose what always holds."]
    if rule.kind != "range" and (rule.low is not None or rule.high is not None):
        return ["Only a range has a lowest and a highest value."]
    if rule.kind == "range":
        return _range_problems(rule)
    if not all(math.isfinite(number) and number >= 0 for number in rule.numbers):
        return ["The numbers of a rule are never below 0."]
    if any(name_problems(name) for name in (*rule.steps, *([rule.other] if rule.other else []))):
        return ["Choose metrics by their names."]
    if rule.grain not in ("", *get_args(Grain)):
        return ["Choose days, weeks, months, quarters or years."]
    return _missing(rule)


def _range_problems(rule: ValueRule) -> list[str]:
    if not all(math.isfinite(limit) for limit in rule.numbers):
        return ["The lowest and the highest value of a range have to be numbers."]
    if rule.low is None and rule.high is None:
        return ["A range needs a lowest or a highest value."]
    if rule.low is not None and rule.high is not None and rule.low > rule.high:
        return ["The lowest value of the range is above its highest."]
    return []


def _missing(rule: ValueRule) -> list[str]:
    """What a rule about several values cannot do without."""
    lacks = {
        "reasonable_growth_rate": rule.increase is None and rule.decrease is None,
        "logical_cohort_progression": not rule.steps,
        "metric_consistency": not rule.other,
        "freshness": not rule.hours,
    }
    said = {
        "reasonable_growth_rate": "Say by how much the value grows or falls at most.",
        "logical_cohort_progression": "Choose the metrics that come before this one.",
        "metric_consistency": "Choose the metric that says the same.",
        "freshness": "Say how many hours old the newest row may be.",
    }
    if lacks.get(rule.kind):
        return [said[rule.kind]]
    if rule.periods is not None and not 3 <= rule.periods <= 1_000:
        return ["A history has between 3 and 1,000 periods."]
    return []


def sending_problems(
    fields: MetricFields, analysis: Analysis, vocabulary: Vocabulary, *, base: MetricFields | None = None
) -> Problems:
    """What is missing or wrong before a metric goes to review.

    Of a metric that dbt has, `base` is what it says: what a change leaves as it is is not judged again.
    """
    problems = _sending_problems(fields, analysis, vocabulary, own_name=base.name if base else "")
    if base is None:
        return problems
    if not fields.changes_from(base):
        return {"label": ["Nothing is changed yet: all of this is what dbt says already."]}
    return _of_changes(problems, fields, base)


def _sending_problems(
    fields: MetricFields, analysis: Analysis, vocabulary: Vocabulary, *, own_name: str
) -> Problems:
    problems = _typing_problems(fields)

    def add(name: str, sentence: str) -> None:
        problems.setdefault(name, []).append(sentence)

    if not fields.label:
        add("label", "Give it the name that people will look for.")
    elif not fields.name:
        add("label", "Give it a name with letters in it.")
    if not fields.meaning:
        add("meaning", "Say in one sentence what it means.")
    if not fields.owner:
        add("owner", "Say who looks after it.")
    if not fields.formula:
        add("formula", "Write how it is calculated.")
    elif not analysis.ok:
        add("formula", analysis.complaint)
    if foreign := foreign_date(fields, analysis, vocabulary):
        add("time", foreign)
    for name, sentence in taken(fields, vocabulary, own_name=own_name):
        add(name, sentence)
    return problems


def foreign_date(fields: MetricFields, analysis: Analysis, vocabulary: Vocabulary) -> str:
    """Why the chosen date cannot date the rows that are counted; "" where it can, or nothing is counted."""
    if not fields.time or analysis.tree is None:
        return ""
    names = {part.model for part in walk(analysis.tree) if isinstance(part, Total)}
    models = [vocabulary.models[name] for name in sorted(names)]
    if not models or any(_has_date(model, fields.time) for model in models):
        return ""
    counted = ", ".join(model.label or model.name for model in models)
    return f"The date {fields.time} does not belong to {counted}. Choose one of its own, or its usual date."


def _has_date(model: Model, name: str) -> bool:
    dimensions = model.semantic.dimensions if model.semantic else ()
    return bool(model.column(name)) or any(d.name == name and d.type == "time" for d in dimensions)


def taken(fields: MetricFields, vocabulary: Vocabulary, *, own_name: str = "") -> list[tuple[str, str]]:
    """Clashes with what dbt knows: the name of a metric or measure, the label of a metric."""
    found = []
    if fields.name != own_name:
        if fields.name in vocabulary.metrics:
            found.append(("label", f"There is a metric {fields.name} already. Choose another name."))
        elif fields.name in vocabulary.models:
            found.append(("label", f"There is a model {fields.name} already. Choose another name."))
    found.extend(
        ("label", f"“{metric.label}” is the name of the metric {metric.name}. Choose another.")
        for metric in vocabulary.metrics.values()
        if metric.name not in (own_name, fields.name)
        and metric.label
        and metric.label.lower() == fields.label.lower()
    )
    return found
