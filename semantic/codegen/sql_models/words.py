"""The words of a query: its tokens in a project's case, with the comments and the breaks around them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, zip_longest
from typing import NamedTuple

from sqlglot import Token, TokenType, exp
from sqlglot.dialects.dialect import Dialect, NormalizationStrategy

from semantic.codegen.sql_models.queries import Query
from semantic.codegen.sql_models.style import ProjectStyle
from semantic.codegen.sql_text import AS_THEY_ARE, calls, in_case, stands_off

_T = TokenType
_COMMENT = re.compile(r"/\*.*?\*/|(?:--|//|#)[^\n]*", re.DOTALL)
_FOLDING = frozenset((NormalizationStrategy.LOWERCASE, NormalizationStrategy.UPPERCASE))
_BLANK = re.compile(r"\n[ \t]*\n")
# Behind these stands a part of a path, whose case may count.
_PATHS = frozenset((_T.COLON, _T.DOT))
_GLUED_BEHIND = frozenset((_T.L_PAREN, _T.L_BRACKET, _T.DOT, _T.DCOLON))
_GLUED_BEFORE = frozenset((_T.COMMA, _T.R_PAREN, _T.R_BRACKET, _T.DOT, _T.DCOLON))
_BETWEEN_TWO = frozenset((_T.EQ, _T.NEQ, _T.LT, _T.GT, _T.LTE, _T.GTE, _T.DPIPE))
_ANGLES = frozenset((_T.LT, _T.GT))
_ARITHMETIC = frozenset((_T.PLUS, _T.DASH, _T.STAR, _T.SLASH, _T.MOD, _T.DIV))
_ENDS = frozenset((_T.R_PAREN, _T.R_BRACKET, _T.COMMA, _T.END, _T.FROM))
# LATERAL VIEW, which some warehouses have, is told by the same class and takes no AS there.
_CALLED_TABLES = (exp.Table, exp.Subquery, exp.Lateral, exp.Unnest, exp.Values)
_VALUES = frozenset((_T.IDENTIFIER, _T.NUMBER, _T.STRING, _T.R_PAREN, _T.R_BRACKET, _T.END, _T.NULL))


class Unreadable(ValueError):
    """A text whose layout cannot be told."""


@dataclass(frozen=True, slots=True)
class Word:
    """A token as it is to be written.

    `above` are comments on lines of their own before it, `behind` is the one at the end of its line. It was
    `broken` where it began a line, with a `blank` one before that, and `glued` where nothing stood before it.
    `named` words are names.
    """

    text: str
    kind: TokenType
    above: tuple[str, ...] = ()
    behind: str = ""
    broken: bool = False
    blank: bool = False
    glued: bool = False
    named: bool = False

    @property
    def is_value(self) -> bool:
        """Whether a value may end with it."""
        return self.named or self.kind in _VALUES


class _Gap(NamedTuple):
    """What stands between two tokens: a comment behind the first, lines above the second, one before it."""

    behind: str
    above: tuple[str, ...]
    inline: str
    broken: bool
    blank: bool
    glued: bool


def words_of(
    query: Query, style: ProjectStyle, dialect: str, *, small_names: bool
) -> tuple[list[Word], tuple[str, ...]]:
    """The words, and the comments below the last one. Raises Unreadable.

    What columns and tables are called by gets AS before it. With `small_names`, bare names in capitals, as
    some warehouses show them, become small.
    """
    names = _Names(query, style, dialect, small_names=small_names)
    text, at = query.masked.text, 0
    words: list[Word] = []
    before: Token | None = None
    for token, after in zip_longest(query.tokens, query.tokens[1:]):
        gap = _gap(text[at : token.start], begins=before is None)
        inline = gap.inline
        if gap.behind:
            words[-1] = replace(words[-1], behind=f"{words[-1].behind} {gap.behind}".strip())
        elif inline and words and _belongs_to(words[-1], token):
            words[-1], inline = replace(words[-1], text=f"{words[-1].text} {inline}"), ""
        if gap.broken and before and _is_text(before) and _is_text(token):
            raise Unreadable("A text goes on on another line.")  # to some warehouses it is one only there
        named = token.start in names.places
        spoken = names.spoken(text[token.start : token.end + 1], before, token, after)
        word = Word(
            f"{inline} {spoken}" if inline else spoken,
            _T.VAR if named else names.brackets.get(token.start, token.token_type),
            above=gap.above,
            broken=gap.broken,
            blank=gap.blank,
            glued=gap.glued,
            named=named,
        )
        if token.start in names.aliases and before and before.token_type is not _T.ALIAS:
            word = replace(word, glued=False)
            words.append(replace(word, text=in_case("as", style.keywords), kind=_T.ALIAS, named=False))
            word = replace(word, above=(), broken=False, blank=False)
        words.append(word)
        at, before = token.end + 1, token
    rest = _gap(text[at:] + "\n", begins=False)
    if rest.behind:
        words[-1] = replace(words[-1], behind=rest.behind)
    return words, rest.above


def comments_in(query: Query) -> list[str]:
    """Every comment of a query, in order."""
    text, found, at = query.masked.text, [], 0
    for token in query.tokens:
        found += _COMMENT.findall(text[at : token.start])
        at = token.end + 1
    return [comment.strip() for comment in (*found, *_COMMENT.findall(text[at:]))]


def line_of(words: Iterable[Word]) -> str:
    """Words on one line, with the blanks that belong between them."""
    parts: list[str] = []
    older: Word | None = None
    before: Word | None = None
    for word in words:
        parts += [between(older, before, word), word.text]
        older, before = before, word
    return "".join(parts)


def between(older: Word | None, before: Word | None, word: Word) -> str:
    """What stands between two words on one line; `older` is the word before them."""
    if before is None or before.kind in _GLUED_BEHIND:
        return ""
    if word.kind in _GLUED_BEFORE and (word.kind is not _T.DOT or before.is_value):
        return ""
    if word.glued and before.kind in _ANGLES and word.kind in _ANGLES:
        return ""  # an operator of two characters, as >>
    if before.kind is _T.COMMA or _between_two(older, before) or _between_two(before, word):
        return " "
    if word.kind is _T.L_PAREN and not before.named and stands_off(before.text, before.kind):
        return " "
    if word.kind is _T.L_PAREN and before.kind is _T.VAR and not before.named:
        return ""  # a function and what it is given
    return "" if word.glued else " "


def _between_two(before: Word | None, word: Word) -> bool:
    """Whether a word stands between two values."""
    if word.kind in _BETWEEN_TWO:
        return True
    return word.kind in _ARITHMETIC and before is not None and before.is_value


def _belongs_to(before: Word, token: Token) -> bool:
    """Whether a comment between two words on a line is the first one's."""
    return token.token_type is not _T.SELECT and (before.is_value or token.token_type in _ENDS)


def _is_text(token: Token) -> bool:
    return token.token_type.name.endswith("STRING")


def _gap(text: str, *, begins: bool) -> _Gap:
    behind: list[str] = []
    above: list[str] = []
    inline: list[str] = []
    at, broken = 0, begins
    for found in _COMMENT.finditer(text):
        if text[at : found.start()].strip():
            raise Unreadable("There is something between two words.")
        broken = broken or "\n" in text[at : found.start()]
        at = found.end()
        ends = not found[0].startswith("/*") or re.match(r"[ \t]*\n", text[at:])
        (inline if not ends else above if broken else behind).append(found[0].strip())
    if text[at:].strip():
        raise Unreadable("There is something between two words.")
    blank = not begins and bool(_BLANK.search(text))
    return _Gap(
        " ".join(behind), tuple(above), " ".join(inline), broken or "\n" in text, blank, glued=not text
    )


class _Names:
    """Which tokens are names, and which of them columns and tables are called by."""

    def __init__(self, query: Query, style: ProjectStyle, dialect: str, *, small_names: bool) -> None:
        found = [one for one in query.tree.find_all(exp.Identifier) if "start" in one.meta]
        self.places = {one.meta["start"] for one in found}
        self.aliases = {one.meta["start"] for one in found if _is_alias(one)}
        # Functions that the parser does not know may be somebody's own, whose case may count.
        self.unknown = {one.name.lower() for one in query.tree.find_all(exp.Anonymous)}
        self.style = style
        self.dialect = dialect
        self.small = made_small(query, dialect) if small_names else frozenset()
        self.brackets = _brackets_of_types(query.tokens, self.places, dialect)

    def spoken(self, text: str, before: Token | None, token: Token, after: Token | None) -> str:
        """A token's text: words of SQL in the project's case, names as they are."""
        if token.start in self.places:
            return text.lower() if token.start in self.small else text
        kept = token.token_type in AS_THEY_ARE or token.token_type is _T.IDENTIFIER
        path = before is not None and before.token_type in _PATHS
        key = after is not None and after.token_type is _T.COLON
        if kept or path or key or text.lower() in self.unknown:
            return text
        called = calls(token, after, self.dialect)
        return in_case(text, self.style.of_functions if called else self.style.keywords)


def _brackets_of_types(tokens: Sequence[Token], names: Collection[int], dialect: str) -> dict[int, TokenType]:
    """Where the brackets of types stand, as of ARRAY<STRUCT<…>>, and the brackets that they are like."""
    types = Dialect.get_or_raise(dialect or None).parser_class.NESTED_TYPE_TOKENS
    found: dict[int, TokenType] = {}
    depth = 0
    for before, token in pairwise(tokens):
        if token.token_type is _T.LT and before.token_type in types and before.start not in names:
            found[token.start] = _T.L_BRACKET
            depth += 1
        elif token.token_type is _T.GT and depth:
            found[token.start] = _T.R_BRACKET
            depth -= 1
    return found


def made_small(query: Query, dialect: str) -> frozenset[int]:
    """Where the bare names in capitals stand that mean the same in small letters."""
    if _shows_names(query.tree, dialect):
        return frozenset()
    kept = {part.meta.get("start") for part in _behind_columns(query.tree)}
    names = (one for one in query.tree.find_all(exp.Identifier) if "start" in one.meta)
    starts = {one.meta["start"] for one in names if one.name.isupper() and one.name.isascii()}
    bare = {at for at in starts if query.masked.text[at].isalpha() or query.masked.text[at] == "_"}
    return frozenset(bare - kept)


def _shows_names(tree: exp.Expr, dialect: str) -> bool:
    """Whether what columns are called may be within what is computed, as in JSON, letter by letter.

    Warehouses that read bare names as all small, or all capitals, do so here, too.
    """
    if Dialect.get_or_raise(dialect or None).NORMALIZATION_STRATEGY in _FOLDING:
        return False
    sources = _sources(tree)
    for one in tree.find_all(exp.Pivot, exp.Struct, exp.Columns, exp.Func, exp.Column):
        if isinstance(one, exp.Column):
            shows = not one.table and one.name.lower() in sources  # a whole row
        else:
            name = one.name if isinstance(one, exp.Anonymous) else one.key
            shows = not isinstance(one, exp.Func) or isinstance(one, exp.Struct) or "json" in name.lower()
        if shows:
            return True
    return False


def _sources(tree: exp.Expr) -> set[str]:
    """What anything in FROM or WITH is called."""
    return {one.name.lower() for one in tree.find_all(exp.TableAlias, exp.Table)}


def _behind_columns(tree: exp.Expr) -> Iterator[exp.Expr]:
    """The parts of names that stand behind a column's: fields of what it holds, whose case may count."""
    sources = _sources(tree)
    for column in tree.find_all(exp.Column):
        parts = column.parts
        yield from parts[2 if parts[0].name.lower() in sources else 1 :]
    for dot in tree.find_all(exp.Dot):
        yield dot.expression


def _is_alias(name: exp.Identifier) -> bool:
    around = name.parent
    if isinstance(around, exp.Alias):
        return name.arg_key == "alias"
    if isinstance(around, exp.TableAlias) and name.arg_key == "this":
        table = around.parent
        return isinstance(table, _CALLED_TABLES) and not table.args.get("view")
    return False
