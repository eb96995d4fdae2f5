"""Conditions of a formula as dbt's filters: `{{ Dimension('order__status') }} = 'paid'`."""

from __future__ import annotations

from dataclasses import replace

from sqlglot import exp

from semantic.codegen.entries import Refused
from semantic.codegen.sql_text import sql_text
from semantic.definitions import Aggregation, Dimension, Model, Vocabulary
from semantic.formula.computed import Computed
from semantic.formula.tree import (
    Binary,
    Call,
    ColumnRef,
    InPeriod,
    IsBlank,
    Literal_,
    Node,
    children,
    walk,
)
from semantic.query.dialects import totalled
from semantic.query.expressions import Writer, portable, value_type
from semantic.query.rows import identifier, link, route
from semantic.query.spec import Unsupported

JINJA = ("{{", "}}", "{%", "%}", "{#", "#}")
WHOLE_DAYS = ("STARTOF", "YEAR", "QUARTER", "MONTH", "DAY")


def column_sql(name: str, dialect: str) -> str:
    """A column as SQL of dbt's files, in quotes where it needs them."""
    spelled = portable(dialect)
    return identifier(name, spelled).sql(dialect=spelled)


def row_sql(node: Node, vocabulary: Vocabulary, dialect: str, agg: Aggregation = "sum") -> str:
    """A value or condition over single rows of one model, as the `expr` of a measure holds it."""
    refuse_jinja(node)

    spelled = portable(dialect)

    def leaf(part: Node) -> exp.Expr | None:
        return exp.column(identifier(part.column, spelled)) if isinstance(part, ColumnRef) else None

    value = Writer(vocabulary, spelled, leaf).sql(node)
    total = totalled(agg, value, value_type(node, vocabulary), spelled)
    return sql_text(total, vocabulary.keywords, dialect)


def filter_text(condition: Node, base: Model, vocabulary: Vocabulary, dialect: str) -> str | None:
    """dbt's filter over metrics of `base`; None where a column is no dimension, or is cut to whole days.

    A dimension that computes a part of the condition stands for that part where a formula names it, or where
    the columns of the part cannot.
    """
    refuse_jinja(condition)
    place = "bisync_dimension_"
    while any(place in str(part.value) for part in walk(condition) if isinstance(part, Literal_)):
        place += "x"
    references: dict[str, str] = {}
    computed = Computed(vocabulary)

    def is_dimension(column: ColumnRef) -> bool:
        try:
            return bool(_reference(column, condition, base, vocabulary))
        except NoDimension:
            return False

    def leaf(part: Node) -> exp.Expr | None:
        if isinstance(part, ColumnRef):
            jinja = _reference(part, condition, base, vocabulary)
        elif found := computed.dimension(part):
            plain = all(is_dimension(inner) for inner in walk(part) if isinstance(inner, ColumnRef))
            if plain and not (_is_named(part) and _is_reached(*found, base, vocabulary)):
                return None
            jinja = _placed(*found, base, vocabulary)
        else:
            return None
        name = next((name for name, known in references.items() if known == jinja), "")
        name = name or f"{place}{len(references)}_"
        references[name] = jinja
        return exp.column(name)

    try:
        value = Writer(vocabulary, portable(dialect), leaf).sql(condition)
    except NoDimension:
        return None
    sql = sql_text(value, vocabulary.keywords, dialect)
    for name, jinja in references.items():
        sql = sql.replace(name, jinja)
    return sql


def _is_named(part: Node) -> bool:
    """Whether a part is what a name in the formula stands for: then all of it has the place of the name."""
    places = {(inner.start, inner.end) for inner in walk(part)}
    return len(places) == 1 and part.end > part.start


def _is_reached(model: str, dimension: Dimension, base: Model, vocabulary: Vocabulary) -> bool:
    try:
        return bool(_placed(model, dimension, base, vocabulary))
    except NoDimension:
        return False


class NoDimension(ValueError):
    """A column that dbt cannot filter by."""


def _reference(column: ColumnRef, condition: Node, base: Model, vocabulary: Vocabulary) -> str:
    """The Jinja that stands for a column in a filter over `base`."""
    owner = vocabulary.models[column.model]
    dimension = owner.semantic.dimension_for(column.column) if owner.semantic else None
    if dimension is None:
        raise NoDimension(column.column)
    if dimension.type == "time":
        known = owner.column(column.column)
        exact = dimension.granularity == "day" and (
            (known is not None and known.type == "date") or _by_whole_days(condition, column)
        )
        if not exact:
            raise NoDimension(column.column)
    return _placed(owner.name, dimension, base, vocabulary)


def _placed(model: str, dimension: Dimension, base: Model, vocabulary: Vocabulary) -> str:
    """The Jinja that stands for a dimension of a model in a filter over `base`; time is in days."""
    owner = vocabulary.models[model]
    if owner.name == base.name:
        entity = owner.semantic.own_entity if owner.semantic else ""
    else:
        keys = link(base, owner)
        entity = keys[0].name if keys else ""
    try:
        _hops, there, found = route(base, (entity,), dimension.name, vocabulary)
    except Unsupported as error:
        raise NoDimension(dimension.name) from error
    # MetricFlow takes the first way it finds, and another model may have a dimension of this name too.
    if not entity or there.name != owner.name or found != dimension:
        raise NoDimension(dimension.name)
    if dimension.type == "categorical":
        return f"{{{{ Dimension('{entity}__{dimension.name}') }}}}"
    return f"{{{{ TimeDimension('{entity}__{dimension.name}', 'day') }}}}"


def _by_whole_days(node: Node, column: ColumnRef) -> bool:
    """Whether a condition is the same for a moment and for the day it lies in."""
    wanted = replace(column, start=0, end=0)

    def is_column(part: Node) -> bool:
        return isinstance(part, ColumnRef) and replace(part, start=0, end=0) == wanted

    if is_column(node):
        return False
    if isinstance(node, InPeriod | IsBlank) and is_column(node.value):
        return True
    if isinstance(node, Call) and node.name in WHOLE_DAYS and is_column(node.args[0]):
        return True
    if isinstance(node, Binary) and node.op in (">=", "<") and is_column(node.left):
        # What formulas can name without a column are whole days.
        return not any(isinstance(part, ColumnRef) for part in walk(node.right))
    return all(_by_whole_days(part, column) for part in children(node))


def refuse_jinja(node: Node) -> None:
    """dbt would run Jinja in any text of its files. The parser refuses it too; this is the last gate."""
    for part in walk(node):
        text = part.value if isinstance(part, Literal_) and isinstance(part.value, str) else ""
        if "\\" in text or any(mark in text for mark in JINJA):
            raise Refused("A text in the formula holds curly brackets or a backslash. Leave them out.")
