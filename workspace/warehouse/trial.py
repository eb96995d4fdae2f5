"""Whether a warehouse can be used: it is reached, what a project needs can be read, a schema can be made."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import TypeAlias

import duckdb
from psycopg import errors, sql

from workspace.warehouse.base import MayNotBuild, MayNotRead, first_line, place
from workspace.warehouse.location import Location
from workspace.warehouse.postgres import connect, told
from workspace.warehouse.release import NoRoom, prepare_duckdb, remove_duckdb

# Schema and name of tables that a project reads and does not build.
Sources: TypeAlias = Sequence[Sequence[str]]
_NAMED = 5
_CLOSED = """
    SELECT format('%%I.%%I', n.nspname, c.relname)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE (n.nspname, c.relname) IN (SELECT * FROM unnest(%s::text[], %s::text[]))
      AND NOT (has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT'))
    ORDER BY 1
"""


def steps(location: Location, sources: Sources) -> tuple[tuple[str, Callable[[], None]], ...]:
    """What has to be possible, one after another; each raises a `BisyncError` that says what to do."""
    if location.adapter == "duckdb":
        return (("build", lambda: _duckdb_builds(location)),)
    return (
        ("reach", lambda: _reached(location)),
        ("read", lambda: _reads(location, sources)),
        ("build", lambda: _postgres_builds(location)),
    )


def _duckdb_builds(location: Location) -> None:
    """Make a file with a schema and read from it, where versions are going to lie."""
    path = Path(location.path)
    prepare_duckdb(None, path)
    try:
        with closing(duckdb.connect(str(path))) as connection:
            connection.execute("CREATE SCHEMA trial; CREATE TABLE trial.one AS SELECT 1 AS one")
            connection.execute("SELECT one FROM trial.one").fetchall()
    except (duckdb.Error, OSError) as exc:
        raise NoRoom(folder=str(path.parent), reason=first_line(str(exc))) from None
    finally:
        remove_duckdb(path)


def _reached(location: Location) -> None:
    with told(location), closing(connect(location, read_only=True)) as connection:
        connection.execute("SELECT 1")


def _reads(location: Location, sources: Sources) -> None:
    schemas, names = [source[0] for source in sources], [source[1] for source in sources]
    with told(location), closing(connect(location, read_only=True)) as connection:
        closed = [str(row[0]) for row in connection.execute(_CLOSED, [schemas, names])]
    if closed:
        more = ["…"] if len(closed) > _NAMED else []
        tables = ", ".join([*closed[:_NAMED], *more])
        raise MayNotRead(user=location.user, tables=tables, place=place(location))


def _postgres_builds(location: Location) -> None:
    """Make a schema in a transaction that is taken back."""
    schema = sql.Identifier(f"bisync_trial_{secrets.token_hex(4)}")
    with told(location), closing(connect(location, read_only=False)) as connection:
        try:
            connection.execute(sql.SQL("CREATE SCHEMA {}").format(schema))
        except errors.InsufficientPrivilege:
            grant = sql.SQL("GRANT CREATE ON DATABASE {} TO {}")
            names = (sql.Identifier(location.database), sql.Identifier(location.user))
            statement = grant.format(*names).as_string(connection)
            raise MayNotBuild(user=location.user, place=place(location), statement=statement) from None
        finally:
            connection.rollback()
