"""How fresh sources are: asked of dbt by hand, by the clock and after releases, and told wherever it matters."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from bisync.lib.errors import InvalidInput, NotAllowed
from catalog.models import Edge, Node, Outcome
from catalog.outcomes import Found, keep, looked_wrong, trust_of
from catalog.standing import doubts, standings
from environments import freshness
from environments.actions import deployment_request
from environments.freshness import (
    NothingLive,
    declared,
    freshness_request,
    freshness_schedule_set,
    looks_after,
    looks_due,
)
from environments.models import Deployment, Environment, FreshnessSchedule
from governance.models import AuditEvent, Project, User
from governance.roles import Role
from tests.factories import make_environment, make_member, make_project
from tests.fakes.git_remote import Origin
from tests.programs import Program
from tests.ready import Ready
from workspace import runs
from workspace.dbt.results import Freshness, Metadata, SourceFreshness
from workspace.models import Artifact, Run
from workspace.strategies import strategy_set
from workspace.warehouse.gate import open_warehouse

HOURLY: dict[str, Any] = {"every": "hours", "count": 1}
METRIC = "metric.shop.revenue"
ORDERS, VISITS = "source.shop.landing.orders", "source.shop.landing.visits"
LIMITS = "{warn_after: {count: 1, period: day}, error_after: {count: 30, period: day}}"
SOURCES = f"""
sources:
  - name: landing
    schema: "{{{{ target.schema }}}}"
    tables:
      - name: visits
        identifier: raw_visits
        loaded_at_field: loaded_at
        freshness: {LIMITS}
      - name: orders
        identifier: raw_orders
        loaded_at_field: loaded_at
        freshness: {LIMITS}
      - name: returns
        identifier: raw_returns
        loaded_at_field: loaded_at
        freshness: {LIMITS}
      - name: gone
        identifier: nowhere
        loaded_at_field: loaded_at
        freshness: {LIMITS}
      - name: timeless
        identifier: raw_orders
        freshness: {LIMITS}
      - name: raw.events
        identifier: raw_orders
        freshness: {LIMITS}
      - name: people
        identifier: raw_orders
"""


def loaded(days: int) -> str:
    """A table whose newest row came so many days and an hour ago."""
    return f"select 1 as id, cast(current_timestamp as timestamp) - interval '{days * 24 + 1} hours' as loaded_at\n"


# A hook that changes the warehouse each time that dbt runs it.
HOOK = "create table {{ target.schema }}.after_{{ run_started_at.strftime('%H%M%S%f') }} (a int)"
FILES = {
    "dbt_project.yml": f"name: shop\nversion: '1.0'\nprofile: shop\nmodels: {{+materialized: table}}\non-run-end: \"{HOOK}\"\n",
    "models/sources.yml": SOURCES,
    "models/raw_visits.sql": loaded(0),
    "models/raw_orders.sql": loaded(2),
    "models/raw_returns.sql": loaded(90),
}


@pytest.mark.dbt
@pytest.mark.django_db(transaction=True)
def test_after_a_release_dbt_looks_at_its_sources_beside_those_who_read_them(
    tmp_path: Path, data_dir: Path
) -> None:
    origin = Origin(tmp_path / "git")
    commit = origin.commit(FILES)
    environment = make_environment(make_project(url=origin.url))
    deployment_request(environment=environment, commit=commit, reason="Because", actor=None)
    run = Run.objects.get(kind="environment.deploy")
    runs.execute(run.pk)
    run.refresh_from_db()
    assert run.error == ""

    look = Run.objects.get(kind="environment.freshness")
    live = Deployment.objects.get(status="live")
    once = Found("source.shop.landing.once", "error", timezone.now(), fields={"run": run.pk})
    keep(environment.project, "prod", 0, [once])
    with open_warehouse(live.location) as reader:
        before = Path(live.location.path).read_bytes()
        runs.execute(look.pk)
        assert reader.query("select count(*) from analytics.raw_orders").rows == ((1,),)
    look.refresh_from_db()

    assert (look.status, look.error) == ("succeeded", "")
    assert look.result["counts"] == {"pass": 1, "warn": 1, "error": 1, "runtime error": 1}
    assert look.result["said"] == (
        "4 sources looked at: 1 fresh, 1 late, 1 stale, 1 could not be looked at. "
        "2 sources declare freshness without a loaded_at_field and are left out."
    )
    found = {
        row.unique_id.split(".")[-1]: row for row in Outcome.objects.filter(unique_id__startswith="source.")
    }
    assert {name: row.status for name, row in found.items()} == {
        "visits": "pass",
        "orders": "warn",
        "returns": "error",
        "gone": "runtime error",
    }
    assert {(row.environment, row.rank, row.run) for row in found.values()} == {("prod", 0, look.pk)}
    assert "nowhere" in found["gone"].message
    newest = found["orders"].newest
    assert newest is not None
    assert timedelta(days=1, hours=23) < timezone.now() - newest < timedelta(days=3)
    # Neither dbt nor the project's hooks wrote anything.
    assert Path(live.location.path).read_bytes() == before
    assert look.commands.get(name="dbt source freshness").exit_code == 1

    Path(live.location.path).rename(tmp_path / "away.duckdb")
    again = freshness_request(environment=Environment.objects.get(pk=environment.pk), actor=None)
    runs.execute(again.pk)
    again.refresh_from_db()
    assert (again.status, again.error_code) == ("failed", "warehouse-missing")
    assert Outcome.objects.get(unique_id=VISITS).run == look.pk


# -- What needs no dbt ----------------------------------------------------------------------------------


@pytest.fixture
def project(ready: Ready) -> Project:
    project = make_project(slug="shop", url="https://git.example.com/shop.git")
    ready.pulled(project)
    source = {"loaded_at_field": "loaded_at", "freshness": {"warn_after": {"count": 1, "period": "day"}}}
    for key, fields in ((ORDERS, source), (VISITS, {"freshness": source["freshness"]})):
        Node.objects.create(
            project=project, unique_id=key, resource_type="source", name=key.split(".")[-1], fields=fields
        )
    Edge.objects.create(project=project, parent=ORDERS, child="model.shop.fct_orders")
    return project


@pytest.fixture
def environment(ready: Ready, project: Project, data_dir: Path) -> Environment:
    """Production, with a version live that declares no freshness."""
    ready.live(make_environment(project))
    return make_environment(project)


@pytest.fixture
def priya(project: Project) -> User:
    return make_member(project, Role.PUBLISHER)


def told(project: Project, status: str, *, age: timedelta = timedelta(), run: int | None = None) -> None:
    by = {} if run is None else {"run": run}
    fields = {"max_loaded_at": "2026-02-20T10:00:00Z", "age": 60.0, **by}
    keep(project, "prod", 0, [Found(ORDERS, status, timezone.now() - age, fields=fields)])


def page(person: User, path: str) -> str:
    client = Client()
    client.force_login(person)
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.parametrize(
    ("source", "looked", "timeless"),
    [
        ({}, False, False),
        ({"loaded_at_field": "at"}, False, False),
        (
            {"loaded_at_field": "at", "freshness": {"warn_after": {"count": None, "period": None}}},
            False,
            False,
        ),
        ({"loaded_at_field": "at", "freshness": {"warn_after": None, "error_after": None}}, False, False),
        ({"loaded_at_field": "at", "freshness": {"warn_after": {"count": 1, "period": "day"}}}, True, False),
        ({"loaded_at_query": "s", "freshness": {"error_after": {"count": 1, "period": "day"}}}, True, False),
        ({"freshness": {"error_after": {"count": 1, "period": "day"}}}, False, True),
    ],
)
def test_only_what_can_be_looked_at_is(source: dict[str, Any], looked: bool, timeless: bool) -> None:
    found = declared({"source.a.b.c": source})

    assert (bool(found.looked), bool(found.timeless)) == (looked, timeless)


@pytest.mark.django_db(transaction=True)
def test_a_project_without_freshness_says_so_and_starts_no_dbt(environment: Environment) -> None:
    run = freshness_request(environment=environment, actor=None)
    runs.execute(run.pk)
    run.refresh_from_db()

    assert run.status == "succeeded"
    assert run.result["said"].startswith("No source of this version declares freshness")
    assert not run.commands.exists()


@pytest.mark.django_db(transaction=True)
def test_what_nobody_looks_at_any_more_is_forgotten_but_not_what_was_uploaded(
    environment: Environment, project: Project
) -> None:
    told(project, "error", run=1)
    keep(project, "prod", 0, [Found(VISITS, "error", timezone.now())])
    keep(project, "staging", 1, [Found(ORDERS, "warn", timezone.now(), fields={"run": 1})])

    runs.execute(freshness_request(environment=environment, actor=None).pk)

    left = Outcome.objects.order_by("environment").values_list("environment", "unique_id")
    assert list(left) == [("prod", VISITS), ("staging", ORDERS)]


@pytest.mark.django_db
def test_a_source_that_is_gone_is_wrong_no_more(environment: Environment, project: Project) -> None:
    keep(project, "prod", 0, [Found("source.shop.landing.gone", "error", timezone.now())])
    assert looked_wrong(project).wrong == []

    told(project, "error")
    assert [one.unique_id for one in looked_wrong(project).wrong] == [ORDERS]


@pytest.mark.django_db(transaction=True)
def test_where_no_result_is_kept_nothing_looks_by_itself_and_a_look_by_hand_says_so(
    ready: Ready, environment: Environment, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = Deployment.objects.get(status="live")
    source = {"loaded_at_field": "loaded_at", "freshness": {"warn_after": {"count": 1, "period": "day"}}}
    manifest = {**ready.manifest, "sources": {ORDERS: source}}
    live.manifest = Artifact.keep("manifest.json", json.dumps(manifest).encode())
    live.save()
    assert looks_after(live)
    FreshnessSchedule.objects.create(environment=environment, **HOURLY, next_at=timezone.now())
    ada = make_member(project, Role.ADMIN)
    strategy_set(project=project, choices={"tests.strategy": "off"}, actor=ada)

    assert not looks_after(live)
    assert looks_due() == 1
    assert not Run.objects.exists()

    answer = SourceFreshness(Metadata(), [Freshness(ORDERS, "pass")])
    monkeypatch.setattr(freshness, "_ask_dbt", lambda *_given: answer)
    run = freshness_request(environment=environment, actor=ada)
    runs.execute(run.pk)
    run.refresh_from_db()

    assert (run.status, Outcome.objects.count()) == ("succeeded", 0)
    assert run.result["said"].startswith(
        "1 source looked at: 1 fresh. Nothing of it is kept, for tests are off"
    )


@pytest.mark.django_db
def test_whoever_may_pull_may_ask_and_a_second_ask_is_the_first(
    environment: Environment, project: Project, rings: list[int]
) -> None:
    maya, viewer = make_member(project, Role.CONTRIBUTOR), make_member(project, Role.VIEWER)
    client = Client()
    client.force_login(maya)
    path = f"/{project.slug}/environments/prod/sources/look/"

    first = client.post(path)
    again = client.post(f"/api/v1/projects/{project.slug}/environments/prod/freshness/")

    run = Run.objects.get()
    assert first["Location"] == f"/{project.slug}/runs/{run.pk}/"
    assert (again.status_code, again.json()["id"], again.json()["kind"]) == (
        202,
        run.pk,
        "environment.freshness",
    )
    assert run.requested_by == maya
    assert AuditEvent.objects.filter(action="run.requested", actor=maya).count() == 2
    client.force_login(viewer)
    assert client.post(path).status_code == 403
    sources = f"/{project.slug}/environments/prod/sources/"
    assert "Check sources now" not in page(viewer, sources)
    assert "Check sources now" in page(maya, sources)
    assert "nobody looks by itself" not in page(maya, sources)
    strategy_set(project=project, choices={"tests.strategy": "off"}, actor=make_member(project, Role.ADMIN))
    assert "nobody looks by itself" in page(maya, sources)
    Node.objects.filter(resource_type="source").delete()
    assert "Check sources now" not in page(maya, sources)


@pytest.mark.django_db
def test_where_nothing_is_live_there_is_nothing_to_look_at(project: Project) -> None:
    environment = make_environment(project)
    FreshnessSchedule.objects.create(environment=environment, **HOURLY, next_at=timezone.now())

    with pytest.raises(NothingLive, match="Deploy to it first"):
        freshness_request(environment=environment, actor=make_member(project, Role.CONTRIBUTOR))
    assert looks_due() == 1
    assert not Run.objects.exists()


@pytest.mark.django_db
def test_the_clock_asks_once_and_says_when_next(environment: Environment) -> None:
    due = timezone.now() - timedelta(minutes=1)
    FreshnessSchedule.objects.create(environment=environment, **HOURLY, next_at=due)

    assert (looks_due(), looks_due()) == (1, 0)

    run = Run.objects.get(kind="environment.freshness")
    assert run.params == {"environment": environment.pk}
    assert AuditEvent.objects.get(action="run.requested").actor is None
    assert FreshnessSchedule.objects.get().next_at > timezone.now()


@pytest.mark.django_db
def test_a_timetable_is_set_on_the_page_by_whoever_deploys(
    environment: Environment, project: Project, priya: User
) -> None:
    with pytest.raises(NotAllowed):
        freshness_schedule_set(environment=environment, values=HOURLY, actor=make_member(project, Role.ADMIN))
    with pytest.raises(InvalidInput):
        freshness_schedule_set(environment=environment, values={"every": "minutes", "count": 1}, actor=priya)
    client = Client()
    client.force_login(priya)
    path = f"/{project.slug}/environments/prod/sources/"

    assert client.post(path, {"every": "minutes", "count": "1"}).status_code == 422
    saved = client.post(path, {"every": "hours", "count": "1"}, follow=True).content.decode()

    assert "Every hour" in saved
    assert "Every hour" in page(priya, f"/{project.slug}/environments/")
    event = AuditEvent.objects.get(action="environment.freshness_schedule_changed")
    assert (event.before, event.after, event.environment) == ({}, HOURLY, "prod")


@pytest.mark.django_db
def test_everything_made_from_a_source_tells_how_fresh_it_was_and_who_looked(
    environment: Environment, project: Project, priya: User
) -> None:
    run = runs.request(kind="pull", project=project)
    told(project, "error", age=timedelta(hours=3), run=run.pk)

    for place in (
        f"catalogue/{ORDERS}/",
        "catalogue/model.shop.fct_orders/",
        "prod/metrics/revenue/",
        "environments/prod/sources/",
    ):
        text = page(priya, f"/{project.slug}/{place}")
        assert "stale" in text, place
        assert "2026-02-20T10:00" in text, place
        assert "3 hours ago" in text, place
        assert f'/runs/{run.pk}/">by Bisync' in text, place
    assert "Older than its timetable allows" not in text
    assert "no loaded_at_field" in text
    for place in (
        "",
        "catalogue/",
        "prod/metrics/",
        "search/?q=revenue",
        "lineage/model.shop.fct_orders/?column=net_amount",
        "lineage/model.shop.fct_orders/?up=all&view=table",
    ):
        text = re.sub(r"<svg.*?</svg>", "", page(priya, f"/{project.slug}/{place}"), flags=re.DOTALL)
        assert ">stale source" in text, place

    told(project, "pass")
    text = page(priya, f"/{project.slug}/catalogue/model.shop.fct_orders/")
    assert "uploaded" in text
    assert "by Bisync" not in text


@pytest.mark.django_db
def test_a_column_is_as_fresh_as_the_sources_that_it_comes_from(
    environment: Environment, project: Project, priya: User
) -> None:
    told(project, "warn")

    assert "Sources below it" in page(priya, f"/{project.slug}/lineage/{ORDERS}/?column=id")
    assert "Sources below it" not in page(priya, f"/{project.slug}/lineage/model.shop.days/?column=id")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("every", "age", "old"),
    [
        (None, timedelta(days=900), False),
        ({"every": "minutes", "count": 10}, timedelta(minutes=19), False),
        ({"every": "minutes", "count": 10}, timedelta(minutes=21), True),
        ({"every": "day"}, timedelta(hours=24, minutes=50), False),
        ({"every": "day"}, timedelta(hours=26), True),
    ],
)
def test_what_is_older_than_its_timetable_promises_is_told_as_old(
    environment: Environment,
    project: Project,
    priya: User,
    every: dict[str, Any] | None,
    age: timedelta,
    old: bool,
) -> None:
    if every is not None:
        FreshnessSchedule.objects.create(environment=environment, **every, next_at=timezone.now())
    told(project, "pass", age=age)

    below = trust_of(project, "model.shop.fct_orders")
    assert [one.unique_id for one in below.lapsed] == ([ORDERS] if old else [])
    assert below.tone == ("warn" if old else "ok")
    stands = standings(project, [METRIC, ORDERS])
    assert {stands.of(key).words for key in (METRIC, ORDERS)} == {"look too old" if old else "passes"}
    late = "The last look at its source landing.orders is older than its timetable allows"
    assert [sentence.partition(":")[0] for sentence, _what in doubts(below)] == ([late] if old else [])
    assert [one.unique_id for one in looked_wrong(project).wrong] == ([ORDERS] if old else [])
    for place in ("catalogue/model.shop.fct_orders/", "prod/metrics/revenue/", "health/"):
        text = page(priya, f"/{project.slug}/{place}")
        assert ("Older than its timetable allows" in text) is old, place
    for place in ("catalogue/?kind=model", "prod/metrics/?q=revenue", "lineage/model.shop.fct_orders/"):
        assert ("look too old" in page(priya, f"/{project.slug}/{place}")) is old, place
    found = Program(priya, "read").get(f"/projects/{project.slug}/metrics/revenue/")[1]["trust"]
    assert (found["state"], [one["old"] for one in found["wrong"]]) == (
        ("warn", [True]) if old else ("ok", [])
    )


@pytest.mark.django_db
def test_a_timetable_of_one_environment_promises_nothing_of_another(
    environment: Environment, project: Project
) -> None:
    staging = Environment.objects.get(project=project, slug="staging")
    FreshnessSchedule.objects.create(environment=staging, **HOURLY, next_at=timezone.now())
    told(project, "pass", age=timedelta(days=2))

    assert freshness.promised(project) == {"staging": timedelta(hours=2)}
    assert looked_wrong(project).wrong == []
