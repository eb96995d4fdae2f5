"""The whole loop over HTTP, as three different people: propose, approve, publish, and see it published."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from http.cookiejar import CookieJar
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, Request, build_opener

from bisync.demo.company import PASSWORD, PEOPLE, SLUG
from bisync.lib.errors import BisyncError
from environments.models import Deployment
from environments.numbers import by_period
from environments.selectors import reading
from proposals.models import Proposal
from semantic.formula.tree import MetricRef
from semantic.models import Definition
from workspace.repositories import mirror_of

LABEL = "Refunded share of net revenue"
NAME = "refunded_share_of_net_revenue"
METRIC = {
    "label": LABEL,
    "meaning": "How much of the revenue from completed orders customers got back.",
    "context": "The returns team watches it month by month.",
    "formula": "SUM(refund_amount) / SUM(net_amount)",
    "model": "fct_orders",
    "value_format": "percent",
    "rules": ["not_null", "positive"],
    "high": "1",
    "owner": "Maya Chen",
    "why": "Returns are discussed every Monday, with three different numbers.",
}
PATIENCE = 180


class SmokeFailed(BisyncError):
    code = "smoke-failed"
    message = "The loop stopped: %(why)s"


class Browser:
    """One person's browser: cookies, forms, and what the last page said."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.jar = CookieJar()
        self.opener = build_opener(HTTPCookieProcessor(self.jar))
        self.page = ""
        self.url = ""

    def get(self, path: str) -> str:
        return self._open(Request(self.address + path))  # noqa: S310 (our own address)

    def post(self, path: str, **fields: object) -> str:
        data = urlencode(fields, doseq=True).encode()
        token = next((cookie.value for cookie in self.jar if cookie.name.endswith("csrf")), "") or ""
        headers = {"X-CSRFToken": token, "Referer": self.address + path}
        return self._open(Request(self.address + path, data=data, headers=headers))  # noqa: S310

    def _open(self, request: Request) -> str:
        try:
            with self.opener.open(request, timeout=30) as answer:
                self.page, self.url = answer.read().decode(), answer.geturl()
        except HTTPError as exc:
            said = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", exc.read().decode()))
            raise SmokeFailed(why=f"{request.full_url} answered {exc.code}: {said[:600]}") from exc
        return self.page

    def field(self, name: str) -> str:
        """The value of a hidden or text field of the last page."""
        for tag in re.findall(r"<input[^>]*>", self.page):
            if f'name="{name}"' in tag:
                found = re.search(r'value="([^"]*)"', tag)
                return found[1] if found else ""
        raise SmokeFailed(why=f"{self.url} has no field {name}")

    def sign_in(self, email: str) -> None:
        self.get("/sign-in/")
        self.post("/sign-in/", username=email, password=PASSWORD)
        if "/sign-in/" in self.url:
            raise SmokeFailed(why=f"{email} could not sign in")


class Smoke:
    """Drives the loop and prints each step with its time; calls `meanwhile` while workers work."""

    def __init__(
        self, address: str, say: Callable[[str], object], meanwhile: Callable[[], None] = lambda: None
    ) -> None:
        self.say, self.meanwhile = say, meanwhile
        self.maya, self.tom, self.priya = (Browser(address) for _ in range(3))
        self.number = 0

    def drive(self) -> int:
        """0 where the metric came all the way round, 1 with the reason printed otherwise."""
        started = time.monotonic()
        steps: tuple[tuple[str, Callable[[], None]], ...] = (
            ("Three people sign in", self.sign_in),
            ("Maya proposes a metric and sees its number", self.propose),
            ("Its checks pass", self.checks),
            ("Maya cannot approve it herself", self.own_approval),
            ("Tom approves it", self.approve),
            ("Priya publishes it", self.publish),
            ("It is committed, built, pulled and published", self.published),
            ("It is in the git remote", self.in_remote),
            ("It is in production's build", self.in_build),
            ("Its page shows it as published", self.on_page),
        )
        for name, step in steps:
            before = time.monotonic()
            try:
                step()
            except BisyncError as exc:
                self.say(f"  failed  {name}: {exc}")
                return 1
            self.say(f"  {time.monotonic() - before:5.1f} s  {name}")
        self.say(f"  {time.monotonic() - started:5.1f} s  in all")
        return 0

    def sign_in(self) -> None:
        for browser, person in zip((self.maya, self.tom, self.priya), PEOPLE, strict=False):
            browser.sign_in(person.email)

    def propose(self) -> None:
        self.maya.get(f"/{SLUG}/prod/propose/")
        self.maya.post(f"/{SLUG}/prod/propose/")
        found = re.search(r"/proposals/(\d+)/edit/", self.maya.url)
        if not found:
            raise SmokeFailed(why=f"no draft was opened, but {self.maya.url}")
        self.number = int(found[1])
        edit = f"/{SLUG}/prod/proposals/{self.number}/edit/"
        version = self.maya.field("version")
        self.maya.post(edit, act="preview", version=version, **METRIC)
        if "fct_orders" not in self.maya.page or "Reads as" not in self.maya.page:
            raise SmokeFailed(why="the preview shows no number")
        self.maya.post(edit, act="send", version=self.maya.field("version"), **METRIC)
        self._until(lambda: self._proposal().status == "in_review", "it was not sent for review")

    def checks(self) -> None:
        def settled() -> bool:
            states = set(self._proposal().checks.values_list("status", flat=True))
            return bool(states) and not states & {"waiting", "running"}

        self._until(settled, "the checks did not end")
        failed = self._proposal().checks.exclude(status="passed").first()
        if failed:
            raise SmokeFailed(why=f"{failed}: {failed.message}")

    def own_approval(self) -> None:
        page = f"/{SLUG}/proposals/{self.number}/"
        self.tom.get(page)
        try:
            self.maya.post(f"{page}approve/", seen=self.tom.field("seen"))
        except SmokeFailed as exc:
            if "answered 403" in str(exc):
                return
        raise SmokeFailed(why="the author's approval was not refused")

    def approve(self) -> None:
        page = f"/{SLUG}/proposals/{self.number}/"
        self.tom.get(page)
        self.tom.post(f"{page}approve/", seen=self.tom.field("seen"))
        if self._proposal().status != "approved":
            raise SmokeFailed(why=f"the proposal is {self._proposal().status}")

    def publish(self) -> None:
        self.priya.get(f"/{SLUG}/proposals/{self.number}/")
        self.priya.post(f"/{SLUG}/proposals/{self.number}/publish/")

    def published(self) -> None:
        self._until(lambda: self._proposal().status == "published", "it was not published in time")

    def in_remote(self) -> None:
        proposal = self._proposal()
        mirror = mirror_of(proposal.project.repository)
        head = mirror.fetch()
        commits = [c for c in mirror.log(head) if f"{SLUG}#{self.number}" in c.body and LABEL in c.subject]
        if [c.sha for c in commits] != [proposal.published_commit]:
            raise SmokeFailed(why=f"the remote has {len(commits)} commits for it")

    def in_build(self) -> None:
        proposal = self._proposal()
        live = Deployment.objects.get(environment=proposal.target, status="live")
        if live.commit != proposal.published_commit:
            raise SmokeFailed(why=f"production is at {live.commit[:8]}")
        now = by_period(reading(live), MetricRef(NAME)).now
        if now is None or now.value is None:
            raise SmokeFailed(why="production gives no number for it")

    def on_page(self) -> None:
        if not Definition.objects.filter(name=NAME, state="published").exists():
            raise SmokeFailed(why="no published definition has its name")
        page = self.tom.get(f"/{SLUG}/prod/metrics/{NAME}/")
        if LABEL not in page or "Published" not in page:
            raise SmokeFailed(why="its page does not say so")

    def _proposal(self) -> Proposal:
        return Proposal.objects.select_related("project__repository", "target").get(
            project__slug=SLUG, number=self.number
        )

    def _until(self, done: Callable[[], bool], complaint: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not done():
            if time.monotonic() > deadline:
                progress = f"the proposal is {self._proposal().status}"
                raise SmokeFailed(why=f"{complaint} ({progress})")
            self.meanwhile()
            time.sleep(0.3)
