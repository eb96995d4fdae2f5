"""A calculation for each row, or a query that somebody pasted, as it is to become a part of the project."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from semantic.fields import PlainFields, name_from

QUERY = "query"
NEW = "new"
PASTED = "pasted"


@dataclass(frozen=True, slots=True)
class CalculationFields(PlainFields):
    """A calculated column of the model with this id, or, where its `way` is a query, a model made of that.

    `place` says whether the column goes into its model's own SQL or, as NEW, into a model of its own; that is
    `called` like the model of a query. A query is written as the project's models are or, where its `layout`
    is PASTED, as it was pasted. `key` are columns between commas; `words` tell of a query's columns, each on
    a line of its own behind its name and a colon.
    """

    MERGED: ClassVar[tuple[str, ...]] = (
        "label", "model", "formula", "place", "called", "folder", "sql", "layout", "key", "description",
        "words", "not_null", "unique",
    )  # fmt: skip

    name: str = ""
    way: str = ""
    label: str = ""
    model: str = ""
    formula: str = ""
    place: str = ""
    called: str = ""
    folder: str = ""
    sql: str = ""
    layout: str = ""
    key: str = ""
    description: str = ""
    words: str = ""
    not_null: bool = False
    unique: bool = False
    why: str = ""

    @property
    def is_query(self) -> bool:
        return self.way == QUERY

    @property
    def title(self) -> str:
        return self.called if self.is_query else self.label

    @property
    def line(self) -> str:
        return self.title if self.is_query else f"{self.title} = {self.formula}"

    @property
    def column(self) -> str:
        """What dbt calls the column."""
        return name_from(self.label)

    @property
    def dbt_name(self) -> str:
        """What tells the definition from others: the model's name, or the old model's id and the column."""
        if self.is_query:
            return self.called
        return f"{self.model}:{self.column}" if self.model and self.column else ""

    @property
    def key_columns(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(filter(None, (part.strip() for part in self.key.split(",")))))

    @property
    def tests(self) -> tuple[str, ...]:
        """dbt's tests of the column."""
        asked = (("unique", self.unique), ("not_null", self.not_null))
        return tuple(test for test, wanted in asked if wanted)

    @property
    def column_words(self) -> dict[str, str]:
        """The name of a query's column → what is said of it."""
        lines = (line.partition(":") for line in self.words.split("\n") if line.strip())
        return {name.strip(): said.strip() for name, _colon, said in lines}

    def row(self) -> dict[str, str]:
        return {"description": self.description, "formula": self.formula}
