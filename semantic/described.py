"""What people say about a model, a source or a column, and what dbt's files say of it today."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from catalog.annotations import noted, synonyms_in
from catalog.reading import ColumnRecord, NodeRecord
from semantic.fields import PlainFields, with_plain_lines

# What has an entry of its own in a properties file, and columns in it.
DESCRIBED = ("model", "seed", "snapshot", "source")


@dataclass(frozen=True, slots=True)
class ModelFields(PlainFields):
    """A model, seed, snapshot or source table as people describe it; `name` is dbt's id of it."""

    MERGED: ClassVar[tuple[str, ...]] = (
        "label", "description", "owner", "synonyms", "certified", "group", "access", "deprecation_date",
    )  # fmt: skip

    name: str = ""
    label: str = ""
    description: str = ""
    owner: str = ""
    synonyms: tuple[str, ...] = ()
    certified: bool = False
    group: str = ""
    access: str = ""
    deprecation_date: str = ""
    why: str = ""

    @property
    def title(self) -> str:
        return self.label or self.name.rpartition(".")[2]

    def row(self) -> dict[str, str]:
        return {"description": self.description}


@dataclass(frozen=True, slots=True)
class ColumnFields(PlainFields):
    """A column as people describe it; `name` is dbt's id of its table and, behind a colon, its own name."""

    MERGED: ClassVar[tuple[str, ...]] = ("label", "description", "synonyms")

    name: str = ""
    label: str = ""
    description: str = ""
    synonyms: tuple[str, ...] = ()
    why: str = ""

    @property
    def title(self) -> str:
        table, column = split(self.name)
        return self.label or f"{table.rpartition('.')[2]}.{column}"

    def row(self) -> dict[str, str]:
        return {"description": self.description}


@dataclass(frozen=True, slots=True)
class DocFields(PlainFields):
    """A docs block: text that several descriptions may refer to; `name` is dbt's id of it.

    A new one has none but what its own name will make; `about` is the table, column or metric that
    it describes.
    """

    MERGED: ClassVar[tuple[str, ...]] = ("text",)

    name: str = ""
    block: str = ""
    text: str = ""
    about: str = ""
    why: str = ""

    @property
    def title(self) -> str:
        return self.block

    def row(self) -> dict[str, str]:
        return {"description": self.text}


def doc_fields(node: NodeRecord) -> DocFields:
    """What a docs block says."""
    return DocFields(name=node.unique_id, block=node.name, text=_text(node.description))


def split(name: str) -> tuple[str, str]:
    """dbt's id of a table and the name of one of its columns, of a name as `ColumnFields` has it."""
    table, _colon, column = name.partition(":")
    return table, column


def model_fields(node: NodeRecord) -> ModelFields:
    """What dbt says of a model, as its form shows it; of its `meta` what can be read."""
    meta = node.meta
    day = node.fields.get("deprecation_date")
    return ModelFields(
        name=node.unique_id,
        label=_text(noted(meta, "label")),
        description=_text(node.description),
        owner=_text(noted(meta, "owner")),
        synonyms=synonyms_in(meta),
        certified=noted(meta, "certified") is True,
        group=node.group,
        access="" if node.access == "protected" else node.access,  # dbt's own choice where none is made
        deprecation_date=str(day)[:10] if day else "",
    )


def column_fields(node: NodeRecord, name: str, column: ColumnRecord | None) -> ColumnFields:
    """What dbt says of a column; of one that no file tells of, nothing but its name."""
    meta = column.meta if column is not None else {}
    return ColumnFields(
        name=f"{node.unique_id}:{column.name if column is not None else name}",
        label=_text(noted(meta, "label")),
        description=_text(column.description) if column is not None else "",
        synonyms=synonyms_in(meta),
    )


def _text(value: object) -> str:
    return with_plain_lines(value).strip() if isinstance(value, str) else ""
