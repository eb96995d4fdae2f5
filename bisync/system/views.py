"""What the installation depends on, and how it is set up."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_safe

from governance.web import Request, for_operators


@require_safe
@for_operators
def begin(_request: Request) -> HttpResponse:
    """The console's first page."""
    return redirect("system-people")
