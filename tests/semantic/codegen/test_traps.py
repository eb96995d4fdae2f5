"""What dbt 1.12 and MetricFlow read otherwise than it looks, or do not read: no writer falls in, in either spec."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
import yaml

from semantic.codegen.entries import Refused
from semantic.codegen.metrics import Compiled, MetricDraft, compile_metric
from semantic.definitions import Spec, Vocabulary
from semantic.fields import ValueRule
from semantic.formula import analyse
from semantic.rules.text import name_problems
from tests.semantic import latest_shop, shop
from tests.semantic.published import PUBLISHED, draft_of

SHOPS: Mapping[Spec, tuple[Vocabulary, Mapping[str, str]]] = {
    "legacy": (shop.vocabulary(), shop.FILES),
    "latest": (latest_shop.SHOP, latest_shop.FILES),
}
both = pytest.mark.parametrize("spec", ["legacy", "latest"])


def compiled(spec: Spec, formula: str, model: str = "fct_orders", **also: Any) -> Compiled:
    known = also.pop("known", SHOPS[spec][0])
    analysis = analyse(formula, known, model=model)
    assert analysis.ok, analysis.problems
    draft = MetricDraft(**{"name": "found", "label": "Found", "description": "", "formula": analysis, **also})
    return compile_metric(draft, known)


def files_after(spec: Spec, *code: Compiled) -> dict[str, Any]:
    """The properties files with the code in them, as data."""
    texts = {path: text.lstrip() for path, text in SHOPS[spec][1].items()}
    for change in (change for one in code for change in one.changes):
        before = texts.get(change.path)
        texts[change.path] = change.apply(before.encode() if before else None).decode()
    return {path: yaml.safe_load(text) for path, text in texts.items() if path.endswith(".yml")}


def everything(spec: Spec) -> dict[str, Any]:
    """The files after every kind of formula has been written."""
    known = SHOPS[spec][0]
    names = [name for name in PUBLISHED if "average_order" not in PUBLISHED[name][0]]
    return files_after(
        spec, *(compile_metric(draft_of(name, known), known) for name in names if ok(name, known))
    )


def ok(name: str, known: Vocabulary) -> bool:
    formula, model, _time = PUBLISHED[name]
    return analyse(formula, known, model=model).ok


def mappings(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for part in inside:
        yield from mappings(part)


def models_in(files: dict[str, Any]) -> list[dict[str, Any]]:
    return [model for data in files.values() for model in data.get("models") or () if isinstance(model, dict)]


def top_level(files: dict[str, Any]) -> list[dict[str, Any]]:
    return [metric for data in files.values() for metric in data.get("metrics") or ()]


@both
def test_a_time_dimension_has_its_granularity(spec: Spec) -> None:
    """The short form `dimension: time` loses it, and MetricFlow fails later."""
    files = files_after(spec, compiled(spec, "SUM(minutes)", "fct_visits", time_column="visited_on"))

    if spec == "legacy":
        (dimension,) = files["models/semantics.yml"]["semantic_models"][-1]["dimensions"]
        assert dimension["type_params"] == {"time_granularity": "day"}
    else:
        (column,) = files["models/fct_visits_metrics.yml"]["models"][0]["columns"]
        assert column == {"name": "visited_on", "granularity": "day", "dimension": {"type": "time"}}


@both
def test_0_instead_of_blank_is_written_where_dbt_reads_it(spec: Spec) -> None:
    """dbt 1.12 drops `fill_nulls_with` of a metric that says its total itself."""
    code = compiled(spec, "COALESCE(SUM(discount), 0)")

    found = next(metric for metric in code.entries["metrics"] if metric["name"] == "found")
    if spec == "legacy":
        assert found["type_params"]["measure"]["fill_nulls_with"] == 0
        assert code.notes == ()
    else:
        assert (found["type"], found["expr"]) == ("derived", "coalesce(found_total_discount, 0)")
        assert not any("fill_nulls_with" in one for one in mappings(code.entries))
        assert "drops fill_nulls_with" in code.notes[0]


@both
def test_a_percentile_is_exact(spec: Spec) -> None:
    """`percentile_type: continuous` makes dbt ask for an approximation."""
    code = compiled(spec, "PERCENTILE(net_amount, 0.9)")

    if spec == "legacy":
        (measure,) = code.entries["measures"]["orders"]
        assert measure["agg_params"]["use_approximate_percentile"] is False
    else:
        (metric,) = code.entries["models"]["fct_orders"]["metrics"]
        assert metric["percentile"] == 0.9
    assert not any("percentile_type" in one for one in mappings(code.entries))


def test_only_totals_stand_in_the_entries_of_models_and_no_total_elsewhere() -> None:
    """Of others in there, dbt 1.12 finds two when it reads the entry again; totals are read only there."""
    files = everything("latest")

    inside = [metric for model in models_in(files) for metric in model.get("metrics") or ()]
    assert {metric["type"] for metric in inside} == {"simple"}
    assert {metric["type"] for metric in top_level(files)} == {"ratio", "derived", "cumulative", "conversion"}


def test_in_the_legacy_spec_every_metric_stands_at_the_top_level() -> None:
    files = everything("legacy")

    assert not any("metrics" in model for model in models_in(files))
    assert all("type_params" in metric for metric in top_level(files))


@both
def test_a_model_with_versions_is_written_to_only_where_dbt_reads_it(spec: Spec) -> None:
    """dbt 1.12 loses what such a model's entry says of metrics, without a word."""
    known = SHOPS[spec][0]
    versioned = {name: replace(model, versioned=True) for name, model in known.models.items()}
    known = replace(known, models=versioned)
    new = {"model": "fct_visits", "time_column": "visited_on"}

    if spec == "legacy":
        assert compiled(spec, "SUM(minutes)", "fct_visits", known=known, time_column="visited_on").changes
        return
    for formula, model, date in (
        ("SUM(minutes)", new["model"], new["time_column"]),
        ("SUM(discount)", "fct_orders", ""),
        ("COUNT(DISTINCT customer_id) WHERE quantity > 1", "fct_orders", ""),
    ):
        with pytest.raises(Refused, match="dbt 1\\.12 loses"):
            compiled(spec, formula, model, known=known, time_column=date)
    assert compiled(spec, "revenue / orders_total", "", known=known).changes


@both
def test_a_filtered_input_has_an_alias(spec: Spec) -> None:
    """Without one, MetricFlow takes a metric and the same with a filter for each other: a share of 1."""
    for code in (
        compiled(spec, "(revenue WHERE is_gift) / revenue", ""),
        compiled(spec, "revenue - (revenue WHERE is_gift) + (revenue WHERE NOT is_gift)", ""),
        compiled(spec, "(SUM(net_amount) WHERE status = 'returned') / SUM(net_amount)"),
        compiled(spec, "revenue - PRIOR(revenue, 1 month)", ""),
    ):
        inputs = [
            one for one in mappings(code.entries["metrics"]) if {"name"} < one.keys() and "type" not in one
        ]
        changed = [one for one in inputs if "filter" in one or "offset_window" in one]
        assert changed
        assert all(one.get("alias") for one in changed)
        aliases = [one["alias"] for one in changed]
        assert len(set(aliases)) == len(aliases)


@both
def test_a_division_is_exact_and_by_nothing_but_numbers(spec: Spec) -> None:
    """dbt takes the SQL of a derived metric as it stands: whole numbers on PostgreSQL, and errors for 0."""
    code = compiled(spec, "COUNT(*) / (SUM(quantity) + 1) * 100")

    found = next(metric for metric in code.entries["metrics"] if metric["name"] == "found")
    expr = found["expr"] if spec == "latest" else found["type_params"]["expr"]
    assert expr.startswith("cast(orders_total as double precision) / nullif(found_total_quantity + 1, 0)")


@both
@pytest.mark.parametrize("event", ["COUNT(*)", "COUNT(DISTINCT order_id)"])
def test_the_events_of_a_conversion_are_counted_as_dbt_wants_it(spec: Spec, event: str) -> None:
    """`agg: count` of a column becomes a sum over CASE, which no conversion takes."""
    code = compiled(spec, f"CONVERSION({event}, {event}, customer, 7 days)")

    counted = [one for one in mappings(code.entries) if "agg" in one]
    assert counted
    assert {(one["agg"], one["expr"]) for one in counted} <= {("count", "1"), ("count_distinct", "order_id")}
    assert not any("filter" in one for one in counted)


@both
def test_only_rows_and_different_values_are_events(spec: Spec) -> None:
    known = SHOPS[spec][0]

    problems = analyse("CONVERSION(COUNT(order_id), COUNT(*), customer)", known, model="fct_orders").problems

    assert [problem.code for problem in problems if problem.level == "error"] == ["conversion-events"]


@both
def test_what_runs_along_is_filtered_itself_and_has_the_last_day_of_a_period(spec: Spec) -> None:
    """MetricFlow overlooks a filter of the input, and has the first day of a period where nothing is said."""
    code = compiled(spec, "ROLLING(SUM(net_amount) WHERE is_gift, 30 days)")

    (metric,) = code.entries["metrics"]
    assert metric["filter"] == "{{ Dimension('order__is_gift') }}"
    params = metric if spec == "latest" else metric["type_params"]["cumulative_type_params"]
    assert params["period_agg"] == "last"
    source = metric["input_metric"] if spec == "latest" else metric["type_params"]["measure"]
    assert isinstance(source, str)


@both
def test_every_name_is_one_that_dbt_takes_and_every_label_there_is_once(spec: Spec) -> None:
    known = SHOPS[spec][0]
    taken = replace(known.metrics["orders_total"], name="other", label="Found (numerator)")
    known = replace(known, metrics={**known.metrics, "other": taken})

    code = compiled(spec, "SUM(discount) / MAX(net_amount)", known=known)

    metrics = [one for one in mappings(code.entries) if {"name", "label", "type"} <= one.keys()]
    labels = [metric["label"] for metric in metrics]
    assert "Found (numerator) 2" in labels
    assert len(set(labels)) == len(labels) == 3
    files = everything(spec)
    named = [one["name"] for one in mappings(files) if "name" in one and ("agg" in one or "config" in one)]
    assert len(named) > 40
    assert [name for name in named if name_problems(name)] == []


@both
def test_conditions_name_declared_dimensions_or_go_into_the_total(spec: Spec) -> None:
    own = compiled(spec, "SUM(discount) WHERE quantity > 1 AND is_gift")

    (total,) = [one for one in mappings(own.entries) if "agg" in one]
    assert total["expr"] == "case when quantity > 1 then discount end"
    assert [one["filter"] for one in mappings(own.entries) if "filter" in one] == [
        "{{ Dimension('order__is_gift') }}"
    ]
    with pytest.raises(Refused, match="no dimension that its rows lead to"):
        compiled(spec, "COUNT(*) WHERE dim_customers.country = 'DE' OR quantity > 1")


@both
def test_no_model_gets_a_second_entry(spec: Spec) -> None:
    """dbt refuses a project in which two entries describe one model."""
    files = everything(spec)

    names = [model["name"] for model in models_in(files)]
    assert len(set(names)) == len(names)
    assert {"fct_orders", "dim_customers"} <= set(names)


@both
@pytest.mark.parametrize("field", ["label", "description", "context", "owner"])
def test_no_text_holds_jinja(spec: Spec, field: str) -> None:
    """dbt renders all of them, with the environment of whoever runs it."""
    with pytest.raises(Refused, match="curly brackets"):
        compiled(spec, "SUM(discount)", **{field: "{{ env_var('HOME') }}"})


@both
def test_a_test_has_its_arguments_where_its_dbt_looks_for_them(spec: Spec) -> None:
    code = compiled(spec, "SUM(discount)", validations=(ValueRule("positive"),))

    (test,) = code.entries["tests"]["fct_orders"]
    assert set(test["bisync_metric_in_range"]) == {"name", "arguments"}
