"""Artifacts of other versions, and manifests that serve as a state."""

from __future__ import annotations

import json
from typing import Any

import pytest

from workspace.dbt.artifacts import NodeResult, read_manifest, read_run_results, relocate
from workspace.dbt.errors import ArtifactUnreadable

VERSION = "https://schemas.getdbt.com/dbt/manifest/v{}.json"


def manifest(version: int = 12, **parts: Any) -> bytes:
    metadata = {"dbt_schema_version": VERSION.format(version), "dbt_version": "1.0"}
    return json.dumps({"metadata": metadata, **parts}).encode()


def node(name: str, **fields: Any) -> dict[str, Any]:
    known = {"unique_id": f"model.shop.{name}", "name": name, "resource_type": "model"}
    return {**known, "relation_name": f'"wh"."old"."{name}"', "schema": "old", **fields}


@pytest.mark.parametrize("version", [12, 13])
def test_manifests_of_several_versions_are_read_whatever_else_they_hold(version: int) -> None:
    new = node("a", invented={"by": ["a", "later", "dbt"]}, description=None)

    found = read_manifest(manifest(version, nodes={"model.shop.a": new}, functions={"f": {}}))

    assert found["nodes"]["model.shop.a"] == new


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"{not json", "Expecting property name"),
        (b'{"metadata": {}}', "not a manifest"),
        (b'{"metadata": null}', "not a manifest"),
        (b"[]", "no object"),
        (manifest(11), "version 11 is too old"),
    ],
)
def test_what_is_no_manifest_is_refused_with_the_reason(raw: bytes, words: str) -> None:
    with pytest.raises(ArtifactUnreadable) as caught:
        read_manifest(raw)

    assert words in str(caught.value)
    assert "dbt executable" in str(caught.value)


def test_what_no_database_holds_is_left_out() -> None:
    odd = node(
        "a", description="a\x00b \ud800 \\u0000", meta={"k\x00": [float("nan"), float("-inf"), 1e30, "NaN"]}
    )

    found = read_manifest(manifest(nodes={"model.shop.a": odd}))["nodes"]["model.shop.a"]

    assert found["description"] == "ab ? \\u0000"
    assert found["meta"] == {"k": ["nan", "-inf", 1e30, "NaN"]}


def test_results_that_are_none_are_refused() -> None:
    with pytest.raises(ArtifactUnreadable):
        read_run_results(b'{"results": null}')


def status(word: str) -> NodeResult:
    (result,) = read_run_results(
        json.dumps({"results": [{"unique_id": "model.a.b", "status": word}]}).encode()
    )
    return result


@pytest.mark.parametrize("word", ["success", "pass", "warn", "skipped", "no-op"])
def test_a_node_that_was_skipped_or_warned_has_not_failed(word: str) -> None:
    assert not status(word).failed


@pytest.mark.parametrize("word", ["error", "fail", "partial success", "runtime error"])
def test_a_node_that_failed_says_so(word: str) -> None:
    assert status(word).failed


@pytest.mark.parametrize(
    ("unique_id", "name"),
    [
        ("model.shop.orders", "orders"),
        ("model.shop.orders.v2", "orders.v2"),
        ("test.shop.unique_orders_id.7d693d05ef", "unique_orders_id"),
        ("test.shop.revenue_is_positive", "revenue_is_positive"),
        ("unit_test.shop.revenue.sums_by_country", "sums_by_country"),
        ("operation.shop.shop-on-run-start-0", "shop-on-run-start-0"),
    ],
)
def test_a_node_has_a_name_that_people_know(unique_id: str, name: str) -> None:
    assert NodeResult(unique_id, "success").name == name


def test_a_message_becomes_one_line() -> None:
    message = (
        'Database Error in model a (models/a.sql)\n  column "x" does not exist\n  LINE 3: select x\n     ^'
    )

    assert NodeResult("model.shop.a", "error", message).sentence == 'column "x" does not exist'


def test_a_relocated_manifest_names_the_relations_of_the_live_version() -> None:
    raw = manifest(
        nodes={
            "model.shop.a": node("a"),
            "model.shop.new": node("new"),
            "model.shop.passing": node("passing", relation_name=None),
            "test.shop.t": node("t", resource_type="test"),
        },
        metrics={"metric.shop.m": {"kept": True}},
    )

    state = json.loads(relocate(raw, {"model.shop.a": '"wh"."v7"."odd ""a"""'}))

    assert set(state["nodes"]) == {"model.shop.a", "model.shop.passing", "test.shop.t"}
    moved = state["nodes"]["model.shop.a"]
    assert (moved["database"], moved["schema"], moved["alias"]) == ("wh", "v7", 'odd "a"')
    assert moved["relation_name"] == '"wh"."v7"."odd ""a"""'
    assert moved["name"] == "a"
    assert state["metrics"] == {"metric.shop.m": {"kept": True}}


def test_a_relation_needs_all_three_parts() -> None:
    with pytest.raises(ValueError, match="does not name database, schema and relation"):
        relocate(manifest(nodes={"model.shop.a": node("a")}), {"model.shop.a": "v7.a"})
