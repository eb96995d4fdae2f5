"""What was done is undone: from the toast, by the keyboard, and without scripts."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from notify.actions import announce
from notify.selectors import unread_count
from proposals.actions import authoring, restoring, reviewing
from proposals.models import Proposal
from tests.browser.conftest import Enter, Shop, violations
from tests.factories import make_proposal
from tests.proposals.story import FIELDS

pytestmark = [pytest.mark.browser, pytest.mark.dbt, pytest.mark.django_db(transaction=True)]


def status() -> str:
    return str(Proposal.objects.get().status)


def test_an_undo_is_offered_for_ten_seconds_and_longer_to_whoever_is_at_it(shop: Shop, enter: Enter) -> None:
    make_proposal(shop.project, author=shop.maya, fields=FIELDS)
    page = enter(shop.maya)
    page.clock.install()
    page.goto(shop.path("prod/proposals/1/edit/"))
    page.get_by_role("button", name="Withdraw this draft").click()
    toast = page.get_by_role("status").filter(has_text="Withdrawn.")
    undo = toast.get_by_role("button", name="Undo")
    expect(toast).to_have_attribute("data-leaving", "yes")  # the scripts have begun
    undo.focus()
    page.clock.run_for(60_000)
    assert violations(page) == []
    expect(undo).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#proposal-status")).to_have_text("Draft")
    assert status() == "draft"

    page.get_by_role("link", name="Go on writing").click()
    page.get_by_role("button", name="Withdraw this draft").click()
    expect(toast).to_have_attribute("data-leaving", "yes")
    page.keyboard.press("z")
    expect(page.locator("#proposal-status")).to_have_text("Draft")
    page.get_by_role("link", name="Go on writing").click()
    page.get_by_role("button", name="Withdraw this draft").click()
    expect(toast).to_have_attribute("data-leaving", "yes")
    page.clock.run_for(10_500)
    expect(toast).to_be_hidden()
    page.get_by_role("button", name="Bring it back as a draft").click()
    expect(page.locator("#proposal-status")).to_have_text("Draft")


def test_without_scripts_the_undo_stays_on_the_page_and_is_refused_when_it_is_too_late(
    shop: Shop, enter: Enter
) -> None:
    make_proposal(shop.project, author=shop.maya, fields=FIELDS)
    page = enter(shop.maya, java_script_enabled=False)
    page.goto(shop.path("prod/proposals/1/edit/"))
    page.get_by_role("button", name="Withdraw this draft").click()
    proposal = Proposal.objects.get()
    assert proposal.status == "withdrawn"
    restoring.proposal_restore(proposal=proposal, actor=shop.maya)

    page.get_by_role("button", name="Undo").click()
    expect(page.locator("main")).to_contain_text("so it cannot be changed that way")
    page.goto(shop.path("prod/proposals/1/edit/"))
    page.get_by_role("button", name="Withdraw this draft").click()
    page.get_by_role("button", name="Undo").click()

    expect(page.locator("#proposal-status")).to_have_text("Draft")
    assert status() == "draft"


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_notifications_lead_to_the_comment_and_are_read_muted_and_unread_again(
    shop: Shop, enter: Enter, scripts: bool
) -> None:
    proposal = make_proposal(shop.project, author=shop.maya, fields=FIELDS)
    authoring.proposal_submit(proposal=proposal, actor=shop.maya)
    for text in ("One.", "Two."):
        comment = reviewing.comment_add(proposal=proposal, body=text, actor=shop.tom)
    announce()
    page = enter(shop.maya, java_script_enabled=scripts)
    page.goto(shop.path())
    page.get_by_role("link", name="2 unread notifications").click()
    page.get_by_role("link", name="Tom Okafor commented.").first.click()
    page.wait_for_url(f"**/proposals/1/#comment-{comment.pk}")
    expect(page.locator(f"#comment-{comment.pk}")).to_be_in_viewport()
    if scripts:  # what was opened has been read
        page.goto("/account/notifications/")
        expect(page.get_by_text("You have read everything")).to_be_visible()
        reviewing.comment_add(proposal=proposal, body="Three.", actor=shop.tom)
        announce()
    page.goto("/account/notifications/")
    page.get_by_role("button", name="Mark all as read").click()
    expect(page.get_by_text("You have read everything")).to_be_visible()
    assert unread_count(shop.maya) == 0
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("link", name="Tom Okafor commented.").first).to_be_visible()

    page.goto(shop.path("proposals/1/"))
    page.get_by_role("button", name="Mute").click()
    expect(page.get_by_role("button", name="Unmute")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("button", name="Follow")).to_be_visible()
