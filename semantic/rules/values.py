"""Whether a value keeps a validation rule."""

from __future__ import annotations

from semantic.fields import ValueRule


def breach(rule: ValueRule, value: float | None, *, percent: bool = False) -> str:
    """How `value` breaks the rule, to follow "the value …"; "" where it keeps it.

    A percentage lies between 0 and 1 where the metric is shown as percent, else between 0 and 100.
    """
    if value is None:
        return "is blank" if rule.kind == "not_null" else ""
    low, high = bounds(rule, percent=percent)
    if low is not None and value < low:
        return f"is {value:g}, below {low:g}"
    if high is not None and value > high:
        return f"is {value:g}, above {high:g}"
    return ""


def bounds(rule: ValueRule, *, percent: bool = False) -> tuple[float | None, float | None]:
    """The lowest and highest value that a rule allows, None where it sets no limit."""
    if rule.kind == "positive":
        return 0.0, None
    if rule.kind == "percentage":
        return 0.0, 1.0 if percent else 100.0
    if rule.kind == "range":
        return rule.low, rule.high
    return None, None
