"""The one gate to a warehouse, whatever it runs on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workspace.warehouse.duckdb import DuckDB
from workspace.warehouse.postgres import Postgres

if TYPE_CHECKING:
    from workspace.warehouse.base import Warehouse
    from workspace.warehouse.location import Location


def open_warehouse(location: Location) -> Warehouse:
    """A reader of what lies at `location`; use it as a context manager."""
    return DuckDB(location) if location.adapter == "duckdb" else Postgres(location)
