"""Which column the code that Bisync writes may take for the key of a model."""

from __future__ import annotations

from typing import Any

import pytest

from semantic.importer import primary_keys

pytestmark = pytest.mark.pure

LINES = "model.shop.fct_lines"


def checked(kind: str, column: str | None = "order_id", **config: Any) -> dict[str, Any]:
    return {
        "unique_id": f"test.shop.{kind}_{column}_{len(config)}",
        "name": kind,
        "resource_type": "test",
        "attached_node": LINES,
        "column_name": column,
        "test_metadata": {"name": kind, "kwargs": {"column_name": column}, "namespace": None},
        "config": {"enabled": True, "where": None} | config,
    }


def combined(*columns: str) -> dict[str, Any]:
    kwargs = {"combination_of_columns": list(columns)}
    metadata = {"name": "unique_combination_of_columns", "kwargs": kwargs, "namespace": "dbt_utils"}
    return checked("combination", None) | {"test_metadata": metadata}


def by_entry(kind: str, column: str) -> dict[str, Any]:
    """A test that the model's entry has, and not the column's."""
    kwargs = {"column_name": column}
    return checked(kind, None) | {"test_metadata": {"name": kind, "kwargs": kwargs, "namespace": None}}


def key(*tests: dict[str, Any], **told: Any) -> str:
    """The key of a model about which dbt itself says that it is `order_id`."""
    model = {
        "unique_id": LINES,
        "name": "fct_lines",
        "resource_type": "model",
        "package_name": "shop",
        "columns": {"order_id": {"name": "order_id"}, "line_no": {"name": "line_no"}},
        "config": {"materialized": "table"},
        "primary_key": ["order_id"],
        **told,
    }
    nodes = {one["unique_id"]: one for one in (model, *tests)}
    return primary_keys({"metadata": {"project_name": "shop"}, "nodes": nodes}).get("fct_lines", "")


UNIQUE, FILLED = checked("unique"), checked("not_null")


@pytest.mark.parametrize(
    "tests",
    [
        (combined("order_id", "line_no"), FILLED),
        (checked("unique", where="is_current"), FILLED),
        (UNIQUE, checked("not_null", where="order_id > 0")),
        (UNIQUE,),
        (checked("unique", enabled=False), FILLED),
        (UNIQUE, checked("not_null", "line_no")),
        (
            by_entry("unique", "order_id || '-' || line_no"),
            by_entry("not_null", "order_id || '-' || line_no"),
        ),
        (UNIQUE, FILLED | {"attached_node": "model.shop.fct_orders"}),
        (UNIQUE, FILLED, checked("unique", "line_no"), checked("not_null", "line_no")),
    ],
    ids=[
        "a combination",
        "unique in some rows",
        "filled in some rows",
        "perhaps null",
        "not tested",
        "two columns",
        "SQL",
        "another model",
        "two keys",
    ],
)
def test_what_may_hold_the_same_value_twice_is_no_key(tests: tuple[dict[str, Any], ...]) -> None:
    assert key(*tests) == ""


def test_a_column_that_is_tested_to_be_unique_and_filled_is_the_key() -> None:
    assert key(UNIQUE, FILLED) == "order_id"
    assert key(by_entry("unique", "order_id"), FILLED) == "order_id"
    assert key(checked("unique", '"ORDER_ID"'), checked("not_null", "`order_id`")) == "order_id"
    seed = {"resource_type": "seed", "primary_key": []}
    assert key(UNIQUE, FILLED, **seed) == "order_id"


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"constraints": [{"type": "primary_key", "columns": ["line_no"]}]}, "line_no"),
        ({"constraints": [{"type": "primary_key", "columns": ["order_id", "line_no"]}]}, "order_id"),
        ({"columns": {"line_no": {"constraints": [{"type": "primary_key"}]}}}, "line_no"),
    ],
)
def test_a_primary_key_in_a_contract_comes_before_tests(told: dict[str, Any], expected: str) -> None:
    assert key(UNIQUE, FILLED, **told) == expected


def test_a_contract_may_say_a_part_of_it() -> None:
    filled = {"columns": {"order_id": {"constraints": [{"type": "not_null"}]}}}
    assert key(UNIQUE, **filled) == "order_id"
    assert key(**filled) == ""
