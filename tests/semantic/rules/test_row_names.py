"""What a row is called in the sentences that Bisync writes."""

from __future__ import annotations

import pytest

from semantic.codegen.business_rules import row_name
from semantic.definitions import Vocabulary


@pytest.mark.parametrize(
    ("model", "key", "name"),
    [
        ("customer_analytics", "customer_id", "customer"),
        ("fct_subscription_months", "subscription_month_key", "subscription month"),
        ("dim_customers", "", "customer"),
        ("fct_orders", "ID", "order"),
        ("order_status", "", "status"),
        ("s", "", "row"),
    ],
)
def test_a_row_is_called_as_its_key_says_else_as_its_model(model: str, key: str, name: str) -> None:
    assert row_name(Vocabulary({}, {}, keys={model: key} if key else {}), model) == name
