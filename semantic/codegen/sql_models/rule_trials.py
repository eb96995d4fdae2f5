"""A business rule asked about rows: about examples, and about all that a model has, counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlglot import exp

from semantic.codegen.sql_models.rule_models import over_columns
from semantic.codegen.sql_models.writing import TYPES, column_name
from semantic.codegen.sql_text import sql_text
from semantic.definitions import Vocabulary
from semantic.formula.tree import ColumnRef, Node
from semantic.query.expressions import Writer, portable
from semantic.rules.constants import literal
from semantic.rules.sets import Value
from semantic.rules.tables import Input

# A rule says a handful of things; one that calculates may say a different one of each row.
MOST_OUTCOMES = 50


def examples_sql(
    case: Node, inputs: Sequence[Input], rows: Sequence[Sequence[Value | None]], vocabulary: Vocabulary
) -> str:
    """A query for DuckDB without any table: what a rule says of each row of values of its inputs, in order.

    The rule is the same text that becomes the model.
    """
    columns = {f"i{place}": one for place, one in enumerate(inputs)}
    names, decides = over_columns(case, columns, vocabulary, "examples")
    writer = _writer(names, "duckdb", {name: name for name in columns})
    given = []
    for number, row in enumerate(rows):
        values = [exp.alias_(exp.Literal.number(number), "n")]
        for (name, one), value in zip(columns.items(), row, strict=True):
            values.append(exp.alias_(exp.cast(writer.sql(literal(value)), TYPES[one.kind]), name))
        given.append(_text(exp.select(*values), "duckdb"))
    said = _text(writer.sql(decides), "duckdb")
    return f"select {said} as outcome from ({' union all '.join(given)}) as examples order by n"  # noqa: S608


def outcomes_sql(relation: str, column: str, dialect: str) -> str:
    """How many rows of a rule's model say what, the most first."""
    said = exp.column(column_name(column, dialect))
    query = exp.select(exp.alias_(said, "outcome"), exp.alias_(exp.Count(this=exp.Star()), "n"))
    return _text(_most_first(query.from_(exp.to_table(relation, dialect="postgres"))), dialect)


def _most_first(query: exp.Select) -> exp.Select:
    last = exp.Ordered(this=exp.column("n"), desc=True, nulls_first=False)
    return query.group_by(exp.Literal.number(1)).order_by(last, exp.Literal.number(1)).limit(MOST_OUTCOMES)


def counts_sql(
    case: Node, conditions: Sequence[Node], relation: str, vocabulary: Vocabulary, model: str, dialect: str
) -> tuple[str, str]:
    """How many rows of a model have each outcome, and for how many of them each condition holds."""
    held = {column.name: column.name for column in vocabulary.models[model].columns}
    writer = _writer(vocabulary, dialect, held)
    table = exp.to_table(relation, dialect="postgres")
    said = exp.select(exp.alias_(writer.sql(case), "outcome"), exp.alias_(exp.Count(this=exp.Star()), "n"))
    outcomes = _most_first(said.from_(table))
    sums = [
        exp.alias_(
            exp.Sum(
                this=exp.Case(
                    ifs=[exp.If(this=writer.sql(condition), true=exp.Literal.number(1))],
                    default=exp.Literal.number(0),
                )
            ),
            f"n{place}",
        )
        for place, condition in enumerate(conditions)
    ]
    counted = exp.select(exp.alias_(exp.Count(this=exp.Star()), "n"), *sums).from_(table.copy())
    return _text(outcomes, dialect), _text(counted, dialect)


def moves_sql(
    before: Node, after: Node, relation: str, vocabulary: Vocabulary, model: str, dialect: str
) -> str:
    """How many rows of a model have which outcome by one rule and which by another, the most first."""
    held = {column.name: column.name for column in vocabulary.models[model].columns}
    writer = _writer(vocabulary, dialect, held)
    was, now = (exp.alias_(writer.sql(case), name) for case, name in ((before, "was"), (after, "now")))
    query = exp.select(was, now, exp.alias_(exp.Count(this=exp.Star()), "n"))
    query = query.from_(exp.to_table(relation, dialect="postgres"))
    first, second = exp.Literal.number(1), exp.Literal.number(2)
    last = exp.Ordered(this=exp.column("n"), desc=True, nulls_first=False)
    return _text(query.group_by(first, second).order_by(last, first, second).limit(MOST_OUTCOMES), dialect)


def _writer(vocabulary: Vocabulary, dialect: str, held: Mapping[str, str]) -> Writer:
    def leaf(part: Node) -> exp.Expr | None:
        if not isinstance(part, ColumnRef):
            return None
        return exp.column(exp.to_identifier(held.get(part.column, part.column), quoted=True))

    return Writer(vocabulary, portable(dialect), leaf)


def _text(value: exp.Expr, dialect: str) -> str:
    return sql_text(value, "lower", dialect)
