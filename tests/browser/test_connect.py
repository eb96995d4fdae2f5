"""The first minutes: sign in, connect a repository, see what dbt knows."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from governance.models import Project
from tests.browser.conftest import Enter, Shop, violations
from tests.factories import PASSWORD, make_operator, work_off
from tests.fakes.git_remote import Origin
from tests.fakes.ssh_server import SshServer
from tests.ready import Ready

pytestmark = [pytest.mark.browser, pytest.mark.dbt, pytest.mark.django_db(transaction=True)]


@pytest.mark.slow
def test_a_newcomer_connects_a_project_and_is_shown_what_to_propose(
    ready: Ready, data_dir: Path, tmp_path: Path, enter: Enter
) -> None:
    ada = make_operator()
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
    page.get_by_label("How to reach it").select_option("folder")
    expect(page.get_by_label("Password or token")).to_be_hidden()
    page.get_by_label("Address of the repository").fill(ready.origin(tmp_path / "git").url)
    assert violations(page) == []
    page.get_by_role("button", name="Save and test").click()

    expect(page.get_by_text("It waits for a worker.")).to_be_visible()
    assert violations(page) == []
    went_well("repository.test")
    expect(page.get_by_label("Branch")).to_have_value("main")  # without a reload of ours
    assert violations(page) == []
    page.get_by_role("button", name="Use this branch").click()
    went_well("repository.find")
    expect(page.get_by_label("Folder of the dbt project")).to_have_value("/")
    page.get_by_role("button", name="Read it with dbt").click()
    went_well("repository.parse")
    expect(page.get_by_role("heading", name="dbt can read it")).to_be_visible()
    expect(page.get_by_role("heading", name="dbt parse")).to_be_visible()
    assert violations(page) == []
    page.goto("/")  # whoever leaves and comes back goes on where they were
    page.get_by_role("main").get_by_role("link", name="Connect the repository").click()

    expect(page.get_by_label("Host")).to_be_hidden()
    page.get_by_role("button", name="Save and test").click()
    went_well("connection.test")
    expect(page.get_by_role("heading", name="It can be used")).to_be_visible()
    assert violations(page) == []
    page.get_by_role("link", name="Go on to the first build").click()
    page.get_by_role("button", name="Build staging").click()
    went_well("environment.deploy", "pull")
    page.get_by_role("link", name="Go on to the first pull").click()
    assert violations(page) == []
    page.get_by_role("link", name="See what to propose first").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Café & Söhne is connected")
    expect(page.get_by_role("listitem").filter(has_text="Total of")).to_have_count(3)
    assert violations(page) == []
    page.get_by_role("link", name="Propose Total minutes").click()
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_label("Name needed")).to_have_value("Total minutes")
    expect(page.get_by_label("Formula needed")).to_have_value("SUM(minutes)")
    expect(page.get_by_role("region", name="Live preview")).to_contain_text("5")  # 1.5 + 3.0 + 0.5


def went_well(*kinds: str) -> None:
    assert [(run.kind, run.error) for run in work_off()] == [(kind, "") for kind in kinds]


def test_a_repository_over_ssh_is_reached_once_both_sides_know_each_other(
    data_dir: Path, tmp_path: Path, enter: Enter
) -> None:
    origin = Origin(tmp_path / "git")
    # Without scripts: each page is asked for by hand.
    page = enter(make_operator(), java_script_enabled=False)
    with SshServer(tmp_path / "ssh") as server:
        page.goto("/connect/")
        page.get_by_label("Name", exact=True).fill("Shop")
        page.get_by_label("Short name").fill("shop")
        page.get_by_label("How to reach it").select_option("ssh")
        page.get_by_label("Address of the repository").fill(server.url(origin.path))
        page.get_by_role("button", name="Save and test").click()
        went_well("repository.test")
        page.reload()

        expect(page.get_by_text(server.fingerprint)).to_be_visible()
        page.get_by_role("button", name="Yes, it is the same").click()
        assert [run.error_code for run in work_off()] == ["git-key-refused"]
        page.reload()
        expect(page.get_by_role("alert")).to_contain_text("Add the public key")
        server.allow(page.get_by_label("Public key", exact=True).inner_text())
        page.get_by_role("button", name="Test again").click()
        went_well("repository.test")
        page.reload()
        page.get_by_role("button", name="Use this branch").click()
        went_well("repository.find")
        page.reload()
        expect(page.get_by_text("1 folder holds a dbt_project.yml.")).to_be_visible()

    server.new_host_key()
    with server:
        page.get_by_role("link", name="Reach it").click()
        page.get_by_role("button", name="Test again").click()
        assert [run.error_code for run in work_off()] == ["git-host-changed"]
        page.reload()
        expect(page.get_by_role("alert")).to_contain_text("Ask whoever runs it")
        page.get_by_role("button", name="Read its key again").click()
        went_well("repository.test")
        page.reload()
        expect(page.get_by_text(server.fingerprint)).to_be_visible()
    assert "PRIVATE KEY" not in page.content()


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_what_cannot_be_connected_stays_in_the_form_with_its_reason(
    data_dir: Path, enter: Enter, scripts: bool
) -> None:
    page = enter(make_operator(), java_script_enabled=scripts)
    page.goto("/connect/")
    typed = {
        "Name": "A\u202eB {{ x }} <i>" + "x" * 90,
        "Short name": "Not a short name!",
        "Address of the repository": "ext::sh -c touch% /tmp/x",
    }
    for label, text in typed.items():
        page.get_by_label(label, exact=True).fill(text)
    page.get_by_label("Password or token").fill("secret canary")

    with page.expect_response("**/connect/") as got:
        page.get_by_role("button", name="Save and test").click()

    assert got.value.status == 422
    assert "secret canary" not in got.value.text()
    expect(page.get_by_role("alert")).to_contain_text("Please correct this first:")
    for label, text in typed.items():
        assert page.get_by_label(label, exact=True).input_value() == text
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
