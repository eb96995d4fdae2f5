"""Every request gets an id; every expected failure becomes a page, a toast or JSON."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import asdict

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.shortcuts import render
from django.urls import Resolver404, resolve

from bisync import health
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


class Health:
    """Answers `/health/live` and `/health/ready` to whoever watches over the process.

    Before anything else looks at the request: a container asks by number, without a name and without HTTPS.
    """

    def __init__(self, answer: Answer) -> None:
        self.answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.method in {"GET", "HEAD"}:
            if request.path == "/health/live":
                return HttpResponse("alive\n", content_type="text/plain")
            if request.path == "/health/ready":
                return self._ready()
        return self.answer(request)

    def _ready(self) -> HttpResponse:
        parts = health.parts()
        told = {"status": health.state(parts), "parts": [asdict(part) for part in parts]}
        status = 200 if health.ready(parts) else 503
        return JsonResponse(told, status=status, headers={"Cache-Control": "no-store"})


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


class FormAddresses:
    """Tell whoever opens an address that takes only what a form sends where that form is.

    A browser stays at such an address after a form was refused.
    """

    def __init__(self, answer: Answer) -> None:
        self.answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.answer(request)
        looks = isinstance(response, HttpResponseNotAllowed) and request.method in {"GET", "HEAD"}
        if not looks or swapping(request) or not request.user.is_authenticated:
            return response
        told = render(request, "errors/form_address.html", {"above": page_above(request)}, status=405)
        told["Allow"] = response["Allow"]
        return told


def page_above(request: HttpRequest) -> str:
    """The nearest page above an address: the one that its form stands on, or the start page."""
    match = request.resolver_match
    known = (match.kwargs if match else {}).items()
    parts = request.path.strip("/").split("/")
    for length in range(len(parts) - 1, 0, -1):
        path = f"/{'/'.join(parts[:length])}/"
        try:
            above = resolve(path)
        except Resolver404:
            continue
        if above.kwargs.items() <= known:  # else a fixed word was taken for somebody's name
            return path
    return "/"
