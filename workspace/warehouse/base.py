"""What every warehouse can do for a reader, and how it can fail."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

import sqlglot
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from sqlglot import exp
from sqlglot.errors import SqlglotError

from bisync.lib.addresses import of_host, plain, reach
from bisync.lib.errors import BisyncError

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from workspace.warehouse.location import Location

Kind: TypeAlias = Literal["integer", "number", "text", "date", "timestamp", "boolean", "any"]
# Database, schema and name of a table or view.
Relation: TypeAlias = tuple[str, str, str]


class WarehouseError(BisyncError):
    code = "warehouse-error"
    message = _("The warehouse could not answer: %(reason)s")


class WarehouseUnreachable(WarehouseError):
    code = "warehouse-unreachable"
    message = _(
        "The warehouse %(place)s cannot be reached: %(reason)s. Check that it runs, and its address and "
        "network, then try again."
    )
    http_status = 503
    temporary = True


class WarehouseMissing(WarehouseError):
    code = "warehouse-missing"
    message = _("There is no warehouse %(place)s: %(reason)s. Build this environment, then try again.")
    http_status = 404


class WarehouseRefused(WarehouseError):
    code = "warehouse-access-denied"
    message = _(
        "The warehouse %(place)s refused access: %(reason)s. Check the user name and password, and what this "
        "user is allowed to do."
    )


class WarehouseNotAllowed(WarehouseRefused):
    code = "warehouse-not-allowed"
    message = _("%(place)s is no address of a warehouse. Give the host name of your PostgreSQL server.")


class MayNotRead(WarehouseRefused):
    code = "warehouse-may-not-read"
    message = _(
        "%(user)s may not read %(tables)s in %(place)s, which the project names as sources. Let their owner "
        "run GRANT USAGE on the schema and GRANT SELECT on the tables to %(user)s, then test again."
    )


class MayNotBuild(WarehouseRefused):
    code = "warehouse-may-not-build"
    message = _(
        "%(user)s may not make schemas in %(place)s, and each version is built in one of its own. Let the "
        "database's owner run: %(statement)s. Then test again."
    )


class QueryTooSlow(WarehouseError):
    code = "query-too-slow"
    message = _(
        "The warehouse had no answer within %(seconds)s seconds. Ask for a shorter time range, or for "
        "fewer groups."
    )
    http_status = 504


class NotAQuery(WarehouseError):
    code = "query-not-allowed"
    message = _("Only one reading query can be run here: %(reason)s")


@dataclass(frozen=True, slots=True)
class ResultColumn:
    name: str
    type: Kind


@dataclass(frozen=True, slots=True)
class Result:
    """The rows of a query; `truncated` where the warehouse had more than the limit allows."""

    columns: tuple[ResultColumn, ...]
    rows: tuple[tuple[object, ...], ...]
    seconds: float
    truncated: bool


@dataclass(frozen=True, slots=True)
class RelationColumn:
    """A column as the warehouse has it: `data_type` in its own words, `type` in ours."""

    name: str
    data_type: str
    type: Kind


class Warehouse(Protocol):
    """A reader of one location. Threads may share it; close it, or use it as a context manager."""

    dialect: str

    def query(self, sql: str, *, limit: int | None = None, timeout: float | None = None) -> Result:
        """The first `limit` rows of `sql`, within `timeout` seconds; the settings decide where None."""

    def columns(self, schemas: Collection[str]) -> Mapping[Relation, tuple[RelationColumn, ...]]:
        """The columns of every table and view in `schemas`, in their order."""

    def close(self) -> None:
        """Give back the connection; queries after this are an error."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
        /,
    ) -> None: ...


# Nobody has checked the SQL that these would run.
_RUN_SQL = frozenset({"query", "query_table", "json_execute_serialized_sql", "query_to_xml", "dblink"})
_WRITES = (exp.DML, exp.DDL, exp.Command, exp.Into, exp.Lock)


@lru_cache(maxsize=512)
def require_query(sql: str, dialect: str) -> None:
    """Raise `NotAQuery` unless `sql` is exactly one query, and nothing in it writes."""
    try:
        statements = [statement for statement in sqlglot.parse(sql, read=dialect) if statement is not None]
    except SqlglotError as exc:
        raise NotAQuery(reason=first_line(str(exc))) from None
    if len(statements) != 1:
        raise NotAQuery(reason=gettext("this holds %(count)s statements.") % {"count": len(statements)})
    (statement,) = statements
    if not isinstance(statement, exp.Query):
        raise NotAQuery(reason=gettext("%(verb)s is not a query.") % {"verb": statement.key.upper()})
    for part in statement.walk():
        if isinstance(part, _WRITES) and not isinstance(part, exp.Query):
            raise NotAQuery(reason=gettext("it holds %(verb)s.") % {"verb": part.key.upper()})
        if isinstance(part, exp.Anonymous) and part.name.lower() in _RUN_SQL:
            raise NotAQuery(reason=gettext("it calls %(name)s().") % {"name": part.name.lower()})


def place(location: Location) -> str:
    """The location as a person knows it, without secrets."""
    if location.adapter == "duckdb":
        return location.path
    return f"{location.host}:{location.port}/{location.database}"


def require_host(hosts: str, *, look_up: bool) -> None:
    """Raise `WarehouseNotAllowed` where a host leads to link-local addresses, such as cloud metadata.

    Private networks and this machine are where warehouses usually are.
    """
    for host in hosts.split(","):
        if any(reach(plain(text)) == "never" for text in of_host(host, look_up=look_up)):
            raise WarehouseNotAllowed(place=host)


_REFUSED = re.compile(
    "authentication failed|no password supplied|no pg_hba.conf entry|permission denied|"
    'not permitted to log in|(role|database) "[^"]*" does not exist',
    re.IGNORECASE,
)
_UNREACHABLE = re.compile(
    "connection to server|connection failed|connection timeout|could not translate host name|"
    "failed to resolve|timeout expired|server closed the connection|terminating connection|"
    "too many clients|remaining connection slots|the database system is|could not set lock on file",
    re.IGNORECASE,
)


def connection_failure(text: str, location: Location) -> WarehouseError | None:
    """What the words of a driver, or of dbt, say about the connection; None where they say nothing."""
    for pattern, kind in ((_REFUSED, WarehouseRefused), (_UNREACHABLE, WarehouseUnreachable)):
        if pattern.search(text):
            line = next(line for line in text.splitlines() if pattern.search(line))
            return kind(place=place(location), reason=line.strip().removesuffix("."))
    return None


def first_line(text: str) -> str:
    """The first line of an error that says something."""
    return next((line.strip() for line in text.splitlines() if line.strip()), "")
