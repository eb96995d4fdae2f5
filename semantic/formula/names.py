"""Names as people write them → the columns and metrics that they mean."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial

from semantic.definitions import Column, Dimension, Metric, Model, Vocabulary, name_key
from semantic.formula.errors import Fix, FormulaError, Place, Problem, replaced
from semantic.formula.parser import parse
from semantic.formula.printer import METRIC_PREFIX, spell
from semantic.formula.totalled import metric_models
from semantic.formula.tree import (
    COMPARISONS,
    Binary,
    ColumnRef,
    In,
    MetricRef,
    Name,
    Node,
    Total,
    Where,
    transform,
    walk,
)
from semantic.formula.types import Checker

_MANY = 3


class Resolver:
    """Looks names up; `home` is the model to start from, given by the author or inferred.

    A bare name is a column of `home`; else a column of the one model that the formula also uses by names
    that only that model has; else a metric; else a column that only one model has. Where both a field and
    a metric could stand and nobody chose `home`, it is the metric.

    A dimension that computes something stands for what it says, which takes its place in the tree; their
    places are `written_out`.
    """

    def __init__(self, text: str, tree: Node, vocabulary: Vocabulary, model: str = "") -> None:
        self.text = text
        self.written_out: set[tuple[int, int]] = set()
        self.vocabulary = vocabulary
        self.tree = transform(tree, self._meant) if vocabulary.synonyms else tree
        self.warnings: list[Problem] = []
        self._names = [node for node in walk(self.tree) if isinstance(node, Name)]
        self._row_names = set(_row_names(tree))
        self._start = model
        self._chosen = bool(model)
        self.home = model or self._inferred_home()
        self._used = self._used_models()

    def resolve(self) -> Node:
        """The tree with a ColumnRef or a MetricRef for every name; raises FormulaError."""
        return transform(self.tree, self._resolved)

    def _resolved(self, node: Node) -> Node:
        if isinstance(node, Total) and node.model:
            return Total(node.name, model=self._model(node, node.model).name, start=node.start, end=node.end)
        if not isinstance(node, Name):
            return node
        found = self._qualified(node) if node.table else self._bare(node)
        if isinstance(found, Metric):
            return MetricRef(found.name, start=node.start, end=node.end)
        model, meant = found
        if isinstance(meant, Dimension):
            return self._written_out(node, model, meant)
        return ColumnRef(model, meant.name, start=node.start, end=node.end)

    def _written_out(self, node: Name, model: str, dimension: Dimension) -> Node:
        """What a dimension says, in the place of its name."""
        tree = said_by(dimension, model, self.vocabulary)
        if tree is None:
            message = f"“{node.name}” is a dimension that is computed in SQL which no formula says."
            hint = "Write what it stands for, with fields; numbers can be grouped by it nevertheless."
            raise FormulaError("unknown-field", message, node, hint)
        self.written_out.add((node.start, node.end))
        return transform(tree, lambda part: replace(part, start=node.start, end=node.end))

    def _meant(self, node: Node) -> Node:
        """A synonym replaced by the name that it stands for; nothing else changes."""
        if not isinstance(node, Name) or node.table:
            return node
        key = name_key(node.name)
        names = self.vocabulary
        known = (names.columns_by_key, names.metrics_by_key, names.computed_by_key)
        if any(key in one for one in known):
            return node
        synonyms = self.vocabulary.synonyms.items()
        meant = next((name for phrase, name in synonyms if name_key(phrase) == key), "")
        table, _, name = meant.rpartition(".")
        return Name(name, table, start=node.start, end=node.end) if meant else node

    # -- where to start

    def _inferred_home(self) -> str:
        """The only model that has all names inside the totals; where that leaves a choice, the only one
        that has all names and whose rows all metrics total."""
        inside = set(_total_names(self.tree))
        counted = [part.model for part in walk(self.tree) if isinstance(part, Total) and part.model]
        models = self.vocabulary.models_by_key
        options = [{models[name_key(name)].name} for name in counted if name_key(name) in models]
        for names in ([name for name in self._names if (name.start, name.end) in inside], self._names):
            options += filter(None, map(self._options, names))
            shared = set.intersection(*options) if options else set()
            if len(shared) == 1:
                return shared.pop()
            if options and not shared:
                return ""
        return ""

    def _options(self, name: Name) -> set[str]:
        """The models that a name speaks for."""
        if not self._is_metric(name):
            return self._holders(name)
        metric = self.vocabulary.metrics_by_key.get(name_key(name.name))
        return metric_models(self.vocabulary, metric.name) if metric else set()

    def _used_models(self) -> set[str]:
        """The models that the formula uses beyond doubt."""
        certain = [self._holders(name) for name in self._names if not self._is_metric(name)]
        return {next(iter(holders)) for holders in certain if len(holders) == 1}

    def _is_metric(self, name: Name) -> bool:
        """Whether a name means a metric, as far as its place allows."""
        if name.table:
            return self._names_metrics(name.table)
        key = name_key(name.name)
        field = (name.start, name.end) in self._row_names and bool(self._fields(key))
        return not field and key in self.vocabulary.metrics_by_key

    def _names_metrics(self, table: str) -> bool:
        """Whether `metric.name` is meant; a model of this name would come first."""
        return name_key(table) == METRIC_PREFIX and METRIC_PREFIX not in self.vocabulary.models_by_key

    def _holders(self, name: Name) -> set[str]:
        """The models that this name may belong to."""
        columns = self._fields(name_key(name.name))
        if not name.table:
            return set(columns)
        model = self.vocabulary.models_by_key.get(name_key(name.table))
        return {model.name} if model and model.name in columns else set()

    def _fields(self, key: str) -> dict[str, Column | Dimension]:
        """The models that have a column of this name, or a dimension that computes something.

        Where some have a column, the dimension of the chosen model alone is meant besides.
        """
        columns = self.vocabulary.columns_by_key.get(key, {})
        computed = self.vocabulary.computed_by_key.get(key, {})
        near = {model: one for model, one in computed.items() if not columns or (model == self._start)}
        return {**near, **columns}

    # -- one name

    def _bare(self, node: Name) -> tuple[str, Column | Dimension] | Metric:
        key = name_key(node.name)
        columns = self._fields(key)
        metric = self.vocabulary.metrics_by_key.get(key)
        either = None if (node.start, node.end) in self._row_names else metric
        near = [self.home] if self.home in columns else sorted(self._used & set(columns))
        if either and not self._chosen:
            return either
        if len(near) == 1:
            if either:
                self._warn_shadowed(node, near[0], either)
            return near[0], columns[near[0]]
        if metric:
            return metric
        if len(columns) == 1:
            return next(iter(columns.items()))
        raise self._ambiguous(node, columns) if columns else self._unknown(node)

    def _qualified(self, node: Name) -> tuple[str, Column | Dimension] | Metric:
        key = name_key(node.name)
        if self._names_metrics(node.table):
            metric = self.vocabulary.metrics_by_key.get(key)
            if metric is None:
                raise self._unknown(node)
            return metric
        model = self._model(node, node.table)
        columns = self.vocabulary.columns_by_key.get(key, {})
        computed = self.vocabulary.computed_by_key.get(key, {})
        column: Column | Dimension | None = columns.get(model.name) or computed.get(model.name)
        if column is None:
            names = (column.name for column in model.columns)
            fixes = tuple(
                Fix(
                    f"Use {model.name}.{name}",
                    replaced(self.text, node, f"{spell(model.name)}.{spell(name)}"),
                )
                for name in _near(node.name, names)
            )
            message = f"{model.name} has no field “{node.name}”."
            raise FormulaError("unknown-field", message, node, _did_you_mean(fixes), fixes)
        return model.name, column

    def _model(self, node: Node, name: str) -> Model:
        model = self.vocabulary.models_by_key.get(name_key(name))
        if model:
            return model
        start = self.text.find(name, node.start)
        place = Place(start, start + len(name)) if node.start <= start < node.end else node
        fixes = tuple(
            Fix(f"Use {near}", replaced(self.text, place, near))
            for near in _near(name, self.vocabulary.models)
            if spell(near) == near
        )
        message = f"There is no model “{name}” in this project."
        raise FormulaError("unknown-model", message, place, _did_you_mean(fixes), fixes)

    # -- what to say

    def _warn_shadowed(self, node: Name, model: str, metric: Metric) -> None:
        name = f"{METRIC_PREFIX}.{spell(metric.name)}"
        self.warnings.append(
            Problem(
                "name-shadowed",
                f"“{node.name}” is a field of {model} and also a metric; the field was taken.",
                node.start,
                node.end,
                f"For the metric write {name}.",
                (Fix("Use the metric", replaced(self.text, node, name)),),
                "warning",
            )
        )

    def _ambiguous(self, node: Name, columns: Iterable[str]) -> FormulaError:
        models = sorted(columns)
        name = spell(node.name)
        fixes = tuple(
            Fix(f"Use {model}.{name}", replaced(self.text, node, f"{spell(model)}.{name}"))
            for model in models
        )
        listed = ", ".join(models[:8]) + (" …" if len(models) > 8 else "")
        message = f"“{node.name}” exists in several models: {listed}."
        hint = f"Choose a model to start from, or write for example {models[0]}.{name}."
        return FormulaError("ambiguous-field", message, node, hint, fixes[:8])

    def _unknown(self, node: Name) -> FormulaError:
        near = self._suggestions(node.name)
        fixes = [Fix(f"Use {name}", replaced(self.text, node, spell(name))) for name in near]
        hint = _did_you_mean(fixes)
        if not node.table and (node.start, node.end) in set(_compared(self.tree)):
            text = "'" + node.name.replace("'", "''") + "'"
            fixes.append(Fix(f"Write {text} as text", replaced(self.text, node, text)))
            hint = f"{hint} A text stands in quotes: {text}.".strip()
        message = f"There is no field or metric “{node.name}”."
        return FormulaError("unknown-field", message, node, hint, tuple(fixes))

    def _suggestions(self, name: str) -> list[str]:
        """Names like this one, those of the start model and of metrics before all others."""
        vocabulary = self.vocabulary
        start = vocabulary.models.get(self.home)
        close = [column.name for column in start.columns] if start else []
        near = _near(name, [*close, *vocabulary.metrics])
        key = name_key(name)
        if not near and len(key) > 1:
            others = (
                column.name
                for columns in vocabulary.columns_by_key.values()
                for column in columns.values()
                if column.name[:1].lower() == key[0] and abs(len(column.name) - len(key)) <= _MANY
            )
            near = _near(name, set(others))
        return near


def said_by(dimension: Dimension, model: str, vocabulary: Vocabulary) -> Node | None:
    """What a dimension computes of a row of its model; None where no formula says it.

    It is SQL, in which a name is a column of the model, and nothing else that formulas may name.
    """
    try:
        tree = parse(vocabulary.says(dimension.expr))
        resolved = transform(tree, partial(_column_of, model=model, known=vocabulary))
        return Checker("", vocabulary).check(resolved).node
    except FormulaError:
        return None


def _column_of(node: Node, *, model: str, known: Vocabulary) -> Node:
    if not isinstance(node, Name):
        return node
    column = known.models[model].column(node.name)
    if column is None or node.table not in ("", model):
        raise FormulaError("unknown-field", f"{model} has no column {node.name}.", node)
    return ColumnRef(model, column.name)


def _near(name: str, names: Iterable[str]) -> list[str]:
    by_key = {name_key(candidate): candidate for candidate in sorted(names)}
    found = difflib.get_close_matches(name_key(name), by_key, n=_MANY, cutoff=0.6)
    return [by_key[key] for key in found]


def _did_you_mean(fixes: Iterable[Fix]) -> str:
    names = [fix.label.removeprefix("Use ") for fix in fixes]
    return f"Did you mean {' or '.join(names)}?" if names else "The list of fields shows what there is."


def _total_names(tree: Node) -> Iterator[tuple[int, int]]:
    for part in walk(tree):
        if isinstance(part, Total) and part.arg is not None:
            yield from _spans(part.arg)


def _row_names(tree: Node) -> Iterator[tuple[int, int]]:
    """The places of names that can only be fields: inside totals and conditions."""
    yield from _total_names(tree)
    for part in walk(tree):
        if isinstance(part, Where):
            yield from _spans(part.condition)


def _compared(tree: Node) -> Iterator[tuple[int, int]]:
    """The places of names that are compared with something, where a text may have been meant."""
    for part in walk(tree):
        if isinstance(part, Binary) and part.op in COMPARISONS:
            sides: tuple[Node, ...] = (part.left, part.right)
        else:
            sides = part.items if isinstance(part, In) else ()
        yield from ((side.start, side.end) for side in sides if isinstance(side, Name))


def _spans(tree: Node) -> Iterator[tuple[int, int]]:
    return ((part.start, part.end) for part in walk(tree) if isinstance(part, Name))
