"""What holds for every page, in both themes, on a wide screen and on a phone; and changing the environment."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from environments import health
from environments.actions import NewProject, project_connect
from environments.findings import KINDS, Found
from environments.models import Environment
from governance import audit
from governance.actions import person_add
from governance.models import User
from notify.actions import announce, thread_choose
from proposals import content
from proposals.actions import authoring, reviewing
from proposals.models import Conflict, HandEdit, Item, Proposal
from semantic.calculation import CalculationFields
from semantic.elements import DimensionFields, MeasureFields
from semantic.fields import MetricFields
from tests.browser.conftest import Enter, Shop, violations
from tests.factories import make_proposal, make_user, work_off
from tests.proposals.story import FIELDS
from workspace import runs
from workspace.actions import pull_request, queue_drain
from workspace.models import Queue, Run, RunCommand, SyncSettings

pytestmark = [pytest.mark.browser, pytest.mark.dbt, pytest.mark.django_db(transaction=True)]

THEMES = ("light", "dark")
WIDTHS = (1440, 390)
SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
LONG = MetricFields(
    name="pieces_long",
    label="Pieces that were bought in orders whose name goes on and on without any end in sight",
    meaning="How many.\nIn all shops.",
    formula="SUM(quantity)",
    owner="Maya Chen",
)


@pytest.fixture
def full(shop: Shop, staging: Environment) -> Shop:
    """Proposals in every state before publishing, one of them really checked, and a project that failed."""
    checked = make_proposal(shop.project, author=shop.maya, fields=FIELDS)
    authoring.proposal_submit(proposal=checked, actor=shop.maya)
    project_connect(
        new=NewProject(name="Empty Co", slug="empty", url="/nowhere.git", branch="main"), actor=shop.ada
    )
    work_off()
    reviewing.comment_add(proposal=checked, actor=shop.tom, body="- one\n- two `three`")
    make_proposal(shop.project, author=shop.maya, fields=MetricFields(formula="SUMM(x", owner="Maya"))
    returned = _sent(shop, LONG)
    reviewing.proposal_return(proposal=returned, note="A shorter name, please.", actor=shop.tom)
    approved = _sent(shop, MetricFields(**{**_texts(LONG), "name": "pieces", "label": "Pieces"}))
    approved.checks.update(status="passed")
    reviewing.proposal_approve(proposal=approved, seen=content.hash_of(approved), actor=shop.tom)
    _sent(shop, MetricFields(**{**_texts(LONG), "name": "items", "label": "Items"}))
    thread_choose(actor=shop.maya, thread=audit.key(approved), choice="mute")
    _clashed(shop)
    _several(shop)
    _calculated(shop)
    _of_other_kinds(shop)
    _unwell(shop)
    announce()
    return shop


def _texts(fields: MetricFields) -> dict[str, str]:
    return {"meaning": fields.meaning, "formula": fields.formula, "owner": fields.owner}


def _clashed(shop: Shop) -> None:
    """A change, of which dbt changed a word and the formula meanwhile; a third thing was decided."""
    proposal = authoring.proposal_open(project=shop.project, author=shop.maya, changing="revenue")
    item = proposal.items.get()
    told = {"commit": "a" * 40, "author": "Tom Okafor", "committed_at": timezone.now()}
    states = {
        "meaning": ("All net revenue.", LONG.meaning, "Everything that was paid."),
        "formula": ("SUM(net_amount)", "SUM(net_amount) * 2", "SUM(quantity)"),
        "label": ("Revenue", "Turnover", "Sales"),
    }
    for field, (base, ours, theirs) in states.items():
        Conflict.objects.create(item=item, field=field, base=base, ours=ours, theirs=theirs, **told)
    decided = {"state": "theirs", "chosen": "Sales", "decided_at": timezone.now()}
    Conflict.objects.filter(field="label").update(**decided)


def _several(shop: Shop) -> None:
    """A draft that describes a model and one of its columns, and brings a docs block."""
    orders = "model.shop.fct_orders"
    proposal = authoring.proposal_open(project=shop.project, author=shop.maya, kind="model", changing=orders)
    for kind, of in (("column", f"{orders}:status"), ("doc", "")):
        authoring.item_add(proposal=proposal, kind=kind, changing=of, actor=shop.maya)


def _calculated(shop: Shop) -> None:
    """A calculated column, in a model of its own, and a pasted query."""
    column = {
        "label": "Net of discount",
        "model": "model.shop.fct_orders",
        "formula": "net_amount - discount",
    }
    query = {"way": "query", "called": "fct_paid", "sql": "select order_id, net_amount\nfrom fct_orders"}
    for fields in ({**column, "place": "new"}, query):
        authoring.proposal_open(
            project=shop.project,
            author=shop.maya,
            kind="calculation",
            suggested=CalculationFields.from_json({**fields, "description": "What was paid."}),
        )


def _of_other_kinds(shop: Shop) -> None:
    """Drafts in which a metric goes, and a dimension and a measure come."""
    orders = "model.shop.fct_orders"
    going = authoring.proposal_open(
        project=shop.project, author=shop.maya, kind="removal", changing="metric:revenue"
    )
    item = authoring.item_add(
        proposal=going,
        kind="dimension",
        actor=shop.maya,
        changing=orders,
        suggested=DimensionFields(label="State", expr="status"),
    )
    assert item.pk
    authoring.proposal_open(
        project=shop.project,
        author=shop.maya,
        kind="measure",
        changing=orders,
        suggested=MeasureFields(label="Discounts", expr="discount"),
    )


def _unwell(shop: Shop) -> None:
    """Something is found wrong of every kind that is kept, and of one so much that it is folded."""
    words = [
        "columns",
        "column",
        "declared",
        "found",
        "relations",
        "why",
        "input",
        "expr",
        "adapter",
        "divisor",
        "dimension",
        "measure",
    ]
    words += [
        "setting",
        "field",
        "other",
        "formula",
        "label",
        "other_label",
        "other_formula",
        "value",
        "other_value",
    ]
    params = {word: f"{word} " * 9 for word in words} | {"environment": "Production", "version": "2"}
    model, metric = ("model.shop.fct_orders", "fct_orders"), ("metric.revenue", "revenue")
    kinds = [slug for slug in KINDS if not slug.startswith(("test-", "source-"))]
    found = [
        Found(
            slug,
            *(metric if KINDS[slug].mended else model),
            "models/a/long/way/down/to/schema.yml",
            params,
            7,
        )
        for slug in kinds
    ]
    found += [Found("column-gone", *model, "models/schema.yml", {"columns": f"c{n}"}, n) for n in range(9)]
    health.keep(shop.project, found)


def _sent(shop: Shop, fields: MetricFields) -> Proposal:
    proposal = make_proposal(shop.project, author=shop.maya, fields=fields)
    authoring.proposal_submit(proposal=proposal, actor=shop.maya)
    return proposal


def _visits(shop: Shop) -> Iterator[tuple[User | None, str, str]]:
    """Who looks, at what, and how its title begins."""
    runs = {run.kind: run.pk for run in Run.objects.filter(project=shop.project)}
    failed = Run.objects.get(project__slug="empty")
    others = Item.objects.filter(proposal__project=shop.project, proposal__number=7).order_by("id")[1:]
    going = Item.objects.filter(proposal__project=shop.project, proposal__number=10).order_by("pk")
    yield None, "/sign-in/", "Sign in"
    yield make_user("Nobody New"), "/", "Projects"
    yield shop.maya, "/shop/no/such/page/", "Not found"
    yield shop.maya, "/shop/settings/repository/", "Not allowed"
    maya = {
        "": "Home",
        "proposals/": "Proposals",
        "proposals/?tab=mine": "Proposals",
        "proposals/1/": "#1 Discount share",
        "proposals/2/": "#2 Untitled draft",
        "proposals/3/": "#3 Pieces that",
        "proposals/4/": "#4 Pieces",
        "prod/propose/": "Propose a metric",
        "formulas/": "Formula functions",
        "formulas/?q=vlookup": "Formula functions: vlookup",
        "prod/propose/?metric=revenue": "Change Revenue",
        "prod/propose/?kind=test&of=model.shop.fct_orders": "Propose a rule",
        "proposals/6/": "#6 Revenue",
        "proposals/6/conflicts/": "Conflicts of #6",
        "prod/proposals/6/edit/": "Revenue",
        "prod/propose/?kind=model&of=model.shop.fct_orders": "Change fct_orders",
        "prod/proposals/7/edit/": "fct_orders and",
        **{f"prod/proposals/7/edit/{item.pk}/": "fct_orders" for item in others},
        "proposals/7/": "#7 fct_orders and",
        "prod/propose/?kind=calculation&way=query": "Paste a query",
        "prod/proposals/8/edit/": "Net of discount",
        "prod/proposals/9/edit/": "fct_paid",
        "prod/propose/?kind=removal&of=metric:revenue": "Remove or replace revenue",
        "prod/propose/?kind=dimension&of=model.shop.fct_orders": "Propose a dimension",
        f"prod/proposals/10/edit/{going[0].pk}/": "revenue and State",
        f"prod/proposals/10/edit/{going[1].pk}/": "revenue and State",
        "prod/proposals/11/edit/": "Discounts",
        "prod/proposals/2/edit/": "Propose a metric",
        "prod/proposals/3/edit/": "Pieces that",
    }
    tom = {
        "": "Home",
        "proposals/?tab=all": "Proposals",
        "proposals/1/": "#1 Discount share",
        "proposals/5/": "#5 Items",
        f"proposals/1/files/edit/?path={_edited(shop)}": "",
        "prod/metrics/": "Metrics",
        "prod/metrics/?q=nothing+like+it": "Metrics",
        "prod/metrics/revenue/": "Revenue",
        "prod/metrics/revenue_30d/?grain=week": "Revenue of 30 days",
        "staging/metrics/revenue/": "Revenue",
        "dev/metrics/": "Metrics",
        "dev/metrics/revenue/": "Revenue",
        "search/": "Search",
        "search/?q=p": "Search: p",
        "search/?q=nothing+like+it": "Search: nothing like it",
        "catalogue/": "Catalogue",
        "catalogue/?q=nothing+like+it": "Catalogue",
        "catalogue/?q=orders&only=attention": "Catalogue",
        "catalogue/views/?q=orders&only=attention": "Saved views",
        "catalogue/model.shop.fct_orders/": "fct_orders",
        "catalogue/semantic_model.shop.orders/": "orders",
        "catalogue/model.shop.fct_orders/owners/": "Owners of fct_orders",
        "quality/": "Data quality",
        "quality/?q=nothing+like+it": "Data quality",
        "lineage/model.shop.fct_orders/?down=all": "fct_orders",
        "lineage/model.shop.fct_orders/?column=net_amount": "net_amount",
        "lineage/model.shop.fct_orders/?view=table": "fct_orders",
        "health/": "Health check",
        "health/?level=bad": "Health check",
        "pulls/": "Sync",
        "pulls/1/": "",
        "runs/": "Runs",
        f"runs/{runs['proposal.check']}/": "Checks #",
    }
    for person, pages in (
        (shop.maya, maya),
        (shop.tom, tom),
        (shop.priya, {"environments/": "Environments", "settings/pulls/": "Strategy and frequency"}),
    ):
        for rest, title in pages.items():
            yield person, shop.path(rest), title
    yield shop.maya, "/account/notifications/", "Notifications"
    yield shop.maya, "/account/notifications/choices/", "What you hear"
    yield shop.ada, "/account/notifications/?tab=all", "Notifications"
    yield shop.ada, "/", "Projects"
    yield shop.ada, "/account/tokens/", "API tokens"
    yield shop.ada, "/account/password/", "Password"
    yield shop.ada, shop.path("people/"), "People"
    yield shop.ada, shop.path("people/add/"), "Add a person"
    yield shop.ada, shop.path(f"people/{shop.tom.pk}/"), "Tom Okafor"
    yield shop.ada, "/system/people/", "Not allowed"
    boss = User.objects.create_superuser("boss@example.com", name="Boss")
    yield boss, "/system/people/", "People"
    queue_drain(queue=Queue.HEAVY, reason="The server moves.", actor=boss)
    yield shop.tom, shop.path("queues/"), "Queues"
    yield boss, "/system/queues/", "Queues"
    for place in ("Health", "Settings", "Repositories", "Environments", "Runs", "Audit log"):
        yield boss, f"/system/{place.split()[0].lower()}/", place
    yield boss, "/system/", "Installation"
    yield boss, "/system/tokens/", "All API tokens"
    yield shop.ada, shop.path("audit/"), "Audit log"
    yield boss, "/system/people/add/", "Add a person"
    yield boss, f"/system/people/{shop.tom.pk}/", "Tom Okafor"
    _new, key = person_add(email="new@example.com", name="New Person", actor=boss)
    yield None, f"/account/join/?key={key}", "Set your password"
    yield shop.ada, "/account/shortcuts/", "Keyboard shortcuts"
    yield shop.ada, "/connect/", "Connect a repository"
    yield shop.ada, shop.path("connect/remote/"), "Reach the repository"
    yield shop.ada, shop.path("settings/repository/"), "Repository"
    SyncSettings.objects.create(
        project=shop.project,
        said={"pull": {"every": "day", "at": "06:30"}, "documentation.strategy": "dbt_to_bisync"},
        commit="1" * 40,
        committed_at=timezone.now(),
        problems=[[4, "“often” is nothing that metadata.lineage.frequency can be. Write daily."]],
        wrong_commit="2" * 40,
    )
    yield shop.ada, shop.path("settings/pulls/"), "Strategy and frequency"
    yield shop.ada, shop.path("environments/new/"), "Add an environment"
    yield shop.ada, shop.path("environments/staging/"), "Configure Staging"
    yield shop.priya, shop.path("environments/prod/deploy/"), "Deploy to Production"
    yield shop.priya, shop.path("environments/prod/schedule/"), "Schedule of Production"
    yield shop.priya, shop.path("environments/prod/sources/"), "Sources of Production"
    yield shop.ada, "/empty/", "Home"
    yield shop.ada, "/empty/prod/metrics/", "Metrics"
    yield shop.ada, "/empty/pulls/", "Sync"
    yield shop.ada, "/empty/environments/", "Environments"
    yield shop.ada, "/empty/proposals/", "Proposals"
    yield shop.ada, "/empty/prod/propose/", "Propose a metric"
    yield shop.ada, f"/empty/runs/{failed.pk}/", "Pull #"
    _hold(shop)
    yield shop.ada, shop.path("pulls/"), "Sync"


def _edited(shop: Shop) -> str:
    """The path of a file of the first proposal that somebody edited by hand."""
    proposal = Proposal.objects.get(project=shop.project, number=1)
    path, text = (proposal.items.get().files[0][key] for key in ("path", "after"))
    edit = f"{text}# as finance counts\n"
    HandEdit.objects.create(proposal=proposal, path=path, generated=text, text=edit, person=shop.priya)
    return str(path)


def _hold(shop: Shop) -> None:
    """A pull that waits for somebody to agree to a short file, one that folds, and one that is cut."""
    packages = "packages:\n  - package: dbt-labs/dbt_utils\n    version: 1.3.0\n"
    files = {
        "packages.yml": packages,
        ".env": "A=1\n" * 100,
        "notes/package-lock.yml": f"# {'long' * 150}\n" * 101,
    }
    shop.origin.commit(files, "deps: Add dbt_utils, which has what our date spines need")
    runs.execute(pull_request(project=shop.project, actor=shop.ada).pk)


@pytest.mark.slow
def test_every_page_is_accessible_fits_and_says_where_one_is(full: Shop, enter: Enter) -> None:
    """Each page on both widths, and one of them through axe, in one theme, page by page in turn.

    With BISYNC_TEST_SWEEP=all axe looks at every page in both themes on both widths.
    """
    every = os.environ.get("BISYNC_TEST_SWEEP") == "all"
    pages: dict[User | None, Page] = {}
    wrong: list[str] = []
    for number, (person, path, title) in enumerate(_visits(full)):
        if person not in pages:
            pages[person] = enter(person)
        page = pages[person]
        # Every second page is opened on the phone, the others become narrow while they are looked at.
        widths = WIDTHS if number % 2 else reversed(WIDTHS)
        themes = THEMES if number % 4 > 1 else reversed(THEMES)
        for opened, (theme, width) in enumerate(zip(themes, widths, strict=True)):
            page.set_viewport_size({"width": width, "height": 900})
            page.emulate_media(color_scheme=theme)
            if not opened:
                page.goto(path)
            wrong += [f"{path} in {theme} at {width} px: {fault}" for fault in _faults(page, title)]
            if every or opened == number % 3 % 2:
                wrong += [f"{path} in {theme} at {width} px: {fault}" for fault in violations(page)]
            if every:
                page.emulate_media(color_scheme=next(one for one in THEMES if one != theme))
                wrong += [f"{path} not in {theme} at {width} px: {fault}" for fault in violations(page)]
    assert not wrong, "\n".join(wrong)


def _faults(page: Page, title: str) -> Iterator[str]:
    prefix = "[PROD] " if page.locator("html[data-env=prod]").count() else ""
    if not page.title().startswith(prefix + title) or not page.title().endswith(" · Bisync"):
        yield f"its title is {page.title()}"
    if page.evaluate(SIDEWAYS) > 0:
        yield f"it is {page.evaluate(SIDEWAYS)} px too wide"
    if page.locator("h1").count() != 1:
        yield "it has not exactly one main heading"


def test_changing_the_environment_keeps_the_page_and_changes_the_numbers(
    shop: Shop, staging: Environment, enter: Enter
) -> None:
    page = enter(shop.tom)
    page.goto(shop.path("prod/metrics/"))
    expect(page.get_by_role("row", name="All net revenue")).to_contain_text("75")
    assert page.title().startswith("[PROD] ")
    page.get_by_role("link", name="Revenue", exact=True).click()
    expect(page.locator("#numbers .val")).to_have_text("75")

    page.get_by_role("button", name="Environment: PRODUCTION").click()
    page.get_by_role("link", name="Staging").click()

    page.wait_for_url("**/staging/metrics/revenue/")
    expect(page.locator("#numbers .val")).to_have_text("150")
    expect(page.locator("html")).to_have_attribute("data-env", "staging")
    assert "[PROD]" not in page.title()
    expect(page.get_by_role("button", name="Environment: Staging")).to_be_visible()
    page.get_by_role("link", name="Metrics").first.click()
    page.wait_for_url("**/staging/metrics/")
    expect(page.get_by_role("row", name="All net revenue")).to_contain_text("150")
    page.get_by_role("link", name="Home").click()
    expect(page.locator("html")).to_have_attribute("data-env", "staging")


def test_metrics_are_searched_while_one_types(shop: Shop, enter: Enter) -> None:
    page = enter(shop.tom)
    page.goto(shop.path("prod/metrics/"))

    page.get_by_label("Search metrics").fill("customer")

    expect(page.get_by_role("row")).to_have_count(3)
    expect(page.get_by_label("Search metrics")).to_be_focused()
    page.wait_for_url("**/metrics/?q=customer*")
    page.reload()
    expect(page.get_by_role("row")).to_have_count(3)


def test_the_output_of_a_run_arrives_line_by_line(shop: Shop, data_dir: Path, enter: Enter) -> None:
    run = Run.objects.create(project=shop.project, kind="pull", status="running", claimed_at=timezone.now())
    command = _command(run, "git fetch", "line 1\nline 2\n")
    page = enter(shop.tom)
    page.goto(shop.path(f"runs/{run.pk}/"))
    log = page.locator(f"#log-{command.pk}")
    expect(log.locator(".log-lines li:visible")).to_have_count(2)

    RunCommand.objects.filter(pk=command.pk).update(output="line 1\nline 2\nline 3\n")
    expect(log.locator(".log-lines li:visible").last).to_contain_text("line 3")
    RunCommand.objects.filter(pk=command.pk).update(exit_code=0, finished_at=timezone.now())
    expect(page.locator(f"#command-{command.pk}-state")).to_contain_text("exit 0")
    later = _command(run, "dbt parse", "ERROR in models/a.sql\n")
    expect(page.locator(f"#log-{later.pk} .bad")).to_contain_text("ERROR in models/a.sql")
    assert violations(page) == []
    RunCommand.objects.filter(pk=later.pk).update(exit_code=1, finished_at=timezone.now())
    Run.objects.filter(pk=run.pk).update(status="failed", error_code="cancelled", finished_at=timezone.now())

    expect(page.get_by_text("This was cancelled.")).to_be_visible()
    expect(page.locator(f"#command-{later.pk}-state")).to_contain_text("exit 1")
    expect(log.locator(".log-lines li")).to_have_count(3)


def _command(run: Run, name: str, output: str) -> RunCommand:
    return RunCommand.objects.create(run=run, name=name, output=output, started_at=timezone.now())
