"""Writing a rule: the fields of the chosen promise, the rows that break it, and the same without JavaScript."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Enter, Shop, violations

pytestmark = [pytest.mark.browser, pytest.mark.dbt, pytest.mark.django_db(transaction=True)]


def test_a_rule_is_written_with_the_rows_that_break_it_beside_it(shop: Shop, enter: Enter) -> None:
    page = enter(shop.maya)
    page.goto(shop.path("catalogue/model.shop.fct_orders/"))
    page.locator("a[href$='kind=test&of=model.shop.fct_orders:status']").click()
    page.get_by_role("button", name="Start").click()
    expect(page.locator("#id_values")).to_have_count(0)

    page.locator("#id_promise").select_option("accepted_values")
    page.locator("#id_values").fill("completed\nreturned")

    expect(page.locator("#preview-broken")).to_contain_text("1 row breaks it.")
    expect(page.locator("#preview-broken")).to_contain_text("it's late")
    expect(page.locator("#preview-yaml")).to_contain_text("accepted_values")
    expect(page.locator("#id_values")).to_have_value("completed\nreturned")
    expect(page.locator("#preview-ready")).to_contain_text("Everything that reviewers need is there.")
    assert violations(page) == []
    page.get_by_role("button", name="Send for review").first.click()
    expect(page.locator("h1")).to_contain_text("fct_orders.status is one of completed, returned")
    assert violations(page) == []
