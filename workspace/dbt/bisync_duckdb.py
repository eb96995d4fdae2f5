"""Runs inside dbt: lets a build touch its own project's files (seeds), and no others.

`settings` in a profile cannot say so: dbt-duckdb repeats them for every cursor, and DuckDB lets nobody
change the folders once the door is shut.
"""

from dbt.adapters.duckdb.plugins import BasePlugin
from duckdb import DuckDBPyConnection


class Plugin(BasePlugin):
    def initialize(self, plugin_config: dict[str, list[str]]) -> None:
        self._folders = plugin_config["folders"]

    def configure_connection(self, conn: DuckDBPyConnection) -> None:
        conn.execute("SET allowed_directories = $1", [self._folders])
        conn.execute("SET enable_external_access = false")
