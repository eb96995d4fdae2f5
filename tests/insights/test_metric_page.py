"""The page of one metric."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.test import Client
from django.utils import timezone

from environments.models import MetricSeries
from governance.roles import Role
from semantic.models import Definition
from tests.factories import make_environment, make_member, make_project
from tests.ready import Ready

pytestmark = pytest.mark.django_db


def test_a_metric_that_no_formula_can_say_leads_to_dbts_own_words(
    ready: Ready, data_dir: Path, client: Client
) -> None:
    project = make_project(slug="shop")
    make_environment(project)
    ready.pulled(project)
    client.force_login(make_member(project, Role.VIEWER))
    words = '<a href="/shop/catalogue/metric.shop.revenue_30d/">As dbt has it</a>'
    assert words not in client.get("/shop/prod/metrics/revenue_30d/").content.decode()
    Definition.objects.filter(project=project, name="revenue_30d").update(formula="")

    assert words in client.get("/shop/prod/metrics/revenue_30d/").content.decode()
    told = client.get("/shop/catalogue/metric.shop.revenue_30d/").content.decode()
    assert "count: 30" in re.sub("<[^>]+>", "", told)
    assert "As dbt has it" not in client.get("/shop/prod/metrics/revenue/").content.decode()


def test_a_list_says_of_which_month_an_older_value_is(ready: Ready, data_dir: Path, client: Client) -> None:
    project = make_project(slug="shop")
    deployment = ready.live(make_environment(project))
    ready.pulled(project)
    client.force_login(make_member(project, Role.VIEWER))
    last = (timezone.localdate().replace(day=1) - timedelta(days=1)).replace(day=1)
    for metric, month in (("revenue", "2026-05-01"), ("completed_revenue", last.isoformat())):
        MetricSeries.objects.create(deployment=deployment, metric=metric, points=[[month, 75]])

    shown = client.get("/shop/prod/metrics/").content.decode()

    assert re.findall(r">75(.*?)</td>", shown) == ["", "<small>May 2026</small>"]


def test_the_rules_of_a_value_that_only_bisync_checks_are_told_as_such(
    ready: Ready, data_dir: Path, client: Client
) -> None:
    project = make_project(slug="shop")
    make_environment(project)
    ready.pulled(project)
    client.force_login(make_member(project, Role.VIEWER))
    revenue = Definition.objects.get(project=project, name="revenue")
    rules = [{"kind": "positive"}, {"kind": "range", "high": 9000}, {"kind": "rubbish"}, 7]
    revenue.fields["meta"] = {"bisync": {"rules": rules}}
    revenue.save(update_fields=["fields"])

    shown = client.get("/shop/prod/metrics/revenue/")

    told = [(kept.rule.kind, kept.rule.sentence, tested) for kept, tested in shown.context["rules"]]
    assert told == [
        ("positive_integer", "revenue is never below 0, month by month", None),
        ("in_range", "revenue is at most 9000, month by month", None),
    ]
    assert "Bisync checks it before a change is published" in shown.content.decode()
