"""Outcomes that no row of data can have."""

from __future__ import annotations

import pytest

from semantic.business_rules import BusinessRuleFields
from semantic.codegen.business_rules import example_problems, understood
from tests.semantic.shop import vocabulary


@pytest.mark.parametrize(
    ("text", "never", "lacking"),
    [
        (
            "order is big when net amount > 100, is medium when net amount > 200, otherwise small",
            ["medium"],
            "“big”, “small”",
        ),
        (
            "order is big when net amount > 200, is medium when net amount > 100, otherwise small",
            [],
            "“big”, “medium”, “small”",
        ),
        (
            "order is sold when quantity is not blank, is open when quantity is blank, otherwise odd",
            ["odd"],
            "“sold”, “open”",
        ),
    ],
)
def test_no_example_is_asked_of_an_outcome_that_never_comes_out(
    text: str, never: list[str], lacking: str
) -> None:
    rule = understood(BusinessRuleFields(model="fct_orders", written="sentence", text=text), vocabulary())

    *told, asked = example_problems(rule, ())

    assert [said.partition(" can never")[0] for said in told] == [f"“{name}”" for name in never]
    assert asked.startswith(f"There is no example yet of {lacking}.")
