"""Server time and queries of every page with the demo's data, p95 of 20."""

from __future__ import annotations

import time

from bench import _demo
from bench._common import emit, percentile

REPEATS = 20


def main() -> None:
    _demo.prepare()
    from django.conf import settings
    from django.db import connection, reset_queries
    from django.test import Client

    settings.ALLOWED_HOSTS.append("testserver")
    from proposals.models import Proposal
    from workspace.models import Run

    draft = Proposal.objects.filter(status="draft").order_by("id").first()
    run = Run.objects.order_by("id").last()
    paths = {
        "home": "/outdoor/",
        "metrics": "/outdoor/prod/metrics/",
        "metric": "/outdoor/prod/metrics/revenue/",
        "metric by week": "/outdoor/prod/metrics/orders/?grain=week",
        "inbox": "/outdoor/proposals/?tab=all",
        "propose": f"/outdoor/prod/proposals/{draft.number}/edit/",
        "sync": "/outdoor/pulls/",
        "runs": "/outdoor/runs/",
        "run": f"/outdoor/runs/{run.pk}/",
        "environments": "/outdoor/environments/",
    }
    fragments = {
        "metric numbers": "/outdoor/prod/metrics/revenue/?grain=quarter",
        "metric search": "/outdoor/prod/metrics/?q=revenue",
        "sync state": "/outdoor/pulls/",
    }
    client = Client()
    client.force_login(_demo.person("Maya"))
    for kind, asked, headers in (("page", paths, {}), ("fragment", fragments, {"HTTP_HX_REQUEST": "true"})):
        for name, path in asked.items():
            taken = []
            for _ in range(REPEATS + 1):
                started = time.perf_counter()
                answer = client.get(path, **headers)
                taken.append(time.perf_counter() - started)
                assert answer.status_code in {200, 286}, (path, answer.status_code)
            connection.force_debug_cursor = True
            reset_queries()
            client.get(path, **headers)
            queries = len(connection.queries)
            connection.force_debug_cursor = False
            emit("pages", f"{kind} {name} p95", percentile(taken[1:], 0.95) * 1000, "ms")
            emit("pages", f"{kind} {name} queries", queries, "queries")


if __name__ == "__main__":
    main()
