"""Dimensions and measures as dbt's files say them, in both specs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import yaml

from semantic.codegen.elements import (
    compile_dimension,
    compile_element_change,
    compile_measure,
    row_expression,
)
from semantic.codegen.entries import Refused
from semantic.codegen.metrics import Compiled
from semantic.definitions import Vocabulary
from semantic.elements import DimensionFields, MeasureFields, dimension_fields, measure_fields
from tests.semantic import shop

pytestmark = pytest.mark.pure

ORDERS, VISITS = "model.shop.fct_orders", "model.shop.fct_visits"
SEMANTICS = "models/semantics.yml"


def dimension(names: Vocabulary, **fields: Any) -> Compiled:
    given = {
        "model": ORDERS,
        "name": f"{fields.get('model', ORDERS)}:device_kind",
        "label": "Device kind",
        **fields,
    }
    model = next(one for one in names.models.values() if one.unique_id == given["model"])
    return compile_dimension(DimensionFields(**given), model, names, dialect="duckdb")


def measure(names: Vocabulary, **fields: Any) -> Compiled:
    given = {
        "model": ORDERS,
        "name": f"{ORDERS}:discounts",
        "label": "Discounts",
        "expr": "discount",
        **fields,
    }
    model = next(one for one in names.models.values() if one.unique_id == given["model"])
    return compile_measure(MeasureFields(**given), model, names, dialect="duckdb")


def applied(code: Compiled, path: str = SEMANTICS) -> Any:
    (change,) = [one for one in code.changes if one.path == path]
    text = shop.FILES.get(path)
    return yaml.safe_load(change.apply(text.encode() if text else None).decode())


def latest(names: Vocabulary) -> Vocabulary:
    """The same shop as its dbt 1.12 would have it."""
    models = {
        name: replace(one, semantic=one.semantic and replace(one.semantic, spec="latest", file=one.file))
        for name, one in names.models.items()
    }
    return replace(names, models=models, dbt_version=(1, 12))


def test_a_dimension_stands_with_those_of_its_semantic_model() -> None:
    code = dimension(
        shop.vocabulary(), expr='IF(discount > 0, "reduced", "full")', description="Which price."
    )

    added = applied(code)["semantic_models"][0]["dimensions"][-1]
    assert added == {
        "name": "device_kind",
        "label": "Device kind",
        "description": "Which price.",
        "type": "categorical",
        "expr": "case when discount > 0 then 'reduced' else 'full' end",
    }
    assert code.models == ("fct_orders",)
    assert code.after is not None
    semantic = code.after.models["fct_orders"].semantic
    assert semantic is not None
    assert semantic.dimensions[-1].name == "device_kind"


def test_a_model_without_semantics_gets_a_semantic_model_with_its_date_and_its_key() -> None:
    names = replace(shop.vocabulary(), keys={"fct_visits": "visit_id"})
    code = dimension(names, model=VISITS, expr="device")

    semantic = applied(code)["semantic_models"][-1]
    assert semantic["defaults"] == {"agg_time_dimension": "visited_on"}
    assert semantic["entities"] == [{"name": "visit", "type": "primary", "expr": "visit_id"}]
    assert [one["name"] for one in semantic["dimensions"]] == ["visited_on", "device_kind"]


def test_a_new_date_can_be_the_date_of_its_model() -> None:
    code = dimension(shop.vocabulary(), model=VISITS, expr="visited_on", type="time", granularity="month")

    semantic = applied(code)["semantic_models"][-1]
    (only,) = semantic["dimensions"]
    assert (only["name"], only["type_params"]) == ("device_kind", {"time_granularity": "month"})


def test_in_the_latest_spec_it_marks_its_column_or_stands_beside_them() -> None:
    names = latest(shop.vocabulary())

    marked = dimension(names, expr="quantity").entries["models"]["fct_orders"]
    assert marked == {
        "columns": [
            {
                "name": "quantity",
                "dimension": {"type": "categorical", "label": "Device kind", "name": "device_kind"},
            }
        ]
    }
    derived = dimension(names, expr="quantity > 1").entries["models"]["fct_orders"]
    assert derived["derived_semantics"]["dimensions"][0]["expr"] == "quantity > 1"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"expr": "SUM(discount)"}, "total|row"),
        ({"expr": "1 + 1"}, "same in every row"),
        ({"expr": "fct_visits.device"}, "fct_visits"),
        ({"expr": "discount) + COUNT(quantity"}, "closing bracket"),
        ({"expr": "nothing_of_it"}, "nothing_of_it"),
        ({"expr": "status", "name": f"{ORDERS}:order_status"}, "already"),
        ({"expr": "quantity", "label": "Order status", "name": f"{ORDERS}:customer"}, "already"),
    ],
)
def test_what_is_no_dimension_is_refused_with_what_to_change(fields: dict[str, str], said: str) -> None:
    with pytest.raises(Refused, match=said):
        dimension(shop.vocabulary(), **fields)


def test_what_others_brought_meanwhile_is_not_written_twice() -> None:
    first = dimension(shop.vocabulary(), expr="quantity")
    assert first.after is not None

    assert dimension(first.after, expr="quantity").changes == ()


def test_a_second_one_of_a_model_stands_in_the_file_that_the_first_one_brings() -> None:
    first = dimension(shop.vocabulary(), model=VISITS, expr="device")
    assert first.after is not None
    second = dimension(first.after, model=VISITS, expr="minutes > 1", name=f"{VISITS}:is_long", label="Long")

    (one,), (other,) = first.changes, second.changes
    assert one.path == other.path
    (semantic,) = yaml.safe_load(other.apply(one.apply(None)))["semantic_models"]
    assert [part["name"] for part in semantic["dimensions"]] == ["visited_on", "device_kind", "is_long"]


def test_words_of_a_dimension_change_alone_and_a_calculation_with_its_model_built() -> None:
    names = shop.vocabulary()
    model = names.models["fct_orders"]
    assert model.semantic is not None
    element = model.semantic.dimensions[2]
    base = dimension_fields(model, element, names, "duckdb")

    words = compile_element_change(
        base, replace(base, description="Where it stands."), model, element, names, dialect="duckdb"
    )
    code = compile_element_change(
        base, replace(base, expr="UPPER(status)"), model, element, names, dialect="duckdb"
    )

    assert applied(words)["semantic_models"][0]["dimensions"][2] == {
        "name": "order_status", "type": "categorical", "expr": "status", "label": "Order status",
        "description": "Where it stands.",
    }  # fmt: skip
    assert (words.models, code.models) == ((), ("fct_orders",))
    assert applied(code)["semantic_models"][0]["dimensions"][2]["expr"] == "upper(status)"


def test_what_dbt_changed_elsewhere_is_not_overwritten() -> None:
    names = shop.vocabulary()
    model = names.models["fct_orders"]
    assert model.semantic is not None
    element = model.semantic.dimensions[2]
    base = dimension_fields(model, element, names, "duckdb")
    theirs = replace(element, description="Theirs.")

    with pytest.raises(Refused, match="changed in dbt meanwhile"):
        compile_element_change(
            base, replace(base, description="Mine."), model, theirs, names, dialect="duckdb"
        )


def test_a_measure_is_counted_by_the_date_that_was_chosen() -> None:
    code = measure(shop.vocabulary(), time="delivered_on", agg="sum", expr="discount * quantity")

    assert applied(code)["semantic_models"][0]["measures"][-1] == {
        "name": "discounts",
        "label": "Discounts",
        "agg": "sum",
        "expr": "discount * quantity",
        "agg_time_dimension": "delivered_on",
    }


def test_a_measure_of_the_usual_date_does_not_say_so() -> None:
    assert (
        "agg_time_dimension"
        not in applied(measure(shop.vocabulary(), time="ordered_at"))["semantic_models"][0]["measures"][-1]
    )


def test_a_measure_of_a_model_without_semantics_brings_them() -> None:
    code = measure(
        shop.vocabulary(), model=VISITS, name=f"{VISITS}:minutes_total", expr="minutes", agg="average"
    )

    semantic = applied(code)["semantic_models"][-1]
    assert semantic["measures"][0]["agg"] == "average"


def test_the_latest_spec_has_no_measures() -> None:
    with pytest.raises(Refused, match="Propose a metric instead"):
        measure(latest(shop.vocabulary()))


def test_what_dbt_says_of_a_measure_comes_back_as_a_formula() -> None:
    names = shop.vocabulary()
    model = names.models["fct_orders"]
    assert model.semantic is not None
    fields = measure_fields(
        model, replace(model.semantic.measures[0], expr="net_amount - discount"), names, "duckdb"
    )

    assert (fields.name, fields.expr, fields.agg) == (
        f"{ORDERS}:net_amount_total",
        "net_amount - discount",
        "sum",
    )


def test_a_column_is_written_as_sql_takes_it() -> None:
    assert row_expression("status", shop.vocabulary(), "fct_orders", "duckdb") == "status"
