"""Metrics, dimensions, measures, tests and columns that go, and the names that others use instead."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import msgspec
import pytest
import yaml

from catalog.reading import Manifest
from semantic.codegen.entries import Refused, parts
from semantic.codegen.quality.rule import Target
from semantic.codegen.removal_edits import Exchange, RenameTests
from semantic.codegen.yaml_marks import YamlRefused
from semantic.codegen.yaml_steps import Named, ReplaceItem
from semantic.definitions import Vocabulary
from semantic.known import Known
from semantic.removals import left_unused, uses_of
from tests.semantic.codegen.removal_shop import (
    MODEL,
    SEMANTICS,
    changed,
    compiled,
    entry,
    known,
    metric_entry,
)

pytestmark = pytest.mark.pure


def test_what_uses_a_metric_is_found_wherever_dbt_names_it() -> None:
    assert [(use.kind, use.name) for use in uses_of("metric:turnover", known())] == [
        ("exposure", "board"),
        ("metric", "turnover_per_order"),
        ("metric", "turnover_share"),
        ("saved query", "weekly"),
    ]


def test_a_metric_goes_and_everything_names_the_other_one_instead() -> None:
    code = compiled(name="metric:turnover", replacement="revenue")
    text = changed(code)

    assert "turnover  # as the old reports" not in text
    per_order = entry(text, "metrics", "turnover_per_order")["type_params"]
    assert per_order == {"expr": "revenue / nullif(orders_total, 0)", "metrics": ["revenue", "orders_total"]}
    share = entry(text, "metrics", "turnover_share")["type_params"]
    assert (share["numerator"]["name"], share["denominator"]) == ("revenue", "revenue")
    assert share["numerator"]["alias"] == "turnover_numerator"
    assert entry(text, "exposures", "board")["depends_on"] == ["ref('fct_orders')", "metric('revenue')"]
    assert entry(text, "saved_queries", "weekly")["query_params"]["metrics"] == ["revenue"]
    assert "# what the shop lives on" in text
    assert set(code.metrics) == {"turnover_per_order", "turnover_share"}
    assert code.models == ("fct_orders",)
    assert list(code.entries["uses"]) == ["metric:turnover", "revenue"]
    assert code.after is not None
    assert "turnover" not in code.after.metrics


def test_one_that_others_need_does_not_go_without_a_replacement() -> None:
    with pytest.raises(Refused, match="the exposure board and the metric Turnover per order"):
        compiled(name="metric:turnover")


def test_what_others_brought_meanwhile_is_a_part_of_what_was_approved() -> None:
    whole = compiled(name="metric:turnover", replacement="revenue")
    share = metric_entry(
        "turnover_share", "ratio", {"numerator": {"name": "revenue"}, "denominator": {"name": "revenue"}}
    )
    less = compiled(known(turnover_share=share), name="metric:turnover", replacement="revenue")

    assert parts(less.entries) < parts(whole.entries)


def test_nothing_is_left_to_write_once_it_is_gone() -> None:
    found = known()
    metrics = {name: one for name, one in found.names.metrics.items() if name != "turnover"}
    gone = Known(replace(found.names, metrics=metrics), found.read)

    assert compiled(gone, name="metric:turnover", replacement="revenue").changes == ()


def test_a_calculation_that_has_both_calls_the_other_one_by_the_old_name() -> None:
    text = "metrics:\n  - name: both\n    type: derived\n    type_params: {expr: old / new, metrics: [old, new]}\n"

    (edit,) = Exchange("metrics", "both", "old", "new").edits(yaml.safe_load(text), text)

    params = edit.value["type_params"]  # type: ignore[union-attr, index, call-overload]
    assert params == {"expr": "old / new", "metrics": [{"name": "new", "alias": "old"}, "new"]}


def test_a_metric_is_called_otherwise_everywhere_and_keeps_its_old_name_as_another_one() -> None:
    code = compiled(name="metric:turnover", how="rename", new_name="gross_sales")
    text = changed(code)

    new = entry(text, "metrics", "gross_sales")
    assert new["config"]["meta"]["bisync"]["synonyms"] == ["turnover"]
    assert entry(text, "metrics", "turnover_per_order")["type_params"]["metrics"] == [
        "gross_sales",
        "orders_total",
    ]
    assert entry(text, "exposures", "board")["depends_on"][1] == "metric('gross_sales')"
    assert code.after is not None
    assert {"gross_sales"} <= set(code.after.metrics)


def test_the_tests_of_a_seed_are_called_otherwise_in_the_seeds_entry() -> None:
    test = {"bisync_metric_in_range": {"name": "old_positive", "expression": "sum(rate)"}}
    data = {"seeds": [{"name": "rates", "data_tests": ["unique", test]}], "models": [{"name": "other"}]}
    target = Target("rates", resource="seeds")

    (edit,) = RenameTests(target, {"old_positive": "new_positive"}).edits(data, "")

    assert isinstance(edit, ReplaceItem)
    assert edit.path == ("seeds", Named("rates"), "data_tests", 1)
    assert edit.value == {"bisync_metric_in_range": {"name": "new_positive", "expression": "sum(rate)"}}


def test_a_metric_that_goes_later_says_so_and_stays_as_it_is() -> None:
    code = compiled(name="metric:turnover", how="deprecate", day="2027-03-31", replacement="revenue")
    text = changed(code)

    one = entry(text, "metrics", "turnover")
    assert one["description"] == "Deprecated: goes on 2027-03-31; use Revenue instead."
    assert one["config"]["meta"]["bisync"] == {"deprecated": "2027-03-31", "replaced_by": "revenue"}
    assert entry(text, "metrics", "turnover_per_order")["type_params"]["metrics"][0] == "turnover"
    assert code.models == ()


def test_a_column_that_a_contract_names_stays() -> None:
    assert compiled(name="column:model.shop.fct_orders:note").changes
    with pytest.raises(Refused, match="fct_orders has a contract, which names note"):
        compiled(known(contract=True), name="column:model.shop.fct_orders:note")


def test_a_metric_that_a_filter_names_cannot_be_exchanged() -> None:
    filtered = metric_entry("loyal", "simple", {"measure": {"name": "rows_total"}})
    filtered["filter"] = {
        "where_filters": [{"where_sql_template": "{{ Metric('turnover', group_by=['customer']) }} > 10"}]
    }
    with pytest.raises(Refused, match="the metric Loyal"):
        compiled(known(loyal=filtered), name="metric:turnover", replacement="revenue")


def test_a_dimension_goes_where_nothing_filters_by_it() -> None:
    code = compiled(name="dimension:model.shop.fct_orders:is_gift")

    text = changed(code, SEMANTICS, "models/semantics.yml")
    assert [one["name"] for one in yaml.safe_load(text)["semantic_models"][0]["dimensions"]] == ["ordered_at"]
    used = metric_entry("gifts", "simple", {"measure": {"name": "rows_total"}})
    used["filter"] = {"where_filters": [{"where_sql_template": "{{ Dimension('order__is_gift') }}"}]}
    with pytest.raises(Refused, match="the metric Gifts"):
        compiled(known(gifts=used), name="dimension:model.shop.fct_orders:is_gift")
    with pytest.raises(Refused, match="semantic model orders"):
        compiled(name="dimension:model.shop.fct_orders:ordered_at")


LATEST = """\
models:
  - name: fct_orders
    columns:
      - name: status
        description: Where it stands.
        dimension: {type: categorical, name: order_status}
      - name: is_gift
        dimension: categorical
"""


def test_a_dimension_that_marks_a_column_leaves_the_column() -> None:
    found = known(turnover_share=metric_entry("turnover_share", "simple", {}))
    text = changed(
        compiled(found, name="dimension:model.shop.fct_orders:order_status"), LATEST, "models/semantics.yml"
    )

    assert yaml.safe_load(text)["models"][0]["columns"] == [
        {"name": "status", "description": "Where it stands."},
        {"name": "is_gift", "dimension": "categorical"},
    ]


def test_the_measure_that_only_a_metric_reads_can_go_with_it() -> None:
    lonely = metric_entry("orders_total", "simple", {"measure": {"name": "rows_total"}})
    found = known(orders_total=lonely, turnover_per_order=metric_entry("turnover_per_order", "simple", {}))

    assert left_unused("orders_total", found) == (["rows_total"], [])
    assert left_unused("turnover", found) == ([], [])
    code = compiled(found, name="metric:orders_total", unused=True)

    assert [one["name"] for one in code.entries["edits"]] == ["orders_total", "rows_total"]
    text = changed(code, SEMANTICS, "models/semantics.yml")
    assert "rows_total" not in text


def test_a_measure_goes_with_another_one_in_its_place() -> None:
    code = compiled(name="measure:net_amount_total", replacement="rows_total")

    assert entry(changed(code), "metrics", "revenue")["type_params"] == {"measure": "rows_total"}
    assert "net_amount_total" not in changed(code, SEMANTICS, "models/semantics.yml")


SCHEMA = """\
models:
  - name: fct_orders
    columns:
      - name: status
        tests: [not_null]
      - name: Note  # gone from the SQL
        description: What somebody wrote.
"""


def test_a_column_entry_goes_with_all_that_it_says() -> None:
    code = compiled(name="column:model.shop.fct_orders:note")

    text = changed(code, SCHEMA, "models/schema.yml")
    assert yaml.safe_load(text)["models"][0]["columns"] == [{"name": "status", "tests": ["not_null"]}]
    with pytest.raises(YamlRefused, match="dimension or a key"):
        changed(compiled(name="column:model.shop.fct_orders:status"), LATEST, "models/schema.yml")


def test_a_test_goes_with_its_list_where_it_was_the_last_one() -> None:
    code = compiled(name="test:test.shop.positive")

    text = changed(code, SCHEMA, "models/schema.yml")
    assert yaml.safe_load(text)["models"][0]["columns"][0] == {"name": "status"}


def test_a_noted_formula_names_the_other_metric_too() -> None:
    found = known()
    noted = replace(
        found.names.metrics["turnover_per_order"],
        meta={"bisync": {"formula": "turnover / orders_total"}},
    )
    names: Vocabulary = replace(found.names, metrics={**found.names.metrics, noted.name: noted})
    code = compiled(Known(names, found.read), name="metric:turnover", replacement="revenue")

    edits = [edit for change in code.changes for edit in change.edits if isinstance(edit, Exchange)]
    assert {edit.name: edit.formula for edit in edits}["turnover_per_order"] == "revenue / orders_total"


def edited(found: Known, section: str, unique_id: str, **to: Any) -> Known:
    """The same project after somebody changed an entry in dbt."""
    parts = found.manifest.parts
    raw = {**json.loads(bytes(getattr(parts, section)[unique_id])), **to}
    entries = {**getattr(parts, section), unique_id: msgspec.Raw(json.dumps(raw).encode())}
    manifest = Manifest(msgspec.structs.replace(parts, **{section: entries}))
    return Known(found.names, lambda: manifest)


TEST = "test.shop.positive"
WORDS = {"columns": {"status": {"name": "status"}, "note": {"name": "note", "description": "Agreed."}}}
STRICTER = {"config": {"where": "status <> 'x'"}}
ORDERS = {
    "dimensions": [{"name": "is_gift", "type": "categorical"}, {"name": "tier", "label": "Tier"}],
    "measures": [{"name": "rows_total", "agg": "count"}, {"name": "net_amount_total", "agg": "sum"}],
}


@pytest.mark.parametrize(
    ("fields", "section", "unique_id", "theirs", "falls"),
    [
        ({"name": "metric:turnover_share"}, "metrics", "metric.shop.turnover_share", {"description": "New."}, True),
        ({"name": "metric:turnover_share"}, "metrics", "metric.shop.turnover_share", {"created_at": 12.5}, False),
        ({"name": "metric:turnover_share"}, "metrics", "metric.shop.turnover", {"description": "New."}, False),
        ({"name": "metric:turnover", "how": "rename", "new_name": "sales"}, "metrics", "metric.shop.turnover",
         {"type_params": {"measure": {"name": "rows_total"}}}, True),
        ({"name": f"column:{MODEL}:note"}, "nodes", MODEL, WORDS, True),
        ({"name": f"column:{MODEL}:status"}, "nodes", MODEL, WORDS, False),
        ({"name": f"column:{MODEL}:status"}, "nodes", TEST, STRICTER, True),
        ({"name": f"test:{TEST}"}, "nodes", TEST, STRICTER, True),
        ({"name": f"dimension:{MODEL}:is_gift"}, "semantic_models", "semantic_model.shop.orders",
         {"dimensions": [{"name": "is_gift", "type": "categorical", "expr": "gift"}]}, True),
        ({"name": f"dimension:{MODEL}:is_gift"}, "semantic_models", "semantic_model.shop.orders",
         {"measures": []}, False),
        ({"name": "measure:net_amount_total", "replacement": "rows_total"}, "semantic_models",
         "semantic_model.shop.orders", {"measures": [{"name": "net_amount_total", "agg": "max"}]}, True),
    ],
)  # fmt: skip
def test_what_goes_was_approved_with_what_dbt_said_of_it(
    fields: dict[str, Any], section: str, unique_id: str, theirs: dict[str, Any], falls: bool
) -> None:
    found = known(orders=ORDERS)

    before = compiled(found, **fields).entries
    now = compiled(edited(found, section, unique_id, **theirs), **fields).entries

    assert compiled(known(orders=ORDERS), **fields).entries == before
    assert (now["uses"] != before["uses"] or not parts(now) <= parts(before)) is falls


def test_what_goes_with_a_metric_was_approved_as_it_was_too() -> None:
    lonely = metric_entry("orders_total", "simple", {"measure": {"name": "rows_total"}})
    others = {"turnover_per_order": metric_entry("turnover_per_order", "simple", {})}
    found = known(orders=ORDERS, orders_total=lonely, **others)
    code = compiled(found, name="metric:orders_total", unused=True)

    assert list(code.entries["uses"]) == ["metric:orders_total", "measure:rows_total"]
    now = edited(found, "semantic_models", "semantic_model.shop.orders", measures=[{"name": "rows_total"}])
    again = compiled(now, name="metric:orders_total", unused=True)
    assert again.entries["uses"]["measure:rows_total"] != code.entries["uses"]["measure:rows_total"]


def test_what_is_gone_already_was_not_approved_to_stay_gone() -> None:
    name = f"test:{TEST}"
    found = known()
    left = {uid: raw for uid, raw in found.manifest.parts.nodes.items() if uid != TEST}
    gone = Known(found.names, lambda: Manifest(msgspec.structs.replace(found.manifest.parts, nodes=left)))

    assert compiled(gone, name=name).entries["uses"] != compiled(found, name=name).entries["uses"]
