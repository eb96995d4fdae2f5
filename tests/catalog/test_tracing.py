"""Which columns a query's columns come from, by its text."""

from __future__ import annotations

import pytest

from catalog.lineage.origins import How, Relation
from catalog.lineage.queries import Trace, Untraceable, name_of, trace

RELATIONS = {
    ("db", "s", "orders"): Relation("orders", ("id", "customer_id", "amount", "status"), complete=True),
    ("db", "s", "customers"): Relation("customers", ("id", "name", "Region"), complete=True),
    ("db", "s", "raw"): Relation("raw"),
    ("db", "s", "other"): Relation("other", ("known",)),
    ("__dbt__cte__cents",): Relation("cents", ("order_id", "cents"), complete=True),
}
SIGNS = {How.SAME: "", How.COMPUTED: "~", How.AGGREGATED: "+"}


def traced(sql: str, dialect: str = "duckdb") -> Trace:
    return trace(sql, dialect, RELATIONS)


def told(found: Trace) -> str:
    """For example `total: +orders.amount` for a sum; a question mark where not all is known."""
    columns = []
    for name, origin in found.columns:
        parents = [f"{SIGNS[how]}{key}.{column}" for (key, column), how in sorted(origin.leaves.items())]
        columns.append(f"{name}: {' '.join(parents)}{'' if origin.known else '?'}".rstrip())
    return "; ".join([*columns, *(f"*: {key}" for key in found.through)])


CASES = {
    "as they are": ("select id, o.amount as paid from db.s.orders o", "id: orders.id; paid: orders.amount"),
    "star": (
        "select * from db.s.orders",
        "id: orders.id; customer_id: orders.customer_id; amount: orders.amount; status: orders.status",
    ),
    "star of one source": (
        "select c.*, o.amount from db.s.orders o join db.s.customers c on c.id = o.customer_id",
        "id: customers.id; name: customers.name; region: customers.region; amount: orders.amount",
    ),
    "star of what nobody declared": ("with s as (select * from db.s.raw) select * from s", "*: raw"),
    "through a star of what nobody declared": (
        "with s as (select * from db.s.raw), r as (select ID as order_id, Cents / 100 as amount from s) select * from r",
        "order_id: raw.id; amount: ~raw.cents",
    ),
    "star without some": (
        "select * exclude (status, customer_id) replace (amount * 2 as amount) from db.s.orders",
        "id: orders.id; amount: ~orders.amount",
    ),
    "star with another name": (
        "select * rename (id as order_id) from db.s.orders",
        "order_id: orders.id; customer_id: orders.customer_id; amount: orders.amount; status: orders.status",
    ),
    "what a star leaves out is not there": (
        "with s as (select * exclude (amount) from db.s.raw) select amount, id from s",
        "amount: ?; id: raw.id",
    ),
    "replaced in what nobody declared": (
        "with s as (select * replace (id + 1 as id) from db.s.raw) select id, name from s",
        "id: ~raw.id; name: raw.name",
    ),
    "computed": (
        "select coalesce(amount, 0) + 1 as a, case status when 'x' then id end as b from db.s.orders",
        "a: ~orders.amount; b: ~orders.id ~orders.status",
    ),
    "a name given before": (
        "select amount * 2 as twice, twice + id as more from db.s.orders",
        "twice: ~orders.amount; more: ~orders.amount ~orders.id",
    ),
    "a column goes before a name given": (
        "select customer_id as id, id as other from db.s.orders",
        "id: orders.customer_id; other: orders.id",
    ),
    "constants": ("select 1 as one, current_date as today from db.s.orders", "one:; today:"),
    "aggregated": (
        "select status, sum(amount) as total, count(*) as n from db.s.orders group by 1",
        "status: orders.status; total: +orders.amount; n:",
    ),
    "aggregated on the way": (
        "with t as (select sum(amount) as total from db.s.orders) select total / 2 as half from t",
        "half: +orders.amount",
    ),
    "over a window": (
        "select sum(amount) over (partition by status order by id) as running from db.s.orders",
        "running: ~orders.amount ~orders.id ~orders.status",
    ),
    "union by place": (
        "select id, amount from db.s.orders union all select id, name from db.s.customers",
        "id: customers.id orders.id; amount: customers.name orders.amount",
    ),
    "three in a union": (
        "select id from db.s.orders union select id from db.s.customers union select known from db.s.other",
        "id: customers.id orders.id other.known",
    ),
    "union by name": (
        "select id, status from db.s.orders union all by name select name, id from db.s.customers",
        "id: customers.id orders.id; status: orders.status; name: customers.name",
    ),
    "union with what nobody declared": (
        "select id, amount from db.s.orders union all select * from db.s.raw",
        "id: orders.id?; amount: orders.amount?",
    ),
    "except": (
        "select id from db.s.orders except select id from db.s.customers",
        "id: orders.id",
    ),
    "joined by name": (
        "select id, name, status from db.s.orders join db.s.customers using (id)",
        "id: customers.id orders.id; name: customers.name; status: orders.status",
    ),
    "star over a join by name": (
        "select * from db.s.customers join db.s.orders using (id)",
        ("id: customers.id orders.id; name: customers.name; region: customers.region;"
        " customer_id: orders.customer_id; amount: orders.amount; status: orders.status"),
    ),
    "which of two nobody knows": (
        "select a, known from db.s.raw, db.s.other",
        "a: ?; known: other.known",
    ),
    "not there": ("select nothing from db.s.orders", "nothing: ?"),
    "subquery as a value": (
        "select (select max(o.amount) from db.s.orders o where o.customer_id = c.id) as best from db.s.customers c",
        "best: ~customers.id +orders.amount ~orders.customer_id",
    ),
    "derived table": (
        "select t.a from (select amount as a from db.s.orders) as t (a)",
        "a: orders.amount",
    ),
    "names of a common table": (
        "with t (x, y) as (select id, amount from db.s.orders) select y, x from t",
        "y: orders.amount; x: orders.id",
    ),
    "a common table hides a relation": (
        "with orders as (select name from db.s.customers) select name from orders",
        "name: customers.name",
    ),
    "recursive": (
        ("with recursive t as (select id, name as a, region as b from db.s.customers"
        " union all select id, b, a from t) select * from t"),
        "id: customers.id; a: customers.name customers.region; b: customers.name customers.region",
    ),
    "ephemeral model": (
        ("with __dbt__cte__cents as (select 1 as order_id, 2 as cents), t as (select * from __dbt__cte__cents)"
        " select order_id, cents / 100 as amount from t"),
        "order_id: cents.order_id; amount: ~cents.cents",
    ),
    "pivot": (
        "select * from db.s.orders pivot (sum(amount) for status in ('a', 'b'))",
        ("id: orders.id; customer_id: orders.customer_id;"
        " a: +orders.amount ~orders.status; b: +orders.amount ~orders.status"),
    ),
    "pivot by what is there": (
        ("with t as (pivot db.s.orders on status using sum(amount) group by customer_id)"
        " select customer_id, paid from t"),
        "customer_id: orders.customer_id; paid: +orders.amount ~orders.status",
    ),
    "unpivot": (
        "select * from (select id, amount, customer_id from db.s.orders) unpivot (v for k in (amount, customer_id))",
        "id: orders.id; k:; v: ~orders.amount ~orders.customer_id",
    ),
    "unnested": (
        "select x.v, r.id from db.s.raw r, unnest(r.items) as x(v)",
        "v: ~raw.items; id: raw.id",
    ),
    "rows of a function": (
        "select g, id from db.s.orders, generate_series(1, amount) g",
        "g: ~orders.amount; id: orders.id",
    ),
    "rows of a function that nobody names": (
        ("with days as (select cast(range as date) as day from range(date '2026-01-01', current_date, interval 1 day)),"
        " more as (select generate_series as n from generate_series(1, 3)), ids as (select unnest as i from unnest([1]))"
        " select day, n, i, id from days, more, ids, db.s.orders"),
        "day:; n:; i:; id: orders.id",
    ),
    "listed rows": ("select k, id from (values (1, 2)) as t(k, v), db.s.orders", "k:; id: orders.id"),
    "fields of a struct": ("select r.payload.user.name as a from db.s.raw r", "a: ~raw.payload"),
    "tables in parentheses": (
        "select j.name from (db.s.orders o join db.s.customers c on o.id = c.id) as j",
        "name: customers.name",
    ),
    "lambda": (
        "select list_transform([amount], x -> x + id) as l from db.s.orders",
        "l: ~orders.amount ~orders.id",
    ),
    "columns by pattern": ("select columns('a.*') from db.s.orders", ""),
    "from first": ("from db.s.customers select name", "name: customers.name"),
    "written by hand": ("select x from legacy.orders", "x: relation.legacy.orders.x"),
    "several results of one function": (
        "select unnest(amount) as (a, b) from db.s.orders",
        "a: ~orders.amount; b: ~orders.amount",
    ),
    "half a join": (
        "select name from db.s.customers c semi join db.s.orders o on o.customer_id = c.id",
        "name: customers.name",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_columns_are_traced(case: str) -> None:
    sql, expected = CASES[case]
    assert told(traced(sql)) == expected


@pytest.mark.parametrize(
    ("dialect", "sql", "expected"),
    [
        (
            "snowflake",
            "select f.value:name::string as n, id from db.s.raw t, lateral flatten(input => t.items) f",
            "n: ~raw.items; id: raw.id",
        ),
        (
            "bigquery",
            "select item, id from `db`.`s`.`orders` cross join unnest(status) as item",
            "item: ~orders.status; id: orders.id",
        ),
        (
            "bigquery",
            "select o.id, item.name as n from db.s.orders o, o.status as item",
            "id: orders.id; n: ~orders.status",
        ),
        (
            "spark",
            "select e, id from db.s.orders lateral view explode(status) t as e",
            "e: ~orders.status; id: orders.id",
        ),
        (
            "postgres",
            "select l.x from db.s.orders o cross join lateral (select o.amount + 1 as x) l",
            "x: ~orders.amount",
        ),
        ("postgres", 'select "ID" from "db"."s"."orders"', "id: orders.id"),
        ("snowflake", "select ID, AMOUNT from DB.S.ORDERS", "id: orders.id; amount: orders.amount"),
    ],
)
def test_dialects_are_understood(dialect: str, sql: str, expected: str) -> None:
    assert told(traced(sql, dialect)) == expected


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select amount from db.s.orders where status = 'paid'", ["orders.status"]),
        (
            "select o.amount from db.s.orders o left join db.s.customers c on c.id = o.customer_id",
            ["customers.id", "orders.customer_id"],
        ),
        ("select count(*) from db.s.orders group by status", ["orders.status"]),
        ("select status as s, count(*) from db.s.orders group by s", ["orders.status"]),
        ("select status, count(*) from db.s.orders group by all", ["orders.status"]),
        ("select distinct status from db.s.orders", ["orders.status"]),
        ("select id from db.s.orders order by amount limit 5", ["orders.amount"]),
        ("select id from db.s.orders order by amount", []),
        ("select id from db.s.orders where id in (select id from db.s.customers)", ["customers.id", "orders.id"]),
        ("with t as (select id from db.s.orders where amount > 0) select id from t", ["orders.amount"]),
        ("select id from db.s.orders union select id from db.s.customers", ["customers.id", "orders.id"]),
        ("select id from db.s.orders union all select id from db.s.customers", []),
        ("select id from db.s.orders except select id from db.s.customers", ["customers.id"]),
        (
            "select id from db.s.orders qualify row_number() over (partition by status order by amount) = 1",
            ["orders.amount", "orders.status"],
        ),
        ("select c.id from db.s.customers c anti join db.s.orders o on o.id = c.id", ["customers.id", "orders.id"]),
    ],
)  # fmt: skip
def test_what_decides_on_the_rows_is_told(sql: str, expected: list[str]) -> None:
    assert sorted(f"{key}.{column}" for key, column in traced(sql).rows) == expected


@pytest.mark.parametrize("sql", ["select from where", "drop table x", "select ((((", "x = y"])
def test_what_is_no_query_is_told(sql: str) -> None:
    with pytest.raises(Untraceable):
        traced(sql)


def test_why_a_query_cannot_be_read_is_said_without_names_of_python() -> None:
    with pytest.raises(Untraceable, match=r"missing for ParseIp\. Line 1"):
        traced("select parse_ip(name) as ip from db.s.customers")


def test_deep_nesting_is_no_crash() -> None:
    with pytest.raises(Untraceable):
        traced("select " + "(" * 3000 + "1" + ")" * 3000)


def test_stars_that_double_are_stopped() -> None:
    tables = ["t0 as (select * from db.s.orders)"]
    tables += [f"t{n} as (select a.*, b.* from t{n - 1} a, t{n - 1} b)" for n in range(1, 40)]
    with pytest.raises(Untraceable, match="more columns"):
        traced(f"with {', '.join(tables)} select * from t39")


def test_stars_over_what_nobody_declared_do_not_double() -> None:
    tables = ["t0 as (select * from db.s.raw)"]
    tables += [f"t{n} as (select a.*, b.* from t{n - 1} a, t{n - 1} b)" for n in range(1, 60)]
    assert told(traced(f"with {', '.join(tables)} select x, t59.y from t59")) == "x: ?; y: ?"
    assert traced(f"with {', '.join(tables)} select * from t59").through == ("raw",)


def test_text_without_end_is_not_read() -> None:
    with pytest.raises(Untraceable, match="longer"):
        traced(f"select 1 as a -- {'x' * 4_000_000}")


def test_a_union_of_many_is_traced() -> None:
    found = traced(" union all ".join(["select id from db.s.orders"] * 800))
    assert told(found) == "id: orders.id"


def test_names_are_read_as_dbt_writes_them() -> None:
    assert name_of('"Db"."main"."Orders"', "duckdb") == ("db", "main", "orders")
    assert name_of("`p-1`.`d`.`t`", "bigquery") == ("p-1", "d", "t")
