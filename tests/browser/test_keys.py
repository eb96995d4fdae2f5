"""The keyboard's own ways: the palette, single keys, and their silence while somebody writes."""

from __future__ import annotations

import pytest
from playwright.sync_api import Route, expect

from proposals.actions import authoring
from tests.browser.conftest import Enter, Shop, violations
from tests.factories import make_proposal
from tests.proposals.story import FIELDS

pytestmark = [pytest.mark.browser, pytest.mark.dbt, pytest.mark.django_db(transaction=True)]


def test_the_palette_finds_and_opens_without_the_mouse(shop: Shop, enter: Enter) -> None:
    make_proposal(shop.project, author=shop.maya, fields=FIELDS)
    page = enter(shop.maya)
    page.goto(shop.path("prod/metrics/"))
    page.get_by_label("Search metrics").focus()
    page.keyboard.press("Control+k")

    field = page.get_by_role("combobox", name="Search for")
    options = page.locator("#palette").get_by_role("option")
    expect(field).to_be_focused()
    expect(options.first).to_contain_text("Discount share")
    expect(options.first).to_have_attribute("aria-selected", "true")
    assert violations(page) == []
    page.keyboard.type("revenue of 30")
    expect(options).to_have_count(1)
    expect(page.locator("#palette-said")).to_have_text("1 result")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.get_by_label("Search metrics")).to_be_focused()

    page.get_by_role("link", name="Search").click()
    field.fill("revenue")
    expect(options.nth(1)).to_be_visible()
    page.keyboard.press("ArrowDown")
    expect(options.nth(1)).to_have_attribute("aria-selected", "true")
    assert field.get_attribute("aria-activedescendant") == options.nth(1).get_attribute("id")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    expect(options.last).to_have_attribute("aria-selected", "true")
    field.fill("nothing like it")
    expect(page.get_by_text("Nothing fits")).to_be_visible()
    expect(field).to_have_attribute("aria-expanded", "false")
    assert violations(page) == []
    page.keyboard.press("Enter")

    page.wait_for_url("**/search/?q=nothing+like+it")
    expect(page.get_by_role("heading", name="Nothing fits")).to_be_visible()


def test_enter_before_the_answer_opens_what_was_typed_and_not_what_is_shown(shop: Shop, enter: Enter) -> None:
    page = enter(shop.maya)
    page.goto(shop.path())
    page.keyboard.press("Control+k")
    expect(page.get_by_role("option").first).to_have_text("Home")
    held: list[Route] = []
    page.route("**/search/?q=**", lambda route: held.append(route))
    with page.expect_request("**/search/?q=**"):
        page.keyboard.type("environments")

    page.keyboard.press("Enter")
    assert page.url.endswith("/shop/")
    held[0].continue_()

    page.wait_for_url("**/environments/")


def test_single_keys_do_what_their_list_says(shop: Shop, enter: Enter) -> None:
    for _twice in range(2):
        make_proposal(shop.project, author=shop.maya)
    proposal = make_proposal(shop.project, author=shop.maya, fields=FIELDS)
    authoring.proposal_submit(proposal=proposal, actor=shop.maya)
    page = enter(shop.maya)
    page.goto(shop.path("prod/metrics/"))
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_contain_text("Go to the proposals")
    assert violations(page) == []
    page.keyboard.press("Escape")
    for key, place in {
        "h": "/shop/",
        "e": "/environments/",
        "s": "/pulls/",
        "m": "/metrics/",
        "p": "/proposals/",
    }.items():
        page.keyboard.press("g")
        page.keyboard.press(key)
        page.wait_for_url(f"**{place}")

    page.get_by_role("link", name="Mine").click()
    page.wait_for_url("**/proposals/?tab=mine")
    rows = page.locator("#proposals a.fw")
    page.keyboard.press("j")
    expect(rows.first).to_be_focused()
    for key, row in (("j", 1), ("j", 2), ("j", 2), ("k", 1), ("k", 0)):
        page.keyboard.press(key)
        expect(rows.nth(row)).to_be_focused()
    page.keyboard.press("Enter")
    # Until it is loaded nobody listens to keys.
    page.wait_for_url(f"**/proposals/{proposal.number}/")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Discount share")

    page.keyboard.press("a")
    expect(page.locator("#act")).to_be_focused()
    page.keyboard.press("c")
    comment = page.get_by_label("Comment")
    expect(comment).to_be_focused()
    page.keyboard.type("agh?")
    expect(comment).to_have_value("agh?")
    expect(comment).to_be_focused()


def test_the_focus_returns_to_what_opened_a_menu_or_a_dialog(shop: Shop, enter: Enter) -> None:
    page = enter(shop.maya)
    page.goto(shop.path())
    account = page.get_by_role("button", name="Account of Maya Chen")
    account.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Dark")).to_be_visible()
    page.keyboard.press("Escape")
    expect(account).to_be_focused()

    page.keyboard.press("Enter")
    page.get_by_role("link", name="Keyboard shortcuts").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    page.keyboard.press("Escape")
    # The menu that held the link has gone: what opened the menu comes next.
    expect(account).to_be_focused()

    search = page.get_by_role("link", name="Search")
    search.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("combobox", name="Search for")).to_be_focused()
    page.keyboard.press("Escape")
    expect(search).to_be_focused()

    # A dialog tells a moment late that it was closed. Who is quicker keeps the focus.
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    assert search.evaluate("""link => new Promise((answer) => {
      const dialog = document.getElementById("shortcuts");
      dialog.addEventListener("close", () => answer(document.activeElement === link));
      dialog.close();
      link.focus();
    })""")


def test_whoever_switches_single_keys_off_keeps_the_palette(shop: Shop, enter: Enter) -> None:
    page = enter(shop.maya)
    page.goto(shop.path())
    page.get_by_role("button", name="Account of Maya Chen").click()
    page.get_by_role("button", name="Off").click()

    expect(page.get_by_role("button", name="Account of Maya Chen")).to_be_visible()
    shop.maya.refresh_from_db()
    assert not shop.maya.shortcuts
    for key in ("?", "g", "m"):
        page.keyboard.press(key)
    page.keyboard.press("Control+k")
    expect(page.get_by_role("dialog", name="Search")).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(1)
    assert page.url.endswith("/shop/")
