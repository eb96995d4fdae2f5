"""The form of a removal: what happens to a thing, what takes its place, and when."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext_lazy as _

from proposals.forms.base import F, FormNames, ItemForm
from semantic.definitions import Vocabulary
from semantic.fields import Fields, with_plain_lines
from semantic.removals import RemovalFields, subject_of

HOWS = (
    ("now", _("Remove it now")),
    ("deprecate", _("Say first that it will go")),
    ("rename", _("Give it another name")),
)


class RemovalForm(ItemForm):
    """The form of a removal."""

    needed = frozenset({"new_name", "day"})
    looked_at: ClassVar[tuple[str, ...]] = ("how", "new_name", "day", "why")
    suggestible = ("replacement", "new_name", "why")

    name = forms.CharField(widget=forms.HiddenInput, required=False)
    how = forms.ChoiceField(
        label=_("What happens to it"), choices=HOWS, required=False, widget=forms.RadioSelect
    )
    replacement = forms.ChoiceField(
        label=_("What is used instead"), required=False,
        help_text=_("Whatever names the old one in dbt names this one, in the same commit."),
    )  # fmt: skip
    new_name = forms.CharField(
        label=_("Its new name in dbt"), required=False, widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text=_("Lower-case letters, digits and _. The old name stays as another name of it."),
    )  # fmt: skip
    day = forms.CharField(
        label=_("Goes away on"), required=False, widget=forms.DateInput(attrs={"type": "date"}),
        help_text=_("Its description says so, and what to use instead. Nothing else changes."),
    )  # fmt: skip
    unused = forms.BooleanField(
        label=_("Also remove the measure and the helpers that nothing else uses"), required=False
    )
    why = forms.CharField(
        label=_("Why?"), required=False, widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("Reviewers see this first."),
    )  # fmt: skip

    def fill(self, known: FormNames, base: Fields | None) -> None:  # noqa: ARG002
        name = str(self.data.get("name") or self.initial.get("name") or "")
        what, key = subject_of(name)
        others = [(one, label) for one, label in _others(what, known.names) if one != key]
        self._choices("replacement", [("", _("Nothing")), *others])
        if what != "metric":
            self._choices("how", list(HOWS[:1] if what in ("test", "column") else HOWS[:2]))
            del self.fields["new_name"], self.fields["unused"]
        if what in ("test", "column"):
            del self.fields["replacement"], self.fields["day"]

    def content(self) -> RemovalFields:
        data = self.cleaned_data
        texts = ("name", "replacement", "new_name", "day", "why")
        typed: dict[str, Any] = {name: with_plain_lines(data.get(name) or "").strip() for name in texts}
        return RemovalFields(**typed, how=data.get("how") or "now", unused=bool(data.get("unused")))

    def kept(self, fields: F, stored: F) -> F:
        """What was typed, about the thing that the draft has been about from its beginning."""
        return replace(super().kept(fields, stored), name=stored.name)  # type: ignore[type-var]

    @classmethod
    def field_of(cls, name: str) -> str:
        return name if name in cls.base_fields else "how"

    @classmethod
    def said(cls, name: str, value: object) -> str:
        if name == "how":
            return str(dict(HOWS).get(str(value), value))
        if name == "unused":
            return str(_("Yes")) if value is True else ""
        return super().said(name, value)


def _others(what: str, names: Vocabulary) -> list[tuple[str, str]]:
    """What could take the place of a thing, by what people call it."""
    if what == "metric":
        found = [(one.name, one.label or one.name) for one in names.asked_for.values()]
    elif what == "measure":
        found = [(name, name) for name, (_model, one) in names.measures.items() if not one.inline]
    elif what == "dimension":
        found = [
            (f"{model.unique_id}:{one.name}", f"{one.label or one.name} · {model.label or model.name}")
            for model in names.models.values()
            if model.semantic
            for one in model.semantic.dimensions
        ]
    else:
        found = []
    return sorted(found, key=lambda pair: pair[1].casefold())
