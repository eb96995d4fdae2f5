"""A query without a warehouse: DuckDB in memory, with nothing of this machine in reach."""

from __future__ import annotations

import threading
from contextlib import closing, suppress
from typing import Any

import duckdb
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from bisync.lib.errors import BisyncError
from workspace.warehouse.base import first_line, require_query
from workspace.warehouse.duckdb import READING

SECONDS = 5.0


class CalculationFailed(BisyncError):
    code = "calculation-failed"
    message = _("This cannot be calculated: %(reason)s")
    http_status = 422


def calculated(sql: str, *, seconds: float = SECONDS) -> list[tuple[Any, ...]]:
    """The rows of one query that reads no table.

    Raises `CalculationFailed` where it cannot be run or takes too long.
    """
    require_query(sql, "duckdb")
    with closing(duckdb.connect(config={**READING, "lock_configuration": "true"})) as connection:
        clock = threading.Timer(seconds, connection.interrupt)
        clock.start()
        try:
            return connection.execute(sql).fetchall()
        except duckdb.InterruptException:
            raise CalculationFailed(reason=_now("it takes too long.")) from None
        except duckdb.Error as exc:
            raise CalculationFailed(reason=first_line(str(exc))) from None
        finally:
            with suppress(RuntimeError):
                clock.cancel()
