"""The forms of dimensions and measures."""

from __future__ import annotations

from typing import Any, ClassVar, Generic, TypeVar

from django import forms
from django.utils.translation import gettext_lazy as _

from proposals.forms.base import FormNames, ItemForm
from proposals.forms.metric import times_of
from semantic.definitions import Vocabulary
from semantic.elements import DimensionFields, MeasureFields
from semantic.fields import Fields, with_plain_lines

TYPES = (("categorical", _("Groups")), ("time", _("A date")))
GRANULARITIES = (
    ("", _("By day")), ("week", _("By week")), ("month", _("By month")), ("quarter", _("By quarter")),
    ("year", _("By year")),
)  # fmt: skip
AGGREGATIONS = (
    ("sum", _("Sum")), ("average", _("Average")), ("count", _("Number of rows that have it")),
    ("count_distinct", _("Number of different values")), ("min", _("Smallest")), ("max", _("Largest")),
    ("median", _("Median")), ("sum_boolean", _("Number of rows where it holds")),
)  # fmt: skip
F = TypeVar("F", DimensionFields, MeasureFields)


class ElementForm(ItemForm, Generic[F]):
    """What the forms of dimensions and measures have in common."""

    needed = frozenset({"label", "model", "expr"})
    looked_at: ClassVar[tuple[str, ...]] = ("label", "expr", "description", "why")
    suggestible = ("model", "label", "expr", "description", "time", "why")

    model = forms.ChoiceField(label=_("Whose rows"), required=False)
    label = forms.CharField(
        label=_("Name"), required=False, strip=True, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    expr = forms.CharField(
        label=_("Column or formula"), required=False, strip=True, widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("Over one row, as in a spreadsheet: status, or IF(discount > 0, \"reduced\", \"full\")."),
    )  # fmt: skip
    time = forms.ChoiceField(label=_("Date of the rows"), required=False)
    description = forms.CharField(
        label=_("Description"), required=False, widget=forms.Textarea(attrs={"rows": 2})
    )
    why = forms.CharField(
        label=_("Why do you need it?"), required=False, widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("Reviewers see this first."),
    )  # fmt: skip

    def fill(self, known: FormNames, base: Fields | None) -> None:
        if base is not None:
            for name in ("model", "type", "granularity", "agg"):
                self.fields.pop(name, None)
        else:
            self._choices("model", [("", _("Choose a model")), *_models(known.names)])
        kept: str = base.time if isinstance(base, MeasureFields) else ""
        self._choices("time", [("", _("The model's usual date")), *times_of(known.names, kept)])

    def _typed(self, *names: str) -> dict[str, Any]:
        texts = (*names, "model", "label", "expr", "time", "description", "why")
        return {name: with_plain_lines(self.cleaned_data.get(name) or "").strip() for name in texts}


class DimensionForm(ElementForm[DimensionFields]):
    """The form of a dimension."""

    type = forms.ChoiceField(label=_("What kind"), choices=TYPES, required=False)
    granularity = forms.ChoiceField(label=_("How fine"), choices=GRANULARITIES, required=False)

    def fill(self, known: FormNames, base: Fields | None) -> None:
        super().fill(known, base)
        if base is not None:
            del self.fields["time"]

    def content(self) -> DimensionFields:
        typed = self._typed("granularity")
        kind = self.cleaned_data.get("type") or "categorical"
        if kind != "time":
            typed["granularity"] = ""
        return DimensionFields(**typed, type=kind)


class MeasureForm(ElementForm[MeasureFields]):
    """The form of a measure."""

    agg = forms.ChoiceField(label=_("How it is totalled"), choices=AGGREGATIONS, required=False)

    def content(self) -> MeasureFields:
        return MeasureFields(**self._typed(), agg=self.cleaned_data.get("agg") or "sum")

    @classmethod
    def said(cls, name: str, value: object) -> str:
        return str(dict(AGGREGATIONS).get(str(value), value)) if name == "agg" else super().said(name, value)


def _models(names: Vocabulary) -> list[tuple[str, str]]:
    """The project's own models, by what people call them."""
    spine = names.time_spine.partition(".")[0]
    found = [
        (one.unique_id, one.label or one.name)
        for one in names.models.values()
        if one.file and one.name != spine
    ]
    return sorted(found, key=lambda pair: pair[1].casefold())
