"""What tests and freshness found, kept once for each environment, and what follows for whatever depends on it."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from catalog import outcomes
from catalog.ingest import ingest, read
from catalog.models import Node, Outcome
from catalog.outcomes import Found, keep, trust_in, trust_of
from catalog.search import index
from catalog.standing import doubts, standings
from governance.models import Project
from governance.roles import Role
from tests.factories import make_member, make_project, make_proposal
from tests.programs import Program
from tests.proposals.story import FIELDS
from tests.ready import Ready
from workspace.strategies import strategy_set

pytestmark = pytest.mark.django_db
NOW = timezone.now()
ORDERS = "model.shop.fct_orders"
REVENUE, RAW, WEEKLY = "metric.shop.revenue", "source.shop.raw.orders", "exposure.shop.weekly"


@pytest.fixture
def project(ready: Ready) -> Project:
    project = make_project(slug="shop")
    ready.pulled(project)
    return project


def checks_of(project: Project, node: str) -> list[str]:
    return sorted(project.node_tests.filter(node__unique_id=node).values_list("unique_id", flat=True))


def look(project: Project, statuses: dict[str, str], at: datetime = NOW, environment: str = "prod") -> int:
    found = [
        Found(uid, status, at, "Got 2 results" if status == "fail" else "", 2)
        for uid, status in statuses.items()
    ]
    return keep(project, environment, 0 if environment == "prod" else 2, found)


def test_the_newest_look_counts_and_says_since_when(project: Project) -> None:
    test = checks_of(project, ORDERS)[0]
    later, latest = NOW + timedelta(hours=1), NOW + timedelta(hours=2)
    assert look(project, {test: "pass", "model.x": "skipped"}) == 1
    assert look(project, {test: "fail"}, later) == 1
    assert look(project, {test: "error"}, latest) == 1
    assert look(project, {test: "pass"}, later) == 0  # told late
    row = Outcome.objects.get()
    assert (row.state, row.status, row.since, row.at) == ("bad", "error", later, latest)


def test_a_metric_is_as_good_as_what_it_is_made_from(project: Project) -> None:
    test = checks_of(project, ORDERS)[0]
    every = len(trust_in(project, [ORDERS]).looked)
    assert trust_of(project, "metric.shop.revenue").tone == ""
    look(project, dict.fromkeys(checks_of(project, ORDERS), "pass"))
    good = trust_of(project, "metric.shop.revenue")
    assert (good.tone, len(good.told), good.at) == ("ok", every, NOW)
    look(project, {test: "warn"}, NOW + timedelta(hours=1))
    assert trust_of(project, "metric.shop.revenue").tone == "warn"
    look(project, {test: "fail"}, NOW + timedelta(hours=2))
    bad = trust_of(project, "metric.shop.revenue")
    assert (bad.tone, [one.unique_id for one in bad.failing]) == ("bad", [test])
    assert trust_of(project, "model.shop.days").tone == ""


def test_production_tells_more_than_development_and_each_can_be_asked(project: Project) -> None:
    test = checks_of(project, ORDERS)[0]
    look(project, {test: "pass"})
    look(project, {test: "fail"}, NOW + timedelta(hours=1), environment="dev")
    assert trust_in(project, [ORDERS]).tone == "ok"
    assert trust_in(project, [ORDERS], environment="dev").tone == "bad"
    assert outcomes.outcomes_of(project, [test])[test].environment == "prod"


def test_pages_show_it(project: Project) -> None:
    client = Client()
    client.force_login(make_member(project, Role.VIEWER))
    test = checks_of(project, ORDERS)[0]
    look(project, {test: "fail"})
    page = client.get(f"/shop/catalogue/{ORDERS}/").content.decode()
    assert "checks fails" in page
    assert "chip-bad" in page


def test_where_none_are_kept_what_is_known_goes_too(project: Project) -> None:
    test = checks_of(project, ORDERS)[0]
    look(project, {test: "fail"})
    ada = make_member(project, Role.ADMIN)
    strategy_set(project=project, choices={"tests.strategy": "off"}, actor=ada)

    assert look(project, {test: "fail"}, NOW + timedelta(hours=1)) == 0
    assert not Outcome.objects.exists()


# -- What depends on it --------------------------------------------------------------------------------


@pytest.fixture
def dashboard(project: Project, ready: Ready) -> str:
    """A dashboard that shows revenue, whose orders now come from a source."""
    manifest = ready.manifest
    common = {"package_name": "shop", "original_file_path": "models/raw.yml", "columns": {}, "meta": {}}
    manifest["sources"][RAW] = {
        **common, "unique_id": RAW, "resource_type": "source", "source_name": "raw", "name": "orders",
    }  # fmt: skip
    manifest["exposures"][WEEKLY] = {
        **common, "unique_id": WEEKLY, "resource_type": "exposure", "name": "weekly", "label": "Weekly trading",
        "type": "dashboard", "owner": {"name": "Ana"}, "depends_on": {"nodes": [REVENUE]},
    }  # fmt: skip
    manifest["parent_map"] |= {RAW: [], WEEKLY: [REVENUE]}
    manifest["parent_map"][ORDERS] = [*manifest["parent_map"][ORDERS], RAW]
    snapshot = ready.snapshot(project)
    ingest(snapshot, read(json.dumps(manifest).encode()))
    index.bring(project)
    return WEEKLY


def words(project: Project, *keys: str) -> list[str]:
    stands = standings(project, keys)
    return [stands.of(key).words for key in keys]


def test_a_dashboard_stands_as_all_that_it_is_made_from(project: Project, dashboard: str) -> None:
    assert words(project, dashboard, ORDERS, RAW) == ["not run yet", "not run yet", ""]
    look(project, dict.fromkeys(checks_of(project, ORDERS), "pass"))
    assert words(project, dashboard, REVENUE, ORDERS, RAW) == ["passes", "passes", "passes", ""]

    look(project, {RAW: "error"})
    assert words(project, dashboard, REVENUE, ORDERS, RAW) == [*["stale source"] * 3, "stale"]
    [(sentence, stale)] = doubts(standings(project, [dashboard]).of(dashboard))
    assert sentence == "Its source raw.orders is stale: what it shows may be out of date."
    assert (stale.node, stale.place) == (RAW, "about")

    column, *_rest = checks_of(project, ORDERS)
    look(project, {column: "fail", RAW: "warn"}, NOW + timedelta(hours=1))
    assert words(project, dashboard, ORDERS, RAW) == ["1 fails", "1 fails", "late"]
    assert [one for one, _what in doubts(trust_of(project, dashboard))] == [
        "A check of fct_orders, which it is made from, fails: what it shows may be wrong.",
        "Its source raw.orders is late: what it shows may be out of date.",
    ]
    look(project, {RAW: "runtime error"}, NOW + timedelta(hours=2))
    assert words(project, dashboard, RAW) == ["2 fail", "unknown"]
    look(project, dict.fromkeys((column, RAW), "warn"), NOW + timedelta(hours=3))
    assert words(project, dashboard, ORDERS, RAW) == ["2 warn", "2 warn", "late"]


def test_a_model_says_that_it_is_not_its_own_test_that_fails(project: Project, ready: Ready) -> None:
    manifest = ready.manifest
    manifest["parent_map"]["model.shop.dim_customers"] = [ORDERS]
    ingest(ready.snapshot(project), read(json.dumps(manifest).encode()))
    first, second, *_rest = checks_of(project, ORDERS)
    look(project, {first: "warn"})
    assert words(project, "model.shop.dim_customers") == ["1 warns below"]
    look(project, {first: "fail", second: "fail"}, NOW + timedelta(hours=1))
    assert words(project, "model.shop.dim_customers", ORDERS) == ["2 fail below", "2 fail"]


def test_many_are_judged_at_once_as_each_alone(
    project: Project, dashboard: str, django_assert_num_queries: Any
) -> None:
    every = list(Node.objects.filter(project=project).values_list("unique_id", flat=True))
    statuses = ["pass", "warn", "fail", "pass", "pass"]
    for place, test in enumerate(sorted(project.node_tests.values_list("unique_id", flat=True))[:-2]):
        look(project, {test: statuses[place % 5]}, NOW + timedelta(minutes=place))
    look(project, {RAW: "warn"})
    standings(project, every)

    with django_assert_num_queries(2):
        stands = standings(project, every)

    for key in every:
        one, alone = stands.of(key), trust_of(project, key)
        assert (one.tone, one.looked, one.told, one.at) == (
            alone.tone, len(alone.looked), len(alone.told), alone.at,
        )  # fmt: skip
        assert {*one.failing, *one.warning} == {*alone.failing, *alone.warning}
    assert {stands.of(key).tone for key in every} >= {"bad", "warn", ""}


def test_every_page_that_names_it_says_so_and_leads_to_what_is_wrong(
    project: Project, dashboard: str
) -> None:
    client = Client()
    client.force_login(person := make_member(project, *Role))
    proposal = make_proposal(project, author=person, fields=FIELDS)
    test = project.node_tests.get(node__unique_id=ORDERS, column="order_id", kind="unique")
    there = f"/shop/catalogue/{ORDERS}/#columns"

    def told(path: str) -> str:
        answer = client.get(path)
        assert answer.status_code == 200, path
        return re.sub(r"<svg.*?</svg>", "", answer.content.decode(), flags=re.DOTALL)

    look(project, {test.unique_id: "pass"})
    every = len(trust_of(project, REVENUE).looked)
    good = f'<span class="chip chip-ok" title="1 of {every} checks have run">passes</span>'
    assert good in told("/shop/prod/metrics/?q=revenue")

    look(project, {test.unique_id: "fail"}, NOW + timedelta(hours=1))
    bad = f'<a class="chip chip-bad" href="{there}" title="{test.name}">1 fails'
    for path in (
        "/shop/",
        "/shop/prod/metrics/?q=revenue",
        "/shop/catalogue/?q=weekly",
        "/shop/catalogue/?q=order_id&kind=column",
        f"/shop/catalogue/?q={test.name}&kind=test",
        f"/shop/lineage/{dashboard}/?view=table",
        f"/shop/lineage/{dashboard}/?up=all",
        "/shop/search/?q=weekly",
        f"/shop/proposals/{proposal.number}/",
    ):
        assert bad in told(path), path
    picture = client.get(f"/shop/lineage/{dashboard}/?up=all").context["picture"]
    assert "lin-own-bad" in {box.node.unique_id: box.look for box in picture.boxes}[ORDERS]
    sentence = "A check of fct_orders, which it is made from, fails: what it shows may be wrong."
    for path in (f"/shop/catalogue/{dashboard}/", "/shop/prod/metrics/revenue/"):
        assert f'<p>{sentence} <a href="{there}">See the test</a></p>' in told(path), path
    assert "What is wrong below it" in told(f"/shop/catalogue/{dashboard}/")
    assert "What is wrong below it" not in told(f"/shop/catalogue/{ORDERS}/")
    assert "chip-bad" not in told("/shop/catalogue/model.shop.days/")


def test_programs_are_told_the_same(project: Project, dashboard: str) -> None:
    program = Program(make_member(project, Role.VIEWER), "read")
    test = checks_of(project, ORDERS)[0]
    look(project, {test: "fail"})

    for path in (f"nodes/{dashboard}/", f"nodes/{ORDERS}/", "metrics/revenue/"):
        trust = program.get(f"/projects/shop/{path}")[1]["trust"]
        assert (trust["state"], trust["ran"]) == ("bad", 1)
        [wrong] = trust["wrong"]
        assert (wrong["unique_id"], wrong["node"], wrong["state"]) == (test, ORDERS, "bad")
        assert (wrong["environment"], wrong["message"]) == ("prod", "Got 2 results")
    rows = program.get("/projects/shop/nodes/?limit=200")[1]["results"]
    states = {row["unique_id"]: row["trust"]["state"] for row in rows}
    assert (states[dashboard], states[ORDERS], states["model.shop.days"]) == ("bad", "bad", "")
    metrics = program.get("/projects/shop/metrics/?q=revenue")[1]["results"]
    assert {row["trust"]["state"] for row in metrics if row["name"] == "revenue"} == {"bad"}
