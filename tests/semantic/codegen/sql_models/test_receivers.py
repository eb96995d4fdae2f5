"""A new column goes on to the models that read its model by a `*`."""

from __future__ import annotations

import pytest

from semantic.codegen.sql_models.receivers import Below, Received, received

pytestmark = pytest.mark.pure

ORDERS = Below("stg_orders", "", ("order_id", "amount"), ("mart",))


def below(text: str, *columns: str, further: dict[str, Below] | None = None) -> Received:
    models = {
        "stg": ORDERS,
        "mart": Below("orders", text, columns, tuple(further or ())),
        **(further or {}),
    }
    return received("Rank", "stg", models.get, "duckdb")


@pytest.mark.parametrize(
    "text",
    [
        "select order_id, amount from {{ ref('stg_orders') }}",
        "with o as (select * from {{ ref('stg_orders') }}) select order_id, count(*) as n from o group by 1",
        "select * exclude (rank) from {{ ref('stg_orders') }}",
        "select * from {{ ref('others') }} as r where r.id in (select order_id from {{ ref('stg_orders') }})",
        "with o as (select * from {{ ref('stg_orders') }}) select o.order_id, 1 as rank from o",
    ],
)
def test_what_lists_its_columns_does_not_get_it(text: str) -> None:
    assert below(text) == Received()


@pytest.mark.parametrize(
    "text",
    [
        "select * from {{ ref('stg_orders') }}",
        "with o as (select * from {{ ref('stg_orders') }}), f as (select o.*, 1 as x from o) select * from f",
        "{% if var('x') %} select * from {{ ref('stg_orders') }} {% else %} select 1 as a {% endif %}",
        "select o.*, c.name from {{ ref('shop', 'stg_orders') }} o join {{ ref('c') }} c using (id)",
    ],
)
def test_a_star_takes_it(text: str) -> None:
    text = text.replace("'shop', ", "")

    assert below(text) == Received(takers=("orders",))


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("select o.*, row_number() over () as rank from {{ ref('stg_orders') }} o", ()),
        ("select o.*, c.* from {{ ref('stg_orders') }} o join {{ ref('c') }} c on true", ("RANK",)),
    ],
)
def test_what_has_such_a_column_of_its_own_gets_two(text: str, columns: tuple[str, ...]) -> None:
    assert below(text, *columns).clash == "orders"


def test_it_goes_on_and_on() -> None:
    text = "select * from {{ ref('stg_orders') }}"
    end = Below("daily", "select *, 1 as rank from {{ ref('orders') }}", (), ())
    plain = Below("weekly", "select * from {{ ref('orders') }}", (), ())

    assert below(text, further={"end": end}) == Received(("orders",), "daily")
    assert below(text, further={"plain": plain}) == Received(("orders", "weekly"))


def test_of_what_cannot_be_read_nobody_is_sure() -> None:
    assert below("select * from {{ dbt_utils.union([ref('stg_orders')]) }} where") == Received(
        unsure=("orders",)
    )
    assert below("select a from {{ macro(") == Received()
