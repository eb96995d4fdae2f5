"""How a file is written: what most of its entries show of indentation, quotes and brackets."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TypeVar

from semantic.codegen.yaml_emit import IN_BRACKETS, QUOTES, Habit, Quote, Style, is_plain
from semantic.codegen.yaml_marks import (
    Document,
    MappingNode,
    Node,
    Pair,
    ScalarNode,
    SequenceNode,
    column,
    dash,
)

_T = TypeVar("_T")

# From so many on, what a file or one of its keys shows is a habit.
FEWEST_TEXTS, FEWEST_OF_KEY, FEWEST_LISTS = 5, 3, 3
# So many of a hundred texts are quoted where every text is.
NEARLY_ALL = 90
# The names of tests are more like keys: a file that quotes its texts rarely quotes them.
_OF_TESTS = ("tests", "data_tests")


def style_of(document: Document) -> Style:
    """The indentation, the quotes and the brackets that most entries of the file have."""
    text = document.text
    steps: Counter[int] = Counter()
    offsets: Counter[int] = Counter()
    quotes: Counter[Quote] = Counter()
    shown: defaultdict[str, _Shown] = defaultdict(_Shown)
    for node in document.nodes:
        if isinstance(node, ScalarNode) and node.style in QUOTES:
            quotes[QUOTES[node.style]] += 1
        if isinstance(node, MappingNode):
            for pair in node.pairs:
                if isinstance(pair.key, ScalarNode):
                    shown[pair.key.value].add(pair.value, in_braces=node.flow)
                if not node.flow:
                    steps.update(_steps(text, pair))
                    offsets.update(_offsets(text, pair))
    usual = Style()
    return Style(
        step=most(steps, usual.step),
        offset=most(offsets, usual.offset),
        quote=most(quotes, usual.quote),
        usual=_usual(shown),
        habits=_habits(shown),
    )


@dataclass(slots=True)
class _Shown:
    """What a file shows below a key, or below all of them."""

    quoted: Counter[Quote] = field(default_factory=Counter)
    plain: int = 0
    in_brackets: int = 0
    in_lines: int = 0  # lists of single values
    others: int = 0  # lists of something else, in lines

    def add(self, node: Node, *, in_braces: bool) -> None:
        if isinstance(node, ScalarNode):
            self._add_text(node, within=in_braces)
        elif isinstance(node, SequenceNode) and node.items:
            single = all(isinstance(item, ScalarNode) for item in node.items)
            self.in_brackets += single and node.flow
            self.in_lines += single and not node.flow
            self.others += not (single or node.flow)
            for item in node.items:
                if isinstance(item, ScalarNode):
                    self._add_text(item, within=node.flow)

    def _add_text(self, node: ScalarNode, *, within: bool) -> None:
        """Counts a text that needs no quotes."""
        if node.is_text and not node.is_block and is_plain(node.value, "flow" if within else "block"):
            self.plain += not node.style
            self.quoted.update([QUOTES[node.style]] if node.style else [])

    @property
    def texts(self) -> int:
        return self.plain + self.quoted.total()

    def quote(self, share: int) -> Quote | None:
        """What the texts are quoted with, where `share` of a hundred are."""
        often = 100 * self.quoted.total() >= share * self.texts
        return self.quoted.most_common(1)[0][0] if self.quoted and often else None


def _usual(shown: dict[str, _Shown]) -> Habit:
    """The habit of the whole file."""
    every = _Shown()
    for key, one in shown.items():
        if key not in _OF_TESTS:
            every.quoted += one.quoted
            every.plain += one.plain
        every.in_brackets += one.in_brackets
        every.in_lines += one.in_lines
    return Habit(
        quote=every.quote(NEARLY_ALL) if every.quoted.total() >= FEWEST_TEXTS else None,
        in_brackets=every.in_brackets >= FEWEST_LISTS and every.in_brackets > every.in_lines,
    )


def _habits(shown: dict[str, _Shown]) -> dict[str, Habit]:
    """The habit below each key that has one."""
    usual = _usual(shown)
    found = dict.fromkeys(_OF_TESTS, Habit())
    found |= {key: replace(usual, in_brackets=True) for key in IN_BRACKETS}
    for key, one in shown.items():
        otherwise = found.get(key, usual)
        quote = one.quote(50) if one.texts >= FEWEST_OF_KEY else otherwise.quote
        lists = one.in_brackets + one.in_lines + one.others
        in_brackets = 2 * one.in_brackets > lists if lists else otherwise.in_brackets
        found[key] = Habit(quote, in_brackets)
    return found


def _steps(text: str, pair: Pair) -> Iterator[int]:
    value = pair.value
    if isinstance(value, MappingNode) and not value.flow:
        yield column(text, value.pairs[0].key.start) - column(text, pair.key.start)


def _offsets(text: str, pair: Pair) -> Iterator[int]:
    value = pair.value
    if isinstance(value, SequenceNode) and not value.flow:
        first = dash(text, value.items[0])
        if first is not None:
            yield column(text, first) - column(text, pair.key.start)


def most(counts: Counter[_T], otherwise: _T) -> _T:
    """What was counted most often, the first of several; `otherwise` where nothing was."""
    return counts.most_common(1)[0][0] if counts else otherwise
