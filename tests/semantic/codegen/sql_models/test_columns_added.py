"""Calculated columns in the query of an existing model: where they go, what stays, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from textwrap import dedent
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.reading import NodeRecord
from semantic.codegen.changes import FileChange
from semantic.codegen.entries import Refused
from semantic.codegen.sql_models.add_column import AddColumn, ColumnRefused, with_column
from semantic.codegen.sql_models.calculated import (
    IGNORED,
    INCREMENTAL,
    CalculatedColumn,
    calculated_column,
    calculated_model,
)
from semantic.codegen.sql_models.new_model import Project
from semantic.codegen.yaml_files import YamlRefused, load
from semantic.definitions import Column
from semantic.formula import analyse
from semantic.formula.tree import ColumnRef, Literal_
from semantic.project_file import ProjectFile
from tests.semantic.codegen.sql_models.golden_models import after
from tests.semantic.codegen.sql_models.projects import PROJECTS, Styled, tree_of

SUM = AddColumn("total", "a + b", "duckdb", ("a", "b"))
CASE = AddColumn("total", "case when a > 1 then b end", "duckdb", ("a", "b"))


def added(text: str, column: AddColumn = SUM) -> str:
    return with_column(dedent(text), column)


@pytest.mark.parametrize(
    ("before", "put"),
    [
        ("select\n    a,\n    b\nfrom t\n", "select\n    a,\n    b,\n    a + b as total\nfrom t\n"),
        ("SELECT\n  a\n  , b\nFROM t\n", "SELECT\n  a\n  , b\n  , a + b AS total\nFROM t\n"),
        ("select a, b from t", "select a, b, a + b as total from t"),
        (
            "select\n    o.x as a,\n    b -- why\nfrom t o",
            "select\n    o.x as a,\n    b, -- why\n    o.x + b as total\nfrom t o",
        ),
        (
            "select\n    a\n  , b {# why #}\nfrom t",
            "select\n    a\n  , b {# why #}\n  , a + b as total\nfrom t",
        ),
        ("select\n    a,\n    b,\nfrom t", "select\n    a,\n    b,\n    a + b as total,\nfrom t"),
        ("select\r\n\ta,\r\n\tb\r\nfrom t", "select\r\n\ta,\r\n\tb,\r\n\ta + b as total\r\nfrom t"),
        (
            "select\n    a,\n    case when b is distinct from 1 then 2 end as c,\n    b\nfrom t",
            "select\n    a,\n    case when b is distinct from 1 then 2 end as c,\n    b,\n    a + b as total\nfrom t",
        ),
        (
            'select\n    "A" as a,\n    {{ cents("x") }} as c,\n    b\nfrom {{ ref("t") }}',
            'select\n    "A" as a,\n    {{ cents("x") }} as c,\n    b,\n    "A" + b as total\nfrom {{ ref("t") }}',
        ),
    ],
)
def test_a_column_goes_behind_the_last_in_the_style_of_the_list(before: str, put: str) -> None:
    assert with_column(before, SUM) == put


def test_a_long_calculation_takes_lines_of_its_own() -> None:
    assert added("select\n    a,\n    b\nfrom t", CASE) == dedent("""\
        select
            a,
            b,
            case
                when a > 1 then b
            end as total
        from t""")
    assert added("SELECT\n    a\n    , b\nFROM t", CASE) == dedent("""\
        SELECT
            a
            , b
            , CASE
                  WHEN a > 1 THEN b
              END AS total
        FROM t""")


def test_a_list_on_one_line_stays_on_it_while_there_is_room() -> None:
    assert added("select a, b from t", CASE) == "select a, b, case when a > 1 then b end as total from t"
    long = replace(CASE, sql=f"case when a = '{'x' * 100}' then b end")
    assert added("select a, b\nfrom t", long).splitlines()[:2] == ["select a, b,", "    case"]


def test_the_column_goes_into_the_common_table_that_the_last_select_hands_on() -> None:
    text = """\
        with t as (select * from {{ ref('t') }}),
        final as (
            select
                x.a,
                x.b
            from t as x
        )
        select * from final
        where a > 1
        """
    assert "x.b,\n        x.a + x.b as total\n    from" in added(text)


def test_where_an_input_is_calculated_there_the_column_goes_behind_the_star() -> None:
    text = """\
        with final as (
            select a, a * 2 as b from t
        )
        select * from final
        """
    assert added(text).endswith("select *, a + b as total from final\n")
    union = "with final as (select a, b from t union all select a, b from u)\nselect *\nfrom final"
    assert added(union).endswith("select *, a + b as total\nfrom final")


@pytest.mark.parametrize(
    ("list_", "end", "opened"),
    [
        ("a,\n    a * 2 as b", "select * from final\n", "select\n    *,\n    a + b as total\nfrom final\n"),
        ("a,\n    a * 2 as b", "select *\nfrom final", "select\n    *,\n    a + b as total\nfrom final"),
        (
            "a,\r\n    a * 2 as b",
            "select * from final",
            "select\r\n    *,\r\n    a + b as total\r\nfrom final",
        ),
        ("a\n    , a * 2 as b", "select * from final", "select\n    *\n    , a + b as total\nfrom final"),
        (
            "a,\n    a * 2 as b",
            "select /* all */ * from final",
            "select /* all */ *, a + b as total from final",
        ),
    ],
)
def test_a_star_gets_lines_where_the_other_lists_have_them(list_: str, end: str, opened: str) -> None:
    line = "\r\n" if "\r" in list_ else "\n"
    text = line.join(["with final as (", "select", f"    {list_}", "from t", ")", end])

    assert added(text).endswith(line + opened)


def test_a_common_table_that_others_read_too_stays_as_it_is() -> None:
    text = (
        "with f as (select a, b from t), g as (select a from f) select * from f where a in (select a from g)"
    )
    assert "(select a, b from t)" in added(text)


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("select a, b from t union all select a, b from u", "several-selects"),
        ("select * from {{ ref('t') }}", "star"),
        ("select distinct a, b from t", "distinct"),
        ("select a, sum(b) as b from t group by a", "grouped"),
        ("select a, b from t group by 1, 2", "grouped"),
        ("select a, b from t {{ dbt_utils.group_by(2) }}", "grouped"),
        ("select max(a) as a, min(b) as b from t", "grouped"),
        ("select a, b, {% for x in y %} {{ x }}, {% endfor %} 1 as c from t", "jinja"),
        ("select a, b {% if x %}, c {% endif %} from t", "jinja"),
        ("select a, b, {{ dbt_utils.star(ref('t')) }} from t", "jinja"),
        ("select a, b from t {{ condition() }}", "jinja"),
        ("select a, b {{ more_columns() }} from t", "jinja"),
        ("select a, b, 1 as Total from t", "taken"),
        ("select a, a * 2 as b from t", "calculated-input"),
        ("select a from t", "unknown-input"),
        ("select c as a, b, 1 as c from t", "ambiguous-input"),
        ("select *, 1 as c from t join u using (x)", "ambiguous-input"),
        ("select * exclude (a), b from t", "star"),
        ("select a, b from t; select 1", "unreadable"),
        ("select a, b from t where {{", "unreadable"),
        ("select a, b from t where (", "unreadable"),
        ("{% if a %} select a, b from t {% else %} select b, a, 1 from t {% endif %}", "jinja"),
        ("{{ everything() }}", "several-selects"),
        ("delete from t", "several-selects"),
        ("", "unreadable"),
    ],
)
def test_what_is_not_safe_is_refused_with_its_cause(text: str, cause: str) -> None:
    with pytest.raises(ColumnRefused) as refused:
        with_column(text, SUM)
    assert refused.value.cause == cause
    assert str(refused.value).endswith("Put it into a model of its own instead, or write it by hand.")


@pytest.mark.parametrize(
    "sql", ["sum(a)", "a over ()", "(select 1)", "*", "t.a", "row_number() over ()", "a; b"]
)
def test_only_values_of_one_row_are_calculated(sql: str) -> None:
    with pytest.raises(ColumnRefused) as refused:
        with_column("select a, b from t", replace(SUM, sql=sql))
    assert refused.value.cause == "not-row-level"


def test_a_star_takes_a_column_only_where_all_columns_are_known() -> None:
    text = "with f as (select *, 1 as c from t) select * from f"
    assert with_column(text, SUM).endswith("as (select *, 1 as c, a + b as total from t) select * from f")
    with pytest.raises(ColumnRefused):
        with_column(text, replace(SUM, known=()))


HANDED = "select * from z\n"
_NAMES = st.sampled_from(
    ["a", "b", "o.a", '"b"', "x as a", "y as b", "1 as c", "{{ m('q') }} as d", "f(a) as e"]
)
_GAPS = st.sampled_from([" ", "\n", "\n    ", "\n\t", " -- it's\n  ", " /* , */ ", "\r\n  ", " {# from #} "])


@given(
    names=st.lists(_NAMES, min_size=1, max_size=6),
    gaps=st.lists(_GAPS, min_size=16, max_size=16),
    tail=st.sampled_from(["from t as o", "from {{ ref('t') }} o where a > 1", "from t o order by 1", ""]),
    handed=st.booleans(),
    column=st.sampled_from([SUM, CASE]),
)
def test_every_other_byte_stays_and_the_column_can_be_taken_out_again(
    names: list[str], gaps: list[str], tail: str, handed: bool, column: AddColumn
) -> None:
    parts = [gaps[0]]
    for place, name in enumerate(names):
        parts += [*([gaps[2 * place + 1], ","] if place else []), gaps[2 * place + 2], name]
    select = "".join(["select", *parts, gaps[15], tail])
    text = f"with z as (\n{select}\n)\n{HANDED}" if handed else select
    try:
        changed = with_column(text, column)
    except ColumnRefused:
        return
    # A last list of a star alone may get lines of its own.
    kept = f"{text.removesuffix(HANDED)}{''.join(HANDED.split())}" if handed else text
    rest = iter(changed)
    assert all(char in rest for char in kept)
    assert len(changed) > len(text)
    with pytest.raises(ColumnRefused) as refused:
        with_column(changed, column)
    assert refused.value.cause == "taken"


_PARTS = st.sampled_from(
    ["select ", "a, b ", "from t ", "(", ") ", "with x as (", "union all ", "{{ m() }} ", "{% if x %}", "{% else %}",
     "{% endif %}", "{# ", "#} ", "'", '"', "case ", "end ", "* ", ", ", ";", "join u using (a) ", "as ", "\x00", "[", "}"]
)  # fmt: skip


@given(st.lists(_PARTS, max_size=25) | st.text())
def test_no_text_makes_it_fail_otherwise_than_by_a_refusal(parts: list[str] | str) -> None:
    text = "".join(parts)
    try:
        changed = with_column(text, SUM)
    except ColumnRefused:
        return
    rest = iter(changed)
    assert all(char in rest for char in text)


@pytest.mark.parametrize("style", PROJECTS)
def test_a_calculated_column_is_written_and_described(style: str) -> None:
    styled = PROJECTS[style]
    tree = tree_of("IF(lifetime_value / orders_90d > 100, 'big', 'small')", styled)
    column = CalculatedColumn("size", styled.model, tree, "How big they are.", ("not_null",))
    written = calculated_column(column, styled.vocabulary, styled.project)
    files = after(written.changes, styled)
    sql, properties = (files[change.path].decode() for change in written.changes)
    assert " as size" in sql.lower()
    assert load(properties)["models"][0]["columns"][-1]["name"] == "size"
    assert written == calculated_column(column, styled.vocabulary, styled.project)


def test_a_column_has_its_type_where_its_neighbours_have_theirs() -> None:
    styled = PROJECTS["labs"]
    path = "models/marts/core/dim_customers.yml"
    text = "models:\n  - name: dim_customers\n    columns:\n      - name: customer_id\n        data_type: integer\n"
    project = replace(styled.project, files={**styled.files, path: text})
    column = CalculatedColumn(
        "double_value", styled.model, tree_of("lifetime_value * 2", styled), "Twice it."
    )
    written = calculated_column(column, styled.vocabulary, project)
    assert written.changes[1].apply(text.encode()).decode() == text + (
        "      - name: double_value\n        data_type: double\n        description: Twice it.\n"
    )


def test_an_incremental_model_says_what_has_to_be_done() -> None:
    styled = PROJECTS["leading"]
    path = "models/marts/customers.sql"
    files = {**styled.files, path: styled.files[path].replace("'table'", "'incremental'")}
    column = CalculatedColumn("double_value", styled.model, tree_of("lifetime_value * 2", styled))
    written = calculated_column(column, styled.vocabulary, replace(styled.project, files=files))
    assert written.notes == (INCREMENTAL.format(IGNORED),)


def with_node(styled: Styled, **node: Any) -> Project:
    """The project in which dbt knows this of the customers' model."""
    record = NodeRecord(f"model.tiny.{styled.model}", "model", styled.model, "tiny", **node)
    return replace(styled.project, node={record.unique_id: record}.get)


@pytest.mark.parametrize(
    ("config", "otherwise"),
    [
        ({}, IGNORED),
        ({"on_schema_change": "ignore"}, IGNORED),
        ({"on_schema_change": "append_new_columns"}, "no value in the new column"),
        ({"on_schema_change": "sync_all_columns"}, "no value in the new column"),
        ({"on_schema_change": "fail"}, "dbt refuses to build it"),
    ],
)
def test_a_model_may_be_incremental_without_a_word_of_it_in_its_sql(
    config: dict[str, str], otherwise: str
) -> None:
    styled = PROJECTS["labs"]
    column = CalculatedColumn("double_value", styled.model, tree_of("lifetime_value * 2", styled))

    project = with_node(styled, materialized="incremental", fields={"config": config})
    (note,) = calculated_column(column, styled.vocabulary, project).notes

    assert "--full-refresh" in note
    assert otherwise in note
    plain = with_node(styled, materialized="table")
    assert calculated_column(column, styled.vocabulary, plain).notes == ()


CONTRACT = {"contract": {"enforced": True, "alias_types": True}}


@pytest.mark.parametrize(
    ("formula", "data_type", "sql"),
    [
        ("orders_90d + 1", "bigint", "CAST(orders_90d + 1 AS BIGINT)"),
        ("lifetime_value * 2", "double", "CAST(lifetime_value * 2 AS DOUBLE PRECISION)"),
        ("CONCAT(tier, 'x')", "text", "AS TEXT)"),
        ("last_order_on > TODAY()", "boolean", "AS BOOLEAN)"),
    ],
)
def test_a_column_has_the_type_that_its_contract_names(formula: str, data_type: str, sql: str) -> None:
    styled = PROJECTS["labs"]
    column = CalculatedColumn("new_one", styled.model, tree_of(formula, styled))

    written = calculated_column(column, styled.vocabulary, with_node(styled, fields=CONTRACT))

    (told,) = written.entries["columns"]
    assert told["properties"]["entry"] == {"name": "new_one", "data_type": data_type}
    assert told["sql"].endswith(sql)
    loose = calculated_column(column, styled.vocabulary, with_node(styled))
    assert "CAST" not in loose.entries["columns"][0]["sql"]


def test_a_contract_is_not_promised_a_type_that_nobody_knows() -> None:
    styled = PROJECTS["labs"]
    model = styled.vocabulary.models[styled.model]
    names = replace(model, columns=(*model.columns, Column("extra")))
    vocabulary = replace(styled.vocabulary, models={model.name: names})
    column = CalculatedColumn("new_one", styled.model, ColumnRef(model.name, "extra"))

    with pytest.raises(ColumnRefused, match="has a contract"):
        calculated_column(column, vocabulary, with_node(styled, fields=CONTRACT))


def test_a_new_model_is_refused_where_a_contract_would_want_its_types() -> None:
    styled = PROJECTS["labs"]
    column = CalculatedColumn("double_value", styled.model, tree_of("lifetime_value * 2", styled))
    folders = {"tiny": {"marts": {"+contract": {"enforced": True}}}}

    with pytest.raises(Refused, match="models/marts/core have a contract"):
        calculated_model(
            column,
            styled.vocabulary,
            replace(styled.project, own=ProjectFile(name="tiny", models=folders)),
        )


def test_what_a_model_cannot_take_goes_into_one_of_its_own() -> None:
    styled = PROJECTS["leading"]
    path = "models/marts/customers.sql"
    files = {**styled.files, path: "select * from {{ ref('stg_customers') }}\n"}
    project = replace(styled.project, files=files)
    analysis = analyse("lifetime_value * 2", styled.vocabulary, model=styled.model)
    assert not analysis.ok  # a metric totals rows, a column does not
    column = CalculatedColumn("double_value", styled.model, tree_of("lifetime_value * 2", styled))
    with pytest.raises(ColumnRefused):
        calculated_column(column, styled.vocabulary, project)
    written = calculated_model(column, styled.vocabulary, project)
    model = written.entries["models"][0]
    assert model["path"] == "models/marts/customers_double_value.sql"
    assert "lifetime_value * 2 as double_value" in model["sql"]


def test_names_and_words_that_dbt_cannot_have_are_refused() -> None:
    styled = PROJECTS["labs"]
    tree = tree_of("lifetime_value * 2", styled)
    for column in (
        CalculatedColumn("Double", styled.model, tree),
        CalculatedColumn("tier", styled.model, tree),
        CalculatedColumn("double_value", styled.model, tree, "{% raw %}"),
        CalculatedColumn("braces", styled.model, Literal_("{{ x }}")),
    ):
        with pytest.raises(Refused):
            calculated_column(column, styled.vocabulary, styled.project)


def test_a_file_that_has_changed_since_is_looked_at_again() -> None:
    change = FileChange("models/t.sql", (SUM,))
    assert change.apply(b"select a, b from t") == b"select a, b, a + b as total from t"
    for text, words in ((None, "pull first"), (b"select 1 as c", "does not stand"), (b"\xff", "UTF-8")):
        with pytest.raises(YamlRefused, match=words):
            change.apply(text)
