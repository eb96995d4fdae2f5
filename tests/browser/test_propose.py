"""Writing a metric: suggestions, the live number, repairs, drafts that save themselves, refusals."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, Route, expect

from proposals.models import Proposal
from semantic.fields import MetricFields
from tests.browser.conftest import Enter, Shop, violations
from tests.factories import make_proposal

pytestmark = [pytest.mark.browser, pytest.mark.dbt, pytest.mark.django_db(transaction=True)]

# What a person might paste: dbt's templates, turned text, invisible characters, and very much of it.
HOSTILE = "{{ config(x) }} <b>&amp;\u202e\u200b'\" ⏩ " + "x" * 10_000
# The editor takes no more than this of a formula.
TYPED = dict.fromkeys(("label", "meaning", "context", "owner", "why"), HOSTILE) | {"formula": HOSTILE[:4_000]}


def opened(page: Page, shop: Shop, formula: str = "", label: str = "") -> Page:
    """The form of a draft of Maya's."""
    fields = MetricFields(label=label, formula=formula, owner="Maya Chen")
    proposal = make_proposal(shop.project, author=shop.maya, fields=fields)
    page.goto(shop.path(f"prod/proposals/{proposal.number}/edit/"))
    if page.locator(".no-js").first.is_hidden():
        expect(page.locator("[data-formula]")).to_have_attribute("data-ready", "")
    return page


def kept() -> MetricFields:
    """What the database holds of the only draft."""
    return Proposal.objects.get().items.get().revision.metric


def test_a_metric_is_written_with_suggestions_repairs_and_a_number_beside_it(
    shop: Shop, enter: Enter
) -> None:
    page = enter(shop.maya)
    page.goto(shop.path("prod/propose/"))
    page.get_by_role("button", name="Start").click()
    page.get_by_label("Name needed").fill("Pieces per euro")
    expect(page.locator("#name")).to_have_text("pieces_per_euro")
    page.get_by_label("Meaning").fill("How many pieces one euro buys.")
    page.locator("#id_formula").click()
    page.keyboard.type("SUM(quan")
    expect(page.get_by_role("option", name="quantity")).to_be_visible()
    page.keyboard.press("Enter")
    page.keyboard.type(") / SUMM(net_amount)")

    expect(page.locator(".squig")).to_have_text("SUMM")
    expect(page.locator("#preview-ready")).to_contain_text("1 thing to do")
    assert violations(page) == []
    page.locator("[data-formula-fix]").first.click()

    expect(page.locator("#id_formula")).to_have_value("SUM(quantity) / SUM(net_amount)")
    expect(page.locator("#id_formula")).to_be_focused()
    expect(page.locator("#id_formula-foot")).to_contain_text("Reads as")
    page.get_by_label("Show as").select_option("percent")
    expect(page.locator("#preview-number .val")).to_have_text("5.3%")
    expect(page.locator("#preview-ready")).to_contain_text("Everything that reviewers need is there.")
    expect(page.locator("#saved")).to_contain_text("Saved just now")
    assert violations(page) == []

    page.get_by_role("button", name="Send for review").first.click()

    expect(page.locator("#proposal-status")).to_have_text("In review")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Pieces per euro")
    assert kept().formula == "SUM(quantity) / SUM(net_amount)"


@pytest.mark.parametrize("text", ["COUNT(*) WHERE status IS BLANK", "SUM(quantity) WHERE status = antity"])
def test_the_tab_key_leaves_words_alone_that_begin_no_name(shop: Shop, enter: Enter, text: str) -> None:
    page = opened(enter(shop.maya), shop, "SUM(quan")
    formula = page.locator("#id_formula")
    formula.press("End")
    formula.press_sequentially("t")
    expect(page.get_by_role("option", name="quantity")).to_be_visible()
    formula.press("Tab")
    expect(formula).to_have_value("SUM(quantity")

    formula.fill("")
    formula.press_sequentially(text)
    formula.press("Tab")

    expect(formula).to_have_value(text)
    expect(formula).not_to_be_focused()


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_help_with_functions_is_a_click_away(shop: Shop, enter: Enter, scripts: bool) -> None:
    page = opened(enter(shop.maya, java_script_enabled=scripts), shop, "SUMM(net_amount)", "Sum")
    foot = page.locator("#id_formula-foot")
    expect(foot.get_by_role("link", name="All functions")).to_be_visible()
    with page.expect_popup() as popup:
        page.get_by_role("link", name="Functions and how to write them").click()
    if scripts:
        page.locator("#id_formula").fill("iferror(SUM(net_amount), ")
        expect(page.locator(".sig-tip b")).to_have_text("instead")
        with page.expect_popup() as there:
            page.get_by_role("link", name="More about COALESCE").click()
        expect(there.value.locator("#COALESCE:target")).to_be_in_viewport()
    handbook = popup.value
    handbook.get_by_label("Search functions").fill("xlookup")
    if not scripts:
        handbook.get_by_role("button", name="Search", exact=True).click()

    expect(handbook.get_by_role("status").first).to_have_text("1 result for “xlookup”")
    expect(handbook.get_by_role("row", name="XLOOKUP")).to_contain_text("a field of the related model")
    expect(handbook).to_have_url(re.compile(r"/formulas/\?q=xlookup$"))


def test_the_last_good_number_stays_while_the_formula_cannot_be_read(shop: Shop, enter: Enter) -> None:
    page = opened(enter(shop.maya), shop, "SUM(net_amount)")
    number = page.locator("#preview-number .val")
    expect(number).to_have_text("75")
    page.locator("#preview details", has_text="SQL").locator("summary").click()

    page.locator("#id_formula").fill("SUM(net_amount) / nothing")

    expect(page.get_by_text("This number is of the last formula that could be read.")).to_be_visible()
    expect(number).to_have_text("75")
    assert violations(page) == []
    page.locator("#id_formula").fill("SUM(quantity)")
    expect(number).to_have_text("4")
    expect(page.locator("#preview-note")).to_be_empty()
    expect(page.locator("#preview-sql")).to_contain_text("quantity")
    expect(page.locator("#preview-sql")).to_be_visible()


@pytest.mark.parametrize("status", [429, None], ids=["refused", "offline"])
def test_a_preview_that_does_not_come_is_not_passed_off_as_the_present_one(
    shop: Shop, enter: Enter, status: int | None
) -> None:
    page = opened(enter(shop.maya), shop, "SUM(net_amount)")
    expect(page.locator("#id_formula-foot")).to_contain_text("Reads as")
    page.route("**/preview/*/", lambda route: route.fulfill(status=status) if status else route.abort())

    page.locator("#id_formula").fill("SUM(quantity)")

    expect(page.locator("#preview-note")).to_contain_text("this number is of an earlier formula")
    expect(page.locator("#id_formula-foot")).to_be_empty()
    expect(page.locator("#preview-ready")).to_be_hidden()
    expect(page.locator("#preview-number")).to_have_css("filter", "grayscale(1)")
    assert violations(page) == []
    page.unroute("**/preview/*/")
    page.locator("#id_formula").fill("SUM(quantity) + 1")
    expect(page.locator("#preview-number .val")).to_have_text("5")
    expect(page.locator("#preview-note")).to_be_empty()
    expect(page.locator("#preview-ready")).to_be_visible()


def test_a_similar_metric_is_told_before_somebody_builds_it_again(shop: Shop, enter: Enter) -> None:
    page = opened(enter(shop.maya), shop)

    page.locator("#id_formula").fill("SUM(net_amount)")

    expect(page.locator("#preview-ready")).to_contain_text("The same calculation exists")
    expect(page.locator("#preview-ready").get_by_role("link", name="Revenue")).to_be_visible()


def test_what_is_checked_meanwhile_does_not_move_the_caret(shop: Shop, enter: Enter) -> None:
    page = opened(enter(shop.maya), shop, "SUM() WHERE status = 'completed'")
    page.locator("#id_formula").evaluate("field => { field.focus(); field.setSelectionRange(4, 4); }")

    for part in ("net", "_am", "ount"):
        with page.expect_response("**/preview/*/"):
            page.keyboard.type(part)
        page.keyboard.press("Escape")

    expect(page.locator("#id_formula")).to_have_value("SUM(net_amount) WHERE status = 'completed'")


def test_the_period_is_chosen_in_the_preview_and_keeps_the_focus(shop: Shop, enter: Enter) -> None:
    page = opened(enter(shop.maya), shop, "SUM(net_amount)")
    expect(page.locator("#preview-number .lab")).to_have_text("May 2026")

    page.get_by_role("radio", name="Month").focus()
    page.keyboard.press("ArrowRight")

    expect(page.locator("#preview-number .lab")).to_have_text("Q2 2026")
    expect(page.get_by_role("radio", name="Quarter")).to_be_focused()


def test_the_time_of_the_last_save_keeps_telling_the_truth(shop: Shop, enter: Enter) -> None:
    page = enter(shop.maya)
    page.clock.install()
    opened(page, shop)
    page.get_by_label("Name needed").fill("Discount")
    with page.expect_response("**/save/*/"):
        page.clock.run_for(2_000)
    expect(page.locator("#saved")).to_contain_text("Saved just now")

    page.clock.run_for(70_000)

    expect(page.locator("#saved time")).to_have_text("1 minute ago")


def test_what_another_window_saved_is_not_overwritten_and_nothing_is_lost(shop: Shop, enter: Enter) -> None:
    page = opened(enter(shop.maya), shop)
    other = page.context.new_page()
    other.goto(page.url)
    with other.expect_response("**/save/*/"):
        other.get_by_label("Name needed").fill("From the other window")

    page.get_by_label("Name needed").fill("From this window")

    conflict = page.locator("#conflict")
    expect(conflict).to_contain_text("saved in another window")
    expect(page.get_by_label("Name needed")).to_have_value("From this window")
    assert kept().label == "From the other window"
    assert violations(page) == []
    page.get_by_role("button", name="Send for review").first.click()
    expect(conflict).to_contain_text("saved in another window")
    expect(page.get_by_label("Name needed")).to_have_value("From this window")
    conflict.get_by_role("button", name="Keep what is here").click()
    expect(conflict).to_be_empty()
    assert kept().label == "From this window"


def test_sending_waits_for_a_save_that_is_under_way(shop: Shop, enter: Enter) -> None:
    page = opened(enter(shop.maya), shop, "SUM(quantity)", "Pieces")
    held: list[Route] = []
    page.route("**/save/*/", lambda route: held.append(route))
    with page.expect_request("**/save/*/"):
        page.get_by_label("Meaning").fill("How many pieces were bought.")

    page.get_by_role("button", name="Send for review").last.click()
    assert page.url.endswith("/edit/")
    held[0].continue_()

    expect(page.locator("#proposal-status")).to_have_text("In review")
    assert kept().meaning == "How many pieces were bought."


def test_a_save_that_waits_for_its_delay_goes_with_the_page_that_is_being_sent(
    shop: Shop, enter: Enter
) -> None:
    page = opened(enter(shop.maya), shop, "SUM(net_amount)", "Net amount")
    saves: list[str] = []
    page.on("request", lambda request: saves.append(request.url) if "/save/" in request.url else None)

    def slowly(route: Route) -> None:
        if route.request.method == "POST":
            page.wait_for_timeout(2_500)
        route.continue_()

    page.route("**/edit/", slowly)
    page.get_by_label("Meaning").fill("What customers pay.")
    page.get_by_role("button", name="Send for review").first.click()

    expect(page.locator("#proposal-status")).to_have_text("In review")
    assert saves == []


def test_what_was_typed_last_is_saved_when_one_leaves_at_once(shop: Shop, enter: Enter) -> None:
    page = opened(enter(shop.maya), shop)

    page.get_by_label("Name needed").fill("Typed and gone")
    page.get_by_role("link", name="Metrics").click()
    page.wait_for_url("**/metrics/")

    for _moment in range(100):
        if kept().label:
            break
        page.wait_for_timeout(100)
    assert kept().label == "Typed and gone"
    page.go_back()
    expect(page.get_by_label("Name needed")).to_have_value("Typed and gone")


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_a_refused_form_keeps_everything_and_says_so_beside_each_field(
    shop: Shop, enter: Enter, scripts: bool
) -> None:
    page = opened(enter(shop.maya, java_script_enabled=scripts), shop)
    for name, text in TYPED.items():
        page.locator(f"#id_{name}").fill(text)
    page.locator("#id_low").fill("1.5")
    page.get_by_label("Never blank").check()

    with page.expect_response(lambda got: got.url.endswith("/edit/") and got.request.method == "POST") as got:
        page.get_by_role("button", name="Send for review").first.click()

    assert got.value.status == 422
    expect(page.get_by_role("alert").first).to_contain_text("Some fields need another look.")
    for name, text in TYPED.items():
        field = page.locator(f"#id_{name}")
        assert field.input_value() == text, name
        assert field.get_attribute("aria-invalid") == "true", name
        beside = (field.get_attribute("aria-describedby") or "").split()
        told = " ".join(page.locator(f"#{one}").inner_text() for one in beside)
        assert "belong to dbt's templates" in told, name
    expect(page.locator("#id_low")).to_have_value("1.5")
    expect(page.get_by_label("Never blank")).to_be_checked()
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
