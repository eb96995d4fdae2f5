"""What pages need to show a run while it goes on."""

from __future__ import annotations

import shlex

from django.urls import reverse

from bisync.lib import log_lines
from bisync.lib.web import swapping
from governance.web import Request
from workspace import actions, selectors
from workspace.dbt import events
from workspace.models import Run, RunCommand


def run_context(request: Request, run: Run) -> dict[str, object]:
    """The run, its commands, the ends of their output, and what this person may do to it.

    `known` is the number of commands on the page, so that a poll only brings later ones.
    """
    commands = list(run.commands.all())
    known = number(request, "known") if swapping(request) else 0
    return {
        "run": run,
        "about": selectors.subjects_of([run]).get(run.pk, ""),
        "count": len(commands),
        "commands": [
            (step, command, *_output(request, run, command))
            for step, command in enumerate(commands[known:], start=known + 1)
        ],
        "may_stop": actions.may_stop(request.user, run),
        "may_repeat": actions.may_repeat(request.user, run),
        "drain": None if run.finished else selectors.drains().get(run.queue),
    }


def number(request: Request, name: str) -> int:
    """A number in the address; 0 where there is none."""
    asked = request.GET.get(name, "")
    return int(asked) if asked.isdecimal() and len(asked) < 19 else 0


def _output(request: Request, run: Run, command: RunCommand) -> tuple[log_lines.LogTail, str]:
    """The end of what a command printed, and where more will be; or the lines around `at` (log-7-12)."""
    more = later(run, command)
    _log, pk, line = (*request.GET.get("at", "").split("-"), "", "")[:3]
    lines = command.output.splitlines()
    if pk != str(command.pk) or not line.isdecimal() or len(line) > 9:
        return tail(command.output), more
    end = int(line) + log_lines.LIMIT // 2
    return tail("\n".join(lines[:end])), more if end >= len(lines) else ""


def tail(output: str, *, first: int = 1) -> log_lines.LogTail:
    """The end of what a command printed, in words; the first line of `output` has the number `first`."""
    return log_lines.tail(output, first=first, read=events.said)


def later(run: Run, command: RunCommand) -> str:
    """Where the lines that are still to come will be; "" where none will."""
    if run.finished or command.finished_at is not None:
        return ""
    url = reverse("run-output", args=[run.project.slug, run.pk, command.pk])
    return f"{url}?after={len(command.output.splitlines())}"


def hook_script(address: str) -> str:
    """The shell commands that announce a push to the address of a webhook."""
    return "\n".join(
        (
            "at=$(date +%s)",
            'mac=$(printf "%s." "$at" | openssl dgst -sha256 -hmac "$BISYNC_HOOK_SECRET" -r)',
            'curl -X POST -H "X-Bisync-Timestamp: $at" -H "X-Bisync-Signature: sha256=${mac%% *}" \\',
            f"  {shlex.quote(address)}",
        )
    )
