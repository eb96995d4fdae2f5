"""Log records with the request or run that they belong to, as lines for people or JSON for machines."""

from __future__ import annotations

import logging
from typing import Any

from pythonjsonlogger.json import JsonFormatter

from bisync.lib import trace

_USUAL = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "trace", "data", "taskName"}


class Traced(logging.Filter):
    """Adds `trace`: the id of the request, or `run-` and the number of the run, or nothing."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.trace = trace.current.get()
        return True


class Lines(logging.Formatter):
    """`time LEVEL logger [trace] message key=value …`"""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (logging's own name)
        where = f"[{trace_of}] " if (trace_of := getattr(record, "trace", "")) else ""
        also = "".join(f" {name}={value!r}" for name, value in extras(record).items())
        return f"{record.asctime} {record.levelname} {record.name} {where}{record.message}{also}"

    def usesTime(self) -> bool:  # noqa: N802 (logging's own name)
        return True


class Json(JsonFormatter):
    """One object a line: `time`, `level`, `logger`, `trace`, `message`, and what the caller added."""

    def __init__(self) -> None:
        super().__init__(
            "%(asctime)s %(levelname)s %(name)s %(trace)s %(message)s",
            rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
        )

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in log_data.items() if _plain(value)}


def extras(record: logging.LogRecord) -> dict[str, Any]:
    """What the caller gave as `extra`."""
    return {name: value for name, value in vars(record).items() if name not in _USUAL and _plain(value)}


def _plain(value: object) -> bool:
    """Django puts whole requests into its records; those have no place in a line."""
    return isinstance(value, str | int | float | bool)
