"""What the form offers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.http import QueryDict

from proposals.forms import FORMS, FormNames
from proposals.forms.base import NumberField
from proposals.forms.metric import MetricForm
from semantic.definitions import Column, Dimension, Model, SemanticModel, ValueType, Vocabulary
from semantic.fields import MetricFields, ValueRule


def model(name: str, *types: ValueType, kind: str = "model", **also: Any) -> Model:
    columns = tuple(Column(f"{name}_{number}", type_) for number, type_ in enumerate(types))
    return Model(name, f"{kind}.shop.{name}", columns, **also)


def offered(*models: Model, time_spine: str = "") -> tuple[list[Any], list[str]]:
    known = Vocabulary(models={m.name: m for m in models}, metrics={}, time_spine=time_spine)
    form = MetricForm(known=FormNames(known, []))
    return form.fields["model"].choices[1:], [name for name, _label in form.fields["time"].choices[1:]]  # type: ignore[attr-defined]


ORDERS = SemanticModel("orders", "orders", dimensions=(Dimension("ordered_at", "time", "orders_1", "day"),))


def test_every_model_with_a_date_is_offered_those_with_metrics_first() -> None:
    models, times = offered(
        model("orders", "integer", "date", semantic=ORDERS, label="Orders"),
        model("visits", "text", "timestamp"),
        model("countries", "text"),
        model("not_built_yet"),
        model("undeclared", "any"),
        model("days", "date"),
        model("raw_visits", "date", kind="seed"),
        time_spine="days.days_0",
    )

    assert models == [
        ("Models with metrics or dimensions", [("orders", "Orders")]),
        ("Other models", [(name, name) for name in ("not_built_yet", "undeclared", "visits")]),
    ]
    assert times == ["ordered_at", "visits_1"]


def test_no_field_has_the_name_of_what_the_page_itself_sends() -> None:
    page = {"act", "csrfmiddlewaretoken", "draft", "filled_with", "fix", "kind", "of", "shown"}
    for kind, form in FORMS.items():
        assert not page & form.base_fields.keys(), kind


@pytest.mark.parametrize(
    ("typed", "number"),
    [("1.5", 1.5), ("1,5", 1.5), ("-1.000,25", -1000.25), ("1e3", 1000.0), ("", None), (2.0, 2.0)],
)
def test_a_number_is_read_as_it_was_meant(typed: object, number: float | None) -> None:
    assert NumberField(label="Number").clean(typed) == number


@pytest.mark.parametrize(
    ("typed", "said"), [("1.000", "1 or 1000"), ("-2,500", "-2.5 or -2500"), ("x", "Enter")]
)
def test_what_may_be_two_numbers_is_asked_about(typed: str, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        NumberField(label="Number").clean(typed)


def test_a_date_says_of_which_models_it_is() -> None:
    models = [model("orders", "integer", semantic=ORDERS), *(model(name, "date") for name in ("a", "b"))]
    same = [replace(one, columns=(Column("day", "date"),)) for one in (*models[1:], model("c", "date"))]
    known = Vocabulary(models={m.name: m for m in (models[0], *same)}, metrics={})

    form = MetricForm(known=FormNames(known, []), base=MetricFields(time="gone_by_now"))

    assert form.fields["time"].choices[1:] == [  # type: ignore[attr-defined]
        ("day", "day · a, b…"),
        ("gone_by_now", "gone by now"),
        ("ordered_at", "ordered at · orders"),
    ]


def test_a_project_without_semantic_models_has_somewhere_to_start() -> None:
    models, times = offered(model("visits", "date"))

    assert models == [("Other models", [("visits", "visits")])]
    assert times == ["visits_0"]


@pytest.mark.parametrize(
    "rules",
    [
        (),
        (ValueRule("range", low=0.5),),
        (ValueRule("range", 0, 1), ValueRule("positive"), ValueRule("not_null"), ValueRule("percentage")),
        (
            ValueRule("reasonable_growth_rate", increase=50, base=100, grain="week"),
            ValueRule("metric_consistency", other="sales", tolerance=2),
            ValueRule("freshness", hours=36),
            ValueRule("logical_cohort_progression", steps=("visits", "carts")),
            ValueRule("historical_trend_validation", sigma=2),
        ),
    ],
)
def test_a_draft_that_came_by_api_is_the_same_after_it_was_opened_and_saved(
    rules: tuple[ValueRule, ...],
) -> None:
    fields = MetricFields(
        label="Revenue",
        meaning="What came in.\nAll of it.",
        value_format="percent",
        rules=rules,
        synonyms=("Turnover", "Net sales"),
        certified=True,
    )
    nothing = Vocabulary(models={}, metrics={})
    opened = MetricForm(known=FormNames(nothing, []), base=fields, initial=MetricForm.initial_of(fields, 1))

    sent = QueryDict(mutable=True)
    for name in opened.fields:
        value = opened[name].value()
        sent.setlist(name, value if isinstance(value, list) else ["" if value is None else str(value)])
    saved = MetricForm(sent, known=FormNames(nothing, []), base=fields)

    assert saved.is_valid()
    again = saved.along(saved.content(), fields)
    assert {**again.to_json(), "rules": ()} == {**fields.to_json(), "rules": ()}
    assert set(again.rules) == set(rules)


@pytest.mark.parametrize(
    ("chosen", "steps"), [("carts", ("visits", "carts")), ("visits", ("visits",)), ("", None)]
)
def test_the_last_step_before_a_metric_is_chosen_and_those_before_it_stay(
    chosen: str, steps: tuple[str, ...] | None
) -> None:
    kept = MetricFields(rules=(ValueRule("logical_cohort_progression", steps=("visits", "carts")),))
    known = FormNames(Vocabulary(models={}, metrics={}), [])
    form = MetricForm({"after": chosen, "version": "1"}, known=known, base=kept)

    assert MetricForm.initial_of(kept, 1)["after"] == "carts"
    assert form.is_valid()
    found = form.along(form.content(), kept).rules
    assert found == (() if steps is None else (ValueRule("logical_cohort_progression", steps=steps),))
