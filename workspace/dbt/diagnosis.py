"""From what dbt printed to an error that says where, why, and what next."""

from __future__ import annotations

import re
import signal
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings
from django.utils.translation import gettext as _

from workspace.dbt import events, packages, places
from workspace.dbt.errors import (
    DbtCompileFailed,
    DbtEnvVarMissing,
    DbtFailed,
    DbtOutgrown,
    DbtPackagesMissing,
    DbtSyntaxError,
)
from workspace.warehouse.base import connection_failure

if TYPE_CHECKING:
    from bisync.lib.errors import BisyncError
    from bisync.lib.process import Finished
    from workspace.warehouse.location import Location

_LONG = 1500
_PREAMBLE = re.compile(r"^(\[ERROR\]: *)?Encountered an error: *\n*")
_OF_NODE = re.compile(r"^ *(?:Compilation|Runtime|Database) Error in \w+ (\S+) \([^)\n]+\)\n", re.MULTILINE)
# Names a kind of error, and perhaps whose it is: the place says that better.
_HEADING = re.compile(
    r"^ *(?:(?:Compilation|Parsing|Runtime|Database|Internal) Error(?: in .+)?|Error reading .+)\n"
)
_SYNTAX = re.compile(
    r"^(?:Compilation|Parsing) Error|^Found a cycle|Syntax error near|does not parse to a dictionary"
    r"|is malformed|Error encountered in \S*dbt_project\.yml"
)
_PACKAGES = re.compile(r"package\(s\).*package\(s\) installed", re.DOTALL)
_ENV_VAR = re.compile(r"Env var required but not provided: '([^']+)'")
_DATABASE = re.compile(r"Database Error|IO Error|Operational ?Error|connection to server")
_NO_MEMORY = re.compile(r"MemoryError|bad_alloc|[Cc]annot allocate memory|Errno 27\] File too large")
_YAML_WORDS = re.compile(r"Raw Error:\n *-+\n(.*)", re.DOTALL)
# Where the words come from; by now the place says so.
_POSITIONS = (
    re.compile(r"^ *in \"<unicode string>\".*$", re.MULTILINE),
    re.compile(r"\n *line \d+\n.*", re.DOTALL),
    re.compile(r"^ *Error encountered in .*$", re.MULTILINE),
)


def explain(finished: Finished, *, command: str, folder: Path, location: Location) -> BisyncError:
    """Why a dbt command that could not do its work failed."""
    said = _said(finished)
    words = shorten(said, folder)
    # dbt tells an error of Python's without its name, and that of memory is nothing but a name.
    nameless = not words and _SYNTAX.search(said)
    if command == "parse" and (nameless or _NO_MEMORY.search(finished.output)):
        return DbtOutgrown(megabytes=settings.PARSE_MEMORY_MB)
    words = words or _("it gave no reason")
    if _PACKAGES.search(said):
        return DbtPackagesMissing(packages=_missing(folder), words=words)
    missing = _ENV_VAR.search(said)
    if missing:
        place = places.find(said, folder)
        named = {"file": place.file, "line": place.line, "place": str(place)}
        return DbtEnvVarMissing(name=missing[1], words=words, **named)
    if _SYNTAX.search(said):
        place = places.find(said, folder)
        return DbtSyntaxError(file=place.file, line=place.line, place=str(place), words=words)
    if command == "deps":
        return DbtPackagesMissing(packages=_missing(folder), words=words)
    known = connection_failure(said, location) if _DATABASE.search(said) else None
    return known or DbtFailed(command=command, words=words, exit_code=finished.exit_code)


def of_compile(finished: Finished) -> DbtCompileFailed | None:
    """Which node dbt could not compile, and why; None where it was something else."""
    said = _said(finished)
    named = _OF_NODE.search(said)
    return DbtCompileFailed(node=named[1], words=shorten(said[named.end() :], Path("/"))) if named else None


def shorten(said: str, folder: Path) -> str:
    """What dbt said in one sentence without its full stop, paths seen from the project's folder."""
    said = said.replace(f"{folder}/", "").replace(f"{folder.parent}/", "../")
    text = _HEADING.sub("", said)
    raw = _YAML_WORDS.search(text)
    text = raw[1] if raw else text
    for position in _POSITIONS:
        text = position.sub("", text)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    sentence = " ".join(lines).rstrip(".")
    return sentence if len(sentence) <= _LONG else f"{sentence[:_LONG]}…"


def _said(finished: Finished) -> str:
    """dbt's last word on why it stopped; without one, the end of whatever it printed."""
    reported = events.errors(finished.stdout.splitlines())
    fatal = [event for event in reported if event.name == "MainEncounteredError"] or reported
    if fatal:
        return _PREAMBLE.sub("", fatal[-1].message)
    if finished.exit_code < 0:
        name = signal.Signals(-finished.exit_code).name
        return _("it was ended by %(signal)s, as happens when memory runs out") % {"signal": name}
    plain = [line for line in finished.output.splitlines() if line.strip() and events.parse(line) is None]
    return "\n".join(plain[-3:]) or _("it ended with exit code %(code)s") % {"code": finished.exit_code}


def _missing(folder: Path) -> str:
    return ", ".join(packages.missing(folder) or packages.listed(folder))
