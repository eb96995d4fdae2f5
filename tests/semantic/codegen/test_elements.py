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
from semantic.codegen.entries import NameTaken, Refused, parts
from semantic.codegen.metrics import Compiled, MetricDraft, compile_metric
from semantic.definitions import Column, Model, Vocabulary
from semantic.elements import DimensionFields, MeasureFields, dimension_fields, measure_fields
from semantic.formula import analyse
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


STG = "model.shop.stg_customers"


def with_staging(names: Vocabulary, *columns: Column, key: str = "customer_id") -> Vocabulary:
    """The shop with a model that has the key of its customers, one row each, and nothing that dates them."""
    told = (Column(key, "integer"), Column("segment", "text"), Column("country", "text"), *columns)
    staging = Model("stg_customers", STG, told, file="models/schema.yml")
    return replace(
        names, models={**names.models, "stg_customers": staging}, keys={**names.keys, "stg_customers": key}
    )


def segment(names: Vocabulary, **fields: Any) -> Compiled:
    return dimension(
        names, **{"model": STG, "name": f"{STG}:segment", "label": "Segment", "expr": "segment", **fields}
    )


def test_a_dimension_needs_no_date_and_metrics_reach_it_over_the_key_that_their_rows_have() -> None:
    code = segment(with_staging(shop.vocabulary()))

    assert applied(code)["semantic_models"][-1] == {
        "name": "stg_customers",
        "model": "ref('stg_customers')",
        "entities": [{"name": "customer", "type": "primary", "expr": "customer_id"}],
        "dimensions": [{"name": "segment", "label": "Segment", "type": "categorical"}],
    }
    assert code.after is not None
    for formula, home in (
        ("COUNT(*) WHERE segment = 'new'", "fct_orders"),
        ("customers_total WHERE segment = 'new'", ""),
    ):
        found = MetricDraft("found", "Found", "", analyse(formula, code.after, model=home))
        (metric,) = compile_metric(found, code.after).entries["metrics"]
        assert metric["filter"] == "{{ Dimension('customer__segment') }} = 'new'"


def test_a_dimension_needs_no_date_in_the_latest_spec_either() -> None:
    names = latest(with_staging(shop.vocabulary()))

    assert segment(names).entries["models"] == {
        "stg_customers": {
            "semantic_model": True,
            "columns": [
                {"name": "customer_id", "entity": {"type": "primary", "name": "customer"}},
                {"name": "segment", "dimension": {"type": "categorical", "label": "Segment"}},
            ],
        }
    }


@pytest.mark.parametrize("spec", [lambda names: names, latest])
def test_a_metric_that_comes_later_brings_what_dates_the_rows(spec: Any) -> None:
    names = spec(with_staging(shop.vocabulary(), Column("seen_on", "date"), Column("born_on", "date")))
    first = segment(names)
    assert first.after is not None
    semantic = first.after.models["stg_customers"].semantic
    assert semantic is not None
    assert (semantic.agg_time_dimension, len(semantic.dimensions)) == ("", 1)

    found = MetricDraft(
        "found", "Found", "", analyse("COUNT(*)", first.after, model="stg_customers"), time_column="seen_on"
    )
    with pytest.raises(Refused, match="Choose a date"):
        compile_metric(replace(found, time_column=""), first.after)
    code = compile_metric(found, first.after)
    path = semantic.file if semantic.spec == "legacy" else "models/schema.yml"
    text = shop.FILES[path].encode()
    for changes in (first.changes, code.changes):
        (change,) = [one for one in changes if one.path == path]
        text = change.apply(text)
    data = yaml.safe_load(text)
    if semantic.spec == "legacy":
        entry = data["semantic_models"][-1]
        assert list(entry)[:3] == ["name", "model", "defaults"]
        assert entry["defaults"] == {"agg_time_dimension": "seen_on"}
        assert [one["name"] for one in entry["dimensions"]] == ["segment", "seen_on"]
        assert "agg_time_dimension" not in entry["measures"][0]
    else:
        entry = data["models"][-1]
        assert entry["agg_time_dimension"] == "seen_on"
        assert "agg_time_dimension" not in entry["metrics"][0]
    assert code.after is not None
    after = code.after.models["stg_customers"].semantic
    assert after is not None
    assert after.agg_time_dimension == "seen_on"


def test_one_key_has_every_name_of_a_dimension_once() -> None:
    names = with_staging(shop.vocabulary())

    with pytest.raises(NameTaken, match="dim_customers has a dimension called country for the same rows"):
        segment(names, name=f"{STG}:country", expr="country")


def test_a_date_that_another_model_of_the_same_rows_has_is_not_told_again() -> None:
    semantic = applied(segment(with_staging(shop.vocabulary(), Column("signed_up_on", "date"))))
    entry = semantic["semantic_models"][-1]

    assert "defaults" not in entry
    assert [one["name"] for one in entry["dimensions"]] == ["segment"]


def test_a_date_of_another_model_is_none_of_this_one() -> None:
    with pytest.raises(Refused, match="ordered_at is no date of stg_customers"):
        segment(with_staging(shop.vocabulary()), time="ordered_at")


def test_rows_that_nothing_tells_apart_cannot_split_a_number() -> None:
    names = with_staging(shop.vocabulary())

    with pytest.raises(Refused, match="Give the model a key first"):
        segment(replace(names, keys={}))


@pytest.mark.parametrize(
    ("key", "entity"),
    [
        ("customer_id", "customer"),
        ("CUSTOMER_ID", "customer"),
        ("id", "customers_id"),  # of anything
        ("customer_key", "customer_key"),  # other values than customer_id, as far as anybody knows
        ("person_id", "person"),
    ],
)
def test_a_key_is_called_as_others_call_it_where_it_has_the_same_values(key: str, entity: str) -> None:
    code = segment(with_staging(shop.vocabulary(), key=key))

    (found,) = applied(code)["semantic_models"][-1]["entities"]
    assert found["name"] == entity


def test_a_measure_counts_by_a_date_of_its_own_where_others_of_the_same_rows_have_its_name() -> None:
    names = with_staging(shop.vocabulary(), Column("signed_up_on", "date"))
    code = measure(
        names, model=STG, name=f"{STG}:people", label="People", agg="count", expr="", time="signed_up_on"
    )

    entry = applied(code)["semantic_models"][-1]
    assert entry["defaults"] == {"agg_time_dimension": "signed_up_on_2"}
    assert entry["dimensions"] == [
        {
            "name": "signed_up_on_2",
            "type": "time",
            "expr": "signed_up_on",
            "type_params": {"time_granularity": "day"},
        }
    ]
    assert "agg_time_dimension" not in entry["measures"][0]


def test_a_measure_of_a_model_that_nothing_dates_yet_brings_its_date() -> None:
    first = segment(with_staging(shop.vocabulary(), Column("seen_on", "date"), Column("born_on", "date")))
    assert first.after is not None
    people = {"model": STG, "name": f"{STG}:people", "label": "People", "agg": "count", "expr": ""}
    with pytest.raises(Refused, match="Choose a date"):
        measure(first.after, **people)

    code = measure(first.after, **people, time="seen_on")
    assert code.entries["defaults"] == {"stg_customers": {"agg_time_dimension": "seen_on"}}
    assert "agg_time_dimension" not in code.entries["measures"]["stg_customers"][0]
    assert not parts(code.entries) <= parts({**code.entries, "defaults": {}})
    assert "defaults:" in code.yaml_preview
