"""First metrics that the data itself suggests: totals of amounts that nobody has defined yet (pure)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest

from semantic.definitions import Column, Model, Vocabulary
from semantic.formula import analyse
from semantic.formula.printer import spell
from semantic.formula.types import DATES
from semantic.formulas import meaning, metric_meaning

_MOST = 3
_FACTS = frozenset({"fct", "fact", "facts"})
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
    models = sorted(names.models.values(), key=lambda m: (not _named_fact(m), not m.semantic, m.name))
    offers = (_of_model(model, names, known, dialect) for model in models)
    rounds = zip_longest(*[list(offer) for offer in offers])
    return [offer for row in rounds for offer in row if offer is not None][:_MOST]


def _of_model(model: Model, names: Vocabulary, known: set[str], dialect: str) -> Iterator[Suggestion]:
    time = _time(model)
    if time is None or not _like_facts(model):
        return
    for column in model.columns:
        if not _is_amount(column, model):
            continue
        formula = f"SUM({spell(column.name)})"
        tree = analyse(formula, names, model=model.name).tree
        label = f"Total {(column.label or column.name).replace('_', ' ')}"
        if tree is not None and meaning(tree, names, dialect=dialect) not in known:
            yield Suggestion(label, formula, model.name, time, column.name)


def _named_fact(model: Model) -> bool:
    return bool(_FACTS & set(model.name.lower().split("_")))


def _like_facts(model: Model) -> bool:
    """Whether its rows are things that happened, in a model that somebody made for use."""
    return model.unique_id.startswith("model.") and (_named_fact(model) or model.semantic is not None)


def _time(model: Model) -> str | None:
    """The date to count by: "" where the model has a usual one, None where somebody has to choose."""
    if model.semantic is not None and model.semantic.agg_time_dimension:
        return ""
    dates = [column.name for column in model.columns if column.type in DATES]
    return dates[0] if len(dates) == 1 else None


def _is_amount(column: Column, model: Model) -> bool:
    if column.type not in {"integer", "number"} or _NOT_AMOUNTS & set(column.name.lower().split("_")):
        return False
    semantic = model.semantic
    return semantic is None or not (
        semantic.dimension_for(column.name) or any(entity.expr == column.name for entity in semantic.entities)
    )
