"""The form of a data quality rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields as dataclass_fields
from typing import Any

from django import forms
from django.forms import BoundField
from django.utils.translation import gettext_lazy as _

from proposals.forms.base import FormNames, ItemForm
from semantic.fields import Fields, with_plain_lines
from semantic.promised import TYPED, PromiseFields, Typed

PROMISES = (
    ("", _("Choose …")),
    (
        _("About one column"),
        (
            ("not_null", _("It is never blank")),
            ("mostly_filled", _("It is filled in most rows")),
            ("unique", _("No value appears twice")),
            ("accepted_values", _("It is one of some values")),
            ("belongs_to", _("It exists in another table")),
            ("in_range", _("It lies between two numbers")),
            ("matches_pattern", _("It matches a pattern")),
        ),
    ),
    (
        _("About the whole table"),
        (
            ("always_true", _("Something is true of every row")),
            ("unique_together", _("No combination of columns appears twice")),
            ("freshness", _("Its newest row is not too old")),
            ("row_count_between", _("It has a number of rows")),
        ),
    ),
)
UNITS = (("hour", _("hours")), ("day", _("days")), ("week", _("weeks")), ("month", _("months")))
SEVERITIES = (
    ("error", _("It stops the build")),
    ("warn", _("It warns, and the build goes on")),
)
_LISTED = {"list": "known-columns", "autocomplete": "off"}


def _text(label: Any, help_text: Any = "", **attrs: Any) -> forms.CharField:
    widget = forms.TextInput(attrs={"autocomplete": "off", **attrs})
    return forms.CharField(label=label, required=False, widget=widget, help_text=help_text)


def _lines(label: Any, rows: int, help_text: Any = "") -> forms.CharField:
    widget = forms.Textarea(attrs={"rows": rows})
    return forms.CharField(label=label, required=False, widget=widget, help_text=help_text)


class QualityForm(ItemForm):
    """The form of a rule; it shows what the chosen promise asks for."""

    needed = frozenset({"promise"})
    looked_at = (
        *("column", "values", "columns", "low", "high", "share", "to", "pattern", "time", "age", "formula"),
        *("where", "label", "owner", "why"),
    )
    suggestible = ("why",)

    table = forms.CharField(required=False, widget=forms.HiddenInput)
    promise = forms.ChoiceField(label=_("What is promised"), choices=PROMISES, required=False)
    column = _text(_("Column"), **_LISTED)
    values = _lines(_("Values"), 4, _("One on each line, as they stand in the column."))
    negated = forms.BooleanField(label=_("The other way round: never one of these"), required=False)
    filled = forms.BooleanField(label=_("A blank breaks it, too"), required=False)
    to = _text(
        _("Where it exists"), _("Table and column: customers.customer_id. Of a source: crm.people.id.")
    )
    low = _text(_("At least"), inputmode="decimal")
    high = _text(_("At most"), inputmode="decimal")
    strict = forms.BooleanField(label=_("Not even these numbers themselves"), required=False)
    integer = forms.BooleanField(label=_("Whole numbers alone, from 0 or 1 on"), required=False)
    share = _text(_("Percent of the rows, at least"), inputmode="decimal")
    pattern = _text(_("Pattern"), _("A regular expression, such as ^[A-Z]{2}[0-9]+$"))
    columns = _text(_("Columns"), _("Two or more, with commas between them."))
    time = _text(_("Column that dates the rows"), **_LISTED)
    age = _text(_("At most so old"), inputmode="numeric")
    unit = forms.ChoiceField(label=_("In"), choices=UNITS, required=False)
    formula = _lines(_("What is always true"), 2, _("A formula: discount <= price."))
    where = _lines(_("Only rows where"), 2, _('A formula; empty for all rows: status = "paid".'))
    severity = forms.ChoiceField(label=_("Where it is broken"), choices=SEVERITIES, required=False)
    label = _text(_("Name in dbt"), _("Leave it empty, and dbt makes one from what is tested."))
    owner = _text(_("Who looks after it"))
    why = _lines(_("Why do you need it?"), 2, _("Reviewers see this first."))

    def fill(self, known: FormNames, base: Fields | None) -> None:
        kept = base if isinstance(base, PromiseFields) else PromiseFields()
        table = kept.table or str(self["table"].value() or "")
        model = next((one for one in known.names.models.values() if one.unique_id == table), None)
        self.known_columns = [column.name for column in model.columns] if model is not None else []
        if not kept.promise.filled and not self["filled"].value():
            # Only tests of packages say it. Anybody else makes two rules of it, as dbt does.
            del self.fields["filled"]
        if base is not None:
            # It stays where it stands: at its column, or at the table.
            self._choices("promise", [PROMISES[0], PROMISES[2 if kept.promise.of_table else 1]])
            del self.fields["column"]

    @property
    def chosen(self) -> str:
        """The promise whose fields are shown."""
        kind = str(self["promise"].value() or "")
        return kind if kind in TYPED else ""

    @property
    def asked(self) -> list[BoundField]:
        """The fields of the chosen promise."""
        about = [] if not self.chosen or Typed(self.chosen).of_table else ["column"]
        return [self[name] for name in (*about, *TYPED.get(self.chosen, ())) if name in self.fields]

    @property
    def keeps_column(self) -> bool:
        """Whether the column is not asked for now, but may be once another promise is chosen."""
        return "column" in self.fields and all(field.name != "column" for field in self.asked)

    def content(self) -> PromiseFields:
        data = {name: _plain(value) for name, value in self.cleaned_data.items()}
        kind = str(data.get("promise") or "")
        said: dict[str, Any] = {name: data.get(name) for name in TYPED.get(kind, ())}
        for name, mark in (("values", "\n"), ("columns", ",")):
            if name in said:
                parts = (part.strip() for part in str(said[name] or "").split(mark))
                said[name] = list(dict.fromkeys(filter(None, parts)))
        if "unit" in said:
            said["unit"] = said["unit"] or "hour"
        texts = {
            name: str(data.get(name) or "") for name in ("table", "column", "where", "label", "owner", "why")
        }
        return PromiseFields(
            **texts,
            promise=Typed.from_json({**said, "kind": kind}),
            severity="warn" if data.get("severity") == "warn" else "error",
        )

    @property
    def unread(self) -> set[str]:
        return {self.content_of(name) for name in super().unread}

    @classmethod
    def content_of(cls, name: str) -> str:
        """The field of the content of which a field of the form is a part."""
        typed = {one.name for one in dataclass_fields(Typed)}
        return "promise" if name in typed else name

    @classmethod
    def initial_of(cls, fields: Fields, version: int) -> dict[str, object]:
        assert isinstance(fields, PromiseFields)
        typed = fields.promise
        shown = {one.name: getattr(typed, one.name) for one in dataclass_fields(typed)}
        return {
            **fields.to_json(),
            **{name: value for name, value in shown.items() if name not in ("kind", "sql")},
            "values": "\n".join(typed.values),
            "columns": ", ".join(typed.columns),
            "unit": typed.unit or "hour",
            "promise": typed.kind,
            "version": version,
        }

    @classmethod
    def field_of(cls, name: str) -> str:
        return {"name": "promise", "table": "promise", "where_sql": "where"}.get(name, name)

    @classmethod
    def said(cls, name: str, value: object) -> str:
        if name == "promise":
            return str(Typed.from_json(value if isinstance(value, Mapping) else {}))
        if name == "severity":
            return str(dict(SEVERITIES).get(str(value), ""))
        return super().said(name, value)


def _plain(value: Any) -> Any:
    return with_plain_lines(value).strip() if isinstance(value, str) else value
