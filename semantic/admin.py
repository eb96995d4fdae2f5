from __future__ import annotations

from django.contrib import admin

from bisync.lib.admin import ReadOnlyAdmin
from semantic.models import Definition, Revision, Usage


@admin.register(Definition)
class DefinitionAdmin(ReadOnlyAdmin):
    list_display = ("name", "label", "kind", "state", "project", "published_at")
    list_filter = ("state", "kind", "project")
    search_fields = ("name", "label", "description")
    list_select_related = ("project",)
    date_hierarchy = "created_at"
    heavy = ("fields",)


@admin.register(Revision)
class RevisionAdmin(ReadOnlyAdmin):
    list_display = ("id", "definition", "author", "state", "version", "saved_at")
    list_filter = ("state", "project")
    search_fields = ("definition__name", "author__email")
    list_select_related = ("definition", "author")
    date_hierarchy = "created_at"
    heavy = ("base",)


@admin.register(Usage)
class UsageAdmin(ReadOnlyAdmin):
    list_display = ("definition", "kind", "label", "owner")
    list_filter = ("project",)
    search_fields = ("label", "definition__name")
    list_select_related = ("definition",)
