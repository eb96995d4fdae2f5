"""What a model's own entry in a properties file gets, in dbt's latest spec of the semantic layer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from semantic.codegen.entries import Entry
from semantic.codegen.latest import COLUMNS, DERIVED, METRICS
from semantic.codegen.yaml_marks import YamlRefused
from semantic.codegen.yaml_steps import AddItem, Edit, Named, SetKey

# Behind which keys the new ones stand, as far as the entry has any of them.
BEFORE = ("name", "description", "config", "semantic_model", "agg_time_dimension", "primary_entity")


@dataclass(frozen=True)
class DescribeModel:
    """Say this of a model in its entry, which is added where there is none; what it says already stays."""

    model: str
    said: Mapping[str, Any]

    def edits(self, data: Any, _text: str) -> Iterator[Edit]:
        """The single edits of a file that holds `data`. Raises YamlRefused where it says something else."""
        entry = entry_of(data, "models", self.model)
        if not entry:
            yield AddItem(("models",), {"name": self.model, **self.said})
            return
        if "versions" in entry:
            raise _refused(
                f"{self.model} has versions, and dbt 1.12 reads no metrics in the entry of such a model."
            )
        path = ("models", Named(self.model))
        known = [key for key in BEFORE if key in entry or key in self.said]
        for key, value in self.said.items():
            if key in (COLUMNS, DERIVED, METRICS):
                continue
            if key in entry and entry[key] != value:
                raise _refused(f"{self.model} says {key}: {entry[key]} in this file already. Pull first.")
            before = known[: known.index(key)]
            yield SetKey(path, key, value, after=before[-1] if before else None)
        if "semantic_model" in self.said and "semantic_model" not in entry:
            self._refuse_marks(entry)
        for column in self.said.get(COLUMNS, ()):
            yield from _marks(self.model, entry, column)
        for kind, entries in self.said.get(DERIVED, {}).items():
            yield from (AddItem((*path, DERIVED, kind), one) for one in entries)
        yield from (AddItem((*path, METRICS), metric) for metric in self.said.get(METRICS, ()))

    def _refuse_marks(self, entry: Mapping[str, Any]) -> None:
        """A new semantic model would bring what stands there without one to life."""
        columns = [one for one in entry.get(COLUMNS) or () if isinstance(one, dict)]
        if (
            any("entity" in one or "dimension" in one for one in columns)
            or DERIVED in entry
            or METRICS in entry
        ):
            raise _refused(
                f"{self.model} has entities, dimensions or metrics in this file, and no semantic_model that "
                "would make dbt read them. Set “semantic_model: true” there first, and pull."
            )


def _marks(model: str, entry: Mapping[str, Any], column: Entry) -> Iterator[Edit]:
    """One column's marks, in its own entry where the file lists it, in whichever case."""
    path = ("models", Named(model), COLUMNS)
    listed = [one for one in entry.get(COLUMNS) or () if isinstance(one, dict)]
    wanted = str(column["name"]).lower()
    found = next((one for one in listed if str(one.get("name")).lower() == wanted), None)
    if found is None:
        yield AddItem(path, column)
        return
    for key, value in column.items():
        if key == "name":
            continue
        if key in found and found[key] != value:
            raise _refused(
                f"The column {found['name']} of {model} says {key}: {found[key]} in this file already. "
                "Change that first, or use another column."
            )
        yield SetKey((*path, Named(found["name"])), key, value)


def entry_of(data: Any, kind: str, name: str) -> Mapping[str, Any]:
    """The entry of a list by its name; {} where the data have none."""
    listed = (data.get(kind) if isinstance(data, dict) else None) or []
    found = (one for one in listed if isinstance(one, dict) and one.get("name") == name)
    return next(found, {})


def _refused(sentence: str) -> YamlRefused:
    return YamlRefused("exists-already", sentence)
