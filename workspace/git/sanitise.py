"""Text on its way into git's objects, and out of git's mouth (pure)."""

from __future__ import annotations

import unicodedata

_CONTROLS = frozenset({"Cc", "Cs"})


def is_control(character: str) -> bool:
    """Whether a terminal would act on it, or UTF-8 cannot hold it."""
    return unicodedata.category(character) in _CONTROLS


def printed_line(line: str) -> str:
    """A line of git's output without control characters: it ends up on pages and in terminals."""
    return "".join(c for c in line if c == "\t" or not is_control(c)).rstrip()


def person_text(text: str) -> str:
    """A name or address without what git delimits them by, and what it strips from their ends."""
    kept = (" " if is_control(c) else c for c in text if c not in "<>")
    return " ".join("".join(kept).split()).strip(" .,:;\"\\'")


def commit_message(text: str) -> str:
    """A commit message with plain newlines and no other control characters than tabs."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(c for c in lines if c in "\n\t" or not is_control(c)).strip()


def has_odd_parts(path: str) -> bool:
    """Whether a path is empty, absolute, or has parts that mean something else than a name."""
    return any(part in {"", ".", ".."} for part in path.split("/"))


def is_writable(path: str) -> bool:
    """Whether a path names an ordinary file on every system: no way out, no `.git`, nothing invisible."""
    return (
        path.isprintable()
        and "\\" not in path
        and not has_odd_parts(path)
        and not any(part.startswith("-") or part.lower() == ".git" for part in path.split("/"))
    )
