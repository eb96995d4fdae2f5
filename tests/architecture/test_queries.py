"""No page asks the database more often than 15 times, and no list asks once for each of its rows."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from catalog.models import Edge, Node
from catalog.outcomes import Found, keep
from environments import health
from environments.findings import Found as Wrong
from governance import audit
from governance.models import Project, User
from governance.roles import Role
from notify.actions import announce, thread_choose
from proposals.actions import authoring, reviewing
from proposals.models import Proposal
from semantic.models import Definition, Usage
from tests.factories import make_member, make_project, make_proposal
from tests.proposals.story import FIELDS, SIZE
from tests.ready import Ready
from workspace.models import Run

MOST = 15

pytestmark = [pytest.mark.django_db, pytest.mark.dbt]


@pytest.fixture
def project(ready: Ready, data_dir: Path, tmp_path: Path) -> Project:
    """The shop, pulled and live, with a late source, a test that fails and a finding; a proposal that people
    talk about, another still written.
    """
    project = make_project(url=ready.origin(tmp_path / "git").url, slug="shop")
    ready.connected(project)
    source = "source.shop.landing.orders"
    Node.objects.create(project=project, unique_id=source, resource_type="source", name="orders")
    Edge.objects.create(project=project, parent=source, child="model.shop.fct_orders")
    failing = project.node_tests.filter(node__unique_id="model.shop.fct_orders")[0].unique_id
    now = timezone.now()
    keep(project, "prod", 0, [Found(source, "warn", now), Found(failing, "fail", now)])
    same = {"other": "revenue", "formula": "SUM(net_amount)"}
    health.keep(project, [Wrong("same-metric", "metric.gifts", "gifts", "models/metrics.yml", same)])
    for status in ("succeeded", "failed"):
        Run.objects.create(project=project, kind="catalog.lineage", status=status, finished_at=now)
    proposal = make_proposal(project, fields=FIELDS)
    authoring.proposal_submit(proposal=proposal, actor=proposal.author)
    reviewing.comment_add(proposal=proposal, body="Hello", actor=make_member(project, Role.REVIEWER))
    make_proposal(project, author=proposal.author)
    orders = "model.shop.fct_orders"
    several = authoring.proposal_open(project=project, author=proposal.author, kind="model", changing=orders)
    authoring.item_add(proposal=several, kind="column", changing=f"{orders}:status", actor=proposal.author)
    rule = authoring.proposal_open(project=project, author=proposal.author, kind="rule")
    authoring.draft_save(item=rule.items.get(), fields=SIZE, version=1, actor=rule.author)
    thread_choose(actor=proposal.author, thread=audit.key(proposal), choice="follow")
    return project


@pytest.fixture
def everybody(project: Project) -> Client:
    """Somebody who wrote the proposals, with every role."""
    author = Proposal.objects.earliest("id").author
    User.objects.filter(pk=author.pk).update(is_superuser=True)
    for role in Role:
        author.memberships.get_or_create(project=project, role=role)
    client = Client()
    client.force_login(author)
    return client


def queries(client: Client, path: str) -> list[str]:
    """What a page asks the database when its process has answered before."""
    assert client.get(path).status_code == 200
    with CaptureQueriesContext(connection) as captured:
        client.get(path)
    return [query["sql"] for query in captured.captured_queries]


@pytest.mark.parametrize(
    "path",
    [
        "/connect/",
        "/shop/",
        "/account/shortcuts/",
        "/account/notifications/?tab=all",
        "/account/notifications/choices/",
        "/shop/search/",
        "/shop/search/?q=e",
        "/shop/proposals/",
        "/shop/proposals/?tab=mine",
        "/shop/proposals/?tab=all",
        "/shop/proposals/1/",
        "/shop/prod/propose/",
        "/shop/prod/propose/?kind=model&of=model.shop.fct_orders",
        "/shop/prod/propose/?kind=calculation&way=query",
        "/shop/prod/propose/?kind=calculation&model=model.shop.fct_orders",
        "/shop/prod/proposals/2/edit/",
        "/shop/prod/proposals/3/edit/",
        "/shop/proposals/3/",
        "/shop/prod/vocabulary.json",
        "/shop/formulas/",
        "/shop/prod/metrics/",
        "/shop/prod/metrics/?q=revenue&show=new",
        "/shop/prod/metrics/revenue/",
        "/shop/dev/metrics/revenue/",
        "/shop/catalogue/",
        "/shop/catalogue/?q=o&kind=model",
        "/shop/catalogue/views/?q=o&kind=model",
        "/shop/catalogue/source.shop.landing.orders/",
        "/shop/catalogue/model.shop.fct_orders/",
        "/shop/catalogue/model.shop.fct_orders/owners/",
        "/shop/catalogue/metric.shop.revenue/owners/",
        "/shop/quality/",
        "/shop/lineage/model.shop.fct_orders/?up=all&down=all",
        "/shop/lineage/model.shop.fct_orders/?column=net_amount",
        "/shop/lineage/model.shop.fct_orders/?view=table",
        "/shop/health/",
        "/shop/pulls/",
        "/shop/runs/",
        "/shop/environments/",
        "/shop/environments/new/",
        "/shop/environments/staging/",
        "/shop/environments/staging/schedule/",
        "/shop/environments/staging/sources/",
        "/shop/settings/repository/",
        "/shop/settings/pulls/",
        "/shop/connect/repository/",
        "/shop/connect/remote/",
        "/shop/people/",
        "/shop/queues/",
        "/account/password/",
        "/system/queues/",
        "/system/people/",
        "/system/people/{person}/",
        "/system/",
        "/system/health/",
        "/system/settings/",
        "/system/repositories/",
        "/system/environments/",
        "/system/runs/",
        "/system/tokens/",
        "/system/audit/",
        "/system/audit/?object=revenue&person=maya",
        "/shop/audit/?object=revenue&person=maya",
    ],
)
def test_a_page_asks_the_database_at_most_15_times(everybody: Client, path: str) -> None:
    asked = queries(everybody, path.format(person=User.objects.earliest("id").pk))

    assert len(asked) <= MOST, "\n".join(asked)


def test_the_page_of_a_run_and_the_preview_ask_at_most_15_times(everybody: Client) -> None:
    run = Run.objects.earliest("id")
    typed = {"label": "Pieces", "formula": "SUM(quantity) / SUM(net_amount)", "version": "1"}
    everybody.post("/shop/prod/proposals/2/preview/", typed)
    with CaptureQueriesContext(connection) as captured:
        assert everybody.post("/shop/prod/proposals/2/preview/", typed).status_code == 200

    assert len(captured) <= MOST
    assert len(queries(everybody, f"/shop/runs/{run.pk}/")) <= MOST


@pytest.mark.parametrize(
    "path",
    [
        "/shop/",
        "/account/notifications/?tab=all",
        "/shop/search/?q=e",
        "/shop/proposals/?tab=all",
        "/shop/prod/metrics/",
        "/shop/runs/",
        "/shop/people/",
        "/shop/queues/",
        "/system/people/",
        "/system/queues/",
        "/system/runs/",
        "/system/audit/",
        "/shop/audit/",
    ],
)
def test_a_longer_list_asks_no_more(everybody: Client, project: Project, path: str) -> None:
    announce()
    before = queries(everybody, path)
    for number in range(8):
        proposal = make_proposal(project, author=make_member(project, Role.CONTRIBUTOR))
        Proposal.objects.filter(pk=proposal.pk).update(status="in_review", submitted_at=proposal.created_at)
        Run.objects.create(
            project=project, kind="pull", subject=str(number), status="failed", requested_by=proposal.author
        )
        Run.objects.create(
            project=project, kind="pull", subject=str(number), status="queued", requested_by=proposal.author
        )
        definition = Definition.objects.create(
            project=project, name=f"metric_{number}", state="published", unique_id=f"metric.shop.m{number}"
        )
        Usage.objects.create(
            project=project, definition=definition, kind="exposure", key="k", label="Dashboard"
        )

        thread_choose(
            actor=Proposal.objects.earliest("id").author, thread=f"proposal:{proposal.pk}", choice="follow"
        )
        reviewing.comment_add(proposal=proposal, body="Hello", actor=proposal.author)
    announce()

    after = queries(everybody, path)

    assert len(after) <= len(before), "\n".join(after)
