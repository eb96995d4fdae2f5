"""Where in a project the words of dbt point to.

dbt leaves out the file, or its folder, or counts the lines of a text within it; so we look there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from django.utils.translation import gettext as _

_MANY_FILES = 5000
_LARGE_FILE = 1_000_000
_NOT_OURS = frozenset({"dbt_packages", "dbt_modules", "target", "logs", "node_modules", "venv"})
_SUFFIXES = frozenset({".sql", ".yml", ".yaml", ".md", ".py"})

# The ways in which dbt names a file, the surest first.
_FILES = (
    re.compile(r"Error encountered in (\S+\.ya?ml)"),
    re.compile(r"\(([^()\n]+\.(?:sql|ya?ml|md|csv|py|json))\)"),
    re.compile(r"file at (\S+\.ya?ml) "),
    re.compile(r"Error reading [^:\n]+: (\S+\.(?:ya?ml|md|csv|sql))"),
    re.compile(r"(?:^|[\s/])((?:dbt_project|packages|dependencies|selectors)\.yml)\b"),
)
_NODE = re.compile(r"\b(?:model|snapshot|test)\.\w+\.(\w+)")
_NUMBERED = re.compile(r"^ *(\d+) +\| ?(.*)$", re.MULTILINE)
_AT = re.compile(r'in "<unicode string>", line (\d+)')
_NEAR = re.compile(r"Syntax error near line (\d+)")
_EXCERPT = re.compile(r"^ *line \d+\n +(\S.*)$", re.MULTILINE)
_ENV_VAR = re.compile(r"Env var required but not provided: '([^']+)'")
_QUOTED = re.compile(r"['\"`](?:\w+\.)?(\w+)['\"`]")


@dataclass(frozen=True, slots=True)
class Place:
    """A file, as the repository names it, and a line of it; "" and 0 where unknown."""

    file: str = ""
    line: int = 0

    def __str__(self) -> str:
        if not self.file:
            return _("the project")
        return (
            _("%(file)s (line %(line)s)") % {"file": self.file, "line": self.line} if self.line else self.file
        )


def find(words: str, folder: Path) -> Place:
    """The place that dbt's `words` are about."""
    named = _named(words, folder)
    anywhere = [named] if named else list(_files(folder))
    numbered = {int(number): text.strip() for number, text in _NUMBERED.findall(words) if text.strip()}
    if numbered:
        near = _NEAR.search(words)
        holder = next((file for file in anywhere if _holds(file, numbered)), named)
        return _place(folder, holder, int(near[1]) if near else max(numbered))
    for pattern, files in ((_EXCERPT, anywhere), (_ENV_VAR, anywhere), (_QUOTED, [named] if named else [])):
        for found in pattern.finditer(words):
            file, line = _first(found[1].strip(), files)
            if line:
                return _place(folder, file, line)
    at = _AT.findall(words)
    return _place(folder, named, int(at[-1]) if at else 0)


def _place(folder: Path, file: Path | None, line: int) -> Place:
    return Place(file.relative_to(folder).as_posix(), line) if file else Place()


def _named(words: str, folder: Path) -> Path | None:
    name = next((found[1] for pattern in _FILES if (found := pattern.search(words))), "")
    if name:
        file = folder / name
        if file.is_relative_to(folder) and ".." not in file.parts and file.is_file():
            return file
        ending = f"/{name.removeprefix('./')}"
        return next((file for file in _files(folder) if file.as_posix().endswith(ending)), None)
    node = _NODE.search(words)
    return next((file for file in _files(folder) if node and file.name == f"{node[1]}.sql"), None)


def _files(folder: Path) -> Iterator[Path]:
    """The project's own sources, those nearest to its root first."""
    waiting, count = [folder], 0
    while waiting and count < _MANY_FILES:
        for entry in sorted(waiting.pop(0).iterdir()):
            if entry.is_symlink() or entry.name.startswith(".") or entry.name in _NOT_OURS:
                continue
            if entry.is_dir():
                waiting.append(entry)
            elif entry.suffix in _SUFFIXES and entry.stat().st_size < _LARGE_FILE:
                count += 1
                yield entry


def _holds(file: Path, numbered: dict[int, str]) -> bool:
    lines = _lines(file)
    return all(
        number <= len(lines) and lines[number - 1].strip() == text for number, text in numbered.items()
    )


def _first(text: str, files: Iterable[Path]) -> tuple[Path | None, int]:
    """The first file and line with `text`, which is no part of a longer word there."""
    whole = re.compile(rf"(?<!\w){re.escape(text)}(?!\w)")
    for file in files:
        for number, line in enumerate(_lines(file), 1):
            if whole.search(line):
                return file, number
    return None, 0


def _lines(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8", errors="replace").splitlines()
