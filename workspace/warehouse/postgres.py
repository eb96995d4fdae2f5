"""Reading from a PostgreSQL warehouse, in transactions that cannot write."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeAlias

import psycopg
from django.conf import settings
from psycopg import errors, sql

from workspace.warehouse.base import (
    Kind,
    QueryTooSlow,
    Relation,
    RelationColumn,
    Result,
    ResultColumn,
    WarehouseError,
    WarehouseRefused,
    WarehouseUnreachable,
    connection_failure,
    first_line,
    place,
    require_host,
    require_query,
)

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from workspace.warehouse.location import Location

Connection: TypeAlias = psycopg.Connection[tuple[Any, ...]]

_CONNECT_SECONDS = 5
_KEPT_OPEN = 4
_KEPT_SECONDS = 300
_NAMES: dict[Kind, str] = {
    "integer": "int2 int4 int8 oid",
    "number": "float4 float8 numeric",
    "text": 'text varchar bpchar name uuid "char"',
    "date": "date",
    "timestamp": "timestamp timestamptz",
    "boolean": "bool",
}
_KINDS: dict[int, Kind] = {
    psycopg.postgres.types[name].oid: kind for kind, names in _NAMES.items() for name in names.split()
}
_COLUMNS = """
    SELECT current_database(), n.nspname, c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
           coalesce(nullif(t.typbasetype, 0), t.oid)::int8
    FROM pg_attribute a
    JOIN pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'v', 'm', 'p', 'f')
    JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = ANY(%s)
    JOIN pg_type t ON t.oid = a.atttypid
    WHERE a.attnum > 0 AND NOT a.attisdropped
    ORDER BY n.nspname, c.relname, a.attnum
"""

# Connections that wait for their next use, each with the time from which it has been waiting.
_idle: dict[Location, list[tuple[float, Connection]]] = {}
_idle_lock = threading.Lock()


class Postgres:
    """Implements `Warehouse` with one connection, which threads take turns on."""

    dialect = "postgres"

    def __init__(self, location: Location) -> None:
        self._location = location
        self._connection: Connection | None = None
        self._lock = threading.Lock()
        with told(location):
            self._connection = _take(location)

    def query(self, sql: str, *, limit: int | None = None, timeout: float | None = None) -> Result:
        require_query(sql, self.dialect)
        limit = settings.QUERY_ROW_LIMIT if limit is None else limit
        timeout = settings.QUERY_TIMEOUT_SECONDS if timeout is None else timeout
        started = time.monotonic()
        # A cursor on the server: the client would fetch every row of a result, however few it wants.
        with self._transaction(timeout) as connection, connection.cursor(name="bisync") as cursor:
            cursor.execute(sql)
            rows = cursor.fetchmany(limit + 1)
            columns = tuple(
                ResultColumn(column.name, _KINDS.get(column.type_code, "any"))
                for column in cursor.description or ()
            )
        return Result(columns, tuple(rows[:limit]), time.monotonic() - started, len(rows) > limit)

    def columns(self, schemas: Collection[str]) -> Mapping[Relation, tuple[RelationColumn, ...]]:
        found: dict[Relation, list[RelationColumn]] = {}
        with self._transaction(settings.QUERY_TIMEOUT_SECONDS) as connection:
            for *relation, column, data_type, oid in connection.execute(_COLUMNS, [list(schemas)]):
                database, schema, name = relation
                entry = RelationColumn(column, data_type, _KINDS.get(oid, "any"))
                found.setdefault((database, schema, name), []).append(entry)
        return {relation: tuple(columns) for relation, columns in found.items()}

    def close(self) -> None:
        with self._lock:
            connection, self._connection = self._connection, None
        if connection is not None:
            _give_back(self._location, connection)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self.close()

    @contextmanager
    def _transaction(self, timeout: float) -> Iterator[Connection]:
        """A transaction that reads, stops in time and leaves nothing behind."""
        with self._lock, told(self._location, timeout=timeout):
            if self._connection is None:
                raise psycopg.OperationalError("the connection is closed")
            with self._connection.transaction(force_rollback=True):
                milliseconds = max(1, round(timeout * 1000))
                self._connection.execute(
                    sql.SQL("SET LOCAL statement_timeout = {}").format(sql.Literal(milliseconds))
                )
                yield self._connection


def connect(location: Location, *, read_only: bool) -> Connection:
    """A new connection; the caller closes it."""
    require_host(location.host, look_up=True)
    connection = psycopg.connect(
        host=location.host,
        port=location.port,
        dbname=location.database,
        user=location.user,
        password=location.password,
        connect_timeout=_CONNECT_SECONDS,
        application_name="bisync",
        # Poolers between us and the server hand its sessions to somebody else.
        prepare_threshold=None,
    )
    connection.read_only = read_only
    return connection


def _take(location: Location) -> Connection:
    """An idle connection that still works, or a new one."""
    while True:
        with _idle_lock:
            waiting = _idle.get(location)
            connection = waiting.pop()[1] if waiting else None
        if connection is None:
            return connect(location, read_only=True)
        with suppress(psycopg.OperationalError):
            connection.execute("SELECT 1")
            connection.rollback()
            return connection
        connection.close()


def _give_back(location: Location, connection: Connection) -> None:
    with _idle_lock:
        waiting = _idle.setdefault(location, [])
        keep = len(waiting) < _KEPT_OPEN and not connection.closed
        if keep:
            waiting.append((time.monotonic(), connection))
    if not keep:
        connection.close()
    close_idle(seconds=_KEPT_SECONDS)


def close_idle(*, seconds: float = 0) -> None:
    """Close the connections that nobody has used for so many seconds."""
    until = time.monotonic() - seconds
    stale: list[Connection] = []
    with _idle_lock:
        for location, waiting in list(_idle.items()):
            stale += [connection for since, connection in waiting if since <= until]
            _idle[location] = [entry for entry in waiting if entry[0] > until]
            if not _idle[location]:
                del _idle[location]
    for connection in stale:
        connection.close()


@contextmanager
def told(location: Location, *, timeout: float = 0) -> Iterator[None]:
    """Within this block the driver's errors become ours."""
    try:
        yield
    except errors.QueryCanceled:
        raise QueryTooSlow(seconds=f"{timeout:g}") from None
    except (errors.InsufficientPrivilege, errors.InvalidAuthorizationSpecification) as exc:
        raise WarehouseRefused(place=place(location), reason=first_line(str(exc))) from None
    except psycopg.Error as exc:
        known = connection_failure(str(exc), location) if isinstance(exc, psycopg.OperationalError) else None
        if known is None and isinstance(exc, psycopg.OperationalError) and exc.sqlstate is None:
            known = WarehouseUnreachable(place=place(location), reason=first_line(str(exc)))
        raise known or WarehouseError(reason=first_line(str(exc))) from None
