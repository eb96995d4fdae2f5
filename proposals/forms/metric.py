"""The proposal form: what is it, how is it calculated, who looks after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from django import forms
from django.utils.functional import lazy
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from bisync.lib.numbers import NumberFormat
from proposals.forms.base import FormNames, ItemForm, NumberField, certified_field, names_in, synonyms_field
from semantic.definitions import Model, Vocabulary
from semantic.fields import Fields, MetricFields, RuleKind, ValueRule, with_plain_lines
from semantic.formula.types import DATES


def _in_currency() -> str:
    """With an amount as the project whose page is made shows it."""
    return gettext("Currency · %(example)s") % {"example": NumberFormat("currency").full(1234.5)}


F = TypeVar("F", bound=Fields)
FORMATS = (
    ("number", _("Number · 1,234.5")),
    ("integer", _("Whole number · 1,234")),
    ("currency", lazy(_in_currency, str)()),
    ("percent", _("Percent · 12.3 %")),
)
SIMPLE_RULES: tuple[tuple[RuleKind, Any], ...] = (
    ("not_null", _("Never blank")),
    ("positive", _("Never below zero")),
    ("percentage", _("A percentage: 0 to 100 %")),
    ("historical_trend_validation", _("In keeping with its history, day by day")),
)
# Of the rules with numbers or names of their own, what the form shows.
TYPED_RULES: Mapping[RuleKind, tuple[str, ...]] = {
    "range": ("low", "high"),
    "reasonable_growth_rate": ("increase", "decrease"),
    "metric_consistency": ("other", "tolerance"),
    "freshness": ("hours",),
}
# A date of many models does not name them all.
_NAMED = 2
_SHOWN = {*TYPED_RULES, "logical_cohort_progression", *(kind for kind, _label in SIMPLE_RULES)}


class MetricForm(ItemForm):
    """The form of a metric."""

    needed = frozenset({"label", "meaning", "formula", "owner"})
    looked_at = ("label", "meaning", "context", "synonyms", "rules", "owner", "why")
    suggestible = ("label", "meaning", "formula", "model", "time")

    label = forms.CharField(
        label=_("Name"), required=False, strip=True, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    meaning = forms.CharField(
        label=_("Meaning"), required=False, widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("Shown everywhere the metric is used."),
    )  # fmt: skip
    context = forms.CharField(
        label=_("Business context"), required=False, widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("What it is for, and what to keep in mind when reading it."),
    )  # fmt: skip
    synonyms = synonyms_field()
    model = forms.ChoiceField(label=_("Start from"), required=False)
    formula = forms.CharField(
        label=_("Formula"), required=False, strip=True, widget=forms.Textarea(attrs={"rows": 2})
    )
    value_format = forms.ChoiceField(label=_("Show as"), choices=FORMATS, required=False)
    time = forms.ChoiceField(label=_("Over time by"), required=False)
    rules = forms.MultipleChoiceField(
        label=_("What always holds"),
        choices=SIMPLE_RULES,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    low = NumberField(label=_("Never below"))
    high = NumberField(label=_("Never above"))
    increase = NumberField(label=_("Grows by at most (%)"), min_value=0)
    decrease = NumberField(label=_("Falls by at most (%)"), min_value=0)
    other = forms.ChoiceField(label=_("The same as"), required=False)
    tolerance = NumberField(label=_("Within (%)"), min_value=0)
    after = forms.ChoiceField(label=_("Never more than"), required=False)
    hours = forms.IntegerField(
        label=_("Newest row, hours old at most"), required=False, min_value=1,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
    )  # fmt: skip
    owner = forms.CharField(
        label=_("Owner"), required=False, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    group = forms.ChoiceField(label=_("Domain"), required=False)
    certified = certified_field()
    why = forms.CharField(
        label=_("Why do you need it?"), required=False, widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("Reviewers see this first."),
    )  # fmt: skip

    def fill(self, known: FormNames, base: Fields | None) -> None:
        kept = base if isinstance(base, MetricFields) else MetricFields()
        vocabulary = known.names
        self._choices("model", [("", _("Whatever the formula names")), *_models(vocabulary)])
        self._choices("time", [("", _("The model's usual date")), *times_of(vocabulary, kept.time)])
        names = sorted({*known.groups, kept.group} - {""})
        self._choices("group", [("", _("None")), *((name, name) for name in names)])
        metrics = {name: one.label or name for name, one in vocabulary.asked_for.items() if name != kept.name}
        named = {one for rule in kept.rules for one in (rule.other, *rule.steps) if one}
        metrics |= {one: metrics.get(one, one) for one in named}
        listed = sorted(metrics.items(), key=lambda one: one[1].casefold())
        for name in ("other", "after"):
            self._choices(name, [("", _("No other metric")), *listed])

    def content(self) -> MetricFields:
        data = self.cleaned_data
        rules = [ValueRule(kind) for kind in data.get("rules") or []]
        for kind, names in TYPED_RULES.items():
            said = {name: data.get(name) for name in names}
            if any(value not in (None, "") for value in said.values()):
                rules.append(ValueRule.from_json({"kind": kind, **said}))
        if step := data.get("after"):
            rules.append(ValueRule("logical_cohort_progression", steps=(step,)))
        texts = ("label", "meaning", "context", "formula", "model", "time", "owner", "group", "why")
        typed = {name: with_plain_lines(data.get(name) or "") for name in texts}
        return replace(
            MetricFields(**typed),  # type: ignore[arg-type]
            value_format=data.get("value_format") or "number",
            rules=tuple(rules),
            synonyms=names_in(data.get("synonyms") or ""),
            certified=bool(data.get("certified")),
        )

    def along(self, fields: F, stored: F) -> F:
        assert isinstance(fields, MetricFields)
        assert isinstance(stored, MetricFields)
        before = {rule.kind: rule for rule in stored.rules}
        rules = [_like(rule, before.get(rule.kind)) for rule in fields.rules]
        rules += [rule for rule in stored.rules if rule.kind not in _SHOWN]
        kept = stored.rules if set(rules) == set(stored.rules) else tuple(rules)
        return replace(fields, rules=kept)

    @property
    def unread(self) -> set[str]:
        numbers = {"after", *(name for names in TYPED_RULES.values() for name in names)}
        return {"rules" if name in numbers else name for name in super().unread}

    @classmethod
    def field_of(cls, name: str) -> str:
        return "label" if name == "name" else name

    @classmethod
    def said(cls, name: str, value: object) -> str:
        if name == "rules":
            fields = MetricFields.from_json({"rules": value if isinstance(value, list) else []})
            return ", ".join(map(str, fields.rules))
        if name == "value_format":
            return str(dict(FORMATS).get(str(value), value))
        return super().said(name, value)

    @classmethod
    def initial_of(cls, fields: Fields, version: int) -> dict[str, object]:
        assert isinstance(fields, MetricFields)
        said = {rule.kind: rule for rule in fields.rules}
        numbers = {
            name: getattr(said.get(kind), name, None) for kind, names in TYPED_RULES.items() for name in names
        }
        steps = said["logical_cohort_progression"].steps if "logical_cohort_progression" in said else ()
        return {
            **{name: value for name, value in super().initial_of(fields, version).items() if name != "rules"},
            "rules": [kind for kind, _label in SIMPLE_RULES if kind in said],
            **numbers,
            "after": steps[-1] if steps else "",
            "version": version,
        }


def _like(rule: ValueRule, before: ValueRule | None) -> ValueRule:
    """The rule as typed, with what the form does not show of the one that was there before."""
    if before is None:
        return rule
    if rule.kind == "logical_cohort_progression":
        # The form shows the last step alone, which those before it lead to.
        return before if before.steps[-1:] == rule.steps else rule
    if rule.kind not in TYPED_RULES:
        return before
    return replace(before, **{name: getattr(rule, name) for name in TYPED_RULES[rule.kind]})


def _models(vocabulary: Vocabulary) -> list[tuple[str, list[tuple[str, str]]]]:
    """Where a metric can start, in two groups for a select."""
    ready = sorted((m.label or m.name, m.name) for m in vocabulary.models.values() if m.semantic)
    other = sorted((m.label or m.name, m.name) for m in _without_semantics(vocabulary))
    named = [(_("Models with metrics or dimensions"), ready), (_("Other models"), other)]
    return [(str(title), [(name, label) for label, name in found]) for title, found in named if found]


def _without_semantics(vocabulary: Vocabulary) -> list[Model]:
    """The models that could be given a semantic model: with a date, or not built so that none is known."""
    spine = vocabulary.time_spine.partition(".")[0]
    return [
        model
        for model in vocabulary.models.values()
        if model.unique_id.startswith("model.") and not model.semantic and model.name != spine
        if not model.columns or any(column.type in {*DATES, "any"} for column in model.columns)
    ]


def times_of(vocabulary: Vocabulary, kept: str = "") -> list[tuple[str, str]]:
    """The dates of those models: time dimensions, and columns where there are no dimensions yet.

    What is `kept` is among them, even where it is not built yet.
    """
    found: dict[str, list[str]] = {kept: []} if kept else {}
    for model in vocabulary.models.values():
        dimensions = model.semantic.dimensions if model.semantic else ()
        for name in (one.name for one in dimensions if one.type == "time"):
            found.setdefault(name, []).append(model.label or model.name)
    for model in _without_semantics(vocabulary):
        for name in (column.name for column in model.columns if column.type in DATES):
            found.setdefault(name, []).append(model.label or model.name)
    return [(name, _with_models(name.replace("_", " "), found[name])) for name in sorted(found)]


def _with_models(date: str, models: Sequence[str]) -> str:
    """`ordered at · orders, visits`: a date is only of use to what its models count."""
    more = "…" if len(models) > _NAMED else ""
    return f"{date} · {', '.join(sorted(models)[:_NAMED])}{more}" if models else date
