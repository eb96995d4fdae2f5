"""From a manifest to the catalogue's rows on PostgreSQL: the first time, unchanged, with one model changed.

BISYNC_BENCH_MODELS (1000,5000) says how many models, each with 20 columns and two tests.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time

from bench._common import emit
from bench._manifest import manifest

SIZES = os.environ.get("BISYNC_BENCH_MODELS", "1000,5000").split(",")


def main() -> int:
    """Each size has a process of its own, so that its memory can be told."""
    if len(sys.argv) > 1:
        return one(int(sys.argv[1]))
    return max(subprocess.call([sys.executable, __file__, size]) for size in SIZES)


def one(models: int) -> int:
    from tests.postgres import Cluster

    cluster = Cluster()
    cluster.start()
    try:
        with tempfile.TemporaryDirectory(prefix="bisync-catalog-") as home:
            os.environ |= {
                "BISYNC_DATABASE_URL": cluster.url(),
                "BISYNC_DATA_DIR": home,
                "DJANGO_SETTINGS_MODULE": "bisync.settings",
                "BISYNC_LOG_LEVEL": "ERROR",
            }
            measure(models)
    finally:
        cluster.stop()
    return 0


def measure(models: int) -> None:
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import transaction

    from catalog.ingest import ingest, read
    from catalog.models import Snapshot
    from governance.models import Project
    from semantic.importer import vocabulary
    from workspace.dbt.artifacts import read_manifest
    from workspace.models import Artifact

    call_command("migrate", interactive=False, verbosity=0)
    project = Project.objects.create(slug="shop", name="Shop")
    data = manifest(models)
    raw = json.dumps(data).encode()
    data["nodes"]["model.shop.m7"]["description"] = "Another"
    data["nodes"]["model.shop.m7"]["columns"]["c3"]["description"] = "Another"
    changed = json.dumps(data).encode()
    del data
    case = f"{models:,} models, {len(raw) / 1e6:.0f} MB"
    for name, content in (("first", raw), ("unchanged", raw), ("one changed", changed)):
        started = time.perf_counter()
        with transaction.atomic():
            kept = Artifact.keep("manifest.json", content)
            snapshot = Snapshot.objects.create(project=project, manifest=kept, semantic_manifest=kept)
            if ingest(snapshot, read(content)):
                vocabulary(read_manifest(content), {})
        emit("catalog", f"{case}: {name}", time.perf_counter() - started, "s")
    emit("catalog", f"{case}: memory", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "MB")


if __name__ == "__main__":
    raise SystemExit(main())
