"""Rules as they are typed: read as promises, kept as JSON, and refused where dbt would not take them as text."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from semantic.codegen.quality.promises import (
    AcceptedValues,
    InRange,
    MostlyFilled,
    Percentage,
    PositiveInteger,
)
from semantic.promised import TYPED, PromiseFields, Typed, typed_of
from semantic.rules.promised import keeping_problems, promise_of, typing_problems
from tests.hostile.texts import JINJA
from tests.semantic.codegen.quality_rules import RULES

pytestmark = pytest.mark.pure


@pytest.mark.parametrize("rule", [rule for rule, _target in RULES], ids=str)
def test_every_promise_is_typed_as_it_is_read(rule: Any) -> None:
    typed = typed_of(rule.promise)

    assert typed.kind in TYPED
    assert Typed.from_json(typed.to_json()) == typed
    assert promise_of(typed, like=rule.promise) == (rule.promise, {})
    if not typed.sql:
        kind = "text" if isinstance(rule.promise, AcceptedValues) and typed.values[0].isalpha() else "any"
        assert promise_of(typed, type_=kind) == (rule.promise, {})  # type: ignore[arg-type]
    assert str(typed)


@pytest.mark.parametrize(
    ("typed", "type_", "promise"),
    [
        (Typed("accepted_values", values=("1", "2")), "integer", AcceptedValues((1, 2))),
        (Typed("accepted_values", values=("1", "2")), "text", AcceptedValues(("1", "2"))),
        (Typed("accepted_values", values=("007", "12")), "any", AcceptedValues(("007", "12"))),
        (Typed("accepted_values", values=("true",)), "boolean", AcceptedValues((True,))),
        (Typed("in_range", low="0", high="100"), "any", Percentage(100)),
        (Typed("in_range", low="1", integer=True), "any", PositiveInteger(1)),
        (Typed("in_range", low="-1,000.50"), "any", InRange(-1000.5)),
        (Typed("in_range", low="-1.000,50"), "any", InRange(-1000.5)),
        (Typed("in_range", low="1,5", high="1.000.000"), "any", InRange(1.5, 1000000)),
        (Typed("in_range", low="1.125"), "any", InRange(1.125)),
        (Typed("accepted_values", values=("2026-01-31",)), "date", AcceptedValues(("2026-01-31",))),
        (Typed("mostly_filled", share="95"), "any", MostlyFilled(0.95)),
        (Typed("mostly_filled", share="0.7"), "any", MostlyFilled(0.007)),
        (Typed("mostly_filled", share="75,5"), "any", MostlyFilled(0.755)),
    ],
)
def test_values_are_read_as_the_column_holds_them(typed: Typed, type_: Any, promise: Any) -> None:
    assert promise_of(typed, type_=type_) == (promise, {})


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        (Typed(), "promise"),
        (Typed("in_range", low="1.000"), "low"),
        (Typed("mostly_filled", share="0"), "share"),
        (Typed("in_range", low="0", high="-2,500"), "high"),
        (Typed("accepted_values"), "values"),
        (Typed("in_range"), "low"),
        (Typed("in_range", low="much"), "low"),
        (Typed("in_range", high="1e999"), "high"),
        (Typed("in_range", low="5", integer=True), "integer"),
        (Typed("in_range", low="5", high="1"), "low"),
        (Typed("mostly_filled", share="200"), "share"),
        (Typed("belongs_to", to="customers"), "to"),
        (Typed("matches_pattern"), "pattern"),
        (Typed("unique_together", columns=("a",)), "columns"),
        (Typed("freshness", time="at", age="1.5", unit="hour"), "age"),
        (Typed("row_count_between", low="-1"), "low"),
        (Typed("always_true"), "formula"),
    ],
)
def test_what_is_missing_or_wrong_is_said_beside_its_field(typed: Typed, field: str) -> None:
    promise, wrong = promise_of(typed)

    assert promise is None
    assert set(wrong) == {field}


def test_a_value_that_is_no_number_is_refused_for_a_column_of_numbers() -> None:
    _promise, wrong = promise_of(Typed("accepted_values", values=("1", "two")), type_="integer")

    assert set(wrong) == {"values"}


def test_no_text_with_a_template_in_it_is_accepted_anywhere() -> None:
    texts = ("low", "high", "share", "to", "pattern", "time", "age", "formula")
    for text in JINJA.values():
        typed = Typed(values=(text,), columns=(text,), **dict.fromkeys(texts, text))
        said = PromiseFields(promise=typed, column=text, where=text, label=text, owner=text, why=text)

        refused = typing_problems(said)

        assert refused.keys() >= {*texts, "values", "columns", "column", "where", "label", "owner", "why"}, (
            text
        )


def test_what_no_database_holds_is_not_kept() -> None:
    fields_ = PromiseFields(promise=Typed("accepted_values", values=("a\0b",)), where="\0")

    assert keeping_problems(fields_).keys() == {"promise", "where"}


def test_the_fields_of_a_revision_are_the_same_after_the_database() -> None:
    typed = Typed("accepted_values", values=("a", "b"), negated=True)
    said = PromiseFields(name="x", table="model.shop.orders", column="status", promise=typed, severity="warn")

    assert PromiseFields.from_json(said.to_json()) == said
    assert said.title == "orders.status is none of a, b"
    assert said.changes_from(replace(said, severity="error")) == {"severity": ("error", "warn")}
    assert PromiseFields.from_json({"promise": [], "severity": 3}) == PromiseFields()
    assert {one.name for one in fields(Typed)} >= {name for names in TYPED.values() for name in names}


def test_as_many_values_as_can_be_sent_can_be_kept() -> None:
    most = tuple(f"{n:03}".ljust(1_000, "x") for n in range(500))
    fields = PromiseFields(table="model.shop.a", promise=Typed("accepted_values", values=most))

    assert typing_problems(fields) == {}
    assert keeping_problems(fields) == {}
    longer = tuple(f"{value}x" for value in most)
    assert list(keeping_problems(replace(fields, promise=Typed("accepted_values", values=longer)))) == [
        "promise"
    ]
