"""A log line says when, how grave, who, for which request or run, and what."""

from __future__ import annotations

import json
import logging

from bisync.lib import trace
from bisync.lib.logs import Json, Lines, Traced


def record(message: str, **extra: object) -> logging.LogRecord:
    found = logging.getLogger("bisync.test").makeRecord(
        "bisync.test", logging.WARNING, __file__, 1, message, ("a\nb",), None, extra=extra
    )
    token = trace.current.set("run-7")
    try:
        assert Traced().filter(found)
    finally:
        trace.current.reset(token)
    return found


def test_a_line_for_people() -> None:
    line = Lines().format(record("Metric %r", metric="revenue", tries=2, request=object()))

    assert line.endswith(" WARNING bisync.test [run-7] Metric 'a\\nb' metric='revenue' tries=2")


def test_a_record_for_machines() -> None:
    told = json.loads(Json().format(record("Metric %s", metric="revenue", request=object())))

    assert told.pop("time")
    assert told == {
        "level": "WARNING",
        "logger": "bisync.test",
        "trace": "run-7",
        "message": "Metric a\nb",
        "metric": "revenue",
    }
