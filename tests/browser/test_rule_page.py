"""Writing a business rule in the browser."""

from __future__ import annotations

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from proposals.actions import authoring
from semantic.business_rules import BusinessRuleFields, RuleExample
from tests.browser.conftest import Enter, Shop, violations

pytestmark = [pytest.mark.browser, pytest.mark.dbt, pytest.mark.django_db(transaction=True)]

SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
SIZE = BusinessRuleFields(
    label="Order size",
    description="Which orders need two people to pack.",
    model="fct_orders",
    text="order is big when quantity is more than 2 and status is completed, otherwise small",
    examples=(RuleExample((("quantity", "3"), ("status", "completed")), "big"),),
    owner="Maya Chen",
)


def test_a_rule_is_written_read_back_and_counted_while_one_types(shop: Shop, enter: Enter) -> None:
    proposal = authoring.proposal_open(project=shop.project, author=shop.maya, kind="rule")
    authoring.draft_save(item=proposal.items.get(), fields=SIZE, version=1, actor=shop.maya)
    place = [shop.project.slug, shop.production.slug, proposal.number]
    for theme, width in (("light", 1440), ("dark", 390)):
        page = enter(shop.maya, color_scheme=theme, viewport={"width": width, "height": 900})
        page.goto(reverse("proposal-edit", args=place))
        assert violations(page) == []
        assert page.evaluate(SIDEWAYS) == 0

    page = enter(shop.maya)
    page.goto(reverse("proposal-edit", args=place))
    page.get_by_label("How it is decided").fill("order is big when quantity is more than 3, otherwise small")
    expect(page.get_by_text("IF(quantity > 3, 'big', 'small')")).to_be_visible()
    page.get_by_role("button", name="Table", exact=True).click()
    expect(page.get_by_label("Row 1, field 1")).to_have_value("> 3")
    assert violations(page) == []
