"""One step made in a text: only the lines of the entry it is about are written or removed."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import replace
from typing import Any, NamedTuple

from semantic.codegen.yaml_blocks import block_of
from semantic.codegen.yaml_comments import indent_of, own_comment
from semantic.codegen.yaml_emit import (
    LONGEST_ROW,
    QUOTES,
    Habit,
    Rendered,
    Style,
    behind_dash,
    file_lines,
    flow_text,
    item_lines,
    pair_lines,
    under_key,
)
from semantic.codegen.yaml_habits import most, style_of
from semantic.codegen.yaml_lines import (
    blank_lines,
    blank_lines_above,
    content_end,
    line_end,
    lines_from,
    newline,
    past_comments,
)
from semantic.codegen.yaml_marks import (
    AliasNode,
    Document,
    MappingNode,
    Node,
    Place,
    ScalarNode,
    SequenceNode,
    YamlRefused,
    children,
    column,
    dash,
    line_start,
    pair_of,
    trail,
    unshared,
    walk,
)
from semantic.codegen.yaml_steps import Drop, InsertItem, InsertKey, Put, Step

# Blank lines between entries are copied, but a wide hole somewhere in a file is no rhythm.
MAX_BLANK_LINES = 2


class Cut(NamedTuple):
    """`new` in place of the text from `start` to `end`."""

    start: int
    end: int
    new: str


class Entry(NamedTuple):
    """A list item or a pair: where its dash or key begins, where its value may begin, where it ends."""

    start: int
    opening: int
    end: int


def spliced(document: Document, step: Step, *, blocks: bool = True) -> str:
    """The text of `document`, which ends with a line break, with `step` made in it.

    Text of several lines becomes a block, or is quoted on one line where there shall be no `blocks`.
    """
    text, style = document.text, replace(style_of(document), blocks=blocks)
    match step:
        case Put():
            cut = _put(document, step, style)
        case InsertKey():
            cut = _insert_key(document, step, style)
        case InsertItem():
            cut = _insert_item(document, step, style)
        case Drop():
            cut = _drop(document, step)
    return text[: cut.start] + cut.new + text[cut.end :]


def ends_in_block(document: Document) -> bool:
    """Whether the last value of a file is a block of text, to which the last line break may belong."""
    leaf = _last_leaf(document.root) if document.root else None
    return isinstance(leaf, ScalarNode) and leaf.is_block


# Replacing a value


def _put(document: Document, step: Put, style: Style) -> Cut:
    if not step.place:
        return _first_content(document, step.value)
    parent = _container(document, step.place[:-1])
    key = step.place[-1]
    if isinstance(parent, MappingNode) and not any(pair.has(key) for pair in parent.pairs):
        # The value comes from a merge (<<): a key of its own overrides it here and nowhere else.
        return _insert_key(document, InsertKey(step.place[:-1], str(key), step.value), style)
    index = _index(parent, key)
    node = unshared(_child(parent, index))
    _refuse_lost_anchors(node)
    style = _style_like(document.text, node, step.value, style.below(_key(step.place)))
    if parent.flow:
        if node.start == node.end:
            raise _unsupported(node, "Inside these brackets, the key has no value to replace.")
        return Cut(node.start, node.end, flow_text(step.value, style))
    entry = _entry(document.text, parent, index)
    return _replaced(document.text, entry, node, _rendered(document.text, parent, index, step.value, style))


def _rendered(
    text: str, parent: MappingNode | SequenceNode, index: int, value: Any, style: Style
) -> Rendered:
    node, entry = _child(parent, index), _entry(text, parent, index)
    if _stays_flow(text, node, value, style):
        return Rendered(flow_text(value, style), [])
    if isinstance(parent, MappingNode):
        return under_key(value, column(text, entry.start), style)
    return behind_dash(value, column(text, entry.start), _width(text, entry, node), style)


def _replaced(text: str, entry: Entry, node: Node, rendered: Rendered) -> Cut:
    """The old value's text replaced; a comment behind it or behind its key stays on the first line."""
    inline, lines = rendered
    is_block = isinstance(node, ScalarNode) and node.is_block
    head = text[entry.opening : content_end(text, entry.opening)]
    begins_later = "\n" in text[entry.opening : node.start]
    is_empty = node.start == node.end
    if not lines and not (is_block or begins_later or is_empty):
        return Cut(node.start, entry.end, inline)
    if is_empty and not inline:
        return _new_lines(text, line_end(text, entry.opening), lines)
    notes = []
    if is_block or (begins_later and not is_empty):
        notes.append(_comment(head))
    end = entry.end
    if lines:
        end = content_end(text, entry.end)
        notes.append(_comment(text[entry.end : end]))
    first = "".join(f" {part}" for part in (inline, *notes) if part)
    if is_block and head.partition("#")[0].strip() == inline:
        first = head
    return Cut(entry.opening, end, newline(text, entry.opening).join([first, *lines]))


def _comment(text: str) -> str:
    """The comment at the end of a line whose value, if any, holds no `#`."""
    at = text.find("#")
    return text[at:].strip() if at >= 0 else ""


def _first_content(document: Document, value: dict[str, Any]) -> Cut:
    """The first keys of a file that holds nothing, or nothing but comments."""
    if document.root is not None:
        raise _unsupported(document.root, "The file holds no mapping to add a key to.")
    text = document.text
    if any(line.startswith("...") for line in text.splitlines()):
        raise YamlRefused(
            "unsupported-shape", "The file ends its document with `...`. Remove that line in the file first."
        )
    return _new_lines(text, len(text), file_lines(value))


# Adding an entry


def _insert_key(document: Document, step: InsertKey, style: Style) -> Cut:
    parent = _container(document, step.place)
    assert isinstance(parent, MappingNode)
    index = len(parent.pairs) - 1
    if step.after is not None and any(pair.has(step.after) for pair in parent.pairs):
        index = _index(parent, step.after)
    if parent.flow:
        pair = flow_text({step.key: step.value}, style)
        return _flow_insert(document.text, parent, index, pair[1:-1])
    key_column = column(document.text, _entry(document.text, parent, index).start)
    lines = pair_lines(step.key, step.value, key_column, style)
    return _block_insert(document, step.place, parent, index, lines)


def _insert_item(document: Document, step: InsertItem, style: Style) -> Cut:
    parent, index = _container(document, step.place), step.index - 1
    assert isinstance(parent, SequenceNode)
    style = _style_like(document.text, parent, [step.value], style.below(_key(step.place)))
    if parent.flow:
        inline = _flow_insert(document.text, parent, index, flow_text(step.value, style))
        return _opened(document, step, parent, inline, style) or inline
    entry = _entry(document.text, parent, index)
    width = _width(document.text, entry, parent.items[index])
    lines = item_lines(step.value, column(document.text, entry.start), width, style)
    return _block_insert(document, step.place, parent, index, lines)


def _block_insert(
    document: Document, place: Place, parent: MappingNode | SequenceNode, index: int, lines: list[str]
) -> Cut:
    """`lines` behind the entry number `index`, after as many blank lines as its neighbours have."""
    text = document.text
    entry = _entry(text, parent, index)
    at = _end_with_comments(text, entry)
    if index < _count(parent) - 1:
        blank = len(blank_lines(text, at))
    elif _keeps_blank_lines(text, _child(parent, index)):
        blank = 0
    else:
        gaps = _gaps(text, parent) or _gaps_alike(document, place, parent)
        blank = most(gaps, 1 if len(place) < 2 else 0)
    return _new_lines(text, at, [""] * min(blank, MAX_BLANK_LINES) + lines)


def _new_lines(text: str, at: int, lines: list[str]) -> Cut:
    """Whole lines put in at the beginning of a line, ended like the line before it."""
    end = newline(text, max(at - 1, 0))
    return Cut(at, at, "".join(line + end for line in lines))


def _gaps(text: str, parent: MappingNode | SequenceNode) -> Counter[int]:
    """How often how many blank lines stand between two entries of `parent`."""
    entries = [_entry(text, parent, index) for index in range(_count(parent) - 1)]
    return Counter(len(blank_lines(text, _end_with_comments(text, entry))) for entry in entries)


def _gaps_alike(document: Document, place: Place, parent: Node) -> Counter[int]:
    """The same of the other lists below the key of a list, that are in lines and hold mappings as it does."""
    found: Counter[int] = Counter()
    if not _of_mappings(parent):
        return found
    holders = (node for node in document.nodes if isinstance(node, MappingNode))
    pairs = (pair for holder in holders for pair in holder.pairs if pair.has(_key(place)))
    for other in (pair.value for pair in pairs):
        if isinstance(other, SequenceNode) and _of_mappings(other):
            # What is strange elsewhere in the file is no reason to refuse what is asked for here.
            with suppress(YamlRefused):
                found += _gaps(document.text, other)
    return found


def _of_mappings(node: Node) -> bool:
    """Whether it is a list in lines, of mappings."""
    is_list = isinstance(node, SequenceNode) and not node.flow
    return is_list and all(isinstance(item, MappingNode) for item in children(node))


def _flow_insert(text: str, parent: MappingNode | SequenceNode, index: int, new: str) -> Cut:
    entry = _entry(text, parent, index)
    before = text[line_start(text, entry.start) : entry.start]
    if before.strip() or "\n" not in text[parent.start : entry.start]:
        return Cut(entry.end, entry.end, f", {new}")
    following = _entry(text, parent, index + 1).start if index + 1 < _count(parent) else parent.end
    if "#" in text[entry.end : following]:
        raise _unsupported(parent, "A comment stands between these brackets.")
    return Cut(entry.end, entry.end, f",{newline(text, entry.start)}{before}{new}")


def _opened(
    document: Document, step: InsertItem, parent: SequenceNode, inline: Cut, style: Style
) -> Cut | None:
    """The list in brackets as one of lines, with its new item; None where brackets hold it well: `inline`."""
    text, holder = document.text, _container(document, step.place[:-1])
    in_the_way = parent.anchor or holder.flow or isinstance(holder, SequenceNode) or not style.blocks
    if in_the_way or "\n" in text[parent.start : parent.end]:
        return None
    before = column(text, parent.end)
    outgrows = before + len(inline.new) > LONGEST_ROW >= before
    if not (outgrows or (_is_nested(step.value) and not any(map(_has_below, parent.items)))):
        return None
    entry = _entry(text, holder, _index(holder, step.place[-1]))
    at = column(text, entry.start) + style.offset
    items = [[f"{' ' * at}- {text[item.start : item.end]}"] for item in parent.items]
    items.insert(step.index, item_lines(step.value, at, 2, style))
    return _replaced(text, entry, parent, Rendered("", [line for lines in items for line in lines]))


# Removing an entry


def _drop(document: Document, step: Drop) -> Cut:
    text = document.text
    if not step.place:
        return _drop_everything(document)
    parent = _container(document, step.place[:-1])
    index = _index(parent, step.place[-1])
    _refuse_lost_anchors(_child(parent, index))
    entry = _entry(text, parent, index)
    is_last = index == _count(parent) - 1
    if parent.flow and is_last:
        return _without_comment(text, parent, _entry(text, parent, index - 1).end, entry.end)
    if parent.flow or text[line_start(text, entry.start) : entry.start].strip():
        # It shares its line with a bracket or a dash: the next entry moves up into its place.
        following = entry.end if is_last else _entry(text, parent, index + 1).start
        return _without_comment(text, parent, entry.start, following)
    return _drop_lines(text, parent, index)


def _drop_lines(text: str, parent: MappingNode | SequenceNode, index: int) -> Cut:
    """The lines of an entry, and the blank lines that set it apart from its neighbours.

    A comment right above an item that stands apart is about it, and goes with it, unless it is a heading.
    """
    entry = _entry(text, parent, index)
    start, end = line_start(text, entry.start), _end_of_own_lines(text, entry)
    below = blank_lines(text, end)
    if isinstance(parent, SequenceNode) and (below or end == len(text)):
        limit = line_end(text, _entry(text, parent, index - 1).end) if index else 0
        start = own_comment(text, start, limit)
    if index == 0:
        return Cut(start, end + sum(below), "")
    above = blank_lines_above(text, start, line_end(text, _entry(text, parent, index - 1).end))
    count = len(above) if index == _count(parent) - 1 else min(len(above), len(below))
    return Cut(start - sum(above[:count]), end, "")


def _drop_everything(document: Document) -> Cut:
    text, root = document.text, document.root
    assert root is not None
    start, end = root.start, _value_end(text, root)
    if text[line_start(text, start) : start].strip():
        return Cut(start, end, "")
    return Cut(line_start(text, start), line_end(text, end), "")


def _without_comment(text: str, parent: Node, start: int, end: int) -> Cut:
    if "#" in text[start:end]:
        raise _unsupported(parent, "A comment may stand between this entry and the next.")
    return Cut(start, end, "")


# Where entries are


def _container(document: Document, place: Place) -> MappingNode | SequenceNode:
    node = unshared(trail(document, place)[-1])
    assert isinstance(node, MappingNode | SequenceNode)
    return node


def _key(place: Place) -> str:
    """The key below which a place is, the nearest one; "" where there is none."""
    return next((step for step in reversed(place) if isinstance(step, str)), "")


def _count(parent: MappingNode | SequenceNode) -> int:
    return len(parent.pairs) if isinstance(parent, MappingNode) else len(parent.items)


def _child(parent: MappingNode | SequenceNode, index: int) -> Node:
    return parent.pairs[index].value if isinstance(parent, MappingNode) else parent.items[index]


def _index(parent: MappingNode | SequenceNode, step: str | int) -> int:
    if isinstance(step, int):
        return step
    assert isinstance(parent, MappingNode)
    return parent.pairs.index(pair_of(parent, step))


def _entry(text: str, parent: MappingNode | SequenceNode, index: int) -> Entry:
    if isinstance(parent, SequenceNode):
        item = parent.items[index]
        if parent.flow:
            return Entry(item.start, item.start, item.end)
        start = dash(text, item)
        if start is None:
            raise _unsupported(item, "An item of this list does not stand on the line of its dash.")
        return Entry(start, start + 1, max(start + 1, _value_end(text, item)))
    pair = parent.pairs[index]
    if parent.flow:
        return Entry(pair.key.start, pair.key.end, max(pair.key.end, pair.value.end))
    colon = text.find(":", pair.key.end)
    if text[pair.key.end : colon].strip() or text[pair.key.start - 2 : pair.key.start] == "? ":
        raise _unsupported(pair.key, "This key is written with a question mark.")
    is_empty = pair.value.start == pair.value.end
    return Entry(pair.key.start, colon + 1, colon + 1 if is_empty else _value_end(text, pair.value))


def _value_end(text: str, node: Node) -> int:
    """Where the text of a value really ends: the parser's marks run on to the next entry."""
    if _keeps_blank_lines(text, node):
        return _last_leaf(node).end - 1
    if isinstance(node, ScalarNode) and node.is_block:
        return node.start + len(text[node.start : node.end].rstrip(" \t\r\n"))
    if isinstance(node, MappingNode | SequenceNode) and not node.flow:
        return _entry(text, node, _count(node) - 1).end
    return node.end


def _keeps_blank_lines(text: str, node: Node) -> bool:
    """Whether the blank lines behind a value are a part of it: it ends in a block that says `+`."""
    leaf = _last_leaf(node)
    header = text[leaf.start : content_end(text, leaf.start)].partition("#")[0]
    return isinstance(leaf, ScalarNode) and leaf.is_block and "+" in header


def _last_leaf(node: Node) -> Node:
    while below := children(node):
        node = below[-1]
    return node


def _width(text: str, entry: Entry, item: Node) -> int:
    """The distance from a dash to what stands behind it."""
    on_same_line = "\n" not in text[entry.start : item.start] and item.start != item.end
    return item.start - entry.start if on_same_line else 2


# Lines


def _end_of_own_lines(text: str, entry: Entry) -> int:
    """Where the lines of an entry end, with the comments that are indented into it."""
    end = line_end(text, entry.end)
    return past_comments(text, end, column(text, entry.start) + 1)


def _end_with_comments(text: str, entry: Entry) -> int:
    """Where a new entry goes behind this one: past the comments that still belong to their parent."""
    end, indent = line_end(text, entry.end), column(text, entry.start)
    outer = -1
    for line in lines_from(text, end):
        if line.strip() and not line.lstrip().startswith("#"):
            outer = indent_of(line)
            break
    # Below a list that is not indented, what is said at the margin is about the file.
    at_margin = indent == 0 and text[entry.start] == "-"
    return past_comments(text, end, indent if outer < indent and not at_margin else indent + 1)


# What a step keeps from its surroundings


def _style_like(text: str, node: Node, value: Any, style: Style) -> Style:
    """`style` with the quotes or the block of the text that `node` has."""
    if isinstance(node, SequenceNode) and isinstance(value, list):
        style = replace(style, habit=replace(style.habit, in_brackets=False))
        texts = bool(node.items) and all(isinstance(item, str) for item in value)
        return _style_like(text, node.items[-1], "", style) if texts else style
    if isinstance(node, ScalarNode) and isinstance(value, str) and not node.is_empty:
        quote = QUOTES.get(node.style)
        block = block_of(text, node) if node.is_block else None
        return replace(style, quote=quote or style.quote, habit=Habit(quote), block=block)
    return style


def _stays_flow(text: str, node: Node, value: Any, style: Style) -> bool:
    """Whether a list or mapping that is written on one line stays so."""
    if not isinstance(value, dict | list):
        return False
    if isinstance(node, SequenceNode) and node.flow:
        if not node.items:
            return not any(isinstance(item, dict | list) for item in value)
        nested = isinstance(value, list) and any(map(_is_nested, value))
        before, after = column(text, node.end), column(text, node.start) + len(flow_text(value, style))
        outgrows = after > LONGEST_ROW >= before
        return not outgrows and (not nested or any(map(_has_below, node.items)))
    return isinstance(node, MappingNode) and node.flow and bool(node.pairs)


def _is_nested(value: Any) -> bool:
    """Whether a mapping has a mapping in it, which nobody likes to read in braces."""
    return isinstance(value, dict) and any(isinstance(inside, dict) for inside in value.values())


def _has_below(node: Node) -> bool:
    """Whether an item is such a mapping already."""
    return any(isinstance(below, MappingNode) for below in children(node))


def _refuse_lost_anchors(node: Node) -> None:
    """Refuse to take away an anchor that the rest of the file refers to."""
    inside = list(walk(node))
    aliases = Counter(id(n.target) for n in inside if isinstance(n, AliasNode))
    for anchored in inside:
        if anchored.uses > aliases[id(anchored)]:
            raise YamlRefused(
                "ambiguous-target",
                f"Other entries of the file refer to &{anchored.anchor}, which stands in this entry."
                " Move the anchor to one of them in the file first.",
                line=anchored.line,
            )


def _unsupported(node: Node, reason: str) -> YamlRefused:
    return YamlRefused("unsupported-shape", f"{reason} Change it by hand.", line=node.line)
