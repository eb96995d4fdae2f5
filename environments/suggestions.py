"""First metrics that the data itself suggests: totals of amounts that nobody has defined yet (pure)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest

from semantic.definitions import Column, Model, Vocabulary, column_in
from semantic.formula import analyse
from semantic.formula.printer import spell
from semantic.formula.types import DATES
from semantic.formulas import meaning, metric_meaning

_MOST = 3
_FACTS = frozenset({"fct", "fact", "facts"})
# How models begin that only prepare others, or list what there is.
_NO_FACTS = frozenset({"stg", "staging", "src", "raw", "base", "int", "intermediate", "tmp", "dim", "dims"})
# What numbers are called that name or place something, or mean nothing when they are added up.
_NOT_AMOUNTS = frozenset(
    [
        *(
            "id",
            "key",
            "number",
            "no",
            "nr",
            "code",
            "zip",
            "postcode",
            "index",
            "rank",
            "position",
            "version",
        ),
        *(
            "year",
            "quarter",
            "month",
            "week",
            "day",
            "hour",
            "minute",
            "date",
            "age",
            "latitude",
            "longitude",
        ),
        *("lat", "lon", "lng", "rate", "ratio", "share", "percent", "percentage", "pct", "price", "score"),
        *("avg", "average", "mean", "median", "min", "max", "flag"),
    ]
)


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A metric that could be proposed; `time` is empty where the model has a usual date."""

    label: str
    formula: str
    model: str
    time: str
    column: str


def suggestions(names: Vocabulary, *, dialect: str) -> list[Suggestion]:
    """At most three, always the same of the same project: of each model one before any gets a second."""
    known = {metric_meaning(metric, names, dialect=dialect) for metric in names.metrics.values()}
    spine = names.time_spine.partition(".")[0]
    models = sorted(names.models.values(), key=lambda m: (not _named_fact(m), not m.semantic, m.name))
    offers = (_of_model(model, names, known, dialect) for model in models if model.name != spine)
    rounds = zip_longest(*[list(offer) for offer in offers])
    return [offer for row in rounds for offer in row if offer is not None][:_MOST]


def _of_model(model: Model, names: Vocabulary, known: set[str], dialect: str) -> Iterator[Suggestion]:
    time = date_of(model)
    if time is None or not _like_facts(model):
        return
    for column in sorted(model.columns, key=lambda column: _is_part(column, model)):
        if not _is_amount(column, model):
            continue
        formula = f"SUM({spell(column.name)})"
        tree = analyse(formula, names, model=model.name).tree
        label = f"Total {(column.label or column.name).replace('_', ' ')}"
        if tree is not None and meaning(tree, names, dialect=dialect) not in known:
            yield Suggestion(label, formula, model.name, time, column.name)


def _words(name: str) -> list[str]:
    return name.lower().split("_")


def _named_fact(model: Model) -> bool:
    return not _FACTS.isdisjoint(_words(model.name))


def _like_facts(model: Model) -> bool:
    """Whether its rows may be things that happened, in a model that somebody made for use."""
    if not model.unique_id.startswith("model."):
        return False
    return _named_fact(model) or model.semantic is not None or _words(model.name)[0] not in _NO_FACTS


def date_of(model: Model) -> str | None:
    """The date to count by: "" where the model has a usual one, None where somebody has to choose."""
    if model.semantic is not None and model.semantic.agg_time_dimension:
        return ""
    dates = [column.name for column in model.columns if column.type in DATES]
    return dates[0] if len(dates) == 1 else None


def _is_part(column: Column, model: Model) -> bool:
    """Whether it is a part of another column by its name: `card_amount` where there is an `amount`."""
    return any(column.name.endswith(f"_{other.name}") for other in model.columns)


def _is_amount(column: Column, model: Model) -> bool:
    if column.type not in {"integer", "number"} or _NOT_AMOUNTS & set(_words(column.name)):
        return False
    semantic = model.semantic
    return semantic is None or not (
        semantic.dimension_for(column.name)
        or any(column_in(entity.expr) == column.name for entity in semantic.entities)
    )
