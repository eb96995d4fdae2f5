"""Every place has an address that opens there, with and without scripts; a draft is on every device."""

from __future__ import annotations

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from proposals.actions import authoring, reviewing
from proposals.models import Item, Proposal
from tests.browser.conftest import Enter, Shop, violations
from tests.factories import make_proposal
from tests.proposals.story import FIELDS
from workspace.models import Run, RunCommand

pytestmark = [pytest.mark.browser, pytest.mark.dbt, pytest.mark.django_db(transaction=True)]
both = pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])


def reviewed(shop: Shop) -> str:
    """The page of a proposal that changes a short and a long file, and is talked about."""
    proposal = make_proposal(shop.project, author=shop.maya, fields=FIELDS)
    authoring.proposal_submit(proposal=proposal, actor=shop.maya)
    short = {"path": "models/a.yml", "new": False, "before": "a: 1\nb: 2\n", "after": "a: 1\nb: 3\n"}
    lines = "".join(f"line_{number}: {number}\n" for number in range(1, 121))
    long = {"path": "models/b.yml", "new": True, "before": "", "after": lines}
    Item.objects.filter(proposal=proposal).update(files=[short, long])
    for number in range(12):
        reviewing.comment_add(proposal=proposal, body=f"Comment {number}.", actor=shop.tom)
    return shop.path("proposals/1/")


def there(page: Page, selector: str) -> None:
    """It is what the address names, and can be seen."""
    expect(page.locator(f"{selector}:target")).to_be_in_viewport()


@both
def test_lines_files_comments_and_sections_of_a_proposal_open_by_their_address(
    shop: Shop, enter: Enter, scripts: bool
) -> None:
    path = reviewed(shop)
    page = enter(shop.tom, java_script_enabled=scripts, viewport={"width": 1440, "height": 500})

    comment = Proposal.objects.get().comments.first()
    for place in ("f1-o2", "f2-n100", "file-2", f"comment-{comment.pk}", "files", "history", "checks"):
        page.goto("about:blank")
        page.goto(f"{path}#{place}")
        there(page, f"#{place}")


def test_a_line_gives_its_address_to_the_mouse_and_to_the_keyboard(shop: Shop, enter: Enter) -> None:
    path = reviewed(shop)
    page = enter(shop.tom)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(path)
    first = page.locator("#f1").get_by_role("link").first
    first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#f1").get_by_role("link", name="Link to line 2").last).to_be_focused()
    page.keyboard.press("Enter")

    expect(page.get_by_role("status").filter(has_text="Copied the link.")).to_be_visible()
    there(page, "#f1-n2")
    assert page.evaluate("navigator.clipboard.readText()") == page.url
    assert page.url.endswith("/proposals/1/#f1-n2")
    page.get_by_role("link", name="Link to Conversation").click()
    there(page, "#conversation")
    expect(page.get_by_role("link", name="Conversation 12")).to_have_css(
        "box-shadow", "rgb(43, 80, 204) 0px -2px 0px 0px inset"
    )
    assert violations(page) == []


@both
def test_a_line_of_a_log_opens_even_where_the_end_is_far(shop: Shop, enter: Enter, scripts: bool) -> None:
    now = timezone.now()
    run = Run.objects.create(project=shop.project, kind="pull", status="succeeded", finished_at=now)
    output = "".join(f"line {number}\n" for number in range(1, 1501))
    command = RunCommand.objects.create(
        run=run, name="dbt parse", output=output, started_at=now, finished_at=now, exit_code=0
    )
    page = enter(shop.tom, java_script_enabled=scripts)
    page.goto(shop.path(f"runs/{run.pk}/"))
    link = page.locator(f"#log-{command.pk}-1400 a")
    assert link.get_attribute("data-link") == f"?at=log-{command.pk}-1400#log-{command.pk}-1400"

    page.goto(shop.path(f"runs/{run.pk}/?at=log-{command.pk}-40#log-{command.pk}-40"))
    there(page, f"#log-{command.pk}-40")
    page.goto(shop.path(f"runs/{run.pk}/?at=log-{command.pk}-1400#log-{command.pk}-1400"))
    there(page, f"#log-{command.pk}-1400")
    for odd in ("log-x-1", "log", "log-1-99999999999", f"log-{command.pk}--1"):
        page.goto(shop.path(f"runs/{run.pk}/?at={odd}"))
        expect(page.locator(f"#log-{command.pk}-1500")).to_have_count(1)


def test_a_draft_goes_on_another_device_and_neither_loses_what_it_wrote(shop: Shop, enter: Enter) -> None:
    make_proposal(shop.project, author=shop.maya)
    desk, phone = enter(shop.maya), enter(shop.maya, viewport={"width": 390, "height": 800})
    desk.goto(shop.path("prod/proposals/1/edit/"))
    typed(desk, "Name needed", "Gift share")

    phone.goto(shop.path())
    phone.get_by_role("link", name="Gift share").click()
    phone.get_by_role("link", name="Go on writing").click()
    expect(phone.get_by_label("Name needed")).to_have_value("Gift share")
    typed(phone, "Meaning", "The part that is a gift.")
    typed(desk, "Meaning", "Written at the desk.")

    expect(desk.locator("#conflict")).to_contain_text("saved in another window")
    expect(desk.get_by_label("Meaning")).to_have_value("Written at the desk.")
    assert meaning() == "The part that is a gift."
    with desk.context.expect_page() as opened:
        desk.get_by_role("link", name="See the other version").click()
    expect(opened.value.get_by_label("Meaning")).to_have_value("The part that is a gift.")
    desk.get_by_role("button", name="Keep what is here").click()
    expect(desk.locator("#conflict")).to_be_empty()
    assert meaning() == "Written at the desk."
    typed(phone, "Meaning", "Written on the phone.")
    expect(phone.locator("#conflict")).to_contain_text("saved in another window")
    expect(phone.get_by_label("Meaning")).to_have_value("Written on the phone.")


def typed(page: Page, label: str, text: str) -> None:
    """Write into a field, and wait until the page has tried to save it."""
    with page.expect_response("**/save/*/"):
        page.get_by_label(label).fill(text)


def meaning() -> str:
    return Proposal.objects.get().items.get().revision.metric.meaning
