"""Texts in blocks, `|` and `>`: how a changed text keeps the lines and the ending that the old one had."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal, NamedTuple

from semantic.codegen.yaml_marks import Document, MappingNode, Node, Place, ScalarNode, SequenceNode

Indicator = Literal["|", ">"]

NARROWEST = 60
_HEADER = re.compile(r"([|>])([-+0-9]*)\s*(?:#.*)?$")
# A block holds its text exactly unless a reader must guess its indentation or an editor trims it.
_NOT_IN_BLOCK = re.compile("\\A\\s|[\x85\u2028\u2029]")
_TRIMMED = re.compile(r"[ \t]$", re.MULTILINE)
# Where a paragraph may go on in the next line, which reads as one blank; not within `{{ }}`.
_BREAK = re.compile(r"(?<=\S) (?=\S)(?![^{}]*\}\})")


@dataclass(frozen=True, slots=True)
class Block:
    """How a block is written: its indicator, whether it says `+`, its column and its lines without that.

    There are no column and lines where its header says the column itself.
    """

    indicator: Indicator
    keeps: bool = False
    column: int | None = None
    lines: tuple[str, ...] = ()


class _Paragraph(NamedTuple):
    """What reads as one line, and the lines that it is folded to."""

    text: str
    lines: list[str]


def block_of(text: str, node: ScalarNode) -> Block:
    """The block that a text of a file is."""
    header, *below = text[node.start : node.end].rstrip().replace("\r\n", "\n").split("\n")
    found = _HEADER.search(header)
    marks = found[2] if found else ""
    indicator: Indicator = "|" if node.style == "|" else ">"
    first = next((line for line in below if line.strip()), "")
    if not first or re.search(r"\d", marks):
        return Block(indicator, "+" in marks)
    column = len(first) - len(first.lstrip(" "))
    return Block(indicator, "+" in marks, column, tuple(line[column:] for line in below))


def ended_alike(document: Document, place: Place, value: object) -> object:
    """`value`, with the line breaks at its end that the block at `place` ends in.

    A text says the same with and without them, and the block can stay as it is written.
    """
    node = _found(document.root, place)
    if not (isinstance(value, str) and isinstance(node, ScalarNode) and node.is_block):
        return value
    if not value or value.endswith("\n"):
        return value
    return value + node.value[len(node.value.rstrip("\n")) :]


def fits_in_block(value: str, block: Block) -> bool:
    """Whether a block like this can hold the text; one with blanks at the ends of lines may have more."""
    body = value.rstrip("\n")
    too_many = len(value) - len(body) > 1 and not block.keeps
    trimmed = _TRIMMED.search(body) and not any(map(_TRIMMED.search, block.lines))
    return bool(body) and not (too_many or trimmed or _NOT_IN_BLOCK.search(value))


def in_block(value: str, column: int, block: Block) -> tuple[str, list[str]]:
    """The header of a block with this text, and its lines; at `column` unless the block has its own."""
    body = value.rstrip("\n")
    breaks = len(value) - len(body)
    chomp = "-" if not breaks else "+" if block.keeps else ""
    lines = _folded(body, block.lines) if block.indicator == ">" else body.split("\n")
    lines += [""] * (breaks - 1)
    margin = " " * (column if block.column is None else block.column)
    return block.indicator + chomp, [margin + line if line else "" for line in lines]


def _found(node: Node | None, place: Place) -> Node | None:
    """The value of the key at `place`, where it is written there and only once."""
    if not place or not isinstance(place[-1], str):
        return None
    for step in place:
        found: list[Node] = []
        if isinstance(node, MappingNode):
            found = [pair.value for pair in node.pairs if pair.has(step)]
        elif isinstance(node, SequenceNode) and isinstance(step, int):
            found = node.items[step : step + 1]
        node = found[0] if len(found) == 1 else None
    return node


# Folding


def _folded(body: str, old: Sequence[str]) -> list[str]:
    """The lines of a folded block; those of `old` stay as far as their words are the same."""
    texts = body.split("\n")
    folded = _like_before([text for text in texts if text], list(_paragraphs(old)), old)
    lines: list[str] = []
    before, breaks = "", 0
    for text in texts:
        if text:
            # Folding takes one line break away between lines that are not indented further.
            more = _is_indented(before) or _is_indented(text)
            lines += [""] * (breaks - more if lines else 0)
            lines += next(folded)
            before, breaks = text, 0
        breaks += 1
    return lines


def _like_before(texts: list[str], was: list[_Paragraph], old: Sequence[str]) -> Iterator[list[str]]:
    """The lines of each of the `texts`: what was there, or what was there wrapped anew where it differs."""
    width = max([NARROWEST, *map(len, old)])
    matcher = SequenceMatcher(None, [one.text for one in was], texts, autojunk=False)
    for tag, start, end, first, last in matcher.get_opcodes():
        for number, text in enumerate(texts[first:last], start):
            lines = was[number].lines if number < end else []
            yield lines if tag == "equal" else _rewrapped(text, lines, width)


def _paragraphs(lines: Sequence[str]) -> Iterator[_Paragraph]:
    together: list[str] = []
    for line in lines:
        if together and (not line or _is_indented(line) or _is_indented(together[-1])):
            yield _Paragraph(" ".join(together), together)
            together = []
        together += [line] if line else []
    if together:
        yield _Paragraph(" ".join(together), together)


def _is_indented(line: str) -> bool:
    return line.startswith((" ", "\t"))


def _rewrapped(text: str, lines: list[str], width: int) -> list[str]:
    """`text` in lines: the first and the last of `lines` that it still has, and what differs between them."""
    if _is_indented(text) or not lines or _is_indented(lines[0]):
        return _wrapped(text, width)
    first, last, rest = 0, len(lines), text
    while first < last and (after := _without_head(rest, lines[first])) is not None:
        first, rest = first + 1, after
    while first < last and (before := _without_tail(rest, lines[last - 1])) is not None:
        last, rest = last - 1, before
    if rest and first == last and first:
        # What is new between two lines goes on in the first of them.
        first, rest = first - 1, f"{lines[first - 1]} {rest}"
    return [*lines[:first], *_wrapped(rest, width), *lines[last:]]


def _without_head(text: str, line: str) -> str | None:
    """What follows the words of `line` in `text`; None where it does not begin with them."""
    if text == line:
        return ""
    head, found, rest = text[: len(line)], text[len(line) : len(line) + 1], text[len(line) + 1 :]
    return rest if head == line and found == " " and rest[:1].strip() else None


def _without_tail(text: str, line: str) -> str | None:
    if text == line:
        return ""
    rest = text.removesuffix(f" {line}")
    return rest if rest != text and rest[-1:].strip() else None


def _wrapped(text: str, width: int) -> list[str]:
    lines: list[str] = []
    for word in _BREAK.split(text) if text and not _is_indented(text) else [text] * bool(text):
        if lines and len(lines[-1]) + 1 + len(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines
