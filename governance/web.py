"""How a view gets its person and its project: the latter from the address, for those who may see it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar, cast

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404

from governance import permissions
from governance.models import Project

P = ParamSpec("P")
R = TypeVar("R", bound=HttpResponseBase)

if TYPE_CHECKING:
    from django_htmx.middleware import HtmxDetails

    from governance.models import User

    class Request(HttpRequest):
        """A request behind `login_required`: the user is one of ours."""

        user: User
        htmx: HtmxDetails
        id: str
else:
    Request = HttpRequest


def in_project(
    view: Callable[Concatenate[Request, Project, P], R],
) -> Callable[..., R]:
    """Sign-in first; then the project that the address names, or 404 for a stranger.

    The view gets the project in place of its slug, and templates find it as `request.project`.
    """

    @login_required
    @wraps(view)
    def inner(request: HttpRequest, project: str, *args: Any, **kwargs: Any) -> R:
        asked = cast("Request", request)
        found = get_object_or_404(Project.objects.visible_to(asked.user), slug=project)
        permissions.require(asked.user, "project.view", found)
        request.project = found  # type: ignore[attr-defined]
        return view(asked, found, *args, **kwargs)

    return inner


def for_operators(
    view: Callable[Concatenate[Request, P], R],
) -> Callable[..., R]:
    """Sign-in first; then only for administrators of this installation."""

    @login_required
    @wraps(view)
    def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> R:
        asked = cast("Request", request)
        permissions.require_operator(asked.user)
        return view(asked, *args, **kwargs)

    return inner
