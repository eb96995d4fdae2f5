"""The shop that every example of a formula is about: orders, customers and visits."""

from __future__ import annotations

from typing import cast

from semantic.definitions import (
    Column,
    Dimension,
    Entity,
    Measure,
    Metric,
    Model,
    SemanticModel,
    ValueType,
    Vocabulary,
)

# The model that a formula starts from where nothing else is said.
START = "orders"


def _columns(text: str) -> tuple[Column, ...]:
    pairs = (column.split(":") for column in text.split())
    return tuple(Column(name, cast("ValueType", kind)) for name, kind in pairs)


_ORDERS = Model(
    name="orders",
    unique_id="model.shop.orders",
    columns=(
        *_columns(
            "order_id:integer customer_id:integer order_date:date delivered_at:date status:text channel:text "
            "country:text amount:number net_amount:number refund_amount:number discount:number "
            "quantity:integer is_gift:boolean"
        ),
        Column("Promo code", "text"),
    ),
    semantic=SemanticModel(
        name="orders",
        model="orders",
        entities=(Entity("order", "primary", "order_id"), Entity("customer", "foreign", "customer_id")),
        dimensions=(
            Dimension("order_date", "time", "order_date", "day"),
            Dimension("delivered_at", "time", "delivered_at", "day"),
            Dimension("status", "categorical", "status"),
            Dimension("channel", "categorical", "channel"),
            Dimension("is_gift", "categorical", "is_gift"),
        ),
        measures=(
            Measure("net_amount_total", "sum", "net_amount", "order_date"),
            Measure("discount_total", "sum", "discount", "order_date"),
            Measure("order_count", "count", "1", "order_date"),
        ),
        agg_time_dimension="order_date",
    ),
)
_CUSTOMERS = Model(
    name="customers",
    unique_id="model.shop.customers",
    columns=_columns("id:integer tier:text city:text country:text signed_up_on:date"),
    semantic=SemanticModel(
        name="customers",
        model="customers",
        entities=(Entity("customer", "primary", "id"),),
        dimensions=(
            Dimension("signed_up_on", "time", "signed_up_on", "day"),
            Dimension("tier", "categorical", "tier"),
            Dimension("country", "categorical", "country"),
        ),
        measures=(Measure("customer_count", "count", "1", "signed_up_on"),),
        agg_time_dimension="signed_up_on",
    ),
)
_VISITS = Model(
    name="visits",
    unique_id="model.shop.visits",
    columns=_columns("visit_id:integer visitor_id:integer visited_on:date page:text minutes:number"),
    semantic=SemanticModel(
        name="visits",
        model="visits",
        entities=(Entity("visit", "primary", "visit_id"), Entity("customer", "foreign", "visitor_id")),
        dimensions=(
            Dimension("visited_on", "time", "visited_on", "day"),
            Dimension("page", "categorical", "page"),
        ),
        measures=(Measure("visit_count", "count", "1", "visited_on"),),
        agg_time_dimension="visited_on",
    ),
)
_METRICS = (
    Metric("revenue", "simple", "Revenue", measure="net_amount_total"),
    Metric("order_count", "simple", "Number of orders", measure="order_count"),
    Metric("customer_count", "simple", "Number of customers", measure="customer_count"),
    Metric("visit_count", "simple", "Number of visits", measure="visit_count"),
    Metric(
        "turnover",
        "simple",
        "Turnover",
        measure="net_amount_total",
        meta={"bisync": {"deprecated": "2027-03-31", "replaced_by": "revenue"}},
    ),
    # Has the name of a field as well.
    Metric("discount", "simple", "Discount", measure="discount_total"),
)

SHOP = Vocabulary(
    models={model.name: model for model in (_ORDERS, _CUSTOMERS, _VISITS)},
    metrics={metric.name: metric for metric in _METRICS},
    time_spine="days.date_day",
)
