"""Column lineage on PostgreSQL: the first time, unchanged, with one model changed; then a page of 400 nodes.

BISYNC_BENCH_MODELS (1000) says how many models, each with 20 columns over one to three others.
"""

from __future__ import annotations

import json
import os
import resource
import tempfile
import time
from typing import Any

from bench._common import emit, percentile, timings
from bench._manifest import manifest

MODELS = int(os.environ.get("BISYNC_BENCH_MODELS", "1000"))


def main() -> int:
    from tests.postgres import Cluster

    cluster = Cluster()
    cluster.start()
    try:
        with tempfile.TemporaryDirectory(prefix="bisync-lineage-") as home:
            os.environ |= {
                "BISYNC_DATABASE_URL": cluster.url(),
                "BISYNC_DATA_DIR": home,
                "DJANGO_SETTINGS_MODULE": "bisync.settings",
                "BISYNC_LOG_LEVEL": "ERROR",
                "BISYNC_HOSTS": "testserver",
            }
            measure()
    finally:
        cluster.stop()
    return 0


def measure() -> None:
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import transaction

    from catalog.ingest import ingest, read
    from catalog.models import Snapshot
    from governance.models import Project
    from workspace.models import Artifact

    call_command("migrate", interactive=False, verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    project = Project.objects.create(slug="shop", name="Shop")
    data = manifest(MODELS, compiled=True)
    raw = json.dumps(data).encode()
    name = f"model.shop.m{MODELS // 2}"
    data["nodes"][name]["compiled_code"] = data["nodes"][name]["compiled_code"].replace("c1 is", "c2 is")
    changed = json.dumps(data).encode()
    kept = Artifact.keep("manifest.json", raw)
    snapshot = Snapshot.objects.create(project=project, manifest=kept, semantic_manifest=kept)
    with transaction.atomic():
        ingest(snapshot, read(raw))
    for case, content in (("first", raw), ("unchanged", raw), ("one changed", changed)):
        started = time.perf_counter()
        count = trace(project, content)
        emit("lineage", f"{MODELS:,} models: {case} ({count} traced)", time.perf_counter() - started, "s")
    emit("lineage", "memory", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "MB")
    pages(project)


def trace(project: Any, content: bytes) -> int:
    """As the run does it, from a manifest's bytes to rows; how many nodes were new."""
    from django.db import transaction

    from catalog import tracing
    from catalog.lineage.pieces import codes_of, makings_of, pieces_of
    from workspace.dbt.artifacts import read_code

    found = read_code(content)
    makes = makings_of(found, "")
    codes = tracing.codes_kept(project) | dict(codes_of(found, makes, {}))
    rows = tracing.traced(project, pieces_of(found, makes, codes, {}, {}), codes, "duckdb")
    with transaction.atomic():
        tracing.keep(rows)
    return len(rows)


def pages(project: Any) -> None:
    """The server's time for the page of many nodes, and of a column that goes far."""
    from django.test import Client

    from governance.models import User

    client = Client()
    client.force_login(User.objects.create_superuser("boss@example.com", name="Boss"))
    for case, path in (
        ("page of all around one node", f"lineage/model.shop.m{MODELS - 1}/?up=all&down=all"),
        ("page of a column", f"lineage/model.shop.m{MODELS - 1}/?column=c5"),
        ("page of one node and its neighbours", f"lineage/model.shop.m{MODELS // 2}/"),
    ):
        address = f"/{project.slug}/{path}"
        answer = client.get(address)
        assert answer.status_code == 200, answer.status_code
        drawn = answer.content.count(b'class="lin-n ')
        taken = timings(lambda address=address: client.get(address), repeat=9)
        emit("lineage", f"{case}: {drawn} drawn, p50", percentile(taken, 0.5) * 1000, "ms")


if __name__ == "__main__":
    raise SystemExit(main())
