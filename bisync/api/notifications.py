"""What one was told, over the API."""

from __future__ import annotations

from collections.abc import Iterable
from operator import itemgetter
from typing import Any

from django.http import Http404
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from bisync.api.base import ApiView, deed
from bisync.api.shapes import Person
from governance.models import User
from governance.models.tokens import Scope
from notify import actions, selectors
from notify.models import Notification


class NotificationSearch(serializers.Serializer[Any]):
    unread = serializers.BooleanField(default=False, help_text="Only what you have not read.")


class NotificationShape(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    project = serializers.CharField(help_text="Its short name.")
    thread = serializers.CharField(help_text="What it is about, for example proposal:12.")
    title = serializers.CharField(help_text="What that is called.")
    text = serializers.CharField(help_text="What happened, in words.")
    who = Person(allow_null=True, help_text="Who did it; null where it was Bisync.")
    url = serializers.CharField(help_text="The page, on this server.")
    at = serializers.DateTimeField()
    read_at = serializers.DateTimeField(allow_null=True)


class Notifications(ApiView):
    """What you were told, newest first; what you may not see any more is left out."""

    serializer_class = NotificationShape
    asks = NotificationSearch

    @extend_schema(parameters=[NotificationSearch], responses=NotificationShape(many=True))
    def get(self, _request: Request, **_path: Any) -> Response:
        found = selectors.inbox(self.user, unread=self.asked["unread"])
        shown = _shown(self.user, self.paginate_queryset(found) or [])
        return self.get_paginated_response(shown)


class NotificationRead(ApiView):
    """Mark one, and what came before it in its thread, as read."""

    @deed(Scope.PROPOSE, gives={200: NotificationShape})
    def post(self, _request: Request, **_path: Any) -> Response:
        mine = get_object_or_404(Notification.objects.of(self.user), pk=self.kwargs["pk"])
        actions.thread_read(notification=mine, actor=self.user)
        shown = _shown(self.user, selectors.inbox(self.user, unread=False).filter(pk=mine.pk))
        if not shown:
            raise Http404  # read, and not to be seen any more
        return Response(shown[0])


def _shown(person: User, notifications: Iterable[Notification]) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = [
        {
            "id": one.pk,
            "project": one.project.slug,
            "thread": thread.key,
            "title": thread.title,
            "text": line.text,
            "who": line.who,
            "url": one.url,
            "at": one.at,
            "read_at": one.read_at,
        }
        for thread in selectors.threads(person, notifications)
        for line in thread.lines
        for one in [line.notification]
    ]
    lines.sort(key=itemgetter("id"), reverse=True)
    return list(NotificationShape(lines, many=True).data)
