"""The tiny shop, built by dbt once: what tests begin with that are not about pulling or building."""

from __future__ import annotations

import fcntl
import json
import pickle
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils import timezone

from catalog.ingest import ingest, read
from catalog.models import Snapshot
from catalog.search import index
from environments import builds
from environments.models import Deployment, Environment
from governance.models import Project
from semantic.definitions import Vocabulary
from semantic.importer import vocabulary
from semantic.sync import sync_metrics
from tests.factories import make_environment
from tests.fakes.git_remote import Origin
from tests.semantic.shop import FILES
from workspace.dbt.runner import Dbt, DbtProject
from workspace.models import Artifact, Repository
from workspace.repositories import mirror_of
from workspace.warehouse.location import Location

PROJECT_FILES = {name: text.lstrip() for name, text in FILES.items() if name != "profiles.yml"}


@dataclass(frozen=True)
class Ready:
    """What git and dbt made of the shop."""

    remote: Path
    commit: str
    built: builds.Built
    warehouse: Path

    @classmethod
    def once(cls, folder: Path) -> Ready:
        """What is there, or what is made there now: several processes ask at once, and one makes it."""
        folder.mkdir(parents=True, exist_ok=True)
        made = folder / "made.pickle"
        with (folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not made.exists():
                made.write_bytes(pickle.dumps(cls.make(folder)))
        ready: Ready = pickle.loads(made.read_bytes())
        return ready

    @classmethod
    def make(cls, folder: Path) -> Ready:
        """Commit and build the shop. Needs dbt."""
        origin = Origin(folder / "remote", empty=True)
        commit = origin.commit(PROJECT_FILES, "shop: Add the project.")
        warehouse = folder / "v" / "warehouse.duckdb"
        place = Location(adapter="duckdb", schema="analytics", path=str(warehouse))
        dbt = Dbt(DbtProject(folder=origin.clone, workdir=folder / "run", target="prod", location=place))
        built = builds.build(dbt, place, live=None, select=(), into=folder / "run")
        shutil.rmtree(origin.clone / "logs", ignore_errors=True)
        return cls(folder / "remote", commit, built, warehouse)

    @property
    def manifest(self) -> dict[str, Any]:
        """A fresh copy, so that a test may change it."""
        data: dict[str, Any] = json.loads(self.built.manifest)
        return data

    @property
    def vocabulary(self) -> Vocabulary:
        return vocabulary(self.manifest, json.loads(self.built.semantic_manifest), self.built.columns)

    def origin(self, folder: Path) -> Origin:
        """A remote of the test's own."""
        return Origin(folder, like=self.remote)

    def snapshot(self, project: Project, **fields: Any) -> Snapshot:
        """What writing and generating need of a pull."""
        Repository.objects.filter(project=project).update(synced_commit=self.commit, synced_at=timezone.now())
        return Snapshot.objects.create(
            project=project,
            commit=self.commit,
            subject="shop: Add the project.",
            dbt_version="1.11.0",
            adapter="duckdb",
            manifest=Artifact.keep("manifest.json", self.built.manifest),
            semantic_manifest=Artifact.keep("semantic_manifest.json", self.built.semantic_manifest),
            **fields,
        )

    def snapshot_of(self, project: Project, manifest: Any, semantic: Any = None) -> Snapshot:
        """What they need of the pull of another commit, of which dbt made these manifests."""
        kept = json.dumps(semantic).encode() if semantic else self.built.semantic_manifest
        return Snapshot.objects.create(
            project=project,
            commit="f" * 40,
            dbt_version="1.11.0",
            adapter="duckdb",
            manifest=Artifact.keep("manifest.json", json.dumps(manifest).encode()),
            semantic_manifest=Artifact.keep("semantic_manifest.json", kept),
        )

    @transaction.atomic
    def pulled(self, project: Project) -> Snapshot:
        """As after the first pull, with its catalogue and its definitions."""
        snapshot = self.snapshot(project)
        ingest(snapshot, read(self.built.manifest))
        index.bring(project)
        # A pull knows of no warehouse, and so of no types but those that the project declares.
        names = vocabulary(self.manifest, json.loads(self.built.semantic_manifest))
        sync_metrics(project, names, commit=self.commit)
        return snapshot

    def live(self, environment: Environment) -> Deployment:
        """As after the first deployment, with the data in its place."""
        deployment = Deployment.objects.create(
            environment=environment,
            number=1,
            commit=self.commit,
            status="live",
            relations=self.built.relations,
            live_at=timezone.now(),
            manifest=Artifact.keep("manifest.json", self.built.manifest),
            semantic_manifest=Artifact.keep("semantic_manifest.json", self.built.semantic_manifest),
            columns=Artifact.keep("columns.json", json.dumps(self.built.columns).encode()),
        )
        deployment.file.parent.mkdir(parents=True)
        shutil.copyfile(self.warehouse, deployment.file)
        Environment.objects.filter(pk=environment.pk).update(live=deployment)
        return deployment

    def connected(self, project: Project) -> Environment:
        """Pulled, and live in production; the mirror is there."""
        self.pulled(project)
        mirror_of(Repository.objects.get(project=project)).fetch()
        environment = make_environment(project)
        self.live(environment)
        return make_environment(project)
