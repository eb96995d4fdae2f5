from __future__ import annotations

from django.contrib import admin

from bisync.lib.admin import ReadOnlyAdmin
from notify.models import Announced, Following, Notification, Silence


@admin.register(Notification)
class NotificationAdmin(ReadOnlyAdmin):
    list_display = ("id", "at", "person", "notice", "thread", "project", "read_at")
    list_filter = ("notice", "project")
    search_fields = ("person__email", "thread")
    list_select_related = ("person", "project")


@admin.register(Silence)
class SilenceAdmin(ReadOnlyAdmin):
    list_display = ("person", "kind")
    search_fields = ("person__email",)
    list_select_related = ("person",)


@admin.register(Following)
class FollowingAdmin(ReadOnlyAdmin):
    list_display = ("person", "thread", "muted")
    search_fields = ("person__email", "thread")
    list_select_related = ("person",)


@admin.register(Announced)
class AnnouncedAdmin(ReadOnlyAdmin):
    list_display = ("event",)
    search_fields = ("event",)
