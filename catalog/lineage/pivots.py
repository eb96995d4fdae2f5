"""Rows that become columns, and columns that become rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sqlglot import exp

from catalog.lineage.origins import NOTHING, How, Made, Origin, Rest, Table, Without, merged
from catalog.lineage.scopes import Scope

Evaluate = Callable[[exp.Expr, Scope], Origin]


def pivoted(table: Table, pivot: exp.Pivot, evaluate: Evaluate) -> Table:
    """`table` after PIVOT or UNPIVOT; `evaluate` says what an expression is made from."""
    scope = Scope({}, None, {"": table})
    if pivot.args.get("unpivot"):
        return _unpivoted(table, pivot, evaluate, scope)
    values = pivot.args.get("using") or pivot.expressions
    over = [one.this for one in pivot.args.get("fields") or ()] or pivot.expressions
    by = merged(evaluate(one, scope) for one in over).by(How.COMPUTED)
    made = [merged((evaluate(one, scope), by)) for one in values]
    if (group := pivot.args.get("group")) is not None:
        kept = Table(tuple((one.output_name.lower(), evaluate(one, scope)) for one in group.expressions))
    else:
        kept = _without(table, _named((*values, *over)))
    names = [column.name.lower() for column in pivot.args.get("columns") or ()]
    if not names:
        return Table(kept.listed, (*kept.rest, Made(merged(made))), table.rows)
    # For each value of the pivoted column, each of the aggregates.
    new = [(name, made[number % len(made)]) for number, name in enumerate(names)]
    return Table((*kept.listed, *new), kept.rest, table.rows)


def _unpivoted(table: Table, pivot: exp.Pivot, evaluate: Evaluate, scope: Scope) -> Table:
    fields = pivot.args.get("fields") or ()
    into = pivot.args.get("into")
    read = [*(one for field in fields for one in field.expressions), *(() if fields else pivot.expressions)]
    origin = merged(evaluate(one, scope) for one in read).by(How.COMPUTED)
    names: Iterable[exp.Expr] = [field.this for field in fields] or ([into.this] if into else [])
    values = pivot.expressions if fields else into.expressions if into else []
    columns = [one for value in values for one in (value.expressions or [value])]
    kept = _without(table, _named(read))
    # Its values are the names of columns, which no column holds.
    new = [(name.name.lower(), NOTHING) for name in names] + [(c.name.lower(), origin) for c in columns]
    return Table((*kept.listed, *new), kept.rest, table.rows)


def _named(parts: Iterable[exp.Expr]) -> frozenset[str]:
    return frozenset(column.name.lower() for part in parts for column in part.find_all(exp.Column))


def _without(table: Table, names: frozenset[str]) -> Table:
    rest: tuple[Rest, ...] = (Without(table, names | table.columns.keys()),) if table.rest else ()
    return Table(tuple(pair for pair in table.listed if pair[0] not in names), rest)
