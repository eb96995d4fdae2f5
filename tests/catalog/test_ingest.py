"""A manifest becomes rows: all of it, once, and afterwards only what changed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from catalog.actions import NotRenamed, rename_settle
from catalog.ingest import ingest as ingest_into
from catalog.ingest import read
from catalog.models import Change, Column, Edge, Group, Node, NodeTest, Snapshot
from catalog.selectors import history_of
from governance.models import AuditEvent, Project
from governance.roles import Role
from tests.factories import make_member, make_project
from tests.programs import Program
from tests.ready import Ready
from workspace.git.commits import Commit, Person
from workspace.models import Artifact

pytestmark = pytest.mark.django_db

ORDERS = "model.shop.fct_orders"
OTHER = {"name": "sha256", "checksum": "0" * 64}


def ingest(
    project: Project,
    manifest: dict[str, Any],
    touched: Mapping[str, Commit] | None = None,
    moved: Mapping[str, str] | None = None,
) -> Snapshot:
    """A pull of this manifest, as far as the catalogue goes."""
    raw = json.dumps(manifest).encode()
    kept = Artifact.keep("manifest.json", raw)
    snapshot = Snapshot.objects.create(project=project, manifest=kept, semantic_manifest=kept)
    ingest_into(snapshot, read(raw), touched or {}, moved or {})
    return snapshot


def told(snapshot: Snapshot) -> list[tuple[str, str, str, str]]:
    """What changed: how, kind, name, and which fields."""
    return [(c.kind, c.resource_type, c.name, c.what) for c in snapshot.changed.all()]


@pytest.fixture
def project() -> Project:
    return make_project()


@pytest.fixture
def ingested(project: Project, ready: Ready) -> dict[str, Any]:
    """The manifest whose rows are there; a test changes it and ingests it again."""
    ingest(project, ready.manifest)
    return ready.manifest


@contextmanager
def written() -> Iterator[list[str]]:
    """The statements that change something."""
    found: list[str] = []
    with CaptureQueriesContext(connection) as captured:
        yield found
    sql = (query["sql"] for query in captured.captured_queries)
    changing = (text for text in sql if text.startswith(("INSERT", "UPDATE", "DELETE")))
    found += [text for text in changing if "_snapshot" not in text and "_artifact" not in text]


def test_everything_that_dbt_knows_is_there(project: Project, ready: Ready) -> None:
    found = ingest(project, ready.manifest)

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
    snapshot = ingest(project, ready.manifest)

    assert told(snapshot) == []
    assert snapshot.changes == {"first": True, "added": 0, "changed": 0, "removed": 0}


def test_the_same_manifest_again_touches_no_row(project: Project, ingested: dict[str, Any]) -> None:
    with written() as statements:
        again = ingest(project, ingested)

    assert statements == []
    assert told(again) == []
    assert again.counts["metric"] == 21


def test_the_same_manifest_in_another_order_touches_no_row(
    project: Project, ingested: dict[str, Any]
) -> None:
    for part in ("nodes", "metrics", "semantic_models", "parent_map"):
        ingested[part] = dict(reversed(ingested[part].items()))

    with written() as statements:
        ingest(project, ingested)

    assert statements == []


def test_another_project_is_not_touched(project: Project, ingested: dict[str, Any], ready: Ready) -> None:
    other = make_project()
    ingest(other, ready.manifest)

    del ingested["nodes"][ORDERS]
    ingest(project, ingested)

    assert Node.objects.filter(project=other, unique_id=ORDERS).exists()
    assert not Node.objects.filter(project=project, unique_id=ORDERS).exists()


@pytest.mark.parametrize(
    ("field", "value", "what"),
    [
        ("description", "Orders, one by one.", "description"),
        ("original_file_path", "models/marts/fct_orders.sql", "path"),
        ("access", "public", "access"),
        ("meta", {"owner": "Ana"}, "meta"),
        ("tags", ["core"], "tags"),
        ("language", "python", "language"),
        ("checksum", {"name": "sha256", "checksum": "new"}, "code"),
        (
            "columns",
            {"order_id": {"name": "order_id", "description": "Its number."}},
            "columns, order_id.description",
        ),
    ],
)
def test_a_change_is_told_in_words_and_touches_one_node(
    project: Project, ingested: dict[str, Any], field: str, value: object, what: str
) -> None:
    others = dict(Node.objects.exclude(unique_id=ORDERS).values_list("pk", "fingerprint"))
    ingested["nodes"][ORDERS][field] = value

    with written() as statements:
        found = ingest(project, ingested)

    assert told(found) == [("changed", "model", "fct_orders", what)]
    assert found.changes == {"first": False, "added": 0, "changed": 1, "removed": 0}
    assert len([text for text in statements if '"catalog_node"' in text and "UPDATE" in text]) == 1
    assert dict(Node.objects.exclude(unique_id=ORDERS).values_list("pk", "fingerprint")) == others


def test_a_changed_column_is_shown_and_the_old_one_gone(project: Project, ingested: dict[str, Any]) -> None:
    ingested["nodes"][ORDERS]["columns"] = {
        "status": {"name": "status", "description": "New words."},
        "net_amount": {"name": "net_amount", "data_type": "numeric"},
    }

    ingest(project, ingested)

    columns = Column.objects.filter(node__unique_id=ORDERS).values_list("position", "name", "data_type")
    assert list(columns) == [(0, "status", ""), (1, "net_amount", "numeric")]


def test_a_change_is_by_the_last_commit_that_touched_its_files(
    project: Project, ingested: dict[str, Any]
) -> None:
    def commit(sha: str, name: str, day: int) -> Commit:
        person = Person(name, "a@example.com")
        return Commit(sha, person, person, datetime(2026, 3, day, tzinfo=UTC), f"By {name}", "")

    node = ingested["nodes"][ORDERS]
    file, properties = node["original_file_path"], node["patch_path"].split("://")[1]
    touched = {file: commit("a" * 40, "Ada", 1), properties: commit("b" * 40, "Tom", 2)}

    node["description"] = "Said better."
    ingested["nodes"]["model.shop.days"]["description"] = "Of other days."
    changed = ingest(project, ingested, touched)
    by = {one.name: one.brought for one in changed.changed.all()}
    assert (by["fct_orders"].author, by["fct_orders"].commit) == ("Tom", "b" * 40)
    assert by["days"].author == "Tom"  # described in the same file
    # Code is in the one file only.
    node["checksum"] = {"name": "sha256", "checksum": "new"}
    assert ingest(project, ingested, touched).changed.get().author == "Ada"
    node["description"] = "Once more."
    unknown = ingest(project, ingested)
    assert unknown.changed.get().brought == unknown


def test_values_with_parts_are_told_as_json(project: Project, ingested: dict[str, Any]) -> None:
    node = ingested["nodes"][ORDERS]
    node["config"]["meta"] = node["meta"] = {"certified": True, "tier": None, "owner": "Größe & Co"}
    node["tags"] = node["config"]["tags"] = ["nightly"]
    node["columns"]["status"]["meta"] = {"shown": False}

    (change,) = ingest(project, ingested).changed.all()

    assert sorted(change.fields) == [
        ["meta", "", '{"certified": true, "tier": null, "owner": "Größe & Co"}'],
        ["status.meta", "", '{"shown": false}'],
        ["tags", "", '["nightly"]'],
    ]
    assert "False" not in str([one.after for one in change.told()])


def test_what_comes_and_goes_with_the_same_code_may_be_renamed(
    project: Project, ingested: dict[str, Any]
) -> None:
    old = ingested["nodes"].pop(ORDERS)
    new = "model.shop.fct_all_orders"
    ingested["nodes"][new] = old | {"unique_id": new, "name": "fct_all_orders"}

    found = ingest(project, ingested)

    renamed = dict(found.changed.filter(resource_type="model").values_list("unique_id", "renamed"))
    assert renamed == {ORDERS: new, new: ORDERS}


def test_who_may_says_what_was_renamed_and_its_history_goes_on(
    project: Project, ingested: dict[str, Any], client: Client
) -> None:
    ingested["nodes"][ORDERS]["description"] = "Each order."
    ingest(project, ingested)
    old = ingested["nodes"].pop(ORDERS)
    new = "model.shop.fct_all_orders"
    ingested["nodes"][new] = old | {"unique_id": new, "name": "fct_all_orders"}
    came = ingest(project, ingested).changed.get(unique_id=new)
    page = f"/{project.slug}/catalogue/{new}/"
    address = f"{page}renamed/{came.pk}/"
    tom, maya = make_member(project, Role.REVIEWER), make_member(project, Role.CONTRIBUTOR)

    client.force_login(maya)
    assert "It is the same, renamed" not in client.get(page).content.decode()
    assert client.post(address, {"same": "yes"}).status_code == 403
    client.force_login(tom)
    assert "Perhaps it was model.shop.fct_orders: the same code" in client.get(page).content.decode()
    assert client.post(address, {"same": "yes"}).status_code == 302

    node = Node.objects.get(project=project, unique_id=new)
    assert [change.name for change in history_of(node)] == ["fct_all_orders", "fct_orders"]
    assert "the same as model.shop.fct_orders" in client.get(page).content.decode()
    event = AuditEvent.objects.latest("id")
    assert (event.action, event.actor) == ("catalogue.is_renamed", tom)
    # What bears the old name later on is another thing.
    ingested["nodes"][ORDERS] = old | {"description": "Others."}
    ingest(project, ingested)
    assert [change.name for change in history_of(node)] == ["fct_all_orders", "fct_orders"]
    # Whoever erred takes it back.
    client.post(address, {"same": "no"})
    assert [change.name for change in history_of(node)] == ["fct_all_orders"]
    assert set(Change.objects.filter(renamed__gt="").values_list("same", flat=True)) == {False}


def test_a_program_says_what_was_renamed_as_the_page_does(project: Project, ingested: dict[str, Any]) -> None:
    old = ingested["nodes"].pop(ORDERS)
    new = "model.shop.fct_all_orders"
    ingested["nodes"][new] = old | {"unique_id": new, "name": "fct_all_orders"}
    ingest(project, ingested)
    ingested["nodes"][new]["description"] = "Each order."
    ingest(project, ingested)
    history = f"/projects/{project.slug}/nodes/{new}/history/"
    tom, maya = Program(make_member(project, Role.REVIEWER)), Program(make_member(project, Role.CONTRIBUTOR))
    changed, came = tom.get(history)[1]["results"]
    settle = f"{history}{came['id']}/settle/"

    assert (came["renamed"], came["same"]) == (ORDERS, None)
    assert maya.post(settle, {"same": True})[1]["code"] == "not-allowed"
    assert tom.post(settle)[1]["params"]["fields"] == {"same": ["This field is required."]}
    assert tom.post(f"{history}{changed['id']}/settle/", {"same": True})[1]["code"] == "catalogue-not-renamed"
    assert tom.post(settle, {"same": True})[1] == {**came, "same": True}
    assert AuditEvent.objects.latest("id").action == "catalogue.is_renamed"
    assert [one["same"] for one in tom.get(history)[1]["results"]] == [None, True]
    assert tom.post(settle, {"same": False})[1]["same"] is False


def test_what_was_never_renamed_cannot_be_settled(project: Project, ingested: dict[str, Any]) -> None:
    ingested["nodes"][ORDERS]["description"] = "Each order."
    change = ingest(project, ingested).changed.get()

    with pytest.raises(NotRenamed):
        rename_settle(change=change, same=True, actor=make_member(project, Role.STEWARD))


@pytest.mark.parametrize(
    ("new", "moved", "evidence", "same"),
    [
        ({}, {"models/fct_all_orders.sql": "models/fct_orders.sql"}, "code", True),
        ({"checksum": OTHER, "relation_name": "shop.main.fct_orders"}, {}, "relation", None),
        ({"checksum": OTHER, "name": "fct_orders"}, {}, "version", None),
        ({"checksum": OTHER}, {"models/fct_all_orders.sql": "models/fct_orders.sql"}, "file", None),
        ({"checksum": OTHER}, {"models/fct_all_orders.sql": "models/others.sql"}, "", None),
    ],
)
def test_other_evidence_than_the_code_is_told_as_what_it_is(
    project: Project,
    ingested: dict[str, Any],
    new: dict[str, Any],
    moved: dict[str, str],
    evidence: str,
    same: bool | None,
) -> None:
    ingested["nodes"][ORDERS]["relation_name"] = "shop.main.fct_orders"
    ingest(project, ingested)
    old = ingested["nodes"].pop(ORDERS)
    key, name = "model.shop.fct_orders.v1", "fct_all_orders"
    came = {"unique_id": key, "name": name, "original_file_path": f"models/{name}.sql", "relation_name": name}
    ingested["nodes"][key] = old | came | new

    found = ingest(project, ingested, moved=moved)

    told = found.changed.filter(resource_type="model").values_list("unique_id", "renamed", "evidence", "same")
    other = {ORDERS: key, key: ORDERS} if evidence else {ORDERS: "", key: ""}
    assert set(told) == {(one, other[one], evidence, same) for one in (ORDERS, key)}


def test_a_metric_that_computes_the_same_may_be_renamed(project: Project, ingested: dict[str, Any]) -> None:
    ids = sorted(key for key in ingested["metrics"] if ingested["metrics"][key]["type"] == "simple")
    old = ingested["metrics"].pop(ids[0])
    new = "metric.shop.by_another_name"
    ingested["metrics"][new] = old | {"unique_id": new, "name": "by_another_name", "label": "Another"}

    found = ingest(project, ingested)

    change = found.changed.get(unique_id=new)
    assert (change.renamed, change.evidence, change.same) == (ids[0], "code", None)


def test_of_several_with_the_same_code_nobody_knows_which_it_was(
    project: Project, ingested: dict[str, Any]
) -> None:
    old = ingested["nodes"].pop(ORDERS)
    for name in ("one", "two"):
        ingested["nodes"][f"model.shop.{name}"] = old | {"unique_id": f"model.shop.{name}", "name": name}

    found = ingest(project, ingested)

    assert set(found.changed.values_list("renamed", flat=True)) == {""}


def test_what_went_is_told_and_takes_its_columns_tests_and_edges_along(
    project: Project, ingested: dict[str, Any]
) -> None:
    gone = "model.shop.dim_customers"
    del ingested["nodes"][gone]
    ingested["nodes"] = {k: n for k, n in ingested["nodes"].items() if n.get("attached_node") != gone}

    found = ingest(project, ingested)

    assert told(found) == [("removed", "model", "dim_customers", "")]
    assert not Column.objects.filter(node__unique_id=gone).exists()
    assert NodeTest.objects.count() == 3
    assert not Edge.objects.filter(parent=gone).exists()
    assert Edge.objects.filter(parent=ORDERS).exists()


def test_what_came_is_told(project: Project, ingested: dict[str, Any]) -> None:
    new = {**ingested["nodes"][ORDERS], "unique_id": "model.shop.fct_refunds", "name": "fct_refunds"}
    ingested["nodes"]["model.shop.fct_refunds"] = new

    found = ingest(project, ingested)

    assert told(found) == [("added", "model", "fct_refunds", "")]
    assert Node.objects.get(name="fct_refunds").columns.count() == 2


def group(called: str, **owner: object) -> dict[str, Any]:
    return {"name": called, "unique_id": f"group.shop.{called}", "owner": owner}


def test_groups_have_owners_and_nodes_have_groups(project: Project, ingested: dict[str, Any]) -> None:
    ingested["groups"] = {"group.shop.finance": group("finance", name="Fin", email=["a@x.com", "b@x.com"])}
    ingested["nodes"][ORDERS]["group"] = "finance"

    found = ingest(project, ingested)

    finance = Group.objects.get()
    assert (finance.owner_name, finance.owner_email) == ("Fin", "a@x.com, b@x.com")
    assert Node.objects.get(unique_id=ORDERS).group == finance
    assert told(found) == [("changed", "model", "fct_orders", "group")]

    ingested["groups"]["group.shop.finance"] = group("finance", email="c@x.com")
    assert told(ingest(project, ingested)) == []
    assert Group.objects.get().owner_email == "c@x.com"

    ingested["groups"] = {}
    ingested["nodes"][ORDERS]["group"] = None
    ingest(project, ingested)
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

    first = ingest(project, ingested)
    with written() as statements:
        second = ingest(project, ingested)

    assert first.changes["changed"] == 2
    assert NodeTest.objects.filter(unique_id__contains="xxx").count() == 2
    assert len(Node.objects.get(unique_id=ORDERS).description) == 50_000
    assert Node.objects.get(name="revenue").label == "l" * 255
    assert told(second) == []
    assert statements == []


def test_characters_that_no_database_holds_do_not_stop_a_pull(
    project: Project, ingested: dict[str, Any]
) -> None:
    ingested["nodes"][ORDERS] |= {
        "description": "a\x00b \ud800 \U0001f600 \\u0000",
        "meta": {"k\x00ey": ["\udfff"]},
    }

    ingest(project, ingested)

    orders = Node.objects.get(unique_id=ORDERS)
    assert orders.description == "ab ? \U0001f600 \\u0000"
    assert orders.meta == {"key": ["?"]}


def test_history_keeps_field_by_field_what_was_and_what_became(
    project: Project, ingested: dict[str, Any]
) -> None:
    orders = ingested["nodes"][ORDERS]
    orders["description"] = "Orders, one by one."
    orders["columns"]["status"]["data_type"] = "text"
    orders["meta"] = {"long": "x" * 3_000}

    ingest(project, ingested)

    (change,) = Change.objects.filter(project=project, unique_id=ORDERS)
    fields = {name: (before, after) for name, before, after in change.fields}
    assert fields["description"] == ("One row for each order.", "Orders, one by one.")
    assert fields["status.data_type"] == ("", "text")
    assert len(fields["meta"][1]) == 2_001


def test_when_and_where_dbt_read_it_is_no_change(project: Project, ingested: dict[str, Any]) -> None:
    for part in ("nodes", "metrics", "semantic_models", "sources"):
        for entry in ingested[part].values():
            entry |= {"created_at": 1.5e9} | ({"root_path": 'C:\\a "b"'} if "root_path" in entry else {})

    with written() as statements:
        ingest(project, ingested)

    assert statements == []


def test_what_a_test_speaks_about_may_come_later(project: Project, ingested: dict[str, Any]) -> None:
    orders = ingested["nodes"].pop(ORDERS)
    ingest(project, ingested)
    assert NodeTest.objects.filter(node=None).count() == 3

    ingested["nodes"][ORDERS] = orders
    ingest(project, ingested)

    assert NodeTest.objects.filter(node__unique_id=ORDERS).count() == 3


def test_macros_and_docs_of_the_project_are_there_with_what_uses_them(
    project: Project, ingested: dict[str, Any]
) -> None:
    macro, doc = "macro.shop.cents", "doc.shop.order"
    ingested["macros"] |= {
        macro: {"name": "cents", "unique_id": macro, "package_name": "shop", "macro_sql": "{% macro %}"},
        "macro.dbt_utils.star": {"name": "star", "unique_id": "macro.dbt_utils.star"},
    }
    ingested["docs"] |= {doc: {"name": "order", "unique_id": doc, "block_contents": "What we sell."}}
    orders = ingested["nodes"][ORDERS]
    orders["depends_on"]["macros"] = [macro, "macro.dbt.ref"]
    orders["columns"]["status"]["doc_blocks"] = [doc]

    ingest(project, ingested)

    kept = Node.objects.filter(resource_type__in=["macro", "doc"])
    assert set(kept.values_list("name", "description")) == {
        ("cents", ""),
        ("star", ""),
        ("order", "What we sell."),
    }
    used = Edge.objects.filter(child=ORDERS)
    assert {macro, doc} <= set(used.values_list("parent", flat=True))
    orders["depends_on"]["macros"] = []
    ingest(project, ingested)
    assert set(used.filter(parent__in=[macro, doc]).values_list("parent", flat=True)) == {doc}
