"""Help with formulas: what they may use, how they are written, what replaces names from elsewhere."""

from __future__ import annotations

from django.http import HttpResponse
from django.views.decorators.http import require_safe

from bisync.lib.search import sought
from bisync.lib.web import page
from governance.models import Project
from governance.web import Request, in_project
from semantic.handbook.functions import look_up
from semantic.handbook.rules import rules


@require_safe
@in_project
def functions(request: Request, _project: Project) -> HttpResponse:
    """Every function with an example, and the rules; searched on the server."""
    search = sought(request.GET.get("q", ""))
    found, fitting = look_up(search), rules(search)
    context = {
        "search": search,
        "found": found,
        "rules": fitting,
        "count": found.count + len(fitting),
        "vague": not (found.count or fitting),
    }
    return page(request, "proposals/formulas.html", context, fragment="found")
