"""What every view needs: pages that htmx may swap in parts, and news in toasts."""

from __future__ import annotations

import json
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.http import url_has_allowed_host_and_scheme

# htmx stops polling on this status, and swaps the last answer in.
STOP_POLLING = 286


def swapping(request: HttpRequest) -> bool:
    """Whether htmx will swap the answer into a page. A boosted link is an ordinary navigation."""
    htmx = getattr(request, "htmx", None)
    return bool(htmx and not htmx.boosted)


def page(
    request: HttpRequest,
    template: str,
    context: dict[str, Any],
    *,
    fragment: str = "",
    status: int = 200,
) -> HttpResponse:
    """Render `template`, or only its `fragment` (a partial inside it) for an htmx swap."""
    part = fragment and swapping(request)
    return render(request, f"{template}#{fragment}" if part else template, context, status=status)


def go(
    request: HttpRequest, url: str, *, say: str = "", level: int = messages.SUCCESS, undo: str = ""
) -> HttpResponse:
    """Send the browser to `url`, by redirect or by htmx, with a toast that says what happened.

    `undo` is the address of the inverse action: the toast offers it for ten seconds, as a form.
    """
    if say:
        messages.add_message(request, level, say, extra_tags=undo)
    if swapping(request):
        return HttpResponse(status=204, headers={"HX-Redirect": url})
    return HttpResponseRedirect(url)


def came_from(request: HttpRequest, default: str) -> str:
    """The page of ours that a form says it was on, as `back`, or `default`."""
    back = request.POST.get("back", "")
    safe = url_has_allowed_host_and_scheme(back, {request.get_host()}, require_https=request.is_secure())
    return back if safe else default


def toast(response: HttpResponse, text: str, tone: str = "ok") -> HttpResponse:
    """Let the page behind an htmx swap show a toast, without a navigation."""
    response["HX-Trigger"] = json.dumps({"bisync:toast": {"text": text, "tone": tone}})
    return response


def address_of(request: HttpRequest) -> str:
    """The address that a request comes from, "" where nobody says. A whole IPv6 network counts as one.

    Behind a proxy it is the last one of X-Forwarded-For: those before it are what the client claims.
    """
    told = request.META.get("HTTP_X_FORWARDED_FOR" if settings.BEHIND_PROXY else "REMOTE_ADDR", "")
    try:
        address = ip_address(told.rpartition(",")[2].strip())
    except ValueError:
        return ""
    if isinstance(address, IPv6Address):
        return str(address.ipv4_mapped or ip_network((address, 64), strict=False))
    return str(address)
