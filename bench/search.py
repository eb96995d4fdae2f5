"""The catalogue's search on PostgreSQL and SQLite: 40 queries with facets, and what the index costs a pull.

BISYNC_BENCH_MODELS (5000) says how many models, each with 20 columns and two tests.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from typing import Any

from bench._common import emit, percentile
from bench._manifest import manifest

MODELS = int(os.environ.get("BISYNC_BENCH_MODELS", "5000"))
AREAS = ("fct", "dim", "stg", "int", "mart")
THINGS = (
    "orders",
    "customers",
    "visits",
    "refunds",
    "stock_levels",
    "prices",
    "margins",
    "channels",
    "regions",
)
PARTS = ("id", "created_at", "status", "net_amount", "customer_id", "orderTotal", "currency", "is_active")
QUERIES = [
    *("fct_orders_7", "orders", "order", "customers 12", "stock levels", "stg prices", "dim_customers", "m"),
    *("net amount", "net_amount", "customer id", "created", "status", "order total", "is active", "currency"),
    *("refund", "margin region", "as the business counts it", "what budget", "visit column", "price column"),
    *("fct_ordres", "custmers", "regoins", "statsu", "mart margins 40", "int channels", "dim_visits_1"),
    *("orders net_amount", "customers status", "channel", "the region", "budget number 7", "raw", "s12"),
    *("unique", "not_null", "marts", "fct"),
]


def main() -> int:
    """Each database has a process of its own."""
    if len(sys.argv) > 1:
        return one(sys.argv[1])
    return max(subprocess.call([sys.executable, __file__, name]) for name in ("postgresql", "sqlite"))


def one(database: str) -> int:
    from tests.postgres import Cluster

    cluster = Cluster() if database == "postgresql" else None
    try:
        with tempfile.TemporaryDirectory(prefix="bisync-search-") as home:
            os.environ |= {
                "BISYNC_DATA_DIR": home,
                "DJANGO_SETTINGS_MODULE": "bisync.settings",
                "BISYNC_LOG_LEVEL": "ERROR",
            }
            os.environ.pop("BISYNC_DATABASE_URL", None)
            if cluster is not None:
                cluster.start()
                os.environ["BISYNC_DATABASE_URL"] = cluster.url()
            measure(database)
    finally:
        if cluster is not None:
            cluster.stop()
    return 0


def named(data: dict[str, Any]) -> dict[str, Any]:
    """The manifest with names as people give them."""
    for number, node in enumerate(
        node for node in data["nodes"].values() if node["resource_type"] == "model"
    ):
        node["name"] = f"{AREAS[number % 5]}_{THINGS[number % 9]}_{number}"
        node["columns"] = {
            name: {**column, "name": name}
            for place, column in enumerate(node["columns"].values())
            for name in [PARTS[place] if place < len(PARTS) else f"c{place}_{number % 50}"]
        }
    return data


def measure(database: str) -> None:
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection, transaction

    from catalog.ingest import ingest, read
    from catalog.models import SearchEntry, Snapshot
    from catalog.search import index
    from governance.models import Project
    from workspace.models import Artifact

    call_command("migrate", interactive=False, verbosity=0)
    project = Project.objects.create(slug="shop", name="Shop")
    data = named(manifest(MODELS))
    raw = json.dumps(data).encode()
    data["nodes"]["model.shop.m7"]["description"] = "Another"
    changed = json.dumps(data).encode()
    del data
    case = f"{database}, {MODELS:,} models"
    for name, content in (("first", raw), ("unchanged", raw), ("one changed", changed)):
        with transaction.atomic():
            kept = Artifact.keep("manifest.json", content)
            snapshot = Snapshot.objects.create(project=project, manifest=kept, semantic_manifest=kept)
            ingest(snapshot, read(content))
        started = time.perf_counter()
        index.bring(project)
        spent = time.perf_counter() - started
        emit("search", f"{case}: index, {name}", spent, "s")
    emit("search", f"{case}: rows", SearchEntry.objects.count(), "rows")
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    search(case, project)


def search(case: str, project: Any) -> None:
    """What the page asks: the counts of its facets, and the best 50 with their nodes."""
    from catalog.narrowing import Narrowed
    from catalog.selectors import catalogue

    taken: list[tuple[float, str]] = []
    for round_number in range(4):
        for query in QUERIES:
            started = time.perf_counter()
            listed = catalogue(project, Narrowed(search=query))
            rows = list(listed.rows[:50])
            if round_number:
                taken.append((time.perf_counter() - started, query))
            assert len(rows) == min(50, listed.count), query
    seconds = [one for one, _query in taken]
    emit("search", f"{case}: 40 queries p50", percentile(seconds, 0.5) * 1000, "ms")
    emit("search", f"{case}: 40 queries p95", percentile(seconds, 0.95) * 1000, "ms")
    slowest = max(taken)
    emit("search", f"{case}: slowest, “{slowest[1]}”", slowest[0] * 1000, "ms")
    if os.environ.get("BISYNC_BENCH_EACH"):
        for second, query in sorted(taken, reverse=True)[::3]:
            emit("search", f"{case}: “{query}”", second * 1000, "ms")


if __name__ == "__main__":
    raise SystemExit(main())
