"""The catalogue's pages: found by kind and words, and all that is known of one thing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from catalog.ingest import ingest, read
from catalog.models import Node, Snapshot
from catalog.search import index
from governance.models import Project
from governance.roles import Role
from tests.factories import make_member, make_project
from tests.ready import Ready
from workspace.models import Artifact

pytestmark = pytest.mark.django_db

ORDERS = "model.shop.fct_orders"


@pytest.fixture
def project() -> Project:
    return make_project(slug="shop")


@pytest.fixture
def viewer(project: Project) -> Client:
    client = Client()
    client.force_login(make_member(project, Role.VIEWER))
    return client


def pulled(project: Project, manifest: dict[str, Any], subject: str) -> None:
    raw = json.dumps(manifest).encode()
    kept = Artifact.keep("manifest.json", raw)
    snapshot = Snapshot.objects.create(
        project=project,
        commit="c0ffee" + "0" * 34,
        subject=subject,
        author="Ada",
        manifest=kept,
        semantic_manifest=kept,
    )
    ingest(snapshot, read(raw))
    index.bring(project)


def names(client: Client, query: str = "") -> list[str]:
    return [entry.name for entry in client.get(f"/shop/catalogue/?{query}").context["shown"]]


def test_things_are_found_by_kind_and_by_words_models_first(
    project: Project, viewer: Client, ready: Ready
) -> None:
    assert "Nothing has been pulled yet" in viewer.get("/shop/catalogue/").content.decode()
    pulled(project, ready.manifest, "first")

    everything = viewer.get("/shop/catalogue/").content.decode()

    assert names(viewer)[:4] == ["days", "dim_customers", "fct_orders", "fct_visits"]
    assert 'value="metric">Metrics (21)' in everything
    assert names(viewer, "kind=semantic_model") == ["customers", "orders"]
    assert names(viewer, "q=one+row+ORDER&kind=model") == ["fct_orders"]
    assert "Nothing matches" in viewer.get("/shop/catalogue/?q=%00nowhere").content.decode()
    assert names(viewer, "kind=rubbish") == names(viewer)


def test_a_thing_has_its_columns_tests_neighbours_and_history(
    project: Project, viewer: Client, ready: Ready
) -> None:
    manifest = ready.manifest
    pulled(project, manifest, "first")
    manifest["nodes"][ORDERS]["description"] = "Orders, one by one."
    manifest["nodes"][ORDERS]["columns"]["status"]["data_type"] = "text"
    pulled(project, manifest, "models: Say it better.")

    shown = viewer.get(f"/shop/catalogue/{ORDERS}/")
    page = shown.content.decode()

    assert "Orders, one by one." in page
    columns = {
        column.name: [kept.spelled for kept, _ in judged] for column, judged in shown.context["columns"]
    }
    assert set(columns["order_id"]) == {"not_null", "unique"}
    assert columns["ordered_at"] == ["not_null"]  # tested, though nobody described it
    assert [node.unique_id for node in shown.context["children"]] == ["semantic_model.shop.orders"]
    assert "models: Say it better." in page
    assert "description, status.data_type" in page
    assert "One row for each order." in page
    assert viewer.get("/shop/catalogue/model.shop.nowhere/").status_code == 404
    for node in Node.objects.filter(project=project):
        assert viewer.get(node.get_absolute_url()).status_code == 200, node
