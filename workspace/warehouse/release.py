"""Making room for a version, publishing it at one moment, and clearing it away.

DuckDB: a version is a file in a directory of its own, and whoever knows its path reads it. PostgreSQL: a
version is a schema (dbt may add some beside it); people read it through views in a schema that stays.
"""

from __future__ import annotations

import random
import shutil
import time
from collections import defaultdict
from collections.abc import Collection, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from django.utils.translation import gettext_lazy as _
from psycopg import errors, sql

from bisync.lib.errors import BisyncError
from workspace.warehouse.postgres import Connection, connect, told

if TYPE_CHECKING:
    from workspace.warehouse.location import Location

# Schema and name of what a view shows.
Source: TypeAlias = tuple[str, str]
# Name, type, type modifier and collation of each column: what a view cannot change by itself.
_Shape: TypeAlias = tuple[tuple[str, int, int, int], ...]

# Below PostgreSQL's deadlock_timeout (one second): in a deadlock the publisher gives way, never a reader.
_LOCK_MILLISECONDS = 50
_DROP_LOCK_MILLISECONDS = 5000


class ReleaseBusy(BisyncError):
    code = "release-busy"
    message = _(
        "%(schema)s was read without a pause for %(seconds)s seconds, so nothing was changed there. Bisync "
        "tries again; long queries against it make way sooner."
    )
    http_status = 503
    temporary = True


class ReleaseBlocked(BisyncError):
    code = "release-blocked"
    message = _(
        "%(schema)s cannot be published, and nothing was changed: %(reason)s. Change or drop what is named, "
        "then deploy again."
    )
    http_status = 409


class ReleaseMoved(BisyncError):
    code = "release-moved"
    message = _(
        "View %(view)s shows %(found)s, not what was published last, so nothing was changed. Another "
        "deployment has taken over, or the view is somebody else's: rename or drop it, then deploy again."
    )
    http_status = 409


class ReleaseIncomplete(BisyncError):
    code = "release-incomplete"
    message = _(
        "%(relation)s was not built, so nothing was published. Build this version, then publish it again."
    )


class ReleaseInUse(BisyncError):
    code = "release-in-use"
    message = _(
        "%(schemas)s cannot be removed: %(objects)s still read from there. Drop or change them first."
    )
    http_status = 409


class NoRoom(BisyncError):
    code = "release-no-room"
    message = _("The new version could not be laid out in %(folder)s: %(reason)s. Make room there.")
    http_status = 507


# -- DuckDB -------------------------------------------------------------------------------------------


def prepare_duckdb(live: Path | None, new: Path) -> None:
    """Let a build at `new` begin with what `live` holds, or with nothing; what was at `new` is replaced.

    Both have the same file name, because DuckDB takes the name of the database from it and dbt writes that
    name into views.
    """
    if live is not None and live.name != new.name:
        raise ValueError(f"{live.name} and {new.name} would be databases of different names")
    copy = new.with_name(f"{new.name}.copying")
    try:
        new.parent.mkdir(parents=True, exist_ok=True)
        _discard(new)
        if live is not None:
            # What has been committed but not yet moved into the file itself.
            with suppress(FileNotFoundError):
                shutil.copyfile(_log_of(live), _log_of(new))
            shutil.copyfile(live, copy)
            copy.replace(new)
    except OSError as exc:
        with suppress(OSError):
            _discard(copy)
            _discard(new)
        raise NoRoom(folder=str(new.parent), reason=exc.strerror or str(exc)) from None


def remove_duckdb(path: Path) -> None:
    """Delete a version's file, and its directory unless something else lies there; again is harmless."""
    _discard(path)
    with suppress(OSError):
        path.parent.rmdir()


def _discard(path: Path) -> None:
    for file in (path, _log_of(path)):
        file.unlink(missing_ok=True)


def _log_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.wal")


# -- PostgreSQL ---------------------------------------------------------------------------------------


def ensure_schema(location: Location, schema: str) -> None:
    """Make `schema` unless it exists."""
    # Somebody else may be making it at this moment.
    made_meanwhile = suppress(errors.DuplicateSchema, errors.UniqueViolation)
    with told(location), closing(connect(location, read_only=False)) as connection, made_meanwhile:
        _ensure_schema(connection, schema)
        connection.commit()


def published_views(location: Location, schema: str) -> dict[str, Source]:
    """What each view of `schema` shows; views over anything but one relation are left out."""
    with told(location), closing(connect(location, read_only=True)) as connection:
        existing = _existing(connection, schema)
    return {name: found.source for name, found in existing.items() if found.is_view and found.source}


def publish_views(
    location: Location,
    *,
    schema: str,
    relations: Mapping[str, Source],
    previous: Mapping[str, Source],
    patience: float = 30,
) -> None:
    """Make the views of `schema` show `relations`, all at one moment: no reader fails or sees a mixture.

    Views of `previous`, which is what the last publication made, go where `relations` has no such name.
    Views that show neither are not ours, or no longer: then nothing changes. Doing it twice is harmless.
    """
    deadline = time.monotonic() + patience
    with told(location), closing(connect(location, read_only=False)) as connection:
        while True:
            try:
                with connection.transaction():
                    _Publication(connection, schema, relations, previous).carry_out()
            except (errors.LockNotAvailable, errors.DeadlockDetected):
                if time.monotonic() > deadline:
                    raise ReleaseBusy(schema=schema, seconds=f"{patience:g}") from None
            except errors.DependentObjectsStillExist as exc:
                raise ReleaseBlocked(schema=schema, reason=_one_line(exc.diag.message_detail)) from None
            else:
                return
            # Readers that waited for us get their turn before we ask again.
            time.sleep(random.uniform(0.005, 0.05))  # noqa: S311 (not a secret)


def drop_schemas(location: Location, schemas: Collection[str]) -> None:
    """Drop `schemas` with all that is in them, unless something outside reads from there."""
    wanted = sorted(schemas)
    with told(location), closing(connect(location, read_only=False)) as connection:
        try:
            connection.execute(f"SET LOCAL lock_timeout = {_DROP_LOCK_MILLISECONDS}")
            readers = [str(row[0]) for row in connection.execute(_READERS, {"schemas": wanted})]
            if readers:
                raise ReleaseInUse(schemas=", ".join(wanted), objects=", ".join(readers))
            for schema in wanted:
                connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(schema)))
        except errors.LockNotAvailable:
            seconds = f"{_DROP_LOCK_MILLISECONDS / 1000:g}"
            raise ReleaseBusy(schema=", ".join(wanted), seconds=seconds) from None
        connection.commit()


@dataclass(frozen=True, slots=True)
class _Existing:
    """A relation that already has a name we want."""

    is_view: bool
    source: Source | None
    shape: _Shape


class _Publication:
    """One attempt, within one transaction."""

    def __init__(
        self,
        connection: Connection,
        schema: str,
        relations: Mapping[str, Source],
        previous: Mapping[str, Source],
    ) -> None:
        self._connection = connection
        self._schema = schema
        self._relations = relations
        self._previous = previous

    def carry_out(self) -> None:
        """Replace view by view in a fixed order.

        A reader holds every view it has opened until its query ends, and we hold every view that we have
        replaced until the commit; so a query sees either all old views or all new ones. LOCK TABLE would
        do the same and lock the tables behind the views as well, on which pinned readers may spend seconds.
        """
        self._connection.execute(f"SET LOCAL lock_timeout = {_LOCK_MILLISECONDS}")
        self._connection.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended('bisync:' || %s, 0))", [self._schema]
        )
        _ensure_schema(self._connection, self._schema)
        existing = _existing(self._connection, self._schema)
        shapes = _shapes(self._connection, self._relations.values())
        names = sorted({*self._relations, *(name for name in self._previous if name in existing)})
        for name in names:
            self._check(name, existing.get(name), shapes)
        # From the first lock on, readers of the first views wait for the last ones.
        until = time.monotonic() + 0.2 + 0.002 * len(names)
        for name in names:
            if time.monotonic() > until:
                raise errors.LockNotAvailable
            self._settle(name, existing.get(name), shapes)

    def _check(self, name: str, found: _Existing | None, shapes: Mapping[Source, _Shape]) -> None:
        wanted = self._relations.get(name)
        if wanted is not None and wanted not in shapes:
            raise ReleaseIncomplete(relation=".".join(wanted))
        if found is None:
            return
        if not found.is_view:
            raise ReleaseBlocked(schema=self._schema, reason=f"{self._schema}.{name} is not a view")
        if found.source is None or found.source not in (wanted, self._previous.get(name)):
            shown = ".".join(found.source) if found.source else "a query of its own"
            raise ReleaseMoved(view=f"{self._schema}.{name}", found=shown)

    def _settle(self, name: str, found: _Existing | None, shapes: Mapping[Source, _Shape]) -> None:
        view = sql.Identifier(self._schema, name)
        source = self._relations.get(name)
        if source is None:
            self._connection.execute(sql.SQL("DROP VIEW {}").format(view))
            return
        shape = shapes[source]
        create = sql.SQL("CREATE OR REPLACE VIEW {} AS SELECT {} FROM {}").format(
            view, sql.SQL(", ").join(sql.Identifier(column[0]) for column in shape), sql.Identifier(*source)
        )
        if found is None or shape[: len(found.shape)] == found.shape:
            self._connection.execute(create)
            return
        # Columns that went, moved or changed type need a new view, which starts without its grants.
        grants = _grants(self._connection, self._schema, name)
        self._connection.execute(sql.SQL("DROP VIEW {}").format(view))
        self._connection.execute(create)
        for grantee in {grant.grantee for grant in _grants(self._connection, self._schema, name)}:
            self._connection.execute(sql.SQL("REVOKE ALL ON {} FROM {}").format(view, _role(grantee)))
        kept = {column[0] for column in shape}
        for grant in grants:
            if grant.column is None or grant.column in kept:
                self._connection.execute(grant.statement(view))


@dataclass(frozen=True, slots=True)
class _Grant:
    """A privilege on a view, or on one column of it; `grantee` None is everybody."""

    grantee: str | None
    privilege: str
    grantable: bool
    column: str | None

    def statement(self, view: sql.Identifier) -> sql.Composed:
        return sql.SQL("GRANT {}{} ON {} TO {}{}").format(
            sql.SQL(self.privilege),  # a keyword, from the catalogue
            sql.SQL(" ({})").format(sql.Identifier(self.column)) if self.column else sql.SQL(""),
            view,
            _role(self.grantee),
            sql.SQL(" WITH GRANT OPTION" if self.grantable else ""),
        )


def _role(name: str | None) -> sql.Composable:
    return sql.SQL("PUBLIC") if name is None else sql.Identifier(name)


_READERS = """
    SELECT DISTINCT format('%%I.%%I', reader_schema.nspname, reader.relname)
    FROM pg_depend d
    JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
    JOIN pg_class reader ON reader.oid = r.ev_class
    JOIN pg_namespace reader_schema ON reader_schema.oid = reader.relnamespace
    JOIN pg_class source ON d.refclassid = 'pg_class'::regclass AND source.oid = d.refobjid
    JOIN pg_namespace source_schema ON source_schema.oid = source.relnamespace
    WHERE source_schema.nspname = ANY(%(schemas)s) AND NOT reader_schema.nspname = ANY(%(schemas)s)
    ORDER BY 1
"""
_EXISTING = """
    SELECT c.relname, c.relkind = 'v', count(DISTINCT source.oid), min(source_schema.nspname),
           min(source.relname)
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = %s
    LEFT JOIN pg_rewrite r ON r.ev_class = c.oid
    LEFT JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
         AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> c.oid
    LEFT JOIN pg_class source ON source.oid = d.refobjid
    LEFT JOIN pg_namespace source_schema ON source_schema.oid = source.relnamespace
    WHERE c.relkind IN ('r', 'v', 'm', 'p', 'f')
    GROUP BY c.oid, c.relname, c.relkind
"""
_SHAPES = """
    SELECT n.nspname, c.relname, a.attname, a.atttypid::int8, a.atttypmod, a.attcollation::int8
    FROM unnest(%s::text[], %s::text[]) AS wanted (schema, name)
    JOIN pg_namespace n ON n.nspname = wanted.schema
    JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = wanted.name
         AND c.relkind IN ('r', 'v', 'm', 'p', 'f')
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    ORDER BY n.nspname, c.relname, a.attnum
"""
_GRANTS = """
    WITH view AS (
        SELECT c.oid, c.relowner, c.relacl FROM pg_class c
        JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = %s WHERE c.relname = %s
    )
    SELECT CASE WHEN acl.grantee = 0 THEN NULL ELSE pg_get_userbyid(acl.grantee) END, acl.privilege_type,
           acl.is_grantable, acl.attname
    FROM (
        SELECT relowner, NULL AS attname, (aclexplode(relacl)).* FROM view
        UNION ALL
        SELECT relowner, a.attname, (aclexplode(a.attacl)).*
        FROM view JOIN pg_attribute a ON a.attrelid = view.oid AND a.attacl IS NOT NULL
    ) acl
    WHERE acl.grantee <> acl.relowner
"""


def _ensure_schema(connection: Connection, schema: str) -> None:
    """CREATE SCHEMA IF NOT EXISTS asks for the right to create one even where it exists."""
    if connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", [schema]).fetchone():
        return
    connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(schema)))


def _existing(connection: Connection, schema: str) -> dict[str, _Existing]:
    rows = connection.execute(_EXISTING, [schema]).fetchall()
    shapes = _shapes(connection, [(schema, name) for name, *_rest in rows])
    return {
        name: _Existing(is_view, (of, what) if sources == 1 else None, shapes.get((schema, name), ()))
        for name, is_view, sources, of, what in rows
    }


def _shapes(connection: Connection, relations: Collection[Source]) -> dict[Source, _Shape]:
    found: dict[Source, list[tuple[str, int, int, int]]] = defaultdict(list)
    wanted = [[schema for schema, _name in relations], [name for _schema, name in relations]]
    for schema, name, *column in connection.execute(_SHAPES, wanted):
        found[schema, name].append((column[0], column[1], column[2], column[3]))
    return {relation: tuple(columns) for relation, columns in found.items()}


def _grants(connection: Connection, schema: str, view: str) -> list[_Grant]:
    return [_Grant(*row) for row in connection.execute(_GRANTS, [schema, view])]


def _one_line(text: str | None) -> str:
    return "; ".join((text or "").splitlines())
