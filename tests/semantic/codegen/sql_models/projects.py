"""Four small dbt projects that say the same in four styles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from semantic.codegen.sql_models.new_model import Project
from semantic.codegen.sql_models.style import style_of
from semantic.definitions import Column, Model, Vocabulary
from semantic.formula.names import Resolver
from semantic.formula.parser import parse
from semantic.formula.tree import Node

COLUMNS = (
    Column("customer_id", "integer", description="One number a customer."),
    Column("tier", "text", description="gold, silver or nothing."),
    Column("orders_90d", "integer", label="Orders in 90 days"),
    Column("lifetime_value", "number"),
    Column("is_vip", "boolean"),
    Column("last_order_on", "date"),
)
SETTINGS = {
    "dbt_project.yml": "name: tiny\nprofile: tiny\nmodels: {tiny: {+materialized: table}}\n",
    "profiles.yml": "tiny: {target: dev, outputs: {dev: {type: duckdb, path: tiny.duckdb, threads: 1}}}\n",
}
# The rows are the same everywhere; how they are read is a matter of style.
ROWS = """\
select 1 as customer_id, 'gold' as tier, 4 as orders_90d, cast(1200.5 as double) as lifetime_value, true as is_vip, cast('2026-06-01' as date) as last_order_on
union all
select 2, 'silver', 0, 10.0, false, cast('2025-01-01' as date)
union all
select 3, null, null, null, null, null
"""
LABS = {
    "models/staging/stg_customers.sql": ROWS,
    "models/marts/core/dim_customers.sql": """\
with

customers as (

    select * from {{ ref('stg_customers') }}

),

final as (

    select
        customer_id,
        tier,
        orders_90d,
        lifetime_value,
        is_vip,
        last_order_on

    from customers

)

select * from final
""",
    "models/marts/core/dim_customers.yml": """\
models:
  - name: dim_customers
    columns:
      - name: customer_id
        data_tests:
          - unique
          - not_null
""",
    "models/intermediate/core/int_customers.sql": """\
with

customers as (

    select * from {{ ref('stg_customers') }}

),

final as (

    select
        customer_id,
        tier
    from customers

)

select * from final
""",
}
LEADING = {
    "models/staging/stg_customers.sql": ROWS,
    "models/marts/customers.sql": """\
{{ config(materialized='table') }}

select
      c.customer_id
    , c.tier
    , c.orders_90d
    , c.lifetime_value
    , c.is_vip
    , c.last_order_on
from {{ ref('stg_customers') }} as c
where c.customer_id is not null
""",
    "models/marts/schema.yml": """\
version: 2

models:
  - name: customers
    description: Everybody who ever bought something.
    columns:
      - name: customer_id
        tests: [unique, not_null]
""",
}
UPPER = {
    "models/staging/stg_customers.sql": ROWS,
    "models/mart/core/dim_customers.sql": """\
WITH customers AS (
  SELECT * FROM {{ ref('stg_customers') }}
),

dim_customers AS (
  SELECT
    customer_id,
    tier,
    orders_90d,
    lifetime_value,
    is_vip,
    last_order_on
  FROM customers
)

SELECT * FROM dim_customers
""",
    "models/intermediate/core/int_customers.sql": """\
WITH customers AS (
  SELECT * FROM {{ ref('stg_customers') }}
),

int_customers AS (
  SELECT
    customer_id,
    tier
  FROM customers
)

SELECT * FROM int_customers
""",
    "models/mart/core/_core__models.yml": """\
version: 2

models:
  - name: dim_customers
    columns:
    - name: customer_id
      tests:
      - unique
      - not_null
""",
}
PLAIN = {
    "models/stg_customers.sql": ROWS,
    "models/customers.sql": """\
with source as (
    select * from {{ ref('stg_customers') }}
)

select
    customer_id,
    tier,
    orders_90d,
    lifetime_value,
    is_vip,
    last_order_on
from source
""",
}


@dataclass(frozen=True)
class Styled:
    """One of the projects, and what its customers' model is called."""

    files: Mapping[str, str]
    model: str

    @property
    def vocabulary(self) -> Vocabulary:
        path = next(path for path in self.files if path.endswith(f"/{self.model}.sql"))
        described = next(
            (
                file
                for file, text in self.files.items()
                if f"name: {self.model}\n" in text and file.endswith("yml")
            ),
            path,
        )
        customers = Model(self.model, f"model.tiny.{self.model}", COLUMNS, file=described)
        return Vocabulary({self.model: customers}, {}, keys={self.model: "customer_id"})

    @property
    def project(self) -> Project:
        return Project(self.files, style_of(self.files, dialect="duckdb"), "duckdb", taken=("stg_customers",))


def tree_of(formula: str, styled: Styled) -> Node:
    """What a formula about one row means."""
    return Resolver(formula, parse(formula), styled.vocabulary, styled.model).resolve()


PROJECTS = {
    "labs": Styled(LABS, "dim_customers"),
    "leading": Styled(LEADING, "customers"),
    "upper": Styled(UPPER, "dim_customers"),
    "plain": Styled(PLAIN, "customers"),
}
