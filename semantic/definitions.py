"""What a metric is made of, as plain values.

Everything here is immutable and knows neither Django nor dbt's file formats: the importer makes these
values from a manifest, the formula checker reads them, the generators turn them back into dbt's words.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from operator import attrgetter
from typing import Literal

ValueType = Literal["integer", "number", "text", "date", "timestamp", "boolean", "any"]
Grain = Literal["day", "week", "month", "quarter", "year"]
Aggregation = Literal[
    "sum", "min", "max", "count", "count_distinct", "average", "median", "sum_boolean", "percentile"
]
EntityType = Literal["primary", "foreign", "unique", "natural"]
MetricType = Literal["simple", "ratio", "derived", "cumulative", "conversion"]
# Which of dbt's two specs an entry is written in: `semantic_models` with measures beside the models, or from
# dbt 1.12 on what stands in the models' own entries, where simple metrics say their totals themselves.
Spec = Literal["legacy", "latest"]
LATEST_SPEC_SINCE = (1, 12)
# How the keywords of SQL are written.
KeywordCase = Literal["lower", "upper"]


def name_key(name: str) -> str:
    """What two spellings of one name have in common: `Net amount` and `net_amount` are the same."""
    return re.sub(r"[\s_-]+", "_", unicodedata.normalize("NFKC", name).casefold().strip())


_LETTERS = str.maketrans({
    "ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "æ": "ae", "ø": "o", "œ": "oe", "ł": "l", "đ": "d", "ð": "d",
    "þ": "th",
})  # fmt: skip


def plain_letters(text: str) -> str:
    """Small letters without accents: `Größe der Körbe` → `groesse der koerbe`, `Café` → `cafe`."""
    spelled = unicodedata.normalize("NFC", text).lower().translate(_LETTERS)
    return "".join(one for one in unicodedata.normalize("NFKD", spelled) if not unicodedata.combining(one))


def column_in(expr: str) -> str:
    """The name in SQL that is nothing but a column in quotes; other SQL as it stands."""
    return expr[1:-1] if re.fullmatch(r'"[^"]+"|`[^`]+`', expr) else expr


def _unsaid(_sql: str) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a dbt model, with the type the warehouse reports (`any` where nobody knows)."""

    name: str
    type: ValueType = "any"
    label: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class Entity:
    """A join key of a semantic model; `expr` is the column (or SQL) that holds it."""

    name: str
    type: EntityType
    expr: str


@dataclass(frozen=True, slots=True)
class Dimension:
    """Something to group or filter by; `expr` is the column (or SQL) behind it."""

    name: str
    type: Literal["categorical", "time"]
    expr: str
    granularity: Grain | None = None
    label: str = ""
    description: str = ""

    def is_computed(self, model: Model) -> bool:
        """Whether it is more than a column of its model, and no time."""
        return self.type == "categorical" and model.column(column_in(self.expr)) is None


@dataclass(frozen=True, slots=True)
class Measure:
    """A total that dbt knows by name; `expr` is SQL over one row.

    From dbt 1.12 on a simple metric may say its total itself: then it has the metric's name, is `inline`, and
    nothing else in dbt can read it.
    """

    name: str
    agg: Aggregation
    expr: str
    agg_time_dimension: str = ""
    label: str = ""
    description: str = ""
    percentile: float | None = None
    inline: bool = False


@dataclass(frozen=True, slots=True)
class SemanticModel:
    """dbt's semantic model: the entities, dimensions and measures of one dbt model."""

    name: str
    model: str
    entities: tuple[Entity, ...] = ()
    dimensions: tuple[Dimension, ...] = ()
    measures: tuple[Measure, ...] = ()
    agg_time_dimension: str = ""
    primary_entity: str = ""
    file: str = ""
    spec: Spec = "legacy"

    def entity(self, name: str) -> Entity | None:
        return next((e for e in self.entities if e.name == name), None)

    def dimension_for(self, column: str, kind: str = "") -> Dimension | None:
        """The declared dimension, perhaps of one kind, that shows exactly this column, if there is one."""
        found = [d for d in self.dimensions if kind in ("", d.type)]
        exact = next((d for d in found if column_in(d.expr) == column), None)
        return exact or next((d for d in found if column_in(d.expr).lower() == column.lower()), None)

    def time_dimension(self, name: str) -> Dimension | None:
        return next((d for d in self.dimensions if d.name == name and d.type == "time"), None)

    @property
    def own_entity(self) -> str:
        """The entity whose name prefixes this model's dimensions (`order__status`); "" without one."""
        if self.primary_entity:
            return self.primary_entity
        keys = ("primary", "unique", "natural")
        return next((e.name for kind in keys for e in self.entities if e.type == kind), "")


@dataclass(frozen=True, slots=True)
class Model:
    """A dbt model (or seed, or snapshot) that formulas may read.

    Where it is `private`, nothing but what is in its `group` may read it in dbt.
    """

    name: str
    unique_id: str
    columns: tuple[Column, ...] = ()
    label: str = ""
    description: str = ""
    file: str = ""
    semantic: SemanticModel | None = None
    versioned: bool = False
    group: str = ""
    private: bool = False

    def may_be_read_by(self, group: str) -> bool:
        """Whether dbt lets something of this group read it."""
        return not self.private or self.group == group

    def column(self, name: str) -> Column | None:
        return next((c for c in self.columns if c.name.lower() == name.lower()), None)


@dataclass(frozen=True, slots=True)
class MetricInput:
    """How one metric uses another: by name, perhaps filtered, moved in time, under an alias."""

    name: str
    alias: str = ""
    filters: tuple[str, ...] = ()
    offset_window: str = ""
    offset_to_grain: str = ""


@dataclass(frozen=True, slots=True)
class ConversionParams:
    """How dbt says that one event followed another; `constant` where further values have to be the same."""

    base: str
    then: str
    entity: str
    window: str = ""
    base_filters: tuple[str, ...] = ()
    then_filters: tuple[str, ...] = ()
    calculation: str = "conversion_rate"
    constant: bool = False


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric as dbt defines it, whatever its type; unused parts stay empty.

    `filters` and the filters of inputs are dbt's own text (`{{ Dimension('order__status') }} = 'paid'`).
    `formula` is the same thing in Bisync's language, "" where it cannot be said in it.
    """

    name: str
    type: MetricType
    label: str = ""
    description: str = ""
    measure: str = ""
    filters: tuple[str, ...] = ()
    numerator: MetricInput | None = None
    denominator: MetricInput | None = None
    expr: str = ""
    inputs: tuple[MetricInput, ...] = ()
    window: str = ""
    grain_to_date: str = ""
    period_agg: str = ""
    fill_nulls_with: float | None = None
    join_to_timespine: bool = False
    conversion: ConversionParams | None = None
    formula: str = ""
    group: str = ""
    file: str = ""
    unique_id: str = ""
    meta: Mapping[str, object] = field(default_factory=dict)
    spec: Spec = "legacy"

    @property
    def measures(self) -> tuple[str, ...]:
        """The measures that the metric itself totals; those of its inputs are theirs."""
        return (self.conversion.base, self.conversion.then) if self.conversion else (self.measure,)

    @property
    def made_of(self) -> tuple[str, ...]:
        """The metrics that dbt computes this one from, by name."""
        parts = (self.numerator, self.denominator, *self.inputs)
        # In the latest spec, a total has the name of the metric that says it.
        totals = self.measures if self.spec == "latest" else ()
        return (
            *(part.name for part in parts if part),
            *(name for name in totals if name not in ("", self.name)),
        )

    @property
    def helper_of(self) -> str:
        """The metric of which Bisync wrote this one as a part; "" where it stands for itself."""
        own = self.meta.get("bisync")
        name = own.get("helper_of") if isinstance(own, Mapping) else None
        return name if isinstance(name, str) else ""


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """Every name that a formula may use, in one version of one dbt project. Compared by identity."""

    models: Mapping[str, Model]
    metrics: Mapping[str, Metric]
    time_spine: str = ""
    # Model → the one column that constraints or data tests show to be unique and never null.
    keys: Mapping[str, str] = field(default_factory=dict)
    synonyms: Mapping[str, str] = field(default_factory=dict)
    # A dimension's SQL as a formula of one row; "" where none says the same.
    says: Callable[[str], str] = _unsaid
    # The dbt that read it, which is the one that code is written for.
    dbt_version: tuple[int, int] = (1, 11)
    # As the project has them in its semantic layer, or else in its models.
    keywords: KeywordCase = "lower"
    # Which notes about metrics the project has in their `meta` itself.
    plain_notes: frozenset[str] = frozenset()

    @cached_property
    def measures(self) -> Mapping[str, tuple[Model, Measure]]:
        """Measure name → the model it totals and the measure itself."""
        return {
            measure.name: (model, measure)
            for model in self.models.values()
            if model.semantic
            for measure in model.semantic.measures
        }

    @cached_property
    def asked_for(self) -> Mapping[str, Metric]:
        """The metrics without those that are only a part of another one."""
        return {name: metric for name, metric in self.metrics.items() if not metric.helper_of}

    def below(self, names: Iterable[str]) -> dict[str, Metric]:
        """These metrics and all that they are computed from, by name."""
        found: dict[str, Metric] = {}
        waiting = [*names]
        while waiting:
            metric = self.metrics.get(waiting.pop())
            if metric and metric.name not in found:
                found[metric.name] = metric
                waiting += metric.made_of
        return found

    def above(self, names: Iterable[str]) -> list[str]:
        """All metrics that are computed from one of these, directly or not, in order."""
        wanted = {*names}
        others = (name for name in self.metrics if name not in wanted)
        return sorted(name for name in others if wanted & self.below([name]).keys())

    def totalled_by(self, name: str) -> list[str]:
        """The metrics that run over a metric, or count it, and so need it to be a single total."""
        kinds = ("cumulative", "conversion")
        return sorted(one.name for one in self.metrics.values() if one.type in kinds and name in one.made_of)

    def spec_for(self, model: Model) -> Spec:
        """In which spec the semantics of a model are written: its own, or for new ones the project's."""
        if model.semantic:
            return model.semantic.spec
        # dbt reads the latest one in the entries of models alone, not in those of seeds and snapshots.
        return self._spec if model.unique_id.startswith("model.") else "legacy"

    @cached_property
    def _spec(self) -> Spec:
        """That of most of the project's own semantic models; without any, the one that its dbt prefers."""
        known = [model.semantic for model in self.models.values() if model.semantic]
        own = [semantic.spec for semantic in known if semantic.file]
        latest = own.count("latest") * 2 >= len(own) if own else self.dbt_version >= LATEST_SPEC_SINCE
        return "latest" if latest else "legacy"

    @property
    def has_time_spine(self) -> bool:
        """Whether dbt would accept a semantic model; one that is there already shows that it does."""
        known = self.time_spine or "metricflow_time_spine" in self.models
        return bool(known) or any(model.semantic for model in self.models.values())

    @cached_property
    def models_by_key(self) -> Mapping[str, Model]:
        """`name_key` of a model's name, its label or its semantic model's name → the model."""
        found: dict[str, Model] = {}
        for model in self.models.values():
            found[name_key(model.name)] = model
        for model in self.models.values():
            aliases = (model.label, model.semantic.name if model.semantic else "")
            for alias in filter(None, aliases):
                found.setdefault(name_key(alias), model)
        return found

    @cached_property
    def metrics_by_key(self) -> Mapping[str, Metric]:
        """`name_key` of a metric's name or label → the metric."""
        found = {name_key(metric.name): metric for metric in self.metrics.values()}
        for metric in self.metrics.values():
            if metric.label:
                found.setdefault(name_key(metric.label), metric)
        return found

    @cached_property
    def columns_by_key(self) -> Mapping[str, Mapping[str, Column]]:
        """`name_key` of a column's name, label or dimension → the models that have it, and the column.

        A column's own name beats a label or a dimension's name of another column of its model.
        """
        found: dict[str, dict[str, Column]] = {}
        for model in self.models.values():
            for column in model.columns:
                found.setdefault(name_key(column.name), {}).setdefault(model.name, column)
        for model in self.models.values():
            for alias, column in _aliases(model):
                found.setdefault(name_key(alias), {}).setdefault(model.name, column)
        return found

    @cached_property
    def computed_by_key(self) -> Mapping[str, Mapping[str, Dimension]]:
        """`name_key` of a dimension that is more than a column → the models that have it, and the dimension.

        By its name, else its label, as far as no column of its model is called so.
        """
        found: dict[str, dict[str, Dimension]] = {}
        for called in (attrgetter("name"), attrgetter("label")):
            for model, dimension in self._computed():
                key = name_key(called(dimension))
                if key and model.name not in self.columns_by_key.get(key, {}):
                    found.setdefault(key, {}).setdefault(model.name, dimension)
        return found

    def _computed(self) -> Iterator[tuple[Model, Dimension]]:
        for model in self.models.values():
            for dimension in model.semantic.dimensions if model.semantic else ():
                if dimension.is_computed(model):
                    yield model, dimension


def _aliases(model: Model) -> Iterator[tuple[str, Column]]:
    for column in model.columns:
        if column.label:
            yield column.label, column
    for dimension in model.semantic.dimensions if model.semantic else ():
        column_behind = model.column(column_in(dimension.expr))
        if column_behind:
            yield dimension.name, column_behind
            if dimension.label:
                yield dimension.label, column_behind
