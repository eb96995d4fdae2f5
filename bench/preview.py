"""The formula check and the live preview while somebody types, alone and through the page."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from bench import _demo
from bench._common import Clock, emit, percentile, timings

if TYPE_CHECKING:
    from governance.models import Project

FORMULAS = (
    "SUM(net_amount) WHERE status = 'completed'",
    "SUM(refund_amount) / SUM(net_amount)",
    "COUNT(DISTINCT customer_id) WHERE channel = 'app' AND country IN ('DE', 'FR')",
    "revenue / orders * 2",
    "AVERAGE(net_amount) WHERE is_first_order",
)


def main() -> None:
    _demo.prepare()
    from django.core.cache import cache

    from environments.selectors import environments_of, vocabulary_of
    from governance.models import Project
    from proposals.preview import preview
    from semantic.fields import MetricFields
    from semantic.formula import analyse

    project = Project.objects.get(slug="outdoor")
    production = environments_of(project).get(slug="prod")
    names = vocabulary_of(project, production)
    checks, cold, warm = [], [], []
    for formula in FORMULAS:
        checks += timings(lambda text=formula: analyse(text, names, model="fct_orders"), repeat=20)
        fields = MetricFields(name="bench_metric", label="Bench metric", formula=formula, model="fct_orders")
        for round_ in range(4):
            cache.clear()
            started = time.perf_counter()
            shown = preview(replace(fields, label=f"Bench {round_}"), production)
            cold.append(time.perf_counter() - started)
            assert shown.numbers is not None, (formula, shown.trouble, shown.analysis.problems)
        warm += timings(lambda one=fields: preview(one, production), repeat=5)
    page = pages(project)
    emit("preview", "formula check p95", percentile(checks, 0.95) * 1000, "ms")
    emit("preview", "preview asked for the first time p95", percentile(cold[1:], 0.95) * 1000, "ms")
    emit("preview", "preview asked again p95", percentile(warm, 0.95) * 1000, "ms")
    page.emit("preview", "round trip of the page, another formula each time")


def pages(project: Project) -> Clock:
    """How long the form's preview takes to come back: a formula that was never asked before, each time."""
    from django.conf import settings
    from django.test import Client

    from bisync.demo.smoke import METRIC
    from proposals.models import Proposal

    settings.ALLOWED_HOSTS.append("testserver")
    client = Client()
    client.force_login(_demo.person("Maya"))
    opened = client.post(f"/{project.slug}/prod/propose/")
    number = Proposal.objects.filter(project=project, status="draft").latest("id").number
    assert opened.status_code == 302, opened.status_code
    clock = Clock()
    for round_ in range(10):
        for formula in FORMULAS:
            # Another formula each time: what was asked once is kept.
            text = formula if round_ == 0 else f"({formula}) * {round_ + 1}"
            with clock.running():
                answer = client.post(
                    f"/{project.slug}/prod/proposals/{number}/preview/",
                    {**METRIC, "formula": text, "label": f"Bench {round_}", "rules": []},
                    HTTP_HX_REQUEST="true",
                )
            assert b"All time" in answer.content, (text, answer.status_code)
    Proposal.objects.filter(project=project, number=number).delete()
    return clock


if __name__ == "__main__":
    main()
