"""What the API's views share: the project of the address, pages, and methods that change something."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeAlias

from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.generics import GenericAPIView
from rest_framework.mixins import ListModelMixin
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response

from bisync.api.repeats import KEY, once
from bisync.lib.errors import InvalidInput
from environments.models import Environment
from environments.selectors import environments_of
from governance import permissions
from governance.models import Project, User
from governance.models.tokens import Scope

Shape: TypeAlias = type[serializers.BaseSerializer[Any]]
Method: TypeAlias = Callable[..., Response]


class Wanted(serializers.Serializer[Any]):
    """Which page."""

    limit = serializers.IntegerField(min_value=1, max_value=200, default=50, help_text="The most per page.")


class Pages(CursorPagination):
    """Newest first; `next` is the address of the next page."""

    page_size_query_param = "limit"
    ordering = "-id"

    def get_page_size(self, request: Request) -> int:
        return int(read(Wanted, request.query_params)["limit"])

    def decode_cursor(self, request: Request) -> Cursor | None:
        try:
            cursor: Cursor | None = super().decode_cursor(request)
        except NotFound:
            raise self._unreadable() from None
        if cursor is not None and cursor.position is not None and not str(cursor.position).isdecimal():
            raise self._unreadable()
        return cursor

    def _unreadable(self) -> InvalidInput:
        return InvalidInput({"cursor": [_("Take it from “next” or “previous”, or leave it out.")]})

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        cursor, limit = super().get_schema_operation_parameters(view)
        cursor["description"] = "As “next” and “previous” have it."
        limit["description"] = "The most per page."
        limit["schema"] = {"type": "integer", "minimum": 1, "maximum": 200, "default": 50}
        return [cursor, limit]


class ApiView(GenericAPIView[Any]):
    """A view for whoever is known. What may be asked of a look is in the shape `asks`."""

    http_method_names = ("get", "head", "post", "patch")
    pagination_class = Pages
    asks: Shape | None = None

    @property
    def user(self) -> User:
        user = self.request.user
        assert isinstance(user, User)
        return user

    @cached_property
    def asked(self) -> dict[str, Any]:
        assert self.asks is not None
        # As data: in a form's data an empty choice would pass for none.
        return read(self.asks, self.request.query_params.dict())


class Nowhere(ApiView):
    """What has no address, told in JSON like everything else."""

    schema = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        raise Http404


class InProject(ApiView):
    """A view about one project, which is looked for among those that the person may see, before anything."""

    project: Project

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if any("\x00" in str(part) for part in kwargs.values()):
            raise Http404  # PostgreSQL refuses NUL in any comparison
        self.project = get_object_or_404(Project.objects.visible_to(self.user), slug=kwargs["project"])
        permissions.require(self.user, "project.view", self.project)

    def environment(self) -> Environment:
        return get_object_or_404(environments_of(self.project), slug=self.kwargs["environment"])


class Listed(ListModelMixin, ApiView):
    """A list in pages."""

    def get(self, request: Request, **_path: Any) -> Response:
        return self.list(request)


class Listing(Listed, InProject):
    """A list of what a project has."""


class Single(InProject):
    """One thing that a project has: `found` among what the person may see, and shown."""

    def found(self) -> Any:
        raise NotImplementedError

    def get(self, _request: Request, **_path: Any) -> Response:
        return Response(self.get_serializer(self.found()).data)


def deed(
    scope: Scope,
    *,
    gives: Mapping[int, Shape],
    takes: Shape | None = None,
    name: str | None = None,
    shown_once: Collection[str] = (),
) -> Callable[[Method], Method]:
    """Let a method change something: for tokens with `scope`, once for each Idempotency-Key.

    `takes` and `gives` are its shapes in the description, `name` what that calls it. What is `shown_once` is
    in the first answer alone: a repetition has it empty.
    """

    def make(method: Method) -> Method:
        described = extend_schema(operation_id=name, parameters=[KEY], request=takes, responses=dict(gives))(
            once(method, shown_once)
        )
        described.scope = scope  # type: ignore[attr-defined]
        return described

    return make


def read(shape: Shape, given: object) -> dict[str, Any]:
    """What was sent, or asked, in this shape. Raises what becomes a 422 with a sentence beside each field."""
    serializer = shape(data=given)
    serializer.is_valid(raise_exception=True)
    found: dict[str, Any] = serializer.validated_data
    return found
