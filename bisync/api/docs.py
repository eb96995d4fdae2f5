"""The page that describes the API and tries it out."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.views.decorators.http import require_safe

from bisync.lib.web import page
from governance.web import Request


@login_required
@require_safe
def reference(request: Request) -> HttpResponse:
    """Swagger UI, with the session of whoever looks."""
    return page(request, "api/reference.html", {})
