"""Words and calculations of a dimension or a measure that a properties file has already, in either spec."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from semantic.codegen.entry_keys import put
from semantic.codegen.removal_edits import element_entry
from semantic.codegen.yaml_steps import AddItem, Edit, Path, RemoveKey, ReplaceItem, SetKey

# Where a key belongs that an entry does not have yet.
ORDER = ("name", "label", "description", "type", "agg", "expr", "type_params", "agg_time_dimension")


@dataclass(frozen=True)
class AmendElement:
    """Say these `values` of a dimension or a measure; None takes a key away, all else stays.

    A dimension that marks a column leaves it where it shows something else than the column.
    """

    model: str
    semantic: str
    kind: str  # measures or dimensions
    name: str
    values: Mapping[str, Any]

    def edits(self, data: Any, _text: str) -> Iterator[Edit]:
        path, entry, key = element_entry(data, self.model, self.semantic, self.kind, self.name)
        new: dict[str, Any] = copy.deepcopy(dict(entry))
        for name, value in self.values.items():
            _put(new, name, value)
        if not key:
            yield ReplaceItem(path, new)
        elif "expr" in new:
            yield from self._moved(data, path, key, new)
        else:
            yield SetKey(path, key, new)

    def _moved(self, data: Any, path: Path, key: str, new: dict[str, Any]) -> Iterator[Edit]:
        """From the mark of a column to an entry of its own."""
        column: Any = data
        for step in path:
            found = column[step] if isinstance(step, str) else None
            column = found if found is not None else next(one for one in column if one["name"] == step.value)  # type: ignore[union-attr]
        granularity = {"granularity": column["granularity"]} if "granularity" in column else {}
        yield RemoveKey(path, key)
        said = {"name": self.name, **{k: v for k, v in new.items() if k != "name"}, **granularity}
        yield AddItem((*path[:2], "derived_semantics", self.kind), said)


def _put(entry: dict[str, Any], key: str, value: Any) -> None:
    put(entry, key, value, order=ORDER)
