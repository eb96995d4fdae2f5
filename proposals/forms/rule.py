"""The form of a business rule: what it is, how it is decided, examples of it, and who looks after it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any, ClassVar

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from proposals.forms.base import FormNames, ItemForm
from semantic.business_rules import NO_TABLE, WRITTEN, BusinessRuleFields, RuleExample
from semantic.codegen.business_rules import Understood, understood
from semantic.definitions import Vocabulary
from semantic.fields import Fields, with_plain_lines
from semantic.rules.tables import Row, Table

SPELLINGS = (("sentence", _("Sentence")), ("table", _("Table")), ("formula", _("Formula")))
POLICIES = (
    ("first", _("The first row that matches decides")),
    ("unique", _("Only one row may match")),
    ("any", _("Several rows may match if they say the same")),
)
OUTPUTS = (("text", _("A text")), ("number", _("A number")), ("boolean", _("Yes or no")))
# A table that somebody begins with.
_BEGUN = Table(("",), (Row(("",), ""),))


class _SeveralInput(forms.Widget):
    """Inputs of one name, as often as a template writes them."""

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[str]:  # noqa: ARG002
        return list(data.getlist(name)) if isinstance(data, QueryDict) else list(data.get(name) or [])


class _Several(forms.Field):
    """The texts of all inputs of one name, in their order."""

    widget = _SeveralInput

    def clean(self, value: Any) -> list[str]:
        return [" ".join(str(one).split()) for one in value or []]


class RuleForm(ItemForm):
    """The form of a business rule. The fields of its grids occur as often as there are cells."""

    needed = frozenset({"label", "description", "model", "text", "examples", "owner"})
    looked_at: ClassVar[tuple[str, ...]] = ("label", "description", "column_description", "owner", "why")
    suggestible = ("label", "description", "model", "text")
    fixed = "text"

    label = forms.CharField(
        label=_("Name"), required=False, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    description = forms.CharField(
        label=_("What it is for"), required=False, widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("Shown wherever the rule is used."),
    )  # fmt: skip
    model = forms.ChoiceField(label=_("It decides about each row of"), required=False)
    written = forms.ChoiceField(label=_("Written as"), choices=SPELLINGS, required=False)
    text = forms.CharField(
        label=_("How it is decided"), required=False, widget=forms.Textarea(attrs={"rows": 5})
    )
    table = _Several(label=_("Table"), required=False)  # where problems of the grid are told
    inputs = _Several(label=_("Fields to decide by"), required=False)
    cells = _Several(label=_("Cells"), required=False)
    outcomes = _Several(label=_("Outcomes"), required=False)
    otherwise = forms.CharField(label=_("Otherwise"), required=False)
    hit_policy = forms.ChoiceField(label=_("Where several rows match"), choices=POLICIES, required=False)
    output = forms.ChoiceField(label=_("The outcome is"), choices=OUTPUTS, required=False)
    column_description = forms.CharField(
        label=_("What its column says"), required=False, widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("Of the new column. Without a text it is what the rule is for."),
    )  # fmt: skip
    examples = _Several(label=_("Examples"), required=False)  # where problems of the examples are told
    asked = _Several(label=_("What the examples are given"), required=False)
    given = _Several(label=_("Values of the examples"), required=False)
    expected = _Several(label=_("Expected outcomes"), required=False)
    key = forms.CharField(
        label=_("Columns that tell its rows apart"), required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text=_("Only where dbt has no test that a column is unique. Separated by commas."),
    )  # fmt: skip
    owner = forms.CharField(
        label=_("Owner"), required=False, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    why = forms.CharField(
        label=_("Why do you need it?"), required=False, widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("Reviewers see this first."),
    )  # fmt: skip

    def fill(self, known: FormNames, base: Fields | None) -> None:
        if base is not None:
            del self.fields["model"]  # its rows are those of its model, which others read by now
            return
        models = [
            (model.name, model.label or model.name)
            for model in known.names.models.values()
            if model.columns and model.unique_id.startswith("model.")
        ]
        models.sort(key=lambda one: one[1].lower())
        self._choices("model", [("", _("Choose a table")), *models])

    def content(self) -> BusinessRuleFields:
        data = self.cleaned_data
        names = ("label", "description", "model", "text", "column_description", "owner", "why")
        listed = (" ".join(one.split()) for one in (data.get("key") or "").split(","))
        written = data.get("written")
        return BusinessRuleFields(
            **{name: with_plain_lines(data.get(name) or "").strip() for name in names},
            written=written if written in WRITTEN else "sentence",
            table=_table(data),
            examples=tuple(_examples(data)),
            key=tuple(dict.fromkeys(filter(None, listed))),
        )

    @property
    def unread(self) -> set[str]:
        parts = {"hit_policy": "table", "output": "table", "otherwise": "table"}
        return {parts.get(name, name) for name in super().unread}

    @classmethod
    def initial_of(cls, fields: Fields, version: int) -> dict[str, object]:
        assert isinstance(fields, BusinessRuleFields)
        asked = list(dict.fromkeys(name for one in fields.examples for name, _value in one.values))
        texts = ("label", "description", "model", "written", "text", "column_description", "owner", "why")
        return {
            **{name: getattr(fields, name) for name in texts},
            "inputs": [*fields.table.inputs],
            "cells": [cell for row in fields.table.rows for cell in row.cells],
            "outcomes": [row.outcome for row in fields.table.rows],
            "otherwise": fields.table.otherwise,
            "hit_policy": fields.table.hit_policy,
            "output": fields.table.output,
            "asked": asked,
            "given": [one.value(name) for one in fields.examples for name in asked],
            "expected": [one.expected for one in fields.examples],
            "key": ", ".join(fields.key),
            "version": version,
        }

    @classmethod
    def said(cls, name: str, value: object) -> str:
        if name in {"table", "examples"}:
            fields = BusinessRuleFields.from_json({"written": "table", name: value})
            lines = _lines(fields.table) if name == "table" else map(str, fields.examples)
            return "\n".join(lines)
        if name == "written":
            return str(dict(SPELLINGS).get(str(value), value))
        return super().said(name, value)

    @classmethod
    def acted(cls, typed: QueryDict, act: str, fields: Fields, names: Vocabulary) -> Mapping[str, list[str]]:
        assert isinstance(fields, BusinessRuleFields)
        after = _after(act, fields, names)
        if after is fields:
            return _stays(act, fields, names)
        shown = cls.initial_of(after, 0)
        for name in ("written", "text", "otherwise", "hit_policy", "output"):
            typed[name] = str(shown[name])
        for name in ("inputs", "cells", "outcomes", "asked", "given", "expected"):
            typed.setlist(name, shown[name])  # type: ignore[arg-type]
        return {}


def _table(data: Mapping[str, Any]) -> Table:
    inputs, cells = tuple(data.get("inputs") or ()), iter(data.get("cells") or ())
    rows = tuple(Row(tuple(islice(cells, len(inputs))), outcome) for outcome in data.get("outcomes") or ())
    return Table(
        inputs,
        rows,
        data.get("otherwise") or "",
        data.get("hit_policy") or "first",
        data.get("output") or "text",
    )


def _examples(data: Mapping[str, Any]) -> Iterator[RuleExample]:
    """The rows of examples in which anything stands."""
    asked, given = data.get("asked") or [], iter(data.get("given") or ())
    for expected in data.get("expected") or ():
        pairs = [(name, text) for name, text in zip(asked, islice(given, len(asked)), strict=False) if text]
        if pairs or expected:
            yield RuleExample(tuple(sorted(pairs)), expected)


def _lines(table: Table) -> list[str]:
    if not table.inputs:
        return []
    rows = [f"{' | '.join(row.cells)} → {row.outcome}" for row in table.rows]
    return [" | ".join(table.inputs), *rows, f"{_('otherwise')} → {table.otherwise or _('blank')}"]


def _after(act: str, fields: BusinessRuleFields, names: Vocabulary) -> BusinessRuleFields:
    """The fields after a button in the form was pressed: what it adds, takes out, or spells otherwise."""
    verb, _colon, place = act.partition(":")
    at = int(place) if place.isdecimal() and len(place) < 4 else -1
    table = fields.table
    match verb:
        case "row+":
            return replace(
                fields, table=replace(table, rows=(*table.rows, Row(("",) * len(table.inputs), "")))
            )
        case "row-":
            return replace(fields, table=replace(table, rows=_without(table.rows, at)))
        case "column+":
            rows = tuple(replace(row, cells=(*row.cells, "")) for row in table.rows)
            return replace(fields, table=replace(table, inputs=(*table.inputs, ""), rows=rows))
        case "column-":
            rows = tuple(replace(row, cells=_without(row.cells, at)) for row in table.rows)
            return replace(fields, table=replace(table, inputs=_without(table.inputs, at), rows=rows))
        case "example-":
            return replace(fields, examples=_without(fields.examples, at))
        case "example+":
            return _with_example(fields, understood(fields, names), at)
        case "as":
            return _spelled(fields, understood(fields, names), place)
    return fields


def _without(items: Sequence[Any], at: int) -> tuple[Any, ...]:
    return tuple(one for place, one in enumerate(items) if place != at)


def _with_example(fields: BusinessRuleFields, rule: Understood, at: int) -> BusinessRuleFields:
    """One of the offered examples more; all of them where none is named."""
    offered = not_there(rule, fields.examples)
    chosen = offered[at : at + 1] if at >= 0 else offered
    return replace(fields, examples=(*fields.examples, *chosen))


def not_there(rule: Understood, examples: Sequence[RuleExample]) -> list[RuleExample]:
    """The offered examples of which nobody has said anything yet."""
    said = {_for(one, rule) for one in examples}
    return [one for one in rule.offered() if _for(one, rule) not in said]


def _for(example: RuleExample, rule: Understood) -> tuple[str, ...]:
    """What an example gives for the inputs that the rule has by now."""
    return tuple(example.value(one.text) for one in rule.inputs)


def _spelled(fields: BusinessRuleFields, rule: Understood, written: str) -> BusinessRuleFields:
    """The same rule as a sentence, a table or a formula; as it was where it cannot be said so."""
    if written == "table":
        table = rule.as_table or (_BEGUN if not fields.text else None)
        return replace(fields, written="table", table=table) if table else fields
    text = rule.sentence if written == "sentence" else rule.formula
    if written not in WRITTEN or (not text and _says_something(fields)):
        return fields
    return replace(fields, written=written, text=text, table=NO_TABLE)  # type: ignore[arg-type]


def _stays(act: str, fields: BusinessRuleFields, names: Vocabulary) -> Mapping[str, list[str]]:
    """Why a rule could not be spelled as a button asked."""
    verb, _colon, written = act.partition(":")
    if verb != "as" or written not in WRITTEN or written == fields.written:
        return {}
    rule = understood(fields, names)
    reason = {"table": rule.no_table, "sentence": rule.no_sentence}.get(written, "")
    if rule.case is None:
        said = [" ".join(filter(None, (one.message, one.hint))) for one in rule.problems[:1]]
        then = _("It is shown as a %(other)s once it can be read.")
        reason = " ".join([*said, then % {"other": str(dict(SPELLINGS)[written]).lower()}])
    return {"table" if fields.written == "table" else "text": [reason]} if reason else {}


def _says_something(fields: BusinessRuleFields) -> bool:
    """Whether anything would be lost that somebody wrote."""
    table = fields.table
    cells = (text for row in table.rows for text in (*row.cells, row.outcome))
    return any((fields.text, *table.inputs, *cells, table.otherwise))
