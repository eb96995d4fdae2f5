"""From a proposal to a published metric: by three people, without scripts, and from the keyboard alone."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from governance.models import User
from proposals.actions import authoring
from proposals.models import Proposal
from tests.browser.conftest import Enter, Shop, violations
from tests.factories import make_proposal, work_off
from tests.proposals.story import FIELDS

pytestmark = [pytest.mark.browser, pytest.mark.dbt, pytest.mark.django_db(transaction=True)]


def sent(shop: Shop, *, passed: bool = False) -> Proposal:
    """A proposal of Maya's in review; with `passed` as if its checks had run."""
    proposal = make_proposal(shop.project, author=shop.maya, fields=FIELDS)
    authoring.proposal_submit(proposal=proposal, actor=shop.maya)
    if passed:
        proposal.checks.update(status="passed")
    return proposal


def path(shop: Shop, proposal: Proposal) -> str:
    return shop.path(f"proposals/{proposal.number}/")


def worked() -> None:
    """Carry out what waits; every run has to succeed."""
    assert [run.error for run in work_off() if run.status != "succeeded"] == []


class Keys:
    """A window that is used with the keyboard alone. Nothing that has the focus may be hidden or unmarked."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.type = page.keyboard.type

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def to(self, wanted: Locator, key: str = "Tab") -> None:
        """Press Tab until `wanted` has the focus."""
        expect(wanted).to_be_visible()
        for _press in range(60):
            self.page.keyboard.press(key)
            fault = self.page.evaluate(FAULT)
            assert not fault, f"{fault}: {self.focused()}"
            if wanted.evaluate("element => element === document.activeElement"):
                return
        raise AssertionError(f"{wanted} is not reached by {key}")

    def use(self, wanted: Locator, key: str = "Enter") -> None:
        """Go to a link, a button or a box, and press it."""
        self.to(wanted)
        self.press(key)

    def focused(self) -> str:
        """What has the focus, as it stands in the page."""
        return str(self.page.evaluate("document.activeElement.outerHTML"))[:200]


# What is wrong with the focus: some part of it has to be on top, its middle or a corner a little inward, and
# it, or what a hidden box stands for, has to be outlined. At the end of a page the browser itself comes next.
FAULT = """() => {
  const element = document.activeElement;
  if (element === document.body) return "";
  const shown = element.matches(".vh") ? element.closest("label") : element;
  const { left, top, right, bottom } = shown.getBoundingClientRect();
  const points = [[(left + right) / 2, (top + bottom) / 2], [left + 4, top + 4], [right - 4, bottom - 4]];
  const over = points.some(([x, y]) => { const hit = document.elementFromPoint(x, y); return hit && (shown.contains(hit) || hit.contains(shown)); });
  if (!over) return "hidden";
  const marked = [shown, shown.closest(".formula, .palette form")].some((one) => one && parseFloat(getComputedStyle(one).outlineWidth) > 0 && getComputedStyle(one).outlineStyle !== "none");
  return marked ? "" : "not marked";
}"""


def test_three_people_bring_a_metric_into_dbt_by_the_keyboard_alone(shop: Shop, enter: Enter) -> None:
    _written(shop, Keys(enter(shop.maya)))
    _reviewed(shop, Keys(enter(shop.tom)))
    proposal = Proposal.objects.get()
    maya = enter(shop.maya)
    maya.goto(path(shop, proposal))
    expect(maya.locator("#act")).to_contain_text("approved and waits for somebody who may publish")
    expect(maya.get_by_role("heading", name="Your turn")).to_be_hidden()
    expect(maya.get_by_role("button", name="Approve")).to_be_hidden()
    _published(shop, Keys(enter(shop.priya)))
    assert shop.origin.git("log", "-1", "--format=%an", cwd=shop.origin.path) == "Maya Chen"


def _written(shop: Shop, maya: Keys) -> None:
    page = maya.page
    page.goto(shop.path("prod/metrics/"))
    maya.to(page.get_by_role("link", name="Skip to content"))
    maya.press("Enter")
    maya.use(page.get_by_role("link", name="Propose a metric"))
    maya.use(page.get_by_role("button", name="Start"))
    expect(page.locator("[data-formula]")).to_have_attribute("data-ready", "")
    maya.to(page.get_by_label("Name needed"))
    maya.type("Discount share")
    maya.to(page.get_by_label("Meaning"))
    maya.type("The discount against what was sold.")
    maya.to(page.locator("#id_formula"))
    maya.type("SUM(disc")
    expect(page.locator(".ac [role=option]").first).to_be_visible()
    maya.press("Tab")
    maya.type(") / SUM(net_am")
    expect(page.locator(".ac [role=option]").first).to_be_visible()
    maya.press("Enter")
    maya.type(")")
    expect(page.locator("#id_formula")).to_have_value("SUM(discount) / SUM(net_amount)")
    expect(page.locator("#preview-number .val")).to_be_visible()
    expect(page.locator("#saved")).to_contain_text("Saved just now")
    # What was swapped in meanwhile has left the caret where it was.
    expect(page.locator("#id_formula")).to_be_focused()
    maya.to(page.get_by_label("Show as"))
    maya.type("Perc")
    maya.use(page.get_by_label("Never below zero"), "Space")
    expect(page.get_by_label("Never below zero")).to_be_checked()
    maya.to(page.get_by_role("radio", name="Month"))
    maya.press("ArrowRight")
    expect(page.locator("#preview-number .lab")).to_contain_text("Q")
    expect(page.get_by_role("radio", name="Quarter")).to_be_focused()
    maya.to(page.get_by_role("button", name="Send for review").first, "Shift+Tab")
    maya.press("Enter")
    expect(page.locator("#proposal-status")).to_have_text("In review")


def _reviewed(shop: Shop, tom: Keys) -> None:
    page = tom.page
    page.goto(shop.path())
    tom.press("Control+k")
    expect(page.get_by_role("combobox", name="Search for")).to_be_focused()
    tom.press("Escape")
    tom.use(page.locator("section", has_text="Needs you").get_by_role("link", name="Discount share"))
    expect(page.get_by_role("button", name="Approve")).to_be_disabled()
    tom.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    tom.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    tom.press("r")
    note = page.get_by_label("What should change?")
    expect(note).to_be_focused()
    tom.type("Does it hold the staff's discounts?")

    worked()

    # The page finds out by itself, and keeps what is being written, and where.
    expect(page.get_by_role("button", name="Approve")).to_be_enabled()
    expect(note).to_have_value("Does it hold the staff's discounts?")
    expect(note).to_be_focused()
    expect(page.locator("#numbers")).to_contain_text("May 2026")
    expect(page.locator("#files")).to_contain_text("discount_share")
    expect(page.get_by_role("heading", name="Your turn")).to_be_visible()
    assert violations(page) == []

    tom.to(page.get_by_role("button", name="Ask for changes").last)
    tom.press("c")
    expect(page.get_by_label("Comment")).to_be_focused()
    tom.type("Looks **right** to me.")
    tom.use(page.get_by_role("button", name="Add comment"))
    expect(page.locator("#conversation strong")).to_have_text("right")
    tom.press("a")
    expect(page.locator("#act")).to_be_focused()
    tom.use(page.get_by_role("button", name="Approve").last)
    expect(page.locator("#proposal-status")).to_have_text("Approved")
    expect(page.locator("#act")).to_contain_text("waits for somebody who may publish")


def _published(shop: Shop, priya: Keys) -> None:
    page = priya.page
    page.goto(shop.path())
    priya.press("g", "p")
    page.wait_for_url("**/proposals/")
    priya.press("j")
    expect(page.get_by_role("link", name="Discount share")).to_be_focused()
    priya.press("Enter")
    priya.use(page.get_by_role("button", name="Publish to Production").last)
    expect(page.locator("#act")).to_contain_text("being committed")
    priya.press("a")
    expect(page.locator("#act")).to_be_focused()
    worked()
    expect(page.locator("#proposal-status")).to_have_text("Published")
    expect(page.locator("#act")).to_be_focused()
    priya.use(page.get_by_role("link", name="See the metric"))

    expect(page.get_by_role("heading", level=1)).to_have_text("Discount share")
    expect(page.locator(".meta")).to_contain_text("Published")
    expect(page.locator("#numbers .val")).to_be_visible()
    expect(page.locator("#formula")).to_have_text("SUM(discount) / SUM(net_amount)")
    assert violations(page) == []
    week = page.get_by_role("link", name="Week", exact=True)
    priya.use(week)
    expect(page.locator("#numbers .lab")).to_contain_text("week of")
    expect(week).to_be_focused()


def test_the_same_way_without_scripts(shop: Shop, enter: Enter) -> None:
    def window(person: User) -> Page:
        return enter(person, java_script_enabled=False)

    maya = window(shop.maya)
    maya.goto(shop.path("prod/metrics/"))
    maya.get_by_role("link", name="Propose a metric").click()
    maya.get_by_role("button", name="Start").click()
    maya.get_by_label("Name needed").fill("Gift pieces")
    maya.get_by_label("Meaning").fill("How many pieces were bought as gifts.")
    maya.locator("#id_formula").fill("SUMM(quantity) WHERE is_gift")
    maya.get_by_role("button", name="Update preview").first.click()
    expect(maya.locator("#id_formula-foot")).to_contain_text("SUMM")
    maya.locator("[data-formula-fix]").first.click()
    expect(maya.locator("#id_formula")).to_have_value("SUM(quantity) WHERE is_gift")
    expect(maya.locator("#id_formula-foot")).to_contain_text("Reads as")
    expect(maya.locator("#preview-number .val")).to_be_visible()
    maya.get_by_role("radio", name="Quarter").check(force=True)
    maya.get_by_role("button", name="Update preview").first.click()
    expect(maya.locator("#preview-number .lab")).to_contain_text("Q1 2026")
    maya.get_by_role("button", name="Send for review").first.click()
    expect(maya.locator("#proposal-status")).to_have_text("In review")
    worked()

    tom = window(shop.tom)
    tom.goto(maya.url)
    tom.get_by_label("Comment").fill("Looks **right** to me.")
    tom.get_by_role("button", name="Add comment").click()
    expect(tom.locator("#conversation strong")).to_have_text("right")
    tom.get_by_role("button", name="Ask for changes").click()
    expect(tom.locator("#note-error")).to_contain_text("Say what should change.")
    tom.get_by_role("button", name="Approve").click()
    expect(tom.locator("#proposal-status")).to_have_text("Approved")

    priya = window(shop.priya)
    priya.goto(maya.url)
    priya.get_by_role("button", name="Publish to Production").click()
    worked()  # meanwhile the page reloads itself every few seconds
    expect(priya.locator("#proposal-status")).to_have_text("Published")
    priya.get_by_role("link", name="See the metric").click()
    expect(priya.get_by_role("heading", level=1)).to_have_text("Gift pieces")
    priya.get_by_role("link", name="Week", exact=True).click()
    expect(priya.locator("#numbers .lab")).to_contain_text("week of")


def test_asking_for_changes_brings_it_back_with_the_reason(shop: Shop, enter: Enter) -> None:
    proposal = sent(shop, passed=True)
    tom = enter(shop.tom)
    tom.goto(path(shop, proposal))

    too_long = "Which discounts? " * 600
    tom.get_by_label("What should change?").fill(too_long)
    tom.get_by_role("button", name="Ask for changes").click()
    expect(tom.locator("#note-error")).to_contain_text("10,000 is the most")
    expect(tom.get_by_label("What should change?")).to_have_value(too_long)
    tom.goto(tom.url)  # it is that of the refused form
    tom.get_by_role("link", name="Open the page").click()
    tom.get_by_label("What should change?").fill("Which discounts? {{ config() }}")
    tom.get_by_role("button", name="Ask for changes").click()

    expect(tom.locator("#proposal-status")).to_have_text("Changes asked for")
    maya = enter(shop.maya)
    maya.goto(shop.path())
    maya.locator("section", has_text="Needs you").get_by_role("link", name="Discount share").click()
    expect(maya.locator("#act")).to_contain_text("Which discounts? {{ config() }}")
    maya.get_by_role("link", name="Go on writing").click()
    expect(maya.get_by_label("Name needed")).to_have_value("Discount share")
    expect(maya.get_by_text("Which discounts?")).to_be_visible()
