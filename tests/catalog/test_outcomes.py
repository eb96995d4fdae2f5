"""What tests and freshness found, kept once for each environment, and what follows for whatever depends on it."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from catalog import outcomes
from catalog.models import Outcome
from catalog.outcomes import Found, keep, trust_in, trust_of
from governance.models import Project
from governance.roles import Role
from tests.factories import make_member, make_project
from tests.ready import Ready
from workspace.strategies import strategy_set

pytestmark = pytest.mark.django_db
NOW = timezone.now()
ORDERS = "model.shop.fct_orders"


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
