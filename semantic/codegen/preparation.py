"""What a model needs before a total of it can be written: a semantic model, a date, dimensions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from semantic.codegen.additions import Additions
from semantic.codegen.conditions import column_sql, filter_text
from semantic.codegen.entries import Refused, plain_name
from semantic.definitions import Dimension, Model
from semantic.formula import print_formula
from semantic.formula.tree import ColumnRef, Node, Total, walk
from semantic.query.plan import model_of


@dataclass(frozen=True, slots=True)
class Preparation:
    """Adds what models lack for a formula; `time_column` dates their rows, `keys` are the primary keys.

    Names that were `settled` earlier are used again.
    """

    additions: Additions
    dialect: str
    time_column: str = ""
    keys: Mapping[str, str] = field(default_factory=dict)
    settled: frozenset[str] | None = None

    def model_for(self, total: Total) -> Model:
        """The model of a total, with a semantic model and the time dimension that dates its rows."""
        model = self.additions.vocabulary.models[model_of(total)]
        if not model.file:
            raise Refused(f"{model.name} belongs to a package, whose files are not this project's.")
        column = model.column(self.time_column) if self.time_column else None
        if column is None:
            if model.semantic and model.semantic.time_dimension(self.time_column):
                return model
            if model.semantic is None or not model.semantic.agg_time_dimension:
                raise Refused(f"dbt does not know yet what dates the rows of {model.name}. Choose a date.")
            return model
        if column.type not in ("date", "timestamp", "any"):
            raise Refused(f"{column.name} of {model.name} is no date. Choose another column.")
        time = Dimension(plain_name(column.name), "time", column_sql(column.name, self.dialect), "day")
        if model.semantic is None:
            self.additions.add_semantic_model(model, time, self.keys.get(model.name, ""), self.dialect)
        else:
            self.additions.add_date(model, time)
        return self.additions.vocabulary.models[model.name]

    def dated_by(self, model: Model) -> str:
        """The time dimension of the new measure; "" for the semantic model's own."""
        column = model.column(self.time_column) if self.time_column else None
        found = _time_dimension(model, column.name) if column else ""
        if column is None and model.semantic and model.semantic.time_dimension(self.time_column):
            found = self.time_column
        return "" if model.semantic and found == model.semantic.agg_time_dimension else found

    def split(
        self, model: Model, total: Total, conditions: Sequence[Node], *, filtering: bool = False
    ) -> tuple[list[str], list[Node]]:
        """The conditions that dbt can filter by, as its text, and those that go into the measure.

        All have to be dbt's where `filtering` is the only way.
        """
        filters: list[str] = []
        inline: list[Node] = []
        # A measure that counts different values is 0 where no row fulfils its own condition; a filter
        # leaves it blank, as everywhere else.
        needs_filter = filtering or total.name == "COUNTDISTINCT"
        for condition in conditions:
            text = self._filter(condition, model)
            if text is None:
                self._declare(condition, model, everything=needs_filter)
                text = self._filter(condition, model)
            if text is not None:
                filters.append(text)
            elif needs_filter or not _is_about(condition, model):
                raise Refused(
                    f"dbt cannot filter {model.name} by {print_formula(condition)}: a field in it is no "
                    "dimension that its rows lead to, or is compared by the minute. Ask for the dimension, "
                    "and compare dates with >= and <."
                )
            else:
                inline.append(condition)
        return filters, inline

    def _filter(self, condition: Node, model: Model) -> str | None:
        known = self.additions.vocabulary
        return filter_text(condition, known.models[model.name], known, self.dialect)

    def _declare(self, condition: Node, model: Model, *, everything: bool) -> None:
        """Dimensions for the columns of a condition: the plain ones of a new semantic model, or all."""
        for part in walk(condition):
            if not isinstance(part, ColumnRef) or part.model != model.name:
                continue
            current = self.additions.vocabulary.models[model.name]
            column = current.column(part.column)
            semantic = current.semantic
            if column is None or semantic is None or semantic.dimension_for(column.name):
                continue
            name, sql = plain_name(column.name), column_sql(column.name, self.dialect)
            plain = column.type in ("text", "boolean") and self.additions.is_new(model.name)
            if plain or everything or (self.settled and name in self.settled):
                dated = column.type in ("date", "timestamp")
                kind: Literal["time", "categorical"] = "time" if dated else "categorical"
                self.additions.add_dimension(current, Dimension(name, kind, sql, "day" if dated else None))


def _time_dimension(model: Model, column: str) -> str:
    """The time dimension that shows a column; "" without one."""
    found = model.semantic.dimension_for(column, "time") if model.semantic else None
    return found.name if found else ""


def _is_about(condition: Node, model: Model) -> bool:
    """Whether a condition looks at columns of the model alone."""
    return all(part.model == model.name for part in walk(condition) if isinstance(part, ColumnRef))
