"""A change field by field, in words."""

from __future__ import annotations

from dataclasses import dataclass

from proposals.forms import FORMS
from proposals.kinds import kind_of
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
    base, form, mono = revision.agreed, FORMS[revision.kind], kind_of(revision).mono
    if base is None:
        return []
    return [
        FieldChange(name, form.label_of(name), form.said(name, was), form.said(name, now), name in mono)
        for name, (was, now) in revision.content.changes_from(base).items()
    ]


def rows_of(revision: Revision) -> list[FieldChange]:
    """What something new says, in the order of the form; nothing for a change."""
    if revision.base:
        return []
    form, mono = FORMS[revision.kind], kind_of(revision).mono
    said = ((name, form.said(name, value)) for name, value in revision.content.agreed().items())
    return [FieldChange(name, form.label_of(name), "", text, name in mono) for name, text in said if text]
