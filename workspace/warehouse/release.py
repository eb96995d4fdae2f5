"""Making room for a version, publishing it at one moment, and clearing it away.

DuckDB: a version is a file in a directory of its own, and whoever knows its path reads it. PostgreSQL: a
version is a schema (dbt may add some beside it); people read it through views in a schema that stays.
"""

from __future__ import annotations

import random
import shutil
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import islice
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
# From the first lock to the commit, readers of the views wait for us: at first no longer than this.
_HOLD_SECONDS = 0.25
_BATCH = 50


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
    hold = _HOLD_SECONDS
    with told(location), closing(connect(location, read_only=False)) as connection:
        while True:
            try:
                with connection.transaction():
                    _Publication(connection, schema, relations, previous).carry_out(hold)
            except (errors.LockNotAvailable, errors.DeadlockDetected, _HeldTooLong) as exc:
                if time.monotonic() > deadline:
                    raise ReleaseBusy(schema=schema, seconds=f"{patience:g}") from None
                # Many views on a slow server: better that readers wait a little longer than for ever.
                hold *= 2 if isinstance(exc, _HeldTooLong) else 1
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


class _HeldTooLong(Exception):
    """The locks have been ours for as long as this attempt may have them."""


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

    def carry_out(self, hold: float) -> None:
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
        grants = _grants(self._connection, self._schema)
        names = sorted({*self._relations, *(name for name in self._previous if name in existing)})
        for name in names:
            self._check(name, existing.get(name), shapes)
        renewed = {name for name in names if self._needs_renewal(name, existing.get(name), shapes)}
        until = time.monotonic() + hold
        self._execute(
            (s for name in names for s in self._statements(name, shapes, renew=name in renewed)), until
        )
        if renewed:
            given = _grants(self._connection, self._schema)
            self._execute(
                (
                    s
                    for name in sorted(renewed)
                    for s in self._regrant(name, grants.get(name, []), given.get(name, []), shapes)
                ),
                until,
            )

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

    def _needs_renewal(self, name: str, found: _Existing | None, shapes: Mapping[Source, _Shape]) -> bool:
        """Whether columns go, move or change type, which a view survives only as a new one."""
        source = self._relations.get(name)
        if found is None or source is None:
            return False
        return shapes[source][: len(found.shape)] != found.shape

    def _statements(
        self, name: str, shapes: Mapping[Source, _Shape], *, renew: bool
    ) -> Iterator[sql.Composed]:
        view = sql.Identifier(self._schema, name)
        source = self._relations.get(name)
        if renew or source is None:
            yield sql.SQL("DROP VIEW {}").format(view)
        if source is not None:
            columns = sql.SQL(", ").join(sql.Identifier(column[0]) for column in shapes[source])
            shown = sql.SQL("SELECT {} FROM {}").format(columns, sql.Identifier(*source))
            yield sql.SQL("CREATE OR REPLACE VIEW {} AS {}").format(view, shown)

    def _regrant(
        self,
        name: str,
        before: Collection[_Grant],
        given: Collection[_Grant],
        shapes: Mapping[Source, _Shape],
    ) -> Iterator[sql.Composed]:
        """A new view begins with the default privileges of its schema; it gets those of the old one."""
        view = sql.Identifier(self._schema, name)
        for grantee in {grant.grantee for grant in given}:
            yield sql.SQL("REVOKE ALL ON {} FROM {}").format(view, _role(grantee))
        kept = {column[0] for column in shapes[self._relations[name]]}
        for grant in before:
            if grant.column is None or grant.column in kept:
                yield grant.statement(view)

    def _execute(self, statements: Iterable[sql.Composed], until: float) -> None:
        """Run `statements`, many at a time: each trip to the server is time that readers wait."""
        waiting = iter(statements)
        while batch := list(islice(waiting, _BATCH)):
            if time.monotonic() > until:
                raise _HeldTooLong
            self._connection.execute(sql.SQL(";\n").join(batch))


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
        SELECT c.oid, c.relname, c.relowner, c.relacl FROM pg_class c
        JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = %s WHERE c.relkind = 'v'
    )
    SELECT acl.relname, CASE WHEN acl.grantee = 0 THEN NULL ELSE pg_get_userbyid(acl.grantee) END,
           acl.privilege_type, acl.is_grantable, acl.attname
    FROM (
        SELECT relname, relowner, NULL AS attname, (aclexplode(relacl)).* FROM view
        UNION ALL
        SELECT relname, relowner, a.attname, (aclexplode(a.attacl)).*
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


def _grants(connection: Connection, schema: str) -> dict[str, list[_Grant]]:
    """What others than its owner may do with each view."""
    found: dict[str, list[_Grant]] = defaultdict(list)
    for view, *grant in connection.execute(_GRANTS, [schema]):
        found[view].append(_Grant(*grant))
    return found


def _one_line(text: str | None) -> str:
    return "; ".join((text or "").splitlines())
