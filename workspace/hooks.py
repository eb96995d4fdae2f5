"""Whether a webhook may be believed, and what it announces. Without the database and without a request."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from django.utils.translation import gettext_lazy as _

from bisync.lib.errors import BisyncError
from workspace.models.hooks import Forge, Outcome

MOST_BYTES = 25_000_000  # what GitHub sends at most
CLOCKS_DIFFER = 300
_BRANCH = "refs/heads/"

# The header that proves each kind. GitHub sends Bitbucket's as well, with an older digest: so it comes first.
_PROOF = {
    Forge.PLAIN: "X-Bisync-Signature",
    Forge.GITLAB: "X-Gitlab-Token",
    Forge.GITHUB: "X-Hub-Signature-256",
    Forge.BITBUCKET: "X-Hub-Signature",
}
# What tells two deliveries apart besides their content; a second attempt at the same one has the same.
_DELIVERY = {
    Forge.PLAIN: "X-Bisync-Timestamp",
    Forge.GITLAB: "X-Gitlab-Event-UUID",
    Forge.GITHUB: "X-GitHub-Delivery",
    Forge.BITBUCKET: "X-Request-UUID",
}
_EVENT = {
    Forge.GITLAB: ("X-Gitlab-Event", "Push Hook"),
    Forge.GITHUB: ("X-GitHub-Event", "push"),
    Forge.BITBUCKET: ("X-Event-Key", "repo:push"),
}


class HookRefused(BisyncError):
    code = "hook-refused"
    message = _(
        "This address and this signature do not belong together. Compare both with the page “Strategy and "
        "frequency” in Bisync, or make a new secret there."
    )
    http_status = 401


class HookStale(BisyncError):
    code = "hook-stale"
    message = _(
        "The signature is right, but its time is not within five minutes of now. Sign again; if that does "
        "not help, compare the clocks."
    )
    http_status = 401


class HookRepeated(BisyncError):
    code = "hook-repeated"
    message = _("This delivery has been here before, so nothing was done.")
    http_status = 409


class HookTooLong(BisyncError):
    code = "hook-too-long"
    message = _("This is more than a webhook may hold: 25 MB.")
    http_status = 413


class HookUnreadable(BisyncError):
    code = "hook-unreadable"
    message = _("The signature is right, but the content is not what this forge sends of a push, as JSON.")
    http_status = 422


@dataclass(frozen=True, slots=True)
class Proven:
    """A webhook whose sender knows the secret. What it says has not been read yet."""

    forge: Forge
    headers: Mapping[str, str]
    body: bytes

    @property
    def digest(self) -> str:
        """The same for the same delivery, sent again."""
        said = self.headers.get(_DELIVERY[self.forge], "").encode("utf-8", "replace")
        parts = (self.forge.value.encode(), hashlib.sha256(said).digest(), self.body)
        return hashlib.sha256(b"\n".join(parts)).hexdigest()

    def outcome(self, branch: str) -> Outcome:
        """What it means for whoever follows this branch."""
        if self.forge == Forge.GITHUB and self.headers.get("X-GitHub-Event") == "ping":
            return Outcome.PING
        header, push = _EVENT.get(self.forge, ("", ""))
        if header and self.headers.get(header) != push:
            return Outcome.EVENT
        try:
            refs = self._refs()
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            return Outcome.UNREADABLE
        return Outcome.PULL if refs is None or f"{_BRANCH}{branch}" in refs else Outcome.BRANCH

    def _refs(self) -> set[str] | None:
        """The refs that were pushed; None where it does not say, so that it may be any."""
        if self.forge == Forge.PLAIN and not self.body.strip():
            return None
        data = self._json()
        if self.forge == Forge.BITBUCKET:
            new = [change["new"] for change in data["push"]["changes"] if change["new"] is not None]
            return {f"{_BRANCH}{ref['name']}" for ref in new if ref["type"] == "branch"}
        if self.forge == Forge.PLAIN and "ref" not in data:
            return None
        if not isinstance(data["ref"], str):
            raise TypeError(data["ref"])
        return {data["ref"]}

    def _json(self) -> dict[str, Any]:
        text = self.body.decode()
        # What GitHub sends unless it is told to send JSON.
        form = self.headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded")
        if self.forge == Forge.GITHUB and form:
            text = parse_qs(text)["payload"][0]
        data = json.loads(text)
        if not isinstance(data, dict):
            raise TypeError(type(data))
        return data


def prove(headers: Mapping[str, str], body: bytes, *, secret: str, now: float) -> Proven:
    """The webhook, if whoever sent it knows `secret`; "" is a secret that nobody knows.

    Raises `HookRefused`, and `HookStale` for one that was signed long ago.
    """
    forge = next((forge for forge, header in _PROOF.items() if headers.get(header)), Forge.PLAIN)
    # Compared in any case: how long the answer takes says nothing about the address.
    key = (secret or secrets.token_hex()).encode()
    if not hmac.compare_digest(_expected(forge, headers, body, key), _given(forge, headers)):
        raise HookRefused
    if forge == Forge.PLAIN and not _is_fresh(headers, now):
        raise HookStale
    return Proven(forge, headers, body)


def signature(key: bytes, content: bytes) -> str:
    """The signature of `content` as headers have it."""
    return f"sha256={hmac.new(key, content, hashlib.sha256).hexdigest()}"


def _given(forge: Forge, headers: Mapping[str, str]) -> bytes:
    return headers.get(_PROOF[forge], "").encode("utf-8", "replace")


def _expected(forge: Forge, headers: Mapping[str, str], body: bytes, key: bytes) -> bytes:
    if forge == Forge.GITLAB:
        return key
    if forge == Forge.PLAIN:
        at = headers.get("X-Bisync-Timestamp", "").encode("utf-8", "replace")
        return signature(key, at + b"." + body).encode()
    return signature(key, body).encode()


def _is_fresh(headers: Mapping[str, str], now: float) -> bool:
    said = headers.get("X-Bisync-Timestamp", "")
    return said.isascii() and said.isdecimal() and len(said) < 12 and abs(now - int(said)) <= CLOCKS_DIFFER
