"""Several models in one formula: whose rows a total counts, and what may filter them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from semantic.definitions import Model, SemanticModel, Vocabulary, name_key
from semantic.formula.computed import Computed
from semantic.formula.errors import Fix, FormulaError, replaced, source
from semantic.formula.printer import spell
from semantic.formula.totalled import metric_models
from semantic.formula.tree import (
    ColumnRef,
    Conversion,
    MetricRef,
    Node,
    Total,
    Where,
    children,
    transform,
    walk,
)

_KEYS = {"primary", "unique"}
_MANY = 8


def settle_models(text: str, tree: Node, vocabulary: Vocabulary, home: str) -> Node:
    """The tree with the model of every total filled in; raises where a total has none or several."""

    def settled(node: Node) -> Node:
        if not isinstance(node, Total) or node.model:
            return node
        used = sorted({part.model for part in walk(node) if isinstance(part, ColumnRef)})
        if len(used) > 1:
            message = f"This total uses fields of several models: {', '.join(used)}."
            hint = "Add the field to one of the models in dbt first, so that rows are not counted twice."
            raise FormulaError("fan-out", message, node, hint)
        if not used and not home:
            raise _model_needed(text, tree, node, vocabulary)
        return replace(node, model=used[0] if used else home)

    return transform(tree, settled)


def _model_needed(text: str, tree: Node, total: Total, vocabulary: Vocabulary) -> FormulaError:
    used = sorted({part.model for part in walk(tree) if isinstance(part, ColumnRef)})
    models = used or sorted(vocabulary.models)
    fixes = _count_fixes(text, total, models) if len(models) <= _MANY else ()
    message = "Nothing says which rows to count."
    hint = "Choose a model to start from, or write for example COUNT(orders.*)."
    return FormulaError("model-needed", message, total, hint, fixes)


def _count_fixes(text: str, total: Total, models: list[str]) -> tuple[Fix, ...]:
    written = source(text, total).replace(" ", "").upper()
    if written not in {"COUNT()", "COUNT(*)"}:
        return ()
    return tuple(
        Fix(f"Count rows of {model}", replaced(text, total, f"COUNT({spell(model)}.*)")) for model in models
    )


def check_filters(text: str, tree: Node, vocabulary: Vocabulary) -> None:
    """Raises where a condition uses a column that the filtered rows do not lead to.

    `tree` has its conditions pushed down to the totals and metrics.
    """
    computed = Computed(vocabulary)
    for part in walk(tree):
        if isinstance(part, Conversion):
            _check_entity(part, vocabulary)
        if isinstance(part, Where):
            for filtered in _filtered_by(part.condition, computed):
                _check_filter(text, part.value, filtered, vocabulary)


@dataclass(frozen=True, slots=True)
class _Field:
    """What a condition looks at: a column, or a `dimension` that computes something of several."""

    column: ColumnRef
    dimension: str = ""


def _filtered_by(condition: Node, computed: Computed) -> Iterator[_Field]:
    if isinstance(condition, ColumnRef):
        yield _Field(condition)
    elif (found := computed.dimension(condition)) is not None:
        first = next(part for part in walk(condition) if isinstance(part, ColumnRef))
        yield _Field(first, found[1].name)
    else:
        for part in children(condition):
            yield from _filtered_by(part, computed)


def _check_entity(node: Conversion, vocabulary: Vocabulary) -> None:
    """Raises unless the models of both events have the entity."""
    for part in (node.value, node.then):
        total = part.value if isinstance(part, Where) else part
        if not isinstance(total, Total):
            continue
        semantic = vocabulary.models[total.model].semantic
        if semantic is None or semantic.entity(node.entity) is None:
            message = f"{total.model} has no entity “{node.entity}” in dbt."
            known = sorted(entity.name for entity in semantic.entities) if semantic else []
            hint = f"It has {', '.join(known)}." if known else "Ask for it to be added in dbt."
            raise FormulaError("conversion-events", message, part, hint)


def _check_filter(text: str, filtered: Node, field: _Field, vocabulary: Vocabulary) -> None:
    column = field.column
    if isinstance(filtered, Total) and filtered.model != column.model:
        fixes = _count_fixes(text, filtered, [column.model])
        _require_path(text, vocabulary.models[filtered.model], field, vocabulary, fixes)
    elif isinstance(filtered, MetricRef):
        for name in sorted(metric_models(vocabulary, filtered.metric)):
            if name != column.model:
                _require_path(text, vocabulary.models[name], field, vocabulary)
            elif not _is_dimension(vocabulary.models[name], field):
                raise _needs_dimension(text, column, f"the metric {filtered.metric}")


def _require_path(
    text: str, base: Model, field: _Field, vocabulary: Vocabulary, fixes: tuple[Fix, ...] = ()
) -> None:
    """Raises unless every row of `base` has at most one row of the field's model."""
    column = field.column
    other = vocabulary.models[column.model]
    if _leads_to(base.semantic, other.semantic):
        if not _is_dimension(other, field):
            raise _needs_dimension(text, column, base.name)
        return
    if _leads_to(other.semantic, base.semantic):
        message = (
            f"Filtering {base.name} by {column.model}.{field.dimension or column.column} would repeat rows: "
            f"one row of {base.name} has many rows of {other.name}."
        )
        hint = f"Total {other.name} instead, or add the information to {base.name} in dbt."
    elif between := _between(base, other, vocabulary):
        message = f"{base.name} leads to {other.name} only by way of {between}, and a formula takes one step."
        hint = f"Ask for {column.column} to be added to {between} or {base.name} in dbt, as a dimension."
    else:
        message = f"dbt does not know how {base.name} and {other.name} belong together."
        hint = f"Ask for an entity in dbt that leads from {base.name} to the key of {other.name}."
    raise FormulaError("filter-unreachable", message, column, hint, fixes)


def _between(base: Model, other: Model, vocabulary: Vocabulary) -> str:
    """A model by which one leads to the other in two steps; "" without one."""
    steps = (
        one.name
        for one in vocabulary.models.values()
        if _leads_to(base.semantic, one.semantic) and _leads_to(one.semantic, other.semantic)
    )
    return next((name for name in steps if name not in (base.name, other.name)), "")


def _leads_to(base: SemanticModel | None, other: SemanticModel | None) -> bool:
    if base is None or other is None:
        return False
    keys = {entity.name for entity in other.entities if entity.type in _KEYS}
    keys |= {other.primary_entity} - {""}
    return any(entity.name in keys for entity in base.entities)


def _is_dimension(model: Model, field: _Field) -> bool:
    if field.dimension or model.semantic is None:
        return bool(field.dimension)
    return model.semantic.dimension_for(field.column.column) is not None


def _needs_dimension(text: str, column: ColumnRef, filtered: str) -> FormulaError:
    written = source(text, column)
    if name_key(written.rpartition(".")[2].strip("[]")) in (name_key(column.column), ""):
        by, why = column.column, "it"
    else:
        by, why = f"what “{written}” says", column.column
    message = f"dbt cannot filter {filtered} by {by}: {why} is no dimension of {column.model} yet."
    hint = f"Ask for {column.column} to be added as a dimension of {column.model}."
    return FormulaError("needs-dimension", message, column, hint)
