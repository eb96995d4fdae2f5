"""Pasted queries in the style of a project: their lines, their common tables, and that they stay what they are."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import duckdb
import pytest
import sqlglot
from hypothesis import given
from hypothesis import strategies as st

from semantic.codegen.entries import Refused
from semantic.codegen.sql_models.jinja import RelationCall, mask
from semantic.codegen.sql_models.layout import laid_out
from semantic.codegen.sql_models.new_model import Project
from semantic.codegen.sql_models.pasted import KnownRelation, read_query
from semantic.codegen.sql_models.pasted_model import PastedModel, in_style, query_model
from semantic.codegen.sql_models.queries import query_of
from semantic.codegen.sql_models.style import ProjectStyle
from semantic.codegen.sql_models.words import Unreadable
from semantic.definitions import Column, KeywordCase
from tests.semantic.codegen.sql_models.projects import PROJECTS

RELATIONS = (
    KnownRelation(
        ("shop", "customers"),
        RelationCall("ref", "dim_customers"),
        (Column("customer_id", "integer"), Column("tier", "text")),
    ),
    KnownRelation(
        ("raw", "orders"),
        RelationCall("source", "orders", "raw"),
        (Column("order_id", "integer"), Column("customer_id", "integer"), Column("amount", "number")),
    ),
)
PASTED = (
    "SELECT c.TIER, SUM(o.amount) spend, COUNT(*) n, CASE WHEN SUM(o.amount)>100 THEN 'big' ELSE 'Small' END "
    'AS "Size" FROM raw.orders o LEFT JOIN shop.customers c USING (customer_id) '
    "WHERE o.amount::int BETWEEN 1 AND 500 AND c.tier IN('gold','none') GROUP BY 1"
)
# What each of the projects makes of it.
WRITTEN = {
    "labs": """\
with

orders as (

    select * from {{ source('raw', 'orders') }}

),

dim_customers as (

    select * from {{ ref('dim_customers') }}

),

final as (

    select
        c.tier,
        sum(o.amount) as spend,
        count(*) as n,
        case when sum(o.amount) > 100 then 'big' else 'Small' end as "Size"
    from orders as o
    left join dim_customers as c using (customer_id)
    where o.amount::int between 1 and 500 and c.tier in ('gold', 'none')
    group by 1

)

select * from final
""",
    "leading": """\
select
      c.tier
    , sum(o.amount) as spend
    , count(*) as n
    , case when sum(o.amount) > 100 then 'big' else 'Small' end as "Size"
from {{ source('raw', 'orders') }} as o
left join {{ ref('dim_customers') }} as c using (customer_id)
where o.amount::int between 1 and 500 and c.tier in ('gold', 'none')
group by 1
""",
    "upper": """\
WITH orders AS (
  SELECT * FROM {{ source('raw', 'orders') }}
),

dim_customers AS (
  SELECT * FROM {{ ref('dim_customers') }}
),

fct_tiers AS (
  SELECT
    c.tier,
    SUM(o.amount) AS spend,
    COUNT(*) AS n,
    CASE WHEN SUM(o.amount) > 100 THEN 'big' ELSE 'Small' END AS "Size"
  FROM orders AS o
  LEFT JOIN dim_customers AS c USING (customer_id)
  WHERE o.amount::INT BETWEEN 1 AND 500 AND c.tier IN ('gold', 'none')
  GROUP BY 1
)

SELECT * FROM fct_tiers
""",
}
STYLES = {
    "usual": ProjectStyle(),
    "leading": ProjectStyle(keywords="upper", commas="leading", indent="  ", hanging=True),
    "final": ProjectStyle(final="final", airy=True, with_alone=True),
    "functions": ProjectStyle(keywords="upper", functions="unlike keywords", final="{model}", indent="\t"),
}
# Over real tables; all that they give is named.
QUERIES = (
    "select * from orders",
    PASTED,
    """
-- all of them
with big as (select customer_id, amount from raw.orders -- the big ones
 where amount > 10), -- done
/* two
   lines */
counted as (select customer_id, count(*) as n from big group by all having count(*) > 0)
-- the last
select customers.tier, -- where they are
  n /* inline */ as howmany
  , coalesce((select max(amount) from orders as x where x.customer_id = customers.customer_id), 0) as most
from shop.customers join counted on counted.customer_id = customers.customer_id
  and (counted.n > 0
    or customers.tier is distinct from 'gold')
where exists (select 1 from big where big.customer_id = customers.customer_id) and not customers.tier = 'x'
-- below
""",
    """
select order_id, row_number() over(partition by customer_id order by amount desc, order_id) as nth,
  count(*) filter(where amount>5) over (order by order_id rows between 1 preceding and current row) as near,
  extract(year from date '2026-01-02') as y, interval '1' day as d, -amount as minus, amount*-1 as times,
  [order_id,2][1] as listed, {'a':1} as made, order_id%2=0 as even, 'it''s' || ' -- no comment' as said
from orders o order by 1 limit 5
""",
    "select customer_id from orders union all (select customer_id from customers) except select 7 as customer_id",
    """
with recursive up as (select 1 as n union all select n + 1 from up where n < 4)
select n, case n when 1 then 'one' when 2
 then 'two' end as word from up, (select count(*) as k from orders) as counted qualify row_number() over (order by n) < 3
""",
    "select distinct on(customer_id) customer_id, amount from orders order by customer_id, amount",
    "select tier, total from (select c.tier,sum(o.amount) total from customers c natural join orders o group by 1)",
)


def read(text: str, project: Project) -> str:
    """What becomes of a query in a project."""
    query = read_query(text, RELATIONS, project.style, project.dialect)
    return in_style(query, "fct_tiers", "models/marts", project)


def styled(style: ProjectStyle) -> Project:
    return Project({}, style, "duckdb")


@pytest.mark.parametrize("name", sorted(WRITTEN))
def test_a_query_is_written_as_the_models_of_each_project_are(name: str) -> None:
    project = PROJECTS[name].project

    assert read(PASTED, project) == WRITTEN[name]
    assert read(WRITTEN[name], project) == WRITTEN[name]


def rows(sql: str) -> tuple[list[str], list[tuple[object, ...]]]:
    """The columns and the rows of a query over a small shop."""
    sql = re.sub(r"\{\{ (?:ref\('dim_(\w+)'\)|source\('raw', '(\w+)'\)) \}\}", r"\1\2", sql)
    with duckdb.connect() as base:
        base.execute("create schema raw; create schema shop; set search_path = 'main,raw,shop'")
        base.execute(
            "create table shop.customers as from (values (1, 'gold'), (2, null)) t(customer_id, tier)"
        )
        base.execute(
            "create table raw.orders as from (values (1, 1, 120.5), (2, 1, 20.0), (3, 2, 11.0), (4, 3, 1.0))"
            " t(order_id, customer_id, amount)"
        )
        found = base.execute(sql)
        columns = [one[0] for one in found.description or []]
        return columns, sorted(found.fetchall(), key=str)


@pytest.mark.parametrize("style", sorted(STYLES))
@pytest.mark.parametrize("text", QUERIES)
def test_the_warehouse_gives_the_same_rows_as_before(text: str, style: str) -> None:
    written = read(text, styled(STYLES[style]))

    columns, found = rows(text)
    assert rows(written) == ([name if name != "TIER" else "tier" for name in columns], found)


@given(data=st.data(), text=st.sampled_from(QUERIES), style=st.sampled_from(sorted(STYLES)))
def test_whatever_lines_and_comments_it_had_nothing_of_it_is_lost(
    data: st.DataObject, text: str, style: str
) -> None:
    query = query_of(mask(text.strip()), "duckdb")
    gaps = st.sampled_from([" ", " ", " ", "\n", "\n\n", " -- why\n", "\n-- why\n  "])
    parts, at = [], 0
    for token in query.tokens:
        gap = query.masked.text[at : token.start]
        parts += [data.draw(gaps) if gap.isspace() else gap, query.masked.text[token.start : token.end + 1]]
        at = token.end + 1
    mixed = query_of(mask("".join(parts)), "duckdb")
    try:
        found = laid_out(mixed, STYLES[style], "duckdb", small_names=False)
    except Unreadable:
        assert "why" in mixed.masked.text  # a comment where no line can end
        return
    assert sqlglot.parse_one(found, read="duckdb") == query.tree
    assert found.count("why") == mixed.masked.text.count("why")
    assert laid_out(query_of(mask(found), "duckdb"), STYLES[style], "duckdb", small_names=False) == found


def test_what_is_long_takes_lines_and_what_the_author_broke_keeps_them() -> None:
    text = """
select round(sum(case when amount > 100 and customer_id is not null then amount else 0 end) / nullif(count(distinct order_id), 0), 2) as share,
  case when amount > 1 then 'a' when amount > 0 then 'b' end as kind,
  coalesce(
    tier, 'none') as tier
from orders join customers on orders.customer_id = customers.customer_id and orders.amount > 100000 and customers.tier = 'gold'
where (amount > 1
  or amount < 0) and tier = 'x'
group by 2, 3
"""
    assert (
        read(text, styled(ProjectStyle(imports=False)))
        == """\
select
    round(
        sum(case when amount > 100 and customer_id is not null then amount else 0 end)
            / nullif(count(distinct order_id), 0),
        2
    ) as share,
    case
        when amount > 1 then 'a'
        when amount > 0 then 'b'
    end as kind,
    coalesce(
        tier,
        'none'
    ) as tier
from {{ source('raw', 'orders') }} as orders
join {{ ref('dim_customers') }} as customers
    on orders.customer_id = customers.customer_id
    and orders.amount > 100000
    and customers.tier = 'gold'
where
    (
        amount > 1
        or amount < 0
    )
    and tier = 'x'
group by 2, 3
"""
    )


def test_what_calls_nothing_stands_off_its_bracket() -> None:
    text = (
        "with c as materialized(select 1 as one)"
        " select percentile_cont(0.5) within group(order by amount) as m, o.* exclude(amount) replace (2 as one)"
        " from orders o, c"
    )
    written = read(text, styled(ProjectStyle(keywords="upper", functions="unlike keywords", imports=False)))
    assert "WITH c AS MATERIALIZED (" in written
    assert "percentile_cont(0.5) WITHIN GROUP (ORDER BY amount) AS m" in written
    assert "o.* EXCLUDE (amount)" in written


def test_what_was_written_without_blanks_gets_them() -> None:
    text = "select customer_id,count(*)n from orders where amount>.5 and amount<1.5 group by customer_id"
    written = read(text, styled(ProjectStyle(imports=False)))
    assert "count(*) as n\n" in written
    assert "where amount > .5 and amount < 1.5\n" in written


def test_a_sum_on_several_lines_keeps_its_signs_off() -> None:
    written = read(
        "select sum(amount)-sum(order_id)-max(customer_id)*0.2+sum(amount*amount)-min(order_id)-max(order_id)"
        " as left_over from orders",
        styled(ProjectStyle(imports=False)),
    )
    assert (
        "\n        - sum(order_id)\n        - max(customer_id) * 0.2\n        + sum(amount * amount)"
        in written
    )


def test_every_table_of_a_query_is_called_by_as() -> None:
    text = (
        "select o.amount, v.a, u.b, l.c from orders o, (values (1)) v(a), unnest([1]) u(b)"
        " cross join lateral (select 1 c) l"
    )
    written = read(text, styled(ProjectStyle(imports=False)))
    for called in ("as o", "as v(a)", "as u(b)", "as c", "as l"):
        assert called in written


@pytest.mark.parametrize(
    "begins", ["with a as (select 1 as b) select b from a", "(select 1 as a) union select 2"]
)
def test_a_comment_before_the_first_word_stays_there(begins: str) -> None:
    assert read(f"/* why */ {begins}", styled(ProjectStyle())).startswith("/* why */ ")


def test_names_in_capitals_become_small_unless_the_columns_are_in_capitals_too() -> None:
    project = styled(ProjectStyle(imports=False))
    text = 'SELECT TIER, "KEPT" FROM (SELECT TIER, CUSTOMER_ID AS "KEPT" FROM CUSTOMERS AS C)'
    assert read(text, project).startswith('select\n    tier,\n    "KEPT"\nfrom (\n    select\n        tier,')

    loud = [replace(RELATIONS[0], columns=(Column("TIER", "text"), Column("CUSTOMER_ID", "integer")))]
    query = read_query("select TIER from customers", loud, project.style, "snowflake")
    assert in_style(query, "x", "models", replace(project, dialect="snowflake")).startswith("select TIER\n")


def test_functions_that_nobody_knows_and_paths_keep_their_letters() -> None:
    project = replace(styled(ProjectStyle(keywords="upper", imports=False)), dialect="snowflake")
    text = "select Age(order_id) as a, amount:Some.Path::int as b, sum(amount) as c from orders group by all"
    written = read(text, project)
    assert "Age(order_id) AS a" in written
    assert "amount:Some.Path::INT AS b" in written
    assert "SUM(amount) AS c" in written
    assert written.endswith("GROUP BY ALL\n")


def test_tables_that_the_query_names_itself_keep_their_names() -> None:
    text = "with orders as (select amount from raw.orders) select amount from orders, shop.customers"
    assert (
        read(text, styled(ProjectStyle()))
        == """\
with dim_customers as (
    select * from {{ ref('dim_customers') }}
),

orders as (
    select amount
    from {{ source('raw', 'orders') }}
)

select amount
from orders, dim_customers
"""
    )


def test_a_query_whose_models_begin_with_what_they_read_is_left_to_do_so() -> None:
    text = "with o as (select * from orders), f as (select amount from o) select * from f"
    written = read(text, styled(ProjectStyle(final="final")))
    assert written.startswith("with o as (\n    select")
    assert written.endswith("select * from f\n")
    assert written.count("{{") == 1


@pytest.mark.parametrize("text", QUERIES)
@pytest.mark.parametrize("style", sorted(STYLES))
def test_what_was_written_for_a_project_is_pasted_into_it_as_it_is(text: str, style: str) -> None:
    written = read(text, styled(STYLES[style]))
    assert read(written, styled(STYLES[style])) == written


def test_what_cannot_be_told_safely_stays_as_it_was_pasted_and_it_is_said() -> None:
    project = PROJECTS["labs"].project
    model = PastedModel("fct_tiers", folder="models/marts", description="Tiers.")
    text = "SELECT tier /* one /* two */ three */ FROM customers"
    query = read_query(text, RELATIONS, project.style, "duckdb")

    written = query_model(query, model, project)
    assert written.changes[0].content == query.sql
    assert written.notes == ("Its lines stay as you pasted them, as Bisync cannot tell how to change them.",)


def test_a_query_stays_as_it_was_pasted_where_that_is_wished() -> None:
    project = PROJECTS["labs"].project
    model = PastedModel("fct_tiers", folder="models/marts", description="Tiers.", as_pasted=True)
    query = read_query(PASTED, RELATIONS, project.style, "duckdb")

    written = query_model(query, model, project)
    assert written.changes[0].content == query.sql
    assert query.sql.startswith("SELECT c.TIER, SUM(o.amount) spend")
    assert written.notes == ()
    with pytest.raises(Refused, match="already"):
        query_model(query, replace(model, name="dim_customers"), project)


def same_rows(text: str, **style: Any) -> str:
    """What becomes of a query, which gives the rows that it gave before."""
    written = read(text, styled(ProjectStyle(**style)))
    assert rows(written) == rows(text)
    return written


def test_an_import_takes_no_name_that_the_query_gives_to_something_else() -> None:
    text = (
        "select order_id from raw.orders as dim_customers where exists"
        " (select 1 from shop.customers as c where c.customer_id = dim_customers.customer_id and tier = 'gold')"
    )
    assert "with orders as (" in same_rows(text)
    assert "from {{ ref('dim_customers') }} as c" in same_rows(text)

    text = text.replace(" as c", "").replace("c.customer_id =", "customer_id =")
    assert "from {{ ref('dim_customers') }}\n" in same_rows(text)


@pytest.mark.parametrize(
    ("dialect", "text"),
    [
        ("postgres", "select amount from only raw.orders"),
        ("postgres", "select amount from raw.orders tablesample system(10)"),
        ("snowflake", "select amount from raw.orders at(offset => -60) as orders"),
        ("databricks", "select amount from raw.orders version as of 3 as orders"),
        ("bigquery", "select _partitiontime as day from raw.orders"),
        ("databricks", "select o._metadata.file_path as path from raw.orders as o"),
        ("duckdb", "select rowid as nth from raw.orders"),
        ("duckdb", "select {{ source('raw', 'orders') }}.amount from {{ source('raw', 'orders') }}"),
        ("duckdb", "select orders_of_2026.amount from {{ source('raw', 'orders') }}"),
    ],
)
def test_what_only_a_table_can_be_read_for_is_read_from_it(dialect: str, text: str) -> None:
    project = replace(styled(ProjectStyle(final="final")), dialect=dialect)
    written = read(text, project).rstrip("\n").replace("\n", " ")
    assert written == text.replace("raw.orders", "{{ source('raw', 'orders') }}")


def test_names_that_a_warehouse_keeps_for_itself_call_no_common_table() -> None:
    groups = [
        KnownRelation(("raw", "groups"), RelationCall("source", "groups", "raw"), (Column("n", "any"),))
    ]
    for dialect, imported in (("bigquery", False), ("duckdb", True)):
        project = replace(styled(ProjectStyle()), dialect=dialect)
        query = read_query("select n from raw.groups", groups, project.style, dialect)
        assert in_style(query, "x", "models", project).startswith("with groups as") is imported


def test_an_alias_goes_only_where_it_says_what_the_import_says() -> None:
    assert "\nfrom orders\n" in same_rows(
        "select ORDERS.amount from raw.orders ORDERS where orders.amount > 1"
    )
    assert "from orders /* all */ as orders\n" in same_rows(
        "select amount from raw.orders /* all */ orders limit 9"
    )

    snowflake = replace(styled(ProjectStyle()), dialect="snowflake")
    assert 'from orders as "orders"\n' in read(
        'select "orders".amount from raw.orders as "orders"', snowflake
    )


def test_only_what_is_read_is_imported() -> None:
    text = "select '{{ ref(\"dim_customers\") }}' as said from raw.orders -- {{ ref('dim_customers') }}"
    assert read(text, styled(ProjectStyle())).count("with orders as") == 1
    assert "dim_customers as (" not in read(text, styled(ProjectStyle()))


@pytest.mark.parametrize("head", ["with", "with recursive"])
def test_a_comment_behind_with_stays_that_of_the_first_table(head: str) -> None:
    text = f"{head} -- the big ones\n big as (select amount from raw.orders) select amount from big"
    written = same_rows(text)
    assert ")\n" not in written.partition("-- the big ones\nbig as (")[0].replace("\n)\n", "")
    assert "),\n\n-- the big ones\nbig as (" in written


@pytest.mark.parametrize(
    "text",
    [
        "select to_json({A: amount}) as made, to_json(struct_pack(B := amount)) as packed from raw.orders",
        "select to_json(X) as whole from (select amount as AMOUNT from raw.orders) as X",
        "select said.KEY as k from (select '{\"KEY\": 1}'::json as said, amount from raw.orders)",
        "select AMOUNT as X, k, v from raw.orders unpivot (v for k in (order_id, customer_id))",
    ],
)
@pytest.mark.parametrize("keywords", ["lower", "upper"])
def test_names_that_are_data_keep_their_letters(text: str, keywords: KeywordCase) -> None:
    written = read(text, styled(ProjectStyle(keywords=keywords)))
    assert rows(written)[1] == rows(text)[1]


def test_fields_of_what_a_column_holds_are_no_columns_of_a_schema() -> None:
    events = [KnownRelation(("raw", "events"), RelationCall("ref", "events"), (Column("said", "any"),))]
    project = replace(styled(ProjectStyle()), dialect="bigquery")
    text = "select E.SAID.KEY as a, said.`Big`.SUB as b, raw.events.said.key as c from raw.events as E, raw.events"
    query = read_query(text, events, project.style, "bigquery")
    written = in_style(query, "x", "models", replace(project, style=ProjectStyle(imports=False)))
    assert "e.said.KEY as a,\n    said.`Big`.SUB as b,\n    events.said.key as c\n" in written


def test_types_between_angle_brackets_and_operators_of_two_characters_stay_together() -> None:
    project = replace(styled(ProjectStyle(imports=False)), dialect="bigquery")
    text = (
        "select struct<a int64, b array<string>>(1, []) as s, cast(amount as array<int64>) as l, amount>>2 as r,"
        " amount<3 as small, * except (amount), 1 as one from raw.orders"
    )
    assert (
        read(text, project)
        == """\
select
    struct<a int64, b array<string>>(1, []) as s,
    cast(amount as array<int64>) as l,
    amount >> 2 as r,
    amount < 3 as small,
    * except (amount),
    1 as one
from {{ source('raw', 'orders') }}
"""
    )


@pytest.mark.parametrize(
    "text", ["with a as (select amount from raw.orders) select amount from a", "from orders"]
)
def test_a_comment_may_begin_any_query(text: str) -> None:
    assert "/* by hand */ " in same_rows(f"/* by hand */ {text}")


def test_a_text_that_goes_on_on_another_line_stays_on_its_lines() -> None:
    project = replace(styled(ProjectStyle()), dialect="postgres")
    with pytest.raises(Unreadable):
        read("select 'a'\n 'b' as said from raw.orders", project)


def test_a_query_that_was_written_so_is_written_so_again() -> None:
    project = styled(ProjectStyle(final="final"))
    text = "(select amount from orders) union all (select customer_id from customers) order by 1 limit 2"
    written = read(text, project)
    assert written.endswith("    limit 2\n)\n\nselect * from final\n")
    assert read(written, project) == written


def test_no_line_begins_behind_an_operator() -> None:
    style = ProjectStyle(imports=False)
    text = "select round(\n  amount /\n nullif(amount, 0)\n * \ncoalesce(amount, 1), 2) as share from orders"
    written = read(text, styled(style))
    assert "/ nullif(amount, 0)" in written
    assert "* coalesce(amount, 1)" in written
    assert read(written, styled(style)) == written


@pytest.mark.parametrize(
    "text",
    [
        "select min(\n, amount) as m from orders",
        "select amount from orders join (select 1 as a, 2 as b) as x on cross join (select 1) as y",
    ],
)
def test_what_is_hardly_sql_has_no_layout(text: str) -> None:
    with pytest.raises(Unreadable, match="nothing"):
        read(text, styled(ProjectStyle()))
