"""The form in which a column is calculated or a query becomes a model."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from proposals.forms.base import FormNames, ItemForm
from semantic.calculation import NEW, PASTED, QUERY, CalculationFields
from semantic.definitions import Vocabulary
from semantic.fields import Fields, with_plain_lines

WAYS = (("", _("A calculated column")), (QUERY, _("A query that you paste")))
PLACES = (("", _("In the model itself")), (NEW, _("In a new model beside it")))
LAYOUTS = (("", _("As this project writes its models")), (PASTED, _("As I pasted it")))
TEXTS = (
    "way", "label", "model", "formula", "place", "called", "folder", "sql", "layout", "key", "description",
    "words", "why",
)  # fmt: skip


def _line(label: Any, help_text: Any = "") -> forms.CharField:
    widget = forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"})
    return forms.CharField(label=label, required=False, widget=widget, help_text=help_text)


class CalculationForm(ItemForm):
    """Both ways in one form; its page shows the fields of the one that the draft was begun with."""

    needed = frozenset({"label", "model", "formula", "description", "sql"})
    looked_at = ("label", "called", "folder", "sql", "key", "description", "words", "why")
    suggestible = ("way", "model", "label", "formula", "description")

    way = forms.ChoiceField(label=_("What"), choices=WAYS, required=False, widget=forms.HiddenInput)
    label = _line(_("Name"))
    model = forms.ChoiceField(label=_("For each row of"), required=False)
    formula = forms.CharField(
        label=_("Formula"), required=False, strip=True, widget=forms.Textarea(attrs={"rows": 2})
    )
    place = forms.ChoiceField(
        label=_("The column goes"), choices=PLACES, required=False, widget=forms.RadioSelect,
        help_text=_(
            "In the model itself everybody who reads it has the column, and nothing else of its SQL changes."
            " A new model is for SQL that cannot take a column safely."
        ),
    )  # fmt: skip
    called = _line(_("Name of the new model"))
    folder = _line(_("Folder"), _("Left empty, it goes where the project keeps its marts."))
    sql = forms.CharField(
        label=_("Query"), required=False,
        widget=forms.Textarea(attrs={"rows": 12, "class": "mono", "spellcheck": "false"}),
        help_text=_("One SELECT. Tables that dbt knows become ref() and source()."),
    )  # fmt: skip
    layout = forms.ChoiceField(
        label=_("How its SQL is written"), choices=LAYOUTS, required=False, widget=forms.RadioSelect,
        help_text=_(
            "The project's folder decides on capitals, commas, lines and common tables. What is computed, and"
            " every comment, stays yours."
        ),
    )  # fmt: skip
    key = _line(_("Key"), _("The column, or columns between commas, by which rows are told apart."))
    description = forms.CharField(
        label=_("Description"), required=False, widget=forms.Textarea(attrs={"rows": 2})
    )
    words = forms.CharField(
        label=_("What its columns mean"), required=False, widget=forms.Textarea(attrs={"rows": 4}),
        help_text=_("One line for each: its name, a colon, and what it means."),
    )  # fmt: skip
    not_null = forms.BooleanField(label=_("Never blank: dbt tests it"), required=False)
    unique = forms.BooleanField(label=_("Never twice the same: dbt tests it"), required=False)
    why = forms.CharField(
        label=_("Why do you need it?"), required=False, widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("Reviewers see this first."),
    )  # fmt: skip

    def fill(self, known: FormNames, base: Fields | None) -> None:  # noqa: ARG002
        self._choices("model", [("", _("Choose a model")), *_models(known.names)])

    def content(self) -> CalculationFields:
        data = self.cleaned_data
        texts = {name: with_plain_lines(data.get(name) or "").strip() for name in TEXTS}
        marks = {name: bool(data.get(name)) for name in ("not_null", "unique")}
        return CalculationFields(**texts, **marks)  # type: ignore[arg-type]

    @classmethod
    def field_of(cls, name: str) -> str:
        return "label" if name == "name" else name

    @classmethod
    def said(cls, name: str, value: object) -> str:
        if name in {"way", "place", "layout"}:
            return str(dict((*WAYS, *PLACES, *LAYOUTS)).get(str(value), "")) if value else ""
        if isinstance(value, bool):
            return str(_("Yes")) if value else ""
        return str(value).rpartition(".")[2] if name == "model" and value else super().said(name, value)


def _models(names: Vocabulary) -> list[tuple[str, str]]:
    own = (model for model in names.models.values() if model.unique_id.startswith("model."))
    found = sorted((model.label or model.name, model.unique_id) for model in own if not model.versioned)
    return [(unique_id, label) for label, unique_id in found]
