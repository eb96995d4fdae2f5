"""A query laid out in a project's style: its words stay; their case, the lines and the commas change.

Nothing is written anew from the tree: `::`, the names of functions and all comments are the author's. What
fits on a line gets one, but where the author broke one within brackets, CASE or conditions, there is a break.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple, TypeAlias

from sqlglot import TokenType, exp

from semantic.codegen.sql_models.jinja import Unmaskable, mask
from semantic.codegen.sql_models.nodes import (
    BRANCHES,
    HOW,
    JOINS,
    OPERATORS,
    Block,
    Item,
    Node,
    Nodes,
    clauses,
    connectives,
    cut_at,
    first_word,
    is_query,
    is_short,
    items,
    kind_at,
    last_word,
    nested,
    operators,
    without_above,
    words_in,
)
from semantic.codegen.sql_models.queries import NotAQuery, Query, query_of
from semantic.codegen.sql_models.style import ProjectStyle
from semantic.codegen.sql_models.words import (
    Unreadable,
    Word,
    between,
    comments_in,
    line_of,
    made_small,
    words_of,
)
from semantic.codegen.sql_models.writing import WIDTH, CommonTable, with_lines

_T = TokenType
_LISTS = frozenset((_T.GROUP_BY, _T.ORDER_BY, _T.CLUSTER_BY, _T.DISTRIBUTE_BY, _T.SORT_BY))
_CONDITIONS = frozenset((_T.WHERE, _T.HAVING, _T.QUALIFY))
_OF_WINDOWS = frozenset((_T.PARTITION_BY, _T.ORDER_BY, _T.ROWS, _T.RANGE))


def laid_out(query: Query, style: ProjectStyle, dialect: str, *, small_names: bool) -> str:
    """The query in the project's style, without a line's end behind it.

    With `small_names`, bare names in capitals become small. Raises Unreadable where it would not be the same
    query any more.
    """
    words, below = words_of(query, style, dialect, small_names=small_names)
    lines = _Layout(style).query(nested(words), WIDTH)
    text = query.masked.unmasked("\n".join([*map(str, lines), *below]))
    if not _same(query, text, dialect, made_small(query, dialect) if small_names else ()):
        raise Unreadable("Its words could not be put on other lines safely.")
    return text


def _same(query: Query, text: str, dialect: str, small: Collection[int]) -> bool:
    """Whether a text is the same query, with the names in small letters that stand at these places."""
    try:
        other = query_of(mask(text), dialect)
    except (NotAQuery, Unmaskable):
        return False
    tree = query.tree.copy()
    for name in tree.find_all(exp.Identifier):
        if name.meta.get("start") in small:
            name.set("this", name.name.lower())
    return tree == other.tree and comments_in(query) == comments_in(other)


class _Line(NamedTuple):
    """A line, and the comment at its end; a `remark` is a line that is a comment."""

    text: str
    comment: str = ""
    remark: bool = False

    def __str__(self) -> str:
        return f"{self.text} {self.comment}" if self.comment else self.text


_Lines: TypeAlias = list[_Line]


def _remarks(comments: Sequence[str]) -> _Lines:
    return [_Line(comment, remark=True) for comment in comments]


def _indented(lines: _Lines, by: str) -> _Lines:
    return [line._replace(text=by + line.text) if line.text else line for line in lines]


def _fits(text: str | None, room: int) -> bool:
    return text is not None and max(map(len, text.split("\n"))) <= room


class _Layout:
    """How a style lays out the parts of a query: lines without the margin of what they stand in.

    Each begins with the comments above it, but for those of `expression` and `flow`.
    """

    def __init__(self, style: ProjectStyle) -> None:
        self.style = style
        self.indent = style.indent
        self.width = len(style.indent.expandtabs(4))

    def query(self, nodes: Nodes, room: int) -> _Lines:
        lines = _remarks(first_word(nodes[0]).above)
        if kind_at(nodes, 0) is _T.WITH:
            tables, nodes = self.tables(nodes, room)
            lines += [*tables, _Line(""), *_remarks(first_word(nodes[0]).above)]
        nodes = without_above(nodes)
        if kind_at(nodes, 1) is _T.STAR and is_short(nodes) and _fits(text := self.flat(nodes), room):
            return [*lines, _Line(text or "", last_word(nodes[-1]).behind)]
        for place, clause in enumerate(clauses(nodes)):
            word = first_word(clause[0])
            lines += [_Line("")] if place and word.blank else []
            lines += [*_remarks(word.above), *self.clause(without_above(clause), room)]
        return lines

    def tables(self, nodes: Nodes, room: int) -> tuple[_Lines, Nodes]:
        """Common tables, and the nodes behind them."""
        first, size = first_word(nodes[0]), 2 if kind_at(nodes, 1) is _T.RECURSIVE else 1
        head, at = line_of(words_in(nodes[:size])), size
        above = [first.behind] if first.behind else []
        found: list[CommonTable] = []
        while True:
            name, at = at, _body_of_table(nodes, at)
            block = nodes[at]
            assert isinstance(block, Block)
            opening = line_of(words_in(without_above(nodes[name:at])))
            query = [
                *_remarks([block.first.behind] if block.first.behind else []),
                *self.query(block.inside, room - self.width),
                *_remarks(block.last.above),
            ]
            above += first_word(nodes[name]).above
            table = CommonTable(opening, [*map(str, query)], above, block.last.behind)
            at += 1
            comma = nodes[at] if at < len(nodes) else None
            if not isinstance(comma, Word) or comma.kind is not _T.COMMA:
                return [_Line(line) for line in with_lines([*found, table], self.style, head)], nodes[at:]
            found.append(replace(table, behind=f"{table.behind} {comma.behind}".strip()))
            above, at = [*comma.above], at + 1

    def clause(self, nodes: Nodes, room: int) -> _Lines:
        kind = kind_at(nodes, 0)
        if kind is _T.SELECT:
            return self.listed(nodes, _size_of_head(nodes), room)
        if kind in _LISTS:
            return self.listed(nodes, 1, room)
        if kind in _CONDITIONS:
            return self.conditions(nodes[:1], nodes[1:], room)
        on = next((at for at in range(len(nodes)) if kind_at(nodes, at) is _T.ON), None)
        if (kind in JOINS or kind is _T.JOIN) and on is not None:
            return self.joined_table(nodes, on, room)
        return self.expression(nodes, room)

    def listed(self, nodes: Nodes, size: int, room: int) -> _Lines:
        """A head of so many nodes and a list, on one line only where it is short."""
        listed = items(nodes[size:])
        broken = any(first_word(item.nodes[0]).broken for item in listed)
        single = len(listed) == 1 or kind_at(nodes, 0) is not _T.SELECT
        if single and not broken and _fits(text := self.flat(nodes), room):
            return [_Line(text or "", last_word(nodes[-1]).behind)]
        head = _Line(line_of(words_in(nodes[:size])), last_word(nodes[size - 1]).behind)
        return [head, *_indented(self.items(listed, room - self.width), self.indent)]

    def items(self, listed: Sequence[Item], room: int) -> _Lines:
        """A list, a line for each, with the commas where the project has them."""
        lines: _Lines = []
        trailing = self.style.commas == "trailing"
        for place, (nodes, behind) in enumerate(listed):
            word, last = first_word(nodes[0]), place == len(listed) - 1
            margin = "  " if not trailing and (place or self.style.hanging) else ""
            lines += [_Line("")] if place and word.blank else []
            lines += _indented(_remarks(word.above), margin)
            found = _indented(self.expression(without_above(nodes), room - len(margin)), margin)
            if place and not trailing:
                found[0] = found[0]._replace(text=", " + found[0].text.removeprefix(margin))
            comma = "," if trailing and not last else ""
            comment = f"{found[-1].comment} {behind}".strip()
            found[-1] = _Line(found[-1].text + comma, comment)
            lines += found
        return lines

    def joined_table(self, nodes: Nodes, on: int, room: int) -> _Lines:
        """A JOIN whose ON begins at this node."""
        text = self.flat(nodes)
        broken = any(first_word(nodes[on + 1 + at]).broken for at in connectives(nodes[on + 1 :]))
        if _fits(text, room) and not broken and not first_word(nodes[on]).broken:
            return [_Line(text or "", last_word(nodes[-1]).behind)]
        word = first_word(nodes[on])
        condition = self.conditions(without_above(nodes[on : on + 1]), nodes[on + 1 :], room, hanging=False)
        return [
            *self.expression(nodes[:on], room),
            *_indented([*_remarks(word.above), *condition], self.indent),
        ]

    def conditions(self, head: Nodes, nodes: Nodes, room: int, *, hanging: bool = True) -> _Lines:
        """Conditions behind a head: on one line, or one on each, the others hanging below the first."""
        _refuse_nothing(nodes)
        text = self.flat([*head, *nodes])
        cuts = connectives(nodes)
        if _fits(text, room) and not any(first_word(nodes[at]).broken for at in cuts):
            return [_Line(text or "", last_word(nodes[-1]).behind)]
        first, *others = cut_at(nodes, cuts)
        lines = self.behind(head, first, room)
        if head and hanging and others and len(lines) > 1 and not lines[0].comment:
            # A first condition of several lines stands below the head, where all of them begin alike.
            lines = [_Line(line_of(words_in(head))), *_indented(self.behind([], first, room), self.indent)]
        margin = self.indent if hanging else ""
        for other in others:
            word = first_word(other[0])
            found = [*_remarks(word.above), *self.behind(without_above(other[:1]), other[1:], room)]
            lines += _indented(found, margin)
        return lines

    def behind(self, head: Nodes, nodes: Nodes, room: int) -> _Lines:
        """What stands behind a head; on lines of its own where a comment comes between."""
        _refuse_nothing(nodes)
        word = first_word(nodes[0])
        found = self.expression(without_above(nodes), room)
        if not head:
            return [*_remarks(word.above), *found]
        text, comment = line_of(words_in(head)), last_word(head[-1]).behind
        if word.above or comment:
            return [_Line(text, comment), *_indented([*_remarks(word.above), *found], self.indent)]
        return [found[0]._replace(text=f"{text} {found[0].text}"), *found[1:]]

    def expression(self, nodes: Nodes, room: int) -> _Lines:
        text, cuts = self.flat(nodes), connectives(nodes)
        if _fits(text, room) and not any(first_word(nodes[at]).broken for at in cuts):
            return [_Line(text or "", last_word(nodes[-1]).behind)]
        if cuts:
            return self.conditions([], nodes, room)
        parts = cut_at(nodes, operators(nodes)) if text is not None else [nodes]
        lines = self.flow(parts[0], room)
        for before, part in pairwise(parts):
            found = self.flow(part, room - self.width, behind=last_word(before[-1]))
            lines += _indented(found, self.indent)
        return lines

    def flat(self, nodes: Nodes) -> str | None:
        """All of it on one line, but for a comment at its end; None where that cannot be."""
        if any(isinstance(node, Block) and node.opens for node in nodes):
            return None
        words = words_in(nodes)
        if any(word.above for word in words[1:]) or any(word.behind for word in words[:-1]):
            return None
        return line_of(words)

    def flow(self, nodes: Nodes, room: int, *, behind: Word | None = None) -> _Lines:
        """Nodes one behind the other; blocks that do not fit take several lines.

        They may stand `behind` a word that ends the line before, so that their first is an operator.
        """
        lines: _Lines = []
        text = margin = ""
        older: Word | None = None
        before: Word | None = None
        for node in nodes:
            word = first_word(node)
            if before and (before.behind or word.above or _may_begin(before, node)):
                lines.append(_Line(margin + text, before.behind))
                margin, text = self.indent, ""
                lines += _indented(_remarks(word.above), margin)
            gap = between(older, before, word) if text else ""
            whole = self.flat(without_above([node]))
            if isinstance(node, Word) or _fits(whole, room - len(margin + text + gap)):
                text += gap + (word.text if isinstance(node, Word) else whole or "")
            else:
                first, *middle, last = self.block(node, room - len(margin))
                lines.append(_Line(margin + text + gap + first.text, first.comment))
                lines += _indented(middle, margin)
                text = last.text
            older, before = before or behind, last_word(node)
        assert before is not None
        return [*lines, _Line(margin + text, before.behind)]

    def block(self, node: Block, room: int) -> _Lines:
        """A block on several lines."""
        if node.first.kind is _T.CASE:
            return self.case(node, room)
        nodes, inner = node.inside, room - self.width
        cuts = [at for at in range(len(nodes)) if kind_at(nodes, at) in _OF_WINDOWS]
        found: _Lines = []
        if is_query(nodes):
            found = self.query(nodes, inner)
        elif cuts:
            for part in cut_at(nodes, cuts):
                found += [*_remarks(first_word(part[0]).above), *self.flow(without_above(part), inner)]
        elif len(listed := items(nodes)) > 1:
            found = self.items(listed, inner)
        elif nodes:
            found = _remarks(first_word(nodes[0]).above)
            found += self.conditions([], without_above(nodes), inner, hanging=False)
        found += _remarks(node.last.above)
        head = _Line(node.first.text, node.first.behind)
        return [head, *_indented(found, self.indent), _Line(node.last.text)]

    def case(self, node: Block, room: int) -> _Lines:
        nodes, inner = node.inside, room - self.width
        branches = cut_at(nodes, [at for at in range(len(nodes)) if kind_at(nodes, at) in BRANCHES])
        lines = [_Line(node.first.text, node.first.behind)]
        if branches and kind_at(branches[0], 0) not in BRANCHES:
            lines = self.behind([node.first], branches.pop(0), room)
        found: _Lines = []
        for part in branches:
            found += [*_remarks(first_word(part[0]).above), *self.branch(without_above(part), inner)]
        found += _remarks(node.last.above)
        return [*lines, *_indented(found, self.indent), _Line(node.last.text)]

    def branch(self, nodes: Nodes, room: int) -> _Lines:
        """WHEN with its outcome, on a line of its own where the condition is long; or ELSE."""
        then = next((at for at in range(len(nodes)) if kind_at(nodes, at) is _T.THEN), None)
        if then is None:
            return self.behind(nodes[:1], nodes[1:], room)
        cuts = connectives(nodes[1:then])
        if _fits(text := self.flat(nodes), room) and not any(first_word(nodes[1 + at]).broken for at in cuts):
            return [_Line(text or "", last_word(nodes[-1]).behind)]
        word = first_word(nodes[then])
        outcome = self.behind(without_above(nodes[then : then + 1]), nodes[then + 1 :], room - self.width)
        return [
            *self.conditions(nodes[:1], nodes[1:then], room),
            *_indented([*_remarks(word.above), *outcome], self.indent),
        ]


def _refuse_nothing(nodes: Nodes) -> None:
    if not nodes:
        raise Unreadable("There is nothing behind a word of SQL.")  # which the parser lets pass


def _may_begin(before: Word, node: Node) -> bool:
    """Whether a line of the author's begins here that may stay: at an operator or a word of SQL."""
    if not isinstance(node, Word) or before.kind in OPERATORS:
        return False
    return node.broken and not node.is_value and node.kind not in (_T.COMMA, _T.ALIAS)


def _body_of_table(nodes: Nodes, at: int) -> int:
    """Where the brackets of the common table stand whose name is there. Raises Unreadable."""
    for place in range(at, len(nodes)):
        is_named = any(kind_at(nodes, one) is _T.ALIAS for one in range(at, place))
        if is_named and isinstance(nodes[place], Block):
            return place
    raise Unreadable("A common table has no query.")


def _size_of_head(nodes: Nodes) -> int:
    """How many nodes there are before a select's list: SELECT, DISTINCT ON (…), TOP 10."""
    size = 2 if kind_at(nodes, 1) in HOW else 1
    if kind_at(nodes, size) is _T.ON:
        size += 2
    if kind_at(nodes, size) is _T.TOP:
        size += 2
    return size
