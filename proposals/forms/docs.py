"""The form of a docs block."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from proposals.forms.base import FormNames, ItemForm
from semantic.described import DocFields
from semantic.fields import Fields, with_plain_lines


class DocForm(ItemForm):
    needed = frozenset({"block", "text"})
    looked_at = ("block", "text", "why")
    suggestible = ("text", "why")

    block = forms.CharField(
        label=_("Name"), required=False, widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text=_("By it descriptions refer to this text."),
    )  # fmt: skip
    text = forms.CharField(
        label=_("Text"), required=False, widget=forms.Textarea(attrs={"rows": 12}),
        help_text=_("Markdown, shown wherever a description is made of it."),
    )  # fmt: skip
    about = forms.CharField(required=False, widget=forms.HiddenInput)
    why = forms.CharField(
        label=_("Why do you change it?"), required=False, widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("Reviewers see this first."),
    )  # fmt: skip

    def fill(self, known: FormNames, base: Fields | None) -> None:  # noqa: ARG002
        if base is not None:
            del self.fields["block"]

    def content(self) -> DocFields:
        names = ("block", "text", "about", "why")
        texts = {name: with_plain_lines(self.cleaned_data.get(name) or "").strip() for name in names}
        return DocFields(**texts)
