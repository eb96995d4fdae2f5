"""Which remotes Bisync talks to, and which branch names it passes on."""

from __future__ import annotations

import ipaddress
import re
import socket
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from bisync.lib.errors import BisyncError
from workspace.git.process import plumbing

_HOST = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_USER = r"[A-Za-z0-9_][A-Za-z0-9._-]*"
_SCP_LIKE = re.compile(rf"{_USER}@(?P<host>{_HOST}):(?!:)(?P<path>[^-].*)")
_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


class UrlRefused(BisyncError):
    code = "git-url-refused"
    message = _(
        "This is not an address that Bisync can use. Give it as https://host/path, ssh://git@host/path or "
        "git@host:path."
    )


class UrlHoldsPassword(UrlRefused):
    code = "git-url-password"
    message = _(
        "Leave the user name and the password or token out of the address. They have fields of their own."
    )


class UrlNotAllowed(UrlRefused):
    code = "git-url-not-allowed"
    message = _(
        "Bisync may not use %(place)s as a git server. Give the address of a git server in your network or "
        "on the internet."
    )


class BranchRefused(BisyncError):
    code = "git-branch-refused"
    message = _("%(branch)s cannot be the name of a branch. Give it as git shows it, for example main.")


def check_url(url: str) -> str:
    """The transport of `url` (https, http, ssh or file), provided that Bisync may use the address.

    Looks nothing up, so forms may call it; `check_host` is for the moment of use.
    """
    if not url.isprintable() or url.startswith("-"):
        raise UrlRefused
    if url.startswith("/"):
        _require_local("a folder on this machine")
        return "file"
    scp_like = _SCP_LIKE.fullmatch(url)
    if scp_like:
        _check_addresses(scp_like["host"], look_up=False)
        return "ssh"
    parts = _split(url)
    if parts.scheme == "file":
        if parts.netloc or not parts.path.startswith("/"):
            raise UrlRefused
        _require_local("a folder on this machine")
    else:
        _check_server(parts)
    return parts.scheme


def check_host(url: str) -> None:
    """Refuse `url` where its host name leads to a place that Bisync may not use."""
    scp_like = _SCP_LIKE.fullmatch(url)
    host = scp_like["host"] if scp_like else _split(url).hostname
    if host:
        _check_addresses(host, look_up=True)


def check_branch(branch: str) -> None:
    """Refuse what git would not take as the name of a branch, and what it could take for an option."""
    if not branch.isprintable() or branch.startswith("-"):
        raise BranchRefused(branch=branch)
    ref = f"refs/heads/{branch}"
    normal = plumbing("check-ref-format", "--normalize", ref, cwd=Path("/"), ok=(0, 1))
    if normal.decode().strip() != ref:
        raise BranchRefused(branch=branch)


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _port = parts.port
    except ValueError:
        raise UrlRefused from None
    return parts


def _check_server(parts: SplitResult) -> None:
    host = parts.hostname or ""
    if parts.scheme not in {"https", "http", "ssh"} or not (re.fullmatch(_HOST, host) or ":" in host):
        raise UrlRefused
    if parts.password is not None or (parts.scheme != "ssh" and parts.username is not None):
        raise UrlHoldsPassword
    if parts.username is not None and not re.fullmatch(_USER, parts.username):
        raise UrlRefused
    path = parts.path.strip("/")
    if not path or path.startswith("-") or parts.query or parts.fragment:
        raise UrlRefused
    if parts.scheme == "http":
        # Unencrypted only where nothing leaves the machine.
        if host not in _LOOPBACK_NAMES:
            raise UrlRefused
        _require_local(host)
    _check_addresses(host, look_up=False)


def _check_addresses(host: str, *, look_up: bool) -> None:
    """Refuse this machine and link-local addresses (cloud metadata), in any notation of theirs."""
    try:
        found = socket.getaddrinfo(
            host, None, type=socket.SOCK_STREAM, flags=0 if look_up else socket.AI_NUMERICHOST
        )
    except (OSError, UnicodeError):
        return  # no address: git will say so itself
    for entry in found:
        address = ipaddress.ip_address(str(entry[4][0]).partition("%")[0])
        address = getattr(address, "ipv4_mapped", None) or address
        if address.is_loopback:
            _require_local(host)
        elif address.is_link_local or address.is_multicast or address.is_unspecified:
            raise UrlNotAllowed(place=host)


def _require_local(place: str) -> None:
    if not getattr(settings, "BISYNC_LOCAL_REMOTES", True):
        raise UrlNotAllowed(place=place)
