"""What a rule decides, for metrics: its model has the entity of the rows that it is about, and a dimension."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
import yaml

from catalog.reading import Manifest
from semantic.business_rules import BusinessRuleFields
from semantic.codegen.business_rules import compile_rule
from semantic.codegen.entries import Refused
from semantic.codegen.metrics import Compiled, MetricDraft, compile_metric
from semantic.codegen.rule_changes import compile_rule_change
from semantic.codegen.rule_reading import rule_said
from semantic.definitions import Dimension, Entity, Model, Vocabulary
from semantic.formula import analyse
from semantic.known import Known
from tests.semantic import shop
from tests.semantic.codegen.sql_models.rules_there import manifest_of, written
from workspace.dbt.manifest import split

pytestmark = pytest.mark.pure

SIZE = BusinessRuleFields(
    name="order_size",
    label="Order size",
    description="Which orders need two people.",
    model="fct_orders",
    written="formula",
    text="IF(quantity > 2, 'big', 'small')",
)
NAMES = replace(shop.vocabulary(), keys={"fct_orders": "order_id", "fct_visits": "visit_id"})
PROPERTIES, SEMANTICS = "models/schema.yml", "models/semantics.yml"
SMALL = "{{ Dimension('order__order_size') }} = 'small'"


def compiled(
    names: Vocabulary = NAMES,
    fields: BusinessRuleFields = SIZE,
    *,
    files: Mapping[str, str] = shop.FILES,
    settled: Any = None,
) -> Compiled:
    told = [path.rpartition("/")[2].removesuffix(".sql") for path in files if path.endswith(".sql")]
    nodes = {f"model.shop.{name}": {"config": {"materialized": "table"}} for name in told}
    raw = json.dumps({"metadata": {"project_name": "shop"}, "nodes": nodes}).encode()
    known = Known(names, lambda: Manifest(split(raw)), lambda: files)
    return compile_rule(fields, known, dialect="duckdb", settled=settled)


def latest(names: Vocabulary) -> Vocabulary:
    models = {
        name: replace(one, semantic=one.semantic and replace(one.semantic, spec="latest", file=one.file))
        for name, one in names.models.items()
    }
    return replace(names, models=models, dbt_version=(1, 12))


def having(names: Vocabulary, model: str, **semantic: Any) -> Vocabulary:
    """The names with another thing said of a model in the semantic layer."""
    one = names.models[model]
    assert one.semantic is not None
    changed = replace(one, semantic=replace(one.semantic, **semantic))
    return replace(names, models={**names.models, model: changed})


def properties(code: Compiled, files: Mapping[str, str] = shop.FILES) -> Any:
    after = written(code, files)
    return next(
        entry
        for path in after
        if path.endswith(".yml")
        for entry in yaml.safe_load(after[path]).get("models") or ()
        if isinstance(entry, dict) and entry.get("name") == "fct_order_size"
    )


def test_a_rule_stands_with_the_semantic_models_of_the_project() -> None:
    code = compiled()

    assert yaml.safe_load(written(code, shop.FILES)[SEMANTICS])["semantic_models"][-1] == {
        "name": "order_size",
        "model": "ref('fct_order_size')",
        "entities": [{"name": "order", "type": "primary", "expr": "order_id"}],
        "dimensions": [{"name": "order_size", "label": "Order size", "type": "categorical"}],
    }
    assert "semantic_model" not in properties(code)
    assert "semantic_models" in code.yaml_preview


def test_in_the_latest_spec_it_says_so_in_its_own_entry() -> None:
    code = compiled(latest(NAMES))
    entry = properties(code)

    assert list(entry) == ["name", "description", "config", "semantic_model", "columns"]
    assert entry["semantic_model"] is True
    columns = {one["name"]: one for one in entry["columns"]}
    assert columns["order_id"]["entity"] == {"type": "primary", "name": "order"}
    assert columns["order_size"]["dimension"] == {"type": "categorical", "label": "Order size"}
    assert not {"entity", "dimension"} & columns["quantity"].keys()


@pytest.mark.parametrize("spec", [lambda names: names, latest])
def test_metrics_of_the_same_proposal_are_filtered_by_it(spec: Any) -> None:
    after = compiled(spec(NAMES)).after
    assert after is not None

    for formula in (
        "COUNT(fct_orders.*) WHERE fct_order_size.order_size = 'small'",
        "revenue WHERE order_size = 'small'",
    ):
        found = MetricDraft("found", "Found", "", analyse(formula, after))
        (metric,) = metrics(compile_metric(found, after))
        assert metric["filter"] == SMALL


def metrics(code: Compiled) -> list[Any]:
    inside = [one for entry in code.entries.get("models", {}).values() for one in entry.get("metrics", ())]
    return [*code.entries["metrics"], *inside]


def test_the_same_rule_is_the_same_code_and_nothing_once_it_is_there() -> None:
    first, second = compiled(), compiled()
    assert (first.entries, first.changes) == (second.entries, second.changes)

    assert first.after is not None
    files = written(first, shop.FILES)
    again = compiled(first.after, files=files, settled=first.entries)
    assert (again.changes, again.entries["edits"]) == ((), [])


def test_a_project_without_a_semantic_layer_gets_none() -> None:
    models = {name: replace(one, semantic=None) for name, one in NAMES.models.items()}
    code = compiled(replace(NAMES, models=models, metrics={}))

    assert {change.path for change in code.changes} & {SEMANTICS} == set()
    assert "semantic_model" not in properties(code)
    assert code.after is not None
    assert code.after.models["fct_order_size"].semantic is None


def test_a_key_that_the_semantic_layer_does_not_know_brings_nothing() -> None:
    device = replace(SIZE, name="long_visit", model="fct_visits", text="IF(minutes > 5, 'long', 'short')")
    assert SEMANTICS not in {change.path for change in compiled(fields=device).changes}

    two = replace(SIZE, key=("order_id", "customer_id"))
    assert SEMANTICS not in {change.path for change in compiled(fields=two).changes}


def test_rows_of_a_model_outside_are_known_by_the_key_that_others_have() -> None:
    columns = NAMES.models["fct_orders"].columns
    outside = Model("stg_orders", "model.shop.stg_orders", columns, file=PROPERTIES)
    names = replace(
        NAMES,
        models={**NAMES.models, "stg_orders": outside},
        keys={**NAMES.keys, "stg_orders": "order_id"},
    )
    code = compiled(names, replace(SIZE, model="stg_orders"))

    (entry,) = yaml.safe_load(written(code, shop.FILES)[SEMANTICS])["semantic_models"][2:]
    assert entry["entities"] == [{"name": "order", "type": "primary", "expr": "order_id"}]


def test_names_that_the_rows_have_already_are_not_given_twice() -> None:
    orders = NAMES.models["fct_orders"].semantic
    assert orders is not None
    taken = (*orders.dimensions, Dimension("order_size", "categorical", "quantity > 5"))
    code = compiled(having(having(NAMES, "fct_orders", dimensions=taken), "dim_customers", name="order_size"))
    entry = yaml.safe_load(written(code, shop.FILES)[SEMANTICS])["semantic_models"][-1]

    assert entry["name"] == "fct_order_size"
    assert entry["dimensions"][0]["name"] == "order_size_2"
    assert entry["dimensions"][0]["expr"] == "order_size"


def test_the_entity_is_that_of_the_key_and_no_other() -> None:
    entities = (Entity("purchase", "primary", "order_id"), Entity("order", "foreign", "customer_id"))
    code = compiled(having(NAMES, "fct_orders", entities=entities))
    entry = yaml.safe_load(written(code, shop.FILES)[SEMANTICS])["semantic_models"][-1]

    assert entry["entities"] == [{"name": "purchase", "type": "primary", "expr": "order_id"}]


@pytest.mark.parametrize("spec", [lambda names: names, latest])
def test_a_change_of_the_rule_leaves_what_is_said_of_it_and_calls_the_dimension_as_the_rule(
    spec: Any,
) -> None:
    known, base = there(spec(NAMES))
    node = known.node(base.name)
    assert node is not None
    decided = replace(base, text=base.text.replace("more than 2", "more than 3"), why="Packing is faster.")
    code = compile_rule_change(base, decided, known, dialect="duckdb")

    changed = {path for path, text in written(code, known.files).items() if known.files.get(path) != text}
    assert changed == {node.path, node.patch_path}
    assert "entity" not in code.yaml_preview
    assert "dimension" not in code.yaml_preview
    assert code.after is not None
    assert code.after.models["fct_order_size"].semantic == known.names.models["fct_order_size"].semantic

    called = compile_rule_change(base, replace(base, label="Parcel"), known, dialect="duckdb")
    after = written(called, known.files)
    assert called.models == ()
    assert sum(text.count("label: Parcel") for text in after.values()) == 2
    assert not any("label: Order size" in text for text in after.values())


def test_a_dimension_that_somebody_calls_otherwise_keeps_its_name() -> None:
    known, base = there(NAMES)
    semantic = known.names.models["fct_order_size"].semantic
    assert semantic is not None
    other = having(
        known.names, "fct_order_size", dimensions=(replace(semantic.dimensions[0], label="Size of parcels"),)
    )
    code = compile_rule_change(
        base, replace(base, label="Parcel"), replace(known, names=other), dialect="duckdb"
    )

    assert [change.path for change in code.changes] == [known.node(base.name).patch_path]  # type: ignore[union-attr]


def test_a_column_that_the_semantic_layer_uses_is_not_taken_away() -> None:
    known, base = there(NAMES)

    with pytest.raises(Refused, match="order in the semantic layer is the column order_id"):
        compile_rule_change(base, replace(base, key=("customer_id",)), known, dialect="duckdb")


def there(names: Vocabulary) -> tuple[Known, BusinessRuleFields]:
    """The shop after the rule was published in it, and what dbt says of the rule."""
    code = compiled(names)
    assert code.after is not None
    files = written(code, shop.FILES)
    told = manifest_of({path: text for path, text in files.items() if path.startswith("models/")})
    manifest = Manifest(split(json.dumps(told).encode()))
    known = Known(code.after, lambda: manifest, lambda: files)
    base = rule_said("model.shop.fct_order_size", known)
    assert base is not None
    return known, base
