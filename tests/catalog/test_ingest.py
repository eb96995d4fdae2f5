"""A manifest becomes rows: all of it, once, and afterwards only what changed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from catalog.ingest import ingest
from catalog.models import Column, Edge, Group, Node, NodeTest
from catalog.reading import records
from governance.models import Project
from tests.factories import make_project
from tests.ready import Ready
from workspace.dbt.artifacts import read_manifest

pytestmark = pytest.mark.django_db

ORDERS = "model.shop.fct_orders"
NO_CHANGES: dict[str, list[dict[str, str]]] = {"added": [], "changed": [], "removed": []}


@pytest.fixture
def project() -> Project:
    return make_project()


@pytest.fixture
def ingested(project: Project, ready: Ready) -> dict[str, Any]:
    """The manifest whose rows are there; a test changes it and ingests it again."""
    ingest(project, ready.records)
    return ready.manifest


@contextmanager
def written() -> Iterator[list[str]]:
    """The statements that change something."""
    found: list[str] = []
    with CaptureQueriesContext(connection) as captured:
        yield found
    sql = (query["sql"] for query in captured.captured_queries)
    found += [text for text in sql if text.startswith(("INSERT", "UPDATE", "DELETE"))]


def test_everything_that_dbt_knows_is_there(project: Project, ready: Ready) -> None:
    found = ingest(project, ready.records)

    assert found.counts["model"] == 4
    assert found.counts["metric"] == Node.objects.filter(resource_type="metric").count() == 21
    assert found.counts["semantic_model"] == 2
    assert found.counts["column"] == Column.objects.count()
    assert found.counts["test"] == NodeTest.objects.count() == 5
    orders = Node.objects.get(project=project, unique_id=ORDERS)
    assert (orders.name, orders.package, orders.materialized) == ("fct_orders", "shop", "table")
    assert (orders.path, orders.patch_path) == ("models/fct_orders.sql", "models/schema.yml")
    assert orders.description == "One row for each order."
    assert orders.relation == '"warehouse"."analytics"."fct_orders"'
    assert list(orders.columns.values_list("name", "description")) == [
        ("order_id", ""),
        ("status", "Where the order stands."),
    ]


def test_tests_stand_with_their_models_and_columns(project: Project, ingested: dict[str, Any]) -> None:
    tests = NodeTest.objects.filter(node__unique_id=ORDERS).order_by("kind", "column")

    assert [(t.kind, t.column, t.severity) for t in tests] == [
        ("not_null", "order_id", "error"),
        ("not_null", "ordered_at", "error"),
        ("unique", "order_id", "error"),
    ]


def test_lineage_joins_only_what_is_in_the_catalogue(project: Project, ingested: dict[str, Any]) -> None:
    known = set(Node.objects.values_list("unique_id", flat=True))
    edges = set(Edge.objects.values_list("parent", "child"))

    assert (ORDERS, "semantic_model.shop.orders") in edges
    assert ("metric.shop.revenue", "metric.shop.completed_share") in edges
    assert {name for edge in edges for name in edge} <= known  # tests are not in it


def test_the_first_ingest_tells_no_changes(project: Project, ready: Ready) -> None:
    assert ingest(project, ready.records).changes == NO_CHANGES


def test_the_same_manifest_again_touches_no_row(project: Project, ingested: dict[str, Any]) -> None:
    with written() as statements:
        again = ingest(project, records(ingested))

    assert statements == []
    assert again.changes == NO_CHANGES
    assert again.counts["metric"] == 21


def test_the_same_manifest_in_another_order_touches_no_row(
    project: Project, ingested: dict[str, Any]
) -> None:
    for part in ("nodes", "metrics", "semantic_models", "parent_map"):
        ingested[part] = dict(reversed(ingested[part].items()))

    with written() as statements:
        ingest(project, records(ingested))

    assert statements == []


def test_another_project_is_not_touched(project: Project, ingested: dict[str, Any], ready: Ready) -> None:
    other = make_project()
    ingest(other, ready.records)

    del ingested["nodes"][ORDERS]
    ingest(project, records(ingested))

    assert Node.objects.filter(project=other, unique_id=ORDERS).exists()
    assert not Node.objects.filter(project=project, unique_id=ORDERS).exists()


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("description", "Orders, one by one.", "description"),
        ("original_file_path", "models/marts/fct_orders.sql", "path"),
        ("access", "public", "access"),
        ("meta", {"owner": "Ana"}, "configuration"),
        ("tags", ["core"], "configuration"),
        ("language", "python", "definition"),
        ("columns", {"order_id": {"name": "order_id", "description": "Its number."}}, "columns"),
    ],
)
def test_a_change_is_told_in_words_and_touches_one_node(
    project: Project, ingested: dict[str, Any], field: str, value: object, told: str
) -> None:
    others = dict(Node.objects.exclude(unique_id=ORDERS).values_list("pk", "fingerprint"))
    ingested["nodes"][ORDERS][field] = value

    with written() as statements:
        found = ingest(project, records(ingested))

    assert found.changes == {
        **NO_CHANGES,
        "changed": [{"kind": "model", "name": "fct_orders", "what": told}],
    }
    assert [text for text in statements if text.startswith("UPDATE")] != []
    assert len([text for text in statements if '"catalog_node"' in text and "UPDATE" in text]) == 1
    assert dict(Node.objects.exclude(unique_id=ORDERS).values_list("pk", "fingerprint")) == others


def test_a_changed_column_is_shown_and_the_old_one_gone(project: Project, ingested: dict[str, Any]) -> None:
    ingested["nodes"][ORDERS]["columns"] = {
        "status": {"name": "status", "description": "New words."},
        "net_amount": {"name": "net_amount", "data_type": "numeric"},
    }

    ingest(project, records(ingested))

    columns = Column.objects.filter(node__unique_id=ORDERS).values_list("position", "name", "data_type")
    assert list(columns) == [(0, "status", ""), (1, "net_amount", "numeric")]


def test_what_went_is_told_and_takes_its_columns_tests_and_edges_along(
    project: Project, ingested: dict[str, Any]
) -> None:
    gone = "model.shop.dim_customers"
    del ingested["nodes"][gone]
    ingested["nodes"] = {k: n for k, n in ingested["nodes"].items() if n.get("attached_node") != gone}

    found = ingest(project, records(ingested))

    assert found.changes["removed"] == [{"kind": "model", "name": "dim_customers", "what": ""}]
    assert not Column.objects.filter(node__unique_id=gone).exists()
    assert NodeTest.objects.count() == 3
    assert not Edge.objects.filter(parent=gone).exists()
    assert Edge.objects.filter(parent=ORDERS).exists()


def test_what_came_is_told(project: Project, ingested: dict[str, Any]) -> None:
    new = {**ingested["nodes"][ORDERS], "unique_id": "model.shop.fct_refunds", "name": "fct_refunds"}
    ingested["nodes"]["model.shop.fct_refunds"] = new

    found = ingest(project, records(ingested))

    assert found.changes == {**NO_CHANGES, "added": [{"kind": "model", "name": "fct_refunds", "what": ""}]}
    assert Node.objects.get(name="fct_refunds").columns.count() == 2


def group(called: str, **owner: object) -> dict[str, Any]:
    return {"name": called, "unique_id": f"group.shop.{called}", "owner": owner}


def test_groups_have_owners_and_nodes_have_groups(project: Project, ingested: dict[str, Any]) -> None:
    ingested["groups"] = {"group.shop.finance": group("finance", name="Fin", email=["a@x.com", "b@x.com"])}
    ingested["nodes"][ORDERS]["group"] = "finance"

    found = ingest(project, records(ingested))

    finance = Group.objects.get()
    assert (finance.owner_name, finance.owner_email) == ("Fin", "a@x.com, b@x.com")
    assert Node.objects.get(unique_id=ORDERS).group == finance
    assert found.changes["changed"] == [{"kind": "model", "name": "fct_orders", "what": "group"}]

    ingested["groups"]["group.shop.finance"] = group("finance", email="c@x.com")
    assert ingest(project, records(ingested)).changes == NO_CHANGES
    assert Group.objects.get().owner_email == "c@x.com"

    ingested["groups"] = {}
    ingested["nodes"][ORDERS]["group"] = None
    ingest(project, records(ingested))
    assert not Group.objects.exists()
    assert Node.objects.get(unique_id=ORDERS).group is None


def test_longer_than_any_column_is_cut_and_still_found_again(
    project: Project, ingested: dict[str, Any]
) -> None:
    """An accepted_values test names all its values in its id; a warehouse's struct names all its fields."""
    key, test = next((k, n) for k, n in ingested["nodes"].items() if n["resource_type"] == "test")
    for last in "ab":
        long = f"test.shop.accepted_values_{'x' * 900}{last}"
        ingested["nodes"][long] = {**test, "unique_id": long, "name": "n" * 900}
    del ingested["nodes"][key]
    ingested["nodes"][ORDERS] |= {
        "columns": {"payload": {"name": "payload", "data_type": f"struct<{'a int, ' * 90}>"}},
        "description": "d" * 50_000,
    }
    ingested["metrics"]["metric.shop.revenue"]["label"] = "l" * 900
    ingested["groups"] = {"g": group("g", name="o" * 900, email="e" * 900)}

    first = ingest(project, records(ingested))
    with written() as statements:
        second = ingest(project, records(ingested))

    assert len(first.changes["changed"]) == 2
    assert NodeTest.objects.filter(unique_id__contains="xxx").count() == 2
    assert len(Node.objects.get(unique_id=ORDERS).description) == 50_000
    assert Node.objects.get(name="revenue").label == "l" * 255
    assert second.changes == NO_CHANGES
    assert statements == []


def test_characters_that_no_database_holds_do_not_stop_a_pull(
    project: Project, ingested: dict[str, Any]
) -> None:
    ingested["nodes"][ORDERS] |= {
        "description": "a\x00b \ud800 \U0001f600 \\u0000",
        "meta": {"k\x00ey": ["\udfff"]},
    }

    found = records(read_manifest(json.dumps(ingested).encode()))
    ingest(project, found)

    orders = Node.objects.get(unique_id=ORDERS)
    assert orders.description == "ab ? \U0001f600 \\u0000"
    assert orders.meta == {"key": ["?"]}
