"""Every request gets an id; every expected failure becomes a page, a toast or JSON."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from bisync.lib import trace
from bisync.lib.errors import BisyncError
from bisync.lib.web import swapping

Answer = Callable[[HttpRequest], HttpResponse]


class RequestId:
    """An id for each request: in its answer, its logs, its audit rows and on error pages."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.id = secrets.token_hex(6)  # type: ignore[attr-defined]
        token = trace.current.set(request.id)  # type: ignore[attr-defined]
        try:
            response = self.answer(request)
        finally:
            trace.current.reset(token)
        response["X-Request-Id"] = request.id  # type: ignore[attr-defined]
        return response


class ExpectedErrors:
    """Turn a `BisyncError` that a view let through into an answer with its status."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.answer(request)

    def process_exception(self, request: HttpRequest, exc: Exception) -> HttpResponse | None:
        if not isinstance(exc, BisyncError):
            return None
        if swapping(request):
            response = render(request, "components/toast.html", {"error": exc}, status=exc.http_status)
            response["HX-Retarget"] = "#toasts"
            response["HX-Reswap"] = "beforeend"
            return response
        return render(request, "errors/expected.html", {"error": exc}, status=exc.http_status)
