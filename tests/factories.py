"""Records for tests, made as the product makes them wherever it has an action for it."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from typing import Any

from django.db import connection

from catalog.models import Snapshot
from environments.actions import environments_default
from environments.models import Environment
from environments.selectors import production
from governance.models import Membership, Project, User
from governance.roles import Role
from proposals.actions.authoring import draft_save, proposal_open
from proposals.models import Proposal
from semantic.fields import MetricFields
from workspace import runs
from workspace.actions import connection_save, repository_connect
from workspace.models import Artifact, Hold, Run

_numbers = itertools.count(1)
PASSWORD = "a-long-enough-password"

FIELDS = MetricFields(
    name="refund_share",
    label="Refund share",
    meaning="The part of revenue that went back.",
    formula="SUM(refund_amount) / SUM(net_amount)",
    model="orders",
    value_format="percent",
    owner="Maya Chen",
    why="Three teams disagree about it.",
)


def make_user(name: str = "") -> User:
    name = name or f"Person {next(_numbers)}"
    email = f"{name.lower().replace(' ', '.')}.{next(_numbers)}@example.com"
    return User.objects.create_user(email, PASSWORD, name=name)


def make_operator(name: str = "Ada Admin") -> User:
    """Somebody who administers the installation."""
    user = make_user(name)
    user.is_superuser = True
    user.save()
    return user


def make_member(project: Project, *roles: Role, name: str = "") -> User:
    """Somebody with these roles in the project."""
    user = make_user(name)
    for role in roles:
        Membership.objects.create(project=project, user=user, role=role)
    return user


def make_project(*, url: str = "", slug: str = "", **repository: object) -> Project:
    """A project with an admin, a DuckDB warehouse, three environments and, with `url`, a repository."""
    project = Project.objects.create(slug=slug or f"shop-{next(_numbers)}", name="Shop")
    admin = make_member(project, Role.ADMIN, name="Ada Admin")
    connection = connection_save(
        project=project, actor=admin, values={"name": "Warehouse", "adapter": "duckdb"}
    )
    if url:
        repository_connect(
            project=project,
            actor=admin,
            values={"url": url, "branch": "main", "connection": connection, **repository},
        )
    environments_default(project=project, connection=connection, schema="analytics", actor=admin)
    return project


def make_environment(project: Project) -> Environment:
    """The project's production."""
    found = production(project)
    assert found is not None
    return found


def make_snapshot(project: Project, manifest: Mapping[str, Any], semantic: Mapping[str, Any]) -> Snapshot:
    """A pull's result, without the pull."""
    metadata = {"dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v12.json"}
    return Snapshot.objects.create(
        project=project,
        commit=f"{next(_numbers):040x}",
        dbt_version="1.11.0",
        adapter="duckdb",
        manifest=Artifact.keep("manifest.json", json.dumps({"metadata": metadata, **manifest}).encode()),
        semantic_manifest=Artifact.keep("semantic_manifest.json", json.dumps(semantic).encode()),
        counts={"model": 0, "metric": 0, "test": 0},
        changes={"first": True, "added": 0, "changed": 0, "removed": 0},
    )


def make_hold(project: Project) -> Hold:
    """A change that waits for somebody to agree, without the repository that it came from."""
    change = {
        "path": "packages.yml",
        "why": "packages",
        "before": "",
        "after": "packages: []\n",
        "new": True,
        "gone": False,
        "commit": "1" * 40,
        "subject": "deps: List no packages.",
        "author": "Ada <ada@example.com>",
        "at": "2026-01-01T00:00:00+00:00",
    }
    return Hold.objects.create(project=project, commit="1" * 40, digest="d" * 64, changes=[change])


def make_proposal(
    project: Project, *, author: User | None = None, fields: MetricFields | None = FIELDS
) -> Proposal:
    """A draft by a contributor; with `fields` None still empty."""
    author = author or make_member(project, Role.CONTRIBUTOR, name="Maya Chen")
    proposal = proposal_open(project=project, author=author)
    if fields is not None:
        draft_save(item=proposal.items.get(), fields=fields, version=1, actor=author)
        proposal.refresh_from_db()
    return proposal


def work_off(*, lineage: bool = False) -> list[Run]:
    """Carry out everything that waits, oldest first; returns the runs in the order of their work.

    Column lineage, which follows every pull and every release, only where a test is about it.

    The test has to be marked `django_db(transaction=True)`: a worker's heartbeat has a connection of its own,
    which must see the run.
    """
    assert not connection.in_atomic_block, work_off.__doc__
    done = []
    waiting = Run.objects.filter(status="queued").order_by("id")
    while run := (waiting if lineage else waiting.exclude(kind="catalog.lineage")).first():
        runs.execute(run.pk)
        run.refresh_from_db()
        done.append(run)
    return done
