"""A pull by real git and dbt: what changed is told, and one that fails leaves everything as it was."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.test import Client

from catalog.models import Node, Snapshot
from catalog.selectors import children_of
from governance.models import AuditEvent
from governance.roles import Role
from semantic.models import Definition, Usage
from tests.factories import make_member, make_project, work_off
from tests.ready import Ready
from workspace.actions import pull_request
from workspace.models import Repository, Run

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.dbt]

METRICS = "models/metrics.yml"
SCHEMA = "models/schema.yml"
EXPOSURE = """
exposures:
  - name: weekly
    label: Weekly numbers
    type: dashboard
    url: https://bi.example.com/weekly
    owner: {name: Ana, email: ana@example.com}
    depends_on: [ref('fct_orders'), metric('revenue'), metric('completed_share')]
"""


def test_a_pull_brings_what_colleagues_did_and_a_broken_one_changes_nothing(
    ready: Ready, tmp_path: Path, data_dir: Path
) -> None:
    origin = ready.origin(tmp_path / "git")
    project = make_project(url=origin.url)
    ready.pulled(project)
    person = make_member(project, Role.CONTRIBUTOR)
    text = (origin.clone / METRICS).read_text()
    changed = text.replace("All net revenue.", "Net of discounts \U0001f680.").replace(
        "name: gifts\n", "name: presents\n"
    )
    head = origin.commit(
        {METRICS: changed, "models/exposures.yml": EXPOSURE}, "metrics: Say it better.\n\nAt length."
    )

    pull_request(project=project, actor=person)
    (run,) = work_off()

    snapshot = Snapshot.objects.get(run=run)
    assert (run.status, run.result["commit"]) == ("succeeded", head)
    assert (snapshot.commit, snapshot.subject, snapshot.author) == (head, "metrics: Say it better.", "Ada")
    assert set(snapshot.changed.values_list("kind", "resource_type", "name")) == {
        ("added", "metric", "presents"),
        ("added", "exposure", "weekly"),
        ("changed", "metric", "revenue"),
        ("removed", "metric", "gifts"),
    }
    assert snapshot.changes == {"first": False, "added": 2, "changed": 1, "removed": 1}
    told = snapshot.changed.get(name="revenue").told()
    assert [(one.name, one.commit, one.where) for one in told] == [("description", head, f"{METRICS}:5")]
    revenue = Definition.objects.get(name="revenue")
    assert (revenue.description, revenue.state) == ("Net of discounts \U0001f680.", "published")
    assert {d.name: d.state for d in Definition.objects.filter(name__in=["gifts", "presents"])} == {
        "gifts": "retired",
        "presents": "published",
    }
    used = Usage.objects.values_list("definition__name", "label", "url", "owner")
    assert set(used) == {
        (name, "Weekly numbers", "https://bi.example.com/weekly", "Ana")
        for name in ("revenue", "completed_share")
    }
    assert Repository.objects.get(project=project).synced_commit == head
    event = AuditEvent.objects.get(action="pull.arrived")
    assert event.actor == person
    assert event.after["metrics"] == {"added": ["presents"], "changed": ["revenue"], "removed": ["gifts"]}

    pull_request(project=project, actor=person)
    (again,) = work_off()
    assert again.result == {"commit": head, "snapshot": snapshot.pk, "unchanged": True}
    assert not again.commands.filter(name__startswith="dbt").exists()

    before = list(Node.objects.order_by("pk").values())
    origin.commit({METRICS: text + "  - name: {{ broken\n"}, "metrics: Break it.")
    pull_request(project=project, actor=person)
    (failed,) = work_off()

    assert failed.status == "failed"
    assert METRICS in failed.error
    assert list(Node.objects.order_by("pk").values()) == before
    assert Snapshot.objects.latest() == snapshot
    assert Repository.objects.get(project=project).synced_commit == head
    assert not Run.objects.filter(status__in=["queued", "running"]).exclude(kind="catalog.lineage").exists()
    assert list((data_dir / "runs").iterdir()) == []


VERSIONED = """
  - name: dim_customers
    latest_version: 2
    access: public
    group: sales
    config: {contract: {enforced: true}}
    constraints: [{type: primary_key, columns: [customer_id]}]
    columns:
      - {name: customer_id, data_type: integer, constraints: [{type: not_null}]}
      - {name: country, data_type: varchar}
    versions:
      - {v: 1, deprecation_date: 2031-06-30}
      - {v: 2, columns: [{include: all, exclude: [country]}]}
"""


def test_a_model_that_gets_versions_goes_on_as_one_of_them_and_each_is_told_apart(
    ready: Ready, tmp_path: Path, data_dir: Path, client: Client
) -> None:
    origin = ready.origin(tmp_path / "git")
    project = make_project(url=origin.url)
    ready.pulled(project)
    person = make_member(project, Role.CONTRIBUTOR)
    described, sql = ((origin.clone / name).read_text() for name in (SCHEMA, "models/dim_customers.sql"))
    before, _columns = described.split("\n  - name: dim_customers")
    origin.commit(
        {
            SCHEMA: before + VERSIONED,
            "models/dim_customers.sql": None,
            "models/dim_customers_v1.sql": sql,
            "models/dim_customers_v2.sql": "select customer_id from {{ ref('dim_customers', v=1) }}\n",
            "models/semantics.yml": (origin.clone / "models/semantics.yml")
            .read_text()
            .replace("ref('dim_customers')", "ref('dim_customers', v=1)"),
            "models/uses.sql": "select * from {{ ref('dim_customers') }}\n",
        },
        "customers: Begin a second version.",
    )

    pull_request(project=project, actor=person)
    (run,) = work_off()

    assert run.status == "succeeded", run.error
    old, new = (f"model.shop.dim_customers.v{number}" for number in (1, 2))
    added = {
        change.unique_id: change for change in Snapshot.objects.get(run=run).changed.filter(kind="added")
    }
    assert (added[old].renamed, added[old].same) == ("model.shop.dim_customers", True)
    assert not added[new].renamed
    assert [node.unique_id for node in children_of(Node.objects.get(unique_id=new))] == ["model.shop.uses"]
    client.force_login(person)

    def told(path: str) -> str:
        answer = client.get(f"/{project.slug}/{path}")
        assert answer.status_code == 200
        text = re.sub(r"</?mark>", "", answer.content.decode())
        return " ".join(re.sub(r"<[^>]+>", " ", text).split())

    page = told(f"catalogue/{old}/")
    assert "dim_customers v1 Model Public Deprecated in the group sales" in page
    assert "Version 1 · the latest is 2 Deprecated as of 2031-06-30 Contract enforced: a build" in page
    assert "no customer_id appears twice, and none is blank" in page
    assert "Version 2 · the latest: what names no version reads it Contract" in told(f"catalogue/{new}/")
    assert "dim_customers v1 Model" in told(f"lineage/{new}/")
    for path in ("catalogue/?q=dim_customers", "quality/", "search/?q=dim_customers"):
        shown = told(path)
        assert "dim_customers v1" in shown, path
        assert "dim_customers v2" in shown, path
