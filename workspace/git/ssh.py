"""SSH remotes: a key pair of Bisync's own, a host key that somebody agreed to, nothing of the machine's."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import shlex
import shutil
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from django.utils.translation import gettext_lazy as _

from bisync.lib.errors import BisyncError
from workspace import commands
from workspace.git.process import failure
from workspace.git.urls import Server, check_url, server_of

# From the best on: one is agreed to, so one fingerprint has to be compared.
_TYPES = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa")
_HOST_KEY = re.compile(rf"({'|'.join(_TYPES)}) ([A-Za-z0-9+/]{{40,8000}}={{0,2}})")
# The host key belongs to the repository's server, under whatever name and port it is called.
_ALIAS = "repository"
_SCAN_SECONDS = 10
_OPTIONS = (
    "BatchMode=yes",
    "ConnectTimeout=15",
    "StrictHostKeyChecking=yes",
    "GlobalKnownHostsFile=/dev/null",
    "UpdateHostKeys=no",
    "VerifyHostKeyDNS=no",
    "CheckHostIP=no",
    "CanonicalizeHostname=no",
    f"HostKeyAlias={_ALIAS}",
    "IdentitiesOnly=yes",
    "IdentityAgent=none",
    "PreferredAuthentications=publickey",
    "ForwardAgent=no",
    "ClearAllForwardings=yes",
    "PermitLocalCommand=no",
    "ProxyCommand=none",
    "ControlPath=none",
)


class SshMissing(BisyncError):
    code = "git-no-ssh"
    message = _(
        "This machine has no %(program)s, which addresses over SSH need. Install openssh-client where "
        "Bisync's workers run, then try again."
    )
    http_status = 503


class SshNoKey(BisyncError):
    code = "git-no-key"
    message = _(
        "Bisync has no key for this repository yet. Let it make one under Repository, and add its public "
        "part as a deploy key."
    )
    http_status = 409


class SshHostUnknown(BisyncError):
    code = "git-host-unknown"
    message = _(
        "Nobody has agreed to the host key of %(host)s yet. Test the connection under Repository, and "
        "compare the fingerprint that it shows."
    )
    http_status = 409


def new_key() -> tuple[str, str]:
    """A new Ed25519 key pair: the private key as OpenSSH reads it, and the line to give away."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    return private, f"{public} bisync"


def fingerprint(host_key: str) -> str:
    """A host key's fingerprint as OpenSSH and the forges print it."""
    digest = hashlib.sha256(base64.b64decode(host_key.split(" ")[1])).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def scan(url: str) -> str:
    """The host key that the server of `url` shows now. Nobody has vouched for it yet."""
    check_url(url)
    server = server_of(url)
    _require("ssh-keyscan")
    finished = commands.run(
        "ssh-keyscan",
        [
            *("ssh-keyscan", "-T", str(_SCAN_SECONDS), "-t", "ed25519,ecdsa,rsa"),
            *("-p", str(server.port), "--", server.addresses[0]),
        ],
        cwd=Path("/"),
        env=_environment(),
        timeout=3 * _SCAN_SECONDS,
    )
    found = {match[1]: match[0] for match in _HOST_KEY.finditer(finished.stdout)}
    for kind in _TYPES:
        if kind in found:
            return found[kind]
    raise failure("fetch", f"unable to access {server.host}:{server.port}: no SSH server answers there")


def access(folder: Path, server: Server, *, key: str, host_key: str) -> dict[str, str]:
    """The environment in which git reaches `server` over SSH; what ssh reads lies in `folder` meanwhile."""
    _require("ssh")
    if not key:
        raise SshNoKey
    if not host_key:
        raise SshHostUnknown(host=server.host)
    identity, known = folder / "key", folder / "known_hosts"
    _write(identity, key)
    _write(known, f"{_ALIAS} {host_key}\n")
    # Without a file of settings, and to the very address that was judged.
    options = [
        *_OPTIONS,
        f"HostName={server.addresses[0]}",
        f"UserKnownHostsFile={_word(known)}",
        f"IdentityFile={_word(identity)}",
    ]
    command = ["ssh", "-F", "none", *(part for option in options for part in ("-o", option))]
    return {"GIT_SSH_COMMAND": shlex.join(command)}


def _word(path: Path) -> str:
    """A path as one word of an ssh setting."""
    return '"' + str(path).replace("%", "%%") + '"'


def _write(path: Path, text: str) -> None:
    path.touch(mode=0o600, exist_ok=False)
    path.write_text(text, encoding="ascii")


def _environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", os.defpath), "HOME": "/nonexistent", "LC_ALL": "C.UTF-8"}


def _require(program: str) -> None:
    if shutil.which(program) is None:
        raise SshMissing(program=program)
