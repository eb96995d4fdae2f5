from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from bisync.lib.admin import InlineReadOnly, ReadOnlyAdmin
from proposals.models import Check, Comment, Conflict, HandEdit, Item, Proposal, Review


class CheckInline(InlineReadOnly):
    model = Check
    fields = ("kind", "status", "message", "finished_at")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("result")


class ReviewInline(InlineReadOnly):
    model = Review
    fields = ("person", "verdict", "stands", "at")


@admin.register(Proposal)
class ProposalAdmin(ReadOnlyAdmin):
    list_display = ("project", "number", "title", "author", "status", "submitted_at", "published_at")
    list_filter = ("status", "project")
    search_fields = ("title", "author__email", "published_commit")
    list_select_related = ("project", "author")
    date_hierarchy = "created_at"
    inlines = (CheckInline, ReviewInline)


@admin.register(Item)
class ItemAdmin(ReadOnlyAdmin):
    list_display = ("proposal", "revision", "base_commit")
    list_filter = ("proposal__project",)
    search_fields = ("proposal__title",)
    list_select_related = ("proposal__project", "revision")
    heavy = ("files", "entries")


@admin.register(Review)
class ReviewAdmin(ReadOnlyAdmin):
    list_display = ("proposal", "person", "verdict", "stands", "at")
    list_filter = ("verdict", "stands")
    search_fields = ("proposal__title", "person__email")
    list_select_related = ("proposal__project", "person")
    date_hierarchy = "at"


@admin.register(Check)
class CheckAdmin(ReadOnlyAdmin):
    list_display = ("proposal", "kind", "status", "finished_at")
    list_filter = ("kind", "status")
    search_fields = ("proposal__title", "message")
    list_select_related = ("proposal__project",)
    date_hierarchy = "finished_at"
    heavy = ("result",)


@admin.register(Comment)
class CommentAdmin(ReadOnlyAdmin):
    list_display = ("proposal", "author", "at")
    search_fields = ("body", "author__email")
    list_filter = ("proposal__project",)
    list_select_related = ("proposal__project", "author")
    date_hierarchy = "at"


@admin.register(Conflict)
class ConflictAdmin(ReadOnlyAdmin):
    list_display = ("item", "field", "state", "decided_by", "decided_at")
    list_filter = ("state", "field", "item__proposal__project")
    search_fields = ("item__proposal__title", "author", "commit")
    list_select_related = ("item__proposal__project", "item__revision", "decided_by")
    date_hierarchy = "created_at"


@admin.register(HandEdit)
class HandEditAdmin(ReadOnlyAdmin):
    list_display = ("proposal", "path", "person", "at")
    list_filter = ("proposal__project",)
    search_fields = ("path", "person__email")
    list_select_related = ("proposal__project", "person")
    date_hierarchy = "at"
    heavy = ("generated", "text")
