"""Text that people type and that ends up in dbt's files: what is refused, and why."""

from __future__ import annotations

import re
import unicodedata
from datetime import date

# dbt renders nearly every text of a YAML file as a template, some of them twice: no escaping is safe.
_JINJA = re.compile(r"\{\{|\{%|\{#|%\}|\}\}|#\}")
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_INVISIBLE = frozenset("\u200b\u2060\ufeff\u00ad")
_ODD = frozenset({"Cc", "Cs", "Co", "Cn"})
_NAME = re.compile(r"[a-z][a-z0-9_]*")
NAME_LIMIT = 60
STORED_LIMIT = 20_000
_UNSTORABLE = "It holds characters that cannot be stored. Type it again, or paste it as plain text."


def storing_problems(value: str, *, limit: int = STORED_LIMIT) -> list[str]:
    """Why not even a draft can keep `value`; empty where it can, however unfit for dbt it is."""
    problems = []
    if len(value) > limit:
        problems.append(_too_long(value, limit))
    if any(char == "\0" or unicodedata.category(char) == "Cs" for char in value):
        problems.append(_UNSTORABLE)
    return problems


def is_day(text: str) -> bool:
    """Whether it is a day as 2026-12-31."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def title_of(value: str, *, limit: int = 200) -> str:
    """`value` as one line in which everybody sees the same, for lists and mails, whatever was typed."""
    hidden = _BIDI | _INVISIBLE
    plain = (
        c if c in "\n\r\t" or unicodedata.category(c) not in _ODD else "" for c in value if c not in hidden
    )
    return " ".join("".join(plain).split())[:limit]


def text_problems(value: str, *, limit: int, lines: bool = True, dbt: bool = True) -> list[str]:
    """The sentences that say why `value` cannot be used; empty where it can.

    `limit` is the most characters; `lines` whether it may have several; `dbt` whether dbt will read it.
    """
    problems = []
    if len(value) > limit:
        problems.append(_too_long(value, limit))
    if dbt and _JINJA.search(value):
        problems.append(
            "Double curly brackets and the marks {% and {# belong to dbt's templates. Write it without them."
        )
    if any(char in _BIDI for char in value):
        problems.append("It holds marks that turn the direction of text. Type it again without them.")
    if any(char in _INVISIBLE for char in value):
        problems.append("It holds invisible characters. Type it again, or paste it as plain text.")
    allowed = "\n\r\t" if lines else ""
    odd = [c for c in value if unicodedata.category(c) in _ODD and c not in allowed]
    if odd and not lines and set(odd) <= set("\n\r\t"):
        problems.append("This has to be a single line.")
    elif odd:
        problems.append(_UNSTORABLE)
    return problems


def _too_long(value: str, limit: int) -> str:
    return f"This is {len(value):,} characters long; {limit:,} is the most."


def name_problems(value: str) -> list[str]:
    """Why `value` cannot be the name of a metric in dbt; empty where it can."""
    if not value:
        return ["Give it a name with letters in it."]
    problems = text_problems(value, limit=NAME_LIMIT, lines=False)
    if problems:
        return problems
    if value[0].isdigit():
        return ["A name begins with a letter, not with a digit."]
    if not _NAME.fullmatch(value):
        return ["A name has only lower-case letters, digits and _, and begins with a letter."]
    if "__" in value:
        return ["A name has no double underscore: dbt uses it to join names."]
    if value.endswith("_"):
        return ["A name does not end with an underscore."]
    if len(value) < 2:
        return ["A name has at least two letters."]
    return []
