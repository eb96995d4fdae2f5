"""A total of a formula as dbt computes it: an aggregation of SQL over single rows."""

from __future__ import annotations

from collections.abc import Sequence

from semantic.balances import Balance
from semantic.codegen.conditions import row_sql
from semantic.definitions import Aggregation, Measure, Vocabulary
from semantic.formula.registry import TOTALS
from semantic.formula.tree import Case, IsBlank, Literal_, Node, Total
from semantic.formulas import all_of
from semantic.query.expressions import portable
from semantic.query.plan import counts_rows
from semantic.query.rows import parsed
from semantic.query.spec import Unsupported


def measure_of(
    total: Total, inline: Sequence[Node], vocabulary: Vocabulary, dialect: str, *, name: str, date: str
) -> Measure:
    """The measure that is this total of the rows on which the conditions `inline` hold.

    `date` is the time dimension by which they go; "" for their semantic model's own.
    """
    agg: Aggregation = TOTALS[total.name]
    percentile = total.fraction if agg == "percentile" else None
    if percentile in (0, 1):
        agg, percentile = ("min" if percentile == 0 else "max"), None
    row = total.arg or Literal_(1)
    if inline and agg == "count":
        # Counting is adding ones, which stays blank where no row fulfils the condition.
        agg = "sum"
        row = Literal_(1) if total.arg is None else _one_if_filled(total.arg)
    if inline:
        row = Case(((all_of(inline), row),))
    return Measure(
        name=name,
        agg=agg,
        expr=row_sql(row, vocabulary, dialect, agg),
        agg_time_dimension=date,
        percentile=percentile,
    )


def same_total(known: Measure, wanted: Measure, own: str, dialect: str) -> bool:
    """Whether a measure exists already; `own` is the semantic model's own time dimension."""
    if isinstance(known, Balance):
        return False
    if known.percentile != wanted.percentile or (known.agg_time_dimension or own) != (
        wanted.agg_time_dimension or own
    ):
        return False
    if counts_rows(known) and counts_rows(wanted):
        return True
    try:
        one, other = parsed(known.expr, dialect), parsed(wanted.expr, portable(dialect))
    except Unsupported:
        return False
    return known.agg == wanted.agg and one == other


def _one_if_filled(value: Node) -> Node:
    return Case(((IsBlank(value, negated=True), Literal_(1)),), Literal_(0))
