from __future__ import annotations

from django.contrib import admin

from bisync.lib.admin import InlineReadOnly, ReadOnlyAdmin
from proposals.models import Check, Comment, Item, Proposal, Review


class CheckInline(InlineReadOnly):
    model = Check
    fields = ("kind", "status", "message", "finished_at")


class ReviewInline(InlineReadOnly):
    model = Review
    fields = ("person", "verdict", "stands", "at")


@admin.register(Proposal)
class ProposalAdmin(ReadOnlyAdmin):
    list_display = ("project", "number", "title", "author", "status", "submitted_at", "published_at")
    list_filter = ("status", "project")
    search_fields = ("title", "author__email", "published_commit")
    list_select_related = ("project", "author")
    inlines = (CheckInline, ReviewInline)


@admin.register(Item)
class ItemAdmin(ReadOnlyAdmin):
    list_display = ("proposal", "revision", "base_commit")
    search_fields = ("proposal__title",)
    list_select_related = ("proposal", "revision")


@admin.register(Review)
class ReviewAdmin(ReadOnlyAdmin):
    list_display = ("proposal", "person", "verdict", "stands", "at")
    list_filter = ("verdict", "stands")
    search_fields = ("proposal__title", "person__email")
    list_select_related = ("proposal", "person")


@admin.register(Check)
class CheckAdmin(ReadOnlyAdmin):
    list_display = ("proposal", "kind", "status", "finished_at")
    list_filter = ("kind", "status")
    search_fields = ("proposal__title", "message")
    list_select_related = ("proposal",)


@admin.register(Comment)
class CommentAdmin(ReadOnlyAdmin):
    list_display = ("proposal", "author", "at")
    search_fields = ("body", "author__email")
    list_select_related = ("proposal", "author")
