"""A change of a metric field by field, in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from proposals.forms import FORMATS, MetricForm
from semantic.fields import MetricFields
from semantic.models import Revision


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A field before and after; `mono` says that it is read letter by letter."""

    name: str
    label: str
    before: str
    after: str
    mono: bool


def changes_of(revision: Revision) -> list[FieldChange]:
    """What a revision changes of what was agreed, in the order of the form; nothing for something new."""
    base = revision.agreed
    if base is None:
        return []
    return [
        FieldChange(name, label_of(name), said(name, was), said(name, now), name in {"formula", "time"})
        for name, (was, now) in revision.metric.changes_from(base).items()
    ]


def label_of(name: str) -> str:
    """What the form calls a field."""
    return str(MetricForm.base_fields[name].label)


def said(name: str, value: object) -> str:
    """The value of a field, as JSON holds it, in words; "" where there is none."""
    if name == "rules":
        fields = MetricFields.from_json({"rules": value if isinstance(value, list) else []})
        return ", ".join(map(str, fields.rules))
    if name == "value_format":
        return str(_formats().get(str(value), value))
    return str(value or "")


def _formats() -> Mapping[str, object]:
    return dict(FORMATS)
