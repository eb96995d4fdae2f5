"""The behaviour of the scripts, in Chromium, under the product's own security policy and without a server."""

from __future__ import annotations

import json
import mimetypes
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from csp.utils import build_policy
from django.contrib.staticfiles import finders
from django.template import engines
from django.template.loader import render_to_string
from playwright.sync_api import BrowserContext, Page, Route, expect

from bisync.lib import log_lines
from bisync.lib.shell import EnvironmentLink, NavLink, Shell

pytestmark = pytest.mark.browser

# Browsers count localhost as safe even without HTTPS; nothing listens there, every request is answered below.
HOME = "http://localhost:9/"
VOCABULARY = {
    "functions": [
        {
            "name": "SUM",
            "aliases": ["TOTAL"],
            "signature": "SUM(number)",
            "summary": "Adds up.",
            "example": "SUM(net_amount)",
            "total": True,
            "gives": "number",
            "takes": ["number"],
        },
        {"name": "COALESCE", "signature": "COALESCE(value, other)", "summary": "First known.", "example": ""},
        {
            "name": "ROLLING",
            "signature": "ROLLING(total, length, [day])",
            "summary": "Of the last days.",
            "example": "",
            "gives": "number",
            "takes": ["total", "length", "day"],
        },
    ],
    "fields": [
        {"name": "net_amount", "label": "Net amount", "type": "number", "table": "orders", "description": ""},
        {"name": "Customer name", "label": "", "type": "text", "table": "customers", "description": ""},
        {
            "name": "Zip code",
            "label": "",
            "type": "text",
            "table": "shops",
            "shared": True,
            "description": "",
        },
        {
            "name": "zone",
            "label": "",
            "type": "text",
            "table": "shops",
            "description": "Where\na shop is.\n\n| zone | meaning |\n|---|---|\n| a | abroad |",
        },
    ],
    "metrics": [{"name": "net_revenue", "label": "Net revenue", "description": "After refunds."}],
    "entities": ["customer"],
}
EDITOR = """{{ vocabulary|json_script:"voc" }}<label for="fx">Formula</label>
{% include "components/formula_editor.html" with id="fx" name="formula" value=value vocabulary="voc" check_url="/check" help_url="/formulas/" only %}"""
Show = Callable[..., Page]


@pytest.fixture(scope="session")
def base_url() -> str:
    # The plugin's own fixture of this name is written in a way that pytest 9 warns about.
    return HOME


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    chromium = os.environ.get("BISYNC_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if not chromium:
        pytest.fail("There is no Chromium on this machine: install it, or name it in BISYNC_CHROMIUM.")
    options = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
    return {**browser_type_launch_args, "executable_path": chromium, "headless": True, "args": options}


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    return {
        **browser_context_args,
        "locale": "en-GB",
        "reduced_motion": "reduce",
        "viewport": {"width": 1280, "height": 900},
    }


def _page(body: str, **context: object) -> str:
    shell = Shell(
        environments=(EnvironmentLink("prod", "Production", "production", "/prod/", current=True),),
        nav=(NavLink("Metrics", "/metrics/", "sigma"),),
    )
    source = (
        '{% extends "base.html" %}{% block title %}Test{% endblock %}{% block main %}<h1>Test</h1>'
        + body
        + "{% endblock %}"
    )
    everything = {
        "shell": shell,
        "user": SimpleNamespace(is_authenticated=False),
        "messages": [],
        "CSP_NONCE": "n0nce",
        "csrf_token": "t0ken",
        "vocabulary": VOCABULARY,
    }
    return engines["django"].from_string(source).render(everything | context)


def _check(formula: str) -> str:
    """What a server would find: SUMM is no function."""
    at = formula.find("SUMM")
    problem = {
        "message": "There is no function SUMM().",
        "start": at,
        "end": at + 4,
        "level": "error",
        "fixes": [{"label": "Use SUM", "text": formula.replace("SUMM", "SUM")}],
    }
    found = {"problems": [problem]} if at >= 0 else {"reads_as": "the total net amount"}
    return render_to_string("components/formula_foot.html", {"id": "fx", **found})


def _answer(route: Route, html: str) -> None:
    url = urlsplit(route.request.url)
    if url.path.startswith("/static/"):
        file = finders.find(url.path.removeprefix("/static/"))
        assert isinstance(file, str)
        kind = mimetypes.guess_type(file)[0] or "text/plain"
        route.fulfill(body=Path(file).read_bytes(), content_type=kind)
    elif url.path == "/check":
        formula = parse_qs(route.request.post_data or "", keep_blank_values=True)["formula"][0]
        route.fulfill(body=_check(formula), content_type="text/html")
    elif url.path == "/saved":
        news = {"bisync:toast": {"text": "Saved <b>as</b> a draft.", "tone": "ok", "undo": "/undo"}}
        route.fulfill(status=204, headers={"HX-Trigger": json.dumps(news)})
    elif url.path == "/crash":
        route.fulfill(status=500, body="")
    elif url.path == "/more":
        lines = log_lines.tail("one more line", first=701).lines
        route.fulfill(
            body=render_to_string("components/log_lines.html", {"lines": lines}), content_type="text/html"
        )
    else:
        policy = build_policy(nonce="n0nce")
        route.fulfill(
            body=html, headers={"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": policy}
        )


@pytest.fixture
def show(context: BrowserContext, page: Page) -> Iterator[Show]:
    """Open a page with this body; at the end, the security policy must have refused nothing."""
    refused: list[str] = []
    page.on("pageerror", lambda error: refused.append(str(error)))
    page.on(
        "console", lambda said: refused.append(said.text) if "Content Security Policy" in said.text else None
    )

    def opened(body: str, **values: object) -> Page:
        html = _page(body, **values)
        context.route(HOME + "**", lambda route: _answer(route, html))
        page.goto(HOME)
        return page

    yield opened
    assert refused == []


@pytest.fixture
def editor(show: Show) -> Page:
    page = show(EDITOR, value="")
    expect(page.locator("[data-formula]")).to_have_attribute("data-ready", "")
    page.click("#fx")
    return page


def _violations(page: Page) -> list[str]:
    rules = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    found = Axe().run(page, options={"runOnly": rules, "resultTypes": ["violations"]})
    return [violation["id"] for violation in found.response["violations"]]


# -- Formula editor -----------------------------------------------------------------------------------


def test_one_letter_suggests_functions_fields_and_metrics(editor: Page) -> None:
    editor.keyboard.type("net")

    expect(editor.get_by_role("option")).to_have_text(["Net revenuemetric", "Net amountnumber"])
    expect(editor.get_by_role("option").first).to_have_attribute("aria-selected", "true")
    assert _violations(editor) == []


def test_a_suggestion_is_taken_from_the_keyboard_and_can_be_undone(editor: Page) -> None:
    editor.keyboard.type("SUM(cust")
    editor.keyboard.press("Enter")

    expect(editor.locator("#fx")).to_have_value("SUM([Customer name]")
    editor.keyboard.press("Control+z")
    expect(editor.locator("#fx")).to_have_value("SUM(cust")


def test_arrows_move_and_escape_closes_without_taking_anything(editor: Page) -> None:
    editor.keyboard.type("net")
    editor.keyboard.press("ArrowDown")
    expect(editor.locator("#fx")).to_have_attribute("aria-activedescendant", "fx-list-1")

    editor.keyboard.press("Escape")

    expect(editor.get_by_role("listbox")).to_be_hidden()
    expect(editor.locator("#fx")).to_have_value("net")


def test_a_field_that_several_models_have_is_written_with_its_own(editor: Page) -> None:
    editor.keyboard.type("zip")
    expect(editor.get_by_role("option")).to_have_text(["Zip codeshops"])
    editor.keyboard.press("Enter")
    expect(editor.locator("#fx")).to_have_value("shops.[Zip code]")


def test_a_model_may_be_named_first(editor: Page) -> None:
    editor.keyboard.type("shops.")
    expect(editor.get_by_role("option")).to_have_text(["Zip codeshops", "zonetext"])
    editor.keyboard.type("zo")
    editor.keyboard.press("Enter")
    expect(editor.locator("#fx")).to_have_value("shops.zone")


def test_a_suggestion_tells_the_first_paragraph_of_its_description(editor: Page) -> None:
    editor.keyboard.type("zone")

    expect(editor.locator(".ac-doc")).to_have_text("shops.zoneWhere a shop is.")


def test_nothing_is_suggested_inside_a_text(editor: Page) -> None:
    editor.keyboard.type("status = 'net")

    expect(editor.get_by_role("listbox")).to_be_hidden()


def test_the_toolbar_suggests_for_people_who_use_the_mouse(editor: Page) -> None:
    editor.get_by_role("button", name="Only when").click()

    expect(editor.locator("#fx")).to_have_value("WHERE ")
    editor.get_by_role("option", name="Net amount").click()
    expect(editor.locator("#fx")).to_have_value("WHERE net_amount")


def test_the_toolbar_offers_everything_there_is(show: Show) -> None:
    functions = [{"name": f"F{n}", "signature": f"F{n}()", "summary": "", "example": ""} for n in range(30)]
    page = show(EDITOR, value="", vocabulary={**VOCABULARY, "functions": functions})
    expect(page.locator("[data-formula]")).to_have_attribute("data-ready", "")

    page.get_by_role("button", name="Function").click()

    expect(page.get_by_role("option")).to_have_count(30)
    page.keyboard.press("ArrowUp")
    expect(page.get_by_role("option").last).to_be_in_viewport()
    page.keyboard.type("F")
    expect(page.get_by_role("option")).to_have_count(8)


def test_on_a_phone_the_suggestions_can_be_scrolled_and_one_goes_back_past_them(show: Show) -> None:
    functions = [{"name": f"F{n}", "signature": f"F{n}()", "summary": "", "example": ""} for n in range(30)]
    page = show(EDITOR, value="", vocabulary={**VOCABULARY, "functions": functions})
    page.set_viewport_size({"width": 390, "height": 800})
    expect(page.locator("[data-formula]")).to_have_attribute("data-ready", "")
    page.click("#fx")
    page.keyboard.type("F")
    expect(page.get_by_role("option")).to_have_count(8)
    assert _violations(page) == []

    page.keyboard.press("Shift+Tab")

    expect(page.locator("#fx")).to_have_value("F")
    expect(page.get_by_role("listbox")).to_be_hidden()
    expect(page.get_by_role("toolbar").get_by_role("button").first).to_be_focused()


def test_the_signature_shows_which_value_one_is_at(editor: Page) -> None:
    editor.keyboard.type("COALESCE(1, ")

    expect(editor.locator(".sig-tip b")).to_have_text("other")


def test_the_signature_leads_to_more_about_the_function_by_any_of_its_names(editor: Page) -> None:
    editor.keyboard.type("total(net_amount + ")

    tip = editor.locator(".sig-tip")
    expect(tip).to_contain_text("SUM(number) Adds up.")
    expect(editor.get_by_role("status").filter(has_text="SUM(number). Adds up.")).to_be_attached()
    assert _violations(editor) == []
    editor.keyboard.press("Tab")
    link = tip.get_by_role("link", name="More about SUM")
    expect(link).to_be_focused()
    expect(link).to_have_attribute("href", "/formulas/#SUM")
    editor.keyboard.press("Escape")
    expect(tip).to_be_hidden()
    expect(editor.locator("#fx")).to_be_focused()


def test_the_signature_can_be_followed_with_the_mouse_and_goes_when_one_leaves(editor: Page) -> None:
    editor.keyboard.type("SUM(1")
    with editor.expect_popup() as opened:
        editor.get_by_role("link", name="More about SUM").click()
    assert opened.value.url.endswith("/formulas/#SUM")

    editor.locator("h1").click()

    expect(editor.locator(".sig-tip")).to_be_hidden()


def test_what_fits_into_the_call_comes_first(editor: Page) -> None:
    editor.keyboard.type("SUM(")
    editor.keyboard.press("Control+Space")

    options = editor.get_by_role("option")
    expect(options.first).to_have_text("Net amountnumber")
    expect(options.last).to_have_text("Net revenuemetric")
    editor.keyboard.type("to")
    expect(options.first).to_have_text("SUM")


@pytest.mark.parametrize(
    ("before", "offered"),
    [
        ("SUM(1) WHERE ", ["Net amountnumber", "Customer nametext"]),
        ("SUM(COALESCE(", ["Net amountnumber", "Customer nametext"]),
        ("SUM(1 WHERE 2) + ROLLING(", ["SUM", "Net revenuemetric"]),
        ("ROLLING(SUM(1), ", ["7 days", "30 days"]),
        ("ROLLING(SUM(1) WHERE 2, 7 days, ", ["last", "first"]),
    ],
)
def test_what_is_wanted_at_the_place_is_offered_first(editor: Page, before: str, offered: list[str]) -> None:
    editor.keyboard.type(before)
    editor.keyboard.press("Control+Space")

    options = editor.get_by_role("option")
    expect(options.nth(0)).to_have_text(offered[0])
    expect(options.nth(1)).to_have_text(offered[1])


def test_a_field_of_the_chosen_model_comes_first_and_needs_no_model_before_it(show: Show) -> None:
    chosen = '<form><input type="hidden" name="model" value="model.shop.shops">'
    page = show(f"{chosen}{EDITOR}</form>", value="")
    expect(page.locator("[data-formula]")).to_have_attribute("data-ready", "")
    page.click("#fx")
    page.keyboard.type("SUM(")
    page.keyboard.press("Control+Space")
    expect(page.get_by_role("option").first).to_have_text("Net amountnumber")
    page.keyboard.press("Escape")
    page.keyboard.type("1) WHERE ")
    page.keyboard.press("Control+Space")
    expect(page.get_by_role("option").first).to_have_text("Zip codetext")
    page.keyboard.press("Enter")

    expect(page.locator("#fx")).to_have_value("SUM(1) WHERE [Zip code]")


@pytest.mark.parametrize(
    ("there", "caret", "typed", "then"),
    [
        ("(net_amount)", 0, "SU", "SUM(net_amount)"),
        ("COUNT([])", 7, "Customer n", "COUNT([Customer name])"),
        ("COUNT([Customer])", 7, "n", "COUNT(net_amount)"),
        ("SUM(_amount)", 4, "ne", "SUM(net_amount)"),
        ("net_amount", 0, "SU", "SUM(net_amount"),
    ],
)
def test_a_suggestion_takes_the_place_of_what_is_left_of_the_name(
    show: Show, there: str, caret: int, typed: str, then: str
) -> None:
    page = show(EDITOR, value=there)
    expect(page.locator("[data-formula]")).to_have_attribute("data-ready", "")
    page.click("#fx")
    page.keyboard.press("Home")
    for _ in range(caret):
        page.keyboard.press("ArrowRight")
    page.keyboard.type(typed)
    page.keyboard.press("Enter")

    expect(page.locator("#fx")).to_have_value(then)


def test_a_value_of_each_row_is_offered_no_totals_and_no_metrics(show: Show) -> None:
    body = EDITOR.replace("value=value", "value=value rows=True home='model.shop.shops' hint='Over one row.'")
    page = show(body, value="")
    expect(page.locator("[data-formula]")).to_have_attribute("data-ready", "")
    expect(page.locator("#fx-foot")).to_have_text("Over one row.")
    expect(page.get_by_role("toolbar").get_by_role("button")).to_have_text(["Function", "Field"])
    page.click("#fx")
    page.keyboard.press("Control+Space")

    expect(page.get_by_role("option")).to_have_text(
        ["Zip codetext", "zonetext", "Net amountnumber", "Customer nametext", "COALESCE"]
    )
    assert _violations(page) == []


def test_what_is_pasted_or_taken_back_opens_no_suggestions(editor: Page) -> None:
    editor.keyboard.type("net")
    editor.keyboard.press("Enter")
    editor.keyboard.press("Control+z")
    expect(editor.locator("#fx")).to_have_value("net")
    expect(editor.get_by_role("listbox")).to_be_hidden()

    editor.keyboard.press("Control+a")
    editor.keyboard.press("Control+c")
    editor.keyboard.press("Control+v")

    expect(editor.locator("#fx")).to_have_value("net")
    expect(editor.get_by_role("listbox")).to_be_hidden()


def test_the_signature_leaves_what_is_wrong_in_sight(editor: Page) -> None:
    editor.keyboard.type("SUM(SUMM(1)")
    expect(editor.locator(".squig")).to_have_text("SUMM")
    tip, foot = editor.locator(".sig-tip").bounding_box(), editor.locator("#fx-foot").bounding_box()

    assert tip is not None
    assert foot is not None
    assert tip["y"] + tip["height"] <= foot["y"]


def test_the_signature_stays_inside_the_brackets_of_a_value(editor: Page) -> None:
    editor.keyboard.type("COALESCE(1, (2 + ")

    expect(editor.locator(".sig-tip b")).to_have_text("other")


def test_the_toolbar_is_one_stop_and_its_buttons_are_reached_with_arrows(editor: Page) -> None:
    editor.keyboard.press("Shift+Tab")
    buttons = editor.get_by_role("toolbar").get_by_role("button")
    expect(buttons.nth(0)).to_be_focused()
    editor.keyboard.press("ArrowLeft")
    expect(buttons.last).to_be_focused()
    editor.keyboard.press("ArrowRight")
    editor.keyboard.press("ArrowRight")
    expect(buttons.nth(1)).to_be_focused()
    editor.keyboard.press("Tab")
    expect(editor.locator("#fx")).to_be_focused()
    editor.keyboard.press("Shift+Tab")
    expect(buttons.nth(1)).to_be_focused()
    assert _violations(editor) == []


def test_the_parts_of_a_formula_have_colours_and_its_text_stays_the_same(editor: Page) -> None:
    text = "SUM([Customer name]) WHERE status = 'paid' AND x > 10"
    editor.locator("#fx").fill(text)

    copy = editor.locator("[data-formula] pre")
    assert (copy.text_content() or "").rstrip("\u200b") == text
    for css, part in {"f": "SUM", "fld": "[Customer name]", "s": "'paid'", "n": "10"}.items():
        expect(copy.locator(f".{css}")).to_have_text(part)


def test_a_problem_is_underlined_at_its_place_and_repaired_by_one_click(editor: Page) -> None:
    editor.keyboard.type("'😀' & SUMM(net_amount)")

    expect(editor.locator(".squig")).to_have_text("SUMM")
    expect(editor.locator("#fx")).to_have_attribute("aria-invalid", "true")
    editor.get_by_role("button", name="Use SUM").click()

    expect(editor.locator("#fx")).to_have_value("'😀' & SUM(net_amount)")
    expect(editor.locator(".squig")).to_have_count(0)
    expect(editor.locator("#fx-foot")).to_contain_text("Reads as the total net amount")


def test_a_word_that_is_still_being_typed_is_not_called_wrong(editor: Page) -> None:
    # The clock stands still, so the pause after which the remark may appear never comes.
    editor.clock.install(time="2026-01-01")
    editor.reload()
    expect(editor.locator("[data-formula]")).to_have_attribute("data-ready", "")
    editor.click("#fx")
    editor.clock.pause_at("2026-01-02")
    editor.keyboard.type("SUMM")
    with editor.expect_response("**/check"):
        editor.clock.run_for(400)

    problem = editor.locator("[data-formula-problem]")
    expect(problem).to_be_hidden()
    expect(editor.locator(".squig")).to_have_count(0)
    editor.clock.run_for(1000)
    expect(problem).to_be_visible()
    expect(editor.locator(".squig")).to_have_text("SUMM")


def test_a_word_is_not_called_wrong_while_a_name_is_chosen_for_it(editor: Page) -> None:
    editor.keyboard.type("SUMM + net")
    expect(editor.locator(".squig")).to_have_text("SUMM")
    editor.keyboard.press("Escape")
    editor.keyboard.press("Home")
    for _ in range(3):
        editor.keyboard.press("ArrowRight")
    expect(editor.locator(".squig")).to_have_text("SUMM")

    editor.keyboard.press("Control+Space")

    expect(editor.get_by_role("option", name="SUM")).to_be_visible()
    expect(editor.locator("[data-formula-problem]")).to_be_hidden()
    editor.keyboard.press("Escape")
    expect(editor.locator("[data-formula-problem]")).to_be_visible()


def test_what_is_missing_is_marked_where_it_is_missing(show: Show) -> None:
    problem = {"code": "unexpected-end", "message": "Too early.", "start": 9, "end": 9, "level": "error"}
    page = show(
        EDITOR.replace("value=value", "value=value problems=found"), value="SUM(x) /  ", found=[problem]
    )

    expect(page.locator(".squig")).to_have_text("/")
    expect(page.locator("#fx")).to_have_attribute("aria-invalid", "true")


def test_a_formula_that_was_not_begun_is_not_called_wrong(show: Show) -> None:
    problem = {"code": "empty", "message": "It is empty.", "start": 0, "end": 0, "level": "error"}
    page = show(EDITOR.replace("value=value", "value=value problems=found"), value="", found=[problem])

    expect(page.locator("[data-formula-problem]")).to_have_text("It is empty.")
    expect(page.locator("[data-formula-problem] .c-bad")).to_have_count(0)
    assert page.locator("#fx").get_attribute("aria-invalid") is None


@pytest.mark.browser_context_args(java_script_enabled=False)
def test_without_scripts_it_is_a_plain_text_field(show: Show) -> None:
    page = show(EDITOR, value="SUM(x)")

    expect(page.locator("#fx")).to_have_value("SUM(x)")
    expect(page.get_by_role("toolbar")).to_be_hidden()
    assert page.locator("#fx").evaluate("field => getComputedStyle(field).color") != "rgba(0, 0, 0, 0)"


# -- Toasts, dialogs, copying -------------------------------------------------------------------------


def test_an_answer_may_bring_a_toast_that_can_be_undone(show: Show) -> None:
    page = show('<button hx-post="/saved">Save</button>')

    page.get_by_role("button", name="Save").click()

    toast = page.locator("#toasts .toast-ok")
    expect(toast.locator("p")).to_have_text("Saved <b>as</b> a draft.")
    expect(toast.locator("form")).to_have_attribute("action", "/undo")


def test_good_news_leaves_by_itself_and_bad_news_stays(show: Show) -> None:
    page = show('<button hx-post="/saved">Save</button><button hx-post="/crash">Crash</button>')
    page.clock.install()
    page.reload()
    page.get_by_role("button", name="Save").click()
    page.get_by_role("button", name="Crash").click()
    expect(page.locator("#toasts .toast")).to_have_count(2)

    page.clock.run_for(60_000)

    expect(page.locator("#toasts .toast")).to_have_count(1)
    expect(page.locator("#toasts .toast-bad")).to_contain_text("That did not work.")
    page.get_by_role("button", name="Dismiss").click()
    expect(page.locator("#toasts .toast")).to_have_count(0)


def test_a_dialog_asks_for_the_phrase_before_it_sends(show: Show) -> None:
    page = show(
        '<a href="/ask/" data-dialog-open="roll">Roll back</a>'
        '{% include "components/dialog.html" with id="roll" title="Roll back?" text="Nobody loses data."'
        ' action_url="/done/" action_label="Go" csrf_token="t0ken" phrase="Production" only %}'
    )

    page.get_by_role("link", name="Roll back").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    assert _violations(page) == []
    page.get_by_label("Type Production to go on").fill("Prod")
    page.get_by_role("button", name="Go").click()
    assert page.url == HOME
    page.get_by_label("Type Production to go on").fill("Production")
    page.get_by_role("button", name="Go").click()

    page.wait_for_url("**/done/")


def test_code_is_copied_as_it_is(show: Show, context: BrowserContext) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = show(
        '{% include "components/code.html" with id="sql" label="SQL" code=code|highlight:"sql" only %}',
        code="select 1\nfrom orders -- <all>",
    )

    page.get_by_role("button", name="Copy SQL").click()

    expect(page.locator("#toasts")).to_contain_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == "select 1\nfrom orders -- <all>"


# -- Log and frame ------------------------------------------------------------------------------------


LOG = '{% include "components/log.html" with id="log" title="dbt build" tail=log|log_tail next_url="/more" only %}'


def test_a_log_follows_its_end_only_while_the_reader_is_there(show: Show) -> None:
    page = show(LOG, log="\n".join(f"line {n}" for n in range(1, 701)))
    at_end = "box => box.scrollHeight - box.scrollTop - box.clientHeight < 24"
    box = page.locator(".log-scroll")

    expect(page.locator(".log-lines li").last).to_have_text("701one more line")
    assert box.evaluate(at_end)
    expect(page.get_by_role("button", name="Follow")).to_be_hidden()
    box.evaluate("box => { box.scrollTop = 0; }")
    expect(page.get_by_role("button", name="Follow")).to_be_visible()
    page.locator(".log-lines").evaluate("list => list.append(document.createElement('li'))")
    assert box.evaluate("box => box.scrollTop") == 0

    page.get_by_role("button", name="Follow").click()

    assert box.evaluate(at_end)


@pytest.mark.browser_context_args(viewport={"width": 390, "height": 800})
def test_on_a_phone_the_navigation_opens_from_its_button(show: Show) -> None:
    page = show("")
    expect(page.get_by_role("link", name="Metrics")).to_be_hidden()

    page.get_by_role("button", name="Menu").click()

    expect(page.get_by_role("link", name="Metrics")).to_be_visible()
    assert _violations(page) == []
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Metrics")).to_be_hidden()


def test_a_menu_closes_when_one_looks_elsewhere(show: Show) -> None:
    page = show(
        '{% include "components/menu.html" with label="More actions" items=entries only %}',
        entries=[{"label": "Copy link", "url": "/x"}],
    )
    page.locator("summary").click()
    expect(page.get_by_role("link", name="Copy link")).to_be_visible()

    page.get_by_role("heading", name="Test").click()

    expect(page.get_by_role("link", name="Copy link")).to_be_hidden()
