"""What a deployment builds, where its parts lie afterwards, and what its readers see."""

from __future__ import annotations

from typing import Any

import pytest

from environments.builds import facing
from environments.models import Environment
from environments.plan import Plan, plan, relations_after, trial

pytestmark = pytest.mark.pure


def test_the_first_version_builds_everything() -> None:
    wanted = plan(live_commit="", live_variables={}, variables={}, affected=["fct_orders"])

    assert wanted == Plan((), "the first version")
    assert wanted.everything


@pytest.mark.parametrize(
    ("before", "after"),
    [({}, {"scale": 1}), ({"scale": 1}, {}), ({"scale": 1}, {"scale": 2}), ({"scale": 1}, {"scale": "1"})],
)
def test_dbt_does_not_see_changed_variables_so_they_build_everything(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    wanted = plan(live_commit="c1", live_variables=before, variables=after)

    assert wanted.everything
    assert "variables" in wanted.reason


def test_later_versions_build_what_changed_and_what_reads_it() -> None:
    wanted = plan(live_commit="c1", live_variables={"a": 1}, variables={"a": 1})

    assert wanted.select == ("state:modified+",)
    assert not wanted.everything


def test_models_below_a_changed_definition_are_built_and_tested_too() -> None:
    wanted = plan(
        live_commit="c1",
        live_variables={},
        variables={},
        affected=["fct_orders", "dim_customers", "fct_orders"],
    )

    assert wanted.select == ("state:modified+", "dim_customers+", "fct_orders+")


def node(name: str, kind: str = "model", **fields: object) -> dict[str, object]:
    return {"name": name, "resource_type": kind, "schema": "analytics__v2", "alias": name, **fields}


def manifest(**reads: list[str]) -> dict[str, dict[str, Any]]:
    """Models and tests by name, tests beginning with t_, ephemeral ones with e_; with what each reads."""
    nodes, parents = {}, {}
    for name, read in reads.items():
        kind = "test" if name.startswith("t_") else "model"
        config = {"materialized": "ephemeral" if name.startswith("e_") else "table"}
        depends = {"nodes": [f"model.{parent}" for parent in read]}
        nodes[f"{kind}.{name}"] = node(name, kind, depends_on=depends, config=config)
        parents[f"{kind}.{name}"] = depends["nodes"]
    return {"nodes": nodes, "parent_map": parents}


SHOP = manifest(
    raw=[],
    e_clean=["raw"],
    orders=["e_clean"],
    people=[],
    e_adults=["people"],
    t_orders=["orders"],
    t_both=["orders", "people"],
    t_adults=["e_adults", "orders"],
    t_clean=["orders", "e_clean"],
    t_people=["people"],
)


def test_a_trial_without_a_live_version_builds_what_is_read_and_tests_what_can_be_tested() -> None:
    wanted = trial(SHOP, models=["orders"], live={})

    assert wanted.select == ("+orders",)
    assert wanted.exclude == ("t_adults", "t_both")


def test_a_trial_on_a_live_version_builds_what_changed_and_tests_against_the_rest() -> None:
    live = {f"model.{name}": ("analytics__v1", name) for name in ("raw", "orders", "people")}

    assert trial(SHOP, models=["orders"], live=live).select == ("orders", "+orders,state:modified+")
    assert trial(SHOP, models=["orders"], live=live).exclude == ()
    del live["model.people"]
    assert trial(SHOP, models=["orders"], live=live).exclude == ("t_adults", "t_both")


def test_what_was_built_lies_where_it_was_built_and_the_rest_where_it_was() -> None:
    nodes = {"model.a": node("a"), "model.b": node("b", alias="b_v2"), "seed.c": node("c", "seed")}
    before = {uid: ("analytics__v1", uid[-1]) for uid in nodes}

    after = relations_after(nodes, built={"model.b", "seed.c"}, before=before)

    assert after == {
        "model.a": ["analytics__v1", "a"],
        "model.b": ["analytics__v2", "b_v2"],
        "seed.c": ["analytics__v2", "c"],
    }


def test_what_is_no_table_or_was_never_built_or_is_gone_lies_nowhere() -> None:
    nodes = {
        "model.e": node("e", config={"materialized": "ephemeral"}),
        "test.t": node("t", "test"),
        "model.new": node("new"),
    }
    before = {"model.gone": ["analytics__v1", "gone"]}

    assert relations_after(nodes, built={"model.e", "test.t"}, before=before) == {}


def test_a_table_that_became_ephemeral_is_no_table_any_more() -> None:
    nodes = {"model.a": node("a", config={"materialized": "ephemeral"})}

    assert relations_after(nodes, built=set(), before={"model.a": ["analytics__v1", "a"]}) == {}


def test_readers_see_each_version_under_names_that_stay() -> None:
    relations = {
        "model.a": ["analytics__v7", "a"],
        "model.b": ["analytics__v12", "b"],
        "model.c": ["analytics__v7_finance", "c"],
        "model.d": ["elsewhere", "d"],
    }

    assert facing(Environment(schema="analytics"), relations) == {
        "analytics": {"a": ("analytics__v7", "a"), "b": ("analytics__v12", "b")},
        "analytics_finance": {"c": ("analytics__v7_finance", "c")},
    }


@pytest.mark.parametrize("schema", ["analytics", "analytics__v", "analytics_dev__v1", "my_analytics__v1"])
def test_what_is_not_a_version_of_ours_is_read_where_it_lies(schema: str) -> None:
    assert facing(Environment(schema="analytics"), {"model.a": [schema, "a"]}) == {}
