"""Promises about several values of a metric as tests that dbt runs, and read back from them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from catalog.quality.rules import Test, rule_of
from semantic.codegen.metrics import Compiled, MetricDraft, compile_metric
from semantic.codegen.quality.macros import MACRO_FILE, MACROS
from semantic.codegen.quality.metric_tests import TESTS, metric_test, named_in, rule_of_test
from semantic.codegen.value_tests import MACRO_FILE as FIRST_FILE
from semantic.codegen.value_tests import said_alone
from semantic.current import rules_noted
from semantic.definitions import Vocabulary
from semantic.fields import ValueRule
from semantic.formula import analyse
from semantic.query.sql import RowQuery
from tests.semantic.codegen.quality_rules import SERIES_RULES
from tests.semantic.shop import vocabulary

SHOP = vocabulary()
ROWS = RowQuery("orders", "SUM(amount)", "amount > 0", "ordered_at")
OTHER = RowQuery("visits", "COUNT(*)", "", "visited_on")


@pytest.mark.parametrize("rule", SERIES_RULES, ids=str)
@pytest.mark.parametrize("nested", [True, False])
def test_what_is_exported_is_imported_as_the_same_promise(rule: ValueRule, nested: bool) -> None:
    entry = metric_test(rule, "revenue", ROWS, dict.fromkeys(named_in(rule), OTHER), nested=nested)

    assert entry is not None
    ((test, body),) = entry.items()
    arguments = (
        body["arguments"] if nested else {k: v for k, v in body.items() if k not in ("name", "config")}
    )
    assert rule_of_test(test, arguments) == rule


@pytest.mark.parametrize("rule", SERIES_RULES, ids=str)
def test_each_is_told_in_one_sentence_whether_dbt_tests_it_or_bisync_alone(rule: ValueRule) -> None:
    name = f"revenue_{rule.kind}"
    entry = metric_test(rule, name, ROWS, dict.fromkeys(named_in(rule), OTHER), nested=True)
    assert entry is not None
    ((test, body),) = entry.items()
    alone, arguments = said_alone(rule, percent=False)

    here = rule_of(Test(test, name, "orders", arguments=body["arguments"]))
    there = rule_of(Test(alone, name, "revenue", arguments=arguments))

    assert here.kind == there.kind == rule.kind
    assert "revenue" in here.sentence
    if rule.kind != "freshness":
        assert here.sentence == there.sentence


def test_a_metric_that_no_test_can_compute_leaves_the_rule_to_bisync() -> None:
    assert metric_test(ValueRule("metric_consistency", other="x"), "n", ROWS, {}, nested=True) is None


def compiled(
    *rules: ValueRule,
    formula: str = "SUM(net_amount) WHERE status = 'completed'",
    known: Vocabulary = SHOP,
) -> Compiled:
    analysis = analyse(formula, known, model="fct_orders")
    return compile_metric(MetricDraft("paid", "Paid", "What was paid.", analysis, validations=rules), known)


@pytest.mark.parametrize(("group", "written"), [("crm", True), ("finance", False), ("", False)])
def test_a_rule_over_a_private_model_of_another_group_is_left_to_bisync(group: str, written: bool) -> None:
    customers = replace(SHOP.models["dim_customers"], group="crm", private=True)
    orders = replace(SHOP.models["fct_orders"], group=group)
    known = replace(SHOP, models={**SHOP.models, "dim_customers": customers, "fct_orders": orders})
    rule = ValueRule("logical_cohort_progression", steps=("customers_total",))

    code = compiled(rule, known=known)

    assert bool(code.entries["tests"]) is written
    assert any("checked by Bisync alone" in note for note in code.notes) is not written


def test_a_rule_names_the_sql_of_both_metrics() -> None:
    code = compiled(
        ValueRule("metric_consistency", other="revenue", tolerance=5),
        ValueRule("logical_cohort_progression", steps=("customers_total", "orders_total")),
        ValueRule("freshness", hours=48),
    )

    own = {"expression": "SUM(net_amount)", "condition": "status = 'completed'", "time_column": "ordered_at"}
    assert code.entries["tests"] == {
        "fct_orders": [
            {
                "bisync_metric_matches": {
                    "name": "paid_metric_consistency",
                    "arguments": {
                        **own,
                        "grain": "month",
                        "other": "revenue",
                        "other_expression": "SUM(net_amount)",
                        "other_time_column": "ordered_at",
                        "tolerance": 5,
                    },
                }
            },
            {
                "bisync_metric_progression": {
                    "name": "paid_logical_cohort_progression",
                    "arguments": {
                        "steps": [
                            {
                                "metric": "customers_total",
                                "model": "ref('dim_customers')",
                                "expression": "COUNT(*)",
                                "time_column": "signed_up_on",
                            },
                            {"metric": "orders_total", "expression": "COUNT(*)", "time_column": "ordered_at"},
                            own,
                        ],
                        "grain": "month",
                    },
                }
            },
            {
                "bisync_recent": {
                    "name": "paid_freshness",
                    "arguments": {"time_column": "ordered_at", "unit": "hour", "interval": 48},
                    "config": {"where": "status = 'completed'"},
                }
            },
        ]
    }
    assert code.notes == ()


def test_each_file_of_macros_comes_with_the_tests_that_need_it() -> None:
    series, single = ValueRule("reasonable_growth_rate", increase=50), ValueRule("positive")

    def macros(*rules: ValueRule) -> set[str]:
        return {file.path for file in compiled(*rules).changes if file.content}

    assert macros(series) == {MACRO_FILE}
    assert macros(single) == {FIRST_FILE}
    assert macros(series, single) == {MACRO_FILE, FIRST_FILE}
    assert {file.content for file in compiled(series).changes if file.path == MACRO_FILE} == {MACROS}


def test_a_rule_with_a_metric_over_several_models_is_left_to_bisync() -> None:
    code = compiled(ValueRule("metric_consistency", other="revenue_per_customer"), ValueRule("positive"))

    assert [next(iter(test)) for test in code.entries["tests"]["fct_orders"]] == ["bisync_metric_in_range"]
    assert "checked by Bisync alone" in code.notes[0]
    assert compiled(ValueRule("metric_consistency", other="revenue_per_customer")).entries["tests"] == {}


@pytest.mark.parametrize("rule", SERIES_RULES, ids=str)
def test_the_note_in_the_metric_is_read_back_as_the_same_rule(rule: ValueRule) -> None:
    (metric,) = compiled(rule).entries["metrics"]

    assert rules_noted(metric["config"]["meta"]) == (rule,)


@pytest.mark.parametrize("odd", [{"steps": "visits"}, {"grain": "hour"}, {"periods": "many"}, {"other": 3}])
def test_what_is_noted_oddly_is_read_as_far_as_it_can_be(odd: dict[str, Any]) -> None:
    meta = {"bisync": {"rules": [{"kind": "historical_trend_validation", "sigma": 4, **odd}]}}

    assert rules_noted(meta) == (ValueRule("historical_trend_validation", sigma=4.0),)


def test_every_kind_about_several_values_has_a_test() -> None:
    assert set(TESTS) == {rule.kind for rule in SERIES_RULES}
