"""Which remotes Bisync talks to, and which branch names it passes on."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from bisync.lib import addresses
from bisync.lib.errors import BisyncError
from workspace.git.process import failure, plumbing

_HOST = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_USER = r"[A-Za-z0-9_][A-Za-z0-9._-]*"
_SCP_LIKE = re.compile(rf"{_USER}@(?P<host>{_HOST}):(?!:)(?P<path>[^-].*)")
_PORTS = {"https": 443, "http": 80, "ssh": 22}
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


class UrlIsLocal(UrlNotAllowed):
    code = "git-url-local"
    message = _(
        "%(place)s is on the machine that runs Bisync, where it may not look for repositories. Give the "
        "address of a git server, or let an operator allow it by BISYNC_LOCAL_REMOTES."
    )


class UrlIsPrivate(UrlNotAllowed):
    code = "git-url-private"
    message = _(
        "%(place)s is in a private network, where Bisync may not look for repositories. Let an operator add "
        "it to BISYNC_PRIVATE_REMOTES, or give the address of a git server on the internet."
    )


class BranchRefused(BisyncError):
    code = "git-branch-refused"
    message = _("%(branch)s cannot be the name of a branch. Give it as git shows it, for example main.")


def check_url(url: str) -> str:
    """The transport of `url` (https, http, ssh or file), provided that Bisync may use the address.

    Looks nothing up, so forms may call it; `server_of` is for the moment of use.
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


@dataclass(frozen=True, slots=True)
class Server:
    """Where git is sent: what its name led to when it was judged. No addresses where there is no server."""

    host: str = ""
    port: int = 0
    addresses: tuple[str, ...] = ()


def server_of(url: str) -> Server:
    """The server of `url`, provided that Bisync may use every place that its name leads to now."""
    scp_like = _SCP_LIKE.fullmatch(url)
    parts = _split(url)
    host = scp_like["host"] if scp_like else parts.hostname
    if not host:
        return Server()
    found = _check_addresses(host, look_up=True)
    scheme = "ssh" if scp_like else parts.scheme
    if not found:
        raise failure("fetch", f"could not resolve host: {host}")
    return Server(host, parts.port or _PORTS[scheme], tuple(found))


def same_server(one: str, other: str) -> bool:
    """Whether a password for the server of `one` is sent to nobody else at `other`."""
    return _server(one) == _server(other)


def _server(url: str) -> tuple[str, str, int | None]:
    scp_like = _SCP_LIKE.fullmatch(url)
    if scp_like:
        return "ssh", scp_like["host"].lower(), None
    parts = _split(url)
    return parts.scheme, (parts.hostname or "").lower(), parts.port


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


def _check_addresses(host: str, *, look_up: bool) -> list[str]:
    """The addresses of a host, in any notation; refused where one of them is not to be called."""
    found = addresses.of_host(host, look_up=look_up)
    for text in found:
        address = addresses.plain(text)
        where = addresses.reach(address)
        if where == "local":
            _require_local(host)
        elif where == "never":
            raise UrlNotAllowed(place=host)
        elif where == "private" and not settings.BISYNC_PRIVATE_REMOTES.hold(host, address):
            raise UrlIsPrivate(place=host)
    return found


def _require_local(place: str) -> None:
    if not settings.BISYNC_LOCAL_REMOTES:
        raise UrlIsLocal(place=place)
