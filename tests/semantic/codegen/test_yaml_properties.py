"""Edits in files of every style: a random dbt properties file is written by hand, so to say, then edited."""

from __future__ import annotations

import copy
import random
import re
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from semantic.codegen.yaml_files import (
    AddItem,
    Edit,
    Named,
    RemoveItem,
    RemoveKey,
    ReplaceItem,
    SetKey,
    YamlRefused,
    edited,
    load,
    new_file,
)

SENTENCES = (
    "Plain words",
    "It's a key: unique # not a comment",
    'Say "hello" to 100 % of customers',
    "{{ doc('orders') }}",
    "ünï 😀",
    "2026-11-22",
    "Two lines\nof text\n",
    "A list:\n\n* one\n* two: 2\n\n  code # here",
    "",
)
TESTS: tuple[Any, ...] = (
    "unique",
    "not_null",
    {"accepted_values": {"values": ["a", "no", "3"]}},
    {"dbt_utils.accepted_range": {"min_value": 0, "severity": "warn"}},
)


@dataclass
class Hand:
    """Somebody who writes YAML in their own way, not always tidily."""

    chance: random.Random
    shares: bool = False
    lines: list[str] = field(default_factory=list)
    anchors: list[str] = field(default_factory=list)
    names: int = 0

    def __post_init__(self) -> None:
        self.step = self.chance.choice((2, 4))
        self.offset = self.chance.choice((0, 2, self.step))
        self.quote = self.chance.choice(("", "'", '"'))
        self.gap = self.chance.choice((0, 0, 1, 2))
        self.flow = self.chance.random() < 0.5
        self.chatty = self.chance.random() < 0.5
        # Untidy hands leave blanks and tabs behind, and begin one list deeper than another.
        self.untidy = self.chance.random() < 0.4

    def sometimes(self, share: float = 0.3) -> bool:
        return self.chance.random() < share

    def name(self, kind: str) -> str:
        self.names += 1
        return f"{kind}_{self.names}"

    def say(self, indent: int, text: str) -> None:
        comment = (
            "  # a remark: here" if self.chatty and text[-1:] not in "|>-+" and self.sometimes(0.15) else ""
        )
        if self.untidy and self.sometimes(0.2):
            comment = self.chance.choice((" ", "   ", "\t", "\t# a\tremark", comment + "\t"))
        self.lines.append(" " * indent + text + comment)

    def remark(self, indent: int) -> None:
        if self.chatty and self.sometimes(0.2):
            self.lines.append(" " * indent + "# - name: a remark of somebody")

    def blank(self) -> None:
        empty = self.chance.choice(("", " ")) if self.untidy else ""
        self.lines += [empty] * (self.gap if self.sometimes(0.9) else 0)

    def below(self) -> int:
        """How much deeper the dashes of a list stand than its key."""
        return self.chance.choice((0, 2, 4)) if self.untidy and self.sometimes() else self.offset

    def scalar(self, text: str) -> str:
        quote = self.quote if self.sometimes(0.8) else "'"
        if not quote and text != "no" and re.fullmatch(r"[a-z_]+\d*", text):
            return text
        if quote == '"' and not any(char in text for char in '"\\\n'):
            return f'"{text}"'
        return "'" + text.replace("'", "''") + "'"

    def text(self, indent: int, head: str, text: str) -> None:
        inner = " " * (indent + self.step)
        if "\n" in text:
            chomp = "" if text.endswith("\n") else "-"
            self.lines.append(" " * indent + f"{head} |{chomp}")
            self.lines += [inner + line if line else "" for line in text.removesuffix("\n").split("\n")]
        elif text == "Plain words" and self.sometimes(0.7):
            style = self.chance.choice(
                (
                    ["Plain", "words"],
                    [">", "Plain", "words"],
                    [">-", "Plain words"],
                    ["> # a remark: here", "Plain words"],
                    ['"Plain', 'words"'],
                    ["'Plain", "words'"],
                )
            )
            self.lines.append(" " * indent + f"{head} {style[0]}")
            self.lines += [inner + line for line in style[1:]]
        else:
            self.say(indent, f"{head} {self.scalar(text)}")

    def items(self, indent: int, key: str, values: list[Any]) -> None:
        if not values:
            self.say(indent, f"{key}:" + self.chance.choice((" []", "", " null")))
        elif self.flow and all(isinstance(value, str) for value in values):
            self.say(indent, f"{key}: [" + ", ".join(map(self.scalar, values)) + "]")
        else:
            self.say(indent, f"{key}:")
            offset = self.below()
            for value in values:
                self.item(indent + offset, value)

    def item(self, indent: int, value: Any) -> None:
        if isinstance(value, str):
            self.say(indent, f"- {self.scalar(value)}")
            return
        [(name, arguments)] = value.items()
        self.say(indent, f"- {name}:")
        for key, argument in arguments.items():
            if isinstance(argument, list):
                self.items(indent + 2 + self.step, key, argument)
            else:
                self.say(indent + 2 + self.step, f"{key}: {argument}")

    def column(self, indent: int) -> None:
        if self.anchors and self.sometimes(0.4):
            self.say(indent, f"- *{self.anchors[-1]}")
            return
        if self.anchors and self.sometimes(0.3):
            self.say(indent, f"- <<: *{self.anchors[-1]}")
            self.say(indent + 2, f"name: {self.scalar(self.name('column'))}")
            return
        if self.flow and self.sometimes(0.2):
            self.flow_column(indent)
            return
        head, name = "- ", self.name("column")
        if self.shares and self.sometimes(0.4):
            self.anchors.append(name)
            self.lines.append(" " * indent + f"- &{name}")
            head = "  "
        self.say(indent, f"{head}name: {self.scalar(name)}")
        if self.sometimes(0.7):
            self.text(indent + 2, "description:", self.chance.choice(SENTENCES))
        if self.sometimes(0.6):
            count = self.chance.randint(0, 3)
            self.items(indent + 2, "data_tests", self.chance.sample(TESTS, count))
        if self.sometimes(0.2):
            self.say(indent + 2, "meta: {owner: me, tags: [a, 'b']}")

    def flow_column(self, indent: int) -> None:
        """A column in braces, on one line or on several."""
        pairs = [f"name: {self.name('column')}", 'description: "In braces: a, b"', "data_tests: [unique]"]
        if self.sometimes(0.5):
            self.say(indent, "- {" + ", ".join(pairs) + "}")
            return
        last = self.chance.choice(("", ","))
        self.say(indent, "- {")
        self.lines += [" " * (indent + 4) + pair + "," for pair in pairs[:-1]]
        self.lines += [" " * (indent + 4) + pairs[-1] + last, " " * (indent + 2) + "}"]

    def entry(self, indent: int, kind: str, lists: tuple[str, ...]) -> None:
        self.say(indent, f"- name: {self.scalar(self.name(kind))}")
        if self.sometimes(0.7):
            self.text(indent + 2, "description:", self.chance.choice(SENTENCES))
        if self.sometimes():
            self.say(indent + 2, "config:")
            self.say(indent + 2 + self.step, "materialized: table")
        for key in lists:
            if self.sometimes(0.7):
                self.sequence(indent + 2, key, self.column)
        self.remark(indent + 2)

    def model(self, indent: int) -> None:
        self.entry(indent, "model", ("columns",))

    def semantic_model(self, indent: int) -> None:
        self.entry(indent, "semantic", ("dimensions", "measures"))

    def sequence(self, indent: int, key: str, write: Callable[[int], None]) -> None:
        self.say(indent, f"{key}:")
        offset = self.below()
        for number in range(self.chance.randint(1, 3)):
            if number:
                self.blank()
            self.remark(indent + offset)
            write(indent + offset)

    def page(self) -> str:
        if self.sometimes():
            self.lines += ["---", "# written by hand"]
        self.lines.append("version: 2")
        self.blank()
        self.sequence(0, "models", self.model)
        self.blank()
        self.sequence(0, "semantic_models", self.semantic_model)
        if self.sometimes():
            self.lines += ["", "# the end"]
        newline = self.chance.choice(("\n", "\n", "\r\n"))
        bom = self.chance.choice(("", "", "\ufeff"))
        return bom + newline.join(self.lines) + self.chance.choice((newline, newline, newline * 3, ""))


@st.composite
def pages(draw: st.DrawFn, *, shares: bool = False) -> tuple[str, random.Random]:
    """A page, and the chance to choose in it."""
    chance = random.Random(draw(st.integers(0, 2**32)))
    return Hand(chance, shares).page(), chance


@dataclass
class Change:
    """An edit, what it means for the data, and the edit that takes it back."""

    edit: Edit
    apply: Callable[[Any], None]
    undo: Edit | None = None
    path: tuple[Any, ...] = ()  # the entry it replaces


def read(text: str) -> Any:
    """What dbt reads; PyYAML's own parser knows no tab behind a value."""
    return yaml.load(text.removeprefix("\ufeff"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def find(data: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        if isinstance(step, Named):
            data = next(item for item in data if item["name"] == step.value)
        else:
            data = data[step]
    return data


def entries(data: Any) -> Iterator[tuple[tuple[Any, ...], dict[str, Any]]]:
    """Every named entry of a page with its path, but one only for an alias that stands in a list twice."""
    for key in ("models", "semantic_models"):
        for entry in data[key]:
            yield (key, Named(entry["name"])), entry
            for part in ("columns", "dimensions", "measures"):
                names = [column["name"] for column in entry.get(part, ())]
                for column in entry.get(part, ()):
                    if names.count(column["name"]) == 1:
                        yield (key, Named(entry["name"]), part, Named(column["name"])), column


NEW_COLUMN: dict[str, Any] = {
    "name": "added",
    "description": "Added: by a person # 1\n\n* for good",
    "data_tests": ["unique", {"accepted_values": {"values": ["yes", "1"]}}],
    "meta": {"empty": {}, "none": None, "list": [], "nested": [{"a": 1.5, "b": ["x"]}]},
}


def appended(place: tuple[Any, ...], value: Any) -> Callable[[Any], None]:
    return lambda data: find(data, place).append(value)


def updated(path: tuple[Any, ...], values: dict[str, Any]) -> Callable[[Any], None]:
    return lambda data: find(data, path).update(values)


def removed(place: tuple[Any, ...], step: Any) -> Callable[[Any], None]:
    def apply(data: Any) -> None:
        parent = find(data, place)
        del parent[parent.index(find(parent, (step,))) if isinstance(step, Named) else step]

    return apply


def replaced(path: tuple[Any, ...], value: Any) -> Callable[[Any], None]:
    def apply(data: Any) -> None:
        items = find(data, path[:-1])
        items[items.index(find(items, path[-1:]))] = value

    return apply


def insertions(data: Any) -> Iterator[Change]:
    label = {"de": "Ü: x", "en": ["y", "off"]}
    in_range = {"bisync_in_range": {"min": 0}}
    lists: list[tuple[Any, ...]] = [("models",), ("semantic_models",)]
    yield Change(
        AddItem(("metrics",), NEW_COLUMN),
        updated((), {"metrics": [NEW_COLUMN]}),
        RemoveItem(("metrics", Named("added"))),
    )
    for path, entry in entries(data):
        lists += [(*path, key) for key in ("columns", "dimensions", "measures") if key in entry]
        for after in (None, "name"):
            edit = SetKey(path, "label", label, after=after)
            yield Change(edit, updated(path, {"label": label}), RemoveKey(path, "label"))
        if entry.get("data_tests"):
            place = (*path, "data_tests")
            undo = RemoveItem((*place, len(entry["data_tests"])))
            yield Change(AddItem(place, in_range), appended(place, in_range), undo)
    for place in lists:
        undo = RemoveItem((*place, Named("added")))
        yield Change(AddItem(place, NEW_COLUMN), appended(place, NEW_COLUMN), undo)


def removals(data: Any) -> Iterator[Change]:
    for key in data:
        yield Change(RemoveKey((), key), removed((), key))
    for path, entry in entries(data):
        if len(find(data, path[:-1])) > 1:
            yield Change(RemoveItem(path), removed(path[:-1], path[-1]))
        for key in entry:
            if key != "name":
                yield Change(RemoveKey(path, key), removed(path, key))


def replacements(data: Any, text: str) -> Iterator[Change]:
    for path, entry in entries(data):
        described = ended_like(entry.get("description"), text)
        wanted = entry | {"description": text, "name": "renamed", "owner": {"team": text}}
        wanted.pop("data_tests", None)
        yield Change(
            ReplaceItem(path, wanted), replaced(path, wanted | {"description": described}), path=path
        )
        renamed = entry | {"name": "renamed"}
        yield Change(SetKey(path, "name", "renamed"), replaced(path, renamed), path=path)
        if "description" in entry:
            wanted = entry | {"description": described}
            yield Change(SetKey(path, "description", text), replaced(path, wanted), path=path)


def ended_like(old: str | None, new: str) -> str:
    """A text that takes the place of a block ends in a line break, too, where the block does."""
    return new + "\n" if new and old and old.endswith("\n") and not new.endswith("\n") else new


def wanted_after(text: str, change: Change) -> list[Any]:
    """What the file should say afterwards; a block that ended it without a line break may gain one."""
    results = []
    for before in (text, text + "\n"):
        data = copy.deepcopy(read(before))
        change.apply(data)
        results.append(data)
    return results


def common(one: str, other: str) -> tuple[int, int]:
    """The lengths of the equal beginning and of the equal rest of two texts."""
    shorter = min(len(one), len(other))
    head = next((i for i in range(shorter) if one[i] != other[i]), shorter)
    tail = next((i for i in range(shorter - head) if one[-1 - i] != other[-1 - i]), shorter - head)
    return head, tail


def brackets_gone(before: str, after: str) -> str | None:
    """What is different of a list in brackets; None where the text has lost none."""
    head, tail = common(before, after)
    touched = before[head : len(before) - tail]
    return touched if touched.lstrip().startswith("[") and before.count("[") > after.count("[") else None


@given(pages())
@settings(max_examples=80, deadline=None)
def test_an_insertion_adds_text_at_one_place_and_can_be_taken_back(page: tuple[str, random.Random]) -> None:
    text, chance = page
    change = chance.choice([*insertions(read(text))])

    after = edited(text, [change.edit], path="schema.yml")

    assert read(after) in wanted_after(text, change)
    assert change.undo is not None
    restored = edited(after, [change.undo], path="schema.yml")
    if (opened := brackets_gone(text, after)) is not None:
        # A test with arguments does not fit into brackets: its list got lines.
        assert "\n" not in opened
        assert read(restored) == read(text)
        return
    assert sum(common(text, after)) >= len(text)
    assert restored == text or (read(text) != read(text + "\n") and restored.rstrip() == text.rstrip())


@given(pages())
@settings(max_examples=80, deadline=None)
def test_a_removal_takes_text_from_one_place_only(page: tuple[str, random.Random]) -> None:
    text, chance = page
    change = chance.choice([*removals(read(text))])
    try:
        after = edited(text, [change.edit], path="schema.yml")
    except YamlRefused as refusal:
        assert refusal.code == "unsupported-shape"
        assert "comment" in refusal.sentence
        return

    assert read(after) in wanted_after(text, change)
    head, tail = common(text, after)
    assert head + tail >= len(after)


@given(
    pages(), st.sampled_from(SENTENCES) | st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=40)
)
@settings(max_examples=80, deadline=None)
def test_a_replacement_leaves_every_other_entry_byte_for_byte(
    page: tuple[str, random.Random], text: str
) -> None:
    before, chance = page
    change = chance.choice([*replacements(read(before), text.replace("\ufeff", ""))])

    after = edited(before, [change.edit], path="schema.yml")

    if before.endswith(("\n", "\r")):
        assert read(after) in wanted_after(before, change)
    else:  # the block that ended the file may be in the middle of it now, and end in a line break
        assert unended(read(after)) in map(unended, wanted_after(before, change))
    data = read(before)
    head, tail = common(before, after)
    touched = before[head : len(before) - tail]
    others = [path[-1].value for path, _ in entries(data) if path[: len(change.path)] != change.path]
    assert not [name for name in others if re.search(rf"\b{name}\b", touched)]


@given(pages(shares=True))
@settings(max_examples=80, deadline=None)
def test_shared_entries_are_refused_and_all_others_are_edited(page: tuple[str, random.Random]) -> None:
    text, chance = page
    data = read(text)
    change = chance.choice([*insertions(data), *removals(data), *replacements(data, "New: text")])
    try:
        after = edited(text, [change.edit], path="schema.yml")
    except YamlRefused as refusal:
        assert refusal.code in ("ambiguous-target", "unsupported-shape")
        assert "&" in text or "#" in text
    else:
        # What comes from a merge is written where no block was.
        assert unended(read(after)) in map(unended, wanted_after(text, change))


def unended(data: Any) -> Any:
    """The data without the line breaks at the ends of texts."""
    if isinstance(data, dict):
        return {key: unended(value) for key, value in data.items()}
    if isinstance(data, list):
        return [unended(value) for value in data]
    return data.rstrip("\n") if isinstance(data, str) else data


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
@settings(max_examples=120, deadline=None)
def test_any_text_comes_back_from_every_place_or_is_refused_as_unsafe(text: str) -> None:
    places: list[Edit] = [
        SetKey(("a", 0), "plain", text),
        SetKey(("a", 0), "quoted", text),
        SetKey(("a", 0), "folded", text),
        SetKey(("a", 0), "new", [text, {"key": text}]),
        SetKey(("flow",), text, [text, {"key": text}]),
    ]
    before = "a:\n  - plain: x\n    quoted: 'x'\n    folded: >\n      x\nflow: {x: [y]}\n"
    for edit in places:
        try:
            after = edited(before, [edit], path="schema.yml")
        except YamlRefused as refusal:
            assert refusal.code == "unsafe-text"
            with pytest.raises(YamlRefused):
                new_file({"a": text})
        else:
            assert isinstance(edit, SetKey)
            wanted = ended_like("x\n", text) if edit.key == "folded" else edit.value
            assert find(load(after), edit.path)[edit.key] == wanted


WORDS = st.sampled_from(("a", "of", "#", "-", "orders", "{{", "x }}", "key:", "considerably", "'s", "  b"))
LINES = st.lists(WORDS, max_size=30).map(" ".join) | st.sampled_from(("", "  - more", "\tcode", "> x"))
TEXTS = st.lists(LINES, max_size=6).map("\n".join)


@given(TEXTS, TEXTS, st.sampled_from(("|", ">", "|-", ">-", "|+", ">+")), st.integers(20, 70))
@settings(max_examples=150, deadline=None)
def test_a_block_stays_as_it_is_written_whatever_becomes_of_its_text(
    old: str, new: str, header: str, width: int
) -> None:
    def page(text: str) -> str:
        return f"m:\n  - d: {header} # why\n" + text + "    e: 1\n"

    def lines(text: str) -> str:
        """The old text as somebody wrote it, wrapped by hand in a folded block."""
        words = textwrap.wrap(text, width) if text[:1].strip() else [text]
        return "".join(f"      {line}\n" if line.strip() else "\n" for line in words or [""])

    old, new = old.strip(), new.strip()
    assume(old and new and not re.search(r"[ \t]$", new, re.MULTILINE))
    before = page("".join(map(lines, old.split("\n"))))
    was = read(before)["m"][0]["d"]

    after = edited(before, [SetKey(("m", 0), "d", new)], path="schema.yml")

    wanted = new + "\n" * (len(was) - len(was.rstrip("\n")))
    assert read(after)["m"][0] == {"d": wanted, "e": 1}
    assert after.startswith(f"m:\n  - d: {header} # why\n")
    assert after.endswith("\n    e: 1\n")
