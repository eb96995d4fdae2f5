from __future__ import annotations

from django.contrib import admin

from bisync.lib.admin import InlineReadOnly, ReadOnlyAdmin
from workspace.models import Artifact, Connection, Repository, Run, RunCommand


@admin.register(Repository)
class RepositoryAdmin(ReadOnlyAdmin):
    list_display = ("project", "url", "branch", "folder", "synced_commit", "synced_at")
    search_fields = ("url", "project__slug")
    exclude = ("password", "ssh_key")
    list_select_related = ("project",)


@admin.register(Connection)
class ConnectionAdmin(ReadOnlyAdmin):
    list_display = ("project", "name", "adapter", "host", "database")
    list_filter = ("adapter",)
    search_fields = ("name", "project__slug")
    exclude = ("password",)
    list_select_related = ("project",)


class CommandInline(InlineReadOnly):
    model = RunCommand
    fields = ("name", "attempt", "exit_code", "started_at", "finished_at")


@admin.register(Run)
class RunAdmin(ReadOnlyAdmin):
    list_display = ("id", "project", "kind", "subject", "status", "attempt", "created_at", "finished_at")
    list_filter = ("status", "kind", "project")
    search_fields = ("kind", "subject", "error_code")
    exclude = ("token",)
    list_select_related = ("project",)
    inlines = (CommandInline,)


@admin.register(RunCommand)
class RunCommandAdmin(ReadOnlyAdmin):
    list_display = ("id", "run", "name", "exit_code", "started_at", "finished_at")
    list_filter = ("name",)
    search_fields = ("name", "output")
    list_select_related = ("run",)


@admin.register(Artifact)
class ArtifactAdmin(ReadOnlyAdmin):
    list_display = ("digest", "name", "size", "created_at")
    search_fields = ("digest", "name")
    exclude = ("body",)
