"""Rules of the demo company as people type them: each of its tests changed, and new ones of every table."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from semantic.codegen.entries import Refused
from semantic.codegen.habits import habits_in
from semantic.codegen.promised import compile_change, compile_new, kept_by, rule_of
from semantic.codegen.quality.promises import AcceptedValues, BelongsTo, Freshness, NotNull
from semantic.importer import dbt_version, dialect, vocabulary
from semantic.known import Known
from semantic.promised import PromiseFields, Typed, fields_of
from tests.catalog.test_coverage import manifest, raw

pytestmark = pytest.mark.pure
VERSIONS = ["1.8", "1.11"]


def known_of(version: str) -> Known:
    """The demo company as one version of dbt read it, of which nothing is built."""
    data = json.loads(raw(version))
    empty = {"semantic_models": [], "metrics": [], "saved_queries": [], "project_configuration": {}}
    return Known(vocabulary(data, empty), lambda: manifest(version))


@pytest.mark.parametrize("version", VERSIONS)
def test_every_rule_of_the_demo_is_the_same_after_its_form_and_can_become_a_warning(version: str) -> None:
    known = known_of(version)
    kept = [one for test in known.manifest.tests if (one := kept_by(test, known, "duckdb"))]
    assert len(kept) > 20

    for one in kept:
        assert rule_of(one.fields, one.rule.promise) == one.rule
        base = one.fields
        other = "warn" if base.severity == "error" else "error"
        code = compile_change(base, replace(base, severity=other), one.rule.promise, one, known, "duckdb")
        assert [edit["key"] for edit in code.entries["edits"]] == ["severity"]
        assert code.changes[0].path == one.test.path
        assert code.models == (() if one.node.resource_type == "source" else (one.node.name,))
        nothing = compile_change(base, base, one.rule.promise, one, known, "duckdb")
        assert (nothing.changes, nothing.entries["edits"]) == ((), [])


@pytest.mark.parametrize("version", VERSIONS)
def test_a_rule_that_dbt_keeps_already_is_not_written_again(version: str) -> None:
    known = known_of(version)
    kept = [one for test in known.manifest.tests if (one := kept_by(test, known, "duckdb"))]

    for one in kept:
        new = fields_of(one.rule, name="", table=one.node.unique_id, column=one.test.column)
        assert compile_new(new, one.rule.promise, one.node, known, "duckdb").changes == ()


def test_a_rule_beside_one_of_the_same_kind_says_that_both_hold() -> None:
    known = known_of("1.11")
    kept = [one for test in known.manifest.tests if (one := kept_by(test, known, "duckdb"))]
    one = next(one for one in kept if isinstance(one.rule.promise, AcceptedValues))
    new = fields_of(one.rule, name="", table=one.node.unique_id, column=one.test.column)
    promise = AcceptedValues(("lost",))

    notes = compile_new(new, promise, one.node, known, "duckdb").notes

    said = f"dbt tests already that it {one.rule.promise}. Every row then has to keep both rules."
    assert said in notes
    assert not [
        note for note in compile_new(new, NotNull(), one.node, known, "duckdb").notes if "both" in note
    ]


def test_values_with_commas_on_one_line_are_told_to_be_one() -> None:
    known = known_of("1.11")
    kept = [one for test in known.manifest.tests if (one := kept_by(test, known, "duckdb"))]
    one = next(one for one in kept if isinstance(one.rule.promise, AcceptedValues))
    new = fields_of(one.rule, name="", table=one.node.unique_id, column=one.test.column)

    notes = compile_new(new, AcceptedValues(("web, shop",)), one.node, known, "duckdb").notes

    assert notes[-1] == "“web, shop” is one value. Write each on a line of its own where you mean several."
    several = compile_new(new, AcceptedValues(("web, shop", "app")), one.node, known, "duckdb").notes
    assert not any("one value" in note for note in several)


def test_what_dbt_changed_meanwhile_is_refused_where_it_is_the_same_thing() -> None:
    known = known_of("1.11")
    kept = next(one for test in known.manifest.tests if (one := kept_by(test, known, "duckdb")))
    base = replace(kept.fields, label="as_it_was")

    with pytest.raises(Refused, match=r"label of .* was changed in dbt meanwhile"):
        compile_change(base, replace(base, label="mine"), kept.rule.promise, kept, known, "duckdb")
    fields = replace(base, severity="warn")
    code = compile_change(base, fields, kept.rule.promise, kept, known, "duckdb")
    assert [edit["key"] for edit in code.entries["edits"]] == ["severity"]


def test_a_source_gets_a_test_at_its_column_and_an_age_in_the_place_that_dbt_has_for_it() -> None:
    known = known_of("1.11")
    node = next(
        node
        for name in known.manifest.nodes
        if name.startswith("source.") and (node := known.node(name)) and known.owned(node)
    )
    fields = PromiseFields(table=node.unique_id, column="a_column", promise=Typed("not_null"))

    code = compile_new(fields, NotNull(), node, known, "duckdb")
    assert (code.models, code.changes[0].path) == ((), node.path)
    assert "a_column" in code.yaml_preview
    assert "dbt builds no source" in code.notes[1]
    age = replace(fields, promise=Typed("freshness", time="at", age="2", unit="day"))
    code = compile_new(age, Freshness("at", 2, "day"), node, known, "duckdb")
    assert "error_after" in code.yaml_preview
    with pytest.raises(Refused, match="for models alone"):
        compile_new(replace(fields, where="a_column > 3"), NotNull(), node, known, "duckdb")


def test_no_test_reads_a_private_model_of_another_group() -> None:
    known = known_of("1.11")
    models = known.names.models
    table, other = sorted(models)[:2]
    node = known.node(models[table].unique_id)
    assert node is not None
    private = {**models, other: replace(models[other], group="finance", private=True)}
    known = known.having(replace(known.names, models=private))
    fields = PromiseFields(table=node.unique_id, column="id", promise=Typed("belongs_to", to=f"{other}.id"))

    with pytest.raises(Refused, match="private to the group finance"):
        compile_new(fields, BelongsTo(other, "id"), node, known, "duckdb")
    inside = replace(node, group="finance")
    assert compile_new(fields, BelongsTo(other, "id"), inside, known, "duckdb").changes


def test_habits_are_read_once_for_each_manifest() -> None:
    data = json.loads(raw("1.11"))
    found = habits_in(manifest("1.11"), dialect(data), dbt_version(data))

    assert found.uses["not_null"].count > 5
    assert habits_in(manifest("1.11"), dialect(data), dbt_version(data)) is found
