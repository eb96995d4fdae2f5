"""YAML that strangers wrote, read at a cost that they cannot raise."""

from __future__ import annotations

from typing import Any

import yaml

MAX_CHARACTERS = 1_000_000
MAX_DEPTH = 40
# An alias costs nothing to write and its whole target to walk over.
MAX_NODES = 200_000


class YamlTooLarge(yaml.YAMLError):
    """More than anybody writes by hand."""


def load(text: str) -> Any:
    """The data of `text`, small also with every alias written out; yaml.YAMLError where it is not."""
    _require_small(text)
    try:
        return yaml.load(text, Loader=yaml.CSafeLoader)
    except (ValueError, TypeError, OverflowError, RecursionError) as exc:
        raise yaml.YAMLError(str(exc)) from None  # values such as 2026-13-45


def compose(text: str) -> yaml.Node | None:
    """The nodes of `text`, with their lines and with every value as it was written; None of an empty one."""
    _require_small(text)
    return yaml.compose(text, Loader=yaml.CSafeLoader)


def _require_small(text: str) -> None:
    if len(text) > MAX_CHARACTERS:
        raise YamlTooLarge(f"it has more than {MAX_CHARACTERS:,} characters")
    _measure(text)


def _measure(text: str) -> None:
    """Count the nodes as they would be without aliases, before anything is built."""
    sizes: dict[str, int] = {}
    levels: list[tuple[str | None, int]] = [(None, 0)]
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            levels.append((event.anchor, 1))
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, size = levels.pop()
            _add(levels, sizes, anchor, size)
        elif isinstance(event, yaml.ScalarEvent):
            _add(levels, sizes, event.anchor, 1)
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor not in sizes:
                raise YamlTooLarge("an alias stands within what it repeats")
            _add(levels, sizes, None, sizes[event.anchor])
        if len(levels) > MAX_DEPTH or levels[-1][1] > MAX_NODES:
            raise YamlTooLarge("its aliases and levels multiply beyond all bounds")


def _add(levels: list[tuple[str | None, int]], sizes: dict[str, int], anchor: str | None, size: int) -> None:
    if anchor is not None:
        sizes[anchor] = size
    above, so_far = levels[-1]
    levels[-1] = above, so_far + size
