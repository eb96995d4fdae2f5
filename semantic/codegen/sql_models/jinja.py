"""A model's SQL with its Jinja masked: a text of the same length that a SQL parser can read.

`{{ ref('orders') }}` becomes a name as long as itself, so that each place in the masked text is the same
place in the file. Tags and comments become spaces. Of an IF one branch stays, either its first or its last,
and of a loop one round: what holds for both readings holds whatever dbt decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeAlias

MOST_TEXT = 500_000
# No file has this letter, and SQL takes it for one.
_LETTER = "\u029d"
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_OPENERS = re.compile(r"\{[{%#]")
_TAG = re.compile(r"\{%[-+]?\s*(\w+)")
_SILENT = re.compile(r"\{\{-?\s*(config|log|print|return)\s*\(")
_RELATION = re.compile(
    r"\{\{-?\s*(?P<kind>ref|source)\(\s*(?P<quote>['\"])(?P<first>[\w ./-]+)(?P=quote)\s*"
    r"(?:,\s*(?P<other>['\"])(?P<second>[\w ./-]+)(?P=other)\s*)?(?P<more>,[^()]*)?\)\s*-?\}\}"
)
_VERSION = re.compile(r",\s*(?:v|version)\s*=\s*(['\"]?)(?P<version>[\w.-]+)\1\s*,?\s*")
_NOT_YET = re.compile(r"\bnot\s+loop\s*\.\s*(last|first)\b")
_ROUNDS = re.compile(r"\bloop\s*\.\s*(last|first)\b")
# Jinja of a known meaning that is no name: types, and dbt_utils' list of the first columns.
_TYPE = re.compile(r"\{\{-?\s*(?:\w+\.)?type_\w+\(")
_GROUPS = re.compile(r"\{\{-?\s*(?:\w+\.)?group_by\(")
# What stands behind common tables: one more, or the query.
_BEHIND_TABLES = re.compile(r"\s*(?:,\s*\w+\s+as\s*\(|select\b)", re.IGNORECASE)
_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
# What such a block holds stands nowhere, or somewhere else.
_HIDDEN = frozenset(
    ("set", "macro", "call", "filter", "raw", "docs", "test", "data_test", "snapshot", "materialization")
)
_ALIKE = frozenset(("else", "elif"))

Kind: TypeAlias = Literal["{{", "{%", "{#"]


class Unmaskable(ValueError):
    """Jinja that does not close, or text beyond what is read; the message is a sentence."""


class Piece(NamedTuple):
    """One piece of Jinja and its place in the text."""

    kind: str
    start: int
    end: int


class RelationCall(NamedTuple):
    """What `ref` or `source` was called with; `package` of a ref with two names, the source's name else.

    Without a `version`, a ref means the latest one.
    """

    kind: Literal["ref", "source"]
    name: str
    package: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class Masked:
    """The masked text, what its names stand for, and where blocks begin and end."""

    text: str
    names: Mapping[str, str]
    blocks: tuple[tuple[int, int], ...]

    def in_block(self, start: int, end: int) -> bool:
        """Whether something between these places depends on what Jinja decides."""
        return any(first < end and start < last for first, last in self.blocks)

    def unmasked(self, text: str) -> str:
        """`text` with each name replaced by the Jinja that it stands for."""
        return re.sub(rf"{_LETTER}[0-9a-z]+_*", lambda found: self.names.get(found[0], found[0]), text)


def relation_call(jinja: str) -> RelationCall | None:
    """The model or source that a piece of Jinja names, if it does nothing else."""
    found = _RELATION.fullmatch(jinja)
    if not found:
        return None
    first, second = found["first"], found["second"]
    if found["kind"] == "source":
        return RelationCall("source", second, first) if second else None
    asked = _VERSION.fullmatch(found["more"] or "")
    version = asked["version"] if asked else ""
    return RelationCall("ref", second or first, first if second else "", version)


def is_masked_name(name: str) -> bool:
    """Whether a name of a parsed tree stands for Jinja, or holds some."""
    return _LETTER in name


def mask(text: str, *, last: bool = False) -> Masked:
    """The text with its Jinja masked; with `last`, the last branch of each IF stays. Raises Unmaskable."""
    if len(text) > MOST_TEXT:
        raise Unmaskable("The file is longer than Bisync reads.")
    if _LETTER in text:
        raise Unmaskable("The file holds a letter that Bisync cannot read.")
    return _Masking(text, last=last).masked()


def pieces(text: str) -> Iterator[Piece]:
    """Every piece of Jinja in its order. Raises Unmaskable where one does not close."""
    at = 0
    while found := _OPENERS.search(text, at):
        at = _end(text, found[0], found.end())
        yield Piece(found[0], found.start(), at)


def _uncommented(sql: str) -> str:
    return _COMMENT.sub("", sql)


def _end(text: str, opener: str, at: int) -> int:
    """Where the Jinja closes that opened before `at`; closing marks within quotes do not count."""
    closer = {"{{": "}}", "{%": "%}", "{#": "#}"}[opener]
    if opener == "{#":
        end = text.find(closer, at)
    else:
        marks = re.compile(rf"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|{re.escape(closer)}", re.DOTALL)
        found = marks.search(text, at)
        while found and found[0] != closer:
            found = marks.search(text, found.end())
        end = found.start() if found else -1
    if end < 0:
        raise Unmaskable(f"A {opener} in the file does not close.")
    return end + 2


@dataclass(slots=True)
class _Block:
    tag: str
    start: int
    condition: str = ""
    branch: int = 0  # where the branch begins that is being read
    branches: list[tuple[int, int]] = field(default_factory=list)
    has_else: bool = False


class _Masking:
    def __init__(self, text: str, *, last: bool) -> None:
        self.text = text
        self.last = last
        self.names: dict[str, str] = {}
        self.marks: list[tuple[int, int, str]] = []
        self.hidden: list[tuple[int, int]] = []
        self.blocks: list[tuple[int, int]] = []
        self.open: list[_Block] = []

    def masked(self) -> Masked:
        for piece in pieces(self.text):
            self._piece(piece)
        if self.open:
            raise Unmaskable(f"A {{% {self.open[-1].tag} %}} in the file does not end.")
        return Masked(self._written(), self.names, tuple(self.blocks))

    def _written(self) -> str:
        parts, at = [], 0
        for start, end, mark in self.marks:
            parts += [self.text[at:start], mark]
            at = end
        text = "".join([*parts, self.text[at:]])
        for start, end in self.hidden:
            text = text[:start] + " " * (end - start) + text[end:]
        for start, end, mark in self.marks:
            if mark in self.names and _BEHIND_TABLES.match(_uncommented(text[end:])):
                text = self._with_tables(text, start, end, mark)
        return text

    def _with_tables(self, text: str, start: int, end: int, mark: str) -> str:
        """The text with a common table in the place of Jinja that stands where only such can stand."""
        before = _uncommented(text[:start]).rstrip().lower()
        table = f"{mark.rstrip('_')} as(select 1)"
        if not before:
            table = f"with {table}"
        elif before.endswith(")"):
            table = f",{table}"
        elif not before.endswith((",", "with")):
            return text
        if len(table) > end - start:
            return text
        self.names[mark.rstrip("_")] = self.names.pop(mark)
        return text[:start] + table.ljust(end - start) + text[end:]

    def _piece(self, piece: Piece) -> None:
        inner = self.text[piece.start : piece.end]
        size = piece.end - piece.start
        if piece.kind == "{{" and not _SILENT.match(inner) and not _NOT_YET.search(inner):
            if _TYPE.match(inner) or (_GROUPS.match(inner) and size >= len("group by 1")):
                known = "text" if _TYPE.match(inner) else "group by 1"
                self.marks.append((piece.start, piece.end, known.ljust(size)))
                return
            name = self._name(size)
            self.names[name] = inner
            self.marks.append((piece.start, piece.end, name))
            return
        self.marks.append((piece.start, piece.end, " " * size))
        if piece.kind == "{%" and (tag := _TAG.match(inner)):
            self._tag(tag[1], piece, inner)

    def _name(self, size: int) -> str:
        number, digits = len(self.names), ""
        while number or not digits:
            number, digit = divmod(number, 36)
            digits = _DIGITS[digit] + digits
        if len(digits) + 1 > size:
            raise Unmaskable("The file holds more Jinja than Bisync reads.")
        return (_LETTER + digits).ljust(size, "_")

    def _tag(self, tag: str, piece: Piece, inner: str) -> None:
        inside_raw = bool(self.open) and self.open[-1].tag == "raw" and tag != "endraw"
        if inside_raw or (tag == "set" and re.match(r"\{%[-+]?\s*set\b[^=]*=", inner)):
            return
        if tag in _HIDDEN or tag in {"if", "for"}:
            self.open.append(_Block(tag, piece.start, inner, piece.end))
        elif tag in _ALIKE and self.open:
            block = self.open[-1]
            block.branches.append((block.branch, piece.start))
            block.branch = piece.end
            block.has_else = block.has_else or tag == "else"
        elif tag.startswith("end"):
            self._close(tag.removeprefix("end"), piece)

    def _close(self, tag: str, piece: Piece) -> None:
        if not self.open or self.open[-1].tag != tag:
            raise Unmaskable(f"A {{% end{tag} %}} in the file ends nothing.")
        block = self.open.pop()
        block.branches.append((block.branch, piece.start))
        self.blocks.append((block.start, piece.end))
        kept = self._kept(block)
        self.hidden += [branch for place, branch in enumerate(block.branches) if place != kept]

    def _kept(self, block: _Block) -> int | None:
        """The branch that stays; None where nothing does."""
        if block.tag in _HIDDEN:
            return None
        if block.tag == "for":
            return 0
        last = len(block.branches) - 1 if block.has_else else None
        if _NOT_YET.search(block.condition):
            return last
        if _ROUNDS.search(block.condition):
            return 0
        return last if self.last else 0
