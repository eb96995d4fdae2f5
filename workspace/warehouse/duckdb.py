"""Reading one version of a DuckDB warehouse: a file that nobody writes to any more."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
from django.conf import settings

from workspace.warehouse.base import (
    Kind,
    QueryTooSlow,
    Relation,
    RelationColumn,
    Result,
    ResultColumn,
    WarehouseError,
    WarehouseMissing,
    WarehouseRefused,
    connection_failure,
    first_line,
    require_query,
)

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from workspace.warehouse.location import Location

READING: dict[str, str | bool | int | float | list[str]] = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "memory_limit": "1GB",
    "threads": 2,
}
_KINDS: tuple[tuple[str, Kind], ...] = (
    (r"U?(TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT)|BIGNUM", "integer"),
    (r"DECIMAL\(.*\)|FLOAT|DOUBLE", "number"),
    (r"VARCHAR|UUID|ENUM\(.*\)", "text"),
    (r"DATE", "date"),
    (r"TIMESTAMP.*", "timestamp"),
    (r"BOOLEAN", "boolean"),
)


@lru_cache(maxsize=16)
def _instance(path: str) -> duckdb.DuckDBPyConnection:
    """An open file, shared by this process. The cache may forget it at any time: cursors keep it alive.

    Closing it would end the cursors of other threads, so nobody does.
    """
    connection = duckdb.connect(path, read_only=True, config=READING)
    connection.execute("SET lock_configuration = true")
    return connection


class DuckDB:
    """Implements `Warehouse`."""

    dialect = "duckdb"

    def __init__(self, location: Location) -> None:
        self._location = location
        # A missing file has to be found out each time: the cache would go on serving a deleted version.
        if not Path(location.path).is_file():
            raise WarehouseMissing(place=location.path, reason="the file does not exist")
        with _told(location):
            self._connection = _instance(location.path).cursor()
        self._lock = threading.Lock()

    def query(self, sql: str, *, limit: int | None = None, timeout: float | None = None) -> Result:
        require_query(sql, self.dialect)
        limit = settings.QUERY_ROW_LIMIT if limit is None else limit
        timeout = settings.QUERY_TIMEOUT_SECONDS if timeout is None else timeout
        started = time.monotonic()
        with self._cursor(timeout) as cursor:
            cursor.execute(sql)
            rows = cursor.fetchmany(limit + 1)
            described = [(str(name), str(data_type)) for name, data_type, *_ in cursor.description]
        columns = tuple(ResultColumn(name, kind(data_type)) for name, data_type in described)
        return Result(columns, tuple(rows[:limit]), time.monotonic() - started, len(rows) > limit)

    def columns(self, schemas: Collection[str]) -> Mapping[Relation, tuple[RelationColumn, ...]]:
        found: dict[Relation, list[RelationColumn]] = {}
        with self._cursor(settings.QUERY_TIMEOUT_SECONDS) as cursor:
            cursor.execute(
                "SELECT database_name, schema_name, table_name, column_name, data_type FROM duckdb_columns() "
                "WHERE database_name = current_database() AND list_contains($1, schema_name) "
                "ORDER BY schema_name, table_name, column_index",
                [list(schemas)],
            )
            for database, schema, name, column, data_type in cursor.fetchall():
                relation = found.setdefault((database, schema, name), [])
                relation.append(RelationColumn(column, data_type, kind(data_type)))
        return {relation: tuple(columns) for relation, columns in found.items()}

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self.close()

    @contextmanager
    def _cursor(self, timeout: float) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor of one query's own, interrupted in time. From DuckDB 2.0 on threads cannot share one."""
        with _told(self._location, timeout=timeout):
            with self._lock:
                cursor = self._connection.cursor()
            alarm = threading.Timer(timeout, cursor.interrupt)
            alarm.start()
            try:
                yield cursor
            finally:
                alarm.cancel()
                cursor.close()


def kind(data_type: str) -> Kind:
    """Our word for a type of DuckDB's; nested and exotic ones are `any`."""
    if data_type.endswith("]"):
        return "any"
    return next((kind for pattern, kind in _KINDS if re.fullmatch(pattern, data_type)), "any")


@contextmanager
def _told(location: Location, *, timeout: float = 0) -> Iterator[None]:
    try:
        yield
    except duckdb.InterruptException:
        raise QueryTooSlow(seconds=f"{timeout:g}") from None
    except duckdb.PermissionException as exc:
        raise WarehouseRefused(place=location.path, reason=first_line(str(exc))) from None
    except duckdb.Error as exc:
        known = connection_failure(str(exc), location)
        raise known or WarehouseError(reason=first_line(str(exc))) from None
