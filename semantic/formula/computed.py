"""Dimensions that compute something, in the conditions of formulas."""

from __future__ import annotations

from semantic.definitions import Dimension, Vocabulary
from semantic.formula.names import said_by
from semantic.formula.tree import Binary, ColumnRef, Node, shape, walk


class Computed:
    """The parts of conditions that dimensions compute, by which dbt can filter as by a column.

    A dimension that is several conditions at once is none of them, since each is filtered by alone.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._known: dict[str, dict[Node, Dimension]] = {}

    def dimension(self, part: Node) -> tuple[str, Dimension] | None:
        """The model and the dimension that says the same as a part of a resolved tree."""
        models = {inner.model for inner in walk(part) if isinstance(inner, ColumnRef)}
        if len(models) != 1 or isinstance(part, ColumnRef):
            return None
        (model,) = models
        found = self._of(model).get(shape(part))
        return (model, found) if found is not None else None

    def _of(self, model: str) -> dict[Node, Dimension]:
        if model not in self._known:
            there = self._vocabulary.models[model]
            dimensions = there.semantic.dimensions if there.semantic else ()
            told = (
                (said_by(one, model, self._vocabulary), one) for one in dimensions if one.is_computed(there)
            )
            self._known[model] = {
                shape(tree): one
                for tree, one in told
                if tree is not None and not (isinstance(tree, Binary) and tree.op == "AND")
            }
        return self._known[model]
