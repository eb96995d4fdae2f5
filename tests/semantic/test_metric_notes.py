"""Owner and format of a new metric stand where the project's own metrics have them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from semantic.current import fields_of
from semantic.definitions import Metric
from semantic.metric_notes import as_noted, plain_notes, usual_currency
from tests.semantic.codegen.written_metrics import compiled
from tests.semantic.shop import vocabulary

pytestmark = pytest.mark.pure

KNOWN = vocabulary()


def metric(name: str, file: str = "models/metrics.yml", **meta: Any) -> Metric:
    return Metric(name, "simple", measure="net_amount_total", meta=meta, file=file)


@pytest.mark.parametrize(
    ("metas", "plain"),
    [
        ([{"owner": "Finance", "format": "currency"}], {"owner", "format"}),
        ([{"owner": "Finance"}, {"bisync": {"owner": "Maya"}}], set()),
        ([{"owner": "Finance"}, {"owner": "Sales"}, {"bisync": {"owner": "Maya"}}], {"owner"}),
        ([{"owner": ["Finance"], "format": "$0.00"}], set()),
        ([], set()),
    ],
)
def test_notes_are_plain_where_most_metrics_have_them_so(
    metas: list[dict[str, Any]], plain: set[str]
) -> None:
    assert plain_notes(metric(f"m{n}", **meta) for n, meta in enumerate(metas)) == plain


def test_metrics_of_packages_do_not_count() -> None:
    assert plain_notes([metric("m", file="", owner="Somebody")]) == set()


def test_an_amount_has_the_currency_of_most_amounts() -> None:
    metrics = [metric("a", currency="GBP"), metric("b", currency="GBP"), metric("c", currency="EUR")]
    own = {"formula": "revenue", "format": "currency", "owner": "Maya"}

    assert usual_currency(metrics) == "GBP"
    assert as_noted(own, frozenset({"format"}), metrics) == {
        "format": "currency", "currency": "GBP", "bisync": {"formula": "revenue", "owner": "Maya"},
    }  # fmt: skip
    assert as_noted(own, frozenset(), metrics) == {"bisync": own}


def test_a_new_metric_follows_and_is_read_back_alike() -> None:
    known = replace(KNOWN, plain_notes=frozenset({"owner", "format"}))
    code = compiled("SUM(discount)", known=known, owner="Maya Chen", value_format="percent")

    (entry,) = code.entries["metrics"]
    assert list(entry["config"]["meta"]) == ["owner", "format", "bisync"]
    assert entry["config"]["meta"]["bisync"].keys() == {"formula"}
    after = code.later().metrics["found"]
    fields = fields_of(after, code.later())
    assert (fields.owner, fields.value_format) == ("Maya Chen", "percent")


@pytest.mark.parametrize(
    ("plain", "meta"),
    [
        (frozenset[str](), {"bisync": {"formula": "SUM(discount)"}}),
        (frozenset({"format"}), {"format": "number", "bisync": {"formula": "SUM(discount)"}}),
    ],
)
def test_a_plain_number_is_noted_only_where_the_projects_metrics_say_so(
    plain: frozenset[str], meta: dict[str, object]
) -> None:
    known = replace(KNOWN, plain_notes=plain)

    (entry,) = compiled("SUM(discount)", known=known).entries["metrics"]

    assert entry["config"]["meta"] == meta
