"""A calculated column put into the select list of an existing model, and every other byte as it was.

The list is that of the model's last select, or of the common table that the last select hands on. A column
that the calculation reads has to be a plain column there, so that it can be read under the name that it has
in FROM. Otherwise the column goes behind the star that hands on the common table, where all columns of the
model have their own names. The result is parsed again: it has to be the old query with one column more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, NamedTuple, TypeAlias

import sqlglot
from sqlglot import Token, TokenType, exp
from sqlglot.errors import SqlglotError

from semantic.codegen.sql_models.jinja import is_masked_name
from semantic.codegen.sql_models.queries import (
    CLOSING,
    OPENING,
    NotAQuery,
    Query,
    SelectList,
    handed_on,
    queries_in,
)
from semantic.codegen.sql_models.style import ProjectStyle, file_style
from semantic.codegen.sql_models.writing import WIDTH, Projection, column_name, projection_lines
from semantic.query.expressions import portable

Cause: TypeAlias = Literal[
    "unreadable",
    "several-selects",
    "grouped",
    "distinct",
    "star",
    "jinja",
    "taken",
    "calculated-input",
    "unknown-input",
    "ambiguous-input",
    "not-row-level",
    "not-as-intended",
    "contract",
]


class ColumnRefused(ValueError):
    """Why a column cannot be put into a model; `cause` is stable, the sentence says what to do instead."""

    def __init__(self, cause: Cause, sentence: str) -> None:
        super().__init__(f"{sentence} Put it into a model of its own instead, or write it by hand.")
        self.cause: Cause = cause


@dataclass(frozen=True, slots=True)
class AddColumn:
    """Add a column to the query of a model.

    `sql` is a calculation over one row, in which columns are called as the model calls them; `known` are all
    columns of the model, as far as they are known.
    """

    name: str
    sql: str
    dialect: str
    known: tuple[str, ...] = ()

    def apply(self, text: str) -> str:
        """The text of the model with the column in it. Raises ColumnRefused."""
        return with_column(text, self)


class Insertion(NamedTuple):
    """A text that goes in, behind as much white space as it takes the place of."""

    at: int
    text: str
    instead: int = 0


def with_column(text: str, column: AddColumn) -> str:
    """The text of a model's file with one column more. Raises ColumnRefused."""
    insertions = sorted(_planned(text, column), key=lambda one: one.at)
    parts, at = [], 0
    for insertion in insertions:
        parts += [text[at : insertion.at], insertion.text]
        at = insertion.at + insertion.instead
    changed = "".join([*parts, text[at:]])
    _compare(text, changed, column)
    return changed


def _planned(text: str, column: AddColumn) -> list[Insertion]:
    """Where text goes in, the same however Jinja decides."""
    plans = [_Plan(text, query, column).insertions() for query in _read(text, column.dialect)]
    if any(plan != plans[0] for plan in plans):
        raise ColumnRefused("jinja", "Where the columns end depends on what Jinja decides.")
    return plans[0]


def _read(text: str, dialect: str) -> list[Query]:
    try:
        return queries_in(text, dialect)
    except NotAQuery as error:
        raise ColumnRefused("unreadable", f"This model cannot be changed here. {error}") from None


def _compare(before: str, after: str, column: AddColumn) -> None:
    """Refuse a text that does not read as the query before with the column behind the others."""
    for old, new in zip(_read(before, column.dialect), _read(after, column.dialect), strict=True):
        for found in new.chain():
            last = found.node.expressions[-1]
            if last.alias_or_name.lower() == column.name.lower():
                found.node.set("expressions", found.node.expressions[:-1])
                break
        if new.tree != old.tree:
            raise ColumnRefused("not-as-intended", "The changed model would say something else as well.")


class _Plan:
    def __init__(self, text: str, query: Query, column: AddColumn) -> None:
        self.text = text
        self.query = query
        self.column = column
        self.value = _row_level(column)
        self.style = file_style(text, ProjectStyle(), dialect=column.dialect)

    def insertions(self) -> list[Insertion]:
        """The insertions into the first list that can take the column, the innermost first."""
        refused: ColumnRefused | None = None
        lists = self.query.chain()
        self._refuse_taken(lists)
        for found in lists:
            try:
                return list(self._into(found))
            except ColumnRefused as error:
                refused = error
        raise refused or ColumnRefused("several-selects", "This model ends in more than one SELECT.")

    def _into(self, found: SelectList) -> Iterator[Insertion]:
        self._refuse(found)
        value = self._over(found)
        projection = Projection(self.column.name, value)
        lines = projection_lines(projection, self.style, self.column.dialect)
        return _Splice(self.text, self.query.tokens, found, self.style).insertions(lines)

    # -- whether a list can take a column

    def _refuse(self, found: SelectList) -> None:
        node, tokens = found.node, self.query.tokens
        if self.query.masked.in_block(tokens[found.first - 1].start, tokens[found.end - 1].end + 1):
            raise ColumnRefused("jinja", "Jinja decides which columns this model has.")
        if _hides_something(node):
            raise ColumnRefused(
                "jinja", "Jinja stands in this model where it may change what its columns are."
            )
        if node.args.get("distinct"):
            raise ColumnRefused(
                "distinct", "This model keeps each combination of its columns once (DISTINCT)."
            )
        if node.args.get("group") or node.args.get("having") or any(map(_totals, node.expressions)):
            raise ColumnRefused("grouped", "The columns of this model are totals of many rows.")
        if any(map(_is_star, node.expressions)):
            self._refuse_star(node)

    def _refuse_taken(self, lists: Sequence[SelectList]) -> None:
        named = (one.alias_or_name for found in lists for one in found.node.expressions)
        if self.column.name.lower() in {name.lower() for name in (*self.column.known, *named)}:
            raise ColumnRefused("taken", f"There is a column {self.column.name} already.")

    def _refuse_star(self, node: exp.Select) -> None:
        """A star is all right where it brings columns of this file, and all of them are known."""
        if not self.column.known:
            raise ColumnRefused("star", "This model takes columns by a *, and nobody knows which these are.")
        if len(node.expressions) == 1 and not (handed_on(node) and self._is_common(handed_on(node))):
            raise ColumnRefused("star", "This model takes all its columns by a *.")
        if self.column.dialect == "oracle":
            raise ColumnRefused("star", "Beside a * this warehouse allows no other column.")

    def _is_common(self, name: str) -> bool:
        return any(cte.alias.lower() == name for cte in self.query.tree.find_all(exp.CTE))

    # -- what the columns of the calculation are called there

    def _over(self, found: SelectList) -> exp.Expr:
        """The calculation with each column as it is called in FROM."""
        inside = _Names(found.node, self.column)

        def renamed(part: exp.Expr) -> exp.Expr:
            return inside.column(part.name) if isinstance(part, exp.Column) else part

        return self.value.copy().transform(renamed)


class _Names:
    """What the columns of a model are called in the FROM of its select."""

    def __init__(self, node: exp.Select, column: AddColumn) -> None:
        self.known = {name.lower(): name for name in column.known}
        self.dialect = column.dialect
        self.joined = bool(node.args.get("joins") or node.args.get("laterals"))
        self.stars = [one for one in node.expressions if _is_star(one)]
        self.outputs: dict[str, exp.Expr] = {}
        for one in node.expressions:
            self.outputs.setdefault(one.alias_or_name.lower(), one.unalias())

    def column(self, name: str) -> exp.Expr:
        found = self.outputs.get(name.lower())
        if found is None:
            return self._starred(name)
        if not isinstance(found, exp.Column) or any(map(is_masked_name, _parts(found))):
            sentence = f"The column {name} is calculated in the same list, where it cannot be read."
            raise ColumnRefused("calculated-input", sentence)
        other = self.outputs.get(found.name.lower())
        if not found.table and other is not None and other != found:
            raise ColumnRefused(
                "ambiguous-input", f"Two columns of this model could be meant by {found.name}."
            )
        return found.copy()

    def _starred(self, name: str) -> exp.Expr:
        """A column that a star brings."""
        if name.lower() not in self.known or not self.stars:
            raise ColumnRefused(
                "unknown-input", f"The column {name} does not stand in this model's last list."
            )
        star = self.stars[0]
        changes = star.this if isinstance(star, exp.Column) else star
        if any(changes.args.values()):
            raise ColumnRefused("star", "This model takes all but some columns by a *.")
        table = star.args.get("table") if isinstance(star, exp.Column) else None
        if self.joined and (table is None or len(self.stars) > 1):
            raise ColumnRefused("ambiguous-input", f"Nobody knows which table the column {name} comes from.")
        identifier = column_name(self.known[name.lower()], self.dialect)
        return exp.column(identifier, table=table.copy() if table else None)


def _parts(column: exp.Column) -> list[str]:
    return [part.name for part in column.parts]


def _row_level(column: AddColumn) -> exp.Expr:
    """The calculation as a tree. Raises ColumnRefused where it is more, or less, than a value of one row."""
    try:
        value = sqlglot.parse_one(column.sql, read=portable(column.dialect) or None)
    except (SqlglotError, RecursionError):
        raise ColumnRefused("not-row-level", "The calculation cannot be read.") from None
    more = exp.AggFunc, exp.Window, exp.Query, exp.Star, exp.Command, exp.DDL, exp.Alias
    qualified = any(found.table for found in value.find_all(exp.Column))
    if qualified or not isinstance(value, exp.Condition | exp.Case | exp.Cast) or value.find(*more):
        raise ColumnRefused("not-row-level", "The calculation is more than a value of one row.")
    return value


def _is_star(projection: exp.Expr) -> bool:
    return bool(projection.is_star) or isinstance(projection, exp.Columns)


def _totals(projection: exp.Expr) -> bool:
    """Whether a column totals rows: aggregates that are no window's, and outside of queries within."""
    waiting = [projection]
    while waiting:
        part = waiting.pop()
        if isinstance(part, exp.AggFunc) and not isinstance(part.parent, exp.Window | exp.IgnoreNulls):
            return True
        if not isinstance(part, exp.Query):
            waiting += part.iter_expressions()
    return False


def _hides_something(node: exp.Select) -> bool:
    """Whether Jinja stands for more than a value, a table, or a part of a name."""
    for projection in node.expressions:
        if isinstance(projection, exp.Column) and is_masked_name(projection.name):
            return True
        if isinstance(projection, exp.Alias) and is_masked_name(projection.alias):
            return True
    return any(
        is_masked_name(found.name) and not isinstance(found.parent, exp.Column | exp.Table | exp.Func)
        for key, part in node.args.items()
        if key != "with_" and part
        for found in _identifiers(part)
    )


def _identifiers(part: exp.Expr | list[exp.Expr]) -> Iterator[exp.Identifier]:
    for one in part if isinstance(part, list) else [part]:
        if isinstance(one, exp.Expr):
            yield from one.find_all(exp.Identifier)


class _Splice:
    """Where a column goes in a list, and with which commas and margins."""

    def __init__(self, text: str, tokens: Sequence[Token], found: SelectList, style: ProjectStyle) -> None:
        self.text = text
        self.tokens = tokens
        self.found = found
        self.style = style
        self.line_end = "\r\n" if "\r\n" in text else "\n"
        # Some warehouses allow a comma behind the last column.
        self.comma_last = tokens[found.end - 1].token_type is TokenType.COMMA
        self.last = tokens[found.end - (2 if self.comma_last else 1)]

    def insertions(self, lines: Sequence[str]) -> Iterator[Insertion]:
        """The text of a new last column, and the comma before it."""
        head = self._line_before(self.tokens[self._last_column()].start)
        margin = head[: len(head) - len(head.lstrip(" \t"))]
        if head.strip() == ",":
            yield from self._leading(lines, head, margin)
        elif self._is_star_alone():
            yield from self._opened(lines, margin)
        elif head.strip():
            yield from self._inline(lines, margin)
        elif self.style.commas == "leading" and not self._has_comma():
            outer = margin.removesuffix("  ") if self.style.hanging else margin
            yield from self._leading(lines, f"{outer}, ", outer)
        else:
            yield from self._trailing(lines, margin)

    def _leading(self, lines: Sequence[str], head: str, margin: str) -> Iterator[Insertion]:
        first, *rest = lines
        inner = margin + " " * (len(head) - len(margin))
        yield Insertion(self._line_behind(), self._joined([head + first, *(inner + line for line in rest)]))

    def _trailing(self, lines: Sequence[str], margin: str) -> Iterator[Insertion]:
        added = self._joined([margin + line for line in lines])
        if self.comma_last:
            yield Insertion(self._line_behind(), f"{added},")
        elif self._line_behind() == self.last.end + 1:
            yield Insertion(self.last.end + 1, f",{added}")
        else:
            yield from (Insertion(self.last.end + 1, ","), Insertion(self._line_behind(), added))

    def _inline(self, lines: Sequence[str], margin: str) -> Iterator[Insertion]:
        """Behind the last column on its line; on lines of its own where that would be too long."""
        at = self.last.end + 1
        whole = " ".join(line.strip() for line in lines)
        if len(whole) > WIDTH:
            inner = margin + self.style.indent
            lines = ["" if self.comma_last else ",", *(inner + line for line in lines)]
            yield Insertion(
                at + self.comma_last, self.line_end.join(lines) + ("," if self.comma_last else "")
            )
        elif self.comma_last:
            yield Insertion(at + 1, f" {whole},")
        else:
            yield Insertion(at, f", {whole}")

    def _is_star_alone(self) -> bool:
        """Whether the list is a star on the line of its SELECT, in a file whose other lists have lines."""
        tokens, first, end = self.tokens, self.found.first, self.found.end
        select = tokens[first - 1]
        if not all(map(_is_star, self.found.node.expressions)) or self._has_comma() or end >= len(tokens):
            return False
        gaps = self._gap(select, tokens[first]), self._gap(tokens[end - 1], tokens[end])
        if any(gap.strip() for gap in gaps) or "\n" in gaps[0] or self._line_before(select.start).strip():
            return False
        pairs = pairwise(tokens)
        return any(one.token_type is TokenType.SELECT and "\n" in self._gap(one, two) for one, two in pairs)

    def _opened(self, lines: Sequence[str], margin: str) -> Iterator[Insertion]:
        """The list on lines of its own, as the others of the file are."""
        select, star = self.tokens[self.found.first - 1], self.tokens[self.found.first]
        inner = margin + self.style.indent
        first, *rest = lines
        leading = self.style.commas == "leading"
        comma, more = (", ", "  ") if leading else ("", "")
        added = [f"{inner}{comma}{first}", *(f"{inner}{more}{line}" for line in rest)]
        yield Insertion(select.end + 1, f"{self.line_end}{inner}", star.start - select.end - 1)
        behind = self._gap(self.last, self.tokens[self.found.end])
        whole = ("" if leading else ",") + self._joined(added)
        if "\n" in behind:
            yield Insertion(self.last.end + 1, whole)
        else:
            yield Insertion(self.last.end + 1, f"{whole}{self.line_end}{margin}", len(behind))

    def _gap(self, one: Token, two: Token) -> str:
        return self.text[one.end + 1 : two.start]

    def _joined(self, lines: Sequence[str]) -> str:
        return self.line_end + self.line_end.join(lines)

    def _last_column(self) -> int:
        """The first token of the last column."""
        end = self.found.end - (1 if self.comma_last else 0)
        depth = 0
        for at in range(end - 1, self.found.first - 1, -1):
            kind = self.tokens[at].token_type
            depth += (kind in CLOSING) - (kind in OPENING)
            if depth == 0 and kind is TokenType.COMMA:
                return at + 1
        return self.found.first

    def _has_comma(self) -> bool:
        return self._last_column() > self.found.first or self.comma_last

    def _line_before(self, at: int) -> str:
        return self.text[self.text.rfind("\n", 0, at) + 1 : at]

    def _line_behind(self) -> int:
        """Behind the last token of the list, and behind a comment that ends its line."""
        last = self.tokens[self.found.end - 1].end + 1
        follows = self.tokens[self.found.end].start if self.found.end < len(self.tokens) else len(self.text)
        end = self.text.find("\n", last, follows)
        rest = self.text[last : end if end >= 0 else follows]
        whole = rest.count("/*") == rest.count("*/") and rest.count("{") == rest.count("}")
        if not rest.strip() or end < 0 or not whole:
            return last
        return end - self.text[:end].endswith("\r")
