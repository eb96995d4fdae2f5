"""Everything that the API's description lets a program send gets every hostile text, and worse than text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from typing import Any
from urllib.parse import quote

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from drf_spectacular.generators import SchemaGenerator

from governance.actions import token_create
from governance.models import User
from governance.models.tokens import Scope
from semantic.fields import with_plain_lines
from tests.hostile.site import FILE, VALUES, Site, undone
from tests.hostile.texts import CANARY, MARKER, TEXTS, harm
from tests.ready import Ready

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

ANSWERS = {200, 201, 202, 400, 403, 404, 405, 406, 409, 413, 415, 422, 429}
DEEP: Any = "x"
for _level in range(200):
    DEEP = [DEEP]
# What JSON can say and a form cannot.
WORSE: dict[str, Any] = {
    "half a character": "Sales \ud83d",
    "a zero": "\x00",
    "a number": 10**400,
    "a fraction": 1e308 * 10,
    "no number": float("nan"),
    "below nothing": -1,
    "yes": True,
    "nothing": None,
    "a list": ["Sales", {"a": 1}],
    "an object": {"$ref": "#", "__proto__": {"admin": True}, "kind": "range"},
    "much": [[]] * 5_000,
    "a deep list": DEEP,
}  # fmt: skip
# Bodies that are no object at all.
BODIES = (
    b"", b"null", b"[]", b'"x"', b"0", b"{", b"{} {}", b"\xff\xfe{}", b"\xef\xbb\xbf{}", b"[" * 100_000, b'{"a":' * 50_000,
    b'{"body": "a", "body": "b"}', b'{"note": "\\ud800"}', b'{"note": 1e999}', b"9" * 5_000,
)  # fmt: skip


@cache
def description() -> dict[str, Any]:
    schema: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return schema


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in description()["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def fields_of(operation: dict[str, Any]) -> set[str]:
    """What the body of an operation may hold."""
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    name = content.get("schema", {}).get("$ref", "").rpartition("/")[2]
    return set(description()["components"]["schemas"][name]["properties"]) if name else set()


DEEDS = [(m, p, o) for m, p, o in operations() if m != "GET"]
LOOKS = [(m, p, o) for m, p, o in operations() if m == "GET"]


class Caller:
    """Somebody's program that sends what it likes."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.client = Client(raise_request_exception=False)
        self.tokens = {user.pk: self._token(user) for user in (site.maya, site.tom)}
        self.faults: list[str] = []

    @staticmethod
    def _token(user: User) -> str:
        return token_create(user=user, name="script", scopes=Scope.values, days=1)[1]

    def path(self, path: str, **parts: str) -> str:
        """The address with the site's own things in it, or with these."""
        site = self.site
        own = {
            **site.arguments, "id": site.key(path), "unique_id": "model.shop.fct_orders",
            "number": (site.draft if path.endswith("{number}/") or "/items/" in path else site.reviewed).number,
        }  # fmt: skip
        for name, value in {**own, **parts}.items():
            path = path.replace(f"{{{name}}}", quote(str(value), safe=""))
        assert "{" not in path.replace("%7B", ""), path
        return path

    def send(self, method: str, path: str, body: bytes = b"", **headers: str) -> HttpResponse:
        user = self.site.tom if path.endswith(("/approve/", "/return/")) else self.site.maya
        headers = {"authorization": f"Bearer {self.tokens[user.pk]}", **headers}
        with undone():
            return self.client.generic(method, path, body, "application/json", headers=headers)  # type: ignore[return-value]

    def judge(self, what: str, answer: HttpResponse) -> dict[str, Any]:
        """What was told; what is wrong with it is noted."""
        if answer.status_code not in ANSWERS:
            error = getattr(answer, "exc_info", None)
            self.faults.append(f"{what}: {answer.status_code} {error[1] if error else ''!r}")
            return {}
        text = answer.content.decode()
        self.faults += [f"{what}: {found}" for found in harm(text) if found.startswith("computed")]
        told = json.loads(text, parse_constant=lambda name: self.faults.append(f"{what}: told {name}"))
        if answer.status_code >= 400 and not (told.get("code") and told.get("message")):
            self.faults.append(f"{what}: refused without a sentence")
        return told if isinstance(told, dict) else {}


@pytest.fixture
def caller(
    ready: Ready, data_dir: object, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> Iterator[Caller]:
    settings.API_RATE = (1_000_000, 60)
    monkeypatch.setenv("CANARY", CANARY)
    MARKER.unlink(missing_ok=True)
    yield Caller(Site(ready))
    assert not MARKER.exists()


def try_out(caller: Caller, method: str, path: str, fields: set[str], label: str, value: Any) -> None:
    """Send a value in every field; then in those that were not refused, until none is."""
    here, hostile = caller.path(path), set(fields)
    site = caller.site
    own = {
        **VALUES,
        "low": 0,
        "high": 1,
        "rules": [{"kind": "positive"}],
        "synonyms": ["Turnover"],
        "certified": True,
        "version": 2,
        "model": "fct_orders",
        "changing": "",
        "kind": "metric",
        "of": "",
        "fields": {},
        "choice": "own",
        "own": "In other words.",
        "same": True,
        "query": "kind=model",
        "pull": {"every": "week", "weekday": "monday", "at": "06:30"},
        "metadata": {"documentation": {"conflicts": "dbt"}},
        "digest": "",
    }
    own["content_hash"] = site.sent("", {"seen"})["seen"]
    own |= site.sent("proposal-file-edit", {"seen", "text"}) | {"path": FILE["path"]}
    while hostile:
        sent = {name: value if name in hostile else own[name] for name in fields}
        answer = caller.send(method, here, json.dumps(sent).encode())
        told = caller.judge(f"{method} {path} <- {label}", answer)
        refused = set(told.get("params", {}).get("fields", {})) if answer.status_code == 422 else set()
        if answer.status_code < 300 and isinstance(value, str) and "items" in told:
            kept = told["items"][0]["content"]
            wrong = {name for name in hostile & kept.keys() if kept[name] != with_plain_lines(value.strip())}
            if wrong - {"rules"}:
                caller.faults.append(f"{method} {path} <- {label}: kept {wrong} otherwise")
        if not refused & hostile:
            return
        hostile -= refused


def test_every_deed_is_described_with_what_it_takes() -> None:
    assert {p for _m, p, o in DEEDS if fields_of(o)} >= {
        "/api/v1/projects/{project}/proposals/", "/api/v1/projects/{project}/proposals/{number}/comments/",
    }  # fmt: skip
    assert all(
        parameter["in"] in {"path", "query", "header"}
        for _m, _p, o in operations()
        for parameter in o.get("parameters", [])
    )


def test_each_text_in_a_body_is_refused_by_field_or_kept_as_it_is(caller: Caller) -> None:
    for number, (method, path, operation) in enumerate(DEEDS):
        # The same code refuses them whatever the database: every fourth on SQLite, the rest on PostgreSQL.
        for place, (label, value) in enumerate({**TEXTS, **WORSE}.items(), number):
            if (place % 4 == 0) != (connection.vendor == "sqlite"):
                continue
            try_out(caller, method, path, fields_of(operation), label, value)
    # What is no object at all reaches no database.
    for body in BODIES if connection.vendor == "sqlite" else ():
        for method, path, operation in DEEDS:
            if fields_of(operation):
                caller.judge(
                    f"{method} {path} <- {body[:20]!r}", caller.send(method, caller.path(path), body)
                )
    assert caller.faults == []


def test_each_text_in_an_address_or_a_header_is_refused_or_finds_nothing(caller: Caller) -> None:
    if connection.vendor == "sqlite":
        pytest.skip("the same requests are sent on PostgreSQL")
    named: set[str] = set()
    for method, path, operation in LOOKS:
        parameters = operation.get("parameters", [])
        asked = [p["name"] for p in parameters if p["in"] == "query"]
        parts = [p["name"] for p in parameters if p["in"] == "path" and p["schema"]["type"] == "string"]
        new = set(parts) - named  # the same part is read alike wherever it stands
        named |= new
        for label, text in TEXTS.items():
            what, short = f"{method} {path} <- {label}", text[:1500]
            words = "&".join(f"{name}={quote(short)}" for name in asked)
            if asked:
                caller.judge(what, caller.send(method, f"{caller.path(path)}?{words}"))
            for part in new if "/" not in short else ():
                answer = caller.send(method, caller.path(path, **{part: short}))
                assert answer.status_code in {200, 404, 422}, what
                assert harm(answer.content.decode()) == []
    comments = caller.path("/api/v1/projects/{project}/proposals/{number}/comments/")
    for label, text in TEXTS.items():
        headers = {"Idempotency-Key": text[:300].encode().decode("latin-1")}
        caller.judge(f"key <- {label}", caller.send("POST", comments, b'{"body": "Good."}', **headers))
    assert caller.faults == []
