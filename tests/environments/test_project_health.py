"""What is said of a project that cannot be used as it is, and when it stops being said."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from django.db.models.signals import post_init
from django.test import Client
from django.utils import timezone

from catalog.ingest import ingest, read
from catalog.models import Column, Node, NodeLineage
from catalog.outcomes import Found as Told
from catalog.outcomes import keep as keep_outcomes
from environments import health
from environments.findings import KINDS, Found
from environments.models import Deployment, Environment, Finding, MetricSeries
from environments.tested import lines_of
from governance.models import Project
from governance.roles import Role
from tests.factories import make_environment, make_member, make_project
from tests.ready import PROJECT_FILES, Ready
from workspace.models import Artifact, Repository, Run

pytestmark = pytest.mark.django_db
ORDERS = "model.shop.fct_orders"


@pytest.fixture
def project(ready: Ready, data_dir: Any) -> Project:
    project = make_project(slug="shop")
    ready.pulled(project)
    ready.live(make_environment(project))
    return project


class Files(dict[str, str]):
    """The repository's files, as far as a test needs them."""

    def read(self, file: str) -> str:
        return self.get(file, "")

    def mentioning(self, text: str) -> set[str]:
        return {file for file, content in self.items() if text in content}


def found(project: Project) -> dict[str, list[dict[str, Any]]]:
    """The findings by kind, after another look."""
    health.keep(project, health.check(project, health.live_of(project), Files()))
    kinds: dict[str, list[dict[str, Any]]] = {}
    for one in Finding.objects.filter(project=project).order_by("name"):
        kinds.setdefault(one.kind, []).append({"name": one.name, **one.params})
    return kinds


def traced(project: Project, *columns: str, parents: tuple[str, ...] = (), **fields: Any) -> None:
    node = Node.objects.get(project=project, unique_id=ORDERS)
    told = [[name, [[uid, "x", 0] for uid in parents], True] for name in columns]
    NodeLineage.objects.update_or_create(node=node, defaults={"columns": told, "key": "k", **fields})


def test_a_column_that_is_described_and_gone_is_told_until_it_is_back(project: Project) -> None:
    names = list(Column.objects.filter(node__unique_id=ORDERS).values_list("name", flat=True))
    assert len(names) > 1
    traced(project, *names[1:])
    first = found(project)["column-gone"]
    assert first == [{"name": "fct_orders", "columns": names[0]}]
    since = Finding.objects.get(kind="column-gone").since
    assert found(project)["column-gone"] == first
    assert Finding.objects.get(kind="column-gone").since == since
    traced(project, *names)
    assert "column-gone" not in found(project)
    traced(project, names[1], through=["source.x"])  # there may be more
    assert "column-gone" not in found(project)


def test_what_reads_past_dbt_or_cannot_be_followed_is_told(project: Project) -> None:
    traced(project, "a", parents=("relation.legacy.orders", "model.shop.days"))
    assert found(project)["hard-coded"] == [{"name": "fct_orders", "relations": "legacy.orders"}]
    traced(project, problem="unreadable", words="Expected a table.")
    told = found(project)
    assert "hard-coded" not in told
    assert told["unreadable"] == [{"name": "fct_orders", "why": "Expected a table"}]


def test_what_is_not_in_the_warehouse_and_what_is_otherwise_there_is_told(project: Project) -> None:
    assert "not-built" not in found(project)
    live = Deployment.objects.get()
    live.relations.pop(ORDERS)
    columns = json.loads(live.columns.content())  # type: ignore[union-attr]
    columns["model.shop.dim_customers"]["customer_id"] = "VARCHAR"
    live.columns = Artifact.keep("columns.json", json.dumps(columns).encode())
    live.save()
    node = Node.objects.get(unique_id="model.shop.dim_customers")
    Column.objects.update_or_create(
        node=node, name="customer_id", defaults={"position": 0, "data_type": "bigint"}
    )
    told = found(project)
    assert told["not-built"] == [{"name": "fct_orders", "environment": live.environment.name}]
    assert {"column": "customer_id", "declared": "bigint", "found": "VARCHAR"}.items() <= told["type-drift"][
        0
    ].items()
    # Of another commit nobody can say.
    Deployment.objects.update(commit="b" * 40)
    assert "not-built" not in found(project)


def test_one_meaning_under_two_names_and_two_under_one_are_told(project: Project, ready: Ready) -> None:
    manifest = ready.manifest
    revenue = manifest["metrics"]["metric.shop.revenue"]
    part = {
        "config": {"meta": {"bisync": {"helper_of": "sales"}}},
        "meta": {"bisync": {"helper_of": "sales"}},
    }
    for name, label, more in (
        ("sales", "Sales", {}),
        ("revenue_again", revenue["label"], {}),
        ("sales_part_1", "Sales (part 1)", part),
    ):
        copy = json.loads(json.dumps(revenue)) | {"name": name, "label": label} | more
        manifest["metrics"][f"metric.shop.{name}"] = copy | {"unique_id": f"metric.shop.{name}"}
    orders = next(
        m for m in manifest["metrics"].values() if m["name"] not in {"revenue", "sales", "revenue_again"}
    )
    orders["label"] = f"The {revenue['label']}"
    kept = Artifact.keep("manifest.json", json.dumps(manifest).encode())
    snapshot = project.snapshots.get()
    snapshot.manifest = kept
    snapshot.save()
    ingest(snapshot, read(kept.content()))

    told = found(project)

    assert {one["name"] for one in told["same-metric"]} >= {"revenue_again", "sales"} - {"revenue"}
    assert "sales_part_1" not in {one["name"] for one in (*told["same-metric"], *told["contradiction"])}
    clash = told["contradiction"][0]
    assert {clash["label"], clash["other_label"]} == {revenue["label"], f"The {revenue['label']}"}
    assert clash["formula"] != clash["other_formula"]
    # Numbers are told only where somebody computed one.
    assert "last month" not in KINDS["contradiction"].said(clash)
    points = [["2026-01-01", 12.0]]
    MetricSeries.objects.create(deployment=Deployment.objects.get(), metric=clash["name"], points=points)
    clash = found(project)["contradiction"][0]
    said = f"In the last month {clash['formula']} is 12, and {clash['other_formula']} is unknown."
    assert said in KINDS["contradiction"].said(clash)


def test_the_page_says_it_in_words_the_worst_first(project: Project) -> None:
    client = Client()
    client.force_login(make_member(project, Role.VIEWER))
    assert "Not looked at yet" in client.get("/shop/health/").content.decode()
    traced(project, problem="unreadable", words="Expected a table.")
    Environment.objects.update(name="Production")
    live = Deployment.objects.get()
    live.relations.pop("model.shop.days")
    live.save()
    found(project)
    test = project.node_tests.filter(node__unique_id=ORDERS).first()
    assert test is not None
    keep_outcomes(project, "prod", 0, [Told(test.unique_id, "fail", live.created_at, "Got 2 results", 2)])
    page = client.get("/shop/health/").content.decode()
    assert "has no days" in page
    assert "Expected a table" in page
    assert test.name in page
    assert page.index("has no days") < page.index("Expected a table")


def test_a_failing_test_is_shown_with_the_line_of_its_column(
    ready: Ready, data_dir: Path, tmp_path: Path, client: Client
) -> None:
    project = make_project(url=ready.origin(tmp_path / "git").url, slug="shop")
    ready.connected(project)
    test = project.node_tests.get(node__unique_id=ORDERS, column="order_id", kind="unique")
    keep_outcomes(project, "prod", 0, [Told(test.unique_id, "fail", timezone.now(), "Got 2 results", 2)])
    client.force_login(make_member(project, Role.VIEWER))

    lines = PROJECT_FILES["models/schema.yml"].splitlines()
    line = lines.index("      - name: order_id") + 1
    looked = {test.unique_id: line}
    assert lines_of(project, Files(PROJECT_FILES).read) == looked
    findings(project, lines=looked)
    shutil.rmtree(Repository.objects.get(project=project).mirror_path)

    assert f"models/schema.yml:{line}<" in client.get("/shop/health/").content.decode()
    Run.objects.create(project=project, kind="catalog.lineage")
    assert f"models/schema.yml:{line}<" in client.get("/shop/health/").content.decode()
    project.snapshots.update(commit="b" * 40)
    assert "models/schema.yml<" in client.get("/shop/health/").content.decode()


def test_not_more_text_is_read_for_the_lines_of_tests_than_is_sensible(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    tests = project.node_tests.filter(node__unique_id=ORDERS)
    keep_outcomes(project, "prod", 0, [Told(one.unique_id, "fail", timezone.now()) for one in tests])
    first = tests[0]
    tests.exclude(pk=first.pk).update(path="models/other.yml")
    schema = PROJECT_FILES["models/schema.yml"]
    files = Files({"models/schema.yml": schema, "models/other.yml": f"{schema}#{schema!r}"})
    assert len(lines_of(project, files.read)) == len(tests) > 1

    monkeypatch.setattr("environments.tested._MOST_TEXT", len(schema))

    assert lines_of(project, files.read).keys() == {first.unique_id}


def findings(project: Project, *found: Found, lines: dict[str, int] | None = None) -> None:
    health.keep(project, found)
    Run.objects.create(
        project=project,
        kind="catalog.lineage",
        status="succeeded",
        result={"commit": project.snapshots.get().commit, "lines": lines or {}},
        finished_at=timezone.now(),
    )


def test_what_is_in_order_is_said_with_what_was_looked_at(project: Project, client: Client) -> None:
    findings(project)
    client.force_login(make_member(project, Role.VIEWER))

    page = client.get("/shop/health/").content.decode()

    assert "Everything is in order" in page
    counts = project.snapshots.get().counts
    assert counts["model"]
    looked = f"Looked at {counts['model']} models, {counts['metric']} metrics and {counts['test']} tests"
    assert looked in page
    assert f"in {len(KINDS)} ways, at commit {project.snapshots.get().commit[:8]}." in page


def test_the_page_counts_folds_long_lists_and_shows_one_severity(project: Project, client: Client) -> None:
    gone = [Found("column-gone", ORDERS, "fct_orders", "s.yml", {"columns": f"c{n}"}) for n in range(120)]
    findings(project, *gone, Found("not-built", ORDERS, "fct_orders", "s.yml", {"environment": "Prod"}))
    client.force_login(make_member(project, Role.VIEWER))
    loaded = []

    def load(**found: Any) -> None:
        loaded.append(found["instance"])

    post_init.connect(load, sender=Finding)
    page = client.get("/shop/health/").content.decode()
    post_init.disconnect(load, sender=Finding)
    wrong = client.get("/shop/health/?level=bad").content.decode()

    assert len(loaded) == 100 + 1
    assert "Show 92 more" in page
    assert "And 20 more." in page
    for label in ("Everything 121", "Wrong 1", "To look at 120"):
        assert label in wrong
    told = f"{len(KINDS) - 2} <small>of {len(KINDS)} checks"
    assert told in page
    assert "does not have c1" in page
    assert "does not have" not in wrong
    assert "Prod was built from this commit" in wrong
    assert client.get("/shop/health/?level=none").content.decode().count("does not have") == 100


def test_a_look_that_failed_does_not_pass_for_a_good_one(project: Project, client: Client) -> None:
    findings(project)
    Run.objects.update(
        status="failed", error_code="dbt-timeout", error_params={"command": "compile", "minutes": 5}
    )
    client.force_login(make_member(project, Role.VIEWER))

    page = client.get("/shop/health/").content.decode()

    assert "did not come to its end" in page
    assert "Everything is in order" not in page


SCHEMA = """models:
  - name: fct_orders
    columns:
      - name: order_id
      - {name: Status, data_type: integer}
"""
METRICS = "metrics:\n  - name: revenue\n  - name: turnover\n"
CODE = 'select * from "raw"."Orders" o\njoin {{ ref("x") }} using (id)\njoin legacy.old_orders using (id)\n'


@pytest.mark.parametrize(
    ("kind", "uid", "params", "text", "line"),
    [
        ("column-gone", ORDERS, {"columns": "status (+2)"}, SCHEMA, 5),
        ("column-gone", ORDERS, {"columns": "order_id, status"}, SCHEMA, 4),
        ("column-gone", ORDERS, {"columns": "elsewhere"}, SCHEMA, 2),
        ("type-drift", ORDERS, {"column": "status"}, SCHEMA, 5),
        ("not-built", ORDERS, {}, "models: [", 0),
        ("not-built", ORDERS, {}, "", 0),
        ("same-metric", "metric.turnover", {"other": "revenue"}, METRICS, 3),
        ("hard-coded", ORDERS, {"relations": "raw.orders, legacy.old_orders"}, CODE, 1),
        ("hard-coded", ORDERS, {"relations": "db.legacy.old_orders"}, CODE, 3),
        ("hard-coded", ORDERS, {"relations": "made.by_a_macro"}, CODE, 0),
    ],
)
def test_the_line_is_that_of_what_is_wrong(
    kind: str, uid: str, params: dict[str, Any], text: str, line: int
) -> None:
    name = uid.rpartition(".")[2]

    (placed,) = health.placed([Found(kind, uid, name, "f", params)], lambda _file: text)

    assert placed.line == line


def test_a_line_that_moves_is_no_new_finding(project: Project) -> None:
    one = Found("same-metric", "metric.turnover", "turnover", "m.yml", {"other": "revenue"})
    health.keep(project, health.placed([one], lambda _file: METRICS))
    first = Finding.objects.get()
    health.keep(project, health.placed([one], lambda _file: f"# Moved\n{METRICS}"))

    now = Finding.objects.get()

    assert (first.line, now.line) == (3, 4)
    assert (now.pk, now.since) == (first.pk, first.since)


def test_what_a_file_says_that_no_database_holds_is_left_out(project: Project) -> None:
    one = Found("environment-in-words", ORDERS, "fct_orders", "s.yml", {"field": "meta.x\0y \ud800"})
    health.keep(project, [one])
    first = Finding.objects.get()
    health.keep(project, [one])

    assert first.params == {"field": "meta.xy ?"}
    assert Finding.objects.get().pk == first.pk


def test_what_is_wrong_with_a_metric_is_mended_by_a_proposal(project: Project, client: Client) -> None:
    params = {"other": "revenue", "formula": "SUM(net_amount)"}
    one = Found("same-metric", "metric.turnover", "turnover", "m.yml", params, line=3)
    gone = Found("column-gone", ORDERS, "fct_orders", "s.yml", {"columns": "x, y (+1)"})
    refused = Found("refused", "metric.share", "share", "m.yml", {"why": "Because."})
    code = Found("hard-coded", ORDERS, "fct_orders", "x.sql", {"relations": "main.orders"})
    health.keep(project, [one, gone, refused, code])
    client.force_login(make_member(project, Role.CONTRIBUTOR))

    page = client.get("/shop/health/").content.decode()

    assert page.count("Propose a change") == 3
    assert "/shop/prod/propose/?metric=share" in page
    assert "?kind=removal&amp;of=metric%3Aturnover&amp;replacement=revenue" in page
    assert "?kind=removal&amp;of=column%3Amodel.shop.fct_orders%3Ax" in page
    assert "m.yml:3" in page


def test_a_file_is_read_once_for_all_that_is_found_in_it_and_whole_words_count() -> None:
    read_files: list[str] = []

    def read_file(file: str) -> str:
        read_files.append(file)
        return SCHEMA if file == "s.yml" else "from main.orders_archive\njoin main.orders"

    found = [Found("not-built", ORDERS, "fct_orders", "s.yml") for _ in range(3)]
    code = Found("hard-coded", ORDERS, "x", "x.sql", {"relations": "main.orders"})

    placed = health.placed([*found, code], read_file)

    assert [one.line for one in placed] == [2, 2, 2, 2]
    assert read_files == ["s.yml", "x.sql"]
