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


def test_a_condition_is_written_with_suggestions_of_the_fields_of_its_table(shop: Shop, enter: Enter) -> None:
    page = enter(shop.maya)
    page.goto(shop.path("prod/propose/?kind=test&of=model.shop.fct_orders"))
    page.get_by_role("button", name="Start").click()
    page.locator("#id_promise").select_option("always_true")
    expect(page.locator("[data-formula][data-ready] #id_formula")).to_be_visible()

    expect(page.locator("#id_formula")).to_have_attribute("aria-autocomplete", "list")
    page.locator("#id_formula").press_sequentially("net")
    expect(page.locator("[role=option]").first).to_have_text("net amountnumber")
    page.keyboard.press("Enter")
    page.locator("#id_formula").press_sequentially(" >= 0")

    expect(page.locator("#id_formula")).to_have_value("net_amount >= 0")
    expect(page.locator("#preview-yaml")).to_contain_text("net_amount >= 0")
    assert violations(page) == []


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_a_dimension_has_the_editor_or_a_plain_field(shop: Shop, enter: Enter, scripts: bool) -> None:
    page = enter(shop.maya, java_script_enabled=scripts)
    page.goto(shop.path("prod/propose/?kind=dimension"))
    page.get_by_role("button", name="Start").click()
    page.get_by_label("Whose rows").select_option("model.shop.fct_orders")
    field = page.get_by_label("Column or formula")
    if scripts:
        expect(field).to_have_attribute("aria-autocomplete", "list")
    field.press_sequentially("quant")
    if scripts:
        expect(page.get_by_role("option", name="quantity").first).to_be_visible()
        page.keyboard.press("Enter")
        expect(page.locator("#id_expr")).to_have_value("quantity")
    page.get_by_label("Name").first.fill("Many")
    page.get_by_role("button", name="Save draft").first.click()

    expect(page.locator("#id_expr")).to_have_value("quantity" if scripts else "quant")
    if not scripts:
        page.get_by_role("button", name="Send for review").first.click()
        expect(page.locator("#id_expr_error")).to_contain_text("quant")
        expect(page.locator("#id_expr")).to_have_attribute("aria-invalid", "true")
    assert not scripts or violations(page) == []
