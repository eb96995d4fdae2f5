"""The page of one metric."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.test import Client
from django.utils import timezone

from catalog.models import Edge, Node, Snapshot
from environments.models import MetricSeries
from governance.roles import Role
from proposals.models import Proposal
from semantic.models import Definition, Revision
from tests.factories import make_environment, make_member, make_project, make_proposal
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


def test_a_deprecated_metric_says_when_it_goes_and_what_takes_its_place(
    ready: Ready, data_dir: Path, client: Client
) -> None:
    project = make_project(slug="shop")
    make_environment(project)
    ready.pulled(project)
    client.force_login(make_member(project, Role.VIEWER))
    revenue = Definition.objects.get(project=project, name="revenue")
    notes = {"deprecated": "2027-03-31", "replaced_by": "completed_revenue"}

    for day, words in (("2027-03-31", "Goes on 31 March 2027"), ("2020-03-01", "Was to go on 1 March 2020")):
        revenue.fields["meta"] = {"bisync": {**notes, "deprecated": day}}
        revenue.save(update_fields=["fields"])
        assert words in client.get("/shop/prod/metrics/").content.decode()
        shown = client.get("/shop/prod/metrics/revenue/").content.decode()
        assert words in shown
        assert re.search(
            r"takes its place\.</p><a[^>]* href=\"/shop/prod/metrics/completed_revenue/\"", shown
        )
    assert "to go on" not in client.get("/shop/prod/metrics/completed_revenue/").content.decode()


def test_a_metric_is_used_by_the_metrics_that_are_made_of_it(
    ready: Ready, data_dir: Path, client: Client
) -> None:
    project = make_project(slug="shop")
    make_environment(project)
    ready.pulled(project)
    client.force_login(make_member(project, Role.VIEWER))

    page = client.get("/shop/prod/metrics/revenue/")
    rows = client.get("/shop/prod/metrics/").context["rows"]

    names = {node.name for node in page.context["used_by"]}
    assert {"revenue_growth", "average_order"} <= names
    assert '<a class="anywhere" href="/shop/prod/metrics/revenue_growth/">' in page.content.decode()
    counted = next(row.used_in for row, _standing in rows if row.definition.name == "revenue")
    assert counted == page.context["used_in"] == len(names) + len(page.context["usages"])
    # A part that only belongs to another's calculation stands for that.
    Node.objects.filter(name="revenue_growth").update(meta={"bisync": {"helper_of": "growth_twice"}})
    Edge.objects.create(
        project=project, parent="metric.shop.revenue_growth", child="metric.shop.orders_total"
    )
    pull = Snapshot.objects.latest("id")
    pull.pk = None
    pull.save()
    again = {node.name for node in client.get("/shop/prod/metrics/revenue/").context["used_by"]}
    assert again == names - {"revenue_growth"} | {"orders_total"}


@pytest.mark.parametrize(
    ("said", "words", "link"),
    [
        (
            {"how": "rename", "new_name": "completed_revenue"},
            "It is called completed_revenue since proposal #1.",
            "/shop/prod/metrics/completed_revenue/",
        ),
        (
            {"how": "now", "replacement": "completed_revenue"},
            "Completed revenue took its place with proposal #1.",
            "/shop/prod/metrics/completed_revenue/",
        ),
        ({"how": "now"}, "Proposal #1 removed it.", "/shop/proposals/1/"),
        (None, "", ""),
    ],
    ids=["renamed", "replaced", "removed", "gone by itself"],
)
def test_a_metric_that_is_gone_says_what_became_of_it(
    ready: Ready, data_dir: Path, client: Client, said: dict[str, str] | None, words: str, link: str
) -> None:
    project = make_project(slug="shop")
    make_environment(project)
    ready.pulled(project)
    maya = make_member(project, Role.CONTRIBUTOR)
    client.force_login(maya)
    Definition.objects.filter(project=project, name="completed_revenue").update(label="Completed revenue")
    Definition.objects.filter(project=project, name="revenue").update(state="retired")
    if said is not None:
        proposal = make_proposal(project, author=maya)
        Revision.objects.filter(item__proposal=proposal).update(
            kind="removal", fields={"name": "metric:revenue", **said}
        )
        Proposal.objects.filter(pk=proposal.pk).update(
            status="published", approved_hash="a" * 64, published_commit="c" * 40
        )

    shown = client.get("/shop/prod/metrics/revenue/").content.decode()

    assert "It is gone from dbt, and so it has no number any more." in shown
    assert "deploy a version" not in shown
    assert words in shown
    assert f'{words}</p><a class="btn btn-sm" href="{link}"' in shown or not words
