"""Metrics, dimensions, measures, tests and columns that go, and the names that others use instead."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import msgspec
import pytest
import yaml

from catalog.ingest import read
from catalog.reading import Manifest
from semantic.codegen.changes import AmendTests
from semantic.codegen.entries import Refused, parts
from semantic.codegen.metrics import Compiled, MetricDraft, compile_metric
from semantic.codegen.quality.rule import Target
from semantic.codegen.removal_edits import Exchange, RenameTests
from semantic.codegen.removals import compile_removal
from semantic.codegen.yaml_marks import YamlRefused
from semantic.codegen.yaml_steps import Named, ReplaceItem
from semantic.current import fields_of
from semantic.definitions import Measure, Metric, MetricInput, Vocabulary
from semantic.formula import analyse
from semantic.formulas import metric_formula
from semantic.importer import vocabulary
from semantic.known import Known
from semantic.removals import RemovalFields, dimension_of, left_unused, uses_of
from tests.semantic import latest_shop, shop

pytestmark = pytest.mark.pure

FILE = """\
metrics:
  # what the shop lives on
  - name: revenue
    label: Revenue
    type: simple
    type_params: {measure: net_amount_total}
  - name: turnover  # as the old reports call it
    label: Turnover
    type: simple
    type_params: {measure: net_amount_total}
  - name: turnover_per_order
    label: Turnover per order
    type: derived
    type_params:
      expr: turnover / nullif(orders_total, 0)
      metrics: [turnover, orders_total]
  - name: turnover_share
    label: Turnover share
    type: ratio
    type_params:
      numerator: {name: turnover, filter: "{{ Dimension('order__order_status') }} = 'completed'"}
      denominator: revenue

exposures:
  - name: board
    type: dashboard
    owner: {name: Sales}
    depends_on: [ref('fct_orders'), metric('turnover')]

saved_queries:
  - name: weekly
    query_params:
      metrics: [turnover, revenue]
      group_by: ["TimeDimension('metric_time', 'week')"]
"""


def _metric(name: str, kind: str, params: dict[str, Any]) -> dict[str, Any]:
    return {
        "unique_id": f"metric.shop.{name}", "resource_type": "metric", "name": name, "label": name.capitalize().replace("_", " "),
        "package_name": "shop", "original_file_path": "models/metrics.yml", "type": kind, "created_at": 1.5,
        "type_params": params,
    }  # fmt: skip


def known(
    orders: Mapping[str, Any] = MappingProxyType({}), *, contract: bool = False, **metrics: dict[str, Any]
) -> Known:
    """The shop with a second name for its revenue, and what uses that; what dbt says of `orders`."""
    filtered = {"where_filters": [{"where_sql_template": shop.COMPLETED}]}
    found = {
        "turnover": _metric("turnover", "simple", {"measure": {"name": "net_amount_total"}}),
        "revenue": _metric("revenue", "simple", {"measure": {"name": "net_amount_total"}}),
        "orders_total": _metric("orders_total", "simple", {"measure": {"name": "rows_total"}}),
        "turnover_per_order": _metric(
            "turnover_per_order", "derived",
            {"expr": "turnover / nullif(orders_total, 0)", "metrics": [{"name": "turnover"}, {"name": "orders_total"}]},
        ),
        "turnover_share": _metric(
            "turnover_share", "ratio",
            {"numerator": {"name": "turnover", "filter": filtered}, "denominator": {"name": "revenue"}},
        ),
        **metrics,
    }  # fmt: skip
    common = {"package_name": "shop", "original_file_path": "models/metrics.yml"}
    manifest = {
        "metadata": {"dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v12.json", "project_name": "shop", "dbt_version": "1.11.0", "adapter_type": "duckdb"},
        "metrics": {one["unique_id"]: one for one in found.values()},
        "exposures": {"exposure.shop.board": {
            "unique_id": "exposure.shop.board", "resource_type": "exposure", "name": "board", **common,
            "depends_on": {"nodes": ["model.shop.fct_orders", "metric.shop.turnover"]},
        }},
        "saved_queries": {"saved_query.shop.weekly": {
            "unique_id": "saved_query.shop.weekly", "resource_type": "saved_query", "name": "weekly", **common,
            "query_params": {"metrics": ["turnover", "revenue"], "group_by": [], "where": None},
        }},
        "parent_map": {"test.shop.positive": ["model.shop.fct_orders"]},
        "semantic_models": {"semantic_model.shop.orders": {
            "unique_id": "semantic_model.shop.orders", "resource_type": "semantic_model", "name": "orders", **common, **orders,
        }},
        "nodes": {
            "model.shop.fct_orders": {
                "unique_id": "model.shop.fct_orders", "resource_type": "model", "name": "fct_orders", "package_name": "shop",
                "patch_path": "shop://models/schema.yml", "original_file_path": "models/fct_orders.sql",
                "checksum": {"checksum": "x"}, "contract": {"enforced": contract}, "columns": {"status": {"name": "status"}, "note": {"name": "note"}},
            },
            "test.shop.positive": {
                "unique_id": "test.shop.positive", "resource_type": "test", "name": "not_null_fct_orders_status",
                "package_name": "shop", "original_file_path": "models/schema.yml", "column_name": "status",
                "test_metadata": {"name": "not_null", "kwargs": {"column_name": "status"}},
                "attached_node": "model.shop.fct_orders", "depends_on": {"nodes": ["model.shop.fct_orders"]}, "config": {},
            },
        },
    }  # fmt: skip
    names = replace(shop.vocabulary(), metrics=vocabulary(manifest, {}).metrics)
    return Known(names, lambda: read(json.dumps(manifest).encode()))


def compiled(found: Known | None = None, **fields: Any) -> Compiled:
    return compile_removal(RemovalFields(**fields), found or known(), dialect="duckdb")


def changed(code: Compiled, text: str = FILE, path: str = "models/metrics.yml") -> str:
    (change,) = [one for one in code.changes if one.path == path]
    return change.apply(text.encode()).decode()


def entry(text: str, section: str, name: str) -> Any:
    return next(one for one in yaml.safe_load(text)[section] if one["name"] == name)


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
    share = _metric(
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
    filtered = _metric("loyal", "simple", {"measure": {"name": "rows_total"}})
    filtered["filter"] = {
        "where_filters": [{"where_sql_template": "{{ Metric('turnover', group_by=['customer']) }} > 10"}]
    }
    with pytest.raises(Refused, match="the metric Loyal"):
        compiled(known(loyal=filtered), name="metric:turnover", replacement="revenue")


SEMANTICS = """\
semantic_models:
  - name: orders
    model: ref('fct_orders')
    dimensions:
      - {name: ordered_at, type: time, type_params: {time_granularity: day}}
      - name: is_gift  # wrapped
        type: categorical
    measures:
      - {name: net_amount_total, agg: sum, expr: net_amount}
      - {name: rows_total, agg: count, expr: "1"}
"""


def test_a_dimension_goes_where_nothing_filters_by_it() -> None:
    code = compiled(name="dimension:model.shop.fct_orders:is_gift")

    text = changed(code, SEMANTICS, "models/semantics.yml")
    assert [one["name"] for one in yaml.safe_load(text)["semantic_models"][0]["dimensions"]] == ["ordered_at"]
    used = _metric("gifts", "simple", {"measure": {"name": "rows_total"}})
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
    found = known(turnover_share=_metric("turnover_share", "simple", {}))
    text = changed(
        compiled(found, name="dimension:model.shop.fct_orders:order_status"), LATEST, "models/semantics.yml"
    )

    assert yaml.safe_load(text)["models"][0]["columns"] == [
        {"name": "status", "description": "Where it stands."},
        {"name": "is_gift", "dimension": "categorical"},
    ]


def test_the_measure_that_only_a_metric_reads_can_go_with_it() -> None:
    lonely = _metric("orders_total", "simple", {"measure": {"name": "rows_total"}})
    found = known(orders_total=lonely, turnover_per_order=_metric("turnover_per_order", "simple", {}))

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


MODEL, TEST = "model.shop.fct_orders", "test.shop.positive"
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
    lonely = _metric("orders_total", "simple", {"measure": {"name": "rows_total"}})
    others = {"turnover_per_order": _metric("turnover_per_order", "simple", {})}
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


def shared(**more: Any) -> Known:
    """A share of two helpers of its own, by another date, and two metrics whose promises name it."""
    found = known(
        share=_metric(
            "share", "ratio", {"numerator": {"name": "share_numerator"}, "denominator": {"name": "share_denominator"}}
        ),
        share_numerator=_metric("share_numerator", "simple", {"measure": {"name": "by_delivery"}}),
        share_denominator=_metric("share_denominator", "simple", {"measure": {"name": "by_delivery"}}),
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
    share = _metric("turnover_share", "simple", {"measure": {"name": "rows_total"}})
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
