"""The id of the request or run at work, for logs, audit rows and error pages."""

from __future__ import annotations

from contextvars import ContextVar

current: ContextVar[str] = ContextVar("trace", default="")
