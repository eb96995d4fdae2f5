"""Queries that engineers paste, as models of dbt: names, stars, columns with types, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from catalog.ingest import read as read_manifest
from semantic.codegen.calculations import relations_of
from semantic.codegen.entries import Refused
from semantic.codegen.quality.habits import Habits
from semantic.codegen.quality.macros import MACRO_FILE
from semantic.codegen.sql_models.jinja import RelationCall
from semantic.codegen.sql_models.new_model import ColumnWords
from semantic.codegen.sql_models.pasted import KnownRelation, QueryRefused, ReadQuery, read_query
from semantic.codegen.sql_models.pasted_model import PastedModel, query_model
from semantic.codegen.sql_models.style import ProjectStyle
from semantic.definitions import Column, Model, Vocabulary
from semantic.known import Known
from tests.semantic.codegen.sql_models.projects import PROJECTS

ORDERS = RelationCall("source", "orders", "raw")
CUSTOMERS = RelationCall("ref", "dim_customers")
RELATIONS = (
    KnownRelation(
        ("db", "shop", "customers"), CUSTOMERS, (Column("customer_id", "integer"), Column("tier", "text"))
    ),
    KnownRelation(
        ("db", "raw", "orders"),
        ORDERS,
        (Column("order_id", "integer"), Column("customer_id", "integer"), Column("amount", "number")),
    ),
    KnownRelation(("db", "raw", "events"), RelationCall("source", "events", "raw")),
    KnownRelation(("db", "old", "events"), RelationCall("source", "events", "old")),
)


def read(text: str, *, dialect: str = "duckdb") -> ReadQuery:
    return read_query(text, RELATIONS, ProjectStyle(), dialect)


@pytest.mark.parametrize(
    "text",
    [
        "select unnest([1, 2]) as a from db.raw.orders",
        "select g as a from generate_series(1, 5) as g",
        "select list_sort([amount]) as a, age(order_id) as b from orders",
        "select regexp_extract_all('x', 'y') as a from orders",
    ],
)
def test_what_only_computes_may_be_called(text: str) -> None:
    assert read(text).sql


@pytest.mark.parametrize(
    ("pasted", "sql"),
    [
        (
            "SELECT  o.amount -- kept\nFROM db.raw.orders o ;\n",
            "SELECT  o.amount -- kept\nFROM {{ source('raw', 'orders') }} o\n",
        ),
        (
            "select customers.tier, shop.customers.customer_id from shop.customers",
            "select customers.tier, customers.customer_id from {{ ref('dim_customers') }} as customers\n",
        ),
        (
            "with orders as (select amount from orders) select amount from orders",
            "with orders as (select amount from {{ source('raw', 'orders') }}) select amount from orders\n",
        ),
        (
            "select amount from orders where customer_id in (select customer_id from customers)",
            (
                "select amount from {{ source('raw', 'orders') }}"
                " where customer_id in (select customer_id from {{ ref('dim_customers') }})\n"
            ),
        ),
        (
            (
                "with a as (select amount from orders as o), b as (select amount from orders as o)"
                " select a.amount from a join b on true"
            ),
            (
                "with a as (select amount from {{ source('raw', 'orders') }} as o),"
                " b as (select amount from {{ source('raw', 'orders') }} as o)"
                " select a.amount from a join b on true\n"
            ),
        ),
        (
            "select tier from {{ ref('dim_customers') }}",
            "select tier from {{ ref('dim_customers') }}\n",
        ),
        (
            "select order_id from orders union all select customer_id from customers",
            (
                "select order_id from {{ source('raw', 'orders') }}"
                " union all select customer_id from {{ ref('dim_customers') }}\n"
            ),
        ),
    ],
)
def test_tables_become_ref_and_source_and_all_else_stays(pasted: str, sql: str) -> None:
    assert read(pasted).sql == sql
    assert read(sql).sql == sql


def versions() -> list[KnownRelation]:
    """What a query may read of a project with two versions of a model."""
    common = {"resource_type": "model", "package_name": "shop", "name": "fct_sales", "latest_version": 2}
    schema = "https://schemas.getdbt.com/dbt/manifest/v12.json"
    nodes = {
        f"model.shop.fct_sales.v{number}": {
            **common,
            "unique_id": f"model.shop.fct_sales.v{number}",
            "relation_name": f'"db"."main"."fct_sales_v{number}"',
            "version": number,
        }
        for number in (1, 2)
    }
    manifest = {"metadata": {"dbt_schema_version": schema, "project_name": "shop"}, "nodes": nodes}
    latest = Model("fct_sales", "model.shop.fct_sales.v2", (Column("id", "integer"),), versioned=True)
    known = Known(Vocabulary({"fct_sales": latest}, {}), lambda: read_manifest(json.dumps(manifest).encode()))
    return relations_of(known, "duckdb")


@pytest.mark.parametrize(
    ("table", "written"),
    [
        ("main.fct_sales_v1", "{{ ref('fct_sales', v=1) }}"),
        ("main.fct_sales_v2", "{{ ref('fct_sales') }}"),
        ("{{ ref('fct_sales') }}", "{{ ref('fct_sales') }}"),
        ("{{ ref('fct_sales', v=2) }}", "{{ ref('fct_sales', v=2) }}"),
        ('{{ ref("fct_sales", version="1") }}', '{{ ref("fct_sales", version="1") }}'),
    ],
)
def test_an_old_version_of_a_model_is_named_with_its_version(table: str, written: str) -> None:
    found = read_query(f"select id from {table}", versions(), ProjectStyle(), "duckdb")

    assert found.sql == f"select id from {written}\n"
    types = {column.name: column.type for column in found.columns}
    assert types == {"id": "any" if "1" in table else "integer"}


def test_a_version_that_is_not_there_is_refused() -> None:
    with pytest.raises(QueryRefused, match="knows no"):
        read_query("select id from {{ ref('fct_sales', v=3) }}", versions(), ProjectStyle(), "duckdb")


def test_names_are_found_in_the_spelling_of_the_warehouse() -> None:
    assert read('select "AMOUNT" from "DB"."RAW"."ORDERS"', dialect="snowflake").reads == (ORDERS,)
    bigquery = read(
        "select o.amount from `db.raw.orders` o join `db`.shop.customers c on true", dialect="bigquery"
    )
    assert bigquery.sql == (
        "select o.amount from {{ source('raw', 'orders') }} o join {{ ref('dim_customers') }} c on true\n"
    )
    assert bigquery.reads == (ORDERS, CUSTOMERS)


def test_stars_are_spelled_out_where_their_columns_are_known() -> None:
    assert read("select * from customers").sql == (
        "select\n    customer_id,\n    tier\nfrom {{ ref('dim_customers') }}\n"
    )
    joined = read("select o.*, c.tier from orders o join customers c on true").sql
    assert joined.startswith("select o.order_id, o.customer_id, o.amount, c.tier from")
    nested = read("select * from (select tier, 1 as nth from customers) where nth = 1").sql
    assert nested.startswith("select\n    tier,\n    nth\nfrom (")
    wide = replace(RELATIONS[0], columns=tuple(Column(f"a_column_{n}", "text") for n in range(9)))
    long = read_query("select c.*, 1 as one from customers c", [wide], ProjectStyle(), "duckdb").sql
    assert long.startswith("select c.a_column_0,\n    c.a_column_1,\n")
    assert ",\n    c.a_column_8, 1 as one from" in long
    own_line = read("select\n    *,\n    amount * 2 as twice\nfrom orders").sql
    assert own_line.startswith(
        "select\n    order_id,\n    customer_id,\n    amount,\n    amount * 2 as twice\n"
    )
    but = read("select o.* exclude (amount, customer_id), c.* from orders o join customers c on true").sql
    assert but.startswith("select\n    o.order_id,\n    c.customer_id,\n    c.tier\nfrom")
    handed = read("with o as (\n    select * from orders\n)\nselect * from o").sql
    assert handed.endswith("\nselect * from o\n")
    assert "        order_id,\n" in handed


@pytest.mark.parametrize(
    ("pasted", "sql"),
    [
        (
            "select distinct * from customers",
            "select distinct\n    customer_id,\n    tier\nfrom {{ ref('dim_customers') }}",
        ),
        (
            "select distinct on (tier) * from customers",
            "select distinct on (tier)\n    customer_id,\n    tier\nfrom {{ ref('dim_customers') }}",
        ),
        (
            "select distinct tier, * exclude (tier) from customers",
            "select distinct tier, customer_id from {{ ref('dim_customers') }}",
        ),
        (
            "select [tier, 'b'] as l, {'a': 1, 'b': 2} as m, * from customers",
            "select [tier, 'b'] as l, {'a': 1, 'b': 2} as m, customer_id, tier from {{ ref('dim_customers') }}",
        ),
        (
            "select -- all of them\n  * from customers",
            "select -- all of them\n  customer_id,\n  tier from {{ ref('dim_customers') }}",
        ),
    ],
)
def test_a_star_is_written_out_in_its_place_and_nothing_else(pasted: str, sql: str) -> None:
    assert read(pasted).sql == f"{sql}\n"


def test_a_star_whose_place_cannot_be_told_stays() -> None:
    text = "select struct<a int64, b int64>(1, 2) as s, * except (tier) from {{ ref('dim_customers') }}"
    found = read(text, dialect="bigquery")
    assert found.sql == f"{text}\n"
    assert found.notes


def test_a_name_between_quotes_keeps_its_capitals() -> None:
    columns = read('select order_id as "Order", amount as Amount from orders').columns
    assert [column.name for column in columns] == ["Order", "amount"]


def test_a_star_that_nobody_knows_stays_and_it_is_said() -> None:
    found = read("select * from raw.events")
    assert found.sql == "select * from {{ source('raw', 'events') }}\n"
    assert found.notes
    assert found.columns == ()
    joined = read("select *, 1 as one from orders cross join (select tier from customers) as c")
    assert joined.sql.startswith("select *, 1 as one from {{")
    assert [column.name for column in joined.columns] == ["order_id", "customer_id", "amount", "tier", "one"]


def test_columns_are_told_with_their_types() -> None:
    text = "select c.tier, count(*) as n, sum(o.amount) as total, max(o.order_id) > 3 as many from orders o join customers c on true group by 1"
    assert [(column.name, column.type) for column in read(text).columns] == [
        ("tier", "text"),
        ("n", "integer"),
        ("total", "number"),
        ("many", "boolean"),
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "Keep one SELECT"),
        ("select 1 as a; select 2 as b", "Keep one SELECT"),
        ("select (", "cannot read line 1"),
        (
            "select tier\nfrom {{ ref('dim_customers') }} group where",
            "line 2 of this query from “group where”",
        ),
        ("select 'a from orders", "does not close"),
        ("select amount from orders where order_id = :one", "no parameter one"),
        ("select a from main.orders", "mean raw.orders"),
        ("select a from custommers", "mean customers"),
        ("delete from orders", "A model is one query"),
        ("create table t as select 1 as a", "A model is one query"),
        ("with d as (delete from orders returning *) select * from d", "A model is one query"),
        ("select order_id into t from orders", "A model is one query"),
        ("select order_id from orders for update", "A model is one query"),
        ("grant all on orders to public", "A model is one query"),
        ("select a from nowhere", "dbt knows no table nowhere"),
        ("select a from events", "could be several tables"),
        ("select {{ var('x') }} as a", "Jinja"),
        ("select a from {{ ref('x') }}", "dbt knows no"),
        ("{% if x %} select 1 as a {% endif %}", "templates"),
        ("select 1 as a {# hidden #}", "templates"),
        ("select '{{' as a", "does not close"),
        ("select amount * 2 from orders", "has no name"),
        ("select order_id, amount as order_id from orders", "two columns order_id"),
        ("select o.*, c.* from orders o join customers c on true", "two columns customer_id"),
    ],
)
def test_what_is_not_one_query_of_known_tables_is_refused(text: str, words: str) -> None:
    with pytest.raises(QueryRefused, match=words):
        read(text)


def test_a_column_behind_a_long_quoted_name_is_refused() -> None:
    with pytest.raises(QueryRefused, match="short name"):
        read("select `db.raw.orders`.amount from `db.raw.orders`", dialect="bigquery")


def test_columns_that_are_handed_on_keep_what_is_said_of_them() -> None:
    told = [
        Column("customer_id", "integer", description="One number a customer."),
        Column("tier", "text", description="How much they buy."),
        Column("since", "date", description="{{ this }}"),
    ]
    relations = [replace(RELATIONS[0], columns=tuple(told)), *RELATIONS[1:]]
    text = (
        "with c as (select * from customers) select c.customer_id, c.tier as kind, upper(c.tier) as tier,"
        " c.since, o.amount from c join raw.orders o using (customer_id)"
    )
    query = read_query(text.replace("using (customer_id)", "on true"), relations, ProjectStyle(), "duckdb")
    assert [column.description for column in query.columns] == ["One number a customer.", "", "", "", ""]

    model = PastedModel("dim_tiers", description="Tiers.", words=(ColumnWords("kind", "What they are."),))
    columns = query_model(query, model, PROJECTS["labs"].project).entries["models"][0]["properties"]["entry"]
    assert [one.get("description") for one in columns["columns"]] == [
        *("One number a customer.", "What they are."),
        *(None, None, None),
    ]


def test_a_column_that_may_be_misspelt_is_told() -> None:
    found = read("select customerid, Tiers, tier as teir, upper(teir) as x from customers order by amnt")
    assert found.notes == (
        "No column customerid is known of what this query reads. Did you mean customer_id?",
        "No column tiers is known of what this query reads. Did you mean tier?",
    )
    assert read("select tier, 1 as teir from customers order by teir").notes == ()


def test_a_name_unlike_those_of_its_folder_is_told() -> None:
    labs = PROJECTS["labs"].project
    files = {
        **labs.files,
        **dict.fromkeys(("models/marts/core/fct_a.sql", "models/marts/core/fct_b.sql"), ""),
    }
    project = replace(labs, files=files)
    query = read("select tier, count(*) as n from customers group by tier")

    model = PastedModel("tiers", folder="models/marts/core", description="Tiers.")
    assert query_model(query, model, project).notes == (
        "The names of all models in models/marts/core begin with dim_ or fct_, and tiers does not.",
    )
    assert query_model(query, replace(model, name="fct_tiers"), project).notes == ()
    assert query_model(query, model, labs).notes == ()  # one model shows no habit


@pytest.mark.parametrize(
    ("tests", "said", "macros"),
    [
        (Habits(), {"bisync_unique_together": {"arguments": {"columns": ["tier", "n"]}}}, True),
        (
            Habits(tests=frozenset(["dbt_utils.unique_combination_of_columns"]), packages={"dbt_utils": 2}),
            {
                "dbt_utils.unique_combination_of_columns": {
                    "arguments": {"combination_of_columns": ["tier", "n"]}
                }
            },
            False,
        ),
    ],
)
def test_a_key_of_several_columns_is_tested_as_the_project_spells_it(
    tests: Habits, said: dict[str, Any], macros: bool
) -> None:
    project = replace(PROJECTS["labs"].project, tests=tests)
    model = PastedModel("dim_tiers", description="Tiers.", key=("tier", "n"))
    written = query_model(read("select tier, count(*) as n from customers group by tier"), model, project)

    entry = written.entries["models"][0]["properties"]["entry"]
    assert entry["data_tests"] == [said]
    assert [one["data_tests"] for one in entry["columns"]] == [["not_null"], ["not_null"]]
    assert [change.path for change in written.changes if "macros" in change.path] == (
        [MACRO_FILE] if macros else []
    )


def test_a_table_that_is_read_twice_is_replaced_twice() -> None:
    query = read("select amount from raw.orders where amount = (select max(amount) from raw.orders)")
    assert query.sql.count("{{ source('raw', 'orders') }}") == 2


@pytest.mark.parametrize(
    ("key", "together", "each"),
    [(("TIER", "n"), ["tier", "n"], ["not_null"]), (("TIER", "tier"), None, ["unique", "not_null"])],
)
def test_a_key_is_called_as_the_querys_columns_are_and_names_each_once(
    key: tuple[str, ...], together: list[str] | None, each: list[str]
) -> None:
    model = PastedModel("dim_tiers", description="Tiers.", key=key)
    query = read("select tier, count(*) as n from customers group by tier")
    entry = query_model(query, model, PROJECTS["labs"].project).entries["models"][0]["properties"]["entry"]

    tests = [{"bisync_unique_together": {"arguments": {"columns": together}}}] if together else None
    assert entry.get("data_tests") == tests
    assert entry["columns"][0]["data_tests"] == each


def test_what_the_warehouse_calls_a_model_is_its_alias_where_columns_say_it() -> None:
    text = "select customers.tier from {{ ref('dim_customers') }} join {{ source('raw', 'orders') }} on true"
    assert (
        "from {{ ref('dim_customers') }} as customers join {{ source('raw', 'orders') }} on" in read(text).sql
    )


def test_a_star_with_what_no_warehouse_takes_is_read_without_a_crash() -> None:
    query = read(
        "select * exclude (tier) rename list_transform (customer_id as id) from customers", dialect="bigquery"
    )
    assert [column.name for column in query.columns] == ["customer_id"]


def test_text_over_which_the_parser_stumbles_is_no_query() -> None:
    with pytest.raises(QueryRefused, match="nothing that Bisync can read"):
        read("select tier #>> as x from customers", dialect="postgres")


def test_a_key_that_has_to_stand_in_quotes_is_tested_in_quotes() -> None:
    query = read('select order_id as "order", amount as "Net amount" from orders')
    model = PastedModel("fct_orders", description="Orders.", key=("order",))
    written = query_model(query, model, PROJECTS["labs"].project)

    assert written.entries["models"][0]["properties"]["entry"]["columns"] == [
        {"name": "order", "quote": True, "data_tests": ["unique", "not_null"]},
        {"name": "Net amount"},
    ]


def test_a_key_of_several_columns_of_which_one_stands_in_quotes_is_tested_in_quotes() -> None:
    query = read('select order_id as "Order", amount from orders')
    model = PastedModel("fct_orders", description="Orders.", key=("order", "amount"))
    entry = query_model(query, model, PROJECTS["labs"].project).entries["models"][0]["properties"]["entry"]

    columns = {"arguments": {"columns": ['"Order"', "amount"]}}
    assert entry["data_tests"] == [{"bisync_unique_together": columns}]
    assert entry["columns"][0] == {"name": "Order", "quote": True, "data_tests": ["not_null"]}


def test_the_model_of_a_query_describes_each_of_its_columns() -> None:
    project = PROJECTS["labs"].project
    model = PastedModel(
        "dim_tiers",
        description="Tiers and how many are in them.",
        words=(ColumnWords("N", "How many.", ("not_null",)),),
        key=("tier",),
    )
    query = read("select tier, count(*) as n from customers group by tier")
    written = query_model(query, model, project)
    assert json.loads(json.dumps(written.entries)) == written.entries
    assert written.entries["columns_of_query"] == [
        {"name": "tier", "type": "text"},
        {"name": "n", "type": "integer"},
    ]
    assert written.changes[0].path == "models/marts/core/dim_tiers.sql"
    assert written.entries["models"][0]["properties"]["entry"]["columns"] == [
        {"name": "tier", "data_tests": ["unique", "not_null"]},
        {"name": "n", "description": "How many.", "data_tests": ["not_null"]},
    ]
    with pytest.raises(Refused, match="no column size"):
        query_model(query, replace(model, key=("size",)), project)
    for folder in ("../models", "/models", "models/../..", "macros", "models//x", "models/.git"):
        with pytest.raises(Refused, match="no folder for models"):
            query_model(query, replace(model, folder=folder), project)
    with_macros = replace(
        project, files={**project.files, "macros/money.sql": "{% macro money() %}{% endmacro %}"}
    )
    with pytest.raises(Refused, match="no folder for models"):
        query_model(query, replace(model, folder="macros"), with_macros)
    inside = query_model(query, replace(model, folder="models/marts/new area"), project)
    assert inside.changes[0].path == "models/marts/new area/dim_tiers.sql"
