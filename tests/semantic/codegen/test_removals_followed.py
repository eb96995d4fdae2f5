"""What follows a metric that goes or is renamed: its helpers, promises about it, and later changes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from semantic.codegen.changes import AmendTests
from semantic.codegen.entries import Refused
from semantic.codegen.metrics import MetricDraft, compile_metric
from semantic.current import fields_of
from semantic.definitions import Measure, Metric, MetricInput
from semantic.formula import analyse
from semantic.formulas import metric_formula
from semantic.known import Known
from semantic.removals import dimension_of, uses_of
from tests.semantic import latest_shop, shop
from tests.semantic.codegen.removal_shop import MODEL, changed, compiled, entry, known, metric_entry

pytestmark = pytest.mark.pure


def shared(**more: Any) -> Known:
    """A share of two helpers of its own, by another date, and two metrics whose promises name it."""
    found = known(
        share=metric_entry(
            "share", "ratio", {"numerator": {"name": "share_numerator"}, "denominator": {"name": "share_denominator"}}
        ),
        share_numerator=metric_entry("share_numerator", "simple", {"measure": {"name": "by_delivery"}}),
        share_denominator=metric_entry("share_denominator", "simple", {"measure": {"name": "by_delivery"}}),
    )  # fmt: skip
    file, helper = "models/metrics.yml", {"bisync": {"helper_of": "share"}}
    same, grows = {"kind": "metric_consistency", "other": "share", "tolerance": 0.5}, {"kind": "positive"}
    steps = {"kind": "logical_cohort_progression", "steps": ["revenue", "share"]}
    metrics = [
        Metric("share", "ratio", "Share", numerator=MetricInput("share_numerator"),
               denominator=MetricInput("share_denominator"), file=file),
        Metric("share_numerator", "simple", "Part", measure="by_delivery", filters=(shop.COMPLETED,), file=file, meta=helper),
        Metric("share_denominator", "simple", "Whole", measure="by_delivery", file=file, meta=helper),
        Metric("cards", "simple", "Cards", measure="net_amount_total", file=file, formula="SUM(fct_orders.net_amount)",
               meta={"bisync": {"rules": [grows, same]}}),
        Metric("sold", "simple", "Sold", measure="rows_total", file=file, formula="COUNT(fct_orders.*)",
               meta={"bisync": {"rules": [steps]}}),
    ]  # fmt: skip
    orders = found.names.models["fct_orders"]
    assert orders.semantic is not None
    measure = Measure("by_delivery", "sum", "net_amount", agg_time_dimension="delivered_on")
    semantic = replace(orders.semantic, measures=(*orders.semantic.measures, measure))
    names = replace(
        found.names,
        models={**found.names.models, "fct_orders": replace(orders, semantic=semantic)},
        metrics={**found.names.metrics, **{one.name: one for one in metrics}, **more},
    )
    return Known(names, found.read)


SHARE = """\
metrics:
  - name: share
    type: ratio
    type_params: {numerator: share_numerator, denominator: share_denominator}
  - name: share_numerator
    type: simple
    type_params: {measure: by_delivery}
    config: {meta: {bisync: {helper_of: share}}}
  - name: share_denominator
    type: simple
    type_params: {measure: by_delivery}
    config: {meta: {bisync: {helper_of: share}}}
  - name: cards
    type: simple
    type_params: {measure: net_amount_total}
    config: {meta: {bisync: {rules: [{kind: positive}, {kind: metric_consistency, other: share, tolerance: 0.5}]}}}
  - name: sold
    type: simple
    type_params: {measure: rows_total}
    config: {meta: {bisync: {rules: [{kind: logical_cohort_progression, steps: [revenue, share]}]}}}
"""


def notes_in(text: str, name: str) -> Any:
    return entry(text, "metrics", name)["config"]["meta"]["bisync"]


def test_helpers_stay_those_of_a_metric_that_is_called_otherwise() -> None:
    found = shared()
    code = compiled(found, name="metric:share", how="rename", new_name="completed_part")
    text = changed(code, SHARE)

    assert notes_in(text, "share_numerator") == {"helper_of": "completed_part"}
    assert notes_in(text, "share_denominator") == {"helper_of": "completed_part"}
    assert code.after is not None
    before, now = found.names.metrics["share"], code.after.metrics["completed_part"]
    assert fields_of(now, code.after).time == fields_of(before, found.names).time == "delivered_on"


def test_helpers_that_stay_belong_to_the_metric_in_its_place() -> None:
    code = compiled(shared(), name="metric:share", replacement="revenue")
    kept = changed(code, SHARE)

    assert notes_in(kept, "share_numerator") == {"helper_of": "revenue"}
    assert code.after is not None
    assert code.after.metrics["share_numerator"].helper_of == "revenue"


def test_a_promise_about_a_metric_names_it_as_it_is_called_then() -> None:
    code = compiled(shared(), name="metric:share", how="rename", new_name="completed_part")
    text = changed(code, SHARE)

    assert notes_in(text, "cards")["rules"][1]["other"] == "completed_part"
    assert notes_in(text, "sold")["rules"][0]["steps"] == ["revenue", "completed_part"]
    tests = [edit for change in code.changes for edit in change.edits if isinstance(edit, AmendTests)]
    (same,) = [test for edit in tests for test in edit.tests if "bisync_metric_matches" in test]
    assert same["bisync_metric_matches"]["name"] == "cards_metric_consistency"
    assert same["bisync_metric_matches"]["arguments"]["other"] == "completed_part"
    assert {name for edit in tests for name in edit.names} == {
        "cards_metric_consistency",
        "sold_logical_cohort_progression",
    }
    assert code.models == ("fct_orders",)


def test_the_arguments_of_such_a_test_stand_where_the_project_lets_dbt_read_them() -> None:
    found = shared()
    said = "flags: {require_generic_test_arguments_property: false}\n"
    flat = Known(found.names, found.read, lambda: {"dbt_project.yml": said})

    code = compiled(flat, name="metric:share", how="rename", new_name="completed_part")

    tests = [edit for change in code.changes for edit in change.edits if isinstance(edit, AmendTests)]
    bodies = [body for edit in tests for test in edit.tests for body in test.values()]
    assert len(bodies) == 2
    assert all("arguments" not in body for body in bodies)


def test_a_promise_compares_with_the_metric_in_its_place_and_never_with_itself() -> None:
    code = compiled(shared(), name="metric:share", replacement="cards")
    text = changed(code, SHARE)

    assert notes_in(text, "cards")["rules"] == [{"kind": "positive"}]
    assert notes_in(text, "sold")["rules"][0]["steps"] == ["revenue", "cards"]
    tests = [edit for change in code.changes for edit in change.edits if isinstance(edit, AmendTests)]
    assert [(edit.names, len(edit.tests)) for edit in tests] == [
        (("cards_metric_consistency",), 0),
        (("sold_logical_cohort_progression",), 1),
    ]


def then(found: Known, **fields: Any) -> Known:
    """The project as the next change of the proposal finds it, after this removal."""
    code = compiled(found, **fields)
    return found.having(code.after, code.changes)


def test_what_is_gone_by_then_needs_nothing_any_more() -> None:
    found = known()
    with pytest.raises(Refused, match="the metric Turnover per order"):
        compiled(found, name="metric:orders_total")

    found = then(found, name="metric:turnover_per_order")
    code = compiled(found, name="metric:orders_total", unused=True)

    assert [one["name"] for one in code.entries["edits"]] == ["orders_total", "rows_total"]
    assert code.after is not None
    assert {"orders_total", "turnover_per_order"}.isdisjoint(code.after.metrics)
    assert "rows_total" not in code.after.measures
    with pytest.raises(Refused, match="the exposure board"):
        compiled(found, name="metric:turnover")


def test_what_names_a_metric_under_its_new_name_is_found_as_well() -> None:
    found = then(known(), name="metric:turnover", how="rename", new_name="sales")

    assert [use.name for use in uses_of("metric:sales", found)] == [
        "board",
        "turnover_per_order",
        "turnover_share",
        "weekly",
    ]
    assert uses_of("metric:turnover", found) == []
    first, second = (
        compiled(known(), name="metric:turnover", how="rename", new_name="sales"),
        compiled(found, name="metric:sales", replacement="revenue"),
    )
    text = changed(second, changed(first))
    assert entry(text, "exposures", "board")["depends_on"][1] == "metric('revenue')"
    assert entry(text, "saved_queries", "weekly")["query_params"]["metrics"] == ["revenue"]


def test_a_measure_and_a_dimension_that_go_are_not_there_for_what_comes_later() -> None:
    share = metric_entry("turnover_share", "simple", {"measure": {"name": "rows_total"}})
    found = then(known(turnover_share=share), name="measure:net_amount_total", replacement="rows_total")
    found = then(found, name=f"dimension:{MODEL}:order_status")

    assert {found.names.metrics[name].measure for name in ("turnover", "revenue")} == {"rows_total"}
    assert dimension_of(f"{MODEL}:order_status", found) is None
    formula = analyse("SUM(net_amount) WHERE status = 'completed'", found.names, model="fct_orders")
    new = compile_metric(MetricDraft("paid", "Paid", "", formula, "fct_orders"), found.names)
    assert [one["agg"] for one in new.entries["measures"]["orders"]] == ["sum"]
    (measure,) = new.entries["measures"]["orders"]
    assert "completed" in measure["expr"]
    with pytest.raises(Refused, match="the metric Orders total"):
        compiled(found, name="measure:rows_total")


def test_what_goes_later_names_what_is_used_instead_as_that_is_called_then() -> None:
    found = then(known(), name="metric:turnover", how="deprecate", day="2027-03-31", replacement="revenue")
    code = compiled(found, name="metric:revenue", how="rename", new_name="net_revenue")

    (told,) = [one for one in code.entries["edits"] if "notes" in one]
    assert (told["notes"], told["own"]) == ("turnover", {"replaced_by": "net_revenue"})


def test_the_tests_of_a_package_are_left_alone() -> None:
    found = shared()
    orders = replace(found.names.models["fct_orders"], file="")
    names = replace(found.names, models={**found.names.models, "fct_orders": orders})
    packaged = Known(names, found.read)

    for name in ("share", "cards"):
        code = compiled(packaged, name=f"metric:{name}", how="rename", new_name="completed_part")
        assert {change.path for change in code.changes} == {"models/metrics.yml"}


def test_what_runs_over_a_metric_of_the_latest_spec_runs_over_it_under_its_new_name_or_another_one() -> None:
    running = Metric(
        "revenue_so_far", "cumulative", "So far", measure="completed_revenue", filters=(shop.COMPLETED,),
        file="models/metrics.yml", spec="latest",
    )  # fmt: skip
    names = replace(latest_shop.SHOP, metrics={**latest_shop.SHOP.metrics, running.name: running})
    found = Known(names, known().read)
    name = "metric:completed_revenue"
    assert [use.name for use in uses_of(name, found)] == ["revenue_so_far"]

    called = compiled(found, name=name, how="rename", new_name="paid").after
    other = compiled(found, name=name, replacement="revenue").after

    assert called is not None
    assert called.metrics["paid"].measure == called.metrics["revenue_so_far"].measure == "paid"
    assert (called.measures["paid"][1].inline, "completed_revenue" in called.measures) == (True, False)
    said = metric_formula(called.metrics["revenue_so_far"], called, dialect="duckdb")
    assert said == "CUMULATIVE(SUM(net_amount) WHERE status = 'completed', first)"
    assert other is not None
    assert (other.metrics["revenue_so_far"].measure, other.metrics["revenue_so_far"].filters) == (
        "revenue",
        (),
    )
    assert "completed_revenue" not in other.measures
