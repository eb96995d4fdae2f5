"""Measures that are levels rather than flows: the figure of a quarter is the figure of its last day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from semantic.definitions import Measure


@dataclass(frozen=True, slots=True)
class Balance(Measure):
    """A measure with dbt's `non_additive_dimension`: rows of the first or last date count, no others.

    `groupings` are the entities whose own first or last date it is.
    """

    dimension: str = ""
    choice: Literal["min", "max"] = "max"
    groupings: tuple[str, ...] = ()
