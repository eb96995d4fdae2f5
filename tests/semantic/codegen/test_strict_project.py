"""A project with contracts, groups, versions and settings of its own: dbt reads and builds all that is written."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from catalog.ingest import read
from catalog.reading import NodeRecord
from semantic.calculation import NEW, QUERY, CalculationFields
from semantic.codegen.calculations import compile_calculation
from semantic.codegen.metrics import Compiled, MetricDraft, compile_metric
from semantic.codegen.promised import compile_change, compile_new, kept_by
from semantic.codegen.quality.promises import InRange, NotNull
from semantic.codegen.words import compile_words
from semantic.described import column_fields, model_fields
from semantic.fields import ValueRule
from semantic.formula import analyse
from semantic.importer import vocabulary
from semantic.known import Known
from semantic.promised import PromiseFields, Typed
from tests.semantic.shop import Shop

pytestmark = [pytest.mark.dbt, pytest.mark.slow]

FILES = {
    "dbt_project.yml": """\
name: shop
profile: shop
macro-paths: [sql]
flags: {require_generic_test_arguments_property: false, send_anonymous_usage_stats: false}
models:
  shop:
    +materialized: table
data_tests:
  +severity: warn
""",
    "profiles.yml": "shop: {target: dev, outputs: {dev: {type: duckdb, path: warehouse.duckdb, threads: 1}}}\n",
    "models/fct_orders.sql": """\
select
    id,
    quantity,
    amount,
    ordered_at
from (
    select 1 as id, 3 as quantity, cast(9.5 as decimal(18, 2)) as amount, cast('2026-01-02' as date) as ordered_at
)
""",
    "models/orders.yml": """\
groups:
  - {name: finance, owner: {name: Maya}}
models:
  - name: fct_orders
    config:
      materialized: incremental
      on_schema_change: append_new_columns
      contract: {enforced: true}
      access: private
      group: finance
    columns:
      - name: id
        data_type: integer
        data_tests: [unique, not_null]
      - {name: quantity, data_type: integer}
      - {name: amount, data_type: "decimal(18,2)"}
      - {name: ordered_at, data_type: date}
""",
    "models/fct_sales_v1.sql": "select 1 as id, 'a@b.c' as email\n",
    "models/fct_sales_v2.sql": "select 1 as id, 2 as discount\n",
    "models/sales.yml": """\
models:
  - name: fct_sales
    latest_version: 2
    columns:
      - {name: id, description: Key.}
      - {name: email, description: Old.}
    versions:
      - v: 1
      - v: 2
        columns:
          - {include: all, exclude: [email]}
          - {name: discount, description: In v2 only.}
""",
    "models/days.sql": "select cast('2026-01-01' as date) as day\n",
    "models/days.yml": """\
models:
  - name: days
    time_spine: {standard_granularity_column: day}
    columns: [{name: day, granularity: day}]
""",
}
ORDERS = "model.shop.fct_orders"
V1, V2 = "model.shop.fct_sales.v1", "model.shop.fct_sales.v2"
DISCOUNT = PromiseFields(table=V2, column="discount", promise=Typed("not_null"))
AMOUNT = PromiseFields(table=ORDERS, column="amount", promise=Typed("in_range", low="0"))


def known_of(shop: Shop) -> Known:
    """What a pull knows of the project, with the columns that the warehouse has."""
    manifest = shop.manifest
    names = vocabulary(manifest, shop.semantic_manifest, shop.columns())
    texts = {
        str(path.relative_to(shop.folder)): path.read_text(encoding="utf-8")
        for path in shop.folder.rglob("*")
        if path.suffix in {".sql", ".yml"} and "target" not in path.parts
    }
    return Known(names, lambda: read(json.dumps(manifest).encode()), lambda: texts)


def node_of(known: Known, unique_id: str) -> NodeRecord:
    found = known.node(unique_id)
    assert found is not None
    return found


def write(shop: Shop, code: Compiled) -> None:
    for change in code.changes:
        shop.write(change.path, change.apply(shop.read(change.path)))


def calculations() -> Sequence[CalculationFields]:
    """Two columns in a model with a contract, one in a model of its own, and a query of an old version."""
    said: Mapping[str, Any] = {"model": ORDERS, "description": "Said."}
    return (
        CalculationFields(label="one more", formula="quantity + 1", **said),
        CalculationFields(label="twice", formula="amount * 2", **said),
        CalculationFields(
            label="thrice", formula="amount * 3", place=NEW, called="fct_orders_thrice", key="id", **said
        ),
        CalculationFields(
            way=QUERY,
            called="first_sales",
            description="Said.",
            folder="models",
            sql="select s.id, o.amount from main.fct_sales_v1 as s join main.fct_orders as o on o.id = s.id",
        ),
    )


def described(known: Known, column: str, **words: str) -> Compiled:
    node = node_of(known, V2 if column else V1)
    if column:
        record = next((one for one in node.columns if one.name == column), None)
        said = column_fields(node, column, record)
        return compile_words(said, replace(said, **words), said, node, known)
    told = model_fields(node)
    return compile_words(told, replace(told, **words), told, node, known)


def metric(known: Known) -> Compiled:
    analysis = analyse("SUM(amount)", known.names, model="fct_orders")
    rules = (ValueRule("positive"),)
    draft = MetricDraft("paid", "Paid", "Said.", analysis, time_column="ordered_at", validations=rules)
    return compile_metric(draft, known.names, keys=known.names.keys, project=lambda: known.project)


def test_dbt_reads_and_builds_what_is_written_for_a_strict_project(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    for name, text in FILES.items():
        shop.write(name, text.encode())
    shop.build()
    for fields in calculations():
        known = known_of(shop)
        code = compile_calculation(fields, known, "duckdb")
        assert bool(code.notes) is (fields.label in ("one more", "twice"))
        write(shop, code)
    known = known_of(shop)
    for code in (
        metric(known),
        compile_new(DISCOUNT, NotNull(), node_of(known, V2), known, "duckdb"),
        compile_new(AMOUNT, InRange(0), node_of(known, ORDERS), known, "duckdb"),
        described(known, "discount", description="New words."),
        described(known, "tax", description="Added by hand."),
        described(known, "", deprecation_date="2026-12-31", description="Before the move."),
    ):
        write(shop, code)

    (tmp_path / "warehouse.duckdb").unlink()
    outcomes = shop.build()

    assert [name for name, status in outcomes.items() if status not in ("success", "pass")] == []
    after = known_of(shop)
    first, second = node_of(after, V1), node_of(after, V2)
    assert {one.name: one.description for one in first.columns} == {"id": "Key.", "email": "Old."}
    words = {"id": "Key.", "discount": "New words.", "tax": "Added by hand."}
    assert {one.name: one.description for one in second.columns} == words
    assert (first.description, second.description) == ("Before the move.", "")
    assert str(first.fields["deprecation_date"])[:10] == "2026-12-31"
    assert "deprecation_date" not in second.fields
    assert after.tests_of(V1) == ()
    assert [(test.kind, test.severity) for test in after.tests_of(V2)] == [("not_null", "error")]
    assert ("bisync_in_range", "error") in {(test.kind, test.severity) for test in after.tests_of(ORDERS)}
    types = {one.name: one.data_type for one in node_of(after, ORDERS).columns}
    assert (types["one_more"], types["twice"]) == ("bigint", "double")
    assert {node_of(after, f"model.shop.{name}").group for name in ("fct_orders_thrice", "first_sales")} == {
        "finance"
    }
    assert shop.query("select id, amount from first_sales") == shop.query("select id, amount from fct_orders")
    _nothing_is_left(after)


def _nothing_is_left(known: Known) -> None:
    """What dbt says now is what was asked for, so that nothing is written a second time."""
    assert compile_new(DISCOUNT, NotNull(), node_of(known, V2), known, "duckdb").changes == ()
    assert described(known, "discount", description="New words.").changes == ()
    assert described(known, "", deprecation_date="2026-12-31").changes == ()
    # The key's test warns, as all do that say nothing: to be an error, it has to say so.
    unique = next(test for test in known.tests_of(ORDERS) if test.kind == "unique")
    kept = kept_by(unique.unique_id, known, "duckdb")
    assert kept is not None
    assert kept.rule.severity == "warn"
    wanted = replace(kept.fields, severity="error")
    (change,) = compile_change(kept.fields, wanted, kept.rule.promise, kept, known, "duckdb").changes
    assert "severity: error" in change.apply(known.files[change.path].encode()).decode()
