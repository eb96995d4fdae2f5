"""Versions built by dbt beside the live one, and the switch: on DuckDB, and on a PostgreSQL that is being read."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection as django_connection
from django.utils import timezone

from bisync.lib import crash
from catalog import outcomes
from catalog.models import Outcome
from environments.actions import deployment_request
from environments.freshness import freshness_request
from environments.models import Deployment, Environment, MetricSeries
from environments.numbers import by_period, in_all
from environments.selectors import reading
from governance.roles import Role
from semantic.formula.tree import MetricRef
from tests.factories import make_environment, make_member, make_project
from tests.fakes.git_remote import Origin
from tests.postgres import Cluster
from tests.ready import PROJECT_FILES, Ready
from workspace import runs
from workspace.actions import run_cancel, run_retry
from workspace.models import Artifact, Connection, Run, RunCommand
from workspace.warehouse.postgres import close_idle

# Threads keep leases alive and read beside the work: they need to see its rows.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.dbt]

VISITS = "models/fct_visits.sql"


@pytest.fixture
def origin(ready: Ready, tmp_path: Path, data_dir: Path) -> Origin:
    return ready.origin(tmp_path / "git")


@pytest.fixture
def production(ready: Ready, origin: Origin) -> Environment:
    """Version 1 is live there."""
    return ready.connected(make_project(url=origin.url))


def asked(environment: Environment, commit: str) -> Deployment:
    return deployment_request(environment=environment, commit=commit, reason="Because", actor=None)


def live_of(environment: Environment) -> Deployment:
    live = Environment.objects.get(pk=environment.pk).live
    assert live is not None
    assert live.status == "live"
    return live


def revenue(deployment: Deployment) -> float | None:
    return in_all(reading(deployment), MetricRef("revenue"))


def built_by(deployment: Deployment) -> set[str]:
    """What dbt did for a version, by name."""
    return {node["unique_id"].split(".")[2] for node in deployment.results["nodes"]}


def let_lease_lapse() -> None:
    Run.objects.filter(status="running").update(lease_until=timezone.now() - timedelta(seconds=1))


class Killed(BaseException):
    """As `kill -9`: nothing behind it is carried out that would write a row."""


@pytest.fixture
def kill_at(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The next points at which the worker is killed."""
    points: list[str] = []

    def point(name: str) -> None:
        if name in points:
            points.remove(name)
            raise Killed(name)

    monkeypatch.setattr(crash, "point", point)
    return points


def test_the_first_version_builds_everything_and_measures_the_metrics(
    ready: Ready, origin: Origin, data_dir: Path
) -> None:
    project = make_project(url=origin.url)
    ready.pulled(project)
    environment = make_environment(project)
    deployment = asked(environment, ready.commit)
    source = outcomes.Found("source.shop.raw.orders", "error", timezone.now(), fields={"run": 1})
    outcomes.keep(project, "prod", 0, [source])

    (run,) = work_off_deployments()

    deployment.refresh_from_db()
    assert (run.status, run.result) == ("succeeded", {"versions": [1]})
    # This version declares no freshness.
    assert not Outcome.objects.filter(unique_id=source.unique_id).exists()
    assert {one.run for one in Outcome.objects.all()} == {run.pk}
    assert live_of(environment) == deployment
    assert deployment.results["counts"] == {"success": 4, "pass": 5}
    assert set(deployment.relations) == {
        f"model.shop.{name}" for name in ("days", "fct_orders", "dim_customers", "fct_visits")
    }
    assert revenue(deployment) == 325
    series = MetricSeries.objects.get(deployment=deployment, metric="revenue")
    assert series.points == [
        ["2026-01-01", 150.0],
        ["2026-02-01", 100.0],
        ["2026-03-01", None],
        ["2026-05-01", 75.0],
    ]
    assert MetricSeries.objects.filter(deployment=deployment).count() == 21
    assert list((data_dir / "runs").iterdir()) == []
    assert list((data_dir / "git" / "worktrees").iterdir()) == []


def work_off_deployments() -> list[Run]:
    """The deployments that wait; the pull that follows each is another test's."""
    done = []
    while run := Run.objects.filter(status="queued", kind="environment.deploy").order_by("id").first():
        runs.execute(run.pk)
        run.refresh_from_db()
        done.append(run)
    return done


def test_a_later_version_builds_what_changed_and_keeps_the_rest_and_the_old_one_stays_readable(
    production: Environment, origin: Origin
) -> None:
    first = live_of(production)
    before = reading(first)
    commit = origin.commit(
        {VISITS: "select 1 as visit_id, 10 as customer_id, date '2026-01-01' as visited_on\n"}
    )
    second = asked(production, commit)
    away = origin.path.rename(origin.path.with_name("away"))
    (run,) = work_off_deployments()
    second.refresh_from_db()
    assert (run.status, second.status) == ("failed", "failed")
    assert second.error == run.error != ""

    away.rename(origin.path)
    run_retry(run=run, actor=make_member(production.project, Role.PUBLISHER))
    (again,) = work_off_deployments()

    second.refresh_from_db()
    assert (again.status, second.error) == ("succeeded", "")
    assert live_of(production) == second
    assert built_by(second) == {"fct_visits"}
    assert second.relations == first.relations
    assert revenue(second) == revenue(first) == 325
    visits = "SELECT count(*) FROM analytics.fct_visits"
    assert (rows(second, visits), rows(first, visits)) == (1, 4)
    assert before.location.path != reading(second).location.path
    first.refresh_from_db()
    assert first.status == "superseded"
    # What brings the new code's definitions, and where its columns come from.
    waiting = Run.objects.filter(status="queued").values_list("kind", flat=True)
    assert sorted(waiting) == ["catalog.lineage", "pull"]


def rows(deployment: Deployment, sql: str) -> Any:
    from workspace.warehouse.gate import open_warehouse

    with open_warehouse(deployment.location) as warehouse:
        return warehouse.query(sql).rows[0][0]


def test_a_version_that_fails_leaves_the_live_one_and_the_next_one_is_built_on_that(
    production: Environment, origin: Origin
) -> None:
    first = live_of(production)
    file = "models/fct_orders.sql"
    good = (origin.clone / file).read_text()
    broken = asked(production, origin.commit({file: good.replace("(2, 10", "(1, 10")}, "A number twice."))
    mended = asked(production, origin.commit({file: good.replace("50.00", "51.00")}, "Once again."))

    (run,) = work_off_deployments()

    broken.refresh_from_db()
    mended.refresh_from_db()
    assert (run.status, run.error_code) == ("failed", "dbt-build-failed")
    assert broken.status == "failed"
    assert broken.error == run.error
    assert "unique_fct_orders_order_id" in broken.error
    assert mended.status == "live"
    assert revenue(mended) == 326
    assert revenue(first) == 325

    # What failed is older than what is live by now: the button repeats nothing.
    run_retry(run=run, actor=make_member(production.project, Role.PUBLISHER))
    assert [again.status for again in work_off_deployments()] == ["succeeded"]
    assert live_of(production) == mended


def test_a_version_in_which_a_metric_is_lost_does_not_go_live(
    production: Environment, origin: Origin
) -> None:
    live = live_of(production)
    MetricSeries.objects.create(deployment=live, metric="revenue", points=[])
    orders = PROJECT_FILES["models/fct_orders.sql"]
    deployment = asked(production, origin.commit({"models/fct_orders.sql": orders.replace("net_", "gross_")}))

    (run,) = work_off_deployments()

    deployment.refresh_from_db()
    assert (run.status, run.error_code, deployment.status) == ("failed", "metrics-lost", "failed")
    assert "cannot be computed: revenue. The warehouse says" in run.error
    assert 'column named "net_amount"' in run.error
    assert (live_of(production), revenue(live)) == (live, 325)


def test_a_deployment_stays_with_whatever_run_was_last_asked_to_repeat_it(
    production: Environment, origin: Origin
) -> None:
    priya = make_member(production.project, Role.PUBLISHER)
    second = asked(production, origin.commit({VISITS: "select 1 as visit_id, 10 as customer_id\n"}))
    for _time in range(2):
        run = Run.objects.latest("id")
        run_cancel(run=run, actor=priya)
        run.refresh_from_db()
        second.refresh_from_db()
        assert (second.run, second.status, second.error_code) == (run, "failed", "cancelled")
        again = run_retry(run=run, actor=priya)
        second.refresh_from_db()
        assert (second.run, second.status, second.error) == (again, "planned", "")

    # A later one is faster than the repetition.
    first = live_of(production)
    Deployment.objects.filter(pk=first.pk).update(number=3)
    (last,) = work_off_deployments()

    second.refresh_from_db()
    assert (last.status, last.error_code, second.error_code) == ("failed", "overtaken", "overtaken")
    assert live_of(production) == first


def test_a_worker_killed_at_each_point_in_turn_leaves_one_live_version_built_twice_at_most(
    production: Environment, origin: Origin, kill_at: list[str], settings: Any, data_dir: Path
) -> None:
    settings.RUN_ATTEMPTS = 9
    first = live_of(production)
    second = asked(production, origin.commit({VISITS: "select 1 as visit_id\n"}))
    run = Run.objects.get(kind="environment.deploy")

    for point in ("deploy-built", "deploy-views", "deploy-live"):
        kill_at.append(point)
        with pytest.raises(Killed, match=point):
            runs.execute(run.pk)
        if point != "deploy-live":
            assert live_of(production) == first
            assert revenue(first) == 325
        let_lease_lapse()
    runs.execute(run.pk)

    run.refresh_from_db()
    assert (run.status, run.attempt) == ("succeeded", 4)
    assert live_of(production) == second
    builds = RunCommand.objects.filter(name="dbt build")
    assert list(builds.values_list("attempt", flat=True)) == [1, 2]
    assert MetricSeries.objects.filter(deployment=second).count() == 21
    assert Run.objects.filter(kind="pull", status="queued").count() == 1
    assert list((data_dir / "runs").iterdir()) == []


# -- PostgreSQL as the warehouse ------------------------------------------------------------------------

SERVER_FILES = {
    "dbt_project.yml": "name: shop\nversion: '1.0'\nprofile: shop\nmodels: {shop: {+materialized: table}}\n",
    "models/days.sql": (
        "select cast(day as date) as date_day"
        " from generate_series(date '2026-01-01', date '2026-03-31', interval '1 day') as days(day)\n"
    ),
    "models/orders.sql": (
        "select * from (values (1, date '2026-01-05', 10.5), (2, date '2026-02-05', 20.0))"
        " as t(order_id, ordered_on, amount)\n"
    ),
    "models/totals.sql": "{{ config(schema='finance') }}\nselect sum(amount) as total, 1 as version from {{ ref('orders') }}\n",
    "models/schema.yml": """
models:
  - name: days
    time_spine: {standard_granularity_column: date_day}
    columns: [{name: date_day, granularity: day}]
  - name: orders
    columns: [{name: order_id, data_tests: [unique, not_null]}]
semantic_models:
  - name: orders
    model: ref('orders')
    defaults: {agg_time_dimension: ordered_on}
    entities: [{name: order, type: primary, expr: order_id}]
    dimensions: [{name: ordered_on, type: time, type_params: {time_granularity: day}}]
    measures: [{name: amount, agg: sum}]
metrics:
  - {name: revenue, label: Revenue, type: simple, type_params: {measure: amount}}
""",
}


@pytest.fixture
def server() -> Iterator[Cluster]:
    cluster = Cluster()
    cluster.start()
    yield cluster
    close_idle()
    cluster.stop()


@pytest.fixture
def on_server(server: Cluster, tmp_path: Path, data_dir: Path) -> tuple[Environment, Origin]:
    origin = Origin(tmp_path / "git")
    origin.commit({**SERVER_FILES, "models/orders.sql": SERVER_FILES["models/orders.sql"]})
    project = make_project(url=origin.url)
    Connection.objects.filter(project=project).update(
        adapter="postgres",
        host=server.host,
        port=server.port,
        database="postgres",
        user=server.user,
        password=server.password,
    )
    return make_environment(project), origin


class Reader:
    """Somebody who reads the published views all the time, as the warehouse's own user would."""

    def __init__(self, server: Cluster) -> None:
        self.seen: list[tuple[object, ...]] = []
        self.failures: list[Exception] = []
        self._url = server.url()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._read)

    def __enter__(self) -> Reader:
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._stop.set()
        self._thread.join(30)

    def _read(self) -> None:
        sql = "SELECT version, total, (SELECT count(*) FROM analytics.orders) FROM analytics_finance.totals"
        with psycopg.connect(self._url, autocommit=True) as connection:
            while not self._stop.wait(0.01):
                try:
                    self.seen += connection.execute(sql).fetchall()
                except psycopg.Error as exc:
                    self.failures.append(exc)


@pytest.mark.slow
def test_on_a_server_readers_see_one_version_or_the_next_even_while_workers_die(
    on_server: tuple[Environment, Origin], server: Cluster, kill_at: list[str]
) -> None:
    environment, origin = on_server
    first = asked(environment, origin.head())
    assert [run.error for run in work_off_deployments()] == [""]
    first.refresh_from_db()
    assert first.relations["model.shop.totals"] == ["analytics__v1_finance", "totals"]
    numbers = by_period(reading(first), MetricRef("revenue"))
    assert [point.value for point in numbers.points] == [10.5, 20.0]

    changed = SERVER_FILES["models/totals.sql"].replace("1 as version", "2 as version")
    second = asked(environment, origin.commit({"models/totals.sql": changed}))
    run = Run.objects.get(kind="environment.deploy", status="queued")
    with Reader(server) as reader:
        for point in ("deploy-views", "deploy-live"):
            kill_at.append(point)
            with pytest.raises(Killed, match=point):
                runs.execute(run.pk)
            let_lease_lapse()
        runs.execute(run.pk)

    run.refresh_from_db()
    second.refresh_from_db()
    assert (run.status, run.error) == ("succeeded", "")
    assert reader.failures == []
    assert list(dict.fromkeys(map(str, reader.seen))) == [
        "(1, Decimal('30.5'), 2)",
        "(2, Decimal('30.5'), 2)",
    ]
    assert live_of(environment) == second
    assert built_by(second) == {"totals"}
    assert second.relations == {
        "model.shop.days": ["analytics__v1", "days"],
        "model.shop.orders": ["analytics__v1", "orders"],
        "model.shop.totals": ["analytics__v2_finance", "totals"],
    }
    django_connection.close()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["model", "seed"])
def test_what_would_be_built_where_people_read_is_refused_before_anything_is_built(
    on_server: tuple[Environment, Origin], server: Cluster, kind: str
) -> None:
    environment, origin = on_server
    macro = "{% macro generate_schema_name(own, node) %}{{ own or target.schema }}{% endmacro %}"
    files: dict[str, str | None] = {"macros/schemas.sql": macro}
    if kind == "seed":
        totals = SERVER_FILES["models/totals.sql"].replace("schema='finance'", "materialized='table'")
        files |= {"models/totals.sql": totals, "seeds/rates.csv": "day,rate\n2026-01-01,1\n"}
        files["seeds/rates.yml"] = "seeds:\n  - name: rates\n    config: {schema: finance}\n"

    asked(environment, origin.commit(files))
    (run,) = work_off_deployments()

    assert run.error_code == "builds-elsewhere"
    built = {"model": "totals", "seed": "rates"}[kind]
    assert f"dbt builds {built} into the schema finance" in run.error
    with psycopg.connect(server.url()) as connection:
        found = connection.execute(
            "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'finance%'"
        ).fetchall()
    assert found == []


def test_sources_on_a_server_are_only_read_and_a_server_that_is_away_fails_the_look(
    on_server: tuple[Environment, Origin], server: Cluster
) -> None:
    environment, origin = on_server
    limit = {"error_after": {"count": 1, "period": "day"}}
    orders = {"name": "orders", "loaded_at_field": "at", "freshness": limit}
    written = {"sources": [{"name": "landing", "tables": [orders]}]}
    hooks = 'on-run-start: ["create table landing.hooked (a int)"]\n'
    project_file = str(SERVER_FILES["dbt_project.yml"]) + hooks
    commit = origin.commit({"models/sources.yml": json.dumps(written), "dbt_project.yml": project_file})
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("create schema landing")
        connection.execute("create table landing.orders as select now() - interval '3 days' as at")
    metadata = {"dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v12.json"}
    manifest = {"metadata": metadata, "sources": {"source.shop.landing.orders": orders}}
    environment.live = Deployment.objects.create(
        environment=environment,
        number=1,
        commit=commit,
        status="live",
        manifest=Artifact.keep("manifest.json", json.dumps(manifest).encode()),
    )
    environment.save()

    run = freshness_request(environment=environment, actor=None)
    runs.execute(run.pk)
    run.refresh_from_db()
    assert (run.error, run.result.get("counts")) == ("", {"error": 1})
    found = Outcome.objects.get(unique_id="source.shop.landing.orders")
    assert (found.status, found.run, found.newest is not None) == ("error", run.pk, True)

    Connection.objects.update(port=1)
    again = freshness_request(environment=environment, actor=None)
    runs.execute(again.pk)
    again.refresh_from_db()
    assert (again.status, again.error_code) == ("failed", "warehouse-unreachable")
