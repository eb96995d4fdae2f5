"""Changes one entry of a dbt properties file and keeps every other byte as it was."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import reduce
from itertools import product, takewhile
from typing import Any, Protocol

from bisync.lib.memory import collecting_later
from semantic.codegen.yaml_blocks import ended_alike
from semantic.codegen.yaml_emit import YamlValue, new_file
from semantic.codegen.yaml_marks import BOM, Document, MappingNode, YamlRefused, load, read
from semantic.codegen.yaml_neighbours import like_neighbours
from semantic.codegen.yaml_splice import ends_in_block, spliced
from semantic.codegen.yaml_steps import (
    AddItem,
    Edit,
    Named,
    Path,
    Put,
    RemoveItem,
    RemoveKey,
    ReplaceItem,
    SetKey,
    Step,
    applied,
    same,
    steps,
)

__all__ = [
    "AddItem",
    "Composite",
    "Edit",
    "Named",
    "Path",
    "RemoveItem",
    "RemoveKey",
    "ReplaceItem",
    "SetKey",
    "YamlRefused",
    "YamlValue",
    "edited",
    "edited_bytes",
    "key_of_tests",
    "load",
    "new_file",
    "new_file_of",
    "tests_key",
]


class Composite(Protocol):
    """Something to be true of a file, whose single edits depend on what the file says."""

    def edits(self, data: Any, text: str) -> Iterable[Edit]:
        """The single edits of a file with this text and data, None where there is none yet."""
        ...


@collecting_later()
def edited(text: str, edits: Sequence[Edit | Composite], *, path: str) -> str:
    """`text` with `edits` made in it and every other character as it was.

    Raises YamlRefused, naming `path`, where the file leaves open what the author meant or where the result,
    read back as dbt reads it, would differ from what was asked for. Nothing is ever half applied.
    """
    try:
        bom = BOM if text.startswith(BOM) else ""
        return bom + _edited(text.removeprefix(BOM), edits)
    except YamlRefused as refusal:
        refusal.path = path
        raise


def edited_bytes(raw: bytes, edits: Sequence[Edit | Composite], *, path: str) -> bytes:
    """Like `edited`, for the bytes of a file."""
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        refusal = YamlRefused(
            "unsafe-text",
            "The file is not UTF-8. Save it as UTF-8 in your editor first.",
            line=raw.count(b"\n", 0, error.start) + 1,
        )
        refusal.path = path
        raise refusal from error
    return edited(text, edits, path=path).encode()


def new_file_of(edits: Sequence[Edit | Composite]) -> str:
    """The text of a file that consists of the edits alone."""
    data: Any = None
    for edit in edits:
        for single in _singles(edit, data, ""):
            data = reduce(applied, steps(data, single), data)
    assert isinstance(data, dict)
    return new_file(data)


def tests_key(text: str) -> str:
    """The key under which this file lists data tests: `tests` where that is its habit, else `data_tests`."""
    return key_of_tests(text, "data_tests")


def key_of_tests(text: str, usual: str) -> str:
    """The key under which this file lists most of its data tests, else the usual one."""
    counts = {"tests": 0, "data_tests": 0}
    for node, key in product(read(text.removeprefix(BOM)).nodes, counts):
        if isinstance(node, MappingNode):
            counts[key] += sum(pair.has(key) for pair in node.pairs)
    if counts["tests"] == counts["data_tests"]:
        return usual
    return max(counts, key=lambda key: counts[key])


def _singles(edit: Edit | Composite, data: Any, text: str) -> Iterable[Edit]:
    return [edit] if isinstance(edit, Edit) else edit.edits(data, text)


def _edited(text: str, edits: Sequence[Edit | Composite]) -> str:
    # With every line ended, each entry is a number of whole lines; the last break is taken back afterwards.
    ended = text if not text or text.endswith("\n") else text + ("\r\n" if "\r\n" in text else "\n")
    document = read(ended)
    taken: list[tuple[Step, Step]] = []  # as it was asked for, and with the ends that blocks have
    for edit in edits:
        for single in _singles(edit, document.data, document.text):
            for step in steps(document.data, single):
                wanted = _ended(document, like_neighbours(document, step))
                after = _after(document, wanted)
                taken += [(step, wanted)] if after is not document else []
                document = after
    if not taken:
        return text
    return document.text if ended == text else _unended(document, text, taken)


def _ended(document: Document, step: Step) -> Step:
    """The step by which a text in a block ends as it did: descriptions and filters mean the same."""
    return (
        replace(step, value=ended_alike(document, step.place, step.value)) if isinstance(step, Put) else step
    )


def _after(document: Document, step: Step) -> Document:
    """The document after `step`, refused if dbt would not read exactly what was asked for."""
    wanted = applied(document.data, step)
    if same(document.data, wanted):
        return document
    text = ""
    # A block of text takes in what looks like an empty line below it and holds blanks; quotes do not.
    for blocks in (True, False):
        text = spliced(document, step, blocks=blocks)
        try:
            result = read(text)
        except YamlRefused as refusal:
            if refusal.code == "too-large":
                raise
            continue
        if same(result.data, wanted):
            return result
    raise _not_as_intended(document, text)


def _unended(document: Document, before: str, taken: Sequence[tuple[Step, Step]]) -> str:
    """The text without its last line break, unless that would change a value.

    A block of text at the very end reads differently with and without the break, so both data count as
    intended: those of the file as it was and those of the file with its last line ended.
    """
    text = document.text.removesuffix("\n").removesuffix("\r")
    if not ends_in_block(document):
        return text
    data = read(text).data
    intended = (
        document.data,
        *(reduce(applied, steps, read(before).data) for steps in zip(*taken, strict=True)),
    )
    return text if any(same(data, one) for one in intended) else document.text


def _not_as_intended(document: Document, text: str) -> YamlRefused:
    pairs = zip(document.text.split("\n"), text.split("\n"), strict=False)
    equal = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    return YamlRefused(
        "not-as-intended",
        "The changed file would not say what you asked for, so nothing was changed. Change it by hand.",
        line=equal + 1,
    )
