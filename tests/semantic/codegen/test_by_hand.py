"""What may stand in a generated file that a person edits, and what becomes of its lines."""

from __future__ import annotations

import pytest

from semantic.codegen.by_hand import edit_problems, may_be_edited, with_line_ends

pytestmark = pytest.mark.pure

YAML = """version: 2
models:
  - name: orders
    description: "{{ doc('orders') }}"
    columns:
      - name: status
        data_tests:
          - accepted_values:
              values: [paid, open]
metrics:
  - name: paid
    type: simple
    filter: "{{ Dimension('order__status') }} = 'paid'"
"""
SQL = "select id, amount from {{ ref('orders') }}\n"


def problems(old: str, new: str) -> str:
    assert old in YAML
    return " ".join(edit_problems("models/orders.yml", YAML, YAML.replace(old, new), "duckdb"))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("version: 2", "# as agreed in May\nversion: 2"),
        ("\"{{ doc('orders') }}\"", "It's “fine”; really (yes)"),
        ("\"{{ doc('orders') }}\"", "\"See {{ doc('other') }}.\""),
        ("= 'paid'", "in ('paid', 'sent')"),
        ("= 'paid'", "= 'paid' and {{ TimeDimension('order__day', 'day') }} > date '2020-01-01'"),
        ("= 'paid'", "= 'paid' or {{ Metric('x', group_by=['order']) }} > 1"),
        ("values: [paid, open]", "values: [paid, open, on hold]\n              quote: true"),
        ("type: simple", 'type: simple\n    config: {meta: {note: "what (ever) it\'s"}}'),
        ("type: simple", "type: cumulative\n    offset_window: 7 days"),
        (
            "- name: status",
            "- name: status\n        data_tests: [{relationships: {to: ref('x'), field: id}}]",
        ),
    ],
)
def test_what_a_proposal_can_do_can_be_written_by_hand(old: str, new: str) -> None:
    assert problems(old, new) == ""


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("{{ doc('orders') }}", "{{ env_var('SECRET') }}", "runs in dbt"),
        ("{{ doc('orders') }}", "{{ doc('x') ~ env_var('SECRET') }}", "runs in dbt"),
        ("{{ doc('orders') }}", "{% set x = 1 %}", "runs in dbt"),
        ("{{ Dimension('order__status') }}", "{{ Dimension(env_var('SECRET')) }}", "runs in dbt"),
        ("[paid, open]", "[paid, \"env_var('SECRET')\"]", "rather than take it as text"),
        ("= 'paid'", "= 'paid') or (1 = 1", "neither a plain text nor an expression"),
        ("= 'paid'", "= 'paid'; drop table orders", "neither a plain text nor an expression"),
        ("= 'paid'", "= 'paid' -- always", "neither a plain text nor an expression"),
        ("= 'paid'", "= (select max(status) from x)", "neither a plain text nor an expression"),
        ("= 'paid'", "= read_text('/etc/passwd')", "neither a plain text nor an expression"),
        ("version: 2", "version: 2\non-run-end: [x]", "run something by itself"),
        ("  - name: orders", "  - name: orders\n    config: {pre_hook: x}", "run something by itself"),
        ("  - name: orders", "  - name: orders\n    config: {+post-hook: x}", "run something by itself"),
        ("version: 2", "version: [2", "not valid YAML"),
        (YAML, "- a\n- list\n", "list of keys"),
        (YAML, " \n", "An empty file"),
        ("version: 2", "version: 2 # \u202e", "direction of text"),
    ],
)
def test_what_would_run_or_leave_its_place_is_refused_with_its_cause(old: str, new: str, why: str) -> None:
    assert why in problems(old, new)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (SQL, ""),
        ("-- by hand\nselect id, amount + 1 as more from {{ ref('customers') }}\n", ""),
        ("select 1; drop table orders", "not one query"),
        ("create table x as select 1", "A model is one query"),
        ("select * from read_csv('/etc/passwd')", "is no table that dbt knows"),
        ("select id from {{ run_query('drop table x') }}", "runs in dbt"),
        ("{{ config(pre_hook='drop table x') }} select 1 as id", "runs in dbt"),
        ("select id from {{ ref('orders' ", "does not close"),
    ],
)
def test_a_models_file_stays_one_query_of_what_dbt_knows(text: str, why: str) -> None:
    found = " ".join(edit_problems("models/orders.sql", SQL, text, "duckdb"))
    assert why in found
    assert bool(found) == bool(why)


def test_what_was_generated_with_other_templates_stays_editable_as_far_as_it_is_read() -> None:
    config = "{{ config(materialized='table') }}\n" + SQL
    assert edit_problems("models/x.sql", config, config.replace("amount", "amount, 1 as one"), "duckdb") == []
    strange = "select odd_function(id) from {{ ref('orders') }}\n"
    assert "Edit it in git" in edit_problems("models/x.sql", strange, strange + "-- hm\n", "duckdb")[0]


def test_code_that_dbt_runs_by_itself_is_no_file_to_edit() -> None:
    for generated in ("{% macro a() %}{% endmacro %}", "{%- test b(model) -%}select 1{%- endtest -%}"):
        assert not may_be_edited("macros/a.sql", generated)
        assert "code that dbt runs" in edit_problems("macros/a.sql", generated, generated + "\n", "duckdb")[0]
    assert not may_be_edited("models/a.py", "x = 1")
    assert may_be_edited("models/a.md", "{% docs a %}Text{% enddocs %}")


@pytest.mark.parametrize(
    ("generated", "typed", "kept"),
    [
        ("a\nb\n", "a\r\nc\r\n", "a\nc\n"),
        ("a\r\nb\r\n", "a\nnew\nb\n", "a\r\nnew\r\nb\r\n"),
        ("a\nb\r\nc\n", "a\nb\nc\nd", "a\nb\r\nc\nd"),
        ("\ufeffa\nb", "a\nb", "\ufeffa\nb"),
        ("", "a\r\n", "a\n"),
    ],
)
def test_a_form_changes_no_line_that_nobody_touched(generated: str, typed: str, kept: str) -> None:
    assert with_line_ends(generated, typed) == kept
