"""What people type into the catalogue's search, and what they mean by it."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from catalog.ingest import ingest, read
from catalog.models import SearchEntry, Snapshot
from catalog.narrowing import Narrowed
from catalog.search import index
from catalog.search.words import Sought, one_edit, words_of
from catalog.selectors import catalogue
from governance.models import Project
from governance.roles import Role
from tests.factories import make_member, make_project
from workspace.models import Artifact

pytestmark = pytest.mark.django_db

FIXTURE = Path(__file__).parent.parent / "fixtures" / "dbt" / "manifest-1.12.json.gz"

# The first result.
FIRST = {
    # A name, as it is written in dbt, in words, and begun.
    "fct_orders": "model.outdoor.fct_orders",
    "FCT_ORDERS": "model.outdoor.fct_orders",
    "fct orders": "model.outdoor.fct_orders",
    "int_order_totals": "model.outdoor.int_order_totals",
    "order total": "model.outdoor.int_order_totals",
    "order totals": "model.outdoor.int_order_totals",
    "totals of orders": "model.outdoor.int_order_totals",
    "dim_prod": "model.outdoor.dim_products",
    "stg inv": "model.outdoor.stg_invoices",
    "price_list": "seed.outdoor.price_list",
    "shop.receipts": "source.outdoor.shop.receipts",
    "loyalty points": "model.outdoor.loyaltyPoints",
    "loyaltyPoints": "model.outdoor.loyaltyPoints",
    # What people call it.
    "revenue": "metric.outdoor.revenue",
    "average order value": "metric.outdoor.average_order_value",
    "customer lifetime value": "metric.outdoor.lifetime_value",
    "churn": "metric.outdoor.membership_churn_rate",
    "mrr": "metric.outdoor.mrr",
    "board pack": "exposure.outdoor.board_pack",
    "trading dashboard": "exposure.outdoor.weekly_trading_dashboard",
    "revenue by month": "saved_query.outdoor.monthly_revenue",
    # What it means.
    "everybody with a shop account": "model.outdoor.dim_customers",
    "installed the app": "model.outdoor.dim_app_users",
    "payment of an invoice": "model.outdoor.fct_payments",
    # Columns, with and without their table; macros; tests; people.
    "fct_invoices.issued_on": "model.outdoor.fct_invoices#issued_on",
    "is_own_brand": "model.outdoor.dim_products#is_own_brand",
    "pence_to_pounds": "macro.outdoor.pence_to_pounds",
    "unique fct_orders order_id": "test.outdoor.unique_fct_orders_order_id.523ddb6ce5",
    "Growth team": "owner:Growth team",
    # A letter too few, too many, wrong, and two swapped.
    "fct_ordrs": "model.outdoor.fct_orders",
    "dim_custommers": "model.outdoor.dim_customers",
    "recogmised revenue": "metric.outdoor.recognised_revenue",
    "subscirption months": "semantic_model.outdoor.subscription_months",
}
# One of the first three.
AMONG = {
    "recurring revenue": "metric.outdoor.annual_recurring_revenue",
    "trading meeting": "exposure.outdoor.weekly_trading_dashboard",
    "gross_amount": "model.outdoor.fct_orders#gross_amount",
    "invoices issued on": "model.outdoor.fct_invoices#issued_on",
    "refund": "metric.outdoor.refund_rate",
    "orders": "metric.outdoor.orders",
    "active users": "metric.outdoor.active_users",
}


def pulled(project: Project, manifest: dict[str, Any]) -> None:
    raw = json.dumps(manifest).encode()
    kept = Artifact.keep("manifest.json", raw)
    ingest(Snapshot.objects.create(project=project, manifest=kept, semantic_manifest=kept), read(raw))
    index.bring(project)


@pytest.fixture(scope="module")
def shop() -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads(gzip.decompress(FIXTURE.read_bytes()))
    base = manifest["nodes"]["model.outdoor.stg_refunds"]
    for name, package, told in (
        ("loyaltyPoints", "outdoor", {"description": "What members collected."}),
        ("loyalty_points_old", "outdoor", {"deprecation_date": "2020-01-01T00:00:00+00:00"}),
        ("loyalty_points_of_a_package", "loyal", {"description": ""}),
        ("loyalty_points_per_member_and_month", "outdoor", {"tags": ["certified"]}),
    ):
        uid = f"model.{package}.{name}"
        manifest["nodes"][uid] = (
            base | {"unique_id": uid, "name": name, "package_name": package, "columns": {}} | told
        )
    return manifest


@pytest.fixture
def project(shop: dict[str, Any]) -> Project:
    project = make_project(slug="shop")
    pulled(project, shop)
    return project


def found(project: Project, text: str, **by: Any) -> list[str]:
    return [entry.key for entry in catalogue(project, Narrowed(search=text, **by)).rows[:20]]


def test_forty_questions_have_the_answer_that_is_meant(project: Project) -> None:
    assert len(FIRST) + len(AMONG) == 40
    wanted = {text: (key, 1) for text, key in FIRST.items()} | {text: (key, 3) for text, key in AMONG.items()}

    wrong = [
        (text, key, found(project, text)[:4])
        for text, (key, most) in wanted.items()
        if key not in found(project, text)[:most]
    ]

    assert wrong == [], "\n".join(map(str, wrong))


def test_what_is_deprecated_or_of_another_package_comes_after_the_rest(project: Project) -> None:
    assert found(project, "loyalty", kind="model") == [
        "model.outdoor.loyaltyPoints",
        "model.outdoor.loyalty_points_per_member_and_month",
        "model.outdoor.loyalty_points_old",
        "model.loyal.loyalty_points_of_a_package",
    ]


def test_no_text_is_a_query_of_the_database(project: Project) -> None:
    for text in (
        *(
            '"',
            "'",
            "'';",
            "a' | 'b",
            "orders:*",
            "orders & !revenue",
            "own : x",
            "NEAR(a b)",
            "a* OR b",
            "{own}",
            "%",
        ),
        *(
            "\\",
            "OR",
            "AND NOT",
            "-orders",
            "^a",
            "(",
            "x" * 5000,
            "é",
            "日本語",
            "😀",
            "a " * 100,
            "it's",
            "²",
        ),
    ):
        found(project, text)
    assert found(project, "NOT") == found(project, "not")
    assert found(project, "100%_ ---") == found(project, "100")
    assert found(project, "%_") == []


def test_a_pull_touches_only_the_entries_of_what_changed(project: Project, shop: dict[str, Any]) -> None:
    before = dict(SearchEntry.objects.values_list("key", "pk"))
    changed: dict[str, Any] = json.loads(json.dumps(shop))
    orders = changed["nodes"]["model.outdoor.fct_orders"]
    orders["description"] = "Wondrous."
    del orders["columns"]["gross_amount"]
    del changed["nodes"]["model.loyal.loyalty_points_of_a_package"]
    del changed["nodes"]["test.outdoor.unique_fct_orders_order_id.523ddb6ce5"]
    pulled(project, changed)

    after = dict(SearchEntry.objects.values_list("key", "pk"))
    gone, moved = before.keys() - after.keys(), {key for key in after if before.get(key) != after[key]}
    assert gone == {
        "model.outdoor.fct_orders#gross_amount",
        "model.loyal.loyalty_points_of_a_package",
        "test.outdoor.unique_fct_orders_order_id.523ddb6ce5",
    }
    assert {key.partition("#")[0] for key in moved} == {"model.outdoor.fct_orders"}
    assert found(project, "wondrous") == ["model.outdoor.fct_orders"]
    assert "model.outdoor.fct_orders#gross_amount" not in found(project, "gross_amount")


def test_what_others_change_of_a_thing_is_noted(project: Project, shop: dict[str, Any]) -> None:
    def state(key: str) -> tuple[str, bool, bool]:
        entry = SearchEntry.objects.get(project=project, key=key)
        return entry.owner, entry.attention, entry.unused

    orders = "model.outdoor.fct_orders"
    assert state(orders) == state(f"{orders}#net_amount") == ("Commerce analytics", False, False)
    assert state("model.outdoor.loyaltyPoints") == ("", True, True)
    changed: dict[str, Any] = json.loads(json.dumps(shop))
    changed["groups"]["group.outdoor.commerce"]["owner"]["name"] = "Shop team"
    changed["nodes"] = {
        key: node
        for key, node in changed["nodes"].items()
        if not (key.startswith("test.") and orders in node["depends_on"]["nodes"])
    }
    changed["parent_map"] = {
        key: [parent for parent in parents if parent != orders]
        for key, parents in changed["parent_map"].items()
    }
    pulled(project, changed)

    assert state(orders) == state(f"{orders}#net_amount") == ("Shop team", True, True)
    assert found(project, "shop team")[0] == "owner:Shop team"
    assert state("metric.outdoor.revenue")[0] == "Shop team"


def test_each_count_is_of_what_the_other_filters_leave(project: Project) -> None:
    everything = catalogue(project, Narrowed())
    growth = catalogue(project, Narrowed(owner="Growth team", kind="model"))
    lonely = catalogue(project, Narrowed(flags=("unused", "attention"), kind="model"))

    assert everything.count == sum(everything.kinds.values()) == len(everything.rows)
    assert "column" not in everything.kinds
    assert growth.count == len(growth.rows) == everything_of(project, kind="model", owner="Growth team")
    assert growth.kinds["metric"] == everything_of(project, kind="metric", owner="Growth team")
    assert growth.owners["Finance"] == everything_of(project, kind="model", owner="Finance")
    assert (
        lonely.count == len(lonely.rows) == everything_of(project, kind="model", unused=True, attention=True)
    )
    assert lonely.flags["unused"] == lonely.count
    assert [entry.name for entry in catalogue(project, Narrowed(flags=("certified",))).rows] == [
        "loyalty_points_per_member_and_month"
    ]


def everything_of(project: Project, **by: Any) -> int:
    return SearchEntry.objects.filter(project=project, **by).count()


def test_the_page_leads_to_the_column_and_marks_the_words(project: Project) -> None:
    client = Client()
    client.force_login(make_member(project, Role.VIEWER))

    page = client.get("/shop/catalogue/?q=gross+amounts").content.decode()
    mistyped = client.get("/shop/catalogue/?q=dim_custommers").content.decode()
    owned = client.get("/shop/catalogue/?owner=Growth+team&only=attention&only=rubbish").content.decode()

    assert 'href="/shop/catalogue/model.outdoor.fct_orders/#columns"' in page
    assert "<mark>gross</mark>_<mark>amount</mark>" in page
    assert "<mark>dim</mark>_<mark>customers</mark>" in mistyped
    assert 'value="Growth team" selected' in owned
    assert 'value="attention" checked' in owned


def test_of_another_project_nothing_is_found(project: Project) -> None:
    other = make_project(slug="other")

    assert found(other, "fct_orders") == []
    assert catalogue(other, Narrowed()).count == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("fct_orderTotals.v2", ["fct", "order", "totals", "v2"]),
        ("HTTPStatus", ["http", "status"]),
        ("Straße-Öl", ["strasse", "öl"]),
        ("__", []),
    ],
)
def test_a_name_is_split_where_people_see_a_word(text: str, words: list[str]) -> None:
    assert words_of(text) == words


def test_one_edit_is_one_letter_or_two_swapped() -> None:
    for other in ("ordes", "orderss", "ordexs", "odrers", "rders"):
        assert one_edit("orders", other), other
        assert one_edit(other, "orders"), other
    for other in ("oders_x", "redros", "order_xx", "ordxxs"):
        assert not one_edit("orders", other), other
    assert Sought.of("the orders").words == (("orders",),)
    assert Sought.of("the").words == (("the",),)
