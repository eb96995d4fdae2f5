"""A project in which every address leads somewhere, and what each address reads of what it is sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django import forms
from django.conf import settings
from django.core.cache import caches
from django.db import transaction
from django.http import HttpResponse, QueryDict
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from catalog.models import Change, SavedView
from governance import audit
from governance.actions import link_make, token_create
from governance.models import ApiToken, AuditEvent, User
from governance.roles import Role
from notify.models import Notification
from proposals import content
from proposals.actions.authoring import item_add, proposal_open
from proposals.actions.hand_edits import fingerprint
from proposals.models import Check, CheckKind, Conflict, Item, Proposal
from semantic.fields import MetricFields
from tests.factories import PASSWORD, make_environment, make_hold, make_member, make_project, make_proposal
from tests.proposals.story import FIELDS
from tests.ready import Ready
from workspace import runs
from workspace.models import RunCommand

# What is chosen from a list, or is a number, is either one of those or refused.
CHOSEN = (
    forms.ChoiceField, forms.ModelChoiceField, forms.IntegerField, forms.FloatField, forms.BooleanField,
)  # fmt: skip
NEW_PASSWORD = "another-long-enough-password"
# What a field is sent while another one is hostile; what is not here is sent as its form first shows it.
VALUES: dict[str, Any] = {
    "name": "Hostile", "slug": "hostile", "url": "https://git.example.com/hostile.git", "branch": "main",
    "folder": "transform", "username": "bot", "adapter": "postgres", "host": "db.example.com", "port": "5432",
    "database": "shop", "user": "shop", "warehouse_password": "a-secret", "schema": "hostile",
    "dbt_target": "prod", "dbt_executable": "", "kind": "staging", "position": "7", "variables": "{}",
    "email": "eve@example.com", "roles": ["viewer"], "scopes": ["read"], "days": "30", "queue": "quick",
    "reason": "An update", "old": PASSWORD, "again": NEW_PASSWORD, "note": "Say why.", "body": "Good.",
    "theme": "dark", "shortcuts": "off", "back": "/", "grain": "month", "act": "", "fix": "",
    "label": "Discount share", "meaning": FIELDS.meaning, "context": "", "model": "fct_orders", "time": "",
    "formula": FIELDS.formula, "value_format": "percent", "rules": ["positive"], "low": "", "high": "",
    "owner": "Maya Chen", "group": "", "why": FIELDS.why, "until": "1", "kinds": ["comments"],
    "every": "week", "count": "15", "weekday": "2", "at": "06:30",
}  # fmt: skip
HERE: dict[str, dict[str, Any]] = {
    "automatic-pulls": {"act": "schedule"},
    "connect": {"kind": "https", "password": "a-token"},
    "proposal-file-edit": {"text": "models: []\n"},
    "proposal-file-restore": {"path": "models/marts/orders.yml"},
    "connect-repository": {"kind": "https", "password": "a-token"},
    "connect-warehouse": {"password": "a-secret"},
    "conflict-decide": {"choice": "own", "own": "In other words."},
    "conflict-try": {"own": "SUM(quantity)"},
    "propose": {"kind": "metric", "of": "", "metric": "", "draft": ""},
    "notification-thread": {"choice": "mute"},
    "renamed": {"same": "yes"},
    "saved-views": {"query": "kind=model"},
    "repository": {"password": "a-token"},
    "password": {"password": NEW_PASSWORD},
    "join": {"password": NEW_PASSWORD},
    "sign-in": {"username": "nobody@example.com", "password": "wrong"},
}

FILE = {"path": "models/marts/orders.yml", "before": "", "after": "models: [] # none\n", "new": True}


def addresses(
    resolver: URLResolver | None = None, names: tuple[str, ...] = ()
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The name and the arguments of every page's address."""
    for entry in (resolver or get_resolver()).url_patterns:
        found = (*names, *entry.pattern.converters)
        if isinstance(entry, URLPattern):
            assert entry.name
            yield entry.name, tuple(sorted(set(found)))
        elif entry.app_name != "admin":
            yield from addresses(entry, found)


# Programs send other things than forms, and have tests of their own.
PAGES = sorted(
    (name, arguments) for name, arguments in addresses() if not name.startswith("api") and name != "hook"
)


class Site:
    def __init__(self, ready: Ready) -> None:
        self._harmless: dict[str, dict[str, Any]] = {}
        self.project = make_project(url="https://git.example.com/shop.git")
        ready.pulled(self.project)
        ready.live(make_environment(self.project))
        self.maya = make_member(self.project, *Role, name="Maya Chen")
        self.tom = make_member(self.project, *Role, name="Tom Okafor")
        self.boss = User.objects.create_superuser("boss@example.com", PASSWORD, name="Boss")
        self.newcomer = make_member(self.project, Role.VIEWER, name="New Comer")
        self.newcomer.set_unusable_password()
        self.newcomer.save()
        self.link = link_make(person=self.newcomer, actor=self.boss)
        self.draft = make_proposal(self.project, author=self.maya, fields=FIELDS)
        self.clashed = proposal_open(project=self.project, author=self.maya, changing="revenue")
        clash = {"base": "All net revenue.", "ours": "Ours.", "theirs": "Theirs."}
        self.formula = Conflict.objects.create(item=self.clashed.items.get(), field="formula", **clash)
        self.pair = proposal_open(project=self.project, author=self.maya)
        self.second = item_add(proposal=self.pair, kind="metric", actor=self.maya, changing="revenue")
        self.reviewed = self._in_review(
            MetricFields.from_json({**FIELDS.to_json(), "name": "other_share", "label": "Other"})
        )
        run = runs.request(kind="pull", project=self.project)
        command = RunCommand.objects.create(run=run, name="dbt parse", started_at=timezone.now())
        runs.request(kind="environment.deploy", project=self.project)
        self.arguments: dict[str, Any] = {
            "project": self.project.slug, "environment": "prod", "slug": "staging", "queue": "quick",
            "hold": make_hold(self.project).pk, "key": audit.key(self.project),
            "pk": run.pk, "command": command.pk, "member": self.tom.pk, "person": self.tom.pk, "name": "revenue",
            "unique_id": "model.shop.fct_orders", "column": "net_amount",
            "conflict": Conflict.objects.create(item=self.clashed.items.get(), field="meaning", **clash).pk,
            "token": token_create(user=self.tom, name="export", scopes=["read"], days=1)[0].pk,
            "item": self.draft.items.get().pk,
        }  # fmt: skip
        self.view = SavedView.objects.create(
            project=self.project, person=self.maya, name="Mine", query="kind=model"
        )
        self.renamed = Change.objects.create(
            project=self.project,
            snapshot=self.project.snapshots.get(),
            unique_id=self.arguments["unique_id"],
            renamed="model.shop.orders",
            kind="added",
        )
        self.notification = Notification.objects.create(
            person=self.maya,
            project=self.project,
            event=AuditEvent.objects.latest("id"),
            notice="proposal.approved",
            thread=audit.key(self.reviewed),
            url=self.reviewed.get_absolute_url(),
            at=timezone.now(),
        )
        self.token: ApiToken = token_create(user=self.maya, name="mine", scopes=["read"], days=1)[0]
        self.browser = Client(raise_request_exception=False)
        self.sessions = {person.pk: self._signed_in(person) for person in (self.maya, self.tom, self.boss)}

    @staticmethod
    def _signed_in(person: User) -> str:
        client = Client()
        client.force_login(person)
        return str(client.cookies[settings.SESSION_COOKIE_NAME].value)

    def _in_review(self, fields: MetricFields) -> Proposal:
        proposal = make_proposal(self.project, author=self.maya, fields=fields)
        Proposal.objects.filter(pk=proposal.pk).update(status="in_review", submitted_at=timezone.now())
        now = content.hash_of(proposal)
        Item.objects.filter(proposal=proposal).update(files=[FILE])
        Check.objects.bulk_create(
            Check(proposal=proposal, kind=kind, status="passed", content_hash=now) for kind in CheckKind
        )
        proposal.refresh_from_db()
        return proposal

    def path(self, name: str, arguments: tuple[str, ...]) -> str:
        found = dict(self.arguments)
        authoring = name in {"proposal-edit", "proposal-save", "proposal-preview"}
        found["number"] = (self.draft if authoring else self.reviewed).number
        if name == "proposal-item-remove":
            found |= {"number": self.pair.number, "item": self.second.pk}
        if name.startswith("conflict"):
            found["number"] = self.clashed.number
        if name == "conflict-try":
            found["conflict"] = self.formula.pk
        if name == "member-link":
            found["member"] = self.newcomer.pk
        if name == "notification-read":
            found["pk"] = self.notification.pk
        if name == "token-revoke":
            found["pk"] = self.token.pk
        if name == "saved-view-delete":
            found["pk"] = self.view.pk
        if name == "renamed":
            found["pk"] = self.renamed.pk
        if name == "pull-detail":
            found["pk"] = self.project.snapshots.get().pk
        if name == "proposal-file-edit":
            return reverse(name, args=[self.project.slug, self.reviewed.number]) + f"?path={FILE['path']}"
        query = "?at=2026-01-01T00:00:00%2B00:00" if name == "notifications-unread" else ""
        return reverse(name, kwargs={argument: found[argument] for argument in arguments}) + query

    def key(self, path: str) -> int:
        """What an address of the API means by an id."""
        found = {"views": self.view.pk, "history": self.renamed.pk}
        return next((key for part, key in found.items() if f"/{part}/" in path), self.arguments["pk"])

    def client(self, name: str) -> Client:
        """Whoever may do most at this address."""
        self.browser.cookies.clear()
        if name == "join":
            self.browser.get(reverse("join"), {"key": self.link})
        elif name != "sign-in":
            judges = {"proposal-approve", "proposal-return", "renamed"}
            person = self.boss if name.startswith("system") else self.tom if name in judges else self.maya
            self.browser.cookies[settings.SESSION_COOKIE_NAME] = self.sessions[person.pk]
        return self.browser

    def sent(self, name: str, fields: set[str]) -> dict[str, Any]:
        """What is sent to an address when nobody means harm."""
        if name not in self._harmless:  # it stays the same, for all that is sent is undone
            self._harmless[name] = self._own(name)
        own = self._harmless[name]
        return {field: own[field] for field in fields if field in own}

    def _own(self, name: str) -> dict[str, Any]:
        own = {**VALUES, **HERE.get(name, {})}
        own["seen"] = content.hash_of(self.reviewed)
        if name == "proposal-file-edit":
            own["seen"] = fingerprint(str(FILE["after"]))
        if name.startswith("hold"):
            own["seen"] = "d" * 64
        if name == "conflict-decide":
            own["seen"] = Conflict.objects.get(pk=self.arguments["conflict"]).digest
        own["version"] = str(self.draft.items.get().revision.version)
        if name == "environment-edit":
            own |= {"slug": "staging"}
        own["thread"] = audit.key(self.reviewed)
        own["connection"] = str(self.project.connections.get().pk)
        return own


@contextmanager
def undone() -> Iterator[None]:
    """Nothing of what happens here stays."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
    for name in ("default", "counts"):
        caches[name].clear()


class Reads:
    """Notes which fields the views read of what they were sent, and which of these are chosen from a list."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.names: set[str] = set()
        self.chosen: set[str] = set()
        for method in ("get", "getlist", "__getitem__", "__contains__"):
            self._note(monkeypatch, method)
        clean = forms.BaseForm.full_clean

        def noting(form: forms.BaseForm) -> None:
            if form.is_bound:
                self.chosen |= {name for name, field in form.fields.items() if isinstance(field, CHOSEN)}
            clean(form)

        monkeypatch.setattr(forms.BaseForm, "full_clean", noting)

    def _note(self, monkeypatch: pytest.MonkeyPatch, method: str) -> None:
        real = getattr(QueryDict, method)

        def noting(data: QueryDict, key: str, *args: Any) -> Any:
            self.names.add(key)
            return real(data, key, *args)

        monkeypatch.setattr(QueryDict, method, noting)

    def of(self, send: Callable[[], HttpResponse]) -> HttpResponse:
        """The answer; what was read for it is in `names`, what may be chosen alone in `chosen`."""
        self.names, self.chosen = set(), set()
        answer = send()
        self.names -= {"csrfmiddlewaretoken", "x"}
        return answer
