from __future__ import annotations

import pytest

from semantic.definitions import (
    Column,
    Dimension,
    Entity,
    Measure,
    Metric,
    MetricInput,
    Model,
    SemanticModel,
    Vocabulary,
)

ORDERS = Model(
    name="orders",
    unique_id="model.shop.orders",
    columns=(
        Column("order_id", "integer"),
        Column("customer_id", "integer"),
        Column("amount", "number"),
        Column("net_amount", "number", label="Net amount"),
        Column("discount", "number"),
        Column("quantity", "integer"),
        Column("status", "text"),
        Column("channel", "text"),
        Column("is_gift", "boolean"),
        Column("order_date", "date"),
        Column("delivered_at", "timestamp"),
        Column("payload", "any"),
        Column("end", "integer"),
        Column("Ship To", "text"),
        Column("refunds", "number"),
    ),
    semantic=SemanticModel(
        name="orders",
        model="orders",
        entities=(Entity("order", "primary", "order_id"), Entity("customer", "foreign", "customer_id")),
        dimensions=(
            Dimension("order_status", "categorical", "status", label="Order status"),
            Dimension("ordered_on", "time", "order_date", granularity="day"),
            Dimension("big_order", "categorical", "amount > 1000", label="Large order"),
            Dimension("unit_price", "categorical", "net_amount / quantity"),
            Dimension("odd_one", "categorical", "some_function(status)"),
            Dimension("channel", "categorical", "lower(payload)"),
        ),
        measures=(
            Measure("order_total", "sum", "net_amount", "ordered_on"),
            Measure("last_order", "max", "order_date", "ordered_on"),
        ),
    ),
)
CUSTOMERS = Model(
    name="customers",
    unique_id="model.shop.customers",
    columns=(
        Column("customer_id", "integer"),
        Column("tier", "text"),
        Column("city", "text"),
        Column("status", "text"),
        Column("signed_up_on", "date"),
    ),
    semantic=SemanticModel(
        name="customers",
        model="customers",
        entities=(Entity("customer", "primary", "customer_id"),),
        dimensions=(Dimension("tier", "categorical", "tier"),),
    ),
)
EVENTS = Model(
    name="web_events",
    unique_id="model.shop.web_events",
    label="Web events",
    columns=(
        Column("event_id", "integer"),
        Column("user_id", "integer"),
        Column("kind", "text"),
        Column("happened_at", "timestamp"),
    ),
)
METRICS = (
    Metric("revenue", "simple", label="Revenue", measure="order_total"),
    Metric("latest_order", "simple", measure="last_order"),
    Metric("visits", "simple", measure="not_in_the_project"),
    Metric("refunds", "simple", measure="order_total"),
    Metric(
        "gross",
        "simple",
        label="Gross sales",
        measure="order_total",
        meta={"bisync": {"deprecated": "2027-03-31", "replaced_by": "revenue"}},
    ),
    Metric("old_visits", "simple", measure="order_total", meta={"deprecated": True}),
    Metric(
        "revenue_per_visit",
        "ratio",
        numerator=MetricInput("revenue"),
        denominator=MetricInput("visits"),
    ),
)


@pytest.fixture(scope="session")
def vocabulary() -> Vocabulary:
    """A small shop: orders lead to customers; web_events are known to dbt only as a table."""
    models = {model.name: model for model in (ORDERS, CUSTOMERS, EVENTS)}
    metrics = {metric.name: metric for metric in METRICS}
    synonyms = {"turnover": "revenue", "buyer": "orders.customer_id", "whale": "big_order"}
    says = {"amount > 1000": "amount > 1000", "net_amount / quantity": "net_amount / quantity"}
    return Vocabulary(models, metrics, synonyms=synonyms, says=lambda sql: says.get(sql, ""))
