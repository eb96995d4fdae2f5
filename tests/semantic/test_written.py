"""Where each field is written, and which of several places dbt obeys."""

from __future__ import annotations

import textwrap

import pytest

from semantic.written import (
    Layer,
    Properties,
    in_block,
    in_code,
    in_project_file,
    project_file,
    ruled,
)

ORDERS = textwrap.dedent("""\
    version: 2
    models:
      - name: customers
      - name: orders
        description: >
          One row
          for each order.
        meta: {owner: Sales, tier: 1}
        config:
          materialized: table
          meta:
            owner: Finance
        columns:
          - name: order_id
            data_type: integer
            tests: [unique, not_null]
          - name: status
            description: "{{ doc('order_status') }}"
            config: {meta: {shown: true}}
        tests:
          - not_null:
              arguments: {column_name: a}
    """)


def told(found):
    return {(one.column, one.field): (one.value, one.first, one.last) for one in found}


def test_fields_have_the_lines_of_their_key_and_value():
    assert told(Properties(ORDERS).fields("model", "orders")) == {
        ("", "description"): ("One row for each order.", 5, 7),
        ("", "meta.owner"): ("Finance", 12, 12),
        ("", "meta.tier"): ("1", 8, 8),
        ("", "materialized"): ("table", 10, 10),
        ("order_id", "data_type"): ("integer", 15, 15),
        ("order_id", "data_tests"): ("unique, not_null", 16, 16),
        ("status", "description"): ("{{ doc('order_status') }}", 18, 18),
        ("status", "meta.shown"): ("true", 19, 19),
        ("", "data_tests"): ("not_null: arguments: column_name: a", 20, 22),
    }


def test_of_the_same_field_what_stands_under_config_counts():
    places = ruled(Properties(ORDERS).fields("model", "orders"))["", "meta.owner"]

    assert [(one.value, one.first) for one in places] == [("Finance", 12), ("Sales", 8)]


def test_a_docs_block_is_named_as_the_file_names_it():
    found = {one.column: one.doc for one in Properties(ORDERS).fields("model", "orders") if one.doc}
    other = "models: [{name: orders, description: \"{{ doc('shared', 'x') }}\"}]"

    assert found == {"status": "order_status"}
    assert [one.doc for one in Properties(other).fields("model", "orders")] == ["shared.x"]


def test_a_table_has_what_its_source_says_and_its_own_counts_more():
    text = textwrap.dedent("""\
        sources:
          - name: shop
            description: Of the source alone.
            loaded_at_field: at
            freshness: {warn_after: {count: 1, period: day}}
            tables:
              - name: orders
                freshness: null
              - name: other
        """)

    places = ruled(Properties(text).fields("source", "orders", source="shop"))

    assert {key: [(one.layer, one.first) for one in found] for key, found in places.items()} == {
        ("", "loaded_at_field"): [(Layer.SOURCE, 4)],
        ("", "freshness"): [(Layer.PROPERTIES, 8), (Layer.SOURCE, 5)],
    }


@pytest.mark.parametrize(
    ("kind", "name", "first"), [("metric", "revenue", 8), ("semantic_model", "sales", 5)]
)
def test_what_is_written_inside_a_model_is_found(kind: str, name: str, first: int):
    text = textwrap.dedent("""\
        models:
          - name: orders
            semantic_model:
              name: sales
              label: Sales
            metrics:
              - name: revenue
                label: Revenue
        """)

    assert next(one.first for one in Properties(text).fields(kind, name)) == first


@pytest.mark.parametrize(
    "text",
    [
        "",
        "models",
        "models: 1",
        "models: [1, {name: 2}]",
        "models: [{name: [orders]}]",
        "{{ broken",
        "a: &a [*a]",
        "models: [{name: orders}]\n---\nb: 1",
    ],
)
def test_what_is_no_such_file_says_nothing(text: str):
    assert Properties(text).fields("model", "orders") == []
    assert Properties(text).fields("source", "orders", source="x") == []
    assert in_project_file(text, "model", ["a", "b"]) == []
    assert project_file(text).name == ""


def test_an_entry_that_is_an_alias_shows_the_lines_of_its_anchor():
    text = "x: &same {description: One}\nmodels:\n  - name: orders\n    config: *same\n"

    assert told(Properties(text).fields("model", "orders")) == {("", "description"): ("One", 1, 1)}


def test_the_nearest_folder_counts_most():
    text = textwrap.dedent("""\
        name: shop
        model-paths: [code/models, models]
        models:
          +materialized: view
          shop:
            materialized: incremental
            marts:
              +materialized: table
              +meta: {owner: Sales}
              orders: {+group: sales}
            staging: {+materialized: ephemeral}
        """)

    places = ruled(in_project_file(text, "model", ["shop", "marts", "orders"]))

    assert {key[1]: [(one.value, one.first) for one in found] for key, found in places.items()} == {
        "materialized": [("table", 8), ("incremental", 6), ("view", 4)],
        "meta.owner": [("Sales", 9)],
        "group": [("sales", 10)],
    }
    assert project_file(text).name == "shop"
    assert project_file(text).folders["model"] == ["code/models", "models"]
    assert project_file(text).folders["seed"] == ["seeds"]


def test_config_in_code_is_read_and_not_computed():
    text = "-- {% if x %}\n{{ config(\n  materialized='table', tags=['a', 'b'],\n  meta={'owner': 'Sales',\n"
    text += "    'big': 'x' * 1000000000}, post_hook=f(1)) }}\n{% endif %}\nselect 1"

    assert told(in_code(text)) == {
        ("", "materialized"): ("table", 3, 3),
        ("", "tags"): ("a, b", 3, 3),
        ("", "meta.owner"): ("Sales", 4, 4),
        ("", "meta.big"): ("{{ … }}", 5, 5),
        ("", "post-hook"): ("{{ … }}", 5, 5),
    }
    assert (
        ruled([*Properties(ORDERS).fields("model", "orders"), *in_code(text)])["", "materialized"][0].first
        == 3
    )


def test_an_annotation_is_of_its_column_and_counts_less_than_the_entry():
    text = "select\n {{ omni_dimension('status', 'How it stands') }},\n {{ bisync.measure(name='total',\n"
    text += "   agg='sum') }}, {{ bisync_generated_calculation('score') }}, {{ other_measure('x') }}"

    found = in_code(text)

    assert told(found) == {
        ("status", "annotation"): ("dimension", 2, 2),
        ("status", "description"): ("How it stands", 2, 2),
        ("total", "annotation"): ("measure", 3, 4),
        ("score", "annotation"): ("calculation", 4, 4),
    }
    places = ruled([*Properties(ORDERS).fields("model", "orders"), *found])["status", "description"]
    assert [one.layer for one in places] == [Layer.PROPERTIES, Layer.ANNOTATION]


@pytest.mark.parametrize(
    "text", ["{{ config(", "{% snapshot x %}", "{{ " + "(" * 5000, "{{ config(a=0x" + "f" * 5000 + ") }}"]
)
def test_code_that_is_no_jinja_is_not_read_and_said_to_be_so(text: str):
    assert in_code(text) is None


def test_code_that_sets_nothing_says_nothing():
    assert in_code("select 1 -- {{ other.config(a=1) }}") == []


def test_dbts_own_tags_and_a_dictionary_are_read():
    text = "{% do f() %}\n{% snapshot orders %}\n{{ config({'unique_key': 'id', 'meta': {'a': 1}}) }}\n"
    text += "select 1\n{% endsnapshot %}\n{% docs x %}words {{ config(tags=['t']) }}{% enddocs %}"

    assert told(in_code(text)) == {
        ("", "unique_key"): ("id", 3, 3),
        ("", "meta.a"): ("1", 3, 3),
        ("", "tags"): ("t", 6, 6),
    }


def test_lines_are_those_of_git_whatever_yaml_takes_for_a_break():
    text = '\ufeffmodels:\n  - name: orders\n    description: "One\u2028 two\u0085 three"\n    group: sales\n'

    assert told(Properties(text).fields("model", "orders"))["", "group"] == ("sales", 4, 4)
    assert Properties(text).line_of("model", "orders") == 2


def test_an_empty_description_says_nothing_and_columns_have_no_case():
    entry = "models: [{name: orders, columns: [{name: Status, description: ''}]}]"
    found = ruled(
        [
            *in_code("{{ omni_dimension('status', 'How it stands') }}"),
            *Properties(entry).fields("model", "orders"),
        ]
    )

    assert [one.value for one in found["status", "description"]] == ["How it stands"]


def test_of_meta_whole_keys_count():
    above = in_project_file(
        "models: {shop: {+meta: {owner: {team: g, email: e}, tier: 1}}}", "model", ["shop", "x"]
    )
    entry = Properties("models: [{name: x, meta: {owner: {team: core}}}]").fields("model", "x")

    found = {
        key[1]: [(one.value, one.layer) for one in places] for key, places in ruled([*above, *entry]).items()
    }

    assert found == {
        "meta.owner.team": [("core", Layer.PROPERTIES), ("g", Layer.PROJECT)],
        "meta.owner.email": [("", Layer.PROPERTIES), ("e", Layer.PROJECT)],
        "meta.tier": [("1", Layer.PROJECT)],
    }


def test_what_is_set_in_parts_is_ended_by_the_whole():
    above = Properties("models: [{name: x, meta: {meta: {a: 1}, bisync: {formula: f, owner: o}}}]").fields(
        "model", "x"
    )
    found = ruled([*above, *in_code("{{ config(meta={'bisync': {'owner': 'me'}}) }}")])

    (ends, was) = found["", "meta.bisync.formula"]
    assert (ends.value, ends.layer, was.value) == ("", Layer.CODE, "f")


def test_a_version_counts_more_than_what_all_share():
    text = "models: [{name: m, config: {materialized: view}, versions: [{v: 2, config: {materialized: table}}, {v: 1}]}]"

    places = {
        v: ruled(Properties(text).fields("model", "m", version=v))["", "materialized"] for v in ("1", "2")
    }

    assert [one.value for one in places["1"]] == ["view"]
    assert [one.value for one in places["2"]] == ["table", "view"]


def test_a_text_that_is_used_a_thousand_times_is_looked_at_once():
    large = "x " * 100_000
    many = ", ".join(f"a{n}: *a" for n in range(20_000))
    text = f'models: [{{name: orders, meta: {{a: &a "{large}", {many}}}}}]'

    assert len(Properties(text).fields("model", "orders")) == 5_000


def test_a_block_is_found_among_others():
    text = "{% docs one %}\nFirst\n{% enddocs %}\n\n{%- docs two -%}\nSecond\nline\n{% enddocs %}\n"
    macros = "{% macro a(x) %}1{% endmacro %}\n{% macro ab() %}\n2\n{% endmacro %}"

    assert told(in_block(text, "docs", "two")) == {("", "description"): ("Second line", 5, 8)}
    assert [one.first for one in in_block(macros, "macro", "ab")] == [2]
    assert in_block(macros, "macro", "b") == []
    assert in_block("{% docs one %}\nnever ends", "docs", "one")[0].last == 2
