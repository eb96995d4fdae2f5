"""The forms in which models, sources and columns are described."""

from __future__ import annotations

from typing import Any, ClassVar, Generic, TypeVar

from django import forms
from django.utils.translation import gettext_lazy as _

from proposals.forms.base import FormNames, ItemForm, certified_field, names_in, synonyms_field
from semantic.described import ColumnFields, ModelFields
from semantic.fields import Fields, with_plain_lines

ACCESS = (
    ("", _("Every model of this project")),
    ("private", _("Only models of its group")),
    ("public", _("Other dbt projects, too")),
)
F = TypeVar("F", ModelFields, ColumnFields)


class DescribedForm(ItemForm, Generic[F]):
    """What the forms of models and columns have in common."""

    needed = frozenset({"description"})
    looked_at: ClassVar[tuple[str, ...]] = ("label", "description", "synonyms", "why")
    suggestible = ("label", "description", "why")

    label = forms.CharField(
        label=_("Name for people"), required=False, widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )  # fmt: skip
    description = forms.CharField(
        label=_("Description"), required=False, widget=forms.Textarea(attrs={"rows": 4}),
        help_text=_("What one row or value stands for. Markdown is shown as in dbt\u2019s docs."),
    )  # fmt: skip
    synonyms = synonyms_field()
    why = forms.CharField(
        label=_("Why do you change it?"), required=False, widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("Reviewers see this first."),
    )  # fmt: skip

    def _typed(self, *names: str) -> dict[str, Any]:
        """The texts of these fields, and the other names."""
        data = self.cleaned_data
        texts: dict[str, Any] = {name: with_plain_lines(data.get(name) or "").strip() for name in names}
        return {**texts, "synonyms": names_in(data.get("synonyms") or "")}


class ModelForm(DescribedForm[ModelFields]):
    """The form of a model, seed, snapshot or source."""

    looked_at = ("label", "description", "synonyms", "owner", "access", "deprecation_date", "why")

    owner = forms.CharField(
        label=_("Owner"), required=False, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    certified = certified_field()
    group = forms.ChoiceField(label=_("Domain"), required=False)
    access = forms.ChoiceField(label=_("Who may read it in dbt"), choices=ACCESS, required=False)
    deprecation_date = forms.CharField(
        label=_("Goes away on"), required=False, widget=forms.DateInput(attrs={"type": "date"}),
        help_text=_("From this day on dbt warns whoever still reads it."),
    )  # fmt: skip

    def fill(self, known: FormNames, base: Fields | None) -> None:
        kept = base if isinstance(base, ModelFields) else ModelFields()
        names = sorted({*known.groups, kept.group} - {""})
        self._choices("group", [("", _("None")), *((name, name) for name in names)])
        # dbt has no such keys for what is no model.
        kind = kept.name.partition(".")[0]
        for name in {"source": ("group", "access", "deprecation_date")}.get(
            kind, () if kind in {"", "model"} else ("access", "deprecation_date")
        ):
            del self.fields[name]

    def content(self) -> ModelFields:
        data = self.cleaned_data
        names = ("label", "description", "owner", "group", "access", "deprecation_date", "why")
        return ModelFields(**self._typed(*names), certified=bool(data.get("certified")))


class ColumnForm(DescribedForm[ColumnFields]):
    """The form of a column."""

    def content(self) -> ColumnFields:
        return ColumnFields(**self._typed("label", "description", "why"))
