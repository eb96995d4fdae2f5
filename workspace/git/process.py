"""The only place that starts git: nothing inherited, nothing asked, every failure by its name."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from bisync.lib.errors import BisyncError
from bisync.lib.process import UNLIMITED, Limits
from workspace import commands
from workspace.git.sanitise import printed_line

NOTHING: Mapping[str, str] = MappingProxyType({})
_ASKPASS = Path(__file__).with_name("askpass.sh")
_REACHES_OUT = frozenset({"fetch", "push", "ls-remote"})
_KEPT_STDERR = 4000
_MOST_PRINTED = 64_000_000
_KEPT_WORDS = 600
# What git adds to every failure over SSH, after the line that tells why.
_SAYS_NOTHING = (
    "fatal: Could not read from remote repository",
    "Please make sure you have the correct access rights",
    "and the repository exists",
    "warning:",
    "hint:",
)

# Given by environment variables, which outrank every file and keep the recorded command lines readable.
_CONFIG = {
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    "core.attributesFile": "/dev/null",
    "core.symlinks": "false",
    "core.autocrlf": "false",
    "core.safecrlf": "false",
    "core.protectHFS": "true",
    "core.protectNTFS": "true",
    # Another fetch of the same mirror holds its locks for milliseconds: wait for it.
    "core.filesRefLockTimeout": "5000",
    "core.packedRefsTimeout": "5000",
    "credential.helper": "",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "protocol.ext.allow": "never",
    "http.followRedirects": "false",
    "http.lowSpeedLimit": "1",
    "http.lowSpeedTime": "60",
    "submodule.recurse": "false",
    "safe.directory": "*",
}
ENVIRONMENT = {
    # Nobody can put a .netrc or a .gitconfig into a directory that does not exist.
    "HOME": "/nonexistent",
    "LC_ALL": "C.UTF-8",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_LITERAL_PATHSPECS": "1",
    # No transport at all; a command that reaches out names the one it needs.
    "GIT_ALLOW_PROTOCOL": "",
    "GIT_SSH_COMMAND": "ssh -o BatchMode=yes -o ConnectTimeout=15",
    "GIT_SSH_VARIANT": "ssh",
    "GIT_CONFIG_COUNT": str(len(_CONFIG)),
    **{f"GIT_CONFIG_KEY_{n}": key for n, key in enumerate(_CONFIG)},
    **{f"GIT_CONFIG_VALUE_{n}": value for n, value in enumerate(_CONFIG.values())},
}


class GitFailed(BisyncError):
    """git ended with an error. `stderr` is all it printed, `words` the lines that say why."""

    code = "git-failed"
    message = _("git %(command)s failed: %(words)s")

    @property
    def symptom(self) -> str:
        """What git's words come down to, for example `unreachable`; `failed` where they say nothing known."""
        return self.code.removeprefix("git-")


class GitUnreachable(GitFailed):
    code = "git-unreachable"
    message = _(
        "The git server cannot be reached: %(words)s. Check the address and the network, then try again."
    )
    http_status = 503
    temporary = True


class GitUntrusted(GitFailed):
    code = "git-untrusted"
    message = _(
        "The git server could not prove who it is: %(words)s. Install its certificate on the machine that "
        "runs Bisync."
    )


class GitHostChanged(GitUntrusted):
    code = "git-host-changed"
    message = _(
        "The git server shows another SSH host key than the one that was agreed to: it was set up anew, or "
        "somebody stands between. Ask whoever runs it, then let Bisync read its key again."
    )


class GitRefused(GitFailed):
    code = "git-access-denied"
    message = _(
        "The git server refused access: %(words)s. Check the user name, the password or token, and what "
        "they are allowed to do with this repository."
    )


class GitKeyRefused(GitRefused):
    code = "git-key-refused"
    message = _(
        "The git server does not accept Bisync's key: %(words)s. Add the public key that Bisync shows as a "
        "deploy key of the repository, with the right to push, then try again."
    )


class GitNoRepository(GitFailed):
    code = "git-no-repository"
    message = _(
        "There is no repository at this address, or this account may not see it: %(words)s. "
        "Check the address and the access rights."
    )


class GitNoBranch(GitFailed):
    code = "git-no-branch"
    message = _("The repository has no branch %(branch)s. It has: %(branches)s. Choose one of them.")


class GitEmpty(GitNoBranch):
    code = "git-empty"
    message = _("The repository is empty. Push a first commit to its branch %(branch)s, then try again.")


class GitBusy(GitFailed):
    code = "git-busy"
    message = _("Something else is just changing the repository: %(words)s. Try again in a moment.")
    http_status = 409
    temporary = True


class RemoteMoved(GitFailed):
    code = "git-remote-moved"
    message = _("Branch %(branch)s has moved on since this change was prepared. Pull, then publish again.")
    http_status = 409


class PushDenied(GitFailed):
    code = "git-push-denied"
    message = _(
        "The git server does not accept the commit: %(words)s. Allow this account to push to the branch, "
        "or choose another branch."
    )


class GitTooLarge(BisyncError):
    code = "git-too-large"
    message = _(
        "The repository is too large for Bisync: %(what)s. Take large files out of its branch, or give "
        "Bisync a higher BISYNC_REPOSITORY_MB and the disk for it."
    )
    http_status = 422


class GitStopped(BisyncError):
    code = "git-stopped"
    message = _("git %(command)s was stopped together with its run.")


# The first kind whose text occurs in git's (lower-case) output. The order matters: git adds "could not read
# from remote repository" to every failure over SSH, and a server says 403 to a push that it denies.
_SYMPTOMS: tuple[tuple[type[GitFailed], tuple[str, ...]], ...] = (
    (GitFailed, ("no space left on device",)),
    (GitBusy, ("cannot lock ref", "unable to create '", "incorrect old value", "failed to update ref")),
    (PushDenied, ("remote rejected]", "hook declined", "protected branch")),
    (GitHostChanged, ("host key verification failed", "no matching host key type")),
    (GitUntrusted, ("certificate problem", "certificate verification failed")),
    (GitKeyRefused, ("permission denied (publickey",)),
    (
        GitNoRepository,
        (
            "repository not found",
            "' not found",
            "does not appear to be a git repository",
            "could not be found",
            "is this a git repository?",
            "returned error: 404",
            "returned error: 30",  # moved: redirects are not followed
        ),
    ),
    (
        GitRefused,
        (
            "authentication failed",
            "could not read username",
            "could not read password",
            "returned error: 401",
            "returned error: 403",
            "permission denied",
            "access denied",
            "not granted",
            "dubious ownership",
        ),
    ),
    (
        GitUnreachable,
        (
            "could not resolve",
            "failed to connect",
            "connection refused",
            "connection reset",
            "connection closed",
            "timed out",
            "unreachable",
            "no route to host",
            "operation too slow",
            "empty reply from server",
            "returned error: 5",
            "returned error: 429",
            "rpc failed",
            "hung up unexpectedly",
            "unexpected disconnect",
            "early eof",
            "tls connection",
            "unable to access",
            "could not read from remote repository",
        ),
    ),
)


def credentials(username: str, password: str) -> dict[str, str]:
    """The environment in which git learns a password by asking; empty without one."""
    if not password:
        return {}
    return {
        "GIT_ASKPASS": str(_ASKPASS),
        # With a token the forges accept any name, but not an empty one.
        "BISYNC_GIT_USERNAME": username or "x-access-token",
        "BISYNC_GIT_PASSWORD": password,
    }


def pinned(host: str, port: int, addresses: Sequence[str]) -> dict[str, str]:
    """The environment in which git over HTTP finds `host` at these addresses, whatever its name leads to.

    Between our look at a name and git's own, its owner may let it lead somewhere else.
    """
    if not addresses or ":" in host:
        return {}  # no server, or an address already
    known = ",".join(f"[{address}]" if ":" in address else address for address in addresses)
    return {
        "GIT_CONFIG_COUNT": str(len(_CONFIG) + 1),
        f"GIT_CONFIG_KEY_{len(_CONFIG)}": "http.curloptResolve",
        f"GIT_CONFIG_VALUE_{len(_CONFIG)}": f"{host}:{port}:{known}",
    }


def git(
    *args: str,
    cwd: Path,
    env: Mapping[str, str] = NOTHING,
    secrets: Collection[str] = (),
    timeout: float | None = None,
    stdin: str | bytes | None = None,
    ok: Collection[int] = (0,),
    limits: Limits = UNLIMITED,
) -> str:
    """Run git as a recorded command and return its stdout.

    `env` is added to an environment that holds nothing of ours. `secrets` are struck out of whatever git
    prints before anyone, the record included, gets to see it.
    """
    limit = timeout or settings.GIT_TIMEOUT_SECONDS
    finished = commands.run(
        f"git {args[0]}",
        ["git", *args],
        cwd=cwd,
        env=_environment(cwd, env),
        secrets=secrets,
        timeout=limit,
        stdin=stdin,
        limits=limits,
    )
    if finished.cancelled:
        raise GitStopped(command=args[0])
    if finished.timed_out:
        raise failure(args[0], _no_answer(limit))
    if finished.exit_code not in ok:
        raise failure(args[0], finished.output)
    return finished.stdout


def plumbing(
    *args: str,
    cwd: Path,
    env: Mapping[str, str] = NOTHING,
    stdin: bytes = b"",
    ok: Collection[int] = (0,),
    patience: float | None = None,
) -> bytes:
    """What a command that only reads this machine's objects prints, byte for byte.

    Pages read through it as well as runs, so it is not recorded; it never has a secret to print. A page may
    have less `patience`, in seconds, than the settings allow.
    """
    limit = patience or settings.GIT_TIMEOUT_SECONDS
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as complaints:
        given.write(stdin)
        given.seek(0)
        with subprocess.Popen(
            ["git", *args],
            cwd=cwd,
            env=_environment(cwd, env),
            stdin=given,
            stdout=subprocess.PIPE,
            stderr=complaints,
            start_new_session=True,
        ) as child:
            printed = _bounded(child, limit)
        if len(printed) > _MOST_PRINTED:
            raise GitTooLarge(what=f"git {args[0]} has more than {_MOST_PRINTED // 1_000_000} MB to tell")
        if child.returncode == -signal.SIGKILL:
            raise failure(args[0], _no_answer(limit))
        if child.returncode not in ok:
            complaints.seek(0)
            raise failure(args[0], complaints.read(_MOST_PRINTED).decode("utf-8", "replace"))
    return printed


def _bounded(child: subprocess.Popen[bytes], limit: float) -> bytes:
    """What `child` prints until it ends, is late, or said too much: a few objects may stand for any tree."""
    assert child.stdout is not None
    late = threading.Timer(limit, child.kill)
    late.start()
    try:
        printed = child.stdout.read(_MOST_PRINTED + 1)
        if len(printed) > _MOST_PRINTED:
            child.kill()
        child.wait()
    finally:
        late.cancel()
    return printed


def _environment(cwd: Path, extra: Mapping[str, str]) -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "GIT_CEILING_DIRECTORIES": str(cwd.parent),
        **ENVIRONMENT,
        **extra,
    }


def _no_answer(limit: float) -> str:
    return f"timed out: no answer within {limit:g} seconds"


def failure(command: str, printed: str) -> GitFailed:
    """The error that git's own output points to. Only a remote can refuse, be missing or be away."""
    lowered = printed.lower()
    kind: type[GitFailed] = GitFailed
    if command in _REACHES_OUT:
        kind = next((kind for kind, texts in _SYMPTOMS if any(t in lowered for t in texts)), GitFailed)
    lines = [printed_line(line) for line in printed.splitlines()]
    return kind(command=command, stderr="\n".join(lines)[-_KEPT_STDERR:], words=_words(lines)[:_KEPT_WORDS])


def _words(lines: list[str]) -> str:
    """What the server said; else the refusal of the push; else git's own first complaint."""
    said = [line.removeprefix("remote:").strip() for line in lines if line.startswith("remote:")]
    if any(said):
        return " ".join(filter(None, said)).rstrip(".")
    telling = [line.strip() for line in lines if line and not line.startswith(_SAYS_NOTHING)]
    for prefixes in (("!",), ("fatal:", "error:"), ("",)):
        for line in telling:
            if line.startswith(prefixes):
                return line.removeprefix("fatal:").removeprefix("error:").strip().rstrip(".")
    return "it gave no reason"
