"""How a view gets its environment: from the address, never from anywhere else."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.http import HttpResponse
from django.shortcuts import get_object_or_404

from environments.models import Environment
from environments.selectors import environments_of
from governance.models import Project
from governance.web import Request, in_project

P = ParamSpec("P")


def in_environment(
    view: Callable[Concatenate[Request, Environment, P], HttpResponse],
) -> Callable[..., HttpResponse]:
    """The project of the address, then the environment of the address, or 404.

    Templates find it as `request.environment`; pages without one in their address link back to it.
    """

    @in_project
    @wraps(view)
    def inner(
        request: Request, project: Project, environment: str, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        found = get_object_or_404(environments_of(project), slug=environment)
        # Known already: nobody needs to ask for them again.
        found.project = project
        if found.live is not None:
            found.live.environment = found
        request.environment = found  # type: ignore[attr-defined]
        seen = f"environment:{project.pk}"
        if request.session.get(seen) != found.slug:
            request.session[seen] = found.slug
        return view(request, found, *args, **kwargs)

    return inner
