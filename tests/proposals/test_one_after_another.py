"""Changes of one proposal, each built on those before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import yaml

from bisync.lib.errors import InvalidInput
from proposals import generate
from proposals.models import Item
from semantic.current import fields_of
from semantic.described import DocFields
from semantic.elements import DimensionFields
from semantic.fields import Fields, MetricFields, name_from
from semantic.known import Known
from semantic.models import Revision
from semantic.removals import RemovalFields
from tests.semantic import latest_shop
from tests.semantic.codegen import removal_shop as shop

pytestmark = pytest.mark.pure

VISITS = "model.shop.fct_visits"
FILES = {
    "models/metrics.yml": shop.FILE,
    "models/semantics.yml": shop.SEMANTICS,
}
DEVICE = DimensionFields(
    name=f"{VISITS}:device_kind", model=VISITS, label="Device kind", expr="device", time="visited_on"
)


def metric(label: str, formula: str, **more: Any) -> MetricFields:
    name = name_from(label)
    return MetricFields(name=name, label=label, meaning="What it is.", formula=formula, owner="Maya", **more)


def visits(label: str, formula: str) -> MetricFields:
    return metric(label, formula, model="fct_visits", time="visited_on")


def item(fields: Fields, base: Fields | None = None) -> Item:
    kinds: dict[type, str] = {
        MetricFields: "metric",
        DimensionFields: "dimension",
        RemovalFields: "removal",
        DocFields: "doc",
    }
    revision = Revision(
        kind=kinds[type(fields)], fields=fields.to_json(), base=base.to_json() if base else {}
    )
    return Item(revision=revision)


def written(items: Sequence[Item], known: Known) -> dict[str, Any]:
    """What the files say afterwards; that they can be written twice, too."""
    code = generate.entries_of(items, known, dialect="duckdb")
    for one, compiled in zip(items, code, strict=True):
        one.entries = compiled.entries
    left = generate.remaining(items, known, dialect="duckdb")
    assert left is not None
    assert [one.entries for one in left] == [one.entries for one in code]
    edits = generate.file_edits(code, lambda path: FILES[path].encode() if path in FILES else None)
    return {edit.path: yaml.safe_load(edit.after) for edit in edits if edit.path.endswith(".yml")}


def refused(items: Sequence[Item], known: Known) -> dict[str, list[str]]:
    with pytest.raises(InvalidInput) as caught:
        generate.entries_of(items, known, dialect="duckdb")
    return caught.value.fields


def by_name(entries: Sequence[Any]) -> dict[str, Any]:
    return {entry["name"]: entry for entry in entries}


def test_a_metric_over_a_metric_of_the_same_proposal() -> None:
    items = [
        item(metric("Gross", "SUM(net_amount) + SUM(discount)", model="fct_orders")),
        item(metric("Gross per order", "Gross / COUNT(*)", model="fct_orders")),
    ]

    found = by_name(written(items, shop.known())["models/metrics.yml"]["metrics"])

    assert found["gross_per_order"]["type_params"] == {"numerator": "gross", "denominator": "orders_total"}
    assert list(items[1].entries["uses"]) == ["gross"]


def test_two_metrics_of_a_model_that_had_no_semantic_model() -> None:
    items = [item(visits("Visits", "COUNT(*)")), item(visits("Minutes", "SUM(minutes)"))]

    found = written(items, shop.known())

    semantic = found["models/semantics.yml"]["semantic_models"][-1]
    assert [one["name"] for one in semantic["measures"]] == ["visits_count", "minutes_sum"]
    assert [one["name"] for one in found["models/metrics.yml"]["metrics"][-2:]] == ["visits", "minutes"]


@pytest.mark.parametrize("dimension_first", [True, False])
def test_a_metric_and_a_dimension_of_a_model_that_had_no_semantic_model(*, dimension_first: bool) -> None:
    items = [item(visits("Minutes", "SUM(minutes)")), item(DEVICE)]

    found = written(items[::-1] if dimension_first else items, shop.known())

    semantic = found["models/semantics.yml"]["semantic_models"][-1]
    assert [one["name"] for one in semantic["dimensions"]] == ["visited_on", "device_kind"]
    assert [one["name"] for one in semantic["measures"]] == ["minutes_sum"]


def test_two_metrics_of_such_a_model_in_the_latest_spec() -> None:
    known = Known(latest_shop.SHOP, shop.known().read)
    items = [item(visits("Visits", "COUNT(*)")), item(visits("Minutes per visit", "SUM(minutes) / Visits"))]

    found = written(items, known)

    (model,) = found["models/fct_visits_metrics.yml"]["models"]
    assert [one["name"] for one in model["metrics"]] == ["visits", "minutes_per_visit_numerator"]
    (share,) = found["models/fct_visits_metrics.yml"]["metrics"]
    assert (share["numerator"], share["denominator"]) == ("minutes_per_visit_numerator", "visits")


def test_a_name_that_a_change_before_it_takes_is_told_beside_the_field() -> None:
    known = shop.known()
    gross = item(metric("Gross", "SUM(discount)", model="fct_orders"))
    same = item(metric("gross", "SUM(discount) * 2", model="fct_orders"))
    called = item(RemovalFields("metric:turnover_share", how="rename", new_name="gross"))

    assert refused([gross, same], known)["label"] == ["There is a metric gross already. Choose another name."]
    assert "something called gross already" in refused([gross, called], known)["new_name"][0]
    assert "a metric gross already" in refused([called, gross], known)["label"][0]


def test_the_same_thing_twice_is_told_as_what_it_is() -> None:
    block = item(DocFields(name="doc.orders", block="orders", text="One row each.", why="Asked."))
    known = shop.known()

    assert "This proposal has orders twice" in refused([block, block], known)["text"][0]
    assert "This proposal has Device kind twice" in refused([item(DEVICE), item(DEVICE)], known)["expr"][0]


def test_a_changed_metric_is_what_later_changes_build_on() -> None:
    known = shop.known()
    base = fields_of(known.names.metrics["turnover"], known.names)
    changed = replace(
        base, label="Gross sales", formula="SUM(fct_orders.discount)", meaning="All.", owner="Maya"
    )
    taken = item(metric("Gross sales", "COUNT(*)", model="fct_orders"))
    free = item(metric("Turnover", "COUNT(*) + 1", model="fct_orders"))

    told = refused([item(changed, base), taken], known)
    assert "“Gross sales” is the name of the metric turnover" in told["label"][0]
    code = generate.entries_of(
        [item(changed, base), item(metric("Discounts", "SUM(discount) / Revenue", model="fct_orders"))],
        known,
        dialect="duckdb",
    )
    assert code[1].entries["metrics"][-1]["type_params"] == {
        "numerator": "turnover",
        "denominator": "revenue",
    }
    assert "turnover already" in refused([item(changed, base), free], known)["label"][0]


def test_a_new_metric_keeps_what_it_is_computed_from() -> None:
    known = shop.known()
    user = item(metric("Average share", "turnover_share * 100"))
    total = item(metric("Items per order", "COUNT(*) / SUM(quantity)", model="fct_orders"))

    assert (
        "the metric Average share"
        in refused([user, item(RemovalFields("metric:turnover_share"))], known)["replacement"][0]
    )
    gone = item(RemovalFields("metric:turnover_per_order", unused=True))
    code = generate.entries_of([total, gone], known, dialect="duckdb")
    assert [one["name"] for one in code[1].entries["edits"]] == ["turnover_per_order"]
    assert (
        "the metric Items per order"
        in refused([total, item(RemovalFields("measure:quantity_sum"))], known)["replacement"][0]
    )
