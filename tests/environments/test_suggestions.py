"""What the data suggests to measure first."""

from __future__ import annotations

from dataclasses import replace

import pytest

from environments.suggestions import suggestions
from semantic.definitions import Column, Metric, Model, Vocabulary
from tests.semantic.shop import vocabulary

DAY = Column("sold_on", "date")


def model(name: str, *columns: Column, unique_id: str = "") -> Model:
    return Model(name=name, unique_id=unique_id or f"model.shop.{name}", columns=columns)


def found(*models: Model) -> list[tuple[str, str]]:
    names = Vocabulary(models={m.name: m for m in models}, metrics={})
    return [(offer.model, offer.formula) for offer in suggestions(names, dialect="duckdb")]


def test_the_shop_is_offered_what_it_does_not_measure_yet() -> None:
    names = vocabulary()

    offers = suggestions(names, dialect="duckdb")

    assert [(o.label, o.formula, o.model, o.time) for o in offers] == [
        ("Total discount", "SUM(discount)", "fct_orders", ""),
        ("Total minutes", "SUM(minutes)", "fct_visits", "visited_on"),
        ("Total quantity", "SUM(quantity)", "fct_orders", ""),
    ]
    assert suggestions(names, dialect="duckdb") == offers


def test_what_is_a_metric_already_is_not_offered_whatever_it_is_called() -> None:
    names = vocabulary()
    metric = Metric(name="gone", type="simple", measure="net_amount_total")
    before = {offer.column for offer in suggestions(replace(names, metrics={}), dialect="duckdb")}

    after = suggestions(replace(names, metrics={"gone": metric}), dialect="duckdb")

    assert "net_amount" in before
    assert "net_amount" not in {offer.column for offer in after}


@pytest.mark.parametrize(
    "column",
    ["order_id", "ID", "customer_key", "year", "unit_price", "tax_rate", "conversion_pct", "avg_basket"],
)
def test_numbers_that_mean_nothing_when_added_up_are_not_offered(column: str) -> None:
    assert found(model("fct_sales", DAY, Column(column, "number"))) == []


@pytest.mark.parametrize("kind", ["text", "date", "boolean", "any"])
def test_what_is_no_number_or_unknown_is_not_offered(kind: str) -> None:
    assert found(model("fct_sales", DAY, Column("amount", kind))) == []  # type: ignore[arg-type]


def test_only_models_of_things_that_happened_are_looked_at() -> None:
    amount = Column("amount", "number")

    assert found(model("fct_sales", amount)) == []  # at no time
    assert found(model("fct_sales", DAY, Column("paid_on", "date"), amount)) == []  # or at which?
    assert found(model("stg_sales", DAY, amount)) == []
    assert found(model("dim_shops", DAY, amount)) == []
    assert found(model("fct_sales", DAY, amount, unique_id="seed.shop.fct_sales")) == []
    assert found(model("sales", DAY, amount), model("fct_sales", DAY, amount)) == [
        ("fct_sales", "SUM(amount)"),
        ("sales", "SUM(amount)"),
    ]


def test_the_whole_is_offered_before_its_parts() -> None:
    columns = [Column(name, "number") for name in ("card_amount", "amount")]

    assert found(model("sales", DAY, *columns)) == [("sales", "SUM(amount)"), ("sales", "SUM(card_amount)")]


def test_each_model_has_one_before_any_has_two_and_there_are_three_at_most() -> None:
    columns = [Column(name, "number") for name in ("amount", "net amount", "tax")]

    offers = found(model("fct_b", DAY, *columns), model("fct_a", DAY, *columns))

    assert offers == [("fct_a", "SUM(amount)"), ("fct_b", "SUM(amount)"), ("fct_a", "SUM([net amount])")]
