"""Where one version of an environment's data lies, and how to reach it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Adapter = Literal["duckdb", "postgres"]


@dataclass(frozen=True, slots=True)
class Location:
    """A place that dbt builds into and that queries read from.

    DuckDB uses `path` (a file of its own per version) and `schema`; PostgreSQL the rest. The password never
    shows in a repr.
    """

    adapter: Adapter
    schema: str
    path: str = ""
    host: str = ""
    port: int = 5432
    database: str = ""
    user: str = ""
    password: str = field(default="", repr=False)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must be struck out of everything a command prints."""
        return (self.password,) if self.password else ()
