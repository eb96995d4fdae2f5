"""Which columns of which relations the columns of a query come from, by its text alone.

A query is evaluated with tables whose cells are what they are made from. Nothing is guessed: what the text
does not decide is marked unknown.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from catalog.lineage.origins import (
    UNKNOWN,
    How,
    Leaf,
    Made,
    Origin,
    Relation,
    Rest,
    Table,
    Without,
    merged,
)
from catalog.lineage.pivots import pivoted
from catalog.lineage.scopes import Scope

# dbt writes an ephemeral model into whatever reads it, as a common table of this name.
EPHEMERAL = "__dbt__cte__"
# The name of a relation in lower case: database, schema and table, or as much of it as the query says.
Name = tuple[str, ...]

# A star over a join of stars doubles, and again: no table has so many columns, no model so much text.
_MOST_COLUMNS = 20_000
_LONGEST = 4_000_000
# How sqlglot names a function that lacks an argument.
_CLASS = re.compile(r"<class '[\w.]*?(\w+)'>")

logging.getLogger("sqlglot").setLevel(logging.ERROR)


class Untraceable(Exception):
    """The text could not be read; the message says why, in the parser's words."""


@dataclass(frozen=True, slots=True)
class Trace:
    """The columns of a query in order, what each is made from, and the columns that decide on its rows.

    `through` are relations of which it has columns that are not listed, for nobody knows them all.
    """

    columns: tuple[tuple[str, Origin], ...]
    rows: frozenset[Leaf]
    through: tuple[str, ...]


def trace(sql: str, dialect: str, relations: Mapping[Name, Relation]) -> Trace:
    """What the columns of the query in `sql` are made from. Raises `Untraceable`."""
    try:
        if len(sql) > _LONGEST:
            raise Untraceable("it is longer than can be read")
        statement = sqlglot.parse_one(sql, read=dialect or None)
        table = _Evaluation(relations).query(statement, Scope({}))
    except SqlglotError as exc:
        raise Untraceable(_CLASS.sub(r"\1", str(exc).partition("\n")[0])) from None
    except RecursionError:
        raise Untraceable("it is nested too deeply") from None
    return Trace(table.listed, table.rows, table.open)


def name_of(relation: str, dialect: str) -> Name:
    """The parts of a relation's name as dbt writes it. Raises `Untraceable`."""
    try:
        found = exp.to_table(relation, dialect=dialect or None)
    except (SqlglotError, ValueError) as exc:
        raise Untraceable(str(exc)) from None
    return tuple(part.name.lower() for part in found.parts)


class _Evaluation:
    """One statement on its way to a table of origins."""

    def __init__(self, relations: Mapping[Name, Relation]) -> None:
        self._relations = relations

    def query(self, node: exp.Expr, around: Scope) -> Table:
        """The result of a query that stands in `around`."""
        if isinstance(node, exp.Subquery) and not isinstance(node.this, exp.Table):
            return self.query(node.this, self._with(node, around))
        ctes = self._with(node, around)
        if isinstance(node, exp.SetOperation):
            return self._set_operation(node, ctes)
        if isinstance(node, exp.Select):
            return self._select(node, ctes)
        if isinstance(node, exp.Values):
            return self._made(node, ctes)
        scope = Scope(ctes.ctes, around)
        if isinstance(node, exp.Pivot):
            self._source(node.this, scope)
            return pivoted(scope.star(), node, self.expression)
        if isinstance(node, (exp.Table, exp.Subquery)):
            self._source(node, scope)
            return scope.star()
        raise Untraceable(f"it is no query but {type(node).__name__.upper()}")

    # -- Common tables ----------------------------------------------------------------------------------

    def _with(self, node: exp.Expr, around: Scope) -> Scope:
        """The scope around a query, with the common tables that it defines."""
        found = node.args.get("with_")
        if found is None:
            return around
        ctes = dict(around.ctes)
        for cte in found.expressions:
            name = cte.alias.lower()
            if name.startswith(EPHEMERAL) and (name,) in self._relations:
                ctes[name] = self._relations[name,].table()
                continue
            scope, names = Scope(ctes, around.parent), [column.lower() for column in cte.alias_column_names]
            if found.recursive and isinstance(cte.this, exp.SetOperation):
                ctes[name] = self._recursive(cte.this, scope, name, names)
            else:
                ctes[name] = self.query(cte.this, scope).named(names)
        return Scope(ctes, around.parent, around.sources, around.aliases, around.joined, around.hidden)

    def _recursive(self, node: exp.SetOperation, scope: Scope, name: str, names: Sequence[str]) -> Table:
        """A table that reads itself: evaluated until nothing more flows from one column to another."""
        table = self.query(node.this, scope).named(names)
        for _round in range(len(table.listed) + 1):
            inside = Scope({**scope.ctes, name: table}, scope.parent)
            before, table = table, self.query(node, inside).named(names)
            if table.listed == before.listed:
                break
        return table

    # -- UNION and its like -----------------------------------------------------------------------------

    def _set_operation(self, node: exp.SetOperation, around: Scope) -> Table:
        arms: list[tuple[exp.SetOperation, exp.Expr]] = []
        first: exp.Expr = node
        while isinstance(first, exp.SetOperation) and (first is node or not first.args.get("with_")):
            arms.append((first, first.expression))
            first = first.this
        table = self.query(first, around)
        for operation, arm in reversed(arms):
            other = self.query(arm, around)
            table = _united(table, other, operation)
        return table

    # -- SELECT -----------------------------------------------------------------------------------------

    def _select(self, node: exp.Select, around: Scope) -> Table:
        scope = Scope(around.ctes, around)
        rows: set[Leaf] = set()
        if (from_ := node.args.get("from_")) is not None:
            self._source(from_.this, scope)
        for join in node.args.get("joins") or ():
            rows.update(self._join(join, scope))
        for lateral in node.args.get("laterals") or ():
            self._source(lateral, scope)
        listed, rest = self._projections(node.expressions, scope)
        for table in scope.sources.values():
            rows |= table.rows
        rows.update(self._deciding(node, scope, listed))
        return Table(tuple(listed), tuple(rest), frozenset(rows))

    def _projections(
        self, projections: Sequence[exp.Expr], scope: Scope
    ) -> tuple[list[tuple[str, Origin]], list[Rest]]:
        listed: list[tuple[str, Origin]] = []
        rest: list[Rest] = []
        for number, projection in enumerate(projections, 1):
            if projection.is_star and (star := _star(projection)) is not None:
                brought = self._star(star, projection, scope)
                listed += brought.listed
                rest += brought.rest
            elif isinstance(projection, exp.Columns):
                rest.append(Made(Origin(scope.star().whole().leaves, known=False)))
            elif isinstance(projection, exp.Aliases):
                origin = self.expression(projection.this, scope)
                listed += [(one.name.lower(), origin) for one in projection.args["expressions"]]
            else:
                origin = self.expression(projection, scope)
                name = projection.output_name.lower()
                listed.append((name or f"#{number}", origin))
                if isinstance(projection, exp.Alias):
                    scope.aliases.setdefault(name, origin)
            if len(listed) > _MOST_COLUMNS:
                raise Untraceable("it makes more columns than a table can have")
        return listed, rest

    def _star(self, star: exp.Star, projection: exp.Expr, scope: Scope) -> Table:
        alias = projection.text("table").lower() if isinstance(projection, exp.Column) else None
        if alias is not None and alias not in scope.sources:
            return Table(rest=(Made(UNKNOWN),))
        table = scope.star(alias)
        without = {column.name.lower() for column in star.args.get("except_") or ()}
        replaced = {
            one.output_name.lower(): self.expression(one, scope) for one in star.args.get("replace") or ()
        }
        # The parser takes other things than `old AS new` there, too, which no warehouse does.
        found = (one for one in star.args.get("rename") or () if isinstance(one, exp.Alias))
        renamed = {one.this.name.lower(): one.output_name.lower() for one in found}
        listed = [
            (renamed.get(name, name), replaced.pop(name, origin))
            for name, origin in table.listed
            if name not in without
        ]
        known = {name for name, _origin in table.listed}
        for name, new in renamed.items():
            if name not in known:
                listed.append((new, scope.find((name,))))
        # What replaces a column that is not listed stands somewhere among the rest.
        listed += replaced.items()
        hidden = frozenset({*without, *renamed, *replaced})
        rest = [Without(Table(rest=(one,)), hidden) for one in table.rest] if hidden else table.rest
        return Table(tuple(listed), tuple(rest))

    def _deciding(
        self, node: exp.Select, scope: Scope, listed: Sequence[tuple[str, Origin]]
    ) -> Iterable[Leaf]:
        """The columns that decide which rows there are."""
        parts = [part for name in ("where", "having", "qualify") if (part := node.args.get(name))]
        for part in parts:
            yield from self.expression(part, scope).leaves
        outputs = [origin for _name, origin in listed]
        group = node.args.get("group")
        if group is not None and group.args.get("all"):
            plain = [origin for origin in outputs if How.AGGREGATED not in origin.leaves.values()]
            yield from merged(plain).leaves
        for one in group.expressions if group is not None else ():
            yield from self._of_result(one, scope, outputs).leaves
        if (distinct := node.args.get("distinct")) is not None:
            on = distinct.args.get("on")
            yield from (self.expression(on, scope) if on is not None else merged(outputs)).leaves
        if node.args.get("limit") is not None and (order := node.args.get("order")) is not None:
            for one in order.expressions:
                yield from self._of_result(one.this, scope, outputs).leaves

    def _of_result(self, node: exp.Expr, scope: Scope, outputs: Sequence[Origin]) -> Origin:
        """What stands in GROUP BY or ORDER BY; a number means a column of the result."""
        if isinstance(node, exp.Literal) and node.is_int:
            number = int(node.name)
            return outputs[number - 1] if 0 < number <= len(outputs) else UNKNOWN
        return self.expression(node, scope)

    # -- FROM -------------------------------------------------------------------------------------------

    def _join(self, join: exp.Join, scope: Scope) -> Iterator[Leaf]:
        """Add what is joined to the scope; the columns that decide on the rows come back."""
        inside = Scope(scope.ctes, scope.parent, dict(scope.sources)) if _only_filters(join) else scope
        known = set(inside.sources)
        self._source(join.this, inside)
        new = [alias for alias in inside.sources if alias not in known]
        names = [column.name.lower() for column in join.args.get("using") or ()]
        if join.args.get("method") == "NATURAL" and new:
            before = {name for alias in known for name in inside.sources[alias].columns}
            names = [name for name in inside.sources[new[0]].columns if name in before]
        if names and new:
            inside.join_by(names, new[0])
        for name in names:
            yield from inside.find((name,)).leaves
        if (on := join.args.get("on")) is not None:
            yield from self.expression(on, inside).leaves
        if inside is not scope:
            yield from (leaf for alias in new for leaf in inside.sources[alias].rows)

    def _source(self, node: exp.Expr, scope: Scope) -> None:
        """Add what FROM or JOIN names to the scope."""
        if isinstance(node, exp.Final):
            node = node.this
        alias, names = node.alias_or_name.lower(), [name.lower() for name in node.alias_column_names]
        if isinstance(node, exp.Table):
            table = self._table(node, scope)
        elif isinstance(node, exp.Subquery) and isinstance(node.this, (exp.Table, exp.Subquery)):
            joined = self._joined_tables(node, scope)
            if joined is None:
                return
            table = joined
        elif isinstance(node, exp.Subquery):
            table = self.query(node, Scope(scope.ctes, scope.parent))
        elif isinstance(node, exp.Lateral) and isinstance(node.this, exp.Subquery):
            table = self.query(node.this, scope)
        else:
            table = self._made(node, scope)
        for pivot in node.args.get("pivots") or ():
            table = pivoted(table, pivot, self.expression)
            alias = pivot.alias.lower() or alias
            table = table.named(name.lower() for name in pivot.alias_column_names)
        scope.add(alias, table.named(names))
        for join in node.args.get("joins") or () if not isinstance(node, exp.Subquery) or alias else ():
            scope.add("", Table(rows=frozenset(self._join(join, scope))))

    def _joined_tables(self, node: exp.Subquery, scope: Scope) -> Table | None:
        """Tables in parentheses: one source where they have a name, else added one by one."""
        inside = Scope(scope.ctes, scope.parent) if node.alias else scope
        self._source(node.this, inside)
        for join in node.args.get("joins") or ():
            inside.add("", Table(rows=frozenset(self._join(join, inside))))
        if inside is scope:
            return None
        rows = frozenset(leaf for table in inside.sources.values() for leaf in table.rows)
        star = inside.star()
        return Table(star.listed, star.rest, rows)

    def _table(self, node: exp.Table, scope: Scope) -> Table:
        if not isinstance(node.this, exp.Identifier):
            return self._made(node, scope)
        name = tuple(part.name.lower() for part in node.parts)
        if len(name) == 1 and name[0] in scope.ctes:
            return scope.ctes[name[0]]
        known = self._relations.get(name)
        if known is None and len(name) > 1 and name[0] in scope.sources:
            # In BigQuery a list in a row of another source, unnested without a word.
            origin = scope.find(name).by(How.COMPUTED)
            return Table(((node.alias_or_name.lower(), origin),), anything=origin)
        return (known or Relation(f"relation.{'.'.join(name)}")).table()

    def _made(self, node: exp.Expr, scope: Scope) -> Table:
        """The rows of a function, or those that the query itself lists."""
        what = node.this if isinstance(node, (exp.Table, exp.Lateral)) else node
        origin = self.expression(what, scope).by(How.COMPUTED)
        names = [name.lower() for name in node.alias_column_names] or [node.alias.lower() or _column_of(what)]
        if isinstance(node, exp.Values) and not node.alias_column_names:
            width = max((len(row.expressions) for row in node.expressions), default=0)
            names = [f"#{number}" for number in range(1, width + 1)]
        return Table(tuple((name, origin) for name in names if name), anything=origin)

    # -- Expressions ------------------------------------------------------------------------------------

    def expression(self, node: exp.Expr, scope: Scope) -> Origin:
        """What a value is made from."""
        bare = node.unalias()
        while isinstance(bare, exp.Paren):
            bare = bare.this
        if isinstance(bare, exp.Column) and not bare.is_star:
            return scope.find([part.name.lower() for part in bare.parts])
        return merged(self._within(bare, scope))

    def _within(self, node: exp.Expr, scope: Scope) -> Iterator[Origin]:
        stack = [(node, How.COMPUTED)]
        while stack:
            part, how = stack.pop()
            if isinstance(part, exp.Column):
                yield self._of_column(part, scope).by(how)
            elif isinstance(part, (exp.Select, exp.SetOperation, exp.Subquery)):
                table = self.query(part, scope)
                yield table.whole().by(how)
                yield Origin(dict.fromkeys(table.rows, how))
            else:
                # Over a window each row stays a row.
                window = isinstance(part.parent, exp.Window) and part.arg_key == "this"
                how = How.AGGREGATED if isinstance(part, exp.AggFunc) and not window else how
                stack += [(child, how) for child in part.iter_expressions()]

    @staticmethod
    def _of_column(node: exp.Column, scope: Scope) -> Origin:
        if node.is_star:
            return scope.star(node.text("table").lower()).whole()
        return scope.find([part.name.lower() for part in node.parts])


def _star(projection: exp.Expr) -> exp.Star | None:
    """The star of `*` or `source.*`."""
    found = projection.this if isinstance(projection, exp.Column) else projection
    return found if isinstance(found, exp.Star) else None


def _only_filters(join: exp.Join) -> bool:
    return bool(join.is_semi_or_anti_join)


def _united(left: Table, right: Table, operation: exp.SetOperation) -> Table:
    """Rows of both, or those of the left that the right decides on."""
    rows = left.rows | right.rows
    if not isinstance(operation, exp.Union):
        return Table(left.listed, left.rest, rows | right.whole().leaves.keys())
    if operation.args.get("distinct"):
        rows |= left.whole().leaves.keys() | right.whole().leaves.keys()
    if operation.args.get("by_name"):
        names = dict.fromkeys([*left.columns, *right.columns])
        both = [(name, [t.find(name) for t in (left, right)]) for name in names]
        listed = tuple((name, merged(o for o in found if o is not None)) for name, found in both)
        return Table(listed, (*left.rest, *right.rest), rows)
    if left.rest or right.rest or len(left.listed) != len(right.listed):
        # The third column of the one meets the third of the other, and nobody knows which that is.
        half = tuple((name, Origin(origin.leaves, known=False)) for name, origin in left.listed)
        return Table(half, (Made(UNKNOWN),) if left.rest else (), rows)
    pairs = zip(left.listed, right.listed, strict=True)
    return Table(tuple((name, merged((one, two))) for (name, one), (_other, two) in pairs), (), rows)


def _column_of(function: exp.Expr) -> str:
    """What the one column of a function in FROM is called that nobody names; "" where that is not known."""
    if isinstance(function, exp.Unnest):
        return "unnest"
    if isinstance(function, exp.GenerateSeries):
        return "range" if function.args.get("is_end_exclusive") else "generate_series"
    return "generate_series" if isinstance(function, exp.ExplodingGenerateSeries) else ""
