"""From a formula to dbt's latest spec: what stands in the models' own entries, and what at the top level."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
import yaml

from semantic.codegen.entries import Refused, about_models, parts
from semantic.codegen.metrics import Compiled, MetricDraft, compile_metric
from semantic.codegen.yaml_files import YamlRefused
from semantic.definitions import Column, Measure, Metric, Vocabulary
from semantic.fields import ValueRule
from semantic.formula import analyse
from tests.semantic import latest_shop, shop
from tests.semantic.latest_shop import SHOP

FILES = {path: text.lstrip() for path, text in latest_shop.FILES.items()}
NOWHERE = replace(
    shop.vocabulary(),
    dbt_version=(1, 12),
    metrics={},
    models={name: replace(model, semantic=None) for name, model in shop.vocabulary().models.items()},
)


def compiled(formula: str, model: str = "fct_orders", known: Vocabulary = SHOP, **also: Any) -> Compiled:
    analysis = analyse(formula, known, model=model)
    assert analysis.ok, analysis.problems
    draft = MetricDraft(**{"name": "found", "label": "Found", "description": "", "formula": analysis, **also})
    return compile_metric(draft, known, keys={"fct_visits": "visit_id", "fct_orders": "order_id"})


def inside(code: Compiled, model: str = "fct_orders") -> dict[str, dict[str, Any]]:
    """The metrics in a model's entry, by their names, without what is told about them."""
    return {metric["name"]: bare(metric) for metric in code.entries["models"][model]["metrics"]}


def at_top(code: Compiled, name: str = "found") -> dict[str, Any]:
    return bare(next(metric for metric in code.entries["metrics"] if metric["name"] == name))


def bare(metric: dict[str, Any]) -> dict[str, Any]:
    return {
        key: value for key, value in metric.items() if key not in ("name", "label", "description", "config")
    }


def changed(code: Compiled, files: dict[str, str] = FILES) -> dict[str, str]:
    return {
        change.path: change.apply(files[change.path].encode() if change.path in files else None).decode()
        for change in code.changes
    }


# Which spec


@pytest.mark.parametrize(
    ("version", "specs", "spec"),
    [
        ((1, 12), (), "latest"),
        ((2, 0), (), "latest"),
        ((1, 11), (), "legacy"),
        ((1, 12), ("legacy",), "legacy"),
        ((1, 12), ("latest", "legacy"), "latest"),
        ((1, 12), ("latest", "legacy", "legacy"), "legacy"),
    ],
)
def test_a_new_semantic_model_is_written_as_most_others_are_and_else_as_dbt_prefers(
    version: tuple[int, int], specs: tuple[Any, ...], spec: str
) -> None:
    visits, orders = NOWHERE.models["fct_visits"], SHOP.models["fct_orders"]
    assert orders.semantic is not None
    others = {
        f"other_{n}": replace(orders, name=f"other_{n}", semantic=replace(orders.semantic, spec=one))
        for n, one in enumerate(specs)
    }
    known = replace(NOWHERE, models={"fct_visits": visits, **others}, dbt_version=version)

    assert known.spec_for(visits) == spec
    code = compiled("SUM(minutes)", "fct_visits", known, time_column="visited_on")
    assert ("models" in code.entries, bool(code.entries["semantic_models"])) == (
        (True, False) if spec == "latest" else (False, True)
    )


def test_the_spec_of_packages_says_nothing_about_the_project() -> None:
    orders = shop.vocabulary().models["fct_orders"]
    assert orders.semantic is not None
    theirs = replace(orders, semantic=replace(orders.semantic, file=""))
    known = replace(NOWHERE, models={**NOWHERE.models, "fct_orders": theirs})

    assert known.spec_for(known.models["fct_visits"]) == "latest"


def test_seeds_have_no_entry_that_dbt_would_read_semantics_from() -> None:
    seed = replace(NOWHERE.models["fct_visits"], unique_id="seed.shop.fct_visits")

    assert NOWHERE.spec_for(seed) == "legacy"


# Metrics


def test_one_total_is_a_metric_that_says_it_itself() -> None:
    code = compiled("SUM(discount) WHERE status = 'returned'")

    assert code.entries["measures"] == {}
    assert code.entries["metrics"] == []
    assert inside(code) == {
        "found": {
            "type": "simple",
            "agg": "sum",
            "expr": "discount",
            "filter": "{{ Dimension('order__order_status') }} = 'returned'",
        }
    }
    assert (code.metrics, code.models) == (("found",), ("fct_orders",))
    assert [change.path for change in code.changes] == ["models/schema.yml"]
    assert not about_models(code.entries)


def test_a_condition_on_a_column_that_is_no_dimension_goes_into_the_total() -> None:
    code = compiled("COUNT(*) WHERE quantity > 1", time_column="delivered_on")

    assert inside(code)["found"] == {
        "type": "simple",
        "agg": "sum",
        "expr": "case when quantity > 1 then 1 end",
        "agg_time_dimension": "delivered_on",
    }


def test_parts_of_a_calculation_are_hidden_metrics_or_known_ones() -> None:
    code = compiled("SUM(discount) / SUM(net_amount)", label="Discount rate", name="rate")

    assert inside(code) == {
        "rate_numerator": {"type": "simple", "agg": "sum", "expr": "discount", "hidden": True}
    }
    (helper,) = code.entries["models"]["fct_orders"]["metrics"]
    assert helper["label"] == "Discount rate (numerator)"
    assert helper["config"] == {"meta": {"bisync": {"helper_of": "rate"}}}
    assert at_top(code, "rate") == {"type": "ratio", "numerator": "rate_numerator", "denominator": "revenue"}
    assert {change.path for change in code.changes} == {"models/schema.yml", "models/metrics.yml"}


def test_a_calculation_names_its_inputs() -> None:
    code = compiled("(revenue - PRIOR(revenue, 1 month)) / orders_total", "")

    assert at_top(code) == {
        "type": "derived",
        "expr": "cast(revenue - revenue_1_month_earlier as double precision) / nullif(orders_total, 0)",
        "input_metrics": [
            {"name": "revenue"},
            {"name": "revenue", "alias": "revenue_1_month_earlier", "offset_window": "1 month"},
            {"name": "orders_total"},
        ],
    }


@pytest.mark.parametrize(
    ("formula", "definition"),
    [
        (
            "ROLLING(revenue, 30 days)",
            {"input_metric": "revenue", "window": "30 days", "period_agg": "last"},
        ),
        (
            "TODATE(SUM(net_amount) WHERE is_gift, month, average)",
            {
                "input_metric": "revenue",
                "grain_to_date": "month",
                "period_agg": "average",
                "filter": "{{ Dimension('order__is_gift') }}",
            },
        ),
        # With its own filter: MetricFlow applies that of the input and that of the metric.
        (
            "ROLLING(completed_revenue WHERE is_gift, 30 days)",
            {
                "input_metric": "completed_revenue",
                "window": "30 days",
                "period_agg": "last",
                "filter": "{{ Dimension('order__is_gift') }}",
            },
        ),
    ],
)
def test_what_runs_along_runs_over_a_metric_and_is_filtered_itself(
    formula: str, definition: dict[str, Any]
) -> None:
    code = compiled(formula)

    assert at_top(code) == {"type": "cumulative", **definition}
    assert "models" not in code.entries


def test_a_total_that_runs_along_and_is_no_metric_yet_is_hidden_beside_it() -> None:
    code = compiled("CUMULATIVE(MAX(discount))")

    assert inside(code) == {
        "found_total": {"type": "simple", "agg": "max", "expr": "discount", "hidden": True}
    }
    assert at_top(code) == {"type": "cumulative", "input_metric": "found_total", "period_agg": "last"}


def test_both_events_of_a_conversion_are_metrics_of_their_own() -> None:
    code = compiled("CONVERSION(COUNT(*) WHERE is_gift, COUNT(*), customer, 30 days)")

    assert inside(code) == {
        "found_following": {"type": "simple", "agg": "count", "expr": "1", "hidden": True}
    }
    assert at_top(code) == {
        "type": "conversion",
        "entity": "customer",
        "calculation": "conversion_rate",
        "base_metric": "orders_total",
        "conversion_metric": "found_following",
        "window": "30 days",
        "filter": "{{ Dimension('order__is_gift') }}",
    }


def test_events_in_different_specs_are_connected_by_no_metric() -> None:
    old = shop.vocabulary().models["dim_customers"]
    known = replace(SHOP, models={**SHOP.models, "dim_customers": old}, metrics={})

    with pytest.raises(Refused, match="one is described in its legacy spec"):
        compiled("CONVERSION(COUNT(dim_customers.*), COUNT(fct_orders.*), customer)", "", known)


def test_a_filtered_or_filled_metric_is_no_event_and_nothing_to_run_over() -> None:
    orders = SHOP.models["fct_orders"]
    assert orders.semantic is not None
    measure = Measure("gifts", "max", "discount", inline=True)
    semantic = replace(orders.semantic, measures=(*orders.semantic.measures, measure))
    for altered in ({"filters": ("{{ Dimension('order__is_gift') }}",)}, {"join_to_timespine": True}):
        metric = Metric("gifts", "simple", "Gifts", measure="gifts", spec="latest", **altered)  # type: ignore[arg-type]
        known = replace(
            SHOP,
            models={**SHOP.models, "fct_orders": replace(orders, semantic=semantic)},
            metrics={**SHOP.metrics, "gifts": metric},
        )

        code = compiled("CUMULATIVE(MAX(discount))", known=known)

        assert at_top(code)["input_metric"] == "found_total"


# Models


def test_a_model_without_a_semantic_model_gets_one_in_its_entry() -> None:
    code = compiled("COUNT(*) WHERE device = 'web' AND minutes > 1", "fct_visits", time_column="visited_on")

    entry = code.entries["models"]["fct_visits"]
    assert {key: value for key, value in entry.items() if key != "metrics"} == {
        "semantic_model": True,
        "agg_time_dimension": "visited_on",
        "columns": [
            {"name": "visit_id", "entity": {"type": "primary", "name": "visit"}},
            {"name": "visited_on", "granularity": "day", "dimension": {"type": "time"}},
            {"name": "device", "dimension": {"type": "categorical"}},
        ],
    }
    assert inside(code, "fct_visits")["found"]["filter"] == "{{ Dimension('visit__device') }} = 'web'"
    assert about_models(code.entries)
    # Its SQL alone has described it so far.
    text = changed(code)["models/fct_visits_metrics.yml"]
    assert text.startswith("models:\n  - name: fct_visits\n    semantic_model: true\n")


def test_the_entry_that_a_model_has_gets_its_semantics_where_they_belong() -> None:
    files = {
        "models/schema.yml": (
            "models:\n"
            "  - name: fct_orders\n"
            "    description: Orders.\n"
            "    config: {tags: [sales]}\n"
            "    columns:\n"
            "      - name: ORDER_ID  # the key\n"
            "        data_tests: [unique]\n"
            "      - {name: status, description: Where it stands.}\n"
            "    data_tests:\n"
            "      - not_null: {column_name: x}\n"
        )
    }

    code = compiled("SUM(discount) WHERE status = 'paid'", known=NOWHERE, time_column="ordered_at")

    assert changed(code, files)["models/schema.yml"] == (
        "models:\n"
        "  - name: fct_orders\n"
        "    description: Orders.\n"
        "    config: {tags: [sales]}\n"
        "    semantic_model: true\n"
        "    agg_time_dimension: ordered_at\n"
        "    columns:\n"
        "      - name: ORDER_ID  # the key\n"
        "        data_tests: [unique]\n"
        "        entity:\n"
        "          type: primary\n"
        "          name: order\n"
        "      - {name: status, description: Where it stands., dimension: {type: categorical}}\n"
        "      - name: ordered_at\n"
        "        granularity: day\n"
        "        dimension:\n"
        "          type: time\n"
        "    data_tests:\n"
        "      - not_null: {column_name: x}\n"
        "    metrics:\n"
        "      - name: found\n"
        "        label: Found\n"
        "        type: simple\n"
        "        agg: sum\n"
        "        expr: discount\n"
        "        filter: \"{{ Dimension('order__status') }} = 'paid'\"\n"
        "        config:\n"
        "          meta:\n"
        "            bisync:\n"
        "              formula: SUM(discount) WHERE status = 'paid'\n"
    )


def test_without_a_known_key_the_entry_names_its_rows() -> None:
    visits = replace(NOWHERE.models["fct_visits"], name="fct_Visits__all")
    known = replace(NOWHERE, models={visits.name: visits})

    code = compiled("SUM(minutes)", visits.name, known, time_column="visited_on")

    entry = code.entries["models"][visits.name]
    assert entry["primary_entity"] == "visits_all_row"
    # dbt would call the semantic model what the model is called, and refuse the name.
    assert entry["semantic_model"] == {"enabled": True, "name": "fct_visits_all"}


def test_the_semantic_model_of_a_private_model_is_in_its_group_as_dbt_reads_it() -> None:
    visits = replace(SHOP.models["fct_visits"], group="web", private=True)
    known = replace(SHOP, models={**SHOP.models, "fct_visits": visits})

    code = compiled("SUM(minutes)", "fct_visits", known, time_column="visited_on")

    entry = code.entries["models"]["fct_visits"]
    assert entry["semantic_model"] == {"enabled": True, "group": "web", "config": {}}


def test_a_column_that_sql_does_not_take_as_it_stands_is_shown_by_sql() -> None:
    visits = NOWHERE.models["fct_visits"]
    known = replace(
        NOWHERE,
        models={"fct_visits": replace(visits, columns=(*visits.columns, Column("Day of visit", "date")))},
    )

    code = compiled("SUM(minutes)", "fct_visits", known, time_column="Day of visit")

    entry = code.entries["models"]["fct_visits"]
    assert entry["agg_time_dimension"] == "day_of_visit"
    assert entry["derived_semantics"] == {
        "dimensions": [
            {"name": "day_of_visit", "type": "time", "granularity": "day", "expr": '"Day of visit"'}
        ]
    }
    assert [column["name"] for column in entry["columns"]] == ["visit_id"]


def test_a_column_that_shows_a_dimension_already_shows_another_by_sql() -> None:
    orders = SHOP.models["fct_orders"]
    assert orders.semantic is not None
    dimensions = tuple(
        replace(one, type="categorical", granularity=None) if one.name == "delivered_on" else one
        for one in orders.semantic.dimensions
    )
    semantic = replace(orders.semantic, dimensions=dimensions)
    known = replace(SHOP, models={**SHOP.models, "fct_orders": replace(orders, semantic=semantic)})

    code = compiled("SUM(discount)", known=known, time_column="delivered_on")

    assert code.entries["models"]["fct_orders"]["derived_semantics"] == {
        "dimensions": [
            {"name": "delivered_on_2", "type": "time", "granularity": "day", "expr": "delivered_on"}
        ]
    }
    assert inside(code)["found"]["agg_time_dimension"] == "delivered_on_2"


def test_a_project_without_a_time_spine_gets_one_beside_the_model() -> None:
    known = replace(NOWHERE, models={"fct_visits": NOWHERE.models["fct_visits"]}, time_spine="")

    code = compiled("SUM(minutes)", "fct_visits", known, time_column="visited_on")

    assert [change.path for change in code.changes] == [
        "models/fct_visits_metrics.yml",
        "models/metricflow_time_spine.sql",
        "models/metricflow_time_spine.yml",
    ]


def test_tests_of_a_new_entry_stand_in_it() -> None:
    code = compiled(
        "SUM(minutes)", "fct_visits", time_column="visited_on", validations=(ValueRule("positive"),)
    )

    (entry,) = yaml.safe_load(changed(code)["models/fct_visits_metrics.yml"])["models"]
    assert list(entry)[-2:] == ["metrics", "data_tests"]


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ("semantic_model: false", "says semantic_model: False in this file already"),
        ("columns: [{name: ordered_at, granularity: hour}]", "says granularity: hour in this file already"),
        ("columns: [{name: x, dimension: categorical}]", "no semantic_model that would make dbt read them"),
        ("versions: [{v: 1}]", "has versions"),
    ],
)
def test_an_entry_that_says_something_else_by_now_is_left_as_it_is(entry: str, sentence: str) -> None:
    code = compiled("SUM(discount)", known=NOWHERE, time_column="ordered_at")

    with pytest.raises(YamlRefused, match=sentence):
        changed(code, {"models/schema.yml": f"models:\n  - name: fct_orders\n    {entry}\n"})


# What is agreed on


def test_entries_are_plain_data_in_parts_that_say_where_they_belong() -> None:
    code = compiled("SUM(minutes) / COUNT(*)", "fct_visits", time_column="visited_on")

    assert json.loads(json.dumps(code.entries)) == code.entries
    found = [json.loads(part)[:2] for part in parts(code.entries)]
    assert sorted(found) == [
        ["columns", "fct_visits"],
        ["columns", "fct_visits"],
        ["columns", "fct_visits"],
        ["metrics", ""],
        ["metrics", "fct_visits"],
        ["metrics", "fct_visits"],
        ["models", "fct_visits"],
        ["models", "fct_visits"],
    ]


def test_what_others_have_brought_meanwhile_is_left_out() -> None:
    agreed = compiled("SUM(discount) / COUNT(*)")
    assert agreed.metrics == ("found_numerator", "found")
    orders = SHOP.models["fct_orders"]
    assert orders.semantic is not None
    brought = Measure("found_numerator", "sum", "discount", inline=True)
    semantic = replace(orders.semantic, measures=(*orders.semantic.measures, brought))
    helper = Metric(
        "found_numerator",
        "simple",
        measure="found_numerator",
        spec="latest",
        meta={"bisync": {"helper_of": "found"}},
    )
    known = replace(
        SHOP,
        models={**SHOP.models, "fct_orders": replace(orders, semantic=semantic)},
        metrics={**SHOP.metrics, "found_numerator": helper},
    )
    analysis = analyse("SUM(discount) / COUNT(*)", known, model="fct_orders")

    left = compile_metric(MetricDraft("found", "Found", "", analysis), known, settled=agreed.entries)

    assert left.metrics == ("found",)
    assert parts(left.entries) < parts(agreed.entries)


def test_the_preview_shows_the_models_entry_and_what_stands_beside_it() -> None:
    code = compiled("SUM(discount) / SUM(net_amount)", validations=(ValueRule("positive"),))

    shown = yaml.safe_load(code.yaml_preview)

    assert list(shown) == ["models", "metrics"]
    assert list(shown["models"][0]) == ["name", "metrics", "data_tests"]
    assert shown["metrics"] == code.entries["metrics"]
