"""The words of a query as nodes: all that is between brackets, or CASE and END, is one.

Nodes are cut into clauses, items and conditions; how those are written is `layout`'s to say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple, TypeAlias

from sqlglot import TokenType

from semantic.codegen.sql_models.words import Unreadable, Word

_T = TokenType
JOINS = frozenset(
    (
        _T.NATURAL, _T.ASOF, _T.POSITIONAL, _T.LEFT, _T.RIGHT, _T.FULL, _T.INNER, _T.CROSS, _T.OUTER, _T.SEMI,
        _T.ANTI,
    )
)  # fmt: skip
BRANCHES = frozenset((_T.WHEN, _T.ELSE))
_SUMS = frozenset((_T.PLUS, _T.DASH, _T.DPIPE))
_PRODUCTS = frozenset((_T.STAR, _T.SLASH, _T.MOD, _T.DIV))
OPERATORS = _SUMS | _PRODUCTS
# How selects are put together, or what they leave out.
HOW = frozenset((_T.ALL, _T.DISTINCT))
_SETS = frozenset((_T.UNION, _T.INTERSECT, _T.EXCEPT))
_CLAUSES = frozenset(
    (
        _T.SELECT, _T.FROM, _T.WHERE, _T.GROUP_BY, _T.HAVING, _T.QUALIFY, _T.WINDOW, _T.ORDER_BY, _T.LIMIT,
        _T.OFFSET, _T.FETCH, _T.CLUSTER_BY, _T.DISTRIBUTE_BY, _T.SORT_BY, *_SETS,
    )
)  # fmt: skip
_BEGINS = frozenset((_T.SELECT, _T.WITH, _T.FROM))
# What a query that stays on one line may have.
_SHORT = frozenset((_T.SELECT, _T.FROM, _T.WHERE, _T.LIMIT))
_OPENERS = {_T.L_PAREN: _T.R_PAREN, _T.L_BRACKET: _T.R_BRACKET, _T.L_BRACE: _T.R_BRACE, _T.CASE: _T.END}
_CLOSERS = frozenset(_OPENERS.values())


@dataclass(frozen=True, slots=True)
class Block:
    """What stands between brackets, or between CASE and END; `opens` where it has to take several lines."""

    first: Word
    inside: tuple[Node, ...]
    last: Word
    opens: bool = False


Node: TypeAlias = Word | Block
Nodes: TypeAlias = Sequence[Node]


def nested(words: Sequence[Word]) -> list[Node]:
    """The words with all that is between brackets, or CASE and END, as one. Raises Unreadable."""
    levels: list[tuple[Word | None, list[Node]]] = [(None, [])]
    for word in words:
        first, inside = levels[-1]
        if word.named:
            inside.append(word)
        elif word.kind in _OPENERS:
            levels.append((word, []))
        elif word.kind in _CLOSERS:
            if first is None or _OPENERS[first.kind] is not word.kind:
                raise Unreadable("A bracket does not close.")
            levels.pop()
            block = Block(first, tuple(inside), word)
            levels[-1][1].append(replace(block, opens=_opens(block)))
        else:
            inside.append(word)
    if len(levels) > 1:
        raise Unreadable("A bracket does not close.")
    return levels[0][1]


def _opens(block: Block) -> bool:
    """Whether a block has to take several lines: the author gave it some, or it holds too much for one."""
    nodes, inner = block.inside, [node for node in block.inside if isinstance(node, Block)]
    if block.first.behind or block.last.above or any(one.opens for one in inner):
        return True
    if any(first_word(node).above or last_word(node).behind for node in nodes):
        return True
    if block.first.kind is _T.CASE:
        branches = [at for at in range(len(nodes)) if kind_at(nodes, at) in BRANCHES]
        whens = [at for at in branches if kind_at(nodes, at) is _T.WHEN]
        return len(whens) > 1 or any(first_word(nodes[at]).broken for at in branches)
    if any(first_word(nodes[at]).broken for at in (*range(len(nodes[:1])), *connectives(nodes))):
        return True
    return is_query(nodes) and not is_short(nodes)


def is_short(nodes: Nodes) -> bool:
    """Whether a query may stay on one line: one column, few clauses, and no line of the author's."""
    begins = _clause_starts(nodes)
    kinds = [kind_at(nodes, at) for at in begins]
    if kinds[:1] != [_T.SELECT] or not _SHORT.issuperset(kinds):
        return False
    return not any(first_word(nodes[at]).broken for at in begins[1:]) and len(items(nodes)) == 1


def _clause_starts(nodes: Nodes) -> list[int]:
    return [at for at in range(len(nodes)) if _begins_clause(nodes, at)]


def _begins_clause(nodes: Nodes, at: int) -> bool:
    kind, before = kind_at(nodes, at), kind_at(nodes, at - 1)
    if kind in JOINS or kind is _T.JOIN:
        end = next((n for n in range(at, len(nodes)) if kind_at(nodes, n) not in JOINS), len(nodes))
        return before not in JOINS and kind_at(nodes, end) is _T.JOIN
    if kind is _T.FROM:
        return before is not _T.DISTINCT
    if kind is _T.EXCEPT:
        return before is not _T.STAR
    if isinstance(nodes[at], Block):
        behind = at - 2 if before in HOW else at - 1
        return kind_at(nodes, behind) in _SETS and _begins_clause(nodes, behind)
    return kind in _CLAUSES


def first_word(node: Node) -> Word:
    return node.first if isinstance(node, Block) else node


def last_word(node: Node) -> Word:
    return node.last if isinstance(node, Block) else node


def words_in(nodes: Nodes) -> list[Word]:
    found: list[Word] = []
    waiting = list(reversed(nodes))
    while waiting:
        node = waiting.pop()
        if isinstance(node, Block):
            found.append(node.first)
            waiting += [node.last, *reversed(node.inside)]
        else:
            found.append(node)
    return found


def kind_at(nodes: Nodes, at: int) -> TokenType | None:
    """The kind of a word that is no name; None beyond the end and for blocks."""
    node = nodes[at] if 0 <= at < len(nodes) else None
    return node.kind if isinstance(node, Word) and not node.named else None


def without_above(nodes: Nodes) -> list[Node]:
    """The same without the comments above its first word."""
    first, *rest = nodes
    if isinstance(first, Block):
        return [replace(first, first=replace(first.first, above=())), *rest]
    return [replace(first, above=()), *rest]


def is_query(nodes: Nodes) -> bool:
    if nodes and isinstance(nodes[0], Block):
        return is_query(nodes[0].inside) and (len(nodes) == 1 or kind_at(nodes, 1) in _SETS)
    return kind_at(nodes, 0) in _BEGINS


def cut_at(nodes: Nodes, places: Sequence[int]) -> list[Nodes]:
    """The nodes in parts, each of which begins at one of the places, which are in order; none is empty."""
    ends = [0, *places, len(nodes)]
    return [nodes[first:last] for first, last in pairwise(ends) if first < last]


def clauses(nodes: Nodes) -> list[Nodes]:
    """The clauses of a query."""
    return cut_at(nodes, _clause_starts(nodes))


class Item(NamedTuple):
    """What stands between two commas, and the comment behind the second."""

    nodes: list[Node]
    behind: str = ""


def items(nodes: Nodes) -> list[Item]:
    """What stands between the commas. Raises Unreadable where that is nothing."""
    found: list[Item] = []
    above: tuple[str, ...] = ()
    blank = False
    inside: list[Node] = []
    for node in nodes:
        if isinstance(node, Word) and node.kind is _T.COMMA:
            if not inside:
                raise Unreadable("There is nothing before a comma.")
            found.append(Item(inside, node.behind))
            above, blank, inside = node.above, node.blank, []
        elif inside:
            inside.append(node)
        else:
            inside = [_with(node, above=above, blank=blank)]
    return [*found, Item(inside)] if inside else found


def _with(node: Node, *, above: tuple[str, ...], blank: bool) -> Node:
    """The node with what stood before a comma that begins its line."""
    word = first_word(node)
    word = replace(word, above=(*above, *word.above), blank=blank or word.blank)
    return replace(node, first=word) if isinstance(node, Block) else word


def connectives(nodes: Nodes) -> list[int]:
    """Where the outermost conditions begin: at each OR, without one at each AND but that of BETWEEN."""
    found: dict[TokenType, list[int]] = {_T.AND: [], _T.OR: []}
    ranges = 0
    for at in range(len(nodes)):
        kind = kind_at(nodes, at)
        if kind is _T.BETWEEN:
            ranges += 1
        elif kind is _T.AND and ranges:
            ranges -= 1
        elif kind is _T.AND or kind is _T.OR:
            found[kind].append(at)
    return found[_T.OR] or found[_T.AND]


def operators(nodes: Nodes) -> list[int]:
    """Where a long calculation is best cut: at its sums, without one at its products."""
    sums: list[int] = []
    products: list[int] = []
    for at in range(1, len(nodes)):
        if last_word(nodes[at - 1]).is_value:
            found = (
                sums if kind_at(nodes, at) in _SUMS else products if kind_at(nodes, at) in _PRODUCTS else []
            )
            found.append(at)
    return sums or products
