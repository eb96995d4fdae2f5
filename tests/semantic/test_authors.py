"""Who wrote the line behind each field that a pull changed, with real git and without dbt."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from bisync.lib import crash
from catalog.ingest import ingest, read
from catalog.models import Change, Snapshot
from governance.models import Project
from governance.roles import Role
from semantic import authors, jobs
from semantic.authors import with_authors
from tests.factories import make_member, make_project
from tests.fakes.git_remote import Origin
from tests.programs import Program
from tests.ready import Ready
from workspace import runs
from workspace.git.blame import IGNORED
from workspace.models import Artifact, Repository, Run
from workspace.repositories import mirror_of

pytestmark = pytest.mark.django_db
ORDERS = "model.shop.fct_orders"
SCHEMA, CODE = "models/schema.yml", "models/fct_orders.sql"


class Killed(BaseException):
    """As `kill -9`: nothing behind it is carried out that would write a row."""


class Shop:
    """A pulled project, its remote, and what dbt would make of the next commit."""

    def __init__(self, ready: Ready, folder: Path) -> None:
        self.origin: Origin = ready.origin(folder)
        self.project: Project = make_project(url=self.origin.url)
        ready.pulled(self.project)
        self.since = ready.commit
        self.manifest = ready.manifest
        self.node: dict[str, Any] = self.manifest["nodes"][ORDERS]

    def write(self, path: str, old: str, new: str, author: str) -> str:
        text = (self.origin.clone / path).read_text()
        assert old in text
        return self.origin.commit({path: text.replace(old, new, 1)}, f"By {author}.", author=author)

    def pull(self) -> Snapshot:
        repository = Repository.objects.get(project=self.project)
        mirror = mirror_of(repository)
        head = mirror.fetch()
        raw = json.dumps(self.manifest).encode()
        kept = Artifact.keep("manifest.json", raw)
        snapshot = Snapshot.objects.create(
            project=self.project, commit=head, manifest=kept, semantic_manifest=kept, author="Last"
        )
        ingest(snapshot, read(raw), mirror.touched(self.since, head))
        for change in with_authors(snapshot, repository, since=self.since):
            change.save()
        return snapshot

    def told(self, name: str = "fct_orders") -> dict[str, tuple[str, str]]:
        change = self.pull().changed.get(name=name)
        return {one.name: (one.author, one.where) for one in change.told()}


@pytest.fixture
def shop(ready: Ready, tmp_path: Path, data_dir: Path) -> Shop:
    return Shop(ready, tmp_path / "git")


def test_each_field_is_by_whoever_wrote_its_line_and_not_by_the_last_commit_to_the_file(
    shop: Shop, client: Client
) -> None:
    maya = shop.write(SCHEMA, "One row for each order.", "Each order.", "Maya")
    shop.write(SCHEMA, "Where the order stands.", "How it stands.", "Tom")
    shop.write(CODE, "select *", "{{ config(materialized='view') }}\nselect *", "Priya")
    shop.write(SCHEMA, "# one row for each day", "# a row a day", "Last")
    shop.node["description"] = "Each order."
    shop.node["columns"]["status"]["description"] = "How it stands."
    shop.node["config"]["materialized"] = "view"
    shop.node["checksum"] = {"name": "sha256", "checksum": "new"}

    found = shop.told()

    assert found == {
        "description": ("Maya", f"{SCHEMA}:15"),
        "status.description": ("Tom", f"{SCHEMA}:20"),
        "materialized": ("Priya", f"{CODE}:1"),
        "code": ("Priya", CODE),
    }
    change = Change.objects.get(unique_id=ORDERS)
    assert (change.author, change.subject) == ("Priya", "By Priya.")
    person = make_member(shop.project, Role.VIEWER)
    client.force_login(person)
    page = client.get(f"/{shop.project.slug}/catalogue/{ORDERS}/").content.decode()
    assert "last commit" not in page
    assert f"{SCHEMA}:20" in page
    (row,) = Program(person).get(f"/projects/{shop.project.slug}/nodes/{ORDERS}/history/")[1]["results"]
    field = next(one for one in row["fields_changed"] if one["name"] == "description")
    assert (field["commit"], field["author"], field["file"], field["line"]) == (maya, "Maya", SCHEMA, 15)


def test_what_was_taken_away_and_what_no_line_says_is_by_the_last_commit_to_the_file(
    shop: Shop, client: Client
) -> None:
    shop.write(SCHEMA, "    description: One row for each order.\n", "    # Later.\n", "Maya")
    shop.write(SCHEMA, "# one row for each day", "# a row a day", "Last")
    shop.node["description"] = ""
    shop.node["relation_name"] = "elsewhere"

    assert shop.told() == {"description": ("Last", ""), "relation": ("Last", "")}
    client.force_login(make_member(shop.project, Role.VIEWER))
    page = client.get(f"/{shop.project.slug}/catalogue/{ORDERS}/").content.decode()
    assert "last commit to this file" in page


def test_of_two_commits_of_one_second_the_later_one_counts(shop: Shop) -> None:
    shop.write(SCHEMA, "One row for each order.", ">\n      One row\n      for each order.", "Maya")
    shop.origin.date()
    shop.write(SCHEMA, "      for each order.", "      for an order.", "Tom")
    shop.origin.date()
    shop.node["description"] = "One row for an order."

    assert shop.told() == {"description": ("Tom", f"{SCHEMA}:15")}


@pytest.mark.django_db(transaction=True)
def test_a_pull_that_was_killed_once_it_had_kept_all_notes_the_authors_when_taken_up_again(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.write(SCHEMA, "One row for each order.", "Each order.", "Maya")
    shop.write(SCHEMA, "# one row for each day", "# a row a day", "Last")
    shop.node["description"] = "Each order."
    told = json.dumps(shop.manifest).encode(), Snapshot.objects.get().semantic_manifest.content()
    monkeypatch.setattr(jobs, "parsed", lambda *_given: told)
    run = runs.request(kind="pull", project=shop.project)

    points = ["pull-committed"]

    def point(name: str) -> None:
        if name in points:
            points.remove(name)
            raise Killed

    monkeypatch.setattr(crash, "point", point)
    with pytest.raises(Killed):
        runs.execute(run.pk)
    assert {one.author for one in Change.objects.get(name="fct_orders").told()} == {"Last"}
    Run.objects.update(lease_until=timezone.now() - timedelta(seconds=1))

    runs.execute(run.pk)

    run.refresh_from_db()
    assert (run.status, run.error) == ("succeeded", "")
    (field,) = Change.objects.get(name="fct_orders").told()
    assert (field.name, field.author, field.where) == ("description", "Maya", f"{SCHEMA}:15")


def test_a_docs_block_is_where_its_words_are(shop: Shop) -> None:
    block = "{% docs orders %}\nOne row\n{% enddocs %}\n"
    described = (
        (shop.origin.clone / SCHEMA).read_text().replace("One row for each order.", "'{{ doc(\"orders\") }}'")
    )
    shop.since = shop.origin.commit({"models/orders.md": block, SCHEMA: described})
    shop.write("models/orders.md", "One row", "Each order", "Tom")
    doc = {"unique_id": "doc.shop.orders", "name": "orders", "package_name": "shop", "path": "orders.md"}
    doc |= {"original_file_path": "models/orders.md", "block_contents": "Each order", "resource_type": "doc"}
    shop.manifest["docs"]["doc.shop.orders"] = doc
    shop.node["description"] = "Each order"

    assert shop.told() == {"description": ("Tom", "models/orders.md:1")}


def test_what_the_repository_asks_to_ignore_changed_no_field(shop: Shop) -> None:
    shop.write(SCHEMA, "One row for each order.", "Each order.", "Maya")
    robot = shop.write(SCHEMA, "description: Each order.", "description: 'Each order.'", "Robot")
    shop.origin.commit({IGNORED: f"{robot}\n"})
    shop.node["description"] = "Each order."

    assert shop.told() == {"description": ("Maya", f"{SCHEMA}:15")}


def test_of_more_than_it_looks_at_a_pull_tells_the_last_commit(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.write(SCHEMA, "One row for each order.", "Each order.", "Maya")
    shop.write(SCHEMA, "# one row for each day", "# a row a day", "Last")
    shop.node["description"] = "Each order."
    monkeypatch.setattr(authors, "MOST", 0)

    assert shop.told() == {"description": ("Last", "")}


def test_without_the_time_for_it_a_pull_tells_the_last_commit(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.write(SCHEMA, "One row for each order.", "Each order.", "Maya")
    shop.node["description"] = "Each order."
    monkeypatch.setattr(authors, "_SECONDS", -1)

    assert shop.told() == {"description": ("Maya", "")}
