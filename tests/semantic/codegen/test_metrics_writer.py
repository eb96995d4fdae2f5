"""From a formula to the entries of dbt's files: what is written where."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from semantic.codegen import value_tests
from semantic.codegen.conditions import filter_text
from semantic.codegen.entries import parts, plain_name
from semantic.codegen.metrics import MetricDraft, compile_metric
from semantic.definitions import Vocabulary
from semantic.fields import MetricFields, ValueRule
from semantic.formula import analyse
from semantic.formula.tree import Binary, ColumnRef, Literal_
from tests.semantic.codegen.written_metrics import SHOP, compiled, definition, draft


def test_one_total_is_a_measure_and_a_simple_metric_over_it() -> None:
    code = compiled("SUM(discount)")

    assert code.entries["measures"] == {
        "orders": [{"name": "discount_sum", "agg": "sum", "expr": "discount"}]
    }
    assert definition(code) == {"type": "simple", "type_params": {"measure": "discount_sum"}}
    assert (code.metrics, code.models, code.notes) == (("found",), ("fct_orders",), ())


def test_a_measure_that_exists_is_used_again() -> None:
    code = compiled("SUM(net_amount) WHERE status = 'returned' AND is_gift")

    assert code.entries["measures"] == {}
    assert definition(code) == {
        "type": "simple",
        "type_params": {"measure": "net_amount_total"},
        "filter": [
            "{{ Dimension('order__order_status') }} = 'returned'",
            "{{ Dimension('order__is_gift') }}",
        ],
    }


def test_a_condition_on_a_neighbour_becomes_its_dimension() -> None:
    code = compiled("COUNT(*) WHERE dim_customers.country IN ('DE', 'FR')")

    assert definition(code)["filter"] == "{{ Dimension('customer__country') }} in ('DE', 'FR')"
    assert code.models == ("dim_customers", "fct_orders")


@pytest.mark.parametrize(
    ("formula", "agg", "expr"),
    [
        ("SUM(discount) WHERE quantity > 1", "sum", "case when quantity > 1 then discount end"),
        ("COUNT(*) WHERE quantity > 1", "sum", "case when quantity > 1 then 1 end"),
        (
            "COUNT(discount) WHERE quantity > 1",
            "sum",
            "case when quantity > 1 then case when discount is not null then 1 else 0 end end",
        ),
        ("AVERAGE(discount) WHERE quantity > 1", "average", "case when quantity > 1 then discount end"),
        (
            "MAX(discount) WHERE quantity > 1 OR status = 'x'",
            "max",
            "case when quantity > 1 or status = 'x' then discount end",
        ),
    ],
)
def test_a_condition_on_a_column_that_is_no_dimension_goes_into_the_measure(
    formula: str, agg: str, expr: str
) -> None:
    code = compiled(formula)

    (measure,) = code.entries["measures"]["orders"]
    assert (measure["agg"], measure["expr"]) == (agg, expr)
    assert "filter" not in definition(code)


def test_counting_different_values_makes_the_column_a_dimension() -> None:
    code = compiled("COUNT(DISTINCT customer_id) WHERE quantity > 1")

    assert code.entries["dimensions"] == {"orders": [{"name": "quantity", "type": "categorical"}]}
    assert definition(code)["filter"] == "{{ Dimension('order__quantity') }} > 1"


@pytest.mark.parametrize(
    ("formula", "text"),
    [
        ("COUNT(*) WHERE ordered_at >= '2026-02-01'", "{{ TimeDimension('order__ordered_at', 'day') }} >= "),
        ("COUNT(*) WHERE ordered_at IN THIS MONTH", "{{ TimeDimension('order__ordered_at', 'day') }} >= "),
        ("COUNT(*) WHERE ordered_at IS BLANK", "{{ TimeDimension('order__ordered_at', 'day') }} is null"),
        (
            "COUNT(*) WHERE YEAR(ordered_at) = 2026",
            "extract(year from {{ TimeDimension('order__ordered_at', 'day')",
        ),
        (
            "COUNT(*) WHERE delivered_on = '2026-02-01'",
            "{{ TimeDimension('order__delivered_on', 'day') }} = ",
        ),
    ],
)
def test_a_date_is_filtered_by_where_whole_days_say_the_same(formula: str, text: str) -> None:
    assert definition(compiled(formula))["filter"].startswith(text)


@pytest.mark.parametrize(
    "formula",
    [
        "COUNT(*) WHERE ordered_at > '2026-02-01'",
        "COUNT(*) WHERE ordered_at <= '2026-02-01'",
        "COUNT(*) WHERE ordered_at >= delivered_on",
        "COUNT(*) WHERE ordered_at = '2026-02-01'",
    ],
)
def test_a_moment_is_never_cut_to_a_day_unasked(formula: str) -> None:
    code = compiled(formula)

    assert "filter" not in definition(code)
    assert code.entries["measures"]["orders"][0]["expr"].startswith("case when ordered_at")


def test_a_share_in_itself_has_an_alias_where_it_is_filtered() -> None:
    code = compiled("(SUM(net_amount) WHERE status = 'returned') / SUM(net_amount)")

    assert code.metrics == ("found",)
    assert definition(code) == {
        "type": "ratio",
        "type_params": {
            "numerator": {
                "name": "revenue",
                "alias": "numerator",
                "filter": "{{ Dimension('order__order_status') }} = 'returned'",
            },
            "denominator": "revenue",
        },
    }


def test_a_total_that_is_a_metric_already_is_used_under_its_name() -> None:
    code = compiled("(SUM(net_amount) WHERE status = 'completed') / COUNT(*)")

    assert definition(code)["type_params"] == {
        "numerator": "completed_revenue",
        "denominator": "orders_total",
    }


def test_a_part_of_a_total_is_the_same_measure_with_a_filter() -> None:
    assert definition(compiled("completed_revenue WHERE is_gift")) == {
        "type": "simple",
        "type_params": {"measure": "net_amount_total"},
        "filter": [
            "{{ Dimension('order__order_status') }} = 'completed'",
            "{{ Dimension('order__is_gift') }}",
        ],
    }
    assert definition(compiled("(revenue WHERE is_gift) * 2"))["type"] == "derived"


def test_a_total_that_is_none_yet_becomes_a_helper_that_says_what_it_is() -> None:
    code = compiled("SUM(discount) / SUM(net_amount)", label="Discount rate", name="discount_rate")

    helper = code.entries["metrics"][0]
    assert code.metrics == ("discount_rate_numerator", "discount_rate")
    assert helper["label"] == "Discount rate (numerator)"
    assert helper["description"] == "Part of Discount rate: SUM(discount)"
    assert helper["config"] == {"meta": {"bisync": {"helper_of": "discount_rate"}}}
    assert definition(code, "discount_rate")["type_params"] == {
        "numerator": "discount_rate_numerator",
        "denominator": "revenue",
    }


def test_a_total_over_all_and_over_some_rows_needs_one_helper() -> None:
    code = compiled("(SUM(discount) WHERE is_gift) / SUM(discount)")

    assert code.metrics == ("found_denominator", "found")
    assert definition(code)["type_params"] == {
        "numerator": {
            "name": "found_denominator",
            "alias": "numerator",
            "filter": "{{ Dimension('order__is_gift') }}",
        },
        "denominator": "found_denominator",
    }


def test_any_other_calculation_is_a_derived_metric_with_exact_safe_division() -> None:
    code = compiled("(revenue - (revenue WHERE is_gift)) / orders_total * 100", "")

    assert definition(code) == {
        "type": "derived",
        "type_params": {
            "expr": "cast(revenue - revenue_gift as double precision) / nullif(orders_total, 0) * 100",
            "metrics": [
                {"name": "revenue"},
                {"name": "revenue", "alias": "revenue_gift", "filter": "{{ Dimension('order__is_gift') }}"},
                {"name": "orders_total"},
            ],
        },
    }


def test_one_part_named_twice_is_one_input() -> None:
    code = compiled("SUM(discount) - SUM(discount) * 0.5 + MAX(discount)")

    assert code.metrics == ("found_total_discount", "found_highest_discount", "found")
    assert (
        definition(code)["type_params"]["expr"]
        == "found_total_discount - found_total_discount * 0.5 + found_highest_discount"
    )


def test_0_instead_of_blank_is_said_the_way_dbt_says_it() -> None:
    code = compiled("COALESCE(SUM(net_amount) WHERE status = 'returned', 0)")

    assert definition(code)["type_params"] == {"measure": {"name": "net_amount_total", "fill_nulls_with": 0}}


@pytest.mark.parametrize(
    ("formula", "measure"),
    [
        (
            "PERCENTILE(net_amount, 0.9)",
            {
                "name": "net_amount_percentile",
                "agg": "percentile",
                "expr": "cast(net_amount as double precision)",
                "agg_params": {
                    "percentile": 0.9,
                    "use_discrete_percentile": False,
                    "use_approximate_percentile": False,
                },
            },
        ),
        ("PERCENTILE(net_amount, 1)", {"name": "net_amount_percentile", "agg": "max", "expr": "net_amount"}),
        (
            "MEDIAN(net_amount)",
            {
                "name": "net_amount_median",
                "agg": "median",
                "expr": "cast(net_amount as double precision)",
            },
        ),
        ("MEDIAN(quantity)", {"name": "quantity_median", "agg": "median", "expr": "quantity"}),
        ("COUNT(discount)", {"name": "discount_count", "agg": "count", "expr": "discount"}),
        ("SUM(net_amount * quantity)", {"name": "found_sum", "agg": "sum", "expr": "net_amount * quantity"}),
        (
            "SUM(net_amount / quantity)",
            {
                "name": "found_sum",
                "agg": "sum",
                "expr": "cast(net_amount as double precision) / nullif(quantity, 0)",
            },
        ),
    ],
)
def test_every_kind_of_total_is_a_measure(formula: str, measure: dict[str, Any]) -> None:
    assert compiled(formula).entries["measures"]["orders"] == [measure]


def test_rows_dated_by_another_column_have_a_measure_of_their_own() -> None:
    code = compiled("SUM(net_amount)", time_column="delivered_on")

    (measure,) = code.entries["measures"]["orders"]
    assert measure["agg_time_dimension"] == "delivered_on"
    assert definition(code)["type_params"] == {"measure": "net_amount_sum"}


def test_a_date_is_chosen_by_the_name_of_its_dimension_too() -> None:
    orders = SHOP.models["fct_orders"]
    assert orders.semantic
    renamed = tuple(
        replace(d, name="handed_over") if d.name == "delivered_on" else d for d in orders.semantic.dimensions
    )
    semantic = replace(orders.semantic, dimensions=renamed)
    known = replace(SHOP, models={**SHOP.models, "fct_orders": replace(orders, semantic=semantic)})

    code = compiled("SUM(quantity)", known=known, time_column="handed_over")

    (measure,) = code.entries["measures"]["orders"]
    assert measure["agg_time_dimension"] == "handed_over"
    rows = value_tests.tested_rows(
        analyse("SUM(quantity)", known).tree, known, dialect="duckdb", time_column="handed_over"
    )
    assert rows
    assert "delivered_on" in rows.time


def test_a_model_without_a_semantic_model_gets_one() -> None:
    found = draft("COUNT(*) WHERE device = 'web' AND minutes > 1", "fct_visits", time_column="visited_on")

    code = compile_metric(found, SHOP, keys={"fct_visits": "visit_id"})

    assert code.entries["semantic_models"] == [
        {
            "name": "visits",
            "model": "ref('fct_visits')",
            "defaults": {"agg_time_dimension": "visited_on"},
            "entities": [{"name": "visit", "type": "primary", "expr": "visit_id"}],
            "dimensions": [
                {"name": "visited_on", "type": "time", "type_params": {"time_granularity": "day"}},
                {"name": "device", "type": "categorical"},
            ],
            "measures": [{"name": "found_count", "agg": "sum", "expr": "case when minutes > 1 then 1 end"}],
        }
    ]
    assert definition(code)["filter"] == "{{ Dimension('visit__device') }} = 'web'"
    assert [change.path for change in code.changes] == ["models/semantics.yml", "models/metrics.yml"]


def test_without_a_known_key_the_semantic_model_only_names_its_rows() -> None:
    code = compiled("SUM(minutes)", "fct_visits", time_column="visited_on")

    (semantic,) = code.entries["semantic_models"]
    assert semantic["primary_entity"] == "visits_row"
    assert "entities" not in semantic


def test_a_project_without_a_time_spine_gets_one_with_its_first_semantic_model() -> None:
    visits = SHOP.models["fct_visits"]
    known = Vocabulary(models={"fct_visits": visits}, metrics={})

    code = compiled("SUM(minutes)", "fct_visits", known, time_column="visited_on")

    assert [change.path for change in code.changes] == [
        "models/fct_visits_metrics.yml",
        "models/metricflow_time_spine.sql",
        "models/metricflow_time_spine.yml",
    ]
    assert code.models == ("fct_visits", "metricflow_time_spine")
    assert "metricflow_time_spine is added" in code.notes[0]
    # A colleague's is used where it comes first, and what was agreed on still holds.
    brought = replace(known, time_spine="days.date_day")
    later = compile_metric(
        draft("SUM(minutes)", "fct_visits", brought, time_column="visited_on"), brought, settled=code.entries
    )
    assert [change.path for change in later.changes] == ["models/fct_visits_metrics.yml"]
    assert later.notes == ()
    assert parts(code.entries) - parts(later.entries) == {
        json.dumps(["time_spine", "", {"name": "metricflow_time_spine"}])
    }
    assert parts(later.entries) < parts(code.entries)


def test_entries_are_plain_data() -> None:
    rules = (ValueRule("range", 0.0, 2.5),)
    entries = compiled("SUM(discount) / COUNT(*)", validations=rules).entries

    assert json.loads(json.dumps(entries)) == entries


def test_what_people_say_about_a_metric_is_kept_beside_it() -> None:
    fields = MetricFields(
        name="discount_rate",
        label="Discount rate",
        meaning="What we gave away.",
        context='Agreed with sales: see the "price book".',
        formula="SUM(discount)/SUM(net_amount)",
        model="fct_orders",
        value_format="percent",
        owner="Sales",
        group="commerce",
        rules=(ValueRule("percentage"), ValueRule("range", high=0.5)),
        synonyms=("Rebate share", "Given away"),
        certified=True,
    )

    code = compile_metric(MetricDraft.from_fields(fields, analyse(fields.formula, SHOP)), SHOP)

    entry = code.entries["metrics"][-1]
    assert (entry["name"], entry["label"], entry["description"]) == (
        "discount_rate",
        "Discount rate",
        "What we gave away.",
    )
    assert entry["config"] == {
        "group": "commerce",
        "meta": {
            "bisync": {
                "formula": "SUM(discount)/SUM(net_amount)",
                "format": "percent",
                "owner": "Sales",
                "context": 'Agreed with sales: see the "price book".',
                "synonyms": ["Rebate share", "Given away"],
                "rules": [{"kind": "percentage"}, {"kind": "range", "high": 0.5}],
                "certified": True,
            }
        },
    }
    assert code.after is not None
    assert analyse("[Rebate share] * 2", code.after).metrics == {"discount_rate"}


def test_a_formula_is_kept_in_words_that_need_no_starting_point() -> None:
    entry = compiled("COUNT(DISTINCT customer_id)").entries["metrics"][0]

    assert entry["config"]["meta"]["bisync"]["formula"] == "COUNT(DISTINCT fct_orders.customer_id)"


def test_the_lines_of_a_formula_are_kept_as_files_end_them() -> None:
    (entry,) = compiled("SUM(discount)\r\n  / COUNT(*)").entries["metrics"][-1:]

    assert entry["config"]["meta"]["bisync"]["formula"] == "SUM(discount)\n  / COUNT(*)"


@pytest.mark.parametrize(
    ("formula", "filtered"),
    [
        ("SUM(net_amount) WHERE is_bulk", "{{ Dimension('order__is_bulk') }}"),
        ("SUM(net_amount) WHERE quantity > 2", "{{ Dimension('order__is_bulk') }}"),
        ("COUNT(fct_orders.*) WHERE is_german", "{{ Dimension('customer__is_german') }}"),
        ("COUNT(fct_orders.*) WHERE NOT is_german", "not {{ Dimension('customer__is_german') }}"),
        # What is written out stays so where its columns are dimensions.
        (
            "COUNT(fct_orders.*) WHERE dim_customers.country = 'DE'",
            "{{ Dimension('customer__country') }} = 'DE'",
        ),
        (
            "COUNT(fct_orders.*) WHERE dim_customers.country = 'FR'",
            "{{ Dimension('customer__country') }} = 'FR'",
        ),
    ],
)
def test_dbt_filters_by_a_dimension_that_computes_the_condition(formula: str, filtered: str) -> None:
    assert compiled(formula).entries["metrics"][-1]["filter"] == filtered


def test_metrics_are_filtered_by_a_dimension_that_computes_the_condition() -> None:
    entry = compiled("revenue WHERE NOT is_bulk", model="").entries["metrics"][-1]

    assert "not {{ Dimension('order__is_bulk') }}" in str(entry)


def test_a_dimension_that_says_something_else_by_now_is_noticed() -> None:
    orders = SHOP.models["fct_orders"]
    assert orders.semantic is not None
    other = [
        replace(one, expr="quantity > 50") if one.name == "is_bulk" else one
        for one in orders.semantic.dimensions
    ]
    semantic = replace(orders.semantic, dimensions=tuple(other))
    later = replace(SHOP, models={**SHOP.models, "fct_orders": replace(orders, semantic=semantic)})

    then, now = (compiled("SUM(net_amount) WHERE is_bulk", known=known).entries for known in (SHOP, later))

    assert then["metrics"][-1]["filter"] == now["metrics"][-1]["filter"]
    assert (then["uses"], now["uses"]) == (
        {"fct_orders.is_bulk": "quantity > 2"},
        {"fct_orders.is_bulk": "quantity > 50"},
    )


def test_a_text_that_looks_like_a_place_holder_stays_a_text() -> None:
    condition = Binary("=", ColumnRef("fct_orders", "status"), Literal_("bisync_dimension_0_"))

    text = filter_text(condition, SHOP.models["fct_orders"], SHOP, "duckdb")

    assert text == "{{ Dimension('order__order_status') }} = 'bisync_dimension_0_'"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Net amount (€)", "net_amount"),
        ("a__b_", "a_b"),
        ("2nd", "m_2nd"),
        ("_", "m_measure"),
        ("x", "m_x"),
        ("Month", "m_month"),
        ("select", "m_select"),
    ],
)
def test_a_name_is_made_that_dbt_accepts(text: str, name: str) -> None:
    assert plain_name(text) == name
