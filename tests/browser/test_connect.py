"""The first minutes: sign in, connect a repository, see what dbt knows."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from governance.models import Project
from tests.browser.conftest import Enter, Shop, violations
from tests.factories import PASSWORD, make_user, work_off
from tests.ready import Ready

pytestmark = [pytest.mark.browser, pytest.mark.dbt, pytest.mark.django_db(transaction=True)]


def test_a_repository_is_connected_and_its_project_appears(
    ready: Ready, data_dir: Path, tmp_path: Path, enter: Enter
) -> None:
    ada = make_user("Ada Admin")
    page = enter()
    page.goto("/")
    page.get_by_label("E-mail").fill(ada.email)
    page.get_by_label("Password").fill("not this one at all")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_be_visible()
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name="Connect a repository").click()

    page.get_by_label("Name", exact=True).fill("Café & Söhne")
    expect(page.get_by_label("Short name")).to_have_value("cafe-sohne")
    page.get_by_label("Short name").fill("cafe")
    page.get_by_label("Name", exact=True).fill("Café Söhne")
    expect(page.get_by_label("Short name")).to_have_value("cafe")
    expect(page.get_by_label("Host")).to_be_hidden()
    page.get_by_label("Address of the repository").fill(ready.origin(tmp_path / "git").url)
    page.get_by_role("button", name="Connect and pull").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Sync with dbt")
    expect(page.get_by_text("Waiting for a worker.")).to_be_visible()
    assert [run.status for run in work_off()] == ["succeeded"]
    expect(page.get_by_role("link", name="shop: Add the project.")).to_be_visible()
    page.get_by_role("link", name="Metrics").click()
    expect(page.get_by_role("row", name="Revenue per customer")).to_contain_text(
        "Not built in Production yet"
    )
    assert violations(page) == []


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_what_cannot_be_connected_stays_in_the_form_with_its_reason(
    data_dir: Path, enter: Enter, scripts: bool
) -> None:
    page = enter(make_user("Ada Admin"), java_script_enabled=scripts)
    page.goto("/connect/")
    typed = {
        "Name": "A\u202eB {{ x }} <i>" + "x" * 90,
        "Short name": "Not a short name!",
        "Address of the repository": "ext::sh -c touch% /tmp/x",
        "Branch": "--upload-pack=evil",
        "Schema": "drop table; --",
    }
    for label, text in typed.items():
        page.get_by_label(label, exact=True).fill(text)
    page.get_by_label("Warehouse").select_option("postgres")
    page.get_by_label("Host").fill("db.example.com")

    with page.expect_response("**/connect/") as got:
        page.get_by_role("button", name="Connect and pull").click()

    assert got.value.status == 422
    expect(page.get_by_role("alert")).to_contain_text("Please correct this first:")
    for label, text in typed.items():
        assert page.get_by_label(label, exact=True).input_value() == text
    expect(page.get_by_label("Host")).to_be_visible()
    expect(page.get_by_label("Host")).to_have_value("db.example.com")
    short = page.get_by_label("Short name")
    assert short.get_attribute("aria-invalid") == "true"
    beside = (short.get_attribute("aria-describedby") or "").split()[-1]
    expect(page.locator(f"#{beside}")).to_contain_text("letters")
    if scripts:
        assert violations(page) == []
    assert not Project.objects.exists()


def test_a_refused_environment_stays_in_its_form(shop: Shop, enter: Enter) -> None:
    page = enter(shop.ada)
    page.goto(shop.path("environments/new/"))
    page.get_by_label("Name", exact=True).fill("Quality \u202e<b>")
    expect(page.get_by_label("Short name")).to_have_value("quality-b")
    page.get_by_label("Short name").fill("proposals")
    page.get_by_label("Schema").fill("1; drop")
    page.get_by_label("dbt target").fill("{{ x }}")
    page.get_by_label("dbt variables").fill("[1, 2]")

    with page.expect_response("**/environments/new/") as got:
        page.get_by_role("button", name="Save").click()

    assert got.value.status == 422
    for label, text in {"Schema": "1; drop", "dbt target": "{{ x }}", "dbt variables": "[1, 2]"}.items():
        field = page.get_by_label(label)
        assert field.input_value() == text
        assert field.get_attribute("aria-invalid") == "true"
    assert violations(page) == []
