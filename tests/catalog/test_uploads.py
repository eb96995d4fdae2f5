"""What a company's own pipeline sends: taken in whole or not at all, and only where it belongs."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from catalog.models import Node, NodeLineage, Outcome, Snapshot, Uploaded
from governance.models import AuditEvent, Project
from governance.roles import Role
from tests.factories import make_member, make_operator, make_project, work_off
from tests.ready import Ready

pytestmark = pytest.mark.django_db
UNIQUE = "test.shop.unique_fct_orders_order_id.523ddb6ce5"
AT = "2026-03-01T10:00:00Z"


@pytest.fixture
def project(ready: Ready) -> Project:
    project = make_project(slug="shop")
    ready.pulled(project)
    return project


@pytest.fixture
def client(project: Project) -> Client:
    client = Client()
    client.force_login(make_member(project, Role.ADMIN))
    return client


def artifact(kind: str, **parts: Any) -> bytes:
    versions = {"run-results": 6, "sources": 3, "catalog": 1}
    schema = f"https://schemas.getdbt.com/dbt/{kind}/v{versions[kind]}.json"
    return json.dumps({"metadata": {"dbt_schema_version": schema, "generated_at": AT}, **parts}).encode()


def run_results(*results: tuple[str, str]) -> bytes:
    told = [
        {"unique_id": uid, "status": status, "message": "Got 3 results", "failures": 3, "timing": []}
        for uid, status in results
    ]
    return artifact("run-results", results=told)


def send(client: Client, name: str, content: bytes, query: str = "", **headers: Any) -> tuple[int, Any]:
    answer = client.post(
        f"/api/v1/projects/shop/artifacts/{name}/{query}",
        content,
        content_type="application/json",
        headers=headers,
    )
    return answer.status_code, answer.json()


def test_results_of_tests_arrive_and_are_told_where_they_were_made(client: Client, project: Project) -> None:
    status, body = send(
        client, "run_results.json", run_results((UNIQUE, "fail"), ("model.shop.days", "success"))
    )
    assert (status, body) == (200, {"new": 2, "run": None})
    row = Outcome.objects.get(unique_id=UNIQUE)
    assert (row.environment, row.rank, row.state, row.failures) == ("prod", 0, "bad", 3)
    assert row.at == datetime(2026, 3, 1, 10, tzinfo=UTC)
    assert AuditEvent.objects.filter(action="project.artifact_uploaded").count() == 1

    # The same once more is nothing new.
    assert send(client, "run_results.json", run_results((UNIQUE, "fail")))[1]["new"] == 0

    status, body = send(client, "run_results.json", run_results((UNIQUE, "pass")), "?environment=nowhere")
    assert (status, body["code"]) == (422, "invalid-input")


def test_freshness_arrives(client: Client, project: Project) -> None:
    Node.objects.create(project=project, unique_id="source.shop.raw.o", resource_type="source", name="o")
    told = [
        {"unique_id": "source.shop.raw.o", "status": "error", "max_loaded_at": "2026-02-20", "snapshotted_at": AT,
         "max_loaded_at_time_ago_in_s": 777600.0, "criteria": {}},
        {"unique_id": "source.shop.raw.p", "status": "runtime error", "error": "No such table"},
    ]  # fmt: skip
    assert send(client, "sources.json", artifact("sources", results=told)) == (200, {"new": 2, "run": None})
    page = client.get("/shop/catalogue/source.shop.raw.o/").content.decode()
    assert "2026-02-20" in page


def test_a_packed_file_is_unpacked_and_one_that_is_too_large_is_refused(
    client: Client, settings: Any
) -> None:
    packed = gzip.compress(run_results((UNIQUE, "pass")))
    assert send(client, "run_results.json", packed, **{"Content-Encoding": "gzip"})[0] == 200
    assert send(client, "run_results.json", packed[:-9], **{"Content-Encoding": "gzip"})[0] == 400
    assert send(client, "run_results.json", b"no gzip", **{"Content-Encoding": "gzip"})[0] == 400
    settings.UPLOAD_MB = 1
    bomb = gzip.compress(b" " * 3_000_000)
    status, body = send(client, "run_results.json", bomb, **{"Content-Encoding": "gzip"})
    assert (status, body["code"]) == (413, "upload-too-large")
    assert send(client, "run_results.json", b" " * 1_100_000)[0] == 413


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("run_results.json", b"", "dbt-artifact"),
        ("run_results.json", b'{"metadata": {}, "results": [', "dbt-artifact"),
        ("run_results.json", b"[" * 100_000, "dbt-artifact"),
        ("run_results.json", b'{"results": [], "metadata": {}}', "dbt-artifact"),
        ("run_results.json", artifact("catalog"), "dbt-artifact"),
        ("run_results.json", artifact("run-results", results=[{"unique_id": 7, "status": "pass"}]), "dbt-artifact"),
        ("sources.json", artifact("sources", results={"a": 1}), "dbt-artifact"),
        ("catalog.json", artifact("catalog", nodes={"model.shop.days": {"columns": [1]}}), "dbt-artifact"),
        ("run_results.json", run_results(("model.other.x", "success")), "artifact-of-another-project"),
        ("graph.gpickle", b"x", "artifact-unknown"),
    ],
)  # fmt: skip
def test_what_does_not_belong_is_refused_in_words(
    client: Client, name: str, content: bytes, code: str
) -> None:
    status, body = send(client, name, content)
    assert (400 <= status < 500, body["code"]) == (True, code)
    assert len(body["message"]) > 20
    assert not Outcome.objects.exists()


def test_a_viewer_uploads_nothing(project: Project) -> None:
    viewer = Client()
    viewer.force_login(make_member(project, Role.VIEWER))
    assert send(viewer, "run_results.json", run_results((UNIQUE, "pass")))[0] == 403


def test_a_manifest_is_not_uploaded_beside_a_repository(
    project: Project, ready: Ready, client: Client
) -> None:
    from workspace.models import Repository

    Repository.objects.get_or_create(project=project, defaults={"url": "https://git.example.com/shop.git"})
    status, body = send(client, "manifest.json", ready.built.manifest)
    assert (status, body["code"]) == (409, "artifact-project-is-pulled")


@pytest.mark.django_db(transaction=True)
def test_a_project_without_a_repository_lives_on_what_is_uploaded(ready: Ready) -> None:
    ada = make_operator()
    client = Client()
    client.force_login(ada)
    made = client.post("/api/v1/projects/", {"name": "Shop", "slug": "shop"}, content_type="application/json")
    assert made.status_code == 201, made.content
    project = Project.objects.get(slug="shop")

    status, body = send(client, "manifest.json", ready.built.manifest)
    assert (status, body["run"]["kind"]) == (200, "pull")
    pull, lineage = work_off(lineage=True)
    assert (pull.status, lineage.status) == ("succeeded", "succeeded"), (pull.error, lineage.error)
    snapshot = Snapshot.objects.get(project=project)
    assert (snapshot.author, len(snapshot.commit)) == (ada.name, 40)
    # It was made by a build, so its SQL is known.
    orders = NodeLineage.objects.get(node__name="fct_orders")
    assert "net_amount" in [name for name, _parents, _known in orders.columns]

    # One that is not as dbt writes it changes nothing, and says which part.
    broken = json.loads(ready.built.manifest)
    del broken["nodes"]["model.shop.fct_orders"]["name"]
    send(client, "manifest.json", json.dumps(broken).encode())
    (failed,) = work_off()
    assert (failed.error_code, Snapshot.objects.count()) == ("dbt-artifact", 1)
    assert "name" in failed.error

    # The same again brings nothing; another project's is refused.
    send(client, "manifest.json", ready.built.manifest)
    (again,) = work_off()
    assert again.result["unchanged"] is True
    other = json.loads(ready.built.manifest)
    other["nodes"] = {uid.replace(".shop.", ".cafe."): node for uid, node in other["nodes"].items()}
    other |= {"metrics": {}, "semantic_models": {}, "exposures": {}, "macros": {}, "docs": {}, "sources": {}}
    assert (
        send(client, "manifest.json", json.dumps(other).encode())[1]["code"] == "artifact-of-another-project"
    )
    assert send(client, "run_results.json", run_results((UNIQUE, "pass")))[1]["new"] == 1

    for path in (
        "",
        "catalogue/",
        "catalogue/model.shop.fct_orders/",
        "pulls/",
        "runs/",
        "environments/",
        "proposals/",
    ):
        assert client.get(f"/shop/{path}").status_code == 200, path
    assert Uploaded.objects.get().name == "manifest.json"
