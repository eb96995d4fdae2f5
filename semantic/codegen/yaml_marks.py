"""A YAML text read as dbt reads it, together with the place of every entry in it.

Nodes come from the parser's events, not from the loaded values, so an alias stays an alias and every entry
knows where its text begins and ends.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property, lru_cache
from typing import Any, Literal, TypeAlias

import yaml

YamlScalar: TypeAlias = str | int | float | bool | date | None
Place: TypeAlias = tuple[str | int, ...]
Refusal: TypeAlias = Literal[
    "ambiguous-target",
    "exists-already",
    "multi-document",
    "no-such-entry",
    "not-as-intended",
    "not-literal",
    "not-yaml",
    "too-large",
    "unsafe-text",
    "unsupported-shape",
]

Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

MAX_BYTES = 1_000_000
MAX_NODES = 200_000
MAX_DEPTH = 40
# An alias costs nothing to write and its whole target to read: twenty lines can stand for a billion nodes.
MAX_EXPANDED_NODES = 1_000_000

BOM = "\ufeff"
# Everything outside YAML's printable characters, and a carriage return that does not belong to a CRLF.
UNSAFE = re.compile(
    "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]|\r(?!\n)"
)
_COMMON_TAGS = {None, "!", "tag:yaml.org,2002:str", "tag:yaml.org,2002:seq", "tag:yaml.org,2002:map"}
# What PyYAML's constructors raise for values such as 2024-13-45 or 0x_, besides its own errors.
_LOAD_ERRORS = (yaml.YAMLError, ValueError, TypeError, OverflowError)


class YamlRefused(ValueError):
    """An edit that was not made; `code` is stable, the sentence says what to do next."""

    def __init__(self, code: Refusal, sentence: str, *, line: int | None = None) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence
        self.line = line
        self.path = ""

    def __str__(self) -> str:
        line = f"line {self.line}" if self.line else ""
        place = ", ".join(part for part in (self.path, line) if part)
        return f"{place}: {self.sentence}" if place else self.sentence


@dataclass(slots=True, eq=False)
class Node:
    """A value in the text; `start` and `end` are offsets, `uses` counts the aliases that point to it."""

    start: int
    end: int
    line: int
    anchor: str = field(default="", kw_only=True)
    uses: int = field(default=0, kw_only=True)
    # Nodes below it and itself with aliases expanded; 0 while it is being read.
    size: int = field(default=0, kw_only=True)


@dataclass(slots=True, eq=False, kw_only=True)
class ScalarNode(Node):
    """A single value; `style` is the quote or block indicator, "" when plain."""

    value: str
    style: str
    is_text: bool

    @property
    def is_block(self) -> bool:
        return self.style in ("|", ">")

    @property
    def is_empty(self) -> bool:
        """Nothing is written at all, as in `columns:` with nothing behind it."""
        return self.start == self.end


@dataclass(slots=True, eq=False, kw_only=True)
class AliasNode(Node):
    """A reference (`*name`) to the node that carries the anchor."""

    target: Node


@dataclass(slots=True, eq=False, kw_only=True)
class SequenceNode(Node):
    """A list; `flow` when it is written in brackets."""

    flow: bool
    items: list[Node] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Pair:
    """A key with its value."""

    key: Node
    value: Node

    def has(self, key: str | int) -> bool:
        return isinstance(self.key, ScalarNode) and self.key.is_text and self.key.value == key


@dataclass(slots=True, eq=False, kw_only=True)
class MappingNode(Node):
    """A mapping; `flow` when it is written in braces."""

    flow: bool
    pairs: list[Pair] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class Document:
    """A text, its data as dbt sees it, and the nodes that say where everything stands (None: no data)."""

    text: str
    root: Node | None
    data: Any

    @cached_property
    def nodes(self) -> list[Node]:
        """Every value in the order of the text."""
        return list(walk(self.root)) if self.root else []


def read(text: str) -> Document:
    """The document in `text` (without byte order mark), refused where it is broken, hostile or several."""
    _refuse_unsafe(text)
    try:
        root = _Reader(text).document()
        data = yaml.load(text, Loader=Loader)  # noqa: S506 - Loader is one of the two safe ones
    except YamlRefused:
        raise
    except _LOAD_ERRORS as error:
        raise _not_yaml(error) from error
    return Document(text, root, data)


def load(text: str) -> Any:
    """The data of `text` as dbt reads it."""
    return read(text.removeprefix(BOM)).data


def walk(node: Node) -> Iterator[Node]:
    """`node` and everything below it, keys left out, in the order of the text."""
    yield node
    for child in children(node):
        yield from walk(child)


def children(node: Node) -> list[Node]:
    if isinstance(node, SequenceNode):
        return node.items
    if isinstance(node, MappingNode):
        return [pair.value for pair in node.pairs]
    return []


def line_start(text: str, offset: int) -> int:
    return text.rfind("\n", 0, offset) + 1


def column(text: str, offset: int) -> int:
    return offset - line_start(text, offset)


def dash(text: str, item: Node) -> int | None:
    """Offset of the `-` in front of a list item; None if the item begins on a later line."""
    begin = line_start(text, item.start)
    before = text[begin : item.start].rstrip(" \t")
    return begin + len(before) - 1 if before.endswith("-") else None


@lru_cache(10_000)
def plain_tag(value: str) -> str:
    """How YAML 1.1, dbt's reader, understands `value` without quotes: `str`, `bool`, `int`, `timestamp` …"""
    first = value[:1]
    for tag, pattern in yaml.SafeLoader.yaml_implicit_resolvers.get(first, []):
        if pattern.match(value):
            return str(tag).rpartition(":")[2]
    return "str"


def trail(document: Document, place: Place) -> list[Node]:
    """The nodes from the root to `place`, which must be one place only: no alias, no doubled key."""
    node = document.root
    nodes = []
    for step in place:
        assert node is not None
        nodes.append(unshared(node))
        node = children(node)[step] if isinstance(step, int) else pair_of(node, step).value
    assert node is not None
    return [*nodes, node]


def unshared(node: Node) -> Node:
    """`node`, refused if a change to it would show in other places of the file."""
    if isinstance(node, AliasNode):
        raise YamlRefused(
            "ambiguous-target",
            f"This entry is a reference to the text in line {node.target.line}, which {_times(node.target)}."
            " Change it in the file, where you can decide whether every place or only this one changes.",
            line=node.line,
        )
    if node.uses:
        raise YamlRefused(
            "ambiguous-target",
            f"This entry carries the anchor &{node.anchor}, which {_times(node)}."
            " Change it in the file, where you can decide whether every place or only this one changes.",
            line=node.line,
        )
    return node


def pair_of(node: Node, key: str) -> Pair:
    """The only pair of the mapping with this key, refused if the key is doubled or comes from `<<`."""
    assert isinstance(node, MappingNode)
    hits = [pair for pair in node.pairs if pair.has(key)]
    if len(hits) > 1:
        raise YamlRefused(
            "ambiguous-target",
            f"The key {key} is written {len(hits)} times in this entry and dbt only reads the last one."
            " Remove the others in the file first.",
            line=hits[1].key.line,
        )
    if not hits:
        raise YamlRefused(
            "ambiguous-target",
            f"The key {key} is not written in this entry, it comes from a merge (<<)."
            " Change it in the file, where you can decide whether every place or only this one changes.",
            line=node.line,
        )
    return hits[0]


def _times(node: Node) -> str:
    return "is used in one more place" if node.uses == 1 else f"is used in {node.uses} more places"


def _refuse_unsafe(text: str) -> None:
    found = UNSAFE.search(text)
    if found:
        raise YamlRefused(
            "unsafe-text",
            f"The file holds a character that YAML does not allow (U+{ord(found[0]):04X})."
            " Remove it in the file first.",
            line=text.count("\n", 0, found.start()) + 1,
        )
    if len(text.encode()) > MAX_BYTES:
        raise YamlRefused(
            "too-large",
            f"The file is larger than {MAX_BYTES // 1000} kB. Split it into several files.",
        )


def _not_yaml(error: Exception) -> YamlRefused:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = getattr(error, "problem", None) or str(error)
    return YamlRefused(
        "not-yaml",
        f"The file is not valid YAML ({problem}). Correct it in the file first.",
        line=mark.line + 1 if mark else None,
    )


class _Reader:
    """Builds the nodes of one text and stops early where it would cost too much."""

    def __init__(self, text: str) -> None:
        self.events: Iterator[Any] = yaml.parse(text, Loader=Loader)
        self.anchors: dict[str, Node] = {}
        self.depth = self.count = 0

    def document(self) -> Node | None:
        root: Node | None = None
        documents = 0
        for event in self.events:
            line = event.start_mark.line + 1
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise YamlRefused(
                        "multi-document",
                        "The file holds several YAML documents (---) and dbt reads only one."
                        " Split it into several files.",
                        line=line,
                    )
                root = self._node(next(self.events))
        return None if isinstance(root, ScalarNode) and root.is_empty else root

    def _node(self, event: Any) -> Node:
        self.count += 1
        if self.count > MAX_NODES:
            raise YamlRefused("too-large", "The file has too many entries. Split it into several files.")
        begin = event.start_mark
        start, end, line = begin.index, event.end_mark.index, begin.line + 1
        anchor: str = event.anchor or ""
        if isinstance(event, yaml.AliasEvent):
            target = self._target(anchor, line)
            return AliasNode(start=start, end=end, line=line, target=target, size=target.size)
        tag: str | None = event.tag
        if tag not in _COMMON_TAGS:
            raise _strange_tag(tag, line)
        node: Node
        if isinstance(event, yaml.ScalarEvent):
            value, style = event.value, event.style or ""
            is_text = bool(style or tag) or plain_tag(value) == "str"
            node = ScalarNode(start, end, line, size=1, value=value, style=style, is_text=is_text)
        else:
            kind = SequenceNode if isinstance(event, yaml.SequenceStartEvent) else MappingNode
            node = kind(start, end, line, flow=bool(event.flow_style))
        if anchor:
            node.anchor = anchor
            self.anchors[anchor] = node
        if not isinstance(node, ScalarNode):
            self._fill(node)
        return node

    def _fill(self, node: SequenceNode | MappingNode) -> None:
        """Reads what stands in a list or mapping, up to its end."""
        self._enter(node.line)
        size = 1
        for event in self.events:
            node.end = event.end_mark.index
            if isinstance(event, yaml.CollectionEndEvent):
                break
            child = self._node(event)
            size += child.size
            if isinstance(node, MappingNode):
                value = self._node(next(self.events))
                size += value.size
                node.pairs.append(Pair(child, value))
            else:
                node.items.append(child)
            if size > MAX_EXPANDED_NODES:
                raise _expanded(child.line)
        node.size = size
        self.depth -= 1

    def _enter(self, line: int) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise YamlRefused(
                "too-large", f"The file is nested deeper than {MAX_DEPTH} levels. Make it flatter.", line=line
            )

    def _target(self, anchor: str, line: int) -> Node:
        target = self.anchors.get(anchor)
        if target is None:
            raise YamlRefused(
                "not-yaml",
                f"The file refers to *{anchor}, but no entry before it carries &{anchor}."
                " Correct it in the file first.",
                line=line,
            )
        if not target.size:
            raise YamlRefused(
                "unsupported-shape",
                f"The entry &{anchor} contains itself. Correct it in the file first.",
                line=line,
            )
        target.uses += 1
        return target


def _strange_tag(tag: str | None, line: int) -> YamlRefused:
    return YamlRefused(
        "unsupported-shape",
        f"The file uses the YAML tag {tag}, which Bisync does not edit. Change it by hand.",
        line=line,
    )


def _expanded(line: int) -> YamlRefused:
    return YamlRefused(
        "too-large",
        "The references (*name) in this file stand for too many entries. Use fewer of them.",
        line=line,
    )
