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


def test_three_people_bring_a_metric_into_dbt(shop: Shop, enter: Enter) -> None:
    proposal = sent(shop)
    tom = enter(shop.tom)
    tom.goto(path(shop, proposal))
    expect(tom.get_by_role("button", name="Approve")).to_be_disabled()
    tom.get_by_label("What should change?").fill("Does it hold the staff's discounts?")

    worked()

    # The page finds out by itself, and keeps what is being written.
    expect(tom.get_by_role("button", name="Approve")).to_be_enabled()
    expect(tom.get_by_label("What should change?")).to_have_value("Does it hold the staff's discounts?")
    expect(tom.locator("#numbers")).to_contain_text("May 2026")
    expect(tom.locator("#files")).to_contain_text("discount_share")
    expect(tom.get_by_role("heading", name="Your turn")).to_be_visible()
    assert violations(tom) == []

    maya = enter(shop.maya)
    maya.goto(path(shop, proposal))
    expect(maya.locator("#act")).to_contain_text("Whoever wrote a proposal cannot approve it.")
    expect(maya.get_by_role("heading", name="Your turn")).to_be_hidden()
    expect(maya.get_by_role("button", name="Approve")).to_be_hidden()

    tom.get_by_role("button", name="Approve").click()
    expect(tom.locator("#proposal-status")).to_have_text("Approved")
    expect(tom.locator("#act")).to_contain_text("waits for somebody who may publish")

    priya = enter(shop.priya)
    priya.goto(shop.path())
    priya.get_by_role("link", name="Discount share").first.click()
    priya.get_by_role("button", name="Publish to Production").click()
    expect(priya.locator("#act")).to_contain_text("being committed")
    worked()
    expect(priya.locator("#proposal-status")).to_have_text("Published")
    priya.get_by_role("link", name="See the metric").click()

    expect(priya.get_by_role("heading", level=1)).to_have_text("Discount share")
    expect(priya.locator(".meta")).to_contain_text("Published")
    expect(priya.locator("#numbers .val")).to_be_visible()
    expect(priya.locator("#formula")).to_have_text("SUM(discount) / SUM(net_amount)")
    assert violations(priya) == []
    assert shop.origin.git("log", "-1", "--format=%an", cwd=shop.origin.path) == "Maya Chen"


def test_the_same_way_without_scripts(shop: Shop, enter: Enter) -> None:
    def window(person: User) -> Page:
        return enter(person, java_script_enabled=False)

    maya = window(shop.maya)
    maya.goto(shop.path("prod/metrics/"))
    maya.get_by_role("link", name="Propose a metric").click()
    maya.get_by_role("button", name="Start").click()
    maya.get_by_label("Name").fill("Gift pieces")
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


def tab_to(page: Page, wanted: Locator) -> None:
    """Press Tab until `wanted` has the focus; on the way nothing focused may be hidden behind a bar."""
    expect(wanted).to_be_visible()
    for _press in range(60):
        page.keyboard.press("Tab")
        assert page.evaluate(IN_SIGHT), page.evaluate("document.activeElement.outerHTML")[:200]
        if wanted.evaluate("element => element === document.activeElement"):
            return
    raise AssertionError(f"{wanted} is not reached by the Tab key")


# Some part of what has the focus is on top: its middle, or a corner a little inward.
IN_SIGHT = """() => {
  const element = document.activeElement;
  if (element === document.body || element.matches(".vh")) return true;
  const { left, top, right, bottom } = element.getBoundingClientRect();
  const points = [[(left + right) / 2, (top + bottom) / 2], [left + 4, top + 4], [right - 4, bottom - 4]];
  return points.some(([x, y]) => { const hit = document.elementFromPoint(x, y); return hit && (element.contains(hit) || hit.contains(element)); });
}"""


def test_proposing_and_approving_need_no_mouse(shop: Shop, enter: Enter) -> None:
    maya = enter(shop.maya)
    maya.goto(shop.path("prod/metrics/"))
    maya.keyboard.press("Tab")
    expect(maya.get_by_role("link", name="Skip to content")).to_be_focused()
    maya.keyboard.press("Enter")
    tab_to(maya, maya.get_by_role("link", name="Propose a metric"))
    maya.keyboard.press("Enter")
    tab_to(maya, maya.get_by_role("button", name="Start"))
    maya.keyboard.press("Enter")
    expect(maya.locator("[data-formula]")).to_have_attribute("data-ready", "")
    tab_to(maya, maya.get_by_label("Name"))
    maya.keyboard.type("Gift pieces")
    tab_to(maya, maya.get_by_label("Meaning"))
    maya.keyboard.type("How many pieces were bought as gifts.")
    tab_to(maya, maya.locator("#id_formula"))
    maya.keyboard.type("SUM(quan")
    expect(maya.locator(".ac [role=option]").first).to_be_visible()
    maya.keyboard.press("Tab")
    maya.keyboard.type(") WHERE is_gi")
    expect(maya.locator(".ac [role=option]").first).to_be_visible()
    maya.keyboard.press("Enter")
    expect(maya.locator("#id_formula")).to_have_value("SUM(quantity) WHERE is_gift")
    tab_to(maya, maya.get_by_role("button", name="Send for review").last)
    maya.keyboard.press("Enter")
    expect(maya.locator("#proposal-status")).to_have_text("In review")
    Proposal.objects.get().checks.update(status="passed")

    tom = enter(shop.tom)
    tom.goto(shop.path())
    tab_to(tom, tom.get_by_role("link", name="Gift pieces").first)
    tom.keyboard.press("Enter")
    tab_to(tom, tom.get_by_role("button", name="Approve"))
    tom.keyboard.press("Enter")

    expect(tom.locator("#proposal-status")).to_have_text("Approved")


def test_asking_for_changes_brings_it_back_with_the_reason(shop: Shop, enter: Enter) -> None:
    proposal = sent(shop, passed=True)
    tom = enter(shop.tom)
    tom.goto(path(shop, proposal))

    tom.get_by_label("What should change?").fill("Which discounts? {{ config() }}")
    tom.get_by_role("button", name="Ask for changes").click()
    expect(tom.locator("#note-error")).to_contain_text("belong to dbt's templates")
    expect(tom.get_by_label("What should change?")).to_have_value("Which discounts? {{ config() }}")
    tom.get_by_label("What should change?").fill("Which discounts?")
    tom.get_by_role("button", name="Ask for changes").click()

    expect(tom.locator("#proposal-status")).to_have_text("Changes asked for")
    maya = enter(shop.maya)
    maya.goto(shop.path())
    maya.locator("section", has_text="Needs you").get_by_role("link", name="Discount share").click()
    expect(maya.locator("#act")).to_contain_text("Which discounts?")
    maya.get_by_role("link", name="Go on writing").click()
    expect(maya.get_by_label("Name")).to_have_value("Discount share")
    expect(maya.get_by_text("Which discounts?")).to_be_visible()
