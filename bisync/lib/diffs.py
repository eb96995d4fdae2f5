"""Two texts side by side in one column: what went, what came, down to the word."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Literal, TypeAlias

from django.utils.safestring import SafeString, mark_safe

from bisync.lib import highlight
from bisync.lib.highlight import Language, Piece

Group: TypeAlias = Sequence[tuple[str, int, int, int, int]]

_WORD = re.compile(r"\w+|\s+|.", re.DOTALL)
_KEY = re.compile(r"(\s*)((?:-\s+)?)([\w.]+)\s*:\s*(.*)")
# Beyond so many pairs of lines, difflib may skip its search for the best match of common lines.
_EXACT_PAIRS = 4_000_000


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a diff. `hunk` stands for lines left out; its text says where the next ones are."""

    kind: Literal["ctx", "add", "del", "hunk"]
    old: int | None
    new: int | None
    html: SafeString
    hidden: int = 0

    @property
    def anchor(self) -> str:
        """The part of an address that names this line: n12 in the new text, o12 in the old."""
        return f"n{self.new}" if self.new else f"o{self.old}"


@dataclass(frozen=True, slots=True)
class Diff:
    """What a reader sees, and how many lines came and went."""

    rows: tuple[Row, ...]
    added: int
    removed: int

    def __bool__(self) -> bool:
        return bool(self.added or self.removed)


@dataclass(frozen=True, slots=True)
class _Side:
    texts: list[str]  # with line feeds: a missing one at the end is a change
    parts: list[list[Piece]]


def diff(before: str, after: str, *, language: Language = "", context: int | None = 3) -> Diff:
    """The change from `before` to `after` with so many lines around it; all lines where it is None."""
    if before == after:
        return Diff(rows=(), added=0, removed=0)
    old, new = _side(before, language), _side(after, language)
    matcher = SequenceMatcher(None, old.texts, new.texts, len(old.texts) * len(new.texts) > _EXACT_PAIRS)
    groups: list[Group] = (
        [matcher.get_opcodes()] if context is None else [*matcher.get_grouped_opcodes(context)]
    )
    rows: list[Row] = []
    seen = 0
    for group in groups:
        start_old, start_new = group[0][1], group[0][3]
        if start_old > seen:
            rows.append(_fold(new, start_old - seen, start_new, language))
        for kind, o1, o2, n1, n2 in group:
            if kind == "equal":
                rows.extend(_unchanged(new, o1, o2, n1))
            else:
                rows.extend(_changed(old, new, range(o1, o2), range(n1, n2)))
        seen = group[-1][2]
    if seen < len(old.texts):
        rows.append(_fold(new, len(old.texts) - seen, None, language))
    return Diff(
        rows=tuple(rows),
        added=sum(row.kind == "add" for row in rows),
        removed=sum(row.kind == "del" for row in rows),
    )


def _side(text: str, language: Language) -> _Side:
    texts = re.findall(r"[^\n]*\n|[^\n]+", text)
    return _Side(texts, highlight.lines(text, language))


def _unchanged(new: _Side, o1: int, o2: int, n1: int) -> Iterator[Row]:
    for offset in range(o2 - o1):
        yield Row("ctx", o1 + offset + 1, n1 + offset + 1, highlight.markup(new.parts[n1 + offset]))


def _changed(old: _Side, new: _Side, gone: range, came: range) -> Iterator[Row]:
    """The lines that went, then those that came; in a pair that is alike, only the words are marked."""
    marks: dict[int, tuple[set[int], set[int]]] = {}
    for pair, (left, right) in enumerate(zip_longest(gone, came)):
        if left is not None and right is not None:
            marks[pair] = _word_marks(old.texts[left].rstrip("\n"), new.texts[right].rstrip("\n"))
    nothing: tuple[set[int], set[int]] = (set(), set())
    for pair, index in enumerate(gone):
        html = _marked(old.parts[index], marks.get(pair, nothing)[0])
        yield Row("del", index + 1, None, html)
    for pair, index in enumerate(came):
        html = _marked(new.parts[index], marks.get(pair, nothing)[1])
        yield Row("add", None, index + 1, html)


def _word_marks(before: str, after: str) -> tuple[set[int], set[int]]:
    """The characters that differ on each side; none where the lines have little in common."""
    old, new = _WORD.findall(before), _WORD.findall(after)
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    kept = sum(
        len("".join(old[block.a : block.a + block.size]).strip()) for block in matcher.get_matching_blocks()
    )
    if kept * 3 < max(len(before.strip()), len(after.strip())):
        return set(), set()
    gone: set[int] = set()
    came: set[int] = set()
    for kind, o1, o2, n1, n2 in matcher.get_opcodes():
        if kind != "equal":
            gone.update(_span(old, o1, o2))
            came.update(_span(new, n1, n2))
    return gone, came


def _span(words: Sequence[str], first: int, last: int) -> range:
    start = sum(map(len, words[:first]))
    return range(start, start + sum(map(len, words[first:last])))


def _marked(parts: Iterable[Piece], marks: set[int]) -> SafeString:
    """The line as HTML with every marked stretch inside one `<mark>`."""
    html: list[str] = []
    marked = False
    position = 0
    for css, text in parts:
        for is_marked, run in _runs(text, position, marks):
            if is_marked != marked:
                html.append("<mark>" if is_marked else "</mark>")
                marked = is_marked
            html.append(highlight.markup([(css, run)]))
        position += len(text)
    if marked:
        html.append("</mark>")
    return mark_safe("".join(html))  # noqa: S308 (made of escaped pieces only)


def _runs(text: str, position: int, marks: set[int]) -> Iterator[tuple[bool, str]]:
    start = 0
    for end in range(1, len(text) + 1):
        inside = position + start in marks
        if end == len(text) or (position + end in marks) != inside:
            yield inside, text[start:end]
            start = end


def _fold(new: _Side, hidden: int, upcoming: int | None, language: Language) -> Row:
    """The row that stands for unchanged lines, with the YAML keys around the next shown line."""
    path = _keys_around(new.texts, upcoming) if upcoming is not None and language == "yaml" else []
    where = " › ".join(path)  # noqa: RUF001
    return Row("hunk", None, None, highlight.markup([("", where)]), hidden)


def _keys_around(texts: Sequence[str], index: int) -> list[str]:
    """The keys that a line stands under, outermost first; a list item goes by its name."""
    path: list[str] = []
    indent = _indent(texts[index]) if index < len(texts) else 0
    for text in reversed(texts[:index]):
        match = _KEY.match(text)
        if not match or _indent(text) >= indent:
            continue
        indent = _indent(text)
        _, dash, key, value = match.groups()
        path.append(value.strip("'\"") if dash and key == "name" else key)
    return path[::-1]


def _indent(text: str) -> int:
    """How far a line stands in; blank lines and comments belong to whatever is around them."""
    stripped = text.lstrip()
    return len(text) - len(stripped) if stripped and not stripped.startswith("#") else 10_000
