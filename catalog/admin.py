from __future__ import annotations

from django.contrib import admin

from bisync.lib.admin import InlineReadOnly, ReadOnlyAdmin
from catalog.models import (
    Change,
    Column,
    Edge,
    Group,
    Node,
    NodeLineage,
    NodeTest,
    Outcome,
    SavedView,
    SearchEntry,
    Snapshot,
    Uploaded,
)


@admin.register(Snapshot)
class SnapshotAdmin(ReadOnlyAdmin):
    list_display = ("project", "commit", "dbt_version", "created_at")
    list_filter = ("project",)
    search_fields = ("commit", "subject")
    list_select_related = ("project",)
    date_hierarchy = "created_at"
    heavy = ("changes", "counts")


class ColumnInline(InlineReadOnly):
    model = Column
    fields = ("position", "name", "data_type", "description")


@admin.register(Change)
class ChangeAdmin(ReadOnlyAdmin):
    list_display = ("name", "kind", "resource_type", "project", "snapshot")
    list_filter = ("kind", "resource_type", "project")
    search_fields = ("name", "unique_id")
    list_select_related = ("project", "snapshot__project")
    heavy = ("fields", "authors")


@admin.register(Node)
class NodeAdmin(ReadOnlyAdmin):
    list_display = ("name", "resource_type", "project", "group", "path")
    list_filter = ("resource_type", "project")
    search_fields = ("name", "unique_id", "label")
    list_select_related = ("project", "group")
    heavy = ("fields", "meta", "tags", "description")
    inlines = (ColumnInline,)


@admin.register(NodeLineage)
class NodeLineageAdmin(ReadOnlyAdmin):
    list_display = ("node", "problem", "changed_at")
    list_filter = ("problem", "node__project")
    search_fields = ("node__name", "node__unique_id")
    list_select_related = ("node",)
    heavy = ("code", "names", "columns", "rows", "through")


@admin.register(Outcome)
class OutcomeAdmin(ReadOnlyAdmin):
    list_display = ("unique_id", "state", "status", "environment", "project", "at")
    list_filter = ("state", "environment", "project")
    search_fields = ("unique_id",)
    list_select_related = ("project",)
    heavy = ("message", "fields")


@admin.register(Uploaded)
class UploadedAdmin(ReadOnlyAdmin):
    list_display = ("name", "project", "environment", "by", "uploaded_at")
    list_filter = ("name", "project")
    search_fields = ("name",)
    list_select_related = ("project", "by")


@admin.register(Column)
class ColumnAdmin(ReadOnlyAdmin):
    list_display = ("name", "node", "data_type")
    list_filter = ("node__project",)
    search_fields = ("name", "node__name")
    list_select_related = ("node",)


@admin.register(NodeTest)
class NodeTestAdmin(ReadOnlyAdmin):
    list_display = ("name", "kind", "node", "column", "severity")
    list_filter = ("severity", "project")
    search_fields = ("name", "kind", "node__name")
    list_select_related = ("node",)


@admin.register(Edge)
class EdgeAdmin(ReadOnlyAdmin):
    list_display = ("parent", "child", "project")
    list_filter = ("project",)
    search_fields = ("parent", "child")
    list_select_related = ("project",)


@admin.register(Group)
class GroupAdmin(ReadOnlyAdmin):
    list_display = ("name", "project", "owner_name", "owner_email")
    list_filter = ("project",)
    search_fields = ("name",)
    list_select_related = ("project",)


@admin.register(SavedView)
class SavedViewAdmin(ReadOnlyAdmin):
    list_display = ("name", "person", "project", "created_at")
    list_filter = ("project",)
    search_fields = ("name",)
    list_select_related = ("person", "project")


@admin.register(SearchEntry)
class SearchEntryAdmin(ReadOnlyAdmin):
    list_display = ("name", "kind", "project", "owner")
    list_filter = ("kind", "project")
    search_fields = ("name", "key")
    list_select_related = ("project", "node__project")
    heavy = ("description", "own", "context", "parent")
