"""The product in Chromium, on a small project that dbt really built."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings as django_settings
from django.test import Client
from playwright.sync_api import Browser, Page, expect

from environments.models import Environment, MetricSeries
from environments.numbers import by_period
from environments.selectors import environments_of, reading
from governance.models import Project, User
from governance.roles import Role
from semantic.formula.tree import MetricRef
from tests.factories import make_member, make_project
from tests.fakes.git_remote import Origin
from tests.ready import Ready

# Playwright's own loop runs in this thread; Django would refuse every query under it.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
expect.set_options(timeout=20_000)

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@pytest.fixture(scope="session")
def base_url() -> str:
    # The plugin's own fixture of this name is written in a way that pytest 9 warns about.
    return ""


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    chromium = os.environ.get("BISYNC_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if not chromium:
        pytest.fail("There is no Chromium on this machine: install it, or name it in BISYNC_CHROMIUM.")
    options = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
    return {**browser_type_launch_args, "executable_path": chromium, "headless": True, "args": options}


@dataclass
class Shop:
    """A project that is pulled and live in production, the people in it, and its git remote."""

    project: Project
    production: Environment
    origin: Origin
    maya: User
    tom: User
    priya: User
    ada: User

    def path(self, rest: str = "") -> str:
        return f"/{self.project.slug}/{rest}"


@pytest.fixture
def shop(ready: Ready, parsed_once: None, data_dir: Path, tmp_path: Path, live_server: object) -> Shop:
    origin = ready.origin(tmp_path / "git")
    project = make_project(url=origin.url, slug="shop")
    production = ready.connected(project)
    measure(production)
    return Shop(
        project=project,
        production=production,
        origin=origin,
        maya=make_member(project, Role.CONTRIBUTOR, name="Maya Chen"),
        tom=make_member(project, Role.REVIEWER, name="Tom Okafor"),
        priya=make_member(project, Role.PUBLISHER, name="Priya Nair"),
        ada=User.objects.get(name="Ada Admin"),
    )


def measure(environment: Environment) -> None:
    """What lists show at a glance of one metric, as after a deployment."""
    assert environment.live is not None
    numbers = by_period(reading(environment.live), MetricRef("revenue"))
    points = [[point.period.isoformat(), point.value] for point in numbers.points]
    MetricSeries.objects.create(deployment=environment.live, metric="revenue", points=points)


@pytest.fixture
def staging(shop: Shop, ready: Ready) -> Environment:
    """Live as well, where everything costs twice as much."""
    environment = environments_of(shop.project).get(slug="staging")
    deployment = ready.live(environment)
    with duckdb.connect(str(deployment.file)) as warehouse:
        warehouse.execute("UPDATE analytics.fct_orders SET net_amount = net_amount * 2")
    environment.refresh_from_db()
    measure(environment)
    return environment


Enter = Callable[..., Page]


@pytest.fixture
def enter(browser: Browser, live_server: Any) -> Iterator[Enter]:
    """A window of somebody who is signed in, or of a stranger. Nothing may crash, and nothing be refused."""
    faults: list[str] = []

    def entered(person: User | None = None, **options: Any) -> Page:
        options = {
            "locale": "en-GB",
            "reduced_motion": "reduce",
            "viewport": {"width": 1440, "height": 900},
        } | options
        context = browser.new_context(base_url=live_server.url, **options)
        if person is not None:
            client = Client()
            client.force_login(person)
            name = django_settings.SESSION_COOKIE_NAME
            context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": live_server.url}])
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(f"{page.url}: {error}"))
        page.on("console", lambda said: _refusal(said.text) and faults.append(f"{page.url}: {said.text}"))
        page.on("response", lambda got: got.status >= 500 and faults.append(f"{got.status} {got.url}"))
        return page

    yield entered
    for context in browser.contexts:
        context.close()
    assert faults == []


def _refusal(text: str) -> bool:
    return "Content Security Policy" in text or "Refused" in text


def violations(page: Page) -> list[str]:
    """What axe finds wrong with the page as it is now."""
    found = Axe().run(page, options={"runOnly": RULES, "resultTypes": ["violations"]})
    return [
        f"{violation['id']}: {node['html'][:200]}"
        for violation in found.response["violations"]
        for node in violation["nodes"]
    ]
