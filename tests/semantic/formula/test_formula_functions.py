from __future__ import annotations

import pytest

from semantic.definitions import Column, Entity, Model, SemanticModel, Vocabulary
from semantic.formula import TOTALS, FunctionDoc, analyse, functions
from semantic.formula.habits import INSTEAD
from semantic.formula.registry import find_function

DOCS = functions()


@pytest.mark.parametrize("doc", DOCS, ids=lambda doc: doc.name)
def test_every_function_shows_an_example_that_works(doc: FunctionDoc) -> None:
    columns = (
        *(Column(name, "number") for name in ("amount", "quantity")),
        *(Column(name, "date") for name in ("order_date", "delivered_at")),
        Column("customer_id", "integer"),
        Column("status", "text"),
    )
    models = {
        name: Model(
            name,
            f"model.shop.{name}",
            columns,
            semantic=SemanticModel(name, name, (Entity("customer", "foreign", "customer_id"),)),
        )
        for name in ("orders", "visits")
    }
    vocabulary = Vocabulary(models, {})
    analysis = analyse(doc.example, vocabulary, model="orders")
    assert analysis.ok, analysis.problems
    assert analysis.reads_as.endswith(".")
    assert doc.name in doc.example
    assert doc.summary.endswith(".")


def test_no_name_belongs_to_two_functions() -> None:
    names = [name for doc in DOCS for name in (doc.name, *doc.aliases)]
    assert len(names) == len(set(names))
    assert not set(names) & set(INSTEAD)


@pytest.mark.parametrize("doc", DOCS, ids=lambda doc: doc.name)
def test_every_alias_finds_its_function_in_any_case(doc: FunctionDoc) -> None:
    found = [find_function(name.lower()) for name in (doc.name, *doc.aliases)]
    assert {function.name for function in found if function} == {doc.name}
    assert None not in found


def test_signatures_show_what_may_be_left_out_and_what_repeats() -> None:
    signatures = {doc.name: doc.signature for doc in DOCS}
    assert signatures["ROUND"] == "ROUND(number, [digits])"
    assert signatures["COALESCE"] == "COALESCE(value, instead, …)"
    assert signatures["TODAY"] == "TODAY()"


def test_every_total_is_a_dbt_aggregation_and_documented() -> None:
    assert {doc.name for doc in DOCS} >= set(TOTALS)


def test_a_day_of_the_week_is_no_other_function_spelled_wrongly() -> None:
    problem = analyse("WEEKDAY(ordered_on)", Vocabulary({}, {})).problems[0]
    assert problem.fixes == ()
    assert "column or dimension" in problem.hint


@pytest.mark.parametrize("name", [*INSTEAD])
def test_functions_from_elsewhere_are_answered_with_what_to_do(name: str) -> None:
    problem = analyse(f"{name}(1, 2)", Vocabulary({}, {})).problems[0]
    assert problem.code == "unsupported-function"
    assert problem.hint.endswith(".")
