"""The lines of a text: where they begin and end, and what is blank or a comment."""

from __future__ import annotations

from collections.abc import Iterator

from semantic.codegen.yaml_comments import indent_of
from semantic.codegen.yaml_marks import line_start


def line_end(text: str, offset: int) -> int:
    """Where the line after the one at `offset` begins."""
    return text.find("\n", offset) + 1


def content_end(text: str, offset: int) -> int:
    """Where the line at `offset` ends, without its line break."""
    end = line_end(text, offset) - 1
    return end - 1 if text[end - 1 : end] == "\r" else end


def newline(text: str, offset: int) -> str:
    """The line break that the line at `offset` has."""
    end = line_end(text, offset)
    return "\r\n" if text[max(end - 2, 0) : end] == "\r\n" else "\n"


def lines_from(text: str, offset: int) -> Iterator[str]:
    while offset < len(text):
        end = line_end(text, offset)
        yield text[offset:end]
        offset = end


def blank_lines(text: str, offset: int) -> list[int]:
    """The lengths of the blank lines that begin at `offset`."""
    lengths = []
    for line in lines_from(text, offset):
        if line.strip():
            break
        lengths.append(len(line))
    return lengths


def blank_lines_above(text: str, offset: int, limit: int) -> list[int]:
    """The lengths of the blank lines before `offset`, nearest first, down to `limit`."""
    lengths: list[int] = []
    while offset > limit:
        begin = line_start(text, offset - 1)
        if text[begin:offset].strip():
            break
        lengths.append(offset - begin)
        offset = begin
    return lengths


def past_comments(text: str, offset: int, indent: int) -> int:
    """Where the comments behind `offset` end that are indented by `indent` or more."""
    end = position = offset
    for line in lines_from(text, offset):
        position += len(line)
        if line.strip():
            if not line.lstrip().startswith("#") or indent_of(line) < indent:
                break
            end = position
    return end
