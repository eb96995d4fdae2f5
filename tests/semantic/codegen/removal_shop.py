"""The shop with a second name for its revenue, and what a removal makes of its files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import yaml

from catalog.ingest import read
from semantic.codegen.metrics import Compiled
from semantic.codegen.removals import compile_removal
from semantic.importer import vocabulary
from semantic.known import Known
from semantic.removals import RemovalFields
from tests.semantic import shop

MODEL = "model.shop.fct_orders"
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


def metric_entry(name: str, kind: str, params: dict[str, Any]) -> dict[str, Any]:
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
        "turnover": metric_entry("turnover", "simple", {"measure": {"name": "net_amount_total"}}),
        "revenue": metric_entry("revenue", "simple", {"measure": {"name": "net_amount_total"}}),
        "orders_total": metric_entry("orders_total", "simple", {"measure": {"name": "rows_total"}}),
        "turnover_per_order": metric_entry(
            "turnover_per_order", "derived",
            {"expr": "turnover / nullif(orders_total, 0)", "metrics": [{"name": "turnover"}, {"name": "orders_total"}]},
        ),
        "turnover_share": metric_entry(
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
