"""Whose a comment is in YAML that people wrote."""

from __future__ import annotations

import re

from semantic.codegen.yaml_marks import line_start

# A line drawn in a comment, as above a group of entries.
_HEADING = re.compile(r"([-=#*~_])\1\1")
# An entry that is commented out, what tools are told, and what is said of all that follows.
_OF_MORE = re.compile(
    r"#\s*(?:- |[\w.]+:(?:\s|$))|\b(?:disable|enable|noqa|below|following|these|all)\b", re.IGNORECASE
)


def indent_of(line: str) -> int:
    """By how many spaces a line is indented."""
    return len(line) - len(line.lstrip(" "))


def own_comment(text: str, start: int, limit: int) -> int:
    """Where the comment begins that stands right above `start`, as far indented and with a blank line above.

    `start` itself where there is none, or where it may be about more than what follows.
    """
    indent, begin, plain = indent_of(text[start:]), start, True
    while begin > limit:
        above = line_start(text, begin - 1)
        line = text[above:begin].rstrip()
        if not line.strip():
            return begin if plain else start
        if not line.lstrip().startswith("#") or indent_of(line) != indent:
            break
        plain = plain and not _HEADING.search(line) and not _OF_MORE.search(line)
        begin = above
    return start
